/* breaker_parts.h -- what breaker.c and breaker_talk.c share. */
#ifndef SOPD_ENGINE_SEND_BREAKER_PARTS_H
#define SOPD_ENGINE_SEND_BREAKER_PARTS_H

#include "engine/internal.h"
#include "engine/send/breaker.h"

struct breaker_slot;

struct breaker {
    struct breaker_limits limits;
    struct breaker_slot *slots;
    struct own_account *own; /* accounts of ours: breaker_talk.c */
};

const struct breaker_limits *breaker_limits_of(struct engine *e);
void breaker_tripped(const char *why); /* counts it */
struct metric *breaker_metric(const char *name, const char *help, const char *why);
void talk_round_over(struct gw *gw); /* once a second */
void talk_free(struct gw *gw);
void talk_free_own(struct breaker *b);

#endif
