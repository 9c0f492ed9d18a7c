/* sandbox_coroutine.c -- coroutines that scripts make for themselves. They may not wait for answers (coro.c), making them is
 * charged, and one that a fence has ended is never closed: its <close> variables would run with the hook off. */
#include "lua/state.h"

enum { COST_COROUTINE = 200 };

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

/* Raises the error on top of co's stack in L. */
static int wrap_failed(lua_State *L, lua_State *co)
{
    if (!flow_of(L)->kill && !fence_ended(co) && lua_status(co) > LUA_YIELD)
        lua_resetthread(co); /* closes its variables; the error, or a newer one, is on top */
    lua_xmove(co, L, 1);
    return lua_error(L);
}

static int wrap_step(lua_State *L)
{
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    int nargs = lua_gettop(L), nresults;
    if (lua_status(co) == LUA_OK && lua_gettop(co) == 0)
        return fence_fail(L, "cannot resume a coroutine that has ended");
    if (lua_status(co) > LUA_YIELD || !lua_checkstack(co, nargs))
        return fence_fail(L, "cannot resume a coroutine that has failed");
    lua_xmove(L, co, nargs);
    int status = lua_resume(co, L, nargs, &nresults);
    if (status != LUA_OK && status != LUA_YIELD)
        return wrap_failed(L, co);
    luaL_checkstack(L, nresults, "too many results");
    lua_xmove(co, L, nresults);
    return nresults;
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
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

void sandbox_open_coroutine(lua_State *L)
{
    static const luaL_Reg list[] = {
        {"yield", co_yield}, {"create", co_create}, {"wrap", co_wrap}, {NULL, NULL}};
    lua_getglobal(L, "coroutine");
    luaL_setfuncs(L, list, 0);
    lua_getfield(L, -1, "close");
    lua_pushcclosure(L, co_close, 1);
    lua_setfield(L, -2, "close");
    lua_pop(L, 1);
}
