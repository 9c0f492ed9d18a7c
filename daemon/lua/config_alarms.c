/* config_alarms.c -- `alarms` of the configuration: who is told when something is wrong; and of each gateway what shows that it can be
 * heard (`canary`, `expect`). Callers: lua/config.c, lua/config_gateway.c. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "lua/config_internal.h"

enum {
    CANARY_WITHIN_MS = 60000,
    CANARY_LEAST_MS = 1000,
    AFTER_MAX_MS = 45000 /* an alarm is told within a minute */
};

/* A list of texts, or one; NULL with a problem. */
static char **alarms_list(struct conf_report *r, const struct conf_value *v, const char *key)
{
    bool one = v->type == CONF_STRING;
    if (!one && (v->type != CONF_TABLE || v->nlist != v->nentries || v->nlist == 0)) {
        conf_problem(r, v, "%s must be a text or a list of texts", key);
        return NULL;
    }
    int n = one ? 1 : v->nlist;
    char **list = mem_zero(((size_t)n + 1) * sizeof *list);
    for (int i = 0; i < n; i++) {
        const struct conf_value *item = one ? v : &v->entries[i].value;
        if (item->type == CONF_STRING && item->len)
            list[i] = mem_strdup(item->string);
        else
            conf_problem(r, item, "%s: an entry must be a text, not %s", key, conf_type_name(item));
        if (!list[i])
            list[i] = mem_strdup("");
    }
    return list;
}

static void alarms_read_staff(struct conf_report *r, struct config *c, const struct conf_value *v)
{
    const struct conf_value *staff = conf_get(v, "staff");
    if (!staff)
        return;
    c->alarms.staff = alarms_list(r, staff, "alarms.staff");
    for (char **p = c->alarms.staff; p && *p; p++) {
        const char *colon = strchr(*p, ':');
        if (!colon || colon == *p || !colon[1])
            conf_problem(r, staff,
                         "alarms.staff: '%s' must be gateway:chat, for example \"qq1:700000009\"",
                         *p);
        else if (!config_has_gateway(c, *p, (size_t)(colon - *p)))
            conf_problem(r, staff, "alarms.staff: there is no gateway %.*s", (int)(colon - *p), *p);
    }
}

static bool alarms_header_good(const char *s)
{
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && *s != '-')
            return false;
    return true;
}

static void alarms_read_webhook(struct conf_report *r, struct config *c, const struct conf_value *v,
                                unsigned flags)
{
    const char *url = NULL, *header = NULL;
    struct http_url parsed;
    char *token = config_secret(r, c, v, "webhook_token", false, flags);
    if (conf_string(r, v, "webhook", &url)) {
        const char *why = http_url_parse(url, &parsed);
        if (why)
            conf_problem(r, conf_get(v, "webhook"), "alarms.webhook: %s", why);
        else if (token && !parsed.tls && !config_is_loopback(parsed.host))
            config_warn(c, r, conf_get(v, "webhook"),
                        "alarms.webhook: the token for %s is sent without encryption", parsed.host);
        c->alarms.webhook = mem_strdup(url);
    } else if (config_secret_at(v, "webhook_token")) {
        conf_problem(r, config_secret_at(v, "webhook_token"), "alarms: a token without a webhook");
    }
    if (conf_string(r, v, "webhook_header", &header) && (!*header || !alarms_header_good(header)))
        conf_problem(r, conf_get(v, "webhook_header"),
                     "alarms.webhook_header must be a name such as X-Api-Key");
    if (!token)
        return;
    struct buf value = {0};
    buf_addf(&value, "%s%s", header ? "" : "Bearer ", token);
    c->alarms.header = mem_strdup(header ? header : "Authorization");
    c->alarms.value = buf_take(&value);
    explicit_bzero(token, strlen(token));
    free(token);
}

static void alarms_read_exec(struct conf_report *r, struct config *c, const struct conf_value *v)
{
    const struct conf_value *exec = conf_get(v, "exec");
    if (!exec)
        return;
    c->alarms.exec = alarms_list(r, exec, "alarms.exec");
    if (!c->alarms.exec)
        return;
    if (c->alarms.exec[0][0] != '/')
        conf_problem(r, exec, "alarms.exec: name the program by its whole path; there is no shell");
    else if (access(c->alarms.exec[0], X_OK) != 0)
        config_warn(c, r, exec, "alarms.exec: %s cannot be run by this user", c->alarms.exec[0]);
}

void config_read_alarms(struct conf_report *r, struct config *c, const struct conf_value *root,
                        unsigned flags)
{
    static const char *const keys[] = {"staff",
                                       "webhook",
                                       "webhook_header",
                                       "webhook_token_env",
                                       "webhook_token_file",
                                       "exec",
                                       "after",
                                       "calm",
                                       NULL};
    c->alarms.zone = zone_get(c->timezone);
    if (c->embedded && c->data_dir)
        c->alarms.folder = mem_strdup(c->data_dir);
    const struct conf_value *v = conf_table(r, root, "alarms");
    if (!v)
        return;
    conf_check_keys(r, v, "alarms", keys, false);
    alarms_read_staff(r, c, v);
    alarms_read_webhook(r, c, v, flags);
    alarms_read_exec(r, c, v);
    if (conf_duration(r, v, "after", 1, &c->alarms.after_ms) && c->alarms.after_ms > AFTER_MAX_MS)
        conf_problem(r, conf_get(v, "after"),
                     "alarms.after is at most 45s: an alarm is told within a minute");
    conf_duration(r, v, "calm", 1, &c->alarms.calm_ms);
}

/* ---- of a gateway ---- */

static void alarms_read_canary(struct conf_report *r, const struct conf_value *v,
                               struct gateway_conf *conf)
{
    static const char *const keys[] = {"chat", "every", "within", NULL};
    const struct conf_value *t = conf_table(r, v, "canary");
    const char *chat = NULL;
    if (!t)
        return;
    conf_check_keys(r, t, "canary", keys, false);
    if (conf_string(r, t, "chat", &chat) && *chat && *chat != '@')
        conf->canary_chat = mem_strdup(chat);
    else
        conf_problem(r, t,
                     "canary: chat must name a private test group, for example \"700000009\"");
    conf->canary_every_ms = 600000;
    conf->canary_within_ms = CANARY_WITHIN_MS;
    conf_duration(r, t, "every", CANARY_LEAST_MS, &conf->canary_every_ms);
    conf_duration(r, t, "within", CANARY_LEAST_MS / 2, &conf->canary_within_ms);
    if (conf->canary_within_ms > conf->canary_every_ms)
        conf_problem(r, t, "canary: within must not be longer than every");
}

static void alarms_clock(struct conf_report *r, const struct conf_value *t, const char *key,
                         int64_t *ms)
{
    const char *s = NULL;
    if (conf_string(r, t, key, &s) && !time_parse_clock(s, ms))
        conf_problem(r, conf_get(t, key), "expect.%s must be a time of day, for example \"08:00\"",
                     key);
}

static void alarms_read_expect(struct conf_report *r, const struct conf_value *v,
                               struct gateway_conf *conf)
{
    static const char *const keys[] = {"every", "from", "to", NULL};
    const struct conf_value *t = conf_get(v, "expect");
    if (!t || (t->type == CONF_STRING && strcmp(t->string, "usual") == 0))
        return;
    if (t->type == CONF_BOOLEAN && !t->boolean) {
        conf->expect = EXPECT_NOTHING;
        return;
    }
    if (t->type != CONF_TABLE) {
        conf_problem(r, t,
                     "expect must be \"usual\", false, or { every = \"15m\", from = \"08:00\", "
                     "to = \"23:00\" }");
        return;
    }
    conf_check_keys(r, t, "expect", keys, false);
    conf->expect = EXPECT_EVERY;
    if (!conf_get(t, "every"))
        conf_problem(r, t, "expect: every is missing, for example every = \"15m\"");
    conf_duration(r, t, "every", CANARY_LEAST_MS, &conf->expect_ms);
    alarms_clock(r, t, "from", &conf->expect_from_ms);
    alarms_clock(r, t, "to", &conf->expect_to_ms);
    if (!conf_get(t, "from") != !conf_get(t, "to"))
        conf_problem(r, t, "expect: from and to belong together");
}

void config_read_health(struct conf_report *r, const struct conf_value *v,
                        struct gateway_conf *conf)
{
    alarms_read_canary(r, v, conf);
    alarms_read_expect(r, v, conf);
}
