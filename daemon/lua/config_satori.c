/* config_satori.c -- an entry of `gateways` of type "satori": the server, which of its logins, where joins are greeted.
 * Several entries with the same server, token and TLS settings are logins of one connection. Callers: config_gateway.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lua/config_internal.h"

enum {
    SATORI_CATCHUP = 100, /* messages of history a chat; the protocol's pages have 50 */
    SATORI_PLATFORM_MAX = 63,
    SATORI_CHANNELS_MAX = 1000,
};

/* An id as text or as a whole number. */
static char *satori_id(struct conf_report *r, const struct conf_value *v, const char *what)
{
    char text[24];
    if (v->type == CONF_INTEGER && v->integer >= 0) {
        snprintf(text, sizeof text, "%lld", (long long)v->integer);
        return mem_strdup(text);
    }
    size_t n = v->type == CONF_STRING ? strlen(v->string) : 0;
    if (n >= 1 && n <= EVENT_ID_MAX)
        return mem_strdup(v->string);
    conf_problem(r, v, "%s must be an id with 1 to %d characters", what, EVENT_ID_MAX);
    return NULL;
}

static const char *satori_or(const char *s, const char *other)
{
    return s ? s : other;
}

static bool satori_same(const char *a, const char *b)
{
    return strcmp(satori_or(a, ""), satori_or(b, "")) == 0;
}

/* Two entries of one server must be two logins. */
static void satori_check_twice(struct conf_report *r, const struct config *c,
                               const struct conf_value *v, const struct gateway_conf *conf)
{
    for (int i = 0; i < c->ngateways; i++) {
        const struct gateway_conf *other = &c->gateways[i].conf;
        if (!other->type || strcmp(other->type, "satori") != 0 || !other->url || !conf->url ||
            strcmp(other->url, conf->url) != 0 || !satori_same(other->token, conf->token))
            continue;
        bool apart =
            (other->self_id && conf->self_id && strcmp(other->self_id, conf->self_id) != 0) ||
            (other->login_platform && conf->login_platform &&
             strcmp(other->login_platform, conf->login_platform) != 0);
        if (!apart)
            conf_problem(r, v,
                         "gateway %s has the same server; say which login each of them is with "
                         "login = { platform = \"...\", id = \"...\" }",
                         satori_or(other->name, "?"));
    }
}

static void satori_read_login(struct conf_report *r, const struct conf_value *v,
                              struct gateway_conf *conf)
{
    static const char *const keys[] = {"platform", "id", NULL};
    const struct conf_value *login = conf_table(r, v, "login");
    if (!login)
        return;
    conf_check_keys(r, login, "login", keys, false);
    char *platform = config_copy(r, login, "platform");
    conf->login_platform = platform;
    if (platform && (!*platform || strlen(platform) > SATORI_PLATFORM_MAX))
        conf_problem(r, conf_get(login, "platform"),
                     "login.platform must have 1 to %d characters, for example \"discord\"",
                     SATORI_PLATFORM_MAX);
    const struct conf_value *id = conf_get(login, "id");
    if (id && conf->self_id) {
        conf_problem(r, id, "login.id and self_id say the same; use login.id");
    } else if (id) {
        conf->self_id = satori_id(r, id, "login.id");
    }
    if (!id && !platform)
        conf_problem(r, login,
                     "login needs platform or id, for example { platform = \"discord\", id = "
                     "\"900\" }");
}

static void satori_read_url(struct conf_report *r, struct config *c, const struct conf_value *v,
                            struct gateway_conf *conf)
{
    char *url = config_copy(r, v, "url");
    const struct conf_value *at = conf_get(v, "url");
    conf->url = url;
    if (!at)
        conf_problem(r, v,
                     "a Satori gateway needs url, for example url = "
                     "\"http://127.0.0.1:5140/satori\"");
    if (!url)
        return;
    const char *colon = strstr(url, "://");
    size_t n = colon ? (size_t)(colon - url) : 0;
    bool http = (n == 4 && memcmp(url, "http", 4) == 0) || (n == 2 && memcmp(url, "ws", 2) == 0);
    bool https = (n == 5 && memcmp(url, "https", 5) == 0) || (n == 3 && memcmp(url, "wss", 3) == 0);
    const char *host = colon ? colon + 3 : "";
    if ((!http && !https) || !*host || *host == '/' || *host == ':') {
        conf_problem(r, at, "url must be http://host:port/prefix or https://host:port/prefix");
        return;
    }
    if (memchr(host, '@', strcspn(host, "/?")))
        conf_problem(r, at, "url must not hold a password; use token, token_env or token_file");
    else if (strpbrk(host, " \t\r\n?#"))
        conf_problem(r, at, "url must have no query, fragment or blank");
    char *address = mem_strndup(host, strcspn(host, "/")), *name = NULL;
    int port;
    if (http && config_secret_at(v, "token") &&
        !(config_parse_listen(address, &name, &port) && config_is_loopback(name)))
        config_warn(c, r, at, "http:// sends the token and all messages unencrypted");
    free(name);
    free(address);
}

static void satori_read_token(struct conf_report *r, struct config *c, const struct conf_value *v,
                              struct gateway_conf *conf, unsigned flags)
{
    if (flags & CONFIG_NO_TOKENS)
        flags |= CONFIG_NO_SECRETS;
    conf->token = config_secret(r, c, v, "token", true, flags);
    for (const char *s = conf->token; s && *s; s++) {
        if ((unsigned char)*s > ' ' && (unsigned char)*s < 0x7f)
            continue;
        conf_problem(r, config_secret_at(v, "token"),
                     "the token contains a blank or a byte that is not ASCII: set another one on "
                     "both sides");
        return;
    }
}

/* channels = { ["guild"] = "channel" } */
static void satori_read_channels(struct conf_report *r, const struct conf_value *v,
                                 struct gateway_conf *conf)
{
    const struct conf_value *all = conf_table(r, v, "channels");
    if (!all || all->nentries == 0)
        return;
    if (all->nlist || all->nentries > SATORI_CHANNELS_MAX) {
        conf_problem(r, all,
                     "channels must be a table of at most %d guilds with their channel, for "
                     "example { [\"g1\"] = \"c1\" }",
                     SATORI_CHANNELS_MAX);
        return;
    }
    const char **pairs = mem_zero((2 * (size_t)all->nentries + 1) * sizeof *pairs);
    conf->channels = pairs;
    for (int i = 0, n = 0; i < all->nentries; i++) {
        const struct conf_entry *e = &all->entries[i];
        char *channel = satori_id(r, &e->value, "channels: a channel");
        if (!channel)
            continue;
        pairs[n++] = mem_strdup(e->key);
        pairs[n++] = channel;
    }
}

void config_read_satori(struct conf_report *r, struct config *c, const struct conf_value *v,
                        struct config_gateway *g, unsigned flags)
{
    static const char *const keys[] = {
        "name",     "type",     "url",          "token",     "token_env",  "token_file",
        "login",    "self_id",  "channels",     "resume",    "tls_ca",     "tls_cert",
        "tls_key",  "proxy",    "tls_insecure", "proxy_env", "proxy_file", "max_frame",
        "fragment", "compress", "catchup",      "canary",    "expect",     "timing",
        "pace",     "platform", "quotas",       "attention", "pool",       "pool_back",
        NULL};
    struct gateway_conf *conf = &g->conf;
    char where[64];
    snprintf(where, sizeof where, "gateway %s", satori_or(conf->name, "?"));
    conf_check_keys(r, v, where, keys, false);
    satori_read_url(r, c, v, conf);
    satori_read_token(r, c, v, conf, flags);
    satori_read_login(r, v, conf);
    satori_check_twice(r, c, v, conf);
    satori_read_channels(r, v, conf);
    conf->resume = true;
    conf_boolean(r, v, "resume", &conf->resume);
    config_read_link(r, c, v, conf, flags, SATORI_CATCHUP, "ping");
    if (conf->ping_ms && conf->idle_ms && conf->idle_ms <= conf->ping_ms)
        conf_problem(r, conf_get(v, "timing"), "timing: idle must be longer than ping");
}

const char *config_satori_platform(const struct gateway_conf *conf)
{
    static const char *const names[][2] = {
        {"llonebot", "onebot11"}, {"chronocat", "onebot11"}, {"onebot", "onebot11"},
        {"red", "onebot11"},      {"qq", "qq-official"},     {"qqguild", "qq-official"},
        {"lark", "feishu"},       {"feishu", "feishu"},      {"discord", "discord"},
        {"telegram", "telegram"}, {"kook", "kook"},          {"dingtalk", "dingtalk"},
        {"line", "line"},         {"slack", "slack"}};
    for (size_t i = 0; conf->login_platform && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i][0], conf->login_platform) == 0)
            return names[i][1];
    return "onebot11"; /* nobody knows: the most careful */
}
