/* playbook_overlays.c -- the overlays of a playbook: values of its own for some of its groups. They stand in the playbook under
 * `overlays`, and in the files of the folder that is called like it, one overlay each.
 * All are read before any is looked at: a flow that the playbook has as `false` is loaded if one of them wants it.
 * Callers: lua/playbook.c. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "lua/playbook_internal.h"

/* An overlay as it is read: its table, and where that stands. */
struct source {
    struct overlay *overlay;
    const struct conf_value *table;
    struct conf_value *root; /* of its own file, owned; NULL: it stands in the playbook */
    char *path;              /* likewise */
};

struct sources {
    struct loader *l;
    struct playbook *p;
    struct source *list;
    int n;
};

void loader_note_off(struct loader *l, const char *name, const struct conf_value *at)
{
    l->offs = mem_realloc(l->offs, ((size_t)l->noffs + 1) * sizeof *l->offs);
    l->offs[l->noffs++] = (struct loaded_off){name, at};
}

/* ---- flows and parameters ---- */

static int overlays_find_flow(const struct playbook *p, const char *name)
{
    for (int i = 0; i < p->nflows; i++)
        if (strcmp(flow_info(p->flows[i].flow)->name, name) == 0)
            return i;
    return -1;
}

static void overlays_no_flow(struct sources *s, const char *name, const struct conf_value *at)
{
    const char **names = mem_zero(((size_t)s->p->nflows + 1) * sizeof *names);
    for (int i = 0; i < s->p->nflows; i++)
        names[i] = flow_info(s->p->flows[i].flow)->name;
    const char *near = conf_nearest(name, names);
    conf_problem(&s->l->report, at, "playbook %s has no flow '%s'%s%s%s", s->p->name, name,
                 near ? "; did you mean '" : "; list it there, as false if it is to run here only",
                 near ? near : "", near ? "'?" : "");
    free(names);
}

static void overlays_read_param(struct sources *s, struct overlay_flow *to,
                                const struct conf_entry *e)
{
    const struct flow *flow = s->p->flows[to->flow].flow;
    const struct param *param = flow_param(flow, e->key);
    struct buf why = {0};
    if (!param)
        return; /* said already */
    int i = (int)(param - flow_info(flow)->params);
    const struct param_lock *lock = overlays_lock(s->p, NULL, 0, to->flow, i, NULL);
    if (lock)
        conf_problem(&s->l->report, &e->value, "%s.%s is locked by %s:%d", flow_info(flow)->name,
                     e->key, s->p->file, lock->line);
    cJSON *raw = conf_to_json(&e->value), *value = param_check(flow, e->key, raw, &why);
    if (value)
        to->slots[to->n++] = (struct value_slot){
            .value = value, .param = (uint16_t)i, .from = VALUE_OVERLAY, .line = e->value.line};
    else
        conf_problem(&s->l->report, &e->value, "%s",
                     why.len ? buf_cstr(&why) : "a parameter has a wrong value");
    cJSON_Delete(raw);
    buf_free(&why);
}

static void overlays_read_flow(struct sources *s, struct overlay *o, const struct conf_entry *e)
{
    const struct conf_value *v = &e->value;
    int flow = overlays_find_flow(s->p, e->key);
    if (flow < 0) {
        overlays_no_flow(s, e->key, v);
        return;
    }
    struct overlay_flow *to = &o->flows[o->nflows++];
    *to = (struct overlay_flow){.flow = flow, .on = -1, .line = v->line};
    if (v->type == CONF_BOOLEAN) {
        to->on = v->boolean;
    } else if (v->type == CONF_TABLE) {
        if (v->nlist > 0)
            conf_problem(&s->l->report, v,
                         "flow %s: parameters need names: %s = { parameter = value }", e->key,
                         e->key);
        if (s->p->flows[flow].off)
            to->on = 1;
        loader_check_names(s->l, s->p->flows[flow].flow, v);
        if (conf_get(v, "ring"))
            conf_problem(&s->l->report, conf_get(v, "ring"),
                         "flow %s: a ring is the playbook's, not an overlay's", e->key);
        if (conf_get(v, "ring"))
            conf_problem(&s->l->report, conf_get(v, "ring"),
                         "ring: an overlay cannot say it; write it in the playbook's flows");
        to->slots = mem_zero(((size_t)v->nentries + 1) * sizeof *to->slots);
        for (int i = v->nlist; i < v->nentries; i++)
            overlays_read_param(s, to, &v->entries[i]);
    } else {
        conf_problem(&s->l->report, v,
                     "flow %s: expected true, false or a table of parameters, not %s", e->key,
                     conf_type_name(v));
    }
}

static void overlays_read_flows(struct sources *s, struct overlay *o,
                                const struct conf_value *table)
{
    const struct conf_value *v = conf_table(&s->l->report, table, "flows");
    if (!v)
        return;
    if (v->nlist > 0)
        conf_problem(&s->l->report, &v->entries[0].value,
                     "overlays: write flows = { name = { parameter = value }, other = false }");
    o->flows = mem_zero(((size_t)v->nentries + 1) * sizeof *o->flows);
    for (int i = v->nlist; i < v->nentries; i++)
        overlays_read_flow(s, o, &v->entries[i]);
}

/* ---- locks ---- */

static void overlays_read_lock(struct sources *s, const struct conf_value *v,
                               struct param_lock **locks, int *n)
{
    const char *dot = v->type == CONF_STRING ? strchr(v->string, '.') : NULL;
    char *name = dot ? mem_strndup(v->string, (size_t)(dot - v->string)) : NULL;
    int flow = name ? overlays_find_flow(s->p, name) : -1;
    const struct param *param = flow >= 0 ? flow_param(s->p->flows[flow].flow, dot + 1) : NULL;
    if (!name)
        conf_problem(&s->l->report, v, "locked: an item is \"flow.parameter\"");
    else if (flow < 0)
        overlays_no_flow(s, name, v);
    else if (!param)
        conf_problem(&s->l->report, v, "locked: flow %s has no parameter '%s'", name, dot + 1);
    free(name);
    if (!param)
        return;
    *locks = mem_realloc(*locks, ((size_t)*n + 1) * sizeof **locks);
    (*locks)[(*n)++] = (struct param_lock){
        flow, (int)(param - flow_info(s->p->flows[flow].flow)->params), v->line};
}

static void overlays_read_locks(struct sources *s, const struct conf_value *table,
                                struct param_lock **locks, int *n)
{
    const struct conf_value *v = conf_table(&s->l->report, table, "locked");
    if (v && v->nlist != v->nentries)
        conf_problem(&s->l->report, v,
                     "locked must be a list, for example { \"redpacket.total\" }");
    for (int i = 0; v && i < v->nlist; i++)
        overlays_read_lock(s, &v->entries[i].value, locks, n);
}

/* Does every group that b means belong to those that a means, as far as it can be told? */
static bool overlays_covers(const struct selector *a, const struct selector *b)
{
    bool same_gateway = a->gateway && b->gateway && strcmp(a->gateway, b->gateway) == 0;
    if (a->kind == SELECT_ALL)
        return true;
    if (a->kind == SELECT_GATEWAY)
        return same_gateway;
    return a->kind == b->kind && (a->kind != SELECT_CHAT || same_gateway) &&
           strcmp(a->value, b->value) == 0;
}

static bool overlays_meet(const struct overlay *wide, const struct overlay *narrow)
{
    for (int i = 0; i < wide->nselectors; i++)
        for (int j = 0; j < narrow->nselectors; j++)
            if (overlays_covers(&wide->selectors[i], &narrow->selectors[j]))
                return true;
    return false;
}

/* What a wider overlay locks, for groups that surely have both. Where that depends on tags, it is seen at run time. */
static void overlays_check_locks(struct sources *s, const struct source *narrow)
{
    const struct overlay *o = narrow->overlay;
    for (int i = 0; i < s->n; i++) {
        const struct overlay *wide = s->list[i].overlay;
        if (!wide->nlocks || wide->level >= o->level || !overlays_meet(wide, o))
            continue;
        for (int f = 0; f < o->nflows; f++) {
            const struct overlay_flow *of = &o->flows[f];
            const struct flow_info *info = flow_info(s->p->flows[of->flow].flow);
            for (int k = 0; k < of->n * wide->nlocks; k++) {
                const struct param_lock *lock = &wide->locks[k / of->n];
                const struct value_slot *slot = &of->slots[k % of->n];
                struct conf_value at = {.line = slot->line};
                if (lock->flow == of->flow && lock->param == slot->param)
                    conf_problem(&s->l->report, &at, "%s.%s is locked by %s:%d", info->name,
                                 info->params[slot->param].name, wide->file, lock->line);
            }
        }
    }
}

/* ---- one overlay ---- */

static bool overlays_has_head(const struct conf_value *table)
{
    for (int i = 0; i < HEAD_KEYS; i++)
        if (conf_get(table, head_key_name((enum head_key)i)))
            return true;
    return false;
}

static void overlays_read_name(struct sources *s, struct overlay *o, const struct conf_value *table)
{
    const char *level = NULL, *name = NULL;
    if (conf_string(&s->l->report, table, "level", &level)) {
        int n = level_parse(level);
        if (n < 0)
            conf_problem(&s->l->report, conf_get(table, "level"),
                         "level must be brand, region, store or group");
        o->level = n < 0 ? LEVEL_GROUP : (enum level)n;
    } else if (!conf_get(table, "level")) {
        conf_problem(&s->l->report, table,
                     "level is missing: brand, region, store or group; narrower ones win");
    }
    if (conf_string(&s->l->report, table, "name", &name)) {
        free(o->name);
        o->name = mem_strdup(name);
    }
}

static void overlays_read_one(struct sources *s, const struct source *from)
{
    static const char *const keys[] = {"level",    "name",          "groups",  "flows",
                                       "locked",   "timezone",      "quiet",   "day_cutoff",
                                       "language", "evening_posts", "persona", "staff_chat",
                                       "staff",    "attention",     NULL};
    const struct conf_value *table = from->table;
    struct overlay *o = from->overlay;
    o->line = table->line;
    conf_check_keys(&s->l->report, table, "overlay", keys, false);
    overlays_read_name(s, o, table);
    loader_read_groups(s->l, table,
                       "groups is missing: which groups of the playbook this overlay is for, for "
                       "example groups = { { tag = \"north\" } }",
                       &o->selectors, &o->nselectors);
    overlays_read_locks(s, table, &o->locks, &o->nlocks);
    overlays_read_flows(s, o, table);
    if (overlays_has_head(table)) {
        o->head = MEM_NEW(struct playbook);
        loader_read_head(s->l, o->head, table);
        if (!o->head->persona)
            o->head->lines[HEAD_PERSONA] = 0;
    }
    for (int i = 0; o->head && o->head->lines[HEAD_LANGUAGE] && i < s->p->nflows; i++)
        if (o->head->language && strcmp(o->head->language, s->p->language) != 0)
            loader_language_flow(s->l, &s->p->flows[i], o->head->language,
                                 conf_get(table, "language"));
}

/* ---- all of them ---- */

static void overlays_add(struct sources *s, const struct conf_value *table, const char *name,
                         struct conf_value *root, char *path)
{
    s->list = mem_realloc(s->list, ((size_t)s->n + 1) * sizeof *s->list);
    s->list[s->n++] = (struct source){.table = table, .root = root, .path = path, .overlay = NULL};
    s->p->overlays =
        mem_realloc(s->p->overlays, ((size_t)s->p->noverlays + 1) * sizeof *s->p->overlays);
    struct overlay *o = &s->p->overlays[s->p->noverlays++];
    *o = (struct overlay){.name = mem_strdup(name), .own_file = mem_strdup(path)};
    o->file = o->own_file ? o->own_file : s->p->file;
}

static void overlays_collect_inline(struct sources *s, const struct conf_value *root)
{
    const struct conf_value *v = conf_table(&s->l->report, root, "overlays");
    if (v && v->nlist != v->nentries)
        conf_problem(&s->l->report, v,
                     "overlays must be a list: { { level = \"region\", groups = ..., ... }, ... }");
    for (int i = 0; v && i < v->nlist; i++) {
        const struct conf_value *item = &v->entries[i].value;
        char name[24];
        snprintf(name, sizeof name, "#%d", i + 1);
        if (item->type == CONF_TABLE)
            overlays_add(s, item, name, NULL, NULL);
        else
            conf_problem(&s->l->report, item, "overlays: an item is a table, not %s",
                         conf_type_name(item));
    }
}

static void overlays_collect_files(struct sources *s, const char *folder)
{
    struct buf sub = {0};
    buf_addf(&sub, "playbooks/%s", s->p->name);
    char **names = loader_list(folder, buf_cstr(&sub));
    for (int i = 0; names && names[i]; i++) {
        struct buf path = {0};
        buf_addf(&path, "%s/%s/%s.lua", folder, sub.data, names[i]);
        struct conf_value *root = conf_load(buf_cstr(&path), s->l->err);
        if (root)
            overlays_add(s, root, names[i], root, buf_take(&path));
        else
            s->l->problems++;
        buf_free(&path);
    }
    loader_free_list(names);
    buf_free(&sub);
}

/* Flows that are `false` in the playbook join it if an overlay gives them anything else. */
static void overlays_wake_flows(struct sources *s)
{
    struct loader *l = s->l;
    for (int i = 0; i < l->noffs; i++) {
        bool wanted = false;
        for (int j = 0; j < s->n && !wanted; j++) {
            const struct conf_value *flows = conf_get(s->list[j].table, "flows");
            const struct conf_value *v = flows ? conf_get(flows, l->offs[i].name) : NULL;
            wanted = v && !(v->type == CONF_BOOLEAN && !v->boolean);
        }
        if (wanted)
            loader_add_off_flow(l, s->p, l->offs[i].name, l->offs[i].at);
    }
    free(l->offs);
    l->offs = NULL;
    l->noffs = 0;
}

/* In the report of its own file, if it has one. */
static void overlays_in_report(struct sources *s, const struct source *from,
                               void (*fn)(struct sources *s, const struct source *from))
{
    struct loader *l = s->l;
    struct conf_report playbook = l->report;
    if (from->path)
        l->report = (struct conf_report){.file = from->path, .out = l->err};
    fn(s, from);
    if (from->path) {
        playbook.problems += l->report.problems;
        l->report = playbook;
    }
}

static uint64_t overlays_content(uint64_t hash, const struct conf_value *table)
{
    cJSON *json = conf_to_json(table);
    char *text = cJSON_PrintUnformatted(json);
    hash = hash_more(hash, text, strlen(text));
    cJSON_free(text);
    cJSON_Delete(json);
    return hash;
}

void loader_read_overlays(struct loader *l, struct playbook *p, const char *folder,
                          const struct conf_value *root)
{
    struct sources s = {.l = l, .p = p};
    overlays_collect_inline(&s, root);
    overlays_collect_files(&s, folder);
    overlays_wake_flows(&s);
    overlays_read_locks(&s, root, &p->locks, &p->nlocks);
    for (int i = 0; i < s.n; i++) {
        s.list[i].overlay = &p->overlays[i];
        p->content = overlays_content(p->content, s.list[i].table);
        overlays_in_report(&s, &s.list[i], overlays_read_one);
    }
    for (int i = 0; i < s.n; i++)
        overlays_in_report(&s, &s.list[i], overlays_check_locks);
    for (int i = 0; i < s.n; i++) {
        conf_free(s.list[i].root);
        free(s.list[i].path);
    }
    free(s.list);
}
