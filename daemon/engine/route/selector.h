/* selector.h -- which groups are meant: by id, tag, name, gateway, or all. Playbooks, overlays and the configuration's tags name
 * groups by them. The index finds those of many selectors that mean a chat without asking each: 500 stores have 500 of them. */
#ifndef SOPD_ENGINE_SELECTOR_H
#define SOPD_ENGINE_SELECTOR_H

#include <stdbool.h>

struct buf;

/* Narrower kinds win over wider ones. */
enum selector_kind { SELECT_ALL, SELECT_GATEWAY, SELECT_TAG, SELECT_NAME, SELECT_CHAT };
struct selector {
    enum selector_kind kind;
    char *gateway; /* GATEWAY, CHAT; NULL otherwise */
    char *value;   /* TAG: tag; NAME: pattern with * and ?; CHAT: chat key */
};

/* A chat as selectors see it. */
struct selector_chat {
    const char *gateway, *chat;
    const char *name; /* NULL or "": not known */
    const char *tags; /* "a,b"; NULL: none */
    const char *
        home; /* of a private chat: the group that name and tags are of, home.c; NULL: none, or it is a group */
    int own; /* with a home: so many bytes of the tags are the private chat's own */
};

bool selector_matches(const struct selector *s, const struct selector_chat *c);
/* The same for a private chat, which has no group of its own: whoever serves a group of the gateway serves its private chats. -1 = no,
 * else how narrowly. */
int selector_private(const struct selector *s, const char *gateway);
void selector_clear(struct selector *s);
/* As it is written: "qq1:700000001", "qq1:*", "all", { tag = "north" }. */
void selector_print(const struct selector *s, struct buf *out);
/* Is `tag` one of "a,b,c"? */
bool selector_has_tag(const char *tags, const char *tag);
/* Does it mean the private chat itself, by its id or a tag of its own, and not by its home? */
bool selector_own(const struct selector *s, const struct selector_chat *c);

/* Selectors of many owners, which are numbers 0, 1, ... */
struct selector_index;
struct selector_index *selector_index_new(void);
void selector_index_free(struct selector_index *x);
/* `s` is borrowed for the life of the index. */
void selector_index_add(struct selector_index *x, const struct selector *s, int owner);
/* Calls fn for every selector that means the chat; in no order, an owner perhaps more than once. Those that mean all of a gateway also
 * mean its private chats; one with a home is meant as its home is. fn must not ask the same index. */
void selector_index_each(struct selector_index *x, const struct selector_chat *c,
                         void (*fn)(void *ud, int owner, const struct selector *s), void *ud);

#endif
