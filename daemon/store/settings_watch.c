/* settings_watch.c -- hearing of edits: CLIENT TRACKING, redirected to a subscribed link. Where that is refused (by an ACL, by a proxy),
 * breaks, or is granted and reports nothing, everything is read every second instead, as far as that takes two percent of the time.
 * Callers: settings.c. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "store/settings_internal.h"

enum {
    WATCH_RETRY_MS = 30000,       /* what was refused is asked for again, */
    WATCH_LONG_RETRY_MS = 600000, /* more seldom if that costs a link */
    WATCH_DEATHS = 3,             /* links that end when they subscribe */
    WATCH_DEATH_MS = 2000,
    WATCH_DOUBT_MS = 2000, /* a report of a change that was found otherwise comes by then */
    WATCH_EARLY_MS = 200
};

const char *settings_polled(const struct settings *s)
{
    return s->hearing == HEARING_ON ? NULL : buf_cstr((struct buf *)&s->deaf);
}

static void watch_deaf(struct settings *s, enum settings_hearing how, const char *why)
{
    s->hearing = how;
    s->scan_next = s->look_next = 0;
    buf_reset(&s->deaf);
    buf_adds(&s->deaf, why);
    if (s->told || s->closing || how == HEARING_NONE)
        return;
    s->told = true;
    log_warn("Redis does not report changed settings; they are read every second", "reason", why,
             "remedy", "allow CLIENT TRACKING, CLIENT ID and SUBSCRIBE: docs/operations.md", NULL);
}

static void watch_on_tracking(void *ud, const redisReply *reply)
{
    struct settings *s = ud;
    if (!reply || s->closing || s->hearing != HEARING_ASKED)
        return;
    if (reply->type == REDIS_REPLY_ERROR) {
        watch_deaf(s, HEARING_REFUSED, reply->str);
        return;
    }
    s->hearing = HEARING_ON;
    if (s->told)
        log_info("Redis reports changed settings again", NULL);
    s->told = false;
}

static void watch_ignore(void *ud, const redisReply *reply)
{
    (void)ud;
    (void)reply;
}

/* Both links are up: asks for reports of changed keys on `sub`. */
static void watch_ask(struct settings *s)
{
    if (!redis_is_up(s->cmd) || !s->sub_id || !s->subscribed)
        return;
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)s->sub_id);
    const char *off[] = {"CLIENT", "TRACKING", "OFF"};
    const char *on[] = {
        "CLIENT", "TRACKING",     "ON",     "REDIRECT",      id,       "BCAST",
        "PREFIX", "sopd:toggles", "PREFIX", "sopd:params",   "PREFIX", "sopd:paused",
        "PREFIX", "sopd:staff",   "PREFIX", "sopd:versions", "PREFIX", "sopd:chat-tags"};
    s->hearing = HEARING_ASKED;
    s->asked_ms = clock_mono(s->clock);
    s->missed_ms = 0;
    redis_command(s->cmd, watch_ignore, s, 3, off, NULL);
    redis_command(s->cmd, watch_on_tracking, s, (int)(sizeof on / sizeof on[0]), on, NULL);
}

static void watch_on_id(void *ud, const redisReply *reply)
{
    struct settings *s = ud;
    if (!reply || s->closing)
        return;
    if (reply->type != REDIS_REPLY_INTEGER) {
        watch_deaf(s, HEARING_REFUSED, reply->str ? reply->str : "CLIENT ID has no answer");
        return;
    }
    s->sub_id = reply->integer;
    s->asked_ms = clock_mono(s->clock);
    redis_command(s->sub, NULL, NULL, 2, (const char *[]){"SUBSCRIBE", "__redis__:invalidate"},
                  NULL);
}

static void watch_begin(struct settings *s)
{
    s->asked_ms = clock_mono(s->clock);
    redis_command(s->sub, watch_on_id, s, 2, (const char *[]){"CLIENT", "ID"}, NULL);
}

void settings_sub_status(void *ud, enum redis_status status)
{
    struct settings *s = ud;
    int64_t now = clock_mono(s->clock);
    if (status != REDIS_UP) {
        /* hiredis ends a link whose SUBSCRIBE was refused */
        if (s->sub_id && !s->subscribed && now - s->asked_ms < WATCH_DEATH_MS)
            s->sub_deaths++;
        s->sub_id = 0;
        s->subscribed = false;
        watch_deaf(s, s->sub_deaths >= WATCH_DEATHS ? HEARING_REFUSED : HEARING_NONE,
                   s->sub_deaths >= WATCH_DEATHS ? "SUBSCRIBE is refused"
                                                 : "the subscription is lost");
        return;
    }
    if (!s->closing && s->sub_deaths < WATCH_DEATHS)
        watch_begin(s);
}

void settings_cmd_status(void *ud, enum redis_status status)
{
    struct settings *s = ud;
    if (status != REDIS_UP) {
        watch_deaf(s, HEARING_NONE, "Redis is not reachable");
        return;
    }
    if (s->closing)
        return;
    settings_audit_up(s);
    watch_ask(s);
    settings_pass(s);
}

void settings_on_message(void *ud, const redisReply *r)
{
    struct settings *s = ud;
    if (s->closing || r->type != REDIS_REPLY_ARRAY || r->elements != 3)
        return;
    const redisReply *kind = r->element[0], *keys = r->element[2];
    if (kind->str && strcmp(kind->str, "subscribe") == 0) {
        s->subscribed = true;
        s->sub_deaths = 0;
        watch_ask(s);
        settings_pass(s);
        return;
    }
    if (!kind->str || strcmp(kind->str, "message") != 0)
        return;
    s->heard_ms = clock_mono(s->clock);
    if (s->hearing == HEARING_MUTE) {
        s->hearing = HEARING_ON;
        s->told = false;
        log_info("Redis reports changed settings again", NULL);
    }
    if (keys->type != REDIS_REPLY_ARRAY) { /* nil: the database was flushed */
        settings_pass(s);
        return;
    }
    for (size_t i = 0; i < keys->elements; i++) {
        const redisReply *key = keys->element[i];
        if (key->str && mirror_wants(key->str, (size_t)key->len))
            settings_key_changed(s, key->str, (size_t)key->len);
    }
}

/* ---- reading instead ---- */

void settings_edited(void *ud, const struct redisReply *reply)
{
    struct settings *s = ud;
    if (reply && reply->type == REDIS_REPLY_ERROR)
        log_error("settings were not edited", "error", reply->str, NULL);
    if (!s || s->closing || !reply || s->hearing == HEARING_ON)
        return;
    s->look_next = 0;
    settings_look(s);
}

void settings_missed(struct settings *s)
{
    if (s->hearing != HEARING_ON || s->missed_ms || s->scan_started < s->asked_ms + WATCH_DOUBT_MS)
        return;
    s->missed_ms = clock_mono(s->clock);
}

void settings_on_tick(uv_timer_t *tick)
{
    struct settings *s = tick->data;
    clock_tick(s->clock);
    int64_t now = clock_mono(s->clock);
    if (s->missed_ms && now - s->missed_ms >= WATCH_DOUBT_MS) {
        if (s->heard_ms < s->missed_ms - WATCH_EARLY_MS)
            watch_deaf(s, HEARING_MUTE, "CLIENT TRACKING was granted, but nothing is reported");
        s->missed_ms = 0;
    }
    int64_t rest = s->sub_deaths >= WATCH_DEATHS ? WATCH_LONG_RETRY_MS : WATCH_RETRY_MS;
    if (s->hearing == HEARING_REFUSED && redis_is_up(s->sub) && now - s->asked_ms >= rest) {
        if (s->sub_id && s->subscribed)
            watch_ask(s);
        else
            watch_begin(s);
    }
    if (!s->scanning && now >= s->scan_next)
        settings_pass(s);
    else if (s->hearing != HEARING_ON && s->loaded)
        settings_look(s);
    settings_audit_flush(s);
    redis_flush(s->sub);
    redis_flush(s->cmd);
}
