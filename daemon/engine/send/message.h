/* message.h -- one message to be sent: its chat, segments and policy, from the script to the outbox and the gateway.
 * A message is one heap block; message_free releases it. Its JSON form is what the outbox in Redis holds (docs/redis.md). */
#ifndef SOPD_ENGINE_MESSAGE_H
#define SOPD_ENGINE_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/send/pace.h"
#include "gateway/gateway.h"

struct buf;

enum { MESSAGE_CHARS = 1500, MESSAGE_MENTIONS = 10, MESSAGE_IMAGES = 20 };

struct message {
    const char *chat;
    const char *flow;
    const char *ref;   /* of the event that it answers (gateway/event.h), "" none */
    const char *draft; /* the draft that it replaces, "" none */
    int64_t created_ms;
    int64_t from_ms, until_ms; /* not sent before (quiet hours; 0: any time) and not after (wall) */
    bool resend;               /* policy when the outcome stays unknown */
    bool insist;               /* so, and the script said it itself */
    bool answer;
    enum send_kind kind;
    enum late_policy late; /* what becomes of it when it has to wait */
    uint64_t cause;        /* hash of the member who caused it, 0: nobody; not kept in Redis */
    struct gateway_request *act; /* not a message but something to be done: act.c; owned; NULL */
    char *run; /* "<id>|<chat>" of the run that waits for its outcome; owned; NULL none */
    const struct out_segment *segments;
    int nsegments;
};

struct message_head {
    const char *chat, *flow;
    const char *ref, *draft; /* NULL = "" */
    int64_t created_ms, from_ms, until_ms;
    bool resend, insist, answer;
    enum send_kind kind;
    enum late_policy late;
};

/* A copy of everything. */
struct message *message_new(const struct message_head *head, const struct out_segment *segments,
                            int nsegments);
void message_free(struct message *m);
/* Names the run that waits for the message's outcome; run ("<id>|<chat>") is copied. */
void message_set_run(struct message *m, const char *run);
/* Mentions of that member become their plain name: their attention for today is used up. */
void message_unmention(struct message *m, const char *user);
void message_json(const struct message *m, struct buf *out);
/* NULL if the text is no message (an admin's edit went wrong). */
struct message *message_parse(const char *json, size_t len);
/* act.c: what is done instead of a message, its copy and its form in the entry. */
struct gateway_request *act_copy(const struct gateway_request *r);
void act_free(struct gateway_request *r);
void act_json(const struct gateway_request *r, struct buf *out);
struct cJSON;
struct gateway_request *act_parse(const struct cJSON *entry);
/* Is it about that user? */
bool act_names(const struct gateway_request *r, const char *user);
/* "kick", "recall", ... */
const char *act_name(enum gateway_action action);
/* The persons that it reaches by name, each once: the other side of a private chat, and who is mentioned. At most `max`; borrowed. */
int message_members(const struct message *m, const char **users, int max);
/* The text that a reader sees, mentions as @id: what own messages are compared with. */
void message_plain(const struct message *m, struct buf *out);
/* The same for people who look at what the bot says: with its buttons, and that it is a card. */
void message_shown(const struct message *m, struct buf *out);

/* Cleans and splits what a script wants to say: control characters and malformed UTF-8 go, texts are cut at paragraph and
 * code-point boundaries into pieces of at most MESSAGE_CHARS characters, mentions above MESSAGE_MENTIONS become plain text,
 * empty texts vanish. `keep_at` says whether a user may be @-ed (NULL: all). Calls fn for each piece; returns how many. */
int message_compose(const struct message_head *head, const struct out_segment *segments,
                    int nsegments, bool (*keep_at)(void *ud, const char *user), void *keep_ud,
                    void (*fn)(void *ud, struct message *m), void *ud);

#endif
