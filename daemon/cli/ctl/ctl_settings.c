/* ctl_settings.c -- see ctl_settings.h. Reads and writes with a blocking connection of its own, so that it works whether or not the
 * daemon runs. Callers: ctl_toggles.c, ctl_param.c, ctl_pause.c. */
#include "cli/ctl/ctl_settings.h"

#include <cjson/cJSON.h>
#include <getopt.h>
#include <hiredis/hiredis.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "store/settings_value.h"

/* ---- who, where, when ---- */

void ctl_who(struct buf *out)
{
    char host[64] = "localhost";
    const char *user = getenv("SUDO_USER");
    const struct passwd *pw = user && *user ? NULL : getpwuid(getuid());
    gethostname(host, sizeof host - 1);
    if (pw)
        user = pw->pw_name;
    if (user && *user)
        buf_addf(out, "%s@%s", user, host);
    else
        buf_addf(out, "uid%u@%s", (unsigned)getuid(), host);
}

const struct zone *ctl_zone(const struct ctl *c)
{
    const struct zone *z = c->timezone ? zone_get(c->timezone) : NULL;
    return z ? z : zone_get("Asia/Shanghai");
}

void ctl_setting_where(int kind, const char *key, struct buf *out)
{
    const char *rest = key + strlen(settings_root(kind));
    if (strncmp(rest, ":chat:", 6) == 0)
        buf_addf(out, "in %s", rest + 6);
    else if (strncmp(rest, ":tag:", 5) == 0)
        buf_addf(out, "for the tag %s", rest + 5);
    else if (strncmp(rest, ":gw:", 4) == 0)
        buf_addf(out, "on %s", rest + 4);
    else if (*rest)
        buf_addf(out, "at %s", rest + 1);
    else
        buf_adds(out, "everywhere");
}

/* ---- options ---- */

static int setting_scope(struct ctl_setting *s, int option, const char *value)
{
    if (s->scoped)
        return cli_usage("ctl", "give only one of --chat, --tag and --gateway");
    s->scoped = true;
    if (option == 'C') {
        const char *chat;
        char *gateway = ctl_split_chat(value, &chat);
        if (!gateway)
            return cli_usage("ctl", "--chat needs GATEWAY:CHAT, for example qq1:700000001");
        buf_adds(&s->key, ":chat:");
        buf_add_key(&s->key, gateway);
        buf_addc(&s->key, ':');
        buf_add_key(&s->key, chat);
        free(gateway);
    } else {
        buf_adds(&s->key, option == 't' ? ":tag:" : ":gw:");
        buf_add_key(&s->key, value);
    }
    buf_addf(&s->where,
             option == 'C'   ? "in %s"
             : option == 't' ? "for the tag %s"
                             : "on %s",
             value);
    return CLI_OK;
}

static int setting_option(struct ctl_setting *s, int option, bool pause, char **argv)
{
    switch (option) {
    case 'C':
    case 't':
    case 'g': return setting_scope(s, option, optarg);
    case 'w':
        buf_reset(&s->who);
        buf_adds(&s->who, optarg);
        return CLI_OK;
    case 'r': s->reason = optarg; return CLI_OK;
    case 'f': s->force = true; return CLI_OK;
    case 'j': s->ctl->json = true; return CLI_OK;
    case 'F':
        s->lasting = optarg;
        return pause ? CLI_OK : cli_usage("ctl", "--for belongs to pause");
    case 'u':
        s->until = optarg;
        return pause ? CLI_OK : cli_usage("ctl", "--until belongs to pause");
    default: return cli_bad_option("ctl", option, argv);
    }
}

int ctl_setting_read(struct ctl_setting *s, struct ctl *c, int kind, bool pause, int argc,
                     char **argv)
{
    static const struct option options[] = {
        {"chat", required_argument, NULL, 'C'},    {"tag", required_argument, NULL, 't'},
        {"gateway", required_argument, NULL, 'g'}, {"who", required_argument, NULL, 'w'},
        {"reason", required_argument, NULL, 'r'},  {"force", no_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},          {"for", required_argument, NULL, 'F'},
        {"until", required_argument, NULL, 'u'},   {0}};
    memset(s, 0, sizeof *s);
    s->ctl = c;
    s->kind = kind;
    buf_adds(&s->key, settings_root(kind));
    ctl_who(&s->who);
    optind = 0;
    for (int o; (o = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        int code = setting_option(s, o, pause, argv);
        if (code != CLI_OK)
            return code;
    }
    if (!s->scoped)
        buf_adds(&s->where, "everywhere");
    s->rest = argv + optind;
    s->n = argc - optind;
    return CLI_OK;
}

void ctl_setting_free(struct ctl_setting *s)
{
    buf_free(&s->key);
    buf_free(&s->where);
    buf_free(&s->who);
}

/* ---- checking ---- */

static int setting_judge(const struct ctl_setting *s, const char *field, const char *value,
                         const char *verdict, const char *why)
{
    if (strcmp(verdict, "good") == 0)
        return CLI_OK;
    const char *good = s->force ? "written all the same" : "nothing was written";
    fprintf(stderr, "sopd ctl: %s = %s: %s; %s\n", field, value, why, good);
    if (!s->force && strcmp(verdict, "odd") == 0)
        fputs("sopd ctl: --force writes it all the same\n", stderr);
    return s->force ? CLI_OK : CLI_FAILED;
}

int ctl_setting_check(const struct ctl_setting *s, const char *field, const char *value)
{
    struct buf why = {0}, remedy = {0};
    char *good =
        settings_value_read(s->kind, value, strlen(value), ctl_zone(s->ctl), &why, &remedy);
    int code = CLI_OK;
    free(good);
    if (!good) {
        code = setting_judge(s, field, value, "bad", buf_cstr(&why));
    } else {
        struct ctl quiet = *s->ctl;
        cJSON *request = cJSON_CreateObject();
        quiet.quiet = true;
        cJSON_AddStringToObject(request, "op", "setting");
        cJSON_AddNumberToObject(request, "kind", s->kind);
        cJSON_AddStringToObject(request, "field", field);
        cJSON_AddStringToObject(request, "value", value);
        cJSON *answer = ctl_ask(&quiet, request);
        if (ctl_true(answer, "ok"))
            code = setting_judge(s, field, value, ctl_string(answer, "verdict"),
                                 ctl_string(answer, "why"));
        else
            fprintf(stderr, "sopd ctl: warning: %s was not checked: no daemon answers here\n",
                    field);
        cJSON_Delete(answer);
    }
    buf_free(&why);
    buf_free(&remedy);
    return code;
}

/* ---- writing ---- */

static int64_t setting_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int ctl_setting_write(const struct ctl_setting *s, const char *field, const char *value,
                      char **before)
{
    struct buf cmd = {0}, key = {0};
    void *answer = NULL;
    *before = NULL;
    redisContext *redis = ctl_redis(s->ctl);
    if (!redis)
        return CLI_NO_REDIS;
    buf_add(&key, s->key.data, s->key.len);
    struct settings_edit edit = {buf_cstr(&key), field, value};
    settings_edit_command(&cmd, buf_cstr((struct buf *)&s->who), s->what,
                          s->reason ? s->reason : "", setting_now(), &edit, 1);
    redisAppendFormattedCommand(redis, buf_cstr(&cmd), cmd.len);
    redisGetReply(redis, &answer);
    redisReply *r = answer;
    int code = CLI_OK;
    if (!r || r->type != REDIS_REPLY_ARRAY) {
        fprintf(stderr, "sopd ctl: %s\n", r && r->str ? r->str : redis->errstr);
        code = r ? CLI_FAILED : CLI_NO_REDIS;
    } else if (r->elements == 1) {
        *before = mem_strdup(r->element[0]->str);
    }
    freeReplyObject(r);
    buf_free(&cmd);
    buf_free(&key);
    redisFree(redis);
    return code;
}

static void setting_add(cJSON *o, const char *name, const char *value)
{
    cJSON_AddItemToObject(o, name, value ? cJSON_CreateString(value) : cJSON_CreateNull());
}

void ctl_setting_done(const struct ctl_setting *s, const char *field, const char *value,
                      const char *before, const char *sentence)
{
    if (!s->ctl->json) {
        puts(sentence);
        return;
    }
    cJSON *o = cJSON_CreateObject();
    cJSON_AddTrueToObject(o, "ok");
    setting_add(o, "key", buf_cstr((struct buf *)&s->key));
    setting_add(o, "field", field);
    setting_add(o, "before", before);
    setting_add(o, "after", value);
    setting_add(o, "who", buf_cstr((struct buf *)&s->who));
    ctl_print_json(o);
    cJSON_Delete(o);
}

/* ---- listing ---- */

struct setting_list {
    struct ctl *ctl;
    redisContext *redis;
    int kind;
    const char *only;
    cJSON *items, *faults;
};

static const char *setting_fault(const struct setting_list *l, const char *key, const char *field)
{
    const cJSON *f;
    cJSON_ArrayForEach (f, l->faults)
        if (strcmp(ctl_string(f, "key"), key) == 0 && strcmp(ctl_string(f, "field"), field) == 0)
            return ctl_string(f, "why");
    return "";
}

/* "checkin.days" is of the flow checkin, as "checkin" is. */
static bool setting_is_of(const char *field, const char *flow)
{
    size_t n = flow ? strlen(flow) : 0;
    return !flow || (strncmp(field, flow, n) == 0 && (!field[n] || field[n] == '.'));
}

static bool setting_list_key(struct setting_list *l, const char *key)
{
    redisReply *r = redisCommand(l->redis, "HGETALL %s", key);
    bool ok = r != NULL;
    for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i + 1 < r->elements; i += 2) {
        const char *field = r->element[i]->str;
        if (!setting_is_of(field, l->only))
            continue;
        cJSON *item = cJSON_CreateObject();
        struct buf where = {0};
        ctl_setting_where(l->kind, key, &where);
        setting_add(item, "key", key);
        setting_add(item, "where", buf_cstr(&where));
        setting_add(item, l->kind == SETTINGS_PARAMS ? "param" : "flow", field);
        setting_add(item, "value", r->element[i + 1]->str);
        setting_add(item, "wrong", setting_fault(l, key, field));
        cJSON_AddItemToArray(l->items, item);
        buf_free(&where);
    }
    freeReplyObject(r);
    return ok;
}

static bool setting_scan(struct setting_list *l)
{
    char cursor[32] = "0";
    bool ok = true;
    do {
        redisReply *r =
            redisCommand(l->redis, "SCAN %s MATCH %s* COUNT 1000", cursor, settings_root(l->kind));
        ok = r && r->type == REDIS_REPLY_ARRAY && r->elements == 2;
        if (ok)
            snprintf(cursor, sizeof cursor, "%s", r->element[0]->str);
        for (size_t i = 0; ok && i < r->element[1]->elements; i++) {
            const redisReply *key = r->element[1]->element[i];
            if (settings_kind_of(key->str, (size_t)key->len) == l->kind)
                ok = setting_list_key(l, key->str);
        }
        freeReplyObject(r);
    } while (ok && strcmp(cursor, "0") != 0);
    return ok;
}

static void setting_print(const struct setting_list *l, const char *none)
{
    const char *const titles[] = {"WHERE", l->kind == SETTINGS_PARAMS ? "PARAMETER" : "FLOW",
                                  "VALUE", "WRONG"};
    const cJSON *item;
    bool wrong = false;
    cJSON_ArrayForEach (item, l->items)
        wrong = wrong || *ctl_string(item, "wrong");
    struct table *t = table_new(titles, wrong ? 4 : 3);
    cJSON_ArrayForEach (item, l->items) {
        table_cell(t, ctl_string(item, "where"));
        table_cell(t, ctl_string(item, l->kind == SETTINGS_PARAMS ? "param" : "flow"));
        table_cell(t, ctl_string(item, "value"));
        if (wrong)
            table_cell(t, ctl_string(item, "wrong"));
    }
    table_print(t, none);
}

int ctl_setting_list(struct ctl *c, int kind, const char *only, const char *none)
{
    struct ctl quiet = *c;
    quiet.quiet = true;
    struct setting_list l = {.ctl = c, .kind = kind, .only = only};
    l.redis = ctl_redis(c);
    if (!l.redis)
        return CLI_NO_REDIS;
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "op", "settings");
    cJSON *answer = ctl_ask(&quiet, request);
    l.faults = cJSON_GetObjectItemCaseSensitive(answer, "faults");
    l.items = cJSON_CreateArray();
    bool ok = setting_scan(&l);
    if (c->json) {
        ctl_print_json(l.items);
    } else {
        setting_print(&l, none);
    }
    cJSON_Delete(l.items);
    cJSON_Delete(answer);
    redisFree(l.redis);
    return ok ? CLI_OK : CLI_NO_REDIS;
}
