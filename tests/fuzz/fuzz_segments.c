/* fuzz_segments.c -- frames of an implementation: events of all kinds, segments, CQ texts, responses. Whatever comes out must be
 * bounded, terminated, valid UTF-8 and inside the event's own memory. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_text.h"
#include "gateway/ob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void event_ok(const struct event *e)
{
    const char *const ids[] = {e->user, e->operator_id, e->target, e->message_id, e->reply_to};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        text_ok(ids[i], OB_ID_MAX);
    text_ok(e->chat, OB_ID_MAX + 1);
    text_ok(e->name, OB_NAME_MAX);
    text_ok(e->chat_name, OB_NAME_MAX);
    text_ok(e->text, OB_TEXT_MAX);
    text_ok(e->flag, OB_FLAG_MAX);
    text_ok(e->role, 10);
    text_ok(e->sub, OB_NAME_MAX);
    text_ok(e->key, 256);
    if (!*e->key || e->nsegments > OB_SEGMENTS_MAX)
        abort();
    for (int i = 0; i < e->nsegments; i++) {
        text_ok(e->segments[i].kind, 64);
        text_ok(e->segments[i].id, OB_TEXT_MAX);
        text_ok(e->segments[i].text, OB_TEXT_MAX);
    }
}

static void cq(const char *s, size_t size)
{
    struct buf plain = {0}, again = {0};
    struct ob_cq_segment seg;
    const char *p = s, *before = s, *end = s + size;
    while (ob_cq_next(&p, end, &seg)) {
        if (p <= before)
            abort(); /* each step goes forward */
        before = p;
        if (seg.value)
            ob_cq_unescape(&plain, seg.value, seg.value_len);
        for (int i = 0; i < seg.nfields; i++)
            ob_cq_unescape(&plain, seg.fields[i].value, seg.fields[i].vlen);
    }
    plain.len = 0;
    ob_cq_escape(&plain, s, size, size & 1);
    ob_cq_unescape(&again, plain.data, plain.len);
    if (again.len != size || (size && memcmp(again.data, s, size) != 0))
        abort(); /* escaping loses nothing */
    buf_free(&plain);
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_doc doc;
    static struct ob_account *account;
    static int64_t now = 1767225800000;
    if (!account)
        account = ob_account_get("2100000001");
    cq((const char *)data, size);
    char *text = malloc(size ? size : 1);
    memcpy(text, data, size);
    const struct json *o = json_parse(&doc, text, size);
    if (json_is(o, JSON_OBJECT)) {
        struct ob_answer a;
        ob_answer_read(o, &a);
        text_ok(a.reason, OB_REASON_MAX);
        ob_quota_left(a.data);
        for (int impl = 0; impl <= OB_IMPL_GOCQ; impl++) {
            struct ob_decode d = {.self_id = size & 1 ? "2100000001" : "",
                                  .impl = (enum ob_impl)impl,
                                  .now_ms = now,
                                  .stale_ms = 1000};
            struct event *e = NULL;
            ob_send_outcome(&a, (enum ob_impl)impl);
            enum ob_verdict v = ob_event_decode(&d, o, &e);
            if ((v == OB_EVENT || v == OB_OWN) != (e != NULL) || (v == OB_MALFORMED && !d.why))
                abort();
            if (!e)
                continue;
            event_ok(e);
            ob_dedupe(account, e, now += 10);
            event_ok(e);
            event_free(e);
        }
    }
    free(text);
    return 0;
}
