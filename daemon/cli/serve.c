/* serve.c -- `sopd serve`: the daemon. Signals, systemd, and exit codes are here; its parts are in cli/daemon.c. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "admin/notify.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/daemon.h"
#include "engine/engine.h"
#include "lua/config.h"

enum {
    SERVE_GRACE_MS = 4000,   /* for turns that run; the rest of the 5 s is for closing */
    SERVE_LAST_MS = 12000,   /* then we leave, closed or not */
    SERVE_EXTEND_MS = 30000, /* while Redis is away at the start */
    SERVE_STUCK_S = 10       /* a loop later than this is not reported as alive */
};

static const char serve_help[] =
    "Usage: sopd serve [--config FILE]\n"
    "\n"
    "Runs the daemon in the foreground; logs go to stderr. SIGTERM and SIGINT finish what runs (at most 5 s) and end it\n"
    "with exit code 0; SIGHUP loads configuration, playbooks and flows anew.\n"
    "\n"
    "  -c, --config FILE  the configuration (default: $SOPD_CONFIG, else /etc/sopd/sopd.lua)\n"
    "  -h, --help         this text\n";

struct serve {
    uv_loop_t loop;
    const char *file;
    struct daemon *daemon;
    uv_signal_t term, interrupt, hangup;
    uv_timer_t watchdog, starting, last;
    int handles;
    int code;
    bool stopping;
};

/* ---- stopping ---- */

static void serve_last_resort(uv_timer_t *timer)
{
    (void)timer;
    log_error("the daemon does not close; leaving", NULL);
    _exit(CLI_FAILED);
}

static void serve_stop(struct serve *s, int64_t grace_ms)
{
    if (s->stopping)
        return;
    s->stopping = true;
    notify_stopping();
    uv_timer_start(&s->last, serve_last_resort, SERVE_LAST_MS, 0);
    uv_unref((uv_handle_t *)&s->last);
    uv_timer_stop(&s->starting);
    daemon_stop(s->daemon, grace_ms);
}

static void serve_stopped(void *ud)
{
    struct serve *s = ud;
    uv_handle_t *const handles[] = {(uv_handle_t *)&s->term,     (uv_handle_t *)&s->interrupt,
                                    (uv_handle_t *)&s->hangup,   (uv_handle_t *)&s->watchdog,
                                    (uv_handle_t *)&s->starting, (uv_handle_t *)&s->last};
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++)
        uv_close(handles[i], NULL);
}

static void serve_on_term(uv_signal_t *handle, int number)
{
    struct serve *s = handle->data;
    log_info(s->stopping ? "signal again; still stopping" : "stopping", "signal",
             number == SIGINT ? "INT" : "TERM", NULL);
    serve_stop(s, SERVE_GRACE_MS);
}

/* ---- reload ---- */

static void serve_log_lines(enum log_level level, const char *msg, struct buf *lines)
{
    char *save = NULL;
    if (!lines->len)
        return;
    for (char *line = strtok_r((char *)buf_cstr(lines), "\n", &save); line;
         line = strtok_r(NULL, "\n", &save))
        log_write(level, msg, "at", line, NULL);
}

static bool serve_reload(void *ud, struct buf *out)
{
    struct serve *s = ud;
    if (s->stopping) {
        buf_adds(out, "the daemon is stopping");
        return false;
    }
    notify_reloading();
    bool ok = daemon_reload(s->daemon, out);
    if (ok)
        log_info("reloaded", "summary", buf_cstr(out), NULL);
    else
        log_error("reload refused; the configuration and SOPs in force stay", NULL);
    notify_ready(ok ? "Serving" : "Serving; the last reload was refused");
    return ok;
}

static void serve_on_hangup(uv_signal_t *handle, int number)
{
    struct buf out = {0};
    (void)number;
    if (!serve_reload(handle->data, &out))
        serve_log_lines(LOG_LEVEL_ERROR, "problem", &out);
    buf_free(&out);
}

/* ---- systemd ---- */

/* Called by the loop: that it is called at all says that the loop turns; the lag says whether its drain keeps up. */
static void serve_on_watchdog(uv_timer_t *timer)
{
    struct serve *s = timer->data;
    struct engine_health h = {0};
    if (s->daemon->engine && !s->stopping)
        engine_health(s->daemon->engine, &h);
    if (h.loop_lag_s < SERVE_STUCK_S)
        notify_watchdog();
    else
        log_warn("the loop is too late to be called alive", "lag_s", log_int((int64_t)h.loop_lag_s),
                 NULL);
}

static void serve_on_starting(uv_timer_t *timer)
{
    struct serve *s = timer->data;
    notify_extend(SERVE_EXTEND_MS * 2);
    log_warn("still waiting for Redis", "redis", s->daemon->admin.redis, NULL);
}

static void serve_ready(void *ud)
{
    struct serve *s = ud;
    const struct config *c = s->daemon->config;
    uv_timer_stop(&s->starting);
    log_info("ready", "gateways", log_int(c->ngateways), "playbooks",
             log_int(s->daemon->book->nbooks), "redis", s->daemon->admin.redis, "version",
             SOPD_VERSION, NULL);
    notify_ready("Serving");
}

/* ---- start ---- */

static void serve_raise_nofile(void)
{
    struct rlimit lim;
    if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < lim.rlim_max) {
        lim.rlim_cur = lim.rlim_max < 65536 ? lim.rlim_max : 65536;
        setrlimit(RLIMIT_NOFILE, &lim);
    }
}

static void serve_watch(struct serve *s)
{
    uv_signal_t *const signals[] = {&s->term, &s->interrupt, &s->hangup};
    uv_timer_t *const timers[] = {&s->watchdog, &s->starting, &s->last};
    for (int i = 0; i < 3; i++) {
        uv_signal_init(&s->loop, signals[i]);
        uv_timer_init(&s->loop, timers[i]);
        signals[i]->data = timers[i]->data = s;
    }
    uv_signal_start(&s->term, serve_on_term, SIGTERM);
    uv_signal_start(&s->interrupt, serve_on_term, SIGINT);
    uv_signal_start(&s->hangup, serve_on_hangup, SIGHUP);
    uv_timer_start(&s->starting, serve_on_starting, SERVE_EXTEND_MS, SERVE_EXTEND_MS);
    int64_t every = notify_watchdog_ms();
    if (every > 0)
        uv_timer_start(&s->watchdog, serve_on_watchdog, 0, (uint64_t)every);
}

static int serve_load(struct serve *s)
{
    struct buf err = {0};
    int code = CLI_PROBLEMS;
    struct config *c = config_load(s->file, 0, &err);
    if (c) {
        log_set_level(c->log_level);
        s->daemon = daemon_create(&s->loop, c, false, &err);
    }
    if (s->daemon) {
        serve_log_lines(LOG_LEVEL_WARN, "check your files", &s->daemon->config->warnings);
        code = CLI_OK;
    }
    serve_log_lines(LOG_LEVEL_ERROR, "problem", &err);
    buf_free(&err);
    return code;
}

static void serve_run(struct serve *s)
{
    struct buf err = {0};
    struct daemon *d = s->daemon;
    d->on_ready = serve_ready;
    d->on_stopped = serve_stopped;
    d->ud = s;
    d->admin.reload = serve_reload;
    d->admin.ud = s;
    serve_watch(s);
    s->code = daemon_start(d, &err);
    if (s->code != CLI_OK) {
        log_error("cannot start", "reason", buf_cstr(&err), NULL);
        serve_stop(s, 0);
    }
    buf_free(&err);
    uv_run(&s->loop, UV_RUN_DEFAULT);
}

static int serve_main(const char *file)
{
    struct serve s = {.file = file};
    signal(SIGPIPE, SIG_IGN);
    serve_raise_nofile();
    notify_init();
    if (uv_loop_init(&s.loop) != 0)
        return CLI_FAILED;
    s.code = serve_load(&s);
    if (s.code == CLI_OK) {
        serve_run(&s);
        daemon_free(s.daemon);
    }
    uv_run(&s.loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&s.loop) != 0)
        log_debug("handles were left on the loop", NULL);
    log_info("stopped", "code", log_int(s.code), NULL);
    notify_close();
    return s.code;
}

int cli_serve(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
    const char *file = cli_default_config();
    for (int o; (o = getopt_long(argc, argv, ":c:h", options, NULL)) != -1;) {
        switch (o) {
        case 'c': file = optarg; break;
        case 'h': fputs(serve_help, stdout); return CLI_OK;
        default: return cli_bad_option("serve", o, argv);
        }
    }
    if (optind < argc)
        return cli_usage("serve", "unexpected argument '%s'", argv[optind]);
    return serve_main(file);
}
