/* wshandshake.h -- the client's side of the WebSocket opening handshake (RFC 6455 section 4.1): the URL, the request, the
 * answer. Bytes only, no sockets. */
#ifndef SOPD_GATEWAY_WSHANDSHAKE_H
#define SOPD_GATEWAY_WSHANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct rng;

struct wsurl {
    bool tls;
    char host[256]; /* without brackets */
    int port;
    char *target; /* path and query, at least "/"; owned */
};

/* Splits ws://host[:port][/path][?query]. False with err filled: what is wrong. Free with wsurl_free either way. */
bool wsurl_parse(struct wsurl *u, const char *url, struct buf *err);
void wsurl_free(struct wsurl *u);

enum { WSHANDSHAKE_KEY = 25, WSHANDSHAKE_HEAD_MAX = 16 * 1024 };

/* A fresh Sec-WebSocket-Key, NUL-terminated. */
void wshandshake_key(char key[WSHANDSHAKE_KEY], struct rng *rng);
/* Appends the request. bearer: token for an Authorization header, or NULL; agent: User-Agent. */
void wshandshake_request(struct buf *out, const struct wsurl *u, const char *key,
                         const char *bearer, const char *agent);

enum wshandshake_result {
    WSHANDSHAKE_MORE,    /* the answer is not complete */
    WSHANDSHAKE_OPEN,    /* 101 and everything in order; used = bytes of the answer */
    WSHANDSHAKE_REFUSED, /* another HTTP status */
    WSHANDSHAKE_BAD      /* not a WebSocket server */
};
struct wshandshake_answer {
    int status; /* HTTP status, 0 unknown */
    size_t used;
    const char *reason; /* BAD: a fixed text */
};
/* Looks at all bytes received so far. */
enum wshandshake_result wshandshake_read(const char *data, size_t len, const char *key,
                                         struct wshandshake_answer *answer);
/* Sec-WebSocket-Accept for a key, NUL-terminated (29 bytes with NUL). */
void wshandshake_accept(const char *key, char accept[29]);

#endif
