/* satori_world.h -- for the tests of the Satori codec's inbound side: a connection without a socket. Frames are given to it as the
 * server would send them, HTTP calls are kept and answered by the test, and what the engine would hear is kept, too. */
#ifndef TESTS_UNIT_SATORI_WORLD_H
#define TESTS_UNIT_SATORI_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gateway/sat.h"
#include "gateway/sat_http.h"
#include "web/http_client.h"

enum { SAT_WORLD_EVENTS = 256, SAT_WORLD_CALLS = 64 };

struct sat_asked_call {
    uint64_t id;
    char method[64], body[512], platform[64], user[64];
};

struct sat_world {
    uv_loop_t loop;
    struct clock clock;
    struct sat_hub hub;
    struct http_conf http_conf;
    struct sat *g[4];
    int n;
    struct event *events[SAT_WORLD_EVENTS];
    struct gateway *of[SAT_WORLD_EVENTS];
    int nevents, nown, nrepeated, nstates, nin, nout;
    char own_text[256], own_chat[128], last_in[128], last_name[128], last_out[128];
    struct sat_asked_call calls[SAT_WORLD_CALLS];
    int ncalls;
};

static inline void sat_world_event(void *ud, struct gateway *g, struct event *e)
{
    struct sat_world *w = ud;
    assert_in_range(w->nevents, 0, SAT_WORLD_EVENTS - 1);
    w->of[w->nevents] = g;
    w->events[w->nevents++] = e;
}

static inline void sat_world_own(void *ud, struct gateway *g, const struct event *e)
{
    struct sat_world *w = ud;
    (void)g;
    w->nown++;
    snprintf(w->own_text, sizeof w->own_text, "%s", e->text);
    snprintf(w->own_chat, sizeof w->own_chat, "%s", e->chat);
}

static inline void sat_world_repeated(void *ud, struct gateway *g, const struct event *e)
{
    struct sat_world *w = ud;
    (void)g;
    (void)e;
    w->nrepeated++;
}

static inline void sat_world_state(void *ud, struct gateway *g, const char *reason)
{
    struct sat_world *w = ud;
    (void)g;
    assert_non_null(reason);
    w->nstates++;
}

static inline void sat_world_chat(void *ud, struct gateway *g, const char *chat, const char *name,
                                  bool present)
{
    struct sat_world *w = ud;
    (void)g;
    *(present ? &w->nin : &w->nout) += 1;
    snprintf(present ? w->last_in : w->last_out, 128, "%s", chat);
    snprintf(w->last_name, sizeof w->last_name, "%s", name);
}

static inline void sat_world_sent(void *ud, struct gateway *g, uint64_t ticket,
                                  const struct send_result *r)
{
    (void)ud, (void)g, (void)ticket, (void)r;
}

static inline void sat_world_response(void *ud, struct gateway *g, uint64_t ticket,
                                      const struct gateway_response *r)
{
    (void)ud, (void)g, (void)ticket, (void)r;
}

static inline void sat_world_fake(void *ud, uint64_t id, const struct http_request *r)
{
    struct sat_world *w = ud;
    assert_in_range(w->ncalls, 0, SAT_WORLD_CALLS - 1);
    struct sat_asked_call *c = &w->calls[w->ncalls++];
    const char *last = strstr(r->url, "/v1/");
    c->id = id;
    snprintf(c->method, sizeof c->method, "%s", last ? last + 4 : r->url);
    snprintf(c->body, sizeof c->body, "%.*s", (int)r->body_len, r->body ? r->body : "");
    for (int i = 0; i < r->nheaders; i++) {
        if (strcmp(r->headers[i].name, "Satori-Platform") == 0)
            snprintf(c->platform, sizeof c->platform, "%s", r->headers[i].value);
        if (strcmp(r->headers[i].name, "Satori-User-ID") == 0)
            snprintf(c->user, sizeof c->user, "%s", r->headers[i].value);
    }
}

static inline void sat_world_due(void *ud)
{
    (void)ud;
}

static inline struct sat_world *sat_world_new(void)
{
    struct sat_world *w = MEM_NEW(struct sat_world);
    log_init();
    log_set_level(getenv("TEST_DEBUG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
    uv_loop_init(&w->loop);
    clock_init(&w->clock);
    struct sat_hub *h = &w->hub;
    h->env.loop = &w->loop;
    h->env.clock = &w->clock;
    h->base_url = mem_strdup("http://127.0.0.1:5140/satori/v1");
    h->state = SAT_OPEN;
    w->http_conf = (struct http_conf){.requests = 8, .body_max = 1 << 20};
    struct http_client_opts opts = {
        .loop = &w->loop, .conf = &w->http_conf, .fake = sat_world_fake, .ud = w};
    h->http = http_client_create(&opts);
    wake_init(&h->wake, &w->loop, &w->clock, sat_world_due, w);
    return w;
}

/* Another login of the connection. platform and id NULL: whichever there is. */
static inline struct sat *sat_world_add(struct sat_world *w, const char *platform, const char *id)
{
    struct sat *g = MEM_NEW(struct sat);
    char name[16];
    snprintf(name, sizeof name, "sat%d", w->n + 1);
    g->base.ops = &satori_ops;
    g->base.name = mem_strdup(name);
    g->env = w->hub.env;
    struct gateway_conf conf = {.name = name,
                                .type = "satori",
                                .login_platform = platform,
                                .self_id = id,
                                .stale_ms = 120000,
                                .timeout_ms = 30000,
                                .idle_ms = 30000};
    gateway_conf_copy(&g->conf, &conf);
    gateway_conf_defaults(&g->conf);
    g->sink = (struct gateway_sink){.ud = w,
                                    .on_event = sat_world_event,
                                    .on_sent = sat_world_sent,
                                    .on_own_message = sat_world_own,
                                    .on_response = sat_world_response,
                                    .on_state = sat_world_state,
                                    .on_chat = sat_world_chat,
                                    .on_repeated = sat_world_repeated};
    gateway_sink_complete(&g->sink);
    g->account_reason = "";
    g->started = true;
    gateway_meter_init(&g->meter, name);
    sat_tables(g);
    sat_out_init(g);
    g->hub = &w->hub;
    struct sat **at = &w->hub.gateways;
    while (*at)
        at = &(*at)->next;
    *at = g;
    w->hub.live++;
    w->g[w->n++] = g;
    return g;
}

/* A frame; ' stands for ". */
static inline void sat_world_frame(struct sat_world *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static inline void sat_world_frame(struct sat_world *w, const char *fmt, ...)
{
    char *text = mem_alloc(1 << 20);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, 1 << 20, fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    clock_tick(&w->clock);
    w->hub.last_rx = clock_mono(&w->clock);
    sat_frame(&w->hub, text, (size_t)n);
    free(text);
}

/* An event body of the llonebot login 10001. */
#define sat_world_llonebot(w, type, rest)                                                      \
    sat_world_frame(w,                                                                         \
                    "{'op':0,'body':{'sn':1,'type':'" type "','timestamp':%lld,'login':{'sn':" \
                    "1,'platform':'llonebot','user':{'id':'10001'}}," rest "}}",               \
                    (long long)clock_wall(&(w)->clock))

static inline void sat_world_ready(struct sat_world *w)
{
    sat_world_frame(
        w,
        "{'op':4,'body':{'logins':["
        "{'sn':1,'platform':'llonebot','adapter':'llonebot','status':1,'user':{'id':'10001','name':"
        "'helper'},'features':['message.create','guild.plain']},"
        "{'sn':2,'platform':'discord','status':1,'user':{'id':'900','name':'bot'},'features':["
        "'message.create','guild.member.get','channel.list','guild.list']}],'proxy_urls':[]}}");
}

/* The call of that method that was asked last, NULL if there is none. */
static inline struct sat_asked_call *sat_world_call(struct sat_world *w, const char *method)
{
    for (int i = w->ncalls; i-- > 0;)
        if (strcmp(w->calls[i].method, method) == 0)
            return &w->calls[i];
    return NULL;
}

static inline void sat_world_answer(struct sat_world *w, const struct sat_asked_call *c, int status,
                                    const char *body)
{
    char *text = mem_strdup(body);
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    struct http_answer a = {
        .status = status, .body = text, .body_len = strlen(text), .written = true};
    http_client_answer(w->hub.http, c->id, &a);
    for (int i = 0; i < 20; i++)
        uv_run(&w->loop, UV_RUN_NOWAIT);
    free(text);
}

static inline const struct event *sat_world_last(const struct sat_world *w)
{
    assert_int_not_equal(w->nevents, 0);
    return w->events[w->nevents - 1];
}

static inline double sat_world_bad(const struct sat_world *w, const char *why)
{
    return metric_value(
        metric_counter("sopd_frames_bad_total", "",
                       metric_labels("gateway", w->g[0]->base.name, "why", why, NULL)));
}

static inline void sat_world_closed(void *ud)
{
    (void)ud;
}

static inline void sat_world_free(struct sat_world *w)
{
    struct sat_hub *h = &w->hub;
    for (int i = 0; i < w->n; i++) {
        sat_held_end(w->g[i]);
        sat_out_stop(w->g[i]);
    }
    for (int i = 0; i < w->nevents; i++)
        event_free(w->events[i]);
    sat_login_free(h);
    sat_proxy_urls(h, NULL);
    for (int i = 0; i < w->n; i++)
        sat_free(w->g[i]);
    sat_http_hub_end(h);
    http_client_destroy(h->http, sat_world_closed, NULL);
    wake_close(&h->wake, sat_world_closed);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    free(h->base_url);
    free(w);
    event_pool_free();
    metrics_reset();
}

#endif
