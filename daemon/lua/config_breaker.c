/* config_breaker.c -- `breaker` of the configuration: what is too much of a script, and who counts as a robot.
 * Callers: lua/config.c. */
#include "lua/config_internal.h"

/* false or count = 0: not looked at. */
static void breaker_read_limit(struct conf_report *r, const struct conf_value *table,
                               const char *key, struct breaker_limit *out)
{
    static const char *const keys[] = {"count", "per", NULL};
    const struct conf_value *v = conf_get(table, key);
    if (v && v->type == CONF_BOOLEAN && !v->boolean) {
        out->count = 0;
        return;
    }
    v = conf_table(r, table, key);
    if (!v)
        return;
    conf_check_keys(r, v, "breaker limit", keys, false);
    conf_integer(r, v, "count", 0, 1000000, &out->count);
    conf_duration(r, v, "per", 1000, &out->per_ms);
}

static void breaker_read_pingpong(struct conf_report *r, const struct conf_value *table,
                                  struct breaker_limits *out)
{
    static const char *const keys[] = {"within", "rounds", "rounds_any", "ignore", NULL};
    const struct conf_value *v = conf_get(table, "pingpong");
    if (v && v->type == CONF_BOOLEAN && !v->boolean) {
        out->rounds = out->rounds_any = 0;
        return;
    }
    v = conf_table(r, table, "pingpong");
    if (!v)
        return;
    conf_check_keys(r, v, "breaker.pingpong", keys, false);
    conf_duration(r, v, "within", 100, &out->within_ms);
    conf_integer(r, v, "rounds", 0, 10000, &out->rounds);
    conf_integer(r, v, "rounds_any", 0, 10000, &out->rounds_any);
    conf_duration(r, v, "ignore", 1000, &out->ignore_ms);
}

void config_read_breaker(struct conf_report *r, struct config *c, const struct conf_value *root)
{
    static const char *const keys[] = {"repeat", "answers", "storm",    "flood",
                                       "loop",   "pause",   "pingpong", NULL};
    breaker_default(&c->breaker);
    const struct conf_value *v = conf_table(r, root, "breaker");
    if (!v)
        return;
    conf_check_keys(r, v, "breaker", keys, false);
    breaker_read_limit(r, v, "repeat", &c->breaker.repeat);
    breaker_read_limit(r, v, "answers", &c->breaker.answers);
    breaker_read_limit(r, v, "storm", &c->breaker.storm);
    breaker_read_limit(r, v, "flood", &c->breaker.flood);
    breaker_read_limit(r, v, "loop", &c->breaker.loop);
    conf_duration(r, v, "pause", 1000, &c->breaker.pause_ms);
    breaker_read_pingpong(r, v, &c->breaker);
}
