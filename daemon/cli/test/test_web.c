/* test_web.c -- the world outside, as a case has it: what g:http and g:llm say is answered instead of the network, at once or after
 * a while of the case's clock. Nothing ever leaves the process. Owns: the answers that were given, the requests that were made.
 * Callers: test_world.c (life, settling), test_script.c (the methods; those of t are begun with), Lua. */
#include <fnmatch.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/serve/daemon.h"
#include "cli/test/test_web.h"
#include "lua/config.h"
#include "lua/json.h"

static const char web_llm_url[] = "https://llm.test/v1/chat/completions";

/* One answer that the case has given. */
struct web_rule {
    struct web_rule *next; /* older */
    char *pattern;
    int ref; /* what is answered, in the registry */
};

struct world_web {
    lua_State *L;
    struct web_rule *rules;
    int llm; /* LUA_NOREF: none */
    int64_t calls_per_day, tokens_per_day;
    struct web_request *requests;
};

/* ---- requests ---- */

static void web_fake(void *ud, uint64_t id, const struct http_request *r)
{
    struct world *w = ud;
    struct world_web *web = w->web;
    struct web_request *q = MEM_NEW(struct web_request);
    q->id = id;
    q->method = mem_strdup(r->method);
    q->url = mem_strdup(r->url);
    q->body = r->body ? mem_strndup(r->body, r->body_len) : NULL;
    q->headers = cJSON_CreateObject();
    for (int i = 0; i < r->nheaders; i++)
        cJSON_AddStringToObject(q->headers, r->headers[i].name, r->headers[i].value);
    q->asked_ms = clock_wall(&w->daemon->clock);
    q->over_ms = q->asked_ms + r->timeout_ms;
    q->ready_ms = -1;
    /* asked once more by the next daemon: the world outside takes as long as it would have taken */
    for (const struct web_request *o = web->requests; o; o = o->next)
        if (!o->answered && strcmp(o->url, q->url) == 0 && strcmp(o->method, q->method) == 0 &&
            strcmp(o->body ? o->body : "", q->body ? q->body : "") == 0)
            q->asked_ms = o->asked_ms;
    q->next = web->requests;
    web->requests = q;
}

static void web_free_request(struct web_request *q)
{
    free(q->method);
    free(q->url);
    free(q->body);
    cJSON_Delete(q->headers);
    free((char *)q->answer.error);
    free((char *)q->answer.headers);
    free((char *)q->answer.body);
    free(q);
}

static void web_push_request(lua_State *L, const struct web_request *q)
{
    cJSON *json = q->body ? cJSON_Parse(q->body) : NULL;
    lua_newtable(L);
    lua_pushstring(L, q->method);
    lua_setfield(L, -2, "method");
    lua_pushstring(L, q->url);
    lua_setfield(L, -2, "url");
    lua_pushstring(L, q->body ? q->body : "");
    lua_setfield(L, -2, "body");
    json_push(L, q->headers);
    lua_setfield(L, -2, "headers");
    json_push(L, json);
    lua_setfield(L, -2, "json");
    lua_pushboolean(L, strcmp(q->url, web_llm_url) == 0);
    lua_setfield(L, -2, "llm");
    cJSON_Delete(json);
}

/* What the case says to it: pushes it; false: nothing. */
static bool web_push_rule(lua_State *L, const struct world_web *web, const struct web_request *q)
{
    if (strcmp(q->url, web_llm_url) == 0) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, web->llm);
        return true;
    }
    for (const struct web_rule *r = web->rules; r; r = r->next) {
        if (fnmatch(r->pattern, q->url, 0) != 0)
            continue;
        lua_rawgeti(L, LUA_REGISTRYINDEX, r->ref);
        return true;
    }
    return false;
}

/* Protected: the world and the request as light pointers. */
static int web_decide(lua_State *L)
{
    struct world *w = lua_touserdata(L, 1);
    struct web_request *q = lua_touserdata(L, 2);
    q->ready_ms = q->asked_ms;
    if (!web_push_rule(L, w->web, q))
        return luaL_error(L, "the test has no answer for %s %s: say g:http(\"%s\", ...)", q->method,
                          q->url, q->url);
    if (lua_isfunction(L, -1)) {
        web_push_request(L, q);
        lua_call(L, 1, 1);
    }
    if (strcmp(q->url, web_llm_url) == 0)
        web_take_llm(L, q);
    else
        web_take_http(L, q);
    return 0;
}

static void web_look(struct world *w, struct web_request *q)
{
    lua_State *L = lua_newthread(w->web->L); /* the case itself stands in the middle of a step */
    lua_pushcfunction(L, web_decide);
    lua_pushlightuserdata(L, w);
    lua_pushlightuserdata(L, q);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        buf_addf(&w->problems, "%s\n", luaL_tolstring(L, -1, NULL));
        free((char *)q->answer.error);
        web_set_error(q, "no connection");
    }
    lua_pop(w->web->L, 1);
}

/* ---- settling ---- */

static bool web_open(const struct web_request *q)
{
    return q->id && !q->answered;
}

bool world_web_answer(struct world *w)
{
    int64_t now = clock_wall(&w->daemon->clock);
    struct web_request *first = NULL;
    for (struct web_request *q = w->web->requests; q; q = q->next) {
        if (web_open(q) && q->ready_ms < 0)
            web_look(w, q);
        if (web_open(q) && (q->ready_ms <= now || q->over_ms <= now))
            first = q; /* the oldest */
    }
    if (!first)
        return false;
    first->answered = true;
    if (first->ready_ms >= first->over_ms && !first->answer.error) /* too late */
        first->answer.error = mem_strdup("timeout");
    if (first->answer.error)
        first->answer.status = 0;
    http_client_answer(w->daemon->web, first->id, &first->answer);
    return true;
}

int64_t world_web_next(const struct world *w)
{
    int64_t next = INT64_MAX;
    for (const struct web_request *q = w->web->requests; q; q = q->next) {
        int64_t at = q->ready_ms < q->over_ms ? q->ready_ms : q->over_ms;
        if (web_open(q) && at < next)
            next = at;
    }
    return next;
}

/* ---- life ---- */

/* The configuration as the case wants it: an endpoint only if it has an answer. */
static void web_configure(struct world *w)
{
    struct world_web *web = w->web;
    struct llm_conf *llm = &w->daemon->config->llm;
    free(llm->url);
    free(llm->model);
    llm->url = web->llm == LUA_NOREF ? NULL : mem_strdup(web_llm_url);
    llm->model = mem_strdup("test");
    llm->calls_per_day = web->calls_per_day;
    llm->tokens_per_day = web->tokens_per_day;
}

void world_web_begin(struct world *w, struct lua_State *L)
{
    world_web_end(w);
    w->web = MEM_NEW(struct world_web);
    w->web->L = L;
    w->web->llm = LUA_NOREF;
    w->web->calls_per_day = w->web->tokens_per_day = 1000000;
}

void world_web_start(struct world *w)
{
    for (struct web_request *q = w->web->requests; q; q = q->next)
        q->id = 0; /* of a daemon that is gone */
    w->daemon->fake_web = web_fake;
    web_configure(w);
}

void world_web_end(struct world *w)
{
    struct world_web *web = w->web;
    if (!web)
        return;
    while (web->rules) {
        struct web_rule *next = web->rules->next;
        luaL_unref(web->L, LUA_REGISTRYINDEX, web->rules->ref);
        free(web->rules->pattern);
        free(web->rules);
        web->rules = next;
    }
    while (web->requests) {
        struct web_request *next = web->requests->next;
        web_free_request(web->requests);
        web->requests = next;
    }
    luaL_unref(web->L, LUA_REGISTRYINDEX, web->llm);
    free(web);
    w->web = NULL;
}

/* ---- methods ---- */

static bool web_is_answer(lua_State *L, int idx)
{
    int type = lua_type(L, idx);
    return type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TTABLE ||
           type == LUA_TFUNCTION;
}

/* pattern, answer at idx and idx + 1. */
static void web_add_rule(lua_State *L, struct world *w, int idx)
{
    struct web_rule *r = MEM_NEW(struct web_rule);
    r->pattern = mem_strdup(lua_tostring(L, idx));
    lua_pushvalue(L, idx + 1);
    r->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    r->next = w->web->rules;
    w->web->rules = r;
}

static void web_check_http(lua_State *L)
{
    luaL_checkstring(L, 2);
    if (!web_is_answer(L, 3))
        luaL_error(L, "g:http: give an address (* stands for anything), and a text, a status, a "
                      "table { status, body, json, headers, delay, error } or a function");
}

/* g:http(pattern, answer): the newest answer that fits counts. */
static int web_http(lua_State *L)
{
    web_check_http(L);
    web_add_rule(L, world_of(L), 2);
    return 0;
}

static int64_t web_budget(lua_State *L, int idx, const char *name)
{
    int64_t n = 1000000;
    if (!lua_istable(L, idx))
        return n;
    lua_getfield(L, idx, name);
    n = luaL_optinteger(L, -1, n);
    lua_pop(L, 1);
    return n;
}

static void web_check_llm(lua_State *L)
{
    static const char *const known[] = {"calls_per_day", "tokens_per_day", NULL};
    if (!lua_isnil(L, 2) && !web_is_answer(L, 2))
        luaL_error(L, "g:llm: give a text, a table { text, tokens, delay, error }, a function, or "
                      "nil for none");
    if (!lua_isnoneornil(L, 3)) {
        luaL_checktype(L, 3, LUA_TTABLE);
        script_check_fields(L, 3, "the options of g:llm", known);
    }
}

static void web_set_llm(lua_State *L, struct world *w, int idx)
{
    struct world_web *web = w->web;
    luaL_unref(L, LUA_REGISTRYINDEX, web->llm);
    web->llm = LUA_NOREF;
    if (!lua_isnil(L, idx)) {
        lua_pushvalue(L, idx);
        web->llm = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    web->calls_per_day = web_budget(L, idx + 1, "calls_per_day");
    web->tokens_per_day = web_budget(L, idx + 1, "tokens_per_day");
    if (w->daemon)
        web_configure(w);
}

/* g:llm(answer | nil, { calls_per_day, tokens_per_day }) */
static int web_llm(lua_State *L)
{
    lua_settop(L, 3);
    web_check_llm(L);
    web_set_llm(L, world_of(L), 2);
    return 0;
}

/* g:requests(): what was asked so far, oldest first. */
static int web_requests(lua_State *L)
{
    lua_Integer n = 0, at;
    const struct web_request *q;
    for (q = world_of(L)->web->requests; q; q = q->next)
        n++;
    lua_createtable(L, (int)n, 0);
    for (q = world_of(L)->web->requests, at = n; q; q = q->next, at--) {
        web_push_request(L, q);
        lua_rawseti(L, -2, at);
    }
    return 1;
}

const luaL_Reg test_web[] = {
    {"http", web_http}, {"llm", web_llm}, {"requests", web_requests}, {NULL, NULL}};

/* ---- of t: for every case of it ---- */

/* Keeps { "http" | "llm", ... } in the test's list. */
static int web_keep(lua_State *L, const char *what)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushliteral(L, "web");
    if (lua_rawget(L, 1) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushliteral(L, "web");
        lua_pushvalue(L, -2);
        lua_rawset(L, 1);
    }
    lua_newtable(L);
    lua_pushstring(L, what);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, 2);
    lua_pushvalue(L, 3);
    lua_rawseti(L, -2, 3);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    return 0;
}

static int web_keep_http(lua_State *L)
{
    lua_settop(L, 3);
    web_check_http(L);
    return web_keep(L, "http");
}

static int web_keep_llm(lua_State *L)
{
    lua_settop(L, 3);
    web_check_llm(L);
    return web_keep(L, "llm");
}

const luaL_Reg test_web_cases[] = {{"http", web_keep_http}, {"llm", web_keep_llm}, {NULL, NULL}};

void world_web_take(struct world *w, struct lua_State *L)
{
    for (lua_Integer i = 1; lua_istable(L, -1); i++) {
        int top = lua_gettop(L);
        if (lua_rawgeti(L, -1, i) != LUA_TTABLE) {
            lua_settop(L, top);
            return;
        }
        for (int k = 1; k <= 3; k++)
            lua_rawgeti(L, top + 1, k);
        if (strcmp(lua_tostring(L, top + 2), "http") == 0)
            web_add_rule(L, w, top + 3);
        else
            web_set_llm(L, w, top + 3);
        lua_settop(L, top);
    }
}
