/* test_satori_calls.c -- the way out of the Satori codec without a network: what answers mean (checklist satori 33-36), the queue of
 * each chat, and what becomes of messages when the login goes or the gateway stops. Requests go to a fake HTTP client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gateway/sat_out.h"
#include "web/http_client.h"

enum { CALLS = 64 };

struct world {
    uv_loop_t loop;
    struct clock clock;
    struct sat_hub hub;
    struct sat_login login;
    struct http_conf conf;
    struct sat g;
    struct {
        uint64_t id;
        char method[64], body[2048];
    } calls[CALLS];
    int ncalls;
    struct {
        uint64_t ticket;
        enum send_outcome outcome;
        char id[64], reason[256];
        int64_t retry_ms;
    } sent[CALLS];
    int nsent;
    struct gateway_response responses[CALLS];
    char reasons[CALLS][256];
    int nresponses;
};

static void world_ask(void *ud, uint64_t id, const struct http_request *r)
{
    struct world *w = ud;
    assert_true(w->ncalls < CALLS && r->again == 0);
    const char *method = strrchr(r->url, '/') + 1;
    w->calls[w->ncalls].id = id;
    snprintf(w->calls[w->ncalls].method, sizeof w->calls[0].method, "%s", method);
    snprintf(w->calls[w->ncalls].body, sizeof w->calls[0].body, "%.*s", (int)r->body_len, r->body);
    w->ncalls++;
}

static void world_sent(void *ud, struct gateway *g, uint64_t ticket, const struct send_result *r)
{
    struct world *w = ud;
    (void)g;
    w->sent[w->nsent].ticket = ticket;
    w->sent[w->nsent].outcome = r->outcome;
    w->sent[w->nsent].retry_ms = r->retry_ms;
    snprintf(w->sent[w->nsent].id, sizeof w->sent[0].id, "%s", r->message_id);
    snprintf(w->sent[w->nsent].reason, sizeof w->sent[0].reason, "%s", r->reason);
    w->nsent++;
}

static void world_response(void *ud, struct gateway *g, uint64_t ticket,
                           const struct gateway_response *r)
{
    struct world *w = ud;
    (void)g;
    (void)ticket;
    snprintf(w->reasons[w->nresponses], sizeof w->reasons[0], "%s", r->reason);
    w->responses[w->nresponses++] = *r;
}

static void world_nothing(void *ud)
{
    (void)ud;
}

static int setup(void **state)
{
    struct world *w = MEM_NEW(struct world);
    uv_loop_init(&w->loop);
    clock_init(&w->clock);
    w->conf = (struct http_conf){.requests = 8, .body_max = 1 << 20, .send_max = 1 << 20};
    struct http_client_opts opts = {.loop = &w->loop, .conf = &w->conf, .fake = world_ask, .ud = w};
    w->hub.env = (struct gateway_env){.loop = &w->loop, .clock = &w->clock};
    w->hub.base_url = mem_strdup("http://h/v1");
    w->hub.http = http_client_create(&opts);
    w->hub.state = SAT_READY;
    wake_init(&w->hub.wake, &w->loop, &w->clock, world_nothing, NULL);
    struct sat *g = &w->g;
    g->base.name = mem_strdup("qq1");
    g->env = w->hub.env;
    g->hub = &w->hub;
    g->login = &w->login;
    g->started = true;
    g->conf.catchup = 20;
    w->login.status = SAT_ONLINE;
    g->account = ACCOUNT_ONLINE;
    snprintf(g->platform, sizeof g->platform, "llonebot");
    snprintf(g->self_id, sizeof g->self_id, "10001");
    g->sink = (struct gateway_sink){.ud = w, .on_sent = world_sent, .on_response = world_response};
    gateway_sink_complete(&g->sink);
    gateway_meter_init(&g->meter, "qq1");
    sat_tables(g);
    sat_out_init(g);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    struct sat *g = &w->g;
    g->stopping = true;
    sat_out_stop(g);
    sat_out_free(g);
    http_client_destroy(w->hub.http, world_nothing, NULL);
    wake_close(&w->hub.wake, world_nothing);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    struct memo *const memos[] = {g->direct, g->peers, g->guilds, g->posts, g->refs};
    for (size_t i = 0; i < sizeof memos / sizeof memos[0]; i++)
        memo_free(memos[i]);
    seen_free(g->messages);
    seen_free(g->notices);
    seen_free(g->requests);
    free(g->base.name);
    free(w->hub.base_url);
    free(w);
    metrics_reset();
    return 0;
}

static bool say(struct world *w, const char *chat, const char *text, uint64_t ticket)
{
    struct out_segment s = {.type = SEGMENT_TEXT, .text = text, .text_len = strlen(text)};
    struct out_message m = {.chat = chat, .segments = &s, .nsegments = 1};
    return sat_send(&w->g.base, &m, ticket);
}

static void answer(struct world *w, int call, int status, const char *body)
{
    struct http_answer a = {
        .status = status, .written = true, .body = body, .body_len = strlen(body)};
    http_client_answer(w->hub.http, w->calls[call].id, &a);
}

static void lose(struct world *w, int call, const char *error, bool written)
{
    struct http_answer a = {.error = error, .written = written};
    http_client_answer(w->hub.http, w->calls[call].id, &a);
}

#define SENT(i, number, how)                         \
    do {                                             \
        assert_true(w->nsent > (i));                 \
        assert_int_equal(w->sent[i].ticket, number); \
        assert_int_equal(w->sent[i].outcome, how);   \
    } while (0)

/* ---- what answers mean ---- */

static void satori_33_to_36_results(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *text;
        enum sat_result result;
    } table[] = {
        {200, "", SAT_DONE},
        {204, "", SAT_DONE},
        {301, "", SAT_REFUSED},
        {400, "bad request", SAT_REFUSED},
        {401, "", SAT_NO_AUTH},
        {403, "invalid token", SAT_NO_AUTH},
        {403, "login not found", SAT_NO_LOGIN},
        {403, "Forbidden", SAT_NO_LOGIN},
        {403, "", SAT_NO_LOGIN},
        {403, "{\"message\":\"Missing Permissions\",\"code\":50013}", SAT_REFUSED},
        {404, "method not found", SAT_NO_METHOD},
        {404, "Not Found", SAT_NO_METHOD},
        {404, "", SAT_NO_METHOD},
        {404, "<html>404 not found</html>", SAT_NO_METHOD},
        {404, "login not found", SAT_NO_LOGIN},
        {404, "message not found", SAT_REFUSED},
        {404, "{\"message\":\"Unknown Message\"}", SAT_REFUSED},
        {405, "method not allowed", SAT_REFUSED},
        {429, "slow down", SAT_REFUSED},
        {500, "anything", SAT_BROKEN},
        {500, "bot.muteGuildMember is not a function", SAT_NO_METHOD},
        {501, "", SAT_NO_METHOD},
        {503, "", SAT_BROKEN},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (sat_http_result(table[i].status, table[i].text) != table[i].result)
            fail_msg("%d %s", table[i].status, table[i].text);
    assert_int_equal(sat_http_retry_ms("{\"retry_after\": 1.25, \"global\": false}"), 1250);
    assert_int_equal(sat_http_retry_ms("Too Many Requests: retry after 7"), 7000);
    assert_int_equal(sat_http_retry_ms("later"), 0);
    assert_true(sat_http_retry_ms("retry after 99999999999999999999") < 1000000000000);
}

static void outcomes(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *text;
        enum send_outcome outcome;
    } table[] = {
        {200, "", SEND_SENT},
        {500, "发送失败 {\"result\":120,\"errMsg\":\"x\"}", SEND_MUTED},
        {500, "{\"result\" : 121}", SEND_AT_ALL},
        {500, "{\"result\":299}", SEND_LIMITED},
        {500, "{\"result\":46}", SEND_RISK},
        {500, "{\"result\":110}", SEND_CLOSED},
        {500, "{\"result\":1200}", SEND_FAILED},
        {500, "Timeout: NTEvent sendMsg", SEND_UNKNOWN},
        {500, "你已被禁言", SEND_MUTED},
        {400, "{\"description\":\"Bad Request: not enough rights to send text messages\"}",
         SEND_MUTED},
        {500, "TypeError: x is undefined", SEND_FAILED},
        {500, "", SEND_UNKNOWN},
        {500, "<html>", SEND_UNKNOWN},
        {502, "bad gateway", SEND_UNKNOWN},
        {504, "gateway timeout", SEND_UNKNOWN},
        {429, "{\"retry_after\":2.5,\"global\":false}", SEND_CROWDED},
        {429, "{\"retry_after\":2.5,\"global\":true}", SEND_LIMITED},
        {429, "", SEND_LIMITED},
        {403, "{\"message\":\"Missing Access\"}", SEND_CLOSED},
        {404, "{\"message\":\"Unknown Channel\"}", SEND_CLOSED},
        {500, "channel c1 not found", SEND_CLOSED},
        {403, "Forbidden: bot was blocked by the user", SEND_CLOSED},
        {401, "", SEND_UNWRITTEN},
        {403, "login not found", SEND_UNWRITTEN},
        {404, "method not found", SEND_FAILED},
        {400, "content is empty", SEND_FAILED},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int64_t retry;
        struct sat_http_answer a = {.status = table[i].status, .text = table[i].text};
        a.result = sat_http_result(a.status, a.text);
        a.retry_ms = sat_http_retry_ms(a.text);
        if (sat_send_outcome(&a, &retry) != table[i].outcome)
            fail_msg("%d %s: %s", a.status, a.text,
                     send_outcome_name(sat_send_outcome(&a, &retry)));
    }
}

/* ---- the queues ---- */

static void one_after_the_other_in_a_chat(void **state)
{
    struct world *w = *state;
    assert_true(say(w, "1", "a", 11) && say(w, "1", "b", 12) && say(w, "2", "c", 13));
    assert_int_equal(w->ncalls, 2);
    assert_string_equal(w->calls[0].body, "{\"channel_id\":\"1\",\"content\":\"a\"}");
    assert_string_equal(w->calls[1].body, "{\"channel_id\":\"2\",\"content\":\"c\"}");
    answer(w, 1, 200, "[]");
    SENT(0, 13, SEND_SENT);
    assert_int_equal(w->ncalls, 2);
    answer(w, 0, 200, "[{\"id\":\"x\"},{\"id\":77}]");
    SENT(1, 11, SEND_SENT);
    assert_string_equal(w->sent[1].id, "77");
    assert_int_equal(w->ncalls, 3);
    answer(w, 2, 200, "{\"id\":\"y\"}");
    assert_string_equal(w->sent[2].id, "y");
    assert_int_equal(w->g.out->flying + w->g.out->nposts, 0);
}

static void not_more_than_some_at_once(void **state)
{
    struct world *w = *state;
    char chat[8];
    for (int i = 0; i < 20; i++) {
        snprintf(chat, sizeof chat, "%d", i);
        assert_true(say(w, chat, "x", (uint64_t)i));
    }
    assert_int_equal(w->ncalls, SAT_FLYING);
    for (int i = 0; i < 20; i++)
        answer(w, i, 200, "[]");
    assert_int_equal(w->nsent, 20);
}

/* Those behind a message that goes once more must not overtake it. */
static void what_is_refused_for_now_takes_the_rest_back(void **state)
{
    struct world *w = *state;
    say(w, "1", "a", 1);
    say(w, "1", "b", 2);
    answer(w, 0, 429, "{\"retry_after\":3}");
    SENT(0, 1, SEND_CROWDED);
    assert_true(w->sent[0].retry_ms >= clock_wall(&w->clock) + 2900);
    SENT(1, 2, SEND_UNWRITTEN);
    assert_true(say(w, "2", "c", 3));
    lose(w, 1, "no connection", false);
    SENT(2, 3, SEND_UNWRITTEN);
    assert_false(say(w, "2", "c", 3)); /* not at once */
    assert_int_equal(w->ncalls, 2);
}

static void satori_36_unknown(void **state)
{
    struct world *w = *state;
    say(w, "1", "a", 1);
    say(w, "1", "b", 2);
    lose(w, 0, "timeout", true);
    SENT(0, 1, SEND_UNKNOWN);
    assert_string_equal(w->sent[0].reason, "no answer in time");
    assert_int_equal(w->ncalls, 2); /* the next one, and not the same again */
    assert_non_null(strstr(w->calls[1].body, "\"b\""));
    lose(w, 1, "broken answer", true);
    SENT(1, 2, SEND_UNKNOWN);
}

static void a_login_that_goes_and_a_stop(void **state)
{
    struct world *w = *state;
    say(w, "1", "a", 1);
    say(w, "1", "b", 2);
    say(w, "@7", "c", 3);
    assert_string_equal(w->calls[1].method, "user.channel.create");
    sat_out_down(&w->g, "gone");
    assert_int_equal(w->nsent, 1); /* what is on its way may be answered yet */
    SENT(0, 2, SEND_UNWRITTEN);
    answer(w, 0, 200, "[]");
    SENT(1, 1, SEND_SENT);
    say(w, "4", "d", 4);
    sat_out_stop(&w->g);
    assert_int_equal(w->nsent, 4);
    for (int i = 2; i < 4; i++) { /* 3 had not got further than its channel */
        bool channel = w->sent[i].ticket == 3;
        assert_int_equal(w->sent[i].outcome, channel ? SEND_UNWRITTEN : SEND_UNKNOWN);
    }
    answer(w, 2, 200, "[]"); /* nobody hears it */
    assert_int_equal(w->nsent, 4);
}

static void satori_60_offline_takes_nothing(void **state)
{
    struct world *w = *state;
    w->g.account = ACCOUNT_OFFLINE;
    assert_false(say(w, "1", "a", 1));
    w->g.account = ACCOUNT_ONLINE;
    assert_true(say(w, "1", "a", 1));
}

static void private_channels(void **state)
{
    struct world *w = *state;
    say(w, "@7", "a", 1);
    answer(w, 0, 200, "{\"id\":\"private:7\",\"type\":1}");
    assert_string_equal(w->calls[1].body, "{\"channel_id\":\"private:7\",\"content\":\"a\"}");
    answer(w, 1, 500, "not a friend");
    SENT(0, 1, SEND_CLOSED);
    say(w, "@7", "a", 2); /* its channel is asked for again */
    assert_string_equal(w->calls[2].method, "user.channel.create");
    answer(w, 2, 200, "{}");
    SENT(1, 2, SEND_CLOSED);
    say(w, "@8", "a", 3);
    lose(w, 3, "timeout", true); /* of a read: it is asked again, later */
    assert_int_equal(w->nsent, 2);
}

static void refused_at_once(void **state)
{
    struct world *w = *state;
    struct out_segment s = {.type = SEGMENT_REPLY, .id = "1"};
    struct out_message m = {.chat = "1", .segments = &s, .nsegments = 1};
    assert_true(sat_send(&w->g.base, &m, 5));
    assert_int_equal(w->nsent, 0); /* never within the call */
    sat_out_flush(&w->g);
    SENT(0, 5, SEND_FAILED);
    assert_string_equal(w->sent[0].reason, "the message is empty");
    const struct gateway_request lacking[] = {
        {.action = ACTION_CARD, .chat = "1", .user = "2", .arg = "x"},
        {.action = ACTION_POKE, .chat = "1", .user = "2"},
        {.action = ACTION_NOTICE, .chat = "1", .text = "x"},
        {.action = ACTION_AT_ALL_QUOTA, .chat = "1"},
        {.action = ACTION_CARD_UPDATE, .chat = "1", .arg = "x", .text = "{}"},
        {.action = ACTION_KICK, .chat = "@1", .user = "2"},
        {.action = ACTION_MUTE, .chat = "1"},
        {.action = ACTION_RECALL, .chat = "1"},
        {.action = ACTION_ANSWER_REQUEST, .sub = "add"}};
    for (size_t i = 0; i < sizeof lacking / sizeof lacking[0]; i++) {
        assert_true(sat_call(&w->g.base, &lacking[i], i));
        sat_out_flush(&w->g);
        assert_int_equal(w->nresponses, i + 1);
        assert_true(!w->responses[i].ok && *w->reasons[i]);
    }
    assert_int_equal(w->ncalls, 0);
}

static void calls_and_their_ends(void **state)
{
    struct world *w = *state;
    const struct gateway_request kick = {.action = ACTION_KICK, .chat = "1", .user = "2"},
                                 ping = {.action = ACTION_PING};
    for (int i = 0; i < 3; i++)
        assert_true(sat_call(&w->g.base, &kick, 1));
    answer(w, 0, 200, "");
    assert_true(w->responses[0].ok);
    lose(w, 1, "timeout", true);
    assert_true(!w->responses[1].ok && w->responses[1].lost);
    lose(w, 2, "no connection", false);
    assert_true(!w->responses[2].ok && w->responses[2].unwritten);
    assert_true(sat_call(&w->g.base, &ping, 1));
    assert_string_equal(w->calls[3].body, "{}");
    answer(w, 3, 500, "whatever"); /* any answer is a sign of life */
    assert_true(w->responses[3].ok);
    assert_true(sat_caps(&w->g.base) & GATEWAY_KICK);
    assert_true(sat_call(&w->g.base, &kick, 1));
    answer(w, 4, 404, "method not found");
    assert_string_equal(w->reasons[4], "the gateway does not support this");
    assert_false(sat_caps(&w->g.base) & GATEWAY_KICK);
    sat_out_ready(&w->g); /* it may be another server now */
    assert_true(sat_caps(&w->g.base) & GATEWAY_KICK);
    assert_true(sat_call(&w->g.base, &kick, 1));
    sat_out_stop(&w->g);
    assert_true(w->responses[5].lost);
}

static void capabilities(void **state)
{
    struct world *w = *state;
    struct gateway_conf conf = {.catchup = 10};
    unsigned best = sat_caps_of(&conf);
    assert_true(best & GATEWAY_BUTTONS && best & GATEWAY_HISTORY);
    assert_int_equal(sat_caps(&w->g.base) & ~best, 0);
    assert_false(sat_caps(&w->g.base) & (GATEWAY_BUTTONS | GATEWAY_ECHO));
    w->login.features = (char *)(uintptr_t) "\nmessage.create\nmessage.delete\n";
    assert_true(sat_caps(&w->g.base) & GATEWAY_RECALL);
    assert_false(sat_caps(&w->g.base) &
                 (GATEWAY_KICK | GATEWAY_MUTE | GATEWAY_HISTORY | GATEWAY_DM));
    w->login.features = NULL;
    conf.login_platform = "qq";
    assert_false(sat_caps_of(&conf) & (GATEWAY_PROACTIVE | GATEWAY_UNMENTIONED));
    snprintf(w->g.platform, sizeof w->g.platform, "discord");
    assert_true(sat_caps(&w->g.base) & GATEWAY_BUTTONS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(satori_33_to_36_results),
        cmocka_unit_test(outcomes),
        TEST(one_after_the_other_in_a_chat),
        TEST(not_more_than_some_at_once),
        TEST(what_is_refused_for_now_takes_the_rest_back),
        TEST(satori_36_unknown),
        TEST(a_login_that_goes_and_a_stop),
        TEST(satori_60_offline_takes_nothing),
        TEST(private_channels),
        TEST(refused_at_once),
        TEST(calls_and_their_ends),
        TEST(capabilities),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
