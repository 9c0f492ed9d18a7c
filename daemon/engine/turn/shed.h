/* shed.h -- what waits for its turn is bounded in number and bytes: what goes first when a queue is full, and when a gateway is not
 * read any more. Part of engine/internal.h. */
#ifndef SOPD_ENGINE_TURN_SHED_H
#define SOPD_ENGINE_TURN_SHED_H

#include "engine/turn/input.h"

struct chat;
struct gw;

/* Of one gateway. Its events that may be shed hang in two lists, in the order of their coming (input.h: older, newer). */
struct shed {
    size_t bytes; /* of what waits, about */
    struct input *first[2], *last[2];
    bool paused;            /* the gateway is not read: what waits is wanted, all of it */
    bool overdue;           /* so for longer than it can bear: what does not fit is shed loudly */
    int64_t paused_ms;      /* monotonic: since when */
    unsigned noted;         /* chats with events that `sopd ctl why` shall tell of */
    unsigned loud;          /* wanted inputs shed since the alarm was raised */
    struct metric *m[3];    /* shed, by worth; NULL: not yet */
    struct metric *m_reads; /* how often reading was stopped */
};

/* A newcomer to a queue that may be full. False: it was shed and is freed. */
bool shed_admit(struct chat *c, struct input *in);
/* It is in the queue now; it has left it. */
void shed_added(struct chat *c, struct input *in);
void shed_taken(struct chat *c, struct input *in);
/* Once a second: traces of what was shed, reading that was stopped for too long. */
void shed_round(struct gw *gw);
/* The gateway is read again if it is not; before it is stopped. */
void shed_end(struct gw *gw);

#endif
