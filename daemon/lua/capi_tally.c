/* capi_tally.c -- what scripts count, and ask of counting: engine/tally. */
#include "engine/turn/turn.h"
#include "lua/capi.h"

/* count(field, n, day or nil for today) */
int out_count(lua_State *L, struct coro *co)
{
    const char *field = luaL_checkstring(L, 1);
    turn_count(co->turn, field, luaL_checkinteger(L, 2), luaL_optinteger(L, 3, 0));
    return 0;
}

/* counted(): the day, and for how many ms it is kept (0: for ever); nil where nothing is counted. */
int out_counted(lua_State *L, struct coro *co)
{
    int64_t day;
    if (!turn_tallied(co->turn, &day)) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, day);
    lua_pushinteger(L, turn_tally_keep(co->turn) * 1000);
    return 2;
}

/* size(): members of the group without the bot, or nil. */
int out_size(lua_State *L, struct coro *co)
{
    int64_t n = turn_size(co->turn);
    if (n < 0)
        lua_pushnil(L);
    else
        lua_pushinteger(L, n);
    return 1;
}
