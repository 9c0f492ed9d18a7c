/* outbox.c -- messages that are committed and not yet acknowledged: one `struct entry` each, mirrored in Redis.
 * Every entry ends as sent, failed, expired or unknown. An entry whose outcome is unknown is never blindly sent again: the
 * gateway's echo or history settles it, else its policy does (design 2.3). Entries that are not to be repeated, or wait for
 * their turn, are marked in Redis (hash `written`) before they are written, so that a restart knows what may have left. */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/look/trace.h"

enum { OUTBOX_EPOCH_BITS = 36, OUTBOX_RESTART_MS = 3000, OUTBOX_HISTORY_MS = 20000 };

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

static struct entry *outbox_find(struct gw *gw, uint64_t id)
{
    struct entry *en;
    HASH_FIND(hh, gw->entries, &id, sizeof id, en);
    return en;
}

static struct entry *outbox_new(struct gw *gw, uint64_t id, struct message *m)
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
}

/* ---- ends ---- */

static void outbox_forget(struct gw *gw, struct entry *en)
{
    pacer_remove(gw, en);
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

static void outbox_done_as(struct gw *gw, struct entry *en, const char *outcome, const char *reason,
                           const char *message_id)
{
    char id[40];
    outbox_print_id(en->id, id);
    trace_outcome(gw, en, outcome, reason, message_id);
    outbox_remove(gw, en, outcome, reason, message_id);
    if (!en->message->run && (en->marked || en->state == ENTRY_MARKING)) {
        buf_add_bulk(&gw->unmark, id, strlen(id));
        gw->nunmark++;
    }
    if (strcmp(outcome, "sent") == 0) {
        metric_inc(gw->m_sent);
    } else {
        metric_inc(gw_sends(gw, outcome));
        log_warn("message not sent", "gateway", gw->name, "chat", en->message->chat, "flow",
                 en->message->flow, "id", id, "outcome", outcome, "reason", reason, NULL);
    }
    outbox_forget(gw, en);
}

void outbox_done(struct gw *gw, struct entry *en, const char *outcome, const char *reason)
{
    outbox_done_as(gw, en, outcome, reason, "");
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

static void outbox_requeue(struct gw *gw, struct entry *en, int64_t due_ms)
{
    if (en->state == ENTRY_UNKNOWN)
        gw->unknown--;
    en->state = ENTRY_QUEUED;
    en->due_ms = due_ms;
    pacer_add(gw, en);
}

static void outbox_unknown(struct gw *gw, struct entry *en, int64_t settle_at)
{
    if (en->state != ENTRY_UNKNOWN)
        gw->unknown++;
    en->state = ENTRY_UNKNOWN;
    en->settle_at_ms = settle_at;
    if (settle_at < gw->settle_next_ms)
        gw->settle_next_ms = settle_at;
}

void outbox_sent(struct gw *gw, uint64_t ticket, const struct send_result *r)
{
    struct entry *en = outbox_find(gw, ticket);
    if (!en || en->state != ENTRY_WRITTEN)
        return;
    int64_t now = clock_wall(gw->e->clock);
    pacer_outcome(gw, r, en);
    switch (r->outcome) {
    case SEND_SENT: outbox_done_as(gw, en, "sent", r->reason, r->message_id); break;
    case SEND_FAILED: outbox_done(gw, en, "failed", r->reason); break;
    case SEND_MUTED:
    case SEND_LIMITED:
        outbox_requeue(gw, en, now + 1000);
        break; /* the pacer holds the chat or the account */
    case SEND_UNWRITTEN: outbox_requeue(gw, en, now); break;
    case SEND_UNKNOWN:
        if (en->echoed)
            outbox_done(gw, en, "sent", r->reason);
        else
            outbox_unknown(gw, en, now + gw->settle_ms);
        break;
    }
}

/* Blanks do not count: platforms add and drop them around mentions. */
static void outbox_squeeze(struct buf *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->len; i++)
        if (b->data[i] != ' ' && b->data[i] != '\n' && b->data[i] != '\r')
            b->data[n++] = b->data[i];
    b->len = n;
}

static void outbox_plain_event(const struct event *e, struct buf *out)
{
    for (int i = 0; i < e->nsegments; i++) {
        if (e->segments[i].type == SEGMENT_TEXT)
            buf_adds(out, e->segments[i].text);
        else if (e->segments[i].type == SEGMENT_AT)
            buf_addf(out, "@%s", e->segments[i].id);
    }
    outbox_squeeze(out);
}

void outbox_own_message(struct gw *gw, const struct event *e)
{
    static struct buf theirs, ours;
    buf_reset(&theirs);
    outbox_plain_event(e, &theirs);
    struct entry *en, *tmp;
    HASH_ITER (hh, gw->entries, en, tmp) {
        if ((en->state != ENTRY_UNKNOWN && en->state != ENTRY_WRITTEN) || en->echoed)
            continue;
        if (strcmp(en->message->chat, e->chat) != 0 || e->time_ms < en->message->created_ms - 5000)
            continue;
        buf_reset(&ours);
        message_plain(en->message, &ours);
        outbox_squeeze(&ours);
        if (ours.len != theirs.len || (ours.len && memcmp(ours.data, theirs.data, ours.len) != 0))
            continue;
        if (en->state == ENTRY_UNKNOWN)
            outbox_done_as(gw, en, "sent", "seen in the chat", e->message_id);
        else
            en->echoed = true;
        return;
    }
}

/* ---- settling what is unknown ---- */

static void outbox_settle(struct gw *gw, struct entry *en, int64_t now)
{
    const struct gateway_ops *ops = gw->gateway->ops;
    if (!en->settled && ops->catch_up && *en->message->chat != '@' &&
        (ops->caps(gw->gateway) & GATEWAY_HISTORY)) {
        en->settled = true;
        en->settle_at_ms = now + OUTBOX_HISTORY_MS;
        ops->catch_up(gw->gateway, en->message->chat, en->message->created_ms - 5000);
        return;
    }
    /* One of the last process that is not in a history which has our messages did not leave: that is known, so it goes out
     * whatever its policy. Without a restart it may still be held back by the platform's risk control. */
    bool known = en->restart && en->absent;
    if ((en->message->resend || known) && en->resends == 0 && en->message->until_ms > now) {
        char id[40];
        outbox_print_id(en->id, id);
        en->resends++;
        if (!known)
            metric_inc(gw->m_resends);
        log_write(known ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
                  known ? "message had not left before the restart; it leaves now"
                        : "message is sent again: its outcome stayed unknown",
                  "gateway", gw->name, "chat", en->message->chat, "flow", en->message->flow, "id",
                  id, NULL);
        int64_t due = en->restart ? now : en->written_ms + gw->resend_ms;
        if (due > en->message->until_ms)
            en->message->until_ms = due + 1000;
        outbox_requeue(gw, en, due > now ? due : now);
        return;
    }
    outbox_done(gw, en, "unknown", "no answer to the send, and not seen in the chat");
}

void outbox_caught_up(struct gw *gw, const char *chat, bool whole)
{
    int64_t now = clock_wall(gw->e->clock);
    for (struct entry *en = gw->entries; en; en = en->hh.next) {
        if (en->state != ENTRY_UNKNOWN || !en->settled || strcmp(en->message->chat, chat) != 0)
            continue;
        en->absent = whole;
        en->settle_at_ms = now;
        gw->settle_next_ms = now;
    }
}

int64_t outbox_behind(struct gw *gw, struct entry *en, int64_t now)
{
    for (const struct entry *o = gw->doubts ? gw->entries : NULL; o; o = o->hh.next) {
        if (!o->doubt || o->id >= en->id || o->state == ENTRY_WRITTEN ||
            strcmp(o->message->chat, en->message->chat) != 0)
            continue;
        int64_t at = o->state == ENTRY_UNKNOWN ? o->settle_at_ms : o->due_ms;
        en->behind = true;
        return at > now ? at : now + 1;
    }
    return 0;
}

/* Decides about entries whose time to settle has come; called by the pacer's round. */
void outbox_settle_due(struct gw *gw)
{
    int64_t now = clock_wall(gw->e->clock), next = INT64_MAX;
    if (!gw->unknown || now < gw->settle_next_ms || !gw_can_send(gw))
        return;
    struct entry *en, *tmp;
    HASH_ITER (hh, gw->entries, en, tmp) {
        if (en->state == ENTRY_UNKNOWN && en->settle_at_ms <= now)
            outbox_settle(gw, en, now);
    }
    for (en = gw->entries; en; en = en->hh.next)
        if (en->state == ENTRY_UNKNOWN && en->settle_at_ms < next)
            next = en->settle_at_ms;
    gw->settle_next_ms = next;
}

/* ---- after a restart ---- */

/* It may have left. */
static void outbox_doubt(struct gw *gw, struct entry *en, int64_t now)
{
    outbox_unknown(gw, en, now + OUTBOX_RESTART_MS);
    en->doubt = true;
    gw->doubts++;
}

/* An entry found in Redis. Not marked and not to be repeated, or held back for the end of quiet hours: it never left. Marked, or
 * of the kind that leaves without a mark: it may have. */
static void outbox_restore(struct gw *gw, const char *id_text, const char *json, size_t len)
{
    uint64_t id;
    if (!outbox_parse_id(id_text, &id) || outbox_find(gw, id))
        return;
    struct message *m = message_parse(json, len);
    if (!m) {
        log_error("outbox entry is not readable and stays in redis", "gateway", gw->name, "id",
                  id_text, NULL);
        return;
    }
    struct entry *en = outbox_new(gw, id, m);
    int64_t now = clock_wall(gw->e->clock);
    en->restart = true;
    guard_restart(gw, m->chat, now);
    en->written_ms = m->created_ms;
    if (m->from_ms > now)
        outbox_requeue(gw, en, m->from_ms);
    else if (m->resend)
        outbox_doubt(gw, en, now);
    else
        outbox_requeue(gw, en, now);
}

static void outbox_loaded_marks(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    if (!reply || reply->type != REDIS_REPLY_ARRAY)
        return;
    int64_t now = clock_wall(gw->e->clock);
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        uint64_t id;
        struct entry *en =
            outbox_parse_id(reply->element[i]->str, &id) ? outbox_find(gw, id) : NULL;
        if (!en)
            continue;
        en->marked = true;
        if (en->state == ENTRY_QUEUED) {
            pacer_remove(gw, en);
            outbox_doubt(gw, en, now);
        }
    }
    if (!gw->loaded)
        log_info("outbox loaded", "gateway", gw->name, "messages", log_int(HASH_COUNT(gw->entries)),
                 NULL);
    gw->loaded = true;
    engine_spin(gw->e);
}

static void outbox_loaded(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    if (!reply || reply->type != REDIS_REPLY_ARRAY)
        return;
    for (size_t i = 0; i + 1 < reply->elements; i += 2)
        outbox_restore(gw, reply->element[i]->str, reply->element[i + 1]->str,
                       reply->element[i + 1]->len);
}

void outbox_load(struct gw *gw)
{
    struct buf box = {0}, marks = {0};
    gw_key(gw, &box, "outbox");
    gw_key(gw, &marks, "written");
    redis_command(gw->e->redis, outbox_loaded, gw, 2, (const char *[]){"HGETALL", buf_cstr(&box)},
                  NULL);
    redis_command(gw->e->redis, outbox_loaded_marks, gw, 2,
                  (const char *[]){"HGETALL", buf_cstr(&marks)}, NULL);
    buf_free(&box);
    buf_free(&marks);
}

/* The commit was asked twice and says "duplicate": if the entry is in the outbox, the first try was ours and did it. */
struct recovery {
    struct gw *gw;
    uint64_t id;
    struct message *m;
};

static void outbox_recovered(void *ud, const struct redisReply *reply)
{
    struct recovery *r = ud;
    if (reply && reply->type == REDIS_REPLY_INTEGER && reply->integer == 1 &&
        !outbox_find(r->gw, r->id)) {
        int64_t held = r->m->from_ms - clock_wall(r->gw->e->clock);
        outbox_add(r->gw, r->id, r->m, held > 0 ? held : 0);
    } else {
        message_free(r->m);
    }
    free(r);
}

void outbox_recover(struct gw *gw, uint64_t id, struct message *m)
{
    struct recovery *r = MEM_NEW(struct recovery);
    *r = (struct recovery){gw, id, m};
    char text[40];
    outbox_print_id(id, text);
    struct buf key = {0};
    gw_key(gw, &key, "outbox");
    if (!redis_command(gw->e->redis, outbox_recovered, r, 3,
                       (const char *[]){"HEXISTS", buf_cstr(&key), text}, NULL)) {
        message_free(m);
        free(r);
    }
    buf_free(&key);
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
