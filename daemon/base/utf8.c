/* utf8.c -- see utf8.h. The table of well-formed sequences is Unicode 15 section 3.9, table 3-7. */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#include "base/buf.h"

static bool utf8_tail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

size_t utf8_sequence(const char *str, size_t len)
{
    const unsigned char *s = (const unsigned char *)str;
    if (!len)
        return 0;
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xC2 && s[0] <= 0xDF)
        return len >= 2 && utf8_tail(s[1]) ? 2 : 0;
    if (s[0] >= 0xE0 && s[0] <= 0xEF) {
        if (len < 3 || !utf8_tail(s[1]) || !utf8_tail(s[2]))
            return 0;
        if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F))
            return 0;
        return 3;
    }
    if (s[0] >= 0xF0 && s[0] <= 0xF4) {
        if (len < 4 || !utf8_tail(s[1]) || !utf8_tail(s[2]) || !utf8_tail(s[3]))
            return 0;
        if ((s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
            return 0;
        return 4;
    }
    return 0;
}

bool utf8_valid(const char *s, size_t len)
{
    size_t i = 0;
    while (i < len) {
        uint64_t eight; /* most of what comes is ASCII: taken eight bytes at a time */
        if (len - i >= sizeof eight) {
            memcpy(&eight, s + i, sizeof eight);
            if (!(eight & 0x8080808080808080u)) {
                i += sizeof eight;
                continue;
            }
        }
        size_t n = (unsigned char)s[i] < 0x80 ? 1 : utf8_sequence(s + i, len - i);
        if (!n)
            return false;
        i += n;
    }
    return true;
}

void utf8_repair(struct buf *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = utf8_sequence(s + i, len - i);
        if (n)
            buf_add(out, s + i, n);
        else
            buf_add(out, "\xEF\xBF\xBD", 3);
        i += n ? n : 1;
    }
}

size_t utf8_count(const char *s, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; count++) {
        size_t n = utf8_sequence(s + i, len - i);
        i += n ? n : 1;
    }
    return count;
}

size_t utf8_cut(const char *s, size_t len, size_t max)
{
    if (len <= max)
        return len;
    size_t i = max;
    while (i > 0 && utf8_tail((unsigned char)s[i]))
        i--;
    return i;
}

uint32_t utf8_point(const char *str, size_t n)
{
    const unsigned char *s = (const unsigned char *)str;
    switch (n) {
    case 1: return s[0];
    case 2: return (uint32_t)(s[0] & 0x1F) << 6 | (s[1] & 0x3F);
    case 3: return (uint32_t)(s[0] & 0x0F) << 12 | (uint32_t)(s[1] & 0x3F) << 6 | (s[2] & 0x3F);
    default:
        return (uint32_t)(s[0] & 0x07) << 18 | (uint32_t)(s[1] & 0x3F) << 12 |
               (uint32_t)(s[2] & 0x3F) << 6 | (s[3] & 0x3F);
    }
}

static bool utf8_invisible(uint32_t cp)
{
    return (cp >= 0x200B && cp <= 0x200D) || cp == 0x2060 || cp == 0xFEFF;
}

static void utf8_fold_case(struct buf *out, const char *s, size_t len, bool lower)
{
    size_t start = out->len, end = out->len;
    for (size_t i = 0; i < len;) {
        size_t n = utf8_sequence(s + i, len - i);
        uint32_t cp = n ? utf8_point(s + i, n) : 0xFFFD;
        if (cp == 0x3000 || cp == 0xA0)
            cp = ' ';
        else if (cp >= 0xFF01 && cp <= 0xFF5E)
            cp -= 0xFEE0;
        else if (cp == 0x2795)
            cp = '+'; /* the plus of the emoji keyboard */
        if (lower && cp >= 'A' && cp <= 'Z')
            cp += 'a' - 'A';
        bool blank = cp == ' ' || cp == '\n' || cp == '\r' || cp == '\t';
        if (utf8_invisible(cp) || (blank && out->len == start)) {
            /* dropped: invisible, or blank before the first visible character */
        } else if (cp < 0x80) {
            buf_addc(out, (char)cp);
        } else if (n) {
            buf_add(out, s + i, n);
        }
        if (!blank)
            end = out->len;
        i += n ? n : 1;
    }
    out->len = end;
}

void utf8_fold(struct buf *out, const char *s, size_t len)
{
    utf8_fold_case(out, s, len, true);
}

void utf8_fold_keep(struct buf *out, const char *s, size_t len)
{
    utf8_fold_case(out, s, len, false);
}

static bool utf8_unwanted(uint32_t cp)
{
    if (cp == '\n' || cp == '\t')
        return false;
    return cp < 0x20 || (cp >= 0x7F && cp <= 0x9F) || (cp >= 0x202A && cp <= 0x202E) ||
           (cp >= 0x2066 && cp <= 0x2069);
}

void utf8_clean(struct buf *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = utf8_sequence(s + i, len - i);
        if (!n)
            buf_add(out, "\xEF\xBF\xBD", 3);
        else if (!utf8_unwanted(utf8_point(s + i, n)))
            buf_add(out, s + i, n);
        i += n ? n : 1;
    }
}
