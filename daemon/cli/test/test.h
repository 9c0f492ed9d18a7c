/* test.h -- what the files of `sopd test` share. test.c: command line, files, report; test_world.c: the engine, Redis and the clock;
 * test_people.c: who is there and what they do; test_lines.c: what was said, transcripts; test_script.c: a test file's Lua state;
 * test_steps.c: what happens in a case; test_expect.c: what must be said; test_state.c: what must be kept; test_told.c: what must be
 * told; test_runs.c: what must wait; test_library.c: files beside the test; test_edit.c: edits of files and parameters; test_commands.c: outside systems;
 * test_diff.c: how what is differs from what should be. */
#ifndef SOPD_CLI_TEST_H
#define SOPD_CLI_TEST_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <uv.h>

#include "base/buf.h"
#include "gateway/playground.h"

struct redisReply;
struct redisContext;
struct stage_expiry;
struct zone;

#define WORLD_GROUP "demo" /* the group in which a case plays, and the one of the staff */
#define WORLD_STAFF "staff"

/* ---- the world of a case (test_world.c) ---- */

enum world_line_kind { LINE_MEMBER, LINE_BOT, LINE_ACTION };

/* One line of the transcript. */
struct world_line {
    enum world_line_kind kind;
    int64_t at_ms;
    char *chat, *who, *text, *id;
    char *answers; /* ref of the event that it answers; NULL none */
    char **names;  /* who is @-ed */
    int nnames;
    bool claimed; /* an expectation named it */
};

struct world_person {
    char *chat, *name;
    const char *role;
    int64_t since_s;
};

enum world_deed {
    DEED_SAY,
    DEED_REPLY,
    DEED_IMAGE,
    DEED_JOIN,
    DEED_LEAVE,
    DEED_POKE,
    DEED_ENTER,
    DEED_PRESS
};

/* What somebody did since the world last came to rest. */
struct world_input {
    enum world_deed deed;
    char *chat, *who, *text;
    char *
        with; /* the message replied to or whose button was pressed, who invited or removed or was nudged; NULL: none */
    int64_t before_id; /* the gateway's count before it */
};

/* What is tried on top of each case: its transcript must stay the same. */
enum world_mode {
    MODE_LIVE,
    MODE_REPLAY, /* no coroutine stays in memory: every wake replays */
    MODE_RESTART /* the daemon restarts after each step */
};

/* When the engine is to die. */
enum world_kill {
    KILL_NONE,
    KILL_INPUT,  /* something came in, nothing is committed */
    KILL_COMMIT, /* a commit is on its way, its answer has not come */
    KILL_SEND    /* a message is out, its acknowledgement is not noted */
};

struct world {
    /* for the whole run */
    char *dir, *sop;
    bool verbose;
    struct cJSON *events; /* how events must be; NULL: as they like */
    enum world_mode mode;
    FILE *transcript; /* NULL: none is wanted */
    uv_loop_t redis_loop;
    struct embedded *embedded;
    struct redisContext
        *redis; /* waits for answers: between the steps nobody else wants the time */
    struct buf redis_url;
    struct stage_expiry *expiry;
    /* for one case */
    uv_loop_t loop;
    uv_timer_t tick;
    uv_prepare_t after; /* the drain */
    struct daemon *daemon;
    struct gateway *gateway;
    const struct zone *zone;
    const char *playbook; /* its name; NULL: the written one */
    const char *timezone;
    struct buf tags; /* of the configuration, as Lua: what the case gives the demo group */
    struct buf book; /* the playbook as written by the case, in Lua */
    int64_t now_ms, target_ms;
    bool started, idle, ready, stopped;
    int64_t missed_ms; /* g:missed: how long ago */
    bool together;     /* steps neither wait nor take time */
    enum world_kill kill;
    char kill_place[128];       /* where the test asked for it */
    bool dead;                  /* it died, and another one has to go on */
    bool spoke;                 /* a message left since it lives */
    unsigned kills;             /* deaths so far */
    int64_t last_id;            /* of the gateway, over restarts */
    unsigned lacks;             /* capabilities that it does not have */
    const char *platform;       /* which one it is; NULL: any */
    struct play_memory *memory; /* of the platform, while the daemon restarts */
    struct world_input *inputs;
    size_t ninputs;
    struct world_input *past; /* of the last step in which people did something */
    size_t npast;
    char **names; /* everybody who was named */
    size_t nnames;
    struct buf problems; /* errors of the daemon's log */
    struct world_line *lines;
    size_t nlines;
    size_t first; /* where the lines begin that expectations look at */
    bool checked; /* an expectation was stated since the last step */
    struct world_person *people;
    size_t npeople;
    bool doubtful;         /* sends end badly by the case's own wish */
    struct world_web *web; /* what is outside */
    unsigned commands;     /* entries that it put into the stream of commands so far */
    bool commanded;        /* the daemon may not have read the last of them */
};

/* Makes the folder and starts Redis. An exit code, with err filled unless it is CLI_OK. */
int world_open(struct world *w, const char *sop, struct buf *err);
void world_close(struct world *w);

/* An empty Redis and a daemon on it, at `start`. An exit code with err filled. */
int world_begin(struct world *w, const char *start, struct buf *err);
void world_end(struct world *w);
/* The daemon ends and another one goes on. */
int world_restart(struct world *w, struct buf *err);
/* The same as by kill -9: what is not committed is lost. Does not settle. */
int world_kill(struct world *w, struct buf *err);

/* Works everything off that is due, and turns the clock to target_ms, if that is later. False: something is not done after many
 * seconds. */
bool world_settle(struct world *w);
/* Waits for an edit of settings to arrive. */
bool world_settings(struct world *w, uint64_t since);
/* "+1d", "20:30" (the next one) or "2026-03-05 09:00"; false: it is none of them, or past. */
bool world_turn(struct world *w, const char *text, bool duration);

/* One command to Redis; the caller frees the answer with freeReplyObject. NULL: Redis is gone. */
struct redisReply *world_redis(struct world *w, int argc, const char **argv);
/* Notes what a case leaves in Redis, if somebody wants to know: test_keys.c. */
void test_note_keys(struct world *w);

/* ---- what is outside (test_web.c) ---- */

/* Before world_begin, after world_end. L: of the test file. */
void world_web_begin(struct world *w, lua_State *L);
void world_web_end(struct world *w);
/* Takes what t:http and t:llm have kept: a list at the top of the stack, or nil. */
void world_web_take(struct world *w, lua_State *L);
/* A daemon was made: before it starts. */
void world_web_start(struct world *w);
/* Answers one request that is due; false: there is none. */
bool world_web_answer(struct world *w);
/* When the next one is due; INT64_MAX: none. */
int64_t world_web_next(const struct world *w);

/* ---- people (test_people.c) ---- */

/* Somebody is in a chat, or no longer: so that a restart knows. role NULL: as it was. */
void world_enters(struct world *w, const char *chat, const char *name, const char *role);
void world_leaves(struct world *w, const char *chat, const char *name);
/* The name can be @-ed from now on, over restarts too. */
void world_knows(struct world *w, const char *name);
/* Tells a new gateway who is where. */
void world_gather(struct world *w);
/* Somebody does something now; returns the message's id, "" if it is none. */
const char *world_does(struct world *w, enum world_deed deed, const char *chat, const char *who,
                       const char *text, const char *with);
/* Tells the gateway once more what happened since the world last came to rest, under the same ids. */
void world_repeats(struct world *w);
/* The world has come to rest: what happened is past. */
void world_forget_inputs(struct world *w);
void world_free_people(struct world *w);

/* ---- lines (test_lines.c) ---- */

struct world_line *world_add_line(struct world *w, enum world_line_kind kind, const char *chat,
                                  const char *who, const char *text);
void world_free_lines(struct world *w);
void world_time_text(const struct world *w, int64_t at_ms, char *out, size_t size);
/* One line of the transcript: time, place, who, what. */
void world_print_line(const struct world *w, const struct world_line *line, struct buf *out);
/* Appends the case to --transcript, if that was asked for. The daemon must live still. */
void world_write_transcript(struct world *w, const char *title);

/* ---- a test file (test_script.c) ---- */

struct test_case {
    char *test, *name; /* of sop.test, and of the case */
    int fn, opts;      /* in the registry; opts: the case's own or LUA_NOREF */
    int test_opts;     /* of sop.test */
    int table;         /* t itself */
};

struct script {
    lua_State *L;
    struct world *world;
    struct test_case *cases;
    size_t ncases;
    const struct test_case *running;
};

enum case_result { CASE_PASSED, CASE_FAILED, CASE_BROKEN /* its playbook has problems */ };

/* Loads a file and runs its chunk: declares the cases. NULL with err filled. */
struct script *script_load(struct world *w, const char *path, struct buf *err);
/* Runs one case in a new world; what went wrong goes to out. */
enum case_result script_run(struct script *s, const struct test_case *c, struct buf *out);
void script_free(struct script *s);

struct script *script_of(lua_State *L);
static inline struct world *world_of(lua_State *L)
{
    return script_of(L)->world;
}
/* Raises `text`, after the place in the test at which it was stated; takes what is in it. */
int script_raise(lua_State *L, struct buf *text);
/* The string in field `name` of the table at idx, NULL if there is none; another type is an error. */
const char *script_field(lua_State *L, int idx, const char *name);
/* Fails if the table at idx has a field that is not in the list (ends with NULL). */
void script_check_fields(lua_State *L, int idx, const char *what, const char *const *known);

/* What of Lua itself a test sees (test_library.c). */
void library_open(lua_State *L);
/* Where the files beside the test are: before anything of it runs (test_library.c). */
void library_begin(lua_State *L, const char *test);
int library_require(lua_State *L);
extern const luaL_Reg test_library[]; /* of sop */

/* ---- methods of g ---- */

#define TEST_FOUND "found events" /* in the registry: what g:expect_event has found in this case */

extern const luaL_Reg test_web[], test_web_cases[];
extern const luaL_Reg test_steps[], test_expectations[], test_state[], test_told[], test_tally[],
    test_runs[], test_edits[], test_commands[], test_people[];
/* A step: takes its second of the clock; waits until the world has settled, and then returns the topmost values. */
void step_begin(struct world *w);
int step_wait(lua_State *L, int nresults);
/* Nothing is left in the stream of commands. */
bool commands_done(struct world *w);
/* Reads how events must be (test_events.c). False with err. */
bool events_load(struct world *w, const char *path, struct buf *err);
/* Are all events of the case as declared? Appends what is not. */
bool events_check(struct world *w, struct buf *out);
/* Appends what was seen since the step before: "+" what no expectation has named yet. */
void expect_transcript(const struct world *w, struct buf *out);
/* Where the filter at idx looks; NULL: the private chat with somebody who never appeared. */
const char *expect_chat(lua_State *L, int idx);
bool expect_matches(lua_State *L, const char *subject, const char *pattern);
/* Which message comes nearest to the filter at idx, and what of it is not as expected (test_nearest.c). */
void expect_add_nearest(lua_State *L, int idx, struct buf *out);

/* ---- differences (test_diff.c) ---- */

/* The value as JSON; nil as "nothing". */
void diff_add_value(lua_State *L, int idx, struct buf *out);
/* Appends a line for each place in which `got` differs from `wanted`; returns how many there are. part: only the fields that `wanted`
 * names count, and false stands for "none" too. */
int diff_values(lua_State *L, int wanted, int got, bool part, struct buf *out);
/* The piece of the text that is most like `wanted`: how much, from 0 to 1, and where. */
double diff_nearest(const char *text, const char *wanted, size_t *at, size_t *len);

#endif
