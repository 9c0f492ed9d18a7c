/* test_runs.c -- runs, to look at and to expect: which handlers wait, for what, and which cannot go on. Read from Redis, where they are
 * kept (docs/redis.md).
 * Callers: Lua, by the list at the end (docs/lua.md has each name). */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/serve/daemon.h"
#include "cli/serve/stage.h"
#include "cli/test/test.h"

#define RUNS_PREFIX "sopd:{" STAGE_GATEWAY "}:"

enum { RUNS_HASH = 8 };

struct run {
    char *id;
    char *flow, *on, *chat, *user, *waits; /* waits: the kind of what it waits for */
    char *status;                          /* "waiting", "stuck" or "failed" */
    char *error;
    int64_t started_ms, due_ms; /* due: 0 = no time is set */
};

struct runs {
    struct run *list;
    size_t n;
};

/* ---- reading ---- */

static char *runs_text(const cJSON *o, const char *name)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
    return mem_strdup(s ? s : "");
}

static int64_t runs_number(const cJSON *o, const char *name)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsNumber(n) ? (int64_t)n->valuedouble : 0;
}

/* The value of a key or of a field of it as JSON; NULL: there is none. */
static cJSON *runs_json(struct world *w, const char *key, const char *field)
{
    const char *argv[] = {field ? "HGET" : "GET", key, field};
    redisReply *r = world_redis(w, field ? 3 : 2, argv);
    cJSON *o = r && r->type == REDIS_REPLY_STRING ? cJSON_Parse(r->str) : NULL;
    if (r)
        freeReplyObject(r);
    return o;
}

static void runs_read_flow(struct world *w, const cJSON *head, struct run *run)
{
    struct buf key = {0};
    const char *pin = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(head, "pin"));
    buf_addf(&key, RUNS_PREFIX "pin:%s", pin ? pin : "");
    cJSON *o = runs_json(w, buf_cstr(&key), NULL);
    run->flow = runs_text(o, "flow");
    cJSON_Delete(o);
    buf_free(&key);
}

/* Whom it is about: who is named, else who did what began it. */
static char *runs_user(const cJSON *head)
{
    char *user = runs_text(head, "user");
    if (*user)
        return user;
    free(user);
    return runs_text(cJSON_GetObjectItemCaseSensitive(head, "event"), "user");
}

/* What it waits for: the last line that begins with "?". */
static void runs_read_wait(const char *journal, struct run *run)
{
    const char *spec = NULL;
    for (const char *line = journal; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (*line == '?' && strlen(line) > RUNS_HASH + 1)
            spec = line + 1 + RUNS_HASH;
    }
    cJSON *o = spec ? cJSON_ParseWithLength(spec, strcspn(spec, "\n")) : NULL;
    run->waits = runs_text(o, "kind");
    run->due_ms = runs_number(o, "due");
    cJSON_Delete(o);
}

static void runs_read_status(struct world *w, struct run *run)
{
    cJSON *o = runs_json(w, RUNS_PREFIX "parked", run->id);
    run->status = o ? runs_text(o, "status") : mem_strdup("waiting");
    run->error = runs_text(o, "error");
    cJSON_Delete(o);
}

static void runs_read_one(struct world *w, const char *key, struct runs *runs)
{
    redisReply *r = world_redis(w, 2, (const char *[]){"GET", key});
    if (r && r->type == REDIS_REPLY_STRING) {
        runs->list = mem_realloc(runs->list, (runs->n + 1) * sizeof *runs->list);
        struct run *run = &runs->list[runs->n++];
        size_t head = strcspn(r->str, "\n");
        cJSON *o = cJSON_ParseWithLength(r->str, head);
        *run = (struct run){.id = mem_strdup(key + sizeof RUNS_PREFIX "run:" - 1),
                            .on = runs_text(o, "on"),
                            .chat = runs_text(o, "chat"),
                            .user = runs_user(o),
                            .started_ms = runs_number(o, "now")};
        runs_read_flow(w, o, run);
        runs_read_wait(r->str + head, run);
        runs_read_status(w, run);
        cJSON_Delete(o);
    }
    if (r)
        freeReplyObject(r);
}

static int runs_by_start(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    if (x->started_ms != y->started_ms)
        return x->started_ms < y->started_ms ? -1 : 1;
    return strcmp(x->id, y->id);
}

static void runs_read(struct world *w, struct runs *runs)
{
    *runs = (struct runs){0};
    redisReply *r = world_redis(w, 2, (const char *[]){"KEYS", RUNS_PREFIX "run:*"});
    for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i < r->elements; i++)
        runs_read_one(w, r->element[i]->str, runs);
    if (r)
        freeReplyObject(r);
    if (runs->n)
        qsort(runs->list, runs->n, sizeof *runs->list, runs_by_start);
}

static void runs_free(struct runs *runs)
{
    for (size_t i = 0; i < runs->n; i++) {
        struct run *run = &runs->list[i];
        char *const texts[] = {run->id,   run->flow,  run->on,     run->chat,
                               run->user, run->waits, run->status, run->error};
        for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
            free(texts[k]);
    }
    free(runs->list);
}

/* ---- choosing ---- */

struct run_filter {
    const char *flow, *on, *chat, *user, *waits, *status;
};

static void runs_take_filter(lua_State *L, int idx, const char *what, struct run_filter *f)
{
    static const char *const known[] = {"flow", "on", "chat", "who", "waits", "status", NULL};
    *f = (struct run_filter){0};
    if (lua_isnoneornil(L, idx))
        return;
    if (lua_type(L, idx) == LUA_TSTRING) {
        f->flow = lua_tostring(L, idx);
        return;
    }
    luaL_checktype(L, idx, LUA_TTABLE);
    script_check_fields(L, idx, what, known);
    f->flow = script_field(L, idx, "flow");
    f->on = script_field(L, idx, "on");
    f->chat = script_field(L, idx, "chat");
    f->waits = script_field(L, idx, "waits");
    f->status = script_field(L, idx, "status");
    const char *who = script_field(L, idx, "who");
    f->user = who ? playground_user(world_of(L)->gateway, who) : NULL;
}

static bool runs_same(const char *wanted, const char *got)
{
    return !wanted || strcmp(wanted, got) == 0;
}

static bool runs_fit(const struct run_filter *f, const struct run *run)
{
    return runs_same(f->flow, run->flow) && runs_same(f->on, run->on) &&
           runs_same(f->chat, run->chat) && runs_same(f->user, run->user) &&
           runs_same(f->waits, run->waits) && runs_same(f->status, run->status);
}

/* ---- the methods ---- */

static void runs_set(lua_State *L, const char *name, const char *value)
{
    if (!*value)
        return;
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

static void runs_push(lua_State *L, const struct world *w, const struct run *run)
{
    char due[32] = "";
    if (run->due_ms)
        world_time_text(w, run->due_ms, due, sizeof due);
    lua_createtable(L, 0, 8);
    runs_set(L, "id", run->id);
    runs_set(L, "flow", run->flow);
    runs_set(L, "on", run->on);
    runs_set(L, "chat", run->chat);
    runs_set(L, "who", *run->user ? playground_name(w->gateway, run->user) : "");
    runs_set(L, "waits", run->waits);
    runs_set(L, "due", due);
    runs_set(L, "status", run->status);
    runs_set(L, "error", run->error);
}

/* g:runs([flow | { flow, on, who, chat, waits, status }]): those that are not over, oldest first. */
static int runs_list(lua_State *L)
{
    struct world *w = world_of(L);
    struct run_filter f;
    struct runs runs;
    lua_Integer n = 0;
    runs_take_filter(L, 2, "g:runs", &f);
    runs_read(w, &runs);
    lua_newtable(L);
    for (size_t i = 0; i < runs.n; i++) {
        if (!runs_fit(&f, &runs.list[i]))
            continue;
        runs_push(L, w, &runs.list[i]);
        lua_rawseti(L, -2, ++n);
    }
    runs_free(&runs);
    return 1;
}

static void runs_describe(const struct world *w, const struct run *run, bool fits, struct buf *out)
{
    char due[32] = "no time";
    if (run->due_ms)
        world_time_text(w, run->due_ms, due, sizeof due);
    buf_addf(out, "\n    %s %s %s of %s: %s, %s until %s", fits ? "+" : " ", run->flow, run->on,
             *run->user ? playground_name(w->gateway, run->user) : run->chat, run->status,
             run->waits, due);
    if (*run->error)
        buf_addf(out, ": %.*s", (int)strcspn(run->error, "\n"), run->error);
}

/* g:expect_runs(n [, filter]): so many are not over. */
static int runs_expect(lua_State *L)
{
    struct world *w = world_of(L);
    lua_Integer wanted = luaL_checkinteger(L, 2), seen = 0;
    struct run_filter f;
    struct runs runs;
    struct buf text = {0};
    runs_take_filter(L, 3, "g:expect_runs", &f);
    runs_read(w, &runs);
    for (size_t i = 0; i < runs.n; i++) {
        bool fits = runs_fit(&f, &runs.list[i]);
        runs_describe(w, &runs.list[i], fits, &text);
        seen += fits;
    }
    bool none = runs.n == 0;
    runs_free(&runs);
    if (seen == wanted) {
        buf_free(&text);
        return 0;
    }
    struct buf all = {0};
    buf_addf(&all, "expected %lld runs, there are %lld%s", (long long)wanted, (long long)seen,
             none ? "" : "; all that wait:");
    buf_add(&all, text.data, text.len);
    buf_free(&text);
    return script_raise(L, &all);
}

const luaL_Reg test_runs[] = {{"runs", runs_list}, {"expect_runs", runs_expect}, {NULL, NULL}};
