/* ob_history.c -- what is read after (re)connecting, and on the engine's request: the list of groups, requests that wait for an
 * answer, the latest messages of a chat. One read at a time, spaced. No implementation repeats what was missed by itself,
 * and each pages its history differently. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "gateway/ob.h"

enum {
    OB_PAGE = 20,
    OB_PAGES_MAX = 20,
    OB_GROUPS_AGAIN_MS = 60000,
    OB_GROUPS_EVERY_MS = 600000,
    OB_GAP_MS = 600000,
    OB_MARGIN_MS = 5000,
    OB_JOBS_MAX = 2000,
    OB_ROSTER_MAX = 20000
};

/* One chat whose history is being read; the head of the list is at work. */
struct ob_job {
    struct ob_job *next;
    char chat[OB_ID_MAX + 1];
    int64_t since_ms;
    int left, pages;
    bool asked, anchored;       /* anchored: by an element of the page at hand */
    char anchor[OB_ID_MAX + 1]; /* message id of the oldest one so far, "" = begin at the latest */
    int64_t anchor_seq;
    struct event **list; /* pages are newest last; sorted at the end */
    bool *own;
    int n;
};

struct ob_roster {
    char **ids; /* sorted */
    size_t n;
};

/* ---- jobs ---- */

static void ob_job_free(struct ob_job *j)
{
    for (int i = 0; i < j->n; i++)
        event_free(j->list[i]);
    free(j->list);
    free(j->own);
    free(j);
}

void ob_history_catch_up(struct gateway *base, const char *chat, int64_t since_ms)
{
    struct ob *g = (struct ob *)base;
    struct ob_job **at = &g->jobs;
    int waiting = 0;
    /* A loss is noticed up to the idle limit after it happened, and platforms count whole seconds: what was said since the
     * last frame of the connection that died belongs to the gap. Repeats are removed anyway. */
    if (g->gap_ms && since_ms > g->gap_ms && since_ms - g->gap_ms < OB_GAP_MS)
        since_ms = g->gap_ms;
    since_ms -= OB_MARGIN_MS;
    if (*chat == '@' || strlen(chat) > OB_ID_MAX)
        return;
    for (; *at; at = &(*at)->next, waiting++) {
        if (strcmp((*at)->chat, chat) != 0 || (*at)->asked)
            continue;
        if (since_ms < (*at)->since_ms)
            (*at)->since_ms = since_ms;
        return;
    }
    if (waiting >= OB_JOBS_MAX)
        return;
    struct ob_job *j = MEM_NEW(struct ob_job);
    snprintf(j->chat, sizeof j->chat, "%s", chat);
    j->since_ms = since_ms;
    j->left = g->conf.catchup ? g->conf.catchup : OB_PAGE;
    *at = j;
    ob_wake(g, g->next_job);
}

void ob_history_params(struct buf *out, enum ob_impl impl, const char *group, bool string_ids,
                       int count, const char *message_id, int64_t seq)
{
    buf_adds(out, "\"group_id\":");
    ob_id_json(out, group, string_ids);
    if (impl != OB_IMPL_GOCQ)
        buf_addf(out, ",\"count\":%d", count);
    if (!message_id)
        return;
    switch (impl) {
    case OB_IMPL_LAGRANGE:
        buf_adds(out, ",\"message_id\":");
        ob_id_json(out, message_id, false);
        break;
    case OB_IMPL_LLBOT:
    case OB_IMPL_GOCQ: buf_addf(out, ",\"message_seq\":%lld", (long long)seq - 1); break;
    default: /* NapCat: its sequence is the message id, and older is the other way round */
        buf_adds(out, ",\"message_seq\":");
        ob_id_json(out, message_id, false);
        buf_adds(out, ",\"reverse_order\":true,\"reverseOrder\":true");
        break;
    }
}

static bool ob_job_ask(struct ob *g, struct ob_job *j)
{
    struct ob_frame_out f;
    struct ob_peer *p = ob_link_api(g);
    if (!p || ob_unsupported(p, OB_HISTORY) || !ob_action_begin(g, &f, OB_HISTORY))
        return false;
    bool bridge = g->impl == OB_IMPL_GENERIC || g->impl == OB_IMPL_UNKNOWN;
    int count = j->left < OB_PAGE ? j->left : OB_PAGE;
    ob_history_params(f.out, g->impl, j->chat, bridge && g->string_ids,
                      count + (*j->anchor ? 1 : 0), *j->anchor ? j->anchor : NULL, j->anchor_seq);
    ob_action_end(&f, OB_FOR_HISTORY, 0, 0, g->conf.timeout_ms);
    j->asked = true;
    j->pages++;
    return true;
}

/* Oldest first; equal times keep their order. */
static void ob_job_sort(struct ob_job *j)
{
    for (int i = 1; i < j->n; i++) {
        struct event *e = j->list[i];
        bool own = j->own[i];
        int k = i;
        for (; k > 0 && j->list[k - 1]->time_ms > e->time_ms; k--) {
            j->list[k] = j->list[k - 1];
            j->own[k] = j->own[k - 1];
        }
        j->list[k] = e;
        j->own[k] = own;
    }
}

/* The head is read: everything goes to the engine, oldest first. whole: nothing since its beginning was left out. */
static void ob_job_finish(struct ob *g, bool whole)
{
    struct ob_job *j = g->jobs;
    g->jobs = j->next;
    ob_job_sort(j);
    int n = j->n;
    j->n = 0;
    for (int i = 0; i < n; i++) {
        if (j->list[i]->time_ms < j->since_ms) {
            event_free(j->list[i]);
        } else if (j->own[i]) {
            g->sink.on_own_message(g->sink.ud, &g->base, j->list[i]);
            event_free(j->list[i]);
        } else {
            ob_deliver(g, j->list[i]);
        }
    }
    if (n)
        log_debug("history read", "gateway", g->base.name, "chat", j->chat, "messages", log_int(n),
                  NULL);
    if (g->sink.on_caught_up)
        g->sink.on_caught_up(g->sink.ud, &g->base, j->chat, whole && g->history_own);
    ob_job_free(j);
}

static bool ob_job_has(const struct ob_job *j, const struct event *e)
{
    for (int i = 0; i < j->n; i++)
        if (strcmp(j->list[i]->key, e->key) == 0)
            return true;
    return false;
}

/* Takes one element; true if it was new. Notes the oldest as the next anchor. */
static bool ob_job_take(struct ob *g, struct ob_job *j, const struct json *o, int64_t *oldest)
{
    struct ob_decode d;
    struct event *e = NULL;
    ob_decode_begin(g, &d, true);
    d.chat = j->chat;
    if (!json_is(o, JSON_OBJECT))
        return false;
    enum ob_verdict v = ob_event_decode(&d, o, &e);
    if (v != OB_EVENT && v != OB_OWN) {
        event_free(e);
        return false;
    }
    if (ob_job_has(j, e)) {
        event_free(e);
        return false;
    }
    /* of several in one second the first of the page is the oldest: pages are in order, as a rule */
    if (e->time_ms < *oldest || (e->time_ms == *oldest && !j->anchored)) {
        j->anchored = true;
        *oldest = e->time_ms;
        snprintf(j->anchor, sizeof j->anchor, "%s", e->message_id);
        if (!json_int(json_get(o, "message_seq"), &j->anchor_seq))
            j->anchor_seq = 0;
    }
    j->list = mem_realloc(j->list, (size_t)(j->n + 1) * sizeof(struct event *));
    j->own = mem_realloc(j->own, (size_t)(j->n + 1) * sizeof *j->own);
    j->list[j->n] = e;
    j->own[j->n++] = v == OB_OWN;
    g->history_own = g->history_own || v == OB_OWN;
    return true;
}

void ob_history_answer(struct ob *g, const struct ob_answer *a)
{
    struct ob_job *j = g->jobs;
    if (!j || !j->asked)
        return;
    j->asked = false;
    g->next_job = ob_now(g) + g->conf.catchup_ms;
    ob_wake(g, g->next_job);
    int64_t oldest = INT64_MAX;
    for (int i = 0; i < j->n; i++)
        if (j->list[i]->time_ms < oldest)
            oldest = j->list[i]->time_ms;
    int taken = 0;
    j->anchored = false;
    if (a->result == OB_OK)
        for (const struct json *v = json_first(json_get(a->data, "messages")); v && j->left > 0;
             v = json_next(v))
            if (ob_job_take(g, j, v, &oldest)) {
                taken++;
                j->left--;
            }
    bool anchored =
        *j->anchor && (j->anchor_seq > 0 || (g->impl != OB_IMPL_LLBOT && g->impl != OB_IMPL_GOCQ));
    bool more =
        taken > 0 && j->left > 0 && oldest > j->since_ms && anchored && j->pages < OB_PAGES_MAX;
    if (!more)
        ob_job_finish(g,
                      a->result == OB_OK && (oldest <= j->since_ms || (taken == 0 && j->left > 0)));
}

void ob_history_failed(struct ob *g, const char *reason)
{
    (void)reason;
    if (g->jobs && g->jobs->asked) {
        g->jobs->asked = false;
        ob_job_finish(g, false);
    }
}

/* ---- groups ---- */

static int ob_roster_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void ob_roster_free(struct ob_roster *r)
{
    for (size_t i = 0; r && i < r->n; i++)
        free(r->ids[i]);
    if (r)
        free(r->ids);
    free(r);
}

/* Groups of the old list that the new one lacks are gone. */
static void ob_roster_replace(struct ob *g, struct ob_roster *r)
{
    struct ob_roster *old = g->roster;
    if (r->n)
        qsort(r->ids, r->n, sizeof *r->ids, ob_roster_compare);
    for (size_t i = 0; old && r->n && i < old->n; i++)
        if (!bsearch(&old->ids[i], r->ids, r->n, sizeof *r->ids, ob_roster_compare))
            g->sink.on_chat(g->sink.ud, &g->base, old->ids[i], "", false);
    ob_roster_free(old);
    g->roster = r;
}

void ob_groups_answer(struct ob *g, const struct ob_answer *a)
{
    static struct buf name;
    if (a->result != OB_OK || !json_is(a->data, JSON_ARRAY))
        return;
    struct ob_roster *r = MEM_NEW(struct ob_roster);
    size_t room = a->data->len < OB_ROSTER_MAX ? a->data->len : OB_ROSTER_MAX;
    r->ids = mem_zero((room ? room : 1) * sizeof *r->ids);
    for (const struct json *v = json_first(a->data); v && r->n < room; v = json_next(v)) {
        const char *id;
        size_t len;
        if (ob_id(json_get(v, "group_id"), &id, &len) != OB_ID_OK || *id == '@')
            continue;
        char *chat = r->ids[r->n++] = mem_strndup(id, len);
        const struct json *title = json_get(v, "group_name");
        buf_reset(&name);
        if (json_text(title))
            utf8_clean(&name, title->s, utf8_cut(title->s, title->len, OB_NAME_MAX));
        g->sink.on_chat(g->sink.ud, &g->base, chat, buf_cstr(&name), true);
    }
    ob_roster_replace(g, r);
}

/* ---- waiting requests ---- */

static void ob_request_deliver(struct ob *g, const struct json *o, const char *sub)
{
    const char *id;
    size_t len;
    struct event *e = NULL;
    const struct json *checked = json_get(o, "checked"), *flag = json_get(o, "request_id");
    const struct json *user = json_get(o, "requester_uin");
    if (ob_id(user, &id, &len) != OB_ID_OK)
        user = json_get(o, "invitor_uin"); /* NapCat keeps the applicant there, too */
    if (json_bool(checked, false) || ob_id(user, &id, &len) != OB_ID_OK || !flag ||
        flag->len > OB_FLAG_MAX || (flag->type != JSON_NUMBER && flag->type != JSON_STRING) ||
        !flag->len)
        return;
    struct ob_decode d;
    ob_decode_begin(g, &d, true);
    e = ob_event_begin(&d, o, EVENT_REQUEST);
    e->user = e->name = event_string(e, id, len);
    if (!ob_event_chat(&d, e, o, true)) {
        event_free(e);
        return;
    }
    e->sub = sub;
    e->flag = event_string(e, flag->s, flag->len);
    struct segment *s = event_room(e, sizeof *s);
    s->type = SEGMENT_TEXT;
    s->kind = "text";
    s->id = "";
    s->text = ob_event_text(e, json_get(o, "message"), 2048);
    e->segments = s;
    e->nsegments = 1;
    e->text = s->text;
    ob_event_key(e, "request.%s.%s", e->sub, e->flag);
    ob_deliver(g, e);
}

/* Lagrange: an array of request events. */
static void ob_request_events(struct ob *g, const struct json *list)
{
    for (const struct json *v = json_first(list); v; v = json_next(v)) {
        struct ob_decode d;
        struct event *e = NULL;
        ob_decode_begin(g, &d, true);
        if (json_is(v, JSON_OBJECT) && ob_request_decode(&d, v, &e) == OB_EVENT)
            ob_deliver(g, e);
    }
}

void ob_requests_answer(struct ob *g, const struct ob_answer *a)
{
    if (a->result != OB_OK)
        return;
    if (json_is(a->data, JSON_ARRAY)) {
        ob_request_events(g, a->data);
        return;
    }
    for (const struct json *v = json_first(json_get(a->data, "invited_requests")); v;
         v = json_next(v))
        ob_request_deliver(g, v, "invite");
    for (const struct json *v = json_first(json_get(a->data, "join_requests")); v; v = json_next(v))
        ob_request_deliver(g, v, "add");
}

/* ---- when ---- */

void ob_history_ready(struct ob *g)
{
    int64_t now = ob_now(g);
    g->group_reads = 0;
    g->next_groups = now;
    g->next_requests = now + g->conf.catchup_ms;
    g->next_job = now + 2 * g->conf.catchup_ms;
    ob_wake(g, now);
}

void ob_history_due(struct ob *g, int64_t now)
{
    if (!ob_link_ready(g))
        return;
    if (g->next_groups && now >= g->next_groups) {
        ob_ask(g, OB_GROUP_LIST, OB_FOR_GROUPS);
        g->next_groups = now + (g->group_reads++ ? OB_GROUPS_EVERY_MS : OB_GROUPS_AGAIN_MS);
    }
    if (g->next_requests && now >= g->next_requests) {
        g->next_requests = 0;
        ob_ask(g, g->impl == OB_IMPL_LAGRANGE ? OB_GROUP_REQUESTS : OB_SYSTEM_MSG, OB_FOR_REQUESTS);
    }
    if (g->next_requests)
        ob_wake(g, g->next_requests);
    if (!g->jobs || g->jobs->asked)
        return;
    if (now < g->next_job) {
        ob_wake(g, g->next_job);
        return;
    }
    if (!ob_job_ask(g, g->jobs)) {
        g->next_job = now + g->conf.catchup_ms;
        ob_job_finish(g, false); /* cannot be asked here: what there is, is all */
    }
}

void ob_history_free(struct ob *g)
{
    while (g->jobs) {
        struct ob_job *next = g->jobs->next;
        ob_job_free(g->jobs);
        g->jobs = next;
    }
    ob_roster_free(g->roster);
    g->roster = NULL;
}
