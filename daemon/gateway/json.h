/* json.h -- reads the JSON text of a gateway frame into a flat table of values, without allocating per value.
 * Made for frames of strangers: depth and size are bounded, numbers keep their digits (ids beyond 2^53 stay exact), a lone
 * surrogate or \u0000 becomes U+FFFD instead of spoiling the frame. Strings are unescaped in place, so the text is
 * changed and must outlive the document's use. One struct json_doc is kept per gateway process and used again for each
 * frame; values are valid until the next json_parse on it. */
#ifndef SOPD_GATEWAY_JSON_H
#define SOPD_GATEWAY_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

enum { JSON_DEPTH = 64, JSON_VALUES = 1 << 20 };

struct json {
    const char *key; /* in an object: its name, NUL-terminated */
    const char *s;   /* STRING: text, NUL-terminated; NUMBER: its digits, not terminated */
    uint32_t klen;
    uint32_t len;  /* STRING, NUMBER: bytes; ARRAY, OBJECT: how many children */
    uint32_t step; /* values from here to the next sibling; 0 = there is none */
    uint8_t type;
};

struct json_doc {
    struct json *values;
    uint32_t count, cap;
    struct buf repaired; /* a copy of the text when it was not UTF-8 */
    const char *error;   /* why the last parse failed */
};

void json_doc_free(struct json_doc *d);
/* The top value, or NULL with d->error set. text[len] need not exist; text is changed. */
const struct json *json_parse(struct json_doc *d, char *text, size_t len);

/* Children of an array or object, in order; NULL at the end or for other types and NULL. */
const struct json *json_first(const struct json *v);
static inline const struct json *json_next(const struct json *v)
{
    return v->step ? v + v->step : NULL;
}
/* Member of an object (the first of that name); NULL if there is none or o is NULL or no object. */
const struct json *json_get(const struct json *o, const char *key);

static inline bool json_is(const struct json *v, enum json_type type)
{
    return v && v->type == type;
}
/* The text of a string, else NULL. */
static inline const char *json_text(const struct json *v)
{
    return json_is(v, JSON_STRING) ? v->s : NULL;
}
/* An integer written as number or decimal string, without fraction and exponent, that fits. */
bool json_int(const struct json *v, int64_t *out);
/* A number of any form as double (no locale); false if it is none or not finite. */
bool json_double(const struct json *v, double *out);
/* true/false, 1/0, "true"/"false", "1"/"0"; otherwise fallback. */
bool json_bool(const struct json *v, bool fallback);

#endif
