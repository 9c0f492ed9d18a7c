/* load.c -- from a file in sop/flows to a flow: makes the state, runs prelude and chunk within the fences, reads what the chunk
 * declared. Also `require`, which works only while a file loads and only inside the SOP folders. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "lua/state.h"

enum { SOURCE_MAX = 1 << 20, NAME_LEN = 64, REQUIRE_DEPTH = 20 };

struct load {
    struct buf *err;
    uint64_t hash; /* of all sources so far */
    int depth;     /* of require */
    struct buf path;
    struct buf source;        /* of flow_source, in the making */
    const struct cJSON *from; /* the files are in here instead of the folders */
};

/* ---- arena ---- */

struct flow_arena {
    struct flow_arena *next;
    _Alignas(16) char data[];
};

void *arena_take(struct flow *f, size_t size)
{
    struct flow_arena *a = mem_zero(sizeof *a + size);
    a->next = f->arena;
    f->arena = a;
    return a->data;
}

const char *arena_string(struct flow *f, const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(arena_take(f, n), s, n);
}

void load_free(struct flow *f)
{
    for (int i = 0; i < f->info.nparams; i++)
        cJSON_Delete((cJSON *)f->info.params[i].preset);
    free(f->source);
    while (f->arena) {
        struct flow_arena *next = f->arena->next;
        free(f->arena);
        f->arena = next;
    }
}

/* ---- files ---- */

/* Reads a file into out. 0, or an errno. */
static int read_source(const char *path, struct buf *out)
{
    FILE *in = fopen(path, "rb");
    if (!in)
        return errno;
    buf_reset(out);
    size_t n;
    do {
        n = fread(buf_reserve(out, 65536), 1, 65536, in);
        out->len += n;
    } while (n && out->len <= SOURCE_MAX);
    int failed = ferror(in) ? EIO : out->len > SOURCE_MAX ? EFBIG : 0;
    fclose(in);
    return failed;
}

static bool good_name(const char *name)
{
    size_t n = strlen(name);
    return n && n <= NAME_LEN && !strstr(name, "..") && *name != '/' && name[n - 1] != '/' &&
           !strpbrk(name, "\\\"'\n\r\t ");
}

/* Finds <sop>/<relative> in the folders, in order; reads it into the host's scratch buffer. 0 or an errno. */
static int find_source(struct flow *f, const char *relative)
{
    struct buf *path = &f->load->path;
    if (f->load->from) {
        const char *text =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(f->load->from, relative));
        buf_reset(&f->host->scratch);
        if (text)
            buf_adds(&f->host->scratch, text);
        return text ? 0 : ENOENT;
    }
    int failed = ENOENT;
    for (const char *const *dir = f->host->opts.sop; *dir && failed == ENOENT; dir++) {
        buf_reset(path);
        buf_adds(path, *dir);
        buf_addc(path, '/');
        buf_adds(path, relative);
        failed = read_source(buf_cstr(path), &f->host->scratch);
    }
    return failed;
}

/* Keeps the source in scratch: a run that begins with this version is brought back from it. */
static void keep_source(struct flow *f, const char *relative)
{
    const struct buf *source = &f->host->scratch;
    struct buf *out = &f->load->source;
    buf_addc(out, out->len ? ',' : '{');
    buf_add_json(out, relative, strlen(relative));
    buf_addc(out, ':');
    buf_add_json(out, source->data ? source->data : "", source->len);
}

/* Pushes the compiled chunk of the source in scratch; raises the compiler's message. */
static void compile(lua_State *L, const char *relative)
{
    struct flow *f = flow_of(L);
    const struct buf *source = &f->host->scratch;
    if (source->len &&
        (!utf8_valid(source->data, source->len) || memchr(source->data, 0, source->len)))
        luaL_error(L, "%s:1: the file is not text in UTF-8; save it in that encoding", relative);
    keep_source(f, relative);
    f->load->hash = hash_more(f->load->hash, source->data, source->len);
    lua_pushfstring(L, "@%s", relative);
    const char *data = source->data ? source->data : "";
    if (luaL_loadbufferx(L, data, source->len, lua_tostring(L, -1), "t") != LUA_OK)
        lua_error(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, f->ref_env);
    lua_setupvalue(L, -2, 1); /* the chunk's globals */
    lua_replace(L, -2);
}

/* ---- require ---- */

static int require_find(lua_State *L, const char *name, char *relative, size_t size)
{
    static const char *const places[] = {"lib/%s.lua", "flows/%s.lua", "%s.lua"};
    char path[NAME_LEN + 1];
    snprintf(path, sizeof path, "%s", name);
    for (char *p = path; *p; p++)
        if (*p == '.')
            *p = '/';
    bool rooted = strncmp(path, "lib/", 4) == 0 || strncmp(path, "flows/", 6) == 0;
    int failed = ENOENT;
    for (int i = rooted ? 2 : 0; i < (rooted ? 3 : 2) && failed == ENOENT; i++) {
        snprintf(relative, size, places[i], path);
        failed = find_source(flow_of(L), relative);
    }
    return failed;
}

int load_require(lua_State *L)
{
    struct flow *f = flow_of(L);
    const char *name = luaL_checkstring(L, 1);
    char relative[NAME_LEN + 16];
    if (!f->load)
        return fence_fail(L, "require(\"%s\"): only at the top of a file, while it loads", name);
    if (!good_name(name))
        return fence_fail(L, "require(\"%s\"): give a name such as \"dates\" for sop/lib/dates.lua",
                          name);
    lua_settop(L, 1);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, 2) != LUA_TNIL) {
        if (lua_islightuserdata(L, -1))
            return fence_fail(L, "require(\"%s\"): the files require each other in a circle", name);
        return 1;
    }
    int failed = require_find(L, name, relative, sizeof relative);
    if (failed)
        return fence_fail(L, "require(\"%s\"): there is no sop/lib/%s.lua (%s)", name, name,
                          strerror(failed));
    if (++f->load->depth > REQUIRE_DEPTH)
        return fence_fail(L, "require(\"%s\"): files nested too deeply", name);
    lua_pushvalue(L, 1);
    lua_pushlightuserdata(L, f);
    lua_rawset(L, 2);
    compile(L, relative);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    f->load->depth--;
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 1);
    }
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -2);
    lua_rawset(L, 2);
    return 1;
}

/* ---- the state ---- */

static int state_panic(lua_State *L)
{
    log_error("Lua failed outside a protected call", "flow", flow_of(L)->info.name, "error",
              lua_tostring(L, -1), NULL);
    return 0;
}

static lua_State *state_new(struct flow *f)
{
    f->memory.cap = f->host->opts.memory_max;
    lua_State *L = lua_newstate(fence_alloc, &f->memory);
    if (!L)
        return NULL;
    *(struct flow **)lua_getextraspace(L) = f;
    lua_atpanic(L, state_panic);
    fence_install(L);
    return L;
}

/* Runs protected: sandbox, prelude, the file, its declarations. */
static int load_body(lua_State *L)
{
    struct flow *f = flow_of(L);
    sandbox_open(L);
    prelude_run(L); /* pushes the function that collects what was declared */
    find_source(f, f->info.file);
    compile(L, f->info.file);
    lua_call(L, 0, 1);
    lua_call(L, 1, 1); /* collect(what the file returned) */
    declare_read(L, f->load->err);
    return 0;
}

static bool load_run(struct flow *f)
{
    lua_State *L = f->L;
    size_t before = f->load->err->len;
    f->loading = true;
    fence_begin(f, f->host->opts.budget);
    lua_pushcfunction(L, load_body);
    int status = lua_pcall(L, 0, 0, 0);
    f->loading = false;
    if (status != LUA_OK) {
        if (status == LUA_ERRMEM)
            buf_addf(f->load->err, "%s:1: it needs more memory than a flow may have (%zu MiB)",
                     f->info.file, f->memory.cap >> 20);
        else
            fence_describe(f, L, f->load->err);
        buf_addc(f->load->err, '\n');
    }
    lua_settop(L, 0);
    f->kill = KILL_NONE;
    lua_gc(L, LUA_GCCOLLECT);
    return f->load->err->len == before;
}

static struct flow *flow_new(struct host *h, const char *name)
{
    char file[NAME_LEN + 16];
    struct flow *f = MEM_NEW(struct flow);
    f->host = h;
    f->refs = 1;
    f->next = h->flows;
    f->prev = &h->flows;
    if (h->flows)
        h->flows->prev = &f->next;
    h->flows = f;
    snprintf(file, sizeof file, "flows/%s.lua", name);
    f->info.name = arena_string(f, name);
    f->info.title = f->info.name;
    f->info.kind = "";
    f->info.file = arena_string(f, file);
    return f;
}

static struct flow *load_file(struct host *h, const char *name, const struct cJSON *from,
                              struct buf *err)
{
    if (!good_name(name)) {
        buf_addf(err, "flows/%.64s.lua:1: this is not a usable name for a flow\n", name);
        return NULL;
    }
    struct flow *f = flow_new(h, name);
    struct load load = {.err = err, .hash = 1, .from = from};
    bool ok = false;
    f->load = &load;
    int failed = find_source(f, f->info.file);
    if (failed) {
        buf_addf(err, "flows/%s.lua:1: the file cannot be read: %s\n", name, strerror(failed));
    } else {
        f->L = state_new(f);
        ok = f->L && load_run(f);
        if (!f->L)
            buf_addf(err, "flows/%s.lua:1: no memory for a Lua state\n", name);
    }
    f->load = NULL;
    buf_free(&load.path);
    if (load.source.len)
        buf_addc(&load.source, '}');
    f->source_len = load.source.len;
    f->source = buf_take(&load.source);
    snprintf(f->info.version, sizeof f->info.version, "%016llx", (unsigned long long)load.hash);
    if (ok)
        return f;
    flow_release(f);
    return NULL;
}

struct flow *host_load(struct host *h, const char *name, struct buf *err)
{
    return load_file(h, name, NULL, err);
}

struct flow *host_load_from(struct host *h, const char *name, const char *source, size_t len,
                            struct buf *err)
{
    cJSON *from = cJSON_ParseWithLength(source, len);
    struct flow *f = NULL;
    if (cJSON_IsObject(from))
        f = load_file(h, name, from, err);
    else
        buf_addf(err, "flows/%.64s.lua:1: its stored source is damaged\n", name);
    cJSON_Delete(from);
    return f;
}

const char *flow_source(const struct flow *f, size_t *len)
{
    *len = f->source_len;
    return f->source;
}
