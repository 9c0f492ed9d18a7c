/* transport_internal.h -- what the files transport*.c share. */
#ifndef SOPD_GATEWAY_TRANSPORT_INTERNAL_H
#define SOPD_GATEWAY_TRANSPORT_INTERNAL_H

#include <libwebsockets.h>

#include "base/hash.h"
#include "gateway/transport.h"
#include "gateway/wsframe.h"
#include "gateway/wshandshake.h"

enum {
    TRANSPORT_RX = 64 * 1024,             /* one read */
    TRANSPORT_TX = 1024 * 1024,           /* one write */
    TRANSPORT_OUT_KEEP = 512 * 1024,      /* output buffers above this are given back when empty, */
    TRANSPORT_KEEP_ALL = 4 * 1024 * 1024, /* and all when together they are above this */
    TRANSPORT_CLOSE_MS = 1000,            /* how long a close may take */
    TRANSPORT_OPEN_MS = 10000,
    TRANSPORT_TIMER_MS = 50
};

enum conn_state {
    CONN_CONNECTING, /* names, TCP */
    CONN_HANDSHAKE,  /* proxy, TLS, upgrade */
    CONN_OPEN,
    CONN_CLOSING, /* close frame queued */
    CONN_DEAD     /* ended; on_end is due or was given */
};

struct conn_client; /* transport_client.c */
struct conn_server; /* transport_server.c */
struct conn_tls;    /* transport_tls.c */
struct tls_context;

struct conn {
    struct transport *t;
    struct conn *next, *prev;
    struct conn *next_dirty;
    bool dirty;
    enum wsframe_role role;
    enum conn_state state;
    struct lws *wsi; /* NULL while connecting and after the end */
    int fd;          /* of wsi */
    struct conn_tls *tls;
    struct wsdeflate *deflate;
    struct conn_opts opts;
    struct buf out; /* what waits, from out_at on */
    size_t out_at;
    size_t out_mark; /* where some frame begins, behind which all are whole */
    size_t kept;     /* bytes of `out` counted in transport.kept */
    uint64_t queued, written;
    int64_t deadline_ms; /* uv_now; 0 = none */
    struct wsframe_decoder decoder;
    struct buf head; /* HTTP head that is not complete */
    bool by_us, was_open, paused, end_given;
    bool hang_up; /* as soon as everything is written */
    bool broken;  /* nothing can be written any more */
    struct conn_end_info end;
    char end_reason[160];
    char peer[64];
    struct conn_client *client; /* NULL for accepted connections */
    struct conn_server *server; /* NULL for our own */
};

struct port;

struct transport {
    uv_loop_t *loop;
    struct rng rng;
    unsigned connections;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct tls_context *tls;
    struct conn *conns;
    struct conn *dirty;
    size_t kept; /* empty output buffers hold so much */
    struct port *ports;
    uv_prepare_t prepare; /* active while something is dirty */
    uv_timer_t timer;     /* active while a connection has a deadline */
    int open_handles;
    int dials;      /* not yet freed */
    int live_ports; /* the same */
    bool destroying;
    int destroy_rounds;
    void (*done)(void *ud);
    void *done_ud;
};

/* transport.c */
void transport_deadlines(struct transport *t); /* a connection has one */

/* transport_conn.c */
struct conn *conn_new(struct transport *t, enum wsframe_role role, const struct conn_opts *opts);
/* The socket is connected or accepted. False: it cannot be served, and is closed. */
bool conn_adopt(struct conn *c, int fd);
int conn_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t len);
/* The connection is over: gives on_end from the next dirty pass (or now if `now`) and frees it. c->wsi is gone. */
void conn_ended(struct conn *c, bool now);
void conn_give_end(struct conn *c);
void conn_mark_dirty(struct conn *c);
void conn_deadline(struct conn *c, int64_t ms);
/* Notes why it ended, if nothing was noted before. reason may be hostile: it is cleaned and cut. */
void conn_note_end(struct conn *c, enum conn_end kind, int status, unsigned code,
                   const char *reason, size_t len);
void conn_note(struct conn *c, enum conn_end kind, int status, const char *reason);
/* Closes the socket without a word; the lws close callback follows. */
void conn_kill(struct conn *c);
/* The handshake is through. */
void conn_opened(struct conn *c);

/* transport_out.c */
/* Writes what waits; asks for a WRITEABLE callback if the socket is full. */
void conn_write(struct conn *c);
/* One write to the socket: bytes taken, 0 = it is full and tells when it is not, -1 = it is gone. */
ssize_t conn_send(struct conn *c, const void *data, size_t len);
/* Part of a handshake, before any frame. */
void conn_say(struct conn *c, const struct buf *head);
/* A control frame: before what waits if that is much. */
void conn_control(struct conn *c, enum wsframe_opcode op, const void *data, size_t len);

/* transport_frames.c: bytes behind the handshake; nonzero: hang up now. */
int conn_frames(struct conn *c, char *data, size_t len);

/* transport_client.c: bytes of whatever the connection is at; nonzero: hang up now. */
int conn_client_begin(struct conn *c);
int conn_client_rx(struct conn *c, char *data, size_t len);
void conn_client_free(struct conn *c);

/* transport_server.c */
int conn_server_rx(struct conn *c, char *data, size_t len);
void conn_server_free(struct conn *c);
void transport_ports_close(struct transport *t);

/* transport_dial.c: a TCP connection to a name. done comes once, from the loop, with the socket, or -1 and why. NULL: *why says. */
struct dial *dial_start(struct transport *t, const char *host, int port,
                        void (*done)(void *ud, int fd, enum conn_end kind, const char *why),
                        void *ud, const char **why);
void dial_cancel(
    struct dial *d); /* done does not come then; NULL is allowed, after done nothing is */

/* transport_proxy.c */
struct proxy {
    char host[256]; /* "": none */
    int port;
    char *basic; /* user:password in base64, a secret; or NULL */
};
bool proxy_parse(struct proxy *p, const char *text, struct buf *err);
/* The proxy for a url; own: what the gateway's configuration says, or NULL. */
bool proxy_choose(struct proxy *p, const char *own, const struct wsurl *u, struct buf *err);
bool proxy_spared(const char *list, const char *host); /* is the host in a no_proxy list? */
void proxy_free(struct proxy *p);
void proxy_request(const struct proxy *p, const struct wsurl *u, const char *agent,
                   struct buf *out);
const char *proxy_refusal(int status, bool credentials);

/* transport_tls.c */
/* A context by its files, shared and kept. NULL with err filled. */
struct tls_context *tls_context_get(struct transport *t, bool server, const char *ca,
                                    const char *cert, const char *key, bool insecure,
                                    struct buf *err);
void tls_contexts_free(struct transport *t);
/* host: whom we expect to find, as a client; NULL: we are the server. */
bool conn_tls_begin(struct conn *c, struct tls_context *context, const char *host);
void conn_tls_free(struct conn *c);
bool conn_tls_shaking(const struct conn *c); /* its handshake is under way */
int conn_tls_start(struct conn *c);          /* a client's first words; nonzero: hang up now */
/* Bytes from the socket: what they hold goes to `take`, and `secure` is called when the handshake is done. Nonzero: hang up now. */
int conn_tls_rx(struct conn *c, const char *data, size_t len,
                int (*take)(struct conn *c, char *data, size_t len), int (*secure)(struct conn *c));
/* Writes what waits: 1 all, 0 the socket is full, -1 it is gone. */
int conn_tls_write(struct conn *c);

#endif
