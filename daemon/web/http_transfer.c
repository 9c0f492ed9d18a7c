/* http_transfer.c -- one request on its way through libcurl: what goes out, where it may go, what comes back, where a redirect leads.
 * See http_internal.h. Nothing of a request but its host and what became of it is ever logged. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "web/http_internal.h"

enum {
    LINES_MAX = 16 << 10,     /* of an answer's header lines, kept */
    HEADER_BYTES = 256 << 10, /* of all header lines of an answer: more is no answer */
    CONNECT_MS = 5000,
    IDLE_S =
        3, /* a connection that was idle for longer is not used again: servers close theirs after 5 s (Node) or more, and what
                 * is written in that moment is lost without anybody knowing whether it was read */
    EXPECT_FROM = 1 << 20, /* libcurl asks before it sends so much */
    AGAIN_MS = 300
};

/* ---- handles ---- */

static void transfer_free(struct http_client *h, struct transfer *t)
{
    h->api->curl_easy_cleanup(t->easy);
    free(t);
}

void transfer_drop_idle(struct http_client *h)
{
    for (struct transfer *t; (t = h->idle);) {
        h->idle = t->next;
        transfer_free(h, t);
    }
    h->nidle = 0;
}

void transfer_drop(struct request *q)
{
    struct http_client *h = q->h;
    struct transfer *t = q->t;
    if (!t)
        return;
    h->api->curl_multi_remove_handle(curl_loop_multi(h->curl), t->easy);
    q->t = NULL;
    t->q = NULL;
    if (t->generation != h->generation || h->nidle >= (unsigned)h->opts.conf->requests) {
        transfer_free(h, t);
        return;
    }
    t->next = h->idle;
    h->idle = t;
    h->nidle++;
}

/* ---- where it may go ---- */

static bool socket_private(const struct sockaddr *a)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (a->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, text,
                  sizeof text);
    else if (a->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, text,
                  sizeof text);
    return !*text || http_address_private(text);
}

/* What a name leads to is known only here: it is looked at before a single packet leaves. */
static curl_socket_t transfer_on_open(void *ud, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct transfer *t = ud;
    struct request *q = t->q;
    (void)purpose;
    if (q && !q->private_too && !q->h->opts.conf->proxy && socket_private(&a->addr)) {
        q->refused = true;
        return CURL_SOCKET_BAD;
    }
    return curl_loop_open(t->curl, a);
}

/* There is a connection, new or of before, and the request is about to be written. A connection of before may have been made for a
 * request that may go where this one may not. libcurl repeats a request by itself when such a connection turns out to be dead: what
 * was written once is not written again unless it may be. */
static int transfer_on_begin(void *ud, const char *ip, const char *own_ip, int port, int own_port)
{
    struct transfer *t = ud;
    struct request *q = t->q;
    (void)own_ip;
    (void)port;
    (void)own_port;
    if (!q->private_too && !q->h->opts.conf->proxy && http_address_private(ip)) {
        q->refused = true;
        return CURL_PREREQFUNC_ABORT;
    }
    if (q->begun && q->again-- <= 0)
        return CURL_PREREQFUNC_ABORT;
    q->begun = q->written = true;
    return CURL_PREREQFUNC_OK;
}

bool transfer_allowed(struct request *q, const struct http_site **site, const char **why)
{
    struct http_url u;
    *site = NULL;
    *why = http_url_parse(q->url, &u);
    if (*why)
        return false;
    if (!q->configured)
        *site = http_site_of(q->h->opts.conf, &u);
    /* who lists 10.0.0.1 or localhost means it; a name of which nobody knows where it leads tomorrow has to be marked */
    q->private_too = (q->configured && !q->public_only) ||
                     (*site && ((*site)->private_too || http_host_private(u.host)));
    if (q->configured || *site)
        return true;
    *why = "not allowed: add the address to http_client.allow in the configuration";
    if (log_gate_open(&q->h->gate, (int64_t)(clock_ns() / 1000000), 60000))
        log_warn("a flow calls an address that is not listed: add it to http_client.allow in the "
                 "configuration, if it may",
                 "host", u.host, NULL);
    return false;
}

/* ---- what comes back ---- */

static long transfer_status(const struct request *q)
{
    long status = 0;
    q->h->api->curl_easy_getinfo(q->t->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static size_t transfer_on_body(char *data, size_t size, size_t n, void *ud)
{
    struct request *q = ((struct transfer *)ud)->q;
    (void)size;
    if (q->got.len + n > q->answer_max) {
        q->too_large = true;
        return 0;
    }
    if (!q->on_data) {
        buf_add(&q->got, data, n);
        return n;
    }
    q->answer_max -= n;
    q->fed = true;
    if (q->on_data(q->ud, (int)transfer_status(q), data, n))
        return n;
    q->stopped = true;
    return 0;
}

/* One header line. Those of an answer before (100, a redirect) are forgotten when the next begins. */
static size_t transfer_on_header(char *data, size_t size, size_t n, void *ud)
{
    struct request *q = ((struct transfer *)ud)->q;
    struct buf *out = &q->lines;
    (void)size;
    char *colon = memchr(data, ':', n), *end = data + n;
    q->header_bytes += n;
    if (q->header_bytes > HEADER_BYTES) {
        q->too_large = true;
        return 0;
    }
    if (n >= 5 && memcmp(data, "HTTP/", 5) == 0)
        buf_reset(out);
    q->headed = n > 0 && (*data == '\r' || *data == '\n'); /* the empty line behind the last */
    if (!colon || out->len + n > LINES_MAX)
        return n;
    for (char *s = data; s < colon; s++)
        *s = (char)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s);
    if (colon - data >= 10 && memcmp(data, "set-cookie", 10) == 0)
        return n; /* a cookie is a secret, and this is written down */
    while (end > colon + 1 && strchr("\r\n \t", end[-1]))
        end--;
    buf_add(out, data, (size_t)(end - data));
    buf_addc(out, '\n');
    return n;
}

/* ---- what goes out ---- */

#define SET(t, option, value) h->api->curl_easy_setopt((t)->easy, option, value)

/* What is the same for all requests of this configuration. */
static void transfer_set_conf(struct http_client *h, struct transfer *t)
{
    const struct http_conf *c = h->opts.conf;
    SET(t, CURLOPT_NOSIGNAL, 1L);
    /* the thread that asks for a name may be left alone: else a slow name server would hold the loop at a timeout */
    SET(t, CURLOPT_QUICK_EXIT, 1L);
    SET(t, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(t, CURLOPT_FOLLOWLOCATION, 0L); /* transfer_redirected does */
    SET(t, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(t, CURLOPT_SSL_VERIFYPEER, c->insecure ? 0L : 1L);
    SET(t, CURLOPT_SSL_VERIFYHOST, c->insecure ? 0L : 2L);
    SET(t, CURLOPT_PROXY, c->proxy ? c->proxy : "");
    SET(t, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(t, CURLOPT_USERAGENT, "sopd/" SOPD_VERSION);
    SET(t, CURLOPT_MAXAGE_CONN, (long)IDLE_S);
    SET(t, CURLOPT_CONNECTTIMEOUT_MS, (long)(c->connect_ms ? c->connect_ms : CONNECT_MS));
    if (c->ca)
        SET(t, CURLOPT_CAINFO, c->ca);
    if (c->cert)
        SET(t, CURLOPT_SSLCERT, c->cert);
    if (c->key)
        SET(t, CURLOPT_SSLKEY, c->key);
}

static void transfer_set_callbacks(struct http_client *h, struct transfer *t)
{
    SET(t, CURLOPT_WRITEFUNCTION, transfer_on_body);
    SET(t, CURLOPT_WRITEDATA, t);
    SET(t, CURLOPT_HEADERFUNCTION, transfer_on_header);
    SET(t, CURLOPT_HEADERDATA, t);
    SET(t, CURLOPT_OPENSOCKETFUNCTION, transfer_on_open);
    SET(t, CURLOPT_OPENSOCKETDATA, t);
    SET(t, CURLOPT_PREREQFUNCTION, transfer_on_begin);
    SET(t, CURLOPT_PREREQDATA, t);
    SET(t, CURLOPT_PRIVATE, t);
    curl_loop_watch(h->curl, t->easy);
}

static struct transfer *transfer_get(struct http_client *h)
{
    struct transfer *t = h->idle;
    if (t) {
        h->idle = t->next;
        h->nidle--;
        return t;
    }
    CURL *easy = h->api->curl_easy_init();
    if (!easy)
        return NULL;
    t = MEM_NEW(struct transfer);
    t->easy = easy;
    t->curl = h->curl;
    t->generation = h->generation;
    transfer_set_conf(h, t);
    transfer_set_callbacks(h, t);
    return t;
}

/* The request's own lines, with ours in front of them. */
static void transfer_set_headers(struct request *q, const struct http_site *site)
{
    struct http_client *h = q->h;
    struct curl_slist *list = q->headers;
    free(q->site_line);
    q->site_line = NULL;
    if (site && site->header) {
        struct buf line = {0};
        buf_addf(&line, "%s: %s", site->header, site->value);
        q->site_line = buf_take(&line);
        q->ours[0] = (struct curl_slist){q->site_line, list};
        list = &q->ours[0];
    }
    if (q->body_len >= EXPECT_FROM) { /* no asking before a body is sent */
        q->ours[1] = (struct curl_slist){(char *)"Expect:", list};
        list = &q->ours[1];
    }
    SET(q->t, CURLOPT_HTTPHEADER, list);
}

static void transfer_set_method(struct request *q)
{
    struct http_client *h = q->h;
    struct transfer *t = q->t;
    bool post = strcmp(q->method, "POST") == 0, head = strcmp(q->method, "HEAD") == 0;
    bool custom = !post && !head && (q->body || strcmp(q->method, "GET") != 0);
    bool sends =
        q->body || post || strcmp(q->method, "PUT") == 0 || strcmp(q->method, "PATCH") == 0;
    SET(t, CURLOPT_HTTPGET, 1L); /* forgets what was before */
    if (head)
        SET(t, CURLOPT_NOBODY, 1L);
    if (custom || t->custom)
        SET(t, CURLOPT_CUSTOMREQUEST, custom ? q->method : NULL);
    t->custom = custom;
    if (!sends)
        return;
    SET(t, CURLOPT_POSTFIELDS, q->body ? q->body : "");
    SET(t, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_len);
}

static void transfer_set_limits(struct request *q, long left)
{
    struct http_client *h = q->h;
    struct transfer *t = q->t;
    /* a length that is announced is believed; of HEAD it is that of another answer */
    curl_off_t most = strcmp(q->method, "HEAD") == 0 ? 0 : (curl_off_t)q->answer_max;
    if (t->timeout_ms != left)
        SET(t, CURLOPT_TIMEOUT_MS, left);
    if (t->most != most)
        SET(t, CURLOPT_MAXFILESIZE_LARGE, most);
    t->timeout_ms = left;
    t->most = most;
}

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
    struct transfer *t = transfer_get(h);
    if (!t)
        return "libcurl cannot be used";
    q->t = t;
    t->q = q;
    q->begun = q->headed = false;
    q->header_bytes = 0;
    buf_reset(&q->got);
    buf_reset(&q->lines);
    transfer_set_method(q);
    transfer_set_headers(q, q->led ? NULL : site);
    transfer_set_limits(q, (long)left);
    SET(t, CURLOPT_URL, q->url);
    client_push_going(h, q);
    h->api->curl_multi_add_handle(curl_loop_multi(h->curl), t->easy);
    return NULL;
}

/* ---- the end of a transfer ---- */

static const char *transfer_problem(const struct request *q, CURLcode code)
{
    if (code == CURLE_OK) /* libcurl takes half a header for a whole one */
        return q->headed ? NULL : "broken answer";
    if (q->refused)
        return "not allowed: this is a private address";
    if (q->too_large || q->stopped)
        return q->too_large ? "too large" : "stopped";
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return q->begun || request_left_ms(q) <= 1 ? "timeout" : "no connection";
    case CURLE_FILESIZE_EXCEEDED: return "too large";
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return "unknown host";
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY: return "no connection";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR: return "tls";
    default: return "broken answer";
    }
}

/* What was meant for one host is not told to another. */
static void transfer_forget_secrets(struct request *q)
{
    static const char *const secret[] = {"authorization:", "cookie:", "x-api-key:"};
    struct curl_slist **out = &q->headers;
    for (struct curl_slist *s = q->headers; s; s = s->next) {
        bool drop = false;
        for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++)
            drop = drop || strncasecmp(s->data, secret[i], strlen(secret[i])) == 0;
        if (drop)
            continue;
        *out = s;
        out = &s->next;
    }
    *out = NULL;
}

/* True: the request is on its way to where the answer points, or has ended there. */
static bool transfer_redirected(struct request *q, long status)
{
    char *to = NULL;
    if (q->redirects <= 0 || status < 300 || status > 308 || status == 304)
        return false;
    q->h->api->curl_easy_getinfo(q->t->easy, CURLINFO_REDIRECT_URL, &to);
    if (!to || !*to)
        return false;
    struct http_url from, next;
    bool other = http_url_parse(q->url, &from) || http_url_parse(to, &next) ||
                 from.tls != next.tls || from.port != next.port ||
                 strcmp(from.host, next.host) != 0;
    char *old = q->moved;
    q->moved = mem_strdup(to);
    q->url = q->moved;
    free(old);
    q->redirects--;
    if (other) {
        transfer_forget_secrets(q);
        q->led = true;
        /* who answers there must not lead us into our own network */
        q->public_only = q->public_only || strcmp(from.host, next.host) != 0;
    }
    bool head = strcmp(q->method, "HEAD") == 0;
    if ((status == 303 && !head) || (status < 303 && strcmp(q->method, "POST") == 0)) {
        q->method = "GET";
        q->body = NULL;
        q->body_len = 0;
    }
    client_unlink(q->h, q);
    transfer_drop(q);
    const char *why = transfer_go(q);
    if (why) {
        client_push_waiting(q->h, q, 0); /* where request_end takes it from */
        request_fail(q, why);
    }
    return true;
}

/* May it be asked once more, and is there time for it? It goes back to the queue for a moment then. */
static bool transfer_again(struct request *q, CURLcode code)
{
    bool lost = code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR;
    bool hopeless = q->refused || q->too_large || q->stopped || q->fed ||
                    code == CURLE_PEER_FAILED_VERIFICATION;
    if (q->again <= 0 || hopeless || (q->begun && (!lost || transfer_status(q))) ||
        request_left_ms(q) <= AGAIN_MS)
        return false;
    q->again--;
    client_unlink(q->h, q);
    transfer_drop(q);
    client_push_waiting(q->h, q, AGAIN_MS);
    return true;
}

static void transfer_answer(struct request *q, long status)
{
    struct buf headers = {0};
    if (q->want_headers)
        answer_headers_json(&q->lines, &headers);
    struct http_answer a = {.status = (int)status,
                            .written = true,
                            .headers = q->want_headers ? buf_cstr(&headers) : NULL,
                            .body = buf_cstr(&q->got),
                            .body_len = q->got.len,
                            .lines = q->lines.data,
                            .lines_len = q->lines.len};
    request_end(q, &a);
    buf_free(&headers);
}

void transfer_on_done(void *ud, CURL *easy, CURLcode code)
{
    struct http_client *h = ud;
    char *private = NULL;
    h->api->curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
    struct request *q = ((struct transfer *)(void *)private)->q;
    const char *error = transfer_problem(q, code);
    if (error && !transfer_again(q, code))
        request_fail(q, error);
    else if (!error) {
        long status = transfer_status(q);
        if (!transfer_redirected(q, status))
            transfer_answer(q, status);
    }
    client_start_waiting(h);
}
