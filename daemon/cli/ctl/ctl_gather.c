/* ctl_gather.c -- finds what belongs to a chat or a member among all keys of a gateway (transfer_gather, ctl_transfer.h).
 * The keys are gone over twice: whole keys first, for they tell which runs and members there are; then entries of keys that many
 * share. Nothing is changed. Callers: cli/ctl/ctl_export.c, cli/ctl/ctl_import.c. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/ctl/ctl_transfer.h"
#include "store/keys.h"
#include "store/run_record.h"
#include "store/scrub.h"

/* ---- over all keys ---- */

static void gather_scan(struct transfer *t, void (*fn)(struct transfer *t, const struct key *k,
                                                       const char *key, size_t len))
{
    char cursor[32] = "0";
    do {
        const char *argv[] = {"SCAN", cursor, "COUNT", "1000", "MATCH", "sopd:*"};
        redisReply *r = transfer_ask(t, 6, argv, NULL);
        if (!r || r->elements != 2)
            break;
        snprintf(cursor, sizeof cursor, "%s", r->element[0]->str);
        for (size_t i = 0; i < r->element[1]->elements; i++) {
            const redisReply *key = r->element[1]->element[i];
            struct key k;
            if (key_parse(key->str, key->len, &k) && k.part[KEY_GATEWAY] &&
                strcmp(k.part[KEY_GATEWAY], t->gateway) == 0)
                fn(t, &k, key->str, key->len);
            key_free(&k);
        }
        freeReplyObject(r);
    } while (strcmp(cursor, "0") != 0);
}

static bool gather_word(const struct key *k, const char *word)
{
    size_t len;
    const char *w = key_word(k->kind, &len);
    return strlen(word) == len && memcmp(w, word, len) == 0;
}

/* SCAN may show a key twice. */
static void gather_add(struct transfer *t, cJSON *list, const char *key, size_t len)
{
    cJSON *o = name_has(t->seen, key) ? NULL : transfer_key(t, key, len);
    if (o && name_add(&t->seen, key, NULL))
        cJSON_AddItemToArray(list, o);
}

/* ---- whole keys ---- */

static bool gather_is_theirs(const struct transfer *t, const struct key *k)
{
    const char *chat = k->part[KEY_CHAT], *user = k->part[KEY_USER];
    if (t->chat)
        return chat && strcmp(chat, t->chat) == 0;
    return (user && strcmp(user, t->member) == 0) ||
           (chat && *chat == '@' && strcmp(chat + 1, t->member) == 0);
}

static void gather_run(struct transfer *t, const struct key *k, const char *key, size_t len)
{
    cJSON *o = transfer_key(t, key, len);
    const char *text = ctl_string(o, "value");
    cJSON *head = run_record_header(text, strlen(text));
    const char *chat = ctl_string(head, "chat"), *user = head ? run_record_user(head) : "";
    bool theirs = t->chat ? strcmp(chat, t->chat) == 0
                          : strcmp(user, t->member) == 0 ||
                                (*chat == '@' && strcmp(chat + 1, t->member) == 0);
    if (head && theirs && name_add(&t->runs, k->part[KEY_NAME], ctl_string(head, "pin"))) {
        cJSON_AddItemToArray(t->keys, o);
        o = NULL;
    }
    cJSON_Delete(head);
    cJSON_Delete(o);
}

/* Private chats that are served as this group is: `home:@<user>` with its id in it. */
static void gather_home(struct transfer *t, const char *key, size_t len)
{
    cJSON *o = name_has(t->seen, key) ? NULL : transfer_key(t, key, len);
    if (o && strcmp(ctl_string(o, "value"), t->chat) == 0 && name_add(&t->seen, key, NULL)) {
        cJSON_AddItemToArray(t->keys, o);
        o = NULL;
    }
    cJSON_Delete(o);
}

static void gather_whole(struct transfer *t, const struct key *k, const char *key, size_t len)
{
    if (t->chat && gather_word(k, "home")) {
        gather_home(t, key, len);
        return;
    }
    if (k->kind->holds == KEY_RECORD) {
        gather_run(t, k, key, len);
        return;
    }
    if (gather_word(k, "trace") || strcmp(k->kind->type, "stream") == 0 || !gather_is_theirs(t, k))
        return;
    if (t->chat && gather_word(k, "m"))
        name_add(&t->people, k->part[KEY_USER], NULL);
    gather_add(t, t->keys, key, len);
}

/* Points, codes and tags of the chat's members go with them in every chat. */
static void gather_people(struct transfer *t)
{
    static const char *const kinds[] = {"u", "tags"};
    for (const struct name *user = t->people; user; user = user->hh.next) {
        for (int i = 0; i < 2; i++) {
            struct buf key = {0};
            key_of_gateway(&key, t->gateway, kinds[i]);
            buf_addc(&key, ':');
            buf_add_key(&key, user->text);
            cJSON *o = transfer_key(t, buf_cstr(&key), key.len);
            if (o)
                cJSON_AddItemToArray(t->shared, o);
            buf_free(&key);
        }
    }
}

/* ---- entries of shared keys ---- */

/* Adds [a, b] to the entry list of that key. */
static void gather_entry(cJSON *list, const char *key, size_t len, const char *type,
                         const redisReply *a, const redisReply *b)
{
    cJSON *o = NULL, *item;
    cJSON_ArrayForEach (item, list) {
        if (strcmp(ctl_string(item, "key"), key) == 0)
            o = item;
    }
    if (!o) {
        o = cJSON_CreateObject();
        cJSON_AddItemToObject(o, "key", transfer_text(key, len));
        cJSON_AddStringToObject(o, "type", type);
        cJSON_AddArrayToObject(o, "value");
        cJSON_AddItemToArray(list, o);
    }
    cJSON *value = cJSON_GetObjectItemCaseSensitive(o, "value"), *pair = cJSON_CreateArray();
    if (!b) {
        cJSON_Delete(pair);
        cJSON_AddItemToArray(value, transfer_text(a->str, a->len));
        return;
    }
    cJSON_AddItemToArray(pair, transfer_text(a->str, a->len));
    cJSON_AddItemToArray(pair, transfer_text(b->str, b->len));
    cJSON_AddItemToArray(value, pair);
}

static bool gather_in_chat(const struct transfer *t, const redisReply *value)
{
    cJSON *o = cJSON_ParseWithLength(value->str, value->len);
    bool is = strcmp(ctl_string(o, "chat"), t->chat) == 0;
    cJSON_Delete(o);
    return is;
}

/* "chat|...": is it that chat? */
static bool gather_part_is(const char *s, const char *chat)
{
    struct buf part = {0};
    bool is = s[buf_read_part(&part, s)] == '|' && strcmp(buf_cstr(&part), chat) == 0;
    buf_free(&part);
    return is;
}

/* `flow|chat|name|key`, `run|<id>|<chat>`. */
static bool gather_timer(const struct transfer *t, const char *id)
{
    if (strncmp(id, "run|", 4) == 0 && strlen(id) > 20) {
        char run[17];
        snprintf(run, sizeof run, "%.16s", id + 4);
        return name_has(t->runs, run);
    }
    const char *bar = strchr(id, '|');
    return bar && t->chat && gather_part_is(bar + 1, t->chat);
}

static bool gather_value_theirs(const struct transfer *t, const redisReply *v)
{
    struct scrub s = {.user = t->member, .user_len = strlen(t->member)};
    struct buf out = {0};
    bool is = scrub_value(&s, SCRUB_DROP, v->str, v->len, &out) != SCRUB_NONE;
    buf_free(&out);
    return is;
}

static bool gather_names(const struct transfer *t, const redisReply *a)
{
    struct scrub s = {.user = t->member, .user_len = strlen(t->member)};
    return scrub_names(&s, a->str, a->len);
}

/* Is this entry of a shared key theirs? */
static bool gather_entry_is(const struct transfer *t, const struct key *k, const redisReply *a,
                            const redisReply *b)
{
    if (gather_word(k, "timers") || gather_word(k, "timer"))
        return gather_timer(t, a->str) || (t->member && gather_names(t, a));
    if (gather_word(k, "parked"))
        return name_has(t->runs, a->str);
    if (t->chat) {
        if (gather_word(k, "chats") || gather_word(k, "chat-tags"))
            return strcmp(a->str, t->chat) == 0;
        if (gather_word(k, "left"))
            return gather_part_is(a->str, t->chat);
        if (gather_word(k, "optout"))
            return name_has(t->people, a->str);
        if (gather_word(k, "experiment")) /* `g|<chat>` */
            return strncmp(a->str, "g|", 2) == 0 && strcmp(a->str + 2, t->chat) == 0;
        return gather_word(k, "hash") && !*k->part[KEY_CHAT] && b && gather_in_chat(t, b);
    }
    if (gather_word(k, "waits") || gather_word(k, "run-keys"))
        return (b && name_has(t->runs, b->str)) || name_has(t->runs, a->str);
    return gather_names(t, a) || (b && k->kind->holds == KEY_ENTRIES && gather_value_theirs(t, b));
}

static void gather_collection(struct transfer *t, const struct key *k, const char *key, size_t len)
{
    const char *type = k->kind->type;
    bool hash = strcmp(type, "hash") == 0, zset = strcmp(type, "zset") == 0,
         list = strcmp(type, "list") == 0;
    if (!hash && !zset && !list && strcmp(type, "set") != 0)
        return;
    const char *argv[] = {hash   ? "HGETALL"
                          : zset ? "ZRANGE"
                          : list ? "LRANGE"
                                 : "SMEMBERS",
                          key, "0", "-1", "WITHSCORES"};
    const size_t lens[] = {strlen(argv[0]), len, 1, 2, 10};
    redisReply *r = transfer_ask(t, hash ? 2 : zset ? 5 : list ? 4 : 2, argv, lens);
    for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i < r->elements;
         i += hash || zset ? 2 : 1) {
        const redisReply *b = hash || zset ? r->element[i + 1] : NULL;
        if (list && !gather_value_theirs(t, r->element[i]))
            continue;
        if (list || gather_entry_is(t, k, r->element[i], hash ? b : NULL))
            gather_entry(list ? t->about : t->entries, key, len, type, r->element[i], b);
    }
    freeReplyObject(r);
}

static void gather_stream(struct transfer *t, const char *key, size_t len)
{
    const char *argv[] = {"XRANGE", key, "-", "+"};
    redisReply *r = transfer_ask(t, 4, argv, NULL);
    struct scrub s = {.user = t->member, .user_len = strlen(t->member)};
    for (size_t i = 0; r && i < r->elements; i++) {
        const redisReply *fields = r->element[i]->element[1];
        bool is = false;
        for (size_t f = 1; f < fields->elements; f += 2)
            is = is || scrub_names(&s, fields->element[f]->str, fields->element[f]->len);
        if (!is)
            continue;
        struct buf text = {0};
        for (size_t f = 0; f + 1 < fields->elements; f += 2)
            buf_addf(&text, "%s%s=%s", f ? " " : "", fields->element[f]->str,
                     fields->element[f + 1]->str);
        const redisReply line = {.str = (char *)buf_cstr(&text), .len = text.len};
        gather_entry(t->about, key, len, "stream", r->element[i]->element[0], &line);
        buf_free(&text);
    }
    freeReplyObject(r);
}

static void gather_outbox(struct transfer *t, const char *key)
{
    const char *argv[] = {"HVALS", key};
    redisReply *r = transfer_ask(t, 2, argv, NULL);
    for (size_t i = 0; r && t->chat && i < r->elements; i++)
        t->waiting += gather_in_chat(t, r->element[i]);
    freeReplyObject(r);
}

static void gather_shared(struct transfer *t, const struct key *k, const char *key, size_t len)
{
    static const char *const never[] = {
        "pins",  "pace",  "written", "forgetting", "settings-keys", "seen",   "source-pins",
        "trace", "stage", "edits",   "quota",      "accounts",      "unknown"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (gather_word(k, never[i]))
            return;
    if (gather_word(k, "outbox")) {
        gather_outbox(t, key);
        return;
    }
    if (name_has(t->seen, key) || (k->kind->holds == KEY_SETTINGS && !gather_word(k, "chat-tags")))
        return;
    if (strcmp(k->kind->type, "stream") == 0) {
        if (t->member)
            gather_stream(t, key, len);
        return;
    }
    bool one_chat = k->part[KEY_CHAT] && *k->part[KEY_CHAT];
    if (!t->chat || !one_chat)
        gather_collection(t, k, key, len);
}

/* ---- versions of runs ---- */

static void gather_pin_key(struct transfer *t, const char *kind, const char *a, const char *b)
{
    struct buf key = {0};
    key_of_gateway(&key, t->gateway, kind);
    buf_addc(&key, ':');
    buf_add_key(&key, a);
    if (b) {
        buf_addc(&key, ':');
        buf_add_key(&key, b);
    }
    if (buf_cstr(&key))
        gather_add(t, t->pins, key.data, key.len);
    buf_free(&key);
}

static void gather_pins(struct transfer *t)
{
    const cJSON *o;
    for (const struct name *run = t->runs; run; run = run->hh.next)
        gather_pin_key(t, "pin", run->more, NULL);
    cJSON *texts = cJSON_Duplicate(t->pins, true);
    cJSON_ArrayForEach (o, texts) {
        cJSON *pin = cJSON_Parse(ctl_string(o, "value"));
        gather_pin_key(t, "source", ctl_string(pin, "flow"), ctl_string(pin, "version"));
        cJSON_Delete(pin);
    }
    cJSON_Delete(texts);
}

/* ---- all of it ---- */

bool transfer_gather(struct transfer *t)
{
    cJSON **lists[] = {&t->keys, &t->shared, &t->entries, &t->pins, &t->about};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        *lists[i] = cJSON_CreateArray();
    gather_scan(t, gather_whole);
    gather_people(t);
    gather_scan(t, gather_shared);
    gather_pins(t);
    return !t->code;
}

void transfer_free(struct transfer *t)
{
    cJSON *lists[] = {t->keys, t->shared, t->entries, t->pins, t->about};
    name_free(&t->seen);
    name_free(&t->runs);
    name_free(&t->people);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        cJSON_Delete(lists[i]);
    if (t->redis)
        redisFree(t->redis);
    memset(t, 0, sizeof *t);
}
