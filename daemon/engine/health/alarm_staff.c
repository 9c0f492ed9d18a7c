/* alarm_staff.c -- alarms in the staff chats: by which gateway, and the turn that commits the message. A gateway that is itself in
 * trouble is the last choice: another of ours in the same group speaks for it. What cannot be told now waits.
 * Owned by alarms. Callers: look/alarm.c once a second; health/canary.c for its own posts. */
#include <stdlib.h>
#include <string.h>

#include "engine/health/say.h"
#include "engine/internal.h"
#include "engine/look/alarm_part.h"

enum {
    STAFF_KEEP_MS = 6 * 3600000, /* nobody could be told for so long: it is of no use any more */
    STAFF_LATE_MS = 3600000,     /* in the outbox */
    STAFF_BYTES = 1200           /* of alarms that share a message */
};

/* May it post by itself, now? */
static bool staff_can(const struct gw *gw)
{
    return gw && !gw->removed && gw->started && gw_can_send(gw) &&
           gateway_can(gw->gateway, GATEWAY_PROACTIVE);
}

static bool staff_knows(const struct gw *gw, const char *chat)
{
    const struct known *k;
    HASH_FIND_STR(gw->known, chat, k);
    return k != NULL;
}

static struct gw *staff_gw(const struct engine *e, const char *target, const char **chat)
{
    const char *colon = strchr(target, ':');
    char name[64];
    if (!colon || (size_t)(colon - target) >= sizeof name)
        return NULL;
    memcpy(name, target, (size_t)(colon - target));
    name[colon - target] = '\0';
    *chat = colon + 1;
    return engine_gw(e, name);
}

/* Another gateway of that platform that sits in the same group. */
static struct gw *staff_other(const struct engine *e, const struct gw *than, const char *chat,
                              const struct gw *ill)
{
    for (struct gw *gw = e->gws; gw; gw = gw->next)
        if (gw != than && gw != ill && *chat != '@' && staff_can(gw) && staff_knows(gw, chat) &&
            (!than || !than->gateway ||
             strcmp(than->gateway->ops->type, gw->gateway->ops->type) == 0))
            return gw;
    return NULL;
}

/* Where this can be told now; NULL: nowhere. */
static struct gw *staff_target(const struct engine *e, const struct notice *n, const char **chat)
{
    const struct gw *ill = *n->gateway ? engine_gw(e, n->gateway) : NULL;
    char *const *list = e->alarms->conf->staff;
    for (char *const *p = list; p && *p; p++) {
        struct gw *gw = staff_gw(e, *p, chat);
        if (gw && gw != ill && staff_can(gw))
            return gw;
    }
    for (char *const *p = list; p && *p; p++) {
        struct gw *own = staff_gw(e, *p, chat), *gw;
        if (own && (gw = staff_other(e, own, *chat, ill)))
            return gw;
    }
    for (char *const *p = list; p && *p; p++) {
        struct gw *gw = staff_gw(e, *p, chat);
        if (gw && staff_can(gw))
            return gw;
    }
    return NULL;
}

/* All that goes the same way becomes one message. */
static void staff_say(struct engine *e, struct gw *gw, const char *chat)
{
    struct alarms *all = e->alarms;
    struct buf text = {0}, id = {0};
    while (all->staff.first) {
        const char *other;
        const struct notice *n = all->staff.first;
        if (text.len && (staff_target(e, n, &other) != gw || strcmp(other, chat) != 0 ||
                         text.len + strlen(n->words) > STAFF_BYTES))
            break;
        if (text.len)
            buf_adds(&text, "\n\n");
        buf_adds(&text, n->words);
        notice_free(notices_take(&all->staff));
        alarm_count("staff", "committed");
    }
    buf_addf(&id, "alarm:%lld:%llu", (long long)clock_wall(e->clock),
             (unsigned long long)++all->serial);
    say_in(gw, chat, buf_cstr(&id), buf_cstr(&text), STAFF_LATE_MS, false);
    buf_free(&text);
    buf_free(&id);
}

void alarm_staff_round(struct engine *e)
{
    struct alarms *all = e->alarms;
    int64_t now = clock_wall(e->clock);
    const char *chat;
    if (!e->alarms->conf->staff) {
        while (all->staff.first)
            notice_free(notices_take(&all->staff));
        return;
    }
    while (all->staff.first && now - all->staff.first->at_ms > STAFF_KEEP_MS) {
        notice_free(notices_take(&all->staff));
        alarm_count("staff", "dropped");
    }
    if (!e->redis_up || !e->reported_ready)
        return;
    for (struct gw *gw; all->staff.first && (gw = staff_target(e, all->staff.first, &chat));)
        staff_say(e, gw, chat);
}
