/* release_sweep.c -- lets go of old versions of a flow in Redis: the last few stay, those that are pinned, and those that a step brings
 * back. Runs keep sources of their own (pins.c). Callers: release_step.c, after each look. */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/release/release_part.h"

struct sweep {
    struct engine *e;
    char *flow;
    struct buf steps; /* their JSON, one after the other */
};

static void sweep_free(struct sweep *w)
{
    buf_free(&w->steps);
    free(w->flow);
    free(w);
}

struct sweep_used {
    const char *version;
    bool used;
};

static void sweep_layer(void *ud, const struct settings_value *v)
{
    struct sweep_used *u = ud;
    u->used = u->used || strcmp(v->value, u->version) == 0;
}

/* Pinned somewhere, on disk, or named by a step that can be undone. */
static bool sweep_needed(struct sweep *w, const char *version)
{
    struct engine *e = w->e;
    struct sweep_used u = {version, false};
    settings_everywhere(e->opts.settings, SETTINGS_VERSIONS, w->flow, sweep_layer, &u);
    for (const struct release_assume *a = e->releases->assumed; a; a = a->next)
        u.used = u.used || (a->value && strcmp(a->value, version) == 0);
    u.used = u.used || strstr(buf_cstr(&w->steps), version);
    for (const struct release_flow *f = e->releases->flows; f; f = f->next)
        u.used = u.used || strcmp(flow_info(f->newest)->version, version) == 0;
    return u.used;
}

static void sweep_versions(void *ud, const struct redisReply *r)
{
    struct sweep *w = ud;
    struct buf key = {0}, list = {0};
    rollout_list_key(&list, w->flow);
    for (size_t i = ROLLOUT_KEEP; r && r->type == REDIS_REPLY_ARRAY && i < r->elements; i++) {
        const char *version = r->element[i]->str;
        if (!version || sweep_needed(w, version))
            continue;
        buf_reset(&key);
        rollout_version_key(&key, w->flow, version);
        redis_command(w->e->redis, NULL, NULL, 2, (const char *[]){"DEL", buf_cstr(&key)}, NULL);
        redis_command(w->e->redis, NULL, NULL, 3,
                      (const char *[]){"ZREM", buf_cstr(&list), version}, NULL);
    }
    buf_free(&key);
    buf_free(&list);
    sweep_free(w);
}

/* Without all steps nothing is collected: the next look makes up for it. */
static void sweep_steps(void *ud, const struct redisReply *r)
{
    struct sweep *w = ud;
    struct buf key = {0};
    bool ok = r && r->type == REDIS_REPLY_ARRAY;
    for (size_t i = 0; ok && i < r->elements; i++)
        if (r->element[i]->str)
            buf_adds(&w->steps, r->element[i]->str);
    rollout_list_key(&key, w->flow);
    if (!ok || !redis_command(w->e->redis, sweep_versions, w, 4,
                              (const char *[]){"ZREVRANGE", buf_cstr(&key), "0", "-1"}, NULL))
        sweep_free(w);
    buf_free(&key);
}

void release_sweep(struct engine *e, const char *flow)
{
    struct sweep *w = MEM_NEW(struct sweep);
    struct buf key = {0};
    w->e = e;
    w->flow = mem_strdup(flow);
    rollout_steps_key(&key, flow);
    if (!redis_command(e->redis, sweep_steps, w, 4,
                       (const char *[]){"LRANGE", buf_cstr(&key), "0", "-1"}, NULL))
        sweep_free(w);
    buf_free(&key);
}
