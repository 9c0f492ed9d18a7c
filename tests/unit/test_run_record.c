/* test_run_record.c -- records of runs taken apart (store/run_record.h): whole ones, damaged ones, cut ones. */
#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "store/run_record.h"

static const char whole[] = "{\"pin\":\"aa\",\"now\":1000,\"event\":{\"user\":\"33\"}}\n"
                            "r0000000a {\"x\":1}\n"
                            "wffffffff\n"
                            "?00000001 {\"kind\":\"sleep\",\"due\":5}\n"
                            "!{\"now\":5000,\"with\":{}}\n"
                            "s00000002 \"say\"\n"
                            "?00000003 {\"kind\":\"gather\"}\n"
                            "+{\"type\":\"join\"}\n"
                            "+{\"type\":\"join\"}\n";

/* Reads a record from a block of exactly its length, so that a sanitizer sees every byte too many. */
static bool read_exact(struct run_record *r, char **copy, const char *text, size_t len,
                       struct buf *err)
{
    *copy = mem_alloc(len);
    memcpy(*copy, text, len);
    return run_record_read(r, *copy, len, err);
}

static void test_whole(void **state)
{
    struct run_record r;
    struct buf err = {0};
    char *copy;
    (void)state;
    assert_true(read_exact(&r, &copy, whole, strlen(whole), &err));
    assert_int_equal(r.nlines, 8);
    assert_int_equal(r.calls, 3);
    assert_int_equal(r.waits, 2);
    assert_int_equal(r.entries, 6);
    assert_int_equal(r.lines[5].entry, 6);
    assert_int_equal(r.lines[0].kind, 'r');
    assert_int_equal(r.lines[0].hash, 10);
    assert_memory_equal(r.lines[0].text, "{\"x\":1}", r.lines[0].len);
    assert_int_equal(r.lines[1].hash, 0xffffffff);
    assert_int_equal(r.lines[1].len, 0);
    assert_ptr_equal(run_record_waiting(&r), &r.lines[5]);
    assert_int_equal(run_record_gathered(&r), 2);
    assert_int_equal(run_record_last_ms(&r), 5000);
    assert_string_equal(run_record_user(r.header), "33");
    cJSON *spec = run_line_json(run_record_waiting(&r));
    assert_true(cJSON_IsObject(spec));
    cJSON_Delete(spec);
    run_record_free(&r);
    free(copy);
}

static void test_started_only(void **state)
{
    struct run_record r;
    struct buf err = {0};
    char *copy;
    (void)state;
    assert_true(read_exact(&r, &copy, "{}\n", 3, &err));
    assert_int_equal(r.nlines, 0);
    assert_null(run_record_waiting(&r));
    assert_int_equal(run_record_last_ms(&r), 0);
    assert_string_equal(run_record_user(r.header), "");
    run_record_free(&r);
    free(copy);
}

static void test_at_work(void **state)
{
    struct run_record r;
    struct buf err = {0};
    char *copy;
    static const char text[] = "{}\n?00000001 {}\n!{\"now\":7}\n";
    (void)state;
    assert_true(read_exact(&r, &copy, text, strlen(text), &err));
    assert_null(run_record_waiting(&r));
    run_record_free(&r);
    free(copy);
}

static void test_damage(void **state)
{
    static const struct {
        const char *text, *problem;
    } cases[] = {{"", "its first line is not a JSON object"},
                 {"{}", "its first line is not a JSON object"},
                 {"[]\n", "its first line is not a JSON object"},
                 {"{}\n\nr\n", "line 3 is not a journal line"},
                 {"{}\nr0000000\n", "line 2 is not a journal line"},
                 {"{}\nr0000000G 1\n", "line 2 is not a journal line"},
                 {"{}\n#00000001 1\n", "line 2 is not a journal line"},
                 {"{}\nr00000001 1\nr0000", "line 3 is cut off"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct run_record r;
        struct buf err = {0};
        char *copy;
        assert_false(read_exact(&r, &copy, cases[i].text, strlen(cases[i].text), &err));
        assert_string_equal(buf_cstr(&err), cases[i].problem);
        run_record_free(&r);
        buf_free(&err);
        free(copy);
    }
}

/* However much of it there is, it is read without going astray. */
static void test_every_cut(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof whole; len++) {
        struct run_record r;
        struct buf err = {0};
        char *copy;
        bool fine = read_exact(&r, &copy, whole, len, &err);
        assert_int_equal(fine, len > 0 && whole[len - 1] == '\n');
        run_record_free(&r);
        buf_free(&err);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole), cmocka_unit_test(test_started_only),
        cmocka_unit_test(test_at_work), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_every_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
