/* schedule.c -- `flow:at`: daily times, per group. The distinct times in use are kept as slots; when one is due, every known
 * group that has it gets an input. Exactly once per date and group comes from the turn's id (date and group are in it), so
 * nothing needs to be remembered here: after a start each group is simply offered again what it may have missed. */
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "engine/internal.h"
#include "engine/route/routes.h"

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

/* What was offered at one time, for the log: one line, however many routes there are. */
struct schedule_said {
    const struct gw *gw;
    const char *flow;
    int64_t due_ms, groups;
};
enum { SCHEDULE_SAID = 64 };
struct schedule_round {
    struct schedule_said said[SCHEDULE_SAID];
    int n;
};

static void schedule_clear(struct engine *e)
{
    for (int i = 0; i < e->nslots; i++)
        routes_release(e->slots[i].routes);
    free(e->slots);
    e->slots = NULL;
    e->nslots = e->slots_cap = 0;
    e->slots_next_ms = INT64_MAX;
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

/* Once for all groups that share the routes: their slots lie side by side. */
static void schedule_add(struct engine *e, struct gw *gw, struct routes *r)
{
    if (r->slot_round == e->slots_round)
        return;
    r->slot_round = e->slots_round;
    r->slot = e->nslots;
    for (int i = 0; i < r->nats; i++) {
        if (e->nslots == e->slots_cap) {
            e->slots_cap = e->slots_cap ? e->slots_cap * 2 : 16;
            e->slots = mem_realloc(e->slots, (size_t)e->slots_cap * sizeof *e->slots);
        }
        struct schedule_slot *s = &e->slots[e->nslots++];
        *s = (struct schedule_slot){.gw = gw, .routes = routes_retain(r), .at = &r->ats[i]};
        schedule_aim(s, e->schedule_from_ms);
        if (s->next_ms < e->slots_next_ms)
            e->slots_next_ms = s->next_ms;
    }
}

static void schedule_build(struct engine *e)
{
    static uint64_t round; /* over all engines of the process: routes remember it */
    schedule_clear(e);
    e->slots_dirty = false;
    e->slots_built_ms = clock_mono(e->clock);
    e->slots_round = ++round;
    for (struct gw *gw = e->gws; gw; gw = gw->next)
        for (struct known *k = gw->known; k; k = k->hh.next)
            schedule_add(e, gw, routes_of_known(gw, k));
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

static void schedule_note(struct schedule_round *round, const struct schedule_slot *s)
{
    const char *flow = flow_info(s->at->binding->flow)->name;
    int i = 0;
    while (i < round->n && (round->said[i].gw != s->gw || round->said[i].due_ms != s->next_ms ||
                            strcmp(round->said[i].flow, flow) != 0))
        i++;
    if (i == SCHEDULE_SAID)
        return;
    if (i == round->n)
        round->said[round->n++] = (struct schedule_said){s->gw, flow, s->next_ms, 0};
    round->said[i].groups++;
}

/* What is due of one group, in the order of its playbook; each slot as often as its time has come and it is not too late. */
static void schedule_fire_chat(struct engine *e, struct gw *gw, const struct known *k,
                               const struct routes *r, int64_t now, struct schedule_round *round)
{
    for (int i = r->slot; i < r->slot + r->nats; i++) {
        struct schedule_slot s = e->slots[i];
        int64_t late = s.at->handler->late_ms;
        for (; s.next_ms <= now; schedule_aim(&s, s.next_ms)) {
            if (late >= 0 && now - s.next_ms > late)
                continue;
            schedule_offer(gw, k->key, s.at, s.day, s.next_ms);
            schedule_note(round, &s);
        }
    }
}

/* Offers what is due to every group, then aims the slots at their next times. */
static void schedule_fire(struct engine *e, int64_t now)
{
    struct schedule_round round = {.n = 0};
    for (struct gw *gw = e->gws; gw; gw = gw->next) {
        for (struct known *k = gw->known, *next; k; k = next) {
            next = k->hh.next;
            const struct routes *r = routes_of_known(gw, k);
            if (r->slot_round == e->slots_round)
                schedule_fire_chat(e, gw, k, r, now, &round);
        }
    }
    for (int i = 0; i < round.n; i++)
        log_info("schedule due", "gateway", round.said[i].gw->name, "flow", round.said[i].flow,
                 "groups", log_int(round.said[i].groups), "late_ms",
                 log_int(now - round.said[i].due_ms), NULL);
    e->slots_next_ms = INT64_MAX;
    for (int i = 0; i < e->nslots; i++) {
        struct schedule_slot *s = &e->slots[i];
        while (s->next_ms <= now)
            schedule_aim(s, s->next_ms);
        if (s->next_ms < e->slots_next_ms)
            e->slots_next_ms = s->next_ms;
    }
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
            const struct routes *r = k->caught_up || !starting ? NULL : routes_of_known(gw, k);
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
    if (e->nslots && e->slots_next_ms <= now)
        schedule_fire(e, now);
    if (!e->slots_dirty && e->schedule_from_ms < now)
        e->schedule_from_ms = now;
}

int64_t schedule_next(const struct engine *e)
{
    return e->nslots ? e->slots_next_ms : INT64_MAX;
}

void schedule_free(struct engine *e)
{
    schedule_clear(e);
}
