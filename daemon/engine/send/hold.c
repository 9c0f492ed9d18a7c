/* hold.c -- see hold.h. Callers: gw.c (mute events), risk.c (a send was refused because of a mute), pacer.c. */
#include "engine/send/hold.h"

#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/look/alarm.h"
#include "engine/send/risk.h"

/* SETTLED: what is said so soon after a mute was on its way already. TELL: a crowded chat that is held for longer than answers wait
 * is worth an alarm; a full minute is everyday life. */
enum { HOLD_MUTE_MS = 600000, HOLD_SETTLED_MS = 3000, HOLD_TELL_MS = 120000 };

static struct held *hold_set(struct gw *gw, const char *chat, int64_t until_ms, enum hold_why why)
{
    struct held *h;
    HASH_FIND_STR(gw->held, chat, h);
    /* refused on its way: what the platform told of the mute says more */
    if (h && why == HOLD_REFUSED && h->why <= HOLD_WHOLE && h->until_ms > clock_wall(gw->e->clock))
        return h;
    if (!h) {
        h = MEM_NEW(struct held);
        h->chat = mem_strdup(chat);
        HASH_ADD_KEYPTR(hh, gw->held, h->chat, strlen(h->chat), h);
    }
    h->until_ms = until_ms;
    h->told_ms = 0;
    h->why = why;
    log_info(why >= HOLD_LIMITED ? "chat held: too many messages there"
                                 : "chat held: we are muted there",
             "gateway", gw->name, "chat", chat, "seconds",
             log_int((until_ms - clock_wall(gw->e->clock) + 999) / 1000), NULL);
    return h;
}

/* We may not speak there: people must know. minutes: for how long, 0 = nobody said. */
static void hold_alarm(struct gw *gw, struct held *h, int64_t minutes)
{
    struct buf text = {0};
    if (minutes > 0)
        buf_addf(&text, "The account was muted in chat %s for %lld min: nothing is said there",
                 h->chat, (long long)minutes);
    else
        buf_addf(&text, "What is said in chat %s is refused: the account seems to be muted there",
                 h->chat);
    alarm_raise(gw, "muted", h->chat, buf_cstr(&text));
    h->alarm = true;
    buf_free(&text);
}

static void hold_crowded(struct gw *gw, struct held *h, int64_t left_ms)
{
    struct buf text = {0};
    if (left_ms <= HOLD_TELL_MS || h->alarm)
        return;
    buf_addf(&text,
             "Chat %s has had too many messages: the platform takes none for %lld min. What waits "
             "longer than it may is left out",
             h->chat, (long long)(left_ms + 59999) / 60000);
    alarm_raise(gw, "crowded", h->chat, buf_cstr(&text));
    h->alarm = true;
    buf_free(&text);
}

void hold_chat(struct gw *gw, const char *chat, int64_t until_ms, enum hold_why why)
{
    struct held *h = hold_set(gw, chat, until_ms, why);
    if (h->why == HOLD_CROWDED)
        hold_crowded(gw, h, until_ms - clock_wall(gw->e->clock));
    if (h->alarm || (h->why != HOLD_OURS && h->why != HOLD_REFUSED))
        return;
    int64_t left = until_ms - clock_wall(gw->e->clock);
    hold_alarm(gw, h, h->why == HOLD_OURS ? (left + 59999) / 60000 : 0);
}

static void hold_drop(struct gw *gw, struct held *h)
{
    if (h->alarm)
        alarm_clear(gw, h->why == HOLD_CROWDED ? "crowded" : "muted", h->chat);
    HASH_DEL(gw->held, h);
    free(h->chat);
    free(h);
}

static void hold_over(struct gw *gw, struct held *h)
{
    pacer_release_held(gw, h);
    hold_drop(gw, h);
}

int64_t hold_until(struct gw *gw, const char *chat, int64_t now)
{
    struct held *h;
    if (!gw->held)
        return 0;
    HASH_FIND_STR(gw->held, chat, h);
    if (!h)
        return 0;
    if (h->until_ms > now)
        return h->until_ms;
    hold_drop(gw, h);
    return 0;
}

void hold_event(struct gw *gw, const struct event *e)
{
    struct gateway_state s;
    gw->gateway->ops->state(gw->gateway, &s);
    bool whole = !*e->user, us = s.self_id && *s.self_id && strcmp(e->user, s.self_id) == 0;
    if (e->type != EVENT_MUTE || (!whole && !us))
        return;
    int64_t now = clock_wall(gw->e->clock);
    struct held *h;
    HASH_FIND_STR(gw->held, e->chat, h);
    if (strcmp(e->sub, "ban") == 0) {
        /* a whole-group mute may not concern us (we may be admin): try again now and then */
        bool known = us && e->number > 0;
        h = hold_set(gw, e->chat, known ? now + e->number * 1000 : now + HOLD_MUTE_MS,
                     known ? HOLD_OURS : HOLD_WHOLE);
        h->told_ms = e->time_ms;
        if (us) {
            hold_alarm(gw, h, (e->number + 59) / 60);
            risk_muted(gw, e->chat);
        }
    } else if (h) {
        hold_over(gw, h);
    }
}

void hold_heard(struct gw *gw, const struct event *e)
{
    struct held *h;
    if (!gw->held || e->history || strcmp(e->role ? e->role : "", "member") != 0)
        return;
    HASH_FIND_STR(gw->held, e->chat, h);
    if (h && h->why == HOLD_WHOLE && !h->alarm && e->time_ms >= h->told_ms + HOLD_SETTLED_MS)
        hold_over(gw, h);
}

void hold_retry(struct gw *gw)
{
    struct held *h, *tmp;
    HASH_ITER (hh, gw->held, h, tmp)
        if (h->why == HOLD_WHOLE || h->why == HOLD_REFUSED)
            hold_over(gw, h);
}

/* Once a second: the end of a mute that people were told of. */
void hold_round(struct gw *gw)
{
    int64_t now = clock_wall(gw->e->clock);
    struct held *h, *tmp;
    HASH_ITER (hh, gw->held, h, tmp)
        if (h->until_ms <= now)
            hold_over(gw, h);
}

void hold_free(struct gw *gw)
{
    struct held *h, *tmp;
    HASH_ITER (hh, gw->held, h, tmp) {
        h->alarm = false; /* a restart does not end it */
        hold_drop(gw, h);
    }
}
