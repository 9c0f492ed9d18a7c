/* control_answer.c -- what each request of the control socket answers (admin.h: control_answer).
 * A request is {"op": "...", ...}; an answer is {"ok": true, ...} or {"ok": false, "error": "..."}.
 * Callers: admin/control.c. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/clock.h"
#include "engine/engine.h"
#include "lua/config.h"

struct answer {
    const struct admin_env *env;
    const cJSON *request;
    cJSON *root, *list;
};

static const char *answer_arg(const struct answer *a, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(a->request, name);
    return cJSON_IsString(v) ? v->valuestring : NULL;
}

static void answer_fail(struct answer *a, const char *error)
{
    cJSON_ReplaceItemInObjectCaseSensitive(a->root, "ok", cJSON_CreateFalse());
    cJSON_AddStringToObject(a->root, "error", error);
}

static double answer_seconds(int64_t ms)
{
    return (double)ms / 1000;
}

/* ---- status ---- */

/* What runs and what lies on disk may differ: the last reload says so. */
static void answer_reloads(struct answer *a)
{
    const struct admin_reloads *r = a->env->reloads;
    if (!r)
        return;
    cJSON *o = cJSON_AddObjectToObject(a->root, "reload");
    struct buf text = {0};
    buf_add(&text, r->text.data, r->text.len);
    cJSON_AddStringToObject(o, "watch", r->watch ? r->watch : "off");
    cJSON_AddNumberToObject(o, "taken", r->taken);
    cJSON_AddNumberToObject(o, "refused", r->refused);
    cJSON_AddBoolToObject(o, "last_refused", r->bad);
    cJSON_AddNumberToObject(o, "last", answer_seconds(r->at_ms));
    cJSON_AddStringToObject(o, "cause", r->cause ? r->cause : "");
    cJSON_AddStringToObject(o, "text", buf_cstr(&text));
    buf_free(&text);
}

static void answer_status(struct answer *a)
{
    const struct admin_env *env = a->env;
    struct buf health = {0};
    health_render(env, &health);
    cJSON_AddItemToObject(a->root, "health", cJSON_Parse(buf_cstr(&health)));
    buf_free(&health);
    cJSON_AddStringToObject(a->root, "version", SOPD_VERSION);
    cJSON_AddNumberToObject(a->root, "pid", (double)getpid());
    cJSON_AddNumberToObject(a->root, "started", answer_seconds(env->started_ms));
    cJSON_AddNumberToObject(a->root, "now", answer_seconds(clock_wall(env->clock)));
    cJSON_AddStringToObject(a->root, "redis", env->redis ? env->redis : "");
    if (env->config) {
        cJSON_AddStringToObject(a->root, "config", env->config->file ? env->config->file : "");
        cJSON_AddStringToObject(a->root, "data_dir",
                                env->config->data_dir ? env->config->data_dir : "");
    }
    answer_reloads(a);
    if (env->engine)
        control_rollouts(env, a->root);
    control_add_settings(env, cJSON_AddObjectToObject(a->root, "settings"));
    cJSON *books = cJSON_AddArrayToObject(a->root, "playbooks");
    const struct book *book = env->engine ? engine_book(env->engine) : NULL;
    for (int i = 0; book && i < book->nbooks; i++) {
        cJSON *p = cJSON_CreateObject();
        cJSON_AddStringToObject(p, "name", book->books[i]->name);
        cJSON_AddStringToObject(p, "title", book->books[i]->title);
        cJSON *flows = cJSON_AddArrayToObject(p, "flows");
        for (int j = 0; j < book->books[i]->nflows; j++) {
            const struct flow_info *f = flow_info(book->books[i]->flows[j].flow);
            cJSON *item = cJSON_CreateObject();
            cJSON_AddStringToObject(item, "name", f->name);
            cJSON_AddStringToObject(item, "version", f->version);
            cJSON_AddItemToArray(flows, item);
        }
        cJSON_AddItemToArray(books, p);
    }
}

/* ---- lists ---- */

static void answer_gateway(void *ud, const struct engine_gateway_info *i)
{
    struct answer *a = ud;
    cJSON *g = cJSON_CreateObject();
    cJSON_AddStringToObject(g, "name", i->name);
    cJSON_AddStringToObject(g, "type", i->type);
    control_gateway_health(i, g);
    cJSON_AddStringToObject(g, "self_id", i->state.self_id);
    cJSON_AddStringToObject(g, "self_name", i->state.self_name);
    cJSON_AddStringToObject(g, "impl", i->state.impl);
    cJSON_AddBoolToObject(g, "owner", i->owner);
    cJSON_AddNumberToObject(g, "epoch", (double)i->epoch);
    cJSON_AddNumberToObject(g, "chats", (double)i->chats);
    cJSON_AddNumberToObject(g, "active", (double)i->active);
    cJSON_AddNumberToObject(g, "queued", (double)i->queued);
    cJSON_AddNumberToObject(g, "outbox", (double)i->outbox);
    cJSON_AddNumberToObject(g, "unknown", (double)i->unknown);
    cJSON_AddNumberToObject(g, "pending", i->state.pending);
    cJSON_AddNumberToObject(g, "reconnects", (double)i->state.reconnects);
    cJSON_AddNumberToObject(g, "last_rx", answer_seconds(i->state.last_rx_ms));
    cJSON_AddNumberToObject(g, "held_until", answer_seconds(i->held_until_ms));
    cJSON_AddNumberToObject(g, "pace", i->warm ? i->warm : 100);
    cJSON_AddNumberToObject(g, "first_seen", answer_seconds(i->first_ms));
    control_members(a->env, i->name, g);
    cJSON_AddItemToArray(a->list, g);
}

static void answer_gateways(struct answer *a)
{
    a->list = cJSON_AddArrayToObject(a->root, "gateways");
    engine_each_gateway(a->env->engine, answer_gateway, a);
}

static void answer_chat(void *ud, const struct engine_chat_info *i)
{
    struct answer *a = ud;
    cJSON *c = cJSON_CreateObject();
    cJSON_AddStringToObject(c, "gateway", i->gateway);
    cJSON_AddStringToObject(c, "chat", i->chat);
    cJSON_AddStringToObject(c, "name", i->name ? i->name : "");
    cJSON_AddStringToObject(c, "tags", i->tags ? i->tags : "");
    cJSON_AddNumberToObject(c, "last", answer_seconds(i->last_ms));
    cJSON_AddNumberToObject(c, "queued", (double)i->queued);
    cJSON_AddBoolToObject(c, "in_memory", !i->known_only);
    cJSON_AddItemToArray(a->list, c);
}

static void answer_chats(struct answer *a)
{
    const char *gateway = answer_arg(a, "gateway");
    a->list = cJSON_AddArrayToObject(a->root, "chats");
    engine_each_chat(a->env->engine, gateway, answer_chat, a);
}

static void answer_flow(void *ud, const struct engine_flow_info *i)
{
    struct answer *a = ud;
    cJSON *f = cJSON_CreateObject();
    cJSON_AddStringToObject(f, "flow", i->flow);
    cJSON_AddStringToObject(f, "playbook", i->playbook);
    cJSON_AddStringToObject(f, "version", i->version);
    cJSON_AddBoolToObject(f, "newest", i->newest);
    cJSON_AddBoolToObject(f, "on", i->on);
    cJSON_AddStringToObject(f, "why", i->why ? i->why : "");
    cJSON_AddItemToArray(a->list, f);
}

/* Every flow of every playbook, as loaded. */
static void answer_loaded_flows(struct answer *a)
{
    const struct book *book = engine_book(a->env->engine);
    a->list = cJSON_AddArrayToObject(a->root, "flows");
    for (int i = 0; book && i < book->nbooks; i++) {
        for (int j = 0; j < book->books[i]->nflows; j++) {
            const struct flow_info *f = flow_info(book->books[i]->flows[j].flow);
            struct engine_flow_info info = {.flow = f->name,
                                            .playbook = book->books[i]->name,
                                            .version = f->version,
                                            .newest = true,
                                            .on = true,
                                            .why = "loaded"};
            answer_flow(a, &info);
        }
    }
}

static void answer_flows(struct answer *a)
{
    const char *gateway = answer_arg(a, "gateway"), *chat = answer_arg(a, "chat");
    if (!gateway || !chat) {
        answer_loaded_flows(a);
    } else if (!engine_gateway(a->env->engine, gateway)) {
        answer_fail(a, "there is no such gateway");
    } else {
        a->list = cJSON_AddArrayToObject(a->root, "flows");
        engine_each_flow(a->env->engine, gateway, chat, answer_flow, a);
    }
}

static void answer_entry(void *ud, const struct engine_outbox_info *i)
{
    struct answer *a = ud;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "gateway", i->gateway);
    cJSON_AddStringToObject(o, "chat", i->chat);
    cJSON_AddStringToObject(o, "id", i->id);
    cJSON_AddStringToObject(o, "flow", i->flow);
    cJSON_AddStringToObject(o, "kind", i->kind);
    cJSON_AddStringToObject(o, "state", i->state);
    cJSON_AddStringToObject(o, "text", i->text);
    cJSON_AddNumberToObject(o, "created", answer_seconds(i->created_ms));
    cJSON_AddNumberToObject(o, "due", answer_seconds(i->due_ms));
    cJSON_AddNumberToObject(o, "until", answer_seconds(i->until_ms));
    cJSON_AddItemToArray(a->list, o);
}

static void answer_outbox(struct answer *a)
{
    a->list = cJSON_AddArrayToObject(a->root, "outbox");
    engine_each_outbox(a->env->engine, answer_arg(a, "gateway"), answer_entry, a);
}

/* ---- orders ---- */

/* A daemon whose clock can be turned takes these requests before they come here (admin_env.later). */
static void answer_clock(struct answer *a)
{
    answer_fail(a, "the clock is the real one; tests turn that of a daemon started with --clock");
}

static void answer_reload(struct answer *a)
{
    struct buf text = {0};
    bool ok = a->env->reload && a->env->reload(a->env->ud, &text);
    if (ok)
        cJSON_AddStringToObject(a->root, "text", buf_cstr(&text));
    else
        answer_fail(a, text.len ? buf_cstr(&text) : "this process cannot reload");
    buf_free(&text);
}

/* What is on its way to Redis is there when the next command of this connection to it is answered. */
static void answer_flush_trace(struct answer *a)
{
    engine_flush_trace(a->env->engine);
}

static void answer_settings(struct answer *a)
{
    control_settings(a->env, a->request, a->root);
}

static void answer_setting(struct answer *a)
{
    control_setting(a->env, a->request, a->root);
}

static void answer_rollout(struct answer *a)
{
    control_rollout(a->env, a->request, a->root);
}

static void answer_alarms(struct answer *a)
{
    control_alarms(a->env, a->root, false);
}

static void answer_explain(struct answer *a)
{
    const char *why = control_explain(a->env, a->request, a->root);
    if (why)
        answer_fail(a, why);
}

static void answer_limits(struct answer *a)
{
    const char *why = control_limits(a->env, a->request, a->root);
    if (why)
        answer_fail(a, why);
}

static void answer_accounts(struct answer *a)
{
    const char *why = control_accounts(a->env, a->request, a->root);
    if (why)
        answer_fail(a, why);
}

static void answer_outbox_order(struct answer *a)
{
    const char *why = control_outbox_order(a->env, a->request);
    if (why)
        answer_fail(a, why);
}

static void answer_swap(struct answer *a)
{
    const char *why = control_swap(a->env, a->request, a->root);
    if (why)
        answer_fail(a, why);
}

static void answer_resume(struct answer *a)
{
    const char *gateway = answer_arg(a, "gateway"), *chat = answer_arg(a, "chat"),
               *flow = answer_arg(a, "flow");
    if (!gateway || !chat || !flow)
        answer_fail(a, "resume needs gateway, chat and flow");
    else if (!engine_resume_flow(a->env->engine, gateway, chat, flow))
        answer_fail(a, "that flow is not paused there");
}

void control_answer(const struct admin_env *env, const char *request, size_t len, struct buf *out)
{
    static const struct {
        const char *op;
        void (*fn)(struct answer *a);
    } ops[] = {{"explain", answer_explain},   {"status", answer_status},
               {"gateways", answer_gateways}, {"chats", answer_chats},
               {"flows", answer_flows},       {"outbox", answer_outbox},
               {"reload", answer_reload},     {"resume", answer_resume},
               {"clock", answer_clock},       {"flush-trace", answer_flush_trace},
               {"rollout", answer_rollout},   {"settings", answer_settings},
               {"setting", answer_setting},   {"swap", answer_swap},
               {"limits", answer_limits},     {"alarms", answer_alarms},
               {"accounts", answer_accounts}, {"outbox-order", answer_outbox_order}};
    enum { OPS = sizeof ops / sizeof ops[0] };
    cJSON *json = cJSON_ParseWithLength(request, len);
    struct answer a = {.env = env, .request = json, .root = cJSON_CreateObject()};
    const char *op = answer_arg(&a, "op");
    int i = 0;
    cJSON_AddTrueToObject(a.root, "ok");
    while (op && i < OPS && strcmp(ops[i].op, op) != 0)
        i++;
    if (!op)
        answer_fail(&a, "a request is one line of JSON: {\"op\": \"status\"}");
    else if (i == OPS)
        answer_fail(
            &a,
            "unknown op; known are status, gateways, chats, flows, explain, outbox, reload, resume, swap, clock");
    else if (!env->engine && i > 0)
        answer_fail(&a, "still starting");
    else
        ops[i].fn(&a);
    char *text = cJSON_PrintUnformatted(a.root);
    buf_adds(out, text ? text : "{\"ok\":false,\"error\":\"no memory\"}");
    cJSON_free(text);
    cJSON_Delete(a.root);
    cJSON_Delete(json);
}
