/* playground_internal.h -- what playground.c (the people and what they do) and playground_gateway.c (the gateway) share. */
#ifndef SOPD_GATEWAY_PLAYGROUND_INTERNAL_H
#define SOPD_GATEWAY_PLAYGROUND_INTERNAL_H

#include "gateway/playground.h"

#define PLAY_SELF "10000" /* the bot's id */

struct play_person {
    struct play_person *next;
    char *name;
    char id[16];
};

struct play_member {
    struct play_member *next;
    char user[EVENT_ID_MAX + 1];
    const char *role;
    int64_t joined_s;
};

struct play_group {
    struct play_group *next;
    char *id, *name;
    struct play_member *members;
    size_t nmembers;
};

/* A result that waits for the next flush or loop turn. */
struct play_result {
    struct play_result *next;
    bool is_send;
    uint64_t ticket;
    enum send_outcome outcome;
    char message_id[24];
    int64_t retry_ms;
    char *reason;
    bool ok;
    int64_t number;
    char *members_of; /* chat */
};

enum play_platform {
    PLAY_AS_ANY,  /* everything that a platform may be able to do */
    PLAY_AS_WECOM /* hears mentions only, writes only where somebody wrote to it */
};

struct play_memory;

struct playground {
    struct gateway base;
    struct gateway_env env;
    struct gateway_sink sink;
    struct playground_watch watch;
    char *self_name;
    enum gateway_link link;
    enum gateway_account account;
    bool stopping;
    struct play_person *people;
    struct play_group *groups;
    struct play_result *results, **tail;
    unsigned nresults;
    int64_t last_id;
    int64_t ago_ms; /* what people do comes in so late, from the history */
    char message_id[24];
    char private_key[EVENT_ID_MAX + 2];
    enum send_outcome fail_outcome;
    char *fail_reason;
    int fail_count;
    int64_t fail_retry_ms; /* so long; 0: nobody says */
    enum play_platform platform;
    struct play_memory *memory; /* NULL: nothing yet */
    unsigned lacks;             /* capabilities that it does not have by a test's wish */
    uv_timer_t timer;
    void (*done)(void *ud);
    void *done_ud;
};

/* An event with place, time and person filled in; a key that no other event has; and on its way. */
struct event *play_event(struct playground *g, enum event_type type, const char *chat,
                         const char *name);
void play_key(struct playground *g, struct event *e);
void play_emit(struct playground *g, struct event *e);
/* Says how many are in a group. */
void play_size(struct playground *g, const char *chat);
void play_kick(struct playground *g, const char *chat, const char *user);
/* A list for the caller to free; NULL if the group is unknown. */
struct gateway_member *play_members(struct playground *g, const char *chat, size_t *n);
const char *play_chat_name(struct playground *g, const char *chat);

/* ---- playground_platform.c ---- */
/* What the playground can do at most. */
unsigned play_all_caps(void);
/* Somebody wrote to the bot there. */
void play_opens(struct playground *g, const char *chat);
/* Does the platform report such an event? */
bool play_hears(const struct playground *g, const struct event *e);
/* Why it does not take the message; NULL: it does. */
const char *play_refuses(const struct playground *g, const struct out_message *m);
/* What can be pressed from now on. */
void play_note_buttons(struct playground *g, const struct out_message *m, const char *message_id);

#endif
