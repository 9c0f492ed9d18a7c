/* tags.c -- the tags of a chat: those that admins gave it in Redis, then those of the configuration, from the narrowest level to the
 * widest. Playbooks, overlays and the layers of settings go by them.
 * Callers: routes_plan.c, inspect.c, explain.c. */
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

enum { TAGS_FOUND = 64 };

struct tags_search {
    const struct book *book;
    enum level level;
    int found[TAGS_FOUND]; /* rules, in the order of the file */
    int n;
};

static void tags_found(void *ud, int owner, const struct selector *s)
{
    struct tags_search *f = ud;
    int j = f->n;
    (void)s;
    if (f->book->tags[owner].level != f->level || f->n == TAGS_FOUND)
        return;
    for (int i = 0; i < f->n; i++)
        if (f->found[i] == owner)
            return;
    for (f->n++; j > 0 && f->found[j - 1] > owner; j--)
        f->found[j] = f->found[j - 1];
    f->found[j] = owner;
}

/* The rules of one level; they may go by the tags of narrower ones, which are in `tags`. */
static void tags_of_level(const struct gw *gw, const char *chat, const char *name, enum level level,
                          struct buf *tags)
{
    struct tags_search f = {.book = gw->e->book, .level = level};
    struct selector_chat c = {gw->name, chat, name, buf_cstr(tags), NULL, 0};
    selector_index_each(f.book->tag_index, &c, tags_found, &f);
    for (int i = 0; i < f.n; i++) {
        const char *tag = f.book->tags[f.found[i]].tag;
        if (selector_has_tag(buf_cstr(tags), tag))
            continue;
        if (tags->len)
            buf_addc(tags, ',');
        buf_adds(tags, tag);
    }
}

static const char *tags_own(const struct gw *gw, const char *chat, const char *name,
                            struct buf *tags)
{
    const struct settings *s = gw->e->opts.settings;
    const struct book *book = gw->e->book;
    const char *own = s ? settings_tags(s, gw->name, chat) : "";
    if (!book || !book->ntags)
        return own;
    buf_reset(tags);
    buf_adds(tags, own);
    for (int level = LEVEL_GROUP; level >= LEVEL_BRAND; level--)
        tags_of_level(gw, chat, name, (enum level)level, tags);
    return buf_cstr(tags);
}

const char *tags_of(const struct gw *gw, const char *chat, const char *name)
{
    static struct buf tags;
    return tags_own(gw, chat, name, &tags);
}

const char *tags_with_home(const struct gw *gw, const char *chat, const char *home, int *own)
{
    static struct buf first, second, all;
    buf_reset(&all);
    buf_adds(&all, tags_own(gw, chat, "", &first));
    *own = (int)all.len;
    for (const char *p = tags_own(gw, home, known_name(gw, home), &second); *p;) {
        size_t n = strcspn(p, ",");
        char *tag = mem_strndup(p, n);
        if (!selector_has_tag(buf_cstr(&all), tag)) {
            if (all.len)
                buf_addc(&all, ',');
            buf_adds(&all, tag);
        }
        free(tag);
        p += n + (p[n] == ',');
    }
    return buf_cstr(&all);
}

const struct tag_rule *tags_rule(const struct gw *gw, const char *chat, const char *name,
                                 const char *all, const char *tag)
{
    const struct book *book = gw->e->book;
    struct selector_chat c = {gw->name, chat, name, all, NULL, 0};
    for (int i = 0; book && i < book->ntags; i++)
        for (int j = 0; strcmp(book->tags[i].tag, tag) == 0 && j < book->tags[i].nselectors; j++)
            if (selector_matches(&book->tags[i].selectors[j], &c))
                return &book->tags[i];
    return NULL;
}
