/* fuzz_wecom_out.c -- what a WeCom bot says and reads outside its frames: texts made Markdown and cut, cards, refs, keys, file names. Whatever
 * comes out must be bounded, valid UTF-8 and harmless. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "gateway/wc_out.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void texts(const char *s, size_t size)
{
    static struct buf clean, out, piece;
    struct wc_split split = {0};
    buf_reset(&clean), buf_reset(&out);
    utf8_clean(&clean, s, size);
    struct out_segment list[3] = {
        {.type = SEGMENT_TEXT, .id = "", .text = clean.data, .text_len = clean.len / 2},
        {.type = SEGMENT_AT,
         .id = "lisi",
         .text = clean.data,
         .text_len = clean.len < 64 ? clean.len : 0},
        {.type = SEGMENT_TEXT, .id = "", .text = clean.data, .text_len = clean.len}};
    struct out_message m = {.chat = "wrA", .segments = list, .nsegments = 3};
    wc_text_render(&out, &m, size % 3 == 0 ? WC_MENTION_PLAIN : WC_MENTION_BOLD);
    buf_cstr(&out);
    if (strstr(out.data, "<think") || strstr(out.data, "</think") || strstr(out.data, "<@") ||
        strstr(out.data, "!["))
        abort();
    buf_reset(&piece);
    for (int n = 0; wc_split_next(&split, out.data, out.len, 512, &piece); buf_reset(&piece))
        if (piece.len > 512 || ++n > 100000)
            abort();
}

static void cards(const char *s, size_t size)
{
    static struct buf card;
    buf_reset(&card);
    if (wc_card_check(&card, s, size, size & 1 ? "task-1" : NULL, "u"))
        return;
    cJSON *o = cJSON_ParseWithLength(card.data, card.len);
    if (!o || !cJSON_GetObjectItemCaseSensitive(o, "card_type"))
        abort();
    cJSON_Delete(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wc_ref ref;
    static struct buf out;
    char name[256], *s = mem_strndup((const char *)data, size);
    texts(s, strlen(s));
    cards(s, strlen(s));
    if (wc_ref_read(&ref, s) && (!*ref.req_id || !ref.kind))
        abort();
    wc_file_name(s, name, sizeof name);
    if (strchr(name, '/') || strchr(name, '\\') || !utf8_valid(name, strlen(name)))
        abort();
    buf_reset(&out);
    wc_decrypt("MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dQA=", (const char *)data, size, &out);
    if (out.len > size)
        abort();
    free(s);
    return 0;
}
