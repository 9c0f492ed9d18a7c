/* warmup.h -- a new account begins slowly: it reaches its full pace in seven steps. Part of the engine. */
#ifndef SOPD_ENGINE_SEND_WARMUP_H
#define SOPD_ENGINE_SEND_WARMUP_H

#include <stdint.h>

struct gw;

/* Reads since when the accounts are known (hash `since`); asked after the chats, by which an installation that is older than that hash
 * is told. */
void warmup_load(struct gw *gw);
/* Once a second, and when the account of a link is known: notes new ones, and who has come a step further. */
void warmup_round(struct gw *gw);
/* Of the account that may use the least: what part of its pace in per cent (0 = all), and since when it is known. */
void warmup_info(const struct gw *gw, int *warm, int64_t *first_ms);
void warmup_free(struct gw *gw);

#endif
