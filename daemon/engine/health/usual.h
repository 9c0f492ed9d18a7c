/* usual.h -- how much is usually heard at an hour of the day, and how unlikely a silence is by that. Arithmetic only.
 * What is counted are minutes in which anything came in, not messages: talk comes in bursts, and a minute is about as long as one. */
#ifndef SOPD_ENGINE_HEALTH_USUAL_H
#define SOPD_ENGINE_HEALTH_USUAL_H

#include <stdbool.h>

enum { USUAL_HOURS = 24, USUAL_DAYS = 7 /* of the running mean */, USUAL_LEARNED = 3 };

struct usual_hour {
    double minutes; /* mean of the minutes, of 60, in which something came in */
    int days;       /* that it was learnt from, at most USUAL_DAYS */
};
struct usual {
    struct usual_hour hours[USUAL_HOURS];
};

/* One more hour was watched: in `active` of `watched` minutes something came in. Hours of which less than three quarters were
 * watched teach nothing: false. */
bool usual_learn(struct usual *u, int hour, int active, int watched);
/* How much one silent minute of that hour adds to the logarithm of the silence's likelihood: 0 or less; 0 while too few days of
 * that hour are known. */
double usual_minute(const struct usual *u, int hour);
/* Is a silence of this likelihood (the sum of usual_minute) and length out of the ordinary: below one in a thousand, and ten minutes? */
bool usual_odd(double log_likelihood, int silent_minutes);

#endif
