/* stage_expiry.h -- keys that expire, under a clock that people turn. Redis counts times to live by the clock of the machine; this
 * learns of every key that gets one and removes it when the turned clock has passed that time. For `sopd test` and `sopd play`,
 * whose Redis is their own. */
#ifndef SOPD_CLI_STAGE_EXPIRY_H
#define SOPD_CLI_STAGE_EXPIRY_H

#include <stdint.h>

struct stage_expiry;

/* Watches the Redis behind that unix socket, database 0. NULL: it does not answer. */
struct stage_expiry *stage_expiry_open(const char *path);
/* Redis was emptied. */
void stage_expiry_reset(struct stage_expiry *x);
/* The clock is about to be turned: removes what expires on the way. Call it before every turn of the clock. */
void stage_expiry_turn(struct stage_expiry *x, int64_t from_ms, int64_t to_ms);
void stage_expiry_close(struct stage_expiry *x);

#endif
