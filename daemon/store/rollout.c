/* rollout.c -- see rollout.h. Callers: engine/release*.c, cli/ctl_rollout*.c. */
#include "store/rollout.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "store/settings.h"

/* The daemon may make a step twice: it was killed half way, or a second process saw the same files. */
const char rollout_push[] = "local id, top = ARGV[2], redis.call('LINDEX', KEYS[1], 0) "
                            "if id ~= '' and top then local ok, o = pcall(cjson.decode, top) "
                            "if ok and o.id == id then return 0 end end "
                            "redis.call('LPUSH', KEYS[1], ARGV[1]) "
                            "redis.call('LTRIM', KEYS[1], 0, 9) return 1";
const char rollout_pop[] =
    "if redis.call('LINDEX', KEYS[1], 0) == ARGV[1] then redis.call('LPOP', KEYS[1]) return 1 end "
    "return 0";

static void rollout_key(struct buf *out, const char *root, const char *a, const char *b)
{
    buf_adds(out, root);
    buf_add_key(out, a);
    if (b) {
        buf_addc(out, ':');
        buf_add_key(out, b);
    }
    buf_cstr(out);
}

void rollout_version_key(struct buf *out, const char *flow, const char *version)
{
    rollout_key(out, "sopd:version:", flow, version);
}

void rollout_list_key(struct buf *out, const char *flow)
{
    rollout_key(out, "sopd:version-list:", flow, NULL);
}

void rollout_steps_key(struct buf *out, const char *flow)
{
    rollout_key(out, "sopd:rollout-steps:", flow, NULL);
}

void rollout_tag_key(struct buf *out, const char *tag)
{
    rollout_key(out, ROLLOUT_ROOT ":tag:", tag, NULL);
}

bool rollout_is_version(const char *s)
{
    return s && strlen(s) == ROLLOUT_VERSION && strspn(s, "0123456789abcdef") == ROLLOUT_VERSION;
}

/* ---- steps ---- */

static bool rollout_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

struct rollout_step *rollout_step_new(const char *flow, const char *what, const char *by,
                                      int64_t at_ms, const char *from, const char *version)
{
    struct rollout_step *s = MEM_NEW(struct rollout_step);
    s->flow = mem_strdup(flow);
    s->what = mem_strdup(what);
    s->by = mem_strdup(by);
    s->from = mem_strdup(from ? from : "");
    s->version = mem_strdup(version ? version : "");
    s->at_ms = at_ms;
    return s;
}

void rollout_step_add(struct rollout_step *s, const char *key, const char *before,
                      const char *after)
{
    if (rollout_same(before, after))
        return;
    s->changes = mem_realloc(s->changes, ((size_t)s->nchanges + 1) * sizeof *s->changes);
    s->changes[s->nchanges++] =
        (struct rollout_change){mem_strdup(key), mem_strdup(before), mem_strdup(after)};
}

void rollout_step_free(struct rollout_step *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->nchanges; i++) {
        free(s->changes[i].key);
        free(s->changes[i].before);
        free(s->changes[i].after);
    }
    free(s->changes);
    free(s->flow);
    free(s->what);
    free(s->by);
    free(s->from);
    free(s->version);
    free(s->reason);
    free(s);
}

void rollout_step_id(const struct rollout_step *s, struct buf *out)
{
    if (strcmp(s->what, "edit") == 0 || strcmp(s->what, "ring") == 0 || strcmp(s->what, "new") == 0)
        buf_addf(out, "%s:%s:%s", s->what, s->from, s->version);
    buf_cstr(out);
}

static cJSON *rollout_value(const char *s)
{
    return s ? cJSON_CreateString(s) : cJSON_CreateNull();
}

char *rollout_step_print(const struct rollout_step *s)
{
    cJSON *o = cJSON_CreateObject();
    struct buf id = {0};
    rollout_step_id(s, &id);
    cJSON_AddStringToObject(o, "id", buf_cstr(&id));
    cJSON_AddStringToObject(o, "what", s->what);
    cJSON_AddNumberToObject(o, "at", (double)s->at_ms);
    cJSON_AddStringToObject(o, "by", s->by);
    cJSON_AddStringToObject(o, "from", s->from);
    cJSON_AddStringToObject(o, "version", s->version);
    if (s->reason)
        cJSON_AddStringToObject(o, "reason", s->reason);
    if (s->everybody)
        cJSON_AddTrueToObject(o, "everybody");
    cJSON *set = cJSON_AddArrayToObject(o, "set");
    for (int i = 0; i < s->nchanges; i++) {
        cJSON *change = cJSON_CreateArray();
        cJSON_AddItemToArray(change, cJSON_CreateString(s->changes[i].key));
        cJSON_AddItemToArray(change, rollout_value(s->changes[i].before));
        cJSON_AddItemToArray(change, rollout_value(s->changes[i].after));
        cJSON_AddItemToArray(set, change);
    }
    char *text = cJSON_PrintUnformatted(o);
    char *own = mem_strdup(text);
    cJSON_free(text);
    cJSON_Delete(o);
    buf_free(&id);
    return own;
}

static const char *rollout_text(const cJSON *o, const char *key)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
    return s ? s : "";
}

struct rollout_step *rollout_step_parse(const char *flow, const char *json)
{
    cJSON *o = cJSON_Parse(json);
    const cJSON *set = cJSON_GetObjectItemCaseSensitive(o, "set"), *c;
    if (!cJSON_IsArray(set)) {
        cJSON_Delete(o);
        return NULL;
    }
    double at = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(o, "at"));
    struct rollout_step *s = rollout_step_new(flow, rollout_text(o, "what"), rollout_text(o, "by"),
                                              at > 0 ? (int64_t)at : 0, rollout_text(o, "from"),
                                              rollout_text(o, "version"));
    s->everybody = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "everybody"));
    cJSON_ArrayForEach (c, set) {
        const char *key = cJSON_GetStringValue(cJSON_GetArrayItem(c, 0));
        if (key)
            rollout_step_add(s, key, cJSON_GetStringValue(cJSON_GetArrayItem(c, 1)),
                             cJSON_GetStringValue(cJSON_GetArrayItem(c, 2)));
    }
    cJSON_Delete(o);
    return s;
}

/* What the hash has to hold so that it says now what `before` said then. */
static const char *rollout_then(const struct rollout_step *s, const char *key, const char *before,
                                const char *newest)
{
    bool same = !*s->from || strcmp(s->from, newest) == 0;
    bool root = strcmp(key, ROLLOUT_ROOT) == 0;
    if (root && strcmp(s->what, "new") == 0)
        return "none"; /* before it nobody had the flow */
    if (same || strcmp(key, ROLLOUT_HOLD) == 0 || (before && strcmp(before, "newest") != 0))
        return before;
    return before || root ? s->from : NULL;
}

struct rollout_step *rollout_step_undo(const struct rollout_step *s, const char *newest,
                                       const char *by, int64_t at_ms,
                                       const char *(*now)(void *ud, const char *key), void *ud)
{
    struct rollout_step *u = rollout_step_new(s->flow, "back", by, at_ms, newest, s->from);
    for (int i = s->nchanges - 1; i >= 0; i--) {
        const struct rollout_change *c = &s->changes[i];
        rollout_step_add(u, c->key, now(ud, c->key), rollout_then(s, c->key, c->before, newest));
    }
    if (s->everybody)
        rollout_step_add(u, ROLLOUT_ROOT, now(ud, ROLLOUT_ROOT),
                         rollout_then(s, ROLLOUT_ROOT, NULL, newest));
    return u;
}

void rollout_step_command(const struct rollout_step *s, struct buf *resp)
{
    struct settings_edit *edits = mem_zero(((size_t)s->nchanges + 1) * sizeof *edits);
    for (int i = 0; i < s->nchanges; i++)
        edits[i] = (struct settings_edit){s->changes[i].key, s->flow, s->changes[i].after};
    struct buf reason = {0};
    buf_addf(&reason, "%s%s%s", s->what, s->reason ? ": " : "", s->reason ? s->reason : "");
    if (s->nchanges)
        settings_edit_command(resp, s->by, "rollout", buf_cstr(&reason), s->at_ms, edits,
                              s->nchanges);
    buf_free(&reason);
    free(edits);
}
