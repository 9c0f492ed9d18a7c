/* wake.h -- the one timer of a gateway: it fires no later than the earliest moment that anybody asked for. Whoever is called looks what
 * is due and asks again.
 * Lives inside its owner, who closes it and frees himself when it is closed. Callers: onebot11.c and the other codecs. */
#ifndef SOPD_GATEWAY_WAKE_H
#define SOPD_GATEWAY_WAKE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct clock;

struct wake {
    uv_timer_t timer;
    struct clock *clock;
    void (*due)(void *ud); /* the clock was turned before */
    void (*closed)(void *ud);
    void *ud;
    bool closing;
};

void wake_init(struct wake *w, uv_loop_t *loop, struct clock *clock, void (*due)(void *ud),
               void *ud);
/* Fires no later than that (monotonic ms; 0: at once, in the next turn of the loop). Nothing after wake_close. */
void wake_at(struct wake *w, int64_t mono_ms);
/* `closed` is called in a later turn of the loop: then its memory may go. Once. */
void wake_close(struct wake *w, void (*closed)(void *ud));

#endif
