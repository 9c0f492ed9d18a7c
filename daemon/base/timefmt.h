/* timefmt.h -- the times people write: durations ("10m"), clock times ("20:30"), dates, time zones, business days.
 * Zones are IANA names looked up in the system's tzdata through libc. Single-threaded (it switches TZ). */
#ifndef SOPD_BASE_TIMEFMT_H
#define SOPD_BASE_TIMEFMT_H

#include <stdbool.h>
#include <stdint.h>

struct buf;

/* "500ms", "30s", "10m", "2h", "28d", "1h30m", or a bare number of seconds. Milliseconds out; false: not a duration. */
bool time_parse_duration(const char *s, int64_t *ms);
/* "HH:MM" or "HH:MM:SS", 00:00 to 24:00. Milliseconds since local midnight out. */
bool time_parse_clock(const char *s, int64_t *ms);
/* "YYYY-MM-DD": days since 1970-01-01 out. */
bool time_parse_date(const char *s, int64_t *day);

struct zone;
/* The zone of that name, kept for the life of the process; NULL if the system does not know it. */
const struct zone *zone_get(const char *name);
const char *zone_name(const struct zone *z);
/* Offset from UTC in ms in force at that moment (cached by the quarter hour). */
int64_t zone_offset(const struct zone *z, int64_t wall_ms);

/* Local calendar day (days since 1970-01-01) of the business day that contains wall_ms, which begins at cutoff_ms after
 * local midnight. cutoff 0 gives the ordinary date. */
int64_t zone_day(const struct zone *z, int64_t wall_ms, int64_t cutoff_ms);
/* Milliseconds since local midnight. */
int64_t zone_clock(const struct zone *z, int64_t wall_ms);
/* The moment at which local day `day` shows clock_ms (the first such moment where clocks are set back; the moment after
 * the gap where they are set forward). */
int64_t zone_moment(const struct zone *z, int64_t day, int64_t clock_ms);

/* year, month 1-12, day of month 1-31 of a day number (proleptic Gregorian), and back. */
void time_civil(int64_t day, int *year, int *month, int *mday);
int64_t time_day(int year, int month, int mday);
/* A moment: "2026-11-22T20:00[:SS]" (or with a blank) in that zone (NULL: UTC), or with an offset ("Z", "+08:00") of its own, or
 * milliseconds since 1970. False: it is none. */
bool time_parse_moment(const char *s, const struct zone *z, int64_t *ms);
/* Appends "2026-11-22T20:00:00+08:00", as that zone shows it. */
void time_add_moment(struct buf *out, const struct zone *z, int64_t ms);
/* 1 = Monday ... 7 = Sunday. */
int time_weekday(int64_t day);
/* Appends the day as "YYYY-MM-DD". */
void time_add_date(struct buf *out, int64_t day);

#endif
