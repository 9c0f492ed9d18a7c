/* gw.c -- a gateway as the engine sees it: whether it is ours (epoch), what is read from Redis before it is started, its life.
 * What it reports is in gw_hear.c. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/look/trace.h"
#include "engine/pools.h"
#include "engine/rights/forget.h"
#include "engine/run/calls.h"
#include "engine/send/breaker.h"
#include "engine/send/hold.h"
#include "engine/send/merge.h"
#include "engine/send/risk.h"
#include "engine/send/warmup.h"
#include "engine/turn/experiment.h"
#include "gateway/pool.h"
#include "store/keys.h"

enum {
    GW_SETTLE_MS = 15000,
    GW_RESEND_MS = 60000,
    GW_CIRCUIT_MS = 300000,
    GW_RISK_STEP_MS = 300000,
    GW_RISK_WINDOW_MS = 600000,
    GW_ALIVE_MS = 5000
};

void gw_key(const struct gw *gw, struct buf *out, const char *kind)
{
    key_of_gateway(out, gw->name, kind);
}

struct metric *gw_sends(struct gw *gw, const char *outcome)
{
    return metric_counter("sopd_sends_total", "Messages by how they ended.",
                          metric_labels("gateway", gw->name, "outcome", outcome, NULL));
}

bool gw_can_send(const struct gw *gw)
{
    if (!gw->owner || !gw->loaded || gw->stopped)
        return false;
    struct gateway_state s;
    gw->gateway->ops->state(gw->gateway, &s);
    return s.link == LINK_UP && s.account != ACCOUNT_OFFLINE;
}

/* ---- ownership ---- */

static void gw_loaded_optout(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
        optout_set(gw, reply->element[i]->str, true);
}

static void gw_loaded_optout_key(void *ud, const struct redisReply *reply)
{
    if (reply && reply->type == REDIS_REPLY_STRING)
        optout_key(ud, reply->str);
}

static void gw_loaded_chats(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements;
         i += 2) {
        cJSON *o = cJSON_Parse(reply->element[i + 1]->str);
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "name"));
        known_set(gw, reply->element[i]->str, name ? name : "", false);
        cJSON_Delete(o);
    }
    schedule_rebuild(gw->e);
}

static void gw_loaded_alive(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    if (reply && reply->type == REDIS_REPLY_STRING && !gw->gap_since_ms) {
        /* a pool knows messages by other keys than a plain gateway: when one has become the other, what was said before is not read
         * again, it would be handled twice */
        bool pool = strstr(reply->str, "pool") != NULL;
        gw->gap_since_ms = pool == pool_is(gw->gateway) ? strtoll(reply->str, NULL, 10) : 0;
    }
    if (gw->gap_since_ms && !gw->hears)
        gap_begin(gw);
}

static void gw_read(struct gw *gw, const char *command, const char *kind, redis_fn fn)
{
    struct buf key = {0};
    gw_key(gw, &key, kind);
    redis_command(gw->e->redis, fn, gw, 2, (const char *[]){command, buf_cstr(&key)}, NULL);
    buf_free(&key);
}

void gw_read_registry(struct gw *gw)
{
    gw_read(gw, "SMEMBERS", "optout", gw_loaded_optout);
    gw_read(gw, "HGETALL", "chats", gw_loaded_chats);
}

/* All that must be known before anything happens; the outbox comes last, and says that all of it is here. Asked again whole if the
 * link was lost meanwhile: each of them may be read twice. */
static void gw_load(struct gw *gw)
{
    gw_read(gw, "GET", "alive", gw_loaded_alive);
    pools_load(gw);
    health_load(gw);
    gw_read(gw, "SMEMBERS", "optout", gw_loaded_optout);
    gw_read(gw, "GET", "optout-key", gw_loaded_optout_key);
    forget_start(gw);
    gw_read(gw, "HGETALL", "chats", gw_loaded_chats);
    calls_load(gw);
    experiments_load(gw);
    settings_owed(gw);
    warmup_load(gw); /* after the chats */
    guard_load(gw);
    risk_load(gw);
    outbox_load(gw);
}

static void gw_taken(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    gw->taking = false;
    if (!reply || reply->type != REDIS_REPLY_INTEGER) {
        if (reply)
            log_error("cannot take the gateway's epoch", "gateway", gw->name, "answer",
                      reply->str ? reply->str : "?", NULL);
        return;
    }
    gw->epoch = (uint64_t)reply->integer;
    gw->next_id = gw->epoch << 36 | 1;
    gw->owner = true;
    log_info("gateway is ours", "gateway", gw->name, "epoch", log_int(reply->integer), NULL);
    gw_load(gw);
    timers_start(gw);
    inbox_start(gw);
    engine_spin(gw->e);
}

void gw_take_ownership(struct gw *gw)
{
    if (gw->owner || gw->taking || gw->stopped)
        return;
    gw->taking = true;
    gw_read(gw, "INCR", "epoch", gw_taken);
}

void gw_redis_up(struct gw *gw)
{
    if (gw->owner) {
        timers_start(gw);
        if (gw->loaded)
            settings_owed(gw);
        else
            gw_load(gw);
    } else {
        gw->taking = false;
        gw_take_ownership(gw);
    }
}

void gw_lost_ownership(struct gw *gw, uint64_t found)
{
    gw->lost = true;
    gw->lost_to = found;
}

/* The gateway is not served here any more: its turns end without a commit, its connection closes. Commits whose answer is
 * still to come are worked off as they arrive. */
static void gw_leave(struct gw *gw)
{
    gw->owner = false;
    gw->stopped = true;
    committer_drop(gw);
    engine_end_turns(gw);
    calls_drop(gw);
    runs_evict(gw, true);
    inbox_stop(gw, NULL, NULL);
    gw->gateway->ops->stop(gw->gateway, NULL, NULL);
    gw->gateway = NULL;
}

/* Worked off by the drain, not by the callback that learned it. */
void gw_handle_lost(struct gw *gw)
{
    gw->lost = false;
    if (gw->stopped) { /* it was left already; this was the answer to its last commit */
        committer_drop(gw);
        return;
    }
    if (gw->lost_to <=
        gw->epoch) { /* Redis came back without its latest data: the epoch is older than ours */
        log_error("redis has lost data: the gateway's epoch is gone, it is written anew", "gateway",
                  gw->name, NULL);
        struct buf key = {0};
        gw_key(gw, &key, "epoch");
        redis_command(gw->e->redis, NULL, NULL, 3,
                      (const char *[]){"SET", buf_cstr(&key), log_int((int64_t)gw->epoch)}, NULL);
        buf_free(&key);
        return;
    }
    log_error("another process has taken the gateway: it is no longer served here", "gateway",
              gw->name, "epoch", log_int((int64_t)gw->epoch), "theirs",
              log_int((int64_t)gw->lost_to), NULL);
    gw_leave(gw);
}

bool engine_remove_gateway(struct engine *e, const char *name)
{
    struct gw *gw = engine_gw(e, name);
    if (!gw || !gw->gateway)
        return false;
    log_info("gateway removed", "gateway", gw->name, NULL);
    gw->removed = true;
    gw_leave(gw);
    engine_spin(e);
    return true;
}

/* Once a second: what a restart needs to know about the gap, and memory of chats without traffic. */
void gw_round(struct gw *gw)
{
    int64_t now = clock_wall(gw->e->clock);
    if (gw->hears && !gap_busy(gw) && gw->owner && gw->e->redis_up &&
        now - gw->alive_saved_ms >= GW_ALIVE_MS) {
        gw->alive_saved_ms = now;
        struct buf key = {0};
        gw_key(gw, &key, "alive");
        char value[32];
        snprintf(value, sizeof value, "%lld%s", (long long)now,
                 pool_is(gw->gateway) ? " pool" : "");
        redis_command(gw->e->redis, NULL, NULL, 3, (const char *[]){"SET", buf_cstr(&key), value},
                      NULL);
        buf_free(&key);
    }
    pools_round(gw);
    news_round(gw);
    health_round(gw);
    shed_round(gw);
    chat_evict(gw);
    runs_evict(gw, false);
    pins_round(gw);
    guard_evict(gw);
    guard_sweep(gw);
    merge_round(gw);
    warmup_round(gw);
    risk_round(gw);
    breaker_round(gw);
    hold_round(gw);
    retention_round(gw);
}

/* ---- making and freeing ---- */

static void gw_metrics(struct gw *gw)
{
    gw->m_sent = gw_sends(gw, "sent");
    const char *l = metric_labels("gateway", gw->name, NULL);
    gw->m_turns = metric_counter("sopd_turns_total", "Turns that ended.", l);
    gw->m_commits = metric_counter("sopd_commits_total", "Turns committed.", l);
    gw->m_dups = metric_counter("sopd_duplicates_total",
                                "Turns refused because they were committed before.", l);
    gw->m_refused = metric_counter("sopd_refused_total", "Turns that Redis could not apply.", l);
    gw->shed.m_reads =
        metric_counter("sopd_gateway_pauses_total",
                       "How often a gateway was not read because its queue was full.", l);
    gw->m_resends = metric_counter("sopd_resends_total",
                                   "Messages sent again because their outcome stayed unknown.", l);
    gw->m_latency =
        metric_histogram("sopd_turn_seconds", "From the frame to the commit's answer.", l);
    gw->m_commit_time =
        metric_histogram("sopd_handle_seconds", "From the turn's start to the commit's answer.", l);
    for (int i = 0; i < EVENT_TYPES; i++)
        gw->m_events[i] = metric_counter(
            "sopd_events_total", "Events by type.",
            metric_labels("gateway", gw->name, "type", event_type_name((enum event_type)i), NULL));
}

bool engine_add_gateway(struct engine *e, const struct gateway_conf *conf, const struct pace *pace,
                        struct buf *err)
{
    struct gw *there = conf->pool ? engine_gw(e, conf->pool) : NULL;
    if (there && pool_is(there->gateway))
        return pools_add(there, conf, err);
    if (!gateway_ops_find(conf->type)) {
        buf_addf(err, "gateway %s: there is no type %s", conf->name, conf->type);
        return false;
    }
    struct gw *gw = MEM_NEW(struct gw);
    gw->e = e;
    gw->name = mem_strdup(conf->pool ? conf->pool : conf->name);
    gw->ready_tail = &gw->ready;
    gw->finished_tail = &gw->finished;
    gw->settle_next_ms = INT64_MAX;
    if (pace)
        gw->pace = *pace;
    else
        pace_default(conf->type, &gw->pace);
    gw->settle_ms = conf->settle_ms ? conf->settle_ms : GW_SETTLE_MS;
    gw->resend_ms = conf->resend_ms ? conf->resend_ms : GW_RESEND_MS;
    gw->circuit_ms = conf->circuit_ms ? conf->circuit_ms : GW_CIRCUIT_MS;
    breaker_own(e, conf->self_id);
    gw->risk_step_ms = conf->risk_step_ms ? conf->risk_step_ms : GW_RISK_STEP_MS;
    gw->risk_window_ms = conf->risk_window_ms ? conf->risk_window_ms : GW_RISK_WINDOW_MS;
    gw->catchup = conf->catchup;
    gw_metrics(gw);
    health_init(gw, conf);
    struct gateway_sink sink;
    gw_sink(gw, &sink);
    gw->gateway =
        conf->pool ? pools_create(gw, conf, err) : gateway_create(e->opts.env, conf, &sink, err);
    if (!gw->gateway) {
        gw_free(gw);
        return false;
    }
    gw->gateway->owner = gw;
    struct gw **p = &e->gws;
    while (*p)
        p = &(*p)->next;
    *p = gw;
    if (e->started && e->redis_up)
        gw_take_ownership(gw);
    return true;
}

void gw_free(struct gw *gw)
{
    runs_free(gw);
    pins_free(gw);
    trace_free(gw);
    struct chat *c, *ctmp;
    HASH_ITER (hh, gw->chats, c, ctmp)
        chat_free(c);
    struct known *k, *ktmp;
    HASH_ITER (hh, gw->known, k, ktmp) {
        HASH_DEL(gw->known, k);
        routes_release(k->routes);
        free(k->key);
        free(k->name);
        free(k);
    }
    struct optout *o, *otmp;
    HASH_ITER (hh, gw->optout, o, otmp) {
        HASH_DEL(gw->optout, o);
        free(o->user);
        free(o);
    }
    struct asked *a, *atmp;
    HASH_ITER (hh, gw->asked, a, atmp) {
        HASH_DEL(gw->asked, a);
        a->fn(a->ud, NULL);
        free(a->members_of);
        free(a);
    }
    calls_drop(gw);
    timers_free(gw);
    home_free(gw);
    inbox_free(gw);
    news_free(gw);
    gap_free(gw);
    outbox_free(gw);
    merge_free(gw);
    warmup_free(gw);
    settle_free(gw);
    breaker_gw_free(gw);
    pacer_free(gw);
    hold_free(gw);
    at_all_free(gw);
    guard_free(gw);
    account_free(gw);
    forget_free(gw);
    health_free(gw);
    import_free(gw);
    experiments_free(gw);
    free(gw->optout_key);
    free(gw->name);
    free(gw);
}
