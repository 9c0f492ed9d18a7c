/* test_ws_dial.c -- names with several addresses, where some lead nowhere, and which connections go through a proxy. The resolver is
 * ours: it answers with the addresses of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "gateway/transport_internal.h"
#include "ws_end.h"

/* ---- the resolver ---- */

static const char *addresses[4]; /* what every name has */
static int naddresses, port;

static void resolved(uv_timer_t *timer)
{
    uv_getaddrinfo_t *req = timer->data;
    struct addrinfo *list = NULL, **tail = &list;
    for (int i = 0; i < naddresses; i++) {
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
        char service[16];
        snprintf(service, sizeof service, "%d", port);
        assert_int_equal(getaddrinfo(addresses[i], service, &hints, tail), 0);
        tail = &(*tail)->ai_next;
    }
    uv_close((uv_handle_t *)timer, (uv_close_cb)(void (*)(void))free);
    req->cb(req, naddresses ? 0 : UV_EAI_NONAME, list);
}

int uv_getaddrinfo(uv_loop_t *loop, uv_getaddrinfo_t *req, uv_getaddrinfo_cb cb, const char *node,
                   const char *service, const struct addrinfo *hints)
{
    (void)node, (void)service, (void)hints;
    uv_timer_t *timer = malloc(sizeof *timer);
    uv_timer_init(loop, timer);
    timer->data = req;
    req->cb = cb;
    return uv_timer_start(timer, resolved, 1, 0);
}

void uv_freeaddrinfo(struct addrinfo *list)
{
    if (list)
        freeaddrinfo(list);
}

int uv_cancel(uv_req_t *req)
{
    (void)req; /* its answer comes all the same */
    return UV_EBUSY;
}

/* ---- servers ---- */

static int listen_at(const char *address, int at, int backlog)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)at)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)at)};
    bool v6 = strchr(address, ':');
    int one = 1, fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET6, address, &six.sin6_addr);
    inet_pton(AF_INET, address, &four.sin_addr);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (v6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    const struct sockaddr *sa = v6 ? (struct sockaddr *)&six : (struct sockaddr *)&four;
    if (bind(fd, sa, v6 ? sizeof six : sizeof four) == 0 && listen(fd, backlog) == 0)
        return fd;
    close(fd);
    return -1;
}

/* A port at which connections to that address get no answer: its queue is full. */
struct deaf {
    int fd, waiting[8];
};
static bool deaf_at(struct deaf *d, const char *address, int at)
{
    bool v6 = strchr(address, ':');
    d->fd = listen_at(address, at, 0);
    for (int i = 0; i < 8; i++) {
        struct sockaddr_storage sa;
        socklen_t len = sizeof sa;
        d->waiting[i] = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (d->fd >= 0 && getsockname(d->fd, (struct sockaddr *)&sa, &len) == 0)
            (void)!connect(d->waiting[i], (struct sockaddr *)&sa, len);
    }
    return d->fd >= 0;
}
static void deaf_end(struct deaf *d)
{
    for (int i = 0; i < 8; i++)
        close(d->waiting[i]);
    close(d->fd);
}

/* ---- one side ---- */

struct world {
    uv_loop_t loop;
    struct transport *t;
    struct listener *l;
    struct conn *c;
    int opened, ended;
    struct conn_end_info end;
};

static void on_open(void *ud, struct conn *c)
{
    struct world *w = ud;
    w->opened++;
    w->c = c;
}
static void on_message(void *ud, struct conn *c, char *data, size_t len, bool binary)
{
    (void)ud, (void)c, (void)data, (void)len, (void)binary;
}
static void on_alive(void *ud, struct conn *c)
{
    (void)ud, (void)c;
}
static void on_end(void *ud, struct conn *c, const struct conn_end_info *info)
{
    struct world *w = ud;
    (void)c;
    w->ended++;
    w->end = *info;
}
static const struct conn_handler handler = {on_open, on_message, on_alive, on_end};
static struct conn_opts server_opts;

static void server_open(void *ud, struct conn *c)
{
    (void)ud, (void)c;
}
static void server_end(void *ud, struct conn *c, const struct conn_end_info *info)
{
    (void)ud, (void)c, (void)info;
}
static const struct conn_handler server = {server_open, on_message, on_alive, server_end};

static int admit(void *ud, const struct upgrade_request *r, struct conn_opts *opts)
{
    (void)ud, (void)r;
    *opts = server_opts;
    return 101;
}

static int setup(void **state)
{
    struct world *w = MEM_NEW(struct world);
    struct buf err = {0};
    uv_loop_init(&w->loop);
    w->t = transport_create(&w->loop, 0, &err);
    assert_non_null(w->t);
    server_opts =
        (struct conn_opts){.handler = &server, .max_message = 1 << 20, .max_queue = 1 << 20};
    naddresses = 0;
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

static bool serve(struct world *w, const char *address)
{
    struct buf err = {0};
    struct listen_opts lo = {.address = address, .admit = admit, .ud = w};
    w->l = transport_listen(w->t, &lo, &err);
    buf_free(&err);
    if (w->l)
        port = listener_port(w->l);
    return w->l;
}

/* How long it took, in ms. */
static int64_t dial(struct world *w, const char *first, const char *second, int64_t timeout_ms)
{
    struct buf err = {0};
    char url[64];
    addresses[0] = first;
    addresses[1] = second;
    naddresses = 2;
    snprintf(url, sizeof url, "ws://two.test:%d/", port);
    struct conn_target target = {.url = url, .timeout_ms = timeout_ms, .proxy = "none"};
    struct conn_opts opts = {
        .handler = &handler, .ud = w, .max_message = 1 << 20, .max_queue = 1 << 20};
    uint64_t from = uv_hrtime();
    assert_non_null(conn_connect(w->t, &target, &opts, &err));
    while (!w->opened && !w->ended && uv_hrtime() - from < 8000000000u)
        uv_run(&w->loop, UV_RUN_ONCE);
    buf_free(&err);
    return (int64_t)((uv_hrtime() - from) / 1000000);
}

static void test_one_family_refuses(void **state)
{
    struct world *w = *state;
    assert_true(serve(w, "127.0.0.1:0"));
    assert_true(dial(w, "::1", "127.0.0.1", 5000) < 200);
    assert_int_equal(w->opened, 1);
}

static void test_the_other_family_refuses(void **state)
{
    struct world *w = *state;
    if (!serve(w, "[::1]:0"))
        skip(); /* this machine has no IPv6 loopback */
    assert_true(dial(w, "127.0.0.1", "::1", 5000) < 200);
    assert_int_equal(w->opened, 1);
}

static void test_a_dead_ipv6_costs_a_quarter_of_a_second(void **state)
{
    struct world *w = *state;
    struct deaf d;
    assert_true(serve(w, "127.0.0.1:0"));
    if (!deaf_at(&d, "::1", port)) {
        deaf_end(&d);
        skip();
    }
    int64_t ms = dial(w, "::1", "127.0.0.1", 5000);
    assert_int_equal(w->opened, 1);
    assert_true(ms >= 200 && ms < 1500);
    deaf_end(&d);
}

static void test_a_dead_ipv4_too(void **state)
{
    struct world *w = *state;
    struct deaf d;
    if (!serve(w, "[::1]:0"))
        skip();
    assert_true(deaf_at(&d, "127.0.0.1", port));
    int64_t ms = dial(w, "127.0.0.1", "::1", 5000);
    assert_int_equal(w->opened, 1);
    assert_true(ms >= 200 && ms < 1500);
    deaf_end(&d);
}

static void test_nobody_is_there(void **state)
{
    struct world *w = *state;
    assert_true(serve(w, "127.0.0.1:0"));
    listener_close(w->l);
    w->l = NULL;
    dial(w, "::1", "127.0.0.1", 5000);
    assert_int_equal(w->ended, 1);
    assert_int_equal(w->end.kind, CONN_END_CONNECT);
}

static void test_all_are_deaf(void **state)
{
    struct world *w = *state;
    struct deaf a, b;
    assert_true(serve(w, "127.0.0.1:0"));
    listener_close(w->l);
    w->l = NULL;
    bool six = deaf_at(&b, "::1", port);
    assert_true(deaf_at(&a, "127.0.0.1", port));
    int64_t ms = dial(w, six ? "::1" : "127.0.0.1", "127.0.0.1", 700);
    assert_int_equal(w->ended, 1);
    assert_int_equal(w->end.kind, CONN_END_TIMEOUT);
    assert_true(ms >= 600 && ms < 2500);
    deaf_end(&a);
    deaf_end(&b);
}

static void test_going_down_in_the_middle(void **state)
{
    struct world *w = *state;
    struct deaf d;
    struct buf err = {0};
    char url[64];
    assert_true(serve(w, "127.0.0.1:0"));
    listener_close(w->l);
    w->l = NULL;
    assert_true(deaf_at(&d, "127.0.0.1", port));
    addresses[0] = addresses[1] = "127.0.0.1";
    naddresses = 2;
    snprintf(url, sizeof url, "ws://two.test:%d/", port);
    struct conn_target target = {.url = url, .proxy = "none"};
    struct conn_opts opts = {.handler = &handler, .ud = w, .max_message = 1024, .max_queue = 1024};
    assert_non_null(conn_connect(w->t, &target, &opts, &err));
    for (int i = 0; i < 5; i++)
        uv_run(&w->loop, UV_RUN_ONCE);
    buf_free(&err);
    deaf_end(&d); /* the rest is teardown's: everything closes, on_end comes */
}

/* ---- a ping passes what waits ---- */

static void test_a_ping_goes_between_frames(void **state)
{
    struct world *w = *state;
    server_opts.max_message = 64 << 20;
    assert_true(serve(w, "127.0.0.1:0"));
    dial(w, "127.0.0.1", "127.0.0.1", 5000);
    struct conn *c = w->c;
    c->opts.fragment = 10000;
    c->opts.max_queue = 64 << 20;
    size_t start;
    char *text = malloc(12 << 20);
    memset(text, 'x', 12 << 20);
    uint64_t before = conn_queued(c);
    buf_add(conn_begin(c, &start), text, 12 << 20);
    conn_end(c, start);
    conn_flush(
        c); /* the peer does not read while we do not run the loop: the kernel takes a part */
    assert_true(conn_waiting(c) > 1 << 20);
    size_t waiting = conn_waiting(c);
    conn_ping(c);
    assert_int_equal(conn_waiting(c), waiting + 10);
    assert_true(conn_queued(c) - before > 12u << 20);
    size_t at = c->out_at; /* the ping begins within one piece from here */
    bool found = false;
    for (size_t i = at; i < at + 10100 && !found; i++)
        found = (uint8_t)c->out.data[i] == 0x89 && (uint8_t)c->out.data[i + 1] == 0x84;
    assert_true(found);
    int n = 0; /* and the other side understands it all */
    while (conn_waiting(c) && !w->ended && n++ < 100000)
        uv_run(&w->loop, UV_RUN_NOWAIT);
    assert_int_equal(conn_waiting(c), 0);
    assert_int_equal(conn_written(c), conn_queued(c));
    free(text);
}

/* ---- proxies ---- */

static void proxy_is(const char *own, const char *url, const char *host, int want,
                     const char *basic)
{
    struct wsurl u;
    struct proxy p;
    struct buf err = {0};
    assert_true(wsurl_parse(&u, url, &err));
    assert_true(proxy_choose(&p, own, &u, &err));
    assert_string_equal(p.host, host);
    if (*host)
        assert_int_equal(p.port, want);
    if (basic)
        assert_string_equal(p.basic, basic);
    else
        assert_null(p.basic);
    proxy_free(&p);
    wsurl_free(&u);
    buf_free(&err);
}

static void test_which_proxy(void **state)
{
    (void)state;
    static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                        "ALL_PROXY",  "no_proxy",    "NO_PROXY"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    proxy_is(NULL, "ws://a.example/", "", 0, NULL);
    proxy_is("http://p.example:3128", "ws://a.example/", "p.example", 3128, NULL);
    proxy_is("http://u:p%40ss@[::1]:80/", "wss://a.example/", "::1", 80, "dTpwQHNz");
    proxy_is("http://p.example", "ws://127.0.0.1/", "p.example", 1080, NULL);
    proxy_is("none", "ws://a.example/", "", 0, NULL);
    setenv("http_proxy", "http://plain:1", 1);
    setenv("HTTPS_PROXY", "http://safe:2", 1);
    proxy_is(NULL, "ws://a.example/", "plain", 1, NULL);
    proxy_is(NULL, "wss://a.example/", "safe", 2, NULL);
    proxy_is("none", "wss://a.example/", "", 0, NULL);
    proxy_is(NULL, "wss://localhost/", "", 0, NULL);
    proxy_is(NULL, "ws://127.9.9.9:3001/", "", 0, NULL);
    proxy_is(NULL, "ws://[::1]:3001/", "", 0, NULL);
    setenv("no_proxy", "b.example, .inside ,10.0.0.5", 1);
    proxy_is(NULL, "ws://b.example/", "", 0, NULL);
    proxy_is(NULL, "ws://x.b.example/", "", 0, NULL);
    proxy_is(NULL, "ws://xb.example/", "plain", 1, NULL);
    proxy_is(NULL, "ws://a.inside/", "", 0, NULL);
    proxy_is(NULL, "ws://10.0.0.5/", "", 0, NULL);
    setenv("no_proxy", "*", 1);
    proxy_is(NULL, "ws://a.example/", "", 0, NULL);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    setenv("ALL_PROXY", "all:3", 1);
    proxy_is(NULL, "ws://a.example/", "all", 3, NULL);
    unsetenv("ALL_PROXY");
    struct proxy p;
    struct buf err = {0};
    assert_false(proxy_parse(&p, "socks5://x:1", &err));
    proxy_free(&p);
    buf_reset(&err);
    assert_false(proxy_parse(&p, "http://u:p@", &err));
    assert_null(strstr(buf_cstr(&err), "u:p"));
    proxy_free(&p);
    buf_free(&err);
}

static void test_link_local_addresses(void **state)
{
    (void)state;
    struct wsurl u;
    struct buf b = {0};
    assert_true(wsurl_parse(&u, "ws://[fe80::1%25eth0]:3001/", &b));
    assert_string_equal(u.host, "fe80::1%eth0");
    wsurl_authority_text(&u, false, &b);
    assert_string_equal(buf_cstr(&b), "[fe80::1]:3001"); /* the zone means nothing to the peer */
    wsurl_free(&u);
    buf_free(&b);
}

int main(void)
{
    log_init();
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_family_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_other_family_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_dead_ipv6_costs_a_quarter_of_a_second, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_dead_ipv4_too, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_are_deaf, setup, teardown),
        cmocka_unit_test_setup_teardown(test_going_down_in_the_middle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_ping_goes_between_frames, setup, teardown),
        cmocka_unit_test(test_which_proxy),
        cmocka_unit_test(test_link_local_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
