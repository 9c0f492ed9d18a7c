/* committer.h -- finished turns on their way to Redis. Part of engine/internal.h. */
#ifndef SOPD_ENGINE_TURN_COMMITTER_H
#define SOPD_ENGINE_TURN_COMMITTER_H

#include "engine/run/run.h"

void committer_add(struct turn *t);        /* a finished turn: goes with the next batch */
void committer_flush(struct engine *e);    /* end of the drain */
void committer_redis_up(struct engine *e); /* asks again what was in flight */
void committer_drop(struct gw *gw);        /* not the owner any more */
size_t committer_pending(const struct engine *e);

#endif
