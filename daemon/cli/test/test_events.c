/* test_events.c -- `sopd test --events FILE`: every business event and every entry of the audit stream that a case leaves must be as
 * the file says (docs/events.json; docs/events.md is the same for people). An event that it does not name, a field too many, one
 * that is missing and one of another type fail the case. Callers: test.c, test_script.c. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/serve/stage.h"
#include "cli/test/test.h"

enum { EVENTS_FILE_MAX = 1 << 20, EVENTS_TELL = 5 };

/* ---- values ---- */

static bool events_is_integer(const cJSON *v)
{
    return cJSON_IsNumber(v) && v->valuedouble == (double)(long long)v->valuedouble;
}

static bool events_fits(const cJSON *v, const char *type)
{
    size_t n = strlen(type);
    if (n > 2 && strcmp(type + n - 2, "[]") == 0) {
        char one[16];
        const cJSON *item;
        snprintf(one, sizeof one, "%.*s", (int)(n - 2), type);
        bool fits = cJSON_IsArray(v);
        cJSON_ArrayForEach (item, v)
            fits = fits && events_fits(item, one);
        return fits;
    }
    if (strcmp(type, "text") == 0)
        return cJSON_IsString(v);
    if (strcmp(type, "user") == 0)
        return cJSON_IsString(v) && *v->valuestring;
    if (strcmp(type, "integer") == 0)
        return events_is_integer(v);
    if (strcmp(type, "boolean") == 0)
        return cJSON_IsBool(v);
    if (strcmp(type, "array") == 0)
        return cJSON_IsArray(v);
    if (strcmp(type, "object") == 0)
        return cJSON_IsObject(v);
    return strcmp(type, "any") == 0;
}

static bool events_optional(const char *name)
{
    return name[strlen(name) - 1] == '?';
}

/* The rule of a field, [type, help]; NULL: it is not declared. */
static const cJSON *events_rule(const cJSON *declared, const char *field)
{
    size_t n = strlen(field);
    const cJSON *rule;
    cJSON_ArrayForEach (rule, declared) {
        size_t len = strlen(rule->string);
        len -= events_optional(rule->string);
        if (len == n && strncmp(rule->string, field, n) == 0)
            return rule;
    }
    return NULL;
}

/* Says what of an event's data is not as declared; true: all is. */
static bool events_check_data(const cJSON *declared, const cJSON *common, const cJSON *data,
                              struct buf *out)
{
    const cJSON *field, *rule;
    cJSON_ArrayForEach (field, data) {
        const char *type;
        rule = events_rule(declared, field->string);
        rule = rule ? rule : events_rule(common, field->string);
        type = cJSON_GetStringValue(cJSON_GetArrayItem(rule, 0));
        if (!type) {
            buf_addf(out, "its field %s is not declared", field->string);
            return false;
        }
        if (!events_fits(field, type)) {
            buf_addf(out, "its field %s is no %s", field->string, type);
            return false;
        }
    }
    cJSON_ArrayForEach (rule, declared) {
        if (!events_optional(rule->string) &&
            !cJSON_GetObjectItemCaseSensitive(data, rule->string)) {
            buf_addf(out, "its field %s is missing", rule->string);
            return false;
        }
    }
    return true;
}

/* ---- entries ---- */

static const char *events_field(const redisReply *fields, size_t at, const char *name)
{
    bool there = fields->elements > at + 1 && strcmp(fields->element[at]->str, name) == 0;
    return there ? fields->element[at + 1]->str : NULL;
}

static bool events_check_entry(const cJSON *all, const cJSON *common, const redisReply *fields,
                               struct buf *out)
{
    static const char *const names[] = {"name", "gateway", "chat", "user", "flow", "time", "data"};
    const char *values[7];
    for (size_t i = 0; i < 7; i++) {
        values[i] = events_field(fields, i * 2, names[i]);
        if (!values[i]) {
            buf_addf(out, "an entry has no field %s at its place", names[i]);
            return false;
        }
    }
    buf_addf(out, "event %s %s: ", values[0], values[6]);
    const cJSON *event = cJSON_GetObjectItemCaseSensitive(all, values[0]);
    cJSON *data = cJSON_Parse(values[6]);
    bool good = event && cJSON_IsObject(data);
    if (good)
        good =
            events_check_data(cJSON_GetObjectItemCaseSensitive(event, "data"), common, data, out);
    else
        buf_adds(out, event ? "its data is no JSON object" : "it is not declared");
    cJSON_Delete(data);
    return good;
}

bool events_check(struct world *w, struct buf *out)
{
    static const char *const streams[] = {"events", "audit"};
    int wrong = 0;
    for (int s = 0; w->events && s < 2; s++) {
        struct buf key = {0};
        buf_addf(&key, "sopd:%s:{" STAGE_GATEWAY "}", streams[s]);
        redisReply *r = world_redis(w, 4, (const char *[]){"XRANGE", buf_cstr(&key), "-", "+"});
        buf_free(&key);
        const cJSON *all = cJSON_GetObjectItemCaseSensitive(w->events, streams[s]);
        const cJSON *common = cJSON_GetObjectItemCaseSensitive(
            cJSON_GetObjectItemCaseSensitive(w->events, "common"), streams[s]);
        for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i < r->elements; i++) {
            struct buf why = {0};
            if (!events_check_entry(all, common, r->element[i]->element[1], &why) &&
                wrong++ < EVENTS_TELL)
                buf_addf(out, "%s: %s\n", streams[s], buf_cstr(&why));
            buf_free(&why);
        }
        if (r)
            freeReplyObject(r);
    }
    return wrong == 0;
}

/* ---- the file ---- */

bool events_load(struct world *w, const char *path, struct buf *err)
{
    struct buf text = {0};
    FILE *f = fopen(path, "re");
    if (f) {
        text.len = fread(buf_reserve(&text, EVENTS_FILE_MAX), 1, EVENTS_FILE_MAX, f);
        fclose(f);
        w->events = cJSON_ParseWithLength(text.data, text.len);
    }
    buf_free(&text);
    if (cJSON_IsObject(w->events) && cJSON_GetObjectItemCaseSensitive(w->events, "events"))
        return true;
    buf_addf(err, "%s %s\n", path, f ? "declares no events" : "cannot be read");
    return false;
}
