/* sat_call.c -- everything else that a gateway is asked to do: recalls, mutes, answers to requests, member lists, reactions. What the
 * protocol has no method for is refused with a reason. */
#include "gateway/sat_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "gateway/jsonout.h"
#include "gateway/sat_out.h"

enum {
    SAT_MUTE_MAX_S = 30 * 24 * 3600 - 1, /* the longest that QQ takes */
    SAT_MEMBERS_MAX = 200000
};

/* An action under way. Texts of all members lie in one buffer; the list points into it when it no longer moves. */
struct sat_ask {
    struct sat_ask *next;
    struct sat *g;
    uint64_t ticket, call;
    enum gateway_action action;
    char *user;                 /* whose private channel is asked for first; else NULL */
    char *arg, *text;           /* of the action that follows */
    char guild[SAT_ID_MAX + 1]; /* MEMBERS */
    char token[1024];           /* of the page at hand */
    int pages;
    struct gateway_member *list;
    size_t n, cap;
    struct buf texts;
    uint64_t *ids; /* of those in the list: hashes, open addressing */
    size_t nslots;
};

static const char sat_none[] = "the gateway does not support this";

static const char *sat_or_empty(const char *s)
{
    return s ? s : "";
}

/* ---- the end of an action ---- */

void sat_responded(struct sat *g, uint64_t ticket, enum sat_result result, const char *reason)
{
    struct gateway_response r = {.ok = result == SAT_DONE,
                                 .lost = result == SAT_LOST,
                                 .unwritten = result == SAT_UNWRITTEN,
                                 .reason = result == SAT_NO_METHOD ? sat_none : reason,
                                 .number = -1};
    g->sink.on_response(g->sink.ud, &g->base, ticket, &r);
}

static void sat_ask_drop(struct sat_ask *q)
{
    struct sat_ask **at = &q->g->out->asks;
    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    free(q->user);
    free(q->arg);
    free(q->text);
    free(q->list);
    free(q->ids);
    buf_free(&q->texts);
    free(q);
}

static void sat_ask_end(struct sat_ask *q, enum sat_result result, const char *reason)
{
    struct sat *g = q->g;
    uint64_t ticket = q->ticket;
    sat_ask_drop(q);
    sat_responded(g, ticket, result, reason);
}

void sat_call_end(struct sat *g, const char *why)
{
    while (g->out->asks) {
        struct sat_ask *q = g->out->asks;
        if (q->call)
            sat_http_cancel(g, q->call);
        sat_ask_end(q, SAT_LOST, why);
    }
}

static void sat_on_done(void *ud, const struct sat_http_answer *a)
{
    struct sat_ask *q = ud;
    q->call = 0;
    bool alive = q->action == ACTION_PING && a->status; /* any answer is a sign of life */
    sat_ask_end(q, alive ? SAT_DONE : a->result, a->reason);
}

/* ---- members ---- */

/* True: the id is new among those of the list. */
static bool sat_member_new(struct sat_ask *q, const char *id, size_t len)
{
    uint64_t h = hash_bytes(id, len) | 1;
    if (q->n * 2 >= q->nslots) {
        size_t old = q->nslots;
        uint64_t *ids = q->ids;
        q->nslots = old ? old * 2 : 256;
        q->ids = mem_zero(q->nslots * sizeof *q->ids);
        for (size_t i = 0, at; i < old; i++) {
            for (at = ids[i] % q->nslots; ids[i] && q->ids[at]; at = (at + 1) % q->nslots)
                continue;
            if (ids[i])
                q->ids[at] = ids[i];
        }
        free(ids);
    }
    size_t at = h % q->nslots;
    for (; q->ids[at]; at = (at + 1) % q->nslots)
        if (q->ids[at] == h)
            return false;
    q->ids[at] = h;
    return true;
}

static const char *sat_member_text(struct sat_ask *q, const char *s, size_t len)
{
    size_t at = q->texts.len;
    utf8_clean(&q->texts, s, len);
    buf_addc(&q->texts, '\0');
    return (const char *)(uintptr_t)at; /* an offset until all are read */
}

/* The first of the names that is there. */
static const struct json *sat_member_name(const struct json *o, const struct json *user)
{
    const struct json *const names[] = {json_get(o, "nick"), json_get(user, "nick"),
                                        json_get(o, "name"), json_get(user, "name")};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (json_text(names[i]) && names[i]->len)
            return names[i];
    return NULL;
}

static bool sat_member_read(struct sat_ask *q, const struct json *o)
{
    const struct json *user = json_get(o, "user");
    const char *id;
    size_t len;
    double joined = 0;
    if (sat_id(json_get(json_is(user, JSON_OBJECT) ? user : o, "id"), &id, &len) != SAT_ID_OK ||
        q->n >= SAT_MEMBERS_MAX || !sat_member_new(q, id, len))
        return false;
    if (q->n == q->cap) {
        q->cap = q->cap ? q->cap * 2 : 64;
        q->list = mem_realloc(q->list, q->cap * sizeof *q->list);
    }
    struct gateway_member *m = &q->list[q->n++];
    const struct json *name = sat_member_name(o, user);
    m->user = sat_member_text(q, id, len);
    m->name =
        name ? sat_member_text(q, name->s, utf8_cut(name->s, name->len, SAT_NAME_MAX)) : m->user;
    m->role = sat_role(q->g, o);
    if (!json_double(json_get(o, "joined_at"), &joined) || joined < 0 || joined > 1e15)
        joined = 0;
    m->joined_s = (int64_t)(joined < 1e11 ? joined : joined / 1000);
    return true;
}

static void sat_members_end(struct sat_ask *q)
{
    struct sat *g = q->g;
    for (size_t i = 0; i < q->n; i++) {
        q->list[i].user = q->texts.data + (uintptr_t)q->list[i].user;
        q->list[i].name = q->texts.data + (uintptr_t)q->list[i].name;
    }
    struct gateway_response r = {
        .ok = true, .reason = "", .number = (int64_t)q->n, .members = q->list, .nmembers = q->n};
    g->sink.on_response(g->sink.ud, &g->base, q->ticket, &r);
    sat_ask_drop(q);
}

static bool sat_members_page(struct sat_ask *q);

static void sat_on_members(void *ud, const struct sat_http_answer *a)
{
    struct sat_ask *q = ud;
    size_t before = q->n;
    q->call = 0;
    if (!a->ok) {
        sat_ask_end(q, a->result, a->reason);
        return;
    }
    const struct json *list = json_is(a->data, JSON_ARRAY) ? a->data : json_get(a->data, "data");
    const struct json *next = json_get(a->data, "next");
    if (!json_is(list, JSON_ARRAY)) { /* it would look as if everybody had left */
        sat_ask_end(q, SAT_REFUSED, "the server gave no list of members");
        return;
    }
    for (const struct json *v = json_first(list); v; v = json_next(v))
        sat_member_read(q, v);
    bool more = json_text(next) && next->len && q->n > before && strcmp(next->s, q->token) != 0;
    if (!more) {
        sat_members_end(q);
        return;
    }
    /* half a list would look as if the others had left */
    if (q->pages >= SAT_PAGES_MAX || q->n >= SAT_MEMBERS_MAX || next->len >= sizeof q->token) {
        sat_ask_end(q, SAT_REFUSED, "the list of members does not end");
        return;
    }
    snprintf(q->token, sizeof q->token, "%s", next->s);
    if (!sat_members_page(q))
        sat_ask_end(q, SAT_UNWRITTEN, "too many calls");
}

static bool sat_members_page(struct sat_ask *q)
{
    struct buf body = {0};
    buf_addc(&body, '{');
    jsonout_string(&body, "guild_id", q->guild);
    if (*q->token)
        jsonout_string(&body, "next", q->token);
    buf_addc(&body, '}');
    q->pages++;
    q->call = sat_http_read(q->g, "guild.member.list", buf_cstr(&body), sat_on_members, q);
    buf_free(&body);
    return q->call != 0;
}

/* ---- what is asked ---- */

static const char *sat_call_method(const struct gateway_request *r)
{
    const char *sub = sat_or_empty(r->sub);
    switch (r->action) {
    case ACTION_RECALL: return "message.delete";
    case ACTION_KICK: return "guild.member.kick";
    case ACTION_MUTE: return "guild.member.mute";
    case ACTION_WHOLE_MUTE: return "channel.mute";
    case ACTION_ANSWER_REQUEST:
        return strcmp(sub, "friend") == 0   ? "friend.approve"
               : strcmp(sub, "invite") == 0 ? "guild.approve"
                                            : "guild.member.approve";
    case ACTION_MEMBERS: return "guild.member.list";
    case ACTION_REACT: return "reaction.create";
    case ACTION_PING: return "login.get";
    case ACTION_CARD:
    case ACTION_AT_ALL_QUOTA:
    case ACTION_NOTICE:
    case ACTION_POKE:
    case ACTION_CARD_UPDATE: break;
    }
    return NULL;
}

/* Why it cannot be asked at all, NULL if it can. */
static const char *sat_call_lacks(const struct sat *g, const struct gateway_request *r)
{
    const char *method = sat_call_method(r), *chat = sat_or_empty(r->chat);
    bool guild = r->action == ACTION_KICK || r->action == ACTION_MUTE ||
                 r->action == ACTION_MEMBERS || r->action == ACTION_WHOLE_MUTE;
    bool message = r->action == ACTION_RECALL || r->action == ACTION_REACT;
    bool arg = message || r->action == ACTION_ANSWER_REQUEST;
    bool user = r->action == ACTION_KICK || r->action == ACTION_MUTE;
    if (!method)
        return r->action == ACTION_CARD ? "there are no group cards to set in this protocol"
                                        : sat_none;
    if (!sat_http_has(g, method))
        return sat_none;
    if (guild && (!*chat || *chat == '@'))
        return "not a group";
    if (message && !*chat)
        return "no chat";
    if (arg && !*sat_or_empty(r->arg))
        return r->action == ACTION_ANSWER_REQUEST ? "no request" : "no message id";
    return user && !*sat_or_empty(r->user) ? "no user" : NULL;
}

/* The guild of a group chat; NULL: not known. */
static const char *sat_guild_of(struct sat *g, const char *chat)
{
    const char *guild = sat_guild(g, chat);
    return guild ? guild : sat_plain(g) ? chat : NULL;
}

/* Members of the body that name message and reaction in a channel. */
static void sat_call_message(struct buf *out, enum gateway_action action, const char *channel,
                             const char *message, const char *emoji)
{
    jsonout_string(out, "channel_id", channel);
    jsonout_string(out, "message_id", message);
    if (action != ACTION_REACT)
        return;
    jsonout_string(out, "emoji_id", emoji);
    jsonout_string(out, "emoji", emoji); /* its old name */
}

static void sat_call_params(struct buf *out, const struct gateway_request *r, const char *guild)
{
    int64_t s = r->number < 0 ? 0 : r->number < SAT_MUTE_MAX_S ? r->number : SAT_MUTE_MAX_S;
    switch (r->action) {
    case ACTION_KICK:
    case ACTION_MUTE:
        jsonout_string(out, "guild_id", guild);
        jsonout_string(out, "user_id", r->user);
        if (r->action == ACTION_KICK)
            jsonout_bool(out, "permanent", false);
        else
            jsonout_int(out, "duration", s * 1000);
        break;
    case ACTION_WHOLE_MUTE:
        jsonout_string(out, "channel_id", r->chat);
        if (guild) /* this and `enable` for older servers */
            jsonout_string(out, "guild_id", guild);
        jsonout_int(out, "duration", r->number ? SAT_MUTE_MAX_S * 1000LL : 0);
        jsonout_bool(out, "enable", r->number != 0);
        break;
    case ACTION_ANSWER_REQUEST:
        jsonout_string(out, "message_id", r->arg);
        jsonout_bool(out, "approve", r->number != 0);
        if (*sat_or_empty(r->text))
            jsonout_string(out, "comment", r->text);
        break;
    case ACTION_RECALL:
    case ACTION_REACT:
        sat_call_message(out, r->action, r->chat, r->arg, sat_or_empty(r->text));
        break;
    default: break;
    }
}

static struct sat_ask *sat_ask_new(struct sat *g, const struct gateway_request *r, uint64_t ticket)
{
    struct sat_ask *q = MEM_NEW(struct sat_ask);
    q->g = g;
    q->ticket = ticket;
    q->action = r->action;
    q->next = g->out->asks;
    g->out->asks = q;
    return q;
}

/* ---- a message of a private chat: its channel first ---- */

static bool sat_call_in(struct sat_ask *q, const char *channel)
{
    struct buf body = {0};
    buf_addc(&body, '{');
    sat_call_message(&body, q->action, channel, q->arg, q->text);
    buf_addc(&body, '}');
    q->call = sat_http_call(q->g, q->action == ACTION_RECALL ? "message.delete" : "reaction.create",
                            buf_cstr(&body), sat_on_done, q);
    buf_free(&body);
    return q->call != 0;
}

static void sat_on_private(void *ud, const struct sat_http_answer *a)
{
    struct sat_ask *q = ud;
    const char *channel = a->ok ? sat_direct_answer(q->g, q->user, a->data) : NULL;
    q->call = 0;
    if (!channel)
        sat_ask_end(q, a->ok ? SAT_REFUSED : a->result,
                    a->ok ? "there is no private chat" : a->reason);
    else if (!sat_call_in(q, channel))
        sat_ask_end(q, SAT_UNWRITTEN, "too many calls");
}

static bool sat_call_private(struct sat *g, const struct gateway_request *r, uint64_t ticket)
{
    struct sat_ask *q = sat_ask_new(g, r, ticket);
    const char *user = r->chat + 1, *channel = sat_direct(g, user);
    q->user = mem_strdup(user);
    q->arg = mem_strdup(r->arg);
    q->text = mem_strdup(sat_or_empty(r->text));
    if (channel) {
        if (sat_call_in(q, channel))
            return true;
        sat_ask_drop(q);
        return false;
    }
    struct buf body = {0};
    buf_addc(&body, '{');
    jsonout_string(&body, "user_id", user);
    buf_addc(&body, '}');
    q->call = sat_http_read(g, "user.channel.create", buf_cstr(&body), sat_on_private, q);
    buf_free(&body);
    if (q->call)
        return true;
    sat_ask_drop(q);
    return false;
}

/* ---- the call ---- */

static bool sat_call_go(struct sat *g, const struct gateway_request *r, const char *guild,
                        uint64_t ticket)
{
    struct sat_ask *q = sat_ask_new(g, r, ticket);
    struct buf body = {0};
    bool taken;
    if (r->action == ACTION_MEMBERS) {
        snprintf(q->guild, sizeof q->guild, "%s", guild);
        taken = sat_members_page(q);
    } else {
        buf_addc(&body, '{');
        sat_call_params(&body, r, guild);
        buf_addc(&body, '}');
        q->call = sat_http_call(g, sat_call_method(r), buf_cstr(&body), sat_on_done, q);
        taken = q->call != 0;
    }
    buf_free(&body);
    if (!taken)
        sat_ask_drop(q);
    return taken;
}

bool sat_call(struct gateway *base, const struct gateway_request *r, uint64_t ticket)
{
    struct sat *g = (struct sat *)base;
    if (!sat_ready(g))
        return false;
    const char *lacks = sat_call_lacks(g, r), *guild = NULL;
    bool member =
        r->action == ACTION_KICK || r->action == ACTION_MUTE || r->action == ACTION_MEMBERS;
    if (!lacks && (member || r->action == ACTION_WHOLE_MUTE))
        guild = sat_guild_of(g, r->chat);
    if (!lacks && member && !guild)
        lacks = "the guild of this channel is not known yet";
    if (lacks) {
        sat_out_late(g, SAT_LATE_RESPONSE, ticket, lacks);
        return true;
    }
    bool message = r->action == ACTION_RECALL || r->action == ACTION_REACT;
    if (message && *r->chat == '@')
        return sat_call_private(g, r, ticket);
    return sat_call_go(g, r, guild, ticket);
}
