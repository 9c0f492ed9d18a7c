/* transport_frames.c -- frames that arrive on an open connection, in both roles. */
#include <string.h>

#include "gateway/transport_internal.h"

/* The peer's close frame: answered once. A server hangs up then; a client leaves that to the peer (or the deadline). */
static void conn_frame_closed(struct conn *c, const struct wsframe_out *f)
{
    conn_note_end(c, CONN_END_CLOSED, 0, f->code, f->data ? f->data : "", f->data ? f->len : 0);
    c->end.code = f->code;
    if (c->state != CONN_OPEN)
        return;
    unsigned code = f->code;
    conn_close(c, code == WSFRAME_NO_CODE ? WSFRAME_NORMAL : code, "");
    c->by_us = false;
    c->hang_up = c->role == WSFRAME_SERVER;
    conn_write(c);
}

static void conn_frame_ping(struct conn *c, const struct wsframe_out *f)
{
    if (!conn_full(c))
        conn_control(c, WSFRAME_OP_PONG, f->data, f->len);
    c->opts.handler->on_alive(c->opts.ud, c);
}

int conn_frames(struct conn *c, char *p, size_t len)
{
    const struct conn_handler *h = c->opts.handler;
    struct wsframe_out f;
    if (c->decoder.failed)
        return 0; /* waiting for our close frame to leave */
    while (c->state == CONN_OPEN || c->state == CONN_CLOSING) {
        bool open = c->state == CONN_OPEN;
        switch (wsframe_decode(&c->decoder, &p, &len, &f)) {
        case WSFRAME_MORE: return 0;
        case WSFRAME_MESSAGE:
            if (open)
                h->on_message(c->opts.ud, c, f.data, f.len, f.opcode == WSFRAME_OP_BINARY);
            break;
        case WSFRAME_PING:
            if (open)
                conn_frame_ping(c, &f);
            break;
        case WSFRAME_PONG:
            if (open)
                h->on_alive(c->opts.ud, c);
            break;
        case WSFRAME_CLOSE:
            conn_frame_closed(c, &f);
            return open && c->state != CONN_DEAD
                       ? 0
                       : -1; /* after our own close frame this was the answer: done */
        case WSFRAME_ERROR:
            conn_note_end(c, CONN_END_BAD, 0, f.code, f.reason, strlen(f.reason));
            conn_close(c, f.code, f.reason);
            return 0;
        }
    }
    return c->state == CONN_DEAD ? -1 : 0;
}
