/* capi_facts.c -- what scripts are told about the world without asking Redis: time, chance, roles, switches, who is there.
 * Time and random numbers are the handler's own (the same in a replay); the rest is recorded by capi.c. */
#include <string.h>
#include <sys/random.h>

#include "engine/turn/turn.h"
#include "gateway/gateway.h"
#include "lua/capi.h"

enum { SECRET_MAX = 64 };

static int push_ms(lua_State *L, int64_t ms)
{
    lua_pushinteger(L, ms);
    return 1;
}

int out_time(lua_State *L, struct coro *co)
{
    return push_ms(L, co->time_ms);
}

int out_now(lua_State *L, struct coro *co)
{
    return push_ms(L, co->now_ms);
}

int out_random(lua_State *L, struct coro *co)
{
    struct rng *r = &co->rng;
    if (lua_gettop(L) == 0) {
        lua_pushnumber(L, rng_unit(r));
        return 1;
    }
    lua_Integer low = luaL_checkinteger(L, 1), high = luaL_checkinteger(L, 2);
    if (low > high)
        return fence_fail(L, "random: %lld is above %lld", (long long)low, (long long)high);
    uint64_t span = (uint64_t)high - (uint64_t)low + 1;
    uint64_t n = span ? rng_below(r, span) : rng_next(r);
    n += (uint64_t)low; /* wraps as it should */
    lua_pushinteger(L, (lua_Integer)n);
    return 1;
}

/* vary(n): 1..n from the turn's own numbers, for choosing words: it leaves the numbers of the script as they are. */
int out_vary(lua_State *L, struct coro *co)
{
    lua_Integer n = luaL_checkinteger(L, 1);
    if (n < 1)
        return fence_fail(L, "vary: %lld is below 1", (long long)n);
    lua_pushinteger(L, (lua_Integer)rng_below(turn_rng(co->turn), (uint64_t)n) + 1);
    return 1;
}

/* Random bytes of the kernel; in a playground's script numbers that repeat. */
static bool secret_bytes(struct coro *co, unsigned char *out, size_t n)
{
    if (!co->flow->host->opts.repeatable)
        return getrandom(out, n, 0) == (ssize_t)n;
    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)rng_below(turn_rng(co->turn), 256);
    return true;
}

int out_secret(lua_State *L, struct coro *co)
{
    unsigned char bytes[SECRET_MAX];
    lua_Integer n = luaL_checkinteger(L, 1);
    if (n < 1 || n > SECRET_MAX)
        return fence_fail(L, "secret: the number of bytes must be between 1 and %d", SECRET_MAX);
    if (!secret_bytes(co, bytes, (size_t)n))
        return fence_fail(L, "secret: the kernel gave no random bytes");
    char hex[2 * SECRET_MAX];
    for (lua_Integer i = 0; i < n; i++) {
        hex[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    lua_pushlstring(L, hex, (size_t)n * 2);
    return 1;
}

int out_opted_out(lua_State *L, struct coro *co)
{
    lua_pushboolean(L, turn_opted_out(co->turn, luaL_checkstring(L, 1)));
    return 1;
}

/* mentionable(user): may a text @ this user? */
int out_mentionable(lua_State *L, struct coro *co)
{
    lua_pushboolean(L, !turn_opted_out(co->turn, luaL_checkstring(L, 1)));
    return 1;
}

/* c.me and c.chat_name: a run that waits for weeks may see them change. */
int out_me(lua_State *L, struct coro *co)
{
    const char *self = turn_self(co->turn);
    if (self && *self)
        lua_pushstring(L, self);
    else
        lua_pushnil(L);
    return 1;
}

int out_chat_name(lua_State *L, struct coro *co)
{
    const char *name = turn_chat_name(co->turn);
    lua_pushstring(L, name ? name : "");
    return 1;
}

int out_role(lua_State *L, struct coro *co)
{
    const char *user = luaL_checkstring(L, 1), *platform = luaL_optstring(L, 2, "");
    const struct event *e = turn_event(co->turn);
    if (!*platform && e && strcmp(e->user, user) == 0)
        platform = e->role;
    lua_pushstring(L, role_name(turn_role(co->turn, user, platform)));
    return 1;
}

int out_quiet(lua_State *L, struct coro *co)
{
    return push_ms(L, turn_quiet_until(co->turn, luaL_optinteger(L, 1, 0)));
}

int out_can(lua_State *L, struct coro *co)
{
    unsigned cap = gateway_cap_parse(luaL_checkstring(L, 1));
    if (!cap)
        return fence_fail(L, "can: \"%s\" is no capability of gateways", lua_tostring(L, 1));
    lua_pushboolean(L, (turn_caps(co->turn) & cap) != 0);
    return 1;
}

int out_traffic(lua_State *L, struct coro *co)
{
    return push_ms(L, turn_traffic(co->turn, luaL_checkinteger(L, 1)));
}
