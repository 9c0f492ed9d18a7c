/* play_term.c -- the terminal of the playground: readline with history where there is a terminal, plain lines elsewhere.
 * Messages that come while somebody types are printed above the line. Callers: the other files of `sopd play`. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "base/mem.h"
#include "cli/play/play.h"

static struct {
    bool readline, colour;
    bool shown;   /* a prompt is on the screen */
    bool in_line; /* readline has handed a line over and will show the prompt again by itself */
    char *history, *prompt;
    void (*on_line)(void *ud, char *line);
    void *ud;
} term;

static void term_line(char *line)
{
    if (!line) { /* readline's way to say that the input ended */
        rl_callback_handler_remove();
        term.shown = false;
        putchar('\n');
    } else if (*line) {
        add_history(line);
    }
    term.in_line = true;
    term.on_line(term.ud, line);
    term.in_line = false;
}

static void term_make_folder(const char *file)
{
    char *copy = mem_strdup(file);
    for (char *p = copy + 1; *p; p++) {
        if (*p == '/') {
            *p = '\0';
            mkdir(copy, 0700);
            *p = '/';
        }
    }
    free(copy);
}

void term_open(bool readline, bool colour, const char *history,
               void (*on_line)(void *ud, char *line), void *ud)
{
    term.readline = readline;
    term.colour = colour;
    term.on_line = on_line;
    term.ud = ud;
    term.history = mem_strdup(history);
    if (!readline)
        return;
    rl_readline_name = "sopd";
    rl_bind_key('\t', rl_insert);
    rl_catch_signals = 0; /* SIGINT is the loop's */
    using_history();
    stifle_history(1000);
    if (history) {
        term_make_folder(history);
        read_history(history);
    }
}

void term_set_prompt(const char *prompt)
{
    free(term.prompt);
    term.prompt = mem_strdup(prompt);
    if (!term.readline)
        return;
    if (term.shown) {
        rl_set_prompt(term.prompt);
        if (!term.in_line)
            rl_redisplay();
        return;
    }
    rl_callback_handler_install(term.prompt, term_line);
    term.shown = true;
}

void term_read(void)
{
    if (term.shown)
        rl_callback_read_char();
}

static const char *term_colour(enum play_style style)
{
    static const char *const codes[] = {"", "\x1b[32m", "\x1b[2m", "\x1b[33m"};
    return term.colour ? codes[style] : "";
}

void term_print(enum play_style style, const char *fmt, ...)
{
    va_list ap;
    bool redraw = term.shown && !term.in_line;
    if (redraw) {
        rl_clear_visible_line();
        fflush(rl_outstream);
    }
    fputs(term_colour(style), stdout);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    fputs(term.colour && style != STYLE_PLAIN ? "\x1b[0m\n" : "\n", stdout);
    fflush(stdout);
    if (redraw)
        rl_forced_update_display();
}

void term_close(void)
{
    if (term.readline) {
        if (term.shown) {
            rl_clear_visible_line();
            rl_callback_handler_remove();
        }
        if (term.history)
            write_history(term.history);
        clear_history();
    }
    free(term.history);
    free(term.prompt);
    memset(&term, 0, sizeof term);
}
