/* wecom_out_world.h -- for the tests of the WeCom codec's way out: a gateway without a connection. Its frames are kept, the test says what
 * the platform answers, and the clock stands still until it is turned. */
#ifndef TESTS_UNIT_WECOM_OUT_WORLD_H
#define TESTS_UNIT_WECOM_OUT_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gateway/wc_out.h"

enum { OUT_FRAMES = 2048, OUT_RESULTS = 2048 };

struct out_frame {
    char cmd[32], req_id[200];
    char *body;
    uint64_t number;
    bool over; /* answered or lost */
};
struct out_result {
    uint64_t ticket;
    enum send_outcome outcome;
    int64_t retry_ms;
    char reason[300];
};
struct out_answer {
    uint64_t ticket;
    bool ok, lost, unwritten;
    char reason[300];
};

struct out_world {
    struct wc g;
    struct clock clock;
    struct out_frame frames[OUT_FRAMES];
    int nframes;
    struct out_result results[OUT_RESULTS];
    int nresults;
    struct out_answer answers[64];
    int nanswers, nlate, nresubscribed, nchats_gone;
    char gone[64];
    size_t waiting; /* bytes that wait for the socket */
    struct wc_media media;
    struct buf frame;
    uint64_t own;
};

static struct out_world *out_world;

/* ---- in the place of the connection ---- */

void wc_wake(struct wc *g, int64_t mono_ms)
{
    (void)g;
    (void)mono_ms;
}
void wc_resubscribe(struct wc *g, const char *why)
{
    (void)g;
    (void)why;
    out_world->nresubscribed++;
}
size_t conn_waiting(const struct conn *c)
{
    (void)c;
    return out_world->waiting;
}
bool wc_vault_get(struct wc *g, const char *id, struct wc_media *out)
{
    (void)g;
    *out = out_world->media;
    return out_world->media.url && strcmp(id, "wecom:0123456789abcdef") == 0;
}
bool wc_pending_has(struct wc *g, const char *req_id)
{
    (void)g;
    for (int i = 0; i < out_world->nframes; i++)
        if (!out_world->frames[i].over && strcmp(out_world->frames[i].req_id, req_id) == 0)
            return true;
    return false;
}
bool wc_frame_begin(struct wc *g, struct wc_frame *f, const char *cmd, const char *req_id)
{
    char own[64];
    if (!req_id) {
        snprintf(own, sizeof own, "%s_%llu", cmd, (unsigned long long)++out_world->own);
        req_id = own;
    }
    if (!wc_ready(g) || wc_pending_has(g, req_id))
        return false;
    *f = (struct wc_frame){.g = g, .out = &out_world->frame};
    buf_reset(f->out);
    size_t len = strlen(req_id);
    f->pending = mem_zero(sizeof *f->pending + len + 1);
    memcpy(f->pending->req_id, req_id, len);
    f->pending->len = len;
    struct out_frame *to = &out_world->frames[out_world->nframes];
    snprintf(to->cmd, sizeof to->cmd, "%s", cmd);
    snprintf(to->req_id, sizeof to->req_id, "%s", req_id);
    return true;
}
void wc_frame_end(struct wc_frame *f, enum wc_for what, uint64_t number, int64_t timeout_ms)
{
    assert_int_equal(what, WC_FOR_OUT);
    assert_true(timeout_ms > 0);
    assert_in_range(out_world->nframes, 0, OUT_FRAMES - 1);
    struct out_frame *to = &out_world->frames[out_world->nframes++];
    to->body = mem_strndup(f->out->data, f->out->len);
    to->number = number;
    free(f->pending);
}
void wc_frame_cancel(struct wc_frame *f)
{
    free(f->pending);
}

/* ---- the engine ---- */

static inline void out_on_sent(void *ud, struct gateway *g, uint64_t ticket,
                               const struct send_result *r)
{
    struct out_world *w = ud;
    (void)g;
    assert_false(w->g.out->in_send); /* never from within the call */
    struct out_result *to = &w->results[w->nresults++];
    to->ticket = ticket;
    to->outcome = r->outcome;
    to->retry_ms = r->retry_ms;
    snprintf(to->reason, sizeof to->reason, "%s", r->reason);
}
static inline void out_on_late(void *ud, struct gateway *g, uint64_t ticket, const char *id)
{
    (void)g, (void)ticket, (void)id;
    ((struct out_world *)ud)->nlate++;
}
static inline void out_on_response(void *ud, struct gateway *g, uint64_t ticket,
                                   const struct gateway_response *r)
{
    struct out_world *w = ud;
    (void)g;
    struct out_answer *to = &w->answers[w->nanswers++];
    *to = (struct out_answer){
        .ticket = ticket, .ok = r->ok, .lost = r->lost, .unwritten = r->unwritten};
    snprintf(to->reason, sizeof to->reason, "%s", r->reason);
}
static inline void out_on_chat(void *ud, struct gateway *g, const char *chat, const char *name,
                               bool present)
{
    struct out_world *w = ud;
    (void)g, (void)name;
    w->nchats_gone += !present;
    snprintf(w->gone, sizeof w->gone, "%s", chat);
}

/* ---- life ---- */

enum { OUT_WALL = 1000000000 };

static inline struct out_world *out_new(void)
{
    struct out_world *w = out_world = MEM_NEW(struct out_world);
    clock_init_virtual(&w->clock, OUT_WALL);
    w->clock.mono_ms = 5000000;
    w->g.base.name = mem_strdup("wc1");
    w->g.env.clock = &w->clock;
    w->g.conf.timeout_ms = 10000;
    w->g.conf.url = "wss://openws.example";
    w->g.state = WC_READY;
    w->g.sink = (struct gateway_sink){.ud = w,
                                      .on_sent = out_on_sent,
                                      .on_sent_late = out_on_late,
                                      .on_response = out_on_response,
                                      .on_chat = out_on_chat};
    rng_seed(&w->g.rng, 7);
    w->g.out = wc_out_new(&w->g);
    return w;
}

static inline void out_free(struct out_world *w)
{
    wc_out_stop(&w->g);
    wc_out_free(&w->g);
    for (int i = 0; i < w->nframes; i++)
        free(w->frames[i].body);
    buf_free(&w->frame);
    free(w->g.base.name);
    free(w);
}

/* Turns the clock. */
static inline void out_pass(struct out_world *w, int64_t ms)
{
    w->clock.mono_ms += ms;
    w->clock.wall_ms += ms;
    wc_out_tick(&w->g, wc_now(&w->g));
}

static inline const char *out_ref(char kind, const char *req_id)
{
    static char ref[300];
    int64_t now = clock_wall(&out_world->clock);
    if (kind == 'c')
        snprintf(ref, sizeof ref, "c%lld g task-1 button_interaction %s", (long long)now, req_id);
    else
        snprintf(ref, sizeof ref, "%c%lld s %s", kind, (long long)now, req_id);
    return ref;
}

static inline void out_send(struct out_world *w, uint64_t ticket, const char *chat, const char *ref,
                            const char *draft, const char *text)
{
    struct out_segment s = {.type = SEGMENT_TEXT, .id = "", .text = text, .text_len = strlen(text)};
    struct out_message m = {
        .chat = chat, .segments = &s, .nsegments = 1, .ref = ref, .draft = draft};
    assert_true(wc_send(&w->g.base, &m, ticket));
    wc_out_flush(&w->g);
}

static inline void out_draft(struct out_world *w, const char *chat, const char *ref,
                             const char *draft, const char *text)
{
    struct out_segment s = {.type = SEGMENT_TEXT, .id = "", .text = text, .text_len = strlen(text)};
    struct out_message m = {
        .chat = chat, .segments = &s, .nsegments = 1, .ref = ref, .draft = draft};
    wc_draft(&w->g.base, &m);
}

static inline void out_ack(struct out_world *w, int i, int64_t code)
{
    struct wc_ack a = {.errcode = code};
    assert_in_range(i, 0, w->nframes - 1);
    assert_false(w->frames[i].over);
    w->frames[i].over = true;
    wc_out_answer(&w->g, w->frames[i].number, &a);
    wc_out_flush(&w->g);
}

static inline void out_lose(struct out_world *w, int i, bool written)
{
    w->frames[i].over = true;
    wc_out_lost(&w->g, w->frames[i].number, written, "no answer in time");
    wc_out_flush(&w->g);
}

static inline const struct out_frame *out_last(const struct out_world *w)
{
    assert_true(w->nframes > 0);
    return &w->frames[w->nframes - 1];
}

/* The value of "key":"..." in a body, as it is written. */
static inline const char *out_field(const char *body, const char *key)
{
    static char out[4][WC_CONTENT_MAX * 2];
    static int next;
    char want[64], *to = out[next++ % 4];
    snprintf(want, sizeof want, "\"%s\":\"", key);
    const char *p = strstr(body, want);
    size_t n = 0;
    if (p)
        for (p += strlen(want); p[n] && p[n] != '"'; n++)
            n += p[n] == '\\' && p[n + 1];
    snprintf(to, sizeof out[0], "%.*s", (int)n, p ? p : "");
    return to;
}

#define out_has(frame, part) assert_non_null(strstr((frame)->body, (part)))

#endif
