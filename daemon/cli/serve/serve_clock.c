/* serve_clock.c -- see serve_clock.h. An order is worked off in steps: when the engine is quiet, the earliest timer is looked up in
 * Redis (the engine itself only looks a minute ahead), and the clock goes on to the next moment at which something is due, or to
 * its target. So what is due on the way happens at its own time and in order.
 * Owns: the orders that wait, and a connection to Redis, made with the first order. */
#include "cli/serve/serve_clock.h"

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/serve/daemon.h"
#include "engine/engine.h"
#include "lua/config.h"
#include "store/keys.h"
#include "store/settings.h"

enum { CLOCK_ORDERS = 16, CLOCK_STEP_MS = 1000 };

enum clock_what { CLOCK_NOW, CLOCK_AT, CLOCK_NEXT };

struct clock_order {
    uint64_t ticket; /* of the control request that waits for the answer */
    enum clock_what what;
    int64_t target_ms; /* CLOCK_NEXT: known after the first look */
    bool begun;
};

struct serve_clock {
    struct daemon *d;
    struct redis *redis;
    struct clock_order orders[CLOCK_ORDERS];
    int norders;
    int asked;        /* answers of Redis that are to come */
    bool lost;        /* one of them did not come */
    int64_t timer_ms; /* the earliest timer found so far */
    bool stopped;
};

/* ---- times ---- */

/* "", "Z", "+08:00" or "-0330". */
static bool serve_clock_offset(const char *text, int64_t *ms)
{
    int hours, minutes;
    char sign, tail;
    *ms = 0;
    if (!*text || strcmp(text, "Z") == 0)
        return true;
    if (sscanf(text, "%c%2d:%2d%c", &sign, &hours, &minutes, &tail) != 3 &&
        sscanf(text, "%c%2d%2d%c", &sign, &hours, &minutes, &tail) != 3)
        return false;
    *ms = (hours * 60 + minutes) * 60000LL * (sign == '-' ? -1 : 1);
    return (sign == '+' || sign == '-') && hours < 24 && minutes < 60;
}

bool serve_clock_parse(const char *text, int64_t *ms)
{
    int64_t day, clock, offset;
    char date[11], time[9], *end;
    *ms = strtoll(text, &end, 10);
    if (end != text && !*end)
        return *ms > 0;
    if (strlen(text) < 16 || (text[10] != 'T' && text[10] != ' '))
        return false;
    size_t n = strspn(text + 11, "0123456789:");
    if (n >= sizeof time)
        return false;
    snprintf(date, sizeof date, "%.10s", text);
    snprintf(time, sizeof time, "%.*s", (int)n, text + 11);
    if (!time_parse_date(date, &day) || !time_parse_clock(time, &clock) ||
        !serve_clock_offset(text + 11 + n, &offset))
        return false;
    *ms = day * 86400000 + clock - offset;
    return true;
}

/* ---- orders ---- */

static void serve_clock_answer(struct serve_clock *c, const struct clock_order *o, int64_t next_ms,
                               const char *error)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddBoolToObject(root, "ok", !error);
    if (error)
        cJSON_AddStringToObject(root, "error", error);
    cJSON_AddNumberToObject(root, "now", (double)clock_wall(&c->d->clock));
    if (next_ms < INT64_MAX)
        cJSON_AddNumberToObject(root, "next", (double)next_ms);
    char *text = cJSON_PrintUnformatted(root);
    control_answer_later(c->d->control, o->ticket, text);
    cJSON_free(text);
    cJSON_Delete(root);
}

/* NULL, or what is wrong with the request. */
static const char *serve_clock_read(const cJSON *request, struct clock_order *o)
{
    const char *what = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "do")),
               *to = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "at"));
    if (!what || strcmp(what, "now") == 0)
        o->what = CLOCK_NOW;
    else if (strcmp(what, "next") == 0)
        o->what = CLOCK_NEXT;
    else if (strcmp(what, "at") == 0)
        o->what = CLOCK_AT;
    else
        return "a clock is asked now, at or next";
    if (o->what == CLOCK_AT && (!to || !serve_clock_parse(to, &o->target_ms)))
        return "at needs milliseconds or a time like 2031-03-05T08:00:00Z";
    return NULL;
}

static bool serve_clock_later(void *ud, uint64_t ticket, const char *text, size_t len)
{
    struct serve_clock *c = ud;
    cJSON *request = cJSON_ParseWithLength(text, len);
    const char *op = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "op"));
    bool ours = op && strcmp(op, "clock") == 0;
    if (ours) {
        struct clock_order o = {.ticket = ticket};
        const char *error = c->norders < CLOCK_ORDERS ? serve_clock_read(request, &o)
                                                      : "too many orders wait for the clock";
        if (error)
            serve_clock_answer(c, &o, INT64_MAX, error);
        else
            c->orders[c->norders++] = o;
    }
    cJSON_Delete(request);
    return ours;
}

static void serve_clock_turn(struct serve_clock *c, int64_t to_ms)
{
    clock_advance(&c->d->clock, to_ms - clock_wall(&c->d->clock));
    engine_clock_changed(c->d->engine);
}

/* The engine is quiet, and next_ms is when it will have something to do. */
static void serve_clock_step(struct serve_clock *c, int64_t next_ms)
{
    struct clock_order *o = &c->orders[0];
    int64_t now = clock_wall(&c->d->clock);
    if (next_ms <= now) /* what is due and does not get done must not hold the clock */
        next_ms = now + CLOCK_STEP_MS;
    if (!o->begun && o->what == CLOCK_NEXT)
        o->target_ms = next_ms < INT64_MAX ? next_ms : now;
    if (!o->begun && o->what == CLOCK_NOW)
        o->target_ms = now;
    bool back = !o->begun && o->target_ms < now;
    o->begun = true;
    if (o->target_ms > now || back) {
        serve_clock_turn(c, next_ms < o->target_ms ? next_ms : o->target_ms);
        return;
    }
    serve_clock_answer(c, o, next_ms, NULL);
    memmove(o, o + 1, (size_t)--c->norders * sizeof *o);
    engine_clock_changed(c->d->engine);
}

/* ---- is everything done? ---- */

static void serve_clock_count(void *ud, const struct engine_gateway_info *i)
{
    *(unsigned *)ud += i->state.pending;
}

static bool serve_clock_quiet(const struct serve_clock *c)
{
    unsigned pending = 0;
    if (!c->d->ready || !engine_quiet(c->d->engine) || !settings_quiet(c->d->settings))
        return false;
    engine_each_gateway(c->d->engine, serve_clock_count, &pending);
    return pending == 0;
}

static void serve_clock_found(void *ud, const struct redisReply *reply)
{
    struct serve_clock *c = ud;
    c->asked--;
    if (!reply || reply->type != REDIS_REPLY_ARRAY)
        c->lost = true;
    else if (reply->elements == 2) {
        int64_t due = (int64_t)strtod(reply->element[1]->str, NULL);
        c->timer_ms = due < c->timer_ms ? due : c->timer_ms;
    }
    if (c->asked || c->stopped)
        return;
    int64_t planned = engine_next_planned(c->d->engine);
    if (c->norders && !c->lost && serve_clock_quiet(c))
        serve_clock_step(c, planned < c->timer_ms ? planned : c->timer_ms);
    else
        engine_clock_changed(c->d->engine); /* look again */
}

static void serve_clock_redis_status(void *ud, enum redis_status status)
{
    struct serve_clock *c = ud;
    if (status == REDIS_UP && !c->stopped)
        engine_clock_changed(c->d->engine);
}

void serve_clock_idle(struct serve_clock *c)
{
    if (!c || !c->norders || c->asked || c->stopped || !serve_clock_quiet(c))
        return;
    const struct config *config = c->d->config;
    struct buf key = {0};
    if (!c->redis) {
        struct redis_opts opts = {.addr = &c->d->redis,
                                  .name = "sopd-clock",
                                  .on_status = serve_clock_redis_status,
                                  .ud = c};
        c->redis = redis_create(c->d->loop, &c->d->clock, &opts);
    }
    c->lost = false;
    c->timer_ms = INT64_MAX;
    for (int i = 0; i < config->ngateways && redis_is_up(c->redis); i++) {
        buf_reset(&key);
        key_of_gateway(&key, config_gateway_key(&config->gateways[i]), "timers");
        const char *words[] = {"ZRANGE", buf_cstr(&key), "0", "0", "WITHSCORES"};
        if (redis_command(c->redis, serve_clock_found, c, 5, words, NULL))
            c->asked++;
    }
    redis_flush(c->redis);
    buf_free(&key);
}

/* ---- life ---- */

struct serve_clock *serve_clock_create(struct daemon *d, int64_t start_ms)
{
    struct serve_clock *c = MEM_NEW(struct serve_clock);
    c->d = d;
    clock_init_virtual(&d->clock, start_ms);
    d->admin.later = serve_clock_later;
    d->admin.later_ud = c;
    return c;
}

void serve_clock_stop(struct serve_clock *c)
{
    if (!c || c->stopped)
        return;
    c->stopped = true;
    if (c->redis)
        redis_destroy(c->redis, NULL, NULL);
    c->redis = NULL;
}

void serve_clock_free(struct serve_clock *c)
{
    free(c);
}
