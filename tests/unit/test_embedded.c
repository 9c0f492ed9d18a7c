/* test_embedded.c -- our own redis-server: start, reach, restart after it died, data kept, locks, orphans, long paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "redis_fixture.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/embedded.h"
#include "store/redis.h"

static char folder[512];
static char root[64];
static uv_loop_t loop;
static bool stopped;
static struct embedded *running; /* a test that failed left it to the teardown */

static void no_log(void *ud, const char *line)
{
    (void)ud;
    (void)line;
}

static int setup(void **state)
{
    (void)state;
    strcpy(root, "/tmp/sopd-embedded-XXXXXX");
    if (!mkdtemp(root))
        return -1;
    snprintf(folder, sizeof folder, "%s/data", root);
    log_set_sink(no_log, NULL);
    stopped = false;
    return uv_loop_init(&loop);
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    if (running)
        embedded_stop(running, NULL, NULL);
    running = NULL;
    uv_run(&loop, UV_RUN_DEFAULT);
    int left = uv_loop_close(&loop);
    log_set_sink(NULL, NULL);
    return system(command) != 0 || left != 0 ? -1 : 0;
}

static struct embedded *start(void)
{
    struct buf err = {0};
    mkdir(folder, 0700);
    struct embedded *e = embedded_start(&loop, folder, &err);
    if (!e)
        fail_msg("%s", buf_cstr(&err));
    running = e;
    return e;
}

static void on_stopped(void *ud)
{
    (void)ud;
    stopped = true;
}

static void stop(struct embedded *e)
{
    running = NULL;
    embedded_stop(e, on_stopped, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(stopped);
}

/* One command over a connection of its own; the answer as text, "" when there is none. */
static const char *ask(const struct embedded *e, const char *fmt, ...)
{
    static char text[256];
    text[0] = '\0';
    redisContext *c = redisConnectUnix(embedded_url(e) + strlen("unix://"));
    va_list ap;
    va_start(ap, fmt);
    redisReply *r = c && !c->err ? redisvCommand(c, fmt, ap) : NULL;
    va_end(ap);
    if (r && r->type == REDIS_REPLY_INTEGER)
        snprintf(text, sizeof text, "%lld", r->integer);
    else if (r && r->type == REDIS_REPLY_ARRAY && r->elements == 2)
        snprintf(text, sizeof text, "%s", r->element[1]->str);
    else if (r && r->str)
        snprintf(text, sizeof text, "%s", r->str);
    if (r)
        freeReplyObject(r);
    if (c)
        redisFree(c);
    return text;
}

static void run_for(int ms)
{
    uint64_t until = clock_ns() + (uint64_t)ms * 1000000;
    while (clock_ns() < until) {
        uv_run(&loop, UV_RUN_NOWAIT);
        fixture_sleep(2);
    }
}

static void test_start_and_keep(void **state)
{
    (void)state;
    uint64_t from = clock_ns();
    struct embedded *e = start();
    assert_in_range((clock_ns() - from) / 1000000, 0, 1000);
    assert_string_equal(ask(e, "SET key value"), "OK");
    assert_string_equal(ask(e, "CONFIG GET appendonly"), "yes");
    assert_string_equal(ask(e, "CONFIG GET appendfsync"), "everysec");
    assert_string_equal(ask(e, "CONFIG GET port"), "0");
    struct stat st;
    char path[600];
    snprintf(path, sizeof path, "%s/redis.sock", folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    stop(e);
    e = start();
    assert_string_equal(ask(e, "GET key"), "value");
    stop(e);
}

static void test_killed_server_comes_back(void **state)
{
    (void)state;
    struct embedded *e = start();
    ask(e, "SET key value");
    int pid = embedded_pid(e);
    kill(pid, SIGKILL);
    for (int i = 0; i < 300 && (embedded_pid(e) == pid || embedded_pid(e) < 0); i++)
        run_for(10);
    assert_int_not_equal(embedded_pid(e), pid);
    for (int i = 0; i < 100 && strcmp(ask(e, "GET key"), "value") != 0; i++)
        run_for(10);
    assert_string_equal(ask(e, "GET key"), "value");
    stop(e);
}

static void test_stop_while_it_waits_to_restart(void **state)
{
    (void)state;
    struct embedded *e = start();
    kill(embedded_pid(e), SIGKILL);
    for (int i = 0; i < 300 && embedded_pid(e) > 0; i++)
        run_for(1);
    run_for(5);
    stop(e);
}

/* A server whose sopd was killed is ended; its data is taken over. */
static void test_orphan(void **state)
{
    (void)state;
    mkdir(folder, 0700);
    pid_t child = fork();
    if (child == 0) {
        uv_loop_t own;
        struct buf err = {0};
        uv_loop_init(&own);
        struct embedded *e = embedded_start(&own, folder, &err);
        if (e)
            ask(e, "SET key orphan");
        _exit(e ? 0 : 1); /* as if by kill -9: the server lives on */
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    struct embedded *e = start();
    assert_string_equal(ask(e, "GET key"), "orphan");
    stop(e);
}

static void test_lock(void **state)
{
    (void)state;
    struct buf err = {0};
    int fd = embedded_lock(folder, &err);
    assert_true(fd >= 0);
    struct stat st;
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(embedded_lock(folder, &err), -1);
    assert_non_null(strstr(buf_cstr(&err), "in use by another sopd (process "));
    close(fd);
    fd = embedded_lock(folder, &err);
    assert_true(fd >= 0);
    close(fd);
    buf_reset(&err);
    assert_int_equal(embedded_lock("/proc/nothing/here", &err), -1);
    assert_non_null(strstr(buf_cstr(&err), "cannot be made"));
    buf_free(&err);
}

static void test_long_and_odd_paths(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/with blank 'and' \"quotes\" 中文", root);
    struct embedded *e = start();
    assert_string_equal(ask(e, "PING"), "PONG");
    stop(e);
    snprintf(folder, sizeof folder, "%s/%0120d", root, 7);
    stopped = false;
    e = start();
    assert_string_equal(ask(e, "PING"), "PONG");
    struct redis_addr addr;
    struct buf err = {0};
    assert_true(redis_addr_parse(embedded_url(e), &addr, &err));
    redis_addr_free(&addr);
    stop(e);
}

static void test_unusable(void **state)
{
    (void)state;
    struct buf err = {0};
    mkdir(folder, 0700);
    char path[600];
    snprintf(path, sizeof path, "%s/appendonlydir", folder); /* redis cannot make its folder */
    FILE *f = fopen(path, "w");
    fclose(f);
    assert_null(embedded_start(&loop, folder, &err));
    assert_non_null(strstr(buf_cstr(&err), "redis-server did not start"));
    buf_reset(&err);
    char *old = strdup(getenv("PATH"));
    setenv("PATH", "/nowhere", 1);
    assert_null(embedded_start(&loop, folder, &err));
    setenv("PATH", old, 1);
    free(old);
    assert_non_null(strstr(buf_cstr(&err), "redis-server is not installed"));
    buf_free(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_start_and_keep, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed_server_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_while_it_waits_to_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_orphan, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lock, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_and_odd_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unusable, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
