/* routes.h -- the inside of `struct routes`, and the words of commands; for the files of the router only. */
#ifndef SOPD_ENGINE_ROUTES_H
#define SOPD_ENGINE_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "gateway/event.h"

struct binding;
struct handler;
struct gw;
struct known;

struct routes_command {
    const char *word; /* folded; the binding's */
    size_t len;
    struct binding *binding;
    const struct handler *handler;
};
/* The commands whose words begin with one character. */
struct routes_words {
    uint32_t first; /* its bytes */
    int from, n;    /* in `commands`; n 0: an empty place */
};
struct routes_on {
    struct binding *binding;
    const struct handler *handler;
    bool plain; /* hears every event of its type in a group */
};
struct routes_at {
    struct binding *binding;
    const struct handler *handler;
    int64_t clock_ms;
};

struct routes {
    int refs;
    bool staff;                /* a staff chat: what staff command here is about some group */
    char *tags;                /* effective tags of its chats */
    struct binding **bindings; /* owned references */
    uint32_t *names;           /* of their flows: hashes */
    int nbindings;
    struct routes_command *commands; /* by first character, then longest first */
    int ncommands;
    struct routes_words *words; /* a hash table of their first characters */
    uint32_t words_mask;
    struct routes_on *ons; /* by the type of their event, in the playbook's order */
    int nons;
    int ons_from[EVENT_TYPES + 1]; /* where those of a type begin */
    struct routes_at *ats;
    int nats;
    struct tally *tally; /* how its chats are counted; NULL: they are not */
    bool held;           /* in the list of those that were looked up */
    int slot; /* of its first time of day, in the round of the schedule that is named here */
    uint64_t slot_round;
    uint64_t hash; /* of all that it is made from */
    UT_hash_handle hh;
};

/* The routes that a chat of this key and name has; valid until playbooks or settings change. */
struct routes *routes_lookup(struct gw *gw, const char *chat, const char *name);
/* The same for a private chat with this home (home.h), which need not be in memory. */
struct routes *routes_lookup_at(struct gw *gw, const char *chat, const char *name,
                                const char *home);
/* The binding of that flow; NULL: it has none. */
struct binding *routes_named(const struct routes *r, const char *flow);
/* The same of a chat that is known to exist, which keeps them. */
struct routes *routes_of_known(struct gw *gw, struct known *k);
/* Puts handlers where an event finds them, when all have been added. routes_index.c */
void routes_index(struct routes *r);
/* The commands that a folded text could be: their words begin with its first character. */
const struct routes_command *routes_commands_like(const struct routes *r, const char *text,
                                                  size_t len, int *n);
/* How many there are: for tests. */
size_t routes_count(void);
/* Bytes of what may stand before a command in folded text: blanks, / # !, emoji and signs. 0 if there is nothing else. */
size_t routes_strip(const char *text, size_t len);
/* Appends a command word of a playbook as texts are compared with it: folded, without what stands before. */
struct buf;
void routes_fold_word(struct buf *out, const char *word);
/* What a message says as a command: its text segments, folded (lower: letters too), without mentions, images and closing
 * punctuation; nothing for cards, forwards, and what begins with an @ of somebody else. Of a long one (lower) the head. */
struct event;
void routes_command_text(const struct event *ev, struct buf *out, bool lower);
/* What follows the word in that text, in original letters and without what sets it off; it stands in `text`, which is filled anew. */
const char *routes_command_rest(const struct event *ev, size_t word_len, struct buf *text);
/* What may follow a command word: nothing, something set off from it (a blank, a digit, a sign, a picture), anything. Signs, pictures and
 * the word once more do not count; a question mark does: "checkin?" is a question. */
enum routes_rest { REST_NONE, REST_SET_OFF, REST_GLUED };
/* Does folded text say this folded word, with no more behind it than that? */
bool routes_says_word(const char *word, size_t word_len, const char *text, size_t len,
                      enum routes_rest rest);

#endif
