/* test_cq.c -- checklist 59-62: the CQ text format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/ob.h"

static void escaped(const char *plain, const char *text, const char *value)
{
    struct buf b = {0};
    ob_cq_escape(&b, plain, strlen(plain), false);
    assert_string_equal(buf_cstr(&b), text);
    buf_reset(&b);
    ob_cq_escape(&b, plain, strlen(plain), true);
    assert_string_equal(buf_cstr(&b), value);
    buf_reset(&b);
    ob_cq_unescape(&b, text, strlen(text));
    assert_string_equal(buf_cstr(&b), plain);
    buf_reset(&b);
    ob_cq_unescape(&b, value, strlen(value));
    assert_string_equal(buf_cstr(&b), plain);
    buf_free(&b);
}

static void test_59_vectors(void **state)
{
    (void)state;
    escaped("a,b", "a,b", "a&#44;b");
    escaped("[x]", "&#91;x&#93;", "&#91;x&#93;");
    escaped("&amp;", "&amp;amp;", "&amp;amp;");
    escaped("&#91;", "&amp;#91;", "&amp;#91;");
    escaped("https://e.example/?a=1&b=2,3", "https://e.example/?a=1&amp;b=2,3",
            "https://e.example/?a=1&amp;b=2&#44;3");
    escaped("", "", "");
    escaped("你好 😀", "你好 😀", "你好 😀");
}

/* A text as "type(key=value;...)" and 'text' parts. */
static const char *parsed(const char *s)
{
    static struct buf out;
    struct ob_cq_segment seg;
    const char *p = s, *end = s + strlen(s);
    buf_reset(&out);
    while (ob_cq_next(&p, end, &seg)) {
        if (seg.value) {
            buf_addc(&out, '\'');
            ob_cq_unescape(&out, seg.value, seg.value_len);
            buf_addc(&out, '\'');
            continue;
        }
        buf_add(&out, seg.type, seg.type_len);
        buf_addc(&out, '(');
        for (int i = 0; i < seg.nfields; i++) {
            if (i)
                buf_addc(&out, ';');
            buf_add(&out, seg.fields[i].key, seg.fields[i].klen);
            buf_addc(&out, '=');
            ob_cq_unescape(&out, seg.fields[i].value, seg.fields[i].vlen);
        }
        buf_addc(&out, ')');
    }
    return buf_cstr(&out);
}

static void test_59_parsing(void **state)
{
    (void)state;
    assert_string_equal(parsed("[CQ:at,qq=all]hi"), "at(qq=all)'hi'");
    assert_string_equal(parsed("[CQ:share,url=http://x/?q=1&#44;2,title=a&amp;b]"),
                        "share(url=http://x/?q=1,2;title=a&b)");
    assert_string_equal(parsed("a[CQ:face,id=1][CQ:face,id=2]b"), "'a'face(id=1)face(id=2)'b'");
    assert_string_equal(parsed("[CQ:x,a=1,a=2]"), "x(a=2)");
    assert_string_equal(parsed("[CQ:x,a=b=c, d = e ]"), "x(a=b=c; d = e )");
    assert_string_equal(parsed("1 &lt; 2 &#39; &#x5b;"), "'1 &lt; 2 &#39; &#x5b;'");
    assert_string_equal(parsed(""), "");
    assert_string_equal(parsed("[]"), "'[]'");
}

static void test_60_double_escape(void **state)
{
    (void)state;
    assert_string_equal(parsed("&amp;#91;"), "'&#91;'");
    assert_string_equal(parsed("[CQ:x,a=&amp;#44;]"), "x(a=&#44;)");
}

static void test_61_not_a_code(void **state)
{
    static const char *const texts[] = {
        "[CQ:at,qq=1", "[CQ:,a=b]", "[CQ:at qq=1]", "[cq:at,qq=1]", "[CQ:at,qq]",
        "[CQ:at,=1]",  "[CQ",       "[CQ:",         "x]y",          "[CQ:a\xE4\xBD\xA0,b=c]"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char want[64];
        snprintf(want, sizeof want, "'%s'", texts[i]);
        assert_string_equal(parsed(texts[i]), want);
    }
    /* an unfinished code does not swallow the next one */
    assert_string_equal(parsed("[CQ:at,qq=1[CQ:face,id=2]"), "'[CQ:at,qq=1'face(id=2)");
}

static void test_62_empty_parts(void **state)
{
    (void)state;
    assert_string_equal(parsed("[CQ:image,file=a.png,]"), "image(file=a.png)");
    assert_string_equal(parsed("[CQ:face]"), "face()");
    assert_string_equal(parsed("[CQ:face,,]"), "face()");
}

static void test_cost_is_linear(void **state)
{
    (void)state;
    struct buf b = {0};
    for (int i = 0; i < 50000; i++)
        buf_adds(&b, "[CQ:a,b=");
    size_t n = b.len;
    parsed(buf_cstr(&b)); /* quadratic would take minutes */
    assert_int_equal(n, 400000);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_59_vectors),       cmocka_unit_test(test_59_parsing),
        cmocka_unit_test(test_60_double_escape), cmocka_unit_test(test_61_not_a_code),
        cmocka_unit_test(test_62_empty_parts),   cmocka_unit_test(test_cost_is_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
