/* pacer.c -- lets committed messages out at the times that the commit reserved, and holds them while it would be unwise: the
 * chat is muted, the account is offline or under suspicion (circuit breaker), the link is down. A binary heap per gateway,
 * ordered by due time, then by id. Caller: the drain (pacer_run), outbox.c. */
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

enum {
    PACER_RETRY_MS = 100,
    PACER_MUTE_MS = 600000,
    PACER_LIMITED_MS = 30000,
    PACER_BAD = 3,
    PACER_HOLD_MAX_MS = 7200000
};

/* ---- the heap ---- */

static bool pacer_before(const struct entry *a, const struct entry *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->id < b->id;
}

static void pacer_place(struct gw *gw, size_t i, struct entry *en)
{
    gw->heap[i] = en;
    en->heap_at = i + 1;
}

static void pacer_up(struct gw *gw, size_t i)
{
    struct entry *en = gw->heap[i];
    for (; i > 0 && pacer_before(en, gw->heap[(i - 1) / 2]); i = (i - 1) / 2)
        pacer_place(gw, i, gw->heap[(i - 1) / 2]);
    pacer_place(gw, i, en);
}

static void pacer_down(struct gw *gw, size_t i)
{
    struct entry *en = gw->heap[i];
    for (;;) {
        size_t kid = i * 2 + 1;
        if (kid >= gw->heap_len)
            break;
        if (kid + 1 < gw->heap_len && pacer_before(gw->heap[kid + 1], gw->heap[kid]))
            kid++;
        if (!pacer_before(gw->heap[kid], en))
            break;
        pacer_place(gw, i, gw->heap[kid]);
        i = kid;
    }
    pacer_place(gw, i, en);
}

void pacer_add(struct gw *gw, struct entry *en)
{
    if (en->heap_at)
        pacer_remove(gw, en);
    if (gw->heap_len == gw->heap_cap) {
        gw->heap_cap = gw->heap_cap ? gw->heap_cap * 2 : 64;
        gw->heap = mem_realloc(gw->heap, gw->heap_cap * sizeof *gw->heap);
    }
    pacer_place(gw, gw->heap_len++, en);
    pacer_up(gw, gw->heap_len - 1);
}

void pacer_remove(struct gw *gw, struct entry *en)
{
    if (!en->heap_at)
        return;
    size_t i = en->heap_at - 1;
    en->heap_at = 0;
    struct entry *last = gw->heap[--gw->heap_len];
    if (last == en)
        return;
    pacer_place(gw, i, last);
    pacer_up(gw, i);
    pacer_down(gw, last->heap_at - 1);
}

void pacer_release(struct gw *gw, const char *chat)
{
    int64_t now = clock_wall(gw->e->clock);
    for (size_t i = 0; i < gw->heap_len; i++) {
        struct entry *en = gw->heap[i];
        if (!en->behind || strcmp(en->message->chat, chat) != 0)
            continue;
        en->behind = false;
        en->due_ms = now < en->due_ms ? now : en->due_ms;
        pacer_up(gw, i); /* what comes down from above was looked at */
    }
}

/* The kill switch is off: what it held leaves, in its order, as far as that is still timely. */
void pacer_release_killed(struct gw *gw)
{
    int64_t now = clock_wall(gw->e->clock);
    for (size_t i = 0; i < gw->heap_len; i++) {
        struct entry *en = gw->heap[i];
        if (!en->killed)
            continue;
        en->killed = false;
        en->due_ms = now < en->due_ms ? now : en->due_ms;
        pacer_up(gw, i);
    }
}

int64_t pacer_next(const struct gw *gw)
{
    int64_t next = INT64_MAX;
    if (gw->heap_len && gw_can_send(gw))
        next = gw->heap[0]->due_ms;
    if (gw->unknown && gw->settle_next_ms < next)
        next = gw->settle_next_ms;
    return next;
}

/* ---- holding ---- */

void pacer_hold_chat(struct gw *gw, const char *chat, int64_t until_ms)
{
    struct held *h;
    HASH_FIND_STR(gw->held, chat, h);
    if (!h) {
        h = MEM_NEW(struct held);
        h->chat = mem_strdup(chat);
        HASH_ADD_KEYPTR(hh, gw->held, h->chat, strlen(h->chat), h);
    }
    h->until_ms = until_ms;
    log_info("chat held: we are muted there", "gateway", gw->name, "chat", chat, NULL);
}

static void pacer_release_chat(struct gw *gw, struct held *h)
{
    for (size_t i = 0; i < gw->heap_len; i++) {
        struct entry *en = gw->heap[i];
        bool waits = en->due_ms == h->until_ms || en->due_ms == en->message->until_ms + 1;
        if (waits && strcmp(en->message->chat, h->chat) == 0) {
            en->due_ms = clock_wall(gw->e->clock);
            pacer_up(gw, i);
        }
    }
    HASH_DEL(gw->held, h);
    free(h->chat);
    free(h);
}

/* The moment until which the chat is held, 0 if it is not. */
static int64_t pacer_held_until(struct gw *gw, const char *chat, int64_t now)
{
    struct held *h;
    if (!gw->held)
        return 0;
    HASH_FIND_STR(gw->held, chat, h);
    if (!h)
        return 0;
    if (h->until_ms > now)
        return h->until_ms;
    HASH_DEL(gw->held, h);
    free(h->chat);
    free(h);
    return 0;
}

void pacer_event(struct gw *gw, const struct event *e)
{
    struct gateway_state s;
    gw->gateway->ops->state(gw->gateway, &s);
    bool whole = !*e->user, us = s.self_id && *s.self_id && strcmp(e->user, s.self_id) == 0;
    if (e->type != EVENT_MUTE || (!whole && !us))
        return;
    int64_t now = clock_wall(gw->e->clock);
    struct held *h;
    HASH_FIND_STR(gw->held, e->chat, h);
    if (strcmp(e->sub, "ban") == 0)
        /* a whole-group mute may not concern us (we may be admin): try again now and then */
        pacer_hold_chat(gw, e->chat,
                        whole || e->number <= 0 ? now + PACER_MUTE_MS : now + e->number * 1000);
    else if (h)
        pacer_release_chat(gw, h);
}

/* Circuit breaker of the account: three bad outcomes in a row pause it, twice as long each time. */
static void pacer_bad(struct gw *gw, struct account *a, const char *reason)
{
    if (++a->bad_in_row < PACER_BAD)
        return;
    int64_t step = a->hold_step_ms ? a->hold_step_ms * 2 : gw->circuit_ms;
    a->hold_step_ms = step > PACER_HOLD_MAX_MS ? PACER_HOLD_MAX_MS : step;
    a->hold_until_ms = clock_wall(gw->e->clock) + a->hold_step_ms;
    a->bad_in_row = PACER_BAD - 1; /* one probe decides after the pause */
    metric_inc(metric_counter("sopd_circuit_opens_total",
                              "Pauses of an account after bad outcomes in a row.",
                              metric_labels("gateway", gw->name, NULL)));
    log_error("account paused: its messages do not arrive", "gateway", gw->name, "account", a->name,
              "reason", reason, "seconds", log_int(a->hold_step_ms / 1000), NULL);
}

void pacer_outcome(struct gw *gw, const struct send_result *r, const struct entry *en)
{
    int64_t now = clock_wall(gw->e->clock);
    struct account *a = en->account;
    switch (r->outcome) {
    case SEND_SENT:
        a->bad_in_row = 0;
        a->hold_step_ms = 0;
        break;
    case SEND_MUTED:
        pacer_hold_chat(gw, en->message->chat,
                        r->retry_ms > now ? r->retry_ms : now + PACER_MUTE_MS);
        break;
    case SEND_LIMITED:
        a->hold_until_ms = now + PACER_LIMITED_MS;
        pacer_bad(gw, a, r->reason);
        break;
    case SEND_UNKNOWN: pacer_bad(gw, a, r->reason); break;
    default: break;
    }
}

/* ---- writing ---- */

static void pacer_want_mark(struct gw *gw, struct entry *en)
{
    if (gw->nmarks == gw->marks_cap) {
        gw->marks_cap = gw->marks_cap ? gw->marks_cap * 2 : 16;
        gw->marks = mem_realloc(gw->marks, gw->marks_cap * sizeof *gw->marks);
    }
    pacer_remove(gw, en);
    en->state = ENTRY_MARKING;
    gw->marks[gw->nmarks++] = en;
}

static bool pacer_write(struct gw *gw, struct entry *en, int64_t now)
{
    struct out_message out = {en->message->chat, en->message->segments, en->message->nsegments};
    struct out_segment *room = NULL;
    if (en->at_all == AT_ALL_DENIED) {
        out.segments = room = mem_alloc((size_t)out.nsegments * sizeof *room);
        out.nsegments = at_all_filter(en, room);
    }
    if (!out.nsegments) {
        free(room);
        outbox_done(gw, en, "failed", "it was nothing but @all, and none is left today");
        return true;
    }
    en->state = ENTRY_WRITTEN;
    en->written_ms = now;
    en->account = account_of(gw, en->message->chat);
    pacer_remove(gw, en);
    bool taken = gw->gateway->ops->send(gw->gateway, &out, en->id);
    free(room);
    if (taken) {
        guard_take(gw, en->account, en->message->chat, now);
        return true;
    }
    en->state = ENTRY_QUEUED;
    en->due_ms = now + PACER_RETRY_MS;
    pacer_add(gw, en);
    return false;
}

void pacer_run(struct gw *gw)
{
    outbox_settle_due(gw);
    int64_t now = clock_wall(gw->e->clock);
    while (gw->heap_len && gw->heap[0]->due_ms <= now) {
        struct entry *en = gw->heap[0];
        if (en->message->until_ms < now) {
            outbox_done(gw, en, "expired", "it could not leave in time");
            continue;
        }
        if (!gw_can_send(gw))
            return;
        int64_t held = pauses_hold(gw, en->message);
        en->killed = held > 0;
        if (!held)
            held = pacer_held_until(gw, en->message->chat, now);
        if (!held)
            held = outbox_behind(gw, en, now);
        if (!held) {
            const struct account *a = account_of(gw, en->message->chat);
            int64_t ready = guard_ready(gw, a, en->message->chat, now);
            held = a->hold_until_ms > ready ? a->hold_until_ms : ready;
            held = held > now ? held : 0;
        }
        if (held) {
            en->due_ms = held < en->message->until_ms ? held : en->message->until_ms + 1;
            pacer_down(gw, 0);
        } else if (at_all_wait(gw, en)) {
            continue;
        } else if (!en->marked && !en->fresh) {
            pacer_want_mark(gw, en);
        } else if (!pacer_write(gw, en, now)) {
            return;
        }
    }
}

void pacer_free(struct gw *gw)
{
    struct held *h, *tmp;
    HASH_ITER (hh, gw->held, h, tmp) {
        HASH_DEL(gw->held, h);
        free(h->chat);
        free(h);
    }
    free(gw->heap);
}
