/* test_gateway_ops.c -- the table of gateway types: what each says of itself before there is one, and what the calls mean that a codec
 * leaves out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "gateway/gateway.h"

static unsigned poor_caps(const struct gateway *g)
{
    (void)g;
    return GATEWAY_DM | GATEWAY_HISTORY | GATEWAY_DRAFTS;
}

static int created;
static struct gateway_sink made_with;
static struct gateway poor;

static struct gateway *poor_create(const struct gateway_env *env, const struct gateway_conf *conf,
                                   const struct gateway_sink *sink, struct buf *err)
{
    (void)env, (void)conf, (void)err;
    created++;
    made_with = *sink;
    return &poor;
}

static const struct gateway_ops poor_ops = {
    .type = "poor", .events = 1U << EVENT_MESSAGE, .create = poor_create, .caps = poor_caps};
static struct gateway poor = {.ops = &poor_ops};

static void test_every_type_says_what_it_can_do(void **state)
{
    (void)state;
    static const char *const types[] = {"onebot11", "playground", "satori", "wecom"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const struct gateway_ops *ops = gateway_ops_find(types[i]);
        struct gateway_conf conf = {.name = "x", .type = types[i]};
        assert_non_null(ops);
        assert_non_null(ops->caps_of);
        assert_true(gateway_caps_of(&conf) & GATEWAY_PROACTIVE);
        assert_false(gateway_caps_of(&conf) & ~((1U << 17) - 1)); /* only what has a name */
        assert_true(gateway_reports(types[i], EVENT_MESSAGE));
        assert_true(gateway_reports(types[i], EVENT_ORDER)); /* the engine's own */
        assert_true(gateway_reports(types[i], EVENT_TRIGGER));
        assert_true(gateway_reports(types[i], EVENT_GAP));
        /* an event that stands for a capability comes with it */
        assert_int_equal(gateway_reports(types[i], EVENT_JOIN),
                         (gateway_caps_of(&conf) & GATEWAY_JOIN) != 0);
        assert_int_equal(gateway_reports(types[i], EVENT_BUTTON),
                         (gateway_caps_of(&conf) & GATEWAY_BUTTONS) != 0);
        assert_true(!(gateway_caps_of(&conf) & GATEWAY_HISTORY) || ops->catch_up);
        assert_true(!(gateway_caps_of(&conf) & GATEWAY_DRAFTS) || ops->draft);
    }
}

static void test_the_configuration_counts(void **state)
{
    (void)state;
    struct gateway_conf conf = {.type = "onebot11", .catchup = 0};
    assert_false(gateway_caps_of(&conf) & GATEWAY_HISTORY);
    conf.catchup = 20;
    assert_true(gateway_caps_of(&conf) & GATEWAY_HISTORY);
    conf = (struct gateway_conf){.type = "wecom", .mention_angle = false};
    assert_false(gateway_caps_of(&conf) & GATEWAY_AT);
    conf.mention_angle = true;
    assert_true(gateway_caps_of(&conf) & GATEWAY_AT);
}

static void test_nothing_is_held_against_an_unknown_type(void **state)
{
    (void)state;
    struct gateway_conf conf = {.name = "x", .type = "carrier-pigeon"};
    struct gateway_sink sink = {0};
    struct buf err = {0};
    assert_true(gateway_caps_of(&conf) == ~0u);
    assert_true(gateway_reports("carrier-pigeon", EVENT_BUTTON));
    assert_true(gateway_reports(NULL, EVENT_BUTTON));
    assert_null(gateway_create(NULL, &conf, &sink, &err));
    assert_string_equal(buf_cstr(&err), "there is no type carrier-pigeon");
    buf_free(&err);
}

static void test_a_type_can_be_added(void **state)
{
    (void)state;
    struct gateway_conf conf = {.name = "x", .type = "poor"};
    struct gateway_sink sink = {0};
    struct buf err = {0};
    assert_null(gateway_ops_find("poor"));
    gateway_ops_add(&poor_ops);
    assert_ptr_equal(gateway_ops_find("poor"), &poor_ops);
    assert_ptr_equal(gateway_create(NULL, &conf, &sink, &err), &poor);
    assert_int_equal(created, 1);
    assert_true(gateway_reports("poor", EVENT_MESSAGE));
    assert_false(gateway_reports("poor", EVENT_JOIN));
}

static void test_a_codec_may_call_all_of_its_sink(void **state)
{
    (void)state;
    struct event *e = event_new(EVENT_MESSAGE, 0);
    struct gateway_gap gap = {.chat = "1"};
    made_with.on_sent_late(NULL, &poor, 1, "");
    made_with.on_own_message(NULL, &poor, e);
    made_with.on_repeated(NULL, &poor, e);
    made_with.on_chat(NULL, &poor, "1", "", true);
    made_with.on_caught_up(NULL, &poor, &gap);
    event_free(e);
}

static void test_what_a_codec_leaves_out_does_nothing(void **state)
{
    (void)state;
    struct out_message m = {.chat = "1"};
    struct event *e = event_new(EVENT_MESSAGE, 0);
    gateway_catch_up(&poor, "1", 0);
    gateway_pause(&poor, true);
    gateway_unsee(&poor, e);
    gateway_draft(&poor, &m);
    assert_int_equal(gateway_catch_up_many(&poor), 1);
    assert_null(gateway_account_of(&poor, "1"));
    assert_true(gateway_can(&poor, GATEWAY_DM));
    assert_false(gateway_can(&poor, GATEWAY_DM | GATEWAY_KICK));
    assert_false(gateway_can(&poor, GATEWAY_HISTORY)); /* it says so, and has no catch_up */
    assert_false(gateway_can(&poor, GATEWAY_DRAFTS));
    event_free(e);
    event_pool_free();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_says_what_it_can_do),
        cmocka_unit_test(test_the_configuration_counts),
        cmocka_unit_test(test_nothing_is_held_against_an_unknown_type),
        cmocka_unit_test(test_a_type_can_be_added),
        cmocka_unit_test(test_a_codec_may_call_all_of_its_sink),
        cmocka_unit_test(test_what_a_codec_leaves_out_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
