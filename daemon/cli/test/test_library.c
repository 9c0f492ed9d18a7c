/* test_library.c -- what a test file has besides its cases: files beside it (require), and sop.sha256, to check a draw as anybody would.
 * Also which of Lua's own libraries it sees. Callers: test_script.c, Lua. */
#include <lauxlib.h>
#include <lualib.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/test/test.h"

static const char library_folder[] = "folder of the test";
static const char library_loaded[] = "files beside the test";

void library_open(lua_State *L)
{
    static const luaL_Reg libs[] = {{LUA_GNAME, luaopen_base},
                                    {LUA_TABLIBNAME, luaopen_table},
                                    {LUA_STRLIBNAME, luaopen_string},
                                    {LUA_MATHLIBNAME, luaopen_math},
                                    {LUA_UTF8LIBNAME, luaopen_utf8}};
    static const char *const out[] = {"dofile", "loadfile", "load", "collectgarbage", "warn"};
    for (size_t i = 0; i < sizeof libs / sizeof libs[0]; i++) {
        luaL_requiref(L, libs[i].name, libs[i].func, 1);
        lua_pop(L, 1);
    }
    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++) {
        lua_pushnil(L);
        lua_setglobal(L, out[i]);
    }
    lua_getglobal(L, LUA_STRLIBNAME);
    lua_pushnil(L);
    lua_setfield(L, -2, "dump");
    lua_pop(L, 1);
}

/* Letters, digits, "_", "-", and a "." for each folder. */
static bool library_name_good(const char *name)
{
    bool good = *name && *name != '.';
    for (const char *p = name; *p && good; p++)
        good = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", *p) ||
               (*p == '.' && p[1] && p[1] != '.');
    return good;
}

void library_begin(lua_State *L, const char *test)
{
    const char *slash = strrchr(test, '/');
    lua_pushlstring(L, slash ? test : ".", slash ? (size_t)(slash - test) : 1);
    lua_setfield(L, LUA_REGISTRYINDEX, library_folder);
}

/* require("plan"): the file plan.lua in the folder of the test, "data.plan" one in a folder below it; once. */
int library_require(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    if (!library_name_good(name))
        return luaL_error(L, "require: \"%s\" names no file beside the test", name);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, library_loaded);
    int loaded = lua_gettop(L);
    if (lua_getfield(L, loaded, name) == LUA_TBOOLEAN && !lua_toboolean(L, -1))
        return luaL_error(L, "require: %s requires itself", name);
    if (!lua_isnil(L, -1))
        return 1;
    lua_getfield(L, LUA_REGISTRYINDEX, library_folder);
    const char *folder = lua_tostring(L, -1), *file = luaL_gsub(L, name, ".", "/");
    const char *path = lua_pushfstring(L, "%s/%s.lua", folder, file);
    if (luaL_loadfilex(L, path, "t") != LUA_OK)
        return lua_error(L);
    lua_pushboolean(L, 0);
    lua_setfield(L, loaded, name);
    lua_call(L, 0, 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 1);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, loaded, name);
    return 1;
}

/* sop.sha256(text): in hexadecimal, as flows have it. */
static int library_sha256(lua_State *L)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
    unsigned n = 0;
    size_t len;
    const char *s = luaL_checklstring(L, 1, &len);
    if (!EVP_Digest(s, len, digest, &n, EVP_sha256(), NULL))
        return luaL_error(L, "sha256 is not available");
    for (unsigned i = 0; i < n; i++)
        snprintf(hex + (size_t)2 * i, 3, "%02x", digest[i]);
    lua_pushlstring(L, hex, (size_t)2 * n);
    return 1;
}

const luaL_Reg test_library[] = {{"sha256", library_sha256}, {NULL, NULL}};
