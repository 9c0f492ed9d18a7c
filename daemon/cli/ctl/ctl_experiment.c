/* ctl_experiment.c -- `sopd ctl experiment`: the experiments that flows run (c:experiment), who got which variant, and whether there is
 * a difference; keeping one variant for all, and dropping what is kept of it. From Redis, whether or not the daemon runs.
 * Nothing is computed here: lua/prelude/compare.lua, which flows have as sop.compare, runs with the rows as one chunk in the sandbox of
 * lua/luaconf.h. Units of all gateways are put together. Callers: cli/ctl/ctl.c. */
#include <cjson/cJSON.h>
#include <getopt.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl.h"
#include "lua/luaconf.h"
#include "store/keys.h"

extern const char embed_compare_lua[];
extern const unsigned long embed_compare_lua_len;

enum { TRIAL_KEEP_S = 400 * 86400 };

static const char trial_usage[] =
    "it is: experiment [NAME] [--json | --csv] [--gateway G], experiment NAME --keep "
    "VARIANT|none, experiment NAME --drop";

/* Units that are alike: the same variant, outcomes and what these are divided by. */
struct trial_row {
    char *id; /* "A 3 12" */
    long n;
    UT_hash_handle hh;
};

struct trial {
    char *name, *kept;
    cJSON *def;
    struct trial_row *rows;
    int64_t first, last; /* exposures, seconds; 0 none */
    UT_hash_handle hh;
};

struct trials {
    const struct ctl *c;
    redisContext *redis;
    const char *name, *gateway, *keep; /* keep: a variant, or "none" */
    bool csv, drop;
    struct trial *list;
    char **gateways;
    int ngateways;
};

/* ---- reading ---- */

/* NULL after an error was printed. */
static redisReply *trial_redis(struct trials *t, redisReply *r)
{
    if (r && r->type != REDIS_REPLY_ERROR)
        return r;
    fprintf(stderr, "sopd ctl: Redis: %s\n", r ? r->str : t->redis->errstr);
    freeReplyObject(r);
    return NULL;
}

static void trial_key(struct buf *key, const char *gateway, const char *name)
{
    key_of_gateway(key, gateway, name ? "experiment:" : "experiments");
    if (name)
        buf_add_key(key, name);
}

static const cJSON *trial_list(const cJSON *o, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(o, key);
}

static struct trial *trial_of(struct trials *t, const char *name, const char *def)
{
    struct trial *one;
    HASH_FIND_STR(t->list, name, one);
    if (one)
        return one;
    cJSON *o = cJSON_Parse(def);
    if (strcmp(ctl_string(o, "name"), name) != 0 ||
        cJSON_GetArraySize(trial_list(o, "variants")) < 2) {
        fprintf(stderr, "sopd ctl: experiment %s: what is kept of it cannot be read\n", name);
        cJSON_Delete(o);
        return NULL;
    }
    one = MEM_NEW(struct trial);
    one->name = mem_strdup(name);
    one->def = o;
    HASH_ADD_KEYPTR(hh, t->list, one->name, strlen(one->name), one);
    return one;
}

/* "A 1790000000 3 12" */
static void trial_add_unit(struct trial *one, const char *value)
{
    char variant[64], id[160];
    int64_t at;
    long outcomes, per;
    if (sscanf(value, "%63s %" SCNd64 " %ld %ld", variant, &at, &outcomes, &per) != 4)
        return;
    snprintf(id, sizeof id, "%s %ld %ld", variant, outcomes, per);
    struct trial_row *row;
    HASH_FIND_STR(one->rows, id, row);
    if (!row) {
        row = MEM_NEW(struct trial_row);
        row->id = mem_strdup(id);
        HASH_ADD_KEYPTR(hh, one->rows, row->id, strlen(row->id), row);
    }
    row->n++;
    one->first = !one->first || at < one->first ? at : one->first;
    one->last = at > one->last ? at : one->last;
}

static bool trial_read_units(struct trials *t, struct trial *one, const char *gateway)
{
    char cursor[24] = "0";
    struct buf key = {0};
    bool ok = true;
    trial_key(&key, gateway, one->name);
    do {
        redisReply *r = trial_redis(
            t, redisCommand(t->redis, "HSCAN %s %s COUNT 1000", buf_cstr(&key), cursor));
        ok = r && r->type == REDIS_REPLY_ARRAY && r->elements == 2;
        for (size_t i = 0; ok && i + 1 < r->element[1]->elements; i += 2) {
            const char *field = r->element[1]->element[i]->str;
            const char *value = r->element[1]->element[i + 1]->str;
            if (strcmp(field, "keep") != 0) {
                trial_add_unit(one, value);
            } else if (!one->kept) {
                one->kept = mem_strdup(value);
            }
        }
        snprintf(cursor, sizeof cursor, "%s", ok ? r->element[0]->str : "0");
        freeReplyObject(r);
    } while (ok && strcmp(cursor, "0") != 0);
    buf_free(&key);
    return ok;
}

/* The experiments of one gateway: all, or the one that is asked for. */
static bool trial_read(struct trials *t, const char *gateway)
{
    struct buf key = {0};
    trial_key(&key, gateway, NULL);
    redisReply *r = trial_redis(t, redisCommand(t->redis, "HGETALL %s", buf_cstr(&key)));
    bool ok = r && r->type == REDIS_REPLY_ARRAY;
    for (size_t i = 0; ok && i + 1 < r->elements; i += 2) {
        const char *name = r->element[i]->str;
        if (t->name && strcmp(t->name, name) != 0)
            continue;
        struct trial *one = trial_of(t, name, r->element[i + 1]->str);
        ok = !one || trial_read_units(t, one, gateway);
    }
    freeReplyObject(r);
    buf_free(&key);
    return ok;
}

static void trial_add_gateway(struct trials *t, const char *name)
{
    t->gateways = mem_realloc(t->gateways, ((size_t)t->ngateways + 1) * sizeof *t->gateways);
    t->gateways[t->ngateways++] = mem_strdup(name);
}

/* With --data-dir no configuration says which gateways there are: those that have an experiment. */
static bool trial_find_gateways(struct trials *t)
{
    char cursor[24] = "0";
    bool ok = true;
    do {
        redisReply *r = trial_redis(
            t, redisCommand(t->redis, "SCAN %s MATCH sopd:{*}:experiments COUNT 1000", cursor));
        ok = r && r->elements == 2;
        for (size_t i = 0; ok && i < r->element[1]->elements; i++) {
            struct key k;
            const char *text = r->element[1]->element[i]->str;
            if (key_parse(text, strlen(text), &k) && k.part[KEY_GATEWAY])
                trial_add_gateway(t, k.part[KEY_GATEWAY]);
            key_free(&k);
        }
        snprintf(cursor, sizeof cursor, "%s", ok ? r->element[0]->str : "0");
        freeReplyObject(r);
    } while (ok && strcmp(cursor, "0") != 0);
    return ok;
}

static bool trial_gateways(struct trials *t)
{
    if (t->gateway) {
        trial_add_gateway(t, t->gateway);
        return true;
    }
    for (int i = 0; i < t->c->ngateways; i++)
        trial_add_gateway(t, t->c->gateways[i]);
    return t->ngateways || trial_find_gateways(t);
}

/* ---- computing ---- */

static void trial_add_rows(struct buf *out, const struct trial *one)
{
    buf_addc(out, '{');
    for (const struct trial_row *row = one->rows; row; row = row->hh.next) {
        char variant[64];
        long outcomes, per;
        sscanf(row->id, "%63s %ld %ld", variant, &outcomes, &per);
        cJSON *name = cJSON_CreateString(variant);
        buf_addc(out, '{');
        verify_add_value(out, name, 0);
        buf_addf(out, ",%ld,%ld,%ld},\n", outcomes, per, row->n);
        cJSON_Delete(name);
    }
    buf_addc(out, '}');
}

/* Every experiment as compare.lua sees it, a JSON array; NULL after an error was printed. */
static cJSON *trial_compute(const struct trials *t)
{
    struct buf chunk = {0}, err = {0};
    char today[16];
    time_t now = time(NULL);
    struct tm tm;
    strftime(today, sizeof today, "%Y-%m-%d", localtime_r(&now, &tm));
    buf_adds(&chunk, "local S = { sop = {} }\n;(function(...)\n");
    buf_add(&chunk, embed_compare_lua, embed_compare_lua_len);
    buf_adds(&chunk, "\nend)({ fail = error }, S)\nlocal out = {}\n");
    for (const struct trial *one = t->list; one; one = one->hh.next) {
        buf_adds(&chunk, "out[#out + 1] = S.experiment.result(");
        verify_add_value(&chunk, one->def, 0);
        buf_addc(&chunk, ',');
        trial_add_rows(&chunk, one);
        cJSON *kept = one->kept ? cJSON_CreateString(one->kept) : NULL;
        buf_addf(&chunk, ",\"%s\",", today);
        verify_add_value(&chunk, kept, 0);
        buf_adds(&chunk, ")\n");
        cJSON_Delete(kept);
    }
    buf_adds(&chunk, "return { list = out }\n");
    struct conf_value *v = conf_eval(buf_cstr(&chunk), chunk.len, "experiments", &err);
    cJSON *answer = v ? conf_to_json(v) : NULL;
    cJSON *list = answer ? cJSON_DetachItemFromObjectCaseSensitive(answer, "list") : NULL;
    if (!v)
        fprintf(stderr, "sopd ctl: this cannot be computed: %s", buf_cstr(&err));
    cJSON_Delete(answer);
    conf_free(v);
    buf_free(&chunk);
    buf_free(&err);
    return v && !list ? cJSON_CreateArray() : list;
}

/* ---- printing ---- */

/* A number with few digits, or "-": of shares and of what is divided, in percent. */
static void trial_cell(struct table *t, const cJSON *o, const char *key, bool percent)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    char text[40];
    if (cJSON_IsNumber(v))
        snprintf(text, sizeof text, percent ? "%.1f %%" : "%.3g",
                 percent ? v->valuedouble * 100 : v->valuedouble);
    table_cell(t, cJSON_IsNumber(v) ? text : NULL);
}

static void trial_print_one(const struct trials *t, const cJSON *o)
{
    static const char *const titles[] = {"VARIANT", "UNITS", "OUTCOMES", "PER",
                                         "COUNTED", "MEAN",  "SD"};
    struct trial *one;
    const cJSON *arm, *pair;
    const char *name = ctl_string(o, "name"), *per = ctl_string(o, "per");
    const char *outcome = ctl_string(o, "outcome"), *warning = ctl_string(o, "warning");
    bool percent = *per || strcmp(ctl_string(o, "by"), "member") == 0;
    HASH_FIND_STR(t->list, name, one);
    printf("%s: by %s, of the flow %s, outcome %s%s%s%s\n", name, ctl_string(o, "by"),
           ctl_string(o, "flow"), *outcome ? outcome : "-", *per ? " per " : "", per,
           strcmp(ctl_string(o, "better"), "less") == 0 ? ", less is better" : "");
    struct table *table = table_new(titles, 7);
    cJSON_ArrayForEach (arm, trial_list(o, "arms")) {
        table_cell(table, ctl_string(arm, "name"));
        table_number(table, ctl_number(arm, "units"));
        table_number(table, ctl_number(arm, "outcomes"));
        trial_cell(table, arm, "per", false);
        trial_cell(table, arm, "n", false);
        trial_cell(table, arm, "mean", percent);
        trial_cell(table, arm, "sd", percent);
    }
    table_print(table, "nobody was exposed yet");
    cJSON_ArrayForEach (pair, trial_list(o, "pairs"))
        printf("%s\n", ctl_string(pair, "sentence"));
    if (!*outcome)
        printf("%s\n", ctl_string(o, "sentence"));
    if (*warning)
        printf("note: %s\n", warning);
    if (one && one->kept)
        printf("kept: all get %s; nothing is counted any more\n", one->kept);
}

/* A line for each variant; what compares it with the first is empty for the first. */
static void trial_csv_arm(const cJSON *o, const cJSON *arm, const cJSON *pair)
{
    static const char *const counted[] = {"units", "outcomes", "per", "n", "mean", "sd", "hits"},
                             *const compared[] = {"difference", "low", "high", "level"};
    struct buf row = {0};
    buf_adds(&row, ctl_string(o, "name"));
    ctl_csv_text(&row, ctl_string(o, "by"));
    ctl_csv_text(&row, ctl_string(o, "outcome"));
    ctl_csv_text(&row, ctl_string(arm, "name"));
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
        ctl_csv_number(&row, arm, counted[i]);
    for (size_t i = 0; i < sizeof compared / sizeof *compared; i++)
        ctl_csv_number(&row, pair, compared[i]);
    ctl_csv_text(&row, ctl_string(pair, "verdict"));
    ctl_csv_text(&row, ctl_string(o, "kept"));
    printf("%s\n", buf_cstr(&row));
    buf_free(&row);
}

static void trial_print_csv(const cJSON *list)
{
    const cJSON *o, *arm;
    puts(
        "experiment,by,outcome,variant,units,outcomes,per,counted,mean,sd,hits,difference,low,high,"
        "level,verdict,kept");
    cJSON_ArrayForEach (o, list) {
        int n = 0;
        cJSON_ArrayForEach (arm, trial_list(o, "arms"))
            trial_csv_arm(o, arm, n++ ? cJSON_GetArrayItem(trial_list(o, "pairs"), n - 2) : NULL);
    }
}

static void trial_print(const struct trials *t, const cJSON *list)
{
    const cJSON *o;
    bool first = true;
    if (t->c->json) {
        ctl_print_json(list);
        return;
    }
    if (t->csv) {
        trial_print_csv(list);
        return;
    }
    cJSON_ArrayForEach (o, list) {
        if (!first)
            putchar('\n');
        first = false;
        trial_print_one(t, o);
    }
    if (first)
        puts("no flow has asked c:experiment for a variant yet");
}

/* ---- ending one ---- */

static bool trial_has(const struct trial *one, const char *variant)
{
    const cJSON *v;
    cJSON_ArrayForEach (v, cJSON_GetObjectItemCaseSensitive(one->def, "variants"))
        if (cJSON_IsString(v) && strcmp(v->valuestring, variant) == 0)
            return true;
    return false;
}

/* The record of it, in the same transaction. */
static void trial_audit(struct trials *t, const char *key, const char *after)
{
    struct buf who = {0};
    char now[24];
    snprintf(now, sizeof now, "%lld", (long long)time(NULL) * 1000);
    ctl_who(&who);
    const char *argv[] = {"XADD",    "sopd:audit",
                          "MAXLEN",  "~",
                          "1000000", "*",
                          "time",    now,
                          "who",     buf_cstr(&who),
                          "what",    "experiment",
                          "key",     key,
                          "field",   t->drop ? "" : "keep",
                          "before",  "",
                          "after",   after,
                          "reason",  ""};
    redisAppendCommandArgv(t->redis, sizeof argv / sizeof *argv, argv, NULL);
    buf_free(&who);
}

static bool trial_change(struct trials *t, const char *gateway)
{
    struct buf key = {0}, all = {0};
    bool none = t->keep && strcmp(t->keep, "none") == 0, ok = true;
    int sent = 4;
    trial_key(&key, gateway, t->name);
    trial_key(&all, gateway, NULL);
    redisAppendCommand(t->redis, "MULTI");
    if (t->drop) {
        redisAppendCommand(t->redis, "DEL %s", buf_cstr(&key));
        redisAppendCommand(t->redis, "HDEL %s %s", buf_cstr(&all), t->name);
        sent++;
    } else if (none) {
        redisAppendCommand(t->redis, "HDEL %s keep", buf_cstr(&key));
        redisAppendCommand(t->redis, "EXPIRE %s %d", buf_cstr(&key), TRIAL_KEEP_S);
        sent++;
    } else { /* nobody is exposed any more, which would put off its end */
        redisAppendCommand(t->redis, "HSET %s keep %s", buf_cstr(&key), t->keep);
        redisAppendCommand(t->redis, "PERSIST %s", buf_cstr(&key));
        sent++;
    }
    trial_audit(t, buf_cstr(&key), t->drop ? "dropped" : none ? "" : t->keep);
    redisAppendCommand(t->redis, "EXEC");
    for (int i = 0; i < sent; i++) {
        void *reply = NULL;
        redisGetReply(t->redis, &reply);
        redisReply *r = trial_redis(t, reply);
        ok = ok && r;
        freeReplyObject(r);
    }
    buf_free(&key);
    buf_free(&all);
    return ok;
}

/* On every gateway that has it. */
static int trial_end(struct trials *t)
{
    struct trial *one;
    bool ok = true;
    HASH_FIND_STR(t->list, t->name, one);
    if (t->keep && strcmp(t->keep, "none") != 0 && !trial_has(one, t->keep)) {
        fprintf(stderr, "sopd ctl: %s has no variant \"%s\"\n", t->name, t->keep);
        return CLI_FAILED;
    }
    for (int i = 0; ok && i < t->ngateways; i++) {
        struct buf all = {0};
        trial_key(&all, t->gateways[i], NULL);
        redisReply *r =
            trial_redis(t, redisCommand(t->redis, "HEXISTS %s %s", buf_cstr(&all), t->name));
        ok = r && (!r->integer || trial_change(t, t->gateways[i]));
        freeReplyObject(r);
        buf_free(&all);
    }
    if (ok && t->drop)
        printf("%s: nothing is kept of it any more\n", t->name);
    else if (ok && strcmp(t->keep, "none") == 0)
        printf("%s: each unit gets its own variant again\n", t->name);
    else if (ok)
        printf("%s: all units get %s from now on\n", t->name, t->keep);
    return ok ? CLI_OK : CLI_NO_REDIS;
}

/* ---- the command ---- */

static void trial_free(struct trials *t)
{
    struct trial *one, *tmp;
    struct trial_row *row, *rtmp;
    HASH_ITER (hh, t->list, one, tmp) {
        HASH_ITER (hh, one->rows, row, rtmp) {
            HASH_DEL(one->rows, row);
            free(row->id);
            free(row);
        }
        HASH_DEL(t->list, one);
        cJSON_Delete(one->def);
        free(one->name);
        free(one->kept);
        free(one);
    }
    for (int i = 0; i < t->ngateways; i++)
        free(t->gateways[i]);
    free(t->gateways);
    if (t->redis)
        redisFree(t->redis);
}

static int trial_by_name(const struct trial *a, const struct trial *b)
{
    return strcmp(a->name, b->name);
}

static int trial_run(struct trials *t)
{
    t->redis = ctl_redis(t->c);
    bool ok = t->redis && trial_gateways(t);
    for (int i = 0; ok && i < t->ngateways; i++)
        ok = trial_read(t, t->gateways[i]);
    if (!ok)
        return CLI_NO_REDIS;
    if (t->name && !t->list) {
        fprintf(stderr, "sopd ctl: there is no experiment \"%s\"\n", t->name);
        return CLI_FAILED;
    }
    if (t->keep || t->drop)
        return trial_end(t);
    HASH_SORT(t->list, trial_by_name);
    cJSON *list = trial_compute(t);
    if (list)
        trial_print(t, list);
    cJSON_Delete(list);
    return list ? CLI_OK : CLI_FAILED;
}

int ctl_experiment(struct ctl *c, int argc, char **argv)
{
    static const struct option options[] = {
        {"keep", required_argument, NULL, 'k'}, {"gateway", required_argument, NULL, 'g'},
        {"csv", no_argument, NULL, 'c'},        {"drop", no_argument, NULL, 'd'},
        {"json", no_argument, NULL, 'j'},       {0}};
    struct trials t = {.c = c};
    optind = 0;
    for (int o; (o = getopt_long(argc, argv, ":k:g:cdj", options, NULL)) != -1;) {
        switch (o) {
        case 'k': t.keep = optarg; break;
        case 'g': t.gateway = optarg; break;
        case 'c': t.csv = true; break;
        case 'd': t.drop = true; break;
        case 'j': c->json = true; break;
        default: return cli_bad_option("ctl", o, argv);
        }
    }
    t.name = optind < argc ? argv[optind] : NULL;
    if (optind + 1 < argc || ((t.keep || t.drop) && !t.name) || (t.keep && t.drop))
        return cli_usage("ctl", "%s", trial_usage);
    if (t.csv && c->json)
        return cli_usage("ctl", "give --json or --csv, not both");
    int code = trial_run(&t);
    trial_free(&t);
    return code;
}
