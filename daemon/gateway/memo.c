/* memo.c -- see memo.h. A uthash table: it keeps the order in which entries were put, so the first is the one that goes. */
#include "gateway/memo.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"

struct memo_entry {
    UT_hash_handle hh;
    int64_t put_ms;
    char *value; /* behind the key, in the same block */
    char key[];
};

struct memo {
    struct memo_entry *entries;
    uint32_t max;
    int64_t age_ms;
};

struct memo *memo_new(uint32_t max, int64_t age_ms)
{
    struct memo *m = MEM_NEW(struct memo);
    m->max = max;
    m->age_ms = age_ms;
    return m;
}

static void memo_remove(struct memo *m, struct memo_entry *e)
{
    HASH_DEL(m->entries, e);
    free(e);
}

void memo_clear(struct memo *m)
{
    struct memo_entry *e = m->entries;
    HASH_CLEAR(hh, m->entries); /* the table goes, the entries stay linked */
    while (e) {
        struct memo_entry *next = e->hh.next;
        free(e);
        e = next;
    }
}

void memo_free(struct memo *m)
{
    if (!m)
        return;
    memo_clear(m);
    free(m);
}

size_t memo_count(const struct memo *m)
{
    return HASH_COUNT(m->entries);
}

static struct memo_entry *memo_find(const struct memo *m, const char *key)
{
    struct memo_entry *e;
    HASH_FIND_STR(m->entries, key, e);
    return e;
}

const char *memo_get(struct memo *m, const char *key, int64_t now_ms)
{
    struct memo_entry *e = memo_find(m, key);
    if (!e)
        return NULL;
    if (m->age_ms && now_ms - e->put_ms >= m->age_ms) {
        memo_remove(m, e);
        return NULL;
    }
    HASH_DEL(m->entries, e); /* to the end: used last, goes last */
    HASH_ADD_STR(m->entries, key, e);
    return e->value;
}

void memo_put(struct memo *m, const char *key, const char *value, int64_t now_ms)
{
    memo_drop(m, key);
    while (HASH_COUNT(m->entries) >= m->max)
        memo_remove(m, m->entries);
    size_t klen = strlen(key) + 1, vlen = strlen(value) + 1;
    struct memo_entry *e = mem_zero(sizeof *e + klen + vlen);
    memcpy(e->key, key, klen);
    e->value = e->key + klen;
    memcpy(e->value, value, vlen);
    e->put_ms = now_ms;
    HASH_ADD_STR(m->entries, key, e);
}

void memo_drop(struct memo *m, const char *key)
{
    struct memo_entry *e = memo_find(m, key);
    if (e)
        memo_remove(m, e);
}
