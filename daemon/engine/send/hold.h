/* hold.h -- chats to which nothing leaves for a while, because we are muted there. Part of the engine. */
#ifndef SOPD_ENGINE_SEND_HOLD_H
#define SOPD_ENGINE_SEND_HOLD_H

#include <stdint.h>

struct event;
struct gw;

/* OURS: we are muted until then. WHOLE: the whole group is, as far as is known. REFUSED: a send was refused, and nobody said for how
 * long. LIMITED: too many messages in that group, as far as is known; CROWDED: the platform says so, and until when. */
enum hold_why { HOLD_OURS, HOLD_WHOLE, HOLD_REFUSED, HOLD_LIMITED, HOLD_CROWDED };

void hold_chat(struct gw *gw, const char *chat, int64_t until_ms, enum hold_why why);
/* The moment until which the chat is held, 0 if it is not. */
int64_t hold_until(struct gw *gw, const char *chat, int64_t now);
/* Mute events hold and release chats. */
void hold_event(struct gw *gw, const struct event *e);
/* Somebody speaks: a group in which members talk is not muted as a whole. */
void hold_heard(struct gw *gw, const struct event *e);
/* We hear again after a while: what was held without a known end may be over. */
void hold_retry(struct gw *gw);
void hold_round(struct gw *gw); /* once a second */
void hold_free(struct gw *gw);

#endif
