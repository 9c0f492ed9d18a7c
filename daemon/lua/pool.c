/* pool.c -- see pool.h. Larger blocks are malloc's, and so are all where a sanitizer wants to see each of them. */
#include "lua/pool.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { POOL_CHUNK = 65536 };

#if defined(__SANITIZE_ADDRESS__)
#define POOL_SMALL 0
#else
#define POOL_SMALL POOL_LARGEST
#endif

struct pool_chunk {
    struct pool_chunk *next;
    size_t pad; /* blocks are aligned as malloc's are */
};

static size_t pool_class(size_t size)
{
    return (size - 1) / POOL_STEP;
}

static void *pool_take(struct pool *pool, size_t class)
{
    void *p = pool->free[class];
    if (p) {
        memcpy(&pool->free[class], p, sizeof p);
        return p;
    }
    size_t size = (class + 1) * POOL_STEP;
    if ((size_t)(pool->end - pool->next) < size) {
        struct pool_chunk *c = mem_alloc(POOL_CHUNK); /* never NULL: Lua relies on shrinking */
        c->next = pool->chunks;
        pool->chunks = c;
        pool->next = (char *)(c + 1);
        pool->end = (char *)c + POOL_CHUNK;
    }
    p = pool->next;
    pool->next += size;
    return p;
}

static void pool_give(struct pool *pool, void *p, size_t class)
{
    memcpy(p, &pool->free[class], sizeof p);
    pool->free[class] = p;
}

static void pool_drop(struct pool *pool, void *p, size_t old)
{
    if (p && old && old <= POOL_SMALL)
        pool_give(pool, p, pool_class(old));
    else
        free(p);
}

void *pool_realloc(struct pool *pool, void *p, size_t old, size_t size)
{
    bool was_small = p && old && old <= POOL_SMALL, small = size && size <= POOL_SMALL;
    if (!size) {
        pool_drop(pool, p, old);
        return NULL;
    }
    if (!was_small && !small)
        return realloc(p, size);
    if (was_small && small && pool_class(old) == pool_class(size))
        return p;
    void *q = small ? pool_take(pool, pool_class(size)) : malloc(size);
    if (q && p) {
        memcpy(q, p, old < size ? old : size);
        pool_drop(pool, p, old);
    }
    return q;
}

void pool_free(struct pool *pool)
{
    while (pool->chunks) {
        struct pool_chunk *next = pool->chunks->next;
        free(pool->chunks);
        pool->chunks = next;
    }
    memset(pool, 0, sizeof *pool);
}
