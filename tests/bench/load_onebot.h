/* load_onebot.h -- the frames of a OneBot 11 implementation, as the load generator plays it. */
#ifndef BENCH_LOAD_ONEBOT_H
#define BENCH_LOAD_ONEBOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct conn;

/* The world that is played: every account is in the same number of groups of its own. */
struct onebot_world {
    unsigned groups; /* per account */
    unsigned users;  /* per group */
};

/* Numbers in messages have this many digits, so that the event can be a template with fields patched in. */
#define ONEBOT_FIRST_NUMBER 10000000u

/* Prepares the template; call once, before any other. */
void onebot_init(const struct onebot_world *world);

/* Bytes of one message event. */
size_t onebot_event_size(void);

/* Puts "ping <number>" of a member into one of the account's groups. `turn` counts the account's messages: it
 * chooses the group and the member. */
void onebot_put_ping(struct conn *c, uint32_t number, uint64_t turn, time_t now);

/* Puts the lifecycle event that opens a session, or a heartbeat. */
void onebot_put_lifecycle(struct conn *c, time_t now);
void onebot_put_heartbeat(struct conn *c, time_t now);

/* What a send said: "pong <number>" answers a message, "slept <number> <due>" comes when a timer was due (ms since 1970). */
enum onebot_kind { ONEBOT_OTHER, ONEBOT_PONG, ONEBOT_SLEPT };
struct onebot_said {
    enum onebot_kind kind;
    uint32_t number;
    uint64_t due_ms; /* SLEPT */
};

/* Answers one action and tells what it said. */
struct onebot_said onebot_answer(struct conn *c, const char *text, size_t len);

#endif
