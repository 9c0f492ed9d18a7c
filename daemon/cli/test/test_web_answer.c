/* test_web_answer.c -- what a case says that the world outside answers: a text, a status, a table, for c:http and for c:llm.
 * Caller: test_web.c. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/test/test_web.h"
#include "lua/json.h"

/* A duration of the table at idx, or a number of seconds; 0 if it is not there. */
static int64_t web_duration(lua_State *L, int idx, const char *name)
{
    int64_t ms = 0;
    lua_getfield(L, idx, name);
    if (lua_type(L, -1) == LUA_TNUMBER)
        ms = (int64_t)(lua_tonumber(L, -1) * 1000);
    else if (!lua_isnil(L, -1) && !time_parse_duration(luaL_checkstring(L, -1), &ms))
        luaL_error(L, "%s must be a duration such as \"3s\"", name);
    lua_pop(L, 1);
    return ms;
}

static char *web_json_field(lua_State *L, int idx, const char *name)
{
    const char *why = NULL;
    lua_getfield(L, idx, name);
    struct buf text = {0};
    bool there = !lua_isnil(L, -1);
    bool ok = !there || json_encode(L, lua_gettop(L), &text, &why);
    lua_pop(L, 1);
    if (ok)
        return there ? buf_take(&text) : NULL;
    buf_free(&text);
    luaL_error(L, "%s: %s", name, why);
    return NULL;
}

static void web_set_body(struct http_answer *a, const char *body, const char *headers)
{
    a->body = mem_strdup(body);
    a->body_len = strlen(body);
    a->headers = mem_strdup(headers);
}

void web_set_error(struct web_request *q, const char *error)
{
    q->answer.status = 0;
    q->answer.error = mem_strdup(error);
    if (strcmp(error, "timeout") == 0)
        q->ready_ms = q->over_ms;
}

static void web_take_table(lua_State *L, struct web_request *q)
{
    static const char *const known[] = {"status", "body",  "json", "headers",
                                        "delay",  "error", NULL};
    int idx = lua_gettop(L);
    script_check_fields(L, idx, "the answer of g:http", known);
    q->answer.status = 200;
    lua_getfield(L, idx, "status");
    if (!lua_isnil(L, -1))
        q->answer.status = (int)luaL_checkinteger(L, -1);
    lua_pop(L, 1);
    char *json = web_json_field(L, idx, "json"), *headers = web_json_field(L, idx, "headers");
    const char *body = script_field(L, idx, "body"), *error = script_field(L, idx, "error");
    web_set_body(&q->answer,
                 json   ? json
                 : body ? body
                        : "",
                 headers ? headers
                 : json  ? "{\"content-type\":\"application/json\"}"
                         : "{}");
    free(json);
    free(headers);
    q->ready_ms += web_duration(L, idx, "delay");
    if (error)
        web_set_error(q, error);
}

void web_take_http(lua_State *L, struct web_request *q)
{
    switch (lua_type(L, -1)) {
    case LUA_TTABLE: web_take_table(L, q); break;
    case LUA_TNUMBER:
        q->answer.status = (int)luaL_checkinteger(L, -1);
        web_set_body(&q->answer, "", "{}");
        break;
    case LUA_TSTRING:
        q->answer.status = 200;
        web_set_body(&q->answer, lua_tostring(L, -1), "{}");
        break;
    default: web_set_error(q, "no connection");
    }
}

/* What an OpenAI-compatible service says. */
static void web_set_completion(struct http_answer *a, const char *text, const char *end,
                               int64_t tokens)
{
    cJSON *o = cJSON_CreateObject(), *choice = cJSON_CreateObject(), *m = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_AddArrayToObject(o, "choices"), choice);
    cJSON_AddItemToObject(choice, "message", m);
    cJSON_AddStringToObject(m, "role", "assistant");
    cJSON_AddStringToObject(m, "content", text);
    cJSON_AddStringToObject(choice, "finish_reason", end);
    cJSON_AddNumberToObject(cJSON_AddObjectToObject(o, "usage"), "total_tokens", (double)tokens);
    char *json = cJSON_PrintUnformatted(o);
    a->status = 200;
    web_set_body(a, json, "{\"content-type\":\"application/json\"}");
    free(json);
    cJSON_Delete(o);
}

void web_take_llm(lua_State *L, struct web_request *q)
{
    static const char *const known[] = {"text", "tokens", "error", "delay", NULL};
    int idx = lua_gettop(L), status;
    int64_t tokens = 50;
    const char *text = NULL, *error = "no connection";
    if (lua_type(L, -1) == LUA_TSTRING) {
        text = lua_tostring(L, -1);
        error = NULL;
    } else if (lua_istable(L, -1)) {
        script_check_fields(L, idx, "the answer of g:llm", known);
        text = script_field(L, idx, "text");
        error = script_field(L, idx, "error");
        q->ready_ms += web_duration(L, idx, "delay");
        lua_getfield(L, idx, "tokens");
        tokens = luaL_optinteger(L, -1, tokens);
        lua_pop(L, 1);
    }
    if (error && sscanf(error, "status %d", &status) == 1) {
        q->answer.status = status;
        web_set_body(&q->answer, "{}", "{}");
    } else if (error && strcmp(error, "refused") != 0) {
        web_set_error(q, error);
    } else {
        web_set_completion(&q->answer, text ? text : "", error ? "content_filter" : "stop", tokens);
    }
}
