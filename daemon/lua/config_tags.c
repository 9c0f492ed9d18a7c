/* config_tags.c -- `tags` of the configuration: which tags groups have by id, name, gateway or other tags. Callers: lua/config.c. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lua/config_internal.h"
#include "lua/selectors.h"

static bool config_tags_knows(const struct config *c, const char *gateway)
{
    for (int i = 0; i < c->ngateways; i++)
        if (c->gateways[i].conf.name && strcmp(config_gateway_key(&c->gateways[i]), gateway) == 0)
            return true;
    return strcmp(gateway, "playground") == 0;
}

static void config_tags_read_one(struct conf_report *r, struct config *c,
                                 const struct conf_value *v, struct tag_rule *t)
{
    static const char *const keys[] = {"tag", "level", "groups", NULL};
    const struct conf_value **at = NULL;
    const char *tag = NULL, *level = NULL;
    conf_check_keys(r, v, "tags", keys, false);
    t->line = v->line;
    t->level = LEVEL_GROUP;
    if (!conf_string(r, v, "tag", &tag)) {
        if (!conf_get(v, "tag"))
            conf_problem(r, v, "tags: tag is missing: the word that these groups get");
    } else if (!*tag || strchr(tag, ',') || strstr(tag, "，") || strchr(tag, ' ')) {
        conf_problem(r, conf_get(v, "tag"), "tags: a tag is one word without a comma");
    }
    if (conf_string(r, v, "level", &level)) {
        int n = level_parse(level);
        if (n < 0)
            conf_problem(r, conf_get(v, "level"), "level must be brand, region, store or group");
        t->level = n < 0 ? LEVEL_GROUP : (enum level)n;
    }
    t->tag = mem_strdup(tag ? tag : "");
    t->nselectors = selectors_read(
        r, v, "groups is missing: which groups get the tag, for example groups = { \"qq1:*\" }",
        &t->selectors, &at);
    for (int i = 0; i < t->nselectors; i++) {
        const char *gateway = t->selectors[i].gateway;
        if (gateway && !config_tags_knows(c, gateway))
            config_warn(c, r, at[i], "tags: there is no gateway %s", gateway);
    }
    free(at);
}

void config_read_tags(struct conf_report *r, struct config *c, const struct conf_value *root)
{
    const struct conf_value *v = conf_table(r, root, "tags");
    if (!v)
        return;
    if (v->nlist != v->nentries) {
        conf_problem(r, v,
                     "tags must be a list: { { tag = \"north\", groups = { \"qq1:*\" } }, ... }");
        return;
    }
    c->tags = mem_zero(((size_t)v->nlist + 1) * sizeof *c->tags);
    for (int i = 0; i < v->nlist; i++) {
        const struct conf_value *item = &v->entries[i].value;
        if (item->type == CONF_TABLE)
            config_tags_read_one(r, c, item, &c->tags[c->ntags++]);
        else
            conf_problem(r, item, "tags: an item is a table, not %s", conf_type_name(item));
    }
}

void config_free_tags(struct config *c)
{
    for (int i = 0; i < c->ntags; i++) {
        for (int j = 0; j < c->tags[i].nselectors; j++)
            selector_clear(&c->tags[i].selectors[j]);
        free(c->tags[i].selectors);
        free(c->tags[i].tag);
    }
    free(c->tags);
}
