/* health.c -- see health.h: link and account with reason and since when, their alarms, and their copy in Redis. */
#include "engine/health/health.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "base/utf8.h"
#include "engine/internal.h"
#include "engine/look/alarm.h"
#include "engine/look/alarm_part.h"

enum {
    HEALTH_UNKNOWN_MS =
        60000 /* with a link and nothing bad heard for so long: the account is taken for well */
};

const struct zone *health_zone(const struct engine *e)
{
    const struct zone *z = e->alarms->conf->zone;
    return z ? z : zone_get("UTC");
}

/* ---- the copy in Redis ---- */

static void health_save(struct gw *gw)
{
    const struct health *h = &gw->health;
    const struct health_part *k = &h->known;
    struct buf key = {0};
    if (!h->loaded || !gw->owner || !gw->e->redis_up)
        return;
    gw_key(gw, &key, "health");
    const char *argv[] = {"HSET",          buf_cstr(&key),
                          "link",          gateway_link_name((enum gateway_link)h->link.now),
                          "link_since",    log_int(h->link.since_ms),
                          "account",       gateway_account_name((enum gateway_account)k->now),
                          "account_since", log_int(k->since_ms),
                          "reason",        k->word,
                          "text",          k->text};
    redis_command(gw->e->redis, NULL, NULL, sizeof argv / sizeof argv[0], argv, NULL);
    buf_free(&key);
}

static const char *health_field(const struct redisReply *r, const char *name)
{
    for (size_t i = 0; i + 1 < r->elements; i += 2)
        if (strcmp(r->element[i]->str, name) == 0)
            return r->element[i + 1]->str;
    return "";
}

static void health_part_set(struct health_part *p, int now, int64_t since_ms, const char *word,
                            const char *text)
{
    p->now = now;
    p->since_ms = since_ms;
    snprintf(p->word, sizeof p->word, "%.*s", (int)utf8_cut(word, strlen(word), sizeof p->word - 1),
             word);
    snprintf(p->text, sizeof p->text, "%.*s", (int)utf8_cut(text, strlen(text), sizeof p->text - 1),
             text);
}

static void health_loaded(void *ud, const struct redisReply *r)
{
    struct gw *gw = ud;
    struct health *h = &gw->health;
    if (!r || r->type != REDIS_REPLY_ARRAY)
        return;
    h->loaded = true;
    int64_t since = strtoll(health_field(r, "account_since"), NULL, 10);
    const char *account = health_field(r, "account"), *link = health_field(r, "link");
    for (int a = ACCOUNT_ONLINE; since && a <= ACCOUNT_RESTRICTED; a++) {
        if (strcmp(gateway_account_name((enum gateway_account)a), account) != 0)
            continue;
        if (h->known.now == ACCOUNT_UNKNOWN)
            health_part_set(&h->known, a, since, health_field(r, "reason"),
                            health_field(r, "text"));
        else if (h->known.now == a)
            h->known.since_ms = since;
        if (h->account.now == a)
            h->account.since_ms = since;
    }
    since = strtoll(health_field(r, "link_since"), NULL, 10);
    bool was_up = strcmp(link, gateway_link_name(LINK_UP)) == 0;
    if (since && !was_up && h->link.now != LINK_UP)
        h->link.since_ms = since;
    health_save(gw);
}

void health_load(struct gw *gw)
{
    struct buf key = {0};
    gw_key(gw, &key, "health");
    redis_command(gw->e->redis, health_loaded, gw, 2, (const char *[]){"HGETALL", buf_cstr(&key)},
                  NULL);
    buf_free(&key);
    silence_load(gw);
    alarms_load(gw);
}

/* ---- alarms ---- */

static void health_alarm_link(struct gw *gw, int64_t mono)
{
    struct health *h = &gw->health;
    if (h->link.now == LINK_UP) {
        alarm_clear(gw, "link", "");
        return;
    }
    if (h->link.now == LINK_REFUSED) {
        alarm_raise_as(gw, "link", "", "the gateway refuses our token, or the address is wrong",
                       "口令不对, 被拒绝了");
    } else if (mono - h->down_ms >= alarms_after_ms(gw->e)) {
        struct buf text = {0};
        buf_addf(&text, "no link: %s", *h->link.text ? h->link.text : "it never came up");
        alarm_raise(gw, "link", "", buf_cstr(&text));
        buf_free(&text);
    }
}

static const char *health_words(const char *word)
{
    static const char *const words[][2] = {
        {"kicked", "被踢下线了, 可能在别处登录"},
        {"login_expired", "登录过期了"},
        {"restricted", "被平台限制了"},
        {"timeouts", "消息连着发不出去"},
        {"logged_out", "没有登录"},
        {"reconnecting", "服务器正在重新登录"},
        {"superseded", "被另一个程序接管了, 同一个机器人只能有一个在连"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i][0], word) == 0)
            return words[i][1];
    return "";
}

static void health_alarm_account(struct gw *gw, int64_t mono)
{
    const struct health *h = &gw->health;
    bool bad = h->account.now == ACCOUNT_OFFLINE || h->account.now == ACCOUNT_RESTRICTED;
    if (bad) {
        struct buf text = {0};
        buf_addf(&text, "the account is %s: %s%s%s",
                 gateway_account_name((enum gateway_account)h->account.now),
                 *h->account.word ? h->account.word : "no reason given",
                 *h->account.text ? ", " : "", h->account.text);
        alarm_raise_as(gw, "account", "", buf_cstr(&text), health_words(h->account.word));
        buf_free(&text);
    } else if (h->account.now == ACCOUNT_ONLINE ||
               (h->link.now == LINK_UP && mono - h->up_ms >= HEALTH_UNKNOWN_MS)) {
        alarm_clear(gw, "account", "");
    }
}

/* ---- changes ---- */

static bool health_part_same(const struct health_part *a, const struct health_part *b)
{
    return a->now == b->now && a->since_ms == b->since_ms && strcmp(a->word, b->word) == 0 &&
           strcmp(a->text, b->text) == 0;
}

static void health_link(struct gw *gw, enum gateway_link link, const char *reason)
{
    struct health *h = &gw->health;
    int64_t now = clock_wall(gw->e->clock), mono = clock_mono(gw->e->clock);
    if (link == LINK_CONNECTING) /* an attempt: it is as it was */
        link = h->link.now == LINK_UP ? LINK_DOWN : (enum gateway_link)h->link.now;
    if (link == (enum gateway_link)h->link.now)
        return;
    bool down = link != LINK_UP, was_down = h->link.now != LINK_UP;
    health_part_set(&h->link, link, down && was_down ? h->link.since_ms : now,
                    link == LINK_REFUSED ? "refused"
                    : down               ? "net"
                                         : "",
                    down ? reason : "");
    if (down && !was_down)
        h->down_ms = mono;
    if (!down) {
        h->down_ms = 0;
        h->up_ms = mono;
        h->silence.from_ms = now;
    }
}

void health_state(struct gw *gw, const struct gateway_state *s, const char *reason)
{
    struct health *h = &gw->health;
    int64_t now = clock_wall(gw->e->clock);
    const char *word = s->account_reason ? s->account_reason : "";
    struct health_part link = h->link, account = h->account;
    reason = reason ? reason : "";
    health_link(gw, s->link, reason);
    if (s->account == ACCOUNT_UNKNOWN) {
        if (account.now != ACCOUNT_UNKNOWN || h->link.now != link.now)
            health_part_set(&h->account, ACCOUNT_UNKNOWN, now, s->link == LINK_UP ? "" : "net", "");
    } else if ((int)s->account != account.now || strcmp(word, account.word) != 0) {
        bool same = (int)s->account == h->known.now;
        if (s->account == ACCOUNT_OFFLINE) /* it was gone before that was noticed */
            h->heard_ms = h->silence.last_ms;
        else if (h->known.now == ACCOUNT_OFFLINE && h->heard_ms && s->account == ACCOUNT_ONLINE)
            gap_open(gw, h->heard_ms, "the account was away");
        health_part_set(&h->known, s->account, same ? h->known.since_ms : now, word,
                        s->account == ACCOUNT_ONLINE ? "" : reason);
        h->account = h->known;
        if (s->account == ACCOUNT_ONLINE)
            h->silence.from_ms = now;
    }
    if (!health_part_same(&link, &h->link) || !health_part_same(&account, &h->account))
        health_save(gw);
    if (gw->e->opts.alarms) /* at once: one that flaps faster than the round must be counted, too */
        health_alarm_account(gw, clock_mono(gw->e->clock));
}

enum gateway_account health_account(const struct gw *gw, const char **word)
{
    const struct health *h = &gw->health;
    bool bad = h->account.now == ACCOUNT_OFFLINE || h->account.now == ACCOUNT_RESTRICTED;
    *word = h->account.word;
    if (!bad && h->link.now == LINK_UP && (h->canary.suspect || h->silence.suspect)) {
        *word = h->canary.suspect ? "canary" : "silent";
        return ACCOUNT_UNKNOWN;
    }
    return (enum gateway_account)h->account.now;
}

/* ---- once a second ---- */

void health_round(struct gw *gw)
{
    struct health *h = &gw->health;
    struct engine *e = gw->e;
    int64_t mono = clock_mono(e->clock);
    if (!e->opts.alarms || !gw->started || gw->stopped || gw->removed || e->stopping)
        return;
    if (!h->down_ms && h->link.now != LINK_UP)
        h->down_ms = mono; /* the first look: it is being started */
    health_alarm_link(gw, mono);
    health_alarm_account(gw, mono);
    silence_round(gw, h->link.now == LINK_UP && h->account.now != ACCOUNT_OFFLINE);
    canary_round(gw);
    planned_round(gw);
}

bool health_event(struct gw *gw, const struct event *e)
{
    if (e->history)
        return false;
    silence_heard(gw);
    return canary_event(gw, e);
}

void health_own_message(struct gw *gw, const struct event *e)
{
    canary_own_message(gw, e);
}

void health_sent(struct gw *gw, const struct message *m, const char *outcome)
{
    canary_sent(gw, m, outcome);
}

/* ---- life ---- */

void health_init(struct gw *gw, const struct gateway_conf *conf)
{
    struct health *h = &gw->health;
    int64_t now = clock_wall(gw->e->clock);
    health_part_set(&h->link, LINK_DOWN, now, "net", "");
    health_part_set(&h->account, ACCOUNT_UNKNOWN, now, "net", "");
    health_part_set(&h->known, ACCOUNT_UNKNOWN, now, "", "");
    h->silence.from_ms = now;
    h->expect = conf->expect;
    h->expect_ms = conf->expect_ms;
    h->expect_from_ms = conf->expect_from_ms;
    h->expect_to_ms = conf->expect_to_ms;
    h->canary.chat = mem_strdup(conf->canary_chat);
    h->canary.every_ms = conf->canary_every_ms;
    h->canary.within_ms = conf->canary_within_ms;
}

void health_free(struct gw *gw)
{
    free(gw->health.canary.chat);
}
