/* common.c -- what the subcommands share (cli.h). */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"

int cli_usage(const char *command, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("sopd", stderr);
    if (command)
        fprintf(stderr, " %s", command);
    fputs(": ", stderr);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    if (command)
        fprintf(stderr, " (see sopd %s --help)\n", command);
    else
        fputs(" (see sopd --help)\n", stderr);
    return CLI_USAGE;
}

int cli_bad_option(const char *command, int code, char **argv)
{
    const char *word = argv[optind - 1];
    if (code == ':')
        return cli_usage(command, "option %s needs a value", word);
    if (optopt && optopt < 128)
        return cli_usage(command, "unknown option -%c", optopt);
    return cli_usage(command, "unknown option %s", word);
}

void cli_print_problems(struct buf *lines)
{
    if (lines->len)
        fputs(buf_cstr(lines), stderr);
}

int cli_count_lines(const struct buf *lines)
{
    int n = 0;
    for (size_t i = 0; i < lines->len; i++)
        n += lines->data[i] == '\n';
    return n;
}

const char *cli_default_config(void)
{
    const char *path = getenv("SOPD_CONFIG");
    return path && *path ? path : "/etc/sopd/sopd.lua";
}
