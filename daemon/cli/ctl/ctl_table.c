/* ctl_table.c -- tables for people (ctl.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cli/ctl/ctl.h"

struct table {
    char **cells;
    int columns, n;
};

struct table *table_new(const char *const *titles, int columns)
{
    struct table *t = MEM_NEW(struct table);
    t->columns = columns;
    for (int i = 0; i < columns; i++)
        table_cell(t, titles[i]);
    return t;
}

void table_cell(struct table *t, const char *text)
{
    struct buf b = {0};
    t->cells = mem_realloc(t->cells, ((size_t)t->n + 1) * sizeof *t->cells);
    text = text && *text ? text : "-";
    for (; *text; text++) /* names of groups are strangers' texts */
        buf_addc(&b, (unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text);
    t->cells[t->n++] = buf_take(&b);
}

void table_number(struct table *t, double n)
{
    char text[32];
    snprintf(text, sizeof text, "%.15g", n);
    table_cell(t, text);
}

void table_time(struct table *t, double seconds)
{
    char text[40];
    time_t when = (time_t)seconds;
    struct tm tm;
    if (seconds <= 0 || !localtime_r(&when, &tm) ||
        !strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm))
        table_cell(t, NULL);
    else
        table_cell(t, text);
}

int table_width(const char *s)
{
    int width = 0;
    size_t left = strlen(s);
    while (left > 0) {
        size_t n = utf8_sequence(s, left);
        unsigned char c = (unsigned char)*s;
        n = n ? n : 1;
        /* good enough for tables: three- and four-byte characters from CJK on are wide, combining marks are rare */
        width +=
            (n == 3 && c >= 0xe2 && !(c == 0xe2 && (unsigned char)s[1] < 0xba)) || n == 4 ? 2 : 1;
        s += n;
        left -= n;
    }
    return width;
}

void table_print(struct table *t, const char *empty)
{
    if (t->n == t->columns) {
        puts(empty);
    } else {
        int *widths = mem_zero((size_t)t->columns * sizeof *widths);
        for (int i = 0; i < t->n; i++) {
            int w = table_width(t->cells[i]);
            if (w > widths[i % t->columns])
                widths[i % t->columns] = w;
        }
        for (int i = 0; i < t->n; i++) {
            int column = i % t->columns;
            bool last = column == t->columns - 1;
            printf("%s%*s", t->cells[i], last ? 0 : widths[column] - table_width(t->cells[i]) + 2,
                   "");
            if (last)
                putchar('\n');
        }
        free(widths);
    }
    for (int i = 0; i < t->n; i++)
        free(t->cells[i]);
    free(t->cells);
    free(t);
}
