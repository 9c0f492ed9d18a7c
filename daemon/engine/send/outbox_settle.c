/* outbox_settle.c -- messages whose outcome is unknown: written, and no answer that says what became of them (no answer in time,
 * "Timeout" although delivered, a lost link, a crash). Our own message seen in the chat, or the chat's history, settles them.
 * A group post is sent again only when one of these shows that it is absent; where the platform has neither, only if its
 * policy insists (or the process died over it: nobody knows then whether it was written at all). Evidence counts only if it
 * is whole: a history page that does not reach back to the send shows nothing, an echo that came while the link was down was
 * missed. And it counts once: two equal messages need two of ours in the chat.
 * Owns the ids of our messages that are accounted for. Callers: outbox.c, outbox_load.c, gw.c, the pacer's round. */
#include <stdlib.h>
#include <string.h>

#include "engine/send/outbox_parts.h"
#include "engine/send/risk.h"

enum { SETTLE_HISTORY_MS = 20000, SETTLE_MARGIN_MS = 5000, SETTLE_IDS = 512 };

/* ---- our own messages that are accounted for ---- */

struct settle_ids {
    uint64_t list[SETTLE_IDS];
    unsigned at;
};

static uint64_t settle_hash(const char *chat, const char *message_id)
{
    return hash_more(hash_string(chat), message_id, strlen(message_id));
}

void settle_note_id(struct gw *gw, const char *chat, const char *message_id)
{
    if (!message_id || !*message_id)
        return;
    if (!gw->own_ids)
        gw->own_ids = MEM_NEW(struct settle_ids);
    gw->own_ids->list[gw->own_ids->at++ % SETTLE_IDS] = settle_hash(chat, message_id);
}

static bool settle_knows(const struct gw *gw, const struct event *e)
{
    if (!gw->own_ids || !*e->message_id)
        return false;
    uint64_t hash = settle_hash(e->chat, e->message_id);
    for (int i = 0; i < SETTLE_IDS; i++)
        if (gw->own_ids->list[i] == hash)
            return true;
    return false;
}

void settle_free(struct gw *gw)
{
    free(gw->own_ids);
    gw->own_ids = NULL;
}

/* ---- what was seen ---- */

/* Blanks do not count: platforms add and drop them around mentions. */
static void settle_squeeze(struct buf *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->len; i++)
        if (b->data[i] != ' ' && b->data[i] != '\n' && b->data[i] != '\r')
            b->data[n++] = b->data[i];
    b->len = n;
}

static int settle_plain_event(const struct event *e, struct buf *out)
{
    int images = 0;
    for (int i = 0; i < e->nsegments; i++) {
        if (e->segments[i].type == SEGMENT_TEXT)
            buf_adds(out, e->segments[i].text);
        else if (e->segments[i].type == SEGMENT_AT)
            buf_addf(out, "@%s", e->segments[i].id);
        images += e->segments[i].type == SEGMENT_IMAGE;
    }
    settle_squeeze(out);
    return images;
}

static bool settle_same(const struct entry *en, const struct buf *theirs, int images)
{
    static struct buf ours;
    int n = 0;
    buf_reset(&ours);
    message_plain(en->message, &ours);
    settle_squeeze(&ours);
    for (int i = 0; i < en->message->nsegments; i++)
        n += en->message->segments[i].type == SEGMENT_IMAGE;
    return n == images && ours.len == theirs->len &&
           (!ours.len || memcmp(ours.data, theirs->data, ours.len) == 0);
}

static int64_t settle_left(const struct entry *en)
{
    return en->resends ? en->message->created_ms : en->written_ms;
}

/* The earliest moment at which the message can have appeared in the chat: clocks differ a little. */
static int64_t settle_from(const struct entry *en)
{
    return settle_left(en) - SETTLE_MARGIN_MS;
}

/* An answer or evidence is awaited; or it seemed to be absent, and waits to be sent again: a stuck link may deliver it yet. */
static bool settle_waits(const struct entry *en)
{
    return en->state == ENTRY_UNKNOWN || en->state == ENTRY_WRITTEN ||
           (en->state == ENTRY_QUEUED && en->resends);
}

void outbox_own_message(struct gw *gw, const struct event *e)
{
    static struct buf theirs;
    struct entry *found = NULL;
    if (!gw->entries || settle_knows(gw, e))
        return;
    buf_reset(&theirs);
    int images = settle_plain_event(e, &theirs);
    for (struct entry *en = gw->entries; en; en = en->hh.next) {
        if (!settle_waits(en) || en->echoed || en->message->act || (found && found->id < en->id) ||
            strcmp(en->message->chat, e->chat) != 0 || e->time_ms < settle_from(en))
            continue;
        if (settle_same(en, &theirs, images))
            found = en;
    }
    if (!found)
        return;
    settle_note_id(gw, e->chat, e->message_id);
    if (found->state == ENTRY_WRITTEN) {
        found->echoed = true;
    } else {
        risk_arrived(gw, found);
        outbox_done_as(gw, found, "sent", "seen in the chat", e->message_id);
    }
}

void outbox_sent_late(struct gw *gw, uint64_t ticket, const char *message_id)
{
    struct entry *en = outbox_find(gw, ticket);
    if (!en || !settle_waits(en) || en->state == ENTRY_WRITTEN)
        return; /* decided already, or under way a second time */
    settle_note_id(gw, en->message->chat, message_id);
    risk_arrived(gw, en);
    outbox_done_as(gw, en, "sent", "answered late", message_id);
}

/* ---- deciding ---- */

void settle_begin(struct gw *gw, struct entry *en, int64_t at_ms)
{
    if (en->state != ENTRY_UNKNOWN)
        gw->unknown++;
    en->state = ENTRY_UNKNOWN;
    en->step = SETTLE_ECHO;
    en->absent = en->blank = false;
    en->settle_at_ms = at_ms;
    if (at_ms < gw->settle_next_ms)
        gw->settle_next_ms = at_ms;
}

static bool settle_private(const struct entry *en)
{
    return *en->message->chat == '@';
}

static bool settle_can_ask(const struct gw *gw, const struct entry *en)
{
    return !settle_private(en) && gateway_can(gw->gateway, GATEWAY_HISTORY);
}

static void settle_ask(struct gw *gw, struct entry *en, int64_t now)
{
    en->step = en->step == SETTLE_ECHO ? SETTLE_HISTORY : SETTLE_LAST_LOOK;
    en->absent = en->blank = false;
    en->settle_at_ms = now + SETTLE_HISTORY_MS;
    gateway_catch_up(gw->gateway, en->message->chat, settle_from(en));
}

/* Is it shown that it did not reach the chat? */
static bool settle_absent(const struct gw *gw, const struct entry *en)
{
    if (en->absent)
        return true;
    if (settle_can_ask(gw, en) || en->restart)
        return false;
    /* only echoes: all of them came since, and it was not among them */
    bool whole = gw->was_up && gw->gap_since_ms < en->written_ms;
    return whole && gateway_can(gw->gateway, GATEWAY_ECHO);
}

/* May it be sent again although nobody knows? */
static bool settle_blind(const struct gw *gw, const struct entry *en)
{
    bool echoes = !en->restart && gateway_can(gw->gateway, GATEWAY_ECHO);
    bool tells = (settle_can_ask(gw, en) && !en->blank) || echoes;
    if (!en->message->resend)
        return false;
    if (settle_private(en))
        return true;
    return !tells && (en->message->insist || en->restart);
}

static void settle_again(struct gw *gw, struct entry *en, bool known, int64_t now)
{
    char id[40];
    outbox_print_id(en->id, id);
    en->resends++;
    if (!en->restart || !known)
        metric_inc(gw->m_resends);
    log_write(known ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
              !known        ? "message is sent again: its outcome stayed unknown"
              : en->restart ? "message had not left before the restart; it leaves now"
                            : "message is sent again: it did not arrive",
              "gateway", gw->name, "chat", en->message->chat, "flow", en->message->flow, "id", id,
              NULL);
    if (now + 1000 > en->message->until_ms)
        en->message->until_ms = now + 1000;
    outbox_requeue(gw, en, now);
}

static void settle_decide(struct gw *gw, struct entry *en, int64_t now)
{
    bool absent = settle_absent(gw, en);
    /* One of the last process that is not in a history which has our messages did not leave: that is known, so it goes out
     * whatever its policy. Without a restart the platform's risk control may still hold it back. */
    bool known = absent && (en->restart || en->message->resend);
    bool in_time = en->message->until_ms > now || (!en->restart && en->message->resend);
    if ((known || settle_blind(gw, en)) && en->resends == 0 && in_time) {
        settle_again(gw, en, known, now);
        return;
    }
    outbox_done(gw, en, "unknown",
                absent ? "no answer to the send, and it is not in the chat"
                       : "no answer to the send, and not seen in the chat");
}

/* Its time has come: the next step of finding out. */
static void settle_step(struct gw *gw, struct entry *en, int64_t now)
{
    bool can_ask = settle_can_ask(gw, en);
    if (en->step == SETTLE_ECHO && can_ask) {
        settle_ask(gw, en, now);
        return;
    }
    int64_t again_ms = en->written_ms + gw->resend_ms;
    bool later = en->message->resend && en->resends == 0 && !en->restart;
    if (en->step <= SETTLE_HISTORY && later) {
        en->step = SETTLE_WAIT; /* what is only delayed comes meanwhile */
        en->settle_at_ms = again_ms > now ? again_ms : now;
        return;
    }
    if (en->step == SETTLE_WAIT && can_ask) {
        settle_ask(gw, en, now);
        return;
    }
    settle_decide(gw, en, now);
}

void outbox_caught_up(struct gw *gw, const char *chat, int64_t back_ms)
{
    int64_t now = clock_wall(gw->e->clock);
    for (struct entry *en = gw->entries; en; en = en->hh.next) {
        bool asked = en->step == SETTLE_HISTORY || en->step == SETTLE_LAST_LOOK;
        if (en->state != ENTRY_UNKNOWN || !asked || strcmp(en->message->chat, chat) != 0)
            continue;
        /* platforms count whole seconds */
        en->absent = back_ms && back_ms <= settle_left(en);
        en->blank = !back_ms;
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
            settle_step(gw, en, now);
    }
    for (en = gw->entries; en; en = en->hh.next)
        if (en->state == ENTRY_UNKNOWN && en->settle_at_ms < next)
            next = en->settle_at_ms;
    gw->settle_next_ms = next;
}

/* ---- an admin's word ---- */

bool outbox_order(struct gw *gw, uint64_t id, bool resend)
{
    struct entry *en = outbox_find(gw, id);
    if (!en || en->state != ENTRY_UNKNOWN)
        return false;
    if (resend) {
        en->resends = 0;
        settle_again(gw, en, false, clock_wall(gw->e->clock));
    } else {
        outbox_done(gw, en, "dropped", "an admin gave it up");
    }
    engine_spin(gw->e);
    return true;
}
