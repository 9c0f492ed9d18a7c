/* control_pool.c -- {"op": "swap"}: who serves which groups of a pool of accounts, and wishes about that; the accounts of a pool for
 * {"op": "gateways"}. Callers: admin/control_answer.c. */
#include <cjson/cJSON.h>
#include <string.h>

#include "admin/admin.h"
#include "engine/engine.h"
#include "gateway/pool.h"

/* ---- accounts ---- */

static void control_account(void *ud, const struct pool_member_info *m)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", m->name);
    cJSON_AddStringToObject(o, "type", m->type);
    cJSON_AddStringToObject(o, "link", gateway_link_name(m->state.link));
    cJSON_AddStringToObject(o, "account", gateway_account_name(m->state.account));
    cJSON_AddStringToObject(o, "self_id", m->state.self_id ? m->state.self_id : "");
    cJSON_AddStringToObject(o, "impl", m->state.impl ? m->state.impl : "");
    cJSON_AddBoolToObject(o, "well", m->well);
    cJSON_AddStringToObject(o, "state",
                            !m->well      ? "away"
                            : m->deaf     ? "deaf"
                            : m->calmed   ? "held"
                            : !m->trusted ? "back"
                                          : "well");
    cJSON_AddNumberToObject(o, "groups", (double)m->groups);
    cJSON_AddNumberToObject(o, "serves", (double)m->serves);
    cJSON_AddNumberToObject(o, "pinned", (double)m->pinned);
    cJSON_AddItemToArray(ud, o);
}

void control_members(const struct admin_env *env, const char *gateway, struct cJSON *out)
{
    const struct gateway *g = engine_gateway(env->engine, gateway);
    if (pool_is(g))
        pool_each_member(g, control_account, cJSON_AddArrayToObject(out, "accounts"));
}

/* ---- swap ---- */

struct swap {
    const struct admin_env *env;
    struct gateway *pool;
    const char *from, *to; /* to NULL: no wish any more */
    bool force;
    int pinned;
    cJSON *moved, *not_in;
};

static void swap_chat(struct swap *s, const char *chat)
{
    if (pool_pin(s->pool, chat, s->to, s->force) == POOL_SWAPPED)
        cJSON_AddItemToArray(s->moved, cJSON_CreateString(chat));
    else
        cJSON_AddItemToArray(s->not_in, cJSON_CreateString(chat));
}

static void swap_each(void *ud, const char *chat, const char *serves, const char *pinned)
{
    struct swap *s = ud;
    bool chosen = s->to ? strcmp(serves, s->from) == 0 || strcmp(pinned, s->from) == 0 ||
                              pool_has(s->pool, chat, s->from)
                        : *pinned != '\0';
    if (chosen)
        swap_chat(s, chat);
}

static void swap_show(void *ud, const char *chat, const char *serves, const char *pinned)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "chat", chat);
    cJSON_AddStringToObject(o, "serves", serves);
    cJSON_AddStringToObject(o, "pinned", pinned);
    cJSON_AddItemToArray(ud, o);
}

static const char *swap_text(const cJSON *request, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, name));
}

static void swap_name(void *ud, const struct pool_member_info *m)
{
    const char **wanted = ud;
    for (int i = 0; i < 2; i++)
        if (wanted[i] && strcmp(wanted[i], m->name) == 0)
            wanted[i] = NULL;
}

const char *control_swap(const struct admin_env *env, const cJSON *request, cJSON *out)
{
    const char *name = swap_text(request, "pool"), *who = swap_text(request, "who"),
               *reason = swap_text(request, "reason");
    struct swap s = {.env = env,
                     .pool = name ? engine_gateway(env->engine, name) : NULL,
                     .from = swap_text(request, "from"),
                     .to = swap_text(request, "to"),
                     .force = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "force"))};
    const char *unknown[2] = {s.from, s.to};
    if (!s.pool)
        return "there is no such gateway";
    if (!pool_is(s.pool))
        return "that gateway is one account, no pool";
    pool_each_member(s.pool, swap_name, unknown);
    if (unknown[1])
        return "there is no account of the name TO in that pool";
    bool change = s.to || cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "auto"));
    if (change) {
        const cJSON *chats = cJSON_GetObjectItemCaseSensitive(request, "chats"), *chat;
        s.moved = cJSON_AddArrayToObject(out, "moved");
        s.not_in = cJSON_AddArrayToObject(out, "not_in");
        if (s.to && !s.from)
            return "swap needs from and to";
        cJSON_ArrayForEach (chat, chats)
            if (cJSON_IsString(chat))
                swap_chat(&s, chat->valuestring);
        if (!cJSON_GetArraySize(chats))
            pool_each_chat(s.pool, swap_each, &s);
        engine_note_swap(env->engine, name, s.from ? s.from : "", s.to ? s.to : "auto",
                         cJSON_GetArraySize(s.moved), who ? who : "ctl", reason ? reason : "");
    }
    control_members(env, name, out);
    if (!change)
        pool_each_chat(s.pool, swap_show, cJSON_AddArrayToObject(out, "chats"));
    return NULL;
}
