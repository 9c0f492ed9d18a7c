/* wsframe.h -- WebSocket frames (RFC 6455 section 5): an incremental decoder and an encoder that writes into a buffer.
 * Works on bytes only: no sockets, no callbacks. The decoder gives whole messages; a message that lies completely in the
 * input is not copied. Text is not checked for UTF-8 here: gateways repair it instead of dropping a link for a nickname. */
#ifndef SOPD_GATEWAY_WSFRAME_H
#define SOPD_GATEWAY_WSFRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct rng;
struct wsdeflate;

enum wsframe_role { WSFRAME_CLIENT, WSFRAME_SERVER }; /* what we are: it decides who masks */

enum wsframe_opcode {
    WSFRAME_OP_CONTINUATION = 0x0,
    WSFRAME_OP_TEXT = 0x1,
    WSFRAME_OP_BINARY = 0x2,
    WSFRAME_OP_CLOSE = 0x8,
    WSFRAME_OP_PING = 0x9,
    WSFRAME_OP_PONG = 0xA
};

/* Close codes (RFC 6455 section 7.4.1). */
enum {
    WSFRAME_NORMAL = 1000,
    WSFRAME_GOING_AWAY = 1001,
    WSFRAME_PROTOCOL_ERROR = 1002,
    WSFRAME_NO_CODE = 1005,  /* never on the wire: a close frame without a code */
    WSFRAME_ABNORMAL = 1006, /* never on the wire: the connection ended without a close frame */
    WSFRAME_BAD_DATA = 1007,
    WSFRAME_POLICY = 1008,
    WSFRAME_TOO_BIG = 1009
};

enum wsframe_event {
    WSFRAME_MORE,    /* input used up, nothing complete yet */
    WSFRAME_MESSAGE, /* out: opcode TEXT or BINARY, data, len */
    WSFRAME_PING,    /* out: data, len (at most 125) */
    WSFRAME_PONG,
    WSFRAME_CLOSE, /* out: code (1005 if none), data and len = reason */
    WSFRAME_ERROR  /* out: code to close with, reason; the decoder takes nothing more */
};

struct wsframe_out {
    enum wsframe_opcode opcode;
    unsigned code;
    char *data; /* may be changed in place; valid until the next call or until the input is gone */
    size_t len;
    const char *reason; /* ERROR only: a fixed text */
};

struct wsframe_decoder {
    enum wsframe_role role;
    size_t limit;       /* bytes of one message */
    struct buf message; /* fragments and split payloads */
    struct buf control; /* payload of a control frame that came in pieces */
    bool in_payload, in_message, failed;
    struct wsdeflate *deflate; /* borrowed; NULL: packed messages are errors */
    struct buf plain;          /* an unpacked message */
    bool packed;               /* this message is */
    bool deliver_message;      /* `message` was given out and is cleared at the next call */
    enum wsframe_opcode frame_op, message_op;
    bool frame_fin;
    uint64_t left; /* payload bytes of this frame that are still to come */
    uint64_t got;  /* payload bytes of this frame that came (mask phase) */
    uint8_t mask[4];
    bool masked;
    uint8_t head[14];
    size_t nhead;
};

/* limit: greatest message in bytes, at least 125. */
void wsframe_decoder_init(struct wsframe_decoder *d, enum wsframe_role role, size_t limit);
void wsframe_decoder_free(struct wsframe_decoder *d);
/* Takes bytes from *p (advancing it) until one thing is complete. Call again until it says MORE or ERROR. */
enum wsframe_event wsframe_decode(struct wsframe_decoder *d, char **p, size_t *len,
                                  struct wsframe_out *out);

/* Text messages are written straight into the output buffer: begin, append the payload with buf_add..., end. `begin`
 * returns the position that `end` wants. With a client's role the payload is masked in place with a key from rng. */
size_t wsframe_begin(struct buf *out);
void wsframe_end(struct buf *out, size_t start, enum wsframe_role role, enum wsframe_opcode opcode,
                 struct rng *rng);
/* The same for a message that may be long: with more than `piece` bytes (0 = no limit) it becomes several frames. packed: its payload
 * was deflated. */
void wsframe_end_message(struct buf *out, size_t start, enum wsframe_role role, bool packed,
                         size_t piece, struct rng *rng);
/* Where the payload of the frame that begun at start begins, until wsframe_end. */
size_t wsframe_payload(size_t start);
/* A whole frame at once. */
void wsframe_add(struct buf *out, enum wsframe_role role, enum wsframe_opcode opcode,
                 const void *data, size_t len, struct rng *rng);
/* A close frame; code 1005 makes an empty one. The reason is cut at 123 bytes. */
void wsframe_add_close(struct buf *out, enum wsframe_role role, unsigned code, const char *reason,
                       struct rng *rng);
/* XORs len bytes with the key, starting at `phase` bytes into the payload. Its own inverse. */
void wsframe_mask(char *data, size_t len, const uint8_t key[4], uint64_t phase);

#endif
