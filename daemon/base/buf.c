/* buf.c -- see buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

void buf_free(struct buf *b)
{
    free(b->data);
    memset(b, 0, sizeof *b);
}

char *buf_reserve(struct buf *b, size_t extra)
{
    size_t need = b->len + extra + 1;
    if (need > b->cap) {
        size_t cap = b->cap ? b->cap : 64;
        while (cap < need)
            cap *= 2;
        b->data = mem_realloc(b->data, cap);
        b->cap = cap;
    }
    return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
    if (!len)
        return;
    memcpy(buf_reserve(b, len), data, len);
    b->len += len;
}

void buf_adds(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
    *buf_reserve(b, 1) = c;
    b->len++;
}

/* Two digits at a time: what goes to Redis is full of numbers. */
size_t buf_digits(char *out, int64_t n)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    if (n >= 0 && n < 10) {
        *out = (char)('0' + n);
        return 1;
    }
    if (n >= 10 && n < 100) {
        memcpy(out, pairs + n * 2, 2);
        return 2;
    }
    char tmp[24];
    size_t i = sizeof tmp;
    uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    for (; u >= 10; u /= 100)
        memcpy(tmp + (i -= 2), pairs + u % 100 * 2, 2);
    if (u)
        tmp[--i] = (char)('0' + u);
    if (n < 0)
        tmp[--i] = '-';
    memcpy(out, tmp + i, sizeof tmp - i);
    return sizeof tmp - i;
}

void buf_addi(struct buf *b, int64_t n)
{
    b->len += buf_digits(buf_reserve(b, 24), n);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n > 0) {
        vsnprintf(buf_reserve(b, (size_t)n), (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void buf_consume(struct buf *b, size_t n)
{
    if (n >= b->len) {
        b->len = 0;
        return;
    }
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
}

const char *buf_cstr(struct buf *b)
{
    *buf_reserve(b, 0) = '\0';
    return b->data;
}

char *buf_take(struct buf *b)
{
    buf_cstr(b);
    char *data = b->data;
    memset(b, 0, sizeof *b);
    return data;
}

static void buf_add_escape(struct buf *b, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    switch (c) {
    case '"': buf_add(b, "\\\"", 2); break;
    case '\\': buf_add(b, "\\\\", 2); break;
    case '\n': buf_add(b, "\\n", 2); break;
    case '\r': buf_add(b, "\\r", 2); break;
    case '\t': buf_add(b, "\\t", 2); break;
    default:
        buf_add(b, "\\u00", 4);
        buf_addc(b, hex[c >> 4]);
        buf_addc(b, hex[c & 15]);
    }
}

void buf_add_json(struct buf *b, const char *s, size_t len)
{
    buf_reserve(b, len + 2);
    buf_addc(b, '"');
    size_t start = 0, i = 0;
    while (i < len) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c < 0x80) {
            i++;
            continue;
        }
        size_t n = c >= 0x80 ? utf8_sequence(s + i, len - i) : 0;
        if (n) {
            i += n;
            continue;
        }
        buf_add(b, s + start, i - start);
        if (c >= 0x80)
            buf_add(b, "\xEF\xBF\xBD", 3);
        else
            buf_add_escape(b, c);
        start = ++i;
    }
    buf_add(b, s + start, len - start);
    buf_addc(b, '"');
}

void buf_add_bulk(struct buf *b, const void *s, size_t len)
{
    char *p = buf_reserve(b, len + 32);
    char *q = p;
    *q++ = '$';
    q += buf_digits(q, (int64_t)len);
    *q++ = '\r';
    *q++ = '\n';
    if (len)
        memcpy(q, s, len);
    q += len;
    *q++ = '\r';
    *q++ = '\n';
    b->len += (size_t)(q - p);
}

void buf_add_bulk_int(struct buf *b, int64_t n)
{
    char tmp[24];
    buf_add_bulk(b, tmp, buf_digits(tmp, n));
}

void buf_add_array(struct buf *b, size_t count)
{
    buf_addc(b, '*');
    buf_addi(b, (int64_t)count);
    buf_add(b, "\r\n", 2);
}

/* May it stand in a key as it is? */
static bool buf_key_plain(unsigned char c)
{
    return c > ' ' && c != ':' && c != '{' && c != '}' && c != '%' && c != 0x7f;
}

void buf_add_key_n(struct buf *b, const char *id, size_t len)
{
    static const char hex[] = "0123456789ABCDEF";
    const char *end = id + len;
    while (id < end) {
        const char *plain = id;
        while (id < end && buf_key_plain((unsigned char)*id))
            id++;
        buf_add(b, plain, (size_t)(id - plain));
        if (id == end)
            return;
        unsigned char c = (unsigned char)*id++;
        buf_addc(b, '%');
        buf_addc(b, hex[c >> 4]);
        buf_addc(b, hex[c & 15]);
    }
}

void buf_add_key(struct buf *b, const char *id)
{
    buf_add_key_n(b, id, strlen(id));
}

void buf_add_part(struct buf *b, const char *id)
{
    for (; *id; id++) {
        if (*id == '|' || *id == '%')
            buf_adds(b, *id == '|' ? "%7C" : "%25");
        else
            buf_addc(b, *id);
    }
}

size_t buf_read_part(struct buf *b, const char *s)
{
    size_t n = strcspn(s, "|");
    for (size_t i = 0; i < n; i++) {
        bool bar = n - i > 2 && strncmp(s + i, "%7C", 3) == 0;
        bool percent = n - i > 2 && strncmp(s + i, "%25", 3) == 0;
        buf_addc(b, bar ? '|' : s[i]);
        i += bar || percent ? 2 : 0;
    }
    buf_cstr(b);
    return n;
}

void buf_hex64(char *out, uint64_t n)
{
    for (int i = 15; i >= 0; i--, n >>= 4)
        out[i] = "0123456789abcdef"[n & 15];
    out[16] = '\0';
}
