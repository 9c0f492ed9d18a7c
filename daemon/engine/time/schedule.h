/* schedule.h -- times of day and timers. Part of engine/internal.h. */
#ifndef SOPD_ENGINE_TIME_SCHEDULE_H
#define SOPD_ENGINE_TIME_SCHEDULE_H

#include "engine/send/outbox.h"

void schedule_rebuild(struct engine *e);
void schedule_run(struct engine *e);
int64_t schedule_next(const struct engine *e);
void schedule_free(struct engine *e);
/* said.c: a timer that is a staff command given elsewhere becomes the event that it stands for. */
void said_begin(struct gw *gw, struct input *in, const char *chat);
void timers_start(struct gw *gw);
void timers_note(struct gw *gw, int64_t due_ms); /* one was set */
void timers_run(struct gw *gw);
void timers_taken(struct gw *gw, const char *id); /* its turn ended: may be fetched again */
/* Before timers_taken: its turn was refused, and is not tried again at once. */
void timers_refused(struct gw *gw, const char *id);
/* It was set anew or cancelled: not to be handed out as it was. */
void timers_drop(struct gw *gw, const char *id);
void timers_drop_chat(struct gw *gw, const char *chat); /* all of a chat; NULL: of every chat */
/* Flows may be on again: those put off whose flow is are tried again at once. */
void timers_go_on(struct gw *gw);
int64_t timers_next(const struct gw *gw);
void timers_free(struct gw *gw);

#endif
