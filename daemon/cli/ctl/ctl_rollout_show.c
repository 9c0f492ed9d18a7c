/* ctl_rollout_show.c -- prints how flows are rolled out (ctl_rollout.h): who serves which version and why, runs on each, the steps that
 * can be taken back, and what a dry run would change. Callers: ctl_rollout.c. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl_rollout.h"
#include "store/keys.h"

const char *rollout_state(const struct rollout *r)
{
    static char text[512];
    const char *root = rollout_layer(r, ROLLOUT_ROOT);
    if (r->held)
        snprintf(text, sizeof text,
                 "held: edits reach nobody (rollout %s to RING, hold off, or free)", r->flow);
    else if (*r->ring)
        snprintf(text, sizeof text, "in rings: edits reach %s at once (rollout %s to RING or all)",
                 r->ring, r->flow);
    else if (root && strcmp(root, "newest") != 0)
        snprintf(text, sizeof text,
                 "pinned: edits reach nobody (rollout %s to RING or all, or free)", r->flow);
    else
        snprintf(text, sizeof text, "free: edits reach everybody at once");
    return text;
}

/* "sopd:versions:tag:pilot" as "tag pilot". */
static const char *rollout_by(const char *key)
{
    static char text[256];
    size_t root = strlen(ROLLOUT_ROOT);
    if (!*key)
        return "the files";
    if (strlen(key) <= root)
        return "all";
    snprintf(text, sizeof text, "%s", key + root + 1);
    char *colon = strchr(text, ':');
    if (colon)
        *colon = ' ';
    return text;
}

void rollout_print_groups(const struct rollout *r, const char *list)
{
    static const char *const titles[] = {"VERSION", " ", "SET BY", "GROUPS"};
    struct table *t = table_new(titles, 4);
    const cJSON *item;
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(r->told, list)) {
        const char *version = ctl_string(item, "version");
        table_cell(t, version);
        table_cell(t, strcmp(version, r->newest) == 0 ? "newest" : "");
        table_cell(t, rollout_by(ctl_string(item, "key")));
        table_number(t, ctl_number(item, "groups"));
    }
    table_print(t, "the flow runs in no known group");
}

/* ---- runs ---- */

/* Adds how many runs a gateway has on each version of the flow. */
static bool rollout_add_runs(struct rollout *r, const char *gateway, cJSON *counts)
{
    struct buf key = {0};
    key_of_gateway(&key, gateway, "pin");
    redisReply *pins = rollout_redis(r, "HGETALL %ss", buf_cstr(&key));
    bool ok = pins;
    for (size_t i = 0; ok && i + 1 < pins->elements; i += 2) {
        redisReply *pin = rollout_redis(r, "GET %s:%s", buf_cstr(&key), pins->element[i]->str);
        ok = pin;
        cJSON *o = ok && pin->str ? cJSON_Parse(pin->str) : NULL;
        const char *version = ctl_string(o, "version");
        if (o && strcmp(ctl_string(o, "flow"), r->flow) == 0) {
            double n = ctl_number(counts, version) + atof(pins->element[i + 1]->str);
            cJSON_DeleteItemFromObjectCaseSensitive(counts, version);
            if (n > 0)
                cJSON_AddNumberToObject(counts, version, n);
        }
        cJSON_Delete(o);
        freeReplyObject(pin);
    }
    freeReplyObject(pins);
    buf_free(&key);
    return ok;
}

static cJSON *rollout_runs(struct rollout *r)
{
    cJSON *counts = cJSON_CreateObject();
    const cJSON *gateway;
    bool ok = true;
    if (!r->answer)
        for (int i = 0; ok && i < r->ctl->ngateways; i++)
            ok = rollout_add_runs(r, r->ctl->gateways[i], counts);
    cJSON_ArrayForEach (gateway, cJSON_GetObjectItemCaseSensitive(r->answer, "gateways"))
        ok = ok && rollout_add_runs(r, gateway->valuestring, counts);
    return counts;
}

/* ---- versions and steps ---- */

static cJSON *rollout_versions(struct rollout *r)
{
    struct buf key = {0};
    cJSON *list = cJSON_CreateArray(), *runs = rollout_runs(r);
    rollout_list_key(&key, r->flow);
    redisReply *reply = rollout_redis(r, "ZREVRANGE %s 0 -1 WITHSCORES", buf_cstr(&key));
    for (size_t i = 0; reply && i + 1 < reply->elements; i += 2) {
        const char *version = reply->element[i]->str;
        const cJSON *item;
        double groups = 0;
        cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(r->told, "serve"))
            if (strcmp(ctl_string(item, "version"), version) == 0)
                groups += ctl_number(item, "groups");
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "version", version);
        cJSON_AddNumberToObject(o, "since", atof(reply->element[i + 1]->str) / 1000);
        cJSON_AddNumberToObject(o, "groups", groups);
        cJSON_AddNumberToObject(o, "runs", ctl_number(runs, version));
        cJSON_AddItemToArray(list, o);
    }
    freeReplyObject(reply);
    cJSON_Delete(runs);
    buf_free(&key);
    return list;
}

static cJSON *rollout_steps(struct rollout *r)
{
    struct buf key = {0};
    cJSON *list = cJSON_CreateArray();
    rollout_steps_key(&key, r->flow);
    redisReply *reply = rollout_redis(r, "LRANGE %s 0 -1", buf_cstr(&key));
    for (size_t i = 0; reply && i < reply->elements; i++)
        cJSON_AddItemToArray(list, cJSON_Parse(reply->element[i]->str));
    freeReplyObject(reply);
    buf_free(&key);
    return list;
}

static void rollout_print_versions(const struct rollout *r, const cJSON *versions)
{
    static const char *const titles[] = {"VERSION", " ", "SINCE", "GROUPS", "RUNS"};
    struct table *t = table_new(titles, 5);
    const cJSON *item;
    cJSON_ArrayForEach (item, versions) {
        const char *version = ctl_string(item, "version");
        table_cell(t, version);
        table_cell(t, strcmp(version, r->newest) == 0 ? "newest" : "");
        table_time(t, ctl_number(item, "since"));
        table_number(t, ctl_number(item, "groups"));
        table_number(t, ctl_number(item, "runs"));
    }
    table_print(t, "no versions are stored");
}

static void rollout_print_steps(const cJSON *steps)
{
    static const char *const titles[] = {"STEP", "WHEN", "BY", "VERSION"};
    struct table *t = table_new(titles, 4);
    const cJSON *item, *set;
    cJSON_ArrayForEach (item, steps) {
        struct buf what = {0};
        buf_adds(&what, ctl_string(item, "what"));
        cJSON_ArrayForEach (set, cJSON_GetObjectItemCaseSensitive(item, "set")) {
            const char *key = cJSON_GetStringValue(cJSON_GetArrayItem(set, 0));
            if (key && cJSON_IsString(cJSON_GetArrayItem(set, 2)) &&
                strcmp(ctl_string(item, "what"), "to") == 0)
                buf_addf(&what, " %s", rollout_by(key));
        }
        table_cell(t, buf_cstr(&what));
        table_time(t, ctl_number(item, "at") / 1000);
        table_cell(t, ctl_string(item, "by"));
        table_cell(t, ctl_string(item, "version"));
        buf_free(&what);
    }
    table_print(t, "none");
}

int rollout_show(struct rollout *r)
{
    cJSON *versions = rollout_versions(r), *steps = rollout_steps(r);
    if (r->ctl->json) {
        cJSON *o = r->told ? cJSON_Duplicate(r->told, 1) : cJSON_CreateObject();
        if (!r->told) {
            cJSON_AddStringToObject(o, "flow", r->flow);
            cJSON_AddStringToObject(o, "newest", r->newest);
            cJSON_AddStringToObject(o, "ring", r->ring);
            cJSON_AddItemToObject(o, "layers", cJSON_Duplicate(r->layers, 1));
        }
        cJSON_AddBoolToObject(o, "held", r->held);
        cJSON_AddStringToObject(o, "state", rollout_state(r));
        cJSON_AddItemToObject(o, "versions", cJSON_Duplicate(versions, 1));
        cJSON_AddItemToObject(o, "steps", cJSON_Duplicate(steps, 1));
        ctl_print_json(o);
        cJSON_Delete(o);
    } else {
        printf("%s is %s\n\n", r->flow, rollout_state(r));
        if (r->told)
            rollout_print_groups(r, "serve");
        else
            puts("no daemon runs here: groups are not known");
        putchar('\n');
        rollout_print_versions(r, versions);
        puts("\nsteps that `sopd ctl rollback` takes back, newest first:");
        rollout_print_steps(steps);
    }
    cJSON_Delete(versions);
    cJSON_Delete(steps);
    return CLI_OK;
}

int rollout_show_all(struct rollout *r)
{
    static const char *const titles[] = {"FLOW", "NEWEST", "RING", "SERVED", "GROUPS"};
    if (!rollout_ask(r, NULL)) {
        fprintf(stderr, "sopd ctl: no daemon answers in %s; with a FLOW it works without one\n",
                r->ctl->data_dir);
        return CLI_FAILED;
    }
    if (r->ctl->json) {
        ctl_print_json(r->answer);
        return CLI_OK;
    }
    struct table *t = table_new(titles, 5);
    const cJSON *flow, *item;
    cJSON_ArrayForEach (flow, cJSON_GetObjectItemCaseSensitive(r->answer, "flows")) {
        cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(flow, "serve")) {
            table_cell(t, ctl_string(flow, "flow"));
            table_cell(t, ctl_string(flow, "newest"));
            table_cell(t, ctl_string(flow, "ring"));
            table_cell(t, strcmp(ctl_string(item, "version"), ctl_string(flow, "newest")) == 0
                              ? "newest"
                              : ctl_string(item, "version"));
            table_number(t, ctl_number(item, "groups"));
        }
    }
    table_print(t, "no flow runs in a known group");
    return CLI_OK;
}

/* ---- dry runs ---- */

/* Names that `a` has and `b` has not; returns how many. */
static int rollout_missing(const cJSON *a, const cJSON *b, const char *what)
{
    const cJSON *item, *other;
    int n = 0;
    cJSON_ArrayForEach (item, a) {
        const char *name = item->string ? item->string : item->valuestring;
        bool has = false;
        cJSON_ArrayForEach (other, b)
            has = has || strcmp(other->string ? other->string : other->valuestring, name) == 0;
        if (!has) {
            printf("  %s %s\n", what, name);
            n++;
        }
    }
    return n;
}

static void rollout_compare(struct rollout *r, const char *from, const char *to)
{
    cJSON *a = rollout_version(r, from), *b = rollout_version(r, to);
    const cJSON *x = cJSON_GetObjectItemCaseSensitive(a, "declares"),
                *y = cJSON_GetObjectItemCaseSensitive(b, "declares");
    printf("%s -> %s\n", from, to);
    if (!x || !y)
        puts("  not both are in Redis");
    static const struct {
        const char *list, *gone, *added;
    } parts[] = {{"params", "without parameter", "new parameter"},
                 {"commands", "without command", "new command"},
                 {"handlers", "without handler", "new handler"}};
    int n = 0;
    for (size_t i = 0; x && y && i < sizeof parts / sizeof parts[0]; i++) {
        const cJSON *was = cJSON_GetObjectItemCaseSensitive(x, parts[i].list),
                    *is = cJSON_GetObjectItemCaseSensitive(y, parts[i].list);
        n += rollout_missing(was, is, parts[i].gone) + rollout_missing(is, was, parts[i].added);
    }
    if (x && y && !n)
        puts("  the same parameters, commands and handlers");
    cJSON_Delete(a);
    cJSON_Delete(b);
}

void rollout_show_dry(struct rollout *r, const struct rollout_step *s)
{
    const cJSON *item, *serve = cJSON_GetObjectItemCaseSensitive(r->told, "serve");
    for (int i = 0; i < s->nchanges; i++)
        printf("%s %s: %s -> %s\n", s->changes[i].key, r->flow,
               s->changes[i].before ? s->changes[i].before : "-",
               s->changes[i].after ? s->changes[i].after : "-");
    if (!r->told) {
        puts("no daemon runs here: groups are not known");
        return;
    }
    puts("now:");
    rollout_print_groups(r, "serve");
    puts("then:");
    rollout_print_groups(r, "then");
    const char *told[16];
    int n = 0;
    cJSON_ArrayForEach (item, serve) {
        const char *from = ctl_string(item, "version");
        bool had = !rollout_is_version(from) || strcmp(from, s->version) == 0;
        for (int i = 0; i < n; i++)
            had = had || strcmp(told[i], from) == 0;
        if (had || n == 16)
            continue;
        told[n++] = from;
        rollout_compare(r, from, s->version);
    }
}
