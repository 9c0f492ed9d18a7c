/* event_json.c -- see event_json.h. */
#include "engine/event_json.h"

#include <cjson/cJSON.h>
#include <stddef.h>
#include <string.h>

#include "base/buf.h"

static const struct {
    const char *name;
    size_t at;
} event_json_texts[] = {
    {"user", offsetof(struct event, user)},          {"name", offsetof(struct event, name)},
    {"role", offsetof(struct event, role)},          {"op", offsetof(struct event, operator_id)},
    {"target", offsetof(struct event, target)},      {"id", offsetof(struct event, message_id)},
    {"reply_to", offsetof(struct event, reply_to)},  {"sub", offsetof(struct event, sub)},
    {"flag", offsetof(struct event, flag)},          {"text", offsetof(struct event, text)},
    {"chat_name", offsetof(struct event, chat_name)}};

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
        buf_addf(out, ",\"%s\":", event_json_texts[i].name);
        event_json_text(out, s);
    }
    for (size_t i = 0; i < sizeof event_json_flags / sizeof event_json_flags[0]; i++)
        if (*((const bool *)((const char *)e + event_json_flags[i].at)))
            buf_addf(out, ",\"%s\":true", event_json_flags[i].name);
    if (e->number)
        buf_addf(out, ",\"number\":%lld", (long long)e->number);
    buf_addf(out, ",\"time\":%lld", (long long)e->time_ms);
    if (e->nsegments)
        event_json_write_segments(e, out);
    buf_addc(out, '}');
}

static const char *event_json_keep(struct event *e, const cJSON *v)
{
    const char *s = cJSON_GetStringValue(v);
    return s ? event_string(e, s, strlen(s)) : "";
}

static enum segment_type event_json_segment_type(const char *name)
{
    for (int i = 0; name && i < EVENT_JSON_SEGMENTS; i++)
        if (strcmp(event_json_segments[i], name) == 0)
            return (enum segment_type)i;
    return SEGMENT_OTHER;
}

static void event_json_read_segments(struct event *e, const cJSON *list)
{
    int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0, i = 0;
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
    const cJSON *item;
    cJSON_ArrayForEach (item, list) {
        const char *type = cJSON_GetStringValue(cJSON_GetArrayItem(item, 0));
        struct segment *s = &segments[i++];
        s->type = event_json_segment_type(type);
        s->id = event_json_keep(e, cJSON_GetArrayItem(item, 1));
        s->text = event_json_keep(e, cJSON_GetArrayItem(item, 2));
        const cJSON *kind = cJSON_GetArrayItem(item, 3);
        s->kind = kind ? event_json_keep(e, kind) : event_json_segments[s->type];
    }
    e->segments = segments;
    e->nsegments = n;
}

struct event *event_json_read(const struct cJSON *o, const char *chat)
{
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "type"));
    int known = type ? event_type_parse(type) : -1;
    if (known < 0)
        return NULL;
    struct event *e = event_new((enum event_type)known, 0);
    e->chat = event_string(e, chat, strlen(chat));
    for (size_t i = 0; i < sizeof event_json_texts / sizeof event_json_texts[0]; i++) {
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, event_json_texts[i].name);
        *(const char **)(void *)((char *)e + event_json_texts[i].at) = event_json_keep(e, v);
    }
    for (size_t i = 0; i < sizeof event_json_flags / sizeof event_json_flags[0]; i++)
        *((bool *)((char *)e + event_json_flags[i].at)) =
            cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, event_json_flags[i].name));
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(o, "number");
    const cJSON *time = cJSON_GetObjectItemCaseSensitive(o, "time");
    e->number = cJSON_IsNumber(number) ? (int64_t)number->valuedouble : 0;
    e->time_ms = e->arrived_ms = cJSON_IsNumber(time) ? (int64_t)time->valuedouble : 0;
    event_json_read_segments(e, cJSON_GetObjectItemCaseSensitive(o, "segs"));
    return e;
}
