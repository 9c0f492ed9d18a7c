/* play_setup.c -- see play_setup.h. */
#include "cli/play/play_setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/serve/stage.h"
#include "engine/engine.h"
#include "lua/config.h"
#include "lua/playbook.h"

static void play_log_line(void *ud, const char *line)
{
    struct play *p = ud;
    fputs(line, p->log);
    fputc('\n', p->log);
    fflush(p->log);
}

static void play_log_nothing(void *ud, const char *line)
{
    (void)ud;
    (void)line;
}

/* ---- folders ---- */

static bool play_make_dir(struct play *p, const char *given, struct buf *err)
{
    if (given) {
        if (mkdir(given, 0700) != 0 && errno != EEXIST) {
            buf_addf(err, "sopd play: %s cannot be made: %s\n", given, strerror(errno));
            return false;
        }
        p->dir = realpath(given, NULL);
        return p->dir != NULL;
    }
    buf_adds(err, "sopd play: ");
    p->dir = stage_make_dir("sopd-play-", err);
    p->dir_is_ours = p->dir != NULL;
    if (p->dir)
        buf_reset(err);
    return p->dir != NULL;
}

void play_setup_clean(struct play *p)
{
    log_set_sink(NULL, NULL);
    if (p->log)
        fclose(p->log);
    if (p->dir_is_ours)
        stage_remove_dir(p->dir);
    free(p->dir);
    free(p->chat);
    free(p->speaker);
    free(p->bot_message);
    buf_free(&p->input);
}

const char *play_setup_history(const struct play *p)
{
    static char path[4096];
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    (void)p;
    if (state && *state == '/')
        snprintf(path, sizeof path, "%s/sopd/history", state);
    else if (home && *home == '/')
        snprintf(path, sizeof path, "%s/.local/state/sopd/history", home);
    else
        return NULL;
    return path;
}

/* ---- the clock's first moment ---- */

static char *play_clock_file(const struct play *p)
{
    struct buf b = {0};
    buf_addf(&b, "%s/play.clock", p->dir);
    return buf_take(&b);
}

void play_setup_save_clock(const struct play *p)
{
    char *path = play_clock_file(p);
    FILE *f = p->dir_is_ours ? NULL : fopen(path, "we");
    if (f) {
        fprintf(f, "%lld\n", (long long)clock_wall(&p->daemon->clock));
        fclose(f);
    }
    free(path);
}

static bool play_first_moment(const struct play *p, const char *start, int64_t *out)
{
    if (!stage_parse_moment(p->zone, start, out))
        return false;
    char *path = play_clock_file(p);
    FILE *f = fopen(path, "re");
    long long saved = 0;
    if (f) {
        if (fscanf(f, "%lld", &saved) == 1 && saved + 60000 > *out)
            *out = saved + 60000; /* the session goes on where the last one in this folder ended */
        fclose(f);
    }
    free(path);
    return true;
}

/* ---- the configuration ---- */

/* The text of a configuration; the real reader reads it. */
static struct config *play_make_config(struct play *p, const struct play_options *o,
                                       struct buf *err)
{
    struct buf b = {0};
    char *sop = stage_find_sop(o->sop);
    if (!sop) {
        buf_addf(err, "sopd play: there is no SOP folder%s%s; name one with --sop\n",
                 o->sop ? " " : " here", o->sop ? o->sop : "");
        return NULL;
    }
    buf_adds(&b, "return { data_dir = ");
    stage_add_quoted(&b, p->dir, strlen(p->dir));
    buf_adds(&b, ", sop = { ");
    stage_add_quoted(&b, sop, strlen(sop));
    buf_adds(&b, " }, playbooks = { ");
    const char *playbook = o->playbook ? o->playbook : "demo";
    stage_add_quoted(&b, playbook, strlen(playbook));
    buf_adds(&b, " }, gateways = { { name = \"" PLAY_GATEWAY "\", type = \"playground\" } } }");
    struct config *c = config_parse(b.data, b.len, "play", 0, err);
    buf_free(&b);
    free(sop);
    return c;
}

/* A given configuration without its gateways: they are replaced by the playground. */
static struct config *play_load_config(struct play *p, const struct play_options *o,
                                       struct buf *err)
{
    struct buf ours = {0};
    struct config *c = config_load(o->config, CONFIG_NO_SECRETS, err);
    struct config *play = c ? play_make_config(p, o, err) : NULL;
    if (play) {
        char **sop = play->sop, **books = play->playbooks, *zone = play->timezone;
        int nsop = play->nsop;
        play->sop = c->sop;
        play->nsop = c->nsop;
        play->timezone = c->timezone;
        c->sop = sop;
        c->nsop = nsop;
        c->timezone = zone;
        if (!o->playbook) {
            play->playbooks = c->playbooks;
            c->playbooks = books;
        }
        play->lua_memory = c->lua_memory;
        play->lua_instructions = c->lua_instructions;
    }
    buf_free(&ours);
    config_free(c);
    return play;
}

static bool play_open_log(struct play *p)
{
    if (p->verbose)
        return true;
    struct buf b = {0};
    buf_addf(&b, "%s/sopd.log", p->dir);
    p->log = fopen(buf_cstr(&b), "ae");
    buf_free(&b);
    log_set_sink(p->log ? play_log_line : play_log_nothing, p);
    return p->log != NULL;
}

int play_setup(struct play *p, const struct play_options *o, struct buf *err)
{
    if (!play_make_dir(p, o->data_dir, err))
        return CLI_FAILED;
    play_open_log(p);
    struct config *c = o->config ? play_load_config(p, o, err) : play_make_config(p, o, err);
    if (!c)
        return CLI_PROBLEMS;
    p->zone = zone_get(c->timezone);
    int64_t first = 0;
    if (!play_first_moment(p, o->start ? o->start : "2026-03-02 10:00", &first)) {
        buf_addf(err, "sopd play: --start must be like \"2026-03-02 10:00\"\n");
        config_free(c);
        return CLI_USAGE;
    }
    p->daemon = daemon_create(&p->loop, c, p->script, err);
    if (!p->daemon)
        return CLI_PROBLEMS;
    if (p->script)
        clock_init_virtual(&p->daemon->clock, first);
    return CLI_OK;
}

bool play_setup_reload(struct play *p, struct buf *out)
{
    struct daemon *d = p->daemon;
    struct buf warnings = {0};
    struct book *book = playbook_load(d->host, d->config, 0, out, &warnings);
    buf_free(&warnings);
    if (!book)
        return false;
    engine_set_book(d->engine, book);
    book_release(d->book);
    d->book = book;
    return true;
}
