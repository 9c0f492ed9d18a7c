/* transport_dial.c -- a TCP connection to a name: resolved off the loop thread, then its addresses are tried in an order that
 * alternates between IPv6 and IPv4, a new one every quarter of a second or as soon as one fails, and the first that answers wins
 * (RFC 8305). So a network whose IPv6 leads nowhere costs a quarter of a second, not a minute.
 * Owns: the attempts of one dial. Callers: transport_client.c. */
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "gateway/transport_internal.h"

enum { DIAL_STAGGER_MS = 250, DIAL_ADDRESSES = 8 };

struct dial_attempt {
    struct dial *d;
    uv_poll_t poll;
    int fd; /* -1: none, or given away */
    bool active;
};

struct dial {
    struct transport *t;
    uv_getaddrinfo_t resolver;
    uv_timer_t timer;
    int handles; /* to be closed before the memory goes, and the resolver */
    struct sockaddr_storage addresses[DIAL_ADDRESSES];
    socklen_t lengths[DIAL_ADDRESSES];
    struct dial_attempt attempts[DIAL_ADDRESSES];
    int naddresses, next;
    int failed; /* errno of the last failure */
    bool over;
    void (*done)(void *ud, int fd, enum conn_end kind, const char *why);
    void *ud;
};

static void dial_put(struct dial *d)
{
    if (--d->handles)
        return;
    d->t->dials--;
    free(d);
}

static void dial_timer_closed(uv_handle_t *h)
{
    dial_put(h->data);
}

static void dial_poll_closed(uv_handle_t *h)
{
    struct dial_attempt *a = h->data;
    if (a->fd >= 0)
        close(a->fd);
    dial_put(a->d);
}

static void dial_end_attempt(struct dial_attempt *a)
{
    if (!a->active)
        return;
    a->active = false;
    uv_poll_stop(&a->poll);
    uv_close((uv_handle_t *)&a->poll, dial_poll_closed);
}

/* No attempt is left running; the timer goes. */
static void dial_close(struct dial *d)
{
    if (d->over)
        return;
    d->over = true;
    for (int i = 0; i < d->next; i++)
        dial_end_attempt(&d->attempts[i]);
    uv_timer_stop(&d->timer);
    uv_close((uv_handle_t *)&d->timer, dial_timer_closed);
}

static void dial_done(struct dial *d, int fd, enum conn_end kind, const char *why)
{
    void (*done)(void *ud, int fd, enum conn_end kind, const char *why) = d->done;
    void *ud = d->ud;
    dial_close(d);
    done(ud, fd, kind, why);
}

/* ---- attempts ---- */

static void dial_more(struct dial *d);

static bool dial_any_active(const struct dial *d)
{
    for (int i = 0; i < d->next; i++)
        if (d->attempts[i].active)
            return true;
    return false;
}

static void dial_on_poll(uv_poll_t *h, int status, int events)
{
    struct dial_attempt *a = h->data;
    struct dial *d = a->d;
    int error = 0;
    socklen_t len = sizeof error;
    (void)events;
    getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (!error && status < 0)
        error = -status; /* of libuv: less telling */
    if (!error) {
        int fd = a->fd;
        a->fd = -1;
        dial_done(d, fd, CONN_END_CLOSED, "");
        return;
    }
    d->failed = error;
    dial_end_attempt(a);
    dial_more(d);
}

/* Begins the attempt at one address. False: it failed at once. */
static bool dial_attempt(struct dial *d, int i)
{
    struct dial_attempt *a = &d->attempts[i];
    const struct sockaddr *to = (const struct sockaddr *)&d->addresses[i];
    int one = 1;
    a->d = d;
    a->fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (a->fd < 0) {
        d->failed = errno;
        return false;
    }
    setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(a->fd, to, d->lengths[i]) != 0 && errno != EINPROGRESS) {
        d->failed = errno;
        close(a->fd);
        a->fd = -1;
        return false;
    }
    uv_poll_init(d->t->loop, &a->poll, a->fd);
    a->poll.data = a;
    a->active = true;
    d->handles++;
    uv_poll_start(&a->poll, UV_WRITABLE, dial_on_poll);
    return true;
}

static void dial_on_timer(uv_timer_t *h)
{
    dial_more(h->data);
}

/* The next address, now. */
static void dial_more(struct dial *d)
{
    while (d->next < d->naddresses) {
        if (!dial_attempt(d, d->next++))
            continue;
        if (d->next < d->naddresses)
            uv_timer_start(&d->timer, dial_on_timer, DIAL_STAGGER_MS, 0);
        return;
    }
    if (!dial_any_active(d))
        dial_done(d, -1, CONN_END_CONNECT, strerror(d->failed ? d->failed : ECONNREFUSED));
}

/* ---- names ---- */

/* Takes addresses in the system's order, but so that the families take turns. */
static void dial_sort(struct dial *d, const struct addrinfo *list)
{
    const struct addrinfo *heads[2] = {list, list};
    int want = list ? list->ai_family : AF_INET6;
    while ((heads[0] || heads[1]) && d->naddresses < DIAL_ADDRESSES) {
        const struct addrinfo **p = &heads[want == AF_INET];
        while (*p && (*p)->ai_family != want)
            *p = (*p)->ai_next;
        if (*p) {
            memcpy(&d->addresses[d->naddresses], (*p)->ai_addr, (*p)->ai_addrlen);
            d->lengths[d->naddresses++] = (*p)->ai_addrlen;
            *p = (*p)->ai_next;
        }
        want = want == AF_INET ? AF_INET6 : AF_INET;
    }
}

static void dial_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct dial *d = req->data;
    if (!d->over && status == 0)
        dial_sort(d, list);
    uv_freeaddrinfo(list);
    if (!d->over && !d->naddresses)
        dial_done(d, -1, CONN_END_DNS, status ? uv_strerror(status) : "no address");
    else if (!d->over)
        dial_more(d);
    dial_put(d);
}

struct dial *dial_start(struct transport *t, const char *host, int port,
                        void (*done)(void *ud, int fd, enum conn_end kind, const char *why),
                        void *ud, const char **why)
{
    struct dial *d = MEM_NEW(struct dial);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    d->t = t;
    d->done = done;
    d->ud = ud;
    d->resolver.data = d->timer.data = d;
    int rc = uv_getaddrinfo(t->loop, &d->resolver, dial_resolved, host, service, &hints);
    if (rc) {
        *why = uv_strerror(rc);
        free(d);
        return NULL;
    }
    uv_timer_init(t->loop, &d->timer);
    d->handles = 2;
    t->dials++;
    return d;
}

void dial_cancel(struct dial *d)
{
    if (!d || d->over)
        return;
    dial_close(d);
    uv_cancel((uv_req_t *)&d->resolver); /* its callback comes all the same if it has not come */
}
