/* ctl_rollout.h -- what the files of `sopd ctl rollout` and `rollback` share. */
#ifndef SOPD_CLI_CTL_ROLLOUT_H
#define SOPD_CLI_CTL_ROLLOUT_H

#include "base/buf.h"
#include "cli/ctl/ctl.h"
#include "store/rollout.h"

struct cJSON;

/* A flow as it is rolled out now. */
struct rollout {
    struct ctl *ctl;
    struct redisContext *redis;
    const char *flow;
    struct buf who;
    struct cJSON *answer;     /* the daemon's; NULL: it does not run */
    const struct cJSON *told; /* of the answer: about this flow */
    struct cJSON *layers;     /* [[key, value], ...] */
    char newest[17];          /* on disk */
    char *ring;               /* tags that get edits first; "" none */
    bool held;
    bool dry;
    const char *reason; /* for the audit; NULL: none */
};

/* Reads it; an exit code after an error was printed. rollout_close is due in any case. */
int rollout_open(struct rollout *r, struct ctl *c, const char *flow);
void rollout_close(struct rollout *r);
/* Asks the daemon once more, with changes assumed (NULL: none): r->told is new. False: no daemon. */
bool rollout_ask(struct rollout *r, const struct rollout_step *assume);
/* Reads the hashes of versions again. */
bool rollout_read_layers(struct rollout *r);
/* What a hash holds for the flow; NULL: nothing. */
const char *rollout_layer(const struct rollout *r, const char *key);
/* A Redis command; NULL after an error was printed. The caller frees the reply. */
struct redisReply *rollout_redis(struct rollout *r, const char *fmt, ...);
/* Its stored description (title, declares, ...); NULL: it is not in Redis. The caller deletes it. */
struct cJSON *rollout_version(struct rollout *r, const char *version);

/* ---- ctl_rollout_show.c ---- */

/* State, groups, runs and steps. */
int rollout_show(struct rollout *r);
/* All flows in a table. */
int rollout_show_all(struct rollout *r);
/* "10 groups serve 5a...: sopd:versions:tag:pilot"; list: "serve" or "then". */
void rollout_print_groups(const struct rollout *r, const char *list);
/* What a dry run of a step would do. */
void rollout_show_dry(struct rollout *r, const struct rollout_step *s);
/* How edits reach groups, in a sentence. */
const char *rollout_state(const struct rollout *r);

#endif
