/* backoff.c -- see backoff.h. */
#include "gateway/backoff.h"

#include "base/hash.h"

int64_t backoff_next(struct backoff *b, struct rng *rng)
{
    int64_t ms = b->first_ms;
    for (unsigned i = 0; i < b->times && ms < b->max_ms; i++)
        ms *= 2;
    b->times++;
    if (ms > b->max_ms)
        ms = b->max_ms;
    if (!rng)
        return ms;
    ms += (int64_t)((rng_unit(rng) - 0.5) * 0.4 * (double)ms);
    return ms > b->max_ms ? 2 * b->max_ms - ms
                          : ms; /* folded back: they spread at the limit, too */
}
