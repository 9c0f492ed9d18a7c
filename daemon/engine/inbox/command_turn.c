/* command_turn.c -- what a command of an outside system does in its turn (command.h). The turn's one commit holds everything: the
 * effect, and that the entry leaves the stream; so each entry is carried out once, whatever ends in between.
 * What only the chat can tell (is the flow served here, is it on?) is found out here, and refused within the same commit.
 * Callers: turn_run.c, router.c. The end of a command's turn is in inbox.c. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/internal.h"

enum { SPREAD_CHATS = 500, SPREAD_BYTES = 1 << 20, COMMAND_ERROR = 300 };

/* ---- small writes ---- */

static void command_write_field(struct turn *t, const char *word, const char *kind,
                                const char *part, const char *a, const char *b)
{
    struct buf key = {0};
    turn_key(t, &key, kind, part, NULL);
    turn_write(t, b ? 4 : 3, (const char *[]){word, buf_cstr(&key), a, b}, NULL);
    buf_free(&key);
}

static void command_write_done(struct turn *t)
{
    struct buf key = {0};
    gw_stream_key(t->gw, &key, "commands");
    turn_write(t, 3, (const char *[]){"XDEL", buf_cstr(&key), t->input->command->entry}, NULL);
    buf_free(&key);
}

/* ---- refusals ---- */

/* The entry as it came, with the reason, among the dead letters: part of the turn. */
static void command_refuse(struct turn *t, const char *reason)
{
    struct command *c = t->input->command;
    struct buf key = {0};
    const char *argv[12 + COMMAND_FIELDS * 2] = {"XADD", NULL, "MAXLEN", "~"};
    int n = 4;
    gw_stream_key(t->gw, &key, "commands-dead");
    argv[1] = buf_cstr(&key);
    const char *const head[] = {
        log_int(STREAM_DEAD_LENGTH), "*",          "dead-reason", reason, "dead-time",
        log_int(t->now_ms),          "dead-entry", c->entry};
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++)
        argv[n++] = head[i];
    for (int i = 0; i < COMMAND_FIELDS; i++) {
        if (!c->text[i])
            continue;
        argv[n++] = command_field_name((enum command_field)i);
        argv[n++] = c->text[i];
    }
    turn_write(t, n, argv, NULL);
    buf_free(&key);
    c->dead = true;
    inbox_note_dead(t->gw, command_op_name(c->op), c->entry, reason);
}

void command_failed(struct turn *t, const char *error)
{
    const struct command *c = t->input->command;
    if (c->op != COMMAND_TRIGGER || c->dead || t->run)
        return; /* an order may have been taken by other flows: it is not to be repeated */
    struct buf why = {0};
    buf_adds(&why, "its handler failed: ");
    size_t line = strcspn(error, "\n");
    buf_add(&why, error, utf8_cut(error, line, COMMAND_ERROR));
    command_refuse(t, buf_cstr(&why));
    buf_free(&why);
}

/* ---- triggers ---- */

static const struct handler *command_handler(const struct command *c, const struct binding *b)
{
    const struct flow_info *info = flow_info(b->flow);
    for (int i = 0; i < info->nhandlers; i++) {
        const struct handler *h = &info->handlers[i];
        if (h->kind == HANDLER_TRIGGER && strcmp(h->name, c->text[COMMAND_NAME]) == 0)
            return h;
    }
    return NULL;
}

struct route *command_routes(struct chat *chat, const struct command *c)
{
    if (c->op != COMMAND_TRIGGER || command_is_many(c))
        return NULL;
    struct binding *b = routes_binding(chat, c->text[COMMAND_FLOW]);
    const struct handler *h = b ? command_handler(c, b) : NULL;
    if (!h)
        return NULL;
    struct route *r = MEM_NEW(struct route);
    r->binding = b;
    r->handler = h;
    r->word = "";
    return r;
}

/* Those that a trigger for many chats was split into: a chat in which the flow does not run is no mistake of the sender. */
static void command_refuse_trigger(struct turn *t, const char *why)
{
    struct buf reason = {0};
    const struct command *c = t->input->command;
    if (c->text[COMMAND_FROM])
        return;
    buf_addf(&reason, "flow \"%s\" %s", c->text[COMMAND_FLOW], why);
    command_refuse(t, buf_cstr(&reason));
    buf_free(&reason);
}

static void command_trigger(struct turn *t)
{
    const struct command *c = t->input->command;
    const struct binding *b = routes_binding(t->chat, c->text[COMMAND_FLOW]);
    if (!b) {
        command_refuse_trigger(t, "is not served in this chat");
    } else if (!t->routes) {
        command_refuse_trigger(t, "has no trigger of this name");
    } else if (!routes_flow_on(t->chat, b, NULL)) {
        command_refuse_trigger(t, "is off in this chat");
        routes_free_list(t->routes);
        t->routes = NULL;
    }
}

static int command_by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool command_has_tag(const char *tags, const char *tag)
{
    size_t n = strlen(tag);
    for (const char *p = tags; p && *p; p = strchr(p, ',')) {
        p += *p == ',';
        if (strncmp(p, tag, n) == 0 && (p[n] == ',' || !p[n]))
            return true;
    }
    return false;
}

/* The groups that a trigger for many is for, in the order of their ids, from where it went on. */
static const char **command_targets(struct turn *t, size_t *n)
{
    const struct command *c = t->input->command;
    const char *tag = c->text[COMMAND_TAG_NAME], *after = c->text[COMMAND_AFTER], **list = NULL;
    *n = 0;
    for (const struct known *k = t->gw->known; k; k = k->hh.next) {
        if (after && strcmp(k->key, after) <= 0)
            continue;
        if (tag && !command_has_tag(tags_of(t->gw, k->key, k->name), tag))
            continue;
        const struct binding *b = routes_binding_in(t->gw, k->key, c->text[COMMAND_FLOW]);
        if (!b || !command_handler(c, b))
            continue;
        if (*n % 256 == 0)
            list = mem_realloc(list, (*n + 256) * sizeof *list);
        list[(*n)++] = k->key;
    }
    if (*n)
        qsort(list, *n, sizeof *list, command_by_text);
    return list;
}

/* Puts it back into the stream: for one chat, or for those that come after it. */
static void command_put_back(struct turn *t, const char *chat, const char *after)
{
    const struct command *c = t->input->command;
    struct buf key = {0}, id = {0};
    const char *argv[3 + COMMAND_FIELDS * 2];
    int n = 0;
    gw_stream_key(t->gw, &key, "commands");
    buf_adds(&id, c->text[COMMAND_FROM] ? c->text[COMMAND_FROM]
                  : c->text[COMMAND_ID] ? c->text[COMMAND_ID]
                                        : c->entry);
    argv[n++] = "XADD";
    argv[n++] = buf_cstr(&key);
    argv[n++] = "*";
    for (int i = 0; i < COMMAND_FIELDS; i++) {
        const char *value = c->text[i];
        if (i == COMMAND_FROM || i == COMMAND_ID)
            value = buf_cstr(&id); /* the same for all of one trigger: the chat tells them apart */
        else if (i == COMMAND_AFTER)
            value = after;
        else if (i == COMMAND_CHAT)
            value = chat;
        else if (chat && (i == COMMAND_TAG_NAME || i == COMMAND_ALL))
            value = NULL;
        if (!value)
            continue;
        argv[n++] = command_field_name((enum command_field)i);
        argv[n++] = value;
    }
    turn_write(t, n, argv, NULL);
    buf_free(&key);
    buf_free(&id);
}

/* A trigger for many chats becomes an entry for each, all in the commit that takes it out; more than one commit should hold wait
 * in an entry for the rest. */
static void command_spread(struct turn *t)
{
    size_t n, i = 0;
    const struct command *c = t->input->command;
    const char **list = command_targets(t, &n);
    while (i < n && i < SPREAD_CHATS && t->ops.len < SPREAD_BYTES)
        command_put_back(t, list[i++], NULL);
    if (i < n)
        command_put_back(t, NULL, list[i - 1]);
    else if (!n && !c->text[COMMAND_AFTER])
        command_refuse(t, "no group that it names has this trigger");
    free(list);
}

/* ---- the others ---- */

static void command_emit(struct turn *t, const char *name, struct buf *data)
{
    const char *id = t->input->command->text[COMMAND_ID];
    if (id) {
        buf_adds(data, ",\"id\":");
        buf_add_json(data, id, strlen(id));
    }
    buf_adds(data, ",\"source\":\"commands\"}");
    turn_emit(t, "events", name, t->time_ms, buf_cstr(data), data->len);
    buf_free(data);
}

static void command_start_data(struct turn *t, struct buf *data)
{
    const char *user = t->input->command->text[COMMAND_USER];
    buf_adds(data, "{\"user\":");
    buf_add_json(data, user, strlen(user));
}

static void command_points(struct turn *t)
{
    const struct command *c = t->input->command;
    const char *reason = c->text[COMMAND_REASON];
    struct buf data = {0};
    command_write_field(t, "HINCRBY", "u", c->text[COMMAND_USER], "points", log_int(c->n));
    command_start_data(t, &data);
    buf_addf(&data, ",\"n\":%lld,\"why\":", (long long)c->n);
    buf_add_json(&data, reason ? reason : "", reason ? strlen(reason) : 0);
    command_emit(t, "points", &data);
}

static void command_order(struct turn *t)
{
    const struct command *c = t->input->command;
    const char *order = c->text[COMMAND_ORDER_ID];
    struct buf data = {0};
    command_start_data(t, &data);
    buf_adds(&data, ",\"order\":");
    buf_add_json(&data, order, strlen(order));
    buf_addf(&data, ",\"amount\":%lld", (long long)c->amount);
    if (c->text[COMMAND_ITEMS])
        buf_addf(&data, ",\"items\":%s", c->text[COMMAND_ITEMS]);
    if (c->text[COMMAND_DATA])
        buf_addf(&data, ",\"data\":%s", c->text[COMMAND_DATA]);
    command_emit(t, "order", &data);
}

static void command_opt(struct turn *t, bool out)
{
    const char *user = t->input->command->text[COMMAND_USER];
    struct buf data = {0};
    if (turn_opted_out(t, user) == out)
        return;
    turn_opt_out(t, user, out);
    command_start_data(t, &data);
    command_emit(t, out ? "opted_out" : "opted_in", &data);
}

void command_begin(struct turn *t)
{
    const struct command *c = t->input->command;
    const char *user = c->text[COMMAND_USER], *tag = c->text[COMMAND_TAG_NAME];
    command_write_done(t);
    switch (c->op) {
    case COMMAND_TAG: command_write_field(t, "SADD", "tags", user, tag, NULL); break;
    case COMMAND_UNTAG: command_write_field(t, "SREM", "tags", user, tag, NULL); break;
    case COMMAND_POINTS: command_points(t); break;
    case COMMAND_ORDER: command_order(t); break;
    case COMMAND_OPT_OUT: command_opt(t, true); break;
    case COMMAND_OPT_IN: command_opt(t, false); break;
    case COMMAND_TRIGGER:
        if (command_is_many(c))
            command_spread(t);
        else
            command_trigger(t);
        break;
    case COMMAND_FORGET: turn_forget(t, user); break;
    case COMMAND_OPS: break;
    }
}
