/* test_told.c -- what was told while a case ran, to look at and to expect: business events, and what staff did (the streams of
 * docs/redis.md).
 * Callers: Lua, by the list at the end (docs/lua.md has each name). */
#include <hiredis/hiredis.h>
#include <lauxlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/serve/daemon.h"
#include "cli/serve/stage.h"
#include "cli/test/test.h"
#include "lua/json.h"

/* The value of a field of a stream entry; NULL: it has none. */
static const redisReply *told_entry(const redisReply *fields, const char *name)
{
    for (size_t i = 0; i + 1 < fields->elements; i += 2)
        if (strcmp(fields->element[i]->str, name) == 0)
            return fields->element[i + 1];
    return NULL;
}

static redisReply *told_range(lua_State *L, const char *kind)
{
    struct buf key = {0};
    buf_addf(&key, "sopd:%s:{" STAGE_GATEWAY "}", kind);
    buf_cstr(&key);
    redisReply *r = world_redis(world_of(L), 4, (const char *[]){"XRANGE", key.data, "-", "+"});
    buf_free(&key);
    if (r && r->type == REDIS_REPLY_ARRAY)
        return r;
    if (r)
        freeReplyObject(r);
    luaL_error(L, "redis does not answer");
    return NULL;
}

/* Pushes the data of an entry if it has that name. */
static bool told_push_entry(lua_State *L, const redisReply *entry, const char *name)
{
    const redisReply *fields = entry->element[1], *data = told_entry(fields, "data");
    const redisReply *called = told_entry(fields, "name");
    const char *why;
    return called && data && strcmp(called->str, name) == 0 &&
           json_decode(L, data->str, data->len, &why);
}

/* The data of all entries of a stream that have that name, oldest first. */
static int told_stream(lua_State *L, const char *kind)
{
    const char *name = luaL_checkstring(L, 2);
    redisReply *r = told_range(L, kind);
    lua_Integer n = 0;
    lua_newtable(L);
    for (size_t i = 0; i < r->elements; i++)
        if (told_push_entry(L, r->element[i], name))
            lua_rawseti(L, -2, ++n);
    freeReplyObject(r);
    return 1;
}

static int told_events(lua_State *L)
{
    return told_stream(L, "events");
}

static int told_audit(lua_State *L)
{
    return told_stream(L, "audit");
}

/* Pushes the name of the person that the entry, whose data is at the top, is about: the data's user, else whoever caused it. */
static const char *told_push_whom(lua_State *L, const redisReply *entry)
{
    const redisReply *user = told_entry(entry->element[1], "user");
    lua_getfield(L, -1, "user");
    const char *id = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : user ? user->str : "";
    lua_pushstring(L, *id ? playground_name(world_of(L)->gateway, id) : "nobody");
    lua_remove(L, -2);
    return lua_tostring(L, -1);
}

/* Is the entry, whose data is at the top, as the table at idx asks for? Its key who is the person that it is about. Appends what
 * differs. */
static bool told_entry_fits(lua_State *L, int idx, const redisReply *entry, struct buf *lines)
{
    if (script_field(L, idx, "who")) {
        told_push_whom(L, entry);
        lua_setfield(L, -2, "who");
    }
    return diff_values(L, idx, -1, true, lines) == 0;
}

/* What an event was expected to be and none is: the names there are, or how those of that name differ. */
static void told_no_event(lua_State *L, const redisReply *r, const char *name, struct buf *lines,
                          struct buf *out)
{
    buf_addf(out, "expected, but it never happened: the event %s", name);
    if (lua_istable(L, 3)) {
        buf_addc(out, ' ');
        diff_add_value(L, 3, out);
    }
    if (lines->len)
        buf_addf(out, "\n  how those that happened differ:\n%.*s", (int)lines->len - 1,
                 lines->data);
    else
        buf_adds(out, "\n  what happened:");
    for (size_t i = 0; !lines->len && i < r->elements; i++) {
        const redisReply *called = told_entry(r->element[i]->element[1], "name");
        const redisReply *data = told_entry(r->element[i]->element[1], "data");
        buf_addf(out, "\n    + %s %s", called ? called->str : "?", data ? data->str : "");
    }
    if (!lines->len && !r->elements)
        buf_adds(out, " nothing");
}

/* The table of entries that expectations have found already, by their ids. */
static void told_push_found(lua_State *L)
{
    if (lua_getfield(L, LUA_REGISTRYINDEX, TEST_FOUND) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, TEST_FOUND);
}

/* g:expect_event(name [, { field = value }]): one that no expectation has found yet; returns its data. */
static int told_expect_event(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    struct buf lines = {0};
    lua_settop(L, 3);
    told_push_found(L); /* at 4 */
    redisReply *r = told_range(L, "events");
    for (size_t i = 0; i < r->elements; i++) {
        const char *id = r->element[i]->element[0]->str;
        lua_settop(L, 4);
        if (lua_getfield(L, 4, id) != LUA_TNIL || !told_push_entry(L, r->element[i], name))
            continue;
        if (lua_istable(L, 3) && !told_entry_fits(L, 3, r->element[i], &lines)) {
            buf_addf(&lines, "    -- of %s\n", told_entry(r->element[i]->element[1], "data")->str);
            continue;
        }
        lua_pushboolean(L, 1);
        lua_setfield(L, 4, id);
        buf_free(&lines);
        freeReplyObject(r);
        return 1;
    }
    struct buf text = {0};
    told_no_event(L, r, name, &lines, &text);
    buf_free(&lines);
    freeReplyObject(r);
    return script_raise(L, &text);
}

/* g:expect_no_event(name [, { field = value }]) */
static int told_expect_no_event(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    struct buf text = {0}, lines = {0};
    lua_settop(L, 3);
    redisReply *r = told_range(L, "events");
    for (size_t i = 0; i < r->elements && !text.len; i++) {
        lua_settop(L, 3);
        if (!told_push_entry(L, r->element[i], name))
            continue;
        if (!lua_istable(L, 3) || told_entry_fits(L, 3, r->element[i], &lines))
            buf_addf(&text, "happened, but not expected: the event %s\n    ! %s", name,
                     told_entry(r->element[i]->element[1], "data")->str);
    }
    freeReplyObject(r);
    buf_free(&lines);
    return text.len ? script_raise(L, &text) : 0;
}

const luaL_Reg test_told[] = {{"events", told_events},
                              {"expect_event", told_expect_event},
                              {"expect_no_event", told_expect_no_event},
                              {"audit", told_audit},
                              {NULL, NULL}};
