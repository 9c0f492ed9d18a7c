/* test_settings.c -- toggles, parameters and tags as admins edit them, with a real redis-server: precedence, speed of
 * taking effect, malformed values, a lost and restarted Redis. */
#include "settings_fixture.h"

static void test_precedence(void **state)
{
    (void)state;
    fixture_do(&server, "HSET sopd:toggles welcome off");
    fixture_do(&server, "HSET sopd:toggles:gw:qq1 welcome on checkin off");
    fixture_do(&server, "HSET sopd:toggles:tag:vip welcome off");
    fixture_do(&server, "HSET sopd:toggles:tag:store welcome on checkin on");
    fixture_do(&server, "HSET sopd:toggles:chat:qq1:700000001 welcome on");
    fixture_do(&server, "HSET sopd:chat-tags:qq1 700000001 vip 700000002 vip,store 700000003 %s",
               " store ，vip ");
    begin();
    assert_int_equal(toggle_in("qq2", "1", "welcome"), TOGGLE_OFF);
    assert_int_equal(toggle_in("qq2", "1", "checkin"), TOGGLE_UNSET);
    assert_int_equal(toggle_in("qq1", NULL, "welcome"), TOGGLE_ON);
    assert_int_equal(toggle_in("qq1", "9", "welcome"), TOGGLE_ON);
    assert_int_equal(toggle_in("qq1", "9", "checkin"), TOGGLE_OFF);
    assert_int_equal(toggle_in("qq1", "700000001", "welcome"), TOGGLE_ON);
    assert_int_equal(toggle_in("qq1", "700000002", "welcome"), TOGGLE_OFF); /* vip is named first */
    assert_int_equal(toggle_in("qq1", "700000002", "checkin"), TOGGLE_ON);
    assert_int_equal(toggle_in("qq1", "700000003", "welcome"), TOGGLE_ON);
    assert_string_equal(settings_tags(settings, "qq1", "700000003"), "store,vip");
}

static void test_pauses(void **state)
{
    (void)state;
    fixture_do(&server, "HSET sopd:paused checkin yes welcome 1700000000000 redpacket maybe");
    fixture_do(&server, "HSET sopd:paused:chat:qq1:5 * yes");
    begin();
    struct settings_value why;
    struct settings_place five = place("qq1", "5"), six = place("qq1", "6");
    assert_true(settings_paused(settings, &six, "checkin", 1, &why));
    assert_string_equal(why.key, "sopd:paused");
    assert_true(settings_paused(settings, &six, "welcome", 1699999999999, NULL));
    assert_false(settings_paused(settings, &six, "welcome", 1700000000000, NULL));
    assert_false(settings_paused(settings, &six, "redpacket", 1, NULL)); /* malformed */
    assert_true(settings_paused(settings, &five, "redpacket", 1, &why));
    assert_string_equal(why.key, "sopd:paused:chat:qq1:5");
    assert_true(settings_paused_until(settings, &five, "redpacket", 1) == INT64_MAX);
    assert_true(settings_paused_until(settings, &six, "welcome", 1) == 1700000000000);
    assert_true(settings_paused_until(settings, &six, "redpacket", 1) == 0);
    assert_true(settings_next_resume(settings, 1) == 1700000000000);
    assert_true(settings_next_resume(settings, 1700000000000) == INT64_MAX);
}

/* Times are those of the zone that is configured, unless they say otherwise. */
static void test_pauses_until(void **state)
{
    (void)state;
    fixture_do(&server,
               "HSET sopd:paused a 2026-11-22T20:00 b 2026-11-22T20:00:30Z c %s d no e %s f %s",
               "2026-11-22 20:00+05:30", "2026-11-22T25:00", "2026-02-30T20:00");
    begin();
    struct settings_place at = place("qq1", "5");
    settings_set_check(settings, NULL, NULL, zone_get("Asia/Shanghai"));
    assert_true(settings_paused_until(settings, &at, "a", 1) == 1795348800000);
    assert_true(settings_paused_until(settings, &at, "b", 1) == 1795377630000);
    assert_true(settings_paused_until(settings, &at, "c", 1) == 1795357800000);
    for (const char *none = "def"; *none; none++)
        assert_true(settings_paused_until(settings, &at, (char[]){*none, 0}, 1) == 0);
    assert_int_equal(settings_bad(settings), 2);
    settings_recheck(settings, zone_get("UTC"));
    assert_true(settings_paused_until(settings, &at, "a", 1) == 1795377600000);
}

static void count_param(void *ud, const struct settings_value *v)
{
    struct buf *out = ud;
    buf_addf(out, "%s=%s ", v->field, v->value);
}

static void test_params(void **state)
{
    (void)state;
    fixture_do(&server, "HSET sopd:params checkin.days 21 checkin.text %s welcome.text hi",
               "第 {day} 天");
    fixture_do(&server, "HSET sopd:params:gw:qq1 checkin.days 28");
    fixture_do(&server, "HSET sopd:params:chat:qq1:@330 checkin.days 7");
    begin();
    assert_string_equal(param_in("qq2", "1", "checkin.days"), "21");
    assert_string_equal(param_in("qq1", "1", "checkin.days"), "28");
    assert_string_equal(param_in("qq1", "@330", "checkin.days"), "7");
    assert_string_equal(param_in("qq1", "@330", "checkin.text"), "第 {day} 天");
    assert_null(param_in("qq1", "1", "checkin.nothing"));
    struct buf out = {0};
    struct settings_place at = place("qq1", "@330");
    settings_each(settings, SETTINGS_PARAMS, &at, NULL, count_param, &out);
    const char *strong = strstr(buf_cstr(&out), "days=7 "), *weak = strstr(out.data, "days=28 ");
    assert_non_null(strong);
    assert_true(weak && weak < strong &&
                strstr(out.data, "days=21 ") < weak); /* the strongest comes last */
    assert_non_null(strstr(out.data, "text="));
    buf_free(&out);
}

static bool welcome_is_off(void)
{
    return toggle_in("qq1", "5", "welcome") == TOGGLE_OFF;
}

static bool welcome_is_unset(void)
{
    return toggle_in("qq1", "5", "welcome") == TOGGLE_UNSET;
}

static void test_edits_take_effect_at_once(void **state)
{
    (void)state;
    begin();
    int before = changes;
    run_until(NULL, 50);
    assert_int_equal(changes, before);
    for (int i = 0; i < 20; i++) {
        fixture_do(&server, "HSET sopd:toggles:chat:qq1:5 welcome off");
        int took = run_until(welcome_is_off, 1000);
        assert_in_range(took, 0, 100);
        fixture_do(&server,
                   i % 2 ? "DEL sopd:toggles:chat:qq1:5" : "HDEL sopd:toggles:chat:qq1:5 welcome");
        took = run_until(welcome_is_unset, 1000);
        assert_in_range(took, 0, 100);
    }
    run_until(NULL, 20);
    assert_int_equal(changes, before + 40);
    fixture_do(&server, "HSET sopd:toggles welcome off");
    assert_in_range(run_until(welcome_is_off, 1000), 0, 100);
    fixture_do(&server, "FLUSHALL");
    assert_in_range(run_until(welcome_is_unset, 1000), 0, 100);
}

static bool welcome_is_on(void)
{
    return toggle_in("qq1", "5", "welcome") == TOGGLE_ON;
}

static void test_redis_restarts(void **state)
{
    (void)state;
    fixture_do(&server, "HSET sopd:toggles welcome off");
    begin();
    assert_true(welcome_is_off());
    fixture_stop(&server);
    run_until(NULL, 200);
    assert_true(welcome_is_off()); /* the last known value stays */
    assert_true(fixture_start(&server));
    fixture_do(&server, "HSET sopd:toggles:gw:qq1 welcome on"); /* perhaps before sopd is back */
    assert_int_not_equal(run_until(welcome_is_on, 10000), -1);
    fixture_do(&server, "HSET sopd:toggles:chat:qq1:5 welcome off");
    assert_in_range(run_until(welcome_is_off, 3000), 0, 1500);
}

/* The server forgets that we track: killing the subscriber's connection must bring everything back. */
static void test_subscriber_is_killed(void **state)
{
    (void)state;
    begin();
    assert_true(fixture_do(&server, "CLIENT KILL TYPE pubsub"));
    run_until(NULL, 500);
    fixture_do(&server, "HSET sopd:toggles:chat:qq1:5 welcome off");
    assert_in_range(run_until(welcome_is_off, 3000), 0, 500);
}

static void test_malformed(void **state)
{
    (void)state;
    fixture_do(&server, "HSET sopd:toggles welcome maybe checkin ON redpacket %s", "关");
    fixture_do(&server, "HSET sopd:params days 5");
    fixture_do(&server, "HSET sopd:chat-tags:qq1 5 %s", ",, a,,b ,");
    begin();
    assert_int_equal(toggle_in("qq1", "5", "welcome"), TOGGLE_UNSET);
    assert_int_equal(toggle_in("qq1", "5", "checkin"), TOGGLE_ON);
    assert_int_equal(toggle_in("qq1", "5", "redpacket"), TOGGLE_OFF);
    assert_string_equal(settings_tags(settings, "qq1", "5"), "a,b");
    assert_int_equal(warnings,
                     1); /* names of parameters are the business of those who know flows */
    fixture_do(&server,
               "HSET sopd:toggles chaperone off"); /* the same hash again: no second complaint */
    run_until(NULL, 100);
    assert_int_equal(toggle_in("qq1", "5", "chaperone"), TOGGLE_OFF);
    assert_int_equal(warnings, 1);
    fixture_do(&server, "SET sopd:toggles:gw:qq1 off");
    run_until(NULL, 100);
    assert_int_equal(warnings, 2);
    fixture_do(&server, "HSET sopd:toggles:unrelated welcome on");
    fixture_do(&server, "HSET sopd:togglesx welcome on");
    run_until(NULL, 100);
    assert_int_equal(toggle_in("qq1", "5", "welcome"), TOGGLE_UNSET);
}

static void test_ids_are_encoded(void **state)
{
    (void)state;
    fixture_do(&server, "HSET %s welcome off", "sopd:toggles:tag:a%3Ab%20c");
    fixture_do(&server, "HSET sopd:chat-tags:qq1 5 %s", "a:b c");
    begin();
    assert_true(welcome_is_off());
}

/* 3,000 hashes of chats, each with its own toggle: all found, none of the other keys read. */
static void test_many(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++) {
        redisAppendCommand(server.client, "HSET sopd:toggles:chat:qq1:%d welcome %s", i,
                           i % 2 ? "on" : "off");
        redisAppendCommand(server.client, "HSET sopd:{qq1}:m:checkin:%d:7 streak 3", i);
    }
    for (int i = 0; i < 6000; i++) {
        void *r = NULL;
        redisGetReply(server.client, &r);
        freeReplyObject(r);
    }
    begin();
    for (int i = 0; i < 3000; i++) {
        char chat[16];
        snprintf(chat, sizeof chat, "%d", i);
        assert_int_equal(toggle_in("qq1", chat, "welcome"), i % 2 ? TOGGLE_ON : TOGGLE_OFF);
    }
    assert_in_range(changes, 1, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_precedence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pauses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pauses_until, setup, teardown),
        cmocka_unit_test_setup_teardown(test_params, setup, teardown),
        cmocka_unit_test_setup_teardown(test_edits_take_effect_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_redis_restarts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_subscriber_is_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ids_are_encoded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
