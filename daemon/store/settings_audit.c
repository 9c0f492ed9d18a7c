/* settings_audit.c -- every edit once in the stream sopd:audit, an alarm for each wrong one, and the good values of before
 * (settings_audit.lua does what must be one step). Also makes the command by which sopd itself edits. Callers: settings*.c; the
 * engine and cli for settings_edit_command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/settings_internal.h"
#include "store/settings_value.h"

enum { AUDIT_BATCH = 200, AUDIT_RETRY_MS = 1000, AUDIT_WORDS = 8 };

static const char audit_length[] = "100000";

extern const char embed_settings_audit_lua[], embed_settings_edit_lua[];
extern const unsigned long embed_settings_audit_lua_len, embed_settings_edit_lua_len;

static void audit_free_item(struct settings_item *i)
{
    free(i->key);
    free(i->field);
    free(i->value);
    free(i->why);
    free(i->kept);
    free(i);
}

static void audit_free_list(struct settings_item *i)
{
    while (i) {
        struct settings_item *next = i->next;
        audit_free_item(i);
        i = next;
    }
}

void settings_audit_free(struct settings *s)
{
    audit_free_list(s->items);
    audit_free_list(s->sent);
}

bool settings_audit_idle(const struct settings *s)
{
    return s->unrecorded || (!s->items && !s->sent);
}

static struct settings_item *audit_add(struct settings *s, const char *key, const char *field)
{
    if (s->unrecorded)
        return NULL;
    struct settings_item *i = MEM_NEW(struct settings_item);
    i->key = mem_strdup(key);
    i->field = mem_strdup(field);
    *s->items_tail = i;
    s->items_tail = &i->next;
    s->nitems++;
    return i;
}

/* ---- alarms ---- */

static void audit_warn(const struct mirror_news *n)
{
    const char *value = n->value && strlen(n->value) < 200 ? n->value : "(a long text)";
    if (n->verdict == SETTINGS_ODD)
        log_warn("a setting is for nobody", "key", n->key, "field", n->field, "value", value,
                 "reason", n->why, "remedy", n->remedy, NULL);
    else
        log_warn("a setting is wrong; it is ignored", "key", n->key, "field", n->field, "value",
                 value, "reason", n->why, "remedy", n->remedy, "in_force",
                 n->kept ? n->kept : "what a weaker layer says", NULL);
}

void settings_on_news(void *ud, const struct mirror_news *n)
{
    struct settings *s = ud;
    if (n->verdict != SETTINGS_GOOD)
        audit_warn(n);
    else if (!n->edited)
        log_info("a setting is right now", "key", n->key, "field", n->field, NULL);
    struct settings_item *i = audit_add(s, n->key, n->field);
    if (!i)
        return;
    i->value = mem_strdup(n->value);
    i->verdict = n->verdict;
    i->why = mem_strdup(n->why);
    i->kept = mem_strdup(n->kept);
}

void settings_audit_absent(struct settings *s, const char *key, const char *field)
{
    audit_add(s, key, field);
}

/* ---- recording ---- */

static void audit_on_script(void *ud, const redisReply *reply)
{
    struct settings *s = ud;
    if (!reply || s->closing)
        return;
    if (reply->type == REDIS_REPLY_STRING && reply->len < SETTINGS_SEEN_SHA) {
        snprintf(s->sha, sizeof s->sha, "%s", reply->str);
        s->unrecorded = false;
        return;
    }
    s->unrecorded = true;
    log_warn("edits of settings are not recorded: Redis refuses the script", "error", reply->str,
             NULL);
    settings_try_loaded(s);
}

void settings_audit_up(struct settings *s)
{
    s->sha[0] = '\0';
    s->record_next = 0;
    redis_command(s->cmd, audit_on_script, s, 3,
                  (const char *[]){"SCRIPT", "LOAD", embed_settings_audit_lua},
                  (const size_t[]){6, 4, embed_settings_audit_lua_len});
}

/* They were not recorded: in front of the others again. */
static void audit_again(struct settings *s)
{
    if (!s->sent)
        return;
    *s->sent_tail = s->items;
    if (!s->items)
        s->items_tail = s->sent_tail;
    s->items = s->sent;
    s->sent = NULL;
}

/* What the script knew of the time before. */
static void audit_take(struct settings *s, const redisReply *reply)
{
    const struct settings_item *i = s->sent;
    for (size_t at = 0; i && at < reply->elements; i = i->next, at++) {
        const redisReply *kept = reply->element[at];
        if (kept->type != REDIS_REPLY_STRING || i->kept)
            continue;
        mirror_set_past(s->mirror, i->key, i->field, kept->str);
        log_info("a wrong setting: the last good value is in force again", "key", i->key, "field",
                 i->field, "in_force", kept->str, NULL);
    }
    audit_free_list(s->sent);
    s->sent = NULL;
}

static void audit_refused(struct settings *s, const char *error)
{
    audit_again(s);
    if (strncmp(error, "NOSCRIPT", 8) == 0) {
        settings_audit_up(s);
        return;
    }
    s->record_next = clock_mono(s->clock) + AUDIT_RETRY_MS;
    if (redis_error_passes(error))
        return;
    log_warn("edits of settings are not recorded", "error", error, NULL);
    s->unrecorded = true;
    settings_audit_free(s);
    s->items = s->sent = NULL;
    s->items_tail = &s->items;
    s->nitems = 0;
}

static void audit_on_answer(void *ud, const redisReply *reply)
{
    struct settings *s = ud;
    if (!reply)
        audit_again(s);
    else if (reply->type == REDIS_REPLY_ARRAY)
        audit_take(s, reply);
    else
        audit_refused(s, reply->str ? reply->str : "no array");
    if (!s->closing)
        settings_try_loaded(s);
}

static void audit_add_optional(struct buf *cmd, const char *text)
{
    buf_add_bulk(cmd, text ? "1" : "0", 1);
    buf_add_bulk(cmd, text ? text : "", text ? strlen(text) : 0);
}

static void audit_add_words(struct buf *cmd, const char *const *words, int n)
{
    for (int i = 0; i < n; i++)
        buf_add_bulk(cmd, words[i], strlen(words[i]));
}

static void audit_command(struct settings *s, struct buf *cmd, size_t n)
{
    static const char *const verdicts[] = {"good", "odd", "bad"};
    const char *const keys[] = {"4", "sopd:audit", "sopd:settings-seen", "sopd:settings-kept",
                                "sopd:settings-by"};
    buf_add_array(cmd, 10 + n * AUDIT_WORDS);
    buf_add_bulk(cmd, "EVALSHA", 7);
    buf_add_bulk(cmd, s->sha, strlen(s->sha));
    audit_add_words(cmd, keys, 5);
    buf_add_bulk_int(cmd, clock_wall(s->clock));
    buf_add_bulk(cmd, audit_length, sizeof audit_length - 1);
    buf_add_bulk_int(cmd, SETTINGS_VALUE_MAX);
    for (const struct settings_item *i = s->sent; i; i = i->next) {
        audit_add_words(cmd, (const char *const[]){i->key, i->field}, 2);
        audit_add_optional(cmd, i->value);
        audit_add_words(cmd, (const char *const[]){verdicts[i->verdict], i->why ? i->why : ""}, 2);
        audit_add_optional(cmd, i->kept);
    }
}

/* One call at a time: entries are in the order of the edits. */
void settings_audit_flush(struct settings *s)
{
    if (!s->items || s->sent || !s->sha[0] || s->unrecorded ||
        clock_mono(s->clock) < s->record_next)
        return;
    size_t n = 0;
    s->sent_tail = &s->sent;
    while (s->items && n < AUDIT_BATCH) {
        struct settings_item *i = s->items;
        s->items = i->next;
        i->next = NULL;
        *s->sent_tail = i;
        s->sent_tail = &i->next;
        n++;
    }
    if (!s->items)
        s->items_tail = &s->items;
    struct buf cmd = {0};
    audit_command(s, &cmd, n);
    if (!redis_send(s->cmd, buf_cstr(&cmd), cmd.len, audit_on_answer, s))
        audit_again(s);
    buf_free(&cmd);
}

/* ---- editing ---- */

void settings_edit_command(struct buf *resp, const char *who, const char *what, const char *reason,
                           int64_t now_ms, const struct settings_edit *edits, int n)
{
    const char *const keys[] = {"4", "sopd:audit", "sopd:settings-seen", "sopd:settings-kept",
                                "sopd:settings-keys"};
    buf_add_array(resp, 12 + (size_t)n * 4);
    buf_add_bulk(resp, "EVAL", 4);
    buf_add_bulk(resp, embed_settings_edit_lua, embed_settings_edit_lua_len);
    audit_add_words(resp, keys, 5);
    buf_add_bulk_int(resp, now_ms);
    audit_add_words(resp, (const char *const[]){audit_length, who, what, reason}, 4);
    for (int i = 0; i < n; i++) {
        audit_add_words(resp, (const char *const[]){edits[i].key, edits[i].field}, 2);
        audit_add_optional(resp, edits[i].value);
    }
}
