/* input.h -- what a chat takes in, one after the other: events, schedules, timers, wakes of runs; and what a handler sees of its cause. Part of engine/internal.h. */
#ifndef SOPD_ENGINE_TURN_INPUT_H
#define SOPD_ENGINE_TURN_INPUT_H

#include "engine/parts.h"

enum input_kind { INPUT_EVENT, INPUT_SCHEDULE, INPUT_TIMER, INPUT_RUN, INPUT_SAY };
/* Why a run gets a turn without an event: its time has come, its message was sent (or not), somebody ends it, an admin tries a
 * parked one again or moves it to the newest version, what it asked outside is answered, nobody knows what became of that. */
enum run_why { RUN_DUE, RUN_SENT, RUN_CANCEL, RUN_RETRY, RUN_MIGRATE, RUN_ANSWER, RUN_ASK };

/* What an event is worth to its chat, found out when a queue is full: shed.c. */
enum input_worth { WORTH_UNKNOWN, WORTH_NOTHING, WORTH_PLAIN, WORTH_STAYS };

struct input {
    struct input *next;
    struct input *older, *newer; /* events of the gateway that may be shed */
    struct chat *queued_in;      /* NULL: not in a queue */
    uint32_t size;               /* bytes, about; while it is in a queue */
    uint8_t listed;              /* in which list of struct shed, plus 1 */
    enum input_worth worth;
    enum input_kind kind;
    struct event *event; /* EVENT */
    char *flow;          /* SCHEDULE, TIMER */
    char *name; /* TIMER: handler name; SCHEDULE: "HH:MM"; RUN: the run's id; SAY: what names it */
    char *key, *args,
        *user; /* TIMER; key of SCHEDULE: id of its handler; args of RUN_SENT: what the wait returns, JSON; args of EVENT: a
                * command's */
    struct command *command; /* EVENT: of an outside system; the event is made from it */
    char *id;                /* TIMER, RUN_DUE: its id in Redis; else NULL */
    uint64_t
        serial; /* TIMER: tells a timer from its replacement; SCHEDULE: the local day; RUN: outbox id or a number */
    int handler;      /* SCHEDULE */
    int64_t due_ms;   /* SCHEDULE, TIMER, RUN_DUE */
    enum run_why why; /* RUN */
    int64_t late_ms;  /* SAY: not sent later than this after due_ms; its text is args (say.h) */
    bool drop;        /* SAY: not sent a second time when its outcome stays unknown */
    bool dry;         /* RUN_MIGRATE: only look */
    int tries;        /* how often Redis was lost under it */
    bool repeat;      /* EVENT: was handled under another key; only its identity is recorded */
    /* RUN_CANCEL, RUN_RETRY, RUN_MIGRATE by an admin: told once how it went */
    void (*told)(void *ud, enum run_fit fit, const char *text);
    void *told_ud;
};
struct input *input_event(struct event *e);
void input_free(struct input *in);
/* The identity of the turn that this input causes, and the day (UTC) of the set that remembers it. */
uint64_t input_hash(const struct input *in, const char *chat, int64_t *day, bool *own_time);

/* Answers the admin who asked for it, if one did and was not answered yet. */
void input_tell(struct input *in, enum run_fit fit, const char *text);

enum { TURN_ANSWER_LATE_MS = 120000 }; /* an answer that comes later than this is none */

/* What started a handler: what its context shows. For a run this is its first input, not the one that woke it. */
struct cause {
    enum turn_cause kind;
    const struct event *event;      /* EVENT */
    const char *user, *word, *rest; /* "" if none */
    const char *name;               /* START: of the user; NULL or "" if not known */
    bool answers;                   /* START: by what a member said or did just then */
    bool refused;            /* EVENT: its words are a command for staff, and the speaker is none */
    const char *args;        /* JSON, "" if none */
    int64_t due_ms;          /* SCHEDULE, TIMER */
    int64_t time_ms, now_ms; /* of that turn */
};

#endif
