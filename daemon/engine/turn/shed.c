/* shed.c -- see shed.h. Nothing of it costs more than a few pointers until a queue is full. Then an event is looked at once, for what
 * it is worth to the flows of its chat: chatter that nobody listens to goes first, then the oldest event that some handler would
 * see; commands, answers that a run waits for, joins, leaves and buttons stay, like all timers, schedules and wakes of runs. If
 * there is nothing else left, the gateway is not read for a while: TCP holds its peer back, and nothing is lost.
 * Callers: chat.c, turn_run.c, gw.c. */
#include "engine/turn/shed.h"

#include <string.h>

#include "engine/gap.h"
#include "engine/internal.h"
#include "engine/look/alarm.h"
#include "engine/look/trace.h"

enum {
    SHED_CHAT_MAX = 500,
    SHED_TOTAL_MAX = 20000,
    SHED_BYTES_MAX = 64 << 20,
    SHED_PAUSE_MS = 60000,
    SHED_OTHER_BYTES = 512, /* of an input that is no event */
    SHED_LOG_MS = 10000
};
/* Which list: events nobody has looked at, and events that handlers would see. */
enum { SHED_FRESH, SHED_PLAIN };

/* ---- what an event is worth ---- */

static bool shed_type_stays(enum event_type type)
{
    switch (type) {
    case EVENT_JOIN:
    case EVENT_LEAVE:
    case EVENT_BUTTON:
    case EVENT_REQUEST:
    case EVENT_ENTER:
    case EVENT_ORDER:
    case EVENT_TRIGGER: return true;
    default: return false;
    }
}

static enum input_worth shed_worth_of(struct chat *c, const struct input *in)
{
    if (in->kind != INPUT_EVENT || in->command || in->id || shed_type_stays(in->event->type))
        return WORTH_STAYS;
    if (in->event->from_bot)
        return WORTH_NOTHING;
    struct route *list = routes_match(c, in);
    /* while it is not read who waits for an answer here, anything said may be one */
    enum input_worth worth = list || c->waits_state != WAITS_LOADED ? WORTH_PLAIN : WORTH_NOTHING;
    for (const struct route *r = list; r && worth != WORTH_STAYS; r = r->next)
        if (r->kind != ROUTE_START ||
            (r->handler->kind == HANDLER_COMMAND && routes_flow_on(c, r->binding, NULL)))
            worth = WORTH_STAYS;
    routes_free_list(list);
    return worth;
}

static enum input_worth shed_worth(struct chat *c, struct input *in)
{
    if (in->worth == WORTH_UNKNOWN) {
        in->worth = shed_worth_of(c, in);
        if (in->worth == WORTH_STAYS && in->queued_in)
            c->staying++;
    }
    return in->worth;
}

/* ---- the lists ---- */

static void shed_link(struct shed *s, int list, struct input *in)
{
    in->listed = (uint8_t)(list + 1);
    in->newer = NULL;
    in->older = s->last[list];
    if (in->older)
        in->older->newer = in;
    else
        s->first[list] = in;
    s->last[list] = in;
}

static void shed_unlink(struct shed *s, struct input *in)
{
    if (!in->listed)
        return;
    int list = in->listed - 1;
    *(in->older ? &in->older->newer : &s->first[list]) = in->newer;
    *(in->newer ? &in->newer->older : &s->last[list]) = in->older;
    in->listed = 0;
}

static bool shed_over(const struct gw *gw, size_t room)
{
    const struct engine_opts *o = &gw->e->opts;
    size_t total = o->queue_total_max ? (size_t)o->queue_total_max : SHED_TOTAL_MAX;
    size_t bytes = o->queue_bytes_max ? (size_t)o->queue_bytes_max : SHED_BYTES_MAX;
    return gw->queued + 1 > total - total / room || gw->shed.bytes > bytes - bytes / room;
}

static bool shed_full(const struct gw *gw)
{
    return shed_over(gw, SIZE_MAX);
}

void shed_added(struct chat *c, struct input *in)
{
    in->queued_in = c;
    in->size = (uint32_t)sizeof *in +
               (in->event ? (uint32_t)event_size(in->event) : (uint32_t)SHED_OTHER_BYTES);
    c->gw->shed.bytes += in->size;
    if (in->kind == INPUT_EVENT && in->worth < WORTH_STAYS)
        shed_link(&c->gw->shed, in->worth == WORTH_PLAIN ? SHED_PLAIN : SHED_FRESH, in);
    c->staying += in->worth == WORTH_STAYS;
}

static void shed_read(struct gw *gw, bool read)
{
    gw->shed.paused = !read;
    if (gw->gateway)
        gateway_pause(gw->gateway, !read);
}

void shed_taken(struct chat *c, struct input *in)
{
    struct shed *s = &c->gw->shed;
    shed_unlink(s, in);
    s->bytes -= in->size;
    c->staying -= in->worth == WORTH_STAYS;
    in->queued_in = NULL;
    if ((s->paused || s->overdue) && !shed_over(c->gw, 4)) { /* a quarter is free again */
        log_info("the queue has room again", "gateway", c->gw->name, NULL);
        s->overdue = false;
        if (s->paused)
            shed_read(c->gw, true);
    }
}

/* ---- shedding ---- */

static struct metric *shed_metric(const struct gw *gw, const char *what)
{
    return metric_counter("sopd_inputs_shed_total",
                          "Inputs shed because a queue was full, by what they were.",
                          metric_labels("gateway", gw->name, "what", what, NULL));
}

static void shed_count(struct gw *gw, enum input_worth worth, enum event_type type)
{
    static const char *const words[] = {"", "chatter", "event"};
    if (worth == WORTH_STAYS) {
        metric_inc(shed_metric(gw, event_type_name(type)));
        return;
    }
    if (!gw->shed.m[worth]) /* there may be very many of these */
        gw->shed.m[worth] = shed_metric(gw, words[worth]);
    metric_inc(gw->shed.m[worth]);
}

/* Notes it for `sopd ctl why`, says so in the log now and then, and frees it. */
static void shed_drop(struct chat *c, struct input *in)
{
    struct gw *gw = c->gw;
    enum input_worth worth = shed_worth(c, in);
    shed_count(gw, worth, in->event->type);
    if (!c->shed_events && !c->shed_wanted) {
        c->shed_from_ms = clock_wall(gw->e->clock);
        gw->shed.noted++;
    }
    if (worth == WORTH_STAYS)
        c->shed_wanted++;
    else
        c->shed_events++;
    if (log_gate_open(&gw->gate_shed, clock_mono(gw->e->clock), SHED_LOG_MS))
        log_warn("input shed: the queue is full", "gateway", gw->name, "chat", c->key, "queued",
                 log_int(c->queued), "gateway_queued", log_int((int64_t)gw->queued), "bytes",
                 log_int((int64_t)gw->shed.bytes), "missed", log_int((int64_t)gw->gate_shed.missed),
                 NULL);
    input_free(in);
}

/* The alarm of a gateway that sheds what was wanted, with the figures of now. */
static void shed_alarm(struct gw *gw)
{
    struct buf text = {0};
    buf_addf(
        &text,
        "commands are shed: %zu inputs wait and the gateway could not be held back any longer; %u are lost so far",
        gw->queued, gw->shed.loud);
    alarm_raise(gw, "shed", "", buf_cstr(&text));
    buf_free(&text);
}

/* What a member asked for is lost here: that is never silent, and the history may bring it back. */
static void shed_loudly(struct chat *c, struct input *in)
{
    struct gw *gw = c->gw;
    if (!gw->shed.loud++)
        shed_alarm(gw);
    if (gw->gateway)
        gateway_unsee(gw->gateway, in->event);
    gap_ask(gw, c->key, in->event->time_ms);
    shed_drop(c, in);
}

/* Takes one out of the middle of its chat's queue. */
static void shed_remove(struct input *in)
{
    struct chat *c = in->queued_in;
    struct input **p = &c->first;
    while (*p != in)
        p = &(*p)->next;
    *p = in->next;
    if (!in->next)
        c->tail = p;
    c->queued--;
    c->gw->queued--;
    shed_taken(c, in);
    shed_drop(c, in);
}

/* The oldest event of the gateway that nobody needs: first what no handler would see. NULL: all that waits is wanted. */
static struct input *shed_victim(struct gw *gw)
{
    struct shed *s = &gw->shed;
    for (struct input *in; (in = s->first[SHED_FRESH]);) {
        enum input_worth worth = shed_worth(in->queued_in, in);
        if (worth == WORTH_NOTHING)
            return in;
        shed_unlink(s, in);
        if (worth == WORTH_PLAIN)
            shed_link(s, SHED_PLAIN, in);
    }
    return s->first[SHED_PLAIN];
}

/* The same in one chat. */
static struct input *shed_victim_here(struct chat *c)
{
    struct input *plain = NULL;
    for (struct input *in = c->first; in; in = in->next) {
        enum input_worth worth = shed_worth(c, in);
        if (worth == WORTH_NOTHING)
            return in;
        if (worth == WORTH_PLAIN && !plain)
            plain = in;
    }
    return plain;
}

/* The chat has too much: an event is let in at the price of an older one. */
static bool shed_admit_here(struct chat *c, struct input *in)
{
    enum input_worth worth = shed_worth(c, in);
    if (worth == WORTH_STAYS)
        return true;
    struct input *victim =
        worth == WORTH_PLAIN && c->staying < c->queued ? shed_victim_here(c) : NULL;
    if (!victim) {
        shed_drop(c, in);
        return false;
    }
    shed_remove(victim);
    return true;
}

/* Nothing that waits may go, and this neither: its gateway is not read until there is room. */
static bool shed_hold(struct chat *c, struct input *in)
{
    struct gw *gw = c->gw;
    struct shed *s = &gw->shed;
    bool can = gw->gateway && gw->gateway->ops->pause;
    if (in->kind != INPUT_EVENT || in->command || in->id) /* held back elsewhere */
        return true;
    if (s->overdue || !can) {
        shed_loudly(c, in);
        return false;
    }
    if (!s->paused) {
        s->paused_ms = clock_mono(gw->e->clock);
        metric_inc(s->m_reads);
        log_warn("the gateway is not read for a while: its queue is full of commands", "gateway",
                 gw->name, "queued", log_int((int64_t)gw->queued), "bytes",
                 log_int((int64_t)s->bytes), NULL);
    }
    shed_read(gw, false); /* again, too: it may have connected anew */
    return true;
}

bool shed_admit(struct chat *c, struct input *in)
{
    struct gw *gw = c->gw;
    int max = gw->e->opts.queue_max;
    if (c->queued >= (max ? (unsigned)max : SHED_CHAT_MAX) && !shed_admit_here(c, in))
        return false;
    while (shed_full(gw)) {
        if (shed_worth(c, in) == WORTH_NOTHING) {
            shed_drop(c, in);
            return false;
        }
        struct input *victim = shed_victim(gw);
        if (!victim && in->worth == WORTH_STAYS)
            return shed_hold(c, in);
        if (!victim) {
            shed_drop(c, in);
            return false;
        }
        shed_remove(victim);
    }
    return true;
}

/* ---- now and then ---- */

static void shed_tell(struct gw *gw)
{
    for (struct chat *c = gw->chats; c; c = c->hh.next) {
        if (!c->shed_events && !c->shed_wanted)
            continue;
        trace_shed(c);
        c->shed_events = c->shed_wanted = 0;
    }
    gw->shed.noted = 0;
}

void shed_round(struct gw *gw)
{
    struct shed *s = &gw->shed;
    const struct engine_opts *o = &gw->e->opts;
    if (s->noted && gw->e->redis_up)
        shed_tell(gw);
    int64_t limit = o->queue_pause_ms ? o->queue_pause_ms : SHED_PAUSE_MS;
    if (s->paused && clock_mono(gw->e->clock) - s->paused_ms > limit) {
        s->overdue = true;
        shed_read(gw, true);
    }
    if (s->loud && s->overdue) {
        shed_alarm(gw);
    } else if (s->loud) {
        alarm_clear(gw, "shed", "");
        s->loud = 0;
    }
}

void shed_end(struct gw *gw)
{
    if (gw->shed.paused)
        shed_read(gw, true);
}
