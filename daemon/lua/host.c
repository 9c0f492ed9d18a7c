/* host.c -- the one door into Lua: makes states, starts and resumes handlers, and knows every way in which they end.
 * Owns: the host and the list of flows. Called by the engine from its one place in the loop, never from a callback. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/turn/turn.h"
#include "lua/capi.h"
#include "lua/json.h"

static uint64_t next_serial;

struct host *host_create(const struct host_opts *opts)
{
    struct host *h = MEM_NEW(struct host);
    h->opts = *opts;
    if (!h->opts.memory_max)
        h->opts.memory_max = STATE_MEMORY;
    if (!h->opts.budget)
        h->opts.budget = STATE_BUDGET;
    return h;
}

void host_destroy(struct host *h)
{
    if (!h)
        return;
    if (h->flows)
        log_error("the Lua host is destroyed while flows are held", "flow", h->flows->info.name,
                  NULL);
    buf_free(&h->error);
    buf_free(&h->wait);
    buf_free(&h->lines);
    buf_free(&h->again);
    buf_free(&h->killed);
    buf_free(&h->scratch);
    buf_free(&h->scratch2);
    for (int i = 0; i < PRELUDE_PARTS; i++)
        buf_free(&h->prelude[i]);
    free(h);
}

size_t host_coroutines(const struct host *h)
{
    return h->coroutines;
}

struct flow *flow_retain(struct flow *f)
{
    f->refs++;
    return f;
}

void flow_release(struct flow *f)
{
    if (!f || --f->refs > 0)
        return;
    if (f->next)
        f->next->prev = f->prev;
    *f->prev = f->next;
    if (f->host->tidy == f)
        f->host->tidy = f->next;
    if (f->L) {
        coro_drain(f);
        lua_close(f->L);
    }
    pool_free(&f->memory.pool);
    load_free(f);
    free(f);
}

const struct flow_info *flow_info(const struct flow *f)
{
    return &f->info;
}

const struct handler *flow_handler(const struct flow *f, int index)
{
    return index >= 0 && index < f->info.nhandlers ? &f->info.handlers[index] : NULL;
}

const struct handler *flow_handler_by_id(const struct flow *f, const char *id)
{
    for (int i = 0; i < f->info.nhandlers; i++)
        if (strcmp(f->info.handlers[i].id, id) == 0)
            return &f->info.handlers[i];
    return NULL;
}

struct host *flow_host(const struct flow *f)
{
    return f->host;
}

const struct param *flow_param(const struct flow *f, const char *name)
{
    for (int i = 0; i < f->info.nparams; i++)
        if (strcmp(f->info.params[i].name, name) == 0)
            return &f->info.params[i];
    return NULL;
}

const char *flow_moved(const struct flow *f, const char *name)
{
    for (int i = 0; i < f->info.nmoved; i++)
        if (strcmp(f->info.moved[2 * i], name) == 0)
            return f->info.moved[2 * i + 1];
    return NULL;
}

size_t flow_memory(const struct flow *f)
{
    return f->memory.used;
}

/* ---- inside the coroutine ---- */

/* The handler has returned: its state is written. Stack: context, result. */
static int main_finish(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    struct flow *f = flow_of(L);
    if (lua_getiuservalue(L, 1, 1) == LUA_TTABLE) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, f->ref_finish);
        lua_insert(L, -2);
        lua_call(L, 1, 0);
    } else {
        lua_pop(L, 1);
    }
    return 1;
}

/* What the handler was given along: a table. */
static void push_args(lua_State *L, const struct turn *t)
{
    const char *args = turn_timer_args(t), *why;
    if (*args && json_decode(L, args, strlen(args), &why)) {
        if (!lua_isnil(L, -1))
            return;
        lua_pop(L, 1);
    }
    lua_newtable(L);
}

/* First function of every handler's coroutine. */
static int main_enter(lua_State *L)
{
    struct flow *f = flow_of(L);
    struct coro *co = f->running;
    int nargs = 1;
    context_push(L, co);
    lua_rawgeti(L, LUA_REGISTRYINDEX, f->ref_handlers);
    lua_rawgeti(L, -1, co->handler + 1);
    lua_replace(L, -2);
    lua_pushvalue(L, 1);
    if (f->wants_args[co->handler]) {
        push_args(L, co->turn);
        nargs = 2;
    }
    lua_callk(L, nargs, 1, 0, main_finish);
    return main_finish(L, LUA_OK, 0);
}

/* ---- the door ---- */

static int collect_all(lua_State *L)
{
    lua_gc(L, LUA_GCCOLLECT);
    return 0;
}

/* After a handler that filled the memory: what it left is garbage, and other handlers of the flow need the room. */
static void reclaim(struct flow *f)
{
    if (lua_checkstack(f->L, 2)) {
        lua_pushcfunction(f->L, collect_all);
        if (lua_pcall(f->L, 0, 0, 0) != LUA_OK)
            lua_pop(f->L, 1);
    }
    malloc_trim(0);
}

static void outcome_fail(struct coro *co, enum host_failure failure, const char *text,
                         struct host_outcome *out)
{
    struct flow *f = co->flow;
    struct turn *t = co->turn;
    buf_reset(&f->host->error);
    if (text)
        buf_adds(&f->host->error, text);
    else
        fence_describe(f, co->T, &f->host->error);
    out->status = HOST_FAILED;
    out->failure = failure;
    out->error = buf_cstr(&f->host->error);
    turn_set_handler(t, NULL);
    coro_drop(co, false);
    if (failure == FAILURE_MEMORY)
        reclaim(f);
}

static void outcome_done(struct coro *co, int nresults, struct host_outcome *out)
{
    struct turn *t = co->turn;
    out->status = HOST_DONE;
    if (nresults > 0 && lua_type(co->T, -1) == LUA_TBOOLEAN) {
        out->stop = lua_toboolean(co->T, -1);
        out->pass = !out->stop;
    }
    turn_set_handler(t, NULL);
    coro_drop(co, true);
}

/* c:continue, or the end of a run in the midst of a handler: what it did so far holds. */
static void outcome_end(struct coro *co, bool again, struct host_outcome *out)
{
    struct turn *t = co->turn;
    out->status = HOST_DONE;
    out->again = again ? buf_cstr(&co->flow->host->again) : NULL;
    turn_set_handler(t, NULL);
    coro_drop(co, false);
}

/* It waits: the engine's from now on. Its lines go to the host, so that a sleeping coroutine is small. */
static void outcome_park(struct coro *co, struct host_outcome *out)
{
    struct host *h = co->flow->host;
    buf_reset(&h->lines);
    buf_add(&h->lines, co->journal.lines.data, co->journal.lines.len);
    buf_free(&co->journal.lines);
    out->status = HOST_PARKED;
    out->parked = co;
    out->wait = buf_cstr(&h->wait);
    out->journal = buf_cstr(&h->lines);
    out->journal_len = h->lines.len;
    turn_set_handler(co->turn, NULL);
    co->turn = NULL;
    co->binding = NULL;
}

/* A replay must end at the wait that the run is at: with anything else it is stuck. */
static void outcome_stuck(struct coro *co, int status, struct host_outcome *out)
{
    struct buf *text = &co->flow->host->scratch, *detail = &co->flow->host->scratch2;
    buf_reset(text);
    if (status == LUA_OK) {
        capi_describe_stuck(co, 0, "ends", "", text);
    } else {
        buf_reset(detail);
        fence_describe(co->flow, co->T, detail);
        capi_describe_stuck(co, 0, "fails", "", text);
        buf_adds(text, ": ");
        buf_add(text, detail->data, detail->len);
    }
    outcome_fail(co, FAILURE_STUCK, buf_cstr(text), out);
}

static enum host_failure failure_of(const struct flow *f, int status)
{
    switch (f->kill) {
    case KILL_STORE: return FAILURE_STORE;
    case KILL_BUDGET: return FAILURE_BUDGET;
    case KILL_RECORD: return FAILURE_RECORD;
    case KILL_STUCK: return FAILURE_STUCK;
    default: return status == LUA_ERRMEM ? FAILURE_MEMORY : FAILURE_ERROR;
    }
}

/* The only lua_resume of handlers. Knows every outcome: done, waiting, parked, error, out of memory, over budget, Redis lost. */
static void coro_run(struct coro *co, int nargs, int64_t budget, struct host_outcome *out)
{
    struct flow *f = co->flow;
    int nresults = 0;
    memset(out, 0, sizeof *out);
    if (budget > co->left)
        budget = co->left;
    fence_begin(f, budget);
    co->state = CORO_RUNNING;
    f->running = co;
    f->nest = NULL;
    int status = lua_resume(co->T, f->L, nargs, &nresults);
    f->running = NULL;
    co->left -= budget - f->budget;
    if (f->kill == KILL_AGAIN || f->kill == KILL_END) {
        outcome_end(co, f->kill == KILL_AGAIN, out);
    } else if (f->kill && (status <= LUA_YIELD || f->kill == KILL_STUCK)) {
        /* killed in a coroutine of its own, whose end it did not pass on; a stuck one says all that matters */
        outcome_fail(co, failure_of(f, status), fence_message(f), out);
    } else if (journal_replaying(&co->journal) && !f->kill && status != LUA_ERRMEM) {
        outcome_stuck(co, status, out);
    } else if (status == LUA_OK) {
        outcome_done(co, nresults, out);
    } else if (status == LUA_YIELD && co->state == CORO_PARKED) {
        outcome_park(co, out);
    } else if (status == LUA_YIELD && co->state != CORO_RUNNING) {
        out->status = HOST_WAITING;
    } else if (status == LUA_YIELD) {
        outcome_fail(co, FAILURE_ERROR,
                     "the handler called coroutine.yield outside a coroutine of its own", out);
    } else {
        outcome_fail(co, failure_of(f, status), NULL, out);
    }
}

static bool handler_wants(const struct handler *h, const struct turn *t)
{
    if (!h->image)
        return true;
    const struct event *e = turn_event(t);
    for (int i = 0; e && i < e->nsegments; i++)
        if (e->segments[i].type == SEGMENT_IMAGE)
            return true;
    return false;
}

void host_start(struct flow *f, int index, struct turn *t, const struct binding *b,
                const struct host_how *how, struct host_outcome *out)
{
    memset(out, 0, sizeof *out);
    if (!handler_wants(&f->info.handlers[index], t))
        return;
    struct coro *co = coro_take(f);
    if (!co) {
        out->status = HOST_FAILED;
        out->failure = FAILURE_MEMORY;
        out->error = "not enough memory in this flow to start a handler";
        return;
    }
    co->turn = t;
    co->binding = b;
    co->handler = index;
    co->serial = ++next_serial;
    co->time_ms = co->start_ms = turn_time_ms(t);
    co->now_ms = co->start_now_ms = turn_now_ms(t);
    rng_seed(&co->rng, how->seed);
    co->journal.on = how->record || how->journal;
    int64_t budget = coro_refill(co);
    if (how->journal)
        journal_replay(&co->journal, how->journal, how->journal_len);
    else
        budget = f->host->opts.budget;
    turn_set_handler(t, co);
    lua_pushcfunction(co->T, main_enter);
    coro_run(co, 0, budget, out);
}

bool host_records(const struct flow *f, int index)
{
    return f->records[index];
}

struct wake {
    struct coro *co;
    const char *text;
};

static int push_wake(lua_State *L)
{
    struct wake *w = lua_touserdata(L, 1);
    lua_settop(L, 0);
    coro_take_wake(L, w->co, w->text, strlen(w->text));
    if (!lua_checkstack(w->co->T, 1))
        return luaL_error(L, "not enough memory");
    lua_xmove(L, w->co->T, 1);
    return 0;
}

void host_wake(struct coro *co, struct turn *t, const struct binding *b, const char *wake,
               struct host_outcome *out)
{
    struct wake w = {co, wake};
    struct flow *f = co->flow;
    memset(out, 0, sizeof *out);
    co->turn = t;
    co->binding = b;
    turn_set_handler(t, co);
    coro_refill(co);
    journal_add_wake(&co->journal, wake, strlen(wake));
    fence_begin(f, f->host->opts.budget);
    if (!coro_call(f->L, push_wake, &w)) {
        outcome_fail(co, FAILURE_MEMORY, "what the handler waited for is damaged, or too large",
                     out);
        return;
    }
    coro_run(co, 1, f->host->opts.budget, out);
}

void host_drop(struct coro *parked)
{
    if (parked)
        coro_drop(parked, false);
}

void host_resume(struct turn *t, struct host_outcome *out)
{
    struct coro *co = turn_handler(t);
    memset(out, 0, sizeof *out);
    if (!co || co->state != CORO_READY) {
        out->status = co ? HOST_WAITING : HOST_DONE;
        return;
    }
    if (co->lost) {
        outcome_fail(co, FAILURE_STORE, "Redis went away while the handler waited for it", out);
        return;
    }
    if (co->starved) {
        outcome_fail(co, FAILURE_MEMORY,
                     "not enough memory for the answer that the handler waited for", out);
        return;
    }
    int nargs = co->nargs;
    co->nargs = 0;
    coro_run(co, nargs, co->flow->host->opts.budget, out);
}

void host_stop(struct turn *t)
{
    struct coro *co = turn_handler(t);
    if (!co)
        return;
    turn_set_handler(t, NULL);
    coro_drop(co, false);
}

/* ---- caches and garbage ---- */

static int forget_params(lua_State *L)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, flow_of(L)->ref_params);
    lua_pushnil(L);
    lua_rawseti(L, -2, *(const uint32_t *)lua_touserdata(L, 1));
    return 0;
}

void host_forget_binding(struct flow *f, const struct binding *b)
{
    uint32_t id = b->id;
    int i = 0;
    while (i < PARAMS_KEPT && f->kept[i].id != id)
        i++;
    if (i == PARAMS_KEPT || !lua_checkstack(f->L, 4))
        return; /* it has none */
    f->kept[i].id = 0;
    f->kept[i].used = 0;
    lua_pushcfunction(f->L, forget_params);
    lua_pushlightuserdata(f->L, &id);
    if (lua_pcall(f->L, 1, 0, 0) != LUA_OK)
        lua_pop(f->L, 1);
}

enum { TIDY_LEAST_KIB = 16, TIDY_MOST_KIB = 256, TIDY_GROWTH = 64 << 10 };

/* Much was made since the last full round: then there is garbage. */
static bool tidy_needed(const struct flow *f)
{
    return f->memory.used >= f->tidied + TIDY_GROWTH;
}

static int tidy_step(lua_State *L)
{
    struct flow *f = flow_of(L);
    size_t kib = (f->memory.used - f->tidied) / 1024 / 8;
    kib = kib < TIDY_LEAST_KIB ? TIDY_LEAST_KIB : kib > TIDY_MOST_KIB ? TIDY_MOST_KIB : kib;
    if (lua_gc(L, LUA_GCSTEP, (int)kib))
        f->tidied = f->memory.used;
    return 0;
}

bool host_idle(struct host *h)
{
    struct flow *f = h->tidy ? h->tidy : h->flows, *first = f;
    while (f && !tidy_needed(f)) {
        f = f->next ? f->next : h->flows;
        if (f == first)
            return false;
    }
    if (!f)
        return false;
    h->tidy = f->next;
    if (!lua_checkstack(f->L, 2))
        return false;
    lua_pushcfunction(f->L, tidy_step);
    if (lua_pcall(f->L, 0, 0, 0) != LUA_OK)
        lua_pop(f->L, 1);
    return true;
}
