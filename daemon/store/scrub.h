/* scrub.h -- takes one member out of texts that Redis holds: JSON values, lists, records of runs, plain texts.
 * Everything that is not theirs is copied byte for byte: numbers keep their digits. Pure functions over bytes. Callers:
 * engine/forget*.c, cli/ctl/ctl_export.c. */
#ifndef SOPD_STORE_SCRUB_H
#define SOPD_STORE_SCRUB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Who stands where a forgotten member stood: an id that nobody has, and a name. */
#define SCRUB_NOBODY "~"

struct scrub {
    const char *user;
    size_t user_len;
    char *const *names; /* under which they were known */
    int nnames;
};

/* What was found. */
enum scrubbed {
    SCRUB_NONE, /* nothing of theirs: out is not filled */
    SCRUB_OURS, /* the whole is theirs: remove it */
    SCRUB_PART  /* out is the same without them */
};

/* DROP: elements, members and objects that are theirs are left out. KEEP: each stays where it is, with SCRUB_NOBODY for the id and
 * the name: for lists in which positions count, journals, and draws that must be kept. */
enum scrub_way { SCRUB_DROP, SCRUB_KEEP };

/* Is the id in that text, alone or between signs ("onboard|3300000001")? A longer number is another id. */
bool scrub_names(const struct scrub *s, const char *text, size_t len);
/* A value: JSON, or a text as scripts keep it (then only an exact id or name is theirs; free texts see scrub_text). */
enum scrubbed scrub_value(const struct scrub *s, enum scrub_way way, const char *text, size_t len,
                          struct buf *out);
/* A text for people: the id as a word, and names of at least two characters, become SCRUB_NOBODY. */
enum scrubbed scrub_text(const struct scrub *s, const char *text, size_t len, struct buf *out);
/* A record of a run that is not theirs: each line for itself. Hashes of calls become `********`, which the replay does not
 * compare: what they were made of is forgotten. */
enum scrubbed scrub_record(const struct scrub *s, const char *text, size_t len, struct buf *out);
/* Names that the text has for the member: the text is JSON in which objects say {"user": id, "name": "..."} and the like. */
void scrub_find_names(const struct scrub *s, const char *text, size_t len,
                      void (*fn)(void *ud, const char *name), void *ud);

#endif
