/* check.c -- `sopd check`: every problem of the configuration, playbooks, flows and texts in one run, without connecting. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/check/lint.h"
#include "cli/cli.h"
#include "cli/serve/smoke.h"
#include "engine/route/book.h"
#include "lua/config.h"
#include "lua/host.h"
#include "lua/platform.h"
#include "lua/playbook.h"

static const char check_help[] =
    "Usage: sopd check [--config FILE] [--json] [--strict] [--groups [NAME=]N]... [--ignore CODES]\n"
    "                  [--all] [--no-secrets] [--quiet]\n"
    "       sopd check --codes\n"
    "\n"
    "Looks for problems in the configuration and in all playbooks, flows and texts it names, without connecting to\n"
    "anything. Every finding is one line: file:line: what; what to do [code].\n"
    "\n"
    "  -c, --config FILE  the configuration (default: $SOPD_CONFIG, else /etc/sopd/sopd.lua)\n"
    "  -j, --json         print one JSON document: findings, and the plan of posts\n"
    "  -s, --strict       warnings fail, too\n"
    "  -g, --groups N     in how many groups each gateway is; NAME=N says it of a gateway or of a playbook; may be given again.\n"
    "                     With it, or with groups that playbooks name one by one, it is worked out when a post that is due\n"
    "                     everywhere at once has reached the last group at the pace of the account\n"
    "  -i, --ignore CODES leave these warnings and notes out, for example L025,L044; errors are never left out\n"
    "  -a, --all          also the warnings and notes about playbooks for tags that the configuration gives to no group;\n"
    "                     else they are summed up in one line\n"
    "      --codes        list all codes, with what each means and what to do\n"
    "  -n, --no-secrets   do not look up token_env, token_file and their like\n"
    "  -q, --quiet        print problems only: no summary, no warnings, no notes, no plan\n"
    "  -h, --help         this text\n"
    "\n"
    "Exit code 0: nothing, or warnings and notes only; 3: there are problems (with --strict: or warnings); 2: wrong usage.\n";

enum { CHECK_GROUPS = 64, CHECK_GROUPS_MAX = 1000000 };

struct check {
    const char *file;
    unsigned flags;
    bool quiet, json, strict, all;
    struct lint_groups groups[CHECK_GROUPS];
    int ngroups;
    struct lint lint;
    struct buf problems, warnings;
};

/* What a script logs while it loads is for `serve`. */
static void check_no_log(void *ud, const char *line)
{
    (void)ud;
    (void)line;
}

static void check_report(struct check *k, int ngateways, int nbooks, bool good)
{
    static const char *const heads[] = {"notes:\n", "warnings:\n", ""};
    struct buf out = {0}, plan = {0};
    if (k->json) {
        lint_print_json(&k->lint, k->file, ngateways, nbooks, good, &out);
        fputs(buf_cstr(&out), stdout);
    }
    for (int s = LINT_ERROR; !k->json && s >= (k->quiet ? LINT_ERROR : LINT_NOTE); s--) {
        buf_reset(&out);
        lint_print(&k->lint, (enum lint_severity)s, &out);
        if (out.len)
            fprintf(stderr, "%s%s", heads[s], buf_cstr(&out));
    }
    lint_print_posts(&k->lint, &plan);
    if (!k->json && !k->quiet && plan.len)
        printf("plan:\n%s", buf_cstr(&plan));
    buf_free(&out);
    buf_free(&plan);
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
        smoke_book(c, book, true, &k->problems, &k->warnings);
    }
    platform_check_all(c->sop, &k->problems);
    lint_adopt(&k->lint, &k->problems, LINT_ERROR);
    lint_adopt(&k->lint, &k->warnings, LINT_WARNING);
    buf_reset(&k->problems);
    buf_reset(&k->warnings);
    if (book)
        lint_book(&k->lint, c, book);
    if (book && !k->all)
        lint_fold(&k->lint, book);
    book_release(book);
    host_destroy(host);
}

/* Reports before it lets go of the configuration, of which the plan borrows its names. */
static int check_run(struct check *k)
{
    int nbooks = 0, ngateways = 0;
    log_set_sink(check_no_log, NULL);
    struct config *c = config_load(k->file, k->flags, &k->problems);
    k->lint.groups = k->groups;
    k->lint.ngroups = k->ngroups;
    if (c) {
        ngateways = c->ngateways;
        buf_add(&k->warnings, c->warnings.data, c->warnings.len);
        check_sops(k, c, &nbooks);
    }
    lint_adopt(&k->lint, &k->problems, LINT_ERROR);
    lint_sort(&k->lint);
    log_set_sink(NULL, NULL);
    int problems = lint_count(&k->lint, LINT_ERROR), odd = lint_count(&k->lint, LINT_WARNING);
    bool good = problems == 0 && !(k->strict && odd);
    check_report(k, ngateways, nbooks, good);
    config_free(c);
    if (k->quiet || k->json)
        return good ? CLI_OK : CLI_PROBLEMS;
    if (problems)
        printf("%s: %d problem%s\n", k->file, problems, problems == 1 ? "" : "s");
    else if (!good)
        printf("%s: %d warning%s\n", k->file, odd, odd == 1 ? "" : "s");
    else
        printf("%s: good; %d gateway%s, %d playbook%s\n", k->file, ngateways,
               ngateways == 1 ? "" : "s", nbooks, nbooks == 1 ? "" : "s");
    return good ? CLI_OK : CLI_PROBLEMS;
}

static int check_print_codes(void)
{
    struct buf out = {0};
    lint_print_codes(&out);
    fputs(buf_cstr(&out), stdout);
    buf_free(&out);
    return CLI_OK;
}

/* "600", "qq1=600" or "shops=600". False: it is neither. Cuts `text`. */
static bool check_take_groups(struct check *k, char *text)
{
    char *number = strchr(text, '='), *end;
    if (number)
        *number++ = '\0';
    const char *digits = number ? number : text;
    long n = strtol(digits, &end, 10);
    if (*end || end == digits || n < 1 || n > CHECK_GROUPS_MAX || k->ngroups == CHECK_GROUPS ||
        (number && !*text))
        return false;
    k->groups[k->ngroups++] = (struct lint_groups){number ? text : NULL, (int)n};
    return true;
}

/* The first word of the list that is no code; allocated, NULL if all are. */
static char *check_unknown_code(const char *list)
{
    for (const char *p = list; *p;) {
        size_t len = strcspn(p, ",");
        char *code = mem_strndup(p, len);
        if (!lint_code(code))
            return code;
        free(code);
        p += len + (p[len] == ',');
    }
    return NULL;
}

static int check_ignore(struct check *k, const char *list)
{
    char *unknown = check_unknown_code(list);
    int code = CLI_OK;
    if (unknown)
        code = cli_usage("check", "--ignore: there is no code '%s'", unknown);
    free(unknown);
    k->lint.ignore = list;
    return code;
}

/* -1: go on; else the exit code. */
static int check_options(struct check *k, int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"no-secrets", no_argument, NULL, 'n'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"strict", no_argument, NULL, 's'},
                                            {"groups", required_argument, NULL, 'g'},
                                            {"ignore", required_argument, NULL, 'i'},
                                            {"all", no_argument, NULL, 'a'},
                                            {"codes", no_argument, NULL, 'C'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    for (int o; (o = getopt_long(argc, argv, ":c:nqjsg:i:ah", options, NULL)) != -1;) {
        switch (o) {
        case 'c': k->file = optarg; break;
        case 'n': k->flags |= CONFIG_NO_SECRETS; break;
        case 'q': k->quiet = true; break;
        case 'j': k->json = true; break;
        case 's': k->strict = true; break;
        case 'a': k->all = true; break;
        case 'g':
            if (!check_take_groups(k, optarg))
                return cli_usage("check", "--groups is a number, or name=number");
            break;
        case 'i':
            if (check_ignore(k, optarg))
                return CLI_USAGE;
            break;
        case 'C': return check_print_codes();
        case 'h': fputs(check_help, stdout); return CLI_OK;
        default: return cli_bad_option("check", o, argv);
        }
    }
    if (optind < argc)
        return cli_usage("check", "unexpected argument '%s'", argv[optind]);
    return -1;
}

int cli_check(int argc, char **argv)
{
    struct check k = {.file = cli_default_config()};
    int code = check_options(&k, argc, argv);
    if (code < 0)
        code = check_run(&k);
    lint_free(&k.lint);
    buf_free(&k.problems);
    buf_free(&k.warnings);
    return code;
}
