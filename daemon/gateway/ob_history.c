/* ob_history.c -- what is read after (re)connecting, and on the engine's request: when lists are asked for (ob_lists.c), and the
 * history of chats. No implementation repeats what was missed by itself, and each pages its history differently.
 * A few chats are read side by side (slots), a page of each at a time and a pause between two pages of a slot; when the
 * implementation chokes on it, one after the other. Owns: the jobs, one a chat. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/ob.h"

enum {
    OB_PAGE = 20,      /* the first of a chat: enough for most */
    OB_PAGE_MORE = 50, /* the others, where the number is asked for */
    OB_PAGES_MAX = 50,
    OB_GROUPS_AGAIN_MS = 60000,
    OB_GROUPS_EVERY_MS = 600000,
    OB_GAP_MS = 600000,
    OB_MARGIN_MS = 5000,
    OB_JOBS_MAX = 2000
};

static const char ob_no_answer[] = "there was no answer";

struct ob_found {
    struct event *event;
    bool own;
    int page, at;
    int64_t seq;
};

/* One chat whose history is being read. */
struct ob_job {
    struct ob_job *next;
    char chat[OB_ID_MAX + 1];
    uint64_t id; /* the ticket of its requests */
    int64_t since_ms;
    int left, pages, slot;      /* slot -1: not begun */
    int wanted;                 /* elements of the page that was asked for */
    bool asked, thin, anchored; /* thin: the last page had fewer than were asked for */
                                /* anchored: by an element of the page at hand */
    char anchor[OB_ID_MAX + 1]; /* message id of the oldest one so far, "" = begin at the latest */
    int64_t anchor_seq;
    struct ob_found *list;
    int n;
};

/* ---- jobs ---- */

static void ob_job_free(struct ob_job *j)
{
    for (int i = 0; i < j->n; i++)
        event_free(j->list[i].event);
    free(j->list);
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
        if (strcmp((*at)->chat, chat) != 0 || (*at)->pages)
            continue;
        if (since_ms < (*at)->since_ms)
            (*at)->since_ms = since_ms;
        return;
    }
    if (waiting >= OB_JOBS_MAX)
        return;
    struct ob_job *j = MEM_NEW(struct ob_job);
    snprintf(j->chat, sizeof j->chat, "%s", chat);
    j->id = ++g->job_ids;
    j->slot = -1;
    j->since_ms = since_ms;
    j->left = g->conf.catchup ? g->conf.catchup : OB_PAGE;
    *at = j;
    ob_wake(g, ob_now(g));
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
    bool more = j->pages && (g->impl == OB_IMPL_NAPCAT || g->impl == OB_IMPL_LLBOT);
    int page = more ? OB_PAGE_MORE : OB_PAGE;
    int count = j->left < page ? j->left : page;
    ob_history_params(f.out, g->impl, j->chat, bridge && g->string_ids,
                      count + (*j->anchor ? 1 : 0), *j->anchor ? j->anchor : NULL, j->anchor_seq);
    ob_action_end(&f, OB_FOR_HISTORY, 0, j->id, g->conf.timeout_ms);
    j->asked = true;
    j->wanted = g->impl == OB_IMPL_GOCQ ? OB_PAGE : count;
    j->pages++;
    return true;
}

/* Oldest first. In one second: by sequence where that is one, else as the pages have them, older pages first. */
static int ob_found_compare(const void *a, const void *b)
{
    const struct ob_found *x = a, *y = b;
    if (x->event->time_ms != y->event->time_ms)
        return x->event->time_ms < y->event->time_ms ? -1 : 1;
    if (x->seq && y->seq && x->seq != y->seq)
        return x->seq < y->seq ? -1 : 1;
    return x->page != y->page ? y->page - x->page : x->at - y->at;
}

/* A chat is read: everything goes to the engine, oldest first. why: what was left out, NULL if nothing. */
static void ob_job_finish(struct ob *g, struct ob_job *j, const char *why)
{
    struct ob_job **at = &g->jobs;
    while (*at != j)
        at = &(*at)->next;
    *at = j->next;
    if (j->n)
        qsort(j->list, (size_t)j->n, sizeof *j->list, ob_found_compare);
    struct gateway_gap gap = {.chat = j->chat,
                              .since_ms = j->since_ms,
                              .complete = !why,
                              .why = why ? why : "",
                              .again = why == ob_no_answer};
    int n = j->n;
    gap.back_ms = n && g->history_own ? j->list[0].event->time_ms : 0;
    j->n = 0;
    for (int i = 0; i < n; i++) {
        struct event *e = j->list[i].event;
        if (e->time_ms < j->since_ms) {
            event_free(e);
        } else if (j->list[i].own) {
            g->sink.on_own_message(g->sink.ud, &g->base, e);
            event_free(e);
        } else {
            gap.messages++;
            ob_deliver(g, e);
        }
    }
    if (n)
        log_debug("history read", "gateway", g->base.name, "chat", j->chat, "messages", log_int(n),
                  "incomplete", why, NULL);
    g->sink.on_caught_up(g->sink.ud, &g->base, &gap);
    ob_job_free(j);
}

static bool ob_job_has(const struct ob_job *j, const struct event *e)
{
    for (int i = 0; i < j->n; i++)
        if (strcmp(j->list[i].event->key, e->key) == 0)
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
    if ((v != OB_EVENT && v != OB_OWN) || ob_job_has(j, e)) {
        event_free(e);
        return false;
    }
    int64_t seq = 0;
    if (!json_int(json_get(o, "message_seq"), &seq))
        seq = 0;
    /* of several in one second the first of the page is the oldest: pages are in order, as a rule */
    if (e->time_ms < *oldest || (e->time_ms == *oldest && !j->anchored)) {
        j->anchored = true;
        *oldest = e->time_ms;
        snprintf(j->anchor, sizeof j->anchor, "%s", e->message_id);
        j->anchor_seq = seq;
    }
    bool ordered = g->impl == OB_IMPL_LLBOT || g->impl == OB_IMPL_GOCQ;
    j->list = mem_realloc(j->list, (size_t)(j->n + 1) * sizeof *j->list);
    j->list[j->n] = (struct ob_found){
        .event = e, .own = v == OB_OWN, .page = j->pages, .at = j->n, .seq = ordered ? seq : 0};
    j->n++;
    g->history_own = g->history_own || v == OB_OWN;
    return true;
}

/* A page that has its newest first: the order within one second is the other way round. */
static void ob_job_turn_page(struct ob_job *j, int from)
{
    if (j->n - from < 2 || j->list[from].event->time_ms <= j->list[j->n - 1].event->time_ms)
        return;
    for (int i = from; i < j->n; i++)
        j->list[i].at = -j->list[i].at;
}

static struct ob_job *ob_job_of(const struct ob *g, uint64_t id)
{
    struct ob_job *j = g->jobs;
    while (j && (j->id != id || !j->asked))
        j = j->next;
    return j;
}

/* Why a job whose page added `taken` messages ends here, "" = it goes on, NULL = it is complete. */
static const char *ob_job_verdict(const struct ob *g, const struct ob_job *j,
                                  const struct ob_answer *a, int taken, int64_t oldest)
{
    bool none = a->result != OB_OK && ob_answer_class(a, g->impl) != OB_CLASS_LIMITED;
    if (a->result != OB_OK) /* some say so where there are no older ones */
        return none && j->thin ? NULL : "the platform gave no history";
    if (!json_is(json_get(a->data, "messages"), JSON_ARRAY))
        return "the implementation has no history";
    if (oldest <= j->since_ms || (!taken && j->left > 0))
        return NULL;
    if (j->left <= 0)
        return "more was said than catchup allows to read";
    bool by_seq = g->impl == OB_IMPL_LLBOT || g->impl == OB_IMPL_GOCQ;
    if (!*j->anchor || (by_seq && j->anchor_seq <= 0) || j->pages >= OB_PAGES_MAX)
        return "the history has no older pages";
    return "";
}

static void ob_history_slow(struct ob *g)
{
    g->overtaxed = true;
    g->slots = 1;
}

void ob_history_answer(struct ob *g, uint64_t id, const struct ob_answer *a)
{
    struct ob_job *j = ob_job_of(g, id);
    if (!j)
        return;
    j->asked = false;
    ob_wake(g, ob_now(g));
    int64_t oldest = INT64_MAX;
    for (int i = 0; i < j->n; i++)
        if (j->list[i].event->time_ms < oldest)
            oldest = j->list[i].event->time_ms;
    int taken = 0, from = j->n;
    j->anchored = false;
    if (a->result == OB_OK)
        for (const struct json *v = json_first(json_get(a->data, "messages")); v && j->left > 0;
             v = json_next(v))
            if (ob_job_take(g, j, v, &oldest)) {
                taken++;
                j->left--;
            }
    ob_job_turn_page(j, from);
    const char *why = ob_job_verdict(g, j, a, taken, oldest);
    const struct json *page = json_get(a->data, "messages");
    j->thin = json_is(page, JSON_ARRAY) && (int)page->len < j->wanted;
    if (why && a->result != OB_OK && ob_answer_class(a, g->impl) == OB_CLASS_LIMITED)
        ob_history_slow(g);
    else if (a->result == OB_OK && !g->overtaxed)
        g->slots = OB_SLOTS;
    if (!why || *why)
        ob_job_finish(g, j, why);
}

void ob_history_failed(struct ob *g, uint64_t id, const char *reason)
{
    struct ob_job *j = ob_job_of(g, id);
    (void)reason;
    if (!j)
        return;
    j->asked = false;
    ob_history_slow(g);
    ob_job_finish(g, j, ob_no_answer);
}

/* ---- when ---- */

void ob_history_ready(struct ob *g)
{
    int64_t now = ob_now(g);
    g->group_reads = 0;
    g->slots = 1; /* until it is known that there is a history */
    g->overtaxed = false;
    for (int i = 0; i < OB_SLOTS; i++)
        g->slot_next[i] = now; /* people wait for it: before anything else */
    g->next_groups = now;
    g->next_requests = now + g->conf.catchup_ms;
    ob_wake(g, now);
    /* what was begun on a connection that is lost lacks what was said since */
    for (struct ob_job *j = g->jobs, *next; j; j = next) {
        next = j->next;
        if (j->pages)
            ob_job_finish(g, j, ob_no_answer);
    }
}

int ob_history_many(const struct gateway *base)
{
    return ((const struct ob *)base)->slots;
}

static struct ob_job *ob_slot_job(struct ob *g, int slot)
{
    struct ob_job *free_one = NULL;
    for (struct ob_job *j = g->jobs; j; j = j->next) {
        if (j->slot == slot)
            return j;
        if (!free_one && j->slot < 0)
            free_one = j;
    }
    return free_one;
}

static void ob_slots_due(struct ob *g, int64_t now)
{
    for (int i = 0; i < OB_SLOTS; i++) {
        struct ob_job *j = ob_slot_job(g, i);
        if (!j || j->asked || (i >= g->slots && j->slot < 0))
            continue;
        if (now < g->slot_next[i]) {
            ob_wake(g, g->slot_next[i]);
            continue;
        }
        j->slot = i;
        if (ob_job_ask(g, j)) {
            g->slot_next[i] = now + g->conf.catchup_ms;
            ob_wake(g, g->slot_next[i]);
        } else {
            ob_job_finish(g, j, "the implementation has no history");
            i--; /* the next one, if there is any */
        }
    }
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
    ob_slots_due(g, now);
}

void ob_history_free(struct ob *g)
{
    while (g->jobs) {
        struct ob_job *next = g->jobs->next;
        ob_job_free(g->jobs);
        g->jobs = next;
    }
    ob_lists_free(g);
}
