/* config_pace.c -- which limits a gateway begins with: those of its platform's file, changed by `quotas` and `attention` of the
 * configuration; the built-in ones where there is no file. `pace` is read over them afterwards. Callers: config_gateway.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "lua/config_internal.h"
#include "lua/platform.h"

enum { PACE_DAY_BEGINS_MS = 4 * 3600000 }; /* the business day of people: as playbooks have it */

static bool pace_is_false(const struct conf_value *v)
{
    return v && v->type == CONF_BOOLEAN && !v->boolean;
}

/* The platform behind a type of gateway, where it is called otherwise. */
static const char *pace_platform(const struct gateway_conf *conf)
{
    if (conf->type && strcmp(conf->type, "satori") == 0)
        return config_satori_platform(conf);
    return conf->type && strcmp(conf->type, "wecom") == 0 ? "wecom-aibot" : conf->type;
}

/* The file of the gateway's platform. False: there is none, the built-in limits hold. */
static bool pace_load(struct conf_report *r, const struct config *c, const struct conf_value *v,
                      const struct config_gateway *g, struct platform *out)
{
    const char *name = pace_platform(&g->conf);
    const struct conf_value *said = conf_get(v, "platform");
    if (pace_is_false(said) || (said && !conf_string(r, v, "platform", &name)) || !name)
        return false;
    char *path = platform_path(c->sop, name);
    struct buf err = {0};
    bool good = path && platform_load(path, out, &err);
    if (!path && said)
        conf_problem(r, said, "there is no platforms/%s.lua in the SOP folders", name);
    if (err.len) { /* lines of their own file; the configuration cannot be used */
        buf_add(r->out, err.data, err.len);
        r->problems++;
    }
    buf_free(&err);
    free(path);
    return good;
}

static void pace_drop(struct platform *p, struct platform_limit *l)
{
    size_t after = (size_t)(&p->limits[p->n] - (l + 1));
    memmove(l, l + 1, after * sizeof *l);
    p->n--;
}

/* The limit of that name, made if there is none. */
static struct platform_limit *pace_limit(struct conf_report *r, const struct conf_value *v,
                                         struct platform *p, const char *name, bool *made)
{
    struct platform_limit *l = platform_find(p, name);
    *made = !l;
    if (l)
        return l;
    if (p->n == PLATFORM_LIMITS || strlen(name) >= PACE_NAME) {
        conf_problem(r, v, "quotas: too many limits, or too long a name: %s", name);
        return NULL;
    }
    l = &p->limits[p->n++];
    memset(l, 0, sizeof *l);
    snprintf(l->name, sizeof l->name, "%s", name);
    return l;
}

/* name = false, a count, or what differs in a table. */
static void pace_override(struct conf_report *r, const struct conf_entry *e, struct platform *p)
{
    const struct conf_value *v = &e->value;
    bool made;
    if (pace_is_false(v)) {
        struct platform_limit *l = platform_find(p, e->key);
        if (l)
            pace_drop(p, l);
        return;
    }
    struct platform_limit *l = pace_limit(r, v, p, e->key, &made);
    if (!l)
        return;
    snprintf(l->source, sizeof l->source, "%s:%d", r->file, v->line);
    if (v->type == CONF_TABLE) {
        platform_read_limit(r, v, made, l);
    } else if (v->type == CONF_INTEGER && v->integer > 0 && !made) {
        l->count = v->integer;
    } else {
        conf_problem(
            r, v,
            made ? "quotas: the platform has no limit %s; a new one needs scope, count and per"
                 : "quotas: %s must be a number above 0, a table, or false",
            e->key);
    }
}

static void pace_read_quotas(struct conf_report *r, const struct conf_value *v, struct platform *p)
{
    const struct conf_value *q = conf_get(v, "quotas");
    if (!q)
        return;
    if (pace_is_false(q)) { /* no calendar quotas at all; rates stay */
        for (int i = p->n - 1; i >= 0; i--)
            if (p->limits[i].calendar)
                pace_drop(p, &p->limits[i]);
        return;
    }
    if (q->type != CONF_TABLE || q->nlist) {
        conf_problem(r, q,
                     "quotas must be false, or a table of limits by name, for example "
                     "{ [\"post-day\"] = 10 }");
        return;
    }
    for (int i = 0; i < q->nentries; i++)
        pace_override(r, &q->entries[i], p);
}

/* Messages a day that bots begin and that reach one member. */
static void pace_read_attention(struct conf_report *r, const struct conf_value *v,
                                struct platform *p)
{
    const struct conf_value *a = conf_get(v, "attention");
    struct platform_limit *l = platform_find(p, PACE_ATTENTION);
    int64_t count;
    bool made;
    if (!a)
        return;
    if (pace_is_false(a)) {
        if (l)
            pace_drop(p, l);
        return;
    }
    if (!conf_integer(r, v, "attention", 1, 1000, &count))
        return;
    l = pace_limit(r, a, p, PACE_ATTENTION, &made);
    if (!l)
        return;
    l->count = count;
    snprintf(l->source, sizeof l->source, "%s:%d", r->file, a->line);
    if (!made)
        return;
    l->scope = PACE_MEMBER;
    l->kinds = 1U << KIND_BROADCAST | 1U << KIND_DM;
    l->calendar = true;
    l->per = QUOTA_BUSINESS_DAY;
}

/* What the built-in limits are, as far as `quotas` and `attention` do not change them. */
static void pace_built_in(const char *type, struct pace *out)
{
    struct pace own = {0};
    pace_default(type, &own);
    for (int s = 0; s < PACE_SCOPES; s++) {
        if (out->nrules[s])
            continue;
        memcpy(out->rules[s], own.rules[s], sizeof own.rules[s]);
        out->nrules[s] = own.nrules[s];
    }
    out->jitter = own.jitter;
    out->jitter_ms = own.jitter_ms;
    out->warmup_ms = own.warmup_ms;
}

void config_read_platform(struct conf_report *r, const struct config *c, const struct conf_value *v,
                          struct config_gateway *g)
{
    struct platform *p = MEM_NEW(struct platform);
    bool file = pace_load(r, c, v, g, p);
    pace_read_quotas(r, v, p);
    pace_read_attention(r, v, p);
    memset(&g->pace, 0, sizeof g->pace);
    platform_to_pace(r, v, p, &g->pace);
    if (!file)
        pace_built_in(g->conf.type, &g->pace);
    g->pace.cutoff_ms = PACE_DAY_BEGINS_MS;
    free(p);
}

void config_read_zones(struct config *c)
{
    const struct zone *zone = zone_get(c->timezone);
    for (int i = 0; i < c->ngateways; i++) {
        struct pace *p = &c->gateways[i].pace;
        p->own_zone = zone;
        p->zone = p->zone ? p->zone : zone;
    }
}
