/* health.c -- how the daemon is, for load balancers and for Prometheus (admin.h). Tells what is: a number that is not
 * known yet is not shown as good. Callers: admin/http.c, admin/control.c. */
#include <cjson/cJSON.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "engine/engine.h"
#include "lua/host.h"
#include "store/settings.h"

/* A loop that is late by this much answers people late; by that much it is of no use. */
static const double LAG_DEGRADED_S = 1.0, LAG_DOWN_S = 5.0;

const char *health_name(enum health h)
{
    static const char *const names[] = {"ok", "degraded", "down"};
    return names[h];
}

struct health_view {
    cJSON *gateways;
    int links_up, accounts_down, suspect, lost, calmed;
};

static void health_add_gateway(void *ud, const struct engine_gateway_info *i)
{
    struct health_view *view = ud;
    cJSON *g = cJSON_CreateObject();
    cJSON_AddStringToObject(g, "name", i->name);
    control_gateway_health(i, g);
    cJSON_AddBoolToObject(g, "owner", i->owner);
    if (i->state.queued)
        cJSON_AddNumberToObject(g, "socket_queue_bytes", (double)i->state.queued);
    if (i->held_until_ms)
        cJSON_AddNumberToObject(g, "held_until", (double)i->held_until_ms / 1000);
    cJSON_AddItemToArray(view->gateways, g);
    view->links_up += i->state.link == LINK_UP;
    view->accounts_down += i->account == ACCOUNT_OFFLINE || i->account == ACCOUNT_RESTRICTED;
    view->suspect += i->account != i->state.account;
    view->lost += !i->owner;
    view->calmed += strcmp(i->level, "quiet") == 0 || strcmp(i->level, "held") == 0;
}

static void health_reason(cJSON *reasons, enum health *worst, enum health h, const char *text)
{
    cJSON_AddItemToArray(reasons, cJSON_CreateString(text));
    if (h > *worst)
        *worst = h;
}

static enum health health_judge(const struct admin_env *env, const struct engine_health *h,
                                const struct health_view *view, cJSON *reasons)
{
    enum health worst = HEALTH_OK;
    if (!h->ready)
        health_reason(reasons, &worst, HEALTH_DOWN, "starting");
    if (!h->redis_up)
        health_reason(reasons, &worst, HEALTH_DOWN, "Redis is not reachable");
    if (h->loop_lag_s > LAG_DOWN_S)
        health_reason(reasons, &worst, HEALTH_DOWN, "the loop is late by more than 5 s");
    else if (h->loop_lag_s > LAG_DEGRADED_S)
        health_reason(reasons, &worst, HEALTH_DEGRADED, "the loop is late by more than 1 s");
    if (h->gateways > 0 && view->links_up == 0)
        health_reason(reasons, &worst, HEALTH_DOWN, "no gateway is connected");
    else if (view->links_up < h->gateways)
        health_reason(reasons, &worst, HEALTH_DEGRADED, "some gateways are not connected");
    if (view->accounts_down > 0)
        health_reason(reasons, &worst, HEALTH_DEGRADED, "some accounts are offline or restricted");
    if (h->gateways > 0 && view->accounts_down == h->gateways)
        health_reason(reasons, &worst, HEALTH_DOWN, "no account is online");
    if (view->suspect > 0)
        health_reason(reasons, &worst, HEALTH_DEGRADED,
                      "some accounts are connected but cannot be heard (sopd ctl alarms)");
    if (view->calmed > 0)
        health_reason(
            reasons, &worst, HEALTH_DEGRADED,
            "an account only answers or is silent: signs of risk control (sopd ctl account)");
    if (view->lost > 0 && h->redis_up && h->ready)
        health_reason(reasons, &worst, HEALTH_DEGRADED,
                      "some gateways are served by another process");
    if (control_killed(env))
        health_reason(reasons, &worst, HEALTH_DEGRADED,
                      "the kill switch is on: nothing is said (sopd ctl kill off)");
    if (control_settings_bad(env) > 0)
        health_reason(reasons, &worst, HEALTH_DEGRADED,
                      "settings in Redis are wrong and ignored (sopd ctl status)");
    return worst;
}

static void health_fill(cJSON *root, const struct admin_env *env, const struct engine_health *h)
{
    int64_t now = clock_wall(env->clock);
    int64_t up_s = (now - env->started_ms) / 1000, down_s = (now - h->redis_down_ms) / 1000;
    cJSON_AddStringToObject(root, "version", SOPD_VERSION);
    cJSON_AddNumberToObject(root, "uptime_s", (double)up_s);
    cJSON_AddNumberToObject(root, "loop_lag_s", (double)(int64_t)(h->loop_lag_s * 1e6) / 1e6);
    cJSON *redis = cJSON_AddObjectToObject(root, "redis");
    cJSON_AddBoolToObject(redis, "up", h->redis_up);
    if (!h->redis_up && h->redis_down_ms)
        cJSON_AddNumberToObject(redis, "down_s", (double)down_s);
    cJSON_AddBoolToObject(root, "settings_loaded", env->settings && settings_loaded(env->settings));
    cJSON_AddNumberToObject(root, "queued", (double)h->queued);
    cJSON_AddNumberToObject(root, "outbox", (double)h->outbox);
}

enum health health_render(const struct admin_env *env, struct buf *out)
{
    cJSON *root = cJSON_CreateObject(), *reasons = cJSON_CreateArray();
    cJSON_AddStringToObject(root, "status", "");
    struct health_view view = {.gateways = cJSON_CreateArray()};
    struct engine_health h = {0};
    if (env->engine) {
        engine_health(env->engine, &h);
        engine_each_gateway(env->engine, health_add_gateway, &view);
    }
    enum health worst = health_judge(env, &h, &view, reasons);
    cJSON_ReplaceItemInObjectCaseSensitive(root, "status", cJSON_CreateString(health_name(worst)));
    cJSON_AddItemToObject(root, "reasons", reasons);
    health_fill(root, env, &h);
    cJSON_AddItemToObject(root, "gateways", view.gateways);
    control_alarms(env, root, true);
    char *text = cJSON_PrintUnformatted(root);
    buf_adds(out, text ? text : "{}");
    cJSON_free(text);
    cJSON_Delete(root);
    return worst;
}

/* ---- metrics of the process ---- */

static double health_rss(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    if (fscanf(f, "%*s %ld", &pages) != 1)
        pages = 0;
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static int health_open_fds(void)
{
    int n = -1; /* the directory's own */
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return 0;
    for (struct dirent *e = readdir(dir); e; e = readdir(dir))
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

/* Memory of the flows of the book in force; flows are few, and each appears once. */
static void health_flow_memory(const struct engine *engine)
{
    const struct book *book = engine_book(engine);
    for (int i = 0; book && i < book->nbooks; i++) {
        for (int j = 0; j < book->books[i]->nflows; j++) {
            const struct flow *f = book->books[i]->flows[j].flow;
            metric_set(metric_gauge("sopd_lua_memory_bytes", "Memory of a flow's Lua state",
                                    metric_labels("flow", flow_info(f)->name, NULL)),
                       (double)flow_memory(f));
        }
    }
}

static void health_gauge(const char *name, const char *help, const char *gateway, double value)
{
    metric_set(metric_gauge(name, help, metric_labels("gateway", gateway, NULL)), value);
}

/* What the engine does not show by itself (engine_metrics has its queues). */
static void health_collect_gateway(void *ud, const struct engine_gateway_info *i)
{
    (void)ud;
    health_gauge("sopd_gateway_account_online", "1 while the account is online.", i->name,
                 i->account == ACCOUNT_ONLINE);
    health_gauge("sopd_gateway_last_event_seconds",
                 "When something came in last, since 1970; 0 never.", i->name,
                 (double)i->last_event_ms / 1000);
    health_gauge("sopd_gateway_socket_bytes", "Bytes that wait for the socket.", i->name,
                 (double)i->state.queued);
    health_gauge("sopd_gateway_pending", "Requests without an answer.", i->name, i->state.pending);
}

static void health_collect_engine(const struct engine *engine)
{
    struct engine_health h;
    engine_health(engine, &h);
    metric_set(metric_gauge("sopd_ready", "1 once the daemon serves.", NULL), h.ready);
    metric_set(
        metric_gauge("sopd_loop_lag_seconds", "Longest loop iteration of the last 10 s.", NULL),
        h.loop_lag_s);
    engine_each_gateway(engine, health_collect_gateway, NULL);
    health_flow_memory(engine);
}

static void health_collect(void *ud)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    const struct admin_env *env = ud;
    metric_set(metric_gauge("process_resident_memory_bytes", "Resident memory", NULL),
               health_rss());
    metric_set(metric_gauge("process_open_fds", "Open file descriptors", NULL), health_open_fds());
    metric_set(metric_gauge("process_start_time_seconds", "Start time since 1970", NULL),
               (double)env->started_ms / 1000);
    for (int i = 0; i < 3; i++) {
        struct metric *m = metric_counter("sopd_log_lines_total", "Log lines by level",
                                          metric_labels("level", levels[i], NULL));
        metric_add(m, (double)log_count((enum log_level)i) - metric_value(m));
    }
    if (env->host)
        metric_set(metric_gauge("sopd_lua_coroutines", "Handlers that exist now", NULL),
                   (double)host_coroutines(env->host));
    if (env->engine)
        health_collect_engine(env->engine);
}

void health_metrics(struct admin_env *env)
{
    metric_set(metric_gauge("sopd_build_info", "Always 1; the version is a label",
                            metric_labels("version", SOPD_VERSION, NULL)),
               1);
    metrics_on_render(health_collect, env);
}
