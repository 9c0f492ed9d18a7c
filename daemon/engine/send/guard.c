/* guard.c -- the second fence around the account. Send times are reserved in the commit (commit.lua), but some messages leave
 * later than that: held while the chat was muted or the account offline, pushed back by an answer, found in the outbox after a
 * restart, sent again. So the same limits (GCRA) are also kept here for what really leaves, urgent and bulk together. A message
 * on time passes without delay; the late ones queue up behind each other instead of leaving at once. Caller: pacer.c, stall.c. */
#include "engine/send/guard.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

/* A chat, or a member ("m|" and the id). */
struct guard_one {
    char *key;
    int64_t tat[PACE_RULES]; /* theoretical arrival times, us */
    UT_hash_handle hh;
};

/* Leaving a moment late must not push the next one back. */
enum { GUARD_SLACK_US = 2000, GUARD_KEY = 300, GUARD_SWEEP_MS = 10000, GUARD_LONG_US = 300000000 };

extern const char embed_pace_sweep_lua[];

/* Later of what was known and what these rules say. */
static void guard_look(const struct pace *p, enum pace_scope scope, enum send_kind kind,
                       int64_t stretch, const int64_t *tat, struct guard_word *w)
{
    for (int i = 0; i < p->nrules[scope]; i++) {
        const struct pace_rule *r = &p->rules[scope][i];
        if (!(r->kinds & 1u << kind))
            continue;
        int64_t free_at = tat[i] - pace_tolerance(r) - GUARD_SLACK_US;
        if (free_at > w->at_us) {
            w->at_us = free_at;
            w->step_us = pace_step(r, stretch, 0);
            w->account = scope == PACE_ACCOUNT;
        }
    }
}

static void guard_count(const struct pace *p, enum pace_scope scope, enum send_kind kind,
                        int64_t stretch, int64_t jitter, int64_t *tat, int64_t now_us)
{
    for (int i = 0; i < p->nrules[scope]; i++) {
        const struct pace_rule *r = &p->rules[scope][i];
        if (r->kinds & 1u << kind)
            tat[i] = (tat[i] > now_us ? tat[i] : now_us) + pace_step(r, stretch, jitter);
    }
}

static struct guard_one *guard_find(struct gw *gw, const char *key, bool create)
{
    struct guard_one *g;
    HASH_FIND_STR(gw->guard, key, g);
    if (!g && create) {
        g = MEM_NEW(struct guard_one);
        g->key = mem_strdup(key);
        HASH_ADD_KEYPTR(hh, gw->guard, g->key, strlen(g->key), g);
    }
    return g;
}

static struct guard_one *guard_member(struct gw *gw, const char *user, bool create)
{
    char key[GUARD_KEY];
    snprintf(key, sizeof key, "m|%s", user);
    return guard_find(gw, key, create);
}

struct guard_word guard_ready(struct gw *gw, const struct account *a, const struct message *m,
                              int64_t now_ms)
{
    struct guard_word w = {0};
    int64_t stretch = account_stretch(a);
    const struct pace *p = &gw->pace;
    guard_look(p, PACE_ACCOUNT, m->kind, stretch, a->guard_us, &w);
    const struct guard_one *g = guard_find(gw, m->chat, false);
    if (g)
        guard_look(p, PACE_CHAT, m->kind, stretch, g->tat, &w);
    const char *users[MESSAGE_MENTIONS + 1];
    int n = p->nrules[PACE_MEMBER] ? message_members(m, users, MESSAGE_MENTIONS + 1) : 0;
    for (int i = 0; i < n; i++) {
        g = guard_member(gw, users[i], false);
        if (g)
            guard_look(p, PACE_MEMBER, m->kind, stretch, g->tat, &w);
    }
    w.at_ms = w.at_us <= now_ms * 1000 ? now_ms : (w.at_us + 999) / 1000;
    return w;
}

void guard_take(struct gw *gw, struct account *a, const struct entry *en, int64_t now_ms)
{
    const struct message *m = en->message;
    const struct pace *p = &gw->pace;
    int64_t stretch = account_stretch(a), jitter = pace_jitter(p, en->id), now = now_ms * 1000;
    guard_count(p, PACE_ACCOUNT, m->kind, stretch, jitter, a->guard_us, now);
    guard_count(p, PACE_CHAT, m->kind, stretch, jitter, guard_find(gw, m->chat, true)->tat, now);
    const char *users[MESSAGE_MENTIONS + 1];
    int n = p->nrules[PACE_MEMBER] ? message_members(m, users, MESSAGE_MENTIONS + 1) : 0;
    for (int i = 0; i < n; i++)
        guard_count(p, PACE_MEMBER, m->kind, stretch, jitter, guard_member(gw, users[i], true)->tat,
                    now);
}

/* ---- after a restart ---- */

/* Limits of an hour know from Redis what was sent (guard_load): the minutes by which messages left late are nothing to them. */
static void guard_use_up(const struct pace *p, enum pace_scope scope, int64_t *tat, int64_t now_us)
{
    for (int i = 0; i < p->nrules[scope]; i++) {
        int64_t used = now_us + pace_tolerance(&p->rules[scope][i]);
        if (used - now_us > GUARD_LONG_US)
            continue;
        tat[i] = tat[i] > used ? tat[i] : used;
    }
}

void guard_restart(struct gw *gw, const char *chat, int64_t now_ms)
{
    guard_use_up(&gw->pace, PACE_ACCOUNT, account_of(gw, chat)->guard_us, now_ms * 1000);
    guard_use_up(&gw->pace, PACE_CHAT, guard_find(gw, chat, true)->tat, now_ms * 1000);
}

/* One field of `pace`: the times that were reserved, of the limits of those kinds. All of it may have left just before, but no more
 * than the limits allowed. */
static void guard_field(struct gw *gw, char *field, const char *value, int64_t now_us)
{
    char *bar = strrchr(field, '|'), kinds[SEND_KINDS + 1];
    if (!bar)
        return;
    *bar++ = '\0';
    bar[strspn(bar, "0123456789")] = '\0'; /* urgent and bulk alike */
    enum pace_scope scope = strncmp(field, "a|", 2) == 0   ? PACE_ACCOUNT
                            : strncmp(field, "m|", 2) == 0 ? PACE_MEMBER
                                                           : PACE_CHAT;
    for (int i = 0; value && i < gw->pace.nrules[scope]; i++) {
        const struct pace_rule *r = &gw->pace.rules[scope][i];
        pace_rule_kinds(r, kinds);
        if (strcmp(kinds, bar) != 0)
            continue;
        int64_t tat = strtoll(value, NULL, 10), most = now_us + pace_tolerance(r);
        value = strchr(value, ',');
        value = value ? value + 1 : NULL;
        if (tat <= now_us)
            continue;
        int64_t *at = scope == PACE_ACCOUNT ? &account_get(gw, field + 2)->guard_us[i]
                                            : &guard_find(gw, field, true)->tat[i];
        tat = tat < most ? tat : most;
        *at = *at > tat ? *at : tat;
    }
}

static void guard_loaded(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    int64_t now_us = clock_wall(gw->e->clock) * 1000;
    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements; i += 2)
        guard_field(gw, reply->element[i]->str, reply->element[i + 1]->str, now_us);
}

void guard_load(struct gw *gw)
{
    struct buf key = {0};
    gw_key(gw, &key, "pace");
    redis_command(gw->e->redis, guard_loaded, gw, 2, (const char *[]){"HGETALL", buf_cstr(&key)},
                  NULL);
    buf_free(&key);
}

/* ---- upkeep ---- */

static void guard_swept(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    gw->sweep_cursor =
        reply && reply->type == REDIS_REPLY_STRING ? strtoull(reply->str, NULL, 10) : 0;
}

void guard_sweep(struct gw *gw)
{
    int64_t now = clock_wall(gw->e->clock);
    if (!gw->owner || !gw->e->redis_up || llabs(now - gw->swept_ms) < GUARD_SWEEP_MS)
        return;
    gw->swept_ms = now;
    struct buf key = {0};
    char cursor[24], now_us[24];
    gw_key(gw, &key, "pace");
    snprintf(cursor, sizeof cursor, "%llu", (unsigned long long)gw->sweep_cursor);
    snprintf(now_us, sizeof now_us, "%lld", (long long)now * 1000);
    redis_command(
        gw->e->redis, guard_swept, gw, 6,
        (const char *[]){"EVAL", embed_pace_sweep_lua, "1", buf_cstr(&key), cursor, now_us}, NULL);
    buf_free(&key);
}

/* The clock was set back: the same times, counted from now. */
void guard_set_back(struct gw *gw, int64_t ms)
{
    for (struct guard_one *g = gw->guard; g; g = g->hh.next)
        for (int i = 0; i < PACE_RULES; i++)
            g->tat[i] -= ms * 1000;
}

static void guard_drop(struct gw *gw, struct guard_one *g)
{
    HASH_DEL(gw->guard, g);
    free(g->key);
    free(g);
}

/* Chats and members whose limits are all idle again. */
void guard_evict(struct gw *gw)
{
    int64_t now_us = clock_wall(gw->e->clock) * 1000;
    struct guard_one *g, *tmp;
    HASH_ITER (hh, gw->guard, g, tmp) {
        bool busy = false;
        for (int i = 0; i < PACE_RULES; i++)
            busy = busy || g->tat[i] > now_us;
        if (!busy)
            guard_drop(gw, g);
    }
}

void guard_free(struct gw *gw)
{
    struct guard_one *g, *tmp;
    HASH_ITER (hh, gw->guard, g, tmp)
        guard_drop(gw, g);
}
