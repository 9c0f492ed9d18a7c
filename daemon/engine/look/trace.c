/* trace.c -- see trace.h. A line is one turn or the end of one message. A chat that is very busy keeps the first lines of each
 * second and counts the others, so that a flood costs next to nothing here.
 * Owns the lines that wait to be written. Callers: turn_run.c, outbox.c, engine.c. */
#include "engine/look/trace.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/internal.h"

enum { TRACE_BURST = 40, TRACE_TEXT = 120, TRACE_OUTS = 12 };

struct trace_chat {
    char *chat;
    struct buf lines; /* RESP bulk strings */
    unsigned n, left_out;
    UT_hash_handle hh;
};

/* NULL: not kept (tests, playground). */
static struct trace_chat *trace_of(struct gw *gw, const char *chat)
{
    struct trace_chat *c;
    if (!gw->e->opts.trace)
        return NULL;
    HASH_FIND_STR(gw->trace, chat, c);
    if (!c) {
        c = MEM_NEW(struct trace_chat);
        c->chat = mem_strdup(chat);
        HASH_ADD_KEYPTR(hh, gw->trace, c->chat, strlen(c->chat), c);
    }
    return c;
}

/* NULL: not kept, or enough for this second. */
static struct trace_chat *trace_open(struct gw *gw, const char *chat)
{
    struct trace_chat *c = trace_of(gw, chat);
    if (!c || c->n < TRACE_BURST)
        return c;
    c->left_out++;
    return NULL;
}

static void trace_add(struct trace_chat *c, const struct buf *line)
{
    buf_add_bulk(&c->lines, line->data, line->len);
    c->n++;
}

/* Every turn passes here two or three times: nothing is formatted that can be copied. */
static void trace_name(struct buf *out, const char *name)
{
    buf_add(out, ",\"", 2);
    buf_adds(out, name);
    buf_add(out, "\":", 2);
}

static void trace_int(struct buf *out, const char *name, int64_t n)
{
    trace_name(out, name);
    buf_addi(out, n);
}

static void trace_begin(struct buf *out, int64_t now_ms)
{
    buf_adds(out, "{\"t\":");
    buf_addi(out, now_ms);
}

static void trace_text(struct buf *out, const char *name, const char *text)
{
    if (!text || !*text)
        return;
    trace_name(out, name);
    buf_add_json(out, text, utf8_cut(text, strlen(text), TRACE_TEXT));
}

/* ---- turns ---- */

static const char *trace_cause(const struct turn *t)
{
    static const char *const why[] = {"due", "sent", "cancel", "retry", "migrate", "answer", "ask"};
    switch (t->input->kind) {
    case INPUT_EVENT: return event_type_name(t->input->event->type);
    case INPUT_SCHEDULE: return "schedule";
    case INPUT_TIMER: return "timer";
    case INPUT_RUN: return why[t->input->why];
    case INPUT_SAY: return "alarm";
    }
    return "";
}

static void trace_head(struct buf *out, const struct turn *t)
{
    const struct event *ev = t->input->event;
    trace_begin(out, t->now_ms);
    trace_text(out, "in", trace_cause(t));
    trace_text(out, "chat", t->chat->key);
    trace_text(out, "user", ev ? ev->user : t->input->user);
    if (!ev) {
        if (t->input->due_ms)
            trace_int(out, "due", t->input->due_ms);
        return;
    }
    trace_text(out, "id", ev->message_id);
    if (strcmp(ev->name, ev->user) != 0)
        trace_text(out, "name", ev->name);
    if (t->e->opts.trace == TRACE_TEXTS)
        trace_text(out, "said", ev->text);
    if (ev->history)
        buf_adds(out, ",\"history\":true");
}

/* What ran, as ["flow","handler","version"], and what would have, with the reason why not as the fourth. */
static void trace_handlers(struct buf *out, const struct turn *t)
{
    int n = 0;
    for (const struct route *r = t->routes; r; r = r->next) {
        if (!r->ran && !r->skipped)
            continue;
        buf_adds(out, n++ ? "," : ",\"ran\":[");
        const struct flow_info *info = r->binding ? flow_info(r->binding->flow) : NULL;
        buf_addc(out, '[');
        buf_add_json(out, info ? info->name : "", info ? strlen(info->name) : 0);
        buf_addc(out, ',');
        const char *id = r->handler ? r->handler->id : r->run;
        buf_add_json(out, id, strlen(id));
        buf_adds(out, ",\"");
        buf_adds(out, info ? info->version : "");
        buf_addc(out, '"');
        if (r->skipped) {
            buf_addc(out, ',');
            buf_add_json(out, r->skipped, strlen(r->skipped));
        }
        buf_addc(out, ']');
    }
    if (n)
        buf_addc(out, ']');
}

static void trace_outs(struct buf *out, const struct turn *t)
{
    static struct buf plain;
    int n = 0;
    for (const struct turn_out *o = t->outs; o && n < TRACE_OUTS; o = o->next) {
        char id[40];
        outbox_print_id(o->id, id);
        buf_adds(out, n++ ? ",{\"id\":\"" : ",\"out\":[{\"id\":\"");
        buf_adds(out, id);
        buf_addc(out, '"');
        if (strcmp(o->message->chat, t->chat->key) != 0)
            trace_text(out, "to", o->message->chat);
        trace_text(out, "flow", o->message->flow);
        trace_text(out, "kind", send_kind_name(o->message->kind));
        if (o->delay_ms != 0)
            trace_int(out, "wait", o->delay_ms);
        trace_text(out, "shed", o->shed);
        if (o->unmentioned)
            trace_int(out, "unmentioned", o->unmentioned);
        buf_reset(&plain);
        message_shown(o->message, &plain);
        if (t->e->opts.trace == TRACE_TEXTS)
            trace_text(out, "text", buf_cstr(&plain));
        buf_addc(out, '}');
    }
    if (n)
        buf_addc(out, ']');
}

static void trace_line(struct turn *t, struct trace_chat *c)
{
    static struct buf line;
    buf_reset(&line);
    trace_head(&line, t);
    trace_handlers(&line, t);
    if (t->nops > t->ntally)
        trace_int(&line, "writes", t->nops - t->ntally);
    trace_outs(&line, t);
    buf_addc(&line, '}');
    trace_add(c, &line);
}

void trace_turn(struct turn *t)
{
    struct trace_chat *c = trace_open(t->gw, t->chat->key);
    if (c)
        trace_line(t, c);
    /* somebody who asks why they got a private message asks in that chat */
    const char *told = t->chat->key;
    for (const struct turn_out *o = t->outs; o; o = o->next) {
        if (strcmp(o->message->chat, told) == 0)
            continue;
        told = o->message->chat;
        c = strcmp(told, t->chat->key) != 0 ? trace_open(t->gw, told) : NULL;
        if (c)
            trace_line(t, c);
    }
}

void trace_refusals(struct turn *t)
{
    for (const struct route *r = t->routes; r; r = r->next) {
        struct trace_chat *c = r->skipped ? trace_open(t->gw, t->chat->key) : NULL;
        if (c) {
            trace_line(t, c);
            return;
        }
    }
}

void trace_outcome(struct gw *gw, const struct entry *en, const char *outcome, const char *reason,
                   const char *message_id)
{
    static struct buf line;
    struct trace_chat *c = trace_open(gw, en->message->chat);
    if (!c)
        return;
    char id[40];
    outbox_print_id(en->id, id);
    buf_reset(&line);
    trace_begin(&line, clock_wall(gw->e->clock));
    trace_text(&line, "end", id);
    trace_text(&line, "as", outcome);
    trace_text(&line, "message", message_id);
    trace_text(&line, "reason", reason);
    buf_addc(&line, '}');
    trace_add(c, &line);
}

void trace_note(struct gw *gw, const char *chat, const char *text)
{
    struct buf line = {0};
    struct trace_chat *to = trace_open(gw, chat);
    if (to) {
        trace_begin(&line, clock_wall(gw->e->clock));
        trace_text(&line, "note", text);
        buf_addc(&line, '}');
        trace_add(to, &line);
    }
    buf_free(&line);
}

void trace_shed(struct chat *c)
{
    struct buf line = {0};
    struct trace_chat *to = trace_of(c->gw, c->key); /* at most one a second */
    if (to) {
        trace_begin(&line, clock_wall(c->gw->e->clock));
        trace_int(&line, "shed", c->shed_events);
        trace_int(&line, "wanted", c->shed_wanted);
        trace_int(&line, "from", c->shed_from_ms);
        buf_addc(&line, '}');
        trace_add(to, &line);
    }
    buf_free(&line);
}

/* ---- to Redis ---- */

static void trace_left_out(struct gw *gw, struct trace_chat *c)
{
    struct buf line = {0};
    trace_begin(&line, clock_wall(gw->e->clock));
    trace_int(&line, "left_out", c->left_out);
    buf_addc(&line, '}');
    trace_add(c, &line);
    buf_free(&line);
}

static void trace_write(struct gw *gw, struct trace_chat *c)
{
    static struct buf cmd, key;
    buf_reset(&cmd), buf_reset(&key);
    gw_key(gw, &key, "trace");
    buf_addc(&key, ':');
    buf_add_key(&key, c->chat);
    if (c->left_out)
        trace_left_out(gw, c);
    buf_add_array(&cmd, 2 + c->n);
    buf_add_bulk(&cmd, "RPUSH", 5);
    buf_add_bulk(&cmd, key.data, key.len);
    buf_add(&cmd, c->lines.data, c->lines.len);
    if (!redis_send(gw->e->redis, buf_cstr(&cmd), cmd.len, NULL, NULL))
        return;
    char oldest[16], keep[16];
    snprintf(oldest, sizeof oldest, "-%d", TRACE_LINES);
    int64_t ms = gw->e->opts.retention.trace_ms;
    snprintf(keep, sizeof keep, "%lld",
             (long long)(ms <= 0                 ? TRACE_KEEP_S
                         : ms / 1000 < INT32_MAX ? ms / 1000
                                                 : INT32_MAX));
    redis_command(gw->e->redis, NULL, NULL, 4,
                  (const char *[]){"LTRIM", buf_cstr(&key), oldest, "-1"}, NULL);
    redis_command(gw->e->redis, NULL, NULL, 3, (const char *[]){"EXPIRE", buf_cstr(&key), keep},
                  NULL);
}

static void trace_clear(struct gw *gw, bool write)
{
    struct trace_chat *c = gw->trace;
    HASH_CLEAR(hh, gw->trace); /* the table goes, the elements stay linked */
    while (c) {
        struct trace_chat *next = c->hh.next;
        if (write)
            trace_write(gw, c);
        buf_free(&c->lines);
        free(c->chat);
        free(c);
        c = next;
    }
}

void trace_flush(struct gw *gw)
{
    if (gw->trace)
        trace_clear(gw, gw->e->redis_up && gw->owner);
}

void trace_free(struct gw *gw)
{
    trace_clear(gw, false);
}
