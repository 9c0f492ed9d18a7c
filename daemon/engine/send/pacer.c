/* pacer.c -- lets committed messages out at the times that the commit reserved, the urgent ones (answers, games) before the others,
 * and holds them while it would be unwise: the chat is muted (hold.c), the account is offline or under suspicion (risk.c), the link
 * is down or nobody answers (stall.c), or the limits say so (guard.c). Two heaps per gateway, urgent and bulk: while anything
 * urgent may leave, nothing else does. Caller: the drain (pacer_run), outbox.c. */
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/send/act.h"
#include "engine/send/hold.h"
#include "engine/send/merge.h"
#include "engine/send/risk.h"
#include "engine/send/stall.h"

enum { PACER_RETRY_MS = 100, PACER_HEAPS = 2, PACER_LATE_MS = 10000 };

/* ---- the heaps ---- */

static struct heap *pacer_heap(struct gw *gw, const struct entry *en)
{
    return &gw->heap[send_kind_urgent(en->message->kind) ? 0 : 1];
}

void pacer_add(struct gw *gw, struct entry *en)
{
    struct heap *h = pacer_heap(gw, en);
    heap_remove(h, en);
    heap_add(h, en);
}

void pacer_remove(struct gw *gw, struct entry *en)
{
    heap_remove(pacer_heap(gw, en), en);
}

/* Entries that `mine` picks are looked at again, in their order, as far as that is still timely. */
static void pacer_release_some(struct gw *gw,
                               bool (*mine)(struct gw *gw, struct entry *en, const void *ud),
                               const void *ud)
{
    int64_t now = clock_wall(gw->e->clock);
    for (int k = 0; k < PACER_HEAPS; k++)
        for (size_t i = 0; i < gw->heap[k].len; i++) {
            struct entry *en = gw->heap[k].list[i];
            if (!mine(gw, en, ud) || en->due_ms <= now)
                continue;
            en->due_ms = now;
            heap_moved(&gw->heap[k], en); /* upwards: what comes down from there was looked at */
        }
}

static bool pacer_is_behind(struct gw *gw, struct entry *en, const void *chat)
{
    (void)gw;
    bool mine = en->behind && strcmp(en->message->chat, chat) == 0;
    en->behind = en->behind && !mine;
    return mine;
}

void pacer_release(struct gw *gw, const char *chat)
{
    pacer_release_some(gw, pacer_is_behind, chat);
}

static bool pacer_is_killed(struct gw *gw, struct entry *en, const void *ud)
{
    (void)gw, (void)ud;
    bool mine = en->killed;
    en->killed = false;
    return mine;
}

/* The kill switch is off. */
void pacer_release_killed(struct gw *gw)
{
    pacer_release_some(gw, pacer_is_killed, NULL);
}

static bool pacer_is_calmed(struct gw *gw, struct entry *en, const void *account)
{
    if (en->message->from_ms > clock_wall(gw->e->clock) ||
        account_of(gw, en->message->chat) != account)
        return false;
    en->calmed = false;
    return true;
}

/* The account is trusted more, or less, than it was: the times reserved for its old pace are void, the guard spaces them. */
void pacer_release_account(struct gw *gw, const struct account *a)
{
    pacer_release_some(gw, pacer_is_calmed, a);
}

static bool pacer_is_stalled(struct gw *gw, struct entry *en, const void *ud)
{
    (void)gw, (void)ud;
    bool mine = en->stalled;
    en->stalled = false;
    return mine;
}

void pacer_release_stalled(struct gw *gw, struct account *a)
{
    if (!a->waits)
        return;
    a->waits = false;
    pacer_release_some(gw, pacer_is_stalled, NULL); /* those of another account find out again */
}

static bool pacer_is_held(struct gw *gw, struct entry *en, const void *ud)
{
    (void)gw;
    const struct held *h = ud;
    bool waits = en->due_ms == h->until_ms || en->due_ms == en->message->until_ms + 1;
    return waits && strcmp(en->message->chat, h->chat) == 0;
}

void pacer_release_held(struct gw *gw, const struct held *h)
{
    pacer_release_some(gw, pacer_is_held, h);
}

static int64_t pacer_due(const struct gw *gw)
{
    int64_t due = INT64_MAX;
    for (int k = 0; k < PACER_HEAPS; k++) {
        const struct entry *en = heap_first(&gw->heap[k]);
        due = en && en->due_ms < due ? en->due_ms : due;
    }
    return due;
}

bool pacer_has_due(const struct gw *gw, int64_t now)
{
    return pacer_due(gw) <= now && gw_can_send(gw);
}

int64_t pacer_next(const struct gw *gw)
{
    int64_t next = pacer_due(gw);
    if (next < INT64_MAX && !gw_can_send(gw)) {
        int64_t held = account_held_until(gw, clock_wall(gw->e->clock));
        next = held ? held : INT64_MAX;
    }
    return gw->unknown && gw->settle_next_ms < next ? gw->settle_next_ms : next;
}

/* ---- writing ---- */

static void pacer_want_mark(struct gw *gw, struct entry *en)
{
    if (gw->nmarks == gw->marks_cap) {
        gw->marks_cap = gw->marks_cap ? gw->marks_cap * 2 : 16;
        gw->marks = mem_realloc(gw->marks, gw->marks_cap * sizeof *gw->marks);
    }
    pacer_remove(gw, en);
    merge_close(gw, en);
    en->state = ENTRY_MARKING;
    gw->marks[gw->nmarks++] = en;
}

static void pacer_count_late(struct gw *gw, const struct message *m, int64_t now)
{
    int64_t wanted = m->from_ms > m->created_ms ? m->from_ms : m->created_ms;
    if (now - wanted > PACER_LATE_MS)
        metric_inc(metric_counter(
            "sopd_sends_late_total", "Messages that left more than 10 s after they were wanted.",
            metric_labels("gateway", gw->name, "kind", send_kind_name(m->kind), NULL)));
}

static bool pacer_write(struct gw *gw, struct entry *en, int64_t now)
{
    struct out_message out = {.chat = en->message->chat,
                              .segments = en->message->segments,
                              .nsegments = en->message->nsegments,
                              .ref = en->message->ref,
                              .draft = en->message->draft};
    struct out_segment *room = NULL;
    if (en->message->act)
        return act_do(gw, en, now);
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
    merge_close(gw, en);
    pacer_remove(gw, en);
    stall_written(en);
    guard_take(gw, en->account, en, now);
    bool taken = gw->gateway->ops->send(gw->gateway, &out, en->id);
    free(room);
    if (taken) {
        pacer_count_late(gw, en->message, now);
        return true;
    }
    stall_over(gw, en);
    en->state = ENTRY_QUEUED;
    en->due_ms = now + PACER_RETRY_MS;
    pacer_add(gw, en);
    return false;
}

/* ---- the round ---- */

/* The next slot of an account for what is pushed back in this round: they line up instead of meeting again at the first. */
static int64_t pacer_slot(struct account *a, const struct guard_word *w)
{
    int64_t at = a->slot_us > w->at_us ? a->slot_us : w->at_us;
    a->slot_us = at + w->step_us;
    return (at + 999) / 1000;
}

/* Until when an entry that is due must wait; 0: it may leave. */
static int64_t pacer_holds(struct gw *gw, struct entry *en, int64_t now)
{
    int64_t held = pauses_hold(gw, en->message);
    en->killed = held > 0;
    if (en->message->act) /* it is no message: only what holds the whole account holds it */
        return held ? held : risk_holds(gw, account_of(gw, en->message->chat), en, now);
    if (!held)
        held = hold_until(gw, en->message->chat, now);
    if (!held)
        held = outbox_behind(gw, en, now);
    if (held)
        return held;
    struct account *a = account_of(gw, en->message->chat);
    int64_t quiet = risk_holds(gw, a, en, now);
    en->calmed = quiet > 0;
    if (quiet)
        return quiet;
    struct guard_word w = guard_ready(gw, a, en->message, now);
    if (w.at_ms > now)
        return w.account ? pacer_slot(a, &w) : w.at_ms;
    int64_t stalled = stall_holds(gw, a, en, now);
    en->stalled = stalled > now;
    if (!en->stalled)
        return 0;
    a->waits = true;
    w = (struct guard_word){.at_us = stalled * 1000, .step_us = STALL_STEP_US};
    return pacer_slot(a, &w);
}

/* False: nothing more can be written for now. */
static bool pacer_run_heap(struct gw *gw, struct heap *h, int64_t now)
{
    for (struct account *a = gw->accounts; a; a = a->hh.next)
        a->slot_us = 0;
    for (struct entry *en; (en = heap_first(h)) && en->due_ms <= now;) {
        if (en->message->until_ms < now) {
            outbox_done(gw, en, "expired", "it could not leave in time");
            continue;
        }
        if (!gw_can_send(gw))
            return false;
        int64_t held = pacer_holds(gw, en, now);
        if (held > now) {
            en->due_ms = held < en->message->until_ms ? held : en->message->until_ms + 1;
            heap_moved(h, en);
        } else if (at_all_wait(gw, en)) {
            continue;
        } else if (!en->marked && !en->fresh) {
            pacer_want_mark(gw, en);
        } else if (!pacer_write(gw, en, now)) {
            return false;
        }
    }
    return true;
}

void pacer_run(struct gw *gw)
{
    outbox_settle_due(gw);
    int64_t now = clock_wall(gw->e->clock);
    if (pacer_run_heap(gw, &gw->heap[0], now))
        pacer_run_heap(gw, &gw->heap[1], now);
}

void pacer_free(struct gw *gw)
{
    for (int k = 0; k < PACER_HEAPS; k++)
        heap_free(&gw->heap[k]);
}
