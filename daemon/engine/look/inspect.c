/* inspect.c -- what admin asks the engine: health, and lists of gateways, chats, flows and the outbox. */
#include <string.h>

#include "engine/internal.h"
#include "engine/look/alarm.h"
#include "engine/release/release.h"
#include "engine/send/risk.h"
#include "engine/send/warmup.h"

void engine_health(const struct engine *e, struct engine_health *out)
{
    *out = (struct engine_health){
        .redis_up = e->redis_up, .ready = e->reported_ready, .redis_down_ms = e->redis_down_ms};
    out->loop_lag_s = e->lag_now > e->lag_before ? e->lag_now : e->lag_before;
    for (const struct gw *gw = e->gws; gw; gw = gw->next) {
        if (gw->removed)
            continue;
        out->gateways++;
        out->gateways_up += gw->was_up;
        out->gateways_account_down += gw->account_down;
        out->queued += gw->queued;
        out->outbox += HASH_COUNT(gw->entries);
    }
}

static void inspect_set(const char *name, const char *help, const struct gw *gw, double value)
{
    metric_set(metric_gauge(name, help, metric_labels("gateway", gw->name, NULL)), value);
}

static void inspect_accounts(const struct gw *gw)
{
    for (const struct account *a = gw->accounts; a; a = a->hh.next) {
        const char *labels = metric_labels("gateway", gw->name, "account", a->name, NULL);
        metric_set(metric_gauge("sopd_account_slow",
                                "Intervals of the account are so many times as long.", labels),
                   a->slow);
        metric_set(metric_gauge("sopd_account_level",
                                "0 normal, 1 to 3 slow, 4 quiet (it only answers), 5 held.",
                                labels),
                   a->level);
    }
}

void engine_metrics(void *ud)
{
    const struct engine *e = ud;
    release_metrics(ud);
    alarms_metrics(e);
    metric_set(metric_gauge("sopd_redis_up", "1 while the commit link is up.", NULL), e->redis_up);
    metric_set(metric_gauge("sopd_turns_running", "Turns that have begun and not ended.", NULL),
               e->turns);
    metric_set(metric_gauge("sopd_commit_queue_turns",
                            "Turns that wait for a commit or its answer.", NULL),
               (double)committer_pending(e));
    for (const struct gw *gw = e->gws; gw; gw = gw->next) {
        inspect_set("sopd_queue_inputs", "Inputs that wait for their chat's turn.", gw,
                    (double)gw->queued);
        inspect_set("sopd_queue_bytes", "Bytes that those inputs take, about.", gw,
                    (double)gw->shed.bytes);
        inspect_set("sopd_gateway_reading_paused",
                    "1 while the gateway is not read because its queue is full.", gw,
                    gw->shed.paused);
        inspect_set("sopd_outbox_messages", "Committed messages that are not yet acknowledged.", gw,
                    HASH_COUNT(gw->entries));
        inspect_set("sopd_outbox_unknown", "Messages whose outcome is being found out.", gw,
                    (double)gw->unknown);
        inspect_set("sopd_chats_active", "Chats in memory.", gw, HASH_COUNT(gw->chats));
        inspect_set("sopd_runs_in_memory", "Waiting runs whose coroutine is in memory.", gw,
                    HASH_COUNT(gw->runs));
        inspect_set("sopd_chats_known", "Groups known to exist.", gw, HASH_COUNT(gw->known));
        inspect_set("sopd_gateway_owner", "1 while this process owns the gateway.", gw, gw->owner);
        inspect_accounts(gw);
        inspect_set("sopd_gateway_held", "1 while the account is paused by the circuit breaker.",
                    gw, account_held_until(gw, clock_wall(e->clock)) > 0);
    }
}

void engine_each_gateway(const struct engine *e,
                         void (*fn)(void *ud, const struct engine_gateway_info *i), void *ud)
{
    for (const struct gw *gw = e->gws; gw; gw = gw->next) {
        if (gw->removed)
            continue;
        struct engine_gateway_info i = {.name = gw->name,
                                        .type = gw->gateway ? gw->gateway->ops->type : "",
                                        .owner = gw->owner,
                                        .epoch = gw->epoch,
                                        .chats = HASH_COUNT(gw->known),
                                        .active = HASH_COUNT(gw->chats),
                                        .queued = gw->queued,
                                        .outbox = HASH_COUNT(gw->entries),
                                        .unknown = gw->unknown,
                                        .held_until_ms =
                                            account_held_until(gw, clock_wall(e->clock))};
        i.state = (struct gateway_state){.self_id = "", .self_name = "", .impl = ""};
        if (gw->gateway)
            gw->gateway->ops->state(gw->gateway, &i.state);
        warmup_info(gw, &i.warm, &i.first_ms);
        risk_info(gw, &i.level, &i.slow);
        i.account = health_account(gw, &i.account_word);
        i.account_text = gw->health.account.text;
        i.link_since_ms = gw->health.link.since_ms;
        i.account_since_ms = gw->health.account.since_ms;
        i.last_event_ms = gw->health.silence.last_ms;
        i.last_canary_ms = gw->health.canary.seen_ms;
        fn(ud, &i);
    }
}

void engine_each_chat(const struct engine *e, const char *gateway,
                      void (*fn)(void *ud, const struct engine_chat_info *i), void *ud)
{
    for (const struct gw *gw = e->gws; gw; gw = gw->next) {
        if (gw->removed)
            continue;
        if (gateway && strcmp(gateway, gw->name) != 0)
            continue;
        for (const struct known *k = gw->known; k; k = k->hh.next) {
            const struct chat *c = chat_get((struct gw *)gw, k->key, false);
            struct engine_chat_info i = {
                .gateway = gw->name, .chat = k->key, .name = k->name, .known_only = !c};
            i.tags = tags_of(gw, k->key, k->name);
            i.queued = c ? c->queued : 0;
            i.last_ms = c ? clock_wall(e->clock) - (clock_mono(e->clock) - c->last_ms) : 0;
            fn(ud, &i);
        }
        for (const struct chat *c = gw->chats; c; c = c->hh.next) {
            if (c->key[0] != '@')
                continue;
            struct engine_chat_info i = {.gateway = gw->name,
                                         .chat = c->key,
                                         .name = c->name,
                                         .tags = "",
                                         .queued = c->queued};
            i.last_ms = clock_wall(e->clock) - (clock_mono(e->clock) - c->last_ms);
            fn(ud, &i);
        }
    }
}

struct inspect_flows {
    struct chat *chat;
    void (*fn)(void *ud, const struct engine_flow_info *i);
    void *ud;
};

static void inspect_flow(void *ud, struct binding *b)
{
    struct inspect_flows *f = ud;
    const struct flow_info *info = flow_info(b->flow);
    struct engine_flow_info i = {.gateway = f->chat->gw->name,
                                 .chat = f->chat->key,
                                 .flow = info->name,
                                 .playbook = b->playbook->name,
                                 .version = info->version,
                                 .newest = release_is_newest(f->chat->gw->e, b->flow)};
    struct flow_why why;
    i.on = routes_flow_on(f->chat, b, &why);
    i.why = why.word;
    i.key = why.value.key;
    f->fn(f->ud, &i);
}

void engine_each_flow(struct engine *e, const char *gateway, const char *chat,
                      void (*fn)(void *ud, const struct engine_flow_info *i), void *ud)
{
    struct gw *gw = engine_gw(e, gateway);
    if (!gw)
        return;
    struct inspect_flows f = {chat_get(gw, chat, true), fn, ud};
    routes_each(f.chat, inspect_flow, &f);
}

void engine_each_outbox(const struct engine *e, const char *gateway,
                        void (*fn)(void *ud, const struct engine_outbox_info *i), void *ud)
{
    static const char *const names[] = {"queued",  "asking",  "marked",
                                        "merging", "written", "unknown"};
    for (const struct gw *gw = e->gws; gw; gw = gw->next) {
        if (gw->removed)
            continue;
        if (gateway && strcmp(gateway, gw->name) != 0)
            continue;
        for (const struct entry *en = gw->entries; en; en = en->hh.next) {
            static struct buf text;
            char id[40];
            outbox_print_id(en->id, id);
            buf_reset(&text);
            message_shown(en->message, &text);
            struct engine_outbox_info i = {.gateway = gw->name,
                                           .flow = en->message->flow,
                                           .kind = send_kind_name(en->message->kind),
                                           .text = buf_cstr(&text),
                                           .until_ms = en->message->until_ms,
                                           .chat = en->message->chat,
                                           .id = id,
                                           .state = names[en->state],
                                           .created_ms = en->message->created_ms,
                                           .due_ms = en->due_ms};
            struct held *h = NULL;
            HASH_FIND_STR(gw->held, en->message->chat, h);
            if ((h || en->killed) && en->state == ENTRY_QUEUED)
                i.state = "held";
            fn(ud, &i);
        }
    }
}

bool engine_resume_flow(struct engine *e, const char *gateway, const char *chat, const char *flow)
{
    struct gw *gw = engine_gw(e, gateway);
    struct chat *c = gw ? chat_get(gw, chat, false) : NULL;
    if (!c || !chat_flow_paused(c, flow))
        return false;
    for (struct pause *p = c->pauses; p; p = p->next)
        if (strcmp(p->flow, flow) == 0)
            p->until_ms = 0;
    return true;
}
