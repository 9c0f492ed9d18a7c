/* say.h -- a message that the daemon itself sends: a turn of its own in the chat, with the same commit, pacing and outbox as any
 * other. For alarms and canaries, not for scripts. */
#ifndef SOPD_ENGINE_HEALTH_SAY_H
#define SOPD_ENGINE_HEALTH_SAY_H

#include <stdbool.h>
#include <stdint.h>

struct chat;
struct gw;
struct turn;

/* Commits one text for a chat of a gateway; id names it: the same id is said once, whatever ends in between. drop: it is not sent
 * again when its outcome stays unknown. Counts as an answer: it
 * is paced, and held by no quiet hours or day's quota. late_ms: not sent any more after that. */
void say_in(struct gw *gw, const char *chat, const char *id, const char *text, int64_t late_ms,
            bool drop);
/* The turn that such an input causes: turn_run.c. */
void say_turn(struct turn *t);

#endif
