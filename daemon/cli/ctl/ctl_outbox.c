/* ctl_outbox.c -- `sopd ctl outbox`: messages that are committed and not acknowledged (the daemon knows), and those of the last day
 * whose outcome stayed unknown (a list in Redis), which an admin who has looked into the chat may send again or give up.
 * Callers: cli/ctl/ctl.c. */
#include <cjson/cJSON.h>
#include <getopt.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/ctl/ctl.h"
#include "store/keys.h"

enum { UNKNOWN_DAY_S = 86400 };

static const char outbox_usage[] =
    "it is: outbox [GATEWAY] [--unknown], or outbox resend|drop ID [--gateway GATEWAY]";

struct outbox_ctl {
    const struct ctl *ctl;
    redisContext *redis;
    const char *gateway; /* NULL: all */
    const char *order, *id;
    bool unknown;
};

/* ---- the list of unknown outcomes ---- */

static void outbox_say_text(const cJSON *message, struct buf *out)
{
    const cJSON *part;
    cJSON_ArrayForEach (part, cJSON_GetObjectItemCaseSensitive(message, "message")) {
        const char *kind = cJSON_GetStringValue(cJSON_GetArrayItem(part, 0));
        const char *value = cJSON_GetStringValue(cJSON_GetArrayItem(part, 1));
        if (kind && value)
            buf_addf(out, "%s%s",
                     strcmp(kind, "text") == 0 ? ""
                     : strcmp(kind, "at") == 0 ? "@"
                                               : "[",
                     value);
    }
}

/* Those of one gateway, newest first: "gateway" is added to each. "entry" keeps its text as it is in Redis. */
static int outbox_read(struct outbox_ctl *o, const char *gateway, cJSON *list)
{
    struct buf key = {0};
    key_of_gateway(&key, gateway, "unknown");
    redisReply *r = redisCommand(o->redis, "LRANGE %s 0 -1", buf_cstr(&key));
    buf_free(&key);
    int code = r && r->type == REDIS_REPLY_ARRAY ? CLI_OK : CLI_NO_REDIS;
    if (code != CLI_OK)
        fprintf(stderr, "sopd ctl: Redis: %s\n", r ? r->str : o->redis->errstr);
    for (size_t i = 0; code == CLI_OK && i < r->elements; i++) {
        cJSON *m = cJSON_Parse(r->element[i]->str);
        if (!m || ctl_number(m, "ended") / 1000 < (double)(time(NULL) - UNKNOWN_DAY_S)) {
            cJSON_Delete(m);
            continue;
        }
        cJSON_AddStringToObject(m, "gateway", gateway);
        cJSON_AddStringToObject(m, "entry", r->element[i]->str);
        cJSON_AddItemToArray(list, m);
    }
    freeReplyObject(r);
    return code;
}

static int outbox_read_all(struct outbox_ctl *o, cJSON *list)
{
    int code = CLI_OK;
    if (o->gateway)
        return outbox_read(o, o->gateway, list);
    if (!o->ctl->ngateways)
        return cli_usage("ctl", "with --data-dir the gateway must be named");
    for (int i = 0; code == CLI_OK && i < o->ctl->ngateways; i++)
        code = outbox_read(o, o->ctl->gateways[i], list);
    return code;
}

static void outbox_print_unknown(const cJSON *list)
{
    static const char *const titles[] = {"ID", "GATEWAY", "CHAT", "FLOW", "WRITTEN", "WHY", "TEXT"};
    struct table *t = table_new(titles, 7);
    const cJSON *m;
    cJSON_ArrayForEach (m, list) {
        struct buf text = {0};
        outbox_say_text(m, &text);
        table_cell(t, ctl_string(m, "id"));
        table_cell(t, ctl_string(m, "gateway"));
        table_cell(t, ctl_string(m, "chat"));
        table_cell(t, ctl_string(m, "flow"));
        table_time(t, ctl_number(m, "written") / 1000);
        table_cell(t, ctl_string(m, "reason"));
        table_cell(t, buf_cstr(&text));
        buf_free(&text);
    }
    table_print(t, "no outcome of the last day is unknown");
}

static int outbox_show_unknown(struct outbox_ctl *o)
{
    cJSON *list = cJSON_CreateArray();
    int code = outbox_read_all(o, list);
    cJSON *m;
    cJSON_ArrayForEach (m, list)
        cJSON_DeleteItemFromObjectCaseSensitive(m, "entry");
    if (code == CLI_OK && o->ctl->json)
        ctl_print_json(list);
    else if (code == CLI_OK)
        outbox_print_unknown(list);
    cJSON_Delete(list);
    return code;
}

/* ---- orders ---- */

static int outbox_tell(struct outbox_ctl *o, const char *gateway, const char *entry)
{
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "op", "outbox-order");
    cJSON_AddStringToObject(request, "gateway", gateway);
    cJSON_AddStringToObject(request, "id", o->id);
    cJSON_AddStringToObject(request, "order", o->order);
    if (entry)
        cJSON_AddStringToObject(request, "message", entry);
    cJSON *answer = ctl_ask(o->ctl, request);
    int code = answer && ctl_true(answer, "ok") ? CLI_OK : CLI_FAILED;
    if (answer && code != CLI_OK)
        fprintf(stderr, "sopd ctl: %s\n", ctl_string(answer, "error"));
    cJSON_Delete(answer);
    if (code == CLI_OK && entry) {
        struct buf key = {0};
        key_of_gateway(&key, gateway, "unknown");
        freeReplyObject(redisCommand(o->redis, "LREM %s 1 %s", buf_cstr(&key), entry));
        buf_free(&key);
    }
    return code;
}

static int outbox_order_one(struct outbox_ctl *o)
{
    cJSON *list = cJSON_CreateArray(), *m, *found = NULL;
    int n = 0, code = outbox_read_all(o, list);
    cJSON_ArrayForEach (m, list) {
        if (o->id && strcmp(ctl_string(m, "id"), o->id) == 0) {
            found = m;
            n++;
        }
    }
    const char *only = o->gateway               ? o->gateway
                       : o->ctl->ngateways == 1 ? o->ctl->gateways[0]
                                                : NULL;
    if (code == CLI_OK && n > 1)
        code = cli_usage("ctl", "several gateways have a message %s: add --gateway", o->id);
    else if (code == CLI_OK && !found && !only)
        code = cli_usage(
            "ctl", "message %s is in no list: add --gateway if it is still in the outbox", o->id);
    else if (code == CLI_OK)
        code = outbox_tell(o, found ? ctl_string(found, "gateway") : only,
                           found ? ctl_string(found, "entry") : NULL);
    if (code == CLI_OK)
        printf("message %s is %s\n", o->id, *o->order == 'r' ? "sent again" : "given up");
    cJSON_Delete(list);
    return code;
}

/* ---- the command ---- */

static int outbox_show(struct outbox_ctl *o)
{
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "op", "outbox");
    if (o->gateway)
        cJSON_AddStringToObject(request, "gateway", o->gateway);
    cJSON *answer = ctl_ask(o->ctl, request);
    if (!answer)
        return CLI_FAILED;
    int code = ctl_true(answer, "ok") ? CLI_OK : CLI_FAILED;
    if (code != CLI_OK)
        fprintf(stderr, "sopd ctl: %s\n", ctl_string(answer, "error"));
    if (o->ctl->json)
        ctl_print_json(answer);
    else if (code == CLI_OK)
        ctl_print_outbox(answer);
    cJSON_Delete(answer);
    return code;
}

static int outbox_options(struct outbox_ctl *o, int argc, char **argv)
{
    static const struct option options[] = {
        {"unknown", no_argument, NULL, 'u'}, {"gateway", required_argument, NULL, 'g'}, {0}};
    optind = 0;
    for (int c; (c = getopt_long(argc, argv, ":ug:", options, NULL)) != -1;) {
        if (c == 'u')
            o->unknown = true;
        else if (c == 'g')
            o->gateway = optarg;
        else
            return cli_bad_option("ctl", c, argv);
    }
    int n = argc - optind;
    const char *first = n > 0 ? argv[optind] : "";
    if (strcmp(first, "resend") == 0 || strcmp(first, "drop") == 0) {
        o->order = first;
        o->id = n == 2 ? argv[optind + 1] : NULL;
        return o->id && !o->unknown ? CLI_OK : cli_usage("ctl", outbox_usage);
    }
    if (n > 1)
        return cli_usage("ctl", outbox_usage);
    if (n == 1)
        o->gateway = first;
    return CLI_OK;
}

int ctl_outbox(struct ctl *c, int argc, char **argv)
{
    struct outbox_ctl o = {.ctl = c};
    int code = outbox_options(&o, argc, argv);
    if (code != CLI_OK)
        return code;
    if (!o.unknown && !o.order)
        return outbox_show(&o);
    o.redis = ctl_redis(c);
    if (!o.redis)
        return CLI_NO_REDIS;
    code = o.order ? outbox_order_one(&o) : outbox_show_unknown(&o);
    redisFree(o.redis);
    return code;
}
