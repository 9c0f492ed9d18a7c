/* test_compare.c -- the arithmetic of experiments (lua/prelude/compare.lua), the very chunk that flows and `sopd ctl experiment` run:
 * quantiles against tables, Newcombe's published examples, Welch's interval against worked values, and thousands of experiments in
 * which there is nothing to find (A/A), through the real assignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <openssl/sha.h>

extern const char embed_compare_lua[];
extern const unsigned long embed_compare_lua_len;

static lua_State *L;

static int digest(lua_State *l)
{
    size_t len;
    unsigned char out[SHA256_DIGEST_LENGTH];
    char hex[65];
    const char *s = luaL_checklstring(l, 1, &len);
    SHA256((const unsigned char *)s, len, out);
    for (int i = 0; i < SHA256_DIGEST_LENGTH; i++)
        snprintf(hex + 2 * i, 3, "%02x", out[i]);
    lua_pushstring(l, hex);
    return 1;
}

static void run(const char *text)
{
    if (luaL_dostring(L, text) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
}

/* S.sop.compare, S.experiment as globals, and what the cases share. */
static int setup(void **state)
{
    (void)state;
    L = luaL_newstate();
    luaL_openlibs(L);
    lua_pushcfunction(L, digest);
    lua_setglobal(L, "sha256");
    run("S = { sop = {} } P = { fail = error, sha256 = sha256 }");
    assert_int_equal(luaL_loadbuffer(L, embed_compare_lua, embed_compare_lua_len, "=compare"),
                     LUA_OK);
    lua_getglobal(L, "P");
    lua_getglobal(L, "S");
    assert_int_equal(lua_pcall(L, 2, 0, 0), LUA_OK);
    run("compare, E = S.sop.compare, S.experiment\n"
        "function near(got, wanted, by, what)\n"
        "  if not got or math.abs(got - wanted) > by then\n"
        "    error(string.format('%s: %s, not %s', what, got, wanted), 2)\n"
        "  end\n"
        "end\n"
        "function pair(...) return compare({ ... }).pairs[1] end");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    lua_close(L);
    return 0;
}

/* Two samples of equal size and spread 1: half the interval is the t quantile times a known factor. */
static void test_t_quantiles(void **state)
{
    (void)state;
    run("local table = { [2] = 4.302652729911275, [4] = 2.776445105197793, [8] = 2.306004135033371,\n"
        "  [10] = 2.228138851964939, [20] = 2.085963447265837, [30] = 2.042272456301238,\n"
        "  [60] = 2.000297821058262, [120] = 1.979930405052777, [1000] = 1.962339080792225 }\n"
        "for df, t in pairs(table) do\n"
        "  local n = df // 2 + 1\n"
        "  local p = pair({ name = 'A', n = n, mean = 0, sd = 1 }, { name = 'B', n = n, mean = 0, sd = 1 })\n"
        "  near(p.df, df, 1e-6, 'df')\n"
        "  near((p.high - p.low) / 2 / math.sqrt(2 / n), t, 1e-8, 't of ' .. df)\n"
        "end\n"
        "local p = compare{ level = 0.99, { name = 'A', n = 6, mean = 0, sd = 1 },\n"
        "  { name = 'B', n = 6, mean = 0, sd = 1 } }.pairs[1]\n"
        "near(p.high / math.sqrt(2 / 6), 3.169272672616872, 1e-8, 't of 10 at 99 %')");
}

/* Unequal sizes and spreads, degrees of freedom that are not whole; the values are from a numeric integration of the density. */
static void test_welch(void **state)
{
    (void)state;
    run("local a = { 27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4 }\n"
        "local b = { 27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1 }\n"
        "local p = pair({ name = 'A', values = a }, { name = 'B', values = b })\n"
        "near(p.df, 24.79021699237347, 1e-9, 'df')\n"
        "near(p.difference, 2.263333333333332, 1e-9, 'difference')\n"
        "near(p.low, 0.34593859325687504, 1e-6, 'low') near(p.high, 4.180728073409789, 1e-6, 'high')\n"
        "assert(p.verdict == 'better', p.verdict)\n"
        "local one = pair({ name = 'A', values = { 1 } }, { name = 'B', values = { 2, 3 } })\n"
        "assert(one.verdict == 'few' and one.sentence == 'A and B: too few to say anything yet')\n"
        "assert(pair({ name = 'A', values = { 1, 1 } }, { name = 'B', values = { 1, 1 } }).verdict == 'few')");
}

/* Newcombe 1998, table II, method 10; the paper's 56/70 - 48/80 and so on: there the first less the second. */
static void test_newcombe(void **state)
{
    (void)state;
    run("local table = { { 56, 70, 48, 80, 0.0524, 0.3339 }, { 9, 10, 3, 10, 0.1705, 0.8090 },\n"
        "  { 6, 7, 2, 7, 0.0582, 0.8062 }, { 5, 56, 0, 29, -0.0381, 0.1926 },\n"
        "  { 0, 10, 0, 20, -0.1611, 0.2775 }, { 0, 10, 0, 10, -0.2775, 0.2775 },\n"
        "  { 10, 10, 0, 20, 0.6791, 1.0 }, { 10, 10, 0, 10, 0.6075, 1.0 } }\n"
        "for _, r in ipairs(table) do\n"
        "  local p = pair({ name = 'A', n = r[4], hits = r[3] }, { name = 'B', n = r[2], hits = r[1] })\n"
        "  local what = r[1] .. '/' .. r[2] .. ' - ' .. r[3] .. '/' .. r[4]\n"
        "  near(p.low, r[5], 5.1e-5, what .. ' low')\n"
        "  near(p.high, r[6], 5.1e-5, what .. ' high')\n"
        "end");
}

static void test_sentences(void **state)
{
    (void)state;
    run("local r = compare{ { name = 'A', n = 2000, hits = 500 }, { name = 'B', n = 2000, hits = 562 } }\n"
        "assert(r.sentence == 'B is better than A by 3.1 points (0.4 to 5.8)', r.sentence)\n"
        "assert(r.winner == 'B' and r.kind == 'shares')\n"
        "r = compare{ better = 'less', { name = 'A', n = 2000, hits = 500 }, { name = 'B', n = 2000, hits = 562 } }\n"
        "assert(r.sentence == 'B is worse than A by 3.1 points (0.4 to 5.8)' and r.winner == 'A', r.sentence)\n"
        "r = compare{ { name = 'A', n = 200, hits = 50 }, { name = 'B', n = 200, hits = 55 } }\n"
        "assert(r.sentence:find('^A and B are not distinguishable yet') and not r.winner, r.sentence)\n"
        "assert(r.sentence:find('B minus A is 2.5 points (-6.1 to 11.1)', 1, true), r.sentence) -- as docs/metrics.md says\n"
        "r = compare{ { name = 'A', n = 10, hits = 3 }, { name = 'B', n = 10, hits = 9 } }\n"
        "assert(r.sentence == 'B is better than A by 60.0 points (17.1 to 80.9)', r.sentence)\n"
        "-- three: each interval is wider, and there is one sentence for each\n"
        "r = compare{ { name = 'A', n = 2000, hits = 500 }, { name = 'B', n = 2000, hits = 562 },\n"
        "  { name = 'C', n = 2000, hits = 900 } }\n"
        "near(r.pairs[1].level, 0.975, 1e-12, 'level')\n"
        "assert(#r.pairs == 2 and r.winner == 'C' and r.sentence:find('; C is better than A by 20.0 points', 1, true))\n"
        "for _, wrong in ipairs{ {}, { { name = 'A', n = 1, hits = 2 }, { name = 'B', n = 1, hits = 1 } },\n"
        "  { { name = 'A', n = 1, hits = 1 }, { name = 'B', values = { 1 } } },\n"
        "  { level = 2, { name = 'A', n = 1, hits = 1 }, { name = 'B', n = 1, hits = 1 } } } do\n"
        "  assert(not pcall(compare, wrong))\n"
        "end");
}

static void test_result(void **state)
{
    (void)state;
    run("local def = { name = 'x', by = 'group', outcome = 'bought', per = 'shown', variants = { 'A', 'B' }, units = 8 }\n"
        "local rows = { { 'A', 1, 10, 2 }, { 'A', 2, 10, 1 }, { 'B', 5, 10, 1 }, { 'B', 6, 10, 2 }, { 'B', 0, 0, 1 },\n"
        "  { 'gone', 9, 9, 9 } }\n"
        "local r = E.result(def, rows, '2026-11-22')\n"
        "assert(r.units == 7 and r.arms[2].units == 4 and r.arms[2].n == 3) -- nothing was shown in one of B\n"
        "near(r.arms[1].mean, 0.4 / 3, 1e-12, 'mean') near(r.arms[2].mean, 1.7 / 3, 1e-12, 'mean')\n"
        "near(r.arms[1].sd, 0.057735026919, 1e-9, 'sd')\n"
        "assert(r.pairs[1].verdict == 'better' and r.sentence:find('points', 1, true))\n"
        "assert(r.warning:find('7 of 8 units', 1, true), r.warning)\n"
        "def.units = 7 assert(not E.result(def, rows, '2026-11-22').warning)\n"
        "def.till = '2026-12-01' assert(E.result(def, rows, '2026-11-22').warning:find('2026-12-01', 1, true))\n"
        "assert(not E.result(def, rows, '2026-12-01').warning)\n"
        "def.units, def.till = nil, nil assert(E.result(def, rows, '2026-11-22').warning:find('no end', 1, true))\n"
        "assert(not E.result(def, rows, '2026-11-22', 'B').warning)");
}

/* Stable, by weight, and nobody moves who need not. */
static void test_assign(void **state)
{
    (void)state;
    run("local three, two = { 'A', 'B', 'C' }, { 'C', 'A' }\n"
        "local n, moved = { A = 0, B = 0, C = 0 }, 0\n"
        "for i = 1, 30000 do\n"
        "  local v = E.assign('x', 'qq1', 'g|' .. i, three)\n"
        "  n[v] = n[v] + 1\n"
        "  local w = E.assign('x', 'qq1', 'g|' .. i, two)\n"
        "  if v ~= 'B' then assert(v == w) end\n"
        "end\n"
        "local chi = 0\n"
        "for _, k in pairs(n) do chi = chi + (k - 10000) ^ 2 / 10000 end\n"
        "assert(chi < 13.8, chi) -- 2 degrees of freedom: one in a thousand\n"
        "local a = 0\n"
        "for i = 1, 20000 do a = a + (E.assign('w', 'qq1', 'm|' .. i, { 'A', 'B' }, { 9, 1 }) == 'A' and 1 or 0) end\n"
        "near(a / 20000, 0.9, 0.0064, 'weight') -- 3 sigma\n"
        "for i = 1, 200 do assert(E.assign('w', 'qq1', 'm|' .. i, { 'A', 'B' }, { 0, 2 }) == 'B') end\n"
        "-- two experiments have nothing to do with each other\n"
        "local both = 0\n"
        "for i = 1, 20000 do\n"
        "  both = both + (E.assign('x', 'q', 'm|' .. i, { 'A', 'B' }) == E.assign('y', 'q', 'm|' .. i, { 'A', 'B' }) and 1 or 0)\n"
        "end\n"
        "near(both / 20000, 0.5, 0.0107, 'independence')");
}

/* Nothing to find in 2,000 experiments of each kind: as many false wins as the level allows, and three sigma. */
static void test_a_a(void **state)
{
    (void)state;
    run("math.randomseed(7)\n"
        "local N, random = 2000, math.random\n"
        "local limit = N * 0.05 + 3 * math.sqrt(N * 0.05 * 0.95)\n"
        "local function play(def, units, unit, row)\n"
        "  local wins, chi = 0, 0\n"
        "  for i = 1, N do\n"
        "    local rows, a = {}, 0\n"
        "    for u = 1, units do\n"
        "      local v = E.assign(def.name .. i, 'qq1', unit .. (7000 + u), def.variants)\n"
        "      a = a + (v == 'A' and 1 or 0)\n"
        "      rows[u] = row(v)\n"
        "    end\n"
        "    chi = chi + (a - units / 2) ^ 2 / (units / 4)\n"
        "    local verdict = E.result(def, rows, '2026-11-22').pairs[1].verdict\n"
        "    wins = wins + ((verdict == 'better' or verdict == 'worse') and 1 or 0)\n"
        "  end\n"
        "  print(string.format('A/A by %s: %d of %d decided (at most %.0f), chi-square of the balance %.0f', def.by, wins, N, limit,\n"
        "    chi))\n"
        "  assert(wins <= limit, def.by .. ': ' .. wins)\n"
        "  -- and not because nothing is ever found\n"
        "  assert(wins >= N * 0.02, def.by .. ': ' .. wins)\n"
        "  assert(math.abs(chi - N) < 4 * math.sqrt(2 * N), def.by .. ' balance: ' .. chi)\n"
        "end\n"
        "-- groups: each has a rate of its own (members of a group are alike), and 10 to 60 people\n"
        "play({ name = 'group', by = 'group', outcome = 'o', per = 'p', variants = { 'A', 'B' } }, 30, 'g|', function(v)\n"
        "  local people, rate, hits = random(10, 60), 0.1 + 0.4 * random() * random(), 0\n"
        "  for _ = 1, people do hits = hits + (random() < rate and 1 or 0) end\n"
        "  return { v, hits, people, 1 }\n"
        "end)\n"
        "play({ name = 'member', by = 'member', outcome = 'o', variants = { 'A', 'B' } }, 80, 'm|', function(v)\n"
        "  return { v, random() < 0.3 and 1 or 0, 0, 1 }\n"
        "end)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_t_quantiles), cmocka_unit_test(test_welch),
        cmocka_unit_test(test_newcombe),    cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_result),      cmocka_unit_test(test_assign),
        cmocka_unit_test(test_a_a),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
