/* sandbox_table.c -- the table library, and what of utf8 walks over whole texts, with their work charged to the instruction
 * budget, since the hook does not run inside C functions and a table may claim any length. */
#include "lua/state.h"

enum cost { COST_LENGTH, COST_RANGE, COST_SORT, COST_MOVE, COST_TEXT };

static int64_t length_of(lua_State *L, int idx)
{
    return lua_istable(L, idx) ? (int64_t)luaL_len(L, idx) : 0;
}

static int64_t range_cost(lua_State *L, int from, int to)
{
    int64_t i = luaL_optinteger(L, from, 1);
    int64_t j = lua_isnoneornil(L, to) ? length_of(L, 1) : lua_tointeger(L, to);
    if (j < i)
        return 0;
    uint64_t n = (uint64_t)j - (uint64_t)i;
    return n > INT32_MAX ? INT32_MAX : (int64_t)n;
}

static int64_t sort_cost(int64_t n)
{
    int64_t cost = n;
    for (int64_t m = n; m > 1; m /= 2)
        cost += n;
    return cost;
}

static int64_t cost_of(lua_State *L, enum cost cost)
{
    switch (cost) {
    case COST_LENGTH:
        return lua_gettop(L) >= lua_tointeger(L, lua_upvalueindex(3)) ? length_of(L, 1) / 4 : 0;
    case COST_RANGE:
        return range_cost(L, lua_tointeger(L, lua_upvalueindex(3)) == 3 ? 3 : 2,
                          lua_tointeger(L, lua_upvalueindex(3)) == 3 ? 4 : 3);
    case COST_SORT: return sort_cost(length_of(L, 1));
    case COST_MOVE: return range_cost(L, 2, 3);
    case COST_TEXT: return lua_type(L, 1) == LUA_TSTRING ? (int64_t)lua_rawlen(L, 1) / 8 : 0;
    }
    return 0;
}

static int table_guarded(lua_State *L)
{
    int64_t cost = cost_of(L, (enum cost)lua_tointeger(L, lua_upvalueindex(2)));
    if (cost > 0)
        fence_charge(L, cost);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static void guard(lua_State *L, const char *name, enum cost cost, int first)
{
    lua_getfield(L, -1, name);
    lua_pushinteger(L, cost);
    lua_pushinteger(L, first);
    lua_pushcclosure(L, table_guarded, 3);
    lua_setfield(L, -2, name);
}

/* `first`: for a range which argument begins it, for LENGTH with how many arguments values are shifted. */
void sandbox_open_table(lua_State *L)
{
    lua_getglobal(L, "table");
    guard(L, "concat", COST_RANGE, 3);
    guard(L, "unpack", COST_RANGE, 2);
    guard(L, "insert", COST_LENGTH, 3);
    guard(L, "remove", COST_LENGTH, 2);
    guard(L, "sort", COST_SORT, 0);
    guard(L, "move", COST_MOVE, 0);
    lua_pop(L, 1);
    lua_getglobal(L, "utf8");
    guard(L, "len", COST_TEXT, 0);
    guard(L, "offset", COST_TEXT, 0);
    lua_pop(L, 1);
}
