/* forget_memory.c -- forgetting in what this process has in memory: messages that wait to be sent, the private chat, the note that
 * somebody left: see forget.h. Callers: forget.c. */
#include <stdlib.h>
#include <string.h>

#include "engine/rights/forget.h"

enum { FORGET_LEAVES_MS = 30000 };

/* What stands on a button or in a card cannot be written anew: it is left out. */
static bool segment_names(const struct out_segment *seg, const struct scrub *scrub)
{
    static struct buf out;
    if (seg->type != SEGMENT_CARD && seg->type != SEGMENT_BUTTON)
        return false;
    buf_reset(&out);
    return scrub_text(scrub, seg->text, seg->text_len, &out) != SCRUB_NONE ||
           scrub_text(scrub, seg->id, strlen(seg->id), &out) != SCRUB_NONE;
}

static bool card_names(const struct message *m, const struct forget_subject *s)
{
    struct scrub scrub = forget_scrub(s);
    for (int i = 0; i < m->nsegments; i++)
        if (m->segments[i].type == SEGMENT_CARD && segment_names(&m->segments[i], &scrub))
            return true;
    return false;
}

static bool message_names(const struct message *m, const struct forget_subject *s)
{
    static struct buf out;
    struct scrub scrub = forget_scrub(s);
    if (forget_is_private(s, m->chat) || (m->act && act_names(m->act, s->user)))
        return true;
    for (int i = 0; i < m->nsegments; i++) {
        const struct out_segment *seg = &m->segments[i];
        buf_reset(&out);
        if (seg->type == SEGMENT_AT && strcmp(seg->id, s->user) == 0)
            return true;
        if (segment_names(seg, &scrub))
            return true;
        if (seg->type == SEGMENT_TEXT &&
            scrub_text(&scrub, seg->text, seg->text_len, &out) != SCRUB_NONE)
            return true;
    }
    return false;
}

/* The same message to the group without the mention and the name. */
static void message_rewrite(struct gw *gw, struct entry *en, const struct forget_subject *s)
{
    enum { SEGMENTS = 128 };
    struct message *m = en->message;
    struct out_segment list[SEGMENTS];
    struct buf texts[SEGMENTS] = {{0}}, key = {0}, json = {0};
    struct scrub scrub = forget_scrub(s);
    int n = 0;
    char id[40];
    for (int i = 0; i < m->nsegments && n < SEGMENTS; i++) {
        list[n] = m->segments[i];
        if (list[n].type == SEGMENT_AT && strcmp(list[n].id, s->user) == 0)
            continue;
        if (segment_names(&list[n], &scrub))
            continue;
        if (list[n].type == SEGMENT_TEXT &&
            scrub_text(&scrub, list[n].text, list[n].text_len, &texts[n]) != SCRUB_NONE) {
            list[n].text = buf_cstr(&texts[n]);
            list[n].text_len = texts[n].len;
        }
        n++;
    }
    struct message_head head = {.chat = m->chat,
                                .flow = m->flow,
                                .created_ms = m->created_ms,
                                .from_ms = m->from_ms,
                                .until_ms = m->until_ms,
                                .resend = m->resend,
                                .insist = m->insist,
                                .answer = m->answer,
                                .kind = m->kind,
                                .late = m->late};
    en->message = message_new(&head, list, n);
    if (m->run)
        message_set_run(en->message, m->run);
    message_free(m);
    for (int i = 0; i < SEGMENTS; i++)
        buf_free(&texts[i]);
    outbox_print_id(en->id, id);
    gw_key(gw, &key, "outbox");
    message_json(en->message, &json);
    redis_command(gw->e->redis, NULL, NULL, 4,
                  (const char *[]){"HSET", buf_cstr(&key), id, buf_cstr(&json)}, NULL);
    buf_free(&key);
    buf_free(&json);
}

bool forget_outbox(struct forget *f, bool soon)
{
    int64_t now = clock_wall(f->gw->e->clock);
    struct entry *en, *tmp;
    bool none = true;
    HASH_ITER (hh, f->gw->entries, en, tmp) {
        for (int i = 0; i < f->nsubjects; i++) {
            const struct forget_subject *s = &f->subjects[i];
            if ((s->chat && strcmp(s->chat, en->message->chat) != 0) ||
                !message_names(en->message, s))
                continue;
            if (f->dry) {
                f->result.messages++;
            } else if (en->state != ENTRY_QUEUED ||
                       (!soon && en->due_ms < now + FORGET_LEAVES_MS)) {
                none = false; /* it leaves, and is gone then */
            } else if (en->message->act || forget_is_private(s, en->message->chat) ||
                       card_names(en->message, s)) {
                f->result.messages++;
                outbox_done(f->gw, en, "failed", "its member was forgotten");
                break;
            } else {
                f->result.anonymised++;
                message_rewrite(f->gw, en, s);
            }
        }
    }
    return none;
}

/* While it stands in `left`, a process that dies over it is followed by one that begins again. */
static void forget_left(struct forget *f, const struct forget_subject *s)
{
    struct buf key = {0}, member = {0};
    gw_key(f->gw, &key, "left");
    retention_member(s->chat, s->user, &member);
    redis_command(f->gw->e->redis, NULL, NULL, 3,
                  (const char *[]){"ZREM", buf_cstr(&key), buf_cstr(&member)}, NULL);
    buf_free(&key);
    buf_free(&member);
}

void forget_memory(struct forget *f)
{
    for (int i = 0; i < f->nsubjects; i++) {
        struct buf name = {0};
        buf_addf(&name, "@%s", f->subjects[i].user);
        if (f->subjects[i].chat)
            forget_left(f, &f->subjects[i]);
        struct chat *c = f->subjects[i].chat ? NULL : chat_get(f->gw, buf_cstr(&name), false);
        if (c && !c->turn && !c->first && !c->ready && !chat_loading(c))
            chat_free(c);
        buf_free(&name);
    }
}
