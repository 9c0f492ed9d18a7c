/* test_tally.c -- what was counted of a chat, to look at and to expect: the hash `tally` of docs/redis.md.
 * Callers: Lua, by the list at the end (docs/lua.md has each name). */
#include <hiredis/hiredis.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "cli/serve/stage.h"
#include "cli/test/test.h"

static redisReply *tally_ask(lua_State *L, int argc, const char **argv)
{
    redisReply *r = world_redis(world_of(L), argc, argv);
    if (!r)
        luaL_error(L, "redis does not answer");
    return r;
}

static void tally_key(struct buf *key, const char *chat)
{
    buf_adds(key, "sopd:{" STAGE_GATEWAY "}:tally:");
    buf_add_key(key, chat);
    buf_addc(key, ':');
}

/* The newest day on which something was counted; -1: none. */
static lua_Integer tally_newest(lua_State *L, const char *chat)
{
    struct buf match = {0};
    lua_Integer newest = -1;
    tally_key(&match, chat);
    size_t skip = match.len;
    buf_addc(&match, '*');
    redisReply *r = tally_ask(L, 2, (const char *[]){"KEYS", buf_cstr(&match)});
    buf_free(&match);
    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements; i++) {
        lua_Integer day = strtoll(r->element[i]->str + skip, NULL, 10);
        newest = day > newest ? day : newest;
    }
    freeReplyObject(r);
    return newest;
}

/* Pushes { field = number, day = n } of a day, the newest if the test names none. */
static void tally_push(lua_State *L, int day_idx, int chat_idx)
{
    const char *chat = luaL_optstring(L, chat_idx, WORLD_GROUP);
    lua_Integer day =
        lua_isnoneornil(L, day_idx) ? tally_newest(L, chat) : luaL_checkinteger(L, day_idx);
    struct buf key = {0};
    tally_key(&key, chat);
    buf_addi(&key, day);
    redisReply *r = tally_ask(L, 2, (const char *[]){"HGETALL", buf_cstr(&key)});
    buf_free(&key);
    lua_newtable(L);
    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i + 1 < r->elements; i += 2) {
        lua_pushinteger(L, strtoll(r->element[i + 1]->str, NULL, 10));
        lua_setfield(L, -2, r->element[i]->str);
    }
    freeReplyObject(r);
    lua_pushinteger(L, day);
    lua_setfield(L, -2, "day");
}

/* g:tally([day [, chat]]) */
static int tally_read(lua_State *L)
{
    tally_push(L, 2, 3);
    return 1;
}

/* g:expect_tally({ joins = 2, speakers = false } [, day [, chat]]): the fields that are named; false: nothing was counted. */
static int tally_expect(lua_State *L)
{
    struct buf lines = {0}, text = {0};
    luaL_checktype(L, 2, LUA_TTABLE);
    tally_push(L, 3, 4);
    if (!diff_values(L, 2, -1, true, &lines))
        return 0;
    buf_adds(&text, "what was counted is not as expected:\n");
    buf_add(&text, lines.data, lines.len);
    buf_adds(&text, "  all of it: ");
    diff_add_value(L, -1, &text);
    buf_free(&lines);
    return script_raise(L, &text);
}

const luaL_Reg test_tally[] = {{"tally", tally_read}, {"expect_tally", tally_expect}, {NULL, NULL}};
