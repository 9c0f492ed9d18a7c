/* serve_clock.h -- `sopd serve --clock START`, for tests: wall time stands still until it is turned over the control socket
 * (`sopd ctl clock`), and each order is answered only when all that is due by then is done and acknowledged.
 * Caller: serve.c. */
#ifndef SOPD_CLI_SERVE_CLOCK_H
#define SOPD_CLI_SERVE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct daemon;
struct serve_clock;

/* Milliseconds since 1970, or "2031-03-05T08:00:00" with "Z" or an offset such as "+08:00" behind it; without one it is UTC.
 * False: it is neither. */
bool serve_clock_parse(const char *text, int64_t *ms);
/* Makes the daemon's clock stand still at start_ms and answers its control requests of the op "clock". Between daemon_create and
 * daemon_start. */
struct serve_clock *serve_clock_create(struct daemon *d, int64_t start_ms);
/* The engine has nothing to do (the daemon's on_idle). NULL is allowed. */
void serve_clock_idle(struct serve_clock *c);
/* Closes its connection to Redis; NULL is allowed. The memory goes with serve_clock_free, after the loop has run dry. */
void serve_clock_stop(struct serve_clock *c);
void serve_clock_free(struct serve_clock *c);

#endif
