/* test_llm_stream.c -- answers of a language model in pieces: however they are cut, the text is the same; what is wrong with them is
 * found. (Showing them, and the network: tests/e2e/test_web_adverse.py) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "engine/run/llm_stream.h"

#define PIECE(text) "data: {\"choices\":[{\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define END         "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define USAGE       "data: {\"choices\":[],\"usage\":{\"total_tokens\":42}}\n\n"

static struct llm_stream feed(const char *text, size_t size)
{
    struct llm_stream s;
    size_t len = strlen(text);
    llm_stream_init(&s);
    for (size_t at = 0; at < len; at += size)
        if (!llm_stream_feed(&s, text + at, at + size < len ? size : len - at))
            break;
    buf_cstr(&s.text);
    return s;
}

static void test_every_way_of_cutting(void **state)
{
    static const char text[] =
        ": hello\n\nevent: message\n"
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\r\n\r\n" PIECE(
            "春眠")
            PIECE("不觉😀晓") "data:{\"choices\":[{\"delta\":{\"content\":\"\\u597d\\n\"}}]}\n" END
                USAGE "data: [DONE]\n\n" PIECE("nothing after it");
    (void)state;
    for (size_t size = 1; size <= sizeof text; size++) {
        struct llm_stream s = feed(text, size);
        assert_null(s.error);
        assert_true(s.done);
        assert_string_equal(s.text.data, "春眠不觉😀晓好\n");
        assert_string_equal(s.finish, "stop");
        assert_int_equal(s.tokens, 42);
        llm_stream_free(&s);
    }
}

/* A character whose bytes come in two events. */
static void test_a_character_in_two_pieces(void **state)
{
    (void)state;
    struct llm_stream s = feed(PIECE("\xe6\x98") PIECE("\xa5") END, 7);
    assert_string_equal(s.text.data, "春");
    llm_stream_free(&s);
}

static void test_what_is_wrong(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {PIECE("好") "data: {\"error\":{\"message\":\"overloaded\"}}\n\n", "broken answer"},
        {PIECE("好") "data: {\"choices\":[{\"del\n\n", "broken answer"},
        {"data: 17\n\n", "broken answer"},
        {"data: [DONE\n\n", "broken answer"},
        {"data: [1,2]\n\n", "broken answer"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct llm_stream s = feed(cases[i].text, 11);
        assert_string_equal(s.error, cases[i].error);
        assert_false(s.done);
        llm_stream_free(&s);
    }
    struct llm_stream s = feed(
        "data: {\"choices\":[{\"delta\":{\"content\":7}}]}\n\ndata: {\"choices\":{}}\n\ndata: {}\n\n",
        5);
    assert_null(s.error); /* says nothing, but is no harm */
    assert_int_equal(s.text.len, 0);
    llm_stream_free(&s);
}

static void test_without_end(void **state)
{
    struct llm_stream s;
    char *line = mem_alloc(70000);
    size_t taken = 0;
    (void)state;
    memset(line, 'x', 70000);
    llm_stream_init(&s);
    assert_false(llm_stream_feed(&s, line, 70000)); /* a line that never ends */
    assert_string_equal(s.error, "too large");
    llm_stream_free(&s);
    free(line);
    llm_stream_init(&s);
    static const char piece[] =
        PIECE("好好好好好好好好好好好好好好好好好好好好好好好好好好好好好好");
    while (llm_stream_feed(&s, piece, sizeof piece - 1) && taken < (10 << 20))
        taken += sizeof piece - 1;
    assert_string_equal(s.error, "too large"); /* a text that never does */
    assert_in_range(s.text.len, 60000, 66000);
    llm_stream_free(&s);
}

/* Bytes at random, and an event stream with some of its bytes changed: nothing worse than an error. */
static void test_rubbish(void **state)
{
    static const char good[] = PIECE("春眠") PIECE("不觉晓") END USAGE "data: [DONE]\n\n";
    char text[sizeof good];
    (void)state;
    srand(7);
    for (int round = 0; round < 3000; round++) {
        struct llm_stream s;
        memcpy(text, good, sizeof good);
        for (int i = rand() % 6; i >= 0; i--)
            text[(size_t)rand() % (sizeof good - 1)] = (char)rand();
        llm_stream_init(&s);
        for (size_t at = 0, n; at < sizeof good - 1; at += n) {
            n = 1 + (size_t)rand() % 40;
            n = at + n < sizeof good - 1 ? n : sizeof good - 1 - at;
            if (!llm_stream_feed(&s, text + at, n))
                break;
        }
        assert_true(s.text.len < sizeof good);
        llm_stream_free(&s);
    }
}

/* The service does not know how to stream: its answer is kept whole. */
static void test_in_one_piece(void **state)
{
    static const char whole[] = "{\n \"choices\": [{\"message\": {\"content\": \"好\"}}]\n}\n";
    (void)state;
    for (size_t size = 1; size < sizeof whole; size += 5) {
        struct llm_stream s = feed(whole, size);
        assert_false(s.begun);
        assert_null(s.error);
        assert_string_equal(buf_cstr(&s.line), whole);
        llm_stream_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_way_of_cutting),
        cmocka_unit_test(test_a_character_in_two_pieces),
        cmocka_unit_test(test_what_is_wrong),
        cmocka_unit_test(test_without_end),
        cmocka_unit_test(test_rubbish),
        cmocka_unit_test(test_in_one_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
