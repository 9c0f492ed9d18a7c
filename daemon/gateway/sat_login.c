/* sat_login.c -- the accounts of a Satori server: the table that READY brings and login-* events change, which row each gateway is,
 * and asking after accounts that are not online. Whose an event is: sat_owner.c.
 * Rows: one a login, found by platform and user id; by `sn` within a connection, where those are missing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "gateway/sat.h"
#include "gateway/sat_http.h"

enum { SAT_REFRESH_MS = 60000, SAT_FEATURES_MAX = 500 };

/* ---- rows ---- */

bool sat_login_usable(const struct sat_login *l)
{
    return *l->platform && *l->id;
}

struct sat_login *sat_login_find(struct sat_hub *h, const char *platform, const char *id)
{
    struct sat_login *l = h->logins;
    while (l && !(*platform && *id && strcmp(l->platform, platform) == 0 && strcmp(l->id, id) == 0))
        l = l->next;
    return l;
}

struct sat_login *sat_login_by_sn(struct sat_hub *h, const struct json *v)
{
    int64_t sn;
    if (!json_int(json_get(v, "sn"), &sn))
        return NULL;
    struct sat_login *l = h->logins;
    while (l && !(l->has_sn && l->sn == sn))
        l = l->next;
    return l;
}

struct sat_login *sat_login_new(struct sat_hub *h)
{
    if (h->nlogins >= SAT_LOGINS_MAX)
        return NULL;
    struct sat_login *l = MEM_NEW(struct sat_login);
    struct sat_login **at = &h->logins;
    while (*at)
        at = &(*at)->next;
    *at = l;
    h->nlogins++;
    l->status = SAT_ONLINE; /* missing means online */
    return l;
}

static void sat_login_drop(struct sat_hub *h, struct sat_login *gone)
{
    struct sat_login **at = &h->logins;
    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    for (struct sat *g = h->gateways; g; g = g->next)
        if (g->login == gone)
            g->login = NULL;
    free(gone->features);
    free(gone);
    h->nlogins--;
}

void sat_login_free(struct sat_hub *h)
{
    while (h->logins)
        sat_login_drop(h, h->logins);
}

/* ---- reading a Login ---- */

/* An id of at most `max` bytes into room for one more; false: there is none. */
bool sat_login_id(const struct json *v, char *out, size_t max)
{
    const char *s;
    size_t len;
    if (sat_id(v, &s, &len) != SAT_ID_OK || len > max)
        return false;
    memcpy(out, s, len);
    out[len] = '\0';
    return true;
}

/* Platform and user id as they are written there; "" where they are missing. */
void sat_login_ids(const struct json *v, char *platform, char *id)
{
    *platform = *id = '\0';
    sat_login_id(json_get(v, "platform"), platform, SAT_PLATFORM_MAX);
    if (!sat_login_id(json_get(json_get(v, "user"), "id"), id, SAT_ID_MAX))
        sat_login_id(json_get(v, "self_id"), id, SAT_ID_MAX);
}

static void sat_login_features(struct sat_login *l, const struct json *list)
{
    struct buf b = {0};
    int n = 0;
    buf_addc(&b, '\n');
    for (const struct json *v = json_first(list); v && n < SAT_FEATURES_MAX; v = json_next(v)) {
        if (!json_is(v, JSON_STRING) || v->len > 64)
            continue;
        buf_add(&b, v->s, v->len);
        buf_addc(&b, '\n');
        n++;
    }
    free(l->features);
    l->features = n ? buf_take(&b) : NULL; /* an empty list says nothing */
    buf_free(&b);
}

/* What the object says goes into the row; what it leaves out stays. */
static void sat_login_read(struct sat_login *l, const struct json *v)
{
    char platform[SAT_PLATFORM_MAX + 1], id[SAT_ID_MAX + 1];
    int64_t n;
    sat_login_ids(v, platform, id);
    if (*platform)
        memcpy(l->platform, platform, sizeof platform);
    if (*id)
        memcpy(l->id, id, sizeof id);
    const struct json *user = json_get(v, "user");
    const struct json *name = json_get(user, "nick");
    if (!json_is(name, JSON_STRING) || !name->len)
        name = json_get(user, "name");
    if (json_is(name, JSON_STRING)) {
        struct buf b = {0};
        utf8_clean(&b, name->s, utf8_cut(name->s, name->len, SAT_NAME_MAX));
        snprintf(l->name, sizeof l->name, "%s", buf_cstr(&b));
        buf_free(&b);
    }
    if (json_is(json_get(v, "status"), JSON_NUMBER) && json_int(json_get(v, "status"), &n))
        l->status = n >= 0 && n < 1000 ? (int)n : -1;
    if (json_is(json_get(v, "features"), JSON_ARRAY))
        sat_login_features(l, json_get(v, "features"));
    if (json_int(json_get(v, "sn"), &n)) {
        l->has_sn = true;
        l->sn = n;
    }
}

/* The row of a Login object: by its ids, else by its number. NULL: there is none yet. */
static struct sat_login *sat_login_row(struct sat_hub *h, const struct json *v)
{
    char platform[SAT_PLATFORM_MAX + 1], id[SAT_ID_MAX + 1];
    sat_login_ids(v, platform, id);
    struct sat_login *l = sat_login_find(h, platform, id);
    return l ? l : sat_login_by_sn(h, v);
}

/* Of a table: a row that has only its number in common with the object. Some servers give every login the same. */
static bool sat_login_other(const struct sat_login *l, const struct json *v)
{
    char platform[SAT_PLATFORM_MAX + 1], id[SAT_ID_MAX + 1];
    sat_login_ids(v, platform, id);
    if (!*platform || !*id)
        return l->kept; /* taken already */
    return sat_login_usable(l) && (strcmp(l->platform, platform) != 0 || strcmp(l->id, id) != 0);
}

/* ---- which gateway is which row ---- */

bool sat_login_fits(const struct sat *g, const char *platform, const char *id)
{
    return (!g->conf.login_platform || strcmp(g->conf.login_platform, platform) == 0) &&
           (!g->conf.self_id || strcmp(g->conf.self_id, id) == 0);
}

/* The only row that fits; of several the one it was. */
static struct sat_login *sat_login_match(struct sat *g, int *fitting)
{
    struct sat_login *one = NULL, *same = NULL;
    *fitting = 0;
    for (struct sat_login *l = g->hub->logins; l; l = l->next) {
        if (!sat_login_usable(l) || !sat_login_fits(g, l->platform, l->id))
            continue;
        ++*fitting;
        one = l;
        if (strcmp(l->platform, g->platform) == 0 && strcmp(l->id, g->self_id) == 0)
            same = l;
    }
    return same ? same : *fitting == 1 ? one : NULL;
}

/* "discord 900, qq 777": what the server has. */
static void sat_login_list(struct sat_hub *h, bool unserved, struct buf *out)
{
    int n = 0;
    for (struct sat_login *l = h->logins; l; l = l->next) {
        bool served = false;
        for (struct sat *g = h->gateways; g && !served; g = g->next)
            served = g->login == l;
        if (!sat_login_usable(l) || (unserved && served))
            continue;
        if (n++ == 20) {
            buf_adds(out, ", ...");
            return;
        }
        buf_addf(out, "%s%s %s", n > 1 ? ", " : "", l->platform, l->id);
    }
}

static void sat_login_absent(struct sat *g, int fitting)
{
    struct buf has = {0};
    if (g->told_absent || g->hub->state != SAT_READY || g->stopping || !g->started)
        return;
    g->told_absent = true;
    sat_login_list(g->hub, false, &has);
    if (fitting > 1)
        log_error("the Satori server has several logins: say which one this gateway is with "
                  "login = { platform = ..., id = ... }",
                  "gateway", g->base.name, "logins", buf_cstr(&has), NULL);
    else
        log_warn("the Satori server has no such login; waiting for it", "gateway", g->base.name,
                 "platform", g->conf.login_platform, "id", g->conf.self_id, "logins",
                 has.len ? buf_cstr(&has) : "none", NULL);
    buf_free(&has);
}

static void sat_login_take(struct sat *g, struct sat_login *l)
{
    bool known = *g->self_id != '\0';
    bool other = strcmp(g->platform, l->platform) != 0 || strcmp(g->self_id, l->id) != 0;
    if (known && other) {
        log_warn("another account is logged in", "gateway", g->base.name, "was", g->self_id, "is",
                 l->id, NULL);
        memo_clear(g->direct);
        memo_clear(g->peers);
    }
    memcpy(g->platform, l->platform, sizeof g->platform);
    memcpy(g->self_id, l->id, sizeof g->self_id);
    memcpy(g->self_name, l->name, sizeof g->self_name);
    g->login = l;
    if (known && other && g->link == LINK_UP)
        g->sink.on_state(g->sink.ud, &g->base, "account changed");
}

void sat_login_bind(struct sat_hub *h)
{
    for (struct sat *g = h->gateways; g; g = g->next) {
        int fitting;
        if (g->stopping || !g->started)
            continue;
        struct sat_login *l = sat_login_match(g, &fitting);
        if (l)
            sat_login_take(g, l);
        else
            g->login = NULL;
        if (!l)
            sat_login_absent(g, fitting);
    }
    if (h->state != SAT_READY || h->told_unserved)
        return;
    struct buf b = {0};
    sat_login_list(h, true, &b);
    if (b.len) {
        h->told_unserved = true;
        log_info("logins of the Satori server that no gateway serves", "gateway",
                 h->gateways->base.name, "logins", buf_cstr(&b), NULL);
    }
    buf_free(&b);
}

void sat_login_changed(struct sat_hub *h, const char *reason)
{
    sat_login_bind(h);
    for (struct sat *g = h->gateways; g; g = g->next)
        sat_update(g, reason);
}

/* ---- the table and its changes ---- */

void sat_login_table(struct sat_hub *h, const struct json *list)
{
    for (struct sat_login *l = h->logins; l; l = l->next)
        l->kept = false;
    for (const struct json *v = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; v;
         v = json_next(v)) {
        if (!json_is(v, JSON_OBJECT))
            continue;
        struct sat_login *l = sat_login_row(h, v);
        if (l && sat_login_other(l, v))
            l = NULL;
        if (!l && !(l = sat_login_new(h)))
            return;
        l->status = SAT_ONLINE;
        sat_login_read(l, v);
        l->kept = true;
    }
    for (struct sat_login *l = h->logins, *next; l; l = next) {
        next = l->next;
        if (!l->kept)
            sat_login_drop(h, l);
    }
}

void sat_login_event(struct sat_hub *h, const char *type, const struct json *login)
{
    if (!json_is(login, JSON_OBJECT)) {
        sat_count_bad(h, "login");
        return;
    }
    struct sat_login *l = sat_login_row(h, login);
    if (strcmp(type, "login-removed") == 0) {
        if (l)
            sat_login_drop(h, l);
        sat_login_changed(h, "the login was removed");
        return;
    }
    if (strcmp(type, "login-added") != 0 && strcmp(type, "login-updated") != 0)
        return;
    if (!l && !(l = sat_login_new(h)))
        return;
    sat_login_read(l, login);
    sat_login_changed(h, "the login has changed");
}

/* ---- is it online? ---- */

void sat_login_proof(struct sat *g)
{
    if (!g->login || g->login->status == SAT_ONLINE)
        return;
    g->login->status = SAT_ONLINE;
    sat_update(g, "an event of the login came in");
}

static void sat_login_answered(void *ud, const struct sat_http_answer *a)
{
    struct sat *g = ud;
    g->asking_login = false;
    if (!g->login)
        return;
    if (a->result == SAT_NO_METHOD) { /* nobody can say: what is sent will show it */
        sat_login_proof(g);
        return;
    }
    if (!a->ok || !json_is(a->data, JSON_OBJECT))
        return;
    char platform[SAT_PLATFORM_MAX + 1], id[SAT_ID_MAX + 1];
    sat_login_ids(a->data, platform, id);
    if (*id && strcmp(id, g->login->id) != 0)
        return; /* of another account: it says nothing of this one */
    memcpy(platform, g->login->platform, sizeof platform);
    if (!json_is(json_get(a->data, "status"), JSON_NUMBER))
        g->login->status = SAT_ONLINE;
    bool has_sn = g->login->has_sn;
    int64_t sn = g->login->sn;
    sat_login_read(g->login, a->data);
    memcpy(g->login->platform, platform, sizeof platform); /* our name for it stays */
    g->login->has_sn = has_sn;
    g->login->sn = sn;
    memcpy(g->self_name, g->login->name, sizeof g->self_name);
    sat_update(g, "login.get was answered");
}

void sat_login_tick(struct sat *g, int64_t now)
{
    struct sat_hub *h = g->hub;
    if (h->state == SAT_DEGRADED && !g->login && g->conf.login_platform && g->conf.self_id &&
        !sat_login_find(h, g->conf.login_platform, g->conf.self_id)) {
        struct sat_login *l =
            sat_login_new(h); /* without a table the configured one is asked for */
        if (!l)
            return;
        snprintf(l->platform, sizeof l->platform, "%s", g->conf.login_platform);
        snprintf(l->id, sizeof l->id, "%s", g->conf.self_id);
        l->status = SAT_UNASKED;
        sat_login_changed(h, "no READY");
        g->next_login = now;
    }
    if (!sat_ready(g) || g->login->status == SAT_ONLINE || g->asking_login || now < g->next_login)
        return;
    g->next_login = now + g->conf.idle_ms;
    g->asking_login = sat_http_call(g, "login.get", "{}", sat_login_answered, g) != 0;
}

static void sat_login_refreshed(void *ud, const struct sat_http_answer *a)
{
    struct sat_hub *h = ud;
    const struct json *list = json_get(a->data, "logins");
    if (!a->ok || !json_is(list, JSON_ARRAY) || !sat_hub_up(h))
        return;
    sat_login_table(h, list);
    sat_login_changed(h, "the logins were asked for");
}

void sat_login_refresh(struct sat_hub *h)
{
    int64_t now = clock_mono(h->env.clock);
    if (h->dying || now < h->next_refresh || !sat_hub_up(h))
        return;
    h->next_refresh = now + SAT_REFRESH_MS;
    sat_http_meta(h, "meta", "{}", sat_login_refreshed, h);
}

/* ---- what it can ---- */

enum sat_known sat_feature(const struct sat *g, const char *name)
{
    char line[80];
    if (!g->login || !g->login->features)
        return SAT_MAYBE;
    snprintf(line, sizeof line, "\n%s\n", name);
    return strstr(g->login->features, line) ? SAT_YES : SAT_NO;
}

bool sat_plain(const struct sat *g)
{
    static const char *const plain[] = {"llonebot", "chronocat", "onebot", "red", "qq"};
    if (sat_feature(g, "guild.plain") == SAT_YES)
        return true;
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcmp(g->platform, plain[i]) == 0)
            return true;
    return false;
}
