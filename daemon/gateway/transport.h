/* transport.h -- WebSocket connections on the libuv loop, both ways round, for every codec that needs them.
 * Libwebsockets serves the sockets (its RAW role); the handshake and the frames are ours (wshandshake.h, wsframe.h), so that all frames
 * of a loop turn leave in one write, and TLS is OpenSSL's. Nothing here knows any platform's protocol.
 *
 * Life of a connection: conn_connect (or an accepted upgrade) -> on_open -> on_message... -> on_end, which is the last
 * call and comes exactly once, never from inside a function called by the owner. All on the loop thread. */
#ifndef SOPD_GATEWAY_TRANSPORT_H
#define SOPD_GATEWAY_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "gateway/wsdeflate.h"

struct transport;
struct conn;
struct listener;

/* connections: how many are expected at most (tables are sized by it; 0 = 1024). NULL with err filled when libwebsockets
 * cannot run on the loop. TLS is set up only when the first wss:// or TLS listener asks for it. */
struct transport *transport_create(uv_loop_t *loop, unsigned connections, struct buf *err);
/* Ends what is still open (on_end comes, with code 1001 to the peers), then frees in later loop iterations and calls
 * done. NULL t calls done at once. */
void transport_destroy(struct transport *t, void (*done)(void *ud), void *ud);
/* Writes everything queued on all connections. It happens before the loop blocks anyway; the engine calls it (through
 * gateway_flush) when it has queued from a prepare handle. */
void transport_flush(struct transport *t);

enum conn_end {
    CONN_END_DNS,     /* the name could not be resolved */
    CONN_END_CONNECT, /* refused, unreachable */
    CONN_END_TIMEOUT, /* connecting or the handshake took too long */
    CONN_END_TLS,     /* TLS failed: certificate, name, protocol */
    CONN_END_PROXY,   /* the proxy refused, with `status` */
    CONN_END_HTTP,    /* the server answered the upgrade with `status` */
    CONN_END_BAD,     /* not a WebSocket server, or it broke the protocol */
    CONN_END_CLOSED /* was open; `code` is the peer's close code, 1005 without, 1006 without a close frame */
};
struct conn_end_info {
    enum conn_end kind;
    bool was_open;
    bool by_us; /* we closed it */
    int status;
    unsigned code;
    const char *reason; /* for logs; "" or text, cleaned */
};

struct conn_handler {
    void (*on_open)(void *ud, struct conn *c);
    /* One whole message; data may be changed and is valid during the call. */
    void (*on_message)(void *ud, struct conn *c, char *data, size_t len, bool binary);
    /* A ping or pong came. */
    void (*on_alive)(void *ud, struct conn *c);
    void (*on_end)(void *ud, struct conn *c, const struct conn_end_info *info);
};
struct conn_opts {
    const struct conn_handler *handler;
    void *ud;
    size_t max_message; /* larger ones close with 1009 */
    size_t max_queue;   /* bytes that may wait for the socket */
    size_t fragment;    /* longer messages leave in frames of at most so many bytes; 0 = in one */
    bool compress;      /* permessage-deflate is offered, or accepted */
    struct wsdeflate_wish deflate;
};

struct conn_target {
    const char *url;
    const char *bearer;     /* Authorization: Bearer, or NULL */
    const char *ca;         /* PEM file to trust instead of the system's store, or NULL */
    const char *cert, *key; /* PEM files: who we are, for servers that ask; both or none */
    bool insecure;          /* no certificate check at all */
    const char *
        proxy; /* http://[user:password@]host[:port]; "none": straight; NULL: as the environment says */
    int64_t timeout_ms; /* to be open; 0 = 10 s */
};
/* Checks a target without connecting: false with err filled. */
bool conn_check_target(const struct conn_target *target, struct buf *err);
/* Begins to connect. The target's strings are copied. NULL with err filled if it cannot even begin. */
struct conn *conn_connect(struct transport *t, const struct conn_target *target,
                          const struct conn_opts *opts, struct buf *err);

/* A text message written in place: begin gives the buffer to append to, end makes the frame. Only between on_open and
 * conn_close; nothing else may be queued on c in between. */
struct buf *conn_begin(struct conn *c, size_t *start);
void conn_end(struct conn *c, size_t start);
/* Forgets what was appended since begin. */
void conn_cancel(struct conn *c, size_t start);
/* It leaves before what waits, between two frames. */
void conn_ping(struct conn *c);
/* True when max_queue is reached: take nothing more. */
bool conn_full(const struct conn *c);
/* Bytes waiting, bytes ever queued, bytes ever handed to the kernel's side of the socket. A frame whose start (conn_queued
 * before conn_begin) is at or beyond conn_written never left. */
size_t conn_waiting(const struct conn *c);
uint64_t conn_queued(const struct conn *c);
uint64_t conn_written(const struct conn *c);
/* Are messages packed on this connection? */
bool conn_compressed(const struct conn *c);
/* Stops or resumes reading. */
void conn_pause(struct conn *c, bool pause);
void conn_flush(struct conn *c);
/* Says goodbye: queued frames and a close frame leave, then the socket is closed, at latest after a second. on_end comes
 * later. Doing it twice is harmless. code 0: cut without a word. */
void conn_close(struct conn *c, unsigned code, const char *reason);
/* Calls go to ud from now on. */
void conn_rebind(struct conn *c, void *ud);
/* The peer's address as text, for logs. */
const char *conn_peer(const struct conn *c);

/* ---- server ---- */

struct upgrade_request {
    const char *path;          /* without query */
    const char *authorization; /* header, "" when absent */
    const char *query_token;   /* access_token of the query, decoded; "" when absent */
    const char *self_id;       /* X-Self-ID */
    const char *role;          /* X-Client-Role */
    const char *agent;
    const char *peer;
};
struct listen_opts {
    const char *address;    /* host:port, [v6]:port */
    const char *cert, *key; /* PEM files: serve TLS; both or none */
    /* Decides on an upgrade: 101 accepts with *opts filled, another HTTP status refuses; 404 means not mine. Called within
     * the handshake: quick, without waiting. */
    int (*admit)(void *ud, const struct upgrade_request *r, struct conn_opts *opts);
    /* The accepted request's connection, before on_open; conn's ud is that of *opts. */
    void *ud;
};
/* Several listeners may share an address (with the same TLS files): each is asked in turn. NULL with err filled. */
struct listener *transport_listen(struct transport *t, const struct listen_opts *opts,
                                  struct buf *err);
/* No admit call after this; connections stay. NULL is allowed. */
void listener_close(struct listener *l);
/* The port it listens on (for address ":0" in tests). */
int listener_port(const struct listener *l);

#endif
