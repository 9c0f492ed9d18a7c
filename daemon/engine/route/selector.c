/* selector.c -- see selector.h. Owns the tables of an index; selectors belong to those who read them. Callers: book.c, overlay.c,
 * tags.c, cli/lint*.c. */
#include "engine/route/selector.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/buf.h"
#include "base/mem.h"

/* `*` stands for any run of bytes, `?` for one character. */
static bool selector_wild(const char *pattern, const char *s)
{
    const char *star = NULL, *retry = NULL;
    while (*s) {
        if (*pattern == '*') {
            star = pattern++;
            retry = s;
        } else if (*pattern && (*pattern == '?' || *pattern == *s)) {
            if (*pattern++ == '?')
                while (((unsigned char)s[1] & 0xc0) == 0x80) /* the rest of a UTF-8 character */
                    s++;
            s++;
        } else if (star) {
            pattern = star + 1;
            s = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

static const char *selector_find_tag(const char *tags, const char *tag)
{
    size_t len = strlen(tag);
    for (const char *p = tags; p && *p;) {
        size_t n = strcspn(p, ",");
        if (n == len && memcmp(p, tag, n) == 0)
            return p;
        p += n + (p[n] == ',');
    }
    return NULL;
}

bool selector_has_tag(const char *tags, const char *tag)
{
    return selector_find_tag(tags, tag) != NULL;
}

bool selector_own(const struct selector *s, const struct selector_chat *c)
{
    if (s->kind == SELECT_CHAT)
        return strcmp(s->gateway, c->gateway) == 0 && strcmp(s->value, c->chat) == 0;
    const char *at = s->kind == SELECT_TAG ? selector_find_tag(c->tags, s->value) : NULL;
    return at && (!c->home || at - c->tags < c->own);
}

bool selector_matches(const struct selector *s, const struct selector_chat *c)
{
    switch (s->kind) {
    case SELECT_ALL: return true;
    case SELECT_GATEWAY: return strcmp(s->gateway, c->gateway) == 0;
    case SELECT_TAG: return selector_has_tag(c->tags, s->value);
    case SELECT_NAME: return c->name && selector_wild(s->value, c->name);
    case SELECT_CHAT:
        return strcmp(s->gateway, c->gateway) == 0 &&
               (strcmp(s->value, c->chat) == 0 || (c->home && strcmp(s->value, c->home) == 0));
    }
    return false;
}

int selector_private(const struct selector *s, const char *gateway)
{
    if (s->kind == SELECT_ALL)
        return SELECT_ALL;
    if ((s->kind == SELECT_GATEWAY || s->kind == SELECT_CHAT) && strcmp(s->gateway, gateway) == 0)
        return SELECT_GATEWAY;
    return -1;
}

void selector_clear(struct selector *s)
{
    free(s->gateway);
    free(s->value);
    *s = (struct selector){0};
}

void selector_print(const struct selector *s, struct buf *out)
{
    switch (s->kind) {
    case SELECT_ALL: buf_adds(out, "all"); break;
    case SELECT_GATEWAY: buf_addf(out, "%s:*", s->gateway); break;
    case SELECT_TAG: buf_addf(out, "{ tag = \"%s\" }", s->value); break;
    case SELECT_NAME: buf_addf(out, "{ name = \"%s\" }", s->value); break;
    case SELECT_CHAT: buf_addf(out, "%s:%s", s->gateway, s->value); break;
    }
}

/* ---- the index ---- */

struct selector_owner {
    const struct selector *selector;
    int owner;
};

/* Selectors that can be looked up by a text: "c:qq1:700000001", "t:north". */
struct selector_entry {
    char *key;
    struct selector_owner *list;
    int n;
    UT_hash_handle hh;
};

struct selector_index {
    struct selector_entry *entries;
    struct selector_owner *others; /* by name, gateway, all: asked one by one */
    int nothers;
    struct buf key; /* being looked up */
};

struct selector_index *selector_index_new(void)
{
    return MEM_NEW(struct selector_index);
}

void selector_index_free(struct selector_index *x)
{
    struct selector_entry *en, *tmp;
    if (!x)
        return;
    HASH_ITER (hh, x->entries, en, tmp) {
        HASH_DEL(x->entries, en);
        free(en->key);
        free(en->list);
        free(en);
    }
    free(x->others);
    buf_free(&x->key);
    free(x);
}

static void selector_append(struct selector_owner **list, int *n, struct selector_owner one)
{
    if ((*n & (*n - 1)) == 0)
        *list = mem_realloc(*list, (size_t)(*n ? *n * 2 : 1) * sizeof **list);
    (*list)[(*n)++] = one;
}

void selector_index_add(struct selector_index *x, const struct selector *s, int owner)
{
    struct selector_owner one = {s, owner};
    if (s->kind != SELECT_CHAT && s->kind != SELECT_TAG) {
        selector_append(&x->others, &x->nothers, one);
        return;
    }
    struct selector_entry *en;
    buf_reset(&x->key);
    if (s->kind == SELECT_CHAT)
        buf_addf(&x->key, "c:%s:%s", s->gateway, s->value);
    else
        buf_addf(&x->key, "t:%s", s->value);
    HASH_FIND(hh, x->entries, x->key.data, x->key.len, en);
    if (!en) {
        en = MEM_NEW(struct selector_entry);
        en->key = mem_strndup(x->key.data, x->key.len);
        HASH_ADD_KEYPTR(hh, x->entries, en->key, x->key.len, en);
    }
    selector_append(&en->list, &en->n, one);
}

static void selector_found(struct selector_index *x,
                           void (*fn)(void *ud, int owner, const struct selector *s), void *ud)
{
    struct selector_entry *en;
    HASH_FIND(hh, x->entries, x->key.data, x->key.len, en);
    for (int i = 0; en && i < en->n; i++)
        fn(ud, en->list[i].owner, en->list[i].selector);
}

void selector_index_each(struct selector_index *x, const struct selector_chat *c,
                         void (*fn)(void *ud, int owner, const struct selector *s), void *ud)
{
    bool private_chat = c->chat[0] == '@';
    bool nameless = private_chat && !c->home;
    for (int i = 0; i < x->nothers; i++) {
        const struct selector *s = x->others[i].selector;
        if (!(nameless && s->kind == SELECT_NAME) && selector_matches(s, c))
            fn(ud, x->others[i].owner, s);
    }
    if (!x->entries)
        return;
    for (const char *chat = c->chat; chat; chat = chat == c->chat ? c->home : NULL) {
        buf_reset(&x->key);
        buf_adds(&x->key, "c:");
        buf_adds(&x->key, c->gateway);
        buf_addc(&x->key, ':');
        buf_adds(&x->key, chat);
        selector_found(x, fn, ud);
    }
    for (const char *p = c->tags; p && *p;) {
        size_t n = strcspn(p, ",");
        buf_reset(&x->key);
        buf_adds(&x->key, "t:");
        buf_add(&x->key, p, n);
        selector_found(x, fn, ud);
        p += n + (p[n] == ',');
    }
}
