/* router_words.c -- what a message says as a command, and whether it says a given word. Members decorate what they type: blanks,
 * full-width forms, emoji, signs in front and behind, the word twice. None of that matters here; more words do, and so does a
 * question mark. Words of playbooks go through the same (routes_fold_word), so that both sides look alike.
 * Callers: router.c, waits.c, turn_run.c, run_wake.c. */
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "engine/route/routes.h"
#include "gateway/event.h"

enum {
    WORDS_HEAD = 1024, /* what is compared of a long message: a diary that begins with the word */
    WORDS_FACE = 20    /* "[face]" in the text of platforms that have no segment for it */
};

/* ---- signs and emoji ---- */

struct words_range {
    uint32_t from, to;
};

/* Signs and pictures beyond ASCII, in order. Not among them: question marks of all kinds, and what opens a quotation. */
static const struct words_range words_ornaments[] = {
    {0xA7, 0xA9},       {0xAE, 0xAE},       {0xB0, 0xB0},     {0xB7, 0xB7},     {0x2010, 0x2017},
    {0x2019, 0x2019},   {0x201D, 0x201D},   {0x2020, 0x2027}, {0x2030, 0x2044}, {0x204A, 0x205E},
    {0x20D0, 0x20FF},   {0x2122, 0x2122},   {0x2139, 0x2139}, {0x2190, 0x23FF}, {0x2500, 0x2752},
    {0x2755, 0x2775},   {0x2794, 0x2794},   {0x2797, 0x27BF}, {0x2900, 0x297F}, {0x2B00, 0x2BFF},
    {0x3001, 0x3003},   {0x300B, 0x300B},   {0x300D, 0x300D}, {0x300F, 0x3017}, {0x301C, 0x301C},
    {0x3030, 0x3030},   {0x303D, 0x303D},   {0x3297, 0x3299}, {0xFE00, 0xFE4F}, {0xFF61, 0xFF65},
    {0x1F000, 0x1FAFF}, {0xE0020, 0xE007F},
};

static bool words_is_ornament(uint32_t cp)
{
    size_t low = 0, high = sizeof words_ornaments / sizeof words_ornaments[0];
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (cp > words_ornaments[mid].to)
            low = mid + 1;
        else if (cp < words_ornaments[mid].from)
            high = mid;
        else
            return true;
    }
    return false;
}

/* Bytes of the sign or picture beyond ASCII that s begins with, 0 if none. Most letters are ruled out by their first byte. */
static size_t words_picture(const char *s, size_t len)
{
    unsigned char first = (unsigned char)*s;
    if (first < 0x80 || (first >= 0xE4 && first <= 0xED))
        return 0;
    size_t n = utf8_sequence(s, len);
    return n && words_is_ornament(utf8_point(s, n)) ? n : 0;
}

/* Bytes of "[face]" at s, 0 if that is something else. */
static size_t words_face(const char *s, size_t len)
{
    if (*s != '[')
        return 0;
    for (size_t i = 1; i < len && i < WORDS_FACE; i++) {
        if (s[i] == ']')
            return i > 1 ? i + 1 : 0;
        if (s[i] == ' ' || s[i] == '\n' || s[i] == '[')
            return 0;
    }
    return 0;
}

/* Bytes of what may stand behind a word and says nothing: a blank, a sign, a picture; 0 if it is something else. */
static size_t words_closing(const char *s, size_t len)
{
    if (!len)
        return 0;
    if (*s && strchr(" \n\r\t!.,;:~^_*)(\"'`|-=<>#/", *s))
        return 1;
    size_t n = words_face(s, len);
    return n ? n : words_picture(s, len);
}

/* The same for what may stand in front. A minus is none (-1), nor is what opens a quotation. */
static size_t words_opening(const char *s, size_t len)
{
    if (!len)
        return 0;
    if (*s && strchr(" \n\r\t/#!.,;:~*|", *s))
        return 1;
    size_t n = words_face(s, len);
    return n ? n : words_picture(s, len);
}

/* ---- what a message says ---- */

/* Closing punctuation says nothing: "..!" and full-width forms (those that folding leaves: the ideographic full stop). */
static size_t words_trim_end(const char *s, size_t len)
{
    for (;;) {
        if (len && strchr("!.~ ", s[len - 1]))
            len--;
        else if (len >= 3 && memcmp(s + len - 3, "\xE3\x80\x82", 3) == 0)
            len -= 3;
        else
            return len;
    }
}

/* Speaks the message to somebody else: does it begin with an @, and not of us? The plain text has lost ours. */
static bool words_to_another(const struct event *ev)
{
    for (int i = 0; i < ev->nsegments; i++) {
        const struct segment *s = &ev->segments[i];
        if (s->type == SEGMENT_AT)
            return *ev->text == '@';
        if (s->type == SEGMENT_TEXT && s->text[strspn(s->text, " \n\r\t")])
            return false;
    }
    return false;
}

void routes_command_text(const struct event *ev, struct buf *out, bool lower)
{
    static struct buf plain;
    buf_reset(&plain);
    if (words_to_another(ev))
        return;
    for (int i = 0; i < ev->nsegments; i++) {
        const struct segment *s = &ev->segments[i];
        if (s->type == SEGMENT_CARD || s->type == SEGMENT_FORWARD)
            return;
        if (s->type == SEGMENT_TEXT)
            buf_adds(&plain, s->text);
        else if (s->type == SEGMENT_AT)
            buf_addc(&plain, ' ');
    }
    if (!ev->nsegments)
        buf_adds(&plain, ev->text);
    const char *text = plain.data ? plain.data : "";
    if (lower)
        utf8_fold(out, text, utf8_cut(text, plain.len, WORDS_HEAD));
    else
        utf8_fold_keep(out, text, plain.len);
    if (out->len)
        out->len = words_trim_end(out->data, out->len);
}

size_t routes_strip(const char *text, size_t len)
{
    size_t skip = 0, n = words_opening(text, len);
    for (; n; n = words_opening(text + skip, len - skip))
        skip += n;
    return skip < len ? skip : 0;
}

void routes_fold_word(struct buf *out, const char *word)
{
    utf8_fold(out, word, strlen(word));
    if (!out->data)
        return;
    size_t skip = routes_strip(out->data, out->len);
    out->len -= skip;
    memmove(out->data, out->data + skip, out->len);
}

/* ---- does it say the word? ---- */

/* Is there nothing behind the word but signs, pictures and the word again? Digits and letters are not said twice: 1 is not 11. */
static bool words_nothing_more(const char *word, size_t word_len, const char *rest, size_t len)
{
    bool repeats = word_len && (unsigned char)*word >= 0x80;
    for (size_t i = 0, n; i < len; i += n) {
        n = words_closing(rest + i, len - i);
        if (n)
            continue;
        if (!repeats || len - i < word_len || memcmp(rest + i, word, word_len) != 0)
            return false;
        n = word_len;
    }
    return true;
}

/* A question about the word: signs behind it, and a question mark among them. */
static bool words_question(const char *rest, size_t len)
{
    bool asks = false;
    for (size_t i = 0, n; i < len; i += n) {
        n = rest[i] == '?' ? 1 : words_closing(rest + i, len - i);
        if (!n)
            return false;
        asks = asks || rest[i] == '?';
    }
    return asks;
}

bool routes_says_word(const char *word, size_t word_len, const char *text, size_t len,
                      enum routes_rest rest)
{
    if (len < word_len || memcmp(text, word, word_len) != 0)
        return false;
    const char *more = text + word_len;
    len -= word_len;
    if (!len || rest == REST_GLUED || words_nothing_more(word, word_len, more, len))
        return true;
    if (rest == REST_NONE)
        return false;
    bool set_off =
        (*more >= '0' && *more <= '9') || *more == '+' || *more == '@' || words_closing(more, len);
    return set_off && !words_question(more, len);
}

const char *routes_command_rest(const struct event *ev, size_t word_len, struct buf *text)
{
    buf_reset(text);
    routes_command_text(ev, text, false);
    buf_cstr(text);
    size_t skip = routes_strip(text->data, text->len);
    if (skip + word_len >= text->len)
        return text->data + text->len;
    const char *word = text->data + skip, *rest = word + word_len, *end = text->data + text->len;
    if (words_nothing_more(word, word_len, rest, (size_t)(end - rest)))
        return end;
    while (*rest && strchr(" \n:,;", *rest))
        rest++;
    return rest;
}
