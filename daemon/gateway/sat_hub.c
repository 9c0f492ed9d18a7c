/* sat_hub.c -- the connection to a Satori server, shared by the gateways of its logins: dialling with back-off, IDENTIFY, READY or what
 * replaces it, pings, silence, what a close means; and the HTTP client that all of them call with.
 * A hub is made for the first gateway of an address and token, and is torn down with the last. Gateways that are stopped are taken
 * out by its timer only, so that no loop over them is disturbed by a callback.
 * Owns: the list of hubs of this process, and everything in struct sat_hub. Callers: satori.c. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/sat.h"
#include "gateway/sat_http.h"
#include "gateway/wsframe.h"
#include "web/http_client.h"

enum {
    SAT_CLOSE_INVALID = 4000,      /* our frame was not understood */
    SAT_CLOSE_TOKEN = 4004,        /* Koishi, LLOneBot */
    SAT_CLOSE_UNAUTHORIZED = 3000, /* Chronocat, satori-python */
    SAT_HTTP_REQUESTS =
        64, /* calls at a time; a login whose calls hang must not hold the others up */
    SAT_HTTP_SEND_MAX = 32 << 20
};

static struct sat_hub *sat_hubs;
static const struct conn_handler sat_hub_handler;
static void sat_hub_due(void *ud);

static int64_t sat_hub_now(const struct sat_hub *h)
{
    return clock_mono(h->env.clock);
}

void sat_wake(struct sat_hub *h, int64_t mono_ms)
{
    wake_at(&h->wake, mono_ms);
}

/* Every gateway looks again at what it is. */
static void sat_hub_update(struct sat_hub *h, const char *reason)
{
    for (struct sat *g = h->gateways; g; g = g->next)
        sat_update(g, reason);
}

/* ---- making and finding ---- */

static bool sat_same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool sat_hub_fits(const struct sat_hub *h, const struct gateway_conf *c, const char *base,
                         const struct gateway_env *env)
{
    const struct gateway_conf *own = &h->conf;
    return h->env.loop == env->loop && h->env.transport == env->transport &&
           strcmp(h->base_url, base) == 0 && sat_same(own->token, c->token) &&
           sat_same(own->tls_ca, c->tls_ca) && sat_same(own->tls_cert, c->tls_cert) &&
           sat_same(own->tls_key, c->tls_key) && sat_same(own->proxy, c->proxy) &&
           own->tls_insecure == c->tls_insecure;
}

static void sat_hub_http(struct sat_hub *h)
{
    const struct gateway_conf *c = &h->conf;
    bool proxy = c->proxy && strcmp(c->proxy, "none") != 0;
    h->http_conf = MEM_NEW(struct http_conf);
    *h->http_conf = (struct http_conf){.requests = SAT_HTTP_REQUESTS,
                                       .body_max = SAT_FRAME_MAX,
                                       .connect_ms = 5000,
                                       .send_max = SAT_HTTP_SEND_MAX,
                                       .ca = mem_strdup(c->tls_ca),
                                       .proxy = proxy ? mem_strdup(c->proxy) : NULL,
                                       .cert = mem_strdup(c->tls_cert),
                                       .key = mem_strdup(c->tls_key),
                                       .insecure = c->tls_insecure};
    struct http_client_opts opts = {.loop = h->env.loop, .conf = h->http_conf};
    h->http = http_client_create(&opts);
}

static struct sat_hub *sat_hub_new(struct sat *g, char *base_url, char *events_url)
{
    struct sat_hub *h = MEM_NEW(struct sat_hub);
    h->env = g->env;
    h->base_url = base_url;
    h->events_url = events_url;
    gateway_conf_copy(&h->conf, &g->conf);
    h->again = (struct backoff){.first_ms = h->conf.backoff_ms, .max_ms = h->conf.backoff_max_ms};
    h->auth = (struct backoff){.first_ms = h->conf.auth_backoff_ms,
                               .max_ms = h->conf.auth_backoff_max_ms};
    h->tick_ms = gateway_conf_tick(&h->conf);
    rng_seed_system(&h->rng);
    wake_init(&h->wake, h->env.loop, h->env.clock, sat_hub_due, h);
    sat_hub_http(h);
    h->next = sat_hubs;
    sat_hubs = h;
    return h;
}

void sat_hub_join(struct sat *g)
{
    struct buf base = {0}, events = {0}, err = {0};
    sat_urls(g->conf.url, &base, &events, &err); /* checked before */
    struct sat_hub *h = sat_hubs;
    while (h && !sat_hub_fits(h, &g->conf, buf_cstr(&base), &g->env))
        h = h->next;
    if (!h)
        h = sat_hub_new(g, buf_take(&base), buf_take(&events));
    buf_free(&base);
    buf_free(&events);
    buf_free(&err);
    struct sat **at = &h->gateways;
    while (*at)
        at = &(*at)->next;
    *at = g;
    g->hub = h;
    h->live++;
}

/* ---- dialling ---- */

static void sat_hub_wait(struct sat_hub *h, bool configuration)
{
    /* a person must act first: never sooner than the least */
    int64_t ms = configuration ? backoff_next(&h->auth, NULL) : backoff_next(&h->again, &h->rng);
    h->state = SAT_WAITING;
    h->next_dial = sat_hub_now(h) + ms;
    sat_wake(h, h->next_dial);
}

static void sat_hub_dial(struct sat_hub *h)
{
    struct conn_target target;
    struct conn_opts opts;
    struct buf err = {0};
    gateway_conf_target(&h->conf, h->events_url, &target);
    gateway_conf_opts(&h->conf, &sat_hub_handler, h, SAT_QUEUE_MAX, &opts);
    h->conn = conn_connect(h->env.transport, &target, &opts, &err);
    if (h->conn) {
        h->state = SAT_DIALING;
        sat_hub_update(h, "connecting");
    } else {
        log_error("cannot connect", "gateway", h->gateways->base.name, "reason", buf_cstr(&err),
                  NULL);
        sat_hub_wait(h, true);
    }
    buf_free(&err);
}

void sat_hub_start(struct sat_hub *h)
{
    if (h->started)
        return;
    h->started = true;
    sat_wake(h, sat_hub_now(h) + h->tick_ms);
    sat_hub_dial(h);
}

/* ---- open, frames, end ---- */

/* Says goodbye; what follows happens in sat_hub_on_end. */
static void sat_hub_hang_up(struct sat_hub *h, unsigned code, const char *reason)
{
    if (!h->conn || h->closing)
        return;
    h->closing = true;
    conn_close(h->conn, code, reason);
    sat_hub_update(h, reason);
}

static void sat_hub_identify(struct sat_hub *h)
{
    size_t start;
    struct buf *out = conn_begin(h->conn, &start);
    buf_adds(out, "{\"op\":3,\"body\":{");
    const char *comma = "";
    if (h->conf.token) {
        buf_adds(out, "\"token\":");
        buf_add_json(out, h->conf.token, strlen(h->conf.token));
        comma = ",";
    }
    if (h->has_sn && h->conf.resume) /* old servers read the second name */
        buf_addf(out, "%s\"sn\":%lld,\"sequence\":%lld", comma, (long long)h->last_sn,
                 (long long)h->last_sn);
    buf_adds(out, "}}");
    conn_end(h->conn, start);
}

static void sat_hub_ping(struct sat_hub *h)
{
    size_t start;
    if (conn_full(h->conn))
        return;
    buf_adds(conn_begin(h->conn, &start), "{\"op\":1,\"body\":{}}");
    conn_end(h->conn, start);
}

static void sat_hub_on_open(void *ud, struct conn *c)
{
    struct sat_hub *h = ud;
    if (h->conn != c)
        return;
    clock_tick(h->env.clock);
    h->state = SAT_OPEN;
    h->gen++;
    h->opened = h->last_rx = sat_hub_now(h);
    h->ready_since = 0;
    h->closing = h->auth_failed = h->saw_frame = h->saw_event = h->paused = false;
    h->next_refresh = 0;
    sat_hub_identify(h);
    h->next_ping = h->opened + h->conf.ping_ms;
    for (struct sat *g = h->gateways; g; g = g->next)
        g->told_absent = false;
    sat_hub_pause(h);
    log_debug("connection open", "url", h->events_url, "peer", conn_peer(c), NULL);
    sat_wake(h, h->next_ping);
    sat_hub_update(h, "connected");
}

static void sat_hub_on_message(void *ud, struct conn *c, char *data, size_t len, bool binary)
{
    struct sat_hub *h = ud;
    if (h->conn != c || h->dying || h->closing)
        return;
    clock_tick(h->env.clock);
    h->last_rx = sat_hub_now(h);
    h->last_rx_wall = clock_wall(h->env.clock);
    if (binary)
        sat_count_bad(h, "binary");
    else
        sat_frame(h, data, len);
}

static void sat_hub_on_alive(void *ud, struct conn *c)
{
    struct sat_hub *h = ud;
    if (h->conn == c)
        h->last_rx = sat_hub_now(h);
}

static void sat_hub_refused(struct sat_hub *h, const char *how)
{
    h->auth_failed = true;
    if (h->auth.times == 0)
        log_error("the Satori server refuses our token: set the token of this server", "gateway",
                  h->gateways->base.name, "url", h->base_url, "how", how, "token",
                  h->conf.token ? "configured" : "none configured", NULL);
}

/* Did this end prove a wrong token, or another mistake that only a person can mend? */
static const char *sat_hub_configuration(struct sat_hub *h, const struct conn_end_info *end)
{
    if (end->kind == CONN_END_CLOSED && !end->by_us &&
        (end->code == SAT_CLOSE_TOKEN || end->code == SAT_CLOSE_UNAUTHORIZED)) {
        sat_hub_refused(h, end->code == SAT_CLOSE_TOKEN ? "close 4004" : "close 3000");
        return "token refused";
    }
    if (end->kind == CONN_END_HTTP && (end->status == 401 || end->status == 403)) {
        sat_hub_refused(h, end->status == 401 ? "HTTP 401" : "HTTP 403");
        return "token refused";
    }
    if (end->kind == CONN_END_PROXY && end->status < 500)
        return "the proxy refuses us";
    return end->kind == CONN_END_TLS ? "TLS failed" : NULL;
}

static void sat_hub_log_end(struct sat_hub *h, const struct conn_end_info *end, const char *why)
{
    static const char *const kinds[] = {
        "name not found", "cannot connect", "timeout",         "TLS",
        "proxy",          "refused",        "not a WebSocket", "closed"};
    if (end->code == SAT_CLOSE_INVALID && end->was_open) {
        sat_count_bad(h, "close_4000");
        log_error("the Satori server did not understand our frame", "gateway",
                  h->gateways->base.name, "reason", end->reason, NULL);
        return;
    }
    if (h->again.times > 1 && log_get_level() < LOG_LEVEL_DEBUG)
        return; /* the first failures of a row are news */
    log_warn("connection lost", "gateway", h->gateways->base.name, "how", kinds[end->kind],
             "status", end->status ? log_int(end->status) : NULL, "code",
             end->was_open ? log_int(end->code) : NULL, "reason", *end->reason ? end->reason : why,
             NULL);
}

static void sat_hub_on_end(void *ud, struct conn *c, const struct conn_end_info *end)
{
    struct sat_hub *h = ud;
    if (h->conn != c)
        return;
    clock_tick(h->env.clock);
    h->conn = NULL;
    h->state = SAT_IDLE;
    if (h->dying) {
        sat_wake(h, 0);
        return;
    }
    if (h->ready_since && sat_hub_now(h) - h->ready_since >= h->conf.ready_reset_ms) {
        backoff_reset(&h->again);
        backoff_reset(&h->auth);
    }
    h->ready_since = 0;
    h->closing = h->auth_failed = false;
    for (struct sat_login *l = h->logins; l; l = l->next)
        l->has_sn = false; /* the next connection counts them anew */
    const char *configuration = sat_hub_configuration(h, end);
    if (!h->auth_failed)
        sat_hub_log_end(h, end, configuration);
    sat_hub_wait(h, configuration != NULL);
    sat_hub_update(h, configuration  ? configuration
                      : *end->reason ? end->reason
                                     : "connection lost");
}

static const struct conn_handler sat_hub_handler = {sat_hub_on_open, sat_hub_on_message,
                                                    sat_hub_on_alive, sat_hub_on_end};

/* ---- what it is up to ---- */

void sat_hub_ready(struct sat_hub *h, bool degraded)
{
    bool first = h->state == SAT_OPEN;
    h->state = degraded ? SAT_DEGRADED : SAT_READY;
    if (first)
        h->ready_since = sat_hub_now(h);
    if (degraded)
        log_warn("no READY from the Satori server, but it talks to us: going on with the "
                 "configured logins",
                 "gateway", h->gateways->base.name, NULL);
    sat_login_bind(h);
    sat_hub_update(h, degraded ? "no READY" : "ready");
}

void sat_hub_pause(struct sat_hub *h)
{
    bool pause = false;
    for (struct sat *g = h->gateways; g; g = g->next)
        pause = pause || (g->paused && !g->stopping);
    if (!h->conn || h->state < SAT_OPEN || pause == h->paused)
        return;
    h->paused = pause;
    conn_pause(h->conn, pause);
    if (!pause) /* the silence was ours */
        h->last_rx = sat_hub_now(h);
}

static void sat_hub_alive(struct sat_hub *h, int64_t now)
{
    if (now >= h->next_ping) {
        h->next_ping = now + h->conf.ping_ms;
        sat_hub_ping(h);
    }
    if (h->paused)
        return;
    if (h->state == SAT_OPEN && now - h->opened >= h->conf.first_ms) {
        if (!h->saw_frame) {
            log_warn("no READY from the Satori server", "gateway", h->gateways->base.name, NULL);
            sat_hub_hang_up(h, WSFRAME_GOING_AWAY, "no READY");
            return;
        }
        sat_hub_ready(h, true);
    }
    if (now - h->last_rx > h->conf.idle_ms) {
        log_warn("the Satori server is silent", "gateway", h->gateways->base.name, "idle_ms",
                 log_int(now - h->last_rx), NULL);
        sat_hub_hang_up(h, 0, "no sign of life");
    }
}

static void sat_hub_tick(struct sat_hub *h, int64_t now)
{
    if (h->state == SAT_WAITING && now >= h->next_dial)
        sat_hub_dial(h);
    else if (h->state >= SAT_OPEN && !h->closing)
        sat_hub_alive(h, now);
    for (struct sat *g = h->gateways; g; g = g->next) {
        if (g->stopping || !g->started)
            continue;
        sat_login_tick(g, now);
        sat_lists_tick(g, now);
        sat_held_tick(g, now);
        sat_out_tick(g, now);
    }
}

/* ---- the end ---- */

static void sat_hub_closed(void *ud)
{
    struct sat_hub *h = ud;
    struct sat *g = h->gateways;
    sat_login_free(h);
    sat_proxy_urls(h, NULL);
    http_conf_free(h->http_conf);
    free(h->http_conf);
    gateway_conf_free(&h->conf);
    free(h->base_url);
    free(h->events_url);
    free(h);
    while (g) {
        struct sat *next = g->next;
        sat_free(g);
        g = next;
    }
}

static void sat_hub_http_gone(void *ud)
{
    struct sat_hub *h = ud;
    h->http_gone = true;
    sat_wake(h, 0);
}

/* Nobody needs it any more; it goes when socket and calls are gone. */
static void sat_hub_die(struct sat_hub *h)
{
    struct sat_hub **at = &sat_hubs;
    while (*at && *at != h)
        at = &(*at)->next;
    if (*at)
        *at = h->next;
    h->dying = true;
    if (h->conn) {
        h->closing = true;
        conn_close(h->conn, WSFRAME_NORMAL, "going away");
    }
    sat_http_hub_end(h);
    struct http_client *http = h->http;
    h->http = NULL;
    http_client_destroy(http, sat_hub_http_gone, h);
}

void sat_hub_leave(struct sat *g)
{
    struct sat_hub *h = g->hub;
    sat_hub_pause(h);
    if (--h->live == 0)
        sat_hub_die(h);
    sat_wake(h, 0);
}

/* Takes out the gateways that are stopped; the last of them go with the hub. */
static void sat_hub_reap(struct sat_hub *h)
{
    struct sat **at = &h->gateways, *gone = NULL;
    while (*at) {
        struct sat *g = *at;
        if (!g->stopping) {
            at = &g->next;
            continue;
        }
        *at = g->next;
        g->next = gone;
        gone = g;
    }
    while (gone) {
        struct sat *next = gone->next;
        sat_free(gone);
        gone = next;
    }
}

static void sat_hub_due(void *ud)
{
    struct sat_hub *h = ud;
    if (h->dying) {
        if (!h->conn && h->http_gone)
            wake_close(&h->wake, sat_hub_closed);
        return;
    }
    sat_hub_reap(h);
    if (!h->started)
        return;
    int64_t now = sat_hub_now(h);
    sat_hub_tick(h, now);
    sat_wake(h, now + h->tick_ms);
    if (h->state == SAT_WAITING)
        sat_wake(h, h->next_dial);
}
