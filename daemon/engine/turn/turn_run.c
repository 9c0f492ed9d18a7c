/* turn_run.c -- the course of a turn: from the chat's next input through its handlers to the commit, and what follows the
 * commit's answer. Only the drain calls in here, so Lua is never entered from a callback. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/health/say.h"
#include "engine/internal.h"
#include "engine/look/trace.h"
#include "engine/release/release.h"
#include "engine/rights/forget.h"
#include "engine/route/routes.h"
#include "engine/run/calls.h"
#include "engine/send/act.h"
#include "engine/turn/experiment.h"

enum { TURN_TRIES = 1000, TURN_PAUSE_MS = 200, TURN_STAFF_ERROR = 160 };

static void turn_set_cause(struct turn *t, const struct input *in)
{
    static const enum turn_cause kinds[] = {CAUSE_EVENT, CAUSE_SCHEDULE, CAUSE_TIMER, CAUSE_START,
                                            CAUSE_START};
    t->own =
        (struct cause){.kind = kinds[in->kind],
                       .event = in->event,
                       .user = in->event  ? in->event->user
                               : in->user ? in->user
                                          : "",
                       .word = "",
                       .rest = "",
                       .args = (in->kind == INPUT_TIMER || in->command) && in->args ? in->args : "",
                       .due_ms = in->due_ms,
                       .time_ms = t->time_ms,
                       .now_ms = t->now_ms};
    t->cause = &t->own;
}

static struct turn *turn_new(struct chat *c, struct input *in)
{
    struct engine *e = c->gw->e;
    struct turn *t = MEM_NEW(struct turn);
    t->e = e;
    t->gw = c->gw;
    t->chat = c;
    t->input = in;
    t->outs_tail = &t->outs;
    t->acts_tail = &t->acts;
    t->now_ms = clock_wall(e->clock);
    t->time_ms = in->kind == INPUT_EVENT      ? in->event->time_ms
                 : in->kind == INPUT_SCHEDULE ? in->due_ms
                                              : t->now_ms;
    turn_set_cause(t, in);
    t->started_ns = clock_ns();
    t->hash = input_hash(in, c->key, &t->day, &t->own_time);
    rng_seed(&t->rng, t->hash ^ hash_string(c->gw->name));
    e->turns++;
    return t;
}

/* A timer or schedule that missed its time by more than its handler allows. */
static bool turn_too_late(const struct turn *t, const struct route *r)
{
    if (t->input->kind == INPUT_EVENT || t->input->kind == INPUT_RUN || r->handler->late_ms < 0)
        return false;
    return t->now_ms - t->input->due_ms > r->handler->late_ms;
}

/* The timer is used up with this turn, whatever its handler does. */
static void turn_remove_timer(struct turn *t)
{
    struct buf zset = {0}, hash = {0};
    gw_key(t->gw, &zset, "timers");
    gw_key(t->gw, &hash, "timer");
    turn_write(t, 3, (const char *[]){"ZREM", buf_cstr(&zset), t->input->id}, NULL);
    turn_write(t, 3, (const char *[]){"HDEL", buf_cstr(&hash), t->input->id}, NULL);
    buf_free(&zset);
    buf_free(&hash);
}

/* The message whose outcome a run waited for leaves the outbox with the turn that tells the run. */
static void turn_remove_entry(struct turn *t)
{
    static const char *const kinds[] = {"outbox", "written"};
    char id[40];
    outbox_print_id(t->input->serial, id);
    for (int i = 0; i < 2; i++) {
        struct buf key = {0};
        gw_key(t->gw, &key, kinds[i]);
        turn_write(t, 3, (const char *[]){"HDEL", buf_cstr(&key), id}, NULL);
        buf_free(&key);
    }
}

static void turn_run_from(struct turn *t, struct route *r);
static enum turn_next turn_start(struct turn *t, struct route *r, bool record);

void turn_begin(struct chat *c)
{
    struct input *in = chat_take(c);
    struct route *routes = in->kind == INPUT_SAY || (in->kind == INPUT_EVENT && in->event->from_bot)
                               ? NULL
                               : routes_match(c, in);
    if (!routes && in->kind == INPUT_EVENT && !in->command && !in->id && !tally_hears(c, in)) {
        input_free(in);
        return; /* nobody listens: no turn, no commit */
    }
    if (in->repeat) { /* nothing happens, once and for all */
        routes_free_list(routes);
        routes = NULL;
    }
    if (in->kind != INPUT_EVENT && pauses_keep(c, in, routes)) {
        routes_free_list(routes);
        return;
    }
    if (!routes && !in->repeat && release_keep_timer(c, in))
        return;
    struct turn *t = turn_new(c, in);
    t->routes = routes;
    t->held = routes_retain(routes_of(c));
    c->turn = t;
    c->last_ms = clock_mono(t->e->clock);
    if (in->kind == INPUT_TIMER || (in->kind == INPUT_EVENT && in->id))
        turn_remove_timer(t);
    if (in->kind == INPUT_RUN && in->why == RUN_SENT)
        turn_remove_entry(t);
    if (in->command)
        command_begin(t);
    if (in->kind == INPUT_SAY)
        say_turn(t);
    turn_run_from(t, t->routes);
}

/* Word and arguments of the command that matched, the arguments in their original letters. */
static void turn_set_command(struct turn *t, const struct route *r)
{
    if (r->handler->kind != HANDLER_COMMAND)
        return;
    t->own.refused = false;
    t->own.word = r->word;
    t->own.rest = routes_command_rest(t->input->event, r->word_len, &t->args_buf);
}

static bool turn_may_run(struct turn *t, struct route *r)
{
    bool command = r->handler->kind == HANDLER_COMMAND;
    struct flow_why why;
    if (t->commanded && command)
        return false;
    if (!routes_flow_on(t->chat, r->binding, &why)) {
        r->skipped = command || t->input->kind != INPUT_EVENT ? why.word : NULL;
        return false;
    }
    if (turn_too_late(t, r)) {
        if (log_gate_open(&t->gw->gate_late, clock_mono(t->e->clock), 1000))
            log_warn("skipped: too late", "gateway", t->gw->name, "chat", t->chat->key, "flow",
                     flow_info(r->binding->flow)->name, "due_ms", log_int(t->input->due_ms), NULL);
        r->skipped = "late";
        return false;
    }
    const struct event *ev = t->input->event;
    if (routes_may(t->chat, r->binding, r->handler, turn_user(t), ev ? ev->role : ""))
        return true;
    r->skipped = command ? "role" : NULL;
    t->own.refused = t->own.refused || (command && !t->commanded);
    return false;
}

static void turn_failed(struct turn *t, const struct host_outcome *out)
{
    static const char *const kinds[] = {"error", "budget", "memory", "store"};
    const char *flow = flow_info(t->at->binding->flow)->name;
    metric_inc(metric_counter("sopd_flow_errors_total", "Handlers that failed.",
                              metric_labels("flow", flow, "kind", kinds[out->failure], NULL)));
    if (out->failure == FAILURE_MEMORY)
        runs_evict(t->gw, true); /* what waits can come back from its journal */
    log_error("handler failed", "gateway", t->gw->name, "chat", t->chat->key, "flow", flow, "kind",
              kinds[out->failure], "error", out->error, NULL);
    if (t->input->command)
        command_failed(t, out->error);
    if (strcmp(flow, "switch") == 0 || !chat_count_failure(t->chat, flow))
        return; /* what staff steer by does not rest */
    log_error("flow paused in this chat: it failed 5 times within a minute", "gateway", t->gw->name,
              "chat", t->chat->key, "flow", flow, "minutes", log_int(PAUSE_MS / 60000), NULL);
    metric_inc(metric_counter("sopd_flow_pauses_total", "Flows paused in a chat.",
                              metric_labels("flow", flow, NULL)));
    turn_tell_failure(t, "flow_paused", out->error, PAUSE_MS / 60000);
    struct buf b = {0};
    buf_addf(&b, "流程 %s 在 %s 一分钟内出错 5 次, 已暂停 %d 分钟。最近的错误: ", flow,
             *t->chat->name ? t->chat->name : t->chat->key, PAUSE_MS / 60000);
    buf_add(&b, out->error, utf8_cut(out->error, strlen(out->error), TURN_STAFF_ERROR));
    turn_tell_staff(t, buf_cstr(&b));
    buf_free(&b);
}

/* What follows from the outcome of a run's part; nobody but the run has seen an event that answered it. */
static enum turn_next turn_judge_run(struct turn *t, const struct host_outcome *out)
{
    bool last = t->at->last;
    switch (out->status) {
    case HOST_WAITING: return TURN_WAITS;
    case HOST_PARKED: turn_run_parked(t, out); break;
    case HOST_DONE: return turn_run_over(t, out);
    case HOST_FAILED:
        if (out->failure == FAILURE_STORE) {
            turn_abort(t, true);
            return TURN_GONE;
        }
        turn_undo(t, &t->mark);
        turn_failed(t, out);
        turn_run_failed(t, out);
        break;
    }
    return last ? TURN_ENDS : TURN_NEXT;
}

/* What follows from a handler's outcome. After a command has run, no other command does, but the flows that watch messages
 * still see it (c.command tells them), unless the handler returned true. */
enum turn_next turn_judge(struct turn *t, const struct host_outcome *out)
{
    bool command = t->at->handler->kind == HANDLER_COMMAND;
    if (t->run)
        return turn_judge_run(t, out);
    switch (out->status) {
    case HOST_WAITING: return TURN_WAITS;
    case HOST_PARKED:
        turn_run_parked(t, out);
        t->commanded = t->commanded || command;
        return TURN_NEXT;
    case HOST_DONE:
        if (out->again) {
            t->commanded = t->commanded || command;
            return turn_run_over(t, out);
        }
        if (command && !out->pass)
            t->commanded = true;
        else if (command)
            t->own.word = t->own.rest = "";
        return out->stop ? TURN_ENDS : TURN_NEXT;
    case HOST_FAILED: break;
    }
    if (out->failure == FAILURE_STORE) {
        turn_abort(t, true);
        return TURN_GONE;
    }
    turn_undo(t, &t->mark);
    if (out->failure == FAILURE_RECORD)
        return turn_start(t, t->at, true);
    turn_failed(t, out);
    t->commanded = t->commanded || command;
    return TURN_NEXT;
}

/* Its id as a run, if it becomes one: the same whenever this turn is tried again. */
static uint64_t turn_seed(struct turn *t, const struct route *r)
{
    uint64_t h = hash_more(t->hash, &r->handler->index, sizeof r->handler->index);
    const char *flow = flow_info(r->binding->flow)->name;
    h = hash_mix(hash_more(h, flow, strlen(flow)) ^ hash_string(t->gw->name));
    buf_hex64(t->run_id, h);
    return hash_mix(h);
}

static enum turn_next turn_start(struct turn *t, struct route *r, bool record)
{
    struct host_outcome out = {0};
    struct host_how how = {.seed = turn_seed(t, r), .record = record};
    host_start(r->binding->flow, r->handler->index, t, r->binding, &how, &out);
    return turn_judge(t, &out);
}

/* Runs the handlers from r on until one waits or all are done. */
static void turn_run_from(struct turn *t, struct route *r)
{
    for (; r; r = r->next) {
        t->at = r;
        enum turn_next next;
        if (r->declined && t->commanded)
            continue;
        if (r->kind != ROUTE_START) {
            r->ran = true;
            next = turn_run_step(t);
        } else if (!turn_may_run(t, r)) {
            continue;
        } else {
            r->ran = true;
            turn_set_command(t, r);
            turn_mark(t, &t->mark);
            next = turn_start(t, r, host_records(r->binding->flow, r->handler->index));
        }
        switch (next) {
        case TURN_WAITS:
        case TURN_GONE: return;
        case TURN_ENDS: r = NULL; break;
        case TURN_NEXT: break;
        }
        if (!r)
            break;
    }
    committer_add(t);
}

void turn_continue(struct turn *t)
{
    enum turn_next next;
    if (t->load) {
        next = turn_run_step(t);
    } else {
        struct host_outcome out = {0};
        host_resume(t, &out);
        next = turn_judge(t, &out);
    }
    switch (next) {
    case TURN_WAITS:
    case TURN_GONE: return;
    case TURN_ENDS: committer_add(t); return;
    case TURN_NEXT: turn_run_from(t, t->at->next); return;
    }
}

/* ---- the end of a turn ---- */

/* Gives the chat back; the next input may begin. */
static void turn_release(struct turn *t)
{
    struct chat *c = t->chat;
    c->turn = NULL;
    if (t->input && t->input->kind == INPUT_RUN && t->input->why == RUN_ANSWER)
        call_taken(t->gw, t->input->name, t->input->serial);
    if (t->input && t->input->id)
        timers_taken(t->gw, t->input->id);
    turn_free(t);
    chat_wake(c);
}

void turn_abort(struct turn *t, bool again)
{
    if (t->handler)
        host_stop(t);
    turn_load_drop(t);
    turn_runs_forget(t);
    struct input *in = t->input;
    if (again && ++in->tries < TURN_TRIES) {
        t->e->pause_until_ms = clock_mono(t->e->clock) + TURN_PAUSE_MS; /* Redis needs a moment */
        t->input = NULL;
        struct chat *c = t->chat;
        turn_release(t);
        chat_push_front(c, in);
        return;
    }
    if (again)
        log_error("input given up: redis was lost under it too often", "gateway", t->gw->name,
                  "chat", t->chat->key, NULL);
    turn_release(t);
}

void turn_finish_empty(struct turn *t)
{
    metric_inc(t->gw->m_turns);
    trace_refusals(t);
    turn_release(t);
}

static void turn_apply_after(struct turn *t, struct turn_after *a)
{
    if (!a)
        return;
    turn_apply_after(t, a->next); /* oldest first */
    if (a->kind == AFTER_RUN_GONE)
        turn_run_gone(t, a->what);
    else if (a->kind <= AFTER_OPT_IN)
        optout_set(t->gw, a->what, a->kind == AFTER_OPT_OUT);
    else if (a->kind == AFTER_FORGET)
        forget_ordered(t, a->what, a->value);
    else if (a->kind == AFTER_HOME)
        home_set(t->gw, a->what, t->chat->key);
    else if (a->kind == AFTER_EXPERIMENT)
        experiments_stored(t->gw, a->what, a->value);
}

/* What the daemon keeps in memory of what is now in Redis. unsure: the commit was asked twice and had happened before. Mostly its
 * first try did it; but a gateway may have repeated an old event just then, and what the turn made of it is not so. */
static void turn_mirror(struct turn *t, bool unsure)
{
    for (const struct turn_timer_op *op = t->timers; op; op = op->next) {
        struct chat *c = chat_get(t->gw, op->chat, false);
        if (c)
            chat_drop_timer(c, op->id);
        timers_drop(t->gw, op->id);
        if (op->due_ms >= 0)
            timers_note(t->gw, op->due_ms);
    }
    turn_apply_after(t, t->after);
    turn_apply_settings(t);
    if (unsure)
        turn_runs_unsure(t);
    else
        turn_runs_committed(t);
    if (unsure && t->timers)
        timers_note(t->gw, clock_wall(t->e->clock));
    if (t->tell_text)
        input_tell(t->input, t->tell, t->tell_text);
}

static void turn_send_out(struct turn *t, struct turn_out *o)
{
    if (o->unmentioned)
        metric_add(
            metric_counter("sopd_mentions_left_out_total",
                           "Mentions that became plain names: enough reached the member that day.",
                           metric_labels("gateway", t->gw->name, NULL)),
            o->unmentioned);
    if (o->delay_ms < 0) {
        metric_inc(gw_sends(t->gw, o->delay_ms == OUT_QUOTA       ? "quota"
                                   : o->delay_ms == OUT_ATTENTION ? "attention"
                                                                  : "shed"));
        if (o->message->run)
            run_sent(t->gw, o->message->run, o->id, "",
                     o->shed ? o->shed : "it could not leave in time");
        if (log_gate_open(&t->gw->gate_late, clock_mono(t->e->clock), 10000))
            log_warn("message shed", "gateway", t->gw->name, "chat", o->message->chat, "flow",
                     o->message->flow, "why", o->shed ? o->shed : "it could not leave in time",
                     NULL);
        return;
    }
    outbox_add(t->gw, o->id, o->message, o->delay_ms);
    o->message = NULL;
}

void turn_committed(struct turn *t, enum commit_status status, const char *text, bool again)
{
    struct gw *gw = t->gw;
    if (t->input->command)
        command_committed(t, status, text, again);
    metric_inc(gw->m_turns);
    metric_observe(gw->m_commit_time, (double)(clock_ns() - t->started_ns) / 1e9);
    if (t->input->id && (status == COMMIT_REFUSED || (status == COMMIT_DUPLICATE && !again)))
        timers_refused(gw, t->input->id);
    if (status == COMMIT_REFUSED) {
        metric_inc(gw->m_refused);
        log_error("turn refused by redis", "gateway", gw->name, "chat", t->chat->key, "problem",
                  text, NULL);
        turn_runs_forget(t);
    } else if (status == COMMIT_DUPLICATE) {
        if (!again)
            metric_inc(gw->m_dups);
        for (struct turn_out *o = t->outs; again && o; o = o->next) {
            outbox_recover(gw, o->id, o->message);
            o->message = NULL;
        }
        if (again) {
            acts_begin(t, false);
            turn_mirror(t, true);
        } else {
            turn_runs_forget(t);
        }
    } else {
        metric_inc(gw->m_commits);
        if (t->only_counts)
            trace_refusals(t);
        else
            trace_turn(t); /* before its runs are forgotten: they own bindings that it names */
        turn_mirror(t, false);
        tally_committed(t);
        for (struct turn_out *o = t->outs; o; o = o->next)
            turn_send_out(t, o);
        acts_begin(t, true);
    }
    if (t->input->event && !t->input->event->history)
        metric_observe(gw->m_latency, (double)(clock_ns() - t->input->event->arrived_ns) / 1e9);
    turn_release(t);
}
