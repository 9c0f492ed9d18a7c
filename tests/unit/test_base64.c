/* test_base64.c -- base/base64: there and back, and what is no base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/base64.h"
#include "base/buf.h"

static void there_and_back(void **state)
{
    (void)state;
    struct buf text = {0}, back = {0};
    char data[80];
    for (size_t n = 0; n < sizeof data; n++) {
        data[n] = (char)(n * 37);
        buf_reset(&text), buf_reset(&back);
        base64_encode(&text, data, n);
        assert_int_equal(text.len, (n + 2) / 3 * 4);
        assert_true(base64_decode(&back, text.data, text.len));
        assert_int_equal(back.len, n);
        if (n)
            assert_memory_equal(back.data, data, n);
    }
    buf_free(&text);
    buf_free(&back);
}

static void decoded(const char *text, const char *expected)
{
    struct buf out = {0};
    buf_adds(&out, "before");
    bool good = base64_decode(&out, text, strlen(text));
    assert_int_equal(good, expected != NULL);
    assert_memory_equal(out.data, "before", 6);
    assert_int_equal(out.len, 6 + (expected ? strlen(expected) : 0));
    if (expected)
        assert_string_equal(buf_cstr(&out) + 6, expected);
    buf_free(&out);
}

static void shapes(void **state)
{
    (void)state;
    decoded("aGVsbG8=", "hello");
    decoded("aGVsbG8", "hello");
    decoded("aGVs\r\nbG8=", "hello");
    decoded("Pz8_", "???");
    decoded("Pz8/", "???");
    decoded("", "");
    decoded("abcde", NULL);
    decoded("ab!d", NULL);
    decoded("ab=d", NULL);
    decoded("ab===", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_and_back), cmocka_unit_test(shapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
