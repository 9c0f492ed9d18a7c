/* ob_send.c -- messages out: the frame is written at once into the socket's buffer and leaves with the next flush. */
#include "gateway/ob.h"

enum { OB_UPLOAD_BYTES_MS = 128, OB_UPLOAD_MAX_MS = 30 * 60000 };

void ob_sent(struct ob *g, uint64_t ticket, enum send_outcome outcome, const char *id,
             const char *reason, int64_t retry_ms)
{
    struct send_result r = {
        .outcome = outcome, .message_id = id, .reason = reason, .retry_ms = retry_ms};
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

bool ob_send(struct gateway *base, const struct out_message *m, uint64_t ticket)
{
    struct ob *g = (struct ob *)base;
    struct ob_frame_out f;
    if (g->stopping || g->online == ACCOUNT_OFFLINE || !ob_link_ready(g))
        return false;
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
