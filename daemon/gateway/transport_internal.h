/* transport_internal.h -- what transport.c, transport_client.c and transport_server.c share. */
#ifndef SOPD_GATEWAY_TRANSPORT_INTERNAL_H
#define SOPD_GATEWAY_TRANSPORT_INTERNAL_H

#include <libwebsockets.h>

#include "base/hash.h"
#include "gateway/transport.h"
#include "gateway/wsframe.h"
#include "gateway/wshandshake.h"

enum {
    TRANSPORT_RX = 64 * 1024,             /* one read */
    TRANSPORT_TX = 1024 * 1024,           /* one lws_write */
    TRANSPORT_OUT_KEEP = 512 * 1024,      /* output buffers above this are given back when empty, */
    TRANSPORT_KEEP_ALL = 4 * 1024 * 1024, /* and all when together they are above this */
    TRANSPORT_CLOSE_MS = 1000,            /* how long a close may take */
    TRANSPORT_OPEN_MS = 10000,
    TRANSPORT_TIMER_MS = 50,
    TRANSPORT_ADDRESSES = 8
};

enum conn_state {
    CONN_RESOLVING,
    CONN_CONNECTING, /* TCP and TLS */
    CONN_HANDSHAKE,  /* request sent, or upgrade accepted and not yet established */
    CONN_OPEN,
    CONN_CLOSING, /* close frame queued */
    CONN_DEAD     /* ended; on_end is due or was given */
};

struct conn_client; /* transport_client.c */

struct conn {
    struct transport *t;
    struct conn *next, *prev;
    struct conn *next_dirty;
    bool dirty;
    enum wsframe_role role;
    enum conn_state state;
    struct lws *wsi; /* NULL while resolving and after the end */
    struct conn_opts opts;
    struct buf out; /* LWS_PRE bytes of head-room, then what waits from out_at on */
    size_t out_at;
    size_t kept; /* bytes of `out` counted in transport.kept */
    uint64_t queued, written;
    int64_t deadline_ms;            /* uv_now; 0 = none */
    struct wsframe_decoder decoder; /* client role */
    struct buf message;             /* server role: a message in pieces */
    bool by_us, was_open, paused, end_given;
    struct conn_end_info end;
    char end_reason[160];
    char peer[64];
    struct conn_client *client; /* NULL for accepted connections */
};

/* A vhost of libwebsockets, kept by what distinguishes it. */
struct transport_vhost {
    struct transport_vhost *next;
    char *name;
    struct lws_vhost *vhost;
};

struct port;

struct transport {
    uv_loop_t *loop;
    struct rng rng;
    unsigned connections;
    struct lws_context *plain, *secure;
    struct transport_vhost *vhosts;
    struct conn *conns;
    struct conn *dirty;
    size_t kept; /* empty output buffers hold so much */
    struct port *ports;
    uv_prepare_t prepare; /* active while something is dirty */
    uv_timer_t timer;     /* active while a connection has a deadline */
    int open_handles;
    int resolving;  /* uv_getaddrinfo requests under way */
    int live_ports; /* ports not yet freed */
    bool destroying;
    int destroy_rounds;
    void (*done)(void *ud);
    void *done_ud;
};

/* transport.c */
struct conn *conn_new(struct transport *t, enum wsframe_role role, const struct conn_opts *opts);
/* The connection is over: gives on_end from the next dirty pass (or now if `now`) and frees it. c->wsi is gone. */
void conn_ended(struct conn *c, bool now);
void conn_mark_dirty(struct conn *c);
void conn_deadline(struct conn *c, int64_t ms);
/* Notes why it ended, if nothing was noted before. reason may be hostile: it is cleaned and cut. */
void conn_note_end(struct conn *c, enum conn_end kind, int status, unsigned code,
                   const char *reason, size_t len);
/* Writes what waits; asks for a WRITEABLE callback if the socket is full. */
void conn_write(struct conn *c);
/* Closes the socket without a word; the lws close callback follows. */
void conn_kill(struct conn *c);
/* The vhost for a role: client or server, by its TLS files (NULL = plain). NULL with err filled. */
struct lws_vhost *transport_vhost_get(struct transport *t, bool server, bool tls, const char *file,
                                      const char *key, struct buf *err);

/* transport_client.c */
int transport_client_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
                              void *in, size_t len);
/* Tries the next address; false if there is none left. */
bool conn_client_next(struct conn *c);
void conn_client_free(struct conn *c);

int transport_client_tls_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
                                  void *in, size_t len);

/* transport_ws.c: a piece of a message; the peer's close frame */
void conn_ws_rx(struct lws *wsi, struct conn *c, char *in, size_t len);
void conn_ws_peer_close(struct conn *c, const unsigned char *in, size_t len);

/* transport_server.c */
int transport_server_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
                              void *in, size_t len);
void transport_ports_close(struct transport *t);

#endif
