/* ctl_runs_show.c -- `sopd ctl runs show`: one run as a timeline: what came in, what it did, what it waits for (ctl_runs.h).
 * The texts of messages are not in the journal: they are made anew from today's wording whenever they are sent. */
#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl.h"
#include "cli/ctl/ctl_runs.h"
#include "lua/journal.h"

struct show {
    struct runs r;
    struct ctl *ctl;
    const struct runs_options *options;
    bool found;
};

/* The timeline of one run as it is being written. */
struct timeline {
    const struct run_record *record;
    const struct names *names;
    cJSON *list;    /* of objects {at, what, text, ...} */
    int64_t now_ms; /* of the turn at hand */
};

/* ---- the timeline as objects ---- */

static cJSON *timeline_add(struct timeline *t, const char *what, struct buf *text)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "at", (double)t->now_ms / 1000);
    cJSON_AddStringToObject(o, "what", what);
    cJSON_AddStringToObject(o, "text", buf_cstr(text));
    cJSON_AddItemToArray(t->list, o);
    buf_free(text);
    return o;
}

/* The calls of one kind from line i on; returns how many. */
static int timeline_calls(struct timeline *t, int i)
{
    const struct run_line *first = &t->record->lines[i];
    struct buf text = {0};
    char kind[2] = {first->kind, 0};
    int n = 1;
    while (i + n < t->record->nlines && t->record->lines[i + n].kind == first->kind)
        n++;
    words_calls(&text, first, n, t->names);
    cJSON *o = timeline_add(t, "did", &text), *results = NULL;
    cJSON_AddNumberToObject(o, "entry", first->entry);
    cJSON_AddStringToObject(o, "kind", kind);
    results = cJSON_AddArrayToObject(o, "results");
    for (int j = 0; j < n; j++) {
        cJSON *value = run_line_json(&first[j]);
        if (!value) {
            char *plain = mem_strndup(first[j].text, first[j].len);
            value = cJSON_CreateString(plain);
            free(plain);
        }
        cJSON_AddItemToArray(results, value);
    }
    return n;
}

static void timeline_line(struct timeline *t, const struct run_line *l, int64_t now_ms)
{
    struct buf text = {0};
    cJSON *json = run_line_json(l), *o;
    if (l->kind == RUN_LINE_WAIT) {
        struct buf wait = {0};
        words_wait(&wait, json, t->now_ms, 0, t->names, now_ms);
        words_sentence(&text, buf_cstr(&wait));
        buf_free(&wait);
        o = timeline_add(t, "waits", &text);
    } else if (l->kind == RUN_LINE_WAKE) {
        t->now_ms = (int64_t)ctl_number(json, "now");
        words_wake(&text, json, t->names);
        o = timeline_add(t, "in", &text);
    } else {
        int64_t before = t->now_ms, when = (int64_t)ctl_number(json, "time");
        buf_adds(&text, "collected: ");
        words_event(&text, json, t->names);
        t->now_ms = when ? when : before;
        o = timeline_add(t, "in", &text);
        t->now_ms = before;
    }
    if (l->entry)
        cJSON_AddNumberToObject(o, "entry", l->entry);
    if (json)
        cJSON_AddItemToObject(o, l->kind == RUN_LINE_WAIT ? "spec" : "event", json);
}

/* What it was woken with when it could not go on: no part of the journal yet. */
static void timeline_parked(struct timeline *t, const struct ctl_run *run)
{
    const cJSON *wake = cJSON_GetObjectItemCaseSensitive(run->parked, "wake");
    struct buf text = {0};
    if (cJSON_IsObject(wake)) {
        t->now_ms = (int64_t)ctl_number(wake, "now");
        words_wake(&text, wake, t->names);
        cJSON_AddItemToObject(timeline_add(t, "in", &text), "event", cJSON_Duplicate(wake, true));
    }
    if (run->parked) {
        t->now_ms = (int64_t)ctl_number(run->parked, "at");
        buf_adds(&text, ctl_string(run->parked, "status"));
        timeline_add(t, "stopped", &text);
    }
}

static cJSON *timeline_make(const struct ctl_run *run, const struct run_record *record,
                            const struct names *names, int64_t now_ms)
{
    struct timeline t = {record, names, cJSON_CreateArray(),
                         (int64_t)ctl_number(record->header, "now")};
    struct buf text = {0};
    if (record->header) {
        words_start(&text, record->header, names);
        timeline_add(&t, "in", &text);
    }
    for (int i = 0; i < record->nlines;) {
        const struct run_line *l = &record->lines[i];
        if (l->kind == RUN_LINE_WAIT || l->kind == RUN_LINE_INPUT || l->kind == RUN_LINE_WAKE) {
            timeline_line(&t, l, now_ms);
            i++;
        } else {
            i += timeline_calls(&t, i);
        }
    }
    timeline_parked(&t, run);
    return t.list;
}

/* ---- for people ---- */

static void show_fact(const char *title, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void show_fact(const char *title, const char *fmt, ...)
{
    va_list ap;
    printf("%-10s ", title);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

static void show_params(const struct ctl_run *run)
{
    const cJSON *item;
    bool first = true;
    cJSON_ArrayForEach (item, ctl_pin_params(run->pin)) {
        struct buf b = {0};
        char *text = cJSON_PrintUnformatted(item);
        words_text(&b, text, strlen(text), 100);
        show_fact(first ? "pinned" : "", "%s = %s", item->string, buf_cstr(&b));
        first = false;
        cJSON_free(text);
        buf_free(&b);
    }
}

/* The error of a stuck or failed run: as many lines as it has. */
static void show_error(const char *error)
{
    while (*error) {
        struct buf b = {0};
        size_t n = strcspn(error, "\n");
        words_text(&b, error, n, 1000);
        printf("           %s\n", buf_cstr(&b));
        buf_free(&b);
        error += n + (error[n] == '\n');
    }
}

static void show_state(const cJSON *facts, int64_t now_ms)
{
    struct buf b = {0};
    const char *state = ctl_string(facts, "state");
    if (*ctl_string(facts, "waits_for")) {
        words_sentence(&b, ctl_string(facts, "waits_for"));
        show_fact("state", "%s", buf_cstr(&b));
    } else if (*ctl_string(facts, "error")) {
        words_time(&b, (int64_t)(ctl_number(facts, "stopped") * 1000), now_ms);
        show_fact("state", "%s since %s; sopd ctl runs retry or cancel", state, buf_cstr(&b));
        show_error(ctl_string(facts, "error"));
    } else {
        show_fact("state", "%s", state);
    }
    if (*ctl_string(facts, "damage"))
        show_fact("damage", "%s", ctl_string(facts, "damage"));
    buf_free(&b);
}

static void show_facts(struct show *s, const struct ctl_run *run, const cJSON *facts)
{
    struct buf chat = {0}, user = {0};
    const char *name = ctl_string(facts, "chat_name"), *flow = ctl_string(facts, "flow");
    const char *newest = runs_newest(&s->r, flow), *version = ctl_string(facts, "version");
    words_text(&chat, name, strlen(name), 60);
    words_text(&user, ctl_string(facts, "name"), strlen(ctl_string(facts, "name")), 60);
    show_fact("run", "%s", run->id);
    show_fact("chat", "%s:%s %s", run->gateway, ctl_string(facts, "chat"), buf_cstr(&chat));
    show_fact("flow", "%s, version %s%s%s%s", flow, *version ? version : "unknown",
              newest && strcmp(newest, version) == 0 ? ", the newest" : "",
              newest && strcmp(newest, version) != 0 ? "; the newest is " : "",
              newest && strcmp(newest, version) != 0 ? newest : "");
    if (user.len)
        show_fact("user", "%s (%s)", buf_cstr(&user), ctl_string(facts, "user"));
    show_params(run);
    show_state(facts, s->r.now_ms);
    show_fact("journal", "%.0f calls; %.0f of %d entries, %d of %d KiB", ctl_number(facts, "calls"),
              ctl_number(facts, "entries"), JOURNAL_ENTRIES,
              ((int)ctl_number(facts, "bytes") + 1023) / 1024, JOURNAL_BYTES >> 10);
    buf_free(&chat);
    buf_free(&user);
}

/* What came in has its time, the rest the number of its entry in the journal: errors of stuck runs name it. */
static void show_timeline(const cJSON *timeline)
{
    const cJSON *item;
    putchar('\n');
    cJSON_ArrayForEach (item, timeline) {
        struct buf left = {0};
        bool in = strcmp(ctl_string(item, "what"), "in") == 0;
        double entry = ctl_number(item, "entry");
        if (in || entry == 0)
            words_time(&left, (int64_t)(ctl_number(item, "at") * 1000), 0);
        else
            buf_addf(&left, "%.0f", entry);
        printf("%19s  %s%s\n", buf_cstr(&left), in ? "" : "  ", ctl_string(item, "text"));
        buf_free(&left);
    }
}

/* ---- the command ---- */

static void show_print(struct show *s, const struct ctl_run *run, const struct run_record *record,
                       const char *damage)
{
    struct names *names = names_new(record);
    cJSON *facts = runs_describe(&s->r, run, record, names, damage);
    cJSON *timeline = timeline_make(run, record, names, s->r.now_ms);
    if (s->ctl->json) {
        const cJSON *params = ctl_pin_params(run->pin);
        if (params)
            cJSON_AddItemToObject(facts, "params", cJSON_Duplicate(params, true));
        cJSON_AddItemToObject(facts, "timeline", timeline);
        ctl_print_json(facts);
    } else {
        show_facts(s, run, facts);
        show_timeline(timeline);
        cJSON_Delete(timeline);
    }
    cJSON_Delete(facts);
    names_free(names);
}

static bool show_one(void *ud, struct ctl_run *run)
{
    struct show *s = ud;
    struct run_record record = {0};
    struct buf damage = {0};
    s->found = true;
    if (s->options->raw) {
        fwrite(run->data ? run->data : "", 1, run->len, stdout);
        return false;
    }
    if (!run->data)
        buf_adds(&damage, "its record is gone");
    else
        run_record_read(&record, run->data, run->len, &damage);
    show_print(s, run, &record, damage.len ? buf_cstr(&damage) : NULL);
    run_record_free(&record);
    buf_free(&damage);
    return false;
}

int runs_show(struct ctl *c, int argc, char **argv)
{
    struct runs_options o;
    int code = runs_options(c, &o, "gr", argc, argv);
    struct show s = {.ctl = c, .options = &o};
    if (code == CLI_OK && o.nwords != 1)
        code = cli_usage("ctl", "it is: runs show ID [--gateway G] [--json | --raw]");
    else if (code == CLI_OK && !runs_is_id(o.words[0]))
        code = cli_usage("ctl", "'%s' is not the id of a run: 16 hexadecimal digits", o.words[0]);
    else if (code == CLI_OK && o.raw && c->json)
        code = cli_usage("ctl", "give --json or --raw, not both");
    if (code != CLI_OK)
        return code;
    code = runs_open(&s.r, c);
    if (code == CLI_OK)
        code = runs_find(&s.r, o.gateway, o.words[0], show_one, &s);
    if (code == CLI_OK && !s.found) {
        fprintf(stderr, "sopd ctl: there is no run %s\n", o.words[0]);
        code = CLI_FAILED;
    }
    runs_close(&s.r);
    return code;
}
