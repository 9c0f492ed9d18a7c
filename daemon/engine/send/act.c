/* act.c -- what a turn does to others (recall, kick, mute, a card, an announcement ...) goes through the outbox, as messages do: it
 * is committed with the turn, done once the commit is known, held by the kill switch and by a link that is down, and forgotten when
 * the gateway has answered. What may be done twice without harm (a kick, a mute) leaves without a mark and is done again when the
 * process died over it; the others (an announcement, a poke) are marked first, and end as unknown then.
 * Callers: turn_run.c, committer.c, the pacer, message.c. */
#include "engine/send/act.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "engine/send/outbox_parts.h"

enum { ACT_RETRY_MS = 500 };

static const char *const act_kinds[] = {
    [ACTION_RECALL] = "recall",   [ACTION_KICK] = "kick",
    [ACTION_MUTE] = "mute",       [ACTION_WHOLE_MUTE] = "whole_mute",
    [ACTION_CARD] = "card",       [ACTION_ANSWER_REQUEST] = "answer_request",
    [ACTION_MEMBERS] = "members", [ACTION_AT_ALL_QUOTA] = "at_all_quota",
    [ACTION_REACT] = "react",     [ACTION_NOTICE] = "notice",
    [ACTION_POKE] = "poke",       [ACTION_CARD_UPDATE] = "card_update",
};
enum { ACT_KINDS = sizeof act_kinds / sizeof act_kinds[0] };

const char *act_name(enum gateway_action action)
{
    return (unsigned)action < ACT_KINDS && act_kinds[action] ? act_kinds[action] : "other";
}

bool act_repeats(const struct gateway_request *r)
{
    return r->action != ACTION_NOTICE && r->action != ACTION_POKE;
}

bool act_names(const struct gateway_request *r, const char *user)
{
    return r->user && strcmp(r->user, user) == 0;
}

/* ---- its forms ---- */

static const char *act_dup(const char *s)
{
    return s ? mem_strdup(s) : NULL;
}

struct gateway_request *act_copy(const struct gateway_request *r)
{
    struct gateway_request *c = MEM_NEW(struct gateway_request);
    *c = (struct gateway_request){.action = r->action,
                                  .chat = act_dup(r->chat),
                                  .user = act_dup(r->user),
                                  .arg = act_dup(r->arg),
                                  .sub = act_dup(r->sub),
                                  .text = act_dup(r->text),
                                  .number = r->number};
    return c;
}

void act_free(struct gateway_request *r)
{
    if (!r)
        return;
    free((char *)r->chat);
    free((char *)r->user);
    free((char *)r->arg);
    free((char *)r->sub);
    free((char *)r->text);
    free(r);
}

static void act_field(struct buf *out, const char *name, const char *value)
{
    if (!value)
        return;
    buf_addf(out, ",\"%s\":", name);
    buf_add_json(out, value, strlen(value));
}

void act_json(const struct gateway_request *r, struct buf *out)
{
    buf_addf(out, ",\"do\":{\"action\":\"%s\"", act_name(r->action));
    act_field(out, "user", r->user);
    act_field(out, "arg", r->arg);
    act_field(out, "sub", r->sub);
    act_field(out, "text", r->text);
    buf_addf(out, ",\"number\":%lld}", (long long)r->number);
}

struct gateway_request *act_parse(const cJSON *entry)
{
    const cJSON *o = cJSON_GetObjectItemCaseSensitive(entry, "do");
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(o, "number");
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "action"));
    int kind = 0;
    while (name && kind < ACT_KINDS && (!act_kinds[kind] || strcmp(act_kinds[kind], name) != 0))
        kind++;
    if (!name || kind == ACT_KINDS)
        return NULL;
    struct gateway_request r = {
        .action = (enum gateway_action)kind,
        .chat = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "chat")),
        .user = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "user")),
        .arg = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "arg")),
        .sub = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "sub")),
        .text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "text")),
        .number = cJSON_IsNumber(number) ? (int64_t)number->valuedouble : 0};
    return act_copy(&r);
}

/* ---- with the turn ---- */

static struct message *act_message(const struct turn *t, struct turn_act *a)
{
    const struct gateway_request *r = a->request;
    struct message_head head = {.chat = r->chat && *r->chat ? r->chat : t->chat->key,
                                .flow = a->flow,
                                .created_ms = t->now_ms,
                                .until_ms = a->until_ms,
                                .resend = act_repeats(r),
                                .kind = KIND_ANSWER};
    struct message *m = message_new(&head, NULL, 0);
    m->act = a->request;
    a->request = NULL;
    return m;
}

void acts_write(struct turn *t)
{
    struct buf key = {0}, json = {0};
    char id[40];
    if (!t->acts)
        return;
    gw_key(t->gw, &key, "outbox");
    for (struct turn_act *a = t->acts; a; a = a->next) {
        a->id = t->gw->next_id++;
        a->message = act_message(t, a);
        buf_reset(&json);
        message_json(a->message, &json);
        outbox_print_id(a->id, id);
        turn_write(t, 4, (const char *[]){"HSET", buf_cstr(&key), id, buf_cstr(&json)}, NULL);
    }
    buf_free(&key);
    buf_free(&json);
}

void acts_begin(struct turn *t, bool sure)
{
    for (struct turn_act *a = t->acts; a; a = a->next) {
        if (!a->message)
            continue;
        if (sure)
            outbox_add(t->gw, a->id, a->message, 0);
        else
            outbox_recover(t->gw, a->id, a->message);
        a->message = NULL;
    }
}

/* ---- doing it ---- */

struct act_question {
    struct gw *gw;
    uint64_t id;
};

static void act_end(struct gw *gw, struct entry *en, const char *outcome, const char *reason)
{
    metric_inc(metric_counter(
        "sopd_actions_total", "Actions (kick, mute, recall ...) by how they ended.",
        metric_labels("gateway", gw->name, "action", act_name(en->message->act->action), "outcome",
                      outcome, NULL)));
    if (strcmp(outcome, "done") != 0 &&
        log_gate_open(&gw->gate_act, clock_mono(gw->e->clock), 1000))
        log_warn("action failed", "gateway", gw->name, "chat", en->message->chat, "action",
                 act_name(en->message->act->action), "outcome", outcome, "reason", reason, NULL);
    outbox_done(gw, en, outcome, reason);
}

static void act_answer(void *ud, const struct gateway_response *r)
{
    struct act_question *q = ud;
    struct gw *gw = q->gw;
    struct entry *en = outbox_find(gw, q->id);
    free(q);
    if (!r || !en || en->state != ENTRY_WRITTEN)
        return;
    if (r->unwritten)
        outbox_requeue(gw, en, clock_wall(gw->e->clock) + ACT_RETRY_MS);
    else
        act_end(gw, en,
                r->ok     ? "done"
                : r->lost ? "unknown"
                          : "failed",
                r->reason ? r->reason : "");
}

bool act_do(struct gw *gw, struct entry *en, int64_t now_ms)
{
    if (en->restart && en->marked && !act_repeats(en->message->act)) {
        act_end(gw, en, "unknown", "the process ended over it");
        return true;
    }
    struct act_question *q = MEM_NEW(struct act_question);
    *q = (struct act_question){gw, en->id};
    pacer_remove(gw, en);
    en->state = ENTRY_WRITTEN;
    en->written_ms = now_ms;
    if (gw_ask(gw, en->message->act, act_answer, q))
        return true;
    free(q);
    outbox_requeue(gw, en, now_ms + ACT_RETRY_MS);
    return false;
}
