/* sandbox.c -- the world that scripts see: Lua's own libraries without the ways out of it, with a defined order of `pairs`,
 * without addresses in texts, and without calls that work for long where the hook cannot see it. */
#include <stdlib.h>
#include <string.h>

#include <lualib.h>

#include "lua/state.h"

enum { COST_KEYS = 2 };

/* ---- order of keys ---- */

enum rank { RANK_NUMBER, RANK_STRING, RANK_BOOLEAN, RANK_OTHER };

struct key {
    enum rank rank;
    lua_Integer i; /* NUMBER that is an integer, BOOLEAN */
    lua_Number n;  /* NUMBER */
    const char *s; /* STRING */
    size_t len;
    bool integer;
};

static struct key key_at(lua_State *L, int idx)
{
    struct key k = {.rank = RANK_OTHER};
    switch (lua_type(L, idx)) {
    case LUA_TNUMBER:
        k.rank = RANK_NUMBER;
        k.integer = lua_isinteger(L, idx);
        k.i = k.integer ? lua_tointeger(L, idx) : 0;
        k.n = lua_tonumber(L, idx);
        break;
    case LUA_TSTRING:
        k.rank = RANK_STRING;
        k.s = lua_tolstring(L, idx, &k.len);
        break;
    case LUA_TBOOLEAN:
        k.rank = RANK_BOOLEAN;
        k.i = lua_toboolean(L, idx);
        break;
    default: break;
    }
    return k;
}

static int key_compare(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->rank == RANK_STRING) {
        int c = memcmp(x->s, y->s, x->len < y->len ? x->len : y->len);
        return c ? c : (x->len > y->len) - (x->len < y->len);
    }
    if (x->rank == RANK_NUMBER && !(x->integer && y->integer))
        return (x->n > y->n) - (x->n < y->n);
    return (x->i > y->i) - (x->i < y->i);
}

static void push_key(lua_State *L, const struct key *k)
{
    if (k->rank == RANK_STRING)
        lua_pushlstring(L, k->s, k->len);
    else if (k->rank == RANK_BOOLEAN)
        lua_pushboolean(L, (int)k->i);
    else if (k->integer)
        lua_pushinteger(L, k->i);
    else
        lua_pushnumber(L, k->n);
}

static void refuse_key(lua_State *L, int idx)
{
    fence_fail(
        L, "a table with a %s as key has no defined order: use names or numbers as keys, or a list",
        luaL_typename(L, idx));
}

/* Number of keys; *list = they come as 1, 2, 3 ... by themselves. */
static size_t survey(lua_State *L, int idx, bool *list)
{
    size_t n = 0;
    *list = true;
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        lua_pop(L, 1);
        n++;
        if (*list && !(lua_isinteger(L, -1) && lua_tointeger(L, -1) == (lua_Integer)n))
            *list = false;
    }
    return n;
}

static void sorted_keys(lua_State *L, int idx, size_t n)
{
    struct key *keys = lua_newuserdatauv(L, (n + 1) * sizeof *keys, 0);
    size_t at = 0;
    bool others = false;
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        lua_pop(L, 1);
        keys[at] = key_at(L, -1);
        others = others || keys[at].rank == RANK_OTHER;
        if (others)
            refuse_key(L, -1);
        at++;
    }
    qsort(keys, n, sizeof *keys, key_compare);
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        push_key(L, &keys[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_replace(L, -2); /* the userdata has served */
}

void sandbox_keys(lua_State *L, int idx)
{
    bool list;
    luaL_checkstack(L, 6, "keys");
    idx = lua_absindex(L, idx);
    size_t n = survey(L, idx, &list);
    fence_charge(L, (int64_t)n * COST_KEYS);
    sorted_keys(L, idx, n);
}

/* pairs over sorted keys: upvalues are the list of keys and the position. */
static int pairs_step(lua_State *L)
{
    lua_Integer i = lua_tointeger(L, lua_upvalueindex(2));
    for (;;) {
        lua_settop(L, 1);
        if (lua_rawgeti(L, lua_upvalueindex(1), ++i) == LUA_TNIL)
            return 1;
        lua_pushvalue(L, -1);
        if (lua_rawget(L, 1) != LUA_TNIL) /* else removed meanwhile */
            break;
    }
    lua_pushinteger(L, i);
    lua_replace(L, lua_upvalueindex(2));
    return 2;
}

static int pairs_done(lua_State *L, int status, lua_KContext ctx)
{
    (void)L;
    (void)status;
    (void)ctx;
    return 3;
}

static int sandbox_pairs(lua_State *L)
{
    luaL_checkany(L, 1);
    if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
        lua_pushvalue(L, 1);
        lua_callk(L, 1, 3, 0, pairs_done);
        return 3;
    }
    if (!lua_istable(L, 1))
        return fence_fail(L, "pairs needs a table, not a %s value", luaL_typename(L, 1));
    bool list;
    lua_settop(L, 1);
    size_t n = survey(L, 1, &list);
    fence_charge(L, (int64_t)n * COST_KEYS);
    if (list) {
        lua_pushvalue(L, lua_upvalueindex(1)); /* Lua's own next keeps that order */
    } else {
        sorted_keys(L, 1, n);
        lua_pushinteger(L, 0);
        lua_pushcclosure(L, pairs_step, 2);
    }
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

/* next(t, k): the smallest key above k. Linear, for `next(t) == nil` and the like. */
static int sandbox_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    bool first = lua_isnil(L, 2), found = false;
    struct key after = key_at(L, 2), best = {.rank = RANK_OTHER};
    int64_t n = 0;
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        n++;
        struct key k = key_at(L, -1);
        if (k.rank == RANK_OTHER)
            refuse_key(L, -1);
        if ((first || key_compare(&k, &after) > 0) && (!found || key_compare(&k, &best) < 0)) {
            best = k;
            found = true;
        }
    }
    fence_charge(L, n * COST_KEYS);
    if (!found) {
        lua_pushnil(L);
        return 1;
    }
    push_key(L, &best);
    lua_pushvalue(L, -1);
    lua_rawget(L, 1);
    return 2;
}

/* ---- texts without addresses ---- */

void sandbox_tostring(lua_State *L, int idx)
{
    idx = lua_absindex(L, idx);
    switch (lua_type(L, idx)) {
    case LUA_TTABLE:
    case LUA_TFUNCTION:
    case LUA_TUSERDATA:
    case LUA_TLIGHTUSERDATA:
    case LUA_TTHREAD:
        if (luaL_getmetafield(L, idx, "__tostring") == LUA_TNIL) {
            if (luaL_getmetafield(L, idx, "__name") != LUA_TSTRING)
                lua_pushstring(L, luaL_typename(L, idx));
            return;
        }
        lua_pop(L, 1);
        break;
    default: break;
    }
    luaL_tolstring(L, idx, NULL);
}

static int sandbox_tostring_call(lua_State *L)
{
    luaL_checkany(L, 1);
    sandbox_tostring(L, 1);
    return 1;
}

static int sandbox_format(lua_State *L)
{
    size_t len;
    const char *fmt = luaL_checklstring(L, 1, &len);
    for (size_t i = 0; i + 1 < len; i++) {
        if (fmt[i] != '%')
            continue;
        i++;
        while (i < len && fmt[i] && strchr("-+ #0123456789.", fmt[i]))
            i++;
        if (i < len && fmt[i] == 'p')
            return fence_fail(L, "string.format: %%p is not available");
    }
    for (int i = 2; i <= lua_gettop(L); i++)
        if (lua_type(L, i) > LUA_TSTRING || lua_type(L, i) == LUA_TLIGHTUSERDATA) {
            sandbox_tostring(L, i);
            lua_replace(L, i);
        }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

/* string.rep: Lua's own runs n rounds even for empty strings. */
static int sandbox_rep(lua_State *L)
{
    size_t len, seplen;
    const char *s = luaL_checklstring(L, 1, &len);
    lua_Integer n = luaL_checkinteger(L, 2);
    const char *sep = luaL_optlstring(L, 3, "", &seplen);
    size_t cap = flow_of(L)->memory.cap;
    if (n <= 0 || len + seplen == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if ((size_t)n > cap / (len + seplen))
        return fence_fail(
            L, "string.rep: the result would be larger than the memory of a flow (%zu MiB)",
            cap >> 20);
    size_t total = (size_t)n * len + (size_t)(n - 1) * seplen;
    luaL_Buffer b;
    char *p = luaL_buffinitsize(L, &b, total);
    for (lua_Integer i = 0; i < n; i++) {
        if (i && seplen) {
            memcpy(p, sep, seplen);
            p += seplen;
        }
        memcpy(p, s, len);
        p += len;
    }
    luaL_pushresultsize(&b, total);
    return 1;
}

/* ---- the rest of the base library ---- */

static int sandbox_setmetatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return fence_fail(
                L, "setmetatable: __gc is not available, for nobody could say when it runs");
        lua_settop(L, 2);
    } else if (!lua_isnoneornil(L, 2)) {
        return luaL_typeerror(L, 2, "nil or table");
    }
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return fence_fail(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

static int sandbox_collectgarbage(lua_State *L)
{
    const char *what = luaL_optstring(L, 1, "collect");
    if (strcmp(what, "count") != 0)
        return fence_fail(L, "collectgarbage: only \"count\" is available");
    lua_pushnumber(L, (lua_Number)flow_of(L)->memory.used / 1024);
    return 1;
}

/* ---- xpcall ---- */

/* Message handlers run while the error is raised: if a fence raised it, the hook is off and the script's own must not run. */
static int guard_handler(lua_State *L)
{
    if (flow_of(L)->kill)
        return 1;
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static int xpcall_done(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    return lua_gettop(L);
}

static int sandbox_xpcall(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, guard_handler, 1);
    lua_replace(L, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, xpcall_done);
    return lua_gettop(L);
}

/* ---- putting it together ---- */

static void remove_globals(lua_State *L)
{
    static const char *const gone[] = {"_G", "dofile", "loadfile", "load", "loadstring", "warn"};
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
        lua_pushnil(L);
        lua_setglobal(L, gone[i]);
    }
}

static void open_base(lua_State *L)
{
    lua_getglobal(L, "next");
    lua_pushcclosure(L, sandbox_pairs, 1);
    lua_setglobal(L, "pairs");
    lua_getglobal(L, "xpcall");
    lua_pushcclosure(L, sandbox_xpcall, 1);
    lua_setglobal(L, "xpcall");
    lua_pushcfunction(L, sandbox_next);
    lua_setglobal(L, "next");
    lua_pushcfunction(L, sandbox_tostring_call);
    lua_setglobal(L, "tostring");
    lua_pushcfunction(L, sandbox_setmetatable);
    lua_setglobal(L, "setmetatable");
    lua_pushcfunction(L, sandbox_collectgarbage);
    lua_setglobal(L, "collectgarbage");
    lua_pushcfunction(L, load_require);
    lua_setglobal(L, "require");
    remove_globals(L);
}

static void open_string(lua_State *L)
{
    lua_getglobal(L, "string");
    lua_getfield(L, -1, "format");
    lua_pushcclosure(L, sandbox_format, 1);
    lua_setfield(L, -2, "format");
    lua_pushcfunction(L, sandbox_rep);
    lua_setfield(L, -2, "rep");
    lua_pushnil(L);
    lua_setfield(L, -2, "dump");
    sandbox_open_string(L);
    lua_pop(L, 1);
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

void sandbox_open(lua_State *L)
{
    static const luaL_Reg libs[] = {{LUA_GNAME, luaopen_base},
                                    {LUA_COLIBNAME, luaopen_coroutine},
                                    {LUA_TABLIBNAME, luaopen_table},
                                    {LUA_STRLIBNAME, luaopen_string},
                                    {LUA_MATHLIBNAME, luaopen_math},
                                    {LUA_UTF8LIBNAME, luaopen_utf8},
                                    {NULL, NULL}};
    for (const luaL_Reg *lib = libs; lib->func; lib++) {
        luaL_requiref(L, lib->name, lib->func, 1);
        lua_pop(L, 1);
    }
    open_base(L);
    open_string(L);
    sandbox_open_coroutine(L);
    sandbox_open_table(L);
    sandbox_open_time(L);
}
