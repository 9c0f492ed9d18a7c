/* config_wecom.c -- an entry of `gateways` of type "wecom": which bot, its secret, how it is called, what it does when another program
 * takes it over. Callers: config_gateway.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lua/config_internal.h"

enum {
    WECOM_NAMES = 16,
    WECOM_NAME_MAX = 64,           /* bytes */
    WECOM_TAKEOVER_MS = 5 * 60000, /* sooner, two programs would kick each other without end */
    WECOM_SCENE_MAX = 1000000000,
};

static void wecom_read_bot(struct conf_report *r, const struct config *c,
                           const struct conf_value *v, struct gateway_conf *conf)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    conf->bot_id = config_copy(r, v, "bot_id");
    if (!conf_get(v, "bot_id"))
        conf_problem(r, v, "a WeCom gateway needs bot_id, the BotID of its page in the console");
    if (!conf->bot_id)
        return;
    size_t n = strlen(conf->bot_id);
    if (!n || n > EVENT_ID_MAX || strspn(conf->bot_id, good) != n)
        conf_problem(r, conf_get(v, "bot_id"),
                     "bot_id must be the BotID of the console: letters, digits, _ and -");
    for (int i = 0; i < c->ngateways; i++) {
        const struct gateway_conf *other = &c->gateways[i].conf;
        if (other->bot_id && strcmp(other->bot_id, conf->bot_id) == 0)
            conf_problem(r, conf_get(v, "bot_id"),
                         "bot_id is that of gateway %s already; the platform allows one connection "
                         "per bot",
                         other->name ? other->name : "?");
    }
}

static void wecom_read_secret(struct conf_report *r, struct config *c, const struct conf_value *v,
                              struct gateway_conf *conf, unsigned flags)
{
    if (flags & CONFIG_NO_TOKENS)
        flags |= CONFIG_NO_SECRETS;
    const struct conf_value *at = config_secret_at(v, "secret");
    conf->token = config_secret(r, c, v, "secret", true, flags);
    if (!at)
        conf_problem(r, v,
                     "a WeCom gateway needs secret_env or secret_file: the Secret of the long "
                     "connection, beside the BotID in the console");
    for (const char *s = conf->token; s && *s; s++) {
        if ((unsigned char)*s > ' ' && (unsigned char)*s < 0x7f)
            continue;
        conf_problem(r, at, "the secret contains a blank or a byte that is not ASCII");
        return;
    }
}

static void wecom_read_url(struct conf_report *r, struct config *c, const struct conf_value *v,
                           struct gateway_conf *conf)
{
    char *url = config_copy(r, v, "url");
    conf->url = url;
    if (!url)
        return; /* the platform's own */
    bool tls = strncmp(url, "wss://", 6) == 0, plain = strncmp(url, "ws://", 5) == 0;
    char *rest = mem_strdup(tls ? url + 6 : plain ? url + 5 : ""), *host = NULL;
    rest[strcspn(rest, "/?")] = '\0';
    int port;
    if (!*rest || strpbrk(url, " \t\r\n#"))
        conf_problem(r, conf_get(v, "url"), "url must be wss://host[:port][/path]");
    else if (strchr(rest, '@'))
        conf_problem(r, conf_get(v, "url"), "url must not hold a password; use secret_env");
    else if (plain && !(config_parse_listen(rest, &host, &port) && config_is_loopback(host)))
        config_warn(c, r, conf_get(v, "url"),
                    "ws:// sends the secret and all messages unencrypted; wss:// is meant");
    free(host);
    free(rest);
}

/* One name or a list. */
static void wecom_read_names(struct conf_report *r, const struct conf_value *v,
                             struct gateway_conf *conf)
{
    const struct conf_value *names = conf_get(v, "names");
    if (!names)
        return;
    bool one = names->type == CONF_STRING;
    int n = one ? 1 : names->type == CONF_TABLE ? names->nlist : 0;
    if (n < 1 || n > WECOM_NAMES || (!one && names->nlist != names->nentries)) {
        conf_problem(r, names, "names must be 1 to %d names of the bot, for example { \"小助手\" }",
                     WECOM_NAMES);
        return;
    }
    const char **list = mem_zero(((size_t)n + 1) * sizeof *list);
    conf->names = list;
    for (int i = 0, k = 0; i < n; i++) {
        const struct conf_value *name = one ? names : &names->entries[i].value;
        const char *s = name->type == CONF_STRING ? name->string : "";
        if (!*s || strlen(s) > WECOM_NAME_MAX || *s == '@' || *s == ' ' || s[strlen(s) - 1] == ' ')
            conf_problem(r, name,
                         "names: a name of the bot as members see it, without the @, at most %d "
                         "bytes, no blank at its ends",
                         WECOM_NAME_MAX);
        else
            list[k++] = mem_strdup(s);
    }
}

static void wecom_read_habits(struct conf_report *r, const struct conf_value *v,
                              struct gateway_conf *conf)
{
    const char *mention = NULL;
    if (conf_string(r, v, "mention", &mention)) {
        conf->mention_angle = strcmp(mention, "angle") == 0;
        if (!conf->mention_angle && strcmp(mention, "plain") != 0)
            conf_problem(r, conf_get(v, "mention"),
                         "mention must be \"plain\" (@name as text) or \"angle\" (<@userid>)");
    }
    conf_integer(r, v, "scene", 0, WECOM_SCENE_MAX, &conf->scene);
    conf->plug_version = config_copy(r, v, "plug_version");
    if (conf_duration(r, v, "takeover", 0, &conf->takeover_ms) && conf->takeover_ms &&
        conf->takeover_ms < WECOM_TAKEOVER_MS)
        conf_problem(r, conf_get(v, "takeover"),
                     "takeover must be at least 5m, or two programs kick each other without end");
}

void config_read_wecom(struct conf_report *r, struct config *c, const struct conf_value *v,
                       struct config_gateway *g, unsigned flags)
{
    static const char *const keys[] = {
        "name",   "type",      "bot_id",    "secret",     "secret_env",   "secret_file",
        "url",    "names",     "mention",   "scene",      "plug_version", "takeover",
        "tls_ca", "proxy",     "proxy_env", "proxy_file", "max_frame",    "canary",
        "expect", "timing",    "pace",      "platform",   "quotas",       "attention",
        "pool",   "pool_back", NULL};
    static const char *const times[] = {
        "first",   "ping",        "backoff",     "backoff_max", "auth_backoff", "auth_backoff_max",
        "limited", "ready_reset", "timeout",     "stale",       "settle",       "resend",
        "circuit", "risk_step",   "risk_window", NULL};
    struct gateway_conf *conf = &g->conf;
    char where[64];
    snprintf(where, sizeof where, "gateway %s", conf->name ? conf->name : "?");
    conf_check_keys(r, v, where, keys, false);
    if (conf_get(v, "pool"))
        conf_problem(r, conf_get(v, "pool"),
                     "pool: bots of WeCom cannot stand in for each other, members call one of them "
                     "by its name");
    wecom_read_bot(r, c, v, conf);
    wecom_read_secret(r, c, v, conf, flags);
    wecom_read_url(r, c, v, conf);
    wecom_read_names(r, v, conf);
    wecom_read_habits(r, v, conf);
    conf->tls_ca = config_readable(r, c, v, "tls_ca");
    config_read_wire(r, c, v, conf, flags);
    config_read_timing(r, v, conf, times);
    config_read_health(r, v, conf);
}
