/* load_options.c -- the command line of the load generator, and the words of a run. Owns nothing. Called by: load.c. */
#include "load_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool phase_set(struct phase *ph, const char *name, const char *value)
{
    double number = strtod(value, NULL);
    if (strcmp(name, "window") == 0)
        ph->window = (unsigned)number;
    else if (strcmp(name, "rate") == 0)
        ph->rate = number;
    else if (strcmp(name, "seconds") == 0)
        ph->seconds = number;
    else if (strcmp(name, "messages") == 0)
        ph->messages = (uint64_t)number;
    else if (strcmp(name, "slept") == 0)
        ph->slept = (uint64_t)number;
    else if (strcmp(name, "from") == 0)
        ph->from = (uint64_t)number;
    else if (strcmp(name, "quiet") == 0)
        ph->quiet = (unsigned)number;
    else if (strcmp(name, "silent") == 0)
        ph->silent = number != 0;
    else
        return false;
    return true;
}

struct phase phase_default(void)
{
    return (struct phase){.window = 1024, .seconds = 5, .from = GO_ON};
}

static void usage(FILE *to)
{
    fputs(
        "usage: bench_load [--dialect D] [--port N] [--accounts A] [--groups G] [--users U] [--control |\n"
        "                  --window W | --rate R] [--seconds S] [--messages M]\n"
        "  --dialect D   onebot11 (default), satori or wecom\n"
        "  --port N      listen on 127.0.0.1:N (default 0: any; printed)\n"
        "  --accounts A  that many accounts, each at its own path /0, /1, ... (default 1)\n"
        "  --groups G    groups of each account (default 128)\n"
        "  --users U     members of each group (default 200)\n"
        "  --window W    keep W messages in flight over all accounts (default 1024)\n"
        "  --rate R      send R messages a second instead\n"
        "  --seconds S   for so long (default 5), or until --messages M were sent\n"
        "  --control     read commands: run [window=W|rate=R|silent=1] [seconds=S] [messages=M]\n"
        "                [slept=N] (wait for so many wakes) [from=T] (the first message's turn)\n"
        "                [quiet=Q] (before each message that is answered, Q that are not); quit\n",
        to);
}

static const struct load_dialect *dialect_named(const char *name)
{
    static const struct load_dialect *const all[] = {&load_onebot, &load_satori, &load_wecom};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

int load_options_read(struct load_options *o, int argc, char **argv)
{
    static const struct option options[] = {
        {"port", 1, NULL, 'p'},    {"accounts", 1, NULL, 'a'}, {"groups", 1, NULL, 'g'},
        {"users", 1, NULL, 'u'},   {"window", 1, NULL, 'w'},   {"rate", 1, NULL, 'w'},
        {"seconds", 1, NULL, 'w'}, {"messages", 1, NULL, 'w'}, {"control", 0, NULL, 'c'},
        {"dialect", 1, NULL, 'd'}, {"help", 0, NULL, 'h'},     {NULL, 0, NULL, 0}};
    *o = (struct load_options){
        .dialect = &load_onebot, .accounts = 1, .world = {.groups = 128, .users = 200}};
    o->first = phase_default();
    int opt, which = 0;
    while ((opt = getopt_long(argc, argv, "", options, &which)) != -1) {
        const char *value = optarg ? optarg : "0";
        unsigned number = (unsigned)strtoul(value, NULL, 10);
        if (opt == 'p')
            o->port = number;
        else if (opt == 'a')
            o->accounts = number;
        else if (opt == 'g')
            o->world.groups = number;
        else if (opt == 'u')
            o->world.users = number;
        else if (opt == 'd')
            o->dialect = dialect_named(value);
        else if (opt == 'w')
            phase_set(&o->first, options[which].name, value);
        else if (opt == 'c')
            o->control = true;
        else {
            usage(opt == 'h' ? stdout : stderr);
            return opt == 'h' ? 0 : 2;
        }
    }
    if (o->accounts < 1 || o->accounts > LOAD_MAX_ACCOUNTS || o->world.groups < 1 ||
        o->world.users < 1 || !o->dialect) {
        usage(stderr);
        return 2;
    }
    return -1;
}
