/* clock.c -- see clock.h. */
#include "base/clock.h"

#include <string.h>
#include <time.h>

enum { CLOCK_STEP_MS = 1000 };

static int64_t clock_read(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void clock_init(struct clock *c)
{
    memset(c, 0, sizeof *c);
    clock_tick(c);
}

void clock_init_virtual(struct clock *c, int64_t wall_ms)
{
    memset(c, 0, sizeof *c);
    c->frozen = true;
    c->frozen_ms = wall_ms;
    clock_tick(c);
}

void clock_tick(struct clock *c)
{
    int64_t mono = clock_read(CLOCK_MONOTONIC);
    int64_t wall = c->frozen ? c->frozen_ms : clock_read(CLOCK_REALTIME) + c->shift_ms;
    int64_t passed = c->frozen ? 0 : mono - c->mono_ms, back = c->wall_ms + passed - wall;
    if (c->mono_ms && back > CLOCK_STEP_MS)
        c->back_ms += back;
    c->mono_ms = mono;
    c->wall_ms = wall;
}

void clock_advance(struct clock *c, int64_t delta_ms)
{
    if (c->frozen)
        c->frozen_ms += delta_ms;
    else
        c->shift_ms += delta_ms;
    clock_tick(c);
}

uint64_t clock_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
