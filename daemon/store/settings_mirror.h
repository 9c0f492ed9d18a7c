/* settings_mirror.h -- the copy of the admins' hashes in memory, by Redis key, and the order in which they decide.
 * Filled by settings.c; knows nothing of connections. Malformed values are reported once, with the remedy, and ignored. */
#ifndef SOPD_STORE_SETTINGS_MIRROR_H
#define SOPD_STORE_SETTINGS_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/settings.h"

struct mirror;

struct mirror *mirror_new(void);
void mirror_free(struct mirror *m);
/* Is this key one of ours? "sopd:toggles...", "sopd:params...", ..., "sopd:chat-tags:...". */
bool mirror_wants(const char *key, size_t len);
/* A pass over all keys begins: what is not set again before mirror_sweep vanishes then. */
void mirror_begin(struct mirror *m);
void mirror_sweep(struct mirror *m);
/* The hash as read: n words, field and value in turn. n = 0 removes it. */
void mirror_set(struct mirror *m, const char *key, size_t n, const char *const *words,
                const size_t *lens);
/* The key cannot be read as a hash: it is dropped. True the first time, until it is set well again. */
bool mirror_set_wrong(struct mirror *m, const char *key);
/* Rises with every real difference; routes_generation only with those of which routes are made (not toggles and pauses). */
uint64_t mirror_generation(const struct mirror *m);
uint64_t mirror_routes_generation(const struct mirror *m);

/* As settings_find, settings_each, settings_tags, settings_is_special. */
bool mirror_find(const struct mirror *m, enum settings_kind kind, const struct settings_place *at,
                 const char *field, struct settings_value *out);
void mirror_each(const struct mirror *m, enum settings_kind kind, const struct settings_place *at,
                 const char *field, void (*fn)(void *ud, const struct settings_value *v), void *ud);
const char *mirror_tags(const struct mirror *m, const char *gw, const char *chat);
bool mirror_is_special(const struct mirror *m, const char *gw, const char *chat);

#endif
