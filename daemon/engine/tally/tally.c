/* tally.c -- whether a chat is counted, and what a turn counts in it: see tally.h. What is said of members (who spoke, who was answered)
 * is decided by the commit script, which alone knows; here are the words for it.
 * Owns the counts of a turn. Callers: turn/, route/routes_build.c, lua/capi_tally.c. */
#include "engine/tally/tally.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "engine/internal.h"
#include "engine/route/routes.h"
#include "engine/route/routes_plan.h"

enum {
    TALLY_TOUCH_MS = 7200000,
    TALLY_VOICES_S = 3 * 86400,
    TALLY_FIELDS = 100, /* in one word of the commit */
    TALLY_OUTCOME = 24
};

#define TALLY_AMOUNT 9007199254740992.0 /* above it, numbers of JSON are no integers */

/* ---- where ---- */

static unsigned tally_live; /* ways in which some chat is counted; 0: nothing is, anywhere */

static const char *const tally_whats[TALLY_METRICS] = {
    "joins", "leaves", "messages", "answers", "posts", "orders", "events", "calls", "responders"};

static void tally_metrics(struct tally *y, const char *gateway, const char *playbook)
{
    for (int i = 0; i < TALLY_METRICS; i++)
        y->metrics[i] = metric_counter(
            "sopd_tally_total", "What is counted in chats, see docs/metrics.md.",
            metric_labels("gateway", gateway, "playbook", playbook, "what", tally_whats[i], NULL));
}

/* How soon after a post somebody must speak for it to have reached the group: a parameter of the flow that wants to count. */
static int64_t tally_touch(const struct binding *b)
{
    const cJSON *v = binding_param(b, "touch_hours");
    return cJSON_IsNumber(v) && v->valuedouble > 0 ? (int64_t)(v->valuedouble * 3600000)
                                                   : TALLY_TOUCH_MS;
}

/* The playbook says it, or runs a flow that wants it. */
static bool tally_wanted(const struct binding *b)
{
    int said = b->playbook->tally;
    return said > 0 || (said == 0 && !b->off && flow_info(b->flow)->tally);
}

struct tally *tally_plan(const struct gw *gw, const struct routes_plan *p)
{
    const struct binding *first = NULL, *flow = NULL;
    for (int i = 0; i < p->n; i++) {
        const struct binding *b = p->items[i].binding;
        if (p->items[i].staff || !tally_wanted(b))
            continue;
        first = first ? first : b;
        flow = flow || !flow_info(b->flow)->tally ? flow : b;
    }
    if (!first)
        return NULL;
    struct tally *y = MEM_NEW(struct tally);
    tally_live++;
    y->zone = first->playbook->zone;
    y->cutoff_ms = first->playbook->cutoff_ms;
    y->touch_ms = flow ? tally_touch(flow) : TALLY_TOUCH_MS;
    tally_metrics(y, gw->name, first->playbook->name);
    return y;
}

void tally_free(struct tally *t)
{
    tally_live -= t != NULL;
    free(t);
}

/* How a group is counted, NULL: it is not. */
static const struct tally *tally_of(struct gw *gw, const char *chat)
{
    struct known *k;
    if (*chat == '@')
        return NULL;
    HASH_FIND_STR(gw->known, chat, k);
    return k ? routes_of_known(gw, k)->tally : NULL;
}

static const struct tally *tally_here(const struct turn *t)
{
    return *t->chat->key == '@' || !t->held ? NULL : t->held->tally;
}

static bool tally_spoken(const struct event *e)
{
    return e->type == EVENT_MESSAGE && !e->from_bot && *e->user && !*e->via;
}

bool tally_hears(struct chat *c, const struct input *in)
{
    const struct event *e = in->event;
    if (*c->key == '@' || in->kind != INPUT_EVENT || !routes_of(c)->tally)
        return false;
    return tally_spoken(e) || e->type == EVENT_JOIN || e->type == EVENT_LEAVE;
}

/* ---- the counts of a turn ---- */

void tally_undo(struct turn *t, struct tally_count *until)
{
    while (t->counts != until) {
        struct tally_count *next = t->counts->next;
        free(t->counts);
        t->counts = next;
    }
}

bool turn_tallied(const struct turn *t, int64_t *day)
{
    const struct tally *y = tally_here(t);
    if (y)
        *day = zone_day(y->zone, t->time_ms, y->cutoff_ms);
    return y != NULL;
}

int64_t turn_tally_keep(const struct turn *t)
{
    int64_t ms = t->e->opts.retention.tally_ms;
    return ms <= 0 || ms == RETENTION_EVER ? 0 : ms / 1000;
}

void turn_count(struct turn *t, const char *field, int64_t n, int64_t day)
{
    if (!n || !tally_here(t))
        return;
    for (struct tally_count *c = t->counts; c && c != t->mark.counts; c = c->next)
        if (c->day == day && strcmp(c->field, field) == 0) {
            if (!__builtin_add_overflow(c->n, n, &n))
                c->n = n;
            return;
        }
    size_t len = strlen(field) + 1;
    struct tally_count *c = mem_zero(sizeof *c + len);
    memcpy(c->field, field, len);
    c->n = n;
    c->day = day;
    c->next = t->counts;
    t->counts = c;
}

/* A short word that says how it went, else NULL. */
static const char *tally_outcome(const cJSON *data)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, "outcome"));
    if (!s || !*s || strlen(s) > TALLY_OUTCOME)
        return NULL;
    for (const char *p = s; *p; p++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", *p))
            return NULL;
    return s;
}

void turn_count_event(struct turn *t, const char *name, const char *data, size_t len)
{
    static struct buf field;
    if (!tally_here(t))
        return;
    cJSON *o = cJSON_ParseWithLength(data, len);
    const char *outcome = tally_outcome(o);
    const cJSON *amount = cJSON_GetObjectItemCaseSensitive(o, "amount");
    buf_reset(&field);
    buf_addf(&field, "emit.%s", name);
    turn_count(t, buf_cstr(&field), 1, 0);
    if (outcome) {
        buf_addf(&field, ".%s", outcome);
        turn_count(t, buf_cstr(&field), 1, 0);
    }
    if (cJSON_IsNumber(amount) && fabs(amount->valuedouble) <= TALLY_AMOUNT) {
        buf_reset(&field);
        buf_addf(&field, "amount.%s", name);
        turn_count(t, buf_cstr(&field), (int64_t)amount->valuedouble, 0);
    }
    cJSON_Delete(o);
}

int64_t turn_size(const struct turn *t)
{
    struct known *k;
    HASH_FIND_STR(t->gw->known, t->chat->key, k);
    return k && k->size > 0 ? k->size : -1;
}

/* ---- the words ---- */

/* A word of the commit in the making. */
struct tally_word {
    const char *argv[2 * TALLY_FIELDS + 6];
    char numbers[TALLY_FIELDS + 8][24];
    int n, nnumbers;
};

static void word_text(struct tally_word *w, const char *s)
{
    w->argv[w->n++] = s;
}

static void word_int(struct tally_word *w, int64_t n)
{
    char *s = w->numbers[w->nnumbers++];
    snprintf(s, sizeof w->numbers[0], "%lld", (long long)n);
    word_text(w, s);
}

static void word_begin(struct tally_word *w, const char *what)
{
    w->n = w->nnumbers = 0;
    word_text(w, "TALLY");
    word_text(w, what);
}

static void word_end(struct tally_word *w, struct turn *t)
{
    turn_write(t, w->n, w->argv, NULL);
}

static const char *tally_key(struct buf *key, const struct gw *gw, const char *kind,
                             const char *chat, int64_t day)
{
    buf_reset(key);
    gw_key(gw, key, kind);
    buf_addc(key, ':');
    buf_add_key(key, chat);
    buf_addf(key, ":%lld", (long long)day);
    return buf_cstr(key);
}

static const char *tally_profile(struct buf *key, const struct gw *gw, const char *user)
{
    buf_reset(key);
    gw_key(gw, key, "u");
    buf_addc(key, ':');
    buf_add_key(key, user);
    return buf_cstr(key);
}

static struct tally_word word;
static struct buf tally_name, voices_name, profile_name;

/* TALLY SPOKE voices tally profile user ms day seconds seconds touch */
static void tally_spoke(struct turn *t, const struct tally *y, const char *user, int64_t day)
{
    word_begin(&word, "SPOKE");
    word_text(&word, tally_key(&voices_name, t->gw, "voices", t->chat->key, day));
    word_text(&word, tally_key(&tally_name, t->gw, "tally", t->chat->key, day));
    word_text(&word, tally_profile(&profile_name, t->gw, user));
    word_text(&word, user);
    word_int(&word, t->time_ms);
    word_int(&word, day);
    word_int(&word, TALLY_VOICES_S);
    word_int(&word, turn_tally_keep(t));
    word_int(&word, y->touch_ms);
    word_end(&word, t);
}

/* TALLY FIRST profile day "" */
static void tally_first(struct turn *t, const char *user, int64_t day)
{
    word_begin(&word, "FIRST");
    word_text(&word, tally_profile(&profile_name, t->gw, user));
    word_int(&word, day);
    word_text(&word, "");
    word_end(&word, t);
}

/* TALLY ORDER profile tally seconds day */
static void tally_order(struct turn *t, const char *chat, int64_t day)
{
    word_begin(&word, "ORDER");
    word_text(&word, tally_profile(&profile_name, t->gw, t->input->event->user));
    word_text(&word, tally_key(&tally_name, t->gw, "tally", chat, day));
    word_int(&word, turn_tally_keep(t));
    word_int(&word, day);
    word_end(&word, t);
}

/* An order that names no group counts in the home of its member's private chat. */
static void tally_order_home(struct turn *t)
{
    const char *home = *t->chat->key == '@' ? t->chat->home : NULL;
    const struct tally *y = home ? tally_of(t->gw, home) : NULL;
    if (!y)
        return;
    int64_t day = zone_day(y->zone, t->time_ms, y->cutoff_ms);
    word_begin(&word, "ADD");
    word_text(&word, tally_key(&tally_name, t->gw, "tally", home, day));
    word_int(&word, turn_tally_keep(t));
    word_text(&word, "emit.order");
    word_int(&word, 1);
    word_text(&word, "amount.order");
    word_int(&word, t->input->event->number);
    word_end(&word, t);
    tally_order(t, home, day);
    metric_inc(y->metrics[TALLY_ORDERS]);
}

static void tally_event(struct turn *t, const struct tally *y, int64_t day)
{
    const struct event *e = t->input->event;
    if (t->input->kind != INPUT_EVENT || t->input->repeat)
        return;
    if (tally_spoken(e)) {
        tally_spoke(t, y, e->user, day);
    } else if (e->type == EVENT_JOIN) {
        turn_count(t, "joins", 1, 0);
        if (*e->user)
            tally_first(t, e->user, day);
    } else if (e->type == EVENT_LEAVE) {
        turn_count(t, "leaves", 1, 0);
    } else if (e->type == EVENT_ORDER) {
        turn_count(t, "emit.order", 1, 0);
        turn_count(t, "amount.order", e->number, 0);
        tally_order(t, t->chat->key, day);
    }
}

/* How many there are in the group, if that is not what was written last. */
static void tally_size(struct turn *t, int64_t day)
{
    struct chat *c = t->chat;
    int64_t n = turn_size(t);
    if (n < 0 || (c->tally_size == n && c->tally_day == day))
        return;
    c->tally_size = n;
    c->tally_day = day;
    word_text(&word, "members");
    snprintf(word.numbers[word.nnumbers], sizeof word.numbers[0], "=%lld", (long long)n);
    word_text(&word, word.numbers[word.nnumbers++]);
}

static void tally_add_begin(struct turn *t, int64_t day)
{
    word_begin(&word, "ADD");
    word_text(&word, tally_key(&tally_name, t->gw, "tally", t->chat->key, day));
    word_int(&word, turn_tally_keep(t));
}

/* TALLY ADD tally seconds, field and number ...: first those of today, then the others, each with its own day. */
static void tally_add(struct turn *t, int64_t today)
{
    int head;
    tally_add_begin(t, today);
    head = word.n;
    tally_size(t, today);
    for (const struct tally_count *c = t->counts; c; c = c->next) {
        if (c->day && c->day != today)
            continue;
        if (word.n >= 2 * TALLY_FIELDS) {
            word_end(&word, t);
            tally_add_begin(t, today);
        }
        word_text(&word, c->field);
        word_int(&word, c->n);
    }
    if (word.n > head)
        word_end(&word, t);
    for (const struct tally_count *c = t->counts; c; c = c->next) {
        if (!c->day || c->day == today)
            continue;
        tally_add_begin(t, c->day);
        word_text(&word, c->field);
        word_int(&word, c->n);
        word_end(&word, t);
    }
}

/* ---- what is said ---- */

/* Does the message quote what that event said? */
static const char *tally_quoted(const struct message *m, const struct event *e)
{
    if (!e || !*e->message_id)
        return NULL;
    for (int i = 0; i < m->nsegments; i++)
        if (m->segments[i].type == SEGMENT_REPLY && strcmp(m->segments[i].id, e->message_id) == 0)
            return e->user;
    return NULL;
}

/* TALLY SAID voices tally seconds seconds number, "a"nswer or "p"ost, user ... */
static void tally_said(struct turn *t, const struct tally *y, const struct turn_out *o, int number)
{
    const struct message *m = o->message;
    const char *users[MESSAGE_MENTIONS + 1];
    int n = message_members(m, users, MESSAGE_MENTIONS);
    const char *quoted = tally_quoted(m, t->input->event);
    quoted = quoted ? quoted : tally_quoted(m, t->cause->event);
    int64_t day = zone_day(y->zone, t->now_ms, y->cutoff_ms);
    if (strcmp(m->chat, t->chat->key) == 0 && t->input->kind == INPUT_EVENT)
        day = zone_day(y->zone, t->time_ms, y->cutoff_ms); /* as what it answers */
    word_begin(&word, "SAID");
    word_text(&word, tally_key(&voices_name, t->gw, "voices", m->chat, day));
    word_text(&word, tally_key(&tally_name, t->gw, "tally", m->chat, day));
    word_int(&word, TALLY_VOICES_S);
    word_int(&word, turn_tally_keep(t));
    word_int(&word, number);
    word_text(&word, m->answer ? "a" : "p");
    for (int i = 0; i < n; i++) {
        word_text(&word, users[i]);
        quoted = quoted && strcmp(quoted, users[i]) == 0 ? NULL : quoted;
    }
    if (quoted)
        word_text(&word, quoted);
    word_end(&word, t);
}

static void tally_outs(struct turn *t, const struct tally *here)
{
    int number = 0;
    for (const struct turn_out *o = t->outs; o; o = o->next) {
        const char *chat = o->message->chat;
        bool own = chat == t->chat->key || strcmp(chat, t->chat->key) == 0;
        const struct tally *y = own ? here : tally_of(t->gw, chat);
        number++;
        if (y)
            tally_said(t, y, o, number);
    }
}

void tally_turn(struct turn *t)
{
    if (!tally_live)
        return;
    const struct tally *y = tally_here(t);
    unsigned before = t->nops;
    bool empty = turn_is_empty(t);
    if (y) {
        int64_t day = zone_day(y->zone, t->time_ms, y->cutoff_ms);
        tally_event(t, y, day);
        if (t->counts || t->nops || t->outs)
            tally_add(t, day);
    } else if (t->input->kind == INPUT_EVENT && t->input->event->type == EVENT_ORDER) {
        tally_order_home(t);
    }
    if (t->outs)
        tally_outs(t, y);
    t->ntally = t->nops - before;
    t->only_counts = empty && t->ntally;
}

/* ---- /metrics ---- */

static int tally_what(const char *field)
{
    for (int i = 0; i < TALLY_METRICS; i++)
        if (strcmp(field, tally_whats[i]) == 0)
            return i;
    if (strcmp(field, "emit.order") == 0)
        return TALLY_ORDERS;
    return strncmp(field, "emit.", 5) == 0 && !strchr(field + 5, '.') ? TALLY_EVENTS : -1;
}

void tally_committed(const struct turn *t)
{
    const struct tally *y = tally_here(t);
    if (!y)
        return;
    if (t->input->kind == INPUT_EVENT && !t->input->repeat && tally_spoken(t->input->event))
        metric_inc(y->metrics[TALLY_MESSAGES]);
    for (const struct tally_count *c = t->counts; c; c = c->next) {
        int what = tally_what(c->field);
        if (what >= 0 && c->n > 0)
            metric_add(y->metrics[what], (double)c->n);
    }
    for (const struct turn_out *o = t->outs; o; o = o->next)
        if (o->delay_ms >= 0 && strcmp(o->message->chat, t->chat->key) == 0)
            metric_inc(y->metrics[o->message->answer ? TALLY_ANSWERS : TALLY_POSTS]);
}
