/* ctl_param.c -- `sopd ctl param`: lists, shows, sets and removes parameters that Redis gives to flows, over those of the playbooks.
 * Callers: cli/ctl/ctl.c. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl_settings.h"

static const char param_usage[] =
    "it is: param [list [FLOW]] | get FLOW.PARAM | set FLOW.PARAM VALUE | unset FLOW.PARAM, with "
    "[--chat GATEWAY:CHAT | --tag TAG | --gateway GATEWAY]";

static int param_write(struct ctl_setting *s, const char *field, const char *value)
{
    char *before;
    struct buf said = {0};
    int code = value ? ctl_setting_check(s, field, value) : CLI_OK;
    if (code != CLI_OK)
        return code;
    s->what = "param";
    code = ctl_setting_write(s, field, value, &before);
    if (value)
        buf_addf(&said, "%s is %s %s now; before: %s", field, value, buf_cstr(&s->where),
                 before ? before : "not set");
    else if (before)
        buf_addf(&said, "%s is not set %s any more; before: %s", field, buf_cstr(&s->where),
                 before);
    else
        buf_addf(&said, "%s is not set %s; nothing to do", field, buf_cstr(&s->where));
    if (code == CLI_OK)
        ctl_setting_done(s, field, value, before, buf_cstr(&said));
    buf_free(&said);
    free(before);
    return code;
}

/* What the loaded flow says about it; NULL: nobody can be asked, or nobody knows it. */
static cJSON *param_declared(const struct ctl *c, const char *field, cJSON **answer)
{
    struct ctl quiet = *c;
    cJSON *request = cJSON_CreateObject();
    quiet.quiet = true;
    cJSON_AddStringToObject(request, "op", "setting");
    cJSON_AddNumberToObject(request, "kind", SETTINGS_PARAMS);
    cJSON_AddStringToObject(request, "field", field);
    *answer = ctl_ask(&quiet, request);
    return cJSON_GetObjectItemCaseSensitive(*answer, "declared");
}

static void param_print_declared(const cJSON *d)
{
    static const char *const facts[] = {"min", "max", "values", "default"};
    printf("%s\n", ctl_string(d, "help"));
    printf("type      %s\n", ctl_string(d, "type"));
    for (int i = 0; i < 4; i++) {
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(d, facts[i]);
        char *text = v ? cJSON_PrintUnformatted(v) : NULL;
        if (text)
            printf("%-9s %s\n", facts[i], text);
        cJSON_free(text);
    }
}

static int param_get(const struct ctl_setting *s, const char *field)
{
    struct buf key = {0};
    buf_add(&key, s->key.data, s->key.len);
    redisContext *redis = ctl_redis(s->ctl);
    redisReply *r = redis ? redisCommand(redis, "HGET %s %s", buf_cstr(&key), field) : NULL;
    const char *value = r && r->type == REDIS_REPLY_STRING ? r->str : NULL;
    cJSON *answer = NULL, *declared = r ? param_declared(s->ctl, field, &answer) : NULL;
    if (r && s->ctl->json) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "key", buf_cstr(&key));
        cJSON_AddStringToObject(o, "param", field);
        cJSON_AddItemToObject(o, "value", value ? cJSON_CreateString(value) : cJSON_CreateNull());
        cJSON_AddItemToObject(o, "declared", cJSON_Duplicate(declared, 1));
        ctl_print_json(o);
        cJSON_Delete(o);
    } else if (r) {
        if (declared)
            param_print_declared(declared);
        printf("%-9s %s %s\n", "set", value ? value : "not", buf_cstr((struct buf *)&s->where));
    }
    cJSON_Delete(answer);
    freeReplyObject(r);
    if (redis)
        redisFree(redis);
    buf_free(&key);
    return r ? CLI_OK : CLI_NO_REDIS;
}

static int param_run(struct ctl_setting *s, const char *verb)
{
    bool set = strcmp(verb, "set") == 0;
    if (strcmp(verb, "list") == 0 && s->n <= 1)
        return ctl_setting_list(s->ctl, SETTINGS_PARAMS, s->n ? s->rest[0] : NULL,
                                "no parameters are set in Redis; those of the playbooks hold");
    if (s->n != (set ? 2 : 1))
        return cli_usage("ctl", "%s", param_usage);
    if (!strchr(s->rest[0], '.'))
        return cli_usage("ctl", "a parameter is named FLOW.PARAM, for example checkin.days");
    if (strcmp(verb, "get") == 0)
        return param_get(s, s->rest[0]);
    if (set || strcmp(verb, "unset") == 0)
        return param_write(s, s->rest[0], set ? s->rest[1] : NULL);
    return cli_usage("ctl", "%s", param_usage);
}

int ctl_param(struct ctl *c, int argc, char **argv)
{
    struct ctl_setting s;
    char *list[] = {(char *)"list", NULL};
    bool bare = argc == 1;
    int code = ctl_setting_read(&s, c, SETTINGS_PARAMS, false, bare ? 1 : argc - 1,
                                bare ? list : argv + 1);
    if (code == CLI_OK)
        code = param_run(&s, bare ? "list" : argv[1]);
    ctl_setting_free(&s);
    return code;
}
