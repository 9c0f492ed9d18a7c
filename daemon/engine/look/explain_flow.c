/* explain_flow.c -- see explain.h: one flow in a chat: is it on, in which version, with which values, and who decided each of that.
 * Callers: explain.c. */
#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engine/look/explain_part.h"
#include "engine/release/release.h"

/* A flow that is looked at. */
struct explained {
    struct explain *x;
    const struct plan_pick *pick;
    int f; /* in the playbook */
    const struct playbook_flow *pf;
    struct binding *binding;
    const char *source; /* of the file of the flow that runs */
};

/* ---- where values are written ---- */

static bool explain_is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* The line in which a parameter is declared: `name = {`, or `["name"] = {`; 0: not found. */
static int explain_declared(const char *source, const char *name)
{
    size_t n = strlen(name);
    int line = 1;
    for (const char *p = source; p && *p; p++) {
        if (p[0] == '-' && p[1] == '-') /* comments show how tables look */
            p += strcspn(p, "\n");
        line += *p == '\n';
        if (!*p)
            break;
        if (strncmp(p, name, n) != 0 || explain_is_word(p[n]) ||
            (p > source && explain_is_word(p[-1])))
            continue;
        const char *q = p + n + strspn(p + n, "\"'] ");
        if (*q == '=' && q[1 + strspn(q + 1, " ")] == '{')
            return line;
    }
    return 0;
}

/* The overlay that a slot of that line is of; NULL: not found. */
static const struct overlay *explain_overlay(const struct explained *v,
                                             const struct value_slot *slot)
{
    for (int i = v->pick->noverlays - 1; i >= 0; i--) {
        const struct overlay_flow *o = overlay_flow(v->pick->overlays[i], v->f);
        for (int j = 0; o && j < o->n; j++)
            if (o->slots[j].line == slot->line &&
                (o->slots[j].param == slot->param || v->binding->flow != v->pf->flow) &&
                cJSON_Compare(o->slots[j].value, slot->value, true))
                return v->pick->overlays[i];
    }
    return NULL;
}

static void explain_text_where(const struct explained *v, const struct value_slot *slot, cJSON *o)
{
    const char *language = v->pick->playbook->language;
    struct buf path = {0};
    for (int i = 0; i < v->pf->nlanguages; i++) {
        const struct playbook_language *l = &v->pf->languages[i];
        for (int j = 0; j < l->n; j++)
            if (&l->slots[j] == slot)
                language = l->language;
    }
    buf_addf(&path, "%s/texts/%s.lua", v->x->e->book->sop[slot->file], language);
    explain_where(o, buf_cstr(&path), slot->line);
    buf_free(&path);
}

/* The strongest good setting of a parameter. */
static const struct plan_setting *explain_setting(const struct explained *v, const char *param)
{
    const struct flow *flow = v->binding->flow;
    for (int i = v->x->nsettings - 1; i >= 0; i--) {
        const struct plan_setting *s = &v->x->settings[i];
        const char *name = plan_setting_param(s, flow_info(flow)->name);
        struct buf unused = {0};
        cJSON *value = name && strcmp(name, param) == 0
                           ? plan_setting_value(s, v->pick, v->f, flow, &unused)
                           : NULL;
        buf_free(&unused);
        cJSON_Delete(value);
        if (value)
            return s;
    }
    return NULL;
}

static void explain_from(const struct explained *v, int i, const struct value_slot *slot, cJSON *o)
{
    static const char *const names[] = {"default", "texts", "playbook", "overlay", "redis"};
    const struct flow_info *info = flow_info(v->binding->flow);
    cJSON_AddStringToObject(o, "from", names[slot->from]);
    if (slot->from == VALUE_FLOW) {
        explain_where(o, info->file, explain_declared(v->source, info->params[i].name));
    } else if (slot->from == VALUE_TEXTS) {
        explain_text_where(v, slot, o);
    } else if (slot->from == VALUE_PLAYBOOK) {
        explain_where(o, v->pick->playbook->file, slot->line);
    } else if (slot->from == VALUE_OVERLAY) {
        const struct overlay *by = explain_overlay(v, slot);
        explain_where(o, by ? by->file : v->pick->playbook->file, slot->line);
        cJSON_AddStringToObject(o, "overlay", by ? by->name : "");
    } else {
        const struct plan_setting *s = explain_setting(v, info->params[i].name);
        explain_where(o, s ? s->key : "", 0);
        cJSON_AddStringToObject(o, "field", s ? s->field : "");
    }
}

/* ---- what does not count ---- */

/* Which of those settings in Redis are passed over, and why. */
static void explain_ignored_settings(const struct explained *v, const char *param, cJSON *list)
{
    const struct flow *flow = v->binding->flow;
    for (int i = 0; i < v->x->nsettings; i++) {
        const struct plan_setting *s = &v->x->settings[i];
        const char *name = plan_setting_param(s, flow_info(flow)->name);
        struct buf problem = {0};
        if (!name || (param ? strcmp(name, param) != 0 : flow_param(flow, name) != NULL))
            continue;
        cJSON *value = plan_setting_value(s, v->pick, v->f, flow, &problem);
        if (!value) {
            cJSON *o = cJSON_CreateObject();
            cJSON_AddStringToObject(o, "where", s->key);
            cJSON_AddStringToObject(o, "field", s->field);
            cJSON_AddStringToObject(o, "value", s->value);
            cJSON_AddStringToObject(o, "problem", buf_cstr(&problem));
            cJSON_AddItemToArray(list, o);
        }
        cJSON_Delete(value);
        buf_free(&problem);
    }
}

/* Values of overlays that a wider one locks. */
static void explain_ignored_overlays(const struct explained *v, int param, cJSON *list)
{
    const struct plan_pick *pick = v->pick;
    for (int i = 0; i < pick->noverlays; i++) {
        const struct overlay *by, *own = pick->overlays[i];
        const struct overlay_flow *o = overlay_flow(own, v->f);
        for (int j = 0; o && j < o->n; j++) {
            if (o->slots[j].param != param)
                continue;
            const struct param_lock *l =
                overlays_lock(pick->playbook, pick->overlays, i, v->f, param, &by);
            if (!l || (by && by->level >= own->level))
                continue;
            cJSON *item = cJSON_CreateObject();
            struct buf problem = {0};
            explain_where(item, own->file, o->slots[j].line);
            cJSON_AddItemToObject(item, "value", cJSON_Duplicate(o->slots[j].value, 1));
            buf_addf(&problem, "locked by %s:%d", by ? by->file : pick->playbook->file, l->line);
            cJSON_AddStringToObject(item, "problem", buf_cstr(&problem));
            buf_free(&problem);
            cJSON_AddItemToArray(list, item);
        }
    }
}

static void explain_lock(const struct explained *v, int param, cJSON *o)
{
    const struct overlay *by;
    const struct param_lock *l =
        overlays_lock(v->pick->playbook, v->pick->overlays, v->pick->noverlays, v->f, param, &by);
    struct buf where = {0};
    if (!l)
        return;
    buf_addf(&where, "%s:%d", by ? by->file : v->pick->playbook->file, l->line);
    cJSON_AddStringToObject(o, "locked", buf_cstr(&where));
    buf_free(&where);
}

/* ---- parameters ---- */

static void explain_param(const struct explained *v, int i, cJSON *list)
{
    const struct flow *flow = v->binding->flow;
    const struct param *p = &flow_info(flow)->params[i];
    const struct value_slot *slot = values_slot(v->binding->values, i);
    const struct param *own = flow_param(v->pf->flow, p->name); /* as the playbook knows it */
    int place = own ? (int)(own - flow_info(v->pf->flow)->params) : -1;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "param", p->name);
    cJSON_AddItemToObject(
        o, "value", slot && slot->value ? cJSON_Duplicate(slot->value, 1) : cJSON_CreateNull());
    if (slot)
        explain_from(v, i, slot, o);
    if (p->preset)
        cJSON_AddItemToObject(o, "default", cJSON_Duplicate(p->preset, 1));
    cJSON_AddBoolToObject(o, "changed", slot && slot->from >= VALUE_PLAYBOOK);
    cJSON *ignored = cJSON_AddArrayToObject(o, "ignored");
    explain_ignored_settings(v, p->name, ignored);
    if (place >= 0) {
        explain_lock(v, place, o);
        explain_ignored_overlays(v, place, ignored);
    }
    cJSON_AddItemToArray(list, o);
}

/* ---- on or off ---- */

static void explain_switch(const struct explained *v, cJSON *o)
{
    struct flow_why why;
    bool on = routes_flow_on(v->x->chat, v->binding, &why);
    cJSON_AddBoolToObject(o, "on", on);
    cJSON_AddStringToObject(o, "why", why.word);
    if (why.value.key) {
        explain_where(o, why.value.key, 0);
        cJSON_AddStringToObject(o, "field", why.value.field);
        cJSON_AddStringToObject(o, "setting", why.value.value);
        return;
    }
    for (int i = v->pick->noverlays - 1; i >= 0; i--) {
        const struct overlay_flow *of = overlay_flow(v->pick->overlays[i], v->f);
        if (of && of->on >= 0) {
            cJSON_AddStringToObject(o, "overlay", v->pick->overlays[i]->name);
            explain_where(o, v->pick->overlays[i]->file, of->line);
            return;
        }
    }
    explain_where(o, v->pick->playbook->file, v->pf->line);
}

static void explain_version(const struct explained *v, cJSON *o)
{
    const char *key = release_decided_by(v->x->e, &v->x->at, v->pf->flow);
    const char *version = flow_info(v->binding->flow)->version;
    cJSON_AddStringToObject(o, "version", version);
    cJSON_AddStringToObject(o, "newest", flow_info(v->pf->flow)->version);
    if (key)
        cJSON_AddStringToObject(o, "version_where", key);
}

void explain_flow(struct explain *x, const struct plan_pick *pick, int f, cJSON *list)
{
    struct explained v = {.x = x, .pick = pick, .f = f, .pf = &pick->playbook->flows[f]};
    const struct flow_info *newest = flow_info(v.pf->flow);
    struct flow *flow = release_serve(x->e, &x->at, v.pf->flow);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddItemToArray(list, o);
    cJSON_AddStringToObject(o, "flow", newest->name);
    cJSON_AddStringToObject(o, "title", newest->title);
    cJSON_AddStringToObject(o, "playbook", pick->playbook->name);
    if (!flow) { /* new, and only in its first ring */
        const char *key = release_decided_by(x->e, &x->at, v.pf->flow);
        cJSON_AddBoolToObject(o, "on", false);
        cJSON_AddStringToObject(o, "why", "not rolled out yet");
        explain_where(o, key ? key : "", 0);
        cJSON_AddStringToObject(o, "version", "");
        cJSON_AddStringToObject(o, "newest", newest->version);
        cJSON_AddArrayToObject(o, "params");
        cJSON_AddArrayToObject(o, "ignored");
        return;
    }
    v.binding = plan_bind(x->gw, pick, f, flow, x->settings, x->nsettings);
    explain_switch(&v, o);
    explain_version(&v, o);
    size_t len;
    const char *sources = flow_source(flow, &len);
    cJSON *files = sources ? cJSON_ParseWithLength(sources, len) : NULL;
    v.source = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(files, flow_info(flow)->file));
    cJSON *params = cJSON_AddArrayToObject(o, "params");
    for (int i = 0; i < flow_info(flow)->nparams; i++)
        explain_param(&v, i, params);
    explain_ignored_settings(&v, NULL, cJSON_AddArrayToObject(o, "ignored"));
    cJSON_Delete(files);
    binding_release(v.binding);
}
