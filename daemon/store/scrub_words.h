/* scrub_words.h -- ids and names in plain texts, and strings of JSON: what scrub.c is made of. Private to store/scrub*.c. */
#ifndef SOPD_STORE_SCRUB_WORDS_H
#define SOPD_STORE_SCRUB_WORDS_H

#include "store/scrub.h"

/* Is the text the id, or one of the names, and nothing else? */
bool scrub_is_user(const struct scrub *s, const char *text, size_t len);
bool scrub_is_name(const struct scrub *s, const char *text, size_t len);
/* Appends the text with the id replaced; true if it was in there. */
bool scrub_replace_user(const struct scrub *s, const char *text, size_t len, struct buf *out);
/* Replaces names in what was appended to out from `from` on. */
bool scrub_replace_names(const struct scrub *s, struct buf *out, size_t from);

/* The end of the JSON string that begins at p (a quote); NULL: it has none. */
const char *scrub_string_end(const char *p, const char *end);
/* What a string says. Pairs of surrogates stay apart: nobody's id or name is written so. */
void scrub_unescape(const char *p, const char *end, struct buf *out);

#endif
