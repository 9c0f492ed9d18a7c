/* test_gateway_conf.c -- copies of a gateway's configuration, their defaults, what makes two of them the same; and the timer and
 * the JSON members that codecs share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "gateway/conf.h"
#include "gateway/jsonout.h"
#include "gateway/transport.h"
#include "gateway/wake.h"

enum { SIZE_LISTED = 440 };

static const char *const names[] = {"小助手", "助手", NULL};

static struct gateway_conf sample(void)
{
    return (struct gateway_conf){.name = "a",
                                 .type = "wecom",
                                 .url = "wss://127.0.0.1/",
                                 .token = "secret",
                                 .bot_id = "bot",
                                 .names = names,
                                 .proxy = "http://u:p@127.0.0.1",
                                 .plug_version = "1",
                                 .login_platform = "discord",
                                 .takeover_ms = 5,
                                 .timeout_ms = 7,
                                 .catchup = 3,
                                 .rank = 1};
}

static void test_a_copy_has_strings_of_its_own(void **state)
{
    (void)state;
    struct gateway_conf from = sample(), to;
    gateway_conf_copy(&to, &from);
    assert_true(gateway_conf_equal(&from, &to));
    assert_ptr_not_equal(to.token, from.token);
    assert_ptr_not_equal(to.names, from.names);
    assert_ptr_not_equal(to.names[1], from.names[1]);
    assert_ptr_not_equal(to.bot_id, from.bot_id);
    assert_string_equal(to.names[0], "小助手");
    assert_null(to.names[2]);
    gateway_conf_free(&to);
    assert_null(to.token);
    gateway_conf_free(&to); /* empty: harmless */
}

static void test_an_empty_token_is_none(void **state)
{
    (void)state;
    struct gateway_conf from = {.token = ""}, to;
    gateway_conf_copy(&to, &from);
    assert_null(to.token);
    gateway_conf_free(&to);
}

/* A gateway is made anew when anything of its configuration changed but its place in the file. */
static void test_every_difference_is_seen(void **state)
{
    (void)state;
    struct gateway_conf a = sample(), b = sample();
    static const char *const other[] = {"小助手", NULL};
    assert_true(gateway_conf_equal(&a, &b));
    b.rank = 2;
    assert_true(gateway_conf_equal(&a, &b));
#define DIFFERS(field, value)                     \
    do {                                          \
        b = sample();                             \
        b.field = value;                          \
        assert_false(gateway_conf_equal(&a, &b)); \
        assert_false(gateway_conf_equal(&b, &a)); \
    } while (0)
    DIFFERS(name, "b");
    DIFFERS(token, "other");
    DIFFERS(token, NULL);
    DIFFERS(names, other);
    DIFFERS(names, NULL);
    DIFFERS(bot_id, NULL);
    DIFFERS(plug_version, "2");
    DIFFERS(login_platform, NULL);
    DIFFERS(canary_chat, "1");
    DIFFERS(pool, "1");
    DIFFERS(takeover_ms, 6);
    DIFFERS(timeout_ms, 8);
    DIFFERS(risk_step_ms, 8);
    DIFFERS(risk_window_ms, 8);
    DIFFERS(ping_ms, 8);
    DIFFERS(scene, 8);
    DIFFERS(catchup, 4);
    DIFFERS(resume, true);
    DIFFERS(mention_angle, true);
    DIFFERS(compress, true);
    DIFFERS(compress_window, 9);
    DIFFERS(fragment, 1);
    DIFFERS(max_frame, 1);
    DIFFERS(expect, EXPECT_EVERY);
    DIFFERS(expect_to_ms, 1);
    DIFFERS(limited_ms, 1);
    DIFFERS(channels, other);
}

/* A new field of the configuration has to be listed in conf.c, else a reload does not see it and a copy shares it. */
static void test_no_field_is_forgotten(void **state)
{
    (void)state;
    if (sizeof(void *) == 8)
        assert_int_equal(sizeof(struct gateway_conf), SIZE_LISTED);
}

static void test_defaults_fill_what_is_not_configured(void **state)
{
    (void)state;
    struct gateway_conf c = {.timeout_ms = 5000};
    gateway_conf_default(&c.ping_ms, 30000);
    gateway_conf_defaults(&c);
    assert_int_equal(c.timeout_ms, 5000);
    assert_int_equal(c.ping_ms, 30000);
    assert_int_equal(c.first_ms, 10000);
    assert_int_equal(c.backoff_max_ms, 60000);
    assert_int_equal(c.max_frame, 64 << 20);
    assert_int_equal(gateway_conf_tick(&c), 250); /* a quarter of the back-off */
    c.ping_ms = 100;
    assert_int_equal(gateway_conf_tick(&c), 25);
    c.ping_ms = 1;
    assert_int_equal(gateway_conf_tick(&c), 10);
}

static void test_tokens_that_break_on_the_way_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *token;
        bool query, good;
    } cases[] = {{NULL, false, true},  {"aB3-_.~", true, true}, {"a+b", false, true},
                 {"a+b", true, false}, {"x y", false, false},   {"a\n", false, false},
                 {"密", false, false}, {"a%20", true, false},   {"a\x7f", false, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gateway_conf c = {.token = cases[i].token, .token_in_query = cases[i].query};
        struct buf err = {0};
        assert_int_equal(gateway_conf_check_token(&c, &err), cases[i].good);
        assert_int_equal(err.len != 0, !cases[i].good);
        if (c.token && err.len)
            assert_null(strstr(buf_cstr(&err), c.token));
        buf_free(&err);
    }
}

static void test_a_connection_is_made_as_configured(void **state)
{
    (void)state;
    struct gateway_conf c = {.tls_ca = "ca",
                             .proxy = "none",
                             .first_ms = 5,
                             .tls_insecure = true,
                             .fragment = 9,
                             .compress = true,
                             .compress_window = 12,
                             .max_frame = 77};
    struct conn_target target;
    struct conn_opts opts;
    gateway_conf_target(&c, "wss://x/", &target);
    assert_string_equal(target.url, "wss://x/");
    assert_string_equal(target.ca, "ca");
    assert_string_equal(target.proxy, "none");
    assert_true(target.insecure);
    assert_int_equal(target.timeout_ms, 5);
    assert_null(target.bearer);
    gateway_conf_opts(&c, NULL, &c, 42, &opts);
    assert_int_equal(opts.max_queue, 42);
    assert_int_equal(opts.max_message, 77);
    assert_int_equal(opts.fragment, 9);
    assert_int_equal(opts.deflate.window, 12);
    assert_true(opts.compress);
}

static void test_members_get_their_commas(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_addc(&b, '{');
    jsonout_string(&b, "a", "x\"\n");
    jsonout_int(&b, "n", -5);
    jsonout_key(&b, "o");
    buf_addc(&b, '{');
    jsonout_bool(&b, "t", true);
    jsonout_bool(&b, "f", false);
    buf_addc(&b, '}');
    jsonout_string(&b, "z", NULL);
    jsonout_raw(&b, "r", "[1]");
    buf_addc(&b, '}');
    assert_string_equal(
        buf_cstr(&b),
        "{\"a\":\"x\\\"\\n\",\"n\":-5,\"o\":{\"t\":true,\"f\":false},\"z\":null,\"r\":[1]}");
    buf_free(&b);
}

/* ---- the timer ---- */

struct waker {
    struct wake wake;
    struct clock *clock;
    int due, closed;
};

static void on_due(void *ud)
{
    struct waker *w = ud;
    w->due++;
}

static void on_closed(void *ud)
{
    struct waker *w = ud;
    w->closed++;
}

static void test_the_timer_fires_at_the_earliest_moment_asked_for(void **state)
{
    (void)state;
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    struct clock clock;
    clock_init(&clock);
    struct waker w = {.clock = &clock};
    wake_init(&w.wake, &loop, &clock, on_due, &w);
    wake_at(&w.wake, clock_mono(&clock) + 3600000);
    wake_at(&w.wake, clock_mono(&clock) + 5);
    wake_at(&w.wake, clock_mono(&clock) + 7200000); /* later than what stands: nothing changes */
    while (!w.due)
        uv_run(&loop, UV_RUN_ONCE);
    wake_close(&w.wake, on_closed);
    wake_at(&w.wake, 0); /* nothing after that */
    wake_close(&w.wake, on_closed);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(w.due, 1);
    assert_int_equal(w.closed, 1);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_copy_has_strings_of_its_own),
        cmocka_unit_test(test_an_empty_token_is_none),
        cmocka_unit_test(test_every_difference_is_seen),
        cmocka_unit_test(test_no_field_is_forgotten),
        cmocka_unit_test(test_defaults_fill_what_is_not_configured),
        cmocka_unit_test(test_tokens_that_break_on_the_way_are_refused),
        cmocka_unit_test(test_a_connection_is_made_as_configured),
        cmocka_unit_test(test_members_get_their_commas),
        cmocka_unit_test(test_the_timer_fires_at_the_earliest_moment_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
