/* fuzz_wsframe.c -- what arrives on a socket before it is a message: frames (in pieces of a chosen size, in both roles), the
 * answer to the handshake, and urls. Byte 0 chooses, byte 1 is the size of the pieces. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "gateway/wsframe.h"
#include "gateway/wshandshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 4096 };

static void frames(enum wsframe_role role, const uint8_t *data, size_t size, size_t step)
{
    struct wsframe_decoder d;
    struct wsframe_out out;
    wsframe_decoder_init(&d, role, LIMIT);
    for (size_t at = 0; at < size; at += step) {
        size_t n = size - at < step ? size - at : step;
        char *piece = malloc(n), *p = piece;
        memcpy(piece, data + at, n);
        enum wsframe_event ev;
        while ((ev = wsframe_decode(&d, &p, &n, &out)) != WSFRAME_MORE && ev != WSFRAME_ERROR) {
            if (out.len > LIMIT)
                abort();
            unsigned sum = 0;
            for (size_t i = 0; i < out.len; i++) /* every byte that is given out must exist */
                sum += (uint8_t)out.data[i];
            if (out.len)
                out.data[0] = (char)sum; /* and may be written */
        }
        free(piece);
    }
    wsframe_decoder_free(&d);
}

/* What we write, the other side reads. */
static void round_trip(const uint8_t *data, size_t size)
{
    struct rng rng;
    rng_seed(&rng, size);
    for (int role = 0; role < 2; role++) {
        struct buf b = {0};
        struct wsframe_decoder d;
        struct wsframe_out out;
        wsframe_add(&b, (enum wsframe_role)role, WSFRAME_OP_BINARY, data, size, &rng);
        wsframe_decoder_init(&d, role == WSFRAME_CLIENT ? WSFRAME_SERVER : WSFRAME_CLIENT,
                             size + 125);
        char *p = b.data;
        size_t n = b.len;
        if (wsframe_decode(&d, &p, &n, &out) != WSFRAME_MESSAGE || out.len != size || n ||
            (size && memcmp(out.data, data, size) != 0))
            abort();
        wsframe_decoder_free(&d);
        buf_free(&b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    unsigned what = data[0] % 5;
    size_t step = data[1] ? data[1] : 1;
    data += 2;
    size -= 2;
    if (what < 2) {
        frames((enum wsframe_role)what, data, size, step);
    } else if (what == 2) {
        struct wshandshake_answer a;
        wshandshake_read((const char *)data, size, "dGhlIHNhbXBsZSBub25jZQ==", &a);
    } else if (what == 3) {
        struct wsurl u;
        struct buf err = {0};
        char *url = malloc(size + 1);
        memcpy(url, data, size);
        url[size] = '\0';
        if (!wsurl_parse(&u, url, &err) && !err.len)
            abort(); /* every refusal has a reason */
        wsurl_free(&u);
        buf_free(&err);
        free(url);
    } else {
        round_trip(data, size);
    }
    return 0;
}
