/* fuzz_wsframe.c -- what arrives on a socket before it is a message: frames (in pieces of a chosen size, in both roles, plain or
 * compressed), both sides of the handshake, urls and proxies. Byte 0 chooses, byte 1 is the size of the pieces. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "gateway/transport_internal.h"
#include "gateway/wsdeflate.h"
#include "gateway/wsframe.h"
#include "gateway/wshandshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 4096 };

static void frames(enum wsframe_role role, struct wsdeflate *deflate, const uint8_t *data,
                   size_t size, size_t step)
{
    struct wsframe_decoder d;
    struct wsframe_out out;
    wsframe_decoder_init(&d, role, LIMIT);
    d.deflate = deflate;
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

/* Frames of a peer with which compression was agreed: bit 0 the role, bits 1 and 2 whether context is kept, then the window. */
static void packed_frames(unsigned how, const uint8_t *data, size_t size, size_t step)
{
    int window = 9 + (int)(how >> 3 & 3) * 2;
    struct wsdeflate_terms terms = {window, window, how & 2, how & 4};
    struct wsdeflate *d = wsdeflate_new((enum wsframe_role)(how & 1), &terms);
    frames((enum wsframe_role)(how & 1), d, data, size, step);
    wsdeflate_free(d);
}

/* What we pack and cut into pieces, the other side puts together again. */
static void packed_round_trip(const uint8_t *data, size_t size, size_t piece)
{
    struct wsdeflate_terms terms = {15, 12, size & 1, size & 2};
    struct wsdeflate *a = wsdeflate_new(WSFRAME_CLIENT, &terms),
                     *b = wsdeflate_new(WSFRAME_SERVER, &terms);
    struct buf out = {0}, packed = {0};
    struct wsframe_decoder d;
    struct wsframe_out f;
    struct rng rng;
    rng_seed(&rng, size);
    wsframe_decoder_init(&d, WSFRAME_SERVER, size + 125);
    d.deflate = b;
    for (int i = 0; i < 2; i++) { /* twice: with what is remembered of the first */
        buf_reset(&out), buf_reset(&packed);
        size_t start = wsframe_begin(&out);
        bool is = wsdeflate_pack(a, (const char *)data, size, &packed);
        buf_add(&out, is ? packed.data : (const char *)data, is ? packed.len : size);
        wsframe_end_message(&out, start, WSFRAME_CLIENT, is, piece, &rng);
        char *p = out.data;
        size_t n = out.len;
        if (wsframe_decode(&d, &p, &n, &f) != WSFRAME_MESSAGE || f.len != size || n ||
            (size && memcmp(f.data, data, size) != 0))
            abort();
    }
    wsframe_decoder_free(&d);
    buf_free(&out);
    buf_free(&packed);
    wsdeflate_free(a);
    wsdeflate_free(b);
}

/* Headers: what a client asks, what a server says about compression, which proxy somebody wrote down. */
static void headers(const char *text, size_t size)
{
    struct wshandshake_asked asked;
    struct wsdeflate_terms terms;
    struct wsdeflate_wish wish = {.keep = size & 1, .window = size & 2 ? 10 : 0};
    struct buf answer = {0}, err = {0};
    struct proxy proxy;
    if (size)
        wshandshake_asked(text, size, &asked);
    if (wsdeflate_choose(text, size, &wish, &terms, &answer) &&
        (terms.server_window < 9 || terms.server_window > 15 || terms.client_window > 15))
        abort();
    if (!wsdeflate_agreed(text, size, &wish, &terms) && terms.client_window < 9)
        abort();
    if (!proxy_parse(&proxy, text, &err) && !err.len)
        abort();
    proxy_free(&proxy);
    proxy_spared(text, "host.example");
    buf_free(&answer);
    buf_free(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    unsigned what = data[0] % 8, how = data[0] / 8;
    size_t step = data[1] ? data[1] : 1;
    data += 2;
    size -= 2;
    if (what < 2) {
        frames((enum wsframe_role)what, NULL, data, size, step);
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
    } else if (what == 4) {
        round_trip(data, size);
    } else if (what == 5) {
        packed_frames(how, data, size, step);
    } else if (what == 6) {
        packed_round_trip(data, size, step);
    } else {
        char *text = malloc(size + 1);
        memcpy(text, data, size);
        text[size] = '\0';
        headers(text, size);
        free(text);
    }
    return 0;
}
