/* selectors.h -- reads `groups = { ... }`: of playbooks, of overlays, of the configuration's tags. */
#ifndef SOPD_LUA_SELECTORS_H
#define SOPD_LUA_SELECTORS_H

#include "engine/route/selector.h"
#include "lua/luaconf.h"

/* Reads `groups` of a table into a fresh list; returns how many are good. Problems go to r; `missing` is said if there is none. The
 * places of the good ones are in *at (freed by the caller, may be NULL). */
int selectors_read(struct conf_report *r, const struct conf_value *table, const char *missing,
                   struct selector **out, const struct conf_value ***at);

#endif
