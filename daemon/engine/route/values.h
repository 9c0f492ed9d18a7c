/* values.h -- the values of a flow's parameters in one place: a few of its own over those of what is wider. Constant once made,
 * counted and shared: what 500 chats have in common is there once.
 * The root has every parameter of the flow (playbook, texts, defaults); over it come the language, the overlays from the widest to
 * the narrowest, and the admins' values from Redis. */
#ifndef SOPD_ENGINE_VALUES_H
#define SOPD_ENGINE_VALUES_H

#include <stdbool.h>
#include <stdint.h>

struct cJSON;
struct flow;

/* Where a value is written. */
enum value_from {
    VALUE_FLOW,     /* the flow's default */
    VALUE_TEXTS,    /* a file of texts */
    VALUE_PLAYBOOK, /* the playbook */
    VALUE_OVERLAY,
    VALUE_REDIS
};
struct value_slot {
    struct cJSON *value; /* NULL: none (a text that nobody gave) */
    uint16_t param;      /* its place in flow_info's list */
    uint8_t from;        /* enum value_from */
    uint8_t file;        /* TEXTS: which of the playbook's files of texts */
    int32_t line;        /* 0 = not known */
};

struct values;

/* The root: n slots, slot i for parameter i, borrowed. One reference. */
struct values *values_root(const struct value_slot *slots, int n);
/* `slots` (borrowed) over `base`: the same base with the same slots is the same object. A new reference; base keeps its own. */
struct values *values_over(struct values *base, const struct value_slot *slots, int n);
/* Values over `base` that are known by a hash of what they were made from: a new reference to them, NULL if there are none yet. */
struct values *values_find(struct values *base, uint64_t hash);
/* Makes those; takes slots and the values in them. */
struct values *values_take(struct values *base, uint64_t hash, struct value_slot *slots, int n);
/* The values of `flow` as another version of it takes them: by name, where they are good; else its own default. */
struct values *values_move(struct values *v, const struct flow *flow, const struct flow *to);
struct values *values_retain(struct values *v);
void values_release(struct values *v);

/* The slot in force for a parameter; NULL if there is no such one. */
const struct value_slot *values_slot(const struct values *v, int param);
static inline struct cJSON *values_get(const struct values *v, int param)
{
    const struct value_slot *s = values_slot(v, param);
    return s ? s->value : (struct cJSON *)0;
}
/* By name. */
const struct cJSON *values_named(const struct values *v, const struct flow *flow, const char *name);
/* How many objects there are: for tests. */
unsigned values_count(void);

#endif
