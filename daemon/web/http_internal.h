/* http_internal.h -- what http_client.c (requests and their queue) and http_transfer.c (one request on its way) share. */
#ifndef SOPD_WEB_HTTP_INTERNAL_H
#define SOPD_WEB_HTTP_INTERNAL_H

#include "base/log.h"
#include "web/http_client.h"
#include "web/http_curl.h"

struct request {
    struct request *next; /* waiting, or on its way */
    struct http_client *h;
    uint64_t id;
    char *method, *url, *body;
    size_t body_len, body_max;
    char **headers; /* "name: value", NULL-terminated */
    int redirects;
    bool configured;
    bool led; /* to another host, by an answer: our secrets are not for what it may ask there */
    uint64_t until_ns; /* its time is up */
    http_answer_fn fn;
    void *ud;
    CURL *easy; /* on its way */
    struct curl_slist *list;
    struct buf got, got_headers; /* the answer so far; headers as JSON members */
    bool too_large;
};

struct http_client {
    struct http_client_opts opts;
    const struct curl_api *api; /* NULL until the first request */
    struct curl_loop *curl;
    struct request *waiting, **waiting_tail;
    struct request *going;
    unsigned nwaiting, ngoing;
    uint64_t last_id;
    uv_timer_t
        late; /* ends requests whose time is up while they wait, and reports those that failed at once */
    struct log_gate gate;
    void (*closed)(void *ud);
    void *closed_ud;
};

/* ---- http_client.c ---- */
/* Takes it out of the list in which it stands. */
void client_unlink(struct http_client *h, struct request *q);
/* Ends a request with what came, or with why nothing did; it is gone afterwards. */
void request_end(struct request *q, const struct http_answer *a);
void request_fail(struct request *q, const char *error);
/* The next ones may go. From the loop only: it may call fn. */
void client_start_waiting(struct http_client *h);
int64_t request_left_ms(const struct request *q);

/* ---- http_transfer.c ---- */
/* May it be asked where it points now (a redirect may have changed that)? False with why. */
bool transfer_allowed(struct request *q, const struct http_site **site, const char **why);
/* NULL, or why it cannot leave. */
const char *transfer_go(struct request *q);
/* What libcurl has of it. */
void transfer_drop(struct request *q);
/* libcurl is through with one. */
void transfer_on_done(void *client, CURL *easy, CURLcode code);

#endif
