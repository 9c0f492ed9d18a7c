/* release_load.c -- see release.h: the versions of flows that are loaded beside those on disk. A source comes from Redis, is loaded in the
 * drain, and is dropped when no layer names it any more; routes and runs hold their own references. Callers: release*.c, engine.c. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/release/release_part.h"

struct release *release_loaded(const struct releases *r, const char *flow, const char *version)
{
    for (struct release *l = r->list; l; l = l->next)
        if (strcmp(l->version, version) == 0 && strcmp(l->flow, flow) == 0)
            return l;
    return NULL;
}

static struct release *release_add(struct engine *e, const char *flow, const char *version)
{
    struct release *l = MEM_NEW(struct release);
    l->e = e;
    l->flow = mem_strdup(flow);
    snprintf(l->version, sizeof l->version, "%s", version);
    l->next = e->releases->list;
    e->releases->list = l;
    return l;
}

void release_drop(struct release *l)
{
    if (l->f)
        flow_release(l->f);
    cJSON_Delete(l->params);
    cJSON_Delete(l->overlays);
    free(l->text);
    free(l->flow);
    free(l);
}

void release_keep(struct engine *e, struct flow *f, const struct book *of)
{
    const struct flow_info *info = flow_info(f);
    struct release *l = release_loaded(e->releases, info->name, info->version);
    if (l && l->state == RELEASE_LOADED)
        return;
    if (!l)
        l = release_add(e, info->name, info->version);
    if (l->state == RELEASE_ASKED && l->wanted)
        return; /* its answer is on the way */
    free(l->text);
    l->text = NULL;
    l->state = RELEASE_LOADED;
    l->wanted = true;
    l->f = flow_retain(f);
    l->params = release_book_params(of, info->name);
    l->overlays = release_book_overlays(of, info->name);
}

static void release_came(void *ud, const struct redisReply *r)
{
    struct release *l = ud;
    bool lost = !r || (r->type == REDIS_REPLY_ERROR && redis_error_passes(r->str));
    l->e->releases->asked--;
    l->state = lost ? RELEASE_BAD : RELEASE_CAME;
    if (r && r->type == REDIS_REPLY_STRING)
        l->text = mem_strndup(r->str, (size_t)r->len);
    if (lost)
        l->version[0] = '\0'; /* nobody finds this one: it is asked for again */
    release_stale(l->e);
}

static void release_ask(struct engine *e, const char *flow, const char *version)
{
    struct releases *r = e->releases;
    struct release *l = release_add(e, flow, version);
    struct buf key = {0};
    rollout_version_key(&key, flow, version);
    l->wanted = true;
    l->state = RELEASE_ASKED;
    if (redis_command(e->redis, release_came, l, 2, (const char *[]){"GET", buf_cstr(&key)},
                      NULL)) {
        r->asked++;
    } else {
        l->state = RELEASE_BAD;
        l->version[0] = '\0';
    }
    buf_free(&key);
}

static void release_failed(struct release *l, const char *error)
{
    l->state = RELEASE_BAD;
    log_error("a version that groups are pinned to cannot be loaded; the next weaker layer serves",
              "flow", l->flow, "version", l->version, "error", error, "remedy",
              "sopd ctl rollout FLOW shows the layers; sopd ctl rollout FLOW to all ends them",
              NULL);
}

static void release_read(struct release *l, struct host *host)
{
    struct buf err = {0};
    cJSON *doc = l->text ? cJSON_Parse(l->text) : NULL;
    char *files = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(doc, "files"));
    l->f = files ? host_load_from(host, l->flow, files, strlen(files), &err) : NULL;
    if (l->f && strcmp(flow_info(l->f)->version, l->version) != 0) {
        buf_addf(&err, "its stored source is version %s", flow_info(l->f)->version);
        flow_release(l->f);
        l->f = NULL;
    }
    if (l->f) {
        l->state = RELEASE_LOADED;
        l->params = cJSON_DetachItemFromObjectCaseSensitive(doc, "params");
        l->overlays = cJSON_DetachItemFromObjectCaseSensitive(doc, "overlays");
        log_info("a version is loaded for groups that are pinned to it", "flow", l->flow, "version",
                 l->version, NULL);
    } else {
        release_failed(l, !l->text  ? "it is not in Redis"
                          : err.len ? buf_cstr(&err)
                                    : "its key is damaged");
    }
    cJSON_free(files);
    cJSON_Delete(doc);
    free(l->text);
    l->text = NULL;
    buf_free(&err);
}

struct release_want {
    struct engine *e;
    struct release_flow *f;
};

static void release_want_value(struct engine *e, const struct release_flow *f, const char *version)
{
    if (!rollout_is_version(version) || strcmp(version, flow_info(f->newest)->version) == 0)
        return;
    struct release *l = release_loaded(e->releases, f->name, version);
    if (l)
        l->wanted = true;
    else
        release_ask(e, f->name, version);
}

static void release_want(void *ud, const struct settings_value *v)
{
    const struct release_want *w = ud;
    w->f->named = true;
    release_want_value(w->e, w->f, v->value);
}

/* Asks for what the layers name and is not here; loads what came. */
static void release_gather(struct engine *e)
{
    struct releases *r = e->releases;
    for (struct release *l = r->list; l; l = l->next)
        l->wanted = false;
    for (struct release_flow *f = r->flows; f; f = f->next) {
        struct release_want w = {e, f};
        f->named = false;
        settings_everywhere(e->opts.settings, SETTINGS_VERSIONS, f->name, release_want, &w);
        for (const struct release_assume *a = r->assumed; a; a = a->next)
            if (a->value && strcmp(a->flow, f->name) == 0)
                release_want(&w, &(struct settings_value){a->key, a->flow, a->value});
    }
    for (struct release *l = r->list; l; l = l->next) {
        const struct release_flow *f =
            l->state == RELEASE_CAME ? release_flow_of(r, l->flow) : NULL;
        if (f)
            release_read(l, flow_host(f->newest));
    }
}

bool release_settled(struct engine *e)
{
    struct releases *r = e->releases;
    if (!r)
        return true;
    uint64_t now = settings_routes_generation(e->opts.settings);
    if (now != r->settled || r->stale) {
        if (!e->redis_up && e->reported_ready)
            return false; /* nobody is served now; nothing is decided without Redis */
        r->settled = now;
        r->stale = false;
        release_gather(e);
        release_round(e);
    }
    return !r->asked && !r->stale;
}

void release_round(struct engine *e)
{
    struct releases *r = e->releases;
    if (!r || r->asked || r->stale)
        return;
    for (struct release **p = &r->list; *p;) {
        struct release *l = *p;
        if (l->wanted && l->version[0]) {
            p = &l->next;
            continue;
        }
        *p = l->next;
        release_drop(l);
    }
}
