/* test_ws_transport.c -- the transport against itself on the loopback: client and server role, both directions, limits,
 * closing, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "gateway/transport.h"
#include "ws_end.h"

struct side {
    struct conn *c;
    int opened, messages, alive, ended, refuse;
    bool echo, close_at_open;
    size_t bytes;
    char last[256];
    struct conn_end_info end;
    char path[64], authorization[64], token[64], self_id[64], role[16];
};

struct world {
    uv_loop_t loop;
    struct transport *t;
    struct listener *l;
    struct side server, client;
    struct conn_opts server_opts;
    char url[64];
};

static void on_open(void *ud, struct conn *c)
{
    struct side *s = ud;
    s->opened++;
    s->c = c;
    if (s->close_at_open)
        conn_close(c, 1001, "bye");
}

static void say(struct conn *c, const char *text, size_t len)
{
    size_t start;
    buf_add(conn_begin(c, &start), text, len);
    conn_end(c, start);
}

static void on_message(void *ud, struct conn *c, char *data, size_t len, bool binary)
{
    struct side *s = ud;
    (void)binary;
    s->messages++;
    s->bytes += len;
    size_t n = len < sizeof s->last - 1 ? len : sizeof s->last - 1;
    memcpy(s->last, data, n);
    s->last[n] = '\0';
    if (s->echo)
        say(c, data, len);
}

static void on_alive(void *ud, struct conn *c)
{
    struct side *s = ud;
    (void)c;
    s->alive++;
}

static void on_end(void *ud, struct conn *c, const struct conn_end_info *info)
{
    struct side *s = ud;
    assert_ptr_equal(s->c ? s->c : c, c);
    s->ended++;
    s->end = *info;
    s->end.reason = NULL;
    s->c = NULL;
}

static const struct conn_handler handler = {on_open, on_message, on_alive, on_end};

static void keep(char *out, size_t room, const char *s)
{
    snprintf(out, room, "%s", s);
}

static int admit(void *ud, const struct upgrade_request *r, struct conn_opts *opts)
{
    struct world *w = ud;
    struct side *s = &w->server;
    keep(s->path, sizeof s->path, r->path);
    keep(s->authorization, sizeof s->authorization, r->authorization);
    keep(s->token, sizeof s->token, r->query_token);
    keep(s->self_id, sizeof s->self_id, r->self_id);
    keep(s->role, sizeof s->role, r->role);
    *opts = w->server_opts;
    return s->refuse ? s->refuse : 101;
}

static int setup(void **state)
{
    struct world *w = MEM_NEW(struct world);
    struct buf err = {0};
    uv_loop_init(&w->loop);
    w->t = transport_create(&w->loop, 0, &err);
    assert_non_null(w->t);
    w->server_opts = (struct conn_opts){
        .handler = &handler, .ud = &w->server, .max_message = 4 << 20, .max_queue = 8 << 20};
    struct listen_opts lo = {.address = "127.0.0.1:0", .admit = admit, .ud = w};
    w->l = transport_listen(w->t, &lo, &err);
    assert_non_null(w->l);
    snprintf(w->url, sizeof w->url, "ws://127.0.0.1:%d/a/b?access_token=t%%20x",
             listener_port(w->l));
    buf_free(&err);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    ws_end(&w->loop, w->l, w->t);
    free(w);
    return 0;
}

static struct conn *dial(struct world *w, const char *url, const char *bearer)
{
    struct buf err = {0};
    struct conn_target target = {.url = url, .bearer = bearer, .timeout_ms = 2000};
    struct conn_opts opts = w->server_opts;
    opts.ud = &w->client;
    struct conn *c = conn_connect(w->t, &target, &opts, &err);
    assert_non_null(c);
    buf_free(&err);
    return c;
}

/* Turns the loop until *flag reaches want, at most 5 s. */
static void until(struct world *w, const int *flag, int want)
{
    uint64_t end = uv_hrtime() + 5000000000u;
    while (*flag < want && uv_hrtime() < end)
        uv_run(&w->loop, UV_RUN_NOWAIT);
    assert_int_equal(*flag, want);
}

static void test_open_and_headers(void **state)
{
    struct world *w = *state;
    dial(w, w->url, "s3cr3t");
    until(w, &w->client.opened, 1);
    until(w, &w->server.opened, 1);
    assert_string_equal(w->server.path, "/a/b");
    assert_string_equal(w->server.authorization, "Bearer s3cr3t");
    assert_string_equal(w->server.token, "t x");
    assert_string_equal(w->server.self_id, "");
    conn_close(w->client.c, 1000, "done");
    until(w, &w->server.ended, 1);
    until(w, &w->client.ended, 1);
    assert_int_equal(w->server.end.code, 1000);
    assert_true(w->client.end.by_us);
    assert_false(w->server.end.by_us);
}

static void test_echo_of_many_sizes(void **state)
{
    static const size_t sizes[] = {0, 1, 125, 126, 127, 4096, 65535, 65536, 70000, 3 << 20};
    struct world *w = *state;
    w->server.echo = true;
    dial(w, w->url, NULL);
    until(w, &w->client.opened, 1);
    char *text = mem_alloc(4 << 20);
    memset(text, 'x', 4 << 20);
    size_t total = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        say(w->client.c, text, sizes[i]);
        total += sizes[i];
        until(w, &w->client.messages, (int)i + 1);
        assert_int_equal(w->client.bytes, total);
    }
    free(text);
}

static void test_many_messages_in_one_write(void **state)
{
    struct world *w = *state;
    w->server.echo = true;
    dial(w, w->url, NULL);
    until(w, &w->client.opened, 1);
    for (int i = 0; i < 5000; i++)
        say(w->client.c, "ping", 4);
    until(w, &w->client.messages, 5000);
    assert_int_equal(w->client.bytes, 20000);
    assert_int_equal(conn_waiting(w->client.c), 0);
    assert_int_equal(conn_queued(w->client.c), conn_written(w->client.c));
}

static void test_ping(void **state)
{
    struct world *w = *state;
    dial(w, w->url, NULL);
    until(w, &w->client.opened, 1);
    conn_ping(w->client.c);
    until(w, &w->client.alive, 1);
    until(w, &w->server.opened, 1);
    conn_ping(w->server.c);
    until(w, &w->server.alive, 1);
}

static void test_refused_status(void **state)
{
    static const int statuses[] = {401, 403, 404, 400};
    struct world *w = *state;
    for (int i = 0; i < 4; i++) {
        w->server.refuse = statuses[i];
        dial(w, w->url, NULL);
        until(w, &w->client.ended, i + 1);
        assert_int_equal(w->client.end.kind, CONN_END_HTTP);
        assert_int_equal(w->client.end.status, statuses[i]);
    }
    assert_int_equal(w->server.opened, 0);
}

static void test_refused_connect(void **state)
{
    struct world *w = *state;
    dial(w, "ws://127.0.0.1:1/", NULL);
    until(w, &w->client.ended, 1);
    assert_int_equal(w->client.end.kind, CONN_END_CONNECT);
    assert_false(w->client.end.was_open);
}

static void test_name_not_found(void **state)
{
    struct world *w = *state;
    dial(w, "ws://no-such-host.invalid/", NULL);
    until(w, &w->client.ended, 1);
    assert_int_equal(w->client.end.kind, CONN_END_DNS);
}

static void test_localhost_by_name(void **state)
{
    struct world *w = *state;
    char url[64];
    snprintf(url, sizeof url, "ws://localhost:%d/", listener_port(w->l));
    dial(w, url, NULL); /* may resolve to ::1 first, where nobody listens */
    until(w, &w->client.opened, 1);
}

static void test_server_closes_1001(void **state)
{
    struct world *w = *state;
    w->server.close_at_open = true;
    dial(w, w->url, NULL);
    until(w, &w->client.ended, 1);
    until(w, &w->server.ended, 1);
    assert_int_equal(w->client.end.code, 1001);
    assert_true(w->client.end.was_open);
    assert_true(w->server.end.by_us);
}

static void test_too_big_for_the_server(void **state)
{
    struct world *w = *state;
    w->server_opts.max_message = 1000;
    dial(w, w->url, NULL);
    until(w, &w->client.opened, 1);
    char text[2000] = {0};
    memset(text, 'y', sizeof text);
    say(w->client.c, text, sizeof text);
    until(w, &w->client.ended, 1);
    assert_int_equal(w->client.end.code, 1009);
    assert_int_equal(w->server.messages, 0);
}

static void test_too_big_for_the_client(void **state)
{
    struct world *w = *state;
    dial(w, w->url, NULL);
    until(w, &w->server.opened, 1);
    until(w, &w->client.opened, 1);
    char *text = mem_alloc(5 << 20);
    memset(text, 'y', 5 << 20);
    say(w->server.c, text, 5 << 20);
    free(text);
    until(w, &w->server.ended, 1); /* busy writing, it may not see the code any more */
    until(w, &w->client.ended, 1);
    assert_int_equal(w->client.end.kind, CONN_END_BAD);
    assert_int_equal(w->client.end.code, 1009);
    assert_int_equal(w->client.messages, 0);
}

static void test_full_queue_is_reported(void **state)
{
    struct world *w = *state;
    w->server_opts.max_queue = 1 << 20;
    dial(w, w->url, NULL);
    until(w, &w->client.opened, 1);
    until(w, &w->server.opened, 1);
    conn_pause(w->server.c, true); /* the peer stops reading */
    char text[65536] = {0};
    int sent = 0;
    while (!conn_full(w->client.c) && sent < 1000) {
        say(w->client.c, text, sizeof text);
        uv_run(&w->loop, UV_RUN_NOWAIT);
        sent++;
    }
    assert_true(conn_full(w->client.c));
    assert_true(conn_waiting(w->client.c) < (2 << 20));
    assert_true(conn_written(w->client.c) < conn_queued(w->client.c));
    conn_pause(w->server.c, false);
    until(w, &w->server.messages, sent);
}

static void test_close_while_resolving_or_connecting(void **state)
{
    struct world *w = *state;
    conn_close(dial(w, w->url, NULL), 1001, "");
    until(w, &w->client.ended, 1);
    struct conn *c = dial(w, w->url, NULL);
    for (int i = 0; i < 3; i++)
        uv_run(&w->loop, UV_RUN_NOWAIT);
    conn_close(c, 1001, ""); /* in whatever state it is by now */
    until(w, &w->client.ended, 2);
}

static void test_listen_errors_are_clear(void **state)
{
    struct world *w = *state;
    struct buf err = {0};
    struct listen_opts lo = {.address = "127.0.0.1", .admit = admit, .ud = w};
    assert_null(transport_listen(w->t, &lo, &err));
    assert_non_null(strstr(buf_cstr(&err), "host:port"));
    buf_reset(&err);
    lo.address = "203.0.113.7:1";
    assert_null(transport_listen(w->t, &lo, &err));
    assert_non_null(strstr(buf_cstr(&err), "cannot listen on 203.0.113.7:1"));
    buf_free(&err);
}

static void test_destroy_with_open_connections(void **state)
{
    struct world *w = *state;
    dial(w, w->url, NULL);
    until(w, &w->client.opened, 1);
    until(w, &w->server.opened, 1);
    /* teardown destroys the transport with both ends open, and checks that nothing is left */
}

int main(void)
{
    log_init();
    if (getenv("TEST_DEBUG"))
        log_set_level(LOG_LEVEL_DEBUG);
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_open_and_headers),
        T(test_echo_of_many_sizes),
        T(test_many_messages_in_one_write),
        T(test_ping),
        T(test_refused_status),
        T(test_refused_connect),
        T(test_name_not_found),
        T(test_localhost_by_name),
        T(test_server_closes_1001),
        T(test_too_big_for_the_server),
        T(test_too_big_for_the_client),
        T(test_full_queue_is_reported),
        T(test_close_while_resolving_or_connecting),
        T(test_listen_errors_are_clear),
        T(test_destroy_with_open_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
