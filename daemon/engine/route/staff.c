/* staff.c -- who may do what: the role of a user in a chat (configuration, playbooks, Redis), who has one, and the groups in which
 * somebody has one. Owns nothing. Callers: turn_run.c, waits.c, the Lua API (turn.h). */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/route/routes.h"
#include "engine/route/values.h"
#include "store/settings_value.h"

enum { STAFF_WHO = 192 };

static void staff_raise(enum role *role, const struct staff *list, int n, const char *who)
{
    for (int i = 0; i < n; i++)
        if (strcmp(list[i].user, who) == 0 && list[i].role > *role)
            *role = list[i].role;
}

static void staff_raise_by(void *ud, const struct settings_value *v)
{
    enum role *role = ud;
    int given = role_parse(v->value);
    if (given > (int)*role)
        *role = (enum role)given;
}

/* The role in a place, by a binding of it. */
static enum role staff_role(struct gw *gw, const struct settings_place *at, const struct binding *b,
                            const char *user, const char *platform_role)
{
    enum role role = ROLE_MEMBER;
    if (!*user)
        return role;
    char who[STAFF_WHO];
    snprintf(who, sizeof who, "%s:%s", gw->name, user);
    staff_raise(&role, b->book->staff, b->book->nstaff, who);
    staff_raise(&role, b->playbook->staff, b->playbook->nstaff, who);
    if (b->playbook->keepers && role < ROLE_KEEPER &&
        (strcmp(platform_role, "owner") == 0 || strcmp(platform_role, "admin") == 0))
        role = ROLE_KEEPER;
    if (gw->e->opts.settings)
        settings_each(gw->e->opts.settings, SETTINGS_STAFF, at, who, staff_raise_by, &role);
    return role;
}

enum role routes_role(struct chat *c, const struct binding *b, const char *user,
                      const char *platform_role)
{
    struct settings_place at = routes_place(c);
    return staff_role(c->gw, &at, b, user, platform_role);
}

/* ---- anywhere ---- */

/* Somebody who has a role in some group, the highest. */
struct staff_known {
    char *who;
    enum role role;
    UT_hash_handle hh;
};

static void staff_know(struct engine *e, const char *who, int role)
{
    struct staff_known *k;
    if (role <= ROLE_MEMBER)
        return;
    HASH_FIND_STR(e->staff, who, k);
    if (!k) {
        k = MEM_NEW(struct staff_known);
        k->who = mem_strdup(who);
        HASH_ADD_KEYPTR(hh, e->staff, k->who, strlen(k->who), k);
    }
    if (role > (int)k->role)
        k->role = (enum role)role;
}

static void staff_know_list(struct engine *e, const struct staff *list, int n)
{
    for (int i = 0; i < n; i++)
        staff_know(e, list[i].user, list[i].role);
}

static void staff_know_value(void *ud, const struct settings_value *v)
{
    staff_know(ud, v->field, role_parse(v->value));
}

void staff_free(struct engine *e)
{
    struct staff_known *k, *next;
    HASH_ITER (hh, e->staff, k, next) {
        HASH_DEL(e->staff, k);
        free(k->who);
        free(k);
    }
}

static void staff_learn(struct engine *e)
{
    staff_free(e);
    staff_know_list(e, e->book->staff, e->book->nstaff);
    for (int i = 0; i < e->book->nbooks; i++) {
        const struct playbook *p = e->book->books[i];
        staff_know_list(e, p->staff, p->nstaff);
        for (int o = 0; o < p->noverlays; o++)
            if (p->overlays[o].head)
                staff_know_list(e, p->overlays[o].head->staff, p->overlays[o].head->nstaff);
    }
    if (e->opts.settings)
        settings_everywhere(e->opts.settings, SETTINGS_STAFF, NULL, staff_know_value, e);
}

/* The highest role that a user has anywhere on the gateway. Every private message asks for it: playbooks and Redis are looked through
 * only when they have changed. */
static enum role staff_role_somewhere(struct gw *gw, const char *user)
{
    struct engine *e = gw->e;
    uint64_t now = (uint64_t)e->book->id << 40;
    now += e->opts.settings ? settings_routes_generation(e->opts.settings) : 0;
    if (now != e->staff_generation) {
        staff_learn(e);
        e->staff_generation = now;
    }
    char who[STAFF_WHO];
    struct staff_known *k;
    snprintf(who, sizeof who, "%s:%s", gw->name, user);
    HASH_FIND_STR(e->staff, who, k);
    return k ? k->role : ROLE_MEMBER;
}

bool turn_role_everywhere(const struct turn *t, const char *user, enum role least)
{
    enum role role = ROLE_MEMBER;
    const struct book *book = turn_binding(t)->book;
    char who[STAFF_WHO];
    snprintf(who, sizeof who, "%s:%s", t->gw->name, user);
    staff_raise(&role, book->staff, book->nstaff, who);
    struct settings_place at = {t->gw->name, NULL, NULL, NULL};
    if (t->e->opts.settings)
        settings_each(t->e->opts.settings, SETTINGS_STAFF, &at, who, staff_raise_by, &role);
    return role >= least;
}

/* The least role for a handler, as the parameters of its flow have it there. */
static enum role staff_least(const struct binding *b, const struct handler *h)
{
    const char *role = h->role;
    if (*h->role_param) {
        const cJSON *v = values_named(b->values, b->flow, h->role_param);
        role = cJSON_IsString(v) ? v->valuestring : role;
    }
    int least = *role ? role_parse(role) : ROLE_MEMBER;
    return least < 0 ? ROLE_OWNER : (enum role)least;
}

bool routes_may(struct chat *c, const struct binding *b, const struct handler *h, const char *user,
                const char *platform_role)
{
    if (!*h->role)
        return true;
    return (h->remote ? staff_role_somewhere(c->gw, user)
                      : routes_role(c, b, user, platform_role)) >= staff_least(b, h);
}

/* ---- who has a role ---- */

struct staff_listing {
    const char *gw;
    size_t gw_len;
    void (*fn)(void *ud, const struct turn_staff *s);
    void *ud;
};

static void staff_list(const struct staff_listing *l, const struct staff *list, int n,
                       const char *from)
{
    for (int i = 0; i < n; i++) {
        if (strncmp(list[i].user, l->gw, l->gw_len) != 0 || list[i].user[l->gw_len] != ':')
            continue;
        l->fn(l->ud, &(struct turn_staff){list[i].user + l->gw_len + 1, list[i].role, from, NULL});
    }
}

static void staff_list_value(void *ud, const struct settings_value *v)
{
    const struct staff_listing *l = ud;
    int role = role_parse(v->value);
    if (role > ROLE_MEMBER && strncmp(v->field, l->gw, l->gw_len) == 0 &&
        v->field[l->gw_len] == ':')
        l->fn(l->ud,
              &(struct turn_staff){v->field + l->gw_len + 1, (enum role)role, "redis", v->key});
}

/* Playbook and place of a chat as the flow of the handler that runs has them; NULL: it does not run there. */
static const struct binding *staff_place(const struct turn *t, const char *chat,
                                         struct settings_place *at)
{
    const char *flow = flow_info(turn_binding(t)->flow)->name;
    if (!chat || strcmp(chat, t->chat->key) == 0) {
        *at = routes_place(t->chat);
        return turn_binding(t);
    }
    *at = (struct settings_place){t->gw->name, chat, NULL, chat ? home_of(t->gw, chat) : NULL};
    at->tags = routes_lookup(t->gw, chat, known_name(t->gw, chat))->tags;
    return routes_binding_in(t->gw, chat, flow);
}

void turn_each_staff(const struct turn *t, const char *chat,
                     void (*fn)(void *ud, const struct turn_staff *s), void *ud)
{
    struct settings_place at;
    const struct binding *b = staff_place(t, chat, &at);
    struct staff_listing l = {t->gw->name, strlen(t->gw->name), fn, ud};
    if (!b)
        return;
    staff_list(&l, b->book->staff, b->book->nstaff, "configuration");
    staff_list(&l, b->playbook->staff, b->playbook->nstaff, "playbook");
    if (t->e->opts.settings)
        settings_each(t->e->opts.settings, SETTINGS_STAFF, &at, NULL, staff_list_value, &l);
}

/* ---- the groups of a member of staff ---- */

struct staff_groups {
    struct turn_group *list;
    size_t n, cap;
};

static void staff_groups_add(struct staff_groups *g, const struct turn_group *one)
{
    if (g->n == g->cap) {
        g->cap = g->cap ? g->cap * 2 : 16;
        g->list = mem_realloc(g->list, g->cap * sizeof *g->list);
    }
    g->list[g->n++] = *one;
}

static int staff_by_name(const void *a, const void *b)
{
    const struct turn_group *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->chat, y->chat);
}

/* The longest command for staff that the folded text begins with and this role may give there; NULL: none. */
static const struct routes_command *staff_command(const struct routes *r, enum role role,
                                                  const char *text, size_t len)
{
    for (int i = 0; i < r->ncommands; i++) {
        const struct routes_command *c = &r->commands[i];
        const struct handler *h = c->handler;
        if (!*h->role || h->remote || !h->in_group || role < staff_least(c->binding, h))
            continue;
        if (routes_says_word(c->word, c->len, text, len, h->glued ? REST_GLUED : REST_SET_OFF))
            return c;
    }
    return NULL;
}

struct staff_pause {
    int64_t now_ms;
    bool found;
};

static void staff_pause_of_chat(void *ud, const struct settings_value *v)
{
    struct staff_pause *p = ud;
    if (strncmp(v->key, "sopd:paused:chat:", 17) == 0 && settings_pause_end(v->value) > p->now_ms)
        p->found = true;
}

/* Has the group a pause of everything of its own? */
static bool staff_rests(const struct gw *gw, const struct settings_place *at)
{
    struct staff_pause p = {clock_wall(gw->e->clock), false};
    if (gw->e->opts.settings)
        settings_each(gw->e->opts.settings, SETTINGS_PAUSED, at, "*", staff_pause_of_chat, &p);
    return p.found;
}

/* What is looked for. */
struct staff_search {
    const char *user, *flow;
    enum role least;
    unsigned which;
    const char *said; /* folded */
    size_t len;
};

static bool staff_group(struct gw *gw, const struct known *k, const struct staff_search *s,
                        struct turn_group *out)
{
    struct routes *r = k->key[0] == '@' ? NULL : routes_lookup(gw, k->key, k->name);
    const struct binding *b = r ? routes_binding_in(gw, k->key, s->flow) : NULL;
    if (!b || r->staff)
        return false;
    struct settings_place at = {gw->name, k->key, r->tags, NULL};
    *out = (struct turn_group){.chat = k->key, .name = *k->name ? k->name : k->key, .word = ""};
    out->role = staff_role(gw, &at, b, s->user, "");
    if (out->role < s->least || (s->which & GROUPS_RESTING && !staff_rests(gw, &at)))
        return false;
    if (!(s->which & GROUPS_SAID))
        return true;
    const struct routes_command *c = staff_command(r, out->role, s->said, s->len);
    if (!c)
        return false;
    out->handler = c->handler;
    out->flow = flow_info(c->binding->flow);
    out->word = c->word;
    out->word_len = c->len;
    return true;
}

void turn_each_group(struct turn *t, const char *user, enum role least, unsigned which,
                     void (*fn)(void *ud, const struct turn_group *g), void *ud)
{
    static struct buf folded, rest;
    const struct event *ev = turn_event(t);
    buf_reset(&folded);
    if (which & GROUPS_SAID && !ev)
        return;
    if (which & GROUPS_SAID)
        routes_command_text(ev, &folded, true);
    buf_cstr(&folded);
    size_t skip = routes_strip(folded.data, folded.len), longest = 0;
    struct staff_search s = {user,
                             flow_info(turn_binding(t)->flow)->name,
                             least,
                             which,
                             folded.data + skip,
                             folded.len - skip};
    struct staff_groups g = {0};
    for (const struct known *k = t->gw->known; k; k = k->hh.next) {
        struct turn_group one;
        if (!staff_group(t->gw, k, &s, &one))
            continue;
        longest = one.word_len > longest ? one.word_len : longest;
        staff_groups_add(&g, &one);
    }
    if (g.n)
        qsort(g.list, g.n, sizeof *g.list, staff_by_name);
    for (size_t i = 0; i < g.n; i++) {
        if (g.list[i].word_len != longest)
            continue; /* elsewhere only a shorter command begins like this */
        g.list[i].rest = longest ? routes_command_rest(ev, longest, &rest) : "";
        fn(ud, &g.list[i]);
    }
    free(g.list);
}

/* ---- the commands for staff ---- */

void turn_each_command(struct turn *t, const char *chat, const char *user,
                       void (*fn)(void *ud, const struct turn_command *c), void *ud)
{
    struct settings_place at;
    const struct binding *b = staff_place(t, chat, &at);
    if (!b)
        return;
    const struct event *ev = turn_event(t);
    bool own = !chat && ev && strcmp(ev->user, user) == 0;
    enum role role = staff_role(t->gw, &at, b, user, own ? ev->role : "");
    const struct routes *r = routes_lookup(t->gw, chat ? chat : t->chat->key,
                                           known_name(t->gw, chat ? chat : t->chat->key));
    struct chat *place = chat ? chat_get(t->gw, chat, true) : t->chat;
    for (int i = 0; i < r->nbindings; i++) {
        const struct flow_info *info = flow_info(r->bindings[i]->flow);
        if (!routes_flow_on(place, r->bindings[i], NULL))
            continue;
        for (int k = 0; k < info->nhandlers; k++) {
            const struct handler *h = &info->handlers[k];
            if (h->kind != HANDLER_COMMAND || !*h->role || h->remote ||
                role < staff_least(r->bindings[i], h))
                continue;
            fn(ud, &(struct turn_command){info, h, r->bindings[i], staff_least(r->bindings[i], h)});
        }
    }
}
