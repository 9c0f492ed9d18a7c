/* ob_login.c -- is the account logged in? Heartbeats and get_status say so, but Lagrange always says yes and NapCat goes on saying it for
 * a while, so better evidence overrules them: the platform's bot_offline notice, and five sends in a row without an answer.
 * After such evidence a mere "online" is not believed for some time, unless the peer has said "offline" in between (then it tells the
 * truth) or something new comes in from the platform. Callers: ob_link.c, ob_frame.c, ob_response.c, ob_action.c. */
#include <string.h>

#include "gateway/ob.h"

enum {
    LOGIN_STATUS_MS = 60000, /* an offline account is asked about so often */
    LOGIN_TIMEOUTS = 5,      /* sends without an answer in a row: the account is taken for down */
    LOGIN_DOUBT_MS = 60000,  /* claims are not believed for so long, doubling from time to time */
    LOGIN_DOUBT_MAX_MS = 600000,
    LOGIN_KICKED_MS =
        600000,           /* the same after the platform itself has said that it is logged out */
    LOGIN_PROOF_MS = 5000 /* what comes in so soon after that was on its way already */
};

static void ob_login_set(struct ob *g, enum gateway_account now, const char *word, const char *why)
{
    if (g->online == now && strcmp(g->account_reason, word) == 0)
        return;
    bool back = now == ACCOUNT_ONLINE && g->online != ACCOUNT_UNKNOWN;
    g->online = now;
    g->account_reason = word;
    g->confirming = false;
    g->said_offline = false;
    if (now == ACCOUNT_ONLINE) {
        g->send_timeouts = 0;
        if (back)
            log_info("account is online again", "gateway", g->base.name, "self", g->self_id, NULL);
    } else if (now == ACCOUNT_OFFLINE) {
        g->next_status = ob_now(g) + LOGIN_STATUS_MS;
        g->offline_wall = clock_wall(g->env.clock);
        log_error("account is offline", "gateway", g->base.name, "self", g->self_id, "cause", word,
                  "reason", why, NULL);
    }
    g->sink.on_state(g->sink.ud, &g->base, why);
}

void ob_login_unknown(struct ob *g)
{
    g->online = ACCOUNT_UNKNOWN; /* the link is gone, and tells so itself */
    g->account_reason = "";
    g->confirming = g->said_offline = false;
    g->send_timeouts = 0;
    g->doubt_until = 0;
}

void ob_login_lost(struct ob *g, const char *text)
{
    static const struct {
        const char *part, *word;
    } causes[] = {{"冻结", "restricted"},    {"限制", "restricted"},    {"违规", "restricted"},
                  {"风控", "restricted"},    {"freez", "restricted"},   {"Freez", "restricted"},
                  {"Kick", "kicked"},        {"kick", "kicked"},        {"elsewhere", "kicked"},
                  {"另一", "kicked"},        {"其他设备", "kicked"},    {"其它设备", "kicked"},
                  {"异地", "kicked"},        {"下线", "kicked"},        {"xpire", "login_expired"},
                  {"失效", "login_expired"}, {"过期", "login_expired"}, {"登录", "login_expired"}};
    const char *word = "logged_out";
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
        if (strstr(text, causes[i].part)) {
            word = causes[i].word;
            break;
        }
    }
    g->doubt_until = ob_now(g) + LOGIN_KICKED_MS;
    ob_login_set(g, ACCOUNT_OFFLINE, word, *text ? text : "the platform logged the account out");
}

/* "online" alone may be a lie: a successful call must follow (ob_login_answered). */
static void ob_login_confirm(struct ob *g)
{
    g->confirming = true;
    ob_ask(g, OB_LOGIN, OB_FOR_LOGIN);
}

void ob_login_claim(struct ob *g, bool online, const char *why)
{
    if (!online && g->online == ACCOUNT_OFFLINE)
        g->said_offline = true;
    else if (!online)
        ob_login_set(g, ACCOUNT_OFFLINE, "logged_out", why);
    else if (g->online == ACCOUNT_UNKNOWN)
        ob_login_set(g, ACCOUNT_ONLINE, "", why);
    else if (g->online == ACCOUNT_OFFLINE && (g->said_offline || ob_now(g) >= g->doubt_until))
        ob_login_confirm(g);
    if (!online) {
        g->said_offline = true;
        g->doubt_until = 0;
    }
}

void ob_login_notice(struct ob *g)
{
    g->doubt_until = 0;
    ob_login_claim(g, true, "the platform says online");
}

void ob_login_answered(struct ob *g)
{
    if (!g->confirming || g->online != ACCOUNT_OFFLINE)
        return;
    bool timeouts = strcmp(g->account_reason, "timeouts") == 0;
    ob_login_set(g, ACCOUNT_ONLINE, "", "online again");
    if (timeouts) /* on trial: the next send without an answer is enough */
        g->send_timeouts = LOGIN_TIMEOUTS - 1;
}

void ob_login_proof(struct ob *g, const struct event *e)
{
    if (e->history)
        return;
    g->heard_ms = ob_now(g);
    if (g->online == ACCOUNT_OFFLINE && !g->confirming &&
        clock_wall(g->env.clock) - g->offline_wall >= LOGIN_PROOF_MS &&
        e->time_ms >= g->offline_wall)
        ob_login_confirm(g);
}

void ob_login_send_late(struct ob *g)
{
    g->last_late_ms = ob_now(g);
    if (g->send_timeouts++ == 0)
        g->first_late_ms = g->last_late_ms;
    if (g->send_timeouts < LOGIN_TIMEOUTS || g->online == ACCOUNT_OFFLINE)
        return;
    if (g->heard_ms >
        g->first_late_ms) { /* it is logged in, but what it says does not get through */
        ob_login_set(g, ACCOUNT_RESTRICTED, "timeouts",
                     "five sends in a row had no answer, but messages come in");
        return;
    }
    g->doubt_step = g->doubt_step ? g->doubt_step * 2 : LOGIN_DOUBT_MS;
    if (g->doubt_step > LOGIN_DOUBT_MAX_MS)
        g->doubt_step = LOGIN_DOUBT_MAX_MS;
    g->doubt_until = ob_now(g) + g->doubt_step;
    ob_login_set(g, ACCOUNT_OFFLINE, "timeouts", "five sends in a row had no answer");
}

void ob_login_send_ok(struct ob *g)
{
    g->send_timeouts = 0;
    g->doubt_step = 0;
    if (g->online == ACCOUNT_RESTRICTED)
        ob_login_set(g, ACCOUNT_ONLINE, "", "a message was taken");
}

/* In a pool nobody sends by it meanwhile, so nothing would ever prove that it is well again: after a while in which messages still
 * came in it is on trial, and the next send without an answer is enough. */
static void ob_login_trial(struct ob *g, int64_t now)
{
    if (now - g->last_late_ms < LOGIN_DOUBT_MS || g->heard_ms <= g->last_late_ms)
        return;
    ob_login_set(g, ACCOUNT_ONLINE, "", "no send failed for a minute, and messages come in");
    g->send_timeouts = LOGIN_TIMEOUTS - 1;
}

void ob_login_tick(struct ob *g, int64_t now)
{
    if (g->online == ACCOUNT_RESTRICTED)
        ob_login_trial(g, now);
    if (g->online != ACCOUNT_OFFLINE || now < g->next_status)
        return;
    g->next_status = now + LOGIN_STATUS_MS;
    ob_ask(g, OB_STATUS, OB_FOR_STATUS);
}
