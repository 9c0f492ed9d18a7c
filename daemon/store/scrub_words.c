/* scrub_words.c -- see scrub_words.h. */
#include "store/scrub_words.h"

#include <string.h>

enum { SCRUB_NAME_MIN = 2, SCRUB_SHORT = 5 };

/* ---- words ---- */

static bool scrub_word_byte(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Does the id end there as a word? Short ids ("12") stand in texts by chance ("packet.12"): only between the signs with which
 * flows and the engine join ids to other words do they count. */
static bool scrub_is_word(const struct scrub *s, const char *p, const char *start, const char *end)
{
    const char *after = p + s->user_len;
    if (s->user_len < SCRUB_SHORT)
        return (p == start || strchr("|@:", p[-1])) && (after == end || *after == '|');
    bool left = p > start && scrub_word_byte((unsigned char)p[-1]) &&
                scrub_word_byte((unsigned char)*s->user);
    bool right = after < end && scrub_word_byte((unsigned char)*after) &&
                 scrub_word_byte((unsigned char)s->user[s->user_len - 1]);
    return !left && !right;
}

/* The next place of the id as a word; NULL: none. */
static const char *scrub_find(const struct scrub *s, const char *from, const char *end,
                              const char *start)
{
    for (const char *p = from; s->user_len && p < end; p++) {
        p = memmem(p, (size_t)(end - p), s->user, s->user_len);
        if (!p || scrub_is_word(s, p, start, end))
            return p;
    }
    return NULL;
}

bool scrub_names(const struct scrub *s, const char *text, size_t len)
{
    return scrub_find(s, text, text + len, text) != NULL;
}

bool scrub_is_user(const struct scrub *s, const char *text, size_t len)
{
    return len == s->user_len && memcmp(text, s->user, len) == 0;
}

bool scrub_is_name(const struct scrub *s, const char *text, size_t len)
{
    for (int i = 0; i < s->nnames; i++)
        if (strlen(s->names[i]) == len && memcmp(s->names[i], text, len) == 0)
            return true;
    return false;
}

static size_t scrub_chars(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

bool scrub_replace_names(const struct scrub *s, struct buf *out, size_t from)
{
    bool any = false;
    for (int i = 0; i < s->nnames; i++) {
        size_t n = strlen(s->names[i]);
        if (scrub_chars(s->names[i]) < SCRUB_NAME_MIN)
            continue;
        for (size_t at = from; at + n <= out->len;) {
            char *p = memmem(out->data + at, out->len - at, s->names[i], n);
            if (!p)
                break;
            *p = SCRUB_NOBODY[0];
            memmove(p + 1, p + n, out->len - (size_t)(p - out->data) - n);
            out->len -= n - 1;
            at = (size_t)(p - out->data) + 1;
            any = true;
        }
    }
    return any;
}

bool scrub_replace_user(const struct scrub *s, const char *text, size_t len, struct buf *out)
{
    if (!len)
        return false; /* text may be NULL */
    const char *p = text, *end = text + len, *at;
    bool any = false;
    while ((at = scrub_find(s, p, end, text))) {
        buf_add(out, p, (size_t)(at - p));
        buf_adds(out, SCRUB_NOBODY);
        p = at + s->user_len;
        any = true;
    }
    buf_add(out, p, (size_t)(end - p));
    return any;
}

enum scrubbed scrub_text(const struct scrub *s, const char *text, size_t len, struct buf *out)
{
    size_t from = out->len;
    bool any = scrub_replace_user(s, text, len, out);
    return scrub_replace_names(s, out, from) || any ? SCRUB_PART : SCRUB_NONE;
}

/* ---- strings of JSON ---- */

const char *scrub_string_end(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '\\')
            p++;
        else if (*p == '"')
            return p + 1;
    }
    return NULL;
}

static unsigned string_hex(const char *p)
{
    unsigned n = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        n = n << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return n;
}

static void string_utf8(struct buf *out, unsigned c)
{
    if (c < 0x80) {
        buf_addc(out, (char)c);
    } else if (c < 0x800) {
        buf_addc(out, (char)(0xC0 | c >> 6));
        buf_addc(out, (char)(0x80 | (c & 63)));
    } else {
        buf_addc(out, (char)(0xE0 | c >> 12));
        buf_addc(out, (char)(0x80 | (c >> 6 & 63)));
        buf_addc(out, (char)(0x80 | (c & 63)));
    }
}

void scrub_unescape(const char *p, const char *end, struct buf *out)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    for (; p < end; p++) {
        if (*p != '\\' || p + 1 >= end) {
            buf_addc(out, *p);
            continue;
        }
        const char *at = strchr(from, *++p);
        if (*p == 'u' && end - p > 4) {
            string_utf8(out, string_hex(p + 1));
            p += 4;
        } else {
            buf_addc(out, at && *at ? to[at - from] : *p);
        }
    }
    buf_cstr(out);
}
