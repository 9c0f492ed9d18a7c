/* breaker.h -- the fuse between scripts and the account: what no sensible flow does is stopped, told and counted. Limits are in the
 * configuration (`breaker`); state is in memory and small. Part of the engine; read by lua/config_breaker.c. */
#ifndef SOPD_ENGINE_SEND_BREAKER_H
#define SOPD_ENGINE_SEND_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

/* At most `count` within `per_ms`; count 0: not looked at. */
struct breaker_limit {
    int64_t count, per_ms;
};
struct breaker_limits {
    struct breaker_limit repeat;  /* the same post of a flow to a chat, that nobody asked for */
    struct breaker_limit answers; /* the same answer of a flow to the same member */
    struct breaker_limit storm;   /* posts of one run, timer or handler to a chat */
    struct breaker_limit flood;   /* messages of a flow to a chat, answers included */
    struct breaker_limit loop;    /* wakes of one timer or run */
    int64_t pause_ms;             /* that flow rests so long in that chat */
    /* A member who speaks within `within_ms` of our answer, again and again: after `rounds` if what they say repeats itself or us,
     * after `rounds_any` whatever it is, they get no answer for `ignore_ms`, twice as long each time, at most a day. */
    int64_t within_ms, rounds, rounds_any, ignore_ms;
};
void breaker_default(struct breaker_limits *out);

struct breaker;
struct chat;
struct engine;
struct entry;
struct event;
struct gw;
struct turn;

/* Before the turn's commit: messages that are too many are marked to be shed, and their flow rests. */
void breaker_turn(struct turn *t);
/* A message of ours has left. */
void breaker_left(struct gw *gw, const struct entry *en);
/* Somebody spoke: marks the event as a robot's if it comes from an account of ours or from one that we ignore. */
void breaker_heard(struct gw *gw, struct event *e);
/* That is the id of an account of ours, on whatever platform. */
void breaker_own(struct engine *e, const char *id);
bool breaker_is_own(const struct engine *e, const char *id);
void breaker_round(struct gw *gw); /* once a second: what rested goes on */
void breaker_set(struct engine *e, const struct breaker_limits *limits);
void breaker_gw_free(struct gw *gw);
void breaker_free(struct engine *e);

#endif
