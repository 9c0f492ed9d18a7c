/* stage_expiry.c -- see stage_expiry.h. Redis tells of each key that gets a time to live (keyspace events); what it tells is read just
 * before the clock is turned, when all that was asked of Redis has been answered.
 * Owns: two connections and the list of those keys. Callers: test_world.c, play_clock.c. */
#include "cli/serve/stage_expiry.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"

struct expiry_key {
    char *key;
    int64_t at_ms; /* by the turned clock */
    UT_hash_handle hh;
};

struct stage_expiry {
    redisContext *events, *ask;
    struct expiry_key *keys;
    int64_t next_ms; /* no key expires before */
};

/* True if the answer is of that type; frees it. */
static bool expiry_is(redisReply *r, int type)
{
    bool is = r && r->type == type;
    if (r)
        freeReplyObject(r);
    return is;
}

static bool expiry_listen(struct stage_expiry *x)
{
    static const char on[] = "CONFIG SET notify-keyspace-events Eg";
    return expiry_is(redisCommand(x->ask, on), REDIS_REPLY_STATUS) &&
           expiry_is(redisCommand(x->events, "SUBSCRIBE __keyevent@0__:expire"), REDIS_REPLY_ARRAY);
}

struct stage_expiry *stage_expiry_open(const char *path)
{
    struct stage_expiry *x = MEM_NEW(struct stage_expiry);
    x->next_ms = INT64_MAX;
    x->events = redisConnectUnix(path);
    x->ask = redisConnectUnix(path);
    if (x->events && !x->events->err && x->ask && !x->ask->err && expiry_listen(x))
        return x;
    stage_expiry_close(x);
    return NULL;
}

static void expiry_forget(struct stage_expiry *x, struct expiry_key *k)
{
    HASH_DEL(x->keys, k);
    free(k->key);
    free(k);
}

/* The key's time to live, ms; negative: it has none, or is gone. */
static long long expiry_left(struct stage_expiry *x, const char *key)
{
    redisReply *r = redisCommand(x->ask, "PTTL %s", key);
    long long left = r && r->type == REDIS_REPLY_INTEGER ? r->integer : -1;
    if (r)
        freeReplyObject(r);
    return left;
}

static void expiry_note(struct stage_expiry *x, const char *key, int64_t now_ms)
{
    struct expiry_key *k;
    long long left = expiry_left(x, key);
    HASH_FIND_STR(x->keys, key, k);
    if (left < 0) {
        if (k)
            expiry_forget(x, k);
        return;
    }
    if (!k) {
        k = MEM_NEW(struct expiry_key);
        k->key = mem_strdup(key);
        HASH_ADD_KEYPTR(hh, x->keys, k->key, strlen(k->key), k);
    }
    k->at_ms = now_ms + left;
    if (k->at_ms < x->next_ms)
        x->next_ms = k->at_ms;
}

/* Reads what Redis has told up to now; the answer to PING marks the place. */
static void expiry_read(struct stage_expiry *x, int64_t now_ms)
{
    void *answer;
    if (redisAppendCommand(x->events, "PING") != REDIS_OK)
        return;
    for (bool more = true; more && redisGetReply(x->events, &answer) == REDIS_OK;) {
        redisReply *r = answer;
        more = r->type == REDIS_REPLY_ARRAY && r->elements == 3;
        if (more && now_ms >= 0)
            expiry_note(x, r->element[2]->str, now_ms);
        freeReplyObject(r);
    }
}

void stage_expiry_turn(struct stage_expiry *x, int64_t from_ms, int64_t to_ms)
{
    if (!x)
        return;
    expiry_read(x, from_ms);
    if (x->next_ms > to_ms)
        return;
    struct expiry_key *k, *tmp;
    x->next_ms = INT64_MAX;
    HASH_ITER (hh, x->keys, k, tmp) {
        if (k->at_ms > to_ms) {
            x->next_ms = k->at_ms < x->next_ms ? k->at_ms : x->next_ms;
            continue;
        }
        if (expiry_left(x, k->key) >= 0) /* else it was written anew, to stay */
            expiry_is(redisCommand(x->ask, "DEL %s", k->key), REDIS_REPLY_INTEGER);
        expiry_forget(x, k);
    }
}

void stage_expiry_reset(struct stage_expiry *x)
{
    struct expiry_key *k, *tmp;
    if (!x)
        return;
    expiry_read(x, -1);
    HASH_ITER (hh, x->keys, k, tmp)
        expiry_forget(x, k);
    x->next_ms = INT64_MAX;
}

void stage_expiry_close(struct stage_expiry *x)
{
    struct expiry_key *k, *tmp;
    if (!x)
        return;
    HASH_ITER (hh, x->keys, k, tmp)
        expiry_forget(x, k);
    if (x->events)
        redisFree(x->events);
    if (x->ask)
        redisFree(x->ask);
    free(x);
}
