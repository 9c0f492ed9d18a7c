/* wc_name.c -- the bot's own name at the start of what members say in groups. The platform leaves "@Name " in the text and tells
 * neither where the name ends nor who is meant by a later @: so only the start is looked at. */
#include <string.h>

#include "gateway/wc.h"

/* What may stand behind the name: blanks (ASCII, U+00A0, U+2005 as its clients write it, U+3000) are part of the mention. */
static size_t wc_blank(const char *s, size_t len)
{
    static const char *const wide[] = {"\xC2\xA0", "\xE2\x80\x85", "\xE3\x80\x80", "\xE2\x80\x8B"};
    if (len && strchr(" \t\n\r", *s) && *s)
        return 1;
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        size_t n = strlen(wide[i]);
        if (len >= n && memcmp(s, wide[i], n) == 0)
            return n;
    }
    return 0;
}

static size_t wc_blanks(const char *s, size_t len)
{
    size_t at = 0, n;
    while ((n = wc_blank(s + at, len - at)) != 0)
        at += n;
    return at;
}

/* A comma or colon closes a name as well; it stays in the text. */
static bool wc_closes(const char *s, size_t len)
{
    static const char *const marks[] = {",", ":", "，", "：", "、"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        size_t n = strlen(marks[i]);
        if (len >= n && memcmp(s, marks[i], n) == 0)
            return true;
    }
    return !len || wc_blank(s, len);
}

/* The longest of the configured names that stands there. */
static size_t wc_name_known(const char *s, size_t len, const char *const *names)
{
    size_t best = 0;
    for (; *names; names++) {
        size_t n = strlen(*names);
        if (n > best && n <= len && memcmp(s, *names, n) == 0 && wc_closes(s + n, len - n))
            best = n;
    }
    return best;
}

/* Nobody said how the bot is called: a name without blanks is assumed. */
static size_t wc_name_guessed(const char *s, size_t len)
{
    size_t n = 0;
    while (n < len && !wc_blank(s + n, len - n))
        n++;
    return n;
}

struct wc_called wc_called_find(const char *text, size_t len, const char *const *names)
{
    struct wc_called m = {0};
    size_t at = wc_blanks(text, len);
    if (at >= len || text[at] != '@')
        return m;
    at++;
    size_t n = names && *names ? wc_name_known(text + at, len - at, names)
                               : wc_name_guessed(text + at, len - at);
    if (!n)
        return m;
    m.name = text + at;
    m.name_len = n;
    m.end = at + n + wc_blanks(text + at + n, len - at - n);
    return m;
}
