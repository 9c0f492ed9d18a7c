/* luaconf.h -- reads a file that is Lua and returns one table: the configuration, a playbook, a file of texts.
 * The chunk runs in a state of its own that ends before the call returns: no input or output, no `require`, no pattern
 * functions, capped in memory and instructions. What it returned becomes a plain C tree, in which every value knows its
 * line. Readers of that tree collect all problems of a file in one run through `struct conf_report`. */
#ifndef SOPD_LUA_LUACONF_H
#define SOPD_LUA_LUACONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct cJSON;

enum conf_type { CONF_BOOLEAN, CONF_INTEGER, CONF_NUMBER, CONF_STRING, CONF_TABLE };

struct conf_value {
    enum conf_type type;
    int line; /* where it is written, or the line of the table around it; at least 1 */
    bool boolean;
    int64_t integer; /* INTEGER; also set for a NUMBER that has an integer value */
    double number;   /* INTEGER and NUMBER */
    char *string;    /* STRING; NUL-terminated, may hold NUL bytes before `len` */
    size_t len;
    struct conf_entry *entries; /* TABLE: the list 1..n first, in order, then named keys by name */
    int nlist, nentries;
};

struct conf_entry {
    char *key; /* NULL: an item of the list */
    struct conf_value value;
};

/* Reads and evaluates a file. The tree is freed by conf_free. NULL with "file:line: what" lines added to err. */
struct conf_value *conf_load(const char *path, struct buf *err);
/* The same from memory; `name` stands for the file in messages. */
struct conf_value *conf_eval(const char *source, size_t len, const char *name, struct buf *err);
void conf_free(struct conf_value *v);

/* The named value of a table, NULL if it has none. */
const struct conf_value *conf_get(const struct conf_value *table, const char *key);
/* "a string", "a table", ... for messages. */
const char *conf_type_name(const struct conf_value *v);
/* A JSON tree of it (caller frees): a table with only a list becomes an array, any other an object. */
struct cJSON *conf_to_json(const struct conf_value *v);

/* ---- collecting problems ---- */

struct conf_report {
    const char *file;
    struct buf *out; /* one line per problem */
    int problems;
};
/* Adds "file:line: text". `v` may be NULL: line 1. */
void conf_problem(struct conf_report *r, const struct conf_value *v, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Reports every named key that is not in the NULL-terminated list, with the nearest known one, and list items unless
 * `list` allows them. `where` names the table in messages ("gateway qq1"). */
void conf_check_keys(struct conf_report *r, const struct conf_value *table, const char *where,
                     const char *const *known, bool list);

/* Each looks up `key`; absent gives false quietly, a wrong type or range gives false and a problem. */
bool conf_string(struct conf_report *r, const struct conf_value *table, const char *key,
                 const char **out);
bool conf_boolean(struct conf_report *r, const struct conf_value *table, const char *key,
                  bool *out);
bool conf_integer(struct conf_report *r, const struct conf_value *table, const char *key,
                  int64_t min, int64_t max, int64_t *out);
/* A duration: "10m", or a number of seconds; milliseconds out, at least min_ms. */
bool conf_duration(struct conf_report *r, const struct conf_value *table, const char *key,
                   int64_t min_ms, int64_t *out);
/* A size in bytes: a number, or "64K", "32M", "1G" (powers of 1024). */
bool conf_size(struct conf_report *r, const struct conf_value *table, const char *key, int64_t min,
               int64_t max, int64_t *out);
const struct conf_value *conf_table(struct conf_report *r, const struct conf_value *table,
                                    const char *key);

/* The word of a NULL-terminated list that is nearest to `name` (edit distance), NULL if none is near. */
const char *conf_nearest(const char *name, const char *const *known);

#endif
