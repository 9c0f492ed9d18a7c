/* book.h -- the loaded playbooks: which flows run where, with which parameters.
 * Made by lua/playbook.c from the files in sop/playbooks/, read by router, schedule and the Lua API, swapped whole at a reload.
 * Plain data: fields are filled by the loader and constant afterwards. Reference-counted, because turns that run keep theirs. */
#ifndef SOPD_ENGINE_BOOK_H
#define SOPD_ENGINE_BOOK_H

#include <stdbool.h>
#include <stdint.h>

struct cJSON;
struct flow;
struct zone;
struct book;

/* Rising, member lowest. */
enum role { ROLE_MEMBER, ROLE_KEEPER, ROLE_STORE, ROLE_REGION, ROLE_HQ, ROLE_OWNER };
const char *role_name(enum role role);
/* -1 if unknown. */
int role_parse(const char *name);

/* One selector of groups; narrower kinds win over wider ones. */
enum selector_kind { SELECT_ALL, SELECT_GATEWAY, SELECT_TAG, SELECT_NAME, SELECT_CHAT };
struct selector {
    enum selector_kind kind;
    char *gateway; /* GATEWAY, CHAT; NULL otherwise */
    char *value;   /* TAG: tag; NAME: pattern with * and ?; CHAT: chat key */
};

struct staff {
    char *user; /* "gateway:user" */
    enum role role;
};

struct playbook_flow {
    struct flow *flow; /* retained */
    struct cJSON *
        params; /* every parameter of the flow, checked: defaults, then the playbook's values; TEXT: string or list */
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
    char *language;
    struct cJSON *persona;
    char *staff_chat; /* "gateway:chat" or NULL */
    struct staff *staff;
    int nstaff;
    bool keepers; /* platform owners and admins count as keeper */
    struct playbook_flow *flows;
    int nflows;
};

struct book {
    int refs;
    uint32_t id; /* distinguishes loads in this process */
    struct playbook **books;
    int nbooks;
    struct staff *staff; /* from the configuration */
    int nstaff;
};

struct book *book_new(void);
struct book *book_retain(struct book *b);
void book_release(struct book *b);
/* Does the playbook serve this chat, and how narrowly? -1 = no, else the selector kind that matched. */
int playbook_matches(const struct playbook *p, const char *gateway, const char *chat,
                     const char *chat_name, const char *tags);

/* Is this the playbook's own staff chat? */
bool playbook_staff_chat_is(const struct playbook *p, const char *gateway, const char *chat);

/* One flow in one chat (or in all chats of a playbook that have no overrides of their own): what the router hands to the host. */
struct binding {
    int refs;
    uint32_t id;       /* never reused in this process: the key of caches */
    struct book *book; /* retained */
    const struct playbook *playbook;
    struct flow *flow;    /* retained */
    struct cJSON *params; /* owned: playbook values with the overrides from Redis */
    char pin[17];         /* what runs are pinned to by it; "" until the engine needs it */
};
struct binding *binding_new(struct book *b, const struct playbook *p, struct flow *f,
                            struct cJSON *params);
struct binding *binding_retain(struct binding *b);
void binding_release(struct binding *b);

#endif
