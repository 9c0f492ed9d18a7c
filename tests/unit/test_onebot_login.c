/* test_onebot_login.c -- is the account logged in? Claims, notices, sends without an answer, and what overrules what. */
#include "onebot_world.h"

#define HEARTBEAT \
    "{'time':1767225630,'self_id':2100000001,'post_type':'meta_event','meta_event_type':'heartbeat','interval':30000,"
#define OFFLINE \
    "{'time':1767225763,'self_id':2100000001,'post_type':'notice','notice_type':'bot_offline','user_id':2100000001,"

static void claims(struct world *w, bool online)
{
    world_sayq(w, HEARTBEAT "'status':{'online':%s,'good':true}}", online ? "true" : "false");
}

static void says(struct world *w, int number)
{
    world_sayq(w,
               "{'time':%lld,'self_id':2100000001,'post_type':'message','message_type':'group',"
               "'group_id':5,'user_id':6,'message_id':%d,'message':'hi','raw_message':'hi'}",
               (long long)(clock_wall(&w->clock) / 1000 + 1), number);
}

static void test_reasons(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"'tag':'KickedOffLine','message':'signed in elsewhere'", "kicked"},
        {"'tag':'下线通知','message':'你的账号在另一台设备登录'", "kicked"},
        {"'tag':'','message':'当前登录已失效'", "login_expired"},
        {"'message':'账号被冻结'", "restricted"},
        {"'tag':'','message':''", "logged_out"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world *w = world_ready("/");
        char frame[512];
        snprintf(frame, sizeof frame, OFFLINE "%s}", rows[i][0]);
        world_sayq(w, "%s", frame);
        world_until(w, w->state.account == ACCOUNT_OFFLINE);
        assert_string_equal(w->state.account_reason, rows[i][1]);
        world_free(w);
    }
}

static void test_claims_after_a_notice(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    world_sayq(w, OFFLINE "'tag':'KickedOffLine','message':''}");
    world_until(w, w->state.account == ACCOUNT_OFFLINE);
    int asked = w->asked_login;
    claims(w, true); /* NapCat says so for a while */
    world_run(w, 50);
    assert_int_equal(w->state.account, ACCOUNT_OFFLINE);
    assert_int_equal(w->asked_login, asked);
    claims(w, false); /* it tells the truth now */
    world_run(w, 20);
    assert_string_equal(w->state.account_reason, "kicked");
    claims(w, true);
    world_until(w, w->state.account == ACCOUNT_ONLINE);
    assert_string_equal(w->state.account_reason, "");
    world_free(w);
}

static void test_what_comes_in_proves_it(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    struct ob *g = (struct ob *)w->g;
    world_sayq(w, OFFLINE "'tag':'KickedOffLine','message':''}");
    world_until(w, w->state.account == ACCOUNT_OFFLINE);
    says(w, 1); /* was on its way already */
    world_until(w, w->nevents == 1);
    world_run(w, 20);
    assert_int_equal(w->state.account, ACCOUNT_OFFLINE);
    g->offline_wall -= 10000;
    says(w, 2);
    world_until(w, w->state.account == ACCOUNT_ONLINE);
    world_free(w);
}

static void late(struct world *w, int n)
{
    for (int i = 0; i < n; i++)
        ob_login_send_late((struct ob *)w->g);
    world_run(w, 5);
}

static void test_sends_without_an_answer(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    struct ob *g = (struct ob *)w->g;
    claims(w, true);
    world_until(w, w->state.account == ACCOUNT_ONLINE);
    late(w, 4);
    ob_login_send_ok(g); /* in a row, that is */
    late(w, 4);
    assert_int_equal(w->state.account, ACCOUNT_ONLINE);
    late(w, 1);
    assert_int_equal(w->state.account, ACCOUNT_OFFLINE);
    assert_string_equal(w->state.account_reason, "timeouts");
    claims(w, true); /* Lagrange always says so */
    world_run(w, 30);
    assert_int_equal(w->state.account, ACCOUNT_OFFLINE);
    int64_t first = g->doubt_step;
    g->doubt_until = 0; /* a minute later it gets a chance */
    claims(w, true);
    world_until(w, w->state.account == ACCOUNT_ONLINE);
    late(w, 1); /* and one more is enough */
    assert_int_equal(w->state.account, ACCOUNT_OFFLINE);
    assert_int_equal(g->doubt_step, 2 * first);
    world_free(w);
}

static void test_heard_but_not_hearing(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    struct ob *g = (struct ob *)w->g;
    late(w, 1);
    world_run(w, 10);
    says(w, 1);
    world_until(w, w->nevents == 1);
    late(w, 4);
    assert_int_equal(w->state.account, ACCOUNT_RESTRICTED);
    assert_string_equal(w->state.account_reason, "timeouts");
    claims(w, true);
    world_run(w, 20);
    assert_int_equal(w->state.account, ACCOUNT_RESTRICTED);
    ob_login_send_ok(g);
    world_run(w, 5);
    assert_int_equal(w->state.account, ACCOUNT_ONLINE);
    world_free(w);
}

static void test_a_new_link_begins_anew(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    world_sayq(w, OFFLINE "'tag':'KickedOffLine','message':''}");
    world_until(w, w->state.account == ACCOUNT_OFFLINE);
    int opens = w->peer_opens;
    conn_close(w->peer, 1001, "");
    world_until(w, w->peer_opens > opens && w->state.link == LINK_UP);
    claims(w, true);
    world_until(w, w->state.account == ACCOUNT_ONLINE);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_claims_after_a_notice),
        cmocka_unit_test(test_what_comes_in_proves_it),
        cmocka_unit_test(test_sends_without_an_answer),
        cmocka_unit_test(test_heard_but_not_hearing),
        cmocka_unit_test(test_a_new_link_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
