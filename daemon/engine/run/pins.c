/* pins.c -- what a run is pinned to: the version of its flow and the values of its parameters, kept in Redis as long as a run needs
 * them (keys pin, pins, source, source-pins; docs/redis.md), and the old versions that are loaded for such runs.
 * A pin's text is written with the first run that this process makes of it; unused ones are collected every ten minutes. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/release/release.h"

enum { PINS_ROUND_MS = 600000, VERSION_IDLE_MS = 600000 };

struct version {
    struct version *next;
    struct flow *flow;
    int64_t used_ms; /* monotonic */
};

void pin_key(const struct gw *gw, struct buf *out, const char *id)
{
    gw_key(gw, out, "pin");
    buf_addc(out, ':');
    buf_adds(out, id);
}

void source_key(const struct gw *gw, struct buf *out, const char *flow, const char *version)
{
    gw_key(gw, out, "source");
    buf_addc(out, ':');
    buf_add_key(out, flow);
    buf_addf(out, ":%s", version);
}

struct pin *pin_find(struct gw *gw, const char *id)
{
    struct pin *p;
    HASH_FIND_STR(gw->pins, id, p);
    if (p)
        p->used = true;
    return p;
}

static struct pin *pin_add(struct gw *gw, const char *id, const char *flow, const char *version,
                           cJSON *params)
{
    struct pin *p = MEM_NEW(struct pin);
    snprintf(p->id, sizeof p->id, "%s", id);
    snprintf(p->version, sizeof p->version, "%s", version);
    p->flow = mem_strdup(flow);
    p->params = params;
    p->used = true;
    HASH_ADD_STR(gw->pins, id, p);
    return p;
}

/* The values that a run keeps: all but texts, whose wording may be corrected under it. */
static cJSON *pin_params(const struct binding *b)
{
    const struct flow_info *info = flow_info(b->flow);
    cJSON *out = cJSON_CreateObject();
    for (int i = 0; i < info->nparams; i++) {
        const cJSON *v = values_get(b->values, i);
        if (v && info->params[i].type != PARAM_TEXT)
            cJSON_AddItemToObject(out, info->params[i].name, cJSON_Duplicate(v, 1));
    }
    return out;
}

struct pin *pin_of(struct gw *gw, struct binding *b)
{
    struct pin *p = *b->pin ? pin_find(gw, b->pin) : NULL;
    if (p)
        return p;
    const struct flow_info *info = flow_info(b->flow);
    cJSON *params = pin_params(b);
    char *text = cJSON_PrintUnformatted(params);
    uint64_t h = hash_more(hash_string(info->name), info->version, strlen(info->version));
    h = hash_mix(hash_more(h, text, strlen(text)));
    free(text);
    snprintf(b->pin, sizeof b->pin, "%016llx", (unsigned long long)h);
    p = pin_find(gw, b->pin);
    if (!p)
        return pin_add(gw, b->pin, info->name, info->version, params);
    cJSON_Delete(params);
    return p;
}

struct pin *pin_read(struct gw *gw, const char *id, const char *json, size_t len)
{
    cJSON *o = cJSON_ParseWithLength(json, len);
    const char *flow = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "flow"));
    const char *version = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "version"));
    struct pin *p = NULL;
    if (flow && version && strlen(version) < sizeof p->version) {
        p = pin_add(gw, id, flow, version, cJSON_DetachItemFromObjectCaseSensitive(o, "params"));
        p->stored = true;
    }
    cJSON_Delete(o);
    return p;
}

/* ---- counting ---- */

static void pin_set(struct turn *t, const struct buf *key, const char *text, size_t len)
{
    const char *argv[] = {"SET", key->data, text};
    const size_t lens[] = {3, key->len, len};
    turn_write(t, 3, argv, lens);
}

/* Version, values and source into Redis. */
static void pin_store(struct turn *t, struct pin *p, struct flow *f)
{
    struct buf key = {0}, text = {0};
    size_t len;
    char *params = cJSON_PrintUnformatted(p->params);
    buf_adds(&text, "{\"flow\":");
    buf_add_json(&text, p->flow, strlen(p->flow));
    buf_addf(&text, ",\"version\":\"%s\",\"params\":%s}", p->version, params);
    free(params);
    pin_key(t->gw, &key, p->id);
    pin_set(t, &key, text.data, text.len);
    buf_reset(&key);
    source_key(t->gw, &key, p->flow, p->version);
    const char *source = flow_source(f, &len);
    pin_set(t, &key, source, len);
    buf_reset(&key);
    gw_key(t->gw, &key, "source-pins");
    buf_addc(&key, ':');
    buf_add_key(&key, p->flow);
    buf_addf(&key, ":%s", p->version);
    turn_write(t, 3, (const char *[]){"SADD", buf_cstr(&key), p->id}, NULL);
    buf_free(&key);
    buf_free(&text);
}

void pin_count_id(struct turn *t, const char *id, int n)
{
    static struct buf key;
    buf_reset(&key);
    gw_key(t->gw, &key, "pins");
    turn_write(t, 4, (const char *[]){"HINCRBY", buf_cstr(&key), id, n > 0 ? "1" : "-1"}, NULL);
}

void pin_count(struct turn *t, struct pin *p, struct flow *f, int n)
{
    if (n > 0 && f && !p->stored) {
        pin_store(t, p, f);
        p->stored = t->pinned = true; /* taken back if this does not come to a commit */
    }
    pin_count_id(t, p->id, n);
}

void pins_unsure(struct turn *t)
{
    struct pin *p, *tmp;
    if (t->pinned)
        HASH_ITER (hh, t->gw->pins, p, tmp)
            p->stored = false;
    t->pinned = false;
}

/* ---- versions ---- */

struct flow *version_find(struct engine *e, const struct binding *current, const char *flow,
                          const char *version)
{
    if (current && strcmp(flow_info(current->flow)->name, flow) == 0 &&
        strcmp(flow_info(current->flow)->version, version) == 0)
        return current->flow;
    struct flow *served = release_find(e, flow, version); /* by other groups */
    if (served)
        return served;
    for (struct version *v = e->versions; v; v = v->next) {
        const struct flow_info *info = flow_info(v->flow);
        if (strcmp(info->version, version) != 0 || strcmp(info->name, flow) != 0)
            continue;
        v->used_ms = clock_mono(e->clock);
        return v->flow;
    }
    return NULL;
}

struct flow *version_load(struct engine *e, const struct binding *current, const char *flow,
                          const char *version, const char *source, size_t len, struct buf *err)
{
    struct flow *f = host_load_from(flow_host(current->flow), flow, source, len, err);
    if (!f)
        return NULL;
    if (strcmp(flow_info(f)->version, version) != 0) {
        buf_addf(err, "the stored source of %s is version %s, not %s", flow, flow_info(f)->version,
                 version);
        flow_release(f);
        return NULL;
    }
    struct version *v = MEM_NEW(struct version);
    v->flow = f;
    v->used_ms = clock_mono(e->clock);
    v->next = e->versions;
    e->versions = v;
    log_info("an old version of a flow is loaded for its runs", "flow", flow, "version", version,
             NULL);
    return f;
}

void versions_free(struct engine *e, bool all)
{
    int64_t now = clock_mono(e->clock);
    for (struct version **p = &e->versions; *p;) {
        struct version *v = *p;
        if (!all && now - v->used_ms < VERSION_IDLE_MS) {
            p = &v->next;
            continue;
        }
        *p = v->next;
        flow_release(v->flow);
        free(v);
    }
}

/* The pinned values over those of today: what is kept beside them are texts and what the pin does not know. */
static struct values *pin_values(const struct pin *p, struct flow *f, struct binding *current)
{
    const struct flow_info *info = flow_info(f);
    struct values *base = f == current->flow ? values_retain(current->values)
                                             : values_move(current->values, current->flow, f);
    struct value_slot *slots = mem_zero(((size_t)info->nparams + 1) * sizeof *slots);
    uint64_t hash = hash_string(p->id);
    int n = 0;
    struct values *v = values_find(base, hash);
    for (int i = 0; !v && i < info->nparams; i++) {
        const char *name = info->params[i].name;
        const cJSON *kept = info->params[i].type == PARAM_TEXT
                                ? values_named(current->values, current->flow, name)
                                : cJSON_GetObjectItemCaseSensitive(p->params, name);
        if (!kept && !values_get(base, i)) /* a text that the version served here does not have */
            kept = release_value(current->playbook, info->name, name);
        if (!kept || cJSON_Compare(kept, values_get(base, i), true))
            continue;
        slots[n++] = (struct value_slot){
            .value = cJSON_Duplicate(kept, 1), .param = (uint16_t)i, .from = VALUE_REDIS};
    }
    if (v)
        free(slots);
    else
        v = values_take(base, hash, slots, n);
    values_release(base);
    return v;
}

struct binding *pin_bind(struct engine *e, const struct pin *p, struct flow *f,
                         struct binding *current)
{
    if (f == current->flow && strcmp(p->id, current->pin) == 0)
        return binding_retain(current);
    struct binding *b = binding_new(e->book, current->playbook, f, pin_values(p, f, current));
    snprintf(b->pin, sizeof b->pin, "%s", p->id);
    return b;
}

/* ---- collecting ---- */

/* KEYS: pins, pin:<id>; ARGV: id, prefix of this gateway's keys. Deletes a pin that no run uses, and the source with its last pin. */
static const char pins_collect[] =
    "if redis.call('HGET', KEYS[1], ARGV[1]) ~= '0' then return 0 end "
    "local text = redis.call('GET', KEYS[2]) "
    "redis.call('HDEL', KEYS[1], ARGV[1]) redis.call('DEL', KEYS[2]) "
    "local ok, o = pcall(cjson.decode, text or '') if not ok then return 1 end "
    "local of = ARGV[2] .. 'source-pins:' .. o.flow .. ':' .. o.version "
    "redis.call('SREM', of, ARGV[1]) "
    "if redis.call('SCARD', of) == 0 then "
    "redis.call('DEL', ARGV[2] .. 'source:' .. o.flow .. ':' .. o.version) end return 1";

static void pin_collect(struct gw *gw, const char *id)
{
    struct buf pins = {0}, pin = {0}, prefix = {0};
    gw_key(gw, &pins, "pins");
    pin_key(gw, &pin, id);
    gw_key(gw, &prefix, "");
    struct pin *p = pin_find(gw, id);
    if (p)
        p->stored = false; /* commits after this one write it again */
    const char *argv[] = {"EVAL", pins_collect,     "2", buf_cstr(&pins), buf_cstr(&pin),
                          id,     buf_cstr(&prefix)};
    redis_command(gw->e->redis, NULL, NULL, 7, argv, NULL);
    buf_free(&pins);
    buf_free(&pin);
    buf_free(&prefix);
}

static void pins_counted(void *ud, const struct redisReply *r)
{
    struct gw *gw = ud;
    for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i + 1 < r->elements; i += 2)
        if (strcmp(r->element[i + 1]->str, "0") == 0)
            pin_collect(gw, r->element[i]->str);
}

static void pin_free(struct gw *gw, struct pin *p)
{
    HASH_DEL(gw->pins, p);
    cJSON_Delete(p->params);
    free(p->flow);
    free(p);
}

/* Forgets those that nobody has used since the last round and no run in memory needs: they are read or made again when they are. */
static void pins_forget_idle(struct gw *gw)
{
    struct pin *p, *tmp;
    for (const struct run *run = gw->runs; run; run = run->hh.next)
        pin_find(gw, run->pin);
    HASH_ITER (hh, gw->pins, p, tmp) {
        if (!p->used)
            pin_free(gw, p);
        else
            p->used = false;
    }
}

void pins_round(struct gw *gw)
{
    int64_t now = clock_mono(gw->e->clock);
    if (now - gw->pins_ms < PINS_ROUND_MS || !gw->owner || !gw->e->redis_up)
        return;
    gw->pins_ms = now;
    pins_forget_idle(gw);
    struct buf key = {0};
    gw_key(gw, &key, "pins");
    redis_command(gw->e->redis, pins_counted, gw, 2, (const char *[]){"HGETALL", buf_cstr(&key)},
                  NULL);
    buf_free(&key);
}

void pins_free(struct gw *gw)
{
    struct pin *p, *tmp;
    HASH_ITER (hh, gw->pins, p, tmp)
        pin_free(gw, p);
}
