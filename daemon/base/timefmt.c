/* timefmt.c -- see timefmt.h. Day arithmetic after Howard Hinnant, "chrono-compatible low-level date algorithms". */
#include "base/timefmt.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <uthash.h>

#include "base/buf.h"
#include "base/mem.h"

enum { DAY_MS = 86400000, ZONE_SLOTS = 512, ZONE_STEP = 900000 };

struct zone {
    char *name;
    struct {
        int64_t step; /* quarter of an hour since 1970, plus one; 0 = empty */
        int64_t offset_ms;
    } cache[ZONE_SLOTS];
    UT_hash_handle hh;
};

static struct zone *zones;

static int64_t time_unit(const char **s)
{
    const char *p = *s;
    if (p[0] == 'm' && p[1] == 's') {
        *s += 2;
        return 1;
    }
    (*s)++;
    switch (p[0]) {
    case 's': return 1000;
    case 'm': return 60000;
    case 'h': return 3600000;
    case 'd': return DAY_MS;
    case 'w': return 7 * (int64_t)DAY_MS;
    default: return 0;
    }
}

bool time_parse_duration(const char *s, int64_t *ms)
{
    int64_t total = 0;
    if (!isdigit((unsigned char)*s))
        return false;
    while (*s) {
        int64_t n = 0;
        int digits = 0;
        for (; isdigit((unsigned char)*s); s++) {
            if (++digits > 10)
                return false;
            n = n * 10 + (*s - '0');
        }
        if (!digits)
            return false;
        int64_t unit = *s ? time_unit(&s) : 1000;
        if (!unit)
            return false;
        total += n * unit;
    }
    if (total > (int64_t)3660 * DAY_MS)
        return false;
    *ms = total;
    return true;
}

bool time_parse_clock(const char *s, int64_t *ms)
{
    int h, m, sec = 0, used = 0;
    if (sscanf(s, "%2d:%2d%n", &h, &m, &used) != 2)
        return false;
    if (s[used] == ':') {
        int more = 0;
        if (sscanf(s + used, ":%2d%n", &sec, &more) != 1)
            return false;
        used += more;
    }
    if (s[used] || h < 0 || h > 24 || m < 0 || m > 59 || sec < 0 || sec > 59)
        return false;
    if (h == 24 && (m || sec))
        return false;
    *ms = ((h * 60 + m) * 60 + sec) * (int64_t)1000;
    return true;
}

bool time_parse_date(const char *s, int64_t *day)
{
    int y, m, d, used = 0;
    if (sscanf(s, "%4d-%2d-%2d%n", &y, &m, &d, &used) != 3 || s[used])
        return false;
    if (y < 1970 || m < 1 || m > 12 || d < 1 || d > 31)
        return false;
    int64_t n = time_day(y, m, d);
    int ry, rm, rd;
    time_civil(n, &ry, &rm, &rd);
    if (rm != m || rd != d)
        return false;
    *day = n;
    return true;
}

static bool zone_exists(const char *name)
{
    if (!*name || *name == '/' || strstr(name, "..") || strlen(name) > 64)
        return false;
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    return strcmp(name, "UTC") == 0 || (stat(path, &st) == 0 && S_ISREG(st.st_mode));
}

const struct zone *zone_get(const char *name)
{
    struct zone *z;
    HASH_FIND_STR(zones, name, z);
    if (z)
        return z;
    if (!zone_exists(name))
        return NULL;
    z = MEM_NEW(struct zone);
    z->name = mem_strdup(name);
    HASH_ADD_KEYPTR(hh, zones, z->name, strlen(z->name), z);
    return z;
}

const char *zone_name(const struct zone *z)
{
    return z->name;
}

/* Asks libc; some ten microseconds, hence the cache above it. */
static int64_t zone_lookup(const struct zone *z, int64_t wall_ms)
{
    char *old = mem_strdup(getenv("TZ"));
    setenv("TZ", z->name, 1);
    tzset();
    time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;
    int64_t offset = localtime_r(&t, &tm) ? (int64_t)tm.tm_gmtoff * 1000 : 0;
    if (old)
        setenv("TZ", old, 1);
    else
        unsetenv("TZ");
    tzset();
    free(old);
    return offset;
}

static int64_t time_floor(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t zone_offset(const struct zone *zc, int64_t wall_ms)
{
    struct zone *z = (struct zone *)zc; /* the cache is no part of its value */
    int64_t step = time_floor(wall_ms, ZONE_STEP);
    unsigned slot = (unsigned)((uint64_t)step % ZONE_SLOTS);
    if (z->cache[slot].step != step + 1) {
        z->cache[slot].offset_ms = zone_lookup(z, step * ZONE_STEP);
        z->cache[slot].step = step + 1;
    }
    return z->cache[slot].offset_ms;
}

int64_t zone_day(const struct zone *z, int64_t wall_ms, int64_t cutoff_ms)
{
    return time_floor(wall_ms + zone_offset(z, wall_ms) - cutoff_ms, DAY_MS);
}

int64_t zone_clock(const struct zone *z, int64_t wall_ms)
{
    int64_t local = wall_ms + zone_offset(z, wall_ms);
    return local - time_floor(local, DAY_MS) * DAY_MS;
}

int64_t zone_moment(const struct zone *z, int64_t day, int64_t clock_ms)
{
    int64_t local = day * DAY_MS + clock_ms;
    /* the offset of the evening before is right unless clocks change in between; then the later offset decides */
    int64_t before = local - zone_offset(z, local - DAY_MS);
    int64_t offset = zone_offset(z, before);
    int64_t moment = local - offset;
    return zone_offset(z, moment) == offset ? moment : before;
}

void time_civil(int64_t day, int *year, int *month, int *mday)
{
    int64_t z = day + 719468;
    int64_t era = time_floor(z, 146097);
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *mday = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int)(yoe + era * 400 + (*month <= 2));
}

int64_t time_day(int year, int month, int mday)
{
    int64_t y = year - (month <= 2);
    int64_t era = time_floor(y, 400);
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + mday - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

int time_weekday(int64_t day)
{
    int64_t w = (day + 3) % 7; /* 1970-01-01 was a Thursday */
    return (int)(w < 0 ? w + 7 : w) + 1;
}

void time_add_date(struct buf *out, int64_t day)
{
    int y, m, d;
    time_civil(day, &y, &m, &d);
    buf_addf(out, "%04d-%02d-%02d", y, m, d);
}

/* "Z", "+08:00", "+0800", "+8"; false: something else. */
static bool time_parse_offset(const char *s, int64_t *ms)
{
    int h, m = 0, used = 0;
    char sign = *s;
    if ((sign == 'Z' || sign == 'z') && !s[1]) {
        *ms = 0;
        return true;
    }
    if ((sign != '+' && sign != '-') || sscanf(s + 1, "%2d%n", &h, &used) != 1)
        return false;
    s += 1 + used;
    bool colon = *s == ':';
    s += colon;
    if ((*s || colon) && (sscanf(s, "%2d%n", &m, &used) != 1 || used != 2 || s[used]))
        return false;
    if (h < 0 || h > 18 || m < 0 || m > 59)
        return false;
    *ms = (h * 60 + m) * (int64_t)60000 * (sign == '-' ? -1 : 1);
    return true;
}

bool time_parse_moment(const char *s, const struct zone *z, int64_t *ms)
{
    char date[11], clock[12];
    int64_t day, at, offset;
    size_t digits = strspn(s, "0123456789");
    if (digits && !s[digits]) {
        *ms = strtoll(s, NULL, 10);
        return digits >= 12 && digits <= 14;
    }
    if (strlen(s) < 16 || (s[10] != 'T' && s[10] != 't' && s[10] != ' '))
        return false;
    snprintf(date, sizeof date, "%.10s", s);
    size_t n = strspn(s + 11, "0123456789:");
    snprintf(clock, sizeof clock, "%.*s", (int)(n < 11 ? n : 11), s + 11);
    if (!time_parse_date(date, &day) || !time_parse_clock(clock, &at))
        return false;
    s += 11 + n;
    if (!*s)
        *ms = z ? zone_moment(z, day, at) : day * DAY_MS + at;
    else if (time_parse_offset(s, &offset))
        *ms = day * DAY_MS + at - offset;
    else
        return false;
    return true;
}

void time_add_moment(struct buf *out, const struct zone *z, int64_t ms)
{
    int64_t offset = zone_offset(z, ms), clock = zone_clock(z, ms) / 1000;
    int minutes = (int)((offset < 0 ? -offset : offset) / 60000);
    time_add_date(out, zone_day(z, ms, 0));
    buf_addf(out, "T%02d:%02d:%02d%c%02d:%02d", (int)(clock / 3600), (int)(clock / 60 % 60),
             (int)(clock % 60), offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
}
