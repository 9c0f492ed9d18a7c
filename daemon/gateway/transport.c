/* transport.c -- see transport.h. This file: the libwebsockets contexts, the output path, deadlines, the end of things.
 * Owns: both contexts (plain; with TLS, made when first needed), the list of connections, one prepare handle that writes
 * what a loop turn queued, one timer that watches deadlines. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "gateway/transport_internal.h"

static char
    transport_lws_error[256]; /* libwebsockets' last complaint, for messages about failed set-up */

static void transport_log(int level, const char *line)
{
    size_t n = strcspn(line, "\n");
    if (level & LLL_ERR) {
        n = n < sizeof transport_lws_error ? n : sizeof transport_lws_error - 1;
        memcpy(transport_lws_error, line, n);
        transport_lws_error[n] = '\0';
    }
    if (log_get_level() >= LOG_LEVEL_DEBUG) {
        char *copy = mem_strndup(line, n);
        log_debug("libwebsockets", "text", copy, NULL);
        free(copy);
    }
}

static const struct lws_protocols transport_client_protocols[] = {
    {.name = "sopd-client",
     .callback = transport_client_callback,
     .rx_buffer_size = TRANSPORT_RX,
     .tx_packet_size = TRANSPORT_TX},
    {.name = "sopd-client-tls",
     .callback = transport_client_tls_callback,
     .rx_buffer_size = TRANSPORT_RX,
     .tx_packet_size = TRANSPORT_TX},
    {.name = NULL},
};
static const struct lws_protocols transport_server_protocols[] = {
    {.name = "sopd-server",
     .callback = transport_server_callback,
     .rx_buffer_size = TRANSPORT_RX,
     .tx_packet_size = TRANSPORT_TX},
    {.name = NULL},
};
/* Liveness is the codec's business: no automatic pings or hang-ups. */
static const lws_retry_bo_t transport_no_keepalive = {.secs_since_valid_ping = 0,
                                                      .secs_since_valid_hangup = 0};

static struct lws_context *transport_context(struct transport *t, bool tls, struct buf *err)
{
    void *loops[1] = {t->loop};
    struct lws_context_creation_info info;
    memset(&info, 0, sizeof info);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    if (tls)
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.foreign_loops = loops;
    info.fd_limit_per_thread = t->connections;
    info.pt_serv_buf_size = TRANSPORT_RX;
    info.retry_and_idle_policy = &transport_no_keepalive;
    transport_lws_error[0] = '\0';
    lws_set_log_level(LLL_ERR | LLL_WARN, transport_log);
    struct lws_context *context = lws_create_context(&info);
    if (!context)
        buf_addf(err,
                 "libwebsockets cannot run on the libuv loop: its plugin is a package of its own "
                 "that nothing pulls in, on Debian libwebsockets-evlib-uv (%s)",
                 transport_lws_error[0] ? transport_lws_error : "no further reason given");
    return context;
}

static void transport_on_prepare(uv_prepare_t *h)
{
    transport_flush(h->data);
}

/* Cuts what took too long. */
static void transport_on_timer(uv_timer_t *h)
{
    struct transport *t = h->data;
    int64_t now = (int64_t)uv_now(t->loop);
    bool waiting = false;
    for (struct conn *c = t->conns, *next; c; c = next) {
        next = c->next;
        if (!c->deadline_ms)
            continue;
        if (now < c->deadline_ms) {
            waiting = true;
            continue;
        }
        c->deadline_ms = 0;
        if (c->state < CONN_OPEN)
            conn_note_end(c, CONN_END_TIMEOUT, 0, 0, "no answer in time", 17);
        conn_kill(c);
    }
    if (!waiting)
        uv_timer_stop(&t->timer);
}

struct transport *transport_create(uv_loop_t *loop, unsigned connections, struct buf *err)
{
    struct transport *t = MEM_NEW(struct transport);
    t->loop = loop;
    t->connections = connections > 960 ? connections + 64 : 1024;
    rng_seed_system(&t->rng);
    t->plain = transport_context(t, false, err);
    if (!t->plain) {
        free(t);
        return NULL;
    }
    uv_prepare_init(loop, &t->prepare);
    uv_timer_init(loop, &t->timer);
    t->prepare.data = t->timer.data = t;
    t->open_handles = 2;
    return t;
}

struct lws_vhost *transport_vhost_get(struct transport *t, bool server, bool tls, const char *file,
                                      const char *key, struct buf *err)
{
    struct buf name = {0};
    buf_addf(&name, "%s%s %s %s", server ? "server" : "client", tls ? "-tls" : "", file ? file : "",
             key ? key : "");
    buf_cstr(&name);
    for (struct transport_vhost *v = t->vhosts; v; v = v->next) {
        if (strcmp(v->name, name.data) == 0) {
            buf_free(&name);
            return v->vhost;
        }
        if (tls && server && strncmp(v->name, "server-tls", 10) == 0) {
            /* libwebsockets chooses among several by server name and port, of which we give it neither */
            buf_adds(
                err,
                "all TLS listeners of one sopd share one tls_cert and tls_key; others are in use (a changed "
                "file name needs a restart)");
            buf_free(&name);
            return NULL;
        }
    }
    if (tls && !t->secure)
        t->secure = transport_context(t, true, err);
    struct lws_context *context = tls ? t->secure : t->plain;
    struct lws_context_creation_info info;
    memset(&info, 0, sizeof info);
    info.port = server ? CONTEXT_PORT_NO_LISTEN_SERVER : CONTEXT_PORT_NO_LISTEN;
    info.protocols = server ? transport_server_protocols : transport_client_protocols;
    info.vhost_name = name.data;
    info.retry_and_idle_policy = &transport_no_keepalive;
    if (tls && server) {
        info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = file;
        info.ssl_private_key_filepath = key;
    } else if (tls) {
        info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.client_ssl_ca_filepath = file;
        if (file)
            info.options |= LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    }
    transport_lws_error[0] = '\0';
    struct lws_vhost *vhost = context ? lws_create_vhost(context, &info) : NULL;
    if (!vhost) {
        if (context)
            buf_addf(err, "TLS cannot be set up with %s%s%s (%s)", file ? file : "the defaults",
                     key ? " and " : "", key ? key : "", transport_lws_error);
        buf_free(&name);
        return NULL;
    }
    struct transport_vhost *v = MEM_NEW(struct transport_vhost);
    v->name = buf_take(&name);
    v->vhost = vhost;
    v->next = t->vhosts;
    t->vhosts = v;
    return vhost;
}

/* ---- connections ---- */

struct conn *conn_new(struct transport *t, enum wsframe_role role, const struct conn_opts *opts)
{
    struct conn *c = MEM_NEW(struct conn);
    c->t = t;
    c->role = role;
    c->opts = *opts;
    c->next = t->conns;
    if (c->next)
        c->next->prev = c;
    t->conns = c;
    wsframe_decoder_init(&c->decoder, role, opts->max_message);
    c->end.kind = CONN_END_CLOSED;
    c->end.code = WSFRAME_ABNORMAL;
    return c;
}

static void conn_free(struct conn *c)
{
    struct transport *t = c->t;
    if (c->dirty) {
        struct conn **p = &t->dirty;
        while (*p && *p != c)
            p = &(*p)->next_dirty;
        if (*p)
            *p = c->next_dirty;
    }
    if (c->prev)
        c->prev->next = c->next;
    else
        t->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    t->kept -= c->kept;
    conn_client_free(c);
    wsframe_decoder_free(&c->decoder);
    buf_free(&c->message);
    buf_free(&c->out);
    free(c);
}

static void conn_give_end(struct conn *c)
{
    if (c->end_given)
        return;
    c->end_given = true;
    c->end.was_open = c->was_open;
    c->end.by_us = c->by_us;
    c->end.reason = c->end_reason;
    if (c->opts.handler)
        c->opts.handler->on_end(c->opts.ud, c, &c->end);
    conn_free(c);
}

void conn_ended(struct conn *c, bool now)
{
    c->state = CONN_DEAD;
    c->wsi = NULL;
    c->deadline_ms = 0;
    if (now)
        conn_give_end(c);
    else
        conn_mark_dirty(c);
}

void conn_note_end(struct conn *c, enum conn_end kind, int status, unsigned code,
                   const char *reason, size_t len)
{
    if (c->end_reason[0] || c->end.status)
        return;
    c->end.kind = kind;
    c->end.status = status;
    c->end.code = code;
    struct buf clean = {0};
    utf8_clean(&clean, reason, len < 512 ? len : 512);
    size_t n = utf8_cut(clean.data, clean.len, sizeof c->end_reason - 1);
    if (n)
        memcpy(c->end_reason, clean.data, n);
    c->end_reason[n] = '\0';
    buf_free(&clean);
}

void conn_mark_dirty(struct conn *c)
{
    struct transport *t = c->t;
    if (c->dirty)
        return;
    c->dirty = true;
    c->next_dirty = t->dirty;
    t->dirty = c;
    if (!t->destroying && !uv_is_active((uv_handle_t *)&t->prepare))
        uv_prepare_start(&t->prepare, transport_on_prepare);
}

void conn_deadline(struct conn *c, int64_t ms)
{
    struct transport *t = c->t;
    c->deadline_ms = ms ? (int64_t)uv_now(t->loop) + ms : 0;
    if (ms && !uv_is_active((uv_handle_t *)&t->timer))
        uv_timer_start(&t->timer, transport_on_timer, TRANSPORT_TIMER_MS, TRANSPORT_TIMER_MS);
}

void conn_kill(struct conn *c)
{
    c->state = CONN_DEAD;
    c->deadline_ms = 0;
    if (!c->wsi) {
        conn_ended(c, false);
        return;
    }
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_CLOSE_ACK, LWS_TO_KILL_ASYNC);
    lws_cancel_service(
        lws_get_context(c->wsi)); /* its timers are looked at after socket events only: make one */
}

/* ---- output ---- */

/* The output buffer always begins with the head-room that lws_write may ask for. */
static void conn_head_room(struct conn *c)
{
    if (c->out.len)
        return;
    buf_reserve(&c->out, LWS_PRE);
    c->out.len = LWS_PRE;
    c->out_at = LWS_PRE;
}

struct buf *conn_begin(struct conn *c, size_t *start)
{
    conn_head_room(c);
    *start = wsframe_begin(&c->out);
    return &c->out;
}

void conn_end(struct conn *c, size_t start)
{
    wsframe_end(&c->out, start, c->role, WSFRAME_OP_TEXT, &c->t->rng);
    c->queued += c->out.len - start;
    conn_mark_dirty(c);
}

void conn_cancel(struct conn *c, size_t start)
{
    c->out.len = start;
}

/* A control frame behind what waits. */
static void conn_control(struct conn *c, enum wsframe_opcode op, const void *data, size_t len)
{
    size_t start;
    struct buf *out = conn_begin(c, &start);
    buf_add(out, data, len);
    wsframe_end(out, start, c->role, op, &c->t->rng);
    c->queued += out->len - start;
    conn_mark_dirty(c);
}

void conn_ping(struct conn *c)
{
    if (c->state == CONN_OPEN && !conn_full(c))
        conn_control(c, WSFRAME_OP_PING, "sopd", 4);
}

size_t conn_waiting(const struct conn *c)
{
    return c->out.len - c->out_at;
}

bool conn_full(const struct conn *c)
{
    return c->state != CONN_OPEN || conn_waiting(c) >= c->opts.max_queue;
}

uint64_t conn_queued(const struct conn *c)
{
    return c->queued;
}

uint64_t conn_written(const struct conn *c)
{
    return c->written;
}

void conn_rebind(struct conn *c, void *ud)
{
    c->opts.ud = ud;
}

const char *conn_peer(const struct conn *c)
{
    return c->peer;
}

void conn_pause(struct conn *c, bool pause)
{
    if (c->paused == pause)
        return;
    c->paused = pause;
    if (c->wsi)
        lws_rx_flow_control(c->wsi, !pause);
}

/* Everything left. The memory is kept for the next turn, unless it is much or all connections together keep much. */
static void conn_written_all(struct conn *c)
{
    size_t others = c->t->kept - c->kept;
    c->out.len = c->out_at = 0;
    if (c->out.cap > TRANSPORT_OUT_KEEP || others + c->out.cap > TRANSPORT_KEEP_ALL)
        buf_free(&c->out);
    c->kept = c->out.cap;
    c->t->kept = others + c->kept;
}

void conn_write(struct conn *c)
{
    if (!c->wsi || c->state < CONN_HANDSHAKE || c->state == CONN_DEAD)
        return;
    while (c->out_at < c->out.len) {
        if (lws_partial_buffered(c->wsi)) {
            lws_callback_on_writable(c->wsi);
            return;
        }
        size_t n = c->out.len - c->out_at;
        if (n > TRANSPORT_TX)
            n = TRANSPORT_TX;
        int r = lws_write(c->wsi, (unsigned char *)c->out.data + c->out_at, n, LWS_WRITE_RAW);
        if (r < 0) {
            conn_note_end(c, CONN_END_CLOSED, 0, WSFRAME_ABNORMAL, "write failed", 12);
            conn_kill(c);
            return;
        }
        c->out_at += n;
        c->written += n;
    }
    conn_written_all(c);
}

void conn_flush(struct conn *c)
{
    if (c->state == CONN_OPEN || c->state == CONN_CLOSING)
        conn_write(c);
}

void transport_flush(struct transport *t)
{
    if (!t)
        return;
    struct conn *list = t->dirty;
    t->dirty = NULL;
    while (list) {
        struct conn *c = list;
        list = c->next_dirty;
        c->dirty = false;
        if (c->state == CONN_DEAD && !c->wsi)
            conn_give_end(c);
        else if (c->state == CONN_CONNECTING && !c->wsi) {
            if (!conn_client_next(c))
                conn_give_end(c);
        } else
            conn_write(c);
    }
    if (!t->dirty && !t->destroying)
        uv_prepare_stop(&t->prepare);
}

void conn_close(struct conn *c, unsigned code, const char *reason)
{
    if (c->state == CONN_CLOSING || c->state == CONN_DEAD)
        return;
    c->by_us = true;
    if (code == 0 || c->state < CONN_OPEN) {
        conn_kill(c);
        return;
    }
    c->state = CONN_CLOSING;
    conn_head_room(c);
    wsframe_add_close(&c->out, c->role, code, reason, &c->t->rng);
    conn_mark_dirty(c);
    conn_deadline(c, TRANSPORT_CLOSE_MS);
}

/* ---- the end ---- */

static void transport_free(struct transport *t)
{
    while (t->vhosts) {
        struct transport_vhost *next = t->vhosts->next;
        free(t->vhosts->name);
        free(t->vhosts);
        t->vhosts = next;
    }
    void (*done)(void *ud) = t->done;
    void *ud = t->done_ud;
    free(t);
    if (done)
        done(ud);
}

static void transport_handle_closed(uv_handle_t *h)
{
    struct transport *t = h->data;
    if (--t->open_handles == 0)
        transport_free(t);
}

/* Runs every few milliseconds while going down: first the connections, then both steps of each context. */
static void transport_on_destroy(uv_timer_t *h)
{
    struct transport *t = h->data;
    transport_flush(t);
    if (t->conns || t->resolving) {
        for (struct conn *c = t->conns; c; c = c->next)
            if (c->deadline_ms && (int64_t)uv_now(t->loop) >= c->deadline_ms) {
                c->deadline_ms = 0;
                conn_kill(c);
            }
        return;
    }
    int round = t->destroy_rounds++;
    if (round == 0 || round == 3) { /* the loop must turn between the two */
        if (t->plain)
            lws_context_destroy(t->plain);
        if (t->secure)
            lws_context_destroy(t->secure);
    }
    if (round < 3 || t->live_ports)
        return;
    uv_timer_stop(&t->timer);
    uv_close((uv_handle_t *)&t->timer, transport_handle_closed);
    uv_close((uv_handle_t *)&t->prepare, transport_handle_closed);
}

void transport_destroy(struct transport *t, void (*done)(void *ud), void *ud)
{
    if (!t) {
        if (done)
            done(ud);
        return;
    }
    t->done = done;
    t->done_ud = ud;
    t->destroying = true;
    uv_prepare_stop(&t->prepare);
    transport_ports_close(t);
    for (struct conn *c = t->conns, *next; c; c = next) {
        next = c->next;
        conn_close(c, WSFRAME_GOING_AWAY, "going away");
    }
    uv_timer_start(&t->timer, transport_on_destroy, 2, 2);
}
