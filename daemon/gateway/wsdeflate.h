/* wsdeflate.h -- permessage-deflate (RFC 7692): what is offered and agreed in the opening handshake, and packing and unpacking whole
 * messages. Bytes only, no sockets. zlib's memory is taken with the first message that needs it. */
#ifndef SOPD_GATEWAY_WSDEFLATE_H
#define SOPD_GATEWAY_WSDEFLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/wsframe.h"

/* What was agreed, by side. Windows are 9 to 15 (bits). */
struct wsdeflate_terms {
    int server_window, client_window;
    bool server_fresh, client_fresh; /* no context is kept from one message to the next */
};
/* What we want: `window` for both sides, 0 = 15. keep: the context is kept (smaller messages, more memory). */
struct wsdeflate_wish {
    bool keep;
    int window;
};

struct wsdeflate;
/* role: what we are. */
struct wsdeflate *wsdeflate_new(enum wsframe_role role, const struct wsdeflate_terms *terms);
void wsdeflate_free(struct wsdeflate *d); /* NULL is allowed */

/* The value of Sec-WebSocket-Extensions that a client sends. */
void wsdeflate_offer(struct buf *out, const struct wsdeflate_wish *wish);
/* The server's answer to that offer. NULL: agreed, with terms filled; else what is wrong, a fixed text. */
const char *wsdeflate_agreed(const char *value, size_t len, const struct wsdeflate_wish *wish,
                             struct wsdeflate_terms *terms);
/* A server looks at what a client offers: true when one of its offers suits, with terms filled and our answer appended. */
bool wsdeflate_choose(const char *value, size_t len, const struct wsdeflate_wish *wish,
                      struct wsdeflate_terms *terms, struct buf *answer);

/* Appends the packed message to out. False: it would not be smaller; nothing was appended, send it as it is. */
bool wsdeflate_pack(struct wsdeflate *d, const char *data, size_t len, struct buf *out);
enum wsdeflate_result { WSDEFLATE_OK, WSDEFLATE_TOO_BIG, WSDEFLATE_BROKEN };
/* Appends the unpacked message; never more than limit bytes, whatever the peer sends. */
enum wsdeflate_result wsdeflate_unpack(struct wsdeflate *d, const char *data, size_t len,
                                       size_t limit, struct buf *out);

#endif
