/* test_onebot_events.c -- checklist 37-70 and 83-91 as far as no connection is needed: every kind of event object, messages
 * in all shapes, hostile values, de-duplication. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gateway/ob.h"

static const int64_t now_ms = 1767225800000;
static struct json_doc doc;
static char *text_kept;
static enum ob_verdict verdict;
static const char *why;
static enum ob_impl impl = OB_IMPL_NAPCAT;

/* Single quotes stand for double ones. The event is the caller's. */
static struct event *decode(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    free(text_kept);
    text_kept = NULL;
    if (vasprintf(&text_kept, fmt, ap) < 0)
        abort();
    va_end(ap);
    for (char *p = text_kept; *p; p++)
        if (*p == '\'')
            *p = '"';
    const struct json *o = json_parse(&doc, text_kept, strlen(text_kept));
    if (!o)
        fail_msg("not JSON: %s", doc.error);
    struct ob_decode d = {
        .self_id = "2100000001", .impl = impl, .now_ms = now_ms, .stale_ms = 120000};
    struct event *e = NULL;
    verdict = ob_event_decode(&d, o, &e);
    why = d.why;
    return e;
}

#define HEAD "'time':1767225790,'self_id':2100000001,"
#define GROUP \
    HEAD      \
        "'post_type':'message','message_type':'group','sub_type':'normal','message_id':1187204412,'group_id':700000001,'user_id':3300000001,"
#define PRIVATE \
    HEAD        \
        "'post_type':'message','message_type':'private','sub_type':'friend','message_id':-1208745511,'user_id':3300000001,"
#define NOTICE HEAD "'post_type':'notice','notice_type':"

/* ---- messages ---- */

static void test_39_private_message_in_both_formats(void **state)
{
    static const char *const bodies[] = {
        "[{'type':'text','data':{'text':'is the meetup [still] on?'}}]",
        "'is the meetup &#91;still&#93; on?'",
        "{'type':'text','data':{'text':'is the meetup [still] on?'}}"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct event *e =
            decode("{" PRIVATE "'message':%s,'sender':{'user_id':3300000001,'nickname':'Zhou'}}",
                   bodies[i]);
        assert_int_equal(verdict, OB_EVENT);
        assert_int_equal(e->type, EVENT_MESSAGE);
        assert_true(e->private_chat && e->at_me && !e->at_other && !e->late);
        assert_string_equal(e->chat, "@3300000001");
        assert_string_equal(e->user, "3300000001");
        assert_string_equal(e->name, "Zhou");
        assert_string_equal(e->key, "m-1208745511");
        assert_string_equal(e->message_id, "-1208745511");
        assert_string_equal(e->text, "is the meetup [still] on?");
        assert_int_equal(e->nsegments, 1);
        assert_int_equal(e->time_ms, 1767225790000);
        event_free(e);
    }
}

static void test_39_group_message_in_both_formats(void **state)
{
    static const char *const bodies[] = {
        "[{'type':'reply','data':{'id':'1187204001'}},{'type':'at','data':{'qq':'2100000001'}},{'type':'text','data':{'text':' rules please'}}]",
        "'[CQ:reply,id=1187204001][CQ:at,qq=2100000001] rules please'"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct event *e = decode(
            "{" GROUP
            "'anonymous':null,'message':%s,'group_name':'Readers','sender':{'nickname':'Zhou','card':'Zhou/Shanghai','role':'admin','is_robot':false}}",
            bodies[i]);
        assert_int_equal(verdict, OB_EVENT);
        assert_string_equal(e->chat, "700000001");
        assert_string_equal(e->chat_name, "Readers");
        assert_string_equal(e->name, "Zhou/Shanghai"); /* 41 */
        assert_string_equal(e->role, "admin");
        assert_string_equal(e->text, "rules please");
        assert_string_equal(e->reply_to, "1187204001");
        assert_true(e->at_me && !e->at_other && !e->private_chat);
        assert_int_equal(e->nsegments, 3);
        assert_int_equal(e->segments[1].type, SEGMENT_AT);
        event_free(e);
    }
}

static void test_40_empty_messages(void **state)
{
    static const char *const bodies[] = {
        "'message':[],",   "'message':'',", "'message':{'type':'at'},", "",
        "'message':null,", "'message':7,",  "'message':[7,null,[],{}],"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct event *e = decode("{" GROUP "%s'sender':{}}", bodies[i]);
        assert_int_equal(verdict, OB_EVENT);
        assert_string_equal(e->message_id, "1187204412");
        event_free(e);
    }
}

static void test_41_sender(void **state)
{
    static const struct {
        const char *sender, *name;
    } cases[] = {{"{'nickname':'n','card':'c'}", "c"},
                 {"{'nickname':'n','card':''}", "n"},
                 {"{'nickname':'n'}", "n"},
                 {"{}", "3300000001"},
                 {"[]", "3300000001"},
                 {"null", "3300000001"},
                 {"7", "3300000001"},
                 {"{'nickname':12,'card':null}", "12"},
                 {"{'nickname':{},'card':[]}", "3300000001"},
                 {"{'card':'a\\u0007b\\u202ec'}", "abc"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct event *e = decode("{" GROUP "'message':'x','sender':%s}", cases[i].sender);
        assert_string_equal(e->name, cases[i].name);
        event_free(e);
    }
    struct event *e = decode("{" GROUP "'message':'x'}");
    assert_string_equal(e->name, "3300000001");
    assert_string_equal(e->role, "");
    event_free(e);
}

static void test_42_own_messages(void **state)
{
    (void)state;
    struct event *e = decode(
        "{" HEAD
        "'post_type':'message_sent','message_type':'group','message_id':9,'group_id':1,'user_id':2100000001,'message':'x'}");
    assert_int_equal(verdict, OB_OWN);
    event_free(e);
    e = decode(
        "{" HEAD
        "'post_type':'message','message_type':'group','message_id':9,'group_id':1,'user_id':2100000001,'message':'x'}");
    assert_int_equal(verdict, OB_OWN);
    event_free(e);
    e = decode(
        "{" HEAD
        "'post_type':'message_sent','message_type':'private','message_id':9,'target_id':33,'user_id':2100000001,'message':'x'}");
    assert_string_equal(e->chat, "@33");
    event_free(e);
}

static void test_65_mentions_compare_as_text(void **state)
{
    static const char *const qq[] = {"'2100000001'", "2100000001"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct event *e = decode(
            "{" GROUP
            "'message':[{'type':'at','data':{'qq':%s}},{'type':'text','data':{'text':' hi'}}]}",
            qq[i]);
        assert_true(e->at_me && !e->at_other);
        assert_string_equal(e->text, "hi");
        event_free(e);
    }
    struct event *e = decode(
        "{" GROUP
        "'message':[{'type':'at','data':{'qq':'all'}},{'type':'at','data':{'qq':33,'name':'Lin'}},{'type':'text','data':{'text':' hi'}}]}");
    assert_true(!e->at_me && e->at_other);
    assert_string_equal(e->text, "@all@Lin hi");
    event_free(e);
}

static void test_66_addressed_command(void **state)
{
    (void)state;
    struct event *e = decode(
        "{" GROUP
        "'message':[{'type':'reply','data':{'id':5}},{'type':'at','data':{'qq':'2100000001'}},{'type':'text','data':{'text':'\xE3\x80\x80\xE2\x80\x8B打卡 \\r\\n'}}]}");
    assert_string_equal(e->text, "打卡");
    assert_string_equal(e->reply_to, "5");
    event_free(e);
    e = decode(
        "{" GROUP
        "'message':[{'type':'text','data':{'text':'打卡'}},{'type':'at','data':{'qq':'2100000001'}}]}");
    assert_string_equal(e->text, "打卡");
    assert_true(e->at_me);
    event_free(e);
    e = decode(
        "{" GROUP
        "'message':[{'type':'text','data':{'text':'ask'}},{'type':'at','data':{'qq':'2100000001'}},{'type':'text','data':{'text':'me'}}]}");
    assert_string_equal(e->text, "ask me");
    event_free(e);
}

static void test_67_unknown_segments(void **state)
{
    (void)state;
    struct event *e = decode(
        "{" GROUP
        "'message':[{'type':'hologram','data':null},{'type':'text'},{'type':'text','data':null},"
        "{'type':'image','data':{'file':'a.png','url':'http://x/a','sub_type':0}},{'type':'face','data':{'id':14,'raw':{}}},"
        "{'type':'file','data':{'file':'b.pdf','file_id':'/f1'}},{'type':'record','data':{'file':'v'}},"
        "{'type':'json','data':{'data':'{\\'prompt\\':\\'[card] a\\'}'}},{'type':'forward','data':{'id':'f'}},"
        "{'type':'markdown','data':{'content':'# hi'}},{'type':'mface','data':{'summary':'[wow]'}},{'type':'json','data':{'data':'{broken'}}]}");
    assert_int_equal(verdict, OB_EVENT);
    assert_int_equal(e->nsegments, 12);
    assert_int_equal(e->segments[0].type, SEGMENT_OTHER);
    assert_string_equal(e->segments[0].kind, "hologram");
    assert_string_equal(e->segments[3].id, "http://x/a");
    assert_string_equal(e->segments[4].id, "14");
    assert_string_equal(
        e->text,
        "[hologram][image][face:14][file:b.pdf][voice][card] [card] a[forward]# hi[wow][card]");
    event_free(e);
}

static void test_message_without_id(void **state)
{
    (void)state;
    struct event *a = decode(
        "{" HEAD
        "'post_type':'message','message_type':'group','group_id':'r@chatroom','user_id':'wxid_a','message':'hi'}");
    struct event *b = decode(
        "{" HEAD
        "'post_type':'message','message_type':'group','group_id':'r@chatroom','user_id':'wxid_a','message':'hi','message_id':0}");
    struct event *c = decode(
        "{" HEAD
        "'post_type':'message','message_type':'group','group_id':'r@chatroom','user_id':'wxid_a','message':'ho','message_id':null}");
    assert_string_equal(a->chat, "r@chatroom");
    assert_string_equal(a->key, b->key);
    assert_string_not_equal(a->key, c->key);
    assert_string_equal(a->message_id, "");
    event_free(a);
    event_free(b);
    event_free(c);
}

static void test_system_words_are_no_message(void **state)
{
    (void)state;
    struct event *e = decode(
        "{" HEAD
        "'post_type':'message','message_type':'group','sub_type':'notice','message_id':3,'group_id':1,'user_id':2,'message':'x'}");
    assert_int_equal(e->type, EVENT_OTHER);
    assert_string_equal(e->sub, "notice");
    event_free(e);
}

static void test_file_message_is_a_file_event(void **state)
{
    (void)state;
    struct event *e = decode(
        "{" GROUP
        "'message':[{'type':'file','data':{'file':'schedule.pdf','file_id':'/f-0c1d','file_size':'184320'}}]}");
    assert_int_equal(e->type, EVENT_FILE);
    assert_string_equal(e->text, "schedule.pdf");
    assert_int_equal(e->number, 184320);
    assert_string_equal(e->message_id, "1187204412");
    event_free(e);
}

/* ---- time ---- */

static void test_55_time(void **state)
{
    static const struct {
        const char *time;
        int64_t ms;
        bool late;
    } cases[] = {{"'time':1767225799,", 1767225799000, false},
                 {"'time':1767225799123,", 1767225799000, false},
                 {"", now_ms, false},
                 {"'time':null,", now_ms, false},
                 {"'time':'1767225799',", 1767225799000, false},
                 {"'time':0,", now_ms, false},
                 {"'time':-5,", now_ms, false},
                 {"'time':1e400,", now_ms, false},
                 {"'time':9223372036854775807,", now_ms, false},
                 {"'time':1,", now_ms, false},
                 {"'time':{},", now_ms, false},
                 {"'time':1767225799.9,", 1767225799000, false},
                 {"'time':1767225679,", 1767225679000, true},
                 {"'time':1767225681,", 1767225681000, false}}; /* 56: 120 s */
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct event *e = decode(
            "{%s'post_type':'message','message_type':'group','message_id':3,'group_id':1,'user_id':2,'message':'x'}",
            cases[i].time);
        assert_int_equal(verdict, OB_EVENT);
        assert_true(e->time_ms == cases[i].ms);
        assert_int_equal(e->late, cases[i].late);
        assert_true(e->arrived_ms == now_ms);
        event_free(e);
    }
}

/* ---- notices ---- */

static void test_44_join_and_leave(void **state)
{
    (void)state;
    struct event *e = decode(
        "{" NOTICE
        "'group_increase','sub_type':'invite','group_id':700000001,'operator_id':3300000001,'user_id':3300000005}");
    assert_int_equal(e->type, EVENT_JOIN);
    assert_string_equal(e->chat, "700000001");
    assert_string_equal(e->user, "3300000005");
    assert_string_equal(e->operator_id, "3300000001");
    assert_string_equal(e->sub, "invite");
    assert_string_equal(e->key, "join3300000005.29453763");
    event_free(e);
    e = decode(
        "{" NOTICE
        "'group_decrease','sub_type':'kick','group_id':700000001,'operator_id':3300000009,'user_id':3300000002}");
    assert_int_equal(e->type, EVENT_LEAVE);
    assert_string_equal(e->sub, "kick");
    assert_string_equal(e->operator_id, "3300000009");
    event_free(e);
    e = decode(
        "{" NOTICE
        "'group_decrease','sub_type':'leave','group_id':700000001,'operator_id':3300000002,'user_id':3300000002}");
    assert_string_equal(e->sub, "leave");
    assert_string_equal(e->operator_id, "");
    event_free(e);
}

static void test_48_we_are_out(void **state)
{
    static const char *const out[] = {
        "'group_decrease','sub_type':'kick_me','operator_id':3,'user_id':2100000001",
        "'group_decrease','sub_type':'kick_me','operator_id':0,'user_id':0",
        "'group_decrease','sub_type':'disband','operator_id':3,'user_id':3",
        "'group_decrease','sub_type':'kick','operator_id':3,'user_id':2100000001",
        "'group_dismiss','user_id':3"};
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct event *e = decode("{" NOTICE "%s,'group_id':700000001}", out[i]);
        assert_int_equal(e->type, EVENT_LEAVE);
        assert_string_equal(e->sub, "self");
        assert_string_equal(e->user, "2100000001");
        event_free(e);
    }
}

static void test_46_mute(void **state)
{
    (void)state;
    struct event *e = decode(
        "{" NOTICE
        "'group_ban','sub_type':'ban','group_id':700000001,'operator_id':3300000009,'user_id':3300000002,'duration':600}");
    assert_int_equal(e->type, EVENT_MUTE);
    assert_string_equal(e->sub, "ban");
    assert_int_equal(e->number, 600);
    assert_string_equal(e->user, "3300000002");
    event_free(e);
    static const char *const whole[] = {"-1", "0", "268435455"};
    for (int i = 0; i < 3; i++) {
        e = decode(
            "{" NOTICE
            "'group_ban','sub_type':'ban','group_id':700000001,'operator_id':3300000009,'user_id':0,'duration':%s}",
            whole[i]);
        assert_string_equal(e->user, "");
        assert_string_equal(e->sub, "ban");
        event_free(e);
    }
    e = decode(
        "{" NOTICE
        "'group_ban','sub_type':'lift_ban','group_id':700000001,'operator_id':3300000009,'user_id':0,'duration':0}");
    assert_string_equal(e->sub, "lift_ban");
    event_free(e);
}

static void test_49_recall(void **state)
{
    (void)state;
    struct event *e = decode(
        "{" NOTICE
        "'group_recall','group_id':700000001,'user_id':3300000002,'operator_id':3300000009,'message_id':1187204412}");
    assert_int_equal(e->type, EVENT_RECALL);
    assert_string_equal(e->message_id, "1187204412");
    assert_string_equal(e->operator_id, "3300000009");
    event_free(e);
    e = decode("{" NOTICE "'friend_recall','user_id':3300000001,'message_id':-1208745511}");
    assert_string_equal(e->chat, "@3300000001");
    assert_true(e->private_chat);
    event_free(e);
}

static void test_50_poke(void **state)
{
    (void)state;
    struct event *e = decode(
        "{" NOTICE
        "'notify','sub_type':'poke','group_id':700000001,'user_id':3300000001,'target_id':2100000001}");
    assert_int_equal(e->type, EVENT_POKE);
    assert_string_equal(e->user, "3300000001");
    assert_string_equal(e->target, "2100000001");
    assert_true(e->at_me);
    event_free(e);
    e = decode(
        "{" NOTICE
        "'notify','sub_type':'poke','group_id':0,'user_id':3300000001,'sender_id':3300000007,'target_id':2100000001}");
    assert_string_equal(e->user, "3300000007");
    assert_string_equal(e->chat, "@3300000001");
    event_free(e);
    assert_null(decode(
        "{" NOTICE
        "'notify','sub_type':'poke','group_id':700000001,'user_id':2100000001,'target_id':33}"));
    assert_int_equal(verdict, OB_IGNORED);
    struct buf raw = {0};
    for (int i = 0; i < 20000; i++)
        buf_adds(&raw, "{'a':[1,2,3]},");
    e = decode(
        "{" NOTICE
        "'notify','sub_type':'poke','group_id':1,'user_id':2,'target_id':3,'raw_info':[%s0]}",
        buf_cstr(&raw));
    assert_int_equal(e->type, EVENT_POKE);
    event_free(e);
    buf_free(&raw);
}

static void test_51_unknown_notices(void **state)
{
    (void)state;
    struct event *e =
        decode("{" NOTICE "'notify','sub_type':'cheer','group_id':700000001,'user_id':33}");
    assert_int_equal(e->type, EVENT_OTHER);
    assert_string_equal(e->sub, "cheer");
    event_free(e);
    e = decode("{" NOTICE "'client_status','client':{'app_id':1},'online':true}");
    assert_int_equal(e->type, EVENT_OTHER);
    assert_string_equal(e->sub, "client_status");
    assert_string_equal(e->chat, "");
    event_free(e);
    assert_null(
        decode("{" NOTICE
               "'notify','sub_type':'input_status','user_id':33,'group_id':0,'status_text':'x'}"));
    assert_int_equal(verdict, OB_IGNORED);
}

static void one(const char *json, enum event_type type, const char *user, const char *sub,
                const char *text)
{
    struct event *e = decode("{" NOTICE "%s}", json);
    assert_int_equal(verdict, OB_EVENT);
    assert_int_equal(e->type, type);
    assert_string_equal(e->user, user);
    assert_string_equal(e->sub, sub);
    assert_string_equal(e->text, text);
    event_free(e);
}

static void test_58_extensions(void **state)
{
    (void)state;
    one("'group_card','group_id':700000001,'user_id':3300000001,'card_new':'Zhou | Shenzhen','card_old':'x'",
        EVENT_CARD, "3300000001", "", "Zhou | Shenzhen");
    one("'essence','sub_type':'add','group_id':700000001,'message_id':1187204412,'sender_id':3300000001,'operator_id':3300000009",
        EVENT_ESSENCE, "3300000001", "add", "");
    one("'group_msg_emoji_like','group_id':700000001,'user_id':3300000002,'message_id':1187204412,'likes':[{'emoji_id':'76','count':1}],'is_add':true",
        EVENT_REACTION, "3300000002", "add", "76");
    one("'reaction','sub_type':'remove','group_id':700000001,'message_id':1187204412,'operator_id':3300000002,'code':'76','count':0",
        EVENT_REACTION, "3300000002", "remove", "76");
    one("'notify','sub_type':'title','group_id':700000001,'user_id':3300000001,'title':'Organiser'",
        EVENT_HONOR, "3300000001", "Organiser", "title");
    one("'notify','sub_type':'honor','group_id':700000001,'user_id':3300000001,'honor_type':'talkative'",
        EVENT_HONOR, "3300000001", "", "talkative");
    one("'notify','sub_type':'lucky_king','group_id':700000001,'user_id':3300000001,'target_id':3300000002",
        EVENT_HONOR, "3300000002", "", "lucky_king");
    one("'notify','sub_type':'group_name','group_id':700000001,'user_id':3300000001,'name_new':'Readers'",
        EVENT_CHAT, "3300000001", "", "Readers");
    one("'group_name_change','group_id':700000001,'name':'Readers'", EVENT_CHAT, "", "", "Readers");
    one("'group_upload','group_id':700000001,'user_id':3300000001,'file':{'id':'/f-0c1d','name':'schedule.pdf','size':184320,'busid':102}",
        EVENT_FILE, "3300000001", "", "schedule.pdf");
    one("'offline_file','user_id':3300000001,'file':{'name':'cv.pdf','size':90112,'url':'http://x/cv.pdf'}",
        EVENT_FILE, "3300000001", "", "cv.pdf");
    one("'group_admin','sub_type':'set','group_id':700000001,'user_id':3300000009", EVENT_ADMIN,
        "3300000009", "set", "");
    one("'friend_add','user_id':3300000006", EVENT_OTHER, "3300000006", "friend_add", "");
    impl = OB_IMPL_LAGRANGE;
    assert_null(decode("{" NOTICE "'friend_add','user_id':3300000006}"));
    assert_int_equal(verdict, OB_IGNORED);
    impl = OB_IMPL_NAPCAT;
}

static void test_53_requests(void **state)
{
    static const struct {
        const char *comment, *text;
    } cases[] = {{"'comment':null,", ""},
                 {"", ""},
                 {"'comment':'',", ""},
                 {"'comment':'a\\nb',", "a\nb"},
                 {"'comment':'问题：how did you find us?\\n答案：a poster',", "a poster"},
                 {"'comment':7,", "7"},
                 {"'comment':{},", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct event *e = decode(
            "{" HEAD
            "'post_type':'request','request_type':'group','sub_type':'add','group_id':700000001,'user_id':3300000007,%s'flag':'1767225774012345'}",
            cases[i].comment);
        assert_int_equal(e->type, EVENT_REQUEST);
        assert_string_equal(e->sub, "add");
        assert_string_equal(e->text, cases[i].text);
        assert_string_equal(e->flag, "1767225774012345");
        assert_string_equal(e->chat, "700000001");
        event_free(e);
    }
    struct event *e = decode(
        "{" HEAD
        "'post_type':'request','request_type':'group','sub_type':'invite','group_id':700000044,'user_id':3300000001,'comment':'','flag':'700000044|1767225775000000|1|0'}");
    assert_string_equal(e->sub, "invite");
    assert_string_equal(e->flag, "700000044|1767225775000000|1|0");
    event_free(e);
    e = decode(
        "{" HEAD
        "'post_type':'request','request_type':'friend','user_id':3300000006,'comment':'from the reading group','flag':1767225769}");
    assert_string_equal(e->sub, "friend");
    assert_string_equal(e->flag, "1767225769");
    assert_string_equal(e->chat, "@3300000006");
    event_free(e);
    assert_null(
        decode("{" HEAD "'post_type':'request','request_type':'friend','user_id':3300000006}"));
    assert_int_equal(verdict, OB_MALFORMED);
}

/* ---- hostile values ---- */

static void test_86_odd_characters(void **state)
{
    (void)state;
    struct event *e = decode("{" GROUP "'message':'x','sender':{'nickname':'a\\u0000b\\ud83d'}}");
    assert_int_equal(verdict, OB_EVENT);
    assert_string_equal(e->name, "a\xEF\xBF\xBD"
                                 "b\xEF\xBF\xBD");
    event_free(e);
    char *big = mem_alloc((1 << 20) + 1);
    memset(big, 'n', 1 << 20);
    big[1 << 20] = '\0';
    e = decode("{" GROUP "'message':'x','sender':{'nickname':'%s'}}", big);
    assert_int_equal(strlen(e->name), OB_NAME_MAX);
    event_free(e);
    free(big);
}

static void test_87_wrong_types(void **state)
{
    static const char *const bad[] = {
        "{'post_type':7}",
        "{'post_type':null,'user_id':1}",
        "{'post_type':'message'}",
        "{'post_type':'message','message_type':'group','group_id':1,'user_id':{},'message':'x'}",
        "{'post_type':'message','message_type':'group','group_id':[],'user_id':1,'message':'x'}",
        "{'post_type':'message','message_type':'group','group_id':1,'message':'x'}",
        "{'post_type':'message','message_type':'group','user_id':1,'message':'x'}",
        "{'post_type':'message','message_type':5,'user_id':1,'message':'x'}",
        "{'post_type':'message','message_type':'group','group_id':1,'user_id':1,'message_id':{},'message':'x'}",
        "{'post_type':'message','message_type':'group','group_id':'@1','user_id':1,'message_id':2,'message':'x'}",
        "{'post_type':'message','message_type':'group','group_id':'a\\u0007','user_id':1,'message_id':2,'message':'x'}",
        "{'post_type':'notice'}",
        "{'post_type':'notice','notice_type':[]}",
        "{'post_type':'notice','notice_type':'group_increase','user_id':1}",
        "{'post_type':'notice','notice_type':'group_increase','group_id':1,'user_id':true}",
        "{'post_type':'notice','notice_type':'group_recall','group_id':1,'user_id':1,'message_id':{}}",
        "{'post_type':'request','request_type':'party','user_id':1,'flag':'x'}",
        "{'post_type':'request','request_type':'group','user_id':1,'flag':'x'}",
        "{'post_type':'request','request_type':'friend','user_id':1,'flag':{}}",
        "{'post_type':'weather'}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null(decode(bad[i]));
        assert_int_equal(verdict, OB_MALFORMED);
        assert_non_null(why);
    }
}

static void test_89_ids(void **state)
{
    static const struct {
        const char *json, *id;
        enum ob_id_kind kind;
    } cases[] = {{"9007199254740993", "9007199254740993", OB_ID_OK},
                 {"'9007199254740993'", "9007199254740993", OB_ID_OK},
                 {"123", "123", OB_ID_OK},
                 {"'123'", "123", OB_ID_OK},
                 {"-5", "-5", OB_ID_OK},
                 {"-0", "", OB_ID_NONE},
                 {"0", "", OB_ID_NONE},
                 {"'0'", "", OB_ID_NONE},
                 {"''", "", OB_ID_NONE},
                 {"null", "", OB_ID_NONE},
                 {"1.5", "", OB_ID_BAD},
                 {"1e400", "", OB_ID_BAD},
                 {"1E2", "", OB_ID_BAD},
                 {"true", "", OB_ID_BAD},
                 {"[]", "", OB_ID_BAD},
                 {"'wxid_x'", "wxid_x", OB_ID_OK},
                 {"'0123456789012345678901234567890123456789012345678901234567890123"
                  "0123456789012345678901234567890123456789012345678901234567890123'",
                  "", OB_ID_BAD}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char json[256];
        snprintf(json, sizeof json, "%s", cases[i].json);
        for (char *p = json; *p; p++)
            if (*p == '\'')
                *p = '"';
        const char *s;
        size_t n;
        assert_int_equal(ob_id(json_parse(&doc, json, strlen(json)), &s, &n), cases[i].kind);
        assert_int_equal(n, strlen(cases[i].id));
        assert_memory_equal(s, cases[i].id, n);
    }
}

/* ---- de-duplication ---- */

static struct ob_account *account;

static bool repeated(struct event *e, int64_t at_ms)
{
    assert_non_null(e);
    bool seen = ob_dedupe(account, e, at_ms);
    event_free(e);
    return seen;
}

static struct event *group_message(const char *group, const char *id, int64_t time,
                                   const char *text)
{
    return decode(
        "{'time':%lld,'self_id':2100000001,'post_type':'message','message_type':'group','message_id':%s,'group_id':%s,'user_id':33,'message':'%s'}",
        (long long)time, id, group, text);
}

static int account_setup(void **state)
{
    (void)state;
    account = ob_account_get("2100000001");
    return 0;
}

static int account_teardown(void **state)
{
    (void)state;
    ob_account_put(account);
    return 0;
}

static void test_43_same_id(void **state)
{
    (void)state;
    assert_false(repeated(group_message("1", "7", 1767225790, "a"), 0));
    assert_true(repeated(group_message("1", "7", 1767225790, "a"), 1000));
    assert_true(repeated(group_message("1", "7", 1767225791, "other words, near time"), 1000));
    assert_false(repeated(group_message("2", "7", 1767225790, "a"), 1000));
    assert_true(repeated(group_message("1", "7", 1767225790, "a"), 599000));
    assert_false(repeated(group_message("1", "7", 1767225790, "a"), 602000));
    /* ids that collide: another time and other words */
    struct event *e = group_message("1", "7", 1767225590, "b");
    assert_false(ob_dedupe(account, e, 602000));
    assert_string_equal(e->key, "m7.1767225590");
    event_free(e);
    assert_true(repeated(group_message("1", "7", 1767225590, "b"), 603000));
}

static void test_43_window_is_bounded_and_large(void **state)
{
    (void)state;
    for (int i = 1; i <= 20000; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        assert_false(repeated(group_message("1", id, 1767225790, "a"), i));
    }
    for (int i = 20000; i > 20000 - 4096; i--) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        assert_true(repeated(group_message("1", id, 1767225790, "a"), 20001));
    }
    assert_false(repeated(group_message("1", "1", 1767225790, "a"), 20001)); /* long forgotten */
}

static void test_44_join_twice(void **state)
{
    static const char join[] =
        "{'time':%d,'self_id':2100000001,'post_type':'notice','notice_type':'group_increase','sub_type':'%s','group_id':%d,'operator_id':%d,'user_id':%d}";
    (void)state;
    assert_false(repeated(decode(join, 1767225790, "approve", 1, 0, 5), 0));
    assert_true(repeated(decode(join, 1767225793, "invite", 1, 9, 5), 3000));
    assert_false(repeated(decode(join, 1767225790, "approve", 1, 0, 6), 3000));
    assert_false(repeated(decode(join, 1767225790, "approve", 2, 0, 5), 3000));
    assert_false(repeated(decode(join, 1767225890, "approve", 1, 0, 5), 100000));
}

static void test_45_file_twice_in_either_order(void **state)
{
    static const char notice[] =
        "{" NOTICE
        "'group_upload','group_id':700000001,'user_id':3300000001,'file':{'id':'/f','name':'%s','size':1}}";
    static const char message[] =
        "{" HEAD
        "'post_type':'message','message_type':'group','message_id':%d,'group_id':700000001,'user_id':3300000001,'message':[{'type':'file','data':{'file':'%s'}}]}";
    (void)state;
    assert_false(repeated(decode(notice, "a.pdf"), 0));
    assert_true(repeated(decode(message, 1, "a.pdf"), 3000));
    assert_false(repeated(decode(message, 2, "b.pdf"), 3000));
    assert_true(repeated(decode(notice, "b.pdf"), 6000));
    assert_false(repeated(decode(notice, "a.pdf"), 20000));
}

static void test_49_52_other_repeats(void **state)
{
    static const char recall[] =
        "{" NOTICE "'group_recall','group_id':1,'user_id':2,'operator_id':3,'message_id':4}";
    static const char ban[] =
        "{" NOTICE
        "'group_ban','sub_type':'%s','group_id':1,'operator_id':3,'user_id':2,'duration':%d}";
    static const char request[] =
        "{" HEAD
        "'post_type':'request','request_type':'group','sub_type':'add','group_id':1,'user_id':%d,'comment':'hi','flag':'%s'}";
    (void)state;
    assert_false(repeated(decode(recall), 0));
    assert_true(repeated(decode(recall), 500000));
    assert_false(repeated(group_message("1", "4", 1767225790, "a"),
                          0)); /* a recall does not hide its message */
    assert_false(repeated(decode(ban, "ban", 60), 0));
    assert_true(repeated(decode(ban, "ban", 60), 1000));
    assert_false(repeated(decode(ban, "ban", 120), 1000));
    assert_false(repeated(decode(ban, "lift_ban", 0), 1000));
    assert_false(repeated(decode(request, 7, "f1"), 0));
    assert_true(repeated(decode(request, 7, "f1"), 80000000));
    assert_false(repeated(decode(request, 8, "f2"), 80000000));
    assert_true(repeated(decode(request, 8, "f3"), 80030000)); /* same person, same words */
    assert_false(repeated(decode(request, 8, "f4"), 80100000));
}

static void test_82_one_window_for_an_account(void **state)
{
    (void)state;
    struct ob_account *again = ob_account_get("2100000001"), *other = ob_account_get("2100000002");
    assert_ptr_equal(again, account);
    assert_ptr_not_equal(other, account);
    ob_account_put(again);
    ob_account_put(other);
}

/* ---- messages out ---- */

static const char *encoded(const char *chat, const struct out_segment *s, int n)
{
    static struct buf b;
    struct out_message m = {.chat = chat, .segments = s, .nsegments = n};
    buf_reset(&b);
    int made = ob_segments_encode(&b, &m);
    return made ? buf_cstr(&b) : NULL;
}
#define TEXT(t)                                                      \
    {                                                                \
        .type = SEGMENT_TEXT, .text = (t), .text_len = sizeof(t) - 1 \
    }

static void test_63_64_segments_out(void **state)
{
    (void)state;
    const struct out_segment s[] = {{.type = SEGMENT_AT, .id = "3300000001"},
                                    TEXT("[CQ:at,qq=all] \"quoted\"\n\x01"),
                                    {.type = SEGMENT_FACE, .id = "14"},
                                    {.type = SEGMENT_IMAGE, .id = "https://x/a.png"},
                                    TEXT(""),
                                    {.type = SEGMENT_REPLY, .id = "1187204412"},
                                    {.type = SEGMENT_REPLY, .id = "2"}};
    assert_string_equal(
        encoded("1", s, 7),
        "[{\"type\":\"reply\",\"data\":{\"id\":\"1187204412\"}},{\"type\":\"at\",\"data\":{\"qq\":\"3300000001\"}},"
        "{\"type\":\"text\",\"data\":{\"text\":\" [CQ:at,qq=all] \\\"quoted\\\"\\n\\u0001\"}},"
        "{\"type\":\"face\",\"data\":{\"id\":\"14\"}},{\"type\":\"image\",\"data\":{\"file\":\"https://x/a.png\"}}]");
    const struct out_segment bad[] = {TEXT("a\xFF"
                                           "b")};
    assert_string_equal(encoded("1", bad, 1),
                        "[{\"type\":\"text\",\"data\":{\"text\":\"a\xEF\xBF\xBD"
                        "b\"}}]");
}

static void test_68_empty_messages_out(void **state)
{
    (void)state;
    const struct out_segment s[] = {
        TEXT(""), {.type = SEGMENT_REPLY, .id = "5"}, {.type = SEGMENT_VOICE, .id = "x"}};
    assert_null(encoded("1", s, 3));
    assert_null(encoded("1", s, 0));
    const struct out_segment at[] = {{.type = SEGMENT_AT, .id = "33"}};
    assert_null(encoded("@33", at, 1)); /* no mentions in private chats */
    assert_non_null(encoded("33", at, 1));
}

/* ---- answers ---- */

static void outcome(const char *json, enum ob_impl who, enum send_outcome want)
{
    char text[512];
    snprintf(text, sizeof text, "%s", json);
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    struct ob_answer a;
    ob_answer_read(json_parse(&doc, text, strlen(text)), &a);
    if (ob_send_outcome(&a, who) != want)
        fail_msg("%s: %s", json, send_outcome_name(ob_send_outcome(&a, who)));
}

static void test_29_73_outcome_classes(void **state)
{
    (void)state;
    outcome("{'status':'ok','retcode':0}", OB_IMPL_NAPCAT, SEND_SENT);
    outcome("{'status':'failed','retcode':1200,'message':'Timeout: NTEvent'}", OB_IMPL_NAPCAT,
            SEND_UNKNOWN);
    outcome("{'status':'failed','retcode':1200,'message':'EventRet: {\\'result\\': 120}'}",
            OB_IMPL_NAPCAT, SEND_MUTED);
    outcome("{'status':'failed','retcode':1200,'wording':'sendMsg {\\'result\\':120,'}",
            OB_IMPL_NAPCAT, SEND_MUTED);
    outcome("{'status':'failed','retcode':1200,'message':'{\\'result\\':1200}'}", OB_IMPL_NAPCAT,
            SEND_FAILED);
    outcome("{'status':'failed','retcode':1200,'message':'{\\'result\\':121}'}", OB_IMPL_NAPCAT,
            SEND_AT_ALL);
    outcome("{'status':'failed','retcode':1200,'message':'{\\'result\\': 46}'}", OB_IMPL_NAPCAT,
            SEND_RISK);
    outcome("{'status':'failed','retcode':46}", OB_IMPL_LAGRANGE, SEND_RISK);
    outcome("{'status':'failed','retcode':1200,'message':'{\\'result\\': 299}'}", OB_IMPL_NAPCAT,
            SEND_LIMITED);
    outcome("{'status':'failed','retcode':1200,'message':'rich media transfer failed'}",
            OB_IMPL_NAPCAT, SEND_FAILED);
    outcome("{'status':'failed','retcode':120}", OB_IMPL_LAGRANGE, SEND_MUTED);
    outcome("{'status':'ok','retcode':120}", OB_IMPL_LAGRANGE, SEND_MUTED);
    outcome("{'status':'failed','retcode':299}", OB_IMPL_LAGRANGE, SEND_LIMITED);
    outcome("{'status':'failed','retcode':9000}", OB_IMPL_LAGRANGE, SEND_UNKNOWN);
    outcome("{'status':'failed','retcode':200}", OB_IMPL_LAGRANGE, SEND_FAILED);
    outcome("{'status':'failed','retcode':100,'msg':'SEND_MSG_API_ERROR'}", OB_IMPL_GOCQ,
            SEND_UNKNOWN);
    outcome("{'status':'failed','retcode':100,'msg':'EMPTY_MSG_ERROR'}", OB_IMPL_GOCQ, SEND_FAILED);
    outcome("{'status':'failed','retcode':1404}", OB_IMPL_GENERIC, SEND_FAILED);
    outcome("{'status':'ok','retcode':'0'}", OB_IMPL_GENERIC, SEND_SENT);
    outcome("{'retcode':0}", OB_IMPL_GENERIC, SEND_SENT);
    outcome("{'status':'ok'}", OB_IMPL_GENERIC, SEND_SENT);
    outcome("{'status':[],'retcode':{}}", OB_IMPL_GENERIC, SEND_FAILED);
    outcome("{'status':'async','retcode':1}", OB_IMPL_GENERIC, SEND_UNKNOWN);
}

static void test_75_history_anchors(void **state)
{
    static const struct {
        enum ob_impl impl;
        const char *latest, *older;
    } cases[] = {
        {OB_IMPL_NAPCAT, "\"group_id\":7,\"count\":20",
         "\"group_id\":7,\"count\":20,\"message_seq\":-55,\"reverse_order\":true,\"reverseOrder\":true"},
        {OB_IMPL_LLBOT, "\"group_id\":7,\"count\":20",
         "\"group_id\":7,\"count\":20,\"message_seq\":899"},
        {OB_IMPL_LAGRANGE, "\"group_id\":7,\"count\":20",
         "\"group_id\":7,\"count\":20,\"message_id\":-55"},
        {OB_IMPL_GOCQ, "\"group_id\":7", "\"group_id\":7,\"message_seq\":899"},
    };
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct buf b = {0};
        ob_history_params(&b, cases[i].impl, "7", false, 20, NULL, 0);
        assert_string_equal(buf_cstr(&b), cases[i].latest);
        buf_reset(&b);
        ob_history_params(&b, cases[i].impl, "7", false, 20, "-55", 900);
        assert_string_equal(buf_cstr(&b), cases[i].older);
        buf_free(&b);
    }
}

static int finish(void **state)
{
    (void)state;
    free(text_kept);
    json_doc_free(&doc);
    event_pool_free();
    return 0;
}

int main(void)
{
#define A(name) cmocka_unit_test_setup_teardown(name, account_setup, account_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_39_private_message_in_both_formats),
        cmocka_unit_test(test_39_group_message_in_both_formats),
        cmocka_unit_test(test_40_empty_messages),
        cmocka_unit_test(test_41_sender),
        cmocka_unit_test(test_42_own_messages),
        cmocka_unit_test(test_65_mentions_compare_as_text),
        cmocka_unit_test(test_66_addressed_command),
        cmocka_unit_test(test_67_unknown_segments),
        cmocka_unit_test(test_message_without_id),
        cmocka_unit_test(test_system_words_are_no_message),
        cmocka_unit_test(test_file_message_is_a_file_event),
        cmocka_unit_test(test_55_time),
        cmocka_unit_test(test_44_join_and_leave),
        cmocka_unit_test(test_48_we_are_out),
        cmocka_unit_test(test_46_mute),
        cmocka_unit_test(test_49_recall),
        cmocka_unit_test(test_50_poke),
        cmocka_unit_test(test_51_unknown_notices),
        cmocka_unit_test(test_58_extensions),
        cmocka_unit_test(test_53_requests),
        cmocka_unit_test(test_86_odd_characters),
        cmocka_unit_test(test_87_wrong_types),
        cmocka_unit_test(test_89_ids),
        A(test_43_same_id),
        A(test_43_window_is_bounded_and_large),
        A(test_44_join_twice),
        A(test_45_file_twice_in_either_order),
        A(test_49_52_other_repeats),
        A(test_82_one_window_for_an_account),
        cmocka_unit_test(test_63_64_segments_out),
        cmocka_unit_test(test_68_empty_messages_out),
        cmocka_unit_test(test_29_73_outcome_classes),
        cmocka_unit_test(test_75_history_anchors),
    };
    return cmocka_run_group_tests(tests, NULL, finish);
}
