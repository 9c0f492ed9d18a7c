/* embedded.h -- a redis-server of our own, on a unix socket in the data directory.
 * Append-only (appendfsync everysec), no TCP port, started when no `redis` is configured; restarted with back-off when it
 * dies, stopped cleanly (SHUTDOWN by SIGTERM, waits) with us. A data directory in use by another sopd is refused
 * (lock file <data_dir>/sopd.lock held by flock; embedded_lock is used with external Redis too). */
#ifndef SOPD_STORE_EMBEDDED_H
#define SOPD_STORE_EMBEDDED_H

#include <stdbool.h>
#include <uv.h>

struct buf;
struct embedded;

/* Makes data_dir if missing (mode 0700) and takes its lock. Returns a descriptor to keep open, or -1 with err filled:
 * who holds it. */
int embedded_lock(const char *data_dir, struct buf *err);

/* Starts redis-server; NULL with err filled (not installed, not startable). The socket is <data_dir>/redis.sock; a path too
 * long for a unix socket (107 bytes) goes through /tmp or is refused with a clear error. */
struct embedded *embedded_start(uv_loop_t *loop, const char *data_dir, struct buf *err);
/* The URL for redis_addr_parse. */
const char *embedded_url(const struct embedded *e);
int embedded_pid(const struct embedded *e);
/* Stops the server (waits for its last write) and frees; done runs when it is gone. */
void embedded_stop(struct embedded *e, void (*done)(void *ud), void *ud);

#endif
