/* context.c -- the context `c` that handlers get: a small userdata that fetches what it is asked for.
 * Its fields come straight from the turn; methods and made-once fields (c.member, c.params) come from the prelude's table of
 * names. It owns nothing: it knows the serial number of its handler, and is refused when that handler is over. The one user
 * value is the handler's session, a table that the prelude keeps its caches in; it is made at first need. */
#include <string.h>

#include <cjson/cJSON.h>

#include "base/timefmt.h"
#include "engine/turn/turn.h"
#include "lua/capi.h"
#include "lua/json.h"

struct context {
    uint64_t serial;
};

static const char context_name[] = "sop.context";

static struct coro *context_coro(lua_State *L, int idx)
{
    const struct context *c = luaL_testudata(L, idx, context_name);
    struct coro *co = coro_current(L);
    if (c && c->serial == co->serial)
        return co;
    if (c)
        fence_fail(
            L,
            "this context belongs to a handler that is over: use the one that your function was called with");
    fence_fail(L, "the context is missing: call its functions with a colon, as in c:say(\"...\")");
    return NULL;
}

void context_push(lua_State *L, struct coro *co)
{
    struct context *c = lua_newuserdatauv(L, sizeof *c, 1);
    c->serial = co->serial;
    lua_rawgeti(L, LUA_REGISTRYINDEX, flow_of(L)->ref_context);
    lua_setmetatable(L, -2);
}

/* ---- fields ---- */

static void push_text(lua_State *L, const char *s)
{
    lua_pushstring(L, s ? s : "");
}

/* Ids and other things that may not be there: nil instead of "". */
static void push_id(lua_State *L, const char *s)
{
    if (s && *s)
        lua_pushstring(L, s);
    else
        lua_pushnil(L);
}

static const char *segment_type_name(const struct segment *s)
{
    static const char *const names[] = {"text",  "at",   "image", "face",    "reply", "voice",
                                        "video", "file", "card",  "forward", "other"};
    return (unsigned)s->type < sizeof names / sizeof names[0] ? names[s->type] : "other";
}

static void set_id(lua_State *L, const char *name, const char *value)
{
    push_id(L, value);
    lua_setfield(L, -2, name);
}

static void push_segments(lua_State *L, const struct event *e)
{
    lua_createtable(L, e->nsegments, 0);
    for (int i = 0; i < e->nsegments; i++) {
        const struct segment *s = &e->segments[i];
        lua_createtable(L, 0, 4);
        lua_pushstring(L, segment_type_name(s));
        lua_setfield(L, -2, "type");
        set_id(L, "kind", s->kind);
        set_id(L, "id", s->id);
        push_text(L, s->text);
        lua_setfield(L, -2, "text");
        lua_rawseti(L, -2, i + 1);
    }
}

static void push_message(lua_State *L, const struct event *e)
{
    if (!e || (e->type != EVENT_MESSAGE && e->type != EVENT_BUTTON)) {
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, 0, 4);
    set_id(L, "id", e->message_id);
    lua_pushinteger(L, e->time_ms / 1000);
    lua_setfield(L, -2, "time");
    push_text(L, e->text);
    lua_setfield(L, -2, "text");
    push_segments(L, e);
    lua_setfield(L, -2, "segments");
}

static void push_mentions(lua_State *L, const struct event *e, const char *self)
{
    lua_Integer n = 0;
    lua_newtable(L);
    for (int i = 0; e && i < e->nsegments; i++) {
        const struct segment *s = &e->segments[i];
        if (s->type != SEGMENT_AT || !*s->id || strcmp(s->id, "all") == 0 ||
            strcmp(s->id, self) == 0)
            continue;
        lua_pushstring(L, s->id);
        lua_rawseti(L, -2, ++n);
    }
}

/* c.event: everything of the normalised event; absent strings are absent. */
static void push_event(lua_State *L, const struct coro *co)
{
    static const char *const causes[] = {"event", "schedule", "timer", "start"};
    const struct turn *t = co->turn;
    const struct event *e = turn_event(t);
    lua_createtable(L, 0, 16);
    lua_pushstring(L, e ? event_type_name(e->type) : causes[turn_cause(t)]);
    lua_setfield(L, -2, "type");
    lua_pushinteger(L, co->start_ms / 1000);
    lua_setfield(L, -2, "time");
    if (!e) {
        lua_pushinteger(L, turn_due_ms(t) / 1000);
        lua_setfield(L, -2, "due");
        int64_t late = co->start_now_ms - turn_due_ms(t);
        lua_pushinteger(L, turn_due_ms(t) > 0 && late > 0 ? late / 1000 : 0);
        lua_setfield(L, -2, "late");
        return;
    }
    set_id(L, "user", e->user);
    set_id(L, "name", e->name);
    set_id(L, "role", e->role);
    set_id(L, "operator", e->operator_id);
    set_id(L, "target", e->target);
    set_id(L, "message_id", e->message_id);
    set_id(L, "reply_to", e->reply_to);
    set_id(L, "sub", e->sub);
    set_id(L, "flag", e->flag);
    set_id(L, "text", e->text);
    lua_pushinteger(L, e->number);
    lua_setfield(L, -2, "number");
    lua_pushboolean(L, e->history);
    lua_setfield(L, -2, "history");
    if (turn_is_late(t)) {
        lua_pushinteger(L, (co->start_now_ms - co->start_ms) / 1000);
        lua_setfield(L, -2, "late");
    }
}

enum field {
    FIELD_USER,
    FIELD_NAME,
    FIELD_ROLE,
    FIELD_CHAT,
    FIELD_CHAT_NAME,
    FIELD_GATEWAY,
    FIELD_ME,
    FIELD_TEXT,
    FIELD_ARGS,
    FIELD_COMMAND,
    FIELD_REFUSED,
    FIELD_EVENT,
    FIELD_MESSAGE,
    FIELD_MENTIONS,
    FIELD_AT_ME,
    FIELD_AT_OTHER,
    FIELD_QUOTED,
    FIELD_PRIVATE,
    FIELD_INVITER,
    FIELD_OPERATOR,
    FIELD_FROM_BOT,
    FIELD_VIA,
    FIELD_FLOW
};
static const struct {
    const char *name;
    enum field field;
} fields[] = {
    {"user", FIELD_USER},
    {"name", FIELD_NAME},
    {"role", FIELD_ROLE},
    {"chat", FIELD_CHAT},
    {"chat_name", FIELD_CHAT_NAME},
    {"gateway", FIELD_GATEWAY},
    {"me", FIELD_ME},
    {"text", FIELD_TEXT},
    {"args", FIELD_ARGS},
    {"command", FIELD_COMMAND},
    {"refused", FIELD_REFUSED},
    {"event", FIELD_EVENT},
    {"message", FIELD_MESSAGE},
    {"mentions", FIELD_MENTIONS},
    {"at_me", FIELD_AT_ME},
    {"at_other", FIELD_AT_OTHER},
    {"quoted", FIELD_QUOTED},
    {"private", FIELD_PRIVATE},
    {"inviter", FIELD_INVITER},
    {"operator", FIELD_OPERATOR},
    {"from_bot", FIELD_FROM_BOT},
    {"via", FIELD_VIA},
    {"flow", FIELD_FLOW},
};

static void push_role(lua_State *L, const struct turn *t, const struct event *e)
{
    lua_pushstring(L, role_name(turn_role(t, turn_user(t), e ? e->role : "")));
}

/* Fields that cost a table each, or a line of the journal: kept in the session after the first use. */
static bool push_made(lua_State *L, struct coro *co, enum field field)
{
    const struct event *e = turn_event(co->turn);
    switch (field) {
    case FIELD_EVENT: push_event(L, co); return true;
    case FIELD_MESSAGE: push_message(L, e); return true;
    case FIELD_MENTIONS: push_mentions(L, e, turn_self(co->turn)); return true;
    case FIELD_ME: capi_ask(L, "me", NULL); return true;
    case FIELD_CHAT_NAME: capi_ask(L, "chat_name", NULL); return true;
    default: return false;
    }
}

static void push_field(lua_State *L, struct coro *co, enum field field)
{
    const struct turn *t = co->turn;
    const struct event *e = turn_event(t);
    switch (field) {
    case FIELD_USER: push_id(L, turn_user(t)); break;
    case FIELD_NAME: push_id(L, *turn_name(t) ? turn_name(t) : turn_user(t)); break;
    case FIELD_ROLE: push_role(L, t, e); break;
    case FIELD_CHAT: push_text(L, turn_chat(t)); break;
    case FIELD_CHAT_NAME: push_text(L, turn_chat_name(t)); break;
    case FIELD_GATEWAY: push_text(L, turn_gateway(t)); break;
    case FIELD_ME: push_id(L, turn_self(t)); break;
    case FIELD_TEXT: push_text(L, e ? e->text : ""); break;
    case FIELD_ARGS: push_text(L, turn_args(t)); break;
    case FIELD_COMMAND: push_id(L, turn_word(t)); break;
    case FIELD_REFUSED: lua_pushboolean(L, turn_refused(t)); break;
    case FIELD_AT_ME: lua_pushboolean(L, e && e->at_me); break;
    case FIELD_AT_OTHER: lua_pushboolean(L, e && e->at_other); break;
    case FIELD_QUOTED: push_id(L, e ? e->reply_to : NULL); break;
    case FIELD_PRIVATE: lua_pushboolean(L, turn_chat(t)[0] == '@'); break;
    case FIELD_INVITER: push_id(L, e && e->type == EVENT_JOIN ? e->operator_id : NULL); break;
    case FIELD_OPERATOR: push_id(L, e ? e->operator_id : NULL); break;
    case FIELD_VIA: push_id(L, e ? e->via : NULL); break;
    case FIELD_FROM_BOT: lua_pushboolean(L, e && e->from_bot); break;
    case FIELD_FLOW: push_text(L, co->flow->info.name); break;
    default: lua_pushnil(L);
    }
}

/* Pushes the session table, making it if needed. idx: the context. */
static void push_session(lua_State *L, int idx)
{
    if (lua_getiuservalue(L, idx, 1) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_createtable(L, 0, 8);
    lua_pushvalue(L, idx);
    lua_setfield(L, -2, "c");
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, idx, 1);
}

/* A made-once field: looks in the session, else makes it and keeps it there. */
static int index_made(lua_State *L, struct coro *co, int names_value)
{
    push_session(L, 1);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, -2) != LUA_TNIL)
        return 1;
    lua_pop(L, 1);
    if (lua_type(L, names_value) == LUA_TNUMBER) {
        push_made(L, co, (enum field)lua_tointeger(L, names_value));
    } else {
        lua_rawgeti(L, names_value, 1);
        lua_pushvalue(L, 1);
        lua_call(L, 1, 1);
    }
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, -4);
    return 1;
}

static int context_index(lua_State *L)
{
    struct coro *co = context_coro(L, 1);
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    switch (lua_rawget(L, lua_upvalueindex(1))) {
    case LUA_TFUNCTION: return 1;
    case LUA_TNUMBER: {
        enum field field = (enum field)lua_tointeger(L, 3);
        if (field == FIELD_EVENT || field == FIELD_MESSAGE || field == FIELD_MENTIONS)
            return index_made(L, co, 3);
        if (co->journal.on && (field == FIELD_ME || field == FIELD_CHAT_NAME))
            return index_made(L, co, 3);
        if (co->journal.on && field == FIELD_ROLE) {
            capi_ask(L, "role", turn_user(co->turn));
            return 1;
        }
        push_field(L, co, field);
        return 1;
    }
    case LUA_TTABLE: return index_made(L, co, 3);
    default:
        lua_getfield(L, lua_upvalueindex(1), "__unknown");
        lua_pushvalue(L, 2);
        lua_call(L, 1, 0);
        return 0;
    }
}

static int context_newindex(lua_State *L)
{
    if (lua_type(L, 2) == LUA_TSTRING)
        return fence_fail(
            L,
            "c.%s cannot be set: keep values of this handler in locals, lasting ones in c.member or c.group",
            lua_tostring(L, 2));
    return fence_fail(L, "c cannot be written to");
}

static int context_text(lua_State *L)
{
    lua_pushliteral(L, "context");
    return 1;
}

/* P.context(names): `names` is the table of methods and made-once fields; the C fields are added to it. */
static int capi_set_context(lua_State *L)
{
    struct flow *f = flow_of(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        lua_pushinteger(L, fields[i].field);
        lua_setfield(L, 1, fields[i].name);
    }
    luaL_newmetatable(L, context_name);
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, context_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, context_newindex);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, context_text);
    lua_setfield(L, -2, "__tostring");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    f->ref_context = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static int capi_session(lua_State *L)
{
    context_coro(L, 1);
    push_session(L, 1);
    return 1;
}

bool context_is(lua_State *L, int idx)
{
    const struct context *c = luaL_testudata(L, idx, context_name);
    return c && c->serial == coro_current(L)->serial;
}

/* True if x is this handler's context: for the prelude's checks of c.say instead of c:say. */
static int capi_is_context(lua_State *L)
{
    lua_pushboolean(L, context_is(L, 1));
    return 1;
}

/* here(): flow, chat, user (nil if there is none). */
static int capi_here(lua_State *L)
{
    const struct coro *co = coro_current(L);
    lua_pushstring(L, co->flow->info.name);
    lua_pushstring(L, turn_chat(co->turn));
    push_id(L, turn_user(co->turn));
    return 3;
}

/* ---- what the binding says ---- */

static const struct playbook *playbook_of(lua_State *L)
{
    return coro_current(L)->binding->playbook;
}

/* The bindings whose tables are kept, the one that was used longest ago goes: a flow that runs with values of their own in 500
 * groups does not keep 500 tables. */
static void params_touch(struct flow *f, uint32_t id)
{
    int oldest = 0;
    for (int i = 0; i < PARAMS_KEPT; i++) {
        if (f->kept[i].id == id) {
            f->kept[i].used = ++f->kept_clock;
            return;
        }
        if (f->kept[i].used < f->kept[oldest].used)
            oldest = i;
    }
    f->kept[oldest].used = ++f->kept_clock;
    f->kept_out = f->kept[oldest].id;
    f->kept[oldest].id = id;
}

/* params(): the table that was kept for the binding; or nil and its parameters, without texts, as a fresh table. */
static int capi_params(lua_State *L)
{
    struct coro *co = coro_current(L);
    const struct flow_info *info = &co->flow->info;
    lua_rawgeti(L, LUA_REGISTRYINDEX, co->flow->ref_params);
    if (lua_rawgeti(L, -1, co->binding->id) == LUA_TTABLE) {
        params_touch(co->flow, co->binding->id);
        return 1;
    }
    lua_settop(L, 0);
    lua_pushnil(L);
    lua_createtable(L, 0, info->nparams);
    for (int i = 0; i < info->nparams; i++) {
        const cJSON *v = values_get(co->binding->values, i);
        if (!v || info->params[i].type == PARAM_TEXT)
            continue;
        json_push(L, v);
        lua_setfield(L, -2, info->params[i].name);
    }
    return 2;
}

static int capi_keep_params(lua_State *L)
{
    struct coro *co = coro_current(L);
    struct flow *f = co->flow;
    lua_rawgeti(L, LUA_REGISTRYINDEX, f->ref_params);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, co->binding->id);
    f->kept_out = 0;
    params_touch(f, co->binding->id);
    if (f->kept_out) {
        lua_pushnil(L);
        lua_rawseti(L, -2, f->kept_out);
    }
    return 0;
}

/* text(name): the value of a text parameter now: a string or a list; nil if there is none. */
static int capi_text(lua_State *L)
{
    const struct coro *co = coro_current(L);
    json_push(L, binding_param(co->binding, luaL_checkstring(L, 1)));
    return 1;
}

static int capi_persona(lua_State *L)
{
    json_push(L, playbook_of(L)->persona);
    return 1;
}

/* press(): the texts that stand for buttons on this gateway, a text or a list, true if the language has none; nil: it has buttons. */
static int capi_press(lua_State *L)
{
    const struct coro *co = coro_current(L);
    const struct playbook *p = co->binding->playbook;
    if (turn_caps(co->turn) & GATEWAY_BUTTONS)
        return 0;
    const cJSON *text =
        p->language ? cJSON_GetObjectItemCaseSensitive(co->binding->book->press, p->language)
                    : NULL;
    if (text)
        json_push(L, text);
    else
        lua_pushboolean(L, 1);
    return 1;
}

/* staff_chat(): gateway, chat; or nil. */
static int capi_staff_chat(lua_State *L)
{
    const char *to = playbook_of(L)->staff_chat, *colon = to ? strchr(to, ':') : NULL;
    if (!colon)
        return 0;
    lua_pushlstring(L, to, (size_t)(colon - to));
    lua_pushstring(L, colon + 1);
    return 2;
}

/* role_rank(name): 0 for member and up; nil if unknown. */
static int capi_role_rank(lua_State *L)
{
    int role = role_parse(luaL_checkstring(L, 1));
    if (role < 0)
        lua_pushnil(L);
    else
        lua_pushinteger(L, role);
    return 1;
}

/* order(): what an outside system reported, as JSON; nil if this is about no order. */
static int capi_order(lua_State *L)
{
    const struct turn *t = coro_current(L)->turn;
    const struct event *e = turn_event(t);
    push_id(L, e && e->type == EVENT_ORDER ? turn_timer_args(t) : NULL);
    return 1;
}

void capi_context(lua_State *L)
{
    static const luaL_Reg list[] = {{"context", capi_set_context},
                                    {"session", capi_session},
                                    {"is_context", capi_is_context},
                                    {"here", capi_here},
                                    {"params", capi_params},
                                    {"keep_params", capi_keep_params},
                                    {"persona", capi_persona},
                                    {"press", capi_press},
                                    {"staff_chat", capi_staff_chat},
                                    {"text", capi_text},
                                    {"role_rank", capi_role_rank},
                                    {"order", capi_order},
                                    {NULL, NULL}};
    luaL_setfuncs(L, list, 0);
    lua_newtable(L);
    flow_of(L)->ref_params = luaL_ref(L, LUA_REGISTRYINDEX);
}
