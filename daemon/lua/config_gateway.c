/* config_gateway.c -- one entry of `gateways`: who to connect to, its secret, its times, its pace.
 * Callers: lua/config.c. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "lua/config_internal.h"
#include "lua/platform.h"

enum { GATEWAY_NAME_MAX = 32, GATEWAY_CATCHUP = 500 /* messages a chat */ };

char *config_copy(struct conf_report *r, const struct conf_value *v, const char *key)
{
    const char *s = NULL;
    return conf_string(r, v, key, &s) ? mem_strdup(s) : NULL;
}

char *config_readable(struct conf_report *r, const struct config *c, const struct conf_value *v,
                      const char *key)
{
    const char *s = NULL;
    if (!conf_string(r, v, key, &s))
        return NULL;
    char *path = config_path(c, s);
    if (access(path, R_OK) != 0)
        conf_problem(r, conf_get(v, key), "%s: %s cannot be read: %s", key, path, strerror(errno));
    return path;
}

bool config_name_good(const char *s)
{
    size_t n = strlen(s);
    if (n == 0 || n > GATEWAY_NAME_MAX || !isalpha((unsigned char)*s))
        return false;
    for (; *s; s++) {
        if (!isalnum((unsigned char)*s) && *s != '-' && *s != '_')
            return false;
    }
    return true;
}

static void gateway_read_name(struct conf_report *r, struct config *c, const struct conf_value *v,
                              struct config_gateway *g)
{
    char *name = config_copy(r, v, "name");
    g->conf.name = name;
    if (!name) {
        if (!conf_get(v, "name"))
            conf_problem(r, v, "a gateway needs a name, for example name = \"qq1\"");
        return;
    }
    if (!config_name_good(name))
        conf_problem(r, conf_get(v, "name"),
                     "name '%s': use a letter, then letters, digits, - and _, at most %d in all",
                     name, GATEWAY_NAME_MAX);
    for (int i = 0; i < c->ngateways; i++) {
        if (c->gateways[i].conf.name && strcmp(c->gateways[i].conf.name, name) == 0)
            conf_problem(r, conf_get(v, "name"),
                         "name '%s' is given twice; the first is in line %d", name,
                         c->gateways[i].line);
    }
}

/* ---- limits of sends ---- */

static void gateway_read_limit(struct conf_report *r, const struct conf_value *v,
                               enum pace_scope scope, struct pace *out)
{
    static const char *const keys[] = {"per", "burst", "count", "kinds", NULL};
    unsigned kinds = KINDS_ALL;
    int64_t per = 0, count = 1, burst = 1;
    if (v->type != CONF_TABLE) {
        conf_problem(r, v, "pace: a limit is a table like { per = \"1s\", burst = 3 }");
        return;
    }
    conf_check_keys(r, v, "pace limit", keys, false);
    if (!conf_get(v, "per"))
        conf_problem(r, v, "pace: a limit needs `per`, for example { per = \"1s\", burst = 3 }");
    conf_duration(r, v, "per", 1, &per);
    conf_integer(r, v, "count", 1, 1000000000, &count);
    conf_integer(r, v, "burst", 1, 1000000000, &burst);
    platform_read_kinds(r, v, &kinds);
    /* a count above the burst is what any window of that length sees at most; else it is a mere rate */
    int64_t us = count > burst ? pace_interval(count, per * 1000, (int)burst) : per * 1000 / count;
    pace_add_rule(out, scope, kinds, us, (int)burst);
}

static void gateway_read_limits(struct conf_report *r, const struct conf_value *pace,
                                const char *key, enum pace_scope scope, struct pace *out)
{
    const struct conf_value *v = conf_table(r, pace, key);
    if (!v)
        return;
    if (v->nentries != v->nlist) { /* one limit without the list around it */
        gateway_read_limit(r, v, scope, out);
        return;
    }
    if (v->nlist < 1 || v->nlist > PACE_RULES) {
        conf_problem(r, v, "pace.%s needs 1 to %d limits", key, PACE_RULES);
        return;
    }
    for (int i = 0; i < v->nlist; i++)
        gateway_read_limit(r, &v->entries[i].value, scope, out);
}

static void gateway_read_pace(struct conf_report *r, const struct conf_value *v,
                              struct config_gateway *g)
{
    static const char *const keys[] = {"account", "chat",   "member", "jitter",
                                       "late",    "warmup", NULL};
    const struct conf_value *pace = conf_get(v, "pace");
    if (!pace)
        return;
    if (pace->type != CONF_TABLE) {
        conf_problem(
            r, pace,
            "pace must be a table of limits; it cannot be switched off, but limits may be large: "
            "{ account = {{ per = \"1ms\", burst = 10000 }}, ... }");
        return;
    }
    conf_check_keys(r, pace, "pace", keys, false);
    struct pace own = {0};
    gateway_read_limits(r, pace, "account", PACE_ACCOUNT, &own);
    gateway_read_limits(r, pace, "chat", PACE_CHAT, &own);
    gateway_read_limits(r, pace, "member", PACE_MEMBER, &own);
    for (int scope = 0; scope < PACE_SCOPES; scope++) {
        if (!own.nrules[scope])
            continue;
        memcpy(g->pace.rules[scope], own.rules[scope], sizeof own.rules[scope]);
        g->pace.nrules[scope] = own.nrules[scope];
    }
    if (own.nrules[PACE_CHAT])
        g->pace.jitter = 0; /* whoever sets limits for chats sets the jitter with them */
    config_read_late(r, pace, &g->pace);
}

/* ---- where it connects ---- */

/* Implementations put the token into URLs and headers without escaping, so these would arrive as something else. */
static bool gateway_token_good(const char *token)
{
    for (; *token; token++) {
        unsigned char ch = (unsigned char)*token;
        if (ch <= ' ' || ch >= 0x7f || ch == '+' || ch == '&' || ch == '#' || ch == '%')
            return false;
    }
    return true;
}

static void gateway_read_token(struct conf_report *r, struct config *c, const struct conf_value *v,
                               struct gateway_conf *conf, unsigned flags)
{
    if (flags & CONFIG_NO_TOKENS)
        flags |= CONFIG_NO_SECRETS;
    conf->token = config_secret(r, c, v, "token", true, flags);
    if (conf->token && !gateway_token_good(conf->token))
        conf_problem(
            r, config_secret_at(v, "token"),
            "the token contains a blank, one of + & # %% or a byte that is not ASCII; gateways damage such "
            "tokens: set another one on both sides");
    conf_boolean(r, v, "token_in_query", &conf->token_in_query);
}

static void gateway_read_forward(struct conf_report *r, const struct conf_value *v,
                                 struct gateway_conf *conf)
{
    char *url = config_copy(r, v, "url");
    conf->url = url;
    if (!conf_get(v, "url"))
        conf_problem(r, v,
                     "mode \"forward\" needs url, for example url = \"ws://127.0.0.1:3001/\"");
    static const char *const others[] = {"listen", "path"};
    for (int i = 0; i < 2; i++) {
        if (conf_get(v, others[i]))
            conf_problem(r, conf_get(v, others[i]),
                         "%s belongs to mode \"reverse\"; with \"forward\" sopd connects to url",
                         others[i]);
    }
    if (!url)
        return;
    const char *host = strncmp(url, "ws://", 5) == 0    ? url + 5
                       : strncmp(url, "wss://", 6) == 0 ? url + 6
                                                        : NULL;
    if (!host || !*host || *host == '/' || *host == ':')
        conf_problem(r, conf_get(v, "url"),
                     "url must be ws://host:port/path or wss://host:port/path");
    else if (memchr(host, '@', strcspn(host, "/?")))
        conf_problem(r, conf_get(v, "url"),
                     "url must not hold a password; use token, token_env or token_file");
    else if (strstr(host, "access_token="))
        conf_problem(r, conf_get(v, "url"),
                     "url must not hold the token; use token_env or token_file, and "
                     "token_in_query = true if the gateway wants it in the URL");
    else if (strpbrk(host, " \t\r\n#"))
        conf_problem(r, conf_get(v, "url"), "url contains a blank or #");
}

/* Two gateways may share an address when their paths tell them apart; without a path one answers at all usual ones. */
static void gateway_check_listener(struct conf_report *r, const struct config *c,
                                   const struct conf_value *v, const struct gateway_conf *conf)
{
    for (int i = 0; i < c->ngateways; i++) {
        const struct gateway_conf *other = &c->gateways[i].conf;
        if (!other->listen || strcmp(other->listen, conf->listen) != 0)
            continue;
        if (!other->path != !conf->path || (conf->path && strcmp(other->path, conf->path) != 0))
            continue;
        conf_problem(r, v,
                     "gateway %s listens on %s%s already; give one of them another path or port",
                     other->name ? other->name : "?", conf->listen, conf->path ? conf->path : "");
    }
}

static void gateway_read_reverse(struct conf_report *r, const struct config *c,
                                 const struct conf_value *v, struct gateway_conf *conf)
{
    conf->listen = config_copy(r, v, "listen");
    conf->path = config_copy(r, v, "path");
    if (!conf_get(v, "listen"))
        conf_problem(r, v,
                     "mode \"reverse\" needs listen, for example listen = \"127.0.0.1:8080\"");
    if (conf_get(v, "url"))
        conf_problem(
            r, conf_get(v, "url"),
            "url belongs to mode \"forward\"; with \"reverse\" the gateway connects to us");
    if (conf->path && (conf->path[0] != '/' || strpbrk(conf->path, " \t\r\n?#")))
        conf_problem(r, conf_get(v, "path"), "path must begin with / and hold no blank, ? or #");
    if (!conf->listen)
        return;
    char *host = NULL;
    int port;
    if (!config_parse_listen(conf->listen, &host, &port)) {
        conf_problem(r, conf_get(v, "listen"),
                     "listen must be address:port, for example \"127.0.0.1:8080\"");
    } else {
        gateway_check_listener(r, c, v, conf);
        if (!config_is_loopback(host) && !config_secret_at(v, "token"))
            conf_problem(
                r, conf_get(v, "listen"),
                "%s can be reached from outside: set token_env or token_file, or listen on 127.0.0.1",
                conf->listen);
    }
    free(host);
}

static void gateway_read_self_id(struct conf_report *r, const struct conf_value *v,
                                 struct gateway_conf *conf)
{
    const struct conf_value *id = conf_get(v, "self_id");
    if (id && id->type == CONF_INTEGER && id->integer > 0) {
        char text[24];
        snprintf(text, sizeof text, "%lld", (long long)id->integer);
        conf->self_id = mem_strdup(text);
    } else if (id) {
        conf->self_id = config_copy(r, v, "self_id");
        if (conf->self_id && (!*conf->self_id || strlen(conf->self_id) > EVENT_ID_MAX))
            conf_problem(r, id, "self_id must have 1 to %d characters", EVENT_ID_MAX);
    }
}

void config_read_link(struct conf_report *r, struct config *c, const struct conf_value *v,
                      struct gateway_conf *conf, unsigned flags, int catchup, const char *own_time)
{
    const char *const times[] = {
        "first",       "idle",    "backoff",   "backoff_max",   "auth_backoff", "auth_backoff_max",
        "ready_reset", "timeout", "stale",     "request_delay", "catchup",      "settle",
        "resend",      "circuit", "risk_step", "risk_window",   own_time,       NULL};
    int64_t n = catchup;
    conf->tls_ca = config_readable(r, c, v, "tls_ca");
    conf->tls_cert = config_readable(r, c, v, "tls_cert");
    conf->tls_key = config_readable(r, c, v, "tls_key");
    conf_boolean(r, v, "tls_insecure", &conf->tls_insecure);
    config_read_wire(r, c, v, conf, flags);
    conf_integer(r, v, "catchup", 0, 1000, &n);
    conf->catchup = (int)n;
    config_read_timing(r, v, conf, times);
    config_read_health(r, v, conf);
}

/* A type without keys of its own: we connect to `url`, with `token`. */
static void gateway_read_plain(struct conf_report *r, struct config *c, const struct conf_value *v,
                               struct config_gateway *g, unsigned flags)
{
    static const char *const keys[] = {
        "name",   "type",      "url",        "token",        "token_env", "token_file", "self_id",
        "tls_ca", "tls_cert",  "tls_key",    "tls_insecure", "max_frame", "fragment",   "compress",
        "proxy",  "proxy_env", "proxy_file", "catchup",      "canary",    "expect",     "timing",
        "pace",   "platform",  "quotas",     "attention",    NULL};
    struct gateway_conf *conf = &g->conf;
    conf_check_keys(r, v, conf->type, keys, false);
    gateway_read_token(r, c, v, conf, flags);
    gateway_read_forward(r, v, conf);
    config_read_link(r, c, v, conf, flags, GATEWAY_CATCHUP, NULL);
}

static void gateway_read_onebot(struct conf_report *r, struct config *c, const struct conf_value *v,
                                struct config_gateway *g, unsigned flags)
{
    static const char *const keys[] = {"name",       "type",           "mode",         "url",
                                       "listen",     "path",           "token",        "token_env",
                                       "token_file", "token_in_query", "self_id",      "tls_ca",
                                       "tls_cert",   "tls_key",        "tls_insecure", "max_frame",
                                       "fragment",   "compress",       "proxy",        "proxy_env",
                                       "proxy_file", "catchup",        "canary",       "expect",
                                       "timing",     "pace",           "platform",     "quotas",
                                       "attention",  "pool",           "pool_back",    NULL};
    struct gateway_conf *conf = &g->conf;
    char where[64];
    snprintf(where, sizeof where, "gateway %s", conf->name ? conf->name : "?");
    conf_check_keys(r, v, where, keys, false);
    conf->mode = config_copy(r, v, "mode");
    gateway_read_token(r, c, v, conf, flags);
    if (conf->mode && strcmp(conf->mode, "forward") == 0)
        gateway_read_forward(r, v, conf);
    else if (conf->mode && strcmp(conf->mode, "reverse") == 0)
        gateway_read_reverse(r, c, v, conf);
    else if (conf->mode || !conf_get(v, "mode"))
        conf_problem(
            r, conf->mode ? conf_get(v, "mode") : v,
            "mode must be \"forward\" (sopd connects to url) or \"reverse\" (the gateway connects to listen)");
    config_read_link(r, c, v, conf, flags, GATEWAY_CATCHUP, NULL);
}

void config_read_gateway(struct conf_report *r, struct config *c, const struct conf_value *v,
                         struct config_gateway *g, unsigned flags)
{
    static const char *const types[] = {"onebot11", "playground", "wecom", "satori", NULL};
    static const char *const keys[] = {"name",     "type",   "self_id",   "pace",
                                       "platform", "quotas", "attention", NULL};
    g->line = v->line;
    if (v->type != CONF_TABLE) {
        conf_problem(r, v,
                     "a gateway must be a table: { name = \"qq1\", type = \"onebot11\", ... }");
        return;
    }
    gateway_read_name(r, c, v, g);
    g->conf.type = config_copy(r, v, "type");
    gateway_read_self_id(r, v, &g->conf);
    if (!g->conf.type) {
        if (!conf_get(v, "type"))
            conf_problem(
                r, v,
                "a gateway needs a type: \"onebot11\", \"satori\", \"wecom\" or \"playground\"");
        return;
    }
    if (strcmp(g->conf.type, types[0]) == 0) {
        gateway_read_onebot(r, c, v, g, flags);
    } else if (strcmp(g->conf.type, types[1]) == 0) {
        conf_check_keys(r, v, "playground gateway", keys, false);
    } else if (strcmp(g->conf.type, types[2]) == 0) {
        config_read_wecom(r, c, v, g, flags);
    } else if (strcmp(g->conf.type, types[3]) == 0) {
        config_read_satori(r, c, v, g, flags);
    } else if (gateway_ops_find(g->conf.type)) {
        gateway_read_plain(r, c, v, g, flags);
    } else {
        const char *near = conf_nearest(g->conf.type, types);
        conf_problem(r, conf_get(v, "type"), "unknown type '%s'; %s'%s'%s", g->conf.type,
                     near ? "did you mean " : "known are ", near ? near : "onebot11",
                     near ? "?" : ", 'satori', 'wecom' and 'playground'");
    }
    /* who sends nothing needs no limits: a slip in a file of them leaves `sopd ctl` usable */
    if (!(flags & CONFIG_NO_TOKENS))
        config_read_platform(r, c, v, g);
    gateway_read_pace(r, v, g);
    config_read_pool(r, c, v, g);
}
