/* usual.c -- see usual.h. */
#include "engine/health/usual.h"

#include <math.h>

enum { USUAL_WATCHED = 45 /* minutes */, USUAL_LEAST = 10 /* minutes of silence */ };

/* No hour is so busy that a silent minute proves more than this; one in a thousand. */
static const double usual_most = 0.9, usual_odds = 0.001;

bool usual_learn(struct usual *u, int hour, int active, int watched)
{
    if (hour < 0 || hour >= USUAL_HOURS || watched < USUAL_WATCHED || active > watched)
        return false;
    struct usual_hour *h = &u->hours[hour];
    double minutes = 60.0 * active / watched;
    if (h->days < USUAL_DAYS)
        h->days++;
    h->minutes += (minutes - h->minutes) / h->days;
    return true;
}

double usual_minute(const struct usual *u, int hour)
{
    const struct usual_hour *h = &u->hours[hour];
    if (h->days < USUAL_LEARNED || h->minutes <= 0)
        return 0;
    double p = h->minutes / 60.0;
    return log(1.0 - (p < usual_most ? p : usual_most));
}

bool usual_odd(double log_likelihood, int silent_minutes)
{
    return silent_minutes >= USUAL_LEAST && log_likelihood < log(usual_odds);
}
