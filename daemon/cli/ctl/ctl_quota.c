/* ctl_quota.c -- `sopd ctl quota`: the ledger of what accounts, chats and members have used of each limit, when it is free again, and
 * where the figure is from. Callers: cli/ctl/ctl.c. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl_ledger.h"

enum {
    QUOTA_ROWS = 10, /* of one limit, the fullest first */
    QUOTA_JOINED = 500
};

static const char quota_usage[] = "it is: quota [GATEWAY] [--all]";

struct quota_show {
    struct ledger ledger;
    const cJSON *gateway; /* that is shown */
    double now;
    bool all;
};

/* ---- what is used ---- */

/* Urgent messages and the others are counted apart: two fields of one whom are one row. */
static bool quota_again(cJSON *list, const char *whom, double used, double frees)
{
    cJSON *row;
    if (cJSON_GetArraySize(list) > QUOTA_JOINED)
        return false;
    cJSON_ArrayForEach (row, list) {
        if (strcmp(ctl_string(row, "whom"), whom) != 0)
            continue;
        cJSON_SetNumberHelper(cJSON_GetObjectItemCaseSensitive(row, "used"),
                              ctl_number(row, "used") + used);
        if (frees > ctl_number(row, "frees"))
            cJSON_SetNumberHelper(cJSON_GetObjectItemCaseSensitive(row, "frees"), frees);
        return true;
    }
    return false;
}

static void quota_row(cJSON *list, const char *whom, size_t len, double used, double frees)
{
    char *name = mem_strndup(whom, len);
    if (quota_again(list, name, used, frees)) {
        free(name);
        return;
    }
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "whom", name);
    cJSON_AddNumberToObject(o, "used", used);
    cJSON_AddNumberToObject(o, "frees", frees);
    cJSON_AddItemToArray(list, o);
    free(name);
}

/* "a|qq1|name", "c|700|name", "m|10001|name": whom, if the field is one of that letter and name. Names hold no "|". */
static const char *quota_whom(const char *field, char letter, const char *name, size_t *len)
{
    const char *last = strrchr(field, '|');
    if (field[0] != letter || field[1] != '|' || !last || last == field + 1 ||
        strcmp(last + 1, name) != 0)
        return NULL;
    *len = (size_t)(last - field - 2);
    return field + 2;
}

static void quota_counters(struct quota_show *s, const cJSON *quota, cJSON *list)
{
    char per = ledger_per(quota), letter = ctl_string(quota, "scope")[0];
    double end = ledger_end(s->gateway, quota);
    for (const struct ledger_field *f = s->ledger.fields; f; f = f->hh.next) {
        size_t len;
        const char *whom = f->name[0] == per
                               ? quota_whom(f->name + 1, letter, ctl_string(quota, "name"), &len)
                               : NULL;
        if (whom)
            quota_row(list, whom, len, (double)f->value, end);
    }
}

/* Whose field of the hash `pace` it is: "a|<account>|<mark>", "<chat>|<mark>", "m|<user>|<mark>", each with "b" at the end for what is
 * not urgent. */
static const char *quota_paced(const char *field, char letter, const char *mark, size_t *len)
{
    const char *last = strrchr(field, '|');
    size_t n = strlen(mark);
    if (!last || strncmp(last + 1, mark, n) != 0 || (last[n + 1] && strcmp(last + n + 1, "b") != 0))
        return NULL;
    bool account = field[0] == 'a' && field[1] == '|', member = field[0] == 'm' && field[1] == '|';
    if (letter == 'c' ? account || member : letter == 'a' ? !account : !member)
        return NULL;
    const char *whom = letter == 'c' ? field : field + 2;
    *len = last > whom ? (size_t)(last - whom) : 0;
    return *len ? whom : NULL;
}

/* How many messages of it are reserved ahead of their time, and when one more may go. */
static void quota_rates(struct quota_show *s, const cJSON *rule, cJSON *list)
{
    double interval = ctl_number(rule, "interval_us") / 1e6,
           slack = interval * (ctl_number(rule, "burst") - 1);
    for (const struct ledger_field *f = s->ledger.fields; f; f = f->hh.next) {
        size_t len;
        const char *whom = f->name[0] == 'p'
                               ? quota_paced(f->name + 1, ctl_string(rule, "scope")[0],
                                             ctl_string(rule, "mark"), &len)
                               : NULL;
        double ahead = (double)f->value / 1e6 - s->now;
        if (!whom || ahead <= 0)
            continue;
        double used = (double)(int64_t)(ahead / interval + 0.999);
        quota_row(list, whom, len, used, ahead > slack ? s->now + ahead - slack : 0);
    }
}

static int quota_by_used(const void *a, const void *b)
{
    const cJSON *const *x = a, *const *y = b;
    double d = ctl_number(*y, "used") - ctl_number(*x, "used");
    return d > 0 ? 1 : d < 0 ? -1 : strcmp(ctl_string(*x, "whom"), ctl_string(*y, "whom"));
}

/* The fullest first. */
static cJSON *quota_sorted(cJSON *list)
{
    int n = cJSON_GetArraySize(list), kept = 0;
    cJSON **rows = mem_zero(((size_t)n + 1) * sizeof *rows), *out = cJSON_CreateArray();
    while (cJSON_GetArraySize(list))
        rows[kept++] = cJSON_DetachItemFromArray(list, 0);
    cJSON_Delete(list);
    qsort(rows, (size_t)n, sizeof *rows, quota_by_used);
    for (int i = 0; i < n; i++)
        cJSON_AddItemToArray(out, rows[i]);
    free(rows);
    return out;
}

static cJSON *quota_limit(struct quota_show *s, const cJSON *limit, bool calendar)
{
    cJSON *o = cJSON_Duplicate(limit, true), *used = cJSON_CreateArray();
    if (calendar)
        quota_counters(s, limit, used);
    else
        quota_rates(s, limit, used);
    cJSON_AddItemToObject(o, "used", quota_sorted(used));
    return o;
}

static cJSON *quota_gateway(struct quota_show *s)
{
    cJSON *o = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(o, "limits");
    const cJSON *one;
    cJSON_AddStringToObject(o, "name", ctl_string(s->gateway, "name"));
    cJSON_AddItemToObject(
        o, "accounts",
        cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(s->gateway, "accounts"), true));
    cJSON_ArrayForEach (one, cJSON_GetObjectItemCaseSensitive(s->gateway, "rules"))
        cJSON_AddItemToArray(list, quota_limit(s, one, false));
    cJSON_ArrayForEach (one, cJSON_GetObjectItemCaseSensitive(s->gateway, "quotas"))
        cJSON_AddItemToArray(list, quota_limit(s, one, true));
    return o;
}

/* ---- for people ---- */

static void quota_print_limit(const cJSON *limit, bool all, struct table *t)
{
    const cJSON *row, *used = cJSON_GetObjectItemCaseSensitive(limit, "used");
    int n = 0;
    struct buf of = {0}, kinds = {0};
    ledger_limit(limit, &of);
    ledger_kinds(limit, &kinds);
    cJSON none = {0};
    for (row = used->child ? used->child : &none; row; row = row->next) {
        if (++n > QUOTA_ROWS && !all)
            break;
        table_cell(t, *ctl_string(limit, "name") ? ctl_string(limit, "name") : "pace");
        table_cell(t, ctl_string(limit, "scope"));
        table_cell(t, ctl_string(row, "whom"));
        table_number(t, ctl_number(row, "used"));
        table_cell(t, buf_cstr(&of));
        table_time(t, ctl_number(row, "frees"));
        table_cell(t, buf_cstr(&kinds));
        table_cell(t, ctl_string(limit, "source"));
    }
    buf_free(&of);
    buf_free(&kinds);
}

static void quota_print(const cJSON *root, bool all)
{
    static const char *const titles[] = {"LIMIT", "FOR",  "WHOM",   "USED",
                                         "OF",    "FREE", "COUNTS", "SOURCE"};
    const cJSON *g, *limit;
    cJSON_ArrayForEach (g, cJSON_GetObjectItemCaseSensitive(root, "gateways")) {
        printf("gateway %s\n", ctl_string(g, "name"));
        struct table *t = table_new(titles, 8);
        cJSON_ArrayForEach (limit, cJSON_GetObjectItemCaseSensitive(g, "limits"))
            quota_print_limit(limit, all, t);
        table_print(t, "no limits");
    }
}

static int quota_run(struct ctl *c, const char *gateway, bool all)
{
    struct quota_show s = {.all = all};
    cJSON *request = cJSON_CreateObject(), *root = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "op", "limits");
    if (gateway)
        cJSON_AddStringToObject(request, "gateway", gateway);
    if (ledger_open(&s.ledger, c, request)) {
        s.now = ctl_number(s.ledger.answer, "now");
        cJSON_AddNumberToObject(root, "now", s.now);
        cJSON *list = cJSON_AddArrayToObject(root, "gateways");
        cJSON_ArrayForEach (s.gateway,
                            cJSON_GetObjectItemCaseSensitive(s.ledger.answer, "gateways"))
            if (ledger_read(&s.ledger, s.gateway))
                cJSON_AddItemToArray(list, quota_gateway(&s));
    }
    if (s.ledger.code == CLI_OK && c->json)
        ctl_print_json(root);
    else if (s.ledger.code == CLI_OK)
        quota_print(root, all);
    cJSON_Delete(root);
    ledger_close(&s.ledger);
    return s.ledger.code;
}

int ctl_quota(struct ctl *c, int argc, char **argv)
{
    const char *gateway = NULL;
    bool all = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            c->json = true;
        else if (strcmp(argv[i], "--all") == 0)
            all = true;
        else if (argv[i][0] == '-' || gateway)
            return cli_usage("ctl", "%s", quota_usage);
        else
            gateway = argv[i];
    }
    return quota_run(c, gateway, all);
}
