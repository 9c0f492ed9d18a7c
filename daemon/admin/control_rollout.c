/* control_rollout.c -- what `sopd ctl rollout` asks (admin.h): which version of a flow serves which groups, by which hash, as it is and as
 * it would be with other values in the hashes. Changes are not made here: they are edits in Redis. Callers: admin/control_answer.c. */
#include <cjson/cJSON.h>
#include <string.h>

#include "admin/admin.h"
#include "engine/engine.h"
#include "store/settings.h"

enum { ROLLOUT_ASSUME_MAX = 256 };

struct rollout_answer {
    const struct admin_env *env;
    const char *flow;         /* NULL: all */
    const cJSON *assume;      /* [[key, value or null], ...] */
    bool groups;              /* name each group */
    bool pinned_only;         /* flows that some hash is about */
    cJSON *flows, *list, *of; /* the answer's list; counts, and groups, that are being made */
};

/* One more group that is served this version because of that hash. */
static void rollout_count(void *ud, const struct engine_rollout_group *g)
{
    struct rollout_answer *a = ud;
    cJSON *item, *n = NULL;
    cJSON_ArrayForEach (item, a->list) {
        if (strcmp(cJSON_GetObjectItemCaseSensitive(item, "version")->valuestring, g->version) ==
                0 &&
            strcmp(cJSON_GetObjectItemCaseSensitive(item, "key")->valuestring, g->key) == 0)
            n = cJSON_GetObjectItemCaseSensitive(item, "groups");
    }
    if (n) {
        cJSON_SetNumberValue(n, n->valuedouble + 1);
    } else {
        item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "version", g->version);
        cJSON_AddStringToObject(item, "key", g->key);
        cJSON_AddNumberToObject(item, "groups", 1);
        cJSON_AddItemToArray(a->list, item);
    }
    if (!a->of)
        return;
    item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "gateway", g->gateway);
    cJSON_AddStringToObject(item, "chat", g->chat);
    cJSON_AddStringToObject(item, "version", g->version);
    cJSON_AddItemToArray(a->of, item);
}

static void rollout_layer(void *ud, const struct settings_value *v)
{
    cJSON *layer = cJSON_CreateArray();
    cJSON_AddItemToArray(layer, cJSON_CreateString(v->key));
    cJSON_AddItemToArray(layer, cJSON_CreateString(v->value));
    cJSON_AddItemToArray(ud, layer);
}

static int rollout_assume(const cJSON *list, struct engine_assume *out)
{
    const cJSON *item;
    int n = 0;
    cJSON_ArrayForEach (item, list) {
        const char *key = cJSON_GetStringValue(cJSON_GetArrayItem(item, 0));
        if (key && n < ROLLOUT_ASSUME_MAX)
            out[n++] =
                (struct engine_assume){key, cJSON_GetStringValue(cJSON_GetArrayItem(item, 1))};
    }
    return n;
}

static void rollout_flow(void *ud, const struct engine_rollout_flow *f)
{
    struct rollout_answer *a = ud;
    static struct engine_assume extra[ROLLOUT_ASSUME_MAX];
    if (a->flow && strcmp(a->flow, f->flow) != 0)
        return;
    cJSON *layers = cJSON_CreateArray();
    settings_everywhere(a->env->settings, SETTINGS_VERSIONS, f->flow, rollout_layer, layers);
    if (a->pinned_only && !layers->child) {
        cJSON_Delete(layers);
        return;
    }
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "flow", f->flow);
    cJSON_AddStringToObject(o, "newest", f->newest);
    cJSON_AddStringToObject(o, "ring", f->ring);
    cJSON_AddBoolToObject(o, "ready", f->ready);
    cJSON_AddNumberToObject(o, "loaded", f->loaded);
    cJSON_AddNumberToObject(o, "memory", (double)f->memory);
    cJSON_AddItemToObject(o, "layers", layers);
    a->list = cJSON_AddArrayToObject(o, "serve");
    a->of = a->groups ? cJSON_AddArrayToObject(o, "groups") : NULL;
    engine_each_rollout_group(a->env->engine, f->flow, NULL, 0, rollout_count, a);
    if (a->assume) {
        a->list = cJSON_AddArrayToObject(o, "then");
        a->of = NULL;
        engine_each_rollout_group(a->env->engine, f->flow, extra, rollout_assume(a->assume, extra),
                                  rollout_count, a);
    }
    cJSON_AddItemToArray(a->flows, o);
}

static void rollout_gateway(void *ud, const struct engine_gateway_info *i)
{
    cJSON_AddItemToArray(ud, cJSON_CreateString(i->name));
}

void control_rollout(const struct admin_env *env, const struct cJSON *request, struct cJSON *root)
{
    const cJSON *assume = cJSON_GetObjectItemCaseSensitive(request, "assume");
    struct rollout_answer a = {
        .env = env,
        .flow = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "flow")),
        .assume = cJSON_IsArray(assume) ? assume : NULL,
        .groups = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "groups")),
        .flows = cJSON_AddArrayToObject(root, "flows")};
    engine_each_gateway(env->engine, rollout_gateway, cJSON_AddArrayToObject(root, "gateways"));
    engine_each_rollout(env->engine, rollout_flow, &a);
}

void control_rollouts(const struct admin_env *env, struct cJSON *root)
{
    struct rollout_answer a = {
        .env = env, .pinned_only = true, .flows = cJSON_AddArrayToObject(root, "rollouts")};
    engine_each_rollout(env->engine, rollout_flow, &a);
}
