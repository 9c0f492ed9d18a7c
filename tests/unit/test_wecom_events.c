/* Tests of the WeCom codec's reading: callbacks become events, whatever is in them. `wecom N` names the item of the checklist in the
 * protocol's description that a test stands for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "gateway/wc.h"

static const char *const bot_names[] = {"小助手", "Helper", "Helper Two", NULL};
enum { NOW_S = 1770000300 };

struct test {
    struct wc g; /* only its vault, clock and randomness are used */
    struct clock clock;
    struct json_doc doc;
    struct wc_decode d;
    struct event *e;
    enum wc_verdict v;
    char *text;
};

static int setup(void **state)
{
    struct test *t = MEM_NEW(struct test);
    log_init();
    clock_init_virtual(&t->clock, (int64_t)NOW_S * 1000);
    t->g.env.clock = &t->clock;
    rng_seed(&t->g.rng, 7);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct test *t = *state;
    event_free(t->e);
    json_doc_free(&t->doc);
    wc_vault_free(&t->g);
    free(t->text);
    free(t);
    event_pool_free();
    return 0;
}

/* Decodes a body; single quotes stand for double ones. */
static struct event *decode_as(struct test *t, bool message, const char *body, const char *req_id)
{
    event_free(t->e);
    t->e = NULL;
    free(t->text);
    t->text = mem_strdup(body);
    for (char *p = t->text; *p; p++)
        if (*p == '\'')
            *p = '"';
    const struct json *o = json_parse(&t->doc, t->text, strlen(body));
    assert_non_null(o);
    t->d = (struct wc_decode){.g = &t->g,
                              .self_id = "aibBOT",
                              .names = bot_names,
                              .req_id = req_id,
                              .req_id_len = req_id ? strlen(req_id) : 0,
                              .now_ms = (int64_t)NOW_S * 1000,
                              .now_ns = 5,
                              .stale_ms = 120000};
    t->v = message ? wc_message_decode(&t->d, o, &t->e) : wc_event_decode(&t->d, o, &t->e);
    assert_int_equal(t->v == WC_EVENT, t->e != NULL);
    return t->e;
}

static struct event *decode(struct test *t, const char *body)
{
    return decode_as(t, true, body, "r-1");
}

static struct event *decode_event(struct test *t, const char *body)
{
    return decode_as(t, false, body, "r-2");
}

#define SINGLE "'msgid':'m-1','chattype':'single','from':{'userid':'lisi'}"
#define GROUP  "'msgid':'m-1','chatid':'wrAbCdE','chattype':'group','from':{'userid':'lisi'}"

static const struct segment *seg(const struct test *t, int i)
{
    assert_in_range(i, 0, t->e->nsegments - 1);
    return &t->e->segments[i];
}

/* wecom 24, 27: a text in a group, the chat's id with its case */
static void test_group_text(void **state)
{
    struct test *t = *state;
    struct event *e =
        decode(t, "{" GROUP
                  ",'create_time':1770000290,'msgtype':'text','text':{'content':'@小助手 打卡'}}");
    assert_int_equal(e->type, EVENT_MESSAGE);
    assert_string_equal(e->chat, "wrAbCdE");
    assert_string_equal(e->user, "lisi");
    assert_string_equal(e->name, "lisi");
    assert_string_equal(e->key, "mm-1");
    assert_string_equal(e->message_id, "m-1");
    assert_string_equal(e->text, "打卡");
    assert_true(e->at_me);
    assert_false(e->private_chat);
    assert_false(e->late);
    assert_int_equal(e->time_ms, 1770000290000);
    assert_int_equal(e->arrived_ms, 1770000300000);
    assert_int_equal(e->nsegments, 2);
    assert_int_equal(seg(t, 0)->type, SEGMENT_AT);
    assert_string_equal(seg(t, 0)->id, "aibBOT");
    assert_string_equal(seg(t, 0)->text, "小助手");
    assert_string_equal(e->ref, "m1770000300000 g r-1");
}

/* wecom 24: each kind in a single chat */
static void test_single_kinds(void **state)
{
    struct test *t = *state;
    struct wc_media m;
    struct event *e = decode(t, "{" SINGLE ",'msgtype':'text','text':{'content':'你好'}}");
    assert_string_equal(e->chat, "@lisi");
    assert_true(e->private_chat);
    assert_string_equal(e->text, "你好");
    assert_string_equal(e->ref, "m1770000300000 s r-1");
    e = decode(t, "{" SINGLE ",'msgtype':'voice','voice':{'content':'我要打卡'}}");
    assert_string_equal(e->text, "我要打卡");
    assert_int_equal(seg(t, 0)->type, SEGMENT_VOICE);
    static const struct {
        const char *body, *text;
        enum segment_type type;
    } media[] = {
        {"{" SINGLE ",'msgtype':'image','image':{'url':'https://c/1?s=SIGN','aeskey':'KEY='}}",
         "[image]", SEGMENT_IMAGE},
        {"{" SINGLE ",'msgtype':'file','file':{'url':'https://c/1?s=SIGN','aeskey':'KEY='}}",
         "[file]", SEGMENT_FILE},
        {"{" SINGLE ",'msgtype':'video','video':{'url':'https://c/1?s=SIGN','aeskey':'KEY='}}",
         "[video]", SEGMENT_VIDEO}};
    for (size_t i = 0; i < sizeof media / sizeof media[0]; i++) {
        e = decode(t, media[i].body);
        assert_int_equal(e->type, EVENT_MESSAGE);
        assert_int_equal(seg(t, 0)->type, media[i].type);
        assert_string_equal(e->text, media[i].text);
        assert_true(wc_vault_get(&t->g, seg(t, 0)->id, &m));
        assert_string_equal(m.url, "https://c/1?s=SIGN");
        assert_string_equal(m.aeskey, "KEY=");
        assert_int_equal(m.until_ms, 1770000300000 + 300000);
    }
    e = decode(
        t,
        "{" SINGLE
        ",'msgtype':'mixed','mixed':{'msg_item':[{'msgtype':'text','text':{'content':'看'}},"
        "{'msgtype':'image','image':{'url':'https://c/2'}},{'msgtype':'voice','voice':{'content':'说'}},"
        "{'msgtype':'sticker','sticker':{}},{'msgtype':'file','file':{'url':'https://c/3'}}]}}");
    assert_int_equal(e->nsegments, 4);
    assert_string_equal(e->text, "看[image]说[file]");
    assert_true(wc_vault_get(&t->g, seg(t, 1)->id, &m));
    assert_string_equal(m.aeskey, "");
}

/* wecom 24, 26, 28: mixed in a group; items that are not known are left out; one item without a list */
static void test_group_mixed(void **state)
{
    struct test *t = *state;
    struct event *e = decode(
        t,
        "{" GROUP
        ",'msgtype':'mixed','mixed':{'msg_item':[{'msgtype':'text','text':{'content':'@Helper look'}},"
        "{'msgtype':'image','image':{'url':'https://c/2','aeskey':'K'}},{'no':1},7,null]}}");
    assert_string_equal(e->text, "look[image]");
    assert_int_equal(e->nsegments, 3);
    e = decode(
        t, "{" GROUP
           ",'msgtype':'mixed','mixed':{'msg_item':{'msgtype':'text','text':{'content':'one'}}}}");
    assert_string_equal(e->text, "one");
    decode(
        t,
        "{" GROUP
        ",'msgtype':'mixed','mixed':{'msg_item':[{'msgtype':'mixed','mixed':{'msg_item':[]}}]}}");
    assert_int_equal(t->v, WC_IGNORED);
}

/* wecom 25: what was quoted stands apart, of each kind; without one all is well */
static void test_quote(void **state)
{
    struct test *t = *state;
    static const struct {
        const char *quote, *text;
    } quotes[] = {
        {"{'msgtype':'text','text':{'content':'@小助手 earlier'}}", "@小助手 earlier"},
        {"{'msgtype':'image','image':{'url':'https://c/9','aeskey':'K'}}", "[image]"},
        {"{'msgtype':'mixed','mixed':{'msg_item':[{'msgtype':'text','text':{'content':'a'}},"
         "{'msgtype':'image','image':{'url':'u'}}]}}",
         "a[image]"},
        {"{'msgtype':'voice','voice':{'content':'said'}}", "said"},
        {"{'msgtype':'file','file':{'url':'u'}}", "[file]"},
        {"{'msgtype':'video','video':{'url':'u'}}", "[video]"}};
    for (size_t i = 0; i < sizeof quotes / sizeof quotes[0]; i++) {
        char body[600];
        snprintf(body, sizeof body,
                 "{" GROUP ",'msgtype':'text','text':{'content':'@Helper what'},'quote':%s}",
                 quotes[i].quote);
        struct event *e = decode(t, body);
        assert_string_equal(e->text, "what");
        assert_int_equal(e->nsegments, 3);
        assert_int_equal(seg(t, 0)->type, SEGMENT_REPLY);
        assert_string_equal(seg(t, 0)->text, quotes[i].text);
        assert_string_equal(seg(t, 0)->id, "");
        assert_string_equal(e->reply_to, "");
    }
    static const char *const odd[] = {"null",
                                      "7",
                                      "'x'",
                                      "[]",
                                      "{}",
                                      "{'msgtype':'poll','poll':{}}",
                                      "{'msgtype':'text'}",
                                      "{'msgtype':3,'text':{'content':'x'}}"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        char body[400];
        snprintf(body, sizeof body,
                 "{" GROUP ",'msgtype':'text','text':{'content':'hi'},'quote':%s}", odd[i]);
        assert_string_equal(decode(t, body)->text, "hi");
        assert_int_equal(t->e->nsegments, 1);
    }
}

/* wecom 26: the name is taken off at the start only */
static void test_names(void **state)
{
    struct test *t = *state;
    static const struct {
        const char *said, *heard;
    } cases[] = {{"@小助手 打卡", "打卡"},
                 {"  @小助手\t 打卡", "打卡"},
                 {"@小助手\xE3\x80\x80打卡", "打卡"},
                 {"@小助手\xE2\x80\x85打卡", "打卡"},
                 {"@小助手\xC2\xA0打卡", "打卡"},
                 {"@小助手", ""},
                 {"@小助手， 打卡", "， 打卡"},
                 {"@Helper Two do it", "do it"},
                 {"@Helper  /status  please", "/status  please"},
                 {"@Helpers hello", "@Helpers hello"},
                 {"@helper hello", "@helper hello"},
                 {"hello @Helper there", "hello @Helper there"},
                 {"@bob @Helper hi", "@bob @Helper hi"},
                 {"@Helper @Helper hi", "@Helper hi"},
                 {"@", "@"},
                 {"", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[400];
        snprintf(body, sizeof body, "{" GROUP ",'msgtype':'text','text':{'content':'%s'}}",
                 cases[i].said);
        assert_string_equal(decode(t, body)->text, cases[i].heard);
        assert_true(t->e->at_me);
    }
    decode(t, "{" SINGLE ",'msgtype':'text','text':{'content':'@Helper hi'}}");
    assert_string_equal(t->e->text, "@Helper hi");           /* nobody has to call it there */
    struct wc_called c = wc_called_find("@Any hi", 7, NULL); /* no name is configured */
    assert_int_equal(c.end, 5);
    assert_int_equal(c.name_len, 3);
    assert_null(wc_called_find("hi @Any", 7, NULL).name);
    assert_null(wc_called_find("@ Any", 5, NULL).name);
}

/* wecom 28, 31, 32: what is not known or not usable */
static void test_unusable(void **state)
{
    struct test *t = *state;
    static const struct {
        const char *body, *why;
        enum wc_verdict v;
    } cases[] = {
        {"null", "body", WC_MALFORMED},
        {"[]", "body", WC_MALFORMED},
        {"{}", "no_user", WC_MALFORMED},
        {"{'chattype':'single','msgtype':'text','text':{'content':'x'}}", "no_user", WC_MALFORMED},
        {"{'chattype':'single','from':null,'msgtype':'text','text':{'content':'x'}}", "no_user",
         WC_MALFORMED},
        {"{'chattype':'single','from':{'userid':''},'msgtype':'text','text':{'content':'x'}}",
         "no_user", WC_MALFORMED},
        {"{'chattype':'single','from':{'userid':'a\\u0001b'},'msgtype':'text','text':{'content':'x'}}",
         "no_user", WC_MALFORMED},
        {"{'chattype':'group','from':{'userid':'u'},'msgtype':'text','text':{'content':'x'}}",
         "no_chat", WC_MALFORMED},
        {"{'chattype':'group','chatid':'@u','from':{'userid':'u'},'msgtype':'text','text':{'content':'x'}}",
         "no_chat", WC_MALFORMED},
        {"{" SINGLE "}", "msgtype", WC_IGNORED},
        {"{" SINGLE ",'msgtype':'stream','stream':{'id':'s'}}", "msgtype", WC_IGNORED},
        {"{" SINGLE ",'msgtype':'appmsg','appmsg':{'title':'t'}}", "msgtype", WC_IGNORED},
        {"{" SINGLE ",'msgtype':'text'}", "msgtype", WC_IGNORED},
        {"{" SINGLE ",'msgtype':'text','text':'x'}", "msgtype", WC_IGNORED},
        {"{" SINGLE ",'msgtype':'text','text':{'content':['x']}}", "msgtype", WC_IGNORED},
        {"{" SINGLE ",'msgtype':['text'],'text':{'content':'x'}}", "msgtype", WC_IGNORED},
        {"{" SINGLE ",'msgtype':'mixed','mixed':{'msg_item':'x'}}", "msgtype", WC_IGNORED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        decode(t, cases[i].body);
        assert_int_equal(t->v, cases[i].v);
        assert_string_equal(t->d.why, cases[i].why);
    }
    decode(t, "{'chatid':'wr1','from':{'userid':'u'},'msgtype':'text','text':{'content':'x'}}");
    assert_string_equal(t->e->chat, "wr1"); /* no chattype: the chat's id decides */
    decode(t, "{'msgid':'m-9','from':{'userid':77},'msgtype':'text','text':{'content':5}}");
    assert_string_equal(t->e->chat, "@77");
    assert_string_equal(t->e->text, "5");
}

/* wecom 32: events without a sender */
static void test_event_sender(void **state)
{
    struct test *t = *state;
    decode_event(t, "{'msgtype':'event','event':{'eventtype':'disconnected_event'}}");
    assert_int_equal(t->v, WC_SUPERSEDED_BY);
    decode_event(t, "{'msgtype':'event','event':{'eventtype':'enter_chat'}}");
    assert_int_equal(t->v, WC_MALFORMED);
    decode_event(t, "{'msgtype':'event','event':{'eventtype':'enter_check_update'}}");
    assert_int_equal(t->v, WC_IGNORED);
    assert_string_equal(t->d.why, "eventtype");
    static const char *const odd[] = {"null", "[]", "{}", "{'event':7}",
                                      "{'event':{'eventtype':7}}"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        decode_event(t, odd[i]);
        assert_int_equal(t->v, WC_MALFORMED);
    }
}

/* wecom 34: halves of surrogates and bytes that are no UTF-8 become U+FFFD */
static void test_broken_text(void **state)
{
    struct test *t = *state;
    decode(t, "{" SINGLE ",'msgtype':'text','text':{'content':'a\\ud800b\\u0000c'}}");
    assert_string_equal(t->e->text, "a\xEF\xBF\xBD"
                                    "b\xEF\xBF\xBD"
                                    "c");
    decode(t, "{" SINGLE ",'msgtype':'text','text':{'content':'a\xff\xfe\xc3'}}");
    assert_string_equal(t->e->text, "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    decode(t, "{" SINGLE ",'msgtype':'text','text':{'content':'a\\r\\nb\\u0007\\u202ec'}}");
    assert_string_equal(t->e->text, "a\nbc");
}

/* wecom 35: long strings are bounded, a thousand levels are refused before they cost anything */
static void test_sizes(void **state)
{
    struct test *t = *state;
    struct buf b = {0};
    buf_adds(&b, "{" SINGLE ",'msgtype':'text','text':{'content':'");
    for (int i = 0; i < 350000; i++)
        buf_adds(&b, "打");
    buf_adds(&b, "'}}");
    decode(t, buf_cstr(&b));
    assert_in_range(strlen(t->e->text), WC_TEXT_MAX - 3, WC_TEXT_MAX);
    assert_int_equal(strlen(t->e->text) % 3, 0);
    buf_reset(&b);
    for (int i = 0; i < 1000; i++)
        buf_adds(&b, "{\"a\":[");
    assert_null(json_parse(&t->doc, b.data, b.len));
    buf_reset(&b);
    buf_adds(&b, "{" SINGLE ",'msgtype':'mixed','mixed':{'msg_item':[");
    for (int i = 0; i < 1000; i++)
        buf_adds(&b, "{'msgtype':'text','text':{'content':'x'}},");
    buf_adds(&b, "{}]}}");
    decode(t, buf_cstr(&b));
    assert_int_equal(t->e->nsegments, WC_SEGMENTS_MAX);
    char id[300];
    memset(id, 'x', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    buf_reset(&b);
    buf_addf(
        &b,
        "{'msgid':'%s','chattype':'single','from':{'userid':'u'},'msgtype':'text','text':{'content':'x'}}",
        id);
    decode(t, buf_cstr(&b));
    assert_string_equal(t->e->message_id, ""); /* nothing that could be called by it */
    assert_int_equal(t->e->key[1], '#');
    buf_free(&b);
}

/* wecom 36: numbers as strings and strings as numbers; times */
static void test_times(void **state)
{
    struct test *t = *state;
    static const struct {
        const char *time;
        int64_t ms;
        bool late;
    } cases[] = {{"1770000290", 1770000290000, false},
                 {"'1770000290'", 1770000290000, false},
                 {"1770000290123", 1770000290123, false},
                 {"1770000100", 1770000100000, true},
                 {"17", 1770000300000, false},
                 {"1.5", 1770000300000, false},
                 {"'soon'", 1770000300000, false},
                 {"null", 1770000300000, false},
                 {"99999999999999999999", 1770000300000, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[300];
        snprintf(body, sizeof body,
                 "{" SINGLE ",'create_time':%s,'msgtype':'text','text':{'content':'x'}}",
                 cases[i].time);
        decode(t, body);
        assert_int_equal(t->e->time_ms, cases[i].ms);
        assert_int_equal(t->e->late, cases[i].late);
    }
}

/* wecom 38: the first of two members of a name counts */
static void test_duplicate_keys(void **state)
{
    struct test *t = *state;
    decode(
        t,
        "{" SINGLE
        ",'msgid':'m-2','msgtype':'text','msgtype':'image','text':{'content':'first','content':'second'},"
        "'text':{'content':'third'}}");
    assert_string_equal(t->e->text, "first");
    assert_string_equal(t->e->message_id, "m-1");
}

/* wecom 37: the data of a card event nested and flat; selected items as list and as one */
static void test_card(void **state)
{
    struct test *t = *state;
    struct event *e = decode_event(
        t,
        "{" GROUP
        ",'msgtype':'event','event':{'eventtype':'template_card_event','template_card_event':{"
        "'card_type':'button_interaction','event_key':'approve','task_id':'vote-42','selected_items':{'selected_item':["
        "{'question_key':'q1','option_ids':{'option_id':['a','b']}},{'question_key':'q2','option_ids':{'option_id':'c'}}]}}}}");
    assert_int_equal(e->type, EVENT_BUTTON);
    assert_string_equal(e->chat, "wrAbCdE");
    assert_string_equal(e->text, "approve");
    assert_string_equal(e->message_id, "vote-42");
    assert_string_equal(e->sub, "button_interaction");
    assert_string_equal(e->key, "bm-1");
    assert_string_equal(e->ref, "c1770000300000 g vote-42 button_interaction r-2");
    assert_int_equal(e->nsegments, 3);
    assert_string_equal(seg(t, 0)->kind, "selected");
    assert_string_equal(seg(t, 0)->id, "q1");
    assert_string_equal(seg(t, 0)->text, "a");
    assert_string_equal(seg(t, 2)->id, "q2");
    assert_string_equal(seg(t, 2)->text, "c");
    e = decode_event(
        t,
        "{" SINGLE
        ",'msgtype':'event','event':{'eventtype':'template_card_event','event_key':'say:打卡',"
        "'task_id':'t','selected_items':{'selected_item':{'question_key':'q','option_ids':{'option_id':['z']}}}}}");
    assert_string_equal(e->text, "say:打卡");
    assert_string_equal(e->chat, "@lisi");
    assert_string_equal(e->ref, "c1770000300000 s t - r-2");
    assert_int_equal(e->nsegments, 1);
    assert_string_equal(seg(t, 0)->text, "z");
    decode_event(
        t,
        "{" SINGLE
        ",'event':{'eventtype':'template_card_event','template_card_event':[1],'event_key':'flat'}}");
    assert_string_equal(t->e->text, "flat");
    assert_int_equal(t->e->nsegments, 0);
}

static void test_enter_and_feedback(void **state)
{
    struct test *t = *state;
    struct event *e = decode_event(t, "{" GROUP ",'event':{'eventtype':'enter_chat'}}");
    assert_int_equal(e->type, EVENT_ENTER);
    assert_string_equal(e->chat, "@lisi"); /* it is always the single chat that was opened */
    assert_true(e->private_chat);
    assert_string_equal(e->key, "em-1");
    assert_string_equal(e->ref, "w1770000300000 s r-2");
    e = decode_event(
        t, "{" SINGLE
           ",'event':{'eventtype':'feedback_event','feedback_event':{'id':'trace_1','type':'2',"
           "'content':'wrong number','inaccurate_reason_list':[3,'4']}}}");
    assert_int_equal(e->type, EVENT_OTHER);
    assert_string_equal(e->sub, "feedback");
    assert_string_equal(e->text, "wrong number");
    assert_string_equal(e->message_id, "trace_1");
    assert_int_equal(e->number, 2);
    assert_int_equal(e->nsegments, 2);
    assert_string_equal(seg(t, 1)->text, "4");
    assert_string_equal(e->ref, ""); /* nothing can be said to it */
}

/* wecom 30, 39: what an answer needs is kept to the byte; nothing where it is missing */
static void test_ref(void **state)
{
    struct test *t = *state;
    decode_as(t, true, "{" SINGLE ",'msgtype':'text','text':{'content':'x'}}",
              "a b%\"\\\n\xE6\x89\x93\x7f/+=");
    assert_string_equal(t->e->ref, "m1770000300000 s a%20b%25\"\\%0A%E6%89%93%7F/+=");
    decode_as(t, true, "{" SINGLE ",'msgtype':'text','text':{'content':'x'}}", NULL);
    assert_string_equal(t->e->ref, "");
    decode_as(t, true, "{" SINGLE ",'msgtype':'text','text':{'content':'x'}}", "");
    assert_string_equal(t->e->ref, "");
}

/* Messages without an id differ by what they are an answer to. */
static void test_keys_without_id(void **state)
{
    struct test *t = *state;
    const char *body =
        "{'chattype':'single','from':{'userid':'u'},'msgtype':'text','text':{'content':'x'}}";
    char *first = mem_strdup(decode_as(t, true, body, "r-1")->key);
    assert_string_equal(decode_as(t, true, body, "r-1")->key, first);
    assert_string_not_equal(decode_as(t, true, body, "r-2")->key, first);
    free(first);
}

/* wecom 63: addresses and keys are not in the event; the table is bounded and forgets */
static void test_vault(void **state)
{
    struct test *t = *state;
    struct wc_media m;
    char first[WC_MEDIA_ID], id[WC_MEDIA_ID];
    wc_vault_put(&t->g, "https://c/0", "k", first);
    assert_true(wc_vault_get(&t->g, first, &m));
    for (int i = 0; i < WC_MEDIA_MAX - 1; i++)
        wc_vault_put(&t->g, "https://c/n", "", id);
    assert_true(wc_vault_get(&t->g, first, &m));
    wc_vault_put(&t->g, "https://c/n", "", id);
    assert_false(wc_vault_get(&t->g, first, &m));
    assert_true(wc_vault_get(&t->g, id, &m));
    assert_false(wc_vault_get(&t->g, "wecom:0000000000000000", &m));
    assert_false(wc_vault_get(&t->g, "https://c/n", &m));
    clock_advance(&t->clock, WC_MEDIA_MS + 1);
    wc_vault_put(&t->g, "https://c/new", "", first);
    assert_false(wc_vault_get(&t->g, id, &m)); /* dead at the platform, and wiped here */
    decode(t,
           "{" SINGLE ",'msgtype':'image','image':{'url':'https://c/1?s=SIGN','aeskey':'KEY='}}");
    assert_null(strstr(seg(t, 0)->id, "c/1"));
    assert_int_equal(strncmp(seg(t, 0)->id, "wecom:", 6), 0);
    struct buf body = {0}; /* what is no key is not kept: it could have any size */
    buf_adds(&body, "{" SINGLE ",'msgtype':'image','image':{'url':'https://c/1','aeskey':'");
    for (int i = 0; i < 2000; i++)
        buf_addc(&body, 'A');
    buf_adds(&body, "'}}");
    decode(t, buf_cstr(&body));
    assert_true(wc_vault_get(&t->g, seg(t, 0)->id, &m));
    assert_in_range(strlen(m.aeskey), 1,
                    100); /* and it is not taken for a file that is not encrypted */
    buf_free(&body);
}

/* wecom 34, 35: whatever comes, nothing breaks: damaged bodies by the thousand */
static void test_damaged(void **state)
{
    struct test *t = *state;
    static const char good[] =
        "{\"msgid\":\"m-3\",\"chatid\":\"wrG\",\"chattype\":\"group\",\"from\":{\"userid\":\"lisi\"},\"msgtype\":\"mixed\","
        "\"mixed\":{\"msg_item\":[{\"msgtype\":\"text\",\"text\":{\"content\":\"@Helper look\"}},{\"msgtype\":\"image\","
        "\"image\":{\"url\":\"https://c/a\",\"aeskey\":\"B64\"}}]},\"quote\":{\"msgtype\":\"text\",\"text\":{\"content\":\"q\"}},"
        "\"event\":{\"eventtype\":\"template_card_event\",\"template_card_event\":{\"event_key\":\"k\",\"selected_items\":"
        "{\"selected_item\":[{\"question_key\":\"q\",\"option_ids\":{\"option_id\":[\"a\"]}}]}}}}";
    static const char junk[] = "{}[]\",:0n\\\xff";
    struct rng rng;
    rng_seed(&rng, 20261122);
    for (int round = 0; round < 20000; round++) {
        char text[sizeof good];
        memcpy(text, good, sizeof good);
        size_t len = sizeof good - 1;
        for (int k = 0; k < 1 + (int)rng_below(&rng, 4); k++)
            text[rng_below(&rng, len)] = junk[rng_below(&rng, sizeof junk - 1)];
        if (rng_below(&rng, 4) == 0)
            len = rng_below(&rng, len);
        const struct json *o = json_parse(&t->doc, text, len);
        if (!o)
            continue;
        struct wc_decode d = {.g = &t->g,
                              .self_id = "b",
                              .names = bot_names,
                              .now_ms = 1770000300000,
                              .req_id = "r",
                              .req_id_len = 1};
        struct event *e = NULL;
        if (wc_message_decode(&d, o, &e) == WC_EVENT)
            event_free(e);
        if (wc_event_decode(&d, o, &e) == WC_EVENT)
            event_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_group_text),
        TEST(test_single_kinds),
        TEST(test_group_mixed),
        TEST(test_quote),
        TEST(test_names),
        TEST(test_unusable),
        TEST(test_event_sender),
        TEST(test_broken_text),
        TEST(test_sizes),
        TEST(test_times),
        TEST(test_duplicate_keys),
        TEST(test_card),
        TEST(test_enter_and_feedback),
        TEST(test_ref),
        TEST(test_keys_without_id),
        TEST(test_vault),
        TEST(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
