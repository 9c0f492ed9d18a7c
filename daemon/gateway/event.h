/* event.h -- what came in, normalised: the same struct for every platform.
 * One event is one heap block with an arena behind it; all strings and segments live in that arena and die with
 * event_free. The codec makes it and hands it over (gateway.h: on_event); whoever holds it frees it. */
#ifndef SOPD_GATEWAY_EVENT_H
#define SOPD_GATEWAY_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_type {
    EVENT_MESSAGE, /* somebody spoke */
    EVENT_JOIN, /* user came into the chat; operator: who let them in or invited them; sub "self" = we came in */
    EVENT_LEAVE, /* user left; sub "kick" with operator, or "leave"; sub "self" = we were removed */
    EVENT_POKE,  /* user nudged target */
    EVENT_RECALL,   /* message_id was taken back by operator */
    EVENT_REQUEST,  /* sub "friend", "add" or "invite"; flag answers it; text = comment */
    EVENT_ENTER,    /* user opened the single chat (WeCom) */
    EVENT_BUTTON,   /* user pressed a button; text = its value */
    EVENT_MUTE,     /* sub "ban"/"lift_ban", user "" = whole group; number = seconds */
    EVENT_ADMIN,    /* sub "set"/"unset" */
    EVENT_CARD,     /* user's display name in the chat changed; text = new one */
    EVENT_FILE,     /* user put a file into the chat; text = its name; number = size */
    EVENT_REACTION, /* user reacted to message_id; text = emoji code; sub "add"/"remove" */
    EVENT_ESSENCE,  /* message_id was pinned or unpinned; sub "add"/"delete" */
    EVENT_HONOR,    /* text = which honour (talkative, lucky_king, title ...) */
    EVENT_CHAT,     /* the chat itself changed (name): text = new name */
    EVENT_ORDER,    /* of a shop system, not of a platform: text = its id, number = cents */
    EVENT_TRIGGER,  /* of an outside system: sub = the trigger's name */
    EVENT_GAP, /* what was missed in the chat has come in: number = messages, text = seconds since it began */
    EVENT_OTHER, /* anything the platform may invent; sub = its own name for it */
    EVENT_TYPES
};

enum segment_type {
    SEGMENT_TEXT,  /* text */
    SEGMENT_AT,    /* id ("all" = everybody), text = name if known */
    SEGMENT_IMAGE, /* id = url or file; text = summary */
    SEGMENT_FACE,  /* id */
    SEGMENT_REPLY, /* id = message id that is quoted; text = what it says, where the platform tells (somebody else's words) */
    SEGMENT_VOICE, /* text = what was said, where the platform writes it down */
    SEGMENT_VIDEO,
    SEGMENT_FILE,    /* id = file or url, text = name */
    SEGMENT_CARD,    /* text = human summary; data = the platform's text */
    SEGMENT_FORWARD, /* id */
    SEGMENT_OTHER,   /* kind = the platform's type */
    SEGMENT_BUTTON   /* out only: id = its value, text = what stands on it */
};

struct segment {
    enum segment_type type;
    const char *kind; /* the platform's own word for it ("text", "at", "mface", ...) */
    const char *id;   /* "" when it has none */
    const char *text; /* "" when it has none */
};

enum {
    EVENT_ID_MAX = 127,      /* bytes of any id: Matrix and WeCom have long ones */
    EVENT_REF_MAX = 8 * 1024 /* bytes of `ref`; a longer one is left out */
};

struct event {
    enum event_type type;
    /* fed after a gap (catch-up): its state counts, answers that are late are not posted */
    bool history;
    bool at_me;    /* @-s the bot, or was sent in a private chat */
    bool at_other; /* @-s somebody else (or everybody) */
    bool private_chat;
    bool from_bot; /* the platform says that the user is a robot */
    bool late;     /* older than the gateway's stale limit when it arrived */
    /* chat key: a group is its platform id, a private chat is "@" and the user id: "700000001" or
     * "@3300000001"; "" when the event belongs to none */
    const char *chat;
    /* identity for de-duplication within the chat, e.g. "m1187204412", "join3300000005" */
    const char *key;
    const char *user;        /* who it is about; "" = nobody or unknown */
    const char *name;        /* display name of user: group card, else nickname, else id */
    const char *role;        /* platform role: "owner", "admin", "member", "" unknown */
    const char *operator_id; /* who did it; "" unknown */
    const char *target;      /* poke: who was nudged */
    const char *message_id;  /* "" = none */
    const char *reply_to;    /* message id it quotes; "" = none */
    const char *sub;         /* see the types above; "" = none */
    const char *flag;        /* request: what answers it, byte for byte */
    /* what the codec itself needs to answer this event (WeCom: req_id and its kind; Satori: referrer), opaque to everybody else, printable;
     * it comes back as out_message.ref, perhaps in another process and days later; "" = none */
    const char *ref;
    /* message: plain text for matching (leading reply and @me removed, see segments for all) */
    const char *text;
    const char *chat_name; /* name of the group if the event carries it; "" */
    /* a staff command that was given elsewhere: the chat key to answer to; "" else */
    const char *via;
    int64_t number;
    int64_t
        seq; /* group message: the platform's own number of it in the group, the same for all accounts; 0 unknown */
    int64_t time_ms;     /* the platform's time (arrival time when it has none) */
    int64_t arrived_ms;  /* wall time at which the frame came in */
    uint64_t arrived_ns; /* clock_ns() at that moment, for latency */
    const struct segment *segments;
    int nsegments;
};

/* `sub` of a message that nobody typed: a button that says a word was pressed; `target` is the message that it stands under. */
#define EVENT_PRESSED "button"

/* An empty event: all strings "", times zero. `room` is a hint for the arena (the frame's size is a good one). */
struct event *event_new(enum event_type type, size_t room);
/* Returns it to a small pool; NULL is allowed. */
void event_free(struct event *e);
/* Bytes of memory that it takes. */
size_t event_size(struct event *e);
/* A copy in e's arena, NUL-terminated; the pointer is valid until event_free. */
const char *event_string(struct event *e, const char *s, size_t len);
/* The same of a text for people: repaired, without control characters, at most `max` bytes of it. */
const char *event_text(struct event *e, const char *s, size_t len, size_t max);
/* Sets e->key and returns it; a long one (above 120 bytes) is cut and told apart by its hash. */
const char *event_key(struct event *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* e->key of a message: by its id; without one by who said what in which second. User, segments and time are set. */
void event_key_message(struct event *e);
/* "m" or "@" and an id, in e's arena. */
const char *event_prefixed(struct event *e, char first, const char *id);
/* A message that is nothing but a file becomes an EVENT_FILE: then true. */
bool event_file_alone(struct event *e);
/* Zeroed memory in e's arena, aligned for any type. */
void *event_room(struct event *e, size_t size);
/* "message", "join", ...: the names that scripts use. */
const char *event_type_name(enum event_type type);
/* The type of that name, or -1. */
int event_type_parse(const char *name);
/* Frees the pool (last line of main, so that leak checks are exact). */
void event_pool_free(void);

#endif
