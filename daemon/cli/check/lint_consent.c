/* lint_consent.c -- @all without consent, staff that cannot be reached, and playbooks that are in each other's way.
 * Caller: cli/check/lint.c. */
#include <string.h>

#include "cli/check/lint_internal.h"

/* ---- @all ---- */

/* The parameter that asks for it. */
static const struct param *lint_at_all_param(const struct linter *k)
{
    static const char *const names[] = {"at_all",    "atall",    "mention_all",
                                        "everybody", "everyone", NULL};
    for (int i = 0; i < k->flow->nparams; i++) {
        const struct param *p = &k->flow->params[i];
        if (p->type == PARAM_BOOLEAN && (lint_has(p->name, names) || strcmp(p->name, "all") == 0))
            return p;
    }
    return NULL;
}

void lint_at_all(struct linter *k)
{
    bool needs = (k->flow->needs | k->flow->wants) & GATEWAY_AT_ALL;
    int line = lint_said_at(k, tokens_sop_name, "at_all");
    const struct param *p = lint_at_all_param(k);
    struct place at;
    if (!needs && !line)
        return;
    place_in_flow(k, line ? line : 1, &at);
    if (!p)
        lint_add(k, "L080", at.file, at.line,
                 "flow %s uses @all, and no parameter says whether it may", k->flow->name);
    if (!needs)
        lint_add(k, "L083", at.file, at.line, "flow %s uses @all without needing it of the gateway",
                 k->flow->name);
    place_free(&at);
    if (p && cJSON_IsTrue(lint_value(k, p->name)) && !lint_given(k, p->name)) {
        place_of_flow(k, &at);
        lint_add(k, "L081", at.file, at.line,
                 "%s.%s is on by default: playbook %s uses @all without saying so", k->flow->name,
                 p->name, k->p->name);
    }
}

/* ---- staff ---- */

bool lint_gateway_known(const struct linter *k, const char *address)
{
    size_t len = strcspn(address, ":");
    if (len == strlen("playground") && memcmp(address, "playground", len) == 0)
        return true; /* `sopd play` makes it */
    for (int i = 0; i < k->config->ngateways; i++) {
        const char *name = config_gateway_key(&k->config->gateways[i]);
        if (strlen(name) == len && memcmp(name, address, len) == 0)
            return true;
    }
    return false;
}

static void lint_staff(struct linter *k)
{
    const struct conf_value *v = k->root ? conf_get(k->root, "staff_chat") : NULL;
    const struct conf_value *staff = k->root ? conf_get(k->root, "staff") : NULL;
    if (k->p->staff_chat && !lint_gateway_known(k, k->p->staff_chat))
        lint_add(k, "L031", k->p->file, v ? v->line : 1,
                 "the staff chat %s is on a gateway that the configuration does not have",
                 k->p->staff_chat);
    for (int i = 0; i < k->p->nstaff; i++) {
        v = staff ? conf_get(staff, k->p->staff[i].user) : NULL;
        if (!lint_gateway_known(k, k->p->staff[i].user))
            lint_add(k, "L031", k->p->file, v ? v->line : 1,
                     "%s of the staff is on a gateway that the configuration does not have",
                     k->p->staff[i].user);
    }
}

/* ---- playbooks against each other ---- */

static bool lint_same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Do both mean exactly the same groups by one of their selectors? Then neither is the narrower. */
static const struct selector *lint_same_groups(const struct playbook *a, const struct playbook *b)
{
    for (int i = 0; i < a->nselectors; i++) {
        for (int j = 0; j < b->nselectors; j++) {
            const struct selector *s = &a->selectors[i], *o = &b->selectors[j];
            if (s->kind == o->kind && lint_same_text(s->gateway, o->gateway) &&
                lint_same_text(s->value, o->value))
                return s;
        }
    }
    return NULL;
}

static void lint_rivals(struct linter *k, const struct playbook *other)
{
    static const char *const kinds[] = {"all", "all of a gateway", "a tag", "a name", "one by id"};
    const struct selector *s = lint_same_groups(k->p, other);
    for (int i = 0; s && i < k->p->nflows; i++) {
        struct place at;
        for (int j = 0; j < other->nflows; j++) {
            if (k->p->flows[i].flow != other->flows[j].flow)
                continue;
            k->flow = flow_info(k->p->flows[i].flow);
            place_of_flow(k, &at);
            lint_add(
                k, "L032", at.file, at.line,
                "flow %s runs in the same groups (%s%s%s) by playbook %s, whose parameters hold",
                k->flow->name, kinds[s->kind], s->value ? ": " : "", s->value ? s->value : "",
                other->name);
            k->flow = NULL;
        }
    }
}

void lint_selectors(struct linter *k)
{
    lint_staff(k);
    for (int i = 0; i < k->book->nbooks && k->book->books[i] != k->p; i++)
        lint_rivals(k, k->book->books[i]);
}
