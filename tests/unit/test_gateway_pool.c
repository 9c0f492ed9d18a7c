/* A pool of accounts over scripted members: what is told twice counts once, who serves, how ids go from one account to another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gateway/pool_internal.h"

enum { T0 = 1772416800 };

/* ---- members that do as they are told ---- */

struct fake {
    struct gateway base;
    struct gateway_sink sink;
    struct gateway_state state;
    char sent[256], quote[64], called[64], asked[64];
    int nsent;
};

static void fake_stop(struct gateway *g, void (*done)(void *ud), void *ud)
{
    free(g->name);
    free(g);
    done(ud);
}

static unsigned fake_caps(const struct gateway *g)
{
    (void)g;
    return GATEWAY_HISTORY | GATEWAY_DM;
}

static bool fake_send(struct gateway *g, const struct out_message *m, uint64_t ticket)
{
    struct fake *f = (struct fake *)g;
    (void)ticket;
    f->nsent++;
    *f->quote = '\0';
    for (int i = 0; i < m->nsegments; i++) {
        if (m->segments[i].type == SEGMENT_REPLY)
            snprintf(f->quote, sizeof f->quote, "%s", m->segments[i].id);
        else
            snprintf(f->sent, sizeof f->sent, "%s", m->segments[i].text);
    }
    return true;
}

static bool fake_call(struct gateway *g, const struct gateway_request *r, uint64_t ticket)
{
    (void)ticket;
    snprintf(((struct fake *)g)->called, 64, "%s", r->arg ? r->arg : "");
    return true;
}

static void fake_state(const struct gateway *g, struct gateway_state *out)
{
    *out = ((const struct fake *)g)->state;
}

static void fake_catch_up(struct gateway *g, const char *chat, int64_t since_ms)
{
    (void)since_ms;
    snprintf(((struct fake *)g)->asked, 64, "%s", chat);
}

static const struct gateway_ops fake_ops = {.type = "fake",
                                            .stop = fake_stop,
                                            .caps = fake_caps,
                                            .send = fake_send,
                                            .call = fake_call,
                                            .state = fake_state,
                                            .catch_up = fake_catch_up};

/* ---- the pool and its engine ---- */

struct ground {
    uv_loop_t loop;
    struct clock clock;
    struct gateway_env env;
    struct pool *p;
    struct fake *f[POOL_SLOTS];
    char key[64][96], id[64][64], reply[64][64], text[64][64];
    bool at_me[64];
    int nevents, nown, nrepeated, moved, absent;
    int64_t size;
    char own_id[64], result_id[64], kept[96], moved_to[32], regained[32], gap[32];
    enum send_outcome outcome;
};

static void ground_event(void *ud, struct gateway *g, struct event *e)
{
    struct ground *w = ud;
    (void)g;
    int i = w->nevents++ % 64;
    snprintf(w->key[i], sizeof w->key[i], "%s", e->key);
    snprintf(w->id[i], sizeof w->id[i], "%s", e->message_id);
    snprintf(w->reply[i], sizeof w->reply[i], "%s", e->reply_to);
    snprintf(w->text[i], sizeof w->text[i], "%s", e->text);
    w->at_me[i] = e->at_me;
    event_free(e);
}

static void ground_sent(void *ud, struct gateway *g, uint64_t ticket, const struct send_result *r)
{
    struct ground *w = ud;
    (void)g;
    (void)ticket;
    w->outcome = r->outcome;
    snprintf(w->result_id, sizeof w->result_id, "%s", r->message_id);
}

static void ground_own(void *ud, struct gateway *g, const struct event *e)
{
    struct ground *w = ud;
    (void)g;
    w->nown++;
    snprintf(w->own_id, sizeof w->own_id, "%s", e->message_id);
}

static void ground_state(void *ud, struct gateway *g, const char *reason)
{
    (void)ud;
    (void)g;
    (void)reason;
}

static void ground_chat(void *ud, struct gateway *g, const char *chat, const char *name, bool in)
{
    struct ground *w = ud;
    (void)g;
    (void)chat;
    (void)name;
    w->absent += !in;
}

static void ground_repeated(void *ud, struct gateway *g, const struct event *e)
{
    (void)g;
    (void)e;
    ((struct ground *)ud)->nrepeated++;
}

static void ground_gap(void *ud, struct gateway *g, const struct gateway_gap *r)
{
    (void)g;
    snprintf(((struct ground *)ud)->gap, 32, "%s %s", r->chat, r->complete ? "whole" : "not whole");
}

static void ground_moved(void *ud, const char *from, const char *to, int chats, bool away,
                         const char *reason)
{
    struct ground *w = ud;
    (void)from;
    (void)away;
    (void)reason;
    w->moved += chats;
    snprintf(w->moved_to, sizeof w->moved_to, "%s", to);
}

static void ground_keep(void *ud, const char *field, const char *value)
{
    snprintf(((struct ground *)ud)->kept, 96, "%s=%s", field, value ? value : "");
}

static void ground_regained(void *ud, const char *chat, int64_t since_ms)
{
    (void)since_ms;
    snprintf(((struct ground *)ud)->regained, 32, "%s", chat);
}

static void ground_pass(struct ground *w, int64_t ms)
{
    w->clock.mono_ms += ms;
    w->clock.wall_ms += ms;
    pool_members_tick(w->p);
    pool_wants(w->p);
}

static void ground_state_of(struct ground *w, int i, enum gateway_link link,
                            enum gateway_account account)
{
    w->f[i]->state.link = link;
    w->f[i]->state.account = account;
    w->f[i]->sink.on_state(w->f[i]->sink.ud, &w->f[i]->base, "test");
}

/* As pool_add, with a member of this file. */
static void ground_add(struct ground *w, int i, const char *name, const char *self)
{
    struct pool *p = w->p;
    struct pool_member *m = MEM_NEW(struct pool_member);
    struct fake *f = MEM_NEW(struct fake);
    f->base.ops = &fake_ops;
    f->base.name = mem_strdup(name);
    f->state = (struct gateway_state){.link = LINK_UP,
                                      .account = ACCOUNT_ONLINE,
                                      .self_id = self,
                                      .self_name = "",
                                      .impl = "",
                                      .account_reason = ""};
    m->pool = p;
    m->slot = m->rank = i;
    m->g = &f->base;
    pool_sink(m, &f->sink);
    p->slots[i] = p->order[i] = m;
    p->nmembers++;
    w->f[i] = f;
    ground_state_of(w, i, LINK_UP, ACCOUNT_ONLINE);
    f->sink.on_chat(f->sink.ud, &f->base, "7", "群", true);
}

static void ground_size(void *ud, struct gateway *g, const char *chat, int64_t members)
{
    struct ground *w = ud;
    (void)g;
    assert_string_equal(chat, "7");
    w->size = members;
}

static struct ground *ground_new(int members)
{
    static const char *const names[] = {"qq1", "qq2", "qq3"};
    static const char *const selves[] = {"2001", "2002", "2003"};
    struct ground *w = MEM_NEW(struct ground);
    log_init();
    log_set_level(LOG_LEVEL_ERROR);
    uv_loop_init(&w->loop);
    w->clock.wall_ms = (int64_t)T0 * 1000;
    w->clock.mono_ms = 1000000;
    w->env = (struct gateway_env){&w->loop, &w->clock, NULL};
    struct gateway_sink sink = {.ud = w,
                                .on_event = ground_event,
                                .on_sent = ground_sent,
                                .on_own_message = ground_own,
                                .on_state = ground_state,
                                .on_chat = ground_chat,
                                .on_size = ground_size,
                                .on_caught_up = ground_gap,
                                .on_repeated = ground_repeated};
    struct pool_watch watch = {
        .ud = w, .moved = ground_moved, .keep = ground_keep, .regained = ground_regained};
    w->p = (struct pool *)pool_new(&w->env, "pool", &sink, &watch, 60000);
    w->p->started = true;
    for (int i = 0; i < members; i++)
        ground_add(w, i, names[i], selves[i]);
    return w;
}

static void ground_free(struct ground *w)
{
    pool_ops.stop(&w->p->base, NULL, NULL);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    free(w);
    event_pool_free();
    metrics_reset();
}

static const char *number(int64_t n)
{
    static char text[4][24];
    static int next;
    char *out = text[next++ % 4];
    snprintf(out, 24, "%lld", (long long)n);
    return out;
}

struct words {
    const char *user, *text, *at, *quote;
    int64_t id, seq, time;
    bool history;
};

static void say(struct ground *w, int i, struct words s)
{
    struct event *e = event_new(EVENT_MESSAGE, 0);
    struct segment *list = event_room(e, 3 * sizeof *list);
    int n = 0;
    e->chat = "7";
    e->user = e->name = s.user ? s.user : "3001";
    e->message_id = event_string(e, number(s.id), strlen(number(s.id)));
    e->key = e->message_id;
    e->text = s.text;
    e->seq = s.seq;
    e->time_ms = (T0 + s.time) * 1000LL;
    e->history = s.history;
    if (s.quote)
        list[n++] = (struct segment){SEGMENT_REPLY, "reply", s.quote, ""};
    if (s.at)
        list[n++] = (struct segment){SEGMENT_AT, "at", s.at, ""};
    list[n++] = (struct segment){SEGMENT_TEXT, "text", "", s.text};
    e->reply_to = s.quote ? s.quote : "";
    e->segments = list;
    e->nsegments = n;
    w->f[i]->sink.on_event(w->f[i]->sink.ud, &w->f[i]->base, e);
}

static void notice(struct ground *w, int i, enum event_type type, const char *user, int64_t time,
                   int64_t id)
{
    struct event *e = event_new(type, 0);
    e->chat = "7";
    e->user = user;
    e->time_ms = (T0 + time) * 1000LL;
    e->message_id = id ? event_string(e, number(id), strlen(number(id))) : "";
    e->key = event_string(e, number(time), strlen(number(time)));
    w->f[i]->sink.on_event(w->f[i]->sink.ud, &w->f[i]->base, e);
}

#define SAY(w, i, ...) say(w, i, (struct words){__VA_ARGS__})

static bool out(struct ground *w, const char *text, const char *quote, uint64_t ticket)
{
    struct out_segment s[2] = {
        {.type = SEGMENT_REPLY, .id = quote, .text = ""},
        {.type = SEGMENT_TEXT, .id = "", .text = text, .text_len = strlen(text)}};
    struct out_message m = {.chat = "7", .segments = quote ? s : s + 1, .nsegments = quote ? 2 : 1};
    return pool_ops.send(&w->p->base, &m, ticket);
}

static void result(struct ground *w, int i, uint64_t ticket, enum send_outcome outcome,
                   const char *id)
{
    struct send_result r = {.outcome = outcome, .message_id = id, .reason = ""};
    w->f[i]->sink.on_sent(w->f[i]->sink.ud, &w->f[i]->base, ticket, &r);
}

/* ---- what counts once ---- */

static void test_the_same_number_is_the_same_message(void **state)
{
    (void)state;
    struct ground *w = ground_new(2);
    SAY(w, 0, .text = "签到", .id = 11, .seq = 500, .time = 0);
    SAY(w, 1, .text = "签到", .id = 99, .seq = 500, .time = 1);
    SAY(w, 1, .text = "签到", .id = 98, .seq = 501, .time = 1);
    SAY(w, 0, .text = "签到", .id = 12, .seq = 501, .time = 0);
    assert_int_equal(w->nevents, 2);
    assert_string_equal(w->key[0], "q500");
    assert_string_equal(w->key[1], "q501");
    assert_string_equal(w->id[0], "qq1:11");
    assert_string_equal(w->id[1], "qq2:98");
    ground_free(w);
}

static void test_without_numbers_content_and_count_tell(void **state)
{
    (void)state;
    struct ground *w = ground_new(2);
    for (int i = 0; i < 3;
         i++) /* three times the same in one second, told by one account after the other */
        SAY(w, 0, .text = "1", .id = 10 + i, .time = 0);
    for (int i = 0; i < 3; i++)
        SAY(w, 1, .text = " 1", .id = 90 + i, .time = 1);
    assert_int_equal(w->nevents, 3);
    SAY(w, 1, .text = "1", .id = 95, .time = 1); /* a fourth, which only the spare hears */
    assert_int_equal(w->nevents, 4);
    SAY(w, 1, .text = "2", .id = 96, .time = 1);
    SAY(w, 1, .user = "3002", .text = "1", .id = 97, .time = 1);
    assert_int_equal(w->nevents, 6);
    assert_string_equal(w->kept, "identity=content");
    assert_int_equal(w->nrepeated,
                     3); /* other times, other keys: those must not count later either */
    ground_free(w);
}

static void test_keys_do_not_depend_on_who_was_first(void **state)
{
    (void)state;
    char keys[2][3][96];
    for (int first = 0; first < 2; first++) {
        struct ground *w = ground_new(2);
        SAY(w, first, .text = "同", .id = 1, .time = 5);
        SAY(w, first, .text = "同", .id = 2, .time = 5);
        SAY(w, 1 - first, .text = "同", .id = 71, .time = 5);
        SAY(w, 1 - first, .text = "同", .id = 72, .time = 5);
        SAY(w, 1 - first, .text = "异", .id = 73, .time = 6);
        assert_int_equal(w->nevents, 3);
        memcpy(keys[first], w->key, sizeof keys[first]);
        ground_free(w);
    }
    assert_memory_equal(keys[0][0], keys[1][0], strlen(keys[0][0]) + 1);
    assert_memory_equal(keys[0][1], keys[1][1], strlen(keys[0][1]) + 1);
    assert_memory_equal(keys[0][2], keys[1][2], strlen(keys[0][2]) + 1);
    assert_string_not_equal(keys[0][0], keys[0][1]);
}

static void test_a_history_read_again_adds_nothing(void **state)
{
    (void)state;
    struct ground *w = ground_new(2);
    SAY(w, 0, .text = "同", .id = 1, .time = 5);
    SAY(w, 0, .text = "同", .id = 2, .time = 5);
    for (int round = 0; round < 2;
         round++) { /* the implementation gives other ids after its restart */
        for (int i = 0; i < 3; i++)
            SAY(w, 0, .text = "同", .id = 100 * round + 50 + i, .time = 5, .history = true);
        w->p->batch++;
    }
    assert_int_equal(w->nevents, 3); /* the third was missed */
    ground_free(w);
}

static void test_a_member_who_repeats_while_one_account_misses_some(void **state)
{
    (void)state;
    struct ground *w = ground_new(2);
    SAY(w, 0, .text = "1", .id = 1, .time = 0);
    SAY(w, 0, .text = "1", .id = 2, .time = 10);
    SAY(w, 1, .text = "1", .id = 72, .time = 10); /* the spare missed the first */
    ground_state_of(w, 0, LINK_DOWN, ACCOUNT_UNKNOWN);
    SAY(w, 1, .text = "1", .id = 73, .time = 20);
    assert_int_equal(w->nevents, 3);
    ground_free(w);
}

static void test_notices_count_once(void **state)
{
    (void)state;
    struct ground *w = ground_new(2);
    notice(w, 0, EVENT_JOIN, "3009", 0, 0);
    notice(w, 1, EVENT_JOIN, "3009", 4, 0);
    notice(w, 0, EVENT_POKE, "3001", 10, 0);
    notice(w, 1, EVENT_POKE, "3001", 50, 0); /* late: NapCat stamps it when it gets to it */
    notice(w, 0, EVENT_POKE, "3001", 51, 0);
    notice(w, 1, EVENT_POKE, "3001", 52, 0);
    assert_int_equal(w->nevents, 3);
    SAY(w, 0, .text = "x", .id = 1, .seq = 9);
    SAY(w, 1, .text = "x", .id = 71, .seq = 9);
    SAY(w, 0, .text = "x", .id = 2, .seq = 10);
    SAY(w, 1, .text = "x", .id = 72, .seq = 10);
    notice(w, 1, EVENT_RECALL, "3001", 60,
           72); /* the second: by the other account's id, then by its own */
    notice(w, 0, EVENT_RECALL, "3001", 61, 2);
    notice(w, 0, EVENT_RECALL, "3001", 61, 1);
    assert_int_equal(w->nevents, 7);
    assert_string_equal(w->id[5], "qq1:2"); /* as scripts know it */
    assert_string_equal(w->id[6], "qq1:1");
    ground_free(w);
}

static void test_what_was_shed_is_new_again(void **state)
{
    (void)state;
    struct ground *w = ground_new(2);
    SAY(w, 0, .text = "x", .id = 1, .seq = 9);
    struct event *e = event_new(EVENT_MESSAGE, 0);
    e->chat = "7";
    e->message_id = "qq1:1";
    pool_ops.unsee(&w->p->base, e);
    event_free(e);
    SAY(w, 1, .text = "x", .id = 71, .seq = 9);
    SAY(w, 0, .text = "x", .id = 1, .seq = 9);
    assert_int_equal(w->nevents, 2);
    assert_string_equal(w->key[1], w->key[0]);
    ground_free(w);
}

static void test_the_table_is_bounded(void **state)
{
    (void)state;
    struct pool_seen *s = pool_seen_new(1024);
    for (int64_t i = 1; i <= 5000; i++) {
        struct pool_fact f = {
            .chat = 1, .what = hash_mix((uint64_t)i), .seq = i, .id = i, .time_s = i};
        assert_null(pool_seen_match(s, &f, i * 10));
        pool_seen_add(s, &f, 0, i * 10);
    }
    assert_int_equal(pool_seen_count(s), 1024);
    assert_null(pool_seen_by_id(s, 1, 0, 3976));
    assert_int_equal(pool_seen_by_id(s, 1, 0, 3977)->seq, 3977);
    pool_seen_clear_slot(s, 0);
    assert_null(pool_seen_by_id(s, 1, 0, 5000));
    pool_seen_free(s);
}

/* ---- our own accounts ---- */

static void test_our_accounts_are_no_members(void **state)
{
    (void)state;
    struct ground *w = ground_new(2);
    assert_true(out(w, "你好", NULL, 1));
    SAY(w, 1, .user = "2001", .text = "你好", .id = 71,
        .time = 0); /* before the answer to the send */
    assert_int_equal(w->nown, 1);
    result(w, 0, 1, SEND_SENT, "41");
    assert_string_equal(w->result_id, "qq1:41");
    assert_true(out(w, "你好", NULL, 2));
    result(w, 0, 2, SEND_SENT, "42");
    SAY(w, 1, .user = "2001", .text = "你好", .id = 72,
        .time = 1); /* acknowledged already: settles nothing else */
    assert_int_equal(w->nown, 1);
    assert_true(out(w, "你好", NULL, 3));
    result(w, 0, 3, SEND_UNKNOWN, "");
    SAY(w, 1, .user = "2001", .text = "你好", .id = 73, .time = 2);
    assert_int_equal(w->nown, 2);
    notice(w, 1, EVENT_JOIN, "2001", 3, 0);
    notice(w, 1, EVENT_POKE, "2001", 3, 0);
    assert_int_equal(w->nevents, 0);
    ground_free(w);
}

static void test_ids_go_from_one_account_to_another(void **state)
{
    (void)state;
    struct ground *w = ground_new(2);
    SAY(w, 1, .text = "问", .id = 71, .seq = 5);
    SAY(w, 0, .text = "问", .id = 11, .seq = 5);
    assert_true(out(w, "答", w->id[0], 1)); /* known as qq2:71, sent by qq1 */
    assert_string_equal(w->f[0]->quote, "11");
    result(w, 0, 1, SEND_SENT, "12");
    SAY(w, 1, .user = "2001", .text = "答", .id = 72, .seq = 6);
    SAY(w, 1, .text = "谢谢", .quote = "72", .id = 73, .seq = 7);
    assert_string_equal(w->reply[1], "qq1:12");
    SAY(w, 1, .text = "早先", .id = 74, .seq = 8);
    assert_true(out(w, "答", "qq2:74", 2)); /* qq1 has not heard it: no quotation */
    assert_string_equal(w->f[0]->quote, "");
    struct gateway_request r = {.action = ACTION_RECALL, .chat = "7", .arg = "qq2:71"};
    assert_true(pool_ops.call(&w->p->base, &r, 9));
    assert_string_equal(w->f[1]->called, "71");
    ground_state_of(w, 1, LINK_DOWN, ACCOUNT_UNKNOWN);
    assert_true(pool_ops.call(&w->p->base, &r, 10));
    assert_string_equal(w->f[0]->called, "11");
    r.arg = "qq2:74";
    assert_false(pool_ops.call(&w->p->base, &r, 11));
    ground_free(w);
}

static void test_a_mention_of_any_account_is_one_of_us(void **state)
{
    (void)state;
    struct ground *w = ground_new(2);
    SAY(w, 0, .at = "2002", .text = " 规则", .id = 1, .seq = 1);
    assert_true(w->at_me[0]);
    assert_string_equal(w->text[0], "规则");
    SAY(w, 0, .at = "3007", .text = " 规则", .id = 2, .seq = 2);
    assert_false(w->at_me[1]);
    ground_free(w);
}

/* ---- who serves ---- */

static const char *server(struct ground *w)
{
    return pool_ops.account_of(&w->p->base, "7");
}

static void test_take_over_and_hand_back(void **state)
{
    (void)state;
    struct ground *w = ground_new(3);
    assert_string_equal(server(w), "qq1");
    ground_state_of(w, 0, LINK_UP, ACCOUNT_OFFLINE);
    assert_string_equal(server(w), "qq2");
    assert_int_equal(w->moved, 1);
    ground_state_of(w, 0, LINK_UP, ACCOUNT_ONLINE);
    ground_pass(w, 59000);
    assert_string_equal(server(w), "qq2"); /* it may go again */
    ground_state_of(w, 0, LINK_DOWN, ACCOUNT_UNKNOWN);
    ground_state_of(w, 0, LINK_UP, ACCOUNT_ONLINE);
    ground_pass(w, 59000);
    assert_string_equal(server(w), "qq2");
    ground_pass(w, 1001);
    assert_string_equal(server(w), "qq1");
    /* all of them went and came: the one that is well for the longest time, until the order counts again */
    ground_state_of(w, 0, LINK_DOWN, ACCOUNT_UNKNOWN);
    ground_state_of(w, 1, LINK_DOWN, ACCOUNT_UNKNOWN);
    ground_state_of(w, 2, LINK_DOWN, ACCOUNT_UNKNOWN);
    assert_false(out(w, "x", NULL, 1));
    ground_state_of(w, 2, LINK_UP, ACCOUNT_ONLINE);
    ground_pass(w, 1000);
    ground_state_of(w, 0, LINK_UP, ACCOUNT_ONLINE);
    assert_string_equal(server(w), "qq3");
    ground_pass(w, 61000);
    assert_string_equal(server(w), "qq1");
    ground_free(w);
}

static void test_deaf_held_and_muted_accounts(void **state)
{
    (void)state;
    struct ground *w = ground_new(2);
    for (int i = 0; i < 3; i++) {
        SAY(w, 1, .text = "有人吗", .id = 70 + i, .seq = 70 + i, .time = i);
        ground_pass(w, 2000);
    }
    assert_string_equal(server(w), "qq2");
    SAY(w, 0, .text = "有人吗", .id = 10, .seq = 70, .time = 0); /* it was only slow */
    assert_string_equal(server(w), "qq2");
    ground_pass(w, 61000);
    assert_string_equal(server(w), "qq1");
    pool_calm(&w->p->base, "qq1", true, "test");
    assert_string_equal(server(w), "qq2");
    pool_calm(&w->p->base, "qq1", false, "test");
    ground_pass(w, 61000);
    assert_string_equal(server(w), "qq1");
    assert_true(out(w, "x", NULL, 5));
    result(w, 0, 5, SEND_MUTED, "");
    assert_int_equal(w->outcome, SEND_UNWRITTEN); /* the other one can */
    assert_string_equal(server(w), "qq2");
    ground_pass(w, POOL_MUTE_MS + 1);
    assert_string_equal(server(w), "qq1");
    ground_free(w);
}

static void test_removed_from_a_group(void **state)
{
    (void)state;
    struct ground *w = ground_new(2);
    SAY(w, 0, .text = "x", .id = 1, .seq = 1);
    struct event *e = event_new(EVENT_LEAVE, 0);
    e->chat = "7";
    e->user = "2001";
    e->sub = "kick";
    e->time_ms = T0 * 1000LL;
    w->f[1]->sink.on_event(w->f[1]->sink.ud, &w->f[1]->base, e); /* the other one sees it */
    assert_string_equal(server(w), "qq2");
    assert_int_equal(w->nevents, 1);
    w->f[1]->sink.on_size(w->f[1]->sink.ud, &w->f[1]->base, "7", 100);
    assert_int_equal(w->size, 100); /* the other account is out */
    w->f[0]->sink.on_chat(w->f[0]->sink.ud, &w->f[0]->base, "7", "", true);
    w->f[1]->sink.on_size(w->f[1]->sink.ud, &w->f[1]->base, "7", 101);
    assert_int_equal(w->size, 100); /* it is in again, and no member */
    w->f[0]->sink.on_chat(w->f[0]->sink.ud, &w->f[0]->base, "7", "", false);
    assert_int_equal(w->absent, 0); /* the group is still ours */
    w->f[1]->sink.on_chat(w->f[1]->sink.ud, &w->f[1]->base, "7", "", false);
    assert_int_equal(w->absent, 1);
    w->f[1]->sink.on_chat(w->f[1]->sink.ud, &w->f[1]->base, "7", "", true);
    assert_string_equal(w->regained, "7");
    ground_free(w);
}

static void test_pins(void **state)
{
    (void)state;
    struct ground *w = ground_new(2);
    assert_int_equal(pool_pin(&w->p->base, "7", "qq9", false), POOL_NO_MEMBER);
    assert_int_equal(pool_pin(&w->p->base, "8", "qq2", false), POOL_NOT_IN);
    assert_int_equal(pool_pin(&w->p->base, "7", "qq2", false), POOL_SWAPPED);
    assert_string_equal(w->kept, "chat:7=qq2");
    assert_string_equal(server(w), "qq2");
    ground_state_of(w, 1, LINK_DOWN, ACCOUNT_UNKNOWN);
    assert_string_equal(server(w), "qq1");
    ground_state_of(w, 1, LINK_UP, ACCOUNT_ONLINE);
    assert_string_equal(server(w), "qq2");
    pool_pin(&w->p->base, "7", NULL, false);
    assert_string_equal(w->kept, "chat:7=");
    assert_string_equal(server(w), "qq1");
    ground_free(w);
}

static void test_friends_of_one_account_only(void **state)
{
    (void)state;
    struct ground *w = ground_new(2);
    struct out_segment s = {.type = SEGMENT_TEXT, .id = "", .text = "hi", .text_len = 2};
    struct out_message m = {.chat = "@3001", .segments = &s, .nsegments = 1};
    assert_true(pool_ops.send(&w->p->base, &m, 1));
    assert_int_equal(w->f[0]->nsent, 1);
    result(w, 0, 1, SEND_FAILED, "");
    assert_int_equal(w->outcome, SEND_UNWRITTEN);
    assert_true(pool_ops.send(&w->p->base, &m, 1));
    assert_int_equal(w->f[1]->nsent, 1);
    result(w, 1, 1, SEND_FAILED, "");
    assert_int_equal(w->outcome, SEND_FAILED); /* nobody reaches them */
    ground_free(w);
}

static void test_histories_are_read_by_whoever_can(void **state)
{
    (void)state;
    struct ground *w = ground_new(2);
    pool_ops.catch_up(&w->p->base, "7", 1);
    assert_string_equal(w->f[0]->asked, "7");
    ground_state_of(w, 0, LINK_DOWN, ACCOUNT_UNKNOWN); /* before it has answered */
    assert_string_equal(w->f[1]->asked, "7");
    struct gateway_gap gap = {.chat = "7", .complete = true};
    w->f[0]->sink.on_caught_up(w->f[0]->sink.ud, &w->f[0]->base,
                               &gap); /* nobody waits for that any more */
    assert_string_equal(w->gap, "");
    w->f[1]->sink.on_caught_up(w->f[1]->sink.ud, &w->f[1]->base, &gap);
    assert_string_equal(w->gap, "7 whole");
    ground_state_of(w, 1, LINK_DOWN, ACCOUNT_UNKNOWN);
    pool_ops.catch_up(&w->p->base, "7", 1);
    ground_pass(w, POOL_WANT_MS);
    assert_string_equal(w->gap, "7 not whole");
    ground_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_number_is_the_same_message),
        cmocka_unit_test(test_without_numbers_content_and_count_tell),
        cmocka_unit_test(test_keys_do_not_depend_on_who_was_first),
        cmocka_unit_test(test_a_history_read_again_adds_nothing),
        cmocka_unit_test(test_a_member_who_repeats_while_one_account_misses_some),
        cmocka_unit_test(test_notices_count_once),
        cmocka_unit_test(test_what_was_shed_is_new_again),
        cmocka_unit_test(test_the_table_is_bounded),
        cmocka_unit_test(test_our_accounts_are_no_members),
        cmocka_unit_test(test_ids_go_from_one_account_to_another),
        cmocka_unit_test(test_a_mention_of_any_account_is_one_of_us),
        cmocka_unit_test(test_take_over_and_hand_back),
        cmocka_unit_test(test_deaf_held_and_muted_accounts),
        cmocka_unit_test(test_removed_from_a_group),
        cmocka_unit_test(test_pins),
        cmocka_unit_test(test_friends_of_one_account_only),
        cmocka_unit_test(test_histories_are_read_by_whoever_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
