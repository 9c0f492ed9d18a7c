/* health.h -- how each gateway really is. The link (is there a connection?) and the account (is it logged in, can it be heard?) are kept
 * apart, each with the reason and since when, and survive a restart (hash `health`). What a gateway says of itself is not enough: silence
 * where there usually is talk (silence.c) and a message of our own that is not seen (canary.c) make the account suspect.
 * Everything that is wrong becomes an alarm. Owned by the gw. Callers: gw.c, engine.c, inspect.c. */
#ifndef SOPD_ENGINE_HEALTH_HEALTH_H
#define SOPD_ENGINE_HEALTH_HEALTH_H

#include <uv.h>

#include "engine/health/usual.h"
#include "gateway/gateway.h"

struct engine;
struct gw;
struct message;
struct zone;

enum { HEALTH_REASON = 160 };

/* One of the two: link or account. */
struct health_part {
    int now;                  /* enum gateway_link, gateway_account */
    int64_t since_ms;         /* wall */
    char word[24];            /* why, in one word: "kicked", "net", ...; "" none */
    char text[HEALTH_REASON]; /* why, as the gateway said it */
};

struct silence {
    struct usual usual;
    int64_t last_ms; /* wall: something came in */
    int64_t from_ms; /* wall: silence counts from here at the earliest (link up, start) */
    int64_t minute;  /* since 1970, the one that is being watched */
    bool heard;      /* in that minute */
    int hour_active, hour_watched;
    double log_likelihood; /* of the silence up to now */
    int silent_minutes;
    bool suspect;
};

struct canary {
    char *chat; /* NULL: there is none */
    int64_t every_ms, within_ms;
    int64_t next_ms, sent_ms; /* monotonic */
    int64_t sent_wall_ms;
    char token[12];
    bool out, seen, asked;
    const char *how; /* it was seen: a literal */
    unsigned lost;   /* in a row */
    int64_t seen_ms; /* wall: the last that was seen */
    bool suspect;
    uint64_t serial;
};

struct health {
    struct health_part link, account;
    struct health_part
        known;        /* the account, when it was known last: a reconnect does not begin it anew */
    int64_t down_ms;  /* monotonic: without a link since; 0 = there is one */
    int64_t up_ms;    /* monotonic: with a link since */
    int64_t heard_ms; /* wall: something came in last before the account went offline */
    bool loaded;      /* what the last process knew was read */
    struct silence silence;
    struct canary canary;
    int64_t planned_next_ms; /* monotonic: when to look for what has no outcome */
    bool planned_late;       /* there was something at the last look */
    /* as configured */
    enum gateway_expect expect;
    int64_t expect_ms, expect_from_ms, expect_to_ms;
};

void health_init(struct gw *gw, const struct gateway_conf *conf);
void health_free(struct gw *gw);
/* The gateway is ours: reads what the last process knew. */
void health_load(struct gw *gw);
/* The gateway reports a change. */
void health_state(struct gw *gw, const struct gateway_state *s, const char *reason);
/* Once a second. */
void health_round(struct gw *gw);
/* Something came in from the platform. True: it is a canary of one of ours, and nobody's business. */
bool health_event(struct gw *gw, const struct event *e);
/* A message of our own was seen, as echo or in the history; a message ended. */
void health_own_message(struct gw *gw, const struct event *e);
void health_sent(struct gw *gw, const struct message *m, const char *outcome);
/* How the account is, all evidence taken together. */
enum gateway_account health_account(const struct gw *gw, const char **word);
const struct zone *health_zone(const struct engine *e);

/* silence.c */
void silence_load(struct gw *gw);
void silence_heard(struct gw *gw);
void silence_round(struct gw *gw, bool up);
/* planned.c */
void planned_round(struct gw *gw);
/* canary.c */
void canary_round(struct gw *gw);
bool canary_event(struct gw *gw, const struct event *e);
void canary_own_message(struct gw *gw, const struct event *e);
void canary_sent(struct gw *gw, const struct message *m, const char *outcome);

/* process.c: Redis, disk and loop, once a second. */
struct process_watch {
    int64_t redis_ms, info_next_ms, disk_next_ms; /* monotonic */
    uv_fs_t disk;
    bool disk_busy;
    int canaries; /* that are out: only then is every message looked at */
};
void process_round(struct engine *e);
/* Redis answered a write with this error. */
void process_refused(struct engine *e, const char *answer);

#endif
