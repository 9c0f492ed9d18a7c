/* capi_staff.c -- what staff ask for and turn: the flows of a chat and what decided about each, pauses, who has which role, in which
 * groups, the commands for staff; toggles and pauses; a command given in another chat. Part of the table in capi.c. */
#include <string.h>

#include <cjson/cJSON.h>

#include "engine/route/values.h"
#include "engine/turn/turn.h"
#include "lua/capi.h"
#include "store/settings_value.h"

enum { STAFF_MENTIONS = 20 };

static void set_text(lua_State *L, const char *name, const char *value)
{
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

static void set_flag(lua_State *L, const char *name, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, name);
}

/* The table on top joins the list below it. */
static void append(lua_State *L)
{
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

/* Where a hash of the settings stands: layer = "chat", "tag" (and tag), "gateway", "global". */
static void set_layer(lua_State *L, const char *key)
{
    const char *scope = strchr(key + strlen("sopd:"), ':');
    scope = scope ? scope + 1 : "";
    if (strncmp(scope, "chat:", 5) == 0) {
        set_text(L, "layer", "chat");
    } else if (strncmp(scope, "tag:", 4) == 0) {
        set_text(L, "layer", "tag");
        set_text(L, "tag", scope + 4);
    } else {
        set_text(L, "layer", strncmp(scope, "gw:", 3) == 0 ? "gateway" : "global");
    }
    set_text(L, "key", key);
}

/* A pause: which flow, and till when (seconds; nil: until it is ended). */
static void set_pause(lua_State *L, const struct settings_value *v)
{
    int64_t ms = settings_pause_end(v->value);
    set_layer(L, v->key);
    if (ms < INT64_MAX) {
        lua_pushinteger(L, ms / 1000);
        lua_setfield(L, -2, "till");
    }
}

/* ---- looking ---- */

/* A parameter's value as a text: the first of a list. */
static const char *text_of(const struct binding *b, const char *param)
{
    const cJSON *v = values_named(b->values, b->flow, param);
    v = cJSON_IsArray(v) ? v->child : v;
    return cJSON_IsString(v) ? v->valuestring : NULL;
}

static void add_flow(void *ud, const struct turn_flow *f)
{
    lua_State *L = ud;
    lua_createtable(L, 0, 9);
    set_text(L, "name", f->name);
    set_text(L, "title", f->title);
    set_flag(L, "on", f->on);
    const char *menu = flow_info(f->binding->flow)->menu;
    if (*menu)
        set_text(L, "menu", text_of(f->binding, menu));
    set_text(L, "why", f->why);
    if (f->value && strcmp(f->why, "paused") == 0) {
        set_pause(L, f->value);
        set_flag(L, "all", strcmp(f->value->field, "*") == 0);
    } else if (f->value) {
        set_layer(L, f->value->key);
    }
    append(L);
}

int out_flows(lua_State *L, struct coro *co)
{
    const char *chat = capi_string(L, 1);
    lua_newtable(L);
    turn_each_flow(co->turn, chat, add_flow, L);
    return 1;
}

static void add_pause(void *ud, const struct settings_value *v)
{
    lua_State *L = ud;
    lua_createtable(L, 0, 5);
    set_text(L, "flow", v->field);
    set_pause(L, v);
    append(L);
}

int out_pauses(lua_State *L, struct coro *co)
{
    const char *chat = capi_string(L, 1);
    lua_newtable(L);
    turn_each_pause(co->turn, chat, add_pause, L);
    return 1;
}

static void add_staff(void *ud, const struct turn_staff *s)
{
    lua_State *L = ud;
    lua_createtable(L, 0, 6);
    set_text(L, "user", s->user);
    set_text(L, "role", role_name(s->role));
    set_text(L, "from", s->from);
    if (s->key)
        set_layer(L, s->key);
    append(L);
}

int out_roster(lua_State *L, struct coro *co)
{
    const char *chat = capi_string(L, 1);
    lua_newtable(L);
    turn_each_staff(co->turn, chat, add_staff, L);
    lua_pushboolean(L, co->binding->playbook->keepers);
    return 2;
}

static void add_group(void *ud, const struct turn_group *g)
{
    lua_State *L = ud;
    lua_createtable(L, 0, 8);
    set_text(L, "chat", g->chat);
    set_text(L, "name", g->name);
    set_text(L, "role", role_name(g->role));
    if (g->handler) {
        lua_pushlstring(L, g->word, g->word_len);
        lua_setfield(L, -2, "command");
        set_text(L, "args", g->rest);
        set_text(L, "flow", g->flow->name);
        set_flag(L, "takes_args", g->handler->args);
        set_flag(L, "anywhere", g->handler->in_private);
    }
    append(L);
}

static void count_group(void *ud, const struct turn_group *g)
{
    (void)g;
    ++*(lua_Integer *)ud;
}

/* chats(user, role, said, resting, count): the list, or how many; and whether the role holds for the whole gateway. */
int out_chats(lua_State *L, struct coro *co)
{
    const char *user = luaL_checkstring(L, 1);
    int least = role_parse(luaL_checkstring(L, 2));
    unsigned which = (lua_toboolean(L, 3) ? GROUPS_SAID : GROUPS_ALL) |
                     (lua_toboolean(L, 4) ? GROUPS_RESTING : GROUPS_ALL);
    lua_Integer n = 0;
    if (lua_toboolean(L, 5)) {
        turn_each_group(co->turn, user, (enum role)least, which, count_group, &n);
        lua_pushinteger(L, n);
    } else {
        lua_newtable(L);
        turn_each_group(co->turn, user, (enum role)least, which, add_group, L);
    }
    lua_pushboolean(L, turn_role_everywhere(co->turn, user, (enum role)least));
    return 2;
}

/* How a command is written, in the words of the chat if the flow has a text for it. */
static const char *usage_of(const struct turn_command *c)
{
    const struct handler *h = c->handler;
    const char *text = *h->usage       ? text_of(c->binding, h->usage)
                       : h->from_param ? text_of(c->binding, h->name)
                                       : NULL;
    if (text)
        return text;
    return *h->usage ? h->usage : h->nwords ? h->words[0] : "";
}

static void add_command(void *ud, const struct turn_command *c)
{
    lua_State *L = ud;
    lua_createtable(L, 0, 4);
    set_text(L, "flow", c->flow->name);
    set_text(L, "title", c->flow->title);
    set_text(L, "usage", usage_of(c));
    set_text(L, "role", role_name(c->least));
    append(L);
}

/* commands(chat, user) */
int out_commands(lua_State *L, struct coro *co)
{
    const char *chat = capi_string(L, 1), *user = luaL_checkstring(L, 2);
    lua_newtable(L);
    turn_each_command(co->turn, chat, user, add_command, L);
    return 1;
}

/* ---- turning ---- */

/* set("toggle" | "pause", chat, field, value): chat nil: this one, "": the gateway, or a list; value nil: none */
int out_set(lua_State *L, struct coro *co)
{
    enum turn_setting what =
        strcmp(luaL_checkstring(L, 1), "toggle") == 0 ? SETTING_TOGGLE : SETTING_PAUSE;
    const char *field = luaL_checkstring(L, 3), *value = capi_string(L, 4);
    lua_Integer n = lua_istable(L, 2) ? (lua_Integer)lua_rawlen(L, 2) : 1;
    for (lua_Integer i = 1; i <= n; i++) {
        if (lua_istable(L, 2))
            lua_rawgeti(L, 2, i);
        else
            lua_pushvalue(L, 2);
        if (!turn_set(co->turn, what, capi_string(L, -1), field, value))
            return fence_fail(L, "one turn may turn at most 2000 switches");
        lua_pop(L, 1);
    }
    return 0;
}

/* said_in(chat, text, list of mentioned users) */
int out_said_in(lua_State *L, struct coro *co)
{
    const char *mentions[STAFF_MENTIONS];
    luaL_checktype(L, 3, LUA_TTABLE);
    int n = (int)lua_rawlen(L, 3);
    if (n > STAFF_MENTIONS)
        return capi_reason(L, "too many people are mentioned");
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, 3, i + 1);
        mentions[i] = luaL_checkstring(L, -1);
    }
    return capi_reason(
        L, turn_said_in(co->turn, luaL_checkstring(L, 1), luaL_checkstring(L, 2), mentions, n));
}
