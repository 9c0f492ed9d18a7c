/* routes_build.c -- what runs in a chat: the playbooks that serve it, the overlays of theirs that apply, the flows' values with the
 * admins' overrides, and the words of their commands. Bindings and routes that are the same are there once, so an edit that
 * concerns one chat makes one chat's anew: looking at the others finds what they have.
 * Owns the table of routes (no references) and a list of those that were looked up, until playbooks or settings change.
 * Callers: router.c, schedule.c, engine.c, explain.c. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "engine/internal.h"
#include "engine/release/release.h"
#include "engine/route/routes.h"
#include "engine/route/routes_plan.h"

static struct routes *routes_table;
static struct routes **routes_held;
static size_t routes_nheld;

void routes_release(struct routes *r)
{
    if (!r || --r->refs > 0)
        return;
    HASH_DEL(routes_table, r);
    for (int i = 0; i < r->nbindings; i++)
        binding_release(r->bindings[i]);
    free(r->tags);
    free(r->bindings);
    free(r->names);
    free(r->commands);
    free(r->words);
    free(r->ons);
    free(r->ats);
    tally_free(r->tally);
    free(r);
}

struct routes *routes_retain(struct routes *r)
{
    r->refs++;
    return r;
}

void routes_clear_cache(struct engine *e)
{
    (void)e;
    for (size_t i = 0; i < routes_nheld; i++) {
        routes_held[i]->held = false;
        routes_release(routes_held[i]);
    }
    free(routes_held);
    routes_held = NULL;
    routes_nheld = 0;
}

/* Borrowed until the cache is cleared. */
static struct routes *routes_hold(struct routes *r)
{
    if (r->held)
        return r;
    if ((routes_nheld & (routes_nheld - 1)) == 0)
        routes_held =
            mem_realloc(routes_held, (routes_nheld ? routes_nheld * 2 : 1) * sizeof *routes_held);
    routes_held[routes_nheld++] = routes_retain(r);
    r->held = true;
    return r;
}

/* ---- handlers of a binding ---- */

static void routes_add_word(struct binding *b, const char *word, const struct handler *h)
{
    struct buf folded = {0};
    routes_fold_word(&folded, word);
    if (!folded.len) {
        buf_free(&folded);
        return;
    }
    b->words = mem_realloc(b->words, (size_t)(b->nwords + 1) * sizeof *b->words);
    struct binding_word *w = &b->words[b->nwords++];
    w->len = folded.len;
    w->word = buf_take(&folded);
    w->handler = h;
}

static void routes_add_words(struct binding *b, const struct handler *h)
{
    if (!h->from_param) {
        for (int i = 0; i < h->nwords; i++)
            routes_add_word(b, h->words[i], h);
        return;
    }
    const cJSON *v = binding_param(b, h->name), *item;
    if (cJSON_IsString(v))
        routes_add_word(b, v->valuestring, h);
    cJSON_ArrayForEach (item, v)
        if (cJSON_IsString(item))
            routes_add_word(b, item->valuestring, h);
}

/* The words of the binding's commands, once: all routes with it share them. */
static void routes_make_words(struct binding *b)
{
    const struct flow_info *info = flow_info(b->flow);
    for (int i = 0; !b->worded && i < info->nhandlers; i++)
        if (info->handlers[i].kind == HANDLER_COMMAND)
            routes_add_words(b, &info->handlers[i]);
    b->worded = true;
}

static void routes_add_at(struct routes *r, struct binding *b, const struct handler *h)
{
    const char *text = h->nwords ? h->words[0] : NULL;
    if (h->from_param)
        text = cJSON_GetStringValue(binding_param(b, h->name));
    int64_t clock_ms;
    if (!text || !time_parse_clock(text, &clock_ms))
        return; /* an empty clock switches the schedule off */
    r->ats = mem_realloc(r->ats, (size_t)(r->nats + 1) * sizeof *r->ats);
    r->ats[r->nats++] = (struct routes_at){b, h, clock_ms};
}

/* Commands that staff give from elsewhere are looked for before anybody else takes the message for talk. */
static void routes_add_on(struct routes *r, struct binding *b, const struct handler *h)
{
    r->ons = mem_realloc(r->ons, (size_t)(r->nons + 1) * sizeof *r->ons);
    int at = h->remote ? 0 : r->nons;
    memmove(r->ons + at + 1, r->ons + at, (size_t)(r->nons - at) * sizeof *r->ons);
    r->ons[at] = (struct routes_on){b, h, false};
    r->nons++;
}

static void routes_add_commands(struct routes *r, struct binding *b)
{
    routes_make_words(b);
    if (!b->nwords)
        return;
    r->commands =
        mem_realloc(r->commands, (size_t)(r->ncommands + b->nwords) * sizeof *r->commands);
    for (int i = 0; i < b->nwords; i++)
        r->commands[r->ncommands++] =
            (struct routes_command){b->words[i].word, b->words[i].len, b, b->words[i].handler};
}

/* In its own staff chat a playbook only answers commands: staff are no audience for greetings and games. */
static void routes_add_binding(struct routes *r, struct binding *b, bool commands_only)
{
    const struct flow_info *info = flow_info(b->flow);
    r->bindings[r->nbindings++] = b;
    routes_add_commands(r, b);
    if (commands_only && strcmp(info->name, "switch") == 0)
        r->staff = true;
    for (int i = 0; i < info->nhandlers; i++) {
        const struct handler *h = &info->handlers[i];
        if (commands_only && !h->remote)
            continue;
        if (h->kind == HANDLER_AT)
            routes_add_at(r, b, h);
        else if (h->kind == HANDLER_ON)
            routes_add_on(r, b, h);
    }
}

/* ---- routes ---- */

static uint64_t routes_hash(const struct routes_plan *p)
{
    uint64_t h = hash_more(hash_string(p->tags), &p->gw, sizeof(void *));
    for (int i = 0; i < p->n; i++) {
        h = hash_more(h, &p->items[i].binding, sizeof(void *));
        h = hash_more(h, &p->items[i].staff, sizeof(bool));
    }
    return hash_mix(h);
}

/* Takes the plan's bindings. */
static struct routes *routes_build(const struct routes_plan *p, uint64_t hash)
{
    struct routes *r = MEM_NEW(struct routes);
    r->hash = hash;
    r->tags = mem_strdup(p->tags);
    r->bindings = mem_alloc((size_t)(p->n + 1) * sizeof(struct binding *));
    for (int i = 0; i < p->n; i++)
        routes_add_binding(r, p->items[i].binding, p->items[i].staff);
    routes_index(r);
    r->tally = tally_plan(p->gw, p);
    HASH_ADD(hh, routes_table, hash, sizeof r->hash, r);
    return r;
}

struct routes *routes_lookup_at(struct gw *gw, const char *chat, const char *name, const char *home)
{
    struct routes_plan plan;
    struct routes *r;
    routes_plan(gw, chat, name, home, &plan);
    uint64_t hash = routes_hash(&plan);
    HASH_FIND(hh, routes_table, &hash, sizeof hash, r);
    if (!r) {
        r = routes_build(&plan, hash);
        return routes_hold(r);
    }
    for (int i = 0; i < plan.n; i++)
        binding_release(plan.items[i].binding);
    return routes_hold(r);
}

struct routes *routes_lookup(struct gw *gw, const char *chat, const char *name)
{
    return routes_lookup_at(gw, chat, name, home_of(gw, chat));
}

bool routes_lookup_any(struct gw *gw, const char *chat, const char *name)
{
    return routes_lookup(gw, chat, name)->nbindings > 0;
}

static struct routes *routes_renew(struct gw *gw, const char *chat, const char *name,
                                   struct routes **at, uint64_t *generation)
{
    uint64_t now = gw->e->generation;
    if (*chat == '@')
        now += gw->homes.changes << 40; /* which groups there are concerns it, too */
    if (*at && *generation == now)
        return *at;
    struct routes *r = routes_retain(routes_lookup(gw, chat, name));
    routes_release(*at);
    *at = r;
    *generation = now;
    return r;
}

struct routes *routes_of(struct chat *c)
{
    if (!c->pauses || !c->routes)
        return routes_renew(c->gw, c->key, c->name, &c->routes, &c->routes_generation);
    struct routes *before = routes_retain(c->routes),
                  *now = routes_renew(c->gw, c->key, c->name, &c->routes, &c->routes_generation);
    if (now != before)
        release_changed(c, before, now);
    routes_release(before);
    return now;
}

struct routes *routes_of_known(struct gw *gw, struct known *k)
{
    return routes_renew(gw, k->key, k->name, &k->routes, &k->routes_generation);
}

size_t routes_count(void)
{
    return HASH_COUNT(routes_table);
}
