/* transport_client.c -- outgoing connections, names resolved off the loop thread. ws: TCP by libwebsockets' RAW role, the
 * opening handshake and all frames by us. (The library's own WebSocket client reads byte by byte, asks the system for
 * randomness for each frame and writes each alone: half of a bot's CPU.) wss: 4.1.6 starts TLS before TCP in the RAW role,
 * so there its WebSocket role reads and shakes hands; what we write is built by us all the same. */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/transport_internal.h"

#ifndef SOPD_VERSION
#define SOPD_VERSION "0"
#endif

struct conn_client {
    uv_getaddrinfo_t resolver;
    struct transport *t;
    struct conn *c; /* NULL when the connection ended before its name was resolved */
    bool resolving;
    struct wsurl url;
    char *bearer;
    struct lws_vhost *vhost;
    int ssl_flags;
    char addresses[TRANSPORT_ADDRESSES][INET6_ADDRSTRLEN];
    int naddresses, next_address;
    char host[300]; /* for the Host header of wss */
    bool in_connect,
        connect_failed; /* an error callback came while lws_client_connect_via_info ran */
    char key[WSHANDSHAKE_KEY];
    struct buf head; /* the answer's header block so far */
};

static void conn_client_destroy(struct conn_client *cl)
{
    wsurl_free(&cl->url);
    if (cl->bearer)
        explicit_bzero(cl->bearer, strlen(cl->bearer));
    free(cl->bearer);
    buf_free(&cl->head);
    free(cl);
}

void conn_client_free(struct conn *c)
{
    struct conn_client *cl = c->client;
    if (!cl)
        return;
    c->client = NULL;
    cl->c = NULL;
    if (cl->resolving)
        uv_cancel((uv_req_t *)&cl->resolver); /* its callback destroys the rest */
    else
        conn_client_destroy(cl);
}

bool conn_check_target(const struct conn_target *target, struct buf *err)
{
    struct wsurl u;
    bool ok = wsurl_parse(&u, target->url, err);
    wsurl_free(&u);
    return ok;
}

bool conn_client_next(struct conn *c)
{
    struct conn_client *cl = c->client;
    while (cl->next_address < cl->naddresses) {
        struct lws_client_connect_info i;
        memset(&i, 0, sizeof i);
        i.context = cl->url.tls ? c->t->secure : c->t->plain;
        i.vhost = cl->vhost;
        i.address = cl->addresses[cl->next_address++];
        i.port = cl->url.port;
        i.host = cl->host;
        i.path = cl->url.target;
        i.method = cl->url.tls ? NULL : "RAW"; /* NULL: a WebSocket */
        i.alpn = "http/1.1";
        i.local_protocol_name = cl->url.tls ? "sopd-client-tls" : "sopd-client";
        i.ssl_connection = cl->ssl_flags;
        i.opaque_user_data = c;
        i.pwsi = &c->wsi;
        c->state = CONN_CONNECTING;
        cl->in_connect = true;
        cl->connect_failed = false;
        struct lws *wsi = lws_client_connect_via_info(&i);
        cl->in_connect = false;
        if (wsi && !cl->connect_failed) {
            c->wsi = wsi;
            return true;
        }
        c->wsi = NULL;
    }
    conn_note_end(c, CONN_END_CONNECT, 0, 0, "cannot connect", 14);
    c->state = CONN_DEAD;
    return false;
}

static void conn_client_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct conn_client *cl = req->data;
    struct transport *t = cl->t;
    cl->resolving = false;
    t->resolving--;
    for (struct addrinfo *a = list; a && cl->naddresses < TRANSPORT_ADDRESSES; a = a->ai_next)
        if (getnameinfo(a->ai_addr, a->ai_addrlen, cl->addresses[cl->naddresses],
                        sizeof cl->addresses[0], NULL, 0, NI_NUMERICHOST) == 0)
            cl->naddresses++;
    uv_freeaddrinfo(list);
    struct conn *c = cl->c;
    if (!c) {
        conn_client_destroy(cl);
        return;
    }
    if (c->state == CONN_DEAD)
        return;
    if (status || !cl->naddresses) {
        const char *why = status ? uv_strerror(status) : "no address";
        conn_note_end(c, CONN_END_DNS, 0, 0, why, strlen(why));
        conn_ended(c, false);
        return;
    }
    c->state = CONN_CONNECTING;
    conn_mark_dirty(c); /* connects before the loop blocks again */
}

struct conn *conn_connect(struct transport *t, const struct conn_target *target,
                          const struct conn_opts *opts, struct buf *err)
{
    struct conn_client *cl = MEM_NEW(struct conn_client);
    cl->t = t;
    if (t->destroying || !wsurl_parse(&cl->url, target->url, err)) {
        conn_client_destroy(cl);
        return NULL;
    }
    cl->vhost =
        transport_vhost_get(t, false, cl->url.tls, cl->url.tls ? target->ca : NULL, NULL, err);
    if (!cl->vhost) {
        conn_client_destroy(cl);
        return NULL;
    }
    cl->bearer = mem_strdup(target->bearer);
    if (cl->url.port == (cl->url.tls ? 443 : 80))
        snprintf(cl->host, sizeof cl->host, "%s", cl->url.host);
    else
        snprintf(cl->host, sizeof cl->host, "%s:%d", cl->url.host, cl->url.port);
    if (cl->url.tls)
        cl->ssl_flags = LCCSCF_USE_SSL;
    if (cl->url.tls && target->insecure)
        cl->ssl_flags |= LCCSCF_ALLOW_SELFSIGNED | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK |
                         LCCSCF_ALLOW_EXPIRED | LCCSCF_ALLOW_INSECURE;
    struct conn *c = conn_new(t, WSFRAME_CLIENT, opts);
    c->client = cl;
    cl->c = c;
    cl->resolver.data = cl;
    snprintf(c->peer, sizeof c->peer, "%.50s:%d", cl->url.host, cl->url.port);
    conn_deadline(c, target->timeout_ms ? target->timeout_ms : TRANSPORT_OPEN_MS);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
    int rc =
        uv_getaddrinfo(t->loop, &cl->resolver, conn_client_resolved, cl->url.host, NULL, &hints);
    if (rc) {
        conn_note_end(c, CONN_END_DNS, 0, 0, uv_strerror(rc), strlen(uv_strerror(rc)));
        conn_ended(c, false);
        return c;
    }
    cl->resolving = true;
    t->resolving++;
    return c;
}

/* ---- the open socket ---- */

static void conn_client_request(struct conn *c)
{
    struct conn_client *cl = c->client;
    wshandshake_key(cl->key, &c->t->rng);
    struct buf b = {0};
    buf_reserve(&b, LWS_PRE);
    b.len = LWS_PRE;
    wshandshake_request(&b, &cl->url, cl->key, cl->bearer, "sopd/" SOPD_VERSION);
    c->state = CONN_HANDSHAKE;
    if (lws_write(c->wsi, (unsigned char *)b.data + LWS_PRE, b.len - LWS_PRE, LWS_WRITE_RAW) < 0)
        conn_kill(c);
    buf_free(&b);
}

static void conn_client_opened(struct conn *c)
{
    c->state = CONN_OPEN;
    c->was_open = true;
    conn_deadline(c, 0);
    c->opts.handler->on_open(c->opts.ud, c);
}

/* Bytes of the HTTP answer. Advances p behind it when the handshake is complete. False: hang up. */
static bool conn_client_answer(struct conn *c, char **p, size_t *len)
{
    struct conn_client *cl = c->client;
    size_t before = cl->head.len;
    buf_add(&cl->head, *p, *len);
    struct wshandshake_answer a;
    switch (wshandshake_read(cl->head.data, cl->head.len, cl->key, &a)) {
    case WSHANDSHAKE_MORE: *len = 0; return true;
    case WSHANDSHAKE_REFUSED:
        conn_note_end(c, CONN_END_HTTP, a.status, 0, "upgrade refused", 15);
        return false;
    case WSHANDSHAKE_BAD:
        conn_note_end(c, CONN_END_BAD, a.status, 0, a.reason, strlen(a.reason));
        return false;
    case WSHANDSHAKE_OPEN: break;
    }
    *p += a.used - before;
    *len -= a.used - before;
    buf_free(&cl->head);
    conn_client_opened(c);
    return true;
}

/* The peer's close frame: answered once, then the peer hangs up (or the deadline does). */
static void conn_client_closed(struct conn *c, const struct wsframe_out *f)
{
    conn_note_end(c, CONN_END_CLOSED, 0, f->code, f->data ? f->data : "", f->data ? f->len : 0);
    c->end.code = f->code;
    if (c->state == CONN_OPEN) {
        unsigned code = f->code;
        conn_close(c, code == WSFRAME_NO_CODE ? WSFRAME_NORMAL : code, "");
        c->by_us = false;
        conn_write(c);
    }
}

static void conn_client_pong(struct conn *c, const struct wsframe_out *f)
{
    if (conn_full(c))
        return;
    size_t start;
    struct buf *out = conn_begin(c, &start);
    buf_add(out, f->data, f->len);
    wsframe_end(out, start, c->role, WSFRAME_OP_PONG, &c->t->rng);
    c->queued += out->len - start;
    conn_mark_dirty(c);
}

/* Frames; false: hang up now. */
static bool conn_client_frames(struct conn *c, char *p, size_t len)
{
    const struct conn_handler *h = c->opts.handler;
    struct wsframe_out f;
    while (c->state == CONN_OPEN || c->state == CONN_CLOSING) {
        bool open = c->state == CONN_OPEN;
        switch (wsframe_decode(&c->decoder, &p, &len, &f)) {
        case WSFRAME_MORE: return true;
        case WSFRAME_MESSAGE:
            if (open)
                h->on_message(c->opts.ud, c, f.data, f.len, f.opcode == WSFRAME_OP_BINARY);
            break;
        case WSFRAME_PING:
            if (open) {
                conn_client_pong(c, &f);
                h->on_alive(c->opts.ud, c);
            }
            break;
        case WSFRAME_PONG:
            if (open)
                h->on_alive(c->opts.ud, c);
            break;
        case WSFRAME_CLOSE:
            conn_client_closed(c, &f);
            return open; /* after our own close frame this was the answer: done */
        case WSFRAME_ERROR:
            conn_note_end(c, CONN_END_BAD, 0, f.code, f.reason, strlen(f.reason));
            conn_close(c, f.code, f.reason);
            return true;
        }
    }
    return c->state != CONN_DEAD;
}

static int conn_client_rx(struct conn *c, char *p, size_t len)
{
    if (c->state == CONN_HANDSHAKE && !conn_client_answer(c, &p, &len))
        return -1;
    if (c->decoder.failed)
        return 0; /* waiting for our close frame to leave */
    if (len && !conn_client_frames(c, p, len))
        return -1;
    return 0;
}

/* The error text of libwebsockets tells a TLS failure from a TCP one. */
static enum conn_end conn_client_error_kind(const struct conn *c, const char *text)
{
    if (!c->client->url.tls || !text)
        return CONN_END_CONNECT;
    return strcasestr(text, "tls") || strcasestr(text, "ssl") || strcasestr(text, "cert")
               ? CONN_END_TLS
               : CONN_END_CONNECT;
}

static void conn_client_error(struct conn *c, const char *text, size_t len)
{
    struct conn_client *cl = c->client;
    enum conn_end kind = conn_client_error_kind(c, text);
    if (cl->in_connect) {
        cl->connect_failed = true;
        return;
    }
    c->wsi = NULL;
    if (c->state == CONN_CONNECTING && kind == CONN_END_CONNECT &&
        cl->next_address < cl->naddresses) {
        conn_mark_dirty(c);
        return;
    }
    conn_note_end(c, kind, 0, 0, text ? text : "connection failed", text ? len : 17);
    conn_ended(c, true);
}

static int conn_client_lost(struct lws *wsi, struct conn *c)
{
    lws_set_opaque_user_data(wsi, NULL);
    if (!c->was_open && !c->end_reason[0])
        conn_note_end(c, CONN_END_BAD, 0, 0, "closed during the handshake", 27);
    conn_ended(c, true);
    return 0;
}

/* ---- wss ---- */

static int conn_tls_headers(struct lws *wsi, const struct conn *c, unsigned char **p,
                            unsigned char *end)
{
    static const char agent[] = "sopd/" SOPD_VERSION;
    if (lws_add_http_header_by_name(wsi, (const unsigned char *)"User-Agent:",
                                    (const unsigned char *)agent, sizeof agent - 1, p, end))
        return -1;
    if (!c->client->bearer || !*c->client->bearer)
        return 0;
    struct buf value = {0};
    buf_addf(&value, "Bearer %s", c->client->bearer);
    int rc = lws_add_http_header_by_name(wsi, (const unsigned char *)"Authorization:",
                                         (const unsigned char *)value.data, (int)value.len, p, end);
    explicit_bzero(value.data, value.len);
    buf_free(&value);
    return rc ? -1 : 0;
}

static void conn_tls_error(struct lws *wsi, struct conn *c, const char *text, size_t len)
{
    unsigned status = c->client->in_connect ? 0 : lws_http_client_http_response(wsi);
    if (status)
        conn_note_end(c, CONN_END_HTTP, (int)status, 0, "upgrade refused", 15);
    conn_client_error(c, text, len);
}

int transport_client_tls_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
                                  void *in, size_t len)
{
    struct conn *c = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    (void)user;
    if (!c)
        return 0;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER: {
        unsigned char **p = in;
        c->wsi = wsi;
        return c->state == CONN_DEAD ? -1 : conn_tls_headers(wsi, c, p, *p + len);
    }
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        c->wsi = wsi;
        if (c->state == CONN_DEAD)
            return -1;
        conn_client_opened(c);
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE: conn_ws_rx(wsi, c, in, len); return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
        if (c->state == CONN_OPEN)
            c->opts.handler->on_alive(c->opts.ud, c);
        return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE: conn_write(c); return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        conn_ws_peer_close(c, in, len);
        return c->state == CONN_CLOSING ? -1 : 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        lws_set_opaque_user_data(wsi, c->client->in_connect ? c : NULL);
        conn_tls_error(wsi, c, in, len);
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
    case LWS_CALLBACK_WSI_DESTROY: return conn_client_lost(wsi, c);
    default: return 0;
    }
}

/* ---- ws ---- */

int transport_client_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
                              void *in, size_t len)
{
    struct conn *c = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    (void)user;
    if (!c)
        return 0;
    switch (reason) {
    case LWS_CALLBACK_RAW_CONNECTED:
        c->wsi = wsi;
        if (c->state == CONN_DEAD)
            return -1;
        conn_client_request(c);
        return 0;
    case LWS_CALLBACK_RAW_RX: return c->state == CONN_DEAD ? -1 : conn_client_rx(c, in, len);
    case LWS_CALLBACK_RAW_WRITEABLE: conn_write(c); return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        lws_set_opaque_user_data(wsi, c->client->in_connect ? c : NULL);
        conn_client_error(c, in, len);
        return 0;
    case LWS_CALLBACK_RAW_CLOSE: return conn_client_lost(wsi, c);
    default: return 0;
    }
}
