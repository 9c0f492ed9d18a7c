/* lint_texts.c -- texts as such: empty ones, variants that are the same, and those that no flow reads. Caller: cli/check/lint.c. */
#include <string.h>
#include <unistd.h>

#include "cli/check/lint_internal.h"

static bool texts_blank(const char *s)
{
    return s[strspn(s, " \t\r\n")] == '\0';
}

/* A text that the flow itself leaves empty: then it says nothing there. */
static bool texts_may_be_blank(const struct param *p)
{
    return cJSON_IsString(p->preset) && texts_blank(p->preset->valuestring);
}

static void texts_empty(struct linter *k, const struct param *p, const char *key, const char *text,
                        const struct place *at)
{
    (void)key;
    if (texts_blank(text) && !texts_may_be_blank(p))
        lint_add(k, "L013", at->file, at->line, "the text %s.%s is empty", k->flow->name, p->name);
}

static void texts_same(struct linter *k, const struct param *p)
{
    const cJSON *list = lint_value(k, p->name), *a, *b;
    struct place at;
    place_of_param(k, p->name, &at);
    int i = 0;
    cJSON_ArrayForEach (a, list) {
        const struct conf_value *own =
            at.value && at.value->type == CONF_TABLE && i < at.value->nlist
                ? &at.value->entries[i].value
                : at.value;
        i++;
        for (b = list->child; b && b != a; b = b->next) {
            if (strcmp(a->valuestring, b->valuestring) == 0)
                lint_add(k, "L014", at.file, own ? own->line : at.line,
                         "the text %s.%s has a variant twice (the %dth is one before it)",
                         k->flow->name, p->name, i);
        }
    }
    place_free(&at);
}

void lint_text_values(struct linter *k)
{
    for (int i = 0; i < k->flow->nparams; i++) {
        const struct param *p = &k->flow->params[i];
        if (p->type != PARAM_TEXT)
            continue;
        lint_each_string(k, p, texts_empty);
        if (cJSON_IsArray(lint_value(k, p->name)))
            texts_same(k, p);
    }
}

/* ---- texts that nobody reads ---- */

static bool texts_flow_exists(const struct linter *k, const char *name)
{
    bool found = false;
    for (int i = 0; i < k->config->nsop && !found; i++) {
        struct buf path = {0};
        buf_addf(&path, "%s/flows/%s.lua", k->config->sop[i], name);
        found = access(buf_cstr(&path), R_OK) == 0;
        buf_free(&path);
    }
    return found;
}

static const struct flow *texts_flow(const struct linter *k, const char *name)
{
    for (int i = 0; i < k->p->nflows; i++) {
        if (strcmp(flow_info(k->p->flows[i].flow)->name, name) == 0)
            return k->p->flows[i].flow;
    }
    return NULL;
}

static void texts_group(struct linter *k, const struct lint_texts *t,
                        const struct conf_entry *group)
{
    const struct flow *flow = texts_flow(k, group->key);
    const struct conf_value *v = &group->value;
    if (strcmp(group->key, "buttons") == 0) /* of no flow: lua/playbook.c reads them */
        return;
    if (!flow && !texts_flow_exists(k, group->key))
        lint_add(k, "L016", t->path, v->line, "there is no flow %s to read these texts",
                 group->key);
    for (int i = v->nlist; flow && v->type == CONF_TABLE && i < v->nentries; i++) {
        const struct conf_entry *e = &v->entries[i];
        const struct param *p = flow_param(flow, e->key);
        if (!p)
            lint_add(k, "L015", t->path, e->value.line,
                     "flow %s has no parameter '%s' to read this text", group->key, e->key);
        else if (p->type != PARAM_TEXT)
            lint_add(k, "L015", t->path, e->value.line,
                     "the parameter %s.%s is no text: only the playbook gives it", group->key,
                     e->key);
    }
}

void lint_text_files(struct linter *k)
{
    for (int i = 0; i < k->ntexts; i++) {
        const struct lint_texts *t = &k->texts[i];
        if (!t->root || strcmp(t->language, k->p->language) != 0)
            continue;
        for (int j = t->root->nlist; j < t->root->nentries; j++)
            texts_group(k, t, &t->root->entries[j]);
    }
}
