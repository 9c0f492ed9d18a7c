/* run.c -- runs in memory: made from their records in Redis or by handlers that park, found by id, forgotten when idle. A run
 * here is only a copy with a live coroutine: its record, wait and timer in Redis are the run (docs/redis.md).
 * Callers: run_turn.c in turns, timers.c and outbox.c queue wakes, gw.c evicts. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "engine/event_json.h"
#include "engine/internal.h"

enum { RUN_IDLE_MS = 60000, RUNS_MAX = 4000 };

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

const char *run_text(const struct run *run, const char *field)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(run->head, field));
    return s ? s : "";
}

static int64_t run_number(const cJSON *o, const char *field)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, field);
    return cJSON_IsNumber(n) ? (int64_t)n->valuedouble : 0;
}

struct run *run_new(struct gw *gw, const char *id, const char *chat)
{
    struct run *run = MEM_NEW(struct run);
    run->gw = gw;
    snprintf(run->id, sizeof run->id, "%s", id);
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
    cJSON_Delete(run->head);
    cJSON_Delete(run->wait);
    event_free(run->first);
    free(run->args);
    free(run->chat);
    buf_free(&run->journal);
    buf_free(&run->gathered);
    free(run);
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

void run_adopt(struct run *run)
{
    const cJSON *args = cJSON_GetObjectItemCaseSensitive(run->head, "args");
    run->first = event_json_read(cJSON_GetObjectItemCaseSensitive(run->head, "event"), run->chat);
    run->args = args ? cJSON_PrintUnformatted(args) : NULL;
    run->gen = (int)run_number(run->head, "gen");
    struct cause *c = &run->cause;
    c->kind = run_cause_of(run_text(run, "cause"));
    c->event = run->first;
    c->user = run_text(run, "user");
    if (!*c->user && run->first)
        c->user = run->first->user;
    c->word = run_text(run, "word");
    c->rest = run_text(run, "rest");
    c->args = run->args ? run->args : "";
    c->due_ms = run_number(run->head, "due");
    c->now_ms = run_number(run->head, "now");
    c->time_ms = run_number(run->head, "time");
    if (!c->time_ms)
        c->time_ms = run->first ? run->first->time_ms : c->now_ms;
}

void run_set_wait(struct run *run, struct cJSON *wait)
{
    cJSON_Delete(run->wait);
    run->wait = wait;
    buf_reset(&run->gathered);
    run->ngathered = 0;
    run->due_ms = 0;
    if (!cJSON_GetObjectItemCaseSensitive(wait, "due"))
        return;
    int64_t due = run_number(wait, "due");
    run->due_ms = due > RUN_END_KEYLESS ? due : RUN_END_KEYLESS + 1;
}

static void run_gather_text(struct run *run, const char *json, size_t len)
{
    if (run->ngathered++)
        buf_addc(&run->gathered, ',');
    buf_add(&run->gathered, json, len);
}

/* The lines after the header: what matters is the last wait and what was gathered since. */
static bool run_read_lines(struct run *run, const char *s, size_t len)
{
    const char *end = s + len, *last = NULL;
    size_t last_len = 0;
    for (const char *p = s; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        if (!nl)
            return false;
        size_t n = (size_t)(nl - p);
        if (*p == '?') {
            last = p;
            last_len = n;
            buf_reset(&run->gathered);
            run->ngathered = 0;
        } else if (*p == '+') {
            run_gather_text(run, p + 1, n - 1);
        } else if (*p == '!') {
            run->wakes++;
        }
        p = nl + 1;
    }
    run->fresh = !last;
    if (!last)
        return len == 0;
    struct buf gathered = run->gathered;
    unsigned n = run->ngathered;
    run->gathered = (struct buf){0};
    const char *json = memchr(last, ' ', last_len);
    cJSON *wait = json ? cJSON_ParseWithLength(json, last_len - (size_t)(json - last)) : NULL;
    run_set_wait(run, wait);
    buf_free(&run->gathered);
    run->gathered = gathered;
    run->ngathered = n;
    run->listed = wait && waits_wants(wait);
    return wait != NULL;
}

struct run *run_read(struct gw *gw, const char *id, const char *text, size_t len, const char **why)
{
    const char *nl = memchr(text, '\n', len);
    cJSON *head = nl ? cJSON_ParseWithLength(text, (size_t)(nl - text)) : NULL;
    const char *chat = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(head, "chat"));
    if (!chat || !cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(head, "pin")) ||
        !cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(head, "on"))) {
        *why = "the first line of its record is not readable";
        cJSON_Delete(head);
        return NULL;
    }
    struct run *run = run_new(gw, id, chat);
    run->head = head;
    run_adopt(run);
    buf_add(&run->journal, nl + 1, len - (size_t)(nl + 1 - text));
    if (run_read_lines(run, nl + 1, run->journal.len))
        return run;
    *why = "the journal of its record is not readable";
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
