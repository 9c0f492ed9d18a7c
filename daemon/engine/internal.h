/* internal.h -- the structures the files of engine/ share; nobody else includes it.
 * Ownership: engine owns gws; a gw owns its chats, outbox entries and timers; a chat owns its queued inputs and its one
 * running turn; a turn owns its input, write set and messages until the commit's answer has been worked off. */
#ifndef SOPD_ENGINE_INTERNAL_H
#define SOPD_ENGINE_INTERNAL_H

#include <uthash.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "engine/engine.h"
#include "engine/inbox/command.h"
#include "engine/send/message.h"
#include "engine/turn/turn.h"
#include "store/settings.h"

struct cJSON;
struct chat;
struct gw;
struct routes;
struct flight;
struct forget;
struct import;
struct run;
struct run_load;
struct wait;
struct call;

enum { CHAT_TRAFFIC = 60, CHAT_TRAFFIC_MS = 10000 };
enum { PAUSE_FAILURES = 5, PAUSE_WINDOW_MS = 60000, PAUSE_MS = 600000 };

/* ---- inputs ---- */

enum input_kind { INPUT_EVENT, INPUT_SCHEDULE, INPUT_TIMER, INPUT_RUN };
/* Why a run gets a turn without an event: its time has come, its message was sent (or not), somebody ends it, an admin tries a
 * parked one again or moves it to the newest version, what it asked outside is answered, nobody knows what became of that. */
enum run_why { RUN_DUE, RUN_SENT, RUN_CANCEL, RUN_RETRY, RUN_MIGRATE, RUN_ANSWER, RUN_ASK };

struct input {
    struct input *next;
    enum input_kind kind;
    struct event *event; /* EVENT */
    char *flow;          /* SCHEDULE, TIMER */
    char *name;          /* TIMER: handler name; SCHEDULE: "HH:MM"; RUN: the run's id */
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
    bool dry;         /* RUN_MIGRATE: only look */
    int tries;        /* how often Redis was lost under it */
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

/* ---- chats ---- */

enum waits_state { WAITS_UNKNOWN, WAITS_LOADING, WAITS_LOADED };

struct chat {
    struct gw *gw;
    char *key;
    char *name; /* "" unknown */
    struct input *first, **tail;
    unsigned queued;
    struct turn *turn; /* running or committing */
    struct routes *routes;
    uint64_t routes_generation;
    int64_t last_ms; /* monotonic: when it was last used */
    bool ready;      /* on the gw's ready list */
    struct chat *ready_next;
    struct pause *pauses;
    uint16_t traffic[CHAT_TRAFFIC]; /* messages per 10 s, by time / 10 s modulo the size */
    int64_t traffic_at;             /* the last step counted */
    struct wait *waits;             /* runs of this chat that wait for events: waits.c */
    unsigned nwaits, waits_cap;
    enum waits_state waits_state;
    UT_hash_handle hh;
};

struct pause {
    struct pause *next;
    char *flow;
    int64_t failures[PAUSE_FAILURES]; /* monotonic times, ring */
    int at;
    int64_t until_ms; /* monotonic; 0 = not paused */
};

/* A chat that is known to exist (roster, registry) whether in memory or not. */
struct known {
    char *key;
    char *name;
    bool caught_up; /* schedules that it missed were offered */
    struct routes *routes;
    uint64_t routes_generation;
    UT_hash_handle hh;
};

struct chat *chat_get(struct gw *gw, const char *key, bool create);
void chat_push(struct chat *c, struct input *in); /* takes in; sheds it when the queue is full */
void chat_push_front(struct chat *c, struct input *in); /* after Redis was lost under its turn */
void chat_wake(struct chat *c); /* onto the ready list if it has something to do */
void chat_drop_timer(struct chat *c,
                     const char *id); /* a queued timer input that was replaced or cancelled */
bool chat_flow_paused(const struct chat *c, const char *flow);
/* Counts a failure; true when this one paused the flow. */
bool chat_count_failure(struct chat *c, const char *flow);
void chat_note_message(struct chat *c);
int64_t chat_traffic(const struct chat *c, int64_t window_ms);
void chat_evict(struct gw *gw);
void chat_free(struct chat *c);
void known_set(struct gw *gw, const char *chat, const char *name, bool store);
void known_remove(struct gw *gw, const char *chat);
const char *known_name(const struct gw *gw, const char *chat);

/* ---- routes: what runs in a chat ---- */

/* START a handler; WAKE a run with what it waited for; GATHER: one more for a run that collects; END a run. */
enum route_kind { ROUTE_START, ROUTE_WAKE, ROUTE_GATHER, ROUTE_END };

struct route {
    struct route *next;
    enum route_kind kind;
    char run[17];            /* not START: whose */
    bool last;               /* WAKE: nobody else sees the event */
    struct binding *binding; /* borrowed from routes->bindings, or from the run */
    const struct handler *handler;
    size_t word_len; /* COMMAND: length of the matched word in the folded text */
    const char *word;
    bool ran;            /* its handler was started or woken */
    const char *skipped; /* a command that was not obeyed: why; static text */
};

struct routes;
/* The routes of a chat as of now (rebuilt when playbooks or settings changed). */
struct routes *routes_of(struct chat *c);
struct routes *routes_retain(struct routes *r);
void routes_release(struct routes *r);
/* The handlers for an input, in order, as a fresh list in out (the caller frees it with routes_free_list). */
struct route *routes_match(struct chat *c, const struct input *in);
void routes_free_list(struct route *list);
/* The role of a user for one binding in a chat: the highest that configuration, playbook and Redis give there. */
enum role routes_role(struct chat *c, const struct binding *b, const char *user,
                      const char *platform_role);
/* May this user start the handler here? */
bool routes_may(struct chat *c, const struct binding *b, const struct handler *h, const char *user,
                const char *platform_role);
void staff_free(struct engine *e);
struct binding *routes_binding(struct chat *c, const char *flow);
/* The same for a chat that need not be in memory; valid until playbooks or settings change. */
struct binding *routes_binding_in(struct gw *gw, const char *chat, const char *flow);
/* What decided whether a flow is on. */
struct flow_why {
    const char
        *word; /* "playbook", "toggle", "paused" (by an admin), "failing" (paused after failures) */
    struct settings_value value; /* toggle, paused: where that stands in Redis */
};
/* On now, here? `why` may be NULL. */
bool routes_flow_on(struct chat *c, const struct binding *b, struct flow_why *why);
/* The effective tags of a chat, strongest first, separated by commas; valid until the next call. tags.c */
const char *tags_of(const struct gw *gw, const char *chat, const char *name);
/* The rule of the configuration by which a chat with the tags `all` has that tag; NULL: none. */
const struct tag_rule *tags_rule(const struct gw *gw, const char *chat, const char *name,
                                 const char *all, const char *tag);
/* Where the settings of a chat are looked up; valid until playbooks or settings change. */
struct settings_place routes_place(struct chat *c);
void routes_each(struct chat *c, void (*fn)(void *ud, struct binding *b), void *ud);
void routes_clear_cache(struct engine *e);
/* Does any flow run in this chat? */
bool routes_lookup_any(struct gw *gw, const char *chat, const char *name);

/* ---- turns ---- */

struct turn_out {
    struct turn_out *next;
    struct message *message;
    uint64_t id; /* outbox id, given when it is committed */
    int64_t not_before_ms, latest_ms;
    int64_t delay_ms; /* answer of the commit; -1 shed */
};

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
    AFTER_FORGET
};
struct turn_after {
    struct turn_after *next;
    enum after_kind kind;
    char *what;         /* user, flow ("*": all), or id of a run of this chat */
    char *chat, *value; /* TOGGLE, PAUSE: "" = the gateway; NULL removes it */
    char *by;           /* the same: who */
};

/* A run that this turn has moved: kept if the turn is committed, forgotten (it is as Redis has it) if not. */
struct turn_run {
    struct turn_run *next;
    struct run *run;
    bool over; /* it has ended, or waits for nothing but an admin */
};

struct turn_act {
    struct turn_act *next;
    struct gateway_request request; /* strings owned */
};

/* The state of a write set before a handler began. */
struct turn_mark {
    size_t ops_len;
    unsigned nops, nargs, nouts;
    struct turn_after *after;
    struct turn_timer_op *timers;
    struct turn_act **acts_tail;
    struct rng rng; /* what starts over draws the same */
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
    struct turn_after *after; /* done when it is committed */
    unsigned nsettings;       /* toggles and pauses among them */
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
/* What a handler adds is undone to the mark made before it when it fails. */
void turn_mark(struct turn *t, struct turn_mark *m);
void turn_undo(struct turn *t, const struct turn_mark *m);
/* A message to the staff chat from the engine itself (not from a script). */
void turn_tell_staff(struct turn *t, const char *text);
bool turn_is_empty(const struct turn *t);
/* turn_staff.c: toggles and pauses, after the commit. */
void turn_apply_settings(struct turn *t);
/* Before the commit: notes them in it. */
void turn_note_settings(struct turn *t);
/* Those of earlier commits that were not made. */
void settings_owed(struct gw *gw);

/* ---- runs: run.c (what is in memory, the record), run_turn.c (their part of a turn), waits.c, pins.c ---- */

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

/* ---- commits ---- */

void committer_add(struct turn *t);        /* a finished turn: goes with the next batch */
void committer_flush(struct engine *e);    /* end of the drain */
void committer_redis_up(struct engine *e); /* asks again what was in flight */
void committer_drop(struct gw *gw);        /* not the owner any more */
size_t committer_pending(const struct engine *e);

/* ---- what outside systems ask for: inbox.c reads it, command_turn.c does it ---- */

/* Begins to read the stream of commands (once); it needs ownership, and waits until the gateway is loaded. */
void inbox_start(struct gw *gw);
void inbox_run(struct gw *gw); /* asks for more if there is room */
void inbox_flush(struct gw *gw);
bool inbox_quiet(const struct gw *gw); /* nothing read is still to be done */
/* Ends its connection; done may be NULL. */
void inbox_stop(struct gw *gw, void (*done)(void *ud), void *ud);
void inbox_free(struct gw *gw);
/* Moves an entry to the dead letters. op: its name, "?" if it has none. */
void inbox_dead(struct gw *gw, const char *op, const char *entry, const char *reason);
/* Counts and logs that it went there. */
void inbox_note_dead(struct gw *gw, const char *op, const char *entry, const char *reason);
/* Takes an entry out of the stream of which nothing is to be applied. */
void inbox_drop(struct gw *gw, const struct command *c);
/* Writes what the command of this turn asks for. Before any handler runs. */
void command_begin(struct turn *t);
/* A handler of the turn failed. */
void command_failed(struct turn *t, const char *error);
/* The commit was answered. */
void command_committed(struct turn *t, enum commit_status status, const char *text, bool again);
/* The handler that a trigger is for, in this chat; NULL: there is none. */
struct route *command_routes(struct chat *chat, const struct command *c);

/* ---- emit.c: business events ---- */

enum { STREAM_LENGTH = 1000000, STREAM_DEAD_LENGTH = 100000 };
/* sopd:<kind>:{<gateway>}, the keys that outside systems use. */
void gw_stream_key(const struct gw *gw, struct buf *out, const char *kind);
/* Events of this turn: a flow failed so often that it is paused here; a run cannot go on. */
void turn_tell_failure(struct turn *t, const char *name, const char *error, int64_t minutes);
void turn_tell_run(struct turn *t, const char *name, const char *flow, const char *error);
/* Tells an event that no turn causes. name: a literal; data: a JSON object. */
void gw_tell(struct gw *gw, const char *name, const char *data);
/* Link or account has changed, perhaps. */
void news_state(struct gw *gw, const char *reason);
void news_round(struct gw *gw);
void news_run(struct gw *gw); /* hands to Redis what waits */
void news_free(struct gw *gw);

/* ---- outbox and pacer ---- */

/* ASKING: @all, and the gateway is asked whether any is left today. */
enum entry_state { ENTRY_QUEUED, ENTRY_ASKING, ENTRY_MARKING, ENTRY_WRITTEN, ENTRY_UNKNOWN };
enum at_all { AT_ALL_UNASKED, AT_ALL_ALLOWED, AT_ALL_DENIED };

struct entry {
    uint64_t id;
    struct message *message;
    enum entry_state state;
    int64_t due_ms; /* wall */
    bool marked;    /* recorded in Redis as about to be written */
    bool fresh;     /* its send time was now and its policy is resend: no mark needed */
    enum at_all at_all;
    bool settled; /* history was asked already */
    bool echoed;  /* our own message was seen before the answer to the send */
    bool restart; /* found in Redis at the start */
    bool
        doubt; /* so, and it may have left: later ones of its chat wait for it, to keep their order */
    bool behind; /* waits for one in doubt */
    bool killed; /* held by the kill switch */
    bool absent; /* the chat's history was read wholly, and it was not in it */
    int resends;
    size_t heap_at; /* position + 1 in the heap; 0 = not there */
    int64_t written_ms;
    int64_t settle_at_ms; /* UNKNOWN: when to decide */
    UT_hash_handle hh;
};

void outbox_load(struct gw *gw); /* at the start: what was committed and not acknowledged */
void outbox_add(struct gw *gw, uint64_t id, struct message *m, int64_t delay_ms);
void outbox_recover(struct gw *gw, uint64_t id,
                    struct message *m); /* a duplicate of our own: was it ours? */
void outbox_sent(struct gw *gw, uint64_t ticket, const struct send_result *r);
void outbox_own_message(struct gw *gw, const struct event *e);
void outbox_done(struct gw *gw, struct entry *en, const char *outcome, const char *reason);
void outbox_flush_acks(struct gw *gw);
/* The chat's history was read: what is still unknown is not in it. */
void outbox_caught_up(struct gw *gw, const char *chat, bool whole);
/* When to look again at an entry that must wait for an earlier one of its chat in doubt; 0: it need not. */
int64_t outbox_behind(struct gw *gw, struct entry *en, int64_t now);
void outbox_settle_due(struct gw *gw); /* decides about unknown entries */
void outbox_chat_gone(struct gw *gw, const char *chat);
void outbox_link_lost(struct gw *gw);
void outbox_print_id(uint64_t id, char out[40]);
bool outbox_parse_id(const char *s, uint64_t *id);
void outbox_free(struct gw *gw);
void pacer_add(struct gw *gw, struct entry *en);
void pacer_remove(struct gw *gw, struct entry *en);
void pacer_release(struct gw *gw,
                   const char *chat); /* what waited for one in doubt is looked at again */
void pacer_release_killed(struct gw *gw);
void pacer_run(struct gw *gw); /* writes what is due */
void pacer_outcome(struct gw *gw, const struct send_result *r, const struct entry *en);
int64_t pacer_next(const struct gw *gw);
void pacer_hold_chat(struct gw *gw, const char *chat, int64_t until_ms);
void pacer_event(struct gw *gw, const struct event *e); /* mute events hold and release chats */
void pacer_free(struct gw *gw);

/* guard.c: the limits kept by what really leaves, for messages that do not go at the time the commit reserved. Returns the moment
 * (wall ms) from which one more may leave, now_ms or earlier if it may; guard_take counts one that leaves. */
int64_t guard_ready(struct gw *gw, const char *chat, int64_t now_ms);
void guard_take(struct gw *gw, const char *chat, int64_t now_ms);
/* A message of the last process is left over for this chat: what burst there was counts as used up. */
void guard_restart(struct gw *gw, const char *chat, int64_t now_ms);
void guard_evict(struct gw *gw);
void guard_set_back(struct gw *gw, int64_t ms);
void guard_free(struct gw *gw);
/* at_all.c: true when the entry must wait for the gateway's word on @all. */
bool at_all_wait(struct gw *gw, struct entry *en);
/* Segments without @all if it was denied: fills room (of nsegments) and returns how many. */
int at_all_filter(const struct entry *en, struct out_segment *room);
void at_all_free(struct gw *gw);

/* ---- schedules and timers ---- */

void schedule_rebuild(struct engine *e);
void schedule_run(struct engine *e);
int64_t schedule_next(const struct engine *e);
void schedule_free(struct engine *e);
/* said.c: a timer that is a staff command given elsewhere becomes the event that it stands for. */
void said_begin(struct gw *gw, struct input *in, const char *chat);
void timers_start(struct gw *gw);
void timers_note(struct gw *gw, int64_t due_ms); /* one was set */
void timers_run(struct gw *gw);
void timers_taken(struct gw *gw, const char *id); /* its turn ended: may be fetched again */
/* Before timers_taken: its turn was refused, and is not tried again at once. */
void timers_refused(struct gw *gw, const char *id);
/* It was set anew or cancelled: not to be handed out as it was. */
void timers_drop(struct gw *gw, const char *id);
void timers_drop_chat(struct gw *gw, const char *chat); /* all of a chat; NULL: of every chat */
/* Flows may be on again: those put off whose flow is are tried again at once. */
void timers_go_on(struct gw *gw);
int64_t timers_next(const struct gw *gw);
void timers_free(struct gw *gw);

/* ---- gateways ---- */

struct held {
    char *chat;
    int64_t until_ms; /* wall; INT64_MAX until lifted */
    UT_hash_handle hh;
};

struct optout {
    char *user;
    UT_hash_handle hh;
};

enum gw_told { GW_TOLD_NOTHING, GW_TOLD_DOWN, GW_TOLD_UP };

/* optout.c */
bool optout_has(struct gw *gw, const char *user);
void optout_set(struct gw *gw, const char *user, bool out); /* in memory */
void optout_key(struct gw *gw, const char *secret);
/* Appends what stands for a forgotten member in `optout`. */
void optout_veil(struct gw *gw, const char *user, struct buf *out);

/* retention.c */
void retention_event(struct gw *gw, const struct event *e); /* notes who leaves and comes back */
void retention_round(struct gw *gw);

/* A question to the gateway whose answer somebody waits for. */
struct asked {
    uint64_t ticket;
    void (*fn)(void *ud, const struct gateway_response *r);
    void *ud;
    UT_hash_handle hh;
};

struct gw {
    struct engine *e;
    struct asked *asked;
    uint64_t next_ticket;
    char *name;
    bool removed; /* by a reload; what still refers to it keeps it until the engine ends */
    struct gateway *gateway;
    unsigned caps;
    struct pace pace;
    struct gw *next;

    bool owner;  /* the epoch is ours */
    bool taking; /* asked for it */
    uint64_t epoch;
    uint64_t next_id;     /* outbox sequence of this epoch */
    bool loaded, started; /* outbox and registry read; gateway started */

    struct chat *chats; /* in memory */
    struct known *known;
    struct optout *optout;
    unsigned veils;         /* entries of it without an id: optout.c */
    char *optout_key;       /* what veils are made with; NULL: none was made yet */
    struct forget *forgets; /* members being forgotten: forget.c */
    struct import *imports; /* chats being put back: import.c */
    int64_t retention_ms;   /* wall: when to look for what has become too old */
    size_t queued;          /* inputs waiting, all chats */
    struct chat *ready, **ready_tail;
    struct turn *finished, **finished_tail; /* turns to commit */
    unsigned nfinished;
    uint64_t seen_day;
    uint64_t seen_touched[4]; /* which shards of which days got their expiry already */
    struct buf acks;          /* outbox ids to delete, bulk strings */
    unsigned nacks;
    struct buf unmark; /* the same for the marks */
    unsigned nunmark;
    struct entry **marks; /* entries to be marked as about to be written */
    size_t nmarks, marks_cap;
    int64_t settle_ms, resend_ms, circuit_ms;
    bool lost; /* the commit script says that somebody else owns the gateway */
    uint64_t lost_to;

    struct entry *entries; /* by id */
    struct entry **heap;
    size_t heap_len, heap_cap;
    struct held *held;
    int64_t guard_account[PACE_LIMITS]; /* theoretical arrival times, us */
    struct guard_chat *guard;
    struct at_all_day *at_all; /* chats in which @all was used without a known quota, and the day */
    int64_t hold_until_ms;     /* circuit breaker, wall */
    int64_t hold_step_ms;
    int bad_in_row;
    size_t unknown;
    size_t doubts; /* entries in doubt */
    int64_t settle_next_ms;
    bool was_up;
    int64_t gap_since_ms; /* wall: when the stream broke; 0 = never was up */
    bool account_down;
    int catchup; /* messages of history per chat after a gap; 0 = none */
    int64_t alive_saved_ms;
    bool stopped;

    struct run *runs;   /* in memory, least lately used first */
    struct call *calls; /* what they ask outside: calls.c */
    struct pin *pins;
    int64_t pins_ms; /* monotonic: when unused pins were looked for */
    struct timer_state *timers;
    bool put_off_none, put_off_reading; /* runs put off while their flow is off: pauses.c */
    size_t put_off_seen;
    struct inbox *inbox;      /* NULL until the gateway is ours */
    struct news *news;        /* events for Redis, oldest first */
    enum gw_told told;        /* of its state, by an event */
    struct trace_chat *trace; /* lines not written yet: trace.c */
    struct log_gate gate_shed, gate_commit, gate_late, gate_act;
    struct metric *m_sent;
    struct metric *m_turns, *m_commits, *m_dups, *m_refused, *m_shed_in, *m_latency, *m_commit_time,
        *m_resends;
    struct metric *m_events[EVENT_TYPES];
};

/* A schedule that came due while its flow was paused. */
struct paused_input {
    struct paused_input *next;
    struct gw *gw;
    char *chat;
    struct input *input;
    int64_t handler_late_ms;
};

struct pauses {
    uint64_t generation;                        /* of settings and playbooks, seen last */
    int64_t asked_ms, next_ms, killed_until_ms; /* wall; killed: 0 = no */
    bool look;                                  /* something may go on */
    int64_t looked_ms, took_ms;                 /* monotonic */
    struct paused_input *kept, **kept_tail;
    size_t nkept;
};

struct engine {
    struct engine_opts opts;
    struct redis *redis;
    struct clock *clock;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t spin;
    uv_timer_t timer; /* the next due thing, and the once-a-second round */
    int open_handles;
    struct gw *gws;
    struct book *book;
    uint64_t generation;          /* rises when routes must be rebuilt */
    uint64_t settings_generation; /* settings_routes_generation seen last */
    struct staff_known *staff;    /* who has a role in any group: staff.c */
    uint64_t staff_generation;    /* of book and settings, when that was worked out */
    struct turn *ready, **ready_tail;
    struct flight *flights, **flights_tail; /* commits in order */
    unsigned turns;                         /* alive */
    bool started, stopping, reported_ready, redis_up, spinning;
    int64_t redis_down_ms;
    /* monotonic: no turn begins before, Redis could not answer the last one */
    int64_t pause_until_ms;
    int64_t stop_deadline;
    void (*stop_done)(void *ud);
    void *stop_ud;
    int gws_stopping;
    bool redis_stopping;
    int64_t last_round_ms;
    uint64_t woke_ns;           /* when poll returned */
    double lag_now, lag_before; /* worst of this and of the last 10-second window */
    int64_t lag_reset_ms;
    struct schedule_slot *slots;
    int nslots, slots_cap;
    uint64_t slots_round;  /* counts their building: routes remember in which they were */
    int64_t slots_next_ms; /* the earliest of them */
    bool slots_dirty;
    int64_t ready_ms; /* monotonic: when we began to serve */
    int64_t slots_built_ms;
    int64_t schedule_from_ms; /* wall: everything due up to here was handled */
    int64_t back_ms;          /* of the clock's, worked off */
    uint32_t serial;
    struct metric *m_lag;
    struct rng rng;
    struct pauses pauses;
    struct version *versions; /* flows that only runs use any more: pins.c */
    struct releases
        *releases; /* flows that some groups use: release.c; NULL: all serve what is on disk */
};

void engine_metrics(void *engine);    /* sets the gauges before they are rendered */
void engine_end_turns(struct gw *gw); /* those that wait for an answer, without a commit */
void engine_spin(struct engine *e);   /* there is more to do: do not sleep in poll */
void engine_arm(struct engine *e);    /* set the timer to the next due thing */
struct gw *engine_gw(const struct engine *e, const char *name);
void gw_sink(struct gw *gw, struct gateway_sink *out);
void gw_take_ownership(struct gw *gw);
void gw_lost_ownership(struct gw *gw, uint64_t found);
void gw_redis_up(struct gw *gw);
void gw_handle_lost(struct gw *gw);
void gw_round(struct gw *gw);
void gw_free(struct gw *gw);
void gw_key(const struct gw *gw, struct buf *out, const char *kind);
bool gw_can_send(const struct gw *gw);
void gw_read_registry(struct gw *gw); /* which chats there are, who opted out: read anew */
/* Asks the gateway; fn gets the answer, or NULL when the gateway goes first. False: it cannot be asked now, fn is not called. */
bool gw_ask(struct gw *gw, const struct gateway_request *r,
            void (*fn)(void *ud, const struct gateway_response *r), void *ud);
struct metric *gw_sends(struct gw *gw, const char *outcome);
/* pauses.c: what follows from pauses, toggles and the kill switch. */
void pauses_run(struct engine *e);
void pauses_round(struct engine *e);
bool pauses_killed(const struct engine *e);
int64_t pauses_next(const struct engine *e); /* when a pause ends, wall */
/* Until when a message must not leave because of the kill switch; 0: it may. */
int64_t pauses_hold(const struct gw *gw, const struct message *m);
/* A timer or schedule whose flow is off is kept until it is on: true, the input is taken over. r: what it would have started. */
bool pauses_keep(struct chat *c, struct input *in, struct route *r);
/* The turn puts the timer of a run off to due_ms because its flow is off. */
void pauses_note_run(struct turn *t, const char *run, const char *flow, int64_t due_ms);
void pauses_free(struct engine *e);
void setback_run(struct engine *e); /* moves what waits along with a clock that was set back */

#endif
