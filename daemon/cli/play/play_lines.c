/* play_lines.c -- what a line of the playground means: somebody speaks, or a /command.
 * Callers: play.c hands lines over one by one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/play/play.h"
#include "engine/engine.h"

static const char play_help[] =
    "  小美: 打卡            小美 says it (a line without a name is said by who spoke last)\n"
    "  /join NAME [by NAME]   somebody joins (invited by ...)\n"
    "  /leave NAME [by NAME]  somebody leaves (removed by ...)\n"
    "  /at NAME TEXT          the last speaker mentions NAME (小福 is the bot); @NAME in a text does the same\n"
    "  /reply NAME TEXT       NAME quotes the bot's last message\n"
    "  /image NAME [TEXT]     NAME posts a picture\n"
    "  /dm NAME TEXT          NAME writes to the bot in private\n"
    "  /poke NAME [NAME]      NAME nudges the bot (or somebody)\n"
    "  /press NAME BUTTON     NAME presses a button of the bot's\n"
    "  /role NAME owner|admin|member\n"
    "  /group ID [TITLE]      go to another group; it is made when new\n"
    "  /time [+1d | 20:30 | 2026-03-05 09:00]   show the clock, or turn it; what is due happens on the way\n"
    "  /state [WORD]          what is kept in Redis\n"
    "  /flows                 what runs here\n"
    "  /toggle FLOW on|off|unset\n"
    "  /fail N OUTCOME        the next N messages end as unknown, failed, muted, limited, unwritten, crowded, closed\n"
    "  /reload                load playbooks and flows anew\n"
    "  /help   /quit";

struct play_command {
    const char *name;
    int min; /* words it needs */
    void (*run)(struct play *p, char **words, const char *rest);
};

/* Words of a command: [0] and [1] are the first two, `rest` is what follows the first. */
enum { PLAY_WORDS = 4 };

static void play_join(struct play *p, char **words, const char *rest)
{
    (void)rest;
    playground_join(p->gateway, p->chat, words[0],
                    words[1] && strcmp(words[1], "by") == 0 ? words[2] : NULL);
}

static void play_leave(struct play *p, char **words, const char *rest)
{
    (void)rest;
    playground_leave(p->gateway, p->chat, words[0],
                     words[1] && strcmp(words[1], "by") == 0 ? words[2] : NULL);
}

static void play_set_speaker(struct play *p, const char *name)
{
    if (strcmp(p->speaker, name) == 0)
        return;
    free(p->speaker);
    p->speaker = mem_strdup(name);
}

static void play_at(struct play *p, char **words, const char *rest)
{
    struct buf text = {0};
    playground_user(p->gateway, words[0]);
    buf_addf(&text, "@%s %s", words[0], rest);
    playground_say(p->gateway, p->chat, p->speaker, buf_cstr(&text));
    buf_free(&text);
}

static void play_reply(struct play *p, char **words, const char *rest)
{
    if (!p->bot_message)
        term_print(STYLE_WARN, "the bot has not said anything here yet");
    else
        playground_reply(p->gateway, p->chat, words[0], p->bot_message, rest);
    play_set_speaker(p, words[0]);
}

static void play_image(struct play *p, char **words, const char *rest)
{
    playground_image(p->gateway, p->chat, words[0] ? words[0] : p->speaker, rest);
}

static void play_dm(struct play *p, char **words, const char *rest)
{
    char *chat = mem_strdup(playground_private(p->gateway, words[0]));
    playground_say(p->gateway, chat, words[0], rest);
    free(chat);
}

static void play_poke(struct play *p, char **words, const char *rest)
{
    (void)rest;
    playground_poke(p->gateway, p->chat, words[0], words[1]);
}

static void play_press(struct play *p, char **words, const char *rest)
{
    const char *id, *value;
    if (playground_find_button(p->gateway, p->chat, rest, &id, &value))
        playground_press(p->gateway, p->chat, words[0], id, value);
    else
        term_print(STYLE_WARN, "the bot has shown no button %s here", rest);
    play_set_speaker(p, words[0]);
}

static void play_role(struct play *p, char **words, const char *rest)
{
    (void)rest;
    playground_set_role(p->gateway, p->chat, words[0], words[1]);
}

static void play_group(struct play *p, char **words, const char *rest)
{
    playground_add_group(p->gateway, words[0], *rest ? rest : words[0]);
    free(p->chat);
    p->chat = mem_strdup(words[0]);
    free(p->bot_message);
    p->bot_message = NULL;
}

static void play_time(struct play *p, char **words, const char *rest)
{
    char text[64];
    if (!words[0]) {
        play_show_clock(p);
        return;
    }
    snprintf(text, sizeof text, "%s%s%s", words[0], *rest ? " " : "", rest);
    if (!play_turn_clock(p, text))
        term_print(STYLE_WARN, "/time: '%s' is no time; try +1d, +30m, 20:30 or 2026-03-05 09:00",
                   text);
}

static void play_show_flow(void *ud, const struct engine_flow_info *i)
{
    int *n = ud;
    (*n)++;
    term_print(STYLE_PLAIN, "  %-12s %-4s %s (playbook %s)", i->flow, i->on ? "on" : "off",
               i->why ? i->why : "", i->playbook);
}

static void play_flows(struct play *p, char **words, const char *rest)
{
    int n = 0;
    (void)words;
    (void)rest;
    engine_each_flow(p->daemon->engine, PLAY_GATEWAY, p->chat, play_show_flow, &n);
    if (!n)
        term_print(STYLE_DIM, "no playbook serves %s:%s", PLAY_GATEWAY, p->chat);
}

static void play_toggle(struct play *p, char **words, const char *rest)
{
    struct buf key = {0};
    (void)rest;
    bool set = strcmp(words[1], "unset") != 0;
    if (set && strcmp(words[1], "on") != 0 && strcmp(words[1], "off") != 0) {
        term_print(STYLE_WARN, "/toggle: on, off or unset, not '%s'", words[1]);
        return;
    }
    buf_adds(&key, "sopd:toggles:chat:" PLAY_GATEWAY ":");
    buf_add_key(&key, p->chat);
    const char *argv[] = {set ? "HSET" : "HDEL", buf_cstr(&key), words[0], words[1]};
    redis_command(p->redis, NULL, NULL, set ? 4 : 3, argv, NULL);
    redis_flush(p->redis);
    buf_free(&key);
}

static void play_fail(struct play *p, char **words, const char *rest)
{
    static const enum send_outcome outcomes[] = {SEND_UNKNOWN, SEND_FAILED,    SEND_MUTED,
                                                 SEND_LIMITED, SEND_UNWRITTEN, SEND_CROWDED,
                                                 SEND_CLOSED};
    (void)rest;
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        if (strcmp(words[1], send_outcome_name(outcomes[i])) == 0) {
            playground_fail_sends(p->gateway, outcomes[i], "set by /fail",
                                  (int)strtol(words[0], NULL, 10));
            return;
        }
    }
    term_print(STYLE_WARN,
               "/fail: unknown, failed, muted, limited, unwritten, crowded or closed, not '%s'",
               words[1]);
}

static void play_reload_command(struct play *p, char **words, const char *rest)
{
    (void)words;
    (void)rest;
    play_reload(p);
}

static void play_show_help(struct play *p, char **words, const char *rest)
{
    (void)p;
    (void)words;
    (void)rest;
    term_print(STYLE_PLAIN, "%s", play_help);
}

static void play_quit(struct play *p, char **words, const char *rest)
{
    (void)words;
    (void)rest;
    p->input_end = true;
    buf_reset(&p->input);
}

static void play_state_command(struct play *p, char **words, const char *rest)
{
    (void)rest;
    play_state(p, words[0] ? words[0] : "");
}

static const struct play_command play_commands[] = {
    {"join", 1, play_join},      {"leave", 1, play_leave},
    {"at", 2, play_at},          {"reply", 2, play_reply},
    {"image", 0, play_image},    {"dm", 2, play_dm},
    {"poke", 1, play_poke},      {"press", 2, play_press},
    {"role", 2, play_role},      {"group", 1, play_group},
    {"time", 0, play_time},      {"state", 0, play_state_command},
    {"flows", 0, play_flows},    {"toggle", 2, play_toggle},
    {"fail", 2, play_fail},      {"reload", 0, play_reload_command},
    {"help", 0, play_show_help}, {"quit", 0, play_quit},
};

/* Cuts the text into words (at most PLAY_WORDS - 1, the list ends with NULL); returns what follows the first one. */
static char *play_split(char *text, char **words)
{
    static char copy[4096];
    char *save = NULL;
    int n = 0;
    text += strspn(text, " ");
    snprintf(copy, sizeof copy, "%s", text);
    for (char *w = strtok_r(copy, " ", &save); w && n < PLAY_WORDS - 1;
         w = strtok_r(NULL, " ", &save))
        words[n++] = w;
    words[n] = NULL;
    char *rest = text + strcspn(text, " ");
    return rest + strspn(rest, " ");
}

static void play_command(struct play *p, char *line)
{
    char *words[PLAY_WORDS] = {0};
    size_t len = strcspn(line, " ");
    for (size_t i = 0; i < sizeof play_commands / sizeof play_commands[0]; i++) {
        const struct play_command *c = &play_commands[i];
        if (strlen(c->name) != len || strncmp(c->name, line, len) != 0)
            continue;
        const char *rest = play_split(line + len, words);
        int n = 0;
        while (words[n])
            n++;
        if (n < c->min)
            term_print(STYLE_WARN, "/%s needs more; see /help", c->name);
        else
            c->run(p, words, rest);
        return;
    }
    term_print(STYLE_WARN, "/%.*s is not known; see /help", (int)len, line);
}

/* "小美: 打卡" or with the full-width colon: cuts off the name. NULL: no name. */
static char *play_cut_name(char *line, char **text)
{
    char *colon = strchr(line, ':'), *wide = strstr(line, "\xef\xbc\x9a");
    char *at = colon && (!wide || colon < wide) ? colon : wide;
    size_t len = at == wide ? 3 : 1;
    if (!at || at == line || (size_t)(at - line) > 48 || memchr(line, '/', (size_t)(at - line)))
        return NULL;
    *text = at + len + strspn(at + len, " ");
    *at = '\0';
    while (at > line && at[-1] == ' ')
        *--at = '\0';
    return memchr(line, ' ', strlen(line)) ? NULL : line;
}

void play_line(struct play *p, char *line)
{
    line += strspn(line, " \t");
    size_t len = strlen(line);
    while (len && (line[len - 1] == ' ' || line[len - 1] == '\r' || line[len - 1] == '\t'))
        line[--len] = '\0';
    if (!*line || *line == '#')
        return;
    if (*line == '/') {
        play_command(p, line + 1);
        return;
    }
    char *copy = mem_strdup(line), *text = copy;
    char *name = play_cut_name(copy, &text);
    if (name)
        play_set_speaker(p, name);
    playground_say(p->gateway, p->chat, p->speaker, name ? text : line);
    free(copy);
}
