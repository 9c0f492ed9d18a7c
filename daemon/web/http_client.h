/* http_client.h -- outgoing HTTP of the daemon: requests of flows (c:http), to the language model (c:llm), and calls of gateways, on
 * the loop, never blocking it. libcurl does the work and is loaded when the first request leaves: who uses none of it does not pay
 * for it. What flows ask reaches only addresses that the configuration lists, also after a redirect, and private ones only where it
 * says so. A process may have several clients, each with its own connections. Callers: engine/run/calls.c, engine/health/alarm_out.c,
 * cli/serve/daemon.c, codecs of gateways. */
#ifndef SOPD_WEB_HTTP_CLIENT_H
#define SOPD_WEB_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"

struct http_client;

/* ---- configuration (lua/config_http.c fills it, docs/operations.md) ---- */

/* An address in its parts, all lower case but the path. */
struct http_url {
    bool tls;
    char host[256]; /* [::1] without the brackets */
    int port;
    const char *path; /* into the text that was parsed; begins with / or is "" */
    size_t path_len;  /* without query */
};

/* What flows may call: everything below an address, with a header that holds a secret. */
struct http_site {
    char *url;
    char *header, *value; /* NULL: none. The flow never sees it */
    bool private_too;     /* its name may lead to a private address */
};

struct http_conf {
    struct http_site *sites; /* of flows; gateways need none */
    int nsites;
    int requests;       /* at once, and connections that are kept; the others wait */
    int64_t body_max;   /* longest answer in bytes */
    int64_t send_max;   /* longest body of a request in bytes; 0 = 64 KiB */
    int64_t connect_ms; /* until there is a connection, TLS included; 0 = 5000 */
    char *ca, *proxy;   /* NULL: the system's certificates, no proxy */
    char *cert, *key;   /* files: ours, for servers that want to know who asks; NULL: none */
    bool insecure;      /* certificates are not checked */
};

/* Frees what is in it; secrets are wiped. */
void http_conf_free(struct http_conf *c);

/* ---- addresses (http_url.c) ---- */

/* NULL, or what is wrong with it. Strict: what two readers could understand differently is refused. */
const char *http_url_parse(const char *text, struct http_url *out);
/* Is `url` at or below `base`? */
bool http_url_below(const struct http_url *base, const struct http_url *url);
/* The site that covers an address; NULL: none is listed. */
const struct http_site *http_site_of(const struct http_conf *c, const struct http_url *url);
/* Is it an address of this machine, of a network of one's own, or none that a server could have (http_address.c)? Understands IPv4, IPv6
 * and IPv4 within IPv6. Text that is no address: false. */
bool http_address_private(const char *text);
/* A name or address that says by itself that it is private: localhost, 10.0.0.1, ::1. */
bool http_host_private(const char *host);

/* ---- requests ---- */

struct http_header {
    const char *name, *value;
};

struct http_request {
    const char *method, *url;
    const struct http_header *headers; /* Content-Type, too: it replaces libcurl's */
    int nheaders;
    const char *body; /* NULL: none. Any bytes */
    size_t body_len;
    int64_t timeout_ms;
    int64_t answer_max; /* bytes of the answer, 0 = the configuration's body_max */
    int redirects; /* followed, within what is listed; configured: to any public host; 0 = none */
    int again; /* times that it may be asked once more if there was no connection or it was lost before an answer. 0: it is written
                * at most once, whatever happens, so it may be something that must not be done twice */
    bool
        configured; /* the address itself is from the configuration: it need not be listed, and may be private */
    bool
        public_only; /* with configured: but not to a private address (an address that a flow names) */
    bool want_headers; /* fill http_answer.headers */
    /* A piece of the answer's body, as it comes, in place of http_answer.body; `status` is the answer's. False: enough, the request ends
     * with "stopped". Must not call into any client. NULL: the body is collected. */
    bool (*on_data)(void *ud, int status, const char *data, size_t len);
};

struct http_answer {
    int status;        /* 0: there is no answer, error says why */
    const char *error; /* "timeout", "too large", ...; NULL if there is an answer */
    bool
        written; /* false: surely nothing of the request left (DNS, connection, TLS, or still waiting). Always true with a status */
    const char
        *headers; /* a JSON object, names in lower case; cookies left out. NULL unless asked for */
    const char *body; /* ends with a 0 byte that does not count */
    size_t body_len;
    const char *lines; /* of the header, for http_answer_header */
    size_t lines_len;
};
typedef void (*http_answer_fn)(void *ud, const struct http_answer *a);

/* The first header of that name (lower case), cut to size; NULL: there is none. */
const char *http_answer_header(const struct http_answer *a, const char *name, char *out,
                               size_t size);

struct http_client_opts {
    uv_loop_t *loop;
    const struct http_conf *conf; /* borrowed; see http_client_configure */
    bool counted;                 /* in sopd_http_requests_total: what flows ask */
    /* Tests: requests go here instead of to the network, and are answered by http_client_answer. */
    void (*fake)(void *ud, uint64_t id, const struct http_request *r);
    void *ud;
};
struct http_client *http_client_create(const struct http_client_opts *opts);
/* A new configuration; requests on their way keep the old one's. */
void http_client_configure(struct http_client *h, const struct http_conf *conf);
/* Cancels everything (no fn is called) and closes; done runs when the loop has let go. h may be NULL: done runs at once. */
void http_client_destroy(struct http_client *h, void (*done)(void *ud), void *ud);

/* Asks; fn is called once, from the loop, never from within this call, unless it is cancelled. Copies what r holds.
 * 0 with `why` (a text that stays) when it may not or cannot be asked: nothing was written. */
uint64_t http_client_ask(struct http_client *h, const struct http_request *r, http_answer_fn fn,
                         void *ud, const char **why);
void http_client_cancel(struct http_client *h, uint64_t id);
/* Tests: what the world outside would have said. An id that is over: nothing happens. */
void http_client_answer(struct http_client *h, uint64_t id, const struct http_answer *a);
/* On their way, and waiting for their turn. */
unsigned http_client_busy(const struct http_client *h);
unsigned http_client_waiting(const struct http_client *h);

#endif
