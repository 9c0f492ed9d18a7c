/* run_turn.c -- what a run does in a turn: its record is fetched, its coroutine brought back if it was dropped (replay), it is woken
 * with what it waited for, and what follows (parked again, over, failed) joins the turn's one commit.
 * Reading from Redis suspends the turn like a read of a script does: turn_run_step is called again and looks where it is.
 * Callers: turn_run.c. The reads are in run_load.c, the writes in run_write.c. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/route/routes.h"
#include "engine/run/calls.h"
#include "engine/run/run_part.h"
#include "engine/run/run_write.h"
#include "engine/turn/event_json.h"

enum { RUN_DEFER_MS = 300000 };

/* ---- the end of a run's part ---- */

/* The route is through: the next handler is about the turn's own input again. */
static enum turn_next turn_run_leave(struct turn *t)
{
    bool kept = false;
    for (const struct turn_run *r = t->runs; r; r = r->next)
        kept = kept || r->run == t->run;
    if (t->run && !kept)
        t->run->busy = false;
    t->run = NULL;
    t->gathered = false;
    t->cause = &t->own;
    free(t->wake);
    t->wake = NULL;
    return t->at->last ? TURN_ENDS : TURN_NEXT;
}

static void turn_tell(struct turn *t, enum run_fit fit, const char *text)
{
    if (t->input->kind != INPUT_RUN || !t->input->told || t->tell_text)
        return;
    t->tell = fit;
    t->tell_text = mem_strdup(text);
}

/* A run that cannot go on is put aside with what woke it; an admin may try again (sopd ctl runs retry). */
static enum turn_next turn_run_aside(struct turn *t, const char *status, const char *error)
{
    const struct pin *p = pin_find(t->gw, t->run->pin);
    const char *flow = p ? p->flow : "?";
    log_error(strcmp(status, "stuck") == 0 ? "run is stuck" : "run failed", "gateway", t->gw->name,
              "chat", t->chat->key, "flow", flow, "run", t->run->id, "error", error, NULL);
    metric_inc(metric_counter("sopd_runs_parked_total", "Runs that cannot go on without an admin.",
                              metric_labels("flow", flow, "status", status, NULL)));
    run_write_aside(t, t->run, status, flow, error);
    turn_tell_run(t, strcmp(status, "stuck") == 0 ? "run_stuck" : "run_failed", flow, error);
    turn_tell(t, RUN_GONE, error);
    return turn_run_leave(t);
}

/* There is no such run any more: what pointed at it goes, too. */
static enum turn_next turn_run_missing(struct turn *t)
{
    run_write_missing(t, t->at->run);
    turn_tell(t, RUN_GONE, "there is no such run");
    t->run = NULL;
    return t->at->last ? TURN_ENDS : TURN_NEXT;
}

static enum turn_next turn_run_stop(struct turn *t)
{
    run_write_over(t, t->run);
    turn_tell(t, RUN_DONE, "ended");
    return turn_run_leave(t);
}

/* ---- bringing it back and waking it ---- */

static uint64_t run_seed(const struct run *run)
{
    return hash_mix(strtoull(run->id, NULL, 16) + (uint64_t)run->gen);
}

/* The route speaks for the run from now on. */
static const struct handler *turn_run_enter(struct turn *t, struct binding *b)
{
    struct run *run = t->run;
    if (run->binding != b) {
        if (run->binding)
            binding_release(run->binding);
        run->binding = binding_retain(b);
    }
    t->at->binding = b;
    t->at->handler = flow_handler_by_id(b->flow, run->on);
    t->cause = &run->cause;
    snprintf(t->run_id, sizeof t->run_id, "%s", run->id);
    return t->at->handler;
}

static void turn_replay(struct turn *t, struct binding *b, struct host_outcome *out)
{
    struct run *run = t->run;
    const char *lines = buf_cstr(&run->journal);
    struct host_how how = {
        .seed = run_seed(run), .record = true, .journal = lines, .journal_len = run->journal.len};
    t->replaying = true;
    host_start(b->flow, t->at->handler->index, t, b, &how, out);
    t->replaying = false;
}

/* A coroutine for the run in memory, if it has none. False: it was put aside. */
static bool turn_run_revive(struct turn *t, struct binding *b, enum turn_next *next)
{
    struct run *run = t->run;
    struct host_outcome out = {0};
    if (!turn_run_enter(t, b)) {
        struct buf text = {0};
        buf_addf(&text, "version %s of the flow has no handler %s", flow_info(b->flow)->version,
                 run->on);
        *next = turn_run_aside(t, "stuck", buf_cstr(&text));
        buf_free(&text);
        return false;
    }
    if (run->parked || run->fresh)
        return true;
    turn_replay(t, b, &out);
    if (out.status == HOST_PARKED) {
        run->parked = out.parked;
        run->generation = t->e->generation;
        buf_free(&run->journal);
        return true;
    }
    host_stop(t);
    *next = turn_run_aside(
        t, "stuck", out.error ? out.error : "the replay of its journal ended without a wait");
    return false;
}

/* Its time has come, or the world outside has answered: that waits while its flow is off. */
static bool turn_must_be_on(const struct turn *t)
{
    return t->input->kind == INPUT_RUN &&
           (t->input->why == RUN_DUE || t->input->why == RUN_ANSWER || t->input->why == RUN_ASK);
}

/* What its timer causes happens once: the run, its round, and how often it was woken say which wake it is. The time does not:
 * it may have been put off, or the clock set back. */
static void turn_run_identify(struct turn *t)
{
    const struct run *run = t->run;
    if (t->input->kind != INPUT_RUN || !turn_must_be_on(t) || t->again)
        return;
    uint64_t h = hash_more(hash_string(run->id), &run->gen, sizeof run->gen);
    t->hash = hash_mix(hash_more(h, &run->wakes, sizeof run->wakes) + run->fresh);
}

/* Its own time, and numbers of its own. */
static void turn_run_go(struct turn *t, struct host_outcome *out)
{
    struct run *run = t->run;
    turn_run_identify(t);
    turn_mark(t, &t->mark);
    if (t->input->kind == INPUT_RUN && t->input->why == RUN_RETRY)
        run_write_retry(t, run);
    if (run->fresh) {
        struct host_how how = {.seed = run_seed(run), .record = true};
        run->cause.now_ms = t->now_ms;
        run->cause.time_ms = t->time_ms;
        host_start(run->binding->flow, t->at->handler->index, t, run->binding, &how, out);
        return;
    }
    struct coro *parked = run->parked;
    run->parked = NULL;
    host_wake(parked, t, run->binding, t->wake, out);
}

/* ---- moving to the newest version ---- */

static enum turn_next turn_migrate(struct turn *t, struct pin *p, struct binding *current)
{
    struct run *run = t->run;
    const struct flow_info *info = flow_info(current->flow);
    if (strcmp(info->version, p->version) == 0) {
        turn_tell(t, RUN_CURRENT, "");
        return turn_run_leave(t);
    }
    struct binding *b = pin_bind(t->e, p, current->flow, current);
    b->pin[0] = '\0'; /* new version, kept values: a pin of its own */
    struct host_outcome out = {0};
    if (!turn_run_enter(t, b)) {
        turn_tell(t, RUN_DIFFERS, "the new version has no such handler");
    } else {
        if (!run->fresh)
            turn_replay(t, b, &out);
        bool fits = run->fresh || out.status == HOST_PARKED;
        if (!fits)
            host_stop(t);
        turn_tell(t,
                  !fits           ? RUN_DIFFERS
                  : t->input->dry ? RUN_FITS
                                  : RUN_MOVED,
                  fits        ? ""
                  : out.error ? out.error
                              : "it ends where the run still waits");
        if (out.status == HOST_PARKED)
            host_drop(out.parked);
        if (fits && !t->input->dry)
            run_write_moved(t, run, pin_of(t->gw, b));
    }
    binding_release(b);
    return turn_run_leave(t);
}

/* ---- the steps ---- */

/* The flow is off, or not served here now: a timer comes again later, everything else is put aside. */
static enum turn_next turn_run_defer(struct turn *t)
{
    if (t->input->kind == INPUT_RUN && t->input->why == RUN_MIGRATE) {
        turn_tell(t, RUN_GONE, "its flow does not run in this chat now");
        return turn_run_leave(t);
    }
    const struct pin *p = pin_find(t->gw, t->run->pin);
    if (t->input->kind == INPUT_RUN && t->input->why == RUN_DUE) {
        run_write_timer(t, t->run, t->now_ms + RUN_DEFER_MS);
        if (p)
            pauses_note_run(t, t->run->id, p->flow, t->now_ms + RUN_DEFER_MS);
        return turn_run_leave(t);
    }
    if (turn_call_keep(t, t->now_ms + RUN_DEFER_MS)) {
        if (t->input->why == RUN_ANSWER && p)
            pauses_note_run(t, t->run->id, p->flow, t->now_ms + RUN_DEFER_MS);
        return turn_run_leave(t);
    }
    turn_make_wake(t);
    return turn_run_aside(t, "failed", "its flow does not run in this chat any more");
}

/* One more for a run that gathers. True: that was the last it waited for. */
static bool turn_gather(struct turn *t)
{
    struct run *run = t->run;
    struct buf json = {0};
    run_set_ref(run, t->input->event->ref, t->now_ms);
    event_json_write(t->input->event, &json);
    run_write_gathered(t, run, &json);
    if (run->ngathered++)
        buf_addc(&run->gathered, ',');
    buf_add(&run->gathered, json.data, json.len);
    buf_free(&json);
    return run->gather_max && run->ngathered >= run->gather_max;
}

static bool turn_run_stale(const struct turn *t)
{
    const struct run *run = t->run;
    if (t->at->kind == ROUTE_GATHER)
        return run->awaits != AWAITS_EVENTS;
    if (t->input->kind == INPUT_EVENT)
        return run->awaits != AWAITS_ANSWER;
    if (t->input->why == RUN_SENT)
        return run->awaits != AWAITS_SENT;
    if (t->input->why == RUN_DUE && !run->fresh && !run->due_ms)
        return true;
    return turn_must_be_on(t) && turn_call_stale(t);
}

/* The record is here: decides what becomes of it. TURN_WAITS with a load, or through. */
static enum turn_next turn_run_act(struct turn *t)
{
    struct run *run = t->run;
    if (t->at->kind == ROUTE_END)
        return turn_run_stop(t);
    bool migrate = t->input->kind == INPUT_RUN && t->input->why == RUN_MIGRATE;
    if (!migrate && turn_run_stale(t)) {
        run_write_stale(t, run);
        return turn_run_leave(t);
    }
    if (t->at->kind == ROUTE_GATHER && !t->gathered) {
        t->gathered = true;
        if (!turn_gather(t))
            return turn_run_leave(t);
    }
    struct pin *p = pin_find(t->gw, run->pin);
    if (!p)
        return turn_fetch_pin(t);
    struct binding *current = routes_binding(t->chat, p->flow);
    if (!current || (turn_must_be_on(t) && !routes_flow_on(t->chat, current, NULL)))
        return turn_run_defer(t);
    if (turn_call_repeat(t))
        return turn_run_leave(t);
    pin_of(t->gw, current);
    if (migrate)
        return turn_migrate(t, p, current);
    struct flow *f = version_find(t->e, current, p->flow, p->version);
    if (!f)
        return turn_fetch_source(t, p);
    struct binding *b = run->binding && run->generation == t->e->generation
                            ? binding_retain(run->binding)
                            : pin_bind(t->e, p, f, current);
    enum turn_next next = TURN_NEXT;
    turn_make_wake(t);
    bool ready = turn_run_revive(t, b, &next);
    binding_release(b);
    if (!ready)
        return next;
    if (t->input->kind == INPUT_EVENT)
        run_set_ref(run, t->input->event->ref, t->now_ms);
    struct host_outcome out = {0};
    turn_run_go(t, &out);
    return turn_judge(t, &out);
}

static enum turn_next turn_take_source(struct turn *t, const struct run_load *l)
{
    struct pin *p = pin_find(t->gw, t->run->pin);
    struct binding *current = p ? routes_binding(t->chat, p->flow) : NULL;
    struct buf err = {0};
    enum turn_next next = TURN_NEXT;
    bool ok = true;
    if (current && !l->text)
        buf_addf(&err, "the source of version %s is not in Redis any more", p->version);
    else if (current)
        version_load(t->e, current, p->flow, p->version, l->text, l->len, &err);
    if (err.len) {
        ok = false;
        turn_make_wake(t);
        next = turn_run_aside(t, "stuck", buf_cstr(&err));
    }
    buf_free(&err);
    return ok ? turn_run_act(t) : next;
}

static enum turn_next turn_take_record(struct turn *t, const struct run_load *l)
{
    const char *why = NULL;
    if (!l->text)
        return turn_run_missing(t);
    t->run = run_read(t->gw, t->at->run, l->text, l->len, &why);
    if (!t->run) {
        log_error("run cannot be read", "gateway", t->gw->name, "chat", t->chat->key, "run",
                  t->at->run, "problem", why, NULL);
        run_write_missing(t, t->at->run); /* its record stays for whoever looks at it */
        turn_tell(t, RUN_GONE, why);
        return TURN_NEXT;
    }
    t->run->busy = true;
    return turn_run_step(t);
}

/* What an admin tries again is in the hash of parked runs. */
static enum turn_next turn_take_parked(struct turn *t, const struct run_load *l)
{
    cJSON *o = l->text ? cJSON_Parse(l->text) : NULL;
    cJSON *wake = cJSON_GetObjectItemCaseSensitive(o, "wake");
    char *with = NULL;
    if (o)
        with = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(wake, "with"));
    cJSON_Delete(o);
    if (!l->text) {
        turn_tell(t, RUN_GONE, "it is neither stuck nor failed");
        return turn_run_leave(t);
    }
    turn_set_wake(t, with ? with : "null");
    free(with);
    return turn_run_act(t);
}

static enum turn_next turn_take(struct turn *t, struct run_load *l)
{
    struct pin *p;
    switch (l->what) {
    case LOAD_RECORD: return turn_take_record(t, l);
    case LOAD_PARKED: return turn_take_parked(t, l);
    case LOAD_SOURCE: return turn_take_source(t, l);
    case LOAD_PIN: break;
    }
    p = l->text ? pin_read(t->gw, t->run->pin, l->text, l->len) : NULL;
    if (p)
        return turn_run_act(t);
    if (t->input->kind == INPUT_RUN && t->input->why == RUN_MIGRATE) {
        turn_tell(t, RUN_GONE, "its version and parameters (key pin) are not in Redis any more");
        return turn_run_leave(t);
    }
    turn_make_wake(t);
    return turn_run_aside(t, "stuck",
                          "its version and parameters (key pin) are not in Redis any more");
}

enum turn_next turn_run_step(struct turn *t)
{
    struct run_load *l = t->load;
    if (l) {
        if (!l->done)
            return TURN_WAITS;
        t->load = NULL;
        enum turn_next next = TURN_GONE;
        if (l->lost)
            turn_abort(t, true);
        else
            next = turn_take(t, l);
        free(l->text);
        free(l);
        return next;
    }
    bool admin = t->input->kind == INPUT_RUN && t->input->told;
    if (!t->run) {
        struct run *run = run_find(t->gw, t->at->run);
        if (run && run->parked && (admin || run->generation != t->e->generation)) {
            run_forget(
                run); /* playbooks or parameters have changed: it is brought back with today's texts */
            run = NULL;
        }
        if (!run)
            return turn_fetch_record(t);
        t->run = run;
        run->busy = true;
    }
    if (admin && t->input->why == RUN_RETRY && !t->wake)
        return turn_fetch_parked(t);
    return turn_run_act(t);
}

/* ---- outcomes ---- */

void turn_run_parked(struct turn *t, const struct host_outcome *out)
{
    run_write_parked(t, out);
    if (t->run) {
        turn_tell(t, RUN_DONE, "");
        turn_run_leave(t);
    }
}

/* c:continue: its next round begins within this turn; one that continues at once again gets a turn of its own. */
static enum turn_next turn_run_again(struct turn *t)
{
    struct binding *newest = routes_binding(t->chat, flow_info(t->at->binding->flow)->name);
    free(t->wake);
    t->wake = NULL;
    if (t->again++) {
        run_write_later(t, t->run);
        return turn_run_leave(t);
    }
    turn_run_enter(t, newest);
    struct host_outcome out = {0};
    turn_run_go(t, &out);
    return turn_judge(t, &out);
}

enum turn_next turn_run_over(struct turn *t, const struct host_outcome *out)
{
    const char *why = out->again ? run_write_again(t, out->again) : NULL;
    if (why && t->run)
        return turn_run_aside(t, "stuck", why);
    if (why)
        log_error("c:continue came to nothing", "gateway", t->gw->name, "chat", t->chat->key,
                  "problem", why, NULL);
    if (!t->run)
        return TURN_NEXT;
    turn_tell(t, RUN_DONE, "");
    if (out->again)
        return turn_run_again(t);
    run_write_over(t, t->run);
    return turn_run_leave(t);
}

void turn_run_failed(struct turn *t, const struct host_outcome *out)
{
    turn_run_aside(t, out->failure == FAILURE_STUCK ? "stuck" : "failed", out->error);
}

/* ---- after the commit ---- */

static void turn_runs_end(struct turn *t, bool committed)
{
    while (t->runs) {
        struct turn_run *r = t->runs;
        struct run *run = r->run;
        t->runs = r->next;
        run->busy = false;
        if (committed && !r->over && run->listed)
            waits_put(t->chat, run);
        else
            waits_remove(t->chat, run->id);
        if (committed && (r->over || run->asks || !run->outside))
            call_end(t->gw, run->id);
        if (committed && !r->over && run->asks)
            call_begin(t->gw, run);
        run->asks = false;
        if (!committed || r->over)
            run_forget(run);
        free(r);
    }
}

void turn_runs_committed(struct turn *t)
{
    bool any = t->runs != NULL;
    turn_runs_end(t, true);
    if (any)
        runs_evict(
            t->gw,
            false); /* a crowd that begins to wait must not fill the flow's memory before the next round */
}

void turn_runs_forget(struct turn *t)
{
    bool any = t->runs != NULL;
    if (t->run) { /* in the middle of its part: what is in memory is ahead of Redis */
        bool listed = false;
        for (const struct turn_run *r = t->runs; r; r = r->next)
            listed = listed || r->run == t->run;
        t->run->busy = false;
        if (!listed)
            run_forget(t->run);
        t->run = NULL;
        any = true;
    }
    turn_runs_end(t, false);
    if (any)
        waits_forget(t->chat);
    pins_unsure(t);
}

void turn_runs_unsure(struct turn *t)
{
    for (const struct turn_run *r = t->runs; r; r = r->next)
        if (!r->over && r->run->asks)
            call_unsure(t->gw, r->run->id, r->run->chat);
    turn_runs_forget(t);
}

void turn_run_gone(struct turn *t, const char *what)
{
    const char *bar = strchr(what, '|');
    struct chat *c = bar ? chat_get(t->gw, bar + 1, false) : NULL;
    char id[17];
    snprintf(id, sizeof id, "%.16s", what);
    if (c && c->waits_state == WAITS_LOADED)
        waits_remove(c, id);
}
