/* ob_dedupe.c -- what an account has seen lately. Platforms repeat themselves within seconds (two notices for one join), after
 * reconnects, and over several links to one account; the engine's own memory of handled turns sits behind this one and
 * knows exact repeats only.
 * Owns: the list of accounts of this process; per account three window tables (messages, notices, requests): a ring of
 * entries, oldest first, with a hash index. Tables grow with use and are bounded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/ob.h"

enum { OB_SEEN_FIRST = 64, OB_MINUTE = 60 /* windows are in seconds */ };
#define OB_SEEN_NOTHING \
    ((uint64_t)1 << 63) /* turned over in a key whose event shall be new again */

/* 24 bytes: 200 busy accounts keep thousands each. */
struct ob_seen_entry {
    uint64_t key;
    uint32_t extra;        /* messages: hash of the content; notices: of the event's key */
    uint32_t at_s, time_s; /* seen (monotonic), the platform's time */
    int32_t next;          /* in the bucket */
};

struct ob_seen {
    struct ob_seen_entry *ring;
    int32_t *buckets; /* as many as entries */
    uint32_t cap, max, head, count;
    uint32_t longest_s; /* no window of this table is longer */
};

static struct ob_account *ob_accounts;

static struct ob_seen *ob_seen_new(uint32_t max, uint32_t longest_s)
{
    struct ob_seen *s = MEM_NEW(struct ob_seen);
    s->max = max;
    s->longest_s = longest_s;
    return s;
}

static void ob_seen_free(struct ob_seen *s)
{
    if (!s)
        return;
    free(s->ring);
    free(s->buckets);
    free(s);
}

static void ob_seen_link(struct ob_seen *s, uint32_t i)
{
    uint32_t b = (uint32_t)s->ring[i].key & (s->cap - 1);
    s->ring[i].next = s->buckets[b];
    s->buckets[b] = (int32_t)i;
}

static void ob_seen_grow(struct ob_seen *s)
{
    uint32_t cap = s->cap ? s->cap * 2 : OB_SEEN_FIRST;
    struct ob_seen_entry *ring = mem_alloc(cap * sizeof *ring);
    for (uint32_t i = 0; i < s->count; i++)
        ring[i] = s->ring[(s->head + i) & (s->cap - 1)];
    free(s->ring);
    free(s->buckets);
    s->ring = ring;
    s->buckets = mem_alloc(cap * sizeof *s->buckets);
    memset(s->buckets, 0xFF, cap * sizeof *s->buckets);
    s->cap = cap;
    s->head = 0;
    for (uint32_t i = 0; i < s->count; i++)
        ob_seen_link(s, i);
}

static void ob_seen_drop_oldest(struct ob_seen *s)
{
    struct ob_seen_entry *e = &s->ring[s->head];
    int32_t *at = &s->buckets[(uint32_t)e->key & (s->cap - 1)];
    while (*at != (int32_t)s->head)
        at = &s->ring[*at].next;
    *at = e->next;
    s->head = (s->head + 1) & (s->cap - 1);
    s->count--;
}

static uint32_t ob_seen_age(const struct ob_seen_entry *e, int64_t now_ms)
{
    return (uint32_t)(now_ms / 1000) - e->at_s;
}

/* The latest entry of that key not older than the window; NULL if there is none. */
static struct ob_seen_entry *ob_seen_find(struct ob_seen *s, uint64_t key, int64_t now_ms,
                                          uint32_t window_s)
{
    if (!s->cap)
        return NULL;
    for (int32_t i = s->buckets[(uint32_t)key & (s->cap - 1)]; i >= 0; i = s->ring[i].next)
        if (s->ring[i].key == key && ob_seen_age(&s->ring[i], now_ms) <= window_s)
            return &s->ring[i];
    return NULL;
}

/* Full: what is too old for any window goes first, then the table grows, then the oldest goes. */
static void ob_seen_make_room(struct ob_seen *s, int64_t now_ms)
{
    if (s->count < s->cap)
        return;
    while (s->count && ob_seen_age(&s->ring[s->head], now_ms) > s->longest_s)
        ob_seen_drop_oldest(s);
    if (s->count < s->cap)
        return;
    if (s->cap < s->max)
        ob_seen_grow(s);
    else
        ob_seen_drop_oldest(s);
}

static void ob_seen_add(struct ob_seen *s, uint64_t key, uint64_t extra, int64_t now_ms,
                        int64_t time_ms)
{
    ob_seen_make_room(s, now_ms);
    uint32_t i = (s->head + s->count) & (s->cap - 1);
    s->ring[i] = (struct ob_seen_entry){.key = key,
                                        .extra = (uint32_t)extra,
                                        .at_s = (uint32_t)(now_ms / 1000),
                                        .time_s = (uint32_t)(time_ms / 1000)};
    s->count++;
    ob_seen_link(s, i);
}

/* ---- accounts ---- */

struct ob_account *ob_account_get(const char *self_id)
{
    struct ob_account *a = ob_accounts;
    while (a && strcmp(a->self_id, self_id) != 0)
        a = a->next;
    if (!a) {
        a = MEM_NEW(struct ob_account);
        snprintf(a->self_id, sizeof a->self_id, "%s", self_id);
        a->messages = ob_seen_new(4096, 10 * OB_MINUTE);
        a->notices = ob_seen_new(2048, OB_MINUTE);
        a->requests = ob_seen_new(512, 24 * 60 * OB_MINUTE);
        a->next = ob_accounts;
        ob_accounts = a;
    }
    a->refs++;
    return a;
}

void ob_account_put(struct ob_account *a)
{
    if (!a || --a->refs)
        return;
    struct ob_account **at = &ob_accounts;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    ob_seen_free(a->messages);
    ob_seen_free(a->notices);
    ob_seen_free(a->requests);
    free(a);
}

/* ---- which window an event belongs to ---- */

/* A running hash over strings, each with its end. */
static uint64_t ob_mix(uint64_t h, const char *s)
{
    return hash_more(h, s, strlen(s) + 1);
}

static uint64_t ob_mix_int(uint64_t h, int64_t n)
{
    return hash_more(h, &n, sizeof n);
}

static uint64_t ob_content(const struct event *e)
{
    uint64_t h = ob_mix(ob_mix(0, e->user), e->text);
    for (int i = 0; i < e->nsegments; i++)
        h = ob_mix(ob_mix(h, e->segments[i].kind), e->segments[i].id);
    return h;
}

static uint64_t ob_message_identity(const struct event *e)
{
    return ob_mix(ob_mix(hash_string(e->chat), e->key), e->type == EVENT_RECALL ? "r" : "");
}

/* Messages: by id within the chat. Some platforms make ids that collide: the same id, a minute apart and with other
 * content, is another message, whose key gets its time. */
static bool ob_dedupe_message(struct ob_account *a, struct event *e, int64_t now)
{
    uint64_t key = ob_message_identity(e);
    uint64_t content = ob_content(e);
    const struct ob_seen_entry *seen = ob_seen_find(a->messages, key, now, 10 * OB_MINUTE);
    if (seen) {
        int32_t apart = (int32_t)(seen->time_s - (uint32_t)(e->time_ms / 1000));
        bool far = apart > OB_MINUTE || apart < -OB_MINUTE;
        if (!far || seen->extra == (uint32_t)content)
            return true;
        ob_event_key(e, "%s.%lld", e->key, (long long)ob_event_seconds(e));
        uint64_t again = ob_mix(hash_string(e->chat), e->key);
        if (ob_seen_find(a->messages, again, now, 10 * OB_MINUTE))
            return true;
        ob_seen_add(a->messages, again, content, now, e->time_ms);
        return false;
    }
    ob_seen_add(a->messages, key, content, now, e->time_ms);
    return false;
}

static enum ob_seen_how ob_dedupe_request(struct ob_account *a, const struct event *e, int64_t now)
{
    uint64_t by_flag = ob_mix(ob_mix(hash_string(e->sub), e->flag), "flag");
    uint64_t by_who =
        ob_mix(ob_mix(ob_mix(hash_string(e->sub), e->chat), e->user), e->segments[0].text);
    if (ob_seen_find(a->requests, by_flag, now, 24 * 60 * OB_MINUTE)) {
        ob_seen_add(a->requests, by_flag, 0, now, 0);
        return OB_SEEN_AGAIN;
    }
    bool seen = ob_seen_find(a->requests, by_who, now, OB_MINUTE);
    ob_seen_add(a->requests, by_flag, 0, now, 0);
    if (!seen)
        ob_seen_add(a->requests, by_who, 0, now, 0);
    return seen ? OB_SEEN_NEAR : OB_SEEN_NEW;
}

/* What makes two notices the same, and for how long (0: exact repeats within 2 s). */
static uint64_t ob_notice_identity(const struct event *e, uint32_t *window)
{
    uint64_t h = ob_mix_int(ob_mix(ob_mix(hash_string(e->chat), e->user), "notice"), e->type);
    switch (e->type) {
    case EVENT_JOIN:
    case EVENT_LEAVE: *window = OB_MINUTE; return h;
    case EVENT_MUTE:
        *window = OB_MINUTE;
        return ob_mix_int(ob_mix_int(ob_mix(h, e->sub), e->number), e->time_ms);
    case EVENT_FILE: *window = 10; return ob_mix(h, e->text);
    case EVENT_ADMIN:
    case EVENT_CARD:
    case EVENT_ESSENCE:
    case EVENT_HONOR:
    case EVENT_CHAT: *window = 30; return ob_mix(ob_mix(ob_mix(h, e->sub), e->text), e->message_id);
    default: *window = 2; return ob_mix(ob_mix(h, e->target), e->key);
    }
}

static enum ob_seen_how ob_dedupe_notice(struct ob_account *a, const struct event *e, int64_t now)
{
    uint32_t window;
    uint64_t key = ob_notice_identity(e, &window);
    const struct ob_seen_entry *seen = ob_seen_find(a->notices, key, now, window);
    /* after a gap much comes at once: what happened at other times is no repeat */
    int64_t apart = seen ? (int64_t)seen->time_s - ob_event_seconds(e) : 0;
    if (seen && apart <= window && apart >= -(int64_t)window)
        return seen->extra == (uint32_t)hash_string(e->key) ? OB_SEEN_AGAIN : OB_SEEN_NEAR;
    ob_seen_add(a->notices, key, hash_string(e->key), now, e->time_ms);
    return OB_SEEN_NEW;
}

enum ob_seen_how ob_dedupe(struct ob_account *a, struct event *e, int64_t now_ms)
{
    switch (e->type) {
    case EVENT_MESSAGE:
    case EVENT_RECALL: return ob_dedupe_message(a, e, now_ms) ? OB_SEEN_AGAIN : OB_SEEN_NEW;
    case EVENT_REQUEST: return ob_dedupe_request(a, e, now_ms);
    case EVENT_FILE: /* a file message has an id as well; both must be new */
        if (*e->message_id && ob_dedupe_message(a, e, now_ms))
            return OB_SEEN_AGAIN;
        return ob_dedupe_notice(a, e, now_ms);
    default: return ob_dedupe_notice(a, e, now_ms);
    }
}

/* Its entry matches nothing any more; the place in its bucket stays. */
static void ob_seen_drop(struct ob_seen *s, uint64_t key, int64_t now_ms)
{
    struct ob_seen_entry *seen = ob_seen_find(s, key, now_ms, s->longest_s);
    if (seen)
        seen->key ^= OB_SEEN_NOTHING;
}

void ob_dedupe_forget(struct ob_account *a, const struct event *e, int64_t now_ms)
{
    uint32_t window;
    bool message = e->type == EVENT_MESSAGE || e->type == EVENT_RECALL;
    if (message || (e->type == EVENT_FILE && *e->message_id))
        ob_seen_drop(a->messages, ob_message_identity(e), now_ms);
    if (!message && e->type != EVENT_REQUEST)
        ob_seen_drop(a->notices, ob_notice_identity(e, &window), now_ms);
}
