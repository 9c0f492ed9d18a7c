/* daemon.h -- the parts of a running sopd put together and taken apart in the right order: for `serve` and `play`.
 * Life: daemon_create -> daemon_start -> (loop runs; on_ready) -> daemon_stop -> (loop runs; on_stopped) -> daemon_free. */
#ifndef SOPD_CLI_DAEMON_H
#define SOPD_CLI_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "admin/admin.h"
#include "base/buf.h"
#include "base/clock.h"
#include "gateway/gateway.h"
#include "store/redis.h"

struct http_request;

struct daemon {
    uv_loop_t *loop;
    struct clock clock;
    struct config *config; /* in force */
    bool config_pinned;    /* gateways were made from it: they may use its strings */
    struct config **old;   /* earlier ones that were pinned */
    int nold;
    int lock; /* descriptor of the data directory's lock */
    struct embedded *embedded;
    struct redis_addr redis;
    struct buf redis_text;
    struct settings *settings;
    struct host *host;
    struct book *book;
    struct transport *transport;
    struct gateway_env gateway_env;
    struct engine *engine;
    struct http_client *web; /* what flows ask outside */
    /* set before daemon_start by tests: instead of the network (http_client.h) */
    void (*fake_web)(void *ud, uint64_t id, const struct http_request *r);
    struct http *http;
    struct control *control;
    struct admin_env admin;
    struct admin_reloads reloads;
    const char *file; /* where the configuration is read again, as it was given: perhaps a link */
    uint64_t warned;  /* what was warned of at the last load, so that it is said once */
    void (*on_ready)(void *ud);
    void (*on_idle)(void *ud); /* may be NULL */
    void (*on_stopped)(void *ud);
    void *ud;
    bool rollouts; /* groups may serve other versions than those on disk: before daemon_start */
    bool ready, stopping;
};

/* Takes the configuration. Loads flows and playbooks: NULL with every problem in err. The loop must exist already. */
/* repeatable: the same script of the playground gives the same transcript. */
struct daemon *daemon_create(uv_loop_t *loop, struct config *c, bool repeatable, struct buf *err);
/* Locks the data directory, starts Redis or connects to it, starts gateways and admin. Returns CLI_OK or an exit code with
 * err filled; after a failure call daemon_stop all the same. */
int daemon_start(struct daemon *d, struct buf *err);
/* Makes the transport if the gateways of c need one and there is none yet. */
bool daemon_start_transport(struct daemon *d, const struct config *c, struct buf *err);
/* Looks at what was loaded at the start, as every reload does; what is wrong or odd is logged, and nothing is refused. */
void daemon_smoke(struct daemon *d);
/* New configuration and SOPs; `cause` is a literal that says why now. True: in force, out says what changed. False: refused
 * whole, with a line for every problem in out, and all goes on as before. Logs, counts and d->reloads tell either way. */
bool daemon_reload(struct daemon *d, const char *cause, struct buf *out);
/* Ends everything: turns finish within grace_ms, then on_stopped runs. */
void daemon_stop(struct daemon *d, int64_t grace_ms);
/* After on_stopped and after the loop has run dry. */
void daemon_free(struct daemon *d);

#endif
