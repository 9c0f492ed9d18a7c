/* sat_held.c -- joins (leaves, applications) that wait for the server to say what the event lacks: in which channel a guild is spoken
 * to, and what a newcomer is called. They wait for seconds at most, then go on with what is known; without any channel they are
 * dropped, for nobody could answer them.
 * Owns: the list of them of each gateway. Callers: sat_deliver.c, sat_hub.c (tick), satori.c (stop). */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "gateway/sat.h"
#include "gateway/sat_http.h"

enum { SAT_HELD_MAX = 200, SAT_HELD_MS = 5000, SAT_NAMES_MAX = 16 /* asked for at a time */ };

struct sat_held {
    struct sat_held *next;
    struct sat *g;
    struct event *event;
    char *guild;
    uint64_t call;    /* under way; 0 = none */
    bool named;       /* its name was asked for */
    int64_t until_ms; /* monotonic */
};

static void sat_held_unlink(struct sat_held *w)
{
    struct sat *g = w->g;
    struct sat_held **at = &g->held;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    g->nheld--;
    if (w->call)
        sat_http_cancel(g, w->call);
    free(w->guild);
    free(w);
}

/* What happened to the same member before, and waits as well. */
static struct sat_held *sat_held_before(const struct sat_held *w)
{
    struct sat_held *b = w->g->held;
    while (b != w && (strcmp(b->event->user, w->event->user) != 0 ||
                      strcmp(b->event->chat, w->event->chat) != 0))
        b = b->next;
    return b != w ? b : NULL;
}

/* It goes on as it is; whoever left joined before. */
static void sat_held_done(struct sat_held *w)
{
    struct sat *g = w->g;
    struct event *e = w->event;
    for (struct sat_held *b; *e->chat && (b = sat_held_before(w));)
        sat_held_done(b);
    if (!*e->chat)
        log_warn("no text channel is known for what happened in a guild", "gateway", g->base.name,
                 "guild", w->guild, "event", event_type_name(e->type), NULL);
    sat_held_unlink(w);
    if (*e->chat) {
        sat_pass(g, e);
        return;
    }
    sat_count_bad(g->hub, "no_chat");
    event_free(e);
}

static void sat_held_step(struct sat_held *w);

/* ---- names ---- */

static void sat_held_name(void *ud, const struct sat_http_answer *a)
{
    struct sat_held *w = ud;
    struct event *e = w->event;
    w->call = 0;
    if (a->ok && json_is(a->data, JSON_OBJECT)) {
        const struct json *user = json_get(a->data, "user");
        const struct json *const names[] = {json_get(a->data, "nick"), json_get(user, "nick"),
                                            json_get(a->data, "name"), json_get(user, "name")};
        const char *name = "";
        for (size_t i = 0; i < sizeof names / sizeof names[0] && !*name; i++)
            name = sat_event_text(e, names[i], SAT_NAME_MAX);
        if (*name)
            e->name = name;
    }
    sat_held_done(w);
}

static bool sat_held_ask_name(struct sat_held *w)
{
    struct sat *g = w->g;
    struct event *e = w->event;
    int asking = 0;
    for (const struct sat_held *o = g->held; o; o = o->next)
        asking += o->named;
    if (w->named || asking >= SAT_NAMES_MAX || !*w->guild || e->type != EVENT_JOIN ||
        strcmp(e->name, e->user) != 0 || strcmp(e->user, g->self_id) == 0)
        return false;
    struct buf body = {0};
    buf_adds(&body, "{\"guild_id\":");
    buf_add_json(&body, w->guild, strlen(w->guild));
    buf_adds(&body, ",\"user_id\":");
    buf_add_json(&body, e->user, strlen(e->user));
    buf_addc(&body, '}');
    w->named = true;
    w->call = sat_http_call(g, "guild.member.get", buf_cstr(&body), sat_held_name, w);
    buf_free(&body);
    return w->call != 0;
}

/* ---- channels ---- */

static struct sat_held *sat_held_unplaced(const struct sat *g, const char *guild)
{
    struct sat_held *w = g->held;
    while (w && (*w->event->chat || strcmp(w->guild, guild) != 0))
        w = w->next;
    return w;
}

/* Everything that waits for the channel of this guild goes on. */
static void sat_held_placed(struct sat *g, const char *guild, const char *channel)
{
    for (struct sat_held *w; (w = sat_held_unplaced(g, guild));) {
        if (w->call)
            sat_http_cancel(g, w->call);
        w->call = 0;
        if (channel) {
            w->event->chat = event_string(w->event, channel, strlen(channel));
            sat_held_step(w);
        } else {
            sat_held_done(w);
        }
    }
}

static void sat_held_channels(void *ud, const struct sat_http_answer *a)
{
    struct sat_held *w = ud;
    struct sat *g = w->g;
    char *guild = mem_strdup(w->guild), *channel = NULL;
    w->call = 0;
    const struct json *list = json_get(a->data, "data");
    for (const struct json *v = a->ok ? json_first(list) : NULL; v && !channel; v = json_next(v)) {
        const char *id;
        size_t len;
        int64_t type = 0;
        json_int(json_get(v, "type"), &type);
        if (type == 0 && sat_id(json_get(v, "id"), &id, &len) == SAT_ID_OK && *id != '@')
            channel = mem_strndup(id, len);
    }
    if (channel) {
        memo_put(g->posts, guild, channel, sat_now(g));
        sat_guild_known(g, channel, guild);
    }
    sat_held_placed(g, guild, channel);
    free(guild);
    free(channel);
}

static bool sat_held_ask_channel(struct sat_held *w)
{
    struct sat *g = w->g;
    for (const struct sat_held *o = g->held; o; o = o->next)
        if (o != w && o->call && !*o->event->chat && strcmp(o->guild, w->guild) == 0)
            return true; /* asked already */
    struct buf body = {0};
    buf_adds(&body, "{\"guild_id\":");
    buf_add_json(&body, w->guild, strlen(w->guild));
    buf_addc(&body, '}');
    w->call = sat_http_call(g, "channel.list", buf_cstr(&body), sat_held_channels, w);
    buf_free(&body);
    return w->call != 0;
}

/* What it needs next; or it goes on. May free w. */
static void sat_held_step(struct sat_held *w)
{
    struct event *e = w->event;
    if (!*e->chat) {
        const char *known = memo_get(w->g->posts, w->guild, sat_now(w->g));
        if (known)
            e->chat = event_string(e, known, strlen(known));
    }
    if (!*e->chat ? sat_held_ask_channel(w) : sat_held_ask_name(w))
        return;
    sat_held_done(w);
}

/* ---- in and out ---- */

void sat_held_add(struct sat *g, struct event *e, const char *guild)
{
    struct sat_held *w = MEM_NEW(struct sat_held), **at = &g->held;
    int64_t ms = g->conf.timeout_ms < SAT_HELD_MS ? g->conf.timeout_ms : SAT_HELD_MS;
    w->g = g;
    w->event = e;
    w->guild = mem_strdup(guild);
    w->until_ms = sat_now(g) + ms;
    while (*at)
        at = &(*at)->next;
    *at = w;
    g->nheld++;
    if (g->nheld > SAT_HELD_MAX)
        sat_held_done(w);
    else
        sat_held_step(w);
}

/* What the member does next must not overtake the join. */
void sat_held_release(struct sat *g, const struct event *before)
{
    for (struct sat_held *w = g->held, *next; w; w = next) {
        next = w->next;
        if (*w->event->chat && strcmp(w->event->user, before->user) == 0 &&
            strcmp(w->event->chat, before->chat) == 0)
            sat_held_done(w);
    }
}

void sat_held_tick(struct sat *g, int64_t now)
{
    for (struct sat_held *w = g->held, *next; w; w = next) {
        next = w->next;
        if (now >= w->until_ms)
            sat_held_done(w);
    }
}

void sat_held_end(struct sat *g)
{
    while (g->held)
        sat_held_done(g->held);
}
