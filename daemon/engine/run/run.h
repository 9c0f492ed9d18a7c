/* run.h -- runs: in memory, as records, what they wait for, and the versions that they are pinned to. Part of engine/internal.h. */
#ifndef SOPD_ENGINE_RUN_RUN_H
#define SOPD_ENGINE_RUN_RUN_H

#include "engine/turn/turn_part.h"

/* A version of a flow with its parameters, as runs are pinned to it. */
struct pin {
    char id[17];
    char *flow;
    char version[17];
    struct cJSON *params; /* without texts */
    bool stored;          /* Redis has it, as far as we know */
    bool used;            /* since unused ones were looked for last */
    UT_hash_handle hh;
};

enum run_awaits {
    AWAITS_NOTHING,
    AWAITS_ANSWER,
    AWAITS_TIME,
    AWAITS_EVENTS,
    AWAITS_SENT,
    AWAITS_HTTP
};
/* Of the `kind` in a wait spec. */
enum run_awaits run_awaits_of(const char *kind);

/* A run in memory. Its record is in Redis; this may be forgotten at any time between turns. */
struct run {
    struct gw *gw;
    char id[17];
    char *chat;
    char *head; /* first line of the record: what points into it, unescaped in place */
    char pin[17];
    const char *on, *key; /* into head: its handler, what c:start named it by ("" nothing) */
    struct cause cause;   /* points into head, first and args */
    struct event *first;
    char *args;
    char *
        ref; /* of the newest event that woke it (event.ref), and when that was (wall); NULL: that of `first`, if any */
    int64_t ref_ms;
    int gen;
    bool fresh;         /* started, and its handler has not run yet */
    struct buf journal; /* the other lines, while there is no coroutine */
    struct coro *parked;
    struct binding *binding; /* of the coroutine */
    uint64_t generation;     /* of the engine when the coroutine was made */
    char *wait;              /* the spec of what it waits for, JSON; NULL: for its start */
    enum run_awaits awaits;  /* of the spec: its kind, */
    int64_t wanted_ms;       /* its due (0 = none), */
    unsigned gather_max;     /* its max */
    bool listed;             /* in waits:<chat> */
    bool outside;            /* in http: it waits for an answer from outside, */
    bool asks;               /* which is asked for when this turn is committed */
    int64_t asked_ms;    /* the platform's time of the message that it waits after; 0: after none */
    int64_t due_ms;      /* 0 = no timer */
    unsigned wakes;      /* of this round: with it a turn that its timer causes has an identity */
    struct buf gathered; /* JSON objects with commas */
    unsigned ngathered;
    bool busy;       /* in a turn */
    int64_t used_ms; /* monotonic */
    UT_hash_handle hh;
};

struct run *run_find(struct gw *gw, const char *id);
/* A record from Redis as a run in memory; NULL with why if it cannot be read. */
struct run *run_read(struct gw *gw, const char *id, const char *text, size_t len, const char **why);
/* A handler that parks for the first time. chat NULL: the header says it. */
struct run *run_new(struct gw *gw, const char *id, const char *chat);
/* What it waits for from now on. False: the spec cannot be read. */
bool run_set_wait(struct run *run, const char *spec, size_t len);
/* Its header (without the newline), and with it its cause. False: it cannot be read, and the run is as it was. */
bool run_set_head(struct run *run, const char *head, size_t len);
/* An event woke it, or was gathered: how that is answered; "" changes nothing. */
void run_set_ref(struct run *run, const char *ref, int64_t now_ms);
void run_touch(struct run *run); /* the last to be evicted */
void run_forget(struct run *run);
void run_key(const struct gw *gw, struct buf *out, const char *id);
void runs_evict(struct gw *gw, bool all);
void runs_free(struct gw *gw);
/* The timer of a run is due: queues its wake. member: its id in `timers`. Two times mean that c:cancel ends it: with its key, or
 * without (the key is another run's by now). */
enum { RUN_END = 0, RUN_END_KEYLESS = 1 };
void run_due(struct gw *gw, const char *member, const char *id, const char *chat, int64_t due_ms);
/* What it waited for in `sent` is known: error NULL = sent with that message id. `run` is "<id>|<chat>". */
void run_sent(struct gw *gw, const char *run, uint64_t entry, const char *message_id,
              const char *error);

/* pins.c */
/* The pin of a binding (cached in it). */
struct pin *pin_of(struct gw *gw, struct binding *b);
struct pin *pin_find(struct gw *gw, const char *id);
struct pin *pin_read(struct gw *gw, const char *id, const char *json, size_t len);
/* Writes that a run of that pin begins (n = 1) or ends (-1) into the turn. f may be NULL for -1. */
void pin_count(struct turn *t, struct pin *p, struct flow *f, int n);
void pin_count_id(struct turn *t, const char *id, int n);
/* Pins that this turn meant to store may not be stored: they are written again when needed. */
void pins_unsure(struct turn *t);
/* A loaded flow of that version: the one that is served, or a kept one; NULL: it must be loaded. Borrowed. */
struct flow *version_find(struct engine *e, const struct binding *current, const char *flow,
                          const char *version);
/* Loads it from its stored source; NULL with err. Borrowed. */
struct flow *version_load(struct engine *e, const struct binding *current, const char *flow,
                          const char *version, const char *source, size_t len, struct buf *err);
void versions_free(struct engine *e, bool all);
void source_key(const struct gw *gw, struct buf *out, const char *flow, const char *version);
void pin_key(const struct gw *gw, struct buf *out, const char *id);
/* A binding for a run: its flow version, pinned values, today's texts and playbook. A new reference. */
struct binding *pin_bind(struct engine *e, const struct pin *p, struct flow *f,
                         struct binding *current);
void pins_round(struct gw *gw);
void pins_free(struct gw *gw);

/* waits.c */
/* True if the chat's waits are known; else they are asked for, and the chat is woken when they come. */
bool waits_ready(struct chat *c);
/* Puts what the event wakes in front of the handlers that it reaches; takes and returns the list. */
struct route *waits_match(struct chat *c, const struct event *ev, struct route *handlers);
void waits_json(const struct run *run, struct buf *out); /* its value in waits:<chat> */
void waits_put(struct chat *c, const struct run *run);
void waits_remove(struct chat *c, const char *id);
void waits_forget(struct chat *c);
void waits_key(const struct gw *gw, struct buf *out, const char *chat);

/* run_turn.c */
enum turn_next { TURN_WAITS, TURN_GONE, TURN_NEXT, TURN_ENDS };
/* The route `at` of the turn is about a run: goes on with it as far as it gets. */
enum turn_next turn_run_step(struct turn *t);
/* What follows from a handler's outcome (turn_run.c). */
enum turn_next turn_judge(struct turn *t, const struct host_outcome *out);
/* The handler that runs parked: its record, wait and timer join the turn. */
void turn_run_parked(struct turn *t, const struct host_outcome *out);
/* The handler that runs has ended: its run, if it is one, is over, or begins anew (out->again). */
enum turn_next turn_run_over(struct turn *t, const struct host_outcome *out);
/* It failed: it waits for an admin. */
void turn_run_failed(struct turn *t, const struct host_outcome *out);
void turn_runs_committed(struct turn *t);
void turn_runs_forget(struct turn *t);
/* The turn was committed before: by its own lost try, or long ago. Its runs are read anew. */
void turn_runs_unsure(struct turn *t);
void turn_load_drop(struct turn *t);
/* A run of this chat that c:cancel ended in this turn. */
void turn_run_gone(struct turn *t, const char *id);

#endif
