/* lint_place.c -- where a value is written: the playbook, a file of texts, or the flow. Lines come from the trees of lua/luaconf.h.
 * Callers: the checks of cli/lint*.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/check/lint_internal.h"

void place_in_flow(const struct linter *k, int line, struct place *out)
{
    *out = (struct place){.line = line};
    for (int i = 0; i < k->config->nsop && !out->own; i++) {
        struct buf path = {0};
        buf_addf(&path, "%s/%s", k->config->sop[i], k->flow->file);
        if (access(buf_cstr(&path), R_OK) == 0)
            out->own = buf_take(&path);
        buf_free(&path);
    }
    out->file = out->own ? out->own : k->flow->file;
}

/* The entry of the flow in `flows`: its name, or the table with its parameters. */
static const struct conf_value *place_entry(const struct linter *k)
{
    const struct conf_value *flows = k->root ? conf_get(k->root, "flows") : NULL;
    if (!flows || flows->type != CONF_TABLE || !k->flow)
        return NULL;
    for (int i = 0; i < flows->nlist; i++) {
        const struct conf_value *v = &flows->entries[i].value;
        const struct conf_value *name =
            v->type == CONF_TABLE && v->nlist > 0 ? &v->entries[0].value : v;
        if (name->type == CONF_STRING && strcmp(name->string, k->flow->name) == 0)
            return v;
    }
    return conf_get(flows, k->flow->name);
}

void place_of_flow(const struct linter *k, struct place *out)
{
    const struct conf_value *v = place_entry(k);
    *out = (struct place){.file = k->p->file, .line = v ? v->line : 1, .value = v};
}

/* What the overlay that is looked at gives. */
static const struct conf_value *place_overlaid(const struct linter *k, const char *param)
{
    const struct conf_value *flows = k->overlay_table ? conf_get(k->overlay_table, "flows") : NULL;
    const struct conf_value *v = flows && k->flow ? conf_get(flows, k->flow->name) : NULL;
    return v && v->type == CONF_TABLE ? conf_get(v, param) : NULL;
}

const struct conf_value *lint_given(const struct linter *k, const char *param)
{
    const struct conf_value *own = place_overlaid(k, param);
    if (own)
        return own;
    const struct conf_value *v = place_entry(k);
    return v && v->type == CONF_TABLE ? conf_get(v, param) : NULL;
}

static const struct lint_texts *place_text(struct linter *k, const char *param,
                                           const struct conf_value **out)
{
    for (int i = 0; i < k->ntexts; i++) {
        struct lint_texts *t = &k->texts[i];
        if (!t->root || strcmp(t->language, k->p->language) != 0)
            continue;
        const struct conf_value *group = conf_get(t->root, k->flow->name);
        *out = group && group->type == CONF_TABLE ? conf_get(group, param) : NULL;
        if (*out)
            return t;
    }
    return NULL;
}

/* Where the flow declares a parameter, 1 if that cannot be told. */
static int place_declared(const struct linter *k, const char *param)
{
    size_t len = 0;
    const char *text = flow_source(k->pf->flow, &len);
    cJSON *sources = text ? cJSON_ParseWithLength(text, len) : NULL;
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(sources, k->flow->file);
    int line = cJSON_IsString(own) ? tokens_param_line(own->valuestring, param) : 0;
    cJSON_Delete(sources);
    return line ? line : 1;
}

void place_of_param(struct linter *k, const char *param, struct place *out)
{
    const struct conf_value *v = lint_given(k, param);
    const struct param *p = flow_param(k->pf->flow, param);
    if (v) {
        bool overlaid = v == place_overlaid(k, param);
        *out = (struct place){
            .file = overlaid ? k->overlay->file : k->p->file, .line = v->line, .value = v};
        return;
    }
    const struct lint_texts *t = p && p->type == PARAM_TEXT ? place_text(k, param, &v) : NULL;
    if (t)
        *out = (struct place){.file = t->path, .line = v->line, .value = v};
    else
        place_in_flow(k, place_declared(k, param), out);
}

void place_free(struct place *p)
{
    free(p->own);
    p->own = NULL;
}

void lint_load_texts(struct linter *k, const char *language)
{
    for (int i = 0; i < k->ntexts; i++) {
        if (strcmp(k->texts[i].language, language) == 0)
            return;
    }
    for (int i = 0; i < k->config->nsop; i++) {
        struct buf path = {0}, unused = {0};
        buf_addf(&path, "%s/texts/%s.lua", k->config->sop[i], language);
        bool there = access(buf_cstr(&path), R_OK) == 0;
        struct conf_value *root = there ? conf_load(buf_cstr(&path), &unused) : NULL;
        k->texts = mem_realloc(k->texts, ((size_t)k->ntexts + 1) * sizeof *k->texts);
        k->texts[k->ntexts++] = (struct lint_texts){mem_strdup(language), buf_take(&path), root};
        buf_free(&unused);
    }
}

/* ---- strings in values ---- */

/* What is written for an item: of the list, or of that name; else the value around it, whose line is the nearest that is known. */
static const struct conf_value *place_item(const struct conf_value *v, const cJSON *item, int i)
{
    const struct conf_value *found = NULL;
    if (!v || v->type != CONF_TABLE)
        return v;
    if (item->string)
        found = conf_get(v, item->string);
    else if (i < v->nlist)
        found = &v->entries[i].value;
    return found ? found : v;
}

static void place_walk(struct linter *k, const struct param *p, const char *key, const cJSON *v,
                       const struct place *at, lint_string_fn *fn)
{
    if (cJSON_IsString(v)) {
        fn(k, p, key, v->valuestring, at);
        return;
    }
    const cJSON *item;
    int i = 0;
    cJSON_ArrayForEach (item, v) {
        struct place inner = *at;
        inner.value = place_item(at->value, item, i++);
        inner.line = inner.value ? inner.value->line : at->line;
        place_walk(k, p, item->string ? item->string : key, item, &inner, fn);
    }
}

void lint_each_string(struct linter *k, const struct param *p, lint_string_fn *fn)
{
    const cJSON *v = lint_value(k, p->name);
    struct place at;
    place_of_param(k, p->name, &at);
    if (v)
        place_walk(k, p, p->name, v, &at, fn);
    place_free(&at);
}
