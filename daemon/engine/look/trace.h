/* trace.h -- why did it say that? What came into a chat, what ran because of it, what was said, and what became of that: a few hundred
 * JSON lines a chat in Redis (list sopd:{gw}:trace:<chat>, docs/redis.md), which `sopd ctl why` reads. Kept apart from the commit: lines
 * are collected in memory and written once a second, so the last second may be missing after a crash, and nothing else depends on them. */
#ifndef SOPD_ENGINE_TRACE_H
#define SOPD_ENGINE_TRACE_H

#include <stdint.h>

struct chat;
struct entry;
struct gw;
struct turn;

enum { TRACE_LINES = 200, TRACE_KEEP_S = 7 * 86400 };

/* The turn was committed: before its messages join the outbox. */
void trace_turn(struct turn *t);
/* The turn changed nothing; it is only of interest if a command was not obeyed. */
void trace_refusals(struct turn *t);
/* A message's end: "sent" with the platform's id, "failed", "unknown", "expired"; reason may be NULL. */
void trace_outcome(struct gw *gw, const struct entry *en, const char *outcome, const char *reason,
                   const char *message_id);
/* Something that people should find in `why`: the breaker stopped a flow, ignores a member. */
void trace_note(struct gw *gw, const char *chat, const char *text);
/* Inputs of the chat were shed, which its queue had no room for: how many (chat.h). */
void trace_shed(struct chat *c);
/* Writes what was collected. Called once a second, and before a reader looks. */
void trace_flush(struct gw *gw);
void trace_free(struct gw *gw);

#endif
