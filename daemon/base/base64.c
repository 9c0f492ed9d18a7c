/* base64.c -- see base64.h. */
#include "base/base64.h"

#include <stdint.h>
#include <string.h>

#include "base/buf.h"

void base64_encode(struct buf *out, const void *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = data;
    char *w = buf_reserve(out, (len + 2) / 3 * 4);
    for (size_t i = 0; i < len; i += 3) {
        uint32_t n = (uint32_t)p[i] << 16;
        n |= i + 1 < len ? (uint32_t)p[i + 1] << 8 : 0;
        n |= i + 2 < len ? p[i + 2] : 0;
        *w++ = digits[n >> 18];
        *w++ = digits[n >> 12 & 63];
        *w++ = i + 1 < len ? digits[n >> 6 & 63] : '=';
        *w++ = i + 2 < len ? digits[n & 63] : '=';
    }
    out->len += (len + 2) / 3 * 4;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

bool base64_decode(struct buf *out, const char *s, size_t len)
{
    size_t before = out->len;
    char *w = buf_reserve(out, len / 4 * 3 + 3);
    uint32_t bits = 0;
    int nbits = 0, padding = 0;
    for (size_t i = 0; i < len; i++) {
        int v = base64_value(s[i]);
        if (s[i] == '=' && padding < 2) {
            padding++;
        } else if (v >= 0 && !padding) {
            bits = bits << 6 | (uint32_t)v;
            nbits += 6;
            if (nbits >= 8) {
                nbits -= 8;
                *w++ = (char)(bits >> nbits & 0xFF);
                out->len++;
            }
        } else if (!strchr(" \r\n\t", s[i]) || !s[i]) {
            out->len = before;
            return false;
        }
    }
    if (nbits == 6) /* one character alone says nothing */
        out->len = before;
    return nbits != 6;
}
