/* wsframe.c -- see wsframe.h. Base framing: RFC 6455 section 5.2; fragmentation: 5.4; control frames: 5.5. */
#include "gateway/wsframe.h"

#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "gateway/wsdeflate.h"

/* A buffer that grew beyond this for one big message is given back afterwards. */
enum { WSFRAME_KEEP = 256 * 1024, WSFRAME_CONTROL_MAX = 125, WSFRAME_RESERVE = 8 };

void wsframe_decoder_init(struct wsframe_decoder *d, enum wsframe_role role, size_t limit)
{
    memset(d, 0, sizeof *d);
    d->role = role;
    d->limit = limit;
}

void wsframe_decoder_free(struct wsframe_decoder *d)
{
    buf_free(&d->message);
    buf_free(&d->control);
    buf_free(&d->plain);
}

void wsframe_mask(char *data, size_t len, const uint8_t key[4], uint64_t phase)
{
    uint8_t k[8];
    for (unsigned i = 0; i < 8; i++)
        k[i] = key[(phase + i) & 3];
    uint64_t word;
    memcpy(&word, k, 8);
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t v;
        memcpy(&v, data + i, 8);
        v ^= word;
        memcpy(data + i, &v, 8);
    }
    for (; i < len; i++)
        data[i] = (char)((uint8_t)data[i] ^ k[i & 7]);
}

static enum wsframe_event wsframe_fail(struct wsframe_decoder *d, struct wsframe_out *out,
                                       unsigned code, const char *reason)
{
    d->failed = true;
    memset(out, 0, sizeof *out);
    out->code = code;
    out->reason = reason;
    return WSFRAME_ERROR;
}

/* Bytes that the header needs, as far as the first two tell. */
static size_t wsframe_head_size(const uint8_t *h)
{
    size_t n = 2 + (h[1] & 0x80 ? 4u : 0u);
    unsigned len = h[1] & 0x7F;
    return n + (len == 126 ? 2u : len == 127 ? 8u : 0u);
}

/* Collects header bytes; true when the header is complete. */
static bool wsframe_take_head(struct wsframe_decoder *d, char **p, size_t *len)
{
    size_t need = d->nhead < 2 ? 2 : wsframe_head_size(d->head);
    while (*len && d->nhead < need) {
        d->head[d->nhead++] = (uint8_t) * *p;
        (*p)++;
        (*len)--;
        if (d->nhead == 2)
            need = wsframe_head_size(d->head);
    }
    return d->nhead >= 2 && d->nhead == need;
}

static const char *wsframe_check_head(const struct wsframe_decoder *d, uint64_t length)
{
    unsigned op = d->head[0] & 0x0F;
    bool fin = d->head[0] & 0x80, masked = d->head[1] & 0x80;
    unsigned reserved = d->head[0] & 0x70;
    if (reserved && (reserved != 0x40 || !d->deflate || op == 0 || op >= 8))
        return "reserved bits set";
    if (masked != (d->role == WSFRAME_SERVER))
        return masked ? "masked frame from a server" : "unmasked frame from a client";
    if (op >= 8) {
        if (op > WSFRAME_OP_PONG)
            return "unknown control opcode";
        if (!fin)
            return "fragmented control frame";
        return length > WSFRAME_CONTROL_MAX ? "control frame too long" : NULL;
    }
    if (op > WSFRAME_OP_BINARY)
        return "unknown opcode";
    if (op == WSFRAME_OP_CONTINUATION && !d->in_message)
        return "continuation without a start";
    if (op != WSFRAME_OP_CONTINUATION && d->in_message)
        return "new message inside a fragmented one";
    return length >> 63 ? "length with its highest bit set" : NULL;
}

/* Reads the complete header in d->head. False: out holds the error. */
static bool wsframe_open(struct wsframe_decoder *d, struct wsframe_out *out)
{
    const uint8_t *h = d->head + 2;
    uint64_t length = d->head[1] & 0x7F;
    unsigned extra = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (extra) {
        length = 0;
        for (unsigned i = 0; i < extra; i++)
            length = length << 8 | *h++;
    }
    d->masked = d->head[1] & 0x80;
    if (d->masked)
        memcpy(d->mask, h, 4);
    const char *bad = wsframe_check_head(d, length);
    if (bad) {
        wsframe_fail(d, out, WSFRAME_PROTOCOL_ERROR, bad);
        return false;
    }
    d->frame_op = (enum wsframe_opcode)(d->head[0] & 0x0F);
    d->frame_fin = d->head[0] & 0x80;
    if (d->frame_op < 8) {
        if (length > d->limit - d->message.len) {
            wsframe_fail(d, out, WSFRAME_TOO_BIG, "message larger than the limit");
            return false;
        }
        if (d->frame_op != WSFRAME_OP_CONTINUATION) {
            d->message_op = d->frame_op;
            d->packed = d->head[0] & 0x40;
        }
        d->in_message = true;
    }
    d->left = length;
    d->got = 0;
    d->nhead = 0;
    d->in_payload = true;
    return true;
}

/* A close code that may stand in a frame. */
static bool wsframe_code_valid(unsigned code)
{
    if (code >= 3000 && code <= 4999)
        return true;
    return code >= 1000 && code <= 1014 && code != 1004 && code != WSFRAME_NO_CODE &&
           code != WSFRAME_ABNORMAL;
}

static enum wsframe_event wsframe_give_close(struct wsframe_decoder *d, struct wsframe_out *out)
{
    if (out->len == 0) {
        out->code = WSFRAME_NO_CODE;
        return WSFRAME_CLOSE;
    }
    if (out->len == 1)
        return wsframe_fail(d, out, WSFRAME_PROTOCOL_ERROR, "close frame of one byte");
    out->code = (unsigned)(uint8_t)out->data[0] << 8 | (uint8_t)out->data[1];
    out->data += 2;
    out->len -= 2;
    if (!wsframe_code_valid(out->code))
        return wsframe_fail(d, out, WSFRAME_PROTOCOL_ERROR, "invalid close code");
    return WSFRAME_CLOSE;
}

/* A whole message that was packed. */
static enum wsframe_event wsframe_unpack(struct wsframe_decoder *d, struct wsframe_out *out)
{
    buf_reset(&d->plain);
    switch (wsdeflate_unpack(d->deflate, out->data, out->len, d->limit, &d->plain)) {
    case WSDEFLATE_TOO_BIG:
        return wsframe_fail(d, out, WSFRAME_TOO_BIG, "message larger than the limit");
    case WSDEFLATE_BROKEN:
        return wsframe_fail(d, out, WSFRAME_BAD_DATA, "compressed message that cannot be unpacked");
    case WSDEFLATE_OK: break;
    }
    out->data = d->plain.data;
    out->len = d->plain.len;
    d->deliver_message = true;
    return WSFRAME_MESSAGE;
}

/* One frame's payload lies at data; says what it completes. */
static enum wsframe_event wsframe_give(struct wsframe_decoder *d, char *data, size_t len,
                                       struct wsframe_out *out)
{
    out->opcode = d->frame_op;
    out->data = data;
    out->len = len;
    switch (d->frame_op) {
    case WSFRAME_OP_PING: return WSFRAME_PING;
    case WSFRAME_OP_PONG: return WSFRAME_PONG;
    case WSFRAME_OP_CLOSE: return wsframe_give_close(d, out);
    default:
        out->opcode = d->message_op;
        d->in_message = false;
        return d->packed ? wsframe_unpack(d, out) : WSFRAME_MESSAGE;
    }
}

/* The rest of the frame's payload, or a part of it, is at *p. */
static enum wsframe_event wsframe_take(struct wsframe_decoder *d, char **p, size_t *len,
                                       struct wsframe_out *out)
{
    size_t n = d->left < *len ? (size_t)d->left : *len;
    char *data = *p;
    bool control = d->frame_op >= 8;
    struct buf *kept = control ? &d->control : &d->message;
    if (d->masked && n)
        wsframe_mask(data, n, d->mask, d->got);
    *p += n;
    *len -= n;
    d->left -= n;
    d->got += n;
    bool complete = d->left == 0;
    if (complete)
        d->in_payload = false;
    if (complete && kept->len == 0 && (control || d->frame_fin))
        return wsframe_give(d, data, n, out); /* nothing was copied */
    buf_add(kept, data, n);
    if (!complete || (!control && !d->frame_fin))
        return WSFRAME_MORE;
    d->deliver_message = !control;
    enum wsframe_event ev = wsframe_give(d, kept->data, kept->len, out);
    if (control)
        kept->len = 0; /* the bytes stay where they are until the next frame */
    return ev;
}

enum wsframe_event wsframe_decode(struct wsframe_decoder *d, char **p, size_t *len,
                                  struct wsframe_out *out)
{
    memset(out, 0, sizeof *out);
    if (d->failed)
        return wsframe_fail(d, out, WSFRAME_PROTOCOL_ERROR, "data after an error");
    if (d->deliver_message) {
        d->deliver_message = false;
        buf_reset(&d->message);
        if (d->message.cap > WSFRAME_KEEP)
            buf_free(&d->message);
        if (d->plain.cap > WSFRAME_KEEP)
            buf_free(&d->plain);
    }
    for (;;) {
        if (!d->in_payload) {
            if (!wsframe_take_head(d, p, len))
                return WSFRAME_MORE;
            if (!wsframe_open(d, out))
                return WSFRAME_ERROR;
        }
        enum wsframe_event ev = wsframe_take(d, p, len, out);
        if (ev != WSFRAME_MORE || (d->in_payload && !*len))
            return ev;
    }
}

size_t wsframe_begin(struct buf *out)
{
    size_t start = out->len;
    buf_reserve(out, WSFRAME_RESERVE);
    out->len += WSFRAME_RESERVE;
    return start;
}

size_t wsframe_payload(size_t start)
{
    return start + WSFRAME_RESERVE;
}

/* Writes the header for n bytes into h; returns its size. first: the bits and the opcode. */
static size_t wsframe_write_head(uint8_t *h, unsigned first, bool mask, uint64_t n)
{
    size_t at = 2;
    h[0] = (uint8_t)first;
    if (n < 126) {
        h[1] = (uint8_t)n;
    } else {
        unsigned bytes = n < 65536 ? 2 : 8;
        h[1] = bytes == 2 ? 126 : 127;
        for (unsigned i = bytes; i-- > 0;)
            h[at++] = (uint8_t)(n >> (8 * i));
    }
    if (mask)
        h[1] |= 0x80;
    return at;
}

/* The payload of n bytes, as it is, at body; makes it a frame whose header begins at start. */
static size_t wsframe_seal(struct buf *out, size_t start, size_t body, size_t n, unsigned first,
                           bool mask, struct rng *rng)
{
    uint8_t head[14];
    size_t nhead = wsframe_write_head(head, first, mask, n);
    uint8_t key[4] = {0};
    if (mask) {
        uint32_t r = (uint32_t)(rng_next(rng) >> 32);
        memcpy(key, &r, 4);
        memcpy(head + nhead, key, 4);
        nhead += 4;
    }
    if (start + nhead != body)
        memmove(out->data + start + nhead, out->data + body, n);
    memcpy(out->data + start, head, nhead);
    if (mask)
        wsframe_mask(out->data + start + nhead, n, key, 0);
    return start + nhead + n;
}

static void wsframe_end_as(struct buf *out, size_t start, enum wsframe_role role, unsigned first,
                           struct rng *rng)
{
    size_t body = start + WSFRAME_RESERVE; /* it fits client frames of 126 bytes to 64 KiB */
    buf_reserve(out, 14 - WSFRAME_RESERVE);
    out->len = wsframe_seal(out, start, body, out->len - body, first, role == WSFRAME_CLIENT, rng);
}

void wsframe_end(struct buf *out, size_t start, enum wsframe_role role, enum wsframe_opcode opcode,
                 struct rng *rng)
{
    wsframe_end_as(out, start, role, 0x80u | opcode, rng);
}

void wsframe_end_message(struct buf *out, size_t start, enum wsframe_role role, bool packed,
                         size_t piece, struct rng *rng)
{
    size_t body = start + WSFRAME_RESERVE, n = out->len - body;
    unsigned first = WSFRAME_OP_TEXT | (packed ? 0x40u : 0);
    if (!piece || n <= piece) {
        wsframe_end_as(out, start, role, 0x80 | first, rng);
        return;
    }
    /* the payload moves to the end of what it will be with all headers, and each piece to its place from there */
    size_t pieces = (n + piece - 1) / piece, room = pieces * 14;
    buf_reserve(out, room);
    memmove(out->data + body + room, out->data + body, n);
    size_t at = start, from = body + room;
    for (size_t i = 0; i < pieces; i++) {
        size_t part = n < piece ? n : piece;
        unsigned op = (i ? WSFRAME_OP_CONTINUATION : first) | (i + 1 == pieces ? 0x80u : 0);
        at = wsframe_seal(out, at, from, part, op, role == WSFRAME_CLIENT, rng);
        from += part;
        n -= part;
    }
    out->len = at;
}

void wsframe_add(struct buf *out, enum wsframe_role role, enum wsframe_opcode opcode,
                 const void *data, size_t len, struct rng *rng)
{
    size_t start = wsframe_begin(out);
    buf_add(out, data, len);
    wsframe_end(out, start, role, opcode, rng);
}

void wsframe_add_close(struct buf *out, enum wsframe_role role, unsigned code, const char *reason,
                       struct rng *rng)
{
    size_t start = wsframe_begin(out);
    if (code != WSFRAME_NO_CODE) {
        size_t len = reason ? strlen(reason) : 0;
        buf_addc(out, (char)(code >> 8));
        buf_addc(out, (char)(code & 0xFF));
        buf_add(out, reason, utf8_cut(reason ? reason : "", len, WSFRAME_CONTROL_MAX - 2));
    }
    wsframe_end(out, start, role, WSFRAME_OP_CLOSE, rng);
}
