/* pace.c -- names of kinds, and sets of limits (pace.h). Callers: the configuration, reload, the engine. */
#include "engine/send/pace.h"

#include <string.h>

static const char *const kind_names[SEND_KINDS] = {"answer", "game", "broadcast", "dm", "at_all"};

const char *send_kind_name(enum send_kind kind)
{
    return kind_names[kind];
}

bool send_kind_parse(const char *name, enum send_kind *out)
{
    for (int i = 0; i < SEND_KINDS; i++) {
        if (strcmp(name, kind_names[i]) != 0)
            continue;
        *out = (enum send_kind)i;
        return true;
    }
    return false;
}

bool pace_add_rule(struct pace *p, enum pace_scope scope, unsigned kinds, int64_t interval_us,
                   int burst)
{
    if (p->nrules[scope] == PACE_RULES)
        return false;
    p->rules[scope][p->nrules[scope]++] = (struct pace_rule){
        .kinds = kinds, .interval_us = interval_us > 0 ? interval_us : 1, .burst = burst};
    return true;
}

void pace_default(const char *type, struct pace *out)
{
    memset(out, 0, sizeof *out);
    if (type && strcmp(type, "playground") == 0) {
        pace_add_rule(out, PACE_ACCOUNT, KINDS_ALL, 1000, 1000);
        pace_add_rule(out, PACE_CHAT, KINDS_ALL, 1000, 1000);
        return;
    }
    pace_add_rule(out, PACE_ACCOUNT, KINDS_ALL, 800000, 1);
    pace_add_rule(out, PACE_ACCOUNT, KINDS_ALL, 60000000 / 40, 10);
    pace_add_rule(out, PACE_ACCOUNT, KINDS_ALL, 3600000000LL / 1000, 300);
    pace_add_rule(out, PACE_CHAT, KINDS_ALL, 1500000, 1);
    pace_add_rule(out, PACE_CHAT, KINDS_ALL, 60000000 / 20, 10);
    out->jitter_ms = 1000;
}

static bool pace_same_rules(const struct pace_rule *a, const struct pace_rule *b, int n)
{
    for (int i = 0; i < n; i++)
        if (a[i].kinds != b[i].kinds || a[i].interval_us != b[i].interval_us ||
            a[i].burst != b[i].burst)
            return false;
    return true;
}

static bool pace_same_quotas(const struct pace *a, const struct pace *b)
{
    for (int i = 0; i < a->nquotas; i++) {
        const struct pace_quota *x = &a->quotas[i], *y = &b->quotas[i];
        if (x->scope != y->scope || x->kinds != y->kinds || x->count != y->count ||
            x->per != y->per || strcmp(x->name, y->name) != 0)
            return false;
    }
    return true;
}

bool pace_equal(const struct pace *a, const struct pace *b)
{
    for (int s = 0; s < PACE_SCOPES; s++)
        if (a->nrules[s] != b->nrules[s] ||
            !pace_same_rules(a->rules[s], b->rules[s], a->nrules[s]))
            return false;
    for (int k = 0; k < SEND_KINDS; k++)
        if (a->late[k].policy != b->late[k].policy || a->late[k].limit_ms != b->late[k].limit_ms)
            return false;
    return a->nquotas == b->nquotas && pace_same_quotas(a, b) && a->jitter_ms == b->jitter_ms &&
           a->warmup_ms == b->warmup_ms;
}
