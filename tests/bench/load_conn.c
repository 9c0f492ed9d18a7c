/* load_conn.c -- the server side of RFC 6455, as far as a bench needs it: handshake, text, ping, close; no
 * fragments (none of the measured programs sends them), no extensions.
 * Owns: the socket and both buffers of a connection. Called by: load.c. */
#include "load_conn.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE (256u * 1024)

enum { OP_TEXT = 1, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

static void *must(void *p)
{
    if (!p) {
        fputs("bench_load: out of memory\n", stderr);
        abort();
    }
    return p;
}

struct conn *conn_create(int fd)
{
    struct conn *c = must(calloc(1, sizeof(*c)));
    c->fd = fd;
    return c;
}

void conn_destroy(struct conn *c)
{
    if (!c)
        return;
    close(c->fd);
    free(c->in);
    free(c->out);
    free(c);
}

static char *out_reserve(struct conn *c, size_t len)
{
    if (c->out_len + len > c->out_cap) {
        c->out_cap = 2 * (c->out_len + len);
        c->out = must(realloc(c->out, c->out_cap));
    }
    char *at = c->out + c->out_len;
    c->out_len += len;
    return at;
}

/* Room for a frame of `len` bytes of payload, with its header written. */
static char *put_frame(struct conn *c, unsigned op, size_t len)
{
    size_t head = len < 126 ? 2 : len < 65536 ? 4 : 10;
    unsigned char *at = (unsigned char *)out_reserve(c, head + len);
    at[0] = (unsigned char)(0x80 | op);
    if (head == 2) {
        at[1] = (unsigned char)len;
    } else if (head == 4) {
        at[1] = 126;
        at[2] = (unsigned char)(len >> 8);
        at[3] = (unsigned char)len;
    } else {
        at[1] = 127;
        for (int i = 0; i < 8; i++)
            at[2 + i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
    }
    return (char *)at + head;
}

char *conn_put(struct conn *c, size_t len)
{
    return put_frame(c, OP_TEXT, len);
}

void conn_put_http(struct conn *c, const char *json, size_t len)
{
    char head[128];
    int n = snprintf(
        head, sizeof(head),
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", len);
    memcpy(out_reserve(c, (size_t)n), head, (size_t)n);
    memcpy(out_reserve(c, len), json, len);
}

bool conn_flush(struct conn *c)
{
    while (c->out_sent < c->out_len) {
        ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            c->want_write = true;
            return true;
        }
        if (n < 0)
            return false;
        c->out_sent += (size_t)n;
    }
    c->out_sent = c->out_len = 0;
    c->want_write = false;
    return true;
}

/* The value of a header, found without regard to case; copies at most cap-1 bytes. */
static bool header_value(const char *request, const char *name, char *value, size_t cap)
{
    const char *at = strcasestr(request, name);
    if (!at)
        return false;
    at += strlen(name);
    at += strspn(at, " \t");
    size_t len = strcspn(at, "\r\n");
    if (len >= cap)
        return false;
    memcpy(value, at, len);
    value[len] = '\0';
    return true;
}

static void unmask(char *p, size_t len, const unsigned char mask[4])
{
    uint64_t wide;
    memcpy(&wide, mask, 4);
    memcpy((char *)&wide + 4, mask, 4);
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t word;
        memcpy(&word, p + i, 8);
        word ^= wide;
        memcpy(p + i, &word, 8);
    }
    for (; i < len; i++)
        p[i] = (char)(p[i] ^ (char)mask[i & 3]);
}

/* The length of the head of a request, 0 if it is not all there, -1 if it never will be. Notes its path and account. */
static long take_head(struct conn *c, const char *p, size_t len)
{
    const char *end = memmem(p, len, "\r\n\r\n", 4);
    if (!end)
        return len > 16384 ? -1 : 0;
    const char *slash = memchr(p, '/', (size_t)(end - p));
    if (!slash)
        return -1;
    size_t n = strcspn(slash, " \r");
    n = n < sizeof(c->path) ? n : sizeof(c->path) - 1;
    memcpy(c->path, slash, n);
    c->path[n] = '\0';
    c->account = (unsigned)strtoul(slash + 1, NULL, 10);
    return end - p + 4;
}

/* Answers the upgrade request once it is complete. Returns its length, 0 if more is needed or it is HTTP, -1 if it is neither. */
static long handshake(struct conn *c)
{
    long len = take_head(c, c->in, c->in_len);
    if (len <= 0)
        return len;
    char key[64], joined[128], accept[64], last = c->in[len - 1];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    c->in[len - 1] = '\0';
    bool upgrade = header_value(c->in, "\nSec-WebSocket-Key:", key, sizeof(key));
    c->in[len - 1] = last;
    if (!upgrade) {
        c->http = true;
        return 0;
    }
    snprintf(joined, sizeof(joined), "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    if (!EVP_Digest(joined, strlen(joined), digest, &digest_len, EVP_sha1(), NULL))
        return -1;
    EVP_EncodeBlock((unsigned char *)accept, digest, (int)digest_len);
    char answer[256];
    int n = snprintf(answer, sizeof(answer),
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                     accept);
    memcpy(out_reserve(c, (size_t)n), answer, (size_t)n);
    c->open = true;
    return len;
}

/* Takes one HTTP request from the start of `p`, as take_frame does a frame. */
static long take_request(struct conn *c, char *p, size_t len, conn_frame_fn frame)
{
    long head = take_head(c, p, len);
    if (head <= 0)
        return head;
    char size[32], last = p[head - 1];
    p[head - 1] = '\0';
    bool known = header_value(p, "\nContent-Length:", size, sizeof(size));
    p[head - 1] = last;
    size_t body = known ? strtoul(size, NULL, 10) : 0;
    if (body > (16u << 20))
        return -1;
    if (len < (size_t)head + body)
        return 0;
    frame(c, p + head, body);
    return head + (long)body;
}

/* Takes one frame from the start of `p`. Returns its length, 0 if it is not all there, -1 to hang up. */
static long take_frame(struct conn *c, char *p, size_t len, conn_frame_fn frame)
{
    const unsigned char *h = (const unsigned char *)p;
    if (len < 6)
        return 0;
    size_t payload = h[1] & 0x7f, head = 6;
    if (payload == 126) {
        head = 8;
        payload = (size_t)h[2] << 8 | h[3];
    } else if (payload == 127) {
        if (len < 14)
            return 0;
        head = 14;
        payload = 0;
        for (int i = 0; i < 8; i++)
            payload = payload << 8 | h[2 + i];
    }
    if (!(h[0] & 0x80) || !(h[1] & 0x80) || payload > (16u << 20))
        return -1;
    if (len < head + payload)
        return 0;
    unsigned op = h[0] & 15;
    unmask(p + head, payload, h + head - 4);
    if (op == OP_TEXT)
        frame(c, p + head, payload);
    else if (op == OP_PING)
        memcpy(put_frame(c, OP_PONG, payload), p + head, payload);
    return op == OP_CLOSE ? -1 : (long)(head + payload);
}

/* Takes all that is complete in the input buffer. */
static bool take_all(struct conn *c, conn_frame_fn frame)
{
    size_t at = 0;
    while (at < c->in_len) {
        if (!c->open && !c->http) {
            long n = handshake(c);
            if (n < 0)
                return false;
            if (n == 0 && !c->http)
                break;
            at += (size_t)n;
            continue;
        }
        long n = c->http ? take_request(c, c->in + at, c->in_len - at, frame)
                         : take_frame(c, c->in + at, c->in_len - at, frame);
        if (n < 0)
            return false;
        if (n == 0)
            break;
        at += (size_t)n;
    }
    memmove(c->in, c->in + at, c->in_len - at);
    c->in_len -= at;
    return true;
}

bool conn_read(struct conn *c, conn_frame_fn frame)
{
    if (c->in_cap - c->in_len < READ_SIZE / 2) {
        c->in_cap = c->in_len + READ_SIZE;
        c->in = must(realloc(c->in, c->in_cap));
    }
    ssize_t n = recv(c->fd, c->in + c->in_len, c->in_cap - c->in_len, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    c->in_len += (size_t)n;
    return take_all(c, frame);
}
