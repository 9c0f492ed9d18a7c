/* wc_out.c -- the way out as a whole: its life, its results, whose an acknowledgement is. See wc_out.h.
 * Owns struct wc_out. Callers: wecom.c, wc_link.c, wc_frame.c, wc_pending.c through wc.h. */
#include "gateway/wc_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "gateway/memo.h"

enum {
    WC_MEDIA_KNOWN = 256,
    WC_MEDIA_AGE_MS = 60 * 3600000, /* of the three days that the platform keeps a file */
    WC_STREAM_MS = 320000,          /* 10 s before 5 min 30 s */
    WC_PACE_MS = 2000,
    WC_IMAGE_MS = 120000
};

struct wc_out *wc_out_new(struct wc *g)
{
    struct wc_out *o = MEM_NEW(struct wc_out);
    (void)g;
    o->results_tail = &o->results;
    o->width = WC_FLIGHT_MAX;
    o->stream_ms = WC_STREAM_MS;
    o->pace_ms = WC_PACE_MS;
    o->image_ms = WC_IMAGE_MS;
    o->media = memo_new(WC_MEDIA_KNOWN, WC_MEDIA_AGE_MS);
    return o;
}

/* No DM: only who has written to the bot can be written to. */
unsigned wc_caps_of(const struct gateway_conf *conf)
{
    return (conf->mention_angle ? GATEWAY_AT : 0) | GATEWAY_PROACTIVE | GATEWAY_IMAGE |
           GATEWAY_BUTTONS | GATEWAY_CARDS | GATEWAY_DRAFTS;
}

unsigned wc_caps(const struct gateway *base)
{
    return wc_caps_of(&((const struct wc *)base)->conf);
}

int64_t wc_out_ack_ms(const struct wc *g)
{
    return g->conf.timeout_ms > 0 ? g->conf.timeout_ms : WC_ACK_MS;
}

void wc_out_unique(struct wc *g, char *out, size_t size)
{
    char hex[17];
    buf_hex64(hex, rng_next(&g->rng));
    snprintf(out, size, "s%s", hex);
}

/* ---- results ---- */

static struct wc_result *wc_result_add(struct wc *g, uint64_t ticket, const char *reason)
{
    struct wc_result *r = MEM_NEW(struct wc_result);
    r->ticket = ticket;
    size_t n = utf8_cut(reason, strlen(reason), WC_REASON_MAX);
    memcpy(r->reason, reason, n);
    *g->out->results_tail = r;
    g->out->results_tail = &r->next;
    wc_wake(g, 0);
    return r;
}

void wc_out_result(struct wc *g, uint64_t ticket, enum send_outcome outcome, const char *reason,
                   int64_t retry_ms)
{
    struct wc_result *r = wc_result_add(g, ticket, reason);
    r->outcome = outcome;
    r->retry_ms = retry_ms;
}

void wc_out_response(struct wc *g, uint64_t ticket, const char *reason)
{
    wc_result_add(g, ticket, reason)->is_call = true;
}

static void wc_result_tell(struct wc *g, const struct wc_result *r)
{
    if (r->is_call) {
        struct gateway_response a = {.ok = !*r->reason, .reason = r->reason, .number = -1};
        if (g->sink.on_response)
            g->sink.on_response(g->sink.ud, &g->base, r->ticket, &a);
        return;
    }
    struct send_result s = {
        .outcome = r->outcome, .message_id = "", .reason = r->reason, .retry_ms = r->retry_ms};
    if (g->sink.on_sent)
        g->sink.on_sent(g->sink.ud, &g->base, r->ticket, &s);
}

void wc_out_flush(struct wc *g)
{
    struct wc_out *o = g->out;
    struct wc_result *list = o->results, *next; /* whoever is told may cause more */
    o->results = NULL;
    o->results_tail = &o->results;
    for (; list; list = next) {
        next = list->next;
        wc_result_tell(g, list);
        free(list);
    }
}

/* ---- late answers ---- */

void wc_out_note_late(struct wc *g, uint64_t frame, uint64_t ticket)
{
    struct wc_out *o = g->out;
    o->late[o->late_at].hash = frame;
    o->late[o->late_at].ticket = ticket;
    o->late_at = (o->late_at + 1) % WC_LATE;
}

bool wc_out_late(struct wc *g, const char *req_id, size_t len, const struct wc_ack *a)
{
    struct wc_out *o = g->out;
    uint64_t hash = hash_bytes(req_id, len);
    for (int i = 0; i < WC_LATE; i++) {
        if (!o->late[i].hash || o->late[i].hash != hash)
            continue;
        o->late[i].hash = 0;
        if (a->errcode == 0 && g->sink.on_sent_late)
            g->sink.on_sent_late(g->sink.ud, &g->base, o->late[i].ticket, "");
        return true;
    }
    return false;
}

bool wc_out_used(struct wc *g, const char *req_id)
{
    uint64_t hash = hash_string(req_id);
    for (int i = 0; i < WC_USED; i++)
        if (g->out->used[i] == hash)
            return true;
    return false;
}

void wc_out_use(struct wc *g, const char *req_id, bool use)
{
    struct wc_out *o = g->out;
    uint64_t hash = hash_string(req_id);
    for (int i = 0; i < WC_USED && !use; i++)
        if (o->used[i] == hash)
            o->used[i] = 0;
    if (use)
        o->used[o->used_at++ % WC_USED] = hash;
}

/* ---- whose is it? ---- */

void wc_out_answer(struct wc *g, uint64_t number, const struct wc_ack *a)
{
    switch ((enum wc_owner)(number >> 60)) {
    case WC_OWNER_JOB: wc_job_answer(g, number, a); break;
    case WC_OWNER_STREAM: wc_stream_answer(g, number, a); break;
    case WC_OWNER_UPLOAD: wc_upload_answer(g, number, a); break;
    case WC_OWNER_CALL: wc_call_done(g, number, a); break;
    }
    if (wc_error_class(a->errcode) == WC_CLASS_UNSUBSCRIBED)
        wc_resubscribe(g, "a command was refused: no subscription");
}

void wc_out_lost(struct wc *g, uint64_t number, bool written, const char *reason)
{
    switch ((enum wc_owner)(number >> 60)) {
    case WC_OWNER_JOB: wc_job_lost(g, number, written, reason); break;
    case WC_OWNER_STREAM: wc_stream_lost(g, number, written); break;
    case WC_OWNER_UPLOAD: wc_upload_lost(g, number); break;
    case WC_OWNER_CALL: wc_call_lost(g, number, written, reason); break;
    }
}

/* ---- life ---- */

void wc_out_heard(struct wc *g, const char *chat)
{
    struct wc_talk *t = wc_talk_find(g, chat);
    if (!t)
        return;
    t->refused = 0;
    t->spoken = true;
}

void wc_out_ready(struct wc *g)
{
    wc_out_tick(g, wc_now(g));
}

void wc_out_tick(struct wc *g, int64_t now)
{
    if (g->out->stopped)
        return;
    wc_jobs_tick(g, now);
    wc_streams_tick(g, now);
    wc_uploads_tick(g, now);
    wc_out_flush(g);
}

static void wc_out_http_closed(void *ud)
{
    struct wc *g = ud;
    g->out->http_open = false;
    wc_wake(g, 0);
}

void wc_out_stop(struct wc *g)
{
    struct wc_out *o = g->out;
    if (o->stopped)
        return;
    o->stopped = true;
    wc_images_free(g);
    wc_downloads_free(g);
    wc_uploads_free(g);
    wc_jobs_stop(g);
    wc_calls_free(g);
    wc_out_flush(g);
    if (o->http)
        http_client_destroy(o->http, wc_out_http_closed, g);
    o->http = NULL;
}

bool wc_out_gone(const struct wc *g)
{
    return !g->out->http_open && !g->out->reading;
}

void wc_out_free(struct wc *g)
{
    struct wc_out *o = g->out;
    wc_streams_free(g);
    wc_talks_free(g);
    for (struct wc_job *j = o->idle, *next; j; j = next) {
        next = j->next;
        buf_free(&j->bytes);
        free(j->parts);
        free(j);
    }
    memo_free(o->media);
    free(o);
    g->out = NULL;
}
