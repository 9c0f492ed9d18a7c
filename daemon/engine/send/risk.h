/* risk.h -- how far the platform seems to put up with an account, and what follows: it is slowed down, then only answers, then
 * falls silent, and comes back step by step. Part of the engine; the state is in struct account (account.h). */
#ifndef SOPD_ENGINE_SEND_RISK_H
#define SOPD_ENGINE_SEND_RISK_H

#include "engine/send/account.h"
#include "engine/send/outbox.h"

/* Until when (wall ms) this entry must not leave by that account; 0: it may. */
int64_t risk_holds(const struct gw *gw, const struct account *a, const struct entry *en,
                   int64_t now_ms);
/* A send has ended, as far as its answer tells. */
void risk_outcome(struct gw *gw, const struct send_result *r, const struct entry *en);
/* One whose outcome was unknown was seen in its chat after all. */
void risk_arrived(struct gw *gw, const struct entry *en);
/* We were muted in a chat, or removed from it. */
void risk_muted(struct gw *gw, const char *chat);
void risk_removed(struct gw *gw, const char *chat);

/* Once a second: holds end, better levels are reached, Redis gets what it missed. */
void risk_round(struct gw *gw);
/* Reads the levels of the last process; asked before the outbox. */
void risk_load(struct gw *gw);
/* Level and factor of the account that is trusted least. */
void risk_info(const struct gw *gw, const char **level, int *slow);
/* "normal", "slow", "quiet", "held" */
const char *risk_level_name(enum account_level level);

#endif
