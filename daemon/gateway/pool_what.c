/* pool_what.c -- what makes two reports of two accounts the same: kind, chat, member and content, as far as implementations tell
 * them alike, and how far apart their times may be. Keys of events are made of the same. Callers: pool_event.c, pool_send.c. */
#include <stdio.h>
#include <string.h>

#include "gateway/pool_internal.h"

static void pool_word(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s) + 1);
}

/* Blanks do not count: platforms add and drop them around mentions. */
static void pool_squeeze(struct buf *b, const char *s)
{
    while (*s) {
        size_t n = 0;
        while ((unsigned char)s[n] > ' ')
            n++;
        buf_add(b, s, n);
        s += n;
        while (*s && (unsigned char)*s <= ' ')
            s++;
    }
}

/* What implementations tell alike: words and mentions; of pictures and the like only that there is one. */
static void pool_content(struct buf *b, enum segment_type type, const char *id, const char *text)
{
    switch (type) {
    case SEGMENT_TEXT: pool_squeeze(b, text); break;
    case SEGMENT_AT: buf_addf(b, "\1@%s\1", id); break;
    case SEGMENT_IMAGE:
    case SEGMENT_VOICE:
    case SEGMENT_VIDEO:
    case SEGMENT_CARD:
    case SEGMENT_FORWARD: buf_addf(b, "\1%d\1", (int)type); break;
    default: break;
    }
}

static struct buf *pool_what_begin(enum event_type type, const char *chat, const char *user)
{
    static struct buf b;
    buf_reset(&b);
    buf_addc(&b, (char)('a' + (int)type));
    pool_word(&b, chat);
    pool_word(&b, user);
    return &b;
}

uint64_t pool_what_out(const char *chat, const char *user, const struct out_message *m)
{
    struct buf *b = pool_what_begin(EVENT_MESSAGE, chat, user);
    for (int i = 0; i < m->nsegments; i++)
        pool_content(b, m->segments[i].type, m->segments[i].id ? m->segments[i].id : "",
                     m->segments[i].text ? m->segments[i].text : "");
    return hash_bytes(b->data, b->len);
}

/* about: the message that it refers to, NULL none or unknown. */
static uint64_t pool_what(const struct event *e, const struct pool_entry *about)
{
    struct buf *b = pool_what_begin(e->type, e->chat, e->user);
    switch (e->type) {
    case EVENT_MESSAGE:
        for (int i = 0; i < e->nsegments; i++)
            pool_content(b, e->segments[i].type, e->segments[i].id, e->segments[i].text);
        break;
    case EVENT_JOIN:
    case EVENT_LEAVE: break;
    case EVENT_MUTE: buf_addf(b, "%s.%lld", e->sub, (long long)e->number); break;
    case EVENT_POKE: pool_word(b, e->target); break;
    case EVENT_REQUEST:
        pool_word(b, e->sub);
        pool_word(b, e->nsegments ? e->segments[0].text : "");
        break;
    case EVENT_FILE:
    case EVENT_CARD:
    case EVENT_CHAT: pool_word(b, e->text); break;
    default:
        pool_word(b, e->sub);
        pool_word(b, e->text);
        break;
    }
    if (about)
        buf_addf(b, "%016llx.%lld.%u", (unsigned long long)about->what, (long long)about->time_s,
                 about->nth);
    return hash_bytes(b->data, b->len);
}

/* How far apart two accounts may tell the same: seconds, and seconds where the other was there and may be late. Messages bear the
 * platform's time; most notices bear that of the account's own machine. */
static void pool_window(enum event_type type, struct pool_fact *f)
{
    switch (type) {
    case EVENT_MESSAGE: f->near_s = 2, f->waited_s = 5; break;
    case EVENT_JOIN:
    case EVENT_LEAVE:
    case EVENT_RECALL: f->near_s = 60, f->waited_s = 60; break;
    case EVENT_REQUEST: f->near_s = 60, f->waited_s = 600; break;
    case EVENT_FILE: f->near_s = 10, f->waited_s = 60; break;
    case EVENT_ADMIN:
    case EVENT_CARD:
    case EVENT_ESSENCE:
    case EVENT_HONOR:
    case EVENT_CHAT: f->near_s = 30, f->waited_s = 60; break;
    default: f->near_s = 2, f->waited_s = 60; break;
    }
}

struct pool_fact pool_fact(const struct pool_member *m, const struct pool_chat *c,
                           const struct event *e, const struct pool_entry *about)
{
    struct pool_fact f = {.chat = c->hash, .slot = m->slot, .time_s = e->time_ms / 1000};
    f.what = pool_what(e, about);
    pool_window(e->type, &f);
    if (e->type == EVENT_MESSAGE) {
        f.seq = e->seq;
        f.id = pool_number(e->message_id);
        f.batch = e->history ? m->pool->batch : 0;
    }
    return f;
}

void pool_key(const struct pool *p, const struct event *e, const struct pool_fact *f, unsigned nth,
              char out[POOL_KEY_ROOM])
{
    size_t n = 0;
    *out = '\0';
    if (e->type == EVENT_MESSAGE && f->seq && !p->by_content) {
        out[n++] = 'q';
        n += buf_digits(out + n, f->seq);
        out[n] = '\0';
    } else if (e->type == EVENT_MESSAGE || e->type == EVENT_FILE || e->type == EVENT_RECALL ||
               e->type == EVENT_REACTION || e->type == EVENT_ESSENCE) {
        snprintf(out, POOL_KEY_ROOM, "%s%016llx.%lld.%u",
                 e->type == EVENT_MESSAGE ? "c" : event_type_name(e->type),
                 (unsigned long long)f->what, (long long)f->time_s, nth);
    } /* else: what the member made of it has no id of its own in it */
}
