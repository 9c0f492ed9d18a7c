/* test_http_requests.c -- the HTTP client against a server on the same loop: what counts as written, what is never sent twice, which
 * connections are used again, whom it refuses to reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "web/http_client.h"

#include "http_end.h"

struct got {
    bool done;
    int status;
    char error[80], body[120], headers[400], after[20];
    bool written, after_known;
    size_t len;
};

static uv_loop_t loop;
static uv_timer_t tick;
static struct http_end end;
static struct http_conf conf;
static struct http_client *client;
static char url[200];

static void on_answer(void *ud, const struct http_answer *a)
{
    struct got *g = ud;
    assert_false(g->done);
    g->done = true;
    g->status = a->status;
    g->written = a->written;
    g->len = a->body_len;
    snprintf(g->error, sizeof g->error, "%s", a->error ? a->error : "");
    if (a->body)
        memcpy(g->body, a->body, a->body_len < sizeof g->body ? a->body_len : sizeof g->body - 1);
    snprintf(g->headers, sizeof g->headers, "%s", a->headers ? a->headers : "");
    g->after_known = http_answer_header(a, "retry-after", g->after, sizeof g->after) != NULL;
}

static const char *at(const char *path)
{
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", end.port, path);
    return url;
}

static void on_tick(uv_timer_t *t)
{
    (void)t;
}

/* One round of uv_run may sleep after the timer that we wait for. */
static void run_until(const bool *done)
{
    uv_timer_start(&tick, on_tick, 2, 2);
    while (!*done)
        uv_run(&loop, UV_RUN_ONCE);
    uv_timer_stop(&tick);
}

static struct got ask_request(struct http_request r)
{
    struct got g = {0};
    const char *why = NULL;
    r.configured = true;
    r.timeout_ms = r.timeout_ms ? r.timeout_ms : 5000;
    if (!http_client_ask(client, &r, on_answer, &g, &why)) {
        snprintf(g.error, sizeof g.error, "%s", why);
        return g;
    }
    assert_false(g.done); /* never from within the call */
    run_until(&g.done);
    return g;
}

static struct got ask(const char *method, const char *path)
{
    return ask_request((struct http_request){.method = method, .url = at(path)});
}

static int begin(void **state)
{
    (void)state;
    uv_loop_init(&loop);
    uv_timer_init(&loop, &tick);
    http_end_start(&end, &loop);
    memset(&conf, 0, sizeof conf);
    conf.requests = 4;
    conf.body_max = 1 << 20;
    client = http_client_create(&(struct http_client_opts){.loop = &loop, .conf = &conf});
    return 0;
}

static void on_gone(void *ud)
{
    *(bool *)ud = true;
}

static int finish(void **state)
{
    bool gone = false;
    (void)state;
    http_client_destroy(client, on_gone, &gone);
    run_until(&gone);
    http_end_stop(&end);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

/* ---- answers ---- */

static void test_any_status_is_an_answer(void **state)
{
    static const int statuses[] = {200, 204, 400, 401, 404, 405, 429, 500, 503};
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        char path[30];
        snprintf(path, sizeof path, "/status/%d", statuses[i]);
        struct got g = ask("POST", path);
        assert_int_equal(g.status, statuses[i]);
        assert_string_equal(g.error, "");
        assert_true(g.written);
        if (statuses[i] !=
            204) /* has no body by definition; what was sent all the same is not mistaken for an answer */
            assert_string_equal(g.body, "no, not so");
    }
}

static void test_headers_on_request(void **state)
{
    (void)state;
    struct got g = ask("GET", "/status/503");
    assert_string_equal(g.headers, "");
    assert_true(g.after_known);
    assert_string_equal(g.after, "7");
    g = ask_request(
        (struct http_request){.method = "GET", .url = at("/status/503"), .want_headers = true});
    assert_string_equal(g.headers, "{\"content-type\":\"text/plain\",\"content-length\":\"10\","
                                   "\"retry-after\":\"7\",\"x-empty\":\"\"}");
    assert_false(ask("GET", "/ok").after_known);
}

static void test_bytes_and_their_type(void **state)
{
    static const char bytes[] = "--b\r\n\0\xff\x01--b--";
    const struct http_header h[] = {{"Content-Type", "multipart/form-data; boundary=b"},
                                    {"X-Empty", ""}};
    struct http_request r = {.method = "POST",
                             .url = at("/echo"),
                             .headers = h,
                             .nheaders = 2,
                             .body = bytes,
                             .body_len = sizeof bytes};
    (void)state;
    struct got g = ask_request(r);
    assert_int_equal(g.len, sizeof bytes);
    assert_memory_equal(g.body, bytes, sizeof bytes);
    r.url = at("/type");
    assert_string_equal(ask_request(r).body, "multipart/form-data; boundary=b");
    assert_string_equal(ask("HEAD", "/ok").body, "");
    assert_string_equal(ask("DELETE", "/ok").body, "ok");
    assert_string_equal(end.last, "DELETE /ok HTTP/1.1");
    assert_string_equal(ask("GET", "/ok").body, "ok"); /* the handle of before forgot its method */
    assert_string_equal(end.last, "GET /ok HTTP/1.1");
    assert_int_equal(end.connections, 1);
}

static bool on_piece(void *ud, int status, const char *data, size_t len)
{
    struct got *g = ud;
    size_t n = strlen(g->body);
    assert_int_equal(status, 200);
    snprintf(g->body + n, sizeof g->body - n, "%.*s", (int)len, data);
    return strstr(g->body, "stop") == NULL;
}

static void on_pieces_end(void *ud, const struct http_answer *a)
{
    struct got *g = ud;
    g->done = true;
    g->len = a->body_len;
    g->status = a->status;
    snprintf(g->error, sizeof g->error, "%s", a->error ? a->error : "");
}

static void test_an_answer_in_pieces(void **state)
{
    const char *why;
    struct got g = {0}, stopped = {.body = "stop"};
    struct http_request r = {.method = "GET",
                             .url = at("/pieces"),
                             .configured = true,
                             .timeout_ms = 5000,
                             .on_data = on_piece};
    (void)state;
    assert_true(http_client_ask(client, &r, on_pieces_end, &g, &why));
    run_until(&g.done);
    assert_string_equal(g.body, "onetwothree");
    assert_int_equal(g.len, 0);
    assert_int_equal(g.status, 200);
    assert_true(http_client_ask(client, &r, on_pieces_end, &stopped, &why));
    run_until(&stopped.done);
    assert_string_equal(stopped.error, "stopped");
}

/* ---- written or not ---- */

static void test_what_counts_as_written(void **state)
{
    (void)state;
    struct got g = ask("POST", "/lose");
    assert_string_equal(g.error, "broken answer");
    assert_true(g.written);
    g = ask_request(
        (struct http_request){.method = "POST", .url = at("/never"), .timeout_ms = 150});
    assert_string_equal(g.error, "timeout");
    assert_true(g.written);
    g = ask_request((struct http_request){.method = "POST", .url = "http://127.0.0.1:1/"});
    assert_string_equal(g.error, "no connection");
    assert_false(g.written);
    g = ask_request((struct http_request){.method = "POST", .url = "http://no-such-host.invalid/"});
    assert_string_equal(g.error, "unknown host");
    assert_false(g.written);
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", end.port); /* that is no TLS */
    g = ask_request((struct http_request){.method = "POST", .url = url, .timeout_ms = 300});
    assert_false(g.written);
}

static void test_what_waits_in_the_queue_is_not_written(void **state)
{
    struct got first = {0}, second = {0};
    const char *why;
    struct http_request r = {
        .method = "POST", .url = at("/never"), .configured = true, .timeout_ms = 300};
    (void)state;
    conf.requests = 1;
    assert_true(http_client_ask(client, &r, on_answer, &first, &why));
    r.timeout_ms = 100;
    assert_true(http_client_ask(client, &r, on_answer, &second, &why));
    assert_int_equal(http_client_waiting(client), 1);
    run_until(&second.done);
    assert_string_equal(second.error, "timeout");
    assert_false(second.written);
    run_until(&first.done);
    assert_true(first.written);
    assert_int_equal(end.requests, 1);
}

/* A connection of before that dies under a request: libcurl would quietly repeat it on a new one. */
static void test_nothing_is_written_twice(void **state)
{
    (void)state;
    assert_int_equal(ask("GET", "/losenext").status, 200);
    struct got g = ask("POST", "/ok");
    assert_string_equal(g.error, "broken answer");
    assert_true(g.written);
    assert_int_equal(end.requests, 2);
    assert_int_equal(ask("GET", "/losenext").status, 200);
    g = ask("GET", "/ok"); /* a GET neither, unless it may be */
    assert_string_equal(g.error, "broken answer");
    assert_int_equal(end.requests, 4);
}

static void test_asked_again_if_it_may_be(void **state)
{
    (void)state;
    assert_int_equal(ask("GET", "/losenext").status, 200);
    struct got g =
        ask_request((struct http_request){.method = "GET", .url = at("/ok"), .again = 1});
    assert_int_equal(g.status, 200);
    assert_int_equal(end.requests, 3);
    g = ask_request((struct http_request){.method = "GET", .url = at("/lose"), .again = 2});
    assert_string_equal(g.error, "broken answer");
    assert_int_equal(end.requests, 6);
    g = ask_request(
        (struct http_request){.method = "GET", .url = "http://127.0.0.1:1/", .again = 1});
    assert_string_equal(g.error, "no connection");
    assert_false(g.written);
    g = ask_request((struct http_request){.method = "GET", .url = at("/status/503"), .again = 2});
    assert_int_equal(g.status, 503); /* an answer is an answer */
    assert_int_equal(end.requests, 7);
}

/* ---- connections ---- */

static void test_connections_are_used_again(void **state)
{
    struct got g[40] = {{0}};
    const char *why;
    (void)state;
    for (int i = 0; i < 20; i++)
        assert_int_equal(ask("POST", "/ok").status, 200);
    assert_int_equal(end.connections, 1);
    struct http_request r = {.method = "POST",
                             .url = at("/ok"),
                             .body = "{}",
                             .body_len = 2,
                             .configured = true,
                             .timeout_ms = 5000};
    for (int i = 0; i < 40; i++)
        assert_true(http_client_ask(client, &r, on_answer, &g[i], &why));
    assert_int_equal(http_client_busy(client), 4);
    assert_int_equal(http_client_waiting(client), 36);
    for (int i = 0; i < 40; i++) {
        run_until(&g[i].done);
        assert_string_equal(g[i].body, "ok");
    }
    assert_int_equal(end.connections, 4);
}

static void test_one_that_the_server_closed_is_not_used(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ask("POST", "/bye").status, 200);
        for (int turns = 0; turns < 100 && end.open; turns++)
            uv_run(&loop, UV_RUN_NOWAIT);
        uv_run(&loop, UV_RUN_NOWAIT); /* the client's side sees it */
    }
    assert_int_equal(end.connections, 5);
    assert_int_equal(end.requests, 5);
}

static void test_two_clients_beside_each_other(void **state)
{
    struct http_conf other = {.requests = 1, .body_max = 1000};
    struct http_client *first = client;
    bool gone = false;
    (void)state;
    client = http_client_create(&(struct http_client_opts){.loop = &loop, .conf = &other});
    assert_string_equal(ask("GET", "/long").error, "too large");
    assert_int_equal(ask_request((struct http_request){
                                     .method = "GET", .url = at("/long"), .answer_max = 200000})
                         .len,
                     100000);
    http_client_destroy(client, on_gone, &gone);
    client = first;
    assert_int_equal(ask("GET", "/long").len, 100000);
    run_until(&gone);
    assert_string_equal(ask("HEAD", "/ok").error, "");
}

static void test_the_body_has_a_limit(void **state)
{
    char *big = mem_zero(100 << 10);
    struct http_request r = {
        .method = "POST", .url = at("/ok"), .body = big, .body_len = 100 << 10};
    (void)state;
    assert_string_equal(ask_request(r).error, "the body of a request may have at most 64 KiB");
    conf.send_max = 1 << 20;
    assert_int_equal(ask_request(r).status, 200);
    free(big);
}

static void test_cancel_and_a_new_configuration(void **state)
{
    struct got g = {0};
    const char *why;
    struct http_request r = {
        .method = "GET", .url = at("/never"), .configured = true, .timeout_ms = 5000};
    (void)state;
    uint64_t id = http_client_ask(client, &r, on_answer, &g, &why);
    for (int i = 0; i < 10 && !end.requests; i++)
        uv_run(&loop, UV_RUN_ONCE);
    http_client_cancel(client, id);
    assert_int_equal(http_client_busy(client), 0);
    const struct http_conf other = {.requests = 2, .body_max = 10};
    http_client_configure(client, &other);
    assert_string_equal(ask("GET", "/long").error, "too large");
    http_client_configure(client, &conf);
    assert_int_equal(ask("GET", "/long").len, 100000);
    assert_false(g.done);
}

/* ---- whom it refuses to reach ---- */

static struct got ask_flow(const char *to, bool private_too, int redirects)
{
    struct http_site sites[] = {{.url = (char *)"http://localhost/"},
                                {.url = NULL, .private_too = private_too}};
    struct http_conf flows = {.sites = sites, .nsites = 2, .requests = 4, .body_max = 1000};
    struct got g = {0};
    const char *why = NULL;
    char base[100];
    snprintf(base, sizeof base, "%.*s", (int)(strcspn(to + 7, "/") + 8), to);
    sites[1].url = base;
    http_client_configure(client, &flows);
    struct http_request r = {
        .method = "GET", .url = to, .timeout_ms = 3000, .redirects = redirects};
    if (http_client_ask(client, &r, on_answer, &g, &why))
        run_until(&g.done);
    else
        snprintf(g.error, sizeof g.error, "%s", why);
    http_client_configure(client, &conf);
    return g;
}

static void test_private_addresses(void **state)
{
    static const char refusal[] = "not allowed: this is a private address";
    char to[100];
    (void)state;
    assert_int_equal(ask_flow(at("/ok"), false, 0).status, 200); /* listed as such: it is meant */
    snprintf(to, sizeof to, "http://localhost:%d/ok", end.port);
    assert_int_equal(ask_flow(to, false, 0).status, 200);
    assert_int_equal(end.requests, 2);
    /* names that lead there, whatever they look like: what they were resolved to is looked at */
    static const char *const names[] = {"127.1", "2130706433", "0x7f.1", "0"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(to, sizeof to, "http://%s:%d/ok", names[i], end.port);
        struct got g = ask_flow(to, false, 0);
        assert_string_equal(g.error, refusal);
        assert_false(g.written);
    }
    assert_int_equal(end.requests, 2);
    snprintf(to, sizeof to, "http://127.1:%d/ok", end.port);
    assert_int_equal(ask_flow(to, true, 0).status, 200);
    assert_string_equal(ask_flow(to, false, 0).error,
                        refusal); /* nor on the connection that the other one left */
    assert_int_equal(end.requests, 3);
}

/* What the configuration trusts may lead on, but into no private network but its own host. */
static void test_redirects_of_what_is_configured(void **state)
{
    struct http_request r = {.method = "GET", .url = at("/to/ok"), .redirects = 1};
    (void)state;
    assert_int_equal(ask_request(r).status, 200);
    r.url = at("/to/to/ok");
    assert_int_equal(ask_request(r).status, 302);
    r.url = at("/away");
    assert_string_equal(ask_request(r).error, "not allowed: this is a private address");
    r.public_only = true;
    assert_string_equal(ask_request(r).error, "not allowed: this is a private address");
}

static void test_half_a_header_is_no_answer(void **state)
{
    (void)state;
    struct got g = ask("POST", "/half");
    assert_string_equal(g.error, "broken answer");
    assert_true(g.written);
}

int main(void)
{
#define HTTP_TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, finish)
    const struct CMUnitTest tests[] = {
        HTTP_TEST(test_any_status_is_an_answer),
        HTTP_TEST(test_headers_on_request),
        HTTP_TEST(test_bytes_and_their_type),
        HTTP_TEST(test_an_answer_in_pieces),
        HTTP_TEST(test_what_counts_as_written),
        HTTP_TEST(test_what_waits_in_the_queue_is_not_written),
        HTTP_TEST(test_nothing_is_written_twice),
        HTTP_TEST(test_asked_again_if_it_may_be),
        HTTP_TEST(test_connections_are_used_again),
        HTTP_TEST(test_one_that_the_server_closed_is_not_used),
        HTTP_TEST(test_two_clients_beside_each_other),
        HTTP_TEST(test_the_body_has_a_limit),
        HTTP_TEST(test_cancel_and_a_new_configuration),
        HTTP_TEST(test_private_addresses),
        HTTP_TEST(test_redirects_of_what_is_configured),
        HTTP_TEST(test_half_a_header_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
