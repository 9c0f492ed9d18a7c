/* home.c -- see home.h. Owns chat->home and gw->homes. Callers: the drain (home_ready), turns that write to members, routes_plan.c. */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/route/book.h"
#include "engine/route/routes.h"

enum { HOME_RETRY_MS = 200 };
static const char home_keep_s[] = "34560000"; /* 400 days */

static void home_key(const struct gw *gw, struct buf *out, const char *chat)
{
    gw_key(gw, out, "home");
    buf_addc(out, ':');
    buf_add_key(out, chat);
}

/* ---- reading ---- */

/* What somebody wrote by hand and is no text is no home; the next message to the member makes it one again. */
static bool home_is_answer(const struct redisReply *r)
{
    static const char wrong[] = "WRONGTYPE";
    return r && (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_NIL ||
                 (r->type == REDIS_REPLY_ERROR && strncmp(r->str, wrong, sizeof wrong - 1) == 0));
}

static void home_loaded(void *ud, const struct redisReply *r)
{
    struct chat *c = ud;
    struct engine *e = c->gw->e;
    bool good = home_is_answer(r);
    c->home_state = good ? WAITS_LOADED : WAITS_UNKNOWN;
    if (good && r->type == REDIS_REPLY_STRING && !c->home)
        c->home = mem_strdup(r->str);
    if (r && r->type != REDIS_REPLY_STRING && r->type != REDIS_REPLY_NIL)
        log_error("the home of a private chat cannot be read", "gateway", c->gw->name, "chat",
                  c->key, "answer", r->str ? r->str : "?", NULL);
    if (!good)
        e->pause_until_ms = clock_mono(e->clock) + HOME_RETRY_MS;
    c->routes_generation = 0;
    chat_wake(c);
}

bool home_ready(struct chat *c)
{
    if (*c->key != '@' || c->home_state == WAITS_LOADED)
        return true;
    if (c->home_state == WAITS_LOADING)
        return false;
    struct buf key = {0};
    home_key(c->gw, &key, c->key);
    if (redis_command(c->gw->e->redis, home_loaded, c, 2, (const char *[]){"GET", buf_cstr(&key)},
                      NULL))
        c->home_state = WAITS_LOADING;
    buf_free(&key);
    return false;
}

const char *home_of(struct gw *gw, const char *chat)
{
    const struct chat *c = *chat == '@' ? chat_get(gw, chat, false) : NULL;
    struct known *k = NULL;
    if (c && c->home)
        HASH_FIND_STR(gw->known, c->home, k);
    return k ? k->key : NULL;
}

/* ---- writing ---- */

static bool home_is_to_be(const struct turn *t, const char *chat)
{
    const struct binding *b = turn_binding(t);
    return *chat == '@' && *t->chat->key != '@' && b && b->playbook->private_chats;
}

void home_note(struct turn *t, const char *chat)
{
    const char *group = t->chat->key;
    if (!home_is_to_be(t, chat))
        return;
    const struct chat *c = chat_get(t->gw, chat, false);
    for (const struct turn_after *a = t->after; a; a = a->next)
        if (a->kind == AFTER_HOME && strcmp(a->what, chat) == 0)
            return;
    if (c && c->home && strcmp(c->home, group) == 0)
        return;
    struct buf key = {0};
    home_key(t->gw, &key, chat);
    turn_write(t, 5, (const char *[]){"SET", buf_cstr(&key), group, "EX", home_keep_s}, NULL);
    turn_add_after(t, AFTER_HOME, chat);
    buf_free(&key);
}

void home_set(struct gw *gw, const char *chat, const char *group)
{
    struct chat *c = chat_get(gw, chat, false);
    if (!c || (c->home && strcmp(c->home, group) == 0))
        return;
    free(c->home);
    c->home = mem_strdup(group);
    c->routes_generation = 0;
}

struct binding *home_binding(struct turn *t, const char *chat, const char *flow, bool *off)
{
    const char *home = home_is_to_be(t, chat) ? t->chat->key : home_of(t->gw, chat);
    const struct routes *r =
        routes_lookup_at(t->gw, chat, *chat == '@' ? "" : known_name(t->gw, chat), home);
    struct binding *b = routes_named(r, flow);
    *off = b && routes_off_at(t->e, &(struct settings_place){t->gw->name, chat, r->tags, home}, b);
    return b;
}

/* ---- places ---- */

struct selector_chat home_place(struct gw *gw, const char *chat, const char *name, const char *home)
{
    struct selector_chat c = {.gateway = gw->name, .chat = chat, .name = name, .home = home};
    if (home)
        c.name = known_name(gw, home);
    c.tags = home ? tags_with_home(gw, chat, home, &c.own) : tags_of(gw, chat, name);
    return c;
}

static bool home_by_group(const struct playbook *p)
{
    for (int i = 0; i < p->nselectors; i++)
        if (p->selectors[i].kind == SELECT_TAG || p->selectors[i].kind == SELECT_NAME)
            return p->private_chats;
    return false;
}

/* One group: the playbooks that serve it, of those that are wanted. Returns how many it was the first for. */
static int home_look(struct homes *h, const struct book *book, const struct selector_chat *c,
                     const bool *wanted)
{
    int found = 0;
    for (int i = 0; i < h->n; i++) {
        const struct playbook *p = book->books[i];
        for (int j = 0; wanted[i] && !h->by[i] && j < p->nselectors; j++) {
            const struct selector *s = &p->selectors[j];
            if ((s->kind == SELECT_TAG || s->kind == SELECT_NAME) && selector_matches(s, c)) {
                h->by[i] = s;
                found++;
            }
        }
    }
    return found;
}

void home_learn(struct gw *gw, const char *chat)
{
    struct homes *h = &gw->homes;
    const struct book *book = gw->e->book;
    if (*chat != '@' || !book ||
        (h->by && h->generation == gw->e->generation && h->learnt == h->changes))
        return;
    h->generation = gw->e->generation;
    h->learnt = h->changes;
    h->n = book->nbooks;
    free(h->by);
    h->by = mem_zero((size_t)(h->n + 1) * sizeof *h->by);
    bool *wanted = mem_zero((size_t)(h->n + 1) * sizeof *wanted);
    int missing = 0;
    for (int i = 0; i < h->n; i++)
        missing += wanted[i] = home_by_group(book->books[i]);
    for (const struct known *k = gw->known; k && missing; k = k->hh.next) {
        if (*k->key == '@')
            continue;
        struct selector_chat c = home_place(gw, k->key, k->name, NULL);
        missing -= home_look(h, book, &c, wanted);
    }
    free(wanted);
}

const struct selector *home_served_by(struct gw *gw, int i)
{
    const struct homes *h = &gw->homes;
    return h->by && i < h->n ? h->by[i] : NULL;
}

void home_free(struct gw *gw)
{
    free(gw->homes.by);
    gw->homes.by = NULL;
}
