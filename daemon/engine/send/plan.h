/* plan.h -- when messages would leave, by the same arithmetic as the commit keeps (store/commit.lua, reserve): without Redis and without
 * sending. The jitter counts with its mean. Callers: `sopd check` (cli/check/lint_times.c) and `sopd ctl plan`. */
#ifndef SOPD_ENGINE_SEND_PLAN_H
#define SOPD_ENGINE_SEND_PLAN_H

#include "engine/send/pace.h"

/* How far the limits of one account or chat are used up: theoretical arrival times in us, of urgent messages and of the others. */
struct plan_used {
    int64_t urgent[PACE_RULES], bulk[PACE_RULES];
};

/* What held a message up: a rule, or nothing (rule -1). */
struct plan_bound {
    enum pace_scope scope;
    int rule;
};

/* Takes a message of that kind that is due at `us` and returns when it leaves, in us. `stretch`: every interval is so many thousandths of
 * itself. chat NULL: the chat's limits do not matter. bound (may be NULL): which limit decided. */
int64_t plan_send(const struct pace *p, enum send_kind kind, int64_t stretch,
                  struct plan_used *account, struct plan_used *chat, int64_t us,
                  struct plan_bound *bound);

#endif
