/* timers.c -- durable timers: set by turns (turn_timer), kept in Redis (`timers`, `timer`), fetched in small windows when
 * due, and turned into inputs of their chat. A timer leaves Redis in the commit of the turn that it causes. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

enum { TIMERS_WINDOW = 256, TIMERS_AGAIN_MS = 50, TIMERS_POLL_MS = 60000 };

/* Fetched, and its turn has not ended yet. */
struct timer_taken {
    char *id;
    UT_hash_handle hh;
};

struct timer_state {
    int64_t next_ms; /* wall: when to look into Redis */
    bool fetching;
    struct timer_taken *taken;
    char **ids; /* of the window whose bodies were asked for */
    size_t nids;
};

void timers_start(struct gw *gw)
{
    if (!gw->timers)
        gw->timers = MEM_NEW(struct timer_state);
    gw->timers->fetching = false;
    gw->timers->next_ms = 0;
}

void timers_note(struct gw *gw, int64_t due_ms)
{
    if (gw->timers && due_ms < gw->timers->next_ms)
        gw->timers->next_ms = due_ms;
}

void timers_taken(struct gw *gw, const char *id)
{
    struct timer_taken *t;
    if (!gw->timers)
        return;
    HASH_FIND_STR(gw->timers->taken, id, t);
    if (!t)
        return;
    HASH_DEL(gw->timers->taken, t);
    free(t->id);
    free(t);
}

int64_t timers_next(const struct gw *gw)
{
    return gw->timers && gw->owner && !gw->timers->fetching ? gw->timers->next_ms : INT64_MAX;
}

static void timers_forget_ids(struct timer_state *s)
{
    for (size_t i = 0; i < s->nids; i++)
        free(s->ids[i]);
    free(s->ids);
    s->ids = NULL;
    s->nids = 0;
}

static const char *timers_text(const cJSON *o, const char *key)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
    return s ? s : "";
}

/* A timer that cannot be read or found is taken out, so that it does not come again for ever. */
static void timers_remove(struct gw *gw, const char *id, const char *why)
{
    struct buf zset = {0};
    gw_key(gw, &zset, "timers");
    redis_command(gw->e->redis, NULL, NULL, 3, (const char *[]){"ZREM", buf_cstr(&zset), id}, NULL);
    buf_free(&zset);
    log_error("timer dropped", "gateway", gw->name, "timer", id, "problem", why, NULL);
    timers_taken(gw, id);
}

static void timers_fire(struct gw *gw, const char *id, const char *json, size_t len)
{
    cJSON *o = cJSON_ParseWithLength(json, len);
    const cJSON *due = cJSON_GetObjectItemCaseSensitive(o, "due");
    const cJSON *args = cJSON_GetObjectItemCaseSensitive(o, "args");
    const char *chat = timers_text(o, "chat");
    if (!cJSON_IsNumber(due) || !*chat) {
        timers_remove(gw, id, "its body is not readable");
        cJSON_Delete(o);
        return;
    }
    struct input *in = MEM_NEW(struct input);
    in->kind = INPUT_TIMER;
    in->id = mem_strdup(id);
    in->flow = mem_strdup(timers_text(o, "flow"));
    in->name = mem_strdup(timers_text(o, "name"));
    in->key = mem_strdup(timers_text(o, "key"));
    in->user = mem_strdup(timers_text(o, "user"));
    in->serial = strtoull(timers_text(o, "serial"), NULL, 16);
    in->due_ms = (int64_t)due->valuedouble;
    in->args = args && !cJSON_IsNull(args) ? cJSON_PrintUnformatted(args) : NULL;
    chat_push(chat_get(gw, chat, true), in);
    cJSON_Delete(o);
}

static void timers_bodies(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    struct timer_state *s = gw->timers;
    if (!s)
        return;
    s->fetching = false;
    for (size_t i = 0; i < s->nids; i++) {
        const struct redisReply *r =
            reply && reply->type == REDIS_REPLY_ARRAY && i < reply->elements ? reply->element[i]
                                                                             : NULL;
        if (!r)
            timers_taken(gw, s->ids[i]);
        else if (r->type != REDIS_REPLY_STRING)
            timers_remove(gw, s->ids[i], "it has no body");
        else
            timers_fire(gw, s->ids[i], r->str, r->len);
    }
    timers_forget_ids(s);
    engine_spin(gw->e);
}

static void timers_ask_bodies(struct gw *gw)
{
    struct timer_state *s = gw->timers;
    struct buf cmd = {0}, key = {0};
    gw_key(gw, &key, "timer");
    buf_add_array(&cmd, 2 + s->nids);
    buf_add_bulk(&cmd, "HMGET", 5);
    buf_add_bulk(&cmd, key.data, key.len);
    for (size_t i = 0; i < s->nids; i++)
        buf_add_bulk(&cmd, s->ids[i], strlen(s->ids[i]));
    s->fetching = redis_send(gw->e->redis, buf_cstr(&cmd), cmd.len, timers_bodies, gw);
    if (!s->fetching) {
        for (size_t i = 0; i < s->nids; i++)
            timers_taken(gw, s->ids[i]);
        timers_forget_ids(s);
    }
    buf_free(&cmd);
    buf_free(&key);
}

/* The window of due timers. */
static void timers_due(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    struct timer_state *s = gw->timers;
    if (!s)
        return;
    s->fetching = false;
    if (!reply || reply->type != REDIS_REPLY_ARRAY)
        return;
    timers_forget_ids(s);
    s->ids = mem_alloc((reply->elements + 1) * sizeof *s->ids);
    for (size_t i = 0; i < reply->elements; i++) {
        const char *id = reply->element[i]->str;
        struct timer_taken *t;
        HASH_FIND_STR(s->taken, id, t);
        if (t)
            continue;
        t = MEM_NEW(struct timer_taken);
        t->id = mem_strdup(id);
        HASH_ADD_KEYPTR(hh, s->taken, t->id, strlen(t->id), t);
        s->ids[s->nids++] = mem_strdup(id);
    }
    if (reply->elements >= TIMERS_WINDOW)
        s->next_ms = clock_wall(gw->e->clock) + TIMERS_AGAIN_MS;
    if (s->nids)
        timers_ask_bodies(gw);
    engine_spin(gw->e);
}

/* The one after the window: when to look again. */
static void timers_following(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    if (!gw->timers || !reply || reply->type != REDIS_REPLY_ARRAY || reply->elements < 2)
        return;
    timers_note(gw, (int64_t)strtod(reply->element[1]->str, NULL));
}

void timers_run(struct gw *gw)
{
    struct timer_state *s = gw->timers;
    int64_t now = clock_wall(gw->e->clock);
    if (!s || !gw->owner || s->fetching || s->next_ms > now)
        return;
    struct buf key = {0}, at = {0}, after = {0};
    gw_key(gw, &key, "timers");
    buf_addi(&at, now);
    buf_addf(&after, "(%lld", (long long)now);
    const char *due[] = {"ZRANGEBYSCORE",       buf_cstr(&key), "-inf", buf_cstr(&at), "LIMIT", "0",
                         log_int(TIMERS_WINDOW)};
    const char *following[] = {
        "ZRANGEBYSCORE", due[1], buf_cstr(&after), "+inf", "WITHSCORES", "LIMIT", "0", "1"};
    s->next_ms = now + TIMERS_POLL_MS;
    s->fetching = redis_command(gw->e->redis, timers_due, gw, 7, due, NULL);
    if (s->fetching)
        redis_command(gw->e->redis, timers_following, gw, 8, following, NULL);
    else
        s->next_ms = now;
    buf_free(&key);
    buf_free(&at);
    buf_free(&after);
}

void timers_free(struct gw *gw)
{
    struct timer_taken *t, *tmp;
    if (!gw->timers)
        return;
    HASH_ITER (hh, gw->timers->taken, t, tmp) {
        HASH_DEL(gw->timers->taken, t);
        free(t->id);
        free(t);
    }
    timers_forget_ids(gw->timers);
    free(gw->timers);
    gw->timers = NULL;
}
