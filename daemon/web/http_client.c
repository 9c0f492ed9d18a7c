/* http_client.c -- see http_client.h. A request waits for its turn (at most `requests` are on their way), goes out through libcurl, may
 * be redirected within what is listed, and ends with an answer or a reason. Owns the requests and what they hold.
 * Nothing of a request but its host and what became of it is ever logged. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "web/http_internal.h"

enum { WAITING_MAX = 1000, SEND_MAX = 64 << 10 };

/* ---- requests ---- */

static void request_free(struct request *q)
{
    free(q->method);
    free(q->url);
    free(q->body);
    for (char **s = q->headers; s && *s; s++) {
        explicit_bzero(*s, strlen(*s)); /* it may be a secret */
        free(*s);
    }
    free(q->headers);
    buf_free(&q->got);
    buf_free(&q->got_headers);
    free(q);
}

void client_unlink(struct http_client *h, struct request *q)
{
    struct request **p = q->easy ? &h->going : &h->waiting;
    while (*p && *p != q)
        p = &(*p)->next;
    if (!*p)
        return;
    *p = q->next;
    *(q->easy ? &h->ngoing : &h->nwaiting) -= 1;
    for (h->waiting_tail = &h->waiting; *h->waiting_tail;)
        h->waiting_tail = &(*h->waiting_tail)->next;
}

static void client_count(const char *result)
{
    metric_inc(metric_counter("sopd_http_requests_total",
                              "Requests of flows to the outside, by what became of them.",
                              metric_labels("result", result, NULL)));
}

/* Ends a request with what came; it is gone afterwards. */
void request_end(struct request *q, const struct http_answer *a)
{
    struct http_client *h = q->h;
    struct http_url u;
    bool known = http_url_parse(q->url, &u) == NULL;
    client_unlink(h, q);
    transfer_drop(q);
    client_count(a->error ? a->error : a->status < 400 ? "ok" : a->status < 500 ? "4xx" : "5xx");
    log_debug("http request", "host", known ? u.host : "?", "status", log_int(a->status), "error",
              a->error, NULL);
    q->fn(q->ud, a);
    request_free(q);
}

void request_fail(struct request *q, const char *error)
{
    request_end(q, &(struct http_answer){.error = error});
}

/* ---- the queue ---- */

int64_t request_left_ms(const struct request *q)
{
    uint64_t now = clock_ns();
    return q->until_ns > now ? (int64_t)((q->until_ns - now) / 1000000) + 1 : 0;
}

static void client_on_late(uv_timer_t *t)
{
    struct http_client *h = t->data;
    client_start_waiting(h);
}

/* When to look at the queue by itself: now, if something may go, else when the first of them is too late. */
static void client_arm(struct http_client *h, bool now)
{
    int64_t wait = INT64_MAX;
    for (const struct request *q = h->waiting; q; q = q->next) {
        int64_t left = request_left_ms(q);
        wait = left < wait ? left : wait;
    }
    if (h->opts.fake || wait == INT64_MAX)
        uv_timer_stop(&h->late);
    else
        uv_timer_start(&h->late, client_on_late, now ? 0 : (uint64_t)wait, 0);
}

static bool client_load(struct http_client *h, const char **why)
{
    if (h->curl)
        return true;
    h->api = curl_api_get(why);
    if (h->api)
        h->curl = curl_loop_create(h->opts.loop, h->api, transfer_on_done, h);
    return h->api != NULL;
}

void client_start_waiting(struct http_client *h)
{
    struct request *q = h->waiting, *next;
    unsigned most = h->opts.conf->requests > 0 ? (unsigned)h->opts.conf->requests : 1;
    for (; q && !h->opts.fake; q = next) {
        const char *why = NULL;
        next = q->next;
        if (request_left_ms(q) <= 0) {
            request_fail(q, "timeout");
            continue;
        }
        if (h->ngoing >= most)
            continue;
        client_unlink(h, q);
        if (client_load(h, &why))
            why = transfer_go(q);
        if (why)
            request_fail(q, why);
    }
    client_arm(h, false);
}

static char *header_line(const struct http_header *f)
{
    struct buf b = {0};
    buf_addf(&b, "%s%s%s", f->name, *f->value ? ": " : ";", f->value);
    return buf_take(&b);
}

static struct request *request_new(struct http_client *h, const struct http_request *r)
{
    struct request *q = MEM_NEW(struct request);
    q->h = h;
    q->id = ++h->last_id;
    q->method = mem_strdup(r->method);
    q->url = mem_strdup(r->url);
    if (r->body) {
        q->body = mem_alloc(r->body_len + 1);
        memcpy(q->body, r->body, r->body_len);
        q->body[r->body_len] = '\0';
        q->body_len = r->body_len;
    }
    q->headers = mem_zero(((size_t)r->nheaders + 1) * sizeof *q->headers);
    for (int i = 0; i < r->nheaders; i++)
        q->headers[i] = header_line(&r->headers[i]);
    q->redirects = r->redirects;
    q->configured = r->configured;
    q->body_max = (size_t)h->opts.conf->body_max;
    q->until_ns = clock_ns() + (uint64_t)r->timeout_ms * 1000000;
    return q;
}

uint64_t http_client_ask(struct http_client *h, const struct http_request *r, http_answer_fn fn,
                         void *ud, const char **why)
{
    const struct http_site *site;
    if (h->nwaiting >= WAITING_MAX) {
        *why = "too many requests at once";
        client_count("busy");
        return 0;
    }
    if (r->body_len > SEND_MAX) {
        *why = "the body of a request may have at most 64 KiB";
        return 0;
    }
    struct request *q = request_new(h, r);
    q->fn = fn;
    q->ud = ud;
    if (!h->opts.fake && !transfer_allowed(q, &site, why)) {
        client_count("refused");
        request_free(q);
        return 0;
    }
    *h->waiting_tail = q;
    h->waiting_tail = &q->next;
    h->nwaiting++;
    if (h->opts.fake)
        h->opts.fake(h->opts.ud, q->id, r);
    else
        client_arm(h, h->ngoing < (unsigned)h->opts.conf->requests);
    return q->id;
}

static struct request *client_find(struct http_client *h, uint64_t id)
{
    struct request *const lists[] = {h->waiting, h->going};
    for (int i = 0; i < 2; i++)
        for (struct request *q = lists[i]; q; q = q->next)
            if (q->id == id)
                return q;
    return NULL;
}

void http_client_cancel(struct http_client *h, uint64_t id)
{
    struct request *q = h ? client_find(h, id) : NULL;
    if (!q)
        return;
    client_unlink(h, q);
    transfer_drop(q);
    request_free(q);
    if (h->waiting && !h->opts.fake)
        client_arm(h, true);
}

void http_client_answer(struct http_client *h, uint64_t id, const struct http_answer *a)
{
    struct request *q = client_find(h, id);
    if (q)
        request_end(q, a);
}

unsigned http_client_busy(const struct http_client *h)
{
    return h ? h->ngoing : 0;
}

unsigned http_client_waiting(const struct http_client *h)
{
    return h ? h->nwaiting : 0;
}

/* ---- life ---- */

struct http_client *http_client_create(const struct http_client_opts *opts)
{
    struct http_client *h = MEM_NEW(struct http_client);
    h->opts = *opts;
    h->waiting_tail = &h->waiting;
    uv_timer_init(opts->loop, &h->late);
    uv_unref((uv_handle_t *)&h->late);
    h->late.data = h;
    return h;
}

void http_client_configure(struct http_client *h, const struct http_conf *conf)
{
    h->opts.conf = conf;
}

const struct http_conf *http_client_conf(const struct http_client *h)
{
    return h ? h->opts.conf : NULL;
}

static void client_curl_gone(void *ud)
{
    struct http_client *h = ud;
    void (*closed)(void *ud) = h->closed;
    void *closed_ud = h->closed_ud;
    free(h);
    closed(closed_ud);
}

static void client_timer_gone(uv_handle_t *t)
{
    struct http_client *h = t->data;
    if (h->curl)
        curl_loop_destroy(h->curl, client_curl_gone, h);
    else
        client_curl_gone(h);
}

void http_client_destroy(struct http_client *h, void (*done)(void *ud), void *ud)
{
    if (!h) {
        done(ud);
        return;
    }
    struct request **const lists[] = {&h->waiting, &h->going};
    for (int i = 0; i < 2; i++) {
        while (*lists[i]) {
            struct request *q = *lists[i];
            *lists[i] = q->next;
            transfer_drop(q);
            request_free(q);
        }
    }
    h->closed = done;
    h->closed_ud = ud;
    uv_close((uv_handle_t *)&h->late, client_timer_gone);
}
