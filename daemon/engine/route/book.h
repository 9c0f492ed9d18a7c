/* book.h -- the loaded playbooks: which flows run where, with which parameters.
 * Made by lua/playbook.c from the files in sop/playbooks/, read by router, schedule and the Lua API, swapped whole at a reload.
 * Plain data: fields are filled by the loader and constant afterwards. Reference-counted, because turns that run keep theirs. */
#ifndef SOPD_ENGINE_BOOK_H
#define SOPD_ENGINE_BOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "engine/route/selector.h"
#include "engine/route/values.h"

struct cJSON;
struct flow;
struct handler;
struct zone;
struct book;
struct playbook;

/* Rising, member lowest. */
enum role { ROLE_MEMBER, ROLE_KEEPER, ROLE_STORE, ROLE_REGION, ROLE_HQ, ROLE_OWNER };
const char *role_name(enum role role);
/* -1 if unknown. */
int role_parse(const char *name);

/* Whom a tag or an overlay is for; what is narrower wins. */
enum level { LEVEL_BRAND, LEVEL_REGION, LEVEL_STORE, LEVEL_GROUP, LEVELS };
const char *level_name(enum level level);
/* -1 if unknown. */
int level_parse(const char *name);

struct staff {
    char *user; /* "gateway:user" */
    enum role role;
};

/* The texts of a flow in a language that is not the playbook's own: those that the playbook does not give itself. */
struct playbook_language {
    char *language;
    struct value_slot *slots; /* owned, with their values */
    int n;
};

struct playbook_flow {
    struct flow *flow; /* retained */
    struct cJSON *
        params; /* every parameter of the flow, checked: defaults, then the playbook's values; TEXT: string or list */
    bool off;   /* in the list as `false`: overlays switch it on */
    int line;   /* where the playbook lists it */
    char *ring; /* tags that get a changed version first, with commas; NULL: everybody */
    struct value_slot *slots; /* of `values`; theirs are the values in `params` */
    struct values *values;    /* the root for the playbook's language */
    struct playbook_language *languages;
    int nlanguages;
};

/* A parameter that nothing narrower may set. */
struct param_lock {
    int flow, param; /* their places in the playbook and in the flow */
    int line;
};

/* What an overlay says of one flow. */
struct overlay_flow {
    int flow; /* its place in the playbook */
    int on;   /* 1, 0; -1: it says nothing */
    int line;
    struct value_slot *slots; /* owned, with their values */
    int n;
};

/* The head of a playbook, as far as overlays can change it. */
enum head_key {
    HEAD_TIMEZONE,
    HEAD_QUIET,
    HEAD_DAY_CUTOFF,
    HEAD_LANGUAGE,
    HEAD_EVENING_POSTS,
    HEAD_ATTENTION,
    HEAD_PERSONA,
    HEAD_STAFF_CHAT,
    HEAD_STAFF,
    HEAD_KEYS
};
const char *head_key_name(enum head_key key);

/* Values for some of a playbook's groups. */
struct overlay {
    char *name;
    const char *file; /* its own or the playbook's */
    char *own_file;   /* NULL: it stands in the playbook */
    int line;
    enum level level;
    struct selector *selectors;
    int nselectors;
    struct overlay_flow *flows;
    int nflows;
    struct playbook
        *head; /* what it sets of the head: where its lines[] are not 0; NULL = nothing */
    struct param_lock *locks;
    int nlocks;
};

struct playbook {
    char *name; /* file name without .lua */
    char *file;
    char *title;
    struct selector *selectors;
    int nselectors;
    bool private_chats;
    const struct zone *zone;
    bool has_quiet;
    int64_t quiet_from_ms, quiet_to_ms; /* since local midnight; may wrap */
    int64_t cutoff_ms;
    int evening_posts; /* most scheduled posts an evening in one group; `sopd check` warns */
    int attention; /* posts of this playbook may be the nth that reaches a member today; 0: as the gateway says, -1: any */
    char *language;
    struct cJSON *persona;
    char *staff_chat; /* "gateway:chat" or NULL */
    struct staff *staff;
    int nstaff;
    bool keepers; /* platform owners and admins count as keeper */
    int tally;    /* 1: its chats are counted, -1: they are not, 0: as its flows say */
    struct playbook_flow *flows;
    int nflows;
    int lines[HEAD_KEYS]; /* where each is written, 0 = it is not */
    struct param_lock *locks;
    int nlocks;
    struct overlay *overlays; /* the widest first */
    int noverlays;
    struct selector_index *index; /* of the overlays' selectors */
    uint64_t content;             /* changes with its overlays */
    /* A view: the same playbook with the head as an overlay has it. Shares everything else; binding->playbook may be one. */
    const struct playbook *base;  /* the playbook itself; NULL: this is it */
    const struct playbook *under; /* the view that it changes */
    const struct overlay *by;
    struct playbook_view *views; /* of the playbook itself: owned */
};

/* A tag that the configuration gives. */
struct tag_rule {
    char *tag;
    enum level level;
    struct selector *selectors;
    int nselectors;
    int line;
};

struct book {
    int refs;
    uint32_t id; /* distinguishes loads in this process */
    struct playbook **books;
    int nbooks;
    struct staff *staff; /* from the configuration */
    int nstaff;
    char *config; /* its file, for people */
    char **sop;   /* the SOP folders, likewise; NULL-terminated */
    struct cJSON *
        press; /* by language: the text, or the texts, that stand for buttons where a gateway has none; NULL none */
    struct tag_rule *tags;
    int ntags;
    struct selector_index *tag_index;
    uint64_t tags_content; /* changes with them */
};

struct book *book_new(void);
struct book *book_retain(struct book *b);
void book_release(struct book *b);
/* Sorts overlays and makes the indexes: when everything is in it. */
void book_ready(struct book *b);

/* Does the playbook serve this chat, and how narrowly? -1 = no, else the selector kind that matched; by (may be NULL) is that selector. */
int playbook_matches_by(const struct playbook *p, const struct selector_chat *c,
                        const struct selector **by);
int playbook_matches(const struct playbook *p, const char *gateway, const char *chat,
                     const char *chat_name, const char *tags);

/* May it serve a group, as far as the files say? False: it is only for groups with tags that no rule of the configuration gives, so
 * nobody is served until an admin gives one in Redis. */
bool book_reaches(const struct book *b, const struct playbook *p);

/* Is this the playbook's own staff chat, or that of one of its overlays? */
bool playbook_staff_chat_is(const struct playbook *p, const char *gateway, const char *chat);

/* ---- overlays: overlay.c ---- */

enum { OVERLAYS_MAX = 32 }; /* that a chat can have of one playbook */
/* The overlays of a playbook that apply to a chat, the widest first; returns how many. */
int overlays_of(const struct playbook *p, const struct selector_chat *c,
                const struct overlay **out);
/* The playbook with the heads of those overlays; valid as long as the book. */
const struct playbook *overlays_head(const struct playbook *p, const struct overlay *const *list,
                                     int n);
/* What an overlay says of flow f of the playbook; NULL: nothing. */
const struct overlay_flow *overlay_flow(const struct overlay *o, int f);
/* The values of flow f under those overlays, in the language of `head`: a new reference; *on: what playbook and overlays say. */
struct values *overlays_values(const struct playbook *head, const struct overlay *const *list,
                               int n, int f, bool *on);
/* Who locks a parameter of flow f: the playbook (*by NULL) or the widest of those overlays that does. NULL: nobody. */
const struct param_lock *overlays_lock(const struct playbook *p, const struct overlay *const *list,
                                       int n, int f, int param, const struct overlay **by);
void overlay_clear(struct overlay *o);
void playbook_views_free(struct playbook *p);

/* ---- bindings ---- */

/* A word of a command, as texts are compared with it. */
struct binding_word {
    char *word;
    size_t len;
    const struct handler *handler;
};

/* One flow as it runs in one chat, or in all chats where it runs alike: what the router hands to the host. */
struct binding {
    int refs;
    uint32_t id;                     /* never reused in this process: the key of caches */
    struct book *book;               /* retained */
    const struct playbook *playbook; /* perhaps a view */
    struct flow *flow;               /* retained */
    struct values *values;           /* retained: the playbook's with those of overlays and Redis */
    bool off;                        /* playbook and overlays switch it off here */
    char pin[17];               /* what runs are pinned to by it; "" until the engine needs it */
    struct binding_word *words; /* of its commands, longest first; made by the router */
    int nwords;
    bool worded, listed;
    struct binding_key {
        const struct playbook *playbook;
        const struct flow *flow;
        const struct values *values;
        uint64_t off;
    } key;
    UT_hash_handle hh; /* listed: found by its key */
};
/* Takes a reference of `values`. */
struct binding *binding_new(struct book *b, const struct playbook *p, struct flow *f,
                            struct values *values);
/* The same, but whoever asks for the same gets the same one; a new reference. */
struct binding *binding_share(struct book *b, const struct playbook *p, struct flow *f,
                              struct values *values, bool off);
struct binding *binding_retain(struct binding *b);
void binding_release(struct binding *b);
/* The value of a parameter; NULL if it has none, or there is no such parameter. */
const struct cJSON *binding_param(const struct binding *b, const char *name);
/* How many there are: for tests. */
unsigned bindings_count(void);

#endif
