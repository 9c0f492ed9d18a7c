/* luaconf.c -- see luaconf.h. Here: the sandbox, and the way from a Lua table to a C tree.
 * Lines come from lua/confpos.h; reading the tree is in lua/confread.c.
 * Callers: lua/config.c, lua/playbook.c. */
#include "lua/luaconf.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lua/confpos.h"

enum {
    CONF_SOURCE_MAX = 4 << 20,
    CONF_MEMORY_MAX = 64 << 20,
    CONF_STEPS = 1000,      /* instructions between two looks */
    CONF_STEPS_MAX = 20000, /* looks: 20 million instructions */
    CONF_DEPTH_MAX = 16,
    CONF_NODES_MAX = 100000,
    CONF_REP_MAX = 1 << 20
};

struct conf_box {
    size_t used;
    int steps;
    int nodes;
    const char *name;
    struct confpos *pos;
    struct conf_value *root;
};

/* The allocator is the memory fence: growth beyond the cap is refused and Lua raises "not enough memory". */
static void *conf_alloc(void *ud, void *p, size_t osize, size_t nsize)
{
    struct conf_box *box = ud;
    size_t old = p ? osize : 0;
    if (nsize == 0) {
        free(p);
        box->used -= old;
        return NULL;
    }
    if (nsize > old && box->used + (nsize - old) > CONF_MEMORY_MAX)
        return NULL;
    void *q = realloc(p, nsize);
    if (q)
        box->used += nsize - old;
    return q;
}

static struct conf_box *conf_box_of(lua_State *L)
{
    return *(struct conf_box **)lua_getextraspace(L);
}

static void conf_hook(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    if (++conf_box_of(L)->steps > CONF_STEPS_MAX)
        luaL_error(L, "this file runs too long; it should only build a table");
}

/* string.rep with a bound: the library's loops for ever over an empty string. */
static int conf_rep(lua_State *L)
{
    size_t len;
    const char *s = luaL_checklstring(L, 1, &len);
    lua_Integer n = luaL_checkinteger(L, 2);
    if (n < 0)
        n = 0;
    luaL_argcheck(L, n <= CONF_REP_MAX && len <= CONF_REP_MAX, 2, "too long");
    luaL_argcheck(L, (size_t)n * len <= CONF_REP_MAX, 2, "too long");
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (lua_Integer i = 0; i < n; i++)
        luaL_addlstring(&b, s, len);
    luaL_pushresult(&b);
    return 1;
}

static int conf_unknown(lua_State *L)
{
    const char *name = lua_tostring(L, 2);
    if (name && (strcmp(name, "os") == 0 || strcmp(name, "io") == 0))
        return luaL_error(L, "'%s' is not available here; secrets come by token_env or token_file",
                          name);
    return luaL_error(L, "unknown name '%s' (a word that should be a text needs quotes)",
                      name ? name : "?");
}

/* Copies the named functions of the library table at the top into a new table, which replaces it. */
static void conf_pick(lua_State *L, const char *const *names)
{
    lua_newtable(L);
    for (; *names; names++) {
        lua_getfield(L, -2, *names);
        lua_setfield(L, -2, *names);
    }
    lua_remove(L, -2);
}

static void conf_open(lua_State *L, const char *name, lua_CFunction open, const char *const *names)
{
    luaL_requiref(L, name, open, 0);
    conf_pick(L, names);
}

/* Leaves the table of everything that a chunk may use on the stack. */
static void conf_environment(lua_State *L)
{
    static const char *const base[] = {"assert", "error",    "ipairs",   "next", "pairs",
                                       "select", "tonumber", "tostring", "type", NULL};
    static const char *const string[] = {"byte",    "char", "format", "len", "lower",
                                         "reverse", "sub",  "upper",  NULL};
    static const char *const table[] = {"concat", "insert", "sort", "unpack", NULL};
    static const char *const math[] = {"abs",        "ceil",      "floor", "fmod", "max",
                                       "min",        "tointeger", "type",  "huge", "maxinteger",
                                       "mininteger", "exp",       "log",   "sqrt", NULL};
    conf_open(L, "_G", luaopen_base, base);
    conf_open(L, "string", luaopen_string, string);
    lua_pushcfunction(L, conf_rep);
    lua_setfield(L, -2, "rep");
    lua_pushliteral(L, ""); /* methods of strings: only these too */
    lua_getmetatable(L, -1);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 2);
    lua_setfield(L, -2, "string");
    conf_open(L, "table", luaopen_table, table);
    lua_setfield(L, -2, "table");
    conf_open(L, "math", luaopen_math, math);
    lua_setfield(L, -2, "math");
    lua_newtable(L);
    lua_pushcfunction(L, conf_unknown);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

static void conf_convert(lua_State *L, struct conf_box *box, struct conf_value *out, int pos,
                         int depth);

static void conf_wrong(lua_State *L, int line, const char *what)
{
    lua_pushfstring(L, "@:%d: %s", line, what);
    lua_error(L);
}

/* The tree is owned by `out` from the first byte on, so that an error raised here frees it with the box. */
static struct conf_value *conf_add_entry(struct conf_value *table, const char *key, int line)
{
    if ((table->nentries & (table->nentries - 1)) == 0) {
        size_t cap = table->nentries ? (size_t)table->nentries * 2 : 1;
        table->entries = mem_realloc(table->entries, cap * sizeof *table->entries);
    }
    struct conf_entry *e = &table->entries[table->nentries++];
    memset(e, 0, sizeof *e);
    e->key = mem_strdup(key);
    e->value.type = CONF_BOOLEAN;
    e->value.line = line;
    return &e->value;
}

static int conf_by_key(const void *a, const void *b)
{
    const struct conf_entry *x = a, *y = b;
    return strcmp(x->key, y->key);
}

/* A key that is no list index, as text; integers outside the list count as text too ("[42] ="). */
static const char *conf_key(lua_State *L, int line, char *room, size_t size)
{
    if (lua_type(L, -2) == LUA_TSTRING) {
        size_t len;
        const char *key = lua_tolstring(L, -2, &len);
        if (strlen(key) != len)
            conf_wrong(L, line, "a key contains a NUL byte");
        return key;
    }
    if (!lua_isinteger(L, -2))
        conf_wrong(L, line, "a key must be a name, a text or a whole number");
    snprintf(room, size, "%lld", (long long)lua_tointeger(L, -2));
    return room;
}

static void conf_convert_table(lua_State *L, struct conf_box *box, struct conf_value *out, int pos,
                               int depth)
{
    luaL_checkstack(L, 8, "the table is nested too deeply");
    lua_Integer n = 0;
    while (lua_rawgeti(L, -1, n + 1) != LUA_TNIL) {
        n++;
        char index[24];
        snprintf(index, sizeof index, "%lld", (long long)n);
        int child = confpos_child(box->pos, pos, index);
        int line = child >= 0 ? confpos_line(box->pos, child) : out->line;
        conf_convert(L, box, conf_add_entry(out, NULL, line), child, depth + 1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    out->nlist = (int)n;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 && lua_tointeger(L, -2) <= n)
            continue;
        char room[24];
        const char *key = conf_key(L, out->line, room, sizeof room);
        int child = confpos_child(box->pos, pos, key);
        int line =
            child >= 0 ? confpos_line(box->pos, child) : confpos_search(box->pos, key, out->line);
        conf_convert(L, box, conf_add_entry(out, key, line), child, depth + 1);
    }
    if (out->nentries > out->nlist)
        qsort(out->entries + out->nlist, (size_t)(out->nentries - out->nlist), sizeof *out->entries,
              conf_by_key);
}

/* Fills `out` from the value at the top of the stack, which stays. Raises for what no configuration can hold. */
static void conf_convert(lua_State *L, struct conf_box *box, struct conf_value *out, int pos,
                         int depth)
{
    if (++box->nodes > CONF_NODES_MAX)
        conf_wrong(L, out->line, "the table is too large");
    if (depth > CONF_DEPTH_MAX)
        conf_wrong(L, out->line, "the table is nested too deeply");
    switch (lua_type(L, -1)) {
    case LUA_TBOOLEAN: out->boolean = lua_toboolean(L, -1); break;
    case LUA_TNUMBER:
        out->type = lua_isinteger(L, -1) ? CONF_INTEGER : CONF_NUMBER;
        out->number = lua_tonumber(L, -1);
        if (out->number >= -9e15 && out->number <= 9e15)
            out->integer = (int64_t)out->number;
        if (out->type == CONF_INTEGER)
            out->integer = lua_tointeger(L, -1);
        break;
    case LUA_TSTRING: {
        const char *s = lua_tolstring(L, -1, &out->len);
        out->string = mem_alloc(out->len + 1);
        memcpy(out->string, s, out->len + 1);
        out->type = CONF_STRING;
        break;
    }
    case LUA_TTABLE:
        out->type = CONF_TABLE;
        conf_convert_table(L, box, out, pos, depth);
        break;
    default: conf_wrong(L, out->line, "a value must be a text, a number, true, false or a table");
    }
}

struct conf_source {
    const char *text;
    size_t len;
};

/* Everything that may raise, inside one protected call. */
static int conf_run(lua_State *L)
{
    struct conf_box *box = conf_box_of(L);
    const struct conf_source *src = lua_touserdata(L, 1);
    conf_environment(L);
    /* Lua shortens long file names in its messages; ours are put in for the "@" afterwards */
    if (luaL_loadbufferx(L, src->text, src->len, "=@", "t") != LUA_OK)
        return lua_error(L);
    lua_insert(L, -2);
    if (!lua_setupvalue(L, -2, 1))
        lua_pop(L, 1);
    lua_call(L, 0, 1);
    if (lua_type(L, -1) != LUA_TTABLE)
        conf_wrong(L, 1, "the file must return a table: return { ... }");
    int root = confpos_root(box->pos);
    box->root->line = root >= 0 ? confpos_line(box->pos, root) : 1;
    conf_convert(L, box, box->root, root, 0);
    return 0;
}

/* One problem is one line, whatever piece of the source Lua quotes in it. */
static void conf_add_line(struct buf *err, const char *text)
{
    for (; *text; text++)
        buf_addc(err, (unsigned char)*text < ' ' ? ' ' : *text);
    buf_addc(err, '\n');
}

static void conf_failed(lua_State *L, const struct conf_box *box, struct buf *err)
{
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    buf_adds(err, box->name);
    if (text && strncmp(text, "@:", 2) == 0) {
        conf_add_line(err, text + 1);
        return;
    }
    buf_adds(err, ":1: ");
    if (!text)
        text = "error without a text";
    else if (strcmp(text, "not enough memory") == 0)
        text = "the file needs too much memory";
    conf_add_line(err, text);
}

struct conf_value *conf_eval(const char *source, size_t len, const char *name, struct buf *err)
{
    struct conf_box box = {.name = name};
    lua_State *L = lua_newstate(conf_alloc, &box);
    if (!L) {
        buf_addf(err, "%s:1: out of memory\n", name);
        return NULL;
    }
    *(struct conf_box **)lua_getextraspace(L) = &box;
    box.root = MEM_NEW(struct conf_value);
    box.root->type = CONF_TABLE;
    box.pos = confpos_scan(source, len);
    lua_sethook(L, conf_hook, LUA_MASKCOUNT, CONF_STEPS);
    struct conf_source src = {source, len};
    lua_pushcfunction(L, conf_run);
    lua_pushlightuserdata(L, &src);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        conf_failed(L, &box, err);
        conf_free(box.root);
        box.root = NULL;
    }
    confpos_free(box.pos);
    lua_close(L);
    return box.root;
}

struct conf_value *conf_load(const char *path, struct buf *err)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        buf_addf(err, "%s: cannot be read: %s\n", path, strerror(errno));
        return NULL;
    }
    struct buf source = {0};
    size_t n = 1;
    while (n > 0 && source.len <= CONF_SOURCE_MAX) {
        n = fread(buf_reserve(&source, 65536), 1, 65536, f);
        source.len += n;
    }
    struct conf_value *v = NULL;
    if (ferror(f))
        buf_addf(err, "%s: cannot be read: %s\n", path, strerror(errno));
    else if (source.len > CONF_SOURCE_MAX)
        buf_addf(err, "%s: larger than 4 MiB\n", path);
    else
        v = conf_eval(buf_cstr(&source), source.len, path, err);
    fclose(f);
    buf_free(&source);
    return v;
}

static void conf_clear(struct conf_value *v)
{
    free(v->string);
    for (int i = 0; i < v->nentries; i++) {
        free(v->entries[i].key);
        conf_clear(&v->entries[i].value);
    }
    free(v->entries);
}

void conf_free(struct conf_value *v)
{
    if (!v)
        return;
    conf_clear(v);
    free(v);
}
