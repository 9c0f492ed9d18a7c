/* config_retention.c -- `retention` of the configuration: how long each kind of data is kept. Callers: lua/config.c. */
#include "lua/config_internal.h"

#define DAYS(n) ((int64_t)(n)*86400000)

/* false keeps for ever; absent is the default. */
static void retention_time(struct conf_report *r, const struct conf_value *table, const char *key,
                           int64_t fallback, int64_t *out)
{
    const struct conf_value *v = table ? conf_get(table, key) : NULL;
    *out = fallback;
    if (!v)
        return;
    if (v->type == CONF_BOOLEAN && !v->boolean)
        *out = RETENTION_EVER;
    else if (!conf_duration(r, table, key, 3600000, out))
        *out = fallback;
}

void config_read_retention(struct conf_report *r, struct config *c, const struct conf_value *root)
{
    static const char *const keys[] = {"left",  "events", "audit", "commands",
                                       "trace", "tally",  NULL};
    const struct conf_value *v = conf_table(r, root, "retention");
    if (v)
        conf_check_keys(r, v, "retention", keys, false);
    retention_time(r, v, "left", DAYS(365), &c->retention.left_ms);
    retention_time(r, v, "events", DAYS(90), &c->retention.events_ms);
    retention_time(r, v, "audit", DAYS(730), &c->retention.audit_ms);
    retention_time(r, v, "commands", DAYS(30), &c->retention.commands_ms);
    retention_time(r, v, "trace", DAYS(7), &c->retention.trace_ms);
    retention_time(r, v, "tally", DAYS(400), &c->retention.tally_ms);
}
