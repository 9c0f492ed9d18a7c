/* settings.c -- see settings.h. Keeps the mirror in step with Redis: settings_mirror.c holds what was read and answers
 * the look-ups.
 * Owns two links: `sub` hears of changed keys, `cmd` reads them. Tracking is switched on anew whenever either of them
 * came up, and everything is read again then. Callers: cli/serve.c, cli/play.c create it; the engine asks. */
#include "store/settings.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/redis.h"
#include "store/settings_mirror.h"

enum { SETTINGS_POLL_MS = 30000, SETTINGS_REST_FACTOR = 50, SETTINGS_MANY = 50000 };

/* The keys that whole passes have found, and "-". Among millions of other keys a pass takes seconds; a start reads these, and the
 * pass goes on behind it. */
static const char settings_index[] = "sopd:settings-keys";

struct settings {
    uv_loop_t *loop;
    struct clock *clock;
    struct redis *sub, *cmd;
    struct mirror *mirror;
    uv_check_t check; /* writes commands and reports changes, once a loop iteration */
    uv_timer_t poll;
    int64_t sub_id; /* CLIENT ID of the subscribed link, 0 = not known */
    bool scanning, scan_done,
        again; /* a pass over the keys runs; its last SCAN was answered; another one is wanted */
    unsigned reads; /* HGETALLs of the pass without an answer yet */
    int64_t scan_started;
    struct buf found; /* keys of this pass, RESP bulk strings */
    size_t nfound;
    uint64_t indexed; /* hash of what settings_index was given last */
    bool many;        /* more keys than a start should wait for */
    bool loaded, announced, closing;
    uint64_t reported; /* generation that `changed` was told */
    int open_parts;
    void (*changed)(void *ud);
    void *ud;
    void (*done)(void *ud);
    void *done_ud;
};

/* An HGETALL on its way. */
struct settings_read {
    struct settings *s;
    bool in_pass;
    char *key;
};

static void settings_pass(struct settings *s);

/* ---- reading ---- */

static void settings_poll(uv_timer_t *timer)
{
    struct settings *s = timer->data;
    clock_tick(s->clock);
    settings_pass(s);
    redis_flush(s->cmd);
}

static void settings_ignore(void *ud, const redisReply *reply)
{
    (void)ud;
    (void)reply;
}

/* Adds what this pass found, if that is news. A key that is gone may stay: it is read as empty. */
static void settings_write_index(struct settings *s)
{
    uint64_t hash = hash_more(1, buf_cstr(&s->found), s->found.len);
    if (hash == s->indexed)
        return;
    s->indexed = hash;
    struct buf cmd = {0};
    buf_add_array(&cmd, s->nfound + 3);
    buf_add_bulk(&cmd, "SADD", 4);
    buf_add_bulk(&cmd, settings_index, sizeof settings_index - 1);
    buf_add_bulk(&cmd, "-", 1);
    buf_add(&cmd, buf_cstr(&s->found), s->found.len);
    redis_send(s->cmd, buf_cstr(&cmd), cmd.len, settings_ignore, s);
    buf_free(&cmd);
}

static void settings_pass_end(struct settings *s, bool complete)
{
    s->scanning = false;
    s->reads = 0;
    if (s->closing)
        return;
    if (complete) {
        mirror_sweep(s->mirror);
        s->loaded = true;
        settings_write_index(s);
    }
    /* a pass over a huge database is repeated more seldom: passes take at most 2 % of the time */
    int64_t rest = (clock_mono(s->clock) - s->scan_started) * SETTINGS_REST_FACTOR;
    uv_timer_start(&s->poll, settings_poll,
                   (uint64_t)(rest > SETTINGS_POLL_MS ? rest : SETTINGS_POLL_MS), 0);
    if (complete && s->again)
        settings_pass(s);
}

static void settings_wrong_key(const char *key, const char *error)
{
    log_warn("a key of the settings cannot be read; it is ignored", "key", key, "error", error,
             "remedy", "it must be a hash: DEL it, then HSET KEY FIELD VALUE", NULL);
}

static void settings_store(struct settings *s, const char *key, const redisReply *reply)
{
    size_t n = reply->elements;
    const char **words = mem_alloc((n + 1) * sizeof *words);
    size_t *lens = mem_alloc((n + 1) * sizeof *lens);
    for (size_t i = 0; i < n; i++) {
        words[i] = reply->element[i]->str ? reply->element[i]->str : "";
        lens[i] = (size_t)reply->element[i]->len;
    }
    mirror_set(s->mirror, key, n, words, lens);
    free(words);
    free(lens);
}

static void settings_on_hash(void *ud, const redisReply *reply)
{
    struct settings_read *r = ud;
    struct settings *s = r->s;
    if (reply && reply->type == REDIS_REPLY_ARRAY)
        settings_store(s, r->key, reply);
    else if (reply && reply->type == REDIS_REPLY_ERROR && mirror_set_wrong(s->mirror, r->key))
        settings_wrong_key(r->key, reply->str);
    if (r->in_pass && s->scanning) {
        if (!reply)
            settings_pass_end(s, false); /* the link is gone; a new one begins a new pass */
        else if (--s->reads == 0 && s->scan_done)
            settings_pass_end(s, true);
    }
    free(r->key);
    free(r);
}

static void settings_read_key(struct settings *s, const char *key, size_t len, bool in_pass)
{
    struct settings_read *r = MEM_NEW(struct settings_read);
    r->s = s;
    r->in_pass = in_pass;
    r->key = mem_strndup(key, len);
    const char *argv[] = {"HGETALL", r->key};
    if (redis_command(s->cmd, settings_on_hash, r, 2, argv, NULL)) {
        s->reads += in_pass;
        return;
    }
    free(r->key);
    free(r);
}

static void settings_on_scan(void *ud, const redisReply *reply);

static void settings_scan(struct settings *s, const char *cursor)
{
    const char *count = s->loaded ? "200" : "1000"; /* small steps keep others from waiting */
    const char *argv[] = {"SCAN", cursor, "MATCH", "sopd:[tpcsv]*", "COUNT", count};
    if (!redis_command(s->cmd, settings_on_scan, s, 6, argv, NULL))
        settings_pass_end(s, false);
}

static void settings_on_scan(void *ud, const redisReply *reply)
{
    struct settings *s = ud;
    if (!s->scanning)
        return;
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        if (reply && reply->type == REDIS_REPLY_ERROR)
            log_warn("the settings cannot be read", "error", reply->str, NULL);
        settings_pass_end(s, false);
        return;
    }
    const redisReply *keys = reply->element[1];
    for (size_t i = 0; i < keys->elements; i++) {
        const redisReply *key = keys->element[i];
        if (!mirror_wants(key->str, (size_t)key->len))
            continue;
        settings_read_key(s, key->str, (size_t)key->len, true);
        buf_add_bulk(&s->found, key->str, (size_t)key->len);
        s->nfound++;
    }
    s->scan_done = strcmp(reply->element[0]->str, "0") == 0;
    if (!s->scan_done)
        settings_scan(s, reply->element[0]->str);
    else if (s->reads == 0)
        settings_pass_end(s, true);
}

static void settings_on_size(void *ud, const redisReply *reply)
{
    struct settings *s = ud;
    s->many = reply && reply->type == REDIS_REPLY_INTEGER && reply->integer > SETTINGS_MANY;
}

/* All that the index named was read. */
static void settings_on_indexed(void *ud, const redisReply *reply)
{
    struct settings *s = ud;
    if (reply && reply->type != REDIS_REPLY_ERROR && !s->closing)
        s->loaded = true;
}

static void settings_on_index(void *ud, const redisReply *reply)
{
    struct settings *s = ud;
    if (!s->many || !s->scanning || s->closing || !reply || reply->type != REDIS_REPLY_ARRAY ||
        !reply->elements)
        return;
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *key = reply->element[i];
        if (key->str && mirror_wants(key->str, (size_t)key->len))
            settings_read_key(s, key->str, (size_t)key->len, true);
    }
    redis_command(s->cmd, settings_on_indexed, s, 1, (const char *[]){"PING"}, NULL);
}

/* Reads everything: after the links came up, after FLUSHALL, and from time to time as a net. */
static void settings_pass(struct settings *s)
{
    if (s->scanning) {
        s->again = true;
        return;
    }
    if (!redis_is_up(s->cmd))
        return;
    s->again = false;
    s->scanning = true;
    s->scan_done = false;
    s->reads = 0;
    s->scan_started = clock_mono(s->clock);
    buf_reset(&s->found);
    s->nfound = 0;
    mirror_begin(s->mirror);
    if (!s->loaded) {
        redis_command(s->cmd, settings_on_size, s, 1, (const char *[]){"DBSIZE"}, NULL);
        redis_command(s->cmd, settings_on_index, s, 2, (const char *[]){"SMEMBERS", settings_index},
                      NULL);
    }
    settings_scan(s, "0");
}

/* ---- hearing of changes ---- */

static void settings_on_tracking(void *ud, const redisReply *reply)
{
    (void)ud;
    if (reply && reply->type == REDIS_REPLY_ERROR)
        log_warn("Redis does not report changed settings; they are read every 30 s", "error",
                 reply->str, NULL);
}

/* Both links are up: asks for reports of changed keys on `sub`, then reads everything. */
static void settings_track(struct settings *s)
{
    if (!redis_is_up(s->cmd))
        return;
    if (s->sub_id) {
        char id[24];
        snprintf(id, sizeof id, "%lld", (long long)s->sub_id);
        const char *off[] = {"CLIENT", "TRACKING", "OFF"};
        const char *on[] = {
            "CLIENT", "TRACKING",     "ON",     "REDIRECT",      id,       "BCAST",
            "PREFIX", "sopd:toggles", "PREFIX", "sopd:params",   "PREFIX", "sopd:paused",
            "PREFIX", "sopd:staff",   "PREFIX", "sopd:versions", "PREFIX", "sopd:chat-tags"};
        redis_command(s->cmd, settings_ignore, s, 3, off, NULL);
        redis_command(s->cmd, settings_on_tracking, s, (int)(sizeof on / sizeof on[0]), on, NULL);
    }
    settings_pass(s);
}

static void settings_on_id(void *ud, const redisReply *reply)
{
    struct settings *s = ud;
    if (!reply || reply->type != REDIS_REPLY_INTEGER || s->closing)
        return;
    const char *argv[] = {"SUBSCRIBE", "__redis__:invalidate"};
    redis_command(s->sub, NULL, NULL, 2, argv, NULL);
    s->sub_id = reply->integer;
    settings_track(s);
}

static void settings_sub_status(void *ud, enum redis_status status)
{
    struct settings *s = ud;
    s->sub_id = 0;
    if (status != REDIS_UP || s->closing)
        return;
    const char *argv[] = {"CLIENT", "ID"};
    redis_command(s->sub, settings_on_id, s, 2, argv, NULL);
}

static void settings_cmd_status(void *ud, enum redis_status status)
{
    struct settings *s = ud;
    if (status == REDIS_UP && !s->closing)
        settings_track(s);
}

static void settings_on_message(void *ud, const redisReply *r)
{
    struct settings *s = ud;
    if (s->closing || r->type != REDIS_REPLY_ARRAY || r->elements != 3)
        return;
    const redisReply *kind = r->element[0], *keys = r->element[2];
    if (!kind->str || strcmp(kind->str, "message") != 0)
        return;
    if (keys->type != REDIS_REPLY_ARRAY) { /* nil: the database was flushed */
        settings_pass(s);
        return;
    }
    for (size_t i = 0; i < keys->elements; i++) {
        const redisReply *key = keys->element[i];
        if (!key->str || !mirror_wants(key->str, (size_t)key->len))
            continue;
        settings_read_key(s, key->str, (size_t)key->len, false);
        redis_command(s->cmd, settings_ignore, s, 3,
                      (const char *[]){"SADD", settings_index, key->str}, NULL);
    }
}

/* ---- life ---- */

static void settings_check(uv_check_t *check)
{
    struct settings *s = check->data;
    redis_flush(s->sub);
    redis_flush(s->cmd);
    uint64_t now = mirror_generation(s->mirror);
    if (!s->loaded || (s->announced && now == s->reported))
        return;
    s->announced = true;
    s->reported = now;
    if (s->changed)
        s->changed(s->ud);
}

struct settings *settings_create(uv_loop_t *loop, struct clock *clock,
                                 const struct redis_addr *addr, void (*changed)(void *ud), void *ud)
{
    struct settings *s = MEM_NEW(struct settings);
    s->loop = loop;
    s->clock = clock;
    s->changed = changed;
    s->ud = ud;
    s->mirror = mirror_new();
    uv_check_init(loop, &s->check);
    uv_timer_init(loop, &s->poll);
    s->check.data = s->poll.data = s;
    uv_check_start(&s->check, settings_check);
    s->open_parts = 4;
    struct redis_opts sub = {.addr = addr,
                             .name = "sopd-settings-sub",
                             .on_status = settings_sub_status,
                             .on_message = settings_on_message,
                             .ud = s};
    struct redis_opts cmd = {
        .addr = addr, .name = "sopd-settings", .on_status = settings_cmd_status, .ud = s};
    s->sub = redis_create(loop, clock, &sub);
    s->cmd = redis_create(loop, clock, &cmd);
    return s;
}

static void settings_part_closed(struct settings *s)
{
    if (--s->open_parts > 0)
        return;
    void (*done)(void *) = s->done;
    void *ud = s->done_ud;
    mirror_free(s->mirror);
    buf_free(&s->found);
    free(s);
    if (done)
        done(ud);
}

static void settings_handle_closed(uv_handle_t *h)
{
    settings_part_closed(h->data);
}

static void settings_link_closed(void *ud)
{
    settings_part_closed(ud);
}

void settings_destroy(struct settings *s, void (*done)(void *ud), void *ud)
{
    if (!s) {
        if (done)
            done(ud);
        return;
    }
    s->closing = true;
    s->done = done;
    s->done_ud = ud;
    uv_check_stop(&s->check);
    uv_timer_stop(&s->poll);
    uv_close((uv_handle_t *)&s->check, settings_handle_closed);
    uv_close((uv_handle_t *)&s->poll, settings_handle_closed);
    redis_destroy(s->sub, settings_link_closed, s);
    redis_destroy(s->cmd, settings_link_closed, s);
}

/* ---- look-ups ---- */

bool settings_loaded(const struct settings *s)
{
    return s->loaded;
}

bool settings_quiet(const struct settings *s)
{
    return s->loaded && !s->scanning && redis_pending(s->cmd) == 0;
}

uint64_t settings_generation(const struct settings *s)
{
    return mirror_generation(s->mirror);
}

uint64_t settings_routes_generation(const struct settings *s)
{
    return mirror_routes_generation(s->mirror);
}

bool settings_find(const struct settings *s, enum settings_kind kind,
                   const struct settings_place *at, const char *field, struct settings_value *out)
{
    return mirror_find(s->mirror, kind, at, field, out);
}

void settings_each(const struct settings *s, enum settings_kind kind,
                   const struct settings_place *at, const char *field,
                   void (*fn)(void *ud, const struct settings_value *v), void *ud)
{
    mirror_each(s->mirror, kind, at, field, fn, ud);
}

enum toggle settings_toggle(const struct settings *s, const struct settings_place *at,
                            const char *flow, struct settings_value *why)
{
    struct settings_value v;
    if (!mirror_find(s->mirror, SETTINGS_TOGGLES, at, flow, &v))
        return TOGGLE_UNSET;
    if (why)
        *why = v;
    return strcmp(v.value, "on") == 0 ? TOGGLE_ON : TOGGLE_OFF;
}

struct settings_pause {
    int64_t now_ms;
    bool paused;
    struct settings_value why;
};

static void settings_on_pause(void *ud, const struct settings_value *v)
{
    struct settings_pause *p = ud;
    if (strcmp(v->value, "yes") != 0 && strtoll(v->value, NULL, 10) <= p->now_ms)
        return;
    p->paused = true;
    p->why = *v;
}

bool settings_paused(const struct settings *s, const struct settings_place *at, const char *flow,
                     int64_t now_ms, struct settings_value *why)
{
    struct settings_pause p = {.now_ms = now_ms};
    mirror_each(s->mirror, SETTINGS_PAUSED, at, flow, settings_on_pause, &p);
    mirror_each(s->mirror, SETTINGS_PAUSED, at, "*", settings_on_pause, &p);
    if (p.paused && why)
        *why = p.why;
    return p.paused;
}

const char *settings_tags(const struct settings *s, const char *gw, const char *chat)
{
    return mirror_tags(s->mirror, gw, chat);
}

bool settings_is_special(const struct settings *s, const char *gw, const char *chat)
{
    return mirror_is_special(s->mirror, gw, chat);
}
