/* cli.h -- the subcommands of sopd, and what they share. */
#ifndef SOPD_CLI_CLI_H
#define SOPD_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Exit codes; docs/operations.md explains each. */
enum {
    CLI_OK = 0,
    CLI_FAILED = 1,   /* it went wrong while running */
    CLI_USAGE = 2,    /* the command line is wrong */
    CLI_PROBLEMS = 3, /* configuration or SOPs have problems */
    CLI_IN_USE = 4,   /* the data directory belongs to another sopd */
    CLI_NO_REDIS = 5  /* ctl: Redis cannot be reached */
};

/* Each takes its own argv (argv[0] is the subcommand) and returns an exit code. */
int cli_serve(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_play(int argc, char **argv);
int cli_test(int argc, char **argv);
int cli_ctl(int argc, char **argv);
int cli_version(int argc, char **argv);

/* Prints a usage error with a pointer to --help; returns CLI_USAGE. */
int cli_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Reports what getopt_long did not understand; returns CLI_USAGE. `code` is '?' or ':'. */
int cli_bad_option(const char *command, int code, char **argv);
/* Prints lines of problems to stderr as they are. */
void cli_print_problems(struct buf *lines);
/* How many lines there are. */
int cli_count_lines(const struct buf *lines);
/* /etc/sopd/sopd.lua, or what $SOPD_CONFIG names. */
const char *cli_default_config(void);

#endif
