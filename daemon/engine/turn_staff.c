/* turn_staff.c -- the switches of a chat as staff see and turn them (turn.h): which flows run and why not, pauses, and the writing
 * of toggles and pauses after the commit. */
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/routes.h"
#include "store/settings_value.h"

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
    struct turn_flow f = {.name = info->name, .title = info->title};
    f.on = routes_flow_on(l->chat, b, &why);
    f.why = why.word;
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
    struct settings_place at = {t->gw->name, chat, NULL};
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

/* Writes edits of one kind by one person, in one step. */
static void staff_write(struct turn *t, struct turn_after *const *list, int n)
{
    struct settings_edit *edits = mem_alloc((size_t)n * sizeof *edits);
    struct buf who = {0}, why = {0}, cmd = {0};
    buf_addf(&who, "%s:%s", t->gw->name, list[0]->by);
    buf_addf(&why, "command in %s", t->chat->key);
    for (int i = 0; i < n; i++)
        edits[i] = (struct settings_edit){staff_key(t, list[i]), list[i]->what, list[i]->value};
    settings_edit_command(&cmd, buf_cstr(&who), staff_what(list[0]), buf_cstr(&why),
                          clock_wall(t->e->clock), edits, n);
    redis_send(t->e->redis, buf_cstr(&cmd), cmd.len, settings_edited, t->e->opts.settings);
    for (int i = 0; i < n; i++) {
        if (!list[i]->value && list[i]->kind == AFTER_PAUSE)
            staff_wake_failing(t->gw, list[i]->chat, list[i]->what);
        free((char *)edits[i].key);
    }
    free(edits);
    buf_free(&who);
    buf_free(&why);
    buf_free(&cmd);
}

static bool staff_alike(const struct turn_after *a, const struct turn_after *b)
{
    return staff_what(a) == staff_what(b) && strcmp(a->by, b->by) == 0;
}

/* Toggles and pauses live under global keys, outside the gateway's hash slot: they follow the commit. */
void turn_apply_settings(struct turn *t)
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
        staff_write(t, list + first, i - first);
        first = i;
    }
    free(list);
}
