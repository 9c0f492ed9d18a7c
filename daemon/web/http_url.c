/* http_url.c -- addresses that flows may call: read strictly, compared part by part. See http_client.h.
 * An address that another reader (a proxy, a server, libcurl) could understand differently is refused: user names, backslashes,
 * escapes of dots and slashes, names that are no plain host names. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "web/http_client.h"

static const char url_form[] = "an address looks like https://api.example.com/path";

static bool url_host_char(char c, bool bracket)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           (bracket ? c == ':' : c == '-' || c == '_');
}

/* The host at *p, lower case; moves *p behind it. */
static const char *url_host(const char **p, struct http_url *out)
{
    bool bracket = **p == '[';
    const char *s = *p + bracket;
    size_t n = 0;
    while (url_host_char(s[n], bracket))
        n++;
    if (n == 0 || n >= sizeof out->host || s[0] == '.' || s[0] == '-' || s[n - 1] == '.')
        return url_form;
    for (size_t i = 0; i < n; i++)
        out->host[i] = (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] + 32 : s[i]);
    out->host[n] = '\0';
    s += n;
    if (bracket && *s++ != ']')
        return url_form;
    *p = s;
    return *s == '@' ? "an address must not hold a user name; secrets belong in the configuration"
                     : NULL;
}

static const char *url_port(const char **p, struct http_url *out)
{
    out->port = out->tls ? 443 : 80;
    if (**p != ':')
        return NULL;
    int port = 0, digits = 0;
    for ((*p)++; **p >= '0' && **p <= '9' && digits < 6; (*p)++, digits++)
        port = port * 10 + (**p - '0');
    out->port = port;
    if (**p == '@' || (**p && !strchr("/?", **p)))
        return url_form;
    return digits && port >= 1 && port <= 65535 ? NULL : "the port is a number from 1 to 65535";
}

/* A path that means what it says: nothing that climbs up, nothing hidden in escapes. */
static const char *url_path(struct http_url *out)
{
    static const char *const hidden[] = {"%2e", "%2f", "%5c", "%00"};
    const char *p = out->path, *end = p + out->path_len;
    for (const char *s = p; s < end; s++) {
        for (size_t i = 0; *s == '%' && i < sizeof hidden / sizeof hidden[0]; i++)
            if (end - s >= 3 && strncasecmp(s, hidden[i], 3) == 0)
                return "escapes of dots, slashes and zero bytes are not allowed in a path";
        if (*s != '/' || s + 1 >= end || s[1] != '.')
            continue;
        const char *t = s + 2 < end && s[2] == '.' ? s + 3 : s + 2;
        if (t >= end || *t == '/' || *t == ';')
            return "a path must not hold the parts . and ..";
    }
    return NULL;
}

const char *http_url_parse(const char *text, struct http_url *out)
{
    const char *p = text;
    memset(out, 0, sizeof *out);
    for (const char *s = text; *s; s++)
        if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 127 || strchr("\\\"<>^`{|}#", *s))
            return "an address holds plain letters only; everything else is written as %XX (query "
                   "does that by itself)";
    if (strlen(text) > 4000)
        return "an address has at most 4000 letters";
    out->tls = strncasecmp(p, "https://", 8) == 0;
    if (!out->tls && strncasecmp(p, "http://", 7) != 0)
        return "an address begins with https:// or http://";
    p += out->tls ? 8 : 7;
    const char *why = url_host(&p, out);
    if (!why)
        why = url_port(&p, out);
    if (why)
        return why;
    if (*p && *p != '/' && *p != '?')
        return url_form;
    out->path = p;
    out->path_len = strcspn(p, "?");
    return url_path(out);
}

bool http_url_below(const struct http_url *base, const struct http_url *url)
{
    if (base->tls != url->tls || base->port != url->port || strcmp(base->host, url->host) != 0)
        return false;
    size_t n = base->path_len;
    while (n && base->path[n - 1] == '/')
        n--;
    if (url->path_len < n || strncmp(base->path, url->path, n) != 0)
        return false;
    /* below a folder, not beside it: /v1 covers /v1 and /v1/x, not /v10; /v1/ not even /v1 */
    return url->path_len == n ? n == base->path_len || n == 0 : url->path[n] == '/';
}

const struct http_site *http_site_of(const struct http_conf *c, const struct http_url *url)
{
    const struct http_site *best = NULL;
    size_t longest = 0;
    for (int i = 0; c && i < c->nsites; i++) {
        struct http_url base;
        if (http_url_parse(c->sites[i].url, &base) || !http_url_below(&base, url))
            continue;
        if (best && base.path_len <= longest)
            continue;
        best = &c->sites[i];
        longest = base.path_len;
    }
    return best;
}

static void conf_wipe(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

void http_conf_free(struct http_conf *c)
{
    for (int i = 0; i < c->nsites; i++) {
        free(c->sites[i].url);
        free(c->sites[i].header);
        conf_wipe(c->sites[i].value);
    }
    free(c->sites);
    free(c->ca);
    free(c->proxy);
    free(c->cert);
    free(c->key);
    memset(c, 0, sizeof *c);
}
