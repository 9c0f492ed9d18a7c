/* transport_server.c -- incoming connections: listening, TLS, the opening handshake, and who wants the connection. The listening socket
 * is ours (so that a failed bind has a clear message and a closed listener leaves its port at once).
 * Owns: the ports, each with the listeners that share it. */
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "gateway/transport_internal.h"

struct listener {
    struct listener *next;
    struct port *port;
    struct listen_opts opts; /* strings are not kept */
};

struct port {
    struct port *next;
    struct transport *t;
    char *address, *cert, *key;
    struct tls_context *tls; /* NULL: plain */
    int fd;
    int number;
    uv_poll_t poll;
    struct listener *listeners;
    int refs; /* the handle, and sockets whose upgrade is not decided */
};

/* A connection whose upgrade is not decided. */
struct conn_server {
    struct port *port;
};

/* ---- listening ---- */

static bool port_split(const char *address, char *host, size_t room, const char **service)
{
    const char *colon = strrchr(address, ':');
    if (!colon || !colon[1])
        return false;
    const char *start = address, *end = colon;
    if (*start == '[' && end > start + 1 && end[-1] == ']') {
        start++;
        end--;
    }
    size_t n = (size_t)(end - start);
    if (n >= room)
        return false;
    memcpy(host, start, n);
    host[n] = '\0';
    *service = colon + 1;
    return true;
}

static int port_bind(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0)
        return -1;
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 256) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int port_open(const char *address, struct buf *err)
{
    char host[256];
    const char *service;
    if (!port_split(address, host, sizeof host, &service)) {
        buf_addf(err, "listen address %s is not of the form host:port", address);
        return -1;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(host[0] && strcmp(host, "*") != 0 ? host : NULL, service, &hints, &list);
    if (rc) {
        buf_addf(err, "listen address %s: %s", address, gai_strerror(rc));
        return -1;
    }
    int fd = -1;
    for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = port_bind(a);
    if (fd < 0)
        buf_addf(err, "cannot listen on %s: %s", address, strerror(errno));
    freeaddrinfo(list);
    return fd;
}

static void port_unref(struct port *p)
{
    if (--p->refs)
        return;
    struct transport *t = p->t;
    free(p->address);
    free(p->cert);
    free(p->key);
    free(p);
    t->live_ports--;
}

void conn_server_free(struct conn *c)
{
    if (!c->server)
        return;
    port_unref(c->server->port);
    free(c->server);
    c->server = NULL;
}

/* The address alone, as it is logged. */
static void port_peer(int fd, char *out, size_t room)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    if (getpeername(fd, (struct sockaddr *)&sa, &len) != 0 ||
        getnameinfo((struct sockaddr *)&sa, len, out, (socklen_t)room, NULL, 0, NI_NUMERICHOST) !=
            0)
        snprintf(out, room, "unknown");
    if (strncmp(out, "::ffff:", 7) == 0 && strchr(out, '.')) /* IPv4 on an IPv6 socket */
        memmove(out, out + 7, strlen(out + 7) + 1);
}

static void port_take(struct port *p, int fd)
{
    static const struct conn_opts none = {.max_message = WSHANDSHAKE_HEAD_MAX};
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct conn *c = conn_new(p->t, WSFRAME_SERVER, &none);
    port_peer(fd, c->peer, sizeof c->peer);
    c->server = MEM_NEW(struct conn_server);
    c->server->port = p;
    p->refs++;
    if (!conn_adopt(c, fd)) {
        conn_ended(c, true);
        return;
    }
    conn_deadline(c, TRANSPORT_OPEN_MS);
    if (p->tls && !conn_tls_begin(c, p->tls, NULL))
        conn_kill(c);
}

static void port_accept(struct port *p)
{
    for (int i = 0; i < 16; i++) {
        int fd = accept4(p->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        port_take(p, fd);
    }
}

static void port_on_poll(uv_poll_t *h, int status, int events)
{
    (void)events;
    if (status == 0)
        port_accept(h->data);
}

static void port_handle_closed(uv_handle_t *h)
{
    port_unref(h->data);
}

static void port_close(struct port *p)
{
    struct transport *t = p->t;
    struct port **at = &t->ports;
    while (*at && *at != p)
        at = &(*at)->next;
    if (*at)
        *at = p->next;
    uv_poll_stop(&p->poll);
    close(p->fd);
    uv_close((uv_handle_t *)&p->poll, port_handle_closed);
}

static bool port_same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static struct port *port_new(struct transport *t, const struct listen_opts *opts, struct buf *err)
{
    struct tls_context *tls =
        opts->cert ? tls_context_get(t, true, NULL, opts->cert, opts->key, false, err) : NULL;
    int fd = !opts->cert || tls ? port_open(opts->address, err) : -1;
    if (fd < 0)
        return NULL;
    struct port *p = MEM_NEW(struct port);
    p->t = t;
    p->fd = fd;
    p->refs = 1;
    t->live_ports++; /* the transport stays until the port is freed */
    p->tls = tls;
    p->address = mem_strdup(opts->address);
    p->cert = mem_strdup(opts->cert);
    p->key = mem_strdup(opts->key);
    struct sockaddr_storage sa;
    socklen_t salen = sizeof sa;
    char service[16] = "0";
    if (getsockname(fd, (struct sockaddr *)&sa, &salen) == 0)
        getnameinfo((struct sockaddr *)&sa, salen, NULL, 0, service, sizeof service,
                    NI_NUMERICSERV);
    p->number = (int)strtol(service, NULL, 10);
    uv_poll_init(t->loop, &p->poll, fd);
    p->poll.data = p;
    uv_poll_start(&p->poll, UV_READABLE, port_on_poll);
    p->next = t->ports;
    t->ports = p;
    return p;
}

struct listener *transport_listen(struct transport *t, const struct listen_opts *opts,
                                  struct buf *err)
{
    struct port *p = t->ports;
    while (p && strcmp(p->address, opts->address) != 0)
        p = p->next;
    if (p && (!port_same(p->cert, opts->cert) || !port_same(p->key, opts->key))) {
        buf_addf(err, "%s is already served with other TLS files", opts->address);
        return NULL;
    }
    if (!p)
        p = port_new(t, opts, err);
    if (!p)
        return NULL;
    struct listener *l = MEM_NEW(struct listener);
    l->port = p;
    l->opts = *opts;
    l->opts.address = l->opts.cert = l->opts.key = NULL;
    struct listener **at = &p->listeners;
    while (*at)
        at = &(*at)->next;
    *at = l;
    return l;
}

void listener_close(struct listener *l)
{
    if (!l)
        return;
    struct port *p = l->port;
    struct listener **at = &p->listeners;
    while (*at && *at != l)
        at = &(*at)->next;
    if (*at)
        *at = l->next;
    free(l);
    if (!p->listeners)
        port_close(p);
}

int listener_port(const struct listener *l)
{
    return l->port->number;
}

void transport_ports_close(struct transport *t)
{
    while (t->ports) {
        struct port *p = t->ports;
        while (p->listeners) {
            struct listener *next = p->listeners->next;
            free(p->listeners);
            p->listeners = next;
        }
        port_close(p);
    }
}

/* ---- admission ---- */

struct upgrade_texts {
    char path[512], authorization[600], token[600], self_id[80], role[32], agent[128];
};

static void upgrade_header(const struct buf *head, const char *name, char *out, size_t room)
{
    size_t n = 0;
    const char *v = wshandshake_header(head->data, head->len, name, &n);
    if (!v || n >= room)
        n = 0; /* what is too long is as good as absent: a token cut off would be another one */
    memcpy(out, v ? v : "", n);
    out[n] = '\0';
}

/* %XX and + of a target. */
static void upgrade_decode(const char *s, size_t len, bool plus, char *out, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < len && n + 1 < room; i++) {
        unsigned byte;
        char hex[3] = {0};
        if (s[i] == '%' && i + 2 < len && isxdigit((unsigned char)s[i + 1]) &&
            isxdigit((unsigned char)s[i + 2])) {
            memcpy(hex, s + i + 1, 2);
            byte = (unsigned)strtoul(hex, NULL, 16);
            out[n++] = (char)byte;
            i += 2;
        } else {
            out[n++] = plus && s[i] == '+' ? ' ' : s[i];
        }
    }
    out[n] = '\0';
}

/* Path, and access_token of the query. */
static void upgrade_target(const char *target, size_t len, struct upgrade_texts *x)
{
    static const char name[] = "access_token=";
    const char *query = memchr(target, '?', len), *end = target + len;
    upgrade_decode(target, query ? (size_t)(query - target) : len, false, x->path, sizeof x->path);
    while (query && query < end) {
        const char *word = query + 1;
        query = memchr(word, '&', (size_t)(end - word));
        size_t n = (size_t)((query ? query : end) - word);
        if (n < sizeof name - 1 || memcmp(word, name, sizeof name - 1) != 0)
            continue;
        upgrade_decode(word + sizeof name - 1, n - (sizeof name - 1), true, x->token,
                       sizeof x->token);
        return;
    }
}

static void upgrade_read(const struct conn *c, const struct wshandshake_asked *a,
                         struct upgrade_texts *x, struct upgrade_request *r)
{
    const struct buf *h = &c->head;
    memset(x, 0, sizeof *x);
    upgrade_target(a->target, a->target_len, x);
    upgrade_header(h, "Authorization", x->authorization, sizeof x->authorization);
    upgrade_header(h, "User-Agent", x->agent, sizeof x->agent);
    upgrade_header(h, "X-Self-ID", x->self_id, sizeof x->self_id);
    upgrade_header(h, "X-Client-Role", x->role, sizeof x->role);
    *r = (struct upgrade_request){.path = x->path,
                                  .authorization = x->authorization,
                                  .query_token = x->token,
                                  .self_id = x->self_id,
                                  .role = x->role,
                                  .agent = x->agent,
                                  .peer = c->peer};
}

/* Asks the listeners of the port; the first that accepts wins, else the first that has something to say. */
static int port_admit(struct port *p, const struct upgrade_request *r, struct conn_opts *opts)
{
    int status = 404;
    for (struct listener *l = p->listeners; l; l = l->next) {
        int answer = l->opts.admit(l->opts.ud, r, opts);
        if (answer == 101)
            return 101;
        if (status == 404)
            status = answer;
    }
    return status;
}

static int server_admit(struct conn *c, const struct wshandshake_asked *a)
{
    struct upgrade_texts texts;
    struct upgrade_request r;
    struct conn_opts opts;
    memset(&opts, 0, sizeof opts);
    upgrade_read(c, a, &texts, &r);
    int status = port_admit(c->server->port, &r, &opts);
    explicit_bzero(&texts.token, sizeof texts.token);
    explicit_bzero(&texts.authorization, sizeof texts.authorization);
    if (status == 101)
        c->opts = opts;
    return status;
}

/* Appends what we take of the extensions that are offered. */
static void server_terms(struct conn *c, struct buf *answer)
{
    struct wsdeflate_terms terms;
    size_t n = 0;
    const char *v = wshandshake_header(c->head.data, c->head.len, "Sec-WebSocket-Extensions", &n);
    if (c->opts.compress && v && wsdeflate_choose(v, n, &c->opts.deflate, &terms, answer))
        c->deflate = wsdeflate_new(WSFRAME_SERVER, &terms);
}

/* Answers; 101 opens the connection, anything else hangs up when it has left. */
static void server_answer(struct conn *c, int status, const struct wshandshake_asked *a)
{
    struct buf out = {0}, extensions = {0};
    char key[WSHANDSHAKE_KEY] = "";
    if (status == 101) {
        memcpy(key, a->key, WSHANDSHAKE_KEY - 1);
        server_terms(c, &extensions);
    }
    wshandshake_answer(&out, status, key, buf_cstr(&extensions));
    conn_say(c, &out);
    buf_free(&out);
    buf_free(&extensions);
    if (status != 101)
        c->hang_up = true;
    conn_write(c);
}

/* The request, as far as it is there. Advances p behind it when it is complete. */
static int server_request(struct conn *c, char **p, size_t *len)
{
    struct wshandshake_asked a;
    size_t before = c->head.len;
    if (c->hang_up) { /* refused: whatever more it says */
        *len = 0;
        return 0;
    }
    buf_add(&c->head, *p, *len);
    wshandshake_asked(c->head.data, c->head.len, &a);
    if (!a.status) {
        *len = 0;
        return 0;
    }
    int status = a.status == 101 ? server_admit(c, &a) : a.status;
    server_answer(c, status, &a);
    if (status != 101 || c->state == CONN_DEAD) {
        *len = 0;
        return c->state == CONN_DEAD ? -1 : 0;
    }
    *p += a.used - before;
    *len -= a.used - before;
    if (c->head.len)
        explicit_bzero(c->head.data, c->head.len);
    buf_free(&c->head);
    conn_server_free(c);
    conn_opened(c);
    return 0;
}

static int server_plain(struct conn *c, char *p, size_t len)
{
    if (c->server && server_request(c, &p, &len))
        return -1;
    return len ? conn_frames(c, p, len) : 0;
}

/* The client's side of TLS is complete; it speaks first. */
static int server_secure(struct conn *c)
{
    (void)c;
    return 0;
}

int conn_server_rx(struct conn *c, char *data, size_t len)
{
    return c->tls ? conn_tls_rx(c, data, len, server_plain, server_secure)
                  : server_plain(c, data, len);
}
