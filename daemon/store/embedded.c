/* embedded.c -- see embedded.h. Owns the child process and its back-off timer; the AOF in data_dir belongs to the child.
 * A child that outlived its sopd (kill -9) is ended before a new one starts: two servers on one AOF would ruin it.
 * Callers: cli/serve/serve.c, cli/play/play.c. */
#include "store/embedded.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    EMBEDDED_START_MS = 5000,   /* until the socket answers */
    EMBEDDED_ORPHAN_MS = 10000, /* for a server left over to write its data */
    EMBEDDED_STOP_MS = 10000,
    EMBEDDED_BACKOFF_MIN_MS = 100,
    EMBEDDED_BACKOFF_MAX_MS = 10000,
    EMBEDDED_STABLE_MS = 60000, /* lived this long: the next restart is quick again */
    EMBEDDED_LOG_MAX = 1 << 20
};

struct embedded {
    uv_loop_t *loop;
    char *data_dir; /* absolute */
    char *socket;   /* how we reach it */
    char *url, *log_path;
    int dir_fd; /* for socket paths that are too long */
    uv_process_t process;
    uv_timer_t timer; /* restart, or the last resort while stopping */
    bool running, stopping;
    bool handle_open; /* the process handle is not closed yet */
    int64_t backoff_ms;
    uint64_t started_ms;
    void (*done)(void *ud);
    void *done_ud;
};

/* ---- the data directory and its lock ---- */

static bool embedded_make_dir(const char *path, struct buf *err)
{
    char *copy = mem_strdup(path);
    for (char *p = copy + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        mkdir(copy, 0755); /* parents; what fails is said by the last one */
        *p = '/';
    }
    free(copy);
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        buf_addf(err, "the data directory %s cannot be made: %s", path, strerror(errno));
        return false;
    }
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode) || access(path, R_OK | W_OK | X_OK) != 0) {
        buf_addf(err, "the data directory %s is not a folder that we may write to", path);
        return false;
    }
    return true;
}

int embedded_lock(const char *data_dir, struct buf *err)
{
    if (!embedded_make_dir(data_dir, err))
        return -1;
    struct buf path = {0};
    buf_addf(&path, "%s/sopd.lock", data_dir);
    int fd = open(buf_cstr(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    buf_free(&path);
    if (fd < 0) {
        buf_addf(err, "the lock file in %s cannot be opened: %s", data_dir, strerror(errno));
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        char pid[24] = "";
        ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
        pid[n > 0 ? n : 0] = '\0';
        pid[strcspn(pid, "\n")] = '\0';
        buf_addf(err, "the data directory %s is in use by another sopd (process %s)", data_dir,
                 *pid ? pid : "unknown");
        close(fd);
        return -1;
    }
    char pid[24];
    int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n)
        log_warn("the lock file could not be written", "data_dir", data_dir, NULL);
    return fd;
}

/* ---- the socket ---- */

/* Connects to the server. Returns the descriptor, or -1. */
static int embedded_connect(const struct embedded *e)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s", e->socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof addr) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void embedded_sleep(int ms)
{
    struct timespec ts = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&ts, NULL);
}

/* Has that process ended? One that nobody has reaped yet counts as ended. */
static bool embedded_is_gone(pid_t pid)
{
    char path[64], state = 'Z';
    if (kill(pid, 0) != 0)
        return errno == ESRCH;
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return true;
    if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
        state = '?';
    fclose(f);
    return state == 'Z' || state == 'X';
}

/* A server that listens on our socket before we started one was left behind. */
static bool embedded_end_orphan(struct embedded *e, struct buf *err)
{
    int fd = embedded_connect(e);
    if (fd < 0)
        return true;
    struct ucred peer = {0};
    socklen_t len = sizeof peer;
    int rc = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
    close(fd);
    if (rc != 0 || peer.pid <= 1 || (kill(peer.pid, SIGTERM) != 0 && errno != ESRCH)) {
        buf_addf(err, "another process serves %s and cannot be ended", e->socket);
        return false;
    }
    log_info("a redis-server left behind is being ended", "pid", log_int(peer.pid), NULL);
    for (int waited = 0; waited < EMBEDDED_ORPHAN_MS; waited += 10) {
        if (embedded_is_gone(peer.pid))
            return true;
        embedded_sleep(10);
    }
    buf_addf(err, "process %ld, a redis-server left behind on %s, does not end", (long)peer.pid,
             e->socket);
    return false;
}

/* ---- the process ---- */

static void embedded_last_words(const struct embedded *e, struct buf *out)
{
    FILE *f = fopen(e->log_path, "re");
    char line[512];
    if (!f)
        return;
    if (fseek(f, -8192, SEEK_END) != 0)
        rewind(f);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (*line) {
            buf_reset(out);
            buf_adds(out, line);
        }
    }
    fclose(f);
}

static void embedded_rotate_log(const struct embedded *e)
{
    struct stat st;
    if (stat(e->log_path, &st) != 0 || st.st_size < EMBEDDED_LOG_MAX)
        return;
    struct buf old = {0};
    buf_addf(&old, "%s.1", e->log_path);
    if (rename(e->log_path, buf_cstr(&old)) != 0)
        log_warn("the log of redis-server could not be rotated", "file", e->log_path, NULL);
    buf_free(&old);
}

static void embedded_restart(uv_timer_t *timer);

static void embedded_closed(uv_handle_t *h)
{
    struct embedded *e = h->data;
    void (*done)(void *) = e->done;
    void *ud = e->done_ud;
    if (e->dir_fd >= 0)
        close(e->dir_fd);
    free(e->data_dir);
    free(e->socket);
    free(e->url);
    free(e->log_path);
    free(e);
    if (done)
        done(ud);
}

static void embedded_finish(struct embedded *e)
{
    uv_timer_stop(&e->timer);
    uv_close((uv_handle_t *)&e->timer, embedded_closed);
}

static void embedded_process_closed(uv_handle_t *h)
{
    struct embedded *e = h->data;
    e->handle_open = false;
    if (e->stopping)
        embedded_finish(e);
    else
        uv_timer_start(&e->timer, embedded_restart, (uint64_t)e->backoff_ms, 0);
}

static void embedded_exited(uv_process_t *p, int64_t status, int signal_number)
{
    struct embedded *e = p->data;
    e->running = false;
    if (!e->stopping) {
        struct buf last = {0};
        embedded_last_words(e, &last);
        if (uv_now(e->loop) - e->started_ms > EMBEDDED_STABLE_MS)
            e->backoff_ms = EMBEDDED_BACKOFF_MIN_MS;
        log_error("redis-server ended; it will be started again", "status", log_int(status),
                  "signal", log_int(signal_number), "in_ms", log_int(e->backoff_ms), "last_words",
                  buf_cstr(&last), NULL);
        buf_free(&last);
    }
    uv_close((uv_handle_t *)p, embedded_process_closed);
}

/* The environment of the child: nothing of ours but what it needs, so no secret leaks into it. */
static char **embedded_env(void)
{
    static const char *const kept[] = {"PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH"};
    enum { KEPT = sizeof kept / sizeof kept[0] };
    char **env = mem_zero((KEPT + 1) * sizeof *env);
    for (int i = 0, n = 0; i < KEPT; i++) {
        const char *value = getenv(kept[i]);
        struct buf b = {0};
        if (!value)
            continue;
        buf_addf(&b, "%s=%s", kept[i], value);
        env[n++] = buf_take(&b);
    }
    return env;
}

static void embedded_free_env(char **env)
{
    for (char **p = env; *p; p++)
        free(*p);
    free(env);
}

static const char *const embedded_options[][2] = {
    {"--port", "0"},
    {"--unixsocket", "redis.sock"}, /* relative to --dir, into which the server changes */
    {"--unixsocketperm", "700"},
    {"--appendonly", "yes"},
    {"--appendfsync", "everysec"},
    {"--save", ""},
    {"--daemonize", "no"},
    {"--logfile", "redis.log"},
    {"--loglevel", "notice"},
    {"--databases", "1"},
    {"--maxmemory-policy", "noeviction"},
    {"--set-max-intset-entries", "4096"}, /* sets of turn ids stay arrays of integers */
    {"--stop-writes-on-bgsave-error", "no"},
};
enum { EMBEDDED_OPTIONS = sizeof embedded_options / sizeof embedded_options[0] };

/* Is there a program of that name in $PATH? */
static bool embedded_has_program(const char *name)
{
    const char *p = getenv("PATH");
    for (p = p ? p : "/usr/bin:/bin"; *p;) {
        size_t n = strcspn(p, ":");
        struct buf path = {0};
        buf_addf(&path, "%.*s/%s", (int)n, p, name);
        bool has = access(buf_cstr(&path), X_OK) == 0;
        buf_free(&path);
        if (has)
            return true;
        p += n + (p[n] == ':');
    }
    return false;
}

/* The words of the command. setpriv (util-linux), where it is, has the server end with us even if we are killed; else the
 * next start ends it. */
static void embedded_words(const struct embedded *e, const char **args)
{
    static const char *const with_us[] = {"setpriv", "--pdeathsig", "TERM"};
    int n = 0;
    for (int i = 0; i < 3 && embedded_has_program("setpriv"); i++)
        args[n++] = with_us[i];
    args[n++] = "redis-server";
    args[n++] = "--dir";
    args[n++] = e->data_dir;
    for (int i = 0; i < EMBEDDED_OPTIONS; i++) {
        args[n++] = embedded_options[i][0];
        args[n++] = embedded_options[i][1];
    }
    args[n] = NULL;
}

/* Starts the process; 0 or an error of libuv. */
static int embedded_spawn(struct embedded *e)
{
    const char *args[2 * EMBEDDED_OPTIONS + 7];
    embedded_words(e, args);
    embedded_rotate_log(e);
    uv_stdio_container_t io[3] = {{.flags = UV_IGNORE}, {.flags = UV_IGNORE}, {.flags = UV_IGNORE}};
    char **env = embedded_env();
    uv_process_options_t options = {
        .file = args[0],
        .args = (char **)args, /* libuv does not write to them */
        .env = env,
        .cwd = e->data_dir,
        .exit_cb = embedded_exited,
        .stdio = io,
        .stdio_count = 3,
        /* its own session: Ctrl-C at a terminal ends us, and we end it when all is written */
        .flags = UV_PROCESS_DETACHED};
    e->process.data = e;
    int rc = uv_spawn(e->loop, &e->process, &options);
    embedded_free_env(env);
    e->running = rc == 0;
    e->handle_open = true;
    e->started_ms = uv_now(e->loop);
    return rc;
}

static void embedded_restart(uv_timer_t *timer)
{
    struct embedded *e = timer->data;
    e->backoff_ms =
        e->backoff_ms * 2 < EMBEDDED_BACKOFF_MAX_MS ? e->backoff_ms * 2 : EMBEDDED_BACKOFF_MAX_MS;
    int rc = embedded_spawn(e);
    if (rc == 0) {
        log_info("redis-server started", "pid", log_int(e->process.pid), NULL);
        return;
    }
    log_error("redis-server cannot be started", "error", uv_strerror(rc), NULL);
    uv_close((uv_handle_t *)&e->process, embedded_process_closed);
}

/* Has the child ended already? Looks without reaping, which is the loop's. */
static bool embedded_is_dead(const struct embedded *e)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)e->process.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
}

/* Asks for a sign of life: '+' it serves, '-' it still loads its data, 0 nobody answers. */
static char embedded_ping(const struct embedded *e)
{
    char first = 0;
    struct timeval timeout = {1, 0};
    int fd = embedded_connect(e);
    if (fd < 0)
        return 0;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (send(fd, "PING\r\n", 6, MSG_NOSIGNAL) != 6 || recv(fd, &first, 1, 0) != 1)
        first = 0;
    close(fd);
    return first;
}

/* Waits until it serves: a few milliseconds, and whoever connects next finds it. Much data takes longer to load; then it
 * is enough that it is at it, the links wait for it. */
static bool embedded_wait(struct embedded *e, struct buf *err)
{
    char sign = 0;
    for (int waited = 0; waited < EMBEDDED_START_MS && sign != '+'; waited += 2) {
        sign = embedded_ping(e);
        if (sign == 0 && embedded_is_dead(e))
            break;
        if (sign != '+')
            embedded_sleep(2);
    }
    if (sign != 0)
        return true;
    struct buf last = {0};
    embedded_last_words(e, &last);
    buf_addf(err, "redis-server did not start in %s; its last words: %s", e->data_dir,
             last.len ? buf_cstr(&last) : "(none)");
    buf_free(&last);
    return false;
}

/* ---- start and stop ---- */

/* Our way to the socket: its path, or a short one through an open directory where the path is too long for the kernel. */
static void embedded_name_socket(struct embedded *e)
{
    struct buf path = {0}, url = {0};
    buf_addf(&path, "%s/redis.sock", e->data_dir);
    if (path.len >= sizeof((struct sockaddr_un *)0)->sun_path) {
        e->dir_fd = open(e->data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        buf_reset(&path);
        buf_addf(&path, "/proc/self/fd/%d/redis.sock", e->dir_fd);
    }
    buf_addf(&url, "unix://%s", buf_cstr(&path));
    e->socket = buf_take(&path);
    e->url = buf_take(&url);
}

static bool embedded_begin(struct embedded *e, struct buf *err)
{
    if (!embedded_end_orphan(e, err))
        return false;
    if (!embedded_has_program("redis-server")) {
        buf_adds(err,
                 "redis-server is not installed: install the package redis-server, or configure "
                 "`redis`");
        return false;
    }
    int rc = embedded_spawn(e);
    if (rc == 0)
        return embedded_wait(e, err);
    e->stopping = true;
    uv_close((uv_handle_t *)&e->process, embedded_process_closed);
    buf_addf(err, "redis-server cannot be started: %s", uv_strerror(rc));
    return false;
}

struct embedded *embedded_start(uv_loop_t *loop, const char *data_dir, struct buf *err)
{
    struct embedded *e = MEM_NEW(struct embedded);
    e->loop = loop;
    e->dir_fd = -1;
    e->backoff_ms = EMBEDDED_BACKOFF_MIN_MS;
    e->data_dir = realpath(data_dir, NULL);
    if (!e->data_dir)
        e->data_dir = mem_strdup(data_dir);
    struct buf log = {0};
    buf_addf(&log, "%s/redis.log", e->data_dir);
    e->log_path = buf_take(&log);
    embedded_name_socket(e);
    uv_timer_init(loop, &e->timer);
    e->timer.data = e;
    if (embedded_begin(e, err)) {
        log_info("redis-server started", "pid", log_int(e->process.pid), "socket", e->socket, NULL);
        return e;
    }
    embedded_stop(e, NULL, NULL);
    return NULL;
}

const char *embedded_url(const struct embedded *e)
{
    return e->url;
}

int embedded_pid(const struct embedded *e)
{
    return e->running ? e->process.pid : -1;
}

static void embedded_kill(uv_timer_t *timer)
{
    struct embedded *e = timer->data;
    log_warn("redis-server does not end; it is killed", "pid", log_int(e->process.pid), NULL);
    uv_process_kill(&e->process, SIGKILL);
}

void embedded_stop(struct embedded *e, void (*done)(void *ud), void *ud)
{
    e->stopping = true;
    e->done = done;
    e->done_ud = ud;
    if (!e->running) {
        if (!e->handle_open) /* else its close callback finishes */
            embedded_finish(e);
        return;
    }
    uv_process_kill(&e->process, SIGTERM);
    uv_timer_start(&e->timer, embedded_kill, EMBEDDED_STOP_MS, 0);
}
