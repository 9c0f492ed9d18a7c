/* platform.c -- see platform.h. Callers: lua/config_pace.c, cli/check/check.c. */
#include "lua/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "lua/playbook_internal.h"

/* ---- one limit ---- */

static void limit_read_name(struct conf_report *r, const struct conf_value *v,
                            struct platform_limit *l)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const char *s = NULL;
    if (!conf_string(r, v, "name", &s)) {
        if (!conf_get(v, "name"))
            conf_problem(r, v, "a limit needs a name, for example name = \"post-day\"");
    } else if (!*s || strlen(s) >= PACE_NAME || strspn(s, good) != strlen(s)) {
        conf_problem(r, conf_get(v, "name"),
                     "name: use small letters, digits and -, at most %d of them", PACE_NAME - 1);
    } else {
        snprintf(l->name, sizeof l->name, "%s", s);
    }
}

static void limit_read_scope(struct conf_report *r, const struct conf_value *v, bool whole,
                             struct platform_limit *l)
{
    const char *s = NULL;
    if (!conf_string(r, v, "scope", &s)) {
        if (whole && !conf_get(v, "scope"))
            conf_problem(r, v, "a limit needs a scope: account, chat or member");
        return;
    }
    for (int i = 0; i < PACE_SCOPES; i++) {
        if (strcmp(s, pace_scope_name((enum pace_scope)i)) == 0) {
            l->scope = (enum pace_scope)i;
            return;
        }
    }
    conf_problem(r, conf_get(v, "scope"), "scope must be account, chat or member");
}

/* "all", "begun" (all but answers), one kind, or a list of kinds. */
static unsigned limit_kind(struct conf_report *r, const struct conf_value *v)
{
    enum send_kind kind;
    if (v->type == CONF_STRING && strcmp(v->string, "all") == 0)
        return KINDS_ALL;
    if (v->type == CONF_STRING && strcmp(v->string, "begun") == 0)
        return KINDS_BEGUN;
    if (v->type == CONF_STRING && send_kind_parse(v->string, &kind))
        return 1U << kind;
    conf_problem(r, v,
                 "kinds: answer, game, broadcast, dm and at_all there are, "
                 "\"begun\" is all but answers, \"all\" is all");
    return 0;
}

static void limit_read_kinds(struct conf_report *r, const struct conf_value *v,
                             struct platform_limit *l)
{
    const struct conf_value *k = conf_get(v, "kinds");
    if (!k)
        return;
    if (k->type != CONF_TABLE) {
        l->kinds = limit_kind(r, k);
        return;
    }
    if (k->nlist != k->nentries || !k->nlist) {
        conf_problem(r, k, "kinds must be a word or a list, for example { \"broadcast\", \"dm\" }");
        return;
    }
    l->kinds = 0;
    for (int i = 0; i < k->nlist; i++)
        l->kinds |= limit_kind(r, &k->entries[i].value);
}

void platform_read_kinds(struct conf_report *r, const struct conf_value *v, unsigned *kinds)
{
    struct platform_limit l = {.kinds = *kinds};
    limit_read_kinds(r, v, &l);
    *kinds = l.kinds;
}

static void limit_read_per(struct conf_report *r, const struct conf_value *v, bool whole,
                           struct platform_limit *l)
{
    const struct conf_value *p = conf_get(v, "per");
    if (!p && whole)
        conf_problem(r, v,
                     "a limit needs `per`: a time like \"1m\", or \"day\", \"business day\" "
                     "or \"month\"");
    if (!p)
        return;
    for (int i = 0; p->type == CONF_STRING && i < QUOTA_PERS; i++) {
        if (strcmp(p->string, quota_per_name((enum quota_per)i)) != 0)
            continue;
        l->calendar = true;
        l->per = (enum quota_per)i;
        return;
    }
    if (conf_duration(r, v, "per", 1, &l->per_ms)) {
        l->calendar = false;
        if (l->per_ms > 6 * 3600000)
            conf_problem(r, p, "per: beyond 6h use \"day\", \"business day\" or \"month\"");
    }
}

/* "field.md; ours; checked 2026-11-22" */
static void limit_read_source(struct conf_report *r, const struct conf_value *v, bool whole,
                              struct platform_limit *l)
{
    static const char *const qualities[] = {"official", "sdk",  "secondary",
                                            "measured", "ours", NULL};
    const char *source = NULL, *quality = NULL, *checked = NULL;
    int64_t day;
    bool some = conf_string(r, v, "source", &source);
    if (!some && whole && !conf_get(v, "source"))
        conf_problem(r, v, "a limit needs a source: where its figure is from");
    if (conf_string(r, v, "quality", &quality)) {
        int i = 0;
        while (qualities[i] && strcmp(qualities[i], quality) != 0)
            i++;
        if (!qualities[i])
            conf_problem(r, conf_get(v, "quality"),
                         "quality must be official, sdk, secondary, measured or ours");
    } else if (whole && !conf_get(v, "quality")) {
        conf_problem(r, v, "a limit needs a quality: official, sdk, secondary, measured or ours");
    }
    if (conf_string(r, v, "checked", &checked) && !time_parse_date(checked, &day))
        conf_problem(r, conf_get(v, "checked"), "checked must be a date like \"2026-11-22\"");
    else if (whole && !conf_get(v, "checked"))
        conf_problem(r, v, "a limit needs `checked`: the date at which its source was read");
    if (some)
        snprintf(l->source, sizeof l->source, "%.120s (%s, %s)", source, quality ? quality : "ours",
                 checked ? checked : "-");
}

/* What can only be judged when all of it is there. */
static void limit_judge(struct conf_report *r, const struct conf_value *v, struct platform_limit *l)
{
    if (l->calendar && l->burst)
        conf_problem(r, v, "%s: burst belongs to a time like \"1m\", a %s has none", l->name,
                     quota_per_name(l->per));
    else if (!l->calendar && l->burst > 1 && l->burst >= l->count)
        conf_problem(r, v,
                     "%s: burst must be below count: burst and what follows it in the window "
                     "are %lld together",
                     l->name, (long long)l->count);
    if (l->scope == PACE_MEMBER && l->kinds & 1U << KIND_ANSWER && l->calendar)
        conf_problem(r, v,
                     "%s: answers to a member are never counted by the day; leave `answer` "
                     "out of kinds",
                     l->name);
}

void platform_read_limit(struct conf_report *r, const struct conf_value *v, bool whole,
                         struct platform_limit *l)
{
    static const char *const keys[] = {"name",  "scope",  "kinds",   "count",   "per",
                                       "burst", "source", "quality", "checked", NULL};
    int before = r->problems;
    int64_t burst = l->burst;
    if (v->type != CONF_TABLE) {
        conf_problem(r, v,
                     "a limit is a table like { name = \"post-day\", scope = \"chat\", "
                     "count = 6, per = \"day\", ... }");
        return;
    }
    conf_check_keys(r, v, "limit", keys, false);
    if (whole) {
        l->kinds = KINDS_ALL;
        if (!*l->name)
            limit_read_name(r, v, l);
    }
    limit_read_scope(r, v, whole, l);
    limit_read_kinds(r, v, l);
    limit_read_per(r, v, whole, l);
    if (!conf_integer(r, v, "count", 1, 1000000000, &l->count) && whole && !conf_get(v, "count"))
        conf_problem(r, v, "a limit needs a count");
    if (conf_integer(r, v, "burst", 1, 1000000, &burst))
        l->burst = (int)burst;
    limit_read_source(r, v, whole && l->source[0] == '\0', l);
    if (r->problems == before)
        limit_judge(r, v, l);
}

struct platform_limit *platform_find(struct platform *p, const char *name)
{
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->limits[i].name, name) == 0)
            return &p->limits[i];
    return NULL;
}

/* ---- a file ---- */

static void platform_read_limits(struct conf_report *r, const struct conf_value *root,
                                 struct platform *p)
{
    const struct conf_value *list = conf_table(r, root, "limits");
    if (!list) {
        if (!conf_get(root, "limits"))
            conf_problem(r, root, "limits is missing: the list of what the platform tolerates");
        return;
    }
    if (list->nlist != list->nentries || list->nlist > PLATFORM_LIMITS) {
        conf_problem(r, list, "limits must be a list of at most %d limits", PLATFORM_LIMITS);
        return;
    }
    for (int i = 0; i < list->nlist; i++) {
        const struct conf_value *v = &list->entries[i].value;
        struct platform_limit one = {0};
        platform_read_limit(r, v, true, &one);
        if (*one.name && platform_find(p, one.name))
            conf_problem(r, v, "there are two limits called %s", one.name);
        p->limits[p->n++] = one;
    }
}

static void platform_read(struct conf_report *r, const struct conf_value *root, struct platform *p)
{
    static const char *const keys[] = {"title", "limits", "jitter", "warmup", "zone", NULL};
    const char *title = NULL, *zone = NULL;
    int64_t jitter;
    if (root->type != CONF_TABLE) {
        conf_problem(r, root, "a platform's file must return a table");
        return;
    }
    conf_check_keys(r, root, "platform", keys, false);
    conf_string(r, root, "title", &title);
    if (conf_integer(r, root, "jitter", 0, 100, &jitter))
        p->jitter = (int)jitter;
    conf_duration(r, root, "warmup", 0, &p->warmup_ms);
    if (conf_string(r, root, "zone", &zone)) {
        p->zone = zone_get(zone);
        if (!p->zone)
            conf_problem(r, conf_get(root, "zone"), "zone '%s' is not known to this system", zone);
    }
    platform_read_limits(r, root, p);
}

bool platform_load(const char *path, struct platform *out, struct buf *err)
{
    struct conf_report r = {.file = path, .out = err};
    memset(out, 0, sizeof *out);
    out->jitter = PACE_JITTER;
    out->warmup_ms = PACE_WARMUP_MS;
    struct conf_value *root = conf_load(path, err);
    if (!root)
        return false;
    platform_read(&r, root, out);
    if (!r.problems) { /* is there room for all of it? */
        struct pace *p = MEM_NEW(struct pace);
        platform_to_pace(&r, root, out, p);
        free(p);
    }
    conf_free(root);
    return r.problems == 0;
}

char *platform_path(char *const *sop, const char *name)
{
    for (; sop && *sop; sop++) {
        struct buf path = {0};
        buf_addf(&path, "%s/platforms/%s.lua", *sop, name);
        if (access(buf_cstr(&path), F_OK) == 0)
            return buf_take(&path);
        buf_free(&path);
    }
    return NULL;
}

void platform_check_all(char *const *sop, struct buf *err)
{
    struct platform *p = MEM_NEW(struct platform);
    for (; sop && *sop; sop++) {
        char **names = loader_list(*sop, "platforms");
        for (char **name = names; name && *name; name++) {
            struct buf path = {0};
            buf_addf(&path, "%s/platforms/%s.lua", *sop, *name);
            platform_load(buf_cstr(&path), p, err);
            buf_free(&path);
        }
        loader_free_list(names);
    }
    free(p);
}

/* ---- rules and quotas ---- */

/* Where nothing is said, a fifth of the window's count may come at once. */
static int platform_burst(const struct platform_limit *l)
{
    int64_t fifth = l->count / 5;
    if (l->burst)
        return l->burst;
    return fifth < 1 ? 1 : fifth > 100 ? 100 : (int)fifth;
}

static bool platform_add_rule(const struct platform_limit *l, struct pace *out)
{
    int burst = platform_burst(l);
    if (!pace_add_rule(out, l->scope, l->kinds, pace_interval(l->count, l->per_ms * 1000, burst),
                       burst))
        return false;
    struct pace_rule *rule = &out->rules[l->scope][out->nrules[l->scope] - 1];
    rule->count = l->count;
    rule->per_ms = l->per_ms;
    snprintf(rule->name, sizeof rule->name, "%s", l->name);
    snprintf(rule->source, sizeof rule->source, "%s", l->source);
    return true;
}

static bool platform_add_quota(const struct platform_limit *l, struct pace *out)
{
    if (out->nquotas == PACE_QUOTAS)
        return false;
    struct pace_quota *q = &out->quotas[out->nquotas++];
    *q =
        (struct pace_quota){.scope = l->scope, .kinds = l->kinds, .count = l->count, .per = l->per};
    snprintf(q->name, sizeof q->name, "%s", l->name);
    snprintf(q->source, sizeof q->source, "%s", l->source);
    return true;
}

void platform_to_pace(struct conf_report *r, const struct conf_value *v, const struct platform *p,
                      struct pace *out)
{
    out->jitter = p->jitter;
    out->warmup_ms = p->warmup_ms;
    if (p->zone)
        out->zone = p->zone;
    for (int i = 0; i < p->n; i++) {
        const struct platform_limit *l = &p->limits[i];
        if (l->calendar ? !platform_add_quota(l, out) : !platform_add_rule(l, out))
            conf_problem(r, v,
                         "%s: there are too many limits: at most %d quotas, and %d others of "
                         "each scope",
                         l->name, PACE_QUOTAS, PACE_RULES);
    }
}
