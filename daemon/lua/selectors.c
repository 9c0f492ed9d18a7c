/* selectors.c -- see selectors.h. Callers: lua/playbook.c, playbook_overlays.c, config_tags.c. */
#include "lua/selectors.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* "all", "qq1:*", "qq1:700000001". */
static bool selectors_read_name(struct conf_report *r, const struct conf_value *v,
                                struct selector *s)
{
    const char *text = v->string, *colon = strchr(text, ':');
    if (strcmp(text, "all") == 0) {
        s->kind = SELECT_ALL;
        return true;
    }
    if (!colon || colon == text || !colon[1]) {
        conf_problem(
            r, v,
            "groups: '%s' must be \"gateway:group\", \"gateway:*\", \"all\", { tag = ... } or "
            "{ name = ... }",
            text);
        return false;
    }
    s->gateway = mem_strndup(text, (size_t)(colon - text));
    s->kind = strcmp(colon + 1, "*") == 0 ? SELECT_GATEWAY : SELECT_CHAT;
    s->value = s->kind == SELECT_CHAT ? mem_strdup(colon + 1) : NULL;
    if (s->value && strchr(s->value, '*'))
        conf_problem(
            r, v,
            "groups: '%s': * stands for all groups of a gateway only; patterns go by name: "
            "{ name = \"*...*\" }",
            text);
    return true;
}

static bool selectors_read_one(struct conf_report *r, const struct conf_value *v,
                               struct selector *s)
{
    static const char *const keys[] = {"tag", "name", NULL};
    if (v->type == CONF_STRING)
        return selectors_read_name(r, v, s);
    if (v->type != CONF_TABLE || v->nentries != 1) {
        conf_problem(
            r, v,
            "groups: an item is \"gateway:group\", \"all\", { tag = \"...\" } or { name = \"...\" }");
        return false;
    }
    conf_check_keys(r, v, "groups", keys, false);
    const char *text = NULL;
    if (conf_string(r, v, "tag", &text))
        s->kind = SELECT_TAG;
    else if (conf_string(r, v, "name", &text))
        s->kind = SELECT_NAME;
    else
        return false;
    if (s->kind == SELECT_TAG && (!*text || strchr(text, ',')))
        conf_problem(r, v, "groups: a tag is one word without a comma");
    s->value = mem_strdup(text);
    return true;
}

int selectors_read(struct conf_report *r, const struct conf_value *table, const char *missing,
                   struct selector **out, const struct conf_value ***at)
{
    const struct conf_value *v = conf_get(table, "groups");
    if (!v) {
        conf_problem(r, table, "%s", missing);
        return 0;
    }
    bool single = v->type == CONF_STRING;
    if (!single && (v->type != CONF_TABLE || v->nlist != v->nentries || v->nlist == 0)) {
        conf_problem(
            r, v, "groups must be a list, for example { \"qq1:700000001\", { tag = \"store\" } }");
        return 0;
    }
    int n = single ? 1 : v->nlist, good = 0;
    *out = mem_zero((size_t)n * sizeof **out);
    if (at)
        *at = mem_zero((size_t)n * sizeof **at);
    for (int i = 0; i < n; i++) {
        const struct conf_value *item = single ? v : &v->entries[i].value;
        if (!selectors_read_one(r, item, &(*out)[good]))
            continue;
        if (at)
            (*at)[good] = item;
        good++;
    }
    return good;
}
