/* settings_value.h -- what may stand in the admins' hashes, as far as it can be told without knowing flows: the forms of toggles,
 * pauses, versions and lists of tags. Pure functions. Callers: settings_mirror.c, lua/setting_check.c, cli/ctl_*.c. */
#ifndef SOPD_STORE_SETTINGS_VALUE_H
#define SOPD_STORE_SETTINGS_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "store/settings.h"

struct buf;
struct zone;

/* Longer values are refused, and shortened where they are recorded. */
enum { SETTINGS_VALUE_MAX = 65536, SETTINGS_TAGS_MAX = 20 };

/* The root of a kind's keys, "sopd:toggles". kind may be SETTINGS_TAGS. */
const char *settings_root(int kind);
/* The kind of a key, -1 if it is none of the settings'. */
int settings_kind_of(const char *key, size_t len);

/* The value in the one form that look-ups rely on ("on", "yes", "1795372800000", "store,north"); the caller frees it. NULL: it has not
 * the form that its kind asks for; then the sentence is in why, and what to do in remedy. zone (of times without an offset) may be
 * NULL: UTC. */
char *settings_value_read(int kind, const char *value, size_t len, const struct zone *zone,
                          struct buf *why, struct buf *remedy);
/* The moment at which a normalised pause ends: 0 = it is none, INT64_MAX = it has no end. */
int64_t settings_pause_end(const char *value);

#endif
