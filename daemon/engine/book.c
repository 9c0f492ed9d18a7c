/* book.c -- see book.h: the life of books and bindings, roles, and which playbook serves which chat.
 * Owns: books by count of references; a binding keeps its book. Callers: lua/playbook.c fills, router and host read. */
#include "engine/book.h"

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

static void playbook_free(struct playbook *p)
{
    for (int i = 0; i < p->nflows; i++) {
        flow_release(p->flows[i].flow);
        cJSON_Delete(p->flows[i].params);
    }
    for (int i = 0; i < p->nselectors; i++) {
        free(p->selectors[i].gateway);
        free(p->selectors[i].value);
    }
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
    free(b);
}

/* `*` stands for any run of bytes, `?` for one character. */
static bool book_wild(const char *pattern, const char *s)
{
    const char *star = NULL, *retry = NULL;
    while (*s) {
        if (*pattern == '*') {
            star = pattern++;
            retry = s;
        } else if (*pattern && (*pattern == '?' || *pattern == *s)) {
            if (*pattern++ == '?')
                while (((unsigned char)s[1] & 0xc0) == 0x80) /* the rest of a UTF-8 character */
                    s++;
            s++;
        } else if (star) {
            pattern = star + 1;
            s = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

/* Is `tag` one of the words of "a,b,c"? */
static bool book_has_tag(const char *tags, const char *tag)
{
    size_t len = strlen(tag);
    for (const char *p = tags; p && *p;) {
        size_t n = strcspn(p, ",");
        if (n == len && memcmp(p, tag, n) == 0)
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

static bool selector_matches(const struct selector *s, const char *gateway, const char *chat,
                             const char *chat_name, const char *tags)
{
    switch (s->kind) {
    case SELECT_ALL: return true;
    case SELECT_GATEWAY: return strcmp(s->gateway, gateway) == 0;
    case SELECT_TAG: return book_has_tag(tags, s->value);
    case SELECT_NAME: return chat_name && book_wild(s->value, chat_name);
    case SELECT_CHAT: return strcmp(s->gateway, gateway) == 0 && strcmp(s->value, chat) == 0;
    }
    return false;
}

/* A private chat has no group of its own: whoever serves a group of the gateway serves its private chats as well. */
static int selector_private(const struct selector *s, const char *gateway)
{
    if (s->kind == SELECT_ALL)
        return SELECT_ALL;
    if ((s->kind == SELECT_GATEWAY || s->kind == SELECT_CHAT) && strcmp(s->gateway, gateway) == 0)
        return SELECT_GATEWAY;
    return -1;
}

int playbook_matches(const struct playbook *p, const char *gateway, const char *chat,
                     const char *chat_name, const char *tags)
{
    bool private_chat = chat[0] == '@';
    int best = -1;
    for (int i = 0; i < p->nselectors; i++) {
        const struct selector *s = &p->selectors[i];
        int kind = -1;
        bool named = s->kind == SELECT_CHAT || s->kind == SELECT_TAG;
        if (!private_chat || named)
            kind = selector_matches(s, gateway, chat, chat_name, tags) ? (int)s->kind : -1;
        if (private_chat && p->private_chats && kind < 0)
            kind = selector_private(s, gateway);
        if (kind > best)
            best = kind;
    }
    return best;
}

struct binding *binding_new(struct book *b, const struct playbook *p, struct flow *f,
                            struct cJSON *params)
{
    static uint32_t last_id;
    struct binding *n = MEM_NEW(struct binding);
    n->refs = 1;
    n->id = ++last_id;
    n->book = book_retain(b);
    n->playbook = p;
    n->flow = flow_retain(f);
    n->params = params;
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
    host_forget_binding(b->flow, b);
    cJSON_Delete(b->params);
    flow_release(b->flow);
    book_release(b->book);
    free(b);
}

bool playbook_staff_chat_is(const struct playbook *p, const char *gateway, const char *chat)
{
    size_t n = strlen(gateway);
    return p->staff_chat && strncmp(p->staff_chat, gateway, n) == 0 && p->staff_chat[n] == ':' &&
           strcmp(p->staff_chat + n + 1, chat) == 0;
}
