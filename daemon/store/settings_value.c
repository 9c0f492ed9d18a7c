/* settings_value.c -- see settings_value.h. */
#include "store/settings_value.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/timefmt.h"

static const char *const value_roots[SETTINGS_TAGS + 1] = {
    [SETTINGS_TOGGLES] = "sopd:toggles",   [SETTINGS_PARAMS] = "sopd:params",
    [SETTINGS_PAUSED] = "sopd:paused",     [SETTINGS_STAFF] = "sopd:staff",
    [SETTINGS_VERSIONS] = "sopd:versions", [SETTINGS_TAGS] = "sopd:chat-tags"};

const char *settings_root(int kind)
{
    return value_roots[kind];
}

/* Keys are made with their parts encoded, so one with a blank or worse is nobody's. */
static bool value_is_plain(const char *key, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)key[i] <= ' ')
            return false;
    return true;
}

int settings_kind_of(const char *key, size_t len)
{
    for (int i = 0; i <= SETTINGS_TAGS; i++) {
        size_t n = strlen(value_roots[i]);
        if (len < n || memcmp(key, value_roots[i], n) != 0)
            continue;
        if ((len == n && i != SETTINGS_TAGS) || (len > n + 1 && key[n] == ':'))
            return value_is_plain(key, len) ? i : -1;
    }
    return -1;
}

/* "on" and "off", and what people write instead of them; NULL: neither. */
static const char *value_switch(const char *s)
{
    static const char *const on[] = {"on", "1", "true", "yes", "开"};
    static const char *const off[] = {"off", "0", "false", "no", "关"};
    s += strspn(s, " ");
    size_t n = strcspn(s, " \r\n");
    if (s[n + strspn(s + n, " \r\n")])
        return NULL;
    for (int i = 0; i < 5; i++) {
        if (strlen(on[i]) == n && strncasecmp(s, on[i], n) == 0)
            return "on";
        if (strlen(off[i]) == n && strncasecmp(s, off[i], n) == 0)
            return "off";
    }
    return NULL;
}

static char *value_toggle(const char *s, struct buf *why, struct buf *remedy)
{
    const char *word = value_switch(s);
    if (word)
        return mem_strdup(word);
    buf_adds(why, "a toggle is on or off");
    buf_adds(remedy, "HSET KEY FIELD on, or off; HDEL KEY FIELD for what a weaker layer says");
    return NULL;
}

static char *value_pause(const char *s, const struct zone *zone, struct buf *why,
                         struct buf *remedy)
{
    const char *word = value_switch(s);
    int64_t ms;
    if (word)
        return mem_strdup(strcmp(word, "on") == 0 ? "yes" : "no");
    if (time_parse_moment(s, zone, &ms)) {
        struct buf out = {0};
        buf_addi(&out, ms);
        return buf_take(&out);
    }
    buf_adds(why, "a pause is yes, or the time until which it lasts");
    buf_adds(remedy, "HSET KEY FIELD yes, or 2026-11-22T20:00; HDEL KEY FIELD to resume");
    return NULL;
}

static char *value_version(const char *s, struct buf *why, struct buf *remedy)
{
    if (strcmp(s, "newest") == 0 || strcmp(s, "none") == 0 ||
        (strlen(s) == 16 && strspn(s, "0123456789abcdef") == 16))
        return mem_strdup(s);
    buf_adds(why, "a version is 16 hexadecimal digits, newest, or none");
    buf_adds(remedy, "`sopd ctl rollout` lists the versions that there are");
    return NULL;
}

/* Takes the next tag of "a, b，c": where it begins and how long it is, without blanks around it; returns what follows. */
static const char *value_next_tag(const char *s, const char **tag, size_t *len)
{
    size_t n = strcspn(s, ",");
    const char *wide = strstr(s, "，"), *rest = s + n + (s[n] == ',');
    if (wide && (size_t)(wide - s) < n) {
        n = (size_t)(wide - s);
        rest = wide + strlen("，");
    }
    size_t from = strspn(s, " \t");
    if (from > n)
        from = n;
    while (n > from && (s[n - 1] == ' ' || s[n - 1] == '\t'))
        n--;
    *tag = s + from;
    *len = n - from;
    return rest;
}

static bool value_is_tag(const char *s, size_t len)
{
    if (len > 64)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)s[i] < ' ' || strchr("[]{}\"'", s[i]))
            return false;
    return true;
}

static char *value_tags(const char *s, struct buf *why, struct buf *remedy)
{
    struct buf out = {0};
    int n = 0;
    while (*s && !why->len) {
        const char *tag;
        size_t len;
        s = value_next_tag(s, &tag, &len);
        if (!len)
            continue;
        if (!value_is_tag(tag, len))
            buf_adds(why, "a tag is a short word without quotes and brackets");
        else if (++n > SETTINGS_TAGS_MAX)
            buf_addf(why, "a chat has at most %d tags", SETTINGS_TAGS_MAX);
        if (out.len)
            buf_addc(&out, ',');
        buf_add(&out, tag, len);
    }
    if (!why->len) {
        buf_cstr(&out);
        return buf_take(&out);
    }
    buf_adds(remedy, "HSET KEY FIELD store,north: words, separated by commas");
    buf_free(&out);
    return NULL;
}

char *settings_value_read(int kind, const char *value, size_t len, const struct zone *zone,
                          struct buf *why, struct buf *remedy)
{
    if (len >= SETTINGS_VALUE_MAX || strlen(value) != len) {
        buf_adds(why, len >= SETTINGS_VALUE_MAX ? "it is longer than 64 KiB" : "it is no text");
        buf_adds(remedy, "HSET KEY FIELD with a shorter text, or HDEL KEY FIELD");
        return NULL;
    }
    switch (kind) {
    case SETTINGS_TOGGLES: return value_toggle(value, why, remedy);
    case SETTINGS_PAUSED: return value_pause(value, zone, why, remedy);
    case SETTINGS_VERSIONS: return value_version(value, why, remedy);
    case SETTINGS_TAGS: return value_tags(value, why, remedy);
    default: return mem_strdup(value);
    }
}

int64_t settings_pause_end(const char *value)
{
    if (strcmp(value, "yes") == 0)
        return INT64_MAX;
    return strcmp(value, "no") == 0 ? 0 : strtoll(value, NULL, 10);
}
