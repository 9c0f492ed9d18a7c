/* control_runs.c -- orders about runs that come over the control socket (admin.h): {"op": "run-cancel" | "run-retry" |
 * "run-migrate", "gateway": G, "dry": true, "runs": [[id, chat], ...]}. The answer is {"ok": true, "results": [{"id", "fit",
 * "text"}, ...]} in the order in which they ended.
 * Each takes a turn of its chat, so only a few of an order are begun at a time and the rest waits here; `sopd ctl` sends orders of
 * at most RUNS_ORDER_MAX. That bounds what a million runs ask of the loop. Callers: admin/control.c. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "base/mem.h"
#include "engine/engine.h"

enum { RUNS_ORDER_MAX = 500, RUNS_AT_ONCE = 16 };

struct run_order {
    const struct admin_env *env;
    cJSON *request, *results;
    const cJSON *next; /* the run to begin with next */
    const char *op, *gateway, *error;
    bool dry, abandoned, beginning;
    int at_work;
    uv_timer_t end; /* answers from the loop */
    void (*done)(void *ud, const struct buf *answer);
    void *ud;
};

/* One run of an order, at work. */
struct run_task {
    struct run_order *order;
    char *id;
};

static void order_go(struct run_order *o);

static void order_closed(uv_handle_t *handle)
{
    struct run_order *o = handle->data;
    cJSON_Delete(o->request);
    cJSON_Delete(o->results);
    free(o);
}

static void order_end(uv_timer_t *timer)
{
    struct run_order *o = timer->data;
    struct buf answer = {0};
    cJSON *root = cJSON_CreateObject();
    uv_close((uv_handle_t *)timer, order_closed);
    cJSON_AddBoolToObject(root, "ok", !o->error);
    if (o->error)
        cJSON_AddStringToObject(root, "error", o->error);
    cJSON_AddItemToObject(root, "results", o->results);
    o->results = NULL;
    char *text = cJSON_PrintUnformatted(root);
    buf_adds(&answer, text);
    if (!o->abandoned)
        o->done(o->ud, &answer);
    buf_free(&answer);
    cJSON_free(text);
    cJSON_Delete(root);
}

static void order_told(void *ud, enum run_fit fit, const char *text)
{
    static const char *const names[] = {"current", "fits", "moved", "differs", "gone", "done"};
    struct run_task *task = ud;
    struct run_order *o = task->order;
    cJSON *result = cJSON_CreateObject();
    cJSON_AddStringToObject(result, "id", task->id);
    cJSON_AddStringToObject(result, "fit", names[fit]);
    cJSON_AddStringToObject(result, "text", text ? text : "");
    cJSON_AddItemToArray(o->results, result);
    free(task->id);
    free(task);
    o->at_work--;
    order_go(o);
}

static void order_begin(struct run_order *o, const char *id, const char *chat)
{
    struct run_task *task = MEM_NEW(struct run_task);
    struct engine *e = o->env->engine;
    task->order = o;
    task->id = mem_strdup(id ? id : "");
    o->at_work++;
    if (!id || !chat)
        order_told(task, RUN_GONE, "a run is named by [id, chat]");
    else if (strcmp(o->op, "run-cancel") == 0)
        engine_run_cancel(e, o->gateway, chat, id, order_told, task);
    else if (strcmp(o->op, "run-retry") == 0)
        engine_run_retry(e, o->gateway, chat, id, order_told, task);
    else
        engine_run_migrate(e, o->gateway, chat, id, o->dry, order_told, task);
}

/* Begins as many as may be at work, and ends the order when all are done. order_told may come before order_begin returns. */
static void order_go(struct run_order *o)
{
    if (o->beginning)
        return;
    o->beginning = true;
    while (o->next && !o->abandoned && o->at_work < RUNS_AT_ONCE) {
        const cJSON *run = o->next;
        o->next = run->next;
        order_begin(o, cJSON_GetStringValue(cJSON_GetArrayItem(run, 0)),
                    cJSON_GetStringValue(cJSON_GetArrayItem(run, 1)));
    }
    o->beginning = false;
    if (!o->at_work && (!o->next || o->abandoned) && !uv_is_closing((uv_handle_t *)&o->end))
        uv_timer_start(&o->end, order_end, 0, 0);
}

static const char *order_check(const struct run_order *o, const cJSON *runs)
{
    if (!o->env->engine)
        return "still starting";
    if (!o->gateway || !cJSON_IsArray(runs))
        return "an order about runs needs gateway and runs";
    if (!engine_gateway(o->env->engine, o->gateway))
        return "there is no such gateway";
    return cJSON_GetArraySize(runs) > RUNS_ORDER_MAX ? "too many runs in one order" : NULL;
}

struct run_order *control_runs(const struct admin_env *env, const char *request, size_t len,
                               void (*done)(void *ud, const struct buf *answer), void *ud)
{
    cJSON *json = cJSON_ParseWithLength(request, len);
    const char *op = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "op"));
    const cJSON *runs = cJSON_GetObjectItemCaseSensitive(json, "runs");
    if (!op || (strcmp(op, "run-cancel") != 0 && strcmp(op, "run-retry") != 0 &&
                strcmp(op, "run-migrate") != 0)) {
        cJSON_Delete(json);
        return NULL;
    }
    struct run_order *o = MEM_NEW(struct run_order);
    o->env = env;
    o->request = json;
    o->op = op;
    o->gateway = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "gateway"));
    o->dry = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "dry"));
    o->results = cJSON_CreateArray();
    o->done = done;
    o->ud = ud;
    uv_timer_init(env->loop, &o->end);
    o->end.data = o;
    o->error = order_check(o, runs);
    o->next = o->error ? NULL : runs->child;
    order_go(o);
    return o;
}

void control_runs_abandon(struct run_order *o)
{
    o->abandoned = true;
    order_go(o); /* nothing at work: it ends now */
}
