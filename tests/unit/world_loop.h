/* world_loop.h -- turning the loop of a test's world. Included by a world that has world_turn(struct world *), one turn of it. */
#ifndef SOPD_TESTS_WORLD_LOOP_H
#define SOPD_TESTS_WORLD_LOOP_H

#include <stdint.h>
#include <uv.h>

static inline int64_t world_now(void)
{
    return (int64_t)(uv_hrtime() / 1000000);
}

static inline void world_flag(void *ud)
{
    *(bool *)ud = true;
}

/* Turns the loop for so long. */
static inline void world_run(struct world *w, int ms)
{
    int64_t end = world_now() + ms;
    while (world_now() < end)
        world_turn(w);
}

/* Turns the loop until the condition holds, at most 5 s. */
#define world_until(w, cond)                                         \
    do {                                                             \
        int64_t until_end = world_now() + 5000;                      \
        while (!(cond) && world_now() < until_end)                   \
            world_turn(w);                                           \
        if (!(cond))                                                 \
            fail_msg("%s:%d: never: %s", __FILE__, __LINE__, #cond); \
    } while (0)

#endif
