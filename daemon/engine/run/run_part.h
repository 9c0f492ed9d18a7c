/* run_part.h -- what the files about a run's part in a turn share: run_turn.c decides, run_load.c reads, run_wake.c says what it is
 * woken with. Private to them. */
#ifndef SOPD_ENGINE_RUN_PART_H
#define SOPD_ENGINE_RUN_PART_H

#include "engine/internal.h"

enum load_what { LOAD_RECORD, LOAD_PIN, LOAD_SOURCE, LOAD_PARKED };

/* A read on its way; outlives a turn that is given up. */
struct run_load {
    struct turn *t; /* NULL: nobody waits any more */
    enum load_what what;
    char *text; /* NULL: there is none */
    size_t len;
    bool done, lost;
};

/* Each sends one read and returns TURN_WAITS with t->load set, or TURN_GONE if Redis is away (the turn is put back). */
enum turn_next turn_fetch_record(struct turn *t);
enum turn_next turn_fetch_pin(struct turn *t);
enum turn_next turn_fetch_source(struct turn *t, const struct pin *p);
enum turn_next turn_fetch_parked(struct turn *t);

/* t->wake from `with`, JSON. */
void turn_set_wake(struct turn *t, const char *with);
/* t->wake from what this turn is about, unless it is set. */
void turn_make_wake(struct turn *t);

/* ---- run_call.c ---- */
/* What woke the run is no news: its question is another one, or its answer has the next turn. */
bool turn_call_stale(const struct turn *t);
/* Its flow is off: the answer is kept until due_ms. False: the turn is about something else. */
bool turn_call_keep(struct turn *t, int64_t due_ms);
/* Nobody knows what became of the question, and it may be asked once more: that follows the commit. */
bool turn_call_repeat(struct turn *t);
void wake_with_call(const struct turn *t, struct buf *out);

#endif
