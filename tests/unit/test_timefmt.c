/* test_timefmt.c -- durations, clock times, dates, zones with and without changing clocks, business days. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/timefmt.h"

enum { MINUTE = 60000, HOUR = 3600000 };
static const int64_t DAY = 86400000;

static int64_t duration(const char *s)
{
    int64_t ms;
    return time_parse_duration(s, &ms) ? ms : -1;
}

static void test_durations(void **state)
{
    (void)state;
    assert_int_equal(duration("500ms"), 500);
    assert_int_equal(duration("30s"), 30000);
    assert_int_equal(duration("10m"), 10 * MINUTE);
    assert_int_equal(duration("2h"), 2 * HOUR);
    assert_int_equal(duration("28d"), 28 * DAY);
    assert_int_equal(duration("2w"), 14 * DAY);
    assert_int_equal(duration("1h30m"), HOUR + 30 * MINUTE);
    assert_int_equal(duration("45"), 45000);
    assert_int_equal(duration("0"), 0);
    static const char *const wrong[] = {"",    "-1s", "s",    "1x",           "1h-2m",
                                        " 1s", "1 s", "1.5h", "99999999999s", "9999999999d"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(duration(wrong[i]), -1);
}

static int64_t clock_of(const char *s)
{
    int64_t ms;
    return time_parse_clock(s, &ms) ? ms : -1;
}

static void test_clocks(void **state)
{
    (void)state;
    assert_int_equal(clock_of("00:00"), 0);
    assert_int_equal(clock_of("20:30"), 20 * HOUR + 30 * MINUTE);
    assert_int_equal(clock_of("7:05"), 7 * HOUR + 5 * MINUTE);
    assert_int_equal(clock_of("23:59:59"), DAY - 1000);
    assert_int_equal(clock_of("24:00"), DAY);
    static const char *const wrong[] = {"",         "24:01",  "25:00",  "12",   "12:60",
                                        "12:30:61", "12:30x", "x12:30", "-1:30"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(clock_of(wrong[i]), -1);
}

static void test_dates(void **state)
{
    (void)state;
    int64_t day;
    assert_true(time_parse_date("2026-03-02", &day));
    assert_int_equal(day, time_day(2026, 3, 2));
    assert_int_equal(time_weekday(day), 1);
    assert_true(time_parse_date("2028-02-29", &day));
    assert_false(time_parse_date("2027-02-29", &day));
    assert_false(time_parse_date("2026-13-01", &day));
    assert_false(time_parse_date("2026-04-31", &day));
    assert_false(time_parse_date("2026-3", &day));
    assert_false(time_parse_date("1969-12-31", &day));
    struct buf b = {0};
    time_add_date(&b, time_day(2026, 11, 22));
    assert_string_equal(buf_cstr(&b), "2026-11-22");
    buf_free(&b);
}

/* Every day of 400 years there and back. */
static void test_civil(void **state)
{
    (void)state;
    int64_t from = time_day(1900, 1, 1), to = time_day(2300, 1, 1);
    int y, m, d, weekday = time_weekday(from);
    for (int64_t day = from; day < to; day++) {
        time_civil(day, &y, &m, &d);
        assert_int_equal(time_day(y, m, d), day);
        assert_int_equal(time_weekday(day), weekday);
        weekday = weekday % 7 + 1;
    }
    assert_int_equal(time_day(1970, 1, 1), 0);
    assert_int_equal(time_weekday(0), 4);
}

static void test_zone_names(void **state)
{
    (void)state;
    assert_non_null(zone_get("UTC"));
    assert_non_null(zone_get("Asia/Shanghai"));
    assert_ptr_equal(zone_get("Asia/Shanghai"), zone_get("Asia/Shanghai"));
    assert_string_equal(zone_name(zone_get("Europe/Berlin")), "Europe/Berlin");
    static const char *const wrong[] = {"", "Asia/Shangai", "/etc/passwd", "../../etc/passwd",
                                        "Asia"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_null(zone_get(wrong[i]));
}

static void test_shanghai(void **state)
{
    (void)state;
    const struct zone *z = zone_get("Asia/Shanghai");
    int64_t midnight = time_day(2026, 11, 22) * DAY - 8 * HOUR;
    assert_int_equal(zone_offset(z, midnight), 8 * HOUR);
    assert_int_equal(zone_day(z, midnight, 0), time_day(2026, 11, 22));
    assert_int_equal(zone_day(z, midnight - 1, 0), time_day(2026, 11, 21));
    assert_int_equal(zone_clock(z, midnight + 20 * HOUR), 20 * HOUR);
    assert_int_equal(zone_moment(z, time_day(2026, 11, 22), 20 * HOUR), midnight + 20 * HOUR);
    assert_int_equal(zone_moment(z, time_day(2026, 11, 22), DAY), midnight + DAY);
}

static void test_business_days(void **state)
{
    (void)state;
    const struct zone *z = zone_get("Asia/Shanghai");
    int64_t day = time_day(2026, 11, 22), midnight = day * DAY - 8 * HOUR;
    assert_int_equal(zone_day(z, midnight + 3 * HOUR, 4 * HOUR), day - 1);
    assert_int_equal(zone_day(z, midnight + 4 * HOUR - 1, 4 * HOUR), day - 1);
    assert_int_equal(zone_day(z, midnight + 4 * HOUR, 4 * HOUR), day);
    assert_int_equal(zone_day(z, midnight + 27 * HOUR, 4 * HOUR), day);
}

/* Clocks in Berlin: forward on 2026-03-29 at 02:00, back on 2026-10-25 at 03:00. */
static void test_changing_clocks(void **state)
{
    (void)state;
    const struct zone *z = zone_get("Europe/Berlin");
    int64_t spring = time_day(2026, 3, 29), autumn = time_day(2026, 10, 25);
    assert_int_equal(zone_offset(z, spring * DAY), HOUR);
    assert_int_equal(zone_offset(z, spring * DAY + 2 * HOUR), 2 * HOUR);
    assert_int_equal(zone_moment(z, spring, 12 * HOUR), spring * DAY + 10 * HOUR);
    assert_int_equal(zone_moment(z, spring - 1, 12 * HOUR), (spring - 1) * DAY + 11 * HOUR);
    int64_t gap = zone_moment(
        z, spring, 2 * HOUR + 30 * MINUTE); /* does not exist: one of the moments around it */
    assert_in_range(gap, spring * DAY + 30 * MINUTE, spring * DAY + 2 * HOUR);
    int64_t twice = zone_moment(z, autumn, 2 * HOUR + 30 * MINUTE); /* the first of two */
    assert_int_equal(zone_clock(z, twice), 2 * HOUR + 30 * MINUTE);
    assert_int_equal(twice, autumn * DAY + 30 * MINUTE);
    for (int64_t d = spring - 3; d < spring + 3; d++) /* noon is noon on every day */
        assert_int_equal(zone_clock(z, zone_moment(z, d, 12 * HOUR)), 12 * HOUR);
}

static void test_moments(void **state)
{
    (void)state;
    const struct zone *z = zone_get("Asia/Shanghai");
    int64_t ms;
    const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"2026-11-22T20:00", 1795348800000},      {"2026-11-22 20:00:30", 1795348830000},
        {"2026-11-22T20:00Z", 1795377600000},     {"2026-11-22t20:00:00+05:30", 1795357800000},
        {"2026-11-22T20:00-0130", 1795383000000}, {"2026-11-22T20:00+8", 1795348800000},
        {"1795348800000", 1795348800000}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(time_parse_moment(good[i].text, z, &ms));
        assert_true(ms == good[i].ms);
    }
    const char *bad[] = {"",
                         "20:00",
                         "2026-11-22",
                         "2026-11-22T25:00",
                         "2026-02-30T20:00",
                         "2026-11-22T20:00+",
                         "2026-11-22T20:00+8:",
                         "2026-11-22T20:00 ",
                         "2026-11-22T20:00+20:00",
                         "17953488",
                         "tomorrow at noon"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (time_parse_moment(bad[i], z, &ms))
            fail_msg("'%s' is taken for a moment", bad[i]);
    struct buf out = {0};
    time_add_moment(&out, z, 1795348800000);
    buf_addc(&out, ' ');
    time_add_moment(&out, zone_get("America/St_Johns"), 1795348800000);
    assert_string_equal(buf_cstr(&out), "2026-11-22T20:00:00+08:00 2026-11-22T08:30:00-03:30");
    buf_free(&out);
}

static void test_virtual_clock(void **state)
{
    (void)state;
    struct clock c;
    clock_init_virtual(&c, 1000000);
    assert_int_equal(clock_wall(&c), 1000000);
    clock_tick(&c);
    assert_int_equal(clock_wall(&c), 1000000);
    clock_advance(&c, 5000);
    assert_int_equal(clock_wall(&c), 1005000);
    clock_init(&c);
    int64_t before = clock_wall(&c);
    clock_advance(&c, DAY);
    assert_in_range(clock_wall(&c) - before, DAY, DAY + 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),     cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_dates),         cmocka_unit_test(test_civil),
        cmocka_unit_test(test_zone_names),    cmocka_unit_test(test_shanghai),
        cmocka_unit_test(test_business_days), cmocka_unit_test(test_changing_clocks),
        cmocka_unit_test(test_moments),       cmocka_unit_test(test_virtual_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
