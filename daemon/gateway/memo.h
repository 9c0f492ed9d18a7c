/* memo.h -- remembers a short text for a short text for some time: the channel of a private chat, what was last known of a group.
 * At most so many; the one that was not used for longest goes first. Losing one must cost a question to the platform, never
 * more: everything durable is in Redis.
 * Owned by whoever made it; callers: the codecs. */
#ifndef SOPD_GATEWAY_MEMO_H
#define SOPD_GATEWAY_MEMO_H

#include <stddef.h>
#include <stdint.h>

struct memo;

/* At most `max` entries (1 or more), each for `age_ms` after it was put; 0 = without end. */
struct memo *memo_new(uint32_t max, int64_t age_ms);
void memo_free(struct memo *m);
/* The value, NULL if it is not known or too old. Borrowed until the next memo_put or memo_drop. */
const char *memo_get(struct memo *m, const char *key, int64_t now_ms);
void memo_put(struct memo *m, const char *key, const char *value, int64_t now_ms);
void memo_drop(struct memo *m, const char *key);
void memo_clear(struct memo *m);
size_t memo_count(const struct memo *m);

#endif
