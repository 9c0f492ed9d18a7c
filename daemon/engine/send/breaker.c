/* breaker.c -- what leaves: the same text again and again, a run or timer that turns in a loop, a flood of messages. Each is counted
 * with one number a key (a leaky bucket), keys are hashes in a table of fixed size, so nothing grows; a restart forgets it.
 * What is too much is shed with the commit; a flow that nobody asks to say it also rests in that chat, as one that fails does.
 * Owns the table and the list of what rests. Callers: committer.c, gw.c; breaker_talk.c is the other half. */
#include "engine/send/breaker.h"

#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/look/alarm.h"
#include "engine/look/trace.h"
#include "engine/send/breaker_parts.h"

enum { BREAKER_SLOTS = 8192, BREAKER_PROBES = 8, BREAKER_TOLD_MS = 60000 };

/* One bucket: empty again at that moment. */
struct breaker_slot {
    uint64_t key;
    int64_t tat_ms;
};

struct breaker_rest {
    struct breaker_rest *next;
    char *chat, *flow, *what;
    int64_t until_ms; /* monotonic: told at least so long */
};

void breaker_default(struct breaker_limits *out)
{
    *out = (struct breaker_limits){.repeat = {5, 600000},
                                   .answers = {200, 600000},
                                   .storm = {30, 60000},
                                   .flood = {1000, 60000},
                                   .loop = {120, 60000},
                                   .pause_ms = 600000,
                                   .within_ms = 3000,
                                   .rounds = 6,
                                   .rounds_any = 30,
                                   .ignore_ms = 600000};
}

static struct breaker *breaker_get(struct engine *e)
{
    if (!e->breaker) {
        e->breaker = MEM_NEW(struct breaker); /* nothing is looked at before breaker_set */
    }
    return e->breaker;
}

void breaker_set(struct engine *e, const struct breaker_limits *limits)
{
    breaker_get(e)->limits = *limits;
}

const struct breaker_limits *breaker_limits_of(struct engine *e)
{
    return &breaker_get(e)->limits;
}

struct metric *breaker_metric(const char *name, const char *help, const char *why)
{
    return metric_counter(name, help, metric_labels("why", why, NULL));
}

void breaker_tripped(const char *why)
{
    metric_inc(breaker_metric("sopd_breaker_trips_total",
                              "Flows that the breaker stopped in a chat, and robots it found.",
                              why));
}

/* ---- buckets ---- */

/* The slot of a key; else the one nearby that is empty the longest. */
static struct breaker_slot *breaker_slot(struct breaker *b, uint64_t key)
{
    if (!b->slots)
        b->slots = mem_zero(BREAKER_SLOTS * sizeof *b->slots);
    struct breaker_slot *best = NULL;
    for (unsigned i = 0; i < BREAKER_PROBES; i++) {
        struct breaker_slot *s = &b->slots[(key + i) % BREAKER_SLOTS];
        if (s->key == key)
            return s;
        if (!best || s->tat_ms < best->tat_ms)
            best = s;
    }
    *best = (struct breaker_slot){.key = key};
    return best;
}

/* One more of that key: is it one too many? */
static bool breaker_count(struct engine *e, const struct breaker_limit *l, uint64_t key)
{
    if (!l->count)
        return false;
    struct breaker_slot *s = breaker_slot(breaker_get(e), key);
    int64_t now = clock_wall(e->clock), step = l->per_ms / l->count;
    bool runs =
        s->tat_ms > now && s->tat_ms - now <= l->per_ms; /* else idle, or the clock was set back */
    int64_t tat = (runs ? s->tat_ms : now) + (step ? step : 1);
    if (tat - now > l->per_ms)
        return true;
    s->tat_ms = tat;
    return false;
}

static uint64_t breaker_key(char kind, const struct turn *t, const char *flow, const char *chat)
{
    uint64_t h = hash_more((uint64_t)kind, t->chat->key, strlen(t->chat->key) + 1);
    h = hash_more(h, flow, strlen(flow) + 1);
    h = hash_more(h, chat, strlen(chat) + 1);
    return hash_mix(hash_more(h, t->gw->name, strlen(t->gw->name)));
}

/* ---- resting ---- */

static bool breaker_told(const struct gw *gw, const char *what)
{
    for (const struct breaker_rest *r = gw->rests; r; r = r->next)
        if (strcmp(r->what, what) == 0)
            return true;
    return false;
}

/* Alarm, event, trace and log. minutes: for how long it rests, 0: what was too much is left out, and it goes on. */
static void breaker_tell(struct turn *t, const char *flow, const char *why, const char *text,
                         int64_t minutes)
{
    struct gw *gw = t->gw;
    const char *chat = t->chat->key;
    struct breaker_rest *r = MEM_NEW(struct breaker_rest);
    struct buf what = {0}, data = {0}, words = {0};
    buf_addf(&what, "%s %s", chat, flow);
    *r = (struct breaker_rest){.next = gw->rests,
                               .chat = mem_strdup(chat),
                               .flow = mem_strdup(flow),
                               .until_ms = clock_mono(gw->e->clock) + BREAKER_TOLD_MS,
                               .what = buf_take(&what)};
    gw->rests = r;
    if (minutes)
        buf_addf(
            &words,
            "Flow %s rests in chat %s for %lld min: %s. To let it go on: sopd ctl resume %s:%s %s",
            flow, chat, (long long)minutes, text, gw->name, chat, flow);
    else
        buf_addf(&words, "Messages of flow %s to chat %s are left out: %s", flow, chat, text);
    alarm_raise(gw, "breaker", r->what, buf_cstr(&words));
    trace_note(gw, chat, buf_cstr(&words));
    buf_adds(&data, "{\"chat\":");
    buf_add_json(&data, chat, strlen(chat));
    buf_adds(&data, ",\"flow\":");
    buf_add_json(&data, flow, strlen(flow));
    buf_addf(&data, ",\"why\":\"%s\",\"minutes\":%lld}", why, (long long)minutes);
    gw_tell(gw, "flow_stopped", buf_cstr(&data));
    buf_free(&data);
    buf_free(&words);
}

/* What turns by itself (a timer, a run, a schedule) rests in the turn's chat. What happens to it from outside is not kept from a
 * flow, or what members and shops did would not count: only its messages are left out. */
static void breaker_trip(struct turn *t, const char *flow, const char *why, const char *text)
{
    struct buf what = {0};
    int64_t pause_ms = breaker_limits_of(t->e)->pause_ms;
    bool rests = t->input->kind != INPUT_EVENT;
    buf_addf(&what, "%s %s", t->chat->key, flow);
    if (strcmp(flow, "switch") != 0 && *flow && !chat_flow_paused(t->chat, flow) &&
        (rests || !breaker_told(t->gw, buf_cstr(&what)))) {
        breaker_tripped(why);
        if (rests)
            chat_pause_flow(t->chat, flow, pause_ms, "looping");
        breaker_tell(t, flow, why, text, rests ? (pause_ms + 59999) / 60000 : 0);
    }
    buf_free(&what);
}

void breaker_round(struct gw *gw)
{
    int64_t now = clock_mono(gw->e->clock);
    talk_round_over(gw);
    for (struct breaker_rest **at = &gw->rests; *at;) {
        struct breaker_rest *r = *at;
        const struct chat *c = chat_get(gw, r->chat, false);
        if ((c && chat_flow_paused(c, r->flow)) || r->until_ms > now) {
            at = &r->next;
            continue;
        }
        alarm_clear(gw, "breaker", r->what);
        *at = r->next;
        free(r->chat);
        free(r->flow);
        free(r->what);
        free(r);
    }
}

/* ---- messages of a turn ---- */

/* Whatever makes messages by itself: a run, a timer, a schedule's handler. */
static uint64_t breaker_source(const struct turn *t)
{
    const struct input *in = t->input;
    switch (in->kind) {
    case INPUT_RUN: return hash_string(in->name);
    case INPUT_TIMER: return hash_string(in->id ? in->id : "");
    case INPUT_SCHEDULE: return (uint64_t)in->handler + 1;
    default: return in->event ? hash_string(in->event->user) : 0;
    }
}

static uint64_t breaker_text(const struct message *m)
{
    static struct buf plain;
    buf_reset(&plain);
    message_plain(m, &plain);
    uint64_t h = hash_bytes(plain.data ? plain.data : "", plain.len);
    for (int i = 0; i < m->nsegments; i++)
        if (m->segments[i].type == SEGMENT_IMAGE || m->segments[i].type == SEGMENT_FACE ||
            m->segments[i].type == SEGMENT_BUTTON)
            h = hash_more(h, m->segments[i].id, strlen(m->segments[i].id));
        else if (m->segments[i].type == SEGMENT_CARD)
            h = hash_more(h, m->segments[i].text, m->segments[i].text_len);
    return h;
}

static void breaker_shed(struct turn_out *o, const char *why)
{
    o->shed = why;
    o->latest_ms = 0; /* the commit cannot send it in time */
    metric_inc(breaker_metric("sopd_breaker_shed_total", "Messages that the breaker kept back.",
                              "message"));
}

static void breaker_message(struct turn *t, struct turn_out *o, uint64_t source)
{
    const struct message *m = o->message;
    struct engine *e = t->e;
    const struct breaker_limits *l = breaker_limits_of(e);
    bool asked = m->cause != 0;
    if (m->kind == KIND_ANSWER && !asked)
        return; /* alarms to staff have limits of their own */
    uint64_t text = breaker_text(m), key;
    if (asked) {
        key = breaker_key('a', t, m->flow, m->chat);
        key = hash_more(key, &m->cause, sizeof m->cause);
        if (breaker_count(e, &l->answers, hash_more(key, &text, sizeof text)))
            breaker_shed(o, "the same answer to the same member too often");
    } else {
        key = breaker_key('r', t, m->flow, m->chat);
        if (breaker_count(e, &l->repeat, hash_more(key, &text, sizeof text))) {
            breaker_shed(o, "the same text too often");
            breaker_trip(t, m->flow, "repeat", "it said the same text too often");
            return;
        }
        key = breaker_key('s', t, m->flow, m->chat);
        if (breaker_count(e, &l->storm, hash_more(key, &source, sizeof source))) {
            breaker_shed(o, "too many messages of one source");
            breaker_trip(t, m->flow, "storm",
                         "one run, timer or handler of it made too many messages");
            return;
        }
    }
    if (!o->shed && breaker_count(e, &l->flood, breaker_key('f', t, m->flow, m->chat))) {
        breaker_shed(o, "too many messages of its flow");
        breaker_trip(t, m->flow, "flood", "it made too many messages");
    }
}

/* A timer or run that comes due again and again. */
static void breaker_wake(struct turn *t)
{
    const struct input *in = t->input;
    bool wakes = in->kind == INPUT_TIMER || (in->kind == INPUT_RUN && in->why == RUN_DUE);
    const struct route *r = t->routes;
    if (!wakes || !r || !r->binding)
        return;
    const char *flow = flow_info(r->binding->flow)->name;
    uint64_t source = breaker_source(t), key = breaker_key('l', t, flow, "");
    if (breaker_count(t->e, &breaker_limits_of(t->e)->loop, hash_more(key, &source, sizeof source)))
        breaker_trip(t, flow, "loop", "one of its timers or runs came due again and again");
}

void breaker_turn(struct turn *t)
{
    breaker_wake(t);
    if (!t->outs)
        return;
    uint64_t source = breaker_source(t);
    for (struct turn_out *o = t->outs; o; o = o->next)
        breaker_message(t, o, source);
}

void breaker_gw_free(struct gw *gw)
{
    talk_free(gw);
    while (gw->rests) {
        struct breaker_rest *next = gw->rests->next;
        free(gw->rests->chat);
        free(gw->rests->flow);
        free(gw->rests->what);
        free(gw->rests);
        gw->rests = next;
    }
}

void breaker_free(struct engine *e)
{
    if (!e->breaker)
        return;
    talk_free_own(e->breaker);
    free(e->breaker->slots);
    free(e->breaker);
    e->breaker = NULL;
}
