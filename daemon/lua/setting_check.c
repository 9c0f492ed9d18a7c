/* setting_check.c -- see setting_check.h. */
#include "lua/setting_check.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "engine/route/book.h"
#include "lua/host.h"
#include "lua/luaconf.h"

enum { CHECK_NAMES = 512 };

const struct flow *setting_flow(const struct book *book, const char *name)
{
    for (int i = 0; book && i < book->nbooks; i++)
        for (int j = 0; j < book->books[i]->nflows; j++)
            if (strcmp(flow_info(book->books[i]->flows[j].flow)->name, name) == 0)
                return book->books[i]->flows[j].flow;
    return NULL;
}

static void check_suggest(const char *name, const char *const *known, struct buf *why)
{
    const char *near = conf_nearest(name, known);
    if (near)
        buf_addf(why, "; did you mean %s?", near);
}

static enum settings_verdict check_flow(const struct book *book, const char *name, struct buf *why,
                                        struct buf *remedy)
{
    const char *names[CHECK_NAMES + 1];
    int n = 0;
    if (setting_flow(book, name))
        return SETTINGS_GOOD;
    for (int i = 0; i < book->nbooks; i++)
        for (int j = 0; j < book->books[i]->nflows && n < CHECK_NAMES; j++)
            names[n++] = flow_info(book->books[i]->flows[j].flow)->name;
    names[n] = NULL;
    buf_addf(why, "no playbook runs a flow %s", name);
    check_suggest(name, names, why);
    buf_adds(remedy, "HDEL KEY FIELD, and HSET it with the right name");
    return SETTINGS_ODD;
}

static enum settings_verdict check_known_param(const struct flow *flow, const char *name,
                                               struct buf *why, struct buf *remedy)
{
    const struct flow_info *info = flow_info(flow);
    const char *names[CHECK_NAMES + 1];
    int n = 0;
    if (flow_param(flow, name))
        return SETTINGS_GOOD;
    for (; n < info->nparams && n < CHECK_NAMES; n++)
        names[n] = info->params[n].name;
    names[n] = NULL;
    const char *moved = flow_moved(flow, name);
    buf_addf(why, "the flow %s has no parameter %s", info->name, name);
    if (moved)
        buf_addf(why, " any more; it is %s now", moved);
    else
        check_suggest(name, names, why);
    buf_adds(remedy, "HDEL KEY FIELD, and HSET it with the right name");
    return SETTINGS_ODD;
}

static enum settings_verdict check_param(const struct book *book, const char *field,
                                         const char *value, struct buf *why, struct buf *remedy)
{
    const char *dot = strchr(field, '.');
    if (!dot || dot == field || !dot[1]) {
        buf_adds(why, "a parameter is named flow.parameter");
        buf_adds(remedy, "HDEL KEY FIELD, and HSET KEY checkin.days 28, for example");
        return SETTINGS_ODD;
    }
    char *name = mem_strndup(field, (size_t)(dot - field));
    const struct flow *flow = setting_flow(book, name);
    enum settings_verdict verdict =
        flow ? check_known_param(flow, dot + 1, why, remedy) : check_flow(book, name, why, remedy);
    free(name);
    if (verdict != SETTINGS_GOOD)
        return verdict;
    cJSON *parsed = param_parse(flow, dot + 1, value, why);
    if (!parsed) {
        buf_adds(remedy, "HSET KEY FIELD with a value that the flow allows, or HDEL KEY FIELD");
        return SETTINGS_BAD;
    }
    cJSON_Delete(parsed);
    return SETTINGS_GOOD;
}

static enum settings_verdict check_staff(const char *field, const char *value, struct buf *why,
                                         struct buf *remedy)
{
    const char *colon = strchr(field, ':');
    if (role_parse(value) < 0) {
        buf_addf(why, "there is no role %s", value);
        buf_adds(remedy, "HSET KEY FIELD keeper, store, region, hq or owner");
        return SETTINGS_BAD;
    }
    if (colon && colon != field && colon[1])
        return SETTINGS_GOOD;
    buf_adds(why, "staff are named gateway:user");
    buf_adds(remedy, "HDEL KEY FIELD, and HSET KEY qq1:10001 keeper, for example");
    return SETTINGS_ODD;
}

enum settings_verdict setting_check(const struct book *book, int kind, const char *field,
                                    const char *value, struct buf *why, struct buf *remedy)
{
    if (!book)
        return SETTINGS_GOOD;
    switch (kind) {
    case SETTINGS_PAUSED:
        if (strcmp(field, "*") == 0)
            return SETTINGS_GOOD;
        return check_flow(book, field, why, remedy);
    case SETTINGS_TOGGLES:
    case SETTINGS_VERSIONS: return check_flow(book, field, why, remedy);
    case SETTINGS_PARAMS: return check_param(book, field, value, why, remedy);
    case SETTINGS_STAFF: return check_staff(field, value, why, remedy);
    default: return SETTINGS_GOOD;
    }
}

/* ---- describing ---- */

static void describe_bounds(cJSON *o, const struct param *p)
{
    if (p->has_min)
        cJSON_AddNumberToObject(o, "min", p->min);
    if (p->has_max)
        cJSON_AddNumberToObject(o, "max", p->max);
    if (!p->nvalues)
        return;
    cJSON *values = cJSON_AddArrayToObject(o, "values");
    for (int i = 0; i < p->nvalues; i++)
        cJSON_AddItemToArray(values, cJSON_CreateString(p->values[i]));
}

struct cJSON *setting_describe(const struct book *book, const char *field)
{
    static const char *const types[] = {"integer", "number", "boolean",  "string", "strings",
                                        "text",    "clock",  "duration", "choice", "table"};
    const char *dot = strchr(field, '.');
    char *name = mem_strndup(field, dot ? (size_t)(dot - field) : strlen(field));
    const struct flow *flow = setting_flow(book, name);
    const struct param *p = flow && dot ? flow_param(flow, dot + 1) : NULL;
    free(name);
    if (!p)
        return NULL;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "flow", flow_info(flow)->name);
    cJSON_AddStringToObject(o, "param", p->name);
    cJSON_AddStringToObject(o, "type", types[p->type]);
    cJSON_AddStringToObject(o, "help", p->help ? p->help : "");
    if (p->preset)
        cJSON_AddItemToObject(o, "default", cJSON_Duplicate(p->preset, 1));
    describe_bounds(o, p);
    return o;
}
