/* rollout.h -- how a flow's versions are rolled out, as it is kept in Redis (docs/redis.md): the names of the keys, and the steps of
 * a roll-out with what undoes them. Pure data: engine/release*.c and cli/ctl_rollout*.c read and write Redis by it. */
#ifndef SOPD_STORE_ROLLOUT_H
#define SOPD_STORE_ROLLOUT_H

#include <stdbool.h>
#include <stdint.h>

struct buf;

enum { ROLLOUT_VERSION = 16, ROLLOUT_STEPS = 10, ROLLOUT_KEEP = 5 };

/* Hashes by flow: what was on disk last ("<version>|<ring>", also by machine), and which flows are held. */
#define ROLLOUT_SEEN "sopd:rollout-seen"
#define ROLLOUT_HOLD "sopd:rollout-hold"
#define ROLLOUT_ROOT "sopd:versions"
/* A version's files, declarations and parameters (string, JSON); its flow's versions by when they came (sorted set); the steps,
 * newest first (list of JSON). */
void rollout_version_key(struct buf *out, const char *flow, const char *version);
void rollout_list_key(struct buf *out, const char *flow);
void rollout_steps_key(struct buf *out, const char *flow);
/* sopd:versions:tag:<tag> */
void rollout_tag_key(struct buf *out, const char *tag);
/* 16 hexadecimal digits? */
bool rollout_is_version(const char *s);

/* One field (the flow's) of one hash, before and after; NULL: not set. */
struct rollout_change {
    char *key, *before, *after;
};
struct rollout_step {
    char *flow, *what, *by; /* what: "edit", "ring", "new", "hold", "go", "to", "free" */
    char *from;    /* the newest version when it was made: before an edit, the one before it */
    char *version; /* the one that it is about */
    char *reason;  /* for the audit; NULL: none was given */
    int64_t at_ms;
    bool everybody; /* an edit that reached everybody: no hash had to be changed for it */
    struct rollout_change *changes;
    int nchanges;
};
struct rollout_step *rollout_step_new(const char *flow, const char *what, const char *by,
                                      int64_t at_ms, const char *from, const char *version);
/* Nothing is added if nothing changes by it. */
void rollout_step_add(struct rollout_step *s, const char *key, const char *before,
                      const char *after);
void rollout_step_free(struct rollout_step *s);
/* JSON, to be freed. `id` of it is the same for the same change of the same files. */
char *rollout_step_print(const struct rollout_step *s);
/* NULL if it is no step. */
struct rollout_step *rollout_step_parse(const char *flow, const char *json);
/* What gives every group again what it was served before that step, last change first. newest: the version on disk now; "as on disk"
 * of then is written as the version that it was. `now` tells what a hash holds now (NULL: not set). */
struct rollout_step *rollout_step_undo(const struct rollout_step *s, const char *newest,
                                       const char *by, int64_t at_ms,
                                       const char *(*now)(void *ud, const char *key), void *ud);

/* The command (RESP) that writes its changes and their entries in sopd:audit, in one step; nothing is appended if there are none. */
void rollout_step_command(const struct rollout_step *s, struct buf *resp);

/* Scripts on the list of steps. Push: KEYS steps; ARGV JSON, its id; the same step is kept once. Pop: KEYS steps; ARGV JSON; only if it is
 * the first. */
extern const char rollout_push[], rollout_pop[];
/* The id of a step that the daemon makes by itself, "" for those of people. */
void rollout_step_id(const struct rollout_step *s, struct buf *out);

#endif
