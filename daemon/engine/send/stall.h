/* stall.h -- what was written to an account's gateway and is not answered yet. It is never more than the limits would let leave at
 * once, and when nothing is answered any more, nothing more is written: else all of it would arrive in one go when the gateway
 * goes on. Part of the engine; the state is in struct account. */
#ifndef SOPD_ENGINE_SEND_STALL_H
#define SOPD_ENGINE_SEND_STALL_H

#include <stdbool.h>
#include <stdint.h>

struct account;
struct entry;
struct gw;

enum {
    STALL_MS =
        3000, /* without an answer to what was written this long ago, the gateway is asked whether it is there */
    STALL_TRY_MS = 15000, /* it is, but answers no sends: one more is tried this often */
    STALL_STEP_US =
        100000,      /* what waits for that is looked at one after the other, this far apart */
    STALL_SENDS = 3, /* so many without an answer are no accident */
    STALL_DRIFT_MS =
        30000,      /* what was given up is forgotten after this, by when a dead link is known */
    STALL_MOST = 16 /* at most so many without an answer, where no limit of the account says less */
};

/* It is handed to the gateway by en->account. */
void stall_written(struct entry *en);
/* Its outcome came, or it was not taken. */
void stall_over(struct gw *gw, struct entry *en);
/* Nobody answers for it any more. A gateway that reads slowly may have it before it still: it counts until a later one is answered. */
void stall_lost(struct gw *gw, struct entry *en);
/* The gateway has answered a send, whatever it said. When that took long, the platform counts it now: so do the limits. */
void stall_answered(struct gw *gw, struct entry *en);
/* Until when nothing should be written by the account, 0: it may be. Asks the gateway for a sign of life when it needs one. */
int64_t stall_holds(struct gw *gw, struct account *a, const struct entry *en, int64_t now_ms);

#endif
