/* test_host_pattern.c -- our string.find, match, gmatch and gsub give what Lua's own give: written cases, then random ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <lualib.h>

#include "base/hash.h"
#include "lua/state.h"

/* A plain state with both libraries: `string` is Lua's, `ours` is ours. */
static lua_State *L;
static struct host host;
static struct flow flow;

static int setup(void **state)
{
    (void)state;
    L = luaL_newstate();
    flow.host = &host;
    *(struct flow **)lua_getextraspace(L) = &flow;
    luaL_openlibs(L);
    lua_newtable(L);
    sandbox_open_string(L);
    lua_setglobal(L, "ours");
    const char *compare =
        "local function all(lib, s, p, r)\n"
        "  local out = {}\n"
        "  local function add(...) for i = 1, select('#', ...) do out[#out + 1] = tostring((select(i, ...))) end out[#out + 1] = '|' end\n"
        "  add(pcall(lib.find, s, p)) add(pcall(lib.match, s, p)) add(pcall(lib.find, s, p, 3)) add(pcall(lib.match, s, p, -3))\n"
        "  add(pcall(lib.gsub, s, p, r)) add(pcall(lib.gsub, s, p, '%%<%0>')) add(pcall(lib.gsub, s, p, {a = 'A', ab = 1, b = false}, 2))\n"
        "  add(pcall(lib.gsub, s, p, function(...) return (...) and tostring((...)):upper() end)) add(pcall(lib.find, s, p, 1, true))\n"
        "  add(pcall(function() local l = {} for a, b in lib.gmatch(s, p) do l[#l + 1] = tostring(a) .. tostring(b) end return table.concat(l, ';') end))\n"
        "  return (table.concat(out, ' '):gsub('false [^|]*|', 'error |'))\n"
        "end\n"
        "function compare(s, p, r) local a, b = all(string, s, p, r), all(ours, s, p, r) "
        "if a ~= b then return ('%q %q\\nLua:  %s\\nours: %s'):format(s, p, a, b) end end";
    assert_int_equal(luaL_dostring(L, compare), LUA_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    lua_close(L);
    return 0;
}

static void compare(const char *s, size_t len, const char *p, size_t plen)
{
    flow.budget = INT64_MAX / 2;
    lua_getglobal(L, "compare");
    lua_pushlstring(L, s, len);
    lua_pushlstring(L, p, plen);
    lua_pushliteral(L, "[%1]");
    if (lua_pcall(L, 3, 1, 0) != LUA_OK || lua_isstring(L, -1))
        fail_msg("%s", lua_tostring(L, -1));
    lua_pop(L, 1);
}

static const char *const patterns[] = {
    "a",
    "^a",
    "a$",
    "^$",
    "",
    ".",
    ".*",
    ".-",
    "a-b",
    "(a*)(b*)",
    "()",
    "()a()",
    "%a+",
    "%s*(%S+)%s*",
    "^%s*(.-)%s*$",
    "[a-c]+",
    "[^a-c]+",
    "[]a]",
    "[^]a]",
    "[a-]",
    "[%a_][%w_]*",
    "%b()",
    "%f[%w]%w+",
    "(%w+) %1",
    "%d%d?%d?",
    "x?y?z?",
    "%.",
    "%%",
    "[",
    "[a",
    "%",
    "(",
    ")",
    "(()",
    "%1",
    "%b",
    "%f",
    "a**",
    "[%]]",
    "(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)(l)(m)(n)(o)(p)(q)(r)(s)(t)(u)(v)(w)(x)(y)(z)(a)(b)(c)(d)(e)(f)(g)",
    "[\\0-\\9]",
    "%z",
    "%g+",
    "[%s%p]",
    "$",
    "a$b",
    "^^a",
    "(.)%1",
    "[^%s]",
};
static const char *const texts[] = {"",
                                    "a",
                                    "b",
                                    "aab",
                                    "abcabc",
                                    "  trim me  ",
                                    "hello world hello",
                                    "f(a(b)c)d",
                                    "x = 12, y=345",
                                    "THE (quick) fox",
                                    "aaaaaa",
                                    "word word",
                                    "]a]",
                                    "a-b-c",
                                    "a.b%c",
                                    "a\nb\tc",
                                    "打卡 第3天",
                                    "^a$"};

static void test_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
        for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
            compare(texts[k], strlen(texts[k]), patterns[i], strlen(patterns[i]));
    compare("a\0b\0", 4, "%z", 2);
    compare("a\0b\0", 4, "b\0", 2);
    compare("a\0b\0", 4, "[\0]", 3);
}

static void test_random(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "a", "b",  "c", ".", "%a", "%w", "%d", "%s", "%S", "[ab]", "[^a]",  "[a-c]", "(",
        ")", "()", "*", "+", "-",  "?",  "^",  "$",  "%1", "%b()", "%f[b]", "%",     "["};
    static const char letters[] = "abc() 1";
    struct rng r;
    rng_seed(&r, 5);
    for (int i = 0; i < 30000; i++) {
        char p[64] = "", s[16];
        size_t n = 1 + rng_below(&r, 6), len = rng_below(&r, 12), at = 0;
        for (size_t k = 0; k < n; k++)
            at += (size_t)snprintf(p + at, sizeof p - at, "%s",
                                   pieces[rng_below(&r, sizeof pieces / sizeof pieces[0])]);
        for (size_t k = 0; k < len; k++)
            s[k] = letters[rng_below(&r, sizeof letters - 1)];
        compare(s, len, p, strlen(p));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_written),
                                       cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
