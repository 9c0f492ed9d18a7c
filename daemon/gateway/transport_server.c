/* transport_server.c -- incoming connections. The listening socket is ours (so that a failed bind has a clear message and
 * a closed listener leaves its port at once); accepted sockets are handed to libwebsockets, which does HTTP, TLS and the
 * opening handshake and unmasks in bulk. Frames out are built by us and written joined, as in the client.
 * Owns: the ports, each with the listeners that share it. */
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
    struct lws_vhost *vhost;
    bool tls;
    int fd;
    int number;
    uv_poll_t poll;
    struct listener *listeners;
    int refs; /* the handle, and sockets whose upgrade is not decided */
};

/* A socket between accept and the upgrade carries its port with the lowest bit set; afterwards its connection. */
static void *port_tag(struct port *p)
{
    return (char *)p + 1;
}
static struct port *port_untag(void *data)
{
    return (uintptr_t)data & 1 ? (struct port *)(void *)((char *)data - 1) : NULL;
}

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

static void port_accept(struct port *p)
{
    for (int i = 0; i < 16; i++) {
        int fd = accept4(p->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        lws_sock_file_fd_type desc = {.sockfd = fd};
        lws_adoption_type type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP;
        if (p->tls)
            type |= LWS_ADOPT_ALLOW_SSL;
        /* on failure libwebsockets has closed the socket */
        struct lws *wsi = lws_adopt_descriptor_vhost(p->vhost, type, desc, NULL, NULL);
        if (!wsi)
            continue;
        lws_set_opaque_user_data(wsi, port_tag(p));
        p->refs++;
    }
}

static void port_on_poll(uv_poll_t *h, int status, int events)
{
    (void)events;
    if (status == 0)
        port_accept(h->data);
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
    struct lws_vhost *vhost =
        transport_vhost_get(t, true, opts->cert != NULL, opts->cert, opts->key, err);
    int fd = vhost ? port_open(opts->address, err) : -1;
    if (fd < 0)
        return NULL;
    struct port *p = MEM_NEW(struct port);
    p->t = t;
    p->fd = fd;
    p->refs = 1;
    t->live_ports++; /* the transport stays until the port is freed */
    p->vhost = vhost;
    p->tls = opts->cert != NULL;
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
    char path[512], authorization[600], token[600], self_id[80], role[32], agent[128], peer[64];
};

static void upgrade_header(struct lws *wsi, enum lws_token_indexes token, char *out, size_t room)
{
    if (lws_hdr_copy(wsi, out, (int)room, token) < 0)
        out[0] = '\0';
}

static void upgrade_custom(struct lws *wsi, const char *name, char *out, size_t room)
{
    if (lws_hdr_custom_copy(wsi, out, (int)room, name, (int)strlen(name)) < 0)
        out[0] = '\0';
}

static void upgrade_read(struct lws *wsi, struct upgrade_texts *x, struct upgrade_request *r)
{
    memset(x, 0, sizeof *x);
    upgrade_header(wsi, WSI_TOKEN_GET_URI, x->path, sizeof x->path);
    upgrade_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, x->authorization, sizeof x->authorization);
    upgrade_header(wsi, WSI_TOKEN_HTTP_USER_AGENT, x->agent, sizeof x->agent);
    upgrade_custom(wsi, "x-self-id:", x->self_id, sizeof x->self_id);
    upgrade_custom(wsi, "x-client-role:", x->role, sizeof x->role);
    const char *token =
        lws_get_urlarg_by_name(wsi, "access_token=", x->token, (int)sizeof x->token);
    if (!token)
        x->token[0] = '\0';
    else if (token != x->token)
        memmove(x->token, token, strlen(token) + 1);
    lws_get_peer_simple(wsi, x->peer, sizeof x->peer);
    *r = (struct upgrade_request){.path = x->path,
                                  .authorization = x->authorization,
                                  .query_token = x->token,
                                  .self_id = x->self_id,
                                  .role = x->role,
                                  .agent = x->agent,
                                  .peer = x->peer};
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

static bool server_version_known(struct lws *wsi)
{
    char version[8];
    upgrade_header(wsi, WSI_TOKEN_VERSION, version, sizeof version);
    return strcmp(version, "13") == 0;
}

/* Answers an upgrade with an HTTP status and hangs up (the callback returns what this returns). */
static int server_refuse(struct lws *wsi, int status)
{
    const char *word = status == 400   ? "Bad Request"
                       : status == 401 ? "Unauthorized"
                       : status == 403 ? "Forbidden"
                       : status == 404 ? "Not Found"
                       : status == 426 ? "Upgrade Required"
                                       : "Refused";
    char answer[LWS_PRE + 256];
    int n =
        snprintf(answer + LWS_PRE, sizeof answer - LWS_PRE,
                 "HTTP/1.1 %d %s\r\n%s%sConnection: close\r\nContent-Length: 0\r\n\r\n", status,
                 word, status == 426 ? "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" : "",
                 status == 401 ? "WWW-Authenticate: Bearer\r\n" : "");
    lws_write(wsi, (unsigned char *)answer + LWS_PRE, (size_t)n, LWS_WRITE_HTTP_HEADERS);
    return 1;
}

static int server_confirm(struct lws *wsi, struct port *p, const char *protocol)
{
    struct upgrade_texts texts;
    struct upgrade_request r;
    struct conn_opts opts;
    int status = 426;
    memset(&opts, 0, sizeof opts);
    if (protocol && strcasecmp(protocol, "websocket") == 0 && server_version_known(wsi)) {
        upgrade_read(wsi, &texts, &r);
        status = port_admit(p, &r, &opts);
        explicit_bzero(&texts.token, sizeof texts.token);
        explicit_bzero(&texts.authorization, sizeof texts.authorization);
    }
    if (status != 101)
        return server_refuse(wsi, status);
    struct conn *c = conn_new(p->t, WSFRAME_SERVER, &opts);
    c->wsi = wsi;
    c->state = CONN_HANDSHAKE;
    memcpy(c->peer, texts.peer, sizeof c->peer);
    lws_set_opaque_user_data(wsi, c);
    port_unref(p);
    conn_deadline(c, TRANSPORT_OPEN_MS);
    return 0;
}

/* ---- the open socket ---- */

static int server_conn_callback(struct lws *wsi, struct conn *c, enum lws_callback_reasons reason,
                                void *in, size_t len)
{
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        c->state = CONN_OPEN;
        c->was_open = true;
        conn_deadline(c, 0);
        c->opts.handler->on_open(c->opts.ud, c);
        return 0;
    case LWS_CALLBACK_RECEIVE: conn_ws_rx(wsi, c, in, len); return 0;
    case LWS_CALLBACK_RECEIVE_PONG:
        if (c->state == CONN_OPEN)
            c->opts.handler->on_alive(c->opts.ud, c);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE: conn_write(c); return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        conn_ws_peer_close(c, in, len);
        return c->state == CONN_CLOSING ? -1 : 0; /* ours has left already: no second one */
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_WSI_DESTROY:
        lws_set_opaque_user_data(wsi, NULL);
        conn_ended(c, true);
        return 0;
    default: return 0;
    }
}

int transport_server_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
                              void *in, size_t len)
{
    void *data = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    struct port *p = port_untag(data);
    if (data && !p)
        return server_conn_callback(wsi, data, reason, in, len);
    switch (reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: return p ? server_confirm(wsi, p, in) : 1;
    case LWS_CALLBACK_HTTP: /* a request without upgrade */ return server_refuse(wsi, 426);
    case LWS_CALLBACK_WSI_DESTROY:
        if (p) {
            lws_set_opaque_user_data(wsi, NULL);
            port_unref(p);
        }
        return 0;
    default: (void)user; return 0;
    }
}
