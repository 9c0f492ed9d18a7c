/* serve.c -- `sopd serve`: the daemon. Signals, changed files, systemd, and exit codes are here; its parts are in
 * cli/serve/daemon.c. */
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
#include "cli/serve/daemon.h"
#include "cli/serve/serve_clock.h"
#include "cli/serve/watch.h"
#include "engine/engine.h"
#include "lua/config.h"

enum {
    SERVE_GRACE_MS = 4000,   /* for turns that run; the rest of the 5 s is for closing */
    SERVE_LAST_MS = 12000,   /* then we leave, closed or not */
    SERVE_EXTEND_MS = 30000, /* while Redis is away at the start */
    SERVE_STUCK_S = 10       /* a loop later than this is not reported as alive */
};

static const char serve_help[] =
    "Usage: sopd serve [--config FILE] [--clock START]\n"
    "\n"
    "Runs the daemon in the foreground; logs go to stderr. SIGTERM and SIGINT finish what runs (at most 5 s) and end it\n"
    "with exit code 0. Changed SOPs and configuration are taken by themselves when they are good (`sop_watch`); SIGHUP\n"
    "looks at once.\n"
    "\n"
    "  -c, --config FILE  the configuration (default: $SOPD_CONFIG, else /etc/sopd/sopd.lua)\n"
    "      --clock START  for tests: the clock stands still at START (2031-03-05T08:00:00+08:00, or milliseconds since\n"
    "                     1970) until `sopd ctl clock` turns it\n"
    "  -h, --help         this text\n";

struct serve {
    uv_loop_t loop;
    const char *file;
    int64_t clock_ms; /* --clock; 0: the real one */
    struct serve_clock *clock;
    struct daemon *daemon;
    struct watch *watch; /* of the files that it was loaded from */
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
    serve_clock_stop(s->clock);
    uv_handle_t *const handles[] = {(uv_handle_t *)&s->term,     (uv_handle_t *)&s->interrupt,
                                    (uv_handle_t *)&s->hangup,   (uv_handle_t *)&s->watchdog,
                                    (uv_handle_t *)&s->starting, (uv_handle_t *)&s->last};
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++)
        uv_close(handles[i], NULL);
    watch_destroy(s->watch);
    s->watch = NULL;
}

static void serve_on_term(uv_signal_t *handle, int number)
{
    struct serve *s = handle->data;
    log_info(s->stopping ? "signal again; still stopping" : "stopping", "signal",
             number == SIGINT ? "INT" : "TERM", NULL);
    serve_stop(s, SERVE_GRACE_MS);
}

/* ---- reload ---- */

static bool serve_reload(struct serve *s, const char *cause, struct buf *out)
{
    if (s->stopping) {
        buf_adds(out, "the daemon is stopping");
        return false;
    }
    notify_reloading();
    bool ok = daemon_reload(s->daemon, cause, out);
    watch_enable(s->watch, s->daemon->config->sop_watch);
    s->daemon->reloads.watch = watch_how(s->watch);
    notify_ready(ok ? "Serving" : "Serving; the last reload was refused");
    return ok;
}

/* Somebody asks for it: even if nothing has changed. */
static bool serve_reload_now(struct serve *s, const char *cause, struct buf *out)
{
    watch_seen(s->watch);
    return serve_reload(s, cause, out);
}

static bool serve_on_order(void *ud, struct buf *out)
{
    return serve_reload_now(ud, "sopd ctl", out);
}

static void serve_on_hangup(uv_signal_t *handle, int number)
{
    struct buf out = {0};
    (void)number;
    serve_reload_now(handle->data, "SIGHUP", &out);
    buf_free(&out);
}

static void serve_on_changed(void *ud)
{
    struct buf out = {0};
    serve_reload(ud, "files changed", &out);
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

static void serve_idle(void *ud)
{
    serve_clock_idle(((struct serve *)ud)->clock);
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

static void serve_handles(struct serve *s)
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
        s->watch = watch_create(&s->loop, s->file, c->sop, serve_on_changed, s);
        watch_seen(s->watch);
        s->daemon = daemon_create(&s->loop, c, false, &err);
    }
    if (s->daemon) {
        daemon_smoke(s->daemon);
        code = CLI_OK;
    }
    char *save = NULL;
    for (char *line = strtok_r((char *)buf_cstr(&err), "\n", &save); line;
         line = strtok_r(NULL, "\n", &save))
        log_error("problem", "at", line, NULL);
    buf_free(&err);
    return code;
}

static void serve_run(struct serve *s)
{
    struct buf err = {0};
    struct daemon *d = s->daemon;
    d->on_ready = serve_ready;
    d->on_stopped = serve_stopped;
    if (s->clock_ms) {
        s->clock = serve_clock_create(d, s->clock_ms);
        d->on_idle = serve_idle;
    }
    d->ud = s;
    d->rollouts = true;
    d->file = s->file;
    d->admin.reload = serve_on_order;
    d->admin.ud = s;
    serve_handles(s);
    watch_enable(s->watch, d->config->sop_watch);
    d->reloads.watch = watch_how(s->watch);
    s->code = daemon_start(d, &err);
    if (s->code != CLI_OK) {
        log_error("cannot start", "reason", buf_cstr(&err), NULL);
        serve_stop(s, 0);
    }
    buf_free(&err);
    uv_run(&s->loop, UV_RUN_DEFAULT);
}

static int serve_main(const char *file, int64_t clock_ms)
{
    struct serve s = {.file = file, .clock_ms = clock_ms};
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
    watch_destroy(s.watch);
    uv_run(&s.loop, UV_RUN_DEFAULT);
    serve_clock_free(s.clock);
    if (uv_loop_close(&s.loop) != 0)
        log_debug("handles were left on the loop", NULL);
    log_info("stopped", "code", log_int(s.code), NULL);
    notify_close();
    return s.code;
}

int cli_serve(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"clock", required_argument, NULL, 'k'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    const char *file = cli_default_config();
    int64_t clock_ms = 0;
    for (int o; (o = getopt_long(argc, argv, ":c:h", options, NULL)) != -1;) {
        switch (o) {
        case 'c': file = optarg; break;
        case 'k':
            if (!serve_clock_parse(optarg, &clock_ms))
                return cli_usage("serve", "--clock: '%s' is not a time", optarg);
            break;
        case 'h': fputs(serve_help, stdout); return CLI_OK;
        default: return cli_bad_option("serve", o, argv);
        }
    }
    if (optind < argc)
        return cli_usage("serve", "unexpected argument '%s'", argv[optind]);
    return serve_main(file, clock_ms);
}
