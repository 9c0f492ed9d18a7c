/* config.h -- the configuration (sopd.lua), read and checked as a whole.
 * Every key is documented in docs/operations.md. All problems of a file are reported in one run; a configuration with a
 * problem is never used. Secrets are resolved here and live only in `token` and `redis.password`. */
#ifndef SOPD_LUA_CONFIG_H
#define SOPD_LUA_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/look/alarm.h"
#include "engine/run/llm.h"
#include "engine/send/breaker.h"
#include "store/redis.h"
#include "web/http_client.h"

struct config_gateway {
    struct gateway_conf conf; /* its strings are owned here */
    struct pace pace;
    int line;
};

struct config {
    char *file;
    char *data_dir;
    bool embedded;           /* no `redis`: we start our own */
    struct redis_addr redis; /* when not embedded */
    char *http_host;         /* NULL: no HTTP */
    int http_port;
    char **sop; /* folders, absolute or as given if the file's folder is unknown; NULL-terminated */
    int nsop;
    bool sop_watch;   /* take changed files by ourselves; default true */
    char **playbooks; /* names to load, NULL-terminated; NULL = all */
    struct staff *staff;
    int nstaff;
    struct tag_rule *tags; /* which groups have which, see engine/route/book.h */
    int ntags;
    struct config_gateway *gateways;
    int ngateways;
    char *timezone; /* of playbooks that name none */
    enum log_level log_level;
    enum trace_level trace;               /* what `sopd ctl why` can tell; default TRACE_TEXTS */
    int64_t lua_memory, lua_instructions; /* 0 = the host's defaults */
    int queue_chat, queue_total;          /* 0 = the engine's defaults */
    int64_t queue_bytes, queue_pause_ms;  /* the same */
    struct http_conf web;                 /* `http_client`: whom flows may ask outside */
    struct llm_conf llm;
    struct retention retention;
    struct breaker_limits breaker;       /* what is too much of a script */
    struct alarm_conf alarms;            /* who is told when something is wrong */
    int64_t events_length, audit_length; /* 0 = the engine's defaults */
    struct buf warnings;                 /* "file:line: what" lines that do not stop us */
};

enum {
    CONFIG_NO_SECRETS = 1, /* look no secret up: `sopd check` on another machine */
    CONFIG_NO_TOKENS = 2   /* look no gateway's token up: `sopd ctl` needs Redis only */
};

/* NULL with every problem in err, a line each: "file:line: what". */
struct config *config_load(const char *path, unsigned flags, struct buf *err);
/* The same from memory; relative paths are taken from the current folder. */
struct config *config_parse(const char *source, size_t len, const char *name, unsigned flags,
                            struct buf *err);
/* The name under which everything of a gateway is kept: of its pool, else its own. */
const char *config_gateway_key(const struct config_gateway *g);
/* Is entry i of `gateways` one more account of a pool that came before? */
bool config_gateway_again(const struct config *c, int i);
/* Wipes secrets. */
void config_free(struct config *c);

/* True if `host` is a loopback address or "localhost". */
bool config_is_loopback(const char *host);
/* "host:port", "[::1]:port"; host is allocated. */
bool config_parse_listen(const char *text, char **host, int *port);

#endif
