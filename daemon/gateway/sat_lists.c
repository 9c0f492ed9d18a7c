/* sat_lists.c -- the groups of a login: guilds, or their text channels where a guild has several. Read after the link is up and every
 * ten minutes, one call after the other, and kept right by guild and channel events in between. What an earlier complete
 * reading had and a later one lacks is gone.
 * Owns: struct sat_roster of each gateway. Callers: satori.c, sat_hub.c (tick), sat_frame.c (events). */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "gateway/sat.h"
#include "gateway/sat_http.h"

enum {
    SAT_CHATS_MAX = 20000,
    SAT_GUILDS_MAX = 500, /* whose channels are read */
    SAT_PAGES_MAX = 200,
    SAT_LISTS_AGAIN_MS = 60000,
    SAT_LISTS_EVERY_MS = 600000
};

struct sat_names {
    char **ids;
    size_t n, cap;
};

struct sat_roster {
    struct sat_names chats;  /* of the last complete reading, sorted */
    struct sat_names found;  /* of this one */
    struct sat_names guilds; /* whose channels are to be read */
    struct sat_names hidden; /* those of them that could not be read this time */
    size_t at;               /* in guilds */
    int pages;               /* of the list at hand */
    int64_t next_ask;        /* monotonic: the next call, 0 = none waits */
    uint64_t call;
    char *token; /* of the page that was asked for; NULL: the first */
};

/* ---- names ---- */

static void sat_names_free(struct sat_names *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->ids[i]);
    free(s->ids);
    *s = (struct sat_names){0};
}

static void sat_names_add(struct sat_names *s, const char *id, size_t len)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 16;
        s->ids = mem_realloc(s->ids, s->cap * sizeof *s->ids);
    }
    s->ids[s->n++] = mem_strndup(id, len);
}

static int sat_names_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct sat_roster *sat_roster(struct sat *g)
{
    if (!g->roster)
        g->roster = MEM_NEW(struct sat_roster);
    return g->roster;
}

static void sat_roster_begin(struct sat_roster *r)
{
    sat_names_free(&r->found);
    sat_names_free(&r->guilds);
    sat_names_free(&r->hidden);
    free(r->token);
    r->token = NULL;
    r->at = 0;
    r->pages = 0;
    r->next_ask = 0;
}

void sat_lists_free(struct sat *g)
{
    struct sat_roster *r = g->roster;
    if (!r)
        return;
    sat_roster_begin(r);
    sat_names_free(&r->chats);
    free(r);
    g->roster = NULL;
}

/* ---- one chat ---- */

static const char *sat_chat_title(const struct json *v)
{
    static struct buf name;
    const struct json *title = json_get(v, "name");
    buf_reset(&name);
    if (json_is(title, JSON_STRING))
        utf8_clean(&name, title->s, utf8_cut(title->s, title->len, SAT_NAME_MAX));
    return buf_cstr(&name);
}

static void sat_chat_present(struct sat *g, const char *chat, const struct json *v)
{
    g->sink.on_chat(g->sink.ud, &g->base, chat, sat_chat_title(v), true);
}

/* The id of a guild or channel as text that ends; false: it cannot be a chat. */
static bool sat_chat_id(const struct json *v, char *out)
{
    const char *id;
    size_t len;
    if (sat_id(json_get(v, "id"), &id, &len) != SAT_ID_OK || *id == '@')
        return false;
    memcpy(out, id, len);
    out[len] = '\0';
    return true;
}

static bool sat_is_text(const struct json *channel)
{
    int64_t type = 0;
    return !json_int(json_get(channel, "type"), &type) || type == 0;
}

/* ---- reading ---- */

static void sat_lists_ask(struct sat *g);

static bool sat_names_has(const struct sat_names *s, const char *id)
{
    return s->n && bsearch(&id, s->ids, s->n, sizeof *s->ids, sat_names_compare);
}

static void sat_names_sort(struct sat_names *s)
{
    if (s->n)
        qsort(s->ids, s->n, sizeof *s->ids, sat_names_compare);
}

/* A chat of the last reading that this one lacks: gone, unless it may be in a guild that could not be read. */
static bool sat_lists_gone(struct sat *g, const char *chat)
{
    const struct sat_names *hidden = &g->roster->hidden;
    const char *guild = hidden->n ? sat_guild(g, chat) : NULL;
    return !hidden->n || (guild && !sat_names_has(hidden, guild));
}

static void sat_lists_done(struct sat *g)
{
    struct sat_roster *r = g->roster;
    size_t found = r->found.n;
    sat_names_sort(&r->found);
    sat_names_sort(&r->hidden);
    struct sat_names kept = {0};
    for (size_t i = 0; (found || r->hidden.n) && i < r->chats.n; i++) {
        const char *chat = r->chats.ids[i];
        if (sat_names_has(&r->found, chat))
            continue;
        if (sat_lists_gone(g, chat))
            g->sink.on_chat(g->sink.ud, &g->base, chat, "", false);
        else
            sat_names_add(&kept, chat, strlen(chat));
    }
    for (size_t i = 0; i < kept.n; i++)
        sat_names_add(&r->found, kept.ids[i], strlen(kept.ids[i]));
    sat_names_free(&kept);
    sat_names_sort(&r->found);
    sat_names_free(&r->chats);
    r->chats = r->found;
    r->found = (struct sat_names){0};
    sat_roster_begin(r);
    g->asking_guilds = false;
    g->next_guilds = sat_now(g) + SAT_LISTS_EVERY_MS;
}

static void sat_lists_failed(struct sat *g, bool never)
{
    sat_roster_begin(g->roster);
    g->asking_guilds = false;
    g->next_guilds = never ? 0 : sat_now(g) + SAT_LISTS_AGAIN_MS;
}

static void sat_lists_guild(struct sat *g, const struct json *v)
{
    struct sat_roster *r = g->roster;
    char id[SAT_ID_MAX + 1];
    if (!sat_chat_id(v, id))
        return;
    if (!sat_plain(g)) {
        if (r->guilds.n < SAT_GUILDS_MAX)
            sat_names_add(&r->guilds, id, strlen(id));
        return;
    }
    if (r->found.n >= SAT_CHATS_MAX)
        return;
    sat_names_add(&r->found, id, strlen(id));
    sat_chat_present(g, id, v);
}

static void sat_lists_channel(struct sat *g, const struct json *v, const char *guild)
{
    struct sat_roster *r = g->roster;
    char id[SAT_ID_MAX + 1];
    if (!sat_is_text(v) || !sat_chat_id(v, id) || r->found.n >= SAT_CHATS_MAX)
        return;
    sat_names_add(&r->found, id, strlen(id));
    sat_guild_known(g, id, guild);
    sat_chat_present(g, id, v);
}

/* Takes the token of the next page; false: this list is at its end. */
static bool sat_lists_more(struct sat_roster *r, const struct json *page)
{
    const char *next = json_text(json_get(page, "next"));
    bool more = next && *next && strlen(next) < 1024 && ++r->pages < SAT_PAGES_MAX &&
                !(r->token && strcmp(r->token, next) == 0);
    free(r->token);
    r->token = more ? mem_strdup(next) : NULL;
    return more;
}

static void sat_lists_answer(void *ud, const struct sat_http_answer *a)
{
    struct sat *g = ud;
    struct sat_roster *r = g->roster;
    bool channels = r->at > 0;
    r->call = 0;
    const struct json *list = json_is(a->data, JSON_ARRAY) ? a->data : json_get(a->data, "data");
    if (!a->ok || !json_is(list, JSON_ARRAY)) {
        if (!channels) {
            sat_lists_failed(g, a->result == SAT_NO_METHOD);
            return;
        }
        list = NULL; /* one guild hides its channels: the others are read all the same */
        const char *guild = r->guilds.ids[r->at - 1];
        sat_names_add(&r->hidden, guild, strlen(guild));
    }
    for (const struct json *v = json_first(list); v; v = json_next(v)) {
        if (channels)
            sat_lists_channel(g, v, r->guilds.ids[r->at - 1]);
        else
            sat_lists_guild(g, v);
    }
    if (!sat_lists_more(r, list ? a->data : NULL)) {
        r->at++;
        r->pages = 0;
    }
    if (r->at > r->guilds.n) {
        sat_lists_done(g);
        return;
    }
    r->next_ask =
        sat_now(g) + g->conf.catchup_ms / 4; /* hundreds of guilds: the platform counts calls */
    sat_wake(g->hub, r->next_ask);
}

/* at 0: the guilds; then the channels of guild at - 1. */
static void sat_lists_ask(struct sat *g)
{
    struct sat_roster *r = sat_roster(g);
    struct buf body = {0};
    const char *comma = "";
    buf_addc(&body, '{');
    if (r->at) {
        const char *guild = r->guilds.ids[r->at - 1];
        buf_adds(&body, "\"guild_id\":");
        buf_add_json(&body, guild, strlen(guild));
        comma = ",";
    }
    if (r->token) {
        buf_addf(&body, "%s\"next\":", comma);
        buf_add_json(&body, r->token, strlen(r->token));
    }
    buf_addc(&body, '}');
    r->call = sat_http_read(g, r->at ? "channel.list" : "guild.list", buf_cstr(&body),
                            sat_lists_answer, g);
    buf_free(&body);
    if (!r->call)
        sat_lists_failed(g, false);
}

void sat_lists_ready(struct sat *g)
{
    struct sat_roster *r = sat_roster(g);
    if (r->call)
        sat_http_cancel(g, r->call);
    r->call = 0;
    sat_roster_begin(r);
    g->asking_guilds = false;
    g->next_guilds = sat_feature(g, "guild.list") == SAT_NO ? 0 : sat_now(g);
}

void sat_lists_tick(struct sat *g, int64_t now)
{
    struct sat_roster *r = g->roster;
    if (r && r->next_ask && now >= r->next_ask && sat_may_send(g)) {
        r->next_ask = 0;
        sat_lists_ask(g);
        return;
    }
    if (!g->next_guilds || g->asking_guilds || now < g->next_guilds || !sat_may_send(g))
        return;
    g->asking_guilds = true;
    sat_roster_begin(sat_roster(g));
    sat_lists_ask(g);
}

/* ---- events ---- */

/* Guild and channel events that say what our chats are. True: there is nothing else in it. */
bool sat_lists_event(struct sat *g, const char *type, const struct json *body)
{
    const struct json *guild = json_get(body, "guild"), *channel = json_get(body, "channel");
    char id[SAT_ID_MAX + 1], of[SAT_ID_MAX + 1];
    if (strncmp(type, "guild-", 6) == 0) {
        bool plain = sat_plain(g);
        bool added = strcmp(type, "guild-added") == 0, gone = strcmp(type, "guild-removed") == 0;
        if (added && plain && sat_chat_id(guild, id))
            sat_chat_present(g, id, guild);
        if ((added || gone) && !plain && g->next_guilds)
            g->next_guilds = sat_now(g);
        return added;
    }
    if (strncmp(type, "channel-", 8) != 0 || !sat_is_text(channel) || !sat_chat_id(channel, id))
        return false;
    if (strcmp(type, "channel-removed") == 0) {
        if (sat_chat_id(guild, of))
            memo_drop(g->posts, of);
        g->sink.on_chat(g->sink.ud, &g->base, id, "", false);
        return true;
    }
    if (sat_chat_id(guild, of))
        sat_guild_known(g, id, of);
    sat_chat_present(g, id, channel);
    return strcmp(type, "channel-added") == 0;
}
