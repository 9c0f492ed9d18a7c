/* planned.c -- what was due and has no outcome: a time of day or a timer that still waits two minutes later, or a turn that does not end.
 * Nothing of the kind should ever happen; when it does, nobody must have to notice it by what is missing in a group. What is held on
 * purpose (pauses, the kill switch, no link, a gap being read) does not count. Owned by the gw's health. Callers: health.c. */
#include <string.h>

#include "engine/internal.h"
#include "engine/look/alarm.h"

enum {
    PLANNED_EVERY_MS = 15000,
    PLANNED_LATE_MS = 120000,
    PLANNED_LOOK = 50 /* inputs of a chat that are looked at */
};

struct planned {
    const struct chat *chat;
    const struct input *input; /* NULL: the turn itself */
    int64_t late_ms;
};

static void planned_note(struct planned *p, const struct chat *c, const struct input *in,
                         int64_t late_ms)
{
    if (late_ms < PLANNED_LATE_MS || late_ms <= p->late_ms)
        return;
    *p = (struct planned){c, in, late_ms};
}

static void planned_chat(struct planned *p, const struct chat *c, int64_t now)
{
    int n = 0;
    if (c->turn)
        planned_note(p, c, NULL, (int64_t)((clock_ns() - c->turn->started_ns) / 1000000));
    for (const struct input *in = c->first; in && n < PLANNED_LOOK; in = in->next, n++)
        if (in->kind == INPUT_SCHEDULE || in->kind == INPUT_TIMER)
            planned_note(p, c, in, now - in->due_ms);
}

static bool planned_may_look(const struct gw *gw)
{
    const struct engine *e = gw->e;
    return gw->owner && gw->loaded && e->redis_up && e->reported_ready &&
           clock_mono(e->clock) - e->ready_ms >= PLANNED_LATE_MS && !pauses_killed(e) &&
           gw->health.link.now == LINK_UP && !gap_busy(gw);
}

static void planned_raise(struct gw *gw, const struct planned *p)
{
    struct buf text = {0};
    if (p->input)
        buf_addf(&text, "flow %s was due %lld s ago in chat %s and has not begun",
                 p->input->flow ? p->input->flow : "?", (long long)p->late_ms / 1000, p->chat->key);
    else
        buf_addf(&text, "a turn in chat %s has not ended for %lld s", p->chat->key,
                 (long long)p->late_ms / 1000);
    alarm_raise(gw, "planned", "", buf_cstr(&text));
    buf_free(&text);
}

void planned_round(struct gw *gw)
{
    struct health *h = &gw->health;
    int64_t mono = clock_mono(gw->e->clock), now = clock_wall(gw->e->clock);
    struct planned worst = {0};
    if (mono < h->planned_next_ms)
        return;
    h->planned_next_ms = mono + PLANNED_EVERY_MS;
    if (planned_may_look(gw))
        for (const struct chat *c = gw->chats; c; c = c->hh.next)
            planned_chat(&worst, c, now);
    if (!worst.chat)
        alarm_clear(gw, "planned", "");
    else if (h->planned_late) /* twice: a clock that was put forward makes much due at once */
        planned_raise(gw, &worst);
    h->planned_late = worst.chat != NULL;
}
