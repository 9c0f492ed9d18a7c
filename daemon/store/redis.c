/* redis.c -- see redis.h. The attachment of hiredis to libuv is here too: one uv_poll that stays for reading; writing
 * happens in redis_flush, and POLLOUT is asked for only while connecting or after a short write. */
#include "store/redis.h"

#include <hiredis/async.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

enum {
    REDIS_TIMEOUT_MS = 10000,
    REDIS_CONNECT_MS = 5000,
    REDIS_BACKOFF_MIN_MS = 50,
    REDIS_BACKOFF_MAX_MS = 2000,
    REDIS_TICK_MS = 500
};

struct redis_call {
    redis_fn fn;
    void *ud;
    uint64_t since_ns;
};

/* One TCP or unix connection; its memory lives until the poll handle is closed. */
struct redis_conn {
    uv_poll_t poll;
    struct redis *r; /* NULL after the link let go of it */
    redisAsyncContext *ac;
    int events; /* what the poll handle watches now */
    bool want_write, connected;
};

struct redis {
    uv_loop_t *loop;
    struct clock *clock;
    struct redis_opts opts;
    uv_timer_t timer; /* reconnect, connect timeout, command deadline */
    uv_getaddrinfo_t dns;
    struct redis_conn *conn; /* NULL while waiting to reconnect */
    bool up, closing, resolving;
    int64_t retry_at, connect_started, progress_at;
    int64_t backoff_ms;
    int open_handles;
    struct redis_call *calls; /* ring of pending commands */
    size_t head, count, cap;
    struct rng rng;
    struct log_gate gate;
    struct metric *commands, *errors, *round_trips, *latency;
    void (*done)(void *ud);
    void *done_ud;
};

static void redis_connect(struct redis *r);

/* ---- pending commands ---- */

static void redis_push_call(struct redis *r, redis_fn fn, void *ud)
{
    if (r->count == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        struct redis_call *ring = mem_alloc(cap * sizeof *ring);
        for (size_t i = 0; i < r->count; i++)
            ring[i] = r->calls[(r->head + i) % r->cap];
        free(r->calls);
        r->calls = ring;
        r->cap = cap;
        r->head = 0;
    }
    if (r->count == 0)
        r->progress_at = clock_mono(r->clock);
    r->calls[(r->head + r->count++) % r->cap] = (struct redis_call){fn, ud, clock_ns()};
}

static struct redis_call redis_pop_call(struct redis *r)
{
    struct redis_call call = r->calls[r->head];
    r->head = (r->head + 1) % r->cap;
    r->count--;
    return call;
}

/* ---- hiredis' hooks ---- */

static void redis_poll_cb(uv_poll_t *poll, int status, int events)
{
    struct redis_conn *c = poll->data;
    if (!c->ac)
        return;
    if (status < 0 || (events & UV_READABLE)) {
        redisAsyncHandleRead(c->ac);
        if (!c->ac)
            return;
    }
    if (status < 0 || (events & UV_WRITABLE))
        redisAsyncHandleWrite(c->ac);
}

static void redis_watch(struct redis_conn *c, int events)
{
    if (c->events == events)
        return;
    c->events = events;
    if (events)
        uv_poll_start(&c->poll, events, redis_poll_cb);
    else
        uv_poll_stop(&c->poll);
}

static void redis_add_read(void *p)
{
    struct redis_conn *c = p;
    redis_watch(c, c->events | UV_READABLE);
}

static void redis_del_read(void *p)
{
    struct redis_conn *c = p;
    redis_watch(c, c->events & ~UV_READABLE);
}

static void redis_add_write(void *p)
{
    struct redis_conn *c = p;
    c->want_write = true;
    if (!c->connected)
        redis_watch(c, c->events | UV_WRITABLE);
}

static void redis_del_write(void *p)
{
    struct redis_conn *c = p;
    c->want_write = false;
    redis_watch(c, c->events & ~UV_WRITABLE);
}

static void redis_finish(struct redis *r)
{
    if (!r->closing || r->open_handles || r->resolving)
        return;
    void (*done)(void *) = r->done;
    void *ud = r->done_ud;
    free(r->calls);
    free(r);
    if (done)
        done(ud);
}

static void redis_conn_closed(uv_handle_t *h)
{
    struct redis_conn *c = h->data;
    struct redis *r = c->r;
    free(c);
    r->open_handles--;
    redis_finish(r);
}

/* hiredis lets go of the connection (it frees the context right after). */
static void redis_cleanup(void *p)
{
    struct redis_conn *c = p;
    c->ac = NULL;
    uv_poll_stop(&c->poll);
    uv_close((uv_handle_t *)&c->poll, redis_conn_closed);
}

static void redis_lost(struct redis *r, const char *why)
{
    bool was_up = r->up;
    r->up = false;
    r->conn = NULL;
    if (r->closing)
        return;
    r->backoff_ms = r->backoff_ms ? r->backoff_ms * 2 : REDIS_BACKOFF_MIN_MS;
    if (r->backoff_ms > REDIS_BACKOFF_MAX_MS)
        r->backoff_ms = REDIS_BACKOFF_MAX_MS;
    int64_t wait = r->backoff_ms / 2 + (int64_t)rng_below(&r->rng, (uint64_t)r->backoff_ms);
    r->retry_at = clock_mono(r->clock) + wait;
    uv_timer_start(&r->timer, r->timer.timer_cb, (uint64_t)wait, REDIS_TICK_MS);
    if (was_up || log_gate_open(&r->gate, clock_mono(r->clock), 5000))
        log_warn("redis connection lost", "link", r->opts.name, "reason", why, NULL);
    if (was_up && r->opts.on_status)
        r->opts.on_status(r->opts.ud, REDIS_DOWN);
}

static void redis_on_disconnect(const redisAsyncContext *ac, int status)
{
    struct redis_conn *c = ac->ev.data;
    redis_lost(c->r, status == REDIS_OK ? "closed" : ac->errstr);
}

/* ---- greeting: AUTH, SELECT, SETNAME, PING ---- */

static bool redis_failed(const struct redisReply *reply)
{
    return !reply || reply->type == REDIS_REPLY_ERROR;
}

static void redis_drop(struct redis *r)
{
    struct redis_conn *c = r->conn;
    if (!c || !c->ac)
        return;
    bool connected = c->connected;
    redisAsyncFree(c->ac);
    if (!connected && r->conn == c) /* hiredis tells nobody about a connection that never was */
        redis_lost(r, "no answer to the connection attempt");
}

static bool redis_put(struct redis *r, const char *resp, size_t len, redis_fn fn, void *ud);

static void redis_greet_ping(void *ud, const struct redisReply *reply)
{
    struct redis *r = ud;
    if (!reply || r->closing)
        return;
    if (redis_failed(reply)) { /* LOADING: ask again with the tick */
        if (log_gate_open(&r->gate, clock_mono(r->clock), 5000))
            log_info("redis is not ready yet", "link", r->opts.name, "answer", reply->str, NULL);
        redis_drop(r);
        return;
    }
    r->up = true;
    r->backoff_ms = 0;
    log_info("redis connected", "link", r->opts.name, NULL);
    if (r->opts.on_status)
        r->opts.on_status(r->opts.ud, REDIS_UP);
}

static void redis_greet_auth(void *ud, const struct redisReply *reply)
{
    struct redis *r = ud;
    if (!reply || reply->type != REDIS_REPLY_ERROR)
        return;
    log_error("redis refused the greeting", "link", r->opts.name, "answer", reply->str, NULL);
    r->backoff_ms = REDIS_BACKOFF_MAX_MS;
}

static void redis_greet_word(struct redis *r, int argc, const char *const *argv, redis_fn fn)
{
    struct buf b = {0};
    buf_add_array(&b, (size_t)argc);
    for (int i = 0; i < argc; i++)
        buf_add_bulk(&b, argv[i], strlen(argv[i]));
    redis_put(r, buf_cstr(&b), b.len, fn, r);
    buf_free(&b);
}

static void redis_greet(struct redis *r)
{
    const struct redis_addr *a = r->opts.addr;
    if (a->password && a->user)
        redis_greet_word(r, 3, (const char *[]){"AUTH", a->user, a->password}, redis_greet_auth);
    else if (a->password)
        redis_greet_word(r, 2, (const char *[]){"AUTH", a->password}, redis_greet_auth);
    if (a->db)
        redis_greet_word(r, 2, (const char *[]){"SELECT", log_int(a->db)}, redis_greet_auth);
    redis_greet_word(r, 3, (const char *[]){"CLIENT", "SETNAME", r->opts.name}, NULL);
    redis_greet_word(r, 1, (const char *[]){"PING"}, redis_greet_ping);
}

static void redis_on_connect(const redisAsyncContext *ac, int status)
{
    struct redis_conn *c = ac->ev.data;
    if (status != REDIS_OK) {
        redis_lost(c->r, ac->errstr);
        return;
    }
    c->connected = true;
    redis_greet(c->r);
    redis_watch(c,
                UV_READABLE | UV_WRITABLE); /* the greeting leaves with the next turn of the loop */
}

/* ---- connecting ---- */

static void redis_adopt(struct redis *r, redisAsyncContext *ac)
{
    if (!ac || ac->err) {
        const char *why = ac ? ac->errstr : "out of memory";
        char text[128];
        snprintf(text, sizeof text, "%s", why);
        if (ac)
            redisAsyncFree(ac);
        redis_lost(r, text);
        return;
    }
    struct redis_conn *c = MEM_NEW(struct redis_conn);
    c->r = r;
    c->ac = ac;
    c->poll.data = c;
    if (uv_poll_init(r->loop, &c->poll, ac->c.fd) != 0) {
        free(c);
        redisAsyncFree(ac);
        redis_lost(r, "cannot watch the socket");
        return;
    }
    r->open_handles++;
    r->conn = c;
    ac->ev.data = c;
    ac->ev.addRead = redis_add_read;
    ac->ev.delRead = redis_del_read;
    ac->ev.addWrite = redis_add_write;
    ac->ev.delWrite = redis_del_write;
    ac->ev.cleanup = redis_cleanup;
    redisAsyncSetConnectCallback(ac, redis_on_connect);
    redisAsyncSetDisconnectCallback(ac, redis_on_disconnect);
    redis_watch(c, UV_READABLE | UV_WRITABLE);
}

static void redis_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
    struct redis *r = req->data;
    r->resolving = false;
    if (r->closing) {
        uv_freeaddrinfo(res);
        redis_finish(r);
        return;
    }
    char host[64] = "";
    if (status == 0)
        status = res->ai_family == AF_INET6
                     ? uv_ip6_name((const struct sockaddr_in6 *)(const void *)res->ai_addr, host,
                                   sizeof host)
                     : uv_ip4_name((const struct sockaddr_in *)(const void *)res->ai_addr, host,
                                   sizeof host);
    uv_freeaddrinfo(res);
    if (status != 0) {
        redis_lost(r, uv_strerror(status));
        return;
    }
    redis_adopt(r, redisAsyncConnect(host, r->opts.addr->port));
}

static void redis_connect(struct redis *r)
{
    const struct redis_addr *a = r->opts.addr;
    r->retry_at = 0;
    r->connect_started = clock_mono(r->clock);
    if (a->path) {
        redis_adopt(r, redisAsyncConnectUnix(a->path));
        return;
    }
    r->dns.data = r;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int rc = uv_getaddrinfo(r->loop, &r->dns, redis_resolved, a->host, NULL, &hints);
    if (rc != 0)
        redis_lost(r, uv_strerror(rc));
    else
        r->resolving = true;
}

/* Reconnects when it is time, and ends connections that do not answer. */
static void redis_tick(uv_timer_t *t)
{
    struct redis *r = t->data;
    int64_t now = (int64_t)(clock_ns() / 1000000);
    if (!r->conn) {
        if (!r->resolving && r->retry_at && now >= r->retry_at)
            redis_connect(r);
        return;
    }
    if (!r->up && now - r->connect_started > REDIS_CONNECT_MS) {
        redis_drop(r);
    } else if (r->count && now - r->progress_at > r->opts.timeout_ms) {
        log_error("redis does not answer", "link", r->opts.name, "pending",
                  log_int((int64_t)r->count), NULL);
        redis_drop(r);
    }
}

struct redis *redis_create(uv_loop_t *loop, struct clock *clock, const struct redis_opts *opts)
{
    struct redis *r = MEM_NEW(struct redis);
    r->loop = loop;
    r->clock = clock;
    r->opts = *opts;
    if (!r->opts.timeout_ms)
        r->opts.timeout_ms = REDIS_TIMEOUT_MS;
    rng_seed_system(&r->rng);
    const char *labels = metric_labels("link", opts->name, NULL);
    r->commands = metric_counter("sopd_redis_commands_total", "Commands sent to Redis.", labels);
    r->errors = metric_counter("sopd_redis_errors_total", "Error replies of Redis.", labels);
    r->latency = metric_histogram("sopd_redis_command_seconds",
                                  "From appending a command to its answer.", labels);
    r->round_trips = metric_counter("sopd_redis_writes_total",
                                    "Writes to the Redis socket: pipelines sent.", labels);
    uv_timer_init(loop, &r->timer);
    r->timer.data = r;
    r->open_handles = 1;
    uv_timer_start(&r->timer, redis_tick, REDIS_TICK_MS, REDIS_TICK_MS);
    redis_connect(r);
    return r;
}

static void redis_timer_closed(uv_handle_t *h)
{
    struct redis *r = h->data;
    r->open_handles--;
    redis_finish(r);
}

void redis_destroy(struct redis *r, void (*done)(void *ud), void *ud)
{
    if (!r) {
        if (done)
            done(ud);
        return;
    }
    r->closing = true;
    r->up = false;
    r->done = done;
    r->done_ud = ud;
    if (r->resolving)
        uv_cancel((uv_req_t *)&r->dns);
    uv_close((uv_handle_t *)&r->timer, redis_timer_closed);
    redis_drop(r);
}

bool redis_is_up(const struct redis *r)
{
    return r->up;
}

/* ---- commands ---- */

static void redis_on_reply(redisAsyncContext *ac, void *reply, void *priv)
{
    struct redis *r = priv;
    (void)ac;
    if (!r->count)
        return;
    r->progress_at = clock_mono(r->clock);
    struct redis_call call = redis_pop_call(r);
    const redisReply *rep = reply;
    metric_observe(r->latency, (double)(clock_ns() - call.since_ns) / 1e9);
    if (rep && rep->type == REDIS_REPLY_ERROR) {
        metric_inc(r->errors);
        if (!call.fn && log_gate_open(&r->gate, r->progress_at, 1000))
            log_warn("redis answered with an error", "link", r->opts.name, "answer", rep->str,
                     NULL);
    }
    if (call.fn)
        call.fn(call.ud, rep);
}

static void redis_on_push(redisAsyncContext *ac, void *reply, void *priv)
{
    struct redis *r = priv;
    (void)ac;
    if (reply && r->opts.on_message)
        r->opts.on_message(r->opts.ud, reply);
}

static bool redis_is_subscribe(const char *resp, size_t len)
{
    const char *p = memchr(resp, '$', len < 8 ? len : 8);
    return p && (size_t)(p - resp) + 13 < len && strncasecmp(p, "$9\r\nSUBSCRIBE", 13) == 0;
}

static bool redis_put(struct redis *r, const char *resp, size_t len, redis_fn fn, void *ud)
{
    if (!r->conn || !r->conn->ac)
        return false;
    bool push = r->opts.on_message && redis_is_subscribe(resp, len);
    if (!push)
        redis_push_call(r, fn, ud);
    if (redisAsyncFormattedCommand(r->conn->ac, push ? redis_on_push : redis_on_reply, r, resp,
                                   len) != REDIS_OK) {
        if (!push)
            r->count--; /* the last one pushed */
        return false;
    }
    metric_inc(r->commands);
    return true;
}

bool redis_send(struct redis *r, const char *resp, size_t len, redis_fn fn, void *ud)
{
    return r->up && redis_put(r, resp, len, fn, ud);
}

bool redis_command(struct redis *r, redis_fn fn, void *ud, int argc, const char *const *argv,
                   const size_t *argvlen)
{
    static struct buf b; /* reused: single-threaded, and hiredis copies */
    buf_reset(&b);
    buf_add_array(&b, (size_t)argc);
    for (int i = 0; i < argc; i++)
        buf_add_bulk(&b, argv[i], argvlen ? argvlen[i] : strlen(argv[i]));
    buf_cstr(&b); /* hiredis looks for further channels of SUBSCRIBE with strchr */
    bool ok = redis_send(r, b.data, b.len, fn, ud);
    if (b.cap > 65536)
        buf_free(&b);
    return ok;
}

void redis_flush(struct redis *r)
{
    struct redis_conn *c = r->conn;
    if (!c || !c->ac || !c->want_write || !c->connected)
        return;
    metric_inc(r->round_trips);
    redisAsyncHandleWrite(c->ac);
    if (r->conn == c && c->ac && c->want_write)
        redis_watch(c, c->events | UV_WRITABLE);
}

bool redis_error_passes(const char *error)
{
    static const char *const passing[] = {"LOADING",    "OOM",         "MISCONF",
                                          "READONLY",   "BUSY",        "MASTERDOWN",
                                          "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN"};
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        if (strncmp(error, passing[i], strlen(passing[i])) == 0)
            return true;
    return false;
}

size_t redis_pending(const struct redis *r)
{
    return r->count;
}
