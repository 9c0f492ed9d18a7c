/* host.h -- the engine's only door to Lua: load flows, start and resume their handlers.
 * One lua_State per flow version, with its own memory cap and an instruction budget per resume. No Lua runs except inside
 * host_load, host_start, host_resume and host_stop (each a protected call), and never inside a callback of Redis, sockets
 * or timers: answers are recorded by host_answer and the engine resumes later, from its one place in the loop.
 * Everything here is for the loop thread. */
#ifndef SOPD_LUA_HOST_H
#define SOPD_LUA_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/event.h"

struct buf;
struct cJSON;
struct host;
struct flow;
struct turn;
struct binding;
struct redisReply;

struct host_opts {
    const char *const *
        sop; /* SOP folders, searched in order; NULL-terminated; borrowed for the life of the host */
    size_t memory_max; /* per flow version, bytes; 0 = 32 MiB */
    int64_t budget;    /* VM instructions per resume; 0 = 10 million */
    bool repeatable;   /* c:secret draws from the turn's seeded numbers: for transcripts only */
    void *ud;
    /* An answer arrived for this turn's waiting handler: the engine puts the turn on its ready list. */
    void (*on_ready)(void *ud, struct turn *t);
};
struct host *host_create(const struct host_opts *opts);
/* All flows must have been released. */
void host_destroy(struct host *h);

/* ---- what a flow declares ------------------------------------------------------------------------------------ */

enum handler_kind {
    HANDLER_ON,
    HANDLER_COMMAND,
    HANDLER_AT,
    HANDLER_TIMER,
    HANDLER_RUN,
    HANDLER_TRIGGER
};

struct handler {
    enum handler_kind kind;
    int index; /* position in the flow, 0.. */
    /* its name across versions of the flow: "on:join", "command:<first word or parameter>", "at:remind", "timer:x",
     * "run:onboard", "trigger:x"; a second one of the same name gets "#2" */
    const char *id;
    enum event_type event; /* ON */
    bool from_param; /* COMMAND, AT: words/clock come from the parameter `name` of the binding */
    /* COMMAND/AT: parameter name if from_param; TIMER, RUN, TRIGGER: its name; else "" */
    const char *name;
    /* COMMAND: literal words; AT: one literal clock time; ON button: its values, "x*" = what begins so; none = all */
    const char *const *words;
    int nwords;
    const char *role;       /* least staff role, "" = everybody */
    const char *role_param; /* the parameter that says it; `role` is its default. "" = none */
    bool args;              /* COMMAND: text may follow the word */
    bool glued; /* COMMAND: it may also follow without a blank ("补卡3月2日"); implies args */
    bool image; /* ON message: only messages with a picture (the host passes over others) */
    bool in_private, in_group;
    /* ON, COMMAND: in private chats and staff chats only, for those who have `role` in any group of the gateway */
    bool remote;
    const char *
        usage; /* COMMAND with a role: how to write it, or the name of a text parameter; "" = its word */
    bool
        shared; /* COMMAND: other flows may have its words: it declines what is not its own, or answers for them */
    bool posts; /* AT: it says something then, as far as anybody knows; false: it only prepares */
    /* AT, TIMER: still run when this late; AT default 30 min, TIMER default: always (-1) */
    int64_t late_ms;
    int line; /* where it is declared */
};

enum param_type {
    PARAM_INTEGER,
    PARAM_NUMBER,
    PARAM_BOOLEAN,
    PARAM_STRING,
    PARAM_STRINGS,
    PARAM_TEXT,
    PARAM_CLOCK,
    PARAM_DURATION,
    PARAM_CHOICE,
    PARAM_TABLE
};

struct param {
    const char *name;
    enum param_type type;
    const struct cJSON *preset; /* the default, NULL = none (required, or TEXT from sop/texts) */
    bool has_min, has_max;
    double min, max;
    const char *const *values; /* CHOICE */
    int nvalues;
    const char *const *texts; /* TABLE: the fields that are texts, at any depth */
    int ntexts;
    const char *help;
};

struct flow_info {
    const char *name, *title, *file;
    const char *menu; /* the text parameter with its line in the menu, "" = none */
    const char *const
        *moved; /* parameters that it had once: each with "flow.parameter", what it is now */
    int nmoved;
    const char *kind; /* what its posts are: "game", "broadcast", "" = by what caused them */
    bool tally;       /* chats in which it runs are counted */
    char version[17]; /* hash of the source and of the lib files it required, 16 hex digits */
    unsigned needs;   /* gateway capabilities, GATEWAY_... bits */
    unsigned wants;   /* those that it uses where they are there */
    const char *const *
        without; /* what is different without each of `wants`, in the order of their bits; "" = it does not say */
    /* what is older is not answered: -1 = the gateway's own limit; by a parameter if that is not "" */
    int64_t late_ms;
    const char *late_param;
    const struct handler *handlers;
    int nhandlers;
    const struct param *params;
    int nparams;
};

/* Loads sop/<flows>/<name>.lua from the first folder that has it: compiles, runs the chunk within the fences, checks
 * what it declared. NULL with err filled with every problem, one a line: "file:line: what; remedy". Retained once. */
struct flow *host_load(struct host *h, const char *name, struct buf *err);
const struct flow_info *flow_info(const struct flow *f);
const struct handler *flow_handler(const struct flow *f, int index);
const struct param *flow_param(const struct flow *f, const char *name); /* NULL if unknown */
/* Where a parameter that the flow no longer has went, "flow.parameter"; NULL: it never had it. */
const char *flow_moved(const struct flow *f, const char *name);
/* The handler of that id, or NULL. */
const struct handler *flow_handler_by_id(const struct flow *f, const char *id);
/* The files that the flow was made of, as JSON {"flows/x.lua": "...", "lib/y.lua": "..."}: what host_load_from takes. Valid as
 * long as the flow. */
const char *flow_source(const struct flow *f, size_t *len);
/* Loads a flow from such a text instead of the folders (a version that a run began with). As host_load. */
struct flow *host_load_from(struct host *h, const char *name, const char *source, size_t len,
                            struct buf *err);
struct flow *flow_retain(struct flow *f);
/* The last release closes the state. */
void flow_release(struct flow *f);
size_t flow_memory(const struct flow *f);
struct host *flow_host(const struct flow *f);

/* Checks one parameter value against the flow's declaration; normalises it (clock to "HH:MM", a single string to a list for
 * STRINGS) into a new cJSON. NULL with err: "checkin.days: 400 is above the maximum 366". `text` values given as text
 * (from Redis) are converted: "28", "true", "打卡,签到". */
struct cJSON *param_check(const struct flow *f, const char *name, const struct cJSON *value,
                          struct buf *err);
struct cJSON *param_parse(const struct flow *f, const char *name, const char *text,
                          struct buf *err);

/* ---- running handlers ----------------------------------------------------------------------------------------- */

enum host_status {
    HOST_DONE,
    HOST_WAITING, /* for an answer of Redis or the gateway: host_resume after on_ready */
    HOST_PARKED,  /* at a waiting call: the handler is a run now (out->parked) */
    HOST_FAILED
};
enum host_failure {
    FAILURE_ERROR,
    FAILURE_BUDGET,
    FAILURE_MEMORY,
    FAILURE_STORE, /* Redis lost: run the turn again */
    FAILURE_RECORD, /* it wants to wait and was not recorded: undo its part, start it again with record */
    FAILURE_STUCK /* replay: the script does something else than the journal says */
};

/* A handler at a waiting call; owned by the engine until host_wake or host_drop. */
struct coro;

struct host_outcome {
    enum host_status status;
    bool stop;         /* DONE: the handler returned true: the chain ends here */
    bool pass;         /* DONE: a command handler returned false: not consumed after all */
    const char *again; /* DONE: c:continue: the JSON of its arguments ("null" = none); else NULL */
    enum host_failure failure; /* FAILED */
    const char *error;         /* FAILED: text with traceback */
    struct coro *parked;       /* PARKED */
    const char *wait;          /* PARKED: what it waits for, JSON */
    const char *journal; /* PARKED: what was recorded since the start or the last wake, lines */
    size_t journal_len;
    /* again, error, wait and journal are valid until the next host call */
};

/* How a handler is started. */
struct host_how {
    uint64_t seed; /* of its random numbers */
    bool record;   /* keep a journal from the start */
    const char *
        journal; /* replay these lines first (implies record), NULL = none; borrowed during the call */
    size_t journal_len;
};

/* Starts handler `index` of flow f for turn t under binding b (parameters, persona). At most one handler of a turn runs at a
 * time. With a journal nothing is read or done: the recorded results are given to the script up to the waiting call that the
 * journal ends with (PARKED), else FAILED: STUCK with both sides named. */
void host_start(struct flow *f, int index, struct turn *t, const struct binding *b,
                const struct host_how *how, struct host_outcome *out);
/* True if that handler is known to wait: start it with record at once. */
bool host_records(const struct flow *f, int index);
/* Goes on with the handler of t whose answer has arrived. */
void host_resume(struct turn *t, struct host_outcome *out);
/* Ends t's handler, if any, without running it further (its pending answers will find nothing). */
void host_stop(struct turn *t);
/* Goes on with a parked handler inside turn t. `wake` is the JSON {"now","time","with"} of docs/redis.md, which becomes a line of
 * the journal; `with` is what the waiting call returns. b is the binding from now on. */
void host_wake(struct coro *parked, struct turn *t, const struct binding *b, const char *wake,
               struct host_outcome *out);
/* Forgets a parked handler: nothing of it runs any more. */
void host_drop(struct coro *parked);

/* A binding is about to be freed: forget the tables cached for it in flow f. */
void host_forget_binding(struct flow *f, const struct binding *b);

/* Coroutines alive now, all flows: for metrics and leak checks. */
size_t host_coroutines(const struct host *h);
/* Collects a little garbage, for less than a millisecond: called when there is nothing else to do, because Lua collects only while it
 * makes something, and would keep what an evening left until the next one. False: there is none that is worth it. */
bool host_idle(struct host *h);

#endif
