/* pace.c -- names of kinds, and sets of limits (pace.h). Callers: the configuration, reload, the engine. */
#include "engine/send/pace.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "gateway/gateway.h"

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

const char *pace_scope_name(enum pace_scope scope)
{
    static const char *const names[] = {"account", "chat", "member"};
    return names[scope];
}

const char *quota_per_name(enum quota_per per)
{
    static const char *const names[] = {"day", "business day", "month"};
    return names[per];
}

int64_t pace_interval(int64_t count, int64_t per_us, int burst)
{
    int64_t more = count > burst ? count - burst : 1;
    return (per_us + more - 1) / more;
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
    const struct gateway_ops *ops = type ? gateway_ops_find(type) : NULL;
    if (ops && ops->local) {
        pace_add_rule(out, PACE_ACCOUNT, KINDS_ALL, 1000, 1000);
        pace_add_rule(out, PACE_CHAT, KINDS_ALL, 1000, 1000);
        return;
    }
    pace_add_rule(out, PACE_ACCOUNT, KINDS_ALL, 800000, 1);
    pace_add_rule(out, PACE_ACCOUNT, KINDS_ALL, pace_interval(40, 60000000, 10), 10);
    pace_add_rule(out, PACE_ACCOUNT, KINDS_ALL, pace_interval(1000, 3600000000LL, 300), 300);
    pace_add_rule(out, PACE_CHAT, KINDS_ALL, 1500000, 1);
    pace_add_rule(out, PACE_CHAT, KINDS_ALL, pace_interval(20, 60000000, 8), 8);
    out->jitter = PACE_JITTER;
    out->warmup_ms = PACE_WARMUP_MS;
}

static bool pace_same_rules(const struct pace_rule *a, const struct pace_rule *b, int n)
{
    for (int i = 0; i < n; i++)
        if (a[i].kinds != b[i].kinds || a[i].interval_us != b[i].interval_us ||
            a[i].burst != b[i].burst || strcmp(a[i].name, b[i].name) != 0)
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

int pace_rule_kinds(const struct pace_rule *r, char out[SEND_KINDS + 1])
{
    int n = 0;
    for (int k = 0; k < SEND_KINDS && r->kinds != KINDS_ALL; k++)
        if (r->kinds & 1U << k)
            out[n++] = (char)('0' + k);
    out[n] = '\0';
    return n;
}

size_t pace_rule_mark(const struct pace_rule *r, int i, char out[24])
{
    char kinds[SEND_KINDS + 1];
    int nth = 1;
    for (int k = 1; k <= i; k++)
        nth += r[-k].kinds == r->kinds;
    pace_rule_kinds(r, kinds);
    return (size_t)snprintf(out, 24, "%s#%d", kinds, nth);
}

static int64_t pace_jitter_most(const struct pace *p)
{
    for (int i = 0; p->jitter_ms && i < p->nrules[PACE_CHAT]; i++)
        if (p->rules[PACE_CHAT][i].burst <= 1)
            return p->jitter_ms * 1000000 / p->rules[PACE_CHAT][i].interval_us;
    return p->jitter * 20;
}

int64_t pace_jitter_mean(const struct pace *p)
{
    return pace_jitter_most(p) / 2;
}

int64_t pace_jitter(const struct pace *p, uint64_t id)
{
    int64_t most = pace_jitter_most(p);
    return most > 0 ? (int64_t)(hash_mix(id ^ 0x9e3779b97f4a7c15u) % (uint64_t)(most + 1)) : 0;
}

static const char *const late_names[] = {"delay", "merge", "drop"};

const char *late_policy_name(enum late_policy policy)
{
    return late_names[policy];
}

bool late_policy_parse(const char *name, enum late_policy *out)
{
    for (int i = 0; i < 3; i++)
        if (strcmp(name, late_names[i]) == 0) {
            *out = (enum late_policy)i;
            return true;
        }
    return false;
}

struct pace_late pace_late(const struct pace *p, enum send_kind kind)
{
    struct pace_late late = p->late[kind];
    if (late.limit_ms <= 0)
        late.limit_ms = late.policy == LATE_DROP ? PACE_DROP_LATE_MS
                        : kind == KIND_ANSWER    ? PACE_ANSWER_LATE_MS
                                                 : PACE_POST_LATE_MS;
    return late;
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
           a->jitter == b->jitter && a->warmup_ms == b->warmup_ms && a->zone == b->zone &&
           a->own_zone == b->own_zone && a->cutoff_ms == b->cutoff_ms;
}
