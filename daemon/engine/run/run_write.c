/* run_write.c -- see run_write.h. */
#include "engine/run/run_write.h"

#include <stdlib.h>
#include <string.h>

#include "engine/turn/event_json.h"

enum { RUN_ARGS_MAX = 4096 };

/* ---- small writes ---- */

static struct buf key_text; /* of the key that is written next */

static struct buf *write_key(void)
{
    buf_reset(&key_text);
    return &key_text;
}

static void write_words(struct turn *t, int argc, const char *const *argv)
{
    turn_write(t, argc, argv, NULL);
}

static void write_set(struct turn *t, const char *command, const char *id, const struct buf *text)
{
    run_key(t->gw, write_key(), id);
    const char *argv[] = {command, key_text.data, text->data};
    const size_t lens[] = {strlen(command), key_text.len, text->len};
    turn_write(t, 3, argv, lens);
}

/* One field of a hash of this gateway: HDEL if value is NULL. */
static void write_field(struct turn *t, const char *kind, const char *chat, const char *field,
                        const char *value)
{
    struct buf *key = write_key();
    gw_key(t->gw, key, kind);
    if (chat) {
        buf_addc(key, ':');
        buf_add_key(key, chat);
    }
    const char *argv[] = {value ? "HSET" : "HDEL", buf_cstr(key), field, value};
    write_words(t, value ? 4 : 3, argv);
}

static void timer_member(struct buf *out, const char *id, const char *chat)
{
    buf_adds(out, "run|");
    buf_adds(out, id);
    buf_addc(out, '|');
    buf_adds(out, chat);
}

/* What the daemon has in memory of a timer follows the commit. Takes member. */
static void note_timer(struct turn *t, char *member, const char *chat, int64_t due_ms)
{
    struct turn_timer_op *op = MEM_NEW(struct turn_timer_op);
    op->chat = mem_strdup(chat);
    op->id = member;
    op->due_ms = due_ms;
    op->next = t->timers;
    t->timers = op;
}

/* The timer of a run; due_ms < 0 takes it away. */
static void write_timer(struct turn *t, const char *id, const char *chat, int64_t due_ms)
{
    struct buf *key = write_key(), member = {0};
    char due[24];
    gw_key(t->gw, key, "timers");
    timer_member(&member, id, chat);
    due[buf_digits(due, due_ms)] = '\0';
    if (due_ms >= 0)
        write_words(t, 4, (const char *[]){"ZADD", buf_cstr(key), due, buf_cstr(&member)});
    else
        write_words(t, 3, (const char *[]){"ZREM", buf_cstr(key), buf_cstr(&member)});
    note_timer(t, buf_take(&member), chat, due_ms);
}

/* Remembers that this turn has moved the run. */
static void run_note(struct turn *t, struct run *run, bool over)
{
    struct turn_run *r = t->runs;
    while (r && r->run != run)
        r = r->next;
    if (!r) {
        r = MEM_NEW(struct turn_run);
        r->run = run;
        r->next = t->runs;
        t->runs = r;
    }
    r->over = over;
    run->busy = true;
}

/* Neither an event nor its time will wake it. */
static void write_unlist(struct turn *t, struct run *run)
{
    if (run->listed)
        write_field(t, "waits", run->chat, run->id, NULL);
    if (run->due_ms || run->fresh)
        write_timer(t, run->id, run->chat, -1);
    if (run->outside)
        write_field(t, "http", NULL, run->id, NULL);
    run->listed = run->outside = run->asks = false;
    run->due_ms = 0;
}

/* ---- headers ---- */

static void head_name(struct buf *out, const char *name)
{
    buf_adds(out, ",\"");
    buf_adds(out, name);
    buf_adds(out, "\":");
}

static void head_text(struct buf *out, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    head_name(out, name);
    buf_add_json(out, value, strlen(value));
}

static void head_number(struct buf *out, const char *name, int64_t n)
{
    if (!n)
        return;
    head_name(out, name);
    buf_addi(out, n);
}

struct head {
    const char *pin, *on, *chat, *key;
    const char *ref; /* other than the event's; NULL none */
    int gen;
    const struct cause *cause;
    const char *args;
    bool fresh; /* its first turn is still to come: no times */
};

static void head_write(const struct head *h, struct buf *out)
{
    static const char *const causes[] = {"", "schedule", "timer", "start"};
    const struct cause *c = h->cause;
    buf_addf(out, "{\"pin\":\"%s\"", h->pin);
    head_text(out, "on", h->on);
    head_text(out, "chat", h->chat);
    if (!c->event || strcmp(c->event->user, c->user) != 0)
        head_text(out, "user", c->user);
    head_text(out, "name", c->name);
    head_number(out, "answers", c->answers && !h->gen);
    head_number(out, "refused", c->refused);
    head_number(out, "gen", h->gen);
    if (!h->fresh) {
        head_number(out, "now", c->now_ms);
        if (!c->event || c->event->time_ms != c->time_ms)
            head_number(out, "time", c->time_ms);
    }
    head_number(out, "due", c->due_ms);
    head_text(out, "ref", h->ref);
    head_text(out, "cause", causes[c->kind]);
    if (c->event) {
        buf_adds(out, ",\"event\":");
        event_json_write(c->event, out);
    }
    head_text(out, "word", c->word);
    head_text(out, "rest", c->rest);
    if (h->args && *h->args)
        buf_addf(out, ",\"args\":%s", h->args);
    head_text(out, "key", h->key);
    buf_adds(out, "}\n");
}

/* ---- parking ---- */

/* The last message of this handler tells the run what became of it. */
static void write_sent_wait(struct turn *t, struct run *run)
{
    struct turn_out *last = NULL;
    for (struct turn_out *o = t->outs; o; o = o->next)
        last = o;
    if (!last || t->nouts <= t->mark.nouts) { /* too late to be sent at all: it goes on at once */
        run->due_ms = t->now_ms;
        return;
    }
    struct buf name = {0};
    buf_addf(&name, "%s|%s", run->id, run->chat);
    message_set_run(last->message, buf_cstr(&name));
    buf_free(&name);
}

static void write_wait(struct turn *t, struct run *run, const char *spec)
{
    bool was_listed = run->listed, had_timer = run->due_ms || run->fresh;
    bool was_outside = run->outside;
    const struct event *ev = t->input->event;
    run_set_wait(run, spec, strlen(spec));
    run->asked_ms = ev ? ev->time_ms : 0;
    run->asks = run->outside;
    if (run->outside != was_outside)
        write_field(t, "http", NULL, run->id, run->outside ? run->chat : NULL);
    if (run->awaits == AWAITS_SENT)
        write_sent_wait(t, run);
    if (run->listed) {
        struct buf json = {0};
        waits_json(run, &json);
        write_field(t, "waits", run->chat, run->id, buf_cstr(&json));
        buf_free(&json);
    } else if (was_listed) {
        write_field(t, "waits", run->chat, run->id, NULL);
    }
    if (run->due_ms)
        write_timer(t, run->id, run->chat, run->due_ms);
    else if (had_timer)
        write_timer(t, run->id, run->chat, -1);
}

/* The header of a handler that becomes a run in its first turn, or of a started one after its first turn. */
static void write_record(struct turn *t, struct run *run, const char *pin,
                         const struct host_outcome *out)
{
    struct buf text = {0};
    struct head h = {.pin = pin,
                     .on = t->at->handler->id,
                     .chat = run->chat,
                     .key = run->key,
                     .ref = run->ref,
                     .gen = run->gen,
                     .cause = t->cause,
                     .args = t->cause->args};
    head_write(&h, &text);
    if (!run->head) /* else its cause points into the old header, and says the same */
        run_set_head(run, text.data, text.len - 1);
    buf_add(&text, out->journal, out->journal_len);
    write_set(t, "SET", run->id, &text);
    buf_free(&text);
}

static void write_lines(struct turn *t, struct run *run, const struct host_outcome *out)
{
    const struct buf lines = {.data = (char *)out->journal, .len = out->journal_len};
    write_set(t, "APPEND", run->id, &lines);
}

void run_write_parked(struct turn *t, const struct host_outcome *out)
{
    struct run *run = t->run;
    struct binding *b = t->at->binding;
    if (!run) {
        run = run_new(t->gw, t->run_id, t->chat->key);
        struct pin *p = pin_of(t->gw, b);
        write_record(t, run, p->id, out);
        pin_count(t, p, b->flow, 1);
    } else if (run->fresh) {
        write_record(t, run, run->pin, out);
    } else {
        write_lines(t, run, out);
        run->wakes++;
    }
    write_wait(t, run, out->wait);
    run->fresh = false;
    run->parked = out->parked;
    run->generation = t->e->generation;
    if (!run->binding)
        run->binding = binding_retain(b);
    buf_free(&run->journal);
    run_touch(run);
    run_note(t, run, false);
}

/* ---- ends ---- */

/* Record, timer and pin of a run that is over, in one word for the commit script. */
static void write_over(struct turn *t, struct run *run)
{
    static struct buf record, timers, pins;
    struct buf member = {0};
    buf_reset(&record), buf_reset(&timers), buf_reset(&pins);
    run_key(t->gw, &record, run->id);
    gw_key(t->gw, &timers, "timers");
    gw_key(t->gw, &pins, "pins");
    timer_member(&member, run->id, run->chat);
    write_words(t, 6,
                (const char *[]){"OVER", buf_cstr(&record), buf_cstr(&timers), buf_cstr(&member),
                                 buf_cstr(&pins), run->pin});
    note_timer(t, buf_take(&member), run->chat, -1);
    run->due_ms = 0;
}

void run_write_over(struct turn *t, struct run *run)
{
    write_over(t, run);
    if (run->listed)
        write_field(t, "waits", run->chat, run->id, NULL);
    if (run->outside)
        write_field(t, "http", NULL, run->id, NULL);
    run->listed = run->outside = run->asks = false;
    bool keyless =
        t->input->kind == INPUT_RUN && t->input->id && t->input->due_ms == RUN_END_KEYLESS;
    if (*run->key && !keyless)
        write_field(t, "run-keys", run->chat, run->key, NULL);
    if (t->input->kind == INPUT_RUN && t->input->why == RUN_CANCEL)
        write_field(t, "parked", NULL, run->id, NULL);
    if (t->input->kind == INPUT_RUN && t->input->why == RUN_CANCEL && t->input->id)
        write_timer(t, run->id, run->chat, -1);
    run_note(t, run, true);
}

/* The run as it is before its first turn. */
static void run_renew(struct run *run, const char *head, size_t len)
{
    free(run->wait);
    run->wait = NULL;
    run->awaits = AWAITS_NOTHING;
    run->wanted_ms = 0;
    run->fresh = true;
    run->wakes = 0;
    run->ngathered = 0;
    buf_reset(&run->gathered);
    buf_free(&run->journal);
    run_set_head(run, head, len);
}

const char *run_write_again(struct turn *t, const char *args)
{
    struct run *run = t->run;
    const char *flow = flow_info(t->at->binding->flow)->name;
    struct binding *newest = routes_binding(t->chat, flow);
    if (!newest)
        return "c:continue: the flow does not run in this chat any more";
    if (!flow_handler_by_id(newest->flow, t->at->handler->id))
        return "c:continue: the newest version of the flow has no such handler";
    if (strlen(args) > RUN_ARGS_MAX)
        return "c:continue: the arguments may have at most 4 KiB";
    struct pin *p = pin_of(t->gw, newest);
    struct buf text = {0};
    struct head h = {.pin = p->id,
                     .on = t->at->handler->id,
                     .chat = t->chat->key,
                     .key = run ? run->key : "",
                     .ref = turn_ref(t, t->chat->key, false),
                     .gen = (run ? run->gen : 0) + 1,
                     .cause = t->cause,
                     .args = args,
                     .fresh = true};
    head_write(&h, &text);
    pin_count(t, p, newest->flow, 1);
    if (run) {
        pin_count_id(t, run->pin, -1);
        write_unlist(t, run);
    } else {
        run = run_new(t->gw, t->run_id, t->chat->key);
    }
    write_set(t, "SET", run->id, &text);
    run_renew(run, text.data, text.len - 1);
    buf_free(&text);
    t->run = run;
    run_note(t, run, false);
    return NULL;
}

void run_write_later(struct turn *t, struct run *run)
{
    write_timer(t, run->id, run->chat, t->now_ms);
    run_note(t, run, true);
}

void run_write_aside(struct turn *t, struct run *run, const char *status, const char *flow,
                     const char *error)
{
    struct buf json = {0};
    buf_addf(&json, "{\"status\":\"%s\",\"at\":%lld,\"chat\":", status, (long long)t->now_ms);
    buf_add_json(&json, run->chat, strlen(run->chat));
    head_text(&json, "flow", flow);
    head_text(&json, "error", error);
    buf_addf(&json, ",\"wake\":%s}", t->wake ? t->wake : "{\"with\":null}");
    write_field(t, "parked", NULL, run->id, buf_cstr(&json));
    write_unlist(t, run);
    buf_free(&json);
    run_note(t, run, true);
}

/* ---- others ---- */

void run_write_retry(struct turn *t, struct run *run)
{
    write_field(t, "parked", NULL, run->id, NULL);
}

void run_write_gathered(struct turn *t, struct run *run, const struct buf *json)
{
    struct buf line = {0};
    buf_addc(&line, '+');
    buf_add(&line, json->data, json->len);
    buf_addc(&line, '\n');
    write_set(t, "APPEND", run->id, &line);
    buf_free(&line);
    run_note(t, run, false);
}

void run_write_timer(struct turn *t, struct run *run, int64_t due_ms)
{
    run->due_ms = due_ms;
    write_timer(t, run->id, run->chat, due_ms);
    run_note(t, run, false);
}

void run_write_moved(struct turn *t, struct run *run, struct pin *p)
{
    struct buf text = {0};
    pin_count_id(t, run->pin, -1);
    snprintf(run->pin, sizeof run->pin, "%s", p->id);
    struct head h = {.pin = run->pin,
                     .on = run->on,
                     .chat = run->chat,
                     .key = run->key,
                     .ref = run->ref,
                     .gen = run->gen,
                     .cause = &run->cause,
                     .args = run->args,
                     .fresh = run->fresh};
    head_write(&h, &text);
    buf_add(&text, run->journal.data, run->journal.len);
    pin_count(t, p, run->binding->flow, 1);
    write_set(t, "SET", run->id, &text);
    buf_free(&text);
    run_note(t, run, false);
}

void run_write_missing(struct turn *t, const char *id)
{
    write_field(t, "waits", t->chat->key, id, NULL);
    if (t->input->kind == INPUT_RUN && t->input->id)
        write_timer(t, id, t->chat->key, -1);
    if (t->input->kind == INPUT_RUN && t->input->why >= RUN_ANSWER)
        write_field(t, "http", NULL, id, NULL);
    if (t->chat->waits_state == WAITS_LOADED)
        waits_remove(t->chat, id);
}

void run_write_stale(struct turn *t, struct run *run)
{
    if (t->input->kind == INPUT_RUN && t->input->why == RUN_DUE)
        write_timer(t, run->id, run->chat, -1);
    if (t->input->kind == INPUT_RUN && t->input->why == RUN_ASK && !run->outside)
        write_field(t, "http", NULL, run->id, NULL);
}

/* ---- what scripts ask for ---- */

static const struct cause cause_none = {
    .kind = CAUSE_START, .user = "", .name = "", .word = "", .rest = "", .args = ""};

const char *turn_run_start(struct turn *t, const char *flow, const char *handler, const char *chat,
                           const char *user, const char *args, const char *key, char id[17])
{
    chat = chat ? chat : t->chat->key;
    struct binding *own = t->at->binding;
    bool same = strcmp(flow_info(own->flow)->name, flow) == 0 && strcmp(chat, t->chat->key) == 0;
    bool off = false;
    struct binding *b =
        home_binding(t, chat, flow, &off); /* new runs begin on the newest version */
    if (same && (!b || !flow_handler_by_id(b->flow, handler)))
        b = own;
    if (!b)
        return "that flow does not run in that chat";
    if (off && !same)
        return "off";
    if (!flow_handler_by_id(b->flow, handler))
        return "the flow has no such handler";
    if (args && strlen(args) > RUN_ARGS_MAX)
        return "the arguments of a run may have at most 4 KiB";
    uint64_t n =
        hash_mix(t->hash + strtoull(t->run_id, NULL, 16) + ++t->started * 0x9E3779B97F4A7C15u);
    snprintf(id, 17, "%016llx", (unsigned long long)n);
    struct cause cause = cause_none;
    cause.user = user ? user : "";
    if (*cause.user && strcmp(cause.user, t->cause->user) == 0)
        cause.name = turn_name(t);
    cause.answers = turn_answering(t) && !(t->input->event && t->input->event->late);
    struct pin *p = pin_of(t->gw, b);
    struct buf text = {0};
    struct head h = {.pin = p->id,
                     .on = handler,
                     .chat = chat,
                     .key = key,
                     .ref = turn_ref(t, chat, false),
                     .cause = &cause,
                     .args = args,
                     .fresh = true};
    head_write(&h, &text);
    write_set(t, "SET", id, &text);
    buf_free(&text);
    pin_count(t, p, b->flow, 1);
    if (key && *key)
        write_field(t, "run-keys", chat, key, id);
    write_timer(t, id, chat, t->now_ms);
    home_note(t, chat);
    return t->nops < 2000 ? NULL : "too many writes in one turn";
}

void turn_run_cancel(struct turn *t, const char *chat, const char *id, const char *key)
{
    chat = chat ? chat : t->chat->key;
    write_field(t, "waits", chat, id, NULL);
    if (key)
        write_field(t, "run-keys", chat, key, NULL);
    write_timer(t, id, chat, key ? RUN_END_KEYLESS : RUN_END); /* due at once: run_due */
    struct turn_after *a = MEM_NEW(struct turn_after);
    struct buf what = {0};
    buf_addf(&what, "%.16s|%s", id, chat);
    a->kind = AFTER_RUN_GONE;
    a->what = buf_take(&what);
    a->next = t->after;
    t->after = a;
}
