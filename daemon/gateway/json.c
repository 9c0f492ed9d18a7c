/* json.c -- see json.h. Grammar: RFC 8259. A value is 40 bytes in one array that follows the order of the text, so a frame
 * is read once, front to back, and looking a member up walks over siblings only. */
#include "gateway/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

enum { JSON_FIRST_CAP = 128, JSON_KEEP_CAP = 16 * 1024 };

struct json_reader {
    struct json_doc *doc;
    char *p, *end;
    const char *error;
};

void json_doc_free(struct json_doc *d)
{
    free(d->values);
    buf_free(&d->repaired);
    memset(d, 0, sizeof *d);
}

static bool json_fail(struct json_reader *r, const char *error)
{
    if (!r->error)
        r->error = error;
    return false;
}

static void json_blanks(struct json_reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t'))
        r->p++;
}

static bool json_add(struct json_reader *r, enum json_type type, uint32_t *index)
{
    struct json_doc *d = r->doc;
    if (d->count == d->cap) {
        if (d->cap >= JSON_VALUES)
            return json_fail(r, "too many values");
        d->cap = d->cap ? d->cap * 2 : JSON_FIRST_CAP;
        d->values = mem_realloc(d->values, d->cap * sizeof *d->values);
    }
    *index = d->count++;
    struct json *v = &d->values[*index];
    memset(v, 0, sizeof *v);
    v->type = (uint8_t)type;
    return true;
}

static int json_hex4(const char *p, const char *end)
{
    if (end - p < 4)
        return -1;
    int v = 0;
    for (int i = 0; i < 4; i++) {
        int c = (unsigned char)p[i], digit;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (c | 0x20) - 'a' + 10;
        else
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

static char *json_put_utf8(char *w, uint32_t cp)
{
    if (cp < 0x80) {
        *w++ = (char)cp;
    } else if (cp < 0x800) {
        *w++ = (char)(0xC0 | cp >> 6);
        *w++ = (char)(0x80 | (cp & 0x3F));
    } else if (cp < 0x10000) {
        *w++ = (char)(0xE0 | cp >> 12);
        *w++ = (char)(0x80 | (cp >> 6 & 0x3F));
        *w++ = (char)(0x80 | (cp & 0x3F));
    } else {
        *w++ = (char)(0xF0 | cp >> 18);
        *w++ = (char)(0x80 | (cp >> 12 & 0x3F));
        *w++ = (char)(0x80 | (cp >> 6 & 0x3F));
        *w++ = (char)(0x80 | (cp & 0x3F));
    }
    return w;
}

/* r->p is behind "\u". Writes the character at w; pairs of surrogates are joined, single ones become U+FFFD. */
static char *json_unicode(struct json_reader *r, char *w)
{
    int v = json_hex4(r->p, r->end);
    if (v < 0) {
        json_fail(r, "bad \\u escape");
        return w;
    }
    r->p += 4;
    uint32_t cp = (uint32_t)v;
    if (v >= 0xD800 && v <= 0xDBFF && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u') {
        int low = json_hex4(r->p + 2, r->end);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            r->p += 6;
            return json_put_utf8(w, 0x10000 + ((cp - 0xD800) << 10) + ((uint32_t)low - 0xDC00));
        }
    }
    if (v == 0 || (v >= 0xD800 && v <= 0xDFFF))
        cp = 0xFFFD;
    return json_put_utf8(w, cp);
}

static char *json_escape(struct json_reader *r, char *w)
{
    if (r->p == r->end) {
        json_fail(r, "unfinished escape");
        return w;
    }
    char c = *r->p++;
    switch (c) {
    case '"':
    case '\\':
    case '/': *w++ = c; return w;
    case 'n': *w++ = '\n'; return w;
    case 't': *w++ = '\t'; return w;
    case 'r': *w++ = '\r'; return w;
    case 'b': *w++ = '\b'; return w;
    case 'f': *w++ = '\f'; return w;
    case 'u': return json_unicode(r, w);
    default: json_fail(r, "unknown escape"); return w;
    }
}

/* What ends a run of ordinary characters in a string. */
static const uint8_t json_stops[256] = {[0] = 1, ['"'] = 1, ['\\'] = 1};

/* r->p is behind the opening quote. The text is terminated where its closing quote (or an earlier byte) stood. */
static bool json_string(struct json_reader *r, const char **s, uint32_t *len)
{
    char *start = r->p, *w = NULL;
    for (;;) {
        char *run = r->p, *end = r->end;
        while (run < end && !json_stops[(uint8_t)*run])
            run++;
        if (w) {
            memmove(w, r->p, (size_t)(run - r->p));
            w += run - r->p;
        }
        r->p = run;
        if (r->p == r->end)
            return json_fail(r, "unfinished string");
        char c = *r->p;
        if (c == '"')
            break;
        if (c == '\0')
            return json_fail(r, "NUL byte in a string");
        if (!w)
            w = r->p;
        r->p++;
        w = json_escape(r, w);
        if (r->error)
            return false;
    }
    char *stop = w ? w : r->p;
    r->p++;
    *stop = '\0';
    *s = start;
    *len = (uint32_t)(stop - start);
    return true;
}

static size_t json_digits(struct json_reader *r)
{
    char *start = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    return (size_t)(r->p - start);
}

static bool json_number(struct json_reader *r, struct json *v)
{
    char *start = r->p;
    if (*r->p == '-')
        r->p++;
    bool zero = r->p < r->end && *r->p == '0';
    size_t n = json_digits(r);
    if (n == 0 || (zero && n > 1))
        return json_fail(r, "malformed number");
    if (r->p < r->end && *r->p == '.') {
        r->p++;
        if (!json_digits(r))
            return json_fail(r, "malformed number");
    }
    if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
        r->p++;
        if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
            r->p++;
        if (!json_digits(r))
            return json_fail(r, "malformed number");
    }
    v->s = start;
    v->len = (uint32_t)(r->p - start);
    return true;
}

static bool json_word(struct json_reader *r, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
        return json_fail(r, "unknown word");
    r->p += n;
    return true;
}

/* A string, number or word at r->p. */
static bool json_scalar(struct json_reader *r, uint32_t *index)
{
    static const struct {
        char first;
        uint8_t type;
        const char *word;
    } words[] = {{'t', JSON_TRUE, "true"}, {'f', JSON_FALSE, "false"}, {'n', JSON_NULL, "null"}};
    char c = *r->p;
    if (c == '"') {
        if (!json_add(r, JSON_STRING, index))
            return false;
        r->p++;
        struct json *v = &r->doc->values[*index];
        return json_string(r, &v->s, &v->len);
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return json_add(r, JSON_NUMBER, index) && json_number(r, &r->doc->values[*index]);
    for (size_t i = 0; i < 3; i++)
        if (c == words[i].first)
            return json_add(r, (enum json_type)words[i].type, index) && json_word(r, words[i].word);
    return json_fail(r, "unexpected character");
}

struct json_level {
    uint32_t parent;
    uint32_t last; /* the child before; 0 = none yet */
};

/* Links a new child to its container. */
static void json_link(struct json_reader *r, struct json_level *level, uint32_t child)
{
    struct json *values = r->doc->values;
    values[level->parent].len++;
    if (level->last)
        values[level->last].step = child - level->last;
    level->last = child;
}

/* After a value: a comma (true), or the ends of one or more containers. depth falls to 0 at the end of the text's value. */
static bool json_after(struct json_reader *r, struct json_level *levels, unsigned *depth)
{
    while (*depth) {
        json_blanks(r);
        if (r->p == r->end)
            return json_fail(r, "unfinished array or object");
        bool object = r->doc->values[levels[*depth - 1].parent].type == JSON_OBJECT;
        char c = *r->p++;
        if (c == ',')
            return true;
        if (c != (object ? '}' : ']'))
            return json_fail(r, "comma or closing bracket expected");
        --*depth;
    }
    return true;
}

/* In an object: reads `"key" :`. */
static bool json_key(struct json_reader *r, const char **key, uint32_t *klen)
{
    json_blanks(r);
    if (r->p == r->end || *r->p != '"')
        return json_fail(r, "member name expected");
    r->p++;
    if (!json_string(r, key, klen))
        return false;
    json_blanks(r);
    if (r->p == r->end || *r->p != ':')
        return json_fail(r, "colon expected");
    r->p++;
    return true;
}

/* Opens a container at r->p; *empty if it is closed at once. */
static bool json_open(struct json_reader *r, uint32_t *index, bool *empty)
{
    char close = *r->p == '{' ? '}' : ']';
    if (!json_add(r, *r->p == '{' ? JSON_OBJECT : JSON_ARRAY, index))
        return false;
    r->p++;
    json_blanks(r);
    *empty = r->p < r->end && *r->p == close;
    if (*empty)
        r->p++;
    return true;
}

static bool json_document(struct json_reader *r)
{
    struct json_level levels[JSON_DEPTH];
    unsigned depth = 0;
    do {
        const char *key = NULL;
        uint32_t klen = 0, index;
        bool opened = false;
        if (depth && r->doc->values[levels[depth - 1].parent].type == JSON_OBJECT &&
            !json_key(r, &key, &klen))
            return false;
        json_blanks(r);
        if (r->p == r->end)
            return json_fail(r, "unfinished text");
        if (*r->p == '{' || *r->p == '[') {
            bool empty = false;
            if (!json_open(r, &index, &empty))
                return false;
            opened = !empty;
        } else if (!json_scalar(r, &index)) {
            return false;
        }
        r->doc->values[index].key = key;
        r->doc->values[index].klen = klen;
        if (depth)
            json_link(r, &levels[depth - 1], index);
        if (opened) {
            if (depth == JSON_DEPTH)
                return json_fail(r, "nested too deeply");
            levels[depth++] = (struct json_level){index, 0};
            continue;
        }
        if (!json_after(r, levels, &depth))
            return false;
    } while (depth);
    return true;
}

const struct json *json_parse(struct json_doc *d, char *text, size_t len)
{
    if (d->cap > JSON_KEEP_CAP) {
        free(d->values);
        d->values = NULL;
        d->cap = 0;
    }
    d->count = 0;
    d->error = NULL;
    if (!utf8_valid(text, len)) {
        buf_reset(&d->repaired);
        utf8_repair(&d->repaired, text, len);
        text = d->repaired.data;
        len = d->repaired.len;
    }
    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        len -= 3;
    }
    struct json_reader r = {.doc = d, .p = text, .end = text + len};
    if (json_document(&r)) {
        json_blanks(&r);
        if (r.p == r.end)
            return d->values;
        json_fail(&r, "text after the value");
    }
    d->error = r.error;
    return NULL;
}

const struct json *json_first(const struct json *v)
{
    return v && v->type >= JSON_ARRAY && v->len ? v + 1 : NULL;
}

const struct json *json_get(const struct json *o, const char *key)
{
    if (!json_is(o, JSON_OBJECT))
        return NULL;
    size_t klen = strlen(key);
    for (const struct json *v = json_first(o); v; v = json_next(v))
        if (v->klen == klen && memcmp(v->key, key, klen) == 0)
            return v;
    return NULL;
}

bool json_int(const struct json *v, int64_t *out)
{
    if (!v || (v->type != JSON_NUMBER && v->type != JSON_STRING) || v->len == 0 || v->len > 20)
        return false;
    bool negative = v->s[0] == '-';
    uint64_t n = 0;
    if (negative && v->len == 1)
        return false;
    for (uint32_t i = negative; i < v->len; i++) {
        unsigned digit = (unsigned)(unsigned char)v->s[i] - '0';
        if (digit > 9 || n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    if (n > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}

bool json_double(const struct json *v, double *out)
{
    if (!json_is(v, JSON_NUMBER))
        return false;
    double mantissa = 0;
    int scale = 0, exponent = 0;
    const char *p = v->s, *end = p + v->len;
    bool negative = *p == '-', fraction = false;
    for (p += negative; p < end && (*p | 0x20) != 'e'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        mantissa = mantissa * 10 + (*p - '0');
        scale -= fraction;
    }
    if (p < end) {
        bool minus = p[1] == '-';
        for (p += 1 + (p[1] == '-' || p[1] == '+'); p < end && exponent < 100000; p++)
            exponent = exponent * 10 + (*p - '0');
        scale += minus ? -exponent : exponent;
    }
    double value = scale ? mantissa * pow(10, scale) : mantissa;
    if (!isfinite(value))
        return false;
    *out = negative ? -value : value;
    return true;
}

bool json_bool(const struct json *v, bool fallback)
{
    if (!v)
        return fallback;
    switch (v->type) {
    case JSON_TRUE: return true;
    case JSON_FALSE: return false;
    case JSON_NUMBER:
    case JSON_STRING:
        if ((v->len == 1 && *v->s == '1') || (v->len == 4 && memcmp(v->s, "true", 4) == 0))
            return true;
        if ((v->len == 1 && *v->s == '0') || (v->len == 5 && memcmp(v->s, "false", 5) == 0))
            return false;
        return fallback;
    default: return fallback;
    }
}
