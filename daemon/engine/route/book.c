/* book.c -- see book.h: the life of books and bindings, roles, and which playbook serves which chat.
 * Owns: books by count of references; a binding keeps its book. Callers: lua/playbook.c fills, router and host read. */
#include "engine/route/book.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lua/host.h"

static const char *const role_names[] = {"member", "keeper", "store", "region", "hq", "owner"};

const char *role_name(enum role role)
{
    return role_names[role];
}

int role_parse(const char *name)
{
    for (int i = ROLE_MEMBER; i <= ROLE_OWNER; i++) {
        if (strcmp(name, role_names[i]) == 0)
            return i;
    }
    return -1;
}

struct book *book_new(void)
{
    static uint32_t last_id;
    struct book *b = MEM_NEW(struct book);
    b->refs = 1;
    b->id = ++last_id;
    return b;
}

struct book *book_retain(struct book *b)
{
    b->refs++;
    return b;
}

static void book_free_staff(struct staff *staff, int n)
{
    for (int i = 0; i < n; i++)
        free(staff[i].user);
    free(staff);
}

static void playbook_free_flow(struct playbook_flow *f)
{
    for (int i = 0; i < f->nlanguages; i++) {
        for (int j = 0; j < f->languages[i].n; j++)
            cJSON_Delete(f->languages[i].slots[j].value);
        free(f->languages[i].slots);
        free(f->languages[i].language);
    }
    free(f->languages);
    values_release(f->values);
    free(f->slots);
    free(f->ring);
    cJSON_Delete(f->params);
    flow_release(f->flow);
}

static void playbook_free(struct playbook *p)
{
    playbook_views_free(p);
    for (int i = 0; i < p->nflows; i++)
        playbook_free_flow(&p->flows[i]);
    for (int i = 0; i < p->nselectors; i++)
        selector_clear(&p->selectors[i]);
    for (int i = 0; i < p->noverlays; i++)
        overlay_clear(&p->overlays[i]);
    selector_index_free(p->index);
    free(p->overlays);
    free(p->locks);
    book_free_staff(p->staff, p->nstaff);
    cJSON_Delete(p->persona);
    free(p->flows);
    free(p->selectors);
    free(p->name);
    free(p->file);
    free(p->title);
    free(p->language);
    free(p->staff_chat);
    free(p);
}

void book_release(struct book *b)
{
    if (!b || --b->refs > 0)
        return;
    for (int i = 0; i < b->nbooks; i++)
        playbook_free(b->books[i]);
    free(b->books);
    book_free_staff(b->staff, b->nstaff);
    for (int i = 0; i < b->ntags; i++) {
        for (int j = 0; j < b->tags[i].nselectors; j++)
            selector_clear(&b->tags[i].selectors[j]);
        free(b->tags[i].selectors);
        free(b->tags[i].tag);
    }
    selector_index_free(b->tag_index);
    free(b->tags);
    for (char **p = b->sop; p && *p; p++)
        free(*p);
    free(b->sop);
    free(b->config);
    cJSON_Delete(b->press);
    free(b);
}

/* The widest first; those of a level as they stand. */
static void book_sort_overlays(struct playbook *p)
{
    for (int i = 1; i < p->noverlays; i++) {
        struct overlay o = p->overlays[i];
        int j = i;
        for (; j > 0 && p->overlays[j - 1].level > o.level; j--)
            p->overlays[j] = p->overlays[j - 1];
        p->overlays[j] = o;
    }
}

void book_ready(struct book *b)
{
    for (int i = 0; i < b->nbooks; i++) {
        struct playbook *p = b->books[i];
        if (!p->noverlays)
            continue;
        book_sort_overlays(p);
        p->index = selector_index_new();
        for (int j = 0; j < p->noverlays; j++)
            for (int k = 0; k < p->overlays[j].nselectors; k++)
                selector_index_add(p->index, &p->overlays[j].selectors[k], j);
    }
    if (!b->ntags)
        return;
    b->tag_index = selector_index_new();
    for (int i = 0; i < b->ntags; i++)
        for (int j = 0; j < b->tags[i].nselectors; j++)
            selector_index_add(b->tag_index, &b->tags[i].selectors[j], i);
}

static const char *const level_names[] = {"brand", "region", "store", "group"};

const char *level_name(enum level level)
{
    return level_names[level];
}

int level_parse(const char *name)
{
    for (int i = 0; i < LEVELS; i++) {
        if (strcmp(name, level_names[i]) == 0)
            return i;
    }
    return -1;
}

const char *head_key_name(enum head_key key)
{
    static const char *const names[] = {"timezone", "quiet",         "day_cutoff",
                                        "language", "evening_posts", "attention",
                                        "persona",  "staff_chat",    "staff"};
    return names[key];
}

int playbook_matches_by(const struct playbook *p, const struct selector_chat *c,
                        const struct selector **by)
{
    bool private_chat = c->chat[0] == '@';
    int best = -1;
    for (int i = 0; i < p->nselectors; i++) {
        const struct selector *s = &p->selectors[i];
        int kind = -1;
        if (!private_chat || (c->home && p->private_chats))
            kind = selector_matches(s, c) ? (int)s->kind : -1;
        else if (selector_own(s, c))
            kind = (int)s->kind;
        if (private_chat && p->private_chats && kind < 0)
            kind = selector_private(s, c->gateway);
        if (kind > best) {
            best = kind;
            if (by)
                *by = s;
        }
    }
    return best;
}

int playbook_matches(const struct playbook *p, const char *gateway, const char *chat,
                     const char *chat_name, const char *tags)
{
    return playbook_matches_by(p, &(struct selector_chat){gateway, chat, chat_name, tags, NULL, 0},
                               NULL);
}

static bool book_address_is(const char *address, const char *gateway, const char *chat)
{
    size_t n = strlen(gateway);
    return address && strncmp(address, gateway, n) == 0 && address[n] == ':' &&
           strcmp(address + n + 1, chat) == 0;
}

static bool book_gives(const struct book *b, const char *tag)
{
    for (int i = 0; i < b->ntags; i++)
        if (strcmp(b->tags[i].tag, tag) == 0)
            return true;
    return false;
}

bool book_reaches(const struct book *b, const struct playbook *p)
{
    for (int i = 0; i < p->nselectors; i++)
        if (p->selectors[i].kind != SELECT_TAG || book_gives(b, p->selectors[i].value))
            return true;
    return p->nselectors == 0;
}

bool playbook_staff_chat_is(const struct playbook *p, const char *gateway, const char *chat)
{
    p = p->base ? p->base : p;
    if (book_address_is(p->staff_chat, gateway, chat))
        return true;
    for (int i = 0; i < p->noverlays; i++)
        if (p->overlays[i].head && book_address_is(p->overlays[i].head->staff_chat, gateway, chat))
            return true;
    return false;
}

/* ---- bindings ---- */

static struct binding *bindings_table;
static unsigned bindings_alive;

struct binding *binding_new(struct book *b, const struct playbook *p, struct flow *f,
                            struct values *values)
{
    static uint32_t last_id;
    struct binding *n = MEM_NEW(struct binding);
    n->refs = 1;
    n->id = ++last_id;
    n->book = book_retain(b);
    n->playbook = p;
    n->flow = flow_retain(f);
    n->values = values;
    bindings_alive++;
    return n;
}

struct binding *binding_share(struct book *b, const struct playbook *p, struct flow *f,
                              struct values *values, bool off)
{
    struct binding *n;
    struct binding_key key;
    memset(&key, 0, sizeof key); /* it is hashed as bytes */
    key.playbook = p;
    key.flow = f;
    key.values = values;
    key.off = off;
    HASH_FIND(hh, bindings_table, &key, sizeof key, n);
    if (n) {
        values_release(values);
        return binding_retain(n);
    }
    n = binding_new(b, p, f, values);
    n->off = off;
    n->key = key;
    n->listed = true;
    HASH_ADD(hh, bindings_table, key, sizeof key, n);
    return n;
}

struct binding *binding_retain(struct binding *b)
{
    b->refs++;
    return b;
}

void binding_release(struct binding *b)
{
    if (!b || --b->refs > 0)
        return;
    if (b->listed)
        HASH_DEL(bindings_table, b);
    host_forget_binding(b->flow, b);
    for (int i = 0; i < b->nwords; i++)
        free(b->words[i].word);
    free(b->words);
    values_release(b->values);
    flow_release(b->flow);
    book_release(b->book);
    free(b);
    bindings_alive--;
}

const struct cJSON *binding_param(const struct binding *b, const char *name)
{
    return values_named(b->values, b->flow, name);
}

unsigned bindings_count(void)
{
    return bindings_alive;
}
