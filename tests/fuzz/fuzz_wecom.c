/* fuzz_wecom.c -- callbacks of WeCom: messages and events, names at their start, media. Whatever comes out must be bounded, terminated,
 * valid UTF-8, and must not hold an address of a file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_text.h"
#include "gateway/wc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void event_ok(const struct event *e)
{
    const char *const ids[] = {e->user, e->message_id, e->reply_to, e->operator_id, e->target};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        text_ok(ids[i], EVENT_ID_MAX);
    text_ok(e->chat, EVENT_ID_MAX + 1);
    text_ok(e->name, EVENT_ID_MAX);
    text_ok(e->text, WC_TEXT_MAX);
    text_ok(e->sub, WC_NAME_MAX);
    text_ok(e->ref, EVENT_REF_MAX);
    text_ok(e->key, 128);
    if (!*e->key || !*e->chat || !*e->user || e->nsegments > WC_SEGMENTS_MAX + 1)
        abort();
    for (const char *c = e->ref; *c; c++)
        if (*c < 0x20 || *c > 0x7E)
            abort();
    for (int i = 0; i < e->nsegments; i++) {
        text_ok(e->segments[i].kind, 64);
        text_ok(e->segments[i].id, WC_NAME_MAX);
        text_ok(e->segments[i].text, WC_TEXT_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"Helper", "小助手", NULL};
    static struct json_doc doc;
    static struct clock clock = {.wall_ms = 1770000300000};
    static struct wc g;
    g.env.clock = &clock;
    if (!size || size > 1 << 20)
        return 0;
    char *text = malloc(size);
    if (!text)
        return 0;
    memcpy(text, data, size);
    struct wc_called c = wc_called_find(text, size, *data & 1 ? names : NULL);
    if (c.end > size || (c.name && c.name + c.name_len > text + c.end))
        abort();
    const struct json *o = json_parse(&doc, text, size);
    struct wc_decode d = {.g = &g,
                          .self_id = "bot",
                          .names = *data & 1 ? names : NULL,
                          .req_id = "r\n1",
                          .req_id_len = 3,
                          .now_ms = 1770000300000};
    for (int message = 0; o && message < 2; message++) {
        struct event *e = NULL;
        if ((message ? wc_message_decode(&d, o, &e) : wc_event_decode(&d, o, &e)) == WC_EVENT)
            event_ok(e);
        event_free(e);
    }
    free(text);
    return 0;
}
