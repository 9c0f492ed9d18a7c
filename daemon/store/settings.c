/* settings.c -- see settings.h: life and look-ups. Reading is in settings_load.c, hearing of edits in settings_watch.c, recording and
 * alarms in settings_audit.c; settings_mirror.c holds what was read.
 * Owns two links: `sub` hears of changed keys, `cmd` reads them. Callers: cli/serve/daemon.c creates it; the engine and admin ask. */
#include "store/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/metrics.h"
#include "store/settings_internal.h"
#include "store/settings_value.h"

enum { SETTINGS_TICK_MS = 1000 };

/* ---- life ---- */

static void settings_check(uv_check_t *check)
{
    struct settings *s = check->data;
    settings_audit_flush(s);
    metric_set(s->m_bad, (double)mirror_bad(s->mirror));
    redis_flush(s->sub);
    redis_flush(s->cmd);
    uint64_t now = mirror_generation(s->mirror);
    if (!s->loaded || (s->announced && now == s->reported))
        return;
    s->announced = true;
    s->reported = now;
    if (s->changed)
        s->changed(s->ud);
}

struct settings *settings_create(uv_loop_t *loop, struct clock *clock,
                                 const struct redis_addr *addr, void (*changed)(void *ud), void *ud)
{
    struct settings *s = MEM_NEW(struct settings);
    s->loop = loop;
    s->clock = clock;
    s->changed = changed;
    s->ud = ud;
    s->mirror = mirror_new(settings_on_news, s);
    s->items_tail = &s->items;
    s->m_bad = metric_gauge("sopd_settings_bad",
                            "Settings in Redis that are wrong and ignored: sopd ctl status.", NULL);
    buf_adds(&s->deaf, "Redis was not asked yet");
    uv_check_init(loop, &s->check);
    uv_timer_init(loop, &s->tick);
    s->check.data = s->tick.data = s;
    uv_check_start(&s->check, settings_check);
    uv_timer_start(&s->tick, settings_on_tick, SETTINGS_TICK_MS, SETTINGS_TICK_MS);
    s->open_parts = 4;
    struct redis_opts sub = {.addr = addr,
                             .name = "sopd-settings-sub",
                             .on_status = settings_sub_status,
                             .on_message = settings_on_message,
                             .ud = s};
    struct redis_opts cmd = {
        .addr = addr, .name = "sopd-settings", .on_status = settings_cmd_status, .ud = s};
    s->sub = redis_create(loop, clock, &sub);
    s->cmd = redis_create(loop, clock, &cmd);
    return s;
}

static void settings_part_closed(struct settings *s)
{
    if (--s->open_parts > 0)
        return;
    void (*done)(void *) = s->done;
    void *ud = s->done_ud;
    mirror_free(s->mirror);
    settings_load_free(s);
    settings_audit_free(s);
    buf_free(&s->deaf);
    free(s);
    if (done)
        done(ud);
}

static void settings_handle_closed(uv_handle_t *h)
{
    settings_part_closed(h->data);
}

static void settings_link_closed(void *ud)
{
    settings_part_closed(ud);
}

void settings_destroy(struct settings *s, void (*done)(void *ud), void *ud)
{
    if (!s) {
        if (done)
            done(ud);
        return;
    }
    s->closing = true;
    s->done = done;
    s->done_ud = ud;
    uv_check_stop(&s->check);
    uv_timer_stop(&s->tick);
    uv_close((uv_handle_t *)&s->check, settings_handle_closed);
    uv_close((uv_handle_t *)&s->tick, settings_handle_closed);
    redis_destroy(s->sub, settings_link_closed, s);
    redis_destroy(s->cmd, settings_link_closed, s);
}

/* ---- look-ups ---- */

bool settings_loaded(const struct settings *s)
{
    return s->loaded;
}

bool settings_quiet(const struct settings *s)
{
    return s->loaded && !s->scanning && redis_pending(s->cmd) == 0 && settings_audit_idle(s);
}

uint64_t settings_generation(const struct settings *s)
{
    return mirror_generation(s->mirror);
}

uint64_t settings_routes_generation(const struct settings *s)
{
    return mirror_routes_generation(s->mirror);
}

bool settings_find(const struct settings *s, enum settings_kind kind,
                   const struct settings_place *at, const char *field, struct settings_value *out)
{
    return mirror_find(s->mirror, kind, at, field, out);
}

void settings_each(const struct settings *s, enum settings_kind kind,
                   const struct settings_place *at, const char *field,
                   void (*fn)(void *ud, const struct settings_value *v), void *ud)
{
    mirror_each(s->mirror, kind, at, field, fn, ud);
}

void settings_everywhere(const struct settings *s, int kind, const char *field,
                         void (*fn)(void *ud, const struct settings_value *v), void *ud)
{
    mirror_everywhere(s->mirror, kind, field, fn, ud);
}

enum toggle settings_toggle(const struct settings *s, const struct settings_place *at,
                            const char *flow, struct settings_value *why)
{
    struct settings_value v;
    if (!mirror_find(s->mirror, SETTINGS_TOGGLES, at, flow, &v))
        return TOGGLE_UNSET;
    if (why)
        *why = v;
    return strcmp(v.value, "on") == 0 ? TOGGLE_ON : TOGGLE_OFF;
}

struct settings_pause {
    int64_t now_ms, until_ms;
    bool paused;
    struct settings_value why;
};

static void settings_on_pause(void *ud, const struct settings_value *v)
{
    struct settings_pause *p = ud;
    int64_t until = settings_pause_end(v->value);
    if (until <= p->now_ms)
        return;
    if (until > p->until_ms)
        p->until_ms = until;
    p->paused = true;
    p->why = *v;
}

bool settings_paused(const struct settings *s, const struct settings_place *at, const char *flow,
                     int64_t now_ms, struct settings_value *why)
{
    struct settings_pause p = {.now_ms = now_ms};
    mirror_each(s->mirror, SETTINGS_PAUSED, at, flow, settings_on_pause, &p);
    mirror_each(s->mirror, SETTINGS_PAUSED, at, "*", settings_on_pause, &p);
    if (p.paused && why)
        *why = p.why;
    return p.paused;
}

int64_t settings_paused_until(const struct settings *s, const struct settings_place *at,
                              const char *flow, int64_t now_ms)
{
    struct settings_pause p = {.now_ms = now_ms};
    mirror_each(s->mirror, SETTINGS_PAUSED, at, flow, settings_on_pause, &p);
    if (strcmp(flow, "*") != 0)
        mirror_each(s->mirror, SETTINGS_PAUSED, at, "*", settings_on_pause, &p);
    return p.until_ms;
}

static void settings_on_end(void *ud, const struct settings_value *v)
{
    struct settings_pause *p = ud;
    int64_t until = settings_pause_end(v->value);
    if (until > p->now_ms && until < p->until_ms)
        p->until_ms = until;
}

int64_t settings_next_resume(const struct settings *s, int64_t now_ms)
{
    struct settings_pause p = {.now_ms = now_ms, .until_ms = INT64_MAX};
    mirror_everywhere(s->mirror, SETTINGS_PAUSED, NULL, settings_on_end, &p);
    return p.until_ms;
}

const char *settings_tags(const struct settings *s, const char *gw, const char *chat)
{
    return mirror_tags(s->mirror, gw, chat);
}

/* ---- checking ---- */

void settings_set_check(struct settings *s, settings_check_fn check, void *ud,
                        const struct zone *zone)
{
    mirror_set_check(s->mirror, check, ud, zone);
}

void settings_recheck(struct settings *s, const struct zone *zone)
{
    mirror_recheck(s->mirror, zone);
}

void settings_each_fault(const struct settings *s,
                         void (*fn)(void *ud, const struct settings_fault *f), void *ud)
{
    mirror_each_fault(s->mirror, fn, ud);
}

size_t settings_bad(const struct settings *s)
{
    return mirror_bad(s->mirror);
}
