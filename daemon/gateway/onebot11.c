/* onebot11.c -- the OneBot 11 gateway: its configuration, its one timer, its life from create to the last closed handle.
 * The work is in the ob_*.c files; ob.h says how they hang together.
 * Owns: struct ob and everything in it. The engine calls through onebot11_ops only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/conf.h"
#include "gateway/ob.h"

static struct json_doc
    ob_doc; /* one for all gateways: a frame is read to its end before the next one */
static int ob_gateways;

struct json_doc *ob_json_doc(void)
{
    return &ob_doc;
}

void ob_count_bad(struct ob *g, const char *why)
{
    gateway_meter_bad(g->base.name, why);
}

/* ---- configuration ---- */

static bool ob_loopback(const char *listen)
{
    return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]", 5) == 0 ||
           strncmp(listen, "localhost:", 10) == 0;
}

static bool ob_check(const struct gateway_conf *conf, struct buf *err)
{
    bool reverse = conf->mode && strcmp(conf->mode, "reverse") == 0;
    if (!conf->mode || (!reverse && strcmp(conf->mode, "forward") != 0)) {
        buf_adds(
            err,
            "mode must be \"forward\" (we connect) or \"reverse\" (the implementation connects)");
        return false;
    }
    if (!gateway_conf_check_token(conf, err))
        return false;
    if (!conf->tls_cert != !conf->tls_key) {
        buf_adds(err, "tls_cert and tls_key belong together");
        return false;
    }
    if (!reverse) {
        struct conn_target target = {.url = conf->url, .proxy = conf->proxy};
        if (!conf->url)
            buf_adds(err, "mode \"forward\" needs a url, as ws://127.0.0.1:3001/");
        return conf->url && conn_check_target(&target, err);
    }
    if (!conf->listen) {
        buf_adds(err, "mode \"reverse\" needs listen, as 127.0.0.1:8080");
        return false;
    }
    if (!ob_loopback(conf->listen) && !conf->token) {
        buf_adds(err, "listening on other than the loopback address needs a token");
        return false;
    }
    if (conf->path && *conf->path != '/') {
        buf_adds(err, "path must begin with /");
        return false;
    }
    return true;
}

/* ---- the timer ---- */

static void ob_finish_stop(struct ob *g);

void ob_wake(struct ob *g, int64_t mono_ms)
{
    if (g->started)
        wake_at(&g->wake, mono_ms);
}

static void ob_due(void *ud)
{
    struct ob *g = ud;
    if (g->stopping) {
        ob_finish_stop(g);
        return;
    }
    int64_t now = ob_now(g);
    if (now >= g->next_tick) {
        g->next_tick = now + g->tick_ms;
        ob_link_tick(g, now);
    }
    ob_wake(g, g->next_tick);
    ob_link_dial_due(g, now);
    ob_history_due(g, now);
    ob_held_due(g, now);
}

/* ---- life ---- */

static struct gateway *ob_create(const struct gateway_env *env, const struct gateway_conf *conf,
                                 const struct gateway_sink *sink, struct buf *err)
{
    if (!ob_check(conf, err))
        return NULL;
    if (!env->transport) {
        buf_adds(err, "no transport for WebSocket gateways");
        return NULL;
    }
    struct ob *g = MEM_NEW(struct ob);
    g->base.ops = &onebot11_ops;
    g->base.name = mem_strdup(conf->name);
    g->env = *env;
    g->sink = *sink;
    gateway_conf_copy(&g->conf, conf);
    gateway_conf_defaults(&g->conf);
    g->account_reason = "";
    g->tick_ms = gateway_conf_tick(&g->conf);
    rng_seed_system(&g->rng);
    gateway_meter_init(&g->meter, g->base.name);
    ob_link_init(g);
    char unknown[OB_ID_MAX + 1]; /* until the account is known, windows of its own */
    snprintf(unknown, sizeof unknown, "?%.60s", conf->name);
    g->account = ob_account_get(unknown);
    if (strcmp(conf->mode, "reverse") == 0) {
        struct listen_opts lo = {.address = g->conf.listen,
                                 .cert = g->conf.tls_cert,
                                 .key = g->conf.tls_key,
                                 .admit = ob_admit,
                                 .ud = g};
        g->listener = transport_listen(env->transport, &lo, err);
        if (!g->listener) {
            ob_account_put(g->account);
            gateway_conf_free(&g->conf);
            free(g->base.name);
            free(g);
            return NULL;
        }
    }
    wake_init(&g->wake, env->loop, env->clock, ob_due, g);
    ob_gateways++;
    return &g->base;
}

static void ob_start(struct gateway *base)
{
    struct ob *g = (struct ob *)base;
    if (g->started)
        return;
    g->started = true;
    clock_tick(g->env.clock);
    g->next_tick = ob_now(g) + g->tick_ms;
    ob_wake(g, g->next_tick);
    ob_link_start(g);
}

static void ob_closed(void *ud)
{
    struct ob *g = ud;
    void (*done)(void *ud) = g->done;
    void *done_ud = g->done_ud;
    ob_history_free(g);
    ob_link_free(g);
    ob_account_put(g->account);
    gateway_conf_free(&g->conf);
    free(g->base.name);
    free(g);
    if (--ob_gateways == 0)
        json_doc_free(&ob_doc);
    if (done)
        done(done_ud);
}

static void ob_finish_stop(struct ob *g)
{
    if (ob_link_gone(g))
        wake_close(&g->wake, ob_closed);
}

static void ob_stop(struct gateway *base, void (*done)(void *ud), void *ud)
{
    struct ob *g = (struct ob *)base;
    g->started = true; /* lets the timer run */
    ob_held_end(g);
    ob_link_stop(g);
    g->stopping = true;
    g->done = done;
    g->done_ud = ud;
    memset(&g->sink, 0, sizeof g->sink);
    listener_close(g->listener);
    metric_set(g->meter.up, 0);
    ob_wake(g, 0);
}

static unsigned ob_caps_of(const struct gateway_conf *conf)
{
    unsigned caps = GATEWAY_JOIN | GATEWAY_UNMENTIONED | GATEWAY_AT | GATEWAY_AT_ALL | GATEWAY_DM |
                    GATEWAY_PROACTIVE | GATEWAY_IMAGE | GATEWAY_RECALL | GATEWAY_MUTE |
                    GATEWAY_KICK | GATEWAY_MEMBERS | GATEWAY_QUOTE | GATEWAY_ECHO;
    return conf->catchup ? caps | GATEWAY_HISTORY : caps;
}

/* Whether the peer reports our own messages is a setting of its, found out when the first one comes. */
static unsigned ob_caps(const struct gateway *base)
{
    const struct ob *g = (const struct ob *)base;
    unsigned caps = ob_caps_of(&g->conf);
    return g->saw_own ? caps : caps & ~(unsigned)GATEWAY_ECHO;
}

static void ob_flush(struct gateway *base)
{
    struct ob *g = (struct ob *)base;
    ob_held_flush(g);
    struct ob_peer *p = ob_link_api(g);
    if (p)
        conn_flush(p->conn);
}

static void ob_state(const struct gateway *base, struct gateway_state *out)
{
    const struct ob *g = (const struct ob *)base;
    *out = (struct gateway_state){.link = g->link,
                                  .account = g->online,
                                  .account_reason = g->account_reason,
                                  .self_id = g->self_id,
                                  .self_name = g->self_name,
                                  .impl = g->impl_name,
                                  .last_rx_ms = g->last_rx_wall,
                                  .reconnects = g->reconnects};
    for (int i = 0; i < OB_ROLES; i++) {
        out->pending += g->peers[i].npending;
        if (g->peers[i].conn && g->peers[i].state == OB_OPEN)
            out->queued += conn_waiting(g->peers[i].conn);
    }
}

static void ob_unsee(struct gateway *base, const struct event *e)
{
    struct ob *g = (struct ob *)base;
    ob_dedupe_forget(g->account, e, ob_now(g));
}

const struct gateway_ops onebot11_ops = {
    .type = "onebot11",
    .events = 1U << EVENT_MESSAGE | 1U << EVENT_JOIN | 1U << EVENT_LEAVE | 1U << EVENT_POKE |
              1U << EVENT_RECALL | 1U << EVENT_REQUEST | 1U << EVENT_MUTE | 1U << EVENT_ADMIN |
              1U << EVENT_CARD | 1U << EVENT_FILE | 1U << EVENT_REACTION | 1U << EVENT_ESSENCE |
              1U << EVENT_HONOR | 1U << EVENT_CHAT | 1U << EVENT_OTHER,
    .caps_of = ob_caps_of,
    .create = ob_create,
    .start = ob_start,
    .stop = ob_stop,
    .caps = ob_caps,
    .send = ob_send,
    .call = ob_call,
    .flush = ob_flush,
    .state = ob_state,
    .catch_up = ob_history_catch_up,
    .catch_up_many = ob_history_many,
    .pause = ob_pause,
    .unsee = ob_unsee,
};
