/* wc_frame.c -- one message of the platform: an acknowledgement, a callback, or something that should not come. Nothing that it sends
 * closes the link here, but for the two words that mean "you are not subscribed" and "somebody else is"; the rest is counted and
 * dropped. What members write, and addresses and keys of files, are never logged. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "gateway/wc.h"
#include "gateway/wc_out.h"

enum { WC_LOST = 846609 };

/* The platform may put raw control characters into strings: all but TAB and LF go before it is read. */
static size_t wc_strip(char *data, size_t len)
{
    static const uint8_t gone[32] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1,
                                     1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    size_t i = 0;
    while (i < len && ((uint8_t)data[i] >= 32 || !gone[(uint8_t)data[i]]))
        i++;
    size_t w = i;
    for (; i < len; i++)
        if ((uint8_t)data[i] >= 32 || !gone[(uint8_t)data[i]])
            data[w++] = data[i];
    return w;
}

/* ---- acknowledgements ---- */

/* errmsg is free text. Should it ever repeat our secret, it is not kept. */
static void wc_ack_read(const struct wc *g, const struct json *o, struct wc_ack *a)
{
    static struct buf clean;
    const struct json *text = json_get(o, "errmsg");
    memset(a, 0, sizeof *a);
    if (!json_int(json_get(o, "errcode"), &a->errcode))
        a->errcode = WC_NO_CODE;
    a->body = json_get(o, "body");
    if (!json_is(text, JSON_STRING) || strstr(text->s, g->conf.token))
        return;
    buf_reset(&clean);
    utf8_clean(&clean, text->s, utf8_cut(text->s, text->len, WC_REASON_MAX));
    memcpy(a->reason, clean.data ? clean.data : "", clean.len);
}

static void wc_frame_ack(struct wc *g, const struct json *o, const struct json *req_id)
{
    struct wc_ack a;
    struct wc_pending *e =
        json_is(req_id, JSON_STRING) ? wc_pending_take(g, req_id->s, req_id->len) : NULL;
    wc_ack_read(g, o, &a);
    if (!e && json_is(req_id, JSON_STRING) && wc_out_late(g, req_id->s, req_id->len, &a))
        return;
    if (!e) { /* nobody's, or of an earlier connection */
        wc_count_bad(g, "ack");
        log_debug("an acknowledgement that nobody waits for", "gateway", g->base.name, NULL);
        return;
    }
    switch (e->what) {
    case WC_FOR_SUBSCRIBE: wc_link_subscribed(g, &a); break;
    case WC_FOR_PING: wc_link_heartbeat(g, &a); break;
    case WC_FOR_OUT: wc_out_answer(g, e->number, &a); break;
    }
    free(e);
    if (a.errcode == WC_LOST)
        wc_resubscribe(g, "the platform knows no subscription of this connection");
}

/* It has never been seen to ask; if it does, it wants its headers back. */
static void wc_frame_pong(struct wc *g, const struct json *req_id)
{
    size_t start;
    if (g->state != WC_READY || conn_full(g->conn))
        return; /* before it has taken the subscription it is told nothing else */
    struct buf *out = conn_begin(g->conn, &start);
    buf_adds(out, "{\"cmd\":\"pong\",\"headers\":{");
    if (json_is(req_id, JSON_STRING)) {
        buf_adds(out, "\"req_id\":");
        buf_add_json(out, req_id->s, req_id->len);
    }
    buf_adds(out, "}}");
    conn_end(g->conn, start);
    metric_inc(g->meter.out);
}

/* ---- callbacks ---- */

static void wc_deliver(struct wc *g, struct event *e)
{
    if (seen_check(g->seen, wc_seen_key(e), wc_now(g), WC_SEEN_S)) {
        metric_inc(g->meter.repeated);
        event_free(e);
        return;
    }
    if (e->late)
        metric_inc(g->meter.late);
    wc_out_heard(g, e->chat);
    g->sink.on_event(g->sink.ud, &g->base, e);
}

static void wc_frame_callback(struct wc *g, const struct json *o, const struct json *req_id,
                              bool message)
{
    bool answerable = json_is(req_id, JSON_STRING) && req_id->len <= WC_REQ_ID_MAX;
    struct wc_decode d = {.g = g,
                          .self_id = g->conf.bot_id,
                          .names = g->conf.names,
                          .req_id = answerable ? req_id->s : NULL,
                          .req_id_len = answerable ? req_id->len : 0,
                          .now_ms = clock_wall(g->env.clock),
                          .now_ns = clock_ns(),
                          .stale_ms = g->conf.stale_ms};
    struct event *e = NULL;
    const struct json *body = json_get(o, "body");
    switch (message ? wc_message_decode(&d, body, &e) : wc_event_decode(&d, body, &e)) {
    case WC_EVENT: wc_deliver(g, e); break;
    case WC_SUPERSEDED_BY: wc_link_superseded(g); break;
    case WC_IGNORED:
        metric_inc(metric_counter(
            "sopd_events_ignored_total",
            "Events of a kind that is of no interest, or not known, by what was unknown in them.",
            metric_labels("gateway", g->base.name, "what", d.why, NULL)));
        log_debug("callback ignored", "gateway", g->base.name, "what", d.why, NULL);
        break;
    case WC_MALFORMED: wc_count_bad(g, d.why); break;
    }
}

/* ---- everything ---- */

static void wc_frame_bad(struct wc *g, const char *word, const char *why, size_t len)
{
    wc_count_bad(g, word);
    if (log_gate_open(&g->bad_gate, wc_now(g), 60000))
        log_warn("a frame is not what it should be", "gateway", g->base.name, "why", why, "bytes",
                 log_int((int64_t)len), NULL);
}

void wc_frame_in(struct wc *g, char *data, size_t len)
{
    struct json_doc *doc = wc_json_doc();
    const struct json *o = json_parse(doc, data, wc_strip(data, len));
    if (!o || o->type != JSON_OBJECT) {
        wc_frame_bad(g, o ? "not_an_object" : "json", o ? "not an object" : doc->error, len);
        return;
    }
    const struct json *cmd = json_get(o, "cmd");
    const struct json *req_id = json_get(json_get(o, "headers"), "req_id");
    const char *name = json_text(cmd);
    if (!cmd || cmd->type == JSON_NULL)
        wc_frame_ack(g, o, req_id);
    else if (name &&
             (strcmp(name, "aibot_msg_callback") == 0 || strcmp(name, "aibot_callback") == 0))
        wc_frame_callback(g, o, req_id, true);
    else if (name && strcmp(name, "aibot_event_callback") == 0)
        wc_frame_callback(g, o, req_id, false);
    else if (name && strcmp(name, "ping") == 0)
        wc_frame_pong(g, req_id);
    else if (name && strcmp(name, "pong") == 0)
        wc_link_heartbeat(g, NULL);
    else
        wc_count_bad(g, "cmd");
}
