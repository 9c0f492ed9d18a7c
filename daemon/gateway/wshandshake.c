/* wshandshake.c -- see wshandshake.h; our side of a server is in wsaccept.c. SHA-1 and base64 come from libcrypto. */
#include "gateway/wshandshake.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"

static bool wsurl_fail(struct buf *err, const char *what)
{
    buf_adds(err, what);
    return false;
}

/* host[:port] or [v6][:port]; returns false if it is neither. */
static bool wsurl_authority(struct wsurl *u, const char *s, size_t len)
{
    const char *end = s + len, *host = s, *host_end, *rest;
    if (len && *s == '[') {
        host = s + 1;
        host_end = memchr(host, ']', (size_t)(end - host));
        if (!host_end)
            return false;
        rest = host_end + 1;
    } else {
        host_end = memchr(s, ':', len);
        if (!host_end)
            host_end = end;
        rest = host_end;
    }
    size_t n = (size_t)(host_end - host);
    if (n == 0 || n >= sizeof u->host)
        return false;
    memcpy(u->host, host, n);
    u->host[n] = '\0';
    char *zone = *s == '[' ? strstr(u->host, "%25") : NULL; /* RFC 6874 */
    if (zone)
        memmove(zone + 1, zone + 3, strlen(zone + 3) + 1);
    u->port = u->tls ? 443 : 80;
    if (rest == end)
        return true;
    if (*rest != ':' || rest + 1 == end || end - rest > 6)
        return false;
    u->port = 0;
    for (rest++; rest < end; rest++) {
        if (*rest < '0' || *rest > '9')
            return false;
        u->port = u->port * 10 + (*rest - '0');
    }
    return u->port > 0 && u->port < 65536;
}

bool wsurl_parse(struct wsurl *u, const char *url, struct buf *err)
{
    memset(u, 0, sizeof *u);
    for (const char *p = url; *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7F)
            return wsurl_fail(err, "the url has a blank, control or non-ASCII character");
    if (strncasecmp(url, "wss://", 6) == 0)
        u->tls = true;
    else if (strncasecmp(url, "ws://", 5) != 0)
        return wsurl_fail(err, "the url must begin with ws:// or wss://");
    const char *s = url + (u->tls ? 6 : 5);
    size_t len = strcspn(s, "/?#");
    if (memchr(s, '@', len))
        return wsurl_fail(err, "the url must not contain user or password; use token");
    if (!wsurl_authority(u, s, len))
        return wsurl_fail(err, "the url has no valid host or port");
    s += len;
    size_t n = strcspn(s, "#");
    u->target = mem_alloc(n + 2);
    bool slash = *s == '/';
    if (!slash)
        u->target[0] = '/';
    memcpy(u->target + !slash, s, n);
    u->target[n + !slash] = '\0';
    return true;
}

void wsurl_free(struct wsurl *u)
{
    free(u->target);
    memset(u, 0, sizeof *u);
}

void wshandshake_key(char key[WSHANDSHAKE_KEY], struct rng *rng)
{
    uint64_t raw[2] = {rng_next(rng), rng_next(rng)};
    EVP_EncodeBlock((unsigned char *)key, (const unsigned char *)raw, sizeof raw);
}

void wshandshake_accept(const char *key, char accept[29])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[SHA_DIGEST_LENGTH];
    struct buf b = {0};
    buf_adds(&b, key);
    buf_adds(&b, guid);
    SHA1((const unsigned char *)b.data, b.len, digest);
    buf_free(&b);
    EVP_EncodeBlock((unsigned char *)accept, digest, sizeof digest);
}

void wsurl_authority_text(const struct wsurl *u, bool always_port, struct buf *out)
{
    bool v6 = strchr(u->host, ':');
    buf_adds(out, v6 ? "[" : "");
    buf_add(out, u->host, v6 ? strcspn(u->host, "%") : strlen(u->host));
    buf_adds(out, v6 ? "]" : "");
    if (always_port || u->port != (u->tls ? 443 : 80))
        buf_addf(out, ":%d", u->port);
}

void wshandshake_request(struct buf *out, const struct wsurl *u, const char *key,
                         const char *bearer, const char *agent, const char *extensions)
{
    buf_addf(out, "GET %s HTTP/1.1\r\nHost: ", u->target);
    wsurl_authority_text(u, false, out);
    buf_addf(out,
             "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: %s\r\nUser-Agent: %s\r\n",
             key, agent);
    if (bearer && *bearer)
        buf_addf(out, "Authorization: Bearer %s\r\n", bearer);
    if (extensions)
        buf_addf(out, "Sec-WebSocket-Extensions: %s\r\n", extensions);
    buf_adds(out, "\r\n");
}

size_t wshandshake_end(const char *data, size_t len)
{
    for (size_t i = 0; i + 1 < len; i++) {
        if (data[i] != '\n')
            continue;
        if (data[i + 1] == '\n')
            return i + 2;
        if (data[i + 1] == '\r' && i + 2 < len && data[i + 2] == '\n')
            return i + 3;
    }
    return 0;
}

const char *wshandshake_header(const char *data, size_t len, const char *name, size_t *vlen)
{
    size_t nlen = strlen(name);
    const char *end = data + len;
    for (const char *line = data; line < end;) {
        const char *eol = memchr(line, '\n', (size_t)(end - line));
        if (!eol)
            eol = end;
        if ((size_t)(eol - line) > nlen && line[nlen] == ':' &&
            strncasecmp(line, name, nlen) == 0) {
            const char *v = line + nlen + 1, *e = eol;
            while (v < e && (*v == ' ' || *v == '\t'))
                v++;
            while (e > v && (e[-1] == ' ' || e[-1] == '\t' || e[-1] == '\r'))
                e--;
            *vlen = (size_t)(e - v);
            return v;
        }
        line = eol + 1;
    }
    return NULL;
}

bool wshandshake_has(const char *data, size_t len, const char *name, const char *token)
{
    size_t vlen = 0, tlen = strlen(token);
    const char *v = wshandshake_header(data, len, name, &vlen);
    const char *end = v ? v + vlen : NULL;
    while (v < end) {
        const char *comma = memchr(v, ',', (size_t)(end - v));
        const char *e = comma ? comma : end;
        while (v < e && (*v == ' ' || *v == '\t'))
            v++;
        const char *t = e;
        while (t > v && (t[-1] == ' ' || t[-1] == '\t'))
            t--;
        if ((size_t)(t - v) == tlen && strncasecmp(v, token, tlen) == 0)
            return true;
        v = e + 1;
    }
    return false;
}

static enum wshandshake_result wshandshake_bad(struct wshandshake_answer *a, const char *why)
{
    a->reason = why;
    return WSHANDSHAKE_BAD;
}

int wshandshake_status(const char *data, size_t len)
{
    const char *eol = memchr(data, '\n', len);
    const char *sp = eol ? memchr(data, ' ', (size_t)(eol - data)) : NULL;
    int status = 0;
    if (!sp || eol - sp < 4 || memcmp(data, "HTTP/", 5) != 0)
        return 0;
    for (int i = 1; i <= 3; i++) {
        if (sp[i] < '0' || sp[i] > '9')
            return 0;
        status = status * 10 + (sp[i] - '0');
    }
    return status;
}

enum wshandshake_result wshandshake_read(const char *data, size_t len, const char *key,
                                         struct wshandshake_answer *answer)
{
    memset(answer, 0, sizeof *answer);
    size_t probe = len < 5 ? len : 5;
    if (memcmp(data, "HTTP/", probe) != 0)
        return wshandshake_bad(answer, "the peer does not speak HTTP");
    if (memchr(data, '\n', len)) {
        answer->status = wshandshake_status(data, len);
        if (!answer->status)
            return wshandshake_bad(answer, "malformed status line");
        if (answer->status != 101)
            return WSHANDSHAKE_REFUSED;
    }
    size_t end = wshandshake_end(data, len);
    if (!end)
        return len > WSHANDSHAKE_HEAD_MAX ? wshandshake_bad(answer, "endless headers")
                                          : WSHANDSHAKE_MORE;
    answer->used = end;
    if (!wshandshake_has(data, end, "Upgrade", "websocket") ||
        !wshandshake_has(data, end, "Connection", "upgrade"))
        return wshandshake_bad(answer, "101 without Upgrade: websocket");
    size_t vlen = 0;
    const char *v = wshandshake_header(data, end, "Sec-WebSocket-Accept", &vlen);
    char want[29];
    wshandshake_accept(key, want);
    if (!v || vlen != strlen(want) || memcmp(v, want, vlen) != 0)
        return wshandshake_bad(answer, "wrong Sec-WebSocket-Accept");
    answer->extensions =
        wshandshake_header(data, end, "Sec-WebSocket-Extensions", &answer->extensions_len);
    return WSHANDSHAKE_OPEN;
}
