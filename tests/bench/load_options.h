/* load_options.h -- what the load generator is asked for: on its command line, and for each run. */
#ifndef BENCH_LOAD_OPTIONS_H
#define BENCH_LOAD_OPTIONS_H

#include "load_dialect.h"
#include "load_stats.h"

#define LOAD_MAX_ACCOUNTS 2000
#define GO_ON             UINT64_MAX /* where the last phase ended */

/* What one `run` asks for, and how far it is. */
struct phase {
    bool running, sending;
    unsigned window; /* messages in flight, over all accounts; 0: by rate */
    double rate;     /* messages a second */
    double seconds;
    uint64_t messages; /* stop after so many; 0: by time */
    uint64_t slept;    /* do not end before so many wakes have come (or the time is up) */
    uint64_t from;     /* the first message's turn: which group and member it is of; GO_ON */
    bool silent;       /* only wait for wakes */
    unsigned quiet; /* so many messages that are not answered before each that is, in each group */
    uint64_t start_ns, end_ns, drain_ns, last_answer_ns, start_cpu_us;
    uint64_t sent, answered, duplicates, strangers;
    struct stats latency;
};

struct load_options {
    unsigned port, accounts;
    bool control;
    struct load_world world;
    const struct load_dialect *dialect;
    struct phase first;
};

/* Reads the command line. Returns -1 to go on, else the exit code. */
int load_options_read(struct load_options *o, int argc, char **argv);

struct phase phase_default(void);

/* Sets one of a phase's numbers by its name; false if there is no such name. */
bool phase_set(struct phase *ph, const char *name, const char *value);

#endif
