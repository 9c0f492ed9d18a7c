/* pools.c -- see pools.h: members come and go, wishes about who serves which chat are kept in Redis, people are told when another
 * account has taken over and when none is left that could. */
#include "engine/pools.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/gap.h"
#include "engine/internal.h"
#include "engine/look/alarm.h"
#include "engine/send/breaker.h"
#include "gateway/pool.h"

enum {
    POOLS_THIN_MS = 30000, /* restarts of an account are shorter */
    POOLS_LOOK_MS = 10000,
    POOLS_ANSWER_MS = 6000, /* with so many sends unanswered for so long, another account serves */
    POOLS_UNANSWERED = 2
};

/* ---- what the pool tells ---- */

static void pools_moved(void *ud, const char *from, const char *to, int chats, bool away,
                        const char *reason)
{
    struct gw *gw = ud;
    struct buf text = {0}, data = {0};
    buf_addf(&text, "%d group%s of account %s %s served by %s: %s", chats, chats == 1 ? "" : "s",
             from, chats == 1 ? "is" : "are", *to ? to : "nobody", reason);
    pacer_release_account(gw, account_get(gw, from)); /* what waited for it alone goes by another */
    if (away)
        alarm_raise(gw, "takeover", from, buf_cstr(&text));
    buf_addf(&data, "{\"from\":\"%s\",\"to\":\"%s\",\"chats\":%d,\"away\":%s,\"reason\":", from, to,
             chats, away ? "true" : "false");
    buf_add_json(&data, reason, strlen(reason));
    buf_addc(&data, '}');
    gw_tell(gw, "pool_moved", buf_cstr(&data));
    buf_free(&text);
    buf_free(&data);
    engine_spin(gw->e);
}

static void pools_clear_one(void *ud, const struct pool_member_info *m)
{
    if (!m->well || m->deaf || m->calmed)
        return;
    alarm_clear(ud, "takeover", m->name);
    alarm_clear(ud, "pool", m->name);
}

static void pools_well(void *ud, int well, int members, const char *reason)
{
    struct gw *gw = ud;
    (void)reason;
    bool thin = members > 1 && well < 2;
    if (!thin)
        gw->pool_thin_ms = 0;
    else if (!gw->pool_thin_ms)
        gw->pool_thin_ms = clock_mono(gw->e->clock);
    if (!thin)
        alarm_clear(gw, "no_spare", "");
    gw->pool_away_ms = well < members ? clock_mono(gw->e->clock) + POOLS_THIN_MS : 0;
    pool_each_member(gw->gateway, pools_clear_one, gw);
    engine_spin(gw->e); /* another account may send what waits */
}

/* One that is away, and whose absence nobody has been told of by a take-over. */
static void pools_away_one(void *ud, const struct pool_member_info *m)
{
    struct gw *gw = ud;
    struct buf text = {0};
    if (m->away_ms < POOLS_THIN_MS || alarm_open(gw->e, gw, "takeover", m->name))
        return;
    buf_addf(&text, "account %s of the pool %s for %lld s: link %s, account %s", m->name,
             m->deaf     ? "hears nothing"
             : m->calmed ? "does not send"
                         : "is away",
             (long long)m->away_ms / 1000, gateway_link_name(m->state.link),
             gateway_account_name(m->state.account));
    alarm_raise(gw, "pool", m->name, buf_cstr(&text));
    buf_free(&text);
}

/* Does the account send? Not while the platform is given a rest, nor when its sends have no answers. */
static bool pools_sends(const struct gw *gw, const struct account *a, const char **why)
{
    int64_t now = clock_wall(gw->e->clock);
    const struct entry *oldest = a->flight;
    *why = "it sends again";
    if (a->level == LEVEL_HELD && a->hold_until_ms > now) {
        *why = "its messages do not arrive";
        return false;
    }
    if (a->nflight < POOLS_UNANSWERED || now - oldest->written_ms < POOLS_ANSWER_MS ||
        now - a->answered_ms < POOLS_ANSWER_MS)
        return true;
    *why = "its sends have no answers";
    return false;
}

void pools_round(struct gw *gw)
{
    if (!pool_is(gw->gateway))
        return;
    struct account *a, *tmp;
    HASH_ITER (hh, gw->accounts, a, tmp) {
        const char *why;
        bool sends = pools_sends(gw, a, &why);
        pool_calm(gw->gateway, a->name, !sends, why);
        breaker_own(gw->e, pool_self_of(gw->gateway, a->name));
    }
    int64_t now = clock_mono(gw->e->clock);
    if (gw->pool_away_ms && now >= gw->pool_away_ms) {
        gw->pool_away_ms = now + POOLS_LOOK_MS;
        pool_each_member(gw->gateway, pools_away_one, gw);
    }
    if (!gw->pool_thin_ms || now - gw->pool_thin_ms < POOLS_THIN_MS)
        return;
    alarm_raise(gw, "no_spare", "",
                "at most one account of the pool is well: when it goes, its groups are not served");
}

static void pools_regained(void *ud, const char *chat, int64_t since_ms)
{
    struct gw *gw = ud;
    if (gw->loaded && !gw->e->stopping)
        gap_ask(gw, chat, since_ms);
}

static void pools_keep(void *ud, const char *field, const char *value)
{
    struct gw *gw = ud;
    struct buf key = {0};
    gw_key(gw, &key, "pool");
    redis_command(gw->e->redis, NULL, NULL, value ? 4 : 3,
                  (const char *[]){value ? "HSET" : "HDEL", buf_cstr(&key), field, value}, NULL);
    buf_free(&key);
}

static void pools_loaded(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements; i += 2)
        if (pool_is(gw->gateway))
            pool_restore(gw->gateway, reply->element[i]->str, reply->element[i + 1]->str);
}

void pools_load(struct gw *gw)
{
    struct buf key = {0};
    if (!pool_is(gw->gateway))
        return;
    gw_key(gw, &key, "pool");
    redis_command(gw->e->redis, pools_loaded, gw, 2, (const char *[]){"HGETALL", buf_cstr(&key)},
                  NULL);
    buf_free(&key);
}

/* ---- members ---- */

bool pools_add(struct gw *gw, const struct gateway_conf *conf, struct buf *err)
{
    if (!pool_add(gw->gateway, conf, conf->rank, err))
        return false;
    account_get(gw, conf->name); /* it is known from now on: engine/send/warmup.c */
    if (conf->pool_back_ms)
        pool_set_back(gw->gateway, conf->pool_back_ms);
    log_info("account joins a pool", "pool", gw->name, "gateway", conf->name, NULL);
    return true;
}

struct gateway *pools_create(struct gw *gw, const struct gateway_conf *conf, struct buf *err)
{
    struct gateway_sink sink;
    gw_sink(gw, &sink);
    struct pool_watch watch = {.ud = gw,
                               .moved = pools_moved,
                               .well = pools_well,
                               .regained = pools_regained,
                               .keep = pools_keep};
    struct gateway *g = pool_new(gw->e->opts.env, gw->name, &sink, &watch, conf->pool_back_ms);
    if (pool_add(g, conf, conf->rank, err)) {
        account_get(gw, conf->name);
        return g;
    }
    g->ops->stop(g, NULL, NULL);
    return NULL;
}

bool engine_remove_member(struct engine *e, const char *pool, const char *member)
{
    struct gw *gw = engine_gw(e, pool);
    if (!gw || !pool_is(gw->gateway))
        return false;
    if (pool_count(gw->gateway) == 1 && pool_rank(gw->gateway, member, 0))
        return engine_remove_gateway(e, pool);
    bool there = pool_remove(gw->gateway, member);
    if (there)
        log_info("account leaves a pool", "pool", gw->name, "gateway", member, NULL);
    engine_spin(e);
    return there;
}

void engine_rank_member(struct engine *e, const char *pool, const char *member, int rank)
{
    struct gw *gw = engine_gw(e, pool);
    if (gw && pool_is(gw->gateway))
        pool_rank(gw->gateway, member, rank);
}

void engine_note_swap(struct engine *e, const char *pool, const char *from, const char *to,
                      int chats, const char *who, const char *reason)
{
    char now[24], after[96], most[24];
    int64_t length = e->opts.audit_length ? e->opts.audit_length : 1000000;
    snprintf(now, sizeof now, "%lld", (long long)clock_wall(e->clock));
    snprintf(most, sizeof most, "%lld", (long long)length);
    snprintf(after, sizeof after, "%.40s (%d groups)", to, chats);
    log_info("groups moved", "pool", pool, "from", from, "to", to, "chats", log_int(chats), "who",
             who, NULL);
    const char *const words[] = {"XADD",  "sopd:audit", "MAXLEN", "~",   most,     "*",
                                 "time",  now,          "who",    who,   "what",   "swap",
                                 "key",   pool,         "field",  "",    "before", from,
                                 "after", after,        "reason", reason};
    redis_command(e->redis, NULL, NULL, sizeof words / sizeof words[0], words, NULL);
}
