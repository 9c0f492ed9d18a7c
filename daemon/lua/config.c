/* config.c -- see config.h. The top level of the file; gateways are in config_gateway.c, secrets in config_secret.c.
 * Callers: cli/ (serve, check, ctl). */
#include "lua/config.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "gateway/conf.h"
#include "lua/config_internal.h"

static const char *const config_keys[] = {"data_dir",
                                          "redis",
                                          "redis_user",
                                          "redis_password_env",
                                          "redis_password_file",
                                          "http",
                                          "sop",
                                          "sop_watch",
                                          "playbooks",
                                          "staff",
                                          "tags",
                                          "gateways",
                                          "timezone",
                                          "log",
                                          "lua",
                                          "queue",
                                          "streams",
                                          "retention",
                                          "breaker",
                                          "http_client",
                                          "llm",
                                          "trace",
                                          "alarms",
                                          NULL};

void config_warn(struct config *c, const struct conf_report *r, const struct conf_value *v,
                 const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_addf(&c->warnings, "%s:%d: %s\n", r->file, v->line, text);
}

bool config_is_loopback(const char *host)
{
    struct in_addr v4;
    if (strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0)
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

bool config_parse_listen(const char *text, char **host, int *port)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text)
        return false;
    char *end;
    long n = strtol(colon + 1, &end, 10);
    if (end == colon + 1 || *end || n < 1 || n > 65535 || colon[1] == '+' || colon[1] == ' ')
        return false;
    const char *from = text;
    size_t len = (size_t)(colon - text);
    if (*from == '[' && len > 2 && from[len - 1] == ']') {
        from++;
        len -= 2;
    } else if (memchr(from, ':', len)) {
        return false; /* an IPv6 address needs brackets */
    }
    char *name = mem_strndup(from, len);
    unsigned char address[16];
    if (inet_pton(AF_INET, name, address) != 1 && inet_pton(AF_INET6, name, address) != 1 &&
        strcmp(name, "localhost") != 0) {
        free(name);
        return false;
    }
    *host = name;
    *port = (int)n;
    return true;
}

char *config_path(const struct config *c, const char *path)
{
    const char *slash = c->file ? strrchr(c->file, '/') : NULL;
    if (path[0] == '/' || !slash)
        return mem_strdup(path);
    struct buf b = {0};
    buf_addf(&b, "%.*s/%s", slash == c->file ? 0 : (int)(slash - c->file), c->file, path);
    return buf_take(&b);
}

static void config_read_data_dir(struct conf_report *r, struct config *c,
                                 const struct conf_value *root)
{
    const char *s = NULL;
    if (conf_string(r, root, "data_dir", &s)) {
        if (!*s)
            conf_problem(r, conf_get(root, "data_dir"), "data_dir is empty");
        else
            c->data_dir = config_path(c, s);
    } else if (!conf_get(root, "data_dir")) {
        const char *state = getenv("STATE_DIRECTORY"); /* systemd's StateDirectory= */
        c->data_dir = mem_strdup(state && *state ? state : "/var/lib/sopd");
    }
}

static void config_read_redis(struct conf_report *r, struct config *c,
                              const struct conf_value *root, unsigned flags)
{
    const char *url = NULL;
    const struct conf_value *v = conf_get(root, "redis");
    const struct conf_value *secret = config_secret_at(root, "redis_password");
    c->embedded = v == NULL;
    if (!v && secret)
        conf_problem(
            r, secret,
            "a password for Redis is given, but `redis` is not; the embedded one needs none");
    if (!conf_string(r, root, "redis", &url))
        return;
    struct buf why = {0};
    if (!redis_addr_parse(url, &c->redis, &why))
        conf_problem(r, v, "redis: %s", buf_cstr(&why));
    buf_free(&why);
    const char *user = NULL;
    if (conf_string(r, root, "redis_user", &user)) {
        free(c->redis.user);
        c->redis.user = mem_strdup(user);
        if (!secret && !c->redis.password)
            conf_problem(r, conf_get(root, "redis_user"), "redis_user is given without a password");
    }
    char *password = config_secret(r, c, root, "redis_password", false, flags);
    if (password && c->redis.password)
        conf_problem(r, v, "redis holds a password, and another one is given beside it; keep one");
    if (password) {
        free(c->redis.password);
        c->redis.password = password;
    }
}

static void config_read_http(struct conf_report *r, struct config *c, const struct conf_value *root)
{
    const char *s = NULL;
    const struct conf_value *v = conf_get(root, "http");
    if (v && v->type == CONF_BOOLEAN && !v->boolean)
        return;
    if (!conf_string(r, root, "http", &s))
        return;
    if (!config_parse_listen(s, &c->http_host, &c->http_port))
        conf_problem(r, v, "http must be address:port like \"127.0.0.1:9180\", or false");
    else if (!config_is_loopback(c->http_host))
        config_warn(c, r, v, "http: %s can be reached from outside; /metrics names chats and flows",
                    s);
}

static bool config_is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void config_read_sop(struct conf_report *r, struct config *c, const struct conf_value *root)
{
    const struct conf_value *v = conf_get(root, "sop");
    int n = v && v->type == CONF_TABLE ? v->nlist : v ? 1 : 0;
    c->sop = mem_zero(((size_t)n + 1) * sizeof *c->sop);
    if (!v) {
        conf_problem(
            r, NULL,
            "sop is missing: the folders with flows/ and playbooks/, for example sop = { \"sop\" }");
        return;
    }
    if (v->type != CONF_STRING && (v->type != CONF_TABLE || v->nlist != v->nentries || n == 0)) {
        conf_problem(r, v, "sop must be a list of folders, for example { \"sop\" }");
        return;
    }
    for (int i = 0; i < n; i++) {
        const struct conf_value *item = v->type == CONF_STRING ? v : &v->entries[i].value;
        if (item->type != CONF_STRING || item->len == 0) {
            conf_problem(r, item, "sop: a folder must be a text, not %s", conf_type_name(item));
            continue;
        }
        char *path = config_path(c, item->string);
        if (!config_is_folder(path))
            conf_problem(r, item, "sop: there is no folder %s", path);
        c->sop[c->nsop++] = path;
    }
}

static void config_read_playbooks(struct conf_report *r, struct config *c,
                                  const struct conf_value *root)
{
    const struct conf_value *v = conf_table(r, root, "playbooks");
    if (!v)
        return;
    if (v->nlist != v->nentries || v->nlist == 0) {
        conf_problem(r, v, "playbooks must be a list of names, for example { \"demo\" }");
        return;
    }
    c->playbooks = mem_zero(((size_t)v->nlist + 1) * sizeof *c->playbooks);
    for (int i = 0, n = 0; i < v->nlist; i++) {
        const struct conf_value *item = &v->entries[i].value;
        if (item->type == CONF_STRING && item->len > 0)
            c->playbooks[n++] = mem_strdup(item->string);
        else
            conf_problem(r, item, "playbooks: a name must be a text, not %s", conf_type_name(item));
    }
}

bool config_has_gateway(const struct config *c, const char *full, size_t len)
{
    for (int i = 0; i < c->ngateways; i++) {
        const char *name = config_gateway_key(&c->gateways[i]);
        if (name && strlen(name) == len && memcmp(name, full, len) == 0)
            return true;
    }
    return false;
}

static void config_read_staff(struct conf_report *r, struct config *c,
                              const struct conf_value *root)
{
    const struct conf_value *v = conf_table(r, root, "staff");
    if (!v)
        return;
    if (v->nlist > 0)
        conf_problem(r, &v->entries[0].value, "staff: write [\"gateway:user\"] = \"role\"");
    c->staff = mem_zero(((size_t)v->nentries + 1) * sizeof *c->staff);
    for (int i = v->nlist; i < v->nentries; i++) {
        const struct conf_entry *e = &v->entries[i];
        const char *colon = strchr(e->key, ':');
        int role = e->value.type == CONF_STRING ? role_parse(e->value.string) : -1;
        if (!colon || colon == e->key || !colon[1])
            conf_problem(r, &e->value,
                         "staff: '%s' must be gateway:user, for example [\"qq1:10001\"]", e->key);
        else if (!config_has_gateway(c, e->key, (size_t)(colon - e->key)))
            config_warn(c, r, &e->value, "staff: there is no gateway %.*s", (int)(colon - e->key),
                        e->key);
        if (role < 0)
            conf_problem(r, &e->value,
                         "staff: the role of %s must be keeper, store, region, hq or owner",
                         e->key);
        c->staff[c->nstaff++] =
            (struct staff){mem_strdup(e->key), (enum role)(role < 0 ? 0 : role)};
    }
}

static void config_read_gateways(struct conf_report *r, struct config *c,
                                 const struct conf_value *root, unsigned flags)
{
    const struct conf_value *v = conf_get(root, "gateways");
    if (!v) {
        buf_addf(&c->warnings, "%s:1: no gateways are configured\n", r->file);
        return;
    }
    if (v->type != CONF_TABLE || v->nlist != v->nentries) {
        conf_problem(r, v, "gateways must be a list: { { name = \"qq1\", ... }, ... }");
        return;
    }
    c->gateways = mem_zero(((size_t)v->nlist + 1) * sizeof *c->gateways);
    for (int i = 0; i < v->nlist; i++) {
        config_read_gateway(r, c, &v->entries[i].value, &c->gateways[i], flags);
        c->ngateways++;
    }
}

static void config_read_log(struct conf_report *r, struct config *c, const struct conf_value *root)
{
    static const char *const keys[] = {"level", NULL};
    const struct conf_value *v = conf_table(r, root, "log");
    const char *level = NULL;
    if (!v)
        return;
    conf_check_keys(r, v, "log", keys, false);
    if (conf_string(r, v, "level", &level) && !log_parse_level(level, &c->log_level))
        conf_problem(r, conf_get(v, "level"), "log.level must be error, warn, info or debug");
}

static void config_read_trace(struct conf_report *r, struct config *c,
                              const struct conf_value *root)
{
    const struct conf_value *v = conf_get(root, "trace");
    c->trace = TRACE_TEXTS;
    if (!v || (v->type == CONF_STRING && strcmp(v->string, "texts") == 0))
        return;
    if (v->type == CONF_STRING && strcmp(v->string, "facts") == 0)
        c->trace = TRACE_FACTS;
    else if (v->type == CONF_BOOLEAN && !v->boolean)
        c->trace = TRACE_OFF;
    else
        conf_problem(r, v, "trace must be \"texts\", \"facts\" (nothing that was said) or false");
}

static void config_read_limits(struct conf_report *r, struct config *c,
                               const struct conf_value *root)
{
    static const char *const lua_keys[] = {"memory", "instructions", NULL};
    static const char *const queue_keys[] = {"chat", "total", "bytes", "pause", NULL};
    int64_t n = 0;
    const struct conf_value *lua = conf_table(r, root, "lua"),
                            *queue = conf_table(r, root, "queue");
    if (lua) {
        conf_check_keys(r, lua, "lua", lua_keys, false);
        conf_size(r, lua, "memory", 1 << 20, 4LL << 30, &c->lua_memory);
        conf_integer(r, lua, "instructions", 10000, 100000000000LL, &c->lua_instructions);
    }
    if (queue) {
        conf_check_keys(r, queue, "queue", queue_keys, false);
        if (conf_integer(r, queue, "chat", 1, 1000000, &n))
            c->queue_chat = (int)n;
        if (conf_integer(r, queue, "total", 1, 10000000, &n))
            c->queue_total = (int)n;
        conf_size(r, queue, "bytes", 1 << 20, 1LL << 36, &c->queue_bytes);
        conf_duration(r, queue, "pause", 1000, &c->queue_pause_ms);
        if (c->queue_chat && c->queue_total && c->queue_total < c->queue_chat)
            conf_problem(r, conf_get(queue, "total"), "queue: total is below chat");
    }
}

static void config_read_streams(struct conf_report *r, struct config *c,
                                const struct conf_value *root)
{
    static const char *const keys[] = {"events", "audit", NULL};
    const struct conf_value *v = conf_table(r, root, "streams");
    if (!v)
        return;
    conf_check_keys(r, v, "streams", keys, false);
    conf_integer(r, v, "events", 1000, 1000000000, &c->events_length);
    conf_integer(r, v, "audit", 1000, 1000000000, &c->audit_length);
}

static void config_read_timezone(struct conf_report *r, struct config *c,
                                 const struct conf_value *root)
{
    const char *s = "Asia/Shanghai";
    conf_string(r, root, "timezone", &s);
    if (!zone_get(s))
        conf_problem(r, conf_get(root, "timezone"),
                     "timezone '%s' is not known to this system (names look like "
                     "Asia/Shanghai)",
                     s);
    c->timezone = mem_strdup(s);
}

static void config_read(struct conf_report *r, struct config *c, const struct conf_value *root,
                        unsigned flags)
{
    conf_check_keys(r, root, "configuration", config_keys, false);
    config_read_data_dir(r, c, root);
    config_read_redis(r, c, root, flags);
    config_read_http(r, c, root);
    config_read_sop(r, c, root);
    conf_boolean(r, root, "sop_watch", &c->sop_watch);
    config_read_playbooks(r, c, root);
    config_read_gateways(r, c, root, flags);
    config_read_staff(r, c, root);
    config_read_tags(r, c, root);
    config_read_log(r, c, root);
    config_read_trace(r, c, root);
    config_read_limits(r, c, root);
    config_read_streams(r, c, root);
    config_read_retention(r, c, root);
    config_read_breaker(r, c, root);
    config_read_timezone(r, c, root);
    config_read_zones(c);
    config_read_web(r, c, root, flags);
    config_read_alarms(r, c, root, flags);
}

static struct config *config_from(struct conf_value *root, const char *name, char *file,
                                  unsigned flags, struct buf *err)
{
    struct config *c = MEM_NEW(struct config);
    struct conf_report report = {.file = name, .out = err};
    c->file = file;
    c->log_level = LOG_LEVEL_INFO;
    c->sop_watch = true;
    config_read(&report, c, root, flags);
    conf_free(root);
    if (report.problems == 0)
        return c;
    config_free(c);
    return NULL;
}

struct config *config_load(const char *path, unsigned flags, struct buf *err)
{
    struct conf_value *root = conf_load(path, err);
    if (!root)
        return NULL;
    char *file = realpath(path, NULL);
    return config_from(root, path, file ? file : mem_strdup(path), flags, err);
}

struct config *config_parse(const char *source, size_t len, const char *name, unsigned flags,
                            struct buf *err)
{
    struct conf_value *root = conf_eval(source, len, name, err);
    return root ? config_from(root, name, NULL, flags, err) : NULL;
}

static void config_free_list(char **list)
{
    for (char **p = list; p && *p; p++)
        free(*p);
    free(list);
}

void config_free(struct config *c)
{
    if (!c)
        return;
    for (int i = 0; i < c->ngateways; i++)
        gateway_conf_free(&c->gateways[i].conf);
    free(c->gateways);
    for (int i = 0; i < c->nstaff; i++)
        free(c->staff[i].user);
    free(c->staff);
    config_free_list(c->sop);
    config_free_list(c->playbooks);
    if (c->redis.password)
        explicit_bzero(c->redis.password, strlen(c->redis.password));
    redis_addr_free(&c->redis);
    http_conf_free(&c->web);
    llm_conf_free(&c->llm);
    alarm_conf_free(&c->alarms);
    buf_free(&c->warnings);
    free(c->http_host);
    free(c->data_dir);
    free(c->timezone);
    free(c->file);
    config_free_tags(c);
    free(c);
}
