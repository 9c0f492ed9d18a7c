/* explain_part.h -- what the files of explain share. */
#ifndef SOPD_ENGINE_EXPLAIN_PART_H
#define SOPD_ENGINE_EXPLAIN_PART_H

#include "engine/internal.h"
#include "engine/look/explain.h"
#include "engine/route/routes_plan.h"

struct explain {
    struct engine *e;
    struct gw *gw;
    struct chat *chat;
    struct settings_place at;
    struct plan_picks picks;
    const struct plan_setting *settings;
    int nsettings;
};

/* "file:line", without the line if it is 0. */
void explain_where(struct cJSON *o, const char *file, int line);
/* explain_flow.c: one flow of one of the playbooks, as an item of `list`. */
void explain_flow(struct explain *x, const struct plan_pick *pick, int f, struct cJSON *list);

#endif
