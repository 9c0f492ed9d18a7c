/* gap.c -- see gap.h. After a gap each group that is served is one entry here until its history was read: those with members who speak
 * just now first, then those in which a run waits for an answer, then by their traffic. A few are asked for at a time, and none
 * while the queue is long, so memory stays bounded. Meanwhile the inputs of such a group wait, bounded in time and number, so that
 * nobody's new message overtakes their missed ones.
 * Owns: struct gaps of a gateway, which exists only while there is something to do. Callers: gw.c, chat.c, shed.c, the drain. */
#include "engine/gap.h"

#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

enum {
    GAP_MARGIN_MS = 120000, /* a dead link takes a while to be found out */
    GAP_HOLD_LEAST_MS =
        3000, /* inputs wait for their chat's history as long as the gap lasted, between these two, */
    GAP_HOLD_MS = 30000,
    GAP_DOWN_MS = 600000, /* or this while the link is away, */
    GAP_HOLD_MAX = 200,   /* or until there are so many */
    GAP_TRIES = 3,
    GAP_ANSWER_MS = 300000, /* a gateway that never says it is through */
    GAP_SHED_MS = 5000,     /* a queue that was full is left alone for so long */
    GAP_LOOK_MS = 200,
    GAP_TOLD = 50, /* chats with an event of their own, each gap */
    GAP_WAITS = 1 << 20
};

struct gap {
    char *chat;
    int64_t since_ms, from_ms; /* wall: to be looked for; when it began */
    int64_t hold_ms;           /* monotonic: inputs wait until then; 0 = none waits yet */
    int64_t asked_ms;          /* monotonic; 0 = not asked */
    int64_t not_before_ms;     /* monotonic */
    int64_t patience_ms;
    unsigned weight;
    int tries, found;
    bool over;  /* what waited goes on, the history comes when it comes */
    bool loose; /* nothing waits for it: events were shed */
    UT_hash_handle hh;
};

struct gaps {
    struct gap *chats;
    bool away; /* the link is away: the chats are not known yet */
    int asked;
    int64_t looked_ms, down_ms;
    const char *why;
    int64_t from_ms, began_ms; /* wall; monotonic */
    int done, incomplete, found, told;
    const char *problem; /* of the last that is not complete */
};

static bool gap_can(const struct gw *gw)
{
    const struct gateway *g = gw->gateway;
    return gw->catchup && g && gateway_can(g, GATEWAY_HISTORY) && !gw->stopped;
}

static struct gaps *gap_all(struct gw *gw)
{
    if (!gw->gaps)
        gw->gaps = MEM_NEW(struct gaps);
    return gw->gaps;
}

static struct gap *gap_of(const struct gw *gw, const char *chat)
{
    struct gap *p = NULL;
    if (gw->gaps)
        HASH_FIND_STR(gw->gaps->chats, chat, p);
    return p;
}

static struct gap *gap_add(struct gw *gw, const char *chat)
{
    struct gap *p = gap_of(gw, chat);
    if (p)
        return p;
    p = MEM_NEW(struct gap);
    p->chat = mem_strdup(chat);
    HASH_ADD_KEYPTR(hh, gap_all(gw)->chats, p->chat, strlen(p->chat), p);
    return p;
}

static void gap_release(struct gw *gw, const char *chat)
{
    struct chat *c = chat_get(gw, chat, false);
    if (!c || !c->gap)
        return;
    c->gap = false;
    chat_wake(c);
}

static void gap_remove(struct gw *gw, struct gap *p)
{
    gw->gaps->asked -= p->asked_ms != 0;
    HASH_DEL(gw->gaps->chats, p);
    gap_release(gw, p->chat);
    free(p->chat);
    free(p);
}

/* ---- telling ---- */

static void gap_tell(struct gw *gw, const char *chat, int64_t from_ms, int chats, int messages,
                     const char *why)
{
    struct buf data = {0};
    buf_adds(&data, "{\"chat\":");
    buf_add_json(&data, chat, strlen(chat));
    buf_addf(&data, ",\"from\":%lld,\"to\":%lld,\"chats\":%d,\"messages\":%d,\"complete\":%s",
             (long long)from_ms, (long long)clock_wall(gw->e->clock), chats, messages,
             why ? "false" : "true");
    if (why) {
        buf_adds(&data, ",\"why\":");
        buf_add_json(&data, why, strlen(why));
    }
    buf_addc(&data, '}');
    gw_tell(gw, "gap", buf_cstr(&data));
    buf_free(&data);
}

static void gap_count(struct gw *gw, const char *outcome)
{
    metric_inc(metric_counter("sopd_gaps_total",
                              "Chats whose history was looked at after a gap, by what it gave.",
                              metric_labels("gateway", gw->name, "outcome", outcome, NULL)));
}

/* All of it is read, or cannot be. */
static void gap_end(struct gw *gw)
{
    struct gaps *g = gw->gaps;
    if (g->done)
        log_write(g->incomplete ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "gap filled", "gateway",
                  gw->name, "chats", log_int(g->done), "messages", log_int(g->found), "incomplete",
                  log_int(g->incomplete), "why", g->problem, "seconds",
                  log_int((clock_mono(gw->e->clock) - g->began_ms) / 1000), "after", g->why, NULL);
    if (g->found || g->incomplete)
        gap_tell(gw, "", g->from_ms, g->done, g->found, g->problem);
    free(g);
    gw->gaps = NULL;
}

/* The flows of a chat that has back what it missed may say a word about it. */
static void gap_told_flows(struct gw *gw, const struct gap *p, bool complete)
{
    struct buf text = {0};
    int64_t now = clock_wall(gw->e->clock);
    struct event *e = event_new(EVENT_GAP, 0);
    e->chat = event_string(e, p->chat, strlen(p->chat));
    buf_addf(&text, "gap.%lld", (long long)now);
    e->key = event_string(e, text.data, text.len);
    buf_reset(&text);
    buf_addi(&text, (now - p->from_ms) / 1000);
    e->text = event_string(e, text.data, text.len);
    e->sub = complete ? "complete" : "partial";
    e->number = p->found;
    e->time_ms = e->arrived_ms = now;
    e->arrived_ns = clock_ns();
    buf_free(&text);
    chat_push(chat_get(gw, p->chat, true), input_event(e));
}

/* ---- beginning ---- */

void gap_begin(struct gw *gw)
{
    if (!gap_can(gw))
        return;
    struct gaps *g = gap_all(gw);
    g->away = true;
    if (!g->down_ms)
        g->down_ms = clock_mono(gw->e->clock);
}

static unsigned gap_weight(struct gw *gw, const char *chat)
{
    const struct chat *c = chat_get(gw, chat, false);
    if (!c)
        return 0;
    return (c->nwaits ? GAP_WAITS : 0) + (unsigned)chat_traffic(c, CHAT_TRAFFIC * CHAT_TRAFFIC_MS);
}

static void gap_want(struct gw *gw, const char *chat, int64_t from_ms)
{
    struct gap *p = gap_add(gw, chat);
    int64_t since = from_ms - GAP_MARGIN_MS;
    p->loose = p->over = false;
    p->tries = 0;
    if (!p->since_ms || since < p->since_ms) {
        p->since_ms = since;
        p->from_ms = from_ms;
    }
    if (p->asked_ms) { /* the link was lost under it: it is asked for anew */
        p->asked_ms = 0;
        gw->gaps->asked--;
    }
    p->weight = gap_weight(gw, chat);
    int64_t lasted = clock_wall(gw->e->clock) - p->from_ms;
    p->patience_ms = lasted < GAP_HOLD_LEAST_MS ? GAP_HOLD_LEAST_MS
                     : lasted > GAP_HOLD_MS     ? GAP_HOLD_MS
                                                : lasted;
    if (p->hold_ms)
        p->hold_ms = clock_mono(gw->e->clock) + p->patience_ms;
}

/* Chats that are not served, or not known any more: what waits there need not. */
static void gap_forget_unknown(struct gw *gw)
{
    struct gap *p, *tmp;
    HASH_ITER (hh, gw->gaps->chats, p, tmp)
        if (!p->since_ms)
            gap_remove(gw, p);
}

void gap_open(struct gw *gw, int64_t since_ms, const char *why)
{
    int64_t now = clock_wall(gw->e->clock);
    if (since_ms <= 0) {
        if (gw->gaps) {
            gw->gaps->away = false;
            gap_forget_unknown(gw);
        }
        return;
    }
    if (!gap_can(gw)) {
        log_warn("what was said meanwhile is not known: catchup is off, or there is no history",
                 "gateway", gw->name, "after", why, "seconds", log_int((now - since_ms) / 1000),
                 NULL);
        gap_count(gw, "unread");
        gap_tell(gw, "", since_ms, 0, 0, "catchup is off, or the gateway has no history");
        return;
    }
    struct gaps *g = gap_all(gw);
    g->away = false;
    g->why = why;
    if (!g->from_ms || since_ms < g->from_ms)
        g->from_ms = since_ms;
    if (!g->began_ms)
        g->began_ms = clock_mono(gw->e->clock);
    for (const struct known *k = gw->known; k; k = k->hh.next)
        if (*k->key != '@' && routes_lookup_any(gw, k->key, k->name))
            gap_want(gw, k->key, since_ms);
    gap_forget_unknown(gw);
    engine_spin(gw->e);
}

void gap_ask(struct gw *gw, const char *chat, int64_t since_ms)
{
    if (!gap_can(gw) || *chat == '@')
        return;
    struct gap *p = gap_add(gw, chat);
    if (!p->since_ms || since_ms < p->since_ms)
        p->since_ms = p->from_ms = since_ms;
    struct gaps *g = gw->gaps;
    int64_t now = clock_mono(gw->e->clock);
    g->why = g->why ? g->why : "shed";
    g->from_ms = g->from_ms ? g->from_ms : since_ms;
    g->began_ms = g->began_ms ? g->began_ms : now;
    p->loose = true;
    p->not_before_ms = now + GAP_SHED_MS;
}

/* ---- waiting ---- */

void gap_hold(struct chat *c, const struct input *in)
{
    struct gw *gw = c->gw;
    struct gap *p = gap_of(gw, c->key);
    int64_t now = clock_mono(gw->e->clock);
    if (in->event && in->event->history)
        return;
    if (!p && gw->gaps->away && *c->key != '@' && *c->key != '*')
        p = gap_add(gw, c->key);
    if (!p || p->over || p->loose)
        return;
    if (!p->hold_ms)
        p->hold_ms = gw->gaps->away ? gw->gaps->down_ms + GAP_DOWN_MS : now + p->patience_ms;
    /* what people at a keyboard and other systems want does not depend on the platform's link */
    bool foreign = in->command || (in->kind == INPUT_RUN && in->why != RUN_DUE);
    p->over = now >= p->hold_ms || c->queued >= GAP_HOLD_MAX || (gw->gaps->away && foreign);
    c->gap = !p->over;
}

struct input **gap_place(struct chat *c, const struct input *in)
{
    const struct event *e = in->event;
    if (!e || !e->history)
        return c->tail;
    struct input **at = &c->first;
    for (; *at; at = &(*at)->next) {
        const struct event *other = (*at)->event;
        int64_t when = other ? other->time_ms : (*at)->due_ms;
        if (when > e->time_ms || (when == e->time_ms && !(other && other->history)))
            break;
    }
    return at;
}

/* ---- reading ---- */

void gap_event(struct gw *gw, const struct event *e)
{
    struct gap *p = gap_of(gw, e->chat);
    if (p && e->type == EVENT_MESSAGE)
        p->found++;
}

void gap_read(struct gw *gw, const struct gateway_gap *r)
{
    struct gap *p = gap_of(gw, r->chat);
    if (!p || !p->asked_ms || r->since_ms > p->since_ms)
        return;
    struct gaps *g = gw->gaps;
    if (!r->complete && r->again && ++p->tries < GAP_TRIES) {
        p->asked_ms = 0;
        g->asked--;
        p->not_before_ms = clock_mono(gw->e->clock) + 1000;
        return;
    }
    g->done++;
    g->found += p->found;
    if (!r->complete) {
        g->incomplete++;
        g->problem = r->why;
    }
    gap_count(gw, r->complete ? "complete" : "incomplete");
    metric_add(metric_counter("sopd_gap_messages_total",
                              "Messages that came in late, from the history.",
                              metric_labels("gateway", gw->name, NULL)),
               p->found);
    if ((p->found || !r->complete) && g->told++ < GAP_TOLD)
        gap_tell(gw, p->chat, p->from_ms, 1, p->found, r->complete ? NULL : r->why);
    if (p->found)
        gap_told_flows(gw, p, r->complete);
    gap_remove(gw, p);
    engine_spin(gw->e);
}

static bool gap_room(const struct gw *gw)
{
    int total = gw->e->opts.queue_total_max;
    return !gw->shed.paused && gw->queued < (total ? (size_t)total : 20000) / 4;
}

/* Who is next: those in whose chat somebody waits now, then by weight. NULL: nobody, or not yet. */
static struct gap *gap_next(struct gw *gw, int64_t now)
{
    struct gap *best = NULL;
    for (struct gap *p = gw->gaps->chats; p; p = p->hh.next) {
        if (p->asked_ms || p->not_before_ms > now || !p->since_ms)
            continue;
        if (!best || (p->hold_ms && !best->hold_ms) ||
            (!p->hold_ms == !best->hold_ms && p->weight > best->weight))
            best = p;
    }
    return best;
}

static void gap_look(struct gw *gw, int64_t now)
{
    struct gap *p, *tmp;
    gw->gaps->looked_ms = now;
    HASH_ITER (hh, gw->gaps->chats, p, tmp) {
        if (p->hold_ms && !p->over && now >= p->hold_ms) {
            p->over = true;
            gap_release(gw, p->chat);
        }
        if (p->asked_ms && now - p->asked_ms > GAP_ANSWER_MS)
            gap_read(gw, &(struct gateway_gap){
                             .chat = p->chat, .since_ms = p->since_ms, .why = "it took too long"});
    }
}

void gap_run(struct gw *gw)
{
    struct gaps *g = gw->gaps;
    if (!g)
        return;
    int64_t now = clock_mono(gw->e->clock);
    if (now - g->looked_ms >= GAP_LOOK_MS)
        gap_look(gw, now);
    if (g->away || !gw->was_up || !gw->e->redis_up || !gw->loaded || gw->stopped || !gw->gateway)
        return;
    int many = gateway_catch_up_many(gw->gateway);
    while ((!many || g->asked < many) && gap_room(gw)) {
        struct gap *p = gap_next(gw, now);
        if (!p)
            break;
        p->asked_ms = now;
        g->asked++;
        gateway_catch_up(gw->gateway, p->chat, p->since_ms);
    }
    if (!g->chats)
        gap_end(gw);
}

bool gap_busy(const struct gw *gw)
{
    return gw->gaps && !gw->gaps->away;
}

size_t gap_held(const struct gw *gw)
{
    size_t n = 0;
    if (!gw->gaps || !gw->gaps->away)
        return 0;
    for (const struct gap *p = gw->gaps->chats; p; p = p->hh.next) {
        const struct chat *c = chat_get((struct gw *)gw, p->chat, false);
        n += c && c->gap ? c->queued : 0;
    }
    return n;
}

void gap_free(struct gw *gw)
{
    if (!gw->gaps)
        return;
    struct gap *p, *tmp;
    HASH_ITER (hh, gw->gaps->chats, p, tmp) {
        HASH_DEL(gw->gaps->chats, p);
        free(p->chat);
        free(p);
    }
    free(gw->gaps);
    gw->gaps = NULL;
}
