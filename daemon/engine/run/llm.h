/* llm.h -- the language model behind c:llm: whom to ask and within which budget, its request, its answer. Callers: calls.c,
 * lua/config_http.c (fills the configuration), cli/serve/. */
#ifndef SOPD_ENGINE_LLM_H
#define SOPD_ENGINE_LLM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "store/redis.h"
#include "web/http_client.h"

struct cJSON;
struct engine;
struct redisReply;
struct zone;

/* A flow's share of the day's budget; -1 = none of its own. */
struct llm_share {
    char *flow; /* NULL: of every flow that has none of its own */
    int64_t calls, tokens;
};

struct llm_conf {
    char *url; /* NULL: there is none, c:llm says "off" */
    char *key, *model;
    int64_t timeout_ms, max_tokens;
    int64_t calls_per_day, tokens_per_day;
    struct llm_share *shares;
    int nshares;
    char **words; /* folded; an answer that has one is refused. NULL-terminated, or NULL */
    const struct zone *zone; /* whose days they are */
};
/* Frees what is in it; the key is wiped. */
void llm_conf_free(struct llm_conf *c);
/* From now on it is asked like this; borrowed. */
void engine_set_llm(struct engine *e, const struct llm_conf *conf);

/* What c:llm asks, as a request. */
struct llm_ask {
    struct buf url, body, bearer;
    struct http_header headers[2];
    int64_t tokens; /* at most, by estimate: what is set aside of the day's */
};
/* False: there is no endpoint. spec: the "llm" of a wait. */
bool llm_ask_make(const struct llm_conf *c, const struct cJSON *spec, struct llm_ask *out);
void llm_ask_free(struct llm_ask *a);
/* What the wait returns: {"text":...,"tokens":n} or {"error":...}. Returns the tokens that it took, -1 if it does not say. */
int64_t llm_read(const struct llm_conf *c, const struct http_answer *a, struct buf *with);

/* What a service said, taken out of its answer. */
struct llm_text {
    const char *content; /* NULL with why */
    const char *why;
    bool refused; /* by the service's own filter */
    int64_t used; /* tokens, -1: it does not say */
};
/* Writes what the wait returns; looks for words that must not be said. c may be NULL. */
void llm_write(const struct llm_conf *c, const struct llm_text *t, struct buf *with);
/* The text without what a reasoning model thought before it, without outer blanks, cut to what a flow gets. */
void llm_clean(const char *content, struct buf *out);
/* Has it one of these words (folded, NULL-terminated; NULL: none)? */
bool llm_forbidden(char *const *words, const struct buf *text);
/* Which day's budget it is now. */
int64_t llm_day(const struct engine *e);
/* Takes one call and so many tokens of that day's and the flow's share, in Redis: fn gets what llm_reserved understands. False: Redis is
 * away. */
bool llm_reserve(struct engine *e, const char *flow, int64_t day, int64_t tokens, redis_fn fn,
                 void *ud);
bool llm_reserved(const struct redisReply *reply);
/* Corrects what was set aside by what was used. */
void llm_settle(struct engine *e, const char *flow, int64_t day, int64_t tokens);

#endif
