/* wshandshake.h -- the WebSocket opening handshake (RFC 6455 section 4), both sides: the URL, the request, the answer. Bytes only, no
 * sockets. */
#ifndef SOPD_GATEWAY_WSHANDSHAKE_H
#define SOPD_GATEWAY_WSHANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct rng;

struct wsurl {
    bool tls;
    char host[256]; /* without brackets; of a link-local address with its zone: fe80::1%eth0 */
    int port;
    char *target; /* path and query, at least "/"; owned */
};

/* Splits ws://host[:port][/path][?query]. False with err filled: what is wrong. Free with wsurl_free either way. */
bool wsurl_parse(struct wsurl *u, const char *url, struct buf *err);
void wsurl_free(struct wsurl *u);

enum { WSHANDSHAKE_KEY = 25, WSHANDSHAKE_HEAD_MAX = 16 * 1024 };

/* A fresh Sec-WebSocket-Key, NUL-terminated. */
void wshandshake_key(char key[WSHANDSHAKE_KEY], struct rng *rng);
/* Host and port as they stand in a request: brackets around IPv6, no zone, no port that goes without saying. */
void wsurl_authority_text(const struct wsurl *u, bool always_port, struct buf *out);
/* Appends the request. bearer: token for an Authorization header, or NULL; agent: User-Agent; extensions: what is offered, or NULL. */
void wshandshake_request(struct buf *out, const struct wsurl *u, const char *key,
                         const char *bearer, const char *agent, const char *extensions);
/* Index just behind the empty line that ends a header block, 0 if it is not there. */
size_t wshandshake_end(const char *data, size_t len);
/* Value of a header in the block, blanks trimmed; NULL if it is not there. */
const char *wshandshake_header(const char *data, size_t len, const char *name, size_t *vlen);
/* Is `token` one of the comma-separated words of that header? */
bool wshandshake_has(const char *data, size_t len, const char *name, const char *token);
/* The status of an HTTP answer whose first line is there; 0: it is none. */
int wshandshake_status(const char *data, size_t len);

enum wshandshake_result {
    WSHANDSHAKE_MORE,    /* the answer is not complete */
    WSHANDSHAKE_OPEN,    /* 101 and everything in order; used = bytes of the answer */
    WSHANDSHAKE_REFUSED, /* another HTTP status */
    WSHANDSHAKE_BAD      /* not a WebSocket server */
};
struct wshandshake_answer {
    int status; /* HTTP status, 0 unknown */
    size_t used;
    const char *reason;     /* BAD: a fixed text */
    const char *extensions; /* OPEN: what the peer uses, in data; extensions_len 0: none */
    size_t extensions_len;
};
/* Looks at all bytes received so far. */
enum wshandshake_result wshandshake_read(const char *data, size_t len, const char *key,
                                         struct wshandshake_answer *answer);
/* ---- the server's side ---- */

struct wshandshake_asked {
    int status; /* 101: an upgrade in good order; else the HTTP status that refuses it; 0: not complete */
    size_t used;
    const char *target, *key; /* in data */
    size_t target_len, key_len;
};
/* Looks at all bytes received so far. */
void wshandshake_asked(const char *data, size_t len, struct wshandshake_asked *a);
/* Appends our answer to an upgrade: 101 with the key and what is agreed of extensions ("" none), or a refusal. */
void wshandshake_answer(struct buf *out, int status, const char *key, const char *extensions);
/* Sec-WebSocket-Accept for a key, NUL-terminated (29 bytes with NUL). */
void wshandshake_accept(const char *key, char accept[29]);

#endif
