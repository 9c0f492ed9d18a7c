/* ctl_ask.c -- one request over the daemon's control socket, and fields of its answer (ctl.h). Callers: all of `sopd ctl`. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/buf.h"
#include "base/mem.h"
#include "cli/ctl/ctl.h"

static int ctl_connect(const struct ctl *c)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int dir_fd;
    if (!control_path(c->data_dir, addr.sun_path, sizeof addr.sun_path, &dir_fd))
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval timeout = {c->patience_s ? c->patience_s : 30, 0};
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        if (connect(fd, (struct sockaddr *)&addr, sizeof addr) != 0) {
            close(fd);
            fd = -1;
        }
    }
    int saved = errno;
    if (dir_fd >= 0)
        close(dir_fd);
    errno = saved;
    return fd;
}

static bool ctl_exchange(int fd, const char *request, struct buf *answer)
{
    size_t len = strlen(request), done = 0;
    while (done < len) {
        ssize_t n = send(fd, request + done, len - done, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    for (;;) {
        ssize_t n = recv(fd, buf_reserve(answer, 65536), 65536, 0);
        if (n <= 0)
            return n == 0 && answer->len > 0;
        answer->len += (size_t)n;
    }
}

static void __attribute__((format(printf, 2, 3)))
ctl_complain(const struct ctl *c, const char *fmt, ...)
{
    va_list ap;
    if (c->quiet)
        return;
    va_start(ap, fmt);
    fputs("sopd ctl: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

struct cJSON *ctl_ask(const struct ctl *c, struct cJSON *request)
{
    struct buf line = {0}, answer = {0};
    cJSON *reply = NULL;
    char *text = cJSON_PrintUnformatted(request);
    buf_addf(&line, "%s\n", text);
    cJSON_free(text);
    cJSON_Delete(request);
    int fd = ctl_connect(c);
    if (fd < 0)
        ctl_complain(c, "no daemon answers in %s: %s", c->data_dir, strerror(errno));
    else if (!ctl_exchange(fd, buf_cstr(&line), &answer))
        ctl_complain(c, "the daemon did not answer");
    else if (!(reply = cJSON_ParseWithLength(answer.data, answer.len)))
        ctl_complain(c, "the daemon's answer is not JSON");
    if (fd >= 0)
        close(fd);
    buf_free(&line);
    buf_free(&answer);
    return reply;
}

const char *ctl_string(const cJSON *o, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsString(v) ? v->valuestring : "";
}

double ctl_number(const cJSON *o, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsNumber(v) ? v->valuedouble : 0;
}

bool ctl_true(const cJSON *o, const char *key)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, key));
}

char *ctl_split_chat(const char *full, const char **chat)
{
    const char *colon = strchr(full, ':');
    if (!colon || colon == full || !colon[1])
        return NULL;
    *chat = colon + 1;
    return mem_strndup(full, (size_t)(colon - full));
}
