/* load_stats.h -- latencies of the load generator, counted in a histogram with 1.6 % wide classes. */
#ifndef BENCH_LOAD_STATS_H
#define BENCH_LOAD_STATS_H

#include <stdint.h>

#define STATS_SUB_BITS 6 /* 64 classes between two powers of two */
#define STATS_CLASSES  ((40 - STATS_SUB_BITS) << STATS_SUB_BITS)

struct stats {
    uint64_t count;
    uint64_t sum_us;
    uint64_t max_us;
    uint32_t classes[STATS_CLASSES];
};

/* Nanoseconds of the monotonic clock. */
uint64_t stats_clock(void);

/* Microseconds of processor time this process has used so far. */
uint64_t stats_cpu_us(void);

void stats_reset(struct stats *s);

void stats_add(struct stats *s, uint64_t us);

/* The latency in microseconds below which `share` (0..1) of all lie; 0 when nothing was counted. */
uint64_t stats_quantile(const struct stats *s, double share);

#endif
