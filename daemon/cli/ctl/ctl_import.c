/* ctl_import.c -- `sopd ctl import`: puts a file of `sopd ctl export` back. Everything is checked before anything is written
 * (ctl_import_check.c); then it is staged under keys of its own, which nobody reads, and one script (store/import_apply.lua) moves it
 * into its place: wholly or not at all. The daemon that serves the gateway runs that script between two turns of the chat and forgets
 * what it has of it in memory; without a daemon this program runs it. Callers: ctl.c. */
#include <cjson/cJSON.h>
#include <getopt.h>
#include <hiredis/hiredis.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl_import.h"
#include "store/keys.h"
#include "store/run_record.h"

enum { IMPORT_ALIVE_MS = 15000 };

extern const char embed_import_apply_lua[];
extern const unsigned long embed_import_apply_lua_len;

/* ---- staging ---- */

struct stage {
    struct transfer *t;
    struct buf prefix, key; /* of staged keys; the plan's key is the prefix itself */
    int n, pending;
    bool failed;
};

static void stage_answers(struct stage *s, int keep)
{
    while (s->pending > keep) {
        redisReply *r = NULL;
        s->pending--;
        if (redisGetReply(s->t->redis, (void **)&r) != REDIS_OK) {
            s->failed = true;
            s->pending = 0;
            s->t->code = CLI_NO_REDIS;
            fprintf(stderr, "sopd ctl: Redis: %s\n", s->t->redis->errstr);
            return;
        }
        if (r->type == REDIS_REPLY_ERROR && !s->failed) {
            fprintf(stderr, "sopd ctl: Redis: %s\n", r->str);
            s->failed = true;
            s->t->code = CLI_FAILED;
        }
        freeReplyObject(r);
    }
}

static void stage_send(struct stage *s, int argc, const char **argv, const size_t *lens)
{
    redisAppendCommandArgv(s->t->redis, argc, argv, lens);
    s->pending++;
    if (s->pending > 2000)
        stage_answers(s, 0);
}

/* Words of the plan. */
static void stage_plan(struct stage *s, int argc, const char *const *argv, const size_t *lens)
{
    const char *words[10] = {"RPUSH", buf_cstr(&s->prefix)};
    size_t all[10] = {5, s->prefix.len};
    char count[12];
    snprintf(count, sizeof count, "%d", argc);
    words[2] = count;
    all[2] = strlen(count);
    for (int i = 0; i < argc; i++) {
        words[3 + i] = argv[i];
        all[3 + i] = lens ? lens[i] : strlen(argv[i]);
    }
    stage_send(s, 3 + argc, words, all);
}

static void stage_command(const char *type, int *first, const char **argv, const char *key)
{
    static const char *const commands[][2] = {
        {"string", "SET"}, {"hash", "HSET"}, {"zset", "ZADD"}, {"set", "SADD"}, {"list", "RPUSH"}};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i][0], type) == 0)
            argv[0] = commands[i][1];
    argv[1] = key;
    *first = 2;
}

/* The value of a key, written to another one. */
static void stage_value(struct stage *s, const cJSON *o, const char *key)
{
    struct buf a = {0}, b = {0};
    const char *argv[4], *type = ctl_string(o, "type");
    int first;
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(o, "value"), *item;
    bool zset = strcmp(type, "zset") == 0;
    stage_command(type, &first, argv, key);
    if (!cJSON_IsArray(value)) {
        transfer_bytes(value, &a);
        const size_t lens[] = {3, strlen(key), a.len};
        argv[2] = a.data;
        stage_send(s, 3, argv, lens);
    } else {
        cJSON_ArrayForEach (item, value) {
            bool pair = cJSON_IsArray(item);
            transfer_bytes(pair ? cJSON_GetArrayItem(item, 0) : item, &a);
            if (pair)
                transfer_bytes(cJSON_GetArrayItem(item, 1), &b);
            argv[2] = zset ? b.data : a.data;
            argv[3] = zset ? a.data : b.data;
            const size_t lens[] = {strlen(argv[0]), strlen(key), zset ? b.len : a.len,
                                   zset ? a.len : b.len};
            stage_send(s, pair ? 4 : 3, argv, lens);
        }
    }
    buf_free(&a);
    buf_free(&b);
}

static void stage_expire(struct stage *s, const char *key)
{
    stage_send(s, 3, (const char *[]){"EXPIRE", key, "3600"}, NULL);
}

/* A whole key: staged, and in the plan. What would have expired meanwhile is left out. */
static void stage_key(struct stage *s, const cJSON *o, const char *word)
{
    double expires = ctl_number(o, "expires");
    char when[24];
    if (expires > 0 && expires <= (double)transfer_now())
        return;
    buf_reset(&s->key);
    buf_addf(&s->key, "%s:%d", buf_cstr(&s->prefix), ++s->n);
    stage_value(s, o, buf_cstr(&s->key));
    stage_expire(s, buf_cstr(&s->key));
    snprintf(when, sizeof when, "%.0f", expires);
    stage_plan(s, 4, (const char *[]){word, buf_cstr(&s->key), ctl_string(o, "key"), when}, NULL);
}

static void stage_gateway_key(const struct stage *s, const char *kind, struct buf *out)
{
    key_of_gateway(out, s->t->gateway, kind);
    buf_cstr(out);
}

/* Its pin counts one more; and one that waited for the fate of a message, which is not in the file, is told that it did not leave. */
static void stage_run(struct stage *s, const cJSON *o)
{
    struct run_record r;
    struct buf err = {0}, text = {0}, pins = {0}, timers = {0}, member = {0};
    const char *key = ctl_string(o, "key"), *id = strrchr(key, ':') + 1;
    transfer_bytes(cJSON_GetObjectItemCaseSensitive(o, "value"), &text);
    if (run_record_read(&r, text.data, text.len, &err)) {
        stage_gateway_key(s, "pins", &pins);
        stage_plan(s, 3, (const char *[]){"pin", pins.data, ctl_string(r.header, "pin")}, NULL);
        const struct run_line *wait = run_record_waiting(&r);
        cJSON *spec = wait ? run_line_json(wait) : NULL;
        if (strcmp(ctl_string(spec, "kind"), "sent") == 0) {
            char now[24];
            snprintf(now, sizeof now, "%lld", (long long)transfer_now());
            buf_addf(&member, "run|%s|%s", id, ctl_string(r.header, "chat"));
            stage_gateway_key(s, "timers", &timers);
            stage_plan(s, 4, (const char *[]){"zadd", timers.data, now, buf_cstr(&member)}, NULL);
        }
        cJSON_Delete(spec);
    }
    run_record_free(&r);
    buf_free(&err), buf_free(&text), buf_free(&pins), buf_free(&timers), buf_free(&member);
}

/* A version stays as long as a pin of it is known here. */
static void stage_pin(struct stage *s, const cJSON *o)
{
    const char *key = ctl_string(o, "key");
    cJSON *pin = strstr(key, "}:pin:") ? cJSON_Parse(ctl_string(o, "value")) : NULL;
    if (pin) {
        struct buf set = {0};
        stage_gateway_key(s, "source-pins:", &set);
        buf_add_key(&set, ctl_string(pin, "flow"));
        buf_addf(&set, ":%s", ctl_string(pin, "version"));
        stage_plan(s, 3, (const char *[]){"sadd", buf_cstr(&set), strrchr(key, ':') + 1}, NULL);
        buf_free(&set);
    }
    cJSON_Delete(pin);
}

/* One entry of a shared key: [a, b] or a. */
static void stage_entry(struct stage *s, const char *key, const char *type, const cJSON *item,
                        bool remove)
{
    struct buf a = {0}, b = {0};
    bool hash = strcmp(type, "hash") == 0, zset = strcmp(type, "zset") == 0;
    bool pair = cJSON_IsArray(item);
    transfer_bytes(pair ? cJSON_GetArrayItem(item, 0) : item, &a);
    if (pair)
        transfer_bytes(cJSON_GetArrayItem(item, 1), &b);
    const char *word = remove ? (hash   ? "hdel"
                                 : zset ? "zrem"
                                        : "srem")
                              : (hash   ? "hset"
                                 : zset ? "zadd"
                                        : "sadd");
    bool turned = zset && !remove; /* the score comes first */
    const char *words[] = {word, key, turned ? b.data : a.data, turned ? a.data : b.data};
    const size_t lens[] = {4, strlen(key), turned ? b.len : a.len, turned ? a.len : b.len};
    stage_plan(s, pair && !remove ? 4 : 3, words, lens);
    buf_free(&a);
    buf_free(&b);
}

static void stage_entries(struct stage *s, const cJSON *list, bool remove)
{
    const cJSON *o, *item;
    cJSON_ArrayForEach (o, list) {
        const char *key = ctl_string(o, "key");
        if (strncmp(key, "sopd:chat-tags:", 15) == 0)
            continue; /* with the other settings */
        cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(o, "value"))
            stage_entry(s, key, ctl_string(o, "type"), item, remove);
    }
}

/* What is there now and is to be replaced. */
static void stage_removal(struct stage *s, struct transfer *old)
{
    const cJSON *o;
    struct buf pins = {0};
    stage_gateway_key(s, "pins", &pins);
    cJSON_ArrayForEach (o, old->keys)
        if (!import_is_setting(o))
            stage_plan(s, 2, (const char *[]){"del", ctl_string(o, "key")}, NULL);
    for (const struct name *run = old->runs; run; run = run->hh.next)
        stage_plan(s, 3, (const char *[]){"unpin", pins.data, run->more}, NULL);
    stage_entries(s, old->entries, true);
    buf_free(&pins);
}

static void stage_all(struct stage *s, const cJSON *file, struct transfer *old)
{
    const cJSON *o;
    if (old)
        stage_removal(s, old);
    cJSON_ArrayForEach (o, cJSON_GetObjectItemCaseSensitive(file, "pins")) {
        stage_key(s, o, "once");
        stage_pin(s, o);
    }
    cJSON_ArrayForEach (o, cJSON_GetObjectItemCaseSensitive(file, "keys")) {
        if (import_is_setting(o))
            continue;
        stage_key(s, o, "key");
        if (strstr(ctl_string(o, "key"), "}:run:"))
            stage_run(s, o);
    }
    cJSON_ArrayForEach (o, cJSON_GetObjectItemCaseSensitive(file, "shared"))
        stage_key(s, o, "shared");
    stage_entries(s, cJSON_GetObjectItemCaseSensitive(file, "entries"), false);
    stage_expire(s, buf_cstr(&s->prefix));
    stage_answers(s, 0);
}

/* ---- settings: plain hashes outside the gateway's slot, after the rest ---- */

static void import_settings(struct transfer *t, const cJSON *file, bool replace)
{
    static const char *const lists[] = {"keys", "entries"};
    struct stage s = {.t = t};
    const cJSON *o;
    for (int i = 0; i < 2; i++) {
        cJSON_ArrayForEach (o, cJSON_GetObjectItemCaseSensitive(file, lists[i])) {
            const char *key = ctl_string(o, "key");
            if (!import_is_setting(o))
                continue;
            if (replace && i == 0)
                stage_send(&s, 2, (const char *[]){"DEL", key}, NULL);
            stage_value(&s, o, key);
        }
    }
    stage_answers(&s, 0);
}

/* ---- applying ---- */

/* Does a daemon on this data directory serve the gateway? */
static bool import_served(struct ctl *c, const char *gateway)
{
    cJSON *request = cJSON_CreateObject();
    const cJSON *g;
    bool served = false;
    cJSON_AddStringToObject(request, "op", "gateways");
    c->quiet = true;
    cJSON *answer = ctl_ask(c, request);
    c->quiet = false;
    cJSON_ArrayForEach (g, cJSON_GetObjectItemCaseSensitive(answer, "gateways"))
        served = served || (strcmp(ctl_string(g, "name"), gateway) == 0 && ctl_true(g, "owner"));
    cJSON_Delete(answer);
    return served;
}

/* Another process that serves it writes a sign of life every 5 s. */
static bool import_elsewhere(struct stage *s)
{
    struct buf key = {0};
    stage_gateway_key(s, "alive", &key);
    redisReply *r = transfer_ask(s->t, 2, (const char *[]){"GET", key.data}, NULL);
    int64_t at = r && r->str ? strtoll(r->str, NULL, 10) : 0, ago = transfer_now() - at;
    freeReplyObject(r);
    buf_free(&key);
    return ago >= 0 && ago < IMPORT_ALIVE_MS;
}

static int import_by_daemon(struct ctl *c, struct stage *s, bool replace)
{
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "op", "import");
    cJSON_AddStringToObject(request, "gateway", s->t->gateway);
    cJSON_AddStringToObject(request, "chat", s->t->chat ? s->t->chat : "");
    cJSON_AddStringToObject(request, "stage", buf_cstr(&s->prefix));
    cJSON_AddBoolToObject(request, "replace", replace);
    c->patience_s = 600;
    cJSON *answer = ctl_ask(c, request);
    bool ok = ctl_true(answer, "ok");
    if (answer && !ok)
        fprintf(stderr, "sopd ctl: %s\n", ctl_string(answer, "error"));
    cJSON_Delete(answer);
    return ok ? CLI_OK : CLI_FAILED;
}

static int import_by_hand(struct stage *s, bool replace)
{
    const char *argv[] = {"EVAL", embed_import_apply_lua, "1", buf_cstr(&s->prefix),
                          replace ? "replace" : ""};
    redisReply *r = transfer_ask(s->t, 5, argv, NULL);
    bool ok = r && r->type == REDIS_REPLY_ARRAY && r->element[0]->integer == 0;
    if (r && !ok)
        fprintf(stderr, "sopd ctl: %s is there already; --replace takes its place\n",
                r->element[1]->str);
    freeReplyObject(r);
    return ok ? CLI_OK : s->t->code ? s->t->code : CLI_FAILED;
}

/* What is in the way, before anything is staged. */
static bool import_in_the_way(struct transfer *t, const cJSON *file)
{
    const cJSON *o;
    int found = 0;
    cJSON_ArrayForEach (o, cJSON_GetObjectItemCaseSensitive(file, "keys")) {
        redisReply *r = transfer_ask(t, 2, (const char *[]){"EXISTS", ctl_string(o, "key")}, NULL);
        if (r && r->integer && ++found <= 5)
            fprintf(stderr, "sopd ctl: %s is there already\n", ctl_string(o, "key"));
        freeReplyObject(r);
    }
    if (found)
        fprintf(stderr, "sopd ctl: %d keys are in the way; --replace takes their place\n", found);
    return found > 0;
}

static int import_apply(struct ctl *c, struct transfer *t, const cJSON *file, struct transfer *old)
{
    struct stage s = {.t = t};
    unsigned char id[8];
    RAND_bytes(id, sizeof id);
    stage_gateway_key(&s, "stage:", &s.prefix);
    for (size_t i = 0; i < sizeof id; i++)
        buf_addf(&s.prefix, "%02x", id[i]);
    bool served = import_served(c, t->gateway);
    int code = CLI_FAILED;
    if (!served && import_elsewhere(&s)) {
        fprintf(stderr, "sopd ctl: another sopd serves %s: import where it runs, or stop it\n",
                t->gateway);
    } else {
        stage_all(&s, file, old);
        code = s.failed ? t->code : served ? import_by_daemon(c, &s, old) : import_by_hand(&s, old);
        if (code == CLI_OK)
            import_settings(t, file, old);
    }
    buf_free(&s.prefix);
    buf_free(&s.key);
    return code;
}

static int import_file(struct ctl *c, const cJSON *file, bool dry, bool replace)
{
    struct transfer t = {.gateway = ctl_string(file, "gateway")}, old = {.gateway = t.gateway};
    const cJSON *chat = cJSON_GetObjectItemCaseSensitive(file, "chat");
    old.chat = t.chat = cJSON_GetStringValue(chat);
    old.member = t.member = chat ? NULL : ctl_string(file, "member");
    t.redis = ctl_redis(c);
    old.redis = replace && t.redis ? ctl_redis(c) : NULL;
    int code = t.redis && (old.redis || !replace) ? CLI_OK : CLI_NO_REDIS;
    if (code == CLI_OK && replace && !transfer_gather(&old))
        code = old.code;
    if (code == CLI_OK && !replace && import_in_the_way(&t, file))
        code = t.code ? t.code : CLI_FAILED;
    if (code == CLI_OK && !dry)
        code = import_apply(c, &t, file, replace ? &old : NULL);
    if (code == CLI_OK && !dry)
        transfer_note(&t, "import", replace ? "replaced" : "");
    if (code == CLI_OK && c->json)
        printf("{\"ok\": true, \"dry\": %s, \"keys\": %d, \"runs\": %.0f}\n",
               dry ? "true" : "false",
               cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(file, "keys")),
               ctl_number(file, "runs"));
    else if (code == CLI_OK)
        printf("%s:%s %s: %d keys, %.0f runs%s\n", t.gateway, t.chat ? t.chat : t.member,
               dry ? "could be imported" : "is imported",
               cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(file, "keys")),
               ctl_number(file, "runs"), replace ? ", what was there is replaced" : "");
    transfer_free(&t);
    transfer_free(&old);
    return code;
}

int ctl_import(struct ctl *c, int argc, char **argv)
{
    static const struct option options[] = {{"dry-run", no_argument, NULL, 'n'},
                                            {"replace", no_argument, NULL, 'r'},
                                            {"json", no_argument, NULL, 'j'},
                                            {0}};
    bool dry = false, replace = false;
    optind = 0;
    for (int o; (o = getopt_long(argc, argv, ":nrj", options, NULL)) != -1;) {
        switch (o) {
        case 'n': dry = true; break;
        case 'r': replace = true; break;
        case 'j': c->json = true; break;
        default: return cli_bad_option("ctl", o, argv);
        }
    }
    if (argc - optind != 1)
        return cli_usage("ctl", "it is: import FILE [--dry-run] [--replace]");
    cJSON *file = import_read(argv[optind]);
    int code = file ? import_file(c, file, dry, replace) : CLI_PROBLEMS;
    cJSON_Delete(file);
    return code;
}
