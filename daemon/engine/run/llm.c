/* llm.c -- the language model behind c:llm: its request (OpenAI-compatible chat completions) is made from the configuration, its answer
 * is read and looked through for words that must not be said, its day's budget is kept in Redis. See calls.h. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "base/utf8.h"
#include "engine/run/calls.h"
#include "web/http_client.h"

extern const char embed_llm_budget_lua[];
extern const unsigned long embed_llm_budget_lua_len;

enum {
    LLM_TEXT_MAX = 8192,
    LLM_KEEP_S = 3 * 86400,
    LLM_PER_MESSAGE = 4 /* tokens that each message takes beside its text */
};

/* ---- asking ---- */

static const char *llm_text(const cJSON *o, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
}

/* An upper estimate: a Chinese character is about one token, four letters of Latin script are. */
static int64_t llm_estimate(const char *text)
{
    int64_t n = 0, latin = 0;
    for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
        latin += *s < 0x80;
        n += *s >= 0xC0;
    }
    return n + (latin + 2) / 3;
}

/* Adds up the texts; moves the messages over. */
static int64_t llm_take_messages(const cJSON *spec, cJSON *body)
{
    cJSON *list = cJSON_AddArrayToObject(body, "messages");
    const cJSON *m;
    int64_t tokens = 0;
    cJSON_ArrayForEach (m, cJSON_GetObjectItemCaseSensitive(spec, "messages")) {
        const char *role = llm_text(m, "role"), *text = llm_text(m, "content");
        if (!role || !text)
            continue;
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "role", role);
        cJSON_AddStringToObject(one, "content", text);
        cJSON_AddItemToArray(list, one);
        tokens += llm_estimate(text) + LLM_PER_MESSAGE;
    }
    return tokens;
}

bool llm_ask_make(const struct llm_conf *c, const struct cJSON *spec, struct llm_ask *out)
{
    if (!c->url)
        return false;
    cJSON *body = cJSON_CreateObject();
    const char *model = llm_text(spec, "model");
    const cJSON *max = cJSON_GetObjectItemCaseSensitive(spec, "max_tokens");
    const cJSON *heat = cJSON_GetObjectItemCaseSensitive(spec, "temperature");
    int64_t most = cJSON_IsNumber(max) && max->valuedouble < (double)c->max_tokens
                       ? (int64_t)max->valuedouble
                       : c->max_tokens;
    cJSON_AddStringToObject(body, "model", model ? model : c->model);
    out->tokens = llm_take_messages(spec, body) + most;
    cJSON_AddNumberToObject(body, "max_tokens", (double)most);
    if (cJSON_IsNumber(heat))
        cJSON_AddNumberToObject(body, "temperature", heat->valuedouble);
    cJSON_AddBoolToObject(body, "stream", false);
    char *text = cJSON_PrintUnformatted(body);
    buf_adds(&out->body, text ? text : "{}");
    buf_adds(&out->url, c->url);
    out->headers[0] = (struct http_header){"Content-Type", "application/json"};
    if (c->key)
        buf_addf(&out->bearer, "Bearer %s", c->key);
    out->headers[1] = (struct http_header){"Authorization", buf_cstr(&out->bearer)};
    free(text);
    cJSON_Delete(body);
    return true;
}

void llm_ask_free(struct llm_ask *a)
{
    if (a->bearer.data)
        explicit_bzero(a->bearer.data, a->bearer.cap);
    buf_free(&a->bearer);
    buf_free(&a->url);
    buf_free(&a->body);
}

/* ---- reading ---- */

static void llm_error(struct buf *with, const char *error)
{
    buf_adds(with, "{\"error\":");
    buf_add_json(with, error, strlen(error));
    buf_addc(with, '}');
}

static bool llm_forbidden(const struct llm_conf *c, const struct buf *text)
{
    struct buf folded = {0};
    bool found = false;
    utf8_fold(&folded, text->data, text->len);
    buf_cstr(&folded);
    for (char **w = c->words; w && *w && !found; w++)
        found = **w && strstr(folded.data, *w) != NULL;
    buf_free(&folded);
    return found;
}

/* The text without what a reasoning model thought before it, and without outer blanks. */
static void llm_clean(const char *content, struct buf *out)
{
    static const char open[] = "<think>", close[] = "</think>";
    content += strspn(content, " \t\r\n");
    if (strncmp(content, open, sizeof open - 1) == 0) {
        const char *end = strstr(content, close);
        content = end ? end + sizeof close - 1 : "";
    }
    content += strspn(content, " \t\r\n");
    utf8_clean(out, content, utf8_cut(content, strlen(content), LLM_TEXT_MAX));
    while (out->len && strchr(" \t\r\n", out->data[out->len - 1]))
        out->len--;
    buf_cstr(out);
}

/* The answer's text, NULL with why there is none. */
static const char *llm_choice(const cJSON *json, const char **why)
{
    const cJSON *choice = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "choices"), 0);
    const char *end = llm_text(choice, "finish_reason");
    const char *text = llm_text(cJSON_GetObjectItemCaseSensitive(choice, "message"), "content");
    *why = end && strcmp(end, "content_filter") == 0 ? "refused" : "broken answer";
    return end && strcmp(end, "content_filter") == 0 ? NULL : text;
}

static int64_t llm_used(const cJSON *json)
{
    const cJSON *usage = cJSON_GetObjectItemCaseSensitive(json, "usage");
    const cJSON *total = cJSON_GetObjectItemCaseSensitive(usage, "total_tokens");
    bool sane = cJSON_IsNumber(total) && total->valuedouble >= 0 && total->valuedouble < 1e7;
    return sane ? (int64_t)total->valuedouble : -1;
}

int64_t llm_read(const struct llm_conf *c, const struct http_answer *a, struct buf *with)
{
    char status[32];
    const char *why = a->error;
    if (!why && a->status != 200) {
        snprintf(status, sizeof status, "status %d", a->status);
        why = status;
    }
    if (why) {
        llm_error(with, why);
        return -1;
    }
    cJSON *json = cJSON_ParseWithLength(a->body, a->body_len);
    const char *content = llm_choice(json, &why);
    int64_t used = llm_used(json);
    struct buf text = {0};
    if (content)
        llm_clean(content, &text);
    if (content && !text.len)
        why = "empty";
    else if (content && llm_forbidden(c, &text))
        why = "refused";
    else if (content)
        why = NULL;
    if (why) {
        llm_error(with, why);
    } else {
        buf_adds(with, "{\"text\":");
        buf_add_json(with, text.data, text.len);
        buf_addf(with, ",\"tokens\":%lld}", (long long)(used > 0 ? used : 0));
    }
    buf_free(&text);
    cJSON_Delete(json);
    return used;
}

/* ---- the day's budget ---- */

int64_t llm_day(const struct engine *e)
{
    return zone_day(http_client_conf(e->opts.http)->llm.zone, clock_wall(e->clock), 0);
}

static void llm_budget_key(int64_t day, struct buf *key)
{
    buf_adds(key, "sopd:llm:");
    time_add_date(key, day);
}

bool llm_reserve(struct engine *e, int64_t day, int64_t tokens, redis_fn fn, void *ud)
{
    const struct llm_conf *c = &http_client_conf(e->opts.http)->llm;
    const int64_t numbers[] = {c->calls_per_day, c->tokens_per_day, tokens, LLM_KEEP_S};
    struct buf key = {0};
    char text[4][24];
    llm_budget_key(day, &key);
    for (int i = 0; i < 4; i++)
        text[i][buf_digits(text[i], numbers[i])] = '\0';
    const char *argv[] = {
        "EVAL", embed_llm_budget_lua, "1", buf_cstr(&key), text[0], text[1], text[2], text[3]};
    bool ok = redis_command(e->redis, fn, ud, 8, argv, NULL);
    buf_free(&key);
    return ok;
}

bool llm_reserved(const struct redisReply *reply)
{
    if (reply->type == REDIS_REPLY_INTEGER)
        return reply->integer == 1;
    log_error("the budget of the language model cannot be read", "answer",
              reply->str ? reply->str : "?", NULL);
    return false;
}

void llm_settle(struct engine *e, int64_t day, int64_t tokens)
{
    struct buf key = {0};
    char text[24];
    if (!tokens)
        return;
    llm_budget_key(day, &key);
    text[buf_digits(text, tokens)] = '\0';
    redis_command(e->redis, NULL, NULL, 4,
                  (const char *[]){"HINCRBY", buf_cstr(&key), "tokens", text}, NULL);
    buf_free(&key);
}
