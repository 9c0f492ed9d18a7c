/* release_serve.c -- see release.h: which version serves a group, by the layers of `sopd:versions`, and with which parameters. Asked when
 * routes are built, not per message. Callers: router.c, pins.c; admin through engine.h. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "engine/release/release_part.h"
#include "engine/route/routes.h"

enum { RELEASE_LAYERS = 32 };

struct release_layers {
    const char *keys[RELEASE_LAYERS], *values[RELEASE_LAYERS];
    int n;
};

static void release_collect(void *ud, const struct settings_value *v)
{
    struct release_layers *l = ud;
    if (l->n < RELEASE_LAYERS) {
        l->keys[l->n] = v->key;
        l->values[l->n++] = v->value;
    }
}

/* A lookup of one flow at one place. */
struct release_query {
    struct engine *e;
    const struct release_flow *f;
    const struct engine_assume *extra; /* of a dry run */
    int nextra;
    struct release_layers layers;
    const char *key; /* the answer's */
    bool none;
};

static const char *release_layer(const struct release_query *q, const char *key)
{
    for (int i = 0; i < q->nextra; i++)
        if (strcmp(q->extra[i].key, key) == 0)
            return q->extra[i].value;
    for (const struct release_assume *a = q->e->releases->assumed; a; a = a->next)
        if (strcmp(a->key, key) == 0 && strcmp(a->flow, q->f->name) == 0)
            return a->value;
    for (int i = 0; i < q->layers.n; i++)
        if (strcmp(q->layers.keys[i], key) == 0)
            return q->layers.values[i];
    return NULL;
}

/* Does this layer decide? Then *version is what it says. */
static bool release_decides(struct release_query *q, const char *key, const char **version)
{
    static struct buf kept; /* the key outlives the caller's buffer */
    const char *value = release_layer(q, key);
    if (!value)
        return false;
    const char *newest = flow_info(q->f->newest)->version;
    q->none = strcmp(value, "none") == 0;
    if (strcmp(value, "newest") == 0 || strcmp(value, newest) == 0) {
        *version = newest;
    } else if (!q->none) {
        const struct release *l = release_loaded(q->e->releases, q->f->name, value);
        bool planned = q->nextra && rollout_is_version(value); /* a dry run loads nothing */
        if (!planned && (!l || l->state != RELEASE_LOADED))
            return false;
        *version = value;
    }
    buf_reset(&kept);
    buf_adds(&kept, key);
    q->key = buf_cstr(&kept);
    return true;
}

/* The tags of the place, those of the rings first: who is in the pilot ring stays there whatever other rings it is in. */
static bool release_tags_decide(struct release_query *q, const char *tags, const char **version)
{
    struct buf key = {0};
    bool decided = false;
    const char *const lists[] = {q->f->ring, tags};
    for (int pass = 0; pass < 2 && !decided; pass++) {
        for (const char *p = lists[pass]; *p && !decided;) {
            size_t n = strcspn(p, ",");
            if (pass == 1 || release_has_word(tags, p, n)) {
                buf_reset(&key);
                buf_adds(&key, ROLLOUT_ROOT ":tag:");
                buf_add_key_n(&key, p, n);
                decided = release_decides(q, buf_cstr(&key), version);
            }
            p += n + (p[n] == ',');
        }
    }
    buf_free(&key);
    return decided;
}

/* The version that serves a place; q->none: none. */
static const char *release_resolve(struct release_query *q, const struct settings_place *at)
{
    struct buf key = {0};
    const char *version = flow_info(q->f->newest)->version;
    q->key = NULL;
    q->none = false;
    settings_each(q->e->opts.settings, SETTINGS_VERSIONS, at, q->f->name, release_collect,
                  &q->layers);
    if (!q->layers.n && !q->e->releases->assumed && !q->nextra)
        return version;
    bool decided = false;
    for (const char *chat = at->chat; chat && !decided; chat = chat == at->chat ? at->home : NULL) {
        buf_reset(&key);
        buf_adds(&key, ROLLOUT_ROOT ":chat:");
        buf_add_key(&key, at->gw);
        buf_addc(&key, ':');
        buf_add_key(&key, chat);
        decided = release_decides(q, buf_cstr(&key), &version);
    }
    decided = decided || release_tags_decide(q, at->tags ? at->tags : "", &version);
    if (!decided) {
        buf_reset(&key);
        buf_adds(&key, ROLLOUT_ROOT ":gw:");
        buf_add_key(&key, at->gw);
        decided = release_decides(q, buf_cstr(&key), &version);
    }
    if (!decided)
        release_decides(q, ROLLOUT_ROOT, &version);
    buf_free(&key);
    return version;
}

struct flow *release_serve(struct engine *e, const struct settings_place *at, struct flow *newest)
{
    struct releases *r = e->releases;
    const struct release_flow *f = r ? release_flow_of(r, flow_info(newest)->name) : NULL;
    if (!f || !f->named)
        return newest;
    struct release_query q = {.e = e, .f = f};
    const char *version = release_resolve(&q, at);
    if (q.none)
        return NULL;
    if (strcmp(version, flow_info(newest)->version) == 0)
        return newest;
    return release_loaded(r, f->name, version)->f;
}

const char *release_decided_by(struct engine *e, const struct settings_place *at,
                               struct flow *newest)
{
    struct releases *r = e->releases;
    const struct release_flow *f = r ? release_flow_of(r, flow_info(newest)->name) : NULL;
    struct release_query q = {.e = e, .f = f};
    if (f)
        release_resolve(&q, at);
    return q.key;
}

struct flow *release_find(struct engine *e, const char *flow, const char *version)
{
    struct flow *newest = release_in_book(e->book, flow);
    if (newest && strcmp(flow_info(newest)->version, version) == 0)
        return newest;
    const struct release *l = e->releases ? release_loaded(e->releases, flow, version) : NULL;
    return l ? l->f : NULL;
}

bool release_is_newest(const struct engine *e, const struct flow *f)
{
    const struct flow *newest = release_in_book(e->book, flow_info(f)->name);
    return newest && strcmp(flow_info(newest)->version, flow_info(f)->version) == 0;
}

/* ---- parameters ---- */

static const struct playbook_flow *release_listed(const struct playbook *p, const char *flow)
{
    for (int i = 0; i < p->nflows; i++)
        if (strcmp(flow_info(p->flows[i].flow)->name, flow) == 0)
            return &p->flows[i];
    return NULL;
}

const cJSON *release_value(const struct playbook *p, const char *flow, const char *param)
{
    p = p->base ? p->base : p;
    const struct playbook_flow *f = release_listed(p, flow);
    return f ? cJSON_GetObjectItemCaseSensitive(f->params, param) : NULL;
}

static cJSON *release_fits(const struct flow *f, const char *param, const cJSON *value)
{
    struct buf err = {0};
    cJSON *checked = value ? param_check(f, param, value, &err) : NULL;
    buf_free(&err);
    return checked;
}

/* What the version had when it was written down: by an overlay (the narrowest first), by the playbook, else by any playbook. */
static cJSON *release_stored(const struct release *l, const struct release_place *p,
                             const char *param)
{
    const cJSON *of = cJSON_GetObjectItemCaseSensitive(l->overlays, p->playbook->name), *other;
    cJSON *v = NULL;
    for (int i = p->noverlays - 1; i >= 0 && !v; i--)
        v = release_fits(l->f, param,
                         cJSON_GetObjectItemCaseSensitive(
                             cJSON_GetObjectItemCaseSensitive(of, p->overlays[i]->name), param));
    of = cJSON_GetObjectItemCaseSensitive(l->params, p->playbook->name);
    if (!v)
        v = release_fits(l->f, param, cJSON_GetObjectItemCaseSensitive(of, param));
    cJSON_ArrayForEach (other, l->params)
        if (!v)
            v = release_fits(l->f, param, cJSON_GetObjectItemCaseSensitive(other, param));
    return v;
}

static uint64_t release_place_hash(const struct release_place *p, const struct flow_info *info)
{
    uint64_t h = hash_more(hash_string(p->playbook->name), info->version, sizeof info->version);
    for (int i = 0; i < p->noverlays; i++)
        h = hash_more(h, p->overlays[i]->name, strlen(p->overlays[i]->name) + 1);
    return hash_mix(h);
}

struct values *release_values(struct engine *e, const struct release_place *p, struct flow *newest,
                              struct flow *served, struct values *values)
{
    const struct flow_info *info = flow_info(served);
    struct values *moved = values_move(values, newest, served);
    const struct release *l =
        e->releases ? release_loaded(e->releases, info->name, info->version) : NULL;
    values_release(values);
    if (!l)
        return moved;
    uint64_t hash = release_place_hash(p, info);
    struct values *own = values_find(moved, hash);
    if (!own) {
        struct value_slot *slots = mem_zero(((size_t)info->nparams + 1) * sizeof *slots);
        int n = 0;
        for (int i = 0; i < info->nparams; i++) {
            const struct value_slot *now = values_slot(moved, i);
            cJSON *v = now->from == VALUE_FLOW ? release_stored(l, p, info->params[i].name) : NULL;
            if (v)
                slots[n++] =
                    (struct value_slot){.value = v, .param = (uint16_t)i, .from = VALUE_PLAYBOOK};
        }
        own = values_take(moved, hash, slots, n);
    }
    values_release(moved);
    return own;
}

void release_changed(struct chat *c, const struct routes *before, const struct routes *now)
{
    for (struct pause *p = c->pauses; p; p = p->next) {
        const struct flow *was = NULL, *is = NULL;
        for (int i = 0; i < before->nbindings; i++)
            if (strcmp(flow_info(before->bindings[i]->flow)->name, p->flow) == 0)
                was = before->bindings[i]->flow;
        for (int i = 0; i < now->nbindings; i++)
            if (strcmp(flow_info(now->bindings[i]->flow)->name, p->flow) == 0)
                is = now->bindings[i]->flow;
        if (was && is && strcmp(flow_info(was)->version, flow_info(is)->version) != 0) {
            p->until_ms = 0;
            memset(p->failures, 0, sizeof p->failures);
        }
    }
}

static bool release_has_timer(const struct flow *f, const char *name)
{
    const struct flow_info *info = flow_info(f);
    for (int i = 0; i < info->nhandlers; i++)
        if (info->handlers[i].kind == HANDLER_TIMER && strcmp(info->handlers[i].name, name) == 0)
            return true;
    return false;
}

bool release_keep_timer(struct chat *c, struct input *in)
{
    struct releases *r = c->gw->e->releases;
    const struct release_flow *f =
        r && in->kind == INPUT_TIMER ? release_flow_of(r, in->flow) : NULL;
    bool known = f && release_has_timer(f->newest, in->name);
    for (const struct release *l = f ? r->list : NULL; l; l = l->next)
        known =
            known || (l->f && strcmp(l->flow, in->flow) == 0 && release_has_timer(l->f, in->name));
    if (!known)
        return false;
    timers_refused(c->gw, in->id);
    timers_taken(c->gw, in->id);
    input_free(in);
    return true;
}

/* ---- for admin ---- */

void engine_each_rollout(struct engine *e,
                         void (*fn)(void *ud, const struct engine_rollout_flow *f), void *ud)
{
    for (const struct release_flow *f = e->releases ? e->releases->flows : NULL; f; f = f->next) {
        struct engine_rollout_flow i = {.flow = f->name,
                                        .newest = flow_info(f->newest)->version,
                                        .ring = f->ring,
                                        .ready = release_ready(e) && !e->releases->assumed};
        for (const struct release *l = e->releases->list; l; l = l->next) {
            if (!l->f || strcmp(l->flow, f->name) != 0)
                continue;
            i.loaded++;
            i.memory += flow_memory(l->f);
        }
        fn(ud, &i);
    }
}

/* Does any playbook run the flow there? */
static bool release_runs_in(const struct gw *gw, const struct known *k, const char *tags,
                            const char *flow)
{
    const struct book *b = gw->e->book;
    for (int i = 0; b && i < b->nbooks; i++)
        if (release_listed(b->books[i], flow) &&
            playbook_matches(b->books[i], gw->name, k->key, k->name, tags) >= 0)
            return true;
    return false;
}

static void release_tell_group(struct release_query *q, const struct gw *gw, const struct known *k,
                               const char *tags,
                               void (*fn)(void *ud, const struct engine_rollout_group *g), void *ud)
{
    struct settings_place at = {gw->name, k->key, tags, NULL};
    struct engine_rollout_group g = {.gateway = gw->name, .chat = k->key};
    q->layers.n = 0;
    g.version = release_resolve(q, &at);
    g.version = q->none ? "none" : g.version;
    g.key = q->key ? q->key : "";
    fn(ud, &g);
}

void engine_each_rollout_group(struct engine *e, const char *flow,
                               const struct engine_assume *extra, int nextra,
                               void (*fn)(void *ud, const struct engine_rollout_group *g), void *ud)
{
    const struct release_flow *f = e->releases ? release_flow_of(e->releases, flow) : NULL;
    struct release_query q = {.e = e, .f = f, .extra = extra, .nextra = nextra};
    for (struct gw *gw = f ? e->gws : NULL; gw; gw = gw->next) {
        for (const struct known *k = gw->removed ? NULL : gw->known; k; k = k->hh.next) {
            char *tags = mem_strdup(tags_of(gw, k->key, k->name));
            if (release_runs_in(gw, k, tags, flow))
                release_tell_group(&q, gw, k, tags, fn, ud);
            free(tags);
        }
    }
}

struct release_behind {
    const char *newest;
    double n;
};

static void release_count_behind(void *ud, const struct engine_rollout_group *g)
{
    struct release_behind *b = ud;
    b->n += strcmp(g->version, b->newest) != 0;
}

void release_metrics(struct engine *e)
{
    for (const struct release_flow *f = e->releases ? e->releases->flows : NULL; f; f = f->next) {
        struct release_behind behind = {flow_info(f->newest)->version, 0};
        if (f->named)
            engine_each_rollout_group(e, f->name, NULL, 0, release_count_behind, &behind);
        metric_set(metric_gauge("sopd_flow_groups_behind",
                                "Groups that are not served the version of a flow that is on disk.",
                                metric_labels("flow", f->name, NULL)),
                   behind.n);
    }
}
