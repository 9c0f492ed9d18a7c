/* test_onebot_service.c -- checklist 42-57 and 74-92 over a real connection: what reaches the engine, what is read after
 * connecting, and what a hostile peer can do. */
#include "onebot_world.h"

static const char *metric_line(const char *name)
{
    static struct buf out;
    buf_reset(&out);
    metrics_render(&out);
    const char *p = strstr(buf_cstr(&out), name);
    return p ? p : "";
}

static void message(struct world *w, int64_t id, const char *group, const char *user,
                    const char *text)
{
    world_sayq(
        w,
        "{'time':%lld,'self_id':2100000001,'post_type':'message','message_type':'group','message_id':%lld,'group_id':%s,'user_id':%s,"
        "'message':[{'type':'text','data':{'text':'%s'}}],'sender':{'nickname':'n'}}",
        (long long)(clock_wall(&w->clock) / 1000), (long long)id, group, user, text);
}

static void test_42_self_is_never_an_event(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    message(w, 1, "5", "2100000001", "me");
    message(w, 2, "5", "6", "you");
    world_until(w, w->nevents == 1 && w->nown == 1);
    assert_string_equal(w->events[0]->text, "you");
    world_free(w);
}

static void join(struct world *w, const char *user, const char *inviter)
{
    world_sayq(
        w,
        "{'time':%lld,'self_id':2100000001,'post_type':'notice','notice_type':'group_increase','sub_type':'%s','group_id':5,'operator_id':%s,'user_id':%s}",
        (long long)(clock_wall(&w->clock) / 1000), *inviter == '0' ? "approve" : "invite", inviter,
        user);
}

static void test_44_richer_join_is_kept(void **state)
{
    (void)state;
    struct world *w = world_ready("/"); /* NapCat */
    join(w, "7", "0");
    join(w, "8", "9"); /* complete: at once */
    world_until(w, w->nevents == 1);
    assert_string_equal(w->events[0]->user, "8");
    join(w, "7", "9");
    world_until(w, w->nevents == 2);
    assert_string_equal(w->events[1]->user, "7");
    assert_string_equal(w->events[1]->operator_id, "9");
    join(w, "7", "9");
    join(w, "7", "0");
    world_run(w, 100);
    assert_int_equal(w->nevents, 2);
    world_free(w);
}

static void test_44_words_of_the_newcomer_do_not_overtake_the_join(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    join(w, "7", "0");
    message(w, 1, "5", "7", "hello");
    world_until(w, w->nevents == 2);
    assert_int_equal(w->events[0]->type, EVENT_JOIN);
    assert_int_equal(w->events[1]->type, EVENT_MESSAGE);
    world_free(w);
}

static void test_44_other_implementations_do_not_wait(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->app_name = "go-cqhttp";
    world_forward(w, "/");
    world_until(w, w->asked_requests > 0);
    join(w, "7", "0");
    world_until(w, w->nevents == 1);
    world_free(w);
}

static void test_47_mute_of_self_is_reported(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    world_sayq(
        w,
        "{'time':%lld,'self_id':2100000001,'post_type':'notice','notice_type':'group_ban','sub_type':'ban','group_id':5,'operator_id':3,'user_id':2100000001,'duration':600}",
        (long long)(clock_wall(&w->clock) / 1000));
    world_until(w, w->nevents == 1);
    assert_int_equal(w->events[0]->type, EVENT_MUTE);
    assert_string_equal(w->events[0]->user, w->state.self_id);
    assert_int_equal(w->events[0]->number, 600);
    world_free(w);
}

static void test_48_group_gone(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    world_sayq(
        w,
        "{'time':%lld,'self_id':2100000001,'post_type':'notice','notice_type':'group_decrease','sub_type':'kick_me','group_id':5,'operator_id':3,'user_id':2100000001}",
        (long long)(clock_wall(&w->clock) / 1000));
    world_until(w, w->nchats_out == 1);
    assert_string_equal(w->last_chat, "5");
    assert_int_equal(w->nevents, 1);
    world_free(w);
}

static void test_56_stale_and_skew(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->conf.stale_ms = 120000;
    world_forward(w, "/");
    world_until(w, w->asked_requests > 0);
    long long now = clock_wall(&w->clock) / 1000;
    static const char msg[] =
        "{'time':%lld,'self_id':2100000001,'post_type':'message','message_type':'group','message_id':%d,'group_id':5,'user_id':6,'message':'x'}";
    world_sayq(w, msg, now - 130, 1);
    world_sayq(w, msg, now - 110, 2);
    world_until(w, w->nevents == 2);
    assert_true(w->events[0]->late);
    assert_false(w->events[1]->late);
    /* a peer whose clock is five minutes behind: its heartbeats say so */
    world_sayq(
        w,
        "{'time':%lld,'self_id':2100000001,'post_type':'meta_event','meta_event_type':'heartbeat','status':{},'interval':5000}",
        now - 300);
    world_sayq(w, msg, now - 310, 3);
    world_sayq(w, msg, now - 430, 4);
    world_until(w, w->nevents == 4);
    assert_false(w->events[2]->late);
    assert_true(w->events[3]->late);
    world_free(w);
}

static void test_57_bot_offline(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    world_sayq(
        w,
        "{'time':1767225763,'self_id':2100000001,'post_type':'notice','notice_type':'bot_offline','user_id':2100000001,'tag':'KickedOffLine','message':'signed in elsewhere'}");
    world_until(w, w->state.account == ACCOUNT_OFFLINE);
    assert_int_equal(w->state.link, LINK_UP);
    assert_int_equal(w->nevents, 0);
    world_free(w);
}

/* ---- what is read after connecting ---- */

static void test_81_start_up_reads(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->groups =
        "[{'group_id':700000001,'group_name':'Readers','member_count':187,'max_member_count':200},"
        "{'group_id':700000002,'group_name':null,'member_count':0},{'group_id':0},7]";
    world_forward(w, "/");
    world_until(w, w->asked_requests == 1);
    world_run(w, 100);
    assert_int_equal(w->asked_groups, 1); /* again after a minute only */
    assert_int_equal(w->asked_login, 1);
    assert_int_equal(w->nchats_in, 2);
    assert_string_equal(w->sizes, "700000001=186 "); /* we are one of them; 0: it does not know */
    /* the next connection finds one group less */
    w->groups = "[{'group_id':700000002,'group_name':'x'}]";
    conn_close(w->peer, 1001, "");
    world_until(w, w->asked_requests == 2);
    world_until(w, w->nchats_out == 1);
    world_free(w);
}

static void test_77_waiting_requests_in_all_shapes(void **state)
{
    static const struct {
        const char *app, *data, *user, *flag, *sub;
    } cases[] = {
        {"go-cqhttp",
         "{'invited_requests':null,'join_requests':[{'request_id':1767225774012345,'requester_uin':33,'requester_nick':'n','message':'hi','group_id':5,'group_name':'g','checked':false,'actor':0},"
         "{'request_id':2,'requester_uin':34,'group_id':5,'checked':true}]}",
         "33", "1767225774012345", "add"},
        {"LLOneBot",
         "{'invited_requests':[{'request_id':'77','invitor_uin':44,'invitor_nick':'n','group_id':6,'checked':false}],'join_requests':[]}",
         "44", "77", "invite"},
        {"NapCat.Onebot",
         "{'invited_requests':[],'InvitedRequest':[{'request_id':1}],'join_requests':[{'request_id':88,'invitor_uin':55,'requester_nick':'n','message':'hi','group_id':5,'checked':false}]}",
         "55", "88", "add"},
        {"Lagrange.OneBot",
         "[{'time':1767225774,'self_id':2100000001,'post_type':'request','request_type':'group','sub_type':'add','group_id':5,'user_id':66,'comment':'hi','flag':'9-5-1'},null,7]",
         "66", "9-5-1", "add"},
    };
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct world *w = world_new();
        w->app_name = cases[i].app;
        w->requests = cases[i].data;
        world_forward(w, "/");
        world_until(w, w->nevents == 1);
        const struct event *e = w->events[0];
        assert_int_equal(e->type, EVENT_REQUEST);
        assert_string_equal(e->user, cases[i].user);
        assert_string_equal(e->flag, cases[i].flag);
        assert_string_equal(e->sub, cases[i].sub);
        assert_true(e->history);
        world_run(w, 30);
        assert_int_equal(w->nevents, 1);
        world_free(w);
    }
}

static void test_76_history_pages(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    long long t = clock_wall(&w->clock) / 1000;
    message(w, 103, "5", "6", "three");
    world_until(w, w->nevents == 1);
    w->g->ops->catch_up(w->g, "5", (t - 1000) * 1000);
    world_until(w, w->nframes == 1);
    assert_non_null(
        strstr(w->frames[0],
               "\"action\":\"get_group_msg_history\",\"params\":{\"group_id\":5,\"count\":20}"));
    world_sayq(
        w,
        "{'status':'ok','retcode':0,'echo':'%s','data':{'messages':[null,{'message_id':104,'time':%lld,'user_id':6,'message':'four','sender':{}},"
        "{'message_id':103,'time':%lld,'user_id':6,'message':'three'},{'message_id':102,'time':%lld,'user_id':2100000001,'message':'mine'},7,{}]}}",
        world_echo(w, 1), t - 1, t - 2, t - 3);
    world_until(w, w->nframes == 2);
    assert_non_null(strstr(w->frames[1], "\"message_seq\":102,\"reverse_order\":true"));
    world_sayq(
        w,
        "{'status':'ok','retcode':0,'echo':'%s','data':{'messages':[{'message_id':102,'time':%lld,'user_id':2100000001,'message':'mine'},"
        "{'message_id':101,'time':%lld,'user_id':6,'message':'one'}]}}",
        world_echo(w, 2), t - 3, t - 4);
    world_until(w, w->nframes == 3);
    world_sayq(
        w,
        "{'status':'ok','retcode':0,'echo':'%s','data':{'messages':[{'message_id':101,'time':%lld,'user_id':6,'message':'one'}]}}",
        world_echo(w, 3), t - 4); /* no progress: done */
    world_until(w, w->nevents == 3);
    assert_string_equal(w->events[1]->text, "one");
    assert_string_equal(w->events[2]->text, "four");
    assert_true(w->events[1]->history && !w->events[0]->history);
    assert_string_equal(w->events[1]->key, "m101");
    assert_string_equal(w->events[1]->chat, "5");
    assert_int_equal(w->nown, 1);
    assert_string_equal(w->own_text, "mine");
    assert_int_equal(w->ngaps, 1);
    assert_true(w->gap_complete);
    assert_int_equal(w->gap_messages, 3); /* one of them was known */
    world_run(w, 50);
    assert_int_equal(w->nframes, 3);
    world_free(w);
}

/* Four chats at a time, and each asks for its next page no sooner than after the pause; after a timeout one at a time. */
static void test_76_side_by_side(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->conf.catchup_ms = 80;
    w->conf.timeout_ms = 300;
    world_forward(w, "/");
    world_until(w, w->asked_requests > 0);
    for (int i = 1; i <= 7; i++) {
        char chat[16];
        snprintf(chat, sizeof chat, "%d", i);
        w->g->ops->catch_up(w->g, chat, 0);
    }
    world_until(w, w->nframes == 1);
    world_run(w, 20);
    assert_int_equal(w->nframes, 1); /* is there a history at all? */
    world_sayq(w, "{'status':'ok','retcode':0,'echo':'%s','data':{'messages':[]}}",
               world_echo(w, 1));
    world_until(w, w->nframes == 5);
    assert_int_equal(w->g->ops->catch_up_many(w->g), 4);
    world_until(w, w->ngaps == 5); /* the others had no answer */
    assert_int_equal(w->g->ops->catch_up_many(w->g), 1);
    world_until(w, w->nframes == 6);
    world_run(w, 100);
    assert_int_equal(w->nframes, 6);
    world_free(w);
}

/* Nobody can tell a page's order within a second but by the page itself: one that begins with its newest is turned. */
static void test_76_newest_first(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    long long t = clock_wall(&w->clock) / 1000;
    w->g->ops->catch_up(w->g, "5", (t - 5) * 1000);
    world_until(w, w->nframes == 1);
    world_sayq(
        w,
        "{'status':'ok','retcode':0,'echo':'%s','data':{'messages':[{'message_id':14,'time':%lld,'user_id':6,'message':'d'},"
        "{'message_id':13,'time':%lld,'user_id':6,'message':'c'},{'message_id':12,'time':%lld,'user_id':6,'message':'b'},"
        "{'message_id':11,'time':%lld,'user_id':6,'message':'a'}]}}",
        world_echo(w, 1), t - 1, t - 2, t - 2, t - 300);
    world_until(w, w->nevents == 3);
    assert_string_equal(w->events[0]->text, "b");
    assert_string_equal(w->events[1]->text, "c");
    assert_string_equal(w->events[2]->text, "d");
    world_free(w);
}

/* A join that is told twice, with two times: the second is dropped, and the engine learns its key if that is another one. */
static void test_44_told_twice(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    static const char msg[] =
        "{'time':%lld,'self_id':2100000001,'post_type':'notice','notice_type':'group_increase','sub_type':'invite','group_id':5,'operator_id':9,'user_id':7}";
    long long t = clock_wall(&w->clock) / 60000 * 60; /* a full minute */
    world_sayq(w, msg, t - 1);
    world_sayq(w, msg, t - 1);
    world_sayq(w, msg, t - 3);
    world_until(w, w->nevents == 1);
    world_run(w, 30);
    assert_int_equal(w->nrepeated, 0); /* the same minute, the same key */
    world_sayq(w, msg, t + 1);
    world_until(w, w->nrepeated == 1);
    char key[64];
    snprintf(key, sizeof key, "join7.%lld", t / 60);
    assert_string_equal(w->repeated_key, key);
    assert_int_equal(w->nevents, 1);
    world_free(w);
}

/* What the engine had to drop is new when it is seen again. */
static void test_43_unseen(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    message(w, 1, "5", "6", "a");
    message(w, 1, "5", "6", "a");
    world_until(w, w->nevents == 1);
    w->g->ops->unsee(w->g, w->events[0]);
    message(w, 1, "5", "6", "a");
    message(w, 1, "5", "6", "a");
    world_until(w, w->nevents == 2);
    world_run(w, 30);
    assert_int_equal(w->nevents, 2);
    world_free(w);
}

static void test_76_history_that_fails(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    w->g->ops->catch_up(w->g, "5", 0);
    w->g->ops->catch_up(w->g, "6", 0);
    world_until(w, w->nframes == 1);
    world_sayq(w, "{'status':'failed','retcode':1200,'message':'empty','echo':'%s'}",
               world_echo(w, 1));
    world_until(w, w->nframes == 2); /* the next chat has its turn */
    assert_int_equal(w->ngaps, 1);
    assert_false(w->gap_complete);
    assert_string_equal(w->gap_why, "the platform gave no history");
    conn_close(w->peer, 0, "");
    world_until(w, w->peer_opens == 2);
    assert_int_equal(w->ngaps, 2);
    assert_string_equal(w->gap_why, "there was no answer");
    w->g->ops->catch_up(w->g, "7", 0);
    world_until(w, w->nframes == 3);
    assert_non_null(strstr(w->frames[2], "\"group_id\":7"));
    world_free(w);
}

static void test_74_at_all_quota(void **state)
{
    static const struct {
        const char *answer;
        int64_t left;
    } cases[] = {
        {"{'can_at_all':true,'remain_at_all_count_for_group':0,'remain_at_all_count_for_uin':3}",
         0},
        {"{'can_at_all':true,'remain_at_all_count_for_group':5,'remain_at_all_count_for_uin':3}",
         3},
        {"{'can_at_all':false,'remain_at_all_count_for_group':5,'remain_at_all_count_for_uin':3}",
         0},
        {"null", -1}};
    (void)state;
    struct world *w = world_ready("/");
    struct gateway_request r = {.action = ACTION_AT_ALL_QUOTA, .chat = "5"};
    for (int i = 0; i < 4; i++) {
        assert_true(w->g->ops->call(w->g, &r, (uint64_t)i));
        world_sayq(w, "{'status':'ok','retcode':0,'data':%s,'echo':'%s'}", cases[i].answer,
                   world_echo(w, i + 1));
        world_until(w, w->nresponses == i + 1);
        assert_true(w->responses[i].ok);
        assert_true(w->responses[i].number == cases[i].left);
    }
    assert_non_null(
        strstr(w->frames[0], "\"get_group_at_all_remain\",\"params\":{\"group_id\":5}"));
    world_free(w);
}

static void test_78_member_list(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    struct gateway_request r = {.action = ACTION_MEMBERS, .chat = "5"};
    assert_true(w->g->ops->call(w->g, &r, 77));
    const char *echo = world_echo(w, 1);
    struct buf b = {0};
    buf_adds(&b, "{\"status\":\"ok\",\"retcode\":0,\"data\":[");
    for (int i = 0; i < 3000; i++)
        buf_addf(
            &b,
            "%s{\"group_id\":5,\"user_id\":%d,\"nickname\":\"n%d\",\"card\":\"%s\",\"role\":\"member\",\"join_time\":1700000000,\"level\":\"1\",\"title\":\"\"}",
            i ? "," : "", 1000 + i, i, i ? "" : "The First");
    buf_addf(&b, "],\"echo\":\"%s\"}", echo);
    world_say(w, buf_cstr(&b));
    buf_free(&b);
    world_until(w, w->nresponses == 1);
    assert_true(w->responses[0].ok);
    assert_int_equal(w->responses[0].ticket, 77);
    assert_int_equal(w->responses[0].nmembers, 3000);
    assert_string_equal(w->responses[0].first_user, "1000");
    assert_string_equal(w->responses[0].first_name, "The First");
    world_free(w);
}

static void test_calls_that_cannot_be(void **state)
{
    static const struct gateway_request requests[] = {
        {.action = ACTION_KICK, .chat = "@5", .user = "6"},
        {.action = ACTION_KICK, .chat = "5"},
        {.action = ACTION_RECALL, .chat = "5"},
        {.action = ACTION_ANSWER_REQUEST, .sub = "add"}};
    (void)state;
    struct world *w = world_ready("/");
    for (int i = 0; i < 4; i++) {
        assert_true(w->g->ops->call(w->g, &requests[i], (uint64_t)i));
        world_until(w, w->nresponses == i + 1);
        assert_false(w->responses[i].ok);
        assert_string_not_equal(w->responses[i].reason, "");
    }
    assert_int_equal(w->nframes, 0);
    world_free(w);
}

static void test_reactions_by_implementation(void **state)
{
    static const struct {
        const char *app, *frame;
    } cases[] = {
        {"NapCat.Onebot",
         "\"set_msg_emoji_like\",\"params\":{\"message_id\":9,\"emoji_id\":\"76\",\"set\":true}"},
        {"Lagrange.OneBot",
         "\"set_group_reaction\",\"params\":{\"group_id\":5,\"message_id\":9,\"code\":\"76\",\"is_add\":true}"}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world *w = world_new();
        w->app_name = cases[i].app;
        world_forward(w, "/");
        world_until(w, w->asked_requests > 0);
        struct gateway_request r = {.action = ACTION_REACT, .chat = "5", .arg = "9", .text = "76"};
        assert_true(w->g->ops->call(w->g, &r, 1));
        world_until(w, w->nframes == 1);
        assert_non_null(strstr(w->frames[0], cases[i].frame));
        world_free(w);
    }
}

/* ---- hostile peers ---- */

static void test_83_junk_is_counted(void **state)
{
    static const char *const junk[] = {"",   "   ", "null",    "true",        "42",      "\"x\"",
                                       "[]", "{}",  "{\"a\":", "[1,null,{}]", "\xff\xfe"};
    (void)state;
    struct world *w = world_ready("/");
    for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++)
        world_say(w, junk[i]);
    char deep[10001];
    memset(deep, '[', 10000);
    deep[10000] = '\0';
    world_say(w, deep);
    message(w, 1, "5", "6", "still here");
    world_until(w, w->nevents == 1);
    assert_int_equal(w->peer_opens, 1);
    assert_non_null(
        strstr(metric_line("sopd_frames_bad_total{gateway=\"qq1\",why=\"json\""), "} 5"));
    world_free(w);
}

static void test_84_85_bytes(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    world_sayq(
        w,
        "{'time':1,'self_id':2100000001,'post_type':'message','message_type':'group','message_id':1,'group_id':5,'user_id':6,'message':'x','sender':{'nickname':'a\xff\xfe'}}");
    world_until(w, w->nevents == 1);
    assert_string_equal(w->events[0]->name, "a\xEF\xBF\xBD\xEF\xBF\xBD");
    assert_int_equal(w->peer_opens, 1);
    world_free(w);
}

static void test_90_another_bot(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    uint64_t errors = log_count(LOG_LEVEL_ERROR);
    for (int i = 0; i < 5; i++)
        world_say(w, "{\"action\":\"get_status\"}");
    message(w, 1, "5", "6", "x");
    world_until(w, w->nevents == 1);
    assert_int_equal(log_count(LOG_LEVEL_ERROR) - errors, 1);
    assert_int_equal(w->nframes, 0);
    world_free(w);
}

static void test_91_flood_of_responses(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    for (int i = 0; i < 100000; i++) {
        size_t start;
        struct buf *b = conn_begin(w->peer, &start);
        buf_addf(b, "{\"status\":\"ok\",\"retcode\":0,\"data\":{},\"echo\":\"x-%d\"}", i);
        conn_end(w->peer, start);
        if (i % 1000 == 0)
            world_turn(w);
    }
    message(w, 1, "5", "6", "x");
    world_until(w, w->nevents == 1);
    assert_int_equal(((struct ob *)w->g)->peers[0].npending, 0);
    assert_in_range(((struct ob *)w->g)->peers[0].nslots, 0, 64);
    world_free(w);
}

static void test_arrays_of_events(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    world_sayq(
        w,
        "[{'self_id':2100000001,'post_type':'message','message_type':'group','message_id':1,'group_id':5,'user_id':6,'message':'a'},7,"
        "{'self_id':2100000001,'post_type':'message','message_type':'group','message_id':2,'group_id':5,'user_id':6,'message':'b'}]");
    world_until(w, w->nevents == 2);
    world_free(w);
}

static void test_events_of_another_account_are_dropped(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->conf.self_id = "2100000001";
    world_forward(w, "/");
    world_until(w, w->asked_requests > 0);
    world_sayq(
        w,
        "{'self_id':999,'post_type':'message','message_type':'group','message_id':1,'group_id':5,'user_id':6,'message':'a'}");
    message(w, 2, "5", "6", "x");
    world_until(w, w->nevents == 1);
    assert_string_equal(w->events[0]->text, "x");
    world_free(w);
}

static void test_empty_message_fails_later(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    assert_true(world_send(w, "5", "", 3));
    assert_int_equal(w->nresults, 0);
    w->g->ops->flush(w->g);
    assert_int_equal(w->nresults, 1);
    assert_int_equal(w->results[0].outcome, SEND_FAILED);
    world_run(w, 30);
    assert_int_equal(w->nframes, 0);
    world_free(w);
}

static void test_stop_reports_what_is_open(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    world_send(w, "5", "x", 1);
    world_until(w, w->nframes == 1);
    join(w, "7", "0");
    world_run(w, 20);
    struct gateway_request r = {
        .action = ACTION_ANSWER_REQUEST, .chat = "5", .sub = "add", .arg = "f", .number = 1};
    assert_true(w->g->ops->call(w->g, &r, 9));
    world_stop(w);
    assert_int_equal(w->nresults, 1);
    assert_int_equal(w->results[0].outcome, SEND_UNKNOWN);
    assert_int_equal(w->nresponses, 1);
    assert_false(w->responses[0].ok);
    assert_int_equal(w->nevents, 1); /* the held join is not lost */
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_42_self_is_never_an_event),
        cmocka_unit_test(test_44_richer_join_is_kept),
        cmocka_unit_test(test_44_words_of_the_newcomer_do_not_overtake_the_join),
        cmocka_unit_test(test_44_other_implementations_do_not_wait),
        cmocka_unit_test(test_47_mute_of_self_is_reported),
        cmocka_unit_test(test_48_group_gone),
        cmocka_unit_test(test_56_stale_and_skew),
        cmocka_unit_test(test_57_bot_offline),
        cmocka_unit_test(test_81_start_up_reads),
        cmocka_unit_test(test_77_waiting_requests_in_all_shapes),
        cmocka_unit_test(test_76_history_pages),
        cmocka_unit_test(test_76_history_that_fails),
        cmocka_unit_test(test_76_side_by_side),
        cmocka_unit_test(test_76_newest_first),
        cmocka_unit_test(test_44_told_twice),
        cmocka_unit_test(test_43_unseen),
        cmocka_unit_test(test_74_at_all_quota),
        cmocka_unit_test(test_78_member_list),
        cmocka_unit_test(test_calls_that_cannot_be),
        cmocka_unit_test(test_reactions_by_implementation),
        cmocka_unit_test(test_83_junk_is_counted),
        cmocka_unit_test(test_84_85_bytes),
        cmocka_unit_test(test_90_another_bot),
        cmocka_unit_test(test_91_flood_of_responses),
        cmocka_unit_test(test_arrays_of_events),
        cmocka_unit_test(test_events_of_another_account_are_dropped),
        cmocka_unit_test(test_empty_message_fails_later),
        cmocka_unit_test(test_stop_reports_what_is_open),
    };
    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
