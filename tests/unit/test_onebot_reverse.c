/* test_onebot_reverse.c -- checklist 12-16 and 82: implementations that connect to us. Admission is tested as a function and
 * over sockets; the client is our own, with headers written by hand where it has none. */
#include "onebot_world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- admission as a function ---- */

static int admit_status(const char *token, const char *path, const char *authorization,
                        const char *query, const char *role, const char *self, enum ob_role *got)
{
    struct gateway_conf conf = {.token = token, .self_id = "2100000001"};
    struct upgrade_request r = {.path = path,
                                .authorization = authorization,
                                .query_token = query,
                                .role = role,
                                .self_id = self,
                                .agent = "x",
                                .peer = "p"};
    struct ob_admission a = ob_admit_check(&conf, &r);
    if (got)
        *got = a.role;
    return a.status;
}

static void test_12_tokens(void **state)
{
    (void)state;
    assert_int_equal(admit_status("T", "/", "Bearer T", "", "", "", NULL), 101);
    assert_int_equal(admit_status("T", "/", "bearer  T ", "", "", "", NULL), 101);
    assert_int_equal(admit_status("T", "/", "Token T", "", "", "", NULL), 101);
    assert_int_equal(admit_status("T", "/", "T", "", "", "", NULL), 101);
    assert_int_equal(admit_status("T", "/", "", "T", "", "", NULL), 101);
    assert_int_equal(admit_status("T", "/", "Bearer ", "T", "", "", NULL), 101);
    assert_int_equal(admit_status("T", "/", "", "", "", "", NULL), 401);
    assert_int_equal(admit_status("T", "/", "Bearer", "", "", "", NULL), 401);
    assert_int_equal(admit_status("T", "/", "Bearer ", "", "", "", NULL), 401);
    assert_int_equal(admit_status("T", "/", "Bearer t", "", "", "", NULL), 403);
    assert_int_equal(admit_status("T", "/", "Bearer TT", "", "", "", NULL), 403);
    assert_int_equal(admit_status("T", "/", "Bearer X", "T", "", "", NULL), 403);
    assert_int_equal(admit_status(NULL, "/", "Bearer ", "", "", "", NULL), 101);
    assert_int_equal(admit_status(NULL, "/", "Bearer whatever", "", "", "", NULL), 101);
}

static void test_13_roles(void **state)
{
    static const struct {
        const char *path, *role;
        int status;
        enum ob_role got;
    } cases[] = {{"/", "", 101, OB_UNIVERSAL},
                 {"/", "Universal", 101, OB_UNIVERSAL},
                 {"/", "Api", 101, OB_API},
                 {"/", "EVENT", 101, OB_EVENTS},
                 {"/", "Both", 400, OB_UNIVERSAL},
                 {"/onebot/v11/ws", "", 101, OB_UNIVERSAL},
                 {"/onebot/v11/ws/", "", 101, OB_UNIVERSAL},
                 {"/onebot/v11/", "", 101, OB_UNIVERSAL},
                 {"/onebot", "", 101, OB_UNIVERSAL},
                 {"/ws", "", 101, OB_UNIVERSAL},
                 {"/onebot/v11/api", "", 101, OB_API},
                 {"/onebot/v11/event/", "", 101, OB_EVENTS},
                 {"/api", "", 101, OB_API},
                 {"/metrics", "", 404, OB_UNIVERSAL},
                 {"/wsx", "", 404, OB_UNIVERSAL},
                 {"", "", 101, OB_UNIVERSAL}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum ob_role got;
        assert_int_equal(admit_status(NULL, cases[i].path, "", "", cases[i].role, "", &got),
                         cases[i].status);
        if (cases[i].status == 101)
            assert_int_equal(got, cases[i].got);
    }
}

static void test_16_self_header(void **state)
{
    (void)state;
    assert_int_equal(admit_status(NULL, "/", "", "", "", "2100000001", NULL), 101);
    assert_int_equal(admit_status(NULL, "/", "", "", "", "", NULL), 101);
    assert_int_equal(admit_status(NULL, "/", "", "", "", "alice", NULL), 101);
    assert_int_equal(admit_status(NULL, "/", "", "", "", "2100000002", NULL), 403);
}

static void test_configured_path(void **state)
{
    enum ob_role role;
    (void)state;
    assert_true(ob_path_served("/qq2", "/qq2", &role));
    assert_true(ob_path_served("/qq2", "/qq2/event", &role));
    assert_int_equal(role, OB_EVENTS);
    assert_false(ob_path_served("/qq2", "/", &role));
    assert_false(ob_path_served("/qq2", "/qq22", &role));
}

/* ---- over sockets ---- */

static struct world *reverse(const char *token)
{
    struct world *w = world_new();
    w->conf.mode = "reverse";
    w->conf.listen = "127.0.0.1:0";
    w->conf.token = token;
    world_create(w);
    return w;
}

static int port_of(const struct world *w)
{
    return listener_port(((struct ob *)w->g)->listener);
}

/* An implementation's client, through our own transport. */
static struct conn *join(struct world *w, const char *tail, const char *bearer)
{
    char url[128];
    struct buf err = {0};
    snprintf(url, sizeof url, "ws://127.0.0.1:%d%s", port_of(w), tail);
    struct conn_target target = {.url = url, .bearer = bearer, .timeout_ms = 3000};
    struct conn_opts opts = {
        .handler = &world_handler, .ud = w, .max_message = 1 << 20, .max_queue = 1 << 20};
    struct conn *c = conn_connect(w->transport, &target, &opts, &err);
    assert_non_null(c);
    buf_free(&err);
    return c;
}

static void test_12_over_the_wire(void **state)
{
    (void)state;
    struct world *w = reverse("s3cr3t");
    join(w, "/onebot/v11/ws", "s3cr3t");
    world_until(w, w->state.link == LINK_UP);
    assert_string_equal(w->state.self_id, "2100000001");
    world_free(w);
    w = reverse("s3cr3t");
    join(w, "/ws?access_token=s3cr3t", NULL);
    world_until(w, w->state.link == LINK_UP);
    world_free(w);
    w = reverse("s3cr3t");
    join(w, "/", "wrong");
    world_until(w, w->peer_ends == 1);
    join(w, "/nowhere", "s3cr3t");
    world_until(w, w->peer_ends == 2);
    assert_int_equal(w->peer_opens, 0);
    world_free(w);
}

/* The status line that a raw request gets. */
static void raw_status(struct world *w, const char *request, char *out, size_t room)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port_of(w)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    size_t got = 0;
    for (int i = 0; i < 400 && got < room - 1; i++) {
        world_run(w, 5);
        ssize_t n = read(fd, out + got, room - 1 - got);
        if (n == 0)
            break;
        if (n > 0)
            got += (size_t)n;
        if (got > 12)
            break;
    }
    out[got] = '\0';
    close(fd);
}
#define UPGRADE \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void test_12_13_raw_requests(void **state)
{
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n" UPGRADE
         "Authorization: Token s3cr3t\r\nX-Self-ID: 2100000001\r\nX-Client-Role: Universal\r\n\r\n",
         101},
        {"GET / HTTP/1.1\r\nHost: x\r\n" UPGRADE
         "authorization: Bearer s3cr3t\r\nx-self-id: 2100000001\r\nx-client-role: Api\r\n\r\n",
         101},
        {"GET / HTTP/1.1\r\nHost: x\r\n" UPGRADE "\r\n", 401},
        {"GET / HTTP/1.1\r\nHost: x\r\n" UPGRADE "Authorization: Bearer \r\n\r\n", 401},
        {"GET / HTTP/1.1\r\nHost: x\r\n" UPGRADE "Authorization: Bearer nope\r\n\r\n", 403},
        {"GET / HTTP/1.1\r\nHost: x\r\n" UPGRADE
         "Authorization: Bearer s3cr3t\r\nX-Client-Role: Spy\r\n\r\n",
         400},
        {"GET /x HTTP/1.1\r\nHost: x\r\n" UPGRADE "Authorization: Bearer s3cr3t\r\n\r\n", 404},
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 426},
        {"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer s3cr3t\r\n\r\n",
         426},
    };
    (void)state;
    struct world *w = reverse("s3cr3t");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[1024];
        int status = 0;
        raw_status(w, cases[i].request, line, sizeof line);
        if (sscanf(line, "HTTP/1.%*d %d", &status) != 1 || status != cases[i].status)
            fail_msg("request %zu: \"%s\", not %d", i, line, cases[i].status);
        if (strstr(cases[i].request, "Version: 8"))
            assert_non_null(strcasestr(line, "sec-websocket-version: 13"));
    }
    world_free(w);
}

static void test_15_newcomer_replaces(void **state)
{
    (void)state;
    struct world *w = reverse(NULL);
    join(w, "/", NULL);
    world_until(w, w->state.link == LINK_UP);
    world_send(w, "700000001", "pending", 1);
    world_until(w, w->nframes == 1);
    join(w, "/", NULL);
    world_until(w, w->peer_opens == 2 && w->peer_ends == 1);
    assert_int_equal(w->peer_code, 1001);
    world_until(w, w->nresults == 1);
    assert_int_equal(w->results[0].outcome, SEND_UNKNOWN);
    world_until(w, w->state.link == LINK_UP);
    assert_true(world_send(w, "700000001", "to the new one", 2));
    world_until(w, w->nframes == 2);
    world_free(w);
}

static void test_16_event_wins(void **state)
{
    (void)state;
    struct world *w = reverse(NULL);
    w->login = "\"alice\""; /* the account by name, events by number */
    join(w, "/", NULL);
    world_until(w, w->state.link == LINK_UP);
    assert_string_equal(w->state.self_id, "alice");
    world_sayq(
        w,
        "{'time':1767225790,'self_id':4711,'post_type':'message','message_type':'group','message_id':1,'group_id':5,'user_id':6,"
        "'message':[{'type':'at','data':{'qq':'4711'}},{'type':'text','data':{'text':' hi'}}]}");
    world_until(w, w->nevents == 1);
    assert_true(w->events[0]->at_me);
    assert_string_equal(w->state.self_id, "4711");
    world_free(w);
}

static void test_13_split_roles(void **state)
{
    (void)state;
    struct world *w = reverse(NULL);
    join(w, "/event", NULL);
    world_until(w, w->peer_opens == 1);
    struct conn *events = w->peer;
    world_run(w, 50);
    assert_int_equal(w->asked_login, 0); /* nothing is asked there */
    assert_false(world_send(w, "700000001", "x", 1));
    join(w, "/api", NULL);
    world_until(w, w->state.link == LINK_UP);
    assert_true(world_send(w, "700000001", "x", 1));
    world_until(w, w->nframes == 1);
    w->peer = events;
    world_sayq(
        w,
        "{'time':1767225790,'self_id':2100000001,'post_type':'message','message_type':'group','message_id':1,'group_id':5,'user_id':6,'message':'hi'}");
    world_until(w, w->nevents == 1);
    world_free(w);
}

static void test_82_two_links_to_one_account(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->conf.mode = "reverse";
    w->conf.listen = "127.0.0.1:0"; /* both gateways share the address and differ by path */
    w->conf.path = "/a";
    world_create(w);
    join(w, "/a", NULL);
    world_until(w, w->state.link == LINK_UP);
    struct conn *first = w->peer;
    struct gateway *g1 = w->g, *g2;
    struct gateway_env env = {&w->loop, &w->clock, w->transport};
    struct gateway_sink sink = world_sink(w);
    struct buf err = {0};
    w->conf.name = "qq1b";
    w->conf.path = "/b";
    g2 = onebot11_ops.create(&env, &w->conf, &sink, &err);
    assert_non_null(g2);
    w->g = g2;
    g2->ops->start(g2);
    w->state.link = LINK_DOWN;
    join(w, "/b", NULL);
    world_until(w, w->state.link == LINK_UP);
    struct conn *second = w->peer;
    assert_ptr_not_equal(first, second);
    w->peer = second;
    world_sayq(
        w,
        "{'time':1767225790,'self_id':2100000001,'post_type':'message','message_type':'group','message_id':1,'group_id':5,'user_id':6,'message':'hi'}");
    world_until(w, w->nevents == 1);
    w->peer = first;
    world_sayq(
        w,
        "{'time':1767225790,'self_id':2100000001,'post_type':'message','message_type':'group','message_id':1,'group_id':5,'user_id':6,'message':'hi'}");
    world_run(w, 50);
    assert_int_equal(w->nevents, 1);
    world_stop(w); /* g2 */
    w->gone = false;
    w->g = g1;
    buf_free(&err);
    world_free(w);
}

static void expect_create_error(struct gateway_conf conf, const char *part)
{
    struct world *w = world_new();
    struct gateway_env env = {&w->loop, &w->clock, w->transport};
    struct gateway_sink sink = {0};
    struct buf err = {0};
    conf.name = "x";
    assert_null(onebot11_ops.create(&env, &conf, &sink, &err));
    if (!strstr(buf_cstr(&err), part))
        fail_msg("\"%s\" does not say \"%s\"", err.data, part);
    buf_free(&err);
    world_free(w);
}

static void test_configuration_errors(void **state)
{
    (void)state;
    expect_create_error((struct gateway_conf){0}, "mode must be");
    expect_create_error((struct gateway_conf){.mode = "sideways"}, "mode must be");
    expect_create_error((struct gateway_conf){.mode = "forward"}, "needs a url");
    expect_create_error((struct gateway_conf){.mode = "forward", .url = "http://x"}, "ws://");
    expect_create_error((struct gateway_conf){.mode = "forward", .url = "ws://x", .token = "a b"},
                        "token");
    expect_create_error(
        (struct gateway_conf){
            .mode = "forward", .url = "ws://x", .token = "a+b", .token_in_query = true},
        "token");
    expect_create_error((struct gateway_conf){.mode = "reverse"}, "needs listen");
    expect_create_error((struct gateway_conf){.mode = "reverse", .listen = "0.0.0.0:0"},
                        "needs a token");
    expect_create_error((struct gateway_conf){.mode = "reverse", .listen = "127.0.0.1"},
                        "host:port");
    expect_create_error(
        (struct gateway_conf){.mode = "reverse", .listen = "127.0.0.1:0", .tls_cert = "x"},
        "belong together");
    expect_create_error(
        (struct gateway_conf){.mode = "reverse", .listen = "127.0.0.1:0", .path = "ws"},
        "path must");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_12_tokens),
        cmocka_unit_test(test_13_roles),
        cmocka_unit_test(test_16_self_header),
        cmocka_unit_test(test_configured_path),
        cmocka_unit_test(test_12_over_the_wire),
        cmocka_unit_test(test_12_13_raw_requests),
        cmocka_unit_test(test_15_newcomer_replaces),
        cmocka_unit_test(test_16_event_wins),
        cmocka_unit_test(test_13_split_roles),
        cmocka_unit_test(test_82_two_links_to_one_account),
        cmocka_unit_test(test_configuration_errors),
    };
    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
