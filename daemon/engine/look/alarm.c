/* alarm.c -- see alarm.h: which alarms are open, when each is told and over, and their copy in Redis, so that a restart neither repeats
 * them nor forgets since when. Owns the list of them and what waits to be told. */
#include "engine/look/alarm.h"

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "engine/internal.h"
#include "engine/look/alarm_part.h"

enum {
    ALARM_RECENT = 100,        /* alarms that are over and still listed */
    ALARM_AFTER_MS = 30000,    /* so long a link may be away */
    ALARM_CALM_MS = 20000,     /* clear for so long: it is over */
    ALARM_CALM_REPEATED = 15,  /* times that, once it has come back */
    ALARM_AGAIN_MS = 3600000,  /* one that keeps coming back is told again no sooner */
    ALARM_RESTORED_MS = 120000 /* found in Redis, and not raised again since: it is over */
};

static const struct alarm_conf alarm_conf_none;

static struct alarm *alarm_find(const struct engine *e, const char *gateway, const char *kind,
                                const char *what)
{
    for (struct alarm *a = e->alarms->open; a; a = a->next)
        if (strcmp(a->gateway, gateway) == 0 && strcmp(a->kind, kind) == 0 &&
            strcmp(a->what, what) == 0)
            return a;
    return NULL;
}

static void alarm_free(struct alarm *a)
{
    free(a->gateway);
    free(a->kind);
    free(a->what);
    free(a->text);
    free(a->words);
    free(a);
}

int64_t alarm_now(const struct alarms *all)
{
    return clock_wall(all->e->clock);
}

/* ---- telling ---- */

static void alarm_add_text(struct buf *b, const char *key, const char *text)
{
    buf_addf(b, "\"%s\":", key);
    buf_add_json(b, text, strlen(text));
    buf_addc(b, ',');
}

/* The business event's data: also the beginning of what the webhook gets. */
static void alarm_json(const struct alarm *a, struct buf *out)
{
    buf_addc(out, '{');
    alarm_add_text(out, "kind", a->kind);
    alarm_add_text(out, "what", a->what);
    alarm_add_text(out, "text", a->text);
    buf_addf(out, "\"since\":%lld,\"repeats\":%u", (long long)a->since_ms, a->repeats);
    if (a->over_ms)
        buf_addf(out, ",\"over\":%lld", (long long)a->over_ms);
    buf_addc(out, '}');
}

/* The stream of its gateway; those of the process go to the first that is ours. */
static struct gw *alarm_stream(const struct engine *e, const struct alarm *a)
{
    if (*a->gateway)
        return engine_gw(e, a->gateway);
    for (struct gw *gw = e->gws; gw; gw = gw->next)
        if (gw->owner && !gw->removed)
            return gw;
    return NULL;
}

static void alarm_post(struct engine *e, const struct alarm *a, const char *state,
                       const struct buf *data)
{
    struct alarms *all = e->alarms;
    struct buf words = {0}, json = {0}, since = {0};
    alarm_words(all, a, state, clock_wall(e->clock), &words);
    time_add_moment(&since, all->conf->zone, a->since_ms);
    buf_addc(&json, '{');
    alarm_add_text(&json, "state", state);
    alarm_add_text(&json, "gateway", a->gateway);
    alarm_add_text(&json, "since_text", buf_cstr(&since));
    alarm_add_text(&json, "message", buf_cstr(&words));
    buf_addf(&json, "\"time\":%lld,", (long long)clock_wall(e->clock));
    buf_add(&json, data->data + 1, data->len - 1); /* without its brace */
    struct notice n = {.gateway = a->gateway,
                       .kind = a->kind,
                       .what = a->what,
                       .text = a->text,
                       .words = (char *)buf_cstr(&words),
                       .json = (char *)buf_cstr(&json),
                       .state = state,
                       .since_ms = a->since_ms,
                       .at_ms = clock_wall(e->clock)};
    if (all->conf->staff)
        notices_add(&all->staff, &n, "staff");
    if (all->conf->webhook)
        notices_add(&all->hook.waiting, &n, "webhook");
    if (all->conf->exec)
        notices_add(&all->exec.waiting, &n, "exec");
    buf_free(&words);
    buf_free(&json);
    buf_free(&since);
}

static void alarm_tell(struct engine *e, struct alarm *a, const char *state)
{
    struct gw *gw = alarm_stream(e, a);
    bool over = a->over_ms != 0;
    struct buf data = {0};
    a->told_ms = clock_mono(e->clock);
    a->told_repeats = a->repeats;
    log_write(over ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, over ? "alarm over" : "alarm", "gateway",
              *a->gateway ? a->gateway : NULL, "kind", a->kind, "what", *a->what ? a->what : NULL,
              "text", a->text, "repeats", a->repeats ? log_int(a->repeats) : NULL, NULL);
    alarm_json(a, &data);
    if (gw)
        gw_tell(gw, over ? "alarm_over" : "alarm", buf_cstr(&data));
    alarm_post(e, a, state, &data);
    buf_free(&data);
    e->alarms->dirty = true;
    engine_spin(e);
}

/* ---- raising and clearing ---- */

static void alarm_set(char **field, const char *text)
{
    if (*field && strcmp(*field, text) == 0)
        return;
    free(*field);
    *field = mem_strdup(text);
}

static struct alarm *alarm_new(struct engine *e, const char *gateway, const char *kind,
                               const char *what, int64_t since_ms)
{
    struct alarm *a = MEM_NEW(struct alarm);
    a->gateway = mem_strdup(gateway);
    a->kind = mem_strdup(kind);
    a->what = mem_strdup(what);
    a->since_ms = since_ms;
    a->next = e->alarms->open;
    e->alarms->open = a;
    return a;
}

static void alarm_put(struct engine *e, const char *gateway, const char *kind, const char *what,
                      const char *text, const char *words)
{
    if (!e->alarms || e->stopping)
        return;
    struct alarm *a = alarm_find(e, gateway, kind, what);
    bool fresh = !a;
    if (fresh)
        a = alarm_new(e, gateway, kind, what, clock_wall(e->clock));
    else if (!a->restored)
        a->repeats += !a->raised;
    alarm_set(&a->text, text);
    alarm_set(&a->words, words ? words : "");
    a->raised_ms = clock_mono(e->clock);
    a->raised = true;
    a->restored = false;
    if (fresh)
        alarm_tell(e, a, "open");
}

static void alarm_take(struct engine *e, const char *gateway, const char *kind, const char *what)
{
    struct alarm *a = e->alarms && e->alarms->open ? alarm_find(e, gateway, kind, what) : NULL;
    if (!a || (!a->raised && !a->restored))
        return;
    int64_t calm = e->alarms->conf->calm_ms ? e->alarms->conf->calm_ms : ALARM_CALM_MS;
    a->raised = a->restored = false;
    a->calm_ms = clock_mono(e->clock) + calm * (a->repeats ? ALARM_CALM_REPEATED : 1);
}

void alarm_raise_as(struct gw *gw, const char *kind, const char *what, const char *text,
                    const char *words)
{
    alarm_put(gw->e, gw->name, kind, what, text, words);
}

void alarm_raise(struct gw *gw, const char *kind, const char *what, const char *text)
{
    alarm_put(gw->e, gw->name, kind, what, text, NULL);
}

void alarm_clear(struct gw *gw, const char *kind, const char *what)
{
    alarm_take(gw->e, gw->name, kind, what);
}

void alarm_raise_process(struct engine *e, const char *kind, const char *what, const char *text)
{
    alarm_put(e, "", kind, what, text, NULL);
}

void alarm_clear_process(struct engine *e, const char *kind, const char *what)
{
    alarm_take(e, "", kind, what);
}

bool alarm_open(const struct engine *e, const struct gw *gw, const char *kind, const char *what)
{
    const struct alarm *a = e->alarms ? alarm_find(e, gw ? gw->name : "", kind, what) : NULL;
    return a && a->raised;
}

int64_t alarm_raised_ago(const struct engine *e, const char *kind)
{
    const struct alarm *a = alarm_find(e, "", kind, "");
    return a ? clock_mono(e->clock) - a->raised_ms : INT64_MAX;
}

/* ---- the copy in Redis: what is open, a field for each alarm ---- */

static void alarm_field(const struct alarm *a, struct buf *out)
{
    buf_reset(out);
    buf_addf(out, "%s|%s", a->kind, a->what);
    buf_cstr(out);
}

/* Written whole, as it changes seldom; Redis away: the next round tries again. */
static void alarms_save_gw(struct gw *gw)
{
    struct buf key = {0}, cmd = {0}, field = {0}, json = {0};
    size_t n = 0;
    gw_key(gw, &key, "alarms");
    redis_command(gw->e->redis, NULL, NULL, 2, (const char *[]){"DEL", buf_cstr(&key)}, NULL);
    for (const struct alarm *a = gw->e->alarms->open; a; a = a->next)
        n += strcmp(a->gateway, gw->name) == 0;
    buf_add_array(&cmd, 2 + 2 * n);
    buf_add_bulk(&cmd, "HSET", 4);
    buf_add_bulk(&cmd, key.data, key.len);
    for (const struct alarm *a = gw->e->alarms->open; a; a = a->next) {
        if (strcmp(a->gateway, gw->name) != 0)
            continue;
        alarm_field(a, &field);
        buf_reset(&json);
        alarm_json(a, &json);
        buf_add_bulk(&cmd, field.data, field.len);
        buf_add_bulk(&cmd, json.data, json.len);
    }
    if (n)
        redis_send(gw->e->redis, buf_cstr(&cmd), cmd.len, NULL, NULL);
    buf_free(&key);
    buf_free(&cmd);
    buf_free(&field);
    buf_free(&json);
}

static void alarms_save(struct engine *e)
{
    if (!e->alarms->dirty || !e->redis_up)
        return;
    e->alarms->dirty = false;
    for (struct gw *gw = e->gws; gw; gw = gw->next)
        if (gw->owner && !gw->removed)
            alarms_save_gw(gw);
}

static void alarm_restore(struct gw *gw, const char *json)
{
    cJSON *o = cJSON_Parse(json);
    const char *names[] = {"kind", "what", "text"}, *texts[3];
    const cJSON *since = cJSON_GetObjectItemCaseSensitive(o, "since");
    bool good = cJSON_IsNumber(since);
    for (int i = 0; i < 3; i++) {
        texts[i] = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, names[i]));
        good = good && texts[i];
    }
    struct alarm *a = good ? alarm_find(gw->e, gw->name, texts[0], texts[1]) : NULL;
    if (a) { /* it was raised before we knew */
        a->since_ms = (int64_t)since->valuedouble;
    } else if (good) {
        a = alarm_new(gw->e, gw->name, texts[0], texts[1], (int64_t)since->valuedouble);
        a->text = mem_strdup(texts[2]);
        a->words = mem_strdup("");
        a->restored = true;
        a->raised_ms = a->told_ms = clock_mono(gw->e->clock);
        log_info("alarm still open from before the restart", "gateway", gw->name, "kind", a->kind,
                 "text", a->text, NULL);
    }
    cJSON_Delete(o);
}

static void alarms_loaded(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    for (size_t i = 1; reply && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i += 2)
        alarm_restore(gw, reply->element[i]->str);
}

void alarms_load(struct gw *gw)
{
    struct buf key = {0};
    gw_key(gw, &key, "alarms");
    redis_command(gw->e->redis, alarms_loaded, gw, 2, (const char *[]){"HGETALL", buf_cstr(&key)},
                  NULL);
    buf_free(&key);
}

/* ---- time goes on ---- */

static void alarm_over(struct engine *e, struct alarm *a)
{
    struct alarm **p = &e->alarms->open;
    while (*p != a)
        p = &(*p)->next;
    *p = a->next;
    a->over_ms = clock_wall(e->clock);
    a->next = e->alarms->recent;
    e->alarms->recent = a;
    alarm_tell(e, a, "over");
    int n = 0;
    for (p = &e->alarms->recent; *p; p = &(*p)->next)
        if (++n == ALARM_RECENT)
            break;
    while (*p && (*p)->next) {
        struct alarm *old = (*p)->next;
        (*p)->next = old->next;
        alarm_free(old);
    }
}

/* Nothing raises it any more: it is calm, was not raised again after a restart, or its gateway is gone (taken out, or served by
 * another process). */
static bool alarm_is_over(const struct engine *e, const struct alarm *a, int64_t now)
{
    const struct gw *gw = *a->gateway ? engine_gw(e, a->gateway) : NULL;
    if (*a->gateway && (!gw || gw->stopped))
        return true;
    if (a->restored)
        return e->reported_ready && now - e->ready_ms >= ALARM_RESTORED_MS;
    return !a->raised && now >= a->calm_ms;
}

static void alarm_round(struct engine *e, struct alarm *a, int64_t now)
{
    if (alarm_is_over(e, a, now))
        alarm_over(e, a);
    else if (!a->restored && a->repeats > a->told_repeats && now - a->told_ms >= ALARM_AGAIN_MS)
        alarm_tell(e, a, "again");
}

void alarms_round(struct engine *e)
{
    int64_t now = clock_mono(e->clock);
    for (struct alarm *a = e->alarms->open, *next; a && !e->stopping; a = next) {
        next = a->next;
        alarm_round(e, a, now);
    }
    alarms_save(e);
    if (e->stopping)
        return;
    alarm_staff_round(e);
    alarm_out_round(e);
}

/* ---- looking ---- */

void engine_each_alarm(const struct engine *e, void (*fn)(void *ud, const struct alarm *a),
                       void *ud)
{
    for (const struct alarm *a = e->alarms->open; a; a = a->next)
        fn(ud, a);
    for (const struct alarm *a = e->alarms->recent; a; a = a->next)
        fn(ud, a);
}

static struct metric *alarm_gauge(const char *kind)
{
    return metric_gauge("sopd_alarms_open", "Alarms that are open now.",
                        metric_labels("kind", kind, NULL));
}

/* Every kind that was ever seen keeps its line, so that 0 is told too. */
void alarms_metrics(const struct engine *e)
{
    if (!e->alarms)
        return;
    for (const struct alarm *a = e->alarms->recent; a; a = a->next)
        metric_set(alarm_gauge(a->kind), 0);
    for (const struct alarm *a = e->alarms->open; a; a = a->next)
        metric_set(alarm_gauge(a->kind), 0);
    for (const struct alarm *a = e->alarms->open; a; a = a->next)
        metric_add(alarm_gauge(a->kind), 1);
}

/* ---- life ---- */

void alarm_conf_free(struct alarm_conf *c)
{
    char **const lists[] = {c->staff, c->exec};
    for (int i = 0; i < 2; i++) {
        for (char **p = lists[i]; p && *p; p++)
            free(*p);
        free(lists[i]);
    }
    if (c->value)
        explicit_bzero(c->value, strlen(c->value));
    free(c->value);
    free(c->folder);
    free(c->header);
    free(c->webhook);
    memset(c, 0, sizeof *c);
}

void engine_set_alarms(struct engine *e, const struct alarm_conf *conf)
{
    e->alarms->conf = conf ? conf : &alarm_conf_none;
}

int64_t alarms_after_ms(const struct engine *e)
{
    return e->alarms->conf->after_ms ? e->alarms->conf->after_ms : ALARM_AFTER_MS;
}

void alarms_init(struct engine *e)
{
    e->alarms = MEM_NEW(struct alarms);
    e->alarms->e = e;
    e->alarms->conf = &alarm_conf_none;
}

void alarms_stop(struct engine *e)
{
    alarm_out_stop(e);
}

void alarms_free(struct engine *e)
{
    struct alarms *all = e->alarms;
    struct alarm *lists[] = {all->open, all->recent};
    struct notices *const waiting[] = {&all->staff, &all->hook.waiting, &all->exec.waiting};
    for (int i = 0; i < 2; i++) {
        for (struct alarm *a = lists[i], *next; a; a = next) {
            next = a->next;
            alarm_free(a);
        }
    }
    notice_free(all->hook.going);
    for (int i = 0; i < 3; i++)
        while (waiting[i]->first)
            notice_free(notices_take(waiting[i]));
    e->alarms = NULL;
    free(all);
}
