/* heap.h -- entries that wait to leave, the first to leave on top: by due time, then by how urgent they are, then by id. */
#ifndef SOPD_ENGINE_SEND_HEAP_H
#define SOPD_ENGINE_SEND_HEAP_H

#include <stddef.h>

struct entry;

struct heap {
    struct entry **list;
    size_t len, cap;
};

/* The one to leave first, NULL if none waits. */
struct entry *heap_first(const struct heap *h);
void heap_add(struct heap *h, struct entry *en);
/* Nothing happens if it is not in it (en->heap_at is 0). */
void heap_remove(struct heap *h, struct entry *en);
/* Its due time has changed. */
void heap_moved(struct heap *h, struct entry *en);
void heap_free(struct heap *h);

#endif
