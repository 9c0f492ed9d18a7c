/* control_limits.c -- the request {"op":"limits","gateway":...,"at":...} of the control socket, and with "groups":true,"flow":...,
 * "handler":...,"tag":... whom a flow would post to. Callers: admin/control_answer.c. */
#include <cjson/cJSON.h>

#include "admin/admin.h"
#include "engine/look/limits.h"

static const char *limits_text(const cJSON *request, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, name));
}

const char *control_limits(const struct admin_env *env, const cJSON *request, cJSON *out)
{
    const cJSON *at = cJSON_GetObjectItemCaseSensitive(request, "at");
    struct engine_plan_query q = {.gateway = limits_text(request, "gateway"),
                                  .tag = limits_text(request, "tag"),
                                  .flow = limits_text(request, "flow"),
                                  .handler = limits_text(request, "handler"),
                                  .at_ms = cJSON_IsNumber(at) ? (int64_t)at->valuedouble : 0};
    const char *why = engine_limits(env->engine, q.gateway, q.at_ms, out);
    if (!why && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "groups")))
        why = engine_plan_groups(env->engine, &q, out);
    return why;
}
