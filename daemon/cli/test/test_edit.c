/* test_edit.c -- g:edit and g:param: what operators do while everything runs. Files are edited in a copy that belongs to the case.
 * Callers: Lua, by the list at the end (docs/lua.md has each name). */
#include <hiredis/hiredis.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "cli/serve/daemon.h"
#include "cli/serve/stage.h"
#include "cli/test/test.h"
#include "engine/engine.h"
#include "engine/route/book.h"
#include "lua/config.h"
#include "lua/playbook.h"
#include "store/settings.h"

enum { EDIT_FILE_MAX = 1 << 20 };

/* ---- files ---- */

static bool edit_read(const char *folder, const char *file, struct buf *out)
{
    struct buf path = {0};
    buf_addf(&path, "%s/%s", folder, file);
    FILE *f = fopen(buf_cstr(&path), "re");
    buf_free(&path);
    if (!f)
        return false;
    char *room = mem_alloc(EDIT_FILE_MAX);
    size_t n = fread(room, 1, EDIT_FILE_MAX, f);
    buf_add(out, room, n);
    free(room);
    fclose(f);
    return true;
}

/* Writes <copy>/<file> with the folder it is in. */
static bool edit_write(const char *copy, const char *file, const char *data, size_t len)
{
    struct buf path = {0};
    const char *slash = strrchr(file, '/');
    buf_addf(&path, "%s/%.*s", copy, slash ? (int)(slash - file) : 0, file);
    mkdir(buf_cstr(&path), 0700);
    buf_reset(&path);
    buf_addf(&path, "%s/%s", copy, file);
    FILE *f = fopen(buf_cstr(&path), "we");
    bool ok = f && fwrite(data, 1, len, f) == len;
    if (f)
        ok = fclose(f) == 0 && ok;
    buf_free(&path);
    return ok;
}

/* The text with `what` replaced by `with` everywhere; how often. */
static int edit_replace(const struct buf *text, const char *what, const char *with, struct buf *out)
{
    int n = 0;
    size_t len = strlen(what);
    for (const char *p = text->data; *p;) {
        const char *at = strstr(p, what);
        buf_add(out, p, at ? (size_t)(at - p) : strlen(p));
        if (!at)
            break;
        buf_adds(out, with);
        p = at + len;
        n++;
    }
    buf_cstr(out);
    return n;
}

/* The files as they are now take over, as after a reload. */
static bool edit_reload(struct world *w, struct buf *problems)
{
    struct daemon *d = w->daemon;
    struct buf warnings = {0};
    struct book *book = playbook_load(d->host, d->config, 0, problems, &warnings);
    buf_free(&warnings);
    if (!book)
        return false;
    stage_name_staff(w->gateway, book);
    engine_set_book(d->engine, book);
    book_release(d->book);
    d->book = book;
    return true;
}

/* g:edit(file, what, with): in "flows/checkin.lua" for example; `what` as plain text. Fails if the result is refused. */
static int edit_file(lua_State *L)
{
    struct world *w = world_of(L);
    const char *file = luaL_checkstring(L, 2), *what = luaL_checkstring(L, 3),
               *with = luaL_checkstring(L, 4);
    struct buf copy = {0}, text = {0}, edited = {0}, problems = {0};
    luaL_argcheck(L, *what && !strstr(file, "..") && strchr(file, '/'), 2,
                  "a file like \"flows/checkin.lua\", and what to replace");
    buf_addf(&copy, "%s/sop", w->dir);
    if (!edit_read(buf_cstr(&copy), file, &text) && !edit_read(w->sop, file, &text))
        buf_addf(&problems, "g:edit: there is no file %s", file);
    else if (!edit_replace(&text, what, with, (buf_cstr(&text), &edited)))
        buf_addf(&problems, "g:edit: %s does not contain '%s'", file, what);
    else if (!edit_write(copy.data, file, edited.data, edited.len))
        buf_addf(&problems, "g:edit: %s/%s cannot be written", copy.data, file);
    else if (!edit_reload(w, &problems))
        edit_write(copy.data, file, text.data, text.len);
    buf_free(&copy);
    buf_free(&text);
    buf_free(&edited);
    return problems.len ? script_raise(L, &problems) : 0;
}

/* ---- parameters ---- */

/* g:param("flow.name", value | nil [, { chat = "..." }]), for a group, as an admin does it; the value as text, as in Redis. */
static int edit_param(lua_State *L)
{
    struct world *w = world_of(L);
    const char *name = luaL_checkstring(L, 2), *value = luaL_optstring(L, 3, NULL);
    const char *chat = lua_istable(L, 4) ? script_field(L, 4, "chat") : NULL;
    const char *key =
        lua_pushfstring(L, "sopd:params:chat:" STAGE_GATEWAY ":%s", chat ? chat : WORLD_GROUP);
    uint64_t since = settings_generation(w->daemon->settings);
    const char *argv[] = {value ? "HSET" : "HDEL", key, name, value};
    redisReply *r = world_redis(w, value ? 4 : 3, argv);
    if (r)
        freeReplyObject(r);
    if (!world_settings(w, since))
        return luaL_error(L, "g:param: nothing changed");
    return 0;
}

/* The hash of a layer: { chat = "demo" }, { tag = "north" }, { gateway = true }, {} for all. */
static const char *edit_layer(lua_State *L, int idx, const char *kind)
{
    static const char *const known[] = {"chat", "tag", "gateway", NULL};
    luaL_checktype(L, idx, LUA_TTABLE);
    script_check_fields(L, idx, "the layer of g:setting", known);
    const char *chat = script_field(L, idx, "chat"), *tag = script_field(L, idx, "tag");
    if (strcmp(kind, "chat-tags") == 0)
        return "sopd:chat-tags:" STAGE_GATEWAY;
    if (chat)
        return lua_pushfstring(L, "sopd:%s:chat:" STAGE_GATEWAY ":%s", kind, chat);
    if (tag)
        return lua_pushfstring(L, "sopd:%s:tag:%s", kind, tag);
    lua_getfield(L, idx, "gateway");
    return lua_toboolean(L, -1) ? lua_pushfstring(L, "sopd:%s:gw:" STAGE_GATEWAY, kind)
                                : lua_pushfstring(L, "sopd:%s", kind);
}

/* g:setting("toggles" | "paused" | "staff" | "chat-tags" ..., layer, field, value | nil), as with redis-cli; the field of staff is a
 * name. */
static int edit_setting(lua_State *L)
{
    static const char *const kinds[] = {"toggles",  "params",    "paused", "staff",
                                        "versions", "chat-tags", NULL};
    struct world *w = world_of(L);
    const char *kind = kinds[luaL_checkoption(L, 2, NULL, kinds)];
    const char *field = luaL_checkstring(L, 4), *value = luaL_optstring(L, 5, NULL);
    const char *key = edit_layer(L, 3, kind);
    if (strcmp(kind, "staff") == 0)
        field = lua_pushfstring(L, "%s:%s", STAGE_GATEWAY, playground_user(w->gateway, field));
    uint64_t since = settings_generation(w->daemon->settings);
    const char *argv[] = {value ? "HSET" : "HDEL", key, field, value};
    redisReply *r = world_redis(w, value ? 4 : 3, argv);
    if (r)
        freeReplyObject(r);
    if (!world_settings(w, since))
        return luaL_error(L, "g:setting: nothing changed");
    return 0;
}

const luaL_Reg test_edits[] = {
    {"edit", edit_file}, {"param", edit_param}, {"setting", edit_setting}, {NULL, NULL}};
