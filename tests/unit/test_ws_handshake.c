/* test_ws_handshake.c -- urls, the upgrade request, and every kind of answer to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/hash.h"
#include "gateway/wshandshake.h"

static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static void url_is(const char *url, bool tls, const char *host, int port, const char *target)
{
    struct wsurl u;
    struct buf err = {0};
    if (!wsurl_parse(&u, url, &err))
        fail_msg("%s: %s", url, buf_cstr(&err));
    assert_int_equal(u.tls, tls);
    assert_string_equal(u.host, host);
    assert_int_equal(u.port, port);
    assert_string_equal(u.target, target);
    wsurl_free(&u);
    buf_free(&err);
}

static void url_bad(const char *url)
{
    struct wsurl u;
    struct buf err = {0};
    assert_false(wsurl_parse(&u, url, &err));
    assert_int_not_equal(err.len, 0);
    wsurl_free(&u);
    buf_free(&err);
}

static void test_urls(void **state)
{
    (void)state;
    url_is("ws://127.0.0.1:3001/", false, "127.0.0.1", 3001, "/");
    url_is("ws://host", false, "host", 80, "/");
    url_is("wss://host", true, "host", 443, "/");
    url_is("WSS://h:1/a/b?x=1&y=2#z", true, "h", 1, "/a/b?x=1&y=2");
    url_is("ws://h?x=1", false, "h", 80, "/?x=1");
    url_is("ws://[::1]:8080/x", false, "::1", 8080, "/x");
    url_is("ws://[::1]", false, "::1", 80, "/");
    static const char *const bad[] = {
        "",           "http://h/",       "ws://",       "ws:///x",     "ws://h:",
        "ws://h:0/",  "ws://h:65536/",   "ws://h:12x/", "ws://u:p@h/", "ws://[::1/",
        "ws://h/a b", "ws://h/\r\nX: y", "ws://[]:1/"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        url_bad(bad[i]);
}

static void test_request(void **state)
{
    (void)state;
    struct wsurl u;
    struct buf b = {0};
    assert_true(wsurl_parse(&u, "ws://127.0.0.1:3001/?a=1", &b));
    wshandshake_request(&b, &u, key, "s3cr3t", "sopd/1", NULL);
    assert_string_equal(
        buf_cstr(&b),
        "GET /?a=1 HTTP/1.1\r\nHost: 127.0.0.1:3001\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "User-Agent: sopd/1\r\nAuthorization: Bearer s3cr3t\r\n\r\n");
    buf_reset(&b);
    wshandshake_request(&b, &u, key, "", "sopd/1", NULL);
    assert_null(strstr(buf_cstr(&b), "Authorization"));
    assert_null(strstr(buf_cstr(&b), "Protocol"));
    wsurl_free(&u);
    buf_free(&b);
}

static void test_accept_example_of_the_rfc(void **state)
{
    (void)state;
    char accept[29];
    wshandshake_accept(key, accept);
    assert_string_equal(accept, ACCEPT);
    struct rng rng;
    rng_seed(&rng, 1);
    char a[WSHANDSHAKE_KEY], b[WSHANDSHAKE_KEY];
    wshandshake_key(a, &rng);
    wshandshake_key(b, &rng);
    assert_int_equal(strlen(a), 24);
    assert_string_not_equal(a, b);
}

static const char good[] =
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nCONNECTION: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Accept:  " ACCEPT " \r\n\r\n";

static void test_good_answer_in_pieces(void **state)
{
    (void)state;
    struct wshandshake_answer a;
    struct buf with_frame = {0};
    buf_adds(&with_frame, good);
    buf_add(&with_frame, "\x81\x00", 2);
    for (size_t n = 0; n < sizeof good - 1; n++)
        assert_int_equal(wshandshake_read(with_frame.data, n, key, &a), WSHANDSHAKE_MORE);
    assert_int_equal(wshandshake_read(with_frame.data, sizeof good + 1, key, &a), WSHANDSHAKE_OPEN);
    assert_int_equal(a.used, sizeof good - 1);
    assert_int_equal(a.status, 101);
    buf_free(&with_frame);
}

static enum wshandshake_result answer(const char *text, int *status)
{
    struct wshandshake_answer a;
    enum wshandshake_result r = wshandshake_read(text, strlen(text), key, &a);
    *status = a.status;
    return r;
}

static void test_other_answers(void **state)
{
    (void)state;
    int status;
    assert_int_equal(answer("HTTP/1.1 401 Unauthorized\r\n\r\n", &status), WSHANDSHAKE_REFUSED);
    assert_int_equal(status, 401);
    assert_int_equal(answer("HTTP/1.0 403 \n", &status), WSHANDSHAKE_REFUSED);
    assert_int_equal(status, 403);
    assert_int_equal(answer("SSH-2.0-x\r\n", &status), WSHANDSHAKE_BAD);
    assert_int_equal(answer("HTTP/1.1\r\n\r\n", &status), WSHANDSHAKE_BAD);
    assert_int_equal(answer("HTTP/1.1 abc\r\n\r\n", &status), WSHANDSHAKE_BAD);
    assert_int_equal(answer("HTTP/1.1 101 x\r\n\r\n", &status), WSHANDSHAKE_BAD);
    assert_int_equal(
        answer("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", &status),
        WSHANDSHAKE_BAD);
    assert_int_equal(answer("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
                            &status),
                     WSHANDSHAKE_BAD);
    static const char extended[] =
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
        "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n";
    struct wshandshake_answer a; /* whether it was offered is for the caller to know */
    assert_int_equal(wshandshake_read(extended, sizeof extended - 1, key, &a), WSHANDSHAKE_OPEN);
    assert_int_equal(a.extensions_len, 18);
    struct buf b = {0};
    buf_adds(&b, "HTTP/1.1 101 x\r\n");
    for (int i = 0; i < 3000; i++)
        buf_adds(&b, "X-Y: z\r\n");
    assert_int_equal(answer(buf_cstr(&b), &status), WSHANDSHAKE_BAD);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_accept_example_of_the_rfc),
        cmocka_unit_test(test_good_answer_in_pieces),
        cmocka_unit_test(test_other_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
