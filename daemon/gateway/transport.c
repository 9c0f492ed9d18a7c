/* transport.c -- see transport.h. This file: the libwebsockets context, deadlines, the loop's handles, the end of things.
 * Owns: the context, the list of connections, one prepare handle that writes what a loop turn queued, one timer that watches
 * deadlines. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "gateway/transport_internal.h"

static char
    transport_lws_error[256]; /* libwebsockets' last complaint, for messages about failed set-up */

static void transport_log(int level, const char *line)
{
    size_t n = strcspn(line, "\n");
    if (level & LLL_ERR) {
        n = n < sizeof transport_lws_error ? n : sizeof transport_lws_error - 1;
        memcpy(transport_lws_error, line, n);
        transport_lws_error[n] = '\0';
    }
    if (log_get_level() >= LOG_LEVEL_DEBUG) {
        char *copy = mem_strndup(line, n);
        log_debug("libwebsockets", "text", copy, NULL);
        free(copy);
    }
}

static const struct lws_protocols transport_protocols[] = {
    {.name = "sopd",
     .callback = conn_callback,
     .rx_buffer_size = TRANSPORT_RX,
     .tx_packet_size = TRANSPORT_TX},
    {.name = NULL},
};
/* Liveness is the codec's business: no automatic pings or hang-ups. */
static const lws_retry_bo_t transport_no_keepalive = {.secs_since_valid_ping = 0,
                                                      .secs_since_valid_hangup = 0};

static bool transport_context(struct transport *t, struct buf *err)
{
    void *loops[1] = {t->loop};
    struct lws_context_creation_info info;
    memset(&info, 0, sizeof info);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    info.foreign_loops = loops;
    info.fd_limit_per_thread = t->connections;
    info.pt_serv_buf_size = TRANSPORT_RX;
    info.retry_and_idle_policy = &transport_no_keepalive;
    transport_lws_error[0] = '\0';
    lws_set_log_level(LLL_ERR | LLL_WARN, transport_log);
    t->context = lws_create_context(&info);
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.options = 0;
    info.protocols = transport_protocols;
    info.vhost_name = "sopd";
    t->vhost = t->context ? lws_create_vhost(t->context, &info) : NULL;
    if (t->vhost)
        return true;
    buf_addf(err,
             "libwebsockets cannot run on the libuv loop: its plugin is a package of its own "
             "that nothing pulls in, on Debian libwebsockets-evlib-uv (%s)",
             transport_lws_error[0] ? transport_lws_error : "no further reason given");
    return false;
}

static void transport_on_prepare(uv_prepare_t *h)
{
    transport_flush(h->data);
}

static const char *transport_late(const struct conn *c)
{
    return c->state == CONN_CONNECTING ? "no connection in time" : "no answer in time";
}

/* Cuts what took too long. */
static void transport_on_timer(uv_timer_t *h)
{
    struct transport *t = h->data;
    int64_t now = (int64_t)uv_now(t->loop);
    bool waiting = false;
    for (struct conn *c = t->conns, *next; c; c = next) {
        next = c->next;
        if (!c->deadline_ms)
            continue;
        if (now < c->deadline_ms) {
            waiting = true;
            continue;
        }
        c->deadline_ms = 0;
        if (c->state < CONN_OPEN)
            conn_note(c, CONN_END_TIMEOUT, 0, transport_late(c));
        else if (c->broken)
            conn_note_end(c, CONN_END_CLOSED, 0, WSFRAME_ABNORMAL, "write failed", 12);
        conn_kill(c);
    }
    if (!waiting)
        uv_timer_stop(&t->timer);
}

void transport_deadlines(struct transport *t)
{
    if (!uv_is_active((uv_handle_t *)&t->timer))
        uv_timer_start(&t->timer, transport_on_timer, TRANSPORT_TIMER_MS, TRANSPORT_TIMER_MS);
}

struct transport *transport_create(uv_loop_t *loop, unsigned connections, struct buf *err)
{
    struct transport *t = MEM_NEW(struct transport);
    t->loop = loop;
    t->connections = connections > 960 ? connections + 64 : 1024;
    rng_seed_system(&t->rng);
    if (!transport_context(t, err)) {
        if (t->context)
            lws_context_destroy(t->context);
        free(t);
        return NULL;
    }
    uv_prepare_init(loop, &t->prepare);
    uv_timer_init(loop, &t->timer);
    t->prepare.data = t->timer.data = t;
    t->open_handles = 2;
    return t;
}

void conn_mark_dirty(struct conn *c)
{
    struct transport *t = c->t;
    if (c->dirty)
        return;
    c->dirty = true;
    c->next_dirty = t->dirty;
    t->dirty = c;
    if (!t->destroying && !uv_is_active((uv_handle_t *)&t->prepare))
        uv_prepare_start(&t->prepare, transport_on_prepare);
}

void transport_flush(struct transport *t)
{
    if (!t)
        return;
    struct conn *list = t->dirty;
    t->dirty = NULL;
    while (list) {
        struct conn *c = list;
        list = c->next_dirty;
        c->dirty = false;
        if (c->state == CONN_DEAD && !c->wsi)
            conn_give_end(c);
        else
            conn_write(c);
    }
    if (!t->dirty && !t->destroying)
        uv_prepare_stop(&t->prepare);
}

/* ---- the end ---- */

static void transport_free(struct transport *t)
{
    tls_contexts_free(t);
    void (*done)(void *ud) = t->done;
    void *ud = t->done_ud;
    free(t);
    if (done)
        done(ud);
}

static void transport_handle_closed(uv_handle_t *h)
{
    struct transport *t = h->data;
    if (--t->open_handles == 0)
        transport_free(t);
}

/* Runs every few milliseconds while going down: first the connections, then both steps of the context. */
static void transport_on_destroy(uv_timer_t *h)
{
    struct transport *t = h->data;
    transport_flush(t);
    if (t->conns || t->dials) {
        for (struct conn *c = t->conns; c; c = c->next)
            if (c->deadline_ms && (int64_t)uv_now(t->loop) >= c->deadline_ms) {
                c->deadline_ms = 0;
                conn_kill(c);
            }
        return;
    }
    int round = t->destroy_rounds++;
    if (round == 0 || round == 3) /* the loop must turn between the two */
        lws_context_destroy(t->context);
    if (round < 3 || t->live_ports)
        return;
    uv_timer_stop(&t->timer);
    uv_close((uv_handle_t *)&t->timer, transport_handle_closed);
    uv_close((uv_handle_t *)&t->prepare, transport_handle_closed);
}

void transport_destroy(struct transport *t, void (*done)(void *ud), void *ud)
{
    if (!t) {
        if (done)
            done(ud);
        return;
    }
    t->done = done;
    t->done_ud = ud;
    t->destroying = true;
    uv_prepare_stop(&t->prepare);
    transport_ports_close(t);
    for (struct conn *c = t->conns, *next; c; c = next) {
        next = c->next;
        conn_close(c, WSFRAME_GOING_AWAY, "going away");
    }
    uv_timer_start(&t->timer, transport_on_destroy, 2, 2);
}
