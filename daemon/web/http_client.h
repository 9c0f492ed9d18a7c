/* http_client.h -- outgoing HTTP of the daemon: requests of flows (c:http) and to the language model (c:llm), on the loop, never
 * blocking it. libcurl does the work and is loaded when the first request leaves: who uses none of it does not pay for it.
 * Only addresses that the configuration lists are reached, also after a redirect. Callers: engine/run/calls.c, cli/serve/daemon.c. */
#ifndef SOPD_WEB_HTTP_CLIENT_H
#define SOPD_WEB_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"

struct http_client;
struct zone;

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
};

struct llm_conf {
    char *url; /* NULL: there is none, c:llm says "off" */
    char *key, *model;
    int64_t timeout_ms, max_tokens;
    int64_t calls_per_day, tokens_per_day;
    char **words; /* folded; an answer that has one is refused. NULL-terminated, or NULL */
    const struct zone *zone; /* whose days they are */
};

struct http_conf {
    struct http_site *sites;
    int nsites;
    int requests; /* at once; the others wait */
    int64_t body_max;
    char *ca, *proxy; /* NULL: the system's certificates, no proxy */
    struct llm_conf llm;
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

/* ---- requests ---- */

struct http_header {
    const char *name, *value;
};

struct http_request {
    const char *method, *url;
    const struct http_header *headers;
    int nheaders;
    const char *body; /* NULL: none */
    size_t body_len;
    int64_t timeout_ms;
    int redirects;   /* followed, within what is listed; 0 = none */
    bool configured; /* the address itself is from the configuration: it need not be listed */
};

struct http_answer {
    int status;          /* 0: there is no answer, error says why */
    const char *error;   /* "timeout", "too large", ...; NULL if there is an answer */
    const char *headers; /* a JSON object, names in lower case; cookies left out */
    const char *body;
    size_t body_len;
};
typedef void (*http_answer_fn)(void *ud, const struct http_answer *a);

struct http_client_opts {
    uv_loop_t *loop;
    const struct http_conf *conf; /* borrowed; see http_client_configure */
    /* Tests: requests go here instead of to the network, and are answered by http_client_answer. */
    void (*fake)(void *ud, uint64_t id, const struct http_request *r);
    void *ud;
};
struct http_client *http_client_create(const struct http_client_opts *opts);
/* A new configuration; requests on their way keep the old one's. */
void http_client_configure(struct http_client *h, const struct http_conf *conf);
const struct http_conf *http_client_conf(const struct http_client *h);
/* Cancels everything (no fn is called) and closes; done runs when the loop has let go. h may be NULL: done runs at once. */
void http_client_destroy(struct http_client *h, void (*done)(void *ud), void *ud);

/* Asks; fn is called once, from the loop, never from within this call, unless it is cancelled. Copies what r holds.
 * 0 with `why` (a text that stays) when it may not or cannot be asked. */
uint64_t http_client_ask(struct http_client *h, const struct http_request *r, http_answer_fn fn,
                         void *ud, const char **why);
void http_client_cancel(struct http_client *h, uint64_t id);
/* Tests: what the world outside would have said. An id that is over: nothing happens. */
void http_client_answer(struct http_client *h, uint64_t id, const struct http_answer *a);
/* On their way, and waiting for their turn. */
unsigned http_client_busy(const struct http_client *h);
unsigned http_client_waiting(const struct http_client *h);

#endif
