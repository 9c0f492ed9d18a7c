/* wc_part.c -- what becomes of a message: its frames (texts, cards, pictures), and the command of each. Answers to a message leave as
 * finished streams (several of them may answer one message), the greeting of a single chat as a welcome, the rest is pushed.
 * Owns nothing. Callers: wc_send.c, wc_call.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/jsonout.h"
#include "gateway/wc_out.h"

/* ---- event.ref ---- */

/* The next field, decoded; false: none, or too long. */
static bool wc_ref_field(const char **at, char *out, size_t size)
{
    const char *s = *at;
    size_t n = 0;
    for (; *s && *s != ' '; s++) {
        char c;
        s += wc_percent(s, 3, &c) - 1; /* the text ends with a NUL */
        if (n + 1 >= size || !c)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    *at = *s ? s + 1 : s;
    return n > 0;
}

bool wc_ref_read(struct wc_ref *r, const char *ref)
{
    char number[24], type[4], *end;
    r->kind = 0;
    *r->task_id = *r->card_type = *r->req_id = '\0';
    if (!ref || (*ref != 'm' && *ref != 'w' && *ref != 'c'))
        return false;
    const char *at = ref + 1;
    if (!wc_ref_field(&at, number, sizeof number) || !wc_ref_field(&at, type, sizeof type))
        return false;
    if (*ref == 'c' && (!wc_ref_field(&at, r->task_id, sizeof r->task_id) ||
                        !wc_ref_field(&at, r->card_type, sizeof r->card_type)))
        return false;
    r->arrived_ms = strtoll(number, &end, 10);
    if (*end || !wc_ref_field(&at, r->req_id, sizeof r->req_id))
        return false;
    r->chat_type = *type;
    r->kind = *ref;
    return true;
}

/* ---- the frames of a message ---- */

static struct wc_part *wc_part_add(struct wc_job *j, enum wc_kind kind, const char *s, size_t len)
{
    if (j->nparts == j->cap) {
        j->cap = j->cap ? 2 * j->cap : 2;
        j->parts = mem_realloc(j->parts, (size_t)j->cap * sizeof *j->parts);
    }
    struct wc_part *p = &j->parts[j->nparts++];
    *p = (struct wc_part){.kind = kind, .at = j->bytes.len, .len = len};
    buf_add(&j->bytes, s, len);
    return p;
}

/* A text in as many frames as it takes. */
static void wc_part_texts(struct wc_job *j, const char *text, size_t len)
{
    static struct buf piece;
    struct wc_split split = {0};
    buf_reset(&piece);
    while (wc_split_next(&split, text, len, WC_CONTENT_CUT, &piece)) {
        if (!wc_text_blank(piece.data, piece.len))
            wc_part_add(j, WC_PART_TEXT, piece.data, piece.len);
        buf_reset(&piece);
    }
}

static bool wc_part_has(const struct out_message *m, enum segment_type type)
{
    for (int i = 0; i < m->nsegments; i++)
        if (m->segments[i].type == type)
            return true;
    return false;
}

static void wc_part_card(void *ud, const char *json, size_t len)
{
    wc_part_add(ud, WC_PART_CARD, json, len);
}

/* Buttons, and the text that stands on their card; NULL: it stands elsewhere. */
static const char *wc_part_buttons(struct wc *g, struct wc_job *j, const struct out_message *m,
                                   const struct buf *text)
{
    static struct buf plain;
    char unique[24];
    bool too = false;
    buf_reset(&plain);
    if (text)
        wc_text_render(&plain, m, WC_MENTION_PLAIN);
    wc_out_unique(g, unique, sizeof unique);
    int before = j->nparts;
    const char *why = wc_card_buttons(m, buf_cstr(&plain), unique, wc_part_card, j, &too);
    if (why || !too)
        return why;
    /* the text goes first, in front of the cards */
    int cards = j->nparts - before;
    wc_part_texts(j, text->data, text->len);
    int texts = j->nparts - before - cards;
    struct wc_part *swap = mem_alloc((size_t)(cards + texts) * sizeof *swap);
    memcpy(swap, j->parts + before + cards, (size_t)texts * sizeof *swap);
    memcpy(swap + texts, j->parts + before, (size_t)cards * sizeof *swap);
    memcpy(j->parts + before, swap, (size_t)(cards + texts) * sizeof *swap);
    free(swap);
    return NULL;
}

/* The texts of an answer that was shown while it was made: only what no finished bubble shows. */
static void wc_part_drafted(struct wc_job *j, const struct buf *text)
{
    static struct buf piece;
    struct wc_stream *s = j->stream;
    struct wc_split split = {0};
    if (s->shown.at && s->shown.at <= text->len &&
        hash_bytes(text->data, s->shown.at) == s->shown_hash)
        split = s->shown;
    bool first = true;
    buf_reset(&piece);
    while (wc_split_next(&split, text->data, text->len, WC_CONTENT_CUT, &piece)) {
        if (!wc_text_blank(piece.data, piece.len)) {
            struct wc_part *p = wc_part_add(j, WC_PART_TEXT, piece.data, piece.len);
            if (first && s->open)
                snprintf(p->stream, sizeof p->stream, "%s", s->id);
            first = false;
        }
        buf_reset(&piece);
    }
    if (first && s->open && s->shown.at <= s->text.len) { /* that bubble shows all of it */
        struct wc_part *p =
            wc_part_add(j, WC_PART_TEXT, s->text.data + s->shown.at, s->text.len - s->shown.at);
        snprintf(p->stream, sizeof p->stream, "%s", s->id);
    }
}

const char *wc_parts(struct wc *g, struct wc_job *j, const struct out_message *m)
{
    static struct buf text;
    buf_reset(&text);
    bool welcome = j->way == WC_WAY_WELCOME;
    enum wc_mention how = g->conf.mention_angle ? WC_MENTION_ANGLE : WC_MENTION_BOLD;
    const char *why = NULL;
    wc_text_render(&text, m, welcome ? WC_MENTION_PLAIN : how);
    bool some = !wc_text_blank(text.data, text.len), buttons = wc_part_has(m, SEGMENT_BUTTON);
    bool open = j->stream && j->stream->open; /* its bubble is finished whatever follows */
    if (open || (some && j->stream && !buttons))
        wc_part_drafted(j, some ? &text : &j->stream->text);
    else if (some && !buttons)
        wc_part_texts(j, text.data, text.len);
    if (buttons)
        why = wc_part_buttons(g, j, m, open ? NULL : &text);
    for (int i = 0; i < m->nsegments && !why; i++) {
        const struct out_segment *s = &m->segments[i];
        if (s->type == SEGMENT_IMAGE && s->id && *s->id)
            wc_part_add(j, WC_PART_IMAGE, s->id, strlen(s->id));
        if (s->type != SEGMENT_CARD)
            continue;
        static struct buf card;
        char unique[24];
        buf_reset(&card);
        wc_out_unique(g, unique, sizeof unique);
        why = wc_card_check(&card, s->text, s->text_len, NULL, unique);
        if (!why)
            wc_part_add(j, WC_PART_CARD, card.data, card.len);
    }
    if (welcome && !why && j->nparts && j->parts[0].kind == WC_PART_TEXT)
        j->parts[0].kind = WC_PART_WELCOME;
    return why ? why : j->nparts || (some && j->stream) ? NULL : "the message is empty";
}

/* ---- one frame ---- */

void wc_stream_body(struct buf *out, const char *id, bool finish, const char *text, size_t len)
{
    buf_adds(out, "{\"msgtype\":\"stream\",\"stream\":{\"id\":");
    buf_add_json(out, id, strlen(id));
    buf_adds(out, finish ? ",\"finish\":true,\"content\":" : ",\"finish\":false,\"content\":");
    buf_add_json(out, text, len);
    buf_adds(out, "}}");
}

/* The members after the one that says where to. */
static void wc_part_body(struct buf *out, const struct wc_job *j, const struct wc_part *p)
{
    const char *s = j->bytes.data + p->at;
    if (p->kind == WC_PART_CARD) {
        buf_adds(out, "\"msgtype\":\"template_card\",\"template_card\":");
        buf_add(out, s, p->len);
        return;
    }
    bool image = p->kind == WC_PART_IMAGE;
    bool welcome = p->kind == WC_PART_WELCOME && j->way == WC_WAY_WELCOME;
    buf_adds(out, image     ? "\"msgtype\":\"image\",\"image\":{\"media_id\":"
                  : welcome ? "\"msgtype\":\"text\",\"text\":{\"content\":"
                            : "\"msgtype\":\"markdown\",\"markdown\":{\"content\":");
    buf_add_json(out, image ? j->media_id : s, image ? strlen(j->media_id) : p->len);
    buf_addc(out, '}');
}

static void wc_part_value(struct wc *g, struct buf *out, struct wc_job *j, struct wc_part *p)
{
    const char *chat = j->talk->chat;
    bool text = p->kind == WC_PART_TEXT || p->kind == WC_PART_WELCOME;
    if (j->way == WC_WAY_REPLY && text) {
        if (!*p->stream)
            wc_out_unique(g, p->stream, sizeof p->stream);
        wc_stream_body(out, p->stream, true, j->bytes.data + p->at, p->len);
        return;
    }
    buf_addc(out, '{');
    if (j->way == WC_WAY_PUSH) {
        bool alone = *chat == '@';
        jsonout_string(out, "chatid", chat + alone);
        buf_adds(out, alone ? ",\"chat_type\":1," : ",\"chat_type\":2,");
    }
    wc_part_body(out, j, p);
    buf_addc(out, '}');
}

bool wc_part_write(struct wc *g, struct wc_job *j)
{
    static const char *const commands[] = {[WC_WAY_PUSH] = "aibot_send_msg",
                                           [WC_WAY_REPLY] = "aibot_respond_msg",
                                           [WC_WAY_WELCOME] = "aibot_respond_welcome_msg"};
    struct wc_frame f;
    const char *req_id = j->way == WC_WAY_PUSH ? NULL : j->ref.req_id;
    if (!wc_frame_begin(g, &f, commands[j->way], req_id))
        return false;
    j->frame = hash_bytes(f.pending->req_id, f.pending->len);
    wc_part_value(g, f.out, j, &j->parts[j->part]);
    wc_frame_end(&f, WC_FOR_OUT, j->number, wc_out_ack_ms(g));
    return true;
}
