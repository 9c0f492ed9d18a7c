/* run_load.c -- what a turn has to read about a run before it can go on: its record, its version and parameters, the source of an old
 * version, what it was woken with when it was put aside. Each read suspends the turn; its answer puts the turn on the ready list.
 * Callers: run_turn.c. */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/run/run_part.h"

static void turn_loaded(void *ud, const struct redisReply *r)
{
    struct run_load *l = ud;
    if (!l->t) {
        free(l);
        return;
    }
    l->done = true;
    l->lost = !r || (r->type == REDIS_REPLY_ERROR && redis_error_passes(r->str));
    if (r && r->type == REDIS_REPLY_STRING) {
        l->text = mem_alloc(r->len + 1);
        memcpy(l->text, r->str, r->len);
        l->text[r->len] = '\0';
        l->len = r->len;
    }
    engine_turn_ready(l->t->e, l->t);
}

void turn_load_drop(struct turn *t)
{
    struct run_load *l = t->load;
    if (!l)
        return;
    t->load = NULL;
    l->t = NULL;
    if (!l->done)
        return; /* turn_loaded frees it */
    free(l->text);
    free(l);
}

static enum turn_next turn_fetch(struct turn *t, enum load_what what, const char *field,
                                 const struct buf *key)
{
    struct run_load *l = MEM_NEW(struct run_load);
    l->t = t;
    l->what = what;
    const char *argv[] = {field ? "HGET" : "GET", key->data, field};
    const size_t lens[] = {strlen(argv[0]), key->len, field ? strlen(field) : 0};
    if (redis_command(t->e->redis, turn_loaded, l, field ? 3 : 2, argv, lens)) {
        t->load = l;
        return TURN_WAITS;
    }
    free(l);
    turn_abort(t, true);
    return TURN_GONE;
}

enum turn_next turn_fetch_record(struct turn *t)
{
    static struct buf key;
    buf_reset(&key);
    run_key(t->gw, &key, t->at->run);
    return turn_fetch(t, LOAD_RECORD, NULL, &key);
}

enum turn_next turn_fetch_pin(struct turn *t)
{
    struct buf key = {0};
    pin_key(t->gw, &key, t->run->pin);
    enum turn_next next = turn_fetch(t, LOAD_PIN, NULL, &key);
    buf_free(&key);
    return next;
}

enum turn_next turn_fetch_source(struct turn *t, const struct pin *p)
{
    struct buf key = {0};
    source_key(t->gw, &key, p->flow, p->version);
    enum turn_next next = turn_fetch(t, LOAD_SOURCE, NULL, &key);
    buf_free(&key);
    return next;
}

enum turn_next turn_fetch_parked(struct turn *t)
{
    struct buf key = {0};
    gw_key(t->gw, &key, "parked");
    enum turn_next next = turn_fetch(t, LOAD_PARKED, t->at->run, &key);
    buf_free(&key);
    return next;
}
