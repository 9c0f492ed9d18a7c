/* gw.c -- a gateway as the engine sees it: what it reports, whether it is ours (epoch), and what is read from Redis before
 * it is started. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/look/trace.h"
#include "engine/rights/forget.h"
#include "engine/run/calls.h"
#include "store/keys.h"

enum {
    GW_SETTLE_MS = 15000,
    GW_RESEND_MS = 60000,
    GW_CIRCUIT_MS = 300000,
    GW_ALIVE_MS = 5000,
    GW_GAP_MARGIN_MS = 120000
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

/* ---- what the gateway reports ---- */

static void gw_note_chat(struct gw *gw, const struct event *e)
{
    if (e->private_chat || !*e->chat)
        return;
    struct known *k;
    HASH_FIND_STR(gw->known, e->chat, k);
    if (!k || (*e->chat_name && strcmp(k->name, e->chat_name) != 0)) {
        known_set(gw, e->chat, e->chat_name, true);
        schedule_rebuild(gw->e);
    }
}

static void gw_on_event(void *ud, struct gateway *g, struct event *e)
{
    struct gw *gw = ud;
    (void)g;
    metric_inc(gw->m_events[e->type]);
    if (!gw->owner || gw->e->stopping || !*e->chat) {
        event_free(e);
        return;
    }
    if (e->type == EVENT_LEAVE && strcmp(e->sub, "self") == 0) {
        outbox_chat_gone(gw, e->chat);
        known_remove(gw, e->chat);
        event_free(e);
        return;
    }
    if (e->type == EVENT_MUTE)
        pacer_event(gw, e);
    gw_note_chat(gw, e);
    retention_event(gw, e);
    struct chat *c = chat_get(gw, e->chat, true);
    if (e->type == EVENT_MESSAGE && !e->history)
        chat_note_message(c);
    chat_push(c, input_event(e));
}

static void gw_on_sent(void *ud, struct gateway *g, uint64_t ticket, const struct send_result *r)
{
    struct gw *gw = ud;
    (void)g;
    outbox_sent(gw, ticket, r);
    engine_spin(gw->e);
}

static void gw_on_own_message(void *ud, struct gateway *g, const struct event *e)
{
    (void)g;
    outbox_own_message(ud, e);
}

bool gw_ask(struct gw *gw, const struct gateway_request *r,
            void (*fn)(void *ud, const struct gateway_response *r), void *ud)
{
    struct asked *a = MEM_NEW(struct asked);
    a->ticket = ++gw->next_ticket;
    a->fn = fn;
    a->ud = ud;
    HASH_ADD(hh, gw->asked, ticket, sizeof a->ticket, a);
    if (gw->gateway && gw->gateway->ops->call(gw->gateway, r, a->ticket))
        return true;
    HASH_DEL(gw->asked, a);
    free(a);
    return false;
}

static void gw_on_response(void *ud, struct gateway *g, uint64_t ticket,
                           const struct gateway_response *r)
{
    struct gw *gw = ud;
    (void)g;
    struct asked *a;
    HASH_FIND(hh, gw->asked, &ticket, sizeof ticket, a);
    if (a) {
        HASH_DEL(gw->asked, a);
        a->fn(a->ud, r);
        free(a);
        engine_spin(gw->e);
        return;
    }
    if (!r->ok && log_gate_open(&gw->gate_act, clock_mono(gw->e->clock), 1000))
        log_warn("action failed", "gateway", gw->name, "reason", r->reason, NULL);
}

/* After a gap (it began before we noticed: a dead link takes a while to be found out) the history of the groups that are served is fed through the same de-duplication. */
static void gw_catch_up(struct gw *gw)
{
    const struct gateway_ops *ops = gw->gateway->ops;
    if (!gw->catchup || !ops->catch_up || !gw->gap_since_ms ||
        !(ops->caps(gw->gateway) & GATEWAY_HISTORY))
        return;
    for (const struct known *k = gw->known; k; k = k->hh.next)
        if (routes_lookup_any(gw, k->key, k->name))
            ops->catch_up(gw->gateway, k->key, gw->gap_since_ms - GW_GAP_MARGIN_MS);
}

static void gw_on_state(void *ud, struct gateway *g, const char *reason)
{
    struct gw *gw = ud;
    struct gateway_state s;
    g->ops->state(g, &s);
    bool up = s.link == LINK_UP;
    if (up != gw->was_up) {
        log_info(up ? "gateway up" : "gateway down", "gateway", gw->name, "self", s.self_id, "impl",
                 s.impl, "reason", reason, NULL);
        if (up)
            gw_catch_up(gw);
        else
            gw->gap_since_ms = clock_wall(gw->e->clock);
        gw->was_up = up;
    }
    bool offline = s.account == ACCOUNT_OFFLINE || s.account == ACCOUNT_RESTRICTED;
    if (offline != gw->account_down) {
        gw->account_down = offline;
        log_write(offline ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
                  offline ? "account down" : "account online again", "gateway", gw->name, "account",
                  gateway_account_name(s.account), "reason", reason, NULL);
    }
    news_state(gw, reason);
    engine_spin(gw->e);
}

static void gw_on_chat(void *ud, struct gateway *g, const char *chat, const char *name,
                       bool present)
{
    struct gw *gw = ud;
    (void)g;
    if (present) {
        known_set(gw, chat, name ? name : "", true);
    } else {
        outbox_chat_gone(gw, chat);
        known_remove(gw, chat);
    }
    schedule_rebuild(gw->e);
}

static void gw_on_caught_up(void *ud, struct gateway *g, const char *chat, bool whole)
{
    struct gw *gw = ud;
    (void)g;
    outbox_caught_up(gw, chat, whole);
    engine_spin(gw->e);
}

void gw_sink(struct gw *gw, struct gateway_sink *out)
{
    *out = (struct gateway_sink){.ud = gw,
                                 .on_event = gw_on_event,
                                 .on_sent = gw_on_sent,
                                 .on_own_message = gw_on_own_message,
                                 .on_response = gw_on_response,
                                 .on_state = gw_on_state,
                                 .on_chat = gw_on_chat,
                                 .on_caught_up = gw_on_caught_up};
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
    if (reply && reply->type == REDIS_REPLY_STRING && !gw->gap_since_ms)
        gw->gap_since_ms = strtoll(reply->str, NULL, 10);
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
    gw_read(gw, "SMEMBERS", "optout", gw_loaded_optout);
    gw_read(gw, "GET", "optout-key", gw_loaded_optout_key);
    forget_start(gw);
    gw_read(gw, "HGETALL", "chats", gw_loaded_chats);
    calls_load(gw);
    settings_owed(gw);
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
    if (gw->was_up && gw->owner && gw->e->redis_up && now - gw->alive_saved_ms >= GW_ALIVE_MS) {
        gw->alive_saved_ms = now;
        struct buf key = {0};
        gw_key(gw, &key, "alive");
        redis_command(gw->e->redis, NULL, NULL, 3,
                      (const char *[]){"SET", buf_cstr(&key), log_int(now)}, NULL);
        buf_free(&key);
    }
    news_round(gw);
    chat_evict(gw);
    runs_evict(gw, false);
    pins_round(gw);
    guard_evict(gw);
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
    gw->m_shed_in =
        metric_counter("sopd_inputs_shed_total", "Inputs shed because a queue was full.", l);
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
    const struct gateway_ops *ops = gateway_ops_find(conf->type);
    if (!ops) {
        buf_addf(err, "gateway %s: there is no type %s", conf->name, conf->type);
        return false;
    }
    struct gw *gw = MEM_NEW(struct gw);
    gw->e = e;
    gw->name = mem_strdup(conf->name);
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
    gw->catchup = conf->catchup;
    gw_metrics(gw);
    struct gateway_sink sink;
    gw_sink(gw, &sink);
    gw->gateway = ops->create(e->opts.env, conf, &sink, err);
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
        free(a);
    }
    calls_drop(gw);
    timers_free(gw);
    inbox_free(gw);
    news_free(gw);
    outbox_free(gw);
    pacer_free(gw);
    at_all_free(gw);
    guard_free(gw);
    account_free(gw);
    forget_free(gw);
    import_free(gw);
    free(gw->optout_key);
    free(gw->name);
    free(gw);
}
