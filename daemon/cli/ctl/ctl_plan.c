/* ctl_plan.c -- `sopd ctl plan`: when a broadcast would be through, before it is started: the limits as the daemon has them, what is
 * used up of them in Redis at this moment, and the arithmetic of the commit (engine/send/plan.h). Nothing is sent or reserved.
 * Callers: cli/ctl/ctl.c. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/ctl/ctl_ledger.h"
#include "engine/send/plan.h"

enum { PLAN_CHATS = 1000000, PLAN_MESSAGES = 20 };

static const char plan_usage[] =
    "it is: plan FLOW[.TIME] | --chats N [--messages M] [--kind KIND] [--at TIME] [--late 30m] "
    "[--gateway G] [--tag T]";

struct plan_query {
    char *flow, *handler; /* of "flow.handler" */
    const char *gateway, *tag;
    enum send_kind kind;
    long chats, messages;
    int64_t at_ms, late_ms;
};

/* One account, and what becomes of its messages. */
struct plan_account {
    const char *gateway, *name;
    struct plan_used used;
    int64_t stretch, held_us; /* nothing leaves before: it is held */
    long groups, sent, late, quota, quiet, put_off;
    int64_t first_us, last_us;
    const char *first_chat, *last_chat;
    long bound[PACE_SCOPES][PACE_RULES];
    int64_t counted[PACE_QUOTAS]; /* by this plan, of quotas of the account */
    struct pace *pace;
};

struct plan {
    const struct plan_query *q;
    struct ledger ledger;
    const cJSON *gateway; /* that is worked out */
    struct pace pace;
    struct plan_account *accounts;
    int naccounts, from; /* of this gateway: from `from` on */
};

/* One group that is to be posted to. */
struct plan_group {
    const char *chat, *account;
    int64_t at_us, latest_us;
    bool quiet; /* held back until the quiet hours are over */
};

/* ---- what is used up ---- */

static void plan_load(const struct plan *p, enum pace_scope scope, const char *whom,
                      struct plan_used *out)
{
    for (int i = 0; i < p->pace.nrules[scope]; i++) {
        struct buf field = {0};
        char mark[24];
        pace_rule_mark(&p->pace.rules[scope][i], i, mark);
        buf_addf(&field, "%s%s|%s", scope == PACE_ACCOUNT ? "a|" : "", whom, mark);
        out->urgent[i] = ledger_get(&p->ledger, 'p', buf_cstr(&field));
        buf_addc(&field, 'b');
        out->bulk[i] = ledger_get(&p->ledger, 'p', buf_cstr(&field));
        buf_free(&field);
    }
}

static struct plan_account *plan_account(struct plan *p, const char *name)
{
    const cJSON *a;
    for (int i = p->from; i < p->naccounts; i++)
        if (strcmp(p->accounts[i].name, name) == 0)
            return &p->accounts[i];
    p->accounts = mem_realloc(p->accounts, ((size_t)p->naccounts + 1) * sizeof *p->accounts);
    struct plan_account *one = &p->accounts[p->naccounts++];
    *one = (struct plan_account){
        .gateway = ctl_string(p->gateway, "name"), .name = name, .stretch = 1000};
    plan_load(p, PACE_ACCOUNT, name, &one->used);
    cJSON_ArrayForEach (a, cJSON_GetObjectItemCaseSensitive(p->gateway, "accounts")) {
        if (strcmp(ctl_string(a, "name"), name) != 0)
            continue;
        one->stretch = (int64_t)(ctl_number(a, "stretch") * 1000 + 0.5);
        one->held_us = (int64_t)(ctl_number(a, "held_until") * 1e6);
    }
    one->pace = MEM_NEW(struct pace);
    *one->pace = p->pace;
    return one;
}

/* Until which moment a full quota puts the message off, 0: it is not full. counted: by this plan. */
static int64_t plan_full(const struct plan *p, const struct pace_quota *q, const char *whom,
                         int64_t counted)
{
    struct buf field = {0};
    const cJSON *windows = cJSON_GetObjectItemCaseSensitive(p->gateway, "windows");
    buf_addf(&field, "%c|%s|%s", "acm"[q->scope], whom, q -> name);
    int64_t used = ledger_get(&p->ledger, (char)('0' + q->per), buf_cstr(&field)) + counted;
    buf_free(&field);
    if (used < q->count)
        return 0;
    return (int64_t)(ctl_number(cJSON_GetArrayItem(windows, q->per), "end") * 1e6);
}

/* The same over all quotas of the message; nth: of its chat, from 0. */
static int64_t plan_quotas(const struct plan *p, const struct plan_account *a, const char *chat,
                           long nth)
{
    int64_t until = 0;
    for (int i = 0; i < p->pace.nquotas; i++) {
        const struct pace_quota *q = &p->pace.quotas[i];
        if (!(q->kinds & 1U << p->q->kind) || q->scope == PACE_MEMBER)
            continue;
        int64_t full = q->scope == PACE_ACCOUNT ? plan_full(p, q, a->name, a->counted[i])
                                                : plan_full(p, q, chat, nth);
        until = full > until ? full : until;
    }
    return until;
}

static void plan_count(const struct plan *p, struct plan_account *a)
{
    for (int i = 0; i < p->pace.nquotas; i++)
        if (p->pace.quotas[i].scope == PACE_ACCOUNT && p->pace.quotas[i].kinds & 1U << p->q->kind)
            a->counted[i]++;
}

/* ---- working it out ---- */

/* One message; the same steps as in store/commit.lua. */
static void plan_message(struct plan *p, struct plan_account *a, struct plan_used *chat,
                         const struct plan_group *g, long nth)
{
    struct plan_used before = a->used, chat_before = *chat;
    struct plan_bound bound;
    int64_t us = plan_send(&p->pace, p->q->kind, a->stretch, &a->used, chat, g->at_us, &bound);
    us = us < a->held_us ? a->held_us : us;
    int64_t full = us <= g->latest_us ? plan_quotas(p, a, g->chat, nth) : 0;
    if (us > g->latest_us || full) {
        a->used = before;
        *chat = chat_before;
    }
    if (us > g->latest_us) {
        a->late++;
        return;
    }
    if (full > g->latest_us) {
        a->quota++;
        return;
    }
    if (full) {
        us = full;
        a->put_off++;
    } else {
        plan_count(p, a);
    }
    if (!full && bound.rule >= 0)
        a->bound[bound.scope][bound.rule]++;
    a->quiet += g->quiet;
    if (!a->sent++ || us < a->first_us) {
        a->first_us = us;
        a->first_chat = g->chat;
    }
    if (us >= a->last_us) {
        a->last_us = us;
        a->last_chat = g->chat;
    }
}

static void plan_group(struct plan *p, const struct plan_group *g)
{
    struct plan_account *a = plan_account(p, g->account);
    struct plan_used chat = {0};
    plan_load(p, PACE_CHAT, g->chat, &chat);
    a->groups++;
    for (long i = 0; i < p->q->messages; i++)
        plan_message(p, a, &chat, g, i);
}

static int64_t plan_late_us(const struct plan *p)
{
    const cJSON *late = cJSON_GetObjectItemCaseSensitive(p->gateway, "late");
    return p->q->late_ms ? p->q->late_ms * 1000
                         : (int64_t)(ctl_number(late, send_kind_name(p->q->kind)) * 1e6);
}

static void plan_times(const struct plan *p, const cJSON *group, struct plan_group *out)
{
    int64_t at = (int64_t)(ctl_number(group, "at") * 1e6),
            until = (int64_t)(ctl_number(group, "quiet_until") * 1e6),
            begins = (int64_t)(ctl_number(group, "quiet_begins") * 1e6);
    out->chat = ctl_string(group, "chat");
    out->account = ctl_string(group, "account");
    out->quiet = until > at;
    out->at_us = out->quiet ? until : at;
    out->latest_us = out->at_us + plan_late_us(p);
    if (begins && begins - 1000 < out->latest_us)
        out->latest_us = begins - 1000;
}

static int plan_by_time(const void *a, const void *b)
{
    const struct plan_group *x = a, *y = b;
    return x->at_us != y->at_us ? (x->at_us > y->at_us) - (x->at_us < y->at_us) : (x > y) - (x < y);
}

/* Groups of this gateway in the order in which they are due. */
static void plan_groups(struct plan *p)
{
    const cJSON *one, *list = cJSON_GetObjectItemCaseSensitive(p->ledger.answer, "groups");
    struct plan_group *groups = mem_zero(((size_t)cJSON_GetArraySize(list) + 1) * sizeof *groups);
    size_t n = 0;
    cJSON_ArrayForEach (one, list)
        if (strcmp(ctl_string(one, "gateway"), ctl_string(p->gateway, "name")) == 0)
            plan_times(p, one, &groups[n++]);
    qsort(groups, n, sizeof *groups, plan_by_time);
    for (size_t i = 0; i < n; i++)
        plan_group(p, &groups[i]);
    free(groups);
}

/* So many groups that need not exist, by the gateway's first account. */
static void plan_numbered(struct plan *p)
{
    const cJSON *accounts = cJSON_GetObjectItemCaseSensitive(p->gateway, "accounts");
    int64_t at =
        p->q->at_ms ? p->q->at_ms * 1000 : (int64_t)(ctl_number(p->ledger.answer, "now") * 1e6);
    struct plan_group g = {.chat = "",
                           .account = ctl_string(cJSON_GetArrayItem(accounts, 0), "name"),
                           .at_us = at,
                           .latest_us = at + plan_late_us(p)};
    for (long i = 0; i < p->q->chats; i++)
        plan_group(p, &g);
}

/* ---- the answer ---- */

static cJSON *plan_bounds(const struct plan_account *a)
{
    cJSON *list = cJSON_CreateArray();
    for (int s = 0; s < PACE_SCOPES; s++) {
        for (int i = 0; i < a->pace->nrules[s]; i++) {
            if (!a->bound[s][i])
                continue;
            const struct pace_rule *r = &a->pace->rules[s][i];
            struct buf name = {0};
            cJSON *o = cJSON_CreateObject();
            if (*r->name)
                buf_adds(&name, r->name);
            else
                buf_addf(&name, "%s %.3gs", pace_scope_name((enum pace_scope)s),
                         (double)r->interval_us / 1e6);
            cJSON_AddStringToObject(o, "limit", buf_cstr(&name));
            cJSON_AddNumberToObject(o, "messages", (double)a->bound[s][i]);
            cJSON_AddItemToArray(list, o);
            buf_free(&name);
        }
    }
    return list;
}

static cJSON *plan_account_json(const struct plan_account *a)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "gateway", a->gateway);
    cJSON_AddStringToObject(o, "account", a->name);
    cJSON_AddNumberToObject(o, "stretch", (double)a->stretch / 1000);
    cJSON_AddNumberToObject(o, "held_until", (double)a->held_us / 1e6);
    cJSON_AddNumberToObject(o, "groups", (double)a->groups);
    cJSON_AddNumberToObject(o, "sent", (double)a->sent);
    cJSON_AddNumberToObject(o, "first", (double)a->first_us / 1e6);
    cJSON_AddStringToObject(o, "first_chat", a->first_chat ? a->first_chat : "");
    cJSON_AddNumberToObject(o, "last", (double)a->last_us / 1e6);
    cJSON_AddStringToObject(o, "last_chat", a->last_chat ? a->last_chat : "");
    cJSON_AddNumberToObject(o, "too_late", (double)a->late);
    cJSON_AddNumberToObject(o, "quota", (double)a->quota);
    cJSON_AddNumberToObject(o, "put_off", (double)a->put_off);
    cJSON_AddNumberToObject(o, "quiet", (double)a->quiet);
    cJSON_AddItemToObject(o, "limits", plan_bounds(a));
    return o;
}

static cJSON *plan_json(const struct plan *p)
{
    cJSON *root = cJSON_CreateObject(), *list = cJSON_CreateArray();
    double groups = 0, sent = 0, shed = 0, last = 0;
    for (int i = 0; i < p->naccounts; i++) {
        const struct plan_account *a = &p->accounts[i];
        groups += (double)a->groups;
        sent += (double)a->sent;
        shed += (double)(a->late + a->quota);
        last = (double)a->last_us / 1e6 > last ? (double)a->last_us / 1e6 : last;
        cJSON_AddItemToArray(list, plan_account_json(a));
    }
    cJSON_AddNumberToObject(root, "now", ctl_number(p->ledger.answer, "now"));
    cJSON_AddStringToObject(root, "kind", send_kind_name(p->q->kind));
    cJSON_AddNumberToObject(root, "groups", groups);
    cJSON_AddNumberToObject(root, "sent", sent);
    cJSON_AddNumberToObject(root, "shed", shed);
    cJSON_AddNumberToObject(root, "last", last);
    cJSON_AddItemToObject(root, "accounts", list);
    return root;
}

static void plan_print(const cJSON *root)
{
    static const char *const titles[] = {"GATEWAY",  "ACCOUNT", "GROUPS", "FIRST",     "LAST",
                                         "TOO LATE", "QUOTA",   "QUIET",  "HELD UP BY"};
    const cJSON *a, *one;
    struct table *t = table_new(titles, 9);
    cJSON_ArrayForEach (a, cJSON_GetObjectItemCaseSensitive(root, "accounts")) {
        struct buf by = {0};
        cJSON_ArrayForEach (one, cJSON_GetObjectItemCaseSensitive(a, "limits"))
            buf_addf(&by, "%s%s (%.0f)", by.len ? ", " : "", ctl_string(one, "limit"),
                     ctl_number(one, "messages"));
        table_cell(t, ctl_string(a, "gateway"));
        table_cell(t, ctl_string(a, "account"));
        table_number(t, ctl_number(a, "groups"));
        table_time(t, ctl_number(a, "first"));
        table_time(t, ctl_number(a, "last"));
        table_number(t, ctl_number(a, "too_late"));
        table_number(t, ctl_number(a, "quota"));
        table_number(t, ctl_number(a, "quiet"));
        table_cell(t, by.len ? buf_cstr(&by) : NULL);
        buf_free(&by);
    }
    table_print(t, "no group to post to");
    printf("%.0f messages to %.0f groups", ctl_number(root, "sent"), ctl_number(root, "groups"));
    if (ctl_number(root, "shed") > 0)
        printf("; %.0f would be left out", ctl_number(root, "shed"));
    puts(".");
}

static cJSON *plan_request(const struct plan_query *q)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "op", "limits");
    if (q->gateway)
        cJSON_AddStringToObject(o, "gateway", q->gateway);
    if (q->at_ms)
        cJSON_AddNumberToObject(o, "at", (double)q->at_ms);
    if (q->chats)
        return o;
    cJSON_AddTrueToObject(o, "groups");
    if (q->flow)
        cJSON_AddStringToObject(o, "flow", q->flow);
    if (q->handler)
        cJSON_AddStringToObject(o, "handler", q->handler);
    if (q->tag)
        cJSON_AddStringToObject(o, "tag", q->tag);
    return o;
}

static bool plan_work(struct plan *p)
{
    const cJSON *gateways = cJSON_GetObjectItemCaseSensitive(p->ledger.answer, "gateways");
    if (p->q->chats && cJSON_GetArraySize(gateways) > 1) {
        p->ledger.code =
            cli_usage("ctl", "there are several gateways: --chats needs --gateway GATEWAY");
        return false;
    }
    cJSON_ArrayForEach (p->gateway, gateways) {
        if (!ledger_read(&p->ledger, p->gateway))
            return false;
        p->from = p->naccounts;
        ledger_pace(p->gateway, &p->pace);
        if (p->q->chats)
            plan_numbered(p);
        else
            plan_groups(p);
    }
    return true;
}

static int plan_run(struct ctl *c, const struct plan_query *q)
{
    struct plan p = {.q = q};
    if (ledger_open(&p.ledger, c, plan_request(q)) && plan_work(&p)) {
        cJSON *root = plan_json(&p);
        if (c->json)
            ctl_print_json(root);
        else
            plan_print(root);
        cJSON_Delete(root);
    }
    for (int i = 0; i < p.naccounts; i++)
        free(p.accounts[i].pace);
    free(p.accounts);
    ledger_close(&p.ledger);
    return p.ledger.code;
}

/* ---- arguments ---- */

static bool plan_number(const char *text, long most, long *out)
{
    char *end;
    *out = strtol(text, &end, 10);
    return *text && !*end && *out > 0 && *out <= most;
}

/* "20:00" (today or tomorrow), or a moment. */
static bool plan_moment(const struct ctl *c, const char *text, int64_t *ms)
{
    const struct zone *z = zone_get(c->timezone ? c->timezone : "Asia/Shanghai");
    return time_parse_moment(text, z, ms);
}

/* An option and its value; false: it is no good one. */
static bool plan_option(const struct ctl *c, struct plan_query *q, const char *name,
                        const char *value)
{
    if (!value)
        return false;
    if (strcmp(name, "--chats") == 0)
        return plan_number(value, PLAN_CHATS, &q->chats);
    if (strcmp(name, "--messages") == 0)
        return plan_number(value, PLAN_MESSAGES, &q->messages);
    if (strcmp(name, "--kind") == 0)
        return send_kind_parse(value, &q->kind);
    if (strcmp(name, "--at") == 0)
        return plan_moment(c, value, &q->at_ms);
    if (strcmp(name, "--late") == 0)
        return time_parse_duration(value, &q->late_ms) && q->late_ms > 0;
    if (strcmp(name, "--gateway") == 0)
        q->gateway = value;
    else if (strcmp(name, "--tag") == 0)
        q->tag = value;
    else
        return false;
    return true;
}

static void plan_flow(struct plan_query *q, const char *text)
{
    const char *dot = strchr(text, '.');
    q->flow = dot ? mem_strndup(text, (size_t)(dot - text)) : mem_strdup(text);
    q->handler = dot ? mem_strdup(dot + 1) : NULL;
}

int ctl_plan(struct ctl *c, int argc, char **argv)
{
    struct plan_query q = {.kind = KIND_BROADCAST, .messages = 1};
    bool good = true;
    for (int i = 1; i < argc && good; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            c->json = true;
        } else if (argv[i][0] == '-') {
            good = plan_option(c, &q, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
            i++;
        } else {
            good = !q.flow;
            if (good)
                plan_flow(&q, argv[i]);
        }
    }
    good = good && !(q.flow && q.chats) && (q.flow || q.chats || q.tag || q.gateway) &&
           !(q.chats && q.tag);
    int code = good ? plan_run(c, &q) : cli_usage("ctl", "%s", plan_usage);
    free(q.flow);
    free(q.handler);
    return code;
}
