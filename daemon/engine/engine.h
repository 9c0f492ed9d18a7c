/* engine.h -- the machine room: gateways, chats, turns, commits, outbox, schedules and timers of one process.
 * Callbacks from gateways, Redis and timers only record; the drain (a uv_prepare handle, so once per loop iteration before
 * it may sleep) runs turns, commits, sends, and then flushes Redis and the sockets. */
#ifndef SOPD_ENGINE_ENGINE_H
#define SOPD_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "engine/route/book.h"
#include "engine/send/pace.h"
#include "gateway/gateway.h"
#include "lua/host.h"

struct alarm_conf;
struct clock;
struct engine;
struct http_client;
struct llm_conf;
struct redis_addr;
struct settings;

/* What is kept for `sopd ctl why`: nothing, what happened, or the words that were said as well. */
enum trace_level { TRACE_OFF, TRACE_FACTS, TRACE_TEXTS };

/* How long data is kept (retention.c). */
#define RETENTION_EVER INT64_MAX
struct retention {
    int64_t left_ms;                          /* of a member, after they left a group */
    int64_t events_ms, audit_ms, commands_ms; /* entries of streams; commands: the dead letters */
    int64_t trace_ms;                         /* of a chat, after its last line */
    int64_t tally_ms;                         /* what was counted on a day */
};

struct engine_opts {
    struct retention retention; /* all 0: nothing goes by age */
    uv_loop_t *loop;
    struct clock *clock;
    const struct redis_addr *redis;
    struct settings *settings; /* NULL: no toggles */
    const struct gateway_env *env;
    const struct alarm_conf *alarms; /* look/alarm.h; NULL: nobody is told, nothing is watched */
    struct http_client *http;        /* NULL: c:http and c:llm reach nobody */
    const struct llm_conf *llm;      /* run/llm.h; NULL: there is none */
    int queue_max;                   /* inputs waiting per chat; 0 = 500 */
    int queue_total_max;             /* inputs waiting per gateway; 0 = 20000 */
    int64_t queue_bytes_max;         /* their bytes, about; 0 = 64 MiB */
    int64_t queue_pause_ms;          /* how long a full gateway is not read; 0 = 60 s */
    int64_t events_length, audit_length; /* most entries kept in those streams; 0 = a million */
    enum trace_level trace;
    bool rollouts;          /* groups may serve other versions than those on disk; needs settings */
    const char *const *sop; /* for rollouts: the SOP folders, NULL-terminated, borrowed */
    void *ud;
    void (*on_ready)(void *ud); /* once: Redis is up, epochs are taken, gateways are started */
    /* Nothing to do: time to clean up a little. True: there is more, call again in some milliseconds. May be NULL */
    bool (*tidy)(void *ud);
    void (*on_idle)(
        void *
            ud); /* nothing to do in this iteration (SOP tests and the playground step on it); may be NULL */
};
struct engine *engine_create(const struct engine_opts *opts);
/* The host for this engine needs engine_ready as on_ready with the engine as ud. */
void engine_turn_ready(void *engine, struct turn *t);

/* Adds a gateway before or after engine_start. False with err filled. */
bool engine_add_gateway(struct engine *e, const struct gateway_conf *conf, const struct pace *pace,
                        struct buf *err);
/* Takes a gateway out (reload): its link is closed, what is committed and not sent waits in Redis. A gateway of the same name
 * may be added at once. False: there is none. Not from inside a callback of that gateway. */
bool engine_remove_gateway(struct engine *e, const char *name);
/* Takes one account out of a pool; with the last one the pool goes. False: there is none such. */
bool engine_remove_member(struct engine *e, const char *pool, const char *member);
/* Its place in the order of preference. */
void engine_rank_member(struct engine *e, const char *pool, const char *member, int rank);
/* Records in the audit that an admin moved groups of a pool. */
void engine_note_swap(struct engine *e, const char *pool, const char *from, const char *to,
                      int chats, const char *who, const char *reason);
void engine_start(struct engine *e);
/* New playbooks (start, reload): takes a reference. Turns that run keep the old ones. */
void engine_set_book(struct engine *e, struct book *b);
struct book *engine_book(const struct engine *e);
/* Finishes running turns, commits and flushes for at most grace_ms, closes gateways and Redis, then calls done. */
void engine_stop(struct engine *e, int64_t grace_ms, void (*done)(void *ud), void *ud);
void engine_destroy(struct engine *e); /* after done */

/* The clock was turned (playground, tests): looks at schedules and timers again. */
void engine_clock_changed(struct engine *e);
/* The next moment (wall ms) at which a schedule, a timer or a paced message is due; INT64_MAX = none known. */
int64_t engine_next_due(const struct engine *e);
/* The same for schedules and paced messages only: for SOP tests, which look timers up in Redis themselves rather than stop
 * at each round in which the engine does. */
int64_t engine_next_planned(const struct engine *e);
/* Nothing queued, running, committing or waiting for an acknowledgement that is due now. */
bool engine_quiet(const struct engine *e);

/* The gateway of that name, NULL if none: for the playground to speak through. */
struct gateway *engine_gateway(struct engine *e, const char *name);

/* ---- runs ---- */

/* How a run stands to the newest version of its flow. */
enum run_fit {
    RUN_CURRENT, /* it is on it */
    RUN_FITS,    /* its journal fits the new version (dry) */
    RUN_MOVED,   /* it was moved */
    RUN_DIFFERS, /* it does not fit: text names both sides */
    RUN_GONE,    /* there is no such run, or it could not be looked at: text says why */
    RUN_DONE     /* cancel, retry: done */
};
/* What an admin does to one run. Asynchronous, in a turn of its chat; told is called exactly once, from the loop (it may be before
 * this returns). chat: of the run. */
void engine_run_cancel(struct engine *e, const char *gateway, const char *chat, const char *id,
                       void (*told)(void *ud, enum run_fit fit, const char *text), void *ud);
/* A stuck or failed run: what it was woken with last is tried again. */
void engine_run_retry(struct engine *e, const char *gateway, const char *chat, const char *id,
                      void (*told)(void *ud, enum run_fit fit, const char *text), void *ud);
/* Moves it to the newest version if its journal fits; dry: only says whether. */
void engine_run_migrate(struct engine *e, const char *gateway, const char *chat, const char *id,
                        bool dry, void (*told)(void *ud, enum run_fit fit, const char *text),
                        void *ud);
/* Drops all coroutines of runs: the next wake of each replays its journal (tests). */
void engine_forget_runs(struct engine *e);

/* ---- rights of members: forget.c, retention.c, import.c ---- */

/* What became of forgetting a member. */
struct engine_forgotten {
    const char *error; /* NULL: done (dry: looked at) */
    bool dry;
    int passes;             /* over all keys, until one found nothing */
    int64_t keys, entries;  /* keys, and entries of shared ones, that were removed */
    int64_t anonymised;     /* entries that stay for others, without the member */
    int64_t runs, messages; /* runs that were ended, messages that were not sent */
};
/* Removes everything that Redis and this process keep of a member of a gateway: small steps beside the traffic, begun again after
 * a restart (a dry run only counts). It may be asked in a turn's answer, from the control socket or by the stream of commands. The
 * moment counts: what the member does after that is kept anew. `by`: who asked, for the audit stream ("member", "ctl", ...; never
 * the member's id). told is called once, from the loop, never before this returns; it may be NULL. Returns NULL, or why not. */
const char *engine_forget(struct engine *e, const char *gateway, const char *user, const char *by,
                          bool dry, void (*told)(void *ud, const struct engine_forgotten *r),
                          void *ud);

/* ---- roll-outs: release_serve.c ---- */

/* What a hash of versions is taken to hold, for a dry run; NULL: not set. */
struct engine_assume {
    const char *key, *value;
};
struct engine_rollout_flow {
    const char *flow, *newest,
        *ring;     /* ring: tags that get edits first, with commas; "" everybody */
    int loaded;    /* versions beside the newest */
    size_t memory; /* of those */
    bool ready;    /* all that the hashes name is loaded, and serves */
};
void engine_each_rollout(struct engine *e,
                         void (*fn)(void *ud, const struct engine_rollout_flow *f), void *ud);
struct engine_rollout_group {
    const char *gateway, *chat;
    const char *version; /* "none": it is not served there yet */
    const char *key;     /* the hash that decides; "" none: it is the version on disk */
};
/* The known groups in which a flow runs, with the version that serves them: as it is, or with these hashes assumed. */
void engine_each_rollout_group(struct engine *e, const char *flow,
                               const struct engine_assume *extra, int nextra,
                               void (*fn)(void *ud, const struct engine_rollout_group *g),
                               void *ud);

/* Puts what was staged in Redis (docs/redis.md, stage) into the place of a chat, in one step between two turns of that chat, and
 * forgets what this process has of it in memory. told is called once, from the loop, never before this returns. Returns NULL, or
 * why not. */
const char *engine_import(struct engine *e, const char *gateway, const char *chat,
                          const char *stage, bool replace,
                          void (*told)(void *ud, const char *error), void *ud);

/* ---- for admin: health, metrics, ctl ---- */
struct engine_health {
    bool redis_up;
    bool ready;
    int64_t redis_down_ms; /* since when, 0 = up */
    double loop_lag_s;     /* worst of the last 10 s */
    int gateways, gateways_up, gateways_account_down;
    size_t queued; /* inputs */
    size_t outbox; /* messages not yet acknowledged */
};
void engine_health(const struct engine *e, struct engine_health *out);

struct engine_gateway_info {
    const char *name, *type;
    struct gateway_state state;
    bool owner; /* false: another process took it (epoch) */
    uint64_t epoch;
    size_t chats, active, queued, outbox, unknown;
    int64_t held_until_ms; /* circuit breaker, 0 = not held */
    int warm; /* a new account: what part of its pace it may use, in per cent; 0 = all of it */
    int64_t first_ms; /* wall: when it was first seen; 0 = not known, or before that was noted */
    enum gateway_account
        account; /* all evidence taken together; state.account: as the gateway says */
    const char *account_word,
        *account_text; /* why, in a word ("kicked", "canary", ...) and as it was said */
    int64_t link_since_ms, account_since_ms; /* wall */
    const char *level; /* of its account that is trusted least: engine_account_info */
    int slow;
    int64_t last_event_ms, last_canary_ms; /* wall: something came in; a canary was seen; 0 never */
};
void engine_each_gateway(const struct engine *e,
                         void (*fn)(void *ud, const struct engine_gateway_info *i), void *ud);
struct engine_chat_info {
    const char *gateway, *chat, *name, *tags;
    int64_t last_ms;
    size_t queued;
    bool known_only; /* not in memory now */
};
void engine_each_chat(const struct engine *e, const char *gateway,
                      void (*fn)(void *ud, const struct engine_chat_info *i), void *ud);
struct engine_flow_info {
    const char *gateway, *chat, *flow, *playbook, *version;
    bool newest; /* the version on disk */
    bool on;
    const char *
        why; /* "playbook", "toggle", "paused" (by an admin), "failing" (paused after failures), "looping" (by the breaker) */
    const char *key; /* the Redis hash that decided, or NULL */
};
/* What is served in one chat. */
void engine_each_flow(struct engine *e, const char *gateway, const char *chat,
                      void (*fn)(void *ud, const struct engine_flow_info *i), void *ud);
struct engine_outbox_info {
    const char *gateway, *chat, *id, *flow;
    const char *state; /* queued, asking, marked, merging, written, unknown, held */
    const char *kind;  /* answer, game, broadcast, dm, at_all */
    const char *text;  /* as a reader sees it */
    int64_t created_ms, due_ms, until_ms; /* until: not sent any more after that */
};
void engine_each_outbox(const struct engine *e, const char *gateway,
                        void (*fn)(void *ud, const struct engine_outbox_info *i), void *ud);
/* An account that sends for a gateway, and how far it is trusted: risk.c. */
struct engine_account_info {
    const char *gateway, *account;
    const char *level; /* "normal", "slow", "quiet" (it only answers), "held" (nothing leaves) */
    const char *reason;
    int slow; /* its intervals are so many times as long */
    bool by_admin;
    int64_t since_ms, until_ms; /* until: HELD */
};
void engine_each_account(const struct engine *e, const char *gateway,
                         void (*fn)(void *ud, const struct engine_account_info *i), void *ud);
/* An admin sets the level, "normal", "slow" or "quiet"; the latter two stay until one says "normal". account NULL: its only one.
 * Returns NULL, or why not. */
const char *engine_account_order(struct engine *e, const char *gateway, const char *account,
                                 const char *level);
/* What an admin decides about a message whose outcome is being found out (message NULL) or stayed unknown (its entry, as kept in the
 * list `unknown`): sent again now, or given up. Returns NULL, or why not. */
const char *engine_outbox_order(struct engine *e, const char *gateway, const char *id,
                                const char *message, bool resend);
/* Writes what `sopd ctl why` reads and is not in Redis yet. */
void engine_flush_trace(struct engine *e);
/* Ends a pause of a flow in a chat. False: it was not paused. */
bool engine_resume_flow(struct engine *e, const char *gateway, const char *chat, const char *flow);

#endif
