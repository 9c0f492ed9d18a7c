/* event_json.c -- see event_json.h. */
#include "engine/turn/event_json.h"

#include <stddef.h>
#include <string.h>

#include "base/buf.h"
#include "gateway/json.h"

static const struct {
    const char *name;
    size_t at;
} event_json_texts[] = {
    {"user", offsetof(struct event, user)},         {"name", offsetof(struct event, name)},
    {"role", offsetof(struct event, role)},         {"op", offsetof(struct event, operator_id)},
    {"target", offsetof(struct event, target)},     {"id", offsetof(struct event, message_id)},
    {"reply_to", offsetof(struct event, reply_to)}, {"sub", offsetof(struct event, sub)},
    {"flag", offsetof(struct event, flag)},         {"ref", offsetof(struct event, ref)},
    {"text", offsetof(struct event, text)},         {"via", offsetof(struct event, via)}};

static const struct {
    const char *name;
    size_t at;
} event_json_flags[] = {{"at_me", offsetof(struct event, at_me)},
                        {"at_other", offsetof(struct event, at_other)},
                        {"private", offsetof(struct event, private_chat)},
                        {"bot", offsetof(struct event, from_bot)},
                        {"history", offsetof(struct event, history)},
                        {"late", offsetof(struct event, late)}};

static const char *const event_json_segments[] = {
    "text", "at", "image", "face", "reply", "voice", "video", "file", "card", "forward", "other"};

enum { EVENT_JSON_SEGMENTS = sizeof event_json_segments / sizeof event_json_segments[0] };

static void event_json_text(struct buf *out, const char *s)
{
    buf_add_json(out, s, strlen(s));
}

static void event_json_write_segments(const struct event *e, struct buf *out)
{
    if (e->nsegments == 1 && e->segments[0].type == SEGMENT_TEXT &&
        strcmp(e->segments[0].text, e->text) == 0)
        return;
    buf_adds(out, ",\"segs\":[");
    for (int i = 0; i < e->nsegments; i++) {
        const struct segment *s = &e->segments[i];
        const char *type =
            (unsigned)s->type < EVENT_JSON_SEGMENTS ? event_json_segments[s->type] : "other";
        buf_addf(out, "%s[\"%s\",", i ? "," : "", type);
        event_json_text(out, s->id);
        buf_addc(out, ',');
        event_json_text(out, s->text);
        if (strcmp(s->kind, type) != 0) {
            buf_addc(out, ',');
            event_json_text(out, s->kind);
        }
        buf_addc(out, ']');
    }
    buf_addc(out, ']');
}

void event_json_write(const struct event *e, struct buf *out)
{
    buf_addf(out, "{\"type\":\"%s\"", event_type_name(e->type));
    for (size_t i = 0; i < sizeof event_json_texts / sizeof event_json_texts[0]; i++) {
        const char *s =
            *(const char *const *)(const void *)((const char *)e + event_json_texts[i].at);
        if (!s || !*s)
            continue;
        buf_adds(out, ",\"");
        buf_adds(out, event_json_texts[i].name);
        buf_adds(out, "\":");
        event_json_text(out, s);
    }
    for (size_t i = 0; i < sizeof event_json_flags / sizeof event_json_flags[0]; i++)
        if (*((const bool *)((const char *)e + event_json_flags[i].at)))
            buf_addf(out, ",\"%s\":true", event_json_flags[i].name);
    if (e->number)
        buf_addf(out, ",\"number\":%lld", (long long)e->number);
    buf_adds(out, ",\"time\":");
    buf_addi(out, e->time_ms);
    if (e->nsegments)
        event_json_write_segments(e, out);
    buf_addc(out, '}');
}

static const char *event_json_keep(struct event *e, const struct json *v)
{
    return json_is(v, JSON_STRING) && v->len ? event_string(e, v->s, v->len) : "";
}

static enum segment_type event_json_segment_type(const char *name)
{
    for (int i = 0; name && i < EVENT_JSON_SEGMENTS; i++)
        if (strcmp(event_json_segments[i], name) == 0)
            return (enum segment_type)i;
    return SEGMENT_OTHER;
}

/* ["type","id","text","kind"] */
static void event_json_read_segment(struct event *e, const struct json *list, struct segment *s)
{
    const struct json *parts[4] = {NULL};
    int n = 0;
    for (const struct json *v = json_first(list); v && n < 4; v = json_next(v))
        parts[n++] = v;
    s->type = event_json_segment_type(json_text(parts[0]));
    s->id = event_json_keep(e, parts[1]);
    s->text = event_json_keep(e, parts[2]);
    s->kind = parts[3] ? event_json_keep(e, parts[3]) : event_json_segments[s->type];
}

static void event_json_read_segments(struct event *e, const struct json *list)
{
    int n = json_is(list, JSON_ARRAY) ? (int)list->len : 0, i = 0;
    if (!n && e->type == EVENT_MESSAGE && *e->text) {
        struct segment *one = event_room(e, sizeof *one);
        *one = (struct segment){SEGMENT_TEXT, "text", "", e->text};
        e->segments = one;
        e->nsegments = 1;
        return;
    }
    if (!n)
        return;
    struct segment *segments = event_room(e, (size_t)n * sizeof *segments);
    for (const struct json *item = json_first(list); item; item = json_next(item))
        event_json_read_segment(e, item, &segments[i++]);
    e->segments = segments;
    e->nsegments = n;
}

static int64_t event_json_number(const struct json *v)
{
    int64_t n = 0;
    return json_is(v, JSON_NUMBER) && json_int(v, &n) ? n : 0;
}

/* One member of the object. */
static void event_json_take(struct event *e, const struct json *v)
{
    if (v->type == JSON_STRING) {
        for (size_t i = 0; i < sizeof event_json_texts / sizeof event_json_texts[0]; i++)
            if (strcmp(event_json_texts[i].name, v->key) == 0)
                *(const char **)(void *)((char *)e + event_json_texts[i].at) =
                    event_json_keep(e, v);
        return;
    }
    for (size_t i = 0; i < sizeof event_json_flags / sizeof event_json_flags[0]; i++)
        if (v->type == JSON_TRUE && strcmp(event_json_flags[i].name, v->key) == 0)
            *((bool *)((char *)e + event_json_flags[i].at)) = true;
}

struct event *event_json_read(const struct json *o, const char *chat)
{
    const char *type = json_text(json_get(o, "type"));
    int known = type ? event_type_parse(type) : -1;
    if (known < 0)
        return NULL;
    struct event *e = event_new((enum event_type)known, 0);
    e->chat = event_string(e, chat, strlen(chat));
    for (const struct json *v = json_first(o); v; v = json_next(v))
        event_json_take(e, v);
    e->number = event_json_number(json_get(o, "number"));
    e->time_ms = e->arrived_ms = event_json_number(json_get(o, "time"));
    event_json_read_segments(e, json_get(o, "segs"));
    return e;
}
