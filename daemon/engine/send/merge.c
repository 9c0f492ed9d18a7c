/* merge.c -- see merge.h. A join is one step in Redis (store/merge.lua): until it is answered neither message leaves, and after a crash
 * there are either both or the one. Callers: outbox.c, pacer.c, the round of gw.c. */
#include "engine/send/merge.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/internal.h"
#include "engine/send/outbox_parts.h"

enum { MERGE_SEGMENTS = 100 };

extern const char embed_merge_lua[];
extern const unsigned long embed_merge_lua_len;

/* Where the next one of that chat, flow and kind may join. */
struct merge {
    char *key;
    struct entry *entry;
    UT_hash_handle hh;
};

/* One that is under way. */
struct join {
    struct join *next;
    struct gw *gw;
    uint64_t into, from;
    struct message *message;
    bool sent;
};

/* ---- one message of two ---- */

struct merge_count {
    size_t chars;
    int images;
    bool fits;
};

static void merge_weigh(const struct message *m, struct merge_count *c)
{
    for (int i = 0; i < m->nsegments; i++) {
        const struct out_segment *s = &m->segments[i];
        c->chars += s->type == SEGMENT_TEXT ? utf8_count(s->text, s->text_len) : 0;
        c->images += s->type == SEGMENT_IMAGE;
        /* a quote stands for the whole message, and @all is counted by the platform */
        if (s->type == SEGMENT_REPLY || (s->type == SEGMENT_AT && strcmp(s->id, "all") == 0))
            c->fits = false;
        if (s->type == SEGMENT_BUTTON ||
            s->type == SEGMENT_CARD) /* they belong to their own text */
            c->fits = false;
    }
    if (*m->draft) /* it ends what is shown already */
        c->fits = false;
}

static bool merge_mentions(const struct out_segment *list, int n, const char *user)
{
    for (int i = 0; i < n; i++)
        if (list[i].type == SEGMENT_AT && strcmp(list[i].id, user) == 0)
            return true;
    return false;
}

/* The segments of both. Whoever is mentioned above is a plain name below. */
static int merge_segments(const struct message *a, const struct message *b, struct out_segment *out)
{
    int n = 0;
    for (int i = 0; i < a->nsegments; i++)
        out[n++] = a->segments[i];
    out[n++] = (struct out_segment){.type = SEGMENT_TEXT, .id = "", .text = "\n", .text_len = 1};
    int above = n;
    for (int i = 0; i < b->nsegments; i++) {
        struct out_segment s = b->segments[i];
        if (s.type == SEGMENT_AT && merge_mentions(out, above, s.id)) {
            if (!s.text_len)
                continue;
            s = (struct out_segment){
                .type = SEGMENT_TEXT, .id = "", .text = s.text, .text_len = s.text_len};
        }
        out[n++] = s;
    }
    return n;
}

struct message *merge_messages(const struct message *a, const struct message *b)
{
    struct merge_count c = {.chars = 1, .fits = true};
    merge_weigh(a, &c);
    merge_weigh(b, &c);
    int n = a->nsegments + b->nsegments + 1;
    if (!c.fits || c.chars > MESSAGE_CHARS || c.images > MESSAGE_IMAGES || n > MERGE_SEGMENTS)
        return NULL;
    struct out_segment list[MERGE_SEGMENTS];
    n = merge_segments(a, b, list);
    int mentions = 0;
    for (int i = 0; i < n; i++)
        mentions += list[i].type == SEGMENT_AT;
    if (mentions > MESSAGE_MENTIONS)
        return NULL;
    struct message_head head = {.chat = a->chat,
                                .flow = a->flow,
                                .ref = *b->ref ? b->ref : a->ref, /* the newest lasts longest */
                                .created_ms = a->created_ms,
                                .from_ms = a->from_ms,
                                .until_ms = a->until_ms,
                                .resend = a->resend,
                                .answer = a->answer,
                                .kind = a->kind,
                                .late = a->late};
    return message_new(&head, list, n);
}

/* ---- the join ---- */

static void merge_end(struct join *j)
{
    struct join **p = &j->gw->joins;
    while (*p != j)
        p = &(*p)->next;
    *p = j->next;
    message_free(j->message);
    free(j);
}

static void merge_again(struct gw *gw, struct entry *en)
{
    if (en && en->state == ENTRY_MERGING)
        outbox_requeue(gw, en, en->due_ms);
}

static void merge_joined(struct gw *gw, struct join *j, struct entry *into, struct entry *from)
{
    char id[40];
    if (into && into->state == ENTRY_MERGING) {
        message_free(into->message);
        into->message = j->message;
        j->message = NULL;
        if (from && from->due_ms < into->due_ms)
            into->due_ms = from->due_ms;
    }
    if (from && from->state == ENTRY_MERGING) {
        struct buf reason = {0};
        outbox_print_id(j->into, id);
        buf_addf(&reason, "into %s", id);
        outbox_merged(gw, from, buf_cstr(&reason));
        buf_free(&reason);
    }
    merge_again(gw, into);
}

static void merge_answer(void *ud, const struct redisReply *reply)
{
    struct join *j = ud;
    struct gw *gw = j->gw;
    if (!reply) {
        j->sent = false;
        return;
    }
    long long said = reply->type == REDIS_REPLY_INTEGER ? reply->integer : -1;
    struct entry *into = outbox_find(gw, j->into), *from = outbox_find(gw, j->from);
    if (said > 0) {
        merge_joined(gw, j, into, from);
    } else {
        merge_again(gw, into);
        merge_again(gw, from);
        if (said == 0 && from && from->state == ENTRY_QUEUED)
            outbox_done(gw, from, "failed", "it was taken out of the outbox");
    }
    merge_end(j);
    engine_spin(gw->e);
}

static void merge_send(struct join *j)
{
    static struct buf json;
    struct gw *gw = j->gw;
    struct buf epoch = {0}, box = {0};
    char into[40], from[40];
    gw_key(gw, &epoch, "epoch");
    gw_key(gw, &box, "outbox");
    outbox_print_id(j->into, into);
    outbox_print_id(j->from, from);
    buf_reset(&json);
    message_json(j->message, &json);
    j->sent = redis_command(gw->e->redis, merge_answer, j, 9,
                            (const char *[]){"EVAL", embed_merge_lua, "2", buf_cstr(&epoch),
                                             buf_cstr(&box), log_int((int64_t)gw->epoch), into,
                                             from, buf_cstr(&json)},
                            NULL);
    buf_free(&epoch);
    buf_free(&box);
}

static void merge_begin(struct gw *gw, struct entry *into, struct entry *from, struct message *both)
{
    struct join *j = MEM_NEW(struct join);
    *j = (struct join){gw->joins, gw, into->id, from->id, both, false};
    gw->joins = j;
    struct entry *two[] = {into, from};
    for (int i = 0; i < 2; i++) {
        pacer_remove(gw, two[i]);
        two[i]->state = ENTRY_MERGING;
    }
    merge_send(j);
}

void merge_round(struct gw *gw)
{
    for (struct join *j = gw->joins; j && gw->owner && gw->e->redis_up; j = j->next)
        if (!j->sent)
            merge_send(j);
}

/* ---- who waits ---- */

static bool merge_may(const struct entry *en)
{
    const struct message *m = en->message;
    struct merge_count c = {.fits = true};
    merge_weigh(m, &c);
    return m->late == LATE_MERGE && !m->run && !m->from_ms && en->state == ENTRY_QUEUED &&
           !en->marked && !en->resends && !en->restart && c.fits;
}

void merge_close(struct gw *gw, struct entry *en)
{
    struct merge *m = en->merge;
    if (!m)
        return;
    en->merge = NULL;
    HASH_DEL(gw->merges, m);
    free(m->key);
    free(m);
}

void merge_offer(struct gw *gw, struct entry *en)
{
    static struct buf key;
    if (!merge_may(en))
        return;
    buf_reset(&key);
    buf_addf(&key, "%s\n%s\n%d", en->message->chat, en->message->flow, (int)en->message->kind);
    struct merge *m;
    HASH_FIND_STR(gw->merges, buf_cstr(&key), m);
    struct entry *into = m ? m->entry : NULL;
    if (into && merge_may(into) && into->message->until_ms >= en->due_ms &&
        into->message->resend == en->message->resend &&
        into->message->answer == en->message->answer) {
        struct message *both = merge_messages(into->message, en->message);
        if (both) {
            merge_begin(gw, into, en, both);
            return;
        }
    }
    if (into) { /* the older one is full, or on its way */
        into->merge = NULL;
    } else {
        m = MEM_NEW(struct merge);
        m->key = mem_strdup(buf_cstr(&key));
        HASH_ADD_KEYPTR(hh, gw->merges, m->key, strlen(m->key), m);
    }
    m->entry = en;
    en->merge = m;
}

void merge_free(struct gw *gw)
{
    while (gw->joins)
        merge_end(gw->joins);
}
