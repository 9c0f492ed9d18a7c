/* sat_owner.c -- whose is an event? It says so itself, in the new way or an old one; else by its number within the connection, the only
 * login that agrees, or the only one that is configured. Callers: sat_frame.c. */
#include <stdio.h>
#include <string.h>

#include "gateway/sat.h"

struct sat_owner {
    char platform[SAT_PLATFORM_MAX + 1], id[SAT_ID_MAX + 1];
};

/* What the event says itself, in the new way or the old one. */
static void sat_owner_said(const struct json *body, struct sat_owner *o)
{
    sat_login_ids(json_get(body, "login"), o->platform, o->id);
    if (!*o->platform)
        sat_login_id(json_get(body, "platform"), o->platform, SAT_PLATFORM_MAX);
    if (!*o->id)
        sat_login_id(json_get(body, "self_id"), o->id, SAT_ID_MAX);
}

static void sat_owner_from(struct sat_owner *o, const char *platform, const char *id)
{
    if (!*o->platform && platform && (!*o->id || !id || strcmp(o->id, id) == 0))
        snprintf(o->platform, sizeof o->platform, "%s", platform);
    if (!*o->id && id && platform && strcmp(o->platform, platform) == 0)
        snprintf(o->id, sizeof o->id, "%s", id);
}

/* The only usable row that agrees with what is known; NULL: none or several. */
static const struct sat_login *sat_owner_only(struct sat_hub *h, const struct sat_owner *o)
{
    const struct sat_login *one = NULL;
    for (const struct sat_login *l = h->logins; l; l = l->next) {
        if (!sat_login_usable(l) || (*o->platform && strcmp(o->platform, l->platform) != 0) ||
            (*o->id && strcmp(o->id, l->id) != 0))
            continue;
        if (one)
            return NULL;
        one = l;
    }
    return one;
}

static bool sat_owner_find(struct sat_hub *h, const struct json *body, struct sat_owner *o)
{
    sat_owner_said(body, o);
    if (*o->platform && *o->id)
        return true;
    const struct sat_login *l = sat_login_by_sn(h, json_get(body, "login"));
    if (!l || !sat_login_usable(l))
        l = sat_owner_only(h, o);
    if (l)
        sat_owner_from(o, l->platform, l->id);
    if (*o->platform && *o->id)
        return true;
    struct sat *g = h->gateways; /* the only gateway's configured login */
    if (!h->nlogins && h->live == 1 && g && !g->next)
        sat_owner_from(o, g->conf.login_platform, g->conf.self_id);
    return *o->platform && *o->id;
}

bool sat_owner_echo(const struct json *body, const char *self)
{
    char id[SAT_ID_MAX + 1];
    const char *type = json_text(json_get(body, "type"));
    return type && strcmp(sat_event_type(type), "message-created") == 0 &&
           sat_login_id(json_get(sat_event_part(body, "user"), "id"), id, SAT_ID_MAX) &&
           strcmp(id, self) == 0;
}

/* A login that the table lacks, or that came before the table. */
static struct sat *sat_owner_new(struct sat_hub *h, const struct json *body,
                                 const struct sat_owner *o)
{
    if (sat_login_find(h, o->platform, o->id) || sat_owner_echo(body, o->id))
        return NULL; /* its gateway would have it; or it was removed just now */
    for (struct sat *g = h->gateways; g; g = g->next) {
        if (g->stopping || !g->started || !sat_login_fits(g, o->platform, o->id))
            continue;
        bool named = g->conf.login_platform && g->conf.self_id;
        if (!named && (g->login || h->state == SAT_READY))
            continue;
        struct sat_login *l = sat_login_new(h);
        if (!l)
            return NULL;
        memcpy(l->platform, o->platform, sizeof l->platform);
        memcpy(l->id, o->id, sizeof l->id);
        sat_login_changed(h, "an event of the login came in");
        return g->login == l ? g : NULL;
    }
    return NULL;
}

struct sat *sat_login_owner(struct sat_hub *h, const struct json *body, const char **why)
{
    struct sat_owner o = {0};
    *why = NULL;
    if (!sat_owner_find(h, body, &o)) {
        *why = h->nlogins > 1 ? "it names no login, and there are several"
                              : "it names no login, and none is known";
        return NULL;
    }
    for (struct sat *g = h->gateways; g; g = g->next)
        if (!g->stopping && g->login && strcmp(g->login->id, o.id) == 0 &&
            strcmp(g->login->platform, o.platform) == 0)
            return g;
    return sat_owner_new(h, body, &o);
}
