/* test_journal.c -- the text of journals: every value comes back as it was, and damaged lines are refused, not believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>

#include "base/hash.h"
#include "lua/journal.h"

/* same(a, b): equal in type, kind of number and content. */
static const char prelude[] =
    "function same(a, b) if math.type(a) ~= math.type(b) or type(a) ~= type(b) then return false end "
    "if a ~= a then return b ~= b end if a == 0 and math.type(a) == 'float' then return 1 / a == 1 / b end "
    "if type(a) ~= 'table' then return a == b end if #a ~= #b then return false end "
    "for k, v in pairs(a) do if not same(v, b[k]) then return false end end "
    "for k in pairs(b) do if a[k] == nil then return false end end return true end "
    "function all(...) local a, b = ... return select('#', ...) end";

static lua_State *begin(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    assert_int_equal(luaL_dostring(L, prelude), LUA_OK);
    return L;
}

/* Records what the chunk returns and reads it back; *text is the line. */
static void round_trip(lua_State *L, const char *chunk, struct buf *text)
{
    struct journal j = {.on = true}, back = {0};
    struct journal_line line;
    lua_settop(L, 0);
    if (luaL_dostring(L, chunk) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
    int n = lua_gettop(L);
    journal_add_call(&j, L, 'r', 0x12ab, 1, n);
    assert_int_equal(j.entries, 1);
    assert_int_equal(j.bytes, j.lines.len);
    assert_ptr_equal(memchr(j.lines.data, '\n', j.lines.len), j.lines.data + j.lines.len - 1);
    journal_replay(&back, j.lines.data, j.lines.len);
    assert_true(journal_next(&back, &line));
    assert_int_equal(line.kind, 'r');
    assert_true(line.hashed);
    assert_int_equal(line.hash, 0x12ab);
    assert_int_equal(journal_results(L, &line), n);
    assert_int_equal(back.bytes, j.bytes);
    assert_false(journal_peek(&back, &line));
    for (int i = 1; i <= n; i++) {
        lua_getglobal(L, "same");
        lua_pushvalue(L, i);
        lua_pushvalue(L, n + i);
        lua_call(L, 2, 1);
        if (!lua_toboolean(L, -1))
            fail_msg("%s: result %d came back differently: %s", chunk, i, buf_cstr(&j.lines));
        lua_pop(L, 1);
    }
    buf_reset(text);
    buf_add(text, j.lines.data, j.lines.len);
    journal_clear(&j);
}

static void test_values(void **state)
{
    (void)state;
    static const struct {
        const char *chunk, *line;
    } cases[] = {
        {"return", "r000012ab \n"},
        {"return nil", "r000012ab null\n"},
        {"return nil, nil", "r000012ab [null,null]\n"},
        {"return true, false", "r000012ab [true,false]\n"},
        {"return 5", "r000012ab 5\n"},
        {"return 5.0", "r000012ab 5.0\n"},
        {"return math.mininteger", "r000012ab -9223372036854775808\n"},
        {"return math.maxinteger", "r000012ab 9223372036854775807\n"},
        {"return 0.1, 1e300, -0.0, 1e15, 3.14e-300", NULL},
        {"return 1/0, -1/0, 0/0", "r000012ab [inf,-inf,nan]\n"},
        {"return ''", "r000012ab \"\"\n"},
        {"return '中文 \\n\\t\\0\\1\\127 \"x\" \\\\'", NULL},
        {"return '\\255\\254'", "r000012ab x\"fffe\"\n"},
        {"return ('\\200'):rep(3000), ('ab\\n'):rep(3000)", NULL},
        {"return {}", "r000012ab [[]]\n"},
        {"return {1, 2, {3.0}}", "r000012ab [[1,2,[3.0]]]\n"},
        {"return {a = 1}", "r000012ab [{\"a\":1}]\n"},
        {"return {a = {b = {c = {true}}}, ['\\255'] = 1, [7] = 2, [2.5] = 3, [true] = 4}", NULL},
        {"return {[1] = 1, [1000000] = 2}", NULL},
        {"return {nil, 2}", "r000012ab [[null,2]]\n"},
        {"return {nil, nil, 3, 4}", NULL},
        {"return 'say', true", "r000012ab [\"say\",true]\n"},
        {"return nil, 'why'", "r000012ab [null,\"why\"]\n"},
    };
    lua_State *L = begin();
    struct buf text = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        round_trip(L, cases[i].chunk, &text);
        if (cases[i].line)
            assert_string_equal(buf_cstr(&text), cases[i].line);
    }
    buf_free(&text);
    lua_close(L);
}

static void test_error(void **state)
{
    (void)state;
    lua_State *L = begin();
    struct journal j = {.on = true};
    struct journal_line line;
    lua_pushliteral(L, "flows/x.lua:5: no\nreally");
    journal_add_error(&j, L, 's', 1);
    journal_replay(&j, j.lines.data, j.lines.len);
    assert_true(journal_next(&j, &line));
    assert_int_equal(journal_results(L, &line), JOURNAL_RAISED);
    assert_string_equal(lua_tostring(L, -1), "flows/x.lua:5: no\nreally");
    journal_clear(&j);
    lua_close(L);
}

static void test_lines(void **state)
{
    (void)state;
    static const char text[] =
        "r00000001 5\n?00000002 {\"due\":5}\n+{\"type\":\"join\"}\n+{}\n!{\"now\":1}\nw0000000g \n";
    struct journal j = {0};
    struct journal_line line;
    journal_replay(&j, text, sizeof text - 1);
    assert_true(journal_next(&j, &line) && line.kind == 'r' && line.len == 1);
    assert_true(journal_peek(&j, &line) && line.kind == '?' && line.hash == 2);
    assert_true(journal_next(&j, &line) && line.kind == '?' && line.hash == 2 && line.len == 9);
    assert_true(journal_next(&j, &line) && line.kind == '!' && *line.text == '{');
    assert_true(journal_next(&j, &line) && line.kind == 'w' && !line.hashed);
    assert_false(journal_next(&j, &line));
    assert_int_equal(j.entries, 4);
}

static void test_hashes(void **state)
{
    (void)state;
    static const char a[] = "{\"commands\":[\"due\"],\"due\":1795320000123,\"kind\":\"ask\"}";
    static const char b[] = "{\"commands\":[\"due\"],\"due\":5,\"kind\":\"ask\"}";
    static const char c[] = "{\"commands\":[\"due\"],\"due\":5,\"kind\":\"asks\"}";
    lua_State *L = begin();
    assert_int_equal(journal_hash_spec(a, sizeof a - 1), journal_hash_spec(b, sizeof b - 1));
    assert_int_not_equal(journal_hash_spec(a, sizeof a - 1), journal_hash_spec(c, sizeof c - 1));
    static const char *const differ[] = {
        "return 1",       "return 1.0",  "return '1'", "return true",   "return false",
        "return 'a','b'", "return 'ab'", "return {}",  "return nil, 1", "return"};
    uint32_t seen[10];
    for (int i = 0; i < 10; i++) {
        lua_settop(L, 0);
        assert_int_equal(luaL_dostring(L, differ[i]), LUA_OK);
        seen[i] = journal_hash(L, 1, lua_gettop(L));
        for (int k = 0; k < i; k++)
            assert_int_not_equal(seen[i], seen[k]);
    }
    lua_settop(L, 0);
    lua_pushnil(L);
    assert_int_equal(journal_hash(L, 1, 1), seen[9]); /* trailing nils do not count */
    lua_close(L);
}

static void test_cut(void **state)
{
    (void)state;
    lua_State *L = begin();
    struct journal j = {.on = true};
    lua_pushinteger(L, 5);
    journal_add_call(&j, L, 'r', 1, 1, 1);
    int64_t at = journal_position(&j);
    size_t bytes = j.bytes;
    journal_add_call(&j, L, 'r', 2, 1, 1);
    journal_add_call(&j, L, 'r', 3, 1, 1);
    journal_cut(&j, at);
    assert_int_equal(j.entries, 1);
    assert_int_equal(j.bytes, bytes);
    journal_cut(&j, -1);
    buf_reset(&j.lines); /* a wait is between */
    journal_cut(&j, at);
    assert_int_equal(j.entries, 1);
    journal_clear(&j);
    lua_close(L);
}

static int results_of(lua_State *L)
{
    journal_results(L, lua_touserdata(L, 1));
    return 0;
}

static void test_damaged(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[",        "[1",  "]",    "[1,]",    "{",      "{\"a\"}", "{\"a\":}", "{nan:1}",
        "{null:1}", "\"",  "\"\\", "\"\\u00", "x\"f\"", "x\"fg\"", "x",        "tru",
        "1.2.3",    "--5", "1 2",  "!",       "![",     "\"a\" b", "[1]2",     "inf1"};
    static const char seed[] = "[{\"a\":[1,2.5,x\"ff00\",\"\\u0001\\n\"],2:-inf},null,true,\"x\"]";
    lua_State *L = begin();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct journal_line line = {.kind = 'r', .text = bad[i], .len = strlen(bad[i])};
        if (journal_results(L, &line) != JOURNAL_DAMAGED)
            fail_msg("believed: %s", bad[i]);
        assert_int_equal(lua_gettop(L), 0);
    }
    struct rng r;
    rng_seed(&r, 3);
    for (int i = 0; i < 100000; i++) {
        size_t len = 1 + rng_below(&r, sizeof seed - 1);
        char *text = malloc(len); /* exact: a reader that goes on is caught */
        memcpy(text, seed, len);
        for (int k = (int)rng_below(&r, 4); k > 0; k--)
            text[rng_below(&r, len)] = seed[rng_below(&r, sizeof seed - 1)];
        struct journal_line line = {.kind = 'r', .text = text, .len = len};
        lua_pushcfunction(L, results_of);
        lua_pushlightuserdata(L, &line);
        assert_int_equal(lua_pcall(L, 1, 0, 0), LUA_OK);
        free(text);
    }
    char deep[200];
    memset(deep, '[', sizeof deep);
    struct journal_line line = {.kind = 'r', .text = deep, .len = sizeof deep};
    assert_int_equal(journal_results(L, &line), JOURNAL_DAMAGED);
    lua_close(L);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values), cmocka_unit_test(test_error), cmocka_unit_test(test_lines),
        cmocka_unit_test(test_hashes), cmocka_unit_test(test_cut),   cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
