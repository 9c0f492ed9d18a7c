/* outbox.c -- messages that are committed and not yet acknowledged: one `struct entry` each, mirrored in Redis.
 * Every entry ends as sent, failed, expired or unknown. An entry whose outcome is unknown is never blindly sent again: the
 * gateway's echo or history settles it, else its policy does (design 2.3). Entries that are not to be repeated, or wait for
 * their turn, are marked in Redis (hash `written`) before they are written, so that a restart knows what may have left.
 * What is unknown is settled in outbox_settle.c, what a restart finds is taken up in outbox_load.c. Callers: turn_run.c, gw.c. */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/look/trace.h"
#include "engine/send/breaker.h"
#include "engine/send/merge.h"
#include "engine/send/outbox_parts.h"
#include "engine/send/risk.h"
#include "engine/send/stall.h"
#include "engine/send/unknown.h"

enum { OUTBOX_EPOCH_BITS = 36, OUTBOX_LIMITED = 3 };

void outbox_print_id(uint64_t id, char out[40])
{
    size_t n = buf_digits(out, (int64_t)(id >> OUTBOX_EPOCH_BITS));
    out[n++] = '-';
    n += buf_digits(out + n, (int64_t)(id & (((uint64_t)1 << OUTBOX_EPOCH_BITS) - 1)));
    out[n] = '\0';
}

bool outbox_parse_id(const char *s, uint64_t *id)
{
    char *end;
    uint64_t epoch = strtoull(s, &end, 10);
    if (end == s || *end != '-')
        return false;
    const char *rest = end + 1;
    uint64_t seq = strtoull(rest, &end, 10);
    if (end == rest || *end)
        return false;
    *id = epoch << OUTBOX_EPOCH_BITS | seq;
    return true;
}

struct entry *outbox_find(struct gw *gw, uint64_t id)
{
    struct entry *en;
    HASH_FIND(hh, gw->entries, &id, sizeof id, en);
    return en;
}

struct entry *outbox_new(struct gw *gw, uint64_t id, struct message *m)
{
    struct entry *en = MEM_NEW(struct entry);
    en->id = id;
    en->message = m;
    HASH_ADD(hh, gw->entries, id, sizeof en->id, en);
    return en;
}

void outbox_add(struct gw *gw, uint64_t id, struct message *m, int64_t delay_ms)
{
    struct entry *en = outbox_new(gw, id, m);
    en->due_ms = clock_wall(gw->e->clock) + delay_ms;
    en->fresh = delay_ms <= 0 && m->resend;
    pacer_add(gw, en);
    if (delay_ms > 0)
        merge_offer(gw, en);
}

/* ---- ends ---- */

static void outbox_forget(struct gw *gw, struct entry *en)
{
    pacer_remove(gw, en);
    merge_close(gw, en);
    if (en->state == ENTRY_WRITTEN)
        stall_over(gw, en);
    if (en->state == ENTRY_UNKNOWN)
        gw->unknown--;
    if (en->doubt) {
        gw->doubts--;
        pacer_release(gw, en->message->chat);
    }
    for (size_t i = 0; i < gw->nmarks; i++)
        if (gw->marks[i] == en)
            gw->marks[i] = gw->marks[--gw->nmarks];
    HASH_DEL(gw->entries, en);
    message_free(en->message);
    free(en);
}

/* The entry leaves Redis: with the other acknowledgements, or in the turn of the run that waited for its outcome. */
static void outbox_remove(struct gw *gw, struct entry *en, const char *outcome, const char *reason,
                          const char *message_id)
{
    char id[40];
    if (en->message->run) {
        bool sent = strcmp(outcome, "sent") == 0;
        run_sent(gw, en->message->run, en->id, message_id,
                 sent ? NULL : (reason && *reason ? reason : outcome));
        return;
    }
    outbox_print_id(en->id, id);
    buf_add_bulk(&gw->acks, id, strlen(id));
    gw->nacks++;
}

void outbox_done_as(struct gw *gw, struct entry *en, const char *outcome, const char *reason,
                    const char *message_id)
{
    char id[40];
    outbox_print_id(en->id, id);
    if (!en->message->act)
        trace_outcome(gw, en, outcome, reason, message_id);
    outbox_remove(gw, en, outcome, reason, message_id);
    if (!en->message->run && (en->marked || en->state == ENTRY_MARKING)) {
        buf_add_bulk(&gw->unmark, id, strlen(id));
        gw->nunmark++;
    }
    if (en->message->act) { /* counted by act.c */
        outbox_forget(gw, en);
        return;
    }
    if (gw->health.canary.out)
        health_sent(gw, en->message, outcome);
    if (strcmp(outcome, "sent") == 0) {
        metric_inc(gw->m_sent);
    } else {
        metric_inc(gw_sends(gw, outcome));
        log_warn("message not sent", "gateway", gw->name, "chat", en->message->chat, "flow",
                 en->message->flow, "id", id, "outcome", outcome, "reason", reason, NULL);
        if (strcmp(outcome, "unknown") == 0)
            unknown_keep(gw, en, reason);
    }
    outbox_forget(gw, en);
}

void outbox_done(struct gw *gw, struct entry *en, const char *outcome, const char *reason)
{
    outbox_done_as(gw, en, outcome, reason, "");
}

void outbox_merged(struct gw *gw, struct entry *en, const char *into)
{
    trace_outcome(gw, en, "merged", into, "");
    metric_inc(gw_sends(gw, "merged"));
    outbox_forget(gw, en);
}

/* Deletions on their way to Redis; kept until it has answered. */
struct ack_flight {
    struct gw *gw;
    struct buf words;
    unsigned n;
    bool marks;
};

static void outbox_acked(void *ud, const struct redisReply *reply)
{
    struct ack_flight *a = ud;
    if (!reply) {
        struct buf *to = a->marks ? &a->gw->unmark : &a->gw->acks;
        buf_add(to, a->words.data, a->words.len);
        *(a->marks ? &a->gw->nunmark : &a->gw->nacks) += a->n;
    }
    buf_free(&a->words);
    free(a);
}

static void outbox_delete(struct gw *gw, const char *kind, struct buf *ids, unsigned *n, bool marks)
{
    static struct buf cmd, key;
    buf_reset(&cmd), buf_reset(&key);
    gw_key(gw, &key, kind);
    buf_add_array(&cmd, 2 + *n);
    buf_add_bulk(&cmd, "HDEL", 4);
    buf_add_bulk(&cmd, key.data, key.len);
    buf_add(&cmd, ids->data, ids->len);
    struct ack_flight *a = MEM_NEW(struct ack_flight);
    a->gw = gw;
    a->n = *n;
    a->marks = marks;
    buf_add(&a->words, ids->data, ids->len);
    if (redis_send(gw->e->redis, buf_cstr(&cmd), cmd.len, outbox_acked, a)) {
        buf_reset(ids);
        *n = 0;
    } else {
        buf_free(&a->words);
        free(a);
    }
}

/* ---- marks ---- */

struct mark_flight {
    struct gw *gw;
    uint64_t *ids;
    size_t n;
};

static void outbox_marked(void *ud, const struct redisReply *reply)
{
    struct mark_flight *m = ud;
    bool ok = reply && reply->type != REDIS_REPLY_ERROR;
    for (size_t i = 0; i < m->n; i++) {
        struct entry *en = outbox_find(m->gw, m->ids[i]);
        if (!en || en->state != ENTRY_MARKING)
            continue;
        en->state = ENTRY_QUEUED;
        en->marked = ok;
        pacer_add(m->gw, en);
    }
    engine_spin(m->gw->e);
    free(m->ids);
    free(m);
}

static void outbox_flush_marks(struct gw *gw)
{
    static struct buf cmd, key;
    buf_reset(&cmd), buf_reset(&key);
    gw_key(gw, &key, "written");
    buf_add_array(&cmd, 2 + gw->nmarks * 2);
    buf_add_bulk(&cmd, "HSET", 4);
    buf_add_bulk(&cmd, key.data, key.len);
    struct mark_flight *m = MEM_NEW(struct mark_flight);
    m->gw = gw;
    m->n = gw->nmarks;
    m->ids = mem_alloc(m->n * sizeof *m->ids);
    for (size_t i = 0; i < gw->nmarks; i++) {
        char id[40];
        m->ids[i] = gw->marks[i]->id;
        outbox_print_id(m->ids[i], id);
        buf_add_bulk(&cmd, id, strlen(id));
        buf_add_bulk_int(&cmd, clock_wall(gw->e->clock));
    }
    if (redis_send(gw->e->redis, buf_cstr(&cmd), cmd.len, outbox_marked, m)) {
        gw->nmarks = 0;
    } else {
        free(m->ids);
        free(m);
    }
}

void outbox_flush_acks(struct gw *gw)
{
    if (gw->nmarks)
        outbox_flush_marks(gw);
    if (gw->nacks)
        outbox_delete(gw, "outbox", &gw->acks, &gw->nacks, false);
    if (gw->nunmark)
        outbox_delete(gw, "written", &gw->unmark, &gw->nunmark, true);
}

/* ---- results ---- */

void outbox_requeue(struct gw *gw, struct entry *en, int64_t due_ms)
{
    if (en->state == ENTRY_UNKNOWN)
        gw->unknown--;
    en->state = ENTRY_QUEUED;
    en->step = SETTLE_ECHO;
    en->due_ms = due_ms;
    pacer_add(gw, en);
}

/* @all was refused: nothing was posted, so the message goes once more without it. */
static bool outbox_again_without_all(struct gw *gw, struct entry *en, int64_t now)
{
    if (en->at_all != AT_ALL_ALLOWED)
        return false;
    en->at_all = AT_ALL_DENIED;
    log_warn("@all was refused: the message goes without it", "gateway", gw->name, "chat",
             en->message->chat, NULL);
    outbox_requeue(gw, en, now);
    return true;
}

void outbox_sent(struct gw *gw, uint64_t ticket, const struct send_result *r)
{
    struct entry *en = outbox_find(gw, ticket);
    if (!en || en->state != ENTRY_WRITTEN)
        return;
    int64_t now = clock_wall(gw->e->clock);
    if (r->outcome == SEND_UNKNOWN)
        stall_lost(gw, en);
    else if (r->outcome == SEND_UNWRITTEN)
        stall_over(gw, en);
    else
        stall_answered(gw, en);
    risk_outcome(gw, r, en);
    if (r->outcome == SEND_SENT || r->outcome == SEND_UNKNOWN)
        breaker_left(gw, en);
    switch (r->outcome) {
    case SEND_SENT:
        settle_note_id(gw, en->message->chat, r->message_id);
        outbox_done_as(gw, en, "sent", r->reason, r->message_id);
        break;
    case SEND_AT_ALL:
        if (outbox_again_without_all(gw, en, now))
            break;
        outbox_done(gw, en, "failed", r->reason);
        break;
    case SEND_CLOSED:
    case SEND_FAILED: outbox_done(gw, en, "failed", r->reason); break;
    case SEND_LIMITED:
        if (++en->limited >= (en->message->kind == KIND_ANSWER ? OUTBOX_LIMITED : 2)) {
            outbox_done(gw, en, "failed", r->reason);
            break;
        }
        outbox_requeue(gw, en, now + 1000);
        break;
    case SEND_MUTED:
    case SEND_CROWDED:
        outbox_requeue(gw, en, now + 1000);
        break; /* the pacer holds the chat or the account */
    case SEND_UNWRITTEN: outbox_requeue(gw, en, now); break;
    case SEND_RISK:
    case SEND_UNKNOWN:
        if (en->echoed)
            outbox_done(gw, en, "sent", r->reason);
        else
            settle_begin(gw, en, now + gw->settle_ms);
        break;
    }
}

/* ---- odds and ends ---- */

void outbox_chat_gone(struct gw *gw, const char *chat)
{
    struct entry *en, *tmp;
    HASH_ITER (hh, gw->entries, en, tmp) {
        if (strcmp(en->message->chat, chat) == 0)
            outbox_done(gw, en, "failed", "the chat is gone");
    }
}

void outbox_free(struct gw *gw)
{
    struct entry *en, *tmp;
    HASH_ITER (hh, gw->entries, en, tmp)
        outbox_forget(gw, en);
    free(gw->marks);
    buf_free(&gw->acks);
    buf_free(&gw->unmark);
}
