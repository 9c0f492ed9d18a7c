/* wecom_world.h -- for the tests of the WeCom codec's connection: a gateway, on the loopback a scripted platform in the same process,
 * and in the place of the way out a recorder. All that is logged is kept, down to debug: no secret may be in it at the end. */
#ifndef TESTS_UNIT_WECOM_WORLD_H
#define TESTS_UNIT_WECOM_WORLD_H

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
#include "gateway/wc.h"
#include "gateway/wc_out.h"

enum { WORLD_FRAMES = 512, WORLD_EVENTS = 64, WORLD_MUTE = -1000 };
#define WORLD_SECRET "EXAMPLE-SECRET"

struct world_ack {
    uint64_t number;
    int64_t errcode;
    bool lost, written;
    char reason[100];
};

struct world {
    uv_loop_t loop;
    struct clock clock;
    struct transport *transport;
    struct wc *g;
    struct gateway_conf conf;
    /* the platform */
    struct listener *listener;
    struct conn *peer;
    int opens, ends, upgrades, refuse; /* refuse: HTTP status for upgrades */
    int subscribe, ping;               /* errcode of the answer, or WORLD_MUTE */
    bool cut_after_subscribe;
    size_t fragment;
    char *frames[WORLD_FRAMES];
    int nframes, nsubscribes, npings;
    int64_t opened_at[64], ping_at[64], ended_at[64];
    unsigned code; /* how we closed */
    /* the engine */
    struct event *events[WORLD_EVENTS];
    int nevents;
    struct gateway_state state;
    char reason[200];
    int nstates, nready;
    bool gone, transport_gone;
    /* the way out */
    struct world_ack acks[64];
    int nacks, nlate;
    struct buf log;
};

static struct world *world; /* the one of the test that runs */

static inline void world_turn(struct world *w);

#include "world_loop.h"

/* ---- the way out: notes what it is told ---- */

struct wc_out *wc_out_new(struct wc *g)
{
    (void)g;
    return NULL;
}
void wc_out_ready(struct wc *g)
{
    assert_true(wc_ready(g));
    world->nready++;
}
void wc_out_tick(struct wc *g, int64_t now)
{
    (void)g;
    (void)now;
}
void wc_out_flush(struct wc *g)
{
    (void)g;
}
void wc_out_stop(struct wc *g)
{
    assert_int_equal(g->npending, 0);
}
void wc_out_free(struct wc *g)
{
    (void)g;
}
bool wc_out_gone(const struct wc *g)
{
    (void)g;
    return true;
}
void wc_out_heard(struct wc *g, const char *chat)
{
    (void)g;
    assert_true(*chat);
}
bool wc_out_late(struct wc *g, const char *req_id, size_t len, const struct wc_ack *a)
{
    (void)g;
    (void)a;
    assert_int_equal(strlen(req_id), len);
    world->nlate++;
    return false;
}
void wc_out_answer(struct wc *g, uint64_t number, const struct wc_ack *a)
{
    (void)g;
    struct world_ack *to = &world->acks[world->nacks++ % 64];
    *to = (struct world_ack){.number = number, .errcode = a->errcode};
    snprintf(to->reason, sizeof to->reason, "%.90s", a->reason);
}
void wc_out_lost(struct wc *g, uint64_t number, bool written, const char *reason)
{
    struct wc_frame f;
    struct world_ack *to = &world->acks[world->nacks++ % 64];
    *to = (struct world_ack){.number = number, .lost = true, .written = written};
    snprintf(to->reason, sizeof to->reason, "%s", reason);
    if (!g->conn || g->closing) /* whoever is told must not be able to write into what ends */
        assert_false(wc_frame_begin(g, &f, "aibot_send_msg", NULL));
}
bool wc_send(struct gateway *g, const struct out_message *m, uint64_t ticket)
{
    (void)g;
    (void)m;
    (void)ticket;
    return false;
}
bool wc_call(struct gateway *g, const struct gateway_request *r, uint64_t ticket)
{
    (void)g;
    (void)r;
    (void)ticket;
    return false;
}
void wc_draft(struct gateway *g, const struct out_message *m)
{
    (void)g;
    (void)m;
}
unsigned wc_caps(const struct gateway *g)
{
    (void)g;
    return GATEWAY_DM;
}
unsigned wc_caps_of(const struct gateway_conf *conf)
{
    (void)conf;
    return GATEWAY_DM;
}

/* ---- the platform ---- */

static inline void world_say_bytes(struct world *w, const void *data, size_t len)
{
    size_t start;
    assert_non_null(w->peer);
    buf_add(conn_begin(w->peer, &start), data, len);
    conn_end(w->peer, start);
}

/* Single quotes stand for double ones. */
static inline void world_say(struct world *w, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    world_say_bytes(w, text, strlen(text));
    free(text);
}

/* The value of "key":"..." in a frame. */
static inline const char *world_field(const char *frame, const char *key)
{
    static char out[4][300];
    static int next;
    char want[64], *to = out[next++ % 4];
    snprintf(want, sizeof want, "\"%s\":\"", key);
    const char *p = strstr(frame, want);
    *to = '\0';
    if (p)
        snprintf(to, 300, "%.*s", (int)strcspn(p + strlen(want), "\""), p + strlen(want));
    return to;
}

static inline void world_ack(struct world *w, const char *req_id, int errcode)
{
    world_say(w, "{'headers':{'req_id':'%s'},'errcode':%d,'errmsg':'scripted'}", req_id, errcode);
}

static inline void world_on_open(void *ud, struct conn *c)
{
    struct world *w = ud;
    w->peer = c;
    if (w->opens < 64)
        w->opened_at[w->opens] = world_now();
    w->opens++;
}

static inline void world_on_message(void *ud, struct conn *c, char *data, size_t len, bool binary)
{
    struct world *w = ud;
    assert_false(binary);
    assert_in_range(w->nframes, 0, WORLD_FRAMES - 1);
    char *text = mem_strndup(data, len);
    w->frames[w->nframes++] = text;
    const char *cmd = world_field(text, "cmd"), *req_id = world_field(text, "req_id");
    if (strcmp(cmd, "aibot_subscribe") == 0) {
        w->nsubscribes++;
        if (w->subscribe != WORLD_MUTE)
            world_ack(w, req_id, w->subscribe);
        if (w->cut_after_subscribe) {
            conn_flush(c);
            conn_close(c, 0, "");
        }
    } else if (strcmp(cmd, "ping") == 0) {
        if (w->npings < 64)
            w->ping_at[w->npings] = world_now();
        w->npings++;
        if (w->ping != WORLD_MUTE)
            world_ack(w, req_id, w->ping);
    }
}

static inline void world_on_alive(void *ud, struct conn *c)
{
    (void)ud;
    (void)c;
    fail_msg("an RFC 6455 ping or pong came (wecom 7)");
}

static inline void world_on_end(void *ud, struct conn *c, const struct conn_end_info *info)
{
    struct world *w = ud;
    if (w->ends < 64)
        w->ended_at[w->ends] = world_now();
    w->ends++;
    w->code = info->code;
    if (w->peer == c)
        w->peer = NULL;
}

static const struct conn_handler world_handler = {world_on_open, world_on_message, world_on_alive,
                                                  world_on_end};

static inline int world_admit(void *ud, const struct upgrade_request *r, struct conn_opts *opts)
{
    struct world *w = ud;
    assert_string_equal(r->authorization, "");
    w->upgrades++;
    *opts = (struct conn_opts){.handler = &world_handler,
                               .ud = w,
                               .max_message = 64 << 20,
                               .max_queue = 64 << 20,
                               .fragment = w->fragment};
    return w->refuse ? w->refuse : 101;
}

/* ---- the engine ---- */

static inline void world_event(void *ud, struct gateway *g, struct event *e)
{
    struct world *w = ud;
    assert_ptr_equal(g, w->g);
    assert_in_range(w->nevents, 0, WORLD_EVENTS - 1);
    w->events[w->nevents++] = e;
}

static inline void world_state(void *ud, struct gateway *g, const char *reason)
{
    struct world *w = ud;
    w->nstates++;
    snprintf(w->reason, sizeof w->reason, "%s", reason);
    g->ops->state(g, &w->state);
}

static inline void world_log(void *ud, const char *line)
{
    struct world *w = ud;
    buf_adds(&w->log, line);
    buf_addc(&w->log, '\n');
    if (getenv("TEST_DEBUG"))
        print_error("%s\n", line);
}

/* ---- life ---- */

static const char *const world_names[] = {"Helper", NULL};

static inline struct world *world_new(void)
{
    struct world *w = world = MEM_NEW(struct world);
    struct buf err = {0};
    log_init();
    log_set_sink(world_log, w);
    log_set_level(LOG_LEVEL_DEBUG);
    uv_loop_init(&w->loop);
    clock_init(&w->clock);
    w->transport = transport_create(&w->loop, 0, &err);
    assert_non_null(w->transport);
    struct listen_opts lo = {.address = "127.0.0.1:0", .admit = world_admit, .ud = w};
    w->listener = transport_listen(w->transport, &lo, &err);
    assert_non_null(w->listener);
    static char url[64];
    snprintf(url, sizeof url, "ws://127.0.0.1:%d", listener_port(w->listener));
    w->conf = (struct gateway_conf){.name = "wc1",
                                    .type = "wecom",
                                    .url = url,
                                    .bot_id = "aibBOT",
                                    .token = WORLD_SECRET,
                                    .names = world_names,
                                    .first_ms = 1000,
                                    .timeout_ms = 200,
                                    .ping_ms = 5000,
                                    .backoff_ms = 20,
                                    .backoff_max_ms = 160,
                                    .auth_backoff_ms = 60,
                                    .auth_backoff_max_ms = 240,
                                    .limited_ms = 250,
                                    .ready_reset_ms = 60000};
    buf_free(&err);
    return w;
}

static inline void world_create(struct world *w)
{
    struct gateway_env env = {&w->loop, &w->clock, w->transport};
    struct gateway_sink sink = {.ud = w, .on_event = world_event, .on_state = world_state};
    struct buf err = {0};
    w->g = (struct wc *)wecom_ops.create(&env, &w->conf, &sink, &err);
    if (!w->g)
        print_error("create: %s\n", buf_cstr(&err));
    assert_non_null(w->g);
    buf_free(&err);
    wecom_ops.start(&w->g->base);
}

static inline void world_stop(struct world *w)
{
    if (w->g)
        wecom_ops.stop(&w->g->base, world_flag, &w->gone);
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
    assert_int_equal(uv_loop_close(&w->loop), 0); /* no timer, no handle is left */
    /* wecom 63 */
    assert_null(strstr(buf_cstr(&w->log), WORLD_SECRET));
    assert_null(strstr(buf_cstr(&w->log), "SECRET-SIGN"));
    assert_null(strstr(buf_cstr(&w->log), "SECRET-KEY"));
    assert_null(strstr(buf_cstr(&w->log), "private words"));
    log_set_sink(NULL, NULL);
    for (int i = 0; i < w->nevents; i++)
        event_free(w->events[i]);
    for (int i = 0; i < w->nframes; i++)
        free(w->frames[i]);
    buf_free(&w->log);
    free(w);
    event_pool_free();
    metrics_reset();
}

static inline void world_turn(struct world *w)
{
    clock_tick(&w->clock);
    uv_run(&w->loop, UV_RUN_NOWAIT);
    if (w->g)
        wecom_ops.flush(&w->g->base);
}

static inline struct world *world_ready(void)
{
    struct world *w = world_new();
    world_create(w);
    world_until(w, w->state.link == LINK_UP);
    return w;
}

/* A message callback in a single chat. */
static inline void world_callback(struct world *w, const char *msgid, const char *text)
{
    world_say(
        w,
        "{'cmd':'aibot_msg_callback','headers':{'req_id':'r-%s'},'body':{'msgid':'%s','chattype':'single',"
        "'from':{'userid':'lisi'},'msgtype':'text','text':{'content':'%s'}}}",
        msgid, msgid, text);
}

#endif
