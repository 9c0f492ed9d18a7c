/* alarm_part.h -- the inside of alarms, for their own files: look/alarm.c (which are open), health/alarm_text.c (wording),
 * health/alarm_staff.c (staff chats), health/alarm_out.c (webhook and command). */
#ifndef SOPD_ENGINE_LOOK_ALARM_PART_H
#define SOPD_ENGINE_LOOK_ALARM_PART_H

#include <uv.h>

#include "base/buf.h"
#include "engine/look/alarm.h"

struct metric;

enum { NOTICES_MAX = 64 }; /* waiting for one way out; above that the oldest goes */

/* One thing to tell: an alarm, its return, its end. */
struct notice {
    struct notice *next;
    char *gateway; /* "" the process */
    char *kind, *what, *text;
    char *words;             /* Chinese, for staff */
    char *json;              /* for the webhook */
    const char *state;       /* "open", "again" or "over" */
    int64_t since_ms, at_ms; /* wall; at: of this notice */
};

/* Those that wait for one way out, oldest first. */
struct notices {
    struct notice *first;
    int n;
};

struct alarm_hook {
    struct notices waiting;
    struct notice *going; /* being told, or to be tried again */
    uint64_t request;     /* on its way, 0 = none */
    unsigned tries;
    int64_t next_ms; /* monotonic: not before */
};

struct alarm_exec {
    struct notices waiting;
    uv_process_t process;
    bool running;     /* from spawning until its handle is closed */
    bool over;        /* it has ended */
    int64_t until_ms; /* monotonic: it is killed then */
};

struct alarms {
    struct engine *e;
    const struct alarm_conf *conf; /* never NULL */
    struct alarm *open;            /* newest first */
    struct alarm *recent;          /* over, latest first */
    struct notices staff;
    struct alarm_hook hook;
    struct alarm_exec exec;
    uint64_t serial; /* of messages to staff */
    bool dirty;      /* open ones differ from what Redis has */
};

/* alarm_notice.c */
void notices_add(struct notices *list, const struct notice *n, const char *way);
struct notice *notices_take(struct notices *list); /* the first; the caller frees it */
void notice_free(struct notice *n);
/* Counts what became of telling: way: "staff", "webhook", "exec". */
void alarm_count(const char *way, const char *outcome);

/* alarm.c: wall time. */
int64_t alarm_now(const struct alarms *all);
/* alarm_text.c: the words for staff of an alarm, as it is now (wall). */
void alarm_words(const struct alarms *all, const struct alarm *a, const char *state, int64_t now,
                 struct buf *out);

/* alarm_staff.c */
void alarm_staff_round(struct engine *e);

/* alarm_out.c */
void alarm_out_round(struct engine *e);
void alarm_out_stop(struct engine *e);

#endif
