/* forget.c -- forgets members: see forget.h. One job of a gateway at a time; every step is one command to Redis, and between two
 * steps the loop serves the traffic. A job that somebody asked for stands in the hash `forgetting` until it is done.
 * Callers: turns (c:forget), the control socket, the stream of commands, retention.c; the drain drives it. */
#include "engine/rights/forget.h"

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/look/trace.h"

enum {
    FORGET_KEYS = 250,   /* looked at in one step */
    FORGET_INSIDE = 200, /* entries of a large key in one step */
    FORGET_STEP_NS = 1000000,
    FORGET_RETRY_NS = 50000000,
    FORGET_PASSES = 6
};
#define FORGET_SETTLE_NS 1000000000u
#define FORGET_OUTBOX_NS 20000000000u

extern const char embed_forget_find_lua[], embed_forget_apply_lua[];
extern const unsigned long embed_forget_find_lua_len, embed_forget_apply_lua_len;

/* ---- jobs ---- */

struct forget *forget_begin(struct gw *gw, const char *user, const char *name, const char *chat,
                            const char *by, bool dry)
{
    struct forget *f = MEM_NEW(struct forget), **p = &gw->forgets;
    f->gw = gw;
    f->by = mem_strdup(by);
    f->dry = true; /* the first pass only looks */
    f->result.dry = dry;
    f->hits_tail = &f->hits;
    forget_add(f, user, chat);
    if (name)
        forget_add_name(f, &f->subjects[0], name);
    while (*p)
        p = &(*p)->next;
    *p = f;
    engine_spin(gw->e);
    return f;
}

static void forget_drop(struct forget *f)
{
    for (int i = 0; i < f->nsubjects; i++) {
        struct forget_subject *s = &f->subjects[i];
        for (int n = 0; n < s->nnames; n++)
            free(s->names[n]);
        free(s->user);
        free(s->encoded);
        free(s->chat);
    }
    forget_drop_hits(&f->hits);
    forget_drop_hits(&f->cancel);
    buf_free(&f->words);
    free(f->cursor);
    free(f->inner);
    free(f->by);
    free(f);
}

static void forget_end(struct forget *f, const char *error)
{
    struct forget **p = &f->gw->forgets;
    while (*p && *p != f)
        p = &(*p)->next;
    if (*p)
        *p = f->next;
    f->result.error = error;
    if (f->told)
        f->told(f->ud, &f->result);
    forget_drop(f);
}

void forget_free(struct gw *gw)
{
    while (gw->forgets)
        forget_end(gw->forgets, "the gateway is not served here any more");
}

bool forget_busy(const struct gw *gw)
{
    return gw->forgets && gw->owner && gw->loaded && gw->e->redis_up && !gw->e->stopping;
}

/* ---- commands ---- */

/* The next step comes after this one's answer. */
static void forget_send(struct forget *f, redis_fn fn, struct buf *words, size_t n)
{
    struct buf all = {0};
    buf_add_array(&all, n);
    buf_add(&all, words->data, words->len);
    f->pending = redis_send(f->gw->e->redis, buf_cstr(&all), all.len, fn, f);
    buf_free(&all);
}

static void word(struct buf *b, size_t *n, const char *s, size_t len)
{
    buf_add_bulk(b, s, len);
    ++*n;
}

static void forget_needles(const struct forget *f, struct buf *b, size_t *n)
{
    int count = 0;
    for (int i = 0; i < f->nsubjects; i++) {
        const struct forget_subject *s = &f->subjects[i];
        count += 1 + s->nnames + (strcmp(s->user, s->encoded) != 0);
    }
    buf_add_bulk_int(b, count);
    ++*n;
    for (int i = 0; i < f->nsubjects; i++) {
        const struct forget_subject *s = &f->subjects[i];
        word(b, n, s->user, strlen(s->user));
        if (strcmp(s->user, s->encoded) != 0)
            word(b, n, s->encoded, strlen(s->encoded));
        for (int k = 0; k < s->nnames; k++)
            word(b, n, s->names[k], strlen(s->names[k]));
    }
}

static void forget_ask(struct forget *f, redis_fn fn, const char *const *more, size_t nmore)
{
    static struct buf b;
    size_t n = 0;
    buf_reset(&b);
    word(&b, &n, "EVAL", 4);
    word(&b, &n, embed_forget_find_lua, embed_forget_find_lua_len);
    word(&b, &n, "0", 1);
    for (size_t i = 0; i < nmore; i++)
        word(&b, &n, more[i], strlen(more[i]));
    forget_needles(f, &b, &n);
    forget_send(f, fn, &b, n);
}

/* An answer came: false if it is none. */
static bool forget_answered(struct forget *f, const struct redisReply *r, int type)
{
    f->pending = false;
    f->next_ns = clock_ns() + FORGET_STEP_NS;
    engine_spin(f->gw->e);
    if (r && r->type == type)
        return true;
    f->next_ns = clock_ns() + FORGET_RETRY_NS;
    if (r && r->type == REDIS_REPLY_ERROR)
        log_error("redis refuses to forget a member", "gateway", f->gw->name, "answer", r->str,
                  NULL);
    return false;
}

/* ---- steps ---- */

static void forget_found(void *ud, const struct redisReply *r)
{
    struct forget *f = ud;
    if (!forget_answered(f, r, REDIS_REPLY_ARRAY) || !r->elements)
        return;
    free(f->cursor);
    f->cursor = mem_strdup(r->element[0]->str);
    if (strcmp(f->cursor, "0") == 0)
        f->scanning = false;
    for (size_t i = 1; i + 2 < r->elements; i += 3) {
        struct forget_hit *h = MEM_NEW(struct forget_hit);
        h->key = mem_strndup(r->element[i]->str, r->element[i]->len);
        h->type = mem_strdup(r->element[i + 1]->str);
        h->named = strcmp(r->element[i + 2]->str, "key") == 0;
        *f->hits_tail = h;
        f->hits_tail = &h->next;
    }
}

static void forget_applied(void *ud, const struct redisReply *r)
{
    forget_answered(ud, r, REDIS_REPLY_INTEGER); /* what was not done is found by the next pass */
}

static void forget_apply(struct forget *f)
{
    static struct buf b;
    struct buf key = {0};
    size_t n = 0;
    buf_reset(&b);
    gw_key(f->gw, &key, "epoch");
    word(&b, &n, "EVAL", 4);
    word(&b, &n, embed_forget_apply_lua, embed_forget_apply_lua_len);
    word(&b, &n, "1", 1);
    word(&b, &n, key.data, key.len);
    buf_add_bulk_int(&b, (int64_t)f->gw->epoch);
    n++;
    buf_add(&b, f->words.data, f->words.len);
    forget_send(f, forget_applied, &b, n + f->nwords);
    buf_reset(&f->words);
    f->nwords = 0;
    buf_free(&key);
}

static void forget_next_hit(struct forget *f)
{
    struct forget_hit *h = f->hits;
    f->hits = h->next;
    if (!f->hits)
        f->hits_tail = &f->hits;
    h->next = NULL;
    forget_drop_hits(&h);
    free(f->inner);
    f->inner = NULL;
}

static void forget_looked(void *ud, const struct redisReply *r)
{
    struct forget *f = ud;
    if (!forget_answered(f, r, REDIS_REPLY_ARRAY) || !r->elements || !f->hits)
        return;
    bool all = true;
    for (size_t i = 1; all && i + 1 < r->elements; i += 2)
        all = forget_entry(f, f->hits, r->element[i], r->element[i + 1]);
    if (f->nwords) /* now, before a turn reads what is about to change */
        forget_apply(f);
    if (!all) { /* again from here, when its chat has a moment */
        f->next_ns = clock_ns() + FORGET_RETRY_NS / 10;
        return;
    }
    if (strcmp(r->element[0]->str, "0") == 0) {
        forget_next_hit(f);
        return;
    }
    free(f->inner);
    f->inner = mem_strdup(r->element[0]->str);
}

static void forget_cancelled(void *ud, enum run_fit fit, const char *text)
{
    struct forget *f = ud;
    (void)fit, (void)text; /* one that is gone meanwhile is as good */
    f->pending = false;
    engine_spin(f->gw->e);
}

static void forget_cancel_next(struct forget *f)
{
    struct forget_hit *h = f->cancel;
    f->cancel = h->next;
    h->next = NULL;
    f->pending = true;
    engine_run_cancel(f->gw->e, f->gw->name, h->type, h->key, forget_cancelled, f);
    forget_drop_hits(&h);
}

/* ---- passes ---- */

static void forget_pass(struct forget *f)
{
    f->result.passes++;
    f->scanning = true;
    f->changed = false;
    free(f->cursor);
    f->cursor = mem_strdup("0");
    trace_flush(f->gw);
}

static void forget_noted(void *ud, const struct redisReply *r)
{
    struct forget *f = ud;
    f->pending = false;
    (void)r; /* if this was lost, the next start finds nothing left to forget, and says so */
    forget_end(f, NULL);
}

/* Who asked and how much it was stays in the audit stream; whom it was about does not. */
static void forget_finish(struct forget *f)
{
    struct buf key = {0}, data = {0};
    const struct engine_forgotten *r = &f->result;
    forget_memory(f);
    log_info("member forgotten", "gateway", f->gw->name, "by", f->by, "keys", log_int(r->keys),
             "entries", log_int(r->entries), "anonymised", log_int(r->anonymised), NULL);
    if (!f->kept) {
        forget_end(f, NULL);
        return;
    }
    buf_adds(&key, "sopd:audit:{");
    buf_add_key(&key, f->gw->name);
    buf_adds(&key, "}");
    buf_adds(&data, "{\"asked\":");
    buf_add_json(&data, f->by, strlen(f->by));
    buf_addf(&data, ",\"keys\":%lld,\"entries\":%lld,\"anonymised\":%lld,\"runs\":%lld}",
             (long long)r->keys, (long long)r->entries, (long long)r->anonymised,
             (long long)r->runs);
    redis_command(f->gw->e->redis, NULL, NULL, 17,
                  (const char *[]){"XADD", buf_cstr(&key), "*", "name", "member_forgotten",
                                   "gateway", f->gw->name, "chat", "", "user", "", "flow", "",
                                   "time", log_int(clock_wall(f->gw->e->clock)), "data",
                                   buf_cstr(&data)},
                  NULL);
    buf_reset(&key);
    gw_key(f->gw, &key, "forgetting");
    f->pending = redis_command(f->gw->e->redis, forget_noted, f, 3,
                               (const char *[]){"HDEL", buf_cstr(&key), f->subjects[0].user}, NULL);
    buf_free(&key);
    buf_free(&data);
}

/* All keys were looked at. What leaves just now (the answer to whoever asked, say) is waited for: its end is noted, too. */
static void forget_passed(struct forget *f)
{
    uint64_t now = clock_ns();
    if (f->dry && !f->result.dry) { /* now it is known how they are called */
        f->dry = false;
        f->result = (struct engine_forgotten){.passes = f->result.passes};
        forget_pass(f);
        return;
    }
    if (!f->until_ns)
        f->until_ns = now + FORGET_OUTBOX_NS;
    bool held = now > f->until_ns; /* the gateway is away, or all is paused */
    bool quiet = forget_outbox(f, held) || held;
    if (!quiet && !f->dry) {
        f->next_ns = now + FORGET_RETRY_NS;
        return;
    }
    bool again = f->changed || !f->quiet;
    f->quiet = true;
    if (f->settle && !f->dry) {
        f->settle = false;
        f->next_ns = now + FORGET_SETTLE_NS;
        return;
    }
    if (!f->dry ? again && f->result.passes < FORGET_PASSES : f->result.passes < 1)
        forget_pass(f);
    else if (f->dry)
        forget_end(f, NULL);
    else
        forget_finish(f);
}

/* The name under which they are known stands in the hash that goes. */
static void forget_read_name(void *ud, const struct redisReply *r)
{
    struct forget *f = ud;
    f->pending = false;
    engine_spin(f->gw->e);
    if (!r || !f->hits)
        return;
    forget_named(f, f->hits, r->type == REDIS_REPLY_STRING ? r->str : NULL);
    forget_next_hit(f);
}

static void forget_named_step(struct forget *f)
{
    struct forget_hit *h = f->hits;
    if (!forget_is_named(f, h)) {
        h->named = false; /* the same digits in a longer id, or a part of a name */
        if (strcmp(h->type, "string") == 0)
            forget_next_hit(f);
    } else if (strcmp(h->type, "hash") == 0) {
        f->pending = redis_command(f->gw->e->redis, forget_read_name, f, 3,
                                   (const char *[]){"HGET", h->key, "name"}, NULL);
    } else {
        forget_named(f, h, NULL);
        forget_next_hit(f);
    }
}

static void forget_step(struct forget *f)
{
    char count[24];
    if (!f->result.passes) {
        forget_pass(f);
    } else if (f->nwords) {
        forget_apply(f);
    } else if (f->cancel) {
        forget_cancel_next(f);
    } else if (f->hits && f->hits->named) {
        forget_named_step(f);
    } else if (f->hits) {
        count[buf_digits(count, FORGET_INSIDE)] = '\0';
        forget_ask(f, forget_looked,
                   (const char *[]){"inside", f->inner ? f->inner : "0", count, f->hits->key,
                                    f->hits->type},
                   5);
    } else if (f->scanning) {
        count[buf_digits(count, FORGET_KEYS)] = '\0';
        struct buf tag = {0};
        buf_addc(&tag, '{');
        buf_add_key(&tag, f->gw->name);
        buf_addc(&tag, '}');
        forget_ask(f, forget_found, (const char *[]){"keys", f->cursor, count, buf_cstr(&tag)}, 4);
        buf_free(&tag);
    } else {
        forget_passed(f);
    }
}

void forget_run(struct gw *gw)
{
    struct forget *f = gw->forgets;
    if (!f || f->pending || !gw->owner || !gw->loaded || gw->e->stopping || clock_ns() < f->next_ns)
        return;
    forget_step(f);
}

/* ---- orders ---- */

static void forget_keep(struct gw *gw, const char *user, const char *by)
{
    struct buf key = {0}, value = {0};
    gw_key(gw, &key, "forgetting");
    buf_adds(&value, "{\"by\":");
    buf_add_json(&value, by, strlen(by));
    buf_addf(&value, ",\"at\":%lld}", (long long)clock_wall(gw->e->clock));
    redis_command(gw->e->redis, NULL, NULL, 4,
                  (const char *[]){"HSET", buf_cstr(&key), user, buf_cstr(&value)}, NULL);
    buf_free(&key);
    buf_free(&value);
}

const char *engine_forget(struct engine *e, const char *gateway, const char *user, const char *by,
                          bool dry, void (*told)(void *ud, const struct engine_forgotten *r),
                          void *ud)
{
    struct gw *gw = engine_gw(e, gateway);
    if (!gw)
        return "there is no such gateway";
    if (!gw->owner || !gw->loaded || !e->redis_up)
        return "the gateway is not served here now";
    if (!*user || *user == '@' || strcmp(user, SCRUB_NOBODY) == 0)
        return "that is no id of a member";
    if (!dry)
        forget_keep(gw, user, by);
    struct forget *f = forget_begin(gw, user, NULL, NULL, by, dry);
    f->kept = !dry;
    f->told = told;
    f->ud = ud;
    return NULL;
}

static bool forget_known(const struct gw *gw, const char *user)
{
    for (const struct forget *f = gw->forgets; f; f = f->next)
        if (f->kept && strcmp(f->subjects[0].user, user) == 0)
            return true;
    return false;
}

void forget_ordered(const struct turn *t, const char *user, const char *by)
{
    const char *name = strcmp(t->cause->user, user) == 0 ? turn_name(t) : NULL;
    if (!forget_known(t->gw, user))
        forget_begin(t->gw, user, name, NULL, by, false)->kept = true;
}

static void forget_loaded(void *ud, const struct redisReply *r)
{
    struct gw *gw = ud;
    for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i + 1 < r->elements; i += 2) {
        if (forget_known(gw, r->element[i]->str))
            continue;
        cJSON *o = cJSON_Parse(r->element[i + 1]->str);
        const char *by = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "by"));
        struct forget *f =
            forget_begin(gw, r->element[i]->str, NULL, NULL, by ? by : "unknown", false);
        f->kept = true;
        cJSON_Delete(o);
    }
}

void forget_start(struct gw *gw)
{
    struct buf key = {0};
    gw_key(gw, &key, "forgetting");
    redis_command(gw->e->redis, forget_loaded, gw, 2, (const char *[]){"HGETALL", buf_cstr(&key)},
                  NULL);
    buf_free(&key);
}
