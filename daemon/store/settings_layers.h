/* settings_layers.h -- the inside of the mirror: settings_mirror.c fills it, settings_find.c looks into it; nobody else includes it. */
#ifndef SOPD_STORE_SETTINGS_LAYERS_H
#define SOPD_STORE_SETTINGS_LAYERS_H

#include <uthash.h>

#include "store/settings_mirror.h"

enum { MIRROR_KINDS = SETTINGS_TAGS + 1 };

struct field {
    char *name;
    char *raw;     /* as Redis holds it; NULL: only known from the past, the key is no hash now */
    size_t len;    /* of raw */
    char *value;   /* in force, normalised (settings_value.h); NULL: none */
    char *problem; /* why, and the remedy behind its end; NULL: good */
    enum settings_verdict verdict;
    uint64_t mark; /* of the reading that it was found in last */
    UT_hash_handle hh;
};

struct layer {
    char *key;
    int kind;
    uint64_t pass;
    bool wrong; /* no hash; its fields are those of before */
    struct field *fields;
    UT_hash_handle hh;
};

struct mirror {
    struct layer *layers;
    unsigned count[MIRROR_KINDS]; /* layers of each kind: most lookups end at 0 */
    uint64_t pass, mark, generation, routes_generation;
    size_t bad;
    void (*news)(void *ud, const struct mirror_news *n);
    void *ud;
    settings_check_fn check;
    void *check_ud;
    const struct zone *zone;
};

static inline struct field *field_find(const struct layer *l, const char *name, size_t len)
{
    struct field *f = NULL;
    if (l)
        HASH_FIND(hh, l->fields, name, len, f);
    return f;
}

#endif
