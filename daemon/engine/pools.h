/* pools.h -- pools of accounts as the engine has them: one struct gw by the pool's name over gateway/pool.h. Part of
 * engine/internal.h. Callers: engine/gw.c; the rest by engine/engine.h. */
#ifndef SOPD_ENGINE_POOLS_H
#define SOPD_ENGINE_POOLS_H

#include <stdbool.h>

struct buf;
struct gateway;
struct gateway_conf;
struct gw;

/* The pool of a gw that is being made, with its first account. NULL with err filled. */
struct gateway *pools_create(struct gw *gw, const struct gateway_conf *conf, struct buf *err);
/* One account more. */
bool pools_add(struct gw *gw, const struct gateway_conf *conf, struct buf *err);
/* Reads what was kept: which chats are pinned to whom. Nothing happens where it is no pool. */
void pools_load(struct gw *gw);
/* Once a second: tells for how long there was no spare. */
void pools_round(struct gw *gw);

#endif
