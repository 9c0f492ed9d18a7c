/* test_world.c -- the world of a test case: one Redis for the whole run, emptied before each case, and for each case a daemon with the
 * playground as its gateway and a clock that stands still. Owns: the folder, Redis, the daemon.
 * Callers: test.c (open, close), test_script.c (begin, end), test_steps.c. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/serve/daemon.h"
#include "cli/serve/stage.h"
#include "cli/serve/stage_expiry.h"
#include "cli/test/test.h"
#include "engine/engine.h"
#include "engine/turn/crash.h"
#include "lua/config.h"
#include "store/embedded.h"
#include "store/settings.h"

enum {
    WORLD_TICK_MS = 2,
    WORLD_PATIENCE_MS = 15000,
    WORLD_GRACE_MS = 2000,
    WORLD_REDIS_TRIES = 2000, /* 5 ms each */
};

/* ---- Redis ---- */

static bool world_connect(struct world *w)
{
    struct redis_addr addr = {0};
    struct buf err = {0};
    buf_adds(&w->redis_url, embedded_url(w->embedded));
    bool ok = redis_addr_parse(buf_cstr(&w->redis_url), &addr, &err);
    for (int i = 0; ok && i < WORLD_REDIS_TRIES; i++) {
        uv_run(&w->redis_loop, UV_RUN_NOWAIT);
        w->redis = redisConnectUnix(addr.path);
        redisReply *r = w->redis && !w->redis->err ? redisCommand(w->redis, "PING") : NULL;
        if (r && r->type == REDIS_REPLY_STATUS) {
            freeReplyObject(r);
            break;
        }
        if (r)
            freeReplyObject(r);
        redisFree(w->redis);
        w->redis = NULL;
        usleep(5000);
    }
    if (w->redis) { /* nothing of it outlives the process: no append-only file */
        redisReply *r = redisCommand(w->redis, "CONFIG SET appendonly no");
        if (r)
            freeReplyObject(r);
        w->expiry = stage_expiry_open(addr.path);
    }
    redis_addr_free(&addr);
    buf_free(&err);
    return w->expiry != NULL;
}

struct redisReply *world_redis(struct world *w, int argc, const char **argv)
{
    return w->redis ? redisCommandArgv(w->redis, argc, argv, NULL) : NULL;
}

static void world_log_line(void *ud, const char *line)
{
    struct world *w = ud;
    if (w->verbose)
        fprintf(stderr, "%s\n", line);
    const char *text = strstr(line, "msg=");
    if (strstr(line, "level=error") || strncmp(line, "<3>", 3) == 0)
        buf_addf(&w->problems, "%s\n", text ? text : line);
}

int world_open(struct world *w, const char *sop, struct buf *err)
{
    uv_loop_init(&w->redis_loop);
    log_set_sink(world_log_line, w);
    w->sop = stage_find_sop(sop);
    if (!w->sop) {
        buf_addf(err, "there is no SOP folder%s%s; name one with --sop\n", sop ? " " : " here",
                 sop ? sop : "");
        return CLI_USAGE;
    }
    w->dir = stage_make_dir("sopd-test-", err);
    if (!w->dir)
        return CLI_FAILED;
    struct buf path = {0};
    buf_addf(&path, "%s/redis", w->dir);
    mkdir(buf_cstr(&path), 0700);
    w->embedded = embedded_start(&w->redis_loop, buf_cstr(&path), err);
    buf_free(&path);
    if (!w->embedded)
        return CLI_FAILED;
    if (world_connect(w))
        return CLI_OK;
    buf_adds(err, "redis-server does not answer\n");
    return CLI_FAILED;
}

void world_close(struct world *w)
{
    stage_expiry_close(w->expiry);
    if (w->redis)
        redisFree(w->redis);
    if (w->embedded)
        embedded_stop(w->embedded, NULL, NULL);
    uv_run(&w->redis_loop, UV_RUN_DEFAULT);
    uv_loop_close(&w->redis_loop);
    log_set_sink(NULL, NULL);
    if (w->dir)
        stage_remove_dir(w->dir);
    free(w->dir);
    free(w->sop);
    buf_free(&w->redis_url);
    buf_free(&w->problems);
    buf_free(&w->book);
    buf_free(&w->tags);
}

/* ---- what the bot does ---- */

static void world_on_message(void *ud, const struct playground_message *m)
{
    struct world *w = ud;
    struct world_line *line = world_add_line(w, LINE_BOT, m->chat, "", m->text);
    line->id = mem_strdup(m->message_id);
    if (m->raw->ref && *m->raw->ref)
        line->answers = mem_strdup(m->raw->ref);
    w->spoke = true;
    for (int i = 0; i < m->raw->nsegments; i++) {
        const struct out_segment *s = &m->raw->segments[i];
        if (s->type != SEGMENT_AT || !(playground_caps(w->gateway) & GATEWAY_AT))
            continue;
        const char *name =
            strcmp(s->id, "all") == 0 ? "全体成员" : playground_name(w->gateway, s->id);
        line->names = mem_realloc(line->names, (size_t)(line->nnames + 1) * sizeof *line->names);
        line->names[line->nnames++] = mem_strdup(name);
    }
}

static void world_on_action(void *ud, const char *chat, const char *text)
{
    static const char removes[] = "removes ";
    struct world *w = ud;
    world_add_line(w, LINE_ACTION, chat, "", text);
    if (strncmp(text, removes, sizeof removes - 1) == 0)
        world_leaves(w, chat, text + sizeof removes - 1);
}

/* ---- the loop ---- */

static void world_on_tick(uv_timer_t *timer)
{
    (void)timer; /* it only keeps the loop turning while something slow is waited for */
}

/* After each drain: is this the moment at which the engine is to die? A commit is asked for and not answered now, or a message is with
 * the platform and not acknowledged. */
static void world_after_drain(uv_prepare_t *h)
{
    struct world *w = h->data;
    struct engine *e = w->daemon ? w->daemon->engine : NULL;
    if (!e || w->daemon->stopping || !w->ready)
        return;
    bool now =
        (w->kill == KILL_COMMIT && engine_committing(e)) || (w->kill == KILL_SEND && w->spoke);
    if (!now)
        return;
    w->kill = KILL_NONE;
    w->dead = true;
    engine_die(e);
    uv_stop(&w->loop);
}

/* The drain found nothing to do: the loop need not sleep for the rest of the tick. */
static void world_on_idle(void *ud)
{
    struct world *w = ud;
    if (w->gateway && playground_pending(w->gateway) == 0 && settings_quiet(w->daemon->settings)) {
        w->idle = true;
        uv_stop(&w->loop);
    }
}

/* Before anything of Redis is worked off: who is there, and who watches. */
static void world_on_ready(void *ud)
{
    struct world *w = ud;
    struct playground_watch watch = {
        .ud = w, .on_message = world_on_message, .on_action = world_on_action};
    w->gateway = engine_gateway(w->daemon->engine, STAGE_GATEWAY);
    playground_set_watch(w->gateway, &watch);
    playground_set_self_name(w->gateway, stage_bot_name(w->daemon->book));
    world_gather(w);
    stage_name_staff(w->gateway, w->daemon->book);
    w->ready = true;
}

static void world_on_stopped(void *ud)
{
    struct world *w = ud;
    w->stopped = true;
    uv_stop(&w->loop);
}

/* False: it has not come within many seconds, or the engine died. */
static bool world_wait(struct world *w, const bool *flag)
{
    uint64_t end = clock_ns() + (uint64_t)WORLD_PATIENCE_MS * 1000000;
    while (!*flag && !w->dead && clock_ns() < end)
        uv_run(&w->loop, UV_RUN_ONCE);
    return *flag && !w->dead;
}

/* The engine died: another one goes on, and hears again what the dead one may not have dealt with. */
static bool world_revive(struct world *w)
{
    struct buf err = {0};
    bool alive = world_kill(w, &err) == CLI_OK;
    if (alive)
        world_repeats(w);
    else
        buf_add(&w->problems, err.data, err.len);
    buf_free(&err);
    return alive;
}

static bool world_quiet(struct world *w)
{
    uint64_t end = clock_ns() + (uint64_t)WORLD_PATIENCE_MS * 1000000;
    for (;;) {
        w->idle = false;
        engine_clock_changed(w->daemon->engine);
        if (world_wait(w, &w->idle)) {
            if (w->commanded && commands_done(w))
                w->commanded = false;
            else if (!w->commanded || clock_ns() > end)
                return !w->commanded;
            continue; /* what came out of it may not be quiet yet */
        }
        if (!w->dead || !world_revive(w))
            return false;
    }
}

/* The earliest timer in Redis; INT64_MAX: none. */
static int64_t world_next_timer(struct world *w)
{
    static const char key[] = "sopd:{" STAGE_GATEWAY "}:timers";
    const char *argv[] = {"ZRANGE", key, "0", "0", "WITHSCORES"};
    redisReply *r = world_redis(w, 5, argv);
    int64_t due = INT64_MAX;
    if (r && r->type == REDIS_REPLY_ARRAY && r->elements == 2)
        due = (int64_t)strtod(r->element[1]->str, NULL);
    if (r)
        freeReplyObject(r);
    return due;
}

bool world_settle(struct world *w)
{
    if (w->kill == KILL_INPUT && (w->ninputs || w->commanded)) {
        w->kill = KILL_NONE;
        w->dead = true;
        engine_die(w->daemon->engine);
        if (!world_revive(w))
            return false;
    }
    for (;;) {
        if (!world_quiet(w))
            return false;
        world_forget_inputs(w);
        if (world_web_answer(w))
            continue;
        if (w->mode == MODE_REPLAY)
            engine_forget_runs(w->daemon->engine);
        struct clock *clock = &w->daemon->clock;
        int64_t now = clock_wall(clock);
        if (now >= w->target_ms)
            return true;
        int64_t next = engine_next_planned(w->daemon->engine), timer = world_next_timer(w);
        next = timer < next ? timer : next;
        timer = world_web_next(w);
        next = timer < next ? timer : next;
        if (next <= now) /* what is due and does not get done must not hold the clock */
            next = now + 1000;
        if (next > w->target_ms)
            next = w->target_ms;
        stage_expiry_turn(w->expiry, now, next);
        clock_advance(clock, next - now);
    }
}

bool world_settings(struct world *w, uint64_t since)
{
    uint64_t end = clock_ns() + (uint64_t)WORLD_PATIENCE_MS * 1000000;
    while (settings_generation(w->daemon->settings) == since && clock_ns() < end)
        uv_run(&w->loop, UV_RUN_ONCE);
    return settings_generation(w->daemon->settings) != since;
}

bool world_turn(struct world *w, const char *text, bool duration)
{
    int64_t now = clock_wall(&w->daemon->clock), ms, target;
    if (duration) {
        if (!time_parse_duration(text, &ms))
            return false;
        target = now + ms;
    } else if (time_parse_clock(text, &ms)) {
        int64_t day = zone_day(w->zone, now, 0);
        target = zone_moment(w->zone, day, ms);
        if (target <= now)
            target = zone_moment(w->zone, day + 1, ms);
    } else if (!stage_parse_moment(w->zone, text, &target)) {
        return false;
    }
    w->target_ms = target;
    return target >= now;
}

/* ---- life ---- */

/* The case's own SOP folder, which comes first: the playbook that it wrote, and files that it edits (g:edit). */
static bool world_write_book(struct world *w, struct buf *sops, struct buf *err)
{
    struct buf path = {0};
    buf_addf(&path, "%s/sop", w->dir);
    mkdir(buf_cstr(&path), 0700);
    stage_add_quoted(sops, path.data, path.len);
    buf_adds(sops, ", ");
    stage_add_quoted(sops, w->sop, strlen(w->sop));
    buf_adds(&path, "/playbooks");
    mkdir(buf_cstr(&path), 0700);
    buf_adds(&path, "/sopd-test.lua");
    FILE *f = w->playbook ? NULL : fopen(buf_cstr(&path), "we");
    bool ok = w->playbook || (f && fwrite(w->book.data, 1, w->book.len, f) == w->book.len);
    if (f)
        ok = fclose(f) == 0 && ok;
    if (!ok)
        buf_addf(err, "%s cannot be written\n", path.data);
    buf_free(&path);
    return ok;
}

static struct config *world_config(struct world *w, struct buf *err)
{
    struct buf b = {0}, sops = {0};
    struct config *c = NULL;
    const char *book = w->playbook ? w->playbook : "sopd-test";
    const char *zone = w->timezone ? w->timezone : "Asia/Shanghai";
    if (world_write_book(w, &sops, err)) {
        buf_adds(&b, "return { data_dir = ");
        stage_add_quoted(&b, w->dir, strlen(w->dir));
        buf_adds(&b, ", redis = ");
        stage_add_quoted(&b, w->redis_url.data, strlen(w->redis_url.data));
        buf_addf(&b, ", sop = { %s }, playbooks = { ", buf_cstr(&sops));
        stage_add_quoted(&b, book, strlen(book));
        buf_adds(&b, " }, timezone = ");
        stage_add_quoted(&b, zone, strlen(zone));
        buf_addf(&b, ", tags = { %s }", buf_cstr(&w->tags));
        buf_adds(&b, ", gateways = { { name = \"" STAGE_GATEWAY "\", type = \"playground\" } } }");
        c = config_parse(b.data, b.len, "sopd test", 0, err);
    }
    buf_free(&b);
    buf_free(&sops);
    return c;
}

/* A daemon on what Redis holds. */
static int world_start(struct world *w, struct buf *err)
{
    w->started = true;
    uv_loop_init(&w->loop);
    uv_timer_init(&w->loop, &w->tick);
    uv_timer_start(&w->tick, world_on_tick, WORLD_TICK_MS, WORLD_TICK_MS);
    uv_prepare_init(&w->loop, &w->after);
    w->after.data = w;
    uv_prepare_start(&w->after, world_after_drain); /* what was started first runs last */
    w->ready = w->stopped = w->dead = w->spoke = false;
    struct config *c = world_config(w, err);
    w->daemon = c ? daemon_create(&w->loop, c, true, err) : NULL;
    if (!w->daemon)
        return CLI_PROBLEMS;
    struct daemon *d = w->daemon;
    world_web_start(w);
    clock_init_virtual(&d->clock, w->now_ms);
    d->on_ready = world_on_ready;
    d->on_idle = world_on_idle;
    d->on_stopped = world_on_stopped;
    d->ud = w;
    int code = daemon_start(d, err);
    if (code != CLI_OK)
        return code;
    if (world_wait(w, &w->ready))
        return CLI_OK;
    buf_adds(err, "the engine did not get ready\n");
    return CLI_FAILED;
}

static void world_stop(struct world *w, int64_t grace_ms)
{
    w->dead = false;
    if (w->gateway) {
        w->last_id = playground_last_id(w->gateway);
        playground_free_memory(w->memory);
        w->memory = playground_take_memory(w->gateway);
    }
    if (w->daemon) {
        w->now_ms = clock_wall(&w->daemon->clock);
        daemon_stop(w->daemon, grace_ms);
        world_wait(w, &w->stopped);
    }
    uv_close((uv_handle_t *)&w->tick, NULL);
    uv_close((uv_handle_t *)&w->after, NULL);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    daemon_free(w->daemon);
    w->daemon = NULL;
    w->gateway = NULL;
    uv_run(&w->loop, UV_RUN_DEFAULT);
    uv_loop_close(&w->loop);
}

static int world_go_on(struct world *w, struct buf *err)
{
    int code = world_start(w, err);
    if (code != CLI_OK)
        return code;
    w->target_ms = w->now_ms;
    return world_settle(w) ? CLI_OK : CLI_FAILED;
}

int world_begin(struct world *w, const char *start, struct buf *err)
{
    uv_run(&w->redis_loop, UV_RUN_NOWAIT);
    redisReply *r = world_redis(w, 1, (const char *[]){"FLUSHALL"});
    bool empty = r && r->type == REDIS_REPLY_STATUS;
    if (r)
        freeReplyObject(r);
    stage_expiry_reset(w->expiry);
    w->lacks = 0;
    w->platform = NULL;
    struct buf copy = {0};
    buf_addf(&copy, "%s/sop", w->dir);
    stage_remove_dir(buf_cstr(&copy));
    buf_free(&copy);
    w->zone = zone_get(w->timezone ? w->timezone : "Asia/Shanghai");
    if (!empty)
        buf_adds(err, "redis cannot be emptied\n");
    else if (!w->zone)
        buf_addf(err, "timezone: there is no %s\n", w->timezone);
    else if (!stage_parse_moment(w->zone, start, &w->now_ms))
        buf_addf(err, "start must be like \"2026-03-02 10:00\", not \"%s\"\n", start);
    else
        return world_go_on(w, err);
    return CLI_FAILED;
}

int world_restart(struct world *w, struct buf *err)
{
    world_stop(w, WORLD_GRACE_MS);
    return world_go_on(w, err);
}

int world_kill(struct world *w, struct buf *err)
{
    engine_die(w->daemon->engine);
    world_stop(w, 0);
    w->kills++;
    return world_start(w, err);
}

void world_end(struct world *w)
{
    if (w->started)
        world_stop(w, WORLD_GRACE_MS);
    test_note_keys(w);
    w->started = false;
    w->kill = KILL_NONE;
    w->kills = 0;
    w->last_id = 0;
    playground_free_memory(w->memory);
    w->memory = NULL;
    world_free_lines(w);
    world_free_people(w);
    buf_reset(&w->problems);
    w->together = w->doubtful = w->commanded = false;
    w->commands = 0;
    w->zone = NULL;
}
