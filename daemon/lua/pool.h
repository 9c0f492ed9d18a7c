/* pool.h -- small blocks for one Lua state: free lists by size, so that the crowds of short-lived tables, strings and threads of
 * runs do not go through malloc. What a pool has taken from the system it gives back only as a whole, with its state.
 * Caller: fence.c, which counts what is used. */
#ifndef SOPD_LUA_POOL_H
#define SOPD_LUA_POOL_H

#include <stddef.h>

enum { POOL_STEP = 16, POOL_CLASSES = 32, POOL_LARGEST = POOL_STEP * POOL_CLASSES };

struct pool_chunk;
struct pool {
    void *free[POOL_CLASSES];
    char *next, *end; /* what is left of the newest chunk */
    struct pool_chunk *chunks;
};

/* As realloc, with the old size given: p NULL = new, size 0 = free. NULL: no memory (p is as it was). */
void *pool_realloc(struct pool *pool, void *p, size_t old, size_t size);
/* Gives all small blocks back to the system. */
void pool_free(struct pool *pool);

#endif
