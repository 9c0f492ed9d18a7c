/* chat.c -- a chat as an actor: its queue, its one turn at a time, the pauses of flows that fail in it, and the registry of
 * chats that are known to exist. Callers: gateways' sinks, timers and schedules push; the drain begins turns. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

enum { CHAT_IDLE_MS = 300000 };

struct chat *chat_get(struct gw *gw, const char *key, bool create)
{
    struct chat *c;
    HASH_FIND_STR(gw->chats, key, c);
    if (c || !create)
        return c;
    c = MEM_NEW(struct chat);
    c->gw = gw;
    c->key = mem_strdup(key);
    c->name = mem_strdup(known_name(gw, key));
    c->tail = &c->first;
    c->last_ms = clock_mono(gw->e->clock);
    HASH_ADD_KEYPTR(hh, gw->chats, c->key, strlen(c->key), c);
    return c;
}

bool chat_loading(const struct chat *c)
{
    return c->waits_state == WAITS_LOADING || c->home_state == WAITS_LOADING;
}

void chat_wake(struct chat *c)
{
    if (c->ready || c->turn || !c->first || c->gap || chat_loading(c))
        return;
    c->ready = true;
    c->ready_next = NULL;
    *c->gw->ready_tail = c;
    c->gw->ready_tail = &c->ready_next;
    engine_spin(c->gw->e);
}

void chat_push(struct chat *c, struct input *in)
{
    struct gw *gw = c->gw;
    c->last_ms = clock_mono(gw->e->clock);
    if (!shed_admit(c, in))
        return;
    shed_added(c, in);
    struct input **at = c->tail;
    if (gw->gaps) {
        gap_hold(c, in);
        at = gap_place(c, in);
    }
    in->next = *at;
    *at = in;
    if (!in->next)
        c->tail = &in->next;
    c->queued++;
    gw->queued++;
    chat_wake(c);
}

void chat_push_front(struct chat *c, struct input *in)
{
    in->next = c->first;
    if (!c->first)
        c->tail = &in->next;
    c->first = in;
    shed_added(c, in);
    c->queued++;
    c->gw->queued++;
    chat_wake(c);
}

struct input *chat_take(struct chat *c)
{
    struct input *in = c->first;
    c->first = in->next;
    if (!c->first)
        c->tail = &c->first;
    c->queued--;
    c->gw->queued--;
    shed_taken(c, in);
    in->next = NULL;
    return in;
}

void chat_drop_timer(struct chat *c, const char *id)
{
    for (struct input **p = &c->first; *p;) {
        struct input *in = *p;
        if (!in->id || strcmp(in->id, id) != 0) {
            p = &in->next;
            continue;
        }
        *p = in->next;
        if (!in->next)
            c->tail = p;
        c->queued--;
        c->gw->queued--;
        shed_taken(c, in);
        timers_taken(c->gw, id);
        input_free(in);
    }
}

/* ---- traffic ---- */

void chat_note_message(struct chat *c)
{
    int64_t step = clock_wall(c->gw->e->clock) / CHAT_TRAFFIC_MS;
    if (step - c->traffic_at >= CHAT_TRAFFIC || step < c->traffic_at)
        memset(c->traffic, 0, sizeof c->traffic);
    else
        for (int64_t s = c->traffic_at + 1; s <= step; s++)
            c->traffic[s % CHAT_TRAFFIC] = 0;
    c->traffic_at = step;
    if (c->traffic[step % CHAT_TRAFFIC] < UINT16_MAX)
        c->traffic[step % CHAT_TRAFFIC]++;
}

int64_t chat_traffic(const struct chat *c, int64_t window_ms)
{
    int64_t now = clock_wall(c->gw->e->clock) / CHAT_TRAFFIC_MS, n = 0;
    int64_t steps = (window_ms + CHAT_TRAFFIC_MS - 1) / CHAT_TRAFFIC_MS;
    for (int64_t s = now; s > now - steps && s > now - CHAT_TRAFFIC; s--)
        if (s <= c->traffic_at && s > c->traffic_at - CHAT_TRAFFIC)
            n += c->traffic[s % CHAT_TRAFFIC];
    return n;
}

/* ---- pauses ---- */

static struct pause *chat_pause(struct chat *c, const char *flow, bool create)
{
    for (struct pause *p = c->pauses; p; p = p->next)
        if (strcmp(p->flow, flow) == 0)
            return p;
    if (!create)
        return NULL;
    struct pause *p = MEM_NEW(struct pause);
    p->flow = mem_strdup(flow);
    p->next = c->pauses;
    c->pauses = p;
    return p;
}

bool chat_flow_paused(const struct chat *c, const char *flow)
{
    if (!c->pauses)
        return false;
    const struct pause *p = chat_pause((struct chat *)c, flow, false);
    return p && p->until_ms > clock_mono(c->gw->e->clock);
}

const char *chat_pause_why(const struct chat *c, const char *flow)
{
    const struct pause *p = chat_pause((struct chat *)c, flow, false);
    return p && p->why ? p->why : "failing";
}

void chat_pause_flow(struct chat *c, const char *flow, int64_t ms, const char *why)
{
    struct pause *p = chat_pause(c, flow, true);
    p->until_ms = clock_mono(c->gw->e->clock) + ms;
    p->why = why;
}

bool chat_count_failure(struct chat *c, const char *flow)
{
    int64_t now = clock_mono(c->gw->e->clock);
    struct pause *p = chat_pause(c, flow, true);
    p->failures[p->at] = now;
    p->at = (p->at + 1) % PAUSE_FAILURES;
    int64_t first = p->failures[p->at]; /* the oldest of the last five, this one included */
    if (!first || now - first > PAUSE_WINDOW_MS || p->until_ms > now)
        return false;
    p->until_ms = now + PAUSE_MS;
    p->why = NULL;
    memset(p->failures, 0, sizeof p->failures);
    return true;
}

/* ---- memory ---- */

void chat_free(struct chat *c)
{
    HASH_DEL(c->gw->chats, c);
    while (c->first)
        input_free(chat_take(c));
    while (c->pauses) {
        struct pause *next = c->pauses->next;
        free(c->pauses->flow);
        free(c->pauses);
        c->pauses = next;
    }
    waits_forget(c);
    routes_release(c->routes);
    free(c->home);
    free(c->key);
    free(c->name);
    free(c);
}

/* A chat without traffic needs no memory: what it is lives in Redis. */
void chat_evict(struct gw *gw)
{
    int64_t now = clock_mono(gw->e->clock);
    struct chat *c, *tmp;
    HASH_ITER (hh, gw->chats, c, tmp) {
        bool paused = false;
        for (const struct pause *p = c->pauses; p; p = p->next)
            paused = paused || p->until_ms > now ||
                     now - p->failures[(p->at + 4) % PAUSE_FAILURES] < PAUSE_WINDOW_MS;
        if (!c->first && !c->turn && !c->ready && !paused && !c->shed_events && !c->shed_wanted &&
            !chat_loading(c) && now - c->last_ms > CHAT_IDLE_MS)
            chat_free(c);
    }
}

/* ---- the registry ---- */

static void known_store(struct gw *gw, const struct known *k, bool remove)
{
    struct buf key = {0}, value = {0};
    gw_key(gw, &key, "chats");
    buf_adds(&value, "{\"name\":");
    buf_add_json(&value, k->name, strlen(k->name));
    buf_adds(&value, "}");
    const char *set[] = {"HSET", buf_cstr(&key), k->key, buf_cstr(&value)};
    const char *del[] = {"HDEL", set[1], k->key};
    if (remove)
        redis_command(gw->e->redis, NULL, NULL, 3, del, NULL);
    else
        redis_command(gw->e->redis, NULL, NULL, 4, set, NULL);
    buf_free(&key);
    buf_free(&value);
}

void known_set(struct gw *gw, const char *chat, const char *name, bool store)
{
    struct known *k;
    HASH_FIND_STR(gw->known, chat, k);
    if (k && (!*name || strcmp(k->name, name) == 0))
        return;
    if (!k) {
        k = MEM_NEW(struct known);
        k->key = mem_strdup(chat);
        HASH_ADD_KEYPTR(hh, gw->known, k->key, strlen(k->key), k);
    }
    free(k->name);
    k->name = mem_strdup(name);
    k->routes_generation = 0; /* selectors may go by name */
    gw->homes.changes++;
    struct chat *c = chat_get(gw, chat, false);
    if (c && *name) {
        free(c->name);
        c->name = mem_strdup(name);
        c->routes_generation = 0;
    }
    if (store)
        known_store(gw, k, false);
}

void known_remove(struct gw *gw, const char *chat)
{
    struct known *k;
    HASH_FIND_STR(gw->known, chat, k);
    if (!k)
        return;
    known_store(gw, k, true);
    HASH_DEL(gw->known, k);
    gw->homes.changes++;
    routes_release(k->routes);
    free(k->key);
    free(k->name);
    free(k);
}

const char *known_name(const struct gw *gw, const char *chat)
{
    struct known *k;
    HASH_FIND_STR(gw->known, chat, k);
    return k ? k->name : "";
}
