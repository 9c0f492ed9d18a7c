/* sat_encode.c -- an out-going message as content: the quotation first, then its pieces in their order. */
#include <string.h>

#include "gateway/sat_element.h"

static void sat_encode_id(struct buf *out, const char *element, const char *id)
{
    sat_put_open(out, element);
    sat_put_attr(out, "id", id, strlen(id));
}

static void sat_encode_at(struct buf *out, const struct out_segment *s)
{
    if (strcmp(s->id, "all") == 0) {
        sat_put_open(out, "at");
        sat_put_attr(out, "type", "all", 3);
    } else {
        sat_encode_id(out, "at", s->id);
        if (s->text && s->text_len)
            sat_put_attr(out, "name", s->text, s->text_len);
    }
    sat_put_empty(out);
}

static void sat_encode_button(struct buf *out, const struct out_segment *s)
{
    sat_encode_id(out, "button", s->id);
    sat_put_attr(out, "type", "action", 6);
    sat_put_inside(out);
    sat_add_text(out, s->text ? s->text : s->id, s->text ? s->text_len : strlen(s->id));
    sat_put_close(out, "button");
}

static void sat_encode_picture(struct buf *out, const char *src)
{
    sat_put_open(out, "img");
    sat_put_attr(out, "src", src, strlen(src));
    sat_put_empty(out);
}

/* A text behind a mention gets a blank in front if it has none: people see no gap otherwise. */
static void sat_encode_text(struct buf *out, const struct out_segment *s, bool after_at)
{
    if (after_at && s->text_len && !strchr(" \r\n", *s->text))
        buf_addc(out, ' ');
    sat_put_lines(out, s->text, s->text_len);
}

/* One piece of the message; 1: it is there, 0: there is nothing of it, -1: it cannot be sent. */
static int sat_encode_piece(struct buf *out, const struct out_message *m, int i,
                            const struct sat_encode *o, bool after_at)
{
    const struct out_segment *s = &m->segments[i];
    const char *id = s->id ? s->id : "", *src;
    bool text = s->type == SEGMENT_TEXT;
    if (text ? !s->text_len : !*id && s->type != SEGMENT_CARD)
        return 0;
    switch (s->type) {
    case SEGMENT_TEXT: sat_encode_text(out, s, after_at); return 1;
    case SEGMENT_AT:
        if (*m->chat == '@')
            return 0;
        sat_encode_at(out, s);
        return 1;
    case SEGMENT_IMAGE:
        src = o->src ? o->src(o->ud, i) : id;
        sat_encode_picture(out, src ? src : id);
        return 1;
    case SEGMENT_FACE:
        sat_encode_id(out, o->faces ? "face" : "emoji", id);
        sat_put_empty(out);
        return 1;
    case SEGMENT_BUTTON:
        if (!o->buttons)
            return -1;
        sat_encode_button(out, s);
        return 1;
    case SEGMENT_CARD: return -1;
    default: return 0;
    }
}

static void sat_encode_quote(struct buf *out, const struct out_message *m)
{
    for (int i = 0; i < m->nsegments; i++) {
        const char *id = m->segments[i].type == SEGMENT_REPLY ? m->segments[i].id : NULL;
        if (!id || !*id)
            continue;
        sat_encode_id(out, "quote", id);
        sat_put_empty(out);
        return; /* at most one */
    }
}

bool sat_elements_encode(struct buf *out, const struct out_message *m, const struct sat_encode *o,
                         const char **why)
{
    size_t start = out->len;
    int pieces = 0;
    bool after_at = false;
    sat_encode_quote(out, m);
    for (int i = 0; i < m->nsegments; i++) {
        if (m->segments[i].type == SEGMENT_REPLY)
            continue;
        int n = sat_encode_piece(out, m, i, o, after_at);
        if (n < 0) {
            *why = m->segments[i].type == SEGMENT_CARD ? "there are no cards on this platform"
                                                       : "there are no buttons on this platform";
            out->len = start;
            return false;
        }
        pieces += n;
        if (n)
            after_at = m->segments[i].type == SEGMENT_AT;
    }
    if (out->len - start > SAT_CONTENT_MAX && !o->src) {
        *why = "the message is too long";
        out->len = start;
        return false;
    }
    if (!pieces) { /* a quotation alone is no message */
        *why = "the message is empty";
        out->len = start;
    }
    return pieces > 0;
}
