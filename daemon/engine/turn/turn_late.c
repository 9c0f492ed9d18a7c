/* turn_late.c -- what came in late (a burst that the platform held back, the history after a gap) counts, but is not answered: which
 * messages of a turn are left out because of that. The limit is the message's own `late`, else the flow's (sop.flow{ late = ... },
 * perhaps by a parameter), else the gateway's `timing.stale`. Callers: turn_send.c, lua/context.c. */
#include <cjson/cJSON.h>
#include <string.h>

#include "base/timefmt.h"
#include "engine/internal.h"

/* -1: the flow says nothing. */
static int64_t late_of_flow(const struct binding *b)
{
    const struct flow_info *info = b ? flow_info(b->flow) : NULL;
    int64_t ms = info ? info->late_ms : -1;
    if (info && *info->late_param) {
        const char *text = cJSON_GetStringValue(binding_param(b, info->late_param));
        if (!text || !time_parse_duration(text, &ms))
            ms = -1;
    }
    return ms;
}

static bool late_event(const struct event *e, int64_t now_ms, int64_t limit_ms)
{
    return limit_ms < 0 ? e->late : now_ms - e->time_ms > limit_ms;
}

bool turn_is_late(const struct turn *t)
{
    const struct event *e = t->cause->event;
    return e && e->time_ms != e->arrived_ms &&
           late_event(e, t->cause->now_ms, late_of_flow(turn_binding(t)));
}

/* What a run says soon after a late event began it is still about that event, unless somebody has spoken to it since. */
static bool late_run(const struct turn *t, int64_t limit_ms)
{
    const struct run *run = t->run;
    const struct event *e = run ? run->cause.event : NULL;
    if (!e || e->time_ms == e->arrived_ms || run->asked_ms > e->time_ms ||
        !late_event(e, run->cause.now_ms, limit_ms))
        return false;
    return t->now_ms - run->cause.now_ms <= (limit_ms < 0 ? TURN_ANSWER_LATE_MS : limit_ms);
}

bool turn_stale(const struct turn *t, const struct turn_message *m, const char *chat)
{
    const struct event *e = t->input->event;
    if (t->input->command)
        return false;
    bool here =
        strcmp(chat, t->chat->key) == 0 || (*chat == '@' && strcmp(chat + 1, turn_user(t)) == 0);
    if (!m->answer && !here) /* for staff, or for another group: that is no answer */
        return false;
    int64_t limit = m->late_ms ? m->late_ms : late_of_flow(turn_binding(t));
    if (!e)
        return t->input->kind == INPUT_RUN && late_run(t, limit);
    if (e->time_ms == e->arrived_ms || !late_event(e, t->now_ms, limit))
        return false;
    /* whoever answered a question in time hears how it goes on as long as the question itself would have waited */
    return !t->run || (t->run->wanted_ms && t->now_ms > t->run->wanted_ms);
}
