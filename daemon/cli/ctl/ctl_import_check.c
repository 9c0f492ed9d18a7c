/* ctl_import_check.c -- reads a file of `sopd ctl export` and checks all of it before anything is written: format, every key against
 * the catalogue (store/keys.h), every value against its type, every run against its version. Callers: cli/ctl/ctl_import.c. */
#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/ctl/ctl_import.h"
#include "store/keys.h"
#include "store/run_record.h"

enum { CHECK_FAULTS = 20 };

struct check {
    const cJSON *file;
    const char *gateway, *chat, *member;
    struct name *keys; /* in the file */
    int faults;
};

static void __attribute__((format(printf, 3, 4)))
check_fault(struct check *c, const char *where, const char *fmt, ...)
{
    va_list ap;
    if (++c->faults > CHECK_FAULTS)
        return;
    va_start(ap, fmt);
    fprintf(stderr, "sopd ctl: %s: ", where);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

bool import_is_setting(const cJSON *key)
{
    const char *text = ctl_string(key, "key");
    struct key k;
    bool is = key_parse(text, strlen(text), &k) && k.kind->holds == KEY_SETTINGS;
    key_free(&k);
    return is;
}

/* ---- values ---- */

static bool check_text(const cJSON *v, struct buf *out)
{
    return transfer_bytes(v, out);
}

static bool check_item(const cJSON *item, bool pairs, bool scores)
{
    static struct buf out;
    if (!pairs)
        return check_text(item, &out);
    if (!cJSON_IsArray(item) || cJSON_GetArraySize(item) != 2 ||
        !check_text(cJSON_GetArrayItem(item, 0), &out) ||
        !check_text(cJSON_GetArrayItem(item, 1), &out))
        return false;
    char *end;
    strtod(buf_cstr(&out), &end);
    return !scores || (out.len && !*end);
}

static bool check_value(const char *type, const cJSON *value)
{
    static struct buf out;
    bool hash = strcmp(type, "hash") == 0, zset = strcmp(type, "zset") == 0;
    const cJSON *item;
    if (strcmp(type, "string") == 0)
        return check_text(value, &out);
    if (!cJSON_IsArray(value) || !cJSON_GetArraySize(value))
        return false;
    cJSON_ArrayForEach (item, value)
        if (!check_item(item, hash || zset, zset))
            return false;
    return true;
}

/* ---- keys ---- */

static bool check_word(const struct key *k, const char *word)
{
    size_t len;
    const char *w = key_word(k->kind, &len);
    return strlen(word) == len && memcmp(w, word, len) == 0;
}

/* Is it a key of the chat or member that the file is about? */
static bool check_belongs(const struct check *c, const struct key *k, const char *list)
{
    const char *chat = k->part[KEY_CHAT], *user = k->part[KEY_USER];
    if (strcmp(list, "pins") == 0)
        return check_word(k, "pin") || check_word(k, "source");
    if (strcmp(list, "shared") == 0)
        return check_word(k, "u") || check_word(k, "tags");
    if (strcmp(list, "entries") == 0)
        return k->kind->holds == KEY_ENTRIES || check_word(k, "chats") ||
               check_word(k, "chat-tags");
    if (k->kind->holds == KEY_RECORD)
        return true;
    if (k->kind->holds == KEY_PLAIN && !check_word(k, "count"))
        return false;
    if (c->chat) /* or the home of a private chat, which is in its value */
        return chat && (strcmp(chat, c->chat) == 0 || check_word(k, "home"));
    return (user && strcmp(user, c->member) == 0) ||
           (chat && *chat == '@' && strcmp(chat + 1, c->member) == 0);
}

static void check_key(struct check *c, const cJSON *o, const char *list)
{
    const char *text = ctl_string(o, "key"), *type = ctl_string(o, "type");
    const cJSON *expires = cJSON_GetObjectItemCaseSensitive(o, "expires");
    struct key k;
    if (!*text || !key_parse(text, strlen(text), &k))
        check_fault(c, list, "'%s' is no key of sopd's", text);
    else if (strcmp(k.part[KEY_GATEWAY] ? k.part[KEY_GATEWAY] : "", c->gateway) != 0)
        check_fault(c, text, "it is a key of another gateway than %s", c->gateway);
    else if (!check_belongs(c, &k, list))
        check_fault(c, text, "it has no place in the list %s of this file", list);
    else if (strcmp(k.kind->type, type) != 0)
        check_fault(c, text, "it is a %s, not a %s", k.kind->type,
                    *type ? type : "key without type");
    else if (!check_value(type, cJSON_GetObjectItemCaseSensitive(o, "value")))
        check_fault(c, text, "its value is not that of a %s", type);
    else if (expires && (!cJSON_IsNumber(expires) || expires->valuedouble <= 0))
        check_fault(c, text, "expires is a time in ms");
    else if (strcmp(list, "entries") != 0 && !name_add(&c->keys, text, NULL))
        check_fault(c, text, "it is there twice");
    if (*text)
        key_free(&k);
}

static void check_list(struct check *c, const char *list)
{
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(c->file, list), *o;
    if (!cJSON_IsArray(all))
        check_fault(c, list, "the list is missing");
    cJSON_ArrayForEach (o, all)
        check_key(c, o, list);
}

/* ---- runs ---- */

static bool check_has(const struct check *c, const char *kind, const char *a, const char *b)
{
    struct buf key = {0};
    key_of_gateway(&key, c->gateway, kind);
    buf_addc(&key, ':');
    buf_add_key(&key, a);
    if (b) {
        buf_addc(&key, ':');
        buf_add_key(&key, b);
    }
    bool has = name_has(c->keys, buf_cstr(&key));
    buf_free(&key);
    return has;
}

static void check_run(struct check *c, const cJSON *o)
{
    const char *text = ctl_string(o, "key");
    struct buf data = {0}, err = {0};
    struct run_record r;
    if (!strstr(text, "}:run:"))
        return;
    transfer_bytes(cJSON_GetObjectItemCaseSensitive(o, "value"), &data);
    if (!run_record_read(&r, data.data, data.len, &err))
        check_fault(c, text, "the record cannot be read: %s", buf_cstr(&err));
    else if (c->chat && strcmp(ctl_string(r.header, "chat"), c->chat) != 0)
        check_fault(c, text, "it is a run of another chat");
    else if (!check_has(c, "pin", ctl_string(r.header, "pin"), NULL))
        check_fault(c, text, "its pin %s is not in the file", ctl_string(r.header, "pin"));
    run_record_free(&r);
    buf_free(&data);
    buf_free(&err);
}

static void check_pin(struct check *c, const cJSON *o)
{
    const char *text = ctl_string(o, "key");
    if (!strstr(text, "}:pin:"))
        return;
    cJSON *pin = cJSON_Parse(ctl_string(o, "value"));
    const char *flow = ctl_string(pin, "flow"), *version = ctl_string(pin, "version");
    if (!*flow || !*version)
        check_fault(c, text, "it names no flow and version");
    else if (!check_has(c, "source", flow, version))
        check_fault(c, text, "the source of %s, version %s, is not in the file", flow, version);
    cJSON_Delete(pin);
}

/* ---- the file ---- */

static void check_file(struct check *c)
{
    static const char *const lists[] = {"keys", "shared", "entries", "pins"};
    const cJSON *o;
    c->gateway = ctl_string(c->file, "gateway");
    c->chat = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(c->file, "chat"));
    c->member = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(c->file, "member"));
    if (strcmp(ctl_string(c->file, "format"), "sopd-export") != 0)
        check_fault(c, "the file", "it is none of sopd ctl export");
    else if (ctl_number(c->file, "version") != TRANSFER_VERSION)
        check_fault(c, "the file", "its version is %.0f; this sopd reads version %d",
                    ctl_number(c->file, "version"), TRANSFER_VERSION);
    else if (!*c->gateway || (!c->chat == !c->member))
        check_fault(c, "the file", "it names a gateway, and a chat or a member");
    if (c->faults)
        return;
    for (int i = 0; i < 4; i++)
        check_list(c, lists[i]);
    cJSON_ArrayForEach (o, cJSON_GetObjectItemCaseSensitive(c->file, "keys"))
        check_run(c, o);
    cJSON_ArrayForEach (o, cJSON_GetObjectItemCaseSensitive(c->file, "pins"))
        check_pin(c, o);
}

cJSON *import_read(const char *path)
{
    struct buf text = {0};
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    size_t n;
    while (f && (n = fread(buf_reserve(&text, 65536), 1, 65536, f)) > 0)
        text.len += n;
    if (f && f != stdin)
        fclose(f);
    struct check c = {.file = f ? cJSON_ParseWithLength(buf_cstr(&text), text.len) : NULL};
    if (!f)
        check_fault(&c, path, "it cannot be opened");
    else if (!c.file)
        check_fault(&c, path, "it is not JSON");
    else
        check_file(&c);
    if (c.faults > CHECK_FAULTS)
        fprintf(stderr, "sopd ctl: and %d more\n", c.faults - CHECK_FAULTS);
    buf_free(&text);
    name_free(&c.keys);
    if (!c.faults)
        return (cJSON *)c.file;
    cJSON_Delete((cJSON *)c.file);
    return NULL;
}
