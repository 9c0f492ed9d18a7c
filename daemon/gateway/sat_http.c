/* sat_http.c -- see sat_http.h: one call to the server and what its answer means. Owns the calls that have no answer yet. Of a login
 * that has turned out to lack a method the method is not asked again until the login changes. */
#include "gateway/sat_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "gateway/sat_out.h"
#include "web/http_client.h"

enum { SAT_TRIES = 3 };

struct sat_asked {
    struct sat_asked *next, **at;
    struct sat_out *owner; /* NULL: of the hub */
    struct sat *g;         /* NULL: of the hub */
    struct sat_hub *hub;
    uint64_t id, http; /* http 0: it waits for `due` */
    sat_http_fn *fn;
    void *ud;
    const char *method; /* a literal of sat_methods, or the caller's */
    char *body;         /* of what may be asked again; else NULL */
    int tries;
    int64_t due; /* monotonic */
};

/* Methods that a login may turn out to lack. message.create is not among them: an account that cannot speak is told so each time. */
static const char *const sat_methods[] = {
    "message.delete",    "message.list",      "user.channel.create", "guild.member.kick",
    "guild.member.mute", "guild.member.list", "guild.member.get",    "guild.member.approve",
    "guild.approve",     "friend.approve",    "channel.mute",        "reaction.create",
    "upload.create",     "login.get",         "guild.list",          "channel.list",
    "channel.get",
};
_Static_assert(sizeof sat_methods / sizeof sat_methods[0] <= 64, "one bit each");

static int sat_method_bit(const char *method)
{
    for (size_t i = 0; i < sizeof sat_methods / sizeof sat_methods[0]; i++)
        if (strcmp(sat_methods[i], method) == 0)
            return (int)i;
    return -1;
}

bool sat_http_has(const struct sat *g, const char *method)
{
    int bit = sat_method_bit(method);
    return bit < 0 || !g->out || !(g->out->lacking >> bit & 1);
}

void sat_http_learn(struct sat *g)
{
    g->out->lacking = 0;
}

/* ---- what an answer means ---- */

static bool sat_says(const char *text, const char *words)
{
    return strcasestr(text, words) != NULL;
}

/* 404: of the method, or of something that the call names? The server's own word is plain; a platform's comes as JSON or names it. */
static enum sat_result sat_not_found(const char *text)
{
    static const char *const things[] = {"message", "user", "member", "channel",
                                         "guild",   "chat", "emoji",  "role"};
    if (*text == '{')
        return SAT_REFUSED;
    if (sat_says(text, "login not found"))
        return SAT_NO_LOGIN;
    if (!sat_says(text, "not found") || sat_says(text, "method") || *text == '<')
        return SAT_NO_METHOD;
    for (size_t i = 0; i < sizeof things / sizeof things[0]; i++)
        if (sat_says(text, things[i]))
            return SAT_REFUSED;
    return SAT_NO_METHOD;
}

enum sat_result sat_http_result(int status, const char *text)
{
    if (status >= 200 && status < 300)
        return SAT_DONE;
    switch (status) {
    case 401: return SAT_NO_AUTH;
    case 403:
        if (sat_says(text, "token") || sat_says(text, "unauthorized"))
            return SAT_NO_AUTH;
        /* a bare 403 says neither; what a platform forbids comes with a reason */
        return !*text || sat_says(text, "login") || strcasecmp(text, "forbidden") == 0
                   ? SAT_NO_LOGIN
                   : SAT_REFUSED;
    case 404: return sat_not_found(text);
    case 501: return SAT_NO_METHOD;
    default: break;
    }
    if (status >= 500 && (sat_says(text, "not a function") || sat_says(text, "not implemented") ||
                          sat_says(text, "method not found") || sat_says(text, "not supported")))
        return SAT_NO_METHOD;
    return status >= 500 ? SAT_BROKEN : SAT_REFUSED;
}

int64_t sat_http_retry_ms(const char *text)
{
    static const char *const marks[] = {"retry_after", "retry after", "retry-after"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const char *p = strcasestr(text, marks[i]);
        if (!p)
            continue;
        p += strlen(marks[i]);
        p += strspn(p, "\": =");
        double s = 0, unit = 1;
        for (; *p >= '0' && *p <= '9' && s < 1e6; p++)
            s = s * 10 + (*p - '0');
        for (p += *p == '.'; *p >= '0' && *p <= '9' && unit > 1e-3; p++)
            s += (*p - '0') * (unit /= 10);
        return (int64_t)(s * 1000);
    }
    return 0;
}

/* The reason for scripts and logs: the body's text if it is one, with blanks for line breaks; else the status. */
static void sat_reason(char reason[SAT_REASON_MAX + 1], int status, const char *text)
{
    struct buf b = {0};
    bool page = *text == '<' || !*text;
    if (page)
        buf_addf(&b, "HTTP %d", status);
    else
        utf8_clean(&b, text, strlen(text));
    for (size_t i = 0; i < b.len; i++)
        if (b.data[i] == '\n' || b.data[i] == '\t')
            b.data[i] = ' ';
    size_t n = utf8_cut(b.data, b.len, SAT_REASON_MAX);
    memcpy(reason, b.data, n);
    reason[n] = '\0';
    buf_free(&b);
}

/* The body's beginning, repaired, into `text`. */
static void sat_error_text(struct buf *text, const struct http_answer *h)
{
    size_t len = h->body_len;
    const char *s = h->body;
    while (len && strchr(" \t\r\n", *s)) {
        s++;
        len--;
    }
    buf_reset(text);
    utf8_repair(text, s, utf8_cut(s, len, SAT_ERROR_MAX));
}

/* ---- the list of calls ---- */

static void sat_asked_drop(struct sat_asked *c)
{
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    if (c->owner)
        c->owner->nasked--;
    free(c->body);
    free(c);
}

static void sat_asked_end(struct sat_asked *c, const struct sat_http_answer *a)
{
    sat_http_fn *fn = c->fn;
    void *ud = c->ud;
    sat_asked_drop(c);
    fn(ud, a);
}

static bool sat_asked_again(struct sat_asked *c, const struct sat_http_answer *a)
{
    bool may = a->result == SAT_BROKEN || a->result == SAT_LOST || a->result == SAT_UNWRITTEN;
    if (!c->body || !may || ++c->tries >= SAT_TRIES || !c->g || c->g->stopping)
        return false;
    c->http = 0;
    c->due = sat_now(c->g) + (c->tries == 1 ? 1000 : 3000);
    sat_wake(c->hub, c->due);
    return true;
}

/* What a bad answer says about the login, beside what it says to the caller. */
static void sat_asked_note(struct sat_asked *c, enum sat_result result)
{
    struct sat *g = c->g;
    int bit = sat_method_bit(c->method);
    if (result == SAT_NO_LOGIN)
        sat_login_refresh(c->hub);
    if (!g)
        return;
    if (result == SAT_NO_METHOD && bit >= 0) {
        g->out->lacking |= 1ull << bit;
        log_debug("the server does not have a method", "gateway", g->base.name, "method", c->method,
                  NULL);
    }
    if (result == SAT_NO_AUTH && log_gate_open(&g->bad_gate, sat_now(g), 60000))
        log_error("the Satori server refuses the token of a call", "gateway", g->base.name, NULL);
}

/* Of a header that may say anything: a day at most. */
static int64_t sat_seconds(long s)
{
    return s < 0 ? 0 : s > 86400 ? 86400 : s;
}

static void sat_on_answer(void *ud, const struct http_answer *h)
{
    static struct buf text, json;
    struct sat_asked *c = ud;
    char reason[SAT_REASON_MAX + 1] = "";
    struct sat_http_answer a = {.status = h->status, .reason = reason, .text = ""};
    if (h->error) {
        a.status = 0;
        a.result = h->written ? SAT_LOST : SAT_UNWRITTEN;
        snprintf(reason, sizeof reason, "%s",
                 strcmp(h->error, "timeout") == 0 ? "no answer in time" : h->error);
    } else if (h->status >= 200 && h->status < 300) {
        a.result = SAT_DONE;
    } else {
        char after[32];
        sat_error_text(&text, h);
        a.text = buf_cstr(&text);
        a.result = sat_http_result(h->status, a.text);
        a.retry_ms = sat_http_retry_ms(a.text);
        if (!a.retry_ms && http_answer_header(h, "retry-after", after, sizeof after))
            a.retry_ms = sat_seconds(strtol(after, NULL, 10)) * 1000;
        sat_reason(reason, h->status, a.text);
    }
    a.ok = a.result == SAT_DONE;
    if (!a.ok && sat_asked_again(c, &a))
        return;
    if (!a.ok)
        sat_asked_note(c, a.result);
    if (a.ok && h->body_len) {
        buf_reset(&json);
        buf_add(&json, h->body, h->body_len);
        a.data = json_parse(sat_json_doc(), json.data, json.len);
    }
    sat_asked_end(c, &a);
}

/* ---- asking ---- */

struct sat_body {
    const char *type;
    const char *data;
    size_t len;
    int64_t timeout_ms;
};

static void sat_header(struct http_header *list, int *n, const char *name, const char *value)
{
    list[(*n)++] = (struct http_header){name, value};
}

static bool sat_ask_http(struct sat_asked *c, const struct sat_body *b)
{
    static struct buf url, bearer;
    struct http_header headers[6];
    int n = 0;
    const char *why = NULL;
    buf_reset(&url);
    buf_adds(&url, c->hub->base_url);
    buf_addc(&url, '/');
    buf_adds(&url, c->method);
    sat_header(headers, &n, "Content-Type", b->type);
    if (c->hub->conf.token) {
        buf_reset(&bearer);
        buf_adds(&bearer, "Bearer ");
        buf_adds(&bearer, c->hub->conf.token);
        sat_header(headers, &n, "Authorization", buf_cstr(&bearer));
    }
    if (c->g) { /* both pairs: old servers know the one, new ones the other */
        sat_header(headers, &n, "Satori-Platform", c->g->platform);
        sat_header(headers, &n, "Satori-User-ID", c->g->self_id);
        sat_header(headers, &n, "X-Platform", c->g->platform);
        sat_header(headers, &n, "X-Self-ID", c->g->self_id);
    }
    struct http_request r = {.method = "POST",
                             .url = buf_cstr(&url),
                             .headers = headers,
                             .nheaders = n,
                             .body = b->data,
                             .body_len = b->len,
                             .timeout_ms = b->timeout_ms,
                             .answer_max = SAT_ANSWER_MAX,
                             .configured = true};
    c->http = http_client_ask(c->hub->http, &r, sat_on_answer, c, &why);
    if (c->http && c->g)
        metric_inc(c->g->meter.out);
    return c->http != 0;
}

static struct sat_asked *sat_of_hubs;

static struct sat_asked *sat_asked_new(struct sat_out *o, struct sat_hub *hub, struct sat *g,
                                       const char *method, sat_http_fn *fn, void *ud)
{
    static uint64_t hub_ids;
    struct sat_asked **head = o ? &o->asked : &sat_of_hubs;
    struct sat_asked *c = MEM_NEW(struct sat_asked);
    int bit = sat_method_bit(method);
    *c = (struct sat_asked){.next = *head,
                            .at = head,
                            .owner = o,
                            .g = g,
                            .hub = hub,
                            .id = o ? ++o->last_id : ++hub_ids,
                            .fn = fn,
                            .ud = ud,
                            .method = bit >= 0 ? sat_methods[bit] : method};
    if (c->next)
        c->next->at = &c->next;
    *head = c;
    if (o)
        o->nasked++;
    return c;
}

static uint64_t sat_ask(struct sat *g, const char *method, const struct sat_body *b, bool again,
                        sat_http_fn *fn, void *ud)
{
    if (g->stopping || !g->hub->http || !*g->self_id || !*g->platform ||
        g->out->nasked >= SAT_CALLS_MAX)
        return 0;
    struct sat_asked *c = sat_asked_new(g->out, g->hub, g, method, fn, ud);
    if (again)
        c->body = mem_strndup(b->data, b->len);
    if (sat_ask_http(c, b))
        return c->id;
    sat_asked_drop(c);
    return 0;
}

static struct sat_body sat_json_body(const struct sat_hub *h, const char *json)
{
    return (struct sat_body){.type = "application/json",
                             .data = json,
                             .len = strlen(json),
                             .timeout_ms = h->conf.timeout_ms ? h->conf.timeout_ms : 30000};
}

uint64_t sat_http_call(struct sat *g, const char *method, const char *json_body, sat_http_fn *fn,
                       void *ud)
{
    struct sat_body b = sat_json_body(g->hub, json_body);
    return sat_ask(g, method, &b, false, fn, ud);
}

uint64_t sat_http_read(struct sat *g, const char *method, const char *json_body, sat_http_fn *fn,
                       void *ud)
{
    struct sat_body b = sat_json_body(g->hub, json_body);
    return sat_ask(g, method, &b, true, fn, ud);
}

uint64_t sat_http_upload(struct sat *g, const char *filename, const char *type, const void *data,
                         size_t len, sat_http_fn *fn, void *ud)
{
    struct buf body = {0}, head = {0};
    char mark[2][17];
    struct rng rng;
    rng_seed_system(&rng); /* nobody can know it: no file has it inside */
    buf_hex64(mark[0], rng_next(&rng));
    buf_hex64(mark[1], rng_next(&rng));
    buf_addf(&body,
             "--%s%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%s\"\r\n"
             "Content-Type: %s\r\n\r\n",
             mark[0], mark[1], filename, type);
    buf_add(&body, data, len);
    buf_addf(&body, "\r\n--%s%s--\r\n", mark[0], mark[1]);
    buf_addf(&head, "multipart/form-data; boundary=%s%s", mark[0], mark[1]);
    struct sat_body b = {
        .type = buf_cstr(&head), .data = body.data, .len = body.len, .timeout_ms = SAT_UPLOAD_MS};
    uint64_t id = sat_ask(g, "upload.create", &b, false, fn, ud);
    buf_free(&body);
    buf_free(&head);
    return id;
}

/* `path` is a literal. */
uint64_t sat_http_meta(struct sat_hub *h, const char *path, const char *json_body, sat_http_fn *fn,
                       void *ud)
{
    struct sat_body b = sat_json_body(h, json_body);
    struct sat_asked *c = h->http ? sat_asked_new(NULL, h, NULL, path, fn, ud) : NULL;
    if (!c)
        return 0;
    if (sat_ask_http(c, &b))
        return c->id;
    sat_asked_drop(c);
    return 0;
}

void sat_http_hub_end(struct sat_hub *h)
{
    for (struct sat_asked *c = sat_of_hubs, *next; c; c = next) {
        next = c->next;
        if (c->hub != h)
            continue;
        if (h->http)
            http_client_cancel(h->http, c->http);
        sat_asked_drop(c);
    }
}

void sat_http_cancel(struct sat *g, uint64_t id)
{
    struct sat_asked *c = g->out->asked;
    while (c && c->id != id)
        c = c->next;
    if (!c)
        return;
    if (c->http)
        http_client_cancel(c->hub->http, c->http);
    sat_asked_drop(c);
}

void sat_http_stop(struct sat *g)
{
    while (g->out->asked)
        sat_http_cancel(g, g->out->asked->id);
}

void sat_http_tick(struct sat *g, int64_t now)
{
    for (struct sat_asked *c = g->out->asked, *next; c; c = next) {
        next = c->next;
        if (c->http)
            continue;
        if (c->due > now) {
            sat_wake(c->hub, c->due);
            continue;
        }
        struct sat_body b = sat_json_body(c->hub, c->body);
        if (sat_ask_http(c, &b))
            continue;
        sat_asked_end(c, &(struct sat_http_answer){
                             .result = SAT_UNWRITTEN, .reason = "too many calls", .text = ""});
        next = g->out->asked; /* whoever was told may have changed the list */
    }
}
