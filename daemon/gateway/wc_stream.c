/* wc_stream.c -- answers that are shown while they are made: a stream on the message's req_id, refreshed with the whole text so far.
 * The newest snapshot waits while one is on its way (one frame per req_id), at most one leaves in 2 s, and some of the
 * conversation's allowance is left to messages. A bubble is finished before the platform gives it up (5 min 30 s from its first frame), or
 * when it is full; what comes after stands in the next one. The message that ends the draft finishes the bubble (wc_part.c).
 * Owns the table of streams, bounded. Callers: wecom_ops, wc_out.c, wc_send.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/wc_out.h"

enum {
    WC_SPARE = 8,            /* of the 28 messages a minute: left to messages */
    WC_FORGET_MS = 1800000,  /* nothing heard of it: its handler has ended without an answer */
    WC_STREAM_AGAIN_MS = 500 /* the queue is full, or the last frame was lost */
};

struct wc_stream *wc_stream_find(struct wc *g, const char *name)
{
    for (int i = 0; i < WC_STREAMS; i++)
        if (g->out->streams[i].used && strcmp(g->out->streams[i].name, name) == 0)
            return &g->out->streams[i];
    return NULL;
}

void wc_stream_drop(struct wc_stream *s)
{
    free(s->chat);
    buf_free(&s->text);
    memset(s, 0, sizeof *s);
}

/* A place for one more: free, or that of the one that was left alone for longest and has nothing open. */
static struct wc_stream *wc_stream_place(struct wc *g)
{
    struct wc_stream *old = NULL;
    for (int i = 0; i < WC_STREAMS; i++) {
        struct wc_stream *s = &g->out->streams[i];
        if (!s->used)
            return s;
        if (!s->open && !s->flying && !s->ending && (!old || s->touched_ms < old->touched_ms))
            old = s;
    }
    if (old)
        wc_stream_drop(old);
    return old;
}

static struct wc_stream *wc_stream_new(struct wc *g, const struct out_message *m)
{
    static struct wc_ref ref;
    if (!wc_ref_read(&ref, m->ref) || ref.kind != 'm' ||
        strlen(m->draft) >= sizeof(struct wc_stream){0}.name)
        return NULL;
    struct wc_stream *s = wc_stream_place(g);
    if (!s)
        return NULL;
    s->used = true;
    s->ref = ref;
    s->chat = mem_strdup(m->chat);
    snprintf(s->name, sizeof s->name, "%s", m->draft);
    return s;
}

/* ---- frames ---- */

/* The bubble ends here; what follows is shown in the next one. */
static void wc_stream_close(struct wc_stream *s, const struct wc_split *shown)
{
    s->open = false;
    s->shown = *shown;
    s->shown_hash = hash_bytes(s->text.data, shown->at);
}

/* Another text than that of which a part is shown for good: from the beginning. */
static void wc_stream_check(struct wc_stream *s)
{
    if (s->shown.at &&
        (s->shown.at > s->text.len || hash_bytes(s->text.data, s->shown.at) != s->shown_hash))
        s->shown = (struct wc_split){0};
}

/* The end of a bubble did not get there: what was to be in it still is to be shown. */
static void wc_stream_restore(struct wc_stream *s)
{
    bool fits = s->before.at <= s->text.len;
    s->shown = fits ? s->before : (struct wc_split){0};
    s->shown_hash = hash_bytes(s->text.data, s->shown.at);
    s->dirty = true;
}

/* The same in another process that makes the same answer: it goes on in the bubble that the first one left open. */
static void wc_stream_name(struct wc_stream *s)
{
    char hex[17];
    uint64_t h = hash_more(hash_string(s->ref.req_id), s->name, strlen(s->name));
    buf_hex64(hex, hash_more(h, &s->bubbles, sizeof s->bubbles));
    snprintf(s->id, sizeof s->id, "d%s", hex);
}

static void wc_stream_write(struct wc *g, struct wc_stream *s, bool last, int64_t now)
{
    static struct buf piece;
    struct wc_frame f;
    buf_reset(&piece);
    wc_stream_check(s);
    struct wc_split split = s->shown;
    bool some = wc_split_next(&split, s->text.data, s->text.len, WC_CONTENT_CUT, &piece);
    if (!some || wc_text_blank(piece.data, piece.len)) {
        s->dirty = false;
        s->open = s->open && !last; /* nothing to end it with */
        return;
    }
    bool full = split.at < s->text.len;
    s->before = s->shown;
    if (!s->open)
        wc_stream_name(s);
    if (!wc_frame_begin(g, &f, "aibot_respond_msg", s->ref.req_id)) {
        s->sent_ms = now - g->out->pace_ms + WC_STREAM_AGAIN_MS;
        return;
    }
    wc_stream_body(f.out, s->id, full || last, piece.data, piece.len);
    s->number = wc_number(g->out, WC_OWNER_STREAM, (unsigned)(s - g->out->streams));
    wc_frame_end(&f, WC_FOR_OUT, s->number, wc_out_ack_ms(g));
    struct wc_talk *t = wc_talk_get(g, s->chat);
    wc_window_take(&t->window, now);
    if (!s->open) {
        s->first_ms = now;
        s->bubbles++;
    }
    s->open = s->flying = true;
    s->sent_ms = now;
    s->dirty = full;
    if (full || last)
        wc_stream_close(s, &split);
}

/* What is to be done for it now; when to look again. */
static void wc_stream_step(struct wc *g, struct wc_stream *s, int64_t now)
{
    if (!s->used || s->flying || s->ending || s->dead || !wc_ready(g))
        return;
    bool old = s->open && now - s->first_ms >= g->out->stream_ms;
    if (!s->dirty && !old) {
        if (s->open)
            wc_wake(g, s->first_ms + g->out->stream_ms);
        return;
    }
    const struct wc_talk *t = wc_talk_find(g, s->chat);
    int64_t at = s->open ? s->sent_ms + g->out->pace_ms : now;
    if (t) {
        int64_t free_at = old ? t->until_ms : wc_talk_free(t, now, WC_SPARE);
        at = at > free_at ? at : free_at;
    }
    if (t && t->head && t->head->flying)
        return; /* its end looks here again */
    if (now >= at)
        wc_stream_write(g, s, old, now);
    if (!s->flying)
        wc_wake(g, at > now ? at : now + WC_STREAM_AGAIN_MS);
}

void wc_draft(struct gateway *base, const struct out_message *m)
{
    struct wc *g = (struct wc *)base;
    if (g->out->stopped || !m->draft || !*m->draft)
        return;
    struct wc_stream *s = wc_stream_find(g, m->draft);
    if (!s)
        s = wc_stream_new(g, m);
    if (!s || s->ending || s->dead)
        return;
    buf_reset(&s->text);
    wc_text_render(&s->text, m, g->conf.mention_angle ? WC_MENTION_ANGLE : WC_MENTION_BOLD);
    s->dirty = true;
    s->touched_ms = wc_now(g);
    wc_stream_step(g, s, s->touched_ms);
}

/* ---- answers ---- */

static struct wc_stream *wc_stream_of(struct wc *g, uint64_t number)
{
    unsigned slot = (unsigned)(number & 0xfff);
    struct wc_stream *s = slot < WC_STREAMS ? &g->out->streams[slot] : NULL;
    return s && s->used && s->flying && s->number == number ? s : NULL;
}

/* The message that ends it may have been waiting. */
static void wc_stream_landed(struct wc *g, struct wc_stream *s)
{
    struct wc_talk *t = wc_talk_find(g, s->chat);
    s->flying = false;
    if (t && t->head)
        wc_pump(g, t);
    wc_stream_step(g, s, wc_now(g));
}

/* A refused frame changed nothing; if it was to end its bubble, that is still open. */
static void wc_stream_unended(struct wc_stream *s)
{
    if (s->open)
        return;
    wc_stream_restore(s);
    s->open = true;
}

void wc_stream_answer(struct wc *g, uint64_t number, const struct wc_ack *a)
{
    struct wc_stream *s = wc_stream_of(g, number);
    if (!s)
        return;
    switch (wc_error_class(a->errcode)) {
    case WC_CLASS_OK:
    case WC_CLASS_SILENT: break;
    case WC_CLASS_BUSY:
    case WC_CLASS_CONCURRENT:
    case WC_CLASS_UNSUBSCRIBED: wc_stream_unended(s); break;
    case WC_CLASS_OLD_STREAM:
        s->open = false;
        break; /* what it showed stays; the rest under another id */
    case WC_CLASS_LIMIT:
        wc_talk_crowded(wc_talk_get(g, s->chat), wc_now(g));
        wc_stream_unended(s);
        break;
    default: /* no drafts for this message any more; the message itself finds its way */
        s->dead = true;
        s->open = false;
    }
    wc_stream_landed(g, s);
}

void wc_stream_lost(struct wc *g, uint64_t number, bool written)
{
    struct wc_stream *s = wc_stream_of(g, number);
    if (!s)
        return;
    s->dirty = true;          /* the next snapshot takes its place */
    if (!written && !s->open) /* what was to be in it is in the next one */
        wc_stream_restore(s);
    wc_stream_landed(g, s);
}

/* ---- upkeep ---- */

void wc_streams_step(struct wc *g, const char *chat)
{
    for (int i = 0; i < WC_STREAMS; i++)
        if (g->out->streams[i].used && strcmp(g->out->streams[i].chat, chat) == 0)
            wc_stream_step(g, &g->out->streams[i], wc_now(g));
}

void wc_streams_tick(struct wc *g, int64_t now)
{
    for (int i = 0; i < WC_STREAMS; i++) {
        struct wc_stream *s = &g->out->streams[i];
        if (!s->used)
            continue;
        wc_stream_step(g, s, now);
        if (!s->open && !s->flying && !s->ending && now - s->touched_ms > WC_FORGET_MS)
            wc_stream_drop(s);
    }
}

void wc_streams_free(struct wc *g)
{
    for (int i = 0; i < WC_STREAMS; i++)
        wc_stream_drop(&g->out->streams[i]);
}
