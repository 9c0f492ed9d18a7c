/* admin.h -- what the daemon shows and lets itself be told: HTTP for machines, a control socket for `sopd ctl`. */
#ifndef SOPD_ADMIN_ADMIN_H
#define SOPD_ADMIN_ADMIN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"

struct clock;
struct config;
struct control;
struct engine;
struct host;
struct http;
struct settings;

/* What became of reloads, for those who ask. */
struct admin_reloads {
    int taken, refused; /* since the start */
    int64_t at_ms;      /* of the last, wall; 0 = none yet */
    bool bad;           /* the last was refused: what is on disk is not what runs */
    const char *cause;  /* of the last: "SIGHUP", "sopd ctl", "files changed" */
    struct buf text;    /* of the last: what it changed, or its problems, a line each */
    const char *watch;  /* how changed files are noticed: "inotify", "poll", "off" */
};

/* The parts that the admin side looks at; all are borrowed and outlive it. Pointers may be NULL while we start. */
struct admin_env {
    uv_loop_t *loop;
    struct clock *clock;
    const struct config *config; /* changes with a reload */
    struct engine *engine;
    struct host *host;
    struct settings *settings;
    const char *redis;                   /* its address, without a password */
    int64_t started_ms;                  /* wall */
    const struct admin_reloads *reloads; /* NULL: this process does not reload */
    /* Loads configuration and SOPs again. False: refused, the problems are in out; else out says what was done. */
    bool (*reload)(void *ud, struct buf *out);
    void *ud;
    /* Takes a request of the control socket that is answered later, with control_answer_later and this ticket; false: it is not of
     * that kind. NULL: there are none. */
    bool (*later)(void *ud, uint64_t ticket, const char *request, size_t len);
    void *later_ud;
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

/* ---- settings: control_settings.c ---- */

struct cJSON;
/* Adds "faults", "paused" and "polled" (why changes are read every second, or null). */
void control_add_settings(const struct admin_env *env, struct cJSON *root);
/* What `sopd ctl` asks: everything that is wrong, paused, and of one kind; whether one value would be right. */
void control_settings(const struct admin_env *env, const struct cJSON *request, struct cJSON *root);
void control_setting(const struct admin_env *env, const struct cJSON *request, struct cJSON *root);
int control_settings_bad(const struct admin_env *env);
bool control_killed(const struct admin_env *env);

/* control_accounts.c: lists accounts ("accounts"), or sets the level of one; and an order for a message whose outcome is unknown.
 * NULL, or why not. */
const char *control_accounts(const struct admin_env *env, const struct cJSON *request,
                             struct cJSON *root);
const char *control_outbox_order(const struct admin_env *env, const struct cJSON *request);

/* control_alarms.c: adds "alarms", the open ones first; and to an object about a gateway how its link and account are. */
struct engine_gateway_info;
void control_alarms(const struct admin_env *env, struct cJSON *root, bool open_only);
void control_gateway_health(const struct engine_gateway_info *i, struct cJSON *g);

/* ---- control socket ---- */

/* Serves <data_dir>/control.sock (mode 0600). NULL with err filled. */
struct control *control_start(const struct admin_env *env, const char *data_dir, struct buf *err);
void control_stop(struct control *c, void (*done)(void *ud), void *ud);
/* The answer to a request that was taken (admin_env.later): JSON without a newline. Nothing happens if its client has left. */
void control_answer_later(struct control *c, uint64_t ticket, const char *json);
/* The socket's address as a path that fits, for servers and clients; the descriptor in *dir_fd (-1: none) must stay open
 * while it is used. */
bool control_path(const char *data_dir, char *out, size_t size, int *dir_fd);
/* Answers one request: JSON in, JSON out (without newline). What the socket does, for tests. */
void control_answer(const struct admin_env *env, const char *request, size_t len, struct buf *out);

/* Fills the answer to {"op": "rollout", "flow", "assume", "groups"}: control_rollout.c. */
struct cJSON;
void control_rollout(const struct admin_env *env, const struct cJSON *request, struct cJSON *root);
/* Adds "rollouts" to the answer about the daemon: the flows of which some hash names a version. */
void control_rollouts(const struct admin_env *env, struct cJSON *root);

/* {"op": "swap", "pool", "from", "to", "chats", "auto", "who", "reason"}: moves groups of a pool to another of its accounts, or tells who
 * serves what. NULL, or why not: control_pool.c. */
const char *control_swap(const struct admin_env *env, const struct cJSON *request,
                         struct cJSON *out);
/* Adds "accounts" if the gateway is a pool. */
void control_members(const struct admin_env *env, const char *gateway, struct cJSON *out);

/* "explain": fills `out`, or says why not. */
struct cJSON;
/* control_limits.c: what accounts may send, and whom a flow would post to. NULL, or why not. */
const char *control_limits(const struct admin_env *env, const struct cJSON *request,
                           struct cJSON *out);
const char *control_explain(const struct admin_env *env, const struct cJSON *request,
                            struct cJSON *out);

/* An order about runs (cancel, retry, migrate), which takes turns of their chats: control_runs.c. */
struct run_order;
/* Begins to carry it out. NULL: the request is no such order, control_answer answers it. Else done is called once with the
 * answer (JSON, without newline; borrowed), from the loop, never before this returns; the order dies with that call. */
struct run_order *control_runs(const struct admin_env *env, const char *request, size_t len,
                               void (*done)(void *ud, const struct buf *answer), void *ud);
/* Nobody waits for the answer any more: what was begun is ended, nothing more is begun, done is not called. */
void control_runs_abandon(struct run_order *o);

/* An order about what is kept of members and chats (forget, import): control_rights.c. ANSWERED: out has the answer. LATER: *order
 * stands for it; done is called once with the answer (borrowed), from the loop, never before this returns, and the order dies
 * with that call. OTHER: the request is no such order. */
struct rights_order;
enum rights_taken { RIGHTS_OTHER, RIGHTS_ANSWERED, RIGHTS_LATER };
enum rights_taken control_rights(const struct admin_env *env, const char *request, size_t len,
                                 void (*done)(void *ud, const struct buf *answer), void *ud,
                                 struct buf *out, struct rights_order **order);
/* Nobody waits for the answer any more: it is carried out all the same. */
void control_rights_abandon(struct rights_order *o);

#endif
