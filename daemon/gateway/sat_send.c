/* sat_send.c -- messages out. A chat is a lane: its messages leave one after the other, each when the one before has its answer,
 * so that they arrive in order; different chats go side by side. A message on its way first has its pictures brought to the server and
 * its private channel opened, if need be, then message.create is called once, never again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "gateway/jsonout.h"
#include "gateway/sat_out.h"
#include "web/http_client.h"

struct sat_post {
    struct sat_post *next;
    uint64_t ticket;
    char *content; /* NULL: pictures must be brought first */
    char *ref;
    struct out_message *pictures; /* until then */
};

struct sat_lane {
    struct sat_lane *next; /* in its bucket */
    struct sat_lane *next_ready;
    struct sat *g;
    char chat[SAT_ID_MAX + 2];
    struct sat_post *head, **tail;
    bool ready, flying, written; /* written: message.create was called */
    uint64_t call;
    struct sat_load *load;
};

/* ---- lanes ---- */

static struct sat_lane **sat_lane_at(struct sat *g, const char *chat)
{
    struct sat_lane **at = &g->out->lanes[hash_string(chat) % SAT_BUCKETS];
    while (*at && strcmp((*at)->chat, chat) != 0)
        at = &(*at)->next;
    return at;
}

static void sat_post_free(struct sat_post *p)
{
    free(p->content);
    free(p->ref);
    sat_message_free(p->pictures);
    free(p);
}

static void sat_lane_ready(struct sat *g, struct sat_lane *l)
{
    if (l->ready || l->flying || !l->head)
        return;
    l->ready = true;
    l->next_ready = NULL;
    *g->out->ready_tail = l;
    g->out->ready_tail = &l->next_ready;
}

static void sat_lane_unready(struct sat *g, struct sat_lane *l)
{
    struct sat_lane **at = &g->out->ready;
    if (!l->ready)
        return;
    while (*at != l)
        at = &(*at)->next_ready;
    *at = l->next_ready;
    if (g->out->ready_tail == &l->next_ready)
        g->out->ready_tail = at;
    l->ready = false;
}

static void sat_lane_drop(struct sat *g, struct sat_lane *l)
{
    struct sat_lane **at = sat_lane_at(g, l->chat);
    sat_lane_unready(g, l);
    *at = l->next;
    free(l);
}

static struct sat_post *sat_lane_take(struct sat *g, struct sat_lane *l)
{
    struct sat_post *p = l->head;
    l->head = p->next;
    if (!l->head)
        l->tail = &l->head;
    g->out->nposts--;
    return p;
}

/* ---- results ---- */

void sat_sent(struct sat *g, uint64_t ticket, enum send_outcome outcome, const char *id,
              const char *reason, int64_t retry_ms)
{
    struct send_result r = {
        .outcome = outcome, .message_id = id, .reason = reason, .retry_ms = retry_ms};
    g->sink.on_sent(g->sink.ud, &g->base, ticket, &r);
}

/* Those behind a message that has to go once more: they must not overtake it. */
static void sat_lane_return(struct sat *g, struct sat_lane *l)
{
    while (l->head) {
        struct sat_post *p = sat_lane_take(g, l);
        sat_sent(g, p->ticket, SEND_UNWRITTEN, "", "the message before it waits", 0);
        sat_post_free(p);
    }
}

/* The message at the head of a lane is through. */
static void sat_lane_end(struct sat_lane *l, enum send_outcome outcome, const char *id,
                         const char *reason, int64_t retry_ms)
{
    struct sat *g = l->g;
    struct sat_post *p = sat_lane_take(g, l);
    uint64_t ticket = p->ticket;
    bool again = outcome == SEND_UNWRITTEN || outcome == SEND_MUTED || outcome == SEND_CROWDED ||
                 outcome == SEND_LIMITED;
    sat_post_free(p);
    l->flying = l->written = false;
    g->out->flying--;
    if (outcome == SEND_UNWRITTEN && g->out->hold_until < sat_now(g) + SAT_HOLD_MS)
        g->out->hold_until = sat_now(g) + SAT_HOLD_MS;
    sat_sent(g, ticket, outcome, id, reason, retry_ms);
    if (again)
        sat_lane_return(g, l);
    if (l->head)
        sat_lane_ready(g, l);
    else
        sat_lane_drop(g, l);
    sat_send_next(g);
}

/* ---- what an answer means ---- */

static const struct {
    const char *text;
    enum send_outcome outcome;
} sat_words[] = {
    {"timeout", SEND_UNKNOWN},
    {"timed out", SEND_UNKNOWN},
    {"SEND_MSG_API_ERROR", SEND_UNKNOWN},
    {"socket hang up", SEND_UNKNOWN},
    {"ECONNRESET", SEND_UNKNOWN},
    {"\xe7\xa6\x81\xe8\xa8\x80", SEND_MUTED}, /* "muted" in Chinese */
    {"are muted", SEND_MUTED},
    {"is muted", SEND_MUTED},
    {"not enough rights to send", SEND_MUTED},
    {"have no rights to send", SEND_MUTED},
    {"\xe9\xa3\x8e\xe6\x8e\xa7", SEND_RISK}, /* "risk control" in Chinese */
    {"\xe5\x85\xa8\xe4\xbd\x93\xe6\x88\x90\xe5\x91\x98",
     SEND_AT_ALL}, /* "all members" in Chinese */
    {"too many requests", SEND_LIMITED},
    {"rate limit", SEND_LIMITED},
    {"\xe9\xa2\x91\xe7\xb9\x81", SEND_LIMITED}, /* "too often" in Chinese */
};

/* QQ's own number in the text of a server for QQ accounts ("result":120); -1: there is none. */
static int sat_qq_number(const char *text)
{
    const char *p = strstr(text, "\"result\"");
    if (!p)
        return -1;
    p += 8;
    p += strspn(p, " :");
    return *p >= '0' && *p <= '9' ? (int)strtol(p, NULL, 10) : -1;
}

/* Does it say that this chat, and no other, takes nothing from us? */
static bool sat_closed(const struct sat_http_answer *a)
{
    static const char *const words[] = {
        "was kicked", "was blocked",  "not a member",   "not a friend",
        "not friend", "not in group", "Missing Access", "cannot send messages to this user"};
    static const char *const places[] = {"channel", "chat", "group", "guild", "user", "friend"};
    if (a->status == 403 || a->status == 404)
        return true;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasestr(a->text, words[i]))
            return true;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (strcasestr(a->text, "not found") && strcasestr(a->text, places[i]))
            return true;
    return false;
}

static enum send_outcome sat_refusal(const struct sat_http_answer *a)
{
    switch (sat_qq_number(a->text)) {
    case 120: return SEND_MUTED;
    case 121: return SEND_AT_ALL;
    case 299: return SEND_LIMITED;
    case 46: return SEND_RISK;
    case 110: return SEND_CLOSED; /* not in the group */
    default: break;
    }
    for (size_t i = 0; i < sizeof sat_words / sizeof sat_words[0]; i++)
        if (strcasestr(a->text, sat_words[i].text))
            return sat_words[i].outcome;
    return a->status == 429 ? SEND_LIMITED : sat_closed(a) ? SEND_CLOSED : SEND_FAILED;
}

enum send_outcome sat_send_outcome(const struct sat_http_answer *a, int64_t *retry_ms)
{
    *retry_ms = a->retry_ms;
    switch (a->result) {
    case SAT_DONE: return SEND_SENT;
    case SAT_LOST: return SEND_UNKNOWN;
    case SAT_UNWRITTEN:
    case SAT_NO_AUTH:
    case SAT_NO_LOGIN: return SEND_UNWRITTEN; /* the server has not looked at it */
    case SAT_NO_METHOD: return SEND_FAILED;
    case SAT_BROKEN:
        /* something in front of the server gave up waiting, or nobody says anything */
        if (a->status == 502 || a->status == 504 || !*a->text || *a->text == '<')
            return SEND_UNKNOWN;
        break;
    case SAT_REFUSED: break;
    }
    enum send_outcome o = sat_refusal(a);
    /* one chat, unless they say that it is everything */
    if (o == SEND_LIMITED && a->retry_ms && !strcasestr(a->text, "\"global\":true") &&
        !strcasestr(a->text, "\"global\": true"))
        return SEND_CROWDED;
    return o;
}

bool sat_send_id(const struct json *data, char id[SAT_ID_MAX + 1])
{
    const struct json *last = data;
    const char *s;
    size_t len;
    id[0] = '\0';
    if (json_is(data, JSON_OBJECT) && json_is(json_get(data, "data"), JSON_ARRAY))
        data = json_get(data, "data");
    if (json_is(data, JSON_ARRAY)) {
        last = NULL;
        for (const struct json *v = json_first(data); v; v = json_next(v))
            last = v;
    }
    if (sat_id(json_get(last, "id"), &s, &len) != SAT_ID_OK)
        return false;
    memcpy(id, s, len);
    id[len] = '\0';
    return true;
}

static void sat_on_created(void *ud, const struct sat_http_answer *a)
{
    struct sat_lane *l = ud;
    struct sat *g = l->g;
    char id[SAT_ID_MAX + 1] = "";
    int64_t retry_ms = 0;
    enum send_outcome outcome = sat_send_outcome(a, &retry_ms);
    l->call = 0;
    if (outcome == SEND_SENT) {
        sat_send_id(a->data, id);
        sat_login_proof(g);
    }
    if (a->result == SAT_NO_AUTH)
        g->out->hold_until = sat_now(g) + SAT_HOLD_AUTH_MS;
    if ((outcome == SEND_FAILED || outcome == SEND_CLOSED) &&
        *l->chat == '@') /* its channel may be another one by now */
        memo_drop(g->direct, l->chat + 1);
    sat_lane_end(l, outcome, id, a->reason, retry_ms ? clock_wall(g->env.clock) + retry_ms : 0);
}

/* ---- on its way ---- */

void sat_send_referrer(struct sat *g, struct buf *out, const char *chat, const char *ref)
{
    const char *raw = ref && *ref ? ref : sat_referrer(g, chat);
    if (raw && *raw)
        jsonout_raw(out, "referrer", raw);
}

/* A call of it is not taken now. Nothing may be reported from within: it and those behind it come back a moment later. */
static void sat_lane_stuck(struct sat_lane *l)
{
    struct sat *g = l->g;
    l->flying = l->written = false;
    g->out->flying--;
    g->out->hold_until = sat_now(g) + SAT_HOLD_MS;
    while (l->head) {
        struct sat_post *p = sat_lane_take(g, l);
        sat_out_late(g, SAT_LATE_UNWRITTEN, p->ticket, "too many calls");
        sat_post_free(p);
    }
    sat_lane_drop(g, l);
}

static void sat_lane_create(struct sat_lane *l, const char *channel)
{
    static struct buf body;
    struct sat *g = l->g;
    struct sat_post *p = l->head;
    if (!sat_may_send(g)) { /* the account has gone since it began */
        sat_lane_end(l, SEND_UNWRITTEN, "", "the account is offline", 0);
        return;
    }
    buf_reset(&body);
    buf_addc(&body, '{');
    jsonout_string(&body, "channel_id", channel);
    jsonout_string(&body, "content", p->content);
    sat_send_referrer(g, &body, l->chat, p->ref);
    buf_addc(&body, '}');
    if (g->hub->http_conf && (int64_t)body.len > g->hub->http_conf->send_max) {
        sat_lane_end(l, SEND_FAILED, "", "the pictures are too long for one message", 0);
        return; /* never within the call: only pictures are as long, and they come later */
    }
    l->written = true;
    l->call = sat_http_call(g, "message.create", buf_cstr(&body), sat_on_created, l);
    if (!l->call)
        sat_lane_stuck(l);
}

const char *sat_direct_answer(struct sat *g, const char *user, const struct json *data)
{
    const char *id;
    size_t len;
    char channel[SAT_ID_MAX + 1];
    if (sat_id(json_get(data, "id"), &id, &len) != SAT_ID_OK)
        return NULL;
    snprintf(channel, sizeof channel, "%.*s", (int)len, id);
    sat_direct_known(g, user, channel);
    return sat_direct(g, user);
}

static void sat_on_channel(void *ud, const struct sat_http_answer *a)
{
    struct sat_lane *l = ud;
    const char *channel = a->ok ? sat_direct_answer(l->g, l->chat + 1, a->data) : NULL;
    bool lost = a->result != SAT_DONE && a->result != SAT_REFUSED && a->result != SAT_NO_METHOD &&
                a->result != SAT_BROKEN;
    l->call = 0;
    if (channel)
        sat_lane_create(l, channel);
    else if (lost)
        sat_lane_end(l, SEND_UNWRITTEN, "", a->reason, 0);
    else
        sat_lane_end(l, SEND_CLOSED, "", *a->reason ? a->reason : "there is no private chat", 0);
}

static void sat_lane_address(struct sat_lane *l)
{
    struct sat *g = l->g;
    const char *channel = *l->chat == '@' ? sat_direct(g, l->chat + 1) : l->chat;
    if (channel) {
        sat_lane_create(l, channel);
        return;
    }
    struct buf body = {0};
    buf_addc(&body, '{');
    jsonout_string(&body, "user_id", l->chat + 1);
    buf_addc(&body, '}');
    l->call = sat_http_read(g, "user.channel.create", buf_cstr(&body), sat_on_channel, l);
    buf_free(&body);
    if (!l->call)
        sat_lane_stuck(l);
}

/* ---- content ---- */

static const char *sat_picture_src(void *ud, int i)
{
    return ((const char *const *)ud)[i];
}

/* The message as content; NULL with why: there is none. Caller frees. src: see sat_upload_begin; NULL: all as they are. */
static char *sat_content(struct sat *g, const struct out_message *m, const char *const *src,
                         const char **why)
{
    struct buf b = {0};
    struct sat_encode o = {.faces = sat_qq(g),
                           .buttons = (sat_caps(&g->base) & GATEWAY_BUTTONS) != 0,
                           .src = src ? sat_picture_src : NULL,
                           .ud = (void *)(uintptr_t)src};
    if (sat_elements_encode(&b, m, &o, why))
        return buf_take(&b);
    buf_free(&b);
    return NULL;
}

static void sat_on_pictures(void *ud, const char *const *src, const char *why)
{
    struct sat_lane *l = ud;
    struct sat_post *p = l->head;
    l->load = NULL;
    if (!why)
        p->content = sat_content(l->g, p->pictures, src, &why);
    if (!why)
        sat_lane_address(l);
    else
        sat_lane_end(l, SEND_FAILED, "", why, 0);
}

void sat_send_next(struct sat *g)
{
    struct sat_out *o = g->out;
    while (o->ready && o->flying < SAT_FLYING && sat_may_send(g)) {
        struct sat_lane *l = o->ready;
        sat_lane_unready(g, l);
        l->flying = true;
        o->flying++;
        if (l->head->content)
            sat_lane_address(l);
        else
            l->load = sat_upload_begin(g, l->head->pictures, sat_on_pictures, l);
    }
}

bool sat_send(struct gateway *base, const struct out_message *m, uint64_t ticket)
{
    struct sat *g = (struct sat *)base;
    struct sat_out *o = g->out;
    const char *why = NULL;
    if (!sat_may_send(g) || sat_now(g) < o->hold_until || o->nposts >= SAT_POSTS_MAX ||
        strlen(m->chat) > SAT_ID_MAX + 1) /* '@' and an id */
        return false;
    bool pictures = sat_upload_needed(g, m);
    const char **none =
        pictures ? mem_zero((size_t)m->nsegments * sizeof *none) : NULL; /* of any length */
    char *content = sat_content(g, m, none, &why);
    free(none);
    if (!content) {
        sat_out_late(g, SAT_LATE_FAILED, ticket, why);
        return true;
    }
    struct sat_lane **at = sat_lane_at(g, m->chat);
    if (!*at) {
        *at = MEM_NEW(struct sat_lane);
        (*at)->g = g;
        (*at)->tail = &(*at)->head;
        snprintf((*at)->chat, sizeof(*at)->chat, "%s", m->chat);
    }
    struct sat_post *p = MEM_NEW(struct sat_post);
    p->ticket = ticket;
    p->ref = m->ref && *m->ref ? mem_strdup(m->ref) : NULL;
    if (pictures) {
        p->pictures = sat_message_copy(m);
        free(content);
    } else {
        p->content = content;
    }
    *(*at)->tail = p;
    (*at)->tail = &p->next;
    o->nposts++;
    sat_lane_ready(g, *at);
    sat_send_next(g);
    return true;
}

/* ---- the end ---- */

/* Ends the message that is on its way in a lane without an answer. */
static void sat_lane_give_up(struct sat *g, struct sat_lane *l, const char *why)
{
    bool written = l->written;
    if (l->call)
        sat_http_cancel(g, l->call);
    if (l->load)
        sat_upload_cancel(g, l->load);
    l->call = 0;
    l->load = NULL;
    l->flying = l->written = false;
    g->out->flying--;
    struct sat_post *p = sat_lane_take(g, l);
    sat_sent(g, p->ticket, written ? SEND_UNKNOWN : SEND_UNWRITTEN, "", why, 0);
    sat_post_free(p);
}

void sat_send_end(struct sat *g, const char *why, bool all)
{
    for (int i = 0; i < SAT_BUCKETS; i++)
        for (struct sat_lane *l = g->out->lanes[i], *next; l; l = next) {
            struct sat_post *first = NULL;
            next = l->next;
            if (l->flying && all)
                sat_lane_give_up(g, l, why);
            else if (l->flying)
                first = sat_lane_take(g, l);
            while (l->head) {
                struct sat_post *p = sat_lane_take(g, l);
                sat_sent(g, p->ticket, SEND_UNWRITTEN, "", why, 0);
                sat_post_free(p);
            }
            if (!first) {
                sat_lane_drop(g, l);
                continue;
            }
            l->head = first; /* its answer comes yet */
            first->next = NULL;
            l->tail = &first->next;
            g->out->nposts++;
        }
}
