/* settings_mirror.h -- the copy of the admins' hashes in memory, by Redis key, and the order in which they decide. Filled by
 * settings_load.c; knows nothing of connections. Checks what it is given: a wrong value leaves the last good one of its field in force. */
#ifndef SOPD_STORE_SETTINGS_MIRROR_H
#define SOPD_STORE_SETTINGS_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/settings.h"

struct mirror;

/* Something that Redis holds has changed, or is judged otherwise. */
struct mirror_news {
    const char *key, *field, *value; /* value NULL: it is gone */
    enum settings_verdict verdict;
    const char *why, *remedy;
    const char *kept;  /* BAD: in force in its place, NULL: none is known */
    bool edited;       /* false: the same value, judged anew */
    bool needs_a_past; /* BAD, and nothing is known of what was there before */
};

struct mirror *mirror_new(void (*news)(void *ud, const struct mirror_news *n), void *ud);
void mirror_free(struct mirror *m);
/* Who says whether values are right; everything is checked anew. */
void mirror_set_check(struct mirror *m, settings_check_fn check, void *ud, const struct zone *zone);
void mirror_recheck(struct mirror *m, const struct zone *zone);
/* Is this key one of ours? "sopd:toggles...", "sopd:params...", ..., "sopd:chat-tags:...". */
bool mirror_wants(const char *key, size_t len);
/* A pass over all keys begins: what is not set again before mirror_sweep vanishes then. */
void mirror_begin(struct mirror *m);
void mirror_sweep(struct mirror *m);
/* The hash as read: n words, field and value in turn. n = 0 removes it. True: it was not what was known. */
bool mirror_set(struct mirror *m, const char *key, size_t n, const char *const *words,
                const size_t *lens);
/* The key is no hash: what was in force stays. */
bool mirror_set_wrong(struct mirror *m, const char *key);
/* What was good before we knew: used where the value is bad, or the key no hash, and nothing better is known. */
void mirror_set_past(struct mirror *m, const char *key, const char *field, const char *value);
/* Does the mirror know this field, good or bad? */
bool mirror_knows(const struct mirror *m, const char *key, const char *field);
/* Calls fn for each key that is known. */
void mirror_each_key(const struct mirror *m, void (*fn)(void *ud, const char *key), void *ud);
/* Rises with every real difference; routes_generation only with those of which routes are made (not toggles and pauses). */
uint64_t mirror_generation(const struct mirror *m);
uint64_t mirror_routes_generation(const struct mirror *m);

/* As their namesakes in settings.h. */
bool mirror_find(const struct mirror *m, enum settings_kind kind, const struct settings_place *at,
                 const char *field, struct settings_value *out);
void mirror_each(const struct mirror *m, enum settings_kind kind, const struct settings_place *at,
                 const char *field, void (*fn)(void *ud, const struct settings_value *v), void *ud);
void mirror_everywhere(const struct mirror *m, int kind, const char *field,
                       void (*fn)(void *ud, const struct settings_value *v), void *ud);
void mirror_each_fault(const struct mirror *m, void (*fn)(void *ud, const struct settings_fault *f),
                       void *ud);
size_t mirror_bad(const struct mirror *m);
const char *mirror_tags(const struct mirror *m, const char *gw, const char *chat);

#endif
