/* test_satori_config.c -- gateways of type "satori" in the configuration file: what is read, what is refused and in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lua/config.h"

static struct config *parse(const char *gateways, struct buf *err)
{
    struct buf b = {0};
    buf_addf(&b, "return { sop = { \"/tmp\" }, gateways = { %s } }", gateways);
    struct config *c = config_parse(b.data, b.len, "sopd.lua", 0, err);
    buf_free(&b);
    return c;
}

static struct config *good(const char *gateways)
{
    struct buf err = {0};
    struct config *c = parse(gateways, &err);
    if (!c)
        fail_msg("refused: %s", buf_cstr(&err));
    buf_free(&err);
    return c;
}

static void bad(const char *gateways, const char *needle)
{
    struct buf err = {0};
    struct config *c = parse(gateways, &err);
    if (c)
        fail_msg("accepted: %s", gateways);
    if (!strstr(buf_cstr(&err), needle))
        fail_msg("'%s' is not in: %s", needle, buf_cstr(&err));
    buf_free(&err);
}

static void test_everything_is_read(void **state)
{
    (void)state;
    struct config *c = good(
        "{ name = 'dc', type = 'satori', url = 'http://127.0.0.1:5140/satori', token = 'abc', "
        "login = { platform = 'discord', id = 900 }, channels = { g1 = 'c1', g2 = 7 }, resume = false, "
        "timing = { ping = '2s', idle = '8s', backoff = '1s' }, catchup = 5 }");
    const struct gateway_conf *g = &c->gateways[0].conf;
    assert_string_equal(g->type, "satori");
    assert_string_equal(g->url, "http://127.0.0.1:5140/satori");
    assert_string_equal(g->token, "abc");
    assert_string_equal(g->login_platform, "discord");
    assert_string_equal(g->self_id, "900");
    assert_non_null(g->channels);
    assert_string_equal(g->channels[0], "g1");
    assert_string_equal(g->channels[1], "c1");
    assert_string_equal(g->channels[2], "g2");
    assert_string_equal(g->channels[3], "7");
    assert_null(g->channels[4]);
    assert_false(g->resume);
    assert_int_equal(g->ping_ms, 2000);
    assert_int_equal(g->idle_ms, 8000);
    assert_int_equal(g->catchup, 5);
    config_free(c);
    c = good("{ name = 'a', type = 'satori', url = 'https://h/x' }");
    g = &c->gateways[0].conf;
    assert_true(g->resume);
    assert_null(g->token);
    assert_null(g->login_platform);
    assert_null(g->self_id);
    assert_null(g->channels);
    config_free(c);
}

static void test_several_logins_of_a_server(void **state)
{
    (void)state;
    struct config *c = good(
        "{ name = 'a', type = 'satori', url = 'http://127.0.0.1:1', login = { platform = 'discord', id = '1' } },"
        "{ name = 'b', type = 'satori', url = 'http://127.0.0.1:1', login = { platform = 'discord', id = '2' } },"
        "{ name = 'c', type = 'satori', url = 'http://127.0.0.1:1', login = { platform = 'kook' } },"
        "{ name = 'd', type = 'satori', url = 'http://127.0.0.1:2' }");
    assert_int_equal(c->ngateways, 4);
    config_free(c);
    bad("{ name = 'a', type = 'satori', url = 'http://127.0.0.1:1' },"
        "{ name = 'b', type = 'satori', url = 'http://127.0.0.1:1', login = { id = '2' } }",
        "gateway a has the same server; say which login");
    bad("{ name = 'a', type = 'satori', url = 'http://127.0.0.1:1', login = { platform = 'x', id = '2' } },"
        "{ name = 'b', type = 'satori', url = 'http://127.0.0.1:1', login = { platform = 'x', id = '2' } }",
        "gateway a has the same server");
}

static void test_what_is_wrong_is_said(void **state)
{
    (void)state;
    bad("{ name = 'a', type = 'satori' }", "a Satori gateway needs url");
    bad("{ name = 'a', type = 'satori', url = 'h:5140' }", "url must be http://host:port/prefix");
    bad("{ name = 'a', type = 'satori', url = 'ftp://h' }", "url must be http://host:port/prefix");
    bad("{ name = 'a', type = 'satori', url = 'http://u:p@h/' }", "url must not hold a password");
    bad("{ name = 'a', type = 'satori', url = 'http://h/?token=x' }", "no query");
    bad("{ name = 'a', type = 'satori', url = 'https://h', token = 'a b' }",
        "the token contains a blank");
    bad("{ name = 'a', type = 'satori', url = 'https://h', login = {} }",
        "login needs platform or id");
    bad("{ name = 'a', type = 'satori', url = 'https://h', login = { platfrom = 'x' } }",
        "platfrom");
    bad("{ name = 'a', type = 'satori', url = 'https://h', login = { id = true } }",
        "login.id must be an id");
    bad("{ name = 'a', type = 'satori', url = 'https://h', self_id = '1', login = { id = '1' } }",
        "say the same");
    bad("{ name = 'a', type = 'satori', url = 'https://h', channels = { 'c1' } }",
        "channels must be a table");
    bad("{ name = 'a', type = 'satori', url = 'https://h', channels = { g = {} } }",
        "channels: a channel must be an id");
    bad("{ name = 'a', type = 'satori', url = 'https://h', mode = 'reverse' }", "mode");
    bad("{ name = 'a', type = 'satori', url = 'https://h', timing = { ping = '10s', idle = '5s' } }",
        "idle must be longer than ping");
    bad("{ name = 'a', type = 'satory', url = 'https://h' }", "did you mean 'satori'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_read),
        cmocka_unit_test(test_several_logins_of_a_server),
        cmocka_unit_test(test_what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
