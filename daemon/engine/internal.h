/* internal.h -- the structures the files of engine/ share; nobody else includes it.
 * Ownership: engine owns gws; a gw owns its chats, outbox entries and timers; a chat owns its queued inputs and its one
 * running turn; a turn owns its input, write set and messages until the commit's answer has been worked off. */
#ifndef SOPD_ENGINE_INTERNAL_H
#define SOPD_ENGINE_INTERNAL_H

#include "engine/gap.h"
#include "engine/health/health.h"
#include "engine/inbox/inbox.h"
#include "engine/route/home.h"
#include "engine/route/route.h"
#include "engine/run/run.h"
#include "engine/send/account.h"
#include "engine/send/hold.h"
#include "engine/send/outbox.h"
#include "engine/time/schedule.h"
#include "engine/turn/chat.h"
#include "engine/turn/committer.h"
#include "engine/turn/emit.h"
#include "engine/turn/input.h"
#include "engine/turn/turn_part.h"

struct held {
    char *chat;
    enum hold_why why;
    bool alarm;       /* people were told that we are muted there */
    int64_t until_ms; /* wall; INT64_MAX until lifted */
    int64_t told_ms;  /* the platform's time of the mute, 0 unknown */
    UT_hash_handle hh;
};

struct optout {
    char *user;
    UT_hash_handle hh;
};

enum gw_told { GW_TOLD_NOTHING, GW_TOLD_DOWN, GW_TOLD_UP };

/* optout.c */
bool optout_has(struct gw *gw, const char *user);
void optout_set(struct gw *gw, const char *user, bool out); /* in memory */
void optout_key(struct gw *gw, const char *secret);
/* Appends what stands for a forgotten member in `optout`. */
void optout_veil(struct gw *gw, const char *user, struct buf *out);

/* retention.c */
/* "chat|user", as it stands in `left`: appended. */
void retention_member(const char *chat, const char *user, struct buf *out);
void retention_event(struct gw *gw, const struct event *e); /* notes who leaves and comes back */
void retention_round(struct gw *gw);

/* A question to the gateway whose answer somebody waits for. */
struct asked {
    uint64_t ticket;
    void (*fn)(void *ud, const struct gateway_response *r);
    void *ud;
    char *members_of; /* the group whose members it is about; NULL */
    UT_hash_handle hh;
};

struct gw {
    struct engine *e;
    struct asked *asked;
    uint64_t next_ticket;
    char *name;
    bool removed; /* by a reload; what still refers to it keeps it until the engine ends */
    struct gateway *gateway;
    unsigned caps;
    struct pace pace;
    struct homes homes;
    struct claim *claims;       /* of turns that are not over: claims.c */
    struct talk *talks;         /* whom we answer, and how they react: breaker_talk.c */
    struct ignored *ignored;    /* who gets no answer for a while */
    struct breaker_rest *rests; /* flows that the breaker stopped: breaker.c */
    struct settle_ids *own_ids; /* messages of ours that are accounted for: outbox_settle.c */
    struct gw *next;

    bool owner;  /* the epoch is ours */
    bool taking; /* asked for it */
    uint64_t epoch;
    uint64_t next_id;     /* outbox sequence of this epoch */
    bool loaded, started; /* outbox and registry read; gateway started */

    struct chat *chats; /* in memory */
    struct known *known;
    struct optout *optout;
    unsigned veils;                 /* entries of it without an id: optout.c */
    struct experiment *experiments; /* whose outcomes are counted: turn/experiment.c */
    char *optout_key;               /* what veils are made with; NULL: none was made yet */
    struct forget *forgets;         /* members being forgotten: forget.c */
    struct import *imports;         /* chats being put back: import.c */
    int64_t retention_ms;           /* wall: when to look for what has become too old */
    size_t queued;                  /* inputs waiting, all chats */
    struct shed shed;               /* and what becomes of those that are too many */
    struct chat *ready, **ready_tail;
    struct turn *finished, **finished_tail; /* turns to commit */
    unsigned nfinished;
    uint64_t seen_day;
    uint64_t seen_touched[4]; /* which shards of which days got their expiry already */
    struct buf acks;          /* outbox ids to delete, bulk strings */
    unsigned nacks;
    struct buf unmark; /* the same for the marks */
    unsigned nunmark;
    struct entry **marks; /* entries to be marked as about to be written */
    size_t nmarks, marks_cap;
    int64_t settle_ms, resend_ms, circuit_ms, risk_step_ms, risk_window_ms;
    bool lost; /* the commit script says that somebody else owns the gateway */
    uint64_t lost_to;

    struct entry *entries; /* by id */
    struct heap heap[2];   /* what waits to leave: urgent, bulk */
    struct merge *merges;  /* where others may join: merge.c */
    struct join *joins;
    struct known_since *since; /* accounts: warmup.c */
    bool since_loaded;
    int64_t old_until_ms; /* wall: accounts seen until then are not new */
    int64_t swept_ms;     /* wall: when idle fields of `pace` were last looked for */
    uint64_t sweep_cursor;
    struct held *held;
    struct account *accounts;  /* those that send for it: account.c */
    struct guard_one *guard;   /* times of chats and members */
    struct at_all_day *at_all; /* chats in which @all was used without a known quota, and the day */
    size_t unknown;
    size_t doubts; /* entries in doubt */
    int64_t settle_next_ms;
    bool was_up;
    bool hears;           /* the link is up, and the account is not logged out */
    int64_t gap_since_ms; /* wall: when that ended; 0 = it never was so */
    struct gaps *gaps;    /* what is made up for: gap.c */
    bool account_down;
    struct health health;
    int catchup; /* messages of history per chat after a gap; 0 = none */
    int64_t alive_saved_ms;
    int64_t
        pool_away_ms; /* monotonic: when to look for accounts of a pool that are away; 0 = all are well */
    int64_t pool_thin_ms; /* monotonic: since when a pool has no spare; 0 = it has */
    bool stopped;

    struct run *runs;   /* in memory, least lately used first */
    struct call *calls; /* what they ask outside: calls.c */
    struct pin *pins;
    int64_t pins_ms; /* monotonic: when unused pins were looked for */
    struct timer_state *timers;
    bool put_off_none, put_off_reading; /* runs put off while their flow is off: pauses.c */
    size_t put_off_seen;
    struct inbox *inbox;      /* NULL until the gateway is ours */
    struct news *news;        /* events for Redis, oldest first */
    enum gw_told told;        /* of its state, by an event */
    struct trace_chat *trace; /* lines not written yet: trace.c */
    struct log_gate gate_shed, gate_commit, gate_late, gate_act;
    struct metric *m_sent;
    struct metric *m_turns, *m_commits, *m_dups, *m_refused, *m_latency, *m_commit_time, *m_resends;
    struct metric *m_events[EVENT_TYPES];
};

/* A schedule that came due while its flow was paused. */
struct paused_input {
    struct paused_input *next;
    struct gw *gw;
    char *chat;
    struct input *input;
    int64_t handler_late_ms;
};

struct pauses {
    uint64_t generation;                        /* of settings and playbooks, seen last */
    int64_t asked_ms, next_ms, killed_until_ms; /* wall; killed: 0 = no */
    bool look;                                  /* something may go on */
    int64_t looked_ms, took_ms;                 /* monotonic */
    struct paused_input *kept, **kept_tail;
    size_t nkept;
};

struct engine {
    struct engine_opts opts;
    struct redis *redis;
    struct clock *clock;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t spin;
    uv_timer_t timer; /* the next due thing, and the once-a-second round */
    int open_handles;
    struct gw *gws;
    struct book *book;
    uint64_t generation;          /* rises when routes must be rebuilt */
    uint64_t settings_generation; /* settings_routes_generation seen last */
    struct staff_known *staff;    /* who has a role in any group: staff.c */
    uint64_t staff_generation;    /* of book and settings, when that was worked out */
    struct turn *ready, **ready_tail;
    struct flight *flights, **flights_tail; /* commits in order */
    unsigned turns;                         /* alive */
    bool started, stopping, reported_ready, redis_up, spinning;
    int64_t redis_down_ms;
    /* monotonic: no turn begins before, Redis could not answer the last one */
    int64_t pause_until_ms;
    int64_t stop_deadline;
    void (*stop_done)(void *ud);
    void *stop_ud;
    int gws_stopping;
    bool redis_stopping;
    int64_t last_round_ms;
    uint64_t woke_ns;           /* when poll returned */
    bool rested;                /* the timer woke the loop, and nothing else did since it was set */
    bool untidy;                /* opts.tidy may have something to do */
    double lag_now, lag_before; /* worst of this and of the last 10-second window */
    int64_t lag_reset_ms;
    struct schedule_slot *slots;
    int nslots, slots_cap;
    uint64_t slots_round;  /* counts their building: routes remember in which they were */
    int64_t slots_next_ms; /* the earliest of them */
    bool slots_dirty;
    int64_t ready_ms; /* monotonic: when we began to serve */
    int64_t slots_built_ms;
    int64_t schedule_from_ms; /* wall: everything due up to here was handled */
    int64_t back_ms;          /* of the clock's, worked off */
    uint32_t serial;
    struct metric *m_lag;
    struct rng rng;
    struct pauses pauses;
    struct alarms *alarms;   /* look/alarm.c */
    struct breaker *breaker; /* send/breaker.c */
    struct process_watch process;
    struct version *versions; /* flows that only runs use any more: pins.c */
    struct releases
        *releases; /* flows that some groups use: release.c; NULL: all serve what is on disk */
};

void engine_metrics(void *engine);    /* sets the gauges before they are rendered */
void engine_end_turns(struct gw *gw); /* those that wait for an answer, without a commit */
void engine_spin(struct engine *e);   /* there is more to do: do not sleep in poll */
void engine_arm(struct engine *e);    /* set the timer to the next due thing */
struct gw *engine_gw(const struct engine *e, const char *name);
void gw_sink(struct gw *gw, struct gateway_sink *out);
void gw_take_ownership(struct gw *gw);
void gw_lost_ownership(struct gw *gw, uint64_t found);
void gw_redis_up(struct gw *gw);
void gw_handle_lost(struct gw *gw);
void gw_round(struct gw *gw);
void gw_free(struct gw *gw);
void gw_key(const struct gw *gw, struct buf *out, const char *kind);
bool gw_can_send(const struct gw *gw);
void gw_read_registry(struct gw *gw); /* which chats there are, who opted out: read anew */
/* Asks the gateway; fn gets the answer, or NULL when the gateway goes first. False: it cannot be asked now, fn is not called. */
bool gw_ask(struct gw *gw, const struct gateway_request *r,
            void (*fn)(void *ud, const struct gateway_response *r), void *ud);
struct metric *gw_sends(struct gw *gw, const char *outcome);
/* pauses.c: what follows from pauses, toggles and the kill switch. */
void pauses_run(struct engine *e);
void pauses_round(struct engine *e);
bool pauses_killed(const struct engine *e);
int64_t pauses_next(const struct engine *e); /* when a pause ends, wall */
/* Until when a message must not leave because of the kill switch; 0: it may. */
int64_t pauses_hold(const struct gw *gw, const struct message *m);
/* A timer or schedule whose flow is off is kept until it is on: true, the input is taken over. r: what it would have started. */
bool pauses_keep(struct chat *c, struct input *in, struct route *r);
/* The turn puts the timer of a run off to due_ms because its flow is off. */
void pauses_note_run(struct turn *t, const char *run, const char *flow, int64_t due_ms);
void pauses_free(struct engine *e);
void setback_run(struct engine *e); /* moves what waits along with a clock that was set back */

#endif
