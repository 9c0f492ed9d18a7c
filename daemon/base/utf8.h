/* utf8.h -- checking, repairing and cutting UTF-8 that came from strangers. */
#ifndef SOPD_BASE_UTF8_H
#define SOPD_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* Length (1-4) of the well-formed sequence at s (no surrogates, no overlong forms, <= U+10FFFF), 0 if there is none. */
size_t utf8_sequence(const char *s, size_t len);
/* The code point of the well-formed sequence of n bytes (as utf8_sequence says) at s. */
uint32_t utf8_point(const char *s, size_t n);
bool utf8_valid(const char *s, size_t len);
/* Appends s to out with each malformed byte replaced by U+FFFD. */
void utf8_repair(struct buf *out, const char *s, size_t len);
/* Number of code points (malformed bytes count one each). */
size_t utf8_count(const char *s, size_t len);
/* Largest prefix length <= max bytes that ends on a code-point boundary. */
size_t utf8_cut(const char *s, size_t len, size_t max);
/* Appends s for command matching: full-width ASCII forms (U+FF01-U+FF5E) and the ideographic space become ASCII, the heavy
 * plus (U+2795) becomes +,
 * zero-width characters (U+200B-U+200D, U+2060, U+FEFF) vanish, ASCII letters become lower case; outer blanks are trimmed. */
void utf8_fold(struct buf *out, const char *s, size_t len);
/* The same with the case of letters kept: byte for byte as long as the folded text. */
void utf8_fold_keep(struct buf *out, const char *s, size_t len);
/* Appends s without NUL, C0 controls (except \n and \t), DEL, C1 controls and bidirectional overrides. */
void utf8_clean(struct buf *out, const char *s, size_t len);

#endif
