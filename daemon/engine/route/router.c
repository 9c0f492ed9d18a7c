/* router.c -- which handlers an input reaches, and whether a flow is on. What runs in a chat is found by routes_build.c. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "engine/internal.h"
#include "engine/route/routes.h"

/* ---- routes ---- */

/* Every message takes some and leaves them again, so they are kept; not where the sanitizer is to see who uses one too long. */
#ifdef __SANITIZE_ADDRESS__
enum { ROUTES_SPARE = 0 };
#elif defined(__has_feature)
enum { ROUTES_SPARE = __has_feature(address_sanitizer) ? 0 : 64 };
#else
enum { ROUTES_SPARE = 64 };
#endif
static struct route *routes_spare;
static int routes_nspare;

struct route *routes_new(void)
{
    struct route *r = routes_spare;
    if (!r)
        return MEM_NEW(struct route);
    routes_spare = r->next;
    routes_nspare--;
    *r = (struct route){0};
    return r;
}

void routes_free(struct route *r)
{
    if (routes_nspare >= ROUTES_SPARE) {
        free(r);
        return;
    }
    r->next = routes_spare;
    routes_spare = r;
    routes_nspare++;
}

void routes_free_list(struct route *list)
{
    while (list) {
        struct route *next = list->next;
        routes_free(list);
        list = next;
    }
}

/* ---- matching ---- */

static void routes_append(struct route ***tail, struct binding *b, const struct handler *h,
                          const char *word, size_t len)
{
    struct route *r = routes_new();
    r->binding = b;
    r->handler = h;
    r->word = word;
    r->word_len = len;
    **tail = r;
    *tail = &r->next;
}

/* Does the folded text say this command? What follows a word must be set off from it, unless the handler takes it glued. */
static bool routes_says(const struct routes_command *c, const char *text, size_t len)
{
    const struct handler *h = c->handler;
    if (len < c->len || text[c->len - 1] != c->word[c->len - 1])
        return false; /* one byte tells nearly all words apart */
    enum routes_rest rest = h->glued ? REST_GLUED : h->args ? REST_SET_OFF : REST_NONE;
    return routes_says_word(c->word, c->len, text, len, rest);
}

static bool routes_has_image(const struct event *ev)
{
    for (int i = 0; i < ev->nsegments; i++)
        if (ev->segments[i].type == SEGMENT_IMAGE)
            return true;
    return false;
}

static bool routes_button_is(const struct handler *h, const char *value)
{
    for (int i = 0; i < h->nwords; i++) {
        size_t n = strlen(h->words[i]);
        bool begins = n && h->words[i][n - 1] == '*';
        if (begins ? strncmp(value, h->words[i], n - 1) == 0 : strcmp(value, h->words[i]) == 0)
            return true;
    }
    return false;
}

static bool routes_allowed_here(const struct routes *r, const struct handler *h,
                                const struct event *ev)
{
    if (h->remote)
        return ev->private_chat || r->staff;
    if (*h->role && !h->in_private && r->staff)
        return false; /* it is about a group, and there it goes by its remote handler */
    if (*ev->via && !*h->role)
        return false;
    if (h->image && !routes_has_image(ev))
        return false;
    if (h->nwords && ev->type == EVENT_BUTTON && !routes_button_is(h, ev->text))
        return false;
    return ev->private_chat ? h->in_private : h->in_group;
}

static void routes_match_event(struct chat *c, const struct event *ev, struct route ***tail)
{
    const struct routes *r = routes_of(c);
    if (ev->type == EVENT_MESSAGE && r->ncommands) {
        static struct buf folded;
        buf_reset(&folded);
        routes_command_text(ev, &folded, true);
        buf_cstr(&folded);
        size_t skip = routes_strip(folded.data, folded.len);
        int n;
        const struct routes_command *cmd =
            routes_commands_like(r, folded.data + skip, folded.len - skip, &n);
        for (; n > 0; n--, cmd++) {
            if (routes_says(cmd, folded.data + skip, folded.len - skip) &&
                routes_allowed_here(r, cmd->handler, ev))
                routes_append(tail, cmd->binding, cmd->handler, cmd->word, cmd->len);
        }
    }
    if (*ev->via)
        return;
    bool group = !ev->private_chat;
    const struct routes_on *on = r->ons + r->ons_from[ev->type],
                           *end = r->ons + r->ons_from[ev->type + 1];
    for (; on < end; on++)
        if ((on->plain && group) || routes_allowed_here(r, on->handler, ev))
            routes_append(tail, on->binding, on->handler, "", 0);
}

struct route *routes_match(struct chat *c, const struct input *in)
{
    struct route *list = NULL, **tail = &list;
    if (in->command && in->command->op != COMMAND_ORDER)
        return command_routes(c, in->command);
    if (in->kind == INPUT_EVENT) {
        routes_match_event(c, in->event, &tail);
        return *in->event->via ? list : waits_match(c, in->event, list);
    }
    if (in->kind == INPUT_RUN) {
        list = routes_new();
        list->kind = in->why == RUN_CANCEL ? ROUTE_END : ROUTE_WAKE;
        snprintf(list->run, sizeof list->run, "%s", in->name);
        return list;
    }
    struct binding *b = routes_binding(c, in->flow);
    if (!b)
        return NULL;
    const struct flow_info *info = flow_info(b->flow);
    for (int i = 0; i < info->nhandlers; i++) {
        const struct handler *h = &info->handlers[i];
        if (in->kind == INPUT_TIMER ? h->kind == HANDLER_TIMER && strcmp(h->name, in->name) == 0
                                    : h->kind == HANDLER_AT && strcmp(h->id, in->key) == 0)
            routes_append(&tail, b, h, "", 0);
    }
    return list;
}

struct settings_place routes_place(struct chat *c)
{
    return (struct settings_place){c->gw->name, c->key, routes_of(c)->tags,
                                   c->home ? home_of(c->gw, c->key) : NULL};
}

struct binding *routes_binding(struct chat *c, const char *flow)
{
    return routes_named(routes_of(c), flow);
}

struct binding *routes_binding_in(struct gw *gw, const char *chat, const char *flow)
{
    return routes_named(routes_lookup(gw, chat, known_name(gw, chat)), flow);
}

void routes_each(struct chat *c, void (*fn)(void *ud, struct binding *b), void *ud)
{
    const struct routes *r = routes_of(c);
    for (int i = 0; i < r->nbindings; i++)
        fn(ud, r->bindings[i]);
}

/* A pause of everything leaves members their opting out, unless it is the kill switch. */
static bool routes_paused(const struct engine *e, const struct settings_place *at, const char *flow,
                          struct settings_value *why)
{
    const struct settings *s = e->opts.settings;
    int64_t now = clock_wall(e->clock);
    if (!settings_paused(s, at, flow, now, why))
        return false;
    if (strcmp(flow, "common") != 0 || strcmp(why->field, "*") != 0)
        return true;
    return settings_paused(s, &(struct settings_place){"", NULL, NULL, NULL}, flow, now, why);
}

bool routes_off_at(const struct engine *e, const struct settings_place *at, const struct binding *b)
{
    struct settings_value why;
    const char *flow = flow_info(b->flow)->name;
    enum toggle t = TOGGLE_UNSET;
    if (strcmp(flow, "switch") == 0)
        return false;
    if (e->opts.settings)
        t = settings_toggle(e->opts.settings, at, flow, &why);
    return t == TOGGLE_UNSET ? b->off : t == TOGGLE_OFF;
}

bool routes_flow_on(struct chat *c, const struct binding *b, struct flow_why *why)
{
    const struct engine *e = c->gw->e;
    const char *flow = flow_info(b->flow)->name;
    struct flow_why unused;
    why = why ? why : &unused;
    *why = (struct flow_why){.word = "playbook"};
    if (strcmp(flow, "switch") == 0)
        return true; /* what switches flows on must not be switched off */
    if (chat_flow_paused(c, flow)) {
        why->word = chat_pause_why(c, flow);
        return false;
    }
    if (!e->opts.settings)
        return !b->off;
    struct settings_place at = routes_place(c);
    if (routes_paused(e, &at, flow, &why->value)) {
        why->word = "paused";
        return false;
    }
    enum toggle t = settings_toggle(e->opts.settings, &at, flow, &why->value);
    if (t == TOGGLE_UNSET)
        return !b->off;
    why->word = "toggle";
    return t == TOGGLE_ON;
}
