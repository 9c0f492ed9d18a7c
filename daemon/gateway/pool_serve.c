/* pool_serve.c -- the chats of a pool: which accounts are in a group, and which one serves it. The choice depends on nothing but how the
 * members are, who is in the group, and the pins: an account that is well and in it, the pinned one before the others, then in the
 * configured order, where an account that was away counts only after it has been well for a while. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/pool_internal.h"

struct pool_chat *pool_chat_get(struct pool *p, const char *chat, bool make)
{
    struct pool_chat *c;
    HASH_FIND_STR(p->chats, chat, c);
    if (c || !make)
        return c;
    c = MEM_NEW(struct pool_chat);
    c->chat = mem_strdup(chat);
    c->hash = hash_string(chat);
    c->pin = c->serving = c->want_slot = -1;
    HASH_ADD_KEYPTR(hh, p->chats, c->chat, strlen(c->chat), c);
    return c;
}

static void pool_user_free(struct pool *p, struct pool_user *u)
{
    HASH_DEL(p->users, u);
    free(u->chat);
    free(u);
}

/* The table keeps the order of use: the head goes first. */
struct pool_user *pool_user_get(struct pool *p, const char *chat, bool make)
{
    struct pool_user *u;
    HASH_FIND_STR(p->users, chat, u);
    if (u && make) {
        HASH_DEL(p->users, u);
    } else if (!u && make) {
        if (HASH_COUNT(p->users) >= POOL_USERS_MAX)
            pool_user_free(p, p->users);
        u = MEM_NEW(struct pool_user);
        u->chat = mem_strdup(chat);
        u->slot = -1;
    } else {
        return u;
    }
    HASH_ADD_KEYPTR(hh, p->users, u->chat, strlen(u->chat), u);
    return u;
}

struct pool_member *pool_member_named(const struct pool *p, const char *name, size_t len)
{
    for (int i = 0; i < p->nmembers; i++) {
        const char *own = p->order[i]->g->name;
        if (strlen(own) == len && memcmp(own, name, len) == 0)
            return p->order[i];
    }
    return NULL;
}

/* ---- the choice ---- */

static bool pool_muted(const struct pool *p, const struct pool_chat *c, int slot)
{
    return c->muted && c->muted[slot] > clock_wall(p->env->clock);
}

int pool_fit(const struct pool *p, const struct pool_member *m, const struct pool_chat *c)
{
    if (!m->well || m->stopping)
        return 0;
    if (c && ((c->out & pool_bit(m->slot)) || (c->in && !(c->in & pool_bit(m->slot)))))
        return 0;
    if (m->deaf || m->calmed || m->restricted)
        return 1;
    return c && pool_muted(p, c, m->slot) ? 2 : 3;
}

static bool pool_trusted(const struct pool *p, const struct pool_member *m)
{
    return !m->fell || pool_now(p) - m->well_since >= p->back_ms;
}

/* Is a the better one of two that fit alike? b comes earlier in the order. */
static bool pool_better(const struct pool *p, const struct pool_member *a,
                        const struct pool_member *b, int pin)
{
    if (a->slot == pin || b->slot == pin)
        return a->slot == pin;
    bool ta = pool_trusted(p, a), tb = pool_trusted(p, b);
    if (ta != tb)
        return ta;
    return !ta && a->well_since < b->well_since;
}

int pool_choose(const struct pool *p, const struct pool_chat *c)
{
    const struct pool_member *best = NULL;
    int fits = 0, pin = c ? c->pin : -1;
    for (int i = 0; i < p->nmembers; i++) {
        const struct pool_member *m = p->order[i];
        int fit = pool_fit(p, m, c);
        if (fit > fits || (fit && fit == fits && pool_better(p, m, best, pin))) {
            best = m;
            fits = fit;
        }
    }
    return best ? best->slot : -1;
}

/* Looks anew if anything has changed. Returns the slot, -1 if nobody can. */
static int pool_chat_server(struct pool *p, struct pool_chat *c)
{
    if (c->generation == p->generation && !c->muted)
        return c->serving;
    int slot = pool_choose(p, c);
    if (slot >= 0 && c->serving >= 0 && slot != c->serving)
        metric_inc(p->m_moved);
    if (slot >= 0 || c->serving < 0 || !p->slots[c->serving])
        c->serving = slot;
    c->generation = p->generation;
    return c->serving;
}

static struct pool_member *pool_user_server(struct pool *p, const char *chat)
{
    const struct pool_user *u = pool_user_get(p, chat, false);
    if (u && u->slot >= 0 && p->slots[u->slot] && pool_fit(p, p->slots[u->slot], NULL) &&
        !(u->refused & pool_bit(u->slot)))
        return p->slots[u->slot];
    for (int i = 0; u && u->refused && i < p->nmembers; i++)
        if (pool_fit(p, p->order[i], NULL) && !(u->refused & pool_bit(p->order[i]->slot)))
            return p->order[i];
    int slot = pool_choose(p, NULL);
    return slot >= 0 ? p->slots[slot] : NULL;
}

struct pool_member *pool_server(struct pool *p, const char *chat)
{
    struct pool_member *m = NULL;
    if (chat && *chat == '@') {
        m = pool_user_server(p, chat);
    } else {
        struct pool_chat *c = chat ? pool_chat_get(p, chat, false) : NULL;
        int slot = c ? pool_chat_server(p, c) : pool_choose(p, NULL);
        m = slot >= 0 ? p->slots[slot] : NULL;
    }
    return m ? m : p->nmembers ? p->order[0] : NULL;
}

/* ---- who is where ---- */

/* Is it heard by any account? Notes since when it is not, and tells when it is again. */
static void pool_chat_heard(struct pool *p, struct pool_chat *c)
{
    bool heard = false;
    for (int i = 0; i < p->nmembers && !heard; i++)
        heard = !p->order[i]->deaf && pool_fit(p, p->order[i], c) > 0;
    if (!heard && !c->gap_ms)
        c->gap_ms = clock_wall(p->env->clock);
    if (!heard || !c->gap_ms)
        return;
    int64_t since = c->gap_ms;
    bool all =
        p->down_ms && since >= p->down_ms; /* the engine knows of that gap: the pool was down */
    c->gap_ms = 0;
    if (!all && p->watch.regained)
        p->watch.regained(p->watch.ud, c->chat, since);
}

static void pool_tell_moved(struct pool *p, int from, int to, int chats, const char *reason)
{
    const struct pool_member *a = from >= 0 ? p->slots[from] : NULL,
                             *b = to >= 0 ? p->slots[to] : NULL;
    bool away = a && (!a->well || a->deaf || a->calmed || a->restricted);
    if (!a)
        return;
    log_write(away ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "chats are served by another account", "pool",
              p->base.name, "from", a->g->name, "to", b ? b->g->name : "nobody", "chats",
              log_int(chats), "reason", reason, NULL);
    if (p->watch.moved)
        p->watch.moved(p->watch.ud, a->g->name, b ? b->g->name : "", chats, away, reason);
}

void pool_review(struct pool *p, const char *reason)
{
    int moved[POOL_SLOTS][POOL_SLOTS] = {{0}};
    p->generation++;
    struct pool_chat *c, *tmp;
    HASH_ITER (hh, p->chats, c, tmp) {
        int was = c->serving, now = pool_chat_server(p, c);
        if (was >= 0 && now >= 0 && was != now)
            moved[was][now]++;
        pool_chat_heard(p, c);
    }
    for (int i = 0; i < POOL_SLOTS; i++)
        for (int j = 0; j < POOL_SLOTS; j++)
            if (moved[i][j])
                pool_tell_moved(p, i, j, moved[i][j], reason);
}

void pool_present(struct pool *p, struct pool_chat *c, int slot, bool in, const char *reason)
{
    uint8_t bit = pool_bit(slot);
    if (in ? (c->in & bit) && !(c->out & bit) : (c->out & bit) != 0)
        return;
    int was = c->serving;
    if (in) {
        c->in |= bit;
        c->out &= (uint8_t)~bit;
    } else {
        c->out |= bit;
        c->in &= (uint8_t)~bit;
    }
    c->generation = p->generation - 1;
    int now = pool_chat_server(p, c);
    if (!in && was >= 0 && now >= 0 &&
        was != now) /* that one more is there is learnt at every start */
        pool_tell_moved(p, was, now, 1, reason);
    pool_chat_heard(p, c);
}

void pool_mute(struct pool *p, const char *chat, int slot, int64_t until_ms)
{
    struct pool_chat *c = pool_chat_get(p, chat, true);
    if (!c->muted && !until_ms)
        return;
    if (!c->muted)
        c->muted = mem_zero(POOL_SLOTS * sizeof *c->muted);
    c->muted[slot] = until_ms;
    bool any = false;
    for (int i = 0; i < POOL_SLOTS; i++)
        any = any || pool_muted(p, c, i);
    if (!any) {
        free(c->muted);
        c->muted = NULL;
        c->generation = p->generation - 1;
    }
}

/* Another account has the slot, or none. */
void pool_chats_clear_slot(struct pool *p, int slot)
{
    uint8_t keep = (uint8_t)~pool_bit(slot);
    struct pool_chat *c, *tmp;
    HASH_ITER (hh, p->chats, c, tmp) {
        c->in &= keep;
        c->out &= keep;
        if (c->muted)
            c->muted[slot] = 0;
        if (c->want_slot == slot)
            c->want_slot = -1;
        c->generation = p->generation - 1;
    }
    struct pool_user *u, *utmp;
    HASH_ITER (hh, p->users, u, utmp) {
        u->refused &= keep;
        if (u->slot == slot)
            u->slot = -1;
    }
}

void pool_pins_resolve(struct pool *p)
{
    struct pool_chat *c, *tmp;
    HASH_ITER (hh, p->chats, c, tmp) {
        const struct pool_member *m =
            c->pin_name ? pool_member_named(p, c->pin_name, strlen(c->pin_name)) : NULL;
        c->pin = m ? m->slot : -1;
    }
}

void pool_chats_free(struct pool *p)
{
    struct pool_chat *c, *tmp;
    HASH_ITER (hh, p->chats, c, tmp) {
        HASH_DEL(p->chats, c);
        free(c->muted);
        free(c->pin_name);
        free(c->chat);
        free(c);
    }
    struct pool_user *u, *utmp;
    HASH_ITER (hh, p->users, u, utmp)
        pool_user_free(p, u);
}
