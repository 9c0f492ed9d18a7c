/* ctl.h -- what the files of `sopd ctl` share: where the daemon is, asking it, and printing tables. */
#ifndef SOPD_CLI_CTL_H
#define SOPD_CLI_CTL_H

#include <stdbool.h>

#include "store/redis.h"

struct cJSON;

struct ctl {
    const char *config_file; /* --config, or NULL */
    char *data_dir;
    struct redis_addr redis;
    bool json;
};

/* Sends a request to the control socket and returns the answer; NULL after an error was printed. Takes the request. */
struct cJSON *ctl_ask(const struct ctl *c, struct cJSON *request);

/* Tables: rows of cells, columns as wide as their widest cell (Chinese counts two). */
struct table;
struct table *table_new(const char *const *titles, int columns);
/* Adds a cell, row by row; NULL is "-". */
void table_cell(struct table *t, const char *text);
void table_number(struct table *t, double n);
/* A wall time in seconds as local date and time; 0 is "-". */
void table_time(struct table *t, double seconds);
/* Prints and frees. `empty` is printed instead of a table without rows. */
void table_print(struct table *t, const char *empty);
/* Columns of a terminal that a text takes. */
int table_width(const char *s);

/* `toggles`: directly in Redis, whether or not the daemon runs. */
int ctl_toggles(struct ctl *c, int argc, char **argv);

#endif
