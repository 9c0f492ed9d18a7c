/* test_satori_elements.c -- the element markup of Satori: the 22 vectors of the dossier (checklist satori 43), the rules around them
 * (satori 44-53), and what a message becomes on its way in and out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "gateway/sat_element.h"

static struct sat_tree tree;

/* ---- a tree as text: 'text' and name{key=value,bare,!unset}(children) ---- */

static void dump(struct buf *out, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i += 1 + tree.nodes[i].below) {
        const struct sat_node *n = &tree.nodes[i];
        if (n->text) {
            buf_addf(out, "'%.*s'", (int)n->s.len, n->s.s);
            continue;
        }
        buf_add(out, n->s.s, n->s.len);
        if (n->nattr)
            buf_addc(out, '{');
        for (uint32_t k = 0; k < n->nattr; k++) {
            const struct sat_attr *a = &tree.attrs[n->attrs + k];
            buf_addf(out, "%s%s%.*s", k ? "," : "", a->unset ? "!" : "", (int)a->key.len, a->key.s);
            if (!a->bare)
                buf_addf(out, "=%.*s", (int)a->value.len, a->value.s);
        }
        if (n->nattr)
            buf_addc(out, '}');
        buf_addc(out, '(');
        dump(out, i + 1, i + 1 + n->below);
        buf_addc(out, ')');
    }
}

static const char *parsed(const char *content)
{
    static struct buf out;
    static struct buf copy;
    buf_reset(&copy);
    buf_adds(&copy, content);
    sat_parse(&tree, copy.data, copy.len);
    buf_reset(&out);
    dump(&out, 0, tree.n);
    return buf_cstr(&out);
}

/* ---- a content as an event ---- */

static struct event *event;

static const char *text_of(const char *content)
{
    event_free(event);
    event = event_new(EVENT_MESSAGE, 0);
    sat_elements_decode(event, content, strlen(content), "10001");
    return event->text;
}

/* Segments as type:id:text. */
static const char *segments_of(const char *content)
{
    static const char *const names[] = {"text",  "at",   "image", "face",    "reply", "voice",
                                        "video", "file", "card",  "forward", "other", "button"};
    static struct buf out;
    text_of(content);
    buf_reset(&out);
    for (int i = 0; i < event->nsegments; i++) {
        const struct segment *s = &event->segments[i];
        buf_addf(&out, "%s%s:%s:%s", i ? "|" : "", names[s->type], s->id, s->text);
    }
    return buf_cstr(&out);
}

/* ---- the vectors: satori 43, one test each ---- */

#define VECTOR(number, content, want)                   \
    static void satori_43_vector_##number(void **state) \
    {                                                   \
        (void)state;                                    \
        assert_string_equal(parsed(content), want);     \
    }

VECTOR(1, "a&amp;lt;b", "'a&lt;b'")
VECTOR(2, "&#x26;lt;", "'&lt;'")
VECTOR(3, "<at id=\"1\"/> hi", "at{id=1}()' hi'")
VECTOR(4, "x\n<at id=\"1\"/>", "'x'at{id=1}()")
VECTOR(5, "x<br/><at id=\"1\"/>", "'x'br()at{id=1}()")
VECTOR(6, "<img src='a\"b'/>", "img{src=a\"b}()")
VECTOR(7, "<img src=\"u\" no-cache/>", "img{src=u,!cache}()")
VECTOR(8, "1 < 2", "'1 < 2'")
VECTOR(9, "<b>bold", "'<b>''bold'")
VECTOR(10, "</b>x", "'</b>''x'")
VECTOR(11, "<a href=\"http://h/?a=1&amp;b=2\">k</a>", "a{href=http://h/?a=1&b=2}('k')")
VECTOR(13, "<!-- x -->y", "'y'")
VECTOR(14, "", "")
VECTOR(15, "&#0;&#xD800;&#x110000;", "'\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD'")
VECTOR(16, "<a b=c d/>", "a{b,c,d}()")
VECTOR(18, "x&#10;<at id=\"1\"/>", "'x'at{id=1}()")
VECTOR(19, "<>q</>", "('q')")
VECTOR(20, "<b><i>x</b>y", "b('<i>''x')'y'")
VECTOR(21, "<img src=\"u\">text", "img{src=u}()'text'")

static void satori_43_vector_12(void **state)
{
    (void)state;
    assert_string_equal(parsed("<quote id=\"9\"><author id=\"5\"/>old</quote>new"),
                        "quote{id=9}(author{id=5}()'old')'new'");
    assert_string_equal(text_of("<quote id=\"9\"><author id=\"5\"/>old</quote>new"), "new");
}

/* Only safe, and the z is visible. */
static void satori_43_vector_17(void **state)
{
    (void)state;
    assert_non_null(strstr(parsed("<at id=\"1>2\"/>z"), "z"));
    assert_non_null(strstr(text_of("<at id=\"1>2\"/>z"), "z"));
}

static void satori_43_vector_22(void **state)
{
    (void)state;
    struct buf b = {0};
    sat_put_open(&b, "x");
    sat_put_attr(&b, "name", "a\"<>&", 5);
    sat_put_flag(&b, "cache", true);
    sat_put_flag(&b, "cache", false);
    sat_put_attr(&b, "subType", "1", 1);
    sat_put_empty(&b);
    assert_string_equal(buf_cstr(&b),
                        "<x name=\"a&quot;&lt;&gt;&amp;\" cache no-cache sub-type=\"1\"/>");
    buf_free(&b);
}

/* ---- satori 44: what was written is read again ---- */

static void random_text(struct rng *r, struct buf *out)
{
    static const char *const pieces[] = {"<",
                                         ">",
                                         "&",
                                         "\"",
                                         "'",
                                         "/",
                                         "&lt;",
                                         "<at type=\"all\"/>",
                                         "</b>",
                                         "<!--",
                                         "-->",
                                         "&#10;",
                                         "=",
                                         " ",
                                         "\t",
                                         "no-",
                                         "\xE4\xBD\xA0",
                                         "\xF0\x9F\x98\x80",
                                         "\xE3\x80\x80",
                                         "\n",
                                         "a",
                                         "\xC2\xA0",
                                         "&amp;amp;",
                                         "{",
                                         "}"};
    buf_reset(out);
    for (uint64_t n = rng_below(r, 24); n; n--) {
        if (rng_below(r, 4)) {
            buf_adds(out, pieces[rng_below(r, sizeof pieces / sizeof pieces[0])]);
        } else {
            uint32_t c = (uint32_t)(1 + rng_below(r, 0x10FFFF)); /* any character */
            struct buf ref = {0};
            buf_addf(&ref, "&#%u;", c == '\r' ? 'r' : c);
            sat_unescape(out, ref.data, ref.len);
            buf_free(&ref);
        }
    }
}

static void satori_44_round_trip_of_values(void **state)
{
    (void)state;
    struct rng r;
    struct buf plain = {0}, markup = {0};
    rng_seed(&r, 44);
    for (int i = 0; i < 20000; i++) {
        random_text(&r, &plain);
        assert_true(utf8_valid(plain.data, plain.len));
        buf_reset(&markup);
        sat_put_open(&markup, "x");
        sat_put_attr(&markup, "v", plain.data, plain.len);
        sat_put_empty(&markup);
        sat_parse(&tree, markup.data, markup.len);
        assert_int_equal(tree.n, 1);
        const struct sat_attr *a = sat_node_attr(&tree, &tree.nodes[0], "v");
        assert_non_null(a);
        assert_int_equal(a->value.len, plain.len);
        assert_memory_equal(a->value.s, plain.len ? plain.data : "", plain.len);
    }
    buf_free(&plain);
    buf_free(&markup);
}

static void satori_44_round_trip_of_messages(void **state)
{
    (void)state;
    struct rng r;
    struct buf plain = {0}, content = {0};
    const struct sat_encode o = {0};
    rng_seed(&r, 45);
    for (int i = 0; i < 20000; i++) {
        const char *why = NULL;
        random_text(&r, &plain);
        struct out_segment seg = {
            .type = SEGMENT_TEXT, .text = buf_cstr(&plain), .text_len = plain.len};
        struct out_message m = {.chat = "1", .segments = &seg, .nsegments = 1};
        buf_reset(&content);
        if (!plain.len) {
            assert_false(sat_elements_encode(&content, &m, &o, &why));
            assert_string_equal(why, "the message is empty");
            continue;
        }
        assert_true(sat_elements_encode(&content, &m, &o, &why));
        text_of(buf_cstr(&content));
        assert_int_equal(event->nsegments, 1);
        assert_int_equal(event->segments[0].type, SEGMENT_TEXT);
        assert_string_equal(event->segments[0].text, plain.data);
        assert_false(event->at_other);
    }
    buf_free(&plain);
    buf_free(&content);
}

/* ---- writing ---- */

static const char *encoded(const struct out_segment *list, int n, const char *chat, bool buttons,
                           const char **why)
{
    static struct buf out;
    struct out_message m = {.chat = chat, .segments = list, .nsegments = n};
    struct sat_encode o = {.buttons = buttons, .faces = true};
    buf_reset(&out);
    return sat_elements_encode(&out, &m, &o, why) ? buf_cstr(&out) : NULL;
}

#define TEXT(s)                                                   \
    {                                                             \
        .type = SEGMENT_TEXT, .text = s, .text_len = sizeof s - 1 \
    }

static void satori_45_no_injected_elements(void **state)
{
    (void)state;
    const char *why = NULL;
    const struct out_segment list[] = {
        TEXT("<at type=\"all\"/>"),
        {.type = SEGMENT_AT, .id = "1\"/><at type=\"all\"/>", .text = "\"><b>", .text_len = 5},
        {.type = SEGMENT_IMAGE, .id = "http://h/\"/><at type='all'/>"},
        {.type = SEGMENT_BUTTON, .id = "\"/>", .text = "</button><at id=\"1\"/>", .text_len = 21}};
    const char *content = encoded(list, 4, "20002", true, &why);
    assert_non_null(content);
    assert_null(strstr(content, "<at type"));
    parsed(content);
    assert_int_equal(tree.n, 5); /* text, at, img, button and its text */
    assert_true(tree.nodes[0].text && tree.nodes[4].text);
    struct sat_slice id = sat_node_attr(&tree, &tree.nodes[1], "id")->value;
    assert_int_equal(id.len, strlen(list[1].id));
    assert_memory_equal(id.s, list[1].id, id.len);
    text_of("&lt;at type=\"all\"/&gt;"); /* and on the way in */
    assert_false(event->at_other);
    assert_string_equal(event->text, "<at type=\"all\"/>");
}

static void satori_46_values_are_escaped(void **state)
{
    (void)state;
    const char *why = NULL;
    const struct out_segment list[] = {
        {.type = SEGMENT_AT, .id = "3", .text = "say \"hi\" > now", .text_len = 14}};
    assert_string_equal(encoded(list, 1, "1", false, &why),
                        "<at id=\"3\" name=\"say &quot;hi&quot; &gt; now\"/>");
}

static void satori_47_line_breaks(void **state)
{
    (void)state;
    const char *why = NULL;
    const struct out_segment list[] = {{.type = SEGMENT_AT, .id = "30003"},
                                       TEXT("\nline 1\r\nline 2\n"),
                                       {.type = SEGMENT_AT, .id = "30004"}};
    assert_string_equal(encoded(list, 3, "1", false, &why),
                        "<at id=\"30003\"/><br/>line 1<br/>line 2<br/><at id=\"30004\"/>");
    /* read again, no line break next to a mention is lost */
    assert_string_equal(segments_of(encoded(list, 3, "1", false, &why)),
                        "at:30003:|text::\nline 1\nline 2\n|at:30004:");
}

static void whole_messages(void **state)
{
    (void)state;
    const char *why = NULL;
    const struct out_segment list[] = {
        TEXT("a < b & c "),
        {.type = SEGMENT_AT, .id = "30003", .text = "Ann", .text_len = 3},
        TEXT("welcome"),
        {.type = SEGMENT_IMAGE, .id = "https://h/p.png?a=1&b=2"},
        {.type = SEGMENT_FACE, .id = "14"},
        {.type = SEGMENT_REPLY, .id = "2|20002|991"},
        {.type = SEGMENT_AT, .id = "all"}};
    assert_string_equal(
        encoded(list, 7, "20002", false, &why),
        "<quote id=\"2|20002|991\"/>a &lt; b &amp; c <at id=\"30003\" name=\"Ann\"/> "
        "welcome<img src=\"https://h/p.png?a=1&amp;b=2\"/><face id=\"14\"/><at "
        "type=\"all\"/>");
    /* nobody is called in a private chat */
    assert_string_equal(encoded(list + 1, 2, "@30003", false, &why), "welcome");
    const struct out_segment button[] = {
        TEXT("打卡"), {.type = SEGMENT_BUTTON, .id = "say:x", .text = "X", .text_len = 1}};
    assert_string_equal(encoded(button, 2, "1", true, &why),
                        "打卡<button id=\"say:x\" type=\"action\">X</button>");
    assert_null(encoded(button, 2, "1", false, &why));
    assert_string_equal(why, "there are no buttons on this platform");
    const struct out_segment card[] = {
        {.type = SEGMENT_CARD, .id = "", .text = "{}", .text_len = 2}};
    assert_null(encoded(card, 1, "1", true, &why));
    assert_string_equal(why, "there are no cards on this platform");
    assert_null(encoded(list + 5, 1, "1", true, &why)); /* a quotation alone */
    assert_string_equal(why, "the message is empty");
}

/* ---- reading ---- */

static void satori_48_attributes(void **state)
{
    (void)state;
    assert_string_equal(parsed("<x a b='1' no-c sub-type=\"2\" D=\"\"/>"),
                        "x{a,b=1,!c,sub-type=2,D=}()");
    parsed("<x sub-type=\"2\"/><x subType=\"3\"/><X/>");
    assert_non_null(sat_node_attr(&tree, &tree.nodes[0], "sub-type"));
    assert_non_null(sat_node_attr(&tree, &tree.nodes[1], "sub-type"));
    assert_true(sat_node_is(&tree.nodes[2], "x"));
    assert_string_equal(parsed("<x a = \"1\" no- ==/>"), "x{a,\"1\",no-}()");
    assert_string_equal(parsed("<x a=\"1\nb\"/>"), "x{a=1\nb}()");
    assert_string_equal(parsed("<x>"), "'<x>'");
    assert_string_equal(parsed("<x/ >"), "'<x/ >'");
    assert_string_equal(parsed("<1/><$/>< b/>"), "'<1/><$/>< b/>'");
}

static void satori_49_unpaired_tags(void **state)
{
    (void)state;
    assert_string_equal(parsed("<b><i>x</b></i>y"), "b('<i>''x')'</i>''y'");
    assert_string_equal(parsed("<at id=\"1\">hello"), "at{id=1}()'hello'");
    assert_string_equal(parsed("<b><at id=\"1\">hello</b>z"), "b(at{id=1}()'hello')'z'");
    assert_string_equal(parsed("<at id=\"1\">Ann</at>z"), "at{id=1}('Ann')'z'");
    assert_string_equal(parsed("</></></b"), "'</>''</>''</b'");
    assert_string_equal(parsed("<!-- <b>"), "'<!-- ''<b>'");
    assert_string_equal(parsed("<a <b>x</b>"), "'<a <b>''x''</b>'");
    assert_string_equal(segments_of("<img src=\"u\">text<br>more<face id=\"3\">end"),
                        "image:u:|text::text\nmore|face:3:|text::end");
    assert_string_equal(text_of("<quote id=\"7\">not closed"), "<quote id=\"7\">not closed");
}

static void satori_50_unknown_elements(void **state)
{
    (void)state;
    assert_string_equal(text_of("<kook:card a=\"1\">a<x-y>b</x-y></kook:card><llonebot:ark/>c"),
                        "abc");
    assert_string_equal(text_of("<b>a</b><code>b</code><spl>c</spl><>d</>"), "abcd");
    assert_string_equal(text_of("a<p>b</p>c<p>d</p><p>e</p>"), "a\nb\nc\nd\ne");
    assert_string_equal(text_of("<a href=\"http://h/\">k</a>"), "k (http://h/)");
    assert_string_equal(text_of("<a href=\"http://h/\">http://h/</a>"), "http://h/");
    assert_string_equal(text_of("<a href=\"http://h/\"/>"), "http://h/");
    assert_string_equal(text_of("see <sharp id=\"5\" name=\"dev\"/>"), "see #dev");
    assert_string_equal(segments_of("<message id=\"1\" forward><message>x</message></message>"),
                        "forward:1:");
    assert_string_equal(text_of("<message>x</message>"), "x");
}

static void satori_51_quotations(void **state)
{
    (void)state;
    assert_string_equal(text_of("<quote id=\"2|20002|991\"><user id=\"1\"/><member/>"
                                "打卡<quote id=\"8\">x</quote></quote> <at id=\"10001\"/> 签到"),
                        "签到");
    assert_string_equal(event->reply_to, "2|20002|991");
    assert_true(event->at_me);
    assert_false(event->at_other);
    assert_string_equal(segments_of("<quote id=\"9\"/>a<at id=\"3\" name=\"@Ann\"/>"),
                        "reply:9:|text::a|at:3:Ann");
    assert_true(event->at_other);
    text_of("<quote/>x<at type=\"all\"/>");
    assert_string_equal(event->reply_to, "");
    assert_true(event->at_other);
    assert_string_equal(event->segments[1].id, "all");
    text_of("<at role=\"7\" name=\"mods\"/> hi");
    assert_string_equal(event->text, "@mods hi");
    assert_true(event->at_other);
}

static void mentions_of_self(void **state)
{
    (void)state;
    assert_string_equal(text_of("<at id=\"10001\" name=\"helper\"/> 打卡"), "打卡");
    assert_true(event->at_me);
    assert_string_equal(text_of("<at id=\"10001\"/>\n 打卡 "), "打卡");
    event_free(event);
    event = event_new(EVENT_MESSAGE, 0);
    event->private_chat = true;
    sat_elements_decode(event, "hi", 2, "");
    assert_true(event->at_me);
}

static double seconds_of(const char *content)
{
    uint64_t from = clock_ns();
    text_of(content);
    return (double)(clock_ns() - from) / 1e9;
}

static char *repeated(const char *piece, size_t times, const char *end)
{
    struct buf b = {0};
    for (size_t i = 0; i < times; i++)
        buf_adds(&b, piece);
    buf_adds(&b, end);
    return buf_take(&b);
}

/* Anything quadratic would take minutes. */
static void satori_52_linear_time(void **state)
{
    (void)state;
    static const struct {
        const char *piece, *end;
        size_t times;
    } hostile[] = {{"<", "", 100000},       {"<", ">", 100000},          {"<b", "", 100000},
                   {"<b", ">", 100000},     {"<!--", "", 60000},         {"<b ", ">", 80000},
                   {"</", ">", 100000},     {"</b>", "", 60000},         {"<b>", "", 60000},
                   {"<b>", "</c>", 60000},  {"&#", "", 100000},          {"&#x1", "", 60000},
                   {"<a b=\"", ">", 40000}, {"<a b='c\"", ">x", 30000},  {"<b><i></b>", "", 25000},
                   {"a=\"", "<x>", 60000},  {"<x a=\"1\"/>", "", 20000}, {"<p>a</p>", "", 30000},
                   {" \n", "<b/>", 100000}, {"<></>", "", 50000},        {"&amp;", "", 50000}};
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        char *content = repeated(hostile[i].piece, hostile[i].times, hostile[i].end);
        double s = seconds_of(content);
        if (s > 0.5)
            fail_msg("%zu times '%s' took %.3f s", hostile[i].times, hostile[i].piece, s);
        assert_true(strlen(event->text) <= 64 * 1024);
        free(content);
    }
    char *deep = repeated("<b>", 1000, "x"), *ends = repeated("</b>", 1000, "");
    struct buf b = {0};
    buf_addf(&b, "%s%s", deep, ends);
    assert_true(seconds_of(buf_cstr(&b)) < 0.5);
    assert_non_null(strstr(event->text, "x"));
    b.len = 0;
    buf_addf(&b, "%s%s", deep + 3 * 100, ends + 4 * 100); /* all of it within SAT_NODES */
    text_of(buf_cstr(&b));
    assert_string_equal(event->text, "x"); /* what is deeper than SAT_DEPTH is transparent */
    free(ends);
    sat_parse(&tree, b.data, b.len);
    free(deep);
    buf_free(&b);
}

static void limits(void **state)
{
    (void)state;
    char *many = repeated("<br/>x", 3000, "<at id=\"10001\"/>");
    text_of(many); /* what is beyond the nodes is one text */
    assert_false(event->at_me);
    assert_int_equal(event->nsegments, 1);
    free(many);
    char *ats = repeated("<at id=\"2\"/>", 900, "");
    text_of(ats);
    assert_int_equal(event->nsegments, SAT_SEGMENTS_MAX);
    free(ats);
    char *big = repeated("\xE4\xBD\xA0", 100000, "");
    text_of(big);
    assert_int_equal(strlen(event->text), 65535); /* whole characters of 64 KiB */
    free(big);
    char *id = repeated("7", EVENT_ID_MAX + 1, "");
    struct buf b = {0};
    buf_addf(&b, "<at id=\"%s\"/>x<quote id=\"%s\"/><at id=\"a&#1;b\"/>", id, id);
    assert_string_equal(segments_of(buf_cstr(&b)), "text::x");
    buf_free(&b);
    free(id);
}

static void satori_53_legacy_pictures(void **state)
{
    (void)state;
    assert_string_equal(segments_of("<image url=\"http://h/a.png\"/><img src=\"http://h/b.png\"/>"),
                        "image:http://h/a.png:|image:http://h/b.png:");
    assert_string_equal(
        segments_of("<file src=\"u\" title=\"a.pdf\"/><audio src=\"v\"/><video url=\"w\"/>"),
        "file:u:a.pdf|voice:v:|video:w:");
    assert_string_equal(text_of("x<img src=\"u\" title=\"a.png\"/>"), "x[image]");
}

static void references(void **state)
{
    (void)state;
    assert_string_equal(parsed("&nbsp;&#;&#x;&#xg;&#1"), "'&nbsp;&#;&#x;&#xg;&#1'");
    assert_string_equal(parsed("&#128512;&#x4F60;&quot;&#39;"),
                        "'\xF0\x9F\x98\x80\xE4\xBD\xA0\"''");
    assert_string_equal(parsed("&#99999999999999999999;"), "'\xEF\xBF\xBD'");
    assert_string_equal(parsed(" \t\n a b \n\xE3\x80\x80"), "'a b'");
    assert_string_equal(parsed("  a b  "), "'  a b  '");
}

static void base64_both_ways(void **state)
{
    (void)state;
    struct rng r;
    struct buf plain = {0}, text = {0}, again = {0};
    rng_seed(&r, 64);
    for (int i = 0; i < 2000; i++) {
        buf_reset(&plain);
        buf_reset(&text);
        buf_reset(&again);
        for (uint64_t n = rng_below(&r, 80); n; n--)
            buf_addc(&plain, (char)rng_below(&r, 256));
        base64_encode(&text, plain.data, plain.len);
        assert_int_equal(text.len, (plain.len + 2) / 3 * 4);
        assert_true(base64_decode(&again, text.data, text.len));
        assert_int_equal(again.len, plain.len);
        assert_memory_equal(again.data ? again.data : "", plain.len ? plain.data : "", plain.len);
    }
    buf_reset(&again);
    assert_true(base64_decode(&again, "aGk=", 4) && base64_decode(&again, "a-_\n/", 5));
    assert_false(base64_decode(&again, "a", 1) || base64_decode(&again, "aG!k", 4));
    buf_free(&plain);
    buf_free(&text);
    buf_free(&again);
}

static int teardown(void **state)
{
    (void)state;
    event_free(event);
    event = NULL;
    sat_tree_free(&tree);
    return 0;
}

#define V(n) cmocka_unit_test(satori_43_vector_##n)

int main(void)
{
    const struct CMUnitTest tests[] = {
        V(1),
        V(2),
        V(3),
        V(4),
        V(5),
        V(6),
        V(7),
        V(8),
        V(9),
        V(10),
        V(11),
        V(12),
        V(13),
        V(14),
        V(15),
        V(16),
        V(17),
        V(18),
        V(19),
        V(20),
        V(21),
        V(22),
        cmocka_unit_test(satori_44_round_trip_of_values),
        cmocka_unit_test(satori_44_round_trip_of_messages),
        cmocka_unit_test(satori_45_no_injected_elements),
        cmocka_unit_test(satori_46_values_are_escaped),
        cmocka_unit_test(satori_47_line_breaks),
        cmocka_unit_test(whole_messages),
        cmocka_unit_test(satori_48_attributes),
        cmocka_unit_test(satori_49_unpaired_tags),
        cmocka_unit_test(satori_50_unknown_elements),
        cmocka_unit_test(satori_51_quotations),
        cmocka_unit_test(mentions_of_self),
        cmocka_unit_test(satori_52_linear_time),
        cmocka_unit_test(limits),
        cmocka_unit_test(satori_53_legacy_pictures),
        cmocka_unit_test(references),
        cmocka_unit_test(base64_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
