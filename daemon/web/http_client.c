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
    if (q->site_line)
        explicit_bzero(q->site_line, strlen(q->site_line));
    free(q->site_line);
    free(q->moved);
    buf_free(&q->got);
    buf_free(&q->lines);
    explicit_bzero(q + 1, q->secret);
    free(q);
}

void client_unlink(struct http_client *h, struct request *q)
{
    *q->back = q->next;
    if (q->next)
        q->next->back = q->back;
    else if (!q->t)
        h->waiting_tail = q->back;
    *(q->t ? &h->ngoing : &h->nwaiting) -= 1;
}

void client_push_going(struct http_client *h, struct request *q)
{
    q->next = h->going;
    q->back = &h->going;
    if (q->next)
        q->next->back = &q->next;
    h->going = q;
    h->ngoing++;
}

static void client_count(const struct http_client *h, const char *result)
{
    if (h->opts.counted)
        metric_inc(metric_counter("sopd_http_requests_total",
                                  "Requests of flows to the outside, by what became of them.",
                                  metric_labels("result", result, NULL)));
}

static void request_log(const struct request *q, const struct http_answer *a)
{
    struct http_url u;
    bool known = http_url_parse(q->url, &u) == NULL;
    log_debug("http request", "host", known ? u.host : "?", "status", log_int(a->status), "error",
              a->error, NULL);
}

static const char *request_result(const struct http_answer *a)
{
    if (a->error)
        return strncmp(a->error, "not allowed", 11) == 0 ? "refused" : a->error;
    return a->status < 400 ? "ok" : a->status < 500 ? "4xx" : "5xx";
}

/* Ends a request with what came; it is gone afterwards. */
void request_end(struct request *q, const struct http_answer *a)
{
    struct http_client *h = q->h;
    client_unlink(h, q);
    transfer_drop(q);
    client_count(h, request_result(a));
    if (log_get_level() >= LOG_LEVEL_DEBUG)
        request_log(q, a);
    q->fn(q->ud, a);
    request_free(q);
}

void request_fail(struct request *q, const char *error)
{
    request_end(q, &(struct http_answer){.error = error, .written = q->written});
}

/* ---- the queue ---- */

static int64_t request_ms_until(uint64_t ns)
{
    uint64_t now = clock_ns();
    return ns > now ? (int64_t)((ns - now) / 1000000) + 1 : 0;
}

int64_t request_left_ms(const struct request *q)
{
    return request_ms_until(q->until_ns);
}

static void client_on_late(uv_timer_t *t)
{
    struct http_client *h = t->data;
    client_start_waiting(h);
}

/* When to look at the queue by itself: when the first of them is too late, or may go once more; now, if one may go. */
static void client_arm(struct http_client *h, bool now)
{
    int64_t wait = INT64_MAX;
    for (const struct request *q = h->waiting; q; q = q->next) {
        uint64_t at = q->from_ns && q->from_ns < q->until_ns ? q->from_ns : q->until_ns;
        int64_t left = request_ms_until(at);
        wait = left < wait ? left : wait;
    }
    if (h->opts.fake || wait == INT64_MAX)
        uv_timer_stop(&h->late);
    else
        uv_timer_start(&h->late, client_on_late, now ? 0 : (uint64_t)wait, 0);
}

static void client_put_waiting(struct http_client *h, struct request *q)
{
    q->next = NULL;
    q->back = h->waiting_tail;
    *h->waiting_tail = q;
    h->waiting_tail = &q->next;
    h->nwaiting++;
}

void client_push_waiting(struct http_client *h, struct request *q, int64_t pause_ms)
{
    q->from_ns = clock_ns() + (uint64_t)pause_ms * 1000000;
    client_put_waiting(h, q);
    client_arm(h, false);
}

static unsigned client_most(const struct http_client *h)
{
    return h->opts.conf->requests > 0 ? (unsigned)h->opts.conf->requests : 1;
}

static bool client_load(struct http_client *h, const char **why)
{
    if (h->curl)
        return true;
    h->api = curl_api_get(why);
    if (h->api)
        h->curl = curl_loop_create(h->opts.loop, h->api, transfer_on_done, h);
    if (h->curl)
        curl_loop_keep(h->curl, (long)client_most(h));
    return h->curl != NULL;
}

/* The next one that may go, or has waited too long. */
static struct request *client_next(struct http_client *h)
{
    uint64_t now = h->waiting ? clock_ns() : 0;
    bool room = h->ngoing < client_most(h);
    for (struct request *q = h->waiting; q; q = q->next)
        if (q->until_ns <= now || (room && q->from_ns <= now))
            return q;
    return NULL;
}

void client_start_waiting(struct http_client *h)
{
    if (!h->waiting || h->opts.fake)
        return;
    for (struct request *q; (q = client_next(h));) {
        const char *why = NULL;
        if (request_left_ms(q) <= 0) {
            request_fail(q, "timeout");
            continue;
        }
        q->from_ns = 0;
        client_unlink(h, q);
        if (client_load(h, &why))
            why = transfer_go(q);
        if (why) {
            client_put_waiting(h, q); /* where request_end takes it from */
            request_fail(q, why);
        }
    }
    client_arm(h, false);
}

static char *request_put(char **at, const char *s, size_t len)
{
    char *to = *at;
    if (len)
        memcpy(to, s, len);
    to[len] = '\0';
    *at += len + 1;
    return to;
}

/* "name: value"; "name;" is how libcurl is told of one without a value. */
static void request_put_header(struct curl_slist *node, char **at, const struct http_header *f)
{
    *node = (struct curl_slist){*at, NULL};
    request_put(at, f->name, strlen(f->name));
    (*at)[-1] = *f->value ? ':' : ';';
    if (*f->value)
        *(*at)++ = ' ';
    request_put(at, f->value, strlen(f->value));
}

static struct request *request_new(struct http_client *h, const struct http_request *r)
{
    size_t url = strlen(r->url), method = strlen(r->method);
    size_t size = sizeof(struct request) + (size_t)r->nheaders * sizeof(struct curl_slist) + url +
                  method + r->body_len + 3;
    for (int i = 0; i < r->nheaders; i++)
        size += strlen(r->headers[i].name) + strlen(r->headers[i].value) + 3;
    struct request *q = mem_alloc(size);
    memset(q, 0, sizeof *q);
    struct curl_slist *nodes = (struct curl_slist *)(void *)(q + 1);
    char *at = (char *)(nodes + r->nheaders);
    for (int i = 0; i < r->nheaders; i++) {
        request_put_header(&nodes[i], &at, &r->headers[i]);
        if (i)
            nodes[i - 1].next = &nodes[i];
    }
    q->headers = r->nheaders ? nodes : NULL;
    q->secret = (size_t)(at - (char *)nodes);
    q->method = request_put(&at, r->method, method);
    q->url = request_put(&at, r->url, url);
    q->body = r->body ? request_put(&at, r->body, r->body_len) : NULL;
    q->body_len = r->body_len;
    q->h = h;
    q->id = ++h->last_id;
    q->redirects = r->redirects;
    q->again = r->again;
    q->configured = r->configured;
    q->public_only = r->public_only;
    q->want_headers = r->want_headers;
    q->on_data = r->on_data;
    q->answer_max = (size_t)(r->answer_max > 0 ? r->answer_max : h->opts.conf->body_max);
    q->until_ns = clock_ns() + (uint64_t)r->timeout_ms * 1000000;
    return q;
}

/* NULL, or why it is not even put into the queue. */
static const char *client_refuses(struct http_client *h, const struct http_request *r)
{
    int64_t most = h->opts.conf && h->opts.conf->send_max ? h->opts.conf->send_max : SEND_MAX;
    if (h->nwaiting >= WAITING_MAX) {
        client_count(h, "busy");
        return "too many requests at once";
    }
    if ((int64_t)r->body_len > most)
        return most == SEND_MAX ? "the body of a request may have at most 64 KiB"
                                : "the body of the request is too long";
    return NULL;
}

uint64_t http_client_ask(struct http_client *h, const struct http_request *r, http_answer_fn fn,
                         void *ud, const char **why)
{
    const struct http_site *site;
    *why = client_refuses(h, r);
    if (*why)
        return 0;
    struct request *q = request_new(h, r);
    q->fn = fn;
    q->ud = ud;
    if (h->opts.fake) {
        client_put_waiting(h, q);
        h->opts.fake(h->opts.ud, q->id, r);
        return q->id;
    }
    if (!transfer_allowed(q, &site, why)) {
        client_count(h, "refused");
        request_free(q);
        return 0;
    }
    if (h->waiting || h->ngoing >= client_most(h)) { /* in order of arrival */
        client_put_waiting(h, q);
        client_arm(h, h->ngoing < client_most(h));
        return q->id;
    }
    if (client_load(h, why))
        *why = transfer_go(q);
    if (!*why)
        return q->id;
    client_count(h, *why);
    request_free(q);
    return 0;
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
    h->generation++;
    transfer_drop_idle(h); /* they were made for the old one */
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
    for (struct request *q; (q = h->waiting ? h->waiting : h->going);) {
        client_unlink(h, q);
        transfer_drop(q);
        request_free(q);
    }
    transfer_drop_idle(h);
    h->closed = done;
    h->closed_ud = ud;
    uv_close((uv_handle_t *)&h->late, client_timer_gone);
}
