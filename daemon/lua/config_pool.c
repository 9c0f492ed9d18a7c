/* config_pool.c -- `pool` and `pool_back` of a gateway: several accounts that serve the same groups as one. Callers:
 * lua/config_gateway.c; the helpers by whoever goes through the gateways of a configuration. */
#include <string.h>

#include "base/mem.h"
#include "lua/config_internal.h"

enum { POOL_ACCOUNTS_MAX = 8 };

const char *config_gateway_key(const struct config_gateway *g)
{
    return g->conf.pool ? g->conf.pool : g->conf.name;
}

bool config_gateway_again(const struct config *c, int i)
{
    const char *pool = c->gateways[i].conf.pool;
    for (int k = 0; pool && k < i; k++)
        if (c->gateways[k].conf.pool && strcmp(c->gateways[k].conf.pool, pool) == 0)
            return true;
    return false;
}

static bool pool_conf_same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* A name stands for one thing: a plain gateway, or a pool with the accounts in it. */
static void pool_conf_names(struct conf_report *r, const struct conf_value *v,
                            const struct config_gateway *g, const struct config_gateway *other)
{
    const char *a = g->conf.pool, *b = other->conf.pool;
    if (!pool_conf_same(a, b) &&
        (pool_conf_same(a, other->conf.name) || pool_conf_same(b, g->conf.name)))
        conf_problem(
            r, conf_get(v, a && !pool_conf_same(b, g->conf.name) ? "pool" : "name"),
            "pool '%s' has the name of a gateway that is not in it (the other is in line %d)",
            pool_conf_same(a, other->conf.name) ? a : b, other->line);
}

/* Two accounts of one pool. */
static void pool_conf_twins(struct conf_report *r, const struct conf_value *v,
                            struct config_gateway *g, const struct config_gateway *first)
{
    static const char *const limits[] = {"pace", "platform", "quotas", "attention"};
    bool own = false;
    if (first->conf.type && !pool_conf_same(g->conf.type, first->conf.type))
        conf_problem(r, conf_get(v, "type"), "the accounts of pool '%s' must be of one type: %s",
                     g->conf.pool, first->conf.type);
    for (int i = 0; i < 4; i++)
        own = own || conf_get(v, limits[i]);
    if (!own)
        g->pace = first->pace;
    else if (!pace_equal(&g->pace, &first->pace))
        conf_problem(
            r, v,
            "the accounts of pool '%s' have the same limits: give pace, platform, quotas and "
            "attention to the first (line %d), or the same to all",
            g->conf.pool, first->line);
}

void config_read_pool(struct conf_report *r, struct config *c, const struct conf_value *v,
                      struct config_gateway *g)
{
    const char *pool = NULL;
    int mates = 0;
    g->conf.rank = c->ngateways;
    if (conf_string(r, v, "pool", &pool)) {
        g->conf.pool = mem_strdup(pool);
        if (!config_name_good(pool))
            conf_problem(
                r, conf_get(v, "pool"),
                "pool '%s': use a letter, then letters, digits, - and _, at most 32 in all", pool);
    }
    conf_duration(r, v, "pool_back", 1000, &g->conf.pool_back_ms);
    if (g->conf.pool_back_ms && !g->conf.pool)
        conf_problem(r, conf_get(v, "pool_back"), "pool_back belongs to an account of a pool");
    for (int i = 0; i < c->ngateways; i++) {
        struct config_gateway *other = &c->gateways[i];
        pool_conf_names(r, v, g, other);
        if (!pool_conf_same(g->conf.pool, other->conf.pool))
            continue;
        if (!mates++)
            pool_conf_twins(r, v, g, other);
        if (pool_conf_same(g->conf.self_id, other->conf.self_id))
            conf_problem(r, conf_get(v, "self_id"),
                         "two accounts of pool '%s' are the same: %s; a spare is another account",
                         g->conf.pool, g->conf.self_id);
    }
    if (mates >= POOL_ACCOUNTS_MAX)
        conf_problem(r, v, "pool '%s' has more than %d accounts", g->conf.pool, POOL_ACCOUNTS_MAX);
}
