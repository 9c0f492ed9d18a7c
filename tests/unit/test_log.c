/* test_log.c -- log lines: one line per fact whatever is in it, levels, journald priorities, gates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/utf8.h"

static char last[8192];
static int lines;

static void keep(void *ud, const char *line)
{
    (void)ud;
    lines++;
    strncpy(last, line, sizeof last - 1);
}

static int setup(void **state)
{
    (void)state;
    unsetenv("JOURNAL_STREAM");
    log_init();
    log_set_level(LOG_LEVEL_INFO);
    log_set_sink(keep, NULL);
    last[0] = '\0';
    lines = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    return 0;
}

static void test_plain(void **state)
{
    (void)state;
    log_info("gateway ready", "gateway", "qq1", "self", "1146222511", "missing", NULL, "n",
             log_int(-7), NULL);
    assert_memory_equal(last, "ts=20", 5);
    assert_non_null(
        strstr(last, "Z level=info msg=\"gateway ready\" gateway=qq1 self=1146222511 n=-7"));
    assert_null(strstr(last, "missing"));
    log_warn("x", "empty", "", NULL);
    assert_non_null(strstr(last, "level=warn msg=x empty=\"\""));
}

static void test_hostile_values(void **state)
{
    (void)state;
    log_info("m", "name", "a\nlevel=error msg=forged\r\x1b[31m \"q\" \\ \x7f", NULL);
    assert_null(strchr(last, '\n'));
    assert_null(strchr(last, '\r'));
    assert_null(strchr(last, 0x1b));
    assert_non_null(
        strstr(last, "name=\"a\\nlevel=error msg=forged\\r\\u001b[31m \\\"q\\\" \\\\ "));
    log_info("m", "bad", "\xff\xfe中", NULL);
    assert_true(utf8_valid(last, strlen(last)));
    assert_non_null(strstr(last, "\xef\xbf\xbd\xef\xbf\xbd中"));
    char huge[5000];
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    log_info("m", "huge", huge, NULL);
    assert_true(strlen(last) < 700);
    assert_string_equal(last + strlen(last) - 4, "...\"");
}

static void test_levels(void **state)
{
    (void)state;
    enum log_level level;
    uint64_t before = log_count(LOG_LEVEL_DEBUG);
    log_write(LOG_LEVEL_DEBUG, "hidden", NULL);
    assert_int_equal(lines, 0);
    assert_int_equal(log_count(LOG_LEVEL_DEBUG), before + 1);
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("shown", NULL);
    assert_int_equal(lines, 1);
    log_set_level(LOG_LEVEL_ERROR);
    log_warn("hidden", NULL);
    assert_int_equal(lines, 1);
    assert_true(log_parse_level("warn", &level));
    assert_int_equal(level, LOG_LEVEL_WARN);
    assert_false(log_parse_level("WARN", &level));
    assert_false(log_parse_level("", &level));
}

static void test_journal(void **state)
{
    (void)state;
    char stream[64];
    struct stat st;
    setenv("JOURNAL_STREAM", "8:1", 1); /* inherited, but our stderr is something else */
    log_init();
    log_info("fine", NULL);
    assert_memory_equal(last, "ts=", 3);
    assert_int_equal(fstat(2, &st), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_init();
    log_error("broken", "a", "b", NULL);
    assert_string_equal(last, "<3>msg=broken a=b");
    log_info("fine", NULL);
    assert_string_equal(last, "<6>msg=fine");
}

static void test_gate(void **state)
{
    (void)state;
    struct log_gate gate = {0};
    assert_true(log_gate_open(&gate, 1000, 500));
    assert_false(log_gate_open(&gate, 1200, 500));
    assert_false(log_gate_open(&gate, 1499, 500));
    assert_int_equal(gate.missed, 2);
    assert_true(log_gate_open(&gate, 1500, 500));
}

static void test_numbers_live_long_enough(void **state)
{
    (void)state;
    const char *first = log_int(1);
    for (int i = 2; i <= 16; i++)
        log_int(i);
    assert_string_equal(first, "1");
    assert_string_equal(log_int(INT64_MIN), "-9223372036854775808");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_journal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gate, setup, teardown),
        cmocka_unit_test(test_numbers_live_long_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
