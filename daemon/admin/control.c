/* control.c -- the control socket: one JSON request in a line, one JSON answer in a line, then the connection closes.
 * What the answers hold is in control_answer.c; orders about runs take a while, they are in control_runs.c.
 * The socket is 0600: who may open it may do everything.
 * Owns the listening pipe and its connections. Callers: cli/serve/serve.c, cli/play/play.c; the other end is cli/ctl/ctl.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    CONTROL_CLIENTS_MAX = 16,
    CONTROL_REQUEST_MAX = 65536,
    CONTROL_TIMEOUT_MS = 30000,
    CONTROL_RIGHTS_MS = 600000 /* forgetting goes over all keys */
};

struct control {
    const struct admin_env *env;
    uv_pipe_t listener;
    struct control_client *clients;
    int nclients;
    uint64_t ticket; /* of the last client */
    bool stopping, listener_closed;
    char *data_dir;
    void (*done)(void *ud);
    void *ud;
};

struct control_client {
    struct control *s;
    struct control_client *next, **at;
    uint64_t ticket;
    uv_pipe_t pipe;
    uv_timer_t timer;
    uv_write_t write;
    int open_handles;
    bool closing, answered;
    struct run_order *order; /* being carried out for this client */
    struct rights_order *rights;
    struct buf in, out;
};

bool control_path(const char *data_dir, char *out, size_t size, int *dir_fd)
{
    *dir_fd = -1;
    int n = snprintf(out, size, "%s/control.sock", data_dir);
    if (n >= 0 && (size_t)n < size && (size_t)n < sizeof((struct sockaddr_un *)0)->sun_path)
        return true;
    *dir_fd = open(data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    snprintf(out, size, "/proc/self/fd/%d/control.sock", *dir_fd);
    return *dir_fd >= 0;
}

static void control_maybe_done(struct control *s)
{
    if (!s->stopping || !s->listener_closed || s->clients)
        return;
    void (*done)(void *) = s->done;
    void *ud = s->ud;
    free(s->data_dir);
    free(s);
    if (done)
        done(ud);
}

static void control_client_closed(uv_handle_t *handle)
{
    struct control_client *c = handle->data;
    if (--c->open_handles > 0)
        return;
    struct control *s = c->s;
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    s->nclients--;
    buf_free(&c->in);
    buf_free(&c->out);
    free(c);
    control_maybe_done(s);
}

static void control_client_close(struct control_client *c)
{
    if (c->closing)
        return;
    c->closing = true;
    if (c->order)
        control_runs_abandon(c->order);
    c->order = NULL;
    if (c->rights)
        control_rights_abandon(c->rights);
    c->rights = NULL;
    uv_close((uv_handle_t *)&c->pipe, control_client_closed);
    uv_close((uv_handle_t *)&c->timer, control_client_closed);
}

static void control_timeout(uv_timer_t *timer)
{
    control_client_close(timer->data);
}

static void control_written(uv_write_t *req, int status)
{
    (void)status;
    control_client_close(req->data);
}

static void control_write(struct control_client *c)
{
    buf_addc(&c->out, '\n');
    uv_buf_t out = uv_buf_init(c->out.data, (unsigned)c->out.len);
    c->write.data = c;
    if (uv_write(&c->write, (uv_stream_t *)&c->pipe, &out, 1, control_written) != 0)
        control_client_close(c);
}

void control_answer_later(struct control *s, uint64_t ticket, const char *json)
{
    for (struct control_client *c = s ? s->clients : NULL; c; c = c->next) {
        if (c->ticket != ticket || c->closing)
            continue;
        buf_adds(&c->out, json);
        control_write(c);
        return;
    }
}

static void control_ordered(void *ud, const struct buf *answer)
{
    struct control_client *c = ud;
    c->order = NULL;
    c->rights = NULL;
    buf_add(&c->out, answer->data, answer->len);
    control_write(c);
}

static void control_reply(struct control_client *c, const char *request, size_t len)
{
    const struct admin_env *env = c->s->env;
    c->answered = true;
    uv_read_stop((uv_stream_t *)&c->pipe);
    if (env->later && env->later(env->later_ud, c->ticket, request, len))
        return;
    c->order = control_runs(env, request, len, control_ordered, c);
    if (c->order)
        return;
    enum rights_taken taken =
        control_rights(env, request, len, control_ordered, c, &c->out, &c->rights);
    if (taken == RIGHTS_LATER)
        uv_timer_start(&c->timer, control_timeout, CONTROL_RIGHTS_MS, 0);
    else if (taken == RIGHTS_ANSWERED)
        control_write(c);
    if (taken != RIGHTS_OTHER)
        return;
    control_answer(env, request, len, &c->out);
    control_write(c);
}

static void control_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct control_client *c = handle->data;
    (void)suggested;
    *out = uv_buf_init(buf_reserve(&c->in, 4096), 4096);
}

static void control_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct control_client *c = stream->data;
    (void)b;
    if (c->closing || c->answered || n == 0)
        return;
    if (n < 0) {
        control_client_close(c);
        return;
    }
    c->in.len += (size_t)n;
    const char *end = memchr(c->in.data, '\n', c->in.len);
    if (end)
        control_reply(c, c->in.data, (size_t)(end - c->in.data));
    else if (c->in.len > CONTROL_REQUEST_MAX)
        control_client_close(c);
}

static void control_accept(uv_stream_t *listener, int status)
{
    struct control *s = listener->data;
    if (status < 0 || s->stopping)
        return;
    struct control_client *c = MEM_NEW(struct control_client);
    c->s = s;
    c->ticket = ++s->ticket;
    uv_pipe_init(s->env->loop, &c->pipe, 0);
    uv_timer_init(s->env->loop, &c->timer);
    c->pipe.data = c->timer.data = c;
    c->open_handles = 2;
    c->next = s->clients;
    c->at = &s->clients;
    if (c->next)
        c->next->at = &c->next;
    s->clients = c;
    s->nclients++;
    if (uv_accept(listener, (uv_stream_t *)&c->pipe) != 0 || s->nclients > CONTROL_CLIENTS_MAX) {
        control_client_close(c);
        return;
    }
    uv_timer_start(&c->timer, control_timeout, CONTROL_TIMEOUT_MS, 0);
    uv_read_start((uv_stream_t *)&c->pipe, control_alloc, control_read);
}

static void control_listener_closed(uv_handle_t *handle)
{
    struct control *s = handle->data;
    s->listener_closed = true;
    control_maybe_done(s);
}

struct control *control_start(const struct admin_env *env, const char *data_dir, struct buf *err)
{
    char path[4096];
    int dir_fd;
    struct control *s = MEM_NEW(struct control);
    s->env = env;
    s->data_dir = mem_strdup(data_dir);
    uv_pipe_init(env->loop, &s->listener, 0);
    s->listener.data = s;
    int rc = control_path(data_dir, path, sizeof path, &dir_fd) ? 0 : UV_ENOENT;
    if (rc == 0) {
        unlink(path); /* the lock of the data directory says that nobody serves it */
        mode_t before = umask(0177);
        rc = uv_pipe_bind(&s->listener, path);
        umask(before);
    }
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&s->listener, 16, control_accept);
    if (dir_fd >= 0)
        close(dir_fd);
    if (rc == 0)
        return s;
    buf_addf(err, "the control socket in %s cannot be served: %s", data_dir, uv_strerror(rc));
    control_stop(s, NULL, NULL);
    return NULL;
}

void control_stop(struct control *s, void (*done)(void *ud), void *ud)
{
    if (!s) {
        if (done)
            done(ud);
        return;
    }
    char path[4096];
    int dir_fd;
    s->stopping = true;
    s->done = done;
    s->ud = ud;
    for (struct control_client *c = s->clients; c; c = c->next)
        control_client_close(c);
    if (control_path(s->data_dir, path, sizeof path, &dir_fd))
        unlink(path);
    if (dir_fd >= 0)
        close(dir_fd);
    uv_close((uv_handle_t *)&s->listener, control_listener_closed);
}
