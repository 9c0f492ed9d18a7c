/* sat_url.c -- the address of a Satori server as people write it, made into the two that are used: for calls and for events. */
#include <string.h>

#include "gateway/sat.h"

static bool sat_url_end(const char *s, size_t n, const char *tail)
{
    size_t t = strlen(tail);
    return n >= t && memcmp(s + n - t, tail, t) == 0;
}

bool sat_urls(const char *url, struct buf *base, struct buf *events, struct buf *err)
{
    static const struct {
        const char *scheme;
        bool tls;
    } schemes[] = {{"http://", false}, {"https://", true}, {"ws://", false}, {"wss://", true}};
    const char *rest = NULL;
    bool tls = false;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0] && !rest; i++) {
        if (strncmp(url, schemes[i].scheme, strlen(schemes[i].scheme)) != 0)
            continue;
        rest = url + strlen(schemes[i].scheme);
        tls = schemes[i].tls;
    }
    if (!rest || !*rest || *rest == '/' || *rest == ':') {
        buf_adds(err, "url must be http://host:port/prefix or https://host:port/prefix");
        return false;
    }
    if (rest[strcspn(rest, "?# \t\r\n")] != '\0') {
        buf_adds(err, "url must have no query, fragment or blank");
        return false;
    }
    if (memchr(rest, '@', strcspn(rest, "/"))) {
        buf_adds(err, "url must not hold a password; use token, token_env or token_file");
        return false;
    }
    size_t n = strlen(rest);
    while (n && rest[n - 1] == '/')
        n--;
    if (sat_url_end(rest, n, "/v1/events"))
        n -= strlen("/v1/events");
    else if (sat_url_end(rest, n, "/v1"))
        n -= strlen("/v1");
    while (n && rest[n - 1] == '/')
        n--;
    buf_addf(base, "%s%.*s/v1", tls ? "https://" : "http://", (int)n, rest);
    buf_addf(events, "%s%.*s/v1/events", tls ? "wss://" : "ws://", (int)n, rest);
    return true;
}
