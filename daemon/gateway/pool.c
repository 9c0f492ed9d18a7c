/* pool.c -- a pool of accounts as a gateway (pool.h): its members, its state, its life. pool_internal.h says where the rest is.
 * Owns: struct pool and its members' gateways. Every happening of a member comes in through pool_event.c. */
#include "gateway/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/pool_internal.h"

static void pool_timer_closed(uv_handle_t *h);

static void pool_on_timer(uv_timer_t *h)
{
    struct pool *p = h->data;
    clock_tick(p->env->clock);
    pool_members_tick(p);
    pool_wants(p);
}

/* ---- members ---- */

bool pool_is(const struct gateway *g)
{
    return g && g->ops == &pool_ops;
}

int pool_count(const struct gateway *g)
{
    return ((const struct pool *)g)->nmembers;
}

static void pool_sort(struct pool *p)
{
    for (int i = 1; i < p->nmembers; i++) {
        struct pool_member *m = p->order[i];
        int k = i;
        for (; k > 0 && p->order[k - 1]->rank > m->rank; k--)
            p->order[k] = p->order[k - 1];
        p->order[k] = m;
    }
}

bool pool_add(struct gateway *g, const struct gateway_conf *conf, int rank, struct buf *err)
{
    struct pool *p = (struct pool *)g;
    int slot = 0;
    while (slot < POOL_SLOTS && p->slots[slot])
        slot++;
    if (slot == POOL_SLOTS) {
        buf_addf(err, "pool %s is full", p->base.name);
        return false;
    }
    struct pool_member *m = MEM_NEW(struct pool_member);
    m->pool = p;
    m->slot = slot;
    m->rank = rank;
    m->away_since = pool_now(p);
    if (conf->self_id)
        snprintf(m->self_id, sizeof m->self_id, "%s", conf->self_id);
    struct gateway_sink sink;
    pool_sink(m, &sink);
    m->g = gateway_create(p->env, conf, &sink, err);
    if (!m->g) {
        free(m);
        return false;
    }
    m->g->owner = m;
    p->slots[slot] = m;
    p->order[p->nmembers++] = m;
    pool_sort(p);
    pool_pins_resolve(p);
    p->generation++;
    if (p->started)
        m->g->ops->start(m->g);
    return true;
}

/* Its last handle is closed. */
static void pool_member_gone(void *ud)
{
    struct pool *p = ud;
    p->leaving--;
    if (!p->stopping || p->leaving || p->nmembers || p->timer_closed)
        return;
    p->timer_closed = true;
    uv_close((uv_handle_t *)&p->timer, pool_timer_closed);
}

static void pool_take_out(struct pool *p, struct pool_member *m)
{
    m->stopping = true;
    m->well = false;
    p->leaving++;
    m->g->ops->stop(m->g, pool_member_gone, p);
    int i = 0;
    while (p->order[i] != m)
        i++;
    memmove(&p->order[i], &p->order[i + 1],
            (size_t)(p->nmembers - i - 1) * sizeof(struct pool_member *));
    p->nmembers--;
    p->slots[m->slot] = NULL;
    pool_chats_clear_slot(p, m->slot);
    pool_seen_clear_slot(p->seen, m->slot);
    free(m);
}

bool pool_remove(struct gateway *g, const char *member)
{
    struct pool *p = (struct pool *)g;
    struct pool_member *m = pool_member_named(p, member, strlen(member));
    if (!m)
        return false;
    pool_take_out(p, m);
    pool_pins_resolve(p);
    pool_review(p, "an account was taken out of the pool");
    pool_wants(p);
    return true;
}

bool pool_rank(struct gateway *g, const char *member, int rank)
{
    struct pool *p = (struct pool *)g;
    struct pool_member *m = pool_member_named(p, member, strlen(member));
    if (!m || m->rank == rank)
        return m != NULL;
    m->rank = rank;
    pool_sort(p);
    pool_review(p, "another order of accounts");
    return true;
}

void pool_set_back(struct gateway *g, int64_t back_ms)
{
    ((struct pool *)g)->back_ms = back_ms ? back_ms : POOL_BACK_MS;
}

void pool_restore(struct gateway *g, const char *field, const char *value)
{
    struct pool *p = (struct pool *)g;
    if (strcmp(field, "identity") == 0) {
        p->by_content = strcmp(value, "content") == 0;
    } else if (strncmp(field, "chat:", 5) == 0 && field[5]) {
        struct pool_chat *c = pool_chat_get(p, field + 5, true);
        free(c->pin_name);
        c->pin_name = mem_strdup(value);
        pool_pins_resolve(p);
        c->generation = p->generation - 1;
    }
}

const char *pool_self_of(const struct gateway *g, const char *member)
{
    const struct pool_member *m = pool_member_named((const struct pool *)g, member, strlen(member));
    return m ? m->self_id : "";
}

/* ---- wishes ---- */

enum pool_swap pool_pin(struct gateway *g, const char *chat, const char *to, bool force)
{
    struct pool *p = (struct pool *)g;
    struct pool_member *m = to ? pool_member_named(p, to, strlen(to)) : NULL;
    struct pool_chat *c = pool_chat_get(p, chat, false);
    if (to && !m)
        return POOL_NO_MEMBER;
    if (to && !force && (!c || !(c->in & pool_bit(m->slot))))
        return POOL_NOT_IN;
    if (!c && !to)
        return POOL_SWAPPED;
    c = pool_chat_get(p, chat, true);
    free(c->pin_name);
    c->pin_name = to ? mem_strdup(to) : NULL;
    c->pin = m ? m->slot : -1;
    struct buf field = {0};
    buf_addf(&field, "chat:%s", chat);
    if (p->watch.keep)
        p->watch.keep(p->watch.ud, buf_cstr(&field), to);
    buf_free(&field);
    c->generation = p->generation - 1;
    pool_server(p, chat);
    return POOL_SWAPPED;
}

bool pool_has(const struct gateway *g, const char *chat, const char *member)
{
    struct pool *p = (struct pool *)g;
    const struct pool_member *m = pool_member_named(p, member, strlen(member));
    const struct pool_chat *c = pool_chat_get(p, chat, false);
    return m && c && (c->in & pool_bit(m->slot));
}

void pool_each_chat(const struct gateway *g,
                    void (*fn)(void *ud, const char *chat, const char *serves, const char *pinned),
                    void *ud)
{
    struct pool *p = (struct pool *)g;
    struct pool_chat *c, *tmp;
    HASH_ITER (hh, p->chats, c, tmp) {
        const struct pool_member *m = c->in ? pool_server(p, c->chat) : NULL;
        fn(ud, c->chat, m ? m->g->name : "", c->pin_name ? c->pin_name : "");
    }
}

void pool_each_member(const struct gateway *g,
                      void (*fn)(void *ud, const struct pool_member_info *m), void *ud)
{
    struct pool *p = (struct pool *)g;
    struct pool_member_info info[POOL_SLOTS];
    memset(info, 0, sizeof info);
    for (struct pool_chat *c = p->chats; c; c = c->hh.next) {
        const struct pool_member *server = c->in ? pool_server(p, c->chat) : NULL;
        for (int i = 0; i < p->nmembers; i++) {
            const struct pool_member *m = p->order[i];
            info[i].groups += (c->in & pool_bit(m->slot)) != 0;
            info[i].serves += server == m;
            info[i].pinned += c->pin == m->slot;
        }
    }
    for (int i = 0; i < p->nmembers; i++) {
        const struct pool_member *m = p->order[i];
        info[i].name = m->g->name;
        info[i].type = m->g->ops->type;
        info[i].well = m->well;
        info[i].deaf = m->deaf;
        info[i].calmed = m->calmed;
        info[i].away_ms = m->away_since ? pool_now(p) - m->away_since : 0;
        info[i].trusted = m->well && !m->fell;
        m->g->ops->state(m->g, &info[i].state);
        fn(ud, &info[i]);
    }
}

/* ---- life ---- */

struct gateway *pool_new(const struct gateway_env *env, const char *name,
                         const struct gateway_sink *sink, const struct pool_watch *watch,
                         int64_t back_ms)
{
    struct pool *p = MEM_NEW(struct pool);
    p->base.ops = &pool_ops;
    p->base.name = mem_strdup(name);
    p->env = env;
    p->sink = *sink;
    gateway_sink_complete(&p->sink);
    p->watch = *watch;
    p->back_ms = back_ms ? back_ms : POOL_BACK_MS;
    p->generation = p->batch = 1;
    p->told_well = -1;
    p->seen = pool_seen_new(POOL_SEEN_MAX);
    const char *own = metric_labels("gateway", name, NULL);
    p->m_repeated = metric_counter("sopd_pool_repeated_total",
                                   "Events that another account of the pool had reported.", own);
    p->m_moved = metric_counter("sopd_pool_moved_total",
                                "Times that a chat went from one account to another.", own);
    uv_timer_init(env->loop, &p->timer);
    p->timer.data = p;
    return &p->base;
}

static void pool_start(struct gateway *g)
{
    struct pool *p = (struct pool *)g;
    if (p->started)
        return;
    p->started = true;
    uv_timer_start(&p->timer, pool_on_timer, POOL_TICK_MS, POOL_TICK_MS);
    for (int i = 0; i < p->nmembers; i++)
        p->order[i]->g->ops->start(p->order[i]->g);
}

static void pool_timer_closed(uv_handle_t *h)
{
    struct pool *p = h->data;
    void (*done)(void *ud) = p->done;
    void *ud = p->done_ud;
    pool_chats_free(p);
    pool_tickets_free(p);
    pool_seen_free(p->seen);
    free(p->base.name);
    free(p);
    if (done)
        done(ud);
}

static void pool_stop(struct gateway *g, void (*done)(void *ud), void *ud)
{
    struct pool *p = (struct pool *)g;
    p->stopping = true;
    p->done = done;
    p->done_ud = ud;
    uv_timer_stop(&p->timer);
    p->leaving++; /* nobody is the last before all are asked */
    while (p->nmembers)
        pool_take_out(p, p->order[p->nmembers - 1]);
    memset(&p->sink, 0, sizeof p->sink);
    memset(&p->watch, 0, sizeof p->watch);
    pool_member_gone(p);
}

/* ---- the rest of the ops ---- */

/* What every account can do; reading history and echoes are of use when one can. Two accounts see each other's messages. */
static unsigned pool_caps(const struct gateway *g)
{
    const struct pool *p = (const struct pool *)g;
    unsigned all = ~0u, any = 0;
    int well = 0;
    for (int i = 0; i < p->nmembers; i++) {
        const struct gateway *member = p->order[i]->g;
        unsigned caps = member->ops->caps(member);
        all &= caps;
        any |= caps;
        well += p->order[i]->well && !p->order[i]->deaf;
    }
    if (!p->nmembers)
        return 0;
    if (well > 1)
        any |= GATEWAY_ECHO;
    return all | (any & (GATEWAY_HISTORY | GATEWAY_ECHO | GATEWAY_JOIN | GATEWAY_UNMENTIONED));
}

static void pool_flush(struct gateway *g)
{
    struct pool *p = (struct pool *)g;
    for (int i = 0; i < p->nmembers; i++)
        if (p->order[i]->g->ops->flush)
            p->order[i]->g->ops->flush(p->order[i]->g);
}

/* The first account in the order that is well stands for the pool; the link is the best of all links. */
static void pool_state(const struct gateway *g, struct gateway_state *out)
{
    static const int worth[] = {
        [LINK_DOWN] = 0, [LINK_REFUSED] = 1, [LINK_CONNECTING] = 2, [LINK_UP] = 3};
    const struct pool *p = (const struct pool *)g;
    int best = -1;
    struct gateway_state sum = {.self_id = "", .self_name = "", .impl = "", .account_reason = ""};
    for (int i = 0; i < p->nmembers; i++) {
        const struct pool_member *m = p->order[i];
        struct gateway_state s;
        m->g->ops->state(m->g, &s);
        sum.pending += s.pending;
        sum.queued += s.queued;
        sum.reconnects += s.reconnects;
        if (s.last_rx_ms > sum.last_rx_ms)
            sum.last_rx_ms = s.last_rx_ms;
        int score = (m->well ? 8 + 8 * !m->deaf : 0) + worth[s.link];
        if (score <= best)
            continue;
        best = score;
        sum.link = s.link;
        sum.account = s.account;
        sum.account_reason = s.account_reason;
        sum.self_name = s.self_name;
        sum.impl = s.impl;
    }
    sum.self_id = pool_face(p);
    *out = sum;
}

static const char *pool_account_of(const struct gateway *g, const char *chat)
{
    const struct pool_member *m = pool_server((struct pool *)g, chat);
    return m ? m->g->name : g->name;
}

static void pool_pause(struct gateway *g, bool pause)
{
    struct pool *p = (struct pool *)g;
    for (int i = 0; i < p->nmembers; i++)
        gateway_pause(p->order[i]->g, pause);
}

static int pool_catch_up_many(const struct gateway *g)
{
    const struct pool *p = (const struct pool *)g;
    int most = 1;
    for (int i = 0; i < p->nmembers; i++) {
        const struct gateway *member = p->order[i]->g;
        int many = gateway_catch_up_many(member);
        if (p->order[i]->well && many > most)
            most = many;
    }
    return most;
}

const struct gateway_ops pool_ops = {
    .type = "pool",
    .start = pool_start,
    .stop = pool_stop,
    .caps = pool_caps,
    .send = pool_send,
    .call = pool_call,
    .flush = pool_flush,
    .state = pool_state,
    .catch_up = pool_catch_up,
    .pause = pool_pause,
    .catch_up_many = pool_catch_up_many,
    .unsee = pool_unsee,
    .account_of = pool_account_of,
};
