/* config_late.c -- what else `pace` of a gateway says: how far gaps differ (jitter), how slowly a new account begins (warmup), and
 * what becomes of messages that have to wait (late). Caller: config_gateway.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/config_internal.h"

/* "40%" of each spacing, or a duration on top of the chats' spacing. */
static void late_read_jitter(struct conf_report *r, const struct conf_value *pace, struct pace *out)
{
    const struct conf_value *v = conf_get(pace, "jitter");
    if (!v)
        return;
    out->jitter = 0;
    out->jitter_ms = 0;
    if (v->type != CONF_STRING || !v->len || v->string[v->len - 1] != '%') {
        conf_duration(r, pace, "jitter", 0, &out->jitter_ms);
        return;
    }
    char *end;
    long share = strtol(v->string, &end, 10);
    if (end == v->string || strcmp(end, "%") != 0 || share < 0 || share > 100)
        conf_problem(r, v, "jitter must be a share from \"0%%\" to \"100%%\", or a duration");
    else
        out->jitter = (int)share;
}

static void late_read_one(struct conf_report *r, const struct conf_entry *e, struct pace *out)
{
    static const char *const keys[] = {"policy", "limit", NULL};
    enum send_kind kind;
    const char *policy = NULL;
    if (!e->key || !send_kind_parse(e->key, &kind)) {
        conf_problem(r, &e->value,
                     "pace.late: kinds are answer, game, broadcast, dm and at_all, as in "
                     "{ broadcast = { policy = \"delay\", limit = \"30m\" } }");
        return;
    }
    if (e->value.type != CONF_TABLE) {
        conf_problem(r, &e->value, "pace.late.%s must be a table: policy, limit", e->key);
        return;
    }
    conf_check_keys(r, &e->value, "pace.late", keys, false);
    if (conf_string(r, &e->value, "policy", &policy) &&
        !late_policy_parse(policy, &out->late[kind].policy))
        conf_problem(r, conf_get(&e->value, "policy"),
                     "pace.late.%s: policy is \"delay\", \"merge\" or \"drop\"", e->key);
    conf_duration(r, &e->value, "limit", 1, &out->late[kind].limit_ms);
}

void config_read_late(struct conf_report *r, const struct conf_value *pace, struct pace *out)
{
    late_read_jitter(r, pace, out);
    conf_duration(r, pace, "warmup", 0, &out->warmup_ms);
    const struct conf_value *late = conf_table(r, pace, "late");
    for (int i = 0; late && i < late->nentries; i++)
        late_read_one(r, &late->entries[i], out);
}
