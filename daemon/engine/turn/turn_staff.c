/* turn_staff.c -- the switches of a chat as staff see and turn them (turn.h): which flows run and why not, pauses, and the writing
 * of toggles and pauses. They live under global keys, outside the gateway's hash slot, so they follow the commit; the commit itself
 * notes them in the hash `edits`, from which they are made up for after a crash or a lost link. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/route/routes.h"
#include "store/settings_value.h"

enum { STAFF_LATE_MS = 600000 };

/* ---- looking ---- */

static struct chat *staff_chat_of(struct turn *t, const char *chat)
{
    return chat ? chat_get(t->gw, chat, true) : t->chat;
}

struct flow_listing {
    struct chat *chat;
    void (*fn)(void *ud, const struct turn_flow *f);
    void *ud;
};

static void staff_flow(void *ud, struct binding *b)
{
    const struct flow_listing *l = ud;
    const struct flow_info *info = flow_info(b->flow);
    struct flow_why why = {0};
    struct turn_flow f = {.name = info->name, .title = info->title, .binding = b};
    f.on = routes_flow_on(l->chat, b, &why);
    f.why =
        strcmp(why.word, "looping") == 0 ? "failing" : why.word; /* the same to those who steer */
    f.value = why.value.key ? &why.value : NULL;
    l->fn(l->ud, &f);
}

void turn_each_flow(struct turn *t, const char *chat,
                    void (*fn)(void *ud, const struct turn_flow *f), void *ud)
{
    struct flow_listing l = {staff_chat_of(t, chat), fn, ud};
    routes_each(l.chat, staff_flow, &l);
}

struct pause_listing {
    int64_t now_ms;
    void (*fn)(void *ud, const struct settings_value *v);
    void *ud;
};

static void staff_pause(void *ud, const struct settings_value *v)
{
    const struct pause_listing *l = ud;
    if (settings_pause_end(v->value) > l->now_ms)
        l->fn(l->ud, v);
}

void turn_each_pause(struct turn *t, const char *chat,
                     void (*fn)(void *ud, const struct settings_value *v), void *ud)
{
    if (!t->e->opts.settings)
        return;
    struct settings_place at = {t->gw->name, chat, NULL, chat ? home_of(t->gw, chat) : NULL};
    if (chat)
        at.tags = routes_lookup(t->gw, chat, known_name(t->gw, chat))->tags;
    else
        at = routes_place(t->chat);
    struct pause_listing l = {clock_wall(t->e->clock), fn, ud};
    settings_each(t->e->opts.settings, SETTINGS_PAUSED, &at, NULL, staff_pause, &l);
}

/* ---- turning ---- */

/* What rests after failures runs again. */
static void staff_wake_failing(struct gw *gw, const char *chat, const char *flow)
{
    struct chat *c = chat_get(gw, chat, false);
    for (struct pause *p = c ? c->pauses : NULL; p; p = p->next)
        if (strcmp(flow, "*") == 0 || strcmp(flow, p->flow) == 0)
            p->until_ms = 0;
}

static const char *staff_what(const struct turn_after *a)
{
    return a->kind == AFTER_TOGGLE ? "toggle" : a->value ? "pause" : "resume";
}

static char *staff_key(const struct turn *t, const struct turn_after *a)
{
    struct buf key = {0};
    buf_adds(&key, a->kind == AFTER_TOGGLE ? "sopd:toggles:" : "sopd:paused:");
    buf_adds(&key, *a->chat ? "chat:" : "gw:");
    buf_add_key(&key, t->gw->name);
    if (*a->chat) {
        buf_addc(&key, ':');
        buf_add_key(&key, a->chat);
    }
    return buf_take(&key);
}

/* One command's edits on their way. */
struct staff_edit {
    struct gw *gw;
    char *field; /* in `edits` */
};

static void staff_settle(struct gw *gw, const char *field)
{
    struct buf key = {0};
    gw_key(gw, &key, "edits");
    redis_command(gw->e->redis, NULL, NULL, 3, (const char *[]){"HDEL", buf_cstr(&key), field},
                  NULL);
    buf_free(&key);
}

/* What was refused, or has no answer, stays noted. */
static void staff_edited(void *ud, const struct redisReply *reply)
{
    struct staff_edit *s = ud;
    settings_edited(s->gw->e->opts.settings, reply);
    if (reply && reply->type != REDIS_REPLY_ERROR)
        staff_settle(s->gw, s->field);
    free(s->field);
    free(s);
}

/* {"who","what","why","edits":[[key,field,value or null],...]} in one step. */
static void staff_make(struct gw *gw, const char *field, const cJSON *o)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(o, "edits"), *one;
    const char *said[3], *const names[] = {"who", "what", "why"};
    int n = 0;
    for (int i = 0; i < 3; i++) {
        said[i] = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, names[i]));
        said[i] = said[i] ? said[i] : "";
    }
    struct settings_edit *edits = mem_alloc(((size_t)cJSON_GetArraySize(list) + 1) * sizeof *edits);
    cJSON_ArrayForEach (one, list) {
        struct settings_edit *e = &edits[n];
        e->key = cJSON_GetStringValue(cJSON_GetArrayItem(one, 0));
        e->field = cJSON_GetStringValue(cJSON_GetArrayItem(one, 1));
        e->value = cJSON_GetStringValue(cJSON_GetArrayItem(one, 2));
        n += e->key && e->field;
    }
    struct buf cmd = {0};
    struct staff_edit *s = MEM_NEW(struct staff_edit);
    *s = (struct staff_edit){gw, mem_strdup(field)};
    settings_edit_command(&cmd, said[0], said[1], said[2], clock_wall(gw->e->clock), edits, n);
    if (!redis_send(gw->e->redis, buf_cstr(&cmd), cmd.len, staff_edited, s))
        staff_edited(s, NULL);
    buf_free(&cmd);
    free(edits);
}

/* Their name in `edits`: they are made in this order. */
static void staff_field(const struct turn *t, int first, struct buf *out)
{
    buf_addf(out, "%013lld-%016llx-%04d", (long long)t->now_ms, (unsigned long long)t->hash, first);
    buf_cstr(out);
}

static void staff_json(const struct turn *t, struct turn_after *const *list, int n, struct buf *out)
{
    struct buf who = {0}, why = {0};
    buf_addf(&who, "%s:%s", t->gw->name, list[0]->by);
    buf_addf(&why, "command in %s", t->chat->key);
    buf_adds(out, "{\"who\":");
    buf_add_json(out, who.data, who.len);
    buf_addf(out, ",\"what\":\"%s\",\"why\":", staff_what(list[0]));
    buf_add_json(out, why.data, why.len);
    buf_adds(out, ",\"edits\":[");
    for (int i = 0; i < n; i++) {
        char *key = staff_key(t, list[i]);
        buf_adds(out, i ? ",[" : "[");
        buf_add_json(out, key, strlen(key));
        buf_addc(out, ',');
        buf_add_json(out, list[i]->what, strlen(list[i]->what));
        buf_addc(out, ',');
        if (list[i]->value)
            buf_add_json(out, list[i]->value, strlen(list[i]->value));
        else
            buf_adds(out, "null");
        buf_addc(out, ']');
        free(key);
    }
    buf_adds(out, "]}");
    buf_cstr(out);
    buf_free(&who);
    buf_free(&why);
}

/* Edits of one kind by one person join the commit. */
static void staff_note(struct turn *t, struct turn_after *const *list, int n, int first)
{
    struct buf key = {0}, field = {0}, json = {0};
    gw_key(t->gw, &key, "edits");
    staff_field(t, first, &field);
    staff_json(t, list, n, &json);
    turn_write(t, 4, (const char *[]){"HSET", buf_cstr(&key), field.data, json.data}, NULL);
    buf_free(&key);
    buf_free(&field);
    buf_free(&json);
}

/* They are written, in one step. */
static void staff_write(struct turn *t, struct turn_after *const *list, int n, int first)
{
    struct buf field = {0}, json = {0};
    staff_field(t, first, &field);
    staff_json(t, list, n, &json);
    cJSON *o = cJSON_Parse(json.data);
    staff_make(t->gw, field.data, o);
    cJSON_Delete(o);
    for (int i = 0; i < n; i++)
        if (!list[i]->value && list[i]->kind == AFTER_PAUSE)
            staff_wake_failing(t->gw, list[i]->chat, list[i]->what);
    buf_free(&field);
    buf_free(&json);
}

static bool staff_alike(const struct turn_after *a, const struct turn_after *b)
{
    return staff_what(a) == staff_what(b) && strcmp(a->by, b->by) == 0;
}

static void staff_each(struct turn *t,
                       void (*fn)(struct turn *t, struct turn_after *const *list, int n, int first))
{
    int n = 0, first = 0;
    for (const struct turn_after *a = t->after; a; a = a->next)
        n += a->kind == AFTER_TOGGLE || a->kind == AFTER_PAUSE;
    if (!n)
        return;
    struct turn_after **list = mem_alloc((size_t)n * sizeof(struct turn_after *));
    int at = n;
    for (struct turn_after *a = t->after; a; a = a->next) /* newest first */
        if (a->kind == AFTER_TOGGLE || a->kind == AFTER_PAUSE)
            list[--at] = a;
    for (int i = 1; i <= n; i++) {
        if (i < n && staff_alike(list[first], list[i]))
            continue;
        fn(t, list + first, i - first, first);
        first = i;
    }
    free(list);
}

void turn_note_settings(struct turn *t)
{
    staff_each(t, staff_note);
}

void turn_apply_settings(struct turn *t)
{
    staff_each(t, staff_write);
}

/* ---- making up for them ---- */

static int staff_order(const void *a, const void *b)
{
    const struct redisReply *const *x = a, *const *y = b;
    return strcmp((*x)->str, (*y)->str);
}

static void staff_make_up(struct gw *gw, const char *field, const char *json)
{
    int64_t age = clock_wall(gw->e->clock) - strtoll(field, NULL, 10);
    cJSON *o = cJSON_Parse(json);
    if (!o || age > STAFF_LATE_MS) {
        log_warn("a switch that staff turned was lost, and comes too late now", "gateway", gw->name,
                 "edit", json, NULL);
        staff_settle(gw, field);
    } else {
        log_info("a switch that staff turned is turned now: it was not before", "gateway", gw->name,
                 "edit", json, NULL);
        staff_make(gw, field, o);
    }
    cJSON_Delete(o);
}

static void staff_owed(void *ud, const struct redisReply *r)
{
    struct gw *gw = ud;
    if (!r || r->type != REDIS_REPLY_ARRAY || !r->elements || !gw->owner)
        return;
    size_t n = r->elements / 2;
    struct redisReply **pairs = mem_alloc(n * 2 * sizeof(struct redisReply *));
    memcpy(pairs, r->element, n * 2 * sizeof(struct redisReply *));
    qsort(pairs, n, 2 * sizeof *pairs, staff_order);
    for (size_t i = 0; i < n; i++)
        staff_make_up(gw, pairs[i * 2]->str, pairs[i * 2 + 1]->str);
    free(pairs);
}

void settings_owed(struct gw *gw)
{
    struct buf key = {0};
    gw_key(gw, &key, "edits");
    redis_command(gw->e->redis, staff_owed, gw, 2, (const char *[]){"HGETALL", buf_cstr(&key)},
                  NULL);
    buf_free(&key);
}
