/* notify.c -- see notify.h; the protocol is in sd_notify(3). Owns one datagram socket. Callers: cli/serve/serve.c. */
#include "admin/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

static struct {
    int fd;
    struct sockaddr_un addr;
    socklen_t len;
    int64_t watchdog_ms;
} notify = {.fd = -1};

static void notify_read_watchdog(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (usec && (!pid || strtol(pid, NULL, 10) == (long)getpid()))
        notify.watchdog_ms = strtoll(usec, NULL, 10) / 2000;
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void notify_init(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t n = path ? strlen(path) : 0;
    if (n > 1 && n < sizeof notify.addr.sun_path && (*path == '/' || *path == '@')) {
        notify.addr.sun_family = AF_UNIX;
        memcpy(notify.addr.sun_path, path, n);
        if (*path == '@') /* the abstract name space */
            notify.addr.sun_path[0] = '\0';
        notify.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
        notify.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    } else if (path) {
        log_warn("NOTIFY_SOCKET is not an address we can use", "address", path, NULL);
    }
    unsetenv("NOTIFY_SOCKET");
    notify_read_watchdog();
}

void notify_send(const char *state)
{
    if (notify.fd >= 0 && sendto(notify.fd, state, strlen(state), MSG_NOSIGNAL,
                                 (const struct sockaddr *)&notify.addr, notify.len) < 0)
        log_debug("systemd could not be notified", NULL);
}

void notify_ready(const char *status)
{
    char text[256];
    snprintf(text, sizeof text, "READY=1\nSTATUS=%s", status);
    notify_send(text);
}

void notify_reloading(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    char text[96];
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=Reloading",
             (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
    notify_send(text);
}

void notify_stopping(void)
{
    notify_send("STOPPING=1\nSTATUS=Finishing turns");
}

void notify_extend(int64_t ms)
{
    char text[96];
    snprintf(text, sizeof text, "EXTEND_TIMEOUT_USEC=%lld\nSTATUS=Waiting for Redis",
             (long long)ms * 1000);
    notify_send(text);
}

int64_t notify_watchdog_ms(void)
{
    return notify.fd >= 0 ? notify.watchdog_ms : 0;
}

void notify_watchdog(void)
{
    notify_send("WATCHDOG=1");
}

void notify_close(void)
{
    if (notify.fd >= 0)
        close(notify.fd);
    notify.fd = -1;
}
