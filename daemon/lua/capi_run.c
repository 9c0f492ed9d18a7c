/* capi_run.c -- waiting, and what comes with it: the one place where a handler parks (P.wait), the ends of a run, and what the
 * prelude must know of the journal. Parked handlers belong to the engine (host.c). */
#include <stdlib.h>
#include <string.h>

#include "engine/turn/turn.h"
#include "lua/capi.h"
#include "lua/json.h"

/* ---- waiting ---- */

/* The number that stands at p after this name; returns what follows it, NULL if there is something else. */
static const char *wake_number(const char *p, const char *name, int64_t *out)
{
    char *end;
    size_t n = strlen(name);
    if (!p || strncmp(p, name, n) != 0)
        return NULL;
    *out = strtoll(p + n, &end, 10);
    return end > p + n ? end : NULL;
}

/* A wake as the engine writes it, without a table for what only C looks at. False: it is written otherwise. */
static bool take_plain_wake(lua_State *L, struct coro *co, const char *wake, size_t len)
{
    static const char with[] = ",\"with\":";
    int64_t now, time;
    const char *why, *p = wake_number(wake_number(wake, "{\"now\":", &now), ",\"time\":", &time);
    if (!p || strncmp(p, with, sizeof with - 1) != 0 || wake[len - 1] != '}')
        return false;
    p += sizeof with - 1;
    if (!json_decode(L, p, (size_t)(wake + len - 1 - p), &why))
        return false;
    co->now_ms = now;
    co->time_ms = time;
    return true;
}

static void take_wake(lua_State *L, struct coro *co, const char *wake, size_t len)
{
    const char *why = NULL;
    if (!json_decode(L, wake, len, &why))
        luaL_error(L, "the wake of a run is damaged: %s", why);
    if (!lua_istable(L, -1))
        luaL_error(L, "the wake of a run is damaged");
    lua_getfield(L, -1, "now");
    co->now_ms = lua_tointeger(L, -1);
    lua_getfield(L, -2, "time");
    co->time_ms = lua_tointeger(L, -1);
    lua_getfield(L, -3, "with");
}

int coro_take_wake(lua_State *L, struct coro *co, const char *wake, size_t len)
{
    if (!take_plain_wake(L, co, wake, len))
        take_wake(L, co, wake, len);
    if (!lua_istable(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
    }
    return 1;
}

static int wait_woken(lua_State *L, int status, lua_KContext ctx)
{
    (void)L;
    (void)status;
    (void)ctx;
    return 1; /* host_wake has pushed it */
}

static int wait_park(lua_State *L, struct coro *co, const char *spec, size_t len)
{
    struct buf *wait = &co->flow->host->wait;
    buf_reset(wait);
    buf_add(wait, spec, len);
    co->state = CORO_PARKED;
    return lua_yieldk(L, 0, 0, wait_woken);
}

/* The wait is over in the journal, or it is the one that the run is at. */
static int wait_replayed(lua_State *L, struct coro *co, uint32_t hash)
{
    struct journal *j = &co->journal;
    struct journal_line line, next;
    if (!journal_peek(j, &line) || line.kind != '?' || !line.hashed ||
        (!line.any && line.hash != hash))
        return capi_stuck(L, co, '?', "waits");
    journal_next(j, &line);
    if (!journal_peek(j, &next)) {
        journal_live(j);
        return wait_park(L, co, line.text, line.len);
    }
    if (next.kind != '!')
        return capi_stuck(L, co, 0, "has waited and must be woken");
    journal_next(j, &next);
    fence_begin(co->flow, coro_refill(co)); /* live, this was another turn */
    return coro_take_wake(L, co, next.text, next.len);
}

/* wait(spec JSON, what of it a replay compares or nil): what came. */
static int run_wait(lua_State *L)
{
    struct coro *co = coro_current(L);
    size_t len;
    const char *spec = luaL_checklstring(L, 1, &len);
    coro_check_wait(L, co);
    if (!co->journal.on) {
        co->flow->records[co->handler] = true;
        return fence_kill(L, KILL_RECORD, "this handler waits, and was not recorded");
    }
    uint32_t hash =
        lua_type(L, 2) == LUA_TSTRING ? journal_hash(L, 2, 2) : journal_hash_spec(spec, len);
    if (journal_replaying(&co->journal))
        return wait_replayed(L, co, hash);
    capi_check_full(L, co);
    journal_add_wait(&co->journal, hash, spec, len);
    capi_check_full(L, co);
    return wait_park(L, co, spec, len);
}

/* ---- ends ---- */

/* continue(args JSON): the handler ends; its run begins anew. */
static int run_continue(lua_State *L)
{
    struct coro *co = coro_current(L);
    size_t len;
    const char *args = luaL_checklstring(L, 1, &len);
    if (journal_replaying(&co->journal))
        return capi_stuck(L, co, 0, "calls c:continue");
    struct buf *again = &co->flow->host->again;
    buf_reset(again);
    buf_add(again, args, len);
    return fence_kill(L, KILL_AGAIN, "c:continue");
}

static int run_end(lua_State *L)
{
    struct coro *co = coro_current(L);
    if (journal_replaying(&co->journal))
        return capi_stuck(L, co, 0, "ends the run");
    return fence_kill(L, KILL_END, "the run has ended");
}

/* ---- the journal ---- */

/* replaying(): the kind of the next line of the journal ("." at its end), nil when live. */
static int run_replaying(lua_State *L)
{
    struct coro *co = coro_current(L);
    struct journal_line line;
    if (!journal_replaying(&co->journal)) {
        lua_pushnil(L);
        return 1;
    }
    char kind = '.';
    if (journal_peek(&co->journal, &line))
        kind = line.kind;
    lua_pushlstring(L, &kind, 1);
    return 1;
}

/* journal_at(): where the record stands, for send and note; nil if there is none. */
static int run_journal_at(lua_State *L)
{
    struct coro *co = coro_current(L);
    if (co->journal.on)
        lua_pushinteger(L, journal_position(&co->journal));
    else
        lua_pushnil(L);
    return 1;
}

/* note(value, at): the value; in a replay the one that was noted. */
int out_note(lua_State *L, struct coro *co)
{
    (void)co;
    lua_settop(L, 1);
    return 1;
}

static int run_id(lua_State *L)
{
    lua_pushstring(L, turn_run_id(coro_current(L)->turn));
    return 1;
}

/* llm_timeout(): ms that the language model has, when a script does not say. Not recorded: no replay compares it. */
static int run_llm_timeout(lua_State *L)
{
    lua_pushinteger(L, turn_llm_timeout(coro_current(L)->turn));
    return 1;
}

void capi_run(lua_State *L)
{
    static const luaL_Reg list[] = {{"wait", run_wait},           {"llm_timeout", run_llm_timeout},
                                    {"continue", run_continue},   {"end_run", run_end},
                                    {"replaying", run_replaying}, {"journal_at", run_journal_at},
                                    {"run_id", run_id},           {NULL, NULL}};
    luaL_setfuncs(L, list, 0);
}
