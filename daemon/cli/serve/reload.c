/* reload.c -- a new configuration and new SOPs while everything runs (daemon.h: daemon_reload).
 * The new ones are loaded and looked at beside the old ones, and take over whole or not at all. Turns that run keep what they
 * began with. What cannot change in a running process is named, and waits for a restart. Callers: cli/serve/serve.c. */
#include <cjson/cJSON.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/serve/daemon.h"
#include "cli/serve/smoke.h"
#include "engine/engine.h"
#include "gateway/conf.h"
#include "gateway/transport.h"
#include "lua/config.h"
#include "lua/playbook.h"
#include "store/settings.h"
#include "web/http_client.h"

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

/* A gateway, or one account of a pool: the others of the pool go on. */
static bool reload_remove(struct daemon *d, const struct config_gateway *g)
{
    return g->conf.pool ? engine_remove_member(d->engine, g->conf.pool, g->conf.name)
                        : engine_remove_gateway(d->engine, g->conf.name);
}

static bool reload_same_gateway(const struct config_gateway *a, const struct config_gateway *b)
{
    return gateway_conf_equal(&a->conf, &b->conf) && pace_equal(&a->pace, &b->pace);
}

static const struct config_gateway *reload_first(const struct config *c, const char *pool)
{
    for (int i = 0; i < c->ngateways; i++) {
        if (reload_same(c->gateways[i].conf.pool, pool))
            return &c->gateways[i];
    }
    return NULL;
}

/* Limits and times of a pool are those of its first account: when they change, the pool is made anew, with all its accounts. */
static bool reload_pool_anew(const struct config *old, const struct config *c,
                             const struct config_gateway *g)
{
    const struct config_gateway *a = g->conf.pool ? reload_first(old, g->conf.pool) : NULL,
                                *b = a ? reload_first(c, g->conf.pool) : NULL;
    return b &&
           !(gateway_conf_equal_numbers(&a->conf, &b->conf) && pace_equal(&a->pace, &b->pace) &&
             reload_same(a->conf.canary_chat, b->conf.canary_chat));
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
    if (old->queue_chat != c->queue_chat || old->queue_total != c->queue_total ||
        old->queue_bytes != c->queue_bytes || old->queue_pause_ms != c->queue_pause_ms)
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
        const struct config_gateway *g = reload_find(c, old->conf.name);
        bool moved = g && !reload_same(g->conf.pool, old->conf.pool); /* its place must be free */
        bool anew = g && reload_pool_anew(d->config, c, g);
        if ((!g || moved || anew) && reload_remove(d, old) && !g)
            reload_note(out, "removed gateway", old->conf.name);
    }
    for (int i = 0; i < c->ngateways; i++) {
        const struct config_gateway *g = &c->gateways[i],
                                    *old = reload_find(d->config, g->conf.name);
        if (old && reload_same_gateway(old, g) && !reload_pool_anew(d->config, c, g)) {
            if (g->conf.pool)
                engine_rank_member(d->engine, g->conf.pool, g->conf.name, g->conf.rank);
            continue;
        }
        if (old)
            reload_remove(d, old);
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

/* ---- flows, old and new ---- */

static struct flow *reload_find_flow(const struct book *b, const char *name)
{
    for (int i = 0; i < b->nbooks; i++) {
        for (int j = 0; j < b->books[i]->nflows; j++) {
            struct flow *f = b->books[i]->flows[j].flow;
            if (strcmp(flow_info(f)->name, name) == 0)
                return f;
        }
    }
    return NULL;
}

/* A flow of the same version stays the object it is, with its Lua state: the one that was loaded to see whether it is the same
 * is dropped. */
static void reload_keep_flows(const struct book *old, struct book *b)
{
    for (int i = 0; i < b->nbooks; i++) {
        for (int j = 0; j < b->books[i]->nflows; j++) {
            struct flow **f = &b->books[i]->flows[j].flow;
            struct flow *same = reload_find_flow(old, flow_info(*f)->name);
            if (!same || strcmp(flow_info(same)->version, flow_info(*f)->version) != 0)
                continue;
            flow_retain(same);
            flow_release(*f);
            *f = same;
        }
    }
}

static const struct playbook *reload_find_book(const struct book *b, const char *name)
{
    for (int i = 0; i < b->nbooks; i++) {
        if (strcmp(b->books[i]->name, name) == 0)
            return b->books[i];
    }
    return NULL;
}

/* Names what b has and `other` has not, or has in another version, flow by flow; each flow once. */
static void reload_note_flows(const struct book *b, const struct book *other, bool gone,
                              struct buf *out)
{
    for (int i = 0; i < b->nbooks; i++) {
        for (int j = 0; j < b->books[i]->nflows; j++) {
            const struct flow *f = b->books[i]->flows[j].flow;
            const struct flow_info *info = flow_info(f);
            const struct flow *twin = reload_find_flow(other, info->name);
            if (reload_find_flow(b, info->name) != f)
                continue;
            if (!twin)
                reload_note(out, gone ? "removed flow" : "added flow", info->name);
            else if (!gone && strcmp(flow_info(twin)->version, info->version) != 0)
                reload_note(out, "changed flow", info->name);
        }
    }
}

static bool reload_same_flows(const struct playbook *a, const struct playbook *b)
{
    if (a->nflows != b->nflows)
        return false;
    for (int i = 0; i < a->nflows; i++) {
        if (strcmp(flow_info(a->flows[i].flow)->name, flow_info(b->flows[i].flow)->name) != 0 ||
            !reload_same(a->flows[i].ring, b->flows[i].ring) ||
            !cJSON_Compare(a->flows[i].params, b->flows[i].params, true))
            return false;
    }
    return true;
}

static void reload_note_books(const struct book *old, const struct book *b, struct buf *out)
{
    for (int i = 0; i < b->nbooks; i++) {
        const struct playbook *was = reload_find_book(old, b->books[i]->name);
        if (!was)
            reload_note(out, "added playbook", b->books[i]->name);
        else if (!reload_same_flows(was, b->books[i]))
            reload_note(out, "changed texts or parameters of playbook", b->books[i]->name);
        if (was && was->content != b->books[i]->content)
            reload_note(out, "changed overlays of playbook", b->books[i]->name);
    }
    for (int i = 0; i < old->nbooks; i++) {
        if (!reload_find_book(b, old->books[i]->name))
            reload_note(out, "removed playbook", old->books[i]->name);
    }
}

/* ---- telling ---- */

static void reload_log_lines(enum log_level level, const char *msg, const struct buf *lines)
{
    struct buf line = {0};
    for (size_t at = 0; lines->data && at < lines->len;) {
        const char *from = lines->data + at, *end = memchr(from, '\n', lines->len - at);
        size_t len = end ? (size_t)(end - from) : lines->len - at;
        buf_reset(&line);
        buf_add(&line, from, len);
        if (len)
            log_write(level, msg, "at", buf_cstr(&line), NULL);
        at += len + 1;
    }
    buf_free(&line);
}

/* Warnings are said once, not at every reload. */
static void reload_warn(struct daemon *d, const struct buf *warnings)
{
    uint64_t hash = hash_bytes(warnings->data ? warnings->data : "", warnings->len);
    if (hash != d->warned)
        reload_log_lines(LOG_LEVEL_WARN, "check your files", warnings);
    d->warned = hash;
}

static void reload_tell(struct daemon *d, const char *cause, bool ok, int64_t ms, struct buf *out)
{
    struct admin_reloads *r = &d->reloads;
    static const char help[] = "Reloads of configuration and SOPs, by what became of them";
    *(ok ? &r->taken : &r->refused) += 1;
    r->at_ms = clock_wall(&d->clock);
    r->bad = !ok;
    r->cause = cause;
    buf_reset(&r->text);
    buf_add(&r->text, out->data, out->len);
    metric_inc(metric_counter("sopd_reloads_total", help,
                              metric_labels("result", ok ? "taken" : "refused", NULL)));
    metric_set(metric_gauge("sopd_reload_refused",
                            "1 while the files on disk were refused: an older version runs", NULL),
               !ok);
    if (ok) {
        log_info("reloaded", "cause", cause, "summary", buf_cstr(out), "ms", log_int(ms), NULL);
        return;
    }
    log_error("reload refused; the configuration and SOPs in force stay", "cause", cause,
              "problems", log_int(cli_count_lines(out)), NULL);
    reload_log_lines(LOG_LEVEL_ERROR, "problem", out);
}

void daemon_smoke(struct daemon *d)
{
    struct buf warnings = {0};
    buf_add(&warnings, d->config->warnings.data, d->config->warnings.len);
    smoke_book(d->config, d->book, false, &warnings, &warnings);
    reload_warn(d, &warnings);
    buf_free(&warnings);
    d->admin.reloads = &d->reloads;
}

/* ---- the reload ---- */

static void reload_apply(struct daemon *d, struct config *c, struct book *book, struct buf *out)
{
    buf_addf(out, "%d playbook%s", book->nbooks, book->nbooks == 1 ? "" : "s");
    log_set_level(c->log_level);
    reload_note_flows(book, d->book, false, out);
    reload_note_flows(d->book, book, true, out);
    reload_note_books(d->book, book, out);
    if (book->tags_content != d->book->tags_content)
        reload_note(out, "changed tags", NULL);
    reload_restart_only(d->config, c, out);
    bool pinned = reload_gateways(d, c, out) > 0;
    http_client_configure(d->web, &c->web);
    engine_set_llm(d->engine, &c->llm);
    engine_set_alarms(d->engine, &c->alarms);
    breaker_set(d->engine, &c->breaker);
    engine_set_book(d->engine, book);
    book_release(d->book);
    d->book = book;
    reload_replace_config(d, c, pinned);
    settings_recheck(d->settings, zone_get(d->config->timezone));
}

/* The book of the files as they are now, NULL if anything is wrong. */
static struct book *reload_load(struct daemon *d, const struct config *c, struct buf *problems,
                                struct buf *warnings)
{
    size_t before = problems->len;
    struct book *book = playbook_load(d->host, c, PLAYBOOK_ALL_FLOWS, problems, warnings);
    if (!book)
        return NULL;
    reload_keep_flows(d->book, book);
    smoke_book(c, book, false, problems, warnings);
    if (problems->len == before)
        return book;
    book_release(book);
    return NULL;
}

static bool reload_try(struct daemon *d, struct buf *out)
{
    struct config *c = config_load(d->file ? d->file : d->config->file, 0, out);
    if (!c)
        return false;
    if (!reload_same_list(d->config->sop, c->sop)) {
        buf_addf(out, "%s:1: the folders of `sop` cannot change while it runs; restart it\n",
                 c->file);
        config_free(c);
        return false;
    }
    struct buf warnings = {0};
    buf_add(&warnings, c->warnings.data, c->warnings.len);
    struct book *book = reload_load(d, c, out, &warnings);
    if (book) {
        reload_warn(d, &warnings);
        reload_apply(d, c, book, out);
    } else {
        config_free(c);
    }
    buf_free(&warnings);
    return book != NULL;
}

bool daemon_reload(struct daemon *d, const char *cause, struct buf *out)
{
    uint64_t from = clock_ns();
    bool ok = reload_try(d, out);
    malloc_trim(0); /* the states that were loaded beside the others are large and gone */
    reload_tell(d, cause, ok, (int64_t)((clock_ns() - from) / 1000000), out);
    return ok;
}
