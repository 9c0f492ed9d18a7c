/* timers.c -- durable timers: set by turns (turn_timer, runs), kept in Redis (`timers`, and `timer` for those that have a body),
 * read in small windows when they are due, oldest first, and handed on to timers_held.c, which makes them inputs of their chats.
 * A timer leaves Redis in the commit of the turn that it causes; until then it is known here as taken. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/time/timers.h"

enum {
    TIMERS_POLL_MS = 60000,
    TIMERS_RETRY_MS = 200,  /* after an error of Redis */
    TIMERS_MOVED_MS = 50,   /* its time in `timers` and in its body differ: it is being set anew */
    TIMERS_LATE_MS = 60000, /* worth a line in the log */
    TIMERS_LOG_MS = 10000
};

static void timers_forget_window(struct timer_state *s)
{
    free(s->window);
    s->window = NULL;
    s->nwindow = 0;
}

void timers_start(struct gw *gw)
{
    if (!gw->timers) {
        gw->timers = MEM_NEW(struct timer_state);
        gw->timers->waiting_tail = &gw->timers->waiting;
        gw->timers->m_late =
            metric_histogram("sopd_timer_late_seconds",
                             "From the time a timer was due to its being handed to its chat.",
                             metric_labels("gateway", gw->name, NULL));
    }
    struct timer_state *s = gw->timers;
    timers_forget_window(s);
    held_forget(gw);
    s->fetching = s->more = false;
    s->next_ms = 0;
}

void timers_note(struct gw *gw, int64_t due_ms)
{
    struct timer_state *s = gw->timers;
    if (!s)
        return;
    if (due_ms < s->next_ms)
        s->next_ms = due_ms;
    if (s->more && due_ms <= clock_wall(gw->e->clock))
        s->restart = true; /* it stands before what this scan has reached */
}

int64_t timers_next(const struct gw *gw)
{
    const struct timer_state *s = gw->timers;
    if (!s || !gw->owner || s->fetching || s->busy >= TIMERS_LOW)
        return INT64_MAX; /* the answer, or the end of a turn, wakes us */
    int64_t next = s->restart ? 0 : s->next_ms;
    int64_t again = clock_wall(gw->e->clock) + s->put_off_ms - timers_time(gw);
    return s->put_off && again < next ? again : next;
}

/* ---- bodies ---- */

static const char *timers_text(const cJSON *o, const char *key)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
    return s ? s : "";
}

/* A timer that cannot be read or found is taken out, so that it does not come again for ever. */
static void timers_remove(struct gw *gw, struct timer *t, const char *why)
{
    struct buf zset = {0};
    gw_key(gw, &zset, "timers");
    redis_command(gw->e->redis, NULL, NULL, 3, (const char *[]){"ZREM", buf_cstr(&zset), t->id},
                  NULL);
    buf_free(&zset);
    log_error("timer dropped", "gateway", gw->name, "timer", t->id, "problem", why, NULL);
    held_release(gw, t);
}

static void timers_ready(struct gw *gw, struct timer *t, const char *json, size_t len)
{
    cJSON *o = cJSON_ParseWithLength(json, len);
    const cJSON *due = cJSON_GetObjectItemCaseSensitive(o, "due");
    const cJSON *args = cJSON_GetObjectItemCaseSensitive(o, "args");
    const char *chat = timers_text(o, "chat");
    if (!cJSON_IsNumber(due) || !*chat) {
        timers_remove(gw, t, "its body is not readable");
    } else if ((int64_t)due->valuedouble != t->due_ms && !t->tries++) {
        held_put_off(gw, t, TIMERS_MOVED_MS); /* once; then somebody meant it so */
    } else {
        struct input *in = MEM_NEW(struct input);
        in->kind = INPUT_TIMER;
        in->id = mem_strdup(t->id);
        in->flow = mem_strdup(timers_text(o, "flow"));
        in->name = mem_strdup(timers_text(o, "name"));
        in->key = mem_strdup(timers_text(o, "key"));
        in->user = mem_strdup(timers_text(o, "user"));
        in->serial = strtoull(timers_text(o, "serial"), NULL, 16);
        in->due_ms = t->due_ms;
        in->args = args && !cJSON_IsNull(args) ? cJSON_PrintUnformatted(args) : NULL;
        said_begin(gw, in, chat);
        held_add(gw, t, in, chat);
    }
    cJSON_Delete(o);
}

/* The window takes its places in the chats, in its order. reply: the bodies of those that have one, NULL if none has. */
static void timers_place(struct gw *gw, const struct redisReply *reply)
{
    struct timer_state *s = gw->timers;
    size_t at = 0;
    for (size_t i = 0; i < s->nwindow; i++) {
        struct timer *t = s->window[i];
        const struct redisReply *r =
            held_is_run(t->id) || !reply || at >= reply->elements ? NULL : reply->element[at++];
        if (t->dropped)
            held_release(gw, t);
        else if (held_is_run(t->id))
            held_add(gw, t, NULL, NULL);
        else if (!r || r->type != REDIS_REPLY_STRING)
            timers_remove(gw, t, "it has no body");
        else
            timers_ready(gw, t, r->str, r->len);
    }
    timers_forget_window(s);
    held_feed(gw);
    engine_spin(gw->e);
}

static void timers_failed(struct gw *gw, const struct redisReply *reply)
{
    struct timer_state *s = gw->timers;
    int64_t now = clock_mono(gw->e->clock);
    if (reply && log_gate_open(&s->gate, now, TIMERS_LOG_MS))
        log_warn("timers cannot be read", "gateway", gw->name, "answer",
                 reply->str ? reply->str : "?", NULL);
    s->more = false;
    s->next_ms = clock_wall(gw->e->clock) + TIMERS_RETRY_MS;
}

static void timers_bodies(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    struct timer_state *s = gw->timers;
    if (!s)
        return;
    s->fetching = false;
    if (reply && reply->type == REDIS_REPLY_ARRAY) {
        timers_place(gw, reply);
        return;
    }
    for (size_t i = 0; i < s->nwindow; i++)
        held_release(gw, s->window[i]);
    timers_forget_window(s);
    timers_failed(gw, reply);
}

static void timers_ask_bodies(struct gw *gw, size_t n)
{
    struct timer_state *s = gw->timers;
    struct buf cmd = {0}, key = {0};
    gw_key(gw, &key, "timer");
    buf_add_array(&cmd, 2 + n);
    buf_add_bulk(&cmd, "HMGET", 5);
    buf_add_bulk(&cmd, key.data, key.len);
    for (size_t i = 0; i < s->nwindow; i++)
        if (!held_is_run(s->window[i]->id))
            buf_add_bulk(&cmd, s->window[i]->id, strlen(s->window[i]->id));
    s->fetching = redis_send(gw->e->redis, buf_cstr(&cmd), cmd.len, timers_bodies, gw);
    if (!s->fetching)
        timers_bodies(gw, NULL);
    buf_free(&cmd);
    buf_free(&key);
}

/* ---- windows ---- */

static void timers_tell_late(struct gw *gw, int64_t due_ms, size_t n)
{
    int64_t late = clock_wall(gw->e->clock) - due_ms;
    if (due_ms > 0 && late > TIMERS_LATE_MS &&
        log_gate_open(&gw->timers->gate, clock_mono(gw->e->clock), TIMERS_LOG_MS))
        log_info("timers are late", "gateway", gw->name, "oldest_s", log_int(late / 1000),
                 "of_this_window", log_int((int64_t)n), NULL);
}

/* The window of due timers: ids and times. */
static void timers_due(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    struct timer_state *s = gw->timers;
    if (!s)
        return;
    s->fetching = false;
    if (!reply || reply->type != REDIS_REPLY_ARRAY) {
        timers_failed(gw, reply);
        return;
    }
    size_t n = reply->elements / 2, passed = 0, bodies = 0;
    s->window = mem_alloc((n + 1) * sizeof *s->window);
    for (size_t i = 0; i < n; i++) {
        int64_t due = strtoll(reply->element[i * 2 + 1]->str, NULL, 10);
        struct timer *t = held_take(gw, reply->element[i * 2]->str, due, &passed);
        if (!t)
            continue;
        s->window[s->nwindow++] = t;
        bodies += !held_is_run(t->id);
    }
    s->skip += passed;
    s->more = n >= s->asked;
    if (s->more)
        s->next_ms = 0;
    if (s->nwindow)
        timers_tell_late(gw, s->window[0]->due_ms, s->nwindow);
    if (bodies)
        timers_ask_bodies(gw, bodies);
    else
        timers_place(gw, NULL);
}

/* The one after the window: when to look again. */
static void timers_following(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    if (!gw->timers || !reply || reply->type != REDIS_REPLY_ARRAY || reply->elements < 2)
        return;
    int64_t due = strtoll(reply->element[1]->str, NULL, 10);
    if (due < gw->timers->next_ms)
        gw->timers->next_ms = due;
}

/* Reads from the front, without those that were passed over in this scan: they are still there, so nothing can have moved in front
 * of the rest but what was set meanwhile, and that begins a new scan. Of the first `busy` nothing is new. */
static bool timers_ask(struct gw *gw, int64_t now)
{
    struct timer_state *s = gw->timers;
    struct buf key = {0}, at = {0}, skip = {0}, limit = {0}, after = {0};
    s->asked = s->busy + s->put_off + TIMERS_WINDOW;
    gw_key(gw, &key, "timers");
    buf_addi(&at, now);
    buf_addi(&skip, (int64_t)s->skip);
    buf_addi(&limit, (int64_t)s->asked);
    buf_addf(&after, "(%lld", (long long)now);
    const char *zset = buf_cstr(&key);
    const char *due[] = {"ZRANGEBYSCORE", zset,    "-inf",          buf_cstr(&at),
                         "WITHSCORES",    "LIMIT", buf_cstr(&skip), buf_cstr(&limit)};
    const char *following[] = {
        "ZRANGEBYSCORE", zset, buf_cstr(&after), "+inf", "WITHSCORES", "LIMIT", "0", "1"};
    bool ok = redis_command(gw->e->redis, timers_due, gw, 8, due, NULL);
    if (ok)
        redis_command(gw->e->redis, timers_following, gw, 8, following, NULL);
    buf_free(&key);
    buf_free(&at);
    buf_free(&skip);
    buf_free(&limit);
    buf_free(&after);
    return ok;
}

void timers_run(struct gw *gw)
{
    struct timer_state *s = gw->timers;
    int64_t now = clock_wall(gw->e->clock);
    if (!s || !gw->owner)
        return;
    held_widen(gw);
    if (s->fetching || s->busy >= TIMERS_LOW)
        return;
    if (s->next_ms > now + TIMERS_POLL_MS) /* the clock was set back */
        s->next_ms = now;
    if (held_look(gw))
        s->restart = true;
    if (s->next_ms > now && !s->restart)
        return;
    if (!s->more || s->restart)
        held_scan(s);
    s->next_ms = now + TIMERS_POLL_MS;
    s->fetching = timers_ask(gw, now);
    if (!s->fetching)
        s->next_ms = now + TIMERS_RETRY_MS;
}

void timers_free(struct gw *gw)
{
    if (!gw->timers)
        return;
    timers_forget_window(gw->timers);
    held_free(gw->timers);
    free(gw->timers);
    gw->timers = NULL;
}
