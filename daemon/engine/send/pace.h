/* pace.h -- what an account may send: the kinds of messages, and the limits that its configuration and its platform set.
 * Read by the configuration (lua/config_gateway.c), the commit (turn/committer.c), the pacer and its guard, the linter. */
#ifndef SOPD_ENGINE_SEND_PACE_H
#define SOPD_ENGINE_SEND_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* What a message is for, the most urgent first. ANSWER: caused by a member's own input, and alarms to staff. GAME: told so by
 * the script or its flow (results of a round). AT_ALL: has @all in it. DM: private and no answer. BROADCAST: every other post
 * that nobody asked for. */
enum send_kind { KIND_ANSWER, KIND_GAME, KIND_BROADCAST, KIND_DM, KIND_AT_ALL };
enum { SEND_KINDS = 5, KINDS_ALL = (1 << SEND_KINDS) - 1, KINDS_BEGUN = KINDS_ALL & ~1 };
/* "answer", "game", "broadcast", "dm", "at_all" */
const char *send_kind_name(enum send_kind kind);
/* False: there is no such kind. */
bool send_kind_parse(const char *name, enum send_kind *out);

/* Whom a limit is counted for. MEMBER: each person that a private message goes to, or whom a post mentions. */
enum pace_scope { PACE_ACCOUNT, PACE_CHAT, PACE_MEMBER };
enum { PACE_SCOPES = 3, PACE_RULES = 8, PACE_QUOTAS = 16, PACE_NAME = 32 };

/* On average one message per interval, with bursts of up to `burst` (GCRA). */
struct pace_rule {
    unsigned kinds;      /* bits 1 << enum send_kind */
    int64_t interval_us; /* at least 1 */
    int burst;
    char name[PACE_NAME]; /* for people: "account 40/1m" */
};

/* At most `count` in one calendar window, in the zone of the platform. */
enum quota_per { QUOTA_MINUTE, QUOTA_HOUR, QUOTA_DAY, QUOTA_MONTH };
struct pace_quota {
    enum pace_scope scope;
    unsigned kinds;
    int64_t count;
    enum quota_per per;
    char name[PACE_NAME];
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
    int64_t jitter_ms; /* added at random to the chat interval */
    int64_t warmup_ms; /* a new account reaches its full pace after this; 0 = at once */
};

/* Adds a rule; false when there is no room. */
bool pace_add_rule(struct pace *p, enum pace_scope scope, unsigned kinds, int64_t interval_us,
                   int burst);
/* The limits where nothing else is said: docs/gateways.md. type: of the gateway, NULL = any platform. */
void pace_default(const char *type, struct pace *out);
bool pace_equal(const struct pace *a, const struct pace *b);

#endif
