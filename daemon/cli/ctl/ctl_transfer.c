/* ctl_transfer.c -- see ctl_transfer.h: texts, whole keys. Callers: cli/ctl/ctl_export.c, cli/ctl/ctl_gather.c, cli/ctl/ctl_import.c. */
#include "cli/ctl/ctl_transfer.h"

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "cli/cli.h"

/* ---- texts ---- */

cJSON *transfer_text(const char *s, size_t len)
{
    if (utf8_valid(s, len) && !memchr(s, '\0', len)) {
        char *copy = mem_strndup(s, len);
        cJSON *v = cJSON_CreateString(copy);
        free(copy);
        return v;
    }
    unsigned char *text = mem_alloc(len / 3 * 4 + 8);
    EVP_EncodeBlock(text, (const unsigned char *)s, (int)len);
    cJSON *v = cJSON_CreateObject();
    cJSON_AddStringToObject(v, "base64", (char *)text);
    free(text);
    return v;
}

bool transfer_bytes(const cJSON *v, struct buf *out)
{
    buf_reset(out);
    if (cJSON_IsString(v)) {
        buf_adds(out, v->valuestring);
        buf_cstr(out);
        return true;
    }
    const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(v, "base64"));
    size_t len = code ? strlen(code) : 0;
    if (!code || len % 4)
        return false;
    int n = EVP_DecodeBlock((unsigned char *)buf_reserve(out, len + 1), (const unsigned char *)code,
                            (int)len);
    for (size_t i = len; n >= 0 && i > 0 && len - i < 2 && code[i - 1] == '='; i--)
        n--;
    if (n < 0)
        return false;
    out->len = (size_t)n;
    buf_cstr(out);
    return true;
}

/* ---- sets ---- */

bool name_has(const struct name *set, const char *text)
{
    const struct name *n;
    HASH_FIND_STR(set, text, n);
    return n != NULL;
}

bool name_add(struct name **set, const char *text, const char *more)
{
    if (name_has(*set, text))
        return false;
    struct name *n = MEM_NEW(struct name);
    n->text = mem_strdup(text);
    n->more = more ? mem_strdup(more) : NULL;
    HASH_ADD_KEYPTR(hh, *set, n->text, strlen(n->text), n);
    return true;
}

void name_free(struct name **set)
{
    struct name *n, *tmp;
    HASH_ITER (hh, *set, n, tmp) {
        HASH_DEL(*set, n);
        free(n->text);
        free(n->more);
        free(n);
    }
}

/* ---- Redis ---- */

redisReply *transfer_ask(struct transfer *t, int argc, const char **argv, const size_t *lens)
{
    redisReply *r = t->code ? NULL : redisCommandArgv(t->redis, argc, argv, lens);
    if (r && r->type != REDIS_REPLY_ERROR)
        return r;
    if (!t->code)
        fprintf(stderr, "sopd ctl: Redis, %s: %s\n", argv[0], r ? r->str : t->redis->errstr);
    if (!t->code)
        t->code = r ? CLI_FAILED : CLI_NO_REDIS;
    freeReplyObject(r);
    return NULL;
}

int64_t transfer_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void transfer_note(struct transfer *t, const char *what, const char *after)
{
    struct buf who = {0};
    char now[24];
    snprintf(now, sizeof now, "%lld", (long long)transfer_now());
    ctl_who(&who);
    const char *argv[] = {"XADD",    "sopd:audit",
                          "MAXLEN",  "~",
                          "1000000", "*",
                          "time",    now,
                          "who",     buf_cstr(&who),
                          "what",    what,
                          "key",     t->gateway,
                          "field",   t->chat ? t->chat : t->member,
                          "before",  "",
                          "after",   after,
                          "reason",  ""};
    freeReplyObject(transfer_ask(t, sizeof argv / sizeof *argv, argv, NULL));
    buf_free(&who);
}

static redisReply *transfer_read(struct transfer *t, const char *command, const char *key,
                                 size_t len, const char *a, const char *b, const char *c)
{
    const char *argv[] = {command, key, a, b, c};
    const size_t lens[] = {strlen(command), len, a ? strlen(a) : 0, b ? strlen(b) : 0,
                           c ? strlen(c) : 0};
    return transfer_ask(t, a ? b ? c ? 5 : 4 : 3 : 2, argv, lens);
}

/* [["field", "value"], ...] or ["piece", ...]. */
static cJSON *transfer_list(const redisReply *r, bool pairs)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < r->elements; i += pairs ? 2 : 1) {
        cJSON *one = transfer_text(r->element[i]->str, r->element[i]->len);
        if (pairs && i + 1 < r->elements) {
            cJSON *pair = cJSON_CreateArray();
            cJSON_AddItemToArray(pair, one);
            cJSON_AddItemToArray(pair,
                                 transfer_text(r->element[i + 1]->str, r->element[i + 1]->len));
            one = pair;
        }
        cJSON_AddItemToArray(list, one);
    }
    return list;
}

static cJSON *transfer_value(struct transfer *t, const char *type, const char *key, size_t len)
{
    redisReply *r = NULL;
    cJSON *v = NULL;
    bool pairs = false;
    if (strcmp(type, "string") == 0) {
        r = transfer_read(t, "GET", key, len, NULL, NULL, NULL);
        if (r && r->type == REDIS_REPLY_STRING)
            v = transfer_text(r->str, r->len);
        freeReplyObject(r);
        return v;
    }
    if (strcmp(type, "hash") == 0 && (pairs = true))
        r = transfer_read(t, "HGETALL", key, len, NULL, NULL, NULL);
    else if (strcmp(type, "zset") == 0 && (pairs = true))
        r = transfer_read(t, "ZRANGE", key, len, "0", "-1", "WITHSCORES");
    else if (strcmp(type, "set") == 0)
        r = transfer_read(t, "SMEMBERS", key, len, NULL, NULL, NULL);
    else if (strcmp(type, "list") == 0)
        r = transfer_read(t, "LRANGE", key, len, "0", "-1", NULL);
    if (r && r->type == REDIS_REPLY_ARRAY && r->elements)
        v = transfer_list(r, pairs);
    freeReplyObject(r);
    return v;
}

cJSON *transfer_key(struct transfer *t, const char *key, size_t len)
{
    redisReply *r = transfer_read(t, "TYPE", key, len, NULL, NULL, NULL);
    redisReply *ttl = r ? transfer_read(t, "PEXPIRETIME", key, len, NULL, NULL, NULL) : NULL;
    cJSON *value = ttl ? transfer_value(t, r->str, key, len) : NULL, *o = NULL;
    if (value) {
        o = cJSON_CreateObject();
        cJSON_AddItemToObject(o, "key", transfer_text(key, len));
        cJSON_AddStringToObject(o, "type", r->str);
        if (ttl->integer > 0)
            cJSON_AddNumberToObject(o, "expires", (double)ttl->integer);
        cJSON_AddItemToObject(o, "value", value);
    }
    freeReplyObject(r);
    freeReplyObject(ttl);
    return o;
}
