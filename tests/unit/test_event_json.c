/* test_event_json.c -- what a run keeps of an event is the event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "engine/turn/event_json.h"
#include "gateway/json.h"

static struct event *read_text(const char *json, const char *chat)
{
    struct json_doc doc = {0};
    struct buf copy = {0};
    buf_adds(&copy, json);
    const struct json *o = json_parse(&doc, copy.data, copy.len);
    assert_non_null(o);
    struct event *e = event_json_read(o, chat);
    json_doc_free(&doc);
    buf_free(&copy);
    return e;
}

static struct event *again(const struct event *e, struct buf *text)
{
    event_json_write(e, text);
    return read_text(buf_cstr(text), e->chat);
}

static void test_message(void **state)
{
    (void)state;
    static const struct segment segments[] = {{SEGMENT_REPLY, "reply", "-77", ""},
                                              {SEGMENT_AT, "at", "all", "everybody"},
                                              {SEGMENT_OTHER, "mface", "12", "a \"face\""},
                                              {SEGMENT_TEXT, "text", "", "line\nend"}};
    struct event *e = event_new(EVENT_MESSAGE, 0);
    struct buf text = {0};
    e->chat = "700000001";
    e->user = "3300000001";
    e->name = "小美";
    e->role = "admin";
    e->message_id = "-118";
    e->reply_to = "-77";
    e->text = "line\nend";
    e->ref = "r\"1\" {}";
    e->at_me = e->at_other = true;
    e->time_ms = 1793300000123;
    e->segments = segments;
    e->nsegments = 4;
    struct event *back = again(e, &text);
    assert_int_equal(back->type, EVENT_MESSAGE);
    assert_string_equal(back->chat, "700000001");
    assert_string_equal(back->name, "小美");
    assert_string_equal(back->role, "admin");
    assert_string_equal(back->reply_to, "-77");
    assert_string_equal(back->ref, "r\"1\" {}");
    assert_true(back->at_me && back->at_other && !back->private_chat);
    assert_int_equal(back->time_ms, 1793300000123);
    assert_int_equal(back->nsegments, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(back->segments[i].type, segments[i].type);
        assert_string_equal(back->segments[i].kind, segments[i].kind);
        assert_string_equal(back->segments[i].id, segments[i].id);
        assert_string_equal(back->segments[i].text, segments[i].text);
    }
    event_free(back);
    event_free(e);
    buf_free(&text);
}

static void test_plain_text_has_no_list(void **state)
{
    (void)state;
    struct segment one = {SEGMENT_TEXT, "text", "", "打卡"};
    struct event *e = event_new(EVENT_MESSAGE, 0);
    struct buf text = {0};
    e->chat = "@1";
    e->user = "1";
    e->text = "打卡";
    e->segments = &one;
    e->nsegments = 1;
    struct event *back = again(e, &text);
    assert_null(strstr(buf_cstr(&text), "segs"));
    assert_null(strstr(buf_cstr(&text), "ref")); /* a gateway without refs pays nothing */
    assert_int_equal(back->nsegments, 1);
    assert_string_equal(back->segments[0].text, "打卡");
    assert_string_equal(back->segments[0].kind, "text");
    event_free(back);
    event_free(e);
    buf_free(&text);
}

static void test_what_is_no_event(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "[]", "{\"type\":7}", "{\"type\":\"nothing\"}", "1"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_null(read_text(texts[i], "1"));
    }
    assert_null(event_json_read(NULL, "1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_message),
                                       cmocka_unit_test(test_plain_text_has_no_list),
                                       cmocka_unit_test(test_what_is_no_event)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    event_pool_free();
    return failed;
}
