/* lint_overlays.c -- overlays of a playbook: those that no group can have, staff that cannot be reached, and everything that is
 * checked of flows, with the values that an overlay gives them. What both have in common is reported once. Caller: cli/check/lint.c. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/check/lint_internal.h"

/* Is there perhaps a group that both mean? Who has which tag or name is known at run time only. */
static bool overlays_may_meet(const struct linter *k, const struct selector *a,
                              const struct selector *b)
{
    if ((a->gateway && !lint_gateway_known(k, a->gateway)) ||
        (b->gateway && !lint_gateway_known(k, b->gateway)))
        return false;
    if (a->gateway && b->gateway && strcmp(a->gateway, b->gateway) != 0)
        return false;
    return a->kind != SELECT_CHAT || b->kind != SELECT_CHAT || strcmp(a->value, b->value) == 0;
}

static bool overlays_reach_any(const struct linter *k, const struct overlay *o)
{
    for (int i = 0; i < o->nselectors; i++)
        for (int j = 0; j < k->p->nselectors; j++)
            if (overlays_may_meet(k, &o->selectors[i], &k->p->selectors[j]))
                return true;
    return false;
}

static void overlays_check_staff(struct linter *k, const struct overlay *o)
{
    const struct playbook *head = o->head;
    if (!head)
        return;
    if (head->staff_chat && !lint_gateway_known(k, head->staff_chat))
        lint_add(k, "L031", o->file, head->lines[HEAD_STAFF_CHAT],
                 "the staff chat %s is on a gateway that the configuration does not have",
                 head->staff_chat);
    for (int i = 0; i < head->nstaff; i++)
        if (!lint_gateway_known(k, head->staff[i].user))
            lint_add(k, "L031", o->file, head->lines[HEAD_STAFF],
                     "%s of the staff is on a gateway that the configuration does not have",
                     head->staff[i].user);
}

/* The parameters of a flow with the values of the overlay. */
static cJSON *overlays_params(const struct playbook_flow *own, const struct overlay_flow *o)
{
    cJSON *params = cJSON_Duplicate(own->params, 1);
    for (int i = 0; o && i < o->n; i++) {
        const char *name = flow_info(own->flow)->params[o->slots[i].param].name;
        cJSON_DeleteItemFromObjectCaseSensitive(params, name);
        cJSON_AddItemToObject(params, name, cJSON_Duplicate(o->slots[i].value, 1));
    }
    return params;
}

/* The playbook as groups with this overlay have it: its head, its flows that are on, their values. Fills `flows`, of at least nflows;
 * their parameters are freed by overlays_drop. */
static struct playbook overlays_playbook(const struct playbook *p, const struct overlay *o,
                                         struct playbook_flow *flows)
{
    struct playbook out = *overlays_head(p, &o, 1);
    out.flows = flows;
    out.nflows = 0;
    for (int f = 0; f < p->nflows; f++) {
        const struct overlay_flow *own = overlay_flow(o, f);
        bool on = own && own->on >= 0 ? own->on : !p->flows[f].off;
        if (!on)
            continue;
        flows[out.nflows] = p->flows[f];
        flows[out.nflows++].params = overlays_params(&p->flows[f], own);
    }
    return out;
}

static void overlays_drop(struct playbook *p)
{
    for (int i = 0; i < p->nflows; i++)
        cJSON_Delete(p->flows[i].params);
}

static bool overlays_touches(const struct playbook *p, const struct overlay *o,
                             const struct flow *flow)
{
    for (int i = 0; i < o->nflows; i++)
        if (o->flows[i].n && p->flows[o->flows[i].flow].flow == flow)
            return true;
    return false;
}

static void overlays_check_flows(struct linter *k, const struct overlay *o)
{
    const struct playbook *own = k->p;
    struct playbook_flow *flows = mem_zero(((size_t)own->nflows + 1) * sizeof *flows);
    struct playbook p = overlays_playbook(own, o, flows);
    k->p = &p;
    for (int i = 0; i < p.nflows; i++) {
        k->pf = &p.flows[i];
        k->flow = flow_info(k->pf->flow);
        if (overlays_touches(own, o, k->pf->flow))
            lint_flow(k);
    }
    k->pf = NULL;
    k->flow = NULL;
    lint_times(k);
    k->p = own;
    overlays_drop(&p);
    free(flows);
}

/* Where an overlay stands: its own file, or an item of the playbook's list. */
static const struct conf_value *overlays_table(const struct linter *k, const struct overlay *o,
                                               struct conf_value **own)
{
    struct buf unused = {0};
    *own = NULL;
    if (o->own_file) {
        *own = conf_load(o->own_file, &unused);
        buf_free(&unused);
        return *own;
    }
    const struct conf_value *list = k->root ? conf_get(k->root, "overlays") : NULL;
    for (int i = 0; list && list->type == CONF_TABLE && i < list->nlist; i++)
        if (list->entries[i].value.line == o->line)
            return &list->entries[i].value;
    return NULL;
}

void lint_overlays(struct linter *k)
{
    for (int i = 0; i < k->p->noverlays; i++) {
        const struct overlay *o = &k->p->overlays[i];
        struct conf_value *own;
        if (!overlays_reach_any(k, o))
            lint_add(k, "L033", o->file, o->line,
                     "overlay %s is for groups that playbook %s does not serve", o->name,
                     k->p->name);
        overlays_check_staff(k, o);
        k->overlay = o;
        k->overlay_table = overlays_table(k, o, &own);
        overlays_check_flows(k, o);
        conf_free(own);
        k->overlay = NULL;
        k->overlay_table = NULL;
    }
}
