/* pool.h -- several accounts as one gateway: to the engine a pool is a gateway of its own name (pool_ops) over its members, each
 * a gateway of some type with its own link. Every happening is reported once, whichever accounts saw it; each chat is served by
 * one account at a time, and by another one when that is gone. State belongs to the pool's name and outlives its accounts.
 * Callers: engine/pools.c. */
#ifndef SOPD_GATEWAY_POOL_H
#define SOPD_GATEWAY_POOL_H

#include "gateway/gateway.h"

extern const struct gateway_ops pool_ops;

/* What the engine is told beside gateway_sink. Callbacks may come from socket callbacks; any may be NULL. */
struct pool_watch {
    void *ud;
    /* Chats that `from` served are served by `to` from now on ("" = by nobody: no account is left). away: because `from` is not well. */
    void (*moved)(void *ud, const char *from, const char *to, int chats, bool away,
                  const char *reason);
    /* How many members are well, of how many. */
    void (*well)(void *ud, int well, int members, const char *reason);
    /* A chat is heard again that no account heard since then (wall ms): its history is worth reading. */
    void (*regained)(void *ud, const char *chat, int64_t since_ms);
    /* To be kept over a restart, and told again by pool_restore. value NULL: no more. */
    void (*keep)(void *ud, const char *field, const char *value);
};

bool pool_is(const struct gateway *g);
/* The pool without members. back_ms: how long a preferred account must be well before it takes its chats back; 0 = 5 min. */
struct gateway *pool_new(const struct gateway_env *env, const char *name,
                         const struct gateway_sink *sink, const struct pool_watch *watch,
                         int64_t back_ms);
/* Adds an account (starts it if the pool is started). rank: its place in the order of preference, the lowest first. */
bool pool_add(struct gateway *g, const struct gateway_conf *conf, int rank, struct buf *err);
/* Takes one out; what it had under way ends as unknown or unwritten. False: there is none of that name. */
bool pool_remove(struct gateway *g, const char *member);
bool pool_rank(struct gateway *g, const char *member, int rank);
int pool_count(const struct gateway *g);
void pool_set_back(struct gateway *g, int64_t back_ms);
/* A field that was kept. */
void pool_restore(struct gateway *g, const char *field, const char *value);
/* An account does not send at the moment: its sends have no answer, or it is held because the platform shows that it has had enough.
 * Another one serves, if one can. */
void pool_calm(struct gateway *g, const char *member, bool calm, const char *reason);
/* The platform id of a member's account, "" until it is known. */
const char *pool_self_of(const struct gateway *g, const char *member);

struct pool_member_info {
    const char *name, *type;
    struct gateway_state state;
    bool well, deaf, calmed, trusted;
    int64_t away_ms;               /* for how long it could not serve; 0 = it can */
    size_t groups, serves, pinned; /* groups it is in, that it serves, that are pinned to it */
};
/* In the order of preference. */
void pool_each_member(const struct gateway *g,
                      void (*fn)(void *ud, const struct pool_member_info *m), void *ud);

/* What became of the wish that a chat be served by a member. */
enum pool_swap { POOL_SWAPPED, POOL_NOT_IN, POOL_NO_MEMBER };
/* Lets `to` serve the chat from now on, whenever it is well (NULL: no wish, the order decides). force: even if it is not known to be
 * in that group. */
enum pool_swap pool_pin(struct gateway *g, const char *chat, const char *to, bool force);
/* Is that account known to be in the group? */
bool pool_has(const struct gateway *g, const char *chat, const char *member);
/* Groups with their server and their pin ("" none). */
void pool_each_chat(const struct gateway *g,
                    void (*fn)(void *ud, const char *chat, const char *serves, const char *pinned),
                    void *ud);

#endif
