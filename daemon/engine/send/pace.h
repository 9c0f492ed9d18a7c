/* pace.h -- what an account may send: the kinds of messages, and the limits that its configuration and its platform set.
 * Read by the configuration (lua/config_gateway.c), the commit (turn/committer.c), the pacer and its guard, the linter. */
#ifndef SOPD_ENGINE_SEND_PACE_H
#define SOPD_ENGINE_SEND_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zone;

/* What a message is for, the most urgent first. ANSWER: caused by a member's own input, and alarms to staff. GAME: told so by
 * the script or its flow (results of a round). AT_ALL: has @all in it. DM: private and no answer. BROADCAST: every other post
 * that nobody asked for. */
enum send_kind { KIND_ANSWER, KIND_GAME, KIND_BROADCAST, KIND_DM, KIND_AT_ALL };
enum { SEND_KINDS = 5, KINDS_ALL = (1 << SEND_KINDS) - 1, KINDS_BEGUN = KINDS_ALL & ~1 };
/* "answer", "game", "broadcast", "dm", "at_all" */
const char *send_kind_name(enum send_kind kind);
/* False: there is no such kind. */
bool send_kind_parse(const char *name, enum send_kind *out);

/* How long a message waits at most, where neither the script nor the configuration says. */
enum {
    PACE_ANSWER_LATE_MS = 120000,
    PACE_POST_LATE_MS = 1800000,
    PACE_DROP_LATE_MS = 10000,
    PACE_JITTER = 40,
    PACE_WARMUP_MS = 7 * 86400000
};

/* Goes before those that are not: answers and games. */
static inline bool send_kind_urgent(enum send_kind kind)
{
    return kind <= KIND_GAME;
}

/* Whom a limit is counted for. MEMBER: each person that a private message goes to, or whom a post mentions. */
enum pace_scope { PACE_ACCOUNT, PACE_CHAT, PACE_MEMBER };
enum { PACE_SCOPES = 3, PACE_RULES = 8, PACE_QUOTAS = 16, PACE_NAME = 32, PACE_SOURCE = 200 };
/* "account", "chat", "member" */
const char *pace_scope_name(enum pace_scope scope);

/* On average one message per interval, with bursts of up to `burst` (GCRA). */
struct pace_rule {
    unsigned kinds;      /* bits 1 << enum send_kind */
    int64_t interval_us; /* at least 1 */
    int burst;
    char name[PACE_NAME]; /* for people: "account-minute" */
    int64_t count,
        per_ms; /* what was said: at most `count` in any window of `per_ms`; 0 = only interval and burst were */
    char source
        [PACE_SOURCE]; /* where the figure is from; "" = the built-in defaults or the configuration */
};

/* At most `count` in one calendar window: of the platform's zone, or the business day of the configuration. */
enum quota_per { QUOTA_DAY, QUOTA_BUSINESS_DAY, QUOTA_MONTH };
enum { QUOTA_PERS = 3 };
/* The quota of that name is a member's attention: messages that bots begin and that reach them in a day. A playbook may say
 * another count for its own. */
#define PACE_ATTENTION "attention"
const char *quota_per_name(enum quota_per per); /* "day", "business day", "month" */
struct pace_quota {
    enum pace_scope scope;
    unsigned kinds;
    int64_t count;
    enum quota_per per;
    char name[PACE_NAME];
    char source[PACE_SOURCE];
};

/* What becomes of a message that cannot leave at once. DELAY: it waits up to the limit. MERGE: so, and what waits for the same
 * chat from the same flow becomes one message. DROP: it is shed when it would have to wait longer than the limit. */
enum late_policy { LATE_DELAY, LATE_MERGE, LATE_DROP };
struct pace_late {
    enum late_policy policy;
    int64_t limit_ms; /* 0: the default of the kind */
};

struct pace {
    struct pace_rule rules[PACE_SCOPES][PACE_RULES];
    int nrules[PACE_SCOPES]; /* account and chat both 0: the defaults of docs/gateways.md */
    struct pace_quota quotas[PACE_QUOTAS];
    int nquotas;
    struct pace_late late[SEND_KINDS];
    /* Of what is a mere spacing (burst 1), so much is added at random: 0 to 2 x jitter per cent of it, so that gaps differ by
     * +-jitter; or, if jitter_ms is set, 0 to jitter_ms of the chat's spacing. Never less than the spacing itself. */
    int jitter;
    int64_t jitter_ms;
    int64_t warmup_ms; /* a new account reaches its full pace after this; 0 = at once */
    const struct zone *zone, *own_zone; /* of day and month; of the business day. NULL = UTC */
    int64_t cutoff_ms;                  /* when the business day begins, since midnight */
};

/* Adds a rule; false when there is no room. */
bool pace_add_rule(struct pace *p, enum pace_scope scope, unsigned kinds, int64_t interval_us,
                   int burst);
/* The interval that keeps to at most `count` in any window of per_us with bursts of `burst`: burst + per_us / interval is at
 * most `count`. burst must be below count, except that both may be 1: then messages are per_us apart. */
int64_t pace_interval(int64_t count, int64_t per_us, int burst);
/* How far ahead of its average pace a rule lets messages run: what its burst allows. */
static inline int64_t pace_tolerance(const struct pace_rule *r)
{
    return r->burst > 1 ? r->interval_us * (r->burst - 1) : 0;
}
/* What a message adds to a spacing, in thousandths of it: drawn once, from its outbox id. */
int64_t pace_jitter(const struct pace *p, uint64_t id);
int64_t pace_jitter_mean(const struct pace *p); /* on average */
/* A name of the ith rule of a scope: its kinds, and which of those it is: "#2", or "234#1". In Redis (hash `pace`) the times of all rules
 * of the same kinds are in one field, with commas. Returns its length. */
size_t pace_rule_mark(const struct pace_rule *r, int i, char out[24]);
/* The digits of its kinds, "" for all. */
int pace_rule_kinds(const struct pace_rule *r, char out[SEND_KINDS + 1]);
/* The interval of a rule when every one is so many thousandths of itself, with the jitter of a message. */
static inline int64_t pace_step(const struct pace_rule *r, int64_t stretch, int64_t jitter)
{
    int64_t thousandths = stretch + (r->burst > 1 ? 0 : jitter);
    return thousandths == 1000 ? r->interval_us : r->interval_us * thousandths / 1000;
}
/* How long a message may wait, and what becomes of it then, by its kind: what is configured, else the defaults. */
struct pace_late pace_late(const struct pace *p, enum send_kind kind);
/* "delay", "merge", "drop" */
const char *late_policy_name(enum late_policy policy);
bool late_policy_parse(const char *name, enum late_policy *out);
/* The limits where nothing else is said: docs/gateways.md. type: of the gateway, NULL = any platform. */
void pace_default(const char *type, struct pace *out);
bool pace_equal(const struct pace *a, const struct pace *b);

#endif
