/* ob_cq.c -- the text format of OneBot messages, in which [CQ:name,key=value,...] stands for a segment. Only read (from peers
 * that are set to "string" format) and, for tests and logs, escaped; we never send it. */
#include <string.h>

#include "gateway/ob.h"

static bool ob_cq_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

/* One part "key=value"; false if it is not of that form. Empty parts are allowed and ignored. */
static bool ob_cq_field(struct ob_cq_segment *out, const char *s, const char *end)
{
    if (s == end)
        return true;
    const char *eq = memchr(s, '=', (size_t)(end - s));
    if (!eq || eq == s)
        return false;
    struct ob_cq_field f = {
        .key = s, .klen = (size_t)(eq - s), .value = eq + 1, .vlen = (size_t)(end - eq - 1)};
    for (int i = 0; i < out->nfields; i++) {
        if (out->fields[i].klen == f.klen && memcmp(out->fields[i].key, f.key, f.klen) == 0) {
            out->fields[i] = f; /* the last of several wins */
            return true;
        }
    }
    if (out->nfields < (int)(sizeof out->fields / sizeof out->fields[0]))
        out->fields[out->nfields++] = f;
    return true;
}

/* s is at '['. The position behind the code, or NULL if it is none. */
static const char *ob_cq_code(const char *s, const char *end, struct ob_cq_segment *out)
{
    if (end - s < 5 || memcmp(s, "[CQ:", 4) != 0)
        return NULL;
    const char *close = s + 4, *p = s + 4;
    while (close < end && *close != ']' && *close != '[') /* both are escaped inside a code */
        close++;
    if (close == end || *close == '[')
        return NULL;
    out->type = p;
    while (p < close && ob_cq_name_char(*p))
        p++;
    out->type_len = (size_t)(p - out->type);
    out->value = NULL;
    out->nfields = 0;
    if (!out->type_len || (p < close && *p != ','))
        return NULL;
    while (p < close) {
        const char *part = ++p; /* behind the comma */
        const char *comma = memchr(part, ',', (size_t)(close - part));
        p = comma ? comma : close;
        if (!ob_cq_field(out, part, p))
            return NULL;
    }
    return close + 1;
}

bool ob_cq_next(const char **s, const char *end, struct ob_cq_segment *out)
{
    const char *p = *s;
    if (p >= end)
        return false;
    const char *after = *p == '[' ? ob_cq_code(p, end, out) : NULL;
    if (after) {
        *s = after;
        return true;
    }
    struct ob_cq_segment next;
    do
        p++;
    while (p < end && !(*p == '[' && ob_cq_code(p, end, &next)));
    memset(out, 0, sizeof *out);
    out->type = "text";
    out->type_len = 4;
    out->value = *s;
    out->value_len = (size_t)(p - *s);
    *s = p;
    return true;
}

static const struct {
    const char *escape;
    size_t len;
    char c;
} ob_cq_escapes[] = {{"&amp;", 5, '&'}, {"&#91;", 5, '['}, {"&#93;", 5, ']'}, {"&#44;", 5, ','}};

void ob_cq_unescape(struct buf *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t step = 1;
        char c = s[i];
        for (int k = 0; c == '&' && k < 4; k++) {
            if (len - i >= ob_cq_escapes[k].len &&
                memcmp(s + i, ob_cq_escapes[k].escape, ob_cq_escapes[k].len) == 0) {
                c = ob_cq_escapes[k].c;
                step = ob_cq_escapes[k].len;
                break;
            }
        }
        buf_addc(out, c);
        i += step;
    }
}

void ob_cq_escape(struct buf *out, const char *s, size_t len, bool value)
{
    for (size_t i = 0; i < len; i++) {
        int k = 0, n = value ? 4 : 3;
        while (k < n && ob_cq_escapes[k].c != s[i])
            k++;
        if (k < n)
            buf_adds(out, ob_cq_escapes[k].escape);
        else
            buf_addc(out, s[i]);
    }
}
