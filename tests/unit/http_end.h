/* http_end.h -- the other end of the HTTP client's tests, on the same loop: a server that does what the path says, and counts.
 *   /ok        200, keeps the connection     /status/N  that status with a text      /lose   reads, closes without a word
 *   /bye       200 and closes at once        /never     no answer                     /type   200, the request's Content-Type
 *   /echo      200, the request's body       /to/PATH   302 to PATH                   /long   200, 100,000 bytes
 *   /away      302 to /ok of localhost       /half      closes in the middle of the header
 *   /losenext  200; the next request on this connection is read and lost              /pieces 200, three pieces
 */
#ifndef SOPD_TESTS_HTTP_END_H
#define SOPD_TESTS_HTTP_END_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/buf.h"
#include "base/mem.h"

struct http_end {
    uv_loop_t *loop;
    uv_tcp_t listener;
    int port;
    unsigned connections, requests, open;
    char last[256]; /* the last request's line */
};

struct end_peer {
    uv_tcp_t tcp;
    struct http_end *end;
    struct buf in;
    bool lose;
};

struct end_write {
    uv_write_t req;
    char *data;
    bool close;
};

static void end_peer_closed(uv_handle_t *h)
{
    struct end_peer *p = h->data;
    p->end->open--;
    buf_free(&p->in);
    free(p);
}

static void end_peer_close(struct end_peer *p)
{
    if (!uv_is_closing((uv_handle_t *)&p->tcp))
        uv_close((uv_handle_t *)&p->tcp, end_peer_closed);
}

static void end_written(uv_write_t *req, int status)
{
    struct end_write *w = req->data;
    (void)status;
    if (w->close)
        end_peer_close(req->handle->data);
    free(w->data);
    free(w);
}

static void end_send(struct end_peer *p, char *data, size_t len, bool close)
{
    struct end_write *w = MEM_NEW(struct end_write);
    w->req.data = w;
    w->data = data;
    w->close = close;
    uv_buf_t b = uv_buf_init(data, (unsigned)len);
    uv_write(&w->req, (uv_stream_t *)&p->tcp, &b, 1, end_written);
}

static void end_reply(struct end_peer *p, int status, const char *more, const char *body,
                      size_t len, bool close)
{
    struct buf out = {0};
    buf_addf(&out, "HTTP/1.1 %d X\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n%s\r\n",
             status, len, more);
    buf_add(&out, body, len);
    size_t n = out.len;
    end_send(p, buf_take(&out), n, close);
}

static void end_answer(struct end_peer *p, const char *path, const char *head, const char *body,
                       size_t len)
{
    char more[300] = "";
    if (p->lose || strcmp(path, "/lose") == 0) {
        end_peer_close(p);
    } else if (strncmp(path, "/status/", 8) == 0) {
        end_reply(p, atoi(path + 8), "Retry-After: 7\r\nX-Empty:\r\n", "no, not so", 10, false);
    } else if (strcmp(path, "/echo") == 0) {
        end_reply(p, 200, "", body, len, false);
    } else if (strcmp(path, "/type") == 0) {
        const char *type = strcasestr(head, "content-type: ");
        type = type ? type + 14 : "";
        end_reply(p, 200, "", type, strcspn(type, "\r"), false);
    } else if (strcmp(path, "/away") == 0) {
        snprintf(more, sizeof more, "Location: http://localhost:%d/ok\r\n", p->end->port);
        end_reply(p, 302, more, "", 0, false);
    } else if (strcmp(path, "/half") == 0) {
        end_send(p, mem_strdup("HTTP/1.1 200 OK\r\nContent-Le"), 27, true);
    } else if (strncmp(path, "/to/", 4) == 0) {
        snprintf(more, sizeof more, "Location: %s\r\n", path + 3);
        end_reply(p, 302, more, "", 0, false);
    } else if (strcmp(path, "/long") == 0) {
        char *text = mem_zero(100000);
        memset(text, 'x', 100000);
        end_reply(p, 200, "", text, 100000, false);
        free(text);
    } else if (strcmp(path, "/pieces") == 0) {
        static const char text[] = "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
                                   "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n";
        end_send(p, mem_strdup(text), sizeof text - 1, false);
    } else if (strcmp(path, "/never") != 0) {
        p->lose = strcmp(path, "/losenext") == 0;
        end_reply(p, 200, "", "ok", 2, strcmp(path, "/bye") == 0);
    }
}

/* True: one request was taken out of what came. */
static bool end_take(struct end_peer *p)
{
    const char *text = buf_cstr(&p->in), *stop = strstr(text, "\r\n\r\n");
    if (!stop)
        return false;
    char *head = mem_strndup(text, (size_t)(stop - text));
    const char *length = strcasestr(head, "content-length: ");
    size_t len = length ? (size_t)atoi(length + 16) : 0, size = (size_t)(stop + 4 - text) + len;
    bool whole = p->in.len >= size;
    if (whole) {
        char path[200] = "";
        sscanf(head, "%*s %199s", path);
        snprintf(p->end->last, sizeof p->end->last, "%.*s", (int)strcspn(head, "\r"), head);
        p->end->requests++;
        end_answer(p, path, head, stop + 4, len);
        buf_consume(&p->in, size);
    }
    free(head);
    return whole && !uv_is_closing((uv_handle_t *)&p->tcp);
}

static void end_room(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
    struct end_peer *p = h->data;
    (void)hint;
    *b = uv_buf_init(buf_reserve(&p->in, 65536), 65536);
}

static void end_on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct end_peer *p = s->data;
    (void)b;
    if (n < 0) {
        end_peer_close(p);
        return;
    }
    p->in.len += (size_t)n;
    while (end_take(p))
        ;
}

static void end_on_connection(uv_stream_t *s, int status)
{
    struct http_end *e = s->data;
    if (status < 0)
        return;
    struct end_peer *p = MEM_NEW(struct end_peer);
    p->end = e;
    uv_tcp_init(e->loop, &p->tcp);
    p->tcp.data = p;
    e->open++;
    if (uv_accept(s, (uv_stream_t *)&p->tcp) != 0) {
        end_peer_close(p);
        return;
    }
    e->connections++;
    uv_tcp_nodelay(&p->tcp, 1);
    uv_read_start((uv_stream_t *)&p->tcp, end_room, end_on_read);
}

static inline void http_end_start(struct http_end *e, uv_loop_t *loop)
{
    struct sockaddr_in a;
    int len = sizeof a;
    memset(e, 0, sizeof *e);
    e->loop = loop;
    uv_tcp_init(loop, &e->listener);
    e->listener.data = e;
    uv_ip4_addr("127.0.0.1", 0, &a);
    uv_tcp_bind(&e->listener, (struct sockaddr *)&a, 0);
    uv_listen((uv_stream_t *)&e->listener, 128, end_on_connection);
    uv_tcp_getsockname(&e->listener, (struct sockaddr *)&a, &len);
    e->port = ntohs(a.sin_port);
}

static inline void http_end_stop(struct http_end *e)
{
    uv_close((uv_handle_t *)&e->listener, NULL);
}

#endif
