/* state.h -- what the files of the Lua host share: the flow's state and its coroutines. Private to daemon/lua.
 * host.c enters Lua, coro.c owns coroutines and their waits, fence.c the limits, capi*.c what scripts can ask for,
 * journal*.c the lines that bring a run back, load.c turns a file into a flow. Everything here belongs to the loop thread. */
#ifndef SOPD_LUA_STATE_H
#define SOPD_LUA_STATE_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "lua/host.h"
#include "lua/journal.h"
#include "lua/pool.h"

struct binding;
struct redisReply;

enum {
    HOOK_EVERY = 250, /* VM instructions between two looks at the budget */
    PRELUDE_PARTS = 17,
    POOL_MAX = 16,    /* idle coroutines kept per flow */
    PARAMS_KEPT = 64, /* tables of parameters kept per flow, by binding */
    STATE_MEMORY = 32 << 20,
    STATE_BUDGET = 10000000,
    HANDLER_SLICES = 5, /* a handler may take this many budgets over all its resumes */
    HANDLER_READS = 2000
};

struct host {
    struct host_opts opts;
    struct flow *flows; /* all live flows, in a ring for host_idle */
    struct flow *tidy;  /* whose garbage is collected next */
    size_t coroutines;
    struct buf error;              /* text of the last outcome */
    struct buf wait, lines, again; /* of the last outcome: see struct host_outcome */
    struct buf killed;             /* what is said of the last kill */
    /* for building keys, commands and JSON; reset by each user, so nothing leaks over a raise */
    struct buf scratch;
    struct buf scratch2;
    struct buf prelude[PRELUDE_PARTS]; /* its compiled parts */
};

/* Why no Lua of this flow may go on: pcall cannot swallow it, because the hook raises again at every instruction. */
enum kill {
    KILL_NONE,
    KILL_BUDGET,
    KILL_STORE,
    KILL_RECORD, /* it wants to wait and is not recorded */
    KILL_STUCK,  /* the journal says something else */
    KILL_FULL,   /* the journal has no room */
    KILL_AGAIN,  /* no failure: c:continue */
    KILL_END     /* no failure: the run is over */
};

struct state_memory {
    struct pool pool;
    size_t used, cap;
    /* bytes asked for since the hook last looked: large strings cost time where it does not run */
    int64_t work;
};

struct flow {
    struct host *host;
    struct flow *next, **prev;
    int refs;
    struct flow_info info;
    struct flow_arena *arena; /* owns every string and array of info */
    lua_State *L;             /* the main state: no handler ever runs on it */
    struct state_memory memory;
    size_t tidied;        /* bytes used when host_idle last finished a round of collecting */
    struct coro *running; /* whose Lua runs now; NULL while loading and outside */
    int64_t budget;       /* instructions left in this resume */
    uint64_t slice_ns;    /* when it began */
    uint64_t slice_cpu;   /* processor time when it had taken SLICE_NS; 0 = it has not */
    enum kill kill;
    bool loading;
    struct nest *nest; /* coroutines of the script's own that run now */
    bool held;         /* one of them has waited, once: see sandbox_coroutine.c */
    bool *records;     /* by handler: it waits, so it is recorded from the start */
    bool *wants_args;  /* by handler: its function takes a second argument */
    char *source;      /* see flow_source */
    size_t source_len;
    struct coro *pool;
    int pooled;
    /* whose tables of parameters are kept, and when they were used */
    struct {
        uint32_t id;
        uint64_t used;
    } kept[PARAMS_KEPT];
    uint64_t kept_clock;
    uint32_t kept_out; /* whose went last */
    struct load *load; /* while host_load runs */
    int ref_main, ref_context, ref_names, ref_handlers, ref_finish, ref_params, ref_env, ref_held;
};

enum coro_state { CORO_RUNNING, CORO_WAITING, CORO_READY, CORO_PARKED };

/* A coroutine that a script made, while it runs: on the C stack of whoever resumed it. */
struct nest {
    struct nest *outer;
    lua_State *from, *thread;
};

/* One handler's coroutine. In use from host_start to its outcome; then pooled or freed. */
struct coro {
    struct coro *next; /* in the pool */
    struct flow *flow;
    lua_State *T;
    int ref; /* of T in the registry */
    enum coro_state state;
    uint32_t slot, seq; /* its wait number is slot << 32 | seq; seq changes at every wait */
    uint64_t serial;    /* of the handler it runs: contexts of earlier ones are refused */
    struct turn *turn;
    const struct binding *binding;
    int handler;
    int64_t left; /* instructions left over all its resumes */
    int reads;
    int64_t time_ms,
        now_ms; /* what the script sees: of the start, of the last wake, of the line that is replayed */
    int64_t start_ms, start_now_ms; /* those of the start */
    struct rng rng;
    struct journal journal;
    int calling;  /* the call of capi.c that is being recorded */
    int nargs;    /* READY: values on T's stack for lua_resume */
    bool lost;    /* READY: Redis went away */
    bool starved; /* READY: the answer did not fit into the memory */
    int (*convert)(lua_State *L, const void *answer); /* pushes the answer; runs protected */
};

static inline struct flow *flow_of(lua_State *L)
{
    return *(struct flow **)lua_getextraspace(L);
}

/* ---- fence.c ---- */
void *fence_alloc(void *ud, void *p, size_t osize, size_t nsize);
/* Installs the hook on a fresh main state, before any thread or script exists. */
void fence_install(lua_State *L);
/* True if this thread was ended by a fence: what it left to be closed must never run, for the hook is off in it. */
bool fence_ended(lua_State *T);
/* What is said of a kill. */
const char *fence_message(const struct flow *f);
/* Begins a new slice with that budget, nothing killed. */
void fence_begin(struct flow *f, int64_t budget);
/* Takes n instructions off the budget for work done in C; raises when it is used up. */
void fence_charge(lua_State *L, int64_t n);
/* Stops all Lua of this resume in a way no pcall can catch, with this message. Raises. */
int fence_kill(lua_State *L, enum kill why, const char *message);
/* Raises again what killed this resume: after a coroutine that swallowed it. */
int fence_kill_again(lua_State *L);
/* Raises an error whose position is the line of the script that called into the prelude or into C. */
int fence_fail(lua_State *L, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "file:line: " of the innermost script frame of L, or "". */
void fence_where(lua_State *L, char *out, size_t size);
/* Appends the error on top of from's stack (any value; popped) and the script frames of from. Never raises. */
void fence_describe(struct flow *f, lua_State *from, struct buf *out);

/* ---- coro.c ---- */
/* A coroutine of the flow, ready for lua_resume. NULL: not enough memory in the state. */
struct coro *coro_take(struct flow *f);
/* Back to the pool if it ended well, else closed. */
void coro_drop(struct coro *co, bool clean);
/* Closes the pooled coroutines of a flow. */
void coro_drain(struct flow *f);
/* Runs a C function with one light pointer on the main state, protected. False: it raised. */
bool coro_call(lua_State *L, lua_CFunction fn, void *arg);
/* The coroutine whose script runs; raises while loading. */
struct coro *coro_current(lua_State *L);
/* Raises where a script cannot wait. */
void coro_check_wait(lua_State *L, struct coro *co);
/* A new segment of a run: all limits begin anew. Returns the instructions it may take. */
int64_t coro_refill(struct coro *co);
/* Reads {"now","time","with"}, sets the coroutine's time and pushes what the waiting call returns. Raises. capi_run.c */
int coro_take_wake(lua_State *L, struct coro *co, const char *wake, size_t len);
/* Begins a wait of the running coroutine and returns its number; raises where a script cannot wait. The answer comes through
 * coro_deliver and is pushed by `convert`. */
uint64_t coro_wait(lua_State *L, struct coro *co, int (*convert)(lua_State *L, const void *answer));
/* Takes the wait back: nothing was started. */
void coro_unwait(struct coro *co);
/* Ends the wait of that number, if it still exists; answer NULL: lost. */
void coro_deliver(uint64_t wait, const void *answer);
/* A redis_fn: ud is a wait number. */
void coro_answer(void *ud, const struct redisReply *reply);

/* ---- sandbox.c and its parts ---- */
/* Pushes nothing; leaves the globals that scripts may see in place of the standard ones. Raises. */
void sandbox_open(lua_State *L);
void sandbox_open_time(lua_State *L);
void sandbox_open_coroutine(lua_State *L);
void sandbox_open_table(lua_State *L);
/* Puts pattern functions that count their steps into the table on top. */
void sandbox_open_string(lua_State *L);
/* A table's name without an address: what tostring shows. Pushes a string. */
void sandbox_tostring(lua_State *L, int idx);
/* Calls fn(L) for keys of the table at idx in the defined order: pushes a list of keys. */
void sandbox_keys(lua_State *L, int idx);

/* ---- capi*.c ---- */
/* Pushes the table of primitives for the prelude. */
void capi_push(lua_State *L);
void capi_pure(lua_State *L); /* adds to the table on top */
void capi_time(lua_State *L);
void capi_context(lua_State *L);
void regex_open(lua_State *L);
/* Pushes a new context for the running coroutine. */
void context_push(lua_State *L, struct coro *co);
/* True if the value at idx is the context of the handler that runs. */
bool context_is(lua_State *L, int idx);
/* Pushes the text form of the value at idx for a Redis field; raises with what.name (name may be NULL) in the message. */
void value_encode(lua_State *L, int idx, const char *what, const char *name);
/* Pushes the value that a text from Redis stands for. */
void value_decode(lua_State *L, const char *s, size_t len);

/* ---- load.c ---- */
/* Runs the prelude in a fresh state: protected by the caller. */
void prelude_run(lua_State *L);
int load_require(lua_State *L);
void load_free(struct flow *f);
/* Memory for flow_info, freed with the flow. */
void *arena_take(struct flow *f, size_t size);
const char *arena_string(struct flow *f, const char *s);
/* Fills info from the table of declarations on top of the stack, adds problems to err; raises. declare.c */
void declare_read(lua_State *L, struct buf *err);
/* Checks one value against a declaration: see param_check in host.h. `flow` names the flow in messages. param.c */
struct cJSON *param_check_value(const struct param *p, const char *flow, const struct cJSON *value,
                                struct buf *err);
/* -1 if there is no such type. */
int param_type_parse(const char *name);

#endif
