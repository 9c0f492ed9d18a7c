/* test_ws_deflate.c -- permessage-deflate: what is agreed, messages there and back, hostile ones; and long messages in several frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/hash.h"
#include "gateway/wsdeflate.h"

enum { LIMIT = 1 << 20 };

static bool choose(const char *offer, const struct wsdeflate_wish *wish, struct wsdeflate_terms *t,
                   const char *answer)
{
    struct buf b = {0};
    bool ok = wsdeflate_choose(offer, strlen(offer), wish, t, &b);
    if (ok && answer)
        assert_string_equal(buf_cstr(&b), answer);
    if (!ok)
        assert_int_equal(b.len, 0);
    buf_free(&b);
    return ok;
}

static void test_a_server_chooses(void **state)
{
    (void)state;
    struct wsdeflate_terms t;
    struct wsdeflate_wish keep = {.keep = true}, fresh = {0}, small = {.keep = true, .window = 10};
    assert_true(choose("permessage-deflate", &keep, &t, "permessage-deflate"));
    assert_int_equal(t.client_window, 15);
    assert_true(
        choose("permessage-deflate", &fresh, &t,
               "permessage-deflate; server_no_context_takeover; client_no_context_takeover"));
    assert_true(t.server_fresh && t.client_fresh);
    assert_true(choose("permessage-deflate; client_max_window_bits", &small, &t,
                       "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10"));
    assert_int_equal(t.client_window, 10);
    assert_true(choose("x-other, permessage-deflate ;server_max_window_bits=\"9\"", &keep, &t,
                       "permessage-deflate; server_max_window_bits=9"));
    assert_int_equal(t.server_window, 9);
    /* the first offer cannot be kept: zlib has no window of 8 bits */
    assert_true(choose("permessage-deflate; server_max_window_bits=8, permessage-deflate", &keep,
                       &t, "permessage-deflate"));
    static const char *const bad[] = {"",
                                      "x-webkit-deflate-frame",
                                      "permessage-deflate; unknown",
                                      "permessage-deflate; server_max_window_bits=16",
                                      "permessage-deflate; server_max_window_bits",
                                      "permessage-deflate; server_no_context_takeover=1",
                                      "permessage-deflate; client_max_window_bits=7",
                                      ("permessage-deflate; server_no_context_takeover; "
                                       "server_no_context_takeover")};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(choose(bad[i], &keep, &t, NULL));
}

static const char *agreed(const char *answer, const struct wsdeflate_wish *wish,
                          struct wsdeflate_terms *t)
{
    return wsdeflate_agreed(answer, strlen(answer), wish, t);
}

static void test_a_client_looks_at_the_answer(void **state)
{
    (void)state;
    struct wsdeflate_terms t;
    struct wsdeflate_wish keep = {.keep = true}, fresh = {0}, small = {.window = 11};
    struct buf b = {0};
    wsdeflate_offer(&b, &fresh);
    assert_string_equal(buf_cstr(&b), "permessage-deflate; server_no_context_takeover; "
                                      "client_no_context_takeover; client_max_window_bits");
    buf_reset(&b);
    wsdeflate_offer(&b, &(struct wsdeflate_wish){.keep = true, .window = 11});
    assert_string_equal(buf_cstr(&b),
                        "permessage-deflate; client_max_window_bits=11; server_max_window_bits=11");
    buf_free(&b);
    assert_null(agreed("permessage-deflate", &keep, &t));
    assert_int_equal(t.server_window, 15);
    assert_false(t.client_fresh);
    assert_null(agreed("permessage-deflate", &fresh, &t));
    assert_true(t.client_fresh); /* we need not remember, whatever the peer says */
    assert_null(agreed("permessage-deflate; client_max_window_bits=9; server_max_window_bits=9",
                       &small, &t));
    assert_int_equal(t.client_window, 9);
    assert_non_null(agreed("permessage-deflate", &small, &t)); /* 15 bits were not offered */
    assert_non_null(agreed("permessage-deflate; client_max_window_bits", &keep, &t));
    assert_non_null(agreed("permessage-deflate; client_max_window_bits=8", &keep, &t));
    assert_non_null(agreed("permessage-deflate; nonsense", &keep, &t));
    assert_non_null(agreed("permessage-deflate, permessage-deflate", &keep, &t));
    assert_non_null(agreed("permessage-bzip2", &keep, &t));
}

static char *text_of(size_t n, unsigned seed)
{
    char *s = malloc(n + 1);
    struct rng r;
    rng_seed(&r, seed);
    for (size_t i = 0; i < n; i++)
        s[i] = (char)('a' + rng_below(&r, 6));
    return s;
}

static void test_there_and_back(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        struct wsdeflate_terms t = {kind & 1 ? 9 : 15, kind & 1 ? 10 : 15, kind & 2, kind & 2};
        struct wsdeflate *server = wsdeflate_new(WSFRAME_SERVER, &t),
                         *client = wsdeflate_new(WSFRAME_CLIENT, &t);
        for (unsigned i = 0; i < 60; i++) {
            size_t n = i < 20 ? i * 37 : i * i * 91;
            char *text = text_of(n, i / 3);
            struct buf packed = {0}, plain = {0};
            struct wsdeflate *from = i % 2 ? server : client, *to = i % 2 ? client : server;
            if (wsdeflate_pack(from, text, n, &packed)) {
                assert_true(packed.len < n);
                assert_int_equal(wsdeflate_unpack(to, packed.data, packed.len, n, &plain),
                                 WSDEFLATE_OK);
                assert_int_equal(plain.len, n);
                assert_memory_equal(plain.data, text, n);
            } else {
                assert_int_equal(packed.len, 0);
            }
            buf_free(&packed);
            buf_free(&plain);
            free(text);
        }
        wsdeflate_free(server);
        wsdeflate_free(client);
    }
}

/* A message that does not get smaller is sent as it is: what comes after must not refer to it. */
static void test_a_skipped_message_is_not_remembered(void **state)
{
    (void)state;
    struct wsdeflate_terms t = {15, 15, false, false};
    struct wsdeflate *a = wsdeflate_new(WSFRAME_CLIENT, &t), *b = wsdeflate_new(WSFRAME_SERVER, &t);
    char noise[600], twice[1200];
    struct rng r;
    rng_seed(&r, 7);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)rng_next(&r);
    memcpy(twice, noise, 600);
    memcpy(twice + 600, noise, 600);
    struct buf packed = {0}, plain = {0};
    assert_false(wsdeflate_pack(a, noise, sizeof noise, &packed));
    assert_true(wsdeflate_pack(a, twice, sizeof twice, &packed));
    assert_int_equal(wsdeflate_unpack(b, packed.data, packed.len, LIMIT, &plain), WSDEFLATE_OK);
    assert_memory_equal(plain.data, twice, sizeof twice);
    buf_free(&packed);
    buf_free(&plain);
    wsdeflate_free(a);
    wsdeflate_free(b);
}

/* The examples of RFC 7692, 7.2.3. */
static void test_examples_of_the_rfc(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
    } hello[] = {{"\xf2\x48\xcd\xc9\xc9\x07\x00", 7},
                 {"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11},
                 {"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8},
                 {"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13}};
    struct wsdeflate_terms t = {15, 15, true, true};
    struct wsdeflate *d = wsdeflate_new(WSFRAME_CLIENT, &t);
    for (size_t i = 0; i < sizeof hello / sizeof hello[0]; i++) {
        struct buf plain = {0};
        assert_int_equal(wsdeflate_unpack(d, hello[i].bytes, hello[i].n, 5, &plain), WSDEFLATE_OK);
        assert_int_equal(plain.len, 5);
        assert_memory_equal(plain.data, "Hello", 5);
        buf_free(&plain);
    }
    wsdeflate_free(d);
}

static void test_hostile_messages(void **state)
{
    (void)state;
    struct wsdeflate_terms t = {15, 15, true, true};
    struct wsdeflate *a = wsdeflate_new(WSFRAME_CLIENT, &t), *b = wsdeflate_new(WSFRAME_SERVER, &t);
    struct buf bomb = {0}, plain = {0};
    char *zeros = calloc(1, 8 << 20);
    assert_true(wsdeflate_pack(a, zeros, 8 << 20, &bomb));
    assert_int_equal(wsdeflate_unpack(b, bomb.data, bomb.len, LIMIT, &plain), WSDEFLATE_TOO_BIG);
    assert_true(plain.len <= LIMIT + 1 && plain.cap <= 3 * LIMIT);
    buf_reset(&plain);
    assert_int_equal(wsdeflate_unpack(b, "\xff\xff\xff\xff", 4, LIMIT, &plain), WSDEFLATE_BROKEN);
    buf_reset(&plain);
    assert_int_equal(wsdeflate_unpack(b, "\x07", 1, LIMIT, &plain), WSDEFLATE_BROKEN);
    buf_reset(&plain);
    assert_int_equal(wsdeflate_unpack(b, "", 0, LIMIT, &plain), WSDEFLATE_OK);
    free(zeros);
    buf_free(&bomb);
    buf_free(&plain);
    wsdeflate_free(a);
    wsdeflate_free(b);
}

/* ---- frames ---- */

static void message(size_t n, size_t piece, enum wsframe_role role, struct wsdeflate *pack,
                    struct wsdeflate *unpack)
{
    struct rng rng;
    rng_seed(&rng, n);
    char *text = text_of(n, 1);
    struct buf out = {0}, packed = {0};
    buf_adds(&out, "before");
    size_t start = wsframe_begin(&out);
    bool is_packed = pack && wsdeflate_pack(pack, text, n, &packed);
    buf_add(&out, is_packed ? packed.data : text, is_packed ? packed.len : n);
    wsframe_end_message(&out, start, role, is_packed, piece, &rng);
    struct wsframe_decoder d;
    struct wsframe_out f;
    wsframe_decoder_init(&d, role == WSFRAME_CLIENT ? WSFRAME_SERVER : WSFRAME_CLIENT, LIMIT);
    d.deflate = unpack;
    char *p = out.data + 6;
    size_t len = out.len - 6;
    assert_int_equal(wsframe_decode(&d, &p, &len, &f), WSFRAME_MESSAGE);
    assert_int_equal(f.len, n);
    assert_memory_equal(f.data, text, n);
    assert_int_equal(len, 0);
    wsframe_decoder_free(&d);
    buf_free(&out);
    buf_free(&packed);
    free(text);
}

static void test_long_messages_in_several_frames(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 125, 126, 1000, 1001, 1002, 65535, 65536, 300001};
    static const size_t pieces[] = {0, 1, 100, 125, 126, 1000, 65536};
    struct wsdeflate_terms t = {15, 15, false, false};
    for (int role = 0; role < 2; role++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            for (size_t k = 0; k < sizeof pieces / sizeof pieces[0]; k++) {
                enum wsframe_role r = (enum wsframe_role)role;
                struct wsdeflate *a = wsdeflate_new(r, &t);
                struct wsdeflate *b =
                    wsdeflate_new(r == WSFRAME_CLIENT ? WSFRAME_SERVER : WSFRAME_CLIENT, &t);
                if (pieces[k] != 1 || sizes[i] < 2000)
                    message(sizes[i], pieces[k], r, i % 2 ? a : NULL, b);
                wsdeflate_free(a);
                wsdeflate_free(b);
            }
}

static void test_packed_without_agreement(void **state)
{
    (void)state;
    struct wsframe_decoder d;
    struct wsframe_out f;
    char frame[] = "\xc1\x02xx", control[] = "\xc9\x02xx";
    struct wsdeflate_terms t = {15, 15, true, true};
    for (int i = 0; i < 2; i++) {
        char *p = i ? control : frame;
        size_t len = 4;
        wsframe_decoder_init(&d, WSFRAME_CLIENT, LIMIT);
        d.deflate = i ? wsdeflate_new(WSFRAME_CLIENT, &t) : NULL;
        assert_int_equal(wsframe_decode(&d, &p, &len, &f), WSFRAME_ERROR);
        assert_int_equal(f.code, WSFRAME_PROTOCOL_ERROR);
        wsdeflate_free(d.deflate);
        wsframe_decoder_free(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_server_chooses),
        cmocka_unit_test(test_a_client_looks_at_the_answer),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_a_skipped_message_is_not_remembered),
        cmocka_unit_test(test_examples_of_the_rfc),
        cmocka_unit_test(test_hostile_messages),
        cmocka_unit_test(test_long_messages_in_several_frames),
        cmocka_unit_test(test_packed_without_agreement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
