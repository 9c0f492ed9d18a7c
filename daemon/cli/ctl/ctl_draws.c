/* ctl_draws.c -- `sopd ctl draws`: the packets of a group and their grabs, as sop/flows/redpacket.lua keeps them in Redis:
 * list "packets" (ended ones), list "grabs-<id>", field "packet" of the group's hash (the open one). The draws of the flow
 * draw are in ctl_drawn.c. Verifying is in ctl_verify.c, which reads through draws_open too. Callers: cli/ctl/ctl.c,
 * cli/ctl/ctl_verify.c, cli/ctl/ctl_drawn.c, cli/ctl/ctl_lists.c. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl.h"
#include "store/keys.h"

/* ---- reading ---- */

void draws_sha256(const char *text, char out[65])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)text, strlen(text), digest);
    for (int i = 0; i < SHA256_DIGEST_LENGTH; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static void draws_key(const struct draws *d, const char *kind, const char *flow, const char *name,
                      struct buf *key)
{
    key_of_gateway(key, d->gateway, kind);
    buf_addf(key, ":%s:", flow);
    buf_add_key(key, d->chat);
    if (name) {
        buf_addc(key, ':');
        buf_add_key(key, name);
    }
}

/* Runs a command of one key. NULL after an error was printed, *code says which. */
static redisReply *draws_read(struct draws *d, const char *fmt, const char *key, int *code)
{
    redisReply *r = redisCommand(d->redis, fmt, key);
    if (r && r->type == REDIS_REPLY_ARRAY)
        return r;
    fprintf(stderr, "sopd ctl: %s: %s\n", key,
            !r                             ? d->redis->errstr
            : r->type == REDIS_REPLY_ERROR ? r->str
                                           : "Redis gave no list");
    *code = r ? CLI_FAILED : CLI_NO_REDIS;
    freeReplyObject(r);
    return NULL;
}

cJSON *draws_list(struct draws *d, const char *flow, const char *name, int *code)
{
    struct buf key = {0};
    draws_key(d, "list", flow, name, &key);
    redisReply *r = draws_read(d, "LRANGE %s 0 -1", buf_cstr(&key), code);
    cJSON *list = r ? cJSON_CreateArray() : NULL;
    for (size_t i = 0; r && i < r->elements; i++) {
        cJSON *item = cJSON_ParseWithLength(r->element[i]->str, r->element[i]->len);
        if (cJSON_IsObject(item)) {
            cJSON_AddItemToArray(list, item);
            continue;
        }
        fprintf(stderr, "sopd ctl: %s: entry %zu is not a JSON object\n", buf_cstr(&key), i + 1);
        *code = CLI_FAILED;
        cJSON_Delete(item);
    }
    freeReplyObject(r);
    buf_free(&key);
    return list;
}

cJSON *draws_hash(struct draws *d, const char *flow, const char *name, int *code)
{
    struct buf key = {0};
    draws_key(d, name ? "hash" : "g", flow, name, &key);
    redisReply *r = draws_read(d, "HGETALL %s", buf_cstr(&key), code);
    cJSON *hash = r ? cJSON_CreateObject() : NULL;
    for (size_t i = 0; r && i + 1 < r->elements; i += 2) {
        cJSON *value = cJSON_ParseWithLength(r->element[i + 1]->str, r->element[i + 1]->len);
        cJSON_AddItemToObject(hash, r->element[i]->str,
                              value ? value : cJSON_CreateString(r->element[i + 1]->str));
    }
    freeReplyObject(r);
    buf_free(&key);
    return hash;
}

static double draws_id(const cJSON *packet)
{
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(packet, "id");
    return cJSON_IsNumber(id) ? id->valuedouble : 0;
}

static cJSON *draws_field(const redisReply *r, size_t i)
{
    const redisReply *v = r->elements > i ? r->element[i] : NULL;
    return v && v->type == REDIS_REPLY_STRING ? cJSON_ParseWithLength(v->str, v->len) : NULL;
}

/* The packet that is open, NULL if none is; *code says whether it could be read. */
static cJSON *draws_current(struct draws *d, int *code)
{
    struct buf key = {0};
    draws_key(d, "g", "redpacket", NULL, &key);
    redisReply *r = draws_read(d, "HMGET %s packet offer", buf_cstr(&key), code);
    cJSON *packet = r ? draws_field(r, 0) : NULL;
    if (cJSON_IsObject(packet)) {
        cJSON *offer = draws_field(r, 1);
        cJSON_AddStringToObject(packet, "state", "open");
        if (offer)
            cJSON_AddItemToObject(packet, "offer", offer);
    } else {
        cJSON_Delete(packet);
        packet = NULL;
    }
    freeReplyObject(r);
    buf_free(&key);
    return packet;
}

void draws_seal(cJSON *packet, bool secret)
{
    const cJSON *seed = cJSON_GetObjectItemCaseSensitive(packet, "seed");
    if (cJSON_IsString(seed)) {
        char hash[65];
        draws_sha256(seed->valuestring, hash);
        cJSON_AddStringToObject(packet, "commitment", hash);
    }
    if (secret)
        cJSON_DeleteItemFromObjectCaseSensitive(packet, "seed");
}

int draws_connect(const struct ctl *c, const char *full_chat, struct draws *d)
{
    memset(d, 0, sizeof *d);
    d->gateway = ctl_split_chat(full_chat, &d->chat);
    if (!d->gateway)
        return cli_usage("ctl", "'%s' is not GATEWAY:CHAT, for example qq1:700000001", full_chat);
    d->redis = ctl_redis(c);
    return d->redis ? CLI_OK : CLI_NO_REDIS;
}

int draws_open(const struct ctl *c, const char *full_chat, struct draws *d)
{
    int code = draws_connect(c, full_chat, d);
    if (code != CLI_OK)
        return code;
    /* the open one first: if it ends meanwhile, it is in the list */
    cJSON *current = draws_current(d, &code), *packet;
    d->packets = code == CLI_OK ? draws_list(d, "redpacket", "packets", &code) : NULL;
    cJSON_ArrayForEach (packet, d->packets) {
        if (current && draws_id(packet) == draws_id(current)) {
            cJSON_Delete(current);
            current = NULL;
        }
    }
    if (current && d->packets)
        cJSON_AddItemToArray(d->packets, current);
    else
        cJSON_Delete(current);
    cJSON_ArrayForEach (packet, d->packets)
        draws_seal(packet, strcmp(ctl_string(packet, "state"), "open") == 0);
    return code;
}

int draws_add_grabs(struct draws *d, cJSON *packet)
{
    char name[40];
    int code = CLI_OK;
    snprintf(name, sizeof name, "grabs-%.0f", draws_id(packet));
    cJSON *grabs = draws_list(d, "redpacket", name, &code);
    if (grabs)
        cJSON_AddItemToObject(packet, "grabs", grabs);
    return code;
}

void draws_close(struct draws *d)
{
    cJSON_Delete(d->packets);
    cJSON_Delete(d->drawn);
    free(d->gateway);
    if (d->redis)
        redisFree(d->redis);
}

/* ---- printing ---- */

static const cJSON *draws_get(const cJSON *o, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(o, key);
}

static void draws_print_table(const cJSON *packets)
{
    static const char *const titles[] = {"ID",     "KIND",  "STATE", "OPENED", "ENDED",
                                         "SHARES", "GRABS", "COST",  "GIVEN",  "LUCKIEST"};
    struct table *t = table_new(titles, 10);
    const cJSON *p;
    cJSON_ArrayForEach (p, packets) {
        table_number(t, draws_id(p));
        table_cell(t, ctl_string(p, "kind"));
        table_cell(t, ctl_string(p, "state"));
        table_time(t, ctl_number(p, "opened"));
        table_time(t, ctl_number(p, "ended"));
        table_number(t, ctl_number(p, "shares"));
        table_number(t, cJSON_GetArraySize(draws_get(p, "grabs")));
        table_number(t, ctl_number(p, "cost"));
        table_number(t, ctl_number(p, "spent"));
        table_cell(t, ctl_string(p, "lucky"));
    }
    table_print(t, "no packets are recorded in this group");
}

void ctl_csv_text(struct buf *row, const char *text)
{
    buf_adds(row, *text && strchr("=+-@\t\r", *text) ? ",\"'" : ",\"");
    for (; *text; text++) {
        if (*text == '"')
            buf_addc(row, '"');
        buf_addc(row, *text);
    }
    buf_addc(row, '"');
}

void ctl_csv_number(struct buf *row, const cJSON *o, const char *key)
{
    const cJSON *v = draws_get(o, key);
    buf_addc(row, ',');
    if (cJSON_IsNumber(v))
        buf_addf(row, "%.15g", v->valuedouble);
}

void ctl_csv_time(struct buf *row, const cJSON *o, const char *key)
{
    char text[40];
    time_t when = (time_t)ctl_number(o, key);
    struct tm tm;
    buf_addc(row, ',');
    if (when > 0 && gmtime_r(&when, &tm) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
        buf_adds(row, text);
}

/* What was won, as it was announced; "" for points and blanks. */
static const char *draws_won(const cJSON *packet, const cJSON *grab)
{
    const cJSON *offer = draws_get(packet, "offer");
    const char *kind = ctl_string(packet, "kind");
    if (strcmp(kind, "coupon") == 0)
        return ctl_string(offer, "coupon");
    double place = ctl_number(grab, "got");
    if (strcmp(kind, "prizes") != 0 || place < 1 || place > 1e6)
        return "";
    return ctl_string(cJSON_GetArrayItem(draws_get(offer, "prizes"), (int)place - 1), "name");
}

/* One line a grab; a packet without grabs is one line too. */
static void draws_csv_packet(const cJSON *p)
{
    struct buf head = {0}, row = {0};
    const cJSON *grabs = draws_get(p, "grabs"), *grab = grabs ? grabs->child : NULL;
    int place = 0;
    buf_addf(&head, "%.0f,%s,%s", draws_id(p), ctl_string(p, "kind"), ctl_string(p, "state"));
    ctl_csv_time(&head, p, "opened");
    ctl_csv_time(&head, p, "ended");
    ctl_csv_number(&head, p, "total");
    ctl_csv_number(&head, p, "shares");
    buf_addf(&head, ",%s,%s", ctl_string(p, "seed"), ctl_string(p, "commitment"));
    if (!grab)
        printf("%s,,,,,,\n", buf_cstr(&head));
    for (; grab; grab = grab->next) {
        buf_reset(&row);
        buf_addf(&row, ",%d", ++place);
        ctl_csv_number(&row, grab, "after");
        ctl_csv_text(&row, ctl_string(grab, "user"));
        ctl_csv_text(&row, ctl_string(grab, "name"));
        ctl_csv_number(&row, grab, "got");
        ctl_csv_text(&row, draws_won(p, grab));
        printf("%s%s\n", buf_cstr(&head), buf_cstr(&row));
    }
    buf_free(&head);
    buf_free(&row);
}

static void draws_print_csv(const cJSON *packets)
{
    const cJSON *p;
    puts("packet,kind,state,opened,ended,total,shares,seed,commitment,grab,after_s,user,name,got,"
         "what");
    cJSON_ArrayForEach (p, packets)
        draws_csv_packet(p);
}

static void draws_print(const struct ctl *c, const struct draws *d, const char *flow, bool csv)
{
    bool packets = !flow || strcmp(flow, "redpacket") == 0, drawn = !flow || !packets;
    if (c->json) {
        cJSON *all = cJSON_CreateArray(), *item;
        cJSON *first = packets ? d->packets : NULL, *second = drawn ? d->drawn : NULL;
        cJSON_ArrayForEach (item, first)
            cJSON_AddItemReferenceToArray(all, item);
        cJSON_ArrayForEach (item, second)
            cJSON_AddItemReferenceToArray(all, item);
        ctl_print_json(all);
        cJSON_Delete(all);
        return;
    }
    if (csv && packets)
        draws_print_csv(d->packets);
    else if (csv)
        drawn_print_csv(d->drawn);
    if (csv)
        return;
    if (packets)
        draws_print_table(d->packets);
    if (drawn && (flow || cJSON_GetArraySize(d->drawn) > 0))
        drawn_print_table(d->drawn);
}

int ctl_draws(struct ctl *c, int argc, char **argv)
{
    struct draws d;
    static const char usage[] =
        "it is: draws GATEWAY:CHAT [--flow redpacket|draw] [--json | --csv]";
    const char *flow = NULL;
    bool csv = false, wrong = argc < 2;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--csv") == 0)
            csv = true;
        else if (strcmp(argv[i], "--flow") == 0 && i + 1 < argc)
            flow = argv[++i];
        else
            wrong = true;
    }
    if (wrong || (flow && strcmp(flow, "redpacket") != 0 && strcmp(flow, "draw") != 0))
        return cli_usage("ctl", usage);
    if (csv && c->json)
        return cli_usage("ctl", "give --json or --csv, not both");
    int code = draws_open(c, argv[1], &d);
    if (d.packets)
        drawn_read(&d, &code);
    cJSON *p;
    cJSON_ArrayForEach (p, d.packets) {
        int more = draws_add_grabs(&d, p);
        code = more ? more : code;
    }
    if (d.packets && code != CLI_NO_REDIS)
        draws_print(c, &d, flow, csv);
    draws_close(&d);
    return code;
}
