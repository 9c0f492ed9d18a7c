/* redis_addr.c -- the addresses of Redis that people write in the configuration (redis.h). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "store/redis.h"

static int redis_hex(int c)
{
    if (isdigit(c))
        return c - '0';
    c = tolower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char *redis_decode(const char *s, size_t len)
{
    struct buf b = {0};
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '%' && i + 2 < len + 0 && redis_hex((unsigned char)s[i + 1]) >= 0 &&
            redis_hex((unsigned char)s[i + 2]) >= 0) {
            buf_addc(&b, (char)(redis_hex((unsigned char)s[i + 1]) * 16 +
                                redis_hex((unsigned char)s[i + 2])));
            i += 2;
        } else {
            buf_addc(&b, s[i]);
        }
    }
    return buf_take(&b);
}

static bool redis_parse_int(const char *s, int max, int *out)
{
    char *end;
    long n = strtol(s, &end, 10);
    if (end == s || *end || n < 0 || n > max)
        return false;
    *out = (int)n;
    return true;
}

static bool redis_parse_unix(const char *rest, struct redis_addr *out, struct buf *err)
{
    const char *query = strchr(rest, '?');
    size_t len = query ? (size_t)(query - rest) : strlen(rest);
    if (len == 0 || rest[0] != '/') {
        buf_adds(err, "a unix socket is written unix:///absolute/path");
        return false;
    }
    if (len > 107) {
        buf_adds(err, "the path of a unix socket may have at most 107 bytes");
        return false;
    }
    if (query &&
        (strncmp(query, "?db=", 4) != 0 || !redis_parse_int(query + 4, 100000, &out->db))) {
        buf_adds(err, "after the path only ?db=NUMBER may stand");
        return false;
    }
    out->path = mem_strndup(rest, len);
    return true;
}

static bool redis_parse_tcp(const char *rest, struct redis_addr *out, struct buf *err)
{
    out->port = 6379;
    const char *slash = strchr(rest, '/');
    size_t len = slash ? (size_t)(slash - rest) : strlen(rest);
    if (slash && slash[1] && !redis_parse_int(slash + 1, 100000, &out->db)) {
        buf_adds(err, "the database after the last / must be a number");
        return false;
    }
    const char *at = NULL;
    for (size_t i = 0; i < len; i++)
        if (rest[i] == '@')
            at = rest + i;
    if (at) {
        const char *colon = memchr(rest, ':', (size_t)(at - rest));
        if (!colon) {
            buf_adds(err, "credentials are written user:password@ (or :password@)");
            return false;
        }
        if (colon > rest)
            out->user = redis_decode(rest, (size_t)(colon - rest));
        out->password = redis_decode(colon + 1, (size_t)(at - colon - 1));
        len -= (size_t)(at + 1 - rest);
        rest = at + 1;
    }
    char *host = mem_strndup(rest, len);
    char *colon = strrchr(host, ':');
    if (host[0] == '[') { /* [::1]:6379 */
        char *close = strchr(host, ']');
        colon = close && close[1] == ':' ? close + 1 : NULL;
        if (close) {
            *close = '\0';
            memmove(host, host + 1, strlen(host));
        }
    }
    bool ok = true;
    if (colon) {
        if (*colon == ':')
            *colon = '\0';
        ok = redis_parse_int(colon + 1, 65535, &out->port) && out->port > 0;
    }
    if (!ok)
        buf_adds(err, "the port must be a number from 1 to 65535");
    else if (!*host)
        buf_adds(err, "the host is missing");
    out->host = host;
    return ok && *host;
}

bool redis_addr_parse(const char *url, struct redis_addr *out, struct buf *err)
{
    memset(out, 0, sizeof *out);
    bool ok = false;
    if (strncmp(url, "unix://", 7) == 0)
        ok = redis_parse_unix(url + 7, out, err);
    else if (strncmp(url, "redis://", 8) == 0)
        ok = redis_parse_tcp(url + 8, out, err);
    else
        buf_adds(err, "an address of Redis begins with unix:// or redis://");
    if (!ok)
        redis_addr_free(out);
    return ok;
}

void redis_addr_free(struct redis_addr *a)
{
    free(a->path);
    free(a->host);
    free(a->user);
    if (a->password)
        explicit_bzero(a->password, strlen(a->password));
    free(a->password);
    memset(a, 0, sizeof *a);
}

void redis_addr_print(const struct redis_addr *a, struct buf *out)
{
    if (a->path)
        buf_addf(out, "unix://%s", a->path);
    else
        buf_addf(out, "redis://%s:%d", a->host, a->port);
    if (a->db)
        buf_addf(out, "%s%d", a->path ? "?db=" : "/", a->db);
}
