/* test_onebot_forward.c -- checklist items 1-11, 17-35: the connection that we open, and what is asked and answered on it. */
#include "onebot_world.h"

static const char message[] =
    "{\"time\":1767225710,\"self_id\":2100000001,\"post_type\":\"message\",\"message_type\":\"group\",\"sub_type\":\"normal\","
    "\"message_id\":%d,\"group_id\":700000001,\"user_id\":3300000001,\"message\":[{\"type\":\"text\",\"data\":{\"text\":\"hi\"}}],"
    "\"raw_message\":\"hi\",\"font\":0,\"sender\":{\"user_id\":3300000001,\"nickname\":\"Zhou\"}}";

static void say_message(struct world *w, int id)
{
    char text[1024];
    snprintf(text, sizeof text, message, id);
    world_say(w, text);
}

static int64_t gap(const struct world *w, int i)
{
    return w->opened_at[i] - w->opened_at[i - 1];
}

/* ---- connection ---- */

static void test_01_header_token_and_path(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->conf.token = "s3cr3t";
    world_forward(w, "/?x=1");
    world_until(w, w->state.link == LINK_UP);
    assert_string_equal(w->path, "/");
    assert_string_equal(w->authorization, "Bearer s3cr3t");
    assert_string_equal(w->token, "");
    world_free(w);
    w = world_new();
    world_forward(w, "/");
    world_until(w, w->state.link == LINK_UP);
    assert_string_equal(w->authorization, "");
    world_free(w);
}

static void test_02_query_token(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->conf.token = "s3/c=r3t~";
    w->conf.token_in_query = true;
    world_forward(w, "/?x=1");
    world_until(w, w->state.link == LINK_UP);
    assert_string_equal(w->authorization, "");
    assert_string_equal(w->token, "s3/c=r3t~");
    world_free(w);
}

static void refused_by_http(int status)
{
    struct world *w = world_new();
    w->conf.token = "s3cr3t";
    w->refuse = status;
    uint64_t errors = log_count(LOG_LEVEL_ERROR);
    world_forward(w, "/");
    world_until(w, w->state.link == LINK_REFUSED);
    int before = w->upgrades;
    world_run(w, 300);
    assert_int_equal(w->upgrades, before); /* auth_backoff is 400 ms here, 60 s by default */
    world_until(w, w->upgrades > before + 1);
    assert_int_equal(log_count(LOG_LEVEL_ERROR) - errors, 1);
    world_free(w);
}

static void test_03_http_401(void **state)
{
    (void)state;
    refused_by_http(401);
}

static void test_04_http_403(void **state)
{
    (void)state;
    refused_by_http(403);
}

static void refused_after_upgrade(const char *frame, int code)
{
    struct world *w = world_new();
    w->on_open = frame;
    w->close_on_open = code;
    w->mute_peer = true;
    world_forward(w, "/");
    world_until(w, w->state.link == LINK_REFUSED);
    int before = w->peer_opens;
    world_run(w, 250);
    assert_int_equal(w->peer_opens, before);
    world_free(w);
}

static void test_05_frame_1403_and_close_without_code(void **state)
{
    (void)state;
    refused_after_upgrade(
        "{\"status\":\"failed\",\"retcode\":1403,\"data\":null,\"message\":\"token check failed\","
        "\"wording\":\"token check failed\",\"echo\":null,\"stream\":\"normal-action\"}",
        1005);
}

static void test_06_frame_1403_without_echo_and_close_1008(void **state)
{
    (void)state;
    refused_after_upgrade(
        "{\"status\":\"failed\",\"retcode\":1403,\"data\":null,\"message\":\"no\"}", 1008);
    refused_after_upgrade(NULL, 1008);
}

static void test_07_closed_at_once_three_times(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->close_on_open = 1005;
    w->mute_peer = true;
    world_forward(w, "/");
    world_until(w, w->peer_ends == 1);
    assert_int_not_equal(w->state.link, LINK_REFUSED);
    world_until(w, w->state.link == LINK_REFUSED);
    assert_int_equal(w->peer_opens, 3);
    world_free(w);
}

static void test_07_closed_once_is_an_ordinary_failure(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->close_on_open = 1005;
    world_forward(w, "/");
    world_until(w, w->peer_ends == 1);
    w->close_on_open = 0;
    world_until(w, w->state.link == LINK_UP);
    world_free(w);
}

static void test_08_silence_is_stalled(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->mute_peer = true;
    world_forward(w, "/");
    world_until(w, w->peer_opens == 3);
    assert_int_equal(w->peer_code, 1001);
    assert_true(gap(w, 1) >= 300 && gap(w, 2) >= 300);
    assert_int_not_equal(w->state.link, LINK_REFUSED);
    world_free(w);
}

static void test_09_ready_without_lifecycle(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    assert_string_equal(w->state.self_id, "2100000001");
    assert_string_equal(w->state.self_name, "Helper");
    assert_string_equal(w->state.impl, "NapCat.Onebot 1.0");
    assert_int_equal(w->state.account, ACCOUNT_ONLINE);
    world_free(w);
}

static void test_10_events_before_ready(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->login = NULL;
    world_forward(w, "/");
    world_until(w, w->peer_opens == 1);
    say_message(w, 5);
    world_until(w, w->nevents == 1);
    assert_string_equal(w->events[0]->text, "hi");
    world_until(w, w->state.link == LINK_UP); /* the event told who we are */
    assert_string_equal(w->state.self_id, "2100000001");
    world_free(w);
}

static void test_11_backoff_grows(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->mute_peer = true;
    w->on_open =
        "{\"post_type\":\"meta_event\",\"meta_event_type\":\"lifecycle\",\"sub_type\":\"connect\",\"time\":1,\"self_id\":1}";
    w->close_on_open = 1011;
    world_forward(w, "/");
    world_until(w, w->peer_opens == 6);
    int64_t want[] = {0, 40, 80, 160, 320, 320};
    for (int i = 1; i < 6; i++) {
        assert_true(gap(w, i) >= want[i] * 8 / 10 - 2);
        assert_true(gap(w, i) <= want[i] * 12 / 10 + 60);
    }
    assert_true(w->state.reconnects >= 4); /* ready each time, but never for long: no reset */
    world_free(w);
}

static void test_17_ping_and_reconnect(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->conf.idle_ms = 400;
    world_forward(w, "/");
    world_until(w, w->state.link == LINK_UP);
    int status = w->asked_status;
    world_run(w, 1200); /* pongs and answers keep it alive */
    assert_int_equal(w->peer_opens, 1);
    assert_true(w->asked_status >= status);
    conn_pause(w->peer, true); /* neither pong nor frame any more */
    world_until(w, w->peer_opens == 2);
    world_free(w);
}

static void test_17_event_socket_needs_no_pong(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->conf.idle_ms = 200;
    w->mute_peer = true;
    world_forward(w, "/event");
    world_until(w, w->peer_opens == 2); /* /api and /event */
    struct ob *g = (struct ob *)w->g;
    world_until(w, g->peers[OB_EVENTS].state == OB_OPEN);
    uint64_t gen = g->peers[OB_EVENTS].gen;
    world_run(w, 900);
    assert_int_equal(g->peers[OB_EVENTS].gen, gen);
    assert_true(g->peers[OB_API].gen != 0);
    world_free(w);
}

static void test_18_account_offline_and_back(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    world_sayq(
        w,
        "{'time':1767225630,'self_id':2100000001,'post_type':'meta_event','meta_event_type':'heartbeat',"
        "'status':{'online':false,'good':true},'interval':30000}");
    world_until(w, w->state.account == ACCOUNT_OFFLINE);
    assert_int_equal(w->state.link, LINK_UP);
    assert_false(world_send(w, "700000001", "no", 1));
    w->login = NULL; /* "online" without a successful call is not believed */
    int asked = w->asked_login;
    world_sayq(
        w,
        "{'time':1767225631,'self_id':2100000001,'post_type':'meta_event','meta_event_type':'heartbeat',"
        "'status':{'online':true,'good':true},'interval':30000}");
    world_until(w, w->asked_login == asked + 1);
    assert_int_equal(w->state.account, ACCOUNT_OFFLINE);
    w->login = "2100000001";
    world_sayq(
        w,
        "{'time':1767225632,'self_id':2100000001,'post_type':'meta_event','meta_event_type':'heartbeat',"
        "'status':{'online':true,'good':true},'interval':30000}");
    world_until(w, w->state.account == ACCOUNT_ONLINE);
    assert_true(world_send(w, "700000001", "yes", 2));
    world_free(w);
}

/* ---- actions and responses ---- */

static void test_19_params_and_unique_echo(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    for (int i = 0; i < 50; i++)
        assert_true(world_send(w, "700000001", "x", (uint64_t)i));
    world_until(w, w->nframes == 50); /* params and echo are asserted for each frame */
    for (int i = 0; i < 50; i++)
        for (int k = i + 1; k < 50; k++)
            assert_string_not_equal(world_echo(w, i + 1), world_echo(w, k + 1));
    world_free(w);
}

static void test_20_answers_in_reverse_order(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    world_send(w, "700000001", "one", 101);
    world_send(w, "700000001", "two", 102);
    const char *one = world_echo(w, 1), *two = world_echo(w, 2);
    world_sayq(w, "{'status':'ok','retcode':0,'data':{'message_id':-22},'echo':'%s'}", two);
    world_sayq(w, "{'status':'ok','retcode':0,'data':{'message_id':11},'echo':'%s'}", one);
    world_until(w, w->nresults == 2);
    assert_int_equal(w->results[0].ticket, 102);
    assert_string_equal(w->results[0].id, "-22");
    assert_int_equal(w->results[1].ticket, 101);
    assert_string_equal(w->results[1].id, "11");
    world_free(w);
}

static void test_21_late_and_22_unknown_echo(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->conf.timeout_ms = 100;
    world_forward(w, "/");
    world_until(w, w->asked_requests > 0);
    world_send(w, "700000001", "one", 7);
    const char *echo = world_echo(w, 1);
    world_until(w, w->nresults == 1);
    assert_int_equal(w->results[0].outcome, SEND_UNKNOWN);
    world_sayq(w, "{'status':'ok','retcode':0,'data':{'message_id':5},'echo':'%s'}", echo);
    world_sayq(w, "{'status':'ok','retcode':0,'data':{'message_id':5},'echo':'no such'}");
    world_sayq(w, "{'status':'ok','retcode':0,'data':{'message_id':5},'echo':17}");
    world_sayq(w, "{'status':'ok','retcode':0,'data':{'message_id':5},'echo':{'a':1}}");
    world_run(w, 50);
    assert_int_equal(w->nresults, 1);
    assert_int_equal(w->state.link, LINK_UP);
    world_free(w);
}

static void test_23_to_26_answers(void **state)
{
    static const struct {
        const char *answer;
        enum send_outcome outcome;
    } cases[] = {
        {"{'status':'ok','retcode':0,'echo':'%s'}", SEND_SENT},
        {"{'status':'ok','retcode':1,'echo':'%s'}", SEND_FAILED},
        {"{'status':'async','retcode':1,'data':null,'echo':'%s'}", SEND_UNKNOWN},
        {"{'status':'failed','retcode':200,'data':null,'echo':'%s'}", SEND_FAILED},
        {"{'retcode':0,'status':'some text','echo':'%s'}", SEND_SENT},
        {"{'echo':'%s'}", SEND_FAILED},
    };
    (void)state;
    struct world *w = world_ready("/");
    for (int i = 0; i < 6; i++) {
        world_send(w, "700000001", "x", (uint64_t)i);
        world_sayq(w, cases[i].answer, world_echo(w, i + 1));
        world_until(w, w->nresults == i + 1);
        assert_int_equal(w->results[i].outcome, cases[i].outcome);
        assert_string_equal(w->results[i].id, "");
    }
    world_free(w);
}

static void test_27_event_between_request_and_response(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    world_send(w, "700000001", "x", 1);
    const char *echo = world_echo(w, 1);
    world_sayq(
        w,
        "{'time':1767225611,'self_id':2100000001,'post_type':'message_sent','message_type':'group','message_id':9,"
        "'group_id':700000001,'user_id':2100000001,'message':[{'type':'text','data':{'text':'x'}}],'sender':{}}");
    say_message(w, 6);
    world_sayq(w, "{'status':'ok','retcode':0,'data':{'message_id':9},'echo':'%s'}", echo);
    world_until(w, w->nresults == 1);
    assert_int_equal(w->nevents, 1);
    assert_int_equal(w->nown, 1);
    world_free(w);
}

static void call(struct world *w, enum gateway_action action, const char *user, const char *arg,
                 int64_t number, uint64_t ticket)
{
    struct gateway_request r = {.action = action,
                                .chat = "700000001",
                                .user = user,
                                .arg = arg,
                                .number = number,
                                .sub = "add",
                                .text = "76"};
    assert_true(w->g->ops->call(w->g, &r, ticket));
}

static void test_28_unsupported_is_remembered(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    call(w, ACTION_POKE, "3300000001", NULL, 0, 1);
    world_sayq(w, "{'status':'failed','retcode':1404,'data':null,'echo':'%s'}", world_echo(w, 1));
    world_until(w, w->nresponses == 1);
    assert_false(w->responses[0].ok);
    call(w, ACTION_POKE, "3300000001", NULL, 0, 2);
    assert_int_equal(w->nresponses, 1); /* never inside the call */
    world_until(w, w->nresponses == 2);
    assert_false(w->responses[1].ok);
    world_run(w, 50);
    assert_int_equal(w->nframes, 1);
    world_free(w);
}

static void test_29_timeout_text_is_unknown(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    world_send(w, "700000001", "x", 1);
    world_sayq(
        w,
        "{'status':'failed','retcode':1200,'data':null,'message':'Timeout: NTEvent serviceAndMethod','wording':'..','echo':'%s'}",
        world_echo(w, 1));
    world_until(w, w->nresults == 1);
    assert_int_equal(w->results[0].outcome, SEND_UNKNOWN);
    world_run(w, 300);
    assert_int_equal(w->nframes, 1); /* nothing is sent again from here */
    world_free(w);
}

static void test_30_own_message_is_reported(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    world_sayq(
        w,
        "{'time':1767225611,'self_id':2100000001,'post_type':'message_sent','message_type':'group','message_id':205113887,"
        "'group_id':700000001,'user_id':2100000001,'message':[{'type':'at','data':{'qq':'3300000001'}},"
        "{'type':'text','data':{'text':' hello'}}],'sender':{}}");
    world_until(w, w->nown == 1);
    assert_string_equal(w->own_text, "@3300000001 hello");
    assert_string_equal(w->own_id, "205113887");
    assert_string_equal(w->last_chat, "700000001");
    assert_true(w->g->ops->caps(w->g) & GATEWAY_ECHO);
    world_free(w);
}

static void test_31_lost_connection(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    world_send(w, "700000001", "written", 1);
    world_echo(w, 1);
    conn_close(w->peer, 0, "");
    world_until(w, w->nresults == 1);
    assert_int_equal(w->results[0].outcome, SEND_UNKNOWN);
    assert_int_equal(w->results[0].ticket, 1);
    world_until(w, w->peer_opens == 2 && w->state.link == LINK_UP);
    world_run(w, 100);
    assert_int_equal(w->nframes, 1);
    assert_true(world_send(w, "700000001", "never leaves", 2));
    conn_close(((struct ob *)w->g)->peers[OB_UNIVERSAL].conn, 0,
               ""); /* before anything was flushed */
    world_until(w, w->nresults == 2);
    assert_int_equal(w->results[1].outcome, SEND_UNWRITTEN);
    world_free(w);
}

static void test_32_message_ids(void **state)
{
    static const struct {
        const char *json, *id;
    } cases[] = {{"-2147483648", "-2147483648"},
                 {"2147483647", "2147483647"},
                 {"'wx-77'", "wx-77"},
                 {"0", ""},
                 {"null", ""},
                 {"9007199254740993", "9007199254740993"}};
    (void)state;
    struct world *w = world_ready("/");
    for (int i = 0; i < 6; i++) {
        world_send(w, "700000001", "x", (uint64_t)i);
        world_sayq(w, "{'status':'ok','retcode':0,'data':{'message_id':%s},'echo':'%s'}",
                   cases[i].json, world_echo(w, i + 1));
        world_until(w, w->nresults == i + 1);
        assert_int_equal(w->results[i].outcome, SEND_SENT);
        assert_string_equal(w->results[i].id, cases[i].id);
    }
    world_free(w);
}

static void test_33_explicit_defaults(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    call(w, ACTION_MUTE, "3300000002", NULL, 0, 1);
    call(w, ACTION_WHOLE_MUTE, NULL, NULL, 1, 2);
    call(w, ACTION_KICK, "3300000002", NULL, 0, 3);
    call(w, ACTION_MUTE, "3300000002", NULL, 9999999, 4);
    world_until(w, w->nframes == 4);
    assert_non_null(strstr(
        w->frames[0],
        "\"action\":\"set_group_ban\",\"params\":{\"group_id\":700000001,\"user_id\":3300000002,\"duration\":0}"));
    assert_non_null(strstr(w->frames[1], "\"params\":{\"group_id\":700000001,\"enable\":true}"));
    assert_non_null(strstr(w->frames[2], "\"reject_add_request\":false}"));
    assert_non_null(strstr(w->frames[3], "\"duration\":2591999}"));
    world_free(w);
}

static void test_34_flag_and_54_request_kind(void **state)
{
    static const char *const flags[] = {"700000044|1767225775000000|1|0", "12-700000001-2",
                                        "1767225774012345"};
    (void)state;
    struct world *w = world_ready("/");
    int64_t from = clock_mono(&w->clock);
    for (int i = 0; i < 3; i++) {
        char want[128];
        call(w, ACTION_ANSWER_REQUEST, NULL, flags[i], 1, (uint64_t)i);
        world_until(w, w->nframes == i + 1);
        snprintf(
            want, sizeof want,
            "{\"flag\":\"%s\",\"sub_type\":\"add\",\"type\":\"add\",\"approve\":true,\"reason\":\"76\"}",
            flags[i]);
        assert_non_null(strstr(w->frames[i], want));
    }
    assert_true(clock_mono(&w->clock) - from >= 3 * 50); /* 52: each waits request_delay at least */
    struct gateway_request r = {
        .action = ACTION_ANSWER_REQUEST, .sub = "friend", .arg = "uid_x", .number = 0};
    w->g->ops->call(w->g, &r, 9);
    world_until(w, w->nframes == 4);
    assert_non_null(strstr(
        w->frames[3],
        "\"action\":\"set_friend_add_request\",\"params\":{\"flag\":\"uid_x\",\"approve\":false,\"remark\":\"\"}"));
    world_free(w);
}

static void test_35_one_target_and_exact_ids(void **state)
{
    (void)state;
    struct world *w = world_ready("/");
    world_send(w, "@3300000001", "private", 1);
    world_send(w, "3300000001", "group", 2);
    world_send(w, "9999999999999999", "long", 3);
    world_send(w, "room@chatroom", "text id", 4);
    world_send(w, "007", "leading zero", 5);
    world_until(w, w->nframes == 5);
    assert_non_null(strstr(
        w->frames[0], "\"send_private_msg\",\"params\":{\"user_id\":3300000001,\"message\":["));
    assert_null(strstr(w->frames[0], "group_id"));
    assert_non_null(strstr(w->frames[1],
                           "\"send_group_msg\",\"params\":{\"group_id\":3300000001,\"message\":["));
    assert_null(strstr(w->frames[1], "user_id"));
    assert_non_null(strstr(w->frames[2], "{\"group_id\":9999999999999999,"));
    assert_non_null(strstr(w->frames[3], "{\"group_id\":\"room@chatroom\","));
    assert_non_null(strstr(w->frames[4], "{\"group_id\":\"007\","));
    world_free(w);
}

static void test_36_large_frames(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->conf.max_frame = 3 << 20;
    world_forward(w, "/");
    world_until(w, w->asked_requests > 0);
    struct buf big = {0};
    buf_adds(
        &big,
        "{\"post_type\":\"message\",\"message_type\":\"group\",\"message_id\":77,\"group_id\":1,\"user_id\":2,\"self_id\":2100000001,\"message\":\"");
    for (int i = 0; i < 2 << 20; i++)
        buf_addc(&big, 'a');
    buf_adds(&big, "\"}");
    world_say(w, buf_cstr(&big));
    world_until(w, w->nevents == 1);
    assert_int_equal(strlen(w->events[0]->text), OB_TEXT_MAX);
    big.len -= 2;
    for (int i = 0; i < 2 << 20; i++)
        buf_addc(&big, 'b');
    buf_adds(&big, "\"}");
    world_say(w, buf_cstr(&big));
    buf_free(&big);
    world_until(w, w->peer_ends == 1);
    world_until(w, w->state.link == LINK_UP && w->peer_opens == 2); /* and life goes on */
    assert_int_equal(w->nevents, 1);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_01_header_token_and_path),
        cmocka_unit_test(test_02_query_token),
        cmocka_unit_test(test_03_http_401),
        cmocka_unit_test(test_04_http_403),
        cmocka_unit_test(test_05_frame_1403_and_close_without_code),
        cmocka_unit_test(test_06_frame_1403_without_echo_and_close_1008),
        cmocka_unit_test(test_07_closed_at_once_three_times),
        cmocka_unit_test(test_07_closed_once_is_an_ordinary_failure),
        cmocka_unit_test(test_08_silence_is_stalled),
        cmocka_unit_test(test_09_ready_without_lifecycle),
        cmocka_unit_test(test_10_events_before_ready),
        cmocka_unit_test(test_11_backoff_grows),
        cmocka_unit_test(test_17_ping_and_reconnect),
        cmocka_unit_test(test_17_event_socket_needs_no_pong),
        cmocka_unit_test(test_18_account_offline_and_back),
        cmocka_unit_test(test_19_params_and_unique_echo),
        cmocka_unit_test(test_20_answers_in_reverse_order),
        cmocka_unit_test(test_21_late_and_22_unknown_echo),
        cmocka_unit_test(test_23_to_26_answers),
        cmocka_unit_test(test_27_event_between_request_and_response),
        cmocka_unit_test(test_28_unsupported_is_remembered),
        cmocka_unit_test(test_29_timeout_text_is_unknown),
        cmocka_unit_test(test_30_own_message_is_reported),
        cmocka_unit_test(test_31_lost_connection),
        cmocka_unit_test(test_32_message_ids),
        cmocka_unit_test(test_33_explicit_defaults),
        cmocka_unit_test(test_34_flag_and_54_request_kind),
        cmocka_unit_test(test_35_one_target_and_exact_ids),
        cmocka_unit_test(test_36_large_frames),
    };
    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
