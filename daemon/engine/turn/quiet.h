/* quiet.h -- quiet hours of a playbook: what nobody asked for is not said in them. Callers: turn_send.c, look/limits.c. */
#ifndef SOPD_ENGINE_TURN_QUIET_H
#define SOPD_ENGINE_TURN_QUIET_H

#include <stdint.h>

struct playbook;

/* When the quiet hours end that `at` (wall) lies in, 0: it lies in none. p may be NULL. */
int64_t quiet_until(const struct playbook *p, int64_t at);
/* When the next ones begin after `at`, which lies in none; INT64_MAX: never. */
int64_t quiet_begins(const struct playbook *p, int64_t at);

#endif
