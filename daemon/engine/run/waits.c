/* waits.c -- which runs of a chat wait for events: an index in memory of the hash waits:<chat>, read when the chat gets its first
 * event and dropped with the chat. It is looked at before the router's handlers: an answer to a question is no news for others.
 * A plain question to one member, the usual case, takes 32 bytes; everything else has its particulars apart. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "engine/internal.h"
#include "engine/route/routes.h"

enum {
    WAITS_MATCH_LIMIT = 100000,
    WAITS_TEXT_MAX = 4096,
    WAITS_RETRY_MS = 200,
    WAITS_OLD_MS = 60000,
    WAITS_SECOND_MS = 1000
};

struct wait_more {
    enum run_awaits kind; /* neither answer nor events: listed for `leave` only */
    uint64_t *from;       /* hashes of users; NULL = anyone */
    int nfrom;
    bool keep;       /* ask: others see the message, too */
    uint32_t events; /* gather: bits by type */
    char **commands; /* folded */
    int ncommands;
    pcre2_code *match; /* NULL = everything */
    char *leave;       /* user whose leaving ends the run, or NULL */
};

struct wait {
    uint64_t run;
    uint64_t user;    /* plain ask of this member */
    const char *flow; /* interned */
    int64_t since_ms; /* the newest comes first */
    bool asked; /* since_ms is the platform's time of the message that it waits after, not ours */
    struct wait_more *more;
};

void waits_key(const struct gw *gw, struct buf *out, const char *chat)
{
    gw_key(gw, out, "waits");
    buf_addc(out, ':');
    buf_add_key(out, chat);
}

/* Names of flows live as long as the process: there are a few dozen. */
static const char *waits_intern(const char *flow)
{
    static char **names;
    static int n;
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], flow) == 0)
            return names[i];
    names = mem_realloc(names, (size_t)(n + 1) * sizeof *names);
    names[n] = mem_strdup(flow);
    return names[n++];
}

/* ---- specs ---- */

static const char *wait_text(const cJSON *o, const char *field)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, field));
    return s ? s : "";
}

static enum run_awaits wait_kind_of(const cJSON *spec)
{
    return run_awaits_of(wait_text(spec, "kind"));
}

/* Takes a member with a number out of a spec, if it is there. Inside a string its quotes would have backslashes. */
static void waits_cut_number(struct buf *spec, const char *name)
{
    char *at = memmem(spec->data, spec->len, name, strlen(name));
    if (!at)
        return;
    char *end = spec->data + spec->len, *p = at + strlen(name);
    while (p < end && *p != ',' && *p != '}')
        p++;
    if (p < end && *p == ',')
        p++;
    else if (at > spec->data && at[-1] == ',')
        at--;
    memmove(at, p, (size_t)(end - p));
    spec->len -= (size_t)(p - at);
}

/* A question to the outside is long, and no event is compared with it: only whose leaving ends it. */
static void waits_json_outside(const struct run *run, struct buf *out)
{
    cJSON *spec = cJSON_Parse(run->wait);
    const char *leave = wait_text(spec, "leave");
    buf_adds(out, "{\"kind\":\"http\",\"leave\":");
    buf_add_json(out, leave, strlen(leave));
    buf_addc(out, '}');
    cJSON_Delete(spec);
}

void waits_json(const struct run *run, struct buf *out)
{
    const struct pin *p = pin_find(run->gw, run->pin);
    const char *flow = p ? p->flow : "";
    if (run->awaits == AWAITS_HTTP)
        waits_json_outside(run, out);
    else
        buf_adds(out, run->wait);
    waits_cut_number(out, "\"due\":");
    waits_cut_number(out, "\"max\":");
    out->len--; /* the brace; before it at least the kind */
    buf_adds(out, ",\"flow\":");
    buf_add_json(out, flow, strlen(flow));
    buf_adds(out, run->asked_ms ? ",\"asked\":" : ",\"since\":");
    buf_addi(out, run->asked_ms ? run->asked_ms : clock_wall(run->gw->e->clock));
    buf_addc(out, '}');
}

static void wait_read_from(struct wait_more *m, const cJSON *from)
{
    int n = cJSON_IsArray(from) ? cJSON_GetArraySize(from) : 0;
    const cJSON *user;
    if (!n)
        return;
    m->from = mem_alloc((size_t)n * sizeof *m->from);
    cJSON_ArrayForEach (user, from)
        if (cJSON_IsString(user))
            m->from[m->nfrom++] = hash_string(user->valuestring);
}

static void wait_read_commands(struct wait_more *m, const cJSON *list)
{
    int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    const cJSON *word;
    if (!n)
        return;
    m->commands = mem_zero((size_t)n * sizeof *m->commands);
    cJSON_ArrayForEach (word, list) {
        struct buf folded = {0};
        if (!cJSON_IsString(word))
            continue;
        routes_fold_word(&folded, word->valuestring);
        m->commands[m->ncommands++] = buf_take(&folded);
    }
}

static void wait_read_match(struct wait_more *m, const char *pattern)
{
    int error;
    PCRE2_SIZE at;
    if (!*pattern)
        return;
    m->match = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                             PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF, &error, &at, NULL);
    if (!m->match)
        log_error("pattern of a wait is not usable: every text matches", "pattern", pattern, NULL);
}

static struct wait_more *wait_more_read(const cJSON *spec, enum run_awaits kind)
{
    struct wait_more *m = MEM_NEW(struct wait_more);
    const cJSON *event;
    m->kind = kind;
    m->keep = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(spec, "keep"));
    wait_read_from(m, cJSON_GetObjectItemCaseSensitive(spec, "from"));
    wait_read_commands(m, cJSON_GetObjectItemCaseSensitive(spec, "commands"));
    wait_read_match(m, wait_text(spec, "match"));
    cJSON_ArrayForEach (event, cJSON_GetObjectItemCaseSensitive(spec, "events")) {
        int type = cJSON_IsString(event) ? event_type_parse(event->valuestring) : -1;
        if (type >= 0)
            m->events |= 1u << type;
    }
    const char *leave = wait_text(spec, "leave");
    m->leave = *leave ? mem_strdup(leave) : NULL;
    return m;
}

static void wait_more_free(struct wait_more *m)
{
    if (!m)
        return;
    for (int i = 0; i < m->ncommands; i++)
        free(m->commands[i]);
    free(m->commands);
    free(m->from);
    free(m->leave);
    if (m->match)
        pcre2_code_free(m->match);
    free(m);
}

static bool wait_is_plain(const cJSON *spec)
{
    const cJSON *from = cJSON_GetObjectItemCaseSensitive(spec, "from");
    return wait_kind_of(spec) == AWAITS_ANSWER && cJSON_IsArray(from) &&
           cJSON_GetArraySize(from) == 1 && !cJSON_GetObjectItemCaseSensitive(spec, "match") &&
           !cJSON_GetObjectItemCaseSensitive(spec, "commands") &&
           !cJSON_GetObjectItemCaseSensitive(spec, "keep") &&
           !cJSON_GetObjectItemCaseSensitive(spec, "leave");
}

/* ---- the index ---- */

void waits_remove(struct chat *c, const char *id)
{
    uint64_t run = strtoull(id, NULL, 16);
    for (unsigned i = 0; i < c->nwaits; i++) {
        if (c->waits[i].run != run)
            continue;
        wait_more_free(c->waits[i].more);
        memmove(&c->waits[i], &c->waits[i + 1], (c->nwaits - i - 1) * sizeof *c->waits);
        c->nwaits--;
        return;
    }
}

static void waits_add(struct chat *c, const char *id, const cJSON *spec, const char *flow,
                      int64_t since_ms, bool asked)
{
    if (c->nwaits == c->waits_cap) {
        c->waits_cap = c->waits_cap ? c->waits_cap * 2 : 4;
        c->waits = mem_realloc(c->waits, c->waits_cap * sizeof *c->waits);
    }
    struct wait *w = &c->waits[c->nwaits++];
    *w = (struct wait){.run = strtoull(id, NULL, 16),
                       .flow = waits_intern(flow),
                       .since_ms = since_ms,
                       .asked = asked};
    if (wait_is_plain(spec)) {
        const cJSON *from = cJSON_GetObjectItemCaseSensitive(spec, "from");
        const char *user = cJSON_GetStringValue(cJSON_GetArrayItem(from, 0));
        w->user = hash_string(user ? user : "");
    } else {
        w->more = wait_more_read(spec, wait_kind_of(spec));
    }
}

static bool waits_has(const struct chat *c, const char *id)
{
    uint64_t run = strtoull(id, NULL, 16);
    for (unsigned i = 0; i < c->nwaits; i++)
        if (c->waits[i].run == run)
            return true;
    return false;
}

void waits_put(struct chat *c, const struct run *run)
{
    if (c->waits_state != WAITS_LOADED)
        return;
    if (run->ngathered &&
        waits_has(c, run->id)) /* it goes on gathering; its pin may not have been read yet */
        return;
    const struct pin *p = pin_find(run->gw, run->pin);
    cJSON *spec = cJSON_Parse(run->wait);
    waits_remove(c, run->id);
    waits_add(c, run->id, spec, p ? p->flow : "",
              run->asked_ms ? run->asked_ms : clock_wall(run->gw->e->clock), run->asked_ms != 0);
    cJSON_Delete(spec);
}

void waits_forget(struct chat *c)
{
    for (unsigned i = 0; i < c->nwaits; i++)
        wait_more_free(c->waits[i].more);
    free(c->waits);
    c->waits = NULL;
    c->nwaits = c->waits_cap = 0;
    if (c->waits_state == WAITS_LOADED)
        c->waits_state = WAITS_UNKNOWN;
}

static int waits_older(const void *a, const void *b)
{
    const struct wait *x = a, *y = b;
    if (x->since_ms != y->since_ms)
        return x->since_ms < y->since_ms ? -1 : 1;
    return x->run < y->run ? -1 : x->run > y->run;
}

static void waits_loaded(void *ud, const struct redisReply *r)
{
    struct chat *c = ud;
    struct engine *e = c->gw->e;
    c->waits_state = WAITS_UNKNOWN;
    if (!r || r->type != REDIS_REPLY_ARRAY) {
        if (r)
            log_error("the waits of a chat cannot be read", "gateway", c->gw->name, "chat", c->key,
                      "answer", r->str ? r->str : "?", NULL);
        e->pause_until_ms = clock_mono(e->clock) + WAITS_RETRY_MS;
        chat_wake(c);
        return;
    }
    c->waits_state = WAITS_LOADED;
    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        const struct redisReply *v = r->element[i + 1];
        cJSON *spec = cJSON_ParseWithLength(v->str, v->len);
        const cJSON *asked = cJSON_GetObjectItemCaseSensitive(spec, "asked");
        const cJSON *since = asked ? asked : cJSON_GetObjectItemCaseSensitive(spec, "since");
        if (spec)
            waits_add(c, r->element[i]->str, spec, wait_text(spec, "flow"),
                      cJSON_IsNumber(since) ? (int64_t)since->valuedouble : 0, asked != NULL);
        cJSON_Delete(spec);
    }
    if (c->nwaits > 1)
        qsort(c->waits, c->nwaits, sizeof *c->waits, waits_older);
    chat_wake(c);
}

bool waits_ready(struct chat *c)
{
    if (c->waits_state == WAITS_LOADED || !c->first || c->first->kind != INPUT_EVENT)
        return true;
    if (c->waits_state == WAITS_LOADING)
        return false;
    struct buf key = {0};
    waits_key(c->gw, &key, c->key);
    if (redis_command(c->gw->e->redis, waits_loaded, c, 2,
                      (const char *[]){"HGETALL", buf_cstr(&key)}, NULL))
        c->waits_state = WAITS_LOADING;
    buf_free(&key);
    return false;
}

/* ---- matching ---- */

/* What is asked about one event, worked out once. */
struct waits_asked {
    struct chat *c;
    const struct event *ev;
    uint64_t user;
    bool speaks;     /* a message or a pressed button */
    bool live, old;  /* just said; or so long ago that it may be from before the question */
    bool is_command; /* of a flow that is on here, for this member */
    bool declines;   /* the commands that it is may decline it: then it may still be an answer */
    bool declined;   /* what if they have? */
    bool
        refused; /* one for staff, and this member is none: c:gather leaves it alone, as a flow that chats does */
    struct waits_text *text;
};

/* What it says as a command, folded: made when the first wait asks for it, for few do. */
struct waits_text {
    bool made;
    struct buf folded;
    size_t skip; /* of folded: the optional sign before a command */
};

/* Commands stand before the listeners (routes_match_event), which only a pressed button may be for. */
static void waits_look_for_command(struct waits_asked *a, const struct route *handlers)
{
    for (const struct route *r = handlers; r && !a->is_command; r = r->next) {
        if (r->handler->kind == HANDLER_ON && a->ev->type != EVENT_BUTTON)
            return;
        if (a->ev->type == EVENT_BUTTON && r->handler->kind == HANDLER_ON && r->handler->nwords)
            a->is_command = routes_flow_on(a->c, r->binding, NULL); /* this very button is for it */
        if (r->handler->kind != HANDLER_COMMAND || !routes_flow_on(a->c, r->binding, NULL))
            continue;
        if (routes_may(a->c, r->binding, r->handler, a->ev->user, a->ev->role))
            a->is_command = a->declines = true;
        else
            a->refused = true;
    }
}

static bool wait_from_ok(const struct wait_more *m, uint64_t user)
{
    for (int i = 0; i < m->nfrom; i++)
        if (m->from[i] == user)
            return true;
    return !m->from;
}

static bool wait_match_ok(const struct wait_more *m, const char *text)
{
    if (!m->match)
        return true;
    size_t len = strlen(text);
    pcre2_match_context *ctx = pcre2_match_context_create(NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    pcre2_set_match_limit(ctx, WAITS_MATCH_LIMIT);
    int n = pcre2_match(m->match, (PCRE2_SPTR)text, len < WAITS_TEXT_MAX ? len : WAITS_TEXT_MAX, 0,
                        0, data, ctx);
    pcre2_match_data_free(data);
    pcre2_match_context_free(ctx);
    return n >= 0;
}

/* Which of its commands the message says: its index, -1 none. */
static int wait_command(const struct wait_more *m, const struct waits_asked *a)
{
    struct waits_text *t = a->text;
    if (!t->made && strlen(a->ev->text) <= WAITS_TEXT_MAX) {
        routes_command_text(a->ev, &t->folded, true);
        buf_cstr(&t->folded);
        t->skip = routes_strip(t->folded.data, t->folded.len);
    }
    t->made = true;
    const char *text = t->folded.len ? t->folded.data : "";
    for (int i = 0; i < m->ncommands; i++)
        if (routes_says_word(m->commands[i], strlen(m->commands[i]), text + t->skip,
                             t->folded.len - t->skip, REST_SET_OFF))
            return i;
    return -1;
}

static bool wait_answered(const struct wait *w, const struct waits_asked *a, int *command)
{
    const struct wait_more *m = w->more;
    *command = -1;
    if (!a->speaks)
        return false;
    if (!m)
        return w->user == a->user && !a->is_command;
    if (m->kind != AWAITS_ANSWER || !wait_from_ok(m, a->user))
        return false;
    if (m->ncommands && (*command = wait_command(m, a)) >= 0)
        return true;
    if (m->match)
        return wait_match_ok(m, a->ev->text);
    return !m->ncommands && !a->is_command;
}

static bool wait_gathers(const struct wait *w, const struct waits_asked *a)
{
    const struct wait_more *m = w->more;
    return m && m->kind == AWAITS_EVENTS && (m->events >> a->ev->type & 1) &&
           wait_from_ok(m, a->user) && !(a->speaks && (a->is_command || a->refused)) &&
           (!m->match || wait_match_ok(m, a->ev->text));
}

/* An event from before the question is no answer to it: a history shows again what nobody listened to then (and so nothing
 * remembers), and so do platforms that repeat. Where a message led to the question, the platform's own clock tells; else live
 * events are believed, for clocks differ, unless they are very old. */
static bool wait_may_hear(const struct wait *w, const struct waits_asked *a)
{
    return (w->asked ? a->live : !a->old) || a->ev->time_ms + WAITS_SECOND_MS > w->since_ms;
}

/* What its flow is here, if it is on; else NULL. */
static struct binding *wait_on(struct chat *c, const struct wait *w)
{
    struct binding *b = routes_binding(c, w->flow);
    return b && routes_flow_on(c, b, NULL) ? b : NULL;
}

/* The word comes along behind it: the wait may go while the turn fetches the run (another chat cancels it). */
static struct route *waits_route(const struct wait *w, enum route_kind kind, const char *word)
{
    size_t len = word ? strlen(word) : 0;
    struct route *r = word ? mem_zero(sizeof *r + len + 1) : routes_new();
    r->kind = kind;
    buf_hex64(r->run, w->run);
    if (word) {
        r->word = memcpy(r + 1, word, len + 1);
        r->word_len = len;
    }
    return r;
}

/* A gathered event is no news for its own flow's handlers. */
static void waits_skip_flow(struct route **list, const struct binding *b)
{
    while (*list) {
        struct route *r = *list;
        if (r->binding != b || r->handler->kind != HANDLER_ON || r->kind != ROUTE_START) {
            list = &r->next;
            continue;
        }
        *list = r->next;
        routes_free(r);
    }
}

static bool waits_listed(const struct route *list, const struct wait *w)
{
    char id[17];
    buf_hex64(id, w->run);
    for (; list; list = list->next)
        if (list->kind != ROUTE_START && strcmp(list->run, id) == 0)
            return true;
    return false;
}

/* Newest first; stops at the question that takes the message. Those in `but` have it already. */
static struct route *waits_collect(const struct waits_asked *a, struct route **handlers,
                                   const struct route *but)
{
    struct route *list = NULL, **tail = &list;
    bool leaves = a->ev->type == EVENT_LEAVE;
    for (unsigned i = a->c->nwaits; i-- > 0;) {
        const struct wait *w = &a->c->waits[i];
        struct route *r = NULL;
        struct binding *on;
        int command;
        if (!wait_may_hear(w, a) || (but && waits_listed(but, w)))
            continue;
        if (leaves && w->more && w->more->leave && strcmp(w->more->leave, a->ev->user) == 0) {
            r = waits_route(w, ROUTE_END, NULL);
        } else if (wait_answered(w, a, &command) && wait_on(a->c, w)) {
            r = waits_route(w, ROUTE_WAKE,
                            w->more && command >= 0 ? w->more->commands[command] : NULL);
            r->last = !(w->more && w->more->keep);
        } else if (!a->declined && wait_gathers(w, a) && (on = wait_on(a->c, w))) {
            r = waits_route(w, ROUTE_GATHER, NULL);
            waits_skip_flow(handlers, on);
        }
        if (!r)
            continue;
        *tail = r;
        tail = &r->next;
        if (r->last)
            break;
    }
    return list;
}

/* What the message answers if all its commands decline it: behind them, before those who watch messages. */
static void waits_append_declined(struct waits_asked *a, struct route *taken,
                                  struct route *handlers)
{
    struct route **at = &handlers, *r;
    while (*at && (*at)->handler->kind == HANDLER_COMMAND)
        at = &(*at)->next;
    if (at == &handlers)
        return;
    struct route *rest = *at;
    *at = NULL;
    a->is_command = false;
    a->declined = true;
    r = waits_collect(a, &rest, taken);
    *at = r;
    for (; *at; at = &(*at)->next)
        (*at)->declined = true;
    *at = rest;
}

struct route *waits_match(struct chat *c, const struct event *ev, struct route *handlers)
{
    if (!c->nwaits || ev->from_bot)
        return handlers;
    struct waits_text text = {0};
    struct waits_asked a = {.c = c, .ev = ev, .user = hash_string(ev->user), .text = &text};
    a.speaks = ev->type == EVENT_MESSAGE || ev->type == EVENT_BUTTON;
    a.live = ev->time_ms == ev->arrived_ms;
    a.old = ev->history || ev->arrived_ms - ev->time_ms > WAITS_OLD_MS;
    if (a.speaks)
        waits_look_for_command(&a, handlers);
    struct route *list = waits_collect(&a, &handlers, NULL), **tail = &list;
    bool taken = false;
    for (; *tail; tail = &(*tail)->next)
        taken = taken || (*tail)->last;
    if (taken) {
        routes_free_list(handlers);
        handlers = NULL;
    } else if (a.declines) {
        waits_append_declined(&a, list, handlers);
    }
    buf_free(&text.folded);
    *tail = handlers;
    return list;
}
