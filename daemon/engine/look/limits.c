/* limits.c -- see limits.h. */
#include "engine/look/limits.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "engine/internal.h"
#include "engine/route/routes.h"
#include "engine/send/quota.h"
#include "engine/turn/quiet.h"

/* ---- limits ---- */

static void limits_kinds(unsigned kinds, cJSON *o)
{
    cJSON *list = cJSON_AddArrayToObject(o, "kinds");
    for (int k = 0; k < SEND_KINDS; k++)
        if (kinds & 1U << k)
            cJSON_AddItemToArray(list, cJSON_CreateString(send_kind_name((enum send_kind)k)));
}

static void limits_rules(const struct pace *p, cJSON *list)
{
    for (int scope = 0; scope < PACE_SCOPES; scope++) {
        for (int i = 0; i < p->nrules[scope]; i++) {
            const struct pace_rule *r = &p->rules[scope][i];
            cJSON *o = cJSON_CreateObject();
            char mark[24];
            pace_rule_mark(r, i, mark);
            cJSON_AddStringToObject(o, "scope", pace_scope_name((enum pace_scope)scope));
            cJSON_AddStringToObject(o, "mark", mark);
            cJSON_AddStringToObject(o, "name", r->name);
            limits_kinds(r->kinds, o);
            cJSON_AddNumberToObject(o, "interval_us", (double)r->interval_us);
            cJSON_AddNumberToObject(o, "burst", r->burst);
            cJSON_AddNumberToObject(o, "count", (double)r->count);
            cJSON_AddNumberToObject(o, "per", (double)r->per_ms / 1000);
            cJSON_AddStringToObject(o, "source", r->source);
            cJSON_AddItemToArray(list, o);
        }
    }
}

static void limits_quotas(const struct pace *p, cJSON *list)
{
    for (int i = 0; i < p->nquotas; i++) {
        const struct pace_quota *q = &p->quotas[i];
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "scope", pace_scope_name(q->scope));
        cJSON_AddStringToObject(o, "name", q->name);
        limits_kinds(q->kinds, o);
        cJSON_AddNumberToObject(o, "count", (double)q->count);
        cJSON_AddStringToObject(o, "per", quota_per_name(q->per));
        cJSON_AddStringToObject(o, "source", q->source);
        cJSON_AddItemToArray(list, o);
    }
}

static void limits_windows(const struct gw *gw, int64_t at_ms, cJSON *list)
{
    for (int per = 0; per < QUOTA_PERS; per++) {
        struct quota_window w;
        struct buf key = {0};
        cJSON *o = cJSON_CreateObject();
        quota_window(&gw->pace, (enum quota_per)per, at_ms, &w);
        quota_key(gw->name, (enum quota_per)per, w.id, &key);
        cJSON_AddStringToObject(o, "per", quota_per_name((enum quota_per)per));
        cJSON_AddStringToObject(o, "key", buf_cstr(&key));
        cJSON_AddNumberToObject(o, "begin", (double)w.begin_ms / 1000);
        cJSON_AddNumberToObject(o, "end", (double)w.end_ms / 1000);
        cJSON_AddItemToArray(list, o);
        buf_free(&key);
    }
}

static void limits_late(const struct pace *p, cJSON *o)
{
    for (int k = 0; k < SEND_KINDS; k++) {
        struct pace_late late = pace_late(p, (enum send_kind)k);
        cJSON_AddNumberToObject(o, send_kind_name((enum send_kind)k), (double)late.limit_ms / 1000);
    }
}

static void limits_gateway(struct gw *gw, int64_t at_ms, cJSON *list)
{
    const struct pace *p = &gw->pace;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", gw->name);
    cJSON_AddStringToObject(o, "zone", p->own_zone ? zone_name(p->own_zone) : "UTC");
    cJSON_AddNumberToObject(o, "jitter", (double)pace_jitter_mean(p) / 1000);
    cJSON_AddNumberToObject(o, "chats", HASH_COUNT(gw->known));
    cJSON_AddNumberToObject(o, "outbox", HASH_COUNT(gw->entries));
    cJSON *accounts = cJSON_AddArrayToObject(o, "accounts");
    account_of(gw, ""); /* there is one, if nothing was sent yet */
    for (const struct account *a = gw->accounts; a; a = a->hh.next) {
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "name", a->name);
        cJSON_AddNumberToObject(one, "stretch", (double)account_stretch(a) / 1000);
        cJSON_AddNumberToObject(one, "held_until", (double)a->hold_until_ms / 1000);
        cJSON_AddItemToArray(accounts, one);
    }
    limits_rules(p, cJSON_AddArrayToObject(o, "rules"));
    limits_quotas(p, cJSON_AddArrayToObject(o, "quotas"));
    limits_windows(gw, at_ms, cJSON_AddArrayToObject(o, "windows"));
    limits_late(p, cJSON_AddObjectToObject(o, "late"));
    cJSON_AddItemToArray(list, o);
}

const char *engine_limits(struct engine *e, const char *gateway, int64_t at_ms, cJSON *out)
{
    int64_t now = clock_wall(e->clock);
    cJSON_AddNumberToObject(out, "now", (double)now / 1000);
    cJSON *list = cJSON_AddArrayToObject(out, "gateways");
    for (struct gw *gw = e->gws; gw; gw = gw->next)
        if (!gw->removed && (!gateway || strcmp(gateway, gw->name) == 0))
            limits_gateway(gw, at_ms ? at_ms : now, list);
    return gateway && !cJSON_GetArraySize(list) ? "there is no such gateway" : NULL;
}

/* ---- whom a flow would post to ---- */

struct limits_plan {
    const struct engine_plan_query *q;
    cJSON *list;
    int64_t now;
    bool flow, handler; /* such ones were seen */
    const char *why;
};

static void limits_group(struct limits_plan *s, struct gw *gw, const struct known *k,
                         const struct playbook *p, int64_t at)
{
    int64_t until = quiet_until(p, at), begins = quiet_begins(p, until ? until : at);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "gateway", gw->name);
    cJSON_AddStringToObject(o, "chat", k->key);
    cJSON_AddStringToObject(o, "name", k->name ? k->name : "");
    cJSON_AddStringToObject(o, "account", account_of(gw, k->key)->name);
    cJSON_AddNumberToObject(o, "at", (double)at / 1000);
    cJSON_AddNumberToObject(o, "quiet_until", (double)until / 1000);
    if (begins != INT64_MAX)
        cJSON_AddNumberToObject(o, "quiet_begins", (double)begins / 1000);
    cJSON_AddItemToArray(s->list, o);
}

/* When the handler runs next. */
static int64_t limits_next(const struct routes_at *at, int64_t now)
{
    const struct zone *z = at->binding->playbook->zone;
    int64_t day = zone_day(z, now, 0), when = zone_moment(z, day, at->clock_ms);
    return when > now ? when : zone_moment(z, day + 1, at->clock_ms);
}

static bool limits_is_handler(const struct handler *h, const char *name)
{
    return strcmp(h->name, name) == 0 || strcmp(h->id, name) == 0 ||
           (h->nwords && strcmp(h->words[0], name) == 0);
}

static void limits_flow_in(struct limits_plan *s, struct gw *gw, struct known *k,
                           const struct routes *r)
{
    const struct routes_at *found = NULL;
    const struct binding *b = NULL;
    struct flow_why why;
    int n = 0;
    for (int i = 0; i < r->nbindings && !b; i++)
        b = strcmp(flow_info(r->bindings[i]->flow)->name, s->q->flow) == 0 ? r->bindings[i] : NULL;
    if (!b)
        return;
    s->flow = true;
    for (int i = 0; i < r->nats; i++) {
        const struct routes_at *at = &r->ats[i];
        if (at->binding != b || (s->q->handler && !limits_is_handler(at->handler, s->q->handler)))
            continue;
        found = at;
        n++;
    }
    if (n > 1 && !s->q->at_ms)
        s->why = "the flow has several times of day: name one of them, FLOW.NAME, or say --at";
    s->handler = s->handler || n > 0;
    if (s->q->tag && !selector_has_tag(r->tags ? r->tags : "", s->q->tag))
        return;
    if ((!n && !s->q->at_ms) || !routes_flow_on(chat_get(gw, k->key, true), b, &why))
        return;
    limits_group(s, gw, k, b->playbook, s->q->at_ms ? s->q->at_ms : limits_next(found, s->now));
}

static void limits_chat(struct limits_plan *s, struct gw *gw, struct known *k)
{
    struct routes *r = routes_of_known(gw, k);
    if (s->q->flow)
        limits_flow_in(s, gw, k, r);
    else if (!s->q->tag || selector_has_tag(r->tags ? r->tags : "", s->q->tag))
        limits_group(s, gw, k, r->nbindings ? r->bindings[0]->playbook : NULL,
                     s->q->at_ms ? s->q->at_ms : s->now);
}

const char *engine_plan_groups(struct engine *e, const struct engine_plan_query *q, cJSON *out)
{
    struct limits_plan s = {
        .q = q, .list = cJSON_AddArrayToObject(out, "groups"), .now = clock_wall(e->clock)};
    for (struct gw *gw = e->gws; gw; gw = gw->next)
        for (struct known *k = gw->removed ? NULL : gw->known; k; k = k->hh.next)
            if (!q->gateway || strcmp(q->gateway, gw->name) == 0)
                limits_chat(&s, gw, k);
    if (s.why)
        return s.why;
    if (q->flow && !s.flow)
        return "no playbook runs that flow in any group";
    if (q->flow && !s.handler && !q->at_ms)
        return q->handler ? "the flow has no time of day of that name: say one of its, or --at"
                          : "the flow has no time of day: say --at";
    return NULL;
}
