/* capi_pure.c -- primitives for the prelude that only compute: keys, values, JSON, hashes, bits, errors, the log. */
#include <string.h>

#include <openssl/evp.h>

#include "base/log.h"
#include "base/utf8.h"
#include "engine/turn/turn.h"
#include "lua/json.h"
#include "lua/state.h"

enum { PARTS = 5, BITS_MAX = 1 << 19 };

/* key(kind, parts...): the Redis key of this gateway. */
static int pure_key(lua_State *L)
{
    struct coro *co = coro_current(L);
    struct buf *out = &co->flow->host->scratch;
    const char *p[PARTS] = {NULL};
    int n = lua_gettop(L) - 1;
    while (n > 0 && lua_isnil(L, n + 1)) /* trailing parts may be left out */
        n--;
    if (n > PARTS)
        return fence_fail(L, "a key has too many parts");
    for (int i = 0; i < n; i++)
        p[i] = luaL_checkstring(L, i + 2);
    buf_reset(out);
    turn_key(co->turn, out, luaL_checkstring(L, 1), p[0], p[1], p[2], p[3], p[4], NULL);
    lua_pushlstring(L, out->data, out->len);
    return 1;
}

/* encode(value, what, name): its text; `what` and the optional name stand in the message if it cannot be. */
static int pure_encode(lua_State *L)
{
    const char *what = luaL_checkstring(L, 2);
    value_encode(L, 1, what, lua_tostring(L, 3));
    return 1;
}

static int pure_decode(lua_State *L)
{
    size_t len;
    const char *s = luaL_checklstring(L, 1, &len);
    value_decode(L, s, len);
    return 1;
}

static int pure_json(lua_State *L)
{
    struct buf *out = &flow_of(L)->host->scratch2;
    const char *why = NULL;
    luaL_checkany(L, 1);
    buf_reset(out);
    if (!json_encode(L, 1, out, &why))
        return fence_fail(L, "this cannot become JSON: %s", why);
    lua_pushlstring(L, out->data, out->len);
    return 1;
}

/* unjson(text): the value, or nil and why not. */
static int pure_unjson(lua_State *L)
{
    size_t len;
    const char *s = luaL_checklstring(L, 1, &len), *why = NULL;
    fence_charge(L, (int64_t)(len / 16));
    if (json_decode(L, s, len, &why))
        return 1;
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
}

static int pure_sha256(lua_State *L)
{
    size_t len;
    const char *s = luaL_checklstring(L, 1, &len);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    char hex[2 * EVP_MAX_MD_SIZE];
    fence_charge(L, (int64_t)(len / 8));
    if (!EVP_Digest(s, len, digest, &n, EVP_sha256(), NULL))
        return fence_fail(L, "sha256 is not available");
    for (unsigned i = 0; i < n; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    lua_pushlstring(L, hex, (size_t)n * 2);
    return 1;
}

/* fail(message): an error at the script's line. */
static int pure_fail(lua_State *L)
{
    return fence_fail(L, "%s", luaL_tolstring(L, 1, NULL));
}

/* where(): "file:line: " of the script. */
static int pure_where(lua_State *L)
{
    char where[128];
    fence_where(L, where, sizeof where);
    lua_pushstring(L, where);
    return 1;
}

static int pure_log(lua_State *L)
{
    struct flow *f = flow_of(L);
    const char *text = luaL_tolstring(L, 1, NULL);
    const struct coro *co = f->running;
    char where[128];
    if (co && journal_replaying(&co->journal))
        return 0; /* it said so when it happened */
    fence_where(L, where, sizeof where);
    log_debug("script", "flow", f->info.name, "chat", co ? turn_chat(co->turn) : NULL, "at", where,
              "text", text, NULL);
    return 0;
}

/* keys(t): its keys in the defined order. */
static int pure_keys(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    sandbox_keys(L, 1);
    return 1;
}

/* bit(text, i): bit i of a bitmap as Redis numbers them. */
static int pure_bit(lua_State *L)
{
    size_t len;
    const unsigned char *s = (const unsigned char *)luaL_checklstring(L, 1, &len);
    lua_Integer i = luaL_checkinteger(L, 2);
    lua_pushinteger(L, i >= 0 && (size_t)i / 8 < len ? s[i / 8] >> (7 - i % 8) & 1 : 0);
    return 1;
}

/* bitcount(text, from, to): bits set in that range. */
static int pure_bitcount(lua_State *L)
{
    size_t len;
    const unsigned char *s = (const unsigned char *)luaL_checklstring(L, 1, &len);
    lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3), n = 0;
    if (from < 0)
        from = 0;
    if (to >= (lua_Integer)len * 8)
        to = (lua_Integer)len * 8 - 1;
    for (lua_Integer i = from; i <= to; i++)
        n += s[i / 8] >> (7 - i % 8) & 1;
    lua_pushinteger(L, n);
    return 1;
}

/* setbit(text, i, 0 or 1): the text with that bit changed. */
static int pure_setbit(lua_State *L)
{
    size_t len, need;
    const char *s = luaL_checklstring(L, 1, &len);
    lua_Integer i = luaL_checkinteger(L, 2);
    if (i < 0 || i >= BITS_MAX)
        return fence_fail(L, "day index %lld is out of range (0 to %d)", (long long)i,
                          BITS_MAX - 1);
    need = (size_t)i / 8 + 1;
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, need > len ? need : len);
    memset(out, 0, need > len ? need : len);
    memcpy(out, s, len);
    if (lua_toboolean(L, 3) && lua_tointeger(L, 3) != 0)
        out[i / 8] = (char)(out[i / 8] | 1 << (7 - i % 8));
    else
        out[i / 8] = (char)(out[i / 8] & ~(1 << (7 - i % 8)));
    luaL_pushresultsize(&b, need > len ? need : len);
    return 1;
}

/* cut(text, bytes): a prefix that ends between characters. */
static int pure_cut(lua_State *L)
{
    size_t len;
    const char *s = luaL_checklstring(L, 1, &len);
    lua_pushlstring(L, s, utf8_cut(s, len, (size_t)luaL_checkinteger(L, 2)));
    return 1;
}

/* fold(text): as commands are compared (width, case, zero-width characters, outer blanks). */
static int pure_fold(lua_State *L)
{
    size_t len;
    const char *s = luaL_checklstring(L, 1, &len);
    struct buf *out = &flow_of(L)->host->scratch2;
    fence_charge(L, (int64_t)(len / 16));
    buf_reset(out);
    utf8_fold(out, s, len);
    lua_pushlstring(L, out->data ? out->data : "", out->len);
    return 1;
}

void capi_pure(lua_State *L)
{
    static const luaL_Reg list[] = {{"key", pure_key},       {"encode", pure_encode},
                                    {"decode", pure_decode}, {"json", pure_json},
                                    {"unjson", pure_unjson}, {"sha256", pure_sha256},
                                    {"fail", pure_fail},     {"where", pure_where},
                                    {"log", pure_log},       {"keys", pure_keys},
                                    {"bit", pure_bit},       {"bitcount", pure_bitcount},
                                    {"setbit", pure_setbit}, {"cut", pure_cut},
                                    {"fold", pure_fold},     {NULL, NULL}};
    luaL_setfuncs(L, list, 0);
    regex_open(L);
}
