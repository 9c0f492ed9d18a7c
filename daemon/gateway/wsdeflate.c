/* wsdeflate.c -- see wsdeflate.h. RFC 7692: 5.1 negotiation, 7.1 parameters, 7.2 the four bytes at the end of a message. */
#include "gateway/wsdeflate.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/mem.h"

enum {
    WSDEFLATE_LEVEL = 6,
    WSDEFLATE_MEM = 8,     /* 256 KiB with a window of 15 bits */
    WSDEFLATE_LEAST = 128, /* shorter messages are not worth it */
    WSDEFLATE_STEP = 16 * 1024,
    WSDEFLATE_OUR_WINDOW = 15
};
static const char wsdeflate_name[] = "permessage-deflate";
static const unsigned char wsdeflate_tail[4] = {0x00, 0x00, 0xFF, 0xFF};

struct wsdeflate {
    int pack_window, unpack_window;
    bool pack_fresh, unpack_fresh;
    bool packing, unpacking; /* the stream below exists */
    bool skipped;            /* a message was packed and not sent: the peer does not know of it */
    z_stream packer, unpacker;
};

struct wsdeflate *wsdeflate_new(enum wsframe_role role, const struct wsdeflate_terms *terms)
{
    struct wsdeflate *d = MEM_NEW(struct wsdeflate);
    bool client = role == WSFRAME_CLIENT;
    d->pack_window = client ? terms->client_window : terms->server_window;
    d->unpack_window = client ? terms->server_window : terms->client_window;
    d->pack_fresh = client ? terms->client_fresh : terms->server_fresh;
    d->unpack_fresh = client ? terms->server_fresh : terms->client_fresh;
    return d;
}

void wsdeflate_free(struct wsdeflate *d)
{
    if (!d)
        return;
    if (d->packing)
        deflateEnd(&d->packer);
    if (d->unpacking)
        inflateEnd(&d->unpacker);
    free(d);
}

/* ---- negotiation ---- */

/* One parameter, or the name of an extension: up to the next ; or , outside quotes. */
struct wsdeflate_word {
    const char *name, *value;
    size_t name_len, value_len; /* value_len 0: none */
    char end;                   /* ';' ',' or 0 */
};

static const char *wsdeflate_trim(const char *s, const char *end, size_t *len)
{
    while (s < end && (*s == ' ' || *s == '\t'))
        s++;
    while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *len = (size_t)(end - s);
    return s;
}

static bool wsdeflate_next(const char **p, const char *end, struct wsdeflate_word *w)
{
    if (*p >= end)
        return false;
    const char *s = *p;
    while (s < end && *s != ';' && *s != ',')
        s++;
    const char *equals = memchr(*p, '=', (size_t)(s - *p));
    w->name = wsdeflate_trim(*p, equals ? equals : s, &w->name_len);
    w->value_len = 0;
    if (equals)
        w->value = wsdeflate_trim(equals + 1, s, &w->value_len);
    if (w->value_len >= 2 && w->value[0] == '"' && w->value[w->value_len - 1] == '"') {
        w->value++;
        w->value_len -= 2;
    }
    w->end = s < end ? *s : '\0';
    *p = s < end ? s + 1 : s;
    return true;
}

static bool wsdeflate_is(const struct wsdeflate_word *w, const char *name)
{
    return w->name_len == strlen(name) && strncasecmp(w->name, name, w->name_len) == 0;
}

/* 8 to 15; 0 if it is something else. */
static int wsdeflate_bits(const struct wsdeflate_word *w)
{
    if (w->value_len == 1 && (w->value[0] == '8' || w->value[0] == '9'))
        return w->value[0] - '0';
    if (w->value_len == 2 && w->value[0] == '1' && w->value[1] >= '0' && w->value[1] <= '5')
        return 10 + (w->value[1] - '0');
    return 0;
}

/* One extension with its parameters, as it stands in the header. */
struct wsdeflate_said {
    bool ours, valid;
    bool server_fresh, client_fresh, client_window_named;
    int server_window, client_window; /* 0 = not said */
};

static void wsdeflate_param(const struct wsdeflate_word *w, struct wsdeflate_said *s)
{
    bool *once = NULL;
    int *window = NULL;
    if (wsdeflate_is(w, "server_no_context_takeover"))
        once = &s->server_fresh;
    else if (wsdeflate_is(w, "client_no_context_takeover"))
        once = &s->client_fresh;
    else if (wsdeflate_is(w, "server_max_window_bits"))
        window = &s->server_window;
    else if (wsdeflate_is(w, "client_max_window_bits"))
        window = &s->client_window;
    if (once) {
        s->valid = s->valid && !*once && !w->value_len;
        *once = true;
    } else if (window) {
        int bits = wsdeflate_bits(w);
        bool named = window == &s->client_window;
        s->valid = s->valid && !*window && !(named && s->client_window_named) &&
                   (bits || (named && !w->value_len));
        *window = bits;
        s->client_window_named = s->client_window_named || named;
    } else {
        s->valid = false;
    }
}

static bool wsdeflate_read(const char **p, const char *end, struct wsdeflate_said *s)
{
    struct wsdeflate_word w;
    if (!wsdeflate_next(p, end, &w))
        return false;
    *s = (struct wsdeflate_said){.valid = true};
    s->ours = wsdeflate_is(&w, wsdeflate_name);
    while (w.end == ';' && wsdeflate_next(p, end, &w))
        wsdeflate_param(&w, s);
    return true;
}

static int wsdeflate_window(const struct wsdeflate_wish *wish)
{
    return wish->window ? wish->window : WSDEFLATE_OUR_WINDOW;
}

void wsdeflate_offer(struct buf *out, const struct wsdeflate_wish *wish)
{
    int window = wsdeflate_window(wish);
    buf_adds(out, wsdeflate_name);
    if (!wish->keep)
        buf_adds(out, "; server_no_context_takeover; client_no_context_takeover");
    buf_adds(out, "; client_max_window_bits");
    if (window < 15)
        buf_addf(out, "=%d; server_max_window_bits=%d", window, window);
}

const char *wsdeflate_agreed(const char *value, size_t len, const struct wsdeflate_wish *wish,
                             struct wsdeflate_terms *terms)
{
    const char *p = value, *end = value + len;
    struct wsdeflate_said s, other;
    int window = wsdeflate_window(wish);
    if (!wsdeflate_read(&p, end, &s) || !s.ours || wsdeflate_read(&p, end, &other))
        return "the peer uses an extension that was not offered";
    if (!s.valid || (s.client_window_named && !s.client_window))
        return "the peer's answer about compression is malformed";
    if (s.client_window > window || (window < 15 && (!s.server_window || s.server_window > window)))
        return "the peer wants a larger compression window than was offered";
    *terms = (struct wsdeflate_terms){.server_window = s.server_window ? s.server_window : 15,
                                      .client_window = s.client_window ? s.client_window : window,
                                      .server_fresh = s.server_fresh,
                                      .client_fresh = s.client_fresh || !wish->keep};
    /* zlib cannot pack with a window of 8 bits */
    return terms->client_window < 9 ? "the peer wants a compression window of 8 bits" : NULL;
}

bool wsdeflate_choose(const char *value, size_t len, const struct wsdeflate_wish *wish,
                      struct wsdeflate_terms *terms, struct buf *answer)
{
    const char *p = value, *end = value + len;
    struct wsdeflate_said s;
    int window = wsdeflate_window(wish);
    while (wsdeflate_read(&p, end, &s)) {
        if (!s.ours || !s.valid || s.server_window == 8)
            continue;
        *terms = (struct wsdeflate_terms){.server_window = window, .client_window = 15};
        if (s.server_window && s.server_window < window)
            terms->server_window = s.server_window;
        if (s.client_window_named)
            terms->client_window =
                s.client_window && s.client_window < window ? s.client_window : window;
        terms->server_fresh = s.server_fresh || !wish->keep;
        terms->client_fresh = s.client_fresh || !wish->keep;
        buf_adds(answer, wsdeflate_name);
        if (terms->server_fresh)
            buf_adds(answer, "; server_no_context_takeover");
        if (terms->client_fresh)
            buf_adds(answer, "; client_no_context_takeover");
        if (terms->server_window < 15)
            buf_addf(answer, "; server_max_window_bits=%d", terms->server_window);
        if (s.client_window_named && terms->client_window < 15)
            buf_addf(answer, "; client_max_window_bits=%d", terms->client_window);
        return true;
    }
    return false;
}

/* ---- messages ---- */

static bool wsdeflate_packer(struct wsdeflate *d)
{
    if (d->packing) {
        if (d->pack_fresh || d->skipped)
            deflateReset(&d->packer);
        d->skipped = false;
        return true;
    }
    d->packing = deflateInit2(&d->packer, WSDEFLATE_LEVEL, Z_DEFLATED, -d->pack_window,
                              WSDEFLATE_MEM, Z_DEFAULT_STRATEGY) == Z_OK;
    return d->packing;
}

bool wsdeflate_pack(struct wsdeflate *d, const char *data, size_t len, struct buf *out)
{
    size_t start = out->len;
    if (len < WSDEFLATE_LEAST || len > UINT32_MAX || !wsdeflate_packer(d))
        return false;
    z_stream *z = &d->packer;
    z->next_in = (unsigned char *)(uintptr_t)data;
    z->avail_in = (uInt)len;
    do {
        z->next_out = (unsigned char *)buf_reserve(out, WSDEFLATE_STEP);
        z->avail_out = WSDEFLATE_STEP;
        deflate(z, Z_SYNC_FLUSH);
        out->len += WSDEFLATE_STEP - z->avail_out;
    } while (z->avail_out == 0);
    size_t n = out->len - start;
    if (n < sizeof wsdeflate_tail || n >= len) {
        out->len = start;
        d->skipped = true;
        return false;
    }
    out->len -= sizeof wsdeflate_tail;
    return true;
}

/* Runs the stream over some input; what comes out stops just beyond limit. */
static enum wsdeflate_result wsdeflate_run(z_stream *z, const void *data, size_t len, size_t most,
                                           struct buf *out)
{
    z->next_in = (unsigned char *)(uintptr_t)data;
    z->avail_in = (uInt)len;
    for (;;) {
        size_t room = most + 1 - out->len;
        if (room > WSDEFLATE_STEP)
            room = WSDEFLATE_STEP;
        z->next_out = (unsigned char *)buf_reserve(out, room);
        z->avail_out = (uInt)room;
        int rc = inflate(z, Z_SYNC_FLUSH);
        out->len += room - z->avail_out;
        if (out->len > most)
            return WSDEFLATE_TOO_BIG;
        if (rc == Z_STREAM_END) { /* a final block: allowed, the next one begins anew (7.2.3.4) */
            inflateReset(z);
            if (!z->avail_in)
                return WSDEFLATE_OK;
            continue;
        }
        if (rc != Z_OK && rc != Z_BUF_ERROR)
            return WSDEFLATE_BROKEN;
        if (!z->avail_in && z->avail_out)
            return WSDEFLATE_OK;
        if (rc == Z_BUF_ERROR && z->avail_out)
            return WSDEFLATE_BROKEN;
    }
}

enum wsdeflate_result wsdeflate_unpack(struct wsdeflate *d, const char *data, size_t len,
                                       size_t limit, struct buf *out)
{
    size_t most = out->len + limit;
    if (len > UINT32_MAX)
        return WSDEFLATE_TOO_BIG;
    if (!d->unpacking) {
        d->unpacking = inflateInit2(&d->unpacker, -d->unpack_window) == Z_OK;
        if (!d->unpacking)
            return WSDEFLATE_BROKEN;
    } else if (d->unpack_fresh) {
        inflateReset(&d->unpacker);
    }
    enum wsdeflate_result r = wsdeflate_run(&d->unpacker, data, len, most, out);
    if (r == WSDEFLATE_OK)
        r = wsdeflate_run(&d->unpacker, wsdeflate_tail, sizeof wsdeflate_tail, most, out);
    return r;
}
