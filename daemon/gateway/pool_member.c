/* pool_member.c -- is an account of a pool well? Its link is up and it is logged in. One that is restricted, or that is deaf (its link
 * stands, and it reports nothing of what the others hear in its groups), serves only where nobody else can. */
#include <stdio.h>
#include <string.h>

#include "gateway/pool_internal.h"

const char *pool_face(const struct pool *p)
{
    for (int i = 0; i < p->nmembers; i++)
        if (*p->order[i]->self_id)
            return p->order[i]->self_id;
    return "";
}

bool pool_is_self(const struct pool *p, const char *user, struct pool_member **whose)
{
    for (int i = 0; *user && i < p->nmembers; i++) {
        struct pool_member *m = p->order[i];
        if (strcmp(m->self_id, user) != 0)
            continue;
        if (whose)
            *whose = m;
        return true;
    }
    return false;
}

static void pool_tell_well(struct pool *p, const char *reason)
{
    int well = 0;
    for (int i = 0; i < p->nmembers; i++) {
        struct pool_member *m = p->order[i];
        bool can = m->well && !m->deaf && !m->calmed && !m->restricted;
        well += can;
        m->away_since = can ? 0 : m->away_since ? m->away_since : pool_now(p);
    }
    metric_set(metric_gauge("sopd_pool_accounts_well", "Accounts of a pool that could serve now.",
                            metric_labels("gateway", p->base.name, NULL)),
               well);
    p->down_ms = well ? 0 : p->down_ms ? p->down_ms : clock_wall(p->env->clock);
    if (well == p->told_well)
        return;
    p->told_well = well;
    if (p->watch.well)
        p->watch.well(p->watch.ud, well, p->nmembers, reason);
}

/* Something about members is new: who serves, what can be read, what people must know. */
static void pool_members_changed(struct pool *p, const char *reason)
{
    if (p->stopping)
        return;
    pool_review(p, reason);
    pool_wants(p);
    pool_tell_well(p, reason);
}

static void pool_member_self(struct pool_member *m, const char *self)
{
    if (!*self || strcmp(m->self_id, self) == 0)
        return;
    if (*m->self_id) {
        log_info("another account in a pool", "pool", m->pool->base.name, "gateway", m->g->name,
                 NULL);
        pool_seen_clear_slot(m->pool->seen, m->slot);
        pool_chats_clear_slot(m->pool, m->slot);
    }
    snprintf(m->self_id, sizeof m->self_id, "%s", self);
}

void pool_member_state(struct pool_member *m, const char *reason)
{
    struct pool *p = m->pool;
    struct gateway_state s;
    m->g->ops->state(m->g, &s);
    m->link = s.link;
    m->account = s.account;
    if (s.self_id)
        pool_member_self(m, s.self_id);
    bool well = !m->stopping && s.link == LINK_UP && s.account != ACCOUNT_OFFLINE;
    bool restricted = s.account == ACCOUNT_RESTRICTED;
    if (well == m->well && restricted == m->restricted)
        return;
    if (well != m->well) {
        m->deaf = false;
        m->behind = 0;
    }
    m->well = well;
    m->restricted = restricted;
    if (well && !restricted)
        m->well_since = pool_now(p);
    else
        m->fell = true;
    pool_members_changed(p, reason);
}

void pool_calm(struct gateway *g, const char *member, bool calm, const char *reason)
{
    struct pool *p = (struct pool *)g;
    struct pool_member *m = pool_member_named(p, member, strlen(member));
    if (!m || m->calmed == calm)
        return;
    m->calmed = calm;
    if (calm)
        m->fell = true;
    else
        m->well_since = pool_now(p);
    pool_members_changed(p, reason);
}

void pool_member_heard(struct pool_member *m)
{
    m->behind = 0;
    if (!m->deaf)
        return;
    m->deaf = false;
    m->fell = true;
    m->well_since = pool_now(m->pool);
    log_info("account of a pool hears again", "pool", m->pool->base.name, "gateway", m->g->name,
             NULL);
    pool_members_changed(m->pool, "it hears again");
}

void pool_member_expect(struct pool *p, const struct pool_chat *c, const struct pool_member *by)
{
    for (int i = 0; i < p->nmembers; i++) {
        struct pool_member *m = p->order[i];
        if (m == by || !m->well || !(c->in & pool_bit(m->slot)))
            continue;
        if (!m->behind++)
            m->behind_since = pool_now(p);
    }
}

void pool_members_tick(struct pool *p)
{
    int64_t now = pool_now(p);
    for (int i = 0; i < p->nmembers; i++) {
        struct pool_member *m = p->order[i];
        if (!m->well)
            continue;
        if (m->fell && now - m->well_since >= p->back_ms) {
            m->fell = false;
            pool_members_changed(p, "it has been well for a while");
        }
        if (m->deaf || m->behind < POOL_DEAF_MESSAGES || now - m->behind_since < POOL_DEAF_MS)
            continue;
        m->deaf = true;
        log_warn("account of a pool hears nothing although others do", "pool", p->base.name,
                 "gateway", m->g->name, "messages", log_int(m->behind), NULL);
        pool_members_changed(p, "it hears nothing although others do");
    }
}
