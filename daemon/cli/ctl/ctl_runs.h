/* ctl_runs.h -- what the files of `sopd ctl runs` and `sopd ctl migrate` share: runs as they are in Redis, and words for them.
 * ctl_runs_find.c reads them, ctl_runs_words.c has the words, ctl_runs.c lists, ctl_runs_show.c shows one,
 * ctl_runs_order.c cancels, retries and migrates through the daemon. */
#ifndef SOPD_CLI_CTL_RUNS_H
#define SOPD_CLI_CTL_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "store/run_record.h"

struct cJSON;
struct ctl;
struct redisContext;

/* ---- reading (ctl_runs_find.c) ---- */

enum { RUN_ID_LEN = 16 };

/* A pin: the version and parameters that runs began with. */
struct ctl_pin;
const char *ctl_pin_flow(const struct ctl_pin *p); /* "" for NULL, as the next one */
const char *ctl_pin_version(const struct ctl_pin *p);
const struct cJSON *ctl_pin_params(const struct ctl_pin *p);

struct ctl_run {
    char id[RUN_ID_LEN + 1];
    const char *gateway;
    const char *data; /* the record, or only its beginning (see `whole`); NULL: there is none */
    size_t len;
    bool whole;
    struct cJSON *header; /* NULL if damaged */
    struct cJSON
        *parked; /* what a run that cannot go on carries; NULL: it can, or it was not asked for */
    const struct ctl_pin *pin; /* NULL: not known */
};

struct runs {
    const struct ctl *ctl;
    struct redisContext *redis;
    struct ctl_pin *pins;   /* table, by gateway and pin */
    struct ctl_chat *chats; /* table of names, by gateway and chat */
    struct cJSON
        *loaded; /* what the daemon says of its flows; NULL: not asked yet, or it does not run */
    bool asked;
    int64_t now_ms;
};

struct runs_filter {
    const char *gateway, *chat, *flow,
        *user;  /* NULL: any. chat: with or without the gateway in front */
    bool stuck; /* those that are parked only */
    bool whole; /* `fn` needs the whole record and whether it is parked, not just the header */
};

/* Connects to Redis; an exit code, after an error was printed. runs_close is due in any case. */
int runs_open(struct runs *r, const struct ctl *c);
void runs_close(struct runs *r);
/* Calls fn for every run that fits, in no order, perhaps twice for the same one if Redis rehashes meanwhile. The run dies with the
 * call. fn returns false to end it. An exit code, after an error was printed. */
int runs_each(struct runs *r, const struct runs_filter *f,
              bool (*fn)(void *ud, struct ctl_run *run), void *ud);
/* Finds one by its id; fn is called once, with the whole of it, or never. */
int runs_find(struct runs *r, const char *gateway, const char *id,
              bool (*fn)(void *ud, struct ctl_run *run), void *ud);
/* Is that 16 hexadecimal digits? */
bool runs_is_id(const char *text);

/* The name of a chat, "" if it has none. Valid until runs_close. */
const char *runs_chat_name(struct runs *r, const char *gateway, const char *chat);
/* The version of a flow that the daemon has loaded; NULL: not known (it does not run, or serves no such flow). */
const char *runs_newest(struct runs *r, const char *flow);

/* ---- words (ctl_runs_words.c) ---- */

/* Who is called what, from the events of a record. */
struct names;
struct names *names_new(const struct run_record *record);
void names_free(struct names *n);
/* The name of a user, the id if there is none. */
const char *names_get(const struct names *n, const char *user);

/* A member's or script's text: without control characters, in one line, cut at `max` columns or so. */
void words_text(struct buf *out, const char *s, size_t len, size_t max);
/* A moment in local time: "09:00", with the date when it is another day than now_ms, with seconds when they are not 0. */
void words_time(struct buf *out, int64_t ms, int64_t now_ms);
/* A length of time: "10 s", "24 h", "28 d". */
void words_span(struct buf *out, int64_t ms);
/* "an answer of X until 09:10" for the wait that the record stands at; "nothing: ..." if it stands at none. */
void words_waits(struct buf *out, const struct run_record *record, const struct names *names,
                 int64_t now_ms);
/* The same for one `?` line, reached at since_ms, with n inputs gathered. */
void words_wait(struct buf *out, const struct cJSON *spec, int64_t since_ms, int gathered,
                const struct names *names, int64_t now_ms);
/* "waits until 09:00", "waits for an answer of X" from what words_wait wrote. */
void words_sentence(struct buf *out, const char *waits_for);
/* What somebody said or did. */
void words_event(struct buf *out, const struct cJSON *event, const struct names *names);
/* What started a run, from its header. */
void words_start(struct buf *out, const struct cJSON *header, const struct names *names);
/* What ended a wait, from a wake line. */
void words_wake(struct buf *out, const struct cJSON *wake, const struct names *names);
/* What n calls of one kind that followed each other were. */
void words_calls(struct buf *out, const struct run_line *lines, int n, const struct names *names);

/* ---- commands ---- */

/* What is true of a run, as a new object: id, gateway, chat, flow, version, user, started, state, waits_for, calls ...
 * `damage`: why its record could not be read to the end; NULL: it could. */
struct cJSON *runs_describe(struct runs *r, const struct ctl_run *run,
                            const struct run_record *record, const struct names *names,
                            const char *damage);

/* Options of the commands; each allows some of them, by their letters. */
struct runs_options {
    const char *gateway, *chat, *flow, *user;
    bool stuck, raw, dry, all_stuck;
    long limit;
    char **words; /* what is no option */
    int nwords;
};
/* Reads them; an exit code, after an error was printed. `allowed` is made of g c f u s n r d a (j is always allowed: --json). */
int runs_options(struct ctl *c, struct runs_options *o, const char *allowed, int argc, char **argv);

int runs_show(struct ctl *c, int argc, char **argv);
int runs_cancel(struct ctl *c, int argc, char **argv);
int runs_retry(struct ctl *c, int argc, char **argv);

#endif
