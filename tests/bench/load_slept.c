/* load_slept.c -- see load_slept.h. Called by load.c. */
#include "load_slept.h"

#include "load_dialect.h"
#include "load_stats.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define NUMBERS (1u << 24) /* that can be told apart */

static struct {
    uint64_t count, twice, first_due_ms, last_us;
    struct stats late;
    uint8_t seen[NUMBERS / 8];
} slept;

void slept_reset(void)
{
    slept.count = slept.twice = slept.first_due_ms = slept.last_us = 0;
    stats_reset(&slept.late);
}

void slept_add(uint32_t number, uint64_t due_ms)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    uint64_t now_us = (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000;
    uint32_t bit = (number - LOAD_FIRST_NUMBER) % NUMBERS;
    if (slept.seen[bit / 8] & 1u << bit % 8) {
        slept.twice++;
        return;
    }
    slept.seen[bit / 8] |= (uint8_t)(1u << bit % 8);
    if (!slept.count || due_ms < slept.first_due_ms)
        slept.first_due_ms = due_ms;
    slept.count++;
    slept.last_us = now_us;
    stats_add(&slept.late, now_us > due_ms * 1000 ? now_us - due_ms * 1000 : 0);
}

uint64_t slept_count(void)
{
    return slept.count;
}

void slept_report(void)
{
    const struct stats *l = &slept.late;
    double seconds =
        slept.count ? (double)slept.last_us / 1e6 - (double)slept.first_due_ms / 1e3 : 0.0;
    printf("\"slept\":{\"count\":%llu,\"duplicates\":%llu,\"seconds\":%.4f,\"late_us\":"
           "{\"p50\":%llu,\"p90\":%llu,\"p99\":%llu,\"max\":%llu}},",
           (unsigned long long)slept.count, (unsigned long long)slept.twice, seconds,
           (unsigned long long)stats_quantile(l, 0.5), (unsigned long long)stats_quantile(l, 0.9),
           (unsigned long long)stats_quantile(l, 0.99), (unsigned long long)l->max_us);
}
