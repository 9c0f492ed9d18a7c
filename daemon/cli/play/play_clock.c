/* play_clock.c -- the playground's virtual clock. It is turned in steps, from one due thing (schedule, timer, paced message)
 * to the next, and everything that is due at a moment is done before the clock goes on: a day passes in order.
 * Callers: play.c and play_lines.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "cli/play/play.h"
#include "cli/serve/stage_expiry.h"
#include "engine/engine.h"

enum { PLAY_DAY_MS = 86400000 };

static void play_time_text(const struct play *p, char *out, size_t size)
{
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    int64_t now = clock_wall(&p->daemon->clock), day = zone_day(p->zone, now, 0),
            clock = zone_clock(p->zone, now) / 1000;
    int year, month, mday;
    time_civil(day, &year, &month, &mday);
    snprintf(out, size, "%04d-%02d-%02d %s %02d:%02d:%02d", year, month, mday,
             days[time_weekday(day) - 1], (int)(clock / 3600), (int)(clock / 60 % 60),
             (int)(clock % 60));
}

void play_show_clock(struct play *p)
{
    char text[64];
    play_time_text(p, text, sizeof text);
    term_print(STYLE_DIM, "-- %s", text);
    p->shown_minute = clock_wall(&p->daemon->clock) / 60000;
}

void play_mark_time(struct play *p)
{
    int64_t minute = clock_wall(&p->daemon->clock) / 60000;
    if (p->target_ms && minute != p->shown_minute)
        play_show_clock(p);
}

bool play_turn_clock(struct play *p, const char *text)
{
    int64_t now = clock_wall(&p->daemon->clock), ms, target;
    if (*text == '+' && time_parse_duration(text + 1, &ms)) {
        target = now + ms;
    } else if (time_parse_clock(text, &ms)) {
        int64_t day = zone_day(p->zone, now, 0);
        target = zone_moment(p->zone, day, ms);
        if (target <= now)
            target = zone_moment(p->zone, day + 1, ms);
    } else if (!stage_parse_moment(p->zone, text, &target)) {
        return false;
    }
    if (target < now) {
        term_print(STYLE_WARN, "the clock only goes forward");
        return true;
    }
    p->target_ms = target;
    return true;
}

bool play_step_clock(struct play *p)
{
    int64_t now = clock_wall(&p->daemon->clock);
    if (now >= p->target_ms) {
        p->target_ms = 0;
        return false;
    }
    int64_t next = engine_next_due(p->daemon->engine);
    if (next <= now) /* what is due and does not get done must not hold the clock */
        next = now + 1000;
    if (next > p->target_ms)
        next = p->target_ms;
    if (next - now >
        PLAY_DAY_MS) /* timers are fetched from Redis in windows: look there once a day */
        next = now + PLAY_DAY_MS;
    stage_expiry_turn(p->expiry, now, next);
    clock_advance(&p->daemon->clock, next - now);
    engine_clock_changed(p->daemon->engine);
    return true;
}
