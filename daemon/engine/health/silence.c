/* silence.c -- connected, and nothing comes in: an account that was logged out without a word looks like that. Either the configuration
 * says how long that may last at which hours, or it is learnt for each hour of the day (hash `usual`) and a silence must be as good as
 * impossible. All chats of a gateway together count: that one group is silent while others talk means nothing.
 * Owned by the gw's health. Callers: health.c. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "engine/internal.h"
#include "engine/look/alarm.h"

enum {
    SILENCE_MINUTE_MS = 60000,
    SILENCE_STEPS = 2 * 24 * 60 /* minutes: a clock that jumps further begins anew */
};

static int silence_hour(const struct gw *gw, int64_t wall_ms)
{
    return (int)(zone_clock(health_zone(gw->e), wall_ms) / 3600000) % USUAL_HOURS;
}

/* ---- what is usual ---- */

static void silence_save(struct gw *gw, int hour)
{
    const struct usual_hour *u = &gw->health.silence.usual.hours[hour];
    struct buf key = {0};
    char value[64];
    if (!gw->owner || !gw->e->redis_up)
        return;
    gw_key(gw, &key, "usual");
    snprintf(value, sizeof value, "%.1f %d", u->minutes, u->days);
    redis_command(gw->e->redis, NULL, NULL, 4,
                  (const char *[]){"HSET", buf_cstr(&key), log_int(hour), value}, NULL);
    buf_free(&key);
}

static void silence_loaded(void *ud, const struct redisReply *r)
{
    struct gw *gw = ud;
    for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i + 1 < r->elements; i += 2) {
        int hour = (int)strtol(r->element[i]->str, NULL, 10), days;
        double minutes;
        if (hour < 0 || hour >= USUAL_HOURS ||
            sscanf(r->element[i + 1]->str, "%lf %d", &minutes, &days) != 2 || minutes < 0 ||
            minutes > 60 || days < 0)
            continue;
        gw->health.silence.usual.hours[hour] =
            (struct usual_hour){minutes, days < USUAL_DAYS ? days : USUAL_DAYS};
    }
}

void silence_load(struct gw *gw)
{
    struct buf key = {0};
    gw_key(gw, &key, "usual");
    redis_command(gw->e->redis, silence_loaded, gw, 2, (const char *[]){"HGETALL", buf_cstr(&key)},
                  NULL);
    buf_free(&key);
}

/* ---- minute by minute ---- */

static void silence_end_hour(struct gw *gw, int hour)
{
    struct silence *s = &gw->health.silence;
    if (!s->suspect && usual_learn(&s->usual, hour, s->hour_active, s->hour_watched))
        silence_save(gw, hour);
    s->hour_active = s->hour_watched = 0;
}

/* The minute that has just ended. */
static void silence_end_minute(struct gw *gw, bool up)
{
    struct silence *s = &gw->health.silence;
    int hour = silence_hour(gw, s->minute * SILENCE_MINUTE_MS);
    if (up) {
        s->hour_watched++;
        s->hour_active += s->heard;
        if (!s->heard) {
            s->silent_minutes++;
            s->log_likelihood += usual_minute(&s->usual, hour);
        }
    }
    if (!up || s->heard) {
        s->silent_minutes = 0;
        s->log_likelihood = 0;
    }
    s->heard = false;
    s->minute++;
    if (silence_hour(gw, s->minute * SILENCE_MINUTE_MS) != hour)
        silence_end_hour(gw, hour);
}

static void silence_count(struct gw *gw, bool up)
{
    struct silence *s = &gw->health.silence;
    int64_t minute = clock_wall(gw->e->clock) / SILENCE_MINUTE_MS;
    if (!s->minute || minute < s->minute || minute - s->minute > SILENCE_STEPS) {
        s->minute = minute;
        s->heard = false;
        s->hour_active = s->hour_watched = s->silent_minutes = 0;
        s->log_likelihood = 0;
    }
    while (s->minute < minute)
        silence_end_minute(gw, up);
}

/* ---- judging ---- */

static bool silence_in_hours(const struct gw *gw, int64_t clock)
{
    const struct health *h = &gw->health;
    if (h->expect_from_ms == h->expect_to_ms)
        return true;
    return h->expect_from_ms < h->expect_to_ms
               ? clock >= h->expect_from_ms && clock < h->expect_to_ms
               : clock >= h->expect_from_ms || clock < h->expect_to_ms;
}

/* How long it has been silent within the hours in which something is expected. */
static int64_t silence_expected(const struct gw *gw, int64_t now, int64_t since)
{
    const struct health *h = &gw->health;
    int64_t clock = zone_clock(health_zone(gw->e), now);
    if (!silence_in_hours(gw, clock))
        return 0;
    if (h->expect_from_ms != h->expect_to_ms) {
        int64_t open = clock - h->expect_from_ms; /* how long these hours have lasted today */
        open += open < 0 ? 86400000 : 0;
        if (now - open > since)
            since = now - open;
    }
    return now - since;
}

static bool silence_judge(const struct gw *gw, int64_t now, int64_t since)
{
    const struct health *h = &gw->health;
    switch (h->expect) {
    case EXPECT_EVERY: return silence_expected(gw, now, since) >= h->expect_ms;
    case EXPECT_USUAL: return usual_odd(h->silence.log_likelihood, h->silence.silent_minutes);
    case EXPECT_NOTHING: break;
    }
    return false;
}

static void silence_raise(struct gw *gw, int64_t now, int64_t since)
{
    struct silence *s = &gw->health.silence;
    struct buf text = {0}, words = {0};
    int hour = silence_hour(gw, now);
    bool minutes = now - since >= 2 * SILENCE_MINUTE_MS;
    long long n = (now - since) / (minutes ? SILENCE_MINUTE_MS : 1000);
    buf_addf(&text, "connected, but nothing has come in from any chat for %lld %s", n,
             minutes ? "minutes" : "seconds");
    if (gw->health.expect == EXPECT_USUAL)
        buf_addf(&text, "; usually something does in %.0f of 60 minutes at this hour",
                 s->usual.hours[hour].minutes);
    buf_addf(&words, "已经 %lld %s", n, minutes ? "分钟" : "秒");
    alarm_raise_as(gw, "silent", "", buf_cstr(&text), buf_cstr(&words));
    buf_free(&text);
    buf_free(&words);
}

void silence_heard(struct gw *gw)
{
    struct silence *s = &gw->health.silence;
    int64_t before = s->last_ms > s->from_ms ? s->last_ms : s->from_ms;
    s->last_ms = clock_wall(gw->e->clock);
    s->heard = true;
    if (s->suspect) {
        s->suspect = false;
        alarm_clear(gw, "silent", "");
        gap_open(gw, before, "silence");
    }
}

void silence_round(struct gw *gw, bool up)
{
    struct silence *s = &gw->health.silence;
    int64_t now = clock_wall(gw->e->clock);
    int64_t since = s->last_ms > s->from_ms ? s->last_ms : s->from_ms;
    silence_count(gw, up);
    if (!up) {
        s->suspect = false; /* there is a better reason now */
        alarm_clear(gw, "silent", "");
    } else if (!s->suspect && silence_judge(gw, now, since)) {
        s->suspect = true;
        silence_raise(gw, now, since);
    }
}
