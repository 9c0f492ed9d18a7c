/* test_playground.c -- the gateway without a platform. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "gateway/playground.h"

struct world {
    uv_loop_t loop;
    struct clock clock;
    struct gateway *g;
    struct event *events[32];
    int nevents, nsent, nresponses, nchats;
    char shown[256], shown_chat[64], action[128], sent_id[64], first_id[64];
    enum send_outcome outcome;
    size_t nmembers;
    int64_t size;
    bool gone;
};

static void on_event(void *ud, struct gateway *g, struct event *e)
{
    struct world *w = ud;
    (void)g;
    w->events[w->nevents++] = e;
}
static void on_sent(void *ud, struct gateway *g, uint64_t ticket, const struct send_result *r)
{
    struct world *w = ud;
    (void)g;
    (void)ticket;
    w->nsent++;
    w->outcome = r->outcome;
    snprintf(w->sent_id, sizeof w->sent_id, "%s", r->message_id);
}
static void on_own(void *ud, struct gateway *g, const struct event *e)
{
    (void)ud;
    (void)g;
    (void)e;
}
static void on_response(void *ud, struct gateway *g, uint64_t ticket,
                        const struct gateway_response *r)
{
    struct world *w = ud;
    (void)g;
    (void)ticket;
    w->nresponses++;
    w->nmembers = r->nmembers;
}
static void on_state(void *ud, struct gateway *g, const char *reason)
{
    (void)ud;
    (void)g;
    (void)reason;
}
static void on_chat(void *ud, struct gateway *g, const char *chat, const char *name, bool present)
{
    struct world *w = ud;
    (void)g;
    (void)chat;
    (void)name;
    w->nchats += present;
}
static void on_size(void *ud, struct gateway *g, const char *chat, int64_t members)
{
    struct world *w = ud;
    (void)g;
    (void)chat;
    w->size = members;
}
static void on_message(void *ud, const struct playground_message *m)
{
    struct world *w = ud;
    snprintf(w->shown, sizeof w->shown, "%s", m->text);
    snprintf(w->shown_chat, sizeof w->shown_chat, "%s", m->chat_name);
}
static void on_action(void *ud, const char *chat, const char *text)
{
    struct world *w = ud;
    snprintf(w->action, sizeof w->action, "%s: %s", chat, text);
}

static int setup(void **state)
{
    struct world *w = MEM_NEW(struct world);
    struct buf err = {0};
    uv_loop_init(&w->loop);
    clock_init_virtual(&w->clock, 1767225600000);
    struct gateway_env env = {&w->loop, &w->clock, NULL};
    struct gateway_conf conf = {.name = "playground", .type = "playground"};
    struct gateway_sink sink = {.ud = w,
                                .on_event = on_event,
                                .on_sent = on_sent,
                                .on_own_message = on_own,
                                .on_response = on_response,
                                .on_state = on_state,
                                .on_chat = on_chat,
                                .on_size = on_size};
    gateway_sink_complete(&sink);
    w->g = playground_ops.create(&env, &conf, &sink, &err);
    assert_non_null(w->g);
    struct playground_watch watch = {w, on_message, on_action};
    playground_set_watch(w->g, &watch);
    playground_set_self_name(w->g, "小福");
    w->g->ops->start(w->g);
    *state = w;
    return 0;
}

static void gone(void *ud)
{
    *(bool *)ud = true;
}

static int teardown(void **state)
{
    struct world *w = *state;
    w->g->ops->stop(w->g, gone, &w->gone);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_true(w->gone);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    for (int i = 0; i < w->nevents; i++)
        event_free(w->events[i]);
    free(w);
    event_pool_free();
    return 0;
}

static void test_speaking(void **state)
{
    struct world *w = *state;
    assert_int_equal(w->nchats, 1);
    const char *id = playground_say(w->g, "demo", "小美", "@小福 打卡");
    const struct event *e = w->events[0];
    assert_int_equal(e->type, EVENT_MESSAGE);
    assert_string_equal(e->chat, "demo");
    assert_string_equal(e->name, "小美");
    assert_string_equal(e->text, "打卡");
    assert_string_equal(e->message_id, id);
    assert_true(e->at_me && !e->private_chat);
    assert_int_equal(e->time_ms, 1767225600000);
    assert_string_equal(e->user, playground_user(w->g, "小美"));
    char key[64];
    snprintf(key, sizeof key, "m%s", id);
    assert_string_equal(e->key, key);
    playground_say(w->g, "demo", "小王", "谢谢 @小美! @nobody");
    e = w->events[1];
    assert_true(e->at_other && !e->at_me);
    assert_int_equal(e->nsegments, 3);
    assert_string_equal(e->text, "谢谢 @小美! @nobody");
    playground_say(w->g, playground_private(w->g, "小王"), "小王", "hi");
    e = w->events[2];
    assert_true(e->private_chat && e->at_me);
    assert_string_not_equal(w->events[0]->key, w->events[1]->key);
}

static void test_other_happenings(void **state)
{
    struct world *w = *state;
    playground_join(w->g, "demo", "小王", "小美");
    assert_int_equal(w->size, 1);
    playground_leave(w->g, "demo", "小王", NULL);
    assert_int_equal(w->size, 0);
    playground_poke(w->g, "demo", "小美", NULL);
    playground_image(w->g, "demo", "小美", "看");
    playground_reply(w->g, "demo", "小美", "77", "嗯");
    playground_recall(w->g, "demo", "小美", "77");
    playground_request(w->g, "demo", "老李", "让我进群");
    static const enum event_type types[] = {EVENT_JOIN,    EVENT_LEAVE,   EVENT_POKE,
                                            EVENT_MESSAGE, EVENT_MESSAGE, EVENT_RECALL,
                                            EVENT_REQUEST};
    assert_int_equal(w->nevents, 7);
    for (int i = 0; i < 7; i++)
        assert_int_equal(w->events[i]->type, types[i]);
    assert_string_equal(w->events[0]->operator_id, playground_user(w->g, "小美"));
    assert_true(w->events[2]->at_me);
    assert_string_equal(w->events[3]->text, "看[image]");
    assert_string_equal(w->events[4]->reply_to, "77");
    assert_string_equal(w->events[6]->text, "让我进群");
}

static bool say(struct world *w, uint64_t ticket)
{
    struct out_segment s[] = {
        {.type = SEGMENT_AT, .id = playground_user(w->g, "小美")},
        {.type = SEGMENT_TEXT, .text = "第 1 天", .text_len = strlen("第 1 天")}};
    struct out_message m = {.chat = "demo", .segments = s, .nsegments = 2};
    return w->g->ops->send(w->g, &m, ticket);
}

static void test_sends_are_acknowledged_later(void **state)
{
    struct world *w = *state;
    assert_true(say(w, 1));
    assert_string_equal(w->shown, "@小美 第 1 天");
    assert_string_equal(w->shown_chat, "演示群");
    assert_int_equal(w->nsent, 0);
    w->g->ops->flush(w->g);
    assert_int_equal(w->nsent, 1);
    assert_int_equal(w->outcome, SEND_SENT);
    assert_string_not_equal(w->sent_id, "");
    assert_true(say(w, 2));
    uv_run(&w->loop, UV_RUN_DEFAULT); /* without a flush: the next loop turn */
    assert_int_equal(w->nsent, 2);
    playground_fail_sends(w->g, SEND_MUTED, "muted", 1);
    w->shown[0] = '\0';
    assert_true(say(w, 3));
    w->g->ops->flush(w->g);
    assert_int_equal(w->outcome, SEND_MUTED);
    assert_string_equal(w->shown, "");
    playground_set_state(w->g, LINK_DOWN, ACCOUNT_UNKNOWN);
    assert_false(say(w, 4));
}

static void test_actions(void **state)
{
    struct world *w = *state;
    playground_say(w->g, "demo", "小美", "hi");
    playground_say(w->g, "demo", "小王", "hi");
    struct gateway_request r = {.action = ACTION_MEMBERS, .chat = "demo"};
    w->g->ops->call(w->g, &r, 1);
    w->g->ops->flush(w->g);
    assert_int_equal(w->nmembers, 2);
    r = (struct gateway_request){
        .action = ACTION_KICK, .chat = "demo", .user = playground_user(w->g, "小王")};
    w->g->ops->call(w->g, &r, 2);
    assert_string_equal(w->action, "demo: removes 小王");
    assert_int_equal(w->events[2]->type, EVENT_LEAVE);
    assert_string_equal(w->events[2]->sub, "kick");
    w->g->ops->flush(w->g);
    assert_int_equal(w->nresponses, 2);
}

static void test_ids_are_the_same_in_every_run(void **state)
{
    struct world *w = *state;
    char id[32];
    snprintf(id, sizeof id, "%s", playground_user(w->g, "小美"));
    assert_string_equal(playground_name(w->g, id), "小美");
    assert_string_equal(playground_name(w->g, "5"), "5");
    assert_string_equal(playground_user(w->g, "小福"), "10000");
    assert_string_equal(
        id, "993675539"); /* a data directory that outlives the process keeps its people */
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_speaking),
        T(test_other_happenings),
        T(test_sends_are_acknowledged_later),
        T(test_actions),
        T(test_ids_are_the_same_in_every_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
