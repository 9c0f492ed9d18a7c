/* ctl_ledger.h -- what is used up of the limits of a gateway: the limits from the daemon, the counters from Redis. Shared by
 * `sopd ctl quota` and `sopd ctl plan`. */
#ifndef SOPD_CLI_CTL_LEDGER_H
#define SOPD_CLI_CTL_LEDGER_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "cli/ctl/ctl.h"
#include "engine/send/pace.h"

struct cJSON;
struct redisContext;

/* One field: 'p' before those of the hash `pace`, '0' + enum quota_per before those of quotas. */
struct ledger_field {
    char *name;
    int64_t value;
    UT_hash_handle hh;
};

struct ledger {
    const struct ctl *ctl;
    struct redisContext *redis;
    struct cJSON *answer; /* of the daemon: docs/operations.md, limits */
    struct ledger_field *fields;
    int code; /* an exit code; an error was printed */
};

/* Asks the daemon; takes the request {"op":"limits",...}. False: see code. ledger_close is due in any case. */
bool ledger_open(struct ledger *l, const struct ctl *c, struct cJSON *request);
/* Reads what is used of one of answer's gateways, in place of what was read before. False: see code. */
bool ledger_read(struct ledger *l, const struct cJSON *gateway);
void ledger_close(struct ledger *l);
/* "p", "1", ... and the field. 0 = absent. */
int64_t ledger_get(const struct ledger *l, char kind, const char *field);
/* '0' + enum quota_per of a quota of the answer. */
char ledger_per(const struct cJSON *quota);
/* When the window of a quota ends, seconds. */
double ledger_end(const struct cJSON *gateway, const struct cJSON *quota);
/* "40 in 1m, 10 at once", "6 a day". */
void ledger_limit(const struct cJSON *limit, struct buf *out);
/* "answer, game", "all" */
void ledger_kinds(const struct cJSON *limit, struct buf *out);
/* The limits of a gateway of the answer, as the arithmetic has them (engine/send/plan.h). */
void ledger_pace(const struct cJSON *gateway, struct pace *out);

#endif
