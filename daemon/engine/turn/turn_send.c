/* turn_send.c -- the messages and actions of a turn (turn.h: turn_send, turn_act): may they be sent, from when until when, and in
 * which pieces. They leave after the commit, see turn_run.c and outbox.c. */
#include <string.h>

#include "base/timefmt.h"
#include "engine/internal.h"

enum { TURN_MESSAGES = 20, TURN_POST_LATE_MS = 1800000 };

int64_t turn_quiet_until(const struct turn *t)
{
    const struct binding *b = turn_binding(t);
    const struct playbook *p = b ? b->playbook : NULL;
    if (!p || !p->has_quiet || p->quiet_from_ms == p->quiet_to_ms)
        return 0;
    int64_t now = t->now_ms, clock = zone_clock(p->zone, now), day = zone_day(p->zone, now, 0);
    bool wraps = p->quiet_from_ms > p->quiet_to_ms;
    bool quiet = wraps ? clock >= p->quiet_from_ms || clock < p->quiet_to_ms
                       : clock >= p->quiet_from_ms && clock < p->quiet_to_ms;
    if (!quiet)
        return 0;
    return zone_moment(p->zone, day + (wraps && clock >= p->quiet_from_ms), p->quiet_to_ms);
}

static bool turn_keep_at(void *ud, const char *user)
{
    const struct turn *t = ud;
    return !turn_opted_out(t, user);
}

struct turn_adding {
    struct turn *t;
    int64_t not_before_ms, latest_ms;
};

static void turn_add_piece(void *ud, struct message *m)
{
    struct turn_adding *a = ud;
    struct turn *t = a->t;
    struct turn_out *o = MEM_NEW(struct turn_out);
    o->message = m;
    o->not_before_ms = a->not_before_ms;
    o->latest_ms = a->latest_ms;
    *t->outs_tail = o;
    t->outs_tail = &o->next;
    t->nouts++;
}

/* What the gateway cannot do; NULL if it can. Mentions degrade to names by themselves. */
static const char *turn_cannot(const struct turn *t, const struct turn_message *m, const char *chat)
{
    unsigned caps = turn_caps(t);
    if (chat[0] == '@' && !(caps & GATEWAY_DM))
        return "this gateway cannot write to a person directly (dm)";
    if (!m->answer && !(caps & GATEWAY_PROACTIVE))
        return "this gateway cannot post without being spoken to (proactive)";
    for (int i = 0; i < m->nsegments; i++) {
        if (m->segments[i].type == SEGMENT_IMAGE && !(caps & GATEWAY_IMAGE))
            return "this gateway cannot send images (image)";
        if (m->segments[i].type == SEGMENT_AT && strcmp(m->segments[i].id, "all") == 0 &&
            !(caps & GATEWAY_AT_ALL))
            return "this gateway cannot @ everybody (at_all)";
    }
    return NULL;
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
    const struct event *ev = t->input->event;
    if (ev && m->answer && ev->late) {
        metric_inc(gw_sends(t->gw, "stale"));
        return NULL; /* too late to answer; what the turn writes still counts */
    }
    int64_t late = m->late_ms ? m->late_ms : (m->answer ? TURN_ANSWER_LATE_MS : TURN_POST_LATE_MS);
    int64_t from = t->now_ms;
    if (!m->answer && !m->anytime) {
        int64_t quiet = turn_quiet_until(t);
        from = quiet ? quiet : from;
    }
    bool resend = m->policy == POLICY_DEFAULT ? m->answer : m->policy == POLICY_RESEND;
    const struct binding *b = turn_binding(t);
    struct message_head head = {.chat = chat,
                                .flow = b ? flow_info(b->flow)->name : "",
                                .created_ms = t->now_ms,
                                .from_ms = from > t->now_ms ? from : 0,
                                .until_ms = from + late,
                                .resend = resend,
                                .answer = m->answer};
    struct turn_adding adding = {t, from, from + late};
    int made =
        message_compose(&head, m->segments, m->nsegments, turn_keep_at, t, turn_add_piece, &adding);
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
    struct turn_message m = {
        .chat = to + n + 1, .segments = &s, .nsegments = 1, .anytime = true, .late_ms = 3600000};
    turn_send(t, &m);
}

static const char *turn_dup(const char *s)
{
    return s ? mem_strdup(s) : NULL;
}

const char *turn_act(struct turn *t, const struct gateway_request *r)
{
    unsigned caps = turn_caps(t), need = 0;
    switch (r->action) {
    case ACTION_RECALL: need = GATEWAY_RECALL; break;
    case ACTION_KICK: need = GATEWAY_KICK; break;
    case ACTION_MUTE:
    case ACTION_WHOLE_MUTE: need = GATEWAY_MUTE; break;
    default: break;
    }
    if ((caps & need) != need)
        return "this gateway cannot do that";
    struct turn_act *a = MEM_NEW(struct turn_act);
    a->request = (struct gateway_request){.action = r->action,
                                          .chat = turn_dup(r->chat ? r->chat : t->chat->key),
                                          .user = turn_dup(r->user),
                                          .arg = turn_dup(r->arg),
                                          .sub = turn_dup(r->sub),
                                          .text = turn_dup(r->text),
                                          .number = r->number};
    *t->acts_tail = a;
    t->acts_tail = &a->next;
    return NULL;
}
