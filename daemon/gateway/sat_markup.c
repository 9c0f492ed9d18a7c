/* sat_markup.c -- element markup and messages: a received content becomes segments and the text that scripts match, an out-going
 * message becomes content. Everything of people goes through sat_add_text or sat_add_value: nobody can write an element. */
#include <string.h>

#include "base/utf8.h"
#include "gateway/plain.h"
#include "gateway/sat.h"
#include "gateway/sat_element.h"

/* ---- content -> event ---- */

/* One message being read. Text gathers until something else comes. */
struct sat_reading {
    struct event *e;
    struct segment *out;
    int n;
    struct buf *text;
    bool wrap; /* a paragraph ended: what follows begins a new line */
    bool line; /* text has gathered or a segment is there */
    const char *self;
};
static struct sat_tree sat_inbound; /* one content at a time */

static void sat_read_text(struct sat_reading *r, const char *s, size_t len)
{
    bool open = r->line && (!r->text->len || r->text->data[r->text->len - 1] != '\n');
    if (!len)
        return;
    if (r->wrap && open)
        buf_addc(r->text, '\n');
    r->wrap = false;
    r->line = true;
    for (size_t i = 0; i < len; i++) { /* line ends become \n */
        if (s[i] != '\r')
            buf_addc(r->text, s[i]);
        else if (i + 1 == len || s[i + 1] != '\n')
            buf_addc(r->text, '\n');
    }
}

static struct segment *sat_read_add(struct sat_reading *r, enum segment_type type, const char *kind)
{
    static struct segment spare;
    struct segment *s = r->n < SAT_SEGMENTS_MAX ? &r->out[r->n++] : &spare;
    *s = (struct segment){.type = type, .kind = kind, .id = "", .text = ""};
    return s;
}

static void sat_read_flush(struct sat_reading *r)
{
    if (!r->text->len)
        return;
    struct segment *s = sat_read_add(r, SEGMENT_TEXT, "text");
    s->text =
        event_string(r->e, r->text->data, utf8_cut(r->text->data, r->text->len, SAT_TEXT_MAX));
    buf_reset(r->text);
}

static struct segment *sat_read_segment(struct sat_reading *r, enum segment_type type,
                                        const char *kind)
{
    sat_read_flush(r);
    r->line = true;
    r->wrap = false;
    return sat_read_add(r, type, kind);
}

/* The value of the first of two attributes that is there, "" if none is or it is longer than max. */
static const char *sat_read_attr(struct sat_reading *r, const struct sat_node *n, const char *a,
                                 const char *b, size_t max)
{
    const struct sat_attr *v = sat_node_attr(&sat_inbound, n, a);
    if ((!v || !v->value.len) && b)
        v = sat_node_attr(&sat_inbound, n, b);
    return v && v->value.len <= max ? event_string(r->e, v->value.s, v->value.len) : "";
}

/* An id without control characters. */
static const char *sat_read_id(struct sat_reading *r, const struct sat_node *n)
{
    const char *id = sat_read_attr(r, n, "id", NULL, EVENT_ID_MAX);
    for (const char *p = id; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            return "";
    return id;
}

/* A name for people, cut and cleaned; of the attribute, else of the text inside. */
static const char *sat_read_name(struct sat_reading *r, const struct sat_node *n, const char *key)
{
    static struct buf clean;
    const struct sat_attr *v = sat_node_attr(&sat_inbound, n, key);
    struct sat_slice s = v ? v->value : (struct sat_slice){"", 0};
    for (uint32_t i = 1; !s.len && i <= n->below; i++)
        if (n[i].text)
            s = n[i].s;
    if (s.len && *s.s == '@') {
        s.s++;
        s.len--;
    }
    buf_reset(&clean);
    utf8_clean(&clean, s.s, utf8_cut(s.s, s.len, SAT_NAME_MAX));
    return event_string(r->e, clean.data, clean.len);
}

static void sat_read_marked(struct sat_reading *r, char mark, const char *name)
{
    sat_read_text(r, &mark, 1);
    sat_read_text(r, name, strlen(name));
}

static void sat_read_at(struct sat_reading *r, const struct sat_node *n)
{
    const char *type = sat_read_attr(r, n, "type", NULL, 16), *id = sat_read_id(r, n);
    if (strcmp(type, "all") == 0 || strcmp(type, "here") == 0)
        id = "all";
    if (*id) {
        struct segment *s = sat_read_segment(r, SEGMENT_AT, "at");
        s->id = id;
        s->text = strcmp(id, "all") == 0 ? "" : sat_read_name(r, n, "name");
        if (*r->self && strcmp(id, r->self) == 0)
            r->e->at_me = true;
        else
            r->e->at_other = true;
        return;
    }
    const char *name = sat_read_name(r, n, "name");
    if (!*name)
        name = sat_read_name(r, n, "role");
    if (!*name)
        return;
    sat_read_marked(r, '@', name); /* a role, or somebody without an id */
    r->e->at_other = true;
}

static void sat_read_media(struct sat_reading *r, const struct sat_node *n, enum segment_type type,
                           const char *kind)
{
    struct segment *s = sat_read_segment(r, type, kind);
    s->id = sat_read_attr(r, n, "src", "url", SAT_SRC_MAX);
    if (type == SEGMENT_FILE)
        s->text = sat_read_name(r, n, "title");
}

static void sat_read_quote(struct sat_reading *r, const struct sat_node *n)
{
    const char *id = sat_read_id(r, n);
    if (!*id || *r->e->reply_to)
        return;
    sat_read_segment(r, SEGMENT_REPLY, "quote")->id = id;
    r->e->reply_to = id;
}

/* Elements whose meaning is their own and not that of what they hold. True: done, leave out what is inside. */
static bool sat_read_element(struct sat_reading *r, const struct sat_node *n)
{
    static const struct {
        const char *name, *kind;
        enum segment_type type;
    } media[] = {{"img", "img", SEGMENT_IMAGE},
                 {"image", "img", SEGMENT_IMAGE},
                 {"audio", "audio", SEGMENT_VOICE},
                 {"video", "video", SEGMENT_VIDEO},
                 {"file", "file", SEGMENT_FILE}};
    for (size_t i = 0; i < sizeof media / sizeof media[0]; i++) {
        if (!sat_node_is(n, media[i].name))
            continue;
        sat_read_media(r, n, media[i].type, media[i].kind);
        return true;
    }
    if (sat_node_is(n, "at")) {
        sat_read_at(r, n);
    } else if (sat_node_is(n, "quote")) {
        sat_read_quote(r, n);
    } else if (sat_node_is(n, "sharp")) {
        const char *name = sat_read_name(r, n, "name");
        sat_read_marked(r, '#', *name ? name : sat_read_id(r, n));
    } else if (sat_node_is(n, "emoji") || sat_node_is(n, "face")) {
        bool face = sat_node_is(n, "face");
        struct segment *s = sat_read_segment(r, SEGMENT_FACE, face ? "face" : "emoji");
        s->id = sat_read_id(r, n);
        s->text = sat_read_name(r, n, "name");
    } else if (sat_node_is(n, "br")) {
        r->wrap = false;
        sat_read_text(r, "\n", 1);
    } else if (sat_node_is(n, "message") && sat_node_attr(&sat_inbound, n, "forward")) {
        sat_read_segment(r, SEGMENT_FORWARD, "forward")->id = sat_read_id(r, n);
    } else {
        return sat_node_is(n, "author");
    }
    return true;
}

static void sat_read_nodes(struct sat_reading *r, uint32_t from, uint32_t to);

/* An element that stands for what is inside, perhaps with something around it. */
static void sat_read_inside(struct sat_reading *r, uint32_t at)
{
    const struct sat_node *n = &sat_inbound.nodes[at];
    bool paragraph = sat_node_is(n, "p");
    if (paragraph)
        r->wrap = true;
    size_t before = r->text->len;
    sat_read_nodes(r, at + 1, at + 1 + n->below);
    if (paragraph)
        r->wrap = true;
    if (!sat_node_is(n, "a"))
        return;
    const char *href = sat_read_attr(r, n, "href", NULL, SAT_SRC_MAX);
    size_t len = strlen(href), shown = r->text->len > before ? r->text->len - before : 0;
    if (!len || (shown == len && memcmp(r->text->data + before, href, len) == 0))
        return;
    if (shown)
        sat_read_text(r, " (", 2);
    sat_read_text(r, href, len);
    if (shown)
        sat_read_text(r, ")", 1);
}

/* Recursion is as deep as SAT_DEPTH. */
static void sat_read_nodes(struct sat_reading *r, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i += 1 + sat_inbound.nodes[i].below) {
        const struct sat_node *n = &sat_inbound.nodes[i];
        if (n->text)
            sat_read_text(r, n->s.s, n->s.len);
        else if (!sat_read_element(r, n))
            sat_read_inside(r, i);
    }
}

/* An ordinary text needs neither tree nor trimming: most messages. */
static bool sat_read_plain(struct sat_reading *r, const char *s, size_t len)
{
    if (memchr(s, '<', len) || memchr(s, '&', len) || memchr(s, '\n', len))
        return false;
    sat_read_text(r, s, len);
    return true;
}

static void sat_read_content(struct sat_reading *r, const char *content, size_t len)
{
    static struct buf text;
    buf_reset(&text);
    r->text = &text;
    len = utf8_cut(content, len, SAT_CONTENT_MAX);
    if (!len || sat_read_plain(r, content, len))
        return;
    sat_parse(&sat_inbound, content, len);
    sat_read_nodes(r, 0, sat_inbound.n);
}

void sat_elements_decode(struct event *e, const char *content, size_t len, const char *self_id)
{
    static struct segment found[SAT_SEGMENTS_MAX];
    static struct buf text;
    struct sat_reading r = {.e = e, .out = found, .self = self_id ? self_id : ""};
    if (e->private_chat)
        e->at_me = true;
    sat_read_content(&r, content, len);
    sat_read_flush(&r);
    struct segment *list = event_room(e, sizeof *list * (size_t)(r.n ? r.n : 1));
    memcpy(list, found, sizeof *list * (size_t)r.n);
    e->segments = list;
    e->nsegments = r.n;
    buf_reset(&text);
    plain_text(&text, list, r.n, *r.self ? r.self : NULL);
    e->text = event_string(e, text.data, utf8_cut(text.data, text.len, SAT_TEXT_MAX));
}

const char *sat_elements_text(struct event *e, const char *content, size_t len)
{
    static struct segment found[SAT_SEGMENTS_MAX];
    static struct buf text;
    struct sat_reading r = {.e = e, .out = found, .self = ""};
    bool at_me = e->at_me, at_other = e->at_other;
    const char *reply_to = e->reply_to;
    sat_read_content(&r, content, len);
    sat_read_flush(&r);
    e->at_me = at_me;
    e->at_other = at_other;
    e->reply_to = reply_to;
    buf_reset(&text);
    plain_text(&text, found, r.n, NULL);
    return event_string(e, text.data, utf8_cut(text.data, text.len, SAT_TEXT_MAX));
}

/* ---- writing markup ---- */

enum { SAT_IN_TEXT = 1, SAT_IN_VALUE = 2 }; /* where a character must be written as a reference */

/* Pictures may stand in an attribute, so this reads megabytes. */
static void sat_add_escaped(struct buf *out, const char *s, size_t len, int where)
{
    static const unsigned char special[256] = {['&'] = SAT_IN_TEXT | SAT_IN_VALUE,
                                               ['<'] = SAT_IN_TEXT | SAT_IN_VALUE,
                                               ['>'] = SAT_IN_TEXT | SAT_IN_VALUE,
                                               ['"'] = SAT_IN_VALUE,
                                               ['\n'] = SAT_IN_VALUE,
                                               ['\r'] = SAT_IN_VALUE};
    size_t from = 0;
    for (size_t i = 0; i < len; i++) {
        if (!(special[(unsigned char)s[i]] & where))
            continue;
        buf_add(out, s + from, i - from);
        from = i + 1;
        switch (s[i]) {
        case '&': buf_adds(out, "&amp;"); break;
        case '<': buf_adds(out, "&lt;"); break;
        case '>': buf_adds(out, "&gt;"); break;
        case '"': buf_adds(out, "&quot;"); break;
        default: buf_addf(out, "&#%d;", s[i]); break;
        }
    }
    buf_add(out, s + from, len - from);
}

void sat_add_text(struct buf *out, const char *s, size_t len)
{
    sat_add_escaped(out, s, len, SAT_IN_TEXT);
}

void sat_add_value(struct buf *out, const char *s, size_t len)
{
    sat_add_escaped(out, s, len, SAT_IN_VALUE);
}

void sat_put_open(struct buf *out, const char *name)
{
    buf_addc(out, '<');
    buf_adds(out, name);
}

static void sat_put_key(struct buf *out, const char *prefix, const char *key)
{
    buf_addc(out, ' ');
    buf_adds(out, prefix);
    for (; *key; key++) {
        bool upper = *key >= 'A' && *key <= 'Z';
        if (upper)
            buf_addc(out, '-');
        buf_addc(out, (char)(upper ? *key + 32 : *key));
    }
}

void sat_put_attr(struct buf *out, const char *key, const char *value, size_t len)
{
    sat_put_key(out, "", key);
    buf_adds(out, "=\"");
    sat_add_value(out, value, len);
    buf_addc(out, '"');
}

void sat_put_flag(struct buf *out, const char *key, bool value)
{
    sat_put_key(out, value ? "" : "no-", key);
}

void sat_put_empty(struct buf *out)
{
    buf_adds(out, "/>");
}

void sat_put_inside(struct buf *out)
{
    buf_addc(out, '>');
}

void sat_put_close(struct buf *out, const char *name)
{
    buf_adds(out, "</");
    buf_adds(out, name);
    buf_addc(out, '>');
}

void sat_put_lines(struct buf *out, const char *s, size_t len)
{
    for (const char *end = s + len, *p; s < end; s = p + 1) {
        for (p = s; p < end && *p != '\n' && *p != '\r';)
            p++;
        sat_add_text(out, s, (size_t)(p - s));
        if (p == end)
            return;
        if (*p == '\r' && p + 1 < end && p[1] == '\n')
            p++;
        buf_adds(out, "<br/>");
    }
}
