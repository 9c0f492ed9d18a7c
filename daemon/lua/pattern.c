/* pattern.c -- see pattern.h. A backtracking matcher straight over the pattern's text. */
#include "lua/pattern.h"

#include <ctype.h>
#include <string.h>

static const char error_steps[] = "steps";

void pattern_init(struct pattern *m, const char *text, size_t len, const char *p, size_t plen,
                  int64_t steps)
{
    m->text = text;
    m->text_end = text + len;
    m->anchored = plen > 0 && *p == '^';
    m->p = p + m->anchored;
    m->p_end = p + plen;
    m->steps = steps;
    m->error = NULL;
    m->depth = 0;
    m->ncaptures = 0;
}

static const char *give_up(struct pattern *m, const char *why)
{
    if (!m->error)
        m->error = why;
    return NULL;
}

static bool spend(struct pattern *m)
{
    if (--m->steps >= 0)
        return true;
    give_up(m, error_steps);
    return false;
}

/* ---- single characters ---- */

/* The end of the item that stands for one character (a class, a set, an escape, a plain one). NULL with error. */
static const char *item_end(struct pattern *m, const char *p)
{
    const char *start = p;
    char c = *p++;
    if (c == '%') {
        if (p == m->p_end)
            return give_up(m, "it ends with a lone %");
        return p + 1;
    }
    if (c != '[')
        return p;
    if (p < m->p_end && *p == '^')
        p++;
    do { /* the first character of a set may be ] */
        if (p == m->p_end)
            return give_up(m, "a [ has no ]");
        if (*p++ == '%') {
            if (p == m->p_end)
                return give_up(m, "a [ has no ]");
            p++;
        }
    } while (p == m->p_end || *p != ']');
    m->steps -= (p - start) / 16; /* long sets cost more */
    return p + 1;
}

static bool in_class(unsigned char c, unsigned char class)
{
    bool yes;
    switch (tolower(class)) {
    case 'a': yes = isalpha(c); break;
    case 'c': yes = iscntrl(c); break;
    case 'd': yes = isdigit(c); break;
    case 'g': yes = isgraph(c); break;
    case 'l': yes = islower(c); break;
    case 'p': yes = ispunct(c); break;
    case 's': yes = isspace(c); break;
    case 'u': yes = isupper(c); break;
    case 'w': yes = isalnum(c); break;
    case 'x': yes = isxdigit(c); break;
    case 'z': yes = c == 0; break;
    default: return class == c;
    }
    return isupper(class) ? !yes : yes;
}

/* p is at the [, end behind the ]. */
static bool in_set(unsigned char c, const char *p, const char *end)
{
    bool negative = *++p == '^';
    end--;
    if (negative)
        p++;
    while (p < end) {
        if (*p == '%') {
            if (in_class(c, (unsigned char)p[1]))
                return !negative;
            p += 2;
        } else if (p + 2 < end && p[1] == '-') {
            if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2])
                return !negative;
            p += 3;
        } else {
            if ((unsigned char)*p == c)
                return !negative;
            p++;
        }
    }
    return negative;
}

/* Does the character at `at` match the item p..end? */
static bool fits(const struct pattern *m, const char *at, const char *p, const char *end)
{
    if (at >= m->text_end)
        return false;
    unsigned char c = (unsigned char)*at;
    switch (*p) {
    case '.': return true;
    case '%': return in_class(c, (unsigned char)p[1]);
    case '[': return in_set(c, p, end);
    default: return (unsigned char)*p == c;
    }
}

/* ---- captures ---- */

static const char *match(struct pattern *m, const char *at, const char *p);

static const char *open_capture(struct pattern *m, const char *at, const char *p, ptrdiff_t kind)
{
    if (m->ncaptures == PATTERN_CAPTURES)
        return give_up(m, "it has too many captures");
    m->captures[m->ncaptures++] = (struct capture){at, kind};
    const char *end = match(m, at, p);
    if (!end)
        m->ncaptures--;
    return end;
}

static const char *close_capture(struct pattern *m, const char *at, const char *p)
{
    int i = m->ncaptures;
    while (--i >= 0 && m->captures[i].len != CAPTURE_OPEN)
        ;
    if (i < 0)
        return give_up(m, "a ) has no (");
    m->captures[i].len = at - m->captures[i].start;
    const char *end = match(m, at, p);
    if (!end)
        m->captures[i].len = CAPTURE_OPEN;
    return end;
}

/* %1 to %9: the same text again. */
static const char *back_reference(struct pattern *m, const char *at, const char *p)
{
    int i = p[1] - '1';
    if (i < 0 || i >= m->ncaptures || m->captures[i].len == CAPTURE_OPEN)
        return give_up(m, "it refers to a capture that is not there");
    if (m->captures[i].len == CAPTURE_POSITION)
        return NULL; /* a place is no text */
    size_t len = (size_t)m->captures[i].len;
    m->steps -= (int64_t)(len / 16);
    if ((size_t)(m->text_end - at) < len || memcmp(m->captures[i].start, at, len) != 0)
        return NULL;
    return match(m, at + len, p + 2);
}

/* %bxy: from x to its balancing y. */
static const char *balanced(struct pattern *m, const char *at, const char *p)
{
    if (m->p_end - p < 4)
        return give_up(m, "%b needs two characters");
    char open = p[2], close = p[3];
    if (at >= m->text_end || *at != open)
        return NULL;
    int64_t level = 1;
    for (const char *s = at + 1; s < m->text_end; s++) {
        if (!spend(m))
            return NULL;
        if (*s == close) {
            if (--level == 0)
                return match(m, s + 1, p + 4);
        } else if (*s == open) {
            level++;
        }
    }
    return NULL;
}

/* %f[set]: between a character outside the set and one inside it. */
static const char *frontier(struct pattern *m, const char *at, const char *p)
{
    p += 2;
    if (p >= m->p_end || *p != '[')
        return give_up(m, "%f needs a set in brackets");
    const char *end = item_end(m, p);
    if (!end)
        return NULL;
    unsigned char before = at == m->text ? 0 : (unsigned char)at[-1];
    unsigned char here = at < m->text_end ? (unsigned char)*at : 0;
    if (in_set(before, p, end) || !in_set(here, p, end))
        return NULL;
    return match(m, at, end);
}

/* ---- repeats ---- */

static const char *repeat_most(struct pattern *m, const char *at, const char *p, const char *end)
{
    ptrdiff_t n = 0;
    while (fits(m, at + n, p, end)) {
        if (!spend(m))
            return NULL;
        n++;
    }
    for (; n >= 0; n--) {
        const char *found = match(m, at + n, end + 1);
        if (found || m->error)
            return found;
    }
    return NULL;
}

static const char *repeat_least(struct pattern *m, const char *at, const char *p, const char *end)
{
    for (;; at++) {
        const char *found = match(m, at, end + 1);
        if (found || m->error)
            return found;
        if (!fits(m, at, p, end))
            return NULL;
    }
}

/* One item with its suffix. Sets *next to where matching goes on in the same call; else returns the result. */
static const char *match_item(struct pattern *m, const char **at, const char **p, bool *go_on)
{
    const char *end = item_end(m, *p), *found;
    if (!end)
        return NULL;
    switch (end < m->p_end ? *end : '\0') {
    case '?':
        if (fits(m, *at, *p, end)) {
            found = match(m, *at + 1, end + 1);
            if (found || m->error)
                return found;
        }
        *p = end + 1;
        *go_on = true;
        return NULL;
    case '+': return fits(m, *at, *p, end) ? repeat_most(m, *at + 1, *p, end) : NULL;
    case '*': return repeat_most(m, *at, *p, end);
    case '-': return repeat_least(m, *at, *p, end);
    default:
        if (!fits(m, *at, *p, end))
            return NULL;
        (*at)++;
        *p = end;
        *go_on = true;
        return NULL;
    }
}

static const char *match_here(struct pattern *m, const char *at, const char *p)
{
    while (p < m->p_end) {
        if (!spend(m))
            return NULL;
        if (*p == '(')
            return p + 1 < m->p_end && p[1] == ')' ? open_capture(m, at, p + 2, CAPTURE_POSITION)
                                                   : open_capture(m, at, p + 1, CAPTURE_OPEN);
        if (*p == ')')
            return close_capture(m, at, p + 1);
        if (*p == '$' && p + 1 == m->p_end)
            return at == m->text_end ? at : NULL;
        if (*p == '%' && p + 1 < m->p_end) {
            if (p[1] == 'b')
                return balanced(m, at, p);
            if (p[1] == 'f')
                return frontier(m, at, p);
            if (isdigit((unsigned char)p[1]))
                return back_reference(m, at, p);
        }
        bool go_on = false;
        const char *found = match_item(m, &at, &p, &go_on);
        if (!go_on)
            return found;
    }
    return at;
}

static const char *match(struct pattern *m, const char *at, const char *p)
{
    if (m->depth == PATTERN_DEPTH)
        return give_up(m, "it is too complex");
    m->depth++;
    const char *end = match_here(m, at, p);
    m->depth--;
    return end;
}

const char *pattern_at(struct pattern *m, const char *at)
{
    m->ncaptures = 0;
    m->depth = 0;
    return match(m, at, m->p);
}

const char *pattern_search(struct pattern *m, const char **from)
{
    for (const char *at = *from; at <= m->text_end; at++) {
        const char *end = pattern_at(m, at);
        if (end || m->error) {
            *from = at;
            return end;
        }
        if (m->anchored)
            return NULL;
    }
    return NULL;
}
