/* run_wake.c -- what a run is woken with, as the JSON that its waiting call returns and its journal keeps (docs/redis.md).
 * Callers: run_turn.c. */
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/route/routes.h"
#include "engine/run/run_part.h"
#include "engine/turn/event_json.h"

static void wake_late(const struct turn *t, const struct run *run, struct buf *out)
{
    /* Not the timer's: while the flow is off it is put off again and again. */
    int64_t due = run->wanted_ms ? run->wanted_ms : run->due_ms;
    int64_t late = due ? t->now_ms - due : 0;
    buf_adds(out, "\"late\":");
    buf_addi(out, late > 0 ? late : 0);
    buf_addc(out, '}');
}

static void wake_with_event(struct turn *t, struct buf *out)
{
    const struct route *r = t->at;
    buf_adds(out, "{\"event\":");
    event_json_write(t->input->event, out);
    if (r->word) {
        struct buf text = {0};
        const char *rest = routes_command_rest(t->input->event, r->word_len, &text);
        buf_adds(out, ",\"command\":");
        buf_add_json(out, r->word, strlen(r->word));
        buf_adds(out, ",\"rest\":");
        buf_add_json(out, rest, strlen(rest));
        buf_free(&text);
    }
    buf_addc(out, '}');
}

static void wake_with_gathered(const struct turn *t, const struct run *run, bool full,
                               struct buf *out)
{
    buf_adds(out, "{\"events\":[");
    buf_add(out, run->gathered.data, run->gathered.len);
    buf_adds(out, full ? "],\"full\":true," : "],\"full\":false,");
    wake_late(t, run, out);
}

static void wake_with_due(const struct turn *t, const struct run *run, struct buf *out)
{
    if (run->awaits == AWAITS_EVENTS) {
        wake_with_gathered(t, run, false, out);
    } else if (run->awaits == AWAITS_SENT) {
        buf_adds(out, "{\"error\":\"the message did not leave: it was too late to answer\"}");
    } else {
        buf_adds(out, run->awaits == AWAITS_ANSWER ? "{\"timeout\":true," : "{");
        wake_late(t, run, out);
    }
}

/* t->wake from `with`; coro_take_wake (capi_run.c) knows this order. */
void turn_set_wake(struct turn *t, const char *with)
{
    struct buf b = {0};
    buf_adds(&b, "{\"now\":");
    buf_addi(&b, t->now_ms);
    buf_adds(&b, ",\"time\":");
    buf_addi(&b, t->time_ms);
    buf_adds(&b, ",\"with\":");
    buf_adds(&b, with);
    buf_addc(&b, '}');
    free(t->wake);
    t->wake = buf_take(&b);
}

void turn_make_wake(struct turn *t)
{
    struct buf with = {0};
    if (t->wake)
        return;
    if (t->at->kind == ROUTE_GATHER)
        wake_with_gathered(t, t->run, true, &with);
    else if (t->input->kind == INPUT_EVENT)
        wake_with_event(t, &with);
    else if (t->run->awaits == AWAITS_HTTP)
        wake_with_call(t, &with);
    else if (t->input->why == RUN_SENT)
        buf_adds(&with, t->input->args);
    else
        wake_with_due(t, t->run, &with);
    turn_set_wake(t, buf_cstr(&with));
    buf_free(&with);
}
