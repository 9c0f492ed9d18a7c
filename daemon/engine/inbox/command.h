/* command.h -- what outside systems ask for through the stream sopd:commands:{<gateway>}: an entry, checked (docs/operations.md,
 * "Other systems"). Pure: knows neither Redis nor chats. Callers: inbox.c (reads entries), command_turn.c (carries them out). */
#ifndef SOPD_ENGINE_COMMAND_H
#define SOPD_ENGINE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct gw;

enum command_op {
    COMMAND_TAG,
    COMMAND_UNTAG,
    COMMAND_POINTS,
    COMMAND_ORDER,
    COMMAND_TRIGGER,
    COMMAND_OPT_OUT,
    COMMAND_OPT_IN,
    COMMAND_FORGET,
    COMMAND_OPS
};
const char *command_op_name(enum command_op op);

/* Fields of an entry. */
enum command_field {
    COMMAND_OP,
    COMMAND_ID,      /* the sender's own: the same one counts once */
    COMMAND_GATEWAY, /* if given, it must be this one */
    COMMAND_TILL,    /* `until`: ms since 1970, not to be carried out later */
    COMMAND_ATTEMPT, /* set by `sopd ctl commands --retry` */
    COMMAND_FROM,    /* of a trigger for many chats: the entry that asked for them all */
    COMMAND_AFTER,   /* the same: chats up to this one have theirs */
    COMMAND_USER,
    COMMAND_CHAT,
    COMMAND_TAG_NAME,
    COMMAND_N, /* `points` */
    COMMAND_REASON,
    COMMAND_FLOW,
    COMMAND_NAME,
    COMMAND_ALL,
    COMMAND_ARGS,
    COMMAND_ORDER_ID,
    COMMAND_AMOUNT,
    COMMAND_ITEMS,
    COMMAND_DATA,
    COMMAND_FIELDS
};
const char *command_field_name(enum command_field field);

enum {
    COMMAND_BYTES = 65536, /* an entry larger than this is refused */
    COMMAND_PAIRS = 32,
    COMMAND_ENTRY_MAX = 48 /* room for "<ms>-<n>" */
};

struct command {
    enum command_op op;
    char entry[COMMAND_ENTRY_MAX];
    const char *text[COMMAND_FIELDS]; /* NULL: not given */
    int64_t n;                        /* points */
    int64_t amount;                   /* cents */
    int64_t until_ms;                 /* 0 = always */
    struct buf room;                  /* owns the texts */
    /* of the inbox that it came through: where to say that it is over */
    struct gw *gw;
    bool settled;   /* its entry is out of the stream, or will be without us */
    bool elsewhere; /* the inbox is told by somebody else */
    bool dead;      /* its turn made a dead letter of it */
};

/* A piece of an entry, as Redis gave it. */
struct command_text {
    const char *s;
    size_t len;
};
/* Checks an entry of names and values (2 * npairs pieces). NULL with why, in a few words that name the field. */
struct command *command_parse(const char *gateway, const char *entry,
                              const struct command_text *pieces, size_t npairs, struct buf *why);
/* Frees it; tells its inbox (inbox.c). */
void command_free(struct command *c);
/* What tells it from others: the sender's id, the order's, else the entry's. */
void command_identity(const struct command *c, struct buf *out);
/* Milliseconds of an entry's id; -1: it is none. */
int64_t command_entry_ms(const char *entry);
/* Does it go to many chats? */
static inline bool command_is_many(const struct command *c)
{
    return c->op == COMMAND_TRIGGER && !c->text[COMMAND_CHAT];
}
/* What its handlers get: the arguments of a trigger, or {"id", "amount", "items", "data"} of an order. */
void command_args(const struct command *c, struct buf *out);

#endif
