/* schedule.c -- `flow:at`: daily times, per group. The distinct times in use are kept as slots; when one is due, every known
 * group that has it gets an input. Exactly once per date and group comes from the turn's id (date and group are in it), so
 * nothing needs to be remembered here: after a start each group is simply offered again what it may have missed. */
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "engine/internal.h"
#include "engine/routes.h"

enum {
    SCHEDULE_DAY_MS = 86400000,
    SCHEDULE_REBUILD_MS = 1000,
    SCHEDULE_START_MS = 120000,
    SCHEDULE_BACK_MS = 1000
};

struct schedule_slot {
    struct gw *gw;
    struct routes *routes; /* identifies the chats; owned reference */
    const struct routes_at *at;
    int64_t day;     /* local day of the next occurrence */
    int64_t next_ms; /* wall */
};

static void schedule_clear(struct engine *e)
{
    for (int i = 0; i < e->nslots; i++)
        routes_release(e->slots[i].routes);
    free(e->slots);
    e->slots = NULL;
    e->nslots = 0;
}

/* The first occurrence after `after`. */
static void schedule_aim(struct schedule_slot *s, int64_t after)
{
    const struct zone *z = s->at->binding->playbook->zone;
    s->day = zone_day(z, after, 0) - 1;
    do {
        s->next_ms = zone_moment(z, ++s->day, s->at->clock_ms);
    } while (s->next_ms <= after);
}

static void schedule_add(struct engine *e, struct gw *gw, struct routes *r)
{
    for (int i = 0; i < e->nslots; i++)
        if (e->slots[i].routes == r && e->slots[i].gw == gw)
            return;
    for (int i = 0; i < r->nats; i++) {
        e->slots = mem_realloc(e->slots, (size_t)(e->nslots + 1) * sizeof *e->slots);
        struct schedule_slot *s = &e->slots[e->nslots++];
        r->refs++;
        *s = (struct schedule_slot){.gw = gw, .routes = r, .at = &r->ats[i]};
        schedule_aim(s, e->schedule_from_ms);
    }
}

static void schedule_build(struct engine *e)
{
    schedule_clear(e);
    e->slots_dirty = false;
    e->slots_built_ms = clock_mono(e->clock);
    for (struct gw *gw = e->gws; gw; gw = gw->next)
        for (struct known *k = gw->known; k; k = k->hh.next)
            schedule_add(e, gw, routes_lookup(gw, k->key, k->name));
}

void schedule_rebuild(struct engine *e)
{
    e->slots_dirty = true;
}

static void schedule_offer(struct gw *gw, const char *chat, const struct routes_at *at, int64_t day,
                           int64_t due_ms)
{
    const struct handler *h = at->handler;
    struct input *in = MEM_NEW(struct input);
    in->kind = INPUT_SCHEDULE;
    in->flow = mem_strdup(flow_info(at->binding->flow)->name);
    in->name = mem_strdup(h->from_param ? h->name : h->words[0]);
    in->key = mem_strdup(h->id);
    in->due_ms = due_ms;
    in->serial = (uint64_t)day;
    chat_push(chat_get(gw, chat, true), in);
}

/* Every group of the slot; false if it is too late for this occurrence. */
static void schedule_fire(struct engine *e, struct schedule_slot *s)
{
    int64_t late = s->at->handler->late_ms, now = clock_wall(e->clock);
    const char *flow = flow_info(s->at->binding->flow)->name;
    if (late >= 0 && now - s->next_ms > late) {
        log_debug("schedule skipped: too late", "gateway", s->gw->name, "flow", flow, "due_ms",
                  log_int(s->next_ms), NULL);
        return;
    }
    size_t n = 0;
    for (struct known *k = s->gw->known, *next; k; k = next) {
        next = k->hh.next;
        if (routes_lookup(s->gw, k->key, k->name) == s->routes) {
            schedule_offer(s->gw, k->key, s->at, s->day, s->next_ms);
            n++;
        }
    }
    log_info("schedule due", "gateway", s->gw->name, "flow", flow, "groups", log_int((int64_t)n),
             "late_ms", log_int(now - s->next_ms), NULL);
}

/* The last occurrence before now, if it is not too late for it. */
static void schedule_offer_missed(struct gw *gw, const char *chat, const struct routes_at *at,
                                  int64_t now)
{
    const struct zone *z = at->binding->playbook->zone;
    int64_t day = zone_day(z, now, 0), due = zone_moment(z, day, at->clock_ms);
    if (due > now)
        due = zone_moment(z, --day, at->clock_ms);
    int64_t late = at->handler->late_ms;
    if (now - due <= (late < 0 || late > SCHEDULE_DAY_MS ? SCHEDULE_DAY_MS : late))
        schedule_offer(gw, chat, at, day, due);
}

/* Groups that came to be known: those of the first minutes after a start were there while we were not. */
static void schedule_catch_up(struct engine *e, int64_t now)
{
    bool starting = clock_mono(e->clock) - e->ready_ms < SCHEDULE_START_MS;
    for (struct gw *gw = e->gws; gw; gw = gw->next) {
        for (struct known *k = gw->known; k; k = k->hh.next) {
            const struct routes *r =
                k->caught_up || !starting ? NULL : routes_lookup(gw, k->key, k->name);
            k->caught_up = true;
            for (int i = 0; r && i < r->nats; i++)
                schedule_offer_missed(gw, k->key, &r->ats[i], now);
        }
    }
}

void schedule_run(struct engine *e)
{
    int64_t now = clock_wall(e->clock);
    if (!e->schedule_from_ms)
        e->schedule_from_ms = now;
    if (e->schedule_from_ms - now > SCHEDULE_BACK_MS) {
        /* The clock was set back. What comes a second time has the same date, so the same turn's id; but waiting for the
         * time that the clock showed before could take years. */
        e->schedule_from_ms = now;
        e->slots_built_ms = 0;
        schedule_rebuild(e);
    }
    /* new groups come in crowds: not at once for each, but never fire from stale slots */
    int64_t rest = e->nslots && schedule_next(e) > now ? SCHEDULE_REBUILD_MS : 0;
    if (e->slots_dirty && clock_mono(e->clock) - e->slots_built_ms >= rest) {
        schedule_build(e);
        schedule_catch_up(e, now);
    }
    for (int i = 0; i < e->nslots; i++) {
        while (e->slots[i].next_ms <= now) {
            schedule_fire(e, &e->slots[i]);
            schedule_aim(&e->slots[i], e->slots[i].next_ms);
        }
    }
    if (!e->slots_dirty && e->schedule_from_ms < now)
        e->schedule_from_ms = now;
}

int64_t schedule_next(const struct engine *e)
{
    int64_t next = INT64_MAX;
    for (int i = 0; i < e->nslots; i++)
        if (e->slots[i].next_ms < next)
            next = e->slots[i].next_ms;
    return next;
}

void schedule_free(struct engine *e)
{
    schedule_clear(e);
}
