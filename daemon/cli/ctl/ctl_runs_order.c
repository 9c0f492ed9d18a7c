/* ctl_runs_order.c -- `sopd ctl runs cancel`, `runs retry` and `sopd ctl migrate` (ctl_runs.h). What runs are meant is found in Redis;
 * the orders go to the daemon, since a run may only be moved in a turn of its chat. They go in portions, one after the other,
 * so that a million runs never fill the daemon's queues, and an interrupted command ends with the portion at hand. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl.h"
#include "cli/ctl/ctl_runs.h"

enum { ORDER_PORTION = 100, ORDER_PROGRESS = 10000 };

struct order_run {
    char id[RUN_ID_LEN + 1];
    char *gateway, *chat, *user;
};

struct order {
    struct runs r;
    struct ctl *ctl;
    const char *op; /* of the control socket */
    bool dry;
    struct order_run *runs; /* not yet sent */
    size_t n, cap;
    cJSON *results; /* --json: of those that are told about */
    int code;       /* what went wrong, CLI_OK if nothing */
    size_t done, moved, fits, current, differs, failed, asked;
};

/* ---- sending a portion ---- */

static void order_add(struct order *o, const struct ctl_run *run)
{
    const cJSON *from = run->header ? run->header : run->parked;
    if (o->n == o->cap) {
        o->cap = o->cap ? o->cap * 2 : 256;
        o->runs = mem_realloc(o->runs, o->cap * sizeof *o->runs);
    }
    struct order_run *added = &o->runs[o->n++];
    memcpy(added->id, run->id, sizeof added->id);
    added->gateway = mem_strdup(run->gateway);
    added->chat = mem_strdup(ctl_string(from, "chat"));
    added->user = mem_strdup(run_record_user(run->header));
}

static void order_clear(struct order *o)
{
    for (size_t i = 0; i < o->n; i++) {
        free(o->runs[i].gateway);
        free(o->runs[i].chat);
        free(o->runs[i].user);
    }
    o->n = 0;
}

/* Says what became of one. Those that need no attention are only counted when there may be many (migrate). */
static void order_report(struct order *o, const struct order_run *run, const char *fit,
                         const char *text, bool quiet)
{
    struct buf b = {0};
    if (o->results && !quiet) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "id", run->id);
        cJSON_AddStringToObject(item, "gateway", run->gateway);
        cJSON_AddStringToObject(item, "chat", run->chat);
        cJSON_AddStringToObject(item, "user", run->user);
        cJSON_AddStringToObject(item, "result", fit);
        cJSON_AddStringToObject(item, "text", text);
        cJSON_AddItemToArray(o->results, item);
    } else if (!o->results && !quiet) {
        words_text(&b, text, strlen(text), 1000);
        printf("%s  %s:%s%s%s  %s%s%s\n", run->id, run->gateway, run->chat, *run->user ? " " : "",
               run->user, fit, b.len ? ": " : "", buf_cstr(&b));
    }
    buf_free(&b);
}

static void order_result(struct order *o, const struct order_run *run, const cJSON *result)
{
    const char *fit = ctl_string(result, "fit"), *text = ctl_string(result, "text");
    bool migrate = strcmp(o->op, "run-migrate") == 0;
    if (strcmp(fit, "done") == 0) {
        o->done++;
        order_report(o, run, strcmp(o->op, "run-cancel") == 0 ? "cancelled" : "tried again", "",
                     false);
    } else if (strcmp(fit, "moved") == 0 || strcmp(fit, "fits") == 0 ||
               strcmp(fit, "current") == 0) {
        size_t *count = *fit == 'm' ? &o->moved : *fit == 'f' ? &o->fits : &o->current;
        ++*count;
        order_report(o, run, fit, text, migrate);
    } else if (strcmp(fit, "differs") == 0) {
        o->differs++;
        order_report(o, run, "does not fit", text, false);
    } else {
        o->failed++;
        order_report(o, run, "failed", text, false);
    }
}

/* The results come in the order in which they ended. */
static void order_results(struct order *o, size_t from, size_t n, const cJSON *results)
{
    const cJSON *item;
    cJSON_ArrayForEach (item, results) {
        const char *id = ctl_string(item, "id");
        for (size_t i = from; i < from + n; i++) {
            if (strcmp(o->runs[i].id, id) == 0) {
                order_result(o, &o->runs[i], item);
                break;
            }
        }
    }
}

/* Sends n runs of one gateway. */
static void order_send(struct order *o, size_t from, size_t n)
{
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "op", o->op);
    cJSON_AddStringToObject(request, "gateway", o->runs[from].gateway);
    if (o->dry)
        cJSON_AddTrueToObject(request, "dry");
    cJSON *list = cJSON_AddArrayToObject(request, "runs");
    for (size_t i = from; i < from + n; i++) {
        cJSON *pair = cJSON_CreateArray();
        cJSON_AddItemToArray(pair, cJSON_CreateString(o->runs[i].id));
        cJSON_AddItemToArray(pair, cJSON_CreateString(o->runs[i].chat));
        cJSON_AddItemToArray(list, pair);
    }
    cJSON *answer = ctl_ask(o->ctl, request);
    if (answer && ctl_true(answer, "ok")) {
        order_results(o, from, n, cJSON_GetObjectItemCaseSensitive(answer, "results"));
    } else {
        if (answer)
            fprintf(stderr, "sopd ctl: %s\n", ctl_string(answer, "error"));
        o->code = CLI_FAILED;
    }
    cJSON_Delete(answer);
}

/* Sends all that were added, in portions of one gateway each, until one cannot be sent. */
static void order_flush(struct order *o)
{
    for (size_t i = 0, n; i < o->n && o->code == CLI_OK; i += n) {
        n = 1;
        while (n < ORDER_PORTION && i + n < o->n &&
               strcmp(o->runs[i + n].gateway, o->runs[i].gateway) == 0)
            n++;
        order_send(o, i, n);
    }
    order_clear(o);
}

/* ---- cancel and retry ---- */

static int order_open(struct order *o, struct ctl *c, const char *op)
{
    memset(o, 0, sizeof *o);
    o->ctl = c;
    o->op = op;
    o->results = c->json ? cJSON_CreateArray() : NULL;
    return runs_open(&o->r, c);
}

/* Ends the command: prints JSON, says with which code. */
static int order_close(struct order *o)
{
    if (o->results && o->code != CLI_NO_REDIS) {
        ctl_print_json(o->results);
    }
    cJSON_Delete(o->results);
    order_clear(o);
    free(o->runs);
    runs_close(&o->r);
    if (o->code == CLI_OK && (o->failed || o->differs))
        o->code = CLI_FAILED;
    return o->code;
}

static bool order_take(void *ud, struct ctl_run *run)
{
    order_add(ud, run);
    return true;
}

static void order_named(struct order *o, const struct runs_options *options)
{
    for (int i = 0; i < options->nwords && o->code == CLI_OK; i++) {
        size_t before = o->n;
        o->code = runs_find(&o->r, options->gateway, options->words[i], order_take, o);
        if (o->code == CLI_OK && o->n == before) {
            fprintf(stderr, "sopd ctl: there is no run %s\n", options->words[i]);
            o->failed++;
        }
    }
}

static int order_words(const struct runs_options *o, const char *usage)
{
    if (!o->nwords && !o->all_stuck)
        return cli_usage("ctl", "it is: %s", usage);
    if (o->nwords && o->all_stuck)
        return cli_usage("ctl", "give ids or --all-stuck, not both");
    for (int i = 0; i < o->nwords; i++)
        if (!runs_is_id(o->words[i]))
            return cli_usage("ctl", "'%s' is not the id of a run: 16 hexadecimal digits",
                             o->words[i]);
    return CLI_OK;
}

int runs_cancel(struct ctl *c, int argc, char **argv)
{
    struct runs_options options;
    struct order o;
    int code = runs_options(c, &options, "g", argc, argv);
    if (code == CLI_OK)
        code = order_words(&options, "runs cancel ID... [--gateway G]");
    if (code != CLI_OK)
        return code;
    code = order_open(&o, c, "run-cancel");
    o.code = code;
    if (code == CLI_OK)
        order_named(&o, &options);
    if (o.code == CLI_OK)
        order_flush(&o);
    return order_close(&o);
}

int runs_retry(struct ctl *c, int argc, char **argv)
{
    struct runs_options options;
    struct order o;
    int code = runs_options(c, &options, "gcfa", argc, argv);
    if (code == CLI_OK)
        code = order_words(&options,
                           "runs retry ID... | --all-stuck [--gateway G] [--chat C] [--flow F]");
    if (code == CLI_OK && !options.all_stuck && (options.chat || options.flow))
        code = cli_usage("ctl", "--chat and --flow go with --all-stuck");
    if (code != CLI_OK)
        return code;
    const struct runs_filter f = {
        .gateway = options.gateway, .chat = options.chat, .flow = options.flow, .stuck = true};
    o.code = order_open(&o, c, "run-retry");
    if (o.code == CLI_OK && options.all_stuck)
        o.code = runs_each(&o.r, &f, order_take,
                           &o); /* all, before the first is tried: they may come back */
    else if (o.code == CLI_OK)
        order_named(&o, &options);
    if (o.code == CLI_OK && options.all_stuck && !o.n && !c->json)
        puts("no runs are stuck");
    if (o.code == CLI_OK)
        order_flush(&o);
    return order_close(&o);
}

/* ---- migrate ---- */

static bool migrate_take(void *ud, struct ctl_run *run)
{
    struct order *o = ud;
    order_add(o, run);
    if (++o->asked % ORDER_PROGRESS == 0)
        fprintf(stderr, "%zu runs looked at\n", o->asked);
    if (o->n >= ORDER_PORTION)
        order_flush(o);
    return o->code == CLI_OK;
}

static void migrate_summary(const struct order *o, const char *flow, const char *version)
{
    printf("%s%s%s%s: %zu %s, %zu on it already, %zu do not fit, %zu failed\n", flow,
           version ? ", version " : "", version ? version : "", o->dry ? ", dry run" : "",
           o->dry ? o->fits : o->moved, o->dry ? "would be moved" : "moved", o->current, o->differs,
           o->failed);
}

static void migrate_summary_json(struct order *o, const char *flow, const char *version)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "flow", flow);
    if (version)
        cJSON_AddStringToObject(root, "version", version);
    cJSON_AddBoolToObject(root, "dry", o->dry);
    cJSON_AddNumberToObject(root, o->dry ? "fits" : "moved", (double)(o->dry ? o->fits : o->moved));
    cJSON_AddNumberToObject(root, "current", (double)o->current);
    cJSON_AddNumberToObject(root, "differs", (double)o->differs);
    cJSON_AddNumberToObject(root, "failed", (double)o->failed);
    cJSON_AddItemToObject(root, "runs", o->results);
    o->results = NULL;
    ctl_print_json(root);
    cJSON_Delete(root);
}

int ctl_migrate(struct ctl *c, int argc, char **argv)
{
    struct runs_options options;
    struct order o;
    int code = runs_options(c, &options, "gcd", argc, argv);
    if (code == CLI_OK && options.nwords != 1)
        code = cli_usage("ctl", "it is: migrate FLOW [--gateway G] [--chat C] [--dry-run]");
    if (code != CLI_OK)
        return code;
    const char *flow = options.words[0];
    const struct runs_filter f = {.gateway = options.gateway, .chat = options.chat, .flow = flow};
    o.code = order_open(&o, c, "run-migrate");
    o.dry = options.dry;
    const char *version = o.code == CLI_OK ? runs_newest(&o.r, flow) : NULL;
    if (o.code == CLI_OK && !o.r.loaded) {
        fprintf(stderr, "sopd ctl: no daemon answers in %s, and only it can move runs\n",
                c->data_dir);
        o.code = CLI_FAILED;
    } else if (o.code == CLI_OK && !version) {
        fprintf(stderr, "sopd ctl: the daemon has no flow %s\n", flow);
        o.code = CLI_FAILED;
    }
    if (o.code == CLI_OK) {
        code = runs_each(&o.r, &f, migrate_take, &o);
        o.code = o.code == CLI_OK ? code : o.code;
    }
    if (o.code == CLI_OK)
        order_flush(&o);
    if (o.code == CLI_OK && c->json)
        migrate_summary_json(&o, flow, version);
    else if (o.code == CLI_OK)
        migrate_summary(&o, flow, version);
    return order_close(&o);
}
