/* sat_notice.c -- what happens in guilds beside messages: joins and leaves, requests, reactions, buttons, messages taken back or
 * changed, names. Each kind fills the event; who it is about is filled already. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "gateway/sat.h"
#include "gateway/sat_element.h"

static long long sat_minute(const struct event *e)
{
    return (long long)(e->time_ms / 60000);
}

static bool sat_is_self(const struct sat_decode *d, const char *id)
{
    return *d->self_id && strcmp(d->self_id, id) == 0;
}

static bool sat_need_user(struct sat_decode *d, const struct event *e)
{
    if (*e->user)
        return true;
    d->why = "no_user";
    return false;
}

static bool sat_operator(struct sat_decode *d, struct event *e, const struct json *o)
{
    e->operator_id = sat_event_id(d, e, json_get(sat_event_part(o, "operator"), "id"));
    return e->operator_id != NULL;
}

static bool sat_message_ref(struct sat_decode *d, struct event *e, const struct json *o)
{
    e->message_id = sat_event_id(d, e, json_get(json_get(o, "message"), "id"));
    if (e->message_id && !*e->message_id)
        d->why = "no_message";
    return e->message_id && *e->message_id;
}

/* The chat of what only matters in a known one. */
static bool sat_place(struct sat_decode *d, struct event *e, const struct json *o)
{
    if (!sat_event_chat(d, e, o, true))
        return false;
    return !d->unplaced;
}

/* ---- members ---- */

static bool sat_notice_join(struct sat_decode *d, struct event *e, const struct json *o)
{
    if (!sat_need_user(d, e) || !sat_event_chat(d, e, o, true) || !sat_operator(d, e, o))
        return false;
    event_key(e, "join%s.%lld", e->user, sat_minute(e));
    return true;
}

static bool sat_notice_leave(struct sat_decode *d, struct event *e, const struct json *o)
{
    if (!sat_need_user(d, e) || !sat_event_chat(d, e, o, true) || !sat_operator(d, e, o))
        return false;
    bool other = *e->operator_id && strcmp(e->operator_id, e->user) != 0;
    e->sub = sat_is_self(d, e->user) ? "self" : other ? "kick" : "leave";
    if (!other)
        e->operator_id = "";
    event_key(e, "leave%s.%lld", e->user, sat_minute(e));
    return true;
}

/* The guild is gone, for us at least. */
static bool sat_notice_gone(struct sat_decode *d, struct event *e, const struct json *o)
{
    if (!sat_place(d, e, o) || e->private_chat || !sat_operator(d, e, o))
        return false;
    e->user = e->name = event_string(e, d->self_id, strlen(d->self_id));
    e->sub = "self";
    event_key(e, "leave%s.%lld", e->user, sat_minute(e));
    return true;
}

static bool sat_notice_card(struct sat_decode *d, struct event *e, const struct json *o)
{
    const struct json *nick = json_get(sat_event_part(o, "member"), "nick");
    if (!sat_need_user(d, e) || !sat_place(d, e, o) || !json_is(nick, JSON_STRING))
        return false;
    e->text = sat_event_text(e, nick, SAT_NAME_MAX);
    event_key(e, "card%s.%016llx", e->user,
              (unsigned long long)hash_more(hash_string(e->text), &e->time_ms, sizeof e->time_ms));
    return true;
}

/* ---- requests ---- */

static bool sat_request(struct sat_decode *d, struct event *e, const struct json *o,
                        const char *sub)
{
    const struct json *message = json_get(o, "message");
    const struct json *flag = json_get(message, "id"), *comment = json_get(message, "content");
    if (!flag || (flag->type != JSON_STRING && flag->type != JSON_NUMBER) || !flag->len ||
        flag->len > SAT_FLAG_MAX) {
        d->why = "flag";
        return false;
    }
    if (!sat_operator(d, e, o))
        return false;
    e->sub = sub;
    e->flag = event_string(e, flag->s, flag->len);
    if (json_is(comment, JSON_STRING))
        sat_elements_decode(e, comment->s, utf8_cut(comment->s, comment->len, 2048), "");
    e->at_me = e->at_other = false;
    event_key(e, "request.%s.%s", e->sub, e->flag);
    return true;
}

static bool sat_request_add(struct sat_decode *d, struct event *e, const struct json *o)
{
    return sat_need_user(d, e) && sat_event_chat(d, e, o, true) && sat_request(d, e, o, "add");
}

/* Into a guild that we are not in yet: its own id stands for it. */
static bool sat_request_invite(struct sat_decode *d, struct event *e, const struct json *o)
{
    const char *guild = sat_event_id(d, e, json_get(sat_event_part(o, "guild"), "id"));
    if (guild && !*guild)
        d->why = "no_chat";
    if (!guild || !*guild || *guild == '@')
        return false;
    e->chat = guild;
    return sat_request(d, e, o, "invite");
}

static bool sat_request_friend(struct sat_decode *d, struct event *e, const struct json *o)
{
    if (!sat_need_user(d, e))
        return false;
    size_t n = strlen(e->user);
    char *chat = event_room(e, n + 2);
    chat[0] = '@';
    memcpy(chat + 1, e->user, n + 1);
    e->chat = chat;
    e->private_chat = true;
    return sat_request(d, e, o, "friend");
}

/* ---- about messages ---- */

static bool sat_notice_recall(struct sat_decode *d, struct event *e, const struct json *o)
{
    if (!sat_event_chat(d, e, o, false) || !sat_message_ref(d, e, o) || !sat_operator(d, e, o))
        return false;
    if (!*e->operator_id)
        e->operator_id = e->user;
    event_key(e, "recall%s", e->message_id);
    return true;
}

/* A message that was changed is no new one: flows that care see it as what the platform calls it. */
static bool sat_notice_edited(struct sat_decode *d, struct event *e, const struct json *o)
{
    const struct json *content = json_get(json_get(o, "message"), "content");
    if (sat_is_self(d, e->user))
        return false;
    if (!sat_event_chat(d, e, o, false) || !sat_message_ref(d, e, o))
        return false;
    if (json_is(content, JSON_STRING))
        sat_elements_decode(e, content->s, content->len, d->self_id);
    e->at_me = e->at_other = false;
    e->sub = "message-updated";
    event_key(e, "edit%s.%016llx", e->message_id, (unsigned long long)hash_string(e->text));
    return true;
}

static bool sat_reaction(struct sat_decode *d, struct event *e, const struct json *o,
                         const char *sub)
{
    const struct json *emoji = json_get(o, "emoji");
    if (sat_is_self(d, e->user))
        return false;
    if (!sat_place(d, e, o) || !sat_message_ref(d, e, o))
        return false;
    const struct json *id = json_is(emoji, JSON_OBJECT) ? json_get(emoji, "id") : emoji;
    e->text = json_is(id, JSON_NUMBER) && id->len <= 80 ? event_string(e, id->s, id->len)
                                                        : sat_event_text(e, id, 80);
    if (!*e->text)
        e->text = sat_event_text(e, json_get(emoji, "name"), 80);
    e->sub = sub;
    event_key(e, "like%s.%s.%s.%s.%lld", e->message_id, e->user, e->text, e->sub,
              (long long)e->time_ms / 1000);
    return true;
}

static bool sat_reaction_added(struct sat_decode *d, struct event *e, const struct json *o)
{
    return sat_reaction(d, e, o, "add");
}

static bool sat_reaction_removed(struct sat_decode *d, struct event *e, const struct json *o)
{
    return sat_reaction(d, e, o, "remove");
}

/* ---- buttons ---- */

static bool sat_button(struct sat_decode *d, struct event *e, const struct json *o)
{
    const struct json *id = json_get(json_get(o, "button"), "id");
    int64_t sn = 0;
    if (!sat_need_user(d, e))
        return false;
    if (!id || (id->type != JSON_STRING && id->type != JSON_NUMBER) || !id->len || id->len > 4096) {
        d->why = "button";
        return false;
    }
    if (!sat_event_chat(d, e, o, false))
        return false;
    e->message_id = sat_event_id(d, e, json_get(json_get(o, "message"), "id"));
    if (!e->message_id)
        return false;
    e->text = event_string(e, id->s, id->len);
    e->at_me = true;
    if (!json_int(json_get(o, "sn"), &sn))
        json_int(json_get(o, "id"), &sn);
    event_key(
        e, "button%s.%016llx.%lld.%lld", e->user,
        (unsigned long long)hash_more(hash_string(e->text), e->message_id, strlen(e->message_id)),
        (long long)e->time_ms, (long long)sn);
    return true;
}

/* ---- names ---- */

static bool sat_notice_name(struct sat_decode *d, struct event *e, const struct json *o)
{
    const struct json *of = json_get(sat_event_part(o, "channel"), "name");
    if (!json_is(of, JSON_STRING))
        of = json_get(sat_event_part(o, "guild"), "name");
    if (!sat_place(d, e, o) || e->private_chat || !json_is(of, JSON_STRING) || !of->len)
        return false;
    e->text = e->chat_name = sat_event_text(e, of, SAT_NAME_MAX);
    event_key(e, "name%016llx.%lld", (unsigned long long)hash_string(e->text),
              (long long)e->time_ms / 1000);
    return true;
}

/* guild-updated: the name of a guild is that of its chat only where it has but one. */
static bool sat_notice_guild(struct sat_decode *d, struct event *e, const struct json *o)
{
    return sat_plain(d->g) && sat_notice_name(d, e, o);
}

const struct sat_kind *sat_notice_kind(const char *type)
{
    static const struct sat_kind kinds[] = {
        {"guild-member-added", EVENT_JOIN, sat_notice_join},
        {"guild-member-removed", EVENT_LEAVE, sat_notice_leave},
        {"guild-removed", EVENT_LEAVE, sat_notice_gone},
        {"guild-member-updated", EVENT_CARD, sat_notice_card},
        {"guild-member-request", EVENT_REQUEST, sat_request_add},
        {"guild-request", EVENT_REQUEST, sat_request_invite},
        {"friend-request", EVENT_REQUEST, sat_request_friend},
        {"message-deleted", EVENT_RECALL, sat_notice_recall},
        {"message-updated", EVENT_OTHER, sat_notice_edited},
        {"reaction-added", EVENT_REACTION, sat_reaction_added},
        {"reaction-removed", EVENT_REACTION, sat_reaction_removed},
        {"interaction/button", EVENT_BUTTON, sat_button},
        {"channel-updated", EVENT_CHAT, sat_notice_name},
        {"guild-updated", EVENT_CHAT, sat_notice_guild},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, type) == 0)
            return &kinds[i];
    return NULL;
}
