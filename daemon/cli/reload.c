/* reload.c -- a new configuration and new SOPs while everything runs (daemon.h: daemon_reload).
 * The new ones are loaded beside the old ones and take over whole, or not at all. Turns that run keep what they began
 * with. What cannot change in a running process is named, and waits for a restart. Callers: cli/serve.c. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/daemon.h"
#include "engine/engine.h"
#include "gateway/transport.h"
#include "lua/config.h"
#include "lua/playbook.h"

static bool reload_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool reload_same_list(char **a, char **b)
{
    for (; *a && *b; a++, b++) {
        if (strcmp(*a, *b) != 0)
            return false;
    }
    return !*a && !*b;
}

static const struct config_gateway *reload_find(const struct config *c, const char *name)
{
    for (int i = 0; i < c->ngateways; i++) {
        if (strcmp(c->gateways[i].conf.name, name) == 0)
            return &c->gateways[i];
    }
    return NULL;
}

static bool reload_same_limits(const struct pace_limit *a, const struct pace_limit *b, int n)
{
    for (int i = 0; i < n; i++) {
        if (a[i].interval_us != b[i].interval_us || a[i].burst != b[i].burst)
            return false;
    }
    return true;
}

static bool reload_same_pace(const struct pace *a, const struct pace *b)
{
    return a->naccount == b->naccount && a->nchat == b->nchat && a->jitter_ms == b->jitter_ms &&
           reload_same_limits(a->account, b->account, a->naccount) &&
           reload_same_limits(a->chat, b->chat, a->nchat);
}

static bool reload_same_texts(const struct gateway_conf *a, const struct gateway_conf *b)
{
    const char *const x[] = {a->name,  a->type,    a->mode,   a->url,      a->listen, a->path,
                             a->token, a->self_id, a->tls_ca, a->tls_cert, a->tls_key};
    const char *const y[] = {b->name,  b->type,    b->mode,   b->url,      b->listen, b->path,
                             b->token, b->self_id, b->tls_ca, b->tls_cert, b->tls_key};
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++) {
        if (!reload_same(x[i], y[i]))
            return false;
    }
    return true;
}

static bool reload_same_numbers(const struct gateway_conf *a, const struct gateway_conf *b)
{
    const int64_t x[] = {a->first_ms,
                         a->idle_ms,
                         a->backoff_ms,
                         a->backoff_max_ms,
                         a->auth_backoff_ms,
                         a->timeout_ms,
                         a->auth_backoff_max_ms,
                         a->ready_reset_ms,
                         a->stale_ms,
                         a->catchup_ms,
                         a->request_delay_ms,
                         a->settle_ms,
                         a->resend_ms,
                         a->circuit_ms,
                         a->catchup,
                         (int64_t)a->max_frame,
                         a->token_in_query,
                         a->tls_insecure};
    const int64_t y[] = {b->first_ms,
                         b->idle_ms,
                         b->backoff_ms,
                         b->backoff_max_ms,
                         b->auth_backoff_ms,
                         b->timeout_ms,
                         b->auth_backoff_max_ms,
                         b->ready_reset_ms,
                         b->stale_ms,
                         b->catchup_ms,
                         b->request_delay_ms,
                         b->settle_ms,
                         b->resend_ms,
                         b->circuit_ms,
                         b->catchup,
                         (int64_t)b->max_frame,
                         b->token_in_query,
                         b->tls_insecure};
    return memcmp(x, y, sizeof x) == 0;
}

static bool reload_same_gateway(const struct config_gateway *a, const struct config_gateway *b)
{
    return reload_same_texts(&a->conf, &b->conf) && reload_same_numbers(&a->conf, &b->conf) &&
           reload_same_pace(&a->pace, &b->pace);
}

static void reload_note(struct buf *out, const char *what, const char *name)
{
    buf_addf(out, "%s%s%s%s", out->len ? "; " : "", what, name ? " " : "", name ? name : "");
}

static void reload_restart_only(const struct config *old, const struct config *c, struct buf *out)
{
    bool same_redis =
        old->embedded == c->embedded; /* the address itself went to the daemon at the start */
    if (!reload_same(old->data_dir, c->data_dir))
        reload_note(out, "data_dir needs a restart", NULL);
    if (!same_redis)
        reload_note(out, "redis needs a restart", NULL);
    if (!reload_same(old->http_host, c->http_host) || old->http_port != c->http_port)
        reload_note(out, "http needs a restart", NULL);
    if (old->queue_chat != c->queue_chat || old->queue_total != c->queue_total)
        reload_note(out, "queue needs a restart", NULL);
    if (old->lua_memory != c->lua_memory || old->lua_instructions != c->lua_instructions)
        reload_note(out, "lua needs a restart", NULL);
}

/* Takes out what is gone, adds what is new; a changed one is taken out and added. Returns how many were made. */
static int reload_gateways(struct daemon *d, const struct config *c, struct buf *out)
{
    struct buf err = {0};
    int added = 0;
    if (!daemon_start_transport(d, c, &err)) {
        log_error("new gateways cannot connect", "reason", buf_cstr(&err), NULL);
        buf_free(&err);
        return 0;
    }
    for (int i = 0; i < d->config->ngateways; i++) {
        const struct config_gateway *old = &d->config->gateways[i];
        if (!reload_find(c, old->conf.name) && engine_remove_gateway(d->engine, old->conf.name))
            reload_note(out, "removed gateway", old->conf.name);
    }
    for (int i = 0; i < c->ngateways; i++) {
        const struct config_gateway *g = &c->gateways[i],
                                    *old = reload_find(d->config, g->conf.name);
        if (old && reload_same_gateway(old, g))
            continue;
        if (old)
            engine_remove_gateway(d->engine, old->conf.name);
        buf_reset(&err);
        if (engine_add_gateway(d->engine, &g->conf, &g->pace, &err)) {
            added++;
            reload_note(out, old ? "changed gateway" : "added gateway", g->conf.name);
        } else {
            log_error("gateway refused", "gateway", g->conf.name, "reason", buf_cstr(&err), NULL);
            reload_note(out, "could not add gateway", g->conf.name);
        }
    }
    buf_free(&err);
    return added;
}

/* The old configuration goes, unless gateways that were made from it live on. */
static void reload_replace_config(struct daemon *d, struct config *c, bool pinned)
{
    if (d->config_pinned) {
        d->old = mem_realloc(d->old, ((size_t)d->nold + 1) * sizeof *d->old);
        d->old[d->nold++] = d->config;
    } else {
        config_free(d->config);
    }
    d->config = c;
    d->config_pinned = pinned;
    d->admin.config = c;
}

static void reload_apply(struct daemon *d, struct config *c, struct book *book, struct buf *out)
{
    buf_addf(out, "%d playbooks", book->nbooks);
    log_set_level(c->log_level);
    reload_restart_only(d->config, c, out);
    bool pinned = reload_gateways(d, c, out) > 0;
    engine_set_book(d->engine, book);
    book_release(d->book);
    d->book = book;
    reload_replace_config(d, c, pinned);
}

bool daemon_reload(struct daemon *d, struct buf *out)
{
    struct buf warnings = {0};
    struct config *c = config_load(d->config->file, 0, out);
    if (!c)
        return false;
    if (!reload_same_list(d->config->sop, c->sop)) {
        buf_addf(out, "%s:1: the folders of `sop` cannot change while it runs; restart it\n",
                 c->file);
        config_free(c);
        return false;
    }
    struct book *book = playbook_load(d->host, c, 0, out, &warnings);
    buf_free(&warnings);
    if (!book) {
        config_free(c);
        return false;
    }
    reload_apply(d, c, book, out);
    return true;
}
