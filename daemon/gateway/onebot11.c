/* onebot11.c -- the OneBot 11 gateway: its configuration, its one timer, its life from create to the last closed handle.
 * The work is in the ob_*.c files; ob.h says how they hang together.
 * Owns: struct ob and everything in it. The engine calls through onebot11_ops only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/ob.h"

enum { OB_TICK_MS = 1000, OB_TICK_LEAST_MS = 10 };

static struct json_doc
    ob_doc; /* one for all gateways: a frame is read to its end before the next one */
static int ob_gateways;

struct json_doc *ob_json_doc(void)
{
    return &ob_doc;
}

void ob_count_bad(struct ob *g, const char *why)
{
    metric_inc(metric_counter("sopd_frames_bad_total",
                              "Frames or events dropped as malformed, by reason.",
                              metric_labels("gateway", g->base.name, "why", why, NULL)));
}

/* ---- configuration ---- */

static void ob_default(int64_t *ms, int64_t value)
{
    if (*ms <= 0)
        *ms = value;
}

static void ob_conf_copy(struct ob *g, const struct gateway_conf *conf)
{
    struct gateway_conf *c = &g->conf;
    *c = *conf;
    c->name = mem_strdup(conf->name);
    c->type = NULL;
    c->mode = mem_strdup(conf->mode);
    c->url = mem_strdup(conf->url);
    c->listen = mem_strdup(conf->listen);
    c->path = mem_strdup(conf->path);
    c->token = conf->token && *conf->token ? mem_strdup(conf->token) : NULL;
    c->self_id = mem_strdup(conf->self_id);
    c->tls_ca = mem_strdup(conf->tls_ca);
    c->tls_cert = mem_strdup(conf->tls_cert);
    c->tls_key = mem_strdup(conf->tls_key);
    c->proxy = mem_strdup(conf->proxy);
    if (!c->max_frame)
        c->max_frame = 64u << 20;
    ob_default(&c->first_ms, 10000);
    ob_default(&c->idle_ms, 90000);
    ob_default(&c->backoff_ms, 1000);
    ob_default(&c->backoff_max_ms, 60000);
    ob_default(&c->auth_backoff_ms, 60000);
    ob_default(&c->auth_backoff_max_ms, 900000);
    ob_default(&c->ready_reset_ms, 60000);
    ob_default(&c->timeout_ms, 60000);
    ob_default(&c->stale_ms, 120000);
    ob_default(&c->request_delay_ms, 1000);
    ob_default(&c->catchup_ms, 1000);
}

static void ob_conf_free(struct gateway_conf *c)
{
    const char *const strings[] = {c->name,    c->mode,   c->url,      c->listen, c->path,
                                   c->self_id, c->tls_ca, c->tls_cert, c->tls_key};
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++)
        free((char *)strings[i]);
    if (c->token)
        explicit_bzero((char *)c->token, strlen(c->token));
    free((char *)c->token);
    if (c->proxy)
        explicit_bzero((char *)c->proxy, strlen(c->proxy));
    free((char *)c->proxy);
}

static bool ob_loopback(const char *listen)
{
    return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]", 5) == 0 ||
           strncmp(listen, "localhost:", 10) == 0;
}

/* What a token must not contain: it would break in a header or in a query somewhere on the way. */
static bool ob_check_token(const struct gateway_conf *conf, struct buf *err)
{
    if (!conf->token)
        return true;
    for (const unsigned char *c = (const unsigned char *)conf->token; *c; c++) {
        if (*c > ' ' && *c < 0x7F && !(conf->token_in_query && strchr("+&#%", *c)))
            continue;
        buf_adds(err, conf->token_in_query
                          ? "the token has a blank, non-ASCII character or one of + & # %"
                          : "the token has a blank, control or non-ASCII character");
        return false;
    }
    return true;
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
    if (!ob_check_token(conf, err))
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

static void ob_metrics(struct ob *g)
{
    const char *name = g->base.name;
    static const char frames[] = "Complete frames, by direction.";
    g->m_in = metric_counter("sopd_frames_total", frames,
                             metric_labels("gateway", name, "dir", "in", NULL));
    g->m_out = metric_counter("sopd_frames_total", frames,
                              metric_labels("gateway", name, "dir", "out", NULL));
    const char *own = metric_labels("gateway", name, NULL);
    g->m_reconnects =
        metric_counter("sopd_reconnects_total", "Connections opened after the first.", own);
    g->m_up = metric_gauge("sopd_gateway_up", "1 while the gateway is connected and ready.", own);
    g->m_late = metric_counter("sopd_events_late_total",
                               "Events older than the stale limit on arrival.", own);
    g->m_repeated = metric_counter("sopd_events_repeated_total",
                                   "Events that the gateway had reported before.", own);
}

/* Short timings (tests) need a finer tick. */
static int64_t ob_tick_for(const struct gateway_conf *c)
{
    const int64_t all[] = {c->first_ms, c->idle_ms, c->timeout_ms, c->backoff_ms};
    int64_t tick = OB_TICK_MS;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i] / 4 < tick)
            tick = all[i] / 4;
    return tick < OB_TICK_LEAST_MS ? OB_TICK_LEAST_MS : tick;
}

/* ---- the timer ---- */

static void ob_on_timer(uv_timer_t *h);
static void ob_finish_stop(struct ob *g);

void ob_wake(struct ob *g, int64_t mono_ms)
{
    if (g->timer_closed || !g->started)
        return;
    int64_t delay = mono_ms - ob_now(g);
    if (delay < 0)
        delay = 0;
    if (uv_is_active((uv_handle_t *)&g->timer) && (int64_t)uv_timer_get_due_in(&g->timer) <= delay)
        return;
    uv_timer_start(&g->timer, ob_on_timer, (uint64_t)delay, 0);
}

static void ob_on_timer(uv_timer_t *h)
{
    struct ob *g = h->data;
    clock_tick(g->env.clock);
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
    ob_conf_copy(g, conf);
    g->account_reason = "";
    g->tick_ms = ob_tick_for(&g->conf);
    rng_seed_system(&g->rng);
    ob_metrics(g);
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
            ob_conf_free(&g->conf);
            free(g->base.name);
            free(g);
            return NULL;
        }
    }
    uv_timer_init(env->loop, &g->timer);
    g->timer.data = g;
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

static void ob_timer_closed(uv_handle_t *h)
{
    struct ob *g = h->data;
    void (*done)(void *ud) = g->done;
    void *ud = g->done_ud;
    ob_history_free(g);
    ob_link_free(g);
    ob_account_put(g->account);
    ob_conf_free(&g->conf);
    free(g->base.name);
    free(g);
    if (--ob_gateways == 0)
        json_doc_free(&ob_doc);
    if (done)
        done(ud);
}

static void ob_finish_stop(struct ob *g)
{
    if (!ob_link_gone(g) || g->timer_closed)
        return;
    g->timer_closed = true;
    uv_close((uv_handle_t *)&g->timer, ob_timer_closed);
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
    metric_set(g->m_up, 0);
    ob_wake(g, 0);
}

static unsigned ob_caps(const struct gateway *base)
{
    const struct ob *g = (const struct ob *)base;
    unsigned caps = GATEWAY_JOIN | GATEWAY_UNMENTIONED | GATEWAY_AT | GATEWAY_AT_ALL | GATEWAY_DM |
                    GATEWAY_PROACTIVE | GATEWAY_IMAGE | GATEWAY_RECALL | GATEWAY_MUTE |
                    GATEWAY_KICK | GATEWAY_MEMBERS | GATEWAY_QUOTE;
    if (g->conf.catchup)
        caps |= GATEWAY_HISTORY;
    if (g->saw_own)
        caps |= GATEWAY_ECHO;
    return caps;
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
