/* values.c -- see values.h. Owns the table in which equal ones find each other; it holds no references. Callers: router files,
 * book.c, lua/. */
#include "engine/route/values.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "lua/host.h"

struct values_key {
    const struct values *base;
    const void *slots; /* borrowed ones; else NULL */
    uint64_t hash;
};

struct values {
    int refs;
    int n;
    bool owns, complete;
    bool listed;
    struct values *base; /* retained */
    const struct value_slot *slots;
    struct values_key key;
    UT_hash_handle hh;
};

static struct values *values_table;
static unsigned values_alive;

static struct values *values_new(struct values *base, const struct value_slot *slots, int n)
{
    struct values *v = MEM_NEW(struct values);
    v->refs = 1;
    v->n = n;
    v->slots = slots;
    v->base = base ? values_retain(base) : NULL;
    values_alive++;
    return v;
}

static void values_list(struct values *v, const void *slots, uint64_t hash)
{
    memset(&v->key, 0, sizeof v->key);
    v->key.base = v->base;
    v->key.slots = slots;
    v->key.hash = hash;
    v->listed = true;
    HASH_ADD(hh, values_table, key, sizeof v->key, v);
}

static struct values *values_listed(const struct values *base, const void *slots, uint64_t hash)
{
    struct values_key key;
    struct values *v;
    memset(&key, 0, sizeof key);
    key.base = base;
    key.slots = slots;
    key.hash = hash;
    HASH_FIND(hh, values_table, &key, sizeof key, v);
    return v ? values_retain(v) : NULL;
}

struct values *values_root(const struct value_slot *slots, int n)
{
    struct values *v = values_new(NULL, slots, n);
    v->complete = true;
    return v;
}

struct values *values_over(struct values *base, const struct value_slot *slots, int n)
{
    struct values *v = values_listed(base, slots, 0);
    if (v)
        return v;
    v = values_new(base, slots, n);
    values_list(v, slots, 0);
    return v;
}

struct values *values_find(struct values *base, uint64_t hash)
{
    return values_listed(base, NULL, hash);
}

struct values *values_take(struct values *base, uint64_t hash, struct value_slot *slots, int n)
{
    struct values *v = values_new(base, slots, n);
    v->owns = true;
    values_list(v, NULL, hash);
    return v;
}

struct values *values_retain(struct values *v)
{
    v->refs++;
    return v;
}

static void values_free(struct values *v)
{
    if (v->listed && values_table)
        HASH_DEL(values_table, v);
    if (v->owns) {
        for (int i = 0; i < v->n; i++)
            cJSON_Delete(v->slots[i].value);
        free((void *)v->slots);
    }
    free(v);
    values_alive--;
}

void values_release(struct values *v)
{
    while (v && --v->refs == 0) {
        struct values *base = v->base;
        values_free(v);
        v = base;
    }
}

const struct value_slot *values_slot(const struct values *v, int param)
{
    for (; v; v = v->base) {
        if (v->complete)
            return param >= 0 && param < v->n ? &v->slots[param] : NULL;
        for (int i = 0; i < v->n; i++)
            if (v->slots[i].param == param)
                return &v->slots[i];
    }
    return NULL;
}

const struct cJSON *values_named(const struct values *v, const struct flow *flow, const char *name)
{
    const struct param *p = flow_param(flow, name);
    return p ? values_get(v, (int)(p - flow_info(flow)->params)) : NULL;
}

struct values *values_move(struct values *v, const struct flow *flow, const struct flow *to)
{
    const struct flow_info *info = flow_info(to);
    uint64_t hash = hash_more(hash_string(info->name), info->version, sizeof info->version);
    struct values *moved = values_find(v, hash);
    if (moved)
        return moved;
    struct value_slot *slots = mem_zero(((size_t)info->nparams + 1) * sizeof *slots);
    struct buf unused = {0};
    for (int i = 0; i < info->nparams; i++) {
        const struct param *old = flow_param(flow, info->params[i].name);
        const struct value_slot *s =
            old ? values_slot(v, (int)(old - flow_info(flow)->params)) : NULL;
        slots[i] = (struct value_slot){.param = (uint16_t)i, .from = VALUE_FLOW};
        if (s && s->value && s->from != VALUE_FLOW)
            slots[i].value = param_check(to, info->params[i].name, s->value, &unused);
        if (slots[i].value) {
            slots[i].from = s->from;
            slots[i].file = s->file;
            slots[i].line = s->line;
        } else if (info->params[i].preset) {
            slots[i].value = cJSON_Duplicate(info->params[i].preset, 1);
        } else if (s && s->value) {
            slots[i].value = cJSON_Duplicate(s->value, 1);
        }
    }
    buf_free(&unused);
    moved = values_take(v, hash, slots, info->nparams);
    moved->complete = true;
    return moved;
}

unsigned values_count(void)
{
    return values_alive;
}
