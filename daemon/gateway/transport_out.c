/* transport_out.c -- what leaves a connection: frames are built in its buffer, all of a loop turn's go in one write, and what the
 * socket does not take waits. A control frame does not wait behind megabytes: it goes in at the next border between frames.
 * Callers: codecs through transport.h, the other files transport*.c. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/transport_internal.h"

enum { OUT_COMPACT = 256 * 1024, OUT_MUCH = 64 * 1024 };

struct buf *conn_begin(struct conn *c, size_t *start)
{
    *start = wsframe_begin(&c->out);
    return &c->out;
}

/* Packs the payload of the message that begins at start, in place, if that makes it smaller. */
static bool conn_pack(struct conn *c, size_t start)
{
    static struct buf packed;
    size_t body = wsframe_payload(start);
    buf_reset(&packed);
    if (!wsdeflate_pack(c->deflate, c->out.data + body, c->out.len - body, &packed))
        return false;
    memcpy(c->out.data + body, packed.data, packed.len);
    c->out.len = body + packed.len;
    if (packed.cap > TRANSPORT_OUT_KEEP)
        buf_free(&packed);
    return true;
}

void conn_end(struct conn *c, size_t start)
{
    bool packed = c->deflate && conn_pack(c, start);
    wsframe_end_message(&c->out, start, c->role, packed, c->opts.fragment, &c->t->rng);
    c->queued += c->out.len - start;
    conn_mark_dirty(c);
}

void conn_cancel(struct conn *c, size_t start)
{
    c->out.len = start;
}

void conn_say(struct conn *c, const struct buf *head)
{
    buf_add(&c->out, head->data, head->len);
    c->queued += head->len;
    c->out_mark = c->out.len;
    conn_mark_dirty(c);
}

/* ---- control frames ---- */

/* Bytes of the frame that begins there. */
static size_t out_frame_size(const uint8_t *h)
{
    size_t n = h[1] & 0x7F, extra = n == 126 ? 2 : n == 127 ? 8 : 0;
    if (extra) {
        n = 0;
        for (size_t i = 0; i < extra; i++)
            n = n << 8 | h[2 + i];
    }
    return 2 + extra + (h[1] & 0x80 ? 4 : 0) + n;
}

/* The next border between frames that has not been written. */
static size_t out_border(struct conn *c)
{
    while (c->out_mark < c->out_at)
        c->out_mark += out_frame_size((const uint8_t *)c->out.data + c->out_mark);
    return c->out_mark;
}

void conn_control(struct conn *c, enum wsframe_opcode op, const void *data, size_t len)
{
    size_t end = c->out.len, at = conn_waiting(c) > OUT_MUCH ? out_border(c) : end;
    wsframe_add(&c->out, c->role, op, data, len, &c->t->rng);
    size_t n = c->out.len - end;
    if (at < end) { /* a control frame has at most 131 bytes */
        char frame[160];
        memcpy(frame, c->out.data + end, n);
        memmove(c->out.data + at + n, c->out.data + at, end - at);
        memcpy(c->out.data + at, frame, n);
    }
    c->queued += n;
    conn_mark_dirty(c);
}

void conn_ping(struct conn *c)
{
    if (c->state == CONN_OPEN && !conn_full(c))
        conn_control(c, WSFRAME_OP_PING, "sopd", 4);
}

/* ---- how much waits ---- */

size_t conn_waiting(const struct conn *c)
{
    return c->out.len - c->out_at;
}

bool conn_full(const struct conn *c)
{
    return c->state != CONN_OPEN || conn_waiting(c) >= c->opts.max_queue;
}

uint64_t conn_queued(const struct conn *c)
{
    return c->queued;
}

uint64_t conn_written(const struct conn *c)
{
    return c->written;
}

/* ---- writing ---- */

ssize_t conn_send(struct conn *c, const void *data, size_t len)
{
    ssize_t n;
    do
        n = send(c->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        lws_callback_on_writable(c->wsi);
        return 0;
    }
    return n < 0 ? -1 : n;
}

/* Everything left. The memory is kept for the next turn, unless it is much or all connections together keep much. */
static void conn_written_all(struct conn *c)
{
    size_t others = c->t->kept - c->kept;
    c->out.len = c->out_at = c->out_mark = 0;
    if (c->out.cap > TRANSPORT_OUT_KEEP || others + c->out.cap > TRANSPORT_KEEP_ALL)
        buf_free(&c->out);
    c->kept = c->out.cap;
    c->t->kept = others + c->kept;
    if (c->hang_up)
        conn_kill(c);
}

/* A slow peer: what has left gives its memory back. */
static void conn_compact(struct conn *c)
{
    if (c->out_at < OUT_COMPACT || c->out_at < c->out.len / 2)
        return;
    c->out_mark = out_border(c) - c->out_at; /* while the heads before it are still there */
    buf_consume(&c->out, c->out_at);
    c->out_at = 0;
}

static int conn_write_plain(struct conn *c)
{
    while (c->out_at < c->out.len) {
        size_t left = c->out.len - c->out_at;
        ssize_t n =
            conn_send(c, c->out.data + c->out_at, left < TRANSPORT_TX ? left : TRANSPORT_TX);
        if (n <= 0)
            return (int)n;
        c->out_at += (size_t)n;
        c->written += (uint64_t)n;
    }
    return 1;
}

/* The socket takes nothing any more. What the peer said last (a close frame, an alert: why) may still be there to be read, so the end
 * comes from reading; at latest with the deadline. */
static void conn_broken(struct conn *c)
{
    c->broken = true;
    if (c->paused)
        conn_kill(c);
    else if (c->state >= CONN_OPEN)
        conn_deadline(c, TRANSPORT_CLOSE_MS);
}

void conn_write(struct conn *c)
{
    if (!c->wsi || c->state < CONN_HANDSHAKE || c->state == CONN_DEAD || c->broken)
        return;
    int rc = c->tls ? conn_tls_write(c) : conn_write_plain(c);
    if (rc < 0)
        conn_broken(c);
    else if (c->out_at < c->out.len)
        conn_compact(c);
    else if (c->out.len || c->hang_up)
        conn_written_all(c);
}

void conn_flush(struct conn *c)
{
    if (c->state == CONN_OPEN || c->state == CONN_CLOSING)
        conn_write(c);
}
