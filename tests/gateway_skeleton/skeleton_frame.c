/* skeleton_frame.c -- see skeleton.h: events from frames, frames from messages, and the table of sends that wait for their answer. */
#include <stdio.h>
#include <string.h>

#include "gateway/jsonout.h"
#include "skeleton.h"

/* ---- events ---- */

static const char *skeleton_string(struct event *e, const struct json *o, const char *key,
                                   size_t max)
{
    const struct json *v = json_get(o, key);
    return json_is(v, JSON_STRING) && v->len <= max ? event_string(e, v->s, v->len) : "";
}

/* What makes two reports the same happening. */
static uint64_t skeleton_identity(const struct event *e)
{
    return hash_more(hash_string(e->chat), e->key, strlen(e->key));
}

/* Everything of a stranger's frame is checked; what is wrong is counted, and the link stays. */
void skeleton_event(struct skeleton *g, const struct json *o, enum event_type type)
{
    struct event *e = event_new(type, 512);
    char key[EVENT_ID_MAX + 8];
    const char *id = skeleton_string(e, o, "id", EVENT_ID_MAX);
    e->chat = skeleton_string(e, o, "chat", EVENT_ID_MAX);
    e->user = skeleton_string(e, o, "user", EVENT_ID_MAX);
    if (!*id || !*e->chat || !*e->user) {
        gateway_meter_bad(g->base.name, "event");
        event_free(e);
        return;
    }
    snprintf(key, sizeof key, "%c%s", event_type_name(type)[0], id);
    e->key = event_string(e, key, strlen(key));
    if (seen_check(g->seen, skeleton_identity(e), skeleton_now(g), SKELETON_WINDOW_S)) {
        metric_inc(g->meter.repeated);
        event_free(e);
        return;
    }
    e->name = skeleton_string(e, o, "name", EVENT_ID_MAX);
    e->name = *e->name ? e->name : e->user;
    e->arrived_ms = clock_wall(g->env.clock);
    e->arrived_ns = clock_ns();
    if (!json_int(json_get(o, "time"), &e->time_ms) || e->time_ms <= 0)
        e->time_ms = e->arrived_ms;
    e->late = e->arrived_ms - e->time_ms > g->conf.stale_ms;
    if (e->late)
        metric_inc(g->meter.late);
    e->private_chat = *e->chat == '@';
    if (type == EVENT_MESSAGE) {
        struct segment *s = event_room(e, sizeof *s);
        e->text = skeleton_string(e, o, "text", SKELETON_TEXT_MAX);
        *s = (struct segment){.type = SEGMENT_TEXT, .kind = "text", .id = "", .text = e->text};
        e->segments = s;
        e->nsegments = 1;
        e->message_id = id;
        e->at_me = e->private_chat;
    }
    g->sink.on_event(g->sink.ud, &g->base, e);
}

/* The engine had to drop the event unhandled: it is new when it comes again. */
void skeleton_unsee(struct gateway *base, const struct event *e)
{
    struct skeleton *g = (struct skeleton *)base;
    seen_forget(g->seen, skeleton_identity(e), skeleton_now(g));
}

/* ---- sends and their outcomes: exactly one each ---- */

static void skeleton_end(struct skeleton *g, struct skeleton_send *s, enum send_outcome outcome,
                         const char *id, const char *reason)
{
    struct send_result r = {.outcome = outcome, .message_id = id, .reason = reason};
    if (!s->told)
        g->pending--;
    s->told = outcome == SEND_UNKNOWN && g->open;
    uint64_t ticket = s->ticket;
    if (!s->told)
        s->n = 0; /* free before the engine is told: it may send again at once */
    g->sink.on_sent(g->sink.ud, &g->base, ticket, &r);
}

/* Every send whose time is over, or (all) whose link is lost. What has left may have arrived. */
void skeleton_overdue(struct skeleton *g, int64_t now, bool all)
{
    for (int i = 0; i < SKELETON_PENDING; i++) {
        struct skeleton_send *s = &g->sends[i];
        if (s->n && s->told && all)
            s->n = 0;
        if (!s->n || s->told || (!all && now < s->deadline))
            continue;
        bool left = s->start < conn_written(g->conn);
        if (all || left)
            skeleton_end(g, s, left ? SEND_UNKNOWN : SEND_UNWRITTEN, "",
                         all ? "connection lost" : "no answer in time");
        else
            s->deadline = now + g->conf.timeout_ms; /* it waits for the socket: not late yet */
    }
}

void skeleton_answer(struct skeleton *g, const struct json *o)
{
    int64_t n = 0;
    json_int(json_get(o, "n"), &n);
    struct skeleton_send *s = &g->sends[(uint64_t)n % SKELETON_PENDING];
    if (n <= 0 || s->n != (uint64_t)n)
        return; /* an answer to nothing */
    const char *id = json_text(json_get(o, "id")), *why = json_text(json_get(o, "why"));
    bool ok = json_bool(json_get(o, "ok"), false);
    if (s->told) {
        s->n = 0;
        if (ok)
            g->sink.on_sent_late(g->sink.ud, &g->base, s->ticket, id ? id : "");
        return;
    }
    skeleton_end(g, s, ok ? SEND_SENT : SEND_FAILED, ok && id ? id : "", why ? why : "");
}

bool skeleton_send(struct gateway *base, const struct out_message *m, uint64_t ticket)
{
    struct skeleton *g = (struct skeleton *)base;
    struct skeleton_send *s = &g->sends[(g->next_n + 1) % SKELETON_PENDING];
    if (!g->ready || g->stopping || conn_waiting(g->conn) >= SKELETON_FULL || conn_full(g->conn))
        return false;
    if (s->n && !s->told)
        return false; /* as many as there may be wait */
    *s = (struct skeleton_send){.n = ++g->next_n,
                                .ticket = ticket,
                                .start = conn_queued(g->conn),
                                .deadline = skeleton_now(g) + g->conf.timeout_ms};
    g->pending++;
    size_t start;
    struct buf *out = conn_begin(g->conn, &start);
    buf_adds(out, "{\"type\":\"send\"");
    jsonout_int(out, "n", (int64_t)s->n);
    jsonout_string(out, "chat", m->chat);
    jsonout_key(out, "parts");
    buf_addc(out, '[');
    for (int i = 0; i < m->nsegments; i++) {
        const struct out_segment *p = &m->segments[i];
        if (p->type == SEGMENT_AT) {
            buf_addc(out, '{');
            jsonout_string(out, "at", p->id);
            buf_adds(out, "},");
        } else if (p->type !=
                   SEGMENT_REPLY) { /* it has no quotations; a face is shown by its name */
            bool text = p->type == SEGMENT_TEXT;
            buf_add_json(out, text ? p->text : p->id, text ? p->text_len : strlen(p->id));
            buf_addc(out, ',');
        }
    }
    out->len -= out->data[out->len - 1] == ',';
    buf_adds(out, "]}");
    conn_end(g->conn, start);
    metric_inc(g->meter.out);
    return true;
}
