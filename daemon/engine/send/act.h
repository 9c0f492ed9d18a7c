/* act.h -- actions (recall, kick, mute ...) as entries of the outbox. Part of the engine. */
#ifndef SOPD_ENGINE_SEND_ACT_H
#define SOPD_ENGINE_SEND_ACT_H

#include "engine/send/outbox.h"

struct turn_act;

/* Before the commit: gives the turn's actions their ids and writes their entries with it. */
void acts_write(struct turn *t);
/* After it. sure: it was our commit; else the outbox is asked whether it was. */
void acts_begin(struct turn *t, bool sure);
/* The entry's turn has come: true, it is being done (or waits for its mark); false: the gateway does not take it now. */
bool act_do(struct gw *gw, struct entry *en, int64_t now_ms);
/* May it be done twice without harm? */
bool act_repeats(const struct gateway_request *r);

#endif
