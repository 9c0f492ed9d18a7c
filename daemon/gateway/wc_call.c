/* wc_call.c -- the other things that a gateway is asked to do: of these the platform knows only the update of a card that was pressed,
 * within 5 s, and its heartbeat. Owns the calls that wait for their acknowledgement. Callers: wecom_ops, wc_out.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/wc_out.h"

enum { WC_UPDATE_MS = 4800 };

struct wc_call {
    struct wc_call *next;
    uint64_t number, ticket;
    char req_id[]; /* of the press that it answers; "" none */
};

static const char wc_call_full[] = "the connection is full"; /* later, perhaps */

static void wc_call_note(struct wc *g, uint64_t number, const char *req_id, uint64_t ticket)
{
    size_t len = strlen(req_id);
    struct wc_call *c = mem_zero(sizeof *c + len + 1);
    memcpy(c->req_id, req_id, len);
    c->number = number;
    c->ticket = ticket;
    c->next = g->out->calls;
    g->out->calls = c;
}

static void wc_call_write(struct wc_frame *f, const char *req_id, uint64_t ticket)
{
    struct wc *g = f->g;
    uint64_t number = wc_number(g->out, WC_OWNER_CALL, 0);
    wc_call_note(g, number, req_id, ticket);
    wc_frame_end(f, WC_FOR_OUT, number, wc_out_ack_ms(g));
}

/* NULL: it is on its way. */
static const char *wc_call_update(struct wc *g, const struct gateway_request *r, uint64_t ticket)
{
    static struct wc_ref ref;
    static struct buf card;
    struct wc_frame f;
    if (!wc_ref_read(&ref, r->arg) || ref.kind != 'c')
        return "this is no press of a button on a card";
    if (clock_wall(g->env.clock) - ref.arrived_ms > WC_UPDATE_MS)
        return "too late: a card can be changed within 5 s of a press";
    if (wc_out_used(g, ref.req_id))
        return "the card was changed already";
    buf_reset(&card);
    const char *task = strcmp(ref.task_id, "-") == 0 ? NULL : ref.task_id;
    const char *why =
        wc_card_check(&card, r->text ? r->text : "", r->text ? strlen(r->text) : 0, task, "");
    if (why)
        return why;
    if (!wc_frame_begin(g, &f, "aibot_respond_update_msg", ref.req_id))
        return wc_call_full;
    wc_out_use(g, ref.req_id, true);
    buf_adds(f.out, "{\"response_type\":\"update_template_card\",");
    if (r->user && *r->user) {
        buf_adds(f.out, "\"userids\":[");
        buf_add_json(f.out, r->user, strlen(r->user));
        buf_adds(f.out, "],");
    }
    buf_adds(f.out, "\"template_card\":");
    buf_add(f.out, card.data, card.len);
    buf_addc(f.out, '}');
    wc_call_write(&f, ref.req_id, ticket);
    return NULL;
}

static const char *wc_call_ping(struct wc *g, uint64_t ticket)
{
    struct wc_frame f;
    if (!wc_frame_begin(g, &f, "ping", NULL))
        return wc_call_full;
    f.out->len -= strlen(",\"body\":"); /* a heartbeat has none */
    wc_call_write(&f, "", ticket);
    return NULL;
}

bool wc_call(struct gateway *base, const struct gateway_request *r, uint64_t ticket)
{
    struct wc *g = (struct wc *)base;
    if (!wc_ready(g) || g->out->stopped)
        return false;
    const char *why = r->action == ACTION_CARD_UPDATE ? wc_call_update(g, r, ticket)
                      : r->action == ACTION_PING      ? wc_call_ping(g, ticket)
                                                      : "the gateway does not support this";
    if (why == wc_call_full)
        return false;
    if (why)
        wc_out_response(g, ticket, why);
    return true;
}

/* ---- answers ---- */

static struct wc_call *wc_call_take(struct wc *g, uint64_t number)
{
    for (struct wc_call **at = &g->out->calls; *at; at = &(*at)->next) {
        struct wc_call *c = *at;
        if (c->number != number)
            continue;
        *at = c->next;
        return c;
    }
    return NULL;
}

static void wc_call_tell(struct wc *g, struct wc_call *c, const struct gateway_response *r)
{
    uint64_t ticket = c->ticket;
    if (r->unwritten && *c->req_id) /* the card is as it was */
        wc_out_use(g, c->req_id, false);
    free(c);
    if (g->sink.on_response)
        g->sink.on_response(g->sink.ud, &g->base, ticket, r);
}

void wc_call_done(struct wc *g, uint64_t number, const struct wc_ack *a)
{
    char reason[WC_REASON_MAX + 80] = "";
    struct wc_call *c = wc_call_take(g, number);
    enum wc_class class = wc_error_class(a->errcode);
    if (!c)
        return;
    if (class != WC_CLASS_OK)
        snprintf(reason, sizeof reason, "%s (%lld)", wc_error_text(a->errcode),
                 (long long)a->errcode);
    struct gateway_response r = {.ok = class == WC_CLASS_OK,
                                 .lost = class == WC_CLASS_SILENT,
                                 .unwritten = class == WC_CLASS_UNSUBSCRIBED,
                                 .reason = reason,
                                 .number = -1};
    wc_call_tell(g, c, &r);
}

void wc_call_lost(struct wc *g, uint64_t number, bool written, const char *reason)
{
    struct wc_call *c = wc_call_take(g, number);
    struct gateway_response r = {
        .lost = written, .unwritten = !written, .reason = reason, .number = -1};
    if (c)
        wc_call_tell(g, c, &r);
}

void wc_calls_free(struct wc *g)
{
    while (g->out->calls)
        wc_call_lost(g, g->out->calls->number, true, "the gateway stops");
}
