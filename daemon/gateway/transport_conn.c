/* transport_conn.c -- the life of a connection: made, given its socket, ended; and what its socket tells.
 * Callers: the other files transport*.c. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "gateway/transport_internal.h"

struct conn *conn_new(struct transport *t, enum wsframe_role role, const struct conn_opts *opts)
{
    struct conn *c = MEM_NEW(struct conn);
    c->t = t;
    c->fd = -1;
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
    conn_server_free(c);
    conn_tls_free(c);
    wsdeflate_free(c->deflate);
    wsframe_decoder_free(&c->decoder);
    buf_free(&c->head);
    buf_free(&c->out);
    free(c);
}

void conn_give_end(struct conn *c)
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

void conn_note(struct conn *c, enum conn_end kind, int status, const char *reason)
{
    conn_note_end(c, kind, status, 0, reason, strlen(reason));
}

void conn_deadline(struct conn *c, int64_t ms)
{
    struct transport *t = c->t;
    c->deadline_ms = ms ? (int64_t)uv_now(t->loop) + ms : 0;
    if (ms)
        transport_deadlines(t);
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

void conn_rebind(struct conn *c, void *ud)
{
    c->opts.ud = ud;
}

const char *conn_peer(const struct conn *c)
{
    return c->peer;
}

bool conn_compressed(const struct conn *c)
{
    return c->deflate;
}

void conn_pause(struct conn *c, bool pause)
{
    if (c->paused == pause)
        return;
    c->paused = pause;
    if (c->wsi)
        lws_rx_flow_control(c->wsi, !pause);
}

void conn_opened(struct conn *c)
{
    c->state = CONN_OPEN;
    c->was_open = true;
    c->decoder.deflate = c->deflate;
    c->decoder.limit = c->opts.max_message;
    conn_deadline(c, 0);
    c->opts.handler->on_open(c->opts.ud, c);
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
    wsframe_add_close(&c->out, c->role, code, reason, &c->t->rng);
    conn_mark_dirty(c);
    conn_deadline(c, TRANSPORT_CLOSE_MS);
}

/* ---- the socket ---- */

bool conn_adopt(struct conn *c, int fd)
{
    lws_sock_file_fd_type desc = {.sockfd = fd};
    /* on failure libwebsockets has closed the socket */
    c->wsi = lws_adopt_descriptor_vhost(c->t->vhost, LWS_ADOPT_SOCKET, desc, "sopd", NULL);
    if (!c->wsi)
        return false;
    c->fd = fd;
    c->state = CONN_HANDSHAKE;
    lws_set_opaque_user_data(c->wsi, c);
    lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
    return true;
}

/* What an end during the handshake may mean. The alert of a server that wants to know who we are can be lost with the connection: it
 * comes after our side of TLS 1.3 is complete. */
static const char *conn_lost_at(const struct conn *c)
{
    if (!c->tls)
        return "closed during the handshake";
    if (conn_tls_shaking(c))
        return "closed during the TLS handshake";
    return c->head.len
               ? "closed during the handshake"
               : "closed right after the TLS handshake: perhaps it wants a client certificate";
}

static int conn_lost(struct lws *wsi, struct conn *c)
{
    lws_set_opaque_user_data(wsi, NULL);
    if (!c->was_open && !c->end_reason[0])
        conn_note(c, CONN_END_BAD, 0, conn_lost_at(c));
    conn_ended(c, true);
    return 0;
}

int conn_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t len)
{
    struct conn *c = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    (void)user;
    if (!c)
        return 0;
    switch (reason) {
    case LWS_CALLBACK_RAW_RX:
        if (c->state == CONN_DEAD)
            return -1;
        return c->client ? conn_client_rx(c, in, len) : conn_server_rx(c, in, len);
    case LWS_CALLBACK_RAW_WRITEABLE: conn_write(c); return 0;
    case LWS_CALLBACK_RAW_CLOSE: return conn_lost(wsi, c);
    default: return 0;
    }
}
