/* load_conn.h -- one WebSocket connection of the load generator, server side, as cheap as it can be:
 * one read for many frames, one write for all that was put since the last one. */
#ifndef BENCH_LOAD_CONN_H
#define BENCH_LOAD_CONN_H

#include <stdbool.h>
#include <stddef.h>

struct conn {
    int fd;
    bool open; /* the handshake is done */
    bool
        http; /* it is none of WebSocket: each request is handed over as a frame, its body is the text */
    bool dirty;       /* on the list of those to be topped up and flushed */
    bool want_write;  /* the socket was full; EPOLLOUT is armed */
    unsigned account; /* the first number of the request's path */
    char path[64];    /* of the request; cut */
    unsigned in_flight;
    char *in, *out;
    size_t in_len, in_cap, out_len, out_sent, out_cap;
};

/* Called once for each text frame; `text` is unmasked in place and not terminated. For HTTP `c->path` is set. */
typedef void (*conn_frame_fn)(struct conn *c, char *text, size_t len);

/* A connection on an accepted, non-blocking socket. Aborts when out of memory. */
struct conn *conn_create(int fd);

/* Closes the socket and frees. */
void conn_destroy(struct conn *c);

/* Reads what is there, completes the handshake if it is due, and hands over whole frames. Returns false
 * when the peer is gone or spoke nonsense; the caller destroys. */
bool conn_read(struct conn *c, conn_frame_fn frame);

/* Room for a text frame of exactly `len` bytes in the output buffer; the caller fills it. */
char *conn_put(struct conn *c, size_t len);

/* Puts an HTTP answer: 200 with a JSON body. */
void conn_put_http(struct conn *c, const char *json, size_t len);

/* Writes what was put. Returns false when the peer is gone. Sets `want_write` if something is left. */
bool conn_flush(struct conn *c);

#endif
