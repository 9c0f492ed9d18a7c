/* load_stats.c -- clocks and the latency histogram of the load generator.
 * Owns nothing. Called by load.c. */
#include "load_stats.h"

#include <string.h>
#include <sys/resource.h>
#include <time.h>

uint64_t stats_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t stats_cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000u +
           (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

void stats_reset(struct stats *s)
{
    memset(s, 0, sizeof(*s));
}

/* Values below 64 have a class each; above, the top 7 bits name the class. */
static unsigned class_of(uint64_t us)
{
    if (us < (1u << STATS_SUB_BITS))
        return (unsigned)us;
    unsigned shift = 63u - (unsigned)__builtin_clzll(us) - STATS_SUB_BITS;
    unsigned index = (shift << STATS_SUB_BITS) + (unsigned)(us >> shift);
    return index < STATS_CLASSES ? index : STATS_CLASSES - 1;
}

/* The middle of a class. */
static uint64_t class_value(unsigned index)
{
    if (index < (1u << STATS_SUB_BITS))
        return index;
    unsigned shift = (index >> STATS_SUB_BITS) - 1;
    uint64_t low = (uint64_t)(index - (shift << STATS_SUB_BITS)) << shift;
    return low + ((1ull << shift) >> 1);
}

void stats_add(struct stats *s, uint64_t us)
{
    s->count++;
    s->sum_us += us;
    if (us > s->max_us)
        s->max_us = us;
    s->classes[class_of(us)]++;
}

uint64_t stats_quantile(const struct stats *s, double share)
{
    if (s->count == 0)
        return 0;
    uint64_t rank = (uint64_t)(share * (double)(s->count - 1)) + 1;
    uint64_t seen = 0;
    for (unsigned i = 0; i < STATS_CLASSES; i++) {
        seen += s->classes[i];
        if (seen >= rank)
            return class_value(i);
    }
    return s->max_us;
}
