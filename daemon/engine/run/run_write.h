/* run_write.h -- the writes by which runs change: each function adds them to the turn's write set (docs/redis.md: run, waits, timers,
 * pins, parked, run-keys) and notes in the turn what that makes of the run in memory. Private to run_turn.c and turn.c. */
#ifndef SOPD_ENGINE_RUN_WRITE_H
#define SOPD_ENGINE_RUN_WRITE_H

#include "engine/internal.h"

/* The handler that runs has parked: a new record, or more lines of it. */
void run_write_parked(struct turn *t, const struct host_outcome *out);
void run_write_over(struct turn *t, struct run *run);
/* c:continue: t->run (made, if the handler was none yet) becomes a run on the newest version without a journal. NULL or why not. */
const char *run_write_again(struct turn *t, const char *args);
/* It begins in a turn of its own. */
void run_write_later(struct turn *t, struct run *run);
/* Stuck or failed. */
void run_write_aside(struct turn *t, struct run *run, const char *status, const char *flow,
                     const char *error);
void run_write_retry(struct turn *t, struct run *run);
void run_write_gathered(struct turn *t, struct run *run, const struct buf *json);
/* Its timer comes at due_ms instead. */
void run_write_timer(struct turn *t, struct run *run, int64_t due_ms);
/* The record with another pin. */
void run_write_moved(struct turn *t, struct run *run, struct pin *p);
/* What pointed at a run that is not there. */
void run_write_missing(struct turn *t, const char *id);
/* What woke it is nothing it waits for. */
void run_write_stale(struct turn *t, struct run *run);

#endif
