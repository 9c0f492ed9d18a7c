/* http.c -- GET /healthz and GET /metrics, nothing else (admin.h).
 * A server of its own on uv_tcp instead of libwebsockets' HTTP role: it needs no context where only playground gateways
 * exist, its answers do not wait behind the gateways' sockets, and a strict GET with bounds on everything is short.
 * Every connection answers one request and closes. Bounds: 64 connections (a new one ends the oldest), 8 KiB of head,
 * 10 s in all.
 * Owns the listener and its connections. Callers: cli/serve/serve.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

enum { HTTP_CLIENTS_MAX = 64, HTTP_HEAD_MAX = 8192, HTTP_TIMEOUT_MS = 10000 };

struct http {
    const struct admin_env *env;
    uv_tcp_t listener;
    struct http_client *clients;
    bool stopping, listener_closed;
    int port;
    void (*done)(void *ud);
    void *ud;
};

struct http_client {
    struct http *h;
    struct http_client *next, **at;
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_write_t write;
    int open_handles;
    bool closing;
    size_t len;
    struct buf reply;
    char head[HTTP_HEAD_MAX + 1];
};

static void http_maybe_done(struct http *h)
{
    if (!h->stopping || !h->listener_closed || h->clients)
        return;
    void (*done)(void *) = h->done;
    void *ud = h->ud;
    free(h);
    if (done)
        done(ud);
}

static void http_client_closed(uv_handle_t *handle)
{
    struct http_client *c = handle->data;
    if (--c->open_handles > 0)
        return;
    struct http *h = c->h;
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    buf_free(&c->reply);
    free(c);
    http_maybe_done(h);
}

static void http_client_close(struct http_client *c)
{
    if (c->closing)
        return;
    c->closing = true;
    uv_close((uv_handle_t *)&c->tcp, http_client_closed);
    uv_close((uv_handle_t *)&c->timer, http_client_closed);
}

static void http_timeout(uv_timer_t *timer)
{
    http_client_close(timer->data);
}

static void http_written(uv_write_t *req, int status)
{
    (void)status;
    http_client_close(req->data);
}

static void http_reply(struct http_client *c, int status, const char *type, const struct buf *body,
                       bool head_only)
{
    const char *phrase = status == 200   ? "OK"
                         : status == 400 ? "Bad Request"
                         : status == 404 ? "Not Found"
                         : status == 405 ? "Method Not Allowed"
                         : status == 431 ? "Request Header Fields Too Large"
                                         : "Service Unavailable";
    buf_addf(
        &c->reply,
        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n%sConnection: close\r\n\r\n",
        status, phrase, type, body->len, status == 405 ? "Allow: GET, HEAD\r\n" : "");
    if (!head_only)
        buf_add(&c->reply, body->data, body->len);
    metric_inc(metric_counter("sopd_admin_requests_total", "Answers of the admin server by status",
                              metric_labels("status", log_int(status), NULL)));
    uv_read_stop((uv_stream_t *)&c->tcp);
    uv_buf_t out = uv_buf_init(c->reply.data, (unsigned)c->reply.len);
    c->write.data = c;
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &out, 1, http_written) != 0)
        http_client_close(c);
}

static void http_refuse(struct http_client *c, int status, const char *text)
{
    struct buf body = {0};
    buf_addf(&body, "%s\n", text);
    http_reply(c, status, "text/plain; charset=utf-8", &body, false);
    buf_free(&body);
}

static void http_serve(struct http_client *c, const char *path, bool head_only)
{
    struct buf body = {0};
    if (strcmp(path, "/healthz") == 0) {
        enum health h = health_render(c->h->env, &body);
        buf_addc(&body, '\n');
        http_reply(c, h == HEALTH_DOWN ? 503 : 200, "application/json", &body, head_only);
    } else if (strcmp(path, "/metrics") == 0) {
        metrics_render(&body);
        http_reply(c, 200, "text/plain; version=0.0.4; charset=utf-8", &body, head_only);
    } else {
        http_refuse(c, 404, "here are /healthz and /metrics");
    }
    buf_free(&body);
}

/* The request line of a complete head: "GET /path?query HTTP/1.1". */
static void http_request(struct http_client *c)
{
    char method[8], path[256], version[16];
    int used = 0;
    c->head[c->len] = '\0';
    c->head[strcspn(c->head, "\r\n")] = '\0';
    if (sscanf(c->head, "%7[A-Z] %255[!-~] %15[!-~]%n", method, path, version, &used) != 3 ||
        c->head[used] != '\0' || strncmp(version, "HTTP/1.", 7) != 0) {
        http_refuse(c, 400, "this is not an HTTP/1.1 request");
        return;
    }
    bool head_only = strcmp(method, "HEAD") == 0;
    if (!head_only && strcmp(method, "GET") != 0) {
        http_refuse(c, 405, "only GET");
        return;
    }
    path[strcspn(path, "?")] = '\0';
    http_serve(c, path, head_only);
}

static void http_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct http_client *c = handle->data;
    (void)suggested;
    *out = uv_buf_init(c->head + c->len, (unsigned)(HTTP_HEAD_MAX - c->len));
}

static void http_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct http_client *c = stream->data;
    (void)b;
    if (c->closing || n == 0)
        return;
    if (n == UV_ENOBUFS) {
        http_refuse(c, 431, "the head of the request is too long");
        return;
    }
    if (n < 0) {
        http_client_close(c);
        return;
    }
    c->len += (size_t)n;
    c->head[c->len] = '\0';
    if (memmem(c->head, c->len, "\r\n\r\n", 4) || memmem(c->head, c->len, "\n\n", 2))
        http_request(c);
    else if (c->len == HTTP_HEAD_MAX)
        http_refuse(c, 431, "the head of the request is too long");
}

/* Silent connections must not keep others out: the oldest makes room. */
static void http_make_room(struct http *h)
{
    struct http_client *oldest = NULL;
    int n = 0;
    for (struct http_client *c = h->clients; c; c = c->next) {
        if (!c->closing) {
            oldest = c; /* newest first */
            n++;
        }
    }
    if (oldest && n > HTTP_CLIENTS_MAX)
        http_client_close(oldest);
}

static void http_accept(uv_stream_t *listener, int status)
{
    struct http *h = listener->data;
    if (status < 0 || h->stopping)
        return;
    struct http_client *c = MEM_NEW(struct http_client);
    c->h = h;
    uv_tcp_init(h->env->loop, &c->tcp);
    uv_timer_init(h->env->loop, &c->timer);
    c->tcp.data = c->timer.data = c;
    c->open_handles = 2;
    c->next = h->clients;
    c->at = &h->clients;
    if (c->next)
        c->next->at = &c->next;
    h->clients = c;
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0) {
        http_client_close(c);
        return;
    }
    http_make_room(h);
    uv_timer_start(&c->timer, http_timeout, HTTP_TIMEOUT_MS, 0);
    uv_read_start((uv_stream_t *)&c->tcp, http_alloc, http_read);
}

static void http_listener_closed(uv_handle_t *handle)
{
    struct http *h = handle->data;
    h->listener_closed = true;
    http_maybe_done(h);
}

static int http_bind(struct http *h, const char *host, int port)
{
    struct sockaddr_storage addr;
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    int rc = strchr(host, ':') ? uv_ip6_addr(host, port, (struct sockaddr_in6 *)&addr)
                               : uv_ip4_addr(host, port, (struct sockaddr_in *)&addr);
    if (rc == 0)
        rc = uv_tcp_bind(&h->listener, (const struct sockaddr *)&addr, 0);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&h->listener, 64, http_accept);
    return rc;
}

struct http *http_start(const struct admin_env *env, const char *host, int port, struct buf *err)
{
    struct http *h = MEM_NEW(struct http);
    h->env = env;
    uv_tcp_init(env->loop, &h->listener);
    h->listener.data = h;
    int rc = http_bind(h, host, port);
    if (rc != 0) {
        buf_addf(err, "http: %s:%d cannot be served: %s", host, port, uv_strerror(rc));
        http_stop(h, NULL, NULL);
        return NULL;
    }
    struct sockaddr_storage addr;
    int len = sizeof addr;
    uv_tcp_getsockname(&h->listener, (struct sockaddr *)&addr, &len);
    h->port = addr.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&addr)->sin6_port)
                                         : ntohs(((struct sockaddr_in *)&addr)->sin_port);
    return h;
}

int http_port(const struct http *h)
{
    return h->port;
}

void http_stop(struct http *h, void (*done)(void *ud), void *ud)
{
    if (!h) {
        if (done)
            done(ud);
        return;
    }
    h->stopping = true;
    h->done = done;
    h->ud = ud;
    for (struct http_client *c = h->clients; c; c = c->next)
        http_client_close(c);
    uv_close((uv_handle_t *)&h->listener, http_listener_closed);
}
