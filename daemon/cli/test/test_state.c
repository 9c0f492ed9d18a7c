/* test_state.c -- what is kept in Redis, to look at and to expect: state of groups and members, boards, tags. The keys are those of
 * docs/redis.md.
 * Callers: Lua, by the list at the end (docs/lua.md has each name). */
#include <hiredis/hiredis.h>
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/serve/daemon.h"
#include "cli/serve/stage.h"
#include "cli/test/test.h"
#include "lua/json.h"

static const char *state_user(lua_State *L, int idx)
{
    struct world *w = world_of(L);
    const char *name = luaL_checkstring(L, idx);
    world_knows(w, name);
    return playground_user(w->gateway, name);
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
    bool range = strcmp(command, "LRANGE") == 0;
    const char *argv[] = {command, key->data, range ? "0" : field, "-1"};
    redisReply *r = world_redis(world_of(L), range ? 4 : field ? 3 : 2, argv);
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

/* ---- places: "member", "board", ... ---- */

struct state_place {
    const char *name, *kind; /* what the test says, what the key says */
    const char *command;     /* reads all of it */
    bool user, field;        /* about somebody; has fields */
};

static const struct state_place state_places[] = {
    {"member", "m", "HGETALL", true, true},    {"profile", "u", "HGETALL", true, true},
    {"group", "g", "HGETALL", false, true},    {"hash", "hash", "HGETALL", false, true},
    {"counter", "count", "GET", false, false}, {"list", "list", "LRANGE", false, false},
    {"set", "set", "SMEMBERS", false, false}};

static const struct state_place *state_place(lua_State *L, int idx)
{
    const char *name = luaL_checkstring(L, idx);
    for (size_t i = 0; i < sizeof state_places / sizeof state_places[0]; i++)
        if (strcmp(state_places[i].name, name) == 0)
            return &state_places[i];
    luaL_error(L,
               "there is no place '%s'; there are member, profile, group, hash, counter, list, set",
               name);
    return NULL;
}

/* The key of the place whose name stands at idx; *idx moves past who or what it is about. Flow: that at `flow`. */
static void state_place_key(lua_State *L, const struct state_place *p, int *idx, int flow_idx,
                            struct buf *key)
{
    const char *user = p->user ? state_user(L, ++*idx) : NULL;
    const char *name = p->user || *p->kind == 'g' ? NULL : luaL_checkstring(L, ++*idx);
    const char *flow = *p->kind == 'u' ? NULL : state_flow(L, flow_idx);
    if (!flow)
        state_key(key, p->kind, (const char *[]){user, NULL});
    else
        state_key(key, p->kind, (const char *[]){flow, WORLD_GROUP, user ? user : name, NULL});
}

/* g:state("member", who [, field [, flow]]), g:state("group" [, field [, flow]]), g:state("counter", name [, flow]) ... */
static int state_read(lua_State *L)
{
    const struct state_place *p = state_place(L, 2);
    int idx = 2, about = p->user || *p->kind != 'g', field = 3 + about;
    struct buf key = {0};
    const char *name = p->field ? luaL_optstring(L, field, NULL) : NULL;
    state_place_key(L, p, &idx, field + p->field, &key);
    return state_ask(L, &key, name ? "HGET" : p->command, name);
}

/* A value as flows keep it in a hash: texts and numbers as they stand, tables as JSON. */
static void state_add_value(lua_State *L, int idx, struct buf *out)
{
    const char *why = "";
    size_t len;
    if (lua_type(L, idx) == LUA_TSTRING) {
        const char *s = lua_tolstring(L, idx, &len);
        buf_add(out, s, len);
    } else if (!json_encode(L, idx, out, &why)) {
        luaL_error(L, "g:write: %s", why);
    }
    buf_cstr(out);
}

/* g:write("hash", name, { field = value } [, flow]): as somebody does it with redis-cli; false takes a field out. */
static int state_write(lua_State *L)
{
    const struct state_place *p = state_place(L, 2);
    int idx = 2, given = 3 + (p->user || *p->kind != 'g');
    struct buf key = {0};
    if (!p->field)
        return luaL_error(L, "g:write: a %s has no fields", p->name);
    luaL_checktype(L, given, LUA_TTABLE);
    step_begin(world_of(L));
    state_place_key(L, p, &idx, given + 1, &key);
    lua_pushnil(L);
    while (lua_next(L, given)) {
        struct buf value = {0};
        bool out = lua_isboolean(L, -1) && !lua_toboolean(L, -1);
        if (lua_type(L, -2) != LUA_TSTRING)
            return luaL_error(L, "g:write: the name of a field is a text");
        if (!out)
            state_add_value(L, -1, &value);
        const char *argv[] = {out ? "HDEL" : "HSET", key.data, lua_tostring(L, -2), value.data};
        redisReply *r = world_redis(world_of(L), out ? 3 : 4, argv);
        buf_free(&value);
        if (!r)
            return luaL_error(L, "redis does not answer");
        freeReplyObject(r);
        lua_pop(L, 1);
    }
    buf_free(&key);
    return step_wait(L, 0);
}

/* Raises what is in `lines` after a heading; nothing if it is empty. */
static int state_differs(lua_State *L, const char *what, struct buf *lines)
{
    struct buf text = {0};
    if (!lines->len)
        return 0;
    lines->len--; /* the last line end is added by whoever prints */
    buf_addf(&text, "%s is not as expected:\n", what);
    buf_add(&text, lines->data, lines->len);
    buf_free(lines);
    return script_raise(L, &text);
}

/* g:expect_state("member", who, { field = value } [, flow]): the fields that are named; false: there is none. */
static int state_expect(lua_State *L)
{
    const struct state_place *p = state_place(L, 2);
    int idx = 2, wanted = 3 + (p->user || *p->kind != 'g');
    struct buf key = {0}, lines = {0};
    if (!p->field)
        return luaL_error(L, "g:expect_state: a %s has no fields; use g:equal(g:state(...), ...)",
                          p->name);
    luaL_checktype(L, wanted, LUA_TTABLE);
    state_place_key(L, p, &idx, wanted + 1, &key);
    lua_pushfstring(L, "the %s%s%s", p->name, wanted > 3 ? " " : "",
                    wanted > 3 ? lua_tostring(L, 3) : "");
    const char *what = lua_tostring(L, -1);
    state_ask(L, &key, "HGETALL", NULL);
    int differ = diff_values(L, wanted, -1, true, &lines);
    if (differ) {
        buf_adds(&lines, "  all of it: ");
        diff_add_value(L, -1, &lines);
        buf_addc(&lines, '\n');
    }
    return state_differs(L, what, &lines);
}

/* ---- boards ---- */

/* Pushes a list of { who, score }, highest first. */
static void state_push_board(lua_State *L, const char *name, const char *flow)
{
    struct world *w = world_of(L);
    struct buf key = {0};
    state_key(&key, "board", (const char *[]){flow, WORLD_GROUP, name, NULL});
    redisReply *r =
        world_redis(w, 5, (const char *[]){"ZREVRANGE", key.data, "0", "-1", "WITHSCORES"});
    buf_free(&key);
    lua_newtable(L);
    for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i + 1 < r->elements; i += 2) {
        lua_createtable(L, 2, 0);
        lua_pushstring(L, playground_name(w->gateway, r->element[i]->str));
        lua_rawseti(L, -2, 1);
        state_push(L, r->element[i + 1]->str, r->element[i + 1]->len);
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, (lua_Integer)i / 2 + 1);
    }
    if (r)
        freeReplyObject(r);
}

/* g:board(name [, flow]) */
static int state_board(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    state_push_board(L, name, state_flow(L, 3));
    return 1;
}

/* g:expect_board(name, { { "小美", 3 }, { "小王", 1 } } [, flow]): all of it, in this order. */
static int state_expect_board(lua_State *L)
{
    struct buf lines = {0};
    const char *name = luaL_checkstring(L, 2);
    luaL_checktype(L, 3, LUA_TTABLE);
    state_push_board(L, name, state_flow(L, 4));
    diff_values(L, 3, -1, false, &lines);
    return state_differs(L, lua_pushfstring(L, "the board %s", name), &lines);
}

/* ---- tags ---- */

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

static int state_sort(lua_State *L, int idx)
{
    idx = lua_absindex(L, idx);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, LUA_TABLIBNAME);
    lua_getfield(L, -1, "sort");
    lua_pushvalue(L, idx);
    lua_call(L, 1, 0);
    lua_pop(L, 2);
    return idx;
}

/* g:expect_tags(who, { ... }): these and no others, in any order. */
static int state_expect_tags(lua_State *L)
{
    struct buf lines = {0};
    const char *who = luaL_checkstring(L, 2);
    luaL_checktype(L, 3, LUA_TTABLE);
    int wanted = state_sort(L, 3);
    lua_pushcfunction(L, state_tags);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_call(L, 2, 1);
    int got = state_sort(L, -1);
    if (diff_values(L, wanted, got, false, &lines)) {
        buf_reset(&lines);
        buf_adds(&lines, "    - ");
        diff_add_value(L, wanted, &lines);
        buf_adds(&lines, "\n    + ");
        diff_add_value(L, got, &lines);
        buf_addc(&lines, '\n');
    }
    return state_differs(L, lua_pushfstring(L, "what tags %s", who), &lines);
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

/* g:id(who): as it stands in state and events. */
static int state_id(lua_State *L)
{
    lua_pushstring(L, state_user(L, 2));
    return 1;
}

const luaL_Reg test_state[] = {{"state", state_read},
                               {"expect_state", state_expect},
                               {"board", state_board},
                               {"expect_board", state_expect_board},
                               {"tags", state_tags},
                               {"expect_tags", state_expect_tags},
                               {"tag", state_tag},
                               {"untag", state_untag},
                               {"id", state_id},
                               {"write", state_write},
                               {NULL, NULL}};
