/* settings.h -- what admins edit in Redis, mirrored in memory: toggles, parameters, pauses, roles, versions, tags of chats.
 * Each kind has the keys (docs/redis.md) sopd:<kind>, sopd:<kind>:gw:<gw>, sopd:<kind>:tag:<tag> and sopd:<kind>:chat:<gw>:<chat>,
 * plain hashes, from the weakest layer to the strongest; tags are in sopd:chat-tags:<gw> (field = chat, value = tags separated by commas).
 * Edits made with any client arrive through CLIENT TRACKING (BCAST on the prefixes of the kinds, redirected to a second,
 * subscribed connection) and a slow poll (30 s) as a net. Lookups are in memory and never wait. */
#ifndef SOPD_STORE_SETTINGS_H
#define SOPD_STORE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct clock;
struct redis_addr;
struct settings;

/* changed runs after the mirror changed (batched per loop iteration); ready once after the first full load. */
struct settings *settings_create(uv_loop_t *loop, struct clock *clock,
                                 const struct redis_addr *addr, void (*changed)(void *ud),
                                 void *ud);
void settings_destroy(struct settings *s, void (*done)(void *ud), void *ud);
/* True after the first full load; later losses of Redis keep the last known values. */
bool settings_loaded(const struct settings *s);
/* Nothing is being read: what Redis reported so far is in the mirror (the playground steps on it). */
bool settings_quiet(const struct settings *s);
/* Rises with every change: caches built from settings compare it. */
uint64_t settings_generation(const struct settings *s);
/* The same without toggles and pauses, which are asked for at every turn: what routes are built from. */
uint64_t settings_routes_generation(const struct settings *s);

enum settings_kind {
    SETTINGS_TOGGLES,  /* field: flow; value "on" or "off" */
    SETTINGS_PARAMS,   /* field: flow.parameter; value as written */
    SETTINGS_PAUSED,   /* field: flow, or "*" for all; value "yes", or until when in ms */
    SETTINGS_STAFF,    /* field: gateway:user; value: a role */
    SETTINGS_VERSIONS, /* field: flow; value: a version or "newest" */
    SETTINGS_KINDS
};
/* Where something is looked up. */
struct settings_place {
    const char *gw;
    const char *chat; /* NULL: the gateway as a whole */
    const char
        *tags; /* effective tags of the chat, strongest first, separated by commas; NULL: none */
};
/* A value in force and where it stands; valid until the generation changes. */
struct settings_value {
    const char *key; /* the Redis hash */
    const char *field, *value;
};
/* The value of the strongest layer that has a good one for this field. */
bool settings_find(const struct settings *s, enum settings_kind kind,
                   const struct settings_place *at, const char *field, struct settings_value *out);
/* Calls fn for this field (NULL: every field) in each layer that applies, the weakest first. */
void settings_each(const struct settings *s, enum settings_kind kind,
                   const struct settings_place *at, const char *field,
                   void (*fn)(void *ud, const struct settings_value *v), void *ud);

enum toggle { TOGGLE_UNSET = -1, TOGGLE_OFF = 0, TOGGLE_ON = 1 };
/* The toggle in force for a flow. why may be NULL; it is filled unless the answer is UNSET. */
enum toggle settings_toggle(const struct settings *s, const struct settings_place *at,
                            const char *flow, struct settings_value *why);
/* Is the flow, or everything, paused in any layer at this time (wall ms)? why may be NULL. */
bool settings_paused(const struct settings *s, const struct settings_place *at, const char *flow,
                     int64_t now_ms, struct settings_value *why);

/* "tag1,tag2" of a chat as admins gave them in Redis, "" if none. */
const char *settings_tags(const struct settings *s, const char *gw, const char *chat);
/* True if routes of this chat are its own: it has parameters, staff or versions of its own. */
bool settings_is_special(const struct settings *s, const char *gw, const char *chat);

#endif
