/* play.h -- what the files of `sopd play` share: the session, its clock, its lines, its terminal. */
#ifndef SOPD_CLI_PLAY_H
#define SOPD_CLI_PLAY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <uv.h>

#include "base/buf.h"
#include "cli/serve/daemon.h"
#include "cli/serve/stage.h"
#include "gateway/playground.h"

struct redis;
struct stage_expiry;
struct zone;

#define PLAY_GATEWAY STAGE_GATEWAY

struct play {
    uv_loop_t loop;
    uv_signal_t interrupt, term, hangup;
    uv_poll_t poll;    /* standard input */
    uv_timer_t settle; /* waits until the engine has nothing to do */
    uv_check_t check;
    struct daemon *daemon;
    struct gateway *gateway;
    struct redis *redis;         /* for /state and /toggle */
    struct stage_expiry *expiry; /* NULL: Redis is not our own, and keys expire by its clock */
    const struct zone *zone;
    FILE *log;
    char *dir;         /* data directory */
    char *chat;        /* where lines are said */
    char *speaker;     /* who says lines without a name */
    char *bot_message; /* id of the bot's last message here */
    struct buf input;  /* bytes that are not yet lines */
    int64_t waited_ms;
    int64_t target_ms;    /* the clock is being turned to this moment; 0 = it is not */
    int64_t shown_minute; /* of the last time mark */
    int code;
    bool dir_is_ours; /* made for this play: removed at its end */
    bool script;      /* lines come from a file or a pipe: lock-step, virtual clock, transcript */
    bool plain, verbose;
    bool input_end; /* no more lines will come */
    bool polling;
    bool busy; /* a line is being worked off */
    bool ready, ending;
};

/* ---- play.c ---- */
void play_end(struct play *p);
/* Takes the next line if there is one and nothing is going on. */
void play_next(struct play *p);
/* Loads the SOPs anew. */
void play_reload(struct play *p);

/* ---- play_lines.c: what a line means ---- */
void play_line(struct play *p, char *line);

/* ---- play_clock.c ---- */
/* "+1d", "-1h"? no: forward only; "20:30" the next such moment; "2026-03-05 09:00". False: not understood. */
bool play_turn_clock(struct play *p, const char *text);
/* The next step towards target_ms; false when it is reached. */
bool play_step_clock(struct play *p);
void play_show_clock(struct play *p);
/* Before a message of the bot: a line with the time if the minute changed while the clock was turned. */
void play_mark_time(struct play *p);

/* ---- play_state.c ---- */
/* Prints the keys of this gateway that contain `word` ("" all), then calls play_settle. */
void play_state(struct play *p, const char *word);

/* Waits until everything that a line caused is done, then goes on with the next one. */
void play_settle(struct play *p);

/* ---- play_term.c ---- */
enum play_style { STYLE_PLAIN, STYLE_BOT, STYLE_DIM, STYLE_WARN };
/* Prepares the terminal: `on_line` gets each line (to free), NULL at the end. With plain or without a terminal this only
 * remembers. */
void term_open(bool readline, bool colour, const char *history,
               void (*on_line)(void *ud, char *line), void *ud);
void term_set_prompt(const char *prompt);
/* Reads what the terminal has (readline only). */
void term_read(void);
void term_print(enum play_style style, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void term_close(void);

#endif
