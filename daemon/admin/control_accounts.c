/* control_accounts.c -- how far the accounts are trusted, and what an admin decides about them and about messages whose outcome is
 * unknown. Callers: admin/control_answer.c. */
#include <cjson/cJSON.h>

#include "admin/admin.h"
#include "engine/engine.h"

static const char *accounts_arg(const cJSON *request, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, name));
}

static void accounts_one(void *ud, const struct engine_account_info *i)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "gateway", i->gateway);
    cJSON_AddStringToObject(o, "account", i->account);
    cJSON_AddStringToObject(o, "level", i->level);
    cJSON_AddNumberToObject(o, "slow", i->slow);
    cJSON_AddNumberToObject(o, "since", (double)i->since_ms / 1000);
    cJSON_AddNumberToObject(o, "until", (double)i->until_ms / 1000);
    cJSON_AddStringToObject(o, "by", i->by_admin ? "admin" : "sopd");
    cJSON_AddStringToObject(o, "reason", i->reason);
    cJSON_AddItemToArray(ud, o);
}

const char *control_accounts(const struct admin_env *env, const cJSON *request, cJSON *root)
{
    const char *gateway = accounts_arg(request, "gateway"), *level = accounts_arg(request, "level");
    if (level) {
        const char *why = !gateway ? "name the gateway"
                                   : engine_account_order(env->engine, gateway,
                                                          accounts_arg(request, "account"), level);
        if (why)
            return why;
    } else if (gateway && !engine_gateway(env->engine, gateway)) {
        return "there is no such gateway";
    }
    engine_each_account(env->engine, gateway, accounts_one,
                        cJSON_AddArrayToObject(root, "accounts"));
    return NULL;
}

const char *control_outbox_order(const struct admin_env *env, const cJSON *request)
{
    const char *gateway = accounts_arg(request, "gateway"), *id = accounts_arg(request, "id");
    const char *order = accounts_arg(request, "order");
    if (!gateway || !id || !order)
        return "an order for a message needs gateway, id and order";
    return engine_outbox_order(env->engine, gateway, id, accounts_arg(request, "message"),
                               order[0] == 'r');
}
