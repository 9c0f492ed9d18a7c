/* plan.c -- see plan.h. */
#include "engine/send/plan.h"

static int64_t plan_free_at(const struct pace *p, enum pace_scope scope, enum send_kind kind,
                            const struct plan_used *u, int64_t us, struct plan_bound *bound)
{
    for (int i = 0; i < p->nrules[scope]; i++) {
        const struct pace_rule *r = &p->rules[scope][i];
        int64_t tat = u->urgent[i];
        if (!(r->kinds & 1U << kind))
            continue;
        if (!send_kind_urgent(kind) && u->bulk[i] > tat)
            tat = u->bulk[i];
        if (tat - pace_tolerance(r) <= us)
            continue;
        us = tat - pace_tolerance(r);
        *bound = (struct plan_bound){scope, i};
    }
    return us;
}

/* Each limit counts from when the message is due, as in the commit, not from when it leaves. */
static void plan_take(const struct pace *p, enum pace_scope scope, enum send_kind kind,
                      int64_t stretch, struct plan_used *u, int64_t due_us)
{
    for (int i = 0; i < p->nrules[scope]; i++) {
        const struct pace_rule *r = &p->rules[scope][i];
        int64_t was = u->urgent[i] > due_us ? u->urgent[i] : due_us;
        if (!(r->kinds & 1U << kind))
            continue;
        if (!send_kind_urgent(kind) && u->bulk[i] > was)
            was = u->bulk[i];
        *(send_kind_urgent(kind) ? &u->urgent[i] : &u->bulk[i]) =
            was + pace_step(r, stretch, pace_jitter_mean(p));
    }
}

int64_t plan_send(const struct pace *p, enum send_kind kind, int64_t stretch,
                  struct plan_used *account, struct plan_used *chat, int64_t us,
                  struct plan_bound *bound)
{
    struct plan_bound own;
    bound = bound ? bound : &own;
    bound->rule = -1;
    int64_t at = plan_free_at(p, PACE_ACCOUNT, kind, account, us, bound);
    if (chat)
        at = plan_free_at(p, PACE_CHAT, kind, chat, at, bound);
    plan_take(p, PACE_ACCOUNT, kind, stretch, account, us);
    if (chat)
        plan_take(p, PACE_CHAT, kind, stretch, chat, us);
    return at;
}
