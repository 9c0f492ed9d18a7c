/* outbox_load.c -- the outbox after a restart, or after a commit whose answer was lost: what is in Redis is taken up again, and
 * what may have left already is in doubt. Callers: gw.c, turn_run.c. */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/send/outbox_parts.h"

enum { OUTBOX_RESTART_MS = 3000 };

/* It may have left. */
static void outbox_doubt(struct gw *gw, struct entry *en, int64_t now)
{
    settle_begin(gw, en, now + OUTBOX_RESTART_MS);
    en->doubt = true;
    gw->doubts++;
}

/* An entry found in Redis. Not marked and not to be repeated, or held back for the end of quiet hours: it never left. Marked, or
 * of the kind that leaves without a mark: it may have. */
static void outbox_restore(struct gw *gw, const char *id_text, const char *json, size_t len)
{
    uint64_t id;
    if (!outbox_parse_id(id_text, &id) || outbox_find(gw, id))
        return;
    struct message *m = message_parse(json, len);
    if (!m) {
        log_error("outbox entry is not readable and stays in redis", "gateway", gw->name, "id",
                  id_text, NULL);
        return;
    }
    struct entry *en = outbox_new(gw, id, m);
    int64_t now = clock_wall(gw->e->clock);
    en->restart = true;
    guard_restart(gw, m->chat, now);
    en->written_ms = m->created_ms;
    bool later = !m->act && m->from_ms > now;
    if (!m->act && !later && m->resend)
        outbox_doubt(gw, en, now);
    else
        outbox_requeue(gw, en, later ? m->from_ms : now);
}

static void outbox_loaded_marks(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    if (!reply || reply->type != REDIS_REPLY_ARRAY)
        return;
    int64_t now = clock_wall(gw->e->clock);
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        uint64_t id;
        struct entry *en =
            outbox_parse_id(reply->element[i]->str, &id) ? outbox_find(gw, id) : NULL;
        if (!en)
            continue;
        en->marked = true;
        if (en->state == ENTRY_QUEUED && !en->message->act) {
            pacer_remove(gw, en);
            outbox_doubt(gw, en, now);
        }
    }
    if (!gw->loaded)
        log_info("outbox loaded", "gateway", gw->name, "messages", log_int(HASH_COUNT(gw->entries)),
                 NULL);
    gw->loaded = true;
    engine_spin(gw->e);
}

static void outbox_loaded(void *ud, const struct redisReply *reply)
{
    struct gw *gw = ud;
    if (!reply || reply->type != REDIS_REPLY_ARRAY)
        return;
    for (size_t i = 0; i + 1 < reply->elements; i += 2)
        outbox_restore(gw, reply->element[i]->str, reply->element[i + 1]->str,
                       reply->element[i + 1]->len);
}

void outbox_load(struct gw *gw)
{
    struct buf box = {0}, marks = {0};
    gw_key(gw, &box, "outbox");
    gw_key(gw, &marks, "written");
    redis_command(gw->e->redis, outbox_loaded, gw, 2, (const char *[]){"HGETALL", buf_cstr(&box)},
                  NULL);
    redis_command(gw->e->redis, outbox_loaded_marks, gw, 2,
                  (const char *[]){"HGETALL", buf_cstr(&marks)}, NULL);
    buf_free(&box);
    buf_free(&marks);
}

/* The commit was asked twice and says "duplicate": if the entry is in the outbox, the first try was ours and did it. */
struct recovery {
    struct gw *gw;
    uint64_t id;
    struct message *m;
};

static void outbox_recovered(void *ud, const struct redisReply *reply)
{
    struct recovery *r = ud;
    if (reply && reply->type == REDIS_REPLY_INTEGER && reply->integer == 1 &&
        !outbox_find(r->gw, r->id)) {
        int64_t held = r->m->from_ms - clock_wall(r->gw->e->clock);
        outbox_add(r->gw, r->id, r->m, held > 0 ? held : 0);
    } else {
        message_free(r->m);
    }
    free(r);
}

void outbox_recover(struct gw *gw, uint64_t id, struct message *m)
{
    struct recovery *r = MEM_NEW(struct recovery);
    *r = (struct recovery){gw, id, m};
    char text[40];
    outbox_print_id(id, text);
    struct buf key = {0};
    gw_key(gw, &key, "outbox");
    if (!redis_command(gw->e->redis, outbox_recovered, r, 3,
                       (const char *[]){"HEXISTS", buf_cstr(&key), text}, NULL)) {
        message_free(m);
        free(r);
    }
    buf_free(&key);
}
