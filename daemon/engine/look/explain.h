/* explain.h -- where everything that holds in a chat comes from, as JSON for `sopd ctl explain` (docs/operations.md has its form).
 * Made from what routes are made from, when somebody asks; nothing is kept for it but file and line of each value. */
#ifndef SOPD_ENGINE_EXPLAIN_H
#define SOPD_ENGINE_EXPLAIN_H

struct cJSON;
struct engine;

/* Fills `out` (an object). flow NULL: all flows. NULL if good, else why not. */
const char *engine_explain(struct engine *e, const char *gateway, const char *chat,
                           const char *flow, struct cJSON *out);

#endif
