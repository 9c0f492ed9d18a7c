/* setback.c -- the wall clock was set back (by a person, by NTP after a wrong start). Timers and schedules keep their times of
 * day; what is due after a while, as send times and pauses are, is moved along, or it would wait for the hour that comes a
 * second time and messages would be shed as too late. A clock that goes forward needs nothing. Caller: the drain. */
#include "engine/internal.h"

static void setback_move(int64_t *at, int64_t ms)
{
    if (*at > ms && *at < INT64_MAX - ms)
        *at -= ms;
}

static void setback_gw(struct gw *gw, int64_t ms)
{
    for (struct entry *en = gw->entries; en;
         en = en->hh.next) { /* all by the same: the heap keeps its order */
        setback_move(&en->due_ms, ms);
        setback_move(&en->message->until_ms, ms);
        setback_move(&en->written_ms, ms);
        setback_move(&en->settle_at_ms, ms);
    }
    for (struct held *h = gw->held; h; h = h->hh.next)
        setback_move(&h->until_ms, ms);
    setback_move(&gw->settle_next_ms, ms);
    account_set_back(gw, ms);
    gw->alive_saved_ms = 0;
    guard_set_back(gw, ms);
    if (!gw->owner)
        return;
    /* The times reserved so far lie ahead. They begin anew; the guard still keeps the limits by what has really left. */
    struct buf key = {0};
    gw_key(gw, &key, "pace");
    redis_command(gw->e->redis, NULL, NULL, 2, (const char *[]){"DEL", buf_cstr(&key)}, NULL);
    buf_free(&key);
}

void setback_run(struct engine *e)
{
    int64_t ms = e->clock->back_ms - e->back_ms;
    if (ms <= 0 || !e->redis_up)
        return;
    e->back_ms = e->clock->back_ms;
    log_warn("the clock was set back", "seconds", log_int(ms / 1000), NULL);
    for (struct gw *gw = e->gws; gw; gw = gw->next)
        if (!gw->stopped)
            setback_gw(gw, ms);
}
