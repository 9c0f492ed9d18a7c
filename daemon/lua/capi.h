/* capi.h -- what the parts of capi share: the calls of the table in capi.c, each with the arguments of the script on the stack.
 * They return the number of their results, or OUTSIDE_WAITS after coro_wait. Private to capi*.c and context.c. */
#ifndef SOPD_LUA_CAPI_H
#define SOPD_LUA_CAPI_H

#include "lua/state.h"

enum { OUTSIDE_WAITS = -1, OUTSIDE_WORDS = 600, SEND_AT = 10, SEND_LABEL = 11 };

/* ---- capi.c ---- */
/* True, or nil and why not. */
int capi_reason(lua_State *L, const char *why);
/* The string at idx, NULL if there is none. */
const char *capi_string(lua_State *L, int idx);
/* Pushes the result of a call of the table, with an argument (NULL = none). For what scripts see as fields. */
void capi_ask(lua_State *L, const char *name, const char *arg);
/* Says how journal and script differ: see capi_stuck. `where` as fence_where gives it. */
void capi_describe_stuck(struct coro *co, char kind, const char *does, const char *where,
                         struct buf *out);
/* Ends a replay: the script does something else (`does`, of this kind) than the journal says. Raises. */
int capi_stuck(lua_State *L, struct coro *co, char kind, const char *does);
/* The run has recorded as much as it may: ends the handler. */
void capi_check_full(lua_State *L, struct coro *co);

/* ---- capi_facts.c ---- */
int out_time(lua_State *L, struct coro *co);
int out_now(lua_State *L, struct coro *co);
int out_random(lua_State *L, struct coro *co);
int out_vary(lua_State *L, struct coro *co);
int out_secret(lua_State *L, struct coro *co);
int out_opted_out(lua_State *L, struct coro *co);
int out_mentionable(lua_State *L, struct coro *co);
int out_me(lua_State *L, struct coro *co);
int out_chat_name(lua_State *L, struct coro *co);
int out_role(lua_State *L, struct coro *co);
int out_quiet(lua_State *L, struct coro *co);
int out_can(lua_State *L, struct coro *co);
int out_traffic(lua_State *L, struct coro *co);

/* ---- capi_staff.c ---- */
int out_flows(lua_State *L, struct coro *co);
int out_pauses(lua_State *L, struct coro *co);
int out_roster(lua_State *L, struct coro *co);
int out_chats(lua_State *L, struct coro *co);
int out_commands(lua_State *L, struct coro *co);
int out_set(lua_State *L, struct coro *co);
int out_said_in(lua_State *L, struct coro *co);

/* ---- capi_read.c ---- */
int out_read(lua_State *L, struct coro *co);
int out_read_map(lua_State *L, struct coro *co);
int out_read_now(lua_State *L, struct coro *co);
int out_name_of(lua_State *L, struct coro *co);
int out_name_now(lua_State *L, struct coro *co);
int out_written(lua_State *L, struct coro *co);
int out_members(lua_State *L, struct coro *co);

/* ---- capi_effect.c ---- */
int out_write(lua_State *L, struct coro *co);
int out_emit(lua_State *L, struct coro *co);
int out_expose(lua_State *L, struct coro *co);
int out_send(lua_State *L, struct coro *co);
int out_act(lua_State *L, struct coro *co);
int out_timer(lua_State *L, struct coro *co);
int out_claim(lua_State *L, struct coro *co);
int out_opt_out(lua_State *L, struct coro *co);
int out_forget(lua_State *L, struct coro *co);
int out_start(lua_State *L, struct coro *co);
int out_cancel_run(lua_State *L, struct coro *co);

/* ---- capi_tally.c ---- */
int out_count(lua_State *L, struct coro *co);
int out_counted(lua_State *L, struct coro *co);
int out_size(lua_State *L, struct coro *co);

/* ---- capi_run.c ---- */
int out_note(lua_State *L, struct coro *co);
/* Adds waiting, ending and what tells of journals to the table on top. */
void capi_run(lua_State *L);

#endif
