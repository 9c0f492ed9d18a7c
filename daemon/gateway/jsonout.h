/* jsonout.h -- members of a JSON object, appended to a frame that is being written: "key":value, with the comma before it unless it
 * is the first of its object. Nothing is allocated; who calls writes the braces.
 * Callers: ob_action.c and the other codecs. */
#ifndef SOPD_GATEWAY_JSONOUT_H
#define SOPD_GATEWAY_JSONOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* "key": -- the value is the caller's. The key is written as it is: a name from a protocol. */
void jsonout_key(struct buf *out, const char *key);
void jsonout_string(struct buf *out, const char *key, const char *text); /* NULL: null */
void jsonout_int(struct buf *out, const char *key, int64_t n);
void jsonout_bool(struct buf *out, const char *key, bool value);
void jsonout_raw(struct buf *out, const char *key, const char *json);

#endif
