/* routes.h -- the inside of `struct routes`, shared by router.c and schedule.c only. */
#ifndef SOPD_ENGINE_ROUTES_H
#define SOPD_ENGINE_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct binding;
struct handler;
struct gw;

struct routes_command {
    char *word; /* folded */
    size_t len;
    struct binding *binding;
    const struct handler *handler;
};
struct routes_on {
    struct binding *binding;
    const struct handler *handler;
};
struct routes_at {
    struct binding *binding;
    const struct handler *handler;
    int64_t clock_ms;
};

struct routes {
    int refs;
    char *tags;                /* effective tags of its chats */
    struct binding **bindings; /* owned references */
    int nbindings;
    struct routes_command *commands; /* longest first */
    int ncommands;
    struct routes_on *ons;
    int nons;
    struct routes_at *ats;
    int nats;
};

/* The routes that a chat of this key and name has; borrowed from the cache. */
struct routes *routes_lookup(struct gw *gw, const char *chat, const char *name);
/* Bytes of an optional /, # or ! and blanks before a command in folded text. */
size_t routes_strip(const char *text, size_t len);
/* What a message says as a command: its text segments, folded (lower: letters too), without mentions, images and closing
 * punctuation; nothing for cards and forwards. */
struct event;
struct buf;
void routes_command_text(const struct event *ev, struct buf *out, bool lower);
/* What follows the word in that text, in original letters and without leading blanks; it stands in `text`, which is filled anew. */
const char *routes_command_rest(const struct event *ev, size_t word_len, struct buf *text);
/* What may follow a command word: nothing, something set off from it (a blank, a digit, punctuation), anything. */
enum routes_rest { REST_NONE, REST_SET_OFF, REST_GLUED };
/* Does folded text say this folded word, with no more behind it than that? */
bool routes_says_word(const char *word, size_t word_len, const char *text, size_t len,
                      enum routes_rest rest);

#endif
