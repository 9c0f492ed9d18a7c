/* breaker_talk.c -- who speaks: two robots that answer each other are told apart from people, and ours falls silent. An account of
 * ours, on any gateway, is never answered. Somebody else who speaks right after each of our answers, over and over,
 * is ignored in that chat for a growing while. People are fast, too, but they type ahead, pause and vary; so a round counts only if
 * theirs is the first word after ours and comes within seconds, and what they say must repeat itself or us (or go on for very long).
 * Owns the talks at hand (at most 1024 a gateway, the oldest go) and who is ignored; a restart forgets both. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/look/alarm.h"
#include "engine/look/trace.h"
#include "engine/send/breaker_parts.h"

enum {
    TALKS_MAX = 1024,
    IGNORED_MAX = 1000,
    TALK_WORDS = 10, /* shorter ones are repeated by people, too */
    TALK_ECHO = 6,   /* of ours in theirs */
    TALK_IDLE_MS = 120000,
    TALK_LONG_MS = 60000, /* rounds_any must have taken so long */
    IGNORE_MAX_MS = 86400000
};

/* One member of a chat and our answers to them. */
struct talk {
    uint64_t key;
    int64_t left_ms;  /* monotonic: our last answer */
    int64_t since_ms; /* monotonic: the first of the rounds */
    bool open;        /* they have not spoken since */
    int rounds, strong, extra;
    uint64_t said; /* hash of their last words */
    char ours[64]; /* the beginning of our last answer */
    size_t ours_len;
    UT_hash_handle hh;
};

struct ignored {
    uint64_t key;
    int64_t until_ms, forget_ms; /* monotonic */
    int times;
    char *what; /* of its alarm; NULL: it is over */
    UT_hash_handle hh;
};

struct own_account {
    uint64_t key;
    UT_hash_handle hh;
};

/* ---- accounts of ours ---- */

void breaker_own(struct engine *e, const char *id)
{
    struct own_account *a;
    if (!id || !*id)
        return;
    breaker_limits_of(e); /* makes it */
    uint64_t key = hash_mix(hash_string(id));
    HASH_FIND(hh, e->breaker->own, &key, sizeof key, a);
    if (a)
        return;
    a = MEM_NEW(struct own_account);
    a->key = key;
    HASH_ADD(hh, e->breaker->own, key, sizeof a->key, a);
}

bool breaker_is_own(const struct engine *e, const char *id)
{
    struct own_account *a = NULL;
    if (!e->breaker || !e->breaker->own)
        return false;
    uint64_t key = hash_mix(hash_string(id));
    HASH_FIND(hh, e->breaker->own, &key, sizeof key, a);
    return a != NULL;
}

void talk_free_own(struct breaker *b)
{
    struct own_account *a, *tmp;
    HASH_ITER (hh, b->own, a, tmp) {
        HASH_DEL(b->own, a);
        free(a);
    }
}

/* ---- talks ---- */

static uint64_t talk_key(const char *chat, uint64_t user)
{
    return hash_mix(hash_string(chat) ^ hash_mix(user));
}

static void talk_drop(struct gw *gw, struct talk *t)
{
    HASH_DEL(gw->talks, t);
    free(t);
}

/* We said something to that member (the hash of their id). */
static void talk_left(struct gw *gw, const struct message *m, uint64_t user)
{
    static struct buf plain;
    struct talk *t;
    uint64_t key = talk_key(m->chat, user);
    HASH_FIND(hh, gw->talks, &key, sizeof key, t);
    if (t) {
        HASH_DEL(gw->talks, t); /* it becomes the latest */
    } else {
        if (HASH_COUNT(gw->talks) >= TALKS_MAX)
            talk_drop(gw, gw->talks);
        t = MEM_NEW(struct talk);
        t->key = key;
    }
    HASH_ADD(hh, gw->talks, key, sizeof t->key, t);
    int64_t now = clock_mono(gw->e->clock);
    if (now - t->left_ms > TALK_IDLE_MS)
        t->rounds = t->strong = t->extra = 0;
    t->left_ms = now;
    t->open = true;
    buf_reset(&plain);
    for (int i = 0; i < m->nsegments; i++)
        if (m->segments[i].type == SEGMENT_TEXT)
            buf_add(&plain, m->segments[i].text, m->segments[i].text_len);
    t->ours_len = utf8_cut(plain.data ? plain.data : "", plain.len, sizeof t->ours);
    if (plain.data && t->ours_len)
        memcpy(t->ours, plain.data, t->ours_len);
}

/* To whoever caused it; and to those it mentions: answers that were collected for a while have no single cause. */
void breaker_left(struct gw *gw, const struct entry *en)
{
    const struct message *m = en->message;
    uint64_t cause = m->answer ? m->cause : 0;
    if (cause)
        talk_left(gw, m, cause);
    for (int i = 0; i < m->nsegments; i++) {
        if (m->segments[i].type != SEGMENT_AT)
            continue;
        uint64_t user = hash_string(m->segments[i].id);
        if (user != cause)
            talk_left(gw, m, user);
    }
}

/* Does it repeat what they said before, or what we said? Short words do not count. */
static bool talk_repeats(const struct talk *t, const char *text, size_t len, uint64_t hash)
{
    size_t words = utf8_count(text, len);
    if (words >= TALK_WORDS && hash == t->said)
        return true;
    return t->ours_len && words >= TALK_ECHO && utf8_count(t->ours, t->ours_len) >= TALK_ECHO &&
           memmem(text, len, t->ours, t->ours_len);
}

/* One more of theirs; true when it is too much. */
static bool talk_round(struct gw *gw, struct talk *t, const struct event *e)
{
    const struct breaker_limits *l = breaker_limits_of(gw->e);
    const char *text = e->text ? e->text : "";
    size_t len = strlen(text);
    uint64_t hash = hash_bytes(text, len);
    bool quick = clock_mono(gw->e->clock) - t->left_ms <= l->within_ms;
    if (!quick) {
        t->rounds = t->strong = t->extra = 0;
    } else if (t->open) {
        if (!t->rounds++)
            t->since_ms = clock_mono(gw->e->clock);
        t->strong += talk_repeats(t, text, len, hash);
    } else {
        t->extra++; /* typed ahead: robots wait for their turn */
    }
    t->open = false;
    t->said = hash;
    if (t->extra * 2 > t->rounds)
        return false;
    return (l->rounds && t->strong >= l->rounds && t->strong * 2 >= t->rounds) ||
           (l->rounds_any && t->rounds >= l->rounds_any &&
            clock_mono(gw->e->clock) - t->since_ms >= TALK_LONG_MS);
}

/* ---- ignoring ---- */

static struct ignored *ignored_find(struct gw *gw, uint64_t key)
{
    struct ignored *g = NULL;
    if (gw->ignored)
        HASH_FIND(hh, gw->ignored, &key, sizeof key, g);
    return g;
}

static void ignored_drop(struct gw *gw, struct ignored *g)
{
    if (g->what)
        alarm_clear(gw, "pingpong", g->what);
    HASH_DEL(gw->ignored, g);
    free(g->what);
    free(g);
}

static void ignored_tell(struct gw *gw, const struct event *e, int64_t minutes)
{
    struct buf data = {0}, text = {0};
    buf_adds(&data, "{\"chat\":");
    buf_add_json(&data, e->chat, strlen(e->chat));
    buf_adds(&data, ",\"user\":");
    buf_add_json(&data, e->user, strlen(e->user));
    buf_addf(&data, ",\"minutes\":%lld}", (long long)minutes);
    gw_tell(gw, "member_ignored", buf_cstr(&data));
    buf_addf(&text, "%s answers us like a robot: no answers to them here for %lld min", e->user,
             (long long)minutes);
    trace_note(gw, e->chat, buf_cstr(&text));
    log_error("somebody answers us like a robot: ignored in this chat", "gateway", gw->name, "chat",
              e->chat, "user", e->user, "minutes", log_int(minutes), NULL);
    buf_free(&data);
    buf_free(&text);
}

static void ignored_add(struct gw *gw, const struct event *e, uint64_t key)
{
    int64_t now = clock_mono(gw->e->clock);
    struct ignored *g = ignored_find(gw, key);
    if (!g) {
        if (HASH_COUNT(gw->ignored) >= IGNORED_MAX)
            ignored_drop(gw, gw->ignored);
        g = MEM_NEW(struct ignored);
        g->key = key;
        HASH_ADD(hh, gw->ignored, key, sizeof g->key, g);
    }
    int64_t ms = breaker_limits_of(gw->e)->ignore_ms;
    for (int i = 0; i < g->times && ms < IGNORE_MAX_MS; i++)
        ms *= 2;
    ms = ms < IGNORE_MAX_MS ? ms : IGNORE_MAX_MS;
    g->times++;
    g->until_ms = now + ms;
    g->forget_ms = g->until_ms + IGNORE_MAX_MS;
    struct buf what = {0}, text = {0};
    buf_addf(&what, "%s %s", e->chat, e->user);
    free(g->what);
    g->what = buf_take(&what);
    buf_addf(
        &text,
        "Member %s of chat %s answers us within seconds, again and again, like a robot: no answers "
        "to them there for %lld min. If it is one of yours, switch one of the two off in that group",
        e->user, e->chat, (long long)(ms / 60000));
    alarm_raise(gw, "pingpong", g->what, buf_cstr(&text));
    buf_free(&text);
    breaker_tripped("pingpong");
    ignored_tell(gw, e, ms / 60000);
}

static bool talk_ignored(struct gw *gw, uint64_t key)
{
    const struct ignored *g = ignored_find(gw, key);
    return g && g->until_ms > clock_mono(gw->e->clock);
}

static void talk_silence(struct event *e, const char *why)
{
    e->from_bot = true;
    metric_inc(breaker_metric("sopd_ignored_messages_total",
                              "Messages of robots that got no answer.", why));
}

void breaker_heard(struct gw *gw, struct event *e)
{
    struct talk *t = NULL;
    if (e->type != EVENT_MESSAGE || e->from_bot)
        return;
    if (breaker_is_own(gw->e, e->user)) {
        talk_silence(e, "own");
        return;
    }
    if (e->history || (!gw->talks && !gw->ignored))
        return;
    uint64_t key = talk_key(e->chat, hash_string(e->user));
    if (talk_ignored(gw, key)) {
        talk_silence(e, "pingpong");
        return;
    }
    HASH_FIND(hh, gw->talks, &key, sizeof key, t);
    if (!t || !talk_round(gw, t, e))
        return;
    talk_drop(gw, t);
    ignored_add(gw, e, key);
    talk_silence(e, "pingpong");
}

void talk_round_over(struct gw *gw)
{
    int64_t now = clock_mono(gw->e->clock);
    while (gw->talks && now - gw->talks->left_ms > TALK_IDLE_MS)
        talk_drop(gw, gw->talks); /* the oldest is first */
    struct ignored *g, *tmp;
    HASH_ITER (hh, gw->ignored, g, tmp) {
        if (g->what && g->until_ms <= now) {
            alarm_clear(gw, "pingpong", g->what);
            free(g->what);
            g->what = NULL;
        }
        if (g->forget_ms <= now)
            ignored_drop(gw, g);
    }
}

void talk_free(struct gw *gw)
{
    struct talk *t, *tmp;
    HASH_ITER (hh, gw->talks, t, tmp)
        talk_drop(gw, t);
    struct ignored *g, *gtmp;
    HASH_ITER (hh, gw->ignored, g, gtmp) {
        HASH_DEL(gw->ignored, g);
        free(g->what);
        free(g);
    }
}
