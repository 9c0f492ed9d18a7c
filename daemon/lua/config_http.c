/* config_http.c -- whom flows may ask outside: `http_client` (c:http) and `llm` (c:llm). Callers: lua/config.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "base/utf8.h"
#include "lua/config_internal.h"

enum {
    WEB_REQUESTS = 20,
    WEB_BODY = 1 << 20,
    LLM_TIMEOUT_MS = 8000,
    LLM_TOKENS = 300,
    LLM_CALLS_PER_DAY = 1000,
    LLM_TOKENS_PER_DAY = 500000,
    LLM_WORDS_FILE = 256 << 10
};

/* A readable file, absolute; NULL if none is named. */
static char *web_file(struct conf_report *r, const struct config *c, const struct conf_value *v,
                      const char *key, const char *where)
{
    const char *s = NULL;
    if (!conf_string(r, v, key, &s))
        return NULL;
    char *path = config_path(c, s);
    if (access(path, R_OK) != 0)
        conf_problem(r, conf_get(v, key), "%s.%s: %s cannot be read: %s", where, key, path,
                     strerror(errno));
    return path;
}

/* ---- http_client ---- */

static bool web_header_good(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    return n > 0 && s[n] == '\0';
}

static bool web_line(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 127)
            return false;
    return true;
}

static void web_read_site(struct conf_report *r, struct config *c, const struct conf_value *v,
                          struct http_site *site, unsigned flags)
{
    static const char *const keys[] = {"url",        "header",  "token", "token_env",
                                       "token_file", "private", NULL};
    const char *url = NULL, *header = NULL;
    struct http_url parsed;
    char *token = NULL;
    if (v->type == CONF_STRING) {
        url = v->string;
    } else if (v->type == CONF_TABLE) {
        conf_check_keys(r, v, "http_client.allow", keys, false);
        conf_string(r, v, "url", &url);
        conf_string(r, v, "header", &header);
        conf_boolean(r, v, "private", &site->private_too);
        token = config_secret(r, c, v, "token", true, flags);
    }
    const char *why = url ? http_url_parse(url, &parsed)
                          : "write \"https://api.example.com/\" or "
                            "{ url = ..., token_env = ... }";
    if (!why && strchr(url, '?'))
        why = "no query here: everything below the address is allowed";
    if (why)
        conf_problem(r, v, "http_client.allow: %s", why);
    if (header && !web_header_good(header))
        conf_problem(r, v, "http_client.allow: header must be a name such as X-Api-Key");
    if (header && !token && !config_secret_at(v, "token"))
        conf_problem(r, v, "http_client.allow: a header without a token");
    if (token && !web_line(token))
        conf_problem(r, v, "http_client.allow: the token holds control characters");
    if (!why && token && !parsed.tls && !config_is_loopback(parsed.host))
        config_warn(c, r, v, "http_client.allow: the token for %s is sent without encryption",
                    parsed.host);
    site->url = mem_strdup(url ? url : "");
    if (!token)
        return;
    site->header = mem_strdup(header ? header : "Authorization");
    struct buf value = {0};
    buf_addf(&value, "%s%s", header ? "" : "Bearer ", token);
    site->value = buf_take(&value);
    explicit_bzero(token, strlen(token));
    free(token);
}

static void web_read_client(struct conf_report *r, struct config *c, const struct conf_value *root,
                            unsigned flags)
{
    static const char *const keys[] = {"allow", "requests", "body", "ca", "proxy", NULL};
    const struct conf_value *v = conf_table(r, root, "http_client");
    const char *proxy = NULL;
    int64_t n = 0;
    if (!v)
        return;
    conf_check_keys(r, v, "http_client", keys, false);
    const struct conf_value *allow = conf_table(r, v, "allow");
    if (allow && allow->nlist != allow->nentries)
        conf_problem(r, allow, "http_client.allow must be a list of addresses");
    int count = allow ? allow->nlist : 0;
    c->web.sites = mem_zero(((size_t)count + 1) * sizeof *c->web.sites);
    for (int i = 0; i < count; i++)
        web_read_site(r, c, &allow->entries[i].value, &c->web.sites[c->web.nsites++], flags);
    if (conf_integer(r, v, "requests", 1, 1000, &n))
        c->web.requests = (int)n;
    conf_size(r, v, "body", 1024, 64 << 20, &c->web.body_max);
    c->web.ca = web_file(r, c, v, "ca", "http_client");
    if (conf_string(r, v, "proxy", &proxy))
        c->web.proxy = mem_strdup(proxy);
}

/* ---- llm ---- */

static void llm_add_word(char ***list, size_t *n, const char *s, size_t len)
{
    struct buf word = {0};
    utf8_fold(&word, s, len);
    if (word.len) {
        *list = mem_realloc(*list, (*n + 2) * sizeof **list);
        (*list)[(*n)++] = buf_take(&word);
        (*list)[*n] = NULL;
    }
    buf_free(&word);
}

/* One word a line; lines that begin with # are remarks. */
static void llm_words_file(struct conf_report *r, const struct config *c,
                           const struct conf_value *v, char ***list, size_t *n)
{
    char *path = config_path(c, v->string), *text = mem_alloc(LLM_WORDS_FILE + 1);
    FILE *f = fopen(path, "re");
    size_t len = f ? fread(text, 1, LLM_WORDS_FILE + 1, f) : 0;
    if (!f || ferror(f))
        conf_problem(r, v, "llm.words: %s cannot be read: %s", path, strerror(errno));
    else if (len > LLM_WORDS_FILE)
        conf_problem(r, v, "llm.words: %s is larger than 256 KiB", path);
    for (const char *p = text, *end = text + len; len <= LLM_WORDS_FILE && p < end;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        stop = stop ? stop : end;
        if (*p != '#')
            llm_add_word(list, n, p, (size_t)(stop - p));
        p = stop + 1;
    }
    if (f)
        fclose(f);
    free(text);
    free(path);
}

static void llm_read_words(struct conf_report *r, struct config *c, const struct conf_value *llm)
{
    const struct conf_value *v = conf_get(llm, "words");
    size_t n = 0;
    if (!v)
        return;
    if (v->type == CONF_STRING && v->len) {
        llm_words_file(r, c, v, &c->llm.words, &n);
        return;
    }
    if (v->type != CONF_TABLE || v->nlist != v->nentries) {
        conf_problem(r, v, "llm.words must be the name of a file, or a list of words");
        return;
    }
    for (int i = 0; i < v->nlist; i++) {
        const struct conf_value *item = &v->entries[i].value;
        if (item->type == CONF_STRING)
            llm_add_word(&c->llm.words, &n, item->string, item->len);
        else
            conf_problem(r, item, "llm.words: a word must be a text, not %s", conf_type_name(item));
    }
}

/* flows = { poem = { calls_per_day = 100 }, ["*"] = { ... } } */
static void llm_read_shares(struct conf_report *r, struct config *c, const struct conf_value *llm)
{
    static const char *const keys[] = {"calls_per_day", "tokens_per_day", NULL};
    const struct conf_value *v = conf_table(r, llm, "flows");
    if (!v)
        return;
    c->llm.shares = mem_zero(((size_t)v->nentries + 1) * sizeof *c->llm.shares);
    for (int i = 0; i < v->nentries; i++) {
        const struct conf_entry *e = &v->entries[i];
        if (!e->key || e->value.type != CONF_TABLE) {
            conf_problem(r, &e->value,
                         "llm.flows: write a flow's name and its share, as in poem = { "
                         "calls_per_day = 100 }");
            continue;
        }
        struct llm_share *s = &c->llm.shares[c->llm.nshares++];
        s->flow = strcmp(e->key, "*") == 0 ? NULL : mem_strdup(e->key);
        s->calls = s->tokens = -1;
        conf_check_keys(r, &e->value, "llm.flows", keys, false);
        conf_integer(r, &e->value, "calls_per_day", 0, 10000000, &s->calls);
        conf_integer(r, &e->value, "tokens_per_day", 0, 10000000000LL, &s->tokens);
    }
}

static void llm_read_url(struct conf_report *r, struct config *c, const struct conf_value *v)
{
    static const char tail[] = "/chat/completions";
    const char *url = NULL;
    struct http_url parsed;
    if (!conf_string(r, v, "url", &url)) {
        conf_problem(r, v, "llm.url is missing, for example \"https://llm.example.com/v1\"");
        return;
    }
    const char *why = http_url_parse(url, &parsed);
    if (why)
        conf_problem(r, conf_get(v, "url"), "llm.url: %s", why);
    else if (!parsed.tls && !config_is_loopback(parsed.host))
        config_warn(c, r, conf_get(v, "url"), "llm.url: what members say goes to %s unencrypted",
                    parsed.host);
    size_t n = strlen(url);
    struct buf b = {0};
    while (n && url[n - 1] == '/')
        n--;
    buf_add(&b, url, n);
    if (n < sizeof tail - 1 || strncmp(url + n - (sizeof tail - 1), tail, sizeof tail - 1) != 0)
        buf_adds(&b, tail);
    c->llm.url = buf_take(&b);
}

static void web_read_llm(struct conf_report *r, struct config *c, const struct conf_value *root,
                         unsigned flags)
{
    static const char *const keys[] = {
        "url",           "key_env",        "key_file", "model", "timeout", "max_tokens",
        "calls_per_day", "tokens_per_day", "flows",    "words", NULL};
    const struct conf_value *v = conf_table(r, root, "llm");
    struct llm_conf *llm = &c->llm;
    const char *model = NULL;
    if (!v)
        return;
    conf_check_keys(r, v, "llm", keys, false);
    llm_read_url(r, c, v);
    llm->key = config_secret(r, c, v, "key", false, flags);
    if (llm->key && !web_line(llm->key))
        conf_problem(r, v, "llm: the key holds control characters");
    if (conf_string(r, v, "model", &model) && *model)
        llm->model = mem_strdup(model);
    else
        conf_problem(r, v, "llm.model is missing: the name of the model");
    if (conf_duration(r, v, "timeout", 1000, &llm->timeout_ms) && llm->timeout_ms > 60000)
        conf_problem(r, conf_get(v, "timeout"), "llm.timeout is at most 60s");
    conf_integer(r, v, "max_tokens", 1, 8192, &llm->max_tokens);
    conf_integer(r, v, "calls_per_day", 0, 10000000, &llm->calls_per_day);
    conf_integer(r, v, "tokens_per_day", 0, 10000000000LL, &llm->tokens_per_day);
    llm_read_shares(r, c, v);
    llm_read_words(r, c, v);
}

void config_read_web(struct conf_report *r, struct config *c, const struct conf_value *root,
                     unsigned flags)
{
    struct llm_conf *llm = &c->llm;
    c->web.requests = WEB_REQUESTS;
    c->web.body_max = WEB_BODY;
    llm->timeout_ms = LLM_TIMEOUT_MS;
    llm->max_tokens = LLM_TOKENS;
    llm->calls_per_day = LLM_CALLS_PER_DAY;
    llm->tokens_per_day = LLM_TOKENS_PER_DAY;
    llm->zone = zone_get(c->timezone);
    web_read_client(r, c, root, flags);
    web_read_llm(r, c, root, flags);
}
