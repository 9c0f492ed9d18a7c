/* plain.h -- a message as plain text: for matching, for logs, for people who read a transcript. */
#ifndef SOPD_GATEWAY_PLAIN_H
#define SOPD_GATEWAY_PLAIN_H

#include "gateway/event.h"

struct buf;

/* Appends one segment: text as it is, @name, [image], [face:14], [file:name] ...; a quotation gives nothing. */
void plain_add(struct buf *out, const struct segment *s);
/* What a script matches against: without the quotation, without @-s of `self_id` (NULL: keeps them), blanks around trimmed. */
void plain_text(struct buf *out, const struct segment *s, int n, const char *self_id);
#endif
