/* batch.h -- a batch of turns as words for the commit script. */
#ifndef SOPD_ENGINE_TURN_BATCH_H
#define SOPD_ENGINE_TURN_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct gw;
struct turn;

enum { BATCH_TURNS = 64 };

struct batch {
    struct buf words; /* RESP bulk strings */
    size_t n;
};

void batch_text(struct batch *b, const char *s, size_t len);
void batch_int(struct batch *b, int64_t n);
/* One turn. again: it may have been sent before. All turns of a batch come before batch_concerned. */
void batch_turn(struct batch *b, struct turn *t, bool again);
/* How many keys, and the keys. */
void batch_keys(struct batch *b, const struct gw *gw);
/* The limits, and those whom the turns since the last call concern. They stand before the turns. */
void batch_concerned(struct batch *b, const struct gw *gw);

#endif
