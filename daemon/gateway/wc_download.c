/* wc_download.c -- what members sent, fetched from the platform's store and decrypted. The address and its key are secrets and good for
 * five minutes: they are in no log and no reason, and an address that has expired is reported, not asked again.
 * Owns the gateway's HTTP client. Callers: wc_image.c; tests. */
#include "web/http_client.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "gateway/wc_out.h"

enum { WC_GET_MS = 60000, WC_REDIRECTS = 3, WC_AT_ONCE = 4, WC_FILE_NAME = 255 };

struct wc_get {
    struct wc_get *next;
    struct wc *g;
    uint64_t id;
    char *aeskey;
    wc_download_fn fn;
    void *ud;
};

struct http_client *wc_http(struct wc *g)
{
    struct wc_out *o = g->out;
    if (o->http || o->stopped)
        return o->http;
    const char *proxy = g->conf.proxy;
    o->http_conf =
        (struct http_conf){.requests = WC_AT_ONCE,
                           .body_max = WC_DOWNLOAD_MAX,
                           .ca = (char *)g->conf.tls_ca,
                           .proxy = proxy && strcmp(proxy, "none") != 0 ? (char *)proxy : NULL,
                           .insecure = g->conf.tls_insecure};
    o->http =
        http_client_create(&(struct http_client_opts){.loop = g->env.loop, .conf = &o->http_conf});
    o->http_open = o->http != NULL;
    return o->http;
}

/* ---- the file's name ---- */

static void wc_name_decode(struct buf *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        char c;
        i += wc_percent(s + i, len - i, &c);
        buf_addc(out, c);
    }
}

/* The value of a parameter, raw; false: it is not there. */
static bool wc_name_param(const char *s, const char *key, const char **value, size_t *len)
{
    size_t n = strlen(key);
    for (const char *p = s; (p = strchr(p, ';')) != NULL;) {
        p += 1 + strspn(p + 1, " \t");
        if (strncasecmp(p, key, n) != 0)
            continue;
        const char *v = p + n + strspn(p + n, " \t");
        if (*v++ != '=')
            continue;
        v += strspn(v, " \t");
        bool quoted = *v == '"';
        *value = v + quoted;
        *len = strcspn(*value, quoted ? "\"" : "; \t");
        return *len > 0;
    }
    return false;
}

/* No folders, nothing that is no name. */
static void wc_name_safe(const struct buf *raw, char *out, size_t size)
{
    struct buf clean = {0};
    size_t from = 0;
    for (size_t i = 0; i < raw->len; i++)
        if (raw->data[i] == '/' || raw->data[i] == '\\')
            from = i + 1;
    utf8_clean(&clean, raw->data + from, raw->len - from);
    for (size_t i = 0; i < clean.len; i++)
        if (clean.data[i] == '\n' || clean.data[i] == '\t')
            clean.data[i] = ' ';
    size_t most = size - 1 < WC_FILE_NAME ? size - 1 : WC_FILE_NAME;
    size_t n = utf8_cut(clean.data, clean.len, most);
    if (n)
        memcpy(out, clean.data, n);
    out[n] = '\0';
    if (strcmp(out, ".") == 0 || strcmp(out, "..") == 0)
        *out = '\0';
    buf_free(&clean);
}

void wc_file_name(const char *disposition, char *out, size_t size)
{
    struct buf raw = {0};
    const char *s, *mark;
    size_t len;
    *out = '\0';
    if (wc_name_param(disposition, "filename*", &s, &len)) {
        mark = memchr(s, '\'', len); /* charset'language'name */
        mark = mark ? memchr(mark + 1, '\'', len - (size_t)(mark + 1 - s)) : NULL;
        if (mark)
            len -= (size_t)(mark + 1 - s);
        wc_name_decode(&raw, mark ? mark + 1 : s, len);
    } else if (wc_name_param(disposition, "filename", &s, &len)) {
        wc_name_decode(&raw, s, len);
    }
    if (raw.len)
        wc_name_safe(&raw, out, size);
    buf_free(&raw);
}

/* ---- fetching ---- */

static struct wc_get *wc_gets; /* of all gateways: few, and short */

static void wc_get_free(struct wc_get *d)
{
    struct wc_get **at = &wc_gets;
    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    explicit_bzero(d->aeskey, strlen(d->aeskey));
    free(d->aeskey);
    free(d);
}

static const char *wc_get_problem(const struct http_answer *a)
{
    if (a->error)
        return strcmp(a->error, "too large") == 0 ? "the file is too large"
               : strcmp(a->error, "timeout") == 0 ? "the file did not come in time"
                                                  : "the file cannot be fetched";
    if (a->status == 401 || a->status == 403 || a->status == 404 || a->status == 410)
        return "the address of the file has expired";
    return a->status < 200 || a->status > 299 ? "the file's server refuses it" : NULL;
}

static void wc_get_done(void *ud, const struct http_answer *a)
{
    struct wc_get *d = ud;
    struct buf data = {0};
    char header[1024], name[WC_FILE_NAME + 1] = "";
    const char *why = wc_get_problem(a);
    if (!why && *d->aeskey)
        why = wc_decrypt(d->aeskey, a->body, a->body_len, &data);
    else if (!why)
        buf_add(&data, a->body, a->body_len);
    if (!why && http_answer_header(a, "content-disposition", header, sizeof header))
        wc_file_name(header, name, sizeof name);
    wc_download_fn fn = d->fn;
    void *fn_ud = d->ud;
    struct wc *g = d->g;
    wc_get_free(d);
    fn(fn_ud, g, why ? NULL : &data, name, why);
    buf_free(&data);
}

const char *wc_download(struct wc *g, const struct wc_media *m, size_t max, wc_download_fn fn,
                        void *ud)
{
    struct http_client *http = wc_http(g);
    const char *why = NULL;
    if (!http)
        return "the gateway stops";
    if (m->until_ms && m->until_ms < clock_wall(g->env.clock))
        return "the address of the file has expired";
    struct wc_get *d = MEM_NEW(struct wc_get);
    d->g = g;
    d->aeskey = mem_strdup(m->aeskey ? m->aeskey : "");
    d->fn = fn;
    d->ud = ud;
    d->next = wc_gets;
    wc_gets = d;
    struct http_request r = {.method = "GET",
                             .url = m->url,
                             .timeout_ms = WC_GET_MS,
                             .answer_max = (int64_t)max + WC_PAD_MAX,
                             .redirects = WC_REDIRECTS,
                             .configured = true};
    d->id = http_client_ask(http, &r, wc_get_done, d, &why);
    if (d->id)
        return NULL;
    wc_get_free(d);
    return why ? why : "the file cannot be fetched";
}

void wc_downloads_free(struct wc *g)
{
    struct wc_get *d = wc_gets;
    while (d) {
        struct wc_get *next = d->next;
        if (d->g == g) {
            http_client_cancel(g->out->http, d->id);
            wc_get_free(d);
        }
        d = next;
    }
}
