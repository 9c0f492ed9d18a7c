/* sat_element.c -- see sat_element.h: content is cut into tokens (text, open, close, empty), opens and closes are paired with a
 * stack, and what has no partner becomes text. Every byte is looked at a fixed number of times. */
#include "gateway/sat_element.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum sat_tag { SAT_TAG_TEXT, SAT_TAG_OPEN, SAT_TAG_CLOSE, SAT_TAG_EMPTY };

struct sat_token {
    enum sat_tag kind;
    struct sat_slice s;      /* text, or name */
    struct sat_slice source; /* of a tag: with < and > */
    uint32_t attrs, nattr;
    int32_t pair; /* of an open: its close, of a close: its open; -1 none */
};

/* What sat_parse works with, kept from one content to the next. */
struct sat_work {
    struct sat_token tokens[SAT_NODES];
    uint32_t stack[SAT_NODES];
    struct sat_node nodes[SAT_NODES];
    struct sat_attr attrs[SAT_ATTRS];
    uint32_t n, nattrs;
    struct buf room; /* decoded texts; reserved beforehand, so that it does not move */
    const char *at, *end;
    const char *gt;         /* the next > at or behind `at`; end: there is none */
    const char *no_comment; /* from here on no comment ends */
};

static bool sat_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static char sat_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static bool sat_letter(char c)
{
    return sat_lower(c) >= 'a' && sat_lower(c) <= 'z';
}

/* ---- references ---- */

static void sat_add_point(struct buf *out, uint32_t c)
{
    char b[4];
    size_t n = 0;
    if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        c = 0xFFFD;
    if (c < 0x80) {
        b[n++] = (char)c;
    } else if (c < 0x800) {
        b[n++] = (char)(0xC0 | c >> 6);
    } else if (c < 0x10000) {
        b[n++] = (char)(0xE0 | c >> 12);
        b[n++] = (char)(0x80 | (c >> 6 & 0x3F));
    } else {
        b[n++] = (char)(0xF0 | c >> 18);
        b[n++] = (char)(0x80 | (c >> 12 & 0x3F));
        b[n++] = (char)(0x80 | (c >> 6 & 0x3F));
    }
    if (c >= 0x80)
        b[n++] = (char)(0x80 | (c & 0x3F));
    buf_add(out, b, n);
}

/* The reference at s (s[0] is '&'): its length with the semicolon, 0 if it is none. */
static size_t sat_reference(struct buf *out, const char *s, size_t len)
{
    static const struct {
        const char *text;
        char c;
    } named[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&amp;", '&'}};
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        size_t n = strlen(named[i].text);
        if (len >= n && memcmp(s, named[i].text, n) == 0) {
            buf_addc(out, named[i].c);
            return n;
        }
    }
    if (len < 4 || s[1] != '#')
        return 0;
    bool hex = s[2] == 'x' || s[2] == 'X';
    size_t i = hex ? 3 : 2, first = i;
    uint32_t c = 0;
    for (; i < len && s[i] != ';'; i++) {
        char d = sat_lower(s[i]);
        int digit = d >= '0' && d <= '9'          ? d - '0'
                    : hex && d >= 'a' && d <= 'f' ? d - 'a' + 10
                                                  : -1;
        if (digit < 0)
            return 0;
        if (c <= 0x10FFFF)
            c = c * (hex ? 16 : 10) + (uint32_t)digit;
    }
    if (i == first || i == len)
        return 0;
    sat_add_point(out, c);
    return i + 1;
}

void sat_unescape(struct buf *out, const char *s, size_t len)
{
    for (const char *end = s + len, *amp; s < end;) {
        amp = memchr(s, '&', (size_t)(end - s));
        if (!amp) {
            buf_add(out, s, (size_t)(end - s));
            return;
        }
        buf_add(out, s, (size_t)(amp - s));
        size_t n = sat_reference(out, amp, (size_t)(end - amp));
        if (!n)
            buf_addc(out, '&');
        s = amp + (n ? n : 1);
    }
}

static struct sat_slice sat_decoded(struct sat_work *w, const char *s, size_t len)
{
    if (!len || !memchr(s, '&', len))
        return (struct sat_slice){s, (uint32_t)len};
    size_t from = w->room.len;
    sat_unescape(&w->room, s, len);
    return (struct sat_slice){w->room.data + from, (uint32_t)(w->room.len - from)};
}

/* ---- tokens ---- */

static struct sat_token *sat_token(struct sat_work *w, enum sat_tag kind)
{
    struct sat_token *t = &w->tokens[w->n++];
    *t = (struct sat_token){.kind = kind, .pair = -1, .attrs = w->nattrs};
    return t;
}

/* Length of the blank at the end of s, of one byte or an ideographic or no-break one. */
static size_t sat_blank_before(const char *s, size_t len)
{
    if (len && sat_blank(s[len - 1]))
        return 1;
    if (len >= 2 && memcmp(s + len - 2, "\xC2\xA0", 2) == 0)
        return 2;
    return len >= 3 && memcmp(s + len - 3, "\xE3\x80\x80", 3) == 0 ? 3 : 0;
}

static size_t sat_blank_at(const char *s, size_t len)
{
    if (len && sat_blank(*s))
        return 1;
    if (len >= 2 && memcmp(s, "\xC2\xA0", 2) == 0)
        return 2;
    return len >= 3 && memcmp(s, "\xE3\x80\x80", 3) == 0 ? 3 : 0;
}

/* A text run: blanks at either end go if there is a line break among them. */
static void sat_text(struct sat_work *w, const char *from, const char *to)
{
    if (from == to)
        return;
    struct sat_slice s = sat_decoded(w, from, (size_t)(to - from));
    size_t head = 0, tail = s.len, step;
    while ((step = sat_blank_at(s.s + head, s.len - head)) != 0)
        head += step;
    if (memchr(s.s, '\n', head)) {
        s.s += head;
        s.len -= (uint32_t)head;
        tail = s.len;
    }
    while ((step = sat_blank_before(s.s, tail)) != 0)
        tail -= step;
    if (memchr(s.s + tail, '\n', s.len - tail))
        s.len = (uint32_t)tail;
    if (s.len)
        sat_token(w, SAT_TAG_TEXT)->s = s;
}

/* Bytes of a valid name at s that ends at a blank, / or >; 0: it is none. */
static size_t sat_name(const char *s, const char *end)
{
    const char *p = s;
    if (p == end || !sat_letter(*p))
        return 0;
    while (p < end &&
           (sat_letter(*p) || (*p >= '0' && *p <= '9') || *p == ':' || *p == '_' || *p == '-'))
        p++;
    return p == end || sat_blank(*p) || *p == '/' ? (size_t)(p - s) : 0;
}

static void sat_attr_add(struct sat_work *w, struct sat_token *t, const char *key, size_t len,
                         const char *value, size_t vlen)
{
    if (w->nattrs == SAT_ATTRS)
        return;
    struct sat_attr *a = &w->attrs[w->nattrs++];
    t->nattr++;
    a->bare = !value;
    a->unset = !value && len > 3 && memcmp(key, "no-", 3) == 0;
    a->key = a->unset ? (struct sat_slice){key + 3, (uint32_t)len - 3}
                      : (struct sat_slice){key, (uint32_t)len};
    a->value = value ? sat_decoded(w, value, vlen) : (struct sat_slice){"", 0};
}

static void sat_attrs(struct sat_work *w, struct sat_token *t, const char *s, const char *end)
{
    while (s < end) {
        if (sat_blank(*s) || *s == '=') {
            s++;
            continue;
        }
        const char *key = s, *value = NULL, *close = NULL;
        while (s < end && !sat_blank(*s) && *s != '=')
            s++;
        size_t len = (size_t)(s - key);
        if (end - s > 2 && *s == '=' && (s[1] == '"' || s[1] == '\'')) {
            value = s + 2;
            close = memchr(value, s[1], (size_t)(end - value));
        }
        sat_attr_add(w, t, key, len, close ? value : NULL, close ? (size_t)(close - value) : 0);
        if (close)
            s = close + 1;
        else if (value) /* an open quote: nothing behind it is a value, and it is looked for once */
            s = end;
    }
}

/* The tag that begins at w->at: true and w->at behind it, or false: its < is text. */
static bool sat_tag(struct sat_work *w, const char *run)
{
    const char *s = w->at + 1, *end;
    bool close = s < w->end && *s == '/';
    s += close;
    if (s >= w->end || (!sat_letter(*s) && *s != '>'))
        return false;
    if (w->gt < s)
        w->gt = memchr(s, '>', (size_t)(w->end - s));
    if (!w->gt)
        w->gt = w->end;
    if (w->gt == w->end)
        return false;
    end = w->gt;
    bool empty = !close && end > s && end[-1] == '/';
    size_t len = sat_name(s, end);
    if (!len && s != end)
        return false;
    sat_text(w, run, w->at);
    struct sat_token *t = sat_token(w, close   ? SAT_TAG_CLOSE
                                       : empty ? SAT_TAG_EMPTY
                                               : SAT_TAG_OPEN);
    t->s = (struct sat_slice){s, (uint32_t)len};
    t->source = (struct sat_slice){w->at, (uint32_t)(end + 1 - w->at)};
    if (!close)
        sat_attrs(w, t, s + len, end - empty);
    w->at = end + 1;
    return true;
}

/* A comment at w->at: true and w->at behind it. */
static bool sat_comment(struct sat_work *w, const char *run)
{
    const char *s = w->at;
    if (w->end - s < 7 || memcmp(s, "<!--", 4) != 0 || s >= w->no_comment)
        return false;
    const char *to = memmem(s + 4, (size_t)(w->end - s - 4), "-->", 3);
    if (!to) {
        w->no_comment = s;
        return false;
    }
    sat_text(w, run, s);
    w->at = to + 3;
    return true;
}

static void sat_tokens(struct sat_work *w)
{
    const char *run = w->at;
    while (w->at < w->end && w->n < SAT_NODES - 2) { /* a text, a tag, and the last text */
        const char *lt = memchr(w->at, '<', (size_t)(w->end - w->at));
        if (!lt)
            break;
        w->at = lt;
        if (sat_comment(w, run) || sat_tag(w, run))
            run = w->at;
        else
            w->at = lt + 1;
    }
    sat_text(w, run, w->end);
}

/* ---- pairs ---- */

static bool sat_same(const struct sat_slice *a, const struct sat_slice *b)
{
    if (a->len != b->len)
        return false;
    for (uint32_t i = 0; i < a->len; i++)
        if (sat_lower(a->s[i]) != sat_lower(b->s[i]))
            return false;
    return true;
}

static void sat_pair(struct sat_work *w)
{
    uint32_t depth = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        struct sat_token *t = &w->tokens[i];
        if (t->kind == SAT_TAG_OPEN)
            w->stack[depth++] = i;
        if (t->kind != SAT_TAG_CLOSE)
            continue;
        uint32_t d = depth;
        while (d && !sat_same(&w->tokens[w->stack[d - 1]].s, &t->s))
            d--;
        if (!d)
            continue;
        depth = d - 1;
        t->pair = (int32_t)w->stack[depth];
        w->tokens[t->pair].pair = (int32_t)i;
    }
}

/* Elements that never have anything inside: without a partner they are empty ones. */
static bool sat_void(const struct sat_slice *name)
{
    static const char *const names[] = {"at",    "sharp", "emoji", "img",  "image",
                                        "audio", "video", "file",  "face", "br"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct sat_slice s = {names[i], (uint32_t)strlen(names[i])};
        if (sat_same(name, &s))
            return true;
    }
    return false;
}

static void sat_nodes(struct sat_work *w)
{
    uint32_t open[SAT_DEPTH], deep[SAT_NODES], n = 0, depth = 0, too_deep = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        const struct sat_token *t = &w->tokens[i];
        bool paired = t->pair >= 0;
        if (t->kind == SAT_TAG_CLOSE && paired) {
            if (too_deep && deep[too_deep - 1] == (uint32_t)t->pair) {
                too_deep--;
            } else {
                depth--;
                w->nodes[open[depth]].below = n - open[depth] - 1;
            }
            continue;
        }
        if (t->kind == SAT_TAG_OPEN && paired && depth == SAT_DEPTH) {
            deep[too_deep++] = i;
            continue;
        }
        if (t->kind == SAT_TAG_OPEN && paired)
            open[depth++] = n;
        bool element =
            t->kind == SAT_TAG_EMPTY || (t->kind == SAT_TAG_OPEN && (paired || sat_void(&t->s)));
        w->nodes[n++] =
            (struct sat_node){.text = !element,
                              .s = element || t->kind == SAT_TAG_TEXT ? t->s : t->source,
                              .attrs = t->attrs,
                              .nattr = element ? t->nattr : 0};
    }
    w->n = n;
}

void sat_parse(struct sat_tree *t, const char *content, size_t len)
{
    if (!t->work)
        t->work = MEM_NEW(struct sat_work);
    struct sat_work *w = t->work;
    w->n = w->nattrs = 0;
    w->room.len = 0;
    buf_reserve(&w->room, len + 1); /* decoding never makes anything longer */
    w->at = w->gt = content;
    w->end = w->no_comment = content + len;
    sat_tokens(w);
    sat_pair(w);
    sat_nodes(w);
    t->nodes = w->nodes;
    t->attrs = w->attrs;
    t->n = w->n;
    t->nattrs = w->nattrs;
}

void sat_tree_free(struct sat_tree *t)
{
    if (t->work)
        buf_free(&t->work->room);
    free(t->work);
    memset(t, 0, sizeof *t);
}

/* ---- asking a tree ---- */

bool sat_node_is(const struct sat_node *n, const char *name)
{
    struct sat_slice s = {name, (uint32_t)strlen(name)};
    return !n->text && sat_same(&n->s, &s);
}

/* subType is sub-type. */
static bool sat_key_is(const struct sat_slice *key, const char *want)
{
    uint32_t i = 0;
    for (; *want; want++, i++) {
        if (i >= key->len)
            return false;
        if (*want == '-' && key->s[i] != '-')
            want++;
        if (sat_lower(key->s[i]) != *want)
            return false;
    }
    return i == key->len;
}

const struct sat_attr *sat_node_attr(const struct sat_tree *t, const struct sat_node *n,
                                     const char *key)
{
    for (uint32_t i = 0; i < n->nattr; i++)
        if (sat_key_is(&t->attrs[n->attrs + i].key, key))
            return &t->attrs[n->attrs + i];
    return NULL;
}
