#include "cli/cli.h"
int cli_play(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return cli_usage("play", "not built");
}
