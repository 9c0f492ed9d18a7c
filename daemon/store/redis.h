/* redis.h -- one asynchronous connection to Redis on the loop, that comes back by itself.
 * Commands are appended (redis_send) and leave in one write per loop iteration (redis_flush): automatic pipelining.
 * Replies come in order. When the connection is lost every pending command is answered with NULL at once; the link
 * reconnects with back-off, authenticates, selects the database, and reports REDIS_UP again. Owner: whoever created it.
 * hiredis is attached by our own few lines (its libuv adapter never reports a refused connection). */
#ifndef SOPD_STORE_REDIS_H
#define SOPD_STORE_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct buf;
struct clock;
struct redisReply;
struct redis;

/* Where Redis is. Filled by redis_addr_parse, freed by redis_addr_free. */
struct redis_addr {
    char *path; /* unix socket, or NULL */
    char *host;
    int port;
    char *user, *password; /* NULL = none */
    int db;
};
/* "unix:///path[?db=N]", "redis://[user:password@]host[:port][/db]"; percent-decoded. False with err filled. */
bool redis_addr_parse(const char *url, struct redis_addr *out, struct buf *err);
void redis_addr_free(struct redis_addr *a);
/* For logs: never shows the password. */
void redis_addr_print(const struct redis_addr *a, struct buf *out);

enum redis_status { REDIS_DOWN, REDIS_UP };

struct redis_opts {
    const struct redis_addr *addr; /* borrowed for the life of the link */
    const char *name;              /* CLIENT SETNAME, and logs */
    /* a command without an answer for this long ends the connection; 0 = 10 s */
    int64_t timeout_ms;
    /* Called when the link goes up (ready for commands) or down (after pending commands were answered NULL). */
    void (*on_status)(void *ud, enum redis_status status);
    /* Messages of subscriptions (SUBSCRIBE'd by the owner in on_status); NULL for ordinary links. */
    void (*on_message)(void *ud, const struct redisReply *r);
    void *ud;
};

/* Starts connecting. Never NULL. */
struct redis *redis_create(uv_loop_t *loop, struct clock *clock, const struct redis_opts *opts);
/* Closes; pending commands are answered NULL before this returns; done runs when the memory is gone. */
void redis_destroy(struct redis *r, void (*done)(void *ud), void *ud);
bool redis_is_up(const struct redis *r);

/* reply is NULL when the connection was lost before the answer; borrowed for the call. */
typedef void (*redis_fn)(void *ud, const struct redisReply *reply);

/* Appends one command, ready in RESP (buf_add_array, buf_add_bulk; NUL-terminated, hiredis wants to
 * see its end). False when the link is down: fn will not be called.
 * fn may be NULL: the reply is only checked for errors (logged). */
bool redis_send(struct redis *r, const char *resp, size_t len, redis_fn fn, void *ud);
/* The same from words; argvlen NULL: strings. */
bool redis_command(struct redis *r, redis_fn fn, void *ud, int argc, const char *const *argv,
                   const size_t *argvlen);
/* Is this error reply a state of Redis that passes (loading, busy with a script, out of memory, failing over), so that the
 * same command may be asked again later? */
bool redis_error_passes(const char *error);
/* Writes what was appended. Called once per loop iteration by the engine's drain, or by anybody without an engine. */
void redis_flush(struct redis *r);
/* Commands that wait for an answer. */
size_t redis_pending(const struct redis *r);

#endif
