/* wc_event.c -- the body of one callback becomes one struct event: messages, the opened single chat, pressed cards, feedback. No connection
 * is touched here; every field may be missing, of a wrong type, or hostile. What is not known is ignored, never guessed. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "gateway/plain.h"
#include "gateway/wc.h"

enum {
    WC_QUOTE_MAX = 4096, /* bytes of a quoted text */
    WC_URL_MAX = 4096,
    WC_AESKEY_MAX = 64,
    WC_KEY_PLAIN = 100,           /* a longer id is a hash in the event's key */
    WC_MS_FROM = 100000000,       /* a time beyond this many thousand seconds is in milliseconds */
    WC_WEEK_MS = 7 * 24 * 3600000 /* a time further off than that is nonsense */
};

/* ---- fields ---- */

/* An id, "" when absent or not usable as one. Case is kept. */
static const char *wc_id(struct event *e, const struct json *v)
{
    if (!v || (v->type != JSON_STRING && v->type != JSON_NUMBER) || v->len > EVENT_ID_MAX)
        return "";
    for (uint32_t i = 0; i < v->len; i++)
        if ((unsigned char)v->s[i] < 0x20 || v->s[i] == 0x7F)
            return "";
    return event_string(e, v->s, v->len);
}

static const char *wc_text(struct event *e, const struct json *v, size_t max)
{
    bool text = v && (v->type == JSON_STRING || v->type == JSON_NUMBER);
    return text ? event_text(e, v->s, v->len, max) : "";
}

/* Seconds, optional; of either JSON type. */
static void wc_time(const struct wc_decode *d, struct event *e, const struct json *body)
{
    int64_t t = 0;
    e->arrived_ms = e->time_ms = d->now_ms;
    e->arrived_ns = d->now_ns;
    if (!json_int(json_get(body, "create_time"), &t) || t <= 0)
        return;
    if (t / 1000 < WC_MS_FROM)
        t *= 1000;
    int64_t age = d->now_ms - t;
    if (age > WC_WEEK_MS || age < -(int64_t)WC_WEEK_MS)
        return;
    e->time_ms = t;
    e->late = age > d->stale_ms;
}

/* Who and where. False with d->why: neither. */
static bool wc_origin(struct wc_decode *d, struct event *e, const struct json *body)
{
    const char *type = json_text(json_get(body, "chattype"));
    const char *chat = wc_id(e, json_get(body, "chatid"));
    e->user = wc_id(e, json_get(json_get(body, "from"), "userid"));
    e->name = e->user; /* the platform tells no names */
    e->at_me = true;   /* it tells nothing that is not for the bot */
    bool group = type ? strcmp(type, "group") == 0 : *chat;
    d->why = !*e->user ? "no_user" : group && (!*chat || *chat == '@') ? "no_chat" : NULL;
    if (d->why)
        return false;
    e->private_chat = !group;
    e->chat = group ? chat : event_prefixed(e, '@', e->user);
    return true;
}

/* One letter and the id; a hash of what there is where the platform gives none. */
static void wc_key(struct wc_decode *d, struct event *e, char first, const char *id)
{
    char key[WC_KEY_PLAIN + 40];
    if (*id && strlen(id) <= WC_KEY_PLAIN) {
        snprintf(key, sizeof key, "%c%s", first, id);
    } else {
        uint64_t h = hash_string(*id ? id : e->user);
        if (!*id) {
            h = hash_more(h, e->text, strlen(e->text));
            h = hash_more(h, d->req_id ? d->req_id : "", d->req_id_len);
        }
        snprintf(key, sizeof key, "%c#%016llx", first, (unsigned long long)h);
    }
    e->key = event_string(e, key, strlen(key));
}

/* ---- ref ---- */

static void wc_ref_field(struct buf *out, const char *s, size_t len)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c > 0x20 && c < 0x7F && c != '%') {
            buf_addc(out, (char)c);
        } else {
            buf_addc(out, '%');
            buf_addc(out, hex[c >> 4]);
            buf_addc(out, hex[c & 15]);
        }
    }
}

static void wc_ref(const struct wc_decode *d, struct event *e, char kind, const char *task,
                   const char *card)
{
    static struct buf ref;
    if (!d->req_id || !d->req_id_len)
        return;
    buf_reset(&ref);
    buf_addf(&ref, "%c%lld %c ", kind, (long long)d->now_ms, e->private_chat ? 's' : 'g');
    for (int i = 0; task && i < 2; i++) {
        const char *s = i ? card : task;
        wc_ref_field(&ref, *s ? s : "-", *s ? strlen(s) : 1);
        buf_addc(&ref, ' ');
    }
    wc_ref_field(&ref, d->req_id, d->req_id_len);
    e->ref = event_string(e, ref.data, ref.len);
}

/* ---- what a message is made of ---- */

struct wc_parts {
    struct wc_decode *d;
    struct event *e;
    bool quoted; /* only its text counts */
    struct segment s[WC_SEGMENTS_MAX];
    int n;
};

static void wc_part(struct wc_parts *p, enum segment_type type, const char *kind, const char *id,
                    const char *text)
{
    if (p->n < WC_SEGMENTS_MAX)
        p->s[p->n++] = (struct segment){type, kind, id, text};
}

/* Text; at the start of a group message the bot's own name becomes a mention. */
static void wc_part_text(struct wc_parts *p, const struct json *content)
{
    const char *text = wc_text(p->e, content, WC_TEXT_MAX);
    if (p->n == 0 && !p->e->private_chat && !p->quoted) {
        struct wc_called m = wc_called_find(text, strlen(text), p->d->names);
        if (m.name) {
            wc_part(p, SEGMENT_AT, "at", p->d->self_id, event_string(p->e, m.name, m.name_len));
            text += m.end;
        }
    }
    if (*text || p->n == 0)
        wc_part(p, SEGMENT_TEXT, "text", "", text);
}

/* A picture or file: its address and key go into the vault. */
static void wc_part_media(struct wc_parts *p, enum segment_type type, const char *kind,
                          const struct json *o)
{
    const struct json *url = json_get(o, "url");
    const char *key = json_text(json_get(o, "aeskey"));
    key = key && strlen(key) > WC_AESKEY_MAX ? "?" : key; /* none: said when the file is wanted */
    char id[WC_MEDIA_ID] = "";
    if (json_is(url, JSON_STRING) && url->len && url->len <= WC_URL_MAX && p->d->g && !p->quoted)
        wc_vault_put(p->d->g, url->s, key ? key : "", id);
    wc_part(p, type, kind, event_string(p->e, id, strlen(id)), "");
}

static bool wc_parts_of(struct wc_parts *p, const char *msgtype, const struct json *o, bool nested);

/* Items of kinds that are not known are left out. */
static bool wc_part_mixed(struct wc_parts *p, const struct json *mixed)
{
    const struct json *items = json_get(mixed, "msg_item");
    bool any = false;
    if (json_is(items, JSON_OBJECT)) /* one, without the list around it */
        return wc_parts_of(p, json_text(json_get(items, "msgtype")), items, true);
    for (const struct json *v = json_is(items, JSON_ARRAY) ? json_first(items) : NULL; v;
         v = json_next(v))
        any = wc_parts_of(p, json_text(json_get(v, "msgtype")), v, true) || any;
    return any;
}

/* The content of a message, of an item, or of a quotation; false: nothing that is known. */
static bool wc_parts_of(struct wc_parts *p, const char *msgtype, const struct json *o, bool nested)
{
    static const struct {
        const char *name;
        enum segment_type type;
    } media[] = {{"image", SEGMENT_IMAGE}, {"file", SEGMENT_FILE}, {"video", SEGMENT_VIDEO}};
    if (!msgtype)
        return false;
    const struct json *part = json_get(o, msgtype);
    if (!json_is(part, JSON_OBJECT))
        return false;
    const struct json *content = json_get(part, "content");
    bool said = content && (content->type == JSON_STRING || content->type == JSON_NUMBER);
    if (strcmp(msgtype, "text") == 0) {
        if (said)
            wc_part_text(p, content);
        return said;
    }
    if (strcmp(msgtype, "voice") == 0) {
        wc_part(p, SEGMENT_VOICE, "voice", "", wc_text(p->e, content, WC_TEXT_MAX));
        return true;
    }
    for (size_t i = 0; i < sizeof media / sizeof media[0]; i++) {
        if (strcmp(msgtype, media[i].name) != 0)
            continue;
        wc_part_media(p, media[i].type, media[i].name, part);
        return true;
    }
    return !nested && strcmp(msgtype, "mixed") == 0 && wc_part_mixed(p, part);
}

/* Appends the parts to the event's segments. */
static void wc_parts_keep(struct event *e, const struct wc_parts *p)
{
    size_t was = (size_t)e->nsegments, n = was + (size_t)p->n;
    struct segment *all = event_room(e, (n ? n : 1) * sizeof *all);
    if (was)
        memcpy(all, e->segments, was * sizeof *all);
    memcpy(all + was, p->s, (size_t)p->n * sizeof *all);
    e->segments = all;
    e->nsegments = (int)n;
}

/* What was quoted: another person's words, without id, author or time. It stands apart from the text, so that no command is heard in it. */
static void wc_quote(struct wc_decode *d, struct event *e, const struct json *quote)
{
    static struct wc_parts p;
    static struct buf text;
    p = (struct wc_parts){.d = d, .e = e, .quoted = true};
    if (!wc_parts_of(&p, json_text(json_get(quote, "msgtype")), quote, false))
        return;
    buf_reset(&text);
    plain_text(&text, p.s, p.n, NULL);
    const char *words = event_string(e, text.data, utf8_cut(text.data, text.len, WC_QUOTE_MAX));
    p.n = 0;
    wc_part(&p, SEGMENT_REPLY, "quote", "", words);
    wc_parts_keep(e, &p);
}

/* ---- messages ---- */

static enum wc_verdict wc_message_fill(struct wc_decode *d, struct event *e,
                                       const struct json *body)
{
    static struct wc_parts p;
    static struct buf text;
    const char *type = json_text(json_get(body, "msgtype"));
    wc_time(d, e, body);
    if (!wc_origin(d, e, body))
        return WC_MALFORMED;
    p = (struct wc_parts){.d = d, .e = e};
    if (!wc_parts_of(&p, type, body, false)) {
        d->why = "msgtype";
        return WC_IGNORED;
    }
    wc_quote(d, e, json_get(body, "quote"));
    wc_parts_keep(e, &p);
    buf_reset(&text);
    plain_text(&text, e->segments, e->nsegments, d->self_id);
    e->text = event_string(e, text.data, utf8_cut(text.data, text.len, WC_TEXT_MAX));
    e->message_id = wc_id(e, json_get(body, "msgid"));
    wc_key(d, e, 'm', e->message_id);
    wc_ref(d, e, 'm', NULL, NULL);
    return WC_EVENT;
}

static enum wc_verdict wc_finish(struct event *e, enum wc_verdict v, struct event **out)
{
    if (v == WC_EVENT)
        *out = e;
    else
        event_free(e);
    return v;
}

enum wc_verdict wc_message_decode(struct wc_decode *d, const struct json *body, struct event **out)
{
    *out = NULL;
    d->why = "body";
    if (!json_is(body, JSON_OBJECT))
        return WC_MALFORMED;
    struct event *e = event_new(EVENT_MESSAGE, 0);
    return wc_finish(e, wc_message_fill(d, e, body), out);
}

/* ---- events ---- */

/* The options that were chosen on a card: one segment each, `selected`, the question as id and the option as text. */
static void wc_selected_item(struct wc_parts *p, const struct json *item)
{
    const char *question = wc_text(p->e, json_get(item, "question_key"), WC_NAME_MAX);
    const struct json *ids = json_get(json_get(item, "option_ids"), "option_id");
    if (json_is(ids, JSON_STRING))
        wc_part(p, SEGMENT_OTHER, "selected", question, wc_text(p->e, ids, WC_NAME_MAX));
    for (const struct json *v = json_is(ids, JSON_ARRAY) ? json_first(ids) : NULL; v;
         v = json_next(v))
        wc_part(p, SEGMENT_OTHER, "selected", question, wc_text(p->e, v, WC_NAME_MAX));
}

static void wc_selected(struct wc_parts *p, const struct json *detail)
{
    const struct json *items = json_get(json_get(detail, "selected_items"), "selected_item");
    if (json_is(items, JSON_OBJECT))
        wc_selected_item(p, items);
    for (const struct json *v = json_is(items, JSON_ARRAY) ? json_first(items) : NULL; v;
         v = json_next(v))
        wc_selected_item(p, v);
}

static void wc_fill_card(struct wc_decode *d, struct event *e, const struct json *detail,
                         const char *id)
{
    static struct wc_parts p;
    e->type = EVENT_BUTTON;
    e->sub = wc_text(e, json_get(detail, "card_type"), WC_NAME_MAX);
    e->text = wc_text(e, json_get(detail, "event_key"), WC_TEXT_MAX);
    e->message_id = wc_id(e, json_get(detail, "task_id"));
    p = (struct wc_parts){.d = d, .e = e};
    wc_selected(&p, detail);
    wc_parts_keep(e, &p);
    wc_key(d, e, 'b', id);
    wc_ref(d, e, 'c', e->message_id, e->sub);
}

static void wc_fill_feedback(struct wc_decode *d, struct event *e, const struct json *detail,
                             const char *id)
{
    static struct wc_parts p;
    e->type = EVENT_OTHER;
    e->sub = "feedback";
    e->text = wc_text(e, json_get(detail, "content"), WC_TEXT_MAX);
    e->message_id = wc_id(e, json_get(detail, "id"));
    json_int(json_get(detail, "type"), &e->number);
    p = (struct wc_parts){.d = d, .e = e};
    const struct json *reasons = json_get(detail, "inaccurate_reason_list");
    for (const struct json *v = json_is(reasons, JSON_ARRAY) ? json_first(reasons) : NULL; v;
         v = json_next(v))
        wc_part(&p, SEGMENT_OTHER, "reason", "", wc_text(e, v, WC_NAME_MAX));
    wc_parts_keep(e, &p);
    wc_key(d, e, 'f', id);
}

static void wc_fill_enter(struct wc_decode *d, struct event *e, const char *id)
{
    e->type = EVENT_ENTER;
    e->private_chat = true;
    e->chat = event_prefixed(e, '@', e->user);
    wc_key(d, e, 'e', id);
    wc_ref(d, e, 'w', NULL, NULL);
}

static enum wc_verdict wc_event_fill(struct wc_decode *d, struct event *e, const struct json *body,
                                     const struct json *event, const char *type)
{
    /* official text: nested under the type's name; official typings: flat */
    const struct json *nested = json_get(event, type);
    const struct json *detail = json_is(nested, JSON_OBJECT) ? nested : event;
    bool enter = strcmp(type, "enter_chat") == 0, card = strcmp(type, "template_card_event") == 0;
    if (!enter && !card && strcmp(type, "feedback_event") != 0) {
        d->why = "eventtype";
        return WC_IGNORED;
    }
    wc_time(d, e, body);
    if (!wc_origin(d, e, body))
        return WC_MALFORMED;
    const char *id = wc_id(e, json_get(body, "msgid"));
    if (enter)
        wc_fill_enter(d, e, id);
    else if (card)
        wc_fill_card(d, e, detail, id);
    else
        wc_fill_feedback(d, e, detail, id);
    return WC_EVENT;
}

enum wc_verdict wc_event_decode(struct wc_decode *d, const struct json *body, struct event **out)
{
    *out = NULL;
    d->why = "body";
    if (!json_is(body, JSON_OBJECT))
        return WC_MALFORMED;
    const struct json *event = json_get(body, "event");
    const char *type = json_text(json_get(event, "eventtype"));
    d->why = "event";
    if (!type)
        return WC_MALFORMED;
    if (strcmp(type, "disconnected_event") == 0) /* it has no sender */
        return WC_SUPERSEDED_BY;
    struct event *e = event_new(EVENT_OTHER, 0);
    return wc_finish(e, wc_event_fill(d, e, body, event, type), out);
}
