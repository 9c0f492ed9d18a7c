/* http_answer.c -- the header lines of an answer, as http_transfer.c keeps them (names in lower case, one a line), for those who want to
 * know something of them. See http_client.h. */
#include <stdio.h>
#include <string.h>

#include "web/http_internal.h"

enum { HEADERS_MAX = 4096 /* of the JSON object */ };

/* The value behind the colon of a line of so many bytes. */
static const char *line_value(const char *colon, const char *end)
{
    const char *s = colon + 1;
    while (s < end && (*s == ' ' || *s == '\t'))
        s++;
    return s;
}

void answer_headers_json(const struct buf *lines, struct buf *out)
{
    const char *p = lines->data, *stop = p ? p + lines->len : p;
    buf_addc(out, '{');
    while (p < stop) {
        const char *end = memchr(p, '\n', (size_t)(stop - p)),
                   *colon = memchr(p, ':', (size_t)(end - p));
        const char *value = line_value(colon, end);
        if (out->len + (size_t)(end - p) > HEADERS_MAX)
            break;
        buf_adds(out, out->len > 1 ? "," : "");
        buf_add_json(out, p, (size_t)(colon - p));
        buf_addc(out, ':');
        buf_add_json(out, value, (size_t)(end - value));
        p = end + 1;
    }
    buf_addc(out, '}');
}

const char *http_answer_header(const struct http_answer *a, const char *name, char *out,
                               size_t size)
{
    size_t n = strlen(name);
    for (const char *p = a->lines, *stop = p ? p + a->lines_len : p; p < stop;) {
        const char *end = memchr(p, '\n', (size_t)(stop - p));
        if ((size_t)(end - p) > n && p[n] == ':' && memcmp(p, name, n) == 0) {
            const char *value = line_value(p + n, end);
            snprintf(out, size, "%.*s", (int)(end - value), value);
            return out;
        }
        p = end + 1;
    }
    return NULL;
}
