/* journal.h -- what one handler has asked of the world outside its script, and what it was told: the lines from which a run is
 * brought back. Only the text: recording and reading of lines, and values in them. Who records what is decided in capi.c and
 * wait.c; the format is described in docs/redis.md. */
#ifndef SOPD_LUA_JOURNAL_H
#define SOPD_LUA_JOURNAL_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { JOURNAL_ENTRIES = 2000, JOURNAL_BYTES = 256 << 10 };

/* Part of a coroutine. Zero is a journal that is off. */
struct journal {
    bool on;              /* this handler is recorded, or replayed */
    struct buf lines;     /* recorded since the start or the last wake */
    int entries;          /* lines since the run began: replayed and recorded ones */
    size_t bytes;         /* their length */
    const char *at, *end; /* replay: what is left of the text; at = NULL: live */
    bool open;            /* a line is incomplete: memory ran out while it was made */
    uint32_t hash;        /* of the arguments of the call that runs now */
    int64_t cut;          /* what it drops before it is recorded: see journal_cut */
};

/* One line of a replay. */
struct journal_line {
    char kind;
    bool hashed; /* has a well-formed hash, */
    bool
        any; /* or stars for one: what it was made of is forgotten (store/scrub.h), so any call of its kind fits */
    uint32_t hash;
    const char *text; /* what follows */
    size_t len;
};

/* Off, nothing in it; the memory is given back. */
void journal_clear(struct journal *j);
/* Replays these lines, which must stay until journal_live. */
void journal_replay(struct journal *j, const char *lines, size_t len);
/* The replay is over: what follows is recorded. */
void journal_live(struct journal *j);
static inline bool journal_replaying(const struct journal *j)
{
    return j->at != NULL;
}
/* True when the run has recorded as much as it may. */
bool journal_full(const struct journal *j);

/* The hash of the values from..to on the stack, without trailing nils. Tables count as tables. */
uint32_t journal_hash(lua_State *L, int from, int to);
/* The hash of a text; "due":<number> in it does not count. */
uint32_t journal_hash_spec(const char *spec, size_t len);

/* Appends one call: kind, hash, and the values from..to on the stack as its results. May raise (memory): the line is then
 * incomplete, and the handler must end. */
void journal_add_call(struct journal *j, lua_State *L, char kind, uint32_t hash, int from, int to);
/* Appends a call that raised the text on top of the stack. */
void journal_add_error(struct journal *j, lua_State *L, char kind, uint32_t hash);
/* Appends a line of another kind: a wait (hash and text), a wake (text only). */
void journal_add_wait(struct journal *j, uint32_t hash, const char *spec, size_t len);
void journal_add_wake(struct journal *j, const char *wake, size_t len);
/* Where the record stands, and back to there: lines recorded since are dropped. */
int64_t journal_position(const struct journal *j);
void journal_cut(struct journal *j, int64_t position);

/* The next line of the replay; false at its end. Inputs of a gather (+) are passed over. peek leaves it there. */
bool journal_peek(struct journal *j, struct journal_line *line);
bool journal_next(struct journal *j, struct journal_line *line);
/* Pushes the results of a call. Returns how many, -1 if the line is damaged (nothing pushed), -2 if the call raised: the text of
 * the error is pushed. May raise (memory). */
enum { JOURNAL_DAMAGED = -1, JOURNAL_RAISED = -2 };
int journal_results(lua_State *L, const struct journal_line *line);

/* ---- journal_value.c ---- */
/* Appends the value at idx (absolute); what is no data is null. */
void journal_add_value(lua_State *L, struct buf *out, int idx);
void journal_add_string(struct buf *out, const char *s, size_t len);
/* Pushes the value at *p and moves it on; false if it is damaged (anything may have been pushed). May raise (memory). */
bool journal_read_value(lua_State *L, const char **p, const char *end);

#endif
