/* wecom.c -- the gateway to WeCom's intelligent bots (long connection): its configuration, its one timer, its life from create to the
 * last closed handle. The work is in the wc_*.c files; wc.h says how they hang together.
 * Owns: struct wc and everything in it. The engine calls through wecom_ops only. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/conf.h"
#include "gateway/wc.h"
#include "gateway/wc_out.h"

static const char wc_url[] = "wss://openws.work.weixin.qq.com";

static struct json_doc
    wc_doc; /* one for all gateways: a frame is read to its end before the next one */
static int wc_gateways;

struct json_doc *wc_json_doc(void)
{
    return &wc_doc;
}

void wc_count_bad(struct wc *g, const char *why)
{
    gateway_meter_bad(g->base.name, why);
}

uint64_t wc_seen_key(const struct event *e)
{
    return hash_more(hash_string(e->chat), e->key, strlen(e->key));
}

/* ---- configuration ---- */

static bool wc_check(const struct gateway_conf *conf, struct buf *err)
{
    struct conn_target target = {.url = conf->url ? conf->url : wc_url, .proxy = conf->proxy};
    if (!conf->bot_id || !*conf->bot_id)
        buf_adds(err, "bot_id is missing: the BotID of the console");
    else if (strlen(conf->bot_id) > EVENT_ID_MAX)
        buf_adds(err, "bot_id is too long to be one");
    else if (!conf->token || !*conf->token)
        buf_adds(err, "secret is missing: the Secret of the long connection");
    return !err->len && gateway_conf_check_token(conf, err) && conn_check_target(&target, err);
}

/* Source of the figures: docs/gateways.md, "WeCom". */
static void wc_defaults(struct gateway_conf *c)
{
    if (!c->url)
        c->url = mem_strdup(wc_url);
    if (!c->max_frame)
        c->max_frame = WC_FRAME_MAX;
    gateway_conf_default(&c->first_ms, 15000);
    gateway_conf_default(&c->timeout_ms, 10000);
    gateway_conf_default(&c->ping_ms, 30000);
    gateway_conf_default(&c->backoff_max_ms, 30000);
    gateway_conf_default(&c->auth_backoff_ms, 30000);
    gateway_conf_default(&c->auth_backoff_max_ms, 600000);
    gateway_conf_default(&c->limited_ms, 60000);
    gateway_conf_defaults(c);
}

/* ---- the timer ---- */

static void wc_closed(void *ud);

void wc_wake(struct wc *g, int64_t mono_ms)
{
    if (g->started)
        wake_at(&g->wake, mono_ms);
}

static void wc_due(void *ud)
{
    struct wc *g = ud;
    if (g->stopping) {
        if (!g->conn && wc_out_gone(g))
            wake_close(&g->wake, wc_closed);
        return;
    }
    int64_t now = wc_now(g);
    if (now >= g->next_tick)
        g->next_tick = now + g->tick_ms;
    wc_wake(g, g->next_tick);
    wc_pending_due(g, now);
    wc_link_tick(g, now);
    wc_link_dial_due(g, now);
    wc_out_tick(g, now);
}

/* ---- life ---- */

static struct gateway *wc_create(const struct gateway_env *env, const struct gateway_conf *conf,
                                 const struct gateway_sink *sink, struct buf *err)
{
    if (!wc_check(conf, err))
        return NULL;
    if (!env->transport) {
        buf_adds(err, "no transport for WebSocket gateways");
        return NULL;
    }
    struct wc *g = MEM_NEW(struct wc);
    g->base.ops = &wecom_ops;
    g->base.name = mem_strdup(conf->name);
    g->env = *env;
    g->sink = *sink;
    gateway_conf_copy(&g->conf, conf);
    wc_defaults(&g->conf);
    g->account_reason = "";
    g->tick_ms = gateway_conf_tick(&g->conf);
    g->retry = (struct backoff){.first_ms = g->conf.backoff_ms, .max_ms = g->conf.backoff_max_ms};
    g->auth = (struct backoff){.first_ms = g->conf.auth_backoff_ms,
                               .max_ms = g->conf.auth_backoff_max_ms};
    g->seen = seen_new(WC_SEEN_MAX, WC_SEEN_S);
    rng_seed_system(&g->rng);
    gateway_meter_init(&g->meter, g->base.name);
    wake_init(&g->wake, env->loop, env->clock, wc_due, g);
    g->out = wc_out_new(g);
    wc_gateways++;
    return &g->base;
}

static void wc_start(struct gateway *base)
{
    struct wc *g = (struct wc *)base;
    if (g->started)
        return;
    g->started = true;
    clock_tick(g->env.clock);
    g->next_tick = wc_now(g) + g->tick_ms;
    wc_wake(g, g->next_tick);
    wc_link_start(g);
}

static void wc_closed(void *ud_g)
{
    struct wc *g = ud_g;
    void (*done)(void *ud) = g->done;
    void *ud = g->done_ud;
    wc_out_free(g);
    wc_vault_free(g);
    seen_free(g->seen);
    gateway_conf_free(&g->conf);
    free(g->base.name);
    free(g);
    if (--wc_gateways == 0)
        json_doc_free(&wc_doc);
    if (done)
        done(ud);
}

static void wc_stop(struct gateway *base, void (*done)(void *ud), void *ud)
{
    struct wc *g = (struct wc *)base;
    g->started = true; /* lets the timer run */
    wc_link_stop(g);
    wc_out_stop(g);
    g->stopping = true;
    g->done = done;
    g->done_ud = ud;
    memset(&g->sink, 0, sizeof g->sink);
    metric_set(g->meter.up, 0);
    wc_wake(g, 0);
}

static void wc_flush(struct gateway *base)
{
    struct wc *g = (struct wc *)base;
    wc_out_flush(g);
    if (wc_ready(g))
        conn_flush(g->conn);
}

static void wc_state(const struct gateway *base, struct gateway_state *out)
{
    const struct wc *g = (const struct wc *)base;
    *out = (struct gateway_state){.link = g->link,
                                  .account = g->account,
                                  .account_reason = g->account_reason,
                                  .self_id = g->conf.bot_id,
                                  .self_name = g->conf.names ? g->conf.names[0] : "",
                                  .impl = "wecom",
                                  .last_rx_ms = g->last_rx_wall,
                                  .reconnects = g->reconnects,
                                  .pending = g->npending,
                                  .queued = wc_ready(g) ? conn_waiting(g->conn) : 0};
}

static void wc_unsee(struct gateway *base, const struct event *e)
{
    struct wc *g = (struct wc *)base;
    seen_forget(g->seen, wc_seen_key(e), wc_now(g));
}

const struct gateway_ops wecom_ops = {
    .type = "wecom",
    .events = 1U << EVENT_MESSAGE | 1U << EVENT_ENTER | 1U << EVENT_BUTTON | 1U << EVENT_OTHER,
    .caps_of = wc_caps_of,
    .create = wc_create,
    .start = wc_start,
    .stop = wc_stop,
    .caps = wc_caps,
    .send = wc_send,
    .call = wc_call,
    .draft = wc_draft,
    .flush = wc_flush,
    .state = wc_state,
    .pause = wc_pause,
    .unsee = wc_unsee,
};
