/* load_dialect.h -- the protocols that the load generator can play: what it puts on the wire, and what it understands of what comes. */
#ifndef BENCH_LOAD_DIALECT_H
#define BENCH_LOAD_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct conn;

/* The world that is played: every account is in the same number of groups of its own. */
struct load_world {
    unsigned groups; /* per account */
    unsigned users;  /* per group */
};

/* Numbers in messages have this many digits, so that an event can be a template with fields patched in. */
#define LOAD_FIRST_NUMBER 10000000u

/* One message of a member into one of the account's groups. `turn` counts the account's messages: it chooses the group and the
 * member. quiet: "note <number>", which is not answered, instead of "ping <number>". */
struct load_message {
    uint32_t number;
    uint64_t turn;
    time_t now;
    bool quiet;
};

/* What a send said: "pong <number>" answers a message, "slept <number> <due>" comes when a timer was due (ms since 1970). */
enum load_kind { LOAD_OTHER, LOAD_PONG, LOAD_SLEPT };
struct load_said {
    enum load_kind kind;
    uint32_t number;
    uint64_t due_ms; /* SLEPT */
};

struct load_dialect {
    const char *name;
    /* Prepares the templates; called once, before any other. */
    void (*init)(const struct load_world *world);
    /* Bytes of one message event. */
    size_t (*event_size)(void);
    void (*put_message)(struct conn *c, const struct load_message *m);
    /* What opens a session, and what is said now and then; NULL: nothing. */
    void (*put_open)(struct conn *c, time_t now);
    void (*put_heartbeat)(struct conn *c, time_t now);
    /* Answers one frame, or one HTTP request (c->http), and tells what it said. */
    struct load_said (*answer)(struct conn *c, const char *text, size_t len);
};

extern const struct load_dialect load_onebot, load_satori, load_wecom;

/* ---- what they share (load_text.c) ---- */

/* A text in which runs of '#' are numbers to be filled in, in the order in which they stand. */
#define LOAD_FIELDS 16
struct load_template {
    const char *text;
    size_t len, fields;
    size_t at[LOAD_FIELDS], run[LOAD_FIELDS];
};

/* Finds the fields; aborts when there are not as many. */
void load_template_init(struct load_template *t, const char *text, size_t fields);

/* Puts the template as a text frame and returns where it is, to be filled in. */
char *load_template_put(const struct load_template *t, struct conn *c);
void load_template_fill(const struct load_template *t, char *event, size_t field, uint64_t value);

/* A stretch of what was received. */
struct load_span {
    const char *p;
    size_t len;
};

/* The raw value behind `key` (given with quotes): a string with its quotes, or a bare token; {NULL, 0} if it is not there. */
struct load_span load_value(const char *text, size_t len, const char *key);
bool load_span_is(struct load_span s, const char *word);

/* What the text of a send says, wherever it stands. */
struct load_said load_said_in(const char *text, size_t len);

#endif
