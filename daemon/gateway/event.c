/* event.c -- see event.h. Arenas are chains of blocks; the first block holds the event itself, so an ordinary event is
 * one allocation, taken from a pool of blocks of the usual size. */
#include "gateway/event.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/utf8.h"

enum { EVENT_BLOCK = 2048, EVENT_POOL = 256, EVENT_KEY_MAX = 120, EVENT_KEY_CUT = 40 };

struct event_block {
    struct event_block *next;
    size_t used, cap;
    _Alignas(16) char data[];
};

static struct event_block *event_pool;
static int event_pooled;

static const char *const event_names[EVENT_TYPES] = {
    "message", "join", "leave", "poke",    "recall", "request",  "enter",
    "button",  "mute", "admin", "card",    "file",   "reaction", "essence",
    "honor",   "chat", "order", "trigger", "gap",    "other",
};

static struct event_block *event_block_new(size_t cap)
{
    if (cap <= EVENT_BLOCK && event_pool) {
        struct event_block *b = event_pool;
        event_pool = b->next;
        event_pooled--;
        b->next = NULL;
        b->used = 0;
        return b;
    }
    if (cap < EVENT_BLOCK)
        cap = EVENT_BLOCK;
    struct event_block *b = mem_alloc(sizeof *b + cap);
    b->next = NULL;
    b->used = 0;
    b->cap = cap;
    return b;
}

static void event_block_free(struct event_block *b)
{
    if (b->cap == EVENT_BLOCK && event_pooled < EVENT_POOL) {
        b->next = event_pool;
        event_pool = b;
        event_pooled++;
        return;
    }
    free(b);
}

static struct event_block *event_block_of(struct event *e)
{
    return (struct event_block *)((char *)e - offsetof(struct event_block, data));
}

static void *event_take(struct event *e, size_t size, size_t align)
{
    struct event_block *head = event_block_of(e), *b = head->next ? head->next : head;
    size_t at = (b->used + align - 1) & ~(align - 1);
    if (at + size > b->cap) {
        b = event_block_new(size > EVENT_BLOCK ? size : EVENT_BLOCK);
        b->next = head->next;
        head->next = b;
        at = 0;
    }
    b->used = at + size;
    return b->data + at;
}

struct event *event_new(enum event_type type, size_t room)
{
    (void)room; /* blocks chain as needed; most events fit the first */
    struct event_block *b = event_block_new(EVENT_BLOCK);
    struct event *e = (struct event *)(void *)b->data;
    b->used = sizeof *e;
    memset(e, 0, sizeof *e);
    e->type = type;
    const char **strings[] = {&e->chat,        &e->key,    &e->user,       &e->name,     &e->role,
                              &e->operator_id, &e->target, &e->message_id, &e->reply_to, &e->sub,
                              &e->flag,        &e->text,   &e->chat_name,  &e->via,      &e->ref};
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++)
        *strings[i] = "";
    return e;
}

void event_free(struct event *e)
{
    if (!e)
        return;
    struct event_block *b = event_block_of(e);
    while (b) {
        struct event_block *next = b->next;
        event_block_free(b);
        b = next;
    }
}

size_t event_size(struct event *e)
{
    size_t n = 0;
    for (const struct event_block *b = event_block_of(e); b; b = b->next)
        n += sizeof *b + b->cap;
    return n;
}

const char *event_string(struct event *e, const char *s, size_t len)
{
    if (!len)
        return "";
    char *copy = event_take(e, len + 1, 1);
    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

void *event_room(struct event *e, size_t size)
{
    return memset(event_take(e, size, 16), 0, size);
}

const char *event_text(struct event *e, const char *s, size_t len, size_t max)
{
    static struct buf clean;
    if (!len)
        return "";
    buf_reset(&clean);
    utf8_clean(&clean, s, utf8_cut(s, len, max));
    return event_string(e, clean.data, clean.len);
}

const char *event_key(struct event *e, const char *fmt, ...)
{
    char key[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(key, sizeof key, fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof key ? (size_t)n : sizeof key - 1;
    if (len > EVENT_KEY_MAX) { /* flags of requests, say */
        uint64_t h = hash_bytes(key, len);
        len = utf8_cut(key, len, EVENT_KEY_CUT);
        len += (size_t)snprintf(key + len, sizeof key - len, "#%016llx", (unsigned long long)h);
    }
    return e->key = event_string(e, key, len);
}

const char *event_prefixed(struct event *e, char first, const char *id)
{
    size_t n = strlen(id);
    char *s = event_room(e, n + 2);
    s[0] = first;
    memcpy(s + 1, id, n + 1);
    return s;
}

void event_key_message(struct event *e)
{
    if (*e->message_id) {
        e->key = event_prefixed(e, 'm', e->message_id);
        return;
    }
    uint64_t h = hash_string(e->user);
    for (int i = 0; i < e->nsegments; i++) {
        h = hash_more(h, e->segments[i].kind, strlen(e->segments[i].kind));
        h = hash_more(h, e->segments[i].id, strlen(e->segments[i].id));
        h = hash_more(h, e->segments[i].text, strlen(e->segments[i].text));
    }
    event_key(e, "h%016llx.%lld", (unsigned long long)h, (long long)(e->time_ms / 1000));
}

bool event_file_alone(struct event *e)
{
    const struct segment *file = NULL;
    for (int i = 0; i < e->nsegments; i++) {
        const struct segment *s = &e->segments[i];
        if (s->type == SEGMENT_FILE && !file)
            file = s;
        else if (s->type != SEGMENT_REPLY && !(s->type == SEGMENT_TEXT && !*s->text))
            return false;
    }
    if (!file)
        return false;
    e->type = EVENT_FILE;
    e->text = file->text;
    return true;
}

const char *event_type_name(enum event_type type)
{
    return (unsigned)type < EVENT_TYPES ? event_names[type] : "other";
}

int event_type_parse(const char *name)
{
    for (int i = 0; i < EVENT_TYPES; i++)
        if (strcmp(event_names[i], name) == 0)
            return i;
    return -1;
}

void event_pool_free(void)
{
    while (event_pool) {
        struct event_block *next = event_pool->next;
        free(event_pool);
        event_pool = next;
    }
    event_pooled = 0;
}
