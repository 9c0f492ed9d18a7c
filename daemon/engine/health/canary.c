/* canary.c -- a message of our own into a private test group, now and then, and whether it can be seen there: by another gateway of ours in
 * that group, by its echo, or in the group's history. Where the platform offers none of these, that it was taken with an id must do.
 * Not seen twice in a row: the account is suspect, whatever the gateway says of itself. Its posts are paced like others; no quota of
 * a day counts them. Owned by the gw's health. Callers: health.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "engine/health/say.h"
#include "engine/internal.h"
#include "engine/look/alarm.h"

enum { CANARY_LOST = 2 /* in a row */ };

static bool canary_can(const struct gw *gw)
{
    return gw->owner && gw->loaded && gw->e->redis_up && gw->e->reported_ready && gw_can_send(gw);
}

static void canary_end(struct gw *gw)
{
    gw->health.canary.out = false;
    gw->e->process.canaries--;
}

static void canary_post(struct gw *gw)
{
    struct canary *c = &gw->health.canary;
    struct buf text = {0}, id = {0};
    int64_t now = clock_wall(gw->e->clock), clock = zone_clock(health_zone(gw->e), now) / 60000;
    snprintf(c->token, sizeof c->token, "%06llx",
             (unsigned long long)rng_below(&gw->e->rng, 1 << 24));
    buf_addf(&text, "自检 %02d:%02d #%s", (int)(clock / 60), (int)(clock % 60), c->token);
    buf_addf(&id, "canary:%lld:%llu:%s", (long long)now, (unsigned long long)++c->serial, c->token);
    c->out = true;
    gw->e->process.canaries++;
    c->seen = c->asked = false;
    c->sent_ms = clock_mono(gw->e->clock);
    c->sent_wall_ms = now;
    say_in(gw, c->chat, buf_cstr(&id), buf_cstr(&text), c->within_ms, true);
    buf_free(&text);
    buf_free(&id);
}

static void canary_count(const struct gw *gw, const char *outcome)
{
    metric_inc(metric_counter("sopd_canaries_total", "Canaries by what became of them.",
                              metric_labels("gateway", gw->name, "outcome", outcome, NULL)));
}

static void canary_found(struct gw *gw)
{
    struct canary *c = &gw->health.canary;
    canary_end(gw);
    c->lost = 0;
    c->suspect = false;
    c->seen_ms = clock_wall(gw->e->clock);
    c->next_ms = c->sent_ms + c->every_ms;
    canary_count(gw, "seen");
    alarm_clear(gw, "canary", "");
}

static void canary_missed(struct gw *gw)
{
    struct canary *c = &gw->health.canary;
    canary_end(gw);
    c->lost++;
    c->next_ms = 0; /* once more at once, then as often as it may */
    canary_count(gw, "lost");
    log_warn("canary not seen", "gateway", gw->name, "chat", c->chat, "in_a_row", log_int(c->lost),
             NULL);
    if (c->lost < CANARY_LOST)
        return;
    c->next_ms = c->sent_ms + c->every_ms;
    c->suspect = true;
    struct buf text = {0};
    buf_addf(&text, "a test message in chat %s was not seen within %lld s, %u times in a row",
             c->chat, (long long)c->within_ms / 1000, c->lost);
    alarm_raise(gw, "canary", "", buf_cstr(&text));
    buf_free(&text);
}

void canary_round(struct gw *gw)
{
    struct canary *c = &gw->health.canary;
    int64_t now = clock_mono(gw->e->clock);
    if (!c->chat)
        return;
    if (c->out && c->seen) {
        canary_found(gw);
    } else if (c->out && !canary_can(gw)) {
        canary_end(gw); /* the link or the account is known to be down: it says nothing more */
    } else if (c->out) {
        int64_t age = now - c->sent_ms;
        if (!c->asked && age >= c->within_ms / 2 && gateway_can(gw->gateway, GATEWAY_HISTORY)) {
            c->asked = true;
            gateway_catch_up(gw->gateway, c->chat, c->sent_wall_ms - 5000);
        }
        if (age >= c->within_ms)
            canary_missed(gw);
    } else if (now >= c->next_ms && canary_can(gw)) {
        canary_post(gw);
    }
}

/* ---- seeing it ---- */

static bool canary_in(const struct canary *c, const struct event *e)
{
    char mark[16];
    snprintf(mark, sizeof mark, "#%s", c->token);
    for (int i = 0; i < e->nsegments; i++)
        if (e->segments[i].type == SEGMENT_TEXT && strstr(e->segments[i].text, mark))
            return true;
    return false;
}

static void canary_note(struct gw *gw, const char *how)
{
    struct canary *c = &gw->health.canary;
    c->seen = true;
    c->how = how;
    engine_spin(gw->e);
}

bool canary_event(struct gw *gw, const struct event *e)
{
    if (!gw->e->process.canaries || e->type != EVENT_MESSAGE)
        return false;
    for (struct gw *of = gw->e->gws; of; of = of->next) {
        const struct canary *c = &of->health.canary;
        if (c->out && of->stopped)
            canary_end(of);
        if (of == gw || !c->out || strcmp(c->chat, e->chat) != 0 || !canary_in(c, e))
            continue;
        canary_note(of, "another gateway");
        return true;
    }
    return false;
}

void canary_own_message(struct gw *gw, const struct event *e)
{
    const struct canary *c = &gw->health.canary;
    if (c->out && !c->seen && strcmp(c->chat, e->chat) == 0 && canary_in(c, e))
        canary_note(gw, "own message");
}

/* Can anybody see it but the gateway that took it? */
static bool canary_witness(const struct gw *gw)
{
    const char *chat = gw->health.canary.chat;
    if (gateway_can(gw->gateway, GATEWAY_ECHO) || gateway_can(gw->gateway, GATEWAY_HISTORY))
        return true;
    for (const struct gw *other = gw->e->gws; other; other = other->next) {
        const struct known *k = NULL;
        if (other != gw && !other->removed)
            HASH_FIND_STR(other->known, chat, k);
        if (k)
            return true;
    }
    return false;
}

void canary_sent(struct gw *gw, const struct message *m, const char *outcome)
{
    const struct canary *c = &gw->health.canary;
    if (!c->out || c->seen || strcmp(m->chat, c->chat) != 0 || strcmp(outcome, "sent") != 0)
        return;
    struct buf text = {0};
    char mark[16];
    snprintf(mark, sizeof mark, "#%s", c->token);
    message_plain(m, &text);
    if (strstr(buf_cstr(&text), mark) && !canary_witness(gw))
        canary_note(gw, "answer to the send");
    buf_free(&text);
}
