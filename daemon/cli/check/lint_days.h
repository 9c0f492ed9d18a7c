/* lint_days.h -- on which days a planned post falls, as far as its rule says: what never meets on one day is not added up. */
#ifndef SOPD_CLI_LINT_DAYS_H
#define SOPD_CLI_LINT_DAYS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

enum { DAYS_ALL = 0x7f, DAYS_DATE = 48 };

/* The days of one post. */
struct days {
    unsigned weekdays; /* bit 0 = Monday; DAYS_ALL: any day, as far as can be told */
    char *dates;       /* "|2026-03-08|03-21|", or the festival; NULL: by weekday only */
};

/* One day to look at. */
struct day {
    int weekday;          /* 0 = Monday; -1: nothing is due that is not due daily */
    char date[DAYS_DATE]; /* "" = no date of its own */
};

/* Every day. */
struct days days_daily(void);
/* What an item of a plan says by `date`, `weekday` or `festival`. By any other rule it may fall on every day. */
struct days days_of(const cJSON *item);
void days_free(struct days *d);
/* Is the post due on that day? */
bool days_has(const struct days *d, const struct day *on);
/* The days that have to be looked at so that whatever meets is seen together: those on which one of the posts is due that is not due
 * daily, after one on which only those are. Allocated; the count in n. */
struct day *days_to_look_at(const struct days *const *all, int nall, int *n);

#endif
