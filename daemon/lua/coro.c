/* coro.c -- the life of handlers' coroutines: taken from a pool, waiting under a number, given back.
 * Owns: the table of slots of this process and the registry reference of each thread. Callbacks of Redis and gateways hold
 * a wait number (slot << 32 | sequence), never a pointer: an answer that comes too late finds nothing. */
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "base/mem.h"
#include "engine/turn/turn.h"
#include "lua/state.h"

static struct coro **slots; /* NULL where free */
static uint32_t nslots, free_hint;
static uint32_t next_seq;

static uint32_t slot_take(struct coro *co)
{
    for (uint32_t i = 0; slots && i < nslots; i++) {
        uint32_t at = (free_hint + i) % nslots;
        if (!slots[at]) {
            slots[at] = co;
            free_hint = at + 1;
            return at;
        }
    }
    uint32_t old = nslots;
    nslots = old ? old * 2 : 64;
    slots = mem_realloc(slots, nslots * sizeof(struct coro *));
    for (uint32_t i = old; i < nslots; i++)
        slots[i] = NULL;
    slots[old] = co;
    free_hint = old + 1;
    return old;
}

static void slot_free(uint32_t slot)
{
    if (slot >= nslots || !slots)
        return;
    slots[slot] = NULL;
    free_hint = slot;
    for (uint32_t i = 0; i < nslots; i++)
        if (slots[i])
            return;
    free(slots);
    slots = NULL;
    nslots = free_hint = 0;
}

static int new_thread(lua_State *L)
{
    struct coro *co = lua_touserdata(L, 1);
    co->T = lua_newthread(L);
    co->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

bool coro_call(lua_State *L, lua_CFunction fn, void *arg)
{
    if (!lua_checkstack(L, 4))
        return false;
    lua_pushcfunction(L, fn);
    lua_pushlightuserdata(L, arg);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK)
        return true;
    lua_pop(L, 1);
    return false;
}

struct coro *coro_take(struct flow *f)
{
    struct coro *co = f->pool;
    if (co) {
        f->pool = co->next;
        f->pooled--;
    } else {
        co = MEM_NEW(struct coro);
        co->flow = f;
        co->ref = LUA_NOREF;
        if (!coro_call(f->L, new_thread, co)) {
            free(co);
            return NULL;
        }
        co->slot = slot_take(co);
    }
    co->state = CORO_RUNNING;
    co->lost = co->starved = false;
    co->nargs = 0;
    journal_clear(&co->journal);
    f->host->coroutines++;
    return co;
}

static void coro_close(struct coro *co)
{
    luaL_unref(co->flow->L, LUA_REGISTRYINDEX, co->ref);
    slot_free(co->slot);
    free(co);
}

void coro_drop(struct coro *co, bool clean)
{
    struct flow *f = co->flow;
    f->host->coroutines--;
    co->turn = NULL;
    co->binding = NULL;
    co->serial = 0;
    co->state = CORO_RUNNING; /* not WAITING: late answers find nothing */
    journal_clear(&co->journal);
    if (clean && f->pooled < POOL_MAX) {
        lua_settop(co->T, 0);
        co->next = f->pool;
        f->pool = co;
        f->pooled++;
        return;
    }
    /* Not reset: pending <close> variables would run, without the hook if the error came from it. The thread is garbage. */
    f->kill = KILL_NONE;
    coro_close(co);
}

void coro_drain(struct flow *f)
{
    while (f->pool) {
        struct coro *co = f->pool;
        f->pool = co->next;
        coro_close(co);
    }
    f->pooled = 0;
}

struct coro *coro_current(lua_State *L)
{
    struct coro *co = flow_of(L)->running;
    if (!co)
        fence_fail(L, "this can only be used inside a handler, not while the file loads");
    return co;
}

void coro_check_wait(lua_State *L, struct coro *co)
{
    const struct nest *n = co->flow->nest;
    bool can = lua_isyieldable(L) && L == (n ? n->thread : co->T);
    for (; can && n; n = n->outer) /* each of them is suspended in turn */
        can = lua_isyieldable(n->from);
    if (!can)
        fence_fail(
            L,
            "this has to wait for an answer and cannot do so inside table.sort, string.gsub, a "
            "tostring function or the closing of a coroutine; read the values into locals first");
}

int64_t coro_refill(struct coro *co)
{
    co->reads = 0;
    co->left = co->flow->host->opts.budget * HANDLER_SLICES;
    return co->left;
}

uint64_t coro_wait(lua_State *L, struct coro *co, int (*convert)(lua_State *L, const void *answer))
{
    coro_check_wait(L, co);
    co->seq = ++next_seq;
    co->state = CORO_WAITING;
    co->convert = convert;
    return (uint64_t)co->slot << 32 | co->seq;
}

void coro_unwait(struct coro *co)
{
    co->seq = ++next_seq;
    co->state = CORO_RUNNING;
}

struct delivery {
    struct coro *co;
    const void *answer;
};

static int push_answer(lua_State *L)
{
    struct delivery *d = lua_touserdata(L, 1);
    lua_settop(L, 0);
    int n = d->co->convert(L, d->answer);
    if (!lua_checkstack(d->co->T, n))
        return luaL_error(L, "not enough memory");
    lua_xmove(L, d->co->T, n);
    d->co->nargs = n;
    return 0;
}

void coro_deliver(uint64_t wait, const void *answer)
{
    uint32_t slot = (uint32_t)(wait >> 32);
    struct coro *co = slot < nslots ? slots[slot] : NULL;
    if (!co || co->state != CORO_WAITING || co->seq != (uint32_t)wait)
        return; /* that wait is over */
    struct delivery d = {co, answer};
    co->nargs = 0;
    co->state = CORO_READY;
    if (!answer)
        co->lost = true;
    else if (!coro_call(co->flow->L, push_answer, &d))
        co->starved = true;
    struct host *h = co->flow->host;
    if (h->opts.on_ready)
        h->opts.on_ready(h->opts.ud, co->turn);
}

void coro_answer(void *ud, const struct redisReply *reply)
{
    bool passing = reply && reply->type == REDIS_REPLY_ERROR && redis_error_passes(reply->str);
    coro_deliver((uint64_t)(uintptr_t)ud,
                 passing ? NULL : reply); /* NULL: the turn is run again later */
}
