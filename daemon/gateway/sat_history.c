/* sat_history.c -- what was missed: the newest page of a chat's history, on the engine's request. One page each: older ones would not
 * be answered any more, and one common server cannot read its own page tokens. A few chats are read side by side.
 * Owns: the jobs, one a chat. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/jsonout.h"
#include "gateway/sat_out.h"

enum {
    SAT_PAGE = 20,      /* messages of a page unless the configuration says otherwise */
    SAT_PAGE_MOST = 50, /* servers cut longer ones */
    SAT_GAP_MS = 600000,
    SAT_MARGIN_MS = 5000
};

static const char sat_no_answer[] = "there was no answer";

struct sat_found {
    struct event *event;
    bool own;
    int at;
};

struct sat_job {
    struct sat_job *next;
    struct sat *g;
    char chat[SAT_ID_MAX + 1];
    int64_t since_ms;
    uint64_t call; /* 0: not begun */
    struct sat_found *list;
    int n;
};

static void sat_job_drop(struct sat_job *j)
{
    struct sat_job **at = &j->g->out->jobs;
    while (*at != j)
        at = &(*at)->next;
    *at = j->next;
    for (int i = 0; i < j->n; i++)
        event_free(j->list[i].event);
    free(j->list);
    free(j);
}

static int sat_found_compare(const void *a, const void *b)
{
    const struct sat_found *x = a, *y = b;
    if (x->event->time_ms != y->event->time_ms)
        return x->event->time_ms < y->event->time_ms ? -1 : 1;
    return x->at - y->at;
}

/* Oldest first, whichever way round the page was: within one moment its own order counts. */
static void sat_job_sort(struct sat_job *j)
{
    bool turned = j->n > 1 && j->list[0].event->time_ms > j->list[j->n - 1].event->time_ms;
    for (int i = 0; i < j->n; i++)
        j->list[i].at = turned ? -i : i;
    if (j->n)
        qsort(j->list, (size_t)j->n, sizeof *j->list, sat_found_compare);
}

/* The chat is read: everything goes to the engine. why: what may be missing, NULL = nothing. */
static void sat_job_end(struct sat_job *j, const char *why)
{
    struct sat *g = j->g;
    struct gateway_gap gap = {.chat = j->chat,
                              .since_ms = j->since_ms,
                              .complete = !why,
                              .why = why ? why : "",
                              .again = why == sat_no_answer};
    sat_job_sort(j);
    gap.back_ms = j->n && g->out->history_own ? j->list[0].event->time_ms : 0;
    for (int i = 0; i < j->n; i++) {
        struct event *e = j->list[i].event;
        j->list[i].event = NULL;
        if (e->time_ms < j->since_ms) {
            event_free(e);
        } else if (j->list[i].own) {
            sat_deliver_own(g, e);
        } else {
            gap.messages++;
            sat_deliver_history(g, e);
        }
    }
    log_debug("history read", "gateway", g->base.name, "chat", j->chat, "messages", log_int(j->n),
              "incomplete", why, NULL);
    g->sink.on_caught_up(g->sink.ud, &g->base, &gap);
    sat_job_drop(j);
}

static bool sat_job_has(const struct sat_job *j, const struct event *e)
{
    for (int i = 0; i < j->n; i++)
        if (strcmp(j->list[i].event->key, e->key) == 0)
            return true;
    return false;
}

static void sat_job_take(struct sat_job *j, const struct json *message)
{
    struct event *e = NULL;
    enum sat_verdict v = json_is(message, JSON_OBJECT)
                             ? sat_event_message(j->g, message, j->chat, &e)
                             : SAT_MALFORMED;
    if (v != SAT_EVENT && v != SAT_OWN)
        return;
    if (sat_job_has(j, e)) {
        event_free(e);
        return;
    }
    j->list = mem_realloc(j->list, (size_t)(j->n + 1) * sizeof *j->list);
    j->list[j->n++] = (struct sat_found){.event = e, .own = v == SAT_OWN};
    j->g->out->history_own = j->g->out->history_own || v == SAT_OWN;
}

static bool sat_token_there(const struct json *data, const char *key)
{
    const struct json *token = json_get(data, key);
    return json_text(token) && token->len;
}

static void sat_on_page(void *ud, const struct sat_http_answer *a)
{
    struct sat_job *j = ud;
    struct sat *g = j->g;
    bool silent = a->result == SAT_LOST || a->result == SAT_UNWRITTEN;
    const char *why = a->ok ? NULL : silent ? sat_no_answer : "the platform gave no history";
    g->out->reading--;
    j->call = 0;
    const struct json *list = json_is(a->data, JSON_ARRAY) ? a->data : json_get(a->data, "data");
    for (const struct json *v = json_first(list); v && j->n < 10 * SAT_PAGE_MOST; v = json_next(v))
        sat_job_take(j, v);
    int64_t oldest = INT64_MAX;
    for (int i = 0; i < j->n; i++)
        if (j->list[i].event->time_ms < oldest)
            oldest = j->list[i].event->time_ms;
    bool older = sat_token_there(a->data, "next") || sat_token_there(a->data, "prev");
    if (!why && older && oldest > j->since_ms)
        why = "more was said than one page of the history holds";
    if (a->ok && !json_is(list, JSON_ARRAY))
        why = "the server has no history";
    sat_job_end(j, why);
    sat_history_next(g);
}

static bool sat_job_begin(struct sat_job *j)
{
    struct sat *g = j->g;
    struct buf body = {0};
    int limit = g->conf.catchup > 0 ? g->conf.catchup : SAT_PAGE;
    buf_addc(&body, '{');
    jsonout_string(&body, "channel_id", j->chat);
    jsonout_int(&body, "limit", limit < SAT_PAGE_MOST ? limit : SAT_PAGE_MOST);
    jsonout_string(&body, "direction", "before"); /* without a token: from the newest */
    jsonout_string(&body, "order", "asc");
    buf_addc(&body, '}');
    j->call = sat_http_read(g, "message.list", buf_cstr(&body), sat_on_page, j);
    buf_free(&body);
    return j->call != 0;
}

void sat_history_next(struct sat *g)
{
    struct sat_out *o = g->out;
    int64_t now = sat_now(g);
    for (struct sat_job *j = o->jobs, *next; j && sat_ready(g) && o->reading < SAT_READERS;
         j = next) {
        next = j->next;
        if (j->call)
            continue;
        if (now < o->next_read) {
            sat_wake(g->hub, o->next_read);
            return;
        }
        if (!sat_http_has(g, "message.list")) {
            sat_job_end(j, "the server has no history");
            next = o->jobs; /* the engine may have asked for more */
            continue;
        }
        if (!sat_job_begin(j))
            return;
        o->reading++;
        o->next_read = now + g->conf.catchup_ms / SAT_READERS;
    }
}

void sat_catch_up(struct gateway *base, const char *chat, int64_t since_ms)
{
    struct sat *g = (struct sat *)base;
    struct sat_job **at = &g->out->jobs;
    int waiting = 0;
    /* a loss is noticed some time after it happened: what was said since the last frame belongs to the gap */
    if (g->gap_ms && since_ms > g->gap_ms && since_ms - g->gap_ms < SAT_GAP_MS)
        since_ms = g->gap_ms;
    since_ms -= SAT_MARGIN_MS;
    if (*chat == '@' || strlen(chat) > SAT_ID_MAX)
        return;
    for (; *at; at = &(*at)->next, waiting++) {
        if (strcmp((*at)->chat, chat) != 0 || (*at)->call)
            continue;
        if (since_ms < (*at)->since_ms)
            (*at)->since_ms = since_ms;
        return;
    }
    if (waiting >= SAT_JOBS_MAX)
        return;
    struct sat_job *j = MEM_NEW(struct sat_job);
    j->g = g;
    j->since_ms = since_ms;
    snprintf(j->chat, sizeof j->chat, "%s", chat);
    *at = j;
    sat_wake(g->hub, sat_now(g));
}

int sat_catch_up_many(const struct gateway *base)
{
    (void)base;
    return SAT_READERS;
}

void sat_history_end(struct sat *g)
{
    while (g->out->jobs) {
        if (g->out->jobs->call)
            sat_http_cancel(g, g->out->jobs->call);
        sat_job_drop(g->out->jobs);
    }
    g->out->reading = 0;
}
