/* seen.h -- what was seen lately: a window table of 64-bit keys, for codecs that must report an event once although the platform
 * tells it again (after a reconnect, over a second link, in other words). A ring of entries, oldest first, with a hash index;
 * it grows with use and is bounded.
 * Owned by whoever made it; callers: ob_dedupe.c and the other codecs. */
#ifndef SOPD_GATEWAY_SEEN_H
#define SOPD_GATEWAY_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seen;

/* 24 bytes: 200 busy accounts keep thousands each. */
struct seen_entry {
    uint64_t key;
    uint32_t extra;        /* the caller's own: a hash of the content, say */
    uint32_t at_s, time_s; /* seen (monotonic), the platform's time */
    int32_t next;          /* in the bucket */
};

/* At most `max` entries (rounded up to 64 times a power of two); no window that is asked for is longer than longest_s. */
struct seen *seen_new(uint32_t max, uint32_t longest_s);
void seen_free(struct seen *s);
/* Was the key there within the window? If not, it is noted now. */
bool seen_check(struct seen *s, uint64_t key, int64_t now_ms, uint32_t window_s);
/* The latest entry of that key not older than the window, NULL if there is none. Good until the next seen_add or seen_check. */
const struct seen_entry *seen_find(const struct seen *s, uint64_t key, int64_t now_ms,
                                   uint32_t window_s);
/* Notes a key, whether it is there or not. */
void seen_add(struct seen *s, uint64_t key, uint64_t extra, int64_t now_ms, int64_t time_ms);
/* What had that key was dropped unhandled: it is new when it comes again. */
void seen_forget(struct seen *s, uint64_t key, int64_t now_ms);
/* Entries and bytes that it holds now, for tests. */
size_t seen_count(const struct seen *s);
size_t seen_bytes(const struct seen *s);

#endif
