/* routes_index.c -- finding the handlers that an event may reach without looking at all of them: commands by the first character of
 * their word, listeners by the type of their event. So what an event costs goes by what could hear it, not by how many flows run.
 * Owns: nothing; the index is part of `struct routes`. Callers: routes_build.c makes it, router.c asks. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "engine/internal.h"
#include "engine/route/routes.h"

/* The bytes of the first character. Text that is no UTF-8 has its first byte; never 0 for a text that is not empty. */
static uint32_t routes_first(const char *text, size_t len)
{
    uint32_t first = 0;
    size_t n = utf8_sequence(text, len);
    memcpy(&first, text, n ? n : len > 0);
    return first;
}

static struct routes_words *routes_place_of(const struct routes *r, uint32_t first)
{
    uint32_t i = (uint32_t)hash_mix(first) & r->words_mask;
    while (r->words[i].n && r->words[i].first != first)
        i = (i + 1) & r->words_mask;
    return &r->words[i];
}

static void routes_index_words(struct routes *r)
{
    uint32_t places = 8;
    while (places < (uint32_t)r->ncommands * 2)
        places *= 2;
    r->words = mem_zero(places * sizeof *r->words);
    r->words_mask = places - 1;
    for (int i = 0; i < r->ncommands; i++) {
        const struct routes_command *c = &r->commands[i];
        struct routes_words *w = routes_place_of(r, routes_first(c->word, c->len));
        if (!w->n) {
            w->first = routes_first(c->word, c->len);
            w->from = i;
        }
        w->n = i - w->from + 1;
    }
}

/* Words that begin alike stand together, the longest of them first; equal lengths keep the playbook's order. */
static void routes_sort_words(struct routes *r)
{
    for (int i = 1; i < r->ncommands; i++) {
        struct routes_command c = r->commands[i];
        uint32_t first = routes_first(c.word, c.len);
        int j = i;
        for (; j > 0; j--) {
            const struct routes_command *b = &r->commands[j - 1];
            uint32_t before = routes_first(b->word, b->len);
            if (before < first || (before == first && b->len >= c.len))
                break;
            r->commands[j] = *b;
        }
        r->commands[j] = c;
    }
}

static void routes_sort_ons(struct routes *r)
{
    struct routes_on *sorted = mem_alloc((size_t)(r->nons + 1) * sizeof *sorted);
    int n = 0;
    for (int type = 0; type < EVENT_TYPES; type++) {
        r->ons_from[type] = n;
        for (int i = 0; i < r->nons; i++) {
            const struct handler *h = r->ons[i].handler;
            if ((int)h->event != type)
                continue;
            sorted[n] = r->ons[i];
            sorted[n++].plain = h->in_group && !h->remote && !h->image && !h->nwords && !*h->role;
        }
    }
    r->ons_from[EVENT_TYPES] = r->nons = n;
    free(r->ons);
    r->ons = sorted;
}

void routes_index(struct routes *r)
{
    routes_sort_words(r);
    routes_index_words(r);
    routes_sort_ons(r);
    r->names = mem_alloc((size_t)(r->nbindings + 1) * sizeof *r->names);
    for (int i = 0; i < r->nbindings; i++)
        r->names[i] = (uint32_t)hash_string(flow_info(r->bindings[i]->flow)->name);
}

struct binding *routes_named(const struct routes *r, const char *flow)
{
    uint32_t hash = (uint32_t)hash_string(flow);
    for (int i = 0; i < r->nbindings; i++)
        if (r->names[i] == hash && strcmp(flow_info(r->bindings[i]->flow)->name, flow) == 0)
            return r->bindings[i];
    return NULL;
}

const struct routes_command *routes_commands_like(const struct routes *r, const char *text,
                                                  size_t len, int *n)
{
    const struct routes_words *w = routes_place_of(r, routes_first(text, len));
    *n = len ? w->n : 0;
    return &r->commands[w->from];
}
