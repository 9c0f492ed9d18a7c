/* http_transfer.c -- one request on its way through libcurl: what goes out, what comes back, where a redirect leads. See
 * http_internal.h. Nothing of a request but its host and what became of it is ever logged. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "web/http_internal.h"

enum { HEADERS_MAX = 4096, CONNECT_MS = 5000 };

void transfer_drop(struct request *q)
{
    struct http_client *h = q->h;
    if (!q->easy)
        return;
    h->api->curl_multi_remove_handle(curl_loop_multi(h->curl), q->easy);
    h->api->curl_easy_cleanup(q->easy);
    h->api->curl_slist_free_all(q->list);
    q->easy = NULL;
    q->list = NULL;
}

/* ---- what comes back ---- */

static size_t transfer_on_body(char *data, size_t size, size_t n, void *ud)
{
    struct request *q = ud;
    (void)size;
    if (q->got.len + n > q->body_max) {
        q->too_large = true;
        return 0;
    }
    buf_add(&q->got, data, n);
    return n;
}

/* One header line. Those of an answer before (100, a redirect) are forgotten when the next begins. */
static size_t transfer_on_header(char *data, size_t size, size_t n, void *ud)
{
    struct request *q = ud;
    struct buf *out = &q->got_headers;
    (void)size;
    char *colon = memchr(data, ':', n), *end = data + n, *value;
    if (n >= 5 && memcmp(data, "HTTP/", 5) == 0)
        buf_reset(out);
    if (!colon || out->len + n > HEADERS_MAX)
        return n;
    for (value = colon + 1; value < end && (*value == ' ' || *value == '\t');)
        value++;
    while (end > value && strchr("\r\n \t", end[-1]))
        end--;
    for (char *s = data; s < colon; s++)
        *s = (char)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s);
    if (colon - data >= 10 && memcmp(data, "set-cookie", 10) == 0)
        return n; /* a cookie is a secret, and this is written down */
    buf_adds(out, out->len ? "," : "");
    buf_add_json(out, data, (size_t)(colon - data));
    buf_addc(out, ':');
    buf_add_json(out, value, (size_t)(end - value));
    return n;
}

/* ---- what goes out ---- */

static void transfer_set_headers(struct request *q, const struct http_site *site)
{
    const struct curl_api *api = q->h->api;
    struct buf line = {0};
    for (char **s = q->headers; *s; s++)
        q->list = api->curl_slist_append(q->list, *s);
    q->list = api->curl_slist_append(q->list, "Expect:"); /* no asking before a body is sent */
    if (site && site->header) {
        buf_addf(&line, "%s: %s", site->header, site->value);
        q->list = api->curl_slist_append(q->list, buf_cstr(&line));
        explicit_bzero(line.data, line.len);
        buf_free(&line);
    }
}

static void transfer_set_method(struct request *q)
{
    const struct curl_api *api = q->h->api;
    if (strcmp(q->method, "HEAD") == 0)
        api->curl_easy_setopt(q->easy, CURLOPT_NOBODY, 1L);
    else if (strcmp(q->method, "GET") != 0 || q->body)
        api->curl_easy_setopt(q->easy, CURLOPT_CUSTOMREQUEST, q->method);
    bool sends = q->body || strcmp(q->method, "POST") == 0 || strcmp(q->method, "PUT") == 0 ||
                 strcmp(q->method, "PATCH") == 0;
    if (!sends)
        return;
    api->curl_easy_setopt(q->easy, CURLOPT_POSTFIELDS, q->body ? q->body : "");
    api->curl_easy_setopt(q->easy, CURLOPT_POSTFIELDSIZE, (long)q->body_len);
}

static void transfer_set_safety(struct request *q)
{
    const struct http_conf *c = q->h->opts.conf;
    const struct curl_api *api = q->h->api;
    api->curl_easy_setopt(q->easy, CURLOPT_NOSIGNAL, 1L);
    /* the thread that asks for a name may be left alone: else a slow name server would hold the loop at a timeout */
    api->curl_easy_setopt(q->easy, CURLOPT_QUICK_EXIT, 1L);
    api->curl_easy_setopt(q->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    api->curl_easy_setopt(q->easy, CURLOPT_FOLLOWLOCATION, 0L); /* transfer_redirected does */
    api->curl_easy_setopt(q->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    api->curl_easy_setopt(q->easy, CURLOPT_SSL_VERIFYPEER, 1L);
    api->curl_easy_setopt(q->easy, CURLOPT_SSL_VERIFYHOST, 2L);
    api->curl_easy_setopt(q->easy, CURLOPT_PROXY, c->proxy ? c->proxy : "");
    api->curl_easy_setopt(q->easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    api->curl_easy_setopt(q->easy, CURLOPT_USERAGENT, "sopd/" SOPD_VERSION);
    if (c->ca)
        api->curl_easy_setopt(q->easy, CURLOPT_CAINFO, c->ca);
}

/* True, or why not: the address as it is now, which a redirect may have changed. */
bool transfer_allowed(struct request *q, const struct http_site **site, const char **why)
{
    struct http_url u;
    *site = NULL;
    *why = http_url_parse(q->url, &u);
    if (*why)
        return false;
    if (!q->configured)
        *site = http_site_of(q->h->opts.conf, &u);
    if (q->configured || *site)
        return true;
    *why = "not allowed: add the address to http_client.allow in the configuration";
    if (log_gate_open(&q->h->gate, (int64_t)(clock_ns() / 1000000), 60000))
        log_warn("a flow calls an address that is not listed: add it to http_client.allow in the "
                 "configuration, if it may",
                 "host", u.host, NULL);
    return false;
}

/* NULL, or why it cannot leave. */
const char *transfer_go(struct request *q)
{
    struct http_client *h = q->h;
    const struct http_site *site;
    const char *why;
    if (!transfer_allowed(q, &site, &why))
        return why;
    int64_t left = request_left_ms(q);
    if (left <= 0)
        return "timeout";
    CURL *easy = h->api->curl_easy_init();
    if (!easy)
        return "libcurl cannot be used";
    q->easy = easy;
    buf_reset(&q->got);
    buf_reset(&q->got_headers);
    const struct curl_api *api = h->api;
    transfer_set_safety(q);
    transfer_set_method(q);
    transfer_set_headers(q, q->led ? NULL : site);
    api->curl_easy_setopt(easy, CURLOPT_URL, q->url);
    api->curl_easy_setopt(easy, CURLOPT_HTTPHEADER, q->list);
    api->curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)left);
    api->curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                          (long)(left < CONNECT_MS ? left : CONNECT_MS));
    api->curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, transfer_on_body);
    api->curl_easy_setopt(easy, CURLOPT_WRITEDATA, q);
    api->curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, transfer_on_header);
    api->curl_easy_setopt(easy, CURLOPT_HEADERDATA, q);
    api->curl_easy_setopt(easy, CURLOPT_PRIVATE, q);
    q->next = h->going;
    h->going = q;
    h->ngoing++;
    api->curl_multi_add_handle(curl_loop_multi(h->curl), easy);
    return NULL;
}

/* ---- the end of a transfer ---- */

static const char *transfer_problem(const struct request *q, CURLcode code)
{
    switch (code) {
    case CURLE_OK: return NULL;
    case CURLE_OPERATION_TIMEDOUT: return "timeout";
    case CURLE_WRITE_ERROR: return q->too_large ? "too large" : "broken answer";
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return "unknown host";
    case CURLE_COULDNT_CONNECT: return "no connection";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR: return "tls";
    default: return "broken answer";
    }
}

/* What was meant for one host is not told to another. */
static void transfer_forget_secrets(struct request *q)
{
    static const char *const secret[] = {"authorization:", "cookie:", "x-api-key:"};
    char **out = q->headers;
    for (char **s = q->headers; *s; s++) {
        bool drop = false;
        for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++)
            drop = drop || strncasecmp(*s, secret[i], strlen(secret[i])) == 0;
        if (drop)
            free(*s);
        else
            *out++ = *s;
    }
    *out = NULL;
}

/* True: the request is on its way to where the answer points, or has ended there. */
static bool transfer_redirected(struct request *q, long status)
{
    char *to = NULL;
    if (q->redirects <= 0 || status < 300 || status > 308 || status == 304)
        return false;
    q->h->api->curl_easy_getinfo(q->easy, CURLINFO_REDIRECT_URL, &to);
    if (!to || !*to)
        return false;
    struct http_url from, next;
    bool other = http_url_parse(q->url, &from) || http_url_parse(to, &next) ||
                 from.tls != next.tls || from.port != next.port ||
                 strcmp(from.host, next.host) != 0;
    free(q->url);
    q->url = mem_strdup(to);
    q->redirects--;
    if (other) {
        transfer_forget_secrets(q);
        q->led = true;
    }
    bool head = strcmp(q->method, "HEAD") == 0;
    if ((status == 303 && !head) || (status < 303 && strcmp(q->method, "POST") == 0)) {
        free(q->method);
        free(q->body);
        q->method = mem_strdup("GET");
        q->body = NULL;
        q->body_len = 0;
    }
    client_unlink(q->h, q);
    transfer_drop(q);
    const char *why = transfer_go(q);
    if (why)
        request_fail(q, why);
    return true;
}

void transfer_on_done(void *ud, CURL *easy, CURLcode code)
{
    struct http_client *h = ud;
    char *private = NULL;
    long status = 0;
    h->api->curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
    struct request *q = (struct request *)(void *)private;
    h->api->curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    const char *error = transfer_problem(q, code);
    if (error) {
        request_fail(q, error);
    } else if (!transfer_redirected(q, status)) {
        struct buf headers = {0};
        buf_addc(&headers, '{');
        buf_add(&headers, q->got_headers.data, q->got_headers.len);
        buf_addc(&headers, '}');
        struct http_answer a = {.status = (int)status,
                                .headers = buf_cstr(&headers),
                                .body = buf_cstr(&q->got),
                                .body_len = q->got.len};
        request_end(q, &a);
        buf_free(&headers);
    }
    client_start_waiting(h);
}
