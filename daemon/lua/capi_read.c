/* capi_read.c -- what scripts ask Redis and the gateway: the coroutine waits, coro.c brings the answer. */
#include <string.h>

#include <hiredis/hiredis.h>

#include "engine/turn/turn.h"
#include "lua/capi.h"

/* Builds a command in RESP from the words on the stack. Returns it in the host's scratch buffer. */
static struct buf *build_command(lua_State *L)
{
    struct buf *out = &flow_of(L)->host->scratch;
    int n = lua_gettop(L);
    if (n > OUTSIDE_WORDS)
        fence_fail(L, "too many values in one command (%d, at most %d)", n, OUTSIDE_WORDS);
    for (int i = 1; i <= n; i++)
        luaL_checkstring(L, i); /* numbers become strings in place */
    buf_reset(out);
    buf_add_array(out, (size_t)n);
    for (int i = 1; i <= n; i++) {
        size_t len;
        const char *s = lua_tolstring(L, i, &len);
        buf_add_bulk(out, s, len);
    }
    return out;
}

static void push_reply(lua_State *L, const redisReply *r, int depth)
{
    luaL_checkstack(L, 4, "reply");
    switch (r->type) {
    case REDIS_REPLY_INTEGER: lua_pushinteger(L, r->integer); break;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS: lua_pushlstring(L, r->str, (size_t)r->len); break;
    case REDIS_REPLY_ARRAY:
        lua_createtable(L, depth < 8 ? (int)r->elements : 0, 0);
        for (size_t i = 0; depth < 8 && i < r->elements; i++) {
            push_reply(L, r->element[i], depth + 1);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        break;
    default: lua_pushnil(L);
    }
}

/* An error of Redis is nil and its text: outside_done raises it in the script. */
static int convert_plain(lua_State *L, const void *answer)
{
    const redisReply *r = answer;
    if (r->type == REDIS_REPLY_ERROR) {
        lua_pushnil(L);
        lua_pushlstring(L, r->str, (size_t)r->len);
        return 2;
    }
    push_reply(L, r, 0);
    return 1;
}

/* HGETALL: field, value, field, value ... as a table by field. */
static int convert_map(lua_State *L, const void *answer)
{
    const redisReply *r = answer;
    if (r->type != REDIS_REPLY_ARRAY)
        return convert_plain(L, answer);
    lua_createtable(L, 0, (int)(r->elements / 2));
    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        push_reply(L, r->element[i], 7);
        push_reply(L, r->element[i + 1], 7);
        if (lua_isnil(L, -2))
            lua_pop(L, 2);
        else
            lua_rawset(L, -3);
    }
    return 1;
}

/* The command stands in the host's scratch buffer. */
static int start_command(lua_State *L, struct coro *co, int (*convert)(lua_State *, const void *))
{
    if (++co->reads > HANDLER_READS)
        return fence_fail(L, "more than %d reads from Redis in one handler", HANDLER_READS);
    struct buf *command = &flow_of(L)->host->scratch;
    uint64_t wait = coro_wait(L, co, convert);
    if (!turn_read(co->turn, buf_cstr(command), command->len, coro_answer,
                   (void *)(uintptr_t)wait)) {
        coro_unwait(co);
        return fence_kill(L, KILL_STORE, "Redis is away");
    }
    return OUTSIDE_WAITS;
}

static int start_read(lua_State *L, struct coro *co, int (*convert)(lua_State *, const void *))
{
    build_command(L);
    return start_command(L, co, convert);
}

int out_read(lua_State *L, struct coro *co)
{
    return start_read(L, co, convert_plain);
}

int out_read_map(lua_State *L, struct coro *co)
{
    return start_read(L, co, convert_map);
}

/* The same as read, for the making of texts: no part of the journal, and not asked in a replay. */
int out_read_now(lua_State *L, struct coro *co)
{
    if (!journal_replaying(&co->journal))
        return start_read(L, co, convert_plain);
    lua_pushnil(L);
    return 1;
}

/* ---- names ---- */

/* The name that the first of these members' fields has. */
static const char name_script[] = "for i = 1, #KEYS do\n"
                                  "  local name = redis.call('HGET', KEYS[i], 'name')\n"
                                  "  if name and name ~= '' then return name end\n"
                                  "end\n"
                                  "return false\n";

struct name_keys {
    struct turn *turn;
    const char *user, *but;
    struct buf words;
    size_t n;
};

static void name_key(void *ud, const struct turn_flow *f)
{
    struct name_keys *k = ud;
    struct buf key = {0};
    if (strcmp(f->name, k->but) == 0)
        return;
    turn_key(k->turn, &key, "m", f->name, turn_chat(k->turn), k->user, NULL);
    buf_add_bulk(&k->words, key.data, key.len);
    k->n++;
    buf_free(&key);
}

/* name_of(user): what the other flows of this chat keep as `name` of a member, the first in the playbook's order; as it stands in Redis. */
int out_name_of(lua_State *L, struct coro *co)
{
    struct name_keys k = {.turn = co->turn,
                          .user = luaL_checkstring(L, 1),
                          .but = flow_info(turn_binding(co->turn)->flow)->name};
    struct buf *command = &flow_of(L)->host->scratch;
    turn_each_flow(co->turn, NULL, name_key, &k);
    buf_reset(command);
    buf_add_array(command, 3 + k.n);
    buf_add_bulk(command, "EVAL", 4);
    buf_add_bulk(command, name_script, sizeof name_script - 1);
    buf_add_bulk_int(command, (int64_t)k.n);
    buf_add(command, k.words.data, k.words.len);
    buf_free(&k.words);
    if (k.n)
        return start_command(L, co, convert_plain);
    lua_pushnil(L);
    return 1;
}

/* The same for the making of texts. */
int out_name_now(lua_State *L, struct coro *co)
{
    if (!journal_replaying(&co->journal))
        return out_name_of(L, co);
    lua_pushnil(L);
    return 1;
}

/* What the turn has written to this key before this handler began (earlier handlers of the same turn). */
struct earlier {
    lua_State *L;
    lua_Integer n;
};

static void push_earlier(void *ud, int argc, const char *const *argv, const size_t *argvlen)
{
    struct earlier *e = ud;
    lua_createtable(e->L, argc, 0);
    for (int i = 0; i < argc; i++) {
        lua_pushlstring(e->L, argv[i], argvlen[i]);
        lua_rawseti(e->L, -2, i + 1);
    }
    lua_rawseti(e->L, -2, ++e->n);
}

int out_written(lua_State *L, struct coro *co)
{
    size_t len;
    const char *key = luaL_checklstring(L, 1, &len);
    struct earlier e = {L, 0};
    luaL_checkstack(L, 6, "writes");
    lua_pushnil(L);
    if (turn_writes_of(co->turn, key, len) == 0)
        return 1;
    lua_newtable(L);
    turn_each_write(co->turn, key, len, push_earlier, &e);
    return 1;
}

/* ---- the gateway's members ---- */

static int convert_members(lua_State *L, const void *answer)
{
    const struct gateway_response *r = answer;
    if (!r->ok) {
        lua_pushboolean(L, 0);
        lua_pushstring(L, r->reason ? r->reason : "the gateway did not say why");
        return 2;
    }
    lua_createtable(L, (int)r->nmembers, 0);
    for (size_t i = 0; i < r->nmembers; i++) {
        const struct gateway_member *m = &r->members[i];
        lua_createtable(L, 0, 4);
        lua_pushstring(L, m->user);
        lua_setfield(L, -2, "user");
        lua_pushstring(L, m->name);
        lua_setfield(L, -2, "name");
        lua_pushstring(L, m->role);
        lua_setfield(L, -2, "role");
        lua_pushinteger(L, m->joined_s);
        lua_setfield(L, -2, "joined");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static void members_answer(void *ud, const struct gateway_response *r)
{
    static const struct gateway_response lost = {.reason = "the gateway is not connected"};
    coro_deliver((uint64_t)(uintptr_t)ud, r ? r : &lost);
}

int out_members(lua_State *L, struct coro *co)
{
    struct gateway_request r = {.action = ACTION_MEMBERS, .chat = turn_chat(co->turn)};
    uint64_t wait = coro_wait(L, co, convert_members);
    const char *why = turn_ask(co->turn, &r, members_answer, (void *)(uintptr_t)wait);
    if (!why)
        return OUTSIDE_WAITS;
    coro_unwait(co);
    lua_pushboolean(L, 0);
    lua_pushstring(L, why);
    return 2;
}
