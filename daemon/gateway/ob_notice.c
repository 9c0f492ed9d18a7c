/* ob_notice.c -- notices (joins, leaves, mutes, pokes ...) and requests as struct event. */
#include <stdio.h>
#include <string.h>

#include "gateway/ob.h"

/* Builds one kind of notice: the event has its type, time, chat, user. False: malformed (d->why), or drop (d->why NULL). */
typedef bool ob_notice_fn(struct ob_decode *d, struct event *e, const struct json *o);

static const char *ob_sub(const struct json *o)
{
    const char *sub = json_text(json_get(o, "sub_type"));
    return sub ? sub : "";
}

static bool ob_is_self(const struct ob_decode *d, const char *id)
{
    return *d->self_id && strcmp(d->self_id, id) == 0;
}

/* A word of the platform as part of the event: bounded. */
static const char *ob_word(struct event *e, const struct json *v)
{
    return ob_event_text(e, v, 40);
}

static bool ob_operator(struct ob_decode *d, struct event *e, const struct json *o)
{
    e->operator_id = ob_event_id(d, e, o, "operator_id");
    return e->operator_id != NULL;
}

static bool ob_message_ref(struct ob_decode *d, struct event *e, const struct json *o)
{
    e->message_id = ob_event_id(d, e, o, "message_id");
    return e->message_id != NULL;
}

/* Joins and leaves are told twice by some, seconds apart: one a minute for a member counts, also over a restart, when only the key
 * tells. */
static long long ob_minute(const struct event *e)
{
    return (long long)ob_event_seconds(e) / 60;
}

static bool ob_notice_join(struct ob_decode *d, struct event *e, const struct json *o)
{
    e->sub = ob_is_self(d, e->user) ? "self" : ob_word(e, json_get(o, "sub_type"));
    event_key(e, "join%s.%lld", e->user, ob_minute(e));
    return ob_operator(d, e, o);
}

static bool ob_notice_leave(struct ob_decode *d, struct event *e, const struct json *o)
{
    const char *sub = ob_sub(o);
    if (!ob_operator(d, e, o))
        return false;
    const char *type = json_text(json_get(o, "notice_type"));
    bool gone = strcmp(sub, "kick_me") == 0 || strcmp(sub, "disband") == 0 ||
                strcmp(type, "group_dismiss") == 0 || ob_is_self(d, e->user);
    if (gone) {
        e->sub = "self";
        e->user = event_string(e, d->self_id, strlen(d->self_id));
    } else {
        e->sub = strcmp(sub, "kick") == 0 ? "kick" : "leave";
    }
    if (strcmp(e->sub, "leave") == 0 && strcmp(e->operator_id, e->user) == 0)
        e->operator_id = "";
    event_key(e, "leave%s.%lld", e->user, ob_minute(e));
    return true;
}

static bool ob_notice_ban(struct ob_decode *d, struct event *e, const struct json *o)
{
    bool lift = strcmp(ob_sub(o), "lift_ban") == 0;
    e->sub = lift ? "lift_ban" : "ban";
    if (!json_int(json_get(o, "duration"), &e->number) || lift || e->number < 0)
        e->number = 0;
    event_key(e, "mute%s.%s.%lld.%lld", e->user, e->sub, (long long)e->number,
              (long long)ob_event_seconds(e));
    return ob_operator(d, e, o);
}

static bool ob_notice_recall(struct ob_decode *d, struct event *e, const struct json *o)
{
    if (!ob_operator(d, e, o) || !ob_message_ref(d, e, o))
        return false;
    if (!*e->operator_id)
        e->operator_id = e->user;
    event_key(e, "recall%s", e->message_id);
    return true;
}

static bool ob_notice_admin(struct ob_decode *d, struct event *e, const struct json *o)
{
    (void)d;
    e->sub = strcmp(ob_sub(o), "unset") == 0 ? "unset" : "set";
    event_key(e, "admin%s.%s.%lld", e->user, e->sub, (long long)ob_event_seconds(e));
    return true;
}

static bool ob_notice_card(struct ob_decode *d, struct event *e, const struct json *o)
{
    (void)d;
    e->text = ob_event_text(e, json_get(o, "card_new"), OB_NAME_MAX);
    event_key(e, "card%s.%016llx", e->user,
              (unsigned long long)hash_more(hash_string(e->text), &e->time_ms, sizeof e->time_ms));
    return true;
}

static bool ob_notice_essence(struct ob_decode *d, struct event *e, const struct json *o)
{
    const char *sender = ob_event_id(d, e, o, "sender_id");
    if (!sender || !ob_operator(d, e, o) || !ob_message_ref(d, e, o))
        return false;
    if (*sender)
        e->user = sender;
    e->sub = strcmp(ob_sub(o), "delete") == 0 ? "delete" : "add";
    event_key(e, "essence%s.%s.%lld", e->message_id, e->sub, (long long)ob_event_seconds(e));
    return true;
}

static bool ob_notice_file(struct ob_decode *d, struct event *e, const struct json *o)
{
    (void)d;
    const struct json *file = json_get(o, "file");
    e->text = ob_event_text(e, json_get(file, "name"), OB_NAME_MAX);
    if (!json_int(json_get(file, "size"), &e->number))
        e->number = 0;
    struct segment *s = event_room(e, sizeof *s);
    s->type = SEGMENT_FILE;
    s->kind = "file";
    s->text = e->text;
    s->id = ob_event_text(e, json_get(file, "id"), 1024);
    e->segments = s;
    e->nsegments = 1;
    event_key(e, "file%s.%016llx.%lld", e->user, (unsigned long long)hash_string(e->text),
              (long long)ob_event_seconds(e));
    return true;
}

/* NapCat, LuckyLilliaBot: likes = [{emoji_id, count}]. */
static bool ob_notice_like(struct ob_decode *d, struct event *e, const struct json *o)
{
    const struct json *like = json_first(json_get(o, "likes"));
    if (!ob_message_ref(d, e, o))
        return false;
    e->text = ob_word(e, json_get(like, "emoji_id"));
    json_int(json_get(like, "count"), &e->number);
    e->sub = json_bool(json_get(o, "is_add"), true) ? "add" : "remove";
    event_key(e, "like%s.%s.%s.%s.%lld", e->message_id, e->user, e->text, e->sub,
              (long long)ob_event_seconds(e));
    return true;
}

/* Lagrange. */
static bool ob_notice_reaction(struct ob_decode *d, struct event *e, const struct json *o)
{
    if (!ob_operator(d, e, o) || !ob_message_ref(d, e, o))
        return false;
    if (*e->operator_id)
        e->user = e->operator_id;
    e->text = ob_word(e, json_get(o, "code"));
    json_int(json_get(o, "count"), &e->number);
    e->sub = strcmp(ob_sub(o), "remove") == 0 ? "remove" : "add";
    event_key(e, "like%s.%s.%s.%s.%lld", e->message_id, e->user, e->text, e->sub,
              (long long)ob_event_seconds(e));
    return true;
}

static bool ob_notice_name(struct ob_decode *d, struct event *e, const struct json *o)
{
    (void)d;
    const struct json *name = json_get(o, "name_new");
    e->text = ob_event_text(e, name ? name : json_get(o, "name"), OB_NAME_MAX);
    e->chat_name = e->text;
    event_key(e, "name%016llx.%lld", (unsigned long long)hash_string(e->text),
              (long long)ob_event_seconds(e));
    return true;
}

static bool ob_notice_friend(struct ob_decode *d, struct event *e, const struct json *o)
{
    (void)o;
    if (d->impl == OB_IMPL_LAGRANGE) {
        d->why = NULL; /* comes with every request there, before anybody accepted */
        return false;
    }
    e->sub = "friend_add";
    event_key(e, "friend%s.%lld", e->user, (long long)ob_event_seconds(e));
    return true;
}

/* ---- notify ---- */

static bool ob_notify_poke(struct ob_decode *d, struct event *e, const struct json *o)
{
    const char *sender = ob_event_id(d, e, o, "sender_id");
    e->target = ob_event_id(d, e, o, "target_id");
    if (!sender || !e->target)
        return false;
    if (*sender)
        e->user = sender; /* friend pokes: user_id is the chat, sender_id the poker */
    if (ob_is_self(d, e->user)) {
        d->why = NULL;
        return false;
    }
    e->type = EVENT_POKE;
    e->at_me = ob_is_self(d, e->target);
    event_key(e, "poke%s.%s.%lld", e->user, e->target, (long long)ob_event_seconds(e));
    return true;
}

static bool ob_notify_honor(struct ob_decode *d, struct event *e, const struct json *o)
{
    const char *sub = ob_sub(o);
    e->type = EVENT_HONOR;
    if (strcmp(sub, "lucky_king") == 0) {
        const char *winner = ob_event_id(d, e, o, "target_id");
        if (!winner)
            return false;
        e->operator_id = e->user; /* who sent the packet */
        e->user = winner;
        e->text = "lucky_king";
    } else if (strcmp(sub, "title") == 0) {
        e->text = "title";
        e->sub = ob_event_text(e, json_get(o, "title"), OB_NAME_MAX);
    } else {
        e->text = ob_word(e, json_get(o, "honor_type"));
    }
    event_key(e, "honor%s.%s.%lld", e->user, e->text, (long long)ob_event_seconds(e));
    return true;
}

static bool ob_notice_notify(struct ob_decode *d, struct event *e, const struct json *o)
{
    const char *sub = ob_sub(o);
    if (strcmp(sub, "poke") == 0)
        return ob_notify_poke(d, e, o);
    if (strcmp(sub, "honor") == 0 || strcmp(sub, "lucky_king") == 0 || strcmp(sub, "title") == 0)
        return ob_notify_honor(d, e, o);
    if (strcmp(sub, "group_name") == 0) {
        e->type = EVENT_CHAT;
        return ob_notice_name(d, e, o);
    }
    if (strcmp(sub, "input_status") == 0) {
        d->why = NULL; /* "is typing" */
        return false;
    }
    e->sub = *sub ? ob_word(e, json_get(o, "sub_type")) : "notify";
    event_key(e, "notify.%s.%s.%lld", e->sub, e->user, (long long)ob_event_seconds(e));
    return true;
}

static const struct {
    const char *name;
    enum event_type type;
    bool group; /* makes no sense without group_id */
    ob_notice_fn *fill;
} ob_notices[] = {
    {"group_increase", EVENT_JOIN, true, ob_notice_join},
    {"group_decrease", EVENT_LEAVE, true, ob_notice_leave},
    {"group_dismiss", EVENT_LEAVE, true, ob_notice_leave},
    {"group_ban", EVENT_MUTE, true, ob_notice_ban},
    {"group_recall", EVENT_RECALL, true, ob_notice_recall},
    {"friend_recall", EVENT_RECALL, false, ob_notice_recall},
    {"group_admin", EVENT_ADMIN, true, ob_notice_admin},
    {"group_card", EVENT_CARD, true, ob_notice_card},
    {"group_upload", EVENT_FILE, true, ob_notice_file},
    {"offline_file", EVENT_FILE, false, ob_notice_file},
    {"essence", EVENT_ESSENCE, true, ob_notice_essence},
    {"group_msg_emoji_like", EVENT_REACTION, true, ob_notice_like},
    {"reaction", EVENT_REACTION, true, ob_notice_reaction},
    {"group_name_change", EVENT_CHAT, true, ob_notice_name},
    {"friend_add", EVENT_OTHER, false, ob_notice_friend},
    {"notify", EVENT_OTHER, false, ob_notice_notify},
};
enum { OB_NOTICES = sizeof ob_notices / sizeof ob_notices[0] };

static bool ob_notice_unknown(struct ob_decode *d, struct event *e, const struct json *o)
{
    (void)d;
    e->sub = ob_word(e, json_get(o, "notice_type"));
    event_key(e, "notice.%s.%s.%lld", e->sub, e->user, (long long)ob_event_seconds(e));
    return true;
}

/* Chat and user of a notice; one without any chat stays with chat "". */
static bool ob_notice_place(struct ob_decode *d, struct event *e, const struct json *o, bool group)
{
    e->user = ob_event_id(d, e, o, "user_id");
    if (!e->user)
        return false;
    if (!ob_event_chat(d, e, o, group)) {
        if (group || strcmp(d->why, "no_chat") != 0)
            return false;
        d->why = NULL;
    }
    return true;
}

enum ob_verdict ob_notice_decode(struct ob_decode *d, const struct json *o, struct event **out)
{
    const char *type = json_text(json_get(o, "notice_type"));
    if (!type) {
        d->why = "notice_type";
        return OB_MALFORMED;
    }
    int i = 0;
    while (i < OB_NOTICES && strcmp(ob_notices[i].name, type) != 0)
        i++;
    bool known = i < OB_NOTICES;
    struct event *e = ob_event_begin(d, o, known ? ob_notices[i].type : EVENT_OTHER);
    bool ok = ob_notice_place(d, e, o, known && ob_notices[i].group) &&
              (known ? ob_notices[i].fill : ob_notice_unknown)(d, e, o);
    if (!ok) {
        event_free(e);
        return d->why ? OB_MALFORMED : OB_IGNORED;
    }
    e->name = e->user;
    *out = e;
    return OB_EVENT;
}

/* ---- requests ---- */

const char *ob_request_text(struct event *e, const struct json *comment)
{
    struct segment *s = event_room(e, sizeof *s);
    s->type = SEGMENT_TEXT;
    s->kind = "text";
    s->id = "";
    s->text = ob_event_text(e, comment, 2048);
    e->segments = s;
    e->nsegments = 1;
    return s->text;
}

/* Groups with a question send "question line, answer line", each with a label; what a script wants is the answer. */
static const char *ob_request_answer(const char *comment)
{
    static const char *const labels[] = {"答案：", "答案:"};
    for (int i = 0; i < 2; i++) {
        const char *at = strstr(comment, labels[i]);
        if (at)
            return at + strlen(labels[i]);
    }
    return comment;
}

static bool ob_request_fill(struct ob_decode *d, struct event *e, const struct json *o)
{
    const char *type = json_text(json_get(o, "request_type"));
    bool friend = type && strcmp(type, "friend") == 0, group = type && strcmp(type, "group") == 0;
    const struct json *flag = json_get(o, "flag");
    if (!friend && !group) {
        d->why = "request_type";
        return false;
    }
    if (!flag || (flag->type != JSON_STRING && flag->type != JSON_NUMBER) || !flag->len ||
        flag->len > OB_FLAG_MAX) {
        d->why = "flag";
        return false;
    }
    e->flag = event_string(e, flag->s, flag->len);
    e->user = ob_event_id(d, e, o, "user_id");
    const char *proposer = e->user ? ob_event_id(d, e, o, "invitor_id") : NULL;
    if (!proposer || !ob_event_chat(d, e, o, group))
        return false;
    e->operator_id = proposer;
    e->sub = friend ? "friend" : strcmp(ob_sub(o), "invite") == 0 ? "invite" : "add";
    e->text = ob_request_answer(ob_request_text(e, json_get(o, "comment")));
    e->name = e->user;
    event_key(e, "request.%s.%s", e->sub, e->flag);
    return true;
}

enum ob_verdict ob_request_decode(struct ob_decode *d, const struct json *o, struct event **out)
{
    struct event *e = ob_event_begin(d, o, EVENT_REQUEST);
    if (!ob_request_fill(d, e, o)) {
        event_free(e);
        return OB_MALFORMED;
    }
    *out = e;
    return OB_EVENT;
}
