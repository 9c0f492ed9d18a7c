/* plain.c -- see plain.h. */
#include "gateway/plain.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"

static void plain_bracket(struct buf *out, const char *kind, const char *detail)
{
    buf_addc(out, '[');
    buf_adds(out, kind);
    if (*detail) {
        buf_addc(out, ':');
        buf_adds(out, detail);
    }
    buf_addc(out, ']');
}

void plain_add(struct buf *out, const struct segment *s)
{
    switch (s->type) {
    case SEGMENT_TEXT: buf_adds(out, s->text); break;
    case SEGMENT_AT:
        buf_addc(out, '@');
        buf_adds(out, *s->text ? s->text : s->id);
        break;
    case SEGMENT_IMAGE:
        if (*s->text)
            buf_adds(out, s->text);
        else
            plain_bracket(out, "image", "");
        break;
    case SEGMENT_FACE: plain_bracket(out, "face", s->id); break;
    case SEGMENT_REPLY: break;
    case SEGMENT_VOICE: /* what was said, where the platform writes it down */
        if (*s->text)
            buf_adds(out, s->text);
        else
            plain_bracket(out, "voice", "");
        break;
    case SEGMENT_VIDEO: plain_bracket(out, "video", ""); break;
    case SEGMENT_FILE: plain_bracket(out, "file", s->text); break;
    case SEGMENT_CARD:
        buf_adds(out, "[card]");
        if (*s->text) {
            buf_addc(out, ' ');
            buf_adds(out, s->text);
        }
        break;
    case SEGMENT_FORWARD: plain_bracket(out, "forward", ""); break;
    case SEGMENT_BUTTON: plain_bracket(out, "button", s->text); break;
    case SEGMENT_OTHER:
        if (strcmp(s->kind, "markdown") == 0 || (*s->text && strcmp(s->kind, "mface") == 0))
            buf_adds(out, s->text);
        else
            plain_bracket(out, s->kind, "");
        break;
    }
}

/* Length of the blank at s: ASCII blanks, U+3000, U+00A0, U+200B, U+FEFF; 0 if there is none. */
static size_t plain_blank(const char *s, size_t len)
{
    if (len && (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r'))
        return 1;
    if (len >= 2 && memcmp(s, "\xC2\xA0", 2) == 0)
        return 2;
    if (len >= 3 && (memcmp(s, "\xE3\x80\x80", 3) == 0 || memcmp(s, "\xE2\x80\x8B", 3) == 0 ||
                     memcmp(s, "\xEF\xBB\xBF", 3) == 0))
        return 3;
    return 0;
}

static size_t plain_blank_before(const char *s, size_t len)
{
    for (size_t n = 1; n <= 3 && n <= len; n++)
        if (plain_blank(s + len - n, n) == n)
            return n;
    return 0;
}

void plain_text(struct buf *out, const struct segment *s, int n, const char *self_id)
{
    size_t start = out->len;
    for (int i = 0; i < n; i++) {
        if (self_id && s[i].type == SEGMENT_AT && strcmp(s[i].id, self_id) == 0) {
            if (out->len > start && !plain_blank_before(out->data + start, out->len - start))
                buf_addc(out, ' ');
            continue;
        }
        plain_add(out, &s[i]);
    }
    if (out->len == start)
        return;
    size_t from = start, step;
    while ((step = plain_blank(out->data + from, out->len - from)) != 0)
        from += step;
    while (out->len > from && (step = plain_blank_before(out->data + from, out->len - from)) != 0)
        out->len -= step;
    memmove(out->data + start, out->data + from, out->len - from);
    out->len -= from - start;
}
