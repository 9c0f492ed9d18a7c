/* ctl_runs.c -- `sopd ctl runs`: its options, and `runs list`. Lists straight from Redis (ctl_runs_find.c says why).
 * Callers: cli/ctl/ctl.c; the other commands are in ctl_runs_show.c and ctl_runs_order.c. */
#include <cjson/cJSON.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl.h"
#include "cli/ctl/ctl_runs.h"

enum { RUNS_LIMIT = 200, RUNS_VERSION_SHOWN = 8 };

/* ---- options ---- */

static int runs_option(struct ctl *c, struct runs_options *o, int letter)
{
    char *end;
    switch (letter) {
    case 'g': o->gateway = optarg; break;
    case 'c': o->chat = optarg; break;
    case 'f': o->flow = optarg; break;
    case 'u': o->user = optarg; break;
    case 's': o->stuck = true; break;
    case 'r': o->raw = true; break;
    case 'd': o->dry = true; break;
    case 'a': o->all_stuck = true; break;
    case 'j': c->json = true; break;
    case 'n':
        o->limit = strtol(optarg, &end, 10);
        if (end == optarg || *end || o->limit < 0)
            return cli_usage("ctl", "--limit needs a number; 0 is all of them");
        break;
    default: break;
    }
    return CLI_OK;
}

int runs_options(struct ctl *c, struct runs_options *o, const char *allowed, int argc, char **argv)
{
    static const struct option options[] = {{"gateway", required_argument, NULL, 'g'},
                                            {"chat", required_argument, NULL, 'c'},
                                            {"flow", required_argument, NULL, 'f'},
                                            {"user", required_argument, NULL, 'u'},
                                            {"stuck", no_argument, NULL, 's'},
                                            {"limit", required_argument, NULL, 'n'},
                                            {"raw", no_argument, NULL, 'r'},
                                            {"dry-run", no_argument, NULL, 'd'},
                                            {"all-stuck", no_argument, NULL, 'a'},
                                            {"json", no_argument, NULL, 'j'},
                                            {0}};
    int code = CLI_OK;
    *o = (struct runs_options){.limit = RUNS_LIMIT};
    optind = 0;
    for (int l; code == CLI_OK && (l = getopt_long(argc, argv, ":j", options, NULL)) != -1;) {
        if (l == '?' || l == ':')
            code = cli_bad_option("ctl", l, argv);
        else if (l != 'j' && !strchr(allowed, l))
            code = cli_usage("ctl", "%s has no option %s", argv[0], argv[optind - 1]);
        else
            code = runs_option(c, o, l);
    }
    o->words = argv + optind;
    o->nwords = argc - optind;
    return code;
}

/* ---- one run, as an object ---- */

static void runs_describe_state(cJSON *o, const struct ctl_run *run,
                                const struct run_record *record, const char *damage)
{
    const char *status = ctl_string(run->parked, "status");
    cJSON_AddStringToObject(o, "state",
                            run->parked ? (*status ? status : "stuck")
                            : damage    ? "damaged"
                            : run_record_waiting(record) || !record->nlines ? "waiting"
                                                                            : "at work");
    if (run->parked) {
        cJSON_AddStringToObject(o, "error", ctl_string(run->parked, "error"));
        cJSON_AddNumberToObject(o, "stopped", ctl_number(run->parked, "at") / 1000);
    }
    if (damage)
        cJSON_AddStringToObject(o, "damage", damage);
}

static void runs_describe_wait(cJSON *o, const struct runs *r, const struct ctl_run *run,
                               const struct run_record *record, const struct names *names)
{
    const struct run_line *l = run_record_waiting(record);
    cJSON *spec = l ? run_line_json(l) : NULL;
    struct buf words = {0};
    if (spec)
        cJSON_AddItemToObject(o, "waits", spec);
    if (!run->parked) {
        words_waits(&words, record, names, r->now_ms);
        cJSON_AddStringToObject(o, "waits_for", buf_cstr(&words));
    }
    buf_free(&words);
}

struct cJSON *runs_describe(struct runs *r, const struct ctl_run *run,
                            const struct run_record *record, const struct names *names,
                            const char *damage)
{
    const cJSON *header = record->header;
    const char *chat = ctl_string(header ? header : run->parked, "chat");
    const char *flow = run->pin ? ctl_pin_flow(run->pin) : ctl_string(run->parked, "flow");
    const char *version = ctl_pin_version(run->pin), *newest = runs_newest(r, flow);
    const char *user = run_record_user(header);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "id", run->id);
    cJSON_AddStringToObject(o, "gateway", run->gateway);
    cJSON_AddStringToObject(o, "chat", chat);
    cJSON_AddStringToObject(o, "chat_name", runs_chat_name(r, run->gateway, chat));
    cJSON_AddStringToObject(o, "flow", flow);
    cJSON_AddStringToObject(o, "version", version);
    if (newest && *version)
        cJSON_AddBoolToObject(o, "newest", strcmp(newest, version) == 0);
    cJSON_AddStringToObject(o, "handler", ctl_string(header, "on"));
    cJSON_AddStringToObject(o, "user", user);
    cJSON_AddStringToObject(o, "name", *user ? names_get(names, user) : "");
    cJSON_AddNumberToObject(o, "started", ctl_number(header, "now") / 1000);
    runs_describe_state(o, run, record, damage);
    if (!damage)
        runs_describe_wait(o, r, run, record, names);
    cJSON_AddNumberToObject(o, "calls", record->calls);
    cJSON_AddNumberToObject(o, "entries", record->entries);
    cJSON_AddNumberToObject(o, "bytes", (double)run->len);
    return o;
}

/* ---- list ---- */

struct list {
    struct runs r;
    cJSON **items;
    size_t n, cap;
    size_t limit; /* 0: none */
    bool more;
    bool stream; /* JSON without a limit: printed as they are found, since there may be a million */
    size_t streamed;
};

static void list_print_item(const cJSON *item, bool first)
{
    char *text = cJSON_PrintUnformatted(item);
    printf("%s\n%s", first ? "" : ",", text);
    cJSON_free(text);
}

static void list_keep(struct list *l, cJSON *item)
{
    if (l->stream) {
        list_print_item(item, l->streamed++ == 0);
        cJSON_Delete(item);
        return;
    }
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 256;
        l->items = mem_realloc(l->items, l->cap * sizeof *l->items);
    }
    l->items[l->n++] = item;
}

static bool list_add(void *ud, struct ctl_run *run)
{
    struct list *l = ud;
    struct run_record record = {0};
    struct buf damage = {0};
    if (l->limit && l->n == l->limit) {
        l->more = true;
        return false;
    }
    if (!run->data)
        buf_adds(&damage, "its record is gone");
    else
        run_record_read(&record, run->data, run->len, &damage);
    struct names *names = names_new(&record);
    list_keep(l, runs_describe(&l->r, run, &record, names, damage.len ? buf_cstr(&damage) : NULL));
    names_free(names);
    run_record_free(&record);
    buf_free(&damage);
    return true;
}

static int list_order(const void *a, const void *b)
{
    const cJSON *x = *(cJSON *const *)a, *y = *(cJSON *const *)b;
    double dx = ctl_number(x, "started"), dy = ctl_number(y, "started");
    if (dx != dy)
        return dx < dy ? -1 : 1;
    int gateway = strcmp(ctl_string(x, "gateway"), ctl_string(y, "gateway"));
    return gateway ? gateway : strcmp(ctl_string(x, "id"), ctl_string(y, "id"));
}

/* Oldest first; what SCAN showed twice is there once. */
static void list_sort(struct list *l)
{
    size_t kept = 0;
    if (l->n)
        qsort(l->items, l->n, sizeof *l->items, list_order);
    for (size_t i = 0; i < l->n; i++) {
        if (kept && list_order(&l->items[kept - 1], &l->items[i]) == 0)
            cJSON_Delete(l->items[i]);
        else
            l->items[kept++] = l->items[i];
    }
    l->n = kept;
}

/* A name with the id behind it, or the id alone. */
static void list_cell_user(struct table *t, const cJSON *item)
{
    struct buf b = {0};
    const char *user = ctl_string(item, "user"), *name = ctl_string(item, "name");
    if (*name && strcmp(name, user) != 0) {
        words_text(&b, name, strlen(name), 30);
        buf_addf(&b, " (%s)", user);
    } else {
        buf_adds(&b, user);
    }
    table_cell(t, buf_cstr(&b));
    buf_free(&b);
}

static void list_cell_state(struct table *t, const cJSON *item)
{
    struct buf b = {0};
    const char *state = ctl_string(item, "state"), *error = ctl_string(item, "error");
    if (*ctl_string(item, "waits_for")) {
        buf_adds(&b, ctl_string(item, "waits_for"));
    } else {
        error = *error ? error : ctl_string(item, "damage");
        buf_addf(&b, "%s: ", state);
        words_text(&b, error, strcspn(error, "\n"), 100);
    }
    table_cell(t, buf_cstr(&b));
    buf_free(&b);
}

static void list_print(const struct list *l, const struct runs_options *o)
{
    static const char *const titles[] = {"ID",   "CHAT",    "FLOW",  "VERSION",
                                         "USER", "STARTED", "CALLS", "WAITS FOR"};
    struct table *t = table_new(titles, 8);
    bool old = false;
    for (size_t i = 0; i < l->n; i++) {
        const cJSON *item = l->items[i], *newest;
        struct buf b = {0};
        newest = cJSON_GetObjectItemCaseSensitive(item, "newest");
        table_cell(t, ctl_string(item, "id"));
        buf_addf(&b, "%s:%s", ctl_string(item, "gateway"), ctl_string(item, "chat"));
        table_cell(t, buf_cstr(&b));
        table_cell(t, ctl_string(item, "flow"));
        buf_reset(&b);
        buf_addf(&b, "%.*s%s", RUNS_VERSION_SHOWN, ctl_string(item, "version"),
                 cJSON_IsFalse(newest) ? "*" : "");
        table_cell(t, buf_cstr(&b));
        list_cell_user(t, item);
        table_time(t, ctl_number(item, "started"));
        table_number(t, ctl_number(item, "calls"));
        list_cell_state(t, item);
        old |= cJSON_IsFalse(newest);
        buf_free(&b);
    }
    table_print(t, o->stuck ? "no runs are stuck" : "no runs");
    if (old)
        puts("\n* not the newest version of its flow: sopd ctl migrate FLOW --dry-run");
    if (l->more)
        printf("\nThere are more than %zu; --limit N shows more, 0 all of them.\n", l->limit);
}

static void list_print_json(const struct list *l)
{
    for (size_t i = 0; i < l->n; i++)
        list_print_item(l->items[i], i == 0);
    printf("\n],\"more\":%s}\n", l->more ? "true" : "false");
}

static int runs_list(struct ctl *c, int argc, char **argv)
{
    struct runs_options o;
    struct list l = {0};
    int code = runs_options(c, &o, "gcfusn", argc, argv);
    if (code == CLI_OK && o.nwords)
        code = cli_usage("ctl", "runs list takes options only, not '%s'", o.words[0]);
    if (code != CLI_OK)
        return code;
    struct runs_filter f = {.gateway = o.gateway,
                            .chat = o.chat,
                            .flow = o.flow,
                            .user = o.user,
                            .stuck = o.stuck,
                            .whole = true};
    l.limit = (size_t)o.limit;
    l.stream = c->json && !o.limit;
    code = runs_open(&l.r, c);
    if (code == CLI_OK && c->json)
        fputs("{\"runs\":[", stdout);
    if (code == CLI_OK)
        code = runs_each(&l.r, &f, list_add, &l);
    list_sort(&l);
    if (code == CLI_OK && c->json)
        list_print_json(&l);
    else if (code == CLI_OK)
        list_print(&l, &o);
    for (size_t i = 0; i < l.n; i++)
        cJSON_Delete(l.items[i]);
    free(l.items);
    runs_close(&l.r);
    return code;
}

int ctl_runs(struct ctl *c, int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*fn)(struct ctl *c, int argc, char **argv);
    } commands[] = {
        {"list", runs_list}, {"show", runs_show}, {"cancel", runs_cancel}, {"retry", runs_retry}};
    const char *name = argc > 1 ? argv[1] : "list";
    bool options_only = *name == '-'; /* "runs --stuck" */
    if (argc < 2 || options_only)
        return runs_list(c, argc, argv);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].fn(c, argc - 1, argv + 1);
    return cli_usage("ctl", "runs knows list, show, cancel and retry, not '%s'", name);
}
