/* quiet.c -- see quiet.h. */
#include "engine/turn/quiet.h"

#include <stddef.h>

#include "base/timefmt.h"
#include "engine/route/book.h"

static bool quiet_has(const struct playbook *p)
{
    return p && p->has_quiet && p->quiet_from_ms != p->quiet_to_ms;
}

int64_t quiet_until(const struct playbook *p, int64_t at)
{
    if (!quiet_has(p))
        return 0;
    int64_t clock = zone_clock(p->zone, at), day = zone_day(p->zone, at, 0);
    bool wraps = p->quiet_from_ms > p->quiet_to_ms;
    bool quiet = wraps ? clock >= p->quiet_from_ms || clock < p->quiet_to_ms
                       : clock >= p->quiet_from_ms && clock < p->quiet_to_ms;
    if (!quiet)
        return 0;
    return zone_moment(p->zone, day + (wraps && clock >= p->quiet_from_ms), p->quiet_to_ms);
}

int64_t quiet_begins(const struct playbook *p, int64_t at)
{
    if (!quiet_has(p))
        return INT64_MAX;
    int64_t day = zone_day(p->zone, at, 0);
    int64_t begin = zone_moment(p->zone, day, p->quiet_from_ms);
    return begin > at ? begin : zone_moment(p->zone, day + 1, p->quiet_from_ms);
}
