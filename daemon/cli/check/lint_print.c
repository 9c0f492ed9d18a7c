/* lint_print.c -- findings and plan as text and as JSON. Caller: cli/check/check.c. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/check/lint.h"

void lint_print(const struct lint *l, enum lint_severity severity, struct buf *out)
{
    for (int i = 0; i < l->nfindings; i++) {
        const struct finding *f = &l->findings[i];
        if (f->severity != severity)
            continue;
        buf_addf(out, "%s:%d: %s", f->file, f->line, f->what);
        if (!f->told)
            buf_addf(out, "; %s", f->code->remedy);
        buf_addf(out, " [%s]\n", f->code->code);
    }
}

static void print_clock(int64_t ms, char out[24])
{
    int64_t s = ms / 1000, day = s / 86400;
    int n = snprintf(out, 24, "%02d:%02d", (int)(s / 3600 % 24), (int)(s / 60 % 60));
    if (s % 60)
        n += snprintf(out + n, 24 - (size_t)n, ":%02d", (int)(s % 60));
    if (day)
        snprintf(out + n, 24 - (size_t)n, " +%dd", (int)day);
}

void lint_print_posts(const struct lint *l, struct buf *out)
{
    for (int i = 0; i < l->nposts; i++) {
        const struct lint_post *p = &l->posts[i];
        char at[24], last[24];
        print_clock(p->at_ms, at);
        print_clock(p->last_ms, last);
        buf_addf(out, "%s: %s.%s at %s to %d groups by gateway %s: the last one is reached at %s\n",
                 p->playbook, p->flow, p->name, at, p->groups, p->gateway, last);
    }
}

void lint_print_codes(struct buf *out)
{
    for (const struct lint_code *c = lint_codes(); c->code; c++)
        buf_addf(out, "%s  %-7s  %s: %s\n", c->code, lint_severity_name(c->severity), c->title,
                 c->remedy);
}

/* ---- JSON ---- */

static void print_text(cJSON *to, const char *name, const char *text)
{
    if (text)
        cJSON_AddStringToObject(to, name, text);
}

static cJSON *print_findings(const struct lint *l)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < l->nfindings; i++) {
        const struct finding *f = &l->findings[i];
        cJSON *o = cJSON_CreateObject();
        print_text(o, "code", f->code->code);
        print_text(o, "severity", lint_severity_name(f->severity));
        print_text(o, "title", f->code->title);
        print_text(o, "file", f->file);
        cJSON_AddNumberToObject(o, "line", f->line);
        print_text(o, "playbook", f->playbook);
        print_text(o, "flow", f->flow);
        print_text(o, "what", f->what);
        print_text(o, "remedy", f->code->remedy);
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static cJSON *print_plan(const struct lint *l)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < l->nposts; i++) {
        const struct lint_post *p = &l->posts[i];
        cJSON *o = cJSON_CreateObject();
        char at[24], last[24];
        print_clock(p->at_ms, at);
        print_clock(p->last_ms, last);
        print_text(o, "playbook", p->playbook);
        print_text(o, "flow", p->flow);
        print_text(o, "name", p->name);
        print_text(o, "gateway", p->gateway);
        cJSON_AddNumberToObject(o, "groups", p->groups);
        print_text(o, "at", at);
        print_text(o, "last", last);
        const int64_t seconds = (p->last_ms - p->at_ms) / 1000, late = p->late_ms / 1000;
        cJSON_AddNumberToObject(o, "seconds", (double)seconds);
        cJSON_AddNumberToObject(o, "late", (double)late);
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

void lint_print_json(const struct lint *l, const char *config, int ngateways, int nbooks, bool good,
                     struct buf *out)
{
    cJSON *o = cJSON_CreateObject();
    print_text(o, "config", config);
    cJSON_AddBoolToObject(o, "good", good);
    cJSON_AddNumberToObject(o, "errors", lint_count(l, LINT_ERROR));
    cJSON_AddNumberToObject(o, "warnings", lint_count(l, LINT_WARNING));
    cJSON_AddNumberToObject(o, "notes", lint_count(l, LINT_NOTE));
    cJSON_AddNumberToObject(o, "gateways", ngateways);
    cJSON_AddNumberToObject(o, "playbooks", nbooks);
    cJSON_AddItemToObject(o, "findings", print_findings(l));
    cJSON_AddItemToObject(o, "plan", print_plan(l));
    char *text = cJSON_Print(o);
    buf_adds(out, text ? text : "{}");
    buf_addc(out, '\n');
    cJSON_free(text);
    cJSON_Delete(o);
}
