/* stall.c -- see stall.h. Callers: pacer.c, outbox.c. */
#include "engine/send/stall.h"

#include <stdlib.h>
#include <utlist.h>

#include "engine/internal.h"

enum { STALL_LOOK_MS = 250, STALL_PROBE_MS = 10000 };

void stall_written(struct entry *en)
{
    struct account *a = en->account;
    DL_APPEND2(a->flight, en, flight_prev, flight_next);
    a->nflight++;
}

/* How many may be without an answer: what the limits of the account let leave at once. Mere spacings do not count. */
static int stall_most(const struct gw *gw)
{
    int most = 0;
    for (int i = 0; i < gw->pace.nrules[PACE_ACCOUNT]; i++) {
        const struct pace_rule *r = &gw->pace.rules[PACE_ACCOUNT][i];
        if ((r->burst > 1 || r->count > 1) && (!most || r->burst < most))
            most = r->burst;
    }
    return !most ? STALL_MOST : most > 2 ? most : 2;
}

void stall_over(struct gw *gw, struct entry *en)
{
    struct account *a = en->account;
    if (!en->flight_prev) /* of the first one it is the last: only what is not in the list has none */
        return;
    pacer_release_stalled(gw, a);
    DL_DELETE2(a->flight, en, flight_prev, flight_next);
    en->flight_prev = en->flight_next = NULL;
    a->nflight--;
}

void stall_lost(struct gw *gw, struct entry *en)
{
    struct account *a = en->account;
    stall_over(gw, en);
    if (clock_wall(gw->e->clock) - en->written_ms <= STALL_MS)
        return;
    a->nadrift++;
    a->adrift_ms = en->written_ms > a->adrift_ms ? en->written_ms : a->adrift_ms;
}

void stall_answered(struct gw *gw, struct entry *en)
{
    int64_t now = clock_wall(gw->e->clock);
    struct account *a = en->account;
    stall_over(gw, en);
    if (en->written_ms >= a->adrift_ms)
        a->nadrift = 0; /* what was written before it has been read */
    a->answered_ms = now;
    a->alive_ms = now;
    if (now - en->written_ms > STALL_MS)
        guard_take(gw, a, en, now);
}

/* A question of its own, so that the gateway may go between question and answer. */
struct stall_probe {
    struct account *a;
    struct gw *gw;
    int64_t asked_ms;
};

static void stall_alive(void *ud, const struct gateway_response *r)
{
    struct stall_probe *p = ud;
    int64_t now = r ? clock_wall(p->gw->e->clock) : 0;
    /* whatever it says, it says something; a time-out of ours is no answer, and comes late */
    if (r)
        p->a->probing = false;
    if (r && now - p->asked_ms < STALL_PROBE_MS) {
        p->a->alive_ms = now;
        pacer_release_stalled(p->gw, p->a);
    }
    free(p);
}

static void stall_probe(struct gw *gw, struct account *a, const char *chat, int64_t now)
{
    if (a->probing && now - a->probed_ms < STALL_PROBE_MS)
        return;
    struct stall_probe *p = MEM_NEW(struct stall_probe);
    *p = (struct stall_probe){a, gw, now};
    struct gateway_request r = {.action = ACTION_PING, .chat = chat};
    a->probing = true;
    a->probed_ms = now;
    if (gw_ask(gw, &r, stall_alive, p))
        return;
    a->probing = false;
    free(p);
}

int64_t stall_holds(struct gw *gw, struct account *a, const struct entry *en, int64_t now)
{
    const struct entry *oldest = a->flight;
    if (now - a->adrift_ms > STALL_DRIFT_MS)
        a->nadrift = 0;
    if (a->nflight && a->nflight + a->nadrift >= stall_most(gw))
        return now + STALL_LOOK_MS * 4;
    if (!oldest || now - oldest->written_ms <= STALL_MS)
        return 0;
    if (a->nflight >= STALL_SENDS && now - a->answered_ms > STALL_MS) {
        /* it may be alive and still not send: the last try is the youngest */
        int64_t again = oldest->flight_prev->written_ms + STALL_TRY_MS;
        if (again > now)
            return now + STALL_LOOK_MS < again ? now + STALL_LOOK_MS : again;
    }
    if (now - a->alive_ms <= STALL_MS)
        return 0;
    stall_probe(gw, a, en->message->chat, now);
    return now + STALL_LOOK_MS;
}
