/* The texts of the WeCom codec: what Markdown they become, what cannot be said with them, where long ones are cut. */
#include "wecom_out_world.h"

#include "base/utf8.h"

static struct buf out;

static const char *render(const char *chat, enum wc_mention how, const struct out_segment *list,
                          int n)
{
    struct out_message m = {.chat = chat, .segments = list, .nsegments = n};
    buf_reset(&out);
    wc_text_render(&out, &m, how);
    return buf_cstr(&out);
}

static struct out_segment text(const char *s)
{
    return (struct out_segment){.type = SEGMENT_TEXT, .id = "", .text = s, .text_len = strlen(s)};
}

static struct out_segment at(const char *id, const char *name)
{
    return (struct out_segment){
        .type = SEGMENT_AT, .id = id, .text = name, .text_len = strlen(name)};
}

static const char *plain(const char *s)
{
    struct out_segment one = text(s);
    return render("wrA", WC_MENTION_BOLD, &one, 1);
}

static void text_stays(void **state)
{
    (void)state;
    assert_string_equal(plain("第 3 天 **打卡**\n- a\n[官网](https://x.example)"),
                        "第 3 天 **打卡**\n- a\n[官网](https://x.example)");
    assert_string_equal(plain("1 < 2 && a<b>c"), "1 < 2 && a<b>c");
    assert_string_equal(plain("a\x01"
                              "b\x07"
                              "c\r\n"),
                        "abc\n");
}

/* wecom 52 */
static void no_thinking(void **state)
{
    (void)state;
    assert_string_equal(plain("<think>x</think>"), "<\xe2\x80\x8bthink>x<\xe2\x80\x8b/think>");
    assert_string_equal(plain("< THINK >"), "<\xe2\x80\x8b THINK >");
    struct out_segment two[] = {text("<thi"), text("nk>")}; /* in two pieces */
    assert_string_equal(render("wrA", WC_MENTION_BOLD, two, 2), "<\xe2\x80\x8bthink>");
}

static void no_pictures_and_calls_by_text(void **state)
{
    (void)state;
    assert_string_equal(plain("![x](https://evil.example/p.png)"),
                        "!\xe2\x80\x8b[x](https://evil.example/p.png)");
    assert_string_equal(plain("<@lisi> hi"), "<\xe2\x80\x8b@lisi> hi");
    struct out_segment one = text("<@lisi> hi");
    assert_string_equal(render("wrA", WC_MENTION_ANGLE, &one, 1), "<\xe2\x80\x8b@lisi> hi");
}

/* wecom 51 */
static void mentions(void **state)
{
    (void)state;
    struct out_segment s[] = {at("lisi", "李四"), text("你好"), at("wangwu", "")};
    assert_string_equal(render("wrA", WC_MENTION_BOLD, s, 3), "**@李四** 你好 **@wangwu**");
    assert_string_equal(render("wrA", WC_MENTION_PLAIN, s, 3), "@李四 你好 @wangwu");
    assert_string_equal(render("wrA", WC_MENTION_ANGLE, s, 3), "<@lisi> 你好 <@wangwu>");
    assert_string_equal(render("@lisi", WC_MENTION_BOLD, s, 3), "你好"); /* nobody else is there */
    struct out_segment bad[] = {at("x> <@all", "**a**[b](c)<d>`"), text(" hi")};
    assert_string_equal(render("wrA", WC_MENTION_ANGLE, bad, 2),
                        "**@＊＊a＊＊［b］(c)＜d＞｀** hi");
    struct out_segment all[] = {at("all", ""), text("开会")};
    assert_string_equal(render("wrA", WC_MENTION_ANGLE, all, 2), "**@所有人** 开会");
}

/* All pieces are valid, within the limit, and nothing is lost but line ends around the cuts. */
static int pieces(const char *s, size_t len, size_t max, struct buf *joined)
{
    struct wc_split split = {0};
    struct buf piece = {0};
    int n = 0;
    buf_reset(joined);
    while (wc_split_next(&split, s, len, max, &piece)) {
        assert_true(piece.len <= max);
        assert_true(utf8_valid(piece.data, piece.len));
        buf_add(joined, piece.data, piece.len);
        buf_addc(joined, '|');
        buf_reset(&piece);
        assert_in_range(++n, 1, 1000);
    }
    buf_free(&piece);
    return n;
}

/* wecom 43 */
static void cut_in_bytes_at_characters(void **state)
{
    (void)state;
    struct buf s = {0}, joined = {0};
    for (int i = 0; i < 7000; i++) /* 21,000 bytes, no break anywhere */
        buf_adds(&s, "好");
    assert_int_equal(pieces(s.data, s.len, WC_CONTENT_CUT, &joined), 2);
    assert_int_equal(joined.len, s.len + 2);
    buf_reset(&s);
    for (int i = 0; i < 300; i++)
        buf_addf(&s, "第 %d 段:今天也要加油。\n\n", i);
    int n = pieces(s.data, s.len, 1000, &joined);
    assert_in_range(n, 9, 20);
    for (size_t i = 1; i + 1 < joined.len; i++) /* between paragraphs */
        if (joined.data[i] == '|')
            assert_memory_equal(joined.data + i - 3, "。", 3);
    assert_int_equal(pieces("", 0, 1000, &joined), 0);
    buf_free(&s);
    buf_free(&joined);
}

static void fences_are_opened_again(void **state)
{
    (void)state;
    struct buf s = {0}, joined = {0};
    buf_adds(&s, "look:\n```lua\n");
    for (int i = 0; i < 100; i++)
        buf_addf(&s, "print(%d) -- a line\n", i);
    buf_adds(&s, "```\nand after it");
    pieces(s.data, s.len, 600, &joined);
    const char *p = buf_cstr(&joined);
    int fences = 0, opened = 0, cuts = 0;
    for (; *p; p++) {
        cuts += *p == '|' && p[1];
        fences += strncmp(p, "```", 3) == 0;
        opened += strncmp(p, "```lua\n", 7) == 0;
    }
    assert_in_range(cuts, 3, 8);
    assert_true(opened >= cuts - 1);
    assert_int_equal(fences, 2 * opened);
    assert_non_null(strstr(joined.data, "```\nand after it|"));
    buf_free(&s);
    buf_free(&joined);
}

static void strange_texts_are_cut(void **state)
{
    (void)state;
    struct rng rng;
    struct buf s = {0}, joined = {0};
    static const char *const bits[] = {"```", "\n", "~~~~", "好", "\n\n", "a", " ", "`", "<think>"};
    rng_seed(&rng, 3);
    for (int round = 0; round < 300; round++) {
        buf_reset(&s);
        for (int i = 0; i < 2000; i++)
            buf_adds(&s, bits[rng_below(&rng, 9)]);
        pieces(s.data, s.len, 512, &joined);
    }
    buf_free(&s);
    buf_free(&joined);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_stays),
        cmocka_unit_test(no_thinking),
        cmocka_unit_test(no_pictures_and_calls_by_text),
        cmocka_unit_test(mentions),
        cmocka_unit_test(cut_in_bytes_at_characters),
        cmocka_unit_test(fences_are_opened_again),
        cmocka_unit_test(strange_texts_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
