/* at_all.c -- @ everybody is scarce: before a message that uses it leaves, the gateway is asked what is left today. Nothing left:
 * the message goes without it. No answer to the question: once per group and day, counted here. Caller: pacer.c. */
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

enum { AT_ALL_DAY_MS = 86400000 };

struct at_all_day {
    char *chat;
    int64_t day;
    UT_hash_handle hh;
};

struct at_all_question {
    struct gw *gw;
    uint64_t id;
};

static bool at_all_is(const struct out_segment *s)
{
    return s->type == SEGMENT_AT && strcmp(s->id, "all") == 0;
}

/* Takes today's one use of a chat whose quota nobody knows. */
static bool at_all_take(struct gw *gw, const char *chat)
{
    int64_t today = clock_wall(gw->e->clock) / AT_ALL_DAY_MS;
    struct at_all_day *d;
    HASH_FIND_STR(gw->at_all, chat, d);
    if (d && d->day == today)
        return false;
    if (!d) {
        d = MEM_NEW(struct at_all_day);
        d->chat = mem_strdup(chat);
        HASH_ADD_KEYPTR(hh, gw->at_all, d->chat, strlen(d->chat), d);
    }
    d->day = today;
    return true;
}

static void at_all_decide(struct gw *gw, struct entry *en, const struct gateway_response *r)
{
    bool known = r && r->ok && r->number >= 0;
    bool allowed = known ? r->number > 0 : at_all_take(gw, en->message->chat);
    en->at_all = allowed ? AT_ALL_ALLOWED : AT_ALL_DENIED;
    if (!allowed)
        log_warn("@all left out: none is left today", "gateway", gw->name, "chat",
                 en->message->chat, NULL);
    en->state = ENTRY_QUEUED;
    pacer_add(gw, en);
    engine_spin(gw->e);
}

static void at_all_answer(void *ud, const struct gateway_response *r)
{
    struct at_all_question *q = ud;
    struct entry *en;
    HASH_FIND(hh, q->gw->entries, &q->id, sizeof q->id, en);
    if (en && en->state == ENTRY_ASKING)
        at_all_decide(q->gw, en, r);
    free(q);
}

bool at_all_wait(struct gw *gw, struct entry *en)
{
    bool uses = false;
    for (int i = 0; en->at_all == AT_ALL_UNASKED && i < en->message->nsegments; i++)
        uses = uses || at_all_is(&en->message->segments[i]);
    if (!uses)
        return false;
    struct at_all_question *q = MEM_NEW(struct at_all_question);
    *q = (struct at_all_question){gw, en->id};
    struct gateway_request r = {.action = ACTION_AT_ALL_QUOTA, .chat = en->message->chat};
    pacer_remove(gw, en);
    en->state = ENTRY_ASKING;
    if (!gw_ask(gw, &r, at_all_answer, q)) {
        free(q);
        at_all_decide(gw, en, NULL);
    }
    return true;
}

int at_all_filter(const struct entry *en, struct out_segment *room)
{
    int n = 0;
    for (int i = 0; i < en->message->nsegments; i++)
        if (!at_all_is(&en->message->segments[i]))
            room[n++] = en->message->segments[i];
    return n;
}

void at_all_free(struct gw *gw)
{
    struct at_all_day *d, *tmp;
    HASH_ITER (hh, gw->at_all, d, tmp) {
        HASH_DEL(gw->at_all, d);
        free(d->chat);
        free(d);
    }
}
