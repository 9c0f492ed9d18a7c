/* engine.c -- the engine's life and its drain: the one place per loop iteration that runs turns, commits, sends and writes.
 * The drain hangs on uv_prepare, so everything that callbacks recorded in this iteration is worked off just before the loop
 * may sleep; while there is more to do an idle handle keeps it from sleeping. */
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/look/alarm.h"
#include "engine/look/trace.h"
#include "engine/release/release.h"
#include "engine/rights/forget.h"
#include "engine/run/calls.h"
#include "engine/send/breaker.h"

enum {
    ENGINE_SLICE_NS = 10000000,
    ENGINE_ROUND_MS = 1000,
    ENGINE_LAG_MS = 10000,
    ENGINE_TIDY_MS = 5,
    ENGINE_STOP_POLL_MS = 20
};

extern const char embed_commit_lua[];
extern const unsigned long embed_commit_lua_len;

static void engine_finish_stop(struct engine *e);

/* ---- waking ---- */

static void engine_on_spin(uv_idle_t *h)
{
    (void)h; /* its being active keeps poll from blocking */
}

void engine_spin(struct engine *e)
{
    if (e->spinning || !e->started)
        return;
    e->spinning = e->untidy = true;
    uv_idle_start(&e->spin, engine_on_spin);
}

static void engine_on_timer(uv_timer_t *t)
{
    struct engine *e = t->data;
    e->rested = true; /* and waking the loop is enough: the drain looks at everything that is due */
}

int64_t engine_next_planned(const struct engine *e)
{
    int64_t next = schedule_next(e), resume = pauses_next(e);
    next = resume < next ? resume : next;
    for (const struct gw *gw = e->gws; gw; gw = gw->next) {
        int64_t due = gw->stopped ? INT64_MAX : pacer_next(gw);
        next = due < next ? due : next;
    }
    return next;
}

int64_t engine_next_due(const struct engine *e)
{
    int64_t next = engine_next_planned(e);
    for (const struct gw *gw = e->gws; gw; gw = gw->next) {
        int64_t due = gw->stopped ? INT64_MAX : timers_next(gw);
        next = due < next ? due : next;
    }
    return next;
}

void engine_arm(struct engine *e)
{
    int64_t now = clock_wall(e->clock), next = engine_next_due(e);
    int64_t wait = next == INT64_MAX ? ENGINE_ROUND_MS : next - now;
    if (wait > ENGINE_ROUND_MS)
        wait = ENGINE_ROUND_MS;
    int64_t pause = e->pause_until_ms - clock_mono(e->clock);
    if (pause > 0 && wait > pause)
        wait = pause;
    for (const struct gw *gw = e->gws; gw; gw = gw->next)
        if (forget_busy(gw)) /* its steps are a millisecond apart */
            wait = 1;
    if (e->untidy && wait > ENGINE_TIDY_MS)
        wait = ENGINE_TIDY_MS;
    if (e->stopping && wait > ENGINE_STOP_POLL_MS)
        wait = ENGINE_STOP_POLL_MS;
    if (wait < 1)
        wait = 1;
    uv_timer_start(&e->timer, engine_on_timer, (uint64_t)wait, 0);
}

void engine_turn_ready(void *engine, struct turn *t)
{
    struct engine *e = engine;
    if (t->on_ready)
        return;
    t->on_ready = true;
    t->ready_next = NULL;
    *e->ready_tail = t;
    e->ready_tail = &t->ready_next;
    engine_spin(e);
}

/* ---- the drain ---- */

/* Chats whose next input waits; round robin over what was ready when we began. */
static bool engine_begin_turns(struct engine *e, struct gw *gw, uint64_t until_ns)
{
    struct chat *c = gw->ready;
    gw->ready = NULL;
    gw->ready_tail = &gw->ready;
    while (c) {
        struct chat *next = c->ready_next;
        c->ready = false;
        while (c->first && !c->turn && !c->gap && home_ready(c) && waits_ready(c) &&
               clock_ns() < until_ns)
            turn_begin(c);
        chat_wake(c);
        c = next;
    }
    (void)e;
    return gw->ready != NULL;
}

static void engine_resume_turns(struct engine *e)
{
    struct turn *t = e->ready;
    e->ready = NULL;
    e->ready_tail = &e->ready;
    while (t) {
        struct turn *next = t->ready_next;
        t->on_ready = false;
        turn_continue(t);
        t = next;
    }
}

static void engine_check_settings(struct engine *e)
{
    uint64_t now = e->opts.settings ? settings_routes_generation(e->opts.settings) : 0;
    if (now == e->settings_generation || !release_settled(e))
        return;
    e->settings_generation = now;
    e->generation++;
    routes_clear_cache(e);
    schedule_rebuild(e);
}

static void engine_check_ready(struct engine *e)
{
    if (e->reported_ready || !e->redis_up || !release_ready(e) ||
        (e->opts.settings && !settings_loaded(e->opts.settings)))
        return;
    for (const struct gw *gw = e->gws; gw; gw = gw->next)
        if (!gw->loaded && !gw->stopped)
            return;
    e->reported_ready = true;
    e->ready_ms = clock_mono(e->clock);
    if (e->opts.on_ready)
        e->opts.on_ready(e->opts.ud);
}

/* Gateways whose state was read from Redis may connect. */
static void engine_start_gateways(struct engine *e)
{
    bool settings = (!e->opts.settings || settings_loaded(e->opts.settings)) && release_ready(e);
    for (struct gw *gw = e->gws; gw; gw = gw->next) {
        if (gw->lost)
            gw_handle_lost(gw);
        if (gw->loaded && !gw->started && !gw->stopped && settings && !e->stopping) {
            gw->started = true;
            gw->gateway->ops->start(gw->gateway);
        }
    }
}

static void engine_round(struct engine *e)
{
    int64_t now = clock_mono(e->clock);
    if (now - e->last_round_ms < ENGINE_ROUND_MS)
        return;
    e->last_round_ms = now;
    for (struct gw *gw = e->gws; gw; gw = gw->next)
        if (!gw->stopped) {
            gw_round(gw);
            trace_flush(gw);
        }
    versions_free(e, false);
    pauses_round(e);
    release_round(e);
    process_round(e);
    alarms_round(e);
}

static bool engine_work(struct engine *e)
{
    bool more = false;
    if (e->redis_up) {
        engine_resume_turns(e);
        uint64_t until = clock_ns() + ENGINE_SLICE_NS;
        /* until a version is loaded that the settings name now, nobody is served by another */
        bool paused = clock_mono(e->clock) < e->pause_until_ms || !release_ready(e);
        for (struct gw *gw = e->gws; gw && !e->stopping && !paused; gw = gw->next)
            if (gw->owner && gw->loaded)
                more = engine_begin_turns(e, gw, until) || more;
        if (!e->stopping && e->reported_ready) {
            schedule_run(e);
            for (struct gw *gw = e->gws; gw; gw = gw->next)
                timers_run(gw);
            for (struct gw *gw = e->gws; gw; gw = gw->next)
                forget_run(gw), import_run(gw);
            for (struct gw *gw = e->gws; gw; gw = gw->next)
                inbox_run(gw);
        }
        for (struct gw *gw = e->gws; gw; gw = gw->next)
            news_run(gw);
    }
    committer_flush(e);
    for (struct gw *gw = e->gws; gw; gw = gw->next) {
        if (gw->stopped || !gw->started)
            continue;
        gap_run(gw);
        pacer_run(gw);
        if (e->redis_up)
            outbox_flush_acks(gw);
    }
    return more || e->ready;
}

static void engine_note_lag(struct engine *e)
{
    double lag = (double)(clock_ns() - e->woke_ns) / 1e9;
    if (lag > e->lag_now)
        e->lag_now = lag;
    int64_t now = clock_mono(e->clock);
    if (now - e->lag_reset_ms >= ENGINE_LAG_MS) {
        e->lag_reset_ms = now;
        e->lag_before = e->lag_now;
        e->lag_now = 0;
    }
    metric_observe(e->m_lag, lag);
}

static void engine_flush(struct engine *e)
{
    redis_flush(e->redis);
    for (struct gw *gw = e->gws; gw; gw = gw->next) {
        inbox_flush(gw);
        if (gw->gateway && gw->started && gw->gateway->ops->flush)
            gw->gateway->ops->flush(gw->gateway);
    }
}

static void engine_drain(uv_prepare_t *p)
{
    struct engine *e = p->data;
    clock_tick(e->clock);
    setback_run(e);
    release_run(e);
    engine_check_settings(e);
    pauses_run(e);
    engine_start_gateways(e);
    engine_check_ready(e);
    bool more = engine_work(e);
    engine_round(e);
    engine_flush(e);
    if (!more) {
        uv_idle_stop(&e->spin);
        e->spinning = false;
    }
    for (struct gw *gw = e->gws; gw; gw = gw->next)
        if (gw->ready && e->redis_up && !e->stopping && gw->owner &&
            clock_mono(e->clock) >= e->pause_until_ms)
            engine_spin(e);
    engine_note_lag(e);
    if (e->rested) /* nothing came in for a while, so it delays nobody */
        e->untidy = !more && !e->stopping && e->opts.tidy && e->opts.tidy(e->opts.ud);
    e->rested = false;
    if (e->stopping)
        engine_finish_stop(e);
    if (e->open_handles == 0 || uv_is_closing((uv_handle_t *)&e->timer))
        return;
    engine_arm(e);
    if (!more && e->opts.on_idle && engine_quiet(e))
        e->opts.on_idle(e->opts.ud);
}

static void engine_woke(uv_check_t *c)
{
    struct engine *e = c->data;
    e->woke_ns = clock_ns();
    clock_tick(e->clock);
}

/* ---- redis ---- */

static void engine_redis_status(void *ud, enum redis_status status)
{
    struct engine *e = ud;
    e->redis_up = status == REDIS_UP;
    e->redis_down_ms = e->redis_up ? 0 : clock_wall(e->clock);
    engine_spin(e);
    if (!e->redis_up)
        return;
    redis_command(e->redis, NULL, NULL, 3, (const char *[]){"SCRIPT", "LOAD", embed_commit_lua},
                  (const size_t[]){6, 4, embed_commit_lua_len});
    release_redis_up(e);
    for (struct gw *gw = e->gws; gw; gw = gw->next)
        gw_redis_up(gw);
    committer_redis_up(e);
}

/* ---- life ---- */

struct engine *engine_create(const struct engine_opts *opts)
{
    struct engine *e = MEM_NEW(struct engine);
    e->opts = *opts;
    e->clock = opts->clock;
    e->ready_tail = &e->ready;
    e->flights_tail = &e->flights;
    e->generation = 1;
    e->slots_dirty = true;
    e->pauses.next_ms = INT64_MAX;
    e->pauses.kept_tail = &e->pauses.kept;
    rng_seed_system(&e->rng);
    e->m_lag = metric_histogram("sopd_loop_seconds",
                                "Work of one loop iteration, from waking to sleeping.", NULL);
    metrics_on_render(engine_metrics, e);
    release_init(e);
    alarms_init(e);
    engine_set_alarms(e, opts->alarms);
    uv_prepare_init(opts->loop, &e->prepare);
    uv_check_init(opts->loop, &e->check);
    uv_idle_init(opts->loop, &e->spin);
    uv_timer_init(opts->loop, &e->timer);
    e->prepare.data = e->check.data = e->spin.data = e->timer.data = e;
    e->open_handles = 4;
    return e;
}

void engine_start(struct engine *e)
{
    e->started = true;
    e->woke_ns = clock_ns();
    struct redis_opts ro = {
        .addr = e->opts.redis, .name = "sopd", .on_status = engine_redis_status, .ud = e};
    e->redis_down_ms = clock_wall(e->clock);
    e->redis = redis_create(e->opts.loop, e->clock, &ro);
    uv_prepare_start(&e->prepare, engine_drain);
    uv_check_start(&e->check, engine_woke);
    engine_arm(e);
}

/* What a chat has of the old book. Turns that run hold on to theirs themselves. */
static void engine_renew_chat(struct chat *c)
{
    /* else a chat that falls silent now keeps an old version in memory */
    routes_release(c->routes);
    c->routes = NULL;
    while (c->pauses) { /* a new version deserves a new chance */
        struct pause *next = c->pauses->next;
        free(c->pauses->flow);
        free(c->pauses);
        c->pauses = next;
    }
}

void engine_set_book(struct engine *e, struct book *b)
{
    struct book *old = e->book;
    e->book = b ? book_retain(b) : NULL;
    release_book(e, old, b);
    e->generation++;
    routes_clear_cache(e);
    schedule_rebuild(e);
    for (struct gw *gw = e->gws; gw; gw = gw->next) {
        for (struct chat *c = gw->chats; c; c = c->hh.next)
            engine_renew_chat(c);
        for (struct known *k = gw->known; k; k = k->hh.next) {
            routes_release(k->routes);
            k->routes = NULL;
        }
    }
    if (old)
        book_release(old);
    engine_spin(e);
}

struct book *engine_book(const struct engine *e)
{
    return e->book;
}

void engine_clock_changed(struct engine *e)
{
    clock_tick(e->clock);
    engine_spin(e);
}

struct gw *engine_gw(const struct engine *e, const char *name)
{
    for (struct gw *gw = e->gws; gw; gw = gw->next)
        if (!gw->removed && strcmp(gw->name, name) == 0)
            return gw;
    return NULL;
}

struct gateway *engine_gateway(struct engine *e, const char *name)
{
    struct gw *gw = engine_gw(e, name);
    return gw ? gw->gateway : NULL;
}

/* A message is on its way to the gateway: marked, written, or asked about. */
static bool engine_sending(const struct gw *gw)
{
    for (const struct entry *en = gw->entries; en; en = en->hh.next)
        if (en->state >= ENTRY_ASKING && en->state <= ENTRY_WRITTEN)
            return true;
    return false;
}

bool engine_quiet(const struct engine *e)
{
    if (e->turns || e->ready || e->flights || (e->redis && redis_pending(e->redis)))
        return false;
    int64_t now = clock_wall(e->clock);
    for (const struct gw *gw = e->gws; gw; gw = gw->next) {
        if (gw->stopped)
            continue;
        if (forget_busy(gw) || gap_busy(gw) || gw->queued > gap_held(gw) || gw->ready ||
            gw->finished || gw->nacks || gw->nmarks || engine_sending(gw) || !inbox_quiet(gw))
            return false;
        if (pacer_next(gw) <= now || timers_next(gw) <= now)
            return false;
    }
    return schedule_next(e) > now;
}

/* ---- stopping ---- */

static bool engine_settled(const struct engine *e)
{
    if (e->turns || e->flights)
        return false;
    int64_t now = clock_wall(e->clock);
    for (const struct gw *gw = e->gws; gw; gw = gw->next) {
        if (gw->stopped)
            continue;
        if (gw->finished || gw->nacks || gw->nunmark || engine_sending(gw))
            return false;
        if (pacer_has_due(gw, now))
            return false;
    }
    return redis_pending(e->redis) == 0 || !e->redis_up;
}

static void engine_handle_closed(uv_handle_t *h)
{
    struct engine *e = h->data;
    if (--e->open_handles == 0 && e->stop_done)
        e->stop_done(e->stop_ud);
}

static void engine_redis_gone(void *ud)
{
    struct engine *e = ud;
    e->redis = NULL;
    uv_close((uv_handle_t *)&e->prepare, engine_handle_closed);
    uv_close((uv_handle_t *)&e->check, engine_handle_closed);
    uv_close((uv_handle_t *)&e->spin, engine_handle_closed);
    uv_close((uv_handle_t *)&e->timer, engine_handle_closed);
}

static void engine_unready(struct engine *e, struct turn *t)
{
    struct turn **p = &e->ready;
    while (*p && *p != t)
        p = &(*p)->ready_next;
    if (*p)
        *p = t->ready_next;
    for (e->ready_tail = &e->ready; *e->ready_tail;)
        e->ready_tail = &(*e->ready_tail)->ready_next;
}

/* Turns that still wait for an answer end here; their inputs come again with the gateway's history or repeats. */
void engine_end_turns(struct gw *gw)
{
    for (struct chat *c = gw->chats; c; c = c->hh.next) {
        if (!c->turn || !(c->turn->handler || c->turn->load))
            continue;
        engine_unready(gw->e, c->turn);
        turn_abort(c->turn, false);
    }
}

static void engine_abort_turns(struct engine *e)
{
    for (struct gw *gw = e->gws; gw; gw = gw->next) {
        committer_drop(gw);
        engine_end_turns(gw);
        calls_drop(gw);
    }
}

static void engine_gateway_gone(void *ud)
{
    struct engine *e = ud;
    if (--e->gws_stopping > 0)
        return;
    uv_prepare_stop(&e->prepare);
    uv_idle_stop(&e->spin);
    redis_flush(e->redis);
    struct redis *r = e->redis;
    redis_destroy(r, engine_redis_gone, e);
}

void engine_flush_trace(struct engine *e)
{
    for (struct gw *gw = e->gws; gw; gw = gw->next)
        trace_flush(gw);
}

static void engine_finish_stop(struct engine *e)
{
    if (e->redis_stopping || (!engine_settled(e) && clock_mono(e->clock) < e->stop_deadline))
        return;
    e->redis_stopping = true;
    engine_flush_trace(e);
    engine_abort_turns(e);
    e->gws_stopping = 1;
    for (struct gw *gw = e->gws; gw; gw = gw->next) {
        e->gws_stopping++;
        inbox_stop(gw, engine_gateway_gone, e);
        if (!gw->gateway)
            continue;
        gw->stopped = true;
        e->gws_stopping++;
        struct gateway *g = gw->gateway;
        g->ops->stop(g, engine_gateway_gone, e);
        gw->gateway = NULL;
    }
    engine_gateway_gone(e);
}

void engine_stop(struct engine *e, int64_t grace_ms, void (*done)(void *ud), void *ud)
{
    e->stopping = true;
    e->stop_deadline = clock_mono(e->clock) + grace_ms;
    e->stop_done = done;
    e->stop_ud = ud;
    alarms_stop(e);
    engine_spin(e);
    engine_arm(e);
}

void engine_destroy(struct engine *e)
{
    if (!e)
        return;
    for (struct gw *gw = e->gws; gw; gw = gw->next)
        committer_drop(gw); /* flights that the end of Redis left unanswered */
    while (e->gws) {
        struct gw *next = e->gws->next;
        gw_free(e->gws);
        e->gws = next;
    }
    schedule_free(e);
    pauses_free(e);
    routes_clear_cache(e);
    versions_free(e, true);
    release_free(e);
    alarms_free(e);
    breaker_free(e);
    staff_free(e);
    if (e->book)
        book_release(e->book);
    free(e);
}
