/* sandbox_string.c -- string.find, match, gmatch and gsub over our own matcher, which counts steps. Steps are taken off the
 * handler's instruction budget, and one call may take STEPS_MAX. */
#include <ctype.h>
#include <string.h>

#include "lua/pattern.h"
#include "lua/state.h"

enum { STEPS_MAX = 1000000 };

/* Settles the account of a call and raises what went wrong. */
static void settle(lua_State *L, const struct pattern *m, int64_t before)
{
    fence_charge(L, before - (m->steps < 0 ? 0 : m->steps));
    if (!m->error)
        return;
    if (m->steps < 0)
        fence_fail(
            L,
            "this pattern needs more than %d steps on a text of %zu bytes: use sop.match, or fewer of * + -",
            STEPS_MAX, (size_t)(m->text_end - m->text));
    fence_fail(L, "malformed pattern: %s", m->error);
}

static void push_capture(lua_State *L, const struct pattern *m, int i, const char *start,
                         const char *end)
{
    if (i >= m->ncaptures) {
        if (i)
            fence_fail(L, "invalid capture index %%%d", i + 1);
        lua_pushlstring(L, start, (size_t)(end - start));
        return;
    }
    const struct capture *c = &m->captures[i];
    if (c->len == CAPTURE_POSITION)
        lua_pushinteger(L, c->start - m->text + 1);
    else if (c->len == CAPTURE_OPEN)
        fence_fail(L, "malformed pattern: a ( has no )");
    else
        lua_pushlstring(L, c->start, (size_t)c->len);
}

/* All captures, or the whole match if there are none (start not NULL). */
static int push_captures(lua_State *L, const struct pattern *m, const char *start, const char *end)
{
    int n = m->ncaptures == 0 && start ? 1 : m->ncaptures;
    luaL_checkstack(L, n, "too many captures");
    for (int i = 0; i < n; i++)
        push_capture(L, m, i, start, end);
    return n;
}

static size_t start_position(lua_State *L, int idx, size_t len)
{
    lua_Integer init = luaL_optinteger(L, idx, 1);
    if (init > 0)
        return (size_t)init - 1;
    if (init == 0 || init < -(lua_Integer)len)
        return 0;
    return len + (size_t)init;
}

static bool has_magic(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] && strchr("^$*+?.([%-", p[i]))
            return true;
    return false;
}

static int find_plain(lua_State *L, const char *s, size_t len, const char *p, size_t plen,
                      size_t init)
{
    fence_charge(L, (int64_t)((len - init) / 64));
    const char *at = memmem(s + init, len - init, p, plen);
    if (!at) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, at - s + 1);
    lua_pushinteger(L, at - s + (lua_Integer)plen);
    return 2;
}

static int find_or_match(lua_State *L, bool find)
{
    size_t len, plen;
    const char *s = luaL_checklstring(L, 1, &len), *p = luaL_checklstring(L, 2, &plen);
    size_t init = start_position(L, 3, len);
    if (init > len) {
        lua_pushnil(L);
        return 1;
    }
    if (find && (lua_toboolean(L, 4) || !has_magic(p, plen)))
        return find_plain(L, s, len, p, plen, init);
    struct pattern m;
    const char *from = s + init;
    pattern_init(&m, s, len, p, plen, STEPS_MAX);
    const char *end = pattern_search(&m, &from);
    settle(L, &m, STEPS_MAX);
    if (!end) {
        lua_pushnil(L);
        return 1;
    }
    if (!find)
        return push_captures(L, &m, from, end);
    lua_pushinteger(L, from - s + 1);
    lua_pushinteger(L, end - s);
    return push_captures(L, &m, NULL, NULL) + 2;
}

static int string_find(lua_State *L)
{
    return find_or_match(L, true);
}

static int string_match(lua_State *L)
{
    return find_or_match(L, false);
}

/* Upvalues: text, pattern, next place, end of the last match (or -1). */
static int gmatch_step(lua_State *L)
{
    size_t len, plen;
    const char *s = lua_tolstring(L, lua_upvalueindex(1), &len),
               *p = lua_tolstring(L, lua_upvalueindex(2), &plen);
    const char *last = s + lua_tointeger(L, lua_upvalueindex(4));
    struct pattern m;
    pattern_init(&m, s, len, p, plen, STEPS_MAX);
    m.p = p; /* ^ means nothing special here, as in Lua */
    m.anchored = false;
    for (const char *at = s + lua_tointeger(L, lua_upvalueindex(3)); at <= s + len; at++) {
        const char *end = pattern_at(&m, at);
        if (m.error)
            break;
        if (!end || end == last)
            continue;
        settle(L, &m, STEPS_MAX);
        lua_pushinteger(L, end - s);
        lua_pushvalue(L, -1);
        lua_replace(L, lua_upvalueindex(3));
        lua_replace(L, lua_upvalueindex(4));
        return push_captures(L, &m, at, end);
    }
    settle(L, &m, STEPS_MAX);
    return 0;
}

static int string_gmatch(lua_State *L)
{
    size_t len;
    luaL_checklstring(L, 1, &len);
    luaL_checkstring(L, 2);
    size_t init = start_position(L, 3, len);
    lua_settop(L, 2);
    lua_pushinteger(L, (lua_Integer)(init > len ? len + 1 : init));
    lua_pushinteger(L, -1);
    lua_pushcclosure(L, gmatch_step, 4);
    return 1;
}

/* %0 to %9 and %% in the replacement text at index 3. */
static void add_template(lua_State *L, luaL_Buffer *b, const struct pattern *m, const char *start,
                         const char *end)
{
    size_t len;
    const char *t = lua_tolstring(L, 3, &len), *t_end = t + len;
    while (t < t_end) {
        const char *percent = memchr(t, '%', (size_t)(t_end - t));
        luaL_addlstring(b, t, (size_t)((percent ? percent : t_end) - t));
        if (!percent)
            return;
        char c = percent + 1 < t_end ? percent[1] : '\0';
        if (c == '%') {
            luaL_addchar(b, '%');
        } else if (c == '0') {
            luaL_addlstring(b, start, (size_t)(end - start));
        } else if (isdigit((unsigned char)c)) {
            push_capture(L, m, c - '1', start, end);
            luaL_tolstring(L, -1, NULL);
            lua_remove(L, -2);
            luaL_addvalue(b);
        } else {
            fence_fail(L, "invalid use of %% in the replacement");
        }
        t = percent + 2;
    }
}

/* Adds the replacement of one match; false or nil keeps the original. */
static void add_replacement(lua_State *L, luaL_Buffer *b, const struct pattern *m,
                            const char *start, const char *end)
{
    switch (lua_type(L, 3)) {
    case LUA_TFUNCTION:
        lua_pushvalue(L, 3);
        lua_call(L, push_captures(L, m, start, end), 1);
        break;
    case LUA_TTABLE:
        push_capture(L, m, 0, start, end);
        lua_gettable(L, 3);
        break;
    default: add_template(L, b, m, start, end); return;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(b, start, (size_t)(end - start));
    } else if (lua_isstring(L, -1)) {
        luaL_addvalue(b);
    } else {
        fence_fail(L, "string.gsub: the replacement is a %s, not a string", luaL_typename(L, -1));
    }
}

static int string_gsub(lua_State *L)
{
    size_t len, plen;
    const char *s = luaL_checklstring(L, 1, &len), *p = luaL_checklstring(L, 2, &plen);
    int kind = lua_type(L, 3);
    lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)len + 1), n = 0;
    luaL_argexpected(L,
                     kind == LUA_TNUMBER || kind == LUA_TSTRING || kind == LUA_TFUNCTION ||
                         kind == LUA_TTABLE,
                     3, "string/function/table");
    if (kind == LUA_TNUMBER)
        lua_tostring(L, 3);
    struct pattern m;
    luaL_Buffer b;
    const char *at = s, *last = NULL;
    pattern_init(&m, s, len, p, plen, STEPS_MAX);
    luaL_buffinit(L, &b);
    while (n < most) {
        const char *end = pattern_at(&m, at);
        if (m.error)
            break;
        if (end && end != last) {
            n++;
            add_replacement(L, &b, &m, at, end);
            at = last = end;
        } else if (at < m.text_end) {
            luaL_addchar(&b, *at);
            at++;
        } else {
            break;
        }
        if (m.anchored)
            break;
    }
    settle(L, &m, STEPS_MAX);
    luaL_addlstring(&b, at, (size_t)(m.text_end - at));
    luaL_pushresult(&b);
    lua_pushinteger(L, n);
    return 2;
}

void sandbox_open_string(lua_State *L)
{
    static const luaL_Reg list[] = {{"find", string_find},
                                    {"match", string_match},
                                    {"gmatch", string_gmatch},
                                    {"gsub", string_gsub},
                                    {NULL, NULL}};
    luaL_setfuncs(L, list, 0);
}
