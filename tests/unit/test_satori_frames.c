/* test_satori_frames.c -- frames of a Satori server that make no sense, the login table, whose an event is (satori 1, 4, 5, 7, 10, 16,
 * 18, 21 to 24, 28, 29, 60, 61). */
#include "satori_world.h"

static struct sat_world *world_one(void)
{
    struct sat_world *w = sat_world_new();
    sat_world_add(w, "llonebot", "10001");
    sat_world_add(w, "discord", "900");
    return w;
}

#define SPOKEN(id)                                                                                    \
    "'channel':{'id':'20002','type':0},'guild':{'id':'20002'},'user':{'id':'1'},'message':{'id':'" id \
    "','content':'x'}"

/* satori 1 */
static void test_urls(void **state)
{
    (void)state;
    static const char *const good[][3] = {
        {"http://127.0.0.1:5140", "http://127.0.0.1:5140/v1", "ws://127.0.0.1:5140/v1/events"},
        {"http://h:5140/satori", "http://h:5140/satori/v1", "ws://h:5140/satori/v1/events"},
        {"http://h:5140/satori/", "http://h:5140/satori/v1", "ws://h:5140/satori/v1/events"},
        {"https://h/satori/v1", "https://h/satori/v1", "wss://h/satori/v1/events"},
        {"https://h/v1/", "https://h/v1", "wss://h/v1/events"},
        {"ws://h:1/v1/events", "http://h:1/v1", "ws://h:1/v1/events"},
        {"wss://[::1]:5140/a/b//", "https://[::1]:5140/a/b/v1", "wss://[::1]:5140/a/b/v1/events"},
        {"http://h/xv1", "http://h/xv1/v1", "ws://h/xv1/v1/events"}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct buf base = {0}, events = {0}, err = {0};
        assert_true(sat_urls(good[i][0], &base, &events, &err));
        assert_string_equal(buf_cstr(&base), good[i][1]);
        assert_string_equal(buf_cstr(&events), good[i][2]);
        buf_free(&base);
        buf_free(&events);
        buf_free(&err);
    }
    static const char *const bad[] = {"",
                                      "h:5140",
                                      "ftp://h/",
                                      "http://",
                                      "http:///x",
                                      "http://:5140/",
                                      "http://h/?a=b",
                                      "http://u:p@h/",
                                      "http://h/a b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct buf base = {0}, events = {0}, err = {0};
        assert_false(sat_urls(bad[i], &base, &events, &err));
        assert_int_not_equal(err.len, 0);
        buf_free(&base);
        buf_free(&events);
        buf_free(&err);
    }
}

/* satori 4, 5, 10 */
static void test_the_table(void **state)
{
    (void)state;
    struct sat_world *w = world_one();
    sat_world_ready(w);
    assert_int_equal(w->hub.state, SAT_READY);
    assert_int_equal(w->hub.nlogins, 2);
    assert_true(sat_ready(w->g[0]));
    assert_true(sat_ready(w->g[1]));
    assert_string_equal(w->g[1]->self_name, "bot");
    assert_true(sat_plain(w->g[0]));
    assert_false(sat_plain(w->g[1]));
    assert_int_equal(sat_feature(w->g[1], "guild.list"), SAT_YES);
    assert_int_equal(sat_feature(w->g[1], "message.delete"), SAT_NO);
    struct sat_login *row = w->g[0]->login;
    int states = w->nstates;
    sat_world_ready(w); /* the same again changes nothing */
    assert_ptr_equal(w->g[0]->login, row);
    assert_int_equal(w->nstates, states);
    sat_world_frame(
        w,
        "{'op':4,'body':{'logins':[{'sn':9,'platform':'discord','user':{'id':'900'}},{'sn':10,'status':2}]}}");
    assert_int_equal(w->hub.nlogins, 2);
    assert_false(sat_ready(w->g[0]));
    assert_true(sat_ready(w->g[1]));
    assert_int_equal(w->g[0]->link, LINK_CONNECTING);
    sat_world_frame(w, "{'op':4,'body':{'logins':null}}");
    assert_int_equal(w->hub.nlogins, 0);
    sat_world_frame(w, "{'op':4,'body':{'logins':[]}}");
    sat_world_frame(w, "{'op':4,'body':null}");
    sat_world_frame(w, "{'op':4}");
    sat_world_frame(w, "{'op':4,'body':{'logins':[null,1,'x',[],{}]}}");
    assert_false(sat_ready(w->g[1]));
    sat_world_frame(
        w,
        "{'op':0,'body':{'type':'login-added','login':{'sn':1,'platform':'discord','status':1,'user':{'id':"
        "'900'}}}}");
    assert_true(sat_ready(w->g[1]));
    sat_world_free(w);
}

/* satori 60, 61 */
static void test_logins_change(void **state)
{
    (void)state;
    struct sat_world *w = world_one();
    sat_world_ready(w);
    assert_true(sat_may_send(w->g[1]));
    static const struct {
        int status;
        const char *reason;
    } cases[] = {{0, "logged_out"},
                 {2, "reconnecting"},
                 {3, "logged_out"},
                 {4, "reconnecting"},
                 {77, "reconnecting"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sat_world_frame(
            w,
            "{'op':0,'body':{'type':'login-updated','login':{'sn':2,'adapter':'x','status':%d,'features':[]}}}",
            cases[i].status);
        assert_int_equal(w->g[1]->account, ACCOUNT_OFFLINE);
        assert_string_equal(w->g[1]->account_reason, cases[i].reason);
        assert_false(sat_may_send(w->g[1]));
        assert_true(sat_may_send(w->g[0]));
        sat_world_frame(
            w,
            "{'op':0,'body':{'type':'login-updated','login':{'sn':2,'platform':'discord','user':{'id':'900'},'"
            "status':1}}}");
        assert_true(sat_may_send(w->g[1]));
    }
    /* while it is not online it is asked for, and a message proves it */
    sat_world_frame(w, "{'op':0,'body':{'type':'login-updated','login':{'sn':1,'status':0}}}");
    sat_login_tick(w->g[0], sat_now(w->g[0]));
    assert_int_equal(w->ncalls, 0);
    sat_login_tick(w->g[0], sat_now(w->g[0]) + 30000);
    sat_login_tick(w->g[0], sat_now(w->g[0]) + 30001);
    assert_int_equal(w->ncalls, 1);
    assert_string_equal(w->calls[0].method, "login.get");
    sat_world_answer(w, &w->calls[0], 200,
                     "{'status':4,'platform':'other','user':{'id':'10001','name':'neu'}}");
    assert_string_equal(w->g[0]->account_reason, "reconnecting");
    assert_string_equal(w->g[0]->self_name, "neu");
    sat_login_tick(w->g[0], sat_now(w->g[0]) + 90000);
    sat_world_answer(w, &w->calls[1], 200, "{'status':1,'user':{'id':'10001'}}");
    assert_true(sat_may_send(w->g[0]));
    sat_world_frame(w, "{'op':0,'body':{'type':'login-updated','login':{'sn':1,'status':0}}}");
    sat_world_llonebot(w, "message-created", SPOKEN("a"));
    assert_true(sat_may_send(w->g[0]));
    assert_int_equal(w->nevents, 1);
    /* gone */
    sat_world_frame(w, "{'op':0,'body':{'type':'login-removed','login':{'sn':1}}}");
    assert_null(w->g[0]->login);
    assert_false(sat_ready(w->g[0]));
    assert_int_equal(w->hub.nlogins, 1);
    sat_world_frame(w, "{'op':0,'body':{'type':'login-removed','login':{'sn':1}}}");
    sat_world_frame(w, "{'op':0,'body':{'type':'login-updated','login':null}}");
    sat_world_frame(w, "{'op':0,'body':{'type':'login-updated'}}");
    assert_int_equal((int)sat_world_bad(w, "login"), 2);
    sat_world_free(w);
}

/* satori 7: before READY. */
static void test_events_before_ready(void **state)
{
    (void)state;
    struct sat_world *w = world_one();
    sat_world_llonebot(w, "message-created", SPOKEN("a"));
    assert_int_equal(w->nevents, 1);
    assert_false(sat_ready(w->g[0]));
    sat_world_ready(w);
    assert_true(sat_ready(w->g[0]));
    assert_int_equal(w->hub.nlogins, 2);
    sat_world_free(w);
}

/* satori 16, 18 */
static void test_the_cursor(void **state)
{
    (void)state;
    struct sat_world *w = world_one();
    sat_world_ready(w);
    assert_false(w->hub.has_sn);
    const char *event =
        "{'op':0,'body':{%s'type':'internal','platform':'llonebot','self_id':'10001'}}";
    sat_world_frame(w, event, "");
    assert_false(w->hub.has_sn);
    sat_world_frame(w, event, "'sn':0,");
    assert_true(w->hub.has_sn);
    assert_int_equal(w->hub.last_sn, 0);
    sat_world_frame(w, event, "'sn':50,'id':49,");
    assert_int_equal(w->hub.last_sn, 50);
    sat_world_frame(w, event, "'id':7,");
    assert_int_equal(w->hub.last_sn, 7);
    sat_world_frame(w, event, "'sn':null,");
    sat_world_frame(w, event, "'sn':'abc',");
    sat_world_frame(w, event, "'sn':{},");
    sat_world_frame(w, event, "'id':'c0ffee',");
    assert_int_equal(w->hub.last_sn, 7);
    sat_world_free(w);
}

/* satori 21, 22, 23, 27 */
static void test_frames_without_sense(void **state)
{
    (void)state;
    struct sat_world *w = world_one();
    sat_world_ready(w);
    static const struct {
        const char *frame, *why;
    } cases[] = {{"", "json"},
                 {"hello", "json"},
                 {"{'op':0", "json"},
                 {"[]", "not_an_object"},
                 {"[{'op':2}]", "not_an_object"},
                 {"17", "not_an_object"},
                 {"null", "not_an_object"},
                 {"'text'", "not_an_object"},
                 {"{}", "op"},
                 {"{'op':'0','body':{}}", "op"},
                 {"{'op':null}", "op"},
                 {"{'op':6}", "op"},
                 {"{'op':-1}", "op"},
                 {"{'op':1000000000}", "op"},
                 {"{'op':1e9}", "op"},
                 {"{'op':0.5}", "op"},
                 {"{'op':1}", "op"},
                 {"{'op':3,'body':{}}", "op"},
                 {"{'op':0}", "body"},
                 {"{'op':0,'body':null}", "body"},
                 {"{'op':0,'body':[]}", "body"},
                 {"{'op':0,'body':'x'}", "body"},
                 {"{'op':0,'body':{}}", "type"},
                 {"{'op':0,'body':{'sn':3}}", "type"},
                 {"{'op':0,'body':{'type':null}}", "type"},
                 {"{'op':0,'body':{'type':7}}", "type"},
                 {"{'op':0,'body':{'type':{}}}", "type"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double before = sat_world_bad(w, cases[i].why);
        sat_world_frame(w, "%s", cases[i].frame);
        assert_int_equal((int)sat_world_bad(w, cases[i].why), (int)before + 1);
    }
    sat_world_frame(w, "{'op':2}");
    sat_world_frame(w, "{'op':2,'body':null}");
    sat_world_frame(w, "{'op':5}");
    sat_world_frame(w, "{'op':5,'body':{}}");
    /* META, also as an event without a type */
    sat_world_frame(w, "{'op':5,'body':{'proxy_urls':['https://a/','https://b/',7]}}");
    assert_int_equal(w->hub.nproxy_urls, 2);
    sat_world_frame(w, "{'op':0,'body':{'proxy_urls':['https://c/']}}");
    assert_int_equal(w->hub.nproxy_urls, 1);
    assert_string_equal(w->hub.proxy_urls[0], "https://c/");
    sat_world_frame(w, "{'op':5,'body':{'proxy_urls':null}}");
    assert_int_equal(w->hub.nproxy_urls, 0);
    assert_int_equal(w->nevents, 0);
    assert_true(sat_ready(w->g[0]));
    sat_world_free(w);
}

static void say_as(struct sat_world *w, const char *owner, const char *id)
{
    sat_world_frame(
        w,
        "{'op':0,'body':{'type':'message-created',%s'channel':{'id':'20002','type':0},'user':{'id':'1'},"
        "'message':{'id':'%s','content':'x'}}}",
        owner, id);
}

/* satori 24 */
static void test_whose_event(void **state)
{
    (void)state;
    struct sat_world *w = world_one();
    sat_world_ready(w);
    static const struct {
        const char *owner;
        int whose; /* -1: dropped with a warning, -2: nobody's */
    } cases[] = {
        {"'login':{'sn':1,'platform':'llonebot','user':{'id':'10001'}},", 0},
        {"'login':{'platform':'discord','user':{'id':'900'}},", 1},
        {"'login':{'sn':2},", 1},
        {"'login':{'platform':'discord'},", 1}, /* the only one there */
        {"'login':{'platform':'discord','self_id':'900'},", 1},
        {"'platform':'llonebot','self_id':'10001',", 0},
        {"'self_id':'900',", 1},
        {"'login':null,'platform':'llonebot',", 0},
        {"'login':{'sn':7},", -1},
        {"'login':{},", -1},
        {"", -1},
        {"'login':{'sn':7,'platform':'kook','user':{'id':'5'}},", -2},
        {"'login':{'platform':'discord','user':{'id':'901'}},", -2},
        {"'login':{'platform':'discord','user':{'id':{}}},'self_id':[],", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char id[16];
        int before = w->nevents;
        double bad = sat_world_bad(w, "owner");
        uint64_t unserved = w->hub.unserved;
        snprintf(id, sizeof id, "w%zu", i);
        say_as(w, cases[i].owner, id);
        assert_int_equal(w->nevents - before, cases[i].whose >= 0);
        assert_int_equal((int)(sat_world_bad(w, "owner") - bad), cases[i].whose == -1);
        assert_int_equal(w->hub.unserved - unserved, cases[i].whose == -2);
        if (cases[i].whose >= 0)
            assert_ptr_equal(w->of[w->nevents - 1], &w->g[cases[i].whose]->base);
    }
    sat_world_free(w);
}

/* satori 24: nothing says whose it is, but there is only one. */
static void test_the_only_login(void **state)
{
    (void)state;
    struct sat_world *w = sat_world_new();
    sat_world_add(w, NULL, NULL);
    say_as(w, "", "a"); /* nothing is known of anybody */
    assert_int_equal(w->nevents, 0);
    say_as(w, "'platform':'chronocat','self_id':'5',", "b"); /* no READY, but it says so itself */
    assert_int_equal(w->nevents, 1);
    assert_string_equal(w->g[0]->self_id, "5");
    say_as(w, "", "c");
    assert_int_equal(w->nevents, 2);
    sat_hub_ready(&w->hub, true);
    assert_true(sat_ready(w->g[0]));
    assert_int_equal(w->g[0]->account, ACCOUNT_ONLINE);
    sat_world_frame(w, "{'op':4,'body':{'logins':[{'platform':'chronocat','self_id':'5'}]}}");
    assert_int_equal(w->hub.nlogins, 1);
    say_as(w, "'login':{'sn':8,'platform':'kook','user':{'id':'6'}},",
           "d"); /* of another: not ours */
    assert_int_equal(w->nevents, 2);
    sat_world_free(w);
}

static void test_the_configured_login_without_ready(void **state)
{
    (void)state;
    struct sat_world *w = sat_world_new();
    sat_world_add(w, "chronocat", "5");
    sat_hub_ready(&w->hub, true);
    assert_false(sat_ready(w->g[0]));
    sat_login_tick(w->g[0], sat_now(w->g[0]));
    assert_true(sat_ready(w->g[0])); /* the link is up; whether it is logged in is asked */
    assert_int_equal(w->g[0]->account, ACCOUNT_UNKNOWN);
    assert_string_equal(w->calls[0].method, "login.get");
    assert_string_equal(w->calls[0].user, "5");
    sat_world_answer(w, &w->calls[0], 404, "not found"); /* it cannot say */
    assert_int_equal(w->g[0]->account, ACCOUNT_ONLINE);
    sat_world_free(w);
}

/* A table that is asked for again, at most once a minute (satori 35). */
static void test_refresh(void **state)
{
    (void)state;
    struct sat_world *w = world_one();
    sat_world_ready(w);
    sat_login_refresh(&w->hub);
    sat_login_refresh(&w->hub);
    assert_int_equal(w->ncalls, 1);
    assert_string_equal(w->calls[0].method, "meta");
    assert_string_equal(w->calls[0].user, "");
    sat_world_answer(
        w, &w->calls[0], 200,
        "{'logins':[{'sn':1,'platform':'llonebot','user':{'id':'10001'}}],'proxy_urls':[]}");
    assert_true(sat_ready(w->g[0]));
    assert_false(sat_ready(w->g[1]));
    sat_login_refresh(&w->hub);
    assert_int_equal(w->ncalls, 1);
    w->hub.next_refresh = 0;
    sat_login_refresh(&w->hub); /* what is never answered must not be lost at the end */
    assert_int_equal(w->ncalls, 2);
    sat_world_free(w);
}

/* satori 28 */
static void test_deep_and_long(void **state)
{
    (void)state;
    struct sat_world *w = world_one();
    sat_world_ready(w);
    struct buf deep = {0};
    buf_adds(&deep, "{\"op\":0,\"body\":");
    for (int i = 0; i < 200000; i++)
        buf_addc(&deep, '[');
    double before = sat_world_bad(w, "json");
    sat_frame(&w->hub, deep.data, deep.len);
    assert_int_equal((int)sat_world_bad(w, "json"), (int)before + 1);
    buf_free(&deep);
    struct buf b = {0};
    buf_adds(
        &b,
        "{\"op\":0,\"body\":{\"type\":\"message-created\",\"platform\":\"llonebot\",\"self_id\":\"10001\",\"channel\":"
        "{\"id\":\"20002\",\"type\":0,\"name\":\"");
    for (int i = 0; i < 1 << 20; i++)
        buf_addc(&b, 'n');
    buf_adds(&b, "\"},\"user\":{\"id\":\"1\",\"name\":\"");
    for (int i = 0; i < 1 << 20; i++)
        buf_addc(&b, 'n');
    buf_adds(&b, "\"},\"message\":{\"id\":\"a\",\"content\":\"");
    for (int i = 0; i < 1 << 20; i++)
        buf_addc(&b, 't');
    buf_adds(&b, "\"}}}");
    sat_frame(&w->hub, b.data, b.len);
    buf_free(&b);
    const struct event *e = sat_world_last(w);
    assert_in_range(strlen(e->name), 1, SAT_NAME_MAX);
    assert_in_range(strlen(e->chat_name), 1, SAT_NAME_MAX);
    assert_in_range(strlen(e->text), 1000, SAT_TEXT_MAX);
    sat_world_free(w);
}

/* satori 29 */
static void test_bad_utf8(void **state)
{
    (void)state;
    struct sat_world *w = world_one();
    sat_world_ready(w);
    sat_world_frame(
        w,
        "{'op':0,'body':{'type':'message-created','platform':'llonebot','self_id':'10001','channel':{'id':"
        "'20002','type':0},'user':{'id':'1','name':'a\xFF\xFE"
        "b\\ud800'},'message':{'id':'a','content':'x\xC3y"
        "\\udc00\\u0000z'}}}");
    const struct event *e = sat_world_last(w);
    assert_string_equal(e->name, "a\xEF\xBF\xBD\xEF\xBF\xBD"
                                 "b\xEF\xBF\xBD");
    assert_non_null(strstr(e->text, "\xEF\xBF\xBD"));
    assert_non_null(strchr(e->text, 'z'));
    sat_world_free(w);
}

/* satori 21 to 29: frames with a few bytes changed, cut or doubled, the same ones in each run. */
static void test_damaged_frames(void **state)
{
    (void)state;
    static const char *const whole[] = {
        "{'op':0,'body':{'sn':1,'type':'message-created','timestamp':1770000000123,'login':{'sn':1,'platform':'llonebot','user':{"
        "'id':'10001'}},'channel':{'id':'20002','type':0},'guild':{'id':'20002'},'user':{'id':'3'},'member':{'roles':[{'id':'2'}]}"
        ",'message':{'id':'2|20002|9','content':'<quote id=\\'1\\'/>a &lt; <b>c'},'referrer':{'a':[1,{}]}}}",
        "{'op':4,'body':{'logins':[{'sn':1,'platform':'llonebot','status':1,'user':{'id':'10001'},'features':['guild.plain']},{'sn':"
        "2,'platform':'discord','user':{'id':'900'}}],'proxy_urls':['https://a/']}}",
        "{'op':0,'body':{'type':'login-updated','login':{'sn':2,'status':4,'features':[]}}}",
        "{'op':0,'body':{'type':'guild-member-added','platform':'discord','self_id':'900','guild':{'id':'g1'},'user':{'id':'u1'}}}",
        "{'op':0,'body':{'type':'interaction/button','platform':'discord','self_id':'900','channel':{'id':'c','type':1},'user':{'id':"
        "'u1'},'button':{'id':'x'}}}"};
    struct sat_world *w = world_one();
    struct rng rng;
    rng_seed(&rng, 20261122);
    log_set_level(LOG_LEVEL_ERROR);
    for (int round = 0; round < 3000; round++) {
        struct buf b = {0};
        buf_adds(&b, whole[rng_below(&rng, 5)]);
        for (uint64_t n = rng_below(&rng, 4); n-- > 0;)
            b.data[rng_below(&rng, b.len)] = "{}[]',:0e-\\<>&\xFF\x01"[rng_below(&rng, 16)];
        if (rng_below(&rng, 4) == 0)
            b.len = rng_below(&rng, b.len);
        for (size_t i = 0; i < b.len; i++)
            if (b.data[i] == '\'')
                b.data[i] = '"';
        sat_frame(&w->hub, b.data ? b.data : (char *)"", b.len);
        buf_free(&b);
        for (int i = 0; i < w->nevents; i++)
            event_free(w->events[i]);
        w->nevents = w->ncalls = 0;
        for (int i = 0; i < w->n; i++)
            sat_held_end(w->g[i]);
    }
    sat_world_ready(w); /* and it is as well as before */
    assert_true(sat_ready(w->g[0]));
    assert_true(sat_ready(w->g[1]));
    sat_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_the_table),
        cmocka_unit_test(test_logins_change),
        cmocka_unit_test(test_events_before_ready),
        cmocka_unit_test(test_the_cursor),
        cmocka_unit_test(test_frames_without_sense),
        cmocka_unit_test(test_whose_event),
        cmocka_unit_test(test_the_only_login),
        cmocka_unit_test(test_the_configured_login_without_ready),
        cmocka_unit_test(test_refresh),
        cmocka_unit_test(test_deep_and_long),
        cmocka_unit_test(test_bad_utf8),
        cmocka_unit_test(test_damaged_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
