/* daemon.c -- see daemon.h. Starting goes from the inside out (SOPs, lock, Redis, settings, transport, engine, admin);
 * stopping goes the other way, each part after the one before is gone. Reloading is in cli/serve/reload.c. */
#include "cli/serve/daemon.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "engine/engine.h"
#include "gateway/transport.h"
#include "lua/config.h"
#include "lua/host.h"
#include "lua/playbook.h"
#include "lua/setting_check.h"
#include "store/embedded.h"
#include "store/settings.h"
#include "web/http_client.h"

/* ---- create ---- */

static void daemon_turn_ready(void *ud, struct turn *t)
{
    struct daemon *d = ud;
    engine_turn_ready(d->engine, t);
}

struct daemon *daemon_create(uv_loop_t *loop, struct config *c, bool repeatable, struct buf *err)
{
    struct daemon *d = MEM_NEW(struct daemon);
    struct buf warnings = {0};
    d->loop = loop;
    d->config = c;
    d->config_pinned = true;
    d->lock = -1;
    clock_init(&d->clock);
    struct host_opts opts = {.sop = (const char *const *)c->sop,
                             .memory_max = (size_t)c->lua_memory,
                             .budget = c->lua_instructions,
                             .repeatable = repeatable,
                             .ud = d,
                             .on_ready = daemon_turn_ready};
    d->host = host_create(&opts);
    d->book = playbook_load(d->host, c, 0, err, &warnings);
    buf_add(&c->warnings, warnings.data, warnings.len);
    buf_free(&warnings);
    if (d->book)
        return d;
    daemon_free(d);
    return NULL;
}

/* ---- start ---- */

static void daemon_engine_ready(void *ud)
{
    struct daemon *d = ud;
    d->ready = true;
    if (d->on_ready && !d->stopping)
        d->on_ready(d->ud);
}

static void daemon_engine_idle(void *ud)
{
    struct daemon *d = ud;
    if (d->on_idle && !d->stopping)
        d->on_idle(d->ud);
}

static bool daemon_tidy(void *ud)
{
    struct daemon *d = ud;
    return host_idle(d->host);
}

static void daemon_settings_changed(void *ud)
{
    (void)ud; /* the engine compares generations in its drain; this callback only woke the loop */
}

static enum settings_verdict daemon_check_setting(void *ud, int kind, const char *field,
                                                  const char *value, struct buf *why,
                                                  struct buf *remedy)
{
    const struct daemon *d = ud;
    return setting_check(d->book, kind, field, value, why, remedy);
}

static bool daemon_find_redis(struct daemon *d, struct buf *err)
{
    if (!d->config->embedded) {
        d->redis = d->config->redis;
        memset(&d->config->redis, 0, sizeof d->config->redis);
        return true;
    }
    d->embedded = embedded_start(d->loop, d->config->data_dir, err);
    return d->embedded && redis_addr_parse(embedded_url(d->embedded), &d->redis, err);
}

/* libwebsockets is only needed where somebody connects over the network. */
static bool daemon_need_transport(const struct config *c)
{
    for (int i = 0; i < c->ngateways; i++) {
        const struct gateway_ops *ops = gateway_ops_find(c->gateways[i].conf.type);
        if (!ops || !ops->local)
            return true;
    }
    return false;
}

bool daemon_start_transport(struct daemon *d, const struct config *c, struct buf *err)
{
    if (d->transport || !daemon_need_transport(c))
        return true;
    unsigned n = (unsigned)c->ngateways * 4 + 256; /* reconnects overlap, reloads add some */
    d->transport = transport_create(d->loop, n, err);
    d->gateway_env.transport = d->transport;
    return d->transport != NULL;
}

static bool daemon_start_engine(struct daemon *d, struct buf *err)
{
    const struct config *c = d->config;
    struct http_client_opts web = {
        .loop = d->loop, .conf = &c->web, .counted = true, .fake = d->fake_web, .ud = d->ud};
    d->web = http_client_create(&web);
    struct engine_opts opts = {.loop = d->loop,
                               .clock = &d->clock,
                               .redis = &d->redis,
                               .settings = d->settings,
                               .env = &d->gateway_env,
                               .http = d->web,
                               .llm = &c->llm,
                               .alarms = &c->alarms,
                               .queue_max = c->queue_chat,
                               .queue_total_max = c->queue_total,
                               .queue_bytes_max = c->queue_bytes,
                               .queue_pause_ms = c->queue_pause_ms,
                               .retention = c->retention,
                               .events_length = c->events_length,
                               .audit_length = c->audit_length,
                               .trace = d->on_idle ? TRACE_OFF : c->trace,
                               .rollouts = d->rollouts,
                               .sop = (const char *const *)c->sop,
                               .ud = d,
                               .tidy = daemon_tidy,
                               .on_ready = daemon_engine_ready,
                               .on_idle = d->on_idle ? daemon_engine_idle : NULL};
    d->engine = engine_create(&opts);
    if (!d->on_idle) /* SOP tests and the playground make a day of a second */
        breaker_set(d->engine, &c->breaker);
    engine_set_book(d->engine, d->book);
    for (int i = 0; i < c->ngateways; i++) {
        if (!engine_add_gateway(d->engine, &c->gateways[i].conf, &c->gateways[i].pace, err)) {
            engine_start(d->engine); /* only what was started can be stopped */
            return false;
        }
    }
    engine_start(d->engine);
    return true;
}

static bool daemon_start_admin(struct daemon *d, struct buf *err)
{
    redis_addr_print(&d->redis, &d->redis_text);
    d->admin.loop = d->loop;
    d->admin.clock = &d->clock;
    d->admin.config = d->config;
    d->admin.engine = d->engine;
    d->admin.host = d->host;
    d->admin.settings = d->settings;
    d->admin.redis = buf_cstr(&d->redis_text);
    d->admin.started_ms = clock_wall(&d->clock);
    health_metrics(&d->admin);
    d->control = control_start(&d->admin, d->config->data_dir, err);
    if (!d->control)
        return false;
    if (!d->config->http_host)
        return true;
    d->http = http_start(&d->admin, d->config->http_host, d->config->http_port, err);
    return d->http != NULL;
}

int daemon_start(struct daemon *d, struct buf *err)
{
    d->lock = embedded_lock(d->config->data_dir, err);
    if (d->lock < 0)
        return access(d->config->data_dir, W_OK) == 0 ? CLI_IN_USE : CLI_FAILED;
    d->gateway_env = (struct gateway_env){.loop = d->loop, .clock = &d->clock};
    if (!daemon_find_redis(d, err))
        return CLI_FAILED;
    d->settings = settings_create(d->loop, &d->clock, &d->redis, daemon_settings_changed, d);
    settings_set_check(d->settings, daemon_check_setting, d, zone_get(d->config->timezone));
    if (!daemon_start_transport(d, d->config, err) || !daemon_start_engine(d, err) ||
        !daemon_start_admin(d, err))
        return CLI_FAILED;
    return CLI_OK;
}

/* ---- stop: each step begins when the one before is done ---- */

static void daemon_stopped_redis(void *ud)
{
    struct daemon *d = ud;
    d->embedded = NULL;
    if (d->on_stopped)
        d->on_stopped(d->ud);
}

static void daemon_stopped_transport(void *ud)
{
    struct daemon *d = ud;
    d->transport = NULL;
    if (d->embedded)
        embedded_stop(d->embedded, daemon_stopped_redis, d);
    else
        daemon_stopped_redis(d);
}

static void daemon_stopped_settings(void *ud)
{
    struct daemon *d = ud;
    d->settings = NULL;
    transport_destroy(d->transport, daemon_stopped_transport, d);
}

static void daemon_stopped_web(void *ud)
{
    struct daemon *d = ud;
    d->web = NULL;
    settings_destroy(d->settings, daemon_stopped_settings, d);
}

static void daemon_stopped_engine(void *ud)
{
    struct daemon *d = ud;
    d->admin.engine = NULL;
    http_client_destroy(d->web, daemon_stopped_web, d);
}

static void daemon_stopped_control(void *ud)
{
    struct daemon *d = ud;
    d->control = NULL;
}

static void daemon_stopped_http(void *ud)
{
    struct daemon *d = ud;
    d->http = NULL;
}

void daemon_stop(struct daemon *d, int64_t grace_ms)
{
    if (d->stopping)
        return;
    d->stopping = true;
    http_stop(d->http, daemon_stopped_http, d);
    control_stop(d->control, daemon_stopped_control, d);
    if (d->engine)
        engine_stop(d->engine, grace_ms, daemon_stopped_engine, d);
    else
        daemon_stopped_engine(d);
}

void daemon_free(struct daemon *d)
{
    if (!d)
        return;
    if (d->engine)
        engine_destroy(d->engine);
    book_release(d->book);
    host_destroy(d->host);
    redis_addr_free(&d->redis);
    buf_free(&d->redis_text);
    buf_free(&d->reloads.text);
    if (d->lock >= 0)
        close(d->lock);
    for (int i = 0; i < d->nold; i++)
        config_free(d->old[i]);
    free(d->old);
    config_free(d->config);
    free(d);
}
