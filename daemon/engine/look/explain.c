/* explain.c -- see explain.h: the chat, its tags, the playbooks and overlays that hold there, and its staff. Flows are in explain_flow.c.
 * Callers: admin/control_explain.c. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "engine/look/explain_part.h"
#include "store/settings_value.h"

void explain_where(cJSON *o, const char *file, int line)
{
    struct buf b = {0};
    buf_adds(&b, file ? file : "");
    if (line > 0)
        buf_addf(&b, ":%d", line);
    cJSON_AddStringToObject(o, "where", buf_cstr(&b));
    buf_free(&b);
}

static void explain_by(cJSON *o, const struct selector *s)
{
    struct buf b = {0};
    if (s)
        selector_print(s, &b);
    cJSON_AddStringToObject(o, "by", buf_cstr(&b));
    buf_free(&b);
}

/* ---- tags ---- */

static void explain_tag(struct explain *x, const char *own, const char *tag, cJSON *list)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "tag", tag);
    if (selector_has_tag(own, tag)) {
        struct buf key = {0};
        buf_adds(&key, "sopd:chat-tags:");
        buf_add_key(&key, x->gw->name);
        cJSON_AddStringToObject(o, "from", "redis");
        cJSON_AddStringToObject(o, "where", buf_cstr(&key));
        cJSON_AddStringToObject(o, "field", x->chat->key);
        buf_free(&key);
    } else {
        const struct tag_rule *r = tags_rule(x->gw, x->chat->key, x->chat->name, x->at.tags, tag);
        cJSON_AddStringToObject(o, "from", "configuration");
        explain_where(o, x->e->book ? x->e->book->config : "", r ? r->line : 0);
        if (r)
            cJSON_AddStringToObject(o, "level", level_name(r->level));
    }
    cJSON_AddItemToArray(list, o);
}

static void explain_tags(struct explain *x, cJSON *out)
{
    cJSON *list = cJSON_AddArrayToObject(out, "tags");
    const struct settings *s = x->e->opts.settings;
    const char *own = s ? settings_tags(s, x->gw->name, x->chat->key) : "";
    for (const char *p = x->at.tags; *p;) {
        size_t n = strcspn(p, ",");
        char *tag = mem_strndup(p, n);
        explain_tag(x, own, tag, list);
        free(tag);
        p += n + (p[n] == ',');
    }
}

/* ---- playbooks ---- */

static void explain_clock(struct buf *out, int64_t ms)
{
    buf_addf(out, "%02d:%02d", (int)(ms / 3600000), (int)(ms / 60000 % 60));
}

/* One value of the head, as people write it; NULL: it is not set. */
static char *explain_head_value(const struct playbook *p, enum head_key key)
{
    struct buf b = {0};
    switch (key) {
    case HEAD_TIMEZONE: buf_adds(&b, p->zone ? zone_name(p->zone) : ""); break;
    case HEAD_QUIET:
        if (p->has_quiet) {
            explain_clock(&b, p->quiet_from_ms);
            buf_addc(&b, '-');
            explain_clock(&b, p->quiet_to_ms);
        } else {
            buf_adds(&b, "none");
        }
        break;
    case HEAD_DAY_CUTOFF: explain_clock(&b, p->cutoff_ms); break;
    case HEAD_LANGUAGE: buf_adds(&b, p->language); break;
    case HEAD_EVENING_POSTS: buf_addi(&b, p->evening_posts); break;
    case HEAD_ATTENTION:
        if (!p->attention)
            return NULL;
        if (p->attention < 0)
            buf_adds(&b, "none");
        else
            buf_addi(&b, p->attention);
        break;
    case HEAD_PERSONA: {
        char *text = cJSON_PrintUnformatted(p->persona);
        buf_adds(&b, text ? text : "{}");
        cJSON_free(text);
        break;
    }
    case HEAD_STAFF_CHAT:
        if (!p->staff_chat)
            return NULL;
        buf_adds(&b, p->staff_chat);
        break;
    default: return NULL; /* staff have a list of their own */
    }
    return buf_take(&b);
}

static void explain_head(const struct plan_pick *pick, cJSON *o)
{
    cJSON *list = cJSON_AddArrayToObject(o, "head");
    for (int k = 0; k < HEAD_KEYS; k++) {
        enum head_key key = (enum head_key)k;
        char *value = explain_head_value(pick->head, key);
        if (!value)
            continue;
        cJSON *item = cJSON_CreateObject();
        const struct overlay *by = NULL;
        for (int i = pick->noverlays - 1; i >= 0 && !by; i--)
            if (pick->overlays[i]->head && pick->overlays[i]->head->lines[key])
                by = pick->overlays[i];
        int own = pick->playbook->lines[key];
        cJSON_AddStringToObject(item, "name", head_key_name(key));
        cJSON_AddStringToObject(item, "value", value);
        cJSON_AddStringToObject(item, "from", by ? "overlay" : own ? "playbook" : "default");
        if (by)
            explain_where(item, by->file, by->head->lines[key]);
        else if (own)
            explain_where(item, pick->playbook->file, own);
        cJSON_AddItemToArray(list, item);
        free(value);
    }
}

/* The selector by which an overlay applies. */
static const struct selector *explain_overlay_by(const struct explain *x, const struct overlay *o)
{
    struct selector_chat c = home_place(x->gw, x->chat->key, x->chat->name, x->at.home);
    const struct selector *best = NULL;
    for (int i = 0; i < o->nselectors; i++)
        if (selector_matches(&o->selectors[i], &c) && (!best || o->selectors[i].kind > best->kind))
            best = &o->selectors[i];
    return best;
}

static void explain_playbook(const struct explain *x, const struct plan_pick *pick, cJSON *list)
{
    static const char *const kinds[] = {"all", "gateway", "tag", "name", "chat"};
    const struct playbook *p = pick->playbook;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "playbook", p->name);
    cJSON_AddStringToObject(o, "title", p->title);
    explain_by(o, pick->by);
    cJSON_AddStringToObject(o, "kind", kinds[pick->kind]);
    cJSON_AddBoolToObject(o, "staff_chat", pick->staff);
    explain_where(o, p->file, 0);
    cJSON *overlays = cJSON_AddArrayToObject(o, "overlays");
    for (int i = 0; i < pick->noverlays; i++) {
        const struct overlay *v = pick->overlays[i];
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "overlay", v->name);
        cJSON_AddStringToObject(item, "level", level_name(v->level));
        explain_by(item, explain_overlay_by(x, v));
        explain_where(item, v->file, v->line);
        cJSON_AddItemToArray(overlays, item);
    }
    explain_head(pick, o);
    cJSON_AddItemToArray(list, o);
}

/* ---- staff ---- */

/* Raises the role of a user to what is given there. */
static void explain_raise(cJSON *list, const char *user, enum role role, const char *from,
                          const char *where, int line)
{
    cJSON *o;
    cJSON_ArrayForEach (o, list) {
        const char *known = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "user"));
        if (known && strcmp(known, user) == 0)
            break;
    }
    if (!o) {
        o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "user", user);
        cJSON_AddItemToArray(list, o);
    } else {
        const char *has = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "role"));
        if (has && role_parse(has) >= (int)role)
            return;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(o, "role");
    cJSON_DeleteItemFromObjectCaseSensitive(o, "from");
    cJSON_DeleteItemFromObjectCaseSensitive(o, "where");
    cJSON_AddStringToObject(o, "role", role_name(role));
    cJSON_AddStringToObject(o, "from", from);
    explain_where(o, where, line);
}

static void explain_staff_value(void *ud, const struct settings_value *v)
{
    int role = role_parse(v->value);
    if (role > ROLE_MEMBER)
        explain_raise(ud, v->field, (enum role)role, "redis", v->key, 0);
}

static void explain_staff_list(cJSON *list, const struct staff *staff, int n, const char *from,
                               const char *file, int line)
{
    for (int i = 0; i < n; i++)
        explain_raise(list, staff[i].user, staff[i].role, from, file, line);
}

static void explain_staff(struct explain *x, cJSON *out)
{
    cJSON *list = cJSON_AddArrayToObject(out, "staff");
    const struct book *book = x->e->book;
    bool keepers = false;
    if (book)
        explain_staff_list(list, book->staff, book->nstaff, "configuration", book->config, 0);
    for (int i = 0; i < x->picks.n; i++) {
        const struct plan_pick *pick = &x->picks.list[i];
        const struct playbook *p = pick->playbook;
        keepers |= p->keepers;
        explain_staff_list(list, p->staff, p->nstaff, "playbook", p->file, p->lines[HEAD_STAFF]);
        for (int j = 0; j < pick->noverlays; j++) {
            const struct playbook *head = pick->overlays[j]->head;
            if (head)
                explain_staff_list(list, head->staff, head->nstaff, "overlay",
                                   pick->overlays[j]->file, head->lines[HEAD_STAFF]);
        }
    }
    if (x->e->opts.settings)
        settings_each(x->e->opts.settings, SETTINGS_STAFF, &x->at, NULL, explain_staff_value, list);
    cJSON_AddBoolToObject(out, "keepers", keepers);
}

/* ---- what is wrong in Redis ---- */

static bool explain_applies(const struct explain *x, int kind, const char *key)
{
    struct buf own = {0};
    const char *rest = key + strlen(settings_root(kind));
    bool applies = !*rest;
    buf_adds(&own, ":gw:");
    buf_add_key(&own, x->gw->name);
    applies = applies || strcmp(rest, buf_cstr(&own)) == 0;
    buf_reset(&own);
    buf_adds(&own, ":chat:");
    buf_add_key(&own, x->gw->name);
    buf_addc(&own, ':');
    buf_add_key(&own, x->chat->key);
    applies = applies || strcmp(rest, buf_cstr(&own)) == 0;
    for (const char *p = x->at.tags; *p && !applies;) {
        size_t n = strcspn(p, ",");
        buf_reset(&own);
        buf_adds(&own, ":tag:");
        buf_add_key_n(&own, p, n);
        applies = strcmp(rest, buf_cstr(&own)) == 0;
        p += n + (p[n] == ',');
    }
    buf_free(&own);
    return applies;
}

struct explain_faults {
    const struct explain *x;
    const char *flow; /* NULL: all */
    cJSON *list;
};

static void explain_fault(void *ud, const struct settings_fault *f)
{
    const struct explain_faults *l = ud;
    size_t n = l->flow ? strlen(l->flow) : 0;
    int kind = settings_kind_of(f->key, strlen(f->key));
    if (kind < 0 || kind >= SETTINGS_KINDS || !explain_applies(l->x, kind, f->key))
        return;
    if (l->flow && (strncmp(f->field, l->flow, n) != 0 || (f->field[n] && f->field[n] != '.')))
        return;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "where", f->key);
    cJSON_AddStringToObject(o, "field", f->field);
    cJSON_AddStringToObject(o, "value", f->value ? f->value : "");
    cJSON_AddStringToObject(o, "problem", f->why ? f->why : "");
    cJSON_AddStringToObject(o, "remedy", f->remedy ? f->remedy : "");
    cJSON_AddBoolToObject(o, "obeyed", f->verdict != SETTINGS_BAD);
    if (f->kept)
        cJSON_AddStringToObject(o, "kept", f->kept);
    cJSON_AddItemToArray(l->list, o);
}

static void explain_faults(struct explain *x, const char *flow, cJSON *out)
{
    struct explain_faults l = {x, flow, cJSON_AddArrayToObject(out, "faults")};
    if (x->e->opts.settings)
        settings_each_fault(x->e->opts.settings, explain_fault, &l);
}

/* ---- all ---- */

static bool explain_has_flow(const cJSON *list, const char *flow)
{
    const cJSON *o;
    cJSON_ArrayForEach (o, list) {
        const char *known = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "flow"));
        if (known && strcmp(known, flow) == 0)
            return true;
    }
    return false;
}

/* The flow of a narrower playbook hides the same flow of a wider one. */
static void explain_flows(struct explain *x, const char *flow, cJSON *out)
{
    cJSON *list = cJSON_AddArrayToObject(out, "flows");
    for (int i = 0; i < x->picks.n; i++) {
        const struct plan_pick *pick = &x->picks.list[i];
        for (int f = 0; f < pick->playbook->nflows; f++) {
            const char *name = flow_info(pick->playbook->flows[f].flow)->name;
            if ((!flow || strcmp(flow, name) == 0) && !explain_has_flow(list, name))
                explain_flow(x, pick, f, list);
        }
    }
}

static bool explain_is_known(const struct gw *gw, const char *chat)
{
    struct known *k;
    HASH_FIND_STR(gw->known, chat, k);
    return k != NULL;
}

const char *engine_explain(struct engine *e, const char *gateway, const char *chat,
                           const char *flow, cJSON *out)
{
    struct explain x = {.e = e, .gw = engine_gw(e, gateway)};
    if (!x.gw)
        return "there is no such gateway";
    bool known = explain_is_known(x.gw, chat);
    x.chat = chat_get(x.gw, chat, true);
    home_learn(x.gw, chat);
    struct selector_chat c = home_place(x.gw, chat, x.chat->name, home_of(x.gw, chat));
    char *tags = mem_strdup(c.tags);
    c.tags = tags;
    x.at = (struct settings_place){x.gw->name, x.chat->key, tags, c.home};
    plan_pick_books(x.gw, &c, &x.picks);
    x.settings = plan_settings(x.gw, &x.at, &x.nsettings);
    cJSON_AddStringToObject(out, "gateway", x.gw->name);
    cJSON_AddStringToObject(out, "chat", x.chat->key);
    cJSON_AddStringToObject(out, "name", x.chat->name);
    cJSON_AddBoolToObject(out, "known", known);
    if (c.home)
        cJSON_AddStringToObject(out, "home", c.home);
    else if (!home_ready(x.chat))
        cJSON_AddBoolToObject(out, "home_unread", true);
    explain_tags(&x, out);
    cJSON *books = cJSON_AddArrayToObject(out, "playbooks");
    for (int i = 0; i < x.picks.n; i++)
        explain_playbook(&x, &x.picks.list[i], books);
    explain_flows(&x, flow, out);
    explain_staff(&x, out);
    explain_faults(&x, flow, out);
    free(tags);
    return NULL;
}
