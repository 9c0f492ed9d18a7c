/* pool_seen.c -- see pool_seen.h. A ring of happenings, oldest first, with three hash indexes: by what it is, by the platform's
 * number, by an account's id of it. It grows with use and is bounded. */
#include "gateway/pool_seen.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

enum {
    POOL_SEEN_FIRST = 256,
    POOL_SEEN_KEPT_S = 600,
    POOL_SEEN_LOOK = 64 /* of one content: a member who says the same words more often is a flood */
};

struct pool_seen {
    struct pool_entry *ring;
    int32_t *what, *seq, *ids; /* buckets: cap of each, of ids 2 x cap */
    uint32_t cap, max, head, count;
};

struct pool_seen *pool_seen_new(uint32_t max)
{
    struct pool_seen *s = MEM_NEW(struct pool_seen);
    s->max = max < POOL_SEEN_FIRST ? POOL_SEEN_FIRST : max;
    return s;
}

void pool_seen_free(struct pool_seen *s)
{
    if (!s)
        return;
    free(s->ring);
    free(s->what);
    free(s->seq);
    free(s->ids);
    free(s);
}

size_t pool_seen_count(const struct pool_seen *s)
{
    return s->count;
}

/* ---- the indexes ---- */

static int32_t *pool_seen_what(struct pool_seen *s, uint64_t what)
{
    return &s->what[(uint32_t)what & (s->cap - 1)];
}

static int32_t *pool_seen_seq(struct pool_seen *s, uint64_t chat, int64_t seq)
{
    return &s->seq[(uint32_t)hash_mix(chat ^ (uint64_t)seq) & (s->cap - 1)];
}

static int32_t *pool_seen_id(struct pool_seen *s, uint64_t chat, int slot, int64_t id)
{
    uint64_t h = hash_mix(chat ^ (uint64_t)id) + (uint64_t)slot;
    return &s->ids[(uint32_t)h & (2 * s->cap - 1)];
}

static void pool_seen_link_id(struct pool_seen *s, int32_t i, int slot)
{
    struct pool_entry *e = &s->ring[i];
    if (!e->ids[slot])
        return;
    int32_t *b = pool_seen_id(s, e->chat, slot, e->ids[slot]);
    e->next_id[slot] = *b;
    *b = i * POOL_SLOTS + slot;
}

static void pool_seen_link(struct pool_seen *s, int32_t i)
{
    struct pool_entry *e = &s->ring[i];
    int32_t *b = pool_seen_what(s, e->what);
    e->next_what = *b;
    *b = i;
    if (e->seq) {
        b = pool_seen_seq(s, e->chat, e->seq);
        e->next_seq = *b;
        *b = i;
    }
    for (int slot = 0; slot < POOL_SLOTS; slot++)
        pool_seen_link_id(s, i, slot);
}

static void pool_seen_unlink_id(struct pool_seen *s, int32_t i, int slot)
{
    struct pool_entry *e = &s->ring[i];
    if (!e->ids[slot])
        return;
    int32_t *at = pool_seen_id(s, e->chat, slot, e->ids[slot]);
    while (*at != i * POOL_SLOTS + slot)
        at = &s->ring[*at / POOL_SLOTS].next_id[*at % POOL_SLOTS];
    *at = e->next_id[slot];
    e->ids[slot] = 0;
}

static void pool_seen_drop_oldest(struct pool_seen *s)
{
    int32_t i = (int32_t)s->head;
    struct pool_entry *e = &s->ring[i];
    int32_t *at = pool_seen_what(s, e->what);
    while (*at != i)
        at = &s->ring[*at].next_what;
    *at = e->next_what;
    if (e->seq) {
        at = pool_seen_seq(s, e->chat, e->seq);
        while (*at != i)
            at = &s->ring[*at].next_seq;
        *at = e->next_seq;
    }
    for (int slot = 0; slot < POOL_SLOTS; slot++)
        pool_seen_unlink_id(s, i, slot);
    s->head = (s->head + 1) & (s->cap - 1);
    s->count--;
}

static int32_t *pool_seen_buckets(int32_t *old, uint32_t n)
{
    free(old);
    int32_t *b = mem_alloc(n * sizeof *b);
    memset(b, 0xFF, n * sizeof *b);
    return b;
}

static void pool_seen_grow(struct pool_seen *s)
{
    uint32_t cap = s->cap ? s->cap * 2 : POOL_SEEN_FIRST;
    struct pool_entry *ring = mem_alloc(cap * sizeof *ring);
    for (uint32_t i = 0; i < s->count; i++)
        ring[i] = s->ring[(s->head + i) & (s->cap - 1)];
    free(s->ring);
    s->ring = ring;
    s->cap = cap;
    s->head = 0;
    s->what = pool_seen_buckets(s->what, cap);
    s->seq = pool_seen_buckets(s->seq, cap);
    s->ids = pool_seen_buckets(s->ids, 2 * cap);
    for (uint32_t i = 0; i < s->count; i++)
        pool_seen_link(s, (int32_t)i);
}

static void pool_seen_make_room(struct pool_seen *s, uint32_t now_s)
{
    if (s->count < s->cap)
        return;
    while (s->count && now_s - s->ring[s->head].at_s > POOL_SEEN_KEPT_S)
        pool_seen_drop_oldest(s);
    if (s->count < s->cap)
        return;
    if (s->cap < s->max)
        pool_seen_grow(s);
    else
        pool_seen_drop_oldest(s);
}

/* ---- matching ---- */

/* May the report stand for this happening? How far apart they are in time, -1: it may not. */
static int64_t pool_seen_fits(const struct pool_entry *e, const struct pool_fact *f)
{
    if (e->what != f->what || (e->seq && f->seq))
        return -1;
    bool counted = f->batch ? e->batch == f->batch : (e->seen >> f->slot) & 1;
    if (counted)
        return -1;
    int64_t apart = e->time_s > f->time_s ? e->time_s - f->time_s : f->time_s - e->time_s;
    bool waited = (e->expected >> f->slot) & 1;
    return apart <= (int64_t)(waited ? f->waited_s : f->near_s) ? apart : -1;
}

static int32_t pool_seen_find(struct pool_seen *s, const struct pool_fact *f)
{
    if (!s->cap)
        return -1;
    if (f->seq)
        for (int32_t i = *pool_seen_seq(s, f->chat, f->seq); i >= 0; i = s->ring[i].next_seq)
            if (s->ring[i].seq == f->seq && s->ring[i].chat == f->chat)
                return i;
    int32_t best = -1;
    int64_t best_apart = INT64_MAX;
    int looked = 0;
    for (int32_t i = *pool_seen_what(s, f->what); i >= 0 && looked < POOL_SEEN_LOOK;
         i = s->ring[i].next_what) {
        const struct pool_entry *e = &s->ring[i];
        looked += e->what == f->what;
        int64_t apart = pool_seen_fits(e, f);
        if (apart < 0)
            continue;
        /* the chain has the newest first */
        if (f->oldest ? best < 0 || e->time_s <= s->ring[best].time_s : apart <= best_apart) {
            best = i;
            best_apart = apart;
        }
    }
    return best;
}

struct pool_entry *pool_seen_match(struct pool_seen *s, const struct pool_fact *f, int64_t now_ms)
{
    (void)now_ms;
    int32_t i = pool_seen_find(s, f);
    if (i < 0)
        return NULL;
    struct pool_entry *e = &s->ring[i];
    e->seen |= (uint8_t)(1u << f->slot);
    if (f->batch)
        e->batch = f->batch;
    if (f->seq && !e->seq) {
        e->seq = f->seq;
        int32_t *b = pool_seen_seq(s, e->chat, e->seq);
        e->next_seq = *b;
        *b = i;
    }
    if (f->id && e->ids[f->slot] != f->id) {
        pool_seen_unlink_id(s, i, f->slot);
        e->ids[f->slot] = f->id;
        pool_seen_link_id(s, i, f->slot);
    }
    return e;
}

static uint16_t pool_seen_nth(struct pool_seen *s, const struct pool_fact *f)
{
    uint16_t most = 0;
    int looked = 0;
    for (int32_t i = *pool_seen_what(s, f->what); i >= 0 && looked < POOL_SEEN_LOOK;
         i = s->ring[i].next_what) {
        const struct pool_entry *e = &s->ring[i];
        looked += e->what == f->what;
        if (e->what == f->what && e->time_s == f->time_s && e->nth > most)
            most = e->nth;
    }
    return (uint16_t)(most + 1);
}

struct pool_entry *pool_seen_add(struct pool_seen *s, const struct pool_fact *f, uint8_t expected,
                                 int64_t now_ms)
{
    uint32_t now_s = (uint32_t)(now_ms / 1000);
    pool_seen_make_room(s, now_s);
    int32_t i = (int32_t)((s->head + s->count) & (s->cap - 1));
    uint16_t nth = pool_seen_nth(s, f);
    struct pool_entry *e = &s->ring[i];
    *e = (struct pool_entry){.chat = f->chat,
                             .what = f->what,
                             .seq = f->seq,
                             .time_s = f->time_s,
                             .at_s = now_s,
                             .batch = f->batch,
                             .nth = nth,
                             .seen = (uint8_t)(1u << f->slot),
                             .expected = expected,
                             .first = (uint8_t)f->slot};
    e->ids[f->slot] = f->id;
    s->count++;
    pool_seen_link(s, i);
    return e;
}

struct pool_entry *pool_seen_by_id(struct pool_seen *s, uint64_t chat, int slot, int64_t id)
{
    if (!s->cap || !id)
        return NULL;
    for (int32_t at = *pool_seen_id(s, chat, slot, id); at >= 0;
         at = s->ring[at / POOL_SLOTS].next_id[at % POOL_SLOTS]) {
        struct pool_entry *e = &s->ring[at / POOL_SLOTS];
        if (at % POOL_SLOTS == slot && e->chat == chat && e->ids[slot] == id)
            return e;
    }
    return NULL;
}

void pool_seen_clear_slot(struct pool_seen *s, int slot)
{
    uint8_t keep = (uint8_t) ~(1u << slot);
    for (uint32_t k = 0; k < s->count; k++) {
        int32_t i = (int32_t)((s->head + k) & (s->cap - 1));
        pool_seen_unlink_id(s, i, slot);
        s->ring[i].seen &= keep;
        s->ring[i].expected &= keep;
    }
}
