/* declare.c -- what a flow declared, from the prelude's table into struct flow_info.
 * The prelude has checked names and types of options; here values become C, and defaults are checked by param.c. */
#include <string.h>

#include <cjson/cJSON.h>

#include "gateway/gateway.h"
#include "lua/json.h"
#include "lua/state.h"

static const char *take_string(lua_State *L, int idx, const char *name)
{
    lua_getfield(L, idx, name);
    const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    s = arena_string(flow_of(L), s);
    lua_pop(L, 1);
    return s;
}

static bool take_bool(lua_State *L, int idx, const char *name)
{
    lua_getfield(L, idx, name);
    bool b = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return b;
}

static int64_t take_integer(lua_State *L, int idx, const char *name, int64_t missing)
{
    lua_getfield(L, idx, name);
    int64_t n = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : missing;
    lua_pop(L, 1);
    return n;
}

static bool take_number(lua_State *L, int idx, const char *name, double *out)
{
    lua_getfield(L, idx, name);
    bool ok = lua_type(L, -1) == LUA_TNUMBER;
    *out = ok ? lua_tonumber(L, -1) : 0;
    lua_pop(L, 1);
    return ok;
}

static const char *const *take_strings(lua_State *L, int idx, const char *name, int *count)
{
    lua_getfield(L, idx, name);
    int n = lua_istable(L, -1) ? (int)lua_rawlen(L, -1) : 0;
    const char **list = arena_take(flow_of(L), sizeof *list * (size_t)(n + 1));
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, -1, i + 1);
        list[i] = arena_string(flow_of(L), luaL_checkstring(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    *count = n;
    return list;
}

static enum handler_kind take_kind(lua_State *L, int idx)
{
    static const char *const names[] = {"on", "command", "at", "timer", "run", "trigger"};
    const char *kind = take_string(L, idx, "kind");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(kind, names[i]) == 0)
            return (enum handler_kind)i;
    luaL_error(L, "handler of unknown kind");
    return HANDLER_ON;
}

static void read_handler(lua_State *L, int idx, int index, struct handler *h)
{
    h->kind = take_kind(L, idx);
    h->index = index;
    if (h->kind == HANDLER_ON)
        h->event = (enum event_type)event_type_parse(take_string(L, idx, "event"));
    h->from_param = take_bool(L, idx, "from_param");
    h->id = take_string(L, idx, "id");
    h->name = take_string(L, idx, "name");
    h->words = take_strings(L, idx, "words", &h->nwords);
    h->role = take_string(L, idx, "role");
    h->role_param = take_string(L, idx, "role_param");
    h->args = take_bool(L, idx, "args");
    h->glued = take_bool(L, idx, "glued");
    h->image = take_bool(L, idx, "image");
    h->in_private = take_bool(L, idx, "in_private");
    h->in_group = take_bool(L, idx, "in_group");
    h->remote = take_bool(L, idx, "remote");
    h->usage = take_string(L, idx, "usage");
    h->shared = take_bool(L, idx, "shared");
    h->posts = take_bool(L, idx, "posts");
    h->late_ms = take_integer(L, idx, "late_ms", -1);
    h->line = (int)take_integer(L, idx, "line", 1);
}

/* The default is checked like any value that a playbook gives. */
static void read_preset(lua_State *L, int idx, struct param *p, int line, struct buf *err)
{
    struct flow *f = flow_of(L);
    const char *why = NULL;
    if (lua_getfield(L, idx, "default") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    size_t before = err->len;
    buf_addf(err, "%s:%d: default of ", f->info.file, line);
    cJSON *value = json_take(L, -1, &why);
    if (!value)
        buf_addf(err, "%s.%s: %s", f->info.name, p->name, why);
    p->preset = value ? param_check_value(p, f->info.name, value, err) : NULL;
    cJSON_Delete(value);
    if (p->preset)
        err->len = before;
    else
        buf_addc(err, '\n');
    lua_pop(L, 1);
}

static void read_param(lua_State *L, int idx, struct param *p, struct buf *err)
{
    int line = (int)take_integer(L, idx, "line", 1);
    p->name = take_string(L, idx, "name");
    p->help = take_string(L, idx, "help");
    p->type = (enum param_type)param_type_parse(take_string(L, idx, "type"));
    p->has_min = take_number(L, idx, "min", &p->min);
    p->has_max = take_number(L, idx, "max", &p->max);
    p->values = take_strings(L, idx, "values", &p->nvalues);
    p->texts = take_strings(L, idx, "texts", &p->ntexts);
    read_preset(L, idx, p, line, err);
}

static void read_problems(lua_State *L, int idx, struct buf *err)
{
    lua_getfield(L, idx, "problems");
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) == LUA_TSTRING; i++) {
        buf_adds(err, lua_tostring(L, -1));
        buf_addc(err, '\n');
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
}

static unsigned read_caps(lua_State *L, int idx, const char *name)
{
    int n;
    unsigned caps = 0;
    const char *const *names = take_strings(L, idx, name, &n);
    for (int i = 0; i < n; i++)
        caps |= gateway_cap_parse(names[i]);
    return caps;
}

static void read_needs(lua_State *L, int idx)
{
    struct flow_info *info = &flow_of(L)->info;
    int n = 0;
    info->needs = read_caps(L, idx, "needs");
    info->wants = read_caps(L, idx, "wants") & ~info->needs;
    const char **without =
        arena_take(flow_of(L), sizeof *without * (size_t)(__builtin_popcount(info->wants) + 1));
    lua_getfield(L, idx, "without");
    for (unsigned bit = 1; bit && bit <= info->wants; bit <<= 1)
        if (info->wants & bit)
            without[n++] = take_string(L, lua_gettop(L), gateway_cap_name(bit));
    lua_pop(L, 1);
    info->without = without;
}

/* Which of the functions take arguments besides the context: making a table for each handler that starts would be a waste. */
static void read_wants(lua_State *L, int n)
{
    struct flow *f = flow_of(L);
    lua_Debug ar;
    f->wants_args = arena_take(f, (size_t)n + 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, f->ref_handlers);
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, -1, i + 1);
        lua_getinfo(L, ">u", &ar);
        f->wants_args[i] = ar.nparams > 1 || ar.isvararg;
        f->records[i] = f->info.handlers[i].kind == HANDLER_RUN;
    }
    lua_pop(L, 1);
}

void declare_read(lua_State *L, struct buf *err)
{
    struct flow *f = flow_of(L);
    int idx = lua_gettop(L);
    luaL_checktype(L, idx, LUA_TTABLE);
    read_problems(L, idx, err);
    f->info.title = take_string(L, idx, "title");
    f->info.kind = take_string(L, idx, "kind");
    f->info.tally = take_bool(L, idx, "tally");
    int moved;
    f->info.menu = take_string(L, idx, "menu");
    f->info.moved = take_strings(L, idx, "moved", &moved);
    f->info.nmoved = moved / 2;
    f->info.late_ms = take_integer(L, idx, "late_ms", -1);
    f->info.late_param = take_string(L, idx, "late_param");
    read_needs(L, idx);
    lua_getfield(L, idx, "params");
    int n = (int)lua_rawlen(L, -1);
    struct param *params = arena_take(f, sizeof *params * (size_t)(n + 1));
    f->info.params = params;
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, -1, i + 1);
        f->info.nparams = i + 1;
        read_param(L, lua_gettop(L), &params[i], err);
        lua_pop(L, 1);
    }
    lua_getfield(L, idx, "list");
    n = (int)lua_rawlen(L, -1);
    struct handler *handlers = arena_take(f, sizeof *handlers * (size_t)(n + 1));
    f->info.handlers = handlers;
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, -1, i + 1);
        read_handler(L, lua_gettop(L), i, &handlers[i]);
        lua_pop(L, 1);
    }
    f->info.nhandlers = n;
    f->records = arena_take(f, (size_t)n + 1);
    read_wants(L, n);
    lua_settop(L, idx);
}
