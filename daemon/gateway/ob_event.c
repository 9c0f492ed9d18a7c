/* ob_event.c -- one OneBot event object becomes one struct event: ids, times, sender, messages. Notices and requests are in
 * ob_notice.c. No connection is touched here; every field may be missing, of a wrong type, or hostile. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "gateway/ob.h"
#include "gateway/plain.h"

enum { OB_MS_THRESHOLD = 100, OB_WEEK_MS = 7 * 24 * 3600 * 1000 };

/* ---- fields ---- */

enum ob_id_kind ob_id(const struct json *v, const char **s, size_t *len)
{
    *s = "";
    *len = 0;
    if (!v || v->type == JSON_NULL)
        return OB_ID_NONE;
    if (v->type != JSON_STRING && v->type != JSON_NUMBER)
        return OB_ID_BAD;
    const char *p = v->s;
    size_t n = v->len;
    if (v->type == JSON_NUMBER && (memchr(p, '.', n) || memchr(p, 'e', n) || memchr(p, 'E', n)))
        return OB_ID_BAD;
    if (n == 0 || (n == 1 && *p == '0') || (n == 2 && memcmp(p, "-0", 2) == 0))
        return OB_ID_NONE;
    if (n > OB_ID_MAX)
        return OB_ID_BAD;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)p[i] < 0x20 || p[i] == 0x7F)
            return OB_ID_BAD;
    *s = p;
    *len = n;
    return OB_ID_OK;
}

/* "" when absent; NULL when it is no id (d->why is set). */
const char *ob_event_id(struct ob_decode *d, struct event *e, const struct json *o, const char *key)
{
    const char *s;
    size_t len;
    if (ob_id(json_get(o, key), &s, &len) == OB_ID_BAD) {
        d->why = "id";
        return NULL;
    }
    return event_string(e, s, len);
}

const char *ob_event_text(struct event *e, const struct json *v, size_t max)
{
    bool text = v && (v->type == JSON_STRING || v->type == JSON_NUMBER);
    return text ? event_text(e, v->s, v->len, max) : "";
}

int64_t ob_event_seconds(const struct event *e)
{
    return e->time_ms / 1000;
}

/* Seconds, sometimes milliseconds, sometimes nothing, sometimes nonsense. */
static void ob_event_time(const struct ob_decode *d, struct event *e, const struct json *o)
{
    int64_t t = 0;
    double real;
    const struct json *v = json_get(o, "time");
    if (!json_int(v, &t) && json_double(v, &real) && real > 0 && real < 1e15)
        t = (int64_t)real;
    e->arrived_ms = d->now_ms;
    e->arrived_ns = d->now_ns;
    if (t > (int64_t)OB_MS_THRESHOLD * 1000000000)
        t /= 1000;
    if (t <= 0 || t > INT64_MAX / 1000)
        t = 0;
    int64_t age = d->now_ms - t * 1000;
    if (t == 0 || age > OB_WEEK_MS || age < -OB_WEEK_MS) {
        e->time_ms = d->now_ms;
        return;
    }
    e->time_ms = t * 1000;
    e->late = age - d->skew_ms > d->stale_ms;
}

struct event *ob_event_begin(const struct ob_decode *d, const struct json *o, enum event_type type)
{
    struct event *e = event_new(type, 0);
    e->history = d->history;
    ob_event_time(d, e, o);
    return e;
}

/* Fills e->chat from group_id, else (unless a group is required) from user_id. False with d->why: neither is usable. */
bool ob_event_chat(struct ob_decode *d, struct event *e, const struct json *o, bool group)
{
    const char *id = ob_event_id(d, e, o, "group_id");
    if (!id)
        return false;
    if (*id) {
        e->chat = id;
        d->why = *id == '@' ? "id" : NULL; /* would look like a private chat */
        return *id != '@';
    }
    id = group ? "" : ob_event_id(d, e, o, "user_id");
    if (!id || !*id) {
        d->why = "no_chat";
        return false;
    }
    e->chat = event_prefixed(e, '@', id);
    e->private_chat = true;
    return true;
}

/* ---- messages ---- */

static const char *ob_role_word(const struct json *sender)
{
    static const char *const roles[] = {"owner", "admin", "member"};
    const char *role = json_text(json_get(sender, "role"));
    for (int i = 0; role && i < 3; i++)
        if (strcmp(role, roles[i]) == 0)
            return roles[i];
    return "";
}

static void ob_message_sender(struct event *e, const struct json *o)
{
    const struct json *sender = json_get(o, "sender");
    const struct json *anonymous = json_get(o, "anonymous");
    if (json_is(anonymous, JSON_OBJECT))
        e->name = ob_event_text(e, json_get(anonymous, "name"), OB_NAME_MAX);
    if (!*e->name)
        e->name = ob_event_text(e, json_get(sender, "card"), OB_NAME_MAX);
    if (!*e->name)
        e->name = ob_event_text(e, json_get(sender, "nickname"), OB_NAME_MAX);
    if (!*e->name)
        e->name = e->user;
    e->role = ob_role_word(sender);
    e->from_bot = json_bool(json_get(sender, "is_robot"), false);
}

/* Mentions and the quotation. */
static void ob_message_address(struct event *e, const char *self)
{
    e->at_me = e->private_chat;
    for (int i = 0; i < e->nsegments; i++) {
        const struct segment *s = &e->segments[i];
        if (s->type == SEGMENT_REPLY && !*e->reply_to && strlen(s->id) <= OB_ID_MAX)
            e->reply_to = s->id;
        if (s->type != SEGMENT_AT)
            continue;
        if (*self && strcmp(s->id, self) == 0)
            e->at_me = true;
        else
            e->at_other = true;
    }
}

/* The account that the event came to, as text in e's arena. */
static const char *ob_self(struct ob_decode *d, struct event *e, const struct json *o)
{
    if (*d->self_id)
        return d->self_id;
    const char *self = ob_event_id(d, e, o, "self_id");
    return self ? self : "";
}

static void ob_message_text(struct event *e, const char *self)
{
    static struct buf text;
    buf_reset(&text);
    plain_text(&text, e->segments, e->nsegments, *self ? self : NULL);
    e->text = event_string(e, text.data, utf8_cut(text.data, text.len, OB_TEXT_MAX));
}

/* A message that is nothing but a file is the same happening as the notice about it: EVENT_FILE. */
static void ob_message_file(struct event *e, const struct json *o)
{
    if (!event_file_alone(e))
        return;
    const struct json *message = json_get(o, "message");
    for (const struct json *v = json_is(message, JSON_ARRAY) ? json_first(message) : message; v;
         v = json_next(v)) {
        const struct json *data = json_get(v, "data");
        if (json_int(json_get(data, "file_size"), &e->number) ||
            json_int(json_get(data, "size"), &e->number))
            break;
    }
}

/* The chat of a message; of our own private ones it is the other side. */
static bool ob_message_chat(struct ob_decode *d, struct event *e, const struct json *o, bool own)
{
    const char *type = json_text(json_get(o, "message_type"));
    if (d->chat) {
        e->chat = event_string(e, d->chat, strlen(d->chat));
        return true;
    }
    if (type && strcmp(type, "group") == 0)
        return ob_event_chat(d, e, o, true);
    if (!type || strcmp(type, "private") != 0) {
        d->why = "message_type";
        return false;
    }
    const char *target = own ? ob_event_id(d, e, o, "target_id") : "";
    const char *peer = target && *target ? target : e->user;
    e->chat = event_prefixed(e, '@', peer);
    e->private_chat = true;
    return true;
}

/* The server's number of a group message. NapCat has it in real_seq, and repeats the message id in message_seq; of others only
 * those are believed that are known to tell the server's. */
static int64_t ob_message_seq(const struct ob_decode *d, const struct event *e,
                              const struct json *o)
{
    int64_t seq = 0;
    if (e->private_chat)
        return 0;
    if (json_int(json_get(o, "real_seq"), &seq) && seq > 0)
        return seq;
    bool tells = d->impl == OB_IMPL_LLBOT || d->impl == OB_IMPL_GOCQ;
    return tells && json_int(json_get(o, "message_seq"), &seq) && seq > 0 ? seq : 0;
}

static enum ob_verdict ob_message_fill(struct ob_decode *d, const struct json *o, struct event *e,
                                       bool sent)
{
    const char *self = ob_self(d, e, o);
    e->user = ob_event_id(d, e, o, "user_id");
    e->message_id = e->user ? ob_event_id(d, e, o, "message_id") : NULL;
    if (!e->message_id)
        return OB_MALFORMED;
    if (!*e->user) {
        d->why = "no_user";
        return OB_MALFORMED;
    }
    bool own = sent || (*self && strcmp(e->user, self) == 0);
    if (!ob_message_chat(d, e, o, own))
        return OB_MALFORMED;
    e->seq = ob_message_seq(d, e, o);
    ob_message_sender(e, o);
    ob_segments_decode(e, json_get(o, "message"));
    ob_message_address(e, self);
    ob_message_text(e, self);
    event_key_message(e);
    e->chat_name = ob_event_text(e, json_get(o, "group_name"), OB_NAME_MAX);
    const char *sub = json_text(json_get(o, "sub_type"));
    if (sub && strcmp(sub, "notice") == 0) {
        e->type = EVENT_OTHER; /* the platform's own words in the chat */
        e->sub = "notice";
    } else if (!own) {
        ob_message_file(e, o);
    }
    return own ? OB_OWN : OB_EVENT;
}

/* ---- everything ---- */

enum ob_verdict ob_event_decode(struct ob_decode *d, const struct json *o, struct event **out)
{
    const char *post = json_text(json_get(o, "post_type"));
    d->why = NULL;
    *out = NULL;
    if (!post && d->chat)
        post = "message";
    if (!post) {
        d->why = "post_type";
        return OB_MALFORMED;
    }
    if (strcmp(post, "meta_event") == 0)
        return OB_META;
    if (strcmp(post, "notice") == 0)
        return ob_notice_decode(d, o, out);
    if (strcmp(post, "request") == 0)
        return ob_request_decode(d, o, out);
    bool sent = strcmp(post, "message_sent") == 0;
    if (!sent && strcmp(post, "message") != 0) {
        d->why = "post_type";
        return OB_MALFORMED;
    }
    struct event *e = ob_event_begin(d, o, EVENT_MESSAGE);
    enum ob_verdict v = ob_message_fill(d, o, e, sent);
    if (v == OB_MALFORMED)
        event_free(e);
    else
        *out = e;
    return v;
}
