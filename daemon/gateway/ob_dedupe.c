/* ob_dedupe.c -- what an account has seen lately. Platforms repeat themselves within seconds (two notices for one join), after
 * reconnects, and over several links to one account; the engine's own memory of handled turns sits behind this one and
 * knows exact repeats only.
 * Owns: the list of accounts of this process; per account three window tables (messages, notices, requests; seen.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/ob.h"

enum { OB_MINUTE = 60 /* windows are in seconds */ };

static struct ob_account *ob_accounts;

/* ---- accounts ---- */

struct ob_account *ob_account_get(const char *self_id)
{
    struct ob_account *a = ob_accounts;
    while (a && strcmp(a->self_id, self_id) != 0)
        a = a->next;
    if (!a) {
        a = MEM_NEW(struct ob_account);
        snprintf(a->self_id, sizeof a->self_id, "%s", self_id);
        a->messages = seen_new(4096, 10 * OB_MINUTE);
        a->notices = seen_new(2048, OB_MINUTE);
        a->requests = seen_new(512, 24 * 60 * OB_MINUTE);
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
    seen_free(a->messages);
    seen_free(a->notices);
    seen_free(a->requests);
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
    const struct seen_entry *seen = seen_find(a->messages, key, now, 10 * OB_MINUTE);
    if (seen) {
        int32_t apart = (int32_t)(seen->time_s - (uint32_t)(e->time_ms / 1000));
        bool far = apart > OB_MINUTE || apart < -OB_MINUTE;
        if (!far || seen->extra == (uint32_t)content)
            return true;
        event_key(e, "%s.%lld", e->key, (long long)ob_event_seconds(e));
        uint64_t again = ob_mix(hash_string(e->chat), e->key);
        if (seen_find(a->messages, again, now, 10 * OB_MINUTE))
            return true;
        seen_add(a->messages, again, content, now, e->time_ms);
        return false;
    }
    seen_add(a->messages, key, content, now, e->time_ms);
    return false;
}

static enum ob_seen_how ob_dedupe_request(struct ob_account *a, const struct event *e, int64_t now)
{
    uint64_t by_flag = ob_mix(ob_mix(hash_string(e->sub), e->flag), "flag");
    uint64_t by_who =
        ob_mix(ob_mix(ob_mix(hash_string(e->sub), e->chat), e->user), e->segments[0].text);
    if (seen_find(a->requests, by_flag, now, 24 * 60 * OB_MINUTE)) {
        seen_add(a->requests, by_flag, 0, now, 0);
        return OB_SEEN_AGAIN;
    }
    bool seen = seen_find(a->requests, by_who, now, OB_MINUTE);
    seen_add(a->requests, by_flag, 0, now, 0);
    if (!seen)
        seen_add(a->requests, by_who, 0, now, 0);
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
    const struct seen_entry *seen = seen_find(a->notices, key, now, window);
    /* after a gap much comes at once: what happened at other times is no repeat */
    int64_t apart = seen ? (int64_t)seen->time_s - ob_event_seconds(e) : 0;
    if (seen && apart <= window && apart >= -(int64_t)window)
        return seen->extra == (uint32_t)hash_string(e->key) ? OB_SEEN_AGAIN : OB_SEEN_NEAR;
    seen_add(a->notices, key, hash_string(e->key), now, e->time_ms);
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

void ob_dedupe_forget(struct ob_account *a, const struct event *e, int64_t now_ms)
{
    uint32_t window;
    bool message = e->type == EVENT_MESSAGE || e->type == EVENT_RECALL;
    if (message || (e->type == EVENT_FILE && *e->message_id))
        seen_forget(a->messages, ob_message_identity(e), now_ms);
    if (!message && e->type != EVENT_REQUEST)
        seen_forget(a->notices, ob_notice_identity(e, &window), now_ms);
}
