/* run_call.c -- the part of a turn that is about what its run asked outside (c:http, c:llm; calls.h): is what woke it still news, must it be
 * asked once more, what is it woken with. Callers: run_turn.c, run_wake.c. */
#include <stdlib.h>
#include <string.h>

#include "engine/run/calls.h"
#include "engine/run/run_part.h"
#include "engine/run/run_write.h"

/* The answer that it waits for, until its flow is on again. */
static void call_write_kept(struct turn *t, struct run *run, const char *answer, int64_t due_ms)
{
    const struct buf json = {.data = (char *)answer, .len = strlen(answer)};
    buf_add(&run->gathered, json.data, json.len);
    run->ngathered++;
    run_write_gathered(t, run, &json);
    run_write_timer(t, run, due_ms);
}

/* What it asked outside is asked again after the commit, and must be answered by due_ms. */
static void call_write_ask(struct turn *t, struct run *run, int64_t due_ms)
{
    run->asks = true;
    run_write_timer(t, run, due_ms);
}

bool turn_call_stale(const struct turn *t)
{
    const struct run *run = t->run;
    const struct input *in = t->input;
    enum call_state state;
    if (in->why == RUN_ANSWER)
        return run->awaits != AWAITS_HTTP || call_serial(run) != in->serial;
    state = call_state(t->gw, run->id);
    if (in->why == RUN_ASK)
        return run->awaits != AWAITS_HTTP || state != CALL_NONE || run->ngathered;
    return run->awaits == AWAITS_HTTP && state == CALL_ANSWERED; /* the answer is next */
}

bool turn_call_keep(struct turn *t, int64_t due_ms)
{
    if (t->run->awaits != AWAITS_HTTP || t->input->kind != INPUT_RUN)
        return false;
    if (t->input->why == RUN_ANSWER) {
        const struct pin *p = pin_find(t->gw, t->run->pin);
        call_write_kept(t, t->run, t->input->args, due_ms);
        if (p)
            pauses_note_run(t, t->run->id, p->flow, due_ms);
    }
    return t->input->why == RUN_ANSWER || t->input->why == RUN_ASK;
}

bool turn_call_repeat(struct turn *t)
{
    struct run *run = t->run;
    const struct input *in = t->input;
    if (run->awaits != AWAITS_HTTP || in->kind != INPUT_RUN || run->ngathered ||
        (in->why != RUN_DUE && in->why != RUN_ASK) || call_state(t->gw, run->id) != CALL_NONE ||
        !call_repeats(run))
        return false;
    bool in_time = run->due_ms > t->now_ms + CALL_NET_MS; /* it keeps its deadline */
    call_write_ask(t, run, in_time ? run->due_ms : t->now_ms + call_span(run));
    return true;
}

void wake_with_call(const struct turn *t, struct buf *out)
{
    const struct run *run = t->run;
    if (t->input->kind == INPUT_RUN && t->input->why == RUN_ANSWER)
        buf_adds(out, t->input->args);
    else if (run->ngathered)
        buf_add(out, run->gathered.data, run->gathered.len);
    else if (call_state(t->gw, run->id) == CALL_ASKED)
        buf_adds(out, "{\"error\":\"timeout\"}");
    else
        buf_adds(out, "{\"error\":\"unknown\"}");
}
