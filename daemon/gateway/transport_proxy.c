/* transport_proxy.c -- HTTP proxies: which one a connection goes through, and asking it for a tunnel (CONNECT, RFC 9110 9.3.6).
 * Precedence: the gateway's own `proxy`; else the environment: https_proxy for wss, http_proxy for ws, then all_proxy, and no_proxy
 * for what goes straight. What is on this machine always goes straight unless the gateway itself names a proxy. */
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "gateway/transport_internal.h"

void proxy_free(struct proxy *p)
{
    if (p->basic)
        explicit_bzero(p->basic, strlen(p->basic));
    free(p->basic);
    memset(p, 0, sizeof *p);
}

/* %XX of user and password. */
static size_t proxy_decode(const char *s, size_t len, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned byte;
        if (s[i] == '%' && i + 2 < len && sscanf(s + i + 1, "%2x", &byte) == 1) {
            out[n++] = (char)byte;
            i += 2;
        } else {
            out[n++] = s[i];
        }
    }
    return n;
}

static void proxy_credentials(struct proxy *p, const char *s, size_t len)
{
    char *plain = mem_alloc(len + 1);
    size_t n = proxy_decode(s, len, plain);
    p->basic = mem_alloc(n * 4 / 3 + 5);
    EVP_EncodeBlock((unsigned char *)p->basic, (const unsigned char *)plain, (int)n);
    explicit_bzero(plain, n);
    free(plain);
}

bool proxy_parse(struct proxy *p, const char *text, struct buf *err)
{
    static const char scheme[] = "http://";
    memset(p, 0, sizeof *p);
    if (strncasecmp(text, scheme, sizeof scheme - 1) == 0) {
        text += sizeof scheme - 1;
    } else if (strstr(text, "://")) {
        buf_adds(err,
                 "the proxy must be http://[user:password@]host[:port]; other kinds are not known");
        return false;
    }
    size_t len = strcspn(text, "/?#");
    const char *at = memrchr(text, '@', len);
    struct wsurl u;
    struct buf url = {0};
    buf_adds(&url, "ws://");
    const char *host = at ? at + 1 : text;
    buf_add(&url, host, len - (size_t)(host - text));
    bool ok = wsurl_parse(&u, buf_cstr(&url), err);
    buf_free(&url);
    if (ok) {
        memcpy(p->host, u.host, sizeof p->host);
        const char *end = text + len, *colon = memrchr(host, ':', (size_t)(end - host));
        bool named = colon && !memchr(colon, ']', (size_t)(end - colon));
        p->port = named ? u.port : 1080; /* as curl does, so as people expect of these variables */
        if (at)
            proxy_credentials(p, text, (size_t)(at - text));
    } else {
        buf_adds(err, " (of the proxy)");
    }
    wsurl_free(&u);
    return ok;
}

/* ---- which one ---- */

static bool proxy_local(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* One word of no_proxy: a name, or the end of one, from a dot on. */
static bool proxy_word_covers(const char *word, size_t len, const char *host)
{
    const char *colon = memchr(word, ':', len);
    if (colon && !memchr(colon + 1, ':', len - (size_t)(colon + 1 - word)))
        len = (size_t)(colon - word); /* its port */
    while (len && *word == '.')
        word++, len--;
    size_t n = strlen(host);
    if (!len || n < len || strncasecmp(host + n - len, word, len) != 0)
        return false;
    return n == len || host[n - len - 1] == '.';
}

bool proxy_spared(const char *list, const char *host)
{
    for (const char *p = list ? list : ""; *p;) {
        size_t n = strcspn(p, ", ");
        if ((n == 1 && *p == '*') || proxy_word_covers(p, n, host))
            return true;
        p += n;
        p += strspn(p, ", ");
    }
    return false;
}

static const char *proxy_variable(const char *lower, const char *upper)
{
    const char *s = getenv(lower);
    if ((!s || !*s) && upper)
        s = getenv(upper);
    return s && *s ? s : NULL;
}

bool proxy_choose(struct proxy *p, const char *own, const struct wsurl *u, struct buf *err)
{
    memset(p, 0, sizeof *p);
    if (own)
        return !*own || strcmp(own, "none") == 0 || proxy_parse(p, own, err);
    /* HTTP_PROXY in capitals is left alone: behind CGI it comes from a request's header */
    const char *from =
        u->tls ? proxy_variable("https_proxy", "HTTPS_PROXY") : proxy_variable("http_proxy", NULL);
    if (!from)
        from = proxy_variable("all_proxy", "ALL_PROXY");
    if (!from || proxy_local(u->host) ||
        proxy_spared(proxy_variable("no_proxy", "NO_PROXY"), u->host))
        return true;
    return proxy_parse(p, from, err);
}

/* ---- the tunnel ---- */

void proxy_request(const struct proxy *p, const struct wsurl *u, const char *agent, struct buf *out)
{
    buf_adds(out, "CONNECT ");
    wsurl_authority_text(u, true, out);
    buf_adds(out, " HTTP/1.1\r\nHost: ");
    wsurl_authority_text(u, true, out);
    buf_addf(out, "\r\nUser-Agent: %s\r\n", agent);
    if (p->basic)
        buf_addf(out, "Proxy-Authorization: Basic %s\r\n", p->basic);
    buf_adds(out, "\r\n");
}

const char *proxy_refusal(int status, bool credentials)
{
    switch (status) {
    case 407:
        return credentials ? "the proxy refuses our user and password"
                           : "the proxy wants a user and password";
    case 403:
    case 405: return "the proxy does not allow a connection to that address";
    case 502:
    case 503: return "the proxy cannot reach the address";
    case 504: return "the proxy got no answer from the address";
    case 0: return "what should be a proxy is none";
    default: return "the proxy refuses the connection";
    }
}
