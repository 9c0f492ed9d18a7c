/* quota.c -- see quota.h. */
#include "engine/send/quota.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/timefmt.h"
#include "engine/internal.h"
#include "store/keys.h"

/* ---- windows ---- */

static void quota_month(const struct zone *z, int64_t day, struct quota_window *out)
{
    int year, month, mday;
    time_civil(day, &year, &month, &mday);
    int64_t first = day - mday + 1, last = first + 31;
    snprintf(out->id, sizeof out->id, "%04d%02d", year % 10000, month);
    time_civil(last, &year, &month, &mday);
    last -= mday - 1;
    snprintf(out->next, sizeof out->next, "%04d%02d", year % 10000, month);
    out->begin_ms = zone_moment(z, first, 0);
    out->end_ms = zone_moment(z, last, 0);
}

static void quota_day_id(int64_t day, char out[12])
{
    int year, month, mday;
    time_civil(day, &year, &month, &mday);
    snprintf(out, 12, "%04d%02d%02d", year % 10000, month, mday);
}

void quota_window(const struct pace *p, enum quota_per per, int64_t now_ms,
                  struct quota_window *out)
{
    const struct zone *z = per == QUOTA_BUSINESS_DAY ? p->own_zone : p->zone;
    int64_t cutoff = per == QUOTA_BUSINESS_DAY ? p->cutoff_ms : 0;
    z = z ? z : zone_get("UTC");
    int64_t day = zone_day(z, now_ms, cutoff);
    if (per == QUOTA_MONTH) {
        quota_month(z, day, out);
        return;
    }
    quota_day_id(day, out->id);
    quota_day_id(day + 1, out->next);
    out->begin_ms = zone_moment(z, day, cutoff);
    out->end_ms = zone_moment(z, day + 1, cutoff);
}

void quota_key(const char *gw, enum quota_per per, const char *id, struct buf *out)
{
    static const char *const words[] = {"day", "business", "month"};
    key_of_gateway(out, gw, "quota");
    buf_addf(out, ":%s:%s", words[per], id);
}

void quota_field(enum pace_scope scope, const char *whom, const char *name, struct buf *out)
{
    buf_addf(out, "%c|%s|%s", "acm"[scope], whom, name);
}

/* ---- counters of a batch ---- */

/* Where a counter is in `names`, by its hash; number 0: the place is free. */
struct quota_place {
    uint64_t hash;
    unsigned number;
};

enum { QUOTA_PLACES = 64 };

void quota_begin(struct quota_batch *q)
{
    buf_reset(&q->fields);
    if (q->n)
        memset(q->places, 0, q->cap * sizeof *q->places);
    q->n = 0;
}

static struct quota_place *quota_place(struct quota_batch *q, uint64_t hash)
{
    unsigned i = (unsigned)hash & (q->cap - 1);
    while (q->places[i].number && q->places[i].hash != hash)
        i = (i + 1) & (q->cap - 1);
    return &q->places[i];
}

static void quota_grow(struct quota_batch *q)
{
    struct quota_place *old = q->places;
    unsigned n = q->cap;
    q->cap = n ? n * 2 : QUOTA_PLACES;
    q->places = mem_zero(q->cap * sizeof *q->places);
    for (unsigned i = 0; i < n; i++)
        if (old[i].number)
            *quota_place(q, old[i].hash) = old[i];
    free(old);
}

/* The number of a counter; two fields with one 64-bit hash would share it. */
static unsigned quota_counter(struct quota_batch *q, const struct pace_quota *quota,
                              const char *whom)
{
    static struct buf field;
    if (q->n * 2 >= q->cap)
        quota_grow(q);
    buf_reset(&field);
    buf_addc(&field, (char)('1' + quota->per));
    quota_field(quota->scope, whom, quota->name, &field);
    struct quota_place *p = quota_place(q, hash_string(buf_cstr(&field)));
    if (p->number)
        return p->number;
    p->hash = hash_string(buf_cstr(&field));
    p->number = ++q->n;
    buf_add_bulk(&q->fields, field.data, 1);
    buf_add_bulk(&q->fields, field.data + 1, field.len - 1);
    return p->number;
}

/* ---- the words of a message ---- */

struct quota_words {
    struct quota_batch *q;
    struct buf *out;
    int attention;
    unsigned n;
};

static void quota_word(struct quota_words *w, const struct pace_quota *quota, const char *whom,
                       const char *what)
{
    bool own = strcmp(quota->name, PACE_ATTENTION) == 0;
    if (own && w->attention < 0)
        return;
    buf_add_bulk_int(w->out, quota_counter(w->q, quota, whom));
    buf_add_bulk_int(w->out, own && w->attention ? w->attention : quota->count);
    buf_add_bulk(w->out, what, strlen(what));
    w->n++;
}

/* Of whom the message reaches: the other side of a private chat, or each who is mentioned. */
static void quota_members(struct quota_words *w, const struct pace_quota *quota,
                          const struct message *m)
{
    const char *users[MESSAGE_MENTIONS + 1];
    int n = message_members(m, users, MESSAGE_MENTIONS + 1);
    for (int i = 0; i < n; i++) {
        char what[EVENT_ID_MAX + 2];
        snprintf(what, sizeof what, "u%s", users[i]);
        quota_word(w, quota, users[i], *m->chat == '@' ? "m" : what);
    }
}

static void quota_of(struct quota_words *w, const struct pace_quota *quota, const struct message *m,
                     const char *account)
{
    if (!(quota->kinds & 1U << m->kind))
        return;
    if (quota->scope == PACE_ACCOUNT)
        quota_word(w, quota, account, "q");
    else if (quota->scope == PACE_CHAT)
        quota_word(w, quota, m->chat, "q");
    else
        quota_members(w, quota, m);
}

unsigned quota_words(struct quota_batch *q, struct gw *gw, const struct message *m,
                     const char *account, int attention, struct buf *words)
{
    static struct buf own;
    struct quota_words w = {.q = q, .out = &own, .attention = attention};
    buf_reset(&own);
    for (int i = 0; i < gw->pace.nquotas; i++)
        quota_of(&w, &gw->pace.quotas[i], m, account);
    buf_add_bulk_int(words, w.n);
    if (own.len)
        buf_add(words, own.data, own.len);
    return 1 + w.n * 3;
}

unsigned quota_head(const struct quota_batch *q, const struct gw *gw, int64_t now_ms,
                    struct buf *words)
{
    buf_add_bulk_int(words, q->n);
    if (!q->n)
        return 1;
    for (int per = 0; per < QUOTA_PERS; per++) {
        struct quota_window w;
        quota_window(&gw->pace, (enum quota_per)per, now_ms, &w);
        buf_add_bulk_int(words, w.end_ms * 1000);
    }
    buf_add(words, q->fields.data, q->fields.len);
    return 1 + QUOTA_PERS + q->n * 2;
}

unsigned quota_keys(const struct quota_batch *q, const struct gw *gw, int64_t now_ms,
                    struct buf *words)
{
    static struct buf key;
    if (!q->n)
        return 0;
    for (int per = 0; per < QUOTA_PERS; per++) {
        struct quota_window w;
        quota_window(&gw->pace, (enum quota_per)per, now_ms, &w);
        const char *const ids[] = {w.id, w.next};
        for (int i = 0; i < 2; i++) {
            buf_reset(&key);
            quota_key(gw->name, (enum quota_per)per, ids[i], &key);
            buf_add_bulk(words, key.data, key.len);
        }
    }
    return QUOTA_PERS * 2;
}
