/* test_router_words.c -- what a message says as a command, and whether it says a word. The whole table of what people type is in
 * tests/data/commands.tsv; here are the edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "engine/route/routes.h"
#include "gateway/event.h"

/* Does a remark say the word? As router.c asks. */
static bool says(const char *word, const char *typed, enum routes_rest rest)
{
    struct buf w = {0}, text = {0};
    routes_fold_word(&w, word);
    utf8_fold(&text, typed, strlen(typed));
    buf_cstr(&w);
    buf_cstr(&text);
    size_t skip = routes_strip(text.data, text.len);
    bool said = routes_says_word(w.data, w.len, text.data + skip, text.len - skip, rest);
    buf_free(&w);
    buf_free(&text);
    return said;
}

static void test_signs_and_pictures_do_not_matter(void **state)
{
    static const char *const typed[] = {"打卡",       " 打卡 ",       "/打卡",    "# 打卡",
                                        "//打卡",     "打卡!!!",      "打卡。",   "打卡~",
                                        "💪打卡💪",     "打卡❤️", "【打卡】", "打卡[强]",
                                        "[玫瑰]打卡", "打卡^_^",      "打卡打卡", "打卡 打卡!打卡"};
    (void)state;
    for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++)
        if (!says("打卡", typed[i], REST_NONE))
            fail_msg("%s", typed[i]);
    assert_true(says("🧧抢", "抢", REST_NONE)); /* a playbook's word, too */
    assert_true(says("🧧", "🧧", REST_NONE));  /* which may be nothing else */
    assert_true(says("Help", "HELP", REST_NONE));
}

static void test_more_words_do(void **state)
{
    static const char *const typed[] = {
        "打卡机", "打卡?", "打卡?!", "打卡❓", "“打卡”",     "「打卡」", "我打卡", "打卡了",
        "打",     "",      "!",      "💪",     "打卡[强]了", "-打卡",    "@打卡",  "打卡 早餐"};
    (void)state;
    for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++)
        if (says("打卡", typed[i], REST_NONE))
            fail_msg("%s", typed[i]);
    assert_false(says("1", "11", REST_NONE)); /* digits are not said twice */
    assert_false(says("grab", "grabgrab", REST_NONE));
    assert_false(says("+1", "+1+1", REST_NONE));
    assert_true(says("+1", "➕1", REST_NONE));
}

static void test_what_may_follow(void **state)
{
    static const char *const set_off[] = {"打卡 早餐", "打卡:早餐", "打卡3",     "打卡+早餐",
                                          "打卡😊早餐", "打卡@小美", "打卡,好吗?"};
    (void)state;
    for (size_t i = 0; i < sizeof set_off / sizeof set_off[0]; i++)
        if (!says("打卡", set_off[i], REST_SET_OFF))
            fail_msg("%s", set_off[i]);
    assert_false(says("打卡", "打卡早餐", REST_SET_OFF));
    assert_false(says("打卡", "打卡??", REST_SET_OFF));
    assert_false(says("打卡", "打卡!?", REST_SET_OFF));
    assert_true(says("打卡", "打卡早餐", REST_GLUED));
    assert_true(says("核销", "核销K7", REST_GLUED));
}

/* Faces that are not closed, and broken text, are read no further than they go. */
static void test_broken_text(void **state)
{
    (void)state;
    assert_false(says("打卡", "打卡[", REST_NONE));
    assert_false(says("打卡", "打卡[强 [", REST_NONE));
    assert_false(routes_says_word("打卡", 6, "打卡\xE2\x9C", 8, REST_NONE));
    assert_false(routes_says_word("打卡", 6, "打卡\xF0\x9F", 8, REST_NONE));
    struct buf long_face = {0};
    buf_adds(&long_face, "打卡[");
    for (int i = 0; i < 200; i++)
        buf_adds(&long_face, "强");
    assert_false(says("打卡", buf_cstr(&long_face), REST_NONE));
    buf_free(&long_face);
}

static struct event *event_of(const struct segment *segments, int n, const char *text)
{
    struct event *e = event_new(EVENT_MESSAGE, 256);
    struct segment *own = event_room(e, (size_t)n * sizeof *own);
    memcpy(own, segments, (size_t)n * sizeof *own);
    e->segments = own;
    e->nsegments = n;
    e->text = event_string(e, text, strlen(text));
    return e;
}

#define SEG(t, i, s)                                    \
    {                                                   \
        .type = (t), .kind = "", .id = (i), .text = (s) \
    }

static void expect_command(const struct segment *segments, int n, const char *text,
                           const char *wanted)
{
    struct event *e = event_of(segments, n, text);
    struct buf out = {0};
    routes_command_text(e, &out, true);
    assert_string_equal(buf_cstr(&out), wanted);
    buf_free(&out);
    event_free(e);
}

static void test_whom_it_is_said_to(void **state)
{
    (void)state;
    const struct segment us[] = {SEG(SEGMENT_AT, "1", ""), SEG(SEGMENT_TEXT, "", " 打卡")};
    const struct segment other[] = {SEG(SEGMENT_AT, "2", "小美"), SEG(SEGMENT_TEXT, "", " 打卡")};
    const struct segment behind[] = {SEG(SEGMENT_TEXT, "", "打卡 "), SEG(SEGMENT_AT, "2", "小美")};
    const struct segment quote[] = {SEG(SEGMENT_REPLY, "9", ""), SEG(SEGMENT_TEXT, "", "打卡")};
    const struct segment forward[] = {SEG(SEGMENT_TEXT, "", "打卡"), SEG(SEGMENT_FORWARD, "9", "")};
    expect_command(us, 2, "打卡", "打卡");
    expect_command(other, 2, "@小美 打卡", "");
    expect_command(behind, 2, "打卡 @小美", "打卡");
    expect_command(quote, 2, "打卡", "打卡");
    expect_command(forward, 2, "打卡", "");
}

static void expect_rest(const char *typed, const char *word, const char *wanted)
{
    const struct segment one[] = {SEG(SEGMENT_TEXT, "", typed)};
    struct event *e = event_of(one, 1, typed);
    struct buf text = {0};
    assert_string_equal(routes_command_rest(e, strlen(word), &text), wanted);
    buf_free(&text);
    event_free(e);
}

static void test_what_follows(void **state)
{
    (void)state;
    expect_rest("打卡 Day 3 Good", "打卡", "Day 3 Good");
    expect_rest("/打卡: 早餐", "打卡", "早餐");
    expect_rest("💪打卡,早餐!", "打卡", "早餐");
    expect_rest("打卡", "打卡", "");
    expect_rest("打卡!💪", "打卡", "");
    expect_rest("打卡打卡", "打卡", "");
    expect_rest("核销k7", "核销", "k7");
}

static void test_a_diary_begins_with_the_word(void **state)
{
    struct buf diary = {0};
    (void)state;
    buf_adds(&diary, "打卡 ");
    for (int i = 0; i < 1000; i++)
        buf_adds(&diary, "很长");
    const struct segment one[] = {SEG(SEGMENT_TEXT, "", buf_cstr(&diary))};
    struct event *e = event_of(one, 1, buf_cstr(&diary));
    struct buf head = {0}, text = {0};
    routes_command_text(e, &head, true);
    assert_true(head.len <= 1024 && utf8_valid(head.data, head.len));
    assert_true(routes_says_word("打卡", 6, head.data, head.len, REST_SET_OFF));
    assert_int_equal(strlen(routes_command_rest(e, 6, &text)), 6000);
    buf_free(&head);
    buf_free(&text);
    buf_free(&diary);
    event_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signs_and_pictures_do_not_matter),
        cmocka_unit_test(test_more_words_do),
        cmocka_unit_test(test_what_may_follow),
        cmocka_unit_test(test_broken_text),
        cmocka_unit_test(test_whom_it_is_said_to),
        cmocka_unit_test(test_what_follows),
        cmocka_unit_test(test_a_diary_begins_with_the_word),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    event_pool_free();
    return failed;
}
