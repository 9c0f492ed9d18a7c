/* warmup.c -- see warmup.h. The moment at which an account was first seen is in Redis (hash `since`), so that a restart does not begin
 * anew; the part of the pace that it may use is in struct account. Callers: gw.c. */
#include "engine/send/warmup.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "gateway/pool.h"

/* OLD: accounts that show up within this time of an upgrade were there before it. */
enum { WARMUP_STEPS = 7, WARMUP_OLD_MS = 600000 };

/* What part of its pace an account may use in each seventh of the time, in per cent. */
static const int warmup_part[WARMUP_STEPS] = {25, 35, 45, 55, 70, 80, 90};

struct known_since {
    char *account;
    int64_t since_ms; /* 0: it was in use before this was recorded */
    UT_hash_handle hh;
};

static struct known_since *warmup_find(struct gw *gw, const char *account)
{
    struct known_since *k;
    HASH_FIND_STR(gw->since, account, k);
    return k;
}

static void warmup_add(struct gw *gw, const char *account, int64_t since_ms)
{
    struct known_since *k = warmup_find(gw, account);
    if (!k) {
        k = MEM_NEW(struct known_since);
        k->account = mem_strdup(account);
        HASH_ADD_KEYPTR(hh, gw->since, k->account, strlen(k->account), k);
    }
    k->since_ms = since_ms;
}

static void warmup_loaded(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    if (!reply || reply->type != REDIS_REPLY_ARRAY)
        return;
    for (size_t i = 0; i + 1 < reply->elements; i += 2)
        warmup_add(gw, reply->element[i]->str, strtoll(reply->element[i + 1]->str, NULL, 10));
    /* an installation of before: it has chats, and nobody wrote down since when */
    if (!reply->elements && gw->known)
        gw->old_until_ms = clock_wall(gw->e->clock) + WARMUP_OLD_MS;
    gw->since_loaded = true;
}

void warmup_load(struct gw *gw)
{
    struct buf key = {0};
    gw_key(gw, &key, "since");
    redis_command(gw->e->redis, warmup_loaded, gw, 2, (const char *[]){"HGETALL", buf_cstr(&key)},
                  NULL);
    buf_free(&key);
}

/* A new one, or one of before. HSETNX: another process may have seen it first. */
static void warmup_note(struct gw *gw, const char *account, int64_t now)
{
    int64_t since = now < gw->old_until_ms ? 0 : now;
    struct buf key = {0};
    gw_key(gw, &key, "since");
    if (redis_command(gw->e->redis, NULL, NULL, 4,
                      (const char *[]){"HSETNX", buf_cstr(&key), account, log_int(since)}, NULL))
        warmup_add(gw, account, since);
    buf_free(&key);
    if (since && gw->pace.warmup_ms)
        log_info("new account: it reaches its full pace step by step", "gateway", gw->name,
                 "account", account, "days", log_int(gw->pace.warmup_ms / 86400000), NULL);
}

static int warmup_share(const struct gw *gw, int64_t since_ms, int64_t now)
{
    int64_t whole = gw->pace.warmup_ms, age = now - since_ms;
    if (!whole || !since_ms || age >= whole)
        return 0;
    return age <= 0 ? warmup_part[0] : warmup_part[age * WARMUP_STEPS / whole];
}

void warmup_round(struct gw *gw)
{
    if (!gw->since_loaded || !gw->gateway || !gw->owner)
        return;
    struct gateway_state s;
    gw->gateway->ops->state(gw->gateway, &s);
    bool pool = gw->gateway->ops->account_of != NULL;
    int64_t now = clock_wall(gw->e->clock);
    if (!pool)
        account_get(gw, gw->name);
    for (struct account *a = gw->accounts; a; a = a->hh.next) {
        /* by the account's own id: another one may log in there */
        const char *id = pool ? pool_self_of(gw->gateway, a->name) : s.self_id;
        if (s.link != LINK_UP || !id || !*id)
            continue;
        const struct known_since *k = warmup_find(gw, id);
        if (!k)
            warmup_note(gw, id, now);
        k = warmup_find(gw, id);
        if (!k)
            continue;
        a->first_ms = k->since_ms;
        a->warm = warmup_share(gw, k->since_ms, now);
    }
}

void warmup_info(const struct gw *gw, int *warm, int64_t *first_ms)
{
    *warm = 0;
    *first_ms = 0;
    for (const struct account *a = gw->accounts; a; a = a->hh.next) {
        if (a != gw->accounts && (!a->warm || (*warm && *warm <= a->warm)))
            continue;
        *warm = a->warm;
        *first_ms = a->first_ms;
    }
}

void warmup_free(struct gw *gw)
{
    struct known_since *k, *tmp;
    HASH_ITER (hh, gw->since, k, tmp) {
        HASH_DEL(gw->since, k);
        free(k->account);
        free(k);
    }
}
