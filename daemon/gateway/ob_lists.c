/* ob_lists.c -- what is read after (re)connecting beside the history: the list of groups, and requests that wait for an answer.
 * Callers: ob_response.c with the answers; ob_history.c says when to ask. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "gateway/ob.h"

enum { OB_ROSTER_MAX = 20000 };

struct ob_roster {
    char **ids; /* sorted */
    size_t n;
};

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
        int64_t members = 0; /* the account is one of them */
        if (json_int(json_get(v, "member_count"), &members) && members > 0)
            g->sink.on_size(g->sink.ud, &g->base, chat, members - 1);
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
    e->text = ob_request_text(e, json_get(o, "message"));
    event_key(e, "request.%s.%s", e->sub, e->flag);
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

void ob_lists_free(struct ob *g)
{
    ob_roster_free(g->roster);
    g->roster = NULL;
}
