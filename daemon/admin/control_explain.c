/* control_explain.c -- the request {"op":"explain","gateway":...,"chat":...,"flow":...} of the control socket.
 * Callers: admin/control_answer.c. */
#include <cjson/cJSON.h>

#include "admin/admin.h"
#include "engine/look/explain.h"

const char *control_explain(const struct admin_env *env, const cJSON *request, cJSON *out)
{
    const cJSON *gateway = cJSON_GetObjectItemCaseSensitive(request, "gateway");
    const cJSON *chat = cJSON_GetObjectItemCaseSensitive(request, "chat");
    const cJSON *flow = cJSON_GetObjectItemCaseSensitive(request, "flow");
    if (!cJSON_IsString(gateway) || !cJSON_IsString(chat) || !chat->valuestring[0])
        return "explain needs gateway and chat";
    const char *why = engine_explain(env->engine, gateway->valuestring, chat->valuestring,
                                     cJSON_GetStringValue(flow), out);
    if (why)
        return why;
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(out, "flows");
    if (cJSON_IsString(flow) && cJSON_GetArraySize(list) == 0)
        return "no playbook runs that flow in this chat";
    return NULL;
}
