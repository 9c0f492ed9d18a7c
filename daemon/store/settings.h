/* settings.h -- what admins edit in Redis, mirrored in memory: toggles, parameters, pauses, roles, versions, tags of chats.
 * Each kind has the keys (docs/redis.md) sopd:<kind>, sopd:<kind>:gw:<gw>, sopd:<kind>:tag:<tag> and sopd:<kind>:chat:<gw>:<chat>,
 * plain hashes, from the weakest layer to the strongest; tags are in sopd:chat-tags:<gw> (field = chat, value = tags separated by commas).
 * Edits made with any client arrive through CLIENT TRACKING (BCAST on the prefixes of the kinds, redirected to a second,
 * subscribed connection) and a slow poll (30 s) as a net; where tracking is refused or does not deliver, by reading every second.
 * Every edit is checked: a wrong value is ignored and reported, the last good one of that field stays in force, also after a restart.
 * Every edit is recorded once in the stream sopd:audit, however many daemons see it. Lookups are in memory and never wait. */
#ifndef SOPD_STORE_SETTINGS_H
#define SOPD_STORE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct buf;
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
    SETTINGS_PAUSED,   /* field: flow, or "*" for all; value "yes", "no", or until when in ms */
    SETTINGS_STAFF,    /* field: gateway:user; value: a role */
    SETTINGS_VERSIONS, /* field: flow; value: a version or "newest" */
    SETTINGS_KINDS,
    SETTINGS_TAGS =
        SETTINGS_KINDS /* of chats: no layers, so only where it is said that it may be given */
};
/* Where something is looked up. */
struct settings_place {
    const char *gw;
    const char *chat; /* NULL: the gateway as a whole */
    const char
        *tags; /* effective tags of the chat, strongest first, separated by commas; NULL: none */
    const char *
        home; /* a group whose edits hold here, too, but for roles; the chat's own go before. NULL: none */
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

/* The same in every layer of the kind (or SETTINGS_TAGS), whatever it applies to, in no order. */
void settings_everywhere(const struct settings *s, int kind, const char *field,
                         void (*fn)(void *ud, const struct settings_value *v), void *ud);

enum toggle { TOGGLE_UNSET = -1, TOGGLE_OFF = 0, TOGGLE_ON = 1 };
/* The toggle in force for a flow. why may be NULL; it is filled unless the answer is UNSET. */
enum toggle settings_toggle(const struct settings *s, const struct settings_place *at,
                            const char *flow, struct settings_value *why);
/* Is the flow, or everything, paused in any layer at this time (wall ms)? why may be NULL. */
bool settings_paused(const struct settings *s, const struct settings_place *at, const char *flow,
                     int64_t now_ms, struct settings_value *why);

/* The latest end of what pauses the flow there (wall ms); 0: nothing does, INT64_MAX: no end is given. "*" with an `at` without a
 * gateway ("") and chat asks for the global kill switch. */
int64_t settings_paused_until(const struct settings *s, const struct settings_place *at,
                              const char *flow, int64_t now_ms);
/* The first moment after now_ms at which some pause ends; INT64_MAX: none does. */
int64_t settings_next_resume(const struct settings *s, int64_t now_ms);

/* "tag1,tag2" of a chat as admins gave them in Redis, "" if none. */
const char *settings_tags(const struct settings *s, const char *gw, const char *chat);

/* ---- checking ---- */

/* ODD: obeyed and reported (a flow that nobody knows). BAD: ignored and reported. */
enum settings_verdict { SETTINGS_GOOD, SETTINGS_ODD, SETTINGS_BAD };
/* What those who know flows say of a value that has the form of its kind. Unless it is good, what is wrong goes into why, and what to do
 * into remedy. */
typedef enum settings_verdict (*settings_check_fn)(void *ud, int kind, const char *field,
                                                   const char *value, struct buf *why,
                                                   struct buf *remedy);
/* From now on; everything is checked anew. zone: of times that name none; NULL: UTC. */
struct zone;
void settings_set_check(struct settings *s, settings_check_fn check, void *ud,
                        const struct zone *zone);
/* Flows or the zone have changed: everything is checked anew. */
void settings_recheck(struct settings *s, const struct zone *zone);
/* Something that is not as it should be. */
struct settings_fault {
    enum settings_verdict verdict;
    const char *key, *field, *value; /* field "": the key as a whole is no hash */
    const char *why, *remedy;
    const char *kept; /* BAD: the value in force in its place, NULL: what a weaker layer says */
};
void settings_each_fault(const struct settings *s,
                         void (*fn)(void *ud, const struct settings_fault *f), void *ud);
/* How many are BAD. */
size_t settings_bad(const struct settings *s);
/* Why changes are read every second instead of being reported by Redis; NULL: they are reported. */
const char *settings_polled(const struct settings *s);

/* ---- editing ---- */

/* One field to write; value NULL: it is removed. */
struct settings_edit {
    const char *key, *field, *value;
};
/* Appends the command (RESP) that makes these edits and their entries in sopd:audit in one step, or none of them when a key is no hash.
 * who: "root@host", "qq1:10001"; what: "toggle", "pause", ...; reason may be "". Answer: an array, for each edit the value before, or
 * nil. */
void settings_edit_command(struct buf *resp, const char *who, const char *what, const char *reason,
                           int64_t now_ms, const struct settings_edit *edits, int n);
struct redisReply;
/* A redis_fn for that command (ud: the settings, or NULL): logs an error, and where Redis reports no changes reads them now. */
void settings_edited(void *settings, const struct redisReply *reply);

#endif
