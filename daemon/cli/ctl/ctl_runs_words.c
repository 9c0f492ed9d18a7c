/* ctl_runs_words.c -- runs in words (ctl_runs.h): times, people, what somebody did, what is waited for, what a script called.
 * Everything that members wrote is cleaned and cut: it goes to an operator's terminal. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "cli/ctl/ctl.h"
#include "cli/ctl/ctl_runs.h"

enum {
    WORDS_TEXT = 60,
    WORDS_VALUE = 24,
    WORDS_LIST = 3,
    WORDS_VALUES = 5,
    WORDS_OVERDUE_MS = 60000
};

/* ---- texts and times ---- */

void words_text(struct buf *out, const char *s, size_t len, size_t max)
{
    struct buf clean = {0};
    utf8_clean(&clean, s, len);
    for (size_t i = 0; i < clean.len; i++)
        if (clean.data[i] == '\n' || clean.data[i] == '\t')
            clean.data[i] = ' ';
    size_t keep = utf8_cut(clean.data ? clean.data : "", clean.len, max);
    buf_add(out, clean.data ? clean.data : "", keep);
    if (keep < clean.len)
        buf_adds(out, "…");
    buf_free(&clean);
}

static void words_quoted(struct buf *out, const char *s)
{
    buf_addc(out, '"');
    words_text(out, s, strlen(s), WORDS_TEXT);
    buf_addc(out, '"');
}

void words_time(struct buf *out, int64_t ms, int64_t now_ms)
{
    time_t when = (time_t)(ms / 1000), now = (time_t)(now_ms / 1000);
    struct tm tm, today;
    char text[64];
    if (ms <= 0 || !localtime_r(&when, &tm) || !localtime_r(&now, &today)) {
        buf_adds(out, "?");
        return;
    }
    bool same = tm.tm_year == today.tm_year && tm.tm_yday == today.tm_yday;
    if (!same && strftime(text, sizeof text, "%Y-%m-%d ", &tm))
        buf_adds(out, text);
    if (strftime(text, sizeof text, tm.tm_sec ? "%H:%M:%S" : "%H:%M", &tm))
        buf_adds(out, text);
}

void words_span(struct buf *out, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}};
    int i = 0;
    while (i < 3 && ms < 2 * units[i].ms && ms % units[i].ms != 0)
        i++;
    while (i < 3 && ms < units[i].ms)
        i++;
    if (ms < 1000)
        buf_addf(out, "%lld ms", (long long)ms);
    else
        buf_addf(out, "%lld %s", (long long)((ms + units[i].ms / 2) / units[i].ms), units[i].unit);
}

/* ---- people ---- */

struct names {
    char *user, *name;
    UT_hash_handle hh;
};

static void names_add(struct names **table, const cJSON *event)
{
    const char *user = ctl_string(event, "user"), *name = ctl_string(event, "name");
    struct names *n = NULL;
    if (!*user || !*name)
        return;
    HASH_FIND_STR(*table, user, n);
    if (!n) {
        n = MEM_NEW(struct names);
        n->user = mem_strdup(user);
        HASH_ADD_KEYPTR(hh, *table, n->user, strlen(n->user), n);
    }
    free(n->name); /* the latest one */
    n->name = mem_strdup(name);
}

struct names *names_new(const struct run_record *record)
{
    struct names *table = NULL;
    const cJSON *event;
    names_add(&table, cJSON_GetObjectItemCaseSensitive(record->header, "event"));
    for (int i = 0; i < record->nlines; i++) {
        const struct run_line *l = &record->lines[i];
        if (l->kind != RUN_LINE_INPUT && l->kind != RUN_LINE_WAKE)
            continue;
        cJSON *json = run_line_json(l);
        const cJSON *with = cJSON_GetObjectItemCaseSensitive(json, "with");
        names_add(&table, l->kind == RUN_LINE_INPUT
                              ? json
                              : cJSON_GetObjectItemCaseSensitive(with, "event"));
        cJSON_ArrayForEach (event, cJSON_GetObjectItemCaseSensitive(with, "events"))
            names_add(&table, event);
        cJSON_Delete(json);
    }
    return table;
}

void names_free(struct names *table)
{
    struct names *n, *next;
    HASH_ITER (hh, table, n, next) {
        HASH_DEL(table, n);
        free(n->user);
        free(n->name);
        free(n);
    }
}

const char *names_get(const struct names *table, const char *user)
{
    struct names *n = NULL;
    HASH_FIND_STR((struct names *)table, user, n);
    return n ? n->name : user;
}

static void words_user(struct buf *out, const struct names *names, const char *user)
{
    const char *name = *user ? names_get(names, user) : "somebody";
    words_text(out, name, strlen(name), WORDS_TEXT);
}

/* "a, b or 2 others" of an array of texts; `quoted` for words, else they are users. */
static void words_list(struct buf *out, const cJSON *list, const struct names *names, bool quoted)
{
    int n = cJSON_GetArraySize(list), shown = n > WORDS_LIST ? WORDS_LIST - 1 : n, i = 0;
    const cJSON *item;
    cJSON_ArrayForEach (item, list) {
        const char *text = cJSON_IsString(item) ? item->valuestring : "?";
        if (i == shown)
            break;
        buf_adds(out, i == 0 ? "" : i == n - 1 ? " or " : ", ");
        if (quoted)
            words_quoted(out, text);
        else
            words_user(out, names, text);
        i++;
    }
    if (n > shown)
        buf_addf(out, " or %d others", n - shown);
}

/* ---- what came in ---- */

static void words_segments(struct buf *out, const cJSON *event)
{
    const cJSON *segment;
    const char *text = ctl_string(event, "text");
    buf_adds(out, "said");
    if (*text) {
        buf_addc(out, ' ');
        words_quoted(out, text);
    }
    cJSON_ArrayForEach (segment, cJSON_GetObjectItemCaseSensitive(event, "segs")) {
        const char *type = cJSON_GetStringValue(cJSON_GetArrayItem(segment, 0));
        if (type && strcmp(type, "text") != 0) {
            buf_adds(out, " [");
            words_text(out, type, strlen(type), WORDS_VALUE);
            buf_addc(out, ']');
        }
    }
}

void words_event(struct buf *out, const struct cJSON *event, const struct names *names)
{
    static const struct {
        const char *type, *verb;
    } verbs[] = {{"join", "joined"},         {"leave", "left"},
                 {"poke", "poked"},          {"recall", "had a message taken back"},
                 {"enter", "came in"},       {"button", "pressed a button"},
                 {"file", "put in a file"},  {"request", "asked to be let in"},
                 {"card", "changed a name"}, {"reaction", "reacted to a message"},
                 {"order", "ordered"},       {"trigger", "was named by an outside system"}};
    enum { VERBS = sizeof verbs / sizeof verbs[0] };
    const char *type = ctl_string(event, "type"), *text = ctl_string(event, "text");
    int i = 0;
    words_user(out, names, ctl_string(event, "user"));
    buf_addc(out, ' ');
    if (strcmp(type, "message") == 0) {
        words_segments(out, event);
        return;
    }
    while (i < VERBS && strcmp(verbs[i].type, type) != 0)
        i++;
    buf_adds(out, i < VERBS ? verbs[i].verb : "");
    if (i == VERBS)
        buf_addf(out, "caused the event \"%s\"", type);
    if (*text) {
        buf_adds(out, ": ");
        words_quoted(out, text);
    }
}

static void words_json(struct buf *out, const cJSON *value, size_t max)
{
    char *text = cJSON_PrintUnformatted(value);
    if (text)
        words_text(out, text, strlen(text), max);
    cJSON_free(text);
}

static void words_late(struct buf *out, const cJSON *o)
{
    int64_t late = (int64_t)ctl_number(o, "late");
    if (late > 0) {
        buf_adds(out, ", ");
        words_span(out, late);
        buf_adds(out, " late");
    }
}

void words_start(struct buf *out, const struct cJSON *header, const struct names *names)
{
    const char *cause = ctl_string(header, "cause"), *on = ctl_string(header, "on");
    const cJSON *event = cJSON_GetObjectItemCaseSensitive(header, "event");
    const cJSON *args = cJSON_GetObjectItemCaseSensitive(header, "args");
    int gen = (int)ctl_number(header, "gen");
    if (gen > 0)
        buf_addf(out, "began anew by c:continue, number %d", gen);
    else if (event)
        words_event(out, event, names);
    else if (strcmp(cause, "schedule") == 0)
        buf_adds(out, "its time of the day came");
    else if (strcmp(cause, "timer") == 0)
        buf_adds(out, "a timer was due");
    else
        buf_adds(out, "started by a script");
    buf_adds(out, "; handler ");
    words_text(out, on, strlen(on), WORDS_TEXT);
    if (args && !(cJSON_IsObject(args) && !args->child)) {
        buf_adds(out, ", given ");
        words_json(out, args, WORDS_TEXT);
    }
}

static void words_events(struct buf *out, const cJSON *events, const struct names *names)
{
    int n = cJSON_GetArraySize(events), i = 0;
    const cJSON *event;
    buf_addf(out, "%d gathered", n);
    cJSON_ArrayForEach (event, events) {
        if (i == WORDS_VALUES)
            break;
        buf_adds(out, i++ ? "; " : ": ");
        words_event(out, event, names);
    }
    if (n > i)
        buf_addf(out, "; and %d more", n - i);
}

void words_wake(struct buf *out, const struct cJSON *wake, const struct names *names)
{
    const cJSON *with = cJSON_GetObjectItemCaseSensitive(wake, "with");
    const cJSON *event = cJSON_GetObjectItemCaseSensitive(with, "event");
    const cJSON *events = cJSON_GetObjectItemCaseSensitive(with, "events");
    if (event) {
        words_event(out, event, names);
        if (*ctl_string(with, "command"))
            buf_adds(out, ", as a command");
    } else if (events) {
        words_events(out, events, names);
        buf_adds(out, ctl_true(with, "full") ? "; that is the most" : "; the window is over");
    } else if (*ctl_string(with, "error")) {
        const char *error = ctl_string(with, "error");
        buf_adds(out, "the message was not sent: ");
        words_text(out, error, strlen(error), 200);
    } else if (*ctl_string(with, "id")) {
        buf_addf(out, "the message was sent (%s)", ctl_string(with, "id"));
    } else if (ctl_true(with, "timeout")) {
        buf_adds(out, "no answer in time");
    } else {
        buf_adds(out, "the time came");
    }
    words_late(out, with);
}

/* ---- what it waits for ---- */

static void words_wait_ask(struct buf *out, const cJSON *spec, const struct names *names)
{
    const cJSON *from = cJSON_GetObjectItemCaseSensitive(spec, "from");
    const cJSON *commands = cJSON_GetObjectItemCaseSensitive(spec, "commands");
    const char *match = ctl_string(spec, "match");
    if (cJSON_GetArraySize(commands) > 0) {
        words_list(out, commands, names, true);
        buf_adds(out, " of ");
    } else {
        buf_adds(out, "an answer of ");
    }
    if (cJSON_GetArraySize(from) > 0)
        words_list(out, from, names, false);
    else
        buf_adds(out, "anyone");
    if (*match) {
        buf_adds(out, " that fits /");
        words_text(out, match, strlen(match), WORDS_TEXT);
        buf_addc(out, '/');
    }
}

static void words_wait_gather(struct buf *out, const cJSON *spec, int64_t since_ms, int gathered,
                              const struct names *names)
{
    const cJSON *from = cJSON_GetObjectItemCaseSensitive(spec, "from"), *item;
    int64_t due = (int64_t)ctl_number(spec, "due");
    int i = 0;
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(spec, "events")) {
        const char *type = cJSON_IsString(item) ? item->valuestring : "?";
        buf_addf(out, "%s%ss", i++ ? " and " : "", type);
    }
    if (cJSON_GetArraySize(from) > 0) {
        buf_adds(out, " of ");
        words_list(out, from, names, false);
    }
    if (due > since_ms && since_ms > 0) {
        buf_adds(out, ", ");
        words_span(out, due - since_ms);
        buf_adds(out, " window");
    }
    if (gathered)
        buf_addf(out, ", %d so far", gathered);
}

/* The host alone: the rest of an address may be somebody's business. */
static void words_wait_http(struct buf *out, const cJSON *spec)
{
    const cJSON *request = cJSON_GetObjectItemCaseSensitive(spec, "request");
    const char *host = strstr(ctl_string(request, "url"), "://");
    buf_adds(out, host ? "an answer of " : "an answer of the language model");
    if (host)
        words_text(out, host + 3, strcspn(host + 3, "/?"), WORDS_TEXT);
}

void words_wait(struct buf *out, const struct cJSON *spec, int64_t since_ms, int gathered,
                const struct names *names, int64_t now_ms)
{
    const char *kind = ctl_string(spec, "kind"), *leave = ctl_string(spec, "leave");
    size_t begin = out->len;
    int64_t due = (int64_t)ctl_number(spec, "due");
    if (strcmp(kind, "ask") == 0)
        words_wait_ask(out, spec, names);
    else if (strcmp(kind, "gather") == 0)
        words_wait_gather(out, spec, since_ms, gathered, names);
    else if (strcmp(kind, "sent") == 0)
        buf_adds(out, "its message to be sent");
    else if (strcmp(kind, "http") == 0)
        words_wait_http(out, spec);
    else if (strcmp(kind, "sleep") != 0)
        words_json(out, spec, WORDS_TEXT);
    if (due > 0) {
        buf_adds(out, out->len > begin ? " until " : "until ");
        words_time(out, due, now_ms);
    }
    if (*leave) {
        buf_adds(out, ", or ");
        words_user(out, names, leave);
        buf_adds(out, " leaves");
    }
}

void words_sentence(struct buf *out, const char *waits_for)
{
    buf_addf(out, "waits %s%s", strncmp(waits_for, "until ", 6) == 0 ? "" : "for ", waits_for);
}

void words_waits(struct buf *out, const struct run_record *record, const struct names *names,
                 int64_t now_ms)
{
    const struct run_line *l = run_record_waiting(record);
    if (!l) {
        buf_adds(out, record->nlines ? "nothing: it is at work" : "its start");
        return;
    }
    cJSON *spec = run_line_json(l);
    words_wait(out, spec, run_record_last_ms(record), run_record_gathered(record), names, now_ms);
    if (ctl_number(spec, "due") > 0 && ctl_number(spec, "due") < (double)now_ms - WORDS_OVERDUE_MS)
        buf_adds(out, " (overdue)"); /* the daemon is down, or the flow is off */
    cJSON_Delete(spec);
}

/* ---- what a script called ---- */

static const struct {
    char kind;
    const char *one, *many; /* many: with %d */
} words_kinds[] = {
    {'r', "read a value", "read %d values"},
    {'R', "read a whole table", "read %d whole tables"},
    {'w', "wrote a value", "wrote %d values"},
    {'W', "looked at what the turn had written", "looked %d times at what the turn had written"},
    {'f', "formatted a text", "formatted %d texts"},
    {'m', "read the list of members", "read the list of members %d times"},
    {'o', "asked who opted out", "asked %d times who opted out"},
    {'l', "asked for a role", "asked for %d roles"},
    {'C', "counted", "counted %d times"},
    {'T', "asked whether anything is counted", "asked %d times whether anything is counted"},
    {'z', "asked for the size of the group", "asked %d times for the size of the group"},
    {'q', "asked for the quiet hours", "asked %d times for the quiet hours"},
    {'c', "asked what the gateway can do", "asked %d times what the gateway can do"},
    {'v', "asked how busy the chat is", "asked %d times how busy the chat is"},
    {'x', "drew a secret number", "drew %d secret numbers"},
    {'a', "an action of the gateway", "%d actions of the gateway"},
    {'i', "set or stopped a timer", "set or stopped %d timers"},
    {'u', "changed an opt-out", "changed %d opt-outs"},
    {'G', "had a member forgotten", "had members forgotten %d times"},
    {'g', "switched a flow", "switched flows %d times"},
    {'S', "started a run", "started %d runs"},
    {'K', "ended a run", "ended %d runs"},
    {'A', "asked for the bot's account", "asked %d times for the bot's account"},
    {'N', "asked for the chat's name", "asked %d times for the chat's name"},
    {'F', "listed flows", "listed flows %d times"},
    {'O', "read the roster", "read the roster %d times"}};

/* Where a message went: its results begin with "say", "dm:<user>", "staff" or "say:<chat>". */
static void words_message(struct buf *out, const struct run_line *l, const struct names *names)
{
    cJSON *json = run_line_json(l);
    const cJSON *first = cJSON_IsArray(json) ? json->child : json;
    const char *label = cJSON_IsString(first) ? first->valuestring : "";
    if (strcmp(label, "say") == 0) {
        buf_adds(out, "to the chat");
    } else if (strncmp(label, "say:", 4) == 0) {
        buf_adds(out, "to chat ");
        words_text(out, label + 4, strlen(label + 4), WORDS_TEXT);
    } else if (strncmp(label, "dm:", 3) == 0) {
        buf_adds(out, "in private to ");
        words_user(out, names, label + 3);
    } else {
        buf_adds(out, strcmp(label, "staff") == 0 ? "to the staff" : "somewhere");
    }
    cJSON_Delete(json);
}

static void words_messages(struct buf *out, const struct run_line *lines, int n,
                           const struct names *names)
{
    if (n == 1)
        buf_adds(out, "a message ");
    else
        buf_addf(out, "%d messages: ", n);
    for (int i = 0; i < n && i < WORDS_VALUES; i++) {
        buf_adds(out, i ? ", " : "");
        words_message(out, &lines[i], names);
    }
    if (n > WORDS_VALUES)
        buf_adds(out, ", …");
}

/* Is there anything to see in what such a call returned? */
static bool words_tells(const struct run_line *l)
{
    return strchr("rRmlnqcvxSOoa", l->kind) && l->len;
}

void words_calls(struct buf *out, const struct run_line *lines, int n, const struct names *names)
{
    enum { KINDS = sizeof words_kinds / sizeof words_kinds[0] };
    int i = 0, shown = n < WORDS_VALUES ? n : WORDS_VALUES;
    if (lines->kind == 's') {
        words_messages(out, lines, n, names);
        return;
    }
    while (i < KINDS && words_kinds[i].kind != lines->kind)
        i++;
    if (i == KINDS)
        buf_addf(out, "%d calls of kind %c", n, lines->kind);
    else if (n == 1)
        buf_adds(out, words_kinds[i].one);
    else
        buf_addf(out, words_kinds[i].many, n);
    for (int j = 0; j < shown && words_tells(&lines[j]); j++) {
        buf_adds(out, j ? ", " : ": ");
        words_text(out, lines[j].text, lines[j].len, WORDS_VALUE * (n == 1 ? 3 : 1));
    }
    if (n > shown && words_tells(lines))
        buf_adds(out, ", …");
}
