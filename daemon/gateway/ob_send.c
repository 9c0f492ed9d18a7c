/* ob_send.c -- messages out. The ordinary way writes the frame at once into the socket's buffer; a message that @-s
 * everybody is kept until the platform has said that such a mention is left today. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "gateway/ob.h"

enum { OB_DAY_MS = 24 * 3600 * 1000, OB_UPLOAD_BYTES_MS = 128, OB_UPLOAD_MAX_MS = 30 * 60000 };

/* One group with @all: a message that waits for the quota, or (message empty) the day on which one was sent where the
 * platform has no quota call. */
struct ob_quota {
    struct ob_quota *next;
    uint64_t ticket;
    int64_t used_ms; /* wall; message == NULL */
    char *message;   /* JSON array; owned */
    char chat[OB_ID_MAX + 2];
};

void ob_sent(struct ob *g, uint64_t ticket, enum send_outcome outcome, const char *id, const char *reason, int64_t retry_ms)
{
    struct send_result r = {.outcome = outcome, .message_id = id, .reason = reason, .retry_ms = retry_ms};
    g->sink.on_sent(g->sink.ud, &g->base, ticket, &r);
}

/* Text moves in a moment; a picture inside the frame needs its time. */
static int64_t ob_send_timeout(const struct ob *g, size_t bytes)
{
    int64_t ms = g->conf.timeout_ms + (int64_t)(bytes / OB_UPLOAD_BYTES_MS);
    return ms < OB_UPLOAD_MAX_MS ? ms : OB_UPLOAD_MAX_MS;
}

/* Begins the frame up to the message. */
static bool ob_send_begin(struct ob *g, struct ob_frame_out *f, const char *chat)
{
    bool private_chat = *chat == '@';
    if (!ob_action_begin(g, f, private_chat ? OB_SEND_PRIVATE : OB_SEND_GROUP))
        return false;
    /* exactly one target: with both, some implementations post a private text into the group */
    if (private_chat)
        ob_action_id(f, "user_id", chat + 1);
    else
        ob_action_id(f, "group_id", chat);
    ob_action_raw(f, "message", "");
    return true;
}

static bool ob_send_kept(struct ob *g, const struct ob_quota *q)
{
    struct ob_frame_out f;
    if (!ob_send_begin(g, &f, q->chat))
        return false;
    buf_adds(f.out, q->message);
    ob_action_end(&f, OB_FOR_SEND, 0, q->ticket, ob_send_timeout(g, strlen(q->message)));
    return true;
}

static bool ob_at_all(const struct out_message *m)
{
    for (int i = 0; i < m->nsegments; i++)
        if (m->segments[i].type == SEGMENT_AT && m->segments[i].id && strcmp(m->segments[i].id, "all") == 0)
            return *m->chat != '@';
    return false;
}

/* ---- @all ---- */

static void ob_quota_drop(struct ob *g, struct ob_quota *q)
{
    struct ob_quota **at = &g->quotas;
    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    free(q->message);
    free(q);
}

/* Where there is no quota call: one a day and group. */
static bool ob_quota_local(struct ob *g, const char *chat)
{
    int64_t now = clock_wall(g->env.clock);
    for (struct ob_quota *q = g->quotas; q; q = q->next) {
        if (q->message || strcmp(q->chat, chat) != 0)
            continue;
        bool free_again = now - q->used_ms >= OB_DAY_MS;
        if (free_again)
            q->used_ms = now;
        return free_again;
    }
    struct ob_quota *q = MEM_NEW(struct ob_quota);
    memcpy(q->chat, chat, strlen(chat) + 1);
    q->used_ms = now;
    q->next = g->quotas;
    g->quotas = q;
    return true;
}

static void ob_quota_decide(struct ob *g, struct ob_quota *q, bool allowed)
{
    uint64_t ticket = q->ticket;
    bool sent = allowed && ob_send_kept(g, q);
    ob_quota_drop(g, q);
    if (sent)
        return;
    if (allowed)
        ob_sent(g, ticket, SEND_UNWRITTEN, "", "the connection is gone", 0);
    else
        ob_sent(g, ticket, SEND_FAILED, "", "no @all is left for this group today", 0);
}

void ob_quota_answer(struct ob *g, uint64_t ticket, const struct ob_answer *a)
{
    struct ob_quota *q = g->quotas;
    while (q && !(q->message && q->ticket == ticket))
        q = q->next;
    if (!q)
        return;
    if (!a) {
        ob_quota_drop(g, q);
        ob_sent(g, ticket, SEND_UNWRITTEN, "", "no answer about the @all quota", 0);
        return;
    }
    if (a->result == OB_FAILED && ob_answer_class(a, g->impl) == OB_CLASS_UNSUPPORTED)
        ob_quota_decide(g, q, ob_quota_local(g, q->chat));
    else
        ob_quota_decide(g, q, a->result == OB_OK && ob_quota_left(a->data) > 0);
}

static bool ob_send_at_all(struct ob *g, const struct out_message *m, uint64_t ticket)
{
    struct ob_peer *p = ob_link_api(g);
    struct ob_frame_out f;
    struct buf message = {0};
    if (strlen(m->chat) > OB_ID_MAX || !ob_segments_encode(&message, m)) {
        buf_free(&message);
        return false;
    }
    bool ask = !ob_unsupported(p, OB_AT_ALL_REMAIN);
    if (ask && !ob_action_begin(g, &f, OB_AT_ALL_REMAIN)) {
        buf_free(&message);
        return false;
    }
    struct ob_quota *q = MEM_NEW(struct ob_quota);
    q->ticket = ticket;
    q->message = buf_take(&message);
    memcpy(q->chat, m->chat, strlen(m->chat) + 1);
    q->next = g->quotas;
    g->quotas = q;
    if (ask) {
        ob_action_id(&f, "group_id", m->chat);
        ob_action_end(&f, OB_FOR_QUOTA, 0, ticket, g->conf.timeout_ms / 4);
        return true;
    }
    bool allowed = ob_quota_local(g, m->chat), sent = allowed && ob_send_kept(g, q);
    ob_quota_drop(g, q);
    if (!allowed)
        ob_held_result(g, true, ticket, "no @all is left for this group today");
    return sent || !allowed;
}

void ob_quota_end(struct ob *g)
{
    struct ob_quota *q = g->quotas;
    uint64_t ticket = q->ticket;
    bool waiting = q->message;
    ob_quota_drop(g, q);
    if (waiting)
        ob_sent(g, ticket, SEND_UNWRITTEN, "", "the gateway is stopped", 0);
}

/* ---- the ordinary way ---- */

bool ob_send(struct gateway *base, const struct out_message *m, uint64_t ticket)
{
    struct ob *g = (struct ob *)base;
    struct ob_frame_out f;
    if (g->stopping || g->online == ACCOUNT_OFFLINE || !ob_link_ready(g))
        return false;
    if (ob_at_all(m))
        return ob_send_at_all(g, m, ticket);
    if (!ob_send_begin(g, &f, m->chat))
        return false;
    size_t before = f.out->len;
    if (!ob_segments_encode(f.out, m)) {
        ob_action_cancel(&f);
        ob_held_result(g, true, ticket, "the message is empty");
        return true;
    }
    ob_action_end(&f, OB_FOR_SEND, 0, ticket, ob_send_timeout(g, f.out->len - before));
    return true;
}
