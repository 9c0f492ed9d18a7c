/* control_settings.c -- what `sopd ctl` asks about settings (admin.h): whether a value would be right, what is wrong now, what is set.
 * Edits are not made here: they are made in Redis, and every daemon hears of them. Callers: admin/control_answer.c, health.c. */
#include <cjson/cJSON.h>
#include <string.h>

#include "admin/admin.h"
#include "base/clock.h"
#include "engine/engine.h"
#include "lua/setting_check.h"
#include "store/settings.h"

static void settings_add_fault(void *ud, const struct settings_fault *f)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "verdict", f->verdict == SETTINGS_BAD ? "bad" : "odd");
    cJSON_AddStringToObject(o, "key", f->key);
    cJSON_AddStringToObject(o, "field", f->field);
    cJSON_AddStringToObject(o, "value", f->value);
    cJSON_AddStringToObject(o, "why", f->why);
    cJSON_AddStringToObject(o, "remedy", f->remedy);
    cJSON_AddItemToObject(o, "in_force",
                          f->kept ? cJSON_CreateString(f->kept) : cJSON_CreateNull());
    cJSON_AddItemToArray(ud, o);
}

static void settings_add_value(void *ud, const struct settings_value *v)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "key", v->key);
    cJSON_AddStringToObject(o, "field", v->field);
    cJSON_AddStringToObject(o, "value", v->value);
    cJSON_AddItemToArray(ud, o);
}

void control_add_settings(const struct admin_env *env, struct cJSON *root)
{
    const struct settings *s = env->settings;
    if (!s)
        return;
    const char *polled = settings_polled(s);
    cJSON_AddItemToObject(root, "polled", polled ? cJSON_CreateString(polled) : cJSON_CreateNull());
    settings_each_fault(s, settings_add_fault, cJSON_AddArrayToObject(root, "faults"));
    settings_everywhere(s, SETTINGS_PAUSED, NULL, settings_add_value,
                        cJSON_AddArrayToObject(root, "paused"));
}

void control_settings(const struct admin_env *env, const struct cJSON *request, struct cJSON *root)
{
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(request, "kind");
    control_add_settings(env, root);
    if (env->settings && cJSON_IsNumber(kind) && kind->valueint >= 0 &&
        kind->valueint <= SETTINGS_TAGS)
        settings_everywhere(env->settings, kind->valueint, NULL, settings_add_value,
                            cJSON_AddArrayToObject(root, "values"));
}

void control_setting(const struct admin_env *env, const struct cJSON *request, struct cJSON *root)
{
    static const char *const verdicts[] = {"good", "odd", "bad"};
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(request, "kind");
    const char *field = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "field"));
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "value"));
    const struct book *book = engine_book(env->engine);
    struct buf why = {0}, remedy = {0};
    if (!cJSON_IsNumber(kind) || !field) {
        cJSON_ReplaceItemInObjectCaseSensitive(root, "ok", cJSON_CreateFalse());
        cJSON_AddStringToObject(root, "error", "setting needs kind and field");
        return;
    }
    if (value) {
        enum settings_verdict v = setting_check(book, kind->valueint, field, value, &why, &remedy);
        cJSON_AddStringToObject(root, "verdict", verdicts[v]);
        cJSON_AddStringToObject(root, "why", buf_cstr(&why));
        cJSON_AddStringToObject(root, "remedy", buf_cstr(&remedy));
    }
    if (kind->valueint == SETTINGS_PARAMS)
        cJSON_AddItemToObject(root, "declared", setting_describe(book, field));
    buf_free(&why);
    buf_free(&remedy);
}

int control_settings_bad(const struct admin_env *env)
{
    return env->settings ? (int)settings_bad(env->settings) : 0;
}

bool control_killed(const struct admin_env *env)
{
    struct settings_place everywhere = {"", NULL, NULL, NULL};
    return env->settings &&
           settings_paused_until(env->settings, &everywhere, "*", clock_wall(env->clock)) > 0;
}
