/* quota.h -- calendar quotas (pace.h): what a message is counted for, and the words that tell the commit script so. The counting
 * itself is in store/commit.lua, in the turn's own commit; here is which counters there are and when their windows end.
 * Callers: turn/committer.c, send/limits.c. Part of engine/internal.h. */
#ifndef SOPD_ENGINE_SEND_QUOTA_H
#define SOPD_ENGINE_SEND_QUOTA_H

#include "base/buf.h"
#include "engine/send/pace.h"

struct gw;
struct message;

/* The window of each kind that `now` lies in. */
struct quota_window {
    char id[12], next[12]; /* "20261122", "202611" */
    int64_t begin_ms, end_ms;
};
void quota_window(const struct pace *p, enum quota_per per, int64_t now_ms,
                  struct quota_window *out);
/* Appends the key of a window: sopd:{gw}:quota:<day|business|month>:<id>. */
void quota_key(const char *gw, enum quota_per per, const char *id, struct buf *out);
/* Appends the field of a counter: "a|qq1|push-month", "c|700|post-day", "m|10001|attention". */
void quota_field(enum pace_scope scope, const char *whom, const char *name, struct buf *out);

/* The counters of a batch. */
struct quota_batch {
    struct buf fields; /* bulk strings: window, field, for each counter */
    unsigned n;        /* counters */
    unsigned cap;      /* of places, a power of two */
    struct quota_place *places;
    struct buf names; /* of places */
};
void quota_begin(struct quota_batch *q);
/* Appends "n, n x (counter, limit, whom)" for one message to RESP words and returns how many words. `attention`: of its playbook. */
unsigned quota_words(struct quota_batch *q, struct gw *gw, const struct message *m,
                     const char *account, int attention, struct buf *words);
/* Appends the words of the head, "n" and if there are any the ends of the windows in us, and n x (window, field); returns how many. */
unsigned quota_head(const struct quota_batch *q, const struct gw *gw, int64_t now_ms,
                    struct buf *words);
/* Appends the six keys, of each window now and next, if there are counters; returns how many. */
unsigned quota_keys(const struct quota_batch *q, const struct gw *gw, int64_t now_ms,
                    struct buf *words);

#endif
