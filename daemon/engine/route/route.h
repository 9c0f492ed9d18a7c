/* route.h -- which handlers an input reaches in a chat, whether a flow is on there, and who may what. Part of engine/internal.h. */
#ifndef SOPD_ENGINE_ROUTE_ROUTE_H
#define SOPD_ENGINE_ROUTE_ROUTE_H

#include "engine/turn/chat.h"

/* START a handler; WAKE a run with what it waited for; GATHER: one more for a run that collects; END a run. */
enum route_kind { ROUTE_START, ROUTE_WAKE, ROUTE_GATHER, ROUTE_END };

struct route {
    struct route *next;
    enum route_kind kind;
    char run[17];            /* not START: whose */
    bool last;               /* WAKE: nobody else sees the event */
    bool declined;           /* WAKE: only if no command has taken the message */
    struct binding *binding; /* borrowed from routes->bindings, or from the run */
    const struct handler *handler;
    size_t word_len; /* COMMAND: length of the matched word in the folded text */
    const char *word;
    bool ran;            /* its handler was started or woken */
    const char *skipped; /* a command that was not obeyed: why; static text */
};

struct routes;
/* The routes of a chat as of now (rebuilt when playbooks or settings changed). */
struct routes *routes_of(struct chat *c);
struct routes *routes_retain(struct routes *r);
void routes_release(struct routes *r);
/* The handlers for an input, in order, as a fresh list in out (the caller frees it with routes_free_list). */
struct route *routes_match(struct chat *c, const struct input *in);
void routes_free_list(struct route *list);
/* One of them, empty. routes_free is the end of it. */
struct route *routes_new(void);
void routes_free(struct route *r);
/* The role of a user for one binding in a chat: the highest that configuration, playbook and Redis give there. */
enum role routes_role(struct chat *c, const struct binding *b, const char *user,
                      const char *platform_role);
/* May this user start the handler here? */
bool routes_may(struct chat *c, const struct binding *b, const struct handler *h, const char *user,
                const char *platform_role);
void staff_free(struct engine *e);
struct binding *routes_binding(struct chat *c, const char *flow);
/* The same for a chat that need not be in memory; valid until playbooks or settings change. */
struct binding *routes_binding_in(struct gw *gw, const char *chat, const char *flow);
/* What decided whether a flow is on. */
struct flow_why {
    const char *
        word; /* "playbook", "toggle", "paused" (by an admin), "failing" (paused after failures), "looping" (by the breaker) */
    struct settings_value value; /* toggle, paused: where that stands in Redis */
};
/* Is the flow switched off there, by a toggle or the playbook? One that is paused or rests is not. */
bool routes_off_at(const struct engine *e, const struct settings_place *at,
                   const struct binding *b);
/* On now, here? `why` may be NULL. */
bool routes_flow_on(struct chat *c, const struct binding *b, struct flow_why *why);
/* The effective tags of a chat, strongest first, separated by commas; valid until the next call. tags.c */
const char *tags_of(const struct gw *gw, const char *chat, const char *name);
/* Those of a private chat, and behind them those of its home (home.h); *own: so many bytes are its own. */
const char *tags_with_home(const struct gw *gw, const char *chat, const char *home, int *own);
/* The rule of the configuration by which a chat with the tags `all` has that tag; NULL: none. */
const struct tag_rule *tags_rule(const struct gw *gw, const char *chat, const char *name,
                                 const char *all, const char *tag);
/* Where the settings of a chat are looked up; valid until playbooks or settings change. */
struct settings_place routes_place(struct chat *c);
void routes_each(struct chat *c, void (*fn)(void *ud, struct binding *b), void *ud);
void routes_clear_cache(struct engine *e);
/* Does any flow run in this chat? */
bool routes_lookup_any(struct gw *gw, const char *chat, const char *name);

#endif
