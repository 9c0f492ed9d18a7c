/* lint_handlers.c -- handlers that nobody can reach, @all without consent, and playbooks that are in each other's way.
 * Caller: cli/check/lint.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "cli/check/lint_internal.h"

/* ---- events ---- */

static bool lint_delivered(const struct linter *k, enum event_type event)
{
    int n = 0;
    unsigned cap = event == EVENT_JOIN || event == EVENT_LEAVE ? GATEWAY_JOIN
                   : event == EVENT_BUTTON                     ? GATEWAY_BUTTONS
                                                               : 0;
    if (k->flow->wants & cap) /* it says so itself, and what is different then: L028 */
        return true;
    for (int i = 0;; n++) {
        const struct config_gateway *g = lint_gateway(k, &i);
        if (!g)
            return n == 0; /* none is known: nothing can be told */
        if (gateway_reports(g->conf.type, event))
            return true;
    }
}

/* A flow of which other parts can be reached is made for several platforms: worth a note only. */
static void lint_events(struct linter *k)
{
    int dead = 0, all = 0;
    for (int i = 0; i < k->flow->nhandlers; i++) {
        const struct handler *h = &k->flow->handlers[i];
        all += h->kind == HANDLER_ON || h->kind == HANDLER_COMMAND || h->kind == HANDLER_AT;
        dead += h->kind == HANDLER_ON && !lint_delivered(k, h->event);
    }
    for (int i = 0; dead && i < k->flow->nhandlers; i++) {
        const struct handler *h = &k->flow->handlers[i];
        struct place at;
        if (h->kind != HANDLER_ON || lint_delivered(k, h->event))
            continue;
        place_in_flow(k, h->line, &at);
        lint_add_as(k, "L025", dead == all ? LINT_WARNING : LINT_NOTE, at.file, at.line,
                    "flow %s waits for '%s', which no gateway of playbook %s delivers%s",
                    k->flow->name, event_type_name(h->event), k->p->name,
                    dead == all ? "" : " (the rest of it works)");
        place_free(&at);
    }
}

/* ---- private chats and roles ---- */

static bool lint_has_role(const struct linter *k, enum role role)
{
    if (role == ROLE_MEMBER || (k->p->keepers && role == ROLE_KEEPER))
        return true;
    for (int i = 0; i < k->p->nstaff; i++) {
        if (k->p->staff[i].role >= role)
            return true;
    }
    for (int i = 0; i < k->book->nstaff; i++) {
        if (k->book->staff[i].role >= role)
            return true;
    }
    return false;
}

/* The role that a handler asks for, with these values of the flow's parameters. */
static enum role lint_role(const struct handler *h, const cJSON *params)
{
    const char *said =
        *h->role_param
            ? cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(params, h->role_param))
            : NULL;
    const char *name = said ? said : h->role;
    int role = *name ? role_parse(name) : ROLE_MEMBER;
    return role < 0 ? ROLE_MEMBER : (enum role)role;
}

static void lint_people(struct linter *k)
{
    for (int i = 0; i < k->flow->nhandlers; i++) {
        const struct handler *h = &k->flow->handlers[i];
        struct place at;
        if (h->kind != HANDLER_ON && h->kind != HANDLER_COMMAND && h->kind != HANDLER_AT)
            continue;
        place_in_flow(k, h->line, &at);
        if (!h->in_group && !h->remote && !k->p->private_chats)
            lint_add(k, "L026", at.file, at.line,
                     "%s of flow %s is for private chats, which playbook %s has switched off",
                     h->id, k->flow->name, k->p->name);
        bool steers = strcmp(k->flow->name, "switch") == 0; /* roles are given in Redis, too */
        enum role role = lint_role(h, k->pf->params);
        if (!steers && !lint_has_role(k, role))
            lint_add(k, "L027", at.file, at.line,
                     "%s of flow %s is for the role %s, which nobody has in playbook %s", h->id,
                     k->flow->name, role_name(role), k->p->name);
        place_free(&at);
    }
}

/* ---- in the order in which they are asked ---- */

/* A handler of the playbook, in its order. */
struct lint_step {
    const struct flow_info *flow;
    const struct handler *h;
    const cJSON *params;
    bool ends; /* it always ends the chain */
};

/* Does every message that b would hear reach a, too? */
static bool lint_covers(const struct lint_step *x, const struct lint_step *y)
{
    const struct handler *a = x->h, *b = y->h;
    return (a->in_group || !b->in_group) && (a->in_private || !b->in_private) &&
           (!a->image || b->image) && lint_role(a, x->params) <= lint_role(b, y->params);
}

static void lint_behind(struct linter *k, const struct lint_step *first,
                        const struct lint_step *second)
{
    struct place at;
    k->flow = second->flow;
    place_in_flow(k, second->h->line, &at);
    lint_add(
        k, "L024", at.file, at.line,
        "%s of flow %s is never reached in playbook %s: %s of flow %s (line %d) always ends the "
        "chain before it",
        second->h->id, second->flow->name, k->p->name, first->h->id, first->flow->name,
        first->h->line);
    place_free(&at);
    k->flow = NULL;
}

static void lint_ends(struct linter *k, const struct lint_step *steps, int n)
{
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i; j++) {
            const struct lint_step *a = &steps[j], *b = &steps[i];
            if (a->ends && b->h->kind == HANDLER_ON && a->h->event == b->h->event &&
                lint_covers(a, b)) {
                lint_behind(k, a, b);
                break;
            }
        }
    }
}

static const char *lint_word(const struct lint_step *s, int i)
{
    if (!s->h->from_param)
        return i < s->h->nwords ? s->h->words[i] : NULL;
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(s->params, s->h->name);
    if (cJSON_IsString(v))
        return i == 0 ? v->valuestring : NULL;
    const cJSON *item = cJSON_GetArrayItem(v, i);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static bool lint_says(const struct lint_step *s, const char *folded)
{
    bool found = false;
    const char *word;
    for (int i = 0; !found && (word = lint_word(s, i)); i++) {
        struct buf b = {0};
        utf8_fold(&b, word, strlen(word));
        found = strcmp(buf_cstr(&b), folded) == 0;
        buf_free(&b);
    }
    return found;
}

/* The same word of an earlier command for more people: those with the role never get to the second, unless the first is declared to
 * decline. Equal roles are found by cli/serve/smoke.c. */
static void lint_shadowed(struct linter *k, const struct lint_step *steps, int n)
{
    const struct lint_step *s = &steps[n];
    const char *word;
    for (int i = 0; (word = lint_word(s, i)); i++) {
        struct buf folded = {0};
        utf8_fold(&folded, word, strlen(word));
        for (int j = 0; j < n; j++) {
            const struct lint_step *o = &steps[j];
            struct place at;
            if (o->h->kind != HANDLER_COMMAND || o->h->shared ||
                lint_role(o->h, o->params) >= lint_role(s->h, s->params) || !lint_covers(o, s) ||
                !lint_says(o, buf_cstr(&folded)))
                continue;
            k->flow = s->flow;
            place_of_flow(k, &at);
            lint_add(k, "L021", at.file, at.line,
                     "'%s' of flow %s (for the role %s) is behind the same word of flow %s, which "
                     "hears it from everybody%s%s unless it declines",
                     word, s->flow->name, s->h->role, o->flow->name, *o->h->role ? " from " : "",
                     o->h->role);
            k->flow = NULL;
        }
        buf_free(&folded);
    }
}

static bool lint_always_ends(const struct flow *f, const struct handler *h)
{
    size_t len = 0;
    const char *text = flow_source(f, &len);
    cJSON *sources = text ? cJSON_ParseWithLength(text, len) : NULL;
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(sources, flow_info(f)->file);
    bool ends = cJSON_IsString(own) && tokens_always_true(own->valuestring, h->line);
    cJSON_Delete(sources);
    return ends;
}

static void lint_order(struct linter *k)
{
    struct lint_step *steps = NULL;
    int n = 0;
    for (int i = 0; i < k->p->nflows; i++) {
        const struct playbook_flow *pf = &k->p->flows[i];
        const struct flow_info *info = flow_info(pf->flow);
        for (int j = 0; j < info->nhandlers; j++) {
            const struct handler *h = &info->handlers[j];
            if (h->kind != HANDLER_ON && h->kind != HANDLER_COMMAND)
                continue;
            steps = mem_realloc(steps, ((size_t)n + 1) * sizeof *steps);
            bool ends = h->kind == HANDLER_ON && lint_always_ends(pf->flow, h);
            steps[n] = (struct lint_step){info, h, pf->params, ends};
            if (h->kind == HANDLER_COMMAND)
                lint_shadowed(k, steps, n);
            n++;
        }
    }
    lint_ends(k, steps, n);
    free(steps);
}

void lint_handlers(struct linter *k)
{
    for (int i = 0; i < k->p->nflows; i++) {
        k->pf = &k->p->flows[i];
        k->flow = flow_info(k->pf->flow);
        lint_events(k);
        lint_people(k);
    }
    k->pf = NULL;
    k->flow = NULL;
    lint_order(k);
}
