/* turn.c -- what a handler may ask of its turn (see turn.h; its messages are in turn_send.c). The write set is kept as
 * ready RESP bulk strings, so the commit only joins them. Everything added here is undone by turn_undo when the handler
 * fails. */
#include "engine/turn/turn.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/run/llm.h"

/* What scripts may write; beyond that there is room for what the engine writes about their runs. */
enum {
    TURN_WRITES = 2000,
    TURN_BYTES = 4 << 20,
    TURN_ARGS = 250,
    TURN_ROOM = 1000,
    TURN_ROOM_BYTES = 4 << 20
};

/* ---- what it is about ---- */

enum turn_cause turn_cause(const struct turn *t)
{
    return t->cause->kind;
}

const struct event *turn_event(const struct turn *t)
{
    return t->cause->event;
}

bool turn_answering(const struct turn *t)
{
    const struct event *e = t->input->event;
    if (t->input->kind == INPUT_RUN) /* what a member's command began says its first words */
        return t->run && t->run->fresh && t->run->cause.answers &&
               t->now_ms - t->input->due_ms < TURN_ANSWER_LATE_MS;
    return e && (e->type == EVENT_MESSAGE || e->type == EVENT_BUTTON || e->type == EVENT_ENTER ||
                 e->type == EVENT_POKE);
}

const char *turn_run_id(const struct turn *t)
{
    return t->run_id;
}

const char *turn_gateway(const struct turn *t)
{
    return t->gw->name;
}

const char *turn_chat(const struct turn *t)
{
    return t->chat->key;
}

const char *turn_chat_name(const struct turn *t)
{
    return t->chat->name;
}

const char *turn_self(const struct turn *t)
{
    struct gateway_state s;
    t->gw->gateway->ops->state(t->gw->gateway, &s);
    return s.self_id ? s.self_id : "";
}

unsigned turn_caps(const struct turn *t)
{
    return t->gw->gateway->ops->caps(t->gw->gateway);
}

const struct binding *turn_binding(const struct turn *t)
{
    return t->at ? t->at->binding : NULL;
}

const char *turn_user(const struct turn *t)
{
    return t->cause->user;
}

const char *turn_name(const struct turn *t)
{
    const struct event *e = t->cause->event;
    const char *name = e ? e->name : t->cause->name;
    return name ? name : "";
}

const char *turn_word(const struct turn *t)
{
    return t->cause->word;
}

bool turn_refused(const struct turn *t)
{
    return t->cause->refused;
}

const char *turn_args(const struct turn *t)
{
    return t->cause->rest;
}

const char *turn_timer_args(const struct turn *t)
{
    return t->cause->args;
}

int64_t turn_due_ms(const struct turn *t)
{
    return t->cause->due_ms;
}

int64_t turn_time_ms(const struct turn *t)
{
    return t->replaying ? t->cause->time_ms : t->time_ms;
}

int64_t turn_now_ms(const struct turn *t)
{
    return t->replaying ? t->cause->now_ms : t->now_ms;
}

struct rng *turn_rng(struct turn *t)
{
    return &t->rng;
}

enum role turn_role(const struct turn *t, const char *user, const char *platform_role)
{
    const struct binding *b = turn_binding(t);
    return b ? routes_role(t->chat, b, user, platform_role) : ROLE_MEMBER;
}

bool turn_opted_out(const struct turn *t, const char *user)
{
    const struct optout *o;
    HASH_FIND_STR(t->gw->optout, user, o);
    for (const struct turn_after *a = t->after; a; a = a->next)
        if (a->kind <= AFTER_OPT_IN && strcmp(a->what, user) == 0)
            return a->kind == AFTER_OPT_OUT;
    return optout_has(t->gw, user);
}

void turn_set_handler(struct turn *t, void *handler)
{
    t->handler = handler;
}

void *turn_handler(const struct turn *t)
{
    return t->handler;
}

/* ---- reads and writes ---- */

bool turn_read(struct turn *t, const char *resp, size_t len, redis_fn fn, void *ud)
{
    return redis_send(t->e->redis, resp, len, fn, ud);
}

void turn_key(const struct turn *t, struct buf *out, const char *kind, ...)
{
    gw_key(t->gw, out, kind);
    va_list ap;
    va_start(ap, kind);
    for (const char *part = va_arg(ap, const char *); part; part = va_arg(ap, const char *)) {
        buf_addc(out, ':');
        buf_add_key(out, part);
    }
    va_end(ap);
}

/* Commands that cannot fail half way on a key of the right kind (commit.lua relies on it), and its own words. */
static bool turn_allowed(const char *word, size_t len)
{
    static const char *const allowed[] = {
        "HSET",      "HDEL",    "ZADD",  "ZREM", "SADD",    "SREM",
        "RPUSH",     "LPUSH",   "LTRIM", "LPOP", "RPOP",    "SETBIT",
        "SET",       "APPEND",  "DEL",   "XADD", "PEXPIRE", "ZREMRANGEBYRANK",
        "PEXPIREAT", "HINCRBY", "XDEL",  "OVER", "EXPOSE",  "OUTCOME",
        "TALLY"};
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
        if (strlen(allowed[i]) == len && memcmp(allowed[i], word, len) == 0)
            return true;
    return false;
}

bool turn_write(struct turn *t, int argc, const char *const *argv, const size_t *argvlen)
{
    unsigned ops = TURN_WRITES + (t->handler ? 0 : TURN_ROOM);
    size_t bytes = TURN_BYTES + (t->handler ? 0 : TURN_ROOM_BYTES);
    if (argc < 2 || argc > TURN_ARGS || t->nops >= ops || t->ops.len > bytes)
        return false;
    if (!turn_allowed(argv[0], argvlen ? argvlen[0] : strlen(argv[0])))
        return false;
    buf_add_bulk_int(&t->ops, argc);
    for (int i = 0; i < argc; i++)
        buf_add_bulk(&t->ops, argv[i], argvlen ? argvlen[i] : strlen(argv[i]));
    t->nops++;
    t->nargs += (unsigned)argc + 1;
    buf_cstr(&t->ops); /* turn_scan reads numbers from it */
    return true;
}

void turn_mark(struct turn *t, struct turn_mark *m)
{
    *m = (struct turn_mark){t->ops.len, t->nops,      t->nargs, t->nouts, t->after,
                            t->timers,  t->acts_tail, t->rng,   t->counts};
}

static void turn_free_act(struct turn_act *a)
{
    message_free(a->message);
    act_free(a->request);
    free(a);
}

static void turn_free_acts(struct turn_act **from)
{
    while (*from) {
        struct turn_act *next = (*from)->next;
        turn_free_act(*from);
        *from = next;
    }
}

static void turn_free_outs(struct turn *t, unsigned keep)
{
    struct turn_out **p = &t->outs;
    for (unsigned i = 0; i < keep; i++)
        p = &(*p)->next;
    t->outs_tail = p;
    while (*p) {
        struct turn_out *next = (*p)->next;
        message_free((*p)->message);
        free(*p);
        *p = next;
    }
    t->nouts = keep;
}

static void turn_free_timers(struct turn *t, struct turn_timer_op *until)
{
    while (t->timers != until) {
        struct turn_timer_op *next = t->timers->next;
        free(t->timers->id);
        free(t->timers->chat);
        free(t->timers);
        t->timers = next;
    }
}

static void turn_free_after(struct turn *t, struct turn_after *until)
{
    while (t->after != until) {
        struct turn_after *next = t->after->next;
        free(t->after->what);
        free(t->after->chat);
        free(t->after->value);
        free(t->after->by);
        free(t->after);
        t->after = next;
    }
}

void turn_undo(struct turn *t, const struct turn_mark *m)
{
    t->ops.len = m->ops_len;
    t->nops = m->nops;
    t->nargs = m->nargs;
    turn_free_outs(t, m->nouts);
    turn_free_timers(t, m->timers);
    turn_free_after(t, m->after);
    turn_free_acts(m->acts_tail);
    t->acts_tail = m->acts_tail;
    t->rng = m->rng;
    tally_undo(t, m->counts);
    pins_unsure(t);
}

bool turn_is_empty(const struct turn *t)
{
    return !t->nops && !t->outs && !t->acts && !t->after;
}

void turn_free(struct turn *t)
{
    turn_load_drop(t);
    claims_release(t);
    free(t->wake);
    free(t->tell_text);
    turn_free_outs(t, 0);
    turn_free_timers(t, NULL);
    turn_free_after(t, NULL);
    turn_free_acts(&t->acts);
    tally_undo(t, NULL);
    routes_free_list(t->routes);
    routes_release(t->held);
    input_free(t->input);
    buf_free(&t->ops);
    buf_free(&t->args_buf);
    t->e->turns--;
    free(t);
}

/* ---- timers, opting out, toggles ---- */

static void turn_timer_json(struct turn *t, struct buf *out, const char *chat, const char *name,
                            const char *key, int64_t due_ms, const char *args, const char *user)
{
    const char *flow = flow_info(turn_binding(t)->flow)->name;
    user = user ? user : turn_user(t);
    const char *const fields[] = {"flow", flow,  "chat", chat,   "name",
                                  name,   "key", key,    "user", user};
    buf_addc(out, '{');
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i += 2) {
        buf_addf(out, "\"%s\":", fields[i]);
        buf_add_json(out, fields[i + 1], strlen(fields[i + 1]));
        buf_addc(out, ',');
    }
    buf_addf(out, "\"due\":%lld,\"serial\":\"%016llx\",\"args\":%s}", (long long)due_ms,
             (unsigned long long)rng_next(&t->rng), args && *args ? args : "null");
}

static bool turn_timer_write(struct turn *t, const char *id, int64_t due_ms, struct buf *json)
{
    struct buf zset = {0}, hash = {0}, due = {0};
    gw_key(t->gw, &zset, "timers");
    gw_key(t->gw, &hash, "timer");
    buf_addi(&due, due_ms);
    bool ok =
        due_ms < 0
            ? turn_write(t, 3, (const char *[]){"ZREM", buf_cstr(&zset), id}, NULL) &&
                  turn_write(t, 3, (const char *[]){"HDEL", buf_cstr(&hash), id}, NULL)
            : turn_write(t, 4, (const char *[]){"ZADD", buf_cstr(&zset), buf_cstr(&due), id},
                         NULL) &&
                  turn_write(t, 4, (const char *[]){"HSET", buf_cstr(&hash), id, buf_cstr(json)},
                             NULL);
    buf_free(&zset);
    buf_free(&hash);
    buf_free(&due);
    return ok;
}

const char *turn_timer_in(struct turn *t, const char *chat, const char *name, const char *key,
                          int64_t due_ms, const char *args, const char *user)
{
    if (args && strlen(args) > 4096)
        return "the arguments of a timer may have at most 4 KiB";
    chat = chat ? chat : t->chat->key;
    struct buf id = {0}, json = {0};
    buf_addf(&id, "%s|", flow_info(turn_binding(t)->flow)->name);
    buf_add_part(&id, chat);
    buf_addf(&id, "|%s|%s", name, key);
    if (due_ms >= 0)
        turn_timer_json(t, &json, chat, name, key, due_ms, args, user);
    bool ok = turn_timer_write(t, buf_cstr(&id), due_ms, &json);
    if (due_ms >= 0)
        home_note(t, chat);
    struct turn_timer_op *op = MEM_NEW(struct turn_timer_op);
    op->chat = mem_strdup(chat);
    op->id = buf_take(&id);
    op->due_ms = due_ms;
    op->next = t->timers;
    t->timers = op;
    buf_free(&json);
    return ok ? NULL : "too many writes in one turn";
}

void turn_add_after(struct turn *t, enum after_kind kind, const char *what)
{
    struct turn_after *a = MEM_NEW(struct turn_after);
    a->kind = kind;
    a->what = mem_strdup(what);
    a->next = t->after;
    t->after = a;
}

void turn_opt_out(struct turn *t, const char *user, bool out)
{
    struct buf key = {0};
    gw_key(t->gw, &key, "optout");
    turn_write(t, 3, (const char *[]){out ? "SADD" : "SREM", buf_cstr(&key), user}, NULL);
    turn_add_after(t, out ? AFTER_OPT_OUT : AFTER_OPT_IN, user);
    if (!out && t->gw->veils) {
        struct buf veil = {0};
        optout_veil(t->gw, user, &veil);
        turn_write(t, 3, (const char *[]){"SREM", buf_cstr(&key), buf_cstr(&veil)}, NULL);
        turn_add_after(t, AFTER_OPT_IN, buf_cstr(&veil));
        buf_free(&veil);
    }
    buf_free(&key);
}

void turn_forget(struct turn *t, const char *user)
{
    struct buf key = {0}, value = {0};
    const char *by = t->handler ? "member" : "command"; /* a flow says so, or an outside system */
    gw_key(t->gw, &key, "forgetting");
    buf_addf(&value, "{\"by\":\"%s\",\"at\":%lld}", by, (long long)t->now_ms);
    turn_write(t, 4, (const char *[]){"HSET", buf_cstr(&key), user, buf_cstr(&value)}, NULL);
    turn_add_after(t, AFTER_FORGET, user);
    t->after->value = mem_strdup(by);
    buf_free(&key);
    buf_free(&value);
}

bool turn_set(struct turn *t, enum turn_setting what, const char *chat, const char *field,
              const char *value)
{
    if (t->nsettings++ >= TURN_WRITES)
        return false;
    turn_add_after(t, what == SETTING_TOGGLE ? AFTER_TOGGLE : AFTER_PAUSE, field);
    t->after->chat = mem_strdup(chat ? chat : t->chat->key);
    t->after->value = value ? mem_strdup(value) : NULL;
    t->after->by = mem_strdup(turn_user(t));
    return true;
}

int64_t turn_traffic(const struct turn *t, int64_t window_ms)
{
    return chat_traffic(t->chat, window_ms);
}

int64_t turn_llm_timeout(const struct turn *t)
{
    const struct llm_conf *c = t->e->opts.llm;
    return c && c->timeout_ms ? c->timeout_ms : 8000;
}

/* ---- questions to the gateway ---- */

const char *turn_ask(struct turn *t, const struct gateway_request *r,
                     void (*fn)(void *ud, const struct gateway_response *r), void *ud)
{
    return gw_ask(t->gw, r, fn, ud) ? NULL : "the gateway cannot be asked now";
}

/* ---- reading back the write set ---- */

/* One RESP bulk string; returns what follows it. */
static const char *turn_bulk(const char *p, const char **word, size_t *len)
{
    char *end;
    *len = strtoul(p + 1, &end, 10);
    *word = end + 2;
    return *word + *len + 2;
}

static int turn_scan(const struct turn *t, const char *key, size_t len,
                     void (*fn)(void *ud, int argc, const char *const *argv, const size_t *argvlen),
                     void *ud)
{
    enum { WORDS = 256 };
    const char *argv[WORDS], *p = t->ops.data, *word;
    size_t argvlen[WORDS], n;
    int found = 0;
    for (unsigned op = 0; op < t->nops; op++) {
        p = turn_bulk(p, &word, &n);
        int argc = (int)strtol(word, NULL, 10);
        for (int i = 0; i < argc; i++) {
            p = turn_bulk(p, &word, &n);
            if (i < WORDS) {
                argv[i] = word;
                argvlen[i] = n;
            }
        }
        if (argc < 2 || argvlen[1] != len || memcmp(argv[1], key, len) != 0)
            continue;
        found++;
        if (fn)
            fn(ud, argc < WORDS ? argc : WORDS, argv, argvlen);
    }
    return found;
}

int turn_writes_of(const struct turn *t, const char *key, size_t len)
{
    return turn_scan(t, key, len, NULL, NULL);
}

void turn_each_write(const struct turn *t, const char *key, size_t len,
                     void (*fn)(void *ud, int argc, const char *const *argv, const size_t *argvlen),
                     void *ud)
{
    turn_scan(t, key, len, fn, ud);
}
