/* playbook_flows.c -- the `flows` of a playbook: which, in which order, with which parameters.
 * Callers: lua/playbook.c. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lua/playbook_internal.h"

static const char *const no_words[] = {NULL};

/* The parameter names of a flow, for conf_nearest; the caller frees the list only. */
static const char **flows_param_names(const struct flow_info *info)
{
    const char **names = mem_zero(((size_t)info->nparams + 1) * sizeof *names);
    for (int i = 0; i < info->nparams; i++)
        names[i] = info->params[i].name;
    return names;
}

void loader_check_names(struct loader *l, const struct flow *flow, const struct conf_value *given)
{
    const struct flow_info *info = flow_info(flow);
    const char **names = flows_param_names(info);
    for (int i = given->nlist; i < given->nentries; i++) {
        const char *key = given->entries[i].key;
        if (flow_param(flow, key) || strcmp(key, "ring") == 0)
            continue;
        const char *moved = flow_moved(flow, key), *near = conf_nearest(key, names);
        if (moved) {
            conf_problem(&l->report, &given->entries[i].value,
                         "flow %s has no parameter '%s' any more; it is %s now", info->name, key,
                         moved);
            continue;
        }
        conf_problem(&l->report, &given->entries[i].value, "flow %s has no parameter '%s'%s%s%s",
                     info->name, key, near ? "; did you mean '" : "", near ? near : "",
                     near ? "'?" : "");
    }
    free(names);
}

/* Checks one value and puts it into params. `what` begins the message when the value is not the playbook's own. */
static void flows_put(struct loader *l, const struct flow *flow, cJSON *params, const char *name,
                      const cJSON *value, const struct conf_value *at)
{
    struct buf why = {0};
    cJSON *checked = param_check(flow, name, value, &why);
    if (checked)
        cJSON_AddItemToObject(params, name, checked);
    else
        conf_problem(&l->report, at, "%s",
                     why.len ? buf_cstr(&why) : "a parameter has a wrong value");
    buf_free(&why);
}

/* Where a value comes from, beside the value. */
static struct value_slot flows_origin(int param, enum value_from from, int folder, int line)
{
    return (struct value_slot){
        .param = (uint16_t)param, .from = (uint8_t)from, .file = (uint8_t)folder, .line = line};
}

static struct value_slot flows_put_text(struct loader *l, const char *language,
                                        const struct flow *flow, cJSON *params, int i,
                                        const struct conf_value *at)
{
    const struct param *param = &flow_info(flow)->params[i];
    int folder = 0;
    const struct conf_value *text =
        loader_text(l, language, flow_info(flow)->name, param->name, &folder);
    cJSON *value = text ? conf_to_json(text) : NULL;
    if (value)
        flows_put(l, flow, params, param->name, value, at);
    else if (param->preset)
        flows_put(l, flow, params, param->name, param->preset, at);
    else
        conf_problem(&l->report, at,
                     "%s.%s has no text: give one here, or add texts.%s.%s to sop/texts/%s.lua",
                     flow_info(flow)->name, param->name, flow_info(flow)->name, param->name,
                     language);
    cJSON_Delete(value);
    return text ? flows_origin(i, VALUE_TEXTS, folder, text->line)
                : flows_origin(i, VALUE_FLOW, 0, 0);
}

/* One parameter of the flow: the playbook's value, else the text of the language, else the flow's default. */
static struct value_slot flows_put_param(struct loader *l, struct playbook *p,
                                         const struct flow *flow, cJSON *params, int i,
                                         const struct conf_value *given,
                                         const struct conf_value *at)
{
    const struct flow_info *info = flow_info(flow);
    const struct param *param = &info->params[i];
    const struct conf_value *own = given ? conf_get(given, param->name) : NULL;
    if (own) {
        cJSON *value = conf_to_json(own);
        flows_put(l, flow, params, param->name, value, own);
        cJSON_Delete(value);
        return flows_origin(i, VALUE_PLAYBOOK, 0, own->line);
    }
    if (param->type == PARAM_TEXT)
        return flows_put_text(l, p->language, flow, params, i, at);
    if (param->preset)
        flows_put(l, flow, params, param->name, param->preset, at);
    else
        conf_problem(&l->report, at, "flow %s needs a value for '%s'%s%s", info->name, param->name,
                     param->help && *param->help ? ": " : "", param->help ? param->help : "");
    return flows_origin(i, VALUE_FLOW, 0, 0);
}

static void flows_add_ring(struct loader *l, struct buf *ring, const struct conf_value *v)
{
    if (v->type != CONF_STRING || !*v->string || strpbrk(v->string, ", \t")) {
        conf_problem(&l->report, v, "ring: a ring is a tag, one word without a comma");
        return;
    }
    buf_addf(ring, "%s%s", ring->len ? "," : "", v->string);
}

/* ring = "pilot", or a list of tags: who gets a changed version first. "all" is everybody, as without it. */
static void flows_ring(struct loader *l, struct playbook_flow *f, const struct conf_value *v)
{
    struct buf ring = {0};
    bool list = v->type == CONF_TABLE && v->nlist == v->nentries && v->nlist;
    if (flow_param(f->flow, "ring"))
        conf_problem(&l->report, v,
                     "flow %s has a parameter 'ring', which a playbook cannot set: the "
                     "word says who gets a changed version first; rename the parameter",
                     flow_info(f->flow)->name);
    if (v->type == CONF_TABLE && !list)
        conf_problem(&l->report, v, "ring must be a tag or a list of tags, or \"all\"");
    for (int i = 0; list && i < v->nlist; i++)
        flows_add_ring(l, &ring, &v->entries[i].value);
    if (v->type != CONF_TABLE)
        flows_add_ring(l, &ring, v);
    bool all = selector_has_tag(ring.data, "all");
    f->ring = ring.len && !all ? mem_strdup(buf_cstr(&ring)) : NULL;
    buf_free(&ring);
}

static void flows_params(struct loader *l, struct playbook *p, struct playbook_flow *f,
                         const struct conf_value *given, const struct conf_value *at)
{
    const struct flow_info *info = flow_info(f->flow);
    f->params = cJSON_CreateObject();
    f->slots = mem_zero(((size_t)info->nparams + 1) * sizeof *f->slots);
    if (given)
        loader_check_names(l, f->flow, given);
    if (given && conf_get(given, "ring"))
        flows_ring(l, f, conf_get(given, "ring"));
    for (int i = 0; i < info->nparams; i++)
        f->slots[i] = flows_put_param(l, p, f->flow, f->params, i, given, at);
    for (int i = 0; i < info->nparams; i++)
        f->slots[i].value = cJSON_GetObjectItemCaseSensitive(f->params, info->params[i].name);
    f->values = values_root(f->slots, info->nparams);
}

static struct playbook_flow *flows_add(struct loader *l, struct playbook *p, const char *name,
                                       const struct conf_value *given, const struct conf_value *at)
{
    struct flow *flow = loader_flow(l, name, at);
    if (!flow)
        return NULL;
    for (int i = 0; i < p->nflows; i++) {
        if (p->flows[i].flow == flow) {
            conf_problem(&l->report, at, "flow %s is listed twice", name);
            return NULL;
        }
    }
    p->flows = mem_realloc(p->flows, ((size_t)p->nflows + 1) * sizeof *p->flows);
    struct playbook_flow *f = &p->flows[p->nflows++];
    *f = (struct playbook_flow){.flow = flow_retain(flow), .line = at->line};
    flows_params(l, p, f, given, at);
    return f;
}

void loader_add_off_flow(struct loader *l, struct playbook *p, const char *name,
                         const struct conf_value *at)
{
    struct playbook_flow *f = flows_add(l, p, name, NULL, at);
    if (f)
        f->off = true;
}

void loader_language_flow(struct loader *l, struct playbook_flow *f, const char *language,
                          const struct conf_value *at)
{
    const struct flow_info *info = flow_info(f->flow);
    for (int i = 0; i < f->nlanguages; i++)
        if (strcmp(f->languages[i].language, language) == 0)
            return;
    f->languages = mem_realloc(f->languages, ((size_t)f->nlanguages + 1) * sizeof *f->languages);
    struct playbook_language *to = &f->languages[f->nlanguages++];
    *to = (struct playbook_language){.language = mem_strdup(language),
                                     .slots =
                                         mem_zero(((size_t)info->nparams + 1) * sizeof *to->slots)};
    cJSON *params = cJSON_CreateObject();
    for (int i = 0; i < info->nparams; i++) {
        if (info->params[i].type != PARAM_TEXT || f->slots[i].from == VALUE_PLAYBOOK)
            continue;
        struct value_slot slot = flows_put_text(l, language, f->flow, params, i, at);
        slot.value = cJSON_DetachItemFromObjectCaseSensitive(params, info->params[i].name);
        if (slot.value)
            to->slots[to->n++] = slot;
    }
    cJSON_Delete(params);
}

/* An item of the list form: "checkin", or { "checkin", days = 28 }. */
static void flows_read_item(struct loader *l, struct playbook *p, const struct conf_value *v)
{
    if (v->type == CONF_STRING) {
        flows_add(l, p, v->string, NULL, v);
        return;
    }
    const struct conf_value *name =
        v->type == CONF_TABLE && v->nlist == 1 ? &v->entries[0].value : NULL;
    if (!name || name->type != CONF_STRING) {
        conf_problem(&l->report, v,
                     "flows: an item is \"name\" or { \"name\", parameter = value }");
        return;
    }
    flows_add(l, p, name->string, v, v);
}

/* An entry of the map form: checkin = true, checkin = false, checkin = { days = 28 }. Those that are false are left to overlays. */
static void flows_read_entry(struct loader *l, struct playbook *p, const struct conf_entry *e)
{
    const struct conf_value *v = &e->value;
    if (v->type == CONF_BOOLEAN) {
        if (v->boolean)
            flows_add(l, p, e->key, NULL, v);
        else
            loader_note_off(l, e->key, v);
    } else if (v->type == CONF_TABLE) {
        if (v->nlist > 0)
            conf_problem(&l->report, v,
                         "flow %s: parameters need names: %s = { parameter = value }", e->key,
                         e->key);
        flows_add(l, p, e->key, v, v);
    } else {
        conf_problem(&l->report, v,
                     "flow %s: expected true, false or a table of parameters, not %s", e->key,
                     conf_type_name(v));
    }
}

void loader_read_flows(struct loader *l, struct playbook *p, const struct conf_value *root)
{
    const struct conf_value *v = conf_table(&l->report, root, "flows");
    if (!v) {
        if (!conf_get(root, "flows"))
            conf_problem(&l->report, root,
                         "flows is missing: the flows to run, for example flows = { \"welcome\" }");
        return;
    }
    if (v->nentries == 0)
        conf_problem(&l->report, v, "flows is empty");
    for (int i = 0; i < v->nlist; i++)
        flows_read_item(l, p, &v->entries[i].value);
    for (int i = v->nlist; i < v->nentries; i++)
        flows_read_entry(l, p, &v->entries[i]);
}

/* ---- flows and texts, loaded once ---- */

/* Reports an unknown flow with the nearest file name. */
static void loader_no_flow(struct loader *l, const char *name, const struct conf_value *at)
{
    const char *near = NULL;
    for (int i = 0; i < l->config->nsop && !near; i++) {
        char **names = loader_list(l->config->sop[i], "flows");
        near = conf_nearest(name, names ? (const char *const *)names : no_words);
        conf_problem(&l->report, at, "there is no flow '%s' in %s/flows%s%s%s", name,
                     l->config->sop[i], near ? "; did you mean '" : "", near ? near : "",
                     near ? "'?" : "");
        loader_free_list(names);
        if (near)
            return;
    }
}

static bool loader_has_flow(const struct loader *l, const char *name)
{
    for (int i = 0; i < l->config->nsop; i++) {
        char **names = loader_list(l->config->sop[i], "flows");
        bool found = false;
        for (int j = 0; names && names[j]; j++)
            found |= strcmp(names[j], name) == 0;
        loader_free_list(names);
        if (found)
            return true;
    }
    return false;
}

static struct flow *loader_load_flow(struct loader *l, const char *name,
                                     const struct conf_value *at)
{
    struct buf why = {0};
    struct flow *flow = host_load(l->host, name, &why);
    if (flow) {
        if (why.len)
            buf_add(l->warnings, why.data, why.len);
    } else {
        l->problems++;
        if (why.len == 0)
            conf_problem(&l->report, at, "flow %s cannot be loaded", name);
        buf_add(l->err, why.data, why.len);
        if (why.len && why.data[why.len - 1] != '\n')
            buf_addc(l->err, '\n');
    }
    buf_free(&why);
    return flow;
}

struct flow *loader_flow(struct loader *l, const char *name, const struct conf_value *at)
{
    for (int i = 0; i < l->nflows; i++) {
        if (strcmp(l->flows[i].name, name) == 0)
            return l->flows[i].flow;
    }
    if (!loader_has_flow(l, name)) {
        loader_no_flow(l, name, at);
        return NULL;
    }
    struct flow *flow = loader_load_flow(l, name, at);
    l->flows = mem_realloc(l->flows, ((size_t)l->nflows + 1) * sizeof *l->flows);
    l->flows[l->nflows++] = (struct loaded_flow){mem_strdup(name), flow};
    return flow;
}

static struct loaded_texts *loader_language(struct loader *l, const char *language)
{
    for (int i = 0; i < l->ntexts; i++) {
        if (strcmp(l->texts[i].language, language) == 0)
            return &l->texts[i];
    }
    l->texts = mem_realloc(l->texts, ((size_t)l->ntexts + 1) * sizeof *l->texts);
    struct loaded_texts *t = &l->texts[l->ntexts++];
    *t = (struct loaded_texts){.language = mem_strdup(language)};
    t->files = mem_zero(((size_t)l->config->nsop + 1) * sizeof *t->files);
    t->folders = mem_zero(((size_t)l->config->nsop + 1) * sizeof *t->folders);
    for (int i = 0; i < l->config->nsop; i++) {
        char **names = loader_list(l->config->sop[i], "texts");
        bool has = false;
        for (int j = 0; names && names[j]; j++)
            has |= strcmp(names[j], language) == 0;
        loader_free_list(names);
        if (!has)
            continue;
        struct buf path = {0};
        buf_addf(&path, "%s/texts/%s.lua", l->config->sop[i], language);
        struct conf_value *v = conf_load(buf_cstr(&path), l->err);
        if (v) {
            t->folders[t->n] = i;
            t->files[t->n++] = v;
        } else {
            l->problems++;
        }
        buf_free(&path);
    }
    return t;
}

const struct conf_value *loader_text(struct loader *l, const char *language, const char *flow,
                                     const char *param, int *folder)
{
    const struct loaded_texts *t = loader_language(l, language);
    for (int i = 0; i < t->n; i++) {
        const struct conf_value *group = conf_get(t->files[i], flow);
        const struct conf_value *text = group ? conf_get(group, param) : NULL;
        if (text) {
            *folder = t->folders[i];
            return text;
        }
    }
    return NULL;
}

void loader_free(struct loader *l)
{
    for (int i = 0; i < l->nflows; i++) {
        free(l->flows[i].name);
        if (l->flows[i].flow)
            flow_release(l->flows[i].flow);
    }
    free(l->flows);
    for (int i = 0; i < l->ntexts; i++) {
        for (int j = 0; j < l->texts[i].n; j++)
            conf_free(l->texts[i].files[j]);
        free(l->texts[i].files);
        free(l->texts[i].folders);
        free(l->texts[i].language);
    }
    free(l->texts);
}
