/* experiment.h -- experiments of a gateway: which units were exposed to which variant, and what became of it. Redis has it
 * (`experiments`, `experiment:<name>`, docs/redis.md); in memory is only which events count for which experiment, so that a gateway
 * without experiments pays nothing. turn_expose is in turn.h. Callers: gw.c, emit.c, the Lua API. */
#ifndef SOPD_ENGINE_TURN_EXPERIMENT_H
#define SOPD_ENGINE_TURN_EXPERIMENT_H

#include <stdbool.h>
#include <stddef.h>

struct gw;
struct turn;

/* Reads which experiments there are; before anything happens on the gateway. */
void experiments_load(struct gw *gw);
void experiments_free(struct gw *gw);
/* A commit has written what that experiment is. */
void experiments_stored(struct gw *gw, const char *name, const char *def);
/* The turn tells the business event `name`: where it counts for an experiment, that joins the commit. False: as turn_write. */
bool experiments_outcome(struct turn *t, const char *name, const char *data, size_t len);

#endif
