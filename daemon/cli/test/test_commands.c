/* test_commands.c -- outside systems in a case: g:order, g:trigger and g:command put an entry into the stream of commands, as a shop
 * system does it, and g:refused shows what was not taken. Callers: Lua, by the list at the end (docs/lua.md has each name). */
#include <hiredis/hiredis.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "cli/serve/stage.h"
#include "cli/test/test.h"
#include "lua/json.h"

enum { ENTRY_WORDS = 80, ENTRY_BYTES = 1 << 18 };

#define COMMANDS_KEY  "sopd:commands:{" STAGE_GATEWAY "}"
#define COMMANDS_DEAD "sopd:commands-dead:{" STAGE_GATEWAY "}"

/* An XADD in the making: a userdata, so that an error on the way frees it. */
struct entry_words {
    const char *argv[ENTRY_WORDS];
    size_t len[ENTRY_WORDS];
    int n;
    bool has_id;
    size_t used;
    char room[ENTRY_BYTES];
};

static void entry_word(lua_State *L, struct entry_words *e, const char *s, size_t len)
{
    if (e->n == ENTRY_WORDS || len > ENTRY_BYTES - e->used)
        luaL_error(L, "the entry is too large for a test");
    e->argv[e->n] = memcpy(e->room + e->used, s, len);
    e->len[e->n++] = len;
    e->used += len;
}

static void entry_field(lua_State *L, struct entry_words *e, const char *name, const char *value)
{
    entry_word(L, e, name, strlen(name));
    entry_word(L, e, value, strlen(value));
}

static struct entry_words *entry_new(lua_State *L)
{
    struct entry_words *e = lua_newuserdatauv(L, sizeof *e, 0);
    e->n = 0;
    e->used = 0;
    e->has_id = false;
    entry_field(L, e, "XADD", COMMANDS_KEY);
    entry_word(L, e, "*", 1);
    return e;
}

/* The field on top of the stack: tables as JSON, true as "yes", people by their names. */
static void entry_take(lua_State *L, struct entry_words *e, const char *name)
{
    size_t len;
    const char *value, *why = "?";
    struct buf out = {0};
    entry_word(L, e, name, strlen(name));
    e->has_id = e->has_id || strcmp(name, "id") == 0;
    if (lua_istable(L, -1)) {
        bool ok = json_encode(L, -1, &out, &why);
        lua_pushlstring(L, out.data ? out.data : "", out.len);
        buf_free(&out);
        if (!ok)
            luaL_error(L, "field %s is no JSON: %s", name, why);
    } else if (lua_isboolean(L, -1)) {
        lua_pushstring(L, lua_toboolean(L, -1) ? "yes" : "no");
    } else {
        luaL_tolstring(L, -1, NULL);
    }
    value = lua_tolstring(L, -1, &len);
    if (strcmp(name, "user") == 0)
        value = playground_user(world_of(L)->gateway, value), len = strlen(value);
    entry_word(L, e, value, len);
    lua_pop(L, 1);
}

/* The fields of the table at idx (nil: none). order: of g:order, which has taken two itself. */
static void entry_table(lua_State *L, struct entry_words *e, int idx, bool order)
{
    if (lua_isnoneornil(L, idx))
        return;
    luaL_checktype(L, idx, LUA_TTABLE);
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "the names of fields are strings");
        const char *name = lua_tostring(L, -2);
        if (!order || (strcmp(name, "id") != 0 && strcmp(name, "chat") != 0))
            entry_take(L, e, name);
        lua_pop(L, 1);
    }
}

/* Puts it into the stream, as something that happens. */
static int entry_send(lua_State *L, struct entry_words *e, const char *who, const char *shown)
{
    struct world *w = world_of(L);
    char id[40];
    step_begin(w);
    snprintf(id, sizeof id, "test-%u", ++w->commands);
    if (!e->has_id) /* else no two runs of a test would draw the same numbers */
        entry_field(L, e, "id", id);
    world_add_line(w, LINE_MEMBER, WORLD_GROUP, who, shown);
    redisReply *r = redisCommandArgv(w->redis, e->n, e->argv, e->len);
    bool ok = r && r->type == REDIS_REPLY_STRING;
    if (r)
        freeReplyObject(r);
    if (!ok)
        return luaL_error(L, "the entry cannot be added");
    w->commanded = true;
    return step_wait(L, 0);
}

/* g:order(who, { id =, amount =, items =, data =, chat =, ... }): in the group, unless chat says where; chat = false: nowhere. */
static int commands_order(lua_State *L)
{
    const char *who = luaL_checkstring(L, 2);
    luaL_checktype(L, 3, LUA_TTABLE);
    lua_settop(L, 3);
    world_knows(world_of(L), who);
    struct entry_words *e = entry_new(L);
    entry_field(L, e, "op", "order");
    entry_field(L, e, "user", playground_user(world_of(L)->gateway, who));
    if (lua_getfield(L, 3, "id") != LUA_TNIL) {
        entry_take(L, e, "order");
    }
    const char *shown = lua_pushfstring(L, "(订单 %s)", luaL_tolstring(L, -1, NULL));
    int chat = lua_getfield(L, 3, "chat");
    if (chat == LUA_TNIL)
        entry_field(L, e, "chat", WORLD_GROUP);
    else if (lua_toboolean(L, -1))
        entry_take(L, e, "chat");
    e->has_id = true; /* an order is known by its own */
    entry_table(L, e, 3, true);
    return entry_send(L, e, who, shown);
}

/* g:trigger(name, { flow =, user =, args =, chat =, tag =, all = }): of the test's flow, in the group, unless told otherwise. */
static int commands_trigger(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    lua_settop(L, 3);
    struct entry_words *e = entry_new(L);
    bool flow = false, place = false;
    entry_field(L, e, "op", "trigger");
    entry_field(L, e, "name", name);
    if (lua_istable(L, 3)) {
        flow = lua_getfield(L, 3, "flow") != LUA_TNIL;
        place = lua_getfield(L, 3, "chat") != LUA_TNIL;
        place = lua_getfield(L, 3, "tag") != LUA_TNIL || place;
        place = lua_getfield(L, 3, "all") != LUA_TNIL || place;
    }
    if (!flow) {
        lua_getfield(L, 1, "flow");
        lua_pushvalue(L, 1);
        lua_call(L, 1, 1);
        entry_take(L, e, "flow");
    }
    if (!place)
        entry_field(L, e, "chat", WORLD_GROUP);
    entry_table(L, e, 3, false);
    return entry_send(L, e, "", lua_pushfstring(L, "(触发 %s)", name));
}

/* g:command{ op = "points", user = "小美", points = 5 }: the entry as it stands. */
static int commands_raw(lua_State *L)
{
    lua_settop(L, 2);
    luaL_checktype(L, 2, LUA_TTABLE);
    struct entry_words *e = entry_new(L);
    entry_table(L, e, 2, false);
    lua_getfield(L, 2, "op");
    return entry_send(L, e, "", lua_pushfstring(L, "(指令 %s)", luaL_tolstring(L, -1, NULL)));
}

/* g:refused(): the dead letters, oldest first, as tables; `reason` says why. */
static int commands_refused(lua_State *L)
{
    redisReply *r =
        world_redis(world_of(L), 4, (const char *[]){"XRANGE", COMMANDS_DEAD, "-", "+"});
    lua_newtable(L);
    for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i < r->elements; i++) {
        const redisReply *fields = r->element[i]->element[1];
        lua_newtable(L);
        for (size_t f = 0; f + 1 < fields->elements; f += 2) {
            const redisReply *name = fields->element[f], *value = fields->element[f + 1];
            lua_pushlstring(L, value->str, value->len);
            lua_setfield(L, -2, strcmp(name->str, "dead-reason") == 0 ? "reason" : name->str);
        }
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    if (r)
        freeReplyObject(r);
    return 1;
}

bool commands_done(struct world *w)
{
    redisReply *r = world_redis(w, 2, (const char *[]){"XLEN", COMMANDS_KEY});
    bool done = r && r->type == REDIS_REPLY_INTEGER && r->integer == 0;
    if (r)
        freeReplyObject(r);
    return done;
}

const luaL_Reg test_commands[] = {{"order", commands_order},
                                  {"trigger", commands_trigger},
                                  {"command", commands_raw},
                                  {"refused", commands_refused},
                                  {NULL, NULL}};
