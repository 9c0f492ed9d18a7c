/* ctl_audit.c -- `sopd ctl audit`: who changed what. Merges sopd:audit (edits of settings, by anybody) with the gateways' sopd:audit:{<gw>}
 * (what staff did in chats), oldest first. Directly from Redis. Callers: cli/ctl/ctl.c. */
#include <cjson/cJSON.h>
#include <getopt.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/ctl/ctl_settings.h"
#include "store/settings_value.h"

enum { AUDIT_PAGE = 1000, AUDIT_LIMIT = 50, AUDIT_TEXT = 60 };

struct audit {
    struct ctl *ctl;
    redisContext *redis;
    const char *who, *key, *flow, *gateway;
    int64_t since_ms;
    long limit; /* 0: all */
    cJSON *entries;
};

/* ---- reading ---- */

static const char *audit_field(const redisReply *fields, const char *name)
{
    for (size_t i = 0; i + 1 < fields->elements; i += 2)
        if (strcmp(fields->element[i]->str, name) == 0)
            return fields->element[i + 1]->str;
    return "";
}

/* Is this hash about that gateway? */
static bool audit_key_is_of(const char *key, const char *gateway)
{
    struct buf name = {0};
    bool is = false;
    buf_add_key(&name, gateway);
    for (const char *p = key; !is && (p = strstr(p, buf_cstr(&name))); p++)
        is = p > key && p[-1] == ':' && (!p[name.len] || p[name.len] == ':');
    buf_free(&name);
    return is;
}

static bool audit_is_of_flow(const char *field, const char *flow)
{
    size_t n = strlen(flow);
    return strncmp(field, flow, n) == 0 && (!field[n] || field[n] == '.');
}

static bool audit_wanted_edit(const struct audit *a, const redisReply *f)
{
    const char *key = audit_field(f, "key");
    if (a->gateway && !audit_key_is_of(key, a->gateway))
        return false;
    if (a->key && strncmp(key, a->key, strlen(a->key)) != 0)
        return false;
    return !a->flow || audit_is_of_flow(audit_field(f, "field"), a->flow);
}

static void audit_copy(cJSON *item, const redisReply *f, const char *const *names)
{
    for (; *names; names++)
        cJSON_AddStringToObject(item, *names, audit_field(f, *names));
}

/* One entry of a stream; gateway NULL: of sopd:audit. False: older than what is asked for. */
static bool audit_take(struct audit *a, const redisReply *entry, const char *gateway)
{
    static const char *const edit[] = {"who",    "what",  "key",    "field",
                                       "before", "after", "reason", NULL};
    static const char *const deed[] = {"chat", "flow", "data", NULL};
    const redisReply *f = entry->element[1];
    int64_t at = strtoll(entry->element[0]->str, NULL, 10),
            when = strtoll(audit_field(f, "time"), NULL, 10);
    if (at < a->since_ms)
        return false;
    const char *who = audit_field(f, gateway ? "user" : "who");
    bool wanted = gateway ? !a->key && (!a->flow || strcmp(audit_field(f, "flow"), a->flow) == 0)
                          : audit_wanted_edit(a, f);
    if (!wanted || (a->who && !strstr(who, a->who)))
        return true;
    cJSON *item = cJSON_CreateObject();
    cJSON_AddNumberToObject(item, "time", (double)(when ? when : at));
    cJSON_AddNumberToObject(item, "at", (double)at);
    if (gateway) {
        struct buf full = {0};
        buf_addf(&full, "%s:%s", gateway, who);
        cJSON_AddStringToObject(item, "who", *who ? buf_cstr(&full) : "sopd");
        cJSON_AddStringToObject(item, "what", audit_field(f, "name"));
        cJSON_AddStringToObject(item, "gateway", gateway);
        audit_copy(item, f, deed);
        buf_free(&full);
    } else {
        audit_copy(item, f, edit);
    }
    cJSON_AddItemToArray(a->entries, item);
    return true;
}

/* The newest of one stream that are asked for. */
static bool audit_read(struct audit *a, const char *key, const char *gateway)
{
    char end[64] = "+";
    int before = cJSON_GetArraySize(a->entries);
    bool more = true, ok = true;
    while (ok && more) {
        redisReply *r = redisCommand(a->redis, "XREVRANGE %s %s - COUNT %d", key, end, AUDIT_PAGE);
        ok = r && r->type == REDIS_REPLY_ARRAY;
        more = ok && r->elements == AUDIT_PAGE;
        for (size_t i = 0; ok && i < r->elements; i++) {
            more = audit_take(a, r->element[i], gateway) && more;
            snprintf(end, sizeof end, "(%s",
                     r->element[i]->str ? "" : r->element[i]->element[0]->str);
        }
        if (a->limit && cJSON_GetArraySize(a->entries) - before >= a->limit)
            more = false;
        if (!ok)
            fprintf(stderr, "sopd ctl: %s: %s\n", key, r && r->str ? r->str : a->redis->errstr);
        freeReplyObject(r);
    }
    return ok;
}

static bool audit_read_gateway(struct audit *a, const char *gateway)
{
    struct buf key = {0};
    if (a->gateway && strcmp(a->gateway, gateway) != 0)
        return true;
    buf_addf(&key, "sopd:audit:{%s}", gateway);
    bool ok = audit_read(a, buf_cstr(&key), gateway);
    buf_free(&key);
    return ok;
}

/* With --data-dir there is no configuration: the daemon knows its gateways. */
static bool audit_read_asked(struct audit *a)
{
    struct ctl quiet = *a->ctl;
    cJSON *request = cJSON_CreateObject();
    quiet.quiet = true;
    cJSON_AddStringToObject(request, "op", "gateways");
    cJSON *answer = ctl_ask(&quiet, request);
    const cJSON *g;
    bool ok = true;
    cJSON_ArrayForEach (g, cJSON_GetObjectItemCaseSensitive(answer, "gateways"))
        ok = audit_read_gateway(a, ctl_string(g, "name")) && ok;
    cJSON_Delete(answer);
    return ok;
}

/* ---- printing ---- */

static int audit_older(const void *x, const void *y)
{
    double a = ctl_number(*(cJSON *const *)x, "at"), b = ctl_number(*(cJSON *const *)y, "at");
    return a < b ? -1 : a > b;
}

/* Oldest first, and of those the newest that are asked for. Gives the entries back in a list of its own. */
static cJSON *audit_sorted(struct audit *a)
{
    int n = cJSON_GetArraySize(a->entries), skip = a->limit && n > a->limit ? n - (int)a->limit : 0;
    cJSON **items = mem_alloc(((size_t)n + 1) * sizeof *items), *out = cJSON_CreateArray();
    for (int i = 0; i < n; i++)
        items[i] = cJSON_DetachItemFromArray(a->entries, 0);
    qsort(items, (size_t)n, sizeof *items, audit_older);
    for (int i = 0; i < n; i++) {
        if (i < skip)
            cJSON_Delete(items[i]);
        else
            cJSON_AddItemToArray(out, items[i]);
    }
    free(items);
    return out;
}

static void audit_clipped(struct table *t, const char *text)
{
    size_t n = strlen(text);
    if (n <= AUDIT_TEXT) {
        table_cell(t, text);
        return;
    }
    while (n > AUDIT_TEXT || ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    struct buf b = {0};
    buf_add(&b, text, n);
    buf_adds(&b, "...");
    table_cell(t, buf_cstr(&b));
    buf_free(&b);
}

static void audit_print_edit(struct table *t, const cJSON *e)
{
    const char *key = ctl_string(e, "key"), *field = ctl_string(e, "field");
    int kind = settings_kind_of(key, strlen(key));
    struct buf where = {0}, change = {0};
    if (kind >= 0)
        ctl_setting_where(kind, key, &where);
    else
        buf_adds(&where, key);
    buf_addf(&change, "%s%s%s: %s -> %s", kind >= 0 ? settings_root(kind) + strlen("sopd:") : "",
             kind >= 0 ? " " : "", field, *ctl_string(e, "before") ? ctl_string(e, "before") : "-",
             *ctl_string(e, "after") ? ctl_string(e, "after") : "-");
    table_cell(t, buf_cstr(&where));
    audit_clipped(t, buf_cstr(&change));
    audit_clipped(t, ctl_string(e, "reason"));
    buf_free(&where);
    buf_free(&change);
}

static void audit_print(const cJSON *entries)
{
    static const char *const titles[] = {"TIME", "WHO", "WHAT", "WHERE", "CHANGE", "REASON"};
    struct table *t = table_new(titles, 6);
    const cJSON *e;
    cJSON_ArrayForEach (e, entries) {
        const char *gateway = ctl_string(e, "gateway");
        table_time(t, ctl_number(e, "time") / 1000);
        table_cell(t, ctl_string(e, "who"));
        table_cell(t, ctl_string(e, "what"));
        if (!*gateway) {
            audit_print_edit(t, e);
            continue;
        }
        struct buf where = {0};
        buf_addf(&where, "in %s:%s", gateway, ctl_string(e, "chat"));
        table_cell(t, buf_cstr(&where));
        audit_clipped(t, ctl_string(e, "data"));
        table_cell(t, ctl_string(e, "flow"));
        buf_free(&where);
    }
    table_print(t, "nothing was recorded");
}

/* ---- the command ---- */

static int audit_since(struct audit *a, const char *text)
{
    int64_t ms, now = (int64_t)time(NULL) * 1000;
    if (time_parse_moment(text, ctl_zone(a->ctl), &ms))
        a->since_ms = ms;
    else if (time_parse_duration(text, &ms))
        a->since_ms = now - ms;
    else
        return cli_usage("ctl", "--since needs a duration such as 2d, or a time, not '%s'", text);
    return CLI_OK;
}

static int audit_options(struct audit *a, int argc, char **argv)
{
    static const struct option options[] = {
        {"since", required_argument, NULL, 's'},   {"who", required_argument, NULL, 'w'},
        {"key", required_argument, NULL, 'k'},     {"flow", required_argument, NULL, 'F'},
        {"gateway", required_argument, NULL, 'g'}, {"limit", required_argument, NULL, 'l'},
        {"json", no_argument, NULL, 'j'},          {0}};
    int code = CLI_OK;
    optind = 0;
    for (int o; code == CLI_OK && (o = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        char *end = NULL;
        switch (o) {
        case 's': code = audit_since(a, optarg); break;
        case 'w': a->who = optarg; break;
        case 'k': a->key = optarg; break;
        case 'F': a->flow = optarg; break;
        case 'g': a->gateway = optarg; break;
        case 'j': a->ctl->json = true; break;
        case 'l':
            a->limit = strtol(optarg, &end, 10);
            if (*end || a->limit < 0)
                code = cli_usage("ctl", "--limit needs a number, 0 for all");
            break;
        default: code = cli_bad_option("ctl", o, argv);
        }
    }
    if (code == CLI_OK && optind < argc)
        code = cli_usage(
            "ctl",
            "it is: audit [--since 2d] [--who W] [--key K] [--flow F] [--gateway G] [--limit N]");
    return code;
}

int ctl_audit(struct ctl *c, int argc, char **argv)
{
    struct audit a = {.ctl = c, .limit = AUDIT_LIMIT};
    int code = audit_options(&a, argc, argv);
    if (code != CLI_OK)
        return code;
    a.redis = ctl_redis(c);
    if (!a.redis)
        return CLI_NO_REDIS;
    a.entries = cJSON_CreateArray();
    bool ok = audit_read(&a, "sopd:audit", NULL);
    for (int i = 0; ok && i < c->ngateways; i++)
        ok = audit_read_gateway(&a, c->gateways[i]);
    if (ok && !c->ngateways)
        ok = audit_read_asked(&a);
    cJSON *sorted = audit_sorted(&a), *e;
    cJSON_ArrayForEach (e, sorted)
        cJSON_DeleteItemFromObjectCaseSensitive(e, "at");
    if (c->json) {
        ctl_print_json(sorted);
    } else {
        audit_print(sorted);
    }
    cJSON_Delete(sorted);
    cJSON_Delete(a.entries);
    redisFree(a.redis);
    return ok ? CLI_OK : CLI_NO_REDIS;
}
