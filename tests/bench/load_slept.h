/* load_slept.h -- the wakes that a run of the load generator sees: "slept <number> <due>", each once. */
#ifndef BENCH_LOAD_SLEPT_H
#define BENCH_LOAD_SLEPT_H

#include <stdint.h>

/* A new phase counts from zero; which numbers were seen is kept over phases, so that one that comes twice is found. */
void slept_reset(void);
/* One came now: the lateness goes from when it was due (ms since 1970). */
void slept_add(uint32_t number, uint64_t due_ms);
uint64_t slept_count(void);
/* Appends `"slept":{...}` to the report on stdout. */
void slept_report(void);

#endif
