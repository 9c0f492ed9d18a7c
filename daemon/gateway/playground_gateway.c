/* playground_gateway.c -- the gateway side of the playground: takes sends and actions, shows them to whoever watches, and
 * reports their results later, as a platform would. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "gateway/playground_internal.h"

/* ---- results ---- */

static void play_report(struct playground *g, const struct play_result *r)
{
    if (r->is_send) {
        struct send_result s = {.outcome = r->outcome,
                                .message_id = r->message_id,
                                .reason = r->reason,
                                .retry_ms = r->retry_ms};
        g->sink.on_sent(g->sink.ud, &g->base, r->ticket, &s);
        return;
    }
    struct gateway_response s = {.ok = r->ok, .reason = r->reason, .number = r->number};
    struct gateway_member *members =
        r->members_of ? play_members(g, r->members_of, &s.nmembers) : NULL;
    s.members = members;
    g->sink.on_response(g->sink.ud, &g->base, r->ticket, &s);
    free(members);
}

static void play_report_all(struct playground *g)
{
    struct play_result *list = g->results;
    g->results = NULL;
    g->tail = &g->results;
    while (list) {
        struct play_result *next = list->next;
        g->nresults--;
        play_report(g, list);
        free(list->reason);
        free(list->members_of);
        free(list);
        list = next;
    }
}

static void play_on_timer(uv_timer_t *h)
{
    play_report_all(h->data);
}

static struct play_result *play_result(struct playground *g, bool is_send, uint64_t ticket)
{
    struct play_result *r = MEM_NEW(struct play_result);
    r->is_send = is_send;
    r->ticket = ticket;
    r->ok = true;
    r->number = -1;
    r->reason = mem_strdup("");
    *g->tail = r;
    g->tail = &r->next;
    g->nresults++;
    uv_timer_start(&g->timer, play_on_timer, 0, 0);
    return r;
}

/* ---- sends ---- */

/* What a reader of the chat would see. */
static void play_render(struct playground *g, const struct out_message *m, struct buf *out)
{
    bool buttons = false;
    for (int i = 0; i < m->nsegments; i++) {
        const struct out_segment *s = &m->segments[i];
        switch (s->type) {
        case SEGMENT_TEXT: buf_add(out, s->text, s->text_len); break;
        case SEGMENT_AT: {
            bool text_next = i + 1 < m->nsegments && m->segments[i + 1].type == SEGMENT_TEXT &&
                             m->segments[i + 1].text_len && *m->segments[i + 1].text != ' ' &&
                             *m->segments[i + 1].text != '\n';
            buf_addc(out, '@');
            buf_adds(out,
                     strcmp(s->id, "all") == 0 ? "全体成员" : playground_name(&g->base, s->id));
            if (text_next)
                buf_addc(out, ' ');
            break;
        }
        case SEGMENT_IMAGE: buf_addf(out, "[图片 %s]", s->id); break;
        case SEGMENT_FACE: buf_addf(out, "[表情 %s]", s->id); break;
        case SEGMENT_CARD: buf_addf(out, "[卡片 %.*s]", (int)s->text_len, s->text); break;
        case SEGMENT_BUTTON:
            buf_addf(out, "%s[%.*s]", buttons ? " " : "\n", (int)s->text_len, s->text);
            buttons = true;
            break;
        default: break;
        }
    }
}

static bool play_send(struct gateway *base, const struct out_message *m, uint64_t ticket)
{
    struct playground *g = (struct playground *)base;
    if (g->link != LINK_UP || g->account == ACCOUNT_OFFLINE || g->stopping)
        return false;
    struct play_result *r = play_result(g, true, ticket);
    const char *why = play_refuses(g, m);
    if (why) {
        r->outcome = SEND_CLOSED;
        free(r->reason);
        r->reason = mem_strdup(why);
        return true;
    }
    if (g->fail_count > 0) {
        g->fail_count--;
        r->outcome = g->fail_outcome;
        if (g->fail_retry_ms)
            r->retry_ms = clock_wall(g->env.clock) + g->fail_retry_ms;
        free(r->reason);
        r->reason = mem_strdup(g->fail_reason);
        if (r->outcome != SEND_UNKNOWN)
            return true;
    }
    snprintf(r->message_id, sizeof r->message_id, "%lld", (long long)++g->last_id);
    play_note_buttons(g, m, r->message_id);
    if (g->watch.on_message) {
        struct buf text = {0};
        play_render(g, m, &text);
        struct playground_message shown = {.chat = m->chat,
                                           .chat_name = play_chat_name(g, m->chat),
                                           .text = buf_cstr(&text),
                                           .message_id = r->message_id,
                                           .raw = m};
        g->watch.on_message(g->watch.ud, &shown);
        buf_free(&text);
    }
    if (r->outcome == SEND_UNKNOWN)
        r->message_id[0] = '\0';
    return true;
}

/* What the answer looks like so far is seen as something that the bot does. */
static void play_draft(struct gateway *base, const struct out_message *m)
{
    struct playground *g = (struct playground *)base;
    struct buf text = {0};
    buf_adds(&text, "shows: ");
    play_render(g, m, &text);
    if (g->watch.on_action)
        g->watch.on_action(g->watch.ud, m->chat, buf_cstr(&text));
    buf_free(&text);
}

/* ---- actions ---- */

static void play_describe(struct playground *g, const struct gateway_request *r, struct buf *out)
{
    const char *user = r->user ? playground_name(&g->base, r->user) : "";
    switch (r->action) {
    case ACTION_RECALL: buf_addf(out, "recalls message %s", r->arg ? r->arg : ""); break;
    case ACTION_KICK: buf_addf(out, "removes %s", user); break;
    case ACTION_MUTE:
        if (r->number > 0)
            buf_addf(out, "mutes %s for %lld s", user, (long long)r->number);
        else
            buf_addf(out, "unmutes %s", user);
        break;
    case ACTION_WHOLE_MUTE:
        buf_adds(out, r->number ? "mutes the whole group" : "unmutes the group");
        break;
    case ACTION_CARD: buf_addf(out, "names %s %s", user, r->arg ? r->arg : ""); break;
    case ACTION_ANSWER_REQUEST:
        buf_addf(out, "%s request %s", r->number ? "accepts" : "refuses", r->arg ? r->arg : "");
        break;
    case ACTION_REACT: buf_addf(out, "reacts with %s", r->text ? r->text : ""); break;
    case ACTION_NOTICE: buf_addf(out, "announces: %s", r->text ? r->text : ""); break;
    case ACTION_POKE: buf_addf(out, "pokes %s", user); break;
    case ACTION_CARD_UPDATE:
        buf_addf(out, "changes the card%s%s to %s", *user ? " of " : "", user, r->text);
        break;
    case ACTION_MEMBERS:
    case ACTION_AT_ALL_QUOTA:
    case ACTION_PING: break;
    }
}

static bool play_call(struct gateway *base, const struct gateway_request *r, uint64_t ticket)
{
    struct playground *g = (struct playground *)base;
    if (g->link != LINK_UP || g->stopping)
        return false;
    struct play_result *result = play_result(g, false, ticket);
    struct buf text = {0};
    play_describe(g, r, &text);
    if (text.len && g->watch.on_action)
        g->watch.on_action(g->watch.ud, r->chat ? r->chat : "", buf_cstr(&text));
    buf_free(&text);
    if (r->action == ACTION_MEMBERS)
        result->members_of = mem_strdup(r->chat);
    else if (r->action == ACTION_AT_ALL_QUOTA)
        result->number = 10;
    else if (r->action == ACTION_KICK && r->user)
        play_kick(g, r->chat, r->user);
    return true;
}

/* ---- life ---- */

static struct gateway *play_create(const struct gateway_env *env, const struct gateway_conf *conf,
                                   const struct gateway_sink *sink, struct buf *err)
{
    (void)err;
    struct playground *g = MEM_NEW(struct playground);
    g->base.ops = &playground_ops;
    g->base.name = mem_strdup(conf->name);
    g->env = *env;
    g->sink = *sink;
    g->self_name = mem_strdup("小助手");
    g->tail = &g->results;
    g->fail_reason = mem_strdup("");
    /* message ids rise over restarts too: what a Redis has seen must not come again */
    g->last_id = clock_wall(env->clock) * 1000;
    uv_timer_init(env->loop, &g->timer);
    g->timer.data = g;
    playground_add_group(&g->base, "demo", "演示群");
    return &g->base;
}

static void play_start(struct gateway *base)
{
    struct playground *g = (struct playground *)base;
    g->link = LINK_UP;
    g->account = ACCOUNT_ONLINE;
    g->sink.on_state(g->sink.ud, base, "playground open");
    for (const struct play_group *p = g->groups; p; p = p->next) {
        g->sink.on_chat(g->sink.ud, base, p->id, p->name, true);
        play_size(g, p->id);
    }
}

static void play_closed(uv_handle_t *h)
{
    struct playground *g = h->data;
    void (*done)(void *ud) = g->done;
    void *ud = g->done_ud;
    while (g->people) {
        struct play_person *next = g->people->next;
        free(g->people->name);
        free(g->people);
        g->people = next;
    }
    while (g->groups) {
        struct play_group *next = g->groups->next;
        while (g->groups->members) {
            struct play_member *m = g->groups->members;
            g->groups->members = m->next;
            free(m);
        }
        free(g->groups->id);
        free(g->groups->name);
        free(g->groups);
        g->groups = next;
    }
    free(g->self_name);
    free(g->fail_reason);
    playground_free_memory(g->memory);
    free(g->base.name);
    free(g);
    if (done)
        done(ud);
}

static void play_stop(struct gateway *base, void (*done)(void *ud), void *ud)
{
    struct playground *g = (struct playground *)base;
    play_report_all(g);
    g->stopping = true;
    g->link = LINK_DOWN;
    g->done = done;
    g->done_ud = ud;
    uv_close((uv_handle_t *)&g->timer, play_closed);
}

static unsigned play_caps_of(const struct gateway_conf *conf)
{
    (void)conf;
    return play_all_caps();
}

void playground_set_lacks(struct gateway *base, unsigned caps)
{
    ((struct playground *)base)->lacks = caps;
}

void playground_set_ago(struct gateway *base, int64_t ms)
{
    ((struct playground *)base)->ago_ms = ms;
}

void playground_gap(struct gateway *base, const char *chat, int64_t messages, int64_t ago_ms)
{
    struct playground *g = (struct playground *)base;
    char text[48];
    struct event *e = event_new(EVENT_GAP, 0);
    e->chat = event_string(e, chat, strlen(chat));
    snprintf(text, sizeof text, "gap%lld", (long long)++g->last_id);
    e->key = event_string(e, text, strlen(text));
    snprintf(text, sizeof text, "%lld", (long long)(ago_ms / 1000));
    e->text = event_string(e, text, strlen(text));
    e->sub = "complete";
    e->number = messages;
    e->time_ms = e->arrived_ms = clock_wall(g->env.clock);
    e->arrived_ns = clock_ns();
    g->sink.on_event(g->sink.ud, base, e);
}

static void play_flush(struct gateway *base)
{
    play_report_all((struct playground *)base);
}

static void play_state(const struct gateway *base, struct gateway_state *out)
{
    const struct playground *g = (const struct playground *)base;
    *out = (struct gateway_state){.link = g->link,
                                  .account = g->account,
                                  .self_id = PLAY_SELF,
                                  .self_name = g->self_name,
                                  .impl = "playground",
                                  .pending = g->nresults};
}

const struct gateway_ops playground_ops = {
    .type = "playground",
    .local = true,
    .events = 1U << EVENT_MESSAGE | 1U << EVENT_JOIN | 1U << EVENT_LEAVE | 1U << EVENT_POKE |
              1U << EVENT_ENTER | 1U << EVENT_RECALL | 1U << EVENT_REQUEST | 1U << EVENT_BUTTON,
    .caps_of = play_caps_of,
    .create = play_create,
    .start = play_start,
    .stop = play_stop,
    .caps = playground_caps,
    .draft = play_draft,
    .send = play_send,
    .call = play_call,
    .flush = play_flush,
    .state = play_state,
};
