/* transport_ws.c -- what both users of libwebsockets' own WebSocket role share (accepted connections, and outgoing ones over TLS):
 * messages that come in pieces, and the peer's close frame. */
#include "gateway/transport_internal.h"

void conn_ws_rx(struct lws *wsi, struct conn *c, char *in, size_t len)
{
    if (c->state != CONN_OPEN)
        return;
    bool complete = lws_is_final_fragment(wsi) && !lws_remaining_packet_payload(wsi);
    if (c->message.len + len > c->opts.max_message) {
        conn_note_end(c, CONN_END_BAD, 0, WSFRAME_TOO_BIG, "message larger than the limit", 29);
        buf_free(&c->message);
        conn_close(c, WSFRAME_TOO_BIG, "message larger than the limit");
        return;
    }
    const struct conn_handler *h = c->opts.handler;
    if (complete && !c->message.len) {
        h->on_message(c->opts.ud, c, in, len, lws_frame_is_binary(wsi));
        return;
    }
    buf_add(&c->message, in, len);
    if (!complete)
        return;
    h->on_message(c->opts.ud, c, c->message.data, c->message.len, lws_frame_is_binary(wsi));
    buf_reset(&c->message);
    if (c->message.cap > TRANSPORT_OUT_KEEP)
        buf_free(&c->message);
}

void conn_ws_peer_close(struct conn *c, const unsigned char *in, size_t len)
{
    unsigned code = len >= 2 ? (unsigned)in[0] << 8 | in[1] : WSFRAME_NO_CODE;
    conn_note_end(c, CONN_END_CLOSED, 0, code, len > 2 ? (const char *)in + 2 : "",
                  len > 2 ? len - 2 : 0);
    c->end.code = code;
}
