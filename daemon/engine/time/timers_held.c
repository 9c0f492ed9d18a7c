/* timers_held.c -- the timers that were read from Redis and whose turns have not ended: in their order within each chat, one at a
 * time, some hundreds at once over all. So a storm of timers fills no queue, sheds nothing, and lets members' messages in
 * between. Owns struct timer and struct timer_chat. Callers: timers.c; the ends of turns (timers_taken). */
#include <stdlib.h>
#include <string.h>

#include "engine/time/timers.h"

enum {
    HELD_PUT_OFF_MS = 1000,
    HELD_PUT_OFF_MAX_MS = 300000,
    HELD_PUT_OFF_KEEP_MS = 600000,
    HELD_LOOK_MS = 250,
    HELD_RUN_ID = 4 /* "run|" */
};

/* ---- chats ---- */

bool held_is_run(const char *id)
{
    return strncmp(id, "run|", HELD_RUN_ID) == 0 &&
           strspn(id + HELD_RUN_ID, "0123456789abcdef") == 16 && id[HELD_RUN_ID + 16] == '|';
}

/* Timers whose ids name the same chat are kept in order: run|<id>|<chat>, <flow>|<chat>|<name>|<key>. */
static struct timer_chat *held_group(struct timer_state *s, const char *id)
{
    static struct buf chat;
    const char *bar = held_is_run(id) ? NULL : strchr(id, '|');
    buf_reset(&chat);
    if (bar)
        buf_read_part(&chat, bar + 1);
    else if (held_is_run(id))
        buf_adds(&chat, id + HELD_RUN_ID + 17);
    buf_cstr(&chat);
    struct timer_chat *c;
    HASH_FIND(hh, s->chats, chat.data, chat.len, c);
    if (c)
        return c;
    c = MEM_NEW(struct timer_chat);
    c->key = mem_strndup(chat.data, chat.len);
    HASH_ADD_KEYPTR(hh, s->chats, c->key, chat.len, c);
    return c;
}

static void held_group_check(struct timer_state *s, struct timer_chat *c)
{
    if (c->passed && c->busy < TIMERS_CHAT / 2)
        s->restart = true;
    if (c->busy || c->passed || c->waiting)
        return;
    HASH_DEL(s->chats, c);
    free(c->key);
    free(c);
}

static void held_group_wait(struct timer_state *s, struct timer_chat *c)
{
    if (c->active || c->waiting || !c->first)
        return;
    c->waiting = true;
    c->next = NULL;
    *s->waiting_tail = c;
    s->waiting_tail = &c->next;
}

void held_scan(struct timer_state *s)
{
    struct timer_chat *c, *tmp;
    s->restart = false;
    s->skip = 0;
    HASH_ITER (hh, s->chats, c, tmp) {
        c->passed = false;
        held_group_check(s, c);
    }
}

/* ---- taking ---- */

static void held_count(struct timer_state *s, struct timer *t, int n)
{
    t->group->busy += (unsigned)n;
    s->busy += (unsigned)n;
}

struct timer *held_take(struct gw *gw, const char *id, int64_t due_ms, size_t *passed)
{
    struct timer_state *s = gw->timers;
    struct timer *t;
    HASH_FIND_STR(s->taken, id, t);
    if (t && (t->status != TIMER_PUT_OFF || t->until_ms > timers_time(gw)))
        return NULL;
    struct timer_chat *c = held_group(s, id);
    if (c->passed || c->busy >= TIMERS_CHAT) {
        c->passed = true;
        (*passed)++;
        return NULL;
    }
    if (!t) {
        t = MEM_NEW(struct timer);
        t->id = mem_strdup(id);
        HASH_ADD_KEYPTR(hh, s->taken, t->id, strlen(t->id), t);
    } else {
        s->put_off--;
    }
    t->group = c;
    t->due_ms = due_ms;
    t->status = TIMER_FETCHED;
    t->dropped = t->refused = false;
    held_count(s, t, 1);
    return t;
}

static void held_delete(struct timer_state *s, struct timer *t)
{
    HASH_DEL(s->taken, t);
    input_free(t->input);
    free(t->chat);
    free(t->id);
    free(t);
}

static void held_unlink(struct timer *t)
{
    struct timer_chat *c = t->group;
    struct timer **p = &c->first, *before = NULL;
    for (; *p && *p != t; p = &before->next)
        before = *p;
    if (!*p)
        return;
    *p = t->next;
    if (c->last == t)
        c->last = before;
    t->next = NULL;
}

/* Leaves whatever it is in. */
static void held_leave(struct timer_state *s, struct timer *t)
{
    struct timer_chat *c = t->group;
    if (t->status == TIMER_PUT_OFF) {
        s->put_off--;
        return;
    }
    if (t->status == TIMER_HELD)
        held_unlink(t);
    if (t->status == TIMER_ACTIVE) {
        s->active--;
        c->active = false;
        held_group_wait(s, c);
    }
    held_count(s, t, -1);
    t->group = NULL;
    held_group_check(s, c);
}

void held_release(struct gw *gw, struct timer *t)
{
    held_leave(gw->timers, t);
    held_delete(gw->timers, t);
}

void held_put_off(struct gw *gw, struct timer *t, int64_t ms)
{
    struct timer_state *s = gw->timers;
    int64_t now = timers_time(gw);
    held_leave(s, t);
    t->status = TIMER_PUT_OFF;
    t->until_ms = now + ms;
    if (!s->put_off++ || t->until_ms < s->put_off_ms)
        s->put_off_ms = t->until_ms;
}

void held_add(struct gw *gw, struct timer *t, struct input *input, const char *chat)
{
    struct timer_chat *c = t->group;
    t->status = TIMER_HELD;
    t->input = input;
    char *before_chat = t->chat; /* it was put off */
    t->chat = mem_strdup(chat ? chat : c->key);
    free(before_chat);
    struct timer *before = c->last;
    if (before && before->due_ms > t->due_ms) { /* set anew, for an earlier time */
        before = NULL;
        for (struct timer *u = c->first; u && u->due_ms <= t->due_ms; u = u->next)
            before = u;
    }
    t->next = before ? before->next : c->first;
    *(before ? &before->next : &c->first) = t;
    if (c->last == before)
        c->last = t;
    held_group_wait(gw->timers, c);
}

/* ---- handing out ---- */

static void held_activate(struct gw *gw, struct timer *t)
{
    struct timer_state *s = gw->timers;
    held_unlink(t);
    t->status = TIMER_ACTIVE;
    t->group->active = true;
    s->active++;
    int64_t late = t->due_ms > 0 ? clock_wall(gw->e->clock) - t->due_ms : 0;
    metric_observe(s->m_late, late > 0 ? (double)late / 1000 : 0);
    if (t->input) {
        struct input *in = t->input;
        t->input = NULL;
        chat_push(chat_get(gw, t->chat, true), in);
        return;
    }
    char id[17];
    snprintf(id, sizeof id, "%.16s", t->id + HELD_RUN_ID);
    run_due(gw, t->id, id, t->chat, t->due_ms);
}

void held_feed(struct gw *gw)
{
    struct timer_state *s = gw->timers;
    if (s->feeding || !gw->owner || gw->e->stopping)
        return;
    s->feeding = true;
    while (s->waiting && s->active < TIMERS_ACTIVE + s->extra) {
        struct timer_chat *c = s->waiting;
        s->waiting = c->next;
        if (!s->waiting)
            s->waiting_tail = &s->waiting;
        c->waiting = false;
        s->fed++;
        if (c->first)
            held_activate(gw, c->first);
        else
            held_group_check(s, c);
    }
    s->feeding = false;
}

void held_widen(struct gw *gw)
{
    struct timer_state *s = gw->timers;
    int64_t now = clock_mono(gw->e->clock);
    if (now - s->looked_ms < HELD_LOOK_MS)
        return;
    s->looked_ms = now;
    if (!s->waiting)
        s->extra = 0;
    else if (s->fed < TIMERS_ACTIVE && s->extra < TIMERS_LOW)
        s->extra += TIMERS_ACTIVE;
    s->fed = 0;
    held_feed(gw);
}

void timers_taken(struct gw *gw, const char *id)
{
    struct timer *t;
    if (!gw->timers)
        return;
    HASH_FIND_STR(gw->timers->taken, id, t);
    if (!t || t->status != TIMER_ACTIVE)
        return;
    if (t->refused) {
        int64_t ms = (int64_t)HELD_PUT_OFF_MS << (t->tries < 16 ? t->tries : 16);
        t->tries++;
        held_put_off(gw, t, ms < HELD_PUT_OFF_MAX_MS ? ms : HELD_PUT_OFF_MAX_MS);
    } else {
        held_release(gw, t);
    }
    held_feed(gw);
}

void timers_refused(struct gw *gw, const char *id)
{
    struct timer *t;
    if (!gw->timers)
        return;
    HASH_FIND_STR(gw->timers->taken, id, t);
    if (t)
        t->refused = true;
}

void timers_drop(struct gw *gw, const char *id)
{
    struct timer *t;
    if (!gw->timers)
        return;
    HASH_FIND_STR(gw->timers->taken, id, t);
    if (!t || t->status == TIMER_ACTIVE)
        return; /* chat.c has taken it out of the queue, or its turn runs */
    if (t->status == TIMER_FETCHED)
        t->dropped = true;
    else
        held_release(gw, t);
}

void timers_drop_chat(struct gw *gw, const char *chat)
{
    struct timer *t, *tmp;
    if (!gw->timers)
        return;
    HASH_ITER (hh, gw->timers->taken, t, tmp)
        if (!chat || (t->group && strcmp(t->group->key, chat) == 0))
            timers_drop(gw, t->id);
}

/* ---- those put off ---- */

/* The flow of "flow|chat|name|key" is on in its chat, or not there any more: its turn takes it out. */
static bool held_may_go_on(struct gw *gw, const struct timer *t)
{
    const char *end = strchr(t->id, '|');
    if (held_is_run(t->id) || !end || !t->chat)
        return false;
    char *flow = mem_strndup(t->id, (size_t)(end - t->id));
    struct chat *c = chat_get(gw, t->chat, true);
    struct binding *b = routes_binding(c, flow);
    free(flow);
    return !b || routes_flow_on(c, b, NULL);
}

void timers_go_on(struct gw *gw)
{
    struct timer_state *s = gw->timers;
    struct timer *t, *tmp;
    int64_t now = timers_time(gw);
    if (!s || !s->put_off)
        return;
    HASH_ITER (hh, s->taken, t, tmp) {
        if (t->status != TIMER_PUT_OFF || t->until_ms <= now || !held_may_go_on(gw, t))
            continue;
        t->until_ms = s->put_off_ms = now;
        t->tries = 0;
    }
}

bool held_look(struct gw *gw)
{
    struct timer_state *s = gw->timers;
    int64_t now = timers_time(gw);
    if (!s->put_off || s->put_off_ms > now)
        return false;
    struct timer *t, *tmp;
    bool due = false;
    int64_t next = now + HELD_PUT_OFF_MAX_MS;
    HASH_ITER (hh, s->taken, t, tmp) {
        if (t->status != TIMER_PUT_OFF)
            continue;
        if (t->until_ms + HELD_PUT_OFF_KEEP_MS < now) { /* it is not in Redis any more */
            held_release(gw, t);
            continue;
        }
        due = due || t->until_ms <= now;
        if (t->until_ms > now && t->until_ms < next)
            next = t->until_ms;
    }
    s->put_off_ms = next;
    return due;
}

/* ---- forgetting ---- */

void held_forget(struct gw *gw)
{
    struct timer_state *s = gw->timers;
    struct timer *t, *tmp;
    HASH_ITER (hh, s->taken, t, tmp)
        if (t->status != TIMER_ACTIVE)
            held_release(gw, t);
}

void held_free(struct timer_state *s)
{
    struct timer *t, *tmp;
    HASH_ITER (hh, s->taken, t, tmp)
        held_delete(s, t);
    struct timer_chat *c, *ctmp;
    HASH_ITER (hh, s->chats, c, ctmp) {
        HASH_DEL(s->chats, c);
        free(c->key);
        free(c);
    }
}
