/* wc_text.c -- what people write, as the Markdown that WeCom shows. Texts stay as they are (flows and language models write Markdown
 * on purpose) but for what would do more than look: `<think>` would hide the rest as reasoning, `<@` could call somebody, an
 * embedded picture makes every reader's client fetch an address. Each of these gets an invisible blank inside.
 * Also cuts long texts into pieces. Pure; callers: wc_part.c, wc_stream.c. */
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "gateway/wc_out.h"

#define WC_INVISIBLE "\xe2\x80\x8b" /* U+200B */

enum { WC_OURS = 0x01, WC_FENCE_RUN = 40, WC_USERID = 64 };

/* ---- one message ---- */

/* Control characters cannot be in a text that the engine composed; a draft comes straight from a model. */
static void wc_text_add(struct buf *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)s[i] >= 0x20 || s[i] == '\n' || s[i] == '\t')
            buf_addc(out, s[i]);
}

/* A member's name: its characters must not mark anything. */
static void wc_text_name(struct buf *out, const char *s, size_t len)
{
    static const char marks[] = "*`[]<>~\\";
    static const char *const wide[] = {"\xef\xbc\x8a", "\xef\xbd\x80", "\xef\xbc\xbb",
                                       "\xef\xbc\xbd", "\xef\xbc\x9c", "\xef\xbc\x9e",
                                       "\xef\xbd\x9e", "\xef\xbc\xbc"};
    for (size_t i = 0; i < len; i++) {
        const char *mark = s[i] ? strchr(marks, s[i]) : NULL;
        if (mark)
            buf_adds(out, wide[mark - marks]);
        else if ((unsigned char)s[i] >= 0x20)
            buf_addc(out, s[i]);
    }
}

/* Can it stand between <@ and > ? */
static bool wc_text_userid(const char *id)
{
    size_t n = strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-@.");
    return n && n <= WC_USERID && !id[n];
}

static bool wc_text_gap(const struct buf *out)
{
    return !out->len || out->data[out->len - 1] == ' ' || out->data[out->len - 1] == '\n';
}

/* Bold needs a blank on its outer sides: Markdown does not open it between a letter and an @. */
static void wc_text_at(struct buf *out, const struct out_segment *s, enum wc_mention how)
{
    bool all = strcmp(s->id, "all") == 0;
    const char *name = s->text_len ? s->text : all ? "\xe6\x89\x80\xe6\x9c\x89\xe4\xba\xba" : s->id;
    size_t len = s->text_len ? s->text_len : strlen(name);
    if (!wc_text_gap(out))
        buf_addc(out, ' ');
    if (how == WC_MENTION_ANGLE && !all && wc_text_userid(s->id)) {
        buf_addc(out, WC_OURS);
        buf_addf(out, "@%s>", s->id);
        return;
    }
    if (len && *name == '@')
        name++, len--;
    buf_adds(out, how == WC_MENTION_PLAIN ? "@" : "**@");
    wc_text_name(out, name, len);
    buf_adds(out, how == WC_MENTION_PLAIN ? "" : "**");
}

/* What follows a `<`: would the client take it for more than a sign? */
static bool wc_text_live(const char *s, const char *end)
{
    while (s < end && (*s == ' ' || *s == '/'))
        s++;
    return s < end && (*s == '@' || (end - s >= 5 && strncasecmp(s, "think", 5) == 0));
}

static void wc_text_defuse(struct buf *out, const struct buf *raw)
{
    for (size_t i = 0; i < raw->len; i++) {
        const char *s = raw->data + i, *end = raw->data + raw->len;
        bool image = *s == '!' && s + 1 < end && s[1] == '[';
        buf_addc(out, (char)(*s == WC_OURS ? '<' : *s));
        if (image || (*s == '<' && wc_text_live(s + 1, end)))
            buf_adds(out, WC_INVISIBLE);
    }
}

void wc_text_render(struct buf *out, const struct out_message *m, enum wc_mention how)
{
    static struct buf raw;
    bool after_at = false, alone = *m->chat == '@';
    buf_reset(&raw);
    for (int i = 0; i < m->nsegments; i++) {
        const struct out_segment *s = &m->segments[i];
        if (s->type == SEGMENT_AT && !alone && s->id && *s->id) {
            wc_text_at(&raw, s, how);
            after_at = true;
        } else if (s->type == SEGMENT_TEXT && s->text_len) {
            if (after_at && *s->text != ' ' && *s->text != '\n')
                buf_addc(&raw, ' ');
            wc_text_add(&raw, s->text, s->text_len);
            after_at = false;
        }
    }
    wc_text_defuse(out, &raw);
}

bool wc_text_blank(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] != ' ' && s[i] != '\n' && s[i] != '\t')
            return false;
    return true;
}

/* ---- pieces ---- */

/* A line that opens or closes fenced code: how many marks, and which; 0 if it is none. */
static size_t wc_fence(const char *line, size_t len, size_t *indent)
{
    size_t at = 0, n = 0;
    while (at < len && at < 3 && line[at] == ' ')
        at++;
    if (at >= len || (line[at] != '`' && line[at] != '~'))
        return 0;
    while (at + n < len && line[at + n] == line[at])
        n++;
    *indent = at;
    return n >= 3 && n <= WC_FENCE_RUN ? n : 0;
}

/* Follows the fences of a text that was taken. */
static void wc_split_scan(struct wc_split *s, const char *text, size_t len)
{
    for (const char *line = text, *end = text + len; line < end;) {
        const char *nl = memchr(line, '\n', (size_t)(end - line));
        size_t n = (size_t)((nl ? nl : end) - line), indent = 0, run = wc_fence(line, n, &indent);
        const char *mark = line + indent;
        bool inline_code = run && *mark == '`' && memchr(mark + run, '`', n - indent - run);
        if (run && !s->run && !inline_code) {
            s->run = run;
            s->opening_len = utf8_cut(mark, n - indent, sizeof s->opening);
            memcpy(s->opening, mark, s->opening_len);
        } else if (run >= s->run && run && *mark == s->opening[0] &&
                   wc_text_blank(mark + run, n - indent - run)) {
            s->run = 0;
        }
        line = nl ? nl + 1 : end;
    }
}

/* Bytes of s, at most `room`, that end where a reader expects a break. */
static size_t wc_split_cut(const char *s, size_t len, size_t room)
{
    size_t most = utf8_cut(s, len, room), line = 0, paragraph = 0;
    for (size_t i = most / 2; i < most; i++) {
        if (s[i] != '\n')
            continue;
        line = i + 1;
        if (i && s[i - 1] == '\n')
            paragraph = i + 1;
    }
    return paragraph ? paragraph : line ? line : most ? most : len < room ? len : room;
}

bool wc_split_next(struct wc_split *s, const char *text, size_t len, size_t max, struct buf *piece)
{
    if (s->at >= len)
        return false;
    size_t begun = piece->len, rest = len - s->at;
    if (s->run) {
        buf_add(piece, s->opening, s->opening_len);
        buf_addc(piece, '\n');
    }
    size_t room = max - (piece->len - begun);
    bool all = rest <= room;
    size_t n = all ? rest : wc_split_cut(text + s->at, rest, room - WC_FENCE_RUN - 2);
    wc_split_scan(s, text + s->at, n);
    buf_add(piece, text + s->at, n);
    s->at += n;
    if (!all) {
        while (piece->len > begun && piece->data[piece->len - 1] == '\n')
            piece->len--;
        for (size_t i = 0; s->run && i <= s->run; i++)
            buf_addc(piece, i ? s->opening[0] : '\n');
    }
    return true;
}
