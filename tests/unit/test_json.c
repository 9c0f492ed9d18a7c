/* test_json.c -- the reader of gateway frames; cJSON says what is well-formed and what it means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "base/mem.h"
#include "gateway/json.h"

static struct json_doc doc;

static const struct json *parse(const char *text)
{
    static char *kept;
    free(kept);
    size_t n = strlen(text);
    kept = mem_alloc(n); /* exactly as long as the text: no byte behind it may be touched */
    for (size_t i = 0; i < n; i++)
        kept[i] = text[i];
    return json_parse(&doc, kept, n);
}

static int teardown(void **state)
{
    (void)state;
    parse("");
    json_doc_free(&doc);
    return 0;
}

static void test_walk(void **state)
{
    (void)state;
    const struct json *o =
        parse(" {\"a\": [1, {\"b\":true}, null, \"x\"], \"c\": {}, \"a\": 2, \"d\":[]} ");
    assert_true(json_is(o, JSON_OBJECT));
    assert_int_equal(o->len, 4);
    const struct json *a = json_get(o, "a");
    assert_true(json_is(a, JSON_ARRAY)); /* 88: the first of equal names */
    assert_int_equal(a->len, 4);
    const struct json *v = json_first(a);
    int64_t n;
    assert_true(json_int(v, &n));
    assert_int_equal(n, 1);
    v = json_next(v);
    assert_true(json_bool(json_get(v, "b"), false));
    v = json_next(v);
    assert_true(json_is(v, JSON_NULL));
    v = json_next(v);
    assert_string_equal(json_text(v), "x");
    assert_null(json_next(v));
    assert_null(json_first(json_get(o, "c")));
    assert_null(json_first(json_get(o, "d")));
    assert_null(json_get(o, "A"));
    assert_null(json_get(a, "a"));
    assert_null(json_get(NULL, "a"));
}

static void text_is(const char *json, const char *want)
{
    const struct json *v = parse(json);
    if (!v)
        print_error("%s: %s\n", json, doc.error);
    assert_true(json_is(v, JSON_STRING));
    assert_string_equal(json_text(v), want);
    assert_true(v && v->len == strlen(want));
}

static void test_86_strings(void **state)
{
    (void)state;
    text_is("\"\"", "");
    text_is("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "a\"\\/\b\f\n\r\tz");
    text_is("\"\\u4f60\\u00e9\\u0041\"", "你éA");
    text_is("\"\\ud83d\\ude00\"", "😀");
    text_is("\"a\\u0000b\"", "a\xEF\xBF\xBD"
                             "b");
    text_is("\"\\ud83d\"", "\xEF\xBF\xBD");
    text_is("\"\\ud83dx\"", "\xEF\xBF\xBDx");
    text_is("\"\\ude00\\ud83d\"", "\xEF\xBF\xBD\xEF\xBF\xBD");
    text_is("\"\\ud83d\\u0041\"", "\xEF\xBF\xBD"
                                  "A");
    text_is("\"\\\\u0000\"", "\\u0000");
    text_is("\"你好\"", "你好");
}

static void test_84_invalid_utf8(void **state)
{
    (void)state;
    text_is("\"a\xff"
            "b\"",
            "a\xEF\xBF\xBD"
            "b");
    text_is("\"\xE4\xBD\"", "\xEF\xBF\xBD\xEF\xBF\xBD");
    text_is("\xEF\xBB\xBF\"bom\"", "bom");
}

static void test_83_malformed(void **state)
{
    static const char *const bad[] = {"",           "   ",       "{\"a\":",
                                      "{\"a\"",     "{\"a\" 1}", "{a:1}",
                                      "[1,]",       "[1 2]",     "{,}",
                                      "[",          "]",         "\"x",
                                      "\"\\x\"",    "\"\\u12\"", "tru",
                                      "nul",        "01",        "-",
                                      "1.",         ".5",        "1e",
                                      "1e+",        "+1",        "0x1",
                                      "{}{}",       "1 2",       "\"\\",
                                      "{\"a\":1,}", "[1}",       "{\"a\":1]",
                                      "NaN",        "'x'",       "{\"a\":1 \"b\":2}"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (parse(bad[i]))
            fail_msg("accepted: %s", bad[i]);
        assert_non_null(doc.error);
    }
    char deep[20001];
    memset(deep, '[', 20000);
    deep[20000] = '\0';
    assert_null(parse(deep));
    assert_string_equal(doc.error, "nested too deeply");
    char edge[2 * JSON_DEPTH + 1];
    memset(edge, '[', JSON_DEPTH);
    memset(edge + JSON_DEPTH, ']', JSON_DEPTH);
    edge[2 * JSON_DEPTH] = '\0';
    assert_non_null(parse(edge));
    const char nul[] = {'"', 0, '"'};
    char copy[3];
    memcpy(copy, nul, 3);
    assert_null(json_parse(&doc, copy, 3));
}

static void test_too_many_values(void **state)
{
    (void)state;
    size_t n = 2 * (size_t)(JSON_VALUES + 10);
    char *big = mem_alloc(n + 1);
    for (size_t i = 0; i < n; i += 2) {
        big[i] = i ? '0' : '[';
        big[i + 1] = i ? ',' : ' ';
    }
    big[n - 1] = ']';
    assert_null(json_parse(&doc, big, n));
    assert_string_equal(doc.error, "too many values");
    free(big);
    assert_non_null(parse("1")); /* and the table is small again */
    assert_in_range(doc.cap, 1, 20000);
}

static void test_89_numbers(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t n;
    } ints[] = {{"0", true, 0},
                {"-0", true, 0},
                {"9007199254740993", true, 9007199254740993},
                {"-9223372036854775808", true, INT64_MIN},
                {"9223372036854775807", true, INT64_MAX},
                {"9223372036854775808", false, 0},
                {"1.5", false, 0},
                {"1e3", false, 0},
                {"1e400", false, 0},
                {"\"12\"", true, 12},
                {"\"-\"", false, 0},
                {"\"1x\"", false, 0},
                {"true", false, 0},
                {"99999999999999999999999", false, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof ints / sizeof ints[0]; i++) {
        int64_t n = 0;
        assert_int_equal(json_int(parse(ints[i].text), &n), ints[i].ok);
        assert_true(n == ints[i].n);
    }
    double d;
    assert_true(json_double(parse("1767225700.25"), &d));
    assert_true(d > 1767225700.24 && d < 1767225700.26);
    assert_true(json_double(parse("-2.5e2"), &d));
    assert_true(d == -250.0);
    assert_true(json_double(parse("25E-1"), &d));
    assert_true(d == 2.5);
    assert_false(json_double(parse("1e400"), &d));
    assert_false(json_double(parse("\"1\""), &d));
}

/* The same tree as cJSON makes of it. */
static void same(const struct json *v, const cJSON *c)
{
    switch (v->type) {
    case JSON_NULL: assert_true(cJSON_IsNull(c)); break;
    case JSON_FALSE:
    case JSON_TRUE: assert_int_equal(cJSON_IsTrue(c), v->type == JSON_TRUE); break;
    case JSON_NUMBER: {
        double d = 0;
        assert_true(cJSON_IsNumber(c));
        assert_true(json_double(v, &d));
        double diff = d - c->valuedouble,
               scale = c->valuedouble < 0 ? -c->valuedouble : c->valuedouble;
        assert_true((diff < 0 ? -diff : diff) <= scale * 1e-14);
        break;
    }
    case JSON_STRING: assert_string_equal(v->s, cJSON_GetStringValue(c)); break;
    default: {
        assert_int_equal(v->len, cJSON_GetArraySize(c));
        const cJSON *k = c->child;
        for (const struct json *x = json_first(v); x; x = json_next(x), k = k->next) {
            if (v->type == JSON_OBJECT)
                assert_string_equal(x->key, k->string);
            same(x, k);
        }
        assert_null(k);
    }
    }
}

static void test_agrees_with_cjson(void **state)
{
    static const char event[] =
        "{\"time\":1767225710,\"self_id\":2100000001,\"post_type\":\"message\",\"message\":[{\"type\":\"reply\",\"data\":{\"id\":\"1\"}},"
        "{\"type\":\"at\",\"data\":{\"qq\":\"2\"}},{\"type\":\"text\",\"data\":{\"text\":\" 你好\\n\"}}],\"anonymous\":null,\"f\":-1.25e3,"
        "\"sender\":{\"user_id\":3300000001,\"x\":[[],[[]],{},{\"y\":{}}]}}";
    static const char *const texts[] = {
        event,     "[]",    "{}",   "[[[]]]",
        "[1,2,3]", "\"x\"", "true", "[{\"a\":1},{\"a\":{\"b\":[2]}},3]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cJSON *c = cJSON_Parse(texts[i]);
        const struct json *v = parse(texts[i]);
        assert_non_null(c);
        assert_non_null(v);
        same(v, c);
        cJSON_Delete(c);
    }
}

static void test_bool(void **state)
{
    (void)state;
    assert_true(json_bool(parse("true"), false));
    assert_true(json_bool(parse("1"), false));
    assert_true(json_bool(parse("\"true\""), false));
    assert_false(json_bool(parse("0"), true));
    assert_false(json_bool(parse("\"false\""), true));
    assert_true(json_bool(parse("\"maybe\""), true));
    assert_true(json_bool(NULL, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_86_strings),
        cmocka_unit_test(test_84_invalid_utf8),
        cmocka_unit_test(test_83_malformed),
        cmocka_unit_test(test_too_many_values),
        cmocka_unit_test(test_89_numbers),
        cmocka_unit_test(test_agrees_with_cjson),
        cmocka_unit_test(test_bool),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
