/* turn.h -- what happens in one chat because of one input: reads, the write set, messages, and their one commit.
 * The engine makes turns (turn_run.c); the Lua API fills them through the functions below while a handler of the turn runs.
 * Everything a handler adds is undone if that handler fails (turn_mark / turn_undo, used by the engine only). */
#ifndef SOPD_ENGINE_TURN_H
#define SOPD_ENGINE_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "engine/route/book.h"
#include "engine/send/pace.h"
#include "gateway/gateway.h"
#include "store/redis.h"

struct turn;
struct clock;

/* ---- what it is about ---- */
/* Of the handler that runs: for a run this is what started it, be it weeks ago. */
enum turn_cause { CAUSE_EVENT, CAUSE_SCHEDULE, CAUSE_TIMER, CAUSE_START };
enum turn_cause turn_cause(const struct turn *t);
const struct event *turn_event(const struct turn *t); /* NULL unless CAUSE_EVENT */
const char *turn_gateway(const struct turn *t);       /* gateway name */
const char *turn_chat(const struct turn *t);          /* chat key */
const char *turn_chat_name(const struct turn *t);
const char *turn_self(const struct turn *t); /* our account id, "" unknown */
unsigned turn_caps(const struct turn *t);
const struct binding *turn_binding(const struct turn *t); /* of the handler that runs */
/* Who caused it: the event's user, a timer's user, "" else. */
const char *turn_user(const struct turn *t);
/* How they are called, as far as that is known: "" else. */
const char *turn_name(const struct turn *t);
/* COMMAND: the word that matched and the text after it, folded blanks trimmed, original letters; "" else. */
const char *turn_word(const struct turn *t);
/* The message is a command that its speaker may not give, and no other one. */
bool turn_refused(const struct turn *t);
const char *turn_args(const struct turn *t);
/* What c:timer, c:start or c:continue gave along, as JSON text, "" else. SCHEDULE and TIMER: when it was due. */
const char *turn_timer_args(const struct turn *t);
int64_t turn_due_ms(const struct turn *t);
/* The turn's time, fixed at its start: event's platform time for state (judging days), wall time for waits. */
int64_t turn_time_ms(const struct turn *t); /* platform time of the event, or due time, or now */
int64_t turn_now_ms(const struct turn *t);  /* wall time at the start of the turn */
/* Seeded from the turn's id: the same input draws the same numbers. */
struct rng *turn_rng(struct turn *t);
/* Is this turn about what a member said or did just now, or the beginning of a run that such a turn started? Then a message is an
 * answer. */
bool turn_answering(const struct turn *t);
/* Is the handler's event so old that this flow does not answer it any more? Its state counts. */
bool turn_is_late(const struct turn *t);
/* The id of the run that this handler is, or would be if it waited: 16 hex digits. */
const char *turn_run_id(const struct turn *t);
/* The staff role of a user here: configuration, playbook, platform role if the playbook says so. `platform_role` may be "". */
enum role turn_role(const struct turn *t, const char *user, const char *platform_role);
/* Has this user asked not to be @-ed or written to? (in memory) */
bool turn_opted_out(const struct turn *t, const char *user);

/* The host's own pointer for the handler that runs; NULL when none does. */
void turn_set_handler(struct turn *t, void *handler);
void *turn_handler(const struct turn *t);

/* ---- reads: asynchronous; the caller suspends its coroutine and goes on in fn ---- */
/* Sends a command in RESP on the turn's connection. False: Redis is away (nothing was sent). */
bool turn_read(struct turn *t, const char *resp, size_t len, redis_fn fn, void *ud);

/* ---- writes: into the turn's write set; nothing reaches Redis before the commit ---- */
/* Appends a Redis key: sopd:{gateway}:<kind>[:<part>...], parts percent-encoded. `kind` is one of docs/redis.md. NULL ends. */
void turn_key(const struct turn *t, struct buf *out, const char *kind, ...)
    __attribute__((sentinel));
/* Adds one write command (HSET, HDEL, ZADD, ZREM, SET, DEL, SETBIT, HINCRBY, RPUSH, LPOP, SADD, SREM, XADD, PEXPIRE, ...). False when
 * the turn's limit of writes (2000 commands, 4 MiB) is reached: the caller raises an error. */
bool turn_write(struct turn *t, int argc, const char *const *argv, const size_t *argvlen);

/* Adds an event to one of the gateway's streams, "events" or "audit" (docs/events.md). data: a JSON object. False: as turn_write. */
bool turn_emit(struct turn *t, const char *kind, const char *name, int64_t time_ms,
               const char *data, size_t len);

/* Notes that a unit of an experiment ("g|<chat>", "m|<user>") has this variant; told as the event `exposed`, once for each unit.
 * was: the variant that it had and that is none any more, "" none; fresh: it is not known to have one. def: the experiment as JSON,
 * with `by`, `outcome`, `per`. False: as turn_write. experiment.c */
struct turn_exposure {
    const char *name, *unit, *variant, *was, *def;
    bool fresh;
    int64_t time_ms;
};
bool turn_expose(struct turn *t, const struct turn_exposure *x);

/* The write commands that this turn holds for a key so far, in order: what a later handler must see of an earlier one.
 * fn may raise a Lua error. */
int turn_writes_of(const struct turn *t, const char *key, size_t len);
void turn_each_write(const struct turn *t, const char *key, size_t len,
                     void (*fn)(void *ud, int argc, const char *const *argv, const size_t *argvlen),
                     void *ud);

/* What the script says a message is; ALARM: to staff, goes before everything but answers. */
enum said_kind { KIND_BY_CAUSE, KIND_SAID_GAME, KIND_SAID_BROADCAST, KIND_SAID_ALARM };
enum send_policy { POLICY_DEFAULT, POLICY_RESEND, POLICY_DROP };
struct turn_message {
    const char *chat;    /* chat key; NULL = this chat */
    const char *gateway; /* NULL = this gateway; another gateway only for staff messages */
    const struct out_segment *segments;
    int nsegments;
    const char *draft; /* the draft that it replaces; NULL none */
    /* caused by a member's own message: quiet hours do not hold it, default policy resend */
    bool answer;
    bool anytime; /* may be posted in quiet hours by explicit parameter */
    enum send_policy policy;
    /* shed when it cannot be sent within; 0 = as the gateway's configuration says for its kind */
    int64_t late_ms;
    bool late_said; /* if_late: what becomes of it when it has to wait; else as configured */
    enum late_policy if_late;
    enum said_kind kind;
};
/* Composes (clean, split, cap) and adds the message to the turn. Returns NULL, or why it cannot be sent (a capability is
 * missing, empty, too many messages in one turn (20)), for the script. */
const char *turn_send(struct turn *t, const struct turn_message *m);
/* Recall, kick, mute ... done after the commit. Returns NULL or why not. Strings are copied. */
const char *turn_act(struct turn *t, const struct gateway_request *r);

/* Asks the gateway (ACTION_MEMBERS ...) now, outside the commit; fn gets the answer (NULL: the connection was lost first),
 * exactly once, unless a reason is returned why it cannot be asked. */
const char *turn_ask(struct turn *t, const struct gateway_request *r,
                     void (*fn)(void *ud, const struct gateway_response *r), void *ud);

/* Sets, replaces (same chat, name and key) or cancels (due_ms < 0) a durable timer of the current flow. `chat` NULL = this
 * one; else its turn runs in that chat. `args` is JSON text, at most 4 KiB. `user`: whose it is, NULL = the turn's, "" = nobody's.
 * Returns NULL or why not. */
const char *turn_timer_in(struct turn *t, const char *chat, const char *name, const char *key,
                          int64_t due_ms, const char *args, const char *user);
/* Claims a key for the time of this turn, against the other turns of the gateway, which run meanwhile: what two of them would do once is
 * done by the one that claims it. False: another has it. */
bool turn_claim(struct turn *t, const char *key);
/* Starts a run of handler `handler` (its id, "run:onboard") of `flow` in `chat` (NULL = this one) for `user`, with `args` (JSON, at
 * most 4 KiB), right after the commit; `key` (NULL = none) is taken out of run-keys when it ends. Its id goes to `id`.
 * Returns NULL or why not. */
const char *turn_run_start(struct turn *t, const char *flow, const char *handler, const char *chat,
                           const char *user, const char *args, const char *key, char id[17]);
/* Ends a run of `chat` (NULL = this one) right after the commit; nothing wakes it in between. One that is over: nothing happens.
 * key: its field in run-keys if known (free for another run at once), else NULL (free when it has ended). */
void turn_run_cancel(struct turn *t, const char *chat, const char *id, const char *key);
/* How long the language model may take, by the configuration. */
int64_t turn_llm_timeout(const struct turn *t);
/* Opts a user out of every @ and DM, or back in. */
void turn_opt_out(struct turn *t, const char *user, bool out);
/* Forgets a user of this gateway, everywhere, right after the commit (engine_forget). */
void turn_forget(struct turn *t, const char *user);
/* Writes a toggle ("on", "off") or a pause ("yes", or until when in ms) right after the commit, in the name of the turn's user: of
 * `chat` (NULL = this one, "" = the whole gateway), field = flow or "*". value NULL removes it, and a pause with it that the flow
 * earned by failing. */
/* False: there are 2000 in this turn already. */
enum turn_setting { SETTING_TOGGLE, SETTING_PAUSE };
bool turn_set(struct turn *t, enum turn_setting what, const char *chat, const char *field,
              const char *value);

/* ---- what staff ask for; chat NULL = this one. staff.c, turn_staff.c ---- */
struct settings_value;
/* A flow of a chat. */
struct turn_flow {
    const char *name, *title;
    bool on;
    const char *why;                    /* "playbook", "toggle", "paused", "failing" */
    const struct settings_value *value; /* toggle, paused: what decided; else NULL */
    const struct binding *binding;
};
void turn_each_flow(struct turn *t, const char *chat,
                    void (*fn)(void *ud, const struct turn_flow *f), void *ud);
/* Every pause that is in force there. */
void turn_each_pause(struct turn *t, const char *chat,
                     void (*fn)(void *ud, const struct settings_value *v), void *ud);
/* Who has a role there. A user may come several times. */
struct turn_staff {
    const char *user;
    enum role role;
    const char *from; /* "configuration", "playbook", "redis" */
    const char *key;  /* redis: the hash */
};
void turn_each_staff(const struct turn *t, const char *chat,
                     void (*fn)(void *ud, const struct turn_staff *s), void *ud);
/* The groups of this gateway in which the flow runs and the user has at least that role, by name. SAID: only those in which the
 * message of this turn is a command for staff that the user may give there. RESTING: only those that have a pause of everything of
 * their own. */
enum turn_groups { GROUPS_ALL = 0, GROUPS_SAID = 1, GROUPS_RESTING = 2 };
struct turn_group {
    const char *chat, *name; /* name: the id where none is known */
    enum role role;
    /* SAID: the command, folded, and the text behind it */
    const char *word, *rest;
    size_t word_len;
    const struct handler *handler;
    const struct flow_info *flow;
};
void turn_each_group(struct turn *t, const char *user, enum role least, unsigned which,
                     void (*fn)(void *ud, const struct turn_group *g), void *ud);
/* Has the user that role in all groups of this gateway, by the configuration or a layer of Redis that covers it? */
bool turn_role_everywhere(const struct turn *t, const char *user, enum role least);
/* The commands for staff that the user may give there. */
struct turn_command {
    const struct flow_info *flow;
    const struct handler *handler;
    const struct binding *binding;
    enum role least;
};
void turn_each_command(struct turn *t, const char *chat, const char *user,
                       void (*fn)(void *ud, const struct turn_command *c), void *ud);
/* Gives a command for staff in another chat, for the user of this turn; its answers come here. Right after the commit. Returns NULL,
 * or why not. said.c */
const char *turn_said_in(struct turn *t, const char *chat, const char *text,
                         const char *const *mentions, int nmentions);
/* ---- what is counted: tally/tally.c, lua.md "Counting" ---- */
/* Is anything counted in this chat? Then the business day of the turn. */
bool turn_tallied(const struct turn *t, int64_t *day);
/* For how many seconds what is counted is kept; 0: for ever. */
int64_t turn_tally_keep(const struct turn *t);
/* Adds n to a field of that day (0: the turn's) with the commit. Where nothing is counted, nothing happens. */
void turn_count(struct turn *t, const char *field, int64_t n, int64_t day);
/* The same for an event that a flow tells; data: as for turn_emit. */
void turn_count_event(struct turn *t, const char *name, const char *data, size_t len);
/* How many are in the group besides us; -1: the gateway does not say. */
int64_t turn_size(const struct turn *t);
/* Messages that came into this chat within the last window (at most 10 minutes, steps of 10 s). In memory: 0 after a
 * restart. */
int64_t turn_traffic(const struct turn *t, int64_t window_ms);
/* End of the quiet hours in wall ms if they are on at that moment (0: now), else 0. */
int64_t turn_quiet_until(const struct turn *t, int64_t at_ms);

#endif
