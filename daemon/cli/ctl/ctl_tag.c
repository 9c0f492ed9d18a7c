/* ctl_tag.c -- `sopd ctl tag`: gives tags to chats in Redis (sopd:chat-tags:<gateway>), as HSET would, and lists who has which.
 * Works while the daemon is down; then the configuration's own tags are not shown. Callers: cli/ctl/ctl.c. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl.h"
#include "store/settings.h"

enum { TAG_TRIES = 5 };

struct tagging {
    struct ctl *ctl;
    redisContext *redis;
    const char *full, *chat;
    struct buf key;
    const char *reason;
    char **edits; /* "+a", "-b", "=c,d" */
    int nedits;
};

/* ---- the list of a chat ---- */

/* Where the tag stands in "a,b,c"; NULL: it does not. */
static char *tag_find(struct buf *tags, const char *tag, size_t len)
{
    for (char *p = (char *)buf_cstr(tags); *p;) {
        size_t n = strcspn(p, ",");
        if (n == len && memcmp(p, tag, n) == 0)
            return p;
        p += n + (p[n] == ',');
    }
    return NULL;
}

static void tag_add(struct buf *tags, const char *tag, size_t len)
{
    if (!len || tag_find(tags, tag, len))
        return;
    if (tags->len)
        buf_addc(tags, ',');
    buf_add(tags, tag, len);
}

static void tag_remove(struct buf *tags, const char *tag, size_t len)
{
    struct buf rest = {0};
    for (const char *p = buf_cstr(tags); *p;) {
        size_t n = strcspn(p, ",");
        if (n != len || memcmp(p, tag, n) != 0)
            tag_add(&rest, p, n);
        p += n + (p[n] == ',');
    }
    buf_free(tags);
    *tags = rest;
}

/* What people write: commas of both kinds, blanks around tags. */
static void tag_add_all(struct buf *tags, const char *list)
{
    while (*list) {
        size_t n = strcspn(list, ",");
        const char *wide = strstr(list, "，");
        size_t skip = n + (list[n] == ',');
        if (wide && (size_t)(wide - list) < n) {
            n = (size_t)(wide - list);
            skip = n + strlen("，");
        }
        const char *from = list;
        while (n && *from == ' ') {
            from++;
            n--;
        }
        while (n && from[n - 1] == ' ')
            n--;
        tag_add(tags, from, n);
        list += skip;
    }
}

static void tag_apply(const struct tagging *t, struct buf *tags)
{
    for (int i = 0; i < t->nedits; i++) {
        const char *edit = t->edits[i];
        if (*edit == '=')
            buf_reset(tags);
        if (*edit == '-')
            tag_remove(tags, edit + 1, strlen(edit + 1));
        else
            tag_add_all(tags, edit + 1);
    }
}

/* ---- writing ---- */

static int64_t tag_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static redisReply *tag_redis(struct tagging *t, redisReply *reply)
{
    if (reply && reply->type != REDIS_REPLY_ERROR)
        return reply;
    fprintf(stderr, "sopd ctl: Redis: %s\n", reply ? reply->str : t->redis->errstr);
    freeReplyObject(reply);
    return NULL;
}

/* Reads what the chat has; the key is watched until tag_write. */
static bool tag_read(struct tagging *t, struct buf *tags)
{
    freeReplyObject(redisCommand(t->redis, "WATCH %s", buf_cstr(&t->key)));
    redisReply *r = tag_redis(t, redisCommand(t->redis, "HGET %s %s", buf_cstr(&t->key), t->chat));
    if (!r)
        return false;
    if (r->type == REDIS_REPLY_STRING)
        tag_add_all(tags, r->str);
    freeReplyObject(r);
    return true;
}

/* The edit and its record in one transaction. 1 done, 0 somebody else was faster, -1 after an error was printed. */
static int tag_write(struct tagging *t, struct buf *tags)
{
    struct buf resp = {0}, who = {0};
    struct settings_edit edit = {buf_cstr(&t->key), t->chat, tags->len ? buf_cstr(tags) : NULL};
    ctl_who(&who);
    settings_edit_command(&resp, buf_cstr(&who), "tag", t->reason, tag_now(), &edit, 1);
    redisAppendCommand(t->redis, "MULTI");
    redisAppendFormattedCommand(t->redis, resp.data, resp.len);
    redisAppendCommand(t->redis, "EXEC");
    buf_free(&resp);
    buf_free(&who);
    int done = 1;
    for (int i = 0; i < 3 && done > 0; i++) {
        void *reply = NULL;
        redisGetReply(t->redis, &reply);
        redisReply *r = tag_redis(t, reply);
        if (!r)
            done = -1;
        else if (i == 2 && r->type == REDIS_REPLY_NIL)
            done = 0;
        else if (i == 2 && r->elements && r->element[0]->type == REDIS_REPLY_ERROR) {
            fprintf(stderr, "sopd ctl: Redis: %s\n", r->element[0]->str);
            done = -1;
        }
        freeReplyObject(r);
    }
    return done;
}

static void tag_print(const cJSON *o)
{
    ctl_print_json(o);
}

static int tag_edit(struct tagging *t)
{
    struct buf tags = {0};
    int done = 0;
    for (int i = 0; i < TAG_TRIES && done == 0; i++) {
        buf_reset(&tags);
        if (!tag_read(t, &tags)) {
            done = -1;
            break;
        }
        tag_apply(t, &tags);
        done = t->nedits ? tag_write(t, &tags) : 1;
    }
    if (done > 0 && t->ctl->json) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddBoolToObject(o, "ok", true);
        cJSON_AddStringToObject(o, "chat", t->full);
        cJSON_AddStringToObject(o, "tags", buf_cstr(&tags));
        tag_print(o);
        cJSON_Delete(o);
    } else if (done > 0) {
        printf("%s: %s\n", t->full, tags.len ? buf_cstr(&tags) : "no tags in Redis");
    } else if (done == 0) {
        fputs("sopd ctl: somebody else edits the same tags; try again\n", stderr);
    }
    buf_free(&tags);
    return done > 0 ? CLI_OK : CLI_FAILED;
}

/* Anything but "+a", "-b", "=c", which would be a mistake: a tag begins with a letter, a digit, or beyond ASCII. */
static bool tag_good(const char *edit)
{
    const char *tag = edit + 1;
    return strchr("+-=", *edit) && *edit && *tag != '-' && *tag != '+' && (*tag || *edit == '=') &&
           !strpbrk(tag, "\r\n\t");
}

static int tag_chat(struct tagging *t, int argc, char **argv)
{
    char *gateway = ctl_split_chat(argv[1], &t->chat);
    int code = CLI_OK;
    if (!gateway)
        return cli_usage("ctl", "'%s' is not GATEWAY:CHAT, for example qq1:700000001", argv[1]);
    t->full = argv[1];
    t->edits = argv + 2;
    t->reason = "";
    for (int i = 2; i < argc && code == CLI_OK; i++) {
        if (strcmp(argv[i], "--reason") == 0 && i + 1 == argc - 1)
            t->reason = argv[++i];
        else if (tag_good(argv[i]))
            t->nedits++;
        else
            code = cli_usage("ctl", "write +tag, -tag or =tag,tag instead of '%s'", argv[i]);
    }
    buf_adds(&t->key, "sopd:chat-tags:");
    buf_add_key(&t->key, gateway);
    free(gateway);
    if (code == CLI_OK && !(t->redis = ctl_redis(t->ctl)))
        code = CLI_NO_REDIS;
    return code == CLI_OK ? tag_edit(t) : code;
}

/* ---- listing ---- */

static bool tag_has(const char *tags, const char *tag)
{
    struct buf b = {0};
    buf_adds(&b, tags);
    bool found = tag_find(&b, tag, strlen(tag)) != NULL;
    buf_free(&b);
    return found;
}

/* Without a daemon: what Redis has; NULL (it was said why) where it cannot be reached. */
static cJSON *tag_from_redis(struct tagging *t)
{
    t->redis = ctl_redis(t->ctl);
    if (!t->redis)
        return NULL;
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < t->ctl->ngateways; i++) {
        struct buf key = {0};
        buf_adds(&key, "sopd:chat-tags:");
        buf_add_key(&key, t->ctl->gateways[i]);
        redisReply *r = tag_redis(t, redisCommand(t->redis, "HGETALL %s", buf_cstr(&key)));
        for (size_t j = 0; r && j + 1 < r->elements; j += 2) {
            cJSON *o = cJSON_CreateObject();
            cJSON_AddStringToObject(o, "gateway", t->ctl->gateways[i]);
            cJSON_AddStringToObject(o, "chat", r->element[j]->str);
            cJSON_AddStringToObject(o, "tags", r->element[j + 1]->str);
            cJSON_AddItemToArray(list, o);
        }
        freeReplyObject(r);
        buf_free(&key);
    }
    return list;
}

static cJSON *tag_from_daemon(struct tagging *t)
{
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "op", "chats");
    t->ctl->quiet = true;
    cJSON *answer = ctl_ask(t->ctl, request);
    t->ctl->quiet = false;
    cJSON *list = cJSON_DetachItemFromObjectCaseSensitive(answer, "chats");
    cJSON_Delete(answer);
    return list;
}

static int tag_list(struct tagging *t, const char *tag)
{
    static const char *const titles[] = {"CHAT", "NAME", "TAGS"};
    cJSON *all = tag_from_daemon(t), *item;
    if (!all && !(all = tag_from_redis(t)))
        return CLI_NO_REDIS;
    cJSON *out = cJSON_CreateArray();
    struct table *table = t->ctl->json ? NULL : table_new(titles, 3);
    cJSON_ArrayForEach (item, all) {
        const char *tags = ctl_string(item, "tags");
        if (!*tags || (tag && !tag_has(tags, tag)))
            continue;
        struct buf full = {0};
        buf_addf(&full, "%s:%s", ctl_string(item, "gateway"), ctl_string(item, "chat"));
        if (table) {
            table_cell(table, buf_cstr(&full));
            table_cell(table, ctl_string(item, "name"));
            table_cell(table, tags);
        }
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "chat", buf_cstr(&full));
        cJSON_AddStringToObject(o, "name", ctl_string(item, "name"));
        cJSON_AddStringToObject(o, "tags", tags);
        cJSON_AddItemToArray(out, o);
        buf_free(&full);
    }
    if (table)
        table_print(table, tag ? "no chat has that tag" : "no chat has a tag");
    else
        tag_print(out);
    cJSON_Delete(out);
    cJSON_Delete(all);
    return CLI_OK;
}

int ctl_tag(struct ctl *c, int argc, char **argv)
{
    struct tagging t = {.ctl = c};
    int code;
    if (argc >= 2 && strcmp(argv[1], "list") == 0)
        code = argc <= 3 ? tag_list(&t, argv[2]) : cli_usage("ctl", "it is: tag list [TAG]");
    else if (argc < 2)
        code =
            cli_usage("ctl", "it is: tag GATEWAY:CHAT [+TAG] [-TAG] [=TAG,TAG], or tag list [TAG]");
    else
        code = tag_chat(&t, argc, argv);
    buf_free(&t.key);
    if (t.redis)
        redisFree(t.redis);
    return code;
}
