/* home.h -- which group's rules hold in a private chat: its home, the group whose flow wrote to the member last or began a run there.
 * Redis keeps it (`home:<chat>`); a chat reads it with its first input, and it is in memory no longer than the chat.
 * Part of engine/internal.h. */
#ifndef SOPD_ENGINE_ROUTE_HOME_H
#define SOPD_ENGINE_ROUTE_HOME_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/route/selector.h"

struct binding;
struct chat;
struct gw;
struct turn;

/* Of a gateway: by place in the book, the selector by which a playbook serves some group of it, if it goes by tags or names. */
struct homes {
    const struct selector **by;
    int n;
    uint64_t generation; /* of playbooks and settings */
    uint64_t changes;    /* of the groups that are known */
    uint64_t learnt;     /* `changes` as they were then */
};

/* Has the chat read its home? If not, this begins it, and wakes the chat. Groups have none. */
bool home_ready(struct chat *c);
/* The home of a private chat that is in memory; NULL: none, not in memory, or the group is not known any more. */
const char *home_of(struct gw *gw, const char *chat);
/* A turn in a group writes to a private chat, or begins a run there: it becomes its home with the commit. */
void home_note(struct turn *t, const char *chat);
/* A flow as it runs in a chat; in a private one as it will when the turn is committed. *off: it is switched off there. NULL: it does
 * not run there. */
struct binding *home_binding(struct turn *t, const char *chat, const char *flow, bool *off);
/* It is so, as far as memory goes. */
void home_set(struct gw *gw, const char *chat, const char *group);
/* A chat as selectors see it. home NULL: none. Texts are valid until tags are asked for again. */
struct selector_chat home_place(struct gw *gw, const char *chat, const char *name,
                                const char *home);
/* Looks at all groups, if the chat is a private one and something has changed. */
void home_learn(struct gw *gw, const char *chat);
/* Does playbook i, which goes by tags or names, serve some group of the gateway, and private chats? By which selector; NULL: no. */
const struct selector *home_served_by(struct gw *gw, int i);
void home_free(struct gw *gw);

#endif
