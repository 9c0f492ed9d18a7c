/* seen.c -- see seen.h. */
#include "gateway/seen.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { SEEN_FIRST = 64 };
#define SEEN_NOTHING ((uint64_t)1 << 63) /* turned over in a key that shall be new again */

struct seen {
    struct seen_entry *ring;
    int32_t *buckets; /* as many as entries */
    uint32_t cap, max, head, count;
    uint32_t longest_s; /* no window of this table is longer */
};

struct seen *seen_new(uint32_t max, uint32_t longest_s)
{
    struct seen *s = MEM_NEW(struct seen);
    s->max = max;
    s->longest_s = longest_s;
    return s;
}

void seen_free(struct seen *s)
{
    if (!s)
        return;
    free(s->ring);
    free(s->buckets);
    free(s);
}

size_t seen_count(const struct seen *s)
{
    return s->count;
}

size_t seen_bytes(const struct seen *s)
{
    return sizeof *s + s->cap * (sizeof *s->ring + sizeof *s->buckets);
}

static void seen_link(struct seen *s, uint32_t i)
{
    uint32_t b = (uint32_t)s->ring[i].key & (s->cap - 1);
    s->ring[i].next = s->buckets[b];
    s->buckets[b] = (int32_t)i;
}

static void seen_grow(struct seen *s)
{
    uint32_t cap = s->cap ? s->cap * 2 : SEEN_FIRST;
    struct seen_entry *ring = mem_alloc(cap * sizeof *ring);
    for (uint32_t i = 0; i < s->count; i++)
        ring[i] = s->ring[(s->head + i) & (s->cap - 1)];
    free(s->ring);
    free(s->buckets);
    s->ring = ring;
    s->buckets = mem_alloc(cap * sizeof *s->buckets);
    memset(s->buckets, 0xFF, cap * sizeof *s->buckets);
    s->cap = cap;
    s->head = 0;
    for (uint32_t i = 0; i < s->count; i++)
        seen_link(s, i);
}

static void seen_drop_oldest(struct seen *s)
{
    struct seen_entry *e = &s->ring[s->head];
    int32_t *at = &s->buckets[(uint32_t)e->key & (s->cap - 1)];
    while (*at != (int32_t)s->head)
        at = &s->ring[*at].next;
    *at = e->next;
    s->head = (s->head + 1) & (s->cap - 1);
    s->count--;
}

static uint32_t seen_age(const struct seen_entry *e, int64_t now_ms)
{
    return (uint32_t)(now_ms / 1000) - e->at_s;
}

static struct seen_entry *seen_at(const struct seen *s, uint64_t key, int64_t now_ms,
                                  uint32_t window_s)
{
    if (!s->cap)
        return NULL;
    for (int32_t i = s->buckets[(uint32_t)key & (s->cap - 1)]; i >= 0; i = s->ring[i].next)
        if (s->ring[i].key == key && seen_age(&s->ring[i], now_ms) <= window_s)
            return &s->ring[i];
    return NULL;
}

const struct seen_entry *seen_find(const struct seen *s, uint64_t key, int64_t now_ms,
                                   uint32_t window_s)
{
    return seen_at(s, key, now_ms, window_s);
}

/* Full: what is too old for any window goes first, then the table grows, then the oldest goes. */
static void seen_make_room(struct seen *s, int64_t now_ms)
{
    if (s->count < s->cap)
        return;
    while (s->count && seen_age(&s->ring[s->head], now_ms) > s->longest_s)
        seen_drop_oldest(s);
    if (s->count < s->cap)
        return;
    if (s->cap < s->max)
        seen_grow(s);
    else
        seen_drop_oldest(s);
}

void seen_add(struct seen *s, uint64_t key, uint64_t extra, int64_t now_ms, int64_t time_ms)
{
    seen_make_room(s, now_ms);
    uint32_t i = (s->head + s->count) & (s->cap - 1);
    s->ring[i] = (struct seen_entry){.key = key,
                                     .extra = (uint32_t)extra,
                                     .at_s = (uint32_t)(now_ms / 1000),
                                     .time_s = (uint32_t)(time_ms / 1000)};
    s->count++;
    seen_link(s, i);
}

bool seen_check(struct seen *s, uint64_t key, int64_t now_ms, uint32_t window_s)
{
    if (seen_at(s, key, now_ms, window_s))
        return true;
    seen_add(s, key, 0, now_ms, 0);
    return false;
}

/* The entry matches nothing any more; the place in its bucket stays (the top bit is beyond any bucket's number). */
void seen_forget(struct seen *s, uint64_t key, int64_t now_ms)
{
    struct seen_entry *e;
    while ((e = seen_at(s, key, now_ms, s->longest_s)))
        e->key ^= SEEN_NOTHING;
}
