/* param.c -- the values that playbooks and admins give to a flow's parameters: checked, normalised, or refused with a sentence
 * that says what would be right. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "lua/state.h"

enum { STRING_MAX = 20000, LIST_MAX = 1000 };

static const char *const type_names[] = {"integer", "number", "boolean",  "string", "strings",
                                         "text",    "clock",  "duration", "choice", "table"};
static const char *const type_articles[] = {"an integer",
                                            "a number",
                                            "true or false",
                                            "a string",
                                            "a string or a list of strings",
                                            "a string or a list of strings",
                                            "a clock time such as \"20:30\"",
                                            "a duration such as \"10m\"",
                                            "one of the choices",
                                            "a table"};

int param_type_parse(const char *name)
{
    for (int i = 0; i <= PARAM_TABLE; i++)
        if (strcmp(type_names[i], name) == 0)
            return i;
    return -1;
}

struct check {
    const struct param *p;
    const char *flow;
    struct buf *err;
};

static const char *json_kind(const cJSON *v)
{
    if (cJSON_IsString(v))
        return "a string";
    if (cJSON_IsNumber(v))
        return "a number";
    if (cJSON_IsBool(v))
        return "true or false";
    return cJSON_IsNull(v) ? "nothing" : "a table";
}

static void check_begin(const struct check *c)
{
    buf_addf(c->err, "%s.%s: ", c->flow, c->p->name);
}

static cJSON *refuse_kind(const struct check *c, const cJSON *v)
{
    check_begin(c);
    buf_addf(c->err, "must be %s, not %s", type_articles[c->p->type], json_kind(v));
    return NULL;
}

static void add_number(struct buf *out, double d)
{
    if (d == floor(d) && fabs(d) < 9e15)
        buf_addi(out, (int64_t)d);
    else
        buf_addf(out, "%.15g", d);
}

/* `value` and the bounds in the same unit. */
static bool in_bounds(const struct check *c, double value, const char *shown)
{
    const struct param *p = c->p;
    bool low = p->has_min && value < p->min, high = p->has_max && value > p->max;
    if (!low && !high)
        return true;
    check_begin(c);
    if (shown)
        buf_addf(c->err, "\"%s\"", shown);
    else
        add_number(c->err, value);
    buf_adds(c->err, low ? " is below the minimum " : " is above the maximum ");
    add_number(c->err, low ? p->min : p->max);
    if (shown)
        buf_adds(c->err, " seconds");
    return false;
}

static cJSON *check_number(const struct check *c, const cJSON *v)
{
    if (!cJSON_IsNumber(v) || !isfinite(v->valuedouble))
        return refuse_kind(c, v);
    double d = v->valuedouble;
    if (c->p->type == PARAM_INTEGER && (d != floor(d) || fabs(d) > 9007199254740992.0)) {
        check_begin(c);
        add_number(c->err, d);
        buf_adds(c->err, " is not a whole number");
        return NULL;
    }
    return in_bounds(c, d, NULL) ? cJSON_CreateNumber(d) : NULL;
}

static bool check_length(const struct check *c, const char *s)
{
    size_t n = strlen(s);
    if (n <= STRING_MAX)
        return true;
    check_begin(c);
    buf_addf(c->err, "the text is too long (%zu bytes, at most %d)", n, STRING_MAX);
    return false;
}

static cJSON *check_string(const struct check *c, const cJSON *v)
{
    if (!cJSON_IsString(v))
        return refuse_kind(c, v);
    return check_length(c, v->valuestring) ? cJSON_CreateString(v->valuestring) : NULL;
}

/* A single string becomes a list for STRINGS and stays one for TEXT. */
static cJSON *check_strings(const struct check *c, const cJSON *v)
{
    const cJSON *item;
    if (cJSON_IsString(v)) {
        if (!check_length(c, v->valuestring))
            return NULL;
        cJSON *s = cJSON_CreateString(v->valuestring);
        if (c->p->type == PARAM_TEXT)
            return s;
        cJSON *list = cJSON_CreateArray();
        cJSON_AddItemToArray(list, s);
        return list;
    }
    bool empty = (cJSON_IsObject(v) || cJSON_IsArray(v)) && !v->child; /* {} in Lua is both */
    if (!cJSON_IsArray(v) && !empty)
        return refuse_kind(c, v);
    if (c->p->type == PARAM_TEXT && empty) {
        check_begin(c);
        buf_adds(c->err, "needs at least one variant");
        return NULL;
    }
    cJSON_ArrayForEach (item, v) {
        if (!cJSON_IsString(item))
            return refuse_kind(c, v);
        if (!check_length(c, item->valuestring))
            return NULL;
    }
    if (cJSON_GetArraySize(v) > LIST_MAX) {
        check_begin(c);
        buf_addf(c->err, "the list is too long (at most %d)", LIST_MAX);
        return NULL;
    }
    return empty ? cJSON_CreateArray() : cJSON_Duplicate(v, 1);
}

static cJSON *check_clock(const struct check *c, const cJSON *v)
{
    int64_t ms;
    if (!cJSON_IsString(v) || !time_parse_clock(v->valuestring, &ms))
        return refuse_kind(c, v);
    if (!in_bounds(c, (double)ms / 1000, v->valuestring))
        return NULL;
    char text[32];
    int64_t s = ms / 1000;
    if (s % 60)
        snprintf(text, sizeof text, "%02d:%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60),
                 (int)(s % 60));
    else
        snprintf(text, sizeof text, "%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60));
    return cJSON_CreateString(text);
}

static cJSON *check_duration(const struct check *c, const cJSON *v)
{
    int64_t ms;
    char text[32];
    const char *s = cJSON_IsString(v) ? v->valuestring : NULL;
    if (cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble == floor(v->valuedouble) &&
        v->valuedouble < 1e9) {
        snprintf(text, sizeof text, "%.0fs", v->valuedouble);
        s = text;
    }
    if (!s || !time_parse_duration(s, &ms))
        return refuse_kind(c, v);
    return in_bounds(c, (double)ms / 1000, s) ? cJSON_CreateString(s) : NULL;
}

static cJSON *check_choice(const struct check *c, const cJSON *v)
{
    const struct param *p = c->p;
    for (int i = 0; cJSON_IsString(v) && i < p->nvalues; i++)
        if (strcmp(p->values[i], v->valuestring) == 0)
            return cJSON_CreateString(v->valuestring);
    check_begin(c);
    buf_adds(c->err, "must be one of");
    for (int i = 0; i < p->nvalues; i++)
        buf_addf(c->err, "%s \"%s\"", i ? "," : "", p->values[i]);
    return NULL;
}

cJSON *param_check_value(const struct param *p, const char *flow, const cJSON *v, struct buf *err)
{
    struct check c = {p, flow, err};
    switch (p->type) {
    case PARAM_INTEGER:
    case PARAM_NUMBER: return check_number(&c, v);
    case PARAM_BOOLEAN:
        return cJSON_IsBool(v) ? cJSON_CreateBool(cJSON_IsTrue(v)) : refuse_kind(&c, v);
    case PARAM_STRING: return check_string(&c, v);
    case PARAM_STRINGS:
    case PARAM_TEXT: return check_strings(&c, v);
    case PARAM_CLOCK: return check_clock(&c, v);
    case PARAM_DURATION: return check_duration(&c, v);
    case PARAM_CHOICE: return check_choice(&c, v);
    case PARAM_TABLE:
        return cJSON_IsObject(v) || cJSON_IsArray(v) ? cJSON_Duplicate(v, 1) : refuse_kind(&c, v);
    }
    return NULL;
}

static const struct param *find_param(const struct flow *f, const char *name, struct buf *err)
{
    const struct param *p = flow_param(f, name);
    if (!p)
        buf_addf(err, "%s.%s: this flow has no such parameter", flow_info(f)->name, name);
    return p;
}

cJSON *param_check(const struct flow *f, const char *name, const cJSON *value, struct buf *err)
{
    const struct param *p = find_param(f, name, err);
    return p ? param_check_value(p, flow_info(f)->name, value, err) : NULL;
}

/* ---- from text ---- */

static cJSON *parse_boolean(const char *s)
{
    static const char *const yes[] = {"true", "on", "yes", "1", "开", "是"}, *const no[] = {
                                                                                 "false", "off",
                                                                                 "no",    "0",
                                                                                 "关",    "否"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (strcmp(s, yes[i]) == 0)
            return cJSON_CreateTrue();
        if (strcmp(s, no[i]) == 0)
            return cJSON_CreateFalse();
    }
    return cJSON_CreateString(s);
}

static cJSON *parse_number(const char *s)
{
    char *end;
    double d = strtod(s, &end);
    while (*end == ' ')
        end++;
    if (!*s || *end || !isfinite(d))
        return cJSON_CreateString(s);
    return cJSON_CreateNumber(d);
}

/* Words between commas (also the Chinese ones), blanks around them dropped. */
static size_t comma_at(const char *s)
{
    if (*s == ',')
        return 1;
    return strncmp(s, "\xEF\xBC\x8C", 3) == 0 || strncmp(s, "\xE3\x80\x81", 3) == 0 ? 3 : 0;
}

static cJSON *parse_list(const char *s)
{
    cJSON *list = cJSON_CreateArray();
    while (*s) {
        size_t n = 0;
        while (s[n] && !comma_at(s + n))
            n++;
        const char *from = s, *to = s + n;
        while (from < to && *from == ' ')
            from++;
        while (to > from && to[-1] == ' ')
            to--;
        if (to > from) {
            char *word = mem_strndup(from, (size_t)(to - from));
            cJSON_AddItemToArray(list, cJSON_CreateString(word));
            free(word);
        }
        s += n + comma_at(s + n);
    }
    return list;
}

static cJSON *parse_value(enum param_type type, const char *s)
{
    cJSON *v = NULL;
    switch (type) {
    case PARAM_INTEGER:
    case PARAM_NUMBER: return parse_number(s);
    case PARAM_BOOLEAN: return parse_boolean(s);
    case PARAM_STRINGS: v = *s == '[' ? cJSON_Parse(s) : NULL; return v ? v : parse_list(s);
    case PARAM_TEXT: v = *s == '[' ? cJSON_Parse(s) : NULL; return v ? v : cJSON_CreateString(s);
    case PARAM_TABLE: v = cJSON_Parse(s); return v ? v : cJSON_CreateString(s);
    default: return cJSON_CreateString(s);
    }
}

cJSON *param_parse(const struct flow *f, const char *name, const char *text, struct buf *err)
{
    const struct param *p = find_param(f, name, err);
    if (!p)
        return NULL;
    cJSON *raw = parse_value(p->type, text);
    cJSON *v = raw ? param_check_value(p, flow_info(f)->name, raw, err) : NULL;
    cJSON_Delete(raw);
    return v;
}
