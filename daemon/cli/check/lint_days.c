/* lint_days.c -- see lint_days.h. Caller: cli/check/lint_times.c. */
#include "cli/check/lint_days.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/timefmt.h"

struct days days_daily(void)
{
    return (struct days){.weekdays = DAYS_ALL};
}

static void days_add_date(struct buf *out, const char *date, int shift)
{
    if (!*date || strlen(date) >= DAYS_DATE - 8 || strchr(date, '|'))
        return;
    if (!out->len)
        buf_addc(out, '|');
    buf_adds(out, date);
    if (shift)
        buf_addf(out, "%+d", shift);
    buf_addc(out, '|');
}

static unsigned days_weekday(const cJSON *v)
{
    return cJSON_IsNumber(v) && v->valueint >= 1 && v->valueint <= 7 ? 1u << (v->valueint - 1) : 0;
}

struct days days_of(const cJSON *item)
{
    const cJSON *date = cJSON_GetObjectItemCaseSensitive(item, "date"), *one;
    const cJSON *festival = cJSON_GetObjectItemCaseSensitive(item, "festival");
    const cJSON *weekday = cJSON_GetObjectItemCaseSensitive(item, "weekday");
    const cJSON *shift = cJSON_GetObjectItemCaseSensitive(item, "shift");
    const cJSON *days = cJSON_GetObjectItemCaseSensitive(item, "days");
    struct days d = {.weekdays = days_weekday(weekday)};
    struct buf dates = {0};
    if (shift) /* moved from days off to others: nobody knows which */
        return days_daily();
    cJSON_ArrayForEach (one, weekday)
        d.weekdays |= days_weekday(one);
    if (cJSON_IsString(date))
        days_add_date(&dates, date->valuestring, 0);
    cJSON_ArrayForEach (one, date) {
        if (cJSON_IsString(one))
            days_add_date(&dates, one->valuestring, 0);
    }
    if (cJSON_IsString(festival))
        days_add_date(&dates, festival->valuestring, cJSON_IsNumber(days) ? days->valueint : 0);
    if (dates.len)
        d.dates = buf_take(&dates);
    buf_free(&dates);
    if (!d.dates && !d.weekdays)
        d.weekdays = DAYS_ALL;
    return d;
}

void days_free(struct days *d)
{
    free(d->dates);
    d->dates = NULL;
}

bool days_has(const struct days *d, const struct day *on)
{
    char piece[DAYS_DATE + 4];
    if (d->weekdays == DAYS_ALL || (on->weekday >= 0 && d->weekdays & 1u << on->weekday))
        return true;
    snprintf(piece, sizeof piece, "|%s|", on->date);
    return *on->date && d->dates && strstr(d->dates, piece);
}

/* The weekday of "2026-03-08", -1 if it is no such date (of a day in every year nobody can tell). */
static int days_weekday_of(const char *date)
{
    int y, m, d, end = 0;
    if (sscanf(date, "%4d-%2d-%2d%n", &y, &m, &d, &end) != 3 || date[end] || m < 1 || m > 12)
        return -1;
    return time_weekday(time_day(y, m, d)) - 1;
}

static void days_note(struct day **list, int *n, int weekday, const char *date, size_t len)
{
    struct day one = {.weekday = weekday};
    memcpy(one.date, date, len);
    for (int i = 0; i < *n; i++)
        if ((*list)[i].weekday == weekday && strcmp((*list)[i].date, one.date) == 0)
            return;
    *list = mem_realloc(*list, ((size_t)*n + 1) * sizeof **list);
    (*list)[(*n)++] = one;
}

struct day *days_to_look_at(const struct days *const *all, int nall, int *n)
{
    struct day *list = NULL;
    *n = 0;
    days_note(&list, n, -1, "", 0);
    for (int i = 0; i < nall; i++) {
        for (int w = 0; w < 7; w++)
            if (all[i]->weekdays != DAYS_ALL && all[i]->weekdays & 1u << w)
                days_note(&list, n, w, "", 0);
        for (const char *p = all[i]->dates ? all[i]->dates + 1 : ""; *p; p += strcspn(p, "|") + 1) {
            char date[DAYS_DATE] = "";
            size_t len = strcspn(p, "|");
            memcpy(date, p, len < sizeof date - 1 ? len : sizeof date - 1);
            days_note(&list, n, days_weekday_of(date), date, strlen(date));
        }
    }
    return list;
}
