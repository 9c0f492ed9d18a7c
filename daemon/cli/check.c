/* check.c -- `sopd check`: every problem of the configuration, playbooks and flows in one run, without connecting. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/smoke.h"
#include "engine/book.h"
#include "lua/config.h"
#include "lua/host.h"
#include "lua/playbook.h"

static const char check_help[] =
    "Usage: sopd check [--config FILE] [--no-secrets] [--quiet]\n"
    "\n"
    "Looks for problems in the configuration and in all playbooks, flows and texts it names, without connecting to\n"
    "anything. Every problem is one line: file:line: what. Exit code 0: none, 3: there are some.\n"
    "\n"
    "  -c, --config FILE  the configuration (default: $SOPD_CONFIG, else /etc/sopd/sopd.lua)\n"
    "  -n, --no-secrets   do not look up token_env, token_file and their like\n"
    "  -q, --quiet        print problems only, no summary and no warnings\n"
    "  -h, --help         this text\n";

struct check {
    const char *file;
    unsigned flags;
    bool quiet;
    struct buf problems, warnings;
};

/* What a script logs while it loads is for `serve`. */
static void check_no_log(void *ud, const char *line)
{
    (void)ud;
    (void)line;
}

static void check_sops(struct check *k, const struct config *c, int *nbooks)
{
    struct host_opts opts = {.sop = (const char *const *)c->sop,
                             .memory_max = (size_t)c->lua_memory,
                             .budget = c->lua_instructions};
    struct host *host = host_create(&opts);
    struct book *book = playbook_load(host, c, PLAYBOOK_ALL_FLOWS, &k->problems, &k->warnings);
    if (book) {
        *nbooks = book->nbooks;
        smoke_book(c, book, &k->problems, &k->warnings);
    }
    book_release(book);
    host_destroy(host);
}

static int check_run(struct check *k)
{
    int nbooks = 0, ngateways = 0;
    log_set_sink(check_no_log, NULL);
    struct config *c = config_load(k->file, k->flags, &k->problems);
    if (c) {
        ngateways = c->ngateways;
        buf_add(&k->warnings, c->warnings.data, c->warnings.len);
        check_sops(k, c, &nbooks);
    }
    config_free(c);
    log_set_sink(NULL, NULL);
    int problems = cli_count_lines(&k->problems);
    cli_print_problems(&k->problems);
    if (!k->quiet && k->warnings.len)
        fprintf(stderr, "warnings:\n%s", buf_cstr(&k->warnings));
    if (!k->quiet && problems == 0)
        printf("%s: good; %d gateway%s, %d playbook%s\n", k->file, ngateways,
               ngateways == 1 ? "" : "s", nbooks, nbooks == 1 ? "" : "s");
    else if (!k->quiet)
        printf("%s: %d problem%s\n", k->file, problems, problems == 1 ? "" : "s");
    return problems ? CLI_PROBLEMS : CLI_OK;
}

int cli_check(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"no-secrets", no_argument, NULL, 'n'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct check k = {.file = cli_default_config()};
    for (int o; (o = getopt_long(argc, argv, ":c:nqh", options, NULL)) != -1;) {
        switch (o) {
        case 'c': k.file = optarg; break;
        case 'n': k.flags |= CONFIG_NO_SECRETS; break;
        case 'q': k.quiet = true; break;
        case 'h': fputs(check_help, stdout); return CLI_OK;
        default: return cli_bad_option("check", o, argv);
        }
    }
    if (optind < argc)
        return cli_usage("check", "unexpected argument '%s'", argv[optind]);
    int code = check_run(&k);
    buf_free(&k.problems);
    buf_free(&k.warnings);
    return code;
}
