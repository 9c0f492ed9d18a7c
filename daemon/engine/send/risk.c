/* risk.c -- see risk.h. Signals count as strikes: two of them within the window make it worse by one level, three bad answers in a
 * row silence the account for a while (the circuit breaker; one message then decides). It gets better by one level at a time, after
 * a while with some good outcomes, or a longer while without any signal. Every change is told (event, alarm, log) and kept in Redis,
 * so a restart forgets nothing. Owns those fields of struct account. Callers: outbox.c, outbox_settle.c, pacer.c, gw.c, admin. */
#include "engine/send/risk.h"

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/internal.h"
#include "engine/look/alarm.h"
#include "engine/send/hold.h"

enum {
    RISK_MUTE_MS = 600000,
    RISK_MARGIN_MS = 10000,
    RISK_LIMITED_MS = 30000,
    RISK_ROW = 3,      /* bad answers in a row that silence the account */
    RISK_STRIKES = 2,  /* strikes that make it worse by one level */
    RISK_FAILURES = 3, /* refusals in a row that count as a signal */
    RISK_GOODS = 3,    /* good outcomes that a better level takes, beside the time */
    RISK_PATIENCE = 3, /* so many times as long without any, and it gets better, too */
    RISK_HOLD_MAX_MS = 7200000
};

static const char *const risk_names[] = {"normal", "slow", "slow", "slow", "quiet", "held"};
static const int risk_factors[] = {1, 2, 4, 8, 8, 8};

const char *risk_level_name(enum account_level level)
{
    return risk_names[level];
}

/* ---- what people are told ---- */

static const char *risk_words(const struct account *a)
{
    switch (a->level) {
    case LEVEL_NORMAL: return "the account sends at its full pace again";
    case LEVEL_QUIET: return "the account only answers, slowly: what nobody asked for waits";
    case LEVEL_HELD: return "account paused: its messages do not arrive";
    default: return "the account is slowed down";
    }
}

static void risk_alarm(struct gw *gw, const struct account *a)
{
    static const char *const kinds[] = {"account_slow", "account_quiet", "account_held"};
    int now = a->level == LEVEL_NORMAL  ? -1
              : a->level == LEVEL_HELD  ? 2
              : a->level == LEVEL_QUIET ? 1
                                        : 0;
    struct buf text = {0};
    buf_addf(&text,
             "Account %s: %s (intervals x%d). Why: %s. To end it: sopd ctl account %s %s normal",
             a->name, risk_words(a), a->slow, a->reason, gw->name, a->name);
    for (int i = 0; i < 3; i++) {
        if (i == now)
            alarm_raise(gw, kinds[i], a->name, buf_cstr(&text));
        else
            alarm_clear(gw, kinds[i], a->name);
    }
    buf_free(&text);
}

/* ---- in Redis ---- */

static void risk_key(const struct gw *gw, struct buf *out)
{
    buf_reset(out);
    gw_key(gw, out, "accounts");
}

static void risk_json(const struct account *a, struct buf *out)
{
    buf_addf(out, "{\"level\":\"%s\",\"slow\":%d,\"since\":%lld,\"reason\":", risk_names[a->level],
             a->slow, (long long)a->level_ms);
    buf_add_json(out, a->reason, strlen(a->reason));
    if (a->hold_until_ms)
        buf_addf(out, ",\"until\":%lld,\"step\":%lld", (long long)a->hold_until_ms,
                 (long long)a->hold_step_ms);
    buf_addf(out, ",\"by\":\"%s\"}", a->by_admin ? "admin" : "sopd");
}

static void risk_save(struct gw *gw, struct account *a)
{
    static struct buf key, json;
    risk_key(gw, &key);
    buf_reset(&json);
    risk_json(a, &json);
    const char *set[] = {"HSET", buf_cstr(&key), a->name, buf_cstr(&json)};
    const char *del[] = {"HDEL", set[1], a->name};
    bool normal = a->level == LEVEL_NORMAL;
    a->unsaved = !gw->e->redis_up || !gw->owner ||
                 !redis_command(gw->e->redis, NULL, NULL, normal ? 3 : 4, normal ? del : set, NULL);
}

static int64_t risk_number(const cJSON *o, const char *name)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsNumber(n) ? (int64_t)n->valuedouble : 0;
}

static enum account_level risk_level_of(const char *name, int64_t slow)
{
    if (name && strcmp(name, "held") == 0)
        return LEVEL_HELD;
    if (name && strcmp(name, "quiet") == 0)
        return LEVEL_QUIET;
    if (!name || strcmp(name, "slow") != 0)
        return LEVEL_NORMAL;
    return slow >= 8 ? LEVEL_SLOW8 : slow >= 4 ? LEVEL_SLOW4 : LEVEL_SLOW2;
}

static void risk_restore(struct gw *gw, const char *name, const char *json)
{
    cJSON *o = cJSON_Parse(json);
    struct account *a = account_get(gw, name);
    const char *level = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "level"));
    const char *by = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "by"));
    const char *reason = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "reason"));
    a->level = risk_level_of(level, risk_number(o, "slow"));
    a->before = LEVEL_SLOW8;
    a->slow = risk_factors[a->level];
    a->level_ms = risk_number(o, "since");
    a->hold_until_ms = risk_number(o, "until");
    a->hold_step_ms = risk_number(o, "step");
    a->by_admin = by && strcmp(by, "admin") == 0;
    snprintf(a->reason, sizeof a->reason, "%s", reason ? reason : "");
    cJSON_Delete(o);
    if (a->level != LEVEL_NORMAL)
        risk_alarm(gw, a);
}

static void risk_loaded(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    if (!reply || reply->type != REDIS_REPLY_ARRAY)
        return;
    for (size_t i = 0; i + 1 < reply->elements; i += 2)
        risk_restore(gw, reply->element[i]->str, reply->element[i + 1]->str);
}

void risk_load(struct gw *gw)
{
    struct buf key = {0};
    risk_key(gw, &key);
    redis_command(gw->e->redis, risk_loaded, gw, 2, (const char *[]){"HGETALL", buf_cstr(&key)},
                  NULL);
    buf_free(&key);
}

/* ---- changes ---- */

static void risk_tell(struct gw *gw, const struct account *a, enum account_level was)
{
    struct buf data = {0};
    buf_adds(&data, "{\"account\":");
    buf_add_json(&data, a->name, strlen(a->name));
    buf_addf(&data, ",\"level\":\"%s\",\"was\":\"%s\",\"slow\":%d,\"by\":\"%s\",\"reason\":",
             risk_names[a->level], risk_names[was], a->slow, a->by_admin ? "admin" : "sopd");
    buf_add_json(&data, a->reason, strlen(a->reason));
    buf_addc(&data, '}');
    gw_tell(gw, "account_level", buf_cstr(&data));
    buf_free(&data);
    log_write(a->level > was ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, risk_words(a), "gateway", gw->name,
              "account", a->name, "intervals", log_int(a->slow), "reason", a->reason, "seconds",
              log_int(a->level == LEVEL_HELD ? a->hold_step_ms / 1000 : 0), NULL);
    risk_alarm(gw, a);
}

/* Times that were reserved at a slower pace lie far ahead. They begin anew; the guard keeps the limits by what has really left. */
static void risk_free_times(struct gw *gw)
{
    struct buf key = {0};
    gw_key(gw, &key, "pace");
    redis_command(gw->e->redis, NULL, NULL, 2, (const char *[]){"DEL", buf_cstr(&key)}, NULL);
    buf_free(&key);
}

static void risk_set(struct gw *gw, struct account *a, enum account_level level, const char *reason)
{
    enum account_level was = a->level;
    a->level = level;
    a->slow = risk_factors[level];
    a->level_ms = clock_wall(gw->e->clock);
    a->strikes = a->goods = 0;
    if (level != LEVEL_HELD)
        a->hold_until_ms = 0;
    if (level == LEVEL_NORMAL)
        a->hold_step_ms = 0;
    size_t n = utf8_cut(reason, strlen(reason), ACCOUNT_REASON - 1);
    memcpy(a->reason, reason, n);
    a->reason[n] = '\0';
    risk_save(gw, a);
    risk_tell(gw, a, was);
    if (level < was)
        risk_free_times(gw);
    pacer_release_account(gw, a);
    engine_spin(gw->e);
}

/* Nothing leaves for a while, twice as long each time; one message decides after it. */
static void risk_hold(struct gw *gw, struct account *a, const char *reason)
{
    int64_t step = a->hold_step_ms ? a->hold_step_ms * 2 : gw->circuit_ms;
    if (a->level != LEVEL_HELD)
        a->before = a->level;
    a->hold_step_ms = step > RISK_HOLD_MAX_MS ? RISK_HOLD_MAX_MS : step;
    a->held_ms = clock_wall(gw->e->clock);
    a->hold_until_ms = a->held_ms + a->hold_step_ms;
    a->bad_in_row = RISK_ROW - 1;
    metric_inc(metric_counter("sopd_circuit_opens_total",
                              "Pauses of an account after bad outcomes in a row.",
                              metric_labels("gateway", gw->name, NULL)));
    risk_set(gw, a, LEVEL_HELD, reason);
}

/* ---- signals ---- */

static void risk_strike(struct gw *gw, struct account *a, const char *signal, int strikes,
                        const char *reason)
{
    int64_t now = clock_wall(gw->e->clock);
    metric_inc(metric_counter("sopd_risk_signals_total",
                              "Signs that a platform does not put up with an account.",
                              metric_labels("gateway", gw->name, "signal", signal, NULL)));
    if (now - a->bad_ms > gw->risk_window_ms)
        a->strikes = 0;
    a->bad_ms = now;
    a->goods = 0;
    a->strikes += strikes;
    if (a->strikes < RISK_STRIKES || a->level >= LEVEL_QUIET || a->by_admin)
        return;
    struct buf why = {0};
    buf_addf(&why, "%s%s%s", signal, reason && *reason ? ": " : "", reason ? reason : "");
    risk_set(gw, a, (enum account_level)(a->level + 1), buf_cstr(&why));
    buf_free(&why);
}

/* An answer that says that the message may not have arrived. */
static void risk_bad(struct gw *gw, struct account *a, const struct entry *en, const char *signal,
                     int strikes, const char *reason)
{
    if (en->written_ms < a->held_ms) { /* under way when it was held already: that is known */
        risk_strike(gw, a, signal, 0, reason);
        return;
    }
    a->refused = (a->bad_in_row && a->refused) || strikes > 1;
    if (!a->bad_in_row)
        a->lost_ms = en->written_ms;
    bool row = ++a->bad_in_row >= RISK_ROW;
    if (!row) {
        risk_strike(gw, a, signal, strikes, reason);
        return;
    }
    risk_strike(gw, a, signal, 0, reason);
    risk_hold(gw, a, *reason ? reason : signal);
}

/* One level better. */
static void risk_better(struct gw *gw, struct account *a)
{
    risk_set(gw, a, (enum account_level)(a->level - 1),
             a->level == LEVEL_SLOW2 ? "all is well again" : "getting better");
}

/* It works again. While it did not, it may not have heard either: that is made up for from the history. */
static void risk_healed(struct gw *gw, struct account *a)
{
    if (a->held_ms && a->lost_ms && !a->refused)
        gap_open(gw, a->lost_ms - RISK_MARGIN_MS, "sends went unanswered");
    a->lost_ms = a->held_ms = 0;
}

static void risk_good(struct gw *gw, struct account *a)
{
    if (a->held_ms && a->hold_until_ms <= clock_wall(gw->e->clock))
        risk_healed(gw, a);
    a->bad_in_row = a->failures = 0;
    a->hold_step_ms = 0;
    if (a->goods < RISK_GOODS)
        a->goods++;
    if (a->level == LEVEL_HELD) /* written before it was held, or the probe */
        return;
    if (a->level != LEVEL_NORMAL && !a->by_admin && a->goods >= RISK_GOODS &&
        clock_wall(gw->e->clock) - a->level_ms >= gw->risk_step_ms)
        risk_better(gw, a);
}

void risk_outcome(struct gw *gw, const struct send_result *r, const struct entry *en)
{
    struct account *a = en->account ? en->account : account_of(gw, en->message->chat);
    int64_t now = clock_wall(gw->e->clock);
    switch (r->outcome) {
    case SEND_SENT: risk_good(gw, a); break;
    case SEND_MUTED:
        hold_chat(gw, en->message->chat, r->retry_ms > now ? r->retry_ms : now + RISK_MUTE_MS,
                  r->retry_ms > now ? HOLD_OURS : HOLD_REFUSED);
        risk_strike(gw, a, "muted", 1, en->message->chat);
        break;
    case SEND_CROWDED:
        hold_chat(gw, en->message->chat, r->retry_ms > now ? r->retry_ms : now + RISK_LIMITED_MS,
                  HOLD_CROWDED);
        break;
    case SEND_LIMITED: /* the group's limit: that one waits; the account is judged once a message */
        hold_chat(gw, en->message->chat, now + RISK_LIMITED_MS, HOLD_LIMITED);
        if (!en->limited)
            risk_bad(gw, a, en, "limited", RISK_STRIKES, r->reason);
        break;
    case SEND_RISK: risk_bad(gw, a, en, "risk_control", RISK_STRIKES, r->reason); break;
    case SEND_UNKNOWN:
        if (en->echoed)
            risk_good(gw, a);
        else
            risk_bad(gw, a, en, "no_answer", 1, r->reason);
        break;
    case SEND_AT_ALL: risk_strike(gw, a, "at_all", 1, r->reason); break;
    case SEND_FAILED:
        if (++a->failures % RISK_FAILURES == 0)
            risk_strike(gw, a, "failures", RISK_STRIKES, r->reason);
        break;
    case SEND_CLOSED: /* it says something about the chat, nothing about the account */
    case SEND_UNWRITTEN: break;
    }
}

void risk_arrived(struct gw *gw, const struct entry *en)
{
    struct account *a = en->account;
    if (!a)
        return;
    a->bad_in_row = 0;
    a->strikes -= a->strikes > 0;
    if (a->level == LEVEL_HELD && !a->refused &&
        !a->by_admin) { /* silence was all that spoke against it */
        a->hold_step_ms = 0;
        risk_healed(gw, a);
        risk_set(gw, a, a->before, "its messages did arrive");
    }
}

void risk_muted(struct gw *gw, const char *chat)
{
    risk_strike(gw, account_of(gw, chat), "muted", 1, chat);
}

void risk_removed(struct gw *gw, const char *chat)
{
    struct buf text = {0};
    buf_addf(&text, "The account was put out of chat %s, or the group was dissolved", chat);
    alarm_raise(gw, "removed", chat, buf_cstr(&text));
    buf_free(&text);
    risk_strike(gw, account_of(gw, chat), "removed", 1, chat);
}

/* ---- what follows ---- */

int64_t risk_holds(const struct gw *gw, const struct account *a, const struct entry *en,
                   int64_t now_ms)
{
    if (a->hold_until_ms > now_ms)
        return a->hold_until_ms;
    if (a->level != LEVEL_QUIET || en->message->kind == KIND_ANSWER)
        return 0;
    /* looked at again when the level changes: pacer_release_account */
    int64_t step = a->by_admin ? 3600000 : gw->risk_step_ms;
    return now_ms + step;
}

static void risk_account_round(struct gw *gw, struct account *a, int64_t now)
{
    if (a->unsaved)
        risk_save(gw, a);
    if (a->level == LEVEL_HELD && now >= a->hold_until_ms) {
        risk_set(gw, a, a->by_admin ? a->before : LEVEL_QUIET,
                 "the pause is over: answers go out as probes");
        return;
    }
    int64_t since = a->level_ms > a->bad_ms ? a->level_ms : a->bad_ms;
    if (a->level != LEVEL_NORMAL && a->level != LEVEL_HELD && !a->by_admin &&
        now - since >= gw->risk_step_ms * RISK_PATIENCE) {
        a->bad_in_row = 0;
        risk_better(gw, a);
    }
}

void risk_round(struct gw *gw)
{
    int64_t now = clock_wall(gw->e->clock);
    for (struct account *a = gw->accounts; a; a = a->hh.next)
        if (a->level != LEVEL_NORMAL || a->unsaved)
            risk_account_round(gw, a, now);
}

/* ---- admin ---- */

void risk_info(const struct gw *gw, const char **level, int *slow)
{
    enum account_level worst = LEVEL_NORMAL;
    for (const struct account *a = gw->accounts; a; a = a->hh.next)
        worst = a->level > worst ? a->level : worst;
    *level = risk_names[worst];
    *slow = risk_factors[worst];
}

void engine_each_account(const struct engine *e, const char *gateway,
                         void (*fn)(void *ud, const struct engine_account_info *i), void *ud)
{
    for (const struct gw *gw = e->gws; gw; gw = gw->next) {
        if (gw->removed || (gateway && strcmp(gateway, gw->name) != 0))
            continue;
        for (const struct account *a = gw->accounts; a; a = a->hh.next) {
            struct engine_account_info i = {.gateway = gw->name,
                                            .account = a->name,
                                            .level = risk_names[a->level],
                                            .reason = a->reason,
                                            .slow = a->slow,
                                            .by_admin = a->by_admin,
                                            .since_ms = a->level_ms,
                                            .until_ms = a->hold_until_ms};
            fn(ud, &i);
        }
    }
}

const char *engine_account_order(struct engine *e, const char *gateway, const char *account,
                                 const char *level)
{
    static const struct {
        const char *name;
        enum account_level level;
    } orders[] = {{"normal", LEVEL_NORMAL}, {"slow", LEVEL_SLOW4}, {"quiet", LEVEL_QUIET}};
    struct gw *gw = engine_gw(e, gateway);
    struct account *a = NULL;
    int i = 0;
    if (!gw)
        return "there is no such gateway";
    if (!account || !*account)
        a = gw->accounts && !gw->accounts->hh.next ? gw->accounts : NULL;
    else
        HASH_FIND_STR(gw->accounts, account, a);
    if (!gw->accounts && (!account || strcmp(account, gw->name) == 0))
        a = account_get(gw, gw->name);
    if (!a)
        return "name the account: sopd ctl account GATEWAY lists them";
    while (i < 3 && strcmp(orders[i].name, level) != 0)
        i++;
    if (i == 3)
        return "the level is normal, slow or quiet";
    a->by_admin = orders[i].level != LEVEL_NORMAL;
    a->bad_in_row = a->failures = 0;
    a->hold_until_ms = a->hold_step_ms = 0;
    a->refused = false;
    risk_set(gw, a, orders[i].level, "an admin said so");
    return NULL;
}
