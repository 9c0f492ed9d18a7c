/* ctl_report_print.c -- the rows of `sopd ctl report` as a table, as CSV and as JSON. The names of the columns are those of
 * docs/metrics.md. Callers: cli/ctl/ctl_report.c. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/timefmt.h"
#include "cli/ctl/ctl.h"
#include "cli/ctl/ctl_report.h"

/* Every figure but by_call, in the order of the page. */
static const char *const report_names[] = {
    "days",          "members",         "joins",          "leaves",     "net",
    "messages",      "speakers",        "interaction",    "band",       "answered",
    "coverage",      "reply_median",    "reply_p90",      "answers",    "posts",
    "touched",       "effective_touch", "calls",          "called",     "responders",
    "stickiness",    "checked_in",      "checkin_share",  "grabbed",    "packet_share",
    "issued",        "redeemed",        "redeemed_share", "planned",    "sent",
    "late",          "skipped",         "blocked",        "plan_done",  "on_time",
    "offered",       "confirmed",       "confirm_share",  "handoffs",   "handoffs_taken",
    "handoff_share", "handoff_minutes", "unanswered",     "converted",  "conversion",
    "cycle_median",  "orders",          "amount",         "order_value"};

enum { REPORT_NAMES = sizeof report_names / sizeof report_names[0] };

static const char *const report_first[] = {"chat", "store", "date", "all"};

/* ---- CSV ---- */

/* A text in quotes; one that a spreadsheet would compute gets an apostrophe in front. */
static void report_csv_text(struct buf *row, const char *text)
{
    buf_adds(row, *text && strchr("=+-@\t\r", *text) ? "\"'" : "\"");
    for (; *text; text++) {
        if (*text == '"')
            buf_addc(row, '"');
        buf_addc(row, *text);
    }
    buf_addc(row, '"');
}

/* A number: whole ones as they are, shares with four digits. */
static void report_add_number(struct buf *out, double n)
{
    if (n == (double)(int64_t)n)
        buf_addi(out, (int64_t)n);
    else
        buf_addf(out, "%.4f", n);
}

static void report_csv(const cJSON *rows, int64_t from, int64_t to)
{
    struct buf line = {0};
    const cJSON *row;
    buf_adds(&line, "from,to,chat,name,store");
    for (int i = 0; i < REPORT_NAMES; i++)
        buf_addf(&line, ",%s", report_names[i]);
    puts(buf_cstr(&line));
    cJSON_ArrayForEach (row, rows) {
        const cJSON *figures = cJSON_GetObjectItemCaseSensitive(row, "figures");
        const char *date = ctl_string(row, "date");
        buf_reset(&line);
        if (*date) {
            buf_addf(&line, "%s,%s", date, date);
        } else {
            time_add_date(&line, from);
            buf_addc(&line, ',');
            time_add_date(&line, to);
        }
        static const char *const texts[] = {"chat", "name", "store"};
        for (int i = 0; i < 3; i++) {
            buf_addc(&line, ',');
            report_csv_text(&line, ctl_string(row, texts[i]));
        }
        for (int i = 0; i < REPORT_NAMES; i++) {
            const cJSON *v = cJSON_GetObjectItemCaseSensitive(figures, report_names[i]);
            buf_addc(&line, ',');
            if (cJSON_IsNumber(v))
                report_add_number(&line, v->valuedouble);
            else if (cJSON_IsString(v))
                buf_adds(&line, v->valuestring);
        }
        puts(buf_cstr(&line));
    }
    buf_free(&line);
}

/* ---- JSON ---- */

static void report_json(const cJSON *rows, int64_t from, int64_t to)
{
    struct buf text = {0};
    cJSON *out = cJSON_CreateObject();
    time_add_date(&text, from);
    cJSON_AddStringToObject(out, "from", buf_cstr(&text));
    buf_reset(&text);
    time_add_date(&text, to);
    cJSON_AddStringToObject(out, "to", buf_cstr(&text));
    cJSON_AddItemReferenceToObject(out, "rows", (cJSON *)rows);
    ctl_print_json(out);
    cJSON_Delete(out);
    buf_free(&text);
}

/* ---- a table ---- */

/* The columns of a screen; the rest is in CSV and JSON. */
static const struct report_column {
    const char *title, *name;
    char kind; /* n: a number, s: a share, t: a text, d: seconds */
} report_columns[] = {{"MEMBERS", "members", 'n'},
                      {"NET", "net", 'n'},
                      {"SPEAKERS", "speakers", 'n'},
                      {"INTERACTION", "interaction", 's'},
                      {"BAND", "band", 't'},
                      {"COVERAGE", "coverage", 's'},
                      {"REPLY", "reply_median", 'd'},
                      {"STICKINESS", "stickiness", 's'},
                      {"ON TIME", "on_time", 's'},
                      {"UNANSWERED", "unanswered", 'n'},
                      {"CONVERSION", "conversion", 's'},
                      {"ORDERS", "orders", 'n'}};

enum { REPORT_COLUMNS = sizeof report_columns / sizeof report_columns[0] };

static void report_cell(struct table *t, const struct report_column *c, const cJSON *figures)
{
    char text[32];
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(figures, c->name);
    if (c->kind == 't' && cJSON_IsString(v)) {
        table_cell(t, v->valuestring);
    } else if (!cJSON_IsNumber(v)) {
        table_cell(t, "");
    } else if (c->kind == 's') {
        snprintf(text, sizeof text, "%.1f %%", v->valuedouble * 100);
        table_cell(t, text);
    } else if (c->kind == 'd') {
        snprintf(text, sizeof text, "%.0f s", v->valuedouble);
        table_cell(t, text);
    } else {
        table_number(t, v->valuedouble);
    }
}

static void report_table(const cJSON *rows, enum report_by by)
{
    static const char *const firsts[] = {"CHAT", "STORE", "DAY", ""};
    const char *titles[REPORT_COLUMNS + 2] = {firsts[by]};
    int n = 1;
    if (by == REPORT_BY_CHAT)
        titles[n++] = "NAME";
    for (int i = 0; i < REPORT_COLUMNS; i++)
        titles[n++] = report_columns[i].title;
    struct table *t = table_new(titles, n);
    const cJSON *row;
    cJSON_ArrayForEach (row, rows) {
        const cJSON *figures = cJSON_GetObjectItemCaseSensitive(row, "figures");
        table_cell(t, by == REPORT_BY_ALL ? "all" : ctl_string(row, report_first[by]));
        if (by == REPORT_BY_CHAT)
            table_cell(t, ctl_string(row, "name"));
        for (int i = 0; i < REPORT_COLUMNS; i++)
            report_cell(t, &report_columns[i], figures);
    }
    table_print(t, "nothing was counted there in that time");
}

void report_print(const struct cJSON *rows, enum report_by by, enum report_form form, int64_t from,
                  int64_t to)
{
    if (form == REPORT_JSON)
        report_json(rows, from, to);
    else if (form == REPORT_CSV)
        report_csv(rows, from, to);
    else
        report_table(rows, by);
}
