/* pool_seen.h -- what a pool's accounts have reported lately: tells whether something is new, or was seen by another account of the
 * pool before. Every account has message ids of its own, and some have clocks of their own, so a happening is known by the
 * platform's number of it (the sequence in the group) where there is one, else by what it is, when, and the how-manieth of its
 * kind an account reports: one report of each account stands for one happening.
 * Owned by a pool; callers: gateway/pool_event.c, pool_send.c, tests. */
#ifndef SOPD_GATEWAY_POOL_SEEN_H
#define SOPD_GATEWAY_POOL_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Accounts of one pool: a bit of a byte each. */
enum { POOL_SLOTS = 8 };

struct pool_seen;

/* One report of one account. */
struct pool_fact {
    uint64_t chat; /* hash of it */
    uint64_t what; /* hash of chat, kind and content: what accounts agree about */
    int64_t seq;   /* the platform's number, 0 unknown */
    int64_t id;    /* the account's own message id as a number, 0 unknown or no number */
    int64_t time_s;
    int slot;        /* whose report it is */
    unsigned batch;  /* not 0: read from history, in this reading */
    unsigned near_s; /* how far the times of two accounts may differ */
    unsigned
        waited_s; /* the same where the other account was expected to report it, perhaps late */
    bool oldest;  /* of several that fit, the oldest; else the nearest in time */
};

/* One happening. Pointers are good until the next pool_seen_add. */
struct pool_entry {
    uint64_t chat, what;
    int64_t seq;
    int64_t ids[POOL_SLOTS]; /* what it is called by each account; 0 unknown */
    int64_t time_s;
    uint32_t at_s;    /* monotonic */
    uint32_t key;     /* hash of the key under which it was reported */
    uint32_t batch;   /* the last reading of a history that had it */
    uint16_t nth;     /* of those with the same `what` and time, from 1 */
    uint8_t seen;     /* slots that reported it */
    uint8_t expected; /* slots that were well and in the chat when it was seen first */
    uint8_t first;    /* slot */
    bool ours;        /* a message of one of the pool's own accounts */
    bool dropped;     /* reported, and shed before it was handled: new when it comes again */
    int32_t next_what, next_seq, next_id[POOL_SLOTS];
};

/* Keeps at most `max` happenings (a power of two); what is older than ten minutes makes room first, then the oldest. */
struct pool_seen *pool_seen_new(uint32_t max);
void pool_seen_free(struct pool_seen *s);
/* The happening that this report belongs to, NULL: a new one. Notes the report: its slot and its id. */
struct pool_entry *pool_seen_match(struct pool_seen *s, const struct pool_fact *f, int64_t now_ms);
/* A new one. */
struct pool_entry *pool_seen_add(struct pool_seen *s, const struct pool_fact *f, uint8_t expected,
                                 int64_t now_ms);
/* The message that an account calls by this id; NULL unknown. */
struct pool_entry *pool_seen_by_id(struct pool_seen *s, uint64_t chat, int slot, int64_t id);
/* Another account has the slot: its ids and reports mean nothing any more. */
void pool_seen_clear_slot(struct pool_seen *s, int slot);
size_t pool_seen_count(const struct pool_seen *s);

#endif
