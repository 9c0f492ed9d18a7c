/* settings_internal.h -- what the files of the settings share; nobody else includes it.
 * settings.c: life and look-ups. settings_load.c: reading Redis into the mirror. settings_watch.c: hearing of changes, and reading
 * every second where nothing is heard. settings_audit.c: the record of edits, alarms, and what was good before. */
#ifndef SOPD_STORE_SETTINGS_INTERNAL_H
#define SOPD_STORE_SETTINGS_INTERNAL_H

#include <hiredis/hiredis.h>

#include "base/buf.h"
#include "base/clock.h"
#include "store/redis.h"
#include "store/settings.h"
#include "store/settings_mirror.h"

enum { SETTINGS_SEEN_SHA = 41 };

enum settings_hearing {
    HEARING_NONE,  /* the subscription is not there */
    HEARING_ASKED, /* CLIENT TRACKING was sent */
    HEARING_ON,
    HEARING_REFUSED,
    HEARING_MUTE /* Redis took it, and reports nothing */
};

/* One change to be recorded. */
struct settings_item {
    struct settings_item *next;
    char *key, *field, *value, *why, *kept;
    enum settings_verdict verdict;
};

struct settings {
    uv_loop_t *loop;
    struct clock *clock;
    struct redis *sub, *cmd;
    struct mirror *mirror;
    uv_check_t check; /* writes commands and reports changes, once a loop iteration */
    uv_timer_t tick;  /* once a second */
    int open_parts;
    bool loaded, announced, closing;
    struct metric *m_bad;
    uint64_t reported; /* generation that `changed` was told */
    void (*changed)(void *ud);
    void *ud;
    void (*done)(void *ud);
    void *done_ud;

    /* settings_load.c */
    bool scanning, scan_done,
        again; /* a pass over the keys runs; its last SCAN was answered; another one is wanted */
    unsigned reads;                  /* HGETALLs of the pass without an answer yet */
    int64_t scan_started, scan_next; /* monotonic */
    struct buf found;                /* keys of this pass, RESP bulk strings */
    size_t nfound;
    uint64_t indexed;  /* hash of what the index was given last */
    bool many;         /* more keys than a start should wait for */
    bool filled;       /* the mirror holds what Redis holds */
    bool past, pasted; /* what was recorded before is being read; was read */
    bool looking;      /* known keys are being read */
    unsigned looks;    /* of them without an answer yet */
    int64_t look_started, look_next;
    struct settings_read *in_flight; /* keys being read because of a report */

    /* settings_watch.c */
    enum settings_hearing hearing;
    int64_t sub_id; /* CLIENT ID of the subscribed link, 0 = not known */
    int64_t asked_ms, heard_ms,
        missed_ms; /* monotonic: subscribed or asked; last report; a change that nobody reported */
    bool subscribed, told; /* SUBSCRIBE was answered; that there is no hearing was logged */
    int sub_deaths;        /* links that ended right after SUBSCRIBE, in a row */
    struct buf deaf;       /* why nothing is heard */

    /* settings_audit.c */
    struct settings_item *items, **items_tail, *sent, **sent_tail;
    size_t nitems;
    char sha[SETTINGS_SEEN_SHA]; /* of the script, "" = not known */
    bool unrecorded;             /* Redis refuses to record */
    int64_t record_next;         /* monotonic: not before */
};

/* settings_load.c */
void settings_pass(
    struct settings
        *s); /* reads everything: after the links came up, after FLUSHALL, from time to time */
void settings_look(struct settings *s); /* reads the keys that are known */
/* Redis says that this key has changed: reads it, and remembers it for the next start. */
void settings_key_changed(struct settings *s, const char *key, size_t len);
/* Perhaps everything is there now that look-ups need. */
void settings_try_loaded(struct settings *s);
void settings_load_free(struct settings *s);

/* settings_watch.c */
void settings_sub_status(void *settings, enum redis_status status);
void settings_cmd_status(void *settings, enum redis_status status);
void settings_on_message(void *settings, const redisReply *r);
void settings_on_tick(uv_timer_t *tick);
/* A change was found that nobody had reported. */
void settings_missed(struct settings *s);

/* settings_audit.c */
void settings_on_news(void *settings, const struct mirror_news *n);
void settings_audit_up(struct settings *s); /* the link is there */
void settings_audit_flush(struct settings *s);
bool settings_audit_idle(const struct settings *s);
/* What was recorded and is not there any more: edits made while nobody looked. */
void settings_audit_absent(struct settings *s, const char *key, const char *field);
void settings_audit_free(struct settings *s);

#endif
