/* ctl_rollout_read.c -- what `sopd ctl rollout` reads (ctl_rollout.h): the hashes of versions from Redis, what runs where from the daemon, if
 * there is one. Callers: ctl_rollout*.c. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl_rollout.h"

struct redisReply *rollout_redis(struct rollout *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    redisReply *reply = redisvCommand(r->redis, fmt, ap);
    va_end(ap);
    if (reply && reply->type != REDIS_REPLY_ERROR)
        return reply;
    fprintf(stderr, "sopd ctl: Redis: %s\n", reply ? reply->str : r->redis->errstr);
    freeReplyObject(reply);
    return NULL;
}

static void rollout_add_layer(struct rollout *r, const char *key, const char *value)
{
    cJSON *layer = cJSON_CreateArray();
    cJSON_AddItemToArray(layer, cJSON_CreateString(key));
    cJSON_AddItemToArray(layer, cJSON_CreateString(value));
    cJSON_AddItemToArray(r->layers, layer);
}

static bool rollout_scan_key(struct rollout *r, const char *key)
{
    redisReply *reply = rollout_redis(r, "HGET %s %s", key, r->flow);
    bool ok = reply;
    if (ok && reply->type == REDIS_REPLY_STRING)
        rollout_add_layer(r, key, reply->str);
    freeReplyObject(reply);
    return ok;
}

/* The hashes of versions, by a command that answers names: those that daemons and edits have noted, or all keys. */
static bool rollout_take_keys(struct rollout *r, const redisReply *keys)
{
    bool ok = true;
    for (size_t i = 0; ok && i < keys->elements; i++) {
        const char *key = keys->element[i]->str;
        size_t n = strlen(ROLLOUT_ROOT);
        if (key && strncmp(key, ROLLOUT_ROOT, n) == 0 && (!key[n] || key[n] == ':'))
            ok = rollout_scan_key(r, key);
    }
    return ok;
}

/* Without a daemon nobody has noted what other clients wrote: every key is looked at. */
static bool rollout_scan(struct rollout *r)
{
    char cursor[32] = "0";
    bool ok = true;
    do {
        redisReply *reply =
            rollout_redis(r, "SCAN %s MATCH " ROLLOUT_ROOT "* COUNT 1000 TYPE hash", cursor);
        ok = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
        if (ok) {
            snprintf(cursor, sizeof cursor, "%s", reply->element[0]->str);
            ok = rollout_take_keys(r, reply->element[1]);
        }
        freeReplyObject(reply);
    } while (ok && strcmp(cursor, "0") != 0);
    return ok;
}

bool rollout_read_layers(struct rollout *r)
{
    cJSON_Delete(r->layers);
    r->layers = cJSON_CreateArray();
    if (!r->answer)
        return rollout_scan(r);
    redisReply *reply = rollout_redis(r, "SMEMBERS sopd:settings-keys");
    bool ok = reply && rollout_take_keys(r, reply);
    freeReplyObject(reply);
    return ok;
}

bool rollout_ask(struct rollout *r, const struct rollout_step *assume)
{
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "op", "rollout");
    if (r->flow)
        cJSON_AddStringToObject(request, "flow", r->flow);
    cJSON *list = assume ? cJSON_AddArrayToObject(request, "assume") : NULL;
    for (int i = 0; assume && i < assume->nchanges; i++) {
        const char *after = assume->changes[i].after;
        cJSON *item = cJSON_CreateArray();
        cJSON_AddItemToArray(item, cJSON_CreateString(assume->changes[i].key));
        cJSON_AddItemToArray(item, after ? cJSON_CreateString(after) : cJSON_CreateNull());
        cJSON_AddItemToArray(list, item);
    }
    struct ctl quiet = *r->ctl;
    quiet.quiet = true;
    cJSON_Delete(r->answer);
    r->answer = ctl_ask(&quiet, request);
    r->told = NULL;
    if (!ctl_true(r->answer, "ok")) {
        cJSON_Delete(r->answer);
        r->answer = NULL;
        return false;
    }
    r->told = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(r->answer, "flows"), 0);
    return true;
}

/* "version|ring" of the files that a daemon saw last. */
static int rollout_read_seen(struct rollout *r)
{
    redisReply *reply = rollout_redis(r, "HGET " ROLLOUT_SEEN " %s", r->flow);
    if (!reply)
        return CLI_NO_REDIS;
    const char *bar = reply->str ? strchr(reply->str, '|') : NULL;
    if (bar) {
        snprintf(r->newest, sizeof r->newest, "%.*s", (int)(bar - reply->str), reply->str);
        r->ring = mem_strdup(bar + 1);
    }
    freeReplyObject(reply);
    if (bar)
        return CLI_OK;
    fprintf(stderr, "sopd ctl: no sopd has served a flow %s here; `sopd ctl rollout` lists flows\n",
            r->flow);
    return CLI_FAILED;
}

static int rollout_read(struct rollout *r)
{
    redisReply *reply = rollout_redis(r, "HGET " ROLLOUT_HOLD " %s", r->flow);
    if (!reply)
        return CLI_NO_REDIS;
    r->held = reply->type == REDIS_REPLY_STRING;
    freeReplyObject(reply);
    rollout_ask(r, NULL);
    if (!rollout_read_layers(r))
        return CLI_NO_REDIS;
    if (!r->answer)
        return rollout_read_seen(r);
    if (!r->told) {
        fprintf(stderr, "sopd ctl: no playbook uses a flow %s\n", r->flow);
        return CLI_FAILED;
    }
    snprintf(r->newest, sizeof r->newest, "%s", ctl_string(r->told, "newest"));
    r->ring = mem_strdup(ctl_string(r->told, "ring"));
    return CLI_OK;
}

int rollout_open(struct rollout *r, struct ctl *c, const char *flow)
{
    r->ctl = c;
    r->flow = flow;
    r->redis = ctl_redis(c);
    ctl_who(&r->who);
    return !r->redis ? CLI_NO_REDIS : flow ? rollout_read(r) : CLI_OK;
}

void rollout_close(struct rollout *r)
{
    if (r->redis)
        redisFree(r->redis);
    cJSON_Delete(r->answer);
    cJSON_Delete(r->layers);
    free(r->ring);
    buf_free(&r->who);
}

const char *rollout_layer(const struct rollout *r, const char *key)
{
    const cJSON *layer;
    if (strcmp(key, ROLLOUT_HOLD) == 0)
        return r->held ? "yes" : NULL;
    cJSON_ArrayForEach (layer, r->layers)
        if (strcmp(cJSON_GetArrayItem(layer, 0)->valuestring, key) == 0)
            return cJSON_GetArrayItem(layer, 1)->valuestring;
    return NULL;
}

struct cJSON *rollout_version(struct rollout *r, const char *version)
{
    struct buf key = {0};
    rollout_version_key(&key, r->flow, version);
    redisReply *reply = rollout_redis(r, "GET %s", buf_cstr(&key));
    cJSON *doc = reply && reply->type == REDIS_REPLY_STRING ? cJSON_Parse(reply->str) : NULL;
    freeReplyObject(reply);
    buf_free(&key);
    return doc;
}
