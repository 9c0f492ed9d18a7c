/* wc.h -- what the files of the WeCom codec (wecom.c, wc_*.c) share. Nobody else includes it, tests excepted.
 * The way of a frame in: wc_link.c (connection) -> wc_frame.c (acknowledgement, message or event?) -> wc_event.c (struct event)
 * -> the engine; acknowledgements -> wc_pending.c -> whoever wrote the command: wc_link.c (subscription, heartbeat) or the way
 * out (wc_out.h). Out: wc_frame_begin ... wc_frame_end, one command at a time per req_id. */
#ifndef SOPD_GATEWAY_WC_H
#define SOPD_GATEWAY_WC_H

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
    WC_SEEN_MAX = 8192,      /* messages and events that are remembered, to report none twice ... */
    WC_SEEN_S = 24 * 3600,   /* ... and for how many seconds */
    WC_REQ_ID_MAX = 1024,    /* bytes of a req_id of the server: a longer one cannot be answered */
    WC_TEXT_MAX = 64 * 1024, /* bytes of a message's text */
    WC_NAME_MAX = 192,       /* bytes of a card's title and the like */
    WC_SEGMENTS_MAX = 128,
    WC_PENDING_MAX = 1024,          /* commands without an acknowledgement */
    WC_PENDING_BUCKETS = 64,        /* a power of two */
    WC_QUEUE_MAX = 4 * 1024 * 1024, /* bytes waiting for the socket */
    WC_FRAME_MAX = 4 * 1024 * 1024, /* bytes of one message of the server */
    WC_REASON_MAX = 200,            /* bytes of errmsg that are kept */
    WC_NO_CODE = -32768             /* errcode missing, or no number */
};

struct wc;
struct wc_out; /* wc_out.h: the way out */

/* ---- commands that wait for their acknowledgement (wc_pending.c) ---- */

enum wc_for { WC_FOR_SUBSCRIBE, WC_FOR_PING, WC_FOR_OUT };

struct wc_pending {
    struct wc_pending *next; /* of its bucket */
    enum wc_for what;
    uint64_t number;  /* WC_FOR_OUT: the caller's own */
    uint64_t start;   /* conn_queued before its frame */
    int64_t deadline; /* mono */
    int64_t timeout_ms;
    size_t len;
    char req_id[];
};

struct wc_ack {
    int64_t errcode; /* WC_NO_CODE: it says nothing */
    char reason[WC_REASON_MAX + 1];
    const struct json *body; /* NULL or anything */
};

/* One command being written: {"cmd":"...","headers":{"req_id":"..."},"body": and then the caller's value. */
struct wc_frame {
    struct wc *g;
    struct buf *out; /* append the body here */
    size_t start;
    uint64_t queued;
    struct wc_pending *pending; /* not in the table yet */
};
/* req_id NULL: a fresh one of ours, made of cmd. False: not ready, the queue is full, or a command with that req_id waits for its
 * acknowledgement. */
bool wc_frame_begin(struct wc *g, struct wc_frame *f, const char *cmd, const char *req_id);
/* `number` comes back through wc_out_answer or wc_out_lost, exactly once, never from in here. */
void wc_frame_end(struct wc_frame *f, enum wc_for what, uint64_t number, int64_t timeout_ms);
void wc_frame_cancel(struct wc_frame *f);
/* Does a command of that req_id wait for its acknowledgement? */
bool wc_pending_has(struct wc *g, const char *req_id);
/* The same without looking at the state: the subscription itself. */
bool wc_frame_begin_raw(struct wc *g, struct wc_frame *f, const char *cmd, const char *req_id);
/* Takes it out of the table; the caller frees it. NULL: there is none. */
struct wc_pending *wc_pending_take(struct wc *g, const char *req_id, size_t len);
/* All of them end: the connection is gone. */
void wc_pending_fail_all(struct wc *g, const char *reason);
/* Ends those whose time is over. */
void wc_pending_due(struct wc *g, int64_t now);
/* All get so much more time: nothing was read meanwhile. */
void wc_pending_delay(struct wc *g, int64_t ms);

/* ---- event.ref: what a later answer needs, as text without blanks and control characters inside the fields ----
 *   message      m<arrived wall ms> <s|g> <req_id>
 *   enter_chat   w<arrived wall ms> s <req_id>
 *   card event   c<arrived wall ms> <s|g> <task_id or -> <card_type or -> <req_id>
 * Fields have every byte outside 0x21-0x7E, and %, as %XX. There is none without a req_id, or with one that is too long. */

/* ---- pictures and files that members sent (wc_vault.c) ----
 * Their address and key are secrets and good for 5 minutes: they stay in a bounded table of this process, and events carry an opaque
 * id ("wecom:" and 16 hex digits), so neither comes into Redis, the journal or a log. */
struct wc_media {
    const char *url, *aeskey; /* aeskey "" = not encrypted */
    int64_t until_ms;         /* wall: the platform's address is dead then */
};
/* The id under which it can be found again, copied into `id` (room for WC_MEDIA_ID). */
enum { WC_MEDIA_ID = 24, WC_MEDIA_MAX = 256, WC_MEDIA_MS = 5 * 60000 };
void wc_vault_put(struct wc *g, const char *url, const char *aeskey, char *id);
/* False: never seen, or pushed out by newer ones. Borrowed until the next put. */
bool wc_vault_get(struct wc *g, const char *id, struct wc_media *out);
void wc_vault_free(struct wc *g);

/* ---- decoding callbacks: no connection needed (wc_event.c, wc_name.c) ---- */

enum wc_verdict {
    WC_EVENT,         /* *out is for the engine */
    WC_SUPERSEDED_BY, /* another connection took the bot over */
    WC_IGNORED,       /* of no interest; `why` says which kind */
    WC_MALFORMED      /* `why` says what */
};
struct wc_decode {
    struct wc *g;             /* its vault takes the media; NULL: they have no id */
    const char *self_id;      /* bot_id */
    const char *const *names; /* how the bot is called; NULL: the first word with @ is its name */
    const char *req_id;       /* NULL: it cannot be answered */
    size_t req_id_len;
    int64_t now_ms; /* wall */
    uint64_t now_ns;
    int64_t stale_ms;
    const char *why;
};
enum wc_verdict wc_message_decode(struct wc_decode *d, const struct json *body, struct event **out);
enum wc_verdict wc_event_decode(struct wc_decode *d, const struct json *body, struct event **out);
/* The bot's name at the start of a group message. names NULL or empty: it is taken for a word without blanks. */
struct wc_called {
    const char *name;     /* in the text, without the @; NULL: the text does not begin with it */
    size_t name_len, end; /* end: where the rest begins, blanks skipped */
};
struct wc_called wc_called_find(const char *text, size_t len, const char *const *names);

/* ---- the gateway ---- */

enum wc_state {
    WC_STOPPED,
    WC_WAITING, /* for next_dial */
    WC_DIALING,
    WC_SUBSCRIBING,
    WC_READY,
    WC_SUPERSEDED /* another connection has the bot; next_dial 0: for good */
};

enum wc_after {
    WC_AFTER_RETRY,
    WC_AFTER_AUTH,      /* bot_id or secret refused: slowly */
    WC_AFTER_LIMITED,   /* subscribed too often: after a fixed pause */
    WC_AFTER_AT_ONCE,   /* the subscription was lost */
    WC_AFTER_SUPERSEDED /* another connection has the bot */
};

struct wc_vault;

struct wc {
    struct gateway base;
    struct gateway_env env;
    struct gateway_sink sink;
    struct gateway_conf conf;
    struct wc_out *out;

    /* the connection */
    enum wc_state state;
    struct conn *conn;
    uint64_t gen;        /* of the connection; never used twice in a process */
    bool closing;        /* we have said goodbye */
    enum wc_after after; /* what follows when the connection has ended */
    struct backoff retry, auth;
    int64_t next_dial;    /* mono */
    int64_t ready_since;  /* mono; 0: not ready */
    int64_t next_ping;    /* mono */
    int64_t paused_since; /* mono: not read since then; 0 = it is */
    int64_t wrote_at;     /* mono: when conn_written was seen to rise to `wrote` */
    uint64_t wrote;
    unsigned missed; /* heartbeats without an answer */
    int64_t takeover_day;
    unsigned takeovers; /* on that day */
    struct wc_pending *pending[WC_PENDING_BUCKETS];
    unsigned npending;

    /* life */
    struct wake wake;
    int64_t tick_ms, next_tick;
    bool started, stopping, was_up;
    void (*done)(void *ud);
    void *done_ud;

    enum gateway_link link;
    enum gateway_account account;
    const char *account_reason; /* a literal, "" none */
    uint64_t reconnects;
    int64_t last_rx_wall;
    struct seen *seen; /* messages and events of this bot: survives connections */
    struct wc_vault *vault;
    struct rng rng;
    struct log_gate bad_gate, binary_gate;
    struct gateway_meter meter;
};

/* wecom.c */
struct json_doc *wc_json_doc(void);
void wc_count_bad(struct wc *g, const char *why);
uint64_t wc_seen_key(const struct event *e);
void wc_wake(struct wc *g, int64_t mono_ms); /* makes the timer fire no later than that */
static inline int64_t wc_now(const struct wc *g)
{
    return clock_mono(g->env.clock);
}

/* wc_link.c */
static inline bool wc_ready(const struct wc *g)
{
    return g->state == WC_READY && !g->closing && !g->stopping;
}
void wc_link_start(struct wc *g);
void wc_link_stop(struct wc *g);
void wc_pause(struct gateway *g, bool pause);
void wc_link_tick(struct wc *g, int64_t now);
void wc_link_dial_due(struct wc *g, int64_t now);
/* The subscription was answered, or was not in time (NULL). */
void wc_link_subscribed(struct wc *g, const struct wc_ack *a);
/* A heartbeat was answered; NULL: by a bare pong. */
void wc_link_heartbeat(struct wc *g, const struct wc_ack *a);
void wc_link_superseded(struct wc *g);
/* An answer said that this socket has no subscription (846609): drop it, connect and subscribe at once. */
void wc_resubscribe(struct wc *g, const char *why);

/* wc_frame.c */
void wc_frame_in(struct wc *g, char *data, size_t len);

/* ---- the way out, called from here (its own files: wc_out.h) ---- */

struct wc_out *wc_out_new(struct wc *g);
void wc_out_ready(struct wc *g);             /* subscribed */
void wc_out_tick(struct wc *g, int64_t now); /* from the timer */
void wc_out_flush(struct wc *g);             /* gateway_ops.flush */
void wc_out_stop(struct wc *g);              /* after the pending table was failed */
void wc_out_free(struct wc *g);
void wc_out_answer(struct wc *g, uint64_t number, const struct wc_ack *a);
void wc_out_lost(struct wc *g, uint64_t number, bool written, const char *reason);
bool wc_send(struct gateway *g, const struct out_message *m, uint64_t ticket);
bool wc_call(struct gateway *g, const struct gateway_request *r, uint64_t ticket);
void wc_draft(struct gateway *g, const struct out_message *m);
unsigned wc_caps(const struct gateway *g);
unsigned wc_caps_of(const struct gateway_conf *conf);

#endif
