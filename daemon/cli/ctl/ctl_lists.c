/* ctl_lists.c -- `sopd ctl lists`: the sales (接龙) and sign-ups (报名) of a group with who is on them, as sop/flows/presale.lua and
 * sop/flows/signup.lua keep them in Redis: hash "sales" or "signups", and for each a hash "list-<id>" by sop/lib/lists.lua. The
 * columns of --csv are those of the commands 接龙导出 and 报名导出. Callers: cli/ctl/ctl.c. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl.h"

static const cJSON *lists_get(const cJSON *o, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(o, key);
}

/* ---- reading ---- */

static int lists_by_number(const void *a, const void *b)
{
    double x = ctl_number(*(cJSON *const *)a, "no"), y = ctl_number(*(cJSON *const *)b, "no");
    return x < y ? -1 : x > y;
}

static int lists_by_id(const void *a, const void *b)
{
    double x = ctl_number(*(cJSON *const *)a, "id"), y = ctl_number(*(cJSON *const *)b, "id");
    return x < y ? -1 : x > y;
}

/* The values of an object as an array in order, each with its field as `name`; takes the object. */
static cJSON *lists_sorted(cJSON *object, const char *name,
                           int (*compare)(const void *, const void *))
{
    int n = cJSON_GetArraySize(object), i = 0;
    cJSON **all = mem_zero(((size_t)n + 1) * sizeof *all), *array = cJSON_CreateArray();
    while (object && object->child) {
        cJSON *item = cJSON_DetachItemViaPointer(object, object->child);
        if (cJSON_IsObject(item)) {
            if (name)
                cJSON_AddStringToObject(item, name, item->string);
            all[i++] = item;
        } else {
            cJSON_Delete(item);
        }
    }
    qsort(all, (size_t)i, sizeof *all, compare);
    for (int k = 0; k < i; k++) {
        free(all[k]->string);
        all[k]->string = NULL;
        cJSON_AddItemToArray(array, all[k]);
    }
    free(all);
    cJSON_Delete(object);
    return array;
}

/* Adds the lists of one flow: all, or the one of that id. */
static void lists_read(struct draws *d, const char *flow, long id, cJSON *lists, int *code)
{
    int read = CLI_OK;
    cJSON *hash = draws_hash(d, flow, strcmp(flow, "presale") == 0 ? "sales" : "signups", &read);
    cJSON *all = lists_sorted(hash, NULL, lists_by_id);
    while (all->child) {
        cJSON *list = cJSON_DetachItemViaPointer(all, all->child);
        if (id && (long)ctl_number(list, "id") != id) {
            cJSON_Delete(list);
            continue;
        }
        char name[40];
        snprintf(name, sizeof name, "list-%.0f", ctl_number(list, "id"));
        cJSON *entries = draws_hash(d, flow, name, &read);
        cJSON_AddStringToObject(list, "flow", flow);
        cJSON_AddItemToObject(list, "entries", lists_sorted(entries, "user", lists_by_number));
        cJSON_AddItemToArray(lists, list);
    }
    cJSON_Delete(all);
    *code = read ? read : *code;
}

/* How many of an item an entry has, and how many it waits for; item NULL: of all. */
static void lists_of(const cJSON *entry, const char *item, double *have, double *wait)
{
    const cJSON *part, *ticket;
    *have = *wait = 0;
    cJSON_ArrayForEach (part, lists_get(entry, "have")) {
        if (part->string && (!item || strcmp(part->string, item) == 0) && cJSON_IsNumber(part))
            *have += part->valuedouble;
    }
    cJSON_ArrayForEach (part, lists_get(entry, "wait")) {
        if (!part->string || (item && strcmp(part->string, item) != 0))
            continue;
        cJSON_ArrayForEach (ticket, part)
            *wait += ctl_number(ticket, "n");
    }
}

/* ---- a sale ---- */

/* 1280 -> "12.8". */
static void lists_yuan(struct buf *out, double cents)
{
    long long n = (long long)cents;
    buf_addf(out, "%lld", n / 100);
    if (n % 100)
        buf_addf(out, n % 10 ? ".%02lld" : ".%lld", n % 10 ? n % 100 : n % 100 / 10);
}

static void lists_sale_line(const cJSON *sale, const cJSON *entry, const cJSON *item, int place)
{
    struct buf row = {0};
    char letter[2] = {(char)('A' + place), 0};
    const cJSON *taken = lists_get(entry, "taken"), *price = lists_get(item, "price");
    double have, wait;
    lists_of(entry, letter, &have, &wait);
    if (have + wait > 0) {
        buf_addf(&row, "%.0f", ctl_number(sale, "id"));
        ctl_csv_text(&row, ctl_string(sale, "title"));
        ctl_csv_number(&row, entry, "no");
        ctl_csv_text(&row, ctl_string(entry, "user"));
        ctl_csv_text(&row, ctl_string(entry, "name"));
        ctl_csv_text(&row, ctl_string(item, "name"));
        buf_addc(&row, ',');
        if (price)
            lists_yuan(&row, price->valuedouble);
        buf_addf(&row, ",%.0f,", have);
        if (price)
            lists_yuan(&row, price->valuedouble * have);
        buf_addf(&row, ",%.0f", wait);
        ctl_csv_time(&row, entry, "at");
        ctl_csv_time(&row, taken, "at");
        ctl_csv_text(&row, ctl_string(taken, "by_name"));
        puts(buf_cstr(&row));
    }
    buf_free(&row);
}

static void lists_sales_csv(const cJSON *lists)
{
    const cJSON *sale, *entry, *item;
    puts("sale,title,no,user,name,item,price,n,amount,waiting,ordered,picked_up,by");
    cJSON_ArrayForEach (sale, lists) {
        cJSON_ArrayForEach (entry, lists_get(sale, "entries")) {
            int place = 0;
            cJSON_ArrayForEach (item, lists_get(sale, "items"))
                lists_sale_line(sale, entry, item, place++);
        }
    }
}

/* ---- a sign-up ---- */

/* Where an entry stands, as sop/lib/signupbook.lua says it. */
static const char *lists_state(const cJSON *entry, double wait)
{
    const char *state = ctl_string(entry, "state");
    return *state ? state : lists_get(entry, "came") ? "came" : wait > 0 ? "waiting" : "in";
}

/* The keys of all answers, in the order in which they come first. */
static cJSON *lists_questions(const cJSON *lists)
{
    cJSON *keys = cJSON_CreateObject();
    const cJSON *signup, *entry, *answer;
    cJSON_ArrayForEach (signup, lists) {
        cJSON_ArrayForEach (entry, lists_get(signup, "entries")) {
            cJSON_ArrayForEach (answer, lists_get(entry, "answers")) {
                if (answer->string && !lists_get(keys, answer->string))
                    cJSON_AddTrueToObject(keys, answer->string);
            }
        }
    }
    return keys;
}

static void lists_signup_line(const cJSON *signup, const cJSON *entry, const cJSON *questions)
{
    struct buf row = {0};
    double have, wait;
    const cJSON *question;
    lists_of(entry, NULL, &have, &wait);
    buf_addf(&row, "%.0f", ctl_number(signup, "id"));
    ctl_csv_text(&row, ctl_string(signup, "title"));
    ctl_csv_number(&row, entry, "no");
    ctl_csv_text(&row, ctl_string(entry, "user"));
    ctl_csv_text(&row, ctl_string(entry, "name"));
    buf_addf(&row, ",%s,%.0f,%.0f", lists_state(entry, wait), have, wait);
    ctl_csv_time(&row, entry, "at");
    ctl_csv_time(&row, lists_get(entry, "came"), "at");
    ctl_csv_text(&row, ctl_string(entry, "reason"));
    cJSON_ArrayForEach (question, questions) {
        const cJSON *answer = lists_get(lists_get(entry, "answers"), question->string);
        if (cJSON_IsNumber(answer))
            buf_addf(&row, ",%.15g", answer->valuedouble);
        else
            ctl_csv_text(&row, cJSON_IsString(answer) ? answer->valuestring : "");
    }
    puts(buf_cstr(&row));
    buf_free(&row);
}

static void lists_signups_csv(const cJSON *lists)
{
    cJSON *questions = lists_questions(lists);
    const cJSON *signup, *entry, *question;
    struct buf head = {0};
    buf_adds(&head, "signup,title,no,user,name,state,places,waiting,applied,came,reason");
    cJSON_ArrayForEach (question, questions)
        ctl_csv_text(&head, question->string);
    puts(buf_cstr(&head));
    buf_free(&head);
    cJSON_ArrayForEach (signup, lists) {
        cJSON_ArrayForEach (entry, lists_get(signup, "entries"))
            lists_signup_line(signup, entry, questions);
    }
    cJSON_Delete(questions);
}

/* ---- for people ---- */

static void lists_print_table(const cJSON *lists)
{
    static const char *const titles[] = {"FLOW",   "ID",     "TITLE", "STATE",  "OPENED",
                                         "CLOSES", "PEOPLE", "HAVE",  "WAITING"};
    struct table *t = table_new(titles, 9);
    const cJSON *list, *entry;
    cJSON_ArrayForEach (list, lists) {
        double have = 0, wait = 0;
        int people = 0;
        cJSON_ArrayForEach (entry, lists_get(list, "entries")) {
            double a, b;
            lists_of(entry, NULL, &a, &b);
            have += a, wait += b, people++;
        }
        table_cell(t, ctl_string(list, "flow"));
        table_number(t, ctl_number(list, "id"));
        table_cell(t, ctl_string(list, "title"));
        table_cell(t, ctl_string(list, "state"));
        table_time(t, ctl_number(list, "opened"));
        table_time(t, ctl_number(list, "closes"));
        table_number(t, people);
        table_number(t, have);
        table_number(t, wait);
    }
    table_print(t, "no sales or sign-ups are recorded in this group");
}

/* What somebody has, for people: "鸡蛋 2, 牛奶 1 (+1)", or the state of an application. */
static void lists_what(struct buf *out, const cJSON *list, const cJSON *entry)
{
    const cJSON *item;
    double have, wait;
    int place = 0;
    cJSON_ArrayForEach (item, lists_get(list, "items")) {
        char letter[2] = {(char)('A' + place++), 0};
        lists_of(entry, letter, &have, &wait);
        if (have + wait == 0)
            continue;
        buf_addf(out, "%s%s %.0f", out->len ? ", " : "", ctl_string(item, "name"), have);
        if (wait > 0)
            buf_addf(out, " (+%.0f)", wait);
    }
    if (strcmp(ctl_string(list, "flow"), "signup") == 0) {
        lists_of(entry, NULL, &have, &wait);
        buf_adds(out, lists_state(entry, wait));
    }
}

static void lists_print_entries(const cJSON *lists)
{
    static const char *const titles[] = {"FLOW", "ID",   "NO",    "USER",
                                         "NAME", "WHAT", "SINCE", "FETCHED"};
    struct table *t = table_new(titles, 8);
    const cJSON *list, *entry;
    cJSON_ArrayForEach (list, lists) {
        cJSON_ArrayForEach (entry, lists_get(list, "entries")) {
            struct buf what = {0};
            const cJSON *taken = lists_get(entry, "taken"), *came = lists_get(entry, "came");
            lists_what(&what, list, entry);
            table_cell(t, ctl_string(list, "flow"));
            table_number(t, ctl_number(list, "id"));
            table_number(t, ctl_number(entry, "no"));
            table_cell(t, ctl_string(entry, "user"));
            table_cell(t, ctl_string(entry, "name"));
            table_cell(t, buf_cstr(&what));
            table_time(t, ctl_number(entry, "at"));
            table_time(t, ctl_number(taken ? taken : came, "at"));
            buf_free(&what);
        }
    }
    table_print(t, "nobody is on it");
}

/* ---- the command ---- */

struct lists_wish {
    const char *chat, *flow; /* flow NULL: both */
    long id;                 /* 0: all */
    bool csv;
};

static bool lists_arguments(int argc, char **argv, struct lists_wish *wish)
{
    char *end = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--csv") == 0) {
            wish->csv = true;
        } else if (strcmp(argv[i], "--flow") == 0 && i + 1 < argc) {
            wish->flow = argv[++i];
        } else if (!wish->chat) {
            wish->chat = argv[i];
        } else if (!wish->id) {
            wish->id = strtol(argv[i], &end, 10);
            if (wish->id < 1 || *end)
                return false;
        } else {
            return false;
        }
    }
    return wish->chat &&
           (!wish->flow || strcmp(wish->flow, "presale") == 0 || strcmp(wish->flow, "signup") == 0);
}

static void lists_print(const struct ctl *c, const struct lists_wish *wish, const cJSON *lists)
{
    if (c->json)
        ctl_print_json(lists);
    else if (wish->csv && strcmp(wish->flow, "presale") == 0)
        lists_sales_csv(lists);
    else if (wish->csv)
        lists_signups_csv(lists);
    else if (wish->id)
        lists_print_entries(lists);
    else
        lists_print_table(lists);
}

int ctl_lists(struct ctl *c, int argc, char **argv)
{
    struct lists_wish wish = {0};
    struct draws d;
    if (!lists_arguments(argc, argv, &wish))
        return cli_usage("ctl",
                         "it is: lists GATEWAY:CHAT [ID] [--flow presale|signup] [--json | --csv]");
    if (wish.csv && c->json)
        return cli_usage("ctl", "give --json or --csv, not both");
    if (wish.csv && !wish.flow)
        return cli_usage("ctl", "--csv is of one flow: give --flow presale or --flow signup");
    int code = draws_connect(c, wish.chat, &d);
    cJSON *lists = cJSON_CreateArray();
    if (code == CLI_OK && (!wish.flow || strcmp(wish.flow, "presale") == 0))
        lists_read(&d, "presale", wish.id, lists, &code);
    if (code == CLI_OK && (!wish.flow || strcmp(wish.flow, "signup") == 0))
        lists_read(&d, "signup", wish.id, lists, &code);
    if (code == CLI_OK && wish.id && cJSON_GetArraySize(lists) == 0) {
        fprintf(stderr, "sopd ctl: no list %ld is recorded in %s\n", wish.id, wish.chat);
        code = CLI_FAILED;
    } else if (code == CLI_OK) {
        lists_print(c, &wish, lists);
    }
    cJSON_Delete(lists);
    draws_close(&d);
    return code;
}
