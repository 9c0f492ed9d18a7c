/* test_quota.c -- limits of platforms: windows become rules that no burst breaks, calendar windows begin and end where people say, files
 * are read with their mistakes, and the plan's arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/send/plan.h"
#include "engine/send/quota.h"
#include "lua/platform.h"

enum { SECOND_US = 1000000 };

/* ---- rates ---- */

/* Most messages that a rule lets through in any window of per_us, when one is always waiting, after a rest. */
static int most_in_window(const struct pace_rule *r, int64_t per_us, int tries)
{
    int64_t *left = mem_zero((size_t)tries * sizeof *left), tat = 0;
    int most = 0, from = 0;
    for (int i = 0; i < tries; i++) {
        int64_t at = i ? left[i - 1] : 0;
        if (tat - pace_tolerance(r) > at)
            at = tat - pace_tolerance(r);
        tat = (tat > at ? tat : at) + r->interval_us;
        left[i] = at;
        while (at - left[from] >= per_us)
            from++;
        if (i - from + 1 > most)
            most = i - from + 1;
    }
    free(left);
    return most;
}

static void test_no_window_holds_more_than_its_count(void **state)
{
    (void)state;
    static const struct {
        int64_t count, per_s;
        int burst;
    } limits[] = {{20, 60, 4}, {20, 60, 19}, {40, 60, 10}, {1000, 3600, 300},
                  {1, 3, 1},   {2, 10, 1},   {30, 1, 15},  {7, 13, 3}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        int64_t per = limits[i].per_s * SECOND_US;
        struct pace_rule r = {.interval_us = pace_interval(limits[i].count, per, limits[i].burst),
                              .burst = limits[i].burst};
        int most = most_in_window(&r, per, (int)limits[i].count * 5 + 50);
        assert_true(most <= limits[i].count);
        assert_true(most >= limits[i].count - 1); /* and not much is given away */
    }
}

static void test_spacing_and_names(void **state)
{
    (void)state;
    struct pace p = {0};
    char mark[24];
    assert_true(pace_add_rule(&p, PACE_CHAT, KINDS_ALL, 5, 1));
    assert_true(pace_add_rule(&p, PACE_CHAT, 1U << KIND_DM | 1U << KIND_GAME, 5, 1));
    assert_true(pace_add_rule(&p, PACE_CHAT, KINDS_ALL, 7, 1));
    assert_int_equal(pace_rule_mark(&p.rules[PACE_CHAT][0], 0, mark), 2);
    assert_string_equal(mark, "#1");
    pace_rule_mark(&p.rules[PACE_CHAT][1], 1, mark);
    assert_string_equal(mark, "13#1");
    pace_rule_mark(&p.rules[PACE_CHAT][2], 2, mark);
    assert_string_equal(mark, "#2");
}

/* ---- the plan ---- */

static void test_plan_of_a_broadcast(void **state)
{
    (void)state;
    struct pace p = {.jitter = 40};
    struct plan_used account = {0}, chat = {0};
    struct plan_bound bound;
    pace_add_rule(&p, PACE_ACCOUNT, 1U << KIND_BROADCAST, 3 * SECOND_US, 1);
    pace_add_rule(&p, PACE_CHAT, KINDS_ALL, 10 * SECOND_US, 2);
    int64_t at = 0;
    for (int i = 0; i < 100; i++)
        at = plan_send(&p, KIND_BROADCAST, 1000, &account, NULL, 1000, &bound);
    assert_int_equal(at, 1000 + 99 * 4200000LL); /* the spacing, and the jitter's mean */
    assert_int_equal(bound.rule, 0);
    assert_int_equal(plan_send(&p, KIND_ANSWER, 1000, &account, &chat, 1000, &bound), 1000);
    assert_int_equal(bound.rule, -1);
    plan_send(&p, KIND_ANSWER, 1000, &account, &chat, 1000, &bound);
    assert_int_equal(plan_send(&p, KIND_ANSWER, 1000, &account, &chat, 1000, &bound),
                     1000 + 10 * SECOND_US);
    assert_int_equal(bound.scope, PACE_CHAT);
    memset(&account, 0, sizeof account); /* four times slower */
    plan_send(&p, KIND_BROADCAST, 4000, &account, NULL, 0, NULL);
    assert_int_equal(plan_send(&p, KIND_BROADCAST, 4000, &account, NULL, 0, NULL), 13200000);
}

/* ---- calendar windows ---- */

static int64_t moment(const char *text)
{
    int64_t ms;
    assert_true(time_parse_moment(text, zone_get("Asia/Shanghai"), &ms));
    return ms;
}

static void window(enum quota_per per, const char *at, const char *id, const char *next,
                   const char *begin, const char *end)
{
    const struct zone *z = zone_get("Asia/Shanghai");
    struct pace p = {.zone = z, .own_zone = z, .cutoff_ms = 4 * 3600000};
    struct quota_window w;
    quota_window(&p, per, moment(at), &w);
    assert_string_equal(w.id, id);
    assert_string_equal(w.next, next);
    assert_int_equal(w.begin_ms, moment(begin));
    assert_int_equal(w.end_ms, moment(end));
}

static void test_windows(void **state)
{
    (void)state;
    window(QUOTA_DAY, "2026-11-22T00:00", "20261122", "20261123", "2026-11-22T00:00",
           "2026-11-23T00:00");
    window(QUOTA_DAY, "2026-12-31T23:59:59", "20261231", "20270101", "2026-12-31T00:00",
           "2027-01-01T00:00");
    window(QUOTA_BUSINESS_DAY, "2026-11-22T03:59:59", "20261121", "20261122", "2026-11-21T04:00",
           "2026-11-22T04:00");
    window(QUOTA_BUSINESS_DAY, "2026-11-22T04:00", "20261122", "20261123", "2026-11-22T04:00",
           "2026-11-23T04:00");
    window(QUOTA_MONTH, "2026-12-31T23:59:59", "202612", "202701", "2026-12-01T00:00",
           "2027-01-01T00:00");
    window(QUOTA_MONTH, "2028-02-29T12:00", "202802", "202803", "2028-02-01T00:00",
           "2028-03-01T00:00");
    window(QUOTA_MONTH, "2026-01-31T12:00", "202601", "202602", "2026-01-01T00:00",
           "2026-02-01T00:00");
}

static void test_keys_and_fields(void **state)
{
    (void)state;
    struct buf b = {0};
    quota_key("qq1", QUOTA_BUSINESS_DAY, "20261122", &b);
    assert_string_equal(buf_cstr(&b), "sopd:{qq1}:quota:business:20261122");
    buf_reset(&b);
    quota_field(PACE_MEMBER, "10001", "attention", &b);
    assert_string_equal(buf_cstr(&b), "m|10001|attention");
    buf_free(&b);
}

/* ---- files ---- */

static bool load(const char *text, struct platform *out, struct buf *err)
{
    char path[] = "/tmp/platform-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    buf_reset(err);
    bool good = platform_load(path, out, err);
    unlink(path);
    return good;
}

#define SOURCE "source = 'test', quality = 'ours', checked = '2026-11-22' "

static void test_a_file(void **state)
{
    (void)state;
    struct buf err = {0};
    struct platform *p = MEM_NEW(struct platform);
    struct pace *pace = MEM_NEW(struct pace);
    assert_true(
        load("return { title = 'x', jitter = 10, warmup = '1d', zone = 'Asia/Tokyo', limits = {\n"
             "{ name = 'a', scope = 'account', count = 40, per = '1m', burst = 10, " SOURCE "},\n"
             "{ name = 'b', scope = 'chat', kinds = 'begun', count = 4, per = 'month', " SOURCE
             "},\n{ name = 'c', scope = 'chat', count = 20, per = '1m', " SOURCE "} } }",
             p, &err));
    struct conf_report r = {.file = "-", .out = &err};
    platform_to_pace(&r, NULL, p, pace);
    assert_int_equal(pace->nrules[PACE_ACCOUNT], 1);
    assert_int_equal(pace->rules[PACE_ACCOUNT][0].interval_us, 2 * SECOND_US);
    assert_int_equal(pace->rules[PACE_CHAT][0].burst, 4); /* a fifth, where nothing is said */
    assert_int_equal(pace->rules[PACE_CHAT][0].interval_us, 3750000);
    assert_string_equal(pace->rules[PACE_CHAT][0].source, "test (ours, 2026-11-22)");
    assert_int_equal(pace->nquotas, 1);
    assert_int_equal(pace->quotas[0].per, QUOTA_MONTH);
    assert_int_equal(pace->quotas[0].kinds, KINDS_BEGUN);
    assert_int_equal(pace->jitter, 10);
    assert_int_equal(pace->warmup_ms, 86400000);
    assert_string_equal(zone_name(pace->zone), "Asia/Tokyo");
    free(pace);
    free(p);
    buf_free(&err);
}

static void test_mistakes_are_all_told(void **state)
{
    (void)state;
    static const struct {
        const char *text, *problem;
    } files[] = {
        {"return 5", "must return a table"},
        {"return {}", "limits is missing"},
        {"return { limits = { { scope = 'chat', count = 1, per = '1s', " SOURCE "} } }",
         "needs a name"},
        {"return { limits = { { name = 'X', scope = 'chat', count = 1, per = '1s', " SOURCE "} } }",
         "small letters"},
        {"return { limits = { { name = 'x', scope = 'town', count = 1, per = '1s', " SOURCE "} } }",
         "scope must be"},
        {"return { limits = { { name = 'x', scope = 'chat', per = '1s', " SOURCE "} } }",
         "needs a count"},
        {"return { limits = { { name = 'x', scope = 'chat', count = 1, " SOURCE "} } }",
         "needs `per`"},
        {"return { limits = { { name = 'x', scope = 'chat', count = 1, per = '9h', " SOURCE "} } }",
         "beyond 6h"},
        {"return { limits = { { name = 'x', scope = 'chat', count = 5, per = 'day', burst = 2, " SOURCE
         "} } }",
         "a day has none"},
        {"return { limits = { { name = 'x', scope = 'chat', count = 5, per = 'day', quality = 'rumour', "
         "source = 'x', checked = 'yesterday' } } }",
         "quality must be"},
        {"return { zone = 'Mars', limits = {} }", "is not known"},
        {"return { jitter = 200, limits = {} }", "jitter"},
        {"return { limit = {} , limits = {} }", "limit"},
    };
    struct buf err = {0};
    struct platform *p = MEM_NEW(struct platform);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        assert_false(load(files[i].text, p, &err));
        assert_non_null(strstr(buf_cstr(&err), files[i].problem));
        assert_non_null(strstr(buf_cstr(&err), ":1: "));
    }
    load(files[9].text, p, &err);
    assert_non_null(strstr(buf_cstr(&err), "checked must be a date"));
    free(p);
    buf_free(&err);
}

static void test_too_many(void **state)
{
    (void)state;
    struct buf text = {0}, err = {0};
    struct platform *p = MEM_NEW(struct platform);
    buf_adds(&text, "return { limits = {");
    for (int i = 0; i <= PACE_RULES; i++)
        buf_addf(&text, "{ name = 'x%d', scope = 'chat', count = 1, per = '1s', " SOURCE "},", i);
    buf_adds(&text, "} }");
    assert_false(load(buf_cstr(&text), p, &err));
    assert_non_null(strstr(buf_cstr(&err), "too many limits"));
    free(p);
    buf_free(&text);
    buf_free(&err);
}

/* All that we ship can be read, and says of each figure where it is from. */
static void test_shipped_files(void **state)
{
    (void)state;
    static const char *const names[] = {"onebot11", "qq-official",   "wecom-aibot", "wecom-app",
                                        "feishu",   "wecom-webhook", "dingtalk",    "telegram",
                                        "discord",  "kook",          "line",        "slack"};
    char folder[] = "sop", *sop[] = {folder, NULL};
    struct buf err = {0};
    struct platform *p = MEM_NEW(struct platform);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = platform_path(sop, names[i]);
        assert_non_null(path);
        assert_true(platform_load(path, p, &err));
        assert_true(p->n > 0);
        for (int k = 0; k < p->n; k++)
            assert_true(strlen(p->limits[k].source) > 20);
        free(path);
    }
    platform_check_all(sop, &err);
    assert_string_equal(buf_cstr(&err), "");
    free(p);
    buf_free(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_window_holds_more_than_its_count),
        cmocka_unit_test(test_spacing_and_names),
        cmocka_unit_test(test_plan_of_a_broadcast),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_keys_and_fields),
        cmocka_unit_test(test_a_file),
        cmocka_unit_test(test_mistakes_are_all_told),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_shipped_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
