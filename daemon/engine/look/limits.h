/* limits.h -- what an account may send and by which figures, and whom a flow would post to: as JSON for `sopd ctl quota` and
 * `sopd ctl plan` (docs/operations.md has its form). What is used up of it is in Redis; those commands read it there. */
#ifndef SOPD_ENGINE_LOOK_LIMITS_H
#define SOPD_ENGINE_LOOK_LIMITS_H

#include <stdint.h>

struct cJSON;
struct engine;

/* Fills `out`: "now", "gateways". gateway NULL: all. at_ms: the windows of quotas in which that moment lies; 0 = now. NULL if good,
 * else why not. */
const char *engine_limits(struct engine *e, const char *gateway, int64_t at_ms, struct cJSON *out);

/* What is to be planned: groups of a gateway (NULL: all) with a tag (NULL: any), in which a flow runs (NULL: all groups) at the
 * time of one of its handlers (NULL: of its only one) or at_ms. */
struct engine_plan_query {
    const char *gateway, *tag, *flow, *handler;
    int64_t at_ms;
};
/* Adds "groups" to `out`. NULL if good, else why not. */
const char *engine_plan_groups(struct engine *e, const struct engine_plan_query *q,
                               struct cJSON *out);

#endif
