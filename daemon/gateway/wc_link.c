/* wc_link.c -- the one connection of a bot: dialling with back-off, the subscription, the heartbeat, what each end of it means. The
 * platform allows one connection per bot: a newer one takes the bot over, and we stay away then (two that kick each other would do it
 * for ever). RFC 6455 pings are never sent: the platform answers them with broken frames. */
#include <string.h>

#include "base/mem.h"
#include "gateway/conf.h"
#include "gateway/wc.h"
#include "gateway/wsframe.h"

enum {
    WC_MISSED = 2,            /* unanswered heartbeats; at the next one the link is cut */
    WC_TAKEOVERS = 3,         /* a day */
    WC_DAY_MS = 24 * 3600000, /* of 86400 s: it is a limit, not a calendar */
};

static uint64_t wc_generation; /* of all connections of the process */

/* ---- state towards the engine ---- */

static enum gateway_link wc_link_now(const struct wc *g)
{
    switch (g->state) {
    case WC_READY: return g->closing ? LINK_DOWN : LINK_UP;
    case WC_DIALING:
    case WC_SUBSCRIBING: return LINK_CONNECTING;
    case WC_WAITING: return g->after == WC_AFTER_AUTH ? LINK_REFUSED : LINK_DOWN;
    default: return LINK_DOWN;
    }
}

/* Tells the engine of a change of link or account. */
static void wc_link_update(struct wc *g, const char *reason)
{
    enum gateway_link link = wc_link_now(g), was = g->link;
    bool superseded = g->after == WC_AFTER_SUPERSEDED;
    enum gateway_account account = superseded        ? ACCOUNT_OFFLINE
                                   : link == LINK_UP ? ACCOUNT_ONLINE
                                                     : ACCOUNT_UNKNOWN;
    if ((link == was && account == g->account) || g->stopping)
        return;
    g->link = link;
    g->account = account;
    g->account_reason = superseded ? "superseded" : "";
    metric_set(g->meter.up, link == LINK_UP);
    if (link == LINK_UP && was != LINK_UP)
        log_info("gateway ready", "gateway", g->base.name, "self", g->conf.bot_id, "impl", "wecom",
                 NULL);
    g->sink.on_state(g->sink.ud, &g->base, reason);
}

/* ---- dialling ---- */

static void wc_link_wait(struct wc *g, int64_t ms)
{
    g->state = WC_WAITING;
    g->next_dial = wc_now(g) + ms;
    wc_wake(g, g->next_dial);
}

static const struct conn_handler wc_link_handler;

static void wc_link_dial(struct wc *g)
{
    struct conn_target target;
    struct conn_opts opts;
    struct buf err = {0};
    gateway_conf_target(&g->conf, g->conf.url, &target);
    gateway_conf_opts(&g->conf, &wc_link_handler, g, WC_QUEUE_MAX, &opts);
    opts.compress = false; /* nobody has seen the platform want it */
    opts.fragment = 0;     /* nor that it puts pieces together */
    g->closing = false;
    g->after = WC_AFTER_RETRY;
    g->paused_since = 0;
    g->conn = conn_connect(g->env.transport, &target, &opts, &err);
    if (g->conn) {
        g->state = WC_DIALING;
        wc_link_update(g, "connecting");
    } else {
        log_error("cannot connect", "gateway", g->base.name, "reason", buf_cstr(&err), NULL);
        wc_link_wait(g, backoff_next(&g->auth, NULL));
    }
    buf_free(&err);
}

void wc_link_dial_due(struct wc *g, int64_t now)
{
    bool due = g->state == WC_WAITING || (g->state == WC_SUPERSEDED && g->next_dial);
    if (!due)
        return;
    if (now >= g->next_dial)
        wc_link_dial(g);
    else
        wc_wake(g, g->next_dial);
}

/* Says goodbye (code 0: cuts); what follows happens in wc_link_on_end. */
static void wc_link_hang_up(struct wc *g, unsigned code, const char *reason)
{
    if (!g->conn || g->closing)
        return;
    g->closing = true;
    conn_close(g->conn, code, reason);
    wc_link_update(g, reason);
}

/* ---- the subscription ---- */

static void wc_link_subscribe(struct wc *g)
{
    struct wc_frame f;
    if (!wc_frame_begin_raw(g, &f, "aibot_subscribe", NULL)) {
        wc_link_hang_up(g, 0, "cannot subscribe");
        return;
    }
    buf_adds(f.out, "{\"bot_id\":");
    buf_add_json(f.out, g->conf.bot_id, strlen(g->conf.bot_id));
    buf_adds(f.out, ",\"secret\":");
    buf_add_json(f.out, g->conf.token, strlen(g->conf.token));
    if (g->conf.scene)
        buf_addf(f.out, ",\"scene\":%lld", (long long)g->conf.scene);
    if (g->conf.plug_version) {
        buf_adds(f.out, ",\"plug_version\":");
        buf_add_json(f.out, g->conf.plug_version, strlen(g->conf.plug_version));
    }
    buf_addc(f.out, '}');
    wc_frame_end(&f, WC_FOR_SUBSCRIBE, 0, g->conf.timeout_ms);
    conn_flush(g->conn);
}

static enum wc_after wc_link_refusal(int64_t errcode)
{
    switch (errcode) {
    case 853000:
    case 93019:
    case 40001:
    case 40013:
    case 40058: return WC_AFTER_AUTH;
    case 45009:
    case 846607: return WC_AFTER_LIMITED;
    default: return WC_AFTER_RETRY;
    }
}

/* The platform would keep the socket open: the client has to close it. */
static void wc_link_refused(struct wc *g, const struct wc_ack *a)
{
    static const char *const words[] = {"subscription refused", "bot_id or secret refused",
                                        "subscribed too often"};
    g->after = wc_link_refusal(a->errcode);
    const char *code = a->errcode == WC_NO_CODE ? "none" : log_int(a->errcode);
    if (g->after != WC_AFTER_AUTH)
        log_warn("the platform does not take the subscription", "gateway", g->base.name, "errcode",
                 code, "reason", a->reason, NULL);
    else if (g->auth.times == 0)
        log_error("the platform refuses bot_id or secret", "gateway", g->base.name, "errcode", code,
                  "reason", a->reason, NULL);
    wc_link_hang_up(g, WSFRAME_NORMAL, words[g->after]);
}

void wc_link_subscribed(struct wc *g, const struct wc_ack *a)
{
    if (g->state != WC_SUBSCRIBING || g->closing)
        return;
    if (!a) {
        log_warn("no answer to the subscription", "gateway", g->base.name, NULL);
        wc_link_hang_up(g, WSFRAME_NORMAL, "no answer to the subscription");
        return;
    }
    if (a->errcode != 0) {
        wc_link_refused(g, a);
        return;
    }
    g->state = WC_READY;
    backoff_reset(&g->auth);
    g->missed = 0;
    g->ready_since = wc_now(g);
    g->next_ping = g->ready_since + g->conf.ping_ms;
    wc_wake(g, g->next_ping);
    if (g->was_up) {
        g->reconnects++;
        metric_inc(g->meter.reconnects);
    }
    g->was_up = true;
    wc_link_update(g, "ready");
    wc_out_ready(g);
}

void wc_link_superseded(struct wc *g)
{
    if (!g->conn || g->closing)
        return;
    log_error("another connection has taken the bot over: sopd stays away from it", "gateway",
              g->base.name, "self", g->conf.bot_id, NULL);
    g->after = WC_AFTER_SUPERSEDED;
    wc_link_hang_up(g, WSFRAME_NORMAL, "superseded by another connection");
}

/* At once, unless this one did not last: then at the pace of failures. */
void wc_resubscribe(struct wc *g, const char *why)
{
    if (!g->conn || g->closing)
        return;
    log_warn("the subscription is lost", "gateway", g->base.name, "why", why, NULL);
    if (g->ready_since && wc_now(g) - g->ready_since >= g->conf.ping_ms / 2)
        g->after = WC_AFTER_AT_ONCE;
    wc_link_hang_up(g, 0, "the subscription is lost");
}

/* ---- open, frames, end ---- */

static void wc_link_on_open(void *ud, struct conn *c)
{
    struct wc *g = ud;
    g->conn = c;
    g->state = WC_SUBSCRIBING;
    g->gen = ++wc_generation;
    g->wrote = 0;
    g->wrote_at = wc_now(g);
    log_debug("connection open", "gateway", g->base.name, "peer", conn_peer(c), NULL);
    if (!g->stopping)
        wc_link_subscribe(g);
}

static void wc_link_on_message(void *ud, struct conn *c, char *data, size_t len, bool binary)
{
    struct wc *g = ud;
    if (g->conn != c || g->stopping)
        return;
    clock_tick(g->env.clock);
    g->last_rx_wall = clock_wall(g->env.clock);
    metric_inc(g->meter.in);
    if (!binary) {
        wc_frame_in(g, data, len);
        return;
    }
    wc_count_bad(g, "binary");
    if (log_gate_open(&g->binary_gate, wc_now(g), 60000))
        log_warn("a binary message is ignored", "gateway", g->base.name, "bytes",
                 log_int((int64_t)len), NULL);
}

static void wc_link_on_alive(void *ud, struct conn *c)
{
    (void)ud; /* only the heartbeat proves that it lives */
    (void)c;
}

static void wc_link_log_end(const struct wc *g, const struct conn_end_info *end)
{
    static const char *const kinds[] = {
        "name not found", "cannot connect", "timeout",         "TLS",
        "proxy",          "refused",        "broken protocol", "closed"};
    if (end->by_us && end->kind != CONN_END_BAD) /* its reason was told then */
        return;
    if (g->retry.times > 1 && log_get_level() < LOG_LEVEL_DEBUG)
        return; /* the first failures of a row are news */
    log_warn("connection lost", "gateway", g->base.name, "how", kinds[end->kind], "status",
             end->status ? log_int(end->status) : NULL, "code",
             end->was_open ? log_int(end->code) : NULL, "reason", *end->reason ? end->reason : NULL,
             NULL);
}

/* After another connection took the bot over: never again, or after the configured pause, a few times a day. */
static void wc_link_stay_away(struct wc *g)
{
    int64_t now = wc_now(g);
    if (now - g->takeover_day >= WC_DAY_MS) {
        g->takeover_day = now;
        g->takeovers = 0;
    }
    g->state = WC_SUPERSEDED;
    g->next_dial = 0;
    if (!g->conf.takeover_ms)
        return;
    if (g->takeovers++ < WC_TAKEOVERS)
        g->next_dial = now + g->conf.takeover_ms;
    else
        g->next_dial = g->takeover_day + WC_DAY_MS;
    wc_wake(g, g->next_dial);
}

static void wc_link_on_end(void *ud, struct conn *c, const struct conn_end_info *end)
{
    struct wc *g = ud;
    if (g->conn != c)
        return;
    clock_tick(g->env.clock);
    g->closing = true; /* nothing more is written while the pending ones are told */
    wc_pending_fail_all(g, "connection lost");
    g->conn = NULL;
    int64_t ready = g->ready_since ? wc_now(g) - g->ready_since : -1;
    g->ready_since = 0;
    g->paused_since = 0;
    if (g->stopping) {
        g->state = WC_STOPPED;
        wc_wake(g, 0);
        return;
    }
    if (ready >= g->conf.ready_reset_ms)
        backoff_reset(&g->retry);
    wc_link_log_end(g, end);
    switch (g->after) {
    case WC_AFTER_SUPERSEDED: wc_link_stay_away(g); break;
    case WC_AFTER_AUTH: wc_link_wait(g, backoff_next(&g->auth, NULL)); break;
    case WC_AFTER_LIMITED: wc_link_wait(g, g->conf.limited_ms); break;
    case WC_AFTER_AT_ONCE: wc_link_wait(g, 0); break;
    case WC_AFTER_RETRY: wc_link_wait(g, backoff_next(&g->retry, &g->rng)); break;
    }
    wc_link_update(g, *end->reason ? end->reason : "connection lost");
}

static const struct conn_handler wc_link_handler = {wc_link_on_open, wc_link_on_message,
                                                    wc_link_on_alive, wc_link_on_end};

/* ---- liveness ---- */

void wc_link_heartbeat(struct wc *g, const struct wc_ack *a)
{
    if (!a || a->errcode == 0)
        g->missed = 0;
}

static void wc_link_ping(struct wc *g, int64_t now)
{
    struct wc_frame f;
    if (now < g->next_ping) {
        wc_wake(g, g->next_ping);
        return;
    }
    g->next_ping = now + g->conf.ping_ms;
    wc_wake(g, g->next_ping);
    if (g->paused_since)
        g->missed = 0; /* answers lie unread: it goes on telling that we live */
    if (g->missed >= WC_MISSED) {
        log_warn("the platform answers no heartbeat", "gateway", g->base.name, "missed",
                 log_int(g->missed), NULL);
        wc_link_hang_up(g, 0, "no answer to the heartbeat");
        return;
    }
    g->missed++;
    if (!wc_frame_begin(g, &f, "ping", NULL))
        return;
    f.out->len -= strlen(",\"body\":"); /* a heartbeat has none */
    wc_frame_end(&f, WC_FOR_PING, 0, (WC_MISSED + 1) * g->conf.ping_ms);
}

/* False: the link is cut, because the peer has taken nothing for as long as a heartbeat may be missed. */
static bool wc_link_moves(struct wc *g, int64_t now)
{
    uint64_t written = conn_written(g->conn);
    if (!conn_waiting(g->conn) || written != g->wrote) {
        g->wrote = written;
        g->wrote_at = now;
        return true;
    }
    if (now - g->wrote_at < (WC_MISSED + 1) * g->conf.ping_ms)
        return true;
    wc_link_hang_up(g, 0, "it does not read");
    return false;
}

void wc_link_tick(struct wc *g, int64_t now)
{
    if (wc_ready(g) && wc_link_moves(g, now))
        wc_link_ping(g, now);
}

void wc_pause(struct gateway *base, bool pause)
{
    struct wc *g = (struct wc *)base;
    int64_t now = wc_now(g);
    if (!g->conn || (g->state != WC_READY && g->state != WC_SUBSCRIBING) ||
        pause == (g->paused_since != 0))
        return;
    conn_pause(g->conn, pause);
    if (pause) {
        g->paused_since = now;
        return;
    }
    wc_pending_delay(g, now - g->paused_since);
    g->paused_since = 0;
    g->missed = 0;
}

/* ---- start and stop ---- */

void wc_link_start(struct wc *g)
{
    wc_link_dial(g);
}

void wc_link_stop(struct wc *g)
{
    if (!g->conn) {
        g->state = WC_STOPPED;
        return;
    }
    if (g->state == WC_READY && !g->closing)
        conn_flush(g->conn);
    g->closing = true;
    wc_pending_fail_all(g, "the gateway is stopped");
    conn_close(g->conn, WSFRAME_GOING_AWAY, "going away");
}
