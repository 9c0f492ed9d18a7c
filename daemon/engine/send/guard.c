/* guard.c -- the second fence around the account. Send times are reserved in the commit (commit.lua), but some messages leave
 * later than that: held while the chat was muted or the account offline, found in the outbox after a restart, sent again. So the same
 * limits (GCRA) are also kept for what really leaves. A message on time passes without delay; the late ones queue up behind
 * each other instead of leaving at once. Caller: pacer.c. */
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

struct guard_chat {
    char *chat;
    int64_t tat[PACE_RULES];
    UT_hash_handle hh;
};

/* Leaving a few milliseconds late must not push the next one back. */
enum { GUARD_SLACK_US = 20000 };

static int64_t guard_free_at(const struct pace_rule *list, int n, const int64_t *tat)
{
    int64_t at = 0;
    for (int i = 0; i < n; i++) {
        int64_t burst = list[i].burst > 1 ? list[i].burst - 1 : 0;
        int64_t free_at = tat[i] - list[i].interval_us * burst - GUARD_SLACK_US;
        at = free_at > at ? free_at : at;
    }
    return at;
}

static void guard_count(const struct pace_rule *list, int n, int64_t *tat, int64_t now_us)
{
    for (int i = 0; i < n; i++)
        tat[i] = (tat[i] > now_us ? tat[i] : now_us) + list[i].interval_us;
}

static struct guard_chat *guard_find(struct gw *gw, const char *chat, bool create)
{
    struct guard_chat *g;
    HASH_FIND_STR(gw->guard, chat, g);
    if (!g && create) {
        g = MEM_NEW(struct guard_chat);
        g->chat = mem_strdup(chat);
        HASH_ADD_KEYPTR(hh, gw->guard, g->chat, strlen(g->chat), g);
    }
    return g;
}

int64_t guard_ready(struct gw *gw, const struct account *a, const char *chat, int64_t now_ms)
{
    int64_t at =
        guard_free_at(gw->pace.rules[PACE_ACCOUNT], gw->pace.nrules[PACE_ACCOUNT], a->guard_us);
    const struct guard_chat *g = guard_find(gw, chat, false);
    int64_t there =
        g ? guard_free_at(gw->pace.rules[PACE_CHAT], gw->pace.nrules[PACE_CHAT], g->tat) : 0;
    at = there > at ? there : at;
    return at <= now_ms * 1000 ? now_ms : (at + 999) / 1000;
}

void guard_take(struct gw *gw, struct account *a, const char *chat, int64_t now_ms)
{
    guard_count(gw->pace.rules[PACE_ACCOUNT], gw->pace.nrules[PACE_ACCOUNT], a->guard_us,
                now_ms * 1000);
    guard_count(gw->pace.rules[PACE_CHAT], gw->pace.nrules[PACE_CHAT],
                guard_find(gw, chat, true)->tat, now_ms * 1000);
}

static void guard_use_up(const struct pace_rule *list, int n, int64_t *tat, int64_t now_us)
{
    for (int i = 0; i < n; i++)
        tat[i] = now_us + list[i].interval_us * (list[i].burst > 1 ? list[i].burst - 1 : 0);
}

void guard_restart(struct gw *gw, const char *chat, int64_t now_ms)
{
    struct account *a = account_of(gw, chat);
    guard_use_up(gw->pace.rules[PACE_ACCOUNT], gw->pace.nrules[PACE_ACCOUNT], a->guard_us,
                 now_ms * 1000);
    guard_use_up(gw->pace.rules[PACE_CHAT], gw->pace.nrules[PACE_CHAT],
                 guard_find(gw, chat, true)->tat, now_ms * 1000);
}

/* The clock was set back: the same times, counted from now. */
void guard_set_back(struct gw *gw, int64_t ms)
{
    for (struct guard_chat *g = gw->guard; g; g = g->hh.next)
        for (int i = 0; i < PACE_RULES; i++)
            g->tat[i] -= ms * 1000;
}

/* Chats whose limits are all idle again. */
void guard_evict(struct gw *gw)
{
    int64_t now_us = clock_wall(gw->e->clock) * 1000;
    struct guard_chat *g, *tmp;
    HASH_ITER (hh, gw->guard, g, tmp) {
        bool busy = false;
        for (int i = 0; i < PACE_RULES; i++)
            busy = busy || g->tat[i] > now_us;
        if (busy)
            continue;
        HASH_DEL(gw->guard, g);
        free(g->chat);
        free(g);
    }
}

void guard_free(struct gw *gw)
{
    struct guard_chat *g, *tmp;
    HASH_ITER (hh, gw->guard, g, tmp) {
        HASH_DEL(gw->guard, g);
        free(g->chat);
        free(g);
    }
}
