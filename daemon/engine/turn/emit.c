/* emit.c -- what is told to the world outside: business events and what staff did, in streams of Redis (docs/events.md). Those of
 * turns join their commit; those that no turn causes (the state of a gateway) wait here until Redis takes them.
 * Callers: the Lua API, turn_run.c, run_turn.c, command_turn.c, gw.c. */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/internal.h"
#include "engine/turn/experiment.h"

enum { NEWS_MAX = 32, NEWS_QUIET_MS = 60000, EMIT_ERROR = 300 };

void gw_stream_key(const struct gw *gw, struct buf *out, const char *kind)
{
    buf_adds(out, "sopd:");
    buf_adds(out, kind);
    buf_adds(out, ":{");
    buf_add_key(out, gw->name);
    buf_addc(out, '}');
}

static const char *emit_length(const struct engine *e, const char *kind)
{
    int64_t n = strcmp(kind, "audit") == 0 ? e->opts.audit_length : e->opts.events_length;
    return log_int(n > 0 ? n : STREAM_LENGTH);
}

/* Fills in XADD and its words; they hold until the next event is told. */
void emit_words(const struct turn *t, const char *kind, const char *name, int64_t time_ms,
                const char *data, const char *argv[EMIT_WORDS])
{
    static struct buf key;
    const struct binding *b = turn_binding(t);
    buf_reset(&key);
    gw_stream_key(t->gw, &key, kind);
    const char *words[EMIT_WORDS] = {"XADD",
                                     buf_cstr(&key),
                                     "MAXLEN",
                                     "~",
                                     emit_length(t->e, kind),
                                     "*",
                                     "name",
                                     name,
                                     "gateway",
                                     t->gw->name,
                                     "chat",
                                     t->chat->key,
                                     "user",
                                     turn_user(t),
                                     "flow",
                                     b ? flow_info(b->flow)->name : "",
                                     "time",
                                     log_int(time_ms),
                                     "data",
                                     data};
    memcpy(argv, words, sizeof words);
}

bool turn_emit(struct turn *t, const char *kind, const char *name, int64_t time_ms,
               const char *data, size_t len)
{
    const char *argv[EMIT_WORDS];
    size_t lens[EMIT_WORDS];
    if (t->gw->experiments && strcmp(kind, "events") == 0 &&
        !experiments_outcome(t, name, data, len))
        return false;
    emit_words(t, kind, name, time_ms, data, argv);
    for (int i = 0; i < EMIT_WORDS; i++)
        lens[i] = i == EMIT_WORDS - 1 ? len : strlen(argv[i]);
    return turn_write(t, EMIT_WORDS, argv, lens);
}

/* The first line of an error, as much as an event takes, and the end of the object. */
static void emit_error(struct buf *data, const char *error)
{
    buf_adds(data, ",\"error\":");
    buf_add_json(data, error, utf8_cut(error, strcspn(error, "\n"), EMIT_ERROR));
    buf_addc(data, '}');
}

void turn_tell_failure(struct turn *t, const char *name, const char *error, int64_t minutes)
{
    struct buf data = {0};
    buf_addf(&data, "{\"minutes\":%lld", (long long)minutes);
    emit_error(&data, error);
    turn_emit(t, "events", name, t->now_ms, data.data, data.len);
    buf_free(&data);
}

void turn_tell_run(struct turn *t, const char *name, const char *flow, const char *error)
{
    struct buf data = {0};
    buf_addf(&data, "{\"run\":\"%s\",\"flow\":", t->run->id);
    buf_add_json(&data, flow, strlen(flow));
    emit_error(&data, error);
    turn_emit(t, "events", name, t->now_ms, data.data, data.len);
    buf_free(&data);
}

/* ---- events without a turn ---- */

struct news {
    struct news *next;
    struct gw *gw;
    const char *name; /* a literal */
    char *data;
    int64_t time_ms;
    bool sent;
};

static void news_remove(struct gw *gw, struct news *n)
{
    struct news **p = &gw->news;
    while (*p && *p != n)
        p = &(*p)->next;
    if (*p)
        *p = n->next;
    free(n->data);
    free(n);
}

static void news_answer(void *ud, const struct redisReply *reply)
{
    struct news *n = ud;
    n->sent = false;
    if (!reply)
        return; /* asked again: told twice is better than not at all */
    if (reply->type == REDIS_REPLY_ERROR && redis_error_passes(reply->str))
        return;
    if (reply->type == REDIS_REPLY_ERROR)
        log_error("event not taken by redis", "gateway", n->gw->name, "event", n->name, "answer",
                  reply->str, NULL);
    news_remove(n->gw, n);
}

void gw_tell(struct gw *gw, const char *name, const char *data)
{
    struct news *n = MEM_NEW(struct news), **p = &gw->news;
    int count = 0;
    n->gw = gw;
    n->name = name;
    n->data = mem_strdup(data);
    n->time_ms = clock_wall(gw->e->clock);
    for (; *p; p = &(*p)->next)
        count++;
    *p = n;
    if (count >= NEWS_MAX && !gw->news->sent)
        news_remove(gw, gw->news); /* Redis is away for long: the latest matter */
    engine_spin(gw->e);
}

void news_run(struct gw *gw)
{
    struct engine *e = gw->e;
    if (!gw->news || !gw->owner || !e->redis_up)
        return;
    struct buf key = {0};
    gw_stream_key(gw, &key, "events");
    for (struct news *n = gw->news; n; n = n->next) {
        if (n->sent)
            continue;
        const char *argv[] = {"XADD",
                              buf_cstr(&key),
                              "MAXLEN",
                              "~",
                              emit_length(e, "events"),
                              "*",
                              "name",
                              n->name,
                              "gateway",
                              gw->name,
                              "chat",
                              "",
                              "user",
                              "",
                              "flow",
                              "",
                              "time",
                              log_int(n->time_ms),
                              "data",
                              n->data};
        n->sent = redis_command(e->redis, news_answer, n, sizeof argv / sizeof argv[0], argv, NULL);
    }
    buf_free(&key);
}

void news_free(struct gw *gw)
{
    while (gw->news)
        news_remove(gw, gw->news);
}

/* ---- the state of a gateway ---- */

static void news_gateway_state(struct gw *gw, const char *reason)
{
    struct gateway_state s;
    struct buf data = {0};
    gw->gateway->ops->state(gw->gateway, &s);
    buf_addf(&data, "{\"link\":\"%s\",\"account\":\"%s\",\"cause\":\"%s\",\"up\":%s,\"reason\":",
             gateway_link_name(s.link), gateway_account_name(s.account),
             s.account_reason ? s.account_reason : "", gw->told == GW_TOLD_UP ? "true" : "false");
    buf_add_json(&data, reason ? reason : "", reason ? strlen(reason) : 0);
    buf_addc(&data, '}');
    gw_tell(gw, "gateway_state", buf_cstr(&data));
    buf_free(&data);
}

/* It works if messages come and go: the link is up and the account is neither logged out nor restricted. */
void news_state(struct gw *gw, const char *reason)
{
    bool up = gw->was_up && !gw->account_down;
    enum gw_told now = up ? GW_TOLD_UP : GW_TOLD_DOWN, before = gw->told;
    if (gw->e->stopping || now == before || (before == GW_TOLD_NOTHING && !up))
        return; /* the first link after a start takes its time: news_round tells if it does not come */
    gw->told = now;
    if (before != GW_TOLD_NOTHING)
        news_gateway_state(gw, reason);
}

void news_round(struct gw *gw)
{
    if (gw->told != GW_TOLD_NOTHING || !gw->gateway || !gw->started ||
        clock_mono(gw->e->clock) - gw->e->ready_ms < NEWS_QUIET_MS)
        return;
    gw->told = GW_TOLD_DOWN;
    news_gateway_state(gw, gw->was_up ? "the account is down" : "no link since the start");
}
