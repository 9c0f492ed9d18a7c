/* crash.h -- the end of an engine as kill -9 brings it, for SOP tests: all that stays is what Redis and the platform know at that
 * moment. Callers: cli/test/test_world.c. */
#ifndef SOPD_ENGINE_CRASH_H
#define SOPD_ENGINE_CRASH_H

#include <stddef.h>

struct engine;

/* Nothing is run, committed, sent or acknowledged from here on. engine_stop (with no grace) and engine_destroy still have to
 * free what is left. Not from inside a callback of a gateway. */
void engine_die(struct engine *e);
/* Turns whose commit was sent to Redis and is not answered. To be asked between a drain and the next poll. */
size_t engine_committing(const struct engine *e);

#endif
