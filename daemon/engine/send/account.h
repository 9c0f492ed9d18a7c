/* account.h -- one account that sends for a gateway: what it may send next, and how far it is trusted at the moment. A plain
 * gateway has one, named like itself; a pool has one for each gateway in it. Everything that belongs to an account and not to the
 * chats of a gateway is kept here. Callers: the commit, the pacer and its guard, risk, the ctl answers. */
#ifndef SOPD_ENGINE_SEND_ACCOUNT_H
#define SOPD_ENGINE_SEND_ACCOUNT_H

#include <stdint.h>
#include <uthash.h>

#include "engine/send/pace.h"

struct gw;

struct account {
    char *name;
    int64_t guard_us[PACE_RULES]; /* theoretical arrival times of what really left: guard.c */
    int64_t hold_until_ms;        /* nothing leaves before (wall); 0 = not held */
    int64_t hold_step_ms;
    int bad_in_row;
    UT_hash_handle hh;
};

/* The account of that name, made if there is none; it lives as long as the gateway. */
struct account *account_get(struct gw *gw, const char *name);
/* The account that serves a chat at this moment; never NULL. */
struct account *account_of(struct gw *gw, const char *chat);
/* The latest moment until which any account is held, 0 = none is. */
int64_t account_held_until(const struct gw *gw, int64_t now_ms);
void account_set_back(struct gw *gw, int64_t ms); /* the clock was set back */
void account_free(struct gw *gw);

#endif
