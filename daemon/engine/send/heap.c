/* heap.c -- see heap.h. Caller: pacer.c, hold.c. */
#include "engine/send/heap.h"

#include <stdlib.h>

#include "engine/internal.h"

static bool heap_before(const struct entry *a, const struct entry *b)
{
    if (a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms;
    if (a->message->kind != b->message->kind)
        return a->message->kind < b->message->kind;
    return a->id < b->id;
}

static void heap_place(struct heap *h, size_t i, struct entry *en)
{
    h->list[i] = en;
    en->heap_at = i + 1;
}

static void heap_up(struct heap *h, size_t i)
{
    struct entry *en = h->list[i];
    for (; i > 0 && heap_before(en, h->list[(i - 1) / 2]); i = (i - 1) / 2)
        heap_place(h, i, h->list[(i - 1) / 2]);
    heap_place(h, i, en);
}

static void heap_down(struct heap *h, size_t i)
{
    struct entry *en = h->list[i];
    for (;;) {
        size_t kid = i * 2 + 1;
        if (kid >= h->len)
            break;
        if (kid + 1 < h->len && heap_before(h->list[kid + 1], h->list[kid]))
            kid++;
        if (!heap_before(h->list[kid], en))
            break;
        heap_place(h, i, h->list[kid]);
        i = kid;
    }
    heap_place(h, i, en);
}

struct entry *heap_first(const struct heap *h)
{
    return h->len ? h->list[0] : NULL;
}

void heap_add(struct heap *h, struct entry *en)
{
    if (h->len == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 64;
        h->list = mem_realloc(h->list, h->cap * sizeof *h->list);
    }
    heap_place(h, h->len++, en);
    heap_up(h, h->len - 1);
}

void heap_moved(struct heap *h, struct entry *en)
{
    heap_up(h, en->heap_at - 1);
    heap_down(h, en->heap_at - 1);
}

void heap_remove(struct heap *h, struct entry *en)
{
    if (!en->heap_at)
        return;
    size_t i = en->heap_at - 1;
    en->heap_at = 0;
    struct entry *last = h->list[--h->len];
    if (last == en)
        return;
    heap_place(h, i, last);
    heap_moved(h, last);
}

void heap_free(struct heap *h)
{
    free(h->list);
    *h = (struct heap){0};
}
