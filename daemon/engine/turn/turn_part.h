/* turn_part.h -- a turn from its first handler to the answer of its commit: what the files of turn/ and run/ share. Part of engine/internal.h. */
#ifndef SOPD_ENGINE_TURN_TURN_PART_H
#define SOPD_ENGINE_TURN_TURN_PART_H

#include "engine/route/route.h"
#include "engine/tally/tally.h"

struct turn_out {
    struct turn_out *next;
    struct message *message;
    uint64_t id; /* outbox id, given when it is committed */
    int64_t not_before_ms, latest_ms;
    int64_t delay_ms; /* answer of the commit; below 0: enum out_shed */
    const char *shed; /* why the breaker keeps it back, or a quota; NULL: nothing does */
    int attention;    /* what its playbook says of the attention of members: struct playbook */
    int unmentioned;  /* members whose mention became a plain name, for that is used up */
};

/* Why the commit shed a message. */
enum out_shed { OUT_LATE = -1, OUT_QUOTA = -2, OUT_ATTENTION = -3 };

struct turn_timer_op {
    struct turn_timer_op *next;
    char *chat; /* where it runs */
    char *id;
    int64_t due_ms; /* < 0: cancelled */
};

/* What follows a commit: opting out in the mirror, toggles in their own keys, runs that may not be woken any more. Newest
 * first. */
enum after_kind {
    AFTER_OPT_OUT,
    AFTER_OPT_IN,
    AFTER_TOGGLE,
    AFTER_PAUSE,
    AFTER_RUN_GONE,
    AFTER_FORGET,
    AFTER_HOME,
    AFTER_EXPERIMENT
};
struct turn_after {
    struct turn_after *next;
    enum after_kind kind;
    char *
        what; /* user, flow ("*": all), id of a run of this chat; HOME: a private chat; EXPERIMENT: its name */
    char *chat,
        *value; /* TOGGLE, PAUSE: "" = the gateway; NULL removes it. EXPERIMENT: what it is */
    char *by;   /* the same: who */
};

/* A run that this turn has moved: kept if the turn is committed, forgotten (it is as Redis has it) if not. */
struct turn_run {
    struct turn_run *next;
    struct run *run;
    bool over; /* it has ended, or waits for nothing but an admin */
};

struct turn_act {
    struct turn_act *next;
    struct gateway_request *request; /* owned, until its message takes it over */
    const char *flow;
    int64_t until_ms;        /* given up when it cannot be done before */
    uint64_t id;             /* outbox id, given when it is committed */
    struct message *message; /* from then until the answer of the commit */
};

/* The state of a write set before a handler began. */
struct turn_mark {
    size_t ops_len;
    unsigned nops, nargs, nouts;
    struct turn_after *after;
    struct turn_timer_op *timers;
    struct turn_act **acts_tail;
    struct rng rng; /* what starts over draws the same */
    struct tally_count *counts;
};

struct turn {
    struct engine *e;
    struct gw *gw;
    struct chat *chat;
    struct input *input;
    struct route *routes, *at; /* the handlers, and the one that runs */
    struct routes *held;       /* keeps the bindings of `routes` alive */
    void *handler;             /* the host's */
    struct turn_mark mark;     /* before the handler that runs */
    bool on_ready;             /* on the engine's ready list */
    struct turn *ready_next;
    bool commanded;            /* a command of the message has run */
    struct cause own;          /* from the input */
    const struct cause *cause; /* of the handler that runs: &own, or its run's */
    bool replaying;            /* the handler is brought back: its time is the cause's */
    char run_id[17];           /* of the handler that runs */
    unsigned started;          /* runs started by this turn: their ids count on */
    struct run *run;           /* that is being woken by the route `at` */
    bool pinned;               /* it stores pins */
    unsigned again;            /* runs that continued in it */
    bool gathered;             /* the event was added to that run */
    enum run_fit tell;         /* the answer to an admin, once this is committed */
    char *tell_text;
    struct run_load *load; /* an answer about it is awaited */
    char *wake;            /* what it is woken with, JSON {"now","time","with"} */
    struct turn_run *runs; /* moved by this turn */
    uint64_t hash;
    int64_t day;
    bool own_time;
    struct rng rng;
    int64_t now_ms, time_ms;
    uint64_t started_ns;
    struct buf ops; /* RESP bulk strings: argc, words ... for each write */
    unsigned nops, nargs;
    struct turn_out *outs, **outs_tail;
    unsigned nouts;
    struct turn_timer_op *timers;
    struct turn_act *acts, **acts_tail;
    struct claim *claims;       /* claims.c */
    struct turn_after *after;   /* done when it is committed */
    unsigned nsettings;         /* toggles and pauses among them */
    struct tally_count *counts; /* newest first: tally.h */
    unsigned ntally;            /* so many of the writes are for that */
    bool only_counts;           /* and there is nothing else */
    struct buf args_buf;
    struct turn *next; /* in a flight, or on the gw's list of finished turns */
};

/* Starts the chat's next input. */
void turn_begin(struct chat *c);
/* Goes on after an answer. */
void turn_continue(struct turn *t);
/* Works off the commit's answer. again: it was asked a second time, so a duplicate may be our own first try. */
enum commit_status { COMMIT_DONE, COMMIT_DUPLICATE, COMMIT_REFUSED };
void turn_committed(struct turn *t, enum commit_status status, const char *text, bool again);
/* Ends a turn without a commit; again = put its input back in front. */
void turn_abort(struct turn *t, bool again);
/* Ends a turn that changed nothing. */
void turn_finish_empty(struct turn *t);
void turn_free(struct turn *t);
void turn_add_after(struct turn *t, enum after_kind kind, const char *what);
/* What a handler adds is undone to the mark made before it when it fails. */
void turn_mark(struct turn *t, struct turn_mark *m);
void turn_undo(struct turn *t, const struct turn_mark *m);
/* A message to the staff chat from the engine itself (not from a script). */
void turn_tell_staff(struct turn *t, const char *text);
bool turn_is_empty(const struct turn *t);
/* turn_late.c: is it too late for that message, because of the time of what caused it? */
struct turn_message;
bool turn_stale(const struct turn *t, const struct turn_message *m, const char *chat);
/* claims.c: what the turn has claimed is free again. */
void claims_release(struct turn *t);
/* turn_send.c: what the gateway needs to answer, in that chat, the newest event that reached the handler (event.ref), of a run the one
 * that woke it last; "" nothing, or too long ago for what is no `answer` (5 min). */
const char *turn_ref(const struct turn *t, const char *chat, bool answer);
/* turn_staff.c: toggles and pauses, after the commit. */
void turn_apply_settings(struct turn *t);
/* Before the commit: notes them in it. */
void turn_note_settings(struct turn *t);
/* Those of earlier commits that were not made. */
void settings_owed(struct gw *gw);

#endif
