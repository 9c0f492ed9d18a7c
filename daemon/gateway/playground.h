/* playground.h -- a gateway without a platform: whoever drives it (sopd play, sopd test, unit tests) speaks as members of
 * demo groups and reads what the bot sends. Everything else is as with a real gateway: ids, mentions, acknowledgements that
 * come later, member lists.
 * People are known by name; each name has a fixed numeric id, the same in every run. A chat is the key of a group that
 * was added ("demo" always exists) or a private chat, playground_private(g, name). */
#ifndef SOPD_GATEWAY_PLAYGROUND_H
#define SOPD_GATEWAY_PLAYGROUND_H

#include "gateway/gateway.h"

/* What the bot did, in readable form; borrowed for the call. */
struct playground_message {
    const char *chat, *chat_name;
    const char *text;       /* with @names, [image], quotations as "> ..." */
    const char *message_id; /* what the acknowledgement will say */
    const struct out_message *raw;
};
struct playground_watch {
    void *ud;
    void (*on_message)(void *ud, const struct playground_message *m);
    /* Kicks, mutes, recalls ...: one line of text. */
    void (*on_action)(void *ud, const char *chat, const char *text);
};
void playground_set_watch(struct gateway *g, const struct playground_watch *watch);

/* Adds a group (before or after start); a known id gets the new name. */
void playground_add_group(struct gateway *g, const char *chat, const char *name);
/* How the bot is called: "@name" in a text then means it. */
void playground_set_self_name(struct gateway *g, const char *name);

/* The id of a name (made when new) and the name of an id (the id itself when unknown). */
const char *playground_user(struct gateway *g, const char *name);
const char *playground_name(struct gateway *g, const char *user);
/* The chat key of the private chat with that person. */
const char *playground_private(struct gateway *g, const char *name);
/* "owner", "admin" or "member" in that group. */
void playground_set_role(struct gateway *g, const char *chat, const char *name, const char *role);
/* Somebody is a member since then, without an event: what a restart of the daemon does not change. */
void playground_admit(struct gateway *g, const char *chat, const char *name, const char *role,
                      int64_t joined_s);
/* From now on it is a platform that lacks these capabilities (GATEWAY_DM, ...). */
void playground_set_lacks(struct gateway *g, unsigned caps);
/* Which platform it is: "any" (everything that one may be able to do), or "wecom": no joins, only messages that mention the bot, no
 * mentions, messages only into chats in which somebody wrote to the bot. False: it knows none of that name. */
bool playground_set_platform(struct gateway *g, const char *name);
unsigned playground_caps(const struct gateway *g);
/* What the platform remembers while the daemon restarts (buttons, open chats): taken from the old gateway, given to the new one. */
struct play_memory;
struct play_memory *playground_take_memory(struct gateway *g);
void playground_give_memory(struct gateway *g, struct play_memory *m);
void playground_free_memory(struct play_memory *m);
/* Message ids and event keys are numbers that count up; the last one, and going on after another one: a platform counts on while
 * the daemon restarts, and repeats what it told under the same number. */
int64_t playground_last_id(const struct gateway *g);
void playground_set_last_id(struct gateway *g, int64_t id);

/* From now on what people do was missed when it happened, so long ago, and comes in from the history; 0: no more. */
void playground_set_ago(struct gateway *g, int64_t ms);
/* Tells the flows of a group that what was missed has come in: so many messages, since so long ago. */
void playground_gap(struct gateway *g, const char *chat, int64_t messages, int64_t ago_ms);

/* Things that happen. In texts "@name" of a known person (or the bot, or 全体成员) becomes a mention. Each returns the message
 * id where there is one, valid until the next call. */
const char *playground_say(struct gateway *g, const char *chat, const char *name, const char *text);
const char *playground_reply(struct gateway *g, const char *chat, const char *name,
                             const char *message_id, const char *text);
const char *playground_image(struct gateway *g, const char *chat, const char *name,
                             const char *caption);
void playground_join(struct gateway *g, const char *chat, const char *name,
                     const char *inviter); /* inviter: NULL = none */
void playground_leave(struct gateway *g, const char *chat, const char *name,
                      const char *kicker); /* kicker: NULL = by themselves */
void playground_poke(struct gateway *g, const char *chat, const char *name,
                     const char *target); /* target: NULL = the bot */
void playground_enter(struct gateway *g,
                      const char *name); /* opens the private chat with the bot */
/* The newest button of that label in a chat; and somebody presses one. */
bool playground_find_button(const struct gateway *g, const char *chat, const char *label,
                            const char **message_id, const char **value);
void playground_press(struct gateway *g, const char *chat, const char *name, const char *message_id,
                      const char *value);
void playground_recall(struct gateway *g, const char *chat, const char *name,
                       const char *message_id);
void playground_request(struct gateway *g, const char *chat, const char *name, const char *comment);

/* Results of the sends to come: `count` of them end like this instead of SENT. */
void playground_fail_sends(struct gateway *g, enum send_outcome outcome, const char *reason,
                           int count);
/* And say for how long (MUTED, CROWDED); 0: they do not. */
void playground_fail_for(struct gateway *g, int64_t ms);
/* Link and account as the engine sees them. */
void playground_set_state(struct gateway *g, enum gateway_link link, enum gateway_account account);
/* Sends whose result was not reported yet. */
unsigned playground_pending(const struct gateway *g);

#endif
