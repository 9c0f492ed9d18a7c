/* ctl_report.c -- `sopd ctl report`: the figures of groups over some days, by group, store, day or all together. Tallies, names and
 * stores are read from Redis, whether or not the daemon runs; tags of the configuration and playbooks are known by the daemon only.
 * The arithmetic is in ctl_report_figures.c. Callers: cli/ctl/ctl.c. */
#include "cli/ctl/ctl_report.h"

#include <cjson/cJSON.h>
#include <getopt.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/ctl/ctl.h"
#include "store/keys.h"

enum { REPORT_DAYS = 400, REPORT_WEEK = 7, REPORT_CUTOFF_MS = 4 * 3600000 };

struct report {
    struct ctl *ctl;
    redisContext *redis;
    const char *full, *playbook, *tag;
    const char *from_text, *to_text;
    int64_t from, to;
    enum report_by by;
    enum report_form form;
    int code;
};

/* ---- what is in Redis ---- */

static redisReply *report_reply(struct report *r, redisReply *reply)
{
    if (reply && reply->type == REDIS_REPLY_ARRAY)
        return reply;
    fprintf(stderr, "sopd ctl: Redis: %s\n", reply && reply->str ? reply->str : r->redis->errstr);
    r->code = reply ? CLI_FAILED : CLI_NO_REDIS;
    freeReplyObject(reply);
    return NULL;
}

static redisReply *report_hash(struct report *r, struct buf *key)
{
    return report_reply(r, redisCommand(r->redis, "HGETALL %s", buf_cstr(key)));
}

/* A hash of tally fields; NULL: nothing was counted. */
static cJSON *report_tally(const redisReply *hash, int64_t day)
{
    if (!hash->elements)
        return NULL;
    cJSON *tally = cJSON_CreateObject();
    cJSON_AddNumberToObject(tally, "day", (double)day);
    for (size_t i = 0; i + 1 < hash->elements; i += 2)
        if (strcmp(hash->element[i]->str, "day") != 0)
            cJSON_AddNumberToObject(tally, hash->element[i]->str,
                                    strtod(hash->element[i + 1]->str, NULL));
    return tally;
}

/* The tallies of a chat, a day each; NULL after an error was printed. */
static cJSON *report_tallies(struct report *r, const char *gateway, const char *chat)
{
    cJSON *list = cJSON_CreateArray();
    struct buf key = {0};
    for (int64_t day = r->from; day <= r->to; day++) {
        buf_reset(&key);
        key_of_gateway(&key, gateway, "tally:");
        buf_add_key(&key, chat);
        buf_addf(&key, ":%lld", (long long)day);
        redisAppendCommand(r->redis, "HGETALL %s", buf_cstr(&key));
    }
    for (int64_t day = r->from; day <= r->to; day++) {
        void *raw = NULL;
        redisReply *hash = redisGetReply(r->redis, &raw) == REDIS_OK ? report_reply(r, raw)
                                                                     : report_reply(r, NULL);
        cJSON *tally = hash ? report_tally(hash, day) : NULL;
        if (tally)
            cJSON_AddItemToArray(list, tally);
        freeReplyObject(hash);
    }
    buf_free(&key);
    if (r->code == CLI_OK)
        return list;
    cJSON_Delete(list);
    return NULL;
}

static void report_key(struct buf *key, const char *gateway, const char *rest)
{
    buf_reset(key);
    key_of_gateway(key, gateway, rest);
}

/* The known chats of a gateway, where there is no daemon to ask. */
static void report_chats_of(struct report *r, const char *gateway, cJSON *list)
{
    struct buf key = {0};
    report_key(&key, gateway, "chats");
    redisReply *names = report_hash(r, &key);
    buf_reset(&key);
    buf_adds(&key, "sopd:chat-tags:");
    buf_add_key(&key, gateway);
    redisReply *tags = names ? report_hash(r, &key) : NULL;
    for (size_t i = 0; tags && i + 1 < names->elements; i += 2) {
        cJSON *o = cJSON_CreateObject(), *known = cJSON_Parse(names->element[i + 1]->str);
        cJSON_AddStringToObject(o, "gateway", gateway);
        cJSON_AddStringToObject(o, "chat", names->element[i]->str);
        cJSON_AddStringToObject(o, "name", ctl_string(known, "name"));
        for (size_t j = 0; j + 1 < tags->elements; j += 2)
            if (strcmp(tags->element[j]->str, names->element[i]->str) == 0)
                cJSON_AddStringToObject(o, "tags", tags->element[j + 1]->str);
        cJSON_AddItemToArray(list, o);
        cJSON_Delete(known);
    }
    freeReplyObject(names);
    freeReplyObject(tags);
    buf_free(&key);
}

/* The store that a group said it belongs to (flow report, parameter store), or "". */
static void report_store(struct report *r, const char *gateway, const char *chat, struct buf *out)
{
    struct buf key = {0};
    report_key(&key, gateway, "hash:::report-stores");
    redisReply *v = redisCommand(r->redis, "HGET %s %s", buf_cstr(&key), chat);
    buf_reset(out);
    if (v && v->type == REDIS_REPLY_STRING) {
        cJSON *text = cJSON_Parse(v->str);
        buf_adds(out, cJSON_IsString(text) ? text->valuestring : v->str);
        cJSON_Delete(text);
    }
    freeReplyObject(v);
    buf_free(&key);
}

/* ---- which groups ---- */

static cJSON *report_ask(struct report *r, const char *op, const char *gateway, const char *chat)
{
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "op", op);
    if (gateway)
        cJSON_AddStringToObject(request, "gateway", gateway);
    if (chat)
        cJSON_AddStringToObject(request, "chat", chat);
    bool quiet = r->ctl->quiet;
    r->ctl->quiet = true;
    cJSON *answer = ctl_ask(r->ctl, request);
    r->ctl->quiet = quiet;
    return answer;
}

/* One group that was named. */
static cJSON *report_one(struct report *r)
{
    const char *chat;
    char *gateway = ctl_split_chat(r->full, &chat);
    struct buf key = {0};
    cJSON *list = cJSON_CreateArray(), *o = cJSON_CreateObject();
    report_key(&key, gateway, "chats");
    redisReply *name = redisCommand(r->redis, "HGET %s %s", buf_cstr(&key), chat);
    cJSON *known = name && name->type == REDIS_REPLY_STRING ? cJSON_Parse(name->str) : NULL;
    cJSON_AddStringToObject(o, "gateway", gateway);
    cJSON_AddStringToObject(o, "chat", chat);
    cJSON_AddStringToObject(o, "name", ctl_string(known, "name"));
    cJSON_AddItemToArray(list, o);
    cJSON_Delete(known);
    freeReplyObject(name);
    buf_free(&key);
    free(gateway);
    return list;
}

static cJSON *report_chats(struct report *r)
{
    if (r->full)
        return report_one(r);
    cJSON *answer = report_ask(r, "chats", NULL, NULL);
    cJSON *list = cJSON_DetachItemFromObjectCaseSensitive(answer, "chats");
    cJSON_Delete(answer);
    if (list)
        return list;
    list = cJSON_CreateArray();
    for (int i = 0; i < r->ctl->ngateways && r->code == CLI_OK; i++)
        report_chats_of(r, r->ctl->gateways[i], list);
    return list;
}

/* "a,b,c" has that tag. */
static bool report_has_tag(const char *tags, const char *tag)
{
    size_t n = strlen(tag);
    for (; *tags; tags += *tags == ',') {
        size_t len = strcspn(tags, ",");
        if (len == n && memcmp(tags, tag, n) == 0)
            return true;
        tags += len;
    }
    return false;
}

static bool report_of_playbook(struct report *r, const cJSON *chat)
{
    bool found = false;
    const cJSON *one;
    cJSON *answer = report_ask(r, "explain", ctl_string(chat, "gateway"), ctl_string(chat, "chat"));
    if (!answer) {
        fputs("sopd ctl: which playbook a group has is known by the daemon, and it does not run\n",
              stderr);
        r->code = CLI_FAILED;
    }
    cJSON_ArrayForEach (one, cJSON_GetObjectItemCaseSensitive(answer, "playbooks"))
        found = found || (strcmp(ctl_string(one, "playbook"), r->playbook) == 0 &&
                          !ctl_true(one, "staff_chat"));
    cJSON_Delete(answer);
    return found;
}

static bool report_wanted(struct report *r, const cJSON *chat)
{
    if (*ctl_string(chat, "chat") == '@')
        return false;
    if (r->tag && !report_has_tag(ctl_string(chat, "tags"), r->tag))
        return false;
    return !r->playbook || report_of_playbook(r, chat);
}

/* ---- rows ---- */

/* The row that a tally goes into, made if it is new. */
static cJSON *report_row(cJSON *rows, const char *field, const char *value)
{
    cJSON *row;
    cJSON_ArrayForEach (row, rows)
        if (strcmp(ctl_string(row, field), value) == 0)
            return row;
    row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, field, value);
    cJSON_AddArrayToObject(row, "tallies");
    cJSON_AddItemToArray(rows, row);
    return row;
}

static void report_give(cJSON *row, cJSON *tally)
{
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(row, "tallies"), tally);
}

static void report_by_day(cJSON *rows, cJSON *tallies)
{
    struct buf date = {0};
    while (cJSON_GetArraySize(tallies) > 0) {
        cJSON *tally = cJSON_DetachItemFromArray(tallies, 0);
        buf_reset(&date);
        time_add_date(&date, (int64_t)ctl_number(tally, "day"));
        report_give(report_row(rows, "date", buf_cstr(&date)), tally);
    }
    buf_free(&date);
}

/* Puts the tallies of one group into its row, or into those of its days, its store, or of all. */
static bool report_add(struct report *r, cJSON *rows, const cJSON *chat, cJSON *tallies)
{
    struct buf text = {0};
    const char *gateway = ctl_string(chat, "gateway"), *id = ctl_string(chat, "chat");
    if (r->by == REPORT_BY_DAY) {
        report_by_day(rows, tallies);
        return true;
    }
    if (r->by == REPORT_BY_CHAT) {
        buf_addf(&text, "%s:%s", gateway, id);
        cJSON *row = report_row(rows, "chat", buf_cstr(&text));
        report_store(r, gateway, id, &text);
        cJSON_AddStringToObject(row, "name", ctl_string(chat, "name"));
        cJSON_AddStringToObject(row, "store", buf_cstr(&text));
        while (cJSON_GetArraySize(tallies) > 0)
            report_give(row, cJSON_DetachItemFromArray(tallies, 0));
        buf_free(&text);
        return true;
    }
    cJSON *sum = report_sum(tallies);
    if (r->by == REPORT_BY_STORE)
        report_store(r, gateway, id, &text);
    if (sum)
        report_give(report_row(rows, r->by == REPORT_BY_STORE ? "store" : "all", buf_cstr(&text)),
                    sum);
    buf_free(&text);
    return sum != NULL;
}

static bool report_finish(struct report *r, cJSON *rows)
{
    cJSON *row;
    cJSON_ArrayForEach (row, rows) {
        cJSON *tallies = cJSON_DetachItemFromObjectCaseSensitive(row, "tallies");
        bool folded = r->by == REPORT_BY_CHAT || report_fold(tallies);
        cJSON *figures = folded ? report_figures(tallies) : NULL;
        cJSON_Delete(tallies);
        if (!figures)
            return false;
        cJSON_DeleteItemFromObjectCaseSensitive(figures, "sum");
        cJSON_AddItemToObject(row, "figures", figures);
    }
    return true;
}

static int report_order(const cJSON *a, const cJSON *b, enum report_by by)
{
    static const char *const fields[] = {"chat", "store", "date", "all"};
    return strcmp(ctl_string(a, fields[by]), ctl_string(b, fields[by]));
}

/* The rows in order; few enough for a simple sort to be quick. */
static cJSON *report_sorted(cJSON *rows, enum report_by by)
{
    int n = cJSON_GetArraySize(rows);
    cJSON **list = mem_zero(((size_t)n + 1) * sizeof *list);
    for (int i = 0; i < n; i++) {
        cJSON *row = cJSON_DetachItemFromArray(rows, 0);
        int j = i;
        for (; j > 0 && report_order(list[j - 1], row, by) > 0; j--)
            list[j] = list[j - 1];
        list[j] = row;
    }
    for (int i = 0; i < n; i++)
        cJSON_AddItemToArray(rows, list[i]);
    free(list);
    return rows;
}

static int report_run(struct report *r)
{
    cJSON *rows = cJSON_CreateArray(), *chats = report_chats(r), *chat;
    cJSON_ArrayForEach (chat, chats) {
        if (r->code != CLI_OK || !report_wanted(r, chat))
            continue;
        cJSON *tallies = report_tallies(r, ctl_string(chat, "gateway"), ctl_string(chat, "chat"));
        if (cJSON_GetArraySize(tallies) > 0 && !report_add(r, rows, chat, tallies))
            r->code = CLI_FAILED;
        cJSON_Delete(tallies);
    }
    if (r->code == CLI_OK && !report_finish(r, rows))
        r->code = CLI_FAILED;
    if (r->code == CLI_OK)
        report_print(report_sorted(rows, r->by), r->by, r->form, r->from, r->to);
    cJSON_Delete(rows);
    cJSON_Delete(chats);
    return r->code;
}

/* ---- arguments ---- */

static bool report_choice(struct report *r, const char *by)
{
    static const char *const names[] = {"chat", "store", "day", "all"};
    for (int i = 0; i < 4; i++)
        if (strcmp(names[i], by) == 0) {
            r->by = (enum report_by)i;
            return true;
        }
    return false;
}

/* The days asked about: the last week, unless said. */
static int report_days(struct report *r)
{
    const struct zone *zone = zone_get(r->ctl->timezone ? r->ctl->timezone : "UTC");
    r->to = zone_day(zone ? zone : zone_get("UTC"), (int64_t)time(NULL) * 1000, REPORT_CUTOFF_MS);
    if (r->to_text && !time_parse_date(r->to_text, &r->to))
        return cli_usage("ctl", "--to takes a date like 2026-11-22, not '%s'", r->to_text);
    r->from = r->to - (REPORT_WEEK - 1);
    if (r->from_text && !time_parse_date(r->from_text, &r->from))
        return cli_usage("ctl", "--from takes a date like 2026-11-22, not '%s'", r->from_text);
    if (r->from > r->to)
        return cli_usage("ctl", "--from is after --to");
    if (r->to - r->from >= REPORT_DAYS)
        return cli_usage("ctl", "at most %d days at a time", REPORT_DAYS);
    return CLI_OK;
}

static int report_options(struct report *r, int argc, char **argv)
{
    static const struct option options[] = {
        {"playbook", required_argument, NULL, 'p'}, {"tag", required_argument, NULL, 't'},
        {"from", required_argument, NULL, 'f'},     {"to", required_argument, NULL, 'o'},
        {"by", required_argument, NULL, 'b'},       {"csv", no_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},           {0}};
    optind = 0;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case 'p': r->playbook = optarg; break;
        case 't': r->tag = optarg; break;
        case 'f': r->from_text = optarg; break;
        case 'o': r->to_text = optarg; break;
        case 'b':
            if (!report_choice(r, optarg))
                return cli_usage("ctl", "--by takes chat, store, day or all, not '%s'", optarg);
            break;
        case 'c': r->form = REPORT_CSV; break;
        case 'j': r->ctl->json = true; break;
        default: return cli_bad_option("ctl", o, argv);
        }
    }
    if (argc - optind > 1)
        return cli_usage("ctl",
                         "it is: report [GATEWAY:CHAT] [--playbook P] [--tag T] [--from DATE] "
                         "[--to DATE] [--by chat|store|day|all] [--csv | --json]");
    if (r->ctl->json && r->form == REPORT_CSV)
        return cli_usage("ctl", "give --json or --csv, not both");
    r->form = r->ctl->json ? REPORT_JSON : r->form;
    r->full = optind < argc ? argv[optind] : NULL;
    return report_days(r);
}

int ctl_report(struct ctl *c, int argc, char **argv)
{
    struct report r = {.ctl = c};
    const char *chat;
    int code = report_options(&r, argc, argv);
    if (code != CLI_OK)
        return code;
    char *gateway = r.full ? ctl_split_chat(r.full, &chat) : NULL;
    if (r.full && !gateway)
        return cli_usage("ctl", "'%s' is not GATEWAY:CHAT, for example qq1:700000001", r.full);
    free(gateway);
    r.redis = ctl_redis(c);
    if (!r.redis)
        return CLI_NO_REDIS;
    code = report_run(&r);
    redisFree(r.redis);
    return code;
}
