/* play.c -- `sopd play`: a prompt in which one types as members of a demo group. Everything behind it is the real thing:
 * embedded Redis, turns, commits, outbox; only the gateway is a playground (gateway/playground.h).
 * At a terminal the clock runs; with --script or a pipe it stands still between lines, so transcripts repeat. */
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/play/play.h"
#include "cli/play/play_setup.h"
#include "cli/serve/stage.h"
#include "cli/serve/stage_expiry.h"
#include "engine/engine.h"
#include "lua/config.h"
#include "store/settings.h"

enum {
    PLAY_TICK_MS = 2,
    PLAY_QUIET_MS = 4,
    PLAY_PATIENCE_MS = 15000,
    PLAY_LINE_MS = 1000,
    PLAY_GRACE_MS = 2000
};

static const char play_usage[] =
    "Usage: sopd play [--script FILE] [--plain] [OPTION...]\n"
    "\n"
    "A prompt in which you type as members of a demo group: `小美: 打卡`, `/join 小王`, `/time +1d`, `/help`.\n"
    "With --script, or when standard input is no terminal, lines are worked off one after the other with a clock that\n"
    "only they move, and the transcript is printed.\n"
    "\n"
    "  -s, --script FILE    lines from a file; - is standard input\n"
    "  -p, --plain          no colours, no line editing\n"
    "  -S, --sop DIR        SOP folder (default: ./sop, else the one of the installation)\n"
    "  -b, --playbook NAME  the playbook to play (default: demo)\n"
    "  -d, --data-dir DIR   keep the state there (default: a new folder each time, removed at the end)\n"
    "  -t, --start TIME     the clock's first moment for scripts (default: 2026-03-02 10:00)\n"
    "  -c, --config FILE    play with the SOP folders, time zone and limits of a configuration\n"
    "  -v, --verbose        log to standard error instead of DATA_DIR/sopd.log\n"
    "  -h, --help           this text\n";

/* ---- what the bot does ---- */

/* "[店员群] " before what is not said in the group at hand. */
static void play_where(const struct play *p, const char *chat, const char *name, struct buf *out)
{
    if (strcmp(chat, p->chat) == 0)
        return;
    if (*chat == '@')
        buf_addf(out, "[私聊 %s] ", playground_name(p->gateway, chat + 1));
    else
        buf_addf(out, "[%s] ", name && *name ? name : chat);
}

static void play_on_message(void *ud, const struct playground_message *m)
{
    struct play *p = ud;
    struct buf line = {0};
    play_mark_time(p);
    play_where(p, m->chat, m->chat_name, &line);
    buf_addf(&line, "%s: ", playground_name(p->gateway, "10000"));
    for (const char *c = m->text; *c; c++) { /* further lines of a message are set in */
        buf_addc(&line, *c);
        if (*c == '\n')
            buf_adds(&line, "    ");
    }
    term_print(STYLE_BOT, "%s", buf_cstr(&line));
    buf_free(&line);
    if (strcmp(m->chat, p->chat) == 0) {
        free(p->bot_message);
        p->bot_message = mem_strdup(m->message_id);
    }
}

static void play_on_action(void *ud, const char *chat, const char *text)
{
    struct play *p = ud;
    struct buf where = {0};
    play_mark_time(p);
    play_where(p, chat, NULL, &where);
    term_print(STYLE_DIM, "%s* %s", buf_cstr(&where), text);
    buf_free(&where);
}

/* ---- lock-step: a line, then everything it causes, then the next ---- */

static bool play_is_quiet(const struct play *p)
{
    return engine_quiet(p->daemon->engine) && playground_pending(p->gateway) == 0 &&
           settings_quiet(p->daemon->settings) && redis_pending(p->redis) == 0;
}

static void play_on_settle(uv_timer_t *timer)
{
    struct play *p = timer->data;
    p->waited_ms += PLAY_TICK_MS;
    if (!play_is_quiet(p) && p->waited_ms < PLAY_PATIENCE_MS)
        return;
    if (play_is_quiet(p) &&
        p->waited_ms < PLAY_QUIET_MS) /* edits of settings come by another way: a moment longer */
        return;
    if (p->waited_ms >= PLAY_PATIENCE_MS)
        term_print(STYLE_WARN, "something is not done after %d s; going on",
                   PLAY_PATIENCE_MS / 1000);
    p->waited_ms = 0;
    if (p->target_ms && play_step_clock(p))
        return;
    uv_timer_stop(&p->settle);
    p->busy = false;
    play_next(p);
}

/* The engine has nothing to do: while the clock is being turned the next step follows at once, without the timer. */
static void play_on_idle(void *ud)
{
    struct play *p = ud;
    if (p->target_ms && p->busy && play_is_quiet(p)) {
        p->waited_ms = 0;
        play_step_clock(p);
    }
}

void play_settle(struct play *p)
{
    p->busy = true;
    p->waited_ms = 0;
    uv_timer_start(&p->settle, play_on_settle, PLAY_TICK_MS, PLAY_TICK_MS);
}

/* Works one line off. /state answers later and settles by itself. */
static void play_take(struct play *p, char *line)
{
    bool turning = p->target_ms != 0;
    if (p->script) {
        if (*line)
            term_print(STYLE_PLAIN, "%s", line);
        clock_advance(&p->daemon->clock, PLAY_LINE_MS);
        engine_clock_changed(p->daemon->engine);
    }
    p->busy = true;
    play_line(p, line);
    if (!turning && p->target_ms)
        p->shown_minute = 0;
    if (strncmp(line, "/state", 6) != 0)
        play_settle(p);
}

void play_next(struct play *p)
{
    if (p->busy || !p->ready || p->ending)
        return;
    char *end = p->input.len ? memchr(p->input.data, '\n', p->input.len) : NULL;
    if (!end && p->input_end && p->input.len) {
        buf_addc(&p->input, '\n');
        end = p->input.data + p->input.len - 1;
    }
    if (!end) {
        if (p->input_end)
            play_end(p);
        return;
    }
    size_t len = (size_t)(end - p->input.data);
    char *line = mem_strndup(p->input.data, len);
    buf_consume(&p->input, len + 1);
    play_take(p, line);
    free(line);
    if (!p->script && !p->ending) {
        struct buf prompt = {0};
        buf_addf(&prompt, "%s> ", p->speaker);
        term_set_prompt(buf_cstr(&prompt));
        buf_free(&prompt);
    }
}

/* ---- input ---- */

static void play_on_line(void *ud, char *line)
{
    struct play *p = ud;
    if (line) {
        buf_adds(&p->input, line);
        buf_addc(&p->input, '\n');
    } else {
        p->input_end = true;
    }
    free(line);
    play_next(p);
}

static void play_on_input(uv_poll_t *poll, int status, int events)
{
    struct play *p = poll->data;
    (void)events;
    if (!p->script && !p->plain) {
        term_read();
        return;
    }
    ssize_t n = status < 0 ? 0 : read(STDIN_FILENO, buf_reserve(&p->input, 4096), 4096);
    if (n > 0) {
        p->input.len += (size_t)n;
    } else {
        p->input_end = true;
        uv_poll_stop(poll);
    }
    play_next(p);
}

/* Files are read at once; pipes and terminals as they come. */
static bool play_open_input(struct play *p, const char *script)
{
    bool from_stdin = !script || strcmp(script, "-") == 0;
    if (from_stdin && uv_guess_handle(STDIN_FILENO) != UV_FILE) {
        uv_poll_init(&p->loop, &p->poll, STDIN_FILENO);
        p->poll.data = p;
        p->polling = true;
        return true;
    }
    FILE *f = from_stdin ? stdin : fopen(script, "re");
    if (!f)
        return false;
    size_t n = 1;
    while (n > 0) {
        n = fread(buf_reserve(&p->input, 65536), 1, 65536, f);
        p->input.len += n;
    }
    if (!from_stdin)
        fclose(f);
    p->input_end = true;
    return true;
}

/* ---- life ---- */

void play_reload(struct play *p)
{
    struct buf out = {0};
    bool ok = play_setup_reload(p, &out);
    if (ok)
        stage_name_staff(p->gateway, p->daemon->book);
    while (out.len && out.data[out.len - 1] == '\n')
        out.len--;
    term_print(ok ? STYLE_DIM : STYLE_WARN, "%s%s",
               ok ? "reloaded" : "refused; the old SOPs stay:\n", ok ? "" : buf_cstr(&out));
    buf_free(&out);
}

static void play_ready(void *ud)
{
    struct play *p = ud;
    static const struct playground_watch watch = {.on_message = play_on_message,
                                                  .on_action = play_on_action};
    struct playground_watch mine = watch;
    mine.ud = p;
    p->gateway = engine_gateway(p->daemon->engine, PLAY_GATEWAY);
    playground_set_watch(p->gateway, &mine);
    playground_set_self_name(p->gateway, stage_bot_name(p->daemon->book));
    playground_add_group(p->gateway, p->chat, "演示群");
    playground_add_group(p->gateway, "staff", "店员群");
    stage_name_staff(p->gateway, p->daemon->book);
    if (p->daemon->embedded)
        p->expiry = stage_expiry_open(p->daemon->redis.path);
    p->ready = true;
    if (!p->script) {
        term_print(STYLE_DIM, "sopd %s, group 演示群, bot %s. Type `小美: 打卡`, or /help.",
                   SOPD_VERSION, stage_bot_name(p->daemon->book));
        play_show_clock(p);
        term_set_prompt("小美> ");
    }
    if (p->polling)
        uv_poll_start(&p->poll, UV_READABLE, play_on_input);
    play_settle(p);
}

static void play_stopped(void *ud)
{
    struct play *p = ud;
    if (p->polling)
        uv_close((uv_handle_t *)&p->poll, NULL);
    uv_close((uv_handle_t *)&p->settle, NULL);
    uv_close((uv_handle_t *)&p->check, NULL);
    uv_close((uv_handle_t *)&p->interrupt, NULL);
    uv_close((uv_handle_t *)&p->term, NULL);
    uv_close((uv_handle_t *)&p->hangup, NULL);
}

void play_end(struct play *p)
{
    if (p->ending)
        return;
    p->ending = true;
    if (p->polling)
        uv_poll_stop(&p->poll);
    uv_timer_stop(&p->settle);
    term_close();
    play_setup_save_clock(p);
    if (p->redis)
        redis_destroy(p->redis, NULL, NULL);
    p->redis = NULL;
    stage_expiry_close(p->expiry);
    p->expiry = NULL;
    daemon_stop(p->daemon, PLAY_GRACE_MS);
}

static void play_on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    play_end(handle->data);
}

/* Our own link is flushed like all others, once a loop iteration. */
static void play_on_check(uv_check_t *check)
{
    struct play *p = check->data;
    if (p->redis)
        redis_flush(p->redis);
}

static void play_watch(struct play *p)
{
    uv_check_init(&p->loop, &p->check);
    p->check.data = p;
    uv_check_start(&p->check, play_on_check);
    uv_timer_init(&p->loop, &p->settle);
    uv_signal_init(&p->loop, &p->interrupt);
    uv_signal_init(&p->loop, &p->term);
    uv_signal_init(&p->loop, &p->hangup);
    p->settle.data = p->interrupt.data = p->term.data = p->hangup.data = p;
    uv_signal_start(&p->interrupt, play_on_signal, SIGINT);
    uv_signal_start(&p->term, play_on_signal, SIGTERM);
    uv_signal_start(&p->hangup, play_on_signal, SIGHUP);
}

/* Starts the parts and runs the loop to its end. */
static void play_run(struct play *p)
{
    struct buf err = {0};
    struct daemon *d = p->daemon;
    d->on_ready = play_ready;
    d->on_idle = play_on_idle;
    d->on_stopped = play_stopped;
    d->ud = p;
    play_watch(p);
    p->code = daemon_start(d, &err);
    if (p->code == CLI_OK) {
        struct redis_opts opts = {.addr = &d->redis, .name = "sopd-play"};
        p->redis = redis_create(&p->loop, &d->clock, &opts);
    } else {
        fprintf(stderr, "sopd play: %s\n", buf_cstr(&err));
        play_end(p);
    }
    buf_free(&err);
    uv_run(&p->loop, UV_RUN_DEFAULT);
}

static int play_main(struct play *p, const struct play_options *o)
{
    struct buf err = {0};
    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&p->loop);
    p->chat = mem_strdup("demo");
    p->speaker = mem_strdup("小美");
    if (!play_open_input(p, o->script)) {
        fprintf(stderr, "sopd play: %s cannot be read\n", o->script);
        p->code = CLI_FAILED;
    } else {
        p->code = play_setup(p, o, &err);
    }
    if (p->code == CLI_OK) {
        term_open(!p->script && !p->plain, !p->script && !p->plain, play_setup_history(p),
                  play_on_line, p);
        play_run(p);
    } else {
        cli_print_problems(&err);
        if (p->polling)
            uv_close((uv_handle_t *)&p->poll, NULL);
    }
    buf_free(&err);
    daemon_free(p->daemon);
    uv_run(&p->loop, UV_RUN_DEFAULT);
    uv_loop_close(&p->loop);
    play_setup_clean(p);
    return p->code;
}

int cli_play(int argc, char **argv)
{
    static const struct option options[] = {
        {"script", required_argument, NULL, 's'},   {"plain", no_argument, NULL, 'p'},
        {"sop", required_argument, NULL, 'S'},      {"playbook", required_argument, NULL, 'b'},
        {"data-dir", required_argument, NULL, 'd'}, {"start", required_argument, NULL, 't'},
        {"config", required_argument, NULL, 'c'},   {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},           {0}};
    struct play_options o = {0};
    struct play p = {0};
    for (int c; (c = getopt_long(argc, argv, ":s:pS:b:d:t:c:vh", options, NULL)) != -1;) {
        switch (c) {
        case 's': o.script = optarg; break;
        case 'p': p.plain = true; break;
        case 'S': o.sop = optarg; break;
        case 'b': o.playbook = optarg; break;
        case 'd': o.data_dir = optarg; break;
        case 't': o.start = optarg; break;
        case 'c': o.config = optarg; break;
        case 'v': p.verbose = true; break;
        case 'h': fputs(play_usage, stdout); return CLI_OK;
        default: return cli_bad_option("play", c, argv);
        }
    }
    if (optind < argc)
        return cli_usage("play", "unexpected argument '%s'", argv[optind]);
    p.script = o.script || !isatty(STDIN_FILENO);
    return play_main(&p, &o);
}
