/* merge.h -- messages that wait for the same chat, from the same flow and of the same kind, become one. Part of the engine. */
#ifndef SOPD_ENGINE_SEND_MERGE_H
#define SOPD_ENGINE_SEND_MERGE_H

struct entry;
struct gw;
struct message;

/* A message has joined the outbox and has to wait. If its policy is to merge, it joins one that waits, or others may join it. */
void merge_offer(struct gw *gw, struct entry *en);
/* Nothing may join it any more: it is about to leave, or gone. */
void merge_close(struct gw *gw, struct entry *en);
/* Once a second: asks again for what was under way when Redis was lost. */
void merge_round(struct gw *gw);
void merge_free(struct gw *gw);

/* Both as one message: the second below the first, everybody mentioned once; NULL if they do not fit into one. */
struct message *merge_messages(const struct message *a, const struct message *b);

#endif
