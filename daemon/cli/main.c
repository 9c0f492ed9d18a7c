/* main.c -- picks the subcommand. Everything else is in the other files of cli/. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "cli/cli.h"
#include "gateway/event.h"

static const char main_help[] =
    "Usage: sopd COMMAND [OPTION...]\n"
    "\n"
    "Serves chat groups: connects to messaging gateways, runs SOPs written in Lua, keeps their state in Redis.\n"
    "\n"
    "Commands:\n"
    "  serve     run the daemon\n"
    "  check     look for problems in the configuration, playbooks and flows, without connecting\n"
    "  play      talk to a demo group at a prompt\n"
    "  test      run SOP tests with a clock that they turn\n"
    "  ctl       ask or command a running daemon; switch flows on and off\n"
    "  version   print the version\n"
    "\n"
    "sopd COMMAND --help tells more. Exit codes: 0 good, 1 failed while running, 2 wrong usage,\n"
    "3 problems in the configuration or SOPs, 4 data directory in use, 5 Redis not reachable (ctl).\n";

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} main_commands[] = {{"serve", cli_serve}, {"check", cli_check}, {"play", cli_play},
                     {"test", cli_test},   {"ctl", cli_ctl},     {"version", cli_version}};

static int main_run(int argc, char **argv)
{
    if (argc < 2)
        return cli_usage(NULL, "a command is missing");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        fputs(main_help, stdout);
        return CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0)
        return cli_version(argc - 1, argv + 1);
    for (size_t i = 0; i < sizeof main_commands / sizeof main_commands[0]; i++) {
        if (strcmp(argv[1], main_commands[i].name) == 0)
            return main_commands[i].run(argc - 1, argv + 1);
    }
    return cli_usage(NULL, "unknown command '%s'", argv[1]);
}

int main(int argc, char **argv)
{
    log_init();
    int code = main_run(argc, argv);
    metrics_reset();
    event_pool_free();
    return code;
}
