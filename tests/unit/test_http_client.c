/* test_http_client.c -- addresses that flows may call, and what is made of the answers of a language model. (The network: tests/e2e/test_http.py) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <string.h>

#include "engine/run/calls.h"

/* ---- addresses ---- */

static void test_addresses_that_are_taken(void **state)
{
    static const struct {
        const char *text, *host, *path;
        int port;
        bool tls;
    } good[] = {
        {"https://api.example.com/v1/x?y=1", "api.example.com", "/v1/x", 443, true},
        {"HTTP://Example.COM", "example.com", "", 80, false},
        {"http://127.0.0.1:8080/", "127.0.0.1", "/", 8080, false},
        {"https://[2001:DB8::1]:8443/a", "2001:db8::1", "/a", 8443, true},
        {"http://a-b.c_d.example/%E7%89%9B/..x/x..", "a-b.c_d.example", "/%E7%89%9B/..x/x..", 80,
         false},
        {"https://example.com?q=/../", "example.com", "", 443, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct http_url u;
        const char *why = http_url_parse(good[i].text, &u);
        if (why)
            fail_msg("%s: %s", good[i].text, why);
        assert_string_equal(u.host, good[i].host);
        assert_int_equal(u.port, good[i].port);
        assert_int_equal(u.tls, good[i].tls);
        assert_int_equal(u.path_len, strlen(good[i].path));
        assert_memory_equal(u.path, good[i].path, u.path_len);
    }
}

static void test_addresses_that_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "example.com",
                                      "ftp://example.com/",
                                      "file:///etc/passwd",
                                      "https://",
                                      "https:///x",
                                      "https://user@example.com/",
                                      "https://user:pw@example.com/",
                                      "https://example.com:pw@other.com/",
                                      "https://example.com@other.com/",
                                      "https://example.com:0/",
                                      "https://example.com:65536/",
                                      "https://example.com:/",
                                      "https://example.com:80x/",
                                      "https://.example.com/",
                                      "https://example.com./",
                                      "https://-example.com/",
                                      "https://exa mple.com/",
                                      "https://example.com\\@other.com/",
                                      "https://example.com#@other.com/",
                                      "https://example.com;other.com/",
                                      "https://[::1/",
                                      "https://[::1]x/",
                                      "https://例子.com/",
                                      "https://example.com/牛奶",
                                      "https://example.com/a b",
                                      "https://example.com/a\nHost: x",
                                      "https://example.com/../x",
                                      "https://example.com/a/..",
                                      "https://example.com/a/./b",
                                      "https://example.com/a/..;/b",
                                      "https://example.com/a/%2e%2E/b",
                                      "https://example.com/a%2fb",
                                      "https://example.com/a%5Cb",
                                      "https://example.com/a%00b",
                                      "https://example.com/a#b"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct http_url u;
        if (!http_url_parse(bad[i], &u))
            fail_msg("%s was taken", bad[i]);
    }
}

static void test_what_is_below_what(void **state)
{
    static const struct {
        const char *base, *url;
        bool below;
    } cases[] = {
        {"https://example.com", "https://example.com/x", true},
        {"https://example.com/", "https://example.com", true},
        {"https://example.com/", "https://EXAMPLE.com:443/x?y", true},
        {"https://example.com/v1", "https://example.com/v1", true},
        {"https://example.com/v1", "https://example.com/v1?x=1", true},
        {"https://example.com/v1", "https://example.com/v1/x", true},
        {"https://example.com/v1/", "https://example.com/v1/x", true},
        {"https://example.com/v1", "https://example.com/v10", false},
        {"https://example.com/v1/", "https://example.com/v1", false},
        {"https://example.com/v1", "https://example.com/", false},
        {"https://example.com/v1", "https://example.com/V1/x", false},
        {"https://example.com", "http://example.com/", false},
        {"https://example.com", "https://example.com:8443/", false},
        {"https://example.com", "https://example.com.evil.org/", false},
        {"https://example.com", "https://www.example.com/", false},
        {"http://127.0.0.1:80", "http://127.1/", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_url base, url;
        assert_null(http_url_parse(cases[i].base, &base));
        assert_null(http_url_parse(cases[i].url, &url));
        if (http_url_below(&base, &url) != cases[i].below)
            fail_msg("%s below %s: not %d", cases[i].url, cases[i].base, cases[i].below);
    }
}

static void test_the_longest_site_counts(void **state)
{
    struct http_site sites[] = {{.url = (char *)"https://example.com/"},
                                {.url = (char *)"https://example.com/api/v2/"},
                                {.url = (char *)"https://example.com/api"}};
    const struct http_conf conf = {.sites = sites, .nsites = 3};
    struct http_url url;
    (void)state;
    assert_null(http_url_parse("https://example.com/api/v2/x", &url));
    assert_ptr_equal(http_site_of(&conf, &url), &sites[1]);
    assert_null(http_url_parse("https://example.com/api/v3", &url));
    assert_ptr_equal(http_site_of(&conf, &url), &sites[2]);
    assert_null(http_url_parse("https://example.org/api/v3", &url));
    assert_null(http_site_of(&conf, &url));
}

static void test_what_is_private(void **state)
{
    static const char *const private[] = {"0.0.0.0",
                                          "10.1.2.3",
                                          "100.64.0.1",
                                          "127.0.0.1",
                                          "127.255.255.255",
                                          "169.254.169.254",
                                          "172.16.0.1",
                                          "172.31.255.255",
                                          "192.168.1.1",
                                          "198.18.0.1",
                                          "224.0.0.1",
                                          "255.255.255.255",
                                          "::",
                                          "::1",
                                          "::ffff:10.0.0.1",
                                          "::ffff:127.0.0.1",
                                          "::127.0.0.1",
                                          "64:ff9b::10.0.0.1",
                                          "fc00::1",
                                          "fdff::1",
                                          "fe80::1",
                                          "ff02::1",
                                          "2002:0a00:0001::1",
                                          "2001:db8::1",
                                          "2001::1"};
    static const char *const public[] = {
        "1.1.1.1",        "9.255.255.255",    "11.0.0.1",          "100.63.255.255",  "100.128.0.1",
        "126.1.1.1",      "128.0.0.1",        "169.253.1.1",       "172.15.1.1",      "172.32.0.1",
        "192.167.1.1",    "198.20.0.1",       "223.255.255.255",   "2606:4700::1111", "240e::1",
        "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:0101:0101::1", "example.com"};
    (void)state;
    for (size_t i = 0; i < sizeof private / sizeof private[0]; i++)
        if (!http_address_private(private[i]))
            fail_msg("%s counts as public", private[i]);
    for (size_t i = 0; i < sizeof public / sizeof public[0]; i++)
        if (http_address_private(public[i]))
            fail_msg("%s counts as private", public[i]);
    assert_true(http_host_private("localhost"));
    assert_true(http_host_private("a.localhost"));
    assert_false(http_host_private("alocalhost"));
    assert_false(http_host_private("localhost.example.com"));
}

/* ---- the language model ---- */

static void expect_read(const char *body, int status, const char *wanted, int64_t used)
{
    char *words[] = {(char *)"博彩", (char *)"abc", NULL};
    const struct llm_conf conf = {.words = words};
    const struct http_answer a = {.status = status, .body = body, .body_len = strlen(body)};
    struct buf with = {0};
    assert_int_equal(llm_read(&conf, &a, &with), used);
    assert_string_equal(buf_cstr(&with), wanted);
    buf_free(&with);
}

#define SAYS(text, more)                                         \
    "{\"choices\":[{\"message\":{\"content\":\"" text "\"}" more \
    "}],\"usage\":{\"total_tokens\":9}}"

static void test_answers_of_a_model(void **state)
{
    (void)state;
    expect_read(SAYS("好", ""), 200, "{\"text\":\"好\",\"tokens\":9}", 9);
    expect_read(SAYS(" \\n好 \\n", ""), 200, "{\"text\":\"好\",\"tokens\":9}", 9);
    expect_read(SAYS("<think>博彩?</think>\\n好", ""), 200, "{\"text\":\"好\",\"tokens\":9}", 9);
    expect_read(SAYS("<think>没说完", ""), 200, "{\"error\":\"empty\"}", 9);
    expect_read(SAYS("", ""), 200, "{\"error\":\"empty\"}", 9);
    expect_read(SAYS("来博彩", ""), 200, "{\"error\":\"refused\"}", 9);
    expect_read(SAYS("ABC", ""), 200, "{\"error\":\"refused\"}", 9);
    expect_read(SAYS("好", ",\"finish_reason\":\"content_filter\""), 200, "{\"error\":\"refused\"}",
                9);
    expect_read("{}", 200, "{\"error\":\"broken answer\"}", -1);
    expect_read("not json", 200, "{\"error\":\"broken answer\"}", -1);
    expect_read("", 429, "{\"error\":\"status 429\"}", -1);
}

static void test_the_request_to_a_model(void **state)
{
    const struct llm_conf conf = {
        .url = (char *)"https://x/v1", .key = (char *)"k", .model = (char *)"m", .max_tokens = 100};
    cJSON *spec = cJSON_Parse(
        "{\"messages\":[{\"role\":\"user\",\"content\":\"春天 spring\"}],\"max_tokens\":50}");
    struct llm_ask ask = {0};
    (void)state;
    assert_true(llm_ask_make(&conf, spec, &ask));
    assert_string_equal(buf_cstr(&ask.body),
                        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"春天 "
                        "spring\"}],\"max_tokens\":50,\"stream\":false}");
    assert_string_equal(ask.headers[1].value, "Bearer k");
    assert_int_equal(ask.tokens,
                     2 + 3 + 4 + 50); /* letters, their Latin third, the message, its answer */
    llm_ask_free(&ask);
    const struct llm_conf off = {0};
    assert_false(llm_ask_make(&off, spec, &ask));
    cJSON_Delete(spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_that_are_taken),
        cmocka_unit_test(test_addresses_that_are_refused),
        cmocka_unit_test(test_what_is_below_what),
        cmocka_unit_test(test_the_longest_site_counts),
        cmocka_unit_test(test_what_is_private),
        cmocka_unit_test(test_answers_of_a_model),
        cmocka_unit_test(test_the_request_to_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
