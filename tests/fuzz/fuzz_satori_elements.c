/* fuzz_satori_elements.c -- contents of strangers: whatever comes out must be bounded, terminated, valid UTF-8, and what is written of
 * it again must be clean markup that says the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "fuzz_text.h"
#include "gateway/sat.h"
#include "gateway/sat_element.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every node lies within its parent, every slice is sound. */
static void tree_ok(const struct sat_tree *t, uint32_t from, uint32_t to, int depth)
{
    if (depth > SAT_DEPTH || to > t->n)
        abort();
    for (uint32_t i = from; i < to; i += 1 + t->nodes[i].below) {
        const struct sat_node *n = &t->nodes[i];
        if (n->text && (n->below || n->nattr || !n->s.len))
            abort();
        if (!utf8_valid(n->s.s, n->s.len) || n->attrs + n->nattr > t->nattrs)
            abort();
        for (uint32_t k = 0; k < n->nattr; k++)
            if (!utf8_valid(t->attrs[n->attrs + k].value.s, t->attrs[n->attrs + k].value.len))
                abort();
        tree_ok(t, i + 1, i + 1 + n->below, depth + 1);
    }
}

static void event_ok(const struct event *e)
{
    text_ok(e->text, SAT_TEXT_MAX);
    text_ok(e->reply_to, EVENT_ID_MAX);
    if (e->nsegments > SAT_SEGMENTS_MAX)
        abort();
    for (int i = 0; i < e->nsegments; i++) {
        const struct segment *s = &e->segments[i];
        text_ok(s->id,
                s->type == SEGMENT_AT || s->type == SEGMENT_REPLY ? EVENT_ID_MAX : SAT_SRC_MAX);
        text_ok(s->text, SAT_TEXT_MAX);
    }
}

/* The text of the input as a message: read again, it is the same text and nothing else. */
static void again_ok(const char *s, size_t len)
{
    static struct buf content;
    struct out_segment seg = {.type = SEGMENT_TEXT, .text = s, .text_len = len};
    struct out_message m = {.chat = "1", .segments = &seg, .nsegments = 1};
    struct sat_encode o = {0};
    const char *why = NULL;
    buf_reset(&content);
    if (!len || memchr(s, '\r', len) || len > 16384 || !sat_elements_encode(&content, &m, &o, &why))
        return;
    struct event *e = event_new(EVENT_MESSAGE, 0);
    sat_elements_decode(e, content.data, content.len, "");
    if (e->nsegments != 1 || strlen(e->segments[0].text) != len ||
        memcmp(e->segments[0].text, s, len) != 0)
        abort();
    event_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sat_tree tree;
    static struct buf text;
    buf_reset(&text);
    utf8_repair(&text, (const char *)data, size);
    for (size_t i = 0; i < text.len; i++)
        if (!text.data[i])
            text.data[i] = '<'; /* the JSON reader lets none through */
    size_t len = utf8_cut(text.data, text.len, SAT_CONTENT_MAX);
    char *copy = malloc(len ? len : 1);
    if (len)
        memcpy(copy, text.data, len);
    sat_parse(&tree, copy, len);
    if (tree.n > SAT_NODES || tree.nattrs > SAT_ATTRS)
        abort();
    tree_ok(&tree, 0, tree.n, 0);
    struct event *e = event_new(EVENT_MESSAGE, 0);
    e->private_chat = size & 1;
    sat_elements_decode(e, copy, len, "10001");
    event_ok(e);
    text_ok(sat_elements_text(e, copy, len), SAT_TEXT_MAX);
    event_free(e);
    again_ok(copy, len);
    free(copy);
    return 0;
}
