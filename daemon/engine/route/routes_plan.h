/* routes_plan.h -- who decides what in a chat, before it becomes routes: for routes_build.c, which makes them of it, and
 * explain.c, which tells people. */
#ifndef SOPD_ENGINE_ROUTES_PLAN_H
#define SOPD_ENGINE_ROUTES_PLAN_H

#include "engine/route/book.h"
#include "store/settings.h"

struct gw;

enum { PLAN_BOOKS = 64 };

/* A playbook that serves the chat, and how narrowly; with the overlays that apply. */
struct plan_pick {
    const struct playbook *playbook;
    const struct selector *by;
    int kind;
    const struct playbook *head; /* as overlays have it */
    const struct overlay *overlays[OVERLAYS_MAX];
    int noverlays;
    bool staff; /* the chat is its staff chat: commands only */
};

struct plan_picks {
    struct plan_pick list[PLAN_BOOKS];
    int n;
};

/* The playbooks for a chat, the narrowest first. */
void plan_pick_books(struct gw *gw, const struct selector_chat *c, struct plan_picks *out);

struct routes_item {
    struct binding *binding; /* a reference */
    bool staff;
};

struct routes_plan {
    const struct gw *gw;
    const char *tags;          /* valid until the next plan */
    struct routes_item *items; /* valid until the next plan */
    int n;
};

/* The flows that run in a chat, those of narrower playbooks first. home: of a private chat, see home.h. The references in it are the
 * caller's. */
void routes_plan(struct gw *gw, const char *chat, const char *name, const char *home,
                 struct routes_plan *out);

struct plan_setting;
/* The binding of flow f of a playbook in a chat, in the version that is served there; with what plan_settings gives. A new reference. */
struct binding *plan_bind(struct gw *gw, const struct plan_pick *pick, int f, struct flow *flow,
                          const struct plan_setting *all, int nall);

/* ---- parameters in Redis ---- */

struct plan_setting {
    const char *key, *field, *value; /* valid until the settings change */
    bool narrow;                     /* of a tag or of the chat: locks hold against it */
};

/* Every parameter that Redis has for the chat, the weakest first; valid until the next call. */
struct settings_place;
struct plan_setting *plan_settings(struct gw *gw, const struct settings_place *at, int *n);
/* Is it about a parameter of this flow? Then its name, else NULL. */
const char *plan_setting_param(const struct plan_setting *s, const char *flow);
/* The value, checked, or NULL with why in `problem`. f: the flow's place in the pick's playbook; flow: in the version that runs. */
struct cJSON *plan_setting_value(const struct plan_setting *s, const struct plan_pick *pick, int f,
                                 const struct flow *flow, struct buf *problem);

#endif
