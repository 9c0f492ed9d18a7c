/* run.c -- runs in memory: made from their records in Redis or by handlers that park, found by id, forgotten when idle. A run
 * here is only a copy with a live coroutine: its record, wait and timer in Redis are the run (docs/redis.md).
 * Callers: run_turn.c in turns, timers.c and outbox.c queue wakes, gw.c evicts. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/internal.h"
#include "engine/turn/event_json.h"
#include "gateway/json.h"

enum { RUN_IDLE_MS = 60000, RUNS_MAX = 1000 };

void run_key(const struct gw *gw, struct buf *out, const char *id)
{
    gw_key(gw, out, "run");
    buf_addc(out, ':');
    buf_adds(out, id);
}

struct run *run_find(struct gw *gw, const char *id)
{
    struct run *run;
    HASH_FIND_STR(gw->runs, id, run);
    return run;
}

struct run *run_new(struct gw *gw, const char *id, const char *chat)
{
    struct run *run = MEM_NEW(struct run);
    run->gw = gw;
    snprintf(run->id, sizeof run->id, "%s", id);
    run->on = run->key = "";
    run->chat = mem_strdup(chat);
    run->used_ms = clock_mono(gw->e->clock);
    HASH_ADD_STR(gw->runs, id, run);
    return run;
}

void run_touch(struct run *run)
{
    run->used_ms = clock_mono(run->gw->e->clock);
    HASH_DEL(run->gw->runs, run);
    HASH_ADD_STR(run->gw->runs, id, run);
}

void run_forget(struct run *run)
{
    HASH_DEL(run->gw->runs, run);
    if (run->parked)
        host_drop(run->parked);
    if (run->binding)
        binding_release(run->binding);
    free(run->head);
    free(run->wait);
    event_free(run->first);
    free(run->args);
    free(run->ref);
    free(run->chat);
    buf_free(&run->journal);
    buf_free(&run->gathered);
    free(run);
}

void run_set_ref(struct run *run, const char *ref, int64_t now_ms)
{
    if (!*ref)
        return;
    free(run->ref);
    run->ref = mem_strdup(ref);
    run->ref_ms = now_ms;
}

/* ---- reading a record ---- */

static enum turn_cause run_cause_of(const char *name)
{
    static const char *const names[] = {"event", "schedule", "timer", "start"};
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum turn_cause)i;
    return CAUSE_EVENT;
}

static const char *run_string(const struct json *o, const char *name)
{
    const char *s = json_text(json_get(o, name));
    return s ? s : "";
}

static int64_t run_integer(const struct json *o, const char *name)
{
    const struct json *v = json_get(o, name);
    int64_t n;
    double d;
    if (!json_is(v, JSON_NUMBER))
        return 0;
    return json_int(v, &n) ? n : json_double(v, &d) ? (int64_t)d : 0;
}

/* The bytes of the JSON value at p. */
static size_t run_span(const char *p, const char *end)
{
    const char *start = p;
    int depth = 0;
    for (bool quoted = false; p < end; p++) {
        if (*p == '\\' && quoted)
            p++;
        else if (*p == '"')
            quoted = !quoted;
        else if (quoted)
            continue;
        else if (*p == '[' || *p == '{')
            depth++;
        else if ((*p == ']' || *p == '}' || *p == ',') && !depth)
            break;
        else if (*p == ']' || *p == '}')
            depth--;
    }
    return (size_t)(p < end ? p - start : end - start);
}

/* Arguments are kept as text. Nothing before them in a header has a member of this name, and no string can look like it. */
static char *run_args(const char *head, size_t len)
{
    static const char name[] = ",\"args\":";
    const char *at = memmem(head, len, name, sizeof name - 1), *end = head + len;
    if (!at)
        return NULL;
    at += sizeof name - 1;
    return mem_strndup(at, run_span(at, end));
}

static void run_adopt(struct run *run, const struct json *o)
{
    if (!run->chat)
        run->chat = mem_strdup(run_string(o, "chat"));
    run->first = event_json_read(json_get(o, "event"), run->chat);
    run->gen = (int)run_integer(o, "gen");
    run->on = run_string(o, "on");
    run->key = run_string(o, "key");
    snprintf(run->pin, sizeof run->pin, "%s", run_string(o, "pin"));
    free(run->ref);
    run->ref = NULL;
    struct cause *c = &run->cause;
    c->kind = run_cause_of(run_string(o, "cause"));
    c->event = run->first;
    c->user = run_string(o, "user");
    if (!*c->user && run->first)
        c->user = run->first->user;
    c->name = run_string(o, "name");
    c->answers = run_integer(o, "answers") > 0;
    c->refused = run_integer(o, "refused") > 0;
    c->word = run_string(o, "word");
    c->rest = run_string(o, "rest");
    c->args = run->args ? run->args : "";
    c->due_ms = run_integer(o, "due");
    c->now_ms = run_integer(o, "now");
    c->time_ms = run_integer(o, "time");
    if (!c->time_ms)
        c->time_ms = run->first ? run->first->time_ms : c->now_ms;
    /* one that has not begun yet begins at once */
    run_set_ref(run, run_string(o, "ref"), c->now_ms ? c->now_ms : clock_wall(run->gw->e->clock));
}

/* Kept between uses: its values are looked at at once. */
static struct json_doc run_doc;

bool run_set_head(struct run *run, const char *head, size_t len)
{
    char *copy = mem_strndup(head, len);
    const struct json *o = utf8_valid(head, len) ? json_parse(&run_doc, copy, len) : NULL;
    if (!*run_string(o, "pin") || !*run_string(o, "on") || !json_text(json_get(o, "chat"))) {
        free(copy);
        return false;
    }
    event_free(run->first);
    free(run->head);
    free(run->args);
    run->head = copy;
    run->args = run_args(head, len);
    run_adopt(run, o);
    return true;
}

enum run_awaits run_awaits_of(const char *kind)
{
    static const char *const kinds[] = {"", "ask", "sleep", "gather", "sent", "http"};
    for (int i = AWAITS_ANSWER; i <= AWAITS_HTTP; i++)
        if (strcmp(kind, kinds[i]) == 0)
            return (enum run_awaits)i;
    return AWAITS_NOTHING;
}

bool run_set_wait(struct run *run, const char *spec, size_t len)
{
    static struct buf text;
    buf_reset(&text);
    buf_add(&text, spec, len);
    const struct json *o = json_parse(&run_doc, text.data, text.len);
    if (!json_is(o, JSON_OBJECT))
        return false;
    free(run->wait);
    run->wait = mem_strndup(spec, len);
    run->awaits = run_awaits_of(run_string(o, "kind"));
    run->wanted_ms = run_integer(o, "due");
    run->gather_max = (unsigned)run_integer(o, "max");
    run->listed =
        run->awaits == AWAITS_ANSWER || run->awaits == AWAITS_EVENTS || *run_string(o, "leave");
    run->outside = run->awaits == AWAITS_HTTP;
    buf_reset(&run->gathered);
    run->ngathered = 0;
    run->due_ms = 0;
    if (json_get(o, "due"))
        run->due_ms = run->wanted_ms > RUN_END_KEYLESS ? run->wanted_ms : RUN_END_KEYLESS + 1;
    return true;
}

static void run_gather_text(struct run *run, const char *json, size_t len)
{
    if (run->ngathered++)
        buf_addc(&run->gathered, ',');
    buf_add(&run->gathered, json, len);
}

/* A line that says what woke the run or was gathered for it: the newest event in it that has a ref. Most have none, and are not
 * parsed. */
static void run_read_ref(struct run *run, const char *line, size_t len)
{
    static struct buf text;
    if (!memmem(line, len, "\"ref\":\"", 7))
        return;
    buf_reset(&text);
    buf_add(&text, line + 1, len - 1);
    const struct json *o = json_parse(&run_doc, text.data, text.len);
    const struct json *with = *line == '+' ? NULL : json_get(o, "with");
    const struct json *e = *line == '+' ? o : json_get(with, "event");
    for (const struct json *one = json_first(json_get(with, "events")); one; one = json_next(one))
        if (json_text(json_get(one, "ref")))
            e = one;
    if (event_type_parse(run_string(e, "type")) >= 0) /* a `+` may be an answer of the web, too */
        run_set_ref(run, run_string(e, "ref"), run_integer(o, *line == '+' ? "time" : "now"));
}

/* The last wait among the lines; counts the wakes. False: the last line has no end. */
static bool run_find_wait(struct run *run, const char *p, const char *end, const char **wait)
{
    *wait = NULL;
    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        if (!nl)
            return false;
        if (*p == '?')
            *wait = p;
        else if (*p == '!')
            run->wakes++;
        if (*p == '!' || *p == '+')
            run_read_ref(run, p, (size_t)(nl - p));
        p = nl + 1;
    }
    return true;
}

/* The lines after the header: what matters is the last wait and what was gathered since. */
static bool run_read_lines(struct run *run, const char *s, size_t len)
{
    const char *end = s + len, *wait;
    if (!run_find_wait(run, s, end, &wait))
        return false;
    run->fresh = !wait;
    if (!wait)
        return len == 0;
    const char *nl = memchr(wait, '\n', (size_t)(end - wait));
    const char *spec = memchr(wait, ' ', (size_t)(nl - wait));
    if (!spec || !run_set_wait(run, spec + 1, (size_t)(nl - spec - 1)))
        return false;
    for (const char *p = nl + 1; p < end; p = nl + 1) {
        nl = memchr(p, '\n', (size_t)(end - p));
        if (*p == '+')
            run_gather_text(run, p + 1, (size_t)(nl - p - 1));
    }
    return true;
}

struct run *run_read(struct gw *gw, const char *id, const char *text, size_t len, const char **why)
{
    const char *nl = memchr(text, '\n', len);
    struct run *run = run_new(gw, id, NULL);
    *why = "the first line of its record is not readable";
    if (nl && run_set_head(run, text, (size_t)(nl - text))) {
        *why = "the journal of its record is not readable";
        buf_add(&run->journal, nl + 1, len - (size_t)(nl + 1 - text));
        if (run_read_lines(run, nl + 1, run->journal.len))
            return run;
    }
    run_forget(run);
    return NULL;
}

/* ---- wakes ---- */

static struct input *run_input(enum run_why why, const char *id, uint64_t serial)
{
    struct input *in = MEM_NEW(struct input);
    in->kind = INPUT_RUN;
    in->why = why;
    in->name = mem_strdup(id);
    in->serial = serial;
    return in;
}

void run_due(struct gw *gw, const char *member, const char *id, const char *chat, int64_t due_ms)
{
    struct input *in = run_input(due_ms > RUN_END_KEYLESS ? RUN_DUE : RUN_CANCEL, id, 0);
    in->id = mem_strdup(member);
    in->due_ms = due_ms;
    chat_push(chat_get(gw, chat, true), in);
}

void run_sent(struct gw *gw, const char *run, uint64_t entry, const char *message_id,
              const char *error)
{
    const char *bar = strchr(run, '|');
    if (!bar || bar - run != 16)
        return;
    char id[17];
    snprintf(id, sizeof id, "%.16s", run);
    struct input *in = run_input(RUN_SENT, id, entry);
    struct buf with = {0};
    buf_adds(&with, error ? "{\"error\":" : "{\"id\":");
    const char *text = error ? error : message_id;
    buf_add_json(&with, text, strlen(text));
    buf_addc(&with, '}');
    in->args = buf_take(&with);
    in->due_ms = clock_wall(gw->e->clock);
    chat_push_front(chat_get(gw, bar + 1, true), in); /* never shed: its turn removes the entry */
    engine_spin(gw->e);
}

/* ---- admins ---- */

static void run_admin(struct engine *e, enum run_why why, bool dry, const char *const name[3],
                      void (*told)(void *ud, enum run_fit fit, const char *text), void *ud)
{
    struct gw *gw = engine_gw(e, name[0]);
    if (!gw || !gw->owner || !gw->loaded) {
        told(ud, RUN_GONE, gw ? "the gateway is not served here now" : "there is no such gateway");
        return;
    }
    if (strlen(name[2]) != 16) {
        told(ud, RUN_GONE, "an id of a run has 16 hex digits");
        return;
    }
    struct input *in = run_input(why, name[2], rng_next(&e->rng));
    in->dry = dry;
    in->told = told;
    in->told_ud = ud;
    in->due_ms = clock_wall(e->clock);
    chat_push(chat_get(gw, name[1], true), in);
    engine_spin(e);
}

void engine_run_cancel(struct engine *e, const char *gateway, const char *chat, const char *id,
                       void (*told)(void *ud, enum run_fit fit, const char *text), void *ud)
{
    run_admin(e, RUN_CANCEL, false, (const char *[]){gateway, chat, id}, told, ud);
}

void engine_run_retry(struct engine *e, const char *gateway, const char *chat, const char *id,
                      void (*told)(void *ud, enum run_fit fit, const char *text), void *ud)
{
    run_admin(e, RUN_RETRY, false, (const char *[]){gateway, chat, id}, told, ud);
}

void engine_run_migrate(struct engine *e, const char *gateway, const char *chat, const char *id,
                        bool dry, void (*told)(void *ud, enum run_fit fit, const char *text),
                        void *ud)
{
    run_admin(e, RUN_MIGRATE, dry, (const char *[]){gateway, chat, id}, told, ud);
}

/* ---- memory ---- */

/* Idle ones go, and the oldest when there are too many; a run in a turn stays. */
void runs_evict(struct gw *gw, bool all)
{
    int64_t now = clock_mono(gw->e->clock);
    unsigned n = HASH_COUNT(gw->runs);
    struct run *run, *tmp;
    HASH_ITER (hh, gw->runs, run, tmp) {
        if (!all && n <= RUNS_MAX && now - run->used_ms <= RUN_IDLE_MS)
            break; /* they stand in the order of their last use */
        if (run->busy)
            continue;
        run_forget(run);
        n--;
    }
}

void engine_forget_runs(struct engine *e)
{
    for (struct gw *gw = e->gws; gw; gw = gw->next)
        runs_evict(gw, true);
}

void runs_free(struct gw *gw)
{
    struct run *run, *tmp;
    HASH_ITER (hh, gw->runs, run, tmp)
        run_forget(run);
}
