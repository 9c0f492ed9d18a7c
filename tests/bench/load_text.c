/* load_text.c -- what the protocols of the load generator share: templates of events, and looking into JSON without reading it.
 * Owns nothing. Called by: load_onebot.c, load_satori.c, load_wecom.c. */
#include "load_conn.h"
#include "load_dialect.h"

#include <stdlib.h>
#include <string.h>

void load_template_init(struct load_template *t, const char *text, size_t fields)
{
    *t = (struct load_template){.text = text, .len = strlen(text), .fields = fields};
    size_t n = 0;
    for (size_t i = 0; i < t->len;) {
        size_t run = strspn(text + i, "#");
        if (run > 0 && n < LOAD_FIELDS) {
            t->at[n] = i;
            t->run[n++] = run;
        }
        i += run ? run : 1;
    }
    if (n != fields)
        abort();
}

char *load_template_put(const struct load_template *t, struct conn *c)
{
    char *event = conn_put(c, t->len);
    memcpy(event, t->text, t->len);
    return event;
}

void load_template_fill(const struct load_template *t, char *event, size_t field, uint64_t value)
{
    for (char *p = event + t->at[field] + t->run[field]; p > event + t->at[field]; value /= 10)
        *--p = (char)('0' + value % 10);
}

struct load_span load_value(const char *text, size_t len, const char *key)
{
    struct load_span none = {NULL, 0};
    const char *end = text + len;
    const char *p = memmem(text, len, key, strlen(key));
    if (!p)
        return none;
    p += strlen(key);
    while (p < end && (*p == ' ' || *p == ':'))
        p++;
    const char *q = p;
    if (q < end && *q == '"') {
        for (q++; q < end && *q != '"'; q++)
            if (*q == '\\')
                q++;
        q++;
    } else {
        while (q < end && *q != ',' && *q != '}' && *q != ' ')
            q++;
    }
    return q <= end ? (struct load_span){p, (size_t)(q - p)} : none;
}

bool load_span_is(struct load_span s, const char *word)
{
    return s.len == strlen(word) && memcmp(s.p, word, s.len) == 0;
}

/* The number that p begins with, up to `below`; *p moves behind it and one blank. */
static uint64_t number_at(const char **p, const char *end, uint64_t below)
{
    uint64_t value = 0;
    for (; *p < end && **p >= '0' && **p <= '9' && value < below; (*p)++)
        value = value * 10 + (uint64_t)(**p - '0');
    if (*p < end)
        (*p)++;
    return value;
}

struct load_said load_said_in(const char *text, size_t len)
{
    struct load_said said = {LOAD_OTHER, 0, 0};
    const char *pong = memmem(text, len, "pong ", 5);
    const char *slept = pong ? NULL : memmem(text, len, "slept ", 6);
    const char *p = pong ? pong + 5 : slept ? slept + 6 : NULL;
    if (!p)
        return said;
    said.kind = pong ? LOAD_PONG : LOAD_SLEPT;
    said.number = (uint32_t)number_at(&p, text + len, 1u << 31);
    said.due_ms = slept ? number_at(&p, text + len, 1ull << 50) : 0;
    return said;
}
