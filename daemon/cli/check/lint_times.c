/* lint_times.c -- times of day: in quiet hours, too many an evening, and when a post that is due everywhere at once has reached the
 * last group at the account's pace. Caller: cli/check/lint.c.
 * A moment is a `flow:at`, a parameter of type clock (two that are called x_from and x_to are a span, and no moments), or an item of
 * a table that has a time under `at` or `time`. Whether the flow uses it tonight cannot be told here: it is counted, unless it says
 * itself that it posts nothing (posts = false), or is the time `x_at` of something that is switched off (x = false). Items that say on
 * which days they are due are added up with those of the same day only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/check/lint_days.h"
#include "cli/check/lint_internal.h"
#include "engine/send/plan.h"

/* A post that says nothing else is left out when it is later than TIMES_LATE_MS (engine/turn/turn_send.c). */
enum {
    TIMES_DAY_MS = 86400000,
    TIMES_MINUTE_MS = 60000,
    TIMES_EVENING_MS = 17 * 3600000,
    TIMES_LATE_MS = 1800000
};

enum moment_kind { MOMENT_PARAM, MOMENT_ITEM, MOMENT_AT };

struct moment {
    const struct playbook *p;
    const struct flow_info *flow;
    char name[80]; /* parameter or time */
    int64_t at_ms, late_ms;
    struct days days;
    enum moment_kind kind;
    struct place place;
};

struct moments {
    struct moment *list;
    int n;
};

/* ---- which there are ---- */

static int64_t times_late(const struct handler *h)
{
    return h && h->late_ms >= 0 && h->late_ms < TIMES_LATE_MS ? h->late_ms : TIMES_LATE_MS;
}

/* `h`: of a flow:at, else NULL. */
static void times_add(struct linter *k, struct moments *m, enum moment_kind kind, const char *name,
                      const char *clock, const struct handler *h, struct place place)
{
    int64_t ms;
    if (!time_parse_clock(clock, &ms)) {
        place_free(&place);
        return;
    }
    m->list = mem_realloc(m->list, ((size_t)m->n + 1) * sizeof *m->list);
    struct moment *one = &m->list[m->n++];
    *one = (struct moment){.p = k->p,
                           .flow = k->flow,
                           .at_ms = ms % TIMES_DAY_MS,
                           .late_ms = times_late(h),
                           .days = days_daily(),
                           .kind = kind,
                           .place = place};
    one->place.value = NULL;
    snprintf(one->name, sizeof one->name, "%s", name);
}

/* x_at where there is a switch x, and it is off. */
static bool times_is_off(const struct linter *k, const char *name)
{
    size_t len = strlen(name);
    char of[80];
    if (len <= 3 || len >= sizeof of || strcmp(name + len - 3, "_at") != 0)
        return false;
    snprintf(of, sizeof of, "%.*s", (int)(len - 3), name);
    const struct param *p = flow_param(k->pf->flow, of);
    return p && p->type == PARAM_BOOLEAN && cJSON_IsFalse(lint_value(k, of));
}

/* x_from with x_to beside it, or the other way round. */
static bool times_is_span(const struct linter *k, const char *name)
{
    static const char *const ends[2][2] = {{"_from", "_to"}, {"_to", "_from"}};
    size_t len = strlen(name);
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(ends[i][0]);
        char other[80];
        if (len <= n || strcmp(name + len - n, ends[i][0]) != 0)
            continue;
        snprintf(other, sizeof other, "%.*s%s", (int)(len - n), name, ends[i][1]);
        const struct param *p = flow_param(k->pf->flow, other);
        return p && p->type == PARAM_CLOCK;
    }
    return false;
}

static bool times_is_scheduled(const struct linter *k, const char *param)
{
    for (int i = 0; i < k->flow->nhandlers; i++) {
        const struct handler *h = &k->flow->handlers[i];
        if (h->kind == HANDLER_AT && h->from_param && strcmp(h->name, param) == 0)
            return true;
    }
    return false;
}

static void times_of_table(struct linter *k, struct moments *m, const struct param *p)
{
    const cJSON *v;
    int i = 0;
    cJSON_ArrayForEach (v, lint_value(k, p->name)) {
        const cJSON *at = cJSON_GetObjectItemCaseSensitive(v, "at");
        if (!cJSON_IsString(at))
            at = cJSON_GetObjectItemCaseSensitive(v, "time");
        i++;
        if (!cJSON_IsString(at))
            continue;
        struct place place;
        char name[80];
        place_of_param(k, p->name, &place);
        if (place.value && place.value->type == CONF_TABLE && i <= place.value->nlist)
            place.line = place.value->entries[i - 1].value.line;
        snprintf(name, sizeof name, "%s[%d]", p->name, i);
        int before = m->n;
        times_add(k, m, MOMENT_ITEM, name, at->valuestring, NULL, place);
        if (m->n > before)
            m->list[before].days = days_of(v);
    }
}

static void times_of_flow(struct linter *k, struct moments *m)
{
    struct place place;
    for (int i = 0; i < k->flow->nhandlers; i++) {
        const struct handler *h = &k->flow->handlers[i];
        if (h->kind != HANDLER_AT || !h->posts || (h->from_param && times_is_off(k, h->name)))
            continue;
        const cJSON *v = h->from_param ? lint_value(k, h->name) : NULL;
        if (h->from_param && lint_given(k, h->name))
            place_of_param(k, h->name, &place);
        else
            place_in_flow(k, h->line, &place);
        const char *clock = v ? cJSON_GetStringValue(v) : h->nwords ? h->words[0] : "";
        times_add(k, m, MOMENT_AT, h->from_param ? h->name : clock, clock ? clock : "", h, place);
    }
    for (int i = 0; i < k->flow->nparams; i++) {
        const struct param *p = &k->flow->params[i];
        const char *clock = cJSON_GetStringValue(lint_value(k, p->name));
        if (p->type == PARAM_TABLE)
            times_of_table(k, m, p);
        if (p->type != PARAM_CLOCK || !clock || times_is_scheduled(k, p->name) ||
            times_is_span(k, p->name) || times_is_off(k, p->name))
            continue;
        place_of_param(k, p->name, &place);
        times_add(k, m, MOMENT_PARAM, p->name, clock, NULL, place);
    }
}

static void times_of_playbook(struct linter *k, struct moments *m)
{
    for (int i = 0; i < k->p->nflows; i++) {
        k->pf = &k->p->flows[i];
        k->flow = flow_info(k->pf->flow);
        times_of_flow(k, m);
    }
    k->pf = NULL;
    k->flow = NULL;
}

static void times_free(struct moments *m)
{
    for (int i = 0; i < m->n; i++) {
        place_free(&m->list[i].place);
        days_free(&m->list[i].days);
    }
    free(m->list);
}

/* The days on which to look at them; allocated. */
static struct day *times_days(const struct moments *m, int *n)
{
    const struct days **all = mem_zero(((size_t)m->n + 1) * sizeof *all);
    for (int i = 0; i < m->n; i++)
        all[i] = &m->list[i].days;
    struct day *days = days_to_look_at(all, m->n, n);
    free(all);
    return days;
}

/* ---- quiet hours, and the evening's budget ---- */

static void times_clock(int64_t ms, char out[16])
{
    int64_t s = ms / 1000 % (TIMES_DAY_MS / 1000);
    if (s % 60)
        snprintf(out, 16, "%02d:%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
    else
        snprintf(out, 16, "%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60));
}

static bool times_quiet(const struct playbook *p, int64_t ms)
{
    int64_t from = p->quiet_from_ms % TIMES_DAY_MS, to = p->quiet_to_ms % TIMES_DAY_MS;
    if (!p->has_quiet)
        return false;
    return from < to ? ms >= from && ms < to : ms >= from || ms < to;
}

static void times_look_quiet(struct linter *k, const struct moment *m)
{
    char at[16], from[16], to[16];
    if (!times_quiet(m->p, m->at_ms))
        return;
    times_clock(m->at_ms, at);
    times_clock(m->p->quiet_from_ms, from);
    times_clock(m->p->quiet_to_ms, to);
    k->flow = m->flow;
    lint_add(k, m->kind == MOMENT_AT ? "L042" : "L043", m->place.file, m->place.line,
             "%s.%s at %s is in the quiet hours of playbook %s (%s to %s)", m->flow->name, m->name,
             at, m->p->name, from, to);
    k->flow = NULL;
}

/* How many there are on the evening of a day; lists them. */
static int times_of_evening(const struct moments *m, const struct day *day, struct buf *list)
{
    int n = 0;
    buf_reset(list);
    for (int i = 0; i < m->n; i++) {
        char at[16];
        if (m->list[i].at_ms < TIMES_EVENING_MS || !days_has(&m->list[i].days, day))
            continue;
        times_clock(m->list[i].at_ms, at);
        buf_addf(list, "%s%s.%s %s", n ? ", " : "", m->list[i].flow->name, m->list[i].name, at);
        n++;
    }
    return n;
}

static void times_evening(struct linter *k, const struct moments *m)
{
    struct buf list = {0};
    int ndays, worst = 0, n = 0;
    struct day *days = times_days(m, &ndays);
    for (int i = 0; i < ndays; i++) {
        int on = times_of_evening(m, &days[i], &list);
        worst = on > n ? i : worst;
        n = on > n ? on : n;
    }
    times_of_evening(m, &days[worst], &list);
    free(days);
    if (n > k->p->evening_posts) {
        const struct conf_value *v = k->root ? conf_get(k->root, "evening_posts") : NULL;
        v = v ? v : k->root ? conf_get(k->root, "flows") : NULL;
        lint_add(k, "L044", k->p->file, v ? v->line : 1,
                 "playbook %s posts %d times an evening, its budget is %d: %s", k->p->name, n,
                 k->p->evening_posts, buf_cstr(&list));
    }
    buf_free(&list);
}

void lint_times(struct linter *k)
{
    struct moments m = {0};
    times_of_playbook(k, &m);
    for (int i = 0; i < m.n; i++)
        times_look_quiet(k, &m.list[i]);
    times_evening(k, &m);
    times_free(&m);
}

/* ---- broadcasts ---- */

static int times_said(const struct linter *k, const char *name)
{
    for (int i = 0; i < k->out->ngroups; i++) {
        const char *of = k->out->groups[i].name;
        if (name ? of && strcmp(of, name) == 0 : !of)
            return k->out->groups[i].n;
    }
    return -1;
}

/* In how many groups of a gateway the playbook posts: those it names, or for wider selectors as many as the operator says. */
static int times_groups(const struct linter *k, const struct playbook *p, const char *gateway)
{
    int named = 0, said = -1;
    bool wide = false;
    for (int i = 0; i < p->nselectors; i++) {
        const struct selector *s = &p->selectors[i];
        bool here = !s->gateway || strcmp(s->gateway, gateway) == 0;
        named += here && s->kind == SELECT_CHAT;
        wide |= here && s->kind != SELECT_CHAT;
    }
    const char *const names[] = {p->name, gateway, NULL};
    for (int i = 0; wide && said < 0 && i < 3; i++)
        said = times_said(k, names[i]);
    return said > named ? said : named;
}

/* Is it the same post in the same groups as an earlier one? Wider selectors of two playbooks mean the same groups until the operator
 * says how many each has; a flow runs once in a group. */
static bool times_again(const struct linter *k, const struct moments *m, int i)
{
    bool wide = false;
    for (int j = 0; j < m->list[i].p->nselectors; j++)
        wide |= m->list[i].p->selectors[j].kind != SELECT_CHAT;
    for (int j = 0; wide && j < i; j++) {
        const struct moment *a = &m->list[j], *b = &m->list[i];
        if (a->flow == b->flow && a->at_ms == b->at_ms && a->p != b->p &&
            strcmp(a->name, b->name) == 0 && times_said(k, b->p->name) < 0)
            return true;
    }
    return false;
}

static int times_by_clock(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;
    return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

static void times_judge(struct linter *k, const struct moment *m, const char *gateway, int groups,
                        int64_t last_ms)
{
    char at[16], last[16];
    times_clock(m->at_ms, at);
    times_clock(last_ms, last);
    k->p = m->p;
    k->flow = m->flow;
    /* a parameter may time something else than a post to everybody */
    enum lint_severity severity = m->kind == MOMENT_PARAM ? LINT_NOTE : LINT_WARNING;
    if (last_ms - m->at_ms > m->late_ms)
        lint_add_as(
            k, "L040", severity, m->place.file, m->place.line,
            "%s.%s at %s to %d groups by gateway %s: the last one is reached at %s, %lld min "
            "late, and %lld min is the most",
            m->flow->name, m->name, at, groups, gateway, last,
            (long long)((last_ms - m->at_ms) / TIMES_MINUTE_MS),
            (long long)(m->late_ms / TIMES_MINUTE_MS));
    if (times_quiet(m->p, last_ms % TIMES_DAY_MS) && !times_quiet(m->p, m->at_ms))
        lint_add_as(k, "L041", severity, m->place.file, m->place.line,
                    "%s.%s at %s to %d groups by gateway %s: the last one is reached at %s, in the "
                    "quiet hours of playbook %s",
                    m->flow->name, m->name, at, groups, gateway, last, m->p->name);
    k->p = NULL;
    k->flow = NULL;
}

/* When each of them has reached its last group on that day; keeps the latest of all days in `last_ms`. */
static void times_day(const struct linter *k, const struct moments *m,
                      const struct config_gateway *g, const struct day *day, int64_t *last_ms)
{
    struct plan_used account = {0};
    for (int i = 0; i < m->n; i++) {
        const struct moment *one = &m->list[i];
        int groups = times_groups(k, one->p, config_gateway_key(g));
        int64_t last = one->at_ms;
        if (times_again(k, m, i) || !days_has(&one->days, day))
            continue;
        for (int j = 0; j < groups; j++)
            last =
                plan_send(&g->pace, KIND_BROADCAST, 1000, &account, NULL, one->at_ms * 1000, NULL) /
                1000;
        last_ms[i] = last > last_ms[i] ? last : last_ms[i];
    }
}

static void times_plan(struct linter *k, const struct moments *m, const struct config_gateway *g)
{
    struct lint *l = k->out;
    int64_t *lasts = mem_zero(((size_t)m->n + 1) * sizeof *lasts);
    int ndays;
    struct day *days = times_days(m, &ndays);
    for (int i = 0; i < ndays; i++)
        times_day(k, m, g, &days[i], lasts);
    free(days);
    for (int i = 0; i < m->n; i++) {
        const struct moment *one = &m->list[i];
        int groups = times_groups(k, one->p, config_gateway_key(g));
        int64_t last_ms = lasts[i];
        if (times_again(k, m, i) || groups < 2)
            continue;
        l->posts = mem_realloc(l->posts, ((size_t)l->nposts + 1) * sizeof *l->posts);
        l->posts[l->nposts++] = (struct lint_post){.playbook = mem_strdup(one->p->name),
                                                   .flow = mem_strdup(one->flow->name),
                                                   .gateway = mem_strdup(config_gateway_key(g)),
                                                   .name = mem_strdup(one->name),
                                                   .at_ms = one->at_ms,
                                                   .last_ms = last_ms,
                                                   .late_ms = one->late_ms,
                                                   .groups = groups};
        times_judge(k, one, config_gateway_key(g), groups, last_ms);
    }
    free(lasts);
}

void lint_broadcasts(struct linter *k)
{
    struct moments m = {0};
    struct buf unused = {0};
    for (int i = 0; i < k->book->nbooks; i++) {
        k->p = k->book->books[i];
        k->root = conf_load(k->p->file, &unused);
        times_of_playbook(k, &m);
        conf_free(k->root);
        k->root = NULL;
    }
    k->p = NULL;
    if (m.n)
        qsort(m.list, (size_t)m.n, sizeof *m.list, times_by_clock);
    for (int i = 0; i < k->config->ngateways; i++)
        if (!config_gateway_again(k->config, i))
            times_plan(k, &m, &k->config->gateways[i]);
    times_free(&m);
    buf_free(&unused);
}
