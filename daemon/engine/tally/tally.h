/* tally.h -- what is counted of a chat, a business day at a time (docs/metrics.md): whether anything is counted there, and what a turn
 * adds to it, in its own commit, once. Words of store/commit.lua; keys `tally`, `voices` of docs/redis.md.
 * Where nothing is counted a turn costs one look at a pointer. Callers: turn/, route/routes_build.c, the Lua API by turn.h. */
#ifndef SOPD_ENGINE_TALLY_H
#define SOPD_ENGINE_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chat;
struct gw;
struct input;
struct metric;
struct routes_plan;
struct turn;
struct zone;

/* What is exported to /metrics, by gateway and playbook. */
enum tally_metric {
    TALLY_JOINS,
    TALLY_LEAVES,
    TALLY_MESSAGES,
    TALLY_ANSWERS,
    TALLY_POSTS,
    TALLY_ORDERS,
    TALLY_EVENTS,
    TALLY_CALLS,
    TALLY_RESPONDERS,
    TALLY_METRICS
};

/* How chats of the same routes are counted. Belongs to them. */
struct tally {
    const struct zone *zone; /* of the playbook that says so */
    int64_t cutoff_ms, touch_ms;
    struct metric *metrics[TALLY_METRICS];
};

/* A number that a turn adds to its chat. */
struct tally_count {
    struct tally_count *next;
    int64_t n, day; /* day 0: the turn's */
    char field[];
};

/* Is anything counted in the chats of that plan? Then how, else NULL. */
struct tally *tally_plan(const struct gw *gw, const struct routes_plan *p);
void tally_free(struct tally *t);

/* Must an input have a turn although no handler hears it? */
bool tally_hears(struct chat *c, const struct input *in);
/* What the turn adds goes to its writes, as the last of them. Once, when its handlers are done. */
void tally_turn(struct turn *t);
/* It is committed, and its messages are still there: for /metrics. */
void tally_committed(const struct turn *t);
/* Takes back what was counted since. */
void tally_undo(struct turn *t, struct tally_count *until);

#endif
