/* regex.c -- sop.match: PCRE2 with limits, so that no pattern can hold the loop.
 * Compiled patterns live in a table of the state (pattern text to userdata), emptied when it grows too long. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "lua/state.h"

enum {
    MATCH_LIMIT = 200000,
    DEPTH_LIMIT = 2000,
    HEAP_KIB = 4096,
    PATTERN_MAX = 4096,
    CACHE_MAX = 64
};

static const char regex_name[] = "sop.regex";

struct regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

static int regex_gc(lua_State *L)
{
    struct regex *r = luaL_checkudata(L, 1, regex_name);
    pcre2_match_data_free(r->data);
    pcre2_match_context_free(r->limits);
    pcre2_code_free(r->code);
    *r = (struct regex){NULL, NULL, NULL};
    return 0;
}

/* Pushes the compiled pattern at idx. */
static struct regex *regex_compile(lua_State *L, int idx)
{
    size_t len, at;
    int code;
    const char *pattern = luaL_checklstring(L, idx, &len);
    if (len > PATTERN_MAX)
        fence_fail(L, "sop.match: the pattern is longer than %d bytes", PATTERN_MAX);
    struct regex *r = lua_newuserdatauv(L, sizeof *r, 0);
    *r = (struct regex){NULL, NULL, NULL};
    luaL_setmetatable(L, regex_name);
    r->code = pcre2_compile((PCRE2_SPTR)pattern, len,
                            PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF, &code, &at, NULL);
    if (!r->code) {
        char why[200];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
        fence_fail(L, "sop.match: the pattern \"%.80s\" is wrong at byte %zu: %s", pattern, at + 1,
                   why);
    }
    r->data = pcre2_match_data_create_from_pattern(r->code, NULL);
    r->limits = pcre2_match_context_create(NULL);
    if (!r->data || !r->limits)
        fence_fail(L, "sop.match: not enough memory");
    pcre2_set_match_limit(r->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(r->limits, DEPTH_LIMIT);
    pcre2_set_heap_limit(r->limits, HEAP_KIB);
    return r;
}

/* Pushes the pattern at index 1 from the cache, compiling it if needed. */
static struct regex *regex_get(lua_State *L)
{
    lua_pushvalue(L, 1);
    if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TUSERDATA)
        return lua_touserdata(L, -1);
    lua_pop(L, 1);
    struct regex *r = regex_compile(L, 1);
    lua_Integer n = 0;
    lua_rawgeti(L, lua_upvalueindex(1), 1); /* the count: pattern texts are never integers */
    n = lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (n >= CACHE_MAX) {
        lua_pushnil(L);
        while (lua_next(L, lua_upvalueindex(1))) {
            lua_pop(L, 1);
            lua_pushvalue(L, -1);
            lua_pushnil(L);
            lua_rawset(L, lua_upvalueindex(1));
        }
        n = 0;
    }
    lua_pushinteger(L, n + 1);
    lua_rawseti(L, lua_upvalueindex(1), 1);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -2);
    lua_rawset(L, lua_upvalueindex(1));
    return r;
}

static void push_group(lua_State *L, const char *subject, const PCRE2_SIZE *v, int i)
{
    if (v[2 * i] == PCRE2_UNSET || v[2 * i] > v[2 * i + 1])
        lua_pushnil(L);
    else
        lua_pushlstring(L, subject + v[2 * i], v[2 * i + 1] - v[2 * i]);
}

/* match(pattern, subject, start): the groups (the whole match if it has none), or nil. */
static int regex_match(lua_State *L)
{
    size_t len;
    luaL_checkstring(L, 1);
    const char *subject = luaL_checklstring(L, 2, &len);
    lua_Integer start = luaL_optinteger(L, 3, 1);
    if (start < 1 || (size_t)start > len + 1)
        return fence_fail(L, "sop.match: the start %lld is outside the text", (long long)start);
    struct regex *r = regex_get(L);
    fence_charge(L, 200 + (int64_t)len);
    int rc =
        pcre2_match(r->code, (PCRE2_SPTR)subject, len, (size_t)start - 1, 0, r->data, r->limits);
    if (rc == PCRE2_ERROR_NOMATCH) {
        lua_pushnil(L);
        return 1;
    }
    if (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT || rc == PCRE2_ERROR_HEAPLIMIT)
        return fence_fail(L,
                          "sop.match: this pattern needs too many steps on this text (%zu bytes); "
                          "avoid repeats inside repeats, or match a shorter text",
                          len);
    if (rc < 0)
        return fence_fail(L, "sop.match: the match failed (code %d)", rc);
    uint32_t groups = 0;
    pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    const PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);
    luaL_checkstack(L, (int)groups + 2, "sop.match: too many groups");
    if (!groups)
        push_group(L, subject, v, 0);
    for (int i = 1; i <= (int)groups; i++) {
        if (i < rc)
            push_group(L, subject, v, i);
        else
            lua_pushnil(L);
    }
    return groups ? (int)groups : 1;
}

void regex_open(lua_State *L)
{
    luaL_newmetatable(L, regex_name);
    lua_pushcfunction(L, regex_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushcclosure(L, regex_match, 1);
    lua_setfield(L, -2, "match");
}
