/* test_utf8.c -- checking, repairing, cutting, folding and cleaning UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/utf8.h"

static void test_sequences(void **state)
{
    static const struct {
        const char *s;
        size_t n;
    } cases[] = {{"a", 1},
                 {"\xC2\x80", 2},
                 {"\xE4\xBD\xA0", 3},
                 {"\xF0\x9F\x98\x80", 4},
                 {"\xF4\x8F\xBF\xBF", 4},
                 {"", 0},
                 {"\x80", 0},
                 {"\xC0\x80", 0},
                 {"\xC1\xBF", 0},
                 {"\xE0\x80\x80", 0},
                 {"\xED\xA0\x80", 0},
                 {"\xF0\x80\x80\x80", 0},
                 {"\xF4\x90\x80\x80", 0},
                 {"\xF5\x80\x80\x80", 0},
                 {"\xE4\xBD", 0},
                 {"\xFF", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(utf8_sequence(cases[i].s, strlen(cases[i].s)), cases[i].n);
    assert_int_equal(utf8_sequence("\0", 1), 1);
}

static void test_valid(void **state)
{
    char text[256];
    (void)state;
    memset(text, 'a', sizeof text);
    assert_true(utf8_valid(text, sizeof text));
    for (size_t i = 0; i < 100; i++) { /* a bad byte is found wherever it stands */
        text[i] = (char)0x80;
        assert_false(utf8_valid(text, 200));
        text[i] = 'a';
    }
    for (size_t i = 0; i < 100; i++) { /* and a good character is not mistaken */
        text[i] = (char)0xE4;
        text[i + 1] = (char)0xBD;
        text[i + 2] = (char)0xA0;
        assert_true(utf8_valid(text, 200));
        assert_false(utf8_valid(text, i + 2));
        memset(text, 'a', sizeof text);
    }
    assert_true(utf8_valid("", 0));
}

static void expect(void (*fn)(struct buf *, const char *, size_t), const char *in, const char *want)
{
    struct buf b = {0};
    buf_adds(&b, "<");
    fn(&b, in, strlen(in));
    assert_string_equal(buf_cstr(&b) + 1, want);
    buf_free(&b);
}

static void test_repair(void **state)
{
    (void)state;
    expect(utf8_repair, "ok 你", "ok 你");
    expect(utf8_repair,
           "a\xFF\xFE"
           "b",
           "a\xEF\xBF\xBD\xEF\xBF\xBD"
           "b");
    expect(utf8_repair, "\xE4\xBD", "\xEF\xBF\xBD\xEF\xBF\xBD");
    expect(utf8_repair, "", "");
}

static void test_cut_and_count(void **state)
{
    (void)state;
    assert_int_equal(utf8_cut("你好", 6, 6), 6);
    assert_int_equal(utf8_cut("你好", 6, 5), 3);
    assert_int_equal(utf8_cut("你好", 6, 4), 3);
    assert_int_equal(utf8_cut("你好", 6, 2), 0);
    assert_int_equal(utf8_cut("abc", 3, 2), 2);
    assert_int_equal(utf8_count("你a😀", 8), 3);
    assert_int_equal(utf8_count("\xFF\xFF", 2), 2);
}

static void test_fold(void **state)
{
    (void)state;
    expect(utf8_fold, "　Ａb１２！ ", "ab12!");
    expect(utf8_fold, "\xE2\x80\x8B打\xE2\x80\x8D卡\xEF\xBB\xBF", "打卡");
    expect(utf8_fold, " \t\n", "");
    expect(utf8_fold, "打卡　第　1 天", "打卡 第 1 天");
    expect(utf8_fold, "➕1", "+1");
}

static void test_clean(void **state)
{
    (void)state;
    expect(utf8_clean,
           "a\x01\x1F\x7F"
           "b\n\tc",
           "ab\n\tc");
    expect(utf8_clean, "x\xE2\x80\xAEy\xE2\x81\xA6z", "xyz");
    expect(utf8_clean, "\xC2\x85q", "q");
    expect(utf8_clean, "n\xFF", "n\xEF\xBF\xBD");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequences), cmocka_unit_test(test_valid),
        cmocka_unit_test(test_repair),    cmocka_unit_test(test_cut_and_count),
        cmocka_unit_test(test_fold),      cmocka_unit_test(test_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
