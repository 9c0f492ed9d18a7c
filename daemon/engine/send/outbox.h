/* outbox.h -- committed messages, when they leave, and what keeps an account within its limits. Part of engine/internal.h. */
#ifndef SOPD_ENGINE_SEND_OUTBOX_H
#define SOPD_ENGINE_SEND_OUTBOX_H

#include "engine/send/guard.h"
#include "engine/send/heap.h"
#include "engine/turn/emit.h"

/* ASKING: @all, and the gateway is asked whether any is left today. */
/* MERGING: it and another one become one message. */
enum entry_state {
    ENTRY_QUEUED,
    ENTRY_ASKING,
    ENTRY_MARKING,
    ENTRY_MERGING,
    ENTRY_WRITTEN,
    ENTRY_UNKNOWN
};
/* How far the finding out of an unknown outcome has come: waiting for the echo; the history was asked; until it may be sent again;
 * the history was asked once more. */
enum settle_step { SETTLE_ECHO, SETTLE_HISTORY, SETTLE_WAIT, SETTLE_LAST_LOOK };
enum at_all { AT_ALL_UNASKED, AT_ALL_ALLOWED, AT_ALL_DENIED };

struct held;
struct merge;

struct entry {
    uint64_t id;
    struct message *message;
    struct account *account; /* by which it was written last; NULL: it was not */
    enum entry_state state;
    int64_t due_ms; /* wall */
    bool marked;    /* recorded in Redis as about to be written */
    bool fresh;     /* its send time was now and its policy is resend: no mark needed */
    enum at_all at_all;
    enum settle_step step; /* UNKNOWN: what was tried already */
    bool echoed;           /* our own message was seen before the answer to the send */
    bool restart;          /* found in Redis at the start */
    bool
        doubt; /* so, and it may have left: later ones of its chat wait for it, to keep their order */
    bool behind;  /* waits for one in doubt */
    bool stalled; /* waits until the gateway answers what was written */
    bool killed;  /* held by the kill switch */
    bool calmed;  /* held because its account is held or quiet */
    bool absent;  /* the chat's history reaches back to it, and it is not in it */
    int limited;  /* how often it was refused for too many messages */
    bool blank;   /* the history shows none of our messages: it tells nothing */
    int resends;
    size_t heap_at; /* position + 1 in the heap; 0 = not there */
    int64_t written_ms;
    struct entry *flight_prev, *flight_next; /* WRITTEN: among those of its account, stall.c */
    struct merge *merge;                     /* others may join it: merge.c */
    int64_t settle_at_ms;                    /* UNKNOWN: when to decide */
    UT_hash_handle hh;
};

void outbox_load(struct gw *gw); /* at the start: what was committed and not acknowledged */
void outbox_add(struct gw *gw, uint64_t id, struct message *m, int64_t delay_ms);
void outbox_recover(struct gw *gw, uint64_t id,
                    struct message *m); /* a duplicate of our own: was it ours? */
void outbox_sent(struct gw *gw, uint64_t ticket, const struct send_result *r);
/* A send that was given up was answered after all. */
void outbox_sent_late(struct gw *gw, uint64_t ticket, const char *message_id);
void outbox_own_message(struct gw *gw, const struct event *e);
void outbox_done(struct gw *gw, struct entry *en, const char *outcome, const char *reason);
void outbox_flush_acks(struct gw *gw);
/* The chat's history was read back to this moment (0: it shows nothing): what is still unknown and was written since is not in it. */
void outbox_caught_up(struct gw *gw, const char *chat, int64_t back_ms);
/* When to look again at an entry that must wait for an earlier one of its chat in doubt; 0: it need not. */
int64_t outbox_behind(struct gw *gw, struct entry *en, int64_t now);
void outbox_settle_due(struct gw *gw); /* decides about unknown entries */
void outbox_chat_gone(struct gw *gw, const char *chat);
void outbox_print_id(uint64_t id, char out[40]);
bool outbox_parse_id(const char *s, uint64_t *id);
void outbox_free(struct gw *gw);
/* What an admin decides about one whose outcome is being found out: sent again now, or given up. False: there is none such. */
bool outbox_order(struct gw *gw, uint64_t id, bool resend);
void settle_free(struct gw *gw);
void pacer_add(struct gw *gw, struct entry *en);
void pacer_remove(struct gw *gw, struct entry *en);
void pacer_release(struct gw *gw,
                   const char *chat); /* what waited for one in doubt is looked at again */
void pacer_release_killed(struct gw *gw);
void pacer_release_account(struct gw *gw, const struct account *a);
void pacer_run(struct gw *gw); /* writes what is due */
int64_t pacer_next(const struct gw *gw);
void pacer_release_stalled(struct gw *gw, struct account *a); /* something was answered */
void pacer_release_held(struct gw *gw, const struct held *h); /* the chat is not held any more */
bool pacer_has_due(const struct gw *gw, int64_t now);         /* something may leave now */
void pacer_free(struct gw *gw);

/* at_all.c: true when the entry must wait for the gateway's word on @all. */
bool at_all_wait(struct gw *gw, struct entry *en);
/* Segments without @all if it was denied: fills room (of nsegments) and returns how many. */
int at_all_filter(const struct entry *en, struct out_segment *room);
void at_all_free(struct gw *gw);

#endif
