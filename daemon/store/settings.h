/* settings.h -- what admins edit in Redis, mirrored in memory: toggles, parameters, tags of chats.
 * Keys (docs/redis.md): sopd:toggles, sopd:toggles:tag:<tag>, sopd:toggles:gw:<gw>, sopd:toggles:chat:<gw>:<chat>
 * (field = flow, value = on/off), sopd:params and sopd:params:tag|gw|chat:... (field = flow.param), and
 * sopd:chat-tags:<gw> (field = chat, value = tags separated by commas).
 * Edits made with any client arrive through CLIENT TRACKING (BCAST on the prefixes sopd:toggles, sopd:params,
 * sopd:chat-tags, redirected to a second, subscribed connection) and a slow poll (30 s) as a net. Lookups are in memory and never wait.
 * Precedence: chat, tag, gateway, global. */
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

enum toggle { TOGGLE_UNSET = -1, TOGGLE_OFF = 0, TOGGLE_ON = 1 };
/* The toggle in force for a flow in a chat; tags come from settings_tags. chat may be NULL (gateway level). */
enum toggle settings_toggle(const struct settings *s, const char *gw, const char *chat,
                            const char *flow);
/* The overriding value of a parameter, or NULL. The pointer is valid until the generation changes. */
const char *settings_param(const struct settings *s, const char *gw, const char *chat,
                           const char *flow, const char *param);
/* Calls fn for each parameter override that applies to flow in that chat, the weakest layer first: a later value of the same
 * parameter replaces an earlier one if it is good, so that a malformed one lets the next weaker hold. */
void settings_each_param(const struct settings *s, const char *gw, const char *chat,
                         const char *flow,
                         void (*fn)(void *ud, const char *param, const char *value), void *ud);
/* "tag1,tag2" of a chat, "" if none. */
const char *settings_tags(const struct settings *s, const char *gw, const char *chat);
bool settings_has_tag(const struct settings *s, const char *gw, const char *chat, const char *tag);
/* True if chat-level overrides exist for this chat (own toggles, parameters or tags). */
bool settings_is_special(const struct settings *s, const char *gw, const char *chat);

#endif
