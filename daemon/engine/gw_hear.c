/* gw_hear.c -- what a gateway reports to the engine, by the sink that it was made with: events, results of sends, answers to
 * questions, changes of its state, groups, gaps. All of it only records; the drain works it off. Caller: the gateways. */
#include <string.h>

#include "engine/internal.h"
#include "engine/look/alarm.h"
#include "engine/send/breaker.h"
#include "engine/send/hold.h"
#include "engine/send/risk.h"
#include "engine/send/warmup.h"

enum { GW_SILENT_MS = 600000 };

static void gw_note_chat(struct gw *gw, const struct event *e)
{
    if (e->private_chat || !*e->chat)
        return;
    struct known *k;
    HASH_FIND_STR(gw->known, e->chat, k);
    if (k && k->size > 0 && !e->history && (e->type == EVENT_JOIN || e->type == EVENT_LEAVE))
        k->size += e->type == EVENT_JOIN ? 1 : -1;
    if (!k || (*e->chat_name && strcmp(k->name, e->chat_name) != 0)) {
        known_set(gw, e->chat, e->chat_name, true);
        schedule_rebuild(gw->e);
    }
}

/* A pressed button that says a word is that word, said to the bot; what it stands under is no message of the speaker's. */
static void gw_hear_button(struct event *e)
{
    static const char say[] = "say:";
    if (strncmp(e->text, say, sizeof say - 1) != 0)
        return;
    struct segment *s = event_room(e, sizeof *s);
    e->type = EVENT_MESSAGE;
    e->sub = EVENT_PRESSED;
    e->at_me = true;
    e->target = e->message_id;
    e->message_id = e->reply_to = "";
    e->text += sizeof say - 1;
    *s = (struct segment){SEGMENT_TEXT, "text", "", e->text};
    e->segments = s;
    e->nsegments = 1;
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
    if (e->type == EVENT_BUTTON)
        gw_hear_button(e);
    if (*e->ref && strlen(e->ref) > EVENT_REF_MAX)
        e->ref = "";
    if (health_event(gw, e)) {
        event_free(e);
        return;
    }
    if (e->type == EVENT_LEAVE && strcmp(e->sub, "self") == 0) {
        if (*e->operator_id && strcmp(e->operator_id, e->user) != 0)
            risk_removed(gw, e->chat);
        outbox_chat_gone(gw, e->chat);
        known_remove(gw, e->chat);
        event_free(e);
        return;
    }
    if (e->type == EVENT_MUTE)
        hold_event(gw, e);
    gw_note_chat(gw, e);
    if (e->type == EVENT_JOIN && strcmp(e->sub, "self") == 0) { /* nobody greets themselves */
        event_free(e);
        return;
    }
    retention_event(gw, e);
    struct chat *c = chat_get(gw, e->chat, true);
    breaker_heard(gw, e);
    if (e->history)
        gap_event(gw, e);
    if (e->type == EVENT_MESSAGE && !e->history) {
        hold_heard(gw, e);
        chat_note_message(c);
    }
    chat_push(c, input_event(e));
}

/* The same under another key: that must not count later on either, when only Redis remembers. */
static void gw_on_repeated(void *ud, struct gateway *g, const struct event *e)
{
    struct gw *gw = ud;
    (void)g;
    if (!gw->owner || gw->e->stopping || !*e->chat)
        return;
    struct event *copy = event_new(e->type, 0);
    copy->chat = event_string(copy, e->chat, strlen(e->chat));
    copy->key = event_string(copy, e->key, strlen(e->key));
    copy->user = event_string(copy, e->user, strlen(e->user));
    copy->sub = event_string(copy, e->sub, strlen(e->sub));
    copy->time_ms = e->time_ms;
    copy->arrived_ms = e->arrived_ms;
    copy->arrived_ns = e->arrived_ns;
    struct input *in = input_event(copy);
    in->repeat = true;
    chat_push(chat_get(gw, e->chat, true), in);
}

static void gw_on_sent(void *ud, struct gateway *g, uint64_t ticket, const struct send_result *r)
{
    struct gw *gw = ud;
    (void)g;
    outbox_sent(gw, ticket, r);
    engine_spin(gw->e);
}

static void gw_on_sent_late(void *ud, struct gateway *g, uint64_t ticket, const char *message_id)
{
    struct gw *gw = ud;
    (void)g;
    outbox_sent_late(gw, ticket, message_id);
    engine_spin(gw->e);
}

static void gw_on_own_message(void *ud, struct gateway *g, const struct event *e)
{
    (void)g;
    health_own_message(ud, e);
    outbox_own_message(ud, e);
}

bool gw_ask(struct gw *gw, const struct gateway_request *r,
            void (*fn)(void *ud, const struct gateway_response *r), void *ud)
{
    struct asked *a = MEM_NEW(struct asked);
    a->ticket = ++gw->next_ticket;
    a->fn = fn;
    a->ud = ud;
    if (r->action == ACTION_MEMBERS && r->chat)
        a->members_of = mem_strdup(r->chat);
    HASH_ADD(hh, gw->asked, ticket, sizeof a->ticket, a);
    if (gw->gateway && gw->gateway->ops->call(gw->gateway, r, a->ticket))
        return true;
    HASH_DEL(gw->asked, a);
    free(a->members_of);
    free(a);
    return false;
}

static void gw_set_size(struct gw *gw, const char *chat, int64_t members)
{
    struct known *k;
    HASH_FIND_STR(gw->known, chat, k);
    if (k)
        k->size = members > 0 ? members : 0;
}

/* A list of members tells how many there are, where the platform does not say it. */
static void gw_count_members(struct gw *gw, const char *chat, const struct gateway_response *r)
{
    struct gateway_state s;
    int64_t n = 0;
    gw->gateway->ops->state(gw->gateway, &s);
    for (size_t i = 0; i < r->nmembers; i++)
        n += !s.self_id || strcmp(r->members[i].user, s.self_id) != 0;
    gw_set_size(gw, chat, n);
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
        if (a->members_of && r->ok)
            gw_count_members(gw, a->members_of, r);
        a->fn(a->ud, r);
        free(a->members_of);
        free(a);
        engine_spin(gw->e);
        return;
    }
    if (!r->ok && log_gate_open(&gw->gate_act, clock_mono(gw->e->clock), 1000))
        log_warn("action failed", "gateway", gw->name, "reason", r->reason, NULL);
}

/* A gap begins when nothing can be heard any more, a dead link being found out late: with its last frame; and ends when that is over. */
static void gw_listen(struct gw *gw, const struct gateway_state *s)
{
    bool hears = s->link == LINK_UP && s->account != ACCOUNT_OFFLINE;
    if (hears == gw->hears)
        return;
    gw->hears = hears;
    if (hears) {
        hold_retry(gw);
        gap_open(gw, gw->gap_since_ms, "silence");
        return;
    }
    int64_t now = clock_wall(gw->e->clock);
    bool known = s->last_rx_ms > now - GW_SILENT_MS && s->last_rx_ms < now;
    gw->gap_since_ms = known ? s->last_rx_ms : now;
    gap_begin(gw);
}

static void gw_on_state(void *ud, struct gateway *g, const char *reason)
{
    struct gw *gw = ud;
    struct gateway_state s;
    g->ops->state(g, &s);
    breaker_own(gw->e, s.self_id);
    bool up = s.link == LINK_UP;
    if (up != gw->was_up) {
        log_info(up ? "gateway up" : "gateway down", "gateway", gw->name, "self", s.self_id, "impl",
                 s.impl, "reason", reason, NULL);
        gw->was_up = up;
    }
    gw_listen(gw, &s);
    bool offline = s.account == ACCOUNT_OFFLINE || s.account == ACCOUNT_RESTRICTED;
    if (offline != gw->account_down) {
        gw->account_down = offline;
        log_write(offline ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
                  offline                       ? "account down"
                  : s.account == ACCOUNT_ONLINE ? "account online again"
                                                : "account not known any more",
                  "gateway", gw->name, "account", gateway_account_name(s.account), "reason", reason,
                  NULL);
    }
    health_state(gw, &s, reason);
    warmup_round(gw);
    news_state(gw, reason);
    engine_spin(gw->e);
}

static void gw_on_chat(void *ud, struct gateway *g, const char *chat, const char *name,
                       bool present)
{
    struct gw *gw = ud;
    (void)g;
    if (present) {
        alarm_clear(gw, "removed", chat);
        known_set(gw, chat, name ? name : "", true);
    } else {
        outbox_chat_gone(gw, chat);
        known_remove(gw, chat);
    }
    schedule_rebuild(gw->e);
}

static void gw_on_size(void *ud, struct gateway *g, const char *chat, int64_t members)
{
    (void)g;
    gw_set_size(ud, chat, members);
}

static void gw_on_caught_up(void *ud, struct gateway *g, const struct gateway_gap *r)
{
    struct gw *gw = ud;
    (void)g;
    gap_read(gw, r);
    outbox_caught_up(gw, r->chat, r->back_ms);
    engine_spin(gw->e);
}

void gw_sink(struct gw *gw, struct gateway_sink *out)
{
    *out = (struct gateway_sink){.ud = gw,
                                 .on_event = gw_on_event,
                                 .on_sent = gw_on_sent,
                                 .on_sent_late = gw_on_sent_late,
                                 .on_own_message = gw_on_own_message,
                                 .on_response = gw_on_response,
                                 .on_state = gw_on_state,
                                 .on_chat = gw_on_chat,
                                 .on_size = gw_on_size,
                                 .on_caught_up = gw_on_caught_up,
                                 .on_repeated = gw_on_repeated};
}
