/* release.h -- which version of a flow a group serves. Unset, it is the one on disk (the book's); `sopd:versions...` names another, that is
 * loaded from its source in Redis and kept while some group may be served by it. A flow that its playbook gives to a ring first is
 * held for everybody else: when its file changes, release_step.c writes that down, and what it writes is a step that can be undone.
 * Lookups are in memory; nothing here runs per message. Callers: engine.c (life, drain), router.c, pins.c, inspect.c. */
#ifndef SOPD_ENGINE_RELEASE_H
#define SOPD_ENGINE_RELEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct binding;
struct book;
struct cJSON;
struct chat;
struct engine;
struct flow;
struct gw;
struct input;
struct playbook;
struct routes;
struct overlay;
struct settings_place;
struct values;

/* ---- life ---- */

/* Only where engine_opts.rollouts is set; else every group serves what is on disk. */
void release_init(struct engine *e);
void release_free(struct engine *e);
/* The book is about to be replaced (old NULL: the first one): keeps the flows of the old one that some group goes on with, and looks
 * what the new files mean for whom. */
void release_book(struct engine *e, const struct book *old, const struct book *b);
/* Redis is up again: what was asked or written without an answer is done once more. */
void release_redis_up(struct engine *e);
/* In the drain: goes on with what was answered. */
void release_run(struct engine *e);
/* Once a second: lets go of what no group is served by any more. */
void release_round(struct engine *e);
/* Redis said what was served before we started: turns may begin. */
bool release_ready(const struct engine *e);
/* Everything that the settings name now is loaded, or cannot be: routes may be built by them. Until then the old ones hold. */
bool release_settled(struct engine *e);

/* Sets the gauges before they are rendered. */
void release_metrics(struct engine *e);

/* ---- who serves what ---- */

/* The flow that serves a place instead of `newest` (the book's), borrowed; NULL: none does yet (a new flow in its first ring). */
struct flow *release_serve(struct engine *e, const struct settings_place *at, struct flow *newest);
/* The hash that decides about it; NULL: none, it is the version on disk. Valid until the next such question. */
const char *release_decided_by(struct engine *e, const struct settings_place *at,
                               struct flow *newest);
/* The values of `served` where `values` are those of its newest version there (taken; a new reference): by name, as far as it accepts
 * them; what nobody gives any more, as it was when the version was written down. */
struct release_place {
    const struct playbook *playbook;
    const struct overlay *const *overlays;
    int noverlays;
};
struct values *release_values(struct engine *e, const struct release_place *p, struct flow *newest,
                              struct flow *served, struct values *values);
/* A text of a version that runs here, when the group is served by another one that has no such parameter; NULL: none. */
const struct cJSON *release_value(const struct playbook *p, const char *flow, const char *param);
/* That version, if it is on disk or loaded here. Borrowed. */
struct flow *release_find(struct engine *e, const char *flow, const char *version);
/* Is it the one on disk? */
bool release_is_newest(const struct engine *e, const struct flow *f);
/* A timer that the version served here does not know, but another one does: it is put off until that serves again. True: taken. */
bool release_keep_timer(struct chat *c, struct input *in);
/* A chat has new routes: a flow that rested after failures gets a new chance if it is another version now. */
void release_changed(struct chat *c, const struct routes *before, const struct routes *now);

#endif
