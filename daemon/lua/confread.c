/* confread.c -- reading the tree of lua/luaconf.h: typed look-ups, unknown keys with the nearest known one, problems.
 * Callers: lua/config.c, lua/playbook.c. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "lua/luaconf.h"

enum { CONF_PROBLEMS_MAX = 200, CONF_WORD_MAX = 48 };

const struct conf_value *conf_get(const struct conf_value *table, const char *key)
{
    if (!table || table->type != CONF_TABLE)
        return NULL;
    for (int i = table->nlist; i < table->nentries; i++) {
        if (strcmp(table->entries[i].key, key) == 0)
            return &table->entries[i].value;
    }
    return NULL;
}

const char *conf_type_name(const struct conf_value *v)
{
    switch (v->type) {
    case CONF_BOOLEAN: return v->boolean ? "true" : "false";
    case CONF_INTEGER:
    case CONF_NUMBER: return "a number";
    case CONF_STRING: return "a text";
    default: return "a table";
    }
}

static cJSON *conf_table_json(const struct conf_value *v)
{
    bool list = v->nlist == v->nentries;
    cJSON *out = list ? cJSON_CreateArray() : cJSON_CreateObject();
    for (int i = 0; i < v->nentries; i++) {
        cJSON *item = conf_to_json(&v->entries[i].value);
        char index[24];
        snprintf(index, sizeof index, "%d", i + 1);
        if (list)
            cJSON_AddItemToArray(out, item);
        else
            cJSON_AddItemToObject(out, v->entries[i].key ? v->entries[i].key : index, item);
    }
    return out;
}

struct cJSON *conf_to_json(const struct conf_value *v)
{
    switch (v->type) {
    case CONF_BOOLEAN: return cJSON_CreateBool(v->boolean);
    case CONF_INTEGER:
    case CONF_NUMBER: return cJSON_CreateNumber(v->number);
    case CONF_STRING: return cJSON_CreateString(v->string);
    default: return conf_table_json(v);
    }
}

void conf_problem(struct conf_report *r, const struct conf_value *v, const char *fmt, ...)
{
    if (++r->problems > CONF_PROBLEMS_MAX)
        return;
    buf_addf(r->out, "%s:%d: ", r->file, v ? v->line : 1);
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (const char *p = text; *p; p++) /* one problem is one line, whatever a key holds */
        buf_addc(r->out, (unsigned char)*p < ' ' ? '?' : *p);
    buf_addc(r->out, '\n');
    if (r->problems == CONF_PROBLEMS_MAX)
        buf_addf(r->out, "%s: more problems are not shown\n", r->file);
}

/* Edit distance in which two letters that changed places count as one mistake. */
static int conf_distance(const char *a, const char *b)
{
    int n = (int)strlen(a), m = (int)strlen(b);
    int row[3][CONF_WORD_MAX + 1];
    if (n > CONF_WORD_MAX || m > CONF_WORD_MAX)
        return CONF_WORD_MAX;
    for (int j = 0; j <= m; j++)
        row[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *now = row[i % 3], *before = row[(i + 2) % 3];
        now[0] = i;
        for (int j = 1; j <= m; j++) {
            int best = before[j - 1] + (a[i - 1] != b[j - 1]);
            if (before[j] + 1 < best)
                best = before[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                row[(i + 1) % 3][j - 2] + 1 < best)
                best = row[(i + 1) % 3][j - 2] + 1;
            now[j] = best;
        }
    }
    return row[n % 3][m];
}

const char *conf_nearest(const char *name, const char *const *known)
{
    const char *best = NULL;
    int least = (int)strlen(name) / 2 + 1;
    for (; *known; known++) {
        int d = conf_distance(name, *known);
        if (d < least || (d == least && !best && d <= 2)) {
            least = d;
            best = *known;
        }
    }
    return best;
}

static void conf_known_words(const char *const *known, struct buf *out)
{
    for (int i = 0; known[i]; i++)
        buf_addf(out, "%s%s", i ? ", " : "", known[i]);
}

void conf_check_keys(struct conf_report *r, const struct conf_value *table, const char *where,
                     const char *const *known, bool list)
{
    if (!list && table->nlist > 0)
        conf_problem(r, &table->entries[0].value, "%s: a value without a key", where);
    for (int i = table->nlist; i < table->nentries; i++) {
        const char *key = table->entries[i].key;
        int j = 0;
        while (known[j] && strcmp(known[j], key) != 0)
            j++;
        if (known[j])
            continue;
        const char *near = conf_nearest(key, known);
        struct buf words = {0};
        conf_known_words(known, &words);
        if (near)
            conf_problem(r, &table->entries[i].value, "%s: unknown key '%s'; did you mean '%s'?",
                         where, key, near);
        else
            conf_problem(r, &table->entries[i].value, "%s: unknown key '%s'; known are %s", where,
                         key, buf_cstr(&words));
        buf_free(&words);
    }
}

static const struct conf_value *conf_typed(struct conf_report *r, const struct conf_value *table,
                                           const char *key, enum conf_type type, const char *want)
{
    const struct conf_value *v = conf_get(table, key);
    if (!v)
        return NULL;
    if (v->type == type)
        return v;
    conf_problem(r, v, "%s must be %s, not %s", key, want, conf_type_name(v));
    return NULL;
}

bool conf_string(struct conf_report *r, const struct conf_value *table, const char *key,
                 const char **out)
{
    const struct conf_value *v = conf_typed(r, table, key, CONF_STRING, "a text");
    if (!v)
        return false;
    if (strlen(v->string) != v->len) {
        conf_problem(r, v, "%s contains a NUL byte", key);
        return false;
    }
    *out = v->string;
    return true;
}

bool conf_boolean(struct conf_report *r, const struct conf_value *table, const char *key, bool *out)
{
    const struct conf_value *v = conf_typed(r, table, key, CONF_BOOLEAN, "true or false");
    if (v)
        *out = v->boolean;
    return v != NULL;
}

/* A number with an integer value ("3" or "3.0"). */
static bool conf_whole(const struct conf_value *v)
{
    return v->type == CONF_INTEGER ||
           (v->type == CONF_NUMBER && floor(v->number) == v->number && fabs(v->number) < 9e15);
}

bool conf_integer(struct conf_report *r, const struct conf_value *table, const char *key,
                  int64_t min, int64_t max, int64_t *out)
{
    const struct conf_value *v = conf_get(table, key);
    if (!v)
        return false;
    if (!conf_whole(v)) {
        conf_problem(r, v, "%s must be a whole number, not %s", key,
                     v->type == CONF_NUMBER ? "a fraction" : conf_type_name(v));
        return false;
    }
    if (v->integer < min || v->integer > max) {
        conf_problem(r, v, "%s is %lld; it must be between %lld and %lld", key,
                     (long long)v->integer, (long long)min, (long long)max);
        return false;
    }
    *out = v->integer;
    return true;
}

bool conf_duration(struct conf_report *r, const struct conf_value *table, const char *key,
                   int64_t min_ms, int64_t *out)
{
    const struct conf_value *v = conf_get(table, key);
    if (!v)
        return false;
    int64_t ms = -1;
    if (v->type == CONF_STRING && !time_parse_duration(v->string, &ms))
        ms = -1;
    else if ((v->type == CONF_INTEGER || v->type == CONF_NUMBER) && v->number >= 0 &&
             v->number < 4e8)
        ms = (int64_t)(v->number * 1000);
    if (ms < 0) {
        conf_problem(r, v, "%s must be a duration like \"30s\" or \"10m\"", key);
        return false;
    }
    if (ms < min_ms) {
        conf_problem(r, v, "%s must be at least %lldms", key, (long long)min_ms);
        return false;
    }
    *out = ms;
    return true;
}

static bool conf_parse_size(const char *s, double *out)
{
    char *end;
    double n = strtod(s, &end);
    static const char units[] = "KMG";
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (end == s || !(n >= 0) || n > 1e15)
        return false;
    if (unit) {
        n *= (double)(1LL << (10 * (unit - units + 1)));
        end++;
        if (strcmp(end, "iB") == 0 || strcmp(end, "B") == 0)
            end += strlen(end);
    }
    *out = n;
    return *end == '\0';
}

bool conf_size(struct conf_report *r, const struct conf_value *table, const char *key, int64_t min,
               int64_t max, int64_t *out)
{
    const struct conf_value *v = conf_get(table, key);
    if (!v)
        return false;
    double n = -1;
    if (v->type == CONF_STRING && !conf_parse_size(v->string, &n))
        n = -1;
    else if (v->type == CONF_INTEGER || v->type == CONF_NUMBER)
        n = v->number;
    if (!(n >= 0) || n > 1e15) {
        conf_problem(r, v, "%s must be a size in bytes like 65536 or \"32M\"", key);
        return false;
    }
    if (n < (double)min || n > (double)max) {
        conf_problem(r, v, "%s must be between %lld and %lld bytes", key, (long long)min,
                     (long long)max);
        return false;
    }
    *out = (int64_t)n;
    return true;
}

const struct conf_value *conf_table(struct conf_report *r, const struct conf_value *table,
                                    const char *key)
{
    return conf_typed(r, table, key, CONF_TABLE, "a table");
}
