/* router.c -- which handlers an input reaches: the playbooks that serve a chat, their flows' parameters with the admins'
 * overrides, and the words of their commands. Chats that are served alike share one `struct routes`; a chat with overrides
 * of its own gets its own. Rebuilt lazily when playbooks or settings change. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "base/utf8.h"
#include "engine/internal.h"
#include "engine/routes.h"

static struct routes_entry {
    char *key;
    struct routes *routes;
    UT_hash_handle hh;
} * routes_cache;

void routes_release(struct routes *r)
{
    if (!r || --r->refs > 0)
        return;
    for (int i = 0; i < r->nbindings; i++)
        binding_release(r->bindings[i]);
    for (int i = 0; i < r->ncommands; i++)
        free(r->commands[i].word);
    free(r->tags);
    free(r->bindings);
    free(r->commands);
    free(r->ons);
    free(r->ats);
    free(r);
}

struct routes *routes_retain(struct routes *r)
{
    r->refs++;
    return r;
}

void routes_clear_cache(struct engine *e)
{
    (void)e;
    struct routes_entry *en, *tmp;
    HASH_ITER (hh, routes_cache, en, tmp) {
        HASH_DEL(routes_cache, en);
        routes_release(en->routes);
        free(en->key);
        free(en);
    }
}

/* ---- building ---- */

/* Takes the settings' override of each parameter over the playbook's value. */
struct override {
    cJSON *params;
    const struct flow *flow;
    const char *gw, *chat;
};

static void routes_override(void *ud, const struct settings_value *value)
{
    struct override *o = ud;
    const char *flow = flow_info(o->flow)->name, *param = value->field + strlen(flow) + 1;
    if (strncmp(value->field, flow, strlen(flow)) != 0 || param[-1] != '.' || !*param)
        return;
    struct buf err = {0};
    cJSON *v = param_parse(o->flow, param, value->value, &err);
    if (v)
        cJSON_ReplaceItemInObjectCaseSensitive(o->params, param, v);
    else
        log_warn("parameter in redis ignored", "flow", flow_info(o->flow)->name, "param", param,
                 "gateway", o->gw, "chat", o->chat, "problem", buf_cstr(&err), NULL);
    buf_free(&err);
}

static void routes_add_word(struct routes *r, const char *word, struct binding *b,
                            const struct handler *h)
{
    struct buf folded = {0};
    utf8_fold(&folded, word, strlen(word));
    if (!folded.len) {
        buf_free(&folded);
        return;
    }
    r->commands = mem_realloc(r->commands, (size_t)(r->ncommands + 1) * sizeof *r->commands);
    struct routes_command *c = &r->commands[r->ncommands++];
    c->len = folded.len;
    c->word = buf_take(&folded);
    c->binding = b;
    c->handler = h;
}

static void routes_add_command(struct routes *r, struct binding *b, const struct handler *h)
{
    if (!h->from_param) {
        for (int i = 0; i < h->nwords; i++)
            routes_add_word(r, h->words[i], b, h);
        return;
    }
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(b->params, h->name), *item;
    if (cJSON_IsString(v))
        routes_add_word(r, v->valuestring, b, h);
    cJSON_ArrayForEach (item, v)
        if (cJSON_IsString(item))
            routes_add_word(r, item->valuestring, b, h);
}

static void routes_add_at(struct routes *r, struct binding *b, const struct handler *h)
{
    const char *text = h->nwords ? h->words[0] : NULL;
    if (h->from_param)
        text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(b->params, h->name));
    int64_t clock_ms;
    if (!text || !time_parse_clock(text, &clock_ms))
        return; /* an empty clock switches the schedule off */
    r->ats = mem_realloc(r->ats, (size_t)(r->nats + 1) * sizeof *r->ats);
    r->ats[r->nats++] = (struct routes_at){b, h, clock_ms};
}

/* In its own staff chat a playbook only answers commands: staff are no audience for greetings and games. */
static void routes_add_binding(struct routes *r, struct binding *b, bool commands_only)
{
    r->bindings = mem_realloc(r->bindings, (size_t)(r->nbindings + 1) * sizeof *r->bindings);
    r->bindings[r->nbindings++] = b;
    const struct flow_info *info = flow_info(b->flow);
    for (int i = 0; i < info->nhandlers; i++) {
        const struct handler *h = &info->handlers[i];
        if (h->kind == HANDLER_COMMAND) {
            routes_add_command(r, b, h);
        } else if (commands_only) {
            continue;
        } else if (h->kind == HANDLER_AT) {
            routes_add_at(r, b, h);
        } else if (h->kind == HANDLER_ON) {
            r->ons = mem_realloc(r->ons, (size_t)(r->nons + 1) * sizeof *r->ons);
            r->ons[r->nons++] = (struct routes_on){b, h};
        }
    }
}

/* Longest word first; equal lengths keep the playbook's order. */
static void routes_sort(struct routes *r)
{
    for (int i = 1; i < r->ncommands; i++) {
        struct routes_command c = r->commands[i];
        int j = i;
        for (; j > 0 && r->commands[j - 1].len < c.len; j--)
            r->commands[j] = r->commands[j - 1];
        r->commands[j] = c;
    }
}

enum { ROUTES_BOOKS = 64, ROUTES_COMMAND_MAX = 1024 };

/* A playbook that serves the chat, and how narrowly. */
struct routes_pick {
    const struct playbook *book;
    int kind;
};

static int routes_pick_books(struct gw *gw, const char *chat, const char *name, const char *tags,
                             struct routes_pick *out)
{
    const struct book *book = gw->e->book;
    int n = 0;
    for (int i = 0; book && i < book->nbooks && n < ROUTES_BOOKS; i++) {
        int kind = playbook_matches(book->books[i], gw->name, chat, name, tags);
        if (kind < 0)
            continue;
        int j = n++;
        for (; j > 0 && out[j - 1].kind < kind; j--)
            out[j] = out[j - 1];
        out[j] = (struct routes_pick){book->books[i], kind};
    }
    return n;
}

static bool routes_has_flow(const struct routes *r, const char *flow)
{
    for (int i = 0; i < r->nbindings; i++)
        if (strcmp(flow_info(r->bindings[i]->flow)->name, flow) == 0)
            return true;
    return false;
}

static struct routes *routes_build(struct gw *gw, const char *chat, const char *tags,
                                   const struct routes_pick *picks, int npicks)
{
    struct routes *r = MEM_NEW(struct routes);
    r->refs = 1;
    r->tags = mem_strdup(tags);
    struct settings_place at = {gw->name, chat, r->tags};
    for (int i = 0; i < npicks; i++) {
        const struct playbook *p = picks[i].book;
        bool staff = picks[i].kind != SELECT_CHAT && playbook_staff_chat_is(p, gw->name, chat);
        for (int f = 0; f < p->nflows; f++) {
            struct flow *flow = p->flows[f].flow;
            if (routes_has_flow(r, flow_info(flow)->name))
                continue; /* a narrower playbook already runs it here */
            cJSON *params = cJSON_Duplicate(p->flows[f].params, 1);
            struct override o = {params, flow, gw->name, chat};
            if (gw->e->opts.settings)
                settings_each(gw->e->opts.settings, SETTINGS_PARAMS, &at, NULL, routes_override,
                              &o);
            routes_add_binding(r, binding_new(gw->e->book, p, flow, params), staff);
        }
    }
    routes_sort(r);
    return r;
}

static bool routes_in_staff_chat(struct gw *gw, const char *chat, const struct routes_pick *picks,
                                 int n)
{
    for (int i = 0; i < n; i++)
        if (playbook_staff_chat_is(picks[i].book, gw->name, chat))
            return true;
    return false;
}

struct routes *routes_lookup(struct gw *gw, const char *chat, const char *name)
{
    struct routes_pick picks[ROUTES_BOOKS];
    const char *tags = tags_of(gw, chat, name);
    int n = routes_pick_books(gw, chat, name, tags, picks);
    const struct settings *s = gw->e->opts.settings;
    struct buf key = {0};
    buf_addf(&key, "%s|", gw->name);
    if ((s && settings_is_special(s, gw->name, chat)) || routes_in_staff_chat(gw, chat, picks, n))
        buf_adds(&key, chat);
    buf_addf(&key, "|%s|", tags);
    for (int i = 0; i < n; i++)
        buf_addf(&key, "%s,", picks[i].book->name);
    struct routes_entry *en;
    HASH_FIND(hh, routes_cache, buf_cstr(&key), key.len, en);
    if (en) {
        buf_free(&key);
        return en->routes;
    }
    en = MEM_NEW(struct routes_entry);
    en->routes = routes_build(gw, chat, tags, picks, n);
    size_t len = key.len;
    en->key = buf_take(&key);
    HASH_ADD_KEYPTR(hh, routes_cache, en->key, len, en);
    return en->routes;
}

bool routes_lookup_any(struct gw *gw, const char *chat, const char *name)
{
    return routes_lookup(gw, chat, name)->nbindings > 0;
}

struct routes *routes_of(struct chat *c)
{
    struct engine *e = c->gw->e;
    if (c->routes && c->routes_generation == e->generation)
        return c->routes;
    struct routes *r = routes_lookup(c->gw, c->key, c->name);
    r->refs++;
    routes_release(c->routes);
    c->routes = r;
    c->routes_generation = e->generation;
    return r;
}

/* ---- matching ---- */

static void routes_append(struct route ***tail, struct binding *b, const struct handler *h,
                          const char *word, size_t len)
{
    struct route *r = MEM_NEW(struct route);
    r->binding = b;
    r->handler = h;
    r->word = word;
    r->word_len = len;
    **tail = r;
    *tail = &r->next;
}

static bool routes_set_off(const char *s)
{
    static const char *const marks[] = {
        "\xEF\xBC\x8C", "\xE3\x80\x82", "\xEF\xBC\x9A",
        "\xE3\x80\x81"}; /* , . : and enumeration comma, full-width */
    if (*s == ' ' || *s == '\n' || *s == '@' || (*s >= '0' && *s <= '9') || strchr(",.:;!?+-", *s))
        return true;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (strncmp(s, marks[i], strlen(marks[i])) == 0)
            return true;
    return false;
}

bool routes_says_word(const char *word, size_t word_len, const char *text, size_t len,
                      enum routes_rest rest)
{
    if (len < word_len || memcmp(text, word, word_len) != 0)
        return false;
    return len == word_len || rest == REST_GLUED ||
           (rest == REST_SET_OFF && routes_set_off(text + word_len));
}

/* Does the folded text say this command? What follows a word must be set off from it, unless the handler takes it glued. */
static bool routes_says(const struct routes_command *c, const char *text, size_t len)
{
    const struct handler *h = c->handler;
    enum routes_rest rest = h->glued ? REST_GLUED : h->args ? REST_SET_OFF : REST_NONE;
    return routes_says_word(c->word, c->len, text, len, rest);
}

/* Closing punctuation says nothing: "..!" and full-width forms (those that folding leaves: the ideographic full stop). */
static size_t routes_trim_end(const char *s, size_t len)
{
    for (;;) {
        if (len && strchr("!.~ ", s[len - 1]))
            len--;
        else if (len >= 3 && memcmp(s + len - 3, "\xE3\x80\x82", 3) == 0)
            len -= 3;
        else
            return len;
    }
}

void routes_command_text(const struct event *ev, struct buf *out, bool lower)
{
    static struct buf plain;
    buf_reset(&plain);
    for (int i = 0; i < ev->nsegments; i++) {
        const struct segment *s = &ev->segments[i];
        if (s->type == SEGMENT_CARD || s->type == SEGMENT_FORWARD)
            return;
        if (s->type == SEGMENT_TEXT)
            buf_adds(&plain, s->text);
        else if (s->type == SEGMENT_AT)
            buf_addc(&plain, ' ');
    }
    if (!ev->nsegments)
        buf_adds(&plain, ev->text);
    if (lower)
        utf8_fold(out, plain.data ? plain.data : "", plain.len);
    else
        utf8_fold_keep(out, plain.data ? plain.data : "", plain.len);
    if (out->len)
        out->len = routes_trim_end(out->data, out->len);
}

size_t routes_strip(const char *text, size_t len)
{
    size_t skip = len && strchr("/#!", text[0]) ? 1 : 0;
    while (skip && skip < len && text[skip] == ' ')
        skip++;
    return skip;
}

const char *routes_command_rest(const struct event *ev, size_t word_len, struct buf *text)
{
    buf_reset(text);
    routes_command_text(ev, text, false);
    size_t skip = routes_strip(text->data, text->len) + word_len;
    const char *rest = buf_cstr(text) + (skip < text->len ? skip : text->len);
    while (*rest == ' ' || *rest == '\n')
        rest++;
    return rest;
}

static bool routes_has_image(const struct event *ev)
{
    for (int i = 0; i < ev->nsegments; i++)
        if (ev->segments[i].type == SEGMENT_IMAGE)
            return true;
    return false;
}

static bool routes_allowed_here(const struct handler *h, const struct event *ev)
{
    if (h->image && !routes_has_image(ev))
        return false;
    return ev->private_chat ? h->in_private : h->in_group;
}

static void routes_match_event(struct chat *c, const struct event *ev, struct route ***tail)
{
    const struct routes *r = routes_of(c);
    if (ev->type == EVENT_MESSAGE && r->ncommands && strlen(ev->text) <= ROUTES_COMMAND_MAX) {
        static struct buf folded;
        buf_reset(&folded);
        routes_command_text(ev, &folded, true);
        buf_cstr(&folded);
        size_t skip = routes_strip(folded.data, folded.len);
        for (int i = 0; i < r->ncommands; i++) {
            const struct routes_command *cmd = &r->commands[i];
            if (routes_allowed_here(cmd->handler, ev) &&
                routes_says(cmd, folded.data + skip, folded.len - skip))
                routes_append(tail, cmd->binding, cmd->handler, cmd->word, cmd->len);
        }
    }
    for (int i = 0; i < r->nons; i++)
        if (r->ons[i].handler->event == ev->type && routes_allowed_here(r->ons[i].handler, ev))
            routes_append(tail, r->ons[i].binding, r->ons[i].handler, "", 0);
}

struct route *routes_match(struct chat *c, const struct input *in)
{
    struct route *list = NULL, **tail = &list;
    if (in->kind == INPUT_EVENT) {
        routes_match_event(c, in->event, &tail);
        return waits_match(c, in->event, list);
    }
    if (in->kind == INPUT_RUN) {
        list = MEM_NEW(struct route);
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

static void routes_raise(enum role *role, const struct staff *list, int n, const char *who)
{
    for (int i = 0; i < n; i++)
        if (strcmp(list[i].user, who) == 0 && list[i].role > *role)
            *role = list[i].role;
}

struct settings_place routes_place(struct chat *c)
{
    return (struct settings_place){c->gw->name, c->key, routes_of(c)->tags};
}

static void routes_raise_by(void *ud, const struct settings_value *v)
{
    enum role *role = ud;
    int given = role_parse(v->value);
    if (given > (int)*role)
        *role = (enum role)given;
}

enum role routes_role(struct chat *c, const struct binding *b, const char *user,
                      const char *platform_role)
{
    enum role role = ROLE_MEMBER;
    if (!*user)
        return role;
    char who[192];
    snprintf(who, sizeof who, "%s:%s", c->gw->name, user);
    routes_raise(&role, b->book->staff, b->book->nstaff, who);
    routes_raise(&role, b->playbook->staff, b->playbook->nstaff, who);
    if (b->playbook->keepers && role < ROLE_KEEPER &&
        (strcmp(platform_role, "owner") == 0 || strcmp(platform_role, "admin") == 0))
        role = ROLE_KEEPER;
    if (c->gw->e->opts.settings) {
        struct settings_place at = routes_place(c);
        settings_each(c->gw->e->opts.settings, SETTINGS_STAFF, &at, who, routes_raise_by, &role);
    }
    return role;
}

void routes_free_list(struct route *list)
{
    while (list) {
        struct route *next = list->next;
        free(list);
        list = next;
    }
}

struct binding *routes_binding(struct chat *c, const char *flow)
{
    const struct routes *r = routes_of(c);
    for (int i = 0; i < r->nbindings; i++)
        if (strcmp(flow_info(r->bindings[i]->flow)->name, flow) == 0)
            return r->bindings[i];
    return NULL;
}

struct binding *routes_binding_in(struct gw *gw, const char *chat, const char *flow)
{
    const struct routes *r = routes_lookup(gw, chat, known_name(gw, chat));
    for (int i = 0; i < r->nbindings; i++)
        if (strcmp(flow_info(r->bindings[i]->flow)->name, flow) == 0)
            return r->bindings[i];
    return NULL;
}

void routes_each(struct chat *c, void (*fn)(void *ud, struct binding *b), void *ud)
{
    const struct routes *r = routes_of(c);
    for (int i = 0; i < r->nbindings; i++)
        fn(ud, r->bindings[i]);
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
        why->word = "failing";
        return false;
    }
    if (!e->opts.settings)
        return true;
    struct settings_place at = routes_place(c);
    if (settings_paused(e->opts.settings, &at, flow, clock_wall(e->clock), &why->value)) {
        why->word = "paused";
        return false;
    }
    enum toggle t = settings_toggle(e->opts.settings, &at, flow, &why->value);
    if (t != TOGGLE_UNSET)
        why->word = "toggle";
    return t != TOGGLE_OFF;
}
