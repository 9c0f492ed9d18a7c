/* settings_load.c -- reads Redis into the mirror: passes over all keys, single keys that are reported as changed, known keys where
 * nothing is reported, and at the start what was recorded before. Callers: settings.c, settings_watch.c, settings_audit.c. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/settings_internal.h"
#include "store/settings_value.h"

enum {
    LOAD_POLL_MS = 30000,
    LOAD_QUICK_MS = 1000,
    LOAD_REST_FACTOR =
        100, /* passes, and looks at known keys: at most one percent of the time each */
    LOAD_MANY = 50000
};

/* The keys that whole passes have found, and "-". Among millions of other keys a pass takes seconds; a start reads these, and the
 * pass goes on behind it. */
static const char load_index[] = "sopd:settings-keys";
static const char load_seen[] = "sopd:settings-seen";

/* What an HGETALL on its way is for. */
enum load_reason { LOAD_PASS, LOAD_LOOK, LOAD_REPORT };

struct settings_read {
    struct settings *s;
    enum load_reason reason;
    char *key;
    bool again;                 /* REPORT: it was changed once more meanwhile */
    struct settings_read *next; /* REPORT: in s->in_flight */
};

static void load_ignore(void *ud, const redisReply *reply)
{
    (void)ud;
    (void)reply;
}

/* ---- ready ---- */

static void load_on_past(void *ud, const redisReply *reply);

static void load_ask_past(struct settings *s, const char *cursor)
{
    const char *argv[] = {"HSCAN", load_seen, cursor, "COUNT", "1000"};
    if (!redis_command(s->cmd, load_on_past, s, 5, argv, NULL))
        s->past = false;
}

/* "<key> <field>" -> value: what was there when it was recorded. */
static void load_take_past(struct settings *s, const redisReply *id, const redisReply *value)
{
    const char *blank = id->str ? strchr(id->str, ' ') : NULL;
    if (!blank || !mirror_wants(id->str, (size_t)(blank - id->str)))
        return;
    char *key = mem_strndup(id->str, (size_t)(blank - id->str));
    if (!mirror_knows(s->mirror, key, blank + 1)) {
        if (value->str)
            mirror_set_past(s->mirror, key, blank + 1, value->str);
        if (!mirror_knows(s->mirror, key, ""))
            settings_audit_absent(s, key, blank + 1);
    }
    free(key);
}

static void load_on_past(void *ud, const redisReply *reply)
{
    struct settings *s = ud;
    if (s->closing)
        return;
    bool good = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
    const redisReply *list = good ? reply->element[1] : NULL;
    for (size_t i = 0; list && i + 1 < list->elements; i += 2)
        load_take_past(s, list->element[i], list->element[i + 1]);
    if (good && strcmp(reply->element[0]->str, "0") != 0) {
        load_ask_past(s, reply->element[0]->str);
        return;
    }
    s->past = false;
    s->pasted = reply != NULL;
    settings_try_loaded(s);
}

/* Everything is read, then what was recorded before is compared with it, then good values of before take the place of wrong ones. */
void settings_try_loaded(struct settings *s)
{
    if (s->loaded || !s->filled || s->closing)
        return;
    if (!s->pasted && !s->past && redis_is_up(s->cmd)) {
        s->past = true;
        load_ask_past(s, "0");
        return;
    }
    s->loaded = s->pasted && (settings_audit_idle(s) || s->record_next);
}

/* ---- single keys ---- */

static void load_store(struct settings *s, struct settings_read *r, const redisReply *reply)
{
    size_t n = reply->elements;
    const char **words = mem_alloc((n + 1) * sizeof *words);
    size_t *lens = mem_alloc((n + 1) * sizeof *lens);
    for (size_t i = 0; i < n; i++) {
        words[i] = reply->element[i]->str ? reply->element[i]->str : "";
        lens[i] = (size_t)reply->element[i]->len;
    }
    if (mirror_set(s->mirror, r->key, n, words, lens) && r->reason != LOAD_REPORT)
        settings_missed(s);
    free(words);
    free(lens);
}

static void load_pass_end(struct settings *s, bool complete);

static void load_read_done(struct settings *s, const struct settings_read *r, bool lost)
{
    if (r->reason == LOAD_PASS && s->scanning) {
        if (lost)
            load_pass_end(s, false); /* the link is gone; a new one begins a new pass */
        else if (--s->reads == 0 && s->scan_done)
            load_pass_end(s, true);
    } else if (r->reason == LOAD_LOOK && --s->looks == 0) {
        int64_t now = clock_mono(s->clock), rest = (now - s->look_started) * LOAD_REST_FACTOR;
        s->looking = false;
        s->look_next = now + (rest > LOAD_QUICK_MS ? rest : LOAD_QUICK_MS);
    }
}

static bool load_send(struct settings_read *r);

static void load_forget(struct settings_read *r)
{
    struct settings_read **p = &r->s->in_flight;
    while (r->reason == LOAD_REPORT && *p && *p != r)
        p = &(*p)->next;
    if (r->reason == LOAD_REPORT && *p)
        *p = r->next;
    free(r->key);
    free(r);
}

static void load_on_hash(void *ud, const redisReply *reply)
{
    struct settings_read *r = ud;
    struct settings *s = r->s;
    if (reply && reply->type == REDIS_REPLY_ARRAY)
        load_store(s, r, reply);
    else if (reply && reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "WRONGTYPE", 9) == 0)
        mirror_set_wrong(s->mirror, r->key);
    else if (reply && reply->type == REDIS_REPLY_ERROR)
        log_warn("settings cannot be read", "key", r->key, "error", reply->str, NULL);
    load_read_done(s, r, !reply);
    if (reply && r->again && !s->closing) {
        r->again = false;
        if (load_send(r))
            return;
    }
    load_forget(r);
}

static bool load_send(struct settings_read *r)
{
    return redis_command(r->s->cmd, load_on_hash, r, 2, (const char *[]){"HGETALL", r->key}, NULL);
}

static struct settings_read *load_read(struct settings *s, const char *key, size_t len,
                                       enum load_reason reason)
{
    struct settings_read *r = MEM_NEW(struct settings_read);
    r->s = s;
    r->reason = reason;
    r->key = mem_strndup(key, len);
    if (load_send(r))
        return r;
    free(r->key);
    free(r);
    return NULL;
}

/* Many edits of one hash are read together: one reading is on its way, and at most one follows it. */
void settings_key_changed(struct settings *s, const char *key, size_t len)
{
    struct settings_read *r = s->in_flight;
    while (r && (strlen(r->key) != len || memcmp(r->key, key, len) != 0))
        r = r->next;
    if (r) {
        r->again = true;
        return;
    }
    r = load_read(s, key, len, LOAD_REPORT);
    if (!r)
        return;
    r->next = s->in_flight;
    s->in_flight = r;
    redis_command(s->cmd, load_ignore, s, 3, (const char *[]){"SADD", load_index, r->key}, NULL);
}

/* ---- known keys ---- */

static void load_look_at(struct settings *s, const char *key, size_t len)
{
    s->looks += load_read(s, key, len, LOAD_LOOK) != NULL;
}

/* The index: keys of which another daemon or `sopd ctl` knows. */
static void load_on_known(void *ud, const redisReply *reply)
{
    struct settings *s = ud;
    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const redisReply *key = reply->element[i];
        if (!key->str || !mirror_wants(key->str, (size_t)key->len))
            continue;
        load_look_at(s, key->str, (size_t)key->len);
    }
    for (int i = 0; reply && i < SETTINGS_KINDS; i++) /* those that are there whoever makes them */
        load_look_at(s, settings_root(i), strlen(settings_root(i)));
    /* this question counts as one of them, so that the answers are counted to the end */
    struct settings_read end = {.s = s, .reason = LOAD_LOOK};
    load_read_done(s, &end, !reply);
}

void settings_look(struct settings *s)
{
    if (s->looking || s->scanning || !redis_is_up(s->cmd) || clock_mono(s->clock) < s->look_next)
        return;
    s->looking = true;
    s->look_started = clock_mono(s->clock);
    s->looks = 1;
    if (redis_command(s->cmd, load_on_known, s, 2, (const char *[]){"SMEMBERS", load_index}, NULL))
        return;
    s->looks = 0;
    s->looking = false;
}

/* ---- passes ---- */

/* Adds what this pass found, if that is news. A key that is gone may stay: it is read as empty. */
static void load_write_index(struct settings *s)
{
    uint64_t hash = hash_more(1, buf_cstr(&s->found), s->found.len);
    if (hash == s->indexed)
        return;
    s->indexed = hash;
    struct buf cmd = {0};
    buf_add_array(&cmd, s->nfound + 3);
    buf_add_bulk(&cmd, "SADD", 4);
    buf_add_bulk(&cmd, load_index, sizeof load_index - 1);
    buf_add_bulk(&cmd, "-", 1);
    buf_add(&cmd, buf_cstr(&s->found), s->found.len);
    redis_send(s->cmd, buf_cstr(&cmd), cmd.len, load_ignore, s);
    buf_free(&cmd);
}

static void load_pass_end(struct settings *s, bool complete)
{
    s->scanning = false;
    s->reads = 0;
    if (s->closing)
        return;
    if (complete) {
        mirror_sweep(s->mirror);
        load_write_index(s);
        s->filled = true;
        settings_try_loaded(s);
    }
    int64_t now = clock_mono(s->clock), rest = (now - s->scan_started) * LOAD_REST_FACTOR;
    int64_t least = s->hearing == HEARING_ON ? LOAD_POLL_MS : LOAD_QUICK_MS;
    s->scan_next = now + (rest > least ? rest : least);
    if (complete && s->again)
        settings_pass(s);
}

static void load_on_scan(void *ud, const redisReply *reply);

static void load_scan(struct settings *s, const char *cursor)
{
    const char *count = s->filled ? "200" : "1000"; /* small steps keep others from waiting */
    const char *argv[] = {"SCAN", cursor, "MATCH", "sopd:[tpcsv]*", "COUNT", count};
    if (!redis_command(s->cmd, load_on_scan, s, 6, argv, NULL))
        load_pass_end(s, false);
}

static void load_on_scan(void *ud, const redisReply *reply)
{
    struct settings *s = ud;
    if (!s->scanning)
        return;
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        if (reply && reply->type == REDIS_REPLY_ERROR)
            log_warn("the settings cannot be read", "error", reply->str, NULL);
        load_pass_end(s, false);
        return;
    }
    const redisReply *keys = reply->element[1];
    for (size_t i = 0; i < keys->elements; i++) {
        const redisReply *key = keys->element[i];
        if (!mirror_wants(key->str, (size_t)key->len))
            continue;
        s->reads += load_read(s, key->str, (size_t)key->len, LOAD_PASS) != NULL;
        buf_add_bulk(&s->found, key->str, (size_t)key->len);
        s->nfound++;
    }
    s->scan_done = strcmp(reply->element[0]->str, "0") == 0;
    if (!s->scan_done)
        load_scan(s, reply->element[0]->str);
    else if (s->reads == 0)
        load_pass_end(s, true);
}

static void load_on_size(void *ud, const redisReply *reply)
{
    struct settings *s = ud;
    s->many = reply && reply->type == REDIS_REPLY_INTEGER && reply->integer > LOAD_MANY;
}

/* All that the index named was read. */
static void load_on_indexed(void *ud, const redisReply *reply)
{
    struct settings *s = ud;
    if (!reply || reply->type == REDIS_REPLY_ERROR || s->closing)
        return;
    s->filled = true;
    settings_try_loaded(s);
}

static void load_on_index(void *ud, const redisReply *reply)
{
    struct settings *s = ud;
    if (!s->many || !s->scanning || s->closing || !reply || reply->type != REDIS_REPLY_ARRAY ||
        !reply->elements)
        return;
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *key = reply->element[i];
        if (key->str && mirror_wants(key->str, (size_t)key->len))
            s->reads += load_read(s, key->str, (size_t)key->len, LOAD_PASS) != NULL;
    }
    redis_command(s->cmd, load_on_indexed, s, 1, (const char *[]){"PING"}, NULL);
}

void settings_pass(struct settings *s)
{
    if (s->scanning) {
        s->again = true;
        return;
    }
    if (!redis_is_up(s->cmd))
        return;
    s->again = false;
    s->scanning = true;
    s->scan_done = false;
    s->reads = 0;
    s->scan_started = clock_mono(s->clock);
    buf_reset(&s->found);
    s->nfound = 0;
    mirror_begin(s->mirror);
    if (!s->filled) {
        redis_command(s->cmd, load_on_size, s, 1, (const char *[]){"DBSIZE"}, NULL);
        redis_command(s->cmd, load_on_index, s, 2, (const char *[]){"SMEMBERS", load_index}, NULL);
    }
    load_scan(s, "0");
}

void settings_load_free(struct settings *s)
{
    buf_free(&s->found);
}
