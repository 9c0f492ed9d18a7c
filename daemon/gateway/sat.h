/* sat.h -- what the files of the Satori codec (satori.c, sat_*.c) share. Nobody else includes it, tests excepted.
 * One connection to a Satori server holds several logins; each login that the configuration names is a gateway (struct sat), and all
 * of one server and token share its connection (struct sat_hub).
 * The way in: sat_hub.c (connection, frames) -> sat_login.c (whose is it?) -> sat_event.c, sat_notice.c (struct event) ->
 * sat_deliver.c (repeats, chats, joins that lack something) -> the engine. The way out is HTTP: sat_out.h, sat_http.h. */
#ifndef SOPD_GATEWAY_SAT_H
#define SOPD_GATEWAY_SAT_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metrics.h"
#include "gateway/backoff.h"
#include "gateway/conf.h"
#include "gateway/gateway.h"
#include "gateway/json.h"
#include "gateway/memo.h"
#include "gateway/meter.h"
#include "gateway/seen.h"
#include "gateway/transport.h"
#include "gateway/wake.h"

struct http_client;
struct http_conf;

enum {
    SAT_ID_MAX = EVENT_ID_MAX,
    SAT_PLATFORM_MAX = 63,
    SAT_NAME_MAX = 192,       /* bytes of a display name */
    SAT_TEXT_MAX = 64 * 1024, /* bytes of a message's text */
    SAT_FLAG_MAX = 255,
    SAT_FRAME_MAX = 8 << 20, /* bytes of one message of the server */
    SAT_QUEUE_MAX =
        64 *
        1024, /* bytes that may wait for the socket: only pings and the first frame leave by it */
    SAT_REF_MS =
        5 * 60 * 1000, /* a referrer is good for messages that answer nothing for so long */
    SAT_MEMO = 2048,   /* entries of each table of a gateway */
    SAT_POSTS_MS =
        10 * 60 * 1000, /* the channel of a guild that was looked up is looked up again */
    SAT_LOGINS_MAX = 4096
};

/* ---- logins: rows of the table that READY brings ---- */

enum sat_status {
    SAT_UNASKED = -2, /* without READY: login.get will say */
    SAT_OFFLINE = 0,
    SAT_ONLINE,
    SAT_CONNECT,
    SAT_DISCONNECT,
    SAT_RECONNECT
};

struct sat_login {
    struct sat_login *next;
    bool has_sn;
    int64_t sn;                          /* good within one connection only */
    char platform[SAT_PLATFORM_MAX + 1]; /* "" unknown: not usable yet */
    char id[SAT_ID_MAX + 1];             /* of its user; "" unknown: not usable yet */
    char name[SAT_NAME_MAX + 1];
    int status;     /* enum sat_status or any other number */
    char *features; /* "\nmessage.create\nguild.plain\n"; NULL = the server does not say */
    bool kept;      /* while a table is replaced: it is in the new one */
};

enum sat_known { SAT_NO, SAT_YES, SAT_MAYBE /* the server does not say */ };

struct sat;
struct sat_out;  /* sat_out.h: calls, sends, history of a gateway */
struct sat_held; /* sat_held.c: events that wait for an answer of the server */

/* ---- the connection ---- */

enum sat_state {
    SAT_IDLE,
    SAT_WAITING, /* for next_dial */
    SAT_DIALING,
    SAT_OPEN,    /* IDENTIFY is sent */
    SAT_READY,   /* READY came */
    SAT_DEGRADED /* it never came, but the server talks to us */
};

struct sat_hub {
    struct sat_hub *next;
    struct gateway_env env;
    struct gateway_conf conf; /* of its first gateway: address, token, TLS, times */
    char *base_url;           /* https://host:port/prefix/v1 */
    char *events_url;         /* wss://host:port/prefix/v1/events */
    struct http_client *http; /* for all calls of its gateways */
    struct http_conf *http_conf;
    struct sat *gateways; /* those that are stopped stay in it until the timer takes them out */
    int live;             /* those that are not stopped */

    enum sat_state state;
    struct conn *conn;
    uint64_t gen; /* of the connection: grows with each */
    int64_t opened, last_rx, next_dial, next_ping, ready_since, next_look; /* monotonic */
    int64_t last_rx_wall;
    bool closing, auth_failed, saw_frame, saw_event, paused, told_unserved;
    struct backoff again, auth;
    bool has_sn;
    int64_t last_sn; /* of the last event that had one */
    struct sat_login *logins;
    int nlogins;
    char **proxy_urls;
    int nproxy_urls;
    int64_t next_refresh; /* monotonic: the table is not asked for sooner */
    uint64_t unserved;    /* events of logins that no gateway serves */

    struct wake wake;
    int64_t tick_ms;
    bool started, dying, http_gone;
    struct rng rng;
    struct log_gate bad_gate, owner_gate;
};

/* ---- one login = one gateway ---- */

struct sat {
    struct gateway base;
    struct gateway_env env;
    struct gateway_sink sink; /* after stop: takes everything and does nothing */
    struct gateway_conf conf; /* strings owned */
    struct sat_hub *hub;
    struct sat *next;        /* on its hub */
    struct sat_login *login; /* its row in the table, NULL: the server has none such now */
    /* what was last known of the login: stays while the link is down */
    char platform[SAT_PLATFORM_MAX + 1], self_id[SAT_ID_MAX + 1], self_name[SAT_NAME_MAX + 1];
    enum gateway_link link;
    enum gateway_account account;
    const char *account_reason; /* a literal */
    bool started, stopping, paused, was_up, saw_own, told_absent;
    uint64_t reconnects;
    int64_t gap_ms;      /* wall: the last frame before the link was lost; 0 = it never was */
    int64_t next_login;  /* monotonic: login.get is due; 0 = not asked for */
    int64_t next_guilds; /* monotonic: the list of guilds is due; 0 = not asked for */
    bool asking_login, asking_guilds;

    struct seen *messages, *notices, *requests;
    struct memo *direct; /* user -> id of the DIRECT channel */
    struct memo *peers;  /* DIRECT channel -> user */
    struct memo *guilds; /* channel -> guild */
    struct memo *posts;  /* guild -> channel for welcomes */
    struct memo *refs;   /* chat key -> newest referrer, SAT_REF_MS */
    struct sat_held *held;
    int nheld;
    struct sat_roster *roster; /* sat_lists.c */
    struct sat_out *out;       /* sat_out.c */
    struct log_gate bad_gate;
    struct gateway_meter meter;
    void (*done)(void *ud);
    void *done_ud;
};

/* satori.c */
struct json_doc *sat_json_doc(
    void); /* one for all: a frame or an answer is read to its end before the next one */
void sat_count_bad(struct sat_hub *h, const char *why);
static inline int64_t sat_now(const struct sat *g)
{
    return clock_mono(g->env.clock);
}
void sat_tables(struct sat *g); /* what it remembers: nothing yet */
void sat_free(struct sat *g);   /* from the hub's timer, when nothing knows it any more */
/* Link up, account and login known, not stopping: calls may be made. Messages need sat_may_send. */
bool sat_ready(const struct sat *g);
bool sat_may_send(const struct sat *g); /* ready, and the account is not known to be offline */
/* Recomputes link and account, tells the engine of a change. */
void sat_update(struct sat *g, const char *reason);

/* sat_url.c */
/* "http://host/prefix/" -> base "http://host/prefix/v1", events "ws://host/prefix/v1/events". False with err: what is wrong. */
bool sat_urls(const char *url, struct buf *base, struct buf *events, struct buf *err);

/* sat_hub.c */
void sat_hub_join(struct sat *g); /* makes it if there is none such */
void sat_hub_start(struct sat_hub *h);
void sat_hub_leave(struct sat *g); /* g->stopping is set: it is freed by the hub's timer */
void sat_wake(struct sat_hub *h, int64_t mono_ms);    /* makes the timer fire no later than that */
void sat_hub_pause(struct sat_hub *h);                /* some gateway was paused or resumed */
void sat_hub_ready(struct sat_hub *h, bool degraded); /* READY came, or must be done without */
static inline bool sat_hub_up(const struct sat_hub *h)
{
    return (h->state == SAT_READY || h->state == SAT_DEGRADED) && !h->closing;
}

/* sat_frame.c */
void sat_frame(struct sat_hub *h, char *data, size_t len);
void sat_proxy_urls(struct sat_hub *h, const struct json *list); /* replaces them */

/* sat_login.c */
void sat_login_table(struct sat_hub *h, const struct json *list); /* replaces it */
void sat_login_event(struct sat_hub *h, const char *type, const struct json *login);
/* What sat_owner.c needs of it. */
bool sat_login_id(const struct json *v, char *out, size_t max);
void sat_login_ids(const struct json *v, char *platform, char *id);
bool sat_login_usable(const struct sat_login *l);
bool sat_login_fits(const struct sat *g, const char *platform, const char *id);
struct sat_login *sat_login_find(struct sat_hub *h, const char *platform, const char *id);
struct sat_login *sat_login_by_sn(struct sat_hub *h, const struct json *v);
struct sat_login *sat_login_new(struct sat_hub *h); /* NULL: there are too many */
void sat_login_changed(struct sat_hub *h, const char *reason);
/* sat_owner.c. The gateway that an event object belongs to, and its login row (made if it has none yet). NULL: nobody's; *why says why, NULL =
 * a login that is not served. */
struct sat *sat_login_owner(struct sat_hub *h, const struct json *body, const char **why);
/* A message of the account itself. Servers make such an event when they have sent a message: late, it would be no sign that the account
 * is online, or there at all. */
bool sat_owner_echo(const struct json *body, const char *self);
void sat_login_free(struct sat_hub *h);
void sat_login_bind(struct sat_hub *h); /* gives every gateway its row */
void sat_login_proof(struct sat *g);    /* something came in from the platform: it is online */
void sat_login_tick(struct sat *g, int64_t now);
enum sat_known sat_feature(const struct sat *g, const char *name);
/* One channel a guild: both have the same id (6.4). */
bool sat_plain(const struct sat *g);
/* Asks for the table once more (POST /meta), at most once a minute: a call was refused although the login was in it. */
void sat_login_refresh(struct sat_hub *h);

/* ---- decoding events ---- */

enum sat_verdict {
    SAT_EVENT,    /* *out is for the engine */
    SAT_OWN,      /* *out is a message of our own account */
    SAT_IGNORED,  /* known and of no interest */
    SAT_MALFORMED /* why says what */
};
struct sat_decode {
    struct sat *g;
    const char *self_id;
    int64_t now_ms; /* wall */
    uint64_t now_ns;
    int64_t stale_ms;
    bool history;
    const char *chat;  /* history: the chat that was asked for; else NULL */
    const char *guild; /* out: the guild of the event, "" none; in its arena */
    bool unplaced;     /* out: chat is "": it must be found by the guild (sat_held.c) */
    const char *why;
};
void sat_decode_begin(struct sat *g, struct sat_decode *d, bool history);
/* sat_event.c, with its pieces in sat_field.c: reads one event body. */
enum sat_verdict sat_event_decode(struct sat_decode *d, const struct json *body,
                                  struct event **out);
/* One Message of message.list of `chat`, as an event of the past. */
enum sat_verdict sat_event_message(struct sat *g, const struct json *message, const char *chat,
                                   struct event **out);
/* The pieces that sat_notice.c uses, too. */
typedef bool sat_fill_fn(struct sat_decode *d, struct event *e, const struct json *o);
struct sat_kind {
    const char *name; /* canonical */
    enum event_type type;
    sat_fill_fn *fill;
};
const struct sat_kind *sat_notice_kind(const char *type); /* sat_notice.c; NULL: none of it */
/* The name under which it is known here; old servers have others. */
const char *sat_event_type(const char *type);
enum sat_id_kind { SAT_ID_NONE, SAT_ID_OK, SAT_ID_BAD };
/* An id as the daemon keeps it: the text of a string, the digits of a whole number. NONE: absent, null, "". */
enum sat_id_kind sat_id(const struct json *v, const char **s, size_t *len);
/* "" when absent; NULL when it is no id (d->why is set). */
const char *sat_event_id(struct sat_decode *d, struct event *e, const struct json *v);
const char *sat_event_text(struct event *e, const struct json *v, size_t max);
/* A resource of an event: at the top, in its message, or in its member. NULL: there is none. */
const struct json *sat_event_part(const struct json *o, const char *key);
bool sat_event_user(struct sat_decode *d, struct event *e, const struct json *o);
/* False: no usable chat (d->why). guild_only: a guild without channel is enough (joins). */
bool sat_event_chat(struct sat_decode *d, struct event *e, const struct json *o, bool guild_only);
/* "owner", "admin", "member" of a GuildMember, "" unknown. */
const char *sat_role(const struct sat *g, const struct json *member);
/* JSON text of a value with its keys and numbers as they came. */
void sat_json_print(struct buf *out, const struct json *v);

/* sat_deliver.c */
void sat_deliver(struct sat *g, struct sat_decode *d, struct event *e); /* an event of a frame */
void sat_pass(struct sat *g, struct event *e); /* complete: to the engine, unless it is a repeat */
void sat_deliver_own(struct sat *g, struct event *e); /* frees it */
/* A message of the history (sat_event_message made it): repeats are dropped. Takes it. */
void sat_deliver_history(struct sat *g, struct event *e);
void sat_unsee(struct gateway *base, const struct event *e);

/* What satcalls asks: bounded memories, filled by events and answers. Borrowed until the next event. */
const char *sat_referrer(struct sat *g, const char *chat); /* NULL: none that is young enough */
const char *sat_direct(struct sat *g,
                       const char *user); /* id of the DIRECT channel, NULL unknown */
void sat_direct_known(struct sat *g, const char *user, const char *channel);
const char *sat_guild(struct sat *g, const char *channel); /* NULL unknown */
void sat_guild_known(struct sat *g, const char *channel, const char *guild);

/* sat_held.c: joins whose chat or name is not known yet */
void sat_held_add(struct sat *g, struct event *e, const char *guild);
void sat_held_release(struct sat *g,
                      const struct event *before); /* joins of that user come first */
void sat_held_tick(struct sat *g, int64_t now);
void sat_held_end(struct sat *g); /* stop, link lost: they go on as they are */

/* sat_lists.c: guilds and their channels, after the link is up and every ten minutes */
void sat_lists_ready(struct sat *g);
void sat_lists_tick(struct sat *g, int64_t now);
bool sat_lists_event(struct sat *g, const char *type, const struct json *body);
void sat_lists_free(struct sat *g);

/* ---- the way out: sat_out.c and its like ---- */

void sat_out_init(struct sat *g);
void sat_out_free(struct sat *g);
void sat_out_ready(struct sat *g);                 /* the link came up */
void sat_out_down(struct sat *g, const char *why); /* link or login lost: nothing new is begun */
void sat_out_stop(
    struct sat *g); /* reports everything pending, cancels its calls; no answer comes after */
void sat_out_tick(struct sat *g, int64_t now);
void sat_out_flush(struct sat *g);
unsigned sat_out_pending(const struct sat *g); /* calls without an answer */
bool sat_send(struct gateway *g, const struct out_message *m, uint64_t ticket);
bool sat_call(struct gateway *g, const struct gateway_request *r, uint64_t ticket);
void sat_catch_up(struct gateway *g, const char *chat, int64_t since_ms);
int sat_catch_up_many(const struct gateway *g);
unsigned sat_caps(const struct gateway *g);
unsigned sat_caps_of(const struct gateway_conf *conf); /* gateway_ops.caps_of */

#endif
