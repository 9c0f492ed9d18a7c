/* account.h -- one account that sends for a gateway: what it may send next, and how far it is trusted at the moment. A plain
 * gateway has one, named like itself; a pool has one for each gateway in it. Everything that belongs to an account and not to the
 * chats of a gateway is kept here. Callers: the commit, the pacer and its guard, risk, the ctl answers. */
#ifndef SOPD_ENGINE_SEND_ACCOUNT_H
#define SOPD_ENGINE_SEND_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "engine/send/pace.h"

struct entry;
struct gw;

/* How far the platform seems to put up with an account: risk.c. Slow: all its intervals are so many times as long. Quiet: so, and
 * what nobody asked for waits. Held: nothing leaves. */
enum account_level { LEVEL_NORMAL, LEVEL_SLOW2, LEVEL_SLOW4, LEVEL_SLOW8, LEVEL_QUIET, LEVEL_HELD };

enum { ACCOUNT_REASON = 96 };

struct account {
    char *name;
    int64_t guard_us[PACE_RULES]; /* theoretical arrival times of what really left: guard.c */
    int64_t hold_until_ms;        /* nothing leaves before (wall); 0 = not held */
    int64_t hold_step_ms;
    int bad_in_row;
    int slow;                         /* 1, 2, 4 or 8: its intervals are multiplied by it */
    enum account_level level, before; /* before it was held */
    bool by_admin;                    /* stays until an admin ends it */
    bool unsaved;                     /* Redis does not have it yet */
    bool refused;                     /* one of those in a row was no mere silence */
    int strikes, goods, failures;     /* since the level changed; failures in a row */
    int64_t level_ms, bad_ms;         /* wall: when it changed; when a signal came last */
    int64_t held_ms;                  /* wall: when it was held last */
    int64_t lost_ms;                  /* wall: the first of those in a row was written */
    char reason[ACCOUNT_REASON];
    /* warmup.c: since when it is known (wall; 0: it was in use before that was recorded, or nobody knows yet), and what part
     * of its pace it may use now, in per cent; 0 = all of it */
    int64_t first_ms;
    int warm;
    /* stall.c: written and not answered, oldest first; when a send was answered last, when anything was, and when it was asked
     * for a sign of life (wall) */
    struct entry *flight;
    int nflight,
        nadrift; /* adrift: given up, and perhaps not read yet; the youngest was written then */
    int64_t adrift_ms;
    int64_t answered_ms, alive_ms, probed_ms;
    bool probing, waits; /* waits: something is held until there is an answer */
    int64_t slot_us;     /* pacer.c: for what is pushed back next in this round */
    UT_hash_handle hh;
};

/* Every interval is so many thousandths of itself for this account: while it is new, and while risk.c slows it down. */
static inline int64_t account_stretch(const struct account *a)
{
    return (a->warm ? 100000 / a->warm : 1000) * (a->slow > 1 ? a->slow : 1);
}

/* The account of that name, made if there is none; it lives as long as the gateway. */
struct account *account_get(struct gw *gw, const char *name);
/* The account that serves a chat at this moment; never NULL. */
struct account *account_of(struct gw *gw, const char *chat);
/* The latest moment until which any account is held, 0 = none is. */
int64_t account_held_until(const struct gw *gw, int64_t now_ms);
void account_set_back(struct gw *gw, int64_t ms); /* the clock was set back */
void account_free(struct gw *gw);

#endif
