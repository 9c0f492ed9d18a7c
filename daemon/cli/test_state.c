/* test_state.c -- what is kept in Redis, for expectations: state of groups and members, tags, business events. The keys are those of
 * docs/redis.md.
 * Callers: Lua, by the list at the end (docs/lua.md has each name). */
#include <hiredis/hiredis.h>
#include <lauxlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/daemon.h"
#include "cli/stage.h"
#include "cli/test.h"
#include "lua/json.h"

static const char *state_user(lua_State *L, int idx)
{
    return playground_user(world_of(L)->gateway, luaL_checkstring(L, idx));
}

/* "sopd:{playground}:kind", then parts until NULL. */
static void state_key(struct buf *key, const char *kind, const char *const *parts)
{
    buf_addf(key, "sopd:{" STAGE_GATEWAY "}:%s", kind);
    for (int i = 0; parts[i]; i++) {
        buf_addc(key, ':');
        buf_add_key(key, parts[i]);
    }
    buf_cstr(key);
}

/* A value of a hash as the flow sees it. */
static void state_push(lua_State *L, const char *s, size_t len)
{
    bool is_float;
    const char *why;
    if (len && json_number_span(s, len, &is_float) == len)
        json_push_number(L, s, len, is_float);
    else if (strcmp(s, "true") == 0 || strcmp(s, "false") == 0)
        lua_pushboolean(L, *s == 't');
    else if (!len || !strchr("{[\"", *s) || !json_decode(L, s, len, &why))
        lua_pushlstring(L, s, len);
}

/* Pushes the answer to one command: a hash as a table, a list as a list, nothing as nil. Frees the key. */
static int state_ask(lua_State *L, struct buf *key, const char *command, const char *field)
{
    const char *argv[] = {command, key->data, field};
    redisReply *r = world_redis(world_of(L), field ? 3 : 2, argv);
    buf_free(key);
    if (!r)
        return luaL_error(L, "redis does not answer");
    bool pairs = strcmp(command, "HGETALL") == 0;
    if (r->type == REDIS_REPLY_STRING) {
        state_push(L, r->str, r->len);
    } else if (r->type == REDIS_REPLY_ARRAY) {
        lua_newtable(L);
        for (size_t i = 0; i < r->elements; i += pairs ? 2 : 1) {
            const redisReply *e = r->element[pairs ? i + 1 : i];
            if (pairs)
                lua_pushlstring(L, r->element[i]->str, r->element[i]->len);
            state_push(L, e->str, e->len);
            if (pairs)
                lua_rawset(L, -3);
            else
                lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
    } else {
        lua_pushnil(L);
    }
    freeReplyObject(r);
    return 1;
}

/* The flow in argument idx, else the one that the test is about: pushed, so that it stays. */
static const char *state_flow(lua_State *L, int idx)
{
    if (!lua_isnoneornil(L, idx))
        return luaL_checkstring(L, idx);
    lua_getfield(L, 1, "flow");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return lua_tostring(L, -1);
}

/* g:state("member", who [, field [, flow]]), g:state("profile", who [, field]), g:state("group" [, field [, flow]]). */
static int state_read(lua_State *L)
{
    static const char *const places[] = {"member", "profile", "group", NULL};
    int place = luaL_checkoption(L, 2, NULL, places);
    int at = place == 2 ? 3 : 4; /* of the field */
    const char *user = place == 2 ? NULL : state_user(L, 3);
    const char *field = luaL_optstring(L, at, NULL);
    const char *flow = place == 1 ? NULL : state_flow(L, at + 1);
    struct buf key = {0};
    if (place == 0)
        state_key(&key, "m", (const char *[]){flow, WORLD_GROUP, user, NULL});
    else if (place == 1)
        state_key(&key, "u", (const char *[]){user, NULL});
    else
        state_key(&key, "g", (const char *[]){flow, WORLD_GROUP, NULL});
    return state_ask(L, &key, field ? "HGET" : "HGETALL", field);
}

static int state_tags(lua_State *L)
{
    struct buf key = {0};
    state_key(&key, "tags", (const char *[]){state_user(L, 2), NULL});
    const char *argv[] = {"SORT", key.data, "ALPHA"};
    redisReply *r = world_redis(world_of(L), 3, argv);
    buf_free(&key);
    lua_newtable(L);
    for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i < r->elements; i++) {
        lua_pushlstring(L, r->element[i]->str, r->element[i]->len);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    if (r)
        freeReplyObject(r);
    return 1;
}

static int state_change_tag(lua_State *L, const char *command)
{
    struct buf key = {0};
    const char *tag = luaL_checkstring(L, 3);
    state_key(&key, "tags", (const char *[]){state_user(L, 2), NULL});
    redisReply *r = world_redis(world_of(L), 3, (const char *[]){command, key.data, tag});
    buf_free(&key);
    if (r)
        freeReplyObject(r);
    return 0;
}

/* g:tag(who, tag), g:untag(who, tag): as somebody else would do it, a shop system for example. */
static int state_tag(lua_State *L)
{
    return state_change_tag(L, "SADD");
}

static int state_untag(lua_State *L)
{
    return state_change_tag(L, "SREM");
}

/* The value of a field of a stream entry; NULL: it has none. */
static const redisReply *state_entry(const redisReply *fields, const char *name)
{
    for (size_t i = 0; i + 1 < fields->elements; i += 2)
        if (strcmp(fields->element[i]->str, name) == 0)
            return fields->element[i + 1];
    return NULL;
}

/* The data of all entries of a stream that have that name, oldest first. */
static int state_stream(lua_State *L, const char *kind)
{
    const char *name = luaL_checkstring(L, 2), *why;
    struct buf key = {0};
    state_key(&key, kind, (const char *[]){NULL});
    redisReply *r = world_redis(world_of(L), 4, (const char *[]){"XRANGE", key.data, "-", "+"});
    buf_free(&key);
    lua_Integer n = 0;
    lua_newtable(L);
    for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i < r->elements; i++) {
        const redisReply *fields = r->element[i]->element[1], *data = state_entry(fields, "data");
        const redisReply *called = state_entry(fields, "name");
        if (called && data && strcmp(called->str, name) == 0 &&
            json_decode(L, data->str, data->len, &why))
            lua_rawseti(L, -2, ++n);
    }
    if (r)
        freeReplyObject(r);
    return 1;
}

static int state_events(lua_State *L)
{
    return state_stream(L, "events");
}

static int state_audit(lua_State *L)
{
    return state_stream(L, "audit");
}

/* g:id(who): as it stands in state and events. */
static int state_id(lua_State *L)
{
    lua_pushstring(L, state_user(L, 2));
    return 1;
}

const luaL_Reg test_state[] = {
    {"state", state_read},    {"tags", state_tags},   {"tag", state_tag}, {"untag", state_untag},
    {"events", state_events}, {"audit", state_audit}, {"id", state_id},   {NULL, NULL}};
