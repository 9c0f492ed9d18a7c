/* ob_held.c -- what waits a moment: joins whose inviter may still come, answers to requests (given too fast, some
 * implementations show the request again), and results that must not be reported inside the call they belong to. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/ob.h"

enum { OB_JOIN_HOLD_MS = 1200 };

enum ob_held_kind { OB_HELD_JOIN, OB_HELD_ANSWER, OB_HELD_SEND_RESULT, OB_HELD_CALL_RESULT };

struct ob_held {
    struct ob_held *next;
    enum ob_held_kind kind;
    int64_t due;
    struct event *join;
    struct gateway_request request; /* strings owned */
    uint64_t ticket;
    const char *reason;
};

static struct ob_held *ob_held_new(struct ob *g, enum ob_held_kind kind, int64_t due)
{
    struct ob_held *h = MEM_NEW(struct ob_held), **at = &g->held;
    h->kind = kind;
    h->due = due;
    while (*at)
        at = &(*at)->next;
    *at = h; /* in the order of their coming */
    ob_wake(g, due);
    return h;
}

static void ob_held_free(struct ob_held *h)
{
    free((char *)h->request.chat);
    free((char *)h->request.user);
    free((char *)h->request.arg);
    free((char *)h->request.sub);
    free((char *)h->request.text);
    free(h);
}

void ob_held_join(struct ob *g, struct event *e)
{
    ob_held_new(g, OB_HELD_JOIN, ob_now(g) + OB_JOIN_HOLD_MS)->join = e;
}

bool ob_held_merge(struct ob *g, struct event *e)
{
    for (struct ob_held *h = g->held; h; h = h->next) {
        struct event *join = h->join;
        if (h->kind != OB_HELD_JOIN || strcmp(join->chat, e->chat) != 0 ||
            strcmp(join->user, e->user) != 0)
            continue;
        if (*e->operator_id) {
            join->operator_id = event_string(join, e->operator_id, strlen(e->operator_id));
            join->sub = event_string(join, e->sub, strlen(e->sub));
        }
        metric_inc(g->meter.repeated);
        if (strcmp(join->key, e->key) != 0)
            ob_repeated(g, e);
        event_free(e);
        return true;
    }
    return false;
}

void ob_held_answer(struct ob *g, const struct gateway_request *r, uint64_t ticket)
{
    int64_t least = g->conf.request_delay_ms, due = ob_now(g) + least;
    if (least > 0)
        due += (int64_t)rng_below(&g->rng, (uint64_t)(2 * least) + 1);
    struct ob_held *h = ob_held_new(g, OB_HELD_ANSWER, due);
    h->ticket = ticket;
    h->request = *r;
    h->request.chat = mem_strdup(r->chat);
    h->request.user = mem_strdup(r->user);
    h->request.arg = mem_strdup(r->arg);
    h->request.sub = mem_strdup(r->sub);
    h->request.text = mem_strdup(r->text);
}

void ob_held_result(struct ob *g, bool is_send, uint64_t ticket, const char *reason)
{
    struct ob_held *h =
        ob_held_new(g, is_send ? OB_HELD_SEND_RESULT : OB_HELD_CALL_RESULT, ob_now(g));
    h->ticket = ticket;
    h->reason = reason;
}

/* Lets one go. */
static void ob_held_go(struct ob *g, struct ob_held *h, bool ending)
{
    switch (h->kind) {
    case OB_HELD_JOIN: g->sink.on_event(g->sink.ud, &g->base, h->join); break;
    case OB_HELD_ANSWER:
        if (ending || !ob_call_now(g, &h->request, h->ticket))
            ob_call_failed(g, h->ticket, "the connection is gone");
        break;
    case OB_HELD_SEND_RESULT: ob_sent(g, h->ticket, SEND_FAILED, "", h->reason, 0); break;
    case OB_HELD_CALL_RESULT: ob_call_failed(g, h->ticket, h->reason); break;
    }
    ob_held_free(h);
}

/* Takes those that `take` chooses off the list, then lets them go: whoever is told may add to the list. */
static void ob_held_each(struct ob *g, bool (*take)(const struct ob_held *h, const void *arg),
                         const void *arg, bool ending)
{
    struct ob_held *taken = NULL, **tail = &taken, **at = &g->held;
    while (*at) {
        struct ob_held *h = *at;
        if (!take(h, arg)) {
            at = &h->next;
            continue;
        }
        *at = h->next;
        h->next = NULL;
        *tail = h;
        tail = &h->next;
    }
    while (taken) {
        struct ob_held *next = taken->next;
        ob_held_go(g, taken, ending);
        taken = next;
    }
}

static bool ob_held_is_before(const struct ob_held *h, const void *arg)
{
    const struct event *e = arg;
    return h->kind == OB_HELD_JOIN && strcmp(h->join->chat, e->chat) == 0 &&
           strcmp(h->join->user, e->user) == 0;
}

static bool ob_held_is_due(const struct ob_held *h, const void *arg)
{
    return h->due <= *(const int64_t *)arg;
}

static bool ob_held_is_result(const struct ob_held *h, const void *arg)
{
    (void)arg;
    return h->kind == OB_HELD_SEND_RESULT || h->kind == OB_HELD_CALL_RESULT;
}

static bool ob_held_is_any(const struct ob_held *h, const void *arg)
{
    (void)h;
    (void)arg;
    return true;
}

void ob_held_release(struct ob *g, const struct event *before)
{
    ob_held_each(g, ob_held_is_before, before, false);
}

void ob_held_due(struct ob *g, int64_t now)
{
    ob_held_each(g, ob_held_is_due, &now, false);
    for (const struct ob_held *h = g->held; h; h = h->next)
        ob_wake(g, h->due);
}

void ob_held_flush(struct ob *g)
{
    if (g->held)
        ob_held_each(g, ob_held_is_result, NULL, false);
}

void ob_held_end(struct ob *g)
{
    ob_held_each(g, ob_held_is_any, NULL, true);
}
