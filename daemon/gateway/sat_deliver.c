/* sat_deliver.c -- the last step of an event to the engine: repeats are dropped (servers replay, tell twice, and count anew after a
 * restart, so content decides and never the number of the event), groups that we came into or fell out of are told, and what a
 * later message needs is remembered in bounded tables. */
#include <string.h>

#include "gateway/sat.h"
#include "gateway/sat_http.h"

enum { SAT_AGAIN_S = 600, SAT_NEAR_S = 60, SAT_REQUEST_S = 24 * 3600 };

static uint64_t sat_mix(uint64_t h, const char *s)
{
    return hash_more(h, s, strlen(s) + 1);
}

/* Keys name the kind of event, too: "m1", "join7.29500000". */
static uint64_t sat_identity(const struct event *e)
{
    return sat_mix(sat_mix(hash_string(e->chat), e->key), "key");
}

static uint64_t sat_membership(const struct event *e)
{
    return sat_mix(sat_mix(hash_string(e->chat), e->user), e->type == EVENT_JOIN ? "in" : "out");
}

static bool sat_is_message(const struct event *e)
{
    return e->type == EVENT_MESSAGE || e->type == EVENT_FILE || e->type == EVENT_RECALL;
}

static bool sat_is_membership(const struct event *e)
{
    return e->type == EVENT_JOIN || e->type == EVENT_LEAVE;
}

/* True: it was reported before. *near: in other words, under another key. */
static bool sat_repeated(struct sat *g, const struct event *e, bool *near)
{
    int64_t now = sat_now(g);
    *near = false;
    if (sat_is_message(e))
        return seen_check(g->messages, sat_identity(e), now, SAT_AGAIN_S);
    if (e->type == EVENT_REQUEST)
        return seen_check(g->requests, sat_identity(e), now, SAT_REQUEST_S);
    if (seen_check(g->notices, sat_identity(e), now, SAT_AGAIN_S))
        return true;
    if (!sat_is_membership(e))
        return false;
    uint64_t key = sat_membership(e);
    const struct seen_entry *seen = seen_find(g->notices, key, now, SAT_NEAR_S);
    int64_t apart = seen ? (int64_t)seen->time_s - e->time_ms / 1000 : 0;
    /* after a gap much comes at once: what happened at other times is no repeat */
    *near = seen && apart <= SAT_NEAR_S && apart >= -SAT_NEAR_S;
    if (!*near)
        seen_add(g->notices, key, 0, now, e->time_ms);
    return *near;
}

void sat_unsee(struct gateway *base, const struct event *e)
{
    struct sat *g = (struct sat *)base;
    int64_t now = sat_now(g);
    /* by its key in all of them: the engine may have made another kind of event of it */
    seen_forget(g->messages, sat_identity(e), now);
    seen_forget(g->requests, sat_identity(e), now);
    seen_forget(g->notices, sat_identity(e), now);
    if (sat_is_membership(e))
        seen_forget(g->notices, sat_membership(e), now);
}

/* ---- what is remembered ---- */

const char *sat_referrer(struct sat *g, const char *chat)
{
    return memo_get(g->refs, chat, sat_now(g));
}

const char *sat_direct(struct sat *g, const char *user)
{
    return memo_get(g->direct, user, sat_now(g));
}

void sat_direct_known(struct sat *g, const char *user, const char *channel)
{
    memo_put(g->direct, user, channel, sat_now(g));
    memo_put(g->peers, channel, user, sat_now(g));
}

const char *sat_guild(struct sat *g, const char *channel)
{
    return memo_get(g->guilds, channel, sat_now(g));
}

void sat_guild_known(struct sat *g, const char *channel, const char *guild)
{
    memo_put(g->guilds, channel, guild, sat_now(g));
}

/* ---- to the engine ---- */

/* A chat that we came into or fell out of. True: it was our own coming, which is no newcomer's to greet. */
static bool sat_tell_membership(struct sat *g, const struct event *e)
{
    if (e->type == EVENT_LEAVE && strcmp(e->sub, "self") == 0)
        g->sink.on_chat(g->sink.ud, &g->base, e->chat, "", false);
    if (e->type != EVENT_JOIN || !*g->self_id || strcmp(e->user, g->self_id) != 0)
        return false;
    g->sink.on_chat(g->sink.ud, &g->base, e->chat, e->chat_name, true);
    return true;
}

/* For what answers nothing: as good for as long as the platform takes it, counted from the event and not from when it came. */
static void sat_note_referrer(struct sat *g, const struct event *e)
{
    int64_t age = e->arrived_ms > e->time_ms ? e->arrived_ms - e->time_ms : 0;
    if (*e->ref && *e->chat && age < SAT_REF_MS)
        memo_put(g->refs, e->chat, e->ref, sat_now(g) - age);
}

void sat_pass(struct sat *g, struct event *e)
{
    bool near;
    sat_note_referrer(g, e);
    if (sat_repeated(g, e, &near)) {
        metric_inc(g->meter.repeated);
        if (near)
            g->sink.on_repeated(g->sink.ud, &g->base, e);
        event_free(e);
        return;
    }
    if (e->late)
        metric_inc(g->meter.late);
    if (sat_tell_membership(g, e)) {
        event_free(e);
        return;
    }
    g->sink.on_event(g->sink.ud, &g->base, e);
}

void sat_deliver(struct sat *g, struct sat_decode *d, struct event *e)
{
    if (g->nheld)
        sat_held_release(g, e);
    bool self = strcmp(e->user, g->self_id) == 0;
    bool nameless = e->type == EVENT_JOIN && !self && strcmp(e->name, e->user) == 0;
    if (d->unplaced || (nameless && sat_feature(g, "guild.member.get") != SAT_NO &&
                        sat_http_has(g, "guild.member.get")))
        sat_held_add(g, e, d->guild);
    else
        sat_pass(g, e);
}

void sat_deliver_own(struct sat *g, struct event *e)
{
    if (!e->history)
        g->saw_own = true;
    g->sink.on_own_message(g->sink.ud, &g->base, e);
    event_free(e);
}

void sat_deliver_history(struct sat *g, struct event *e)
{
    sat_pass(g, e);
}
