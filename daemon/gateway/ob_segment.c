/* ob_segment.c -- messages in and out: the three shapes of a received `message` become segments; out-going segments become
 * JSON, with string values only. */
#include <string.h>

#include "base/utf8.h"
#include "gateway/ob.h"

/* The data of one received segment: a JSON object, or the fields of a CQ code. */
struct ob_data {
    const struct json *json;
    const struct ob_cq_segment *cq;
    struct event *e;
};

static const char *ob_data_cq(const struct ob_data *d, const char *key)
{
    size_t klen = strlen(key);
    for (int i = 0; i < d->cq->nfields; i++) {
        const struct ob_cq_field *f = &d->cq->fields[i];
        if (f->klen != klen || memcmp(f->key, key, klen) != 0)
            continue;
        static struct buf value;
        buf_reset(&value);
        ob_cq_unescape(&value, f->value, f->vlen < OB_TEXT_MAX ? f->vlen : OB_TEXT_MAX);
        return event_string(d->e, value.data, value.len);
    }
    return "";
}

/* A value as text: numbers keep their digits, true and false are words, the rest is "". */
static const char *ob_data_get(const struct ob_data *d, const char *key)
{
    if (d->cq)
        return ob_data_cq(d, key);
    const struct json *v = json_get(d->json, key);
    if (!v)
        return "";
    switch (v->type) {
    case JSON_STRING:
    case JSON_NUMBER: return event_string(d->e, v->s, utf8_cut(v->s, v->len, OB_TEXT_MAX));
    case JSON_TRUE: return "true";
    case JSON_FALSE: return "false";
    default: return "";
    }
}

static const char *ob_data_first(const struct ob_data *d, const char *a, const char *b)
{
    const char *s = ob_data_get(d, a);
    return *s ? s : ob_data_get(d, b);
}

/* The line that people see of a card (a mini-program, an invitation ...). */
static const char *ob_card_prompt(const struct ob_data *d, const char *text)
{
    static struct json_doc inner; /* the card is a JSON text inside the frame's JSON */
    static struct buf copy;
    if (d->json && json_is(json_get(d->json, "data"), JSON_OBJECT))
        return ob_event_text(d->e, json_get(json_get(d->json, "data"), "prompt"), OB_NAME_MAX);
    buf_reset(&copy);
    buf_adds(&copy, text);
    const struct json *card = copy.len ? json_parse(&inner, copy.data, copy.len) : NULL;
    const char *prompt = card ? ob_event_text(d->e, json_get(card, "prompt"), OB_NAME_MAX) : "";
    json_doc_free(&inner);
    buf_free(&copy);
    return prompt;
}

static void ob_text_fill(struct segment *s, struct event *e, const char *text, size_t len)
{
    s->type = SEGMENT_TEXT;
    len = utf8_cut(text, len, OB_TEXT_MAX);
    if (!memchr(text, '\r', len)) {
        s->text = event_string(e, text, len);
        return;
    }
    char *w = event_room(e, len + 1); /* line ends become \n */
    s->text = w;
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\r')
            *w++ = text[i];
        else if (i + 1 == len || text[i + 1] != '\n')
            *w++ = '\n';
    }
}

enum ob_kind {
    OB_KIND_AT,
    OB_KIND_FACE,
    OB_KIND_REPLY,
    OB_KIND_MEDIA, /* image, record, video */
    OB_KIND_FILE,
    OB_KIND_FORWARD,
    OB_KIND_CARD,
    OB_KIND_TITLED /* share, location, music, markdown, mface ... */
};
static const struct {
    const char *name;
    enum ob_kind kind;
    enum segment_type type;
} ob_kinds[] = {
    {"at", OB_KIND_AT, SEGMENT_AT},           {"image", OB_KIND_MEDIA, SEGMENT_IMAGE},
    {"face", OB_KIND_FACE, SEGMENT_FACE},     {"reply", OB_KIND_REPLY, SEGMENT_REPLY},
    {"record", OB_KIND_MEDIA, SEGMENT_VOICE}, {"video", OB_KIND_MEDIA, SEGMENT_VIDEO},
    {"file", OB_KIND_FILE, SEGMENT_FILE},     {"forward", OB_KIND_FORWARD, SEGMENT_FORWARD},
    {"json", OB_KIND_CARD, SEGMENT_CARD},     {"xml", OB_KIND_TITLED, SEGMENT_CARD},
};

static void ob_fill_known(struct segment *s, const struct ob_data *d, enum ob_kind kind)
{
    switch (kind) {
    case OB_KIND_AT:
        s->id = ob_data_get(d, "qq");
        s->text = ob_data_get(d, "name");
        break;
    case OB_KIND_FACE:
    case OB_KIND_REPLY:
    case OB_KIND_FORWARD: s->id = ob_data_get(d, "id"); break;
    case OB_KIND_MEDIA:
        s->id = ob_data_first(d, "url", "file");
        s->text = ob_data_get(d, "summary");
        break;
    case OB_KIND_FILE:
        s->id = ob_data_first(d, "file_id", "url");
        s->text = ob_data_first(d, "name", "file");
        break;
    case OB_KIND_CARD: s->text = ob_card_prompt(d, ob_data_get(d, "data")); break;
    case OB_KIND_TITLED: break;
    }
}

static void ob_fill(struct segment *s, struct event *e, const char *type, size_t type_len,
                    const struct ob_data *d)
{
    s->id = s->text = "";
    type_len = utf8_cut(type, type_len, 32);
    for (size_t i = 0; i < sizeof ob_kinds / sizeof ob_kinds[0]; i++) {
        if (strlen(ob_kinds[i].name) != type_len || memcmp(ob_kinds[i].name, type, type_len) != 0)
            continue;
        s->type = ob_kinds[i].type;
        s->kind = ob_kinds[i].name;
        ob_fill_known(s, d, ob_kinds[i].kind);
        return;
    }
    s->type = SEGMENT_OTHER;
    s->kind = event_string(e, type, type_len);
    s->text = ob_data_first(d, "content", "summary");
    if (!*s->text)
        s->text = ob_data_get(d, "title");
    s->id = ob_data_get(d, "id");
}

/* One JSON segment; false: not even an object with a type. */
static bool ob_segment_json(struct segment *s, struct event *e, const struct json *v)
{
    const struct json *type = json_get(v, "type");
    if (!json_is(type, JSON_STRING) || !type->len)
        return false;
    struct ob_data d = {.json = json_get(v, "data"), .e = e};
    if (type->len == 4 && memcmp(type->s, "text", 4) == 0) {
        const struct json *text = json_get(d.json, "text");
        bool has = text && (text->type == JSON_STRING || text->type == JSON_NUMBER);
        s->kind = "text";
        s->id = s->text = "";
        ob_text_fill(s, e, has ? text->s : "", has ? text->len : 0);
        return true;
    }
    ob_fill(s, e, type->s, type->len, &d);
    return true;
}

static int ob_segments_json(struct event *e, const struct json *list, struct segment *out, int room)
{
    int n = 0;
    for (const struct json *v = json_first(list); v && n < room; v = json_next(v))
        n += ob_segment_json(&out[n], e, v);
    return n;
}

static int ob_segments_cq(struct event *e, const char *s, size_t len, struct segment *out, int room)
{
    static struct buf text;
    struct ob_cq_segment cq;
    const char *end = s + len;
    int n = 0;
    while (n < room && ob_cq_next(&s, end, &cq)) {
        struct segment *seg = &out[n++];
        seg->id = seg->text = "";
        seg->kind = "text";
        if (cq.value) {
            buf_reset(&text);
            ob_cq_unescape(&text, cq.value, cq.value_len);
            ob_text_fill(seg, e, text.data, text.len);
            continue;
        }
        struct ob_data d = {.cq = &cq, .e = e};
        if (cq.type_len == 4 && memcmp(cq.type, "text", 4) == 0) {
            const char *t = ob_data_get(&d, "text");
            ob_text_fill(seg, e, t, strlen(t));
        } else {
            ob_fill(seg, e, cq.type, cq.type_len, &d);
        }
    }
    return n;
}

/* At most how many segments a text in CQ format can hold. */
static int ob_cq_bound(const char *s, size_t len)
{
    int n = 1;
    for (const char *p = s, *end = s + len; (p = memchr(p, '[', (size_t)(end - p))) != NULL; p++)
        if (++n >= OB_SEGMENTS_MAX / 2)
            break;
    return 2 * n;
}

void ob_segments_decode(struct event *e, const struct json *message)
{
    if (!message)
        return;
    int room = 1, n = 0;
    struct segment *out = NULL;
    if (message->type == JSON_ARRAY) {
        room = message->len < OB_SEGMENTS_MAX ? (int)message->len : OB_SEGMENTS_MAX;
        out = event_room(e, sizeof *out * (size_t)(room ? room : 1));
        n = ob_segments_json(e, message, out, room);
    } else if (message->type == JSON_OBJECT) {
        out = event_room(e, sizeof *out);
        n = ob_segment_json(out, e, message);
    } else if (message->type == JSON_STRING && message->len) {
        size_t len = utf8_cut(message->s, message->len, 4 * (size_t)OB_TEXT_MAX);
        room = ob_cq_bound(message->s, len);
        out = event_room(e, sizeof *out * (size_t)room);
        n = ob_segments_cq(e, message->s, len, out, room);
    }
    e->segments = out;
    e->nsegments = n;
}

bool ob_segment_encode(struct buf *out, const struct out_segment *s, bool after_at)
{
    static const char *const open[] = {
        [SEGMENT_TEXT] = "{\"type\":\"text\",\"data\":{\"text\":",
        [SEGMENT_AT] = "{\"type\":\"at\",\"data\":{\"qq\":",
        [SEGMENT_IMAGE] = "{\"type\":\"image\",\"data\":{\"file\":",
        [SEGMENT_FACE] = "{\"type\":\"face\",\"data\":{\"id\":",
        [SEGMENT_REPLY] = "{\"type\":\"reply\",\"data\":{\"id\":",
    };
    if ((unsigned)s->type > SEGMENT_REPLY)
        return false;
    const char *value = s->type == SEGMENT_TEXT ? s->text : s->id;
    size_t len = s->type == SEGMENT_TEXT ? s->text_len : value ? strlen(value) : 0;
    if (!len)
        return false;
    buf_adds(out, open[s->type]);
    size_t at = out->len;
    buf_add_json(out, value, len);
    if (after_at && s->type == SEGMENT_TEXT && *value != ' ' && *value != '\n') {
        buf_addc(out, ' '); /* receivers see no gap behind a mention otherwise */
        memmove(out->data + at + 2, out->data + at + 1, out->len - at - 2);
        out->data[at + 1] = ' ';
    }
    buf_add(out, "}}", 2);
    return true;
}

static int ob_segments_encode_some(struct buf *out, const struct out_message *m, bool quotation,
                                   int n)
{
    bool after_at = false, private_chat = *m->chat == '@';
    for (int i = 0; i < m->nsegments; i++) {
        const struct out_segment *s = &m->segments[i];
        if ((s->type == SEGMENT_REPLY) != quotation || (private_chat && s->type == SEGMENT_AT))
            continue;
        size_t before = out->len;
        if (n)
            buf_addc(out, ',');
        if (!ob_segment_encode(out, s, after_at)) {
            out->len = before;
            continue;
        }
        n++;
        after_at = s->type == SEGMENT_AT;
        if (quotation)
            break; /* at most one */
    }
    return n;
}

int ob_segments_encode(struct buf *out, const struct out_message *m)
{
    buf_addc(out, '[');
    int quoted = ob_segments_encode_some(out, m, true, 0);
    int n = ob_segments_encode_some(out, m, false, quoted);
    buf_addc(out, ']');
    return n == quoted ? 0 : n; /* a quotation alone is no message */
}
