/* wc_limit.c -- conversations as the way out knows them: the queue of messages for each, and how much the platform lets it have. The
 * engine's pacer keeps the limits of sop/platforms/wecom-aibot.lua; what it cannot see (a message of several frames, the
 * refreshes of an answer that is being written) is counted here, with the platform's own figures: 30 a minute and 1000 an hour
 * per conversation, of which 28 and 950 are used, because its clock is not ours.
 * Owns the table of conversations, bounded: the one that was not used for longest goes first. Callers: wc_send.c, wc_stream.c,
 * wc_media.c. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/wc_out.h"

enum {
    WC_MINUTE_MS = 60000,
    WC_PART_MS = 300000,
    WC_CROWDED_MS = 60000,
    WC_CROWDED_MAX_MS = 600000,
    WC_CALM_MS = 1800000 /* so long without a complaint, and it begins anew */
};

/* ---- windows ---- */

static unsigned wc_window_hour(const struct wc_window *w, int64_t part)
{
    unsigned n = 0;
    for (int i = 0; i < WC_HOUR_PARTS; i++)
        n += w->part - i >= 0 && part - (w->part - i) < WC_HOUR_PARTS
                 ? w->parts[(w->part - i) % WC_HOUR_PARTS]
                 : 0;
    return n;
}

int64_t wc_window_free(const struct wc_window *w, int64_t now, int spare)
{
    /* the stamp that must be a minute old before so many more are allowed */
    int64_t oldest = w->stamps[(w->at + (unsigned)spare) % WC_PER_MINUTE];
    int64_t at = oldest ? oldest + WC_MINUTE_MS : 0;
    int64_t part = now / WC_PART_MS;
    if (wc_window_hour(w, part) + (unsigned)spare >= WC_PER_HOUR) {
        int64_t next = (part + 1) * WC_PART_MS;
        at = at > next ? at : next;
    }
    return at > now ? at : now;
}

void wc_window_take(struct wc_window *w, int64_t now)
{
    int64_t part = now / WC_PART_MS;
    int64_t gone = part - w->part < WC_HOUR_PARTS ? part - w->part : WC_HOUR_PARTS;
    for (int64_t i = 0; i < gone; i++)
        w->parts[(part - i) % WC_HOUR_PARTS] = 0;
    w->part = part > w->part ? part : w->part;
    w->parts[w->part % WC_HOUR_PARTS]++;
    w->stamps[w->at] = now ? now : 1;
    w->at = (uint16_t)((w->at + 1) % WC_PER_MINUTE);
}

/* ---- conversations ---- */

struct wc_talk *wc_talk_find(struct wc *g, const char *chat)
{
    struct wc_talk *t;
    HASH_FIND_STR(g->out->talks, chat, t);
    return t;
}

static void wc_talk_drop(struct wc *g, struct wc_talk *t)
{
    HASH_DEL(g->out->talks, t);
    free(t);
}

/* The table is in the order of use. */
static void wc_talk_evict(struct wc *g)
{
    struct wc_talk *t, *tmp;
    HASH_ITER (hh, g->out->talks, t, tmp) {
        if (HASH_COUNT(g->out->talks) < WC_TALKS)
            return;
        if (!t->head)
            wc_talk_drop(g, t);
    }
}

struct wc_talk *wc_talk_get(struct wc *g, const char *chat)
{
    struct wc_talk *t = wc_talk_find(g, chat);
    if (t) {
        HASH_DEL(g->out->talks, t);
    } else {
        wc_talk_evict(g);
        size_t len = strlen(chat);
        t = mem_zero(sizeof *t + len + 1);
        memcpy(t->chat, chat, len);
    }
    HASH_ADD_KEYPTR(hh, g->out->talks, t->chat, strlen(t->chat), t);
    return t;
}

int64_t wc_talk_free(const struct wc_talk *t, int64_t now, int spare)
{
    int64_t at = wc_window_free(&t->window, now, spare);
    return at > t->until_ms ? at : t->until_ms;
}

int64_t wc_talk_crowded(struct wc_talk *t, int64_t now)
{
    if (now < t->until_ms) /* said by a frame that was under way already */
        return t->until_ms;
    bool calm = !t->step_ms || now - t->until_ms > WC_CALM_MS;
    t->step_ms = calm ? WC_CROWDED_MS : t->step_ms * 2;
    t->step_ms = t->step_ms < WC_CROWDED_MAX_MS ? t->step_ms : WC_CROWDED_MAX_MS;
    t->until_ms = now + t->step_ms;
    return t->until_ms;
}

void wc_talks_free(struct wc *g)
{
    struct wc_talk *t, *tmp;
    HASH_ITER (hh, g->out->talks, t, tmp)
        wc_talk_drop(g, t);
}
