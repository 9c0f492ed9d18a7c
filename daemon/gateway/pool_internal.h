/* pool_internal.h -- what the files of a pool of accounts (pool*.c) share; nobody else includes it, tests excepted.
 * pool.c: life, state, the ops. pool_member.c: whether an account is well, and what follows. pool_serve.c: chats, who is in them and
 * who serves them. pool_event.c: what members report. pool_send.c: what goes out, and message ids from one account to another. */
#ifndef SOPD_GATEWAY_POOL_INTERNAL_H
#define SOPD_GATEWAY_POOL_INTERNAL_H

#include <uthash.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metrics.h"
#include "gateway/pool.h"
#include "gateway/pool_seen.h"

enum {
    POOL_SEEN_MAX = 4096, /* as many as an account alone remembers; 0.7 MB */
    POOL_USERS_MAX = 4096,
    POOL_BACK_MS = 300000,
    POOL_TICK_MS = 500,
    POOL_DEAF_MS = 5000,    /* the others heard of it for so long, */
    POOL_DEAF_MESSAGES = 3, /* so many messages, and it none */
    POOL_WANT_MS = 20000,   /* a history that nobody can read is given up */
    POOL_MUTE_MS = 600000
};

struct pool;

struct pool_member {
    struct pool *pool;
    struct gateway *g;
    int slot, rank;
    enum gateway_link link;
    enum gateway_account account;
    char self_id[EVENT_ID_MAX + 1];
    char *want_self; /* configured, NULL none */
    bool well, fell; /* fell: it was well once and then not; trusted again after a while */
    bool deaf;
    bool restricted;    /* what it sends does not get through */
    bool calmed;        /* the engine keeps it from sending: pool_calm */
    int64_t well_since; /* monotonic */
    int64_t away_since; /* monotonic: since when it could not serve; 0 = it can */
    unsigned behind;    /* messages that others saw in its groups since it last reported anything */
    int64_t behind_since;
    bool stopping;
};

/* A group that some account is in, or was spoken of. */
struct pool_chat {
    char *chat;
    uint64_t hash;
    uint8_t in, out;     /* slots: known to be in it, known not to be */
    int pin, serving;    /* slots, -1 none */
    char *pin_name;      /* whom it is pinned to, also while there is no such member; NULL none */
    unsigned generation; /* of pool->generation, when `serving` was worked out */
    int64_t *muted;      /* by slot: until when, wall; NULL: none is */
    int64_t gap_ms;      /* wall: since when no account hears it; 0 = some does */
    int64_t want_ms;     /* its history is wanted since (wall); 0 = no */
    int64_t want_at;     /* monotonic: when that was asked for */
    int want_slot;       /* who was asked, -1 nobody yet */
    UT_hash_handle hh;
};

/* Somebody we have a private chat with. The latest only. */
struct pool_user {
    char *chat;
    int slot;        /* whom they wrote to, -1 */
    uint8_t refused; /* slots that cannot reach them */
    UT_hash_handle hh;
};

struct pool_ticket {
    uint64_t ticket;
    uint64_t what;
    int slot;
    UT_hash_handle hh;
    char chat[];
};

struct pool {
    struct gateway base;
    const struct gateway_env *env;
    struct gateway_sink sink;
    struct pool_watch watch;
    struct pool_member *slots[POOL_SLOTS];
    struct pool_member *order[POOL_SLOTS]; /* by rank */
    int nmembers;
    unsigned generation, batch;
    int64_t back_ms;
    bool by_content; /* some member does not tell the platform's sequence */
    bool started, stopping;
    int leaving; /* members that are stopped and not gone */
    int told_well;
    int64_t down_ms; /* wall: since when no account is well; 0 = some is */
    uv_timer_t timer;
    bool timer_closed;
    void (*done)(void *ud);
    void *done_ud;
    struct pool_chat *chats;
    struct pool_user *users;
    struct pool_ticket *tickets;
    struct pool_seen *seen;
    struct metric *m_repeated, *m_moved;
};

static inline int64_t pool_now(const struct pool *p)
{
    return clock_mono(p->env->clock);
}
static inline uint8_t pool_bit(int slot)
{
    return (uint8_t)(1u << slot);
}

/* pool_serve.c */
struct pool_chat *pool_chat_get(struct pool *p, const char *chat, bool make);
struct pool_user *pool_user_get(struct pool *p, const char *chat, bool make);
/* The member that serves a chat now; NULL: there are no members. */
struct pool_member *pool_server(struct pool *p, const char *chat);
/* As it stands, without looking anew: the slot, -1 nobody. */
int pool_choose(const struct pool *p, const struct pool_chat *c);
/* Could it serve that chat now? 0 no, 1 as a last resort, 2 muted there, 3 yes. */
int pool_fit(const struct pool *p, const struct pool_member *m, const struct pool_chat *c);
void pool_present(struct pool *p, struct pool_chat *c, int slot, bool in, const char *reason);
void pool_mute(struct pool *p, const char *chat, int slot, int64_t until_ms);
/* Members have changed: who serves what now, and what is heard by nobody or again. */
void pool_review(struct pool *p, const char *reason);
void pool_chats_clear_slot(struct pool *p, int slot);
/* The pins by name meet the members that there are. */
void pool_pins_resolve(struct pool *p);
void pool_chats_free(struct pool *p);
struct pool_member *pool_member_named(const struct pool *p, const char *name, size_t len);

/* pool_member.c */
void pool_member_state(struct pool_member *m, const char *reason);
void pool_member_heard(struct pool_member *m);
/* A message that `by` reported first: the others are expected to report it, too. */
void pool_member_expect(struct pool *p, const struct pool_chat *c, const struct pool_member *by);
void pool_members_tick(struct pool *p);
/* The account that stands for the pool, whoever serves: scripts see its id as ours. The first in the order whose id is known. */
const char *pool_face(const struct pool *p);
bool pool_is_self(const struct pool *p, const char *user, struct pool_member **whose);

/* pool_what.c */
enum { POOL_KEY_ROOM = 96 };
/* The report of an event by a member. about: the message that the event refers to, NULL none or unknown. */
struct pool_fact pool_fact(const struct pool_member *m, const struct pool_chat *c,
                           const struct event *e, const struct pool_entry *about);
/* What a message of ours will be when another account reports it. */
uint64_t pool_what_out(const char *chat, const char *user, const struct out_message *m);
/* The key of an event for the engine, "" where the member's own will do. nth: of several of the same content and time. */
void pool_key(const struct pool *p, const struct event *e, const struct pool_fact *f, unsigned nth,
              char out[POOL_KEY_ROOM]);

/* pool_event.c */
void pool_sink(struct pool_member *m, struct gateway_sink *out);
void pool_unsee(struct gateway *g, const struct event *e);

/* pool_send.c */
bool pool_send(struct gateway *g, const struct out_message *m, uint64_t ticket);
bool pool_call(struct gateway *g, const struct gateway_request *r, uint64_t ticket);
void pool_catch_up(struct gateway *g, const char *chat, int64_t since_ms);
/* Histories that wait for an account that can read them. */
void pool_wants(struct pool *p);
void pool_want_done(struct pool_member *m, const struct gateway_gap *r);
void pool_sent(struct pool_member *m, uint64_t ticket, const struct send_result *r);
void pool_response(struct pool_member *m, uint64_t ticket, const struct gateway_response *r);
/* "NAME:ID": an id of one account, as scripts see it. */
const char *pool_mark(const struct pool_member *m, const char *id, struct buf *out);
/* Whose it is, and *id what is behind the mark; NULL: it bears none. */
struct pool_member *pool_marked(const struct pool *p, const char *marked, const char **id);
/* The number of a message id, 0: it is none. */
int64_t pool_number(const char *id);
void pool_tickets_free(struct pool *p);

#endif
