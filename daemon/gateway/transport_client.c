/* transport_client.c -- outgoing connections, step by step: TCP to the host or to its proxy, the proxy's tunnel, TLS, the opening
 * handshake. (libwebsockets' own WebSocket client reads byte by byte, asks the system for randomness for each frame and writes each
 * alone: half of a bot's CPU.) */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "gateway/transport_internal.h"

#ifndef SOPD_VERSION
#define SOPD_VERSION "0"
#endif
static const char client_agent[] = "sopd/" SOPD_VERSION;

enum client_step { STEP_PROXY, STEP_TLS, STEP_UPGRADE, STEP_OPEN };

struct conn_client {
    struct dial *dial; /* NULL: connected */
    struct wsurl url;
    struct proxy proxy;
    char *bearer;
    struct tls_context *tls;
    enum client_step step;
    char key[WSHANDSHAKE_KEY];
};

static void conn_client_destroy(struct conn_client *cl)
{
    dial_cancel(cl->dial);
    wsurl_free(&cl->url);
    proxy_free(&cl->proxy);
    if (cl->bearer)
        explicit_bzero(cl->bearer, strlen(cl->bearer));
    free(cl->bearer);
    free(cl);
}

void conn_client_free(struct conn *c)
{
    if (c->client)
        conn_client_destroy(c->client);
    c->client = NULL;
}

bool conn_check_target(const struct conn_target *target, struct buf *err)
{
    struct wsurl u;
    struct proxy p = {0};
    bool ok = wsurl_parse(&u, target->url, err) && proxy_choose(&p, target->proxy, &u, err);
    proxy_free(&p);
    wsurl_free(&u);
    return ok;
}

/* ---- TCP ---- */

static void conn_client_dialled(void *ud, int fd, enum conn_end kind, const char *why)
{
    struct conn *c = ud;
    struct conn_client *cl = c->client;
    cl->dial = NULL;
    if (fd < 0) {
        struct buf text = {0};
        buf_addf(&text, "%s%s", *cl->proxy.host ? "the proxy: " : "", why);
        conn_note(c, kind, 0, buf_cstr(&text));
        buf_free(&text);
        conn_ended(c, false);
        return;
    }
    if (!conn_adopt(c, fd)) {
        conn_note(c, CONN_END_CONNECT, 0, "too many connections");
        conn_ended(c, false);
        return;
    }
    if (conn_client_begin(c))
        conn_kill(c);
}

static bool conn_client_dial(struct conn *c)
{
    struct conn_client *cl = c->client;
    bool proxy = *cl->proxy.host;
    const char *why = "";
    cl->dial = dial_start(c->t, proxy ? cl->proxy.host : cl->url.host,
                          proxy ? cl->proxy.port : cl->url.port, conn_client_dialled, c, &why);
    if (!cl->dial)
        conn_note(c, CONN_END_DNS, 0, why);
    return cl->dial;
}

struct conn *conn_connect(struct transport *t, const struct conn_target *target,
                          const struct conn_opts *opts, struct buf *err)
{
    struct conn_client *cl = MEM_NEW(struct conn_client);
    bool ok = !t->destroying && wsurl_parse(&cl->url, target->url, err) &&
              proxy_choose(&cl->proxy, target->proxy, &cl->url, err);
    if (ok && cl->url.tls)
        cl->tls =
            tls_context_get(t, false, target->ca, target->cert, target->key, target->insecure, err);
    if (!ok || (cl->url.tls && !cl->tls)) {
        conn_client_destroy(cl);
        return NULL;
    }
    cl->bearer = mem_strdup(target->bearer);
    struct conn *c = conn_new(t, WSFRAME_CLIENT, opts);
    c->client = cl;
    c->state = CONN_CONNECTING;
    snprintf(c->peer, sizeof c->peer, "%.50s:%d", cl->url.host, cl->url.port);
    conn_deadline(c, target->timeout_ms ? target->timeout_ms : TRANSPORT_OPEN_MS);
    if (!conn_client_dial(c))
        conn_ended(c, false);
    return c;
}

/* ---- the steps ---- */

static int conn_client_upgrade(struct conn *c)
{
    struct conn_client *cl = c->client;
    struct buf b = {0}, offer = {0};
    cl->step = STEP_UPGRADE;
    wshandshake_key(cl->key, &c->t->rng);
    if (c->opts.compress)
        wsdeflate_offer(&offer, &c->opts.deflate);
    wshandshake_request(&b, &cl->url, cl->key, cl->bearer, client_agent,
                        c->opts.compress ? buf_cstr(&offer) : NULL);
    conn_say(c, &b);
    conn_write(c); /* it does not stay in memory longer than it must */
    explicit_bzero(b.data, b.len);
    buf_free(&b);
    buf_free(&offer);
    return c->state == CONN_DEAD ? -1 : 0;
}

static int conn_client_secure(struct conn *c)
{
    struct conn_client *cl = c->client;
    if (!cl->url.tls)
        return conn_client_upgrade(c);
    cl->step = STEP_TLS;
    if (conn_tls_begin(c, cl->tls, cl->url.host))
        return conn_tls_start(c);
    conn_note(c, CONN_END_TLS, 0, "TLS cannot be set up");
    return -1;
}

int conn_client_begin(struct conn *c)
{
    struct conn_client *cl = c->client;
    struct buf b = {0};
    if (!*cl->proxy.host)
        return conn_client_secure(c);
    cl->step = STEP_PROXY;
    proxy_request(&cl->proxy, &cl->url, client_agent, &b);
    conn_say(c, &b);
    conn_write(c);
    explicit_bzero(b.data, b.len);
    buf_free(&b);
    return c->state == CONN_DEAD ? -1 : 0;
}

/* The proxy's answer. Advances p behind it when it is complete. */
static int conn_client_tunnel(struct conn *c, char **p, size_t *len)
{
    const struct conn_client *cl = c->client;
    size_t before = c->head.len;
    buf_add(&c->head, *p, *len);
    size_t end = wshandshake_end(c->head.data, c->head.len);
    bool http = c->head.len < 5 || memcmp(c->head.data, "HTTP/", 5) == 0;
    if (!end && http && c->head.len <= WSHANDSHAKE_HEAD_MAX) {
        *len = 0;
        return 0;
    }
    int status = http && end ? wshandshake_status(c->head.data, c->head.len) : 0;
    if (status < 200 || status > 299) {
        conn_note(c, CONN_END_PROXY, status, proxy_refusal(status, cl->proxy.basic));
        return -1;
    }
    *p += end - before;
    *len -= end - before;
    buf_free(&c->head);
    return conn_client_secure(c);
}

static const char *conn_client_terms(struct conn *c, const struct wshandshake_answer *a)
{
    struct wsdeflate_terms terms;
    if (!a->extensions_len)
        return NULL;
    if (!c->opts.compress)
        return "the peer uses an extension that was not offered";
    const char *bad = wsdeflate_agreed(a->extensions, a->extensions_len, &c->opts.deflate, &terms);
    if (!bad)
        c->deflate = wsdeflate_new(WSFRAME_CLIENT, &terms);
    return bad;
}

/* Bytes of the answer to the upgrade. Advances p behind it when the handshake is complete. */
static int conn_client_answer(struct conn *c, char **p, size_t *len)
{
    struct conn_client *cl = c->client;
    size_t before = c->head.len;
    const char *bad = NULL;
    buf_add(&c->head, *p, *len);
    struct wshandshake_answer a;
    switch (wshandshake_read(c->head.data, c->head.len, cl->key, &a)) {
    case WSHANDSHAKE_MORE: *len = 0; return 0;
    case WSHANDSHAKE_REFUSED: conn_note(c, CONN_END_HTTP, a.status, "upgrade refused"); return -1;
    case WSHANDSHAKE_BAD: bad = a.reason; break;
    case WSHANDSHAKE_OPEN: bad = conn_client_terms(c, &a); break;
    }
    if (bad) {
        conn_note(c, CONN_END_BAD, a.status, bad);
        return -1;
    }
    *p += a.used - before;
    *len -= a.used - before;
    buf_free(&c->head);
    cl->step = STEP_OPEN;
    conn_opened(c);
    return 0;
}

static int conn_client_plain(struct conn *c, char *p, size_t len)
{
    if (c->client->step == STEP_UPGRADE && conn_client_answer(c, &p, &len))
        return -1;
    return len ? conn_frames(c, p, len) : 0;
}

int conn_client_rx(struct conn *c, char *p, size_t len)
{
    if (c->client->step == STEP_PROXY && conn_client_tunnel(c, &p, &len))
        return -1;
    if (!len)
        return 0;
    if (c->tls)
        return conn_tls_rx(c, p, len, conn_client_plain, conn_client_upgrade);
    return conn_client_plain(c, p, len);
}
