/* ctl_commands.c -- `sopd ctl commands`: what outside systems asked for and is not done yet, and what was refused and why, straight
 * from Redis (docs/operations.md, "Other systems"). A refused entry can be put back into the stream, or thrown away.
 * Callers: cli/ctl/ctl.c. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl.h"

enum { COMMANDS_LIMIT = 20, COMMANDS_MOST = 10000, COMMANDS_SCAN_MAX = 1000 };

static const char commands_usage[] =
    "it is: commands [GATEWAY] [--limit N] [--retry ID | --retry all | --drop ID | --drop all]";

/* What is to be done, and where. */
struct commands {
    const struct ctl *ctl;
    redisContext *redis;
    const char *gateway; /* NULL: all */
    const char *retry, *drop;
    long limit;
    long changed;
    cJSON *gateways; /* the answer */
    int code;
};

/* Puts a dead letter back, or throws it away: once, whoever else tries. KEYS: dead letters, commands. ARGV: id, "retry" or "drop".
 * The attempt makes it another one than the one that was refused. */
static const char commands_revive[] =
    "local e = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]\n"
    "if not e or redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return 0 end\n"
    "if ARGV[2] == 'drop' then return 1 end\n"
    "local f, attempt = {}, 0\n"
    "for i = 1, #e[2], 2 do\n"
    "  if e[2][i] == 'attempt' then attempt = tonumber(e[2][i + 1]) or 0\n"
    "  elseif string.sub(e[2][i], 1, 5) ~= 'dead-' then\n"
    "    f[#f + 1] = e[2][i]\n"
    "    f[#f + 1] = e[2][i + 1]\n"
    "  end\n"
    "end\n"
    "redis.call('XADD', KEYS[2], '*', 'attempt', attempt + 1, unpack(f))\n"
    "return 1\n";

static void commands_key(struct buf *key, const char *kind, const char *gateway)
{
    buf_addf(key, "sopd:%s:{", kind);
    buf_add_key(key, gateway);
    buf_addc(key, '}');
    buf_cstr(key);
}

/* A command to Redis; NULL after an error was printed. */
static redisReply *commands_ask(struct commands *k, int argc, const char **argv)
{
    redisReply *r = redisCommandArgv(k->redis, argc, argv, NULL);
    if (r && r->type != REDIS_REPLY_ERROR)
        return r;
    fprintf(stderr, "sopd ctl: Redis: %s\n", r ? r->str : k->redis->errstr);
    k->code = r ? CLI_FAILED : CLI_NO_REDIS;
    if (r)
        freeReplyObject(r);
    return NULL;
}

/* ---- reading ---- */

static double commands_seconds(const char *entry)
{
    return (double)strtoll(entry, NULL, 10) / 1000;
}

static cJSON *commands_letter(const redisReply *entry)
{
    cJSON *o = cJSON_CreateObject(), *fields = cJSON_CreateObject();
    const redisReply *list = entry->element[1];
    cJSON_AddStringToObject(o, "id", entry->element[0]->str);
    for (size_t i = 0; i + 1 < list->elements; i += 2) {
        const char *name = list->element[i]->str, *value = list->element[i + 1]->str;
        if (strcmp(name, "dead-reason") == 0)
            cJSON_AddStringToObject(o, "reason", value);
        else if (strcmp(name, "dead-time") == 0)
            cJSON_AddNumberToObject(o, "time", (double)strtoll(value, NULL, 10) / 1000);
        else if (strcmp(name, "dead-entry") == 0)
            cJSON_AddStringToObject(o, "entry", value);
        else
            cJSON_AddStringToObject(fields, name, value);
    }
    cJSON_AddItemToObject(o, "fields", fields);
    return o;
}

static long commands_length(struct commands *k, const char *key)
{
    redisReply *r = commands_ask(k, 2, (const char *[]){"XLEN", key});
    long n = r && r->type == REDIS_REPLY_INTEGER ? (long)r->integer : 0;
    if (r)
        freeReplyObject(r);
    return n;
}

/* When the oldest entry of a stream was added, seconds; 0: it is empty. */
static double commands_oldest(struct commands *k, const char *key)
{
    redisReply *r = commands_ask(k, 6, (const char *[]){"XRANGE", key, "-", "+", "COUNT", "1"});
    double when = 0;
    if (r && r->type == REDIS_REPLY_ARRAY && r->elements)
        when = commands_seconds(r->element[0]->element[0]->str);
    if (r)
        freeReplyObject(r);
    return when;
}

static void commands_read(struct commands *k, const char *gateway)
{
    struct buf key = {0}, dead = {0};
    char count[24];
    commands_key(&key, "commands", gateway);
    commands_key(&dead, "commands-dead", gateway);
    cJSON *g = cJSON_CreateObject();
    cJSON_AddStringToObject(g, "gateway", gateway);
    cJSON_AddNumberToObject(g, "waiting", (double)commands_length(k, key.data));
    cJSON_AddNumberToObject(g, "oldest", commands_oldest(k, key.data));
    cJSON_AddNumberToObject(g, "dead", (double)commands_length(k, dead.data));
    cJSON *letters = cJSON_AddArrayToObject(g, "letters");
    snprintf(count, sizeof count, "%ld", k->limit);
    redisReply *r =
        commands_ask(k, 6, (const char *[]){"XREVRANGE", dead.data, "+", "-", "COUNT", count});
    for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i < r->elements; i++)
        cJSON_AddItemToArray(letters, commands_letter(r->element[i]));
    if (r)
        freeReplyObject(r);
    cJSON_AddItemToArray(k->gateways, g);
    buf_free(&key);
    buf_free(&dead);
}

/* ---- changing ---- */

static void commands_change_one(struct commands *k, const struct buf *dead, const struct buf *key,
                                const char *id)
{
    redisReply *r = commands_ask(k, 7,
                                 (const char *[]){"EVAL", commands_revive, "2", dead->data,
                                                  key->data, id, k->retry ? "retry" : "drop"});
    if (r && r->type == REDIS_REPLY_INTEGER)
        k->changed += (long)r->integer;
    if (r)
        freeReplyObject(r);
}

/* All letters that are there now, in portions: what comes back meanwhile is not taken again. */
static void commands_change_all(struct commands *k, const struct buf *dead, const struct buf *key)
{
    char from[48] = "-";
    char last[48] = "";
    redisReply *r =
        commands_ask(k, 6, (const char *[]){"XREVRANGE", dead->data, "+", "-", "COUNT", "1"});
    if (r && r->type == REDIS_REPLY_ARRAY && r->elements)
        snprintf(last, sizeof last, "%s", r->element[0]->element[0]->str);
    if (r)
        freeReplyObject(r);
    while (*last) {
        r = commands_ask(k, 6, (const char *[]){"XRANGE", dead->data, from, last, "COUNT", "500"});
        size_t n = r && r->type == REDIS_REPLY_ARRAY ? r->elements : 0;
        for (size_t i = 0; i < n; i++)
            commands_change_one(k, dead, key, r->element[i]->element[0]->str);
        if (n)
            snprintf(from, sizeof from, "(%s", r->element[n - 1]->element[0]->str);
        if (r)
            freeReplyObject(r);
        if (n < 500)
            break;
    }
}

static void commands_change(struct commands *k, const char *gateway)
{
    const char *id = k->retry ? k->retry : k->drop;
    struct buf key = {0}, dead = {0};
    commands_key(&key, "commands", gateway);
    commands_key(&dead, "commands-dead", gateway);
    if (strcmp(id, "all") == 0)
        commands_change_all(k, &dead, &key);
    else
        commands_change_one(k, &dead, &key, id);
    buf_free(&key);
    buf_free(&dead);
}

/* ---- gateways ---- */

static void commands_gateway(struct commands *k, const char *gateway)
{
    if (k->retry || k->drop)
        commands_change(k, gateway);
    else
        commands_read(k, gateway);
}

/* Without a configuration: those that have a stream. */
static void commands_scan(struct commands *k)
{
    char cursor[32] = "0";
    cJSON *seen = cJSON_CreateObject();
    for (int i = 0; i < COMMANDS_SCAN_MAX && k->code == CLI_OK; i++) {
        redisReply *r = commands_ask(
            k, 6, (const char *[]){"SCAN", cursor, "MATCH", "sopd:commands*", "COUNT", "10000"});
        for (size_t n = 0; r && n < r->element[1]->elements; n++) {
            char *name = mem_strdup(r->element[1]->element[n]->str);
            char *open = strchr(name, '{'), *end = open ? strchr(open, '}') : NULL;
            if (end && !end[1]) {
                *end = '\0';
                if (!cJSON_HasObjectItem(seen, open + 1)) {
                    cJSON_AddTrueToObject(seen, open + 1);
                    commands_gateway(k, open + 1);
                }
            }
            free(name);
        }
        if (r)
            snprintf(cursor, sizeof cursor, "%s", r->element[0]->str);
        if (r)
            freeReplyObject(r);
        if (strcmp(cursor, "0") == 0)
            break;
    }
    cJSON_Delete(seen);
}

static void commands_each(struct commands *k)
{
    if (k->gateway) {
        commands_gateway(k, k->gateway);
        return;
    }
    if (!k->ctl->ngateways)
        commands_scan(k);
    for (int i = 0; i < k->ctl->ngateways && k->code == CLI_OK; i++)
        commands_gateway(k, k->ctl->gateways[i]);
}

/* ---- printing ---- */

static void commands_print_letters(const cJSON *gateways)
{
    static const char *const titles[] = {"DEAD LETTER", "GATEWAY", "WHEN",  "OP",
                                         "USER",        "CHAT",    "REASON"};
    struct table *t = table_new(titles, 7);
    const cJSON *g, *letter;
    cJSON_ArrayForEach (g, gateways) {
        cJSON_ArrayForEach (letter, cJSON_GetObjectItemCaseSensitive(g, "letters")) {
            const cJSON *fields = cJSON_GetObjectItemCaseSensitive(letter, "fields");
            table_cell(t, ctl_string(letter, "id"));
            table_cell(t, ctl_string(g, "gateway"));
            table_time(t, ctl_number(letter, "time"));
            table_cell(t, ctl_string(fields, "op"));
            table_cell(t, ctl_string(fields, "user"));
            table_cell(t, ctl_string(fields, "chat"));
            table_cell(t, ctl_string(letter, "reason"));
        }
    }
    putchar('\n');
    table_print(t, "no dead letters");
}

static void commands_print(const cJSON *gateways)
{
    static const char *const titles[] = {"GATEWAY", "WAITING", "OLDEST", "DEAD"};
    struct table *t = table_new(titles, 4);
    const cJSON *g;
    cJSON_ArrayForEach (g, gateways) {
        table_cell(t, ctl_string(g, "gateway"));
        table_number(t, ctl_number(g, "waiting"));
        table_time(t, ctl_number(g, "oldest"));
        table_number(t, ctl_number(g, "dead"));
    }
    table_print(t, "no gateway has commands");
    commands_print_letters(gateways);
}

static int commands_finish(struct commands *k)
{
    if (k->code != CLI_OK)
        return k->code;
    if (!k->retry && !k->drop) {
        if (k->ctl->json)
            ctl_print_json(k->gateways);
        else
            commands_print(k->gateways);
        return CLI_OK;
    }
    const char *id = k->retry ? k->retry : k->drop;
    if (!k->changed && strcmp(id, "all") != 0) {
        fprintf(stderr, "sopd ctl: there is no dead letter %s\n", id);
        return CLI_FAILED;
    }
    if (k->ctl->json)
        printf("{\"%s\": %ld}\n", k->retry ? "retried" : "dropped", k->changed);
    else
        printf("%ld dead letter%s %s\n", k->changed, k->changed == 1 ? "" : "s",
               k->retry ? "put back" : "dropped");
    return CLI_OK;
}

/* False: wrong usage. */
static bool commands_options(struct commands *k, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        char *end = NULL;
        if (argv[i][0] != '-' && !k->gateway) {
            k->gateway = argv[i];
            continue;
        }
        if (!value)
            return false;
        i++;
        if (strcmp(argv[i - 1], "--retry") == 0)
            k->retry = value;
        else if (strcmp(argv[i - 1], "--drop") == 0)
            k->drop = value;
        else if (strcmp(argv[i - 1], "--limit") == 0)
            k->limit = strtol(value, &end, 10);
        else
            return false;
        if (end && (*end || k->limit < 1 || k->limit > COMMANDS_MOST))
            return false;
    }
    return !k->retry || !k->drop;
}

int ctl_inbox(struct ctl *c, int argc, char **argv)
{
    struct commands k = {.ctl = c, .limit = COMMANDS_LIMIT};
    if (!commands_options(&k, argc, argv))
        return cli_usage("ctl", "%s", commands_usage);
    k.redis = ctl_redis(c);
    if (!k.redis)
        return CLI_NO_REDIS;
    k.gateways = cJSON_CreateArray();
    commands_each(&k);
    int code = commands_finish(&k);
    cJSON_Delete(k.gateways);
    redisFree(k.redis);
    return code;
}
