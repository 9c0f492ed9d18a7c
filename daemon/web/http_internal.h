/* http_internal.h -- what http_client.c (requests and their queue) and http_transfer.c (one request on its way) share. */
#ifndef SOPD_WEB_HTTP_INTERNAL_H
#define SOPD_WEB_HTTP_INTERNAL_H

#include "base/log.h"
#include "web/http_client.h"
#include "web/http_curl.h"

/* A handle of libcurl with everything set that is the same for all requests; used again and again. */
struct transfer {
    struct transfer *next; /* idle */
    CURL *easy;
    struct curl_loop *curl;
    struct request *q;   /* NULL: idle */
    unsigned generation; /* of the configuration that it was made for */
    bool custom;         /* a method other than GET, HEAD and POST is set */
    long timeout_ms;     /* what is set */
    int64_t most;
};

/* One piece of memory holds it all, the texts behind the struct. */
struct request {
    struct request *next, **back; /* waiting, or on its way; what points to it */
    struct http_client *h;
    uint64_t id;
    const char *method, *url, *body;
    size_t body_len, answer_max;
    struct curl_slist *headers; /* "name: value": nodes of our own, behind the struct; NULL: none */
    struct curl_slist ours[2];  /* in front of them */
    size_t secret;              /* bytes behind the struct that are wiped */
    char *moved;                /* where a redirect led: `url` then */
    char *site_line;
    int redirects, again;
    bool configured, public_only, want_headers;
    bool led; /* to another host, by an answer: our secrets are not for what it may ask there */
    bool private_too; /* where it goes now may be a private address */
    bool begun;       /* this transfer has a connection and writes, or has written */
    bool headed;      /* the header of its answer is complete */
    bool written;     /* any of its transfers has */
    bool too_large, stopped, refused, fed;
    uint64_t until_ns; /* its time is up */
    uint64_t from_ns;  /* not before: once more after a failure */
    http_answer_fn fn;
    bool (*on_data)(void *ud, int status, const char *data, size_t len);
    void *ud;
    struct transfer *t;    /* on its way */
    struct buf got, lines; /* the answer so far; lines of its header, names in lower case */
    size_t header_bytes;
};

struct http_client {
    struct http_client_opts opts;
    const struct curl_api *api; /* NULL until the first request */
    struct curl_loop *curl;
    struct request *waiting, **waiting_tail, *going;
    unsigned nwaiting, ngoing;
    struct transfer *idle;
    unsigned nidle, generation;
    uint64_t last_id;
    uv_timer_t
        late; /* ends requests whose time is up while they wait, and wakes those that are to be asked once more */
    struct log_gate gate;
    void (*closed)(void *ud);
    void *closed_ud;
};

/* ---- http_client.c ---- */
/* Takes it out of the list in which it stands. */
void client_unlink(struct http_client *h, struct request *q);
void client_push_going(struct http_client *h, struct request *q);
/* Back to those that wait, for so long. */
void client_push_waiting(struct http_client *h, struct request *q, int64_t pause_ms);
/* Ends a request with what came, or with why nothing did; it is gone afterwards. */
void request_end(struct request *q, const struct http_answer *a);
void request_fail(struct request *q, const char *error);
/* The next ones may go. From the loop only: it may call fn. */
void client_start_waiting(struct http_client *h);
int64_t request_left_ms(const struct request *q);

/* ---- http_answer.c ---- */
/* The lines as a JSON object. */
void answer_headers_json(const struct buf *lines, struct buf *out);

/* ---- http_transfer.c ---- */
/* May it be asked where it points now (a redirect may have changed that)? False with why. */
bool transfer_allowed(struct request *q, const struct http_site **site, const char **why);
/* NULL, or why it cannot leave. */
const char *transfer_go(struct request *q);
/* What libcurl has of it. */
void transfer_drop(struct request *q);
/* Handles that nobody uses. */
void transfer_drop_idle(struct http_client *h);
/* libcurl is through with one. */
void transfer_on_done(void *client, CURL *easy, CURLcode code);

#endif
