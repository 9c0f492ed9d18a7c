/* backoff.h -- how long to wait before the next attempt: doubled at each one, 20 % up or down at random, so that many who lost the
 * same server do not come back together.
 * A plain value inside its owner; callers: ob_link.c and the other codecs. */
#ifndef SOPD_GATEWAY_BACKOFF_H
#define SOPD_GATEWAY_BACKOFF_H

#include <stdint.h>

struct rng;

struct backoff {
    int64_t first_ms, max_ms;
    unsigned times; /* attempts since the last reset */
};

/* The pause before the next attempt, never above max_ms. rng NULL: exactly, without the random part, for attempts of which none
 * may come too soon (a token that is refused). */
int64_t backoff_next(struct backoff *b, struct rng *rng);
static inline void backoff_reset(struct backoff *b)
{
    b->times = 0;
}

#endif
