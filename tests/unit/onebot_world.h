/* onebot_world.h -- for the tests of the OneBot codec: a gateway and, on the loopback, a scripted implementation in the same
 * process. The peer answers the start-up questions as told, keeps what it is sent, and says what the test wants. */
#ifndef TESTS_UNIT_ONEBOT_WORLD_H
#define TESTS_UNIT_ONEBOT_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "gateway/ob.h"

enum { WORLD_EVENTS = 256, WORLD_RESULTS = 1024 };

struct world_result {
    uint64_t ticket;
    enum send_outcome outcome;
    char id[64], reason[256];
};
struct world_response {
    uint64_t ticket;
    bool ok;
    char reason[256];
    int64_t number;
    size_t nmembers;
    char first_user[64], first_name[64];
};

struct world {
    uv_loop_t loop;
    struct clock clock;
    struct transport *transport;
    struct gateway *g;
    struct gateway_conf conf;
    /* the implementation */
    struct listener *listener;
    struct conn *peer;
    int peer_opens, peer_ends, upgrades;
    unsigned peer_code; /* how we closed */
    int refuse;         /* HTTP status for upgrades, 0 = accept */
    bool mute_peer;     /* answers nothing by itself */
    const char *app_name, *login;
    const char *on_open; /* a frame sent right after opening */
    int close_on_open;   /* close code then, 0 = stay */
    char path[128], authorization[128], token[128], protocol[32];
    char *frames[WORLD_RESULTS]; /* actions other than the start-up questions */
    int nframes, asked_groups, asked_requests, asked_status, asked_login;
    const char *groups, *requests; /* data of the lists; NULL: empty */
    /* the engine */
    struct event *events[WORLD_EVENTS];
    int nevents, nown, nstates, nchats_in, nchats_out;
    int ngaps, gap_messages, nrepeated;
    bool gap_complete;
    char gap_why[100], repeated_key[128];
    char own_text[256], own_id[64], last_chat[64], last_chat_name[64];
    char sizes[128]; /* "chat=members " for each that was told */
    struct world_result results[WORLD_RESULTS];
    int nresults;
    struct world_response responses[64];
    int nresponses;
    struct gateway_state state;
    bool gone, transport_gone;
    int64_t opened_at[16];
};

static inline void world_turn(struct world *w);

#include "world_loop.h"

/* ---- the implementation's side ---- */

static inline void world_say(struct world *w, const char *text)
{
    size_t start;
    assert_non_null(w->peer);
    buf_adds(conn_begin(w->peer, &start), text);
    conn_end(w->peer, start);
}

/* Single quotes stand for double ones. */
static inline void world_sayq(struct world *w, const char *fmt, ...)
{
    char text[65536];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    world_say(w, text);
}

static inline void world_on_open(void *ud, struct conn *c)
{
    struct world *w = ud;
    w->peer = c;
    if (w->peer_opens < 16)
        w->opened_at[w->peer_opens] = (int64_t)(uv_hrtime() / 1000000);
    w->peer_opens++;
    if (w->on_open)
        world_say(w, w->on_open);
    if (w->close_on_open)
        conn_close(c, (unsigned)w->close_on_open, "");
}

/* The value of "key":"..." in a frame that we sent. */
static inline bool world_field(const char *frame, const char *key, char *out, size_t room)
{
    char want[64];
    snprintf(want, sizeof want, "\"%s\":\"", key);
    const char *p = strstr(frame, want);
    if (!p)
        return false;
    p += strlen(want);
    size_t n = strcspn(p, "\"");
    snprintf(out, room, "%.*s", (int)n, p);
    return true;
}

static inline bool world_answer_startup(struct world *w, const char *action, const char *echo)
{
    if (strcmp(action, "get_version_info") == 0) {
        if (w->app_name)
            world_sayq(
                w,
                "{'status':'ok','retcode':0,'data':{'app_name':'%s','app_version':'1.0','protocol_version':'v11'},'echo':'%s'}",
                w->app_name, echo);
        else
            world_sayq(w, "{'status':'failed','retcode':1404,'data':null,'echo':'%s'}", echo);
        return true;
    }
    if (strcmp(action, "get_login_info") == 0) {
        w->asked_login++;
        if (w->login)
            world_sayq(
                w,
                "{'status':'ok','retcode':0,'data':{'user_id':%s,'nickname':'Helper'},'echo':'%s'}",
                w->login, echo);
        return true;
    }
    if (strcmp(action, "get_status") == 0) {
        w->asked_status++;
        world_sayq(w, "{'status':'ok','retcode':0,'data':{'online':true,'good':true},'echo':'%s'}",
                   echo);
        return true;
    }
    if (strcmp(action, "get_group_list") == 0) {
        w->asked_groups++;
        world_sayq(w, "{'status':'ok','retcode':0,'data':%s,'echo':'%s'}",
                   w->groups ? w->groups : "[]", echo);
        return true;
    }
    if (strcmp(action, "get_group_system_msg") == 0 || strcmp(action, "get_group_requests") == 0) {
        w->asked_requests++;
        world_sayq(w, "{'status':'ok','retcode':0,'data':%s,'echo':'%s'}",
                   w->requests ? w->requests : "null", echo);
        return true;
    }
    return false;
}

static inline void world_on_message(void *ud, struct conn *c, char *data, size_t len, bool binary)
{
    struct world *w = ud;
    (void)c;
    assert_false(binary);
    char *text = mem_strndup(data, len), action[64] = "", echo[64] = "";
    assert_true(world_field(text, "action", action, sizeof action));
    assert_true(world_field(text, "echo", echo, sizeof echo));
    assert_non_null(strstr(text, "\"params\":{"));
    if ((!w->mute_peer && world_answer_startup(w, action, echo)) || w->nframes == WORLD_RESULTS) {
        free(text);
        return;
    }
    w->frames[w->nframes++] = text;
}

static inline void world_on_alive(void *ud, struct conn *c)
{
    (void)ud;
    (void)c;
}

static inline void world_on_end(void *ud, struct conn *c, const struct conn_end_info *info)
{
    struct world *w = ud;
    w->peer_ends++;
    w->peer_code = info->code;
    if (w->peer == c)
        w->peer = NULL;
}

static const struct conn_handler world_handler = {world_on_open, world_on_message, world_on_alive,
                                                  world_on_end};

static inline int world_admit(void *ud, const struct upgrade_request *r, struct conn_opts *opts)
{
    struct world *w = ud;
    w->upgrades++;
    snprintf(w->path, sizeof w->path, "%s", r->path);
    snprintf(w->authorization, sizeof w->authorization, "%s", r->authorization);
    snprintf(w->token, sizeof w->token, "%s", r->query_token);
    *opts = (struct conn_opts){
        .handler = &world_handler, .ud = w, .max_message = 64 << 20, .max_queue = 64 << 20};
    return w->refuse ? w->refuse : 101;
}

/* ---- the engine's side ---- */

static inline void world_event(void *ud, struct gateway *g, struct event *e)
{
    struct world *w = ud;
    assert_ptr_equal(g, w->g);
    if (w->nevents < WORLD_EVENTS)
        w->events[w->nevents++] = e;
    else
        event_free(e);
}

static inline void world_sent(void *ud, struct gateway *g, uint64_t ticket,
                              const struct send_result *r)
{
    struct world *w = ud;
    (void)g;
    assert_in_range(w->nresults, 0, WORLD_RESULTS - 1);
    struct world_result *out = &w->results[w->nresults++];
    out->ticket = ticket;
    out->outcome = r->outcome;
    snprintf(out->id, sizeof out->id, "%s", r->message_id);
    snprintf(out->reason, sizeof out->reason, "%s", r->reason);
}

static inline void world_own(void *ud, struct gateway *g, const struct event *e)
{
    struct world *w = ud;
    (void)g;
    w->nown++;
    snprintf(w->own_text, sizeof w->own_text, "%s", e->text);
    snprintf(w->own_id, sizeof w->own_id, "%s", e->message_id);
    snprintf(w->last_chat, sizeof w->last_chat, "%s", e->chat);
}

static inline void world_response(void *ud, struct gateway *g, uint64_t ticket,
                                  const struct gateway_response *r)
{
    struct world *w = ud;
    (void)g;
    struct world_response *out = &w->responses[w->nresponses++ % 64];
    out->ticket = ticket;
    out->ok = r->ok;
    snprintf(out->reason, sizeof out->reason, "%s", r->reason ? r->reason : "");
    out->number = r->number;
    out->nmembers = r->nmembers;
    if (r->nmembers) {
        snprintf(out->first_user, sizeof out->first_user, "%s", r->members[0].user);
        snprintf(out->first_name, sizeof out->first_name, "%s", r->members[0].name);
    }
}

static inline void world_state(void *ud, struct gateway *g, const char *reason)
{
    struct world *w = ud;
    assert_non_null(reason);
    w->nstates++;
    g->ops->state(g, &w->state);
}

static inline void world_gap(void *ud, struct gateway *g, const struct gateway_gap *r)
{
    struct world *w = ud;
    (void)g;
    w->ngaps++;
    w->gap_complete = r->complete;
    w->gap_messages = r->messages;
    snprintf(w->gap_why, sizeof w->gap_why, "%s", r->why);
}

static inline void world_repeated(void *ud, struct gateway *g, const struct event *e)
{
    struct world *w = ud;
    (void)g;
    w->nrepeated++;
    snprintf(w->repeated_key, sizeof w->repeated_key, "%s", e->key);
}

static inline void world_chat(void *ud, struct gateway *g, const char *chat, const char *name,
                              bool present)
{
    struct world *w = ud;
    (void)g;
    snprintf(w->last_chat, sizeof w->last_chat, "%s", chat);
    snprintf(w->last_chat_name, sizeof w->last_chat_name, "%s", name);
    if (present)
        w->nchats_in++;
    else
        w->nchats_out++;
}

/* ---- life ---- */

static inline struct world *world_new(void)
{
    struct world *w = MEM_NEW(struct world);
    struct buf err = {0};
    log_init();
    log_set_level(getenv("TEST_DEBUG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
    uv_loop_init(&w->loop);
    clock_init(&w->clock);
    w->transport = transport_create(&w->loop, 0, &err);
    assert_non_null(w->transport);
    w->app_name = "NapCat.Onebot";
    w->login = "2100000001";
    w->conf = (struct gateway_conf){.name = "qq1",
                                    .type = "onebot11",
                                    .mode = "forward",
                                    .first_ms = 300,
                                    .idle_ms = 5000,
                                    .backoff_ms = 40,
                                    .backoff_max_ms = 320,
                                    .auth_backoff_ms = 400,
                                    .auth_backoff_max_ms = 800,
                                    .ready_reset_ms = 60000,
                                    .timeout_ms = 5000,
                                    .request_delay_ms = 50,
                                    .catchup_ms = 5,
                                    .catchup = 20};
    buf_free(&err);
    return w;
}

static inline void world_size(void *ud, struct gateway *g, const char *chat, int64_t members)
{
    struct world *w = ud;
    size_t n = strlen(w->sizes);
    (void)g;
    snprintf(w->sizes + n, sizeof w->sizes - n, "%s=%lld ", chat, (long long)members);
}

static inline struct gateway_sink world_sink(struct world *w)
{
    struct gateway_sink sink = {.ud = w,
                                .on_event = world_event,
                                .on_sent = world_sent,
                                .on_own_message = world_own,
                                .on_response = world_response,
                                .on_state = world_state,
                                .on_chat = world_chat,
                                .on_size = world_size,
                                .on_caught_up = world_gap,
                                .on_repeated = world_repeated};
    gateway_sink_complete(&sink);
    return sink;
}

static inline void world_create(struct world *w)
{
    struct gateway_env env = {&w->loop, &w->clock, w->transport};
    struct gateway_sink sink = world_sink(w);
    struct buf err = {0};
    w->g = onebot11_ops.create(&env, &w->conf, &sink, &err);
    if (!w->g)
        print_error("create: %s\n", buf_cstr(&err));
    assert_non_null(w->g);
    buf_free(&err);
    if (w->g)
        w->g->ops->start(w->g);
}

static inline void world_listen(struct world *w)
{
    struct buf err = {0};
    struct listen_opts lo = {.address = "127.0.0.1:0", .admit = world_admit, .ud = w};
    w->listener = transport_listen(w->transport, &lo, &err);
    assert_non_null(w->listener);
    buf_free(&err);
}

/* Forward: the implementation listens. `tail` is the url's path and query. */
static inline void world_forward(struct world *w, const char *tail)
{
    static char url[256];
    world_listen(w);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d%s", listener_port(w->listener), tail);
    w->conf.url = url;
    world_create(w);
}

static inline void world_stop(struct world *w)
{
    if (w->g)
        w->g->ops->stop(w->g, world_flag, &w->gone);
    while (w->g && !w->gone)
        uv_run(&w->loop, UV_RUN_ONCE);
    w->g = NULL;
}

static inline void world_free(struct world *w)
{
    world_stop(w);
    listener_close(w->listener);
    transport_destroy(w->transport, world_flag, &w->transport_gone);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_true(w->transport_gone);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    for (int i = 0; i < w->nevents; i++)
        event_free(w->events[i]);
    for (int i = 0; i < w->nframes; i++)
        free(w->frames[i]);
    free(w);
    event_pool_free();
    metrics_reset();
}

static inline void world_turn(struct world *w)
{
    clock_tick(&w->clock);
    uv_run(&w->loop, UV_RUN_NOWAIT);
    if (w->g)
        w->g->ops->flush(w->g);
}

static inline struct world *world_ready(const char *tail)
{
    struct world *w = world_new();
    world_forward(w, tail);
    world_until(w, w->state.link == LINK_UP);
    world_until(w, w->asked_requests > 0); /* start-up is over */
    return w;
}

/* Sends one text; returns what gateway_send said. */
static inline bool world_send(struct world *w, const char *chat, const char *text, uint64_t ticket)
{
    struct out_segment s = {.type = SEGMENT_TEXT, .text = text, .text_len = strlen(text)};
    struct out_message m = {.chat = chat, .segments = &s, .nsegments = 1};
    return w->g->ops->send(w->g, &m, ticket);
}

/* Waits for the n-th action frame (counting from 1) and gives its echo. */
static inline const char *world_echo(struct world *w, int n)
{
    static char echo[8][64];
    static int next;
    char *out = echo[next++ % 8];
    world_until(w, w->nframes >= n);
    assert_true(world_field(w->frames[n - 1], "echo", out, 64));
    return out;
}

#endif
