/* ob_call.c -- everything else that a gateway is asked to do: recalls, mutes, answers to requests, member lists ... Parameters
 * whose defaults differ between implementations are always given. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "gateway/ob.h"

enum { OB_MUTE_MAX_S = 2591999 };

static const char *ob_or_empty(const char *s)
{
    return s ? s : "";
}

/* The action's name at this implementation; OB_NAMES: it has none. */
static enum ob_name ob_call_name(const struct ob *g, const struct gateway_request *r)
{
    switch (r->action) {
    case ACTION_RECALL: return OB_DELETE_MSG;
    case ACTION_KICK: return OB_KICK;
    case ACTION_MUTE: return OB_BAN;
    case ACTION_WHOLE_MUTE: return OB_WHOLE_BAN;
    case ACTION_CARD: return OB_CARD;
    case ACTION_ANSWER_REQUEST:
        return strcmp(ob_or_empty(r->sub), "friend") == 0 ? OB_FRIEND_ANSWER : OB_GROUP_ANSWER;
    case ACTION_MEMBERS: return OB_MEMBER_LIST;
    case ACTION_AT_ALL_QUOTA: return OB_AT_ALL_REMAIN;
    case ACTION_REACT:
        return g->impl == OB_IMPL_LAGRANGE ? OB_REACTION
               : g->impl == OB_IMPL_GOCQ   ? OB_NAMES
                                           : OB_EMOJI_LIKE;
    case ACTION_NOTICE: return OB_NOTICE;
    case ACTION_POKE: return g->impl == OB_IMPL_GOCQ ? OB_NAMES : OB_POKE;
    case ACTION_CARD_UPDATE: break; /* there are no such cards */
    case ACTION_PING: return OB_STATUS;
    }
    return OB_NAMES;
}

static void ob_call_bool(struct ob_frame_out *f, const char *key, bool value)
{
    ob_action_raw(f, key, value ? "true" : "false");
}

static void ob_call_int(struct ob_frame_out *f, const char *key, int64_t n)
{
    ob_action_raw(f, key, "");
    buf_addi(f->out, n);
}

static void ob_call_request(struct ob_frame_out *f, const struct gateway_request *r)
{
    ob_action_string(f, "flag", ob_or_empty(r->arg));
    if (f->name == OB_GROUP_ANSWER) {
        const char *sub = strcmp(ob_or_empty(r->sub), "invite") == 0 ? "invite" : "add";
        ob_action_string(f, "sub_type", sub);
        ob_action_string(f, "type", sub);
    }
    ob_call_bool(f, "approve", r->number != 0);
    ob_action_string(f, f->name == OB_GROUP_ANSWER ? "reason" : "remark",
                     f->name == OB_GROUP_ANSWER ? ob_or_empty(r->text) : "");
}

static void ob_call_reaction(struct ob_frame_out *f, const struct gateway_request *r)
{
    if (f->name == OB_REACTION) {
        ob_action_id(f, "group_id", r->chat);
        ob_action_id(f, "message_id", ob_or_empty(r->arg));
        ob_action_string(f, "code", ob_or_empty(r->text));
        ob_call_bool(f, "is_add", true);
        return;
    }
    ob_action_id(f, "message_id", ob_or_empty(r->arg));
    ob_action_string(f, "emoji_id", ob_or_empty(r->text));
    ob_call_bool(f, "set", true);
}

static void ob_call_params(struct ob_frame_out *f, const struct gateway_request *r)
{
    switch (r->action) {
    case ACTION_CARD_UPDATE:
    case ACTION_PING: return;
    case ACTION_RECALL: ob_action_id(f, "message_id", ob_or_empty(r->arg)); return;
    case ACTION_ANSWER_REQUEST: ob_call_request(f, r); return;
    case ACTION_REACT: ob_call_reaction(f, r); return;
    default: break;
    }
    ob_action_id(f, "group_id", r->chat);
    if (r->action == ACTION_KICK || r->action == ACTION_MUTE || r->action == ACTION_CARD ||
        r->action == ACTION_POKE)
        ob_action_id(f, "user_id", ob_or_empty(r->user));
    if (r->action == ACTION_KICK)
        ob_call_bool(f, "reject_add_request", false);
    else if (r->action == ACTION_MUTE)
        ob_call_int(f, "duration",
                    r->number < 0               ? 0
                    : r->number < OB_MUTE_MAX_S ? r->number
                                                : OB_MUTE_MAX_S);
    else if (r->action == ACTION_WHOLE_MUTE)
        ob_call_bool(f, "enable", r->number != 0);
    else if (r->action == ACTION_CARD)
        ob_action_string(f, "card", ob_or_empty(r->arg));
    else if (r->action == ACTION_NOTICE)
        ob_action_string(f, "content", ob_or_empty(r->text));
    else if (r->action == ACTION_MEMBERS)
        ob_call_bool(f, "no_cache", false);
}

/* What the request lacks, NULL if it is complete. */
static const char *ob_call_lacks(const struct gateway_request *r)
{
    bool group = r->chat && *r->chat && *r->chat != '@';
    bool needs_arg = r->action == ACTION_RECALL || r->action == ACTION_ANSWER_REQUEST ||
                     r->action == ACTION_REACT;
    bool needs_user = r->action == ACTION_KICK || r->action == ACTION_MUTE ||
                      r->action == ACTION_CARD || r->action == ACTION_POKE;
    if (needs_arg && !*ob_or_empty(r->arg))
        return r->action == ACTION_ANSWER_REQUEST ? "the request has no flag" : "no message id";
    bool anywhere = r->action == ACTION_RECALL || r->action == ACTION_ANSWER_REQUEST ||
                    r->action == ACTION_PING;
    if (!anywhere && !group)
        return "this works in groups only";
    return needs_user && !*ob_or_empty(r->user) ? "no user" : NULL;
}

bool ob_call_now(struct ob *g, const struct gateway_request *r, uint64_t ticket)
{
    struct ob_frame_out f;
    enum ob_name name = ob_call_name(g, r);
    bool list = r->action == ACTION_MEMBERS;
    if (!ob_action_begin(g, &f, name))
        return false;
    ob_call_params(&f, r);
    ob_action_end(&f, OB_FOR_CALL, (uint8_t)r->action, ticket,
                  list ? 2 * g->conf.timeout_ms : g->conf.timeout_ms);
    return true;
}

bool ob_call(struct gateway *base, const struct gateway_request *r, uint64_t ticket)
{
    struct ob *g = (struct ob *)base;
    if (g->stopping || !ob_link_ready(g))
        return false;
    enum ob_name name = ob_call_name(g, r);
    const char *lacks = ob_call_lacks(r);
    if (!lacks && (name == OB_NAMES || ob_unsupported(ob_link_api(g), name)))
        lacks = "the gateway does not support this";
    if (lacks) {
        ob_held_result(g, false, ticket, lacks);
        return true;
    }
    if (r->action == ACTION_ANSWER_REQUEST) {
        ob_held_answer(g, r, ticket);
        return true;
    }
    return ob_call_now(g, r, ticket);
}

/* ---- answers ---- */

void ob_call_failed(struct ob *g, uint64_t ticket, const char *reason)
{
    struct gateway_response r = {.ok = false, .reason = reason, .number = -1};
    g->sink.on_response(g->sink.ud, &g->base, ticket, &r);
}

void ob_call_lost(struct ob *g, uint64_t ticket, enum send_outcome outcome, const char *reason)
{
    struct gateway_response r = {.lost = outcome == SEND_UNKNOWN,
                                 .unwritten = outcome == SEND_UNWRITTEN,
                                 .reason = reason,
                                 .number = -1};
    g->sink.on_response(g->sink.ud, &g->base, ticket, &r);
}

int64_t ob_quota_left(const struct json *data)
{
    int64_t group = 0, own = 0;
    if (!json_is(data, JSON_OBJECT))
        return -1;
    if (!json_bool(json_get(data, "can_at_all"), false))
        return 0;
    json_int(json_get(data, "remain_at_all_count_for_group"), &group);
    json_int(json_get(data, "remain_at_all_count_for_uin"), &own);
    return group < own ? group : own;
}

/* Texts of all members lie in one buffer; the array points into it once it no longer moves. */
struct ob_members {
    struct gateway_member *list;
    struct buf texts;
    size_t n;
};

static size_t ob_member_text(struct buf *texts, const char *s, size_t len)
{
    size_t at = texts->len;
    utf8_clean(texts, s, len);
    buf_addc(texts, '\0');
    return at;
}

static void ob_member_read(struct ob_members *m, const struct json *o)
{
    const char *id;
    size_t len;
    if (ob_id(json_get(o, "user_id"), &id, &len) != OB_ID_OK)
        return;
    struct gateway_member *out = &m->list[m->n++];
    const struct json *name = json_get(o, "card");
    if (!json_text(name) || !name->len)
        name = json_get(o, "nickname");
    out->user = (const char *)ob_member_text(&m->texts, id, len); /* an offset until all are read */
    if (json_text(name) && name->len)
        out->name = (const char *)ob_member_text(&m->texts, name->s,
                                                 utf8_cut(name->s, name->len, OB_NAME_MAX));
    else
        out->name = out->user;
    const char *role = json_text(json_get(o, "role"));
    out->role = !role                         ? ""
                : strcmp(role, "owner") == 0  ? "owner"
                : strcmp(role, "admin") == 0  ? "admin"
                : strcmp(role, "member") == 0 ? "member"
                                              : "";
    if (!json_int(json_get(o, "join_time"), &out->joined_s))
        out->joined_s = 0;
}

static void ob_members_answer(struct ob *g, uint64_t ticket, const struct json *data)
{
    struct ob_members m = {0};
    size_t room = json_is(data, JSON_ARRAY) ? data->len : 0;
    m.list = mem_zero((room ? room : 1) * sizeof *m.list);
    for (const struct json *v = room ? json_first(data) : NULL; v; v = json_next(v))
        ob_member_read(&m, v);
    for (size_t i = 0; i < m.n; i++) {
        m.list[i].user = m.texts.data + (uintptr_t)m.list[i].user;
        m.list[i].name = m.texts.data + (uintptr_t)m.list[i].name;
    }
    struct gateway_response r = {
        .ok = true, .reason = "", .number = (int64_t)m.n, .members = m.list, .nmembers = m.n};
    g->sink.on_response(g->sink.ud, &g->base, ticket, &r);
    buf_free(&m.texts);
    free(m.list);
}

void ob_call_answer(struct ob *g, const struct ob_pending *e, const struct ob_answer *a)
{
    struct gateway_response r = {.ok = a->result != OB_FAILED, .reason = a->reason, .number = -1};
    enum ob_class class = a->result == OB_FAILED ? ob_answer_class(a, g->impl) : OB_CLASS_OTHER;
    r.ok = r.ok || class == OB_CLASS_HANDLED; /* somebody answered that request already */
    r.lost = !r.ok && class == OB_CLASS_UNKNOWN;
    if (r.ok && e->action == ACTION_MEMBERS) {
        ob_members_answer(g, e->ticket, a->data);
        return;
    }
    if (r.ok && e->action == ACTION_AT_ALL_QUOTA)
        r.number = ob_quota_left(a->data);
    g->sink.on_response(g->sink.ud, &g->base, e->ticket, &r);
}
