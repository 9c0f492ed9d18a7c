/* base64.h -- bytes as text of 64 characters (RFC 4648) and back. Callers: codecs of gateways, for pictures and keys. */
#ifndef SOPD_BASE_BASE64_H
#define SOPD_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

void base64_encode(struct buf *out, const void *data, size_t len);
/* Both alphabets, blanks and line ends between, padding may be missing. False: it is no base64; out is as it was. */
bool base64_decode(struct buf *out, const char *s, size_t len);

#endif
