/* pauses.c -- what follows when admins pause and resume (store/settings.h; the router asks at every turn whether a flow is on): the
 * global kill switch holds the outbox, a pause with an end is over at its end, and what waited for a flow goes on at once when it is
 * on again. What waited is: timers put off in memory (timers_held.c), runs whose timer was put off in Redis (hash `put-off`), and
 * schedules that came due under a pause, which are kept here until they are too late. Caller: the drain. */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

enum {
    PAUSES_GO_ON_MS = 300,    /* least time between two looks at what waits */
    PAUSES_REST_FACTOR = 20,  /* and at most a twentieth of the time */
    PAUSES_SCHEDULES = 10000, /* kept at most */
    PAUSES_WINDOW = 500,
    PAUSES_KEEP_S = 900 /* a run that is still put off by then was written again */
};

/* Its timer goes on now if it is still where it was put off to. */
static const char pauses_script[] =
    "for i = 2, #ARGV, 2 do\n"
    "  if redis.call('ZSCORE', KEYS[1], ARGV[i]) == ARGV[i + 1] then\n"
    "    redis.call('ZADD', KEYS[1], ARGV[1], ARGV[i])\n"
    "  end\n"
    "  redis.call('HDEL', KEYS[2], ARGV[i])\n"
    "end\n";

bool pauses_killed(const struct engine *e)
{
    return e->pauses.killed_until_ms != 0;
}

int64_t pauses_next(const struct engine *e)
{
    return e->pauses.next_ms;
}

int64_t pauses_hold(const struct gw *gw, const struct message *m)
{
    if (!gw->e->pauses.killed_until_ms || strcmp(m->flow, "switch") == 0)
        return 0;
    return gw->e->pauses.killed_until_ms;
}

/* ---- schedules ---- */

/* Is the flow of this input off because somebody paused it, and not for good? */
static bool pauses_flow_sleeps(struct chat *c, const struct route *r, bool by_toggle)
{
    struct flow_why why;
    if (!r || r->kind != ROUTE_START || routes_flow_on(c, r->binding, &why))
        return false;
    return by_toggle || strcmp(why.word, "paused") == 0;
}

static bool pauses_too_late(const struct engine *e, const struct input *in, const struct handler *h)
{
    return h->late_ms >= 0 && clock_wall(e->clock) - in->due_ms > h->late_ms;
}

bool pauses_keep(struct chat *c, struct input *in, struct route *r)
{
    struct engine *e = c->gw->e;
    bool timer = in->kind == INPUT_TIMER;
    if ((!timer && in->kind != INPUT_SCHEDULE) || !pauses_flow_sleeps(c, r, timer) ||
        pauses_too_late(e, in, r->handler))
        return false;
    if (timer) {
        timers_refused(c->gw, in->id);
        timers_taken(c->gw, in->id);
        input_free(in);
        return true;
    }
    if (e->pauses.nkept >= PAUSES_SCHEDULES)
        return false;
    struct paused_input *p = MEM_NEW(struct paused_input);
    *p = (struct paused_input){.gw = c->gw,
                               .chat = mem_strdup(c->key),
                               .input = in,
                               .handler_late_ms = r->handler->late_ms};
    *e->pauses.kept_tail = p;
    e->pauses.kept_tail = &p->next;
    e->pauses.nkept++;
    return true;
}

static void pauses_drop(struct engine *e, struct paused_input **at)
{
    struct paused_input *p = *at;
    *at = p->next;
    if (!p->next)
        e->pauses.kept_tail = at;
    e->pauses.nkept--;
    free(p->chat);
    free(p);
}

/* All are offered again: a flow that is still paused keeps its own. */
static void pauses_offer(struct engine *e)
{
    struct paused_input *list = e->pauses.kept;
    e->pauses.kept = NULL;
    e->pauses.kept_tail = &e->pauses.kept;
    e->pauses.nkept = 0;
    while (list) {
        struct paused_input *next = list->next;
        if (list->gw->removed || list->gw->stopped)
            input_free(list->input);
        else
            chat_push(chat_get(list->gw, list->chat, true), list->input);
        free(list->chat);
        free(list);
        list = next;
    }
}

void pauses_round(struct engine *e)
{
    int64_t now = clock_wall(e->clock);
    for (struct paused_input **at = &e->pauses.kept; *at;) {
        struct paused_input *p = *at;
        if (p->handler_late_ms < 0 || now - p->input->due_ms <= p->handler_late_ms) {
            at = &p->next;
            continue;
        }
        input_free(p->input);
        pauses_drop(e, at);
    }
}

/* ---- runs ---- */

void pauses_note_run(struct turn *t, const char *run, const char *flow, int64_t due_ms)
{
    struct buf key = {0}, member = {0}, value = {0};
    gw_key(t->gw, &key, "put-off");
    buf_addf(&member, "run|%s|%s", run, t->chat->key);
    buf_addf(&value, "%lld %s", (long long)due_ms, flow);
    turn_write(t, 4, (const char *[]){"HSET", buf_cstr(&key), buf_cstr(&member), buf_cstr(&value)},
               NULL);
    turn_write(t, 3, (const char *[]){"EXPIRE", buf_cstr(&key), log_int(PAUSES_KEEP_S)}, NULL);
    t->gw->put_off_none = false;
    buf_free(&key);
    buf_free(&member);
    buf_free(&value);
}

/* One field of `put-off`: the run's timer, and "<due> <flow>". Its flow is on there now: the words of the script. */
static bool pauses_goes_on(struct gw *gw, const char *member, const char *value, struct buf *words)
{
    const char *flow = strchr(value, ' '), *chat = strchr(member, '|');
    chat = chat ? strchr(chat + 1, '|') : NULL;
    if (!flow || !chat)
        return false;
    struct chat *c = chat_get(gw, chat + 1, true);
    struct binding *b = routes_binding(c, flow + 1);
    if (!b || !routes_flow_on(c, b, NULL))
        return false;
    buf_add_bulk(words, member, strlen(member));
    buf_add_bulk(words, value, (size_t)(flow - value));
    return true;
}

static void pauses_on_moved(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    if (reply && reply->type == REDIS_REPLY_ERROR)
        log_warn("runs that were put off go on within five minutes", "gateway", gw->name, "error",
                 reply->str, NULL);
    else if (reply)
        timers_note(gw, clock_wall(gw->e->clock));
    engine_spin(gw->e);
}

static void pauses_move(struct gw *gw, struct buf *words, size_t n)
{
    struct buf cmd = {0}, timers = {0}, put_off = {0};
    gw_key(gw, &timers, "timers");
    gw_key(gw, &put_off, "put-off");
    buf_add_array(&cmd, 6 + n * 2);
    buf_add_bulk(&cmd, "EVAL", 4);
    buf_add_bulk(&cmd, pauses_script, sizeof pauses_script - 1);
    buf_add_bulk(&cmd, "2", 1);
    buf_add_bulk(&cmd, timers.data, timers.len);
    buf_add_bulk(&cmd, put_off.data, put_off.len);
    buf_add_bulk_int(&cmd, clock_wall(gw->e->clock));
    buf_add(&cmd, words->data, words->len);
    redis_send(gw->e->redis, buf_cstr(&cmd), cmd.len, pauses_on_moved, gw);
    buf_free(&cmd);
    buf_free(&timers);
    buf_free(&put_off);
}

static void pauses_scan(struct gw *gw, const char *cursor);

static void pauses_on_scan(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    bool good = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
    const redisReply *list = good ? reply->element[1] : NULL;
    struct buf words = {0};
    size_t n = 0;
    gw->put_off_seen += list ? list->elements : 0;
    for (size_t i = 0; list && i + 1 < list->elements; i += 2)
        n += pauses_goes_on(gw, list->element[i]->str, list->element[i + 1]->str, &words);
    if (n)
        pauses_move(gw, &words, n);
    buf_free(&words);
    if (good && strcmp(reply->element[0]->str, "0") != 0 && gw->owner) {
        pauses_scan(gw, reply->element[0]->str);
        return;
    }
    gw->put_off_reading = false;
    gw->put_off_none = good && !gw->put_off_seen;
    gw->e->pauses.took_ms = clock_mono(gw->e->clock) - gw->e->pauses.looked_ms;
}

static void pauses_scan(struct gw *gw, const char *cursor)
{
    struct buf key = {0};
    gw_key(gw, &key, "put-off");
    const char *argv[] = {"HSCAN", buf_cstr(&key), cursor, "COUNT", log_int(PAUSES_WINDOW)};
    gw->put_off_reading = redis_command(gw->e->redis, pauses_on_scan, gw, 5, argv, NULL);
    buf_free(&key);
}

/* ---- going on ---- */

/* Flows may be on that were off: looks at everything that waits. */
static void pauses_go_on(struct engine *e)
{
    struct pauses *p = &e->pauses;
    int64_t now = clock_mono(e->clock), rest = p->took_ms * PAUSES_REST_FACTOR;
    rest = rest > PAUSES_GO_ON_MS ? rest : PAUSES_GO_ON_MS;
    if (!p->look || !e->redis_up || (!e->clock->frozen && now - p->looked_ms < rest))
        return;
    p->look = false;
    p->looked_ms = now;
    p->took_ms = 0;
    pauses_offer(e);
    for (struct gw *gw = e->gws; gw; gw = gw->next) {
        if (!gw->owner || gw->stopped || !gw->loaded)
            continue;
        timers_go_on(gw);
        if (gw->put_off_none || gw->put_off_reading)
            continue;
        gw->put_off_seen = 0;
        pauses_scan(gw, "0");
    }
}

static void pauses_kill(struct engine *e, int64_t until)
{
    bool was = e->pauses.killed_until_ms != 0, is = until != 0;
    e->pauses.killed_until_ms = until;
    if (was == is)
        return;
    metric_set(metric_gauge("sopd_killed",
                            "1 while the kill switch is on: no handler runs, nothing is sent.",
                            NULL),
               is);
    if (is) {
        log_warn("the kill switch is on: no handler runs, and nothing is sent", "remedy",
                 "sopd ctl kill off", NULL);
        return;
    }
    log_info("the kill switch is off", NULL);
    for (struct gw *gw = e->gws; gw; gw = gw->next)
        if (!gw->stopped)
            pacer_release_killed(gw);
}

void pauses_run(struct engine *e)
{
    struct settings *s = e->opts.settings;
    struct pauses *p = &e->pauses;
    if (!s)
        return;
    int64_t now = clock_wall(e->clock);
    uint64_t generation = settings_generation(s) + e->generation;
    if (generation != p->generation || now >= p->next_ms || now < p->asked_ms) {
        struct settings_place everywhere = {"", NULL, NULL, NULL};
        p->generation = generation;
        p->asked_ms = now;
        p->next_ms = settings_next_resume(s, now);
        p->look = true;
        pauses_kill(e, settings_paused_until(s, &everywhere, "*", now));
    }
    pauses_go_on(e);
}

void pauses_free(struct engine *e)
{
    while (e->pauses.kept) {
        input_free(e->pauses.kept->input);
        pauses_drop(e, &e->pauses.kept);
    }
}
