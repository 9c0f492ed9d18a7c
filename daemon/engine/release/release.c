/* release.c -- see release.h: the flows of the book, what is taken to be in the layers before Redis tells, and the life of it all.
 * Owns: e->releases. Versions are loaded in release_load.c, who is served by which is in release_serve.c, what an edit does in
 * release_step.c. */
#include "engine/release/release.h"

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/release/release_part.h"

enum { RELEASE_CHECK_MS = 1000 };

/* ---- the flows of the book ---- */

struct release_flow *release_flow_of(struct releases *r, const char *name)
{
    for (struct release_flow *f = r->flows; f; f = f->next)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

bool release_has_word(const char *list, const char *word, size_t len)
{
    for (const char *p = list; p && *p;) {
        size_t n = strcspn(p, ",");
        if (n == len && memcmp(p, word, n) == 0)
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

/* Adds the tags of one playbook to those that others gave the same flow. */
static void release_add_ring(struct release_flow *f, const char *ring)
{
    for (const char *p = ring ? ring : ""; *p;) {
        size_t n = strcspn(p, ",");
        if (!release_has_word(f->ring, p, n)) {
            struct buf all = {0};
            buf_addf(&all, "%s%s%.*s", f->ring, *f->ring ? "," : "", (int)n, p);
            free(f->ring);
            f->ring = buf_take(&all);
        }
        p += n + (p[n] == ',');
    }
}

static void release_flows_free(struct releases *r)
{
    while (r->flows) {
        struct release_flow *next = r->flows->next;
        free(r->flows->name);
        free(r->flows->ring);
        free(r->flows->before);
        free(r->flows);
        r->flows = next;
    }
}

struct flow *release_in_book(const struct book *b, const char *flow)
{
    for (int i = 0; b && i < b->nbooks; i++)
        for (int j = 0; j < b->books[i]->nflows; j++)
            if (strcmp(flow_info(b->books[i]->flows[j].flow)->name, flow) == 0)
                return b->books[i]->flows[j].flow;
    return NULL;
}

static void release_flows_read(struct releases *r, const struct book *old, const struct book *b)
{
    release_flows_free(r);
    for (int i = 0; b && i < b->nbooks; i++) {
        for (int j = 0; j < b->books[i]->nflows; j++) {
            const struct playbook_flow *pf = &b->books[i]->flows[j];
            const struct flow_info *info = flow_info(pf->flow);
            struct release_flow *f = release_flow_of(r, info->name);
            if (!f) {
                struct flow *before = release_in_book(old, info->name);
                f = MEM_NEW(struct release_flow);
                f->name = mem_strdup(info->name);
                f->newest = pf->flow;
                f->ring = mem_strdup("");
                f->before = before ? mem_strdup(flow_info(before)->version) : NULL;
                f->next = r->flows;
                r->flows = f;
            }
            release_add_ring(f, pf->ring);
        }
    }
}

struct cJSON *release_book_params(const struct book *b, const char *flow)
{
    cJSON *out = cJSON_CreateObject();
    for (int i = 0; b && i < b->nbooks; i++)
        for (int j = 0; j < b->books[i]->nflows; j++)
            if (strcmp(flow_info(b->books[i]->flows[j].flow)->name, flow) == 0)
                cJSON_AddItemToObject(out, b->books[i]->name,
                                      cJSON_Duplicate(b->books[i]->flows[j].params, 1));
    return out;
}

static void release_add_overlay(cJSON *out, const struct overlay *o, const struct flow *f, int at)
{
    const struct overlay_flow *says = overlay_flow(o, at);
    cJSON *of = says && says->n ? cJSON_AddObjectToObject(out, o->name) : NULL;
    for (int i = 0; of && i < says->n; i++)
        if (says->slots[i].value)
            cJSON_AddItemToObject(of, flow_info(f)->params[says->slots[i].param].name,
                                  cJSON_Duplicate(says->slots[i].value, 1));
}

struct cJSON *release_book_overlays(const struct book *b, const char *flow)
{
    cJSON *out = cJSON_CreateObject();
    for (int i = 0; b && i < b->nbooks; i++) {
        const struct playbook *p = b->books[i];
        for (int j = 0; j < p->nflows; j++) {
            if (!p->noverlays || strcmp(flow_info(p->flows[j].flow)->name, flow) != 0)
                continue;
            cJSON *of = cJSON_AddObjectToObject(out, p->name);
            for (int k = 0; k < p->noverlays; k++)
                release_add_overlay(of, &p->overlays[k], p->flows[j].flow, j);
        }
    }
    return out;
}

/* ---- what the layers say ---- */

void release_stale(struct engine *e)
{
    e->releases->stale = true;
    e->settings_generation = UINT64_MAX; /* the engine looks again */
    engine_spin(e);
}

struct release_seek {
    const char *key, *value;
};

static void release_seek(void *ud, const struct settings_value *v)
{
    struct release_seek *s = ud;
    if (strcmp(v->key, s->key) == 0)
        s->value = v->value;
}

static const char *release_set(const struct engine *e, const char *key, const char *flow)
{
    struct release_seek s = {.key = key};
    settings_everywhere(e->opts.settings, SETTINGS_VERSIONS, flow, release_seek, &s);
    return s.value;
}

void release_assume(struct engine *e, const char *key, const char *flow, const char *value,
                    bool written)
{
    struct releases *r = e->releases;
    struct release_assume *a = MEM_NEW(struct release_assume);
    a->key = mem_strdup(key);
    a->flow = mem_strdup(flow);
    a->value = mem_strdup(value);
    a->was = mem_strdup(release_set(e, key, flow));
    a->written = written;
    a->next = r->assumed;
    r->assumed = a; /* before older ones of the same key */
    release_stale(e);
}

static void release_assume_free(struct release_assume *a)
{
    free(a->key);
    free(a->flow);
    free(a->value);
    free(a->was);
    free(a);
}

void release_unassume(struct engine *e, const char *flow)
{
    for (struct release_assume **p = &e->releases->assumed; *p;) {
        struct release_assume *a = *p;
        if (strcmp(a->flow, flow) != 0 || a->written) {
            p = &a->next;
            continue;
        }
        *p = a->next;
        release_assume_free(a);
        release_stale(e);
    }
}

const char *release_now(struct engine *e, const char *key, const char *flow)
{
    for (const struct release_assume *a = e->releases->assumed; a; a = a->next)
        if (strcmp(a->key, key) == 0 && strcmp(a->flow, flow) == 0)
            return a->value;
    return release_set(e, key, flow);
}

static bool release_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Once the settings have moved, our assumption says nothing that they do not: they hold it, or somebody else wrote since. */
static void release_confirm(struct engine *e)
{
    int64_t now = clock_mono(e->clock);
    for (struct release_assume **p = &e->releases->assumed; *p;) {
        struct release_assume *a = *p;
        const char *set = a->until_ms ? release_set(e, a->key, a->flow) : NULL;
        bool same = release_same(set, a->value);
        if (!a->until_ms || (!same && release_same(set, a->was) && now < a->until_ms)) {
            p = &a->next;
            continue;
        }
        *p = a->next;
        if (!same)
            release_stale(e);
        release_assume_free(a);
    }
}

/* Settings that are read from time to time may never see a value that was there between two readings: Redis itself is asked. */
struct release_check {
    struct engine *e;
    char *key, *flow;
};

static void release_checked(void *ud, const struct redisReply *r)
{
    struct release_check *c = ud;
    bool known = r && (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_NIL);
    const char *value = known && r->type == REDIS_REPLY_STRING ? r->str : NULL;
    for (struct release_assume *a = c->e->releases->assumed; a; a = a->next)
        if (known && a->until_ms && strcmp(a->key, c->key) == 0 && strcmp(a->flow, c->flow) == 0 &&
            !release_same(a->value, value))
            a->until_ms = 1; /* it is over */
    engine_spin(c->e);
    free(c->key);
    free(c->flow);
    free(c);
}

static void release_check(struct engine *e)
{
    for (const struct release_assume *a = e->releases->assumed; a && e->redis_up; a = a->next) {
        struct release_check *c = a->until_ms ? MEM_NEW(struct release_check) : NULL;
        if (!c)
            continue;
        *c = (struct release_check){e, mem_strdup(a->key), mem_strdup(a->flow)};
        if (!redis_command(e->redis, release_checked, c, 3,
                           (const char *[]){"HGET", a->key, a->flow}, NULL))
            release_checked(c, NULL);
    }
}

/* ---- life ---- */

void release_init(struct engine *e)
{
    if (!e->opts.rollouts || !e->opts.settings)
        return;
    struct releases *r = MEM_NEW(struct releases);
    char host[64] = "";
    gethostname(host, sizeof host - 1);
    uint64_t h = hash_string(host);
    for (const char *const *dir = e->opts.sop; dir && *dir; dir++) {
        char *real = realpath(*dir, NULL);
        h = hash_more(h, real ? real : *dir, strlen(real ? real : *dir));
        free(real);
    }
    snprintf(r->host, sizeof r->host, "%08x", (unsigned)hash_mix(h));
    snprintf(r->by, sizeof r->by, "sopd@%s", host);
    r->settled = UINT64_MAX;
    e->releases = r;
}

void release_free(struct engine *e)
{
    struct releases *r = e->releases;
    if (!r)
        return;
    while (r->list) {
        struct release *next = r->list->next;
        release_drop(r->list);
        r->list = next;
    }
    while (r->assumed) {
        struct release_assume *next = r->assumed->next;
        release_assume_free(r->assumed);
        r->assumed = next;
    }
    release_flows_free(r);
    release_look_free(r->answers);
    free(r);
    e->releases = NULL;
}

struct release_named {
    const char *version;
    bool named;
};

static void release_is_named(void *ud, const struct settings_value *v)
{
    struct release_named *n = ud;
    n->named = n->named || strcmp(v->value, n->version) == 0;
}

/* Old flows that some layer names, or will, stay as they are, with their Lua states. */
static void release_keep_old(struct engine *e, const struct book *old)
{
    for (const struct release_flow *f = e->releases->flows; f; f = f->next) {
        struct flow *was = release_in_book(old, f->name);
        if (!was || !f->before || strcmp(f->before, flow_info(f->newest)->version) == 0)
            continue;
        struct release_named n = {f->before, *f->ring};
        settings_everywhere(e->opts.settings, SETTINGS_VERSIONS, f->name, release_is_named, &n);
        for (const struct release_assume *a = e->releases->assumed; a; a = a->next)
            n.named = n.named || (a->value && strcmp(a->value, f->before) == 0);
        if (n.named)
            release_keep(e, was, old);
    }
}

void release_book(struct engine *e, const struct book *old, const struct book *b)
{
    struct releases *r = e->releases;
    if (!r)
        return;
    release_flows_read(r, old, b);
    release_keep_old(e, old);
    for (const struct release_flow *f = r->flows; f; f = f->next) {
        const char *root = release_now(e, ROLLOUT_ROOT, f->name);
        bool open = !root || strcmp(root, "newest") == 0;
        /* until Redis knows it: everybody stays on what was in force */
        if (*f->ring && open && f->before && strcmp(f->before, flow_info(f->newest)->version) != 0)
            release_assume(e, ROLLOUT_ROOT, f->name, f->before, false);
    }
    r->look = true;
    release_stale(e);
}

void release_redis_up(struct engine *e)
{
    if (e->releases)
        e->releases->look = true;
}

bool release_ready(const struct engine *e)
{
    const struct releases *r = e->releases;
    return !r || (r->looked && !r->asked && !r->stale);
}

void release_run(struct engine *e)
{
    struct releases *r = e->releases;
    if (!r || !e->redis_up || e->stopping || !settings_loaded(e->opts.settings))
        return;
    if (r->answers)
        release_look_go(e);
    if (r->look && !r->looking)
        release_look_start(e);
    if (r->assumed)
        release_confirm(e);
    if (r->assumed && clock_mono(e->clock) - r->checked_ms >= RELEASE_CHECK_MS) {
        r->checked_ms = clock_mono(e->clock);
        release_check(e);
    }
}
