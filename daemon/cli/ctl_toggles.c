/* ctl_toggles.c -- `sopd ctl toggles`: reads and writes the hashes of docs/redis.md with a blocking connection of its own,
 * so it works whether or not the daemon runs, exactly as redis-cli would. Callers: cli/ctl.c. */
#include <cjson/cJSON.h>
#include <getopt.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl.h"

struct toggles {
    struct ctl *ctl;
    redisContext *redis;
    struct buf key;    /* the hash to write to */
    const char *scope; /* for people */
};

static bool ctl_redis_login(redisContext *ctx, const struct redis_addr *a)
{
    redisReply *r = NULL;
    bool ok = true;
    if (a->password) {
        r = a->user ? redisCommand(ctx, "AUTH %s %s", a->user, a->password)
                    : redisCommand(ctx, "AUTH %s", a->password);
        ok = r && r->type != REDIS_REPLY_ERROR;
        freeReplyObject(r);
    }
    if (ok && a->db) {
        r = redisCommand(ctx, "SELECT %d", a->db);
        ok = r && r->type != REDIS_REPLY_ERROR;
        freeReplyObject(r);
    }
    return ok;
}

redisContext *ctl_redis(const struct ctl *c)
{
    const struct redis_addr *a = &c->redis;
    struct timeval timeout = {5, 0};
    redisContext *ctx = a->path ? redisConnectUnixWithTimeout(a->path, timeout)
                                : redisConnectWithTimeout(a->host, a->port, timeout);
    struct buf where = {0};
    redis_addr_print(a, &where);
    if (ctx && !ctx->err) {
        redisSetTimeout(ctx, timeout);
        if (ctl_redis_login(ctx, a)) {
            buf_free(&where);
            return ctx;
        }
    }
    fprintf(stderr, "sopd ctl: Redis at %s cannot be reached: %s\n", buf_cstr(&where),
            ctx && ctx->err ? ctx->errstr : "it refused to let us in");
    buf_free(&where);
    if (ctx)
        redisFree(ctx);
    return NULL;
}

/* ---- list ---- */

/* "sopd:toggles:chat:qq1:7000" as "chat qq1:7000"; the root as "everywhere". */
static const char *toggles_scope(const char *key)
{
    static char text[256];
    const char *rest = key + strlen("sopd:toggles");
    if (!*rest)
        return "everywhere";
    snprintf(text, sizeof text, "%s", rest + 1);
    char *colon = strchr(text, ':');
    if (colon)
        *colon = ' ';
    return text;
}

static bool toggles_list_key(struct toggles *t, const char *key, struct table *table, cJSON *json)
{
    redisReply *r = redisCommand(t->redis, "HGETALL %s", key);
    bool ok = r != NULL;
    for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i + 1 < r->elements; i += 2) {
        table_cell(table, toggles_scope(key));
        table_cell(table, r->element[i]->str);
        table_cell(table, r->element[i + 1]->str);
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "key", key);
        cJSON_AddStringToObject(item, "flow", r->element[i]->str);
        cJSON_AddStringToObject(item, "value", r->element[i + 1]->str);
        cJSON_AddItemToArray(json, item);
    }
    freeReplyObject(r);
    return ok;
}

static bool toggles_scan(struct toggles *t, struct table *table, cJSON *json)
{
    char cursor[32] = "0";
    bool ok = true;
    do {
        redisReply *r = redisCommand(t->redis, "SCAN %s MATCH sopd:toggles* COUNT 1000", cursor);
        ok = r && r->type == REDIS_REPLY_ARRAY && r->elements == 2;
        if (ok) {
            snprintf(cursor, sizeof cursor, "%s", r->element[0]->str);
            for (size_t i = 0; ok && i < r->element[1]->elements; i++)
                ok = toggles_list_key(t, r->element[1]->element[i]->str, table, json);
        }
        freeReplyObject(r);
    } while (ok && strcmp(cursor, "0") != 0);
    return ok;
}

static int toggles_list(struct toggles *t)
{
    static const char *const titles[] = {"SCOPE", "FLOW", "VALUE"};
    struct table *table = table_new(titles, 3);
    cJSON *json = cJSON_CreateArray();
    bool ok = toggles_scan(t, table, json);
    if (t->ctl->json) {
        char *text = cJSON_Print(json);
        puts(text);
        cJSON_free(text);
        table_print(table, "");
    } else {
        table_print(table, "no toggles are set; flows run as their playbooks say");
    }
    cJSON_Delete(json);
    return ok ? CLI_OK : CLI_NO_REDIS;
}

/* ---- set and unset ---- */

static int toggles_write(struct toggles *t, const char *flow, const char *value)
{
    redisReply *r = value ? redisCommand(t->redis, "HSET %s %s %s", buf_cstr(&t->key), flow, value)
                          : redisCommand(t->redis, "HDEL %s %s", buf_cstr(&t->key), flow);
    int code = CLI_OK;
    if (!r || r->type == REDIS_REPLY_ERROR) {
        fprintf(stderr, "sopd ctl: %s\n", r ? r->str : t->redis->errstr);
        code = r ? CLI_FAILED : CLI_NO_REDIS;
    } else if (!t->ctl->json) {
        printf(value ? "%s: %s is %s now\n" : "%s: %s is not set any more%s\n", t->scope, flow,
               value ? value : "");
    } else {
        puts("{\"ok\":true}");
    }
    freeReplyObject(r);
    return code;
}

static bool toggles_add_chat(struct toggles *t, const char *full)
{
    const char *chat;
    char *gateway = ctl_split_chat(full, &chat);
    if (!gateway)
        return false;
    buf_adds(&t->key, ":chat:");
    buf_add_key(&t->key, gateway);
    buf_addc(&t->key, ':');
    buf_add_key(&t->key, chat);
    free(gateway);
    return true;
}

/* Reads --chat, --tag, --gateway into t->key. Returns an exit code. */
static int toggles_options(struct toggles *t, int argc, char **argv)
{
    static const struct option options[] = {{"chat", required_argument, NULL, 'C'},
                                            {"tag", required_argument, NULL, 't'},
                                            {"gateway", required_argument, NULL, 'g'},
                                            {0}};
    int scopes = 0;
    buf_adds(&t->key, "sopd:toggles");
    t->scope = "everywhere";
    optind = 0;
    for (int o; (o = getopt_long(argc, argv, ":", options, NULL)) != -1; scopes++) {
        if (o != 'C' && o != 't' && o != 'g')
            return cli_bad_option("ctl", o, argv);
        t->scope = optarg;
        if (o == 'C') {
            if (!toggles_add_chat(t, optarg))
                return cli_usage("ctl", "--chat needs GATEWAY:CHAT, for example qq1:700000001");
        } else {
            buf_adds(&t->key, o == 't' ? ":tag:" : ":gw:");
            buf_add_key(&t->key, optarg);
        }
    }
    return scopes > 1 ? cli_usage("ctl", "give only one of --chat, --tag and --gateway") : CLI_OK;
}

static int toggles_run(struct toggles *t, int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : NULL;
    if (!verb)
        return toggles_list(t);
    bool set = strcmp(verb, "set") == 0;
    if (strcmp(argv[0], "toggle") == 0) { /* "toggle FLOW on": the verb is left out */
        set = true;
        argv--;
        argc++;
    } else if (!set && strcmp(verb, "unset") != 0) {
        return cli_usage("ctl", "toggles knows set and unset, not '%s'", verb);
    }
    int code = toggles_options(t, argc - 1, argv + 1);
    char **rest = argv + 1 + optind;
    int n = argc - 1 - optind;
    if (code != CLI_OK)
        return code;
    if (n != (set ? 2 : 1))
        return cli_usage("ctl",
                         set ? "toggles set needs FLOW and on or off" : "toggles unset needs FLOW");
    if (set && strcmp(rest[1], "on") != 0 && strcmp(rest[1], "off") != 0)
        return cli_usage("ctl", "a toggle is on or off, not '%s'", rest[1]);
    return toggles_write(t, rest[0], set ? rest[1] : NULL);
}

int ctl_toggles(struct ctl *c, int argc, char **argv)
{
    struct toggles t = {.ctl = c, .redis = ctl_redis(c)};
    if (!t.redis)
        return CLI_NO_REDIS;
    int code = toggles_run(&t, argc, argv);
    buf_free(&t.key);
    redisFree(t.redis);
    return code;
}
