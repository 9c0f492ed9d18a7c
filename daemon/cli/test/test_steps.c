/* test_steps.c -- what can happen in a case: g:join, g:says, g:advance and so on. A step takes a second of the case's clock, during which
 * what is due happens; then it happens itself, and the coroutine yields until the world has settled.
 * Callers: Lua, by the list at the end (docs/lua.md has each name). */
#include "base/timefmt.h"
#include <hiredis/hiredis.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/serve/daemon.h"
#include "cli/serve/stage.h"
#include "cli/test/test.h"
#include "engine/engine.h"
#include "engine/route/book.h"
#include "store/settings.h"

enum { STEP_MS = 1000 };

/* ---- before and after ---- */

static void step_open_window(struct world *w)
{
    if (w->checked)
        w->first = w->nlines;
    w->checked = false;
}

void step_begin(struct world *w)
{
    step_open_window(w);
    if (w->together)
        return;
    w->target_ms = clock_wall(&w->daemon->clock) + STEP_MS;
    world_settle(w);
}

static int step_done(lua_State *L, int status, lua_KContext nresults)
{
    (void)L;
    (void)status;
    return (int)nresults;
}

/* Waits until the world has settled; then the step returns the topmost values. */
int step_wait(lua_State *L, int nresults)
{
    if (world_of(L)->together)
        return nresults;
    return lua_yieldk(L, 0, nresults, step_done);
}

static const char *step_name(lua_State *L, int idx)
{
    size_t len;
    const char *name = luaL_checklstring(L, idx, &len);
    luaL_argcheck(L, len > 0 && len < 64, idx, "a name has 1 to 63 bytes");
    world_knows(world_of(L), name);
    return name;
}

/* The options at idx, which may be missing: true if there are some, of the known names. */
static bool step_options(lua_State *L, int idx, const char *what, const char *const *known)
{
    if (lua_isnoneornil(L, idx))
        return false;
    luaL_checktype(L, idx, LUA_TTABLE);
    script_check_fields(L, idx, what, known);
    return true;
}

/* The chat that a step is about: the group, or what its options say. */
static const char *step_chat(lua_State *L, int idx, const char *what)
{
    static const char *const known[] = {"chat", NULL};
    const char *chat =
        step_options(L, idx, what, known) ? script_field(L, idx, "chat") : WORLD_GROUP;
    if (!chat)
        chat = WORLD_GROUP;
    if (strcmp(chat, WORLD_GROUP) != 0 && strcmp(chat, WORLD_STAFF) != 0)
        playground_add_group(world_of(L)->gateway, chat, chat);
    return chat;
}

/* ---- what people do ---- */

/* Somebody has spoken: who they are, what the transcript shows. */
static int step_spoke(lua_State *L, const char *chat, const char *who, const char *shown,
                      const char *id)
{
    struct world *w = world_of(L);
    world_add_line(w, LINE_MEMBER, chat, who, shown);
    if (*chat != '@')
        world_enters(w, chat, who, NULL);
    lua_pushstring(L, id);
    return step_wait(L, 1);
}

static int step_says(lua_State *L)
{
    struct world *w = world_of(L);
    const char *who = step_name(L, 2), *text = luaL_checkstring(L, 3);
    const char *chat = step_chat(L, 4, "the options of g:says");
    step_begin(w);
    return step_spoke(L, chat, who, text, world_does(w, DEED_SAY, chat, who, text, NULL));
}

static bool step_is_staff(const struct world *w, const struct staff *staff, int n, const char *id)
{
    (void)w;
    for (int i = 0; i < n; i++) {
        const char *colon = strrchr(staff[i].user, ':');
        if (colon && strcmp(colon + 1, id) == 0)
            return true;
    }
    return false;
}

/* Like g:says, by somebody whom the playbook names as staff. */
static int step_staff(lua_State *L)
{
    struct world *w = world_of(L);
    const char *who = step_name(L, 2), *id = playground_user(w->gateway, who);
    const struct book *b = w->daemon->book;
    bool known = step_is_staff(w, b->staff, b->nstaff, id);
    for (int i = 0; i < b->nbooks; i++)
        known = known || step_is_staff(w, b->books[i]->staff, b->books[i]->nstaff, id);
    if (!known)
        return luaL_error(L, "g:staff: the playbook gives %s no role", who);
    return step_says(L);
}

/* g:mention(who, whom, text): also of people who never spoke. */
static int step_mention(lua_State *L)
{
    struct world *w = world_of(L);
    const char *who = step_name(L, 2), *whom = step_name(L, 3);
    playground_user(w->gateway, whom);
    const char *text = lua_pushfstring(L, "@%s %s", whom, luaL_optstring(L, 4, ""));
    step_begin(w);
    return step_spoke(L, WORLD_GROUP, who, text,
                      world_does(w, DEED_SAY, WORLD_GROUP, who, text, NULL));
}

/* g:reply(who, text [, { to = id }]): quotes a message, by default the bot's last one in the group. */
static int step_reply(lua_State *L)
{
    static const char *const known[] = {"to", NULL};
    struct world *w = world_of(L);
    const char *who = step_name(L, 2), *text = luaL_checkstring(L, 3), *to = NULL;
    if (step_options(L, 4, "the options of g:reply", known))
        to = script_field(L, 4, "to");
    for (size_t i = w->nlines; i > 0 && !to; i--) {
        const struct world_line *line = &w->lines[i - 1];
        if (line->kind == LINE_BOT && strcmp(line->chat, WORLD_GROUP) == 0)
            to = lua_pushstring(L, line->id);
    }
    if (!to)
        return luaL_error(L, "g:reply: the bot has not said anything in the group yet");
    step_begin(w);
    const char *shown = lua_pushfstring(L, "> %s", text);
    return step_spoke(L, WORLD_GROUP, who, shown,
                      world_does(w, DEED_REPLY, WORLD_GROUP, who, text, to));
}

static int step_image(lua_State *L)
{
    struct world *w = world_of(L);
    const char *who = step_name(L, 2), *caption = luaL_optstring(L, 3, "");
    const char *chat = step_chat(L, 4, "the options of g:image");
    step_begin(w);
    const char *shown = lua_pushfstring(L, "%s[图片]", caption);
    return step_spoke(L, chat, who, shown, world_does(w, DEED_IMAGE, chat, who, caption, NULL));
}

static int step_dm(lua_State *L)
{
    struct world *w = world_of(L);
    const char *who = step_name(L, 2), *text = luaL_checkstring(L, 3);
    step_begin(w);
    const char *chat = lua_pushstring(L, playground_private(w->gateway, who));
    return step_spoke(L, chat, who, text, world_does(w, DEED_SAY, chat, who, text, NULL));
}

/* The person in option `by` of a coming or going; NULL: nobody. */
static const char *step_by(lua_State *L, const char *what)
{
    static const char *const known[] = {"by", "chat", NULL};
    return step_options(L, 3, what, known) ? script_field(L, 3, "by") : NULL;
}

static int step_moved(lua_State *L, bool in, const char *what)
{
    struct world *w = world_of(L);
    const char *who = step_name(L, 2), *by = step_by(L, what), *chat = WORLD_GROUP;
    if (lua_istable(L, 3) && script_field(L, 3, "chat"))
        chat = script_field(L, 3, "chat");
    step_begin(w);
    world_add_line(w, LINE_MEMBER, chat, who, in ? "(进群)" : "(退群)");
    if (in) {
        world_enters(w, chat, who, NULL);
        world_does(w, DEED_JOIN, chat, who, "", by);
    } else {
        world_leaves(w, chat, who);
        world_does(w, DEED_LEAVE, chat, who, "", by);
    }
    return step_wait(L, 0);
}

static int step_join(lua_State *L)
{
    return step_moved(L, true, "the options of g:join");
}

static int step_leave(lua_State *L)
{
    return step_moved(L, false, "the options of g:leave");
}

static int step_poke(lua_State *L)
{
    struct world *w = world_of(L);
    const char *who = step_name(L, 2), *whom = luaL_optstring(L, 3, NULL);
    step_begin(w);
    world_add_line(w, LINE_MEMBER, WORLD_GROUP, who, "(戳一戳)");
    world_does(w, DEED_POKE, WORLD_GROUP, who, "", whom);
    return step_wait(L, 0);
}

static int step_enter(lua_State *L)
{
    struct world *w = world_of(L);
    const char *who = step_name(L, 2);
    step_begin(w);
    const char *chat = lua_pushstring(L, playground_private(w->gateway, who));
    world_add_line(w, LINE_MEMBER, chat, who, "(打开单聊)");
    world_does(w, DEED_ENTER, chat, who, "", NULL);
    return step_wait(L, 0);
}

/* g:press(who, label [, { chat = ..., dm = name }]): the newest button of that label, in the group or where the options say. */
static int step_press(lua_State *L)
{
    static const char *const known[] = {"chat", "dm", NULL};
    struct world *w = world_of(L);
    const char *who = step_name(L, 2), *label = luaL_checkstring(L, 3), *id, *value;
    bool said = step_options(L, 4, "the options of g:press", known);
    step_begin(w);
    const char *chat = lua_pushstring(L, said ? expect_chat(L, 4) : WORLD_GROUP);
    if (!playground_find_button(w->gateway, chat, label, &id, &value))
        return luaL_error(L, "g:press: the bot has shown no button %s there", label);
    world_add_line(w, LINE_MEMBER, chat, who, lua_pushfstring(L, "[%s]", label));
    if (*chat != '@')
        world_enters(w, chat, who, NULL);
    world_does(w, DEED_PRESS, chat, who, value, id);
    return step_wait(L, 0);
}

/* g:role(who, "owner" | "admin" | "member"): on the platform. */
static int step_role(lua_State *L)
{
    static const char *const roles[] = {"owner", "admin", "member", NULL};
    struct world *w = world_of(L);
    const char *who = step_name(L, 2), *role = roles[luaL_checkoption(L, 3, NULL, roles)];
    playground_set_role(w->gateway, WORLD_GROUP, who, role);
    world_enters(w, WORLD_GROUP, who, role);
    return 0;
}

/* ---- many at once ---- */

static int step_together_done(lua_State *L, int status, lua_KContext ctx)
{
    (void)ctx;
    world_of(L)->together = false;
    if (status != LUA_OK && status != LUA_YIELD)
        return lua_error(L);
    return step_wait(L, 0);
}

/* g:together(fn): what fn does happens in one moment, before anything is answered. */
static int step_together(lua_State *L)
{
    struct world *w = world_of(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    step_begin(w);
    w->together = true;
    lua_settop(L, 2);
    int status = lua_pcallk(L, 0, 0, 0, 0, step_together_done);
    return step_together_done(L, status, 0);
}

/* g:missed(duration, fn): what fn does happened that long ago, was missed, and comes in now. */
static int step_missed_done(lua_State *L, int status, lua_KContext ctx)
{
    struct world *w = world_of(L);
    int64_t said = playground_last_id(w->gateway) - (int64_t)ctx;
    playground_set_ago(w->gateway, 0);
    playground_gap(w->gateway, WORLD_GROUP, said, w->missed_ms);
    return step_together_done(L, status, 0);
}

static int step_missed(lua_State *L)
{
    struct world *w = world_of(L);
    const char *text = luaL_checkstring(L, 2);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    if (w->together || !time_parse_duration(text, &w->missed_ms))
        return luaL_error(L, "g:missed: a duration such as \"5m\", and not inside g:together");
    step_begin(w);
    w->together = true;
    playground_set_ago(w->gateway, w->missed_ms);
    lua_KContext before = (lua_KContext)playground_last_id(w->gateway);
    lua_settop(L, 3);
    int status = lua_pcallk(L, 0, 0, 0, before, step_missed_done);
    return step_missed_done(L, status, before);
}

/* ---- the clock ---- */

static int step_turn(lua_State *L, const char *what, bool duration)
{
    struct world *w = world_of(L);
    const char *text = luaL_checkstring(L, 2);
    if (w->together)
        return luaL_error(L, "%s: not inside g:together", what);
    step_open_window(w);
    if (!world_turn(w, text, duration)) {
        w->target_ms = clock_wall(&w->daemon->clock);
        return luaL_error(L, "%s: '%s' is %s", what, text,
                          duration ? "no duration; like \"10m\", \"1d\""
                                   : "no time to come; like \"20:30\", \"2026-03-05 09:00\"");
    }
    return step_wait(L, 0);
}

static int step_advance(lua_State *L)
{
    return step_turn(L, "g:advance", true);
}

static int step_at(lua_State *L)
{
    return step_turn(L, "g:at", false);
}

static int step_time(lua_State *L)
{
    const struct world *w = world_of(L);
    char text[32];
    world_time_text(w, clock_wall(&w->daemon->clock), text, sizeof text);
    lua_pushstring(L, text);
    return 1;
}

/* ---- the daemon ---- */

static int step_restart(lua_State *L)
{
    struct world *w = world_of(L);
    struct buf err = {0};
    if (w->together)
        return luaL_error(L, "g:restart: not inside g:together");
    step_open_window(w);
    if (world_restart(w, &err) != CLI_OK)
        return script_raise(L, &err);
    buf_free(&err);
    return step_wait(L, 0);
}

/* g:kill(): the engine ends here as by kill -9. g:kill{ during = "input" | "commit" | "send" }: at that moment of what comes next. */
static int step_kill(lua_State *L)
{
    static const char *const known[] = {"during", NULL};
    static const char *const moments[] = {"input", "commit", "send", NULL};
    static const enum world_kill kills[] = {KILL_INPUT, KILL_COMMIT, KILL_SEND};
    struct world *w = world_of(L);
    struct buf err = {0};
    if (w->together)
        return luaL_error(L, "g:kill: not inside g:together");
    if (step_options(L, 2, "the options of g:kill", known) && script_field(L, 2, "during")) {
        lua_getfield(L, 2, "during");
        w->kill = kills[luaL_checkoption(L, -1, NULL, moments)];
        w->spoke = false;
        luaL_where(L, 1);
        snprintf(w->kill_place, sizeof w->kill_place, "%s", lua_tostring(L, -1));
        return 0;
    }
    step_open_window(w);
    if (world_kill(w, &err) != CLI_OK)
        return script_raise(L, &err);
    buf_free(&err);
    w->target_ms = w->now_ms;
    return step_wait(L, 0);
}

/* g:deaths(): how often the engine was killed in this case. */
static int step_deaths(lua_State *L)
{
    lua_pushinteger(L, world_of(L)->kills);
    return 1;
}

/* g:toggle(flow, "on" | "off" | "unset"), for the group, as an admin does it. */
static int step_toggle(lua_State *L)
{
    static const char *const values[] = {"on", "off", "unset", NULL};
    struct world *w = world_of(L);
    const char *flow = luaL_checkstring(L, 2),
               *value = values[luaL_checkoption(L, 3, NULL, values)];
    static const char key[] = "sopd:toggles:chat:" STAGE_GATEWAY ":" WORLD_GROUP;
    uint64_t since = settings_generation(w->daemon->settings);
    step_open_window(w); /* what it wakes is seen */
    bool set = strcmp(value, "unset") != 0;
    const char *argv[] = {set ? "HSET" : "HDEL", key, flow, value};
    redisReply *r = world_redis(w, set ? 4 : 3, argv);
    if (r)
        freeReplyObject(r);
    if (!world_settings(w, since))
        return luaL_error(L, "g:toggle: nothing changed");
    return step_wait(L, 0);
}

/* g:fail_sends(n, outcome [, for how long]): how the next n messages end. */
static int step_fail_sends(lua_State *L)
{
    static const enum send_outcome outcomes[] = {SEND_UNKNOWN, SEND_FAILED,    SEND_MUTED,
                                                 SEND_LIMITED, SEND_UNWRITTEN, SEND_CROWDED,
                                                 SEND_CLOSED};
    int64_t ms = 0;
    struct world *w = world_of(L);
    int n = (int)luaL_checkinteger(L, 2);
    const char *name = luaL_checkstring(L, 3);
    if (!lua_isnoneornil(L, 4) && !time_parse_duration(luaL_checkstring(L, 4), &ms))
        return luaL_error(L, "g:fail_sends: a duration such as \"10m\"");
    playground_fail_for(w->gateway, ms);
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        if (strcmp(name, send_outcome_name(outcomes[i])) == 0) {
            w->doubtful = true;
            playground_fail_sends(w->gateway, outcomes[i], "set by the test", n);
            return 0;
        }
    }
    return luaL_error(
        L, "g:fail_sends: unknown, failed, muted, limited, unwritten, crowded or closed, not '%s'",
        name);
}

/* g:lacks("dm", ...): the platform cannot do this, from now on in this case. */
static int step_lacks(lua_State *L)
{
    struct world *w = world_of(L);
    for (int i = 2; i <= lua_gettop(L); i++) {
        unsigned cap = gateway_cap_parse(luaL_checkstring(L, i));
        if (!cap)
            return luaL_error(L, "g:lacks: there is no capability %s", lua_tostring(L, i));
        w->lacks |= cap;
    }
    playground_set_lacks(w->gateway, w->lacks);
    return 0;
}

/* g:platform("wecom"): the gateway is one of that platform, from now on in this case. */
static int step_platform(lua_State *L)
{
    static const char *const known[] = {"any", "wecom", NULL};
    struct world *w = world_of(L);
    w->platform = known[luaL_checkoption(L, 2, NULL, known)];
    playground_set_platform(w->gateway, w->platform);
    return 0;
}

const luaL_Reg test_steps[] = {{"says", step_says},
                               {"staff", step_staff},
                               {"mention", step_mention},
                               {"reply", step_reply},
                               {"image", step_image},
                               {"dm", step_dm},
                               {"join", step_join},
                               {"leave", step_leave},
                               {"poke", step_poke},
                               {"enter", step_enter},
                               {"press", step_press},
                               {"platform", step_platform},
                               {"role", step_role},
                               {"together", step_together},
                               {"advance", step_advance},
                               {"at", step_at},
                               {"time", step_time},
                               {"restart", step_restart},
                               {"kill", step_kill},
                               {"deaths", step_deaths},
                               {"toggle", step_toggle},
                               {"fail_sends", step_fail_sends},
                               {"lacks", step_lacks},
                               {"missed", step_missed},
                               {NULL, NULL}};
