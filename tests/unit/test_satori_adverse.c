/* test_satori_adverse.c -- the Satori codec when things happen at an awkward moment: an account that goes while its message is
 * half on its way, events that come late, a table that names its rows badly, lists that are there only in part. Checklist
 * satori 4, 25, 34, 39, 57, 60, 61. */
#include "satori_world.h"

#include "gateway/sat_out.h"

static struct {
    uint64_t ticket;
    enum send_outcome outcome;
} told[16];
static int ntold;
static bool answered_ok;
static int64_t answered_joined;
static int nanswered;

static void adverse_sent(void *ud, struct gateway *g, uint64_t ticket, const struct send_result *r)
{
    (void)ud, (void)g;
    assert_in_range(ntold, 0, 15);
    told[ntold].ticket = ticket;
    told[ntold++].outcome = r->outcome;
}

static void adverse_response(void *ud, struct gateway *g, uint64_t ticket,
                             const struct gateway_response *r)
{
    (void)ud, (void)g, (void)ticket;
    nanswered++;
    answered_ok = r->ok;
    answered_joined = r->nmembers ? r->members[0].joined_s : -1;
}

static struct sat_world *world_pair(void)
{
    struct sat_world *w = sat_world_new();
    ntold = nanswered = 0;
    sat_world_add(w, "llonebot", "10001");
    sat_world_add(w, "discord", "900");
    for (int i = 0; i < w->n; i++) {
        w->g[i]->sink.on_sent = adverse_sent;
        w->g[i]->sink.on_response = adverse_response;
    }
    sat_world_ready(w);
    return w;
}

/* An event of the discord login 900, so many milliseconds ago. */
#define discord(w, type, ago, rest)                                                              \
    sat_world_frame(w,                                                                           \
                    "{'op':0,'body':{'sn':2,'type':'" type "','timestamp':%lld,'login':{'sn':2," \
                    "'platform':'discord','user':{'id':'900'}}," rest "}}",                      \
                    (long long)clock_wall(&(w)->clock) - (ago))

static bool say(struct sat *g, const char *chat, const char *text, uint64_t ticket)
{
    struct out_segment s = {.type = SEGMENT_TEXT, .text = text, .text_len = strlen(text)};
    struct out_message m = {.chat = chat, .segments = &s, .nsegments = 1};
    return sat_send(&g->base, &m, ticket);
}

static int calls_of(const struct sat_world *w, const char *method)
{
    int n = 0;
    for (int i = 0; i < w->ncalls; i++)
        n += strcmp(w->calls[i].method, method) == 0;
    return n;
}

#define STATUS(w, number)                                                                       \
    sat_world_frame(w, "{'op':0,'body':{'type':'login-updated','login':{'sn':2,'adapter':'x','" \
                       "status':" number "}}}")

/* satori 60: what waits for its private channel when the account goes does not leave, and goes out when the account is back. */
static void satori_60_offline_while_a_channel_is_opened(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    struct sat *g = w->g[1];
    assert_true(say(g, "@u1", "a", 1));
    assert_true(say(g, "c1", "b", 2));
    assert_true(say(g, "c1", "c", 3));
    STATUS(w, "4");
    assert_int_equal(ntold, 1); /* 3 had not begun */
    assert_int_equal(told[0].ticket, 3);
    assert_int_equal(told[0].outcome, SEND_UNWRITTEN);
    sat_world_answer(w, sat_world_call(w, "user.channel.create"), 200, "{'id':'dm1','type':1}");
    assert_int_equal(calls_of(w, "message.create"), 1);
    assert_int_equal(ntold, 2);
    assert_int_equal(told[1].ticket, 1);
    assert_int_equal(told[1].outcome, SEND_UNWRITTEN);
    assert_false(say(g, "@u1", "a", 1));
    assert_true(say(w->g[0], "20002", "other login", 9));
    STATUS(w, "1");
    assert_true(say(g, "@u1", "a", 1)); /* at once, in the channel that is known by now */
    assert_int_equal(calls_of(w, "message.create"), 3);
    assert_non_null(strstr(sat_world_call(w, "message.create")->body, "\"dm1\""));
    sat_world_free(w);
}

/* satori 61 */
static void satori_61_removed_while_messages_wait(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    struct sat *g = w->g[1];
    for (int i = 1; i <= 3; i++)
        assert_true(say(g, "c1", "x", (uint64_t)i));
    assert_true(say(w->g[0], "20002", "other login", 9));
    sat_world_frame(w, "{'op':0,'body':{'type':'login-removed','login':{'sn':2}}}");
    assert_int_equal(ntold, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(told[i].ticket, i + 2);
        assert_int_equal(told[i].outcome, SEND_UNWRITTEN);
    }
    assert_false(say(g, "c1", "x", 4));
    /* the answer to what was on its way still counts; the other login was not asked to wait */
    for (int i = 0; i < w->ncalls; i++)
        if (strcmp(w->calls[i].method, "message.create") == 0)
            sat_world_answer(w, &w->calls[i], 200, "[{'id':'m'}]");
    assert_int_equal(ntold, 4);
    assert_int_equal(told[2].outcome, SEND_SENT);
    assert_int_equal(told[3].outcome, SEND_SENT);
    sat_world_free(w);
}

/* satori 60, 61: our own message that comes back behind the news that the account has gone does not bring it back. */
static void satori_60_61_an_echo_is_no_sign_of_life(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    struct sat *g = w->g[1];
    STATUS(w, "0");
    discord(
        w, "message-created", 0LL,
        "'channel':{'id':'c1','type':0},'user':{'id':'900'},'message':{'id':'e1','content':'x'}");
    assert_int_equal(w->nown, 1); /* it settles sends all the same */
    assert_false(sat_may_send(g));
    sat_world_frame(w, "{'op':0,'body':{'type':'login-removed','login':{'sn':2}}}");
    discord(
        w, "message-created", 0LL,
        "'channel':{'id':'c1','type':0},'user':{'id':'900'},'message':{'id':'e2','content':'x'}");
    assert_false(sat_ready(g));
    assert_int_equal(w->hub.nlogins, 1);
    discord(
        w, "message-created", 0LL,
        "'channel':{'id':'c1','type':0},'user':{'id':'u1'},'message':{'id':'e3','content':'x'}");
    assert_true(sat_may_send(g)); /* what others say does */
    sat_world_free(w);
}

/* Servers that repeat what was missed: the referrer of an old event is no good for what answers nothing. */
static void an_old_referrer_is_not_used_again(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
#define SPOKEN(id)                                                                       \
    "'channel':{'id':'c1','type':0},'user':{'id':'u1','name':'U'},'referrer':{'at':'" id \
    "'},'message':{'id':'" id "','content':'x'}"
    discord(w, "message-created", 20 * 60000LL, SPOKEN("old"));
    assert_string_equal(sat_world_last(w)->ref, "{\"at\":\"old\"}"); /* its answer has it */
    assert_null(sat_referrer(w->g[1], "c1"));
    discord(w, "message-created", 0LL, SPOKEN("new"));
    assert_string_equal(sat_referrer(w->g[1], "c1"), "{\"at\":\"new\"}");
    discord(w, "message-created", 20 * 60000LL, SPOKEN("older")); /* repeats and new ones mix */
    assert_string_equal(sat_referrer(w->g[1], "c1"), "{\"at\":\"new\"}");
    sat_world_free(w);
}

/* satori 57: who left again before the channel of the guild was known joined first. */
static void satori_57_a_leave_does_not_overtake_its_join(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    discord(w, "guild-member-added", 0LL, "'guild':{'id':'g1'},'user':{'id':'u1'}");
    discord(w, "guild-member-removed", 0LL, "'guild':{'id':'g1'},'user':{'id':'u1'}");
    sat_world_answer(w, sat_world_call(w, "channel.list"), 200, "{'data':[{'id':'c7','type':0}]}");
    sat_held_tick(w->g[1], sat_now(w->g[1]) + 6000);
    assert_int_equal(w->nevents, 2);
    assert_int_equal(w->events[0]->type, EVENT_JOIN);
    assert_int_equal(w->events[1]->type, EVENT_LEAVE);
    sat_world_free(w);
}

/* satori 34: a login that has turned out to lack guild.member.get is not asked for each newcomer's name. */
static void satori_34_names_are_not_asked_for_in_vain(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    free(w->g[0]->login->features);
    w->g[0]->login->features = NULL; /* it does not say */
    for (int i = 1; i <= 2; i++) {
        sat_world_frame(
            w,
            "{'op':0,'body':{'type':'guild-member-added','platform':'llonebot','self_id':'10001',"
            "'guild':{'id':'20002'},'user':{'id':'5%d'}}}",
            i);
        if (i == 1)
            sat_world_answer(w, sat_world_call(w, "guild.member.get"), 404, "method not found");
        assert_int_equal(w->nevents, i);
    }
    assert_int_equal(calls_of(w, "guild.member.get"), 1);
    sat_world_free(w);
}

/* satori 4: numbers that say nothing, and rows without ids of accounts that are not online. */
static void satori_04_rows_of_a_table(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    /* every row has the same number */
    sat_world_frame(
        w, "{'op':4,'body':{'logins':[{'sn':1,'platform':'discord','user':{'id':'900'}},{'sn':1,'"
           "platform':'kook','user':{'id':'7'}},{'sn':1,'platform':'llonebot','user':{'id':"
           "'10001'}}]}}");
    assert_int_equal(w->hub.nlogins, 3);
    assert_true(sat_ready(w->g[0]) && sat_ready(w->g[1]));
    assert_string_equal(w->g[0]->login->id, "10001");
    assert_string_equal(w->g[1]->login->id, "900");
    /* asked for again on the same connection: known by its number */
    sat_world_ready(w);
    struct sat_login *row = w->g[1]->login;
    sat_login_refresh(&w->hub);
    sat_world_answer(
        w, sat_world_call(w, "meta"), 200,
        "{'logins':[{'sn':1,'platform':'llonebot','user':{'id':'10001'}},{'sn':2,'status':4}]}");
    assert_ptr_equal(w->g[1]->login, row);
    assert_int_equal(w->g[1]->account, ACCOUNT_OFFLINE);
    assert_true(sat_may_send(w->g[0]));
    sat_world_free(w);
}

/* The channels of one guild cannot be read this time: they are not gone. */
static void a_list_that_is_there_in_part(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    struct sat *g = w->g[1];
    for (int round = 0; round < 2; round++) {
        g->next_guilds = sat_now(g);
        sat_lists_tick(g, sat_now(g));
        sat_world_answer(w, sat_world_call(w, "guild.list"), 200,
                         "{'data':[{'id':'g1'},{'id':'g2'}]}");
        sat_lists_tick(g, sat_now(g) + 60000);
        if (round == 0)
            sat_world_answer(w, sat_world_call(w, "channel.list"), 200,
                             "{'data':[{'id':'c1','type':0}]}");
        else
            sat_world_answer(w, sat_world_call(w, "channel.list"), 429, "slow down");
        sat_lists_tick(g, sat_now(g) + 60000);
        sat_world_answer(w, sat_world_call(w, "channel.list"), 200,
                         round ? "{'data':[{'id':'c3','type':0}]}"
                               : "{'data':[{'id':'c2','type':0},{'id':'c3','type':0}]}");
    }
    assert_int_equal(w->nout, 1); /* c2 is gone, c1 is not */
    assert_string_equal(w->last_out, "c2");
    /* and once it can be read again, what is missing is */
    g->next_guilds = sat_now(g);
    sat_lists_tick(g, sat_now(g));
    sat_world_answer(w, sat_world_call(w, "guild.list"), 200, "{'data':[{'id':'g1'}]}");
    sat_lists_tick(g, sat_now(g) + 60000);
    sat_world_answer(w, sat_world_call(w, "channel.list"), 200, "{'data':[{'id':'c9','type':0}]}");
    assert_int_equal(w->nout, 3);
    sat_world_free(w);
}

/* satori 39: what is no list is no list of nobody; times of any size. */
static void satori_39_members(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    static const struct {
        const char *answer;
        bool ok;
        int64_t joined;
    } cases[] = {
        {"", false, -1},
        {"null", false, -1},
        {"{}", false, -1},
        {"{'data':null}", false, -1},
        {"[]", true, -1},
        {"{'data':[]}", true, -1},
        {"{'data':[{'user':{'id':5},'joined_at':1700000000000}]}", true, 1700000000},
        {"{'data':[{'user':{'id':5},'joined_at':1700000000}]}", true, 1700000000},
        {"{'data':[{'user':{'id':5},'joined_at':1e300}]}", true, 0},
        {"{'data':[{'user':{'id':5},'joined_at':-1e300}]}", true, 0},
    };
    const struct gateway_request r = {.action = ACTION_MEMBERS, .chat = "20002"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(sat_call(&w->g[0]->base, &r, i));
        sat_world_answer(w, sat_world_call(w, "guild.member.list"), 200, cases[i].answer);
        assert_int_equal(nanswered, i + 1);
        assert_int_equal(answered_ok, cases[i].ok);
        assert_int_equal(answered_joined, cases[i].joined);
    }
    sat_world_free(w);
}

/* satori 25: a number is an id there, too. */
static void satori_25_the_number_of_an_emoji(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    sat_world_llonebot(w, "reaction-added",
                       "'channel':{'id':'20002','type':0},'guild':{'id':'20002'},'user':{'id':7},"
                       "'message':{'id':8},'emoji':{'id':76}");
    assert_int_equal(sat_world_last(w)->type, EVENT_REACTION);
    assert_string_equal(sat_world_last(w)->text, "76");
    sat_world_free(w);
}

/* A picture is brought to the server, whatever its length; texts are not of any length. */
static void a_long_picture(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    struct sat *g = w->g[0];
    size_t n = 400 * 1024;
    w->http_conf.send_max = 1 << 20;
    char *id = mem_alloc(n + 16);
    strcpy(id, "base64://iVBORw0K");
    memset(id + 17, 'A', n - 17);
    id[n + 1] = '\0';
    id[n] = 'A';
    struct out_segment s = {.type = SEGMENT_IMAGE, .id = id};
    struct out_message m = {.chat = "20002", .segments = &s, .nsegments = 1};
    assert_true(sat_send(&g->base, &m, 1));
    for (int i = 0; i < 400 && !calls_of(w, "message.create") && !ntold; i++) {
        uv_run(&w->loop, UV_RUN_NOWAIT);
        sat_out_flush(g);
        uv_sleep(5);
    }
    assert_int_equal(ntold, 0);
    assert_int_equal(calls_of(w, "message.create"), 1);
    sat_world_answer(w, sat_world_call(w, "message.create"), 200, "[]");
    assert_int_equal(told[0].outcome, SEND_SENT);
    /* more than one call holds: it is not tried for ever */
    w->http_conf.send_max = 256 << 10;
    w->hub.http_conf = &w->http_conf;
    ntold = 0;
    assert_true(sat_send(&g->base, &m, 3));
    for (int i = 0; i < 400 && !ntold; i++) {
        uv_run(&w->loop, UV_RUN_NOWAIT);
        sat_out_flush(g);
        uv_sleep(5);
    }
    assert_int_equal(told[0].outcome, SEND_FAILED);
    assert_int_equal(calls_of(w, "message.create"), 1);
    w->hub.http_conf = NULL;
    ntold = 0;
    s = (struct out_segment){.type = SEGMENT_TEXT, .id = "", .text = id, .text_len = n};
    assert_true(sat_send(&g->base, &m, 2));
    sat_out_flush(g);
    assert_int_equal(ntold, 1);
    assert_int_equal(told[0].outcome, SEND_FAILED);
    free(id);
    sat_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(satori_60_offline_while_a_channel_is_opened),
        cmocka_unit_test(satori_61_removed_while_messages_wait),
        cmocka_unit_test(satori_60_61_an_echo_is_no_sign_of_life),
        cmocka_unit_test(an_old_referrer_is_not_used_again),
        cmocka_unit_test(satori_57_a_leave_does_not_overtake_its_join),
        cmocka_unit_test(satori_34_names_are_not_asked_for_in_vain),
        cmocka_unit_test(satori_04_rows_of_a_table),
        cmocka_unit_test(a_list_that_is_there_in_part),
        cmocka_unit_test(satori_39_members),
        cmocka_unit_test(satori_25_the_number_of_an_emoji),
        cmocka_unit_test(a_long_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
