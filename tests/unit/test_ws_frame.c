/* test_ws_frame.c -- frames in and out: RFC 6455 section 5, both roles, whole and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/mem.h"
#include "gateway/wsframe.h"

struct seen {
    enum wsframe_event ev[64];
    enum wsframe_opcode op[64];
    size_t len[64];
    unsigned code[64];
    char text[64][130];
    int n;
};

/* Decodes all of data in pieces of `step` bytes. */
static void decode(struct wsframe_decoder *d, const void *data, size_t len, size_t step,
                   struct seen *s)
{
    memset(s, 0, sizeof *s);
    for (size_t at = 0; at < len; at += step) {
        size_t n = len - at < step ? len - at : step, left = n;
        char *piece = mem_strndup((const char *)data + at, n), *p = piece;
        struct wsframe_out out;
        enum wsframe_event ev;
        while ((ev = wsframe_decode(d, &p, &left, &out)) != WSFRAME_MORE) {
            assert_in_range(s->n, 0, 63);
            s->ev[s->n] = ev;
            s->op[s->n] = out.opcode;
            s->len[s->n] = out.len;
            s->code[s->n] = out.code;
            if (out.len && out.data)
                memcpy(s->text[s->n], out.data, out.len < 129 ? out.len : 129);
            s->n++;
            if (ev == WSFRAME_ERROR)
                break;
        }
        free(piece);
        if (ev == WSFRAME_ERROR)
            return;
    }
}

static void expect_error(enum wsframe_role role, const char *bytes, size_t n, unsigned code)
{
    for (size_t step = 1; step <= n; step += n - 1 ? n - 1 : 1) {
        struct wsframe_decoder d;
        struct seen s;
        wsframe_decoder_init(&d, role, 1000);
        decode(&d, bytes, n, step, &s);
        assert_int_not_equal(s.n, 0);
        assert_int_equal(s.ev[s.n - 1], WSFRAME_ERROR);
        assert_int_equal(s.code[s.n - 1], code);
        char more = 0, *p = &more;
        size_t left = 1;
        struct wsframe_out out;
        assert_int_equal(wsframe_decode(&d, &p, &left, &out), WSFRAME_ERROR); /* for good */
        wsframe_decoder_free(&d);
    }
}
#define BYTES(s) s, sizeof(s) - 1

static void test_examples_of_the_rfc(void **state)
{
    (void)state;
    struct wsframe_decoder d;
    struct seen s;
    wsframe_decoder_init(&d, WSFRAME_CLIENT, 1 << 20);
    decode(&d, BYTES("\x81\x05Hello"), 7, &s);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.ev[0], WSFRAME_MESSAGE);
    assert_int_equal(s.op[0], WSFRAME_OP_TEXT);
    assert_string_equal(s.text[0], "Hello");
    wsframe_decoder_free(&d);
    wsframe_decoder_init(&d, WSFRAME_SERVER, 1 << 20);
    decode(&d, BYTES("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), 11, &s);
    assert_int_equal(s.n, 1);
    assert_string_equal(s.text[0], "Hello");
    wsframe_decoder_free(&d);
}

static void test_fragments_with_a_ping_between(void **state)
{
    static const char bytes[] = "\x01\x03Hel\x89\x04ping\x80\x02lo\x82\x01z";
    (void)state;
    for (size_t step = 1; step < sizeof bytes; step++) {
        struct wsframe_decoder d;
        struct seen s;
        wsframe_decoder_init(&d, WSFRAME_CLIENT, 100);
        decode(&d, BYTES(bytes), step, &s);
        assert_int_equal(s.n, 3);
        assert_int_equal(s.ev[0], WSFRAME_PING);
        assert_string_equal(s.text[0], "ping");
        assert_int_equal(s.ev[1], WSFRAME_MESSAGE);
        assert_int_equal(s.op[1], WSFRAME_OP_TEXT);
        assert_string_equal(s.text[1], "Hello");
        assert_int_equal(s.op[2], WSFRAME_OP_BINARY);
        wsframe_decoder_free(&d);
    }
}

static void test_close_frames(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        unsigned code;
        const char *reason;
    } cases[] = {
        {BYTES("\x88\x00"), 1005, ""},
        {BYTES("\x88\x02\x03\xe9"), 1001, ""},
        {BYTES("\x88\x05\x03\xf0"
               "bad"),
         1008, "bad"},
        {BYTES("\x88\x02\x0f\xa0"), 4000, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wsframe_decoder d;
        struct seen s;
        wsframe_decoder_init(&d, WSFRAME_CLIENT, 1000);
        decode(&d, cases[i].bytes, cases[i].n, 1, &s);
        assert_int_equal(s.n, 1);
        assert_int_equal(s.ev[0], WSFRAME_CLOSE);
        assert_int_equal(s.code[0], cases[i].code);
        assert_string_equal(s.text[0], cases[i].reason);
        wsframe_decoder_free(&d);
    }
    expect_error(WSFRAME_CLIENT, BYTES("\x88\x01x"), 1002);
    expect_error(WSFRAME_CLIENT, BYTES("\x88\x02\x03\xed"), 1002); /* 1005 */
    expect_error(WSFRAME_CLIENT, BYTES("\x88\x02\x03\xee"), 1002); /* 1006 */
    expect_error(WSFRAME_CLIENT, BYTES("\x88\x02\x00\x01"), 1002);
    expect_error(WSFRAME_CLIENT, BYTES("\x88\x02\x13\x88"), 1002); /* 5000 */
}

static void test_broken_frames(void **state)
{
    (void)state;
    expect_error(WSFRAME_CLIENT, BYTES("\xc1\x01x"), 1002);          /* RSV1 */
    expect_error(WSFRAME_CLIENT, BYTES("\x83\x01x"), 1002);          /* unknown opcode */
    expect_error(WSFRAME_CLIENT, BYTES("\x8b\x01x"), 1002);          /* unknown control opcode */
    expect_error(WSFRAME_CLIENT, BYTES("\x80\x01x"), 1002);          /* continuation of nothing */
    expect_error(WSFRAME_CLIENT, BYTES("\x01\x01x\x81\x01y"), 1002); /* message inside a message */
    expect_error(WSFRAME_CLIENT, BYTES("\x09\x01x"), 1002);          /* fragmented ping */
    expect_error(WSFRAME_CLIENT, BYTES("\x89\x7e\x00\x80"), 1002);   /* long ping */
    expect_error(WSFRAME_CLIENT, BYTES("\x81\x81\x01\x02\x03\x04x"), 1002); /* masked by a server */
    expect_error(WSFRAME_SERVER, BYTES("\x81\x01x"), 1002); /* unmasked by a client */
    expect_error(WSFRAME_CLIENT, BYTES("\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x01"),
                 1002); /* 2^63 */
}

static void test_limits(void **state)
{
    (void)state;
    /* 1001 bytes: refused before they come */
    expect_error(WSFRAME_CLIENT, BYTES("\x81\x7e\x03\xe9"), 1009);
    struct buf two = {0};
    buf_add(&two, "\x01\x7e\x02\x58", 4);
    for (int i = 0; i < 600; i++)
        buf_addc(&two, 'x');
    buf_add(&two, "\x80\x7e\x02\x58", 4);
    expect_error(WSFRAME_CLIENT, two.data, two.len, 1009); /* 600 + 600 */
    buf_free(&two);
}

static void test_mask_is_its_own_inverse_at_every_phase(void **state)
{
    static const uint8_t key[4] = {1, 2, 3, 250};
    char text[64], copy[64];
    (void)state;
    for (size_t len = 0; len < sizeof text; len++) {
        for (uint64_t phase = 0; phase < 9; phase++) {
            for (size_t i = 0; i < len; i++)
                text[i] = (char)(i * 7);
            memcpy(copy, text, len);
            wsframe_mask(copy, len, key, phase);
            for (size_t i = 0; i < len; i++)
                assert_int_equal((uint8_t)copy[i],
                                 (uint8_t)((uint8_t)text[i] ^ key[(i + phase) & 3]));
            wsframe_mask(copy, len, key, phase);
            assert_memory_equal(copy, text, len);
        }
    }
}

static void test_round_trip(void **state)
{
    static const size_t sizes[] = {0, 1, 7, 8, 125, 126, 127, 1000, 65535, 65536, 70001};
    (void)state;
    struct rng rng;
    rng_seed(&rng, 7);
    char *text = mem_alloc(70001);
    for (size_t i = 0; i < 70001; i++)
        text[i] = (char)('a' + i % 26);
    for (int role = 0; role < 2; role++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            struct buf b = {0};
            buf_adds(&b, "keep");
            wsframe_add(&b, (enum wsframe_role)role, WSFRAME_OP_TEXT, text, sizes[i], &rng);
            assert_memory_equal(b.data, "keep", 4);
            struct wsframe_decoder d;
            struct wsframe_out out;
            wsframe_decoder_init(&d, role == WSFRAME_CLIENT ? WSFRAME_SERVER : WSFRAME_CLIENT,
                                 1 << 20);
            char *p = b.data + 4;
            size_t left = b.len - 4;
            assert_int_equal(wsframe_decode(&d, &p, &left, &out), WSFRAME_MESSAGE);
            assert_int_equal(out.len, sizes[i]);
            assert_int_equal(left, 0);
            if (sizes[i])
                assert_memory_equal(out.data, text, sizes[i]);
            wsframe_decoder_free(&d);
            buf_free(&b);
        }
    }
    free(text);
}

static void test_close_encoding(void **state)
{
    (void)state;
    struct buf b = {0};
    wsframe_add_close(&b, WSFRAME_SERVER, 1001, "bye", NULL);
    assert_int_equal(b.len, 7);
    assert_memory_equal(b.data,
                        "\x88\x05\x03\xe9"
                        "bye",
                        7);
    buf_reset(&b);
    wsframe_add_close(&b, WSFRAME_SERVER, WSFRAME_NO_CODE, NULL, NULL);
    assert_memory_equal(b.data, "\x88\x00", 2);
    buf_reset(&b);
    char reason[400];
    memset(reason, 'x', sizeof reason);
    memcpy(reason + 121, "\xE4\xBD\xA0", 3); /* a character across the cut */
    reason[399] = '\0';
    wsframe_add_close(&b, WSFRAME_SERVER, 1001, reason, NULL);
    assert_int_equal(b.len, 2 + 2 + 121);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_of_the_rfc),
        cmocka_unit_test(test_fragments_with_a_ping_between),
        cmocka_unit_test(test_close_frames),
        cmocka_unit_test(test_broken_frames),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_mask_is_its_own_inverse_at_every_phase),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_close_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
