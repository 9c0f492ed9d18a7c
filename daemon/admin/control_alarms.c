/* control_alarms.c -- alarms for `sopd ctl alarms`, the status and /healthz; and how a gateway really is, with reasons and since when
 * (admin.h). Callers: admin/control_answer.c, admin/health.c. */
#include <cjson/cJSON.h>

#include "admin/admin.h"
#include "engine/engine.h"
#include "engine/look/alarm.h"

struct alarm_listing {
    cJSON *list;
    bool open_only;
};

static void control_alarm(void *ud, const struct alarm *a)
{
    const struct alarm_listing *l = ud;
    if (l->open_only && a->over_ms)
        return;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "state", a->over_ms ? "over" : a->raised ? "open" : "calming");
    cJSON_AddStringToObject(o, "gateway", a->gateway);
    cJSON_AddStringToObject(o, "kind", a->kind);
    cJSON_AddStringToObject(o, "what", a->what);
    cJSON_AddStringToObject(o, "text", a->text);
    cJSON_AddNumberToObject(o, "since", (double)a->since_ms / 1000);
    cJSON_AddNumberToObject(o, "over", (double)a->over_ms / 1000);
    cJSON_AddNumberToObject(o, "repeats", a->repeats);
    cJSON_AddItemToArray(l->list, o);
}

void control_alarms(const struct admin_env *env, struct cJSON *root, bool open_only)
{
    struct alarm_listing l = {cJSON_AddArrayToObject(root, "alarms"), open_only};
    if (env->engine)
        engine_each_alarm(env->engine, control_alarm, &l);
}

void control_gateway_health(const struct engine_gateway_info *i, struct cJSON *g)
{
    cJSON_AddStringToObject(g, "link", gateway_link_name(i->state.link));
    cJSON_AddNumberToObject(g, "link_since", (double)i->link_since_ms / 1000);
    cJSON_AddStringToObject(g, "account", gateway_account_name(i->account));
    cJSON_AddStringToObject(g, "account_reason", i->account_word);
    cJSON_AddStringToObject(g, "account_text", i->account_text);
    cJSON_AddNumberToObject(g, "account_since", (double)i->account_since_ms / 1000);
    cJSON_AddStringToObject(g, "level", i->level);
    cJSON_AddNumberToObject(g, "slow", i->slow);
    cJSON_AddNumberToObject(g, "last_event", (double)i->last_event_ms / 1000);
    cJSON_AddNumberToObject(g, "last_canary", (double)i->last_canary_ms / 1000);
}
