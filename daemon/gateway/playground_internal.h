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
    char *reason;
    bool ok;
    int64_t number;
    char *members_of; /* chat */
};

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
    unsigned lacks; /* capabilities that it does not have by a test's wish */
    uv_timer_t timer;
    void (*done)(void *ud);
    void *done_ud;
};

void play_kick(struct playground *g, const char *chat, const char *user);
/* A list for the caller to free; NULL if the group is unknown. */
struct gateway_member *play_members(struct playground *g, const char *chat, size_t *n);
const char *play_chat_name(struct playground *g, const char *chat);

#endif
