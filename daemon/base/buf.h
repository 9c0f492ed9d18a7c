/* buf.h -- a growable byte buffer, and the few encoders everybody appends with.
 * Owns its bytes; zero-initialised is empty and valid. Growth doubles; buf_reset keeps the memory, buf_free returns it. */
#ifndef SOPD_BASE_BUF_H
#define SOPD_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data; /* NUL-terminated after buf_cstr, else not */
    size_t len;
    size_t cap;
};

void buf_free(struct buf *b);
static inline void buf_reset(struct buf *b)
{
    b->len = 0;
}

/* Room for `extra` more bytes; returns where they go. */
char *buf_reserve(struct buf *b, size_t extra);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addi(struct buf *b, int64_t n); /* decimal */
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first n bytes (moves the rest down). */
void buf_consume(struct buf *b, size_t n);
/* NUL-terminates in place; the pointer dies with the next append. */
const char *buf_cstr(struct buf *b);
/* Gives the bytes away, NUL-terminated; b is empty afterwards; caller frees. */
char *buf_take(struct buf *b);

/* A JSON string with quotes. Control characters are escaped; bytes that are not UTF-8 become U+FFFD. */
void buf_add_json(struct buf *b, const char *s, size_t len);

/* Decimal digits of n into out (room for 21), not terminated; returns how many. */
size_t buf_digits(char *out, int64_t n);

/* 16 hex digits of n, terminated, into out (room for 17). */
void buf_hex64(char *out, uint64_t n);

/* One RESP bulk string, and an array header: what hiredis wants in redisAsyncFormattedCommand. */
void buf_add_bulk(struct buf *b, const void *s, size_t len);
void buf_add_bulk_int(struct buf *b, int64_t n);
void buf_add_array(struct buf *b, size_t count);

/* An id as part of a Redis key: `:`, `{`, `}`, `%`, blanks and control characters become %XX. */
void buf_add_key(struct buf *b, const char *id);
/* An id as one part of a name whose parts stand between "|": with %7C for a bar, %25 for a percent sign. */
void buf_add_part(struct buf *b, const char *id);
/* Adds the id that stands at s, up to the next bar or the end; returns how many bytes of s it takes. */
size_t buf_read_part(struct buf *b, const char *s);
void buf_add_key_n(struct buf *b, const char *id, size_t len);

#endif
