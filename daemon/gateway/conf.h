/* conf.h -- what all codecs do with their configuration: a copy of their own, defaults, checks; and what it means for a connection.
 * Every field of struct gateway_conf is listed once, in conf.c.
 * Callers: the codecs, lua/config.c (free), cli/serve/reload.c (equal). */
#ifndef SOPD_GATEWAY_CONF_H
#define SOPD_GATEWAY_CONF_H

#include <stdbool.h>

#include "gateway/gateway.h"

struct conn_target;
struct conn_opts;
struct conn_handler;

/* Copies the strings; an empty token becomes NULL. `to` is filled as a whole. */
void gateway_conf_copy(struct gateway_conf *to, const struct gateway_conf *from);
/* Frees the strings, wiping secrets, and empties it. For copies, and for what lua/config made. */
void gateway_conf_free(struct gateway_conf *c);
/* Would a gateway made of the one be as one made of the other? Its rank among the entries does not matter. */
bool gateway_conf_equal(const struct gateway_conf *a, const struct gateway_conf *b);
/* The same of all that is no text: times, sizes, switches. Accounts of a pool share those. */
bool gateway_conf_equal_numbers(const struct gateway_conf *a, const struct gateway_conf *b);

/* *ms = value, if it was not configured. A codec sets defaults of its own with this first ... */
void gateway_conf_default(int64_t *ms, int64_t value);
/* ... and has the rest filled: first, idle, back-offs, ready_reset, timeout, stale, request_delay, catchup, max_frame. */
void gateway_conf_defaults(struct gateway_conf *c);
/* How often a timer must look so that no configured time is missed by more than a quarter: 10 ms to 1 s. */
int64_t gateway_conf_tick(const struct gateway_conf *c);

/* False with err filled if the token would break in a header (or in a query, with token_in_query) somewhere on the way. */
bool gateway_conf_check_token(const struct gateway_conf *c, struct buf *err);

/* How to connect to `url`: TLS files, proxy, time limit. No bearer: whoever needs it sets it. */
void gateway_conf_target(const struct gateway_conf *c, const char *url, struct conn_target *out);
/* Sizes and compression of a connection; max_queue bytes may wait for its socket. */
void gateway_conf_opts(const struct gateway_conf *c, const struct conn_handler *handler, void *ud,
                       size_t max_queue, struct conn_opts *out);

#endif
