/* prelude.c -- runs the part of the API that is written in Lua, which lives inside the binary (daemon/lua/prelude).
 * It is compiled once per process, without debug information (a third less memory in each state), and loaded from there. */
#include "gateway/gateway.h"
#include "lua/state.h"

#define PRELUDE(name)                       \
    extern const char embed_##name##_lua[]; \
    extern const unsigned long embed_##name##_lua_len;

PRELUDE(core)
PRELUDE(fields)
PRELUDE(shape)
PRELUDE(boards)
PRELUDE(shapes)
PRELUDE(message)
PRELUDE(wait)
PRELUDE(web)
PRELUDE(staff)
PRELUDE(rights)
PRELUDE(tally)
PRELUDE(figures)
PRELUDE(extras)
PRELUDE(compare)
PRELUDE(experiment)
PRELUDE(context)
PRELUDE(declare)

_Static_assert(PRELUDE_PARTS == 17, "the list below");

struct part {
    const char *text;
    const unsigned long *len;
};

/* Registers what C calls later; stack: P, S. */
static void keep_references(lua_State *L)
{
    struct flow *f = flow_of(L);
    lua_getfield(L, 2, "finish");
    f->ref_finish = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_getfield(L, 2, "handlers");
    f->ref_handlers = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_getfield(L, 2, "env");
    f->ref_env = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* What the prelude must know about the file that is to be loaded. */
static void set_facts(lua_State *L)
{
    struct flow *f = flow_of(L);
    lua_pushstring(L, f->info.name);
    lua_setfield(L, 1, "flow_name");
    lua_pushstring(L, f->info.file);
    lua_setfield(L, 1, "flow_file");
    lua_newtable(L);
    lua_Integer n = 0;
    for (unsigned bit = 1; bit; bit <<= 1) {
        const char *name = gateway_cap_name(bit);
        if (!name || !gateway_cap_parse(name))
            continue;
        lua_pushstring(L, name);
        lua_rawseti(L, -2, ++n);
    }
    lua_setfield(L, 1, "caps");
}

static int dump_write(lua_State *L, const void *data, size_t len, void *ud)
{
    (void)L;
    buf_add(ud, data, len);
    return 0;
}

/* Pushes part i, compiling it if this is the first state of the process. */
static void push_part(lua_State *L, const struct part *part, struct buf *code)
{
    if (!code->len) {
        if (luaL_loadbufferx(L, part->text, *part->len, "=sop", "t") != LUA_OK)
            lua_error(L);
        lua_dump(L, dump_write, code, 1);
        lua_pop(L, 1);
    }
    if (luaL_loadbufferx(L, code->data, code->len, "=sop", "b") != LUA_OK)
        lua_error(L);
}

void prelude_run(lua_State *L)
{
    static const struct part parts[PRELUDE_PARTS] = {
        {embed_core_lua, &embed_core_lua_len},
        {embed_fields_lua, &embed_fields_lua_len},
        {embed_shape_lua, &embed_shape_lua_len},
        {embed_boards_lua, &embed_boards_lua_len},
        {embed_shapes_lua, &embed_shapes_lua_len},
        {embed_message_lua, &embed_message_lua_len},
        {embed_wait_lua, &embed_wait_lua_len},
        {embed_staff_lua, &embed_staff_lua_len},
        {embed_rights_lua, &embed_rights_lua_len},
        {embed_tally_lua, &embed_tally_lua_len},
        {embed_web_lua, &embed_web_lua_len},
        {embed_figures_lua, &embed_figures_lua_len},
        {embed_extras_lua, &embed_extras_lua_len},
        {embed_compare_lua, &embed_compare_lua_len},
        {embed_experiment_lua, &embed_experiment_lua_len},
        {embed_context_lua, &embed_context_lua_len},
        {embed_declare_lua, &embed_declare_lua_len},
    };
    lua_settop(L, 0);
    capi_push(L);
    set_facts(L);
    lua_newtable(L);
    for (size_t i = 0; i < PRELUDE_PARTS; i++) {
        push_part(L, &parts[i], &flow_of(L)->host->prelude[i]);
        lua_pushvalue(L, 1);
        lua_pushvalue(L, 2);
        lua_call(L, 2, 0);
    }
    keep_references(L);
    lua_getfield(L, 2, "collect");
    lua_replace(L, 1);
    lua_settop(L, 1);
}
