/* capi.c -- the choke point: everything that comes from outside the script, and everything that leaves it, passes
 * outside_enter and outside_done. That is time, randomness, Redis, roles, switches; and writes, messages, timers, whose
 * refusals are answers too. A run that is replayed will take the recorded answers here instead. What scripts can do is
 * the table `outsides` at the end. The rest of the API (capi_pure.c, the prelude) only computes. */
#include <string.h>
#include <sys/random.h>

#include <hiredis/hiredis.h>

#include "base/log.h"
#include "engine/turn.h"
#include "lua/json.h"
#include "lua/state.h"

enum {
    WORDS_MAX = 600,
    PARTS_MAX = 6,
    SEGMENTS_MAX = 240,
    TEXT_MAX = 65536,
    WAITS = -1,
    SECRET_MAX = 64
};

/* ---- small helpers ---- */

/* The value of a reason: true, or nil and why not. */
static int push_reason(lua_State *L, const char *why)
{
    if (!why) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
}

static const char *opt_string(lua_State *L, int idx)
{
    return lua_isnoneornil(L, idx) ? NULL : lua_tostring(L, idx);
}

static int push_ms(lua_State *L, int64_t ms)
{
    lua_pushinteger(L, ms);
    return 1;
}

/* ---- the turn's facts ---- */

static int out_time(lua_State *L, struct coro *co)
{
    return push_ms(L, turn_time_ms(co->turn));
}

static int out_now(lua_State *L, struct coro *co)
{
    return push_ms(L, turn_now_ms(co->turn));
}

static int out_random(lua_State *L, struct coro *co)
{
    struct rng *r = turn_rng(co->turn);
    if (lua_gettop(L) == 0) {
        lua_pushnumber(L, rng_unit(r));
        return 1;
    }
    lua_Integer low = luaL_checkinteger(L, 1), high = luaL_checkinteger(L, 2);
    if (low > high)
        return fence_fail(L, "random: %lld is above %lld", (long long)low, (long long)high);
    uint64_t span = (uint64_t)high - (uint64_t)low + 1;
    uint64_t n = span ? rng_below(r, span) : rng_next(r);
    n += (uint64_t)low; /* wraps as it should */
    lua_pushinteger(L, (lua_Integer)n);
    return 1;
}

/* Random bytes of the kernel; in a playground's script numbers that repeat. */
static bool secret_bytes(struct coro *co, unsigned char *out, size_t n)
{
    if (!co->flow->host->opts.repeatable)
        return getrandom(out, n, 0) == (ssize_t)n;
    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)rng_below(turn_rng(co->turn), 256);
    return true;
}

static int out_secret(lua_State *L, struct coro *co)
{
    unsigned char bytes[SECRET_MAX];
    lua_Integer n = luaL_checkinteger(L, 1);
    if (n < 1 || n > SECRET_MAX)
        return fence_fail(L, "secret: the number of bytes must be between 1 and %d", SECRET_MAX);
    if (!secret_bytes(co, bytes, (size_t)n))
        return fence_fail(L, "secret: the kernel gave no random bytes");
    char hex[2 * SECRET_MAX];
    for (lua_Integer i = 0; i < n; i++) {
        hex[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    lua_pushlstring(L, hex, (size_t)n * 2);
    return 1;
}

static int out_opted_out(lua_State *L, struct coro *co)
{
    lua_pushboolean(L, turn_opted_out(co->turn, luaL_checkstring(L, 1)));
    return 1;
}

static int out_role(lua_State *L, struct coro *co)
{
    const char *user = luaL_checkstring(L, 1), *platform = "";
    const struct event *e = turn_event(co->turn);
    if (e && strcmp(e->user, user) == 0)
        platform = e->role;
    lua_pushstring(L, role_name(turn_role(co->turn, user, platform)));
    return 1;
}

static int out_flow_on(lua_State *L, struct coro *co)
{
    lua_pushboolean(L, turn_toggle_state(co->turn, luaL_checkstring(L, 1)));
    return 1;
}

static int out_quiet(lua_State *L, struct coro *co)
{
    return push_ms(L, turn_quiet_until(co->turn));
}

static int out_can(lua_State *L, struct coro *co)
{
    unsigned cap = gateway_cap_parse(luaL_checkstring(L, 1));
    if (!cap)
        return fence_fail(L, "can: \"%s\" is no capability of gateways", lua_tostring(L, 1));
    lua_pushboolean(L, (turn_caps(co->turn) & cap) != 0);
    return 1;
}

static int out_traffic(lua_State *L, struct coro *co)
{
    return push_ms(L, turn_traffic(co->turn, luaL_checkinteger(L, 1)));
}

/* ---- reads ---- */

/* Builds a command in RESP from the words on the stack. Returns it in the host's scratch buffer. */
static struct buf *build_command(lua_State *L)
{
    struct buf *out = &flow_of(L)->host->scratch;
    int n = lua_gettop(L);
    if (n > WORDS_MAX)
        fence_fail(L, "too many values in one command (%d, at most %d)", n, WORDS_MAX);
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

static int start_read(lua_State *L, struct coro *co, int (*convert)(lua_State *, const void *))
{
    if (++co->reads > HANDLER_READS)
        return fence_fail(L, "more than %d reads from Redis in one handler", HANDLER_READS);
    struct buf *command = build_command(L);
    uint64_t wait = coro_wait(L, co, convert);
    if (!turn_read(co->turn, buf_cstr(command), command->len, coro_answer,
                   (void *)(uintptr_t)wait)) {
        coro_unwait(co);
        return fence_kill(L, KILL_STORE, "Redis is away");
    }
    return WAITS;
}

static int out_read(lua_State *L, struct coro *co)
{
    return start_read(L, co, convert_plain);
}

static int out_read_map(lua_State *L, struct coro *co)
{
    return start_read(L, co, convert_map);
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

static int out_written(lua_State *L, struct coro *co)
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

static int out_members(lua_State *L, struct coro *co)
{
    struct gateway_request r = {.action = ACTION_MEMBERS, .chat = turn_chat(co->turn)};
    uint64_t wait = coro_wait(L, co, convert_members);
    const char *why = turn_ask(co->turn, &r, members_answer, (void *)(uintptr_t)wait);
    if (!why)
        return WAITS;
    coro_unwait(co);
    lua_pushboolean(L, 0);
    lua_pushstring(L, why);
    return 2;
}

/* ---- effects ---- */

static int out_write(lua_State *L, struct coro *co)
{
    const char *argv[WORDS_MAX];
    size_t len[WORDS_MAX];
    int n = lua_gettop(L);
    if (n > WORDS_MAX)
        return fence_fail(L, "too many values in one write (%d, at most %d)", n, WORDS_MAX);
    for (int i = 0; i < n; i++)
        argv[i] = luaL_checklstring(L, i + 1, &len[i]);
    if (!turn_write(co->turn, n, argv, len))
        return fence_fail(
            L, "one turn may write at most 2000 values (4 MiB): spread the work over timers");
    return 0;
}

static enum segment_type segment_kind(lua_State *L, const char *type)
{
    static const struct {
        const char *name;
        enum segment_type type;
    } kinds[] = {{"text", SEGMENT_TEXT},
                 {"at", SEGMENT_AT},
                 {"image", SEGMENT_IMAGE},
                 {"face", SEGMENT_FACE},
                 {"reply", SEGMENT_REPLY}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, type) == 0)
            return kinds[i].type;
    fence_fail(L, "\"%s\" is no kind of segment", type);
    return SEGMENT_OTHER;
}

static const char *segment_field(lua_State *L, int idx, const char *name, size_t *len)
{
    lua_pushstring(L, name);
    lua_rawget(L, idx);
    const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, len) : NULL;
    lua_pop(L, 1); /* anchored by the segment's table */
    if (!s) {
        *len = 0;
        s = "";
    }
    return s;
}

/* Reads the list at idx: strings are text, tables are segments. */
static int read_segments(lua_State *L, int idx, struct out_segment *out)
{
    int n = (int)lua_rawlen(L, idx);
    if (n > SEGMENTS_MAX)
        fence_fail(L, "a message may have at most %d segments", SEGMENTS_MAX);
    for (int i = 0; i < n; i++) {
        struct out_segment *s = &out[i];
        size_t unused;
        lua_rawgeti(L, idx, i + 1);
        if (lua_type(L, -1) == LUA_TSTRING) {
            s->type = SEGMENT_TEXT;
            s->id = "";
            s->text = lua_tolstring(L, -1, &s->text_len);
        } else {
            int at = lua_gettop(L);
            s->type = segment_kind(L, segment_field(L, at, "type", &unused));
            s->id = segment_field(L, at, "id", &unused);
            s->text = segment_field(L, at, "text", &s->text_len);
        }
        lua_pop(L, 1);
    }
    return n;
}

static void check_length(lua_State *L, const struct turn_message *m)
{
    size_t total = 0;
    for (int i = 0; i < m->nsegments; i++)
        total += m->segments[i].text_len;
    if (total > TEXT_MAX)
        fence_fail(L, "the message is too long (%zu bytes, at most %d)", total, TEXT_MAX);
}

static bool is_answer(const struct coro *co)
{
    const struct event *e = turn_event(co->turn);
    return e && (e->type == EVENT_MESSAGE || e->type == EVENT_BUTTON || e->type == EVENT_ENTER ||
                 e->type == EVENT_POKE);
}

/* send(text or segments, chat, gateway, policy, late_ms, anytime, answer) */
static int out_send(lua_State *L, struct coro *co)
{
    struct out_segment one, many[SEGMENTS_MAX];
    struct turn_message m = {.chat = opt_string(L, 2), .gateway = opt_string(L, 3)};
    if (lua_type(L, 1) == LUA_TSTRING) {
        one = (struct out_segment){.type = SEGMENT_TEXT, .id = ""};
        one.text = lua_tolstring(L, 1, &one.text_len);
        m.segments = &one;
        m.nsegments = 1;
    } else {
        luaL_checktype(L, 1, LUA_TTABLE);
        m.nsegments = read_segments(L, 1, many);
        m.segments = many;
    }
    check_length(L, &m);
    const char *policy = opt_string(L, 4);
    if (policy)
        m.policy = strcmp(policy, "resend") == 0 ? POLICY_RESEND : POLICY_DROP;
    m.late_ms = luaL_optinteger(L, 5, 0);
    m.anytime = lua_toboolean(L, 6);
    m.answer = lua_isnoneornil(L, 7) ? is_answer(co) : lua_toboolean(L, 7);
    const char *why = turn_send(co->turn, &m);
    if (why &&
        strstr(why, "in one turn")) /* a loop without end, not a fact of life: the handler fails */
        return fence_fail(L, "%s", why);
    return push_reason(L, why);
}

/* act(action number, user, arg, sub, text, number) */
static int out_act(lua_State *L, struct coro *co)
{
    struct gateway_request r = {.action = (enum gateway_action)luaL_checkinteger(L, 1),
                                .chat = turn_chat(co->turn),
                                .user = opt_string(L, 2),
                                .arg = opt_string(L, 3),
                                .sub = opt_string(L, 4),
                                .text = opt_string(L, 5),
                                .number = luaL_optinteger(L, 6, 0)};
    return push_reason(L, turn_act(co->turn, &r));
}

/* timer(name, key, due_ms or -1, args JSON, chat) */
static int out_timer(lua_State *L, struct coro *co)
{
    const char *chat = opt_string(L, 5);
    const char *name = luaL_checkstring(L, 1), *key = luaL_checkstring(L, 2);
    const char *args = luaL_checkstring(L, 4);
    int64_t due = luaL_checkinteger(L, 3);
    return push_reason(L, turn_timer_in(co->turn, chat, name, key, due, args));
}

static int out_opt_out(lua_State *L, struct coro *co)
{
    turn_opt_out(co->turn, luaL_checkstring(L, 1), lua_toboolean(L, 2));
    return 0;
}

/* toggle(flow, "on" | "off" | "default") */
static int out_toggle(lua_State *L, struct coro *co)
{
    const char *flow = luaL_checkstring(L, 1), *state = luaL_checkstring(L, 2);
    if (strcmp(state, "default") == 0)
        turn_toggle_clear(co->turn, flow);
    else
        turn_toggle(co->turn, flow, strcmp(state, "on") == 0);
    return 0;
}

/* ---- the choke point ---- */

static const struct outside {
    const char *name;
    int (*call)(lua_State *L, struct coro *co); /* number of results, or WAITS after coro_wait */
} outsides[] = {
    {"time_ms", out_time},
    {"now_ms", out_now},
    {"random", out_random},
    {"secret", out_secret},
    {"opted_out", out_opted_out},
    {"role", out_role},
    {"flow_on", out_flow_on},
    {"quiet_until", out_quiet},
    {"can", out_can},
    {"traffic", out_traffic},
    {"read", out_read},
    {"read_map", out_read_map},
    {"written", out_written},
    {"members", out_members},
    {"write", out_write},
    {"send", out_send},
    {"act", out_act},
    {"timer", out_timer},
    {"opt_out", out_opt_out},
    {"toggle", out_toggle},
};

/* Every result passes here on its way to the script, whether it came at once or after a wait. */
static int outside_done(lua_State *L, const struct outside *o, int nresults)
{
    if (nresults == 2 && lua_isnil(L, -2) && (o->call == out_read || o->call == out_read_map))
        return fence_fail(L, "Redis refused a read: %s", lua_tostring(L, -1));
    return nresults;
}

static int outside_resumed(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    return outside_done(L, &outsides[ctx & 0xFF], lua_gettop(L) - (int)(ctx >> 8));
}

static int outside_run(lua_State *L, int which)
{
    struct coro *co = coro_current(L);
    int nargs = lua_gettop(L);
    int n = outsides[which].call(L, co);
    if (n == WAITS)
        return lua_yieldk(L, 0, (lua_KContext)nargs << 8 | which, outside_resumed);
    return outside_done(L, &outsides[which], n);
}

static int outside_enter(lua_State *L)
{
    return outside_run(L, (int)lua_tointeger(L, lua_upvalueindex(1)));
}

static int outside_index(const char *name)
{
    int i = 0;
    while (strcmp(outsides[i].name, name) != 0)
        i++;
    return i;
}

static int say_done(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    return lua_gettop(L);
}

/* c:say(text): the usual case, a text without variables and options, goes straight out. Upvalues: the rest of c:say in Lua,
 * the index of send. */
static int say_enter(lua_State *L)
{
    size_t len;
    if (lua_gettop(L) == 2 && lua_type(L, 2) == LUA_TSTRING && context_is(L, 1)) {
        const char *text = lua_tolstring(L, 2, &len);
        if (!memchr(text, '{', len) && !memchr(text, '}', len)) {
            lua_remove(L, 1);
            return outside_run(L, (int)lua_tointeger(L, lua_upvalueindex(2)));
        }
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, say_done);
    return lua_gettop(L);
}

static int capi_say(lua_State *L)
{
    lua_pushinteger(L, outside_index("send"));
    lua_pushcclosure(L, say_enter, 2);
    return 1;
}

void capi_push(lua_State *L)
{
    lua_newtable(L);
    lua_pushcfunction(L, capi_say);
    lua_setfield(L, -2, "say");
    for (size_t i = 0; i < sizeof outsides / sizeof outsides[0]; i++) {
        lua_pushinteger(L, (lua_Integer)i);
        lua_pushcclosure(L, outside_enter, 1);
        lua_setfield(L, -2, outsides[i].name);
    }
    capi_pure(L);
    capi_time(L);
    capi_context(L);
}
