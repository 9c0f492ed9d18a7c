/* alarm_notice.c -- what waits to be told, for each way out, oldest first; bounded (look/alarm_part.h). Callers: look/alarm.c,
 * health/alarm_staff.c, health/alarm_out.c. */
#include <stdlib.h>

#include "engine/internal.h"
#include "engine/look/alarm_part.h"

void notice_free(struct notice *n)
{
    if (!n)
        return;
    free(n->gateway);
    free(n->kind);
    free(n->what);
    free(n->text);
    free(n->words);
    free(n->json);
    free(n);
}

struct notice *notices_take(struct notices *list)
{
    struct notice *n = list->first;
    if (!n)
        return NULL;
    list->first = n->next;
    list->n--;
    n->next = NULL;
    return n;
}

void alarm_count(const char *way, const char *outcome)
{
    metric_inc(metric_counter("sopd_alarm_posts_total",
                              "What became of telling an alarm, or its end, by each way.",
                              metric_labels("way", way, "outcome", outcome, NULL)));
}

void notices_add(struct notices *list, const struct notice *n, const char *way)
{
    if (list->n >= NOTICES_MAX) {
        notice_free(notices_take(list));
        alarm_count(way, "dropped");
    }
    struct notice *copy = MEM_NEW(struct notice), **p = &list->first;
    *copy = (struct notice){.gateway = mem_strdup(n->gateway),
                            .kind = mem_strdup(n->kind),
                            .what = mem_strdup(n->what),
                            .text = mem_strdup(n->text),
                            .words = mem_strdup(n->words),
                            .json = mem_strdup(n->json),
                            .state = n->state,
                            .since_ms = n->since_ms,
                            .at_ms = n->at_ms};
    while (*p)
        p = &(*p)->next;
    *p = copy;
    list->n++;
}
