/* http_curl.c -- see http_curl.h. Every socket of libcurl gets one uv_poll, its timeout one uv_timer; what is finished is reported
 * from there. A poll stays as long as its socket is open, and waits for reading also while nothing is on its way: a connection that is
 * used again and again costs no system call but its own. Callers: http_client.c, http_transfer.c. */
#include "web/http_curl.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

/* ---- the library ---- */

static bool curl_api_load(void *lib, struct curl_api *api)
{
    bool ok = true;
#define CURL_LOAD(name)                               \
    *(void **)(void *)&api->name = dlsym(lib, #name); \
    ok = ok && api->name;
    CURL_NAMES(CURL_LOAD)
#undef CURL_LOAD
    return ok;
}

const struct curl_api *curl_api_get(const char **why)
{
    static struct curl_api api;
    static bool loaded;
    if (loaded)
        return &api;
    void *lib =
        dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL); /* stays for the life of the process */
    if (!lib) {
        *why = "libcurl is not installed (package libcurl4)";
        return NULL;
    }
    if (!curl_api_load(lib, &api) || api.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        *why = "this libcurl cannot be used";
        return NULL;
    }
    loaded = true;
    return &api;
}

/* ---- the loop ---- */

struct curl_loop {
    uv_loop_t *loop;
    const struct curl_api *api;
    CURLM *multi;
    uv_timer_t timer;
    void (*on_done)(void *ud, CURL *easy, CURLcode code);
    void *ud;
    unsigned handles;         /* polls that are not closed, and the timer */
    struct curl_poll **polls; /* by socket; NULL: none */
    int npolls;
    void (*closed)(void *ud);
    void *closed_ud;
};

struct curl_poll {
    uv_poll_t poll;
    struct curl_loop *l;
    curl_socket_t fd;
    int events; /* that it waits for, of uv */
    bool
        kept; /* a connection's: stays until that is closed. Else one of libcurl's own, gone when it lets go of it */
    bool idle; /* libcurl does not want to hear of it */
};

static void loop_report(struct curl_loop *l)
{
    int left;
    for (CURLMsg *m; (m = l->api->curl_multi_info_read(l->multi, &left));) {
        if (m->msg != CURLMSG_DONE)
            continue;
        CURL *easy = m->easy_handle; /* m is gone when the handle is removed */
        CURLcode code = m->data.result;
        l->on_done(l->ud, easy, code);
    }
}

static void loop_act(struct curl_loop *l, curl_socket_t fd, int events)
{
    int running;
    l->api->curl_multi_socket_action(l->multi, fd, events, &running);
    loop_report(l);
}

static void poll_wait(struct curl_poll *p, int events);

static void loop_on_poll(uv_poll_t *h, int status, int events)
{
    struct curl_poll *p = h->data;
    int what = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
               (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
    if (p->idle)
        poll_wait(
            p,
            0); /* the other side has closed it; libcurl finds out when it looks for a connection */
    else
        loop_act(p->l, p->fd, status < 0 ? CURL_CSELECT_ERR : what);
}

static void poll_wait(struct curl_poll *p, int events)
{
    if (events && events != p->events)
        uv_poll_start(&p->poll, events, loop_on_poll);
    else if (!events && p->events)
        uv_poll_stop(&p->poll);
    p->events = events;
}

/* Nothing is on its way: it waits on, if it did, for that is what the next request will want. */
static void poll_rest(struct curl_poll *p)
{
    p->idle = true;
    uv_unref((uv_handle_t *)&p->poll);
    poll_wait(p, p->events & UV_READABLE);
}

static void loop_let_go(struct curl_loop *l)
{
    if (--l->handles || !l->closed)
        return;
    void (*closed)(void *ud) = l->closed;
    void *ud = l->closed_ud;
    free(l->polls);
    free(l);
    closed(ud);
}

static void loop_poll_closed(uv_handle_t *h)
{
    struct curl_poll *p = h->data;
    struct curl_loop *l = p->l;
    free(p);
    loop_let_go(l);
}

static void loop_timer_closed(uv_handle_t *h)
{
    loop_let_go(h->data);
}

static struct curl_poll *loop_poll(const struct curl_loop *l, curl_socket_t fd)
{
    return fd < l->npolls ? l->polls[fd] : NULL;
}

static void loop_poll_end(struct curl_poll *p)
{
    p->l->polls[p->fd] = NULL;
    uv_poll_stop(&p->poll); /* now: the number may belong to something else a moment later */
    uv_close((uv_handle_t *)&p->poll, loop_poll_closed);
}

static struct curl_poll *loop_poll_new(struct curl_loop *l, curl_socket_t fd)
{
    struct curl_poll *p = MEM_NEW(struct curl_poll);
    p->l = l;
    p->fd = fd;
    p->poll.data = p;
    if (uv_poll_init_socket(l->loop, &p->poll, fd) != 0) {
        free(p);
        return NULL;
    }
    if (fd >= l->npolls) {
        int n = fd + 32;
        l->polls = mem_realloc(l->polls, (size_t)n * sizeof(struct curl_poll *));
        for (; l->npolls < n; l->npolls++)
            l->polls[l->npolls] = NULL;
    }
    l->polls[fd] = p;
    l->handles++;
    return p;
}

/* libcurl wants to be told about a socket, or no longer. */
static int loop_on_socket(CURL *easy, curl_socket_t fd, int what, void *ud, void *known)
{
    struct curl_loop *l = ud;
    struct curl_poll *p = loop_poll(l, fd);
    (void)easy;
    (void)known;
    if (what == CURL_POLL_REMOVE) {
        if (p && !p->kept)
            loop_poll_end(p);
        else if (p)
            poll_rest(p);
        return 0;
    }
    if (!p)
        p = loop_poll_new(l, fd);
    if (!p)
        return -1;
    p->idle = false;
    uv_ref((uv_handle_t *)&p->poll);
    poll_wait(p,
              (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0));
    return 0;
}

curl_socket_t curl_loop_open(struct curl_loop *l, const struct curl_sockaddr *a)
{
    curl_socket_t fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
    struct curl_poll *p = fd >= 0 ? loop_poll(l, fd) : NULL;
    if (p)
        loop_poll_end(p);
    p = fd >= 0 ? loop_poll_new(l, fd) : NULL;
    if (p)
        p->kept = true;
    return fd;
}

static int loop_on_close(void *ud, curl_socket_t fd)
{
    struct curl_poll *p = loop_poll(ud, fd);
    if (p)
        loop_poll_end(p);
    return close(fd);
}

void curl_loop_watch(struct curl_loop *l, CURL *easy)
{
    l->api->curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, loop_on_close);
    l->api->curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, l);
}

void curl_loop_keep(struct curl_loop *l, long connections)
{
    l->api->curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, connections);
}

static void loop_on_timer(uv_timer_t *t)
{
    loop_act(t->data, CURL_SOCKET_TIMEOUT, 0);
}

static int loop_on_timeout(CURLM *multi, long ms, void *ud)
{
    struct curl_loop *l = ud;
    (void)multi;
    if (ms < 0)
        uv_timer_stop(&l->timer);
    else /* not at once: libcurl must not be entered from its own callback */
        uv_timer_start(&l->timer, loop_on_timer, (uint64_t)ms, 0);
    return 0;
}

struct curl_loop *curl_loop_create(uv_loop_t *loop, const struct curl_api *api,
                                   void (*on_done)(void *ud, CURL *easy, CURLcode code), void *ud)
{
    struct curl_loop *l = MEM_NEW(struct curl_loop);
    l->loop = loop;
    l->api = api;
    l->on_done = on_done;
    l->ud = ud;
    l->handles = 1;
    uv_timer_init(loop, &l->timer);
    l->timer.data = l;
    l->multi = api->curl_multi_init();
    if (!l->multi)
        abort();
    api->curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, loop_on_socket);
    api->curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l);
    api->curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, loop_on_timeout);
    api->curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l);
    return l;
}

CURLM *curl_loop_multi(const struct curl_loop *l)
{
    return l->multi;
}

void curl_loop_destroy(struct curl_loop *l, void (*done)(void *ud), void *ud)
{
    l->api->curl_multi_cleanup(l->multi); /* closes idle connections: their polls go with it */
    l->multi = NULL;
    l->closed = done;
    l->closed_ud = ud;
    uv_timer_stop(&l->timer);
    uv_close((uv_handle_t *)&l->timer, loop_timer_closed);
}
