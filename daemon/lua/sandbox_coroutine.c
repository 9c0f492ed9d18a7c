/* sandbox_coroutine.c -- coroutines that scripts make for themselves. When one of them waits for something outside (a read, a
 * person), everything up to the handler's own coroutine is suspended with it, and goes on with it when the answer comes. Making
 * them is charged, and one that a fence has ended is never closed: its <close> variables would run with the hook off. */
#include "lua/state.h"

enum { COST_COROUTINE = 200, FAILED = -1 };

static int co_yield(lua_State *L)
{
    const struct coro *co = flow_of(L)->running;
    if ((co && L == co->T) || L == flow_of(L)->L)
        return fence_fail(
            L, "coroutine.yield can only be used inside a coroutine that the script made itself");
    return lua_yield(L, lua_gettop(L));
}

/* A new coroutine begins with a full count of instructions, hence the charge. */
static lua_State *new_coroutine(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    fence_charge(L, COST_COROUTINE);
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    return co;
}

static int co_create(lua_State *L)
{
    new_coroutine(L);
    return 1;
}

/* ---- those that wait ---- */

static void push_thread(lua_State *L, lua_State *thread)
{
    if (!lua_checkstack(thread, 1))
        luaL_error(L, "not enough memory");
    lua_pushthread(thread);
    lua_xmove(thread, L, 1);
}

/* Notes that a thread waits (or no longer does): nobody else may resume it, should its handler come to nothing meanwhile. */
static void hold(lua_State *L, lua_State *thread, bool on)
{
    flow_of(L)->held = true;
    luaL_checkstack(L, 4, "coroutine");
    lua_rawgeti(L, LUA_REGISTRYINDEX, flow_of(L)->ref_held);
    push_thread(L, thread);
    if (on)
        lua_pushboolean(L, 1);
    else
        lua_pushnil(L);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

static bool is_held(lua_State *L, lua_State *thread)
{
    if (!flow_of(L)->held)
        return false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, flow_of(L)->ref_held);
    push_thread(L, thread);
    bool held = lua_rawget(L, -2) != LUA_TNIL;
    lua_pop(L, 2);
    return held;
}

/* Resumes the thread with the nargs values on top of L. Returns how many results it pushed; FAILED: an error was pushed. If the
 * thread waits for something outside, L is suspended too, and goes on in `again` with the answer on top. */
static int step(lua_State *L, lua_State *thread, int nargs, lua_KFunction again)
{
    struct flow *f = flow_of(L);
    struct nest nest = {f->nest, L, thread};
    int nresults;
    if (!lua_checkstack(thread, nargs)) {
        lua_pushliteral(L, "too many arguments to resume");
        return FAILED;
    }
    lua_xmove(L, thread, nargs);
    f->nest = &nest;
    int status = lua_resume(thread, L, nargs, &nresults);
    f->nest = nest.outer;
    if (f->kill && status <= LUA_YIELD)
        return fence_kill_again(L); /* it swallowed what ended the handler */
    if (status == LUA_YIELD && f->running && f->running->state != CORO_RUNNING) {
        hold(L, thread, true);
        return lua_yieldk(L, 0, 0, again);
    }
    if (status > LUA_YIELD) {
        lua_xmove(thread, L, 1);
        return FAILED;
    }
    luaL_checkstack(L, nresults + 1, "too many results");
    lua_xmove(thread, L, nresults);
    return nresults;
}

/* ---- coroutine.resume ---- */

static int resume_again(lua_State *L, int status, lua_KContext ctx);

/* Stack: thread, arguments. */
static int resume_step(lua_State *L)
{
    int n = step(L, lua_tothread(L, 1), lua_gettop(L) - 1, resume_again);
    if (n == FAILED && flow_of(L)->kill)
        return fence_kill_again(L);
    lua_pushboolean(L, n != FAILED);
    lua_insert(L, n == FAILED ? -2 : -(n + 1));
    return n == FAILED ? 2 : n + 1;
}

static int resume_again(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    hold(L, lua_tothread(L, 1), false);
    return resume_step(L);
}

static int co_resume(lua_State *L)
{
    lua_State *thread = lua_tothread(L, 1);
    luaL_argexpected(L, thread, 1, "coroutine");
    if (is_held(L, thread)) {
        lua_pushboolean(L, 0);
        lua_pushliteral(L, "cannot resume a coroutine that waits for an answer");
        return 2;
    }
    return resume_step(L);
}

/* ---- coroutine.wrap ---- */

/* Raises the error on top of L. */
static int wrap_failed(lua_State *L, lua_State *thread)
{
    if (!flow_of(L)->kill && !fence_ended(thread) && lua_status(thread) > LUA_YIELD) {
        lua_xmove(L, thread, 1);
        lua_resetthread(thread); /* closes its variables; the error, or a newer one, is on top */
        lua_xmove(thread, L, 1);
    }
    return lua_error(L);
}

static int wrap_again(lua_State *L, int status, lua_KContext ctx);

static int wrap_resume(lua_State *L, lua_State *thread)
{
    int n = step(L, thread, lua_gettop(L), wrap_again);
    return n == FAILED ? wrap_failed(L, thread) : n;
}

static int wrap_again(lua_State *L, int status, lua_KContext ctx)
{
    lua_State *thread = lua_tothread(L, lua_upvalueindex(1));
    (void)status;
    (void)ctx;
    hold(L, thread, false);
    return wrap_resume(L, thread);
}

static int wrap_step(lua_State *L)
{
    lua_State *thread = lua_tothread(L, lua_upvalueindex(1));
    if (lua_status(thread) == LUA_OK && lua_gettop(thread) == 0)
        return fence_fail(L, "cannot resume a coroutine that has ended");
    if (lua_status(thread) > LUA_YIELD)
        return fence_fail(L, "cannot resume a coroutine that has failed");
    if (is_held(L, thread))
        return fence_fail(L, "cannot resume a coroutine that waits for an answer");
    return wrap_resume(L, thread);
}

static int co_wrap(lua_State *L)
{
    new_coroutine(L);
    lua_pushcclosure(L, wrap_step, 1);
    return 1;
}

static int co_close(lua_State *L)
{
    lua_State *co = lua_tothread(L, 1);
    luaL_argexpected(L, co, 1, "coroutine");
    if (fence_ended(co))
        return fence_fail(L, "cannot close a coroutine that was ended for using up its budget");
    if (is_held(L, co))
        return fence_fail(L, "cannot close a coroutine that waits for an answer");
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

void sandbox_open_coroutine(lua_State *L)
{
    static const luaL_Reg list[] = {{"yield", co_yield},
                                    {"create", co_create},
                                    {"resume", co_resume},
                                    {"wrap", co_wrap},
                                    {NULL, NULL}};
    lua_getglobal(L, "coroutine");
    luaL_setfuncs(L, list, 0);
    lua_getfield(L, -1, "close");
    lua_pushcclosure(L, co_close, 1);
    lua_setfield(L, -2, "close");
    lua_pop(L, 1);
    lua_newtable(L);
    lua_createtable(L, 0, 1); /* weak: threads come and go */
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    flow_of(L)->ref_held = luaL_ref(L, LUA_REGISTRYINDEX);
}
