/* http.c -- how many keep-alive POSTs a second the HTTP client makes on loopback, and what processor time each takes, beside a floor: a
 * loop that does nothing but write and read the same bytes on as many connections. Server, floor and client run in turn on the same
 * machine, so their ratio means something where their numbers do not. Run: bench_http [seconds each, default 1] */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "web/http_client.h"

enum { BODY = 200, MOST = 64 };
static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             "Content-Length: 17\r\n\r\n[{\"id\":\"123456\"}]";

struct measure {
    double rate, us; /* requests a second, processor time of each */
    double from, cpu;
};

static void check(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

static double now(void)
{
    return (double)clock_ns() / 1e9;
}

static double cpu(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           1e-6 * (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static void measure_begin(struct measure *m)
{
    m->from = now();
    m->cpu = cpu();
}

static void measure_end(struct measure *m, long n)
{
    m->rate = (double)n / (now() - m->from);
    m->us = (cpu() - m->cpu) / (double)n * 1e6;
}

/* ---- the server: a process of its own, every read is a request ---- */

static int listen_any(int *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    check(!bind(fd, (struct sockaddr *)&a, n) && !listen(fd, 128) &&
              !getsockname(fd, (struct sockaddr *)&a, &n),
          "listen");
    *port = ntohs(a.sin_port);
    return fd;
}

static void serve_one(int ep, int listener, int fd)
{
    static char buf[65536];
    int one = 1;
    if (fd == listener) {
        fd = accept(listener, NULL, NULL);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
    } else if (read(fd, buf, sizeof buf) <= 0 || write(fd, answer, sizeof answer - 1) < 0) {
        close(fd);
    }
}

static void serve(int listener)
{
    int ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, got[MOST];
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int n = epoll_wait(ep, got, MOST, -1);
        for (int i = 0; i < n; i++)
            serve_one(ep, listener, got[i].data.fd);
    }
}

/* ---- the floor ---- */

static int floor_connect(int ep, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    check(!connect(fd, (struct sockaddr *)&a, sizeof a), "connect");
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
    return fd;
}

static struct measure floor_run(int port, int depth, double seconds)
{
    char request[600], buf[4096];
    int len = snprintf(request, sizeof request,
                       "POST /v1/message.create HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: x\r\n"
                       "Accept: */*\r\nAuthorization: Bearer token\r\nContent-Type: "
                       "application/json\r\nContent-Length: %d\r\n\r\n%0*d",
                       port, BODY, BODY, 0);
    int ep = epoll_create1(0), fds[MOST];
    struct epoll_event got[MOST];
    struct measure m;
    long n = 0;
    measure_begin(&m);
    for (int i = 0; i < depth; i++) {
        fds[i] = floor_connect(ep, port);
        check(write(fds[i], request, (size_t)len) == len, "write");
    }
    while (now() - m.from < seconds) {
        int k = epoll_wait(ep, got, MOST, 1000);
        for (int i = 0; i < k; i++, n++)
            check(read(got[i].data.fd, buf, sizeof buf) > 0 &&
                      write(got[i].data.fd, request, (size_t)len) == len,
                  "read");
    }
    measure_end(&m, n);
    for (int i = 0; i < depth; i++)
        close(fds[i]);
    close(ep);
    return m;
}

/* ---- the client ---- */

static struct http_client *client;
static struct http_request request;
static double until;
static long answers;
static int going, owed;

static void on_answer(void *ud, const struct http_answer *a)
{
    (void)ud;
    check(a->status == 200, a->error ? a->error : "status");
    answers++;
    going--;
    owed++;
}

/* Asks for as many as were answered in this turn of the loop. */
static void on_prepare(uv_prepare_t *p)
{
    const char *why;
    (void)p;
    for (; owed; owed--)
        if (now() < until && http_client_ask(client, &request, on_answer, NULL, &why))
            going++;
}

static void on_beat(uv_timer_t *t)
{
    (void)t;
}

static void on_gone(void *ud)
{
    *(bool *)ud = true;
}

static struct measure client_run(int port, int depth, double seconds)
{
    char url[100], body[BODY];
    bool gone = false;
    const struct http_conf conf = {.requests = depth, .body_max = 1 << 20};
    const struct http_header headers[] = {{"Authorization", "Bearer token"},
                                          {"Content-Type", "application/json"}};
    struct measure m;
    uv_loop_t loop;
    uv_prepare_t prepare;
    uv_timer_t beat;
    uv_loop_init(&loop);
    uv_prepare_init(&loop, &prepare);
    uv_prepare_start(&prepare, on_prepare);
    uv_timer_init(&loop, &beat); /* a round of uv_run must end, whatever happens */
    uv_timer_start(&beat, on_beat, 20, 20);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v1/message.create", port);
    memset(body, '0', sizeof body);
    client = http_client_create(&(struct http_client_opts){.loop = &loop, .conf = &conf});
    request = (struct http_request){.method = "POST",
                                    .url = url,
                                    .headers = headers,
                                    .nheaders = 2,
                                    .body = body,
                                    .body_len = BODY,
                                    .timeout_ms = 30000,
                                    .configured = true};
    answers = 0;
    owed = depth;
    measure_begin(&m);
    until = m.from + seconds;
    while (going || owed)
        uv_run(&loop, UV_RUN_ONCE);
    measure_end(&m, answers);
    http_client_destroy(client, on_gone, &gone);
    while (!gone)
        uv_run(&loop, UV_RUN_ONCE);
    return m;
}

int main(int argc, char **argv)
{
    static const int depths[] = {1, 8, 32};
    double seconds = argc > 1 ? atof(argv[1]) : 1.0;
    int port, listener = listen_any(&port);
    pid_t child = fork();
    if (child == 0)
        serve(listener);
    close(listener);
    for (int i = 0; i < 3; i++) {
        struct measure least = floor_run(port, depths[i], seconds);
        struct measure m = client_run(port, depths[i], seconds);
        printf("%2d at once: %7.0f requests/s, %5.1f us of processor each; floor %7.0f, %5.1f us; "
               "%.2f of the floor's rate, %.1f times its processor time\n",
               depths[i], m.rate, m.us, least.rate, least.us, m.rate / least.rate, m.us / least.us);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return 0;
}
