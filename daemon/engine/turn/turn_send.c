/* turn_send.c -- the messages and actions of a turn (turn.h: turn_send, turn_act): may they be sent, from when until when, and in
 * which pieces. They leave after the commit, see turn_run.c and outbox.c. */
#include <string.h>

#include "engine/internal.h"
#include "engine/turn/quiet.h"

/* PLAY: a post soon after what caused it belongs to it, as the results of a game do. CARD: how
 * long platforms wait for a changed card (WeCom: 5 s). */
enum {
    TURN_MESSAGES = 20,
    TURN_PLAY_MS = 600000,
    ACT_LATE_MS = 600000,
    TURN_CARD_MS = 5000,
    TURN_REF_MS = 300000
};

int64_t turn_quiet_until(const struct turn *t, int64_t at_ms)
{
    const struct binding *b = turn_binding(t);
    return quiet_until(b ? b->playbook : NULL, at_ms ? at_ms : t->now_ms);
}

static bool turn_keep_at(void *ud, const char *user)
{
    const struct turn *t = ud;
    return !turn_opted_out(t, user);
}

struct turn_adding {
    struct turn *t;
    int64_t not_before_ms, latest_ms;
    int attention;
};

/* Did a member's word cause it? Also what a run says when its question to the outside (c:http, c:llm) is answered. */
static bool turn_asked(const struct turn *t, const struct message *m)
{
    bool outside = t->input->kind == INPUT_RUN && t->input->why == RUN_ANSWER;
    return m->answer || (outside && t->cause->kind == CAUSE_EVENT &&
                         t->now_ms - t->cause->now_ms < TURN_PLAY_MS);
}

/* Urgent messages overtake the others, but not those of their own turn in their chat: these are one speech. */
static void turn_keep_order(const struct turn *t, const struct message *m)
{
    if (m->kind > KIND_GAME)
        return;
    for (struct turn_out *o = t->outs; o; o = o->next)
        if (o->message->kind == KIND_BROADCAST && strcmp(o->message->chat, m->chat) == 0)
            o->message->kind = m->kind;
}

static void turn_add_piece(void *ud, struct message *m)
{
    struct turn_adding *a = ud;
    struct turn *t = a->t;
    struct turn_out *o = MEM_NEW(struct turn_out);
    o->message = m;
    m->cause = turn_asked(t, m) && *turn_user(t) ? hash_string(turn_user(t)) : 0;
    turn_keep_order(t, m);
    o->not_before_ms = a->not_before_ms;
    o->latest_ms = a->latest_ms;
    o->attention = a->attention;
    *t->outs_tail = o;
    t->outs_tail = &o->next;
    t->nouts++;
}

/* What the gateway cannot do; NULL if it can. Mentions degrade to names by themselves. */
static const char *turn_cannot(const struct turn *t, const struct turn_message *m, const char *chat)
{
    unsigned caps = turn_caps(t);
    if (chat[0] == '@' && !(caps & GATEWAY_DM) && strcmp(chat, t->chat->key) != 0)
        return "this gateway cannot write to a person directly (dm)";
    /* what can still answer an event is not proactive */
    if (!m->answer && !(caps & GATEWAY_PROACTIVE) && !*turn_ref(t, chat, false))
        return "this gateway cannot post without being spoken to (proactive)";
    for (int i = 0; i < m->nsegments; i++) {
        if (m->segments[i].type == SEGMENT_IMAGE && !(caps & GATEWAY_IMAGE))
            return "this gateway cannot send images (image)";
        if (m->segments[i].type == SEGMENT_BUTTON && !(caps & GATEWAY_BUTTONS))
            return "this gateway has no buttons (buttons)";
        if (m->segments[i].type == SEGMENT_CARD && !(caps & GATEWAY_CARDS))
            return "this gateway takes no cards (cards)";
        if (m->segments[i].type == SEGMENT_AT && strcmp(m->segments[i].id, "all") == 0 &&
            !(caps & GATEWAY_AT_ALL))
            return "this gateway cannot @ everybody (at_all)";
    }
    return NULL;
}

static enum send_kind turn_kind(const struct turn *t, const struct turn_message *m,
                                const char *chat)
{
    for (int i = 0; i < m->nsegments; i++)
        if (m->segments[i].type == SEGMENT_AT && strcmp(m->segments[i].id, "all") == 0)
            return KIND_AT_ALL;
    if (m->kind == KIND_SAID_GAME || m->kind == KIND_SAID_BROADCAST)
        return m->kind == KIND_SAID_GAME ? KIND_GAME : KIND_BROADCAST;
    if (m->answer || m->kind == KIND_SAID_ALARM)
        return KIND_ANSWER;
    if (chat[0] == '@')
        return KIND_DM;
    const struct binding *b = turn_binding(t);
    const char *said = b ? flow_info(b->flow)->kind : "";
    if (*said)
        return strcmp(said, "game") == 0 ? KIND_GAME : KIND_BROADCAST;
    const struct event *ev = t->cause->event;
    bool outside = !ev || ev->type == EVENT_TRIGGER || ev->type == EVENT_ORDER ||
                   (t->input->command && !*ev->user);
    bool play =
        t->cause->kind == CAUSE_EVENT && !outside && t->now_ms - t->cause->now_ms < TURN_PLAY_MS;
    return play ? KIND_GAME : KIND_BROADCAST;
}

/* The script's own word, else the configuration's. */
static struct pace_late turn_late(const struct turn *t, const struct turn_message *m,
                                  enum send_kind kind)
{
    struct pace_late late = pace_late(&t->gw->pace, kind);
    if (m->late_said && late.policy != m->if_late) {
        late.policy = m->if_late;
        late.limit_ms = m->if_late == LATE_DROP ? PACE_DROP_LATE_MS : late.limit_ms;
    }
    if (m->late_ms)
        late.limit_ms = m->late_ms;
    return late;
}

/* What a run says by itself long after it heard somebody is no answer to them: platforms would refuse it, or count it twice. What the
 * script calls an answer is one; whether it is too late for it, the codec knows. */
const char *turn_ref(const struct turn *t, const char *chat, bool answer)
{
    bool anew =
        t->run && t->run->gen > 0; /* c:continue: what began it was long before this round */
    const struct event *e = anew ? NULL : t->cause->event;
    const struct run *run = t->run && t->run->ref ? t->run : NULL;
    int64_t age = t->now_ms - (run ? run->ref_ms : t->cause->now_ms);
    const char *where = run ? run->chat : !e ? "" : *e->via ? e->via : e->chat;
    if ((!run && !e) || strcmp(where, chat) != 0 || (!answer && age > TURN_REF_MS))
        return "";
    return run ? run->ref : e->ref;
}

const char *turn_send(struct turn *t, const struct turn_message *m)
{
    const char *chat = m->chat ? m->chat : t->chat->key;
    if (m->gateway && strcmp(m->gateway, t->gw->name) != 0)
        return "messages can only go out through the gateway that the turn came in on";
    const char *cannot = turn_cannot(t, m, chat);
    if (cannot)
        return cannot;
    if (t->nouts >= TURN_MESSAGES)
        return "more than 20 messages in one turn";
    if (chat[0] == '@' && !m->answer && turn_opted_out(t, chat + 1))
        return "opted out";
    if (turn_stale(t, m, chat)) {
        metric_inc(gw_sends(t->gw, "stale"));
        return NULL; /* too late to answer; what the turn writes still counts */
    }
    enum send_kind kind = turn_kind(t, m, chat);
    struct pace_late late = turn_late(t, m, kind);
    const struct binding *b = turn_binding(t);
    const struct playbook *p = b ? b->playbook : NULL;
    int64_t from = t->now_ms, latest = INT64_MAX;
    if (!m->answer && !m->anytime) { /* neither in the quiet hours nor late into the next ones */
        int64_t quiet = quiet_until(p, from);
        from = quiet ? quiet : from;
        latest = quiet_begins(p, from) - 1;
    }
    if (from + late.limit_ms < latest)
        latest = from + late.limit_ms;
    bool resend = m->policy == POLICY_DEFAULT ? m->answer : m->policy == POLICY_RESEND;
    struct message_head head = {.chat = chat,
                                .flow = b ? flow_info(b->flow)->name : "",
                                .ref = turn_ref(t, chat, m->answer),
                                .draft = turn_caps(t) & GATEWAY_DRAFTS ? m->draft : NULL,
                                .created_ms = t->now_ms,
                                .from_ms = from > t->now_ms ? from : 0,
                                .until_ms = latest,
                                .resend = resend,
                                .insist = m->policy == POLICY_RESEND,
                                .answer = m->answer,
                                .kind = kind,
                                .late = late.policy};
    struct turn_adding adding = {t, from, latest, p ? p->attention : 0};
    int made =
        message_compose(&head, m->segments, m->nsegments, turn_keep_at, t, turn_add_piece, &adding);
    if (made && m->kind != KIND_SAID_ALARM)
        home_note(t, chat);
    return made ? NULL : "the message is empty";
}

void turn_tell_staff(struct turn *t, const char *text)
{
    const struct binding *b = turn_binding(t);
    const char *to = b ? b->playbook->staff_chat : NULL;
    size_t n = strlen(t->gw->name);
    if (!to || strncmp(to, t->gw->name, n) != 0 || to[n] != ':')
        return;
    struct out_segment s = {.type = SEGMENT_TEXT, .id = "", .text = text, .text_len = strlen(text)};
    struct turn_message m = {.chat = to + n + 1,
                             .segments = &s,
                             .nsegments = 1,
                             .anytime = true,
                             .late_ms = 3600000,
                             .kind = KIND_SAID_ALARM};
    turn_send(t, &m);
}

/* A card is changed by answering the press of its button, and soon. */
static const char *turn_card_update(const struct turn *t, struct gateway_request *r,
                                    int64_t *until_ms)
{
    const struct event *e = t->input->event;
    if (!e || (e->type != EVENT_BUTTON && strcmp(e->sub, EVENT_PRESSED) != 0))
        return "a card is changed when one of its buttons was pressed, and before anything else is waited for";
    r->arg = e->ref;
    *until_ms = e->arrived_ms + TURN_CARD_MS;
    return t->now_ms < *until_ms ? NULL : "it is too late: the button was pressed 5 seconds ago";
}

const char *turn_act(struct turn *t, const struct gateway_request *r)
{
    unsigned caps = turn_caps(t), need = 0;
    switch (r->action) {
    case ACTION_RECALL: need = GATEWAY_RECALL; break;
    case ACTION_KICK: need = GATEWAY_KICK; break;
    case ACTION_MUTE:
    case ACTION_WHOLE_MUTE: need = GATEWAY_MUTE; break;
    case ACTION_CARD_UPDATE: need = GATEWAY_CARDS; break;
    default: break;
    }
    if ((caps & need) != need)
        return "this gateway cannot do that";
    struct gateway_request card = *r;
    int64_t until = t->now_ms + ACT_LATE_MS;
    const char *why = r->action == ACTION_CARD_UPDATE ? turn_card_update(t, &card, &until) : NULL;
    if (why)
        return why;
    struct turn_act *a = MEM_NEW(struct turn_act);
    a->request = act_copy(&card);
    a->until_ms = until;
    if (!r->chat)
        a->request->chat = mem_strdup(t->chat->key);
    const struct binding *b = turn_binding(t);
    a->flow = b ? flow_info(b->flow)->name : "";
    *t->acts_tail = a;
    t->acts_tail = &a->next;
    return NULL;
}
