/* wc_send.c -- messages at work: each is a job in the queue of its conversation, and one frame per conversation is on its way at a
 * time, so nothing overtakes and no req_id has two. What an acknowledgement means: the next frame, another way, or the result.
 * Owns the jobs. Callers: wecom_ops, wc_out.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "gateway/wc_out.h"

enum {
    WC_NEVER_CONTACTED = 846607, /* or too many messages */
    WC_BUSY_MS = 1000,
    WC_AGAIN_MS = 2000,
    WC_FULL_MS = 20,
    WC_LATE_WELCOME_MS = 60000, /* what is said later than this is no welcome any more */
    WC_JOB_MS = 180000,
    WC_IDLE_JOBS = 256,
    WC_IDLE_BYTES = 4 * 1024
};

/* ---- making and ending ---- */

static struct wc_job *wc_job_new(struct wc *g, uint64_t ticket)
{
    struct wc_out *o = g->out;
    struct wc_job *j = o->idle;
    if (j) {
        o->idle = j->next;
        o->nidle--;
    } else {
        j = MEM_NEW(struct wc_job);
    }
    while (o->jobs[o->slot])
        o->slot = (o->slot + 1) % WC_JOBS_MAX;
    o->jobs[o->slot] = j;
    o->njobs++;
    j->number = wc_number(o, WC_OWNER_JOB, o->slot);
    j->ticket = ticket;
    j->next = NULL;
    j->talk = NULL;
    j->stream = NULL;
    j->way = WC_WAY_PUSH;
    buf_reset(&j->bytes);
    j->nparts = j->part = 0;
    j->flying = j->retried = j->fetching = j->fetched = false;
    j->due = 0;
    j->until = wc_now(g) + WC_JOB_MS;
    return j;
}

static struct wc_job *wc_job_find(struct wc *g, uint64_t number)
{
    struct wc_job *j = g->out->jobs[number % WC_JOBS_MAX];
    return j && j->number == number ? j : NULL;
}

static void wc_job_free(struct wc *g, struct wc_job *j)
{
    struct wc_out *o = g->out;
    o->jobs[j->number % WC_JOBS_MAX] = NULL;
    o->njobs--;
    if (o->nidle >= WC_IDLE_JOBS || j->bytes.cap > WC_IDLE_BYTES) {
        buf_free(&j->bytes);
        free(j->parts);
        free(j);
        return;
    }
    j->next = o->idle;
    o->idle = j;
    o->nidle++;
}

static void wc_job_unlink(struct wc_job *j)
{
    struct wc_talk *t = j->talk;
    struct wc_job **at = &t->head, *before = NULL;
    while (*at != j) {
        before = *at;
        at = &before->next;
    }
    *at = j->next;
    if (t->tail == j)
        t->tail = before;
}

static void wc_job_tell(struct wc *g, uint64_t ticket, enum send_outcome outcome,
                        const char *reason, int64_t retry_ms)
{
    struct send_result r = {
        .outcome = outcome, .message_id = "", .reason = reason, .retry_ms = retry_ms};
    if (g->out->in_send)
        wc_out_result(g, ticket, outcome, reason, retry_ms);
    else if (g->sink.on_sent)
        g->sink.on_sent(g->sink.ud, &g->base, ticket, &r);
}

/* The job is gone afterwards. retry: mono, of CROWDED. */
static void wc_job_end(struct wc *g, struct wc_job *j, enum send_outcome outcome,
                       const char *reason, int64_t retry)
{
    char text[2 * WC_REASON_MAX];
    uint64_t ticket = j->ticket;
    int64_t wall = retry ? clock_wall(g->env.clock) + retry - wc_now(g) : 0;
    snprintf(text, sizeof text, "%s", reason);
    if (j->part && outcome != SEND_SENT) { /* to send it again would repeat what is there */
        snprintf(text, sizeof text, "only %d of %d parts arrived: %s", j->part, j->nparts, reason);
        outcome = outcome == SEND_UNKNOWN || outcome == SEND_FAILED ? outcome : SEND_CLOSED;
    }
    text[utf8_cut(text, strlen(text), WC_REASON_MAX)] = '\0';
    bool welcome = j->way == WC_WAY_WELCOME;
    if (welcome && outcome == SEND_CROWDED && wall - j->ref.arrived_ms > WC_WELCOME_MS)
        outcome = SEND_CLOSED; /* after the pause it would be too late */
    if (j->stream)
        j->stream->ending = false;
    if (welcome && (outcome == SEND_UNWRITTEN || outcome == SEND_CROWDED))
        wc_out_use(g, j->ref.req_id, false); /* when it comes again, its time is looked at again */
    wc_job_unlink(j);
    wc_job_free(g, j);
    wc_job_tell(g, ticket, outcome, text, outcome == SEND_CROWDED ? wall : 0);
}

/* ---- one step ---- */

static bool wc_job_image(const struct wc_job *j)
{
    return j->part < j->nparts && j->parts[j->part].kind == WC_PART_IMAGE;
}

/* A picture is on its way to the platform; false: it is there already. */
static bool wc_job_fetch(struct wc *g, struct wc_job *j)
{
    if (!wc_job_image(j) || j->fetched)
        return false;
    if (j->fetching)
        return true;
    j->fetching = true;
    j->until = wc_now(g) + g->out->image_ms;
    const struct wc_part *p = &j->parts[j->part];
    wc_wake(g, j->until);
    wc_image_get(g, j->number, j->bytes.data + p->at, p->len);
    return true;
}

static bool wc_job_too_late(struct wc *g, const struct wc_job *j)
{
    return j->way == WC_WAY_WELCOME && clock_wall(g->env.clock) - j->ref.arrived_ms > WC_WELCOME_MS;
}

static bool wc_job_wait(struct wc *g, struct wc_job *j, int64_t until)
{
    j->due = until;
    wc_wake(g, until);
    return false;
}

static void wc_job_write(struct wc *g, struct wc_job *j, int64_t now)
{
    if (g->out->flying >= g->out->width || !wc_part_write(g, j)) {
        wc_job_wait(g, j, now + WC_FULL_MS);
        return;
    }
    j->flying = true;
    g->out->flying++;
    wc_window_take(&j->talk->window, now);
    if (j->stream)
        wc_stream_drop(j->stream);
    j->stream = NULL;
}

/* True: it has ended, the next one may begin. */
static bool wc_job_step(struct wc *g, struct wc_job *j)
{
    int64_t now = wc_now(g);
    if (j->flying || (j->due && now < j->due))
        return false;
    if (now >= j->until) {
        wc_job_end(g, j, j->fetching ? SEND_CLOSED : SEND_UNWRITTEN, "it took too long", 0);
        return true;
    }
    if (j->part == j->nparts) {
        wc_job_end(g, j, SEND_SENT, "", 0);
        return true;
    }
    if (wc_job_fetch(g, j)) /* goes on over a lost connection */
        return false;
    if (!wc_ready(g) && j->fetched)
        return wc_job_wait(g, j, now + WC_BUSY_MS);
    if (!wc_ready(g)) {
        wc_job_end(g, j, SEND_UNWRITTEN, "no connection", 0);
        return true;
    }
    if (wc_job_too_late(g, j)) {
        wc_job_end(g, j, SEND_CLOSED, "too late: a welcome must leave within 5 s", 0);
        return true;
    }
    if (j->stream && j->stream->flying)
        return false; /* wc_stream.c pumps when it is answered */
    int64_t free_at = wc_talk_free(j->talk, now, 0);
    if (free_at > now && !j->part) {
        wc_job_end(g, j, SEND_CROWDED, "28 messages a minute, 950 an hour: the next one waits",
                   free_at);
        return true;
    }
    if (free_at > now)
        return wc_job_wait(g, j, free_at);
    wc_job_write(g, j, now);
    return false;
}

void wc_pump(struct wc *g, struct wc_talk *t)
{
    while (t->head && wc_job_step(g, t->head))
        ;
}

/* ---- taking a message ---- */

/* How it leaves. NULL, or why it cannot. */
static const char *wc_job_way(struct wc *g, struct wc_job *j, const struct out_message *m)
{
    int64_t age = 0;
    j->way = WC_WAY_PUSH;
    if (wc_ref_read(&j->ref, m->ref))
        age = clock_wall(g->env.clock) - j->ref.arrived_ms;
    if (j->ref.kind == 'm' && age < WC_REPLY_MS)
        j->way = WC_WAY_REPLY;
    if (j->ref.kind != 'w')
        return NULL;
    bool in_time = age <= WC_WELCOME_MS;
    if (wc_out_used(g, j->ref.req_id))
        return NULL; /* it was greeted: this is one more message */
    if (in_time) {
        j->way = WC_WAY_WELCOME;
        wc_out_use(g, j->ref.req_id, true);
    }
    return in_time || age > WC_LATE_WELCOME_MS ? NULL : "too late: a welcome must leave within 5 s";
}

static void wc_job_stream(struct wc *g, struct wc_job *j, const struct out_message *m)
{
    struct wc_stream *s = m->draft && *m->draft ? wc_stream_find(g, m->draft) : NULL;
    bool fits = s && !s->ending && !s->dead && j->way == WC_WAY_REPLY &&
                strcmp(s->chat, m->chat) == 0 && strcmp(s->ref.req_id, j->ref.req_id) == 0;
    j->stream = fits ? s : NULL;
    if (fits)
        s->ending = true;
}

bool wc_send(struct gateway *base, const struct out_message *m, uint64_t ticket)
{
    struct wc *g = (struct wc *)base;
    struct wc_out *o = g->out;
    if (!wc_ready(g) || o->stopped || o->njobs >= WC_JOBS_MAX - 1)
        return false;
    struct wc_talk *t = wc_talk_get(g, m->chat);
    struct wc_job *j = wc_job_new(g, ticket);
    const char *why = t->refused ? wc_error_text(t->refused) : wc_job_way(g, j, m);
    if (!why) {
        wc_job_stream(g, j, m);
        why = wc_parts(g, j, m);
    }
    if (why) {
        if (j->stream)
            j->stream->ending = false;
        if (j->way == WC_WAY_WELCOME)
            wc_out_use(g, j->ref.req_id, false);
        wc_out_result(g, ticket, SEND_CLOSED, why, 0); /* the account is not to blame */
        wc_job_free(g, j);
        return true;
    }
    j->talk = t;
    *(t->tail ? &t->tail->next : &t->head) = j;
    t->tail = j;
    o->in_send = true;
    wc_pump(g, t);
    o->in_send = false;
    return true;
}

/* ---- answers ---- */

static const char *wc_job_reason(int64_t code, const struct wc_ack *a, char *out, size_t size)
{
    bool known = wc_error_class(code) != WC_CLASS_OTHER;
    snprintf(out, size, "%s (%lld%s%s)", wc_error_text(code), (long long)code,
             known || !*a->reason ? "" : ": ", known ? "" : a->reason);
    return out;
}

/* Another way for the same frame, once; false: there is none. */
static bool wc_job_elsewhere(struct wc_job *j, enum wc_class class)
{
    struct wc_part *p = &j->parts[j->part];
    if (j->way != WC_WAY_REPLY)
        return false;
    if (class == WC_CLASS_OLD_STREAM && *p->stream && !j->retried) {
        *p->stream = '\0';
        j->retried = true;
        return true;
    }
    j->way = WC_WAY_PUSH;
    return true;
}

static bool wc_job_again(struct wc *g, struct wc_job *j, enum wc_class class, int64_t code)
{
    if (j->retried)
        return false;
    j->retried = true;
    if (class == WC_CLASS_CONCURRENT) {
        unsigned half = g->out->width / 2;
        g->out->width = half > WC_FLIGHT_LEAST ? half : WC_FLIGHT_LEAST;
    }
    wc_job_wait(g, j, wc_now(g) + (code == -1 ? WC_BUSY_MS : WC_AGAIN_MS));
    return true;
}

/* The conversation does not want us; the engine forgets a group that we are not in. */
static void wc_job_refused(struct wc *g, struct wc_talk *t, enum wc_class class, int64_t code)
{
    t->refused = code;
    if (class != WC_CLASS_OUTSIDE || *t->chat == '@' || !g->sink.on_chat)
        return;
    char *chat = mem_strdup(t->chat);
    g->sink.on_chat(g->sink.ud, &g->base, chat, "", false);
    free(chat);
}

static void wc_job_log(struct wc *g, const struct wc_job *j, const struct wc_ack *a)
{
    if (log_gate_open(&g->out->bug_gate, wc_now(g), 10000))
        log_warn("the platform refuses a message that we made wrong", "gateway", g->base.name,
                 "chat", j->talk->chat, "code", log_int(a->errcode), "says", a->reason, NULL);
}

/* The frame was refused; the job goes on or ends. */
static void wc_job_bad(struct wc *g, struct wc_job *j, const struct wc_ack *a)
{
    char reason[WC_REASON_MAX + 80];
    struct wc_talk *t = j->talk;
    enum wc_class class = wc_error_class(a->errcode);
    int64_t retry = 0, now = wc_now(g);
    bool closed = false; /* said again after the pause: nobody has written to the bot there */
    wc_job_reason(a->errcode, a, reason, sizeof reason);
    switch (class) {
    case WC_CLASS_WINDOW:
    case WC_CLASS_OLD_STREAM:
        if (wc_job_elsewhere(j, class))
            return;
        break;
    case WC_CLASS_BUSY:
    case WC_CLASS_CONCURRENT:
        if (wc_job_again(g, j, class, a->errcode))
            return;
        break;
    case WC_CLASS_LIMIT:
        closed = a->errcode == WC_NEVER_CONTACTED && t->step_ms && !t->spoken && !j->ref.kind &&
                 !j->part;
        retry = wc_talk_crowded(t, now);
        if (j->part && retry < j->until) {
            wc_job_wait(g, j, retry);
            return;
        }
        break;
    case WC_CLASS_BUG: wc_job_log(g, j, a); break;
    default: break;
    }
    wc_job_end(g, j, closed ? SEND_CLOSED : wc_error_outcome(class), reason, retry);
    if (class == WC_CLASS_ROOM || class == WC_CLASS_NO_CHAT || class == WC_CLASS_OUTSIDE)
        wc_job_refused(g, t, class, a->errcode);
}

void wc_job_answer(struct wc *g, uint64_t number, const struct wc_ack *a)
{
    struct wc_job *j = wc_job_find(g, number);
    if (!j || !j->flying)
        return;
    struct wc_talk *t = j->talk;
    j->flying = false;
    j->due = 0;
    g->out->flying--;
    if (wc_error_class(a->errcode) == WC_CLASS_OK) {
        t->refused = 0;
        t->spoken = true;
        j->part++;
        j->retried = j->fetching = j->fetched = false;
        if (j->way == WC_WAY_WELCOME)
            j->way = WC_WAY_PUSH; /* there is but one */
    } else {
        wc_job_bad(g, j, a);
    }
    wc_pump(g, t);
    wc_streams_step(g, t->chat);
}

void wc_job_lost(struct wc *g, uint64_t number, bool written, const char *reason)
{
    struct wc_job *j = wc_job_find(g, number);
    if (!j || !j->flying)
        return;
    struct wc_talk *t = j->talk;
    j->flying = false;
    g->out->flying--;
    if (written && j->part + 1 == j->nparts)
        wc_out_note_late(g, j->frame, j->ticket);
    wc_job_end(g, j, written ? SEND_UNKNOWN : SEND_UNWRITTEN, reason, 0);
    wc_pump(g, t);
}

void wc_job_fetched(struct wc *g, uint64_t number, const char *media_id, const char *why)
{
    struct wc_job *j = wc_job_find(g, number);
    if (!j || !j->fetching)
        return;
    struct wc_talk *t = j->talk;
    j->fetching = false;
    if (why) {
        wc_job_end(g, j, SEND_CLOSED, why, 0);
    } else {
        j->fetched = true;
        snprintf(j->media_id, sizeof j->media_id, "%s", media_id);
        j->until = wc_now(g) + WC_JOB_MS;
    }
    wc_pump(g, t);
}

/* ---- the timer, the end ---- */

void wc_jobs_tick(struct wc *g, int64_t now)
{
    struct wc_out *o = g->out;
    for (int i = 0; o->njobs && i < WC_JOBS_MAX; i++) {
        struct wc_job *j = o->jobs[i];
        if (!j || j->flying || j != j->talk->head)
            continue;
        wc_pump(g, j->talk);
        j = o->jobs[i];
        if (j && !j->flying && j->due > now)
            wc_wake(g, j->due);
    }
}

void wc_jobs_stop(struct wc *g)
{
    struct wc_out *o = g->out;
    for (int i = 0; o->njobs && i < WC_JOBS_MAX; i++)
        if (o->jobs[i])
            wc_job_end(g, o->jobs[i], o->jobs[i]->flying ? SEND_UNKNOWN : SEND_UNWRITTEN,
                       "the gateway stops", 0);
}
