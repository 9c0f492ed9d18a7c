/* test_expect.c -- what must come of the steps: g:expect and its like. They look at the window: what was seen since the first step
 * after the expectation before. A message that g:expect found is claimed and not found again.
 * Callers: Lua, by the list at the end (docs/lua.md has each name). */
#include <lauxlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/serve/daemon.h"
#include "cli/test/test.h"
#include "lua/json.h"

/* ---- the readable difference ---- */

static void expect_add_line(const struct world *w, const struct world_line *line, struct buf *out)
{
    bool news = line->kind != LINE_MEMBER && !line->claimed;
    buf_adds(out, news ? "    + " : "      ");
    world_print_line(w, line, out);
}

void expect_transcript(const struct world *w, struct buf *out)
{
    for (size_t i = w->first; i < w->nlines; i++)
        expect_add_line(w, &w->lines[i], out);
    if (w->first == w->nlines)
        buf_adds(out, "      (nothing was said)\n");
}

/* ---- filters ---- */

static const char *const expect_fields[] = {"at",   "text",  "any",      "match", "dm",
                                            "chat", "plain", "anywhere", NULL};

/* Calls fn for the text at idx, or each text of the list there; false: fn was false for one of them. */
static bool expect_all(lua_State *L, int idx, const char *what,
                       bool (*fn)(const struct world_line *line, const char *text),
                       const struct world_line *line, bool any)
{
    idx = lua_absindex(L, idx);
    if (lua_type(L, idx) == LUA_TSTRING)
        return fn(line, lua_tostring(L, idx));
    if (!lua_istable(L, idx))
        luaL_error(L, "%s must be a text or a list of texts", what);
    for (lua_Integer i = 1;; i++) {
        int type = lua_rawgeti(L, idx, i);
        const char *text = lua_tostring(L, -1); /* the list keeps it */
        lua_pop(L, 1);
        if (type == LUA_TNIL)
            return !any;
        if (type != LUA_TSTRING)
            luaL_error(L, "%s must be a text or a list of texts", what);
        if (fn(line, text) == any)
            return any;
    }
}

static bool expect_has_text(const struct world_line *line, const char *text)
{
    return strstr(line->text, text) != NULL;
}

static bool expect_names(const struct world_line *line, const char *name)
{
    for (int i = 0; i < line->nnames; i++)
        if (strcmp(line->names[i], name) == 0)
            return true;
    return false;
}

bool expect_matches(lua_State *L, const char *subject, const char *pattern)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, "string");
    lua_getfield(L, -1, "find");
    lua_pushstring(L, subject);
    lua_pushstring(L, pattern);
    lua_call(L, 2, 1);
    bool found = !lua_isnil(L, -1);
    lua_pop(L, 3);
    return found;
}

const char *expect_chat(lua_State *L, int idx)
{
    const char *dm = script_field(L, idx, "dm"), *chat = script_field(L, idx, "chat");
    if (dm)
        return playground_private(world_of(L)->gateway, dm);
    return chat ? chat : WORLD_GROUP;
}

/* Is this line what the filter at idx describes? */
static bool expect_fits(lua_State *L, int idx, const struct world_line *line)
{
    lua_getfield(L, idx, "anywhere");
    bool anywhere = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (line->kind != LINE_BOT || (!anywhere && strcmp(line->chat, expect_chat(L, idx)) != 0))
        return false;
    static const struct {
        const char *field;
        bool (*fn)(const struct world_line *line, const char *text);
        bool any;
    } lists[] = {{"text", expect_has_text, false},
                 {"any", expect_has_text, true},
                 {"at", expect_names, false}};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        bool fits = lua_getfield(L, idx, lists[i].field) == LUA_TNIL ||
                    expect_all(L, -1, lists[i].field, lists[i].fn, line, lists[i].any);
        lua_pop(L, 1);
        if (!fits)
            return false;
    }
    lua_getfield(L, idx, "plain");
    bool plain = lua_toboolean(L, -1);
    lua_pop(L, 1);
    const char *pattern = script_field(L, idx, "match");
    return (!plain || line->nnames == 0) && (!pattern || expect_matches(L, line->text, pattern));
}

static void expect_add_value(lua_State *L, int idx, const char *field, const char *before,
                             struct buf *out)
{
    const char *why;
    if (lua_getfield(L, idx, field) != LUA_TNIL) {
        buf_adds(out, before);
        json_encode(L, -1, out, &why);
    }
    lua_pop(L, 1);
}

/* What the filter at idx asks for, in words. */
static void expect_describe(lua_State *L, int idx, struct buf *out)
{
    buf_adds(out, "message");
    expect_add_value(L, idx, "dm", " in private to ", out);
    expect_add_value(L, idx, "chat", " in chat ", out);
    expect_add_value(L, idx, "at", " at ", out);
    lua_getfield(L, idx, "anywhere");
    if (lua_toboolean(L, -1))
        buf_adds(out, " anywhere");
    lua_pop(L, 1);
    lua_getfield(L, idx, "plain");
    if (lua_toboolean(L, -1))
        buf_adds(out, " at nobody");
    lua_pop(L, 1);
    expect_add_value(L, idx, "text", " with ", out);
    expect_add_value(L, idx, "any", " with one of ", out);
    expect_add_value(L, idx, "match", " like the pattern ", out);
}

/* The filter of a method: the table at idx, or an empty one in its place. */
static void expect_take_filter(lua_State *L, int idx, const char *what)
{
    if (lua_isnoneornil(L, idx)) {
        lua_settop(L, idx - 1);
        lua_newtable(L);
    }
    luaL_checktype(L, idx, LUA_TTABLE);
    script_check_fields(L, idx, what, expect_fields);
    script_field(L, idx, "match");
    expect_chat(L, idx);
}

static void expect_begin(struct world *w)
{
    w->checked = true;
}

static int expect_fail(lua_State *L, struct buf *text)
{
    buf_addc(text, '\n');
    expect_transcript(world_of(L), text);
    text->len--; /* the last line end is added by whoever prints */
    return script_raise(L, text);
}

static void expect_push_line(lua_State *L, const struct world *w, const struct world_line *line)
{
    char time[32];
    lua_createtable(L, 0, 4);
    lua_pushstring(L, line->text);
    lua_setfield(L, -2, "text");
    lua_pushstring(L, line->chat);
    lua_setfield(L, -2, "chat");
    lua_pushstring(L, line->id ? line->id : "");
    lua_setfield(L, -2, "id");
    if (line->answers) {
        lua_pushstring(L, line->answers);
        lua_setfield(L, -2, "answers");
    }
    world_time_text(w, line->at_ms, time, sizeof time);
    lua_pushstring(L, time);
    lua_setfield(L, -2, "time");
    lua_createtable(L, line->nnames, 0);
    for (int i = 0; i < line->nnames; i++) {
        lua_pushstring(L, line->names[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "at");
}

/* ---- the methods ---- */

/* g:expect{ ... }: returns the message. */
static int expect_message(lua_State *L)
{
    struct world *w = world_of(L);
    expect_take_filter(L, 2, "g:expect");
    expect_begin(w);
    for (size_t i = w->first; i < w->nlines; i++) {
        struct world_line *line = &w->lines[i];
        if (line->claimed || !expect_fits(L, 2, line))
            continue;
        line->claimed = true;
        expect_push_line(L, w, line);
        return 1;
    }
    struct buf text = {0};
    buf_adds(&text, "expected, but not seen:\n    - a ");
    expect_describe(L, 2, &text);
    buf_addc(&text, '\n');
    expect_add_nearest(L, 2, &text);
    text.len--;
    return expect_fail(L, &text);
}

/* g:expect_none{ ... }: no such message, claimed or not. */
static int expect_none(lua_State *L)
{
    struct world *w = world_of(L);
    expect_take_filter(L, 2, "g:expect_none");
    expect_begin(w);
    for (size_t i = w->first; i < w->nlines; i++) {
        if (!expect_fits(L, 2, &w->lines[i]))
            continue;
        struct buf text = {0};
        buf_adds(&text, "seen, but not expected:\n    - no ");
        expect_describe(L, 2, &text);
        buf_adds(&text, "\n    ! ");
        world_print_line(w, &w->lines[i], &text);
        buf_adds(&text, "  seen:");
        return expect_fail(L, &text);
    }
    return 0;
}

/* g:expect_count(n [, { ... }]): so many such messages, claimed or not. */
static int expect_count(lua_State *L)
{
    struct world *w = world_of(L);
    lua_Integer wanted = luaL_checkinteger(L, 2), seen = 0;
    expect_take_filter(L, 3, "g:expect_count");
    expect_begin(w);
    for (size_t i = w->first; i < w->nlines; i++) {
        if (expect_fits(L, 3, &w->lines[i])) {
            w->lines[i].claimed = true;
            seen++;
        }
    }
    if (seen == wanted)
        return 0;
    struct buf text = {0};
    buf_addf(&text, "expected %lld, seen %lld:\n    - %lld × ", (long long)wanted, (long long)seen,
             (long long)wanted);
    expect_describe(L, 3, &text);
    return expect_fail(L, &text);
}

/* g:expect_action(text): the bot did something that is no message: removed, muted, recalled. */
static int expect_action(lua_State *L)
{
    struct world *w = world_of(L);
    const char *wanted = luaL_checkstring(L, 2);
    expect_begin(w);
    for (size_t i = w->first; i < w->nlines; i++) {
        struct world_line *line = &w->lines[i];
        if (line->kind != LINE_ACTION || line->claimed || !strstr(line->text, wanted))
            continue;
        line->claimed = true;
        return 0;
    }
    struct buf text = {0};
    buf_addf(&text, "expected, but not seen:\n    - an action: %s", wanted);
    return expect_fail(L, &text);
}

static int expect_silence(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    struct world *w = world_of(L);
    expect_begin(w);
    for (size_t i = w->first; i < w->nlines; i++) {
        const struct world_line *line = &w->lines[i];
        if (line->kind == LINE_MEMBER || line->claimed)
            continue;
        struct buf text = {0};
        buf_adds(&text, "seen, but not expected:\n    - silence");
        return expect_fail(L, &text);
    }
    return 0;
}

/* g:silent([duration]): nothing anywhere that no expectation named, for that long. */
static int expect_silent(lua_State *L)
{
    struct world *w = world_of(L);
    if (lua_isnoneornil(L, 2))
        return expect_silence(L, LUA_OK, 0);
    if (w->checked)
        w->first = w->nlines;
    w->checked = false;
    const char *text = luaL_checkstring(L, 2);
    if (!world_turn(w, text, true))
        return luaL_error(L, "g:silent: '%s' is no duration; like \"10m\", \"1d\"", text);
    return lua_yieldk(L, 0, 0, expect_silence);
}

/* g:seen([{ ... }]): the messages of the window, as a list. */
static int expect_seen(lua_State *L)
{
    struct world *w = world_of(L);
    lua_Integer n = 0;
    expect_take_filter(L, 2, "g:seen");
    expect_begin(w);
    lua_newtable(L);
    for (size_t i = w->first; i < w->nlines; i++) {
        if (!expect_fits(L, 2, &w->lines[i]))
            continue;
        expect_push_line(L, w, &w->lines[i]);
        lua_rawseti(L, -2, ++n);
    }
    return 1;
}

/* g:equal(got, wanted [, what]): tables by their contents. */
static int expect_equal(lua_State *L)
{
    struct buf text = {0}, lines = {0};
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    const char *what = luaL_optstring(L, 4, "the value");
    lua_settop(L, 3);
    if (!diff_values(L, 3, 2, false, &lines))
        return 0;
    buf_addf(&text, "%s is not what was expected:\n", what);
    if (lua_istable(L, 2) && lua_istable(L, 3)) {
        buf_add(&text, lines.data, lines.len);
        text.len--;
    } else {
        buf_adds(&text, "    - ");
        diff_add_value(L, 3, &text);
        buf_adds(&text, "\n    + ");
        diff_add_value(L, 2, &text);
    }
    buf_free(&lines);
    return script_raise(L, &text);
}

const luaL_Reg test_expectations[] = {
    {"expect", expect_message},     {"expect_none", expect_none},
    {"expect_count", expect_count}, {"expect_action", expect_action},
    {"silent", expect_silent},      {"seen", expect_seen},
    {"equal", expect_equal},        {NULL, NULL}};
