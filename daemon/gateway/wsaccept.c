/* wsaccept.c -- see wshandshake.h: the server's side of the opening handshake (RFC 6455 section 4.2). */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "gateway/wshandshake.h"

/* "GET <target> HTTP/1.1": false if it is something else. */
static bool wsaccept_line(const char *data, size_t len, struct wshandshake_asked *a)
{
    const char *eol = memchr(data, '\n', len);
    if (!eol || len < 4 || memcmp(data, "GET ", 4) != 0)
        return false;
    const char *target = data + 4;
    const char *space = memchr(target, ' ', (size_t)(eol - target));
    if (!space || eol - space < 9 || memcmp(space + 1, "HTTP/1.", 7) != 0 || space[8] < '1')
        return false;
    a->target = target;
    a->target_len = (size_t)(space - target);
    return a->target_len && *target == '/';
}

static int wsaccept_status(const char *data, size_t len, struct wshandshake_asked *a)
{
    size_t vlen = 0;
    if (!wshandshake_has(data, len, "Upgrade", "websocket") ||
        !wshandshake_has(data, len, "Connection", "upgrade"))
        return 426;
    const char *version = wshandshake_header(data, len, "Sec-WebSocket-Version", &vlen);
    if (!version || vlen != 2 || memcmp(version, "13", 2) != 0)
        return 426;
    a->key = wshandshake_header(data, len, "Sec-WebSocket-Key", &a->key_len);
    /* 16 bytes in base64; what they are is of no interest */
    bool good = a->key && a->key_len == WSHANDSHAKE_KEY - 1 && !memchr(a->key, ' ', a->key_len);
    return good ? 101 : 400;
}

void wshandshake_asked(const char *data, size_t len, struct wshandshake_asked *a)
{
    memset(a, 0, sizeof *a);
    size_t probe = len < 4 ? len : 4;
    if (memcmp(data, "GET ", probe) != 0) {
        /* another method, or something that is no HTTP at all, such as a TLS greeting */
        bool letter = *data >= 'A' && *data <= 'Z';
        a->status = !letter || memchr(data, '\n', len) || len > 16 ? 400 : 0;
        return;
    }
    size_t end = wshandshake_end(data, len);
    if (!end) {
        a->status = len > WSHANDSHAKE_HEAD_MAX ? 431 : 0;
        return;
    }
    a->used = end;
    a->status = wsaccept_line(data, end, a) ? wsaccept_status(data, end, a) : 400;
}

static const char *wsaccept_word(int status)
{
    switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 426: return "Upgrade Required";
    case 431: return "Request Header Fields Too Large";
    default: return "Refused";
    }
}

void wshandshake_answer(struct buf *out, int status, const char *key, const char *extensions)
{
    char accept[29];
    if (status == 101) {
        wshandshake_accept(key, accept);
        buf_addf(out,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\n",
                 accept);
        if (*extensions)
            buf_addf(out, "Sec-WebSocket-Extensions: %s\r\n", extensions);
        buf_adds(out, "\r\n");
        return;
    }
    buf_addf(out, "HTTP/1.1 %d %s\r\n%s%sConnection: close\r\nContent-Length: 0\r\n\r\n", status,
             wsaccept_word(status),
             status == 426 ? "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" : "",
             status == 401 ? "WWW-Authenticate: Bearer\r\n" : "");
}
