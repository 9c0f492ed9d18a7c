/* load.c -- the load generator of scripts/bench: plays a OneBot 11 implementation that listens (forward mode: the
 * bot connects), a Satori server or WeCom's gateway (load_dialect.h), says "ping N" in many groups and measures until
 * "pong N" comes back.
 * Owns: the listening socket, the connections, the table of messages in flight, the current phase. It does as little
 * as possible for each message, so that the measured program is the bottleneck. Called by: tests/bench/bench.py.
 * With --control it reads commands from stdin ("run window=1024 seconds=5", "quit") and answers each with a line of
 * JSON; a phase ends when every message is answered, so that counters elsewhere can be read at rest. */
#include "load_conn.h"
#include "load_dialect.h"
#include "load_options.h"
#include "load_slept.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define SECOND       1000000000ull
#define MAX_FDS      4096
#define SLOTS        (1u << 20) /* messages that may be in flight */
#define DRAIN_NS     (10 * SECOND)
#define HEARTBEAT_NS (15 * SECOND)

struct slot {
    uint64_t sent_ns;
    uint32_t number; /* 0: free */
    uint32_t account;
    uint32_t
        covers; /* messages of its group that are handled when it is answered: it, the quiet ones before it */
};

static struct {
    int epoll, listener, timer;
    bool control, quit;
    unsigned accounts, open, next_account;
    uint32_t next_number;
    time_t wall;
    uint64_t heartbeat_ns, settle_ns;
    struct load_world world;
    const struct load_dialect *dialect;
    uint32_t *owed; /* per group of each account: quiet messages that no answer covers yet */
    struct conn *by_fd[MAX_FDS];
    struct conn *by_account[LOAD_MAX_ACCOUNTS];
    uint64_t turns[LOAD_MAX_ACCOUNTS];
    struct conn *dirty[MAX_FDS];
    unsigned n_dirty;
    struct slot slots[SLOTS];
    struct phase phase;
    char command[1024];
    size_t command_len;
} load;

static void die(const char *what)
{
    fprintf(stderr, "bench_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(int op, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.fd = fd};
    if (epoll_ctl(load.epoll, op, fd, &e) < 0)
        die("epoll_ctl");
}

static void mark_dirty(struct conn *c)
{
    if (!c->dirty) {
        c->dirty = true;
        load.dirty[load.n_dirty++] = c;
    }
}

/* ---- messages ---- */

static uint32_t *owed_of(const struct conn *c, uint64_t turn)
{
    return &load.owed[(uint64_t)c->account * load.world.groups + turn % load.world.groups];
}

/* The next message of an account: one that is answered, or, while its group may still have quiet ones, one that is not. */
static void send_message(struct conn *c, uint64_t turn, bool may_be_quiet)
{
    struct phase *ph = &load.phase;
    uint32_t number = load.next_number++, *owed = owed_of(c, turn);
    struct load_message m = {.number = number, .turn = turn, .now = load.wall};
    m.quiet = may_be_quiet && *owed < ph->quiet;
    if (m.quiet) {
        ++*owed;
    } else {
        load.slots[number % SLOTS] = (struct slot){
            .sent_ns = stats_clock(), .number = number, .account = c->account, .covers = *owed + 1};
        *owed = 0;
    }
    load.dialect->put_message(c, &m);
    c->in_flight++;
    ph->sent++;
    mark_dirty(c);
}

static void send_ping(struct conn *c)
{
    send_message(c, load.turns[c->account]++, true);
}

/* The end of a phase: every group that has quiet messages open gets one that is answered. */
static void send_last(void)
{
    for (unsigned a = 0; a < load.accounts; a++) {
        for (unsigned g = 0; load.by_account[a] && g < load.world.groups; g++)
            if (*owed_of(load.by_account[a], g) > 0)
                send_message(load.by_account[a], g, false);
    }
}

static void take_pong(uint32_t number)
{
    struct phase *ph = &load.phase;
    struct slot *s = &load.slots[number % SLOTS];
    if (s->number != number) {
        bool was_ours = number >= LOAD_FIRST_NUMBER && number < load.next_number;
        *(was_ours ? &ph->duplicates : &ph->strangers) += 1;
        return;
    }
    struct conn *c = load.by_account[s->account];
    if (c) {
        c->in_flight -= c->in_flight < s->covers ? c->in_flight : s->covers;
        mark_dirty(c);
    }
    s->number = 0;
    ph->answered += s->covers;
    ph->last_answer_ns = stats_clock();
    stats_add(&ph->latency, (ph->last_answer_ns - s->sent_ns) / 1000);
}

static void on_frame(struct conn *c, char *text, size_t len)
{
    struct load_said said = load.dialect->answer(c, text, len);
    if (said.kind == LOAD_PONG)
        take_pong(said.number);
    else if (said.kind == LOAD_SLEPT)
        slept_add(said.number, said.due_ms);
    mark_dirty(c);
}

/* Keeps a connection's share of the window in flight. */
static void top_up(struct conn *c)
{
    struct phase *ph = &load.phase;
    unsigned share = ph->window / load.accounts;
    if (!ph->sending || ph->window == 0 || c->http)
        return;
    while (c->in_flight < (share ? share : 1) && (!ph->messages || ph->sent < ph->messages))
        send_ping(c);
}

/* Sends what is due by now, over the accounts in turn. */
static void send_due(uint64_t now)
{
    struct phase *ph = &load.phase;
    if (!ph->sending || ph->window > 0 || ph->silent || now < ph->start_ns)
        return;
    uint64_t due = (uint64_t)((double)(now - ph->start_ns) * ph->rate / 1e9);
    if (ph->messages && due > ph->messages)
        due = ph->messages;
    for (unsigned tries = 0; ph->sent < due && tries < load.accounts;) {
        struct conn *c = load.by_account[load.next_account++ % load.accounts];
        tries = c ? 0 : tries + 1;
        if (c)
            send_ping(c);
    }
}

/* ---- phases ---- */

static void phase_begin(struct phase wanted)
{
    struct phase *ph = &load.phase;
    *ph = wanted;
    memset(load.slots, 0, sizeof(load.slots));
    memset(load.owed, 0, (size_t)load.accounts * load.world.groups * sizeof(*load.owed));
    slept_reset();
    ph->running = ph->sending = true;
    for (unsigned i = 0; ph->from != GO_ON && i < load.accounts; i++)
        load.turns[i] = ph->from;
    ph->start_cpu_us = stats_cpu_us();
    ph->start_ns = ph->last_answer_ns = stats_clock();
    ph->end_ns = ph->start_ns + (uint64_t)(ph->seconds * 1e9);
    double tick = ph->window > 0 || ph->rate > 1000 || ph->silent ? 1e6 : 1e9 / ph->rate;
    struct itimerspec every = {.it_interval.tv_sec = (time_t)(tick / 1e9),
                               .it_interval.tv_nsec = (long)((uint64_t)tick % SECOND)};
    every.it_value = every.it_interval;
    if (ph->window == 0 && !ph->silent)
        timerfd_settime(load.timer, 0, &every, NULL);
    for (unsigned i = 0; i < load.accounts; i++) {
        if (load.by_account[i]) {
            load.by_account[i]->in_flight = 0;
            mark_dirty(load.by_account[i]);
        }
    }
}

static void phase_report(const struct phase *ph)
{
    double seconds = (double)(ph->last_answer_ns - ph->start_ns) / 1e9;
    double cpu = (double)(stats_cpu_us() - ph->start_cpu_us) / 1e6;
    const struct stats *l = &ph->latency;
    printf("{\"event\":\"done\",\"window\":%u,\"rate_wanted\":%.0f,\"sent\":%llu,\"answered\":%llu,"
           "\"lost\":%llu,\"duplicates\":%llu,\"strangers\":%llu,\"seconds\":%.4f,\"rate\":%.1f,"
           "\"load_cpu_seconds\":%.3f,\"event_bytes\":%zu,",
           ph->window, ph->rate, (unsigned long long)ph->sent, (unsigned long long)ph->answered,
           (unsigned long long)(ph->sent - ph->answered), (unsigned long long)ph->duplicates,
           (unsigned long long)ph->strangers, seconds,
           seconds > 0 ? (double)ph->answered / seconds : 0.0, cpu, load.dialect->event_size());
    slept_report();
    printf("\"latency_us\":{\"mean\":%.1f,\"p50\":%llu,\"p90\":%llu,\"p99\":%llu,\"max\":%llu}}\n",
           l->count ? (double)l->sum_us / (double)l->count : 0.0,
           (unsigned long long)stats_quantile(l, 0.5), (unsigned long long)stats_quantile(l, 0.9),
           (unsigned long long)stats_quantile(l, 0.99), (unsigned long long)l->max_us);
    fflush(stdout);
}

/* Stops sending when the phase's time or count is reached, and ends it when all is answered and all have woken. */
static void phase_check(uint64_t now)
{
    struct phase *ph = &load.phase;
    if (!ph->running)
        return;
    bool woken = slept_count() >= ph->slept;
    if (ph->sending &&
        (now >= ph->end_ns || (ph->messages && ph->sent >= ph->messages) || (ph->slept && woken))) {
        struct itimerspec off = {.it_value.tv_sec = 0};
        timerfd_settime(load.timer, 0, &off, NULL);
        ph->sending = false;
        send_last();
        ph->drain_ns = now + DRAIN_NS;
    }
    if (!ph->sending && ((ph->answered >= ph->sent && woken) || now >= ph->drain_ns)) {
        ph->running = false;
        phase_report(ph);
        load.quit = load.quit || !load.control;
    }
}

/* ---- commands ---- */

static void phase_try(struct phase ph)
{
    if (ph.rate > 0 || ph.silent)
        ph.window = 0;
    if (load.phase.running || load.open == 0 || (ph.window == 0 && ph.rate <= 0 && !ph.silent) ||
        ph.window > SLOTS / 2) {
        printf("{\"event\":\"refused\",\"running\":%d,\"connections\":%u}\n", load.phase.running,
               load.open);
        fflush(stdout);
        return;
    }
    phase_begin(ph);
}

static void command_run(char *line)
{
    char *word = strtok(line, " ");
    if (!word)
        return;
    if (strcmp(word, "quit") == 0) {
        load.quit = true;
        return;
    }
    struct phase ph = phase_default();
    for (char *pair = strtok(NULL, " "); pair; pair = strtok(NULL, " ")) {
        char *eq = strchr(pair, '=');
        if (eq)
            *eq = '\0';
        if (!eq || !phase_set(&ph, pair, eq + 1))
            fprintf(stderr, "bench_load: unknown word '%s'\n", pair);
    }
    phase_try(ph);
}

static void on_stdin(void)
{
    ssize_t n = read(STDIN_FILENO, load.command + load.command_len,
                     sizeof(load.command) - 1 - load.command_len);
    if (n <= 0) {
        load.quit = true;
        return;
    }
    load.command_len += (size_t)n;
    load.command[load.command_len] = '\0';
    char *line = load.command;
    for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        command_run(line);
    }
    load.command_len = strlen(line);
    memmove(load.command, line, load.command_len + 1);
}

/* ---- connections ---- */

static void drop(struct conn *c)
{
    if (c->open && load.by_account[c->account] == c) {
        load.by_account[c->account] = NULL;
        load.open--;
    }
    for (unsigned i = 0; i < load.n_dirty; i++)
        if (load.dirty[i] == c)
            load.dirty[i] = load.dirty[--load.n_dirty];
    load.by_fd[c->fd] = NULL;
    conn_destroy(c);
}

static void on_listener(void)
{
    int fd, on = 1;
    while ((fd = accept4(load.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= MAX_FDS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        load.by_fd[fd] = conn_create(fd);
        watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
}

/* A handshake was completed: an account came online. A second connection of an account replaces the first. */
static bool admit(struct conn *c)
{
    if (c->account >= load.accounts)
        return false;
    if (load.by_account[c->account])
        drop(load.by_account[c->account]);
    load.by_account[c->account] = c;
    if (load.dialect->put_open)
        load.dialect->put_open(c, load.wall);
    mark_dirty(c);
    if (++load.open == load.accounts) {
        printf("{\"event\":\"connected\",\"accounts\":%u}\n", load.accounts);
        fflush(stdout);
        if (!load.control && load.settle_ns == 0)
            load.settle_ns = stats_clock() + SECOND;
    }
    return true;
}

static void on_conn(struct conn *c, uint32_t events)
{
    bool was_open = c->open, good = true;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        good = conn_read(c, on_frame);
    if (good && c->open && !was_open) {
        if (!admit(c))
            c->open = good = false;
    }
    if (!good)
        drop(c);
    else if (events & EPOLLOUT)
        mark_dirty(c);
}

/* One write for each connection that has something to say. */
static void flush_all(void)
{
    while (load.n_dirty > 0) {
        struct conn *c = load.dirty[--load.n_dirty];
        bool wanted = c->want_write;
        c->dirty = false;
        top_up(c);
        if (c->dirty) { /* top_up put it back */
            c->dirty = false;
            load.n_dirty--;
        }
        if (!conn_flush(c))
            drop(c);
        else if (c->want_write != wanted)
            watch(EPOLL_CTL_MOD, c->fd, EPOLLIN | (c->want_write ? EPOLLOUT : 0u));
    }
}

static void heartbeat(uint64_t now)
{
    if (now < load.heartbeat_ns || !load.dialect->put_heartbeat)
        return;
    load.heartbeat_ns = now + HEARTBEAT_NS;
    for (unsigned i = 0; i < load.accounts; i++) {
        if (load.by_account[i]) {
            load.dialect->put_heartbeat(load.by_account[i], load.wall);
            mark_dirty(load.by_account[i]);
        }
    }
}

static void on_event(int fd, uint32_t events)
{
    if (fd == load.listener) {
        on_listener();
    } else if (fd == load.timer) {
        uint64_t ticks;
        if (read(fd, &ticks, sizeof(ticks)) < 0 && errno != EAGAIN)
            die("timer");
    } else if (fd == STDIN_FILENO) {
        on_stdin();
    } else if (load.by_fd[fd]) {
        on_conn(load.by_fd[fd], events);
    }
}

static void serve(struct phase first)
{
    struct epoll_event events[256];
    while (!load.quit) {
        int n = epoll_wait(load.epoll, events, 256, 50);
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        load.wall = time(NULL);
        for (int i = 0; i < n; i++)
            on_event(events[i].data.fd, events[i].events);
        uint64_t now = stats_clock();
        if (load.settle_ns && now >= load.settle_ns && !load.phase.running)
            phase_try(first);
        heartbeat(now);
        send_due(now);
        flush_all();
        phase_check(now);
    }
}

/* ---- start ---- */

static void listen_on(unsigned port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof(at);
    int on = 1;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    load.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(load.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (load.listener < 0 || bind(load.listener, (struct sockaddr *)&at, len) < 0 ||
        listen(load.listener, 1024) < 0 ||
        getsockname(load.listener, (struct sockaddr *)&at, &len) < 0)
        die("listen");
    printf("{\"event\":\"listening\",\"port\":%u}\n", ntohs(at.sin_port));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct load_options wanted;
    int code = load_options_read(&wanted, argc, argv);
    if (code >= 0)
        return code;
    load.dialect = wanted.dialect;
    load.accounts = wanted.accounts;
    load.world = wanted.world;
    load.control = wanted.control;
    load.next_number = LOAD_FIRST_NUMBER;
    load.dialect->init(&load.world);
    load.owed = calloc((size_t)load.accounts * load.world.groups, sizeof(*load.owed));
    if (!load.owed)
        die("memory");
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    listen_on(wanted.port);
    watch(EPOLL_CTL_ADD, load.listener, EPOLLIN);
    watch(EPOLL_CTL_ADD, load.timer, EPOLLIN);
    if (load.control)
        watch(EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN);
    load.heartbeat_ns = stats_clock() + HEARTBEAT_NS;
    serve(wanted.first);
    return load.phase.answered == load.phase.sent ? 0 : 1;
}
