/* capi.c -- the choke point: everything that comes from outside the script, and everything that leaves it, passes outside_enter.
 * A handler with a journal has every call with a kind letter recorded there; a replay takes the recorded answers instead, and
 * nothing is asked or done. Time and random numbers have no letter: the coroutine's own clock and generator repeat them. What
 * scripts can do is the table `outsides`. The rest of the API (capi_pure.c, the prelude) only computes. */
#include "lua/capi.h"

#include <stdio.h>
#include <string.h>

static const struct outside {
    const char *name;
    int (*call)(lua_State *L,
                struct coro *co); /* number of results, or OUTSIDE_WAITS after coro_wait */
    char kind;                    /* of its line in the journal; 0: not recorded */
    const char *noun, *verb;      /* "the journal has <noun> here, the script <verb>" */
} outsides[] = {
    {"time_ms", out_time, 0, NULL, NULL},
    {"now_ms", out_now, 0, NULL, NULL},
    {"random", out_random, 0, NULL, NULL},
    {"vary", out_vary, 0, NULL, NULL},
    {"mentionable", out_mentionable, 0, NULL, NULL},
    {"read_now", out_read_now, 0, NULL, NULL},
    {"name_now", out_name_now, 0, NULL, NULL},
    {"secret", out_secret, 'x', "a secret", "draws a secret"},
    {"opted_out", out_opted_out, 'o', "the question whether somebody opted out",
     "asks whether somebody opted out"},
    {"me", out_me, 'A', "the bot's account", "asks for the bot's account"},
    {"chat_name", out_chat_name, 'N', "the chat's name", "asks for the chat's name"},
    {"role", out_role, 'l', "the question of a role", "asks for a role"},
    {"quiet_until", out_quiet, 'q', "the question of quiet hours", "asks for the quiet hours"},
    {"can", out_can, 'c', "the question of a capability", "asks for a capability"},
    {"traffic", out_traffic, 'v', "the question of traffic", "asks for the traffic"},
    {"flows", out_flows, 'F', "the list of flows", "asks for the list of flows"},
    {"roster", out_roster, 'O', "the roster", "asks for the roster"},
    {"pauses", out_pauses, 'p', "the list of pauses", "asks for the list of pauses"},
    {"chats", out_chats, 'h', "a list of groups", "asks for somebody's groups"},
    {"commands", out_commands, 'k', "the commands for staff", "asks for the commands for staff"},
    {"read", out_read, 'r', "a read", "reads"},
    {"read_map", out_read_map, 'R', "a read of a whole hash", "reads a whole hash"},
    {"name_of", out_name_of, 'D', "a name", "asks for somebody's name"},
    {"written", out_written, 'W', "a look at the turn's writes", "looks at the turn's writes"},
    {"members", out_members, 'm', "the list of members", "asks for the list of members"},
    {"write", out_write, 'w', "a write", "writes"},
    {"emit", out_emit, 'e', "an event", "tells an event"},
    {"expose", out_expose, 'X', "a variant of an experiment", "takes a variant of an experiment"},
    {"send", out_send, 's', "a message", "sends a message"},
    {"note", out_note, 'f', "a text that was made", "makes a text"},
    {"act", out_act, 'a', "an action in the chat", "acts in the chat"},
    {"timer", out_timer, 'i', "a timer", "sets or cancels a timer"},
    {"claim", out_claim, 'Q', "a claim", "claims what happens once"},
    {"count", out_count, 'C', "a count", "counts"},
    {"counted", out_counted, 'T', "the question whether anything is counted",
     "asks whether anything is counted"},
    {"size", out_size, 'z', "the size of the group", "asks for the size of the group"},
    {"opt_out", out_opt_out, 'u', "an opt-out", "opts somebody out or in"},
    {"forget", out_forget, 'G', "an order to forget", "forgets somebody"},
    {"set", out_set, 'g', "a switch", "turns a switch"},
    {"said_in", out_said_in, 'y', "a command for another chat", "gives a command in another chat"},
    {"start", out_start, 'S', "the start of a run", "starts a run"},
    {"cancel_run", out_cancel_run, 'K', "the end of another run", "ends another run"},
};
enum { OUTSIDES = sizeof outsides / sizeof outsides[0] };

static int outside_index(const char *name)
{
    int i = 0;
    while (strcmp(outsides[i].name, name) != 0)
        i++;
    return i;
}

/* ---- small helpers ---- */

int capi_reason(lua_State *L, const char *why)
{
    if (!why) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
}

const char *capi_string(lua_State *L, int idx)
{
    return lua_isnoneornil(L, idx) ? NULL : lua_tostring(L, idx);
}

/* ---- a replay that does not fit ---- */

static void add_noun(struct buf *out, const struct journal_line *line)
{
    const char *noun = line->kind == '?' ? "a waiting call" : line->kind == '!' ? "a wake" : NULL;
    for (int i = 0; !noun && i < OUTSIDES; i++)
        if (outsides[i].kind == line->kind)
            noun = outsides[i].noun;
    if (noun)
        buf_addf(out, "%s (%c)", noun, line->kind);
    else
        buf_addf(out, "a line of the unknown kind %c", line->kind);
}

void capi_describe_stuck(struct coro *co, char kind, const char *does, const char *where,
                         struct buf *out)
{
    struct journal *j = &co->journal;
    struct journal_line line;
    bool more = journal_peek(j, &line);
    buf_addf(out, "entry %d: the journal ", j->entries + 1);
    if (more) {
        buf_adds(out, "has ");
        add_noun(out, &line);
        buf_adds(out, kind && kind == line.kind ? " of other arguments here" : " here");
    } else {
        buf_adds(out, "ends here");
    }
    buf_addf(out, ", the script %s", does);
    if (kind && (!more || kind != line.kind))
        buf_addf(out, " (%c)", kind);
    size_t n = strlen(where);
    if (n > 2) {
        buf_adds(out, " at ");
        buf_add(out, where, n - 2); /* without ": " */
    }
}

int capi_stuck(lua_State *L, struct coro *co, char kind, const char *does)
{
    struct buf *out = &co->flow->host->scratch;
    char where[128];
    fence_where(L, where, sizeof where);
    buf_reset(out);
    capi_describe_stuck(co, kind, does, where, out);
    return fence_kill(L, KILL_STUCK, buf_cstr(out));
}

void capi_check_full(lua_State *L, struct coro *co)
{
    char text[200];
    if (co->journal.open)
        fence_kill(L, KILL_FULL, "there was not enough memory to record this run");
    if (!journal_full(&co->journal))
        return;
    if (co->journal.entries > JOURNAL_ENTRIES)
        snprintf(text, sizeof text, "%d calls", JOURNAL_ENTRIES);
    else
        snprintf(text, sizeof text, "%d KiB", JOURNAL_BYTES >> 10);
    lua_pushfstring(
        L,
        "this run has recorded %s since it began; loops that go on for long should call "
        "c:continue(...) once per round, which starts it anew with an empty journal",
        text);
    fence_kill(L, KILL_FULL, lua_tostring(L, -1));
}

/* ---- calls of a handler with a journal ---- */

/* May it have no line? Then nothing had been written, or the run is from before c:display asked other flows for a name: it was given none. */
static bool outside_may_lack(const struct outside *o)
{
    return o->call == out_written || o->call == out_name_of;
}

/* Takes the answer out of the journal. */
static int outside_replayed(lua_State *L, struct coro *co, const struct outside *o, uint32_t hash)
{
    struct journal *j = &co->journal;
    struct journal_line line;
    bool fits = journal_peek(j, &line) && line.kind == o->kind && line.hashed &&
                (line.any || line.hash == hash);
    if (!fits && outside_may_lack(o)) {
        lua_pushnil(L);
        return 1;
    }
    if (!fits)
        return capi_stuck(L, co, o->kind, o->verb);
    lua_settop(L, 0);
    int n = journal_results(L, &line);
    if (n == JOURNAL_DAMAGED)
        return capi_stuck(L, co, 0, "cannot be given its results, which are damaged,");
    journal_next(j, &line);
    if (n == JOURNAL_RAISED)
        return lua_error(L);
    if (o->call == out_send && n > 0) { /* the label, for whoever reads the journal */
        lua_remove(L, 1);
        n--;
    }
    return n;
}

static int outside_raised(lua_State *L, struct coro *co, const struct outside *o, int status)
{
    struct journal *j = &co->journal;
    if (!co->flow->kill && status == LUA_ERRRUN) {
        journal_cut(j, j->cut);
        journal_add_error(j, L, o->kind, j->hash);
        capi_check_full(L, co);
    }
    return lua_error(L);
}

static bool outside_refused(lua_State *L, const struct outside *o, int n)
{
    return n == 2 && lua_isnil(L, -2) &&
           (o->call == out_read || o->call == out_read_map || o->call == out_read_now ||
            o->call == out_name_of || o->call == out_name_now);
}

static int push_refusal(lua_State *L)
{
    char where[128];
    fence_where(L, where, sizeof where);
    lua_pushfstring(L, "%sRedis refused a read: %s", where, lua_tostring(L, -1));
    return 1;
}

/* Results are on top; below them for a message its label. */
static int outside_recorded(lua_State *L, struct coro *co, const struct outside *o, int n)
{
    struct journal *j = &co->journal;
    int top = lua_gettop(L);
    if (outside_refused(L, o, n)) {
        push_refusal(L);
        return outside_raised(L, co, o, LUA_ERRRUN);
    }
    if (o->call == out_written && lua_isnil(L, -1))
        return n;
    journal_cut(j, j->cut);
    journal_add_call(j, L, o->kind, j->hash, top - n + (o->call == out_send ? 0 : 1), top);
    capi_check_full(L, co);
    return n;
}

static int outside_answered(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    return outside_recorded(L, flow_of(L)->running, &outsides[ctx], lua_gettop(L));
}

/* After the call, whose arguments are gone. Stack: label of a message, results or error. */
static int outside_called(lua_State *L, int status, lua_KContext ctx)
{
    const struct outside *o = &outsides[ctx];
    struct coro *co = flow_of(L)->running;
    if (status != LUA_OK && status != LUA_YIELD)
        return outside_raised(L, co, o, status);
    if (co->state == CORO_WAITING)
        return lua_yieldk(L, 0, ctx, outside_answered);
    return outside_recorded(L, co, o, lua_gettop(L) - (o->call == out_send ? 1 : 0));
}

static int outside_protected(lua_State *L)
{
    struct coro *co = flow_of(L)->running;
    int n = outsides[co->calling].call(L, co);
    return n == OUTSIDE_WAITS ? 0 : n;
}

/* The call is protected, because an error that it raises is an answer too: a pcall of the script may take it. */
static int outside_journaled(lua_State *L, struct coro *co, int which)
{
    const struct outside *o = &outsides[which];
    struct journal *j = &co->journal;
    bool send = o->call == out_send;
    uint32_t hash;
    if (!lua_checkstack(L, LUA_MINSTACK))
        return luaL_error(L, "not enough memory");
    j->cut = -1;
    if (send) {
        lua_settop(L, SEND_LABEL);
        hash = journal_hash(L, SEND_LABEL, SEND_LABEL);
        j->cut = lua_isinteger(L, SEND_AT) ? lua_tointeger(L, SEND_AT) : -1;
    } else if (o->call == out_note) {
        hash = journal_hash(L, 1, 0);
        j->cut = lua_isinteger(L, 2) ? lua_tointeger(L, 2) : -1;
    } else {
        hash = journal_hash(L, 1, lua_gettop(L));
    }
    if (journal_replaying(j))
        return outside_replayed(L, co, o, hash);
    capi_check_full(L, co);
    j->hash = hash;
    co->calling = which;
    if (send) {
        lua_pushvalue(L, SEND_LABEL);
        lua_insert(L, 1);
    }
    lua_pushcfunction(L, outside_protected);
    lua_insert(L, send ? 2 : 1);
    int nargs = lua_gettop(L) - (send ? 2 : 1);
    return outside_called(L, lua_pcallk(L, nargs, LUA_MULTRET, 0, which, outside_called), which);
}

/* ---- calls of other handlers ---- */

static int outside_done(lua_State *L, const struct outside *o, int n)
{
    if (outside_refused(L, o, n)) {
        push_refusal(L);
        return lua_error(L);
    }
    return n;
}

static int outside_resumed(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    return outside_done(L, &outsides[ctx & 0xFF], lua_gettop(L) - (int)(ctx >> 8));
}

static int outside_run(lua_State *L, int which)
{
    struct coro *co = coro_current(L);
    if (co->journal.on && outsides[which].kind)
        return outside_journaled(L, co, which);
    int nargs = lua_gettop(L);
    int n = outsides[which].call(L, co);
    if (n == OUTSIDE_WAITS)
        return lua_yieldk(L, 0, (lua_KContext)nargs << 8 | which, outside_resumed);
    return outside_done(L, &outsides[which], n);
}

static int outside_enter(lua_State *L)
{
    return outside_run(L, (int)lua_tointeger(L, lua_upvalueindex(1)));
}

void capi_ask(lua_State *L, const char *name, const char *arg)
{
    lua_pushinteger(L, outside_index(name));
    lua_pushcclosure(L, outside_enter, 1);
    if (arg)
        lua_pushstring(L, arg);
    lua_call(L, arg ? 1 : 0, 1);
}

/* ---- c:say ---- */

static int say_done(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    return lua_gettop(L);
}

/* In a replay a text that once could not be made stands there as a note: that is for c:say in Lua. */
static bool say_straight(struct coro *co)
{
    struct journal_line line;
    return !journal_replaying(&co->journal) ||
           (journal_peek(&co->journal, &line) && line.kind == 's');
}

/* A draft is shown, which what is said next ends: that is for c:say in Lua, too. Only a handler with a journal can have one. */
static bool say_drafted(lua_State *L, const struct coro *co)
{
    bool drafted = false;
    if (!co->journal.on)
        return false;
    if (lua_getiuservalue(L, 1, 1) == LUA_TTABLE) {
        drafted = lua_getfield(L, -1, "draft") != LUA_TNIL;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return drafted;
}

/* Stack: text. */
static int say_out(lua_State *L, const struct coro *co)
{
    if (co->journal.on) {
        lua_settop(L, SEND_AT - 1);
        lua_pushinteger(L, journal_position(&co->journal));
        lua_pushliteral(L, "say");
    }
    return outside_run(L, (int)lua_tointeger(L, lua_upvalueindex(2)));
}

/* c:say(text): the usual case, a text without variables and options, goes straight out. Upvalues: the rest of c:say in Lua,
 * the index of send. */
static int say_enter(lua_State *L)
{
    size_t len;
    if (lua_gettop(L) == 2 && lua_type(L, 2) == LUA_TSTRING && context_is(L, 1) &&
        say_straight(flow_of(L)->running) && !say_drafted(L, flow_of(L)->running)) {
        const char *text = lua_tolstring(L, 2, &len);
        if (!memchr(text, '{', len) && !memchr(text, '}', len)) {
            lua_remove(L, 1);
            return say_out(L, flow_of(L)->running);
        }
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, say_done);
    return lua_gettop(L);
}

static int capi_say(lua_State *L)
{
    lua_pushinteger(L, outside_index("send"));
    lua_pushcclosure(L, say_enter, 2);
    return 1;
}

void capi_push(lua_State *L)
{
    lua_newtable(L);
    lua_pushcfunction(L, capi_say);
    lua_setfield(L, -2, "say");
    for (int i = 0; i < OUTSIDES; i++) {
        lua_pushinteger(L, i);
        lua_pushcclosure(L, outside_enter, 1);
        lua_setfield(L, -2, outsides[i].name);
    }
    capi_pure(L);
    capi_time(L);
    capi_context(L);
    capi_run(L);
}
