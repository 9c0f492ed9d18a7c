/* routes_plan.c -- see routes_plan.h. Callers: routes_build.c, explain.c. */
#include "engine/route/routes_plan.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/release/release.h"

/* ---- whose groups ---- */

/* Does the playbook serve a private chat only because it serves some group of the gateway, while that chat has a home of its own? Then
 * what the home says goes before. */
static bool plan_is_elsewhere(const struct plan_pick *p, const struct selector_chat *c)
{
    return c->home && !selector_matches(p->by, c);
}

static bool plan_narrower(const struct plan_pick *a, const struct plan_pick *b,
                          const struct selector_chat *c)
{
    bool a_elsewhere = plan_is_elsewhere(a, c), b_elsewhere = plan_is_elsewhere(b, c);
    return a_elsewhere != b_elsewhere ? b_elsewhere : a->kind > b->kind;
}

void plan_pick_books(struct gw *gw, const struct selector_chat *c, struct plan_picks *out)
{
    const struct book *book = gw->e->book;
    bool private_chat = c->chat[0] == '@';
    out->n = 0;
    for (int i = 0; book && i < book->nbooks && out->n < PLAN_BOOKS; i++) {
        struct plan_pick pick = {.playbook = book->books[i]};
        pick.kind = playbook_matches_by(book->books[i], c, &pick.by);
        if (pick.kind < 0 && private_chat && (pick.by = home_served_by(gw, i)) != NULL)
            pick.kind = SELECT_GATEWAY;
        if (pick.kind < 0)
            continue;
        int j = out->n++;
        for (; j > 0 && plan_narrower(&pick, &out->list[j - 1], c); j--)
            out->list[j] = out->list[j - 1];
        out->list[j] = pick;
    }
    for (int i = 0; i < out->n; i++) {
        struct plan_pick *p = &out->list[i];
        p->noverlays = overlays_of(p->playbook, c, p->overlays);
        p->head = overlays_head(p->playbook, p->overlays, p->noverlays);
        p->staff = !(p->kind == SELECT_CHAT && strcmp(p->by->value, c->chat) == 0) &&
                   playbook_staff_chat_is(p->playbook, c->gateway, c->chat);
    }
}

/* ---- parameters in Redis ---- */

static struct {
    struct plan_setting *list;
    int n, cap;
} plan_all;

static bool plan_is_narrow(const char *key)
{
    static const char root[] = "sopd:params:";
    const char *layer = key + sizeof root - 1;
    return strncmp(key, root, sizeof root - 1) == 0 &&
           (strncmp(layer, "tag:", 4) == 0 || strncmp(layer, "chat:", 5) == 0);
}

static void plan_note_setting(void *ud, const struct settings_value *v)
{
    (void)ud;
    if (plan_all.n == plan_all.cap) {
        plan_all.cap = plan_all.cap ? plan_all.cap * 2 : 32;
        plan_all.list = mem_realloc(plan_all.list, (size_t)plan_all.cap * sizeof *plan_all.list);
    }
    plan_all.list[plan_all.n++] =
        (struct plan_setting){v->key, v->field, v->value, plan_is_narrow(v->key)};
}

struct plan_setting *plan_settings(struct gw *gw, const struct settings_place *at, int *n)
{
    plan_all.n = 0;
    if (gw->e->opts.settings)
        settings_each(gw->e->opts.settings, SETTINGS_PARAMS, at, NULL, plan_note_setting, NULL);
    *n = plan_all.n;
    return plan_all.list;
}

const char *plan_setting_param(const struct plan_setting *s, const char *flow)
{
    size_t len = strlen(flow);
    if (strncmp(s->field, flow, len) != 0 || s->field[len] != '.' || !s->field[len + 1])
        return NULL;
    return s->field + len + 1;
}

static const struct param_lock *plan_lock(const struct plan_setting *s,
                                          const struct plan_pick *pick, int f,
                                          const struct overlay **by)
{
    const struct playbook *p = pick->playbook;
    const struct flow *flow = p->flows[f].flow;
    const char *name = plan_setting_param(s, flow_info(flow)->name);
    const struct param *param = name && s->narrow ? flow_param(flow, name) : NULL;
    return param ? overlays_lock(p, pick->overlays, pick->noverlays, f,
                                 (int)(param - flow_info(flow)->params), by)
                 : NULL;
}

cJSON *plan_setting_value(const struct plan_setting *s, const struct plan_pick *pick, int f,
                          const struct flow *flow, struct buf *problem)
{
    const struct overlay *by;
    const struct param_lock *l = plan_lock(s, pick, f, &by);
    if (!l)
        return param_parse(flow, plan_setting_param(s, flow_info(flow)->name), s->value, problem);
    buf_addf(problem,
             "%s is locked by %s:%d; only the gateway or all groups may have another value",
             s->field, by ? by->file : pick->playbook->file, l->line);
    return NULL;
}

/* What was complained about: once is enough for 500 groups. */
enum { PLAN_TOLD = 512 };
static uint64_t plan_told[PLAN_TOLD];
static unsigned plan_ntold;

static void plan_complain(const struct plan_setting *s, const char *flow, const char *problem)
{
    uint64_t h = hash_more(hash_string(s->key), s->field, strlen(s->field) + 1);
    h = hash_mix(hash_more(hash_more(h, s->value, strlen(s->value)), problem, strlen(problem)));
    for (unsigned i = 0; i < PLAN_TOLD; i++)
        if (plan_told[i] == h)
            return;
    plan_told[plan_ntold++ % PLAN_TOLD] = h;
    log_warn("parameter in redis ignored", "key", s->key, "field", s->field, "value", s->value,
             "flow", flow, "problem", problem, "remedy", "HSET KEY FIELD VALUE, or HDEL KEY FIELD",
             NULL);
}

/* A setting of the flow as one slot; a later one of the same parameter takes its place. */
static int plan_put_slot(struct value_slot *slots, int n, const struct flow *flow, const char *name,
                         cJSON *value)
{
    int param = (int)(flow_param(flow, name) - flow_info(flow)->params), i = 0;
    while (i < n && slots[i].param != param)
        i++;
    if (i < n)
        cJSON_Delete(slots[i].value);
    slots[i] = (struct value_slot){.value = value, .param = (uint16_t)param, .from = VALUE_REDIS};
    return i < n ? n : n + 1;
}

static struct values *plan_make(struct values *v, uint64_t hash, const struct plan_setting *all,
                                int nall, const struct plan_pick *pick, int f,
                                const struct flow *flow)
{
    const char *name = flow_info(flow)->name;
    struct value_slot *slots = mem_zero((size_t)nall * sizeof *slots);
    struct buf problem = {0};
    int n = 0;
    for (int i = 0; i < nall; i++) {
        const char *param = plan_setting_param(&all[i], name);
        if (!param)
            continue;
        buf_reset(&problem);
        cJSON *value = plan_setting_value(&all[i], pick, f, flow, &problem);
        if (value)
            n = plan_put_slot(slots, n, flow, param, value);
        else
            plan_complain(&all[i], name, buf_cstr(&problem));
    }
    buf_free(&problem);
    slots = mem_realloc(slots, (size_t)(n ? n : 1) * sizeof *slots);
    return values_take(v, hash, slots, n);
}

/* Takes and returns a reference. */
static struct values *plan_override(struct values *v, const struct plan_setting *all, int nall,
                                    const struct plan_pick *pick, int f, const struct flow *flow)
{
    const char *name = flow_info(flow)->name;
    uint64_t hash = hash_bytes(flow_info(flow)->version, sizeof flow_info(flow)->version);
    int n = 0;
    for (int i = 0; i < nall; i++) {
        const struct overlay *by;
        if (!plan_setting_param(&all[i], name))
            continue;
        bool locked = all[i].narrow && plan_lock(&all[i], pick, f, &by);
        hash = hash_more(hash, all[i].field, strlen(all[i].field) + 1);
        hash = hash_more(hash, all[i].value, strlen(all[i].value) + 1);
        hash = hash_more(hash, &locked, sizeof locked);
        n++;
    }
    if (!n)
        return v;
    struct values *own = values_find(v, hash);
    if (!own)
        own = plan_make(v, hash, all, nall, pick, f, flow);
    values_release(v);
    return own;
}

/* ---- the plan ---- */

static struct {
    struct routes_item *items;
    int cap;
} plan_items;

static bool plan_has_flow(const struct routes_plan *p, const char *flow)
{
    for (int i = 0; i < p->n; i++)
        if (strcmp(flow_info(p->items[i].binding->flow)->name, flow) == 0)
            return true;
    return false;
}

static void plan_add(struct routes_plan *p, struct binding *b, bool staff)
{
    if (p->n == plan_items.cap) {
        plan_items.cap = plan_items.cap ? plan_items.cap * 2 : 16;
        plan_items.items =
            mem_realloc(plan_items.items, (size_t)plan_items.cap * sizeof *plan_items.items);
        p->items = plan_items.items;
    }
    p->items[p->n++] = (struct routes_item){b, staff};
}

struct binding *plan_bind(struct gw *gw, const struct plan_pick *pick, int f, struct flow *flow,
                          const struct plan_setting *all, int nall)
{
    bool on;
    struct flow *newest = pick->playbook->flows[f].flow;
    struct values *v = overlays_values(pick->head, pick->overlays, pick->noverlays, f, &on);
    struct release_place place = {pick->playbook, pick->overlays, pick->noverlays};
    if (flow != newest)
        v = release_values(gw->e, &place, newest, flow, v);
    v = plan_override(v, all, nall, pick, f, flow);
    return binding_share(gw->e->book, pick->head, flow, v, !on);
}

void routes_plan(struct gw *gw, const char *chat, const char *name, const char *home,
                 struct routes_plan *out)
{
    static struct plan_picks picks;
    home_learn(gw, chat); /* asks for tags, too */
    struct selector_chat c = home_place(gw, chat, name, home);
    *out = (struct routes_plan){.gw = gw, .tags = c.tags, .items = plan_items.items};
    struct settings_place at = {gw->name, chat, out->tags, c.home};
    int nall;
    plan_pick_books(gw, &c, &picks);
    const struct plan_setting *all = plan_settings(gw, &at, &nall);
    for (int i = 0; i < picks.n; i++) {
        const struct plan_pick *pick = &picks.list[i];
        for (int f = 0; f < pick->playbook->nflows; f++) {
            struct flow *flow = pick->playbook->flows[f].flow;
            if (plan_has_flow(out, flow_info(flow)->name))
                continue;
            flow = release_serve(gw->e, &at, flow);
            if (flow)
                plan_add(out, plan_bind(gw, pick, f, flow, all, nall), pick->staff);
        }
    }
}
