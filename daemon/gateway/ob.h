/* ob.h -- what the files of the OneBot 11 codec (onebot11.c, ob_*.c) share. Nobody else includes it, tests excepted.
 * The way of a frame: ob_link.c (connection) -> ob_frame.c (event or response?) -> ob_event.c, ob_notice.c (struct event) ->
 * ob_dedupe.c -> the engine; or -> ob_response.c (outcome) -> the engine or ob_history.c. Out: ob_send.c, ob_call.c ->
 * ob_action.c (echo, table of pending requests) -> ob_link.c. */
#ifndef SOPD_GATEWAY_OB_H
#define SOPD_GATEWAY_OB_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metrics.h"
#include "gateway/backoff.h"
#include "gateway/gateway.h"
#include "gateway/json.h"
#include "gateway/meter.h"
#include "gateway/seen.h"
#include "gateway/transport.h"
#include "gateway/wake.h"

enum {
    OB_ID_MAX = EVENT_ID_MAX,
    OB_FLAG_MAX = 255,
    OB_NAME_MAX = 192,       /* bytes of a display name */
    OB_TEXT_MAX = 64 * 1024, /* bytes of a message's text */
    OB_SEGMENTS_MAX = 512,
    OB_BATCH_MAX = 100, /* events in one frame that is an array */
    OB_PENDING_MAX = 4096,
    OB_QUEUE_MAX = 4 * 1024 * 1024, /* bytes waiting for one socket */
    OB_SLOTS = 4,                   /* chats whose history is read side by side */
    OB_REASON_MAX = 200
};

/* ---- decoding events: no connection needed ---- */

enum ob_impl {
    OB_IMPL_UNKNOWN,
    OB_IMPL_GENERIC,
    OB_IMPL_NAPCAT,
    OB_IMPL_LLBOT,
    OB_IMPL_LAGRANGE,
    OB_IMPL_GOCQ
};

enum ob_id_kind { OB_ID_NONE, OB_ID_OK, OB_ID_BAD };
/* An id as the daemon keeps it: the text of a string, the digits of a whole number. NONE: absent, null, "" or 0. */
enum ob_id_kind ob_id(const struct json *v, const char **s, size_t *len);

enum ob_verdict {
    OB_EVENT,    /* *out is for the engine */
    OB_OWN,      /* *out is a message of our own account */
    OB_META,     /* lifecycle or heartbeat: nothing made */
    OB_IGNORED,  /* known and of no interest */
    OB_MALFORMED /* why says what */
};
struct ob_decode {
    const char *self_id; /* "" unknown: then the event's own self_id counts */
    enum ob_impl impl;
    int64_t now_ms;  /* wall */
    int64_t skew_ms; /* how far the platform's clock is behind ours */
    int64_t stale_ms;
    uint64_t now_ns;
    bool history;
    const char *chat; /* history: the group that was asked for; elements may lack it. Else NULL */
    const char *why;
};
/* Reads one event object. */
enum ob_verdict ob_event_decode(struct ob_decode *d, const struct json *o, struct event **out);
/* ob_notice.c: notices and requests, called by ob_event_decode with the common fields filled. */
enum ob_verdict ob_notice_decode(struct ob_decode *d, const struct json *o, struct event **out);
/* What an applicant wrote becomes the one segment of the event; returns its text. */
const char *ob_request_text(struct event *e, const struct json *comment);
enum ob_verdict ob_request_decode(struct ob_decode *d, const struct json *o, struct event **out);
/* The pieces that both use. */
struct event *ob_event_begin(const struct ob_decode *d, const struct json *o, enum event_type type);
const char *ob_event_id(struct ob_decode *d, struct event *e, const struct json *o,
                        const char *key);
bool ob_event_chat(struct ob_decode *d, struct event *e, const struct json *o, bool group);
const char *ob_event_text(struct event *e, const struct json *v, size_t max);
int64_t ob_event_seconds(const struct event *e);

/* ob_segment.c: the `message` field in any of its shapes, into e->segments. */
void ob_segments_decode(struct event *e, const struct json *message);
/* One out-going segment as JSON; false if there is nothing to send. after_at: a text gets a blank in front if it has none. */
bool ob_segment_encode(struct buf *out, const struct out_segment *s, bool after_at);
/* A whole out-going message as a JSON array: the quotation first, no @ in private chats. How many segments it has. */
int ob_segments_encode(struct buf *out, const struct out_message *m);

/* ob_cq.c: the text format with [CQ:...] codes. */
struct ob_cq_field {
    const char *key, *value; /* value is still escaped */
    size_t klen, vlen;
};
struct ob_cq_segment {
    const char *type; /* "text": value is the text (escaped); else a code with fields */
    size_t type_len;
    const char *value;
    size_t value_len;
    struct ob_cq_field fields[24];
    int nfields;
};
/* Takes the next segment from *s; false at the end. Never fails: what is no code is text. */
bool ob_cq_next(const char **s, const char *end, struct ob_cq_segment *out);
void ob_cq_unescape(struct buf *out, const char *s, size_t len);
void ob_cq_escape(struct buf *out, const char *s, size_t len, bool value);

/* ---- de-duplication, per account ---- */

struct ob_account {
    struct ob_account *next;
    char self_id[OB_ID_MAX + 1];
    int refs;
    bool warned;
    struct seen *messages, *notices, *requests;
};
/* The account's windows, shared by all gateways of the process that serve it. */
struct ob_account *ob_account_get(const char *self_id);
void ob_account_put(struct ob_account *a);
enum ob_seen_how {
    OB_SEEN_NEW,
    OB_SEEN_AGAIN, /* the very same */
    OB_SEEN_NEAR   /* the same told in other words: its key is another one */
};
/* Was the event there already? May lengthen e->key where two messages share an id. */
enum ob_seen_how ob_dedupe(struct ob_account *a, struct event *e, int64_t now_ms);
/* The event was dropped unhandled: it is new when it comes again. */
void ob_dedupe_forget(struct ob_account *a, const struct event *e, int64_t now_ms);

/* ---- the gateway ---- */

enum ob_role { OB_UNIVERSAL, OB_API, OB_EVENTS, OB_ROLES };

enum ob_for { /* who waits for a response */
              OB_FOR_NOBODY,
              OB_FOR_SEND,
              OB_FOR_CALL,
              OB_FOR_VERSION,
              OB_FOR_LOGIN,
              OB_FOR_STATUS,
              OB_FOR_GROUPS,
              OB_FOR_REQUESTS,
              OB_FOR_HISTORY
};
enum ob_name { /* actions that a peer may not know */
               OB_SEND_GROUP,
               OB_SEND_PRIVATE,
               OB_DELETE_MSG,
               OB_KICK,
               OB_BAN,
               OB_WHOLE_BAN,
               OB_CARD,
               OB_FRIEND_ANSWER,
               OB_GROUP_ANSWER,
               OB_MEMBER_LIST,
               OB_AT_ALL_REMAIN,
               OB_EMOJI_LIKE,
               OB_REACTION,
               OB_NOTICE,
               OB_POKE,
               OB_VERSION,
               OB_LOGIN,
               OB_STATUS,
               OB_GROUP_LIST,
               OB_SYSTEM_MSG,
               OB_GROUP_REQUESTS,
               OB_HISTORY,
               OB_NAMES
};

struct ob;
struct ob_pending {
    bool used;
    uint8_t what;   /* enum ob_for */
    uint8_t name;   /* enum ob_name */
    uint8_t action; /* OB_FOR_CALL: enum gateway_action */
    uint64_t seq, ticket;
    uint64_t start;     /* conn_queued before its frame */
    int64_t deadline;   /* mono */
    int64_t timeout_ms; /* from when it has left */
};

enum ob_state { OB_IDLE, OB_WAITING /* for next_dial */, OB_DIALING, OB_OPEN };

/* One connection, or the intention to have one. */
struct ob_peer {
    struct ob *g;
    enum ob_role role;
    enum ob_state state;
    struct conn *conn;
    uint64_t gen;
    int64_t opened, last_rx, next_dial, ready_since, next_probe, next_login; /* mono */
    int64_t heartbeat_ms;
    int64_t paused_since; /* mono: not read since then; 0 = it is */
    int64_t wrote_at;     /* mono: when conn_written was seen to rise to `wrote` */
    uint64_t wrote;
    bool saw_frame, saw_event, auth_failed, ping_out, closing;
    /* get_login_info answered, or an event with our account came, on this connection */
    bool proved;
    struct backoff pause, auth_pause; /* between attempts; where only a person can help */
    unsigned early_closes;
    uint64_t seq;
    struct ob_pending *slots;
    uint32_t nslots, npending;
    uint64_t unsupported;     /* bits of enum ob_name */
    struct ob_peer *next_old; /* replaced, waiting for its on_end */
};

/* Sends that were given up without an answer: one may come yet. */
enum { OB_LATE = 64 };
struct ob_late {
    uint64_t gen, seq, ticket; /* gen 0: free */
};

struct ob_job;    /* ob_history.c */
struct ob_roster; /* ob_lists.c */
struct ob_held;   /* ob_held.c */

struct ob {
    struct gateway base;
    struct gateway_env env;
    struct gateway_sink sink;
    struct gateway_conf conf; /* strings owned */
    struct ob_peer peers[OB_ROLES];
    struct ob_peer *old;
    struct ob_late late[OB_LATE]; /* a ring */
    unsigned late_at;
    struct listener *listener;
    struct wake wake;
    void (*done)(void *ud);
    void *done_ud;
    int admitted; /* upgrades under way */
    bool started, stopping;

    /* what is known of account and implementation */
    bool was_up, string_ids, saw_own, confirming, self_from_event, told_miswired;
    char self_id[OB_ID_MAX + 1];
    char self_name[OB_NAME_MAX + 1];
    char impl_name[80];
    enum ob_impl impl;
    enum gateway_link link;
    enum gateway_account online;
    const char *account_reason; /* a literal, "" none: why it is as `online` says */
    unsigned send_timeouts;     /* in a row */
    bool said_offline; /* since it went offline the peer has said so itself: its claims are true */
    int64_t doubt_until, doubt_step; /* mono: "online" is not believed before */
    int64_t offline_wall;            /* wall: since when it is offline */
    int64_t heard_ms,
        first_late_ms;    /* mono: something came in; the first send of those without an answer */
    int64_t last_late_ms; /* monotonic: the last send without an answer */
    uint64_t reconnects;
    struct ob_account *account;

    /* when; monotonic unless said otherwise */
    int64_t tick_ms, next_tick, next_status, slot_next[OB_SLOTS];
    int64_t next_groups, next_requests; /* 0 = not planned */
    int64_t last_rx_wall;               /* wall: the last frame */
    int64_t gap_ms;                     /* wall: the last frame before the connection was lost */
    int64_t skew_low[2]; /* least (arrival - time) of heartbeats, in this and the last 5 minutes */
    int64_t skew_turn;
    bool skew_known[2];
    int group_reads;

    struct ob_held *held;
    struct ob_job *jobs;
    uint64_t job_ids;
    int slots;        /* how many of them may be used */
    bool overtaxed;   /* on this connection: no more than one */
    bool history_own; /* the platform's history has our own messages */
    struct ob_roster *roster;
    struct rng rng;
    struct log_gate bad_gate, stray_gate, admit_gate;
    struct gateway_meter meter;
};

/* onebot11.c */
struct json_doc *ob_json_doc(void);
void ob_count_bad(struct ob *g, const char *why);
void ob_wake(struct ob *g, int64_t mono_ms); /* makes the timer fire no later than that */
static inline int64_t ob_now(const struct ob *g)
{
    return clock_mono(g->env.clock);
}

/* ob_link.c */
void ob_link_init(struct ob *g);
void ob_link_start(struct ob *g);
void ob_link_stop(struct ob *g);
bool ob_link_gone(const struct ob *g); /* after stop: no connection is left */
void ob_link_free(struct ob *g);
void ob_link_tick(struct ob *g, int64_t now);
void ob_link_dial_due(struct ob *g, int64_t now);
extern const struct conn_handler ob_link_handler;
/* The connection that takes actions, NULL if none is open. */
struct ob_peer *ob_link_api(struct ob *g);
bool ob_link_ready(struct ob *g);
void ob_link_proved(struct ob_peer *p);
/* A frame proved that the token is wrong. */
void ob_link_auth_failed(struct ob_peer *p, const char *how);
void ob_link_set_self(struct ob *g, const char *id, size_t len);
void ob_link_heartbeat(struct ob_peer *p, const struct json *o);

/* ob_login.c: is the account logged in? */
void ob_login_claim(struct ob *g, bool online, const char *why); /* heartbeat, get_status */
void ob_login_notice(struct ob *g);                              /* bot_online */
void ob_login_lost(struct ob *g, const char *text);              /* bot_offline */
void ob_login_answered(struct ob *g);                     /* get_login_info was answered well */
void ob_login_proof(struct ob *g, const struct event *e); /* this came in from the platform */
void ob_login_send_late(struct ob *g);                    /* a send had no answer */
void ob_login_send_ok(struct ob *g); /* it was answered, or our own message was seen */
void ob_login_unknown(struct ob *g); /* the link is gone */
void ob_login_tick(struct ob *g, int64_t now);

/* ob_pressure.c: one side is faster than the other */
void ob_conn_opts(const struct ob *g, struct ob_peer *p, struct conn_opts *out); /* of its links */
bool ob_pressure_room(struct ob_peer *p); /* may a message be written now? */
bool ob_pressure_moves(struct ob_peer *p, int64_t now);
void ob_pause(struct gateway *base, bool pause);

/* ob_admit.c */
struct ob_admission {
    int status; /* 101 or why not */
    enum ob_role role;
};
bool ob_path_served(const char *conf_path, const char *path, enum ob_role *role);
struct ob_admission ob_admit_check(const struct gateway_conf *conf,
                                   const struct upgrade_request *r);
int ob_admit(void *ud, const struct upgrade_request *r, struct conn_opts *opts);

/* ob_frame.c */
void ob_frame(struct ob_peer *p, char *data, size_t len);
void ob_deliver(struct ob *g, struct event *e);
void ob_repeated(struct ob *g, const struct event *e); /* another key of what was reported */
bool ob_decode_begin(struct ob *g, struct ob_decode *d, bool history);

/* ob_action.c */
const char *ob_name_text(enum ob_name name);
/* Begins a request frame: {"action":NAME,"params":{ ... The caller appends members and calls ob_action_end. NULL if it
 * cannot be taken now (no connection, full, too many pending). */
struct ob_frame_out {
    struct ob_peer *p;
    struct buf *out;
    size_t start;
    uint64_t queued;
    enum ob_name name;
};
bool ob_action_begin(struct ob *g, struct ob_frame_out *f, enum ob_name name);
void ob_action_end(struct ob_frame_out *f, enum ob_for what, uint8_t action, uint64_t ticket,
                   int64_t timeout_ms);
void ob_action_cancel(struct ob_frame_out *f);
/* "key":ID with the comma before it if it is not the first member. */
void ob_action_id(struct ob_frame_out *f, const char *key, const char *id);
void ob_action_string(struct ob_frame_out *f, const char *key, const char *text);
void ob_action_raw(struct ob_frame_out *f, const char *key, const char *raw);
bool ob_unsupported(const struct ob_peer *p, enum ob_name name);
/* A request of our own without further members. */
bool ob_ask(struct ob *g, enum ob_name name, enum ob_for what);
/* The pending entry of an echo, NULL if there is none. */
struct ob_pending *ob_pending_find(struct ob_peer *p, const char *echo, size_t len);
/* The ticket of a send that was given up lately and has this echo; once. 0: it is none. */
uint64_t ob_late_take(struct ob *g, const char *echo, size_t len);
void ob_pending_done(struct ob_peer *p, struct ob_pending *e);
/* The connection is lost: everything pending ends. */
void ob_pending_fail_all(struct ob_peer *p, const char *reason);
void ob_pending_timeouts(struct ob_peer *p, int64_t now);
void ob_id_json(struct buf *out, const char *id, bool as_string);

/* ob_response.c */
enum ob_result { OB_OK, OB_ACCEPTED, OB_FAILED };
struct ob_answer {
    enum ob_result result;
    int64_t retcode;
    char reason[OB_REASON_MAX + 1];
    const struct json *data; /* NULL or null when absent */
};
enum ob_class {
    OB_CLASS_OTHER,
    OB_CLASS_UNKNOWN,
    OB_CLASS_MUTED,
    OB_CLASS_AT_ALL,
    OB_CLASS_LIMITED,
    OB_CLASS_RISK, /* refused by risk control, they say; it may be there all the same */
    OB_CLASS_MEDIA,
    OB_CLASS_PERMISSION,
    OB_CLASS_NOT_FOUND,
    OB_CLASS_UNSUPPORTED,
    OB_CLASS_HANDLED /* somebody did it already */
};
void ob_answer_read(const struct json *o, struct ob_answer *a);
enum ob_class ob_answer_class(const struct ob_answer *a, enum ob_impl impl);
enum send_outcome ob_send_outcome(const struct ob_answer *a, enum ob_impl impl);
void ob_response(struct ob_peer *p, const struct json *o);
/* Ends a pending request without a response. */
void ob_response_lost(struct ob *g, const struct ob_pending *e, enum send_outcome outcome,
                      const char *reason);

/* ob_send.c */
bool ob_send(struct gateway *g, const struct out_message *m, uint64_t ticket);
void ob_sent(struct ob *g, uint64_t ticket, enum send_outcome outcome, const char *id,
             const char *reason, int64_t retry_ms);

/* ob_call.c */
bool ob_call(struct gateway *g, const struct gateway_request *r, uint64_t ticket);
bool ob_call_now(struct ob *g, const struct gateway_request *r, uint64_t ticket);
void ob_call_answer(struct ob *g, const struct ob_pending *e, const struct ob_answer *a);
void ob_call_failed(struct ob *g, uint64_t ticket, const char *reason);
/* The link was lost under it, or no answer came. */
void ob_call_lost(struct ob *g, uint64_t ticket, enum send_outcome outcome, const char *reason);
int64_t ob_quota_left(const struct json *data); /* -1 unknown */

/* ob_held.c: what waits a moment before it goes on */
void ob_held_join(struct ob *g, struct event *e);
bool ob_held_merge(struct ob *g,
                   struct event *e); /* true: it was the second of a held join, and is freed */
void ob_held_release(struct ob *g, const struct event *before); /* joins of that user come first */
void ob_held_answer(struct ob *g, const struct gateway_request *r, uint64_t ticket);
/* A result that must not be reported inside the call that it answers. is_send: on_sent, else on_response. reason is a fixed text. */
void ob_held_result(struct ob *g, bool is_send, uint64_t ticket, const char *reason);
void ob_held_due(struct ob *g, int64_t now);
void ob_held_flush(struct ob *g); /* results only */
void ob_held_end(struct ob *g);   /* stop: joins are delivered, the rest is reported as failed */

/* ob_history.c */
void ob_history_ready(struct ob *g);
void ob_history_catch_up(struct gateway *g, const char *chat, int64_t since_ms);
void ob_history_due(struct ob *g, int64_t now);
/* How many chats are read side by side now. */
int ob_history_many(const struct gateway *g);
/* id: the ticket of the request. */
void ob_history_answer(struct ob *g, uint64_t id, const struct ob_answer *a);
void ob_history_failed(struct ob *g, uint64_t id, const char *reason);
void ob_history_free(struct ob *g);
/* The params that ask for a page, by implementation; anchor NULL: the latest. Tests call it. */
void ob_history_params(struct buf *out, enum ob_impl impl, const char *group, bool string_ids,
                       int count, const char *message_id, int64_t seq);

/* ob_lists.c */
void ob_groups_answer(struct ob *g, const struct ob_answer *a);
void ob_requests_answer(struct ob *g, const struct ob_answer *a);
void ob_lists_free(struct ob *g);

#endif
