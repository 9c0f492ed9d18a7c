/* clock.h -- the daemon's time: one clock that everything asks, so that tests and the playground can turn it.
 * Wall time is milliseconds since 1970 (UTC); durations and deadlines use monotonic milliseconds.
 * Reading is cheap: the loop refreshes the values once an iteration (clock_tick). Single-threaded. */
#ifndef SOPD_BASE_CLOCK_H
#define SOPD_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct clock {
    int64_t wall_ms;  /* as of the last tick, with the shift applied */
    int64_t mono_ms;  /* as of the last tick; never shifted, never goes back */
    int64_t shift_ms; /* how far the clock was turned (virtual time); 0 in production */
    bool frozen;      /* true: wall time moves only by clock_advance (SOP tests) */
    int64_t frozen_ms;
    int64_t back_ms; /* by how much wall time was set back so far, in steps of more than a second */
};

/* A real clock. */
void clock_init(struct clock *c);
/* A virtual clock that stands still at wall_ms until it is advanced. */
void clock_init_virtual(struct clock *c, int64_t wall_ms);
/* Reads the system clocks; called once a loop iteration and after long work. */
void clock_tick(struct clock *c);
/* Turns the clock forward (or back: negative) by delta milliseconds. */
void clock_advance(struct clock *c, int64_t delta_ms);

static inline int64_t clock_wall(const struct clock *c)
{
    return c->wall_ms;
}
static inline int64_t clock_mono(const struct clock *c)
{
    return c->mono_ms;
}
/* Monotonic nanoseconds straight from the system, for measuring. */
uint64_t clock_ns(void);

#endif
