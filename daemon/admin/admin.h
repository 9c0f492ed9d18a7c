/* admin.h -- what the daemon shows and lets itself be told: HTTP for machines, a control socket for `sopd ctl`. */
#ifndef SOPD_ADMIN_ADMIN_H
#define SOPD_ADMIN_ADMIN_H

#include <stdbool.h>
#include <uv.h>

#include "base/buf.h"

struct clock;
struct config;
struct control;
struct engine;
struct host;
struct http;
struct settings;

/* The parts that the admin side looks at; all are borrowed and outlive it. Pointers may be NULL while we start. */
struct admin_env {
    uv_loop_t *loop;
    struct clock *clock;
    const struct config *config; /* changes with a reload */
    struct engine *engine;
    struct host *host;
    struct settings *settings;
    const char *redis;  /* its address, without a password */
    int64_t started_ms; /* wall */
    /* Loads configuration and SOPs again. False: refused, the problems are in out; else out says what was done. */
    bool (*reload)(void *ud, struct buf *out);
    void *ud;
};

/* ---- health and metrics ---- */

enum health { HEALTH_OK, HEALTH_DEGRADED, HEALTH_DOWN };
const char *health_name(enum health h);
/* Appends the health as one JSON object; says in one word how we are. */
enum health health_render(const struct admin_env *env, struct buf *out);
/* Registers what only the process as a whole knows: memory, descriptors, log lines, Lua memory by flow. */
void health_metrics(struct admin_env *env);

/* Serves /healthz and /metrics on host:port. NULL with err filled. */
struct http *http_start(const struct admin_env *env, const char *host, int port, struct buf *err);
/* Its port (for port 0 in tests). */
int http_port(const struct http *h);
/* Closes the listener and all connections; done is called when the memory is gone. NULL calls done at once. */
void http_stop(struct http *h, void (*done)(void *ud), void *ud);

/* ---- control socket ---- */

/* Serves <data_dir>/control.sock (mode 0600). NULL with err filled. */
struct control *control_start(const struct admin_env *env, const char *data_dir, struct buf *err);
void control_stop(struct control *c, void (*done)(void *ud), void *ud);
/* The socket's address as a path that fits, for servers and clients; the descriptor in *dir_fd (-1: none) must stay open
 * while it is used. */
bool control_path(const char *data_dir, char *out, size_t size, int *dir_fd);
/* Answers one request: JSON in, JSON out (without newline). What the socket does, for tests. */
void control_answer(const struct admin_env *env, const char *request, size_t len, struct buf *out);

#endif
