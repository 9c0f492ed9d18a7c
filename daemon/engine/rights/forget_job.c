/* forget_job.c -- what a job of forgetting carries: its members, what it has found, what it is about to change: see forget.h.
 * Callers: forget.c, forget_entry.c, retention.c. */
#include <stdlib.h>
#include <string.h>

#include "engine/rights/forget.h"

struct scrub forget_scrub(const struct forget_subject *s)
{
    return (struct scrub){
        .user = s->user, .user_len = strlen(s->user), .names = s->names, .nnames = s->nnames};
}

bool forget_add(struct forget *f, const char *user, const char *chat)
{
    if (f->nsubjects == FORGET_SUBJECTS)
        return false;
    struct forget_subject *s = &f->subjects[f->nsubjects++];
    struct buf b = {0};
    *s = (struct forget_subject){.user = mem_strdup(user)};
    if (chat)
        s->chat = mem_strdup(chat);
    buf_add_key(&b, user);
    buf_cstr(&b);
    s->encoded = buf_take(&b);
    return true;
}

void forget_add_name(struct forget *f, struct forget_subject *s, const char *name)
{
    if (!*name || strcmp(name, SCRUB_NOBODY) == 0 || strcmp(name, s->user) == 0 ||
        s->nnames == FORGET_NAMES)
        return;
    for (int i = 0; i < s->nnames; i++)
        if (strcmp(s->names[i], name) == 0)
            return;
    s->names[s->nnames++] = mem_strdup(name);
    f->changed = true; /* what was passed may hold it */
}

void forget_drop_hits(struct forget_hit **list)
{
    while (*list) {
        struct forget_hit *next = (*list)->next;
        free((*list)->key);
        free((*list)->type);
        free(*list);
        *list = next;
    }
}

void forget_change(struct forget *f, const char *name, const char *key,
                   const struct buf *const *more)
{
    int n = 2;
    f->changed = true;
    if (f->dry)
        return;
    for (const struct buf *const *p = more; p && *p; p++)
        n++;
    buf_add_bulk_int(&f->words, n);
    buf_add_bulk(&f->words, name, strlen(name));
    buf_add_bulk(&f->words, key, strlen(key));
    for (const struct buf *const *p = more; p && *p; p++)
        buf_add_bulk(&f->words, (*p)->data, (*p)->len);
    f->nwords += (size_t)n + 1;
}

void forget_cancel(struct forget *f, const char *id, const char *chat)
{
    f->changed = true;
    f->result.runs++;
    if (f->dry)
        return;
    struct forget_hit *h = MEM_NEW(struct forget_hit);
    h->key = mem_strdup(id);
    h->type = mem_strdup(chat);
    h->next = f->cancel;
    f->cancel = h;
}
