/* test_script.c -- a test file: its fenced Lua state, the cases it declares, and the running of one case as a coroutine. Steps of a case
 * that make the daemon do something yield; the world settles; the case goes on.
 * Owns: the lua_State. Callers: test.c. */
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/serve/stage.h"
#include "cli/test/test.h"

enum {
    SCRIPT_SLICE = 1000000, /* instructions between two looks at the budget */
    SCRIPT_SLICES = 300,    /* what a chunk or a case may use */
    BOOK_DEPTH = 16
};

static const char script_start[] = "2026-03-02 10:00";
static const char script_cases[] = "t:"; /* name of a metatable */
static const char script_group[] = "g:";

struct script *script_of(lua_State *L)
{
    return *(struct script **)lua_getextraspace(L);
}

/* ---- small things for all methods ---- */

int script_raise(lua_State *L, struct buf *text)
{
    luaL_where(L, 1);
    lua_pushlstring(L, text->data, text->len);
    buf_free(text);
    lua_concat(L, 2);
    return lua_error(L);
}

const char *script_field(lua_State *L, int idx, const char *name)
{
    lua_getfield(L, idx, name);
    if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "%s must be a text, not a %s", name, luaL_typename(L, -1));
    const char *text = lua_tostring(L, -1); /* the table keeps it */
    lua_pop(L, 1);
    return text;
}

void script_check_fields(lua_State *L, int idx, const char *what, const char *const *known)
{
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        lua_pop(L, 1);
        const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
        int i = 0;
        while (name && known[i] && strcmp(known[i], name) != 0)
            i++;
        if (name && known[i])
            continue;
        luaL_Buffer b;
        luaL_buffinit(L, &b);
        for (i = 0; known[i]; i++) {
            luaL_addstring(&b, i ? ", " : "");
            luaL_addstring(&b, known[i]);
        }
        luaL_pushresult(&b);
        luaL_error(L, "%s has no field '%s'; there are %s", what, name ? name : "(not a name)",
                   lua_tostring(L, -1));
    }
}

/* ---- the playbook, written as Lua ---- */

static bool book_add(lua_State *L, int idx, int depth, struct buf *out);

static bool book_add_table(lua_State *L, int idx, int depth, struct buf *out)
{
    idx = lua_absindex(L, idx);
    bool ok = depth < BOOK_DEPTH && lua_checkstack(L, 4);
    buf_adds(out, "{ ");
    lua_pushnil(L);
    while (ok && lua_next(L, idx)) {
        buf_addc(out, '[');
        ok = book_add(L, -2, depth + 1, out);
        buf_adds(out, "] = ");
        ok = ok && book_add(L, -1, depth + 1, out);
        buf_adds(out, ", ");
        lua_pop(L, 1);
    }
    buf_addc(out, '}');
    return ok;
}

static bool book_add(lua_State *L, int idx, int depth, struct buf *out)
{
    size_t len;
    const char *s;
    switch (lua_type(L, idx)) {
    case LUA_TBOOLEAN: buf_adds(out, lua_toboolean(L, idx) ? "true" : "false"); return true;
    case LUA_TSTRING:
        s = lua_tolstring(L, idx, &len);
        stage_add_quoted(out, s, len);
        return true;
    case LUA_TNUMBER:
        if (lua_isinteger(L, idx))
            buf_addi(out, lua_tointeger(L, idx));
        else
            buf_addf(out, "%.17g", lua_tonumber(L, idx));
        return lua_isinteger(L, idx) || isfinite(lua_tonumber(L, idx));
    case LUA_TTABLE: return book_add_table(L, idx, depth, out);
    default: return false;
    }
}

/* What a playbook of a test need not say. */
static const struct {
    const char *name, *lua;
} book_defaults[] = {{"title", "\"测试\""},
                     {"groups", "{ \"" STAGE_GATEWAY ":*\" }"},
                     {"timezone", "\"Asia/Shanghai\""},
                     {"quiet", "{ \"22:30\", \"07:30\" }"},
                     {"day_cutoff", "\"04:00\""},
                     {"language", "\"zh-CN\""},
                     {"persona", "{ name = \"小福\", call = \"宝子\" }"},
                     {"staff_chat", "\"" STAGE_GATEWAY ":" WORLD_STAFF "\""},
                     {"staff", "{ [\"" STAGE_GATEWAY ":店长\"] = \"store\" }"}};

/* The playbook at the top of the stack becomes w->book or w->playbook. */
static bool script_take_book(lua_State *L, struct world *w, struct buf *err)
{
    buf_reset(&w->book);
    w->playbook = w->timezone = NULL;
    if (lua_type(L, -1) == LUA_TSTRING) {
        w->playbook = lua_tostring(L, -1);
        return true;
    }
    int top = lua_absindex(L, -1);
    buf_adds(&w->book, "return { ");
    for (size_t i = 0; i < sizeof book_defaults / sizeof book_defaults[0]; i++) {
        lua_getfield(L, top, book_defaults[i].name);
        if (lua_isnil(L, -1))
            buf_addf(&w->book, "%s = %s, ", book_defaults[i].name, book_defaults[i].lua);
        lua_pop(L, 1);
    }
    lua_getfield(L, top, "timezone");
    w->timezone = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1);
    struct buf own = {0};
    bool ok = book_add_table(L, top, 0, &own);
    if (ok)
        buf_add(&w->book, own.data + 1, own.len - 1); /* our brace is open already */
    else
        buf_adds(err, "the playbook may hold texts, numbers, booleans and tables of them only\n");
    buf_free(&own);
    return ok;
}

/* The tags at the top of the stack, a list of words, the strongest first; pops it. */
static bool script_take_tags(lua_State *L, struct world *w, struct buf *err)
{
    int list = lua_gettop(L);
    size_t len;
    buf_reset(&w->tags);
    for (lua_Integer i = 1; lua_istable(L, list) && i <= luaL_len(L, list); i++) {
        lua_geti(L, list, i);
        const char *tag = lua_tolstring(L, -1, &len);
        buf_adds(&w->tags, "{ tag = ");
        stage_add_quoted(&w->tags, tag ? tag : "", tag ? len : 0);
        buf_adds(&w->tags, ", groups = { \"" STAGE_GATEWAY ":" WORLD_GROUP "\" } }, ");
        lua_pop(L, 1);
    }
    bool ok = lua_isnil(L, list) || w->tags.len;
    if (!ok)
        buf_adds(err, "tags: a list of words, for example { \"store-018\", \"north\" }\n");
    lua_settop(L, list - 1);
    return ok;
}

/* ---- sop.test and t:case ---- */

static int script_new_test(lua_State *L)
{
    static const char *const known[] = {"playbook", "start", "flow", "tags", NULL};
    luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    script_check_fields(L, 2, "the second argument of sop.test", known);
    lua_getfield(L, 2, "playbook");
    if (!lua_istable(L, -1) && lua_type(L, -1) != LUA_TSTRING)
        return luaL_error(L, "sop.test: playbook must be a table, or the name of a playbook");
    script_field(L, 2, "start");
    script_field(L, 2, "flow");
    lua_newtable(L);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "name");
    lua_pushvalue(L, 2);
    lua_setfield(L, -2, "opts");
    luaL_setmetatable(L, script_cases);
    return 1;
}

static int script_new_case(lua_State *L)
{
    static const char *const known[] = {"playbook", "start", "flow", "tags", NULL};
    struct script *s = script_of(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    const char *name = luaL_checkstring(L, 2);
    bool has_opts = lua_istable(L, 3);
    int fn = has_opts ? 4 : 3;
    luaL_checktype(L, fn, LUA_TFUNCTION);
    if (s->running)
        return luaL_error(L, "t:case: not inside a case");
    if (has_opts) {
        script_check_fields(L, 3, "the options of t:case", known);
        script_field(L, 3, "start");
        script_field(L, 3, "flow");
    }
    s->cases = mem_realloc(s->cases, (s->ncases + 1) * sizeof *s->cases);
    struct test_case *c = &s->cases[s->ncases++];
    *c = (struct test_case){.opts = LUA_NOREF};
    c->name = mem_strdup(name);
    lua_getfield(L, 1, "name");
    c->test = mem_strdup(lua_tostring(L, -1));
    lua_pushvalue(L, 1);
    c->table = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_getfield(L, 1, "opts");
    c->test_opts = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushvalue(L, fn);
    c->fn = luaL_ref(L, LUA_REGISTRYINDEX);
    if (has_opts) {
        lua_pushvalue(L, 3);
        c->opts = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    return 0;
}

/* The case's own option, else the test's: pushes it. */
static void script_push_option(lua_State *L, const struct test_case *c, const char *name)
{
    if (c->opts != LUA_NOREF) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, c->opts);
        lua_getfield(L, -1, name);
        lua_remove(L, -2);
        if (!lua_isnil(L, -1))
            return;
        lua_pop(L, 1);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->test_opts);
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
}

/* g:flow(): the flow whose state g:state looks at. */
static int script_flow(lua_State *L)
{
    const struct test_case *c = script_of(L)->running;
    script_push_option(L, c, "flow");
    if (lua_isnil(L, -1))
        lua_pushstring(L, c->test);
    return 1;
}

/* ---- the fenced state ---- */

static void script_hook(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    lua_getfield(L, LUA_REGISTRYINDEX, "slices");
    lua_Integer n = lua_tointeger(L, -1) + 1;
    lua_pop(L, 1);
    lua_pushinteger(L, n);
    lua_setfield(L, LUA_REGISTRYINDEX, "slices");
    if (n > SCRIPT_SLICES)
        luaL_error(L, "this takes too long: an endless loop?");
}

static void script_fresh_budget(lua_State *L, lua_State *T)
{
    lua_pushinteger(L, 0);
    lua_setfield(L, LUA_REGISTRYINDEX, "slices");
    lua_sethook(T, script_hook, LUA_MASKCOUNT, SCRIPT_SLICE);
}

static int script_unknown_global(lua_State *L)
{
    return luaL_error(L, "there is no '%s' here", luaL_tolstring(L, 2, NULL));
}

static int script_new_global(lua_State *L)
{
    return luaL_error(L, "'%s' would be a new global; say local", luaL_tolstring(L, 2, NULL));
}

/* Index of t and g: upvalue 1 the methods, upvalue 2 what to call it. */
static int script_method(lua_State *L)
{
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
        return 1;
    return luaL_error(L, "%s%s: there is no such method", lua_tostring(L, lua_upvalueindex(2)),
                      luaL_tolstring(L, 2, NULL));
}

/* A metatable whose objects have the methods of the table at the top, which it takes. */
static void script_class(lua_State *L, const char *name)
{
    luaL_newmetatable(L, name);
    lua_pushvalue(L, -2);
    lua_pushstring(L, name);
    lua_pushcclosure(L, script_method, 2);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

static int script_prepare(lua_State *L)
{
    static const luaL_Reg sop[] = {{"test", script_new_test}, {NULL, NULL}};
    static const luaL_Reg cases[] = {{"case", script_new_case}, {NULL, NULL}};
    static const luaL_Reg flow[] = {{"flow", script_flow}, {NULL, NULL}};
    static const luaL_Reg strict[] = {
        {"__index", script_unknown_global}, {"__newindex", script_new_global}, {NULL, NULL}};
    library_open(L);
    luaL_newlib(L, cases);
    luaL_setfuncs(L, test_web_cases, 0);
    script_class(L, script_cases);
    luaL_newlib(L, flow);
    luaL_setfuncs(L, test_steps, 0);
    luaL_setfuncs(L, test_expectations, 0);
    luaL_setfuncs(L, test_state, 0);
    luaL_setfuncs(L, test_told, 0);
    luaL_setfuncs(L, test_tally, 0);
    luaL_setfuncs(L, test_runs, 0);
    luaL_setfuncs(L, test_edits, 0);
    luaL_setfuncs(L, test_web, 0);
    luaL_setfuncs(L, test_commands, 0);
    luaL_setfuncs(L, test_people, 0);
    script_class(L, script_group);
    luaL_newlib(L, sop);
    luaL_setfuncs(L, test_library, 0);
    lua_setglobal(L, "sop");
    lua_pushcfunction(L, library_require);
    lua_setglobal(L, "require");
    lua_pushglobaltable(L);
    luaL_newlib(L, strict);
    lua_setmetatable(L, -2);
    return 0;
}

struct script *script_load(struct world *w, const char *path, struct buf *err)
{
    struct script *s = MEM_NEW(struct script);
    s->world = w;
    s->L = luaL_newstate();
    lua_State *L = s->L;
    *(struct script **)lua_getextraspace(L) = s;
    lua_pushcfunction(L, script_prepare);
    int code = lua_pcall(L, 0, 0, 0);
    library_begin(L, path);
    script_fresh_budget(L, L);
    if (code == LUA_OK)
        code = luaL_loadfilex(L, path, "t");
    if (code == LUA_OK)
        code = lua_pcall(L, 0, 0, 0);
    if (code == LUA_OK && s->ncases > 0)
        return s;
    buf_addf(err, "%s\n", code == LUA_OK ? "it declares no case" : luaL_tolstring(L, -1, NULL));
    script_free(s);
    return NULL;
}

void script_free(struct script *s)
{
    if (!s)
        return;
    lua_close(s->L);
    for (size_t i = 0; i < s->ncases; i++) {
        free(s->cases[i].test);
        free(s->cases[i].name);
    }
    free(s->cases);
    free(s);
}

/* ---- one case ---- */

/* "file:line: " of the step at which the coroutine stands. */
static void script_place(lua_State *T, struct buf *out)
{
    lua_Debug ar;
    for (int level = 0; lua_getstack(T, level, &ar); level++) {
        if (lua_getinfo(T, "Sl", &ar) && ar.currentline > 0) {
            buf_addf(out, "%s:%d: ", ar.short_src, ar.currentline);
            return;
        }
    }
}

/* After the world has settled: what the daemon complained of. */
static bool script_sound(lua_State *T, struct world *w, bool settled, struct buf *out)
{
    bool sound = settled && (!w->problems.len || w->doubtful);
    if (sound)
        return true;
    script_place(T, out);
    if (settled)
        buf_addf(out, "the daemon reported an error:\n%s", buf_cstr(&w->problems));
    else
        buf_adds(out, "the daemon has not come to rest after many seconds\n");
    return false;
}

/* A death that was asked for has to have come. */
static bool script_killed(const struct world *w, struct buf *out)
{
    if (w->kill == KILL_NONE)
        return true;
    buf_addf(out, "%sthe moment at which the engine was to die never came\n", w->kill_place);
    return false;
}

/* After a step: the world goes on as another process would. */
static bool script_again(struct world *w, struct buf *out)
{
    return w->mode != MODE_RESTART || world_restart(w, out) == CLI_OK;
}

static bool script_drive(struct script *s, lua_State *T, struct buf *out)
{
    struct world *w = s->world;
    int n = 1, got = 0;
    for (;;) {
        int code = lua_resume(T, s->L, n, &got);
        if (code == LUA_OK)
            return script_sound(T, w, true, out) && script_killed(w, out);
        if (code != LUA_YIELD) {
            buf_addf(out, "%s\n", luaL_tolstring(T, -1, NULL));
            return false;
        }
        lua_pop(T, got);
        n = 0;
        if (!script_sound(T, w, world_settle(w) && script_again(w, out), out))
            return false;
    }
}

/* With the playbook at the top of the stack. */
static enum case_result script_play(struct script *s, const struct test_case *c, struct buf *out)
{
    lua_State *L = s->L;
    if (!script_take_book(L, s->world, out))
        return CASE_BROKEN;
    world_web_begin(s->world, L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->table);
    lua_pushliteral(L, "web");
    lua_rawget(L, -2);
    world_web_take(s->world, L);
    lua_pop(L, 2);
    script_push_option(L, c, "tags");
    if (!script_take_tags(L, s->world, out))
        return CASE_BROKEN;
    script_push_option(L, c, "start");
    const char *start = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : script_start;
    int code = world_begin(s->world, start, out);
    if (code != CLI_OK)
        return code == CLI_PROBLEMS ? CASE_BROKEN : CASE_FAILED;
    lua_State *T = lua_newthread(L);
    script_fresh_budget(L, T);
    lua_rawgeti(T, LUA_REGISTRYINDEX, c->fn);
    lua_newuserdatauv(T, 0, 0);
    luaL_setmetatable(T, script_group);
    return script_drive(s, T, out) ? CASE_PASSED : CASE_FAILED;
}

enum case_result script_run(struct script *s, const struct test_case *c, struct buf *out)
{
    lua_State *L = s->L;
    s->running = c;
    lua_pushnil(L);
    lua_setfield(L, LUA_REGISTRYINDEX, TEST_FOUND);
    script_push_option(L, c, "playbook");
    enum case_result result = script_play(s, c, out);
    if (result == CASE_PASSED && !events_check(s->world, out))
        result = CASE_FAILED;
    if (result != CASE_BROKEN && s->world->daemon) {
        struct buf title = {0};
        buf_addf(&title, "%s: %s (%s)", c->test, c->name,
                 result == CASE_PASSED ? "passed" : "failed");
        world_write_transcript(s->world, buf_cstr(&title));
        buf_free(&title);
    }
    world_end(s->world);
    world_web_end(s->world);
    s->running = NULL;
    lua_settop(L, 0);
    return result;
}
