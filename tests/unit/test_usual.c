/* test_usual.c -- what is usually heard at an hour of the day, and how odd a silence is by that; and the words of alarms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/timefmt.h"
#include "engine/health/usual.h"
#include "engine/look/alarm_part.h"

static void learn(struct usual *u, int hour, int minutes, int days)
{
    for (int i = 0; i < days; i++)
        assert_true(usual_learn(u, hour, minutes, 60));
}

/* After how many silent minutes it is odd; 0: not within the day. */
static int odd_after(const struct usual *u, int hour)
{
    double sum = 0;
    for (int n = 1; n <= 1440; n++) {
        sum += usual_minute(u, hour);
        if (usual_odd(sum, n))
            return n;
    }
    return 0;
}

static void test_what_is_odd(void **state)
{
    (void)state;
    static const struct {
        int minutes, after;
    } rows[] = {{60, 10}, {40, 10}, {30, 10}, {12, 31}, {6, 66}, {1, 412}, {0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct usual u = {0};
        learn(&u, 20, rows[i].minutes, 7);
        assert_int_equal(odd_after(&u, 20), rows[i].after);
        assert_int_equal(odd_after(&u, 21), 0); /* nothing is known of that hour */
    }
}

static void test_learning(void **state)
{
    (void)state;
    struct usual u = {0};
    learn(&u, 8, 30, 2);
    assert_true(usual_minute(&u, 8) == 0); /* two days prove nothing */
    learn(&u, 8, 30, 1);
    assert_true(usual_minute(&u, 8) < 0);
    assert_false(usual_learn(&u, 8, 3, 44)); /* too little of it was watched */
    assert_false(usual_learn(&u, 24, 3, 60));
    assert_false(usual_learn(&u, -1, 3, 60));
    assert_true(usual_learn(&u, 9, 30, 45)); /* 40 of 60 */
    assert_int_equal((int)(u.hours[9].minutes + 0.5), 40);
    learn(&u, 8, 0, 7); /* the mean forgets in about a week */
    assert_int_equal(u.hours[8].days, USUAL_DAYS);
    assert_true(u.hours[8].minutes > 5 && u.hours[8].minutes < 15);
}

/* A busy group that talks in bursts is not taken for dead: of a thousand evenings at most a few. */
static void test_bursts_raise_no_alarm(void **state)
{
    (void)state;
    struct rng rng;
    struct usual u = {0};
    rng_seed(&rng, 7);
    learn(&u, 20, 24, 7);
    int alarms = 0;
    for (int evening = 0; evening < 1000; evening++) {
        double sum = 0;
        int silent = 0;
        bool odd = false;
        for (int minute = 0; minute < 60; minute++) {
            if (rng_unit(&rng) < 0.4) {
                sum = silent = 0;
                continue;
            }
            silent++;
            sum += usual_minute(&u, 20);
            odd = odd || usual_odd(sum, silent);
        }
        alarms += odd;
    }
    assert_true(alarms <= 40); /* 0.1 % for each of the ways a silence may begin in an hour */
}

static const char *words(struct alarm *a, const char *state)
{
    static struct buf out;
    static const struct alarm_conf none;
    struct alarm_conf conf = none;
    conf.zone = zone_get("Asia/Shanghai");
    struct alarms all = {.conf = &conf};
    buf_reset(&out);
    alarm_words(&all, a, state, 1772416800000 /* 2026-03-02 10:00 in Shanghai */, &out);
    return buf_cstr(&out);
}

static void test_words_for_staff(void **state)
{
    (void)state;
    struct alarm a = {.gateway = (char *)"qq1",
                      .kind = (char *)"account",
                      .what = (char *)"",
                      .text = (char *)"the account is offline: kicked",
                      .words = (char *)"被踢下线了",
                      .since_ms = 1772416800000 - 300000};
    assert_string_equal(words(&a, "open"),
                        "⚠️ 提醒: qq1 账号掉线了: 被踢下线了 (09:55 起)\n"
                        "影响: 这个账号暂时发不出消息, 群里的记录不会丢\n"
                        "怎么办: 请在手机或服务器上重新登录这个账号");
    a.repeats = 3;
    a.since_ms -= 86400000;
    assert_non_null(strstr(words(&a, "again"), "(3月1日 09:55 起), 一直在反复, 已经 3 次"));
    a.since_ms += 86400000;
    a.over_ms = 1772416800000;
    assert_string_equal(words(&a, "over"),
                        "✅ 已恢复: qq1 账号掉线了, 前后 5 分钟, 中间反复了 3 次。辛苦啦");
    a = (struct alarm){.gateway = (char *)"",
                       .kind = (char *)"new_kind",
                       .what = (char *)"x",
                       .text = (char *)"something",
                       .words = (char *)"",
                       .since_ms = 1772416800000};
    assert_string_equal(words(&a, "open"), "⚠️ 提醒: 系统 (x) something (10:00 起)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_odd),
        cmocka_unit_test(test_learning),
        cmocka_unit_test(test_bursts_raise_no_alarm),
        cmocka_unit_test(test_words_for_staff),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
