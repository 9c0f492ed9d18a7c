/* skeleton.c -- see skeleton.h: the link of the codec "skeleton" and its life.
 * Owns: struct skeleton and everything in it. The engine calls through skeleton_ops only. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "gateway/conf.h"
#include "gateway/wsframe.h"
#include "skeleton.h"

/* ---- the link towards the engine ---- */

static void skeleton_set(struct skeleton *g, enum gateway_link link, const char *reason)
{
    if (link == g->link || g->stopping)
        return;
    g->link = link;
    metric_set(g->meter.up, link == LINK_UP);
    g->sink.on_state(g->sink.ud, &g->base, reason);
}

/* It can do nothing else. A refusal is never told inside of the call itself. */
static bool skeleton_call(struct gateway *base, const struct gateway_request *r, uint64_t ticket)
{
    struct skeleton *g = (struct skeleton *)base;
    (void)r;
    if (g->stopping || g->nrefused == SKELETON_REFUSED)
        return false;
    g->refused[g->nrefused++] = ticket;
    wake_at(&g->wake, 0);
    return true;
}

static void skeleton_flush(struct gateway *base)
{
    struct skeleton *g = (struct skeleton *)base;
    while (g->nrefused) {
        struct gateway_response r = {.reason = "this gateway cannot do that"};
        g->sink.on_response(g->sink.ud, &g->base, g->refused[--g->nrefused], &r);
    }
    if (g->open)
        conn_flush(g->conn);
}

static void skeleton_hello(struct skeleton *g, const struct json *o)
{
    const struct json *id = json_get(o, "id");
    if (!json_is(id, JSON_STRING) || !id->len || id->len > EVENT_ID_MAX || g->ready) {
        gateway_meter_bad(g->base.name, "hello");
        return;
    }
    memcpy(g->self_id, id->s, id->len + 1);
    g->ready = true;
    g->ready_since = skeleton_now(g);
    log_info("gateway ready", "gateway", g->base.name, "self", g->self_id, NULL);
    skeleton_set(g, LINK_UP, "ready");
}

static void skeleton_on_alive(void *ud, struct conn *c)
{
    struct skeleton *g = ud;
    (void)c;
    g->last_rx = skeleton_now(g);
    g->pinged = false;
}

static void skeleton_on_message(void *ud, struct conn *c, char *data, size_t len, bool binary)
{
    struct skeleton *g = ud;
    (void)binary;
    if (g->conn != c || g->stopping)
        return;
    clock_tick(g->env.clock);
    skeleton_on_alive(g, c);
    g->last_rx_wall = clock_wall(g->env.clock);
    metric_inc(g->meter.in);
    const struct json *o = json_parse(&g->doc, data, len);
    const char *type = json_text(json_get(o, "type"));
    if (!type)
        gateway_meter_bad(g->base.name, o ? "type" : "json");
    else if (strcmp(type, "hello") == 0)
        skeleton_hello(g, o);
    else if (strcmp(type, "answer") == 0)
        skeleton_answer(g, o);
    else if (g->ready && strcmp(type, "message") == 0)
        skeleton_event(g, o, EVENT_MESSAGE);
    else if (g->ready && strcmp(type, "join") == 0)
        skeleton_event(g, o, EVENT_JOIN);
    else if (g->ready && strcmp(type, "leave") == 0)
        skeleton_event(g, o, EVENT_LEAVE);
}

/* ---- the connection ---- */

static void skeleton_wait(struct skeleton *g, bool refused)
{
    int64_t ms = refused ? backoff_next(&g->auth_pause, NULL) : backoff_next(&g->pause, &g->rng);
    g->next_dial = skeleton_now(g) + ms;
    wake_at(&g->wake, g->next_dial);
}

static void skeleton_on_open(void *ud, struct conn *c)
{
    struct skeleton *g = ud;
    g->conn = c;
    g->open = true;
    g->opened = skeleton_now(g);
    if (g->reconnects)
        metric_inc(g->meter.reconnects);
    skeleton_on_alive(g, c);
}

static void skeleton_on_end(void *ud, struct conn *c, const struct conn_end_info *end)
{
    struct skeleton *g = ud;
    bool refused = end->kind == CONN_END_TLS ||
                   (end->kind == CONN_END_HTTP && (end->status == 401 || end->status == 403));
    bool lasted = g->ready && skeleton_now(g) - g->ready_since >= g->conf.ready_reset_ms;
    (void)c;
    clock_tick(g->env.clock);
    g->open = false;
    skeleton_overdue(g, 0, true); /* while the connection still tells what has left */
    g->conn = NULL;
    if (g->stopping) {
        wake_at(&g->wake, 0);
        return;
    }
    g->reconnects += g->ready;
    g->ready = false;
    if (lasted) {
        backoff_reset(&g->pause);
        backoff_reset(&g->auth_pause);
    }
    if (refused && !g->auth_pause.times)
        log_error("the gateway refuses our token or certificate", "gateway", g->base.name, "reason",
                  end->reason, NULL);
    else if (g->pause.times < 2)
        log_warn("connection lost", "gateway", g->base.name, "reason", end->reason, NULL);
    skeleton_wait(g, refused);
    skeleton_set(g, refused ? LINK_REFUSED : LINK_DOWN,
                 *end->reason ? end->reason : "connection lost");
}

static const struct conn_handler skeleton_handler = {skeleton_on_open, skeleton_on_message,
                                                     skeleton_on_alive, skeleton_on_end};

static void skeleton_dial(struct skeleton *g)
{
    struct conn_target target;
    struct conn_opts opts;
    struct buf err = {0};
    gateway_conf_target(&g->conf, g->conf.url, &target);
    gateway_conf_opts(&g->conf, &skeleton_handler, g, SKELETON_QUEUE, &opts);
    target.bearer = g->conf.token;
    g->next_dial = 0;
    g->conn = conn_connect(g->env.transport, &target, &opts, &err);
    if (!g->conn) {
        log_error("cannot connect", "gateway", g->base.name, "reason", buf_cstr(&err), NULL);
        skeleton_wait(g, true);
    } else if (g->link != LINK_REFUSED) { /* that stays until it is taken back */
        skeleton_set(g, LINK_CONNECTING, "connecting");
    }
    buf_free(&err);
}

/* Silent for too long: a ping first, then the end. */
static void skeleton_alive(struct skeleton *g, int64_t now)
{
    int64_t idle = now - g->last_rx;
    if (!g->open)
        return;
    if (idle > g->conf.idle_ms || (!g->ready && now - g->opened > g->conf.first_ms)) {
        log_warn("the peer is dead", "gateway", g->base.name, "idle_ms", log_int(idle), NULL);
        conn_close(g->conn, WSFRAME_GOING_AWAY, "no sign of life");
    } else if (idle > g->conf.idle_ms / 3 && !g->pinged) {
        g->pinged = true;
        conn_ping(g->conn);
    }
}

/* ---- life ---- */

static void skeleton_closed(void *ud)
{
    struct skeleton *g = ud;
    void (*done)(void *ud) = g->done;
    void *done_ud = g->done_ud;
    seen_free(g->seen);
    json_doc_free(&g->doc);
    gateway_conf_free(&g->conf);
    free(g->base.name);
    free(g);
    if (done)
        done(done_ud);
}

static void skeleton_due(void *ud)
{
    struct skeleton *g = ud;
    int64_t now = skeleton_now(g);
    if (g->stopping) {
        if (!g->conn)
            wake_close(&g->wake, skeleton_closed);
        return;
    }
    skeleton_flush(&g->base);
    if (g->next_dial && now >= g->next_dial)
        skeleton_dial(g);
    if (g->open)
        skeleton_overdue(g, now, false);
    skeleton_alive(g, now);
    wake_at(&g->wake, now + gateway_conf_tick(&g->conf));
}

static struct gateway *skeleton_create(const struct gateway_env *env,
                                       const struct gateway_conf *conf,
                                       const struct gateway_sink *sink, struct buf *err)
{
    struct conn_target target = {.url = conf->url, .proxy = conf->proxy};
    if (!conf->url || !env->transport) {
        buf_adds(err, "it needs a url, as ws://127.0.0.1:7000/");
        return NULL;
    }
    if (!gateway_conf_check_token(conf, err) || !conn_check_target(&target, err))
        return NULL;
    struct skeleton *g = MEM_NEW(struct skeleton);
    gateway_conf_copy(&g->conf, conf);
    gateway_conf_defaults(&g->conf);
    g->base.ops = conf->type ? gateway_ops_find(conf->type) : NULL;
    g->base.name = mem_strdup(conf->name);
    g->env = *env;
    g->sink = *sink;
    g->seen = seen_new(SKELETON_SEEN, SKELETON_WINDOW_S);
    g->pause = (struct backoff){g->conf.backoff_ms, g->conf.backoff_max_ms, 0};
    g->auth_pause = (struct backoff){g->conf.auth_backoff_ms, g->conf.auth_backoff_max_ms, 0};
    rng_seed_system(&g->rng);
    gateway_meter_init(&g->meter, g->base.name);
    wake_init(&g->wake, env->loop, env->clock, skeleton_due, g);
    return &g->base;
}

static void skeleton_start(struct gateway *base)
{
    struct skeleton *g = (struct skeleton *)base;
    skeleton_dial(g);
    wake_at(&g->wake, 0);
}

static void skeleton_stop(struct gateway *base, void (*done)(void *ud), void *ud)
{
    struct skeleton *g = (struct skeleton *)base;
    g->done = done;
    g->done_ud = ud;
    skeleton_flush(base); /* what is queued leaves, what was asked is refused ... */
    g->open = false;
    if (g->conn) {
        skeleton_overdue(g, 0, true); /* ... and every send has its outcome before this returns */
        conn_close(g->conn, WSFRAME_GOING_AWAY, "going away");
    }
    g->stopping = true;
    metric_set(g->meter.up, 0);
    wake_at(&g->wake, 0);
}

enum {
    SKELETON_CAPS = GATEWAY_JOIN | GATEWAY_UNMENTIONED | GATEWAY_AT | GATEWAY_DM | GATEWAY_PROACTIVE
};

static unsigned skeleton_caps_of(const struct gateway_conf *conf)
{
    (void)conf; /* it needs nothing that could be configured away */
    return SKELETON_CAPS;
}

static unsigned skeleton_caps(const struct gateway *base)
{
    (void)base;
    return SKELETON_CAPS;
}

static void skeleton_state(const struct gateway *base, struct gateway_state *out)
{
    const struct skeleton *g = (const struct skeleton *)base;
    *out = (struct gateway_state){.link = g->link,
                                  .account = g->ready ? ACCOUNT_ONLINE : ACCOUNT_UNKNOWN,
                                  .self_id = g->self_id,
                                  .self_name = "",
                                  .impl = "skeleton",
                                  .last_rx_ms = g->last_rx_wall,
                                  .pending = g->pending,
                                  .queued = g->open ? conn_waiting(g->conn) : 0,
                                  .reconnects = g->reconnects};
}

static const struct gateway_ops skeleton_ops = {
    .type = "skeleton",
    .events = 1U << EVENT_MESSAGE | 1U << EVENT_JOIN | 1U << EVENT_LEAVE,
    .caps_of = skeleton_caps_of,
    .create = skeleton_create,
    .start = skeleton_start,
    .stop = skeleton_stop,
    .caps = skeleton_caps,
    .send = skeleton_send,
    .call = skeleton_call,
    .flush = skeleton_flush,
    .state = skeleton_state,
    .unsee = skeleton_unsee,
};

/* A codec of the daemon itself is named in the table of gateway/gateway.c instead. */
__attribute__((constructor)) static void skeleton_register(void)
{
    gateway_ops_add(&skeleton_ops);
}
