/* capi_effect.c -- what scripts do: writes, messages, timers, runs, switches. All of it joins the turn and happens with its
 * commit; a refusal is an answer to the script. */
#include <string.h>

#include "engine/turn/turn.h"
#include "lua/capi.h"

enum { SEGMENTS_MAX = 240, TEXT_MAX = 65536 };

int out_write(lua_State *L, struct coro *co)
{
    const char *argv[OUTSIDE_WORDS];
    size_t len[OUTSIDE_WORDS];
    int n = lua_gettop(L);
    if (n > OUTSIDE_WORDS)
        return fence_fail(L, "too many values in one write (%d, at most %d)", n, OUTSIDE_WORDS);
    for (int i = 0; i < n; i++)
        argv[i] = luaL_checklstring(L, i + 1, &len[i]);
    if (!turn_write(co->turn, n, argv, len))
        return fence_fail(
            L, "one turn may write at most 2000 values (4 MiB): spread the work over timers");
    return 0;
}

/* emit(stream, name, data JSON): its time and who are the handler's. */
int out_emit(lua_State *L, struct coro *co)
{
    size_t len;
    const char *kind = luaL_checkstring(L, 1), *name = luaL_checkstring(L, 2),
               *data = luaL_checklstring(L, 3, &len);
    if (!turn_emit(co->turn, kind, name, co->time_ms, data, len))
        return fence_fail(
            L, "one turn may write at most 2000 values (4 MiB): spread the work over timers");
    if (strcmp(kind, "events") == 0)
        turn_count_event(co->turn, name, data, len);
    return 0;
}

/* expose(experiment, unit, variant, variant before, is it new?, the experiment as JSON) */
int out_expose(lua_State *L, struct coro *co)
{
    struct turn_exposure x = {.name = luaL_checkstring(L, 1),
                              .unit = luaL_checkstring(L, 2),
                              .variant = luaL_checkstring(L, 3),
                              .was = luaL_checkstring(L, 4),
                              .fresh = lua_toboolean(L, 5),
                              .def = luaL_checkstring(L, 6),
                              .time_ms = co->time_ms};
    if (!turn_expose(co->turn, &x))
        return fence_fail(
            L, "one turn may write at most 2000 values (4 MiB): spread the work over timers");
    return 0;
}

static enum segment_type segment_kind(lua_State *L, const char *type)
{
    static const struct {
        const char *name;
        enum segment_type type;
    } kinds[] = {{"text", SEGMENT_TEXT}, {"at", SEGMENT_AT},       {"image", SEGMENT_IMAGE},
                 {"face", SEGMENT_FACE}, {"reply", SEGMENT_REPLY}, {"button", SEGMENT_BUTTON},
                 {"card", SEGMENT_CARD}};
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

static enum said_kind read_kind(const char *kind)
{
    return !kind                        ? KIND_BY_CAUSE
           : strcmp(kind, "game") == 0  ? KIND_SAID_GAME
           : strcmp(kind, "alarm") == 0 ? KIND_SAID_ALARM
                                        : KIND_SAID_BROADCAST;
}

/* send(text or segments, chat, gateway, policy, late_ms, anytime, answer, kind, if_late, at, label): the last two are for the journal */
int out_send(lua_State *L, struct coro *co)
{
    struct out_segment one, many[SEGMENTS_MAX];
    size_t unused;
    struct turn_message m = {.chat = capi_string(L, 2), .gateway = capi_string(L, 3)};
    if (lua_type(L, 1) == LUA_TSTRING) {
        one = (struct out_segment){.type = SEGMENT_TEXT, .id = ""};
        one.text = lua_tolstring(L, 1, &one.text_len);
        m.segments = &one;
        m.nsegments = 1;
    } else {
        luaL_checktype(L, 1, LUA_TTABLE);
        m.nsegments = read_segments(L, 1, many);
        m.segments = many;
        m.draft = segment_field(L, 1, "draft", &unused);
    }
    check_length(L, &m);
    const char *policy = capi_string(L, 4);
    if (policy)
        m.policy = strcmp(policy, "resend") == 0 ? POLICY_RESEND : POLICY_DROP;
    m.late_ms = luaL_optinteger(L, 5, 0);
    m.anytime = lua_toboolean(L, 6);
    m.answer = lua_isnoneornil(L, 7) ? turn_answering(co->turn) : lua_toboolean(L, 7);
    m.kind = read_kind(capi_string(L, 8));
    const char *late = capi_string(L, 9);
    m.late_said = late && late_policy_parse(late, &m.if_late);
    const char *why = turn_send(co->turn, &m);
    if (why &&
        strstr(why, "in one turn")) /* a loop without end, not a fact of life: the handler fails */
        return fence_fail(L, "%s", why);
    return capi_reason(L, why);
}

/* act(action number, user, arg, sub, text, number) */
int out_act(lua_State *L, struct coro *co)
{
    struct gateway_request r = {.action = (enum gateway_action)luaL_checkinteger(L, 1),
                                .chat = turn_chat(co->turn),
                                .user = capi_string(L, 2),
                                .arg = capi_string(L, 3),
                                .sub = capi_string(L, 4),
                                .text = capi_string(L, 5),
                                .number = luaL_optinteger(L, 6, 0)};
    return capi_reason(L, turn_act(co->turn, &r));
}

/* timer(name, key, due_ms or -1, args JSON, chat, true: nobody's) */
int out_timer(lua_State *L, struct coro *co)
{
    const char *chat = capi_string(L, 5);
    const char *name = luaL_checkstring(L, 1), *key = luaL_checkstring(L, 2);
    const char *args = luaL_checkstring(L, 4);
    int64_t due = luaL_checkinteger(L, 3);
    const char *user = lua_toboolean(L, 6) ? "" : NULL;
    return capi_reason(L, turn_timer_in(co->turn, chat, name, key, due, args, user));
}

/* claim(key): is the key of `once` free for this turn? */
int out_claim(lua_State *L, struct coro *co)
{
    lua_pushboolean(L, turn_claim(co->turn, luaL_checkstring(L, 1)));
    return 1;
}

int out_opt_out(lua_State *L, struct coro *co)
{
    turn_opt_out(co->turn, luaL_checkstring(L, 1), lua_toboolean(L, 2));
    return 0;
}

int out_forget(lua_State *L, struct coro *co)
{
    turn_forget(co->turn, luaL_checkstring(L, 1));
    return 0;
}

/* start(flow, handler id, chat, user, args JSON, key): the id of the new run, or nil and why not. */
int out_start(lua_State *L, struct coro *co)
{
    const char *flow = luaL_checkstring(L, 1), *handler = luaL_checkstring(L, 2);
    const char *args = capi_string(L, 5), *key = capi_string(L, 6), *user = capi_string(L, 4);
    char id[17] = "";
    if (key)
        key = lua_pushfstring(L, "%s|%s", flow, key);
    const char *why = turn_run_start(co->turn, flow, handler, capi_string(L, 3), user ? user : "",
                                     args ? args : "", key, id);
    if (why)
        return capi_reason(L, why);
    lua_pushstring(L, id);
    return 1;
}

/* cancel_run(chat, id, field of run-keys that it was found by) */
int out_cancel_run(lua_State *L, struct coro *co)
{
    turn_run_cancel(co->turn, capi_string(L, 1), luaL_checkstring(L, 2), capi_string(L, 3));
    return 0;
}
