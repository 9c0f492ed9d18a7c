/* settings_fixture.h -- the settings of one or two daemons, on a loop of the test's own, with a real redis-server. */
#ifndef SOPD_TESTS_UNIT_SETTINGS_FIXTURE_H
#define SOPD_TESTS_UNIT_SETTINGS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "redis_fixture.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/timefmt.h"
#include "store/redis.h"
#include "store/settings.h"

static struct redis_fixture server;
static uv_loop_t loop;
static struct clock now;
static struct redis_addr addr;
static struct settings *settings;
static int changes;
static bool closed;
static int warnings;

static inline void on_changed(void *ud)
{
    (void)ud;
    changes++;
}

static inline void on_closed(void *ud)
{
    (void)ud;
    closed = true;
}

static inline void count_warnings(void *ud, const char *line)
{
    (void)ud;
    warnings += strstr(line, "level=warn") != NULL;
}

static inline void wake(uv_timer_t *t)
{
    (void)t;
}

/* Runs the loop until the condition holds; milliseconds it took, or -1 after `limit`. */
static inline int run_until(bool (*holds)(void), int limit)
{
    uv_timer_t tick;
    uv_timer_init(&loop, &tick);
    uv_timer_start(&tick, wake, 1, 1);
    uint64_t from = clock_ns();
    int took = -1;
    for (;;) {
        clock_tick(&now);
        if (holds && holds()) {
            took = (int)((clock_ns() - from) / 1000000);
            break;
        }
        if ((int)((clock_ns() - from) / 1000000) > limit)
            break;
        uv_run(&loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
    return took;
}

static inline bool is_loaded(void)
{
    return settings_loaded(settings);
}

static inline bool is_closed(void)
{
    return closed;
}

static inline int setup(void **state)
{
    (void)state;
    struct buf err = {0};
    memset(&server, 0, sizeof server);
    if (!fixture_start(&server) || !redis_addr_parse(server.url, &addr, &err))
        return -1;
    log_set_sink(count_warnings, NULL);
    clock_init(&now);
    uv_loop_init(&loop);
    changes = warnings = 0;
    closed = false;
    return 0;
}

static inline void begin(void)
{
    settings = settings_create(&loop, &now, &addr, on_changed, NULL);
    assert_int_not_equal(run_until(is_loaded, 3000), -1);
}

static inline int teardown(void **state)
{
    (void)state;
    settings_destroy(settings, on_closed, NULL);
    int took = run_until(is_closed, 3000);
    uv_run(&loop, UV_RUN_DEFAULT);
    int left = uv_loop_close(&loop);
    redis_addr_free(&addr);
    fixture_remove(&server);
    log_set_sink(NULL, NULL);
    metrics_reset();
    return took < 0 || left != 0 ? -1 : 0;
}

/* Look-ups in a chat with the tags that Redis gives it. */
static inline struct settings_place place(const char *gw, const char *chat)
{
    return (struct settings_place){gw, chat, chat ? settings_tags(settings, gw, chat) : NULL, NULL};
}

static inline enum toggle toggle_in(const char *gw, const char *chat, const char *flow)
{
    struct settings_place at = place(gw, chat);
    return settings_toggle(settings, &at, flow, NULL);
}

static inline const char *param_in(const char *gw, const char *chat, const char *field)
{
    struct settings_place at = place(gw, chat);
    struct settings_value v;
    return settings_find(settings, SETTINGS_PARAMS, &at, field, &v) ? v.value : NULL;
}

/* What Redis answers, as a number or -1. */
static inline long long asked(const char *command)
{
    redisReply *r = redisCommand(server.client, command);
    long long n = r && r->type == REDIS_REPLY_INTEGER ? r->integer : -1;
    freeReplyObject(r);
    return n;
}

#endif
