/* ob_link.c -- the connections of a gateway: dialling with back-off, what makes one ready, what proves a bad token, is the
 * peer alive, is the account online. Forward: one connection, or /event with /api beside it. Reverse: the slots that
 * implementations fill by connecting. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "gateway/conf.h"
#include "gateway/ob.h"
#include "gateway/wsframe.h"

enum {
    OB_POLICY_MS = 5000, /* a close 1008 within this after opening means the token */
    OB_EARLY_MS = 2000,  /* three closes in a row within this, without an event, too */
    OB_EARLY_TIMES = 3,
    OB_PROBE_MS = 15000,
    OB_HEARTBEAT_MIN_MS = 30000
};

static uint64_t ob_generation; /* of all connections of the process: echoes never repeat */

struct ob_peer *ob_link_api(struct ob *g)
{
    for (int role = OB_UNIVERSAL; role <= OB_API; role++)
        if (g->peers[role].state == OB_OPEN && !g->peers[role].closing)
            return &g->peers[role];
    return NULL;
}

bool ob_link_ready(struct ob *g)
{
    const struct ob_peer *p = ob_link_api(g);
    return p && p->proved && *g->self_id && !p->auth_failed;
}

/* ---- state towards the engine ---- */

static enum gateway_link ob_link_now(struct ob *g)
{
    bool dialing = false, refused = false;
    if (ob_link_ready(g))
        return LINK_UP;
    for (int i = 0; i < OB_ROLES; i++) {
        const struct ob_peer *p = &g->peers[i];
        dialing = dialing || p->state == OB_DIALING || p->state == OB_OPEN;
        refused = refused || (p->auth_failed && p->state == OB_WAITING);
    }
    return refused ? LINK_REFUSED : dialing ? LINK_CONNECTING : LINK_DOWN;
}

/* Recomputes the link state and tells the engine of a change. */
static void ob_link_update(struct ob *g, const char *reason)
{
    enum gateway_link link = ob_link_now(g), was = g->link;
    if (link == was || g->stopping)
        return;
    g->link = link;
    metric_set(g->meter.up, link == LINK_UP);
    if (link == LINK_UP) {
        log_info("gateway ready", "gateway", g->base.name, "self", g->self_id, "impl",
                 *g->impl_name ? g->impl_name : NULL, NULL);
        g->was_up = true;
        for (int i = 0; i < OB_ROLES; i++)
            g->peers[i].ready_since = ob_now(g);
        ob_history_ready(g);
    } else {
        if (was == LINK_UP)
            g->gap_ms = g->last_rx_wall;
        ob_login_unknown(g);
    }
    g->sink.on_state(g->sink.ud, &g->base, reason);
}

void ob_link_proved(struct ob_peer *p)
{
    if (p->proved)
        return;
    p->proved = true;
    ob_link_update(p->g, "ready");
}

void ob_link_set_self(struct ob *g, const char *id, size_t len)
{
    if (strlen(g->self_id) == len && memcmp(g->self_id, id, len) == 0)
        return;
    if (len > OB_ID_MAX)
        return;
    if (*g->self_id)
        log_warn("another account is logged in", "gateway", g->base.name, "was", g->self_id, NULL);
    memcpy(g->self_id, id, len);
    g->self_id[len] = '\0';
    ob_account_put(g->account);
    g->account = ob_account_get(g->self_id);
    if (g->account->refs > 1 && !g->account->warned) {
        g->account->warned = true;
        log_warn("several gateways serve the same account: each event is handled by one of them",
                 "gateway", g->base.name, "self", g->self_id, NULL);
    }
    if (g->link == LINK_UP)
        g->sink.on_state(g->sink.ud, &g->base, "account changed");
    ob_link_update(g, "account known");
}

/* ---- back-off ---- */

static void ob_link_pauses(struct ob_peer *p)
{
    const struct gateway_conf *c = &p->g->conf;
    p->pause = (struct backoff){.first_ms = c->backoff_ms, .max_ms = c->backoff_max_ms};
    p->auth_pause =
        (struct backoff){.first_ms = c->auth_backoff_ms, .max_ms = c->auth_backoff_max_ms};
}

static void ob_link_wait(struct ob_peer *p, bool configuration)
{
    struct ob *g = p->g;
    /* token, certificate, path: a person must act first; never sooner than the least */
    int64_t ms =
        configuration ? backoff_next(&p->auth_pause, NULL) : backoff_next(&p->pause, &g->rng);
    p->state = OB_WAITING;
    p->next_dial = ob_now(g) + ms;
    ob_wake(g, p->next_dial);
}

/* ---- dialling ---- */

/* The url of a connection: as configured, or with /api in place of /event. */
static void ob_link_url(const struct ob_peer *p, struct buf *url)
{
    const struct gateway_conf *conf = &p->g->conf;
    size_t path_end = strcspn(conf->url, "?#");
    buf_add(url, conf->url, path_end);
    if (p->role == OB_API) {
        while (url->len && url->data[url->len - 1] == '/')
            url->len--;
        url->len -= strlen("/event");
        buf_adds(url, "/api");
    }
    buf_add(url, conf->url + path_end, strcspn(conf->url + path_end, "#"));
    if (!conf->token || !conf->token_in_query)
        return;
    static const char hex[] = "0123456789ABCDEF";
    buf_adds(url, strchr(conf->url, '?') ? "&access_token=" : "?access_token=");
    for (const unsigned char *c = (const unsigned char *)conf->token; *c; c++) {
        bool plain = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
                     (*c >= 'A' && *c <= 'Z') || *c == '-' || *c == '_' || *c == '.' || *c == '~';
        if (plain) {
            buf_addc(url, (char)*c);
        } else {
            buf_addc(url, '%');
            buf_addc(url, hex[*c >> 4]);
            buf_addc(url, hex[*c & 15]);
        }
    }
}

static void ob_link_dial(struct ob_peer *p)
{
    struct ob *g = p->g;
    struct buf url = {0}, err = {0};
    ob_link_url(p, &url);
    struct conn_target target;
    gateway_conf_target(&g->conf, buf_cstr(&url), &target);
    target.bearer = g->conf.token_in_query ? NULL : g->conf.token;
    struct conn_opts opts;
    ob_conn_opts(g, p, &opts);
    p->conn = conn_connect(g->env.transport, &target, &opts, &err);
    explicit_bzero(url.data, url.len);
    buf_free(&url);
    if (p->conn) {
        p->state = OB_DIALING;
        ob_link_update(g, "connecting");
    } else {
        log_error("cannot connect", "gateway", g->base.name, "reason", buf_cstr(&err), NULL);
        ob_link_wait(p, true);
    }
    buf_free(&err);
}

void ob_link_dial_due(struct ob *g, int64_t now)
{
    for (int i = 0; i < OB_ROLES; i++) {
        struct ob_peer *p = &g->peers[i];
        if (p->state != OB_WAITING)
            continue;
        if (now >= p->next_dial)
            ob_link_dial(p);
        else
            ob_wake(g, p->next_dial);
    }
}

/* ---- open, frames, end ---- */

/* Says goodbye; what follows happens in ob_link_on_end. */
static void ob_link_hang_up(struct ob_peer *p, const char *reason)
{
    if (!p->conn || p->closing)
        return;
    p->closing = true;
    conn_close(p->conn, WSFRAME_GOING_AWAY, reason);
    ob_link_update(p->g, reason);
}

static struct ob_peer *ob_link_replace(struct ob_peer *slot)
{
    struct ob *g = slot->g;
    struct ob_peer *old = mem_alloc(sizeof *old);
    *old = *slot;
    memset(slot, 0, sizeof *slot);
    slot->g = g;
    slot->role = old->role;
    ob_link_pauses(slot);
    old->next_old = g->old;
    g->old = old;
    conn_rebind(old->conn, old);
    log_info("connection replaced", "gateway", g->base.name, "peer", conn_peer(old->conn), NULL);
    ob_pending_fail_all(old, "connection replaced");
    conn_close(old->conn, WSFRAME_GOING_AWAY, "replaced by a new connection");
    return slot;
}

static void ob_link_on_open(void *ud, struct conn *c)
{
    struct ob_peer *p = ud;
    struct ob *g = p->g;
    if (g->listener) {
        g->admitted--;
        if (g->stopping) {
            conn_rebind(c, NULL);
            conn_close(c, WSFRAME_GOING_AWAY, "going away");
            return;
        }
        if (p->conn)
            p = ob_link_replace(p);
    }
    p->conn = c;
    p->state = OB_OPEN;
    p->gen = ++ob_generation;
    p->opened = p->last_rx = ob_now(g);
    p->saw_frame = p->saw_event = p->auth_failed = p->ping_out = p->closing = p->proved = false;
    p->heartbeat_ms = 0;
    p->paused_since = 0;
    p->wrote = 0;
    p->wrote_at = p->opened;
    p->unsupported = 0;
    g->self_from_event = false;
    if (g->was_up) {
        g->reconnects++;
        metric_inc(g->meter.reconnects);
    }
    log_debug("connection open", "gateway", g->base.name, "peer", conn_peer(c), NULL);
    if (p->role != OB_EVENTS) {
        ob_ask(g, OB_VERSION, OB_FOR_VERSION);
        ob_ask(g, OB_LOGIN, OB_FOR_LOGIN);
        ob_ask(g, OB_STATUS, OB_FOR_STATUS);
        p->next_login = p->opened + OB_PROBE_MS;
    }
    ob_link_update(g, "connected");
}

static void ob_link_on_message(void *ud, struct conn *c, char *data, size_t len, bool binary)
{
    struct ob_peer *p = ud;
    (void)binary; /* a binary frame with JSON in it is as good */
    if (!p || p->conn != c || p->g->stopping)
        return;
    clock_tick(p->g->env.clock);
    p->last_rx = ob_now(p->g);
    p->g->last_rx_wall = clock_wall(p->g->env.clock);
    p->saw_frame = true;
    p->ping_out = false;
    metric_inc(p->g->meter.in);
    ob_frame(p, data, len);
}

static void ob_link_on_alive(void *ud, struct conn *c)
{
    struct ob_peer *p = ud;
    if (!p || p->conn != c)
        return;
    p->last_rx = ob_now(p->g);
    p->ping_out = false;
}

void ob_link_auth_failed(struct ob_peer *p, const char *how)
{
    if (p->auth_failed)
        return;
    p->auth_failed = true;
    if (p->auth_pause.times == 0)
        log_error("the gateway refuses our token", "gateway", p->g->base.name, "url",
                  p->g->conf.url ? "configured url" : NULL, "how", how, NULL);
    ob_link_hang_up(p, "token refused");
}

/* Did this end prove a wrong token, or another mistake that only a person can mend? */
static const char *ob_link_configuration(struct ob_peer *p, const struct conn_end_info *end)
{
    int64_t lived = ob_now(p->g) - p->opened;
    if (p->auth_failed)
        return "token refused";
    if (end->kind == CONN_END_HTTP && (end->status == 401 || end->status == 403)) {
        ob_link_auth_failed(p, end->status == 401 ? "HTTP 401" : "HTTP 403");
        return "token refused";
    }
    if (end->kind == CONN_END_HTTP)
        return "the address is no OneBot endpoint";
    bool proxy = end->kind == CONN_END_PROXY && end->status < 500;
    if (proxy || end->kind == CONN_END_TLS)
        return end->reason;
    if (!end->was_open || end->by_us || p->saw_event)
        return NULL;
    if (end->code == WSFRAME_POLICY && lived < OB_POLICY_MS) {
        ob_link_auth_failed(p, "close 1008");
        return "token refused";
    }
    if (lived < OB_EARLY_MS && ++p->early_closes >= OB_EARLY_TIMES) {
        ob_link_auth_failed(p, "closed at once, three times in a row");
        return "token refused";
    }
    return NULL;
}

static void ob_link_log_end(struct ob_peer *p, const struct conn_end_info *end, const char *why)
{
    static const char *const kinds[] = {
        "name not found", "cannot connect", "timeout",         "TLS",
        "proxy",          "refused",        "not a WebSocket", "closed"};
    if (p->pause.times > 1 && log_get_level() < LOG_LEVEL_DEBUG)
        return; /* the first failures of a row are news */
    log_warn("connection lost", "gateway", p->g->base.name, "how", kinds[end->kind], "status",
             end->status ? log_int(end->status) : NULL, "code",
             end->was_open ? log_int(end->code) : NULL, "reason",
             why            ? why
             : *end->reason ? end->reason
                            : NULL,
             NULL);
}

static void ob_peer_free_old(struct ob *g, struct ob_peer *p)
{
    struct ob_peer **at = &g->old;
    while (*at && *at != p)
        at = &(*at)->next_old;
    if (!*at)
        return;
    *at = p->next_old;
    free(p->slots);
    free(p);
    if (g->stopping)
        ob_wake(g, 0);
}

static void ob_link_on_end(void *ud, struct conn *c, const struct conn_end_info *end)
{
    struct ob_peer *p = ud;
    if (!p)
        return;
    struct ob *g = p->g;
    if (p->conn != c) { /* an upgrade that did not complete */
        g->admitted--;
        return;
    }
    clock_tick(g->env.clock);
    ob_pending_fail_all(p, "connection lost"); /* while c still tells what was written */
    p->conn = NULL;
    if (p->role >= OB_ROLES || p != &g->peers[p->role]) {
        ob_peer_free_old(g, p);
        return;
    }
    p->state = OB_IDLE;
    if (g->stopping) {
        ob_wake(g, 0);
        return;
    }
    if (p->ready_since && ob_now(g) - p->ready_since >= g->conf.ready_reset_ms && end->was_open) {
        backoff_reset(&p->pause);
        backoff_reset(&p->auth_pause);
    }
    if (!end->was_open || p->saw_event)
        p->early_closes = 0;
    p->ready_since = 0;
    const char *configuration = g->listener ? NULL : ob_link_configuration(p, end);
    if (!p->auth_failed)
        ob_link_log_end(p, end, configuration);
    if (!g->listener)
        ob_link_wait(p, configuration != NULL);
    ob_link_update(g, configuration  ? configuration
                      : *end->reason ? end->reason
                                     : "connection lost");
}

const struct conn_handler ob_link_handler = {ob_link_on_open, ob_link_on_message, ob_link_on_alive,
                                             ob_link_on_end};

/* ---- liveness ---- */

void ob_link_heartbeat(struct ob_peer *p, const struct json *o)
{
    struct ob *g = p->g;
    int64_t interval = 0;
    if (json_int(json_get(o, "interval"), &interval) && interval > 0 && interval < 24 * 3600 * 1000)
        p->heartbeat_ms = interval;
    const struct json *online = json_get(json_get(o, "status"), "online");
    if (online && (online->type == JSON_TRUE || online->type == JSON_FALSE))
        ob_login_claim(g, online->type == JSON_TRUE, "heartbeat");
    int64_t t = 0;
    if (!json_int(json_get(o, "time"), &t) || t <= 0 || t > INT64_MAX / 2000)
        return;
    int64_t behind = clock_wall(g->env.clock) - (t > 100000000000 ? t : t * 1000);
    if (behind > -7 * 86400000LL && behind < 7 * 86400000LL &&
        (!g->skew_known[0] || behind < g->skew_low[0])) {
        g->skew_low[0] = behind;
        g->skew_known[0] = true;
    }
}

static void ob_link_skew_turn(struct ob *g, int64_t now)
{
    if (now < g->skew_turn)
        return;
    g->skew_turn = now + 300000;
    g->skew_low[1] = g->skew_low[0];
    g->skew_known[1] = g->skew_known[0];
    g->skew_known[0] = false;
}

/* The peer must prove that it is alive: any frame does; before the limit it is asked by ping and by get_status. */
static void ob_link_alive(struct ob_peer *p, int64_t now)
{
    struct ob *g = p->g;
    int64_t idle = now - p->last_rx, limit = g->conf.idle_ms;
    if (p->heartbeat_ms) {
        int64_t three = 3 * p->heartbeat_ms,
                least = OB_HEARTBEAT_MIN_MS < limit ? OB_HEARTBEAT_MIN_MS : limit;
        limit = three > least ? three : least;
    }
    bool events_only = p->role == OB_EVENTS;
    if (!p->saw_frame && now - p->opened >= g->conf.first_ms && !events_only) {
        log_warn("the peer says nothing", "gateway", g->base.name, NULL);
        ob_link_hang_up(p, "silent");
        return;
    }
    if (events_only && !p->heartbeat_ms)
        return; /* nothing proves an event-only socket dead */
    if (idle > limit) {
        log_warn("the peer is dead", "gateway", g->base.name, "idle_ms", log_int(idle), NULL);
        ob_link_hang_up(p, "no sign of life");
        return;
    }
    if (!p->proved && !events_only &&
        now >= p->next_login) { /* its answer got lost, or the account was not there yet */
        p->next_login = now + OB_PROBE_MS;
        ob_ask(g, OB_LOGIN, OB_FOR_LOGIN);
    }
    if (idle > limit / 3 && !p->ping_out) {
        p->ping_out = true;
        conn_ping(p->conn);
    }
    if (idle > limit / 2 && now >= p->next_probe && !events_only) {
        p->next_probe = now + OB_PROBE_MS;
        ob_ask(g, OB_STATUS, OB_FOR_STATUS);
    }
}

void ob_link_tick(struct ob *g, int64_t now)
{
    ob_link_skew_turn(g, now);
    for (int i = 0; i < OB_ROLES; i++) {
        struct ob_peer *p = &g->peers[i];
        if (p->state != OB_OPEN)
            continue;
        if (p->closing || p->paused_since || !ob_pressure_moves(p, now))
            continue;
        ob_pending_timeouts(p, now);
        if (!p->closing)
            ob_link_alive(p, now);
    }
    ob_login_tick(g, now);
}

/* ---- start and stop ---- */

void ob_link_init(struct ob *g)
{
    for (int i = 0; i < OB_ROLES; i++) {
        g->peers[i].g = g;
        g->peers[i].role = (enum ob_role)i;
        ob_link_pauses(&g->peers[i]);
    }
}

void ob_link_start(struct ob *g)
{
    if (g->listener)
        return;
    size_t n = strcspn(g->conf.url, "?#");
    while (n && g->conf.url[n - 1] == '/')
        n--;
    bool split = n > 6 && strncmp(g->conf.url + n - 6, "/event", 6) == 0;
    if (split) {
        ob_link_dial(&g->peers[OB_API]);
        ob_link_dial(&g->peers[OB_EVENTS]);
        return;
    }
    ob_link_dial(&g->peers[OB_UNIVERSAL]);
}

void ob_link_stop(struct ob *g)
{
    for (int i = 0; i < OB_ROLES; i++) {
        struct ob_peer *p = &g->peers[i];
        if (!p->conn)
            continue;
        conn_flush(p->conn);
        ob_pending_fail_all(p, "the gateway is stopped");
        conn_close(p->conn, WSFRAME_GOING_AWAY, "going away");
    }
}

bool ob_link_gone(const struct ob *g)
{
    for (int i = 0; i < OB_ROLES; i++)
        if (g->peers[i].conn)
            return false;
    return !g->old && g->admitted == 0;
}

void ob_link_free(struct ob *g)
{
    for (int i = 0; i < OB_ROLES; i++)
        free(g->peers[i].slots);
}
