/* wake.c -- see wake.h. */
#include "gateway/wake.h"

#include "base/clock.h"

static void wake_on_timer(uv_timer_t *h)
{
    struct wake *w = h->data;
    clock_tick(w->clock);
    w->due(w->ud);
}

static void wake_on_closed(uv_handle_t *h)
{
    struct wake *w = h->data;
    w->closed(w->ud);
}

void wake_init(struct wake *w, uv_loop_t *loop, struct clock *clock, void (*due)(void *ud),
               void *ud)
{
    *w = (struct wake){.clock = clock, .due = due, .ud = ud};
    uv_timer_init(loop, &w->timer);
    w->timer.data = w;
}

void wake_at(struct wake *w, int64_t mono_ms)
{
    if (w->closing)
        return;
    int64_t delay = mono_ms - clock_mono(w->clock);
    if (delay < 0)
        delay = 0;
    if (uv_is_active((uv_handle_t *)&w->timer) && (int64_t)uv_timer_get_due_in(&w->timer) <= delay)
        return;
    uv_timer_start(&w->timer, wake_on_timer, (uint64_t)delay, 0);
}

void wake_close(struct wake *w, void (*closed)(void *ud))
{
    if (w->closing)
        return;
    w->closing = true;
    w->closed = closed;
    uv_close((uv_handle_t *)&w->timer, wake_on_closed);
}
