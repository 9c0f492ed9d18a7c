/* satori.c -- the Satori gateway: its configuration, what is known of its login, its life from create to the last closed handle.
 * One login of a Satori server is one gateway; the connection, which several of them share, is in sat_hub.c. sat.h says how the
 * sat_*.c files hang together.
 * Owns: struct sat and everything in it. The engine calls through satori_ops only. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/sat.h"

enum { SAT_WINDOW_S = 600, SAT_REQUEST_WINDOW_S = 24 * 3600 };

static struct json_doc sat_doc;
static int sat_gateways;

struct json_doc *sat_json_doc(void)
{
    return &sat_doc;
}

/* ---- a sink that takes everything: nobody is told of anything after stop ---- */

static void sat_none_event(void *ud, struct gateway *g, struct event *e)
{
    (void)ud, (void)g;
    event_free(e);
}
static void sat_none_sent(void *ud, struct gateway *g, uint64_t ticket, const struct send_result *r)
{
    (void)ud, (void)g, (void)ticket, (void)r;
}
static void sat_none_response(void *ud, struct gateway *g, uint64_t ticket,
                              const struct gateway_response *r)
{
    (void)ud, (void)g, (void)ticket, (void)r;
}
static void sat_none_state(void *ud, struct gateway *g, const char *reason)
{
    (void)ud, (void)g, (void)reason;
}

static void sat_sink_none(struct gateway_sink *sink)
{
    *sink = (struct gateway_sink){.on_event = sat_none_event,
                                  .on_sent = sat_none_sent,
                                  .on_response = sat_none_response,
                                  .on_state = sat_none_state};
    gateway_sink_complete(sink);
}

/* ---- configuration ---- */

static bool sat_check(const struct gateway_conf *conf, struct buf *err)
{
    struct buf base = {0}, events = {0};
    bool good = gateway_conf_check_token(conf, err);
    if (good && !conf->url) {
        buf_adds(err, "type \"satori\" needs a url, as http://127.0.0.1:5140/satori");
        good = false;
    }
    if (good && (good = sat_urls(conf->url, &base, &events, err))) {
        struct conn_target target;
        gateway_conf_target(conf, buf_cstr(&events), &target);
        good = conn_check_target(&target, err);
    }
    if (good && conf->login_platform && strlen(conf->login_platform) > SAT_PLATFORM_MAX) {
        buf_addf(err, "login.platform has more than %d bytes", SAT_PLATFORM_MAX);
        good = false;
    }
    buf_free(&base);
    buf_free(&events);
    return good;
}

static void sat_conf_copy(struct sat *g, const struct gateway_conf *conf)
{
    struct gateway_conf *c = &g->conf;
    gateway_conf_copy(c, conf);
    gateway_conf_default(&c->ping_ms, 9000);
    gateway_conf_default(&c->idle_ms, 30000);
    gateway_conf_default(&c->timeout_ms, 30000);
    gateway_conf_default(&c->auth_backoff_max_ms, 600000);
    if (!c->max_frame)
        c->max_frame = SAT_FRAME_MAX;
    gateway_conf_defaults(c);
}

/* Of the connection; it is counted for the first gateway that uses it. */
void sat_count_bad(struct sat_hub *h, const char *why)
{
    if (h->gateways)
        gateway_meter_bad(h->gateways->base.name, why);
}

/* ---- life ---- */

void sat_tables(struct sat *g)
{
    sat_gateways++;
    g->direct = memo_new(SAT_MEMO, 0);
    g->peers = memo_new(SAT_MEMO, 0);
    g->guilds = memo_new(SAT_MEMO, 0);
    g->posts = memo_new(SAT_MEMO, SAT_POSTS_MS);
    g->refs = memo_new(SAT_MEMO / 4, SAT_REF_MS);
    g->messages = seen_new(4096, SAT_WINDOW_S);
    g->notices = seen_new(2048, SAT_WINDOW_S);
    g->requests = seen_new(512, SAT_REQUEST_WINDOW_S);
}

void sat_free(struct sat *g)
{
    void (*done)(void *ud) = g->done;
    void *ud = g->done_ud;
    sat_lists_free(g);
    sat_out_free(g);
    memo_free(g->direct);
    memo_free(g->peers);
    memo_free(g->guilds);
    memo_free(g->posts);
    memo_free(g->refs);
    seen_free(g->messages);
    seen_free(g->notices);
    seen_free(g->requests);
    gateway_conf_free(&g->conf);
    free(g->base.name);
    free(g);
    if (--sat_gateways == 0)
        json_doc_free(&sat_doc);
    if (done)
        done(ud);
}

static struct gateway *sat_create(const struct gateway_env *env, const struct gateway_conf *conf,
                                  const struct gateway_sink *sink, struct buf *err)
{
    if (!sat_check(conf, err))
        return NULL;
    if (!env->transport) {
        buf_adds(err, "no transport for WebSocket gateways");
        return NULL;
    }
    struct sat *g = MEM_NEW(struct sat);
    g->base.ops = &satori_ops;
    g->base.name = mem_strdup(conf->name);
    g->env = *env;
    g->sink = *sink;
    sat_conf_copy(g, conf);
    g->account_reason = "";
    gateway_meter_init(&g->meter, conf->name);
    sat_tables(g);
    sat_out_init(g);
    sat_hub_join(g);
    return &g->base;
}

static void sat_start(struct gateway *base)
{
    struct sat *g = (struct sat *)base;
    if (g->started || g->stopping)
        return;
    g->started = true;
    clock_tick(g->env.clock);
    sat_hub_start(g->hub);
    sat_login_bind(g->hub);
    sat_update(g, "started");
}

static void sat_stop(struct gateway *base, void (*done)(void *ud), void *ud)
{
    struct sat *g = (struct sat *)base;
    sat_held_end(g);
    sat_out_stop(g);
    g->stopping = true;
    g->done = done;
    g->done_ud = ud;
    g->login = NULL;
    sat_sink_none(&g->sink);
    metric_set(g->meter.up, 0);
    sat_hub_leave(g);
}

/* ---- state ---- */

bool sat_ready(const struct sat *g)
{
    return !g->stopping && g->started && g->login && sat_hub_up(g->hub);
}

bool sat_may_send(const struct sat *g)
{
    return sat_ready(g) && g->account != ACCOUNT_OFFLINE;
}

static enum gateway_link sat_link_now(const struct sat *g)
{
    const struct sat_hub *h = g->hub;
    if (sat_ready(g))
        return LINK_UP;
    if (h->auth_failed && h->state == SAT_WAITING)
        return LINK_REFUSED;
    return h->state >= SAT_DIALING && !h->closing ? LINK_CONNECTING : LINK_DOWN;
}

static enum gateway_account sat_account_now(const struct sat *g, const char **reason)
{
    *reason = "";
    if (!sat_ready(g))
        return ACCOUNT_UNKNOWN;
    switch (g->login->status) {
    case SAT_ONLINE: return ACCOUNT_ONLINE;
    case SAT_UNASKED: return ACCOUNT_UNKNOWN;
    case SAT_OFFLINE:
    case SAT_DISCONNECT: *reason = "logged_out"; return ACCOUNT_OFFLINE;
    default: *reason = "reconnecting"; return ACCOUNT_OFFLINE;
    }
}

static void sat_link_changed(struct sat *g, enum gateway_link was, const char *reason)
{
    metric_set(g->meter.up, g->link == LINK_UP);
    if (g->link == LINK_UP) {
        log_info("gateway ready", "gateway", g->base.name, "platform", g->platform, "self",
                 g->self_id, NULL);
        if (g->was_up) {
            g->reconnects++;
            metric_inc(g->meter.reconnects);
        }
        g->was_up = true;
        sat_lists_ready(g);
    } else if (was == LINK_UP) {
        g->gap_ms = g->hub->last_rx_wall;
        sat_out_down(g, reason);
    }
}

void sat_update(struct sat *g, const char *reason)
{
    if (g->stopping || !g->started)
        return;
    const char *why;
    enum gateway_account account = sat_account_now(g, &why), account_was = g->account;
    enum gateway_link link = sat_link_now(g), was = g->link;
    if (link == was && account == account_was && strcmp(why, g->account_reason) == 0)
        return;
    g->link = link;
    g->account = account;
    g->account_reason = why;
    if (link != was)
        sat_link_changed(g, was, reason);
    if (account == ACCOUNT_OFFLINE && account_was != ACCOUNT_OFFLINE) {
        g->next_login = sat_now(g) + g->conf.idle_ms;
        log_error("account is offline", "gateway", g->base.name, "platform", g->platform, "self",
                  g->self_id, "cause", why, NULL);
        if (link == was)
            sat_out_down(g, "the account is offline");
    }
    if (sat_may_send(g) && (link != was || account_was == ACCOUNT_OFFLINE))
        sat_out_ready(g);
    g->sink.on_state(g->sink.ud, &g->base, reason);
}

static void sat_state(const struct gateway *base, struct gateway_state *out)
{
    const struct sat *g = (const struct sat *)base;
    *out = (struct gateway_state){.link = g->link,
                                  .account = g->account,
                                  .account_reason = g->account_reason,
                                  .self_id = g->self_id,
                                  .self_name = g->self_name,
                                  .impl = g->platform,
                                  .last_rx_ms = g->hub->last_rx_wall,
                                  .pending = sat_out_pending(g),
                                  .reconnects = g->reconnects};
    if (g->hub->conn && g->hub->state >= SAT_OPEN)
        out->queued = conn_waiting(g->hub->conn);
}

static void sat_flush(struct gateway *base)
{
    sat_out_flush((struct sat *)base);
}

static void sat_pause(struct gateway *base, bool pause)
{
    struct sat *g = (struct sat *)base;
    g->paused = pause;
    sat_hub_pause(g->hub);
}

const struct gateway_ops satori_ops = {
    .type = "satori",
    .events = 1U << EVENT_MESSAGE | 1U << EVENT_JOIN | 1U << EVENT_LEAVE | 1U << EVENT_RECALL |
              1U << EVENT_REQUEST | 1U << EVENT_BUTTON | 1U << EVENT_CARD | 1U << EVENT_FILE |
              1U << EVENT_REACTION | 1U << EVENT_CHAT | 1U << EVENT_OTHER,
    .caps_of = sat_caps_of,
    .create = sat_create,
    .start = sat_start,
    .stop = sat_stop,
    .caps = sat_caps,
    .send = sat_send,
    .call = sat_call,
    .flush = sat_flush,
    .state = sat_state,
    .catch_up = sat_catch_up,
    .catch_up_many = sat_catch_up_many,
    .pause = sat_pause,
    .unsee = sat_unsee,
};
