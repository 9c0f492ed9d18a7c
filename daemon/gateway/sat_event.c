/* sat_event.c -- one Satori event body becomes one struct event: whose, where, when, and messages. Notices, requests and buttons are in
 * sat_notice.c. Resources are looked for at the top of the event first, then in its message and member: servers differ. Every field
 * may be missing, null, of a wrong type, or hostile. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "gateway/sat.h"
#include "gateway/sat_element.h"

enum { SAT_DIRECT = 1, SAT_WEEK_MS = 7 * 24 * 3600 * 1000 };
#define SAT_MS_THRESHOLD 100000000000 /* below: seconds */

/* ---- when ---- */

void sat_decode_begin(struct sat *g, struct sat_decode *d, bool history)
{
    *d = (struct sat_decode){.g = g,
                             .self_id = g->self_id,
                             .now_ms = clock_wall(g->env.clock),
                             .now_ns = clock_ns(),
                             .stale_ms = g->conf.stale_ms,
                             .history = history,
                             .guild = ""};
}

/* Milliseconds, from some servers seconds; 0: none. */
static int64_t sat_time(const struct json *v)
{
    int64_t t = 0;
    double real;
    if (!json_int(v, &t) && json_double(v, &real) && real > 0 && real < 1e15)
        t = (int64_t)real;
    if (t <= 0 || t > INT64_MAX / 1000)
        return 0;
    return t < SAT_MS_THRESHOLD ? t * 1000 : t;
}

static void sat_event_time(const struct sat_decode *d, struct event *e, const struct json *o,
                           const struct json *message)
{
    int64_t t = sat_time(json_get(o, "timestamp"));
    if (!t)
        t = sat_time(json_get(message, "created_at"));
    if (!t)
        t = sat_time(json_get(message, "timestamp"));
    e->arrived_ms = d->now_ms;
    e->arrived_ns = d->now_ns;
    int64_t age = d->now_ms - t;
    /* what is far off is a wrong clock, unless it is read from the history */
    if (!t || age < -SAT_WEEK_MS || (age > SAT_WEEK_MS && !d->history)) {
        e->time_ms = d->now_ms;
        return;
    }
    e->time_ms = t;
    e->late = age > d->stale_ms;
}

/* ---- who and where ---- */

bool sat_event_user(struct sat_decode *d, struct event *e, const struct json *o)
{
    const struct json *user = sat_event_part(o, "user"), *member = sat_event_part(o, "member");
    const struct json *const names[] = {json_get(member, "nick"), json_get(user, "nick"),
                                        json_get(member, "name"), json_get(user, "name")};
    e->user = sat_event_id(d, e, json_get(user, "id"));
    if (!e->user)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !*e->name; i++)
        e->name = sat_event_text(e, names[i], SAT_NAME_MAX);
    if (!*e->name)
        e->name = e->user;
    e->from_bot = json_bool(json_get(user, "is_bot"), false);
    return true;
}

static void sat_memo(struct memo *m, const char *key, const char *value, int64_t now)
{
    const char *was = memo_get(m, key, now);
    if (!was || strcmp(was, value) != 0)
        memo_put(m, key, value, now);
}

/* A private chat is known by the other side, not by its channel. */
static bool sat_chat_direct(struct sat_decode *d, struct event *e, const char *channel)
{
    struct sat *g = d->g;
    int64_t now = sat_now(g);
    bool own = !*e->user || strcmp(e->user, d->self_id) == 0;
    const char *peer = own ? memo_get(g->peers, channel, now) : e->user;
    if (!peer && strncmp(channel, "private:", 8) == 0)
        peer = channel + 8;
    if (!peer || !*peer) {
        d->why =
            own ? NULL : "no_peer"; /* our own, from before we were started: nobody waits for it */
        return false;
    }
    e->chat = event_prefixed(e, '@', peer);
    e->private_chat = true;
    sat_memo(g->direct, e->chat + 1, channel, now);
    sat_memo(g->peers, channel, e->chat + 1, now);
    return true;
}

static bool sat_chat_group(struct sat_decode *d, struct event *e, const char *channel)
{
    if (*channel == '@') { /* would look like a private chat */
        d->why = "id";
        return false;
    }
    e->chat = channel;
    if (*d->guild && (strcmp(d->guild, channel) != 0 || !sat_plain(d->g)))
        sat_memo(d->g->guilds, channel, d->guild, sat_now(d->g));
    return true;
}

/* Where what happens in a guild is told (6.4): the configured channel, the guild itself, the first text channel. */
static bool sat_chat_guild(struct sat_decode *d, struct event *e)
{
    struct sat *g = d->g;
    const char *const *pairs = g->conf.channels;
    for (; pairs && pairs[0] && pairs[1]; pairs += 2)
        if (strcmp(pairs[0], d->guild) == 0)
            return sat_chat_group(d, e, event_string(e, pairs[1], strlen(pairs[1])));
    if (sat_plain(g))
        return sat_chat_group(d, e, d->guild);
    const char *known = memo_get(g->posts, d->guild, sat_now(g));
    if (known)
        return sat_chat_group(d, e, event_string(e, known, strlen(known)));
    d->unplaced = true;
    return true;
}

bool sat_event_chat(struct sat_decode *d, struct event *e, const struct json *o, bool guild_only)
{
    const struct json *channel = sat_event_part(o, "channel"), *guild = sat_event_part(o, "guild");
    const char *id = sat_event_id(d, e, json_get(channel, "id"));
    const char *guild_id = id ? sat_event_id(d, e, json_get(guild, "id")) : NULL;
    int64_t type = 0;
    if (!guild_id)
        return false;
    d->guild = guild_id;
    bool typed = json_int(json_get(channel, "type"), &type);
    if (d->chat) { /* history of that chat */
        e->chat = event_string(e, d->chat, strlen(d->chat));
        e->private_chat = *d->chat == '@';
        return true;
    }
    const char *name = sat_event_text(e, json_get(channel, "name"), SAT_NAME_MAX);
    if (!*name && (!*id || strcmp(id, guild_id) == 0))
        name = sat_event_text(e, json_get(guild, "name"), SAT_NAME_MAX);
    e->chat_name = name;
    if (*id && !typed && !*guild_id && strncmp(id, "private:", 8) == 0)
        type = SAT_DIRECT;
    if (*id && type == SAT_DIRECT)
        return sat_chat_direct(d, e, id);
    if (*id && type == 0)
        return sat_chat_group(d, e, id);
    if (*guild_id && guild_only)
        return sat_chat_guild(d, e);
    d->why = *id ? NULL : "no_chat"; /* a channel of another type is no chat */
    return false;
}

/* ---- messages ---- */

/* Roles are what people name them: they mean something only where a guild is a group with owner and admins. Numbers: those of QQ. */
const char *sat_role(const struct sat *g, const struct json *member)
{
    static const struct {
        const char *word, *number, *role;
    } known[] = {{"owner", "4", "owner"},
                 {"admin", "3", "admin"},
                 {"administrator", "3", "admin"},
                 {"member", "2", "member"}};
    const struct json *roles = json_get(member, "roles");
    bool numbers = strcmp(g->platform, "llonebot") == 0 || strcmp(g->platform, "chronocat") == 0;
    size_t best = sizeof known / sizeof known[0];
    if (!sat_plain(g) || !json_is(roles, JSON_ARRAY))
        return "";
    for (const struct json *v = json_first(roles); v; v = json_next(v)) {
        const char *id = json_text(v->type == JSON_OBJECT ? json_get(v, "id") : v);
        const char *name = json_text(json_get(v, "name"));
        for (size_t i = 0; i < best; i++)
            if ((id && strcmp(id, known[i].word) == 0) ||
                (name && strcmp(name, known[i].word) == 0) ||
                (id && numbers && strcmp(id, known[i].number) == 0))
                best = i;
    }
    return best < sizeof known / sizeof known[0] ? known[best].role : "";
}

/* LLOneBot's ids are kind|peer|number; the number is the server's own, the same for every account in the group. */
static int64_t sat_message_seq(const struct sat *g, const struct event *e)
{
    const char *at = strrchr(e->message_id, '|');
    int64_t n = 0;
    if (e->private_chat || !at || strcmp(g->platform, "llonebot") != 0)
        return 0;
    for (at++; *at >= '0' && *at <= '9' && n < 1000000000000; at++)
        n = n * 10 + (*at - '0');
    return *at ? 0 : n;
}

static void sat_message_content(struct sat_decode *d, struct event *e, const struct json *message)
{
    const struct json *content = json_get(message, "content");
    if (json_is(content, JSON_STRING))
        sat_elements_decode(e, content->s, content->len, d->self_id);
    if (e->private_chat)
        e->at_me = true;
    if (!*e->reply_to) { /* the first servers had it beside the content */
        const char *quote = sat_event_id(d, e, json_get(json_get(message, "quote"), "id"));
        e->reply_to = quote ? quote : "";
    }
}

/* o: what has the resources around the message, or the message itself. */
static enum sat_verdict sat_message_fill(struct sat_decode *d, const struct json *o,
                                         const struct json *message, struct event *e)
{
    if (!sat_event_user(d, e, o))
        return SAT_MALFORMED;
    if (!*e->user || !json_is(message, JSON_OBJECT)) {
        d->why = *e->user ? "no_message" : "no_user";
        return SAT_MALFORMED;
    }
    e->message_id = sat_event_id(d, e, json_get(message, "id"));
    if (!e->message_id)
        return SAT_MALFORMED;
    if (!sat_event_chat(d, e, o, false))
        return d->why ? SAT_MALFORMED : SAT_IGNORED;
    bool own = *d->self_id && strcmp(e->user, d->self_id) == 0;
    if (!e->private_chat)
        e->role = sat_role(d->g, sat_event_part(o, "member"));
    sat_message_content(d, e, message);
    event_key_message(e);
    e->seq = sat_message_seq(d->g, e);
    if (!own)
        event_file_alone(e);
    d->why = NULL;
    return own ? SAT_OWN : SAT_EVENT;
}

/* A slash command is a message that speaks to us: its name and arguments in a row. */
static enum sat_verdict sat_command_fill(struct sat_decode *d, const struct json *o,
                                         struct event *e)
{
    static struct buf text;
    const struct json *argv = json_get(o, "argv");
    const char *name = json_text(json_get(argv, "name"));
    if (!name || !*name)
        return sat_message_fill(d, o, json_get(o, "message"),
                                e); /* as a message it is told as one */
    if (!sat_event_user(d, e, o) || !sat_event_chat(d, e, o, false))
        return d->why ? SAT_MALFORMED : SAT_IGNORED;
    e->message_id = sat_event_id(d, e, json_get(json_get(o, "message"), "id"));
    if (!e->message_id || !*e->user) {
        d->why = e->message_id ? "no_user" : "id";
        return SAT_MALFORMED;
    }
    buf_reset(&text);
    utf8_clean(&text, name, utf8_cut(name, strlen(name), SAT_NAME_MAX));
    for (const struct json *v = json_first(json_get(argv, "arguments")); v && text.len < 8192;
         v = json_next(v)) {
        if (v->type != JSON_STRING && v->type != JSON_NUMBER)
            continue;
        buf_addc(&text, ' ');
        utf8_clean(&text, v->s, utf8_cut(v->s, v->len, 4096));
    }
    struct segment *s = event_room(e, sizeof *s);
    s->type = SEGMENT_TEXT;
    s->kind = "text";
    s->id = "";
    e->text = s->text = event_string(e, text.data, text.len);
    e->segments = s;
    e->nsegments = 1;
    e->at_me = true;
    if (*e->message_id)
        event_key_message(e);
    else
        event_key(e, "cmd%s.%016llx.%lld", e->user, (unsigned long long)hash_string(e->text),
                  (long long)e->time_ms);
    return SAT_EVENT;
}

/* What the platform wants back with the answer, as it came. Longer than EVENT_REF_MAX: left out. */
static void sat_event_ref(struct event *e, const struct json *o)
{
    static struct buf ref;
    const struct json *v = json_get(o, "referrer");
    if (!v || v->type == JSON_NULL)
        return;
    buf_reset(&ref);
    sat_json_print(&ref, v);
    if (ref.len && ref.len <= EVENT_REF_MAX)
        e->ref = event_string(e, ref.data, ref.len);
}

/* ---- everything ---- */

/* The other names under which servers send the same. */
const char *sat_event_type(const char *type)
{
    static const char *const names[][2] = {{"message", "message-created"},
                                           {"guild-deleted", "guild-removed"},
                                           {"guild-member-deleted", "guild-member-removed"},
                                           {"channel-deleted", "channel-removed"},
                                           {"friend-deleted", "friend-removed"},
                                           {"reaction-deleted", "reaction-removed"},
                                           {"reaction-deleted/one", "reaction-removed"},
                                           {"reaction-deleted/all", "reaction-removed"},
                                           {"reaction-deleted/emoji", "reaction-removed"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i][0], type) == 0)
            return names[i][1];
    return type;
}

static enum sat_verdict sat_notice_fill(struct sat_decode *d, const struct sat_kind *kind,
                                        const struct json *o, struct event *e)
{
    if (!sat_event_user(d, e, o) || !kind->fill(d, e, o))
        return d->why ? SAT_MALFORMED : SAT_IGNORED;
    return SAT_EVENT;
}

enum sat_verdict sat_event_decode(struct sat_decode *d, const struct json *body, struct event **out)
{
    const char *type = json_text(json_get(body, "type"));
    *out = NULL;
    if (!type) {
        d->why = "type";
        return SAT_MALFORMED;
    }
    type = sat_event_type(type);
    bool message = strcmp(type, "message-created") == 0;
    bool command = strcmp(type, "interaction/command") == 0;
    const struct sat_kind *kind = message || command ? NULL : sat_notice_kind(type);
    if (!message && !command && !kind)
        return SAT_IGNORED; /* internal, and what nobody knows */
    struct event *e = event_new(kind ? kind->type : EVENT_MESSAGE, 0);
    e->history = d->history;
    sat_event_time(d, e, body, json_get(body, "message"));
    sat_event_ref(e, body);
    enum sat_verdict v = message   ? sat_message_fill(d, body, json_get(body, "message"), e)
                         : command ? sat_command_fill(d, body, e)
                                   : sat_notice_fill(d, kind, body, e);
    if (v == SAT_EVENT || v == SAT_OWN)
        *out = e;
    else
        event_free(e);
    return v;
}

enum sat_verdict sat_event_message(struct sat *g, const struct json *message, const char *chat,
                                   struct event **out)
{
    struct sat_decode d;
    *out = NULL;
    sat_decode_begin(g, &d, true);
    d.chat = chat;
    if (!json_is(message, JSON_OBJECT))
        return SAT_MALFORMED;
    struct event *e = event_new(EVENT_MESSAGE, 0);
    e->history = true;
    sat_event_time(&d, e, message, message);
    enum sat_verdict v = sat_message_fill(&d, message, message, e);
    if (v == SAT_EVENT || v == SAT_OWN)
        *out = e;
    else
        event_free(e);
    return v;
}
