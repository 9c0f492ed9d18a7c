/* committer.c -- turns that are finished become batches, batches become one script call each, answers go back to the turns.
 * A batch whose answer was lost with the connection (a flight) is asked again, in order, before anything new: the script is
 * idempotent by turn id. Callers: turn_run.c adds, the drain flushes. */
#include <hiredis/hiredis.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/send/act.h"
#include "engine/send/breaker.h"
#include "engine/turn/batch.h"

enum { FLIGHT_TRIES = 5, FLIGHT_RETRY_MS = 200 };

extern const char embed_commit_lua[];
extern const unsigned long embed_commit_lua_len;

struct flight {
    struct flight *next;
    struct gw *gw;
    struct turn *turns; /* linked by next; NULL once answered */
    unsigned nturns;
    bool sent, again, whole; /* whole: with the script's text, after NOSCRIPT */
    bool done;
    int tries;
    int64_t retry_at; /* monotonic */
    uint64_t started_ns;
};

/* Has a command been given that changed nothing? Its id is kept all the same: told again after a death, it would be obeyed behind
 * what was said after it, and might then change something. */
static bool committer_obeyed(const struct turn *t)
{
    for (const struct route *r = t->routes; r; r = r->next)
        if (r->ran && r->handler && r->handler->kind == HANDLER_COMMAND)
            return true;
    return false;
}

void committer_add(struct turn *t)
{
    t->at = NULL;
    breaker_turn(t);
    acts_write(t);
    if (t->nsettings)
        turn_note_settings(t);
    tally_turn(t);
    if (turn_is_empty(t) && t->input->kind == INPUT_EVENT && !t->input->repeat &&
        !committer_obeyed(t)) {
        turn_finish_empty(t);
        return;
    }
    t->next = NULL;
    *t->gw->finished_tail = t;
    t->gw->finished_tail = &t->next;
    t->gw->nfinished++;
}

/* ---- sending ---- */

static const char *committer_sha(void)
{
    static char hex[41];
    if (!hex[0]) {
        unsigned char digest[SHA_DIGEST_LENGTH];
        SHA1((const unsigned char *)embed_commit_lua, embed_commit_lua_len, digest);
        for (int i = 0; i < SHA_DIGEST_LENGTH; i++)
            snprintf(hex + i * 2, 3, "%02x", digest[i]);
    }
    return hex;
}

static void batch_head(struct batch *b, const struct flight *f)
{
    struct gw *gw = f->gw;
    if (f->whole) {
        batch_text(b, "EVAL", 4);
        batch_text(b, embed_commit_lua, embed_commit_lua_len);
    } else {
        batch_text(b, "EVALSHA", 7);
        batch_text(b, committer_sha(), 40);
    }
    batch_keys(b, gw);
    batch_int(b, (int64_t)gw->epoch);
    batch_int(b, clock_wall(gw->e->clock) * 1000);
}

/* ---- answers ---- */

static void committer_answer(void *ud, const struct redisReply *reply);

static bool flight_send(struct flight *f)
{
    static struct batch head, body, all;
    struct engine *e = f->gw->e;
    buf_reset(&head.words), buf_reset(&body.words), buf_reset(&all.words);
    head.n = body.n = all.n = 0;
    for (struct turn *t = f->turns; t; t = t->next)
        batch_turn(&body, t, f->again);
    batch_head(&head, f);
    batch_concerned(&head, f->gw);
    batch_int(&head, f->nturns);
    buf_add_array(&all.words, head.n + body.n);
    buf_add(&all.words, head.words.data, head.words.len);
    buf_add(&all.words, body.words.data, body.words.len);
    f->started_ns = clock_ns();
    f->sent = redis_send(e->redis, buf_cstr(&all.words), all.words.len, committer_answer, f);
    if (all.words.cap > 1 << 20)
        buf_free(&all.words), buf_free(&body.words);
    return f->sent;
}

static void flight_remove(struct flight *f)
{
    struct engine *e = f->gw->e;
    for (struct flight **p = &e->flights; *p; p = &(*p)->next) {
        if (*p != f)
            continue;
        *p = f->next;
        if (!f->next)
            e->flights_tail = p;
        break;
    }
    free(f);
}

/* When a message leaves, or why not; a text also says who is not mentioned after all. */
static void flight_send_time(struct turn_out *o, const struct redisReply *r)
{
    o->delay_ms = !r ? 0 : r->type == REDIS_REPLY_STRING ? strtoll(r->str, NULL, 10) : r->integer;
    if (o->delay_ms == OUT_QUOTA && !o->shed)
        o->shed = "a quota of messages is used up";
    else if (o->delay_ms == OUT_ATTENTION && !o->shed)
        o->shed = "enough was written to this member today";
    const char *p = r && r->type == REDIS_REPLY_STRING ? strchr(r->str, '\37') : NULL;
    while (p) {
        const char *end = strchr(p + 1, '\37');
        char *user = end ? mem_strndup(p + 1, (size_t)(end - p - 1)) : mem_strdup(p + 1);
        message_unmention(o->message, user);
        free(user);
        o->unmentioned++;
        p = end;
    }
}

/* The integers that stand for one turn; returns the position after them. */
static size_t flight_turn(struct flight *f, struct turn *t, const struct redisReply *r, size_t at)
{
    long long status = at < r->elements ? r->element[at]->integer : COMMIT_REFUSED;
    const char *text = "";
    at++;
    if (status == COMMIT_REFUSED)
        text = at < r->elements && r->element[at]->str ? r->element[at]->str : "?", at++;
    for (struct turn_out *o = t->outs; status == COMMIT_DONE && o; o = o->next, at++)
        flight_send_time(o, at < r->elements ? r->element[at] : NULL);
    turn_committed(t, (enum commit_status)status, text, f->again);
    return at;
}

static void flight_done(struct flight *f, const struct redisReply *r)
{
    struct turn *t = f->turns;
    f->turns = NULL;
    for (size_t at = 1; t;) {
        struct turn *next = t->next;
        at = flight_turn(f, t, r, at);
        t = next;
    }
    flight_remove(f);
}

static void flight_refuse(struct flight *f, const char *text)
{
    for (struct turn *t = f->turns; t;) {
        struct turn *next = t->next;
        turn_committed(t, COMMIT_REFUSED, text, false);
        t = next;
    }
    flight_remove(f);
}

/* One flight per turn, so that the turn that Redis chokes on does not take the others with it. */
static void flight_split(struct flight *f)
{
    struct flight **at = &f->next;
    for (struct turn *t = f->turns->next; t;) {
        struct turn *next = t->next;
        struct flight *one = MEM_NEW(struct flight);
        one->gw = f->gw;
        one->turns = t;
        one->nturns = 1;
        one->again = true;
        t->next = NULL;
        one->next = *at;
        *at = one;
        at = &one->next;
        if (!one->next)
            f->gw->e->flights_tail = &one->next;
        t = next;
    }
    f->turns->next = NULL;
    f->nturns = 1;
}

/* Redis answered with an error instead of running the script. */
static void flight_error(struct flight *f, const char *text)
{
    f->sent = false;
    f->again = true;
    if (strncmp(text, "NOSCRIPT", 8) == 0) {
        f->whole = true;
        return;
    }
    bool wait = redis_error_passes(text);
    if (wait && strncmp(text, "LOADING", 7) != 0)
        process_refused(f->gw->e, text);
    int64_t now = clock_mono(f->gw->e->clock);
    f->retry_at = now + FLIGHT_RETRY_MS;
    if (log_gate_open(&f->gw->gate_commit, now, 5000))
        log_error("redis refuses to commit", "gateway", f->gw->name, "answer", text, "will",
                  wait ? "retry" : "split", NULL);
    if (wait)
        return;
    if (f->nturns > 1)
        flight_split(f);
    else if (++f->tries >= FLIGHT_TRIES)
        flight_refuse(f, text);
}

static void committer_answer(void *ud, const struct redisReply *reply)
{
    struct flight *f = ud;
    struct gw *gw = f->gw;
    engine_spin(gw->e);
    if (!reply) {
        f->sent = false;
        f->again = true;
        return;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        flight_error(f, reply->str);
        return;
    }
    if (reply->type != REDIS_REPLY_ARRAY || !reply->elements) {
        flight_error(f, "unexpected answer of the commit script");
        return;
    }
    if (reply->element[0]->integer != -1) {
        flight_done(f, reply);
        return;
    }
    const char *found = reply->elements > 1 && reply->element[1]->str ? reply->element[1]->str : "";
    f->sent = false;
    f->again = true;
    gw_lost_ownership(gw, strtoull(found, NULL, 10));
}

void committer_drop(struct gw *gw)
{
    for (struct flight *f = gw->e->flights; f;) {
        struct flight *next = f->next;
        if (f->gw == gw && !f->sent) {
            for (struct turn *t = f->turns; t;) {
                struct turn *after = t->next;
                turn_abort(t, false);
                t = after;
            }
            flight_remove(f);
        }
        f = next;
    }
    struct turn *t = gw->finished;
    gw->finished = NULL;
    gw->finished_tail = &gw->finished;
    gw->nfinished = 0;
    while (t) {
        struct turn *next = t->next;
        turn_abort(t, false);
        t = next;
    }
}

/* Up to BATCH_TURNS finished turns of a gateway as one flight. */
static void committer_launch(struct gw *gw)
{
    struct engine *e = gw->e;
    struct flight *f = MEM_NEW(struct flight);
    f->gw = gw;
    struct turn **tail = &f->turns;
    size_t bytes = 0;
    while (gw->finished && f->nturns < BATCH_TURNS && bytes < 1 << 20) {
        struct turn *t = gw->finished;
        gw->finished = t->next;
        gw->nfinished--;
        t->next = NULL;
        *tail = t;
        tail = &t->next;
        f->nturns++;
        bytes += t->ops.len;
    }
    if (!gw->finished)
        gw->finished_tail = &gw->finished;
    *e->flights_tail = f;
    e->flights_tail = &f->next;
    flight_send(f);
}

void committer_flush(struct engine *e)
{
    if (!e->redis_up)
        return;
    int64_t now = clock_mono(e->clock);
    bool blocked = false;
    for (struct flight *f = e->flights; f; f = f->next) {
        if (f->sent || !f->gw->owner)
            continue;
        if (f->retry_at > now)
            blocked = true;
        else
            flight_send(f);
    }
    for (struct gw *gw = e->gws; gw; gw = gw->next)
        while (gw->finished && gw->owner && !blocked)
            committer_launch(gw);
}

void committer_redis_up(struct engine *e)
{
    for (struct flight *f = e->flights; f; f = f->next)
        f->retry_at = 0;
}

size_t committer_pending(const struct engine *e)
{
    size_t n = 0;
    for (const struct flight *f = e->flights; f; f = f->next)
        n += f->nturns;
    for (const struct gw *gw = e->gws; gw; gw = gw->next)
        n += gw->nfinished;
    return n;
}
