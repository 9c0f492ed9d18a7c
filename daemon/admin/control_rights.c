/* control_rights.c -- orders about what is kept of members and chats that come over the control socket (admin.h):
 *   {"op": "forget", "gateway": G, "member": U, "dry": true}
 *   {"op": "import", "gateway": G, "chat": C, "stage": S, "replace": true}   what `sopd ctl import` has staged (engine/rights/import.c)
 * They take a while: the answer comes when it is done, and nobody minds if the client has left. Callers: admin/control.c. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "base/mem.h"
#include "engine/engine.h"

struct rights_order {
    bool abandoned;
    void (*done)(void *ud, const struct buf *answer);
    void *ud;
};

static void rights_print(cJSON *root, struct buf *out)
{
    char *text = cJSON_PrintUnformatted(root);
    buf_adds(out, text);
    cJSON_free(text);
    cJSON_Delete(root);
}

static void rights_answer(struct rights_order *o, cJSON *root)
{
    struct buf out = {0};
    rights_print(root, &out);
    if (!o->abandoned)
        o->done(o->ud, &out);
    buf_free(&out);
    free(o);
}

static cJSON *rights_root(const char *error)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddBoolToObject(root, "ok", !error);
    if (error)
        cJSON_AddStringToObject(root, "error", error);
    return root;
}

static void rights_forgotten(void *ud, const struct engine_forgotten *r)
{
    cJSON *root = rights_root(r->error);
    cJSON_AddBoolToObject(root, "dry", r->dry);
    cJSON_AddNumberToObject(root, "passes", r->passes);
    cJSON_AddNumberToObject(root, "keys", (double)r->keys);
    cJSON_AddNumberToObject(root, "entries", (double)r->entries);
    cJSON_AddNumberToObject(root, "anonymised", (double)r->anonymised);
    cJSON_AddNumberToObject(root, "runs", (double)r->runs);
    cJSON_AddNumberToObject(root, "messages", (double)r->messages);
    rights_answer(ud, root);
}

static void rights_imported(void *ud, const char *error)
{
    rights_answer(ud, rights_root(error));
}

static const char *rights_text(const cJSON *request, const char *name)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, name));
    return s ? s : "";
}

static bool rights_true(const cJSON *request, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, name));
}

static const char *rights_begin(const struct admin_env *env, const cJSON *request, bool import,
                                struct rights_order *o)
{
    if (!env->engine)
        return "still starting";
    if (import)
        return engine_import(env->engine, rights_text(request, "gateway"),
                             rights_text(request, "chat"), rights_text(request, "stage"),
                             rights_true(request, "replace"), rights_imported, o);
    return engine_forget(env->engine, rights_text(request, "gateway"),
                         rights_text(request, "member"), "ctl", rights_true(request, "dry"),
                         rights_forgotten, o);
}

enum rights_taken control_rights(const struct admin_env *env, const char *request, size_t len,
                                 void (*done)(void *ud, const struct buf *answer), void *ud,
                                 struct buf *out, struct rights_order **order)
{
    cJSON *json = cJSON_ParseWithLength(request, len);
    const char *op = rights_text(json, "op");
    bool import = strcmp(op, "import") == 0;
    if (!import && strcmp(op, "forget") != 0) {
        cJSON_Delete(json);
        return RIGHTS_OTHER;
    }
    struct rights_order *o = MEM_NEW(struct rights_order);
    o->done = done;
    o->ud = ud;
    const char *why = rights_begin(env, json, import, o);
    cJSON_Delete(json);
    if (!why) {
        *order = o;
        return RIGHTS_LATER;
    }
    free(o);
    rights_print(rights_root(why), out);
    return RIGHTS_ANSWERED;
}

void control_rights_abandon(struct rights_order *o)
{
    o->abandoned = true;
}
