/* alarm.h -- what people must know at once: an account that is logged out, a link that is gone, Redis away, a step that did not
 * happen. An alarm is named by (gateway, kind, what); it is raised once, stays open until it is cleared, and is told as a log line, a
 * business event (`alarm`, `alarm_over`), in the staff chats, by a webhook and by a command (alarm_post.c). Flapping is damped: it is
 * over only when it stayed clear for a while, and a return before that is counted, not told.
 * Owned by the engine. Callers: anybody in engine/ who finds something wrong; admin for the lists. */
#ifndef SOPD_ENGINE_LOOK_ALARM_H
#define SOPD_ENGINE_LOOK_ALARM_H

#include <stdbool.h>
#include <stdint.h>

struct alarms;
struct engine;
struct gw;
struct zone;

/* `alarms` of the configuration (lua/config_alarms.c, docs/operations.md). All 0: log and event only. */
struct alarm_conf {
    char **
        staff; /* "gateway:chat", the first that can be reached gets it; NULL-terminated, or NULL */
    char *webhook;           /* NULL: none */
    char *header, *value;    /* sent with it; the value is a secret */
    char **exec;             /* a command and its arguments, NULL-terminated; NULL: none */
    int64_t after_ms;        /* so long a link or Redis may be away; 0 = 30 s */
    int64_t calm_ms;         /* so long it must be well to be over; 0 = 20 s */
    char *folder;            /* whose disk is watched; NULL: none */
    const struct zone *zone; /* in which staff read times; NULL: UTC */
};
/* Frees what is in it; the secret is wiped. */
void alarm_conf_free(struct alarm_conf *c);

/* Something is wrong with this gateway. kind: a word of alarm_kinds (alarm_text.c); what: which one of several, "" if there is but one
 * (a chat, an account of a pool); text: one English sentence for operators, with the figures. Calling it again while it is open only
 * renews the text. Cheap; callable from any callback. */
void alarm_raise(struct gw *gw, const char *kind, const char *what, const char *text);
/* It is well again. Nothing happens where no such alarm is open. */
void alarm_clear(struct gw *gw, const char *kind, const char *what);
/* The same for the process as a whole. */
void alarm_raise_process(struct engine *e, const char *kind, const char *what, const char *text);
void alarm_clear_process(struct engine *e, const char *kind, const char *what);
/* alarm_raise with a Chinese half-sentence for staff about this very case ("在别处登录了"); NULL: none. gw NULL is not allowed. */
void alarm_raise_as(struct gw *gw, const char *kind, const char *what, const char *text,
                    const char *words);
/* Is that one open now (raised, and not cleared)? gw NULL: of the process. */
bool alarm_open(const struct engine *e, const struct gw *gw, const char *kind, const char *what);

/* One alarm, for lists. */
struct alarm {
    struct alarm *next;
    char *gateway; /* "" the process */
    char *kind, *what, *text;
    char *words;           /* Chinese, about this case; "" none */
    int64_t since_ms;      /* wall: when it was raised first */
    int64_t over_ms;       /* wall: when it was cleared for good; 0 = open */
    unsigned repeats;      /* how often it came back before it was over */
    bool raised;           /* false: cleared, and watched whether it stays so */
    int64_t raised_ms;     /* monotonic: when it was raised last */
    int64_t calm_ms;       /* monotonic: when it is over if it stays cleared */
    int64_t told_ms;       /* monotonic: when it was told last */
    unsigned told_repeats; /* as of then */
    bool restored;         /* read from Redis after a restart, and not raised again since */
};

/* Open ones first, the newest first; then those that are over, the latest first. */
void engine_each_alarm(const struct engine *e, void (*fn)(void *ud, const struct alarm *a),
                       void *ud);

/* For those that nothing clears: how long ago an alarm of the process was raised last, INT64_MAX if it is not open. */
int64_t alarm_raised_ago(const struct engine *e, const char *kind);

/* ---- for the engine ---- */
void alarms_init(struct engine *e);
/* A new configuration; borrowed until the next. */
void engine_set_alarms(struct engine *e, const struct alarm_conf *conf);
int64_t alarms_after_ms(const struct engine *e);
/* The gateway is ours: what was open when the last process ended stays open, unless nobody raises it again. */
void alarms_load(struct gw *gw);
void alarms_stop(struct engine *e); /* nothing more is told */
/* Once a second: what has stayed clear is over; what flaps is told again now and then. */
void alarms_round(struct engine *e);
void alarms_metrics(const struct engine *e);
void alarms_free(struct engine *e);

#endif
