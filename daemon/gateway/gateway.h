/* gateway.h -- the only door between the engine and the messaging platforms.
 * A gateway is one connection to one platform for one bot account. The engine creates it from its configuration, gets
 * events, results and state changes through `struct gateway_sink`, and asks for sends and actions. Codecs (onebot11.c,
 * satori.c, wecom.c, playground_gateway.c) fill `struct gateway_ops`; docs/gateways.md says how to write one. All calls happen on the
 * loop thread. Sinks may be called from socket callbacks: the engine only records there and works later in the same loop iteration,
 * then calls flush. */
#ifndef SOPD_GATEWAY_GATEWAY_H
#define SOPD_GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "gateway/event.h"

struct clock;
struct buf;
struct gateway;

/* What a gateway can do. Asking for what it cannot is an error value for the script, never a silent loss. */
enum gateway_cap {
    GATEWAY_JOIN = 1 << 0,        /* join and leave events */
    GATEWAY_UNMENTIONED = 1 << 1, /* sees messages that do not @ it */
    GATEWAY_AT = 1 << 2,
    GATEWAY_AT_ALL = 1 << 3,
    GATEWAY_DM = 1 << 4,
    GATEWAY_PROACTIVE = 1 << 5, /* may post without being spoken to */
    GATEWAY_IMAGE = 1 << 6,
    GATEWAY_BUTTONS = 1 << 7,
    GATEWAY_HISTORY = 1 << 8,
    GATEWAY_RECALL = 1 << 9,
    GATEWAY_MUTE = 1 << 10,
    GATEWAY_KICK = 1 << 11,
    GATEWAY_MEMBERS = 1 << 12,
    GATEWAY_QUOTE = 1 << 13,
    GATEWAY_ECHO = 1 << 14,  /* reports its own messages: settles unknown sends */
    GATEWAY_CARDS = 1 << 15, /* takes the platform's own cards (SEGMENT_CARD) */
    GATEWAY_DRAFTS = 1 << 16 /* shows an answer while it is made (gateway_ops.draft) */
};

/* "join", "at", "dm", ...: names in flow `needs` and in docs; 0 if unknown. */
unsigned gateway_cap_parse(const char *name);
const char *gateway_cap_name(unsigned one_cap);

enum gateway_link { LINK_DOWN, LINK_CONNECTING, LINK_UP, LINK_REFUSED /* bad token */ };
enum gateway_account { ACCOUNT_UNKNOWN, ACCOUNT_ONLINE, ACCOUNT_OFFLINE, ACCOUNT_RESTRICTED };
const char *gateway_link_name(enum gateway_link link);
const char *gateway_account_name(enum gateway_account account);

/* How long it may hear nothing: as usual at that hour (learnt), for ever, or for a fixed time. */
enum gateway_expect { EXPECT_USUAL, EXPECT_NOTHING, EXPECT_EVERY };

/* A key = value list from the configuration, already checked for types by lua/config; codecs read it through these. */
struct gateway_conf {
    const char *name, *type;
    const char *mode;   /* "forward", "reverse" or NULL */
    const char *url;    /* forward */
    const char *listen; /* reverse: host:port */
    const char *path;   /* reverse */
    const char *token;  /* resolved secret or NULL; never logged */
    bool token_in_query;
    const char *self_id; /* expected account, or NULL */
    const char *tls_ca, *tls_cert, *tls_key;
    bool tls_insecure;
    const char *
        proxy; /* forward: http://[user:password@]host[:port], "none", NULL = the environment's; never logged */
    bool compress;         /* permessage-deflate */
    bool compress_context; /* it remembers from one message to the next */
    int compress_window;   /* bits, 0 = 15 */
    size_t fragment;       /* longer messages leave in pieces of so many bytes; 0 = whole */
    size_t max_frame;      /* bytes; 0 = default 64 MiB */
    /* timing in milliseconds, 0 = default; every one documented in docs/gateways.md */
    int64_t first_ms, idle_ms, backoff_ms, backoff_max_ms, auth_backoff_ms, auth_backoff_max_ms,
        ready_reset_ms, timeout_ms, stale_ms, request_delay_ms, catchup_ms,
        settle_ms /* wait for the echo of a message whose outcome is unknown; default 15 s */,
        resend_ms /* an unknown message is sent again no sooner than this after the first try; default 60 s */
        ,
        circuit_ms /* pause of the account after three bad outcomes in a row; default 5 min, doubling to 2 h */
        ;
    int64_t
        risk_step_ms /* an account that was slowed down gets better by one level after this; default 5 min */
        ,
        risk_window_ms /* signals further apart than this do not add up; default 10 min */;
    int catchup; /* messages of history fetched per chat after a gap; 0 = none */
    /* satori */
    const char *
        login_platform; /* with self_id: which login of the connection this gateway is; NULL: its only one */
    /* guild, channel, guild, channel, ..., NULL: where joins of a guild are greeted; NULL: none */
    const char *const *channels;
    bool resume;     /* tell the server where we were */
    int64_t ping_ms; /* 0 = default */
    /* wecom */
    const char *bot_id;       /* its secret is `token` */
    const char *const *names; /* how the bot is called in groups, NULL-terminated; NULL: none */
    bool mention_angle;       /* mentions as <@userid> instead of plain text */
    int64_t scene;            /* sent with the subscription; 0 = none */
    const char *plug_version; /* as well; NULL = none */
    int64_t limited_ms;       /* pause when it says that we subscribe too often; 0 = default */
    int64_t
        takeover_ms; /* after another connection took the bot over: connect again so much later; 0 = never */
    /* what shows that it can really be heard: engine/health */
    const char *canary_chat; /* NULL: none */
    const char *pool;        /* the pool of accounts that it belongs to; NULL: it stands alone */
    int rank; /* its place in the configuration: the first account of a pool is preferred */
    int64_t pool_back_ms; /* how long it must be well before it takes its chats back; 0 = 5 min */
    int64_t canary_every_ms, canary_within_ms;
    enum gateway_expect expect;
    int64_t expect_ms, expect_from_ms, expect_to_ms; /* EVERY; from, to: since local midnight */
};

/* One message to send. Strings are borrowed for the call. */
struct out_segment {
    enum segment_type
        type; /* TEXT, AT, IMAGE, FACE, REPLY; BUTTON and CARD where the gateway is capable of them */
    const char *id;   /* CARD: "" */
    const char *text; /* CARD: JSON text of the platform's card */
    size_t text_len;
};
struct out_message {
    const char *chat; /* chat key */
    const struct out_segment *segments;
    int nsegments;
    const char *ref;   /* event.ref of what it answers; "" or NULL = it answers nothing */
    const char *draft; /* the draft that it replaces, see gateway_ops.draft; "" or NULL = none */
};

enum send_outcome {
    SEND_SENT,   /* acknowledged; message_id may be "" where the platform gives none */
    SEND_FAILED, /* refused: reason says why; sending again is no use */
    SEND_AT_ALL, /* refused because of @all; it may go again without that */
    SEND_MUTED,  /* refused because we are muted there: hold the chat's queue until retry_ms */
    SEND_CLOSED, /* refused: this chat takes no messages from us (not in it, nobody wrote there yet). Failed, and no fault of the account */
    SEND_CROWDED, /* refused for too many messages in this one chat: hold its queue until retry_ms; other chats go on */
    SEND_LIMITED, /* refused for too many messages: slow down, may be sent later */
    SEND_RISK, /* refused by risk control, so it is said; it may have been delivered all the same */
    SEND_UNKNOWN,  /* written, no answer or an answer that says nothing: may have been delivered */
    SEND_UNWRITTEN /* never left our buffer: may be sent again safely */
};
const char *send_outcome_name(enum send_outcome outcome);

struct send_result {
    enum send_outcome outcome;
    const char *message_id; /* "" unknown */
    const char *reason;     /* "" or text for logs and scripts, already bounded and cleaned */
    int64_t retry_ms;       /* MUTED, CROWDED: wall time when it ends, 0 = unknown */
};

/* Other things a gateway can be asked to do. */
enum gateway_action {
    ACTION_RECALL,         /* chat, arg = message id */
    ACTION_KICK,           /* chat, user */
    ACTION_MUTE,           /* chat, user, number = seconds, 0 lifts */
    ACTION_WHOLE_MUTE,     /* chat, number = 0/1 */
    ACTION_CARD,           /* chat, user, arg = card */
    ACTION_ANSWER_REQUEST, /* arg = flag, sub = "friend"/"add"/"invite", number = 0/1, text = reason */
    ACTION_MEMBERS,        /* chat: result.members */
    ACTION_AT_ALL_QUOTA, /* chat: result.number = what is left today, -1 unknown */
    ACTION_REACT,        /* arg = message id, text = emoji code */
    ACTION_NOTICE,       /* chat, text: announcement */
    ACTION_POKE,         /* chat, user */
    ACTION_CARD_UPDATE,  /* chat, arg = ref of the button event, text = JSON of the new card */
    ACTION_PING          /* chat: by the account that serves it. Any answer is a sign of life */
};
struct gateway_request {
    enum gateway_action action;
    const char *chat, *user, *arg, *sub, *text; /* NULL = none */
    int64_t number;
};
struct gateway_member {
    const char *user, *name, *role;
    int64_t joined_s;
};
struct gateway_response {
    bool ok;
    bool lost, unwritten; /* not ok: nobody knows whether it was done; it never left our buffer */
    const char *reason;   /* when not ok */
    int64_t number;
    const struct gateway_member *members;
    size_t nmembers;
};

/* How a catch_up went. */
struct gateway_gap {
    const char *chat;
    int64_t since_ms; /* what was looked for: at or before what was asked */
    int messages;     /* of members, that lie in it; those that were known already included */
    bool complete;    /* the history reaches back to since_ms, or has no older ones */
    const char *why;  /* not complete: a fixed text; else "" */
    bool again;       /* not complete, but asking once more may help: there was no answer */
    /* The history, which has our own messages in it, was read without a hole from now back to this moment (wall); 0: it
     * shows nothing about what we sent. */
    int64_t back_ms;
};

/* What the engine gives a gateway to report to. `ticket` is the caller's own number, returned with the result. A codec may call all of
 * them (gateway_create), from any callback, but never from inside the op that it answers. What is passed is borrowed, unless it says so. */
struct gateway_sink {
    void *ud;

    /* -- what happened -- */
    /* Once per happening, in the order of its chat. The engine has the event from now on. */
    void (*on_event)(void *ud, struct gateway *g, struct event *e);
    /* An event was dropped because it tells again, under another key, what was reported before (a join that is told twice, with two
     * times): a repeat of it must not count either. Exact repeats are not told. */
    void (*on_repeated)(void *ud, struct gateway *g, const struct event *e);
    /* A message of our own account was seen (echo or history): lets the outbox settle unknown sends. */
    void (*on_own_message)(void *ud, struct gateway *g, const struct event *e);
    /* Once for each chat of which catch_up was asked: whatever was found was reported before. */
    void (*on_caught_up)(void *ud, struct gateway *g, const struct gateway_gap *r);

    /* -- what became of what was asked -- */
    /* Exactly once per accepted send. */
    void (*on_sent)(void *ud, struct gateway *g, uint64_t ticket, const struct send_result *r);
    /* A send that was reported as UNKNOWN is answered after all: it arrived. */
    void (*on_sent_late)(void *ud, struct gateway *g, uint64_t ticket, const char *message_id);
    /* Exactly once per accepted call. */
    void (*on_response)(void *ud, struct gateway *g, uint64_t ticket,
                        const struct gateway_response *r);

    /* -- how it is -- */
    /* Link, account or self id changed; `reason` is for logs. Ask ops->state for the values. */
    void (*on_state)(void *ud, struct gateway *g, const char *reason);
    /* A group of the account: its name, and that it is ours (present) or no longer (absent). */
    void (*on_chat)(void *ud, struct gateway *g, const char *chat, const char *name, bool present);
    /* How many are in it besides the account, where the platform says so with its list of groups; joins and leaves since are events. */
    void (*on_size)(void *ud, struct gateway *g, const char *chat, int64_t members);
};

struct gateway_state {
    enum gateway_link link;
    enum gateway_account account;
    /* why the account is as it is, one word: kicked, login_expired, restricted, logged_out, timeouts; NULL or "" not known */
    const char *account_reason;
    const char *self_id;   /* "" until known */
    const char *self_name; /* "" until known */
    const char *impl;      /* what the peer says it is, "" */
    int64_t last_rx_ms;    /* wall time of the last complete frame, 0 never */
    unsigned pending;      /* requests without an answer */
    size_t queued;         /* bytes that wait for the socket */
    uint64_t reconnects;
};

/* What all gateways of a process share: the loop, the clock, the transport. */
struct gateway_env {
    uv_loop_t *loop;
    struct clock *clock;
    struct transport *transport; /* gateway/transport.h; NULL if only playground gateways exist */
    /* HTTP: a codec that needs it makes a client of its own on `loop` (web/http_client.h) */
};

struct gateway_ops {
    /* -- known before there is one -- */
    const char *type;
    bool local; /* nobody is called over a network: no transport, no platform to be careful with */
    unsigned events; /* what it can ever report: bits 1 << enum event_type */
    /* What a gateway of this configuration can do at best: `caps` is never more. NULL: nothing is known of it. */
    unsigned (*caps_of)(const struct gateway_conf *conf);

    /* -- life -- */
    /* Checks conf and makes the gateway, not yet connected. NULL with err filled: what is wrong, in one sentence. */
    struct gateway *(*create)(const struct gateway_env *env, const struct gateway_conf *conf,
                              const struct gateway_sink *sink, struct buf *err);
    /* Begins to connect. Once. */
    void (*start)(struct gateway *g);
    /* Closes for good, in whatever state. Pending sends are reported (UNKNOWN or UNWRITTEN) before it returns; done is called when the
     * last handle is closed and the memory is gone. No sink call comes after that. */
    void (*stop)(struct gateway *g, void (*done)(void *ud), void *ud);
    unsigned (*caps)(const struct gateway *g); /* now */
    void (*state)(const struct gateway *g, struct gateway_state *out);

    /* -- out -- */
    /* False if it cannot be taken now (link down, not ready, enough waits): nothing was sent, no result follows. What the gateway cannot
     * do at all is a result that says so. */
    bool (*send)(struct gateway *g, const struct out_message *m, uint64_t ticket);
    bool (*call)(struct gateway *g, const struct gateway_request *r, uint64_t ticket);
    /* Writes what was queued in this loop iteration, in one go. */
    void (*flush)(struct gateway *g);

    /* -- may be left out; called through gateway_... below -- */
    /* Shows what an answer looks like so far: `m` is the whole of it, `m->draft` names it (unique per answer, [0-9a-z-], at most 64). The
     * next draft of that name replaces it, and the message sent with the same `draft` ends it. At best effort: nothing is
     * reported, a draft that cannot be shown now is forgotten. NULL where GATEWAY_DRAFTS is missing. */
    void (*draft)(struct gateway *g, const struct out_message *m);
    /* Fetches what was missed in a chat since `since_ms`; events arrive through on_event with history = true, own messages
     * through on_own_message, and on_caught_up ends it. NULL where GATEWAY_HISTORY is missing. */
    void (*catch_up)(struct gateway *g, const char *chat, int64_t since_ms);
    /* How many catch_up it likes to have at work at a time; 0 = any. NULL: one. */
    int (*catch_up_many)(const struct gateway *g);
    /* Stops or resumes reading from the peer; its links stay, and silence does not count against them. NULL: it cannot. */
    void (*pause)(struct gateway *g, bool pause);
    /* An event that was reported had to be dropped before it was handled: it is new when it is seen again. NULL: it remembers
     * nothing. */
    void (*unsee)(struct gateway *g, const struct event *e);
    /* Of a pool: the name of the gateway in it that serves a chat now; borrowed. NULL: there is but one account. */
    const char *(*account_of)(const struct gateway *g, const char *chat);
};

/* First member of every gateway. */
struct gateway {
    const struct gateway_ops *ops;
    char *name;
    void *owner; /* the engine's own pointer */
};

extern const struct gateway_ops onebot11_ops;
extern const struct gateway_ops playground_ops;
extern const struct gateway_ops satori_ops;
extern const struct gateway_ops wecom_ops;
/* The ops of a configured type, NULL if there is none such. */
const struct gateway_ops *gateway_ops_find(const char *type);
/* One more type, of a program that links the daemon with a codec of its own (tests/gateway_skeleton). Before the configuration is
 * read; ops lives on. */
void gateway_ops_add(const struct gateway_ops *ops);
/* Makes a gateway of the type that the configuration names. NULL with err filled. */
struct gateway *gateway_create(const struct gateway_env *env, const struct gateway_conf *conf,
                               const struct gateway_sink *sink, struct buf *err);
/* Gives the calls that are left out a meaning: nothing happens. A codec may rely on all of them. */
void gateway_sink_complete(struct gateway_sink *sink);

/* The ops that a codec may lack, with what that means. */
bool gateway_can(const struct gateway *g, unsigned caps);                     /* all of them */
void gateway_catch_up(struct gateway *g, const char *chat, int64_t since_ms); /* nothing */
int gateway_catch_up_many(const struct gateway *g);                           /* 1 */
void gateway_pause(struct gateway *g, bool pause);                            /* nothing */
void gateway_unsee(struct gateway *g, const struct event *e);                 /* nothing */
const char *gateway_account_of(const struct gateway *g, const char *chat);    /* NULL */
void gateway_draft(struct gateway *g, const struct out_message *m);           /* nothing */

/* What a gateway can do that is only configured yet; everything, where nothing is known. */
unsigned gateway_caps_of(const struct gateway_conf *conf);
/* Can a gateway of that type ever report the event? The engine's own (orders, triggers, gaps) come to every gateway. */
bool gateway_reports(const char *type, enum event_type event);

#endif
