/* ctl_ledger.c -- see ctl_ledger.h. Callers: ctl_quota.c, ctl_plan.c. */
#include "cli/ctl/ctl_ledger.h"

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "store/keys.h"

bool ledger_open(struct ledger *l, const struct ctl *c, cJSON *request)
{
    *l = (struct ledger){.ctl = c, .code = CLI_FAILED};
    l->answer = ctl_ask(c, request);
    if (!l->answer)
        return false;
    if (!ctl_true(l->answer, "ok")) {
        fprintf(stderr, "sopd ctl: %s\n", ctl_string(l->answer, "error"));
        return false;
    }
    l->redis = ctl_redis(c);
    l->code = l->redis ? CLI_OK : CLI_NO_REDIS;
    return l->redis != NULL;
}

static void ledger_forget(struct ledger *l)
{
    struct ledger_field *f, *tmp;
    HASH_ITER (hh, l->fields, f, tmp) {
        HASH_DEL(l->fields, f);
        free(f->name);
        free(f);
    }
}

void ledger_close(struct ledger *l)
{
    ledger_forget(l);
    cJSON_Delete(l->answer);
    if (l->redis)
        redisFree(l->redis);
}

static void ledger_add(struct ledger *l, char *name, const char *value)
{
    struct ledger_field *f = MEM_NEW(struct ledger_field);
    f->name = name;
    f->value = (int64_t)strtod(value, NULL);
    HASH_ADD_KEYPTR(hh, l->fields, f->name, strlen(f->name), f);
}

/* A field of `pace` holds the times of all limits of the same kinds: each is taken down by its mark (pace_rule_mark). */
static void ledger_add_times(struct ledger *l, const char *field, size_t len, const char *value)
{
    bool bulk = len && field[len - 1] == 'b';
    for (int nth = 1; value; nth++) {
        struct buf name = {0};
        buf_addc(&name, 'p');
        buf_add(&name, field, len - bulk);
        buf_addf(&name, "#%d%s", nth, bulk ? "b" : "");
        ledger_add(l, buf_take(&name), value);
        value = strchr(value, ',');
        value = value ? value + 1 : NULL;
    }
}

/* All fields of a hash. */
static bool ledger_hash(struct ledger *l, char kind, const char *key)
{
    redisReply *r =
        redisCommandArgv(l->redis, 2, (const char *[]){"HGETALL", key}, (size_t[]){7, strlen(key)});
    if (!r || r->type != REDIS_REPLY_ARRAY) {
        fprintf(stderr, "sopd ctl: Redis: %s\n", r && r->str ? r->str : l->redis->errstr);
        l->code = r ? CLI_FAILED : CLI_NO_REDIS;
    }
    for (size_t i = 0; l->code == CLI_OK && i + 1 < r->elements; i += 2) {
        const redisReply *field = r->element[i], *value = r->element[i + 1];
        struct buf name = {0};
        if (kind == 'p') {
            ledger_add_times(l, field->str, field->len, value->str);
            continue;
        }
        buf_addc(&name, kind);
        buf_add(&name, field->str, field->len);
        ledger_add(l, buf_take(&name), value->str);
    }
    if (r)
        freeReplyObject(r);
    return l->code == CLI_OK;
}

bool ledger_read(struct ledger *l, const cJSON *gateway)
{
    struct buf key = {0};
    const cJSON *w;
    char kind = '0';
    ledger_forget(l);
    key_of_gateway(&key, ctl_string(gateway, "name"), "pace");
    bool good = ledger_hash(l, 'p', buf_cstr(&key));
    cJSON_ArrayForEach (w, cJSON_GetObjectItemCaseSensitive(gateway, "windows"))
        good = good && ledger_hash(l, kind++, ctl_string(w, "key"));
    buf_free(&key);
    return good;
}

int64_t ledger_get(const struct ledger *l, char kind, const char *field)
{
    struct buf name = {0};
    struct ledger_field *f;
    buf_addc(&name, kind);
    buf_adds(&name, field);
    HASH_FIND(hh, l->fields, buf_cstr(&name), name.len, f);
    buf_free(&name);
    return f ? f->value : 0;
}

char ledger_per(const cJSON *quota)
{
    for (int i = 0; i < QUOTA_PERS; i++)
        if (strcmp(ctl_string(quota, "per"), quota_per_name((enum quota_per)i)) == 0)
            return (char)('0' + i);
    return '0';
}

double ledger_end(const cJSON *gateway, const cJSON *quota)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(gateway, "windows");
    return ctl_number(cJSON_GetArrayItem(list, ledger_per(quota) - '0'), "end");
}

/* "800ms", "3s", "1m", "1h" */
static void ledger_duration(struct buf *out, double s)
{
    if (s < 1)
        buf_addf(out, "%.3gms", s * 1000);
    else if (s < 60 || s - 60 * (double)(int)(s / 60) > 0)
        buf_addf(out, "%.3gs", s);
    else if (s < 3600)
        buf_addf(out, "%.3gm", s / 60);
    else
        buf_addf(out, "%.3gh", s / 3600);
}

void ledger_limit(const cJSON *limit, struct buf *out)
{
    double interval = ctl_number(limit, "interval_us"), burst = ctl_number(limit, "burst");
    if (interval <= 0) {
        buf_addf(out, "%.0f a %s", ctl_number(limit, "count"), ctl_string(limit, "per"));
        return;
    }
    if (ctl_number(limit, "count") > 1) {
        buf_addf(out, "%.0f in ", ctl_number(limit, "count"));
        ledger_duration(out, ctl_number(limit, "per"));
    } else {
        buf_adds(out, "1 in ");
        ledger_duration(out, interval / 1e6);
    }
    if (burst > 1)
        buf_addf(out, ", %.0f at once", burst);
}

void ledger_kinds(const cJSON *limit, struct buf *out)
{
    const cJSON *kind, *list = cJSON_GetObjectItemCaseSensitive(limit, "kinds");
    if (cJSON_GetArraySize(list) == SEND_KINDS) {
        buf_adds(out, "all");
        return;
    }
    cJSON_ArrayForEach (kind, list)
        buf_addf(out, "%s%s", out->len ? ", " : "", cJSON_GetStringValue(kind));
}

static unsigned ledger_mask(const cJSON *limit)
{
    unsigned mask = 0;
    const cJSON *kind;
    enum send_kind k;
    cJSON_ArrayForEach (kind, cJSON_GetObjectItemCaseSensitive(limit, "kinds"))
        if (send_kind_parse(cJSON_GetStringValue(kind), &k))
            mask |= 1U << k;
    return mask;
}

static enum pace_scope ledger_scope(const cJSON *limit)
{
    int scope = 0;
    while (scope < PACE_SCOPES - 1 &&
           strcmp(pace_scope_name((enum pace_scope)scope), ctl_string(limit, "scope")) != 0)
        scope++;
    return (enum pace_scope)scope;
}

void ledger_pace(const cJSON *gateway, struct pace *out)
{
    const cJSON *one;
    memset(out, 0, sizeof *out);
    cJSON_ArrayForEach (one, cJSON_GetObjectItemCaseSensitive(gateway, "rules")) {
        enum pace_scope scope = ledger_scope(one);
        if (!pace_add_rule(out, scope, ledger_mask(one), (int64_t)ctl_number(one, "interval_us"),
                           (int)ctl_number(one, "burst")))
            continue;
        struct pace_rule *r = &out->rules[scope][out->nrules[scope] - 1];
        snprintf(r->name, sizeof r->name, "%s", ctl_string(one, "name"));
    }
    cJSON_ArrayForEach (one, cJSON_GetObjectItemCaseSensitive(gateway, "quotas")) {
        if (out->nquotas == PACE_QUOTAS)
            break;
        struct pace_quota *q = &out->quotas[out->nquotas++];
        *q = (struct pace_quota){.scope = ledger_scope(one),
                                 .kinds = ledger_mask(one),
                                 .count = (int64_t)ctl_number(one, "count"),
                                 .per = (enum quota_per)(ledger_per(one) - '0')};
        snprintf(q->name, sizeof q->name, "%s", ctl_string(one, "name"));
    }
    /* jitter_mean is jitter * 10 thousandths */
    out->jitter = (int)(ctl_number(gateway, "jitter") * 100 + 0.5);
}
