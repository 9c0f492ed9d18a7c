/* calls.c -- see calls.h. */
#include "engine/run/calls.h"

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/run/llm_stream.h"
#include "web/http_client.h"

enum {
    CALL_BODY_MAX = 64 << 10, /* what a run keeps of an answer */
    CALL_KEPT_MAX = 100 << 10,
    CALL_TIMEOUT_MS = 10000,
    CALL_STREAM_MAX = 8 << 20, /* a token of an answer in pieces takes some 300 bytes */
    CALL_HEADERS = 32,
};

struct call {
    char run[17];
    char *chat;
    struct gw *gw; /* NULL: given up while Redis was asked about the budget */
    uint64_t serial;
    enum call_state state;
    uint64_t request; /* of the client, 0 = none */
    bool reserving, llm;
    int64_t day, tokens; /* of the budget: set aside */
    char *flow;
    struct llm_show *show; /* NULL: its answer is not shown while it is made */
    cJSON *spec;
    UT_hash_handle hh;
};

static struct call *call_find(const struct gw *gw, const char *run)
{
    struct call *c;
    HASH_FIND_STR(gw->calls, run, c);
    return c;
}

enum call_state call_state(const struct gw *gw, const char *run)
{
    const struct call *c = call_find(gw, run);
    return c ? c->state : CALL_NONE;
}

uint64_t call_serial(const struct run *run)
{
    return (uint64_t)(unsigned)run->gen << 32 | run->wakes;
}

static void call_free(struct call *c)
{
    cJSON_Delete(c->spec);
    llm_show_free(c->show);
    free(c->flow);
    free(c->chat);
    free(c);
}

static void call_remove(struct call *c)
{
    struct gw *gw = c->gw;
    HASH_DEL(gw->calls, c);
    if (c->request)
        http_client_cancel(gw->e->opts.http, c->request);
    c->gw = NULL;
    if (!c->reserving)
        call_free(c); /* else call_reserved does */
}

void call_end(struct gw *gw, const char *run)
{
    struct call *c = gw->calls ? call_find(gw, run) : NULL;
    if (c)
        call_remove(c);
}

void call_taken(struct gw *gw, const char *run, uint64_t serial)
{
    struct call *c = call_find(gw, run);
    if (c && c->serial == serial && c->state == CALL_ANSWERED)
        call_remove(c);
}

void calls_drop(struct gw *gw)
{
    struct call *c, *tmp;
    HASH_ITER (hh, gw->calls, c, tmp)
        call_remove(c);
}

/* ---- answers ---- */

/* The run gets a turn; `with` is what its waiting call returns. */
static void call_answer(struct call *c, struct buf *with)
{
    struct gw *gw = c->gw;
    struct input *in = MEM_NEW(struct input);
    in->kind = INPUT_RUN;
    in->why = RUN_ANSWER;
    in->name = mem_strdup(c->run);
    in->serial = c->serial;
    in->args = buf_take(with);
    in->due_ms = clock_wall(gw->e->clock);
    c->state = CALL_ANSWERED;
    c->request = 0;
    chat_push_front(chat_get(gw, c->chat, true), in);
    engine_spin(gw->e);
}

static void call_answer_error(struct call *c, const char *error)
{
    struct buf with = {0};
    buf_adds(&with, "{\"error\":");
    buf_add_json(&with, error, strlen(error));
    buf_addc(&with, '}');
    call_answer(c, &with);
}

static void call_write_answer(const struct http_answer *a, struct buf *with)
{
    const char *error = a->error;
    if (!error && a->body_len > CALL_BODY_MAX)
        error = "too large";
    if (error) {
        buf_adds(with, "{\"error\":");
        buf_add_json(with, error, strlen(error));
    } else {
        buf_addf(with, "{\"status\":%d,\"headers\":", a->status);
        buf_adds(with, a->headers && *a->headers ? a->headers : "{}");
        buf_adds(with, ",\"body\":");
        buf_add_json(with, a->body ? a->body : "", a->body_len);
    }
    if (with->len > CALL_KEPT_MAX) { /* no text: it grows in the journal */
        buf_reset(with);
        buf_adds(with, "{\"error\":\"too large\"");
    }
    buf_addc(with, '}');
}

static void call_on_answer(void *ud, const struct http_answer *a)
{
    struct call *c = ud;
    struct engine *e = c->gw->e;
    struct buf with = {0};
    c->request = 0;
    if (c->llm) {
        int64_t used = c->show ? llm_show_read(c->show, a, &with) : llm_read(e->opts.llm, a, &with);
        bool unasked = !a->status && !a->written;
        if (used >= 0 || unasked)
            llm_settle(e, c->flow, c->day, (unasked ? 0 : used) - c->tokens);
    } else {
        call_write_answer(a, &with);
    }
    call_answer(c, &with);
}

/* ---- questions ---- */

static const char *call_text(const cJSON *o, const char *name)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
    return s ? s : "";
}

static int64_t call_number(const cJSON *o, const char *name, int64_t preset)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsNumber(n) ? (int64_t)n->valuedouble : preset;
}

/* Its own limit, cut at what is left of the wait. */
static int64_t call_timeout(const struct call *c, int64_t now_ms)
{
    int64_t timeout = call_number(c->spec, "timeout", CALL_TIMEOUT_MS);
    int64_t left = call_number(c->spec, "due", 0) - CALL_NET_MS - now_ms;
    return left > 0 && left < timeout ? left : timeout;
}

static void call_ask(struct call *c, const struct http_request *r)
{
    const char *why = NULL;
    struct http_client *client = c->gw->e->opts.http;
    c->request = http_client_ask(client, r, call_on_answer, c, &why);
    if (!c->request)
        call_answer_error(c, why);
}

static void call_ask_http(struct call *c)
{
    const cJSON *q = cJSON_GetObjectItemCaseSensitive(c->spec, "request"), *h;
    const cJSON *body = cJSON_GetObjectItemCaseSensitive(q, "body");
    struct http_header headers[CALL_HEADERS];
    struct http_request r = {.method = call_text(q, "method"),
                             .url = call_text(q, "url"),
                             .headers = headers,
                             .redirects = (int)call_number(q, "redirects", 0),
                             .again =
                                 cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(c->spec, "again")),
                             .want_headers = true,
                             .timeout_ms = call_timeout(c, clock_wall(c->gw->e->clock))};
    cJSON_ArrayForEach (h, cJSON_GetObjectItemCaseSensitive(q, "headers"))
        if (cJSON_IsString(h) && r.nheaders < CALL_HEADERS)
            headers[r.nheaders++] = (struct http_header){h->string, h->valuestring};
    if (cJSON_IsString(body)) {
        r.body = body->valuestring;
        r.body_len = strlen(r.body);
    }
    call_ask(c, &r);
}

static bool call_on_data(void *ud, int status, const char *data, size_t len)
{
    return llm_show_data(((struct call *)ud)->show, status, data, len);
}

static void call_send_llm(struct call *c)
{
    struct llm_ask ask = {0};
    if (!llm_ask_make(c->gw->e->opts.llm, cJSON_GetObjectItemCaseSensitive(c->spec, "llm"), &ask)) {
        call_answer_error(c, "off");
    } else {
        struct http_request r = {.method = "POST",
                                 .url = buf_cstr(&ask.url),
                                 .headers = ask.headers,
                                 .nheaders = ask.bearer.len ? 2 : 1,
                                 .body = buf_cstr(&ask.body),
                                 .body_len = ask.body.len,
                                 .configured = true,
                                 .answer_max = c->show ? CALL_STREAM_MAX : 0,
                                 .on_data = c->show ? call_on_data : NULL,
                                 .timeout_ms = call_timeout(c, clock_wall(c->gw->e->clock))};
        call_ask(c, &r);
    }
    llm_ask_free(&ask);
}

static void call_reserved(void *ud, const struct redisReply *reply)
{
    struct call *c = ud;
    c->reserving = false;
    if (!c->gw)
        call_free(c);
    else if (!reply)
        call_answer_error(c, "busy"); /* Redis went away */
    else if (!llm_reserved(reply))
        call_answer_error(c, "budget");
    else
        call_send_llm(c);
}

/* The budget first: what is counted before it is asked cannot be overdrawn by a crash. */
static void call_ask_llm(struct call *c)
{
    struct llm_ask ask = {0};
    const struct engine *e = c->gw->e;
    bool on = e->opts.http &&
              llm_ask_make(e->opts.llm, cJSON_GetObjectItemCaseSensitive(c->spec, "llm"), &ask);
    c->tokens = ask.tokens;
    llm_ask_free(&ask);
    c->day = on ? llm_day(c->gw->e) : 0;
    c->reserving = on && llm_reserve(c->gw->e, c->flow, c->day, c->tokens, call_reserved, c);
    if (!c->reserving)
        call_answer_error(c, on ? "busy" : "off");
}

/* Of what its message answers; NULL: nothing was said here that it could answer. */
static const char *call_ref(const struct run *run)
{
    const struct event *e = run->gen ? NULL : run->cause.event;
    if (run->ref)
        return run->ref;
    return e && strcmp(*e->via ? e->via : e->chat, run->chat) == 0 ? e->ref : NULL;
}

/* The draft's name is the same if another process asks again: what it shows goes on where this one stopped. */
static struct llm_show *call_show(struct gw *gw, const struct run *run, const cJSON *llm)
{
    struct buf draft = {0};
    if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(llm, "show")))
        return NULL;
    buf_addf(&draft, "%s-%d-%u", run->id, run->gen, run->wakes);
    struct llm_show *s = llm_show_new(
        &(struct llm_show_opts){.gw = gw,
                                .chat = run->chat,
                                .ref = call_ref(run),
                                .draft = buf_cstr(&draft),
                                .words = cJSON_GetObjectItemCaseSensitive(llm, "words")});
    buf_free(&draft);
    return s;
}

void call_begin(struct gw *gw, const struct run *run)
{
    call_end(gw, run->id);
    struct call *c = MEM_NEW(struct call);
    snprintf(c->run, sizeof c->run, "%s", run->id);
    c->gw = gw;
    c->chat = mem_strdup(run->chat);
    c->serial = call_serial(run);
    c->state = CALL_ASKED;
    c->spec = cJSON_Parse(run->wait);
    HASH_ADD_STR(gw->calls, run, c);
    const struct pin *pin = pin_find(gw, run->pin);
    c->flow = mem_strdup(pin ? pin->flow : "");
    const cJSON *llm = cJSON_GetObjectItemCaseSensitive(c->spec, "llm");
    c->llm = llm != NULL;
    c->show = llm ? call_show(gw, run, llm) : NULL;
    if (c->llm)
        call_ask_llm(c);
    else if (gw->e->opts.http)
        call_ask_http(c);
    else
        call_answer_error(c, "not allowed: http_client is not configured");
}

int64_t call_span(const struct run *run)
{
    cJSON *spec = cJSON_Parse(run->wait);
    int64_t span = call_number(spec, "timeout", CALL_TIMEOUT_MS) + CALL_NET_MS;
    cJSON_Delete(spec);
    return span;
}

bool call_repeats(const struct run *run)
{
    cJSON *spec = cJSON_Parse(run->wait);
    bool again = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(spec, "again"));
    cJSON_Delete(spec);
    return again;
}

/* ---- after a restart ---- */

void call_unsure(struct gw *gw, const char *run, const char *chat)
{
    struct input *in = MEM_NEW(struct input);
    in->kind = INPUT_RUN;
    in->why = RUN_ASK;
    in->name = mem_strdup(run);
    in->serial = rng_next(&gw->e->rng);
    in->due_ms = clock_wall(gw->e->clock);
    chat_push_front(chat_get(gw, chat, true), in);
}

static void calls_loaded(void *ud, const struct redisReply *r)
{
    struct gw *gw = ud;
    if (!r || r->type != REDIS_REPLY_ARRAY || !gw->owner)
        return;
    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        const char *run = r->element[i]->str;
        if (strlen(run) == 16 && !call_find(gw, run))
            call_unsure(gw, run, r->element[i + 1]->str);
    }
    engine_spin(gw->e);
}

void calls_load(struct gw *gw)
{
    struct buf key = {0};
    gw_key(gw, &key, "http");
    redis_command(gw->e->redis, calls_loaded, gw, 2, (const char *[]){"HGETALL", buf_cstr(&key)},
                  NULL);
    buf_free(&key);
}
