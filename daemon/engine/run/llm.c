/* llm.c -- the language model behind c:llm: its request (OpenAI-compatible chat completions) is made from the configuration, its answer
 * is read and looked through for words that must not be said, its day's budget is kept in Redis. See llm.h. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "base/utf8.h"
#include "engine/internal.h"
#include "engine/run/llm.h"

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
    if (!c || !c->url)
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
    bool stream = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(spec, "show"));
    cJSON_AddBoolToObject(body, "stream", stream);
    if (stream) /* else it does not say what it took */
        cJSON_AddBoolToObject(cJSON_AddObjectToObject(body, "stream_options"), "include_usage",
                              true);
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

bool llm_forbidden(char *const *words, const struct buf *text)
{
    struct buf folded = {0};
    bool found = false;
    if (!words || !*words)
        return false;
    utf8_fold(&folded, text->data, text->len);
    buf_cstr(&folded);
    for (char *const *w = words; *w && !found; w++)
        found = **w && strstr(folded.data, *w) != NULL;
    buf_free(&folded);
    return found;
}

void llm_clean(const char *content, struct buf *out)
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

static int64_t llm_used(const cJSON *json)
{
    const cJSON *usage = cJSON_GetObjectItemCaseSensitive(json, "usage");
    const cJSON *total = cJSON_GetObjectItemCaseSensitive(usage, "total_tokens");
    bool sane = cJSON_IsNumber(total) && total->valuedouble >= 0 && total->valuedouble < 1e7;
    return sane ? (int64_t)total->valuedouble : -1;
}

void llm_write(const struct llm_conf *c, const struct llm_text *t, struct buf *with)
{
    struct buf text = {0};
    const char *why = t->refused ? "refused" : t->content ? NULL : t->why;
    if (t->content)
        llm_clean(t->content, &text);
    if (!why && !text.len)
        why = "empty";
    if (!why && c && llm_forbidden(c->words, &text))
        why = "refused";
    if (why) {
        llm_error(with, why);
    } else {
        buf_adds(with, "{\"text\":");
        buf_add_json(with, text.data, text.len);
        buf_addf(with, ",\"tokens\":%lld}", (long long)(t->used > 0 ? t->used : 0));
    }
    buf_free(&text);
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
    const cJSON *choice = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "choices"), 0);
    const char *end = llm_text(choice, "finish_reason");
    const struct llm_text t = {
        .content = llm_text(cJSON_GetObjectItemCaseSensitive(choice, "message"), "content"),
        .why = "broken answer",
        .refused = end && strcmp(end, "content_filter") == 0,
        .used = llm_used(json)};
    llm_write(c, &t, with);
    cJSON_Delete(json);
    return t.used;
}

/* ---- the day's budget ---- */

int64_t llm_day(const struct engine *e)
{
    return zone_day(e->opts.llm->zone, clock_wall(e->clock), 0);
}

static void llm_budget_key(int64_t day, struct buf *key)
{
    buf_adds(key, "sopd:llm:");
    time_add_date(key, day);
}

static struct llm_share llm_share_of(const struct llm_conf *c, const char *flow)
{
    struct llm_share found = {.calls = -1, .tokens = -1};
    for (int i = 0; i < c->nshares; i++) {
        if (c->shares[i].flow && strcmp(c->shares[i].flow, flow) == 0)
            return c->shares[i];
        if (!c->shares[i].flow)
            found = c->shares[i];
    }
    return found;
}

bool llm_reserve(struct engine *e, const char *flow, int64_t day, int64_t tokens, redis_fn fn,
                 void *ud)
{
    const struct llm_conf *c = e->opts.llm;
    const struct llm_share share = llm_share_of(c, flow);
    const int64_t numbers[] = {c->calls_per_day, c->tokens_per_day, tokens,
                               LLM_KEEP_S,       share.calls,       share.tokens};
    struct buf key = {0};
    char text[6][24];
    llm_budget_key(day, &key);
    for (int i = 0; i < 6; i++)
        text[i][buf_digits(text[i], numbers[i])] = '\0';
    const char *argv[] = {"EVAL",  embed_llm_budget_lua,
                          "1",     buf_cstr(&key),
                          text[0], text[1],
                          text[2], text[3],
                          flow,    text[4],
                          text[5]};
    bool ok = redis_command(e->redis, fn, ud, 11, argv, NULL);
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

void llm_settle(struct engine *e, const char *flow, int64_t day, int64_t tokens)
{
    struct buf key = {0}, share = {0};
    char text[24];
    if (!tokens)
        return;
    llm_budget_key(day, &key);
    buf_addf(&share, "tokens:%s", flow);
    text[buf_digits(text, tokens)] = '\0';
    const char *const fields[] = {"tokens", buf_cstr(&share)};
    for (int i = 0; i < 2; i++)
        redis_command(e->redis, NULL, NULL, 4,
                      (const char *[]){"HINCRBY", buf_cstr(&key), fields[i], text}, NULL);
    buf_free(&key);
    buf_free(&share);
}

/* ---- configuration ---- */

void engine_set_llm(struct engine *e, const struct llm_conf *conf)
{
    e->opts.llm = conf;
}

void llm_conf_free(struct llm_conf *c)
{
    free(c->url);
    if (c->key)
        explicit_bzero(c->key, strlen(c->key));
    free(c->key);
    free(c->model);
    for (char **w = c->words; w && *w; w++)
        free(*w);
    free(c->words);
    for (int i = 0; i < c->nshares; i++)
        free(c->shares[i].flow);
    free(c->shares);
    memset(c, 0, sizeof *c);
}
